"""The nouns of public transport: what is asked, what is answered."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import date

    import numpy as np
    from numpy.typing import NDArray

    from mobigo.transit.footpaths import Footpaths

DEFAULT_MAX_TRANSFERS = 15
"""Changes a journey may have when nobody says otherwise."""


class Direction(IntEnum):
    """What the instant of a query bounds."""

    DEPART = 0
    """Leave at or after it, arrive as early as possible."""
    ARRIVE = 1
    """Arrive at or before it, leave as late as possible."""


class Costs(NamedTuple):
    """What one more criterion counts, in units of its own; every part is at least 0.

    The cost of a journey is the sum over its legs, and a criterion beside departure, arrival and changes.
    """

    walk: int
    """Per second on foot, the first and the last walk included."""
    trip: NDArray[np.int32]
    """int32[n_trips], per boarding of the trip; staying seated boards nothing."""
    stop: NDArray[np.int32]
    """int32[n_stops], per boarding and per alighting there."""
    kilometre: NDArray[np.int32]
    """int32[n_routes], per kilometre in a vehicle of the route, from stop to stop as `transit.distances` measures."""


class Via(NamedTuple):
    """A place to pass on the way, by the stops around it."""

    stops: NDArray[np.int32]
    """int32[n], stop indices."""
    seconds_to: NDArray[np.int32]
    """int32[n], walk from the stop to the place."""
    seconds_from: NDArray[np.int32]
    """int32[n], walk from the place to the stop."""
    stay: int = 0
    """Seconds at the place, at least; 0: riding through one of its stops that is 0 seconds away is enough."""


@dataclass(frozen=True)
class Preferences:
    """What a traveller asks of a journey besides time and changes; the default asks nothing.

    Arrays are by index of the timetable; None allows everything.
    """

    routes: NDArray[np.bool_] | None = None
    """bool[n_routes], routes that may be ridden."""
    trips: NDArray[np.bool_] | None = None
    """bool[n_trips], trips that may be ridden (bicycles, wheelchairs)."""
    stops: NDArray[np.bool_] | None = None
    """bool[n_stops], stops where one may board, alight or change; vehicles may pass the others."""
    walk_factor: float = 1.0
    """Walks between stops take so many times as long, rounded up; also min_transfer_time of type 2, which is one."""
    longest_walk: int | None = None
    """Seconds: longest walk between two stops."""
    min_change: int = 0
    """Seconds from alighting to boarding, at least; not for guaranteed changes (type 1) nor for staying seated."""
    slack: int = 0
    """Seconds added to each change, with the same exceptions."""
    footpaths: Footpaths | None = None
    """Walks between stops instead of the network's (wheelchairs)."""
    costs: Costs | None = None
    """One more criterion: journeys compete over (departure, arrival, transfers, cost)."""
    vias: tuple[Via, ...] = ()
    """To be passed in this order."""


@dataclass(frozen=True)
class Query:
    """One question from a set of stops to a set of stops.

    Parameters
    ----------
    access, access_seconds : int32[n]
        Stop indices reachable from the origin before the first vehicle, and the walk to each.
    egress, egress_seconds : int32[m]
        Stop indices from which the destination is reached after the last vehicle, and the walk from each.
    at : int
        Seconds since 1970 UTC: the earliest departure, or the latest arrival.
    window : int
        Seconds. 0: the Pareto set over (arrival, transfers), or (departure, transfers) for an arrival. More: the
        Pareto set over (departure, arrival, transfers) with the departure within `window` after `at`, or the arrival
        within `window` before it.
    direction : Direction
    max_transfers : int
        Vehicle legs minus one, at most; staying seated does not count.
    walk : int, optional
        Seconds of walking all the way; None when that is not possible. With `Preferences.vias` it must be None.
    preferences : Preferences, optional
        None: the quick search answers; anything else is answered by the general one.
    """

    access: NDArray[np.int32]
    access_seconds: NDArray[np.int32]
    egress: NDArray[np.int32]
    egress_seconds: NDArray[np.int32]
    at: int
    window: int = 0
    direction: Direction = Direction.DEPART
    max_transfers: int = DEFAULT_MAX_TRANSFERS
    walk: int | None = None
    preferences: Preferences | None = None


class Ride(NamedTuple):
    """A leg in one vehicle."""

    trip: int
    """Trip index in the timetable."""
    service_date: date
    """The day whose timetable the trip belongs to; after-midnight times count from its noon minus 12 h."""
    from_pos: int
    """Position of boarding in the trip's stop list."""
    to_pos: int
    from_stop: int
    """Stop index."""
    to_stop: int
    departure: int
    """Seconds since 1970 UTC."""
    arrival: int


class Walk(NamedTuple):
    """A leg on foot."""

    from_stop: int
    """Stop index; -1 is the origin, -2 the first via place, -3 the second, ..."""
    to_stop: int
    """Stop index; -1 is the destination, -2 the first via place, ..."""
    departure: int
    """Seconds since 1970 UTC."""
    arrival: int


@dataclass(frozen=True)
class TransitJourney:
    """One way to travel; departure is the start of the first walk, arrival the end of the last."""

    departure: int
    """Seconds since 1970 UTC."""
    arrival: int
    transfers: int
    legs: tuple[Ride | Walk, ...]
    cost: int = 0
    """By `Preferences.costs`."""
