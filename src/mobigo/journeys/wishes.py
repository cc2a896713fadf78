"""What a traveller asks besides places and times, in the words of the search: filters, pace, costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mobigo.journeys.emissions import grams_by_route
from mobigo.journeys.identity import CARPOOL
from mobigo.journeys.model import Criterion, Mode
from mobigo.journeys.modes import mode_of
from mobigo.kit.errors import InvalidInput, NotFound
from mobigo.transit.distances import ride_metres
from mobigo.transit.footpaths import WALKING_SPEED, meant_by
from mobigo.transit.model import Costs, Preferences, Ride

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from mobigo.journeys.model import JourneyRequest
    from mobigo.journeys.network import Network
    from mobigo.transit.model import TransitJourney, Via
    from mobigo.transit.timetable import Timetable

UNKNOWN, POSSIBLE, NOT_POSSIBLE = 0, 1, 2
"""wheelchair_accessible, wheelchair_boarding, bikes_allowed."""

AVOIDED = 1200
"""Seconds that everything else may take longer than a ride that is avoided, per boarding."""

PREFERRED = 600
"""Seconds that a ride that is preferred may take longer than anything else."""

UNKNOWN_VEHICLE, UNKNOWN_STOP = 600, 300
"""Seconds by which not knowing whether a wheelchair can be taken counts against a boarding, and against a stop."""

CHANGE_COST = 300
"""Seconds that a boarding counts, all inconvenience together."""

NO_FACTOR = 100.0
"""Grams per kilometre that the search takes a vehicle without a factor to emit."""

LONGEST_LINKED = 600
"""Seconds: the longest walk between stops that a network has; a traveller who walks that far needs no bound."""


def understand(network: Network, request: JourneyRequest, vias: tuple[Via, ...] = ()) -> Preferences | None:
    """Put wishes in the words of the search; None when there are none, which is answered quicker.

    Raises
    ------
    NotFound
        When a line, an operator or a stop is not of the network.
    InvalidInput
        When a word is none of ``mode:``, ``line:``, ``agency:``, ``stop:``.
    """
    timetable = network.timetable
    walk_factor = WALKING_SPEED / request.walk_speed
    preferences = Preferences(
        routes=_allowed_routes(timetable, request),
        trips=_allowed_trips(timetable, request),
        stops=_allowed_stops(network, request),
        walk_factor=walk_factor,
        longest_walk=request.max_walk if request.max_walk < LONGEST_LINKED * max(walk_factor, 1.0) else None,
        min_change=request.min_change,
        slack=request.slack,
        footpaths=network.wheelchair_footpaths if request.wheelchair else None,
        costs=_costs(network, request),
        vias=vias,
    )
    return None if says_nothing(preferences) else preferences


def says_nothing(preferences: Preferences) -> bool:
    """Tell whether the quick search can answer as well."""
    asked = preferences.routes, preferences.trips, preferences.stops, preferences.footpaths, preferences.costs
    return (
        all(one is None for one in asked)
        and preferences.longest_walk is None
        and preferences.walk_factor == 1
        and not (preferences.min_change or preferences.slack or preferences.vias)
    )


# ── filters ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _allowed_routes(timetable: Timetable, request: JourneyRequest) -> NDArray[np.bool_] | None:
    if not (request.only or request.forbid):
        return None
    allowed = np.ones(len(timetable.route_type), np.bool_)
    for kind in ("mode", "line", "agency"):
        words = [word for word in request.only if word.startswith(f"{kind}:")]
        if words:
            allowed &= routes_named(timetable, words)
    stray = [word for word in request.only if word.split(":")[0] not in {"mode", "line", "agency"}]
    if stray:
        raise InvalidInput(f"only {stray[0]!r}: only takes mode:, line: and agency:; a stop to pass is a via")
    return allowed & ~routes_named(timetable, request.forbid)


def _allowed_trips(timetable: Timetable, request: JourneyRequest) -> NDArray[np.bool_] | None:
    allowed = None
    if request.wheelchair and (timetable.trip_wheelchair == NOT_POSSIBLE).any():
        allowed = timetable.trip_wheelchair != NOT_POSSIBLE
    if request.bicycle_aboard:
        bikes = timetable.trip_bikes == POSSIBLE
        allowed = bikes if allowed is None else allowed & bikes
    return allowed


def _allowed_stops(network: Network, request: JourneyRequest) -> NDArray[np.bool_] | None:
    forbidden = stops_named(network, request.forbid)
    if request.wheelchair:
        forbidden |= wheelchair_at(network.timetable) == NOT_POSSIBLE
        forbidden[list(network.closed_stops)] = True
    return ~forbidden if forbidden.any() else None


def routes_named(timetable: Timetable, words: Iterable[str]) -> NDArray[np.bool_]:
    """Tell of each route whether a word names it; words for stops name none."""
    named = np.zeros(len(timetable.route_type), np.bool_)
    for word in words:
        kind, _, name = word.partition(":")
        if kind == "mode":
            types = np.unique(timetable.route_type)
            meant = [kind for kind in types.tolist() if mode_of(kind) == name]
            if not meant and name not in tuple(Mode):
                raise InvalidInput(f"{word!r}: no mode {name!r}; modes are {', '.join(Mode)}")
            named |= np.isin(timetable.route_type, meant)
        elif kind == "line":
            route = timetable.route_ids.find(name)
            if route < 0 and name.partition(":")[0] == CARPOOL:
                continue  # rides in cars are in no timetable
            if route < 0:
                raise NotFound(f"no line {name!r}; take an id from /v1/lines", code="unknown_line")
            named[route] = True
        elif kind == "agency":
            agency = timetable.agency_ids.find(name)
            if agency < 0:
                known = ", ".join(timetable.agency_ids.all()[:10])
                raise NotFound(f"no agency {name!r}; there are {known}", code="unknown_agency")
            named |= timetable.route_agency == agency
        elif kind != "stop":
            raise InvalidInput(f"{word!r}: write mode:tram, line:ID, agency:ID or stop:ID")
    return named


def stops_named(network: Network, words: Iterable[str]) -> NDArray[np.bool_]:
    """Tell of each stop whether a ``stop:`` word names it, or the station it belongs to."""
    named = np.zeros(len(network.timetable.stop_lat), np.bool_)
    for word in words:
        kind, _, name = word.partition(":")
        if kind == "stop":
            stop = network.stop_index.get(name)
            if stop is None:
                raise NotFound(f"no stop {name!r}; take an id from /v1/stops", code="unknown_stop")
            named[stop] = True
            named[meant_by(network.timetable, stop)] = True
    return named


def wheelchair_at(timetable: Timetable) -> NDArray[np.int8]:
    """wheelchair_boarding of each stop: its own, else that of the station it belongs to."""
    own, parent = timetable.stop_wheelchair, timetable.stop_parent
    return np.where((own == UNKNOWN) & (parent >= 0), own[parent], own)


# ── costs ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _costs(network: Network, request: JourneyRequest) -> Costs | None:
    """One more thing that journeys compete over: the criterion asked for, else what counts against rides and stops."""
    timetable = network.timetable
    trip, stop = count_against(network, request)
    kilometre = np.zeros(len(timetable.route_type), np.int32)
    if request.criterion is Criterion.WALKING:
        return Costs(1, np.zeros_like(trip), np.zeros_like(stop), kilometre)
    if request.criterion is Criterion.CO2:
        return Costs(0, np.zeros_like(trip), np.zeros_like(stop), grams_by_route(timetable, NO_FACTOR))
    if request.criterion is Criterion.COST:
        return Costs(1, trip + np.int32(CHANGE_COST), stop, kilometre)
    return Costs(0, trip, stop, kilometre) if trip.any() or stop.any() else None


def count_against(network: Network, request: JourneyRequest) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Seconds that count against a boarding of each trip, and against each stop: avoided, not preferred, unknown."""
    timetable = network.timetable
    trip, stop = np.zeros(len(timetable.trip_route), np.int32), np.zeros(len(timetable.stop_lat), np.int32)
    if request.avoid:
        trip += _by_trip(timetable, AVOIDED * routes_named(timetable, request.avoid))
        stop += AVOIDED * stops_named(network, request.avoid).astype(np.int32)
    if request.prefer:
        routes, stops = routes_named(timetable, request.prefer), stops_named(network, request.prefer)
        if routes.any():
            trip += _by_trip(timetable, PREFERRED * ~routes)
        if stops.any():
            stop += PREFERRED * (~stops).astype(np.int32)
    if request.wheelchair:
        trip += _unless_all(timetable.trip_wheelchair == UNKNOWN, UNKNOWN_VEHICLE)
        stop += _unless_all(wheelchair_at(timetable) == UNKNOWN, UNKNOWN_STOP)
    return trip, stop


def _by_trip(timetable: Timetable, seconds: NDArray[np.int64]) -> NDArray[np.int32]:
    of_route = np.append(seconds, 0)  # a trip without a route is row -1
    return of_route[timetable.trip_route].astype(np.int32)


def _unless_all(unknown: NDArray[np.bool_], seconds: int) -> NDArray[np.int32]:
    """Count what is unknown, unless nothing is known, which makes no difference between any."""
    return (seconds * (unknown if not unknown.all() else np.zeros_like(unknown))).astype(np.int32)


def price(timetable: Timetable, journey: TransitJourney, costs: Costs) -> int:
    """Count what a journey costs that was found without regard to it."""
    total = 0
    for leg in journey.legs:
        if isinstance(leg, Ride):
            metres = ride_metres(timetable, leg.trip, leg.from_pos, leg.to_pos)
            kilometre = int(costs.kilometre[timetable.trip_route[leg.trip]])
            boarding = int(costs.trip[leg.trip]) + int(costs.stop[leg.from_stop]) + int(costs.stop[leg.to_stop])
            total += 1000 * boarding + kilometre * metres
        else:
            total += 1000 * costs.walk * (leg.arrival - leg.departure)
    return total // 1000
