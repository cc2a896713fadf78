"""Rides in words: names, times with zones, courses on the map, and what live data know about them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.journeys.courses import follow
from mobigo.journeys.emissions import emit_ride
from mobigo.journeys.model import Call, Leg, Line
from mobigo.journeys.modes import mode_of
from mobigo.journeys.streetlegs import local_time, pairs, stop_place
from mobigo.transit.alerts import concern_of_ride
from mobigo.transit.boards import find_planned_row, headsign, permission_of, phone_of, platform_now, platform_of
from mobigo.transit.days import goes_on
from mobigo.transit.distances import ride_metres
from mobigo.transit.overlay import NEVER, CallStatus, GoneKind
from mobigo.transit.shapes import draw, is_believed, pass_stops
from mobigo.transit.timetable import ALL_RUNS, GUARANTEED, NOT_ALLOWED, OFTEN, begin_day, day_number
from mobigo.transit.transfers import find_rule
from mobigo.transit.ways import hop_straight

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mobigo.journeys.network import Network
    from mobigo.transit.model import Ride
    from mobigo.transit.overlay import Overlay
    from mobigo.transit.shapes import Shape
    from mobigo.transit.timetable import Timetable


class Found(NamedTuple):
    """Where a ride begins and ends as vehicles run now: calls of the overlay's timetable."""

    board: int
    """-1 where one cannot board any more."""
    alight: int
    runs: bool = True
    """False: the whole run is not there."""


def describe_ride(network: Network, ride: Ride, before: Ride | None = None, *, changed: bool = True) -> Leg:
    """Describe a ride.

    On a network as it runs, the ride's own times are those of now; where live data only annotate, those they know of.

    Parameters
    ----------
    before : Ride, optional
        The ride before in the same journey.
    changed : bool
        False: there is no way between it and this one.
    """
    timetable = network.timetable
    first = int(timetable.call_first[ride.trip])
    board, alight = first + ride.from_pos, first + ride.to_pos
    route = int(timetable.trip_route[ride.trip])
    start = begin_day(day_number(ride.service_date), network.zones[int(timetable.trip_zone[ride.trip])])
    seated = before is not None and not changed and is_seat_kept(timetable, before, ride)
    rule = find_rule(timetable, before, ride) if before is not None and not seated else None
    pickup, drop_off = permission_of(timetable.call_pickup[board]), permission_of(timetable.call_drop_off[alight])
    leg = Leg(
        mode=mode_of(int(timetable.route_type[route])),
        start=stop_place(network, ride.from_stop),
        end=stop_place(network, ride.to_stop),
        departure=_local(network, ride.trip, ride.departure),
        arrival=_local(network, ride.trip, ride.arrival),
        geometry=course(network, ride.trip, board, alight),
        metres=float(ride_metres(timetable, ride.trip, ride.from_pos, ride.to_pos)),
        trip_id=timetable.trip_ids.at(ride.trip),
        service_date=ride.service_date,
        line=_line(network, route),
        headsign=headsign(timetable, ride.trip, board) or None,
        stay_seated=seated,
        calls=_calls(network, ride, range(board + 1, alight)),
        co2=emit_ride(timetable, ride),
        guaranteed=rule is not None and rule.type == GUARANTEED,
        least_change=max(0, rule.seconds) if rule is not None else 0,
        every=find_headway(timetable, ride, start),
        wheelchair=_possible(
            int(timetable.trip_wheelchair[ride.trip]),
            *(int(wheelchair_of(timetable, stop)) for stop in (ride.from_stop, ride.to_stop)),
        ),
        bikes=_possible(int(timetable.trip_bikes[ride.trip])),
        pickup=pickup,
        drop_off=drop_off,
        phone=phone_of(timetable, route) if "phone" in {pickup, drop_off} else None,
    )
    return _annotate(network, ride, leg, start) if network.live else leg


def is_seat_kept(timetable: Timetable, before: Ride, ride: Ride) -> bool:
    """Tell whether the vehicle of one ride goes on as the next: from its last stop, in the same block or linked."""
    last = timetable.call_first[before.trip + 1] - timetable.call_first[before.trip] - 1
    if before.to_pos != last or ride.from_pos != 0:
        return False
    return goes_on(timetable, before, ride)


def find_headway(timetable: Timetable, ride: Ride, start: int) -> int | None:
    """Find how many seconds there are between the vehicles of a trip that runs by frequency; else None.

    Parameters
    ----------
    start : int
        Seconds since 1970 UTC from which the times of its day count.
    """
    runs = np.flatnonzero(timetable.run_trip == ride.trip)
    if not len(runs) or timetable.run_repeats[runs[0]] != OFTEN:
        return None
    own = int(timetable.call_departure[timetable.call_first[ride.trip] + ride.from_pos])
    shifts = np.sort(timetable.run_shift[runs])
    at = int(np.searchsorted(shifts, ride.departure - start - own))
    gaps = np.diff(shifts)
    return int(gaps[min(at, len(gaps) - 1)]) if len(gaps) else None


def wheelchair_of(timetable: Timetable, stop: int) -> int:
    """Return wheelchair_boarding of a stop: its own, else that of the station it belongs to."""
    parent = int(timetable.stop_parent[stop])
    own = int(timetable.stop_wheelchair[stop])
    return own if own or parent < 0 else int(timetable.stop_wheelchair[parent])


def _possible(*values: int) -> str:
    """Say whether something is possible, by the values of GTFS: 1 yes, 2 no, 0 unknown."""
    return "not_possible" if 2 in values else "unknown" if 0 in values else "possible"  # noqa: PLR2004 - GTFS's own


def _local(network: Network, trip: int, instant: int) -> datetime:
    return local_time(network, instant, int(network.timetable.trip_zone[trip]))


# ── by live data ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _calls(network: Network, ride: Ride, rows: range) -> tuple[Call, ...]:
    """Describe the stops on the way, less those where the vehicle does not call now."""
    timetable = network.timetable
    overlay = network.live.overlay if network.live and network.is_running else None
    shift = ride.departure - int(timetable.call_departure[rows.start - 1])
    return tuple(
        Call(
            stop_place(network, int(timetable.call_stop[row])),
            _local(network, ride.trip, int(timetable.call_arrival[row]) + shift),
            _local(network, ride.trip, int(timetable.call_departure[row]) + shift),
        )
        for row in rows
        if overlay is None or not is_skipped(overlay, row)
    )


def is_skipped(overlay: Overlay, row: int) -> bool:
    """Tell whether a call of the overlay's timetable is not made."""
    number = row - int(overlay.base_calls[0])
    return number >= 0 and bool(overlay.call_status[number] == CallStatus.SKIPPED)


def _annotate(network: Network, ride: Ride, leg: Leg, start: int) -> Leg:
    """Add what live data say: to a ride as it goes now how it was planned, to one by the timetable how it goes now."""
    assert network.live is not None
    overlay = network.live.overlay
    timetable = network.timetable
    concern = concern_of_ride(timetable, ride.trip, day_number(ride.service_date), (ride.from_stop, ride.to_stop))
    leg = replace(leg, alerts=tuple(network.live.messages.find(concern, ride.departure, ride.arrival)))
    if network.is_running:
        first = int(timetable.call_first[ride.trip])
        return _compare(network, leg, Found(first + ride.from_pos, first + ride.to_pos), start)
    found = find_now(overlay, timetable, ride, start)
    if found is None:
        return leg
    if found.board < 0 or found.alight < 0:
        return replace(leg, canceled=True, planned_departure=leg.departure, planned_arrival=leg.arrival)
    now = overlay.timetable
    zone = int(now.trip_zone[ride.trip])
    stops = int(now.call_stop[found.board]), int(now.call_stop[found.alight])
    leg = replace(
        leg,
        start=stop_place(network, stops[0]),
        end=stop_place(network, stops[1]),
        departure=local_time(network, start + int(now.call_departure[found.board]), zone),
        arrival=local_time(network, start + int(now.call_arrival[found.alight]), zone),
    )
    return _compare(network, leg, found, start)


def _compare(network: Network, leg: Leg, found: Found, start: int) -> Leg:
    """Set what was planned beside what is now, as far as live data say anything."""
    assert network.live is not None
    overlay = network.live.overlay
    rows = found.board, found.alight
    board, alight = (row - int(overlay.base_calls[0]) for row in rows)
    if board < 0:
        return leg
    zone = leg.departure.tzinfo
    times = int(overlay.call_planned_departure[board]), int(overlay.call_planned_arrival[alight])
    departure, arrival = (None if one == NEVER else datetime.fromtimestamp(start + one, zone) for one in times)
    known = [
        overlay.call_status[call] == CallStatus.LIVE or (planned is not None and planned != now)
        for call, planned, now in ((board, departure, leg.departure), (alight, arrival, leg.arrival))
    ]
    platforms = [platform_now(overlay.timetable, overlay, row) for row in rows]
    below = find_planned_row(overlay.timetable, overlay, found.board)
    before = platform_of(overlay.timetable, below) if below >= 0 else None
    return replace(
        leg,
        start=replace(leg.start, platform=platforms[0]),
        end=replace(leg.end, platform=platforms[1]),
        planned_departure=departure if known[0] else None,
        planned_arrival=arrival if known[1] else None,
        planned_platform=before if before != platforms[0] else None,
        added=departure is None,
    )


def find_now(overlay: Overlay, timetable: Timetable, ride: Ride, start: int) -> Found | None:
    """Find the calls where a ride by the timetable begins and ends now; None when live data say nothing about it.

    Parameters
    ----------
    timetable : Timetable
        The one below the overlay.
    start : int
        Seconds since 1970 UTC from which the times of its day count.
    """
    now = overlay.timetable
    shift = ride.departure - start - int(timetable.call_departure[timetable.call_first[ride.trip] + ride.from_pos])
    gone = find_gone(overlay, ride.trip, day_number(ride.service_date), shift)
    if gone is None:
        return None
    kind, extra = gone
    if kind != GoneKind.REPLACED or extra < 0:
        return Found(-1, -1, runs=False)
    first, last = int(now.call_first[extra]), int(now.call_first[extra + 1])
    if find_planned_row(now, overlay, first) >= 0:
        board, alight = first + ride.from_pos, first + ride.to_pos
        return Found(
            board if now.call_pickup[board] != NOT_ALLOWED else -1,
            alight if now.call_drop_off[alight] != NOT_ALLOWED else -1,
        )
    board = _find_stop(now, ride.from_stop, range(first, last - 1), now.call_pickup)
    return Found(board, _find_stop(now, ride.to_stop, range(board + 1, last), now.call_drop_off) if board >= 0 else -1)


def find_gone(overlay: Overlay, trip: int, day: int, shift: int) -> tuple[int, int] | None:
    """Tell why a run is not there as planned (`GoneKind`), and which trip is instead (-1: none); None where it is."""
    now = overlay.timetable
    rows = slice(*np.searchsorted(now.gone_trip, [trip, trip + 1]).tolist())
    for row in (rows.start + np.flatnonzero(now.gone_day[rows] == day)).tolist():
        if now.gone_shift[row] in {ALL_RUNS, shift}:
            return int(overlay.gone_kind[row]), int(overlay.gone_extra[row])
    return None


def _find_stop(timetable: Timetable, stop: int, rows: range, permission: NDArray[np.int8]) -> int:
    """Find a stop among calls, or another platform of its station; -1 where there is none."""
    usable = [row for row in rows if permission[row] != NOT_ALLOWED]
    station = timetable.stop_station[stop]
    same = [row for row in usable if timetable.call_stop[row] == stop]
    near = [row for row in usable if timetable.stop_station[timetable.call_stop[row]] == station]
    return (same or near or [-1])[0]


# ── lines and courses ─────────────────────────────────────────────────────────────────────────────────────────────────


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


def course(network: Network, trip: int, board: int, alight: int) -> tuple[tuple[float, float], ...]:
    """Return the course of a ride as it is measured: along its shape, else along streets, else from stop to stop."""
    timetable = network.timetable
    shape = read_shape(timetable, trip)
    stops = timetable.call_stop[board : alight + 1]
    if shape is None:
        return pairs(follow(timetable, network.courses, stops))
    first = int(timetable.call_first[trip])
    calls = slice(first, int(timetable.call_first[trip + 1]))
    lon, lat = timetable.stop_lon[timetable.call_stop[calls]], timetable.stop_lat[timetable.call_stop[calls]]
    passed = pass_stops(shape, lon, lat, timetable.call_distance[calls])
    marks = passed.marks[board - first : alight - first + 1]
    followed = is_believed(passed, hop_straight(lon, lat))[board - first : alight - first].tolist()
    parts = []
    for on_shape, some in groupby(range(len(followed)), key=followed.__getitem__):
        hops = list(some)
        start, end = hops[0], hops[-1] + 1
        on_it = on_shape and marks[start] < marks[end]
        parts.append(
            passed.shape.cut(marks[start], marks[end])
            if on_it
            else follow(timetable, network.courses, stops[start : end + 1])
        )
    return pairs(np.concatenate(parts))


def read_shape(timetable: Timetable, trip: int) -> Shape | None:
    """Return the shape of a trip; None where it has none that is a line."""
    shape = int(timetable.trip_shape[trip])
    if shape < 0:
        return None
    rows = slice(int(timetable.shape_first[shape]), int(timetable.shape_first[shape + 1]))
    return draw(timetable.shape_lon[rows], timetable.shape_lat[rows], timetable.shape_distance[rows])
