"""The rows of a loaded feed as services: GTFS-Flex in.

Feeds of the drafts are read as the adopted specification would have them. The drafts' spellings of columns are mapped
when a feed is loaded (`transit.gtfs.DRAFT_COLUMNS`, `transit.zones.modernise`); what spans records is mapped here:

===============================================  ======================================================================
draft                                            read as
===============================================  ======================================================================
one record of a zone or group, alone in a trip   two records: one to get on, the next to get off
several records of the same zone (group) and     the first to get on only, the last to get off only; the same rides are
window in a row, all for getting on and off      possible, and records of one zone do not overlap any more
continuous_pickup, continuous_drop_off of a      left out: with windows nobody gets on or off in between
route of which a trip has windows
safe_duration_factor, safe_duration_offset of    safe_duration_factor, safe_duration_offset of trips.txt, the largest of
stop_times.txt (the offset in minutes)           its records (the offset in seconds)
===============================================  ======================================================================

What GTFS has no words for stands in a file of ours beside them, `EXTENSION`.
"""

from __future__ import annotations

import json
import math
from dataclasses import fields, replace
from datetime import date
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeVar

import shapely

from mobigo.kit.geo import Point
from mobigo.ondemand.flex_fares import find_fare
from mobigo.ondemand.model import (
    BookingRule,
    BookingType,
    Calendar,
    Call,
    Frequency,
    PlaceKind,
    Promise,
    Service,
    ServiceKind,
    Stop,
    StopGroup,
    Trip,
    Zone,
)
from mobigo.transit.gtfs import BY_NAME, EXTENSION, WEEKDAYS, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mobigo.transit.flex_store import FlexRows, Row

PROMISE = {one.name: one.type for one in fields(Promise)}

EXTENSION_COLUMNS = ("route_id", "service_kind", "operator_id", *PROMISE)
"""Of `EXTENSION`: one row per route."""

SAME_AS = "same_as_stop_id"
"""Our column of stops.txt: the stop of the timetable (``source:stop_id``) that a stop is."""

MINUTE = 60

MAX_NUMBER = 2**31 - 1


def read_services(rows: FlexRows) -> tuple[Service, ...]:
    """Make a service of each route that runs on demand, as its feed says; nothing is checked yet.

    Returns
    -------
    tuple of Service
        By id, ``source:route_id``.
    """
    calls = _group(rows.stop_times, "trip_id")
    frequencies = _group(rows.frequencies, "trip_id")
    shapes = _group(rows.shapes, "shape_id")
    trips = _group(rows.trips, "route_id")
    agencies = {row["agency_id"]: row for row in rows.agency}
    extension = {row.get("route_id"): row for row in rows.other.get(EXTENSION, ())}
    parts = _Parts(rows)
    found = []
    for route in rows.routes:
        agency = agencies.get(route["agency_id"] or "") or (rows.agency[0] if len(rows.agency) == 1 else None)
        if agency is None:
            continue
        read = (
            _read_trip(trip, calls.get(trip["trip_id"], []), frequencies.get(trip["trip_id"], []))
            for trip in trips.get(route["route_id"], [])
        )
        made = tuple(trip for trip in read if runs_on_demand(trip))
        if not made:
            continue
        fare, cents = find_fare(route, rows.more)
        service = Service(
            id=f"{rows.source}:{route['route_id']}",
            kind=ServiceKind.DOOR_TO_DOOR,
            timezone=agency["agency_timezone"],
            route=_cells("routes", route, without=_along(made)),
            agency=_cells("agency", agency),
            trips=made,
            **parts.used_by(made),
            promise=Promise(fare=fare, fare_cents=cents),
            shapes={
                key: tuple(
                    (point["shape_pt_lon"], point["shape_pt_lat"], point["shape_dist_traveled"])
                    for point in sorted(shapes[key], key=lambda point: point["shape_pt_sequence"])
                )
                for key in sorted({trip.fields.get("shape_id", "") for trip in made} & shapes.keys())
            },
        )
        found.append(_extend(replace(service, kind=infer_kind(service)), extension.get(route["route_id"], {})))
    return tuple(sorted(found, key=lambda service: service.id))


def runs_on_demand(trip: Trip) -> bool:
    """Tell whether a trip is a service on demand; an ordinary one that stops here and there by arrangement is none.

    It has windows or areas, or one books by a rule, or it only runs for those who booked: nobody just gets on.
    """
    if any(is_flexible(call) or call.pickup_rule or call.drop_off_rule for call in trip.calls):
        return True
    ways_on = [call.pickup_type for call in trip.calls[:-1] if call.pickup_type != FORBIDDEN]
    return bool(ways_on) and all(type_ == BY_ARRANGEMENT for type_ in ways_on)


def _along(trips: tuple[Trip, ...]) -> tuple[str, ...]:
    """Name the cells of a route that may not stand there, since one of its trips has windows."""
    windows = any(call.window_start is not None for trip in trips for call in trip.calls)
    return ("continuous_pickup", "continuous_drop_off") if windows else ()


def infer_kind(service: Service) -> ServiceKind:
    """Tell from the records what a service is to its users."""
    flexible = [[call for call in trip.calls if is_flexible(call)] for trip in service.trips]
    if not any(flexible):
        return ServiceKind.VIRTUAL_LINE
    zones = [any(call.kind is PlaceKind.ZONE for call in calls) for calls in flexible]
    if not any(zones):
        return ServiceKind.STOP_TO_STOP
    only_zones = all(
        all(call.kind is PlaceKind.ZONE for call in trip.calls)
        for trip, zoned in zip(service.trips, zones, strict=True)
        if zoned
    )
    return ServiceKind.DOOR_TO_DOOR if only_zones else ServiceKind.ZONE_TO_STOPS


def is_flexible(call: Call) -> bool:
    """Tell whether a record has a window or an area instead of a time at a stop."""
    return call.kind is not PlaceKind.STOP or call.window_start is not None


# ── trips ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _read_trip(row: Row, calls: list[Row], frequencies: list[Row]) -> Trip:
    made, factor, offset = _read_calls(calls)
    known = ("trip_id", "route_id", "service_id", "safe_duration_factor", "safe_duration_offset")
    return Trip(
        id=row["trip_id"],
        calendar=row["service_id"],
        calls=map_same_area(made),
        safe_factor=factor if row["safe_duration_factor"] is None else row["safe_duration_factor"],
        safe_offset=offset if row["safe_duration_offset"] is None else row["safe_duration_offset"],
        fields=_cells("trips", row, without=known),
        frequencies=tuple(
            Frequency(one["start_time"], one["end_time"], one["headway_secs"], one["exact_times"] == 1)
            for one in sorted(frequencies, key=lambda one: one["start_time"])
        ),
    )


_CALL = (
    "trip_id", "stop_id", "location_group_id", "location_id", "stop_sequence", "arrival_time", "departure_time",
    "start_pickup_drop_off_window", "end_pickup_drop_off_window", "pickup_type", "drop_off_type",
    "pickup_booking_rule_id", "drop_off_booking_rule_id",
)  # fmt: skip
_PLACES = (
    (PlaceKind.ZONE, "location_id"),
    (PlaceKind.GROUP, "location_group_id"),
    (PlaceKind.STOP, "stop_id"),
)


def _read_calls(rows: list[Row]) -> tuple[tuple[Call, ...], float | None, float | None]:
    """Read records, and what drafts said with them about how long rides last: the largest factor and offset."""
    factors, offsets = [], []
    calls = []
    for row in rows:
        cells = _cells("stop_times", row, without=_CALL)
        factors.append(_number(cells.pop("safe_duration_factor", None)))
        offsets.append(_number(cells.pop("safe_duration_offset", None)))
        place = next(((kind, row[name]) for kind, name in _PLACES if row[name] is not None), None)
        if place is None:
            continue
        calls.append(
            Call(
                kind=place[0],
                place=place[1],
                sequence=row["stop_sequence"],
                arrival=row["arrival_time"],
                departure=row["departure_time"],
                window_start=row["start_pickup_drop_off_window"],
                window_end=row["end_pickup_drop_off_window"],
                pickup_type=row["pickup_type"],
                drop_off_type=row["drop_off_type"],
                pickup_rule=row["pickup_booking_rule_id"],
                drop_off_rule=row["drop_off_booking_rule_id"],
                fields=cells,
            )
        )
    factor = max((one for one in factors if one is not None and one > 0), default=None)
    offset = max((one for one in offsets if one is not None), default=None)
    return tuple(calls), factor, None if offset is None else offset * MINUTE


def map_same_area(calls: tuple[Call, ...]) -> tuple[Call, ...]:
    """Say with two records, one to get on and one to get off, what drafts said of travel within one zone or group."""
    if len(calls) == 1 and calls[0].kind is not PlaceKind.STOP and _both_ways(calls[0]):
        return _split(calls[0], replace(calls[0], sequence=calls[0].sequence + 1))
    mapped: list[Call] = []
    for _, found in groupby(calls, key=_area):
        run = list(found)
        if len(run) > 1 and all(call.kind is not PlaceKind.STOP and _both_ways(call) for call in run):
            run = [*_split(run[0], run[-1])]
        mapped += run
    return tuple(mapped)


def _area(call: Call) -> tuple[object, ...]:
    return call.kind, call.place, call.window_start, call.window_end


def _both_ways(call: Call) -> bool:
    return FORBIDDEN not in {call.pickup_type, call.drop_off_type}


FORBIDDEN, BY_ARRANGEMENT = 1, 2
"""pickup_type, drop_off_type: nobody gets on (off); only who has booked."""


def _split(first: Call, last: Call) -> tuple[Call, Call]:
    return (
        replace(first, drop_off_type=FORBIDDEN, drop_off_rule=None),
        replace(last, pickup_type=FORBIDDEN, pickup_rule=None),
    )


# ── what trips refer to ───────────────────────────────────────────────────────────────────────────────────────────────


class _Parts:
    """All calendars, rules, zones, groups and stops of a feed that runs on demand."""

    def __init__(self, rows: FlexRows) -> None:
        self.calendars = _read_calendars(rows)
        self.rules = {row["booking_rule_id"]: _read_rule(row) for row in rows.booking_rules}
        self.zones = {row["location_id"]: read_zone(row) for row in rows.locations}
        members = _group(rows.location_group_stops, "location_group_id")
        self.groups = {
            row["location_group_id"]: StopGroup(
                row["location_group_id"],
                tuple(sorted(member["stop_id"] for member in members.get(row["location_group_id"], []))),
                row["location_group_name"],
            )
            for row in rows.location_groups
        }
        self.stops = {row["stop_id"]: _read_stop(row) for row in rows.stops}

    def used_by(self, trips: Iterable[Trip]) -> dict[str, Any]:
        """Pick what some trips use, by the names of Service's fields."""
        calls = [call for trip in trips for call in trip.calls]
        places = {kind: {call.place for call in calls if call.kind is kind} for kind in PlaceKind}
        groups = _pick(self.groups, places[PlaceKind.GROUP])
        rules = _pick(self.rules, {rule for call in calls for rule in (call.pickup_rule, call.drop_off_rule)})
        calendars = {trip.calendar for trip in trips} | {rule.service_id for rule in rules.values()}
        stops = places[PlaceKind.STOP].union(*(group.stop_ids for group in groups.values()))
        return {
            "calendars": _pick(self.calendars, calendars),
            "rules": rules,
            "zones": _pick(self.zones, places[PlaceKind.ZONE]),
            "groups": groups,
            "stops": _pick(self.stops, self._with_stations(stops)),
        }

    def _with_stations(self, wanted: set[str]) -> set[str]:
        found: set[str] = set()
        while wanted:
            found |= wanted
            parents = {self.stops[key].fields.get("parent_station") for key in wanted if key in self.stops}
            wanted = {parent for parent in parents if parent is not None} - found
        return found


T = TypeVar("T")


def _pick(every: Mapping[str, T], wanted: Iterable[str | None]) -> dict[str, T]:
    return {key: every[key] for key in sorted({key for key in wanted if key is not None} & every.keys())}


def _read_calendars(rows: FlexRows) -> dict[str, Calendar]:
    days = _group(rows.calendar_dates, "service_id")
    weekly = {row["service_id"]: row for row in rows.calendar}
    found = {}
    for key in sorted(weekly.keys() | days.keys()):
        row = weekly.get(key)
        exceptions = days.get(key, [])
        found[key] = Calendar(
            id=key,
            weekdays=tuple(row[day] == 1 for day in WEEKDAYS) if row else (False,) * len(WEEKDAYS),
            first=row["start_date"] if row else None,
            last=row["end_date"] if row else None,
            added=frozenset(one["date"] for one in exceptions if one["exception_type"] == _ADDED),
            removed=frozenset(one["date"] for one in exceptions if one["exception_type"] == _REMOVED),
        )
    return found


_ADDED, _REMOVED = 1, 2


def _read_rule(row: Row) -> BookingRule:
    return BookingRule(
        id=row["booking_rule_id"],
        type=BookingType(row["booking_type"]),
        duration_min=row["prior_notice_duration_min"],
        duration_max=row["prior_notice_duration_max"],
        last_day=row["prior_notice_last_day"],
        last_time=row["prior_notice_last_time"],
        start_day=row["prior_notice_start_day"],
        start_time=row["prior_notice_start_time"],
        service_id=row["prior_notice_service_id"],
        message=row["message"],
        pickup_message=row["pickup_message"],
        drop_off_message=row["drop_off_message"],
        phone_number=row["phone_number"],
        info_url=row["info_url"],
        booking_url=row["booking_url"],
    )


def read_zone(row: Row) -> Zone:
    """Read a row of the zones of a feed."""
    more = dict(row["extra"] or {})
    if row["zone_id"] is not None:
        more["zone_id"] = row["zone_id"]
    geometry = json.loads(shapely.to_geojson(row["geom"]))
    return Zone(row["location_id"], geometry, row["stop_name"], row["stop_desc"], more)


def _read_stop(row: Row) -> Stop:
    placed = row["stop_lon"] is not None and row["stop_lat"] is not None
    cells = _cells("stops", row, without=("stop_id", "stop_name", "stop_lat", "stop_lon"))
    return Stop(
        id=row["stop_id"],
        name=row["stop_name"] or "",
        point=Point(row["stop_lon"], row["stop_lat"]) if placed else None,
        same_as=cells.pop(SAME_AS, None),
        fields=cells,
    )


# ── what GTFS cannot say ──────────────────────────────────────────────────────────────────────────────────────────────


def _extend(service: Service, row: Mapping[str, Any]) -> Service:
    """Add what our file says of a service; cells that cannot be read are as if empty."""
    kind = row.get("service_kind")
    told: dict[str, Any] = {name: _promise(str(row.get(name) or ""), name) for name in PROMISE}
    return replace(
        service,
        kind=ServiceKind(kind) if kind in set(ServiceKind) else service.kind,
        operator=str(row.get("operator_id") or "") or None,
        promise=replace(service.promise, **{name: value for name, value in told.items() if value is not None}),
    )


def _promise(cell: str, name: str) -> str | float | None:
    if not cell:
        return None
    kind = str(PROMISE[name])
    if kind.startswith("str"):
        return cell
    value = _number(cell)
    if value is None or kind.startswith("float"):
        return value
    return int(value) if value == int(value) else None


# ── cells ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _cells(file: str, row: Row, *, without: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the filled cells of a row as a feed writes them, unknown columns included."""
    kinds = {column.name: column.kind for column in BY_NAME[file].columns}
    known = {
        name: write_cell(kind, row[name])
        for name, kind in kinds.items()
        if name not in without and row.get(name) is not None
    }
    unknown = {str(name): str(value) for name, value in (row["extra"] or {}).items()}
    return {name: value for name, value in {**unknown, **known}.items() if value}


def write_cell(kind: Kind, value: object) -> str:
    """Write a typed value as a cell."""
    if kind is Kind.TIME and isinstance(value, int):
        return write_time(value)
    if isinstance(value, date):
        return f"{value:%Y%m%d}"
    if isinstance(value, float):
        return repr(int(value)) if value.is_integer() else repr(value)
    return str(value)


def write_time(seconds: int) -> str:
    """Write seconds of a service day as HH:MM:SS."""
    return f"{seconds // 3600:02d}:{seconds % 3600 // 60:02d}:{seconds % 60:02d}"


def _number(cell: str | None) -> float | None:
    try:
        value = float(cell or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and abs(value) <= MAX_NUMBER else None


def _group(rows: Iterable[Row], name: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row[name], []).append(row)
    return found
