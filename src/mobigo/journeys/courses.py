"""The course of road vehicles between neighbouring stops where the feed draws no shape: along the streets."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mobigo.kit.geo import arc_metres
from mobigo.street.graph import Profile
from mobigo.street.routing import course, snap

if TYPE_CHECKING:
    from mobigo.street.graph import StreetGraph
    from mobigo.street.routing import Snaps
    from mobigo.transit.timetable import Timetable

ROAD_TYPES = ((3, 4), (11, 12), (200, 300), (700, 900))
"""route_type of vehicles on roads, from, to (exclusive)."""

FARTHEST_STREET = 60.0
"""Metres from a stop to the street its vehicles use; farther ones are joined by straight lines."""

DETOUR, SLACK = 1.6, 300.0
"""A way longer than so many times the straight line and so many metres is not the one vehicles take."""

SLOWEST = 4.0
"""Metres per second of the straight line, below which a way is not looked for any further."""


class Courses(NamedTuple):
    """Ways between pairs of stops, sorted by pair."""

    pair: NDArray[np.int64]
    """int64[n_pairs], stop index times number of stops plus stop index."""
    first: NDArray[np.int64]
    """int64[n_pairs + 1], index."""
    lon: NDArray[np.float32]
    lat: NDArray[np.float32]


def draw_courses(timetable: Timetable, graph: StreetGraph) -> Courses:
    """Draw the way of every pair of neighbouring stops on a line on roads that has no shape."""
    pairs = _list_pairs(timetable)
    n_stops = len(timetable.stop_lat)
    snaps = snap(graph, np.stack([timetable.stop_lon, timetable.stop_lat], axis=1), Profile.CAR, limit=FARTHEST_STREET)

    def draw(part: NDArray[np.int64]) -> list[NDArray[np.float64] | None]:
        return [_draw(timetable, graph, snaps, int(pair) // n_stops, int(pair) % n_stops) for pair in part]

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        drawn = [line for part in pool.map(draw, np.array_split(pairs, 64)) for line in part]
    found = np.array([line is not None for line in drawn], np.bool_)
    lines = [line for line in drawn if line is not None]
    points = np.concatenate([np.zeros((0, 2)), *lines])
    return Courses(
        pair=pairs[found],
        first=np.concatenate([[0], np.cumsum([len(line) for line in lines])]).astype(np.int64),
        lon=points[:, 0].astype(np.float32),
        lat=points[:, 1].astype(np.float32),
    )


def follow(timetable: Timetable, courses: Courses | None, stops: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return the way over some stops in turn, along the streets where they are known, else straight.

    Returns
    -------
    float64[n, 2], lon and lat; stops without a place are left out.
    """
    if courses is None:
        way = np.stack([timetable.stop_lon[stops], timetable.stop_lat[stops]], axis=1)
    else:
        wanted = stops[:-1].astype(np.int64) * len(timetable.stop_lat) + stops[1:]
        at = np.searchsorted(courses.pair, wanted)
        known = np.append(courses.pair, -1)[at] == wanted
        lon: list[NDArray[np.floating]] = []
        lat: list[NDArray[np.floating]] = []
        for number, (row, is_known) in enumerate(zip(at.tolist(), known.tolist(), strict=True)):
            lon.append(timetable.stop_lon[stops[number : number + 1]])
            lat.append(timetable.stop_lat[stops[number : number + 1]])
            if is_known:
                rows = slice(int(courses.first[row]), int(courses.first[row + 1]))
                lon.append(courses.lon[rows])
                lat.append(courses.lat[rows])
        lon.append(timetable.stop_lon[stops[-1:]])
        lat.append(timetable.stop_lat[stops[-1:]])
        way = np.stack([np.concatenate(lon), np.concatenate(lat)], axis=1).astype(np.float64)
    located: NDArray[np.float64] = way[np.isfinite(way).all(axis=1)]
    return located


def _list_pairs(timetable: Timetable) -> NDArray[np.int64]:
    """Pairs of neighbouring stops on patterns that run on roads and have a trip without a shape; sorted."""
    kind = timetable.route_type[timetable.trip_route]
    on_road = np.logical_or.reduce([(kind >= start) & (kind < end) for start, end in ROAD_TYPES])
    wanted = np.unique(timetable.trip_pattern[on_road & (timetable.trip_shape < 0) & (timetable.trip_pattern >= 0)])
    length = np.diff(timetable.pattern_first)
    pattern = np.repeat(np.arange(len(length)), length)
    follows = np.append(pattern[1:] == pattern[:-1], np.zeros(min(1, len(pattern)), np.bool_))
    starts = np.flatnonzero(follows & np.isin(pattern, wanted))
    stops = timetable.pattern_stop.astype(np.int64)
    return np.unique(stops[starts] * len(timetable.stop_lat) + stops[starts + 1])


def _draw(timetable: Timetable, graph: StreetGraph, snaps: Snaps, start: int, end: int) -> NDArray[np.float64] | None:
    here, there = snaps.one(start), snaps.one(end)
    if here is None or there is None or start == end:
        return None
    lat, lon = np.radians(timetable.stop_lat[[start, end]]), np.radians(timetable.stop_lon[[start, end]])
    straight = float(arc_metres(lat[:1], lon[:1], lat[1:], lon[1:])[0])
    line = course(graph, here, there, Profile.CAR, limit_seconds=60 + straight / SLOWEST)
    if line is None or len(line) < 2:  # noqa: PLR2004  a line has two ends
        return None
    lat, lon = np.radians(line[:, 1]), np.radians(line[:, 0])
    metres = float(arc_metres(lat[:-1], lon[:-1], lat[1:], lon[1:]).sum())
    return line if metres <= DETOUR * straight + SLACK else None
