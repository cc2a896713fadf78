"""The nouns of public transport: what a feed hands over, what is asked, what is answered."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

if TYPE_CHECKING:
    from datetime import date

    import numpy as np
    from numpy.typing import NDArray

    from mobigo.transit.footpaths import Footpaths

DEFAULT_MAX_TRANSFERS = 15
"""Changes a journey may have when nobody says otherwise."""


class FeedTables(NamedTuple):
    """GTFS as typed tables with GTFS column names; hands a feed or the whole database over to the timetable.

    Absent text is null, except where a default is named. The columns of each table are exactly those of `COLUMNS`.
    """

    agency: pl.DataFrame
    """agency_id ("" when the feed names none), agency_name, agency_url, agency_timezone, agency_phone."""
    stops: pl.DataFrame
    """station_id is the consolidated station: the parent, or the joint station of several feeds; else stop_id."""
    routes: pl.DataFrame
    """agency_id is filled in when the feed has one agency and the route names none."""
    trips: pl.DataFrame
    stop_times: pl.DataFrame
    """Sorted by trip_id, stop_sequence; times in seconds after noon minus 12 h, null where the feed has none (the
    timetable interpolates); rows without stop_id (flex zones) or with pickup/drop-off windows are left out."""
    services: pl.DataFrame
    """service_id, date: calendar and calendar_dates already expanded, each pair once."""
    frequencies: pl.DataFrame
    transfers: pl.DataFrame
    shapes: pl.DataFrame
    """Sorted by shape_id, shape_pt_sequence."""
    pathways: pl.DataFrame
    levels: pl.DataFrame


COLUMNS: dict[str, dict[str, type[pl.DataType]]] = {
    "agency": {
        "agency_id": pl.String,
        "agency_name": pl.String,
        "agency_url": pl.String,
        "agency_timezone": pl.String,
        "agency_phone": pl.String,
    },
    "stops": {
        "stop_id": pl.String,
        "stop_code": pl.String,
        "stop_name": pl.String,
        "stop_lat": pl.Float64,
        "stop_lon": pl.Float64,
        "location_type": pl.Int8,  # 0 when absent
        "parent_station": pl.String,
        "platform_code": pl.String,
        "stop_timezone": pl.String,
        "wheelchair_boarding": pl.Int8,  # 0 when absent
        "level_id": pl.String,
        "stop_access": pl.Int8,  # null when absent
        "station_id": pl.String,
    },
    "routes": {
        "route_id": pl.String,
        "agency_id": pl.String,
        "route_short_name": pl.String,
        "route_long_name": pl.String,
        "route_type": pl.Int32,
        "route_color": pl.String,
        "route_text_color": pl.String,
    },
    "trips": {
        "trip_id": pl.String,
        "route_id": pl.String,
        "service_id": pl.String,
        "trip_headsign": pl.String,
        "trip_short_name": pl.String,
        "direction_id": pl.Int8,  # null when absent
        "block_id": pl.String,
        "shape_id": pl.String,
        "wheelchair_accessible": pl.Int8,  # 0 when absent
        "bikes_allowed": pl.Int8,  # 0 when absent
    },
    "stop_times": {
        "trip_id": pl.String,
        "stop_sequence": pl.Int32,
        "stop_id": pl.String,
        "arrival_time": pl.Int32,
        "departure_time": pl.Int32,
        "pickup_type": pl.Int8,  # 0 when absent
        "drop_off_type": pl.Int8,  # 0 when absent
        "stop_headsign": pl.String,
        "shape_dist_traveled": pl.Float64,
    },
    "services": {"service_id": pl.String, "date": pl.Date},
    "frequencies": {
        "trip_id": pl.String,
        "start_time": pl.Int32,
        "end_time": pl.Int32,
        "headway_secs": pl.Int32,
        "exact_times": pl.Int8,  # 0 when absent
    },
    "transfers": {
        "from_stop_id": pl.String,
        "to_stop_id": pl.String,
        "from_route_id": pl.String,
        "to_route_id": pl.String,
        "from_trip_id": pl.String,
        "to_trip_id": pl.String,
        "transfer_type": pl.Int8,  # 0 when absent
        "min_transfer_time": pl.Int32,
    },
    "shapes": {
        "shape_id": pl.String,
        "shape_pt_sequence": pl.Int32,
        "shape_pt_lat": pl.Float64,
        "shape_pt_lon": pl.Float64,
        "shape_dist_traveled": pl.Float64,
    },
    "pathways": {
        "from_stop_id": pl.String,
        "to_stop_id": pl.String,
        "pathway_mode": pl.Int8,
        "is_bidirectional": pl.Int8,
        "length": pl.Float64,
        "traversal_time": pl.Int32,
        "stair_count": pl.Int32,
        "max_slope": pl.Float64,
        "min_width": pl.Float64,
        "signposted_as": pl.String,
        "reversed_signposted_as": pl.String,
    },
    "levels": {"level_id": pl.String, "level_index": pl.Float64, "level_name": pl.String},
}
"""Column types of each table of `FeedTables`."""


def empty_table(name: str) -> pl.DataFrame:
    """Return a table of `FeedTables` without rows."""
    return pl.DataFrame(schema=COLUMNS[name])


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
