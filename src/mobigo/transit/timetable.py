"""The timetable: one or many feeds as immutable arrays, names turned into indices once.

Indices are positions in the arrays: a *stop*, *route*, *trip*, *service* is its row; a *pattern* is a stop list with
its pickup and drop-off permissions and the way from stop to stop, shared by the trips that follow it; a *run* is one
departure of a trip per service day (a trip with frequencies has many). Times are seconds after noon minus 12 h of the
service day.
"""

from __future__ import annotations

from datetime import date, datetime, time
from math import floor, inf
from typing import TYPE_CHECKING, NamedTuple, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import polars as pl

from mobigo.kit.errors import InvalidInput
from mobigo.kit.geo import arc_metres
from mobigo.kit.packed import Strings, pack_strings
from mobigo.transit.ways import Calls, Places, find_ways

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mobigo.transit.tables import FeedTables
    from mobigo.transit.ways import Ways

EPOCH = date(1970, 1, 1).toordinal()
NOT_ALLOWED = 1
"""pickup_type or drop_off_type: none; every other value allows."""
GUARANTEED, FORBIDDEN, LINKED, NOT_LINKED = 1, 3, 4, 5
"""transfer_type: the onward vehicle waits; no change here; stay seated from trip to trip; do not stay seated."""
NO_RULE = -1
OFTEN, EXACTLY = 1, 2
"""A run of frequencies.txt: every so many minutes about then, or (exact_times) at this very time."""
ALL_RUNS = -(2**31)
"""Instead of a `run_shift`, which may be negative."""
NAMING = ("from_route_id", "from_trip_id", "to_route_id", "to_trip_id")
"""Columns of transfers.txt by which a row concerns some vehicles only."""
STATION = 1
"""location_type of a place that stands for its stops."""


class Timetable(NamedTuple):
    """Everything that is true for all days; see the module for the words."""

    zones: Strings
    """IANA time zones; zone 0 is the feed's own (of the first agency)."""
    agency_ids: Strings
    agency_names: Strings
    agency_urls: Strings
    agency_phones: Strings
    agency_zone: NDArray[np.int16]

    stop_ids: Strings
    stop_codes: Strings
    stop_names: Strings
    stop_platforms: Strings
    stop_lon: NDArray[np.float64]
    """float64[n_stops], degrees, NaN when the feed has none."""
    stop_lat: NDArray[np.float64]
    stop_type: NDArray[np.int8]
    """location_type."""
    stop_parent: NDArray[np.int32]
    """int32[n_stops], stop index of parent_station or -1."""
    stop_station: NDArray[np.int32]
    """int32[n_stops], number of the consolidated station; stops of one station share it."""
    stop_wheelchair: NDArray[np.int8]
    meant_first: NDArray[np.int32]
    """int32[n_stops + 1], index; the stops meant by stop `s` are rows `meant_first[s]:meant_first[s + 1]`."""
    meant: NDArray[np.int32]
    """int32[n], stop index: the stop itself and everything below it, so a station means any of its stops."""

    route_ids: Strings
    route_short_names: Strings
    route_long_names: Strings
    route_colors: Strings
    route_text_colors: Strings
    route_type: NDArray[np.int32]
    route_agency: NDArray[np.int32]
    """int32[n_routes], agency index or -1."""

    trip_ids: Strings
    trip_headsigns: Strings
    trip_short_names: Strings
    trip_route: NDArray[np.int32]
    trip_service: NDArray[np.int32]
    """int32[n_trips], service index or -1 (never runs)."""
    trip_zone: NDArray[np.int16]
    trip_direction: NDArray[np.int8]
    """int8[n_trips], -1 when absent."""
    trip_block: NDArray[np.int32]
    """int32[n_trips], block number or -1."""
    trip_shape: NDArray[np.int32]
    """int32[n_trips], shape index or -1."""
    trip_wheelchair: NDArray[np.int8]
    trip_bikes: NDArray[np.int8]
    trip_known_as: NDArray[np.int32]
    """int32[n_trips], the trip as which transfers.txt knows it: itself; for a trip that live data appended the one it
    stands for, -1 when there is none."""
    trip_pattern: NDArray[np.int32]
    """int32[n_trips], pattern or -1 when the trip cannot be ridden (one stop, or times that are missing or go back)."""

    call_first: NDArray[np.int64]
    """int64[n_trips + 1], index; the stop times of trip `t` are rows `call_first[t]:call_first[t + 1]`."""
    call_stop: NDArray[np.int32]
    call_arrival: NDArray[np.int32]
    """int32[n_calls], seconds, interpolated where the feed has none."""
    call_departure: NDArray[np.int32]
    call_pickup: NDArray[np.int8]
    call_drop_off: NDArray[np.int8]
    call_sequence: NDArray[np.int32]
    call_headsign: NDArray[np.int32]
    """int32[n_calls], index into `headsigns` or -1."""
    call_distance: NDArray[np.float64]
    """float64[n_calls], shape_dist_traveled or NaN."""
    headsigns: Strings

    pattern_first: NDArray[np.int64]
    """int64[n_patterns + 1], index."""
    pattern_stop: NDArray[np.int32]
    pattern_board: NDArray[np.uint8]
    """uint8[n], 1 where boarding is allowed (never at the last stop)."""
    pattern_alight: NDArray[np.uint8]
    """uint8[n], 1 where alighting is allowed (never at the first stop)."""
    pattern_metres: NDArray[np.int32]
    """int32[n], metres from the first stop, along the shape where its trips have one, else in straight lines from stop
    to stop; see `transit.ways`."""

    run_trip: NDArray[np.int32]
    run_shift: NDArray[np.int32]
    """int32[n_runs], seconds added to the trip's times; 0 without frequencies."""
    run_repeats: NDArray[np.uint8]
    """uint8[n_runs], 0: at this very time; `OFTEN` or `EXACTLY` when the run comes from frequencies."""

    gone_trip: NDArray[np.int32]
    """int32[n], trip index, ascending: what live data take out of a day; empty in a timetable without them."""
    gone_day: NDArray[np.int32]
    """int32[n], service day, days since 1970."""
    gone_shift: NDArray[np.int32]
    """int32[n], `run_shift` of the run that is gone, `ALL_RUNS`: every run of the trip."""

    first_day: NDArray[np.int32]
    """int32[1], days since 1970 of the first column of `service_days`."""
    service_ids: Strings
    service_days: NDArray[np.uint8]
    """uint8[n_services, n_bytes], packed bits: the service runs `first_day + column`."""

    rule_from: NDArray[np.int32]
    """int32[n_rules], stop index; rules of transfers.txt that name stops only, stations expanded, one per ordered
    pair."""
    rule_to: NDArray[np.int32]
    rule_type: NDArray[np.int8]
    rule_seconds: NDArray[np.int32]
    """int32[n_rules], min_transfer_time or -1."""
    named_from: NDArray[np.int32]
    """int32[n_named], stop index, perhaps of a station; rules of transfers.txt that name trips or routes, in the order
    of the file."""
    named_to: NDArray[np.int32]
    named_from_trip: NDArray[np.int32]
    """int32[n_named], trip index or -1."""
    named_to_trip: NDArray[np.int32]
    named_from_route: NDArray[np.int32]
    """int32[n_named], route index or -1; -1 beside a trip, which prevails."""
    named_to_route: NDArray[np.int32]
    named_type: NDArray[np.int8]
    named_seconds: NDArray[np.int32]
    """int32[n_named], min_transfer_time or -1."""
    link_from: NDArray[np.int32]
    """int32[n_links], trip index; transfers.txt types 4 and 5."""
    link_to: NDArray[np.int32]
    link_type: NDArray[np.int8]

    shape_first: NDArray[np.int64]
    """int64[n_shapes + 1], index."""
    shape_lon: NDArray[np.float64]
    shape_lat: NDArray[np.float64]
    shape_distance: NDArray[np.float64]
    """float64[n_points], shape_dist_traveled or NaN."""


class _Trips(NamedTuple):
    """Trips beside their stop times, before patterns."""

    first: NDArray[np.int64]
    stop: NDArray[np.int32]
    arrival: NDArray[np.int32]
    departure: NDArray[np.int32]
    pickup: NDArray[np.int8]
    drop_off: NDArray[np.int8]
    rideable: NDArray[np.bool_]


P = TypeVar("P", bound=tuple)  # type: ignore[type-arg]


def freeze(value: P) -> P:
    """Make the arrays of a packed value read-only, as they are when mapped: kernels then compile one signature."""
    for field in value:
        if isinstance(field, tuple):
            freeze(field)
        else:
            field.setflags(write=False)
    return value


def build(tables: FeedTables) -> Timetable:
    """Turn the tables of a feed, or of a whole database, into arrays.

    Trips that cannot be ridden (fewer than two stops, no first or last time, times that go back) keep their row but
    get no pattern. Times missing in between are interpolated along shape_dist_traveled where the gap has it, else
    along straight lines between the stops, to the nearest second.

    Raises
    ------
    InvalidInput
        When there is no agency, or an agency's time zone is unknown.
    """
    zones, agency_zone = _read_zones(tables.agency)
    stops, trips, routes = tables.stops, tables.trips, tables.routes
    route_agency = _index(tables.agency["agency_id"], routes["agency_id"])
    trip_route = _index(routes["route_id"], trips["route_id"])
    services = tables.services["service_id"].unique(maintain_order=True)
    first_day, service_days = _read_services(tables.services, services)
    rows, order = _order_calls(tables)
    calls = _read_calls(rows, order, trips.height, stops)
    shape_ids = tables.shapes["shape_id"].unique(maintain_order=True)
    trip_shape = _index(shape_ids, trips["shape_id"])
    call_distance = _array(rows["shape_dist_traveled"].fill_null(np.nan), np.float64)
    places = Places(
        stop_lon=_array(stops["stop_lon"].fill_null(np.nan), np.float64),
        stop_lat=_array(stops["stop_lat"].fill_null(np.nan), np.float64),
        shape_first=_first(_index(shape_ids, tables.shapes["shape_id"]), len(shape_ids)),
        shape_lon=_array(tables.shapes["shape_pt_lon"].fill_null(np.nan), np.float64),
        shape_lat=_array(tables.shapes["shape_pt_lat"].fill_null(np.nan), np.float64),
        shape_told=_array(tables.shapes["shape_dist_traveled"].fill_null(np.nan), np.float64),
    )
    rideable = np.flatnonzero(calls.rideable)
    ways = find_ways(Calls(calls.first, calls.stop, call_distance, trip_shape), places, rideable)
    trip_pattern, pattern_first, pattern_rows, pattern_metres = _find_patterns(calls, ways)
    heads = rows["stop_headsign"].drop_nulls().unique(maintain_order=True)
    run_trip, run_shift, run_repeats = _list_runs(tables, calls, trip_pattern)
    called = np.zeros(stops.height, np.bool_)
    called[calls.stop] = True
    meant_first, meant = _list_meant(
        _index(stops["stop_id"], stops["parent_station"]), called | (stops["location_type"].to_numpy() != STATION)
    )
    rule_from, rule_to, rule_type, rule_seconds = _read_rules(tables, meant_first, meant)
    named = _read_named(tables)
    link_from, link_to, link_type = _read_links(tables)
    agency_of_trip = np.where(trip_route >= 0, route_agency[trip_route], -1) if routes.height else trip_route
    ends = np.zeros(len(pattern_rows), np.bool_)
    starts = ends.copy()
    starts[pattern_first[:-1]] = True
    ends[pattern_first[1:] - 1] = True
    return freeze(
        Timetable(
            zones=pack_strings(zones),
            agency_ids=_strings(tables.agency["agency_id"]),
            agency_names=_strings(tables.agency["agency_name"]),
            agency_urls=_strings(tables.agency["agency_url"]),
            agency_phones=_strings(tables.agency["agency_phone"]),
            agency_zone=agency_zone,
            stop_ids=_strings(stops["stop_id"]),
            stop_codes=_strings(stops["stop_code"]),
            stop_names=_strings(stops["stop_name"]),
            stop_platforms=_strings(stops["platform_code"]),
            stop_lon=places.stop_lon,
            stop_lat=places.stop_lat,
            stop_type=_array(stops["location_type"].fill_null(0), np.int8),
            stop_parent=_index(stops["stop_id"], stops["parent_station"]),
            stop_station=_index(
                stops["station_id"].fill_null(stops["stop_id"]).unique(maintain_order=True),
                stops["station_id"].fill_null(stops["stop_id"]),
            ),
            stop_wheelchair=_array(stops["wheelchair_boarding"].fill_null(0), np.int8),
            meant_first=meant_first,
            meant=meant,
            route_ids=_strings(routes["route_id"]),
            route_short_names=_strings(routes["route_short_name"]),
            route_long_names=_strings(routes["route_long_name"]),
            route_colors=_strings(routes["route_color"]),
            route_text_colors=_strings(routes["route_text_color"]),
            route_type=_array(routes["route_type"].fill_null(-1), np.int32),
            route_agency=route_agency,
            trip_ids=_strings(trips["trip_id"]),
            trip_headsigns=_strings(trips["trip_headsign"]),
            trip_short_names=_strings(trips["trip_short_name"]),
            trip_route=trip_route,
            trip_service=_index(services, trips["service_id"]),
            trip_zone=np.where(agency_of_trip >= 0, agency_zone[agency_of_trip], 0).astype(np.int16),
            trip_direction=_array(trips["direction_id"].fill_null(-1), np.int8),
            trip_block=_index(trips["block_id"].drop_nulls().unique(maintain_order=True), trips["block_id"]),
            trip_shape=trip_shape,
            trip_wheelchair=_array(trips["wheelchair_accessible"].fill_null(0), np.int8),
            trip_bikes=_array(trips["bikes_allowed"].fill_null(0), np.int8),
            trip_known_as=np.arange(trips.height, dtype=np.int32),
            trip_pattern=trip_pattern,
            call_first=calls.first,
            call_stop=calls.stop,
            call_arrival=calls.arrival,
            call_departure=calls.departure,
            call_pickup=calls.pickup,
            call_drop_off=calls.drop_off,
            call_sequence=_array(rows["stop_sequence"].fill_null(0), np.int32),
            call_headsign=_index(heads, rows["stop_headsign"]),
            call_distance=call_distance,
            headsigns=_strings(heads),
            pattern_first=pattern_first,
            pattern_stop=calls.stop[pattern_rows],
            pattern_board=((calls.pickup[pattern_rows] != NOT_ALLOWED) & ~ends).astype(np.uint8),
            pattern_alight=((calls.drop_off[pattern_rows] != NOT_ALLOWED) & ~starts).astype(np.uint8),
            pattern_metres=pattern_metres,
            run_trip=run_trip,
            run_shift=run_shift,
            run_repeats=run_repeats,
            gone_trip=np.zeros(0, np.int32),
            gone_day=np.zeros(0, np.int32),
            gone_shift=np.zeros(0, np.int32),
            first_day=np.array([first_day], np.int32),
            service_ids=_strings(services),
            service_days=service_days,
            rule_from=rule_from,
            rule_to=rule_to,
            rule_type=rule_type,
            rule_seconds=rule_seconds,
            named_from=_array(named["from_stop"], np.int32),
            named_to=_array(named["to_stop"], np.int32),
            named_from_trip=_array(named["from_trip"], np.int32),
            named_to_trip=_array(named["to_trip"], np.int32),
            named_from_route=_array(named["from_route"], np.int32),
            named_to_route=_array(named["to_route"], np.int32),
            named_type=_array(named["transfer_type"].fill_null(0), np.int8),
            named_seconds=_array(named["min_transfer_time"].fill_null(NO_RULE), np.int32),
            link_from=link_from,
            link_to=link_to,
            link_type=link_type,
            shape_first=places.shape_first,
            shape_lon=places.shape_lon,
            shape_lat=places.shape_lat,
            shape_distance=places.shape_told,
        )
    )


def _strings(column: pl.Series) -> Strings:
    return pack_strings(column.to_list())


A = TypeVar("A", bound=np.generic)


def _array(column: pl.Series, kind: type[A]) -> NDArray[A]:
    return np.array(column.to_numpy(), dtype=kind)


def _index(keys: pl.Series, values: pl.Series) -> NDArray[np.int32]:
    """Row of each value among the keys; -1 when it is null or not there."""
    table = pl.DataFrame({"key": keys, "row": np.arange(len(keys), dtype=np.int32)}).unique("key", keep="first")
    found = pl.DataFrame({"key": values}).join(table, on="key", how="left", maintain_order="left")
    return _array(found["row"].fill_null(-1), np.int32)


def _first(groups: NDArray[np.int32], n_groups: int) -> NDArray[np.int64]:
    first = np.zeros(n_groups + 1, np.int64)
    np.cumsum(np.bincount(groups, minlength=n_groups), out=first[1:])
    return first


def _read_zones(agency: pl.DataFrame) -> tuple[list[str], NDArray[np.int16]]:
    if not agency.height:
        raise InvalidInput("agency.txt has no rows; a feed needs an agency with its agency_timezone")
    names = [name or "" for name in agency["agency_timezone"].to_list()]
    zones = list(dict.fromkeys(names))
    for zone in zones:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise InvalidInput(f"agency.txt: agency_timezone {zone!r} is unknown; write it like Europe/Paris") from None
    return zones, np.array([zones.index(name) for name in names], np.int16)


def _read_services(services: pl.DataFrame, names: pl.Series) -> tuple[int, NDArray[np.uint8]]:
    if not services.height:
        return 0, np.zeros((len(names), 1), np.uint8)
    days = _array(services["date"].cast(pl.Int32), np.int32)
    first = int(days.min())
    runs = np.zeros((len(names), int(days.max()) - first + 1), np.bool_)
    runs[_index(names, services["service_id"]), days - first] = True
    return first, np.packbits(runs, axis=1)


def _order_calls(tables: FeedTables) -> tuple[pl.DataFrame, NDArray[np.int32]]:
    """Stop times of known trips and stops, trip after trip, with the trip's row."""
    rows = tables.stop_times
    trip = _index(tables.trips["trip_id"], rows["trip_id"])
    stop = _index(tables.stops["stop_id"], rows["stop_id"])
    known = np.flatnonzero((trip >= 0) & (stop >= 0))
    picked = known[np.argsort(trip[known], kind="stable")]
    return rows[picked].with_columns(pl.Series("stop", stop[picked])), trip[picked]


def _read_calls(rows: pl.DataFrame, trip: NDArray[np.int32], n_trips: int, stops: pl.DataFrame) -> _Trips:
    first = _first(trip, n_trips)
    arrival = rows["arrival_time"].fill_null(rows["departure_time"])
    departure = rows["departure_time"].fill_null(rows["arrival_time"])
    missing = arrival.is_null().to_numpy()
    early, late = _array(arrival.fill_null(0), np.int32), _array(departure.fill_null(0), np.int32)
    length = np.diff(first)
    rideable = length > 1
    some = np.flatnonzero(length)
    rideable[some] &= ~(missing[first[some]] | missing[first[some + 1] - 1])
    stop = _array(rows["stop"], np.int32)
    gaps = missing & rideable[trip]
    if gaps.any():
        _interpolate(gaps, early, late, _Places(stop, rows, stops))
    back = late < early
    back[1:] |= (early[1:] < late[:-1]) & (trip[1:] == trip[:-1])
    rideable[trip[back]] = False
    return _Trips(
        first,
        stop,
        early,
        late,
        _array(rows["pickup_type"].fill_null(0), np.int8),
        _array(rows["drop_off_type"].fill_null(0), np.int8),
        rideable,
    )


class _Places:
    """How far it is from stop time to stop time."""

    def __init__(self, stop: NDArray[np.int32], rows: pl.DataFrame, stops: pl.DataFrame) -> None:
        self.shape = _array(rows["shape_dist_traveled"].fill_null(np.nan), np.float64)
        self.lat = np.radians(_array(stops["stop_lat"].fill_null(np.nan), np.float64))[stop]
        self.lon = np.radians(_array(stops["stop_lon"].fill_null(np.nan), np.float64))[stop]

    def hops(self, start: int, end: int) -> list[float]:
        """Distances between the rows `start` to `end`, in any unit."""
        rows = slice(start, end + 1)
        return measure_hops(self.shape[rows], self.lat[rows], self.lon[rows])


def measure_hops(shape: NDArray[np.float64], lat: NDArray[np.float64], lon: NDArray[np.float64]) -> list[float]:
    """Measure how far it is from each stop of a stretch to the next, in any unit.

    Parameters
    ----------
    shape : float64[n]
        shape_dist_traveled, nan where there is none: used where it is whole and never falls.
    lat, lon : float64[n]
        Radians, nan where unknown: the ways between are straight. Where that is not known either, all are as long.
    """
    along = np.diff(shape)
    if along.min() >= 0 and 0 < along.sum() < inf:
        return [float(hop) for hop in along]
    metres = arc_metres(lat[:-1], lon[:-1], lat[1:], lon[1:])
    return [float(hop) for hop in metres] if metres.sum() > 0 else [1.0] * len(metres)


def spread(leaves: int, arrives: int, hops: list[float]) -> list[int]:
    """Return when a vehicle passes between two stops, in the measure of the way: one fewer than there are hops."""
    whole, span = sum(hops), arrives - leaves
    return [leaves + floor(sum(hops[:n]) / whole * span + 0.5) for n in range(1, len(hops))]


def _interpolate(
    gaps: NDArray[np.bool_], arrival: NDArray[np.int32], departure: NDArray[np.int32], places: _Places
) -> None:
    """Fill the times of stops without any, between the stops around them that have some."""
    edges = np.diff(np.concatenate(([0], gaps.astype(np.int8), [0])))
    for start, end in zip((np.flatnonzero(edges == 1) - 1).tolist(), np.flatnonzero(edges == -1).tolist(), strict=True):
        passed = spread(int(departure[start]), int(arrival[end]), places.hops(start, end))
        arrival[start + 1 : end] = departure[start + 1 : end] = passed


def _find_patterns(
    calls: _Trips, ways: Ways
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]:
    """Pattern of each trip; for each pattern the rows of its first trip as its description, and metres along it."""
    flags = ((calls.pickup != NOT_ALLOWED) * 2 + (calls.drop_off != NOT_ALLOWED)).astype(np.int32)
    key = (calls.stop * np.int32(4) + flags).astype(np.int32).tobytes()
    first, way_of = calls.first.tolist(), ways.of_trip.tolist()
    known: dict[tuple[bytes, int], int] = {}
    pattern = np.full(len(first) - 1, -1, np.int32)
    rows: list[NDArray[np.int64]] = []
    metres: list[NDArray[np.int64]] = []
    for trip in np.flatnonzero(calls.rideable).tolist():
        start, end = first[trip], first[trip + 1]
        number = known.setdefault((key[4 * start : 4 * end], way_of[trip]), len(known))
        pattern[trip] = number
        if number == len(rows):
            rows.append(np.arange(start, end))
            metres.append(np.cumsum(ways.hops[way_of[trip]]))
    lengths = np.array([len(part) for part in rows], np.int64)
    pattern_first = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    if not rows:
        return pattern, pattern_first, np.zeros(0, np.int64), np.zeros(0, np.int32)
    return pattern, pattern_first, np.concatenate(rows), np.concatenate(metres).astype(np.int32)


def _list_runs(
    tables: FeedTables, calls: _Trips, pattern: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.uint8]]:
    """List every departure of every trip that can be ridden; frequencies are laid out, both kinds, end exclusive."""
    repeats = tables.frequencies
    trip = _index(tables.trips["trip_id"], repeats["trip_id"])
    once = pattern >= 0
    once[trip[trip >= 0]] = False
    trips, shifts = [np.flatnonzero(once).astype(np.int32)], [np.zeros(int(once.sum()), np.int32)]
    kinds = [np.zeros(int(once.sum()), np.uint8)]
    for row, start, end, headway, exact in zip(
        trip.tolist(),
        repeats["start_time"].to_list(),
        repeats["end_time"].to_list(),
        repeats["headway_secs"].to_list(),
        repeats["exact_times"].to_list(),
        strict=True,
    ):
        if row < 0 or pattern[row] < 0 or start is None or end is None or not headway or headway < 0:
            continue
        starts = np.arange(start, end, headway, dtype=np.int32)
        shifts.append(starts - calls.departure[calls.first[row]])
        trips.append(np.full(len(starts), row, np.int32))
        kinds.append(np.full(len(starts), EXACTLY if exact == 1 else OFTEN, np.uint8))
    return np.concatenate(trips), np.concatenate(shifts).astype(np.int32), np.concatenate(kinds)


def _list_meant(parent: NDArray[np.int32], itself: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """List for each stop itself and all stops below it (platforms of a station, boarding areas of a platform).

    A station is not meant by itself, unless `itself` says that vehicles call at it as at a stop.
    """
    rows = np.flatnonzero(itself).astype(np.int32)
    name, member = [rows], [rows]
    above = parent.copy()
    for _ in range(2):
        below = np.flatnonzero(above >= 0)
        name.append(above[below])
        member.append(below.astype(np.int32))
        above = np.where(above >= 0, parent[above], -1)
    names, members = np.concatenate(name), np.concatenate(member)
    order = np.argsort(names, kind="stable")
    return _first(names, len(parent)).astype(np.int32), members[order]


def _read_rules(
    tables: FeedTables, meant_first: NDArray[np.int32], meant: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int8], NDArray[np.int32]]:
    """One rule per ordered pair of stops: a row naming the stops prevails over one naming their stations.

    Between equals the first in the file counts. Rows that name trips or routes concern only those, not the pair.
    """
    rows = tables.transfers.filter(
        pl.all_horizontal(pl.col(NAMING).is_null()), ~pl.col("transfer_type").is_in([LINKED, NOT_LINKED])
    )
    stop_type = _array(tables.stops["location_type"].fill_null(0), np.int8)
    below = np.repeat(np.arange(len(meant_first) - 1, dtype=np.int32), np.diff(meant_first))
    members = pl.DataFrame({"name": below, "member": meant})
    sides = [
        pl.Series(side, _index(tables.stops["stop_id"], rows[f"{side}_stop_id"]), pl.Int32) for side in ("from", "to")
    ]
    frame = (
        rows.select("transfer_type", "min_transfer_time")
        .with_columns(*sides)
        .filter(pl.col("from") >= 0, pl.col("to") >= 0)
        .with_row_index("line")
        .join(members, left_on="from", right_on="name")
        .rename({"member": "a"})
        .join(members, left_on="to", right_on="name")
        .rename({"member": "b"})
    )
    stations = pl.Series("station", np.flatnonzero(stop_type == STATION).astype(np.int32)).implode()
    frame = (
        frame.with_columns(
            (pl.col("from").is_in(stations).cast(pl.Int8) + pl.col("to").is_in(stations).cast(pl.Int8)).alias("loose")
        )
        .sort("loose", "line")
        .unique(["a", "b"], keep="first", maintain_order=True)
        .sort("a", "b")
    )
    return (
        _array(frame["a"], np.int32),
        _array(frame["b"], np.int32),
        _array(frame["transfer_type"].fill_null(0), np.int8),
        _array(frame["min_transfer_time"].fill_null(NO_RULE), np.int32),
    )


def _read_named(tables: FeedTables) -> pl.DataFrame:
    """Rules that name trips or routes; a row whose stop, trip or route is not in the feed concerns nobody."""
    rows = tables.transfers.filter(
        pl.any_horizontal(pl.col(NAMING).is_not_null()), ~pl.col("transfer_type").is_in([LINKED, NOT_LINKED])
    )
    keys = {
        "stop": tables.stops["stop_id"],
        "trip": tables.trips["trip_id"],
        "route": tables.routes["route_id"],
    }
    rows = rows.with_columns(
        pl.Series(f"{side}_{what}", _index(key, rows[f"{side}_{what}_id"]), pl.Int32)
        for side in ("from", "to")
        for what, key in keys.items()
    )
    for side in ("from", "to"):
        stop, trip, route = (pl.col(f"{side}_{what}") for what in keys)
        any_trip, any_route = (pl.col(f"{side}_{what}_id").is_null() for what in ("trip", "route"))
        rows = rows.filter(stop >= 0, (trip >= 0) | (any_trip & (any_route | (route >= 0)))).with_columns(
            pl.when(trip >= 0).then(-1).otherwise(route).alias(f"{side}_route")
        )
    return rows


def _read_links(tables: FeedTables) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int8]]:
    rows = tables.transfers.filter(pl.col("transfer_type").is_in([LINKED, NOT_LINKED]))
    before = _index(tables.trips["trip_id"], rows["from_trip_id"])
    after = _index(tables.trips["trip_id"], rows["to_trip_id"])
    known = (before >= 0) & (after >= 0)
    return before[known], after[known], _array(rows["transfer_type"], np.int8)[known]


def day_number(day: date) -> int:
    """Days since 1970."""
    return day.toordinal() - EPOCH


def service_date(day: int) -> date:
    """Day of a day number."""
    return date.fromordinal(day + EPOCH)


def zone_of(timetable: Timetable) -> ZoneInfo:
    """Return the feed's own time zone: local times without an offset are read in it, answers written in it."""
    return ZoneInfo(timetable.zones.at(0))


def begin_day(day: int, zone: ZoneInfo) -> int:
    """Noon minus 12 h of a day, in seconds since 1970: what service times count from, also where clocks change."""
    return int(datetime.combine(service_date(day), time(12), zone).timestamp()) - 12 * 3600


def list_running(timetable: Timetable, day: int) -> NDArray[np.bool_]:
    """bool[n_runs]: which runs there are on a day (days since 1970), live data considered."""
    service = timetable.trip_service[timetable.run_trip]
    running: NDArray[np.bool_] = np.append(runs_on(timetable, day), False)[service]
    today = timetable.gone_day == day
    if today.any():
        whole = today & (timetable.gone_shift == ALL_RUNS)
        running &= ~np.isin(timetable.run_trip, timetable.gone_trip[whole])
        one = today & ~whole
        if one.any():
            gone = (timetable.gone_trip[one].astype(np.int64) << 32) + timetable.gone_shift[one]
            running &= ~np.isin((timetable.run_trip.astype(np.int64) << 32) + timetable.run_shift, gone)
    return running


def runs_on(timetable: Timetable, day: int) -> NDArray[np.bool_]:
    """Tell for each service whether it runs on a day (days since 1970)."""
    column = day - int(timetable.first_day[0])
    if not 0 <= column < 8 * timetable.service_days.shape[1]:
        return np.zeros(len(timetable.service_days), np.bool_)
    bits: NDArray[np.bool_] = (timetable.service_days[:, column // 8] >> (7 - column % 8) & 1).astype(np.bool_)
    return bits


def last_day(timetable: Timetable) -> int:
    """Return the last day any service runs (days since 1970)."""
    used = np.flatnonzero(np.unpackbits(timetable.service_days, axis=1).any(axis=0))
    return int(timetable.first_day[0]) + (int(used[-1]) if len(used) else -1)
