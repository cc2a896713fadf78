"""Legs on streets: what a traveller does between a door and a stop, from stop to stop, or all the way, in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.journeys.emissions import emit_street
from mobigo.journeys.model import OWN_STRENGTH, Leg, Lie, Mode, Place, Step
from mobigo.kit.geo import Point, haversine
from mobigo.osm.store import Wheelchair
from mobigo.street.graph import Profile
from mobigo.street.relief import Line, follow, sum_climb, thin
from mobigo.street.routing import Direction, Path, between
from mobigo.transit.footpaths import WALKING_SPEED
from mobigo.transit.pathways import Course, PathwayMode, Wheels, find_course, list_doors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mobigo.journeys.model import End
    from mobigo.journeys.network import Network
    from mobigo.transit.pathways import Stations

LONGEST_CHANGE_WALK = 3600.0
"""Seconds: how far a way between two stops is looked for, to draw it."""


def describe_way(
    network: Network,
    mode: Mode,
    ends: tuple[Place, Place],
    times: tuple[int, int],
    way: Path | None,
) -> Leg:
    """Describe a way from place to place.

    Parameters
    ----------
    times : (departure, arrival)
        Seconds since 1970 UTC.
    way : Path, optional
        The streets; None draws a straight line.
    """
    start, end = ends
    if way is None:
        geometry: tuple[tuple[float, float], ...] = ((start.lon, start.lat), (end.lon, end.lat))
        steps: tuple[Step, ...] = ()
        metres = float(haversine(Point(*geometry[0]), Point(*geometry[1])))
    else:
        geometry = ((start.lon, start.lat), *pairs(way.points), (end.lon, end.lat))
        steps = tuple(Step(step.name, round(step.metres, 1), step.direction.value) for step in way.steps)
        metres = way.metres
    zone = network.zone_index
    return Leg(
        mode=mode,
        start=start,
        end=end,
        departure=local_time(network, times[0], zone),
        arrival=local_time(network, times[1], zone),
        geometry=geometry,
        metres=round(metres, 1),
        steps=steps,
        co2=emit_street(mode, metres),
        wheelchair=_judge(network, way) if mode is Mode.WALK else None,
        lie=_lie(network, [way]) if mode in OWN_STRENGTH else None,
    )


Part = Path | Course
"""A part of a walk: along streets, or along the pathways of a station."""


def describe_parts(network: Network, ends: tuple[Place, Place], times: tuple[int, int], parts: Sequence[Part]) -> Leg:
    """Describe a walk along streets and pathways.

    Parameters
    ----------
    times : (departure, arrival)
        Seconds since 1970 UTC.
    parts : sequence of Part
        In the order they are gone; none draws a straight line.
    """
    ways = [part for part in parts if isinstance(part, Path)]
    if len(ways) == len(parts) < 2:  # noqa: PLR2004  one way, or none
        return describe_way(network, Mode.WALK, ends, times, ways[0] if ways else None)
    leg = describe_way(network, Mode.WALK, ends, times, None)
    drawn = [_draw_course(network, part) if isinstance(part, Course) else _draw(part) for part in parts]
    points = [point for part in drawn for point in part.points]
    judged = {_judge(network, way) for way in ways} | {part.wheelchair for part in drawn if part.wheelchair}
    return replace(
        leg,
        geometry=((ends[0].lon, ends[0].lat), *points, (ends[1].lon, ends[1].lat)),
        metres=round(sum(part.metres for part in drawn), 1),
        steps=tuple(step for part in drawn for step in part.steps),
        wheelchair=min(judged, key=("not_possible", "unknown", "possible").index),
        lie=_lie(network, [part if isinstance(part, Path) else None for part in parts]),
    )


def _lie(network: Network, ways: Sequence[Path | None]) -> Lie | None:
    """Tell how high a way of several parts lies; None where one of them does not follow streets of known height."""
    graph, relief = network.streets, network.relief
    if graph is None or relief is None:
        return None
    lines: list[Line] = []
    gone = 0.0
    for way in ways:
        line = None if way is None else follow(relief, way.arcs, *way.ends, graph.edge_metres)
        if line is None:
            return None
        lines.append(line._replace(metres=line.metres + gone))
        gone = float(lines[-1].metres[-1])
    line = Line(*(np.concatenate(column) for column in zip(*lines, strict=True)))
    climb, descent = sum_climb(line.height.tolist())
    drawn = thin(line)
    return Lie(
        round(climb),
        round(descent),
        tuple(
            (round(metres), round(height, 1)) for metres, height in zip(*(one.tolist() for one in drawn), strict=True)
        ),
    )


class _Drawn(NamedTuple):
    """What a part of a walk adds to the leg."""

    points: tuple[tuple[float, float], ...]
    metres: float
    steps: tuple[Step, ...]
    wheelchair: str | None = None


def _draw(way: Path) -> _Drawn:
    steps = tuple(Step(step.name, round(step.metres, 1), step.direction.value) for step in way.steps)
    return _Drawn(pairs(way.points), way.metres, steps)


def _draw_course(network: Network, course: Course) -> _Drawn:
    """Describe a way along pathways: one step for what is alike, named as the signs have it, else by the level."""
    inside, timetable = network.inside, network.timetable
    assert inside is not None
    steps: list[Step] = []
    before = None
    for row, stop in zip(course.rows, course.stops[1:], strict=True):
        turn = TURNS.get(PathwayMode(int(inside.mode[row])), TURN)
        name = _name_pathway(inside, row, stop, climbs=turn != TURN)
        metres = round(float(inside.metres[row]), 1)
        if before == turn and (not name or name == steps[-1].street):
            steps[-1] = replace(steps[-1], metres=round(steps[-1].metres + metres, 1))
        else:
            steps.append(Step(name, metres, turn))
        before = turn
    at = np.stack([timetable.stop_lon[course.stops], timetable.stop_lat[course.stops]], axis=1)
    known = inside.wheels[course.rows]
    wheelchair = "unknown"
    if (known == Wheels.NOT_POSSIBLE).any():
        wheelchair = "not_possible"
    elif (known == Wheels.POSSIBLE).all():
        wheelchair = "possible"
    metres = float(inside.metres[course.rows].sum())
    return _Drawn(pairs(at[np.isfinite(at).all(axis=1)]), metres, tuple(steps), wheelchair)


def _name_pathway(inside: Stations, row: int, stop: int, *, climbs: bool) -> str:
    """Say what the signs say; else, where one goes up or down, to which level."""
    if inside.sign[row] >= 0:
        return inside.signs.at(int(inside.sign[row]))
    return inside.level_names.at(int(inside.level[stop])) if climbs and inside.level[stop] >= 0 else ""


def _judge(network: Network, way: Path | None) -> str:
    """Tell whether a way is known to be possible in a wheelchair: ``possible``, ``unknown``, ``not_possible``."""
    if way is None or network.streets is None:
        return "unknown"
    found = network.streets.edge_wheelchair[way.edges]
    if (found == Wheelchair.NO).any():
        return "not_possible"
    return "possible" if len(found) and (found == Wheelchair.YES).all() else "unknown"


TURN = Direction.CONTINUE.value
TURNS = {
    PathwayMode.STAIRS: Direction.STAIRS.value,
    PathwayMode.ESCALATOR: Direction.STAIRS.value,
    PathwayMode.ELEVATOR: Direction.ELEVATOR.value,
}
"""What to do where a pathway begins; stairs that move are stairs."""


def find_change(network: Network, start: int, end: int, foot: Profile = Profile.FOOT) -> tuple[Part, ...]:
    """Find the way from one stop to another, along pathways and streets; nothing where there is none."""
    inside, wheels = network.inside, foot is Profile.WHEELCHAIR
    if inside is None or not (inside.inside[[start, end]].any() or inside.first[start] < inside.first[start + 1]):
        way = find_change_way(network, start, end, foot)
        return (way,) if way else ()
    course = find_course(inside, start, end, wheels=wheels)
    if course is not None:
        return (course,)
    exits, entrances = (
        [(stop, 0)] if not inside.inside[stop] else list_doors(inside, stop, leaving=leaving, wheels=wheels)
        for stop, leaving in ((start, True), (end, False))
    )
    if not exits or not entrances:
        return ()
    timetable = network.timetable

    def measure(pair: tuple[tuple[int, int], tuple[int, int]]) -> float:
        (a, leave), (b, come) = pair
        places = [Point(float(timetable.stop_lon[stop]), float(timetable.stop_lat[stop])) for stop in (a, b)]
        return leave + come + float(haversine(*places)) / WALKING_SPEED

    (out, _), (into, _) = min(product(exits, entrances), key=measure)
    parts = (
        find_course(inside, start, out, wheels=wheels) if out != start else None,
        find_change_way(network, out, into, foot) if out != into else None,
        find_course(inside, into, end, wheels=wheels) if into != end else None,
    )
    return tuple(part for part in parts if part is not None)


def find_change_way(network: Network, start: int, end: int, foot: Profile = Profile.FOOT) -> Path | None:
    """Find the streets from one stop to another; None where there are none."""
    stops = network.stop_snaps
    if foot is Profile.WHEELCHAIR:
        stops = network.entrances and network.entrances.wheelchair
    if network.streets is None or stops is None:
        return None
    places = stops.one(start), stops.one(end)
    if places[0] is None or places[1] is None:
        return None
    return between(network.streets, places[0], places[1], foot, limit_seconds=LONGEST_CHANGE_WALK)


# ── places and times ──────────────────────────────────────────────────────────────────────────────────────────────────


def stop_place(network: Network, stop: int) -> Place:
    """Describe a stop."""
    timetable = network.timetable
    return Place(
        timetable.stop_names.at(stop) or timetable.stop_ids.at(stop),
        float(timetable.stop_lat[stop]),
        float(timetable.stop_lon[stop]),
        timetable.stop_ids.at(stop),
        timetable.stop_platforms.at(stop) or None,
    )


def door_place(end: End) -> Place:
    """Describe an end of a journey."""
    return Place(end.name, end.point.lat, end.point.lon)


def local_time(network: Network, instant: int, zone: int) -> datetime:
    """Return an instant in a zone of the network."""
    return datetime.fromtimestamp(instant, network.zones[zone])


def pairs(points: NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
    """Return points, float64[n, 2], lon and lat, as GeoJSON has them."""
    return tuple((lon, lat) for lon, lat in np.round(points, 6).tolist())
