"""MOTIS' answers as this instance's description has them: what clients can rely on, and the fields of our own."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from fastapi import Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from mobigo.facades.motis.modes import Mode

Times = Field(default=None, description="UTC")
Permission = Literal["NORMAL", "NOT_ALLOWED"]
Accessible = Literal["ACCESSIBLE", "NOT_ACCESSIBLE"]


class Answer(BaseModel):
    """An answer under the names of MOTIS; what is None is left out."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")


class ErrorAnswer(Answer):
    """What is wrong."""

    error: str


class RangeAnswer(Answer):
    """From when until when."""

    start: datetime
    end: datetime


class AlertAnswer(Answer):
    """A message."""

    header_text: str
    description_text: str
    cause: str | None = None
    effect: str | None = None
    severity_level: str | None = None
    url: str | None = None
    impact_period: list[RangeAnswer] | None = None


class PlaceAnswer(Answer):
    """A place, perhaps with the time at which a vehicle is there."""

    name: str
    lat: float
    lon: float
    stop_id: str | None = None
    parent_id: str | None = None
    stop_code: str | None = None
    level: float | None = Field(default=None, description="In v1 to v5 always 0: nobody knows")
    tz: str | None = None
    arrival: datetime | None = Times
    departure: datetime | None = Times
    scheduled_arrival: datetime | None = Times
    scheduled_departure: datetime | None = Times
    track: str | None = None
    scheduled_track: str | None = None
    vertex_type: Literal["NORMAL", "BIKESHARE", "TRANSIT"] | None = None
    pickup_type: Permission | None = None
    dropoff_type: Permission | None = None
    cancelled: bool | None = None
    alerts: list[AlertAnswer] | None = None
    flex_start_pickup_drop_off_window: datetime | None = Times
    flex_end_pickup_drop_off_window: datetime | None = Times
    modes: list[Mode] | None = None
    importance: float | None = None


class LineString(Answer):
    """A line, encoded as Google's polylines are: 7 decimals in v1, else 6."""

    points: str
    precision: int
    length: int


class StepAnswer(Answer):
    """An instruction of a way."""

    relative_direction: str
    distance: float
    from_level: float
    to_level: float
    polyline: LineString
    street_name: str
    exit: str
    stay_on: bool
    area: bool


Form = Literal["BICYCLE", "CARGO_BICYCLE", "CAR", "MOPED", "SCOOTER_STANDING", "SCOOTER_SEATED", "OTHER"]
Propelled = Literal[
    "HUMAN",
    "ELECTRIC_ASSIST",
    "ELECTRIC",
    "COMBUSTION",
    "COMBUSTION_DIESEL",
    "HYBRID",
    "PLUG_IN_HYBRID",
    "HYDROGEN_FUEL_CELL",
]
Return = Literal["NONE", "ANY_STATION", "ROUNDTRIP_STATION"]


class Rentable(Answer):
    """Where something is rented."""

    rental_uri_web: str | None = None
    rental_uri_ios: Annotated[str | None, Field(alias="rentalUriIOS")] = None
    rental_uri_android: str | None = None


class RentalAnswer(Rentable):
    """A shared vehicle that one rides."""

    provider_id: str
    provider_group_id: str
    system_id: str
    system_name: str
    from_station_name: str
    to_station_name: str
    form_factor: Form | None = None
    propulsion_type: Propelled | None = None
    return_constraint: Return | None = None


class ZoneRules(Answer):
    """What is allowed in a zone."""

    vehicle_type_idxs: list[int]
    ride_start_allowed: bool
    ride_end_allowed: bool
    ride_through_allowed: bool
    station_parking: bool | None = None


class VehicleTypeAnswer(Answer):
    """A type of shared vehicles."""

    id: str
    name: str
    form_factor: Form
    propulsion_type: Propelled
    return_constraint: Return
    return_constraint_guessed: bool


class ProviderAnswer(Answer):
    """A system."""

    id: str
    name: str
    group_id: str
    bbox: tuple[float, float, float, float]
    vehicle_types: list[VehicleTypeAnswer]
    form_factors: list[Form]
    default_restrictions: ZoneRules
    global_geofencing_rules: list[ZoneRules]


class ProviderGroupAnswer(Answer):
    """A system as a group of itself."""

    id: str
    name: str
    providers: list[str]
    form_factors: list[Form]


class StationAnswer(Rentable):
    """A station."""

    id: str
    provider_id: str
    provider_group_id: str
    name: str
    lat: float
    lon: float
    is_renting: bool
    is_returning: bool
    num_vehicles_available: int
    form_factors: list[Form]
    vehicle_types_available: dict[str, int]
    vehicle_docks_available: dict[str, int]
    bbox: tuple[float, float, float, float]


class VehicleAnswer(Rentable):
    """A vehicle that stands in the street."""

    id: str
    provider_id: str
    provider_group_id: str
    type_id: str
    lat: float
    lon: float
    form_factor: Form
    propulsion_type: Propelled
    return_constraint: Return
    is_reserved: bool
    is_disabled: bool


class ZoneAnswer(Answer):
    """A zone with rules of its own."""

    provider_id: str
    provider_group_id: str
    z: int
    bbox: tuple[float, float, float, float]
    area: list[list[LineString]]
    rules: list[ZoneRules]


class RentalsAnswer(Answer):
    """Shared vehicles."""

    provider_groups: list[ProviderGroupAnswer]
    providers: list[ProviderAnswer]
    stations: list[StationAnswer]
    vehicles: list[VehicleAnswer]
    zones: list[ZoneAnswer]


class BookingRule(Answer):
    """How a ride is booked, or asked for by telephone; a field of our own."""

    how: Literal["here", "web", "phone"] = Field(description="`here`: with `quote` at `/v1/ondemand/bookings`")
    bookable_until: datetime | None = None
    bookable_from: datetime | None = None
    pickup_window_start: datetime | None = None
    pickup_window_end: datetime | None = None
    arrive_by: datetime | None = None
    price_cents: int | None = None
    phone_number: str | None = None
    booking_url: str | None = None
    message: str | None = None
    operator: str | None = None
    quote: str | None = None
    quote_expires: datetime | None = None


class LegAnswer(Answer):
    """A ride or a way."""

    mode: Mode
    from_: Annotated[PlaceAnswer, Field(alias="from")]
    to: PlaceAnswer
    duration: int = Field(description="Seconds")
    start_time: datetime
    end_time: datetime
    scheduled_start_time: datetime
    scheduled_end_time: datetime
    real_time: bool
    scheduled: bool
    leg_geometry: LineString
    distance: float | None = Field(default=None, description="Metres")
    interline_with_previous_leg: bool | None = None
    headsign: str | None = None
    trip_from: PlaceAnswer | None = None
    trip_to: PlaceAnswer | None = None
    route_id: str | None = None
    route_short_name: str | None = None
    route_long_name: str | None = None
    route_color: str | None = None
    route_text_color: str | None = None
    route_type: int | None = None
    direction_id: str | None = None
    agency_id: str | None = None
    agency_name: str | None = None
    agency_url: str | None = None
    trip_id: str | None = None
    trip_short_name: str | None = None
    display_name: str | None = None
    cancelled: bool | None = None
    source: str | None = None
    intermediate_stops: list[PlaceAnswer] | None = None
    steps: list[StepAnswer] | None = None
    rental: RentalAnswer | None = None
    fare_transfer_index: int | None = None
    effective_fare_leg_index: int | None = None
    alerts: list[AlertAnswer] | None = None
    bikes_allowed: bool | None = None
    wheelchair_accessible: Accessible | None = None
    reservation: Literal["NONE", "COMPULSORY"] | None = None
    alternatives: list[list["LegAnswer"]] | None = None
    co2: int | None = Field(default=None, description="Grams of CO2 equivalent for one traveller; of our own")
    pickup_booking_rule: BookingRule | None = None
    drop_off_booking_rule: BookingRule | None = None


class FareMediaAnswer(Answer):
    """What a ticket is on."""

    fare_media_name: str
    fare_media_type: Literal["NONE", "PAPER_TICKET", "TRANSIT_CARD", "CONTACTLESS_EMV", "MOBILE_APP"]


class FareProductAnswer(Answer):
    """Something bought."""

    name: str
    amount: float
    currency: str
    media: FareMediaAnswer | None = None


class FareTransferAnswer(Answer):
    """Rides that are paid for together."""

    effective_fare_leg_products: list[list[list[FareProductAnswer]]]


class ItineraryAnswer(Answer):
    """A journey."""

    duration: int = Field(description="Seconds")
    start_time: datetime
    end_time: datetime
    transfers: int
    id: str
    legs: list[LegAnswer]
    fare_transfers: list[FareTransferAnswer] | None = None
    co2: int | None = Field(default=None, description="Grams of CO2 equivalent for one traveller; of our own")


class PlanAnswer(Answer):
    """Journeys."""

    request_parameters: dict[str, str]
    debug_output: dict[str, int]
    from_: Annotated[PlaceAnswer, Field(alias="from")]
    to: PlaceAnswer
    direct: list[ItineraryAnswer]
    itineraries: list[ItineraryAnswer]
    previous_page_cursor: str
    next_page_cursor: str
    reason: str | None = Field(default=None, description="Why there is no journey, as `/v1/journeys` says; of our own")
    next_departure: datetime | None = Field(default=None, description="Without a journey: of the next; of our own")


class OffsetBody(BaseModel):
    """A stop that a client found a way to."""

    model_config = ConfigDict(alias_generator=to_camel)

    stop_id: str
    duration: float = Field(ge=0)
    mode: Mode | None = None


class PlanBody(BaseModel):
    """Ways that a client found; not taken here: both lists are empty."""

    model_config = ConfigDict(alias_generator=to_camel)

    from_offsets: list[OffsetBody] = Field(default_factory=list, max_length=1000)
    to_offsets: list[OffsetBody] = Field(default_factory=list, max_length=1000)


class StopTimeAnswer(Answer):
    """A vehicle at a stop."""

    place: PlaceAnswer
    mode: Mode
    real_time: bool
    headsign: str
    trip_from: PlaceAnswer
    trip_to: PlaceAnswer
    agency_id: str
    agency_name: str
    agency_url: str
    route_id: str
    direction_id: str
    route_color: str | None = None
    route_text_color: str | None = None
    trip_id: str
    route_type: int | None = None
    route_short_name: str
    route_long_name: str
    trip_short_name: str
    display_name: str
    previous_stops: list[PlaceAnswer] | None = None
    next_stops: list[PlaceAnswer] | None = None
    pickup_dropoff_type: Permission
    cancelled: bool
    trip_cancelled: bool
    bikes_allowed: bool
    wheelchair_accessible: Accessible
    reservation: Literal["NONE", "COMPULSORY"]
    source: str


class StopTimesAnswer(Answer):
    """A board."""

    stop_times: list[StopTimeAnswer]
    place: PlaceAnswer
    previous_page_cursor: str
    next_page_cursor: str


class RouteAnswer(Answer):
    """A line."""

    mode: Mode
    route_id: str
    route_short_name: str
    route_long_name: str
    route_type: int | None = None
    agency_id: str
    agency_name: str
    agency_url: str
    route_color: str | None = None
    route_text_color: str | None = None


class StopInfoAnswer(Answer):
    """A stop and its lines."""

    place: PlaceAnswer
    routes: list[RouteAnswer]


class AreaAnswer(Answer):
    """An administrative area."""

    name: str
    admin_level: float
    matched: bool
    default: bool | None = None


class MatchAnswer(Answer):
    """A place that has a name."""

    type: Literal["ADDRESS", "PLACE", "STOP"]
    category: str | None = None
    name: str
    id: str
    lat: float
    lon: float
    tokens: list[tuple[int, int]]
    areas: list[AreaAnswer]
    score: float
    street: str | None = None
    house_number: str | None = None
    tz: str | None = None
    modes: list[Mode] | None = None


class ServerConfigAnswer(Answer):
    """What this server does, and its bounds."""

    motis_version: str
    has_elevation: bool
    has_routed_transfers: bool
    has_street_routing: bool
    max_one_to_many_size: int
    max_one_to_all_travel_time_limit: int = Field(description="Minutes")
    max_pre_post_transit_time_limit: int = Field(description="Seconds")
    max_direct_time_limit: int = Field(description="Seconds")
    shapes_debug_enabled: bool


class InitialAnswer(Answer):
    """Where a map begins."""

    lat: float
    lon: float
    zoom: float
    server_config: ServerConfigAnswer


class TripInfoAnswer(Answer):
    """Which trip."""

    trip_id: str
    route_short_name: str | None = None
    display_name: str | None = None


class SegmentAnswer(Answer):
    """A vehicle between two stops."""

    trips: list[TripInfoAnswer]
    route_color: str | None = None
    mode: Mode
    distance: float
    from_: Annotated[PlaceAnswer, Field(alias="from")]
    to: PlaceAnswer
    departure: datetime
    arrival: datetime
    scheduled_departure: datetime
    scheduled_arrival: datetime
    real_time: bool
    polyline: str


class ReachableStopAnswer(Answer):
    """A stop that is reached."""

    place: PlaceAnswer
    duration: int = Field(description="Minutes")
    k: int = Field(description="Rides of the journey")


class ReachableAnswer(Answer):
    """What is reached."""

    one: PlaceAnswer
    all: list[ReachableStopAnswer]


class DurationAnswer(Answer):
    """How long it takes; empty: there is no way."""

    duration: float | None = None
    distance: float | None = None


class ParetoAnswer(Answer):
    """A journey by its time and changes."""

    duration: float
    transfers: int


class ManyAnswer(Answer):
    """Times from one to many, without vehicles and with them."""

    model_config = ConfigDict(extra="forbid")

    street_durations: list[DurationAnswer]
    transit_durations: list[list[ParetoAnswer]]


class HealthAnswer(Answer):
    """Whether live data are heard of."""

    rt: bool
    gbfs: bool


ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorAnswer, "description": "A parameter is wrong, or asks what cannot be done here"},
    404: {"model": ErrorAnswer, "description": "No such thing"},
    422: {"model": ErrorAnswer, "description": "Too much, or a rule refuses it"},
    500: {"model": ErrorAnswer, "description": "Something broke here"},
    503: {"model": ErrorAnswer, "description": "Not now"},
}


def version_of(request: Request) -> int:
    """Return the version that an address is of; what is experimental is of the newest."""
    found = re.search(r"/api/v([1-6])/", request.url.path)
    return int(found[1]) if found else 6


Version = Annotated[int, Depends(version_of)]


def answer(content: object) -> Response:
    """Answer with what was written, without validating it again."""
    return Response(orjson.dumps(content), media_type="application/json")
