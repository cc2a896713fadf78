"""Services as a GTFS feed with all its Flex files: what was imported comes out as it was, mapped to the adopted words.

What GTFS has no words for goes into a file of ours (`flex_read.EXTENSION`) and one more column of stops.txt; other
programs pass over both, and importing reads them again.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

from mobigo.kit.errors import Conflict, NotFound
from mobigo.ondemand.documents import zone_properties
from mobigo.ondemand.flex_apart import tell_apart
from mobigo.ondemand.flex_read import EXTENSION_COLUMNS, SAME_AS, read_zone, write_cell, write_time
from mobigo.ondemand.model import PlaceKind
from mobigo.transit.flex_store import ACCOMPANYING
from mobigo.transit.gtfs import BY_NAME, EXTENSION, FILES, LOCATIONS, WEEKDAYS, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

    from mobigo.ondemand.model import BookingRule, Calendar, Call, Service, Stop, Trip, Zone
    from mobigo.transit.flex_store import Row

Cells = dict[str, str]

PART = TypeVar("PART")

FIRST = (1980, 1, 1, 0, 0, 0)
"""The date that files in the archive carry: the same services give the same bytes."""

DEFAULT_TYPE = "715"
"""route_type of a service whose route says none: demand and response bus."""


def write_flex(services: Sequence[Service], accompanying: Mapping[str, list[Row]] | None = None) -> bytes:
    """Write services as a ZIP archive of GTFS.

    Parameters
    ----------
    services : sequence of Service
        Of one source: their ids after the colon are those of the routes.
    accompanying : mapping, optional
        What their feed says besides (`transit.flex_store.read_accompanying`); rows about other things are left out.

    Raises
    ------
    NotFound
        When there is no service.
    Conflict
        When two services have a trip of the same id, or times of different zones.
    """
    if not services:
        raise NotFound("there is no on-demand service to export; /v1/ondemand/services lists them")
    check_together(services)
    services = tell_apart(services)
    tables = {name: rows for name, rows in make_tables(services).items() if rows}
    left = _list_left_over(tables, services, accompanying or {})
    for name, rows in left.items():
        tables.setdefault(name, []).extend(rows)
    tables |= _select(tables, services, accompanying or {})
    tables.setdefault("feed_info", [_feed_info(services)])
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for file in FILES:
            if file.name in tables or file.name == "stops":  # which some programs ask for even where none is needed
                columns = [column.name for column in file.columns]
                _add(archive, file.filename, _csv(tables.get(file.name, ()), columns, needed=STOPS))
        zones = {zone.id: zone for zone in _list_zones_left_over(tables, services, accompanying or {})}
        zones |= _merge(services, lambda service: service.zones)
        if zones:
            features = [draw_zone(zone) for zone in zones.values()]
            text = json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False)
            _add(archive, LOCATIONS, text)
        _add(archive, EXTENSION, _csv([make_extension(service) for service in services], EXTENSION_COLUMNS))
    return out.getvalue()


def _add(archive: zipfile.ZipFile, name: str, text: str) -> None:
    info = zipfile.ZipInfo(name, FIRST)
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, text.encode())


STOPS = ("stop_id", "stop_name", "stop_lat", "stop_lon")
"""Columns of a table without rows."""


def _csv(rows: Sequence[Cells], columns: Sequence[str], *, needed: Sequence[str] = ()) -> str:
    """Write rows: known columns that anything fills, in their order, then the others by name."""
    filled = {name for row in rows for name, value in row.items() if value != ""} or set(needed)
    names = [name for name in columns if name in filled] + sorted(filled - set(columns))
    out = io.StringIO()
    writer = csv.DictWriter(out, names, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


# ── tables ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def check_together(services: Iterable[Service]) -> None:
    """Refuse services of one source that cannot stand in one feed.

    Raises
    ------
    Conflict
        When two have a trip of the same id, or times of different zones.
    """
    taken: dict[str, str] = {}
    zones: dict[str, str] = {}
    for service in services:
        zones.setdefault(service.timezone, service.id)
        if len(zones) > 1:
            told = " and ".join(f"{zone} ({id_})" for zone, id_ in zones.items())
            raise Conflict(
                f"services of one source keep one time zone, these {told}; put one of them under another source",
                code="inconsistent_agency_timezone",
            )
        for trip in service.trips:
            other = taken.setdefault(trip.id, service.id)
            if other != service.id:
                raise Conflict(
                    f"{other} and {service.id} both have a trip {trip.id!r}; rename one of them", code="duplicate_key"
                )


def _merge(services: Iterable[Service], parts: Callable[[Service], Mapping[str, PART]]) -> dict[str, PART]:
    """Put the parts of several services together, by id."""
    found: dict[str, PART] = {}
    for service in services:
        found |= parts(service)
    return dict(sorted(found.items()))


def make_tables(services: Sequence[Service]) -> dict[str, list[Cells]]:
    """Make the rows of services by file, ids as in their source; those of one id are the same in all of them."""
    trips = _merge(services, lambda service: {trip.id: (_route_id(service), trip) for trip in service.trips})
    calendars = _merge(services, lambda service: service.calendars)
    groups = _merge(services, lambda service: service.groups)
    shapes = _merge(services, lambda service: service.shapes)
    stops = _merge(services, lambda service: service.stops)
    rules = _merge(services, lambda service: service.rules)
    agencies = _merge(services, lambda service: {service.agency.get("agency_id", ""): service.agency})
    return {
        "agency": [dict(agency) for agency in agencies.values()],
        "stops": [_stop(stop) for stop in stops.values()],
        "routes": [
            {"route_type": DEFAULT_TYPE, **service.route, "route_id": _route_id(service)} for service in services
        ],
        "calendar": [_calendar(one) for one in calendars.values() if one.first is not None],
        "calendar_dates": [row for one in calendars.values() for row in _days(one)],
        "location_groups": [
            {"location_group_id": group.id, "location_group_name": group.name or ""} for group in groups.values()
        ],
        "location_group_stops": [
            {"location_group_id": group.id, "stop_id": stop} for group in groups.values() for stop in group.stop_ids
        ],
        "booking_rules": [_rule(rule) for rule in rules.values()],
        "shapes": [
            {
                "shape_id": key,
                "shape_pt_lon": _number(lon),
                "shape_pt_lat": _number(lat),
                "shape_pt_sequence": str(index),
                "shape_dist_traveled": "" if distance is None else _number(distance),
            }
            for key, points in shapes.items()
            for index, (lon, lat, distance) in enumerate(points)
        ],
        "trips": [_trip(route, trip) for route, trip in trips.values()],
        "stop_times": [_call(trip, call) for _, trip in trips.values() for call in trip.calls],
        "frequencies": [
            {
                "trip_id": trip.id,
                "start_time": write_time(one.start),
                "end_time": write_time(one.end),
                "headway_secs": str(one.headway),
                "exact_times": str(int(one.exact)),
            }
            for _, trip in trips.values()
            for one in trip.frequencies
        ],
    }


def _route_id(service: Service) -> str:
    return service.id.partition(":")[2]


def _number(value: float) -> str:
    return write_cell(Kind.FLOAT, float(value))


def _filled(cells: Mapping[str, object]) -> Cells:
    return {name: str(value) for name, value in cells.items() if value is not None}


def _time(seconds: int | None) -> str | None:
    return None if seconds is None else write_time(seconds)


def _stop(stop: Stop) -> Cells:
    where = {} if stop.point is None else {"stop_lon": _number(stop.point.lon), "stop_lat": _number(stop.point.lat)}
    return _filled({**stop.fields, **where, "stop_id": stop.id, "stop_name": stop.name, SAME_AS: stop.same_as})


def _calendar(one: Calendar) -> Cells:
    days = {day: str(int(runs)) for day, runs in zip(WEEKDAYS, one.weekdays, strict=True)}
    return {"service_id": one.id, **days, "start_date": f"{one.first:%Y%m%d}", "end_date": f"{one.last:%Y%m%d}"}


def _days(one: Calendar) -> list[Cells]:
    kinds = [(day, "1") for day in one.added] + [(day, "2") for day in one.removed - one.added]
    return [{"service_id": one.id, "date": f"{day:%Y%m%d}", "exception_type": kind} for day, kind in sorted(kinds)]


def _rule(rule: BookingRule) -> Cells:
    return _filled(
        {
            "booking_rule_id": rule.id,
            "booking_type": int(rule.type),
            "prior_notice_duration_min": rule.duration_min,
            "prior_notice_duration_max": rule.duration_max,
            "prior_notice_last_day": rule.last_day,
            "prior_notice_last_time": _time(rule.last_time),
            "prior_notice_start_day": rule.start_day,
            "prior_notice_start_time": _time(rule.start_time),
            "prior_notice_service_id": rule.service_id,
            "message": rule.message,
            "pickup_message": rule.pickup_message,
            "drop_off_message": rule.drop_off_message,
            "phone_number": rule.phone_number,
            "info_url": rule.info_url,
            "booking_url": rule.booking_url,
        }
    )


def _trip(route: str, trip: Trip) -> Cells:
    return _filled(
        {
            **trip.fields,
            "route_id": route,
            "service_id": trip.calendar,
            "trip_id": trip.id,
            "safe_duration_factor": None if trip.safe_factor is None else _number(trip.safe_factor),
            "safe_duration_offset": None if trip.safe_offset is None else _number(trip.safe_offset),
        }
    )


PLACES = {PlaceKind.STOP: "stop_id", PlaceKind.GROUP: "location_group_id", PlaceKind.ZONE: "location_id"}


def _call(trip: Trip, call: Call) -> Cells:
    return _filled(
        {
            **call.fields,
            "trip_id": trip.id,
            PLACES[call.kind]: call.place,
            "stop_sequence": call.sequence,
            "arrival_time": _time(call.arrival),
            "departure_time": _time(call.departure),
            "start_pickup_drop_off_window": _time(call.window_start),
            "end_pickup_drop_off_window": _time(call.window_end),
            "pickup_type": call.pickup_type,
            "drop_off_type": call.drop_off_type,
            "pickup_booking_rule_id": call.pickup_rule,
            "drop_off_booking_rule_id": call.drop_off_rule,
        }
    )


def draw_zone(zone: Zone) -> dict[str, Any]:
    """Make the feature of a zone."""
    return {"type": "Feature", "id": zone.id, "geometry": zone.geometry, "properties": zone_properties(zone)}


def make_extension(service: Service) -> Cells:
    """Make the row of `EXTENSION` of a service."""
    promise = {name: _plain(value) for name, value in asdict(service.promise).items() if value is not None}
    told = {"service_kind": service.kind.value, "operator_id": service.operator}
    return _filled({"route_id": _route_id(service), **told, **promise})


def _plain(value: float | str) -> str:
    return _number(value) if isinstance(value, float) else str(value)


def _feed_info(services: Sequence[Service]) -> Cells:
    """Say who publishes: the first agency."""
    agency = services[0].agency
    return {
        "feed_publisher_name": agency.get("agency_name", ""),
        "feed_publisher_url": agency.get("agency_url", ""),
        "feed_lang": agency.get("agency_lang", "mul"),
        "feed_contact_url": agency.get("agency_url", ""),
    }


# ── what no service uses ──────────────────────────────────────────────────────────────────────────────────────────────

KEYS = {
    "calendar": "service_id",
    "calendar_dates": "service_id",
    "stops": "stop_id",
    "location_groups": "location_group_id",
    "location_group_stops": "location_group_id",
    "booking_rules": "booking_rule_id",
    "shapes": "shape_id",
}
"""Of tables that a feed may fill beyond what its trips use."""


def _list_left_over(
    tables: Mapping[str, list[Cells]], services: Sequence[Service], accompanying: Mapping[str, list[Row]]
) -> dict[str, list[Cells]]:
    """List the rows of a feed that are about nothing a service has: they go with it, so that nothing is lost."""
    places = _list_places(services)
    calendars = {key for service in services for key in service.calendars}
    taken = {
        **{name: {row[key] for row in tables.get(name, ())} for name, key in KEYS.items()},
        **dict.fromkeys(("calendar", "calendar_dates"), calendars),
        **dict.fromkeys(("stops", "location_groups", "location_group_stops"), places),
    }
    found = {
        name: [row for row in (_cells(name, row) for row in accompanying.get(name, ())) if row[key] not in taken[name]]
        for name, key in KEYS.items()
    }
    return {name: rows for name, rows in found.items() if rows}


def _list_zones_left_over(
    tables: Mapping[str, list[Cells]], services: Sequence[Service], accompanying: Mapping[str, list[Row]]
) -> list[Zone]:
    taken = _list_places(services) | {row["stop_id"] for row in tables.get("stops", ())}
    zones = [read_zone(row) for row in accompanying.get("locations", ())]
    return [zone for zone in zones if zone.id not in taken]


def _list_places(services: Sequence[Service]) -> set[str]:
    return {key for service in services for key in (*service.stops, *service.groups, *service.zones)}


# ── what goes with them ───────────────────────────────────────────────────────────────────────────────────────────────


def _select(
    tables: Mapping[str, list[Cells]], services: Sequence[Service], accompanying: Mapping[str, list[Row]]
) -> dict[str, list[Cells]]:
    """Keep of what a feed says besides the rows all of whose references lead to something exported."""
    known: dict[str, set[Hashable]] = {}

    def note(name: str, rows: list[Cells]) -> None:
        for row in rows:
            for column, value in row.items():
                known.setdefault(f"{name}.{column}", set()).add(value)

    for name, rows in tables.items():
        note(name, rows)
    zones = [zone for service in services for zone in service.zones.values()]
    known.setdefault("stops.zone_id", set()).update(str(zone.properties.get("zone_id", "")) for zone in zones)
    known["locations.location_id"] = {zone.id for zone in zones}
    kept: dict[str, list[Cells]] = {}
    for name in (file.name for file in FILES if file.name in ACCOMPANYING):
        references = {column.name: column.to for column in BY_NAME[name].columns if column.to}
        rows = [
            cells
            for cells in (_cells(name, row) for row in accompanying.get(name, ()))
            if all(
                column not in cells or any(cells[column] in known.get(target, ()) for target in to)
                for column, to in references.items()
            )
            and (name != "translations" or _is_translated(cells, known))
        ]
        rows.sort(key=lambda cells: sorted(cells.items()))  # the same content gives the same bytes
        note(name, rows)
        if rows:
            kept[name] = rows
    return kept


def _cells(name: str, row: Mapping[str, Any]) -> Cells:
    known = {
        column.name: write_cell(column.kind, row[column.name])
        for column in BY_NAME[name].columns
        if row.get(column.name) is not None
    }
    return {**{str(key): str(value) for key, value in (row.get("extra") or {}).items()}, **known}


def _is_translated(cells: Cells, known: Mapping[str, set[Hashable]]) -> bool:
    """Tell whether what a translation is of is exported."""
    table = cells.get("table_name", "")
    file = BY_NAME.get(table)
    if file is None:
        return False
    if "record_id" in cells:
        return bool(file.key) and cells["record_id"] in known.get(f"{table}.{file.key[0]}", ())
    if "field_value" in cells:
        return cells["field_value"] in known.get(f"{table}.{cells.get('field_name')}", ())
    return table == "feed_info"
