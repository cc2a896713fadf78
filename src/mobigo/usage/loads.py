"""Who is aboard: boardings as noted, alightings as noted or worked out, and what is between.

Where somebody got off is, in this order:

1. noted (a check-out, or a seat sold to a stop);
2. the stop of the rest of the trip that lies nearest to where the same person boards next on that day, the day's first
   boarding after the last, if it is within `WALK` metres: people go on where they arrived, and in the evening go back;
3. shared out over the stops that follow, by how many people get off there by 1 and 2 and how many board there in the
   other direction of the line: who came goes back.

References
----------
Barry, Newhouser, Rahbee, Sayeda (2002), Origin and Destination Estimation in New York City with Automated Fare System
Data; Trépanier, Tranchant, Chapleau (2007), Individual Trip Destination Estimation in a Transit Smart Card Automated
Fare Collection System; Munizaga, Palma (2012), for the distance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from mobigo.trace.model import Deed, Service
from mobigo.usage.supply import apart, name_runs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mobigo.usage.supply import Laid

WALK = 1_000.0
"""Metres between getting off and boarding again, at most."""

NEAR = 300.0
"""Metres within which stops of two directions are one place."""

FAINT = 1e-6
"""Weight of a stop at which nobody is known to get off: without any knowledge all stops are alike."""

AT_ONCE = 50_000
"""Boardings whose next stop is looked for at a time, so that memory stays bounded."""

PLACED = ("number", "sequence", "to_sequence", "who", "passengers")

COLUMNS = (
    "service", "source", "route", "trip", "sequence", "stop", "departure", "boardings", "alightings", "load",
    "counted", "people",
)  # fmt: skip


def count_loads(laid: Laid, rides: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    """Count people on, off and aboard at each call of the sources that noted anybody.

    Parameters
    ----------
    laid : Laid
        The day's trips; the load of one that runs several times (frequencies.txt) is the mean of its runs.
    rides, told : DataFrame
        As `notes.RIDES` and, of this day only, `notes.TOLD`.
    """
    boarded = place(laid, rides)
    counts = (
        name_runs(told.filter(pl.col("passengers").is_not_null()), laid.trips)
        .group_by("source", "trip", "sequence")
        .agg(pl.col("passengers").mean())
    )
    trips = laid.trips.select("number", "source", "route", "trip", "direction", "runs")
    heard = pl.concat([trips.join(boarded, on="number", how="semi")["source"], counts["source"]]).unique()
    trips = trips.filter(pl.col("source").is_in(heard.implode()))
    calls = laid.calls.join(trips, on="number").sort("number", "sequence").with_row_index("row")
    calls = calls.join(
        boarded.group_by("number", "sequence").agg(boardings=pl.col("passengers").sum(), people=pl.col("first").sum()),
        on=["number", "sequence"],
        how="left",
        maintain_order="left",
    ).with_columns(pl.col("boardings", "people").fill_null(0))
    known, rest = _destinations(calls, boarded)
    expected = known + _share(calls, known, rest)
    aboard = np.maximum(_within(calls, calls["boardings"].to_numpy() - expected), 0.0)
    alightings = np.rint(_within(calls, expected)).astype(np.int64)
    alightings = np.diff(alightings, prepend=0)
    first = _first(calls)
    alightings[first] = np.rint(expected[first]).astype(np.int64)
    return (
        calls.with_columns(alightings=pl.Series(alightings), aboard=pl.Series(aboard))
        .join(counts, on=["source", "trip", "sequence"], how="left", maintain_order="left")
        .with_columns(
            service=pl.lit(Service.TRANSIT.value),
            counted=pl.col("passengers").is_not_null(),
            load=pl.coalesce("passengers", pl.col("aboard") / pl.col("runs")),
        )
        .select(*COLUMNS)
    )


def place(laid: Laid, rides: pl.DataFrame) -> pl.DataFrame:
    """Place the boardings of the timetable's trips on their calls.

    A validator that only knows its line and stop notes no trip: those who board there in an hour are shared out evenly
    over the trips that call there in it.

    Returns
    -------
    number (of the trip), sequence, to_sequence (null: not known), who, passengers, first (a person's first at a call)
    """
    noted = name_runs(rides.filter(pl.col("service") == Service.TRANSIT), laid.trips).drop("run")
    trips = laid.trips.select("source", "trip", "number")
    stops = _list_stops(laid)
    calls = laid.calls.select("number", "sequence", known=pl.lit(value=True))
    on_trips = (
        noted.join(trips, on=["source", "trip"])
        .join(calls, on=["number", "sequence"], how="left")
        .join(stops.select("number", "stop", "called"), on=["number", "stop"], how="left")
        .with_columns(sequence=pl.when("known").then("sequence").otherwise("called"))
        .filter(pl.col("sequence").is_not_null())
        .drop("known", "called")
    )
    on_lines = noted.filter(pl.col("trip") == "", pl.col("route") != "", pl.col("stop") != "")
    boarded = pl.concat(
        [
            _add_check_outs(on_trips).select(PLACED),
            _share_out(laid, stops, on_lines).select(PLACED),
        ]
    )
    return (
        boarded.with_columns(to_sequence=pl.when(pl.col("to_sequence") > pl.col("sequence")).then("to_sequence"))
        .join(calls.rename({"sequence": "to_sequence", "known": "goes"}), on=["number", "to_sequence"], how="left")
        .with_columns(
            to_sequence=pl.when("goes").then("to_sequence"),
            first=pl.col("who").is_null() | pl.struct("number", "sequence", "who").is_first_distinct(),
        )
        .select(*PLACED, "first")
        .sort("number", "sequence", "to_sequence", "who", "passengers", nulls_last=True)
    )


def _list_stops(laid: Laid) -> pl.DataFrame:
    """List where each trip calls first, by stop and station: ``number``, ``stop``, ``row``, ``called`` (sequence)."""
    rows = laid.calls.with_row_index("row")
    both = pl.concat([rows, rows.filter(pl.col("stop") != pl.col("station")).with_columns(stop="station")])
    return (
        both.sort("number", "sequence")
        .unique(["number", "stop"], keep="first", maintain_order=True)
        .select("number", "stop", "row", called="sequence")
    )


def _add_check_outs(noted: pl.DataFrame) -> pl.DataFrame:
    """Fill ``to_sequence`` of boardings by the next check-out of the same person on the trip."""
    got_off = (
        noted.filter(pl.col("deed") == Deed.ALIGHTED, pl.col("who").is_not_null())
        .select("number", "who", "sequence", off="sequence")
        .sort("sequence")
    )
    boarded = noted.filter(pl.col("deed") == Deed.BOARDED).sort("sequence")
    return boarded.join_asof(
        got_off, on="sequence", by=["number", "who"], strategy="forward", allow_exact_matches=False,
        check_sortedness=False,
    ).with_columns(to_sequence=pl.coalesce("to_sequence", "off"))  # fmt: skip


def _share_out(laid: Laid, stops: pl.DataFrame, noted: pl.DataFrame) -> pl.DataFrame:
    """Place those of whom the line, the stop and the hour are known."""
    keys = ["source", "route", "stop", "hour"]
    ends = laid.calls.group_by("number").agg(end=pl.col("sequence").max())
    calls = (
        stops.join(laid.calls.with_row_index("row").select("row", "hour", "departure"), on="row")
        .join(laid.trips.select("number", "source", "route"), on="number")
        .join(ends, on="number")
        .filter(pl.col("called") < pl.col("end"))
        .sort("departure", "number")
        .with_columns(turn=pl.int_range(pl.len()).over(keys), turns=pl.len().over(keys))
    )
    boarded = (
        noted.filter(pl.col("deed") == Deed.BOARDED)
        .with_columns(pl.col("hour").cast(pl.Int16))
        .join(calls.select(*keys, "turns").unique(), on=keys)
        .sort("who", "passengers", nulls_last=True)
        .with_columns(turn=pl.int_range(pl.len()).over(keys) * pl.col("turns") // pl.len().over(keys))
        .drop("sequence")
        .join(calls.select(*keys, "turn", "number", sequence="called"), on=[*keys, "turn"])
        .with_row_index("ride")
    )
    off = (
        noted.filter(pl.col("deed") == Deed.ALIGHTED, pl.col("who").is_not_null())
        .select("source", "route", "who", "stop")
        .unique()
    )
    ends_at = (
        boarded.select("ride", "number", "source", "route", "who", "sequence")
        .join(off, on=["source", "route", "who"])
        .join(stops.select("number", "stop", "called"), on=["number", "stop"])
        .filter(pl.col("called") > pl.col("sequence"))
        .group_by("ride")
        .agg(off=pl.col("called").min())
    )
    return boarded.join(ends_at, on="ride", how="left").with_columns(to_sequence=pl.coalesce("to_sequence", "off"))


def _destinations(calls: pl.DataFrame, boarded: pl.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return, by call: people known to get off there, and people who board there for nobody knows where."""
    found = chain(calls, boarded)
    off = found.filter(pl.col("to_sequence").is_not_null())
    known = _by_call(calls, off.select("number", "passengers", sequence="to_sequence"))
    rest = _by_call(calls, found.filter(pl.col("to_sequence").is_null()).select("number", "sequence", "passengers"))
    return known, rest


def chain(calls: pl.DataFrame, boarded: pl.DataFrame) -> pl.DataFrame:
    """Fill ``to_sequence`` where the next boarding of the same person tells it."""
    place_of = calls.select("number", "sequence", "departure", "lon", "lat")
    rows = boarded.with_row_index("ride")
    steps = (  # who validates twice at a call, for somebody else, makes one step
        rows.filter(pl.col("who").is_not_null())
        .unique(["who", "number", "sequence"])
        .join(place_of, on=["number", "sequence"])
        .sort("who", "departure", "number", "sequence")
        .filter(pl.len().over("who") > 1)
        .with_columns(
            pl.coalesce(pl.col(name).shift(-1).over("who"), pl.col(name).first().over("who")).alias(f"next_{name}")
            for name in ("lon", "lat")
        )
        .select("who", "number", "sequence", "next_lon", "next_lat")
    )
    asked = (
        rows.filter(pl.col("to_sequence").is_null())
        .join(steps, on=["who", "number", "sequence"])
        .select("ride", "number", "sequence", "next_lon", "next_lat")
        .sort("ride")
    )
    ahead = place_of.select("number", "lon", "lat", ahead="sequence")
    parts = [pl.DataFrame(schema={"ride": pl.UInt32, "chained": pl.Int32})]
    for part in asked.iter_slices(AT_ONCE):
        pairs = part.join(ahead, on="number").filter(pl.col("ahead") > pl.col("sequence"))
        far = apart(*(pairs[name].to_numpy() for name in ("lon", "lat", "next_lon", "next_lat")))
        parts.append(
            pairs.with_columns(far=pl.Series(far))
            .filter(pl.col("far") <= WALK)
            .sort("ride", "far", "ahead")
            .unique("ride", keep="first", maintain_order=True)
            .select("ride", chained=pl.col("ahead").cast(pl.Int32))
        )
    return (
        rows.join(pl.concat(parts), on="ride", how="left")
        .with_columns(to_sequence=pl.coalesce("to_sequence", "chained"))
        .select("number", "sequence", "to_sequence", "passengers")
    )


def _share(calls: pl.DataFrame, known: NDArray[np.float64], rest: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how many of `rest` get off at each call: who is aboard does so by the weight of the stop among those left.

    Who boards where the trip ends gets off there.
    """
    first = _first(calls)
    if not len(first):
        return np.zeros(0)
    weight = _weigh(calls, known) + FAINT
    weight[first] = 0.0
    length = np.diff(np.append(first, len(calls)))
    whole = np.repeat(np.add.reduceat(weight, first), length)
    left = np.maximum(whole - _within(calls, weight), 0.0)  # weight of the calls that follow
    last = np.append(first[1:], len(calls)) - 1
    left[last] = 0.0
    before = np.append(0.0, left[:-1])  # of this call and those that follow
    before[first] = whole[first]
    stay = np.divide(left, before, out=np.zeros(len(left)), where=before > 0)
    aboard = np.zeros(len(calls))
    ends = np.zeros(len(calls))
    position = np.arange(len(calls)) - np.repeat(first, length)
    order = np.argsort(position, kind="stable")
    rounds = np.searchsorted(position[order], np.arange(position.max() + 2))
    for step in range(1, len(rounds) - 1):
        rows = order[rounds[step] : rounds[step + 1]]
        aboard[rows] = aboard[rows - 1] + rest[rows - 1]
        ends[rows] = aboard[rows] * (1 - stay[rows])
        aboard[rows] *= stay[rows]
    ends[last] += rest[last]
    return ends


def _weigh(calls: pl.DataFrame, known: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weigh the calls: people known to get off there on this line and direction, and to board near it on the other."""
    keys = ["source", "route", "direction", "stop"]
    stops = (
        calls.with_columns(known=pl.Series(known), direction=pl.col("direction").fill_null(-1))
        .group_by(keys)
        .agg(pl.col("known").sum(), on=pl.col("boardings").sum(), lon=pl.col("lon").first(), lat=pl.col("lat").first())
    )
    pairs = stops.join(stops.select(*keys[:3], "lon", "lat", "on"), on=keys[:2], suffix="_back").filter(
        pl.col("on_back") > 0,
        (pl.col("direction") != pl.col("direction_back")) | (pl.col("direction") == -1),
    )
    near = apart(*(pairs[name].to_numpy() for name in ("lon", "lat", "lon_back", "lat_back"))) <= NEAR
    back = pairs.filter(pl.Series(near, dtype=pl.Boolean)).group_by(keys).agg(back=pl.col("on_back").sum())
    weights = stops.join(back, on=keys, how="left").select(*keys, weight=pl.col("known") + pl.col("back").fill_null(0))
    found = (
        calls.select(*keys)
        .with_columns(pl.col("direction").fill_null(-1))
        .join(weights, on=keys, how="left", maintain_order="left")
    )
    return found["weight"].cast(pl.Float64).to_numpy().copy()


def _by_call(calls: pl.DataFrame, people: pl.DataFrame) -> NDArray[np.float64]:
    """Sum people by the rows of `calls`."""
    sums = people.group_by("number", "sequence").agg(pl.col("passengers").sum())
    found = calls.select("number", "sequence").join(sums, on=["number", "sequence"], how="left", maintain_order="left")
    return found["passengers"].fill_null(0).cast(pl.Float64).to_numpy().copy()


def _first(calls: pl.DataFrame) -> NDArray[np.int64]:
    """Return the row of each trip's first call."""
    return np.flatnonzero(np.diff(calls["number"].to_numpy().astype(np.int64), prepend=-1))


def _within(calls: pl.DataFrame, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum up along each trip."""
    if not len(values):
        return values
    total = np.cumsum(values)
    first = _first(calls)
    return total - np.repeat(total[first] - values[first], np.diff(np.append(first, len(values))))
