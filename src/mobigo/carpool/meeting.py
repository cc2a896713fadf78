"""Where one can be picked up or set down within a walk: the door, known places, and points of the streets around.

Known places are stops of carpool lines and of the registers of carpool places. Points of the streets are junctions of
those on which cars are quickest: a few hundred metres on foot spare a driver the way through a village.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.kit.geo import Point, haversine
from mobigo.street.graph import Profile
from mobigo.street.routing import reach, snap, stop_seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from mobigo.carpool.supply import Place
    from mobigo.street.graph import StreetGraph
    from mobigo.street.routing import Reach

WALK_SPEED = 1.2
"""Metres per second."""

DETOUR = 1.4
"""Where no streets are loaded: how much longer a way on foot is than the straight line."""

MOST_KNOWN, MOST_STREET = 5, 4
"""Places of each kind that are looked at, besides the door."""

APART = 250.0
"""Metres between points of streets, and between them and other places."""


class Meeting(NamedTuple):
    """A place where one can get on or off."""

    name: str
    point: Point
    walk: int
    """Seconds on foot, to it or from it."""


def find_meetings(
    streets: StreetGraph | None,
    here: Place,
    known: Iterable[Place],
    limit: int,
    *,
    backward: bool,
    speed: float = WALK_SPEED,
    anywhere: bool = True,
) -> list[Meeting]:
    """Find where somebody can get on (off, with `backward`) within a walk of where they are (want to be).

    Parameters
    ----------
    here : Place
        The door; it is the first place found.
    limit : int
        Seconds on foot, at most.
    anywhere : bool
        False: only at the door and at known places.
    """
    near = list(_list_near(here.point, known, limit * speed))
    door = [Meeting(here.name, here.point, 0)]
    if streets is None:
        walks = [int(np.ceil(DETOUR * haversine(here.point, one.point) / speed)) for one in near]
        return door + _choose(near, walks, limit)
    start = snap(streets, [here.point], Profile.FOOT).one(0) if limit > 0 else None
    if start is None:
        return door
    found = reach(streets, start, Profile.FOOT, float(limit), backward=backward, speed=speed)
    walks = stop_seconds(found, snap(streets, [one.point for one in near], Profile.FOOT)).tolist() if near else []
    meetings = door + _choose(near, walks, limit)
    if anywhere:
        meetings += _find_on_streets(streets, found, [one.point for one in meetings])
    return meetings


def _list_near(here: Point, known: Iterable[Place], metres: float) -> Iterator[Place]:
    """List the places within a straight line, each point once; the door itself is none of them."""
    reach_lat = metres / 111_195.0
    seen = {here}
    for one in known:
        if abs(one.point.lat - here.lat) > reach_lat or one.point in seen:
            continue
        if haversine(here, one.point) <= metres:
            seen.add(one.point)
            yield one


def _choose(near: Sequence[Place], walks: Sequence[int], limit: int) -> list[Meeting]:
    """Keep the nearest of the places within the walk."""
    within = [Meeting(one.name, one.point, walk) for one, walk in zip(near, walks, strict=True) if 0 <= walk <= limit]
    return sorted(within, key=lambda one: one.walk)[:MOST_KNOWN]


def _find_on_streets(streets: StreetGraph, found: Reach, taken: list[Point]) -> list[Meeting]:
    """Find junctions where cars are quick, apart from each other; of equals the nearest."""
    speed, edge = _drive_speeds(streets, found.node)
    lon, lat = np.asarray(streets.points.lon)[found.node], np.asarray(streets.points.lat)[found.node]
    meetings: list[Meeting] = []
    for n in np.lexsort((found.seconds, -speed)).tolist():
        if not speed[n] or len(meetings) == MOST_STREET:
            break
        point = Point(float(lon[n]), float(lat[n]))
        if all(haversine(point, one) >= APART for one in taken):
            name = streets.names.at(int(streets.edge_name[edge[n]]))
            meetings.append(Meeting(name or f"{point.lat:.5f}, {point.lon:.5f}", point, int(np.ceil(found.seconds[n]))))
            taken.append(point)
    return meetings


def _drive_speeds(streets: StreetGraph, nodes: NDArray[np.int32]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Return the speed in m/s of the quickest arc that leaves each node by car, 0 without any, and its edge."""
    first = streets.net.first
    begin, size = first[nodes], first[nodes + 1] - first[nodes]
    arcs = streets.net.arc[np.repeat(begin - (np.cumsum(size) - size), size) + np.arange(size.sum())]
    of = np.repeat(np.arange(len(nodes)), size)
    cost = streets.car[arcs]
    quick = np.where(np.isfinite(cost) & (cost > 0), streets.edge_metres[arcs // 2] / np.maximum(cost, 0.1), 0.0)
    order = np.lexsort((quick, of))
    last = np.searchsorted(of[order], np.arange(len(nodes)), side="right") - 1
    best = order[last]
    speed = np.where(size > 0, np.round(quick[best], 1), 0.0).astype(np.float32)
    return speed, (arcs[best] // 2).astype(np.int32)
