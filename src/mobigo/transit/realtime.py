"""GTFS-Realtime: bytes as published, protocol buffers or their JSON form, become a `LiveFeed`."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import date
from itertools import chain
from typing import TYPE_CHECKING, Any

import orjson
from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import DecodeError
from google.transit import gtfs_realtime_pb2 as messages

from mobigo.kit.errors import InvalidInput
from mobigo.kit.geo import MAX_LAT, MAX_LON
from mobigo.kit.memory import sweep_later
from mobigo.transit.live import (
    Alert,
    CallRelation,
    CallUpdate,
    LiveFeed,
    Occupancy,
    Relation,
    Target,
    TripUpdate,
    Vehicle,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

RELATIONS = {
    messages.TripDescriptor.SCHEDULED: Relation.SCHEDULED,
    messages.TripDescriptor.ADDED: Relation.NEW,
    messages.TripDescriptor.UNSCHEDULED: Relation.UNSCHEDULED,
    messages.TripDescriptor.CANCELED: Relation.CANCELED,
    messages.TripDescriptor.REPLACEMENT: Relation.REPLACEMENT,
    messages.TripDescriptor.DUPLICATED: Relation.DUPLICATED,
    messages.TripDescriptor.DELETED: Relation.DELETED,
    messages.TripDescriptor.NEW: Relation.NEW,
}
CALL_RELATIONS = (CallRelation.SCHEDULED, CallRelation.SKIPPED, CallRelation.NO_DATA, CallRelation.UNSCHEDULED)
"""By their numbers in the message."""
UNDERSTOOD = ("trip_update", "vehicle", "alert")
MANY_ENTITIES = 200_000
"""Entities of one message at most."""
SHOWN = 20
"""Problems named at most."""
LAST_INSTANT = 2**40
"""Seconds since 1970 above which no time is read: it could not be computed with."""


def read(content: bytes, source: str) -> LiveFeed:
    """Understand a GTFS-Realtime message: trip updates, vehicle positions and alerts.

    Parameters
    ----------
    content : bytes
        Protocol buffers, or JSON of the same names.
    source : str
        The feed whose ids it speaks: the prefix of the ids in the timetable ("" where they have none).

    Returns
    -------
    LiveFeed
        Its `at` is 0 when the header says no time: then the time it was fetched must be put there.

    Raises
    ------
    InvalidInput
        When it is no such message, or torn. Single entities that make no sense are left out and named in `problems`.
    """
    message = _parse(content, source)
    if len(message.entity) > MANY_ENTITIES:
        raise InvalidInput(f"live data of {source} have {len(message.entity)} entities, {MANY_ENTITIES} are the most")
    with sweep_later():
        feed = _read_message(message, source)
    more = len(feed.problems) - SHOWN
    if more > 0:
        feed = replace(feed, problems=(*feed.problems[:SHOWN], f"and {more} more of the kind"))
    return feed


def _read_message(message: messages.FeedMessage, source: str) -> LiveFeed:
    trips: list[TripUpdate] = []
    vehicles: list[Vehicle] = []
    alerts: list[Alert] = []
    problems: list[str] = []
    if message.header.incrementality == messages.FeedHeader.DIFFERENTIAL:
        problems.append("it is a differential message; it is read as if it were whole")
    at = _instant(message.header.timestamp) or 0
    for entity in message.entity:
        if entity.is_deleted:
            continue
        if not any(map(entity.HasField, UNDERSTOOD)):
            problems.append(f"entity {entity.id}: it holds none of {', '.join(UNDERSTOOD)}; it is not read")
        try:
            if entity.HasField("trip_update"):
                trips.append(_read_trip(entity))
            if entity.HasField("vehicle"):
                vehicles.append(_read_vehicle(entity, at))
            if entity.HasField("alert"):
                alerts.append(_read_alert(entity))
        except _Senseless as problem:
            problems.append(f"entity {entity.id}: {problem}")
    return LiveFeed(source, at, tuple(trips), tuple(_name_trips(vehicles, trips)), tuple(alerts), tuple(problems))


def _name_trips(vehicles: list[Vehicle], trips: list[TripUpdate]) -> Iterator[Vehicle]:
    """Give vehicles that name no trip the one trip that names them."""
    serving: dict[str, TripUpdate | None] = {}
    for trip in trips:
        if trip.vehicle is not None:
            serving[trip.vehicle] = None if trip.vehicle in serving else trip
    for vehicle in vehicles:
        served = serving.get(vehicle.vehicle_id) if vehicle.trip_id is None else None
        if served is None:
            yield vehicle
        else:
            yield replace(vehicle, trip_id=served.trip_id, start_date=served.start_date, route_id=served.route_id)


class _Senseless(Exception):
    """An entity that cannot be used, and why."""


def _parse(content: bytes, source: str) -> messages.FeedMessage:
    message = messages.FeedMessage()
    start = content[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    try:
        if start == b"{":
            ParseDict(orjson.loads(content.removeprefix(b"\xef\xbb\xbf")), message, ignore_unknown_fields=True)
        else:
            message.ParseFromString(content)
    except (DecodeError, ParseError, orjson.JSONDecodeError, ValueError, TypeError, RecursionError) as error:
        raise InvalidInput(
            f"live data of {source} are no GTFS-Realtime message ({len(content)} bytes, begins with"
            f" {content[:16]!r}): {error}; check its address"
        ) from None
    if not message.HasField("header") or not message.header.HasField("gtfs_realtime_version"):
        raise InvalidInput(
            f"live data of {source} are no GTFS-Realtime message: they have no header ({len(content)} bytes); check"
            " its address"
        )
    return message


def _read_trip(entity: messages.FeedEntity) -> TripUpdate:
    update = entity.trip_update
    trip = update.trip
    properties = update.trip_properties
    relation = RELATIONS[trip.schedule_relationship]
    calls = update.stop_time_update
    if trip.HasField("modified_trip"):
        raise _Senseless("it is of a trip that trip_modifications change, which are not read")
    read_calls = tuple(map(_read_call, calls))
    if bytes in map(type, chain.from_iterable(read_calls)):
        raise _Senseless("a text of its calls is not UTF-8")
    return TripUpdate(
        trip_id=_text(trip.trip_id),
        start_date=_date(trip.start_date),
        start_time=_clock(trip.start_time),
        route_id=_text(trip.route_id),
        direction=trip.direction_id if trip.HasField("direction_id") else None,
        relation=relation,
        calls=read_calls,
        delay=update.delay if update.HasField("delay") else None,
        at=_instant(update.timestamp),
        vehicle=_text(update.vehicle.id),
        new_trip_id=_text(properties.trip_id),
        new_start_date=_date(properties.start_date),
        new_start_time=_clock(properties.start_time),
        headsign=_text(properties.trip_headsign),
        short_name=_text(properties.trip_short_name),
    )


def _read_call(call: Any) -> CallUpdate:  # noqa: ANN401 - messages have no types worth naming
    """Read one call; there may be hundreds of thousands, so no field is touched twice."""
    arrival, departure = call.arrival, call.departure
    arrives, leaves = arrival.time or None, departure.time or None
    assigned = headsign = None
    if call.HasField("stop_time_properties"):
        properties = call.stop_time_properties
        assigned, headsign = properties.assigned_stop_id or None, properties.stop_headsign or None
    return CallUpdate(
        call.stop_sequence or (0 if call.HasField("stop_sequence") else None),
        call.stop_id or None,
        arrives,
        leaves,
        arrival.delay if arrives is None and arrival.HasField("delay") else None,
        departure.delay if leaves is None and departure.HasField("delay") else None,
        CALL_RELATIONS[call.schedule_relationship],
        assigned,
        None,
        arrival.scheduled_time or None,
        departure.scheduled_time or None,
        headsign,
    )


def _read_vehicle(entity: messages.FeedEntity, at: int) -> Vehicle:
    vehicle = entity.vehicle
    position = vehicle.position
    if not vehicle.HasField("position"):
        raise _Senseless("it has no position")
    lat, lon = position.latitude, position.longitude
    if not (abs(lat) <= MAX_LAT and abs(lon) <= MAX_LON) or (lat == 0 and lon == 0):
        raise _Senseless(f"latitude {lat}, longitude {lon} is no place")
    seen = _instant(vehicle.timestamp) or at
    return Vehicle(
        vehicle_id=_text(vehicle.vehicle.id) or _text(vehicle.vehicle.label) or _text(entity.id) or "unnamed",
        trip_id=_text(vehicle.trip.trip_id),
        start_date=_date(vehicle.trip.start_date),
        route_id=_text(vehicle.trip.route_id),
        lat=lat,
        lon=lon,
        at=seen,
        bearing=_finite(position, "bearing"),
        speed=_finite(position, "speed"),
        stop_id=_text(vehicle.stop_id),
        sequence=vehicle.current_stop_sequence if vehicle.HasField("current_stop_sequence") else None,
        label=_text(vehicle.vehicle.label),
        occupancy=Occupancy(vehicle.occupancy_status) if vehicle.HasField("occupancy_status") else None,
    )


def _finite(position: Any, name: str) -> float | None:  # noqa: ANN401 - messages have no types worth naming
    value = getattr(position, name)
    return value if position.HasField(name) and math.isfinite(value) else None


def _read_alert(entity: messages.FeedEntity) -> Alert:
    alert = entity.alert
    targets = tuple(map(_read_target, alert.informed_entity))
    header, description = _texts(alert.header_text), _texts(alert.description_text)
    if not header and not description:
        raise _Senseless("it has no text")
    periods = tuple((_instant(one.start), _instant(one.end)) for one in alert.active_period or alert.impact_period)
    return Alert(
        id=_text(entity.id) or "unnamed",
        header=header or description,
        description=description if header else {},
        url=_texts(alert.url),
        periods=periods,
        targets=targets,
        cause=messages.Alert.Cause.Name(alert.cause),
        effect=messages.Alert.Effect.Name(alert.effect),
        severity=messages.Alert.SeverityLevel.Name(alert.severity_level),
    )


def _read_target(selector: Any) -> Target:  # noqa: ANN401 - messages have no types worth naming
    trip = selector.trip
    direction = None
    for place in (selector, trip):
        if direction is None and place.HasField("direction_id"):
            direction = place.direction_id
    return Target(
        agency_id=_text(selector.agency_id),
        route_id=_text(selector.route_id) or _text(trip.route_id),
        direction=direction,
        trip_id=_text(trip.trip_id),
        start_date=_date(trip.start_date),
        stop_id=_text(selector.stop_id),
        route_type=selector.route_type if selector.HasField("route_type") and selector.route_type >= 0 else None,
    )


def _texts(text: Any) -> dict[str, str]:  # noqa: ANN401 - messages have no types worth naming
    """Texts by language, as its first part in lower case; "" where none is said."""
    found: dict[str, str] = {}
    for one in text.translation:
        words, language = (_text(one.text) or "").strip(), (_text(one.language) or "").strip().lower()
        if words:
            found.setdefault(re.split("[-_]", language)[0], words)
    return found


def _instant(seconds: int) -> int | None:
    """Read an instant; 0 is none, one in milliseconds is understood."""
    if seconds > LAST_INSTANT // 10 and seconds < LAST_INSTANT * 10:
        seconds //= 1000
    return seconds if 0 < seconds < LAST_INSTANT else None


def _text(value: str | bytes) -> str | None:
    """Text of a field, None where there is none; the reader hands over bytes where it is not UTF-8."""
    if isinstance(value, bytes):
        raise _Senseless(f"its text {value[:40]!r} is not UTF-8")
    return value.replace("\0", "") or None


def _date(text: str) -> date | None:
    """Read ``YYYYMMDD`` (or with hyphens)."""
    digits = (_text(text) or "").strip().replace("-", "")
    if not digits:
        return None
    try:
        return (
            date(int(digits[:4]), int(digits[4:6]), int(digits[6:])) if re.fullmatch(r"[0-9]{8}", digits) else _no(text)
        )
    except ValueError:
        return _no(text)


def _no(text: str) -> date:
    raise _Senseless(f"{text[:40]!r} is no date; it should be like 20261123")


def _clock(text: str) -> int | None:
    """Read ``HH:MM:SS``, hours above 24 too."""
    words = (_text(text) or "").strip()
    if not words:
        return None
    match = re.fullmatch(r"([0-9]{1,3}):([0-5][0-9])(?::([0-5][0-9]))?", words)
    if match is None:
        raise _Senseless(f"{text[:40]!r} is no time; it should be like 07:30:00")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds
