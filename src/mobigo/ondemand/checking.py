"""What may be wrong with a service, whoever wrote it: a feed, the staff, somebody hostile.

`keep_sound` takes out what is broken and what hangs on it, part by part, and names each fault; what is left serves.
Codes are those of MobilityData's validator where it has one.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import date
from functools import cache
from math import isfinite
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import available_timezones

import shapely
from shapely.geometry import shape

from mobigo.kit.geo import MAX_LAT, MAX_LON, Point
from mobigo.ondemand.flex_read import BY_ARRANGEMENT, FORBIDDEN, is_flexible
from mobigo.ondemand.model import BookingType, PlaceKind, Promise, Zone
from mobigo.ondemand.timed import fill_times

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mobigo.ondemand.model import BookingRule, Calendar, Call, Service, Stop, StopGroup, Trip

MAX_VERTICES = 50_000
"""Of a zone: the outline of a region has some thousands."""
MAX_CALLS = 1_000
"""Records of a trip."""
MAX_TIME = 4 * 86_400
"""Seconds: no service day lasts longer."""
MAX_NOTICE = 366
"""Days before the ride that a booking rule may name."""
MAX_NOTICE_MINUTES = MAX_NOTICE * 24 * 60


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong."""

    code: str
    where: str
    """Path into the document, as ``trips.t1.calls.2``."""
    what: str
    """What is wrong, and what would be right."""


class _Found(NamedTuple):
    code: str
    what: str


def keep_sound(service: Service) -> tuple[Service | None, tuple[Fault, ...]]:
    """Take out of a service what is broken, and the trips that need it.

    Returns
    -------
    Service or None
        What is left, its trips with the times at which they pass stops without any (`timed.fill_times`); None when
        nothing can be ridden.
    tuple of Fault
        Everything that was wrong.
    """
    faults: list[Fault] = []

    def sift(name: str, parts: Mapping[str, Any], check: Callable[[Any], Iterator[_Found]]) -> dict[str, Any]:
        kept = {}
        for key, part in parts.items():
            found = [Fault(one.code, f"{name}.{key}", one.what) for one in check(part)]
            faults.extend(found)
            if not found:
                kept[key] = part
        return kept

    promise = service.promise
    for one in check_promise(promise):
        faults.append(Fault(one.code, "promise", one.what))
        promise = Promise()
    calendars = sift("calendars", service.calendars, check_calendar)
    zones = sift("zones", service.zones, check_zone)
    stops = sift("stops", service.stops, check_stop)
    groups = sift("groups", service.groups, lambda group: check_group(group, stops))
    rules = sift("rules", service.rules, lambda rule: check_rule(rule, calendars))
    shapes = sift("shapes", service.shapes, check_shape)
    sound = replace(service, promise=promise, calendars=calendars, zones=zones, stops=stops, groups=groups, rules=rules)
    sound = replace(sound, shapes=shapes)
    trips = _keep_trips(replace(sound, trips=tuple(fill_times(trip, stops) for trip in sound.trips)), faults)
    if service.timezone not in _list_timezones():
        what = f"{service.timezone!r} is no time zone of the tz database; write it like Europe/Paris"
        return None, (*faults, Fault("invalid_timezone", "timezone", what))
    if not service.trips:
        faults.append(Fault("unusable_trip", "trips", "a service needs a trip with two records; add one"))
    return replace(sound, trips=trips) if trips else None, tuple(faults)


@cache
def _list_timezones() -> set[str]:
    return available_timezones()  # which looks through the files of the system


def _keep_trips(service: Service, faults: list[Fault]) -> tuple[Trip, ...]:
    kept: list[Trip] = []
    taken: set[str] = set()
    for trip in service.trips:
        found = [Fault(one.code, f"trips.{trip.id}{one.where}", one.what) for one in _check_trip(service, trip)]
        if trip.id in taken:
            found.append(Fault("duplicate_key", f"trips.{trip.id}", f"two trips have the id {trip.id}; rename one"))
        taken.add(trip.id)
        faults.extend(found)
        if not found:
            kept.append(trip)
    return tuple(kept)


# ── parts ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def check_zone(zone: Zone) -> Iterator[_Found]:
    """Find what is wrong with an area: it is one or several rings that do not cross, on the Earth."""
    kind = zone.geometry.get("type")
    if kind not in {"Polygon", "MultiPolygon"}:
        yield _Found("unsupported_geometry_type", f"zone {zone.id} is a {kind}; draw it as a Polygon or MultiPolygon")
        return
    rings = _list_rings(kind, zone.geometry.get("coordinates"))
    if rings is None:
        yield _Found("invalid_geometry", f"zone {zone.id} has coordinates that are no rings of [longitude, latitude]")
        return
    if any(len(ring) < RING or ring[0] != ring[-1] for ring in rings):
        yield _Found("invalid_geometry", f"zone {zone.id} has a ring that is not closed; end it where it began")
        return
    vertices = sum(len(ring) for ring in rings)
    if vertices > MAX_VERTICES:
        yield _Found("invalid_geometry", f"zone {zone.id} has {vertices:,} points, more than {MAX_VERTICES:,}")
        return
    try:
        area = shape(zone.geometry)
    except (ValueError, TypeError, IndexError, shapely.errors.ShapelyError) as error:
        yield _Found("invalid_geometry", f"zone {zone.id} is no area: {error}; each ring needs four points, closed")
        return
    if area.is_empty:
        yield _Found("invalid_geometry", f"zone {zone.id} is empty; draw it")
        return
    west, south, east, north = area.bounds
    if max(-west, east) > MAX_LON or max(-south, north) > MAX_LAT:
        yield _Found("invalid_geometry", f"zone {zone.id} leaves longitude ±180, latitude ±90; longitude comes first")
    elif not area.is_valid:
        why = shapely.is_valid_reason(area)
        yield _Found("invalid_geometry", f"zone {zone.id} is no area: {why}; draw it so that no line crosses another")


RING = 4
"""Points that a ring has at least, the first again as the last."""


def _list_rings(kind: str, coordinates: object) -> list[list[object]] | None:
    """List the rings of a Polygon or MultiPolygon; None when they are not written as GeoJSON writes them."""
    if not isinstance(coordinates, list | tuple) or not coordinates:
        return None
    polygons = [coordinates] if kind == "Polygon" else coordinates
    rings: list[list[object]] = []
    for polygon in polygons:
        if not isinstance(polygon, list | tuple) or not polygon:
            return None
        for ring in polygon:
            if not isinstance(ring, list | tuple) or not all(_is_position(one) for one in ring):
                return None
            rings.append(list(ring))
    return rings


def _is_position(value: object) -> bool:
    return isinstance(value, list | tuple) and len(value) in {2, 3} and all(_is_number(one) for one in value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def check_stop(stop: Stop) -> Iterator[_Found]:
    """Find what is wrong with a stop."""
    if stop.fields.get("location_type", "0") in {"0", ""} and stop.point is None:
        yield _Found("stop_without_location", f"stop {stop.id} has no place; give its longitude and latitude")
    if stop.point is not None and not _is_on_earth(stop.point):
        yield _Found("stop_without_location", f"stop {stop.id} lies outside longitude ±180, latitude ±90; correct it")


def _is_on_earth(point: Point) -> bool:
    return isfinite(point.lon) and isfinite(point.lat) and abs(point.lon) <= MAX_LON and abs(point.lat) <= MAX_LAT


def check_shape(points: tuple[tuple[float, float, float | None], ...]) -> Iterator[_Found]:
    """Find what is wrong with the way of a trip."""
    if not LINE <= len(points) <= MAX_VERTICES:
        yield _Found("single_shape_point", f"a shape of {len(points)} points; it has 2 to {MAX_VERTICES:,}")
    elif not all(_is_on_earth(Point(lon, lat)) for lon, lat, _ in points):
        yield _Found("number_out_of_range", "a shape leaves longitude ±180, latitude ±90; longitude comes first")


LINE = 2
"""Points that a line has at least."""


def check_group(group: StopGroup, stops: Mapping[str, Stop]) -> Iterator[_Found]:
    """Find what is wrong with a group of stops."""
    if not group.stop_ids:
        yield _Found("missing_required_field", f"group {group.id} names no stop; name at least one")
    for stop in group.stop_ids:
        if stop not in stops:
            yield _Found("foreign_key_violation", f"group {group.id} names stop {stop}, which is not there; add it")


def check_calendar(calendar: Calendar) -> Iterator[_Found]:
    """Find what is wrong with a calendar."""
    if (calendar.first is None) != (calendar.last is None):
        yield _Found("missing_required_field", f"calendar {calendar.id} has one of first and last day; fill both")
    elif calendar.first is not None and calendar.last is not None and calendar.first > calendar.last:
        what = f"calendar {calendar.id} ends on {calendar.last}, before it begins on {calendar.first}; exchange them"
        yield _Found("start_and_end_range_out_of_order", what)
    elif calendar.first is None and any(calendar.weekdays):
        yield _Found("missing_required_field", f"calendar {calendar.id} has weekdays but no first and last day")


ALLOWED: dict[BookingType, frozenset[str]] = {
    BookingType.REAL_TIME: frozenset(),
    BookingType.SAME_DAY: frozenset(("duration_min", "duration_max", "start_day", "start_time")),
    BookingType.PRIOR_DAYS: frozenset(("last_day", "last_time", "start_day", "start_time", "service_id")),
}
"""Fields that each type of booking may fill (reference of booking_rules.txt)."""

NOTICE = ("duration_min", "duration_max", "last_day", "last_time", "start_day", "start_time", "service_id")

FORBIDDEN_CODES = {
    BookingType.REAL_TIME: "forbidden_real_time_booking_field_value",
    BookingType.SAME_DAY: "forbidden_same_day_booking_field_value",
    BookingType.PRIOR_DAYS: "forbidden_prior_day_booking_field_value",
}

BOUNDS = {
    "duration_min": MAX_NOTICE_MINUTES,
    "duration_max": MAX_NOTICE_MINUTES,
    "last_day": MAX_NOTICE,
    "start_day": MAX_NOTICE,
    "last_time": MAX_TIME,
    "start_time": MAX_TIME,
}
"""Largest values; the smallest is 0."""


def check_rule(rule: BookingRule, calendars: Mapping[str, Calendar]) -> Iterator[_Found]:
    """Find what is wrong with a booking rule, by the table of the reference."""
    filled = {name for name in NOTICE if getattr(rule, name) is not None}
    for name in sorted(filled - ALLOWED[rule.type]):
        kind = rule.type.name.lower().replace("_", " ")
        what = f"rule {rule.id}: prior_notice_{name} is forbidden with booking_type {rule.type:d} ({kind}); empty it"
        yield _Found(FORBIDDEN_CODES[rule.type], what)
    for code, needed in _missing_notice(rule):
        yield _Found(code, f"rule {rule.id} of booking_type {rule.type:d} needs prior_notice_{needed}; fill it")
    for name, high in BOUNDS.items():
        value = getattr(rule, name)
        if value is not None and not 0 <= value <= high:
            what = f"rule {rule.id}: prior_notice_{name} is {value}, outside 0 to {high}; correct it"
            yield _Found("number_out_of_range", what)
    yield from _check_notice_order(rule)
    if rule.service_id is not None and rule.service_id not in calendars:
        what = (
            f"rule {rule.id} counts days of calendar {rule.service_id}, which is not there; add it or empty the field"
        )
        yield _Found("foreign_key_violation", what)


def _missing_notice(rule: BookingRule) -> Iterator[tuple[str, str]]:
    if rule.type is BookingType.SAME_DAY and rule.duration_min is None:
        yield "missing_prior_notice_duration_min", "duration_min"
    if rule.type is BookingType.PRIOR_DAYS and rule.last_day is None:
        yield "missing_prior_notice_last_day", "last_day"
    if rule.type is BookingType.PRIOR_DAYS and rule.last_time is None:
        yield "missing_prior_notice_last_time", "last_time"
    if rule.start_day is not None and rule.start_time is None:
        yield "missing_prior_notice_start_time", "start_time"


def _check_notice_order(rule: BookingRule) -> Iterator[_Found]:
    if rule.start_day is None and rule.start_time is not None:
        what = f"rule {rule.id} has prior_notice_start_time without prior_notice_start_day; fill both or none"
        yield _Found("forbidden_prior_notice_start_time", what)
    if rule.start_day is not None and rule.duration_max is not None:
        what = f"rule {rule.id} has prior_notice_start_day and prior_notice_duration_max; empty one"
        yield _Found("forbidden_prior_notice_start_day", what)
    if rule.duration_min is not None and rule.duration_max is not None and rule.duration_min > rule.duration_max:
        what = f"rule {rule.id} closes {rule.duration_min} minutes before and opens {rule.duration_max} before: never"
        yield _Found("invalid_prior_notice_duration_min", f"{what} bookable; exchange them")
    if rule.last_day is not None and rule.start_day is not None:
        opens, closes = (-rule.start_day, rule.start_time or 0), (-rule.last_day, rule.last_time or 0)
        if opens >= closes:
            what = f"rule {rule.id} opens {rule.start_day} days before and closes {rule.last_day} days before: never"
            yield _Found("prior_notice_last_day_after_start_day", f"{what} bookable; correct days or times")


PROMISE_BOUNDS: dict[str, tuple[float, float]] = {
    "pickup_window": (0, 7_200),
    "ride_factor": (1, 10),
    "ride_extra": (0, 7_200),
    "dwell": (0, 1_800),
    "connection_buffer": (0, 3_600),
    "longest_wait": (0, 7_200),
    "longest_hold": (0, 7_200),
    "hold": (30, 3_600),
    "cancel_before": (0, 30 * 86_400),
    "late_cancel_cents": (0, 100_000),
    "no_show_cents": (0, 100_000),
    "suspend_after": (0, 1_000),
    "fare_cents": (0, 1_000_000),
}
"""Smallest and largest values of an operator's promise."""


def check_promise(promise: Promise) -> Iterator[_Found]:
    """Find numbers of an operator's promise that cannot be meant."""
    for one in fields(promise):
        if one.name not in PROMISE_BOUNDS:
            continue
        low, high = PROMISE_BOUNDS[one.name]
        value = getattr(promise, one.name)
        if value is not None and not (isfinite(value) and low <= value <= high):
            what = f"promise.{one.name} is {value}, outside {low:,} to {high:,}; correct it"
            yield _Found("number_out_of_range", what)


# ── trips ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


class _FoundAt(NamedTuple):
    code: str
    where: str
    """After the trip's own path."""
    what: str


def _check_trip(service: Service, trip: Trip) -> Iterator[_FoundAt]:
    name = f"trip {trip.id}"
    if len(trip.calls) > MAX_CALLS:
        yield _FoundAt("number_out_of_range", "", f"{name} has {len(trip.calls):,} records, more than {MAX_CALLS:,}")
        return
    if trip.calendar not in service.calendars:
        what = f"{name} runs on calendar {trip.calendar}, which is not there or broken; add or correct it"
        yield _FoundAt("foreign_key_violation", "", what)
    yield from _check_durations(trip)
    before = -1
    broken = False
    for call in trip.calls:
        where = f".calls.{call.sequence}"
        if call.sequence <= before:
            yield _FoundAt("duplicate_key", where, f"{name}: sequence {call.sequence} does not grow; number them anew")
        before = call.sequence
        for one in _check_call(service, call):
            broken = True
            yield _FoundAt(one.code, where, f"{name}, record {call.sequence}: {one.what}")
    if not broken:
        yield from _check_records(service, trip)


def _check_durations(trip: Trip) -> Iterator[_FoundAt]:
    """Check how long rides are said to last, and where times are repeated."""
    name = f"trip {trip.id}"
    if trip.safe_factor is not None and not 0 < trip.safe_factor <= MAX_FACTOR:
        what = f"{name}: safe_duration_factor {trip.safe_factor:g} is outside 0 to {MAX_FACTOR}; correct it"
        yield _FoundAt("number_out_of_range", "", what)
    if trip.safe_offset is not None and not abs(trip.safe_offset) <= MAX_TIME:
        what = f"{name}: safe_duration_offset {trip.safe_offset:g} s is outside ±{MAX_TIME}; correct it"
        yield _FoundAt("number_out_of_range", "", what)
    if any(not 0 <= one.start < one.end <= MAX_TIME for one in trip.frequencies):
        what = f"{name}: a frequency ends after it starts; correct its times"
        yield _FoundAt("start_and_end_range_out_of_order", ".frequencies", what)


MAX_FACTOR = 20


def _check_call(service: Service, call: Call) -> Iterator[_Found]:
    known: Mapping[str, object] = {
        PlaceKind.STOP: service.stops, PlaceKind.GROUP: service.groups, PlaceKind.ZONE: service.zones
    }[call.kind]  # fmt: skip
    if call.place not in known:
        yield _Found("foreign_key_violation", f"{call.kind} {call.place} is not there or broken; add or correct it")
    for rule in (call.pickup_rule, call.drop_off_rule):
        if rule is not None and rule not in service.rules:
            yield _Found("foreign_key_violation", f"booking rule {rule} is not there or broken; add or correct it")
    yield from _check_window(call)
    for value in (call.arrival, call.departure, call.window_start, call.window_end):
        if value is not None and not 0 <= value <= MAX_TIME:
            yield _Found("number_out_of_range", f"a time of {value} s is outside 0 to {MAX_TIME}; correct it")


def _check_window(call: Call) -> Iterator[_Found]:
    start, end = call.window_start, call.window_end
    if (start is None) != (end is None) or (call.kind is not PlaceKind.STOP and start is None):
        yield _Found("missing_pickup_or_drop_off_window", "a window needs both its start and its end; fill both")
    elif start is not None and end is not None and start >= end:
        yield _Found("invalid_pickup_drop_off_window", "the window ends before or when it starts; correct it")
    if start is None:
        if call.arrival is not None and call.departure is not None and call.arrival > call.departure:
            yield _Found("start_and_end_range_out_of_order", "it departs before it arrives; exchange the times")
        return
    if call.arrival is not None or call.departure is not None:
        yield _Found("forbidden_arrival_or_departure_time", "a window replaces the times; empty one of them")
    if call.pickup_type in {0, 3}:
        yield _Found("forbidden_pickup_type", f"with a window pickup_type may not be {call.pickup_type}; write 1 or 2")
    if call.drop_off_type == 0:
        yield _Found("forbidden_drop_off_type", "with a window drop_off_type may not be 0; write 1, 2 or 3")


def _check_records(service: Service, trip: Trip) -> Iterator[_FoundAt]:
    """Check records against each other: time goes on, areas keep apart, and somebody can ride."""
    before = None
    for call in trip.calls:
        arrival = call.arrival if call.arrival is not None else call.departure
        if arrival is None:
            continue
        if before is not None and arrival < before:
            what = f"trip {trip.id}, record {call.sequence} is before the one before it; correct the times"
            yield _FoundAt("stop_time_with_arrival_before_previous_departure_time", f".calls.{call.sequence}", what)
        before = call.departure if call.departure is not None else arrival
    for one, other in _overlapping(service, trip):
        what = (
            f"trip {trip.id}: zones {one.place} and {other.place} of records {one.sequence}, {other.sequence} overlap"
            " during the same hours and for the same end of a ride; draw them apart, or make them one"
        )
        yield _FoundAt("overlapping_zone_and_pickup_drop_off_window", f".calls.{other.sequence}", what)
    if not _is_rideable(trip):
        what = (
            f"trip {trip.id}: nobody can ride from a record to a later one; travel within one zone or group needs two"
            " records of it, the first to get on and the second to get off"
        )
        yield _FoundAt("missing_stop_times_record", "", what)


def _overlapping(service: Service, trip: Trip) -> Iterator[tuple[Call, Call]]:
    zoned = [call for call in trip.calls if call.kind is PlaceKind.ZONE]
    for index, one in enumerate(zoned):
        for other in zoned[index + 1 :]:
            assert one.window_start is not None
            assert one.window_end is not None
            assert other.window_start is not None
            assert other.window_end is not None
            if one.window_end <= other.window_start or other.window_end <= one.window_start:
                continue
            if one.pickup_type != other.pickup_type and one.drop_off_type != other.drop_off_type:
                continue
            if one.place != other.place and _overlap(service.zones[one.place], service.zones[other.place]):
                yield one, other


def _overlap(one: Zone, other: Zone) -> bool:
    a, b = shape(one.geometry), shape(other.geometry)
    return bool(a.overlaps(b))


def _is_rideable(trip: Trip) -> bool:
    """Tell whether there is a ride at all (`catalogue.may_ride`), in one pass: the earliest one may get on so far."""
    booked: int | None = None
    earliest: int | None = None
    for call in trip.calls:
        latest = call.window_end if call.window_end is not None else call.comes
        on_demand = is_flexible(call)
        if call.drop_off_type != FORBIDDEN and latest is not None:
            since = earliest if on_demand or call.drop_off_type == BY_ARRANGEMENT else booked
            if since is not None and since < latest:
                return True
        opens = call.window_start if call.window_start is not None else call.leaves
        if call.pickup_type != FORBIDDEN and opens is not None:
            earliest = opens if earliest is None else min(earliest, opens)
            if on_demand or call.pickup_type == BY_ARRANGEMENT:
                booked = opens if booked is None else min(booked, opens)
    return False


# ── seen from a day ───────────────────────────────────────────────────────────────────────────────────────────────────


def is_over(service: Service, today: date) -> bool:
    """Tell whether no trip of a service runs today or later."""
    return all(_last_day(service.calendars[trip.calendar]) < today for trip in service.trips)


def _last_day(calendar: Calendar) -> date:
    days = [*calendar.added, *([calendar.last] if calendar.last is not None and any(calendar.weekdays) else [])]
    return max(days, default=date.min)
