"""A service as a JSON document, in the words of GTFS-Flex: what the staff writes, what is stored and answered."""

from collections.abc import Mapping
from math import isfinite
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from mobigo.kit.geo import Point
from mobigo.kit.parameters import Day
from mobigo.ondemand.flex_read import write_time
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
from mobigo.transit.check import read_time

PRINTABLE = r"^[^\x00-\x1f\x7f]+$"
"""No control characters."""

TIME_PATTERN = r"^[0-9]{1,3}:[0-5][0-9]:[0-5][0-9]$"

Id = Annotated[str, Field(min_length=1, max_length=200, pattern=PRINTABLE)]
Word = Annotated[str, Field(max_length=4000, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$")]
Time = Annotated[
    str, Field(pattern=TIME_PATTERN, description="HH:MM:SS of the service day; beyond 24:00:00 after midnight")
]
Number = Annotated[float, Field(allow_inf_nan=False)]
Address = Annotated[str, Field(max_length=1000, pattern=r"^https?://[^\s<>\x22]+$")]
Cells = Annotated[dict[Id, Word], Field(max_length=100)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CalendarBody(_Body):
    """A calendar of GTFS: weekdays of a period, days added, days removed."""

    service_id: Id
    weekdays: Annotated[list[bool], Field(min_length=7, max_length=7)] = Field(
        default_factory=lambda: [False] * 7, description="Monday first"
    )
    start_date: Day | None = None
    end_date: Day | None = None
    added: Annotated[list[Day], Field(max_length=4000)] = Field(default_factory=list)
    removed: Annotated[list[Day], Field(max_length=4000)] = Field(default_factory=list)


Notice = Annotated[int, Field(ge=-(2**31), le=2**31 - 1, strict=True)]


class RuleBody(_Body):
    """A row of booking_rules.txt."""

    booking_rule_id: Id
    booking_type: Annotated[int, Field(ge=0, le=2, strict=True)] = Field(
        description="0 real time, 1 same day, 2 prior days"
    )
    prior_notice_duration_min: Notice | None = Field(None, description="Minutes")
    prior_notice_duration_max: Notice | None = Field(None, description="Minutes")
    prior_notice_last_day: Notice | None = None
    prior_notice_last_time: Time | None = None
    prior_notice_start_day: Notice | None = None
    prior_notice_start_time: Time | None = None
    prior_notice_service_id: Id | None = Field(None, description="Calendar whose days are counted; null: all days")
    message: Word | None = None
    pickup_message: Word | None = None
    drop_off_message: Word | None = None
    phone_number: Annotated[str, Field(max_length=60, pattern=PRINTABLE)] | None = None
    info_url: Address | None = None
    booking_url: Address | None = None


MAX_DEPTH = 8
"""Of lists and objects in the properties of a zone."""


def _check_plain(value: dict[str, Any]) -> dict[str, Any]:
    """Refuse what JSON cannot say or a database cannot keep: numbers that are none, zero bytes, endless depth."""
    todo: list[tuple[object, int]] = [(value, 0)]
    while todo:
        part, depth = todo.pop()
        if depth > MAX_DEPTH:
            raise ValueError(f"more than {MAX_DEPTH} lists or objects within each other")
        if isinstance(part, float) and not isfinite(part):
            raise ValueError(f"{part} is no number of JSON")
        if isinstance(part, str) and ("\0" in part or any("\ud800" <= sign <= "\udfff" for sign in part)):
            raise ValueError("a text with zero bytes or half characters")
        if isinstance(part, dict):
            todo += [(one, depth + 1) for pair in part.items() for one in pair]
        elif isinstance(part, list):
            todo += [(one, depth + 1) for one in part]
    return value


class GeometryBody(BaseModel):
    """A geometry of GeoJSON; its other members are left out."""

    type: Annotated[str, Field(max_length=30, pattern=PRINTABLE)] = Field(
        description="Polygon or MultiPolygon", examples=["Polygon"]
    )
    coordinates: list[Any] = Field(description="Rings of [longitude, latitude]")


class ZoneBody(_Body):
    """A feature of locations.geojson."""

    type: Literal["Feature"] = "Feature"
    id: Id
    geometry: GeometryBody
    properties: Annotated[dict[str, Any], AfterValidator(_check_plain)] = Field(
        default_factory=dict, description="stop_name, stop_desc, zone_id and others"
    )


class GroupBody(_Body):
    """A row of location_groups.txt with its stops."""

    location_group_id: Id
    location_group_name: Word | None = None
    stop_ids: Annotated[list[Id], Field(max_length=10_000)]


class StopBody(_Body):
    """A stop."""

    stop_id: Id
    stop_name: Word = ""
    stop_lat: Annotated[float, Field(ge=-90, le=90)] | None = None
    stop_lon: Annotated[float, Field(ge=-180, le=180)] | None = None
    same_as: Id | None = Field(None, description="`source:stop_id` of the timetable's stop that it is, if another's")
    fields: Cells = Field(default_factory=dict, description="Other columns of stops.txt")


class CallBody(_Body):
    """A record of stop_times.txt; it names a stop, a group or a zone."""

    stop_id: Id | None = None
    location_group_id: Id | None = None
    location_id: Id | None = Field(None, description="Id of a zone")
    stop_sequence: Annotated[int, Field(ge=0, le=2**31 - 1, strict=True)]
    arrival_time: Time | None = None
    departure_time: Time | None = None
    start_pickup_drop_off_window: Time | None = None
    end_pickup_drop_off_window: Time | None = None
    pickup_type: Annotated[int, Field(ge=0, le=3, strict=True)] | None = None
    drop_off_type: Annotated[int, Field(ge=0, le=3, strict=True)] | None = None
    pickup_booking_rule_id: Id | None = None
    drop_off_booking_rule_id: Id | None = None
    fields: Cells = Field(default_factory=dict, description="Other columns of stop_times.txt")


class FrequencyBody(_Body):
    """A row of frequencies.txt."""

    start_time: Time
    end_time: Time
    headway_secs: Annotated[int, Field(ge=1, le=86_400, strict=True)]
    exact_times: bool = False


class TripBody(_Body):
    """A trip: one may ride from any of its records to any later one that allows it."""

    trip_id: Id
    service_id: Id = Field(description="Its calendar")
    safe_duration_factor: Number | None = None
    safe_duration_offset: Number | None = Field(None, description="Seconds")
    fields: Cells = Field(default_factory=dict, description="Other columns of trips.txt")
    stop_times: Annotated[list[CallBody], Field(max_length=1000)]
    frequencies: Annotated[list[FrequencyBody], Field(max_length=200)] = Field(default_factory=list)


class PromiseBody(_Body):
    """What the operator promises and asks; GTFS has no words for it. Seconds and cents."""

    pickup_window: Annotated[int, Field(ge=0, le=7_200, strict=True)] = Promise.pickup_window
    ride_factor: Annotated[float, Field(ge=1, le=10)] = Promise.ride_factor
    ride_extra: Annotated[int, Field(ge=0, le=7_200, strict=True)] = Promise.ride_extra
    dwell: Annotated[int, Field(ge=0, le=1_800, strict=True)] = Promise.dwell
    connection_buffer: Annotated[int, Field(ge=0, le=3_600, strict=True)] = Promise.connection_buffer
    longest_wait: Annotated[int, Field(ge=0, le=7_200, strict=True)] = Promise.longest_wait
    longest_hold: Annotated[int, Field(ge=0, le=7_200, strict=True)] = Promise.longest_hold
    hold: Annotated[int, Field(ge=30, le=3_600, strict=True)] = Promise.hold
    cancel_before: Annotated[int, Field(ge=0, le=2_592_000, strict=True)] = Promise.cancel_before
    late_cancel_cents: Annotated[int, Field(ge=0, le=100_000, strict=True)] = Promise.late_cancel_cents
    no_show_cents: Annotated[int, Field(ge=0, le=100_000, strict=True)] = Promise.no_show_cents
    suspend_after: Annotated[int, Field(ge=0, le=1_000, strict=True)] = Promise.suspend_after
    fare_cents: Annotated[int, Field(ge=0, le=1_000_000, strict=True)] | None = None
    fare: Id | None = Field(None, description="Id of a fare product")


class ServiceBody(_Body):
    """An on-demand service as a whole."""

    kind: ServiceKind
    timezone: Annotated[str, Field(max_length=60, pattern=PRINTABLE)] = Field(examples=["Europe/Paris"])
    operator: Id | None = Field(None, description="Who dispatches it here; null: it is booked elsewhere")
    route: Cells = Field(description="Cells of routes.txt", examples=[{"route_short_name": "TAD", "route_type": "715"}])
    agency: Cells = Field(description="Cells of agency.txt", examples=[{"agency_name": "Auxois à la demande"}])
    trips: Annotated[list[TripBody], Field(max_length=5_000)]
    calendars: Annotated[list[CalendarBody], Field(max_length=1_000)]
    booking_rules: Annotated[list[RuleBody], Field(max_length=1_000)] = Field(default_factory=list)
    zones: Annotated[list[ZoneBody], Field(max_length=1_000)] = Field(default_factory=list)
    location_groups: Annotated[list[GroupBody], Field(max_length=1_000)] = Field(default_factory=list)
    stops: Annotated[list[StopBody], Field(max_length=20_000)] = Field(default_factory=list)
    shapes: dict[Id, list[tuple[Number, Number, Number | None]]] = Field(
        default_factory=dict, description="Of the trips: longitude, latitude, shape_dist_traveled"
    )
    promise: PromiseBody = Field(default_factory=PromiseBody)


class SupplementBody(_Body):
    """What the staff adds to a service; what is left out stays as it is."""

    kind: ServiceKind | None = None
    operator: Id | None = Field(None, description="Null: booked elsewhere again")
    promise: dict[str, Any] | None = Field(None, description="Members of `promise` that change")


# ── document to service ───────────────────────────────────────────────────────────────────────────────────────────────


def to_service(id_: str, body: ServiceBody) -> Service:
    """Make a service of a document; nothing is checked but its form."""
    route = {**body.route, "route_id": id_.partition(":")[2]}
    return Service(
        id=id_,
        kind=body.kind,
        timezone=body.timezone,
        route=_sorted(route),
        agency=_sorted({**body.agency, "agency_timezone": body.timezone}),
        trips=tuple(_to_trip(trip) for trip in body.trips),
        calendars={one.service_id: _to_calendar(one) for one in body.calendars},
        rules={one.booking_rule_id: _to_rule(one) for one in body.booking_rules},
        zones={one.id: _to_zone(one) for one in body.zones},
        groups={
            one.location_group_id: StopGroup(
                one.location_group_id, tuple(sorted(set(one.stop_ids))), one.location_group_name
            )
            for one in body.location_groups
        },
        stops={one.stop_id: _to_stop(one) for one in body.stops},
        operator=body.operator,
        promise=Promise(**body.promise.model_dump()),
        shapes={key: tuple(points) for key, points in body.shapes.items()},
    )


def _sorted(cells: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in sorted(cells.items()) if value}


def _to_calendar(one: CalendarBody) -> Calendar:
    return Calendar(
        one.service_id,
        tuple(one.weekdays),
        one.start_date,
        one.end_date,
        frozenset(one.added),
        frozenset(one.removed),
    )


def _seconds(text: str | None) -> int | None:
    return None if text is None else read_time(text)


def _to_rule(one: RuleBody) -> BookingRule:
    return BookingRule(
        id=one.booking_rule_id,
        type=BookingType(one.booking_type),
        duration_min=one.prior_notice_duration_min,
        duration_max=one.prior_notice_duration_max,
        last_day=one.prior_notice_last_day,
        last_time=_seconds(one.prior_notice_last_time),
        start_day=one.prior_notice_start_day,
        start_time=_seconds(one.prior_notice_start_time),
        service_id=one.prior_notice_service_id,
        message=one.message or None,
        pickup_message=one.pickup_message or None,
        drop_off_message=one.drop_off_message or None,
        phone_number=one.phone_number,
        info_url=one.info_url,
        booking_url=one.booking_url,
    )


def _to_zone(one: ZoneBody) -> Zone:
    more = {key: value for key, value in one.properties.items() if value is not None}
    name, description = more.pop("stop_name", None), more.pop("stop_desc", None)
    return Zone(
        one.id,
        one.geometry.model_dump(),
        None if name is None else str(name),
        None if description is None else str(description),
        more,
    )


def _to_stop(one: StopBody) -> Stop:
    placed = one.stop_lon is not None and one.stop_lat is not None
    point = Point(one.stop_lon, one.stop_lat) if placed else None  # type: ignore[arg-type] # both are filled
    return Stop(one.stop_id, one.stop_name, point, _sorted(one.fields), one.same_as)


def _to_trip(one: TripBody) -> Trip:
    return Trip(
        id=one.trip_id,
        calendar=one.service_id,
        calls=tuple(_to_call(call) for call in one.stop_times),
        safe_factor=one.safe_duration_factor,
        safe_offset=one.safe_duration_offset,
        fields=_sorted(one.fields),
        frequencies=tuple(
            Frequency(_time(row.start_time), _time(row.end_time), row.headway_secs, row.exact_times)
            for row in one.frequencies
        ),
    )


def _time(text: str) -> int:
    found = read_time(text)
    assert found is not None
    return found


def _to_call(one: CallBody) -> Call:
    places = (
        (PlaceKind.ZONE, one.location_id),
        (PlaceKind.GROUP, one.location_group_id),
        (PlaceKind.STOP, one.stop_id),
    )
    kind, place = next(((kind, place) for kind, place in places if place is not None), (PlaceKind.STOP, ""))
    return Call(
        kind=kind,
        place=place,
        sequence=one.stop_sequence,
        arrival=_seconds(one.arrival_time),
        departure=_seconds(one.departure_time),
        window_start=_seconds(one.start_pickup_drop_off_window),
        window_end=_seconds(one.end_pickup_drop_off_window),
        pickup_type=one.pickup_type,
        drop_off_type=one.drop_off_type,
        pickup_rule=one.pickup_booking_rule_id,
        drop_off_rule=one.drop_off_booking_rule_id,
        fields=_sorted(one.fields),
    )


# ── service to document ───────────────────────────────────────────────────────────────────────────────────────────────


def to_document(service: Service) -> ServiceBody:
    """Write a service as a document; reading it gives the same service."""
    return ServiceBody.model_construct(
        kind=service.kind,
        timezone=service.timezone,
        operator=service.operator,
        route=dict(service.route),
        agency=dict(service.agency),
        trips=[_trip_body(trip) for trip in service.trips],
        calendars=[calendar_body(one) for one in service.calendars.values()],
        booking_rules=[_rule_body(one) for one in service.rules.values()],
        zones=[_zone_body(one) for one in service.zones.values()],
        location_groups=[
            GroupBody.model_construct(
                location_group_id=one.id, location_group_name=one.name, stop_ids=list(one.stop_ids)
            )
            for one in service.groups.values()
        ],
        stops=[_stop_body(one) for one in service.stops.values()],
        shapes={key: list(points) for key, points in service.shapes.items()},
        promise=PromiseBody.model_construct(
            **{name: getattr(service.promise, name) for name in PromiseBody.model_fields}
        ),
    )


def calendar_body(one: Calendar) -> CalendarBody:
    """Write a calendar as a part of a document."""
    return CalendarBody.model_construct(
        service_id=one.id,
        weekdays=list(one.weekdays),
        start_date=one.first,
        end_date=one.last,
        added=sorted(one.added),
        removed=sorted(one.removed),
    )


def _text(seconds: int | None) -> str | None:
    return None if seconds is None else write_time(seconds)


def _rule_body(one: BookingRule) -> RuleBody:
    return RuleBody.model_construct(
        booking_rule_id=one.id,
        booking_type=int(one.type),
        prior_notice_duration_min=one.duration_min,
        prior_notice_duration_max=one.duration_max,
        prior_notice_last_day=one.last_day,
        prior_notice_last_time=_text(one.last_time),
        prior_notice_start_day=one.start_day,
        prior_notice_start_time=_text(one.start_time),
        prior_notice_service_id=one.service_id,
        message=one.message,
        pickup_message=one.pickup_message,
        drop_off_message=one.drop_off_message,
        phone_number=one.phone_number,
        info_url=one.info_url,
        booking_url=one.booking_url,
    )


def zone_properties(zone: Zone) -> dict[str, Any]:
    """Return the properties of a zone's feature."""
    named = {"stop_name": zone.name, "stop_desc": zone.description}
    return {**{key: value for key, value in named.items() if value is not None}, **zone.properties}


def _zone_body(one: Zone) -> ZoneBody:
    return ZoneBody.model_construct(
        type="Feature",
        id=one.id,
        geometry=GeometryBody.model_construct(**one.geometry),
        properties=zone_properties(one),
    )


def _stop_body(one: Stop) -> StopBody:
    return StopBody.model_construct(
        stop_id=one.id,
        stop_name=one.name,
        stop_lat=one.point.lat if one.point else None,
        stop_lon=one.point.lon if one.point else None,
        same_as=one.same_as,
        fields=dict(one.fields),
    )


def _trip_body(one: Trip) -> TripBody:
    return TripBody.model_construct(
        trip_id=one.id,
        service_id=one.calendar,
        safe_duration_factor=one.safe_factor,
        safe_duration_offset=one.safe_offset,
        fields=dict(one.fields),
        stop_times=[_call_body(call) for call in one.calls],
        frequencies=[
            FrequencyBody.model_construct(
                start_time=write_time(row.start),
                end_time=write_time(row.end),
                headway_secs=row.headway,
                exact_times=row.exact,
            )
            for row in one.frequencies
        ],
    )


def _call_body(one: Call) -> CallBody:
    return CallBody.model_construct(
        stop_id=one.place if one.kind is PlaceKind.STOP else None,
        location_group_id=one.place if one.kind is PlaceKind.GROUP else None,
        location_id=one.place if one.kind is PlaceKind.ZONE else None,
        stop_sequence=one.sequence,
        arrival_time=_text(one.arrival),
        departure_time=_text(one.departure),
        start_pickup_drop_off_window=_text(one.window_start),
        end_pickup_drop_off_window=_text(one.window_end),
        pickup_type=one.pickup_type,
        drop_off_type=one.drop_off_type,
        pickup_booking_rule_id=one.pickup_rule,
        drop_off_booking_rule_id=one.drop_off_rule,
        fields=dict(one.fields),
    )
