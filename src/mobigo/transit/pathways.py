"""Inside stations: how long it takes from the entrances to the platforms and from platform to platform, and which way.

Pathways join stops of all kinds (platforms, entrances, nodes, boarding areas), so everything here is by stop index. A
platform that pathways join to an entrance is *inside*: nobody gets to it from the street but through an entrance.
"""

from __future__ import annotations

from enum import IntEnum
from heapq import heappop, heappush
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mobigo.kit.geo import arc_metres
from mobigo.kit.packed import Strings, pack_strings
from mobigo.transit.timetable import freeze

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mobigo.transit.tables import FeedTables
    from mobigo.transit.timetable import Timetable

ENTRANCE = 2
"""location_type."""
FROM_THE_STREET, THROUGH_THE_STATION = 1, 0
"""stop_access: of a platform that is reached directly from the street; of one that is not."""
STEEPEST = 0.083
"""max_slope beyond which a wheelchair does not go by itself, as the reference of GTFS has it."""
NARROWEST = 0.8
"""Metres, min_width below which it does not pass."""


class PathwayMode(IntEnum):
    """pathway_mode."""

    WALKWAY = 1
    STAIRS = 2
    MOVING_SIDEWALK = 3
    ESCALATOR = 4
    ELEVATOR = 5
    FARE_GATE = 6
    EXIT_GATE = 7


class Wheels(IntEnum):
    """Whether a wheelchair gets through, as wheelchair_boarding says it."""

    UNKNOWN = 0
    POSSIBLE = 1
    NOT_POSSIBLE = 2


METRES_PER_SECOND = {
    PathwayMode.WALKWAY: 1.2,
    PathwayMode.STAIRS: 0.6,
    PathwayMode.MOVING_SIDEWALK: 1.5,
    PathwayMode.ESCALATOR: 0.5,
    PathwayMode.ELEVATOR: 1.0,
    PathwayMode.FARE_GATE: 1.2,
    PathwayMode.EXIT_GATE: 1.2,
}
"""Pace along a pathway that says its length and not its time; on a moving sidewalk one walks, on an escalator not."""
SECONDS_PER_STAIR = (0.5, 0.6)
"""Down, up."""
WAIT_FOR_ELEVATOR, SECONDS_PER_LEVEL = 30.0, 10.0
AT_A_GATE = 3.0
"""Seconds."""
LONGEST = 3600
"""Seconds: how far one goes along pathways at most; whole towns may be joined by them."""


class Stations(NamedTuple):
    """Pathways, each direction for itself, by the stop they start from (CSR)."""

    first: NDArray[np.int32]
    """int32[n_stops + 1], index; pathways from stop `s` are rows `first[s]:first[s + 1]`."""
    target: NDArray[np.int32]
    """int32[n], stop index."""
    seconds: NDArray[np.int32]
    """int32[n], at the usual pace."""
    metres: NDArray[np.float32]
    """float32[n], 0 where nobody says and the ends lie on one spot."""
    mode: NDArray[np.uint8]
    """uint8[n], `PathwayMode`."""
    wheels: NDArray[np.uint8]
    """uint8[n], `Wheels`."""
    sign: NDArray[np.int32]
    """int32[n], what the signs say in this direction, index into `signs`, -1: nothing."""
    signs: Strings
    level: NDArray[np.int32]
    """int32[n_stops], index into `level_names`, -1: none."""
    level_names: Strings
    inside: NDArray[np.uint8]
    """uint8[n_stops], 1: reached through entrances only."""
    door_first: NDArray[np.int32]
    """int32[n_stops + 1], index; the entrances of an inside stop `s` are rows `door_first[s]:door_first[s + 1]`."""
    door: NDArray[np.int32]
    """int32[n_doors], stop index of the entrance."""
    door_seconds: NDArray[np.int32]
    """int32[n_doors, 4], seconds from it to the stop, from the stop to it, and both in a wheelchair; -1: no way."""


class Course(NamedTuple):
    """A way inside a station: stops from start to end, and the pathways between them."""

    seconds: int
    stops: list[int]
    rows: list[int]
    """Rows of `Stations`, one less than stops."""


class _Arc(NamedTuple):
    """One direction of a pathway."""

    origin: int
    target: int
    seconds: int
    metres: float
    mode: int
    wheels: int
    sign: str | None


def read_stations(tables: FeedTables, timetable: Timetable) -> Stations:
    """Lay out the pathways of all feeds.

    A platform that is said not to be reached from the street (stop_access 0) and to which no pathway leads from an
    entrance is joined to the entrances of its station by straight lines.
    """
    arcs = list(_list_arcs(tables, timetable))
    n_stops = len(timetable.stop_lat)
    access = _stop_access(tables, n_stops)
    laid = _lay_out(arcs, tables, timetable)
    called = np.zeros(n_stops, np.bool_)
    called[timetable.pattern_stop] = True
    doors = _find_doors(laid, timetable, called & (access != FROM_THE_STREET))
    lost = np.flatnonzero(called & (access == THROUGH_THE_STATION) & (np.diff(doors.door_first) == 0))
    straight = list(_join_straight(timetable, lost.tolist()))
    if straight:
        laid = _lay_out(arcs + straight, tables, timetable)
        doors = _find_doors(laid, timetable, called & (access != FROM_THE_STREET))
    return freeze(doors)


def _list_arcs(tables: FeedTables, timetable: Timetable) -> Iterable[_Arc]:
    """List each direction of each pathway that joins two stops."""
    rows = tables.pathways
    stops = {name: row for row, name in enumerate(timetable.stop_ids.all())}
    heights = dict(zip(tables.levels["level_id"], tables.levels["level_index"], strict=True))
    floor: list[float | None] = [heights.get(name) for name in tables.stops["level_id"]]
    for row in rows.iter_rows(named=True):
        a, b = stops.get(row["from_stop_id"], -1), stops.get(row["to_stop_id"], -1)
        if a < 0 or b < 0 or a == b or row["pathway_mode"] not in METRES_PER_SECOND:
            continue
        metres = row["length"] if row["length"] is not None else _straight(timetable, a, b)
        metres = float(metres) if np.isfinite(metres) and metres >= 0 else 0.0
        low, high = floor[a], floor[b]
        storeys = abs(high - low) if low is not None and high is not None else 1.0
        stairs = row["stair_count"] or 0
        wheels = _judge(row)
        both = row["is_bidirectional"] == 1 and row["pathway_mode"] != PathwayMode.EXIT_GATE
        for origin, target, sign, steps in (
            (a, b, row["signposted_as"], stairs),
            (b, a, row["reversed_signposted_as"], -stairs),
        )[: 2 if both else 1]:
            seconds = row["traversal_time"]
            if seconds is None or seconds <= 0:
                seconds = _estimate(PathwayMode(row["pathway_mode"]), metres, steps, storeys)
            yield _Arc(origin, target, int(np.ceil(seconds)), metres, row["pathway_mode"], wheels, sign)


def _estimate(mode: PathwayMode, metres: float, stairs: int, storeys: float) -> float:
    """Seconds along a pathway that does not say them; climbing stairs counts for more than what lies between them."""
    seconds = metres / METRES_PER_SECOND[mode]
    if mode is PathwayMode.STAIRS:
        return max(seconds, abs(stairs) * SECONDS_PER_STAIR[stairs > 0])
    if mode is PathwayMode.ESCALATOR:
        return max(seconds, abs(stairs) * SECONDS_PER_STAIR[0])
    if mode is PathwayMode.ELEVATOR:
        return WAIT_FOR_ELEVATOR + SECONDS_PER_LEVEL * storeys
    return seconds + AT_A_GATE if mode in {PathwayMode.FARE_GATE, PathwayMode.EXIT_GATE} else seconds


def _judge(row: dict[str, float | None]) -> Wheels:
    """Tell whether a wheelchair gets along a pathway."""
    slope, width = row["max_slope"], row["min_width"]
    if row["pathway_mode"] in {PathwayMode.STAIRS, PathwayMode.ESCALATOR} or row["stair_count"]:
        return Wheels.NOT_POSSIBLE
    if (slope is not None and abs(slope) > STEEPEST) or (width is not None and width < NARROWEST):
        return Wheels.NOT_POSSIBLE
    return Wheels.POSSIBLE if row["pathway_mode"] == PathwayMode.ELEVATOR or width is not None else Wheels.UNKNOWN


def _straight(timetable: Timetable, a: int, b: int) -> float:
    lat, lon = np.radians(timetable.stop_lat[[a, b]]), np.radians(timetable.stop_lon[[a, b]])
    return float(arc_metres(lat[:1], lon[:1], lat[1:], lon[1:])[0])


def _stop_access(tables: FeedTables, n_stops: int) -> NDArray[np.int8]:
    """int8[n_stops], stop_access, -1 where it says nothing."""
    access: NDArray[np.int8] = tables.stops["stop_access"].fill_null(-1).to_numpy().astype(np.int8)
    return access if len(access) else np.full(n_stops, -1, np.int8)


def _join_straight(timetable: Timetable, platforms: list[int]) -> Iterable[_Arc]:
    """Join platforms to the entrances of their stations."""
    entrances = np.flatnonzero(timetable.stop_type == ENTRANCE)
    for stop in platforms:
        for entrance in entrances[timetable.stop_parent[entrances] == timetable.stop_parent[stop]].tolist():
            metres = _straight(timetable, stop, entrance)
            if timetable.stop_parent[stop] >= 0 and np.isfinite(metres):
                seconds = int(np.ceil(metres / METRES_PER_SECOND[PathwayMode.WALKWAY]))
                for a, b in ((stop, entrance), (entrance, stop)):
                    yield _Arc(a, b, seconds, metres, PathwayMode.WALKWAY, Wheels.UNKNOWN, None)


def _lay_out(arcs: list[_Arc], tables: FeedTables, timetable: Timetable) -> Stations:
    """Sort the pathways by where they start; there are no doors yet."""
    n_stops = len(timetable.stop_lat)
    arcs = sorted(arcs, key=lambda arc: arc[:3])
    signs = list(dict.fromkeys(arc.sign for arc in arcs if arc.sign))
    number = {sign: row for row, sign in enumerate(signs)}
    origins = np.array([arc.origin for arc in arcs], np.int32)
    levels = {name: row for row, name in enumerate(tables.levels["level_id"])}
    return Stations(
        first=np.searchsorted(origins, np.arange(n_stops + 1)).astype(np.int32),
        target=np.array([arc.target for arc in arcs], np.int32),
        seconds=np.array([arc.seconds for arc in arcs], np.int32),
        metres=np.array([arc.metres for arc in arcs], np.float32),
        mode=np.array([arc.mode for arc in arcs], np.uint8),
        wheels=np.array([arc.wheels for arc in arcs], np.uint8),
        sign=np.array([number.get(arc.sign or "", -1) for arc in arcs], np.int32),
        signs=pack_strings(signs),
        level=np.array([levels.get(name, -1) for name in tables.stops["level_id"]], np.int32),
        level_names=pack_strings([name or "" for name in tables.levels["level_name"]]),
        inside=np.zeros(n_stops, np.uint8),
        door_first=np.zeros(n_stops + 1, np.int32),
        door=np.zeros(0, np.int32),
        door_seconds=np.zeros((0, 4), np.int32),
    )


def _find_doors(stations: Stations, timetable: Timetable, wanted: NDArray[np.bool_]) -> Stations:
    """Find the ways between the stops wanted and the entrances that pathways join to them."""
    found: dict[tuple[int, int], list[int]] = {}
    joined = np.flatnonzero((timetable.stop_type == ENTRANCE) & (np.diff(stations.first) > 0)).tolist()
    backward = turn(stations)
    for entrance in joined:
        for column, graph in ((0, stations), (1, backward)):
            for wheels in (False, True):
                if wheels and timetable.stop_wheelchair[entrance] == Wheels.NOT_POSSIBLE:
                    continue
                for stop, seconds in reach_inside(graph, entrance, wheels=wheels).items():
                    if wanted[stop]:
                        found.setdefault((stop, entrance), [-1] * 4)[column + 2 * wheels] = seconds
    pairs = sorted(found)
    stops = np.array([stop for stop, _ in pairs], np.int32)
    inside = np.zeros(len(wanted), np.uint8)
    inside[stops] = 1
    return stations._replace(
        inside=inside,
        door_first=np.searchsorted(stops, np.arange(len(wanted) + 1)).astype(np.int32),
        door=np.array([entrance for _, entrance in pairs], np.int32),
        door_seconds=np.array([found[pair] for pair in pairs], np.int32).reshape(-1, 4),
    )


def turn(stations: Stations) -> Stations:
    """Return the pathways by where they end; each still says what holds in its own direction."""
    origin = np.repeat(np.arange(len(stations.first) - 1, dtype=np.int32), np.diff(stations.first))
    order = np.argsort(stations.target, kind="stable")
    return stations._replace(
        first=np.searchsorted(stations.target[order], np.arange(len(stations.first))).astype(np.int32),
        target=origin[order],
        seconds=stations.seconds[order],
        metres=stations.metres[order],
        mode=stations.mode[order],
        wheels=stations.wheels[order],
        sign=stations.sign[order],
    )


def reach_inside(stations: Stations, origin: int, *, wheels: bool = False) -> dict[int, int]:
    """Seconds along pathways to every stop they lead to; `wheels` leaves out what is known to be impossible."""
    seconds, _ = _search(stations, origin, -1, wheels=wheels)
    return seconds


def find_course(stations: Stations, origin: int, target: int, *, wheels: bool = False) -> Course | None:
    """Find the quickest way from stop to stop along pathways; None where there is none."""
    seconds, before = _search(stations, origin, target, wheels=wheels)
    if target not in seconds:
        return None
    stops, rows = [target], []
    while stops[-1] != origin:
        stop, row = before[stops[-1]]
        stops.append(stop)
        rows.append(row)
    return Course(seconds[target], stops[::-1], rows[::-1])


def _search(
    stations: Stations, origin: int, target: int, *, wheels: bool
) -> tuple[dict[int, int], dict[int, tuple[int, int]]]:
    """Search from a stop until the target (-1: everything); seconds, and whence, by which pathway."""
    settled: dict[int, int] = {}
    before: dict[int, tuple[int, int]] = {}
    best = {origin: 0}
    queue = [(0, origin)]
    while queue:
        seconds, stop = heappop(queue)
        if stop in settled:
            continue
        settled[stop] = seconds
        if stop == target:
            break
        for row in range(int(stations.first[stop]), int(stations.first[stop + 1])):
            if wheels and stations.wheels[row] == Wheels.NOT_POSSIBLE:
                continue
            onward, later = int(stations.target[row]), seconds + int(stations.seconds[row])
            if later < best.get(onward, LONGEST + 1):
                best[onward] = later
                before[onward] = (stop, row)
                heappush(queue, (later, onward))
    return settled, before


# --- from the street, and between platforms --------------------------------------------------------------------------


def enter(
    stations: Stations, seconds: NDArray[np.int32], *, backward: bool, wheels: bool = False, pace: float = 1.0
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Go on from the entrances to the stops inside.

    Parameters
    ----------
    seconds : int32[n_stops]
        From a door to each stop along streets (or back); -1 where out of reach.
    backward : bool
        True: the seconds are those of going to the door.
    pace : float
        How many times as long the traveller takes as others.

    Returns
    -------
    seconds, door : int32[n_stops], int32[n_stops]
        The same with stops inside reached through entrances only, and the entrance for each of them, -1 elsewhere.
    """
    through = np.full(len(seconds), -1, np.int32)
    if not len(stations.door):
        return seconds, through
    within = stations.door_seconds[:, int(backward) + 2 * wheels]
    street = seconds[stations.door]
    rows = np.flatnonzero((within >= 0) & (street >= 0))
    stop = _stop_of_door(stations)[rows]
    whole = street[rows] + np.ceil(within[rows] * pace).astype(np.int32)
    order = np.lexsort((whole, stop))
    stops, best = np.unique(stop[order], return_index=True)
    found = np.where(stations.inside == 1, -1, seconds).astype(np.int32)
    found[stops] = whole[order][best]
    through[stops] = stations.door[rows][order][best]
    return found, through


def list_doors(stations: Stations, stop: int, *, leaving: bool, wheels: bool = False) -> list[tuple[int, int]]:
    """List the entrances of a stop inside a station, with the seconds between them."""
    rows = slice(int(stations.door_first[stop]), int(stations.door_first[stop + 1]))
    seconds = stations.door_seconds[rows, int(leaving) + 2 * wheels].tolist()
    return [(door, one) for door, one in zip(stations.door[rows].tolist(), seconds, strict=True) if one >= 0]


def on_the_street(stations: Stations, called: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell which stops join the streets: of those vehicles call at the ones not inside, and the entrances."""
    joined: NDArray[np.bool_] = called & (stations.inside == 0)
    joined[stations.door] = True
    return joined


def walk_through(
    stations: Stations,
    called: NDArray[np.bool_],
    walks: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]],
    limit: int,
    *,
    wheels: bool = False,
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Walk between the stops that vehicles call at: along streets, along pathways, and from the one to the other.

    Where pathways join two stops that also lie on streets, the pathways count, one-way ones and stairs too: the feed
    knows its station.

    Parameters
    ----------
    walks : (first int32[n_stops + 1], target int32[n], seconds int32[n])
        Along streets, between the stops of `on_the_street`.
    limit : int
        Seconds: the longest walk.

    Returns
    -------
    The same, between stops called at.
    """
    first, target, seconds = walks
    origin = np.repeat(np.arange(len(first) - 1, dtype=np.int32), np.diff(first))
    street = pl.DataFrame({"leave": origin, "enter": target, "street": seconds})
    same = np.unique(stations.door)
    street = pl.concat([street, pl.DataFrame({"leave": same, "enter": same, "street": np.zeros(len(same), np.int32)})])
    outdoors = np.flatnonzero(called & (stations.inside == 0)).astype(np.int32)
    out = _doors(stations, 1 + 2 * wheels, outdoors, ("from", "leave", "out"))
    into = _doors(stations, 2 * wheels, outdoors, ("to", "enter", "in"))
    around = (
        out.join(street, on="leave")
        .join(into, on="enter")
        .select("from", "to", (pl.col("out") + pl.col("street") + pl.col("in")).alias("seconds"))
    )
    within = _list_within(stations, called, wheels=wheels)
    on_foot = _list_within(stations, called, wheels=False) if wheels else within
    joined = pl.concat(
        [on_foot.select("from", "to"), on_foot.select(pl.col("to").alias("from"), pl.col("from").alias("to"))]
    )
    outside = pl.DataFrame({"stop": outdoors})
    known = joined.unique().join(outside, left_on="from", right_on="stop").join(outside, left_on="to", right_on="stop")
    found = (
        pl.concat([within, around.join(known, on=["from", "to"], how="anti").cast(within.schema)])
        .filter(pl.col("seconds") <= limit, pl.col("from") != pl.col("to"))
        .group_by("from", "to")
        .agg(pl.col("seconds").min())
        .sort("from", "to")
    )
    starts = np.searchsorted(found["from"].to_numpy(), np.arange(len(first)))
    return starts.astype(np.int32), found["to"].to_numpy().copy(), found["seconds"].to_numpy().copy()


def _list_within(stations: Stations, called: NDArray[np.bool_], *, wheels: bool) -> pl.DataFrame:
    """List the ways along pathways between stops that vehicles call at."""
    pairs = [
        (stop, other, along)
        for stop in np.flatnonzero(called & (np.diff(stations.first) > 0)).tolist()
        for other, along in reach_inside(stations, stop, wheels=wheels).items()
        if called[other] and other != stop
    ]
    return pl.DataFrame(pairs, schema={"from": pl.Int32, "to": pl.Int32, "seconds": pl.Int32}, orient="row")


def _stop_of_door(stations: Stations) -> NDArray[np.int32]:
    return np.repeat(np.arange(len(stations.inside), dtype=np.int32), np.diff(stations.door_first))


def _doors(stations: Stations, column: int, outdoors: NDArray[np.int32], names: tuple[str, str, str]) -> pl.DataFrame:
    """List the ways between stops and where they join the streets; an outdoor stop joins them itself."""
    rows = np.flatnonzero(stations.door_seconds[:, column] >= 0)
    stop, door, seconds = names
    return pl.DataFrame(
        {
            stop: np.concatenate([_stop_of_door(stations)[rows], outdoors]),
            door: np.concatenate([stations.door[rows], outdoors]),
            seconds: np.concatenate([stations.door_seconds[rows, column], np.zeros(len(outdoors), np.int32)]),
        }
    )
