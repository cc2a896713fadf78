"""Imagined use of the real network, seeded: for demonstrations, for trials, and to measure with.

People live where the communes' people live. Who searches goes to towns that draw by size and put off by distance;
who rides boards a trip of the day's timetable, gets off further on, and mostly comes back in the other direction;
vehicles lose time along their way, most at rush hours. The same seed and day imagine the same notes.
"""

from __future__ import annotations

from binascii import hexlify
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from mobigo.journeys.model import Reason
from mobigo.kit.geo import Point
from mobigo.kit.grid import cell_at
from mobigo.trace.model import Deed, Outcome, Service
from mobigo.usage.daytypes import day_type_of
from mobigo.usage.model import DayType
from mobigo.usage.punctuality import DEFAULT_ZONE
from mobigo.usage.supply import apart

if TYPE_CHECKING:
    from datetime import date

    from numpy.typing import NDArray

    from mobigo.usage.supply import Laid

HOURS = {
    DayType.SCHOOL_DAY: (1, 0, 0, 0, 1, 6, 22, 60, 48, 24, 20, 24, 38, 30, 24, 34, 56, 64, 46, 24, 12, 8, 6, 3),
    DayType.WEEKDAY: (1, 0, 0, 0, 1, 6, 18, 38, 36, 28, 28, 28, 32, 30, 30, 32, 42, 50, 38, 22, 12, 8, 6, 3),
    DayType.SATURDAY: (3, 2, 1, 0, 1, 2, 6, 12, 20, 30, 38, 36, 32, 38, 44, 44, 42, 36, 28, 18, 12, 10, 9, 6),
    DayType.SUNDAY: (4, 2, 1, 0, 1, 1, 3, 6, 10, 18, 24, 22, 18, 22, 28, 30, 34, 36, 30, 20, 12, 8, 6, 3),
}
"""How much people travel in each hour, as shares."""
SIZE = {DayType.SCHOOL_DAY: 1.0, DayType.WEEKDAY: 0.7, DayType.SATURDAY: 0.5, DayType.SUNDAY: 0.25}
"""How much they do in a day."""

SEARCHED, RODE, BOOKED = 0.46, 0.46, 0.03
"""Shares of the notes asked for; the rest are changes."""
KNOWN = 0.7
"""Of people who can be told apart."""
RETURNS = 0.75
"""Of those who come back."""
FAR = 15_000.0
"""Metres at which a town draws a third of what it would from here."""
SPREAD = 0.011
"""Degrees in which people of a commune live around its middle."""
HOMES = 24
"""Squares imagined of each commune."""
NEAR_STOP = 1_500.0
"""Metres to a stop within which a commune is served."""
PLACE = 0.004
"""Degrees of latitude: calls within such a square are at one place."""
RUSH = (7, 8, 16, 17, 18)
GONE, SKIPPED = 0.006, 0.001
"""Shares of trips that do not run, of calls that are left out."""
COUNTING = 5
"""Every so many trips' vehicle counts who is aboard."""


@dataclass(frozen=True)
class Ground:
    """Where people live, and what runs besides the timetable."""

    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    people: NDArray[np.float64]
    ondemand: tuple[str, ...]
    """Services."""
    carpool: tuple[tuple[str, str], ...]
    """Operators and their lines."""


class Drawn(NamedTuple):
    """Imagined notes by the columns of their tables, and who really got off where."""

    searches: pl.DataFrame
    changes: pl.DataFrame
    rides: pl.DataFrame
    runs: pl.DataFrame
    calls: pl.DataFrame
    truth: pl.DataFrame
    """source, trip, sequence, alightings."""


TABLES = {
    "searches": "trace_search",
    "changes": "trace_change",
    "rides": "trace_ride",
    "runs": "trace_run",
    "calls": "trace_call",
}
"""Where each is written."""


class _Calls(NamedTuple):
    """The day's calls as arrays."""

    number: NDArray[np.int64]
    sequence: NDArray[np.int64]
    departure: NDArray[np.int64]
    hour: NDArray[np.int64]
    """What clocks show then, also on the days on which they change."""
    place: NDArray[np.int64]
    end: NDArray[np.int64]
    """Row of the trip's last call."""
    pull: NDArray[np.float64]
    """How many people live around."""
    line: NDArray[np.int64]
    """Number of the route of a source."""
    way: NDArray[np.int64]
    runs: NDArray[np.int64]


class _Scene(NamedTuple):
    """A day to imagine."""

    ground: Ground
    homes: NDArray[np.int64]
    """int64[communes, HOMES], squares in which people live."""
    laid: Laid
    calls: _Calls
    day: date
    hours: NDArray[np.float64]
    rng: np.random.Generator


class _Rides(NamedTuple):
    """Who rides: rows of the day's calls."""

    on: NDArray[np.int64]
    off: NDArray[np.int64]
    who: NDArray[np.int64]
    """0: nobody knows."""


class _Changes(NamedTuple):
    """Who changes: from a call to a call."""

    off: NDArray[np.int64]
    on: NDArray[np.int64]
    onward: _Rides


def draw_day(ground: Ground, laid: Laid, day: date, notes: int, seed: int) -> Drawn:
    """Imagine about so many notes of a day, besides the calls that its vehicles tell.

    Parameters
    ----------
    notes : int
        On a school day; other days have less.
    """
    rng = np.random.default_rng([seed, day.toordinal()])
    day_type = day_type_of(day)
    wanted = notes * SIZE[day_type]
    homes = _settle(ground, np.random.default_rng(seed))
    scene = _Scene(ground, homes, laid, _index(ground, laid), day, np.array(HOURS[day_type], np.float64), rng)
    rides = _ride(scene, round(wanted * RODE))
    changes = _change(scene, rides, round(wanted * (1 - SEARCHED - RODE - BOOKED)))
    rides = _Rides(*(np.concatenate(pair) for pair in zip(rides, changes.onward, strict=True)))
    booked, runs = _book(scene, round(wanted * BOOKED))
    return Drawn(
        searches=_search(scene, round(wanted * SEARCHED)),
        changes=_write_changes(scene, changes),
        rides=pl.concat([_write_rides(scene, rides), booked]),
        runs=runs,
        calls=_tell(scene, rides),
        truth=_write_truth(scene, rides),
    )


def count_hours(day: date, zone: str = DEFAULT_ZONE) -> NDArray[np.int64]:
    """Count how often clocks show each hour on a day, int64[24]: once, but for the days on which they change."""
    where = ZoneInfo(zone)
    begin, end = (datetime.combine(one, time(), where) for one in (day, day + timedelta(days=1)))
    instants = range(int(begin.timestamp()), int(end.timestamp()), 3600)
    return np.bincount([datetime.fromtimestamp(one, where).hour for one in instants], minlength=24)


# ── where people live ─────────────────────────────────────────────────────────────────────────────────────────────────


def _settle(ground: Ground, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return squares in which people live, int64[communes, HOMES]."""
    around = rng.normal(0.0, SPREAD, (len(ground.lon), HOMES, 2))
    lon = ground.lon[:, None] + around[:, :, 0] / np.cos(np.radians(ground.lat[:, None]))
    lat = ground.lat[:, None] + around[:, :, 1]
    cells = [cell_at(Point(*one)) for one in zip(lon.ravel().tolist(), lat.ravel().tolist(), strict=True)]
    return np.array(cells, np.int64).reshape(-1, HOMES)


def _index(ground: Ground, laid: Laid) -> _Calls:
    """Return the day's calls as arrays."""
    calls = laid.calls
    trips = laid.trips.with_columns(
        way=pl.col("direction").fill_null(0), line=pl.struct("source", "route").rank("dense").cast(pl.Int64)
    )
    number = calls["number"].cast(pl.Int64).to_numpy()
    line, way, runs = (trips[name].cast(pl.Int64).to_numpy()[number] for name in ("line", "way", "runs"))
    lon, lat = (calls[name].fill_null(0.0).to_numpy() for name in ("lon", "lat"))
    square = np.floor(lat / PLACE) * 1e6 + np.floor(lon * np.cos(np.radians(lat)) / PLACE)
    _, first, place = np.unique(square, return_index=True, return_inverse=True)
    pull = np.array([ground.people[_near(ground, lon[row], lat[row]) < NEAR_STOP].sum() for row in first])
    return _Calls(
        number=number,
        sequence=calls["sequence"].cast(pl.Int64).to_numpy(),
        departure=calls["departure"].cast(pl.Int64).to_numpy(),
        hour=calls["hour"].cast(pl.Int64).to_numpy(),
        place=place.astype(np.int64),
        end=np.searchsorted(number, number, side="right") - 1,
        pull=(pull.reshape(-1) ** 0.5 + 1.0)[place],
        line=line,
        way=way,
        runs=runs,
    )


def _near(ground: Ground, lon: float, lat: float) -> NDArray[np.float64]:
    """Measure from all communes to a place, in metres."""
    here = np.ones(len(ground.lon))
    return apart(ground.lon, ground.lat, here * lon, here * lat)


def _pick(weights: NDArray[np.float64], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw rows by their weights."""
    total = np.cumsum(weights)
    if not len(total) or total[-1] <= 0:
        return np.zeros(0, np.int64)
    rows: NDArray[np.int64] = np.searchsorted(total, rng.random(count) * total[-1], side="right").astype(np.int64)
    return rows


def _name(count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw who they are; 0 for those whom nobody knows."""
    keys = rng.integers(1, 2**63 - 1, count, dtype=np.int64)
    return np.where(rng.random(count) < KNOWN, keys, 0)


# ── rides ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _ride(scene: _Scene, count: int) -> _Rides:
    """Draw rides out and back."""
    calls, rng = scene.calls, scene.rng
    rows = np.arange(len(calls.number))
    busy = scene.hours[calls.hour] * calls.pull * calls.runs * (rows < calls.end)
    on = _pick(busy, round(count / (1 + RETURNS)), rng)
    if not len(on):
        nothing = np.zeros(0, np.int64)
        return _Rides(nothing, nothing, nothing)
    drawn = np.cumsum(calls.pull)
    left = drawn[on] + rng.random(len(on)) * (drawn[calls.end[on]] - drawn[on])
    off = np.clip(np.searchsorted(drawn, left, side="left"), on + 1, calls.end[on])
    who = _name(len(on), rng)
    stay = np.where(calls.departure[on] < 10 * 3600, rng.normal(8.5, 1.2, len(on)), rng.exponential(2.0, len(on)) + 0.5)
    back = rng.random(len(on)) < RETURNS
    again = calls.departure[off] + (np.maximum(stay, 0.3) * 3600).astype(np.int64)
    home_on, home_off = _return(calls, on, off, again)
    back &= home_on >= 0
    return _Rides(
        np.concatenate([on, home_on[back]]),
        np.concatenate([off, home_off[back]]),
        np.concatenate([who, who[back]]),
    )


def _return(
    calls: _Calls, on: NDArray[np.int64], off: NDArray[np.int64], again: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find the first trip of the same line, from `again` on, that leads from where they are to where they were; -1."""
    base = 10_000_000  # more seconds than a service day has
    turned = 1 - np.clip(calls.way, 0, 1)
    places = int(calls.place.max()) + 1
    spot = (calls.line * 2 + np.clip(calls.way, 0, 1)) * places + calls.place
    order = np.argsort(spot * base + calls.departure, kind="stable")
    keys = (spot * base + calls.departure)[order]
    wanted = (calls.line[off] * 2 + turned[off]) * places + calls.place[off]
    at = np.clip(np.searchsorted(keys, wanted * base + again), 0, len(keys) - 1)
    found = order[at]
    good = (spot[found] == wanted) & (calls.departure[found] >= again)
    home = calls.number * places + calls.place
    by_home = np.argsort(home, kind="stable")
    goal = calls.number[found] * places + calls.place[on]
    there = by_home[np.clip(np.searchsorted(home[by_home], goal), 0, len(home) - 1)]
    good &= (home[there] == goal) & (there > found)
    return np.where(good, found, -1), np.where(good, there, -1)


def _change(scene: _Scene, rides: _Rides, count: int) -> _Changes:
    """Draw who goes on with another line at the same place within twenty minutes."""
    calls, rng = scene.calls, scene.rng
    base = 10_000_000
    key = calls.place * base + calls.departure
    order = np.argsort(key, kind="stable")
    asked = rng.permutation(len(rides.off))[: 3 * count]
    off = rides.off[asked]
    at = np.clip(np.searchsorted(key[order], key[off] + rng.integers(120, 900, len(off))), 0, max(0, len(order) - 1))
    on = order[at] if len(order) else off
    good = (calls.place[on] == calls.place[off]) & (calls.departure[on] - calls.departure[off] < 1_200)  # noqa: PLR2004
    good &= (calls.line[on] != calls.line[off]) & (on < calls.end[on])
    chosen = np.flatnonzero(good)[:count]
    off, on = off[chosen], on[chosen]
    further = np.minimum(on + 1 + rng.integers(0, 6, len(on)), calls.end[on])
    return _Changes(off, on, _Rides(on, further, rides.who[asked][chosen]))


# ── notes ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def write_who(who: NDArray[np.int64]) -> pl.Series:
    """Write who somebody is as the database reads it; null for 0."""
    text = np.frombuffer(hexlify(who.astype(">i8").tobytes()), "S16").astype("U16")
    return pl.select(pl.when(pl.Series(who != 0)).then(pl.lit("\\x") + pl.Series(text))).to_series()


def _write_rides(scene: _Scene, rides: _Rides) -> pl.DataFrame:
    laid, calls, rng = scene.laid, scene.calls, scene.rng
    trips, stops = laid.trips, laid.calls["stop"]
    number, count = calls.number[rides.on], len(rides.on)
    told = rng.random(count) < 0.1  # noqa: PLR2004 - sold to a stop
    return pl.DataFrame(
        {
            "hour": calls.hour[rides.on],
            "who": write_who(rides.who),
            "source": trips["source"].gather(number),
            "route": trips["route"].gather(number),
            "trip": trips["trip"].gather(number),
            "sequence": calls.sequence[rides.on],
            "stop": stops.gather(rides.on),
            "to_sequence": pl.Series(calls.sequence[rides.off]).set(pl.Series(~told), None),
            "cents": rng.integers(0, 3, count) * 60,
        }
    ).select(
        pl.lit(scene.day).alias("day"),
        "hour",
        deed=pl.lit(Deed.BOARDED.value),
        service=pl.lit(Service.TRANSIT.value),
        who="who",
        source="source",
        route="route",
        trip="trip",
        sequence="sequence",
        stop="stop",
        to_sequence="to_sequence",
        origin=pl.lit(None, pl.Int64),
        destination=pl.lit(None, pl.Int64),
        passengers=pl.lit(1),
        category=pl.lit(""),
        product=pl.lit(""),
        reason=pl.lit(""),
        cents="cents",
    )


def _write_changes(scene: _Scene, changes: _Changes) -> pl.DataFrame:
    laid, calls = scene.laid, scene.calls
    trips, stops = laid.trips, laid.calls["stop"]
    left, taken = calls.number[changes.off], calls.number[changes.on]
    return pl.DataFrame(
        {
            "source": trips["source"].gather(left),
            "trip": trips["trip"].gather(left),
            "stop": stops.gather(changes.off),
            "arrival": calls.departure[changes.off],
            "to_source": trips["source"].gather(taken),
            "to_trip": trips["trip"].gather(taken),
            "to_stop": stops.gather(changes.on),
            "departure": calls.departure[changes.on],
        }
    ).with_columns(day=pl.lit(scene.day), to_day=pl.lit(scene.day), walk=pl.lit(90))


def _write_truth(scene: _Scene, rides: _Rides) -> pl.DataFrame:
    laid, calls = scene.laid, scene.calls
    trips = laid.trips
    number = calls.number[rides.off]
    return (
        pl.DataFrame(
            {
                "source": trips["source"].gather(number),
                "trip": trips["trip"].gather(number),
                "sequence": calls.sequence[rides.off],
            }
        )
        .group_by("source", "trip", "sequence")
        .agg(alightings=pl.len())
        .sort("source", "trip", "sequence")
    )


def _tell(scene: _Scene, rides: _Rides) -> pl.DataFrame:
    """Have vehicles lose time on their way, and some not run at all; trips of frequencies.txt tell nothing."""
    laid, calls, rng = scene.laid, scene.calls, scene.rng
    count, trips = len(calls.number), len(laid.trips)
    rush = np.isin(calls.hour, RUSH)
    begin = np.searchsorted(calls.number, np.arange(trips))
    lost = rng.normal(2.0, 14.0, count) + rush * rng.exponential(8.0, count)
    if count:
        lost[begin] = rng.gamma(1.3, 55.0, trips) - 25.0
    total = np.cumsum(lost)
    late = (total - np.repeat(total[begin] - lost[begin], np.diff(np.append(begin, count)))) if count else total
    delay = np.clip(np.rint(late), -180, 3600).astype(np.int64)
    gone = (rng.random(trips) < GONE)[calls.number] | (rng.random(count) < SKIPPED)
    counts = laid.trips["number"].to_numpy() % COUNTING == 0
    aboard = np.zeros(count, np.int64)
    np.add.at(aboard, rides.on, 1)
    np.add.at(aboard, rides.off, -1)
    sums = np.cumsum(aboard)
    aboard = (sums - np.repeat(sums[begin] - aboard[begin], np.diff(np.append(begin, count)))) if count else sums
    told = pl.DataFrame(
        {
            "source": laid.trips["source"].gather(calls.number),
            "route": laid.trips["route"].gather(calls.number),
            "trip": laid.trips["trip"].gather(calls.number),
            "sequence": calls.sequence,
            "stop": laid.calls["stop"],
            "arrival": calls.departure,
            "departure": calls.departure,
            "arrival_delay": pl.Series(delay).set(pl.Series(gone), None),
            "departure_delay": pl.Series(delay).set(pl.Series(gone), None),
            "cancelled": gone,
            "passengers": pl.Series(aboard).set(pl.Series(gone | ~counts[calls.number]), None),
        }
    )
    return told.filter(pl.Series(calls.runs == 1)).with_columns(day=pl.lit(scene.day))


# ── searches ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _search(scene: _Scene, count: int) -> pl.DataFrame:
    """Draw who asks the way from where to where, and whether the timetable has an answer."""
    homes, rng = scene.homes, scene.rng
    origin, destination, metres = _wish(scene, count)
    count = len(origin)
    hour = _pick(scene.hours * count_hours(scene.day), count, rng)
    served = _serve(scene)
    ahead = np.where(rng.random(count) < 0.75, 0, rng.integers(1, 8, count))  # noqa: PLR2004 - most mean today
    reached = served[origin, hour] & served[destination, np.minimum(hour + 1, 23)]
    near: NDArray[np.bool_] = metres < NEAR_STOP
    answered = reached & (rng.random(count) < 0.96) & ~near  # noqa: PLR2004 - some wish what nothing can do
    never = np.logical_not(served.max(axis=1))
    reason = np.where(
        answered | near,
        "",
        np.where(never[origin] | never[destination], Reason.NO_STOP_IN_RANGE.value, Reason.NOTHING_IN_WINDOW.value),
    )
    outcome = np.where(answered, Outcome.ANSWERED.value, np.where(near, Outcome.WALK_ONLY, Outcome.UNANSWERED.value))
    several = rng.integers(0, HOMES, (2, count))
    return (
        pl.DataFrame(
            {
                "hour": np.where(ahead > 0, rng.integers(8, 23, count), np.maximum(hour - 1, 0)),
                "who": write_who(_name(count, rng)),
                "origin": homes[origin, several[0]],
                "destination": homes[destination, several[1]],
                "travel_minute": hour * 60 + rng.integers(0, 4, count) * 15,
                "arrive_by": rng.random(count) < 0.2,  # noqa: PLR2004
                "outcome": outcome,
                "reason": reason,
                "seconds": np.where(answered, 600 + metres / 9, 0).astype(np.int64),
                "wait": np.where(answered, rng.exponential(900.0, count), 0).astype(np.int64),
                "changes": np.where(answered, rng.integers(0, 3, count), 0),
                "modes": np.where(answered, "{bus}", "{}"),
                "wheelchair": rng.random(count) < 0.01,  # noqa: PLR2004
                "ahead": ahead,
            }
        )
        .with_columns(day=pl.lit(scene.day), travel_day=pl.lit(scene.day) + pl.duration(days="ahead"))
        .drop("ahead")
    )


def _wish(scene: _Scene, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Draw communes to go from and to, and the metres between."""
    ground, rng = scene.ground, scene.rng
    origin = np.sort(_pick(ground.people, count, rng))
    destination = np.zeros(len(origin), np.int64)
    metres = np.zeros(len(origin))
    begin = np.searchsorted(origin, np.arange(len(ground.people) + 1))
    for town in np.unique(origin):
        rows = slice(begin[town], begin[town + 1])
        far = _near(ground, ground.lon[town], ground.lat[town])
        chosen = _pick(ground.people * np.exp(-far / FAR), begin[town + 1] - begin[town], rng)
        destination[rows], metres[rows] = chosen, far[chosen]
    within = origin == destination
    metres[within] = rng.exponential(2_000.0, int(within.sum()))
    mixed = rng.permutation(len(origin))
    return origin[mixed], destination[mixed], metres[mixed]


def _serve(scene: _Scene) -> NDArray[np.bool_]:
    """Tell in which hours vehicles call near each commune, bool[communes, 24]."""
    ground, calls, laid = scene.ground, scene.calls, scene.laid
    served = np.zeros((len(ground.lon), 24), np.bool_)
    places, first = np.unique(calls.place, return_index=True)
    lon, lat = (laid.calls[name].fill_null(0.0).to_numpy()[first] for name in ("lon", "lat"))
    at = np.zeros((len(places), 24), np.bool_)
    at[np.searchsorted(places, calls.place), calls.hour] = True
    for row in range(len(places)):
        served[_near(ground, lon[row], lat[row]) < NEAR_STOP * 2] |= at[row]
    return served


# ── on demand, and shared cars ────────────────────────────────────────────────────────────────────────────────────────


def _book(scene: _Scene, count: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Draw what is booked, refused and driven on demand and in shared cars."""
    ground, homes, rng = scene.ground, scene.homes, scene.rng
    lines = [(Service.ONDEMAND.value, one, "") for one in ground.ondemand]
    lines += [(Service.CARPOOL.value, *one) for one in ground.carpool]
    count = count if lines else 0
    origin, destination, metres = _wish(scene, count)
    count = len(origin)
    which = rng.integers(0, max(1, len(lines)), count)
    hour = _pick(scene.hours * count_hours(scene.day), count, rng)
    several = rng.integers(0, HOMES, (2, count))
    named = [pl.Series([one[part] for one in lines], dtype=pl.String).gather(which) for part in range(3)]
    asked = pl.DataFrame(
        {
            "hour": hour,
            "who": write_who(_name(count, rng)),
            "service": named[0],
            "source": named[1],
            "route": named[2],
            "origin": homes[origin, several[0]],
            "destination": homes[destination, several[1]],
            "passengers": 1 + (rng.random(count) < 0.15),  # noqa: PLR2004
            "luck": rng.random(count),
            "metres": np.rint(metres * 1.3).astype(np.int64) + 500,
            "empty": np.rint(rng.exponential(3_000.0, count)).astype(np.int64),
        }
    ).with_columns(
        deed=pl.when(pl.col("luck") < 0.14)  # noqa: PLR2004 - shares of what becomes of a wish
        .then(pl.lit(Deed.REFUSED.value))
        .when(pl.col("luck") < 0.19)  # noqa: PLR2004
        .then(pl.lit(Deed.CANCELLED.value))
        .when(pl.col("luck") < 0.21)  # noqa: PLR2004
        .then(pl.lit(Deed.NO_SHOW.value))
        .otherwise(pl.lit(Deed.BOARDED.value))
    )
    rides = asked.select(
        pl.lit(scene.day).alias("day"), "hour", "deed", "service", "who", "source", "route",
        trip=pl.lit(""), sequence=pl.lit(None, pl.Int64), stop=pl.lit(""), to_sequence=pl.lit(None, pl.Int64),
        origin="origin", destination="destination", passengers=pl.col("passengers").cast(pl.Int32),
        category=pl.lit(""), product=pl.lit(""),
        reason=pl.when(pl.col("deed") == Deed.REFUSED).then(pl.lit("no_vehicle")).otherwise(pl.lit("")),
        cents=pl.when(pl.col("deed") == Deed.BOARDED).then(150 * pl.col("passengers")).otherwise(0),
    )  # fmt: skip
    driven = asked.filter(pl.col("deed") == Deed.BOARDED)
    apart_ = pl.col("service") == Service.ONDEMAND
    empty = pl.when(apart_).then("empty").otherwise(0)
    cost = pl.when(apart_).then(500 + (pl.col("metres") + empty) * 12 // 100).otherwise(pl.col("metres") * 10 // 1000)
    runs = driven.select(
        pl.lit(scene.day).alias("day"), "hour", "service", "source", "route",
        metres=pl.col("metres") + empty, empty_metres=empty, passengers="passengers",
        passenger_metres=pl.col("metres") * pl.col("passengers"), cost_cents=cost, subsidy_cents=cost,
    )  # fmt: skip
    return rides, runs
