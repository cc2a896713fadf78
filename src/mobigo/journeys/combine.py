"""From rides and walks by index to journeys with names, times with zones and courses on the map."""

from __future__ import annotations

import json
import zlib
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from mobigo.journeys.courses import find_course
from mobigo.journeys.model import Call, Journey, Label, Leg, Line, Mode
from mobigo.journeys.streetlegs import describe_way, find_change_way, local_time, pairs, stop_place
from mobigo.transit.model import Ride, Walk
from mobigo.transit.timetable import LINKED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mobigo.journeys.access import Access, Direct
    from mobigo.journeys.network import Network
    from mobigo.street.routing import Path
    from mobigo.transit.model import TransitJourney
    from mobigo.transit.timetable import Timetable

MODES = {
    0: Mode.TRAM,
    1: Mode.SUBWAY,
    2: Mode.RAIL,
    3: Mode.BUS,
    4: Mode.FERRY,
    5: Mode.CABLE_CAR,
    6: Mode.CABLE_CAR,
    7: Mode.FUNICULAR,
    11: Mode.BUS,
    12: Mode.RAIL,
}
"""Mode by route_type."""

EXTENDED_MODES = [
    (100, 200, Mode.RAIL),
    (200, 300, Mode.COACH),
    (300, 400, Mode.RAIL),
    (400, 700, Mode.SUBWAY),
    (700, 900, Mode.BUS),
    (900, 1000, Mode.TRAM),
    (1000, 1100, Mode.FERRY),
    (1100, 1200, Mode.AIR),
    (1200, 1300, Mode.FERRY),
    (1300, 1400, Mode.CABLE_CAR),
    (1400, 1500, Mode.FUNICULAR),
    (1500, 1600, Mode.TAXI),
]
"""Mode by extended route_type, from, to (exclusive)."""

NEAR_DEGREES = 3e-4
"""About 30 m: of several passages of a shape near a stop, the first within so much of the nearest is taken."""


def mode_of(route_type: int) -> Mode:
    """Return how a route travels, by its basic or extended route_type."""
    if route_type in MODES:
        return MODES[route_type]
    return next((mode for start, end, mode in EXTENDED_MODES if start <= route_type < end), Mode.OTHER)


@dataclass(frozen=True)
class Doors:
    """Both ends of a question, and the walk between them."""

    origin: Access
    destination: Access
    walk: Direct | None
    ways: dict[tuple[int, int], Path | None] = field(default_factory=dict)
    """Ways between stops found so far: the journeys of one answer share most of them."""


def describe(network: Network, found: TransitJourney, doors: Doors) -> Journey:
    """Describe one journey."""
    legs: list[Leg] = []
    for before, part in zip((None, *found.legs), found.legs, strict=False):
        if isinstance(part, Ride):
            legs.append(_ride(network, part, seated=isinstance(before, Ride) and _is_seat_kept(network, before, part)))
        else:
            legs += [
                leg
                for leg in _walk(network, part, doors)
                if leg.departure < leg.arrival or leg.start != leg.end or len(found.legs) == 1
            ]
    return Journey(_identify(network, found, doors), legs[0].departure, legs[-1].arrival, found.transfers, tuple(legs))


def _is_seat_kept(network: Network, before: Ride, part: Ride) -> bool:
    """Tell whether the vehicle of one ride goes on as the next: from its last stop, in the same block or linked."""
    timetable = network.timetable
    last = timetable.call_first[before.trip + 1] - timetable.call_first[before.trip] - 1
    if before.to_pos != last or part.from_pos != 0:
        return False
    block = timetable.trip_block[before.trip]
    linked = (timetable.link_from == before.trip) & (timetable.link_to == part.trip) & (timetable.link_type == LINKED)
    return bool(linked.any() or (block >= 0 and block == timetable.trip_block[part.trip]))


# ── legs ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _ride(network: Network, ride: Ride, *, seated: bool) -> Leg:
    timetable = network.timetable
    zone = int(timetable.trip_zone[ride.trip])
    first = int(timetable.call_first[ride.trip])
    board, alight = first + ride.from_pos, first + ride.to_pos
    shift = ride.departure - int(timetable.call_departure[board])
    calls = tuple(
        Call(
            stop_place(network, int(timetable.call_stop[row])),
            local_time(network, int(timetable.call_arrival[row]) + shift, zone),
            local_time(network, int(timetable.call_departure[row]) + shift, zone),
        )
        for row in range(board + 1, alight)
    )
    head = int(timetable.call_headsign[board])
    return Leg(
        mode=mode_of(int(timetable.route_type[timetable.trip_route[ride.trip]])),
        start=stop_place(network, ride.from_stop),
        end=stop_place(network, ride.to_stop),
        departure=local_time(network, ride.departure, zone),
        arrival=local_time(network, ride.arrival, zone),
        geometry=_course(network, ride.trip, board, alight),
        trip_id=timetable.trip_ids.at(ride.trip),
        service_date=ride.service_date,
        line=_line(network, int(timetable.trip_route[ride.trip])),
        headsign=(timetable.headsigns.at(head) if head >= 0 else timetable.trip_headsigns.at(ride.trip)) or None,
        stay_seated=seated,
        calls=calls,
    )


def _line(network: Network, route: int) -> Line:
    timetable = network.timetable
    short, long = timetable.route_short_names.at(route), timetable.route_long_names.at(route)
    agency = int(timetable.route_agency[route])
    return Line(
        id=timetable.route_ids.at(route),
        name=short or long,
        long_name=long or short,
        color=timetable.route_colors.at(route) or None,
        text_color=timetable.route_text_colors.at(route) or None,
        agency=timetable.agency_names.at(agency) if agency >= 0 else "",
    )


def _course(network: Network, trip: int, board: int, alight: int) -> tuple[tuple[float, float], ...]:
    """Return the course of a ride: along its shape, else along streets, else from stop to stop."""
    timetable = network.timetable
    shape = int(timetable.trip_shape[trip])
    if shape >= 0:
        cut = cut_shape(timetable, shape, board, alight)
        if cut is not None:
            return pairs(cut)
    stops = timetable.call_stop[board : alight + 1].tolist()
    parts = [_between_calls(network, start, end) for start, end in pairwise(stops)]
    return pairs(np.concatenate(parts))


def _between_calls(network: Network, start: int, end: int) -> NDArray[np.float64]:
    """Return the way from a stop to the next one: along the streets where they are known, else straight."""
    timetable = network.timetable
    ends = np.stack([timetable.stop_lon[[start, end]], timetable.stop_lat[[start, end]]], axis=1)
    way = find_course(network.courses, len(timetable.stop_lat), start, end) if network.courses else None
    line = ends if way is None else np.concatenate([ends[:1], way, ends[1:]])
    known: NDArray[np.float64] = line[np.isfinite(line).all(axis=1)]
    return known


def cut_shape(timetable: Timetable, shape: int, board: int, alight: int) -> NDArray[np.float64] | None:
    """Cut the part between two calls out of a shape; None when the shape does not pass them in order.

    By shape_dist_traveled where both have it, else at the nearest points: of boarding, and of alighting after it.
    """
    rows = slice(int(timetable.shape_first[shape]), int(timetable.shape_first[shape + 1]))
    points = np.stack([timetable.shape_lon[rows], timetable.shape_lat[rows]], axis=1)
    if len(points) < 2:  # noqa: PLR2004  a line has two ends
        return None
    along = timetable.shape_distance[rows]
    marks = timetable.call_distance[[board, alight]]
    if not (np.isfinite(along).all() and np.isfinite(marks).all() and marks[0] < marks[1] <= along[-1] * 1.01):
        along, marks = _measure(points, timetable, board, alight)
        if marks[0] >= marks[1]:
            return None
    ends = np.stack([np.interp(marks, along, points[:, axis]) for axis in range(2)], axis=1)
    inside = points[(along > marks[0]) & (along < marks[1])]
    return np.concatenate([ends[:1], inside, ends[1:]])


def _measure(
    points: NDArray[np.float64], timetable: Timetable, board: int, alight: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Measure a shape on the ground, and find its two stops along it.

    Every call of the trip from its first is placed in turn at or after the one before, so that a shape that passes a
    place twice is cut at the right passage.
    """
    scale = np.array([np.cos(np.radians(points[0, 1])), 1.0])
    flat = points * scale
    hops = np.diff(flat, axis=0)
    lengths = np.hypot(hops[:, 0], hops[:, 1])
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    trip = int(np.searchsorted(timetable.call_first, board, side="right")) - 1
    stops = timetable.call_stop[int(timetable.call_first[trip]) : alight + 1]
    places = np.stack([timetable.stop_lon[stops], timetable.stop_lat[stops]], axis=1) * scale
    marks, reached = [], 0.0
    for place in places:
        share = np.clip(((place - flat[:-1]) * hops).sum(axis=1) / np.maximum(lengths**2, 1e-18), 0.0, 1.0)
        at = along[:-1] + share * lengths
        away = np.hypot(*(flat[:-1] + share[:, None] * hops - place).T)
        away[at < reached - 1e-9] = np.inf
        near = np.flatnonzero(away <= away.min() + NEAR_DEGREES)
        reached = float(at[near[0]]) if np.isfinite(away[near[0]]) else float(along[-1])
        marks.append(reached)
    return along, np.array([marks[-1 - (alight - board)], marks[-1]])


def _walk(network: Network, walk: Walk, doors: Doors) -> list[Leg]:
    """Describe a way on streets: from the door, to the door, between two stops, or all the way."""
    if walk.from_stop < 0 and walk.to_stop < 0:
        assert doors.walk is not None
        return doors.walk.legs(walk.departure, network)
    if walk.from_stop < 0:
        return doors.origin.legs(walk.to_stop, walk.departure, network)
    if walk.to_stop < 0:
        return doors.destination.legs(walk.from_stop, walk.departure, network)
    key = walk.from_stop, walk.to_stop
    if key not in doors.ways:
        doors.ways[key] = find_change_way(network, *key)
    ends = stop_place(network, walk.from_stop), stop_place(network, walk.to_stop)
    return [describe_way(network, Mode.WALK, ends, (walk.departure, walk.arrival), doors.ways[key])]


# ── the set of answers ────────────────────────────────────────────────────────────────────────────────────────────────


def label(journeys: Sequence[Journey]) -> tuple[Journey, ...]:
    """Name what each journey is best at, when there is a choice."""
    if not journeys:
        return ()
    best = {
        Label.EARLIEST: min(journeys, key=lambda one: (one.arrival, one.transfers)),
        Label.FASTEST: min(journeys, key=lambda one: (one.arrival - one.departure, one.transfers)),
        Label.FEWEST_TRANSFERS: min(journeys, key=lambda one: (one.transfers, one.arrival - one.departure)),
        Label.LEAST_WALKING: min(journeys, key=lambda one: (one.walking, one.arrival - one.departure)),
    }
    return tuple(
        replace(journey, labels=tuple(name for name, one in best.items() if one is journey)) for journey in journeys
    )


def _identify(network: Network, found: TransitJourney, doors: Doors) -> str:
    """Write the rides, by ids that outlive the network, as one word."""
    timetable = network.timetable
    rides = [
        [timetable.trip_ids.at(leg.trip), leg.service_date.isoformat(), leg.departure, leg.from_pos, leg.to_pos]
        for leg in found.legs
        if isinstance(leg, Ride)
    ]
    ends = [[*reversed(access.end.point)] for access in (doors.origin, doors.destination)]
    content = json.dumps([1, ends, found.departure, rides], separators=(",", ":"))
    return urlsafe_b64encode(zlib.compress(content.encode(), 9)).decode().rstrip("=")
