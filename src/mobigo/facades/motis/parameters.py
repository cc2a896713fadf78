"""What clients of MOTIS ask, as it is asked of the planner.

Taken and without effect, because clients send them whatever they want: `algorithm`, `cyclingSpeed`, `elevationCosts`
(no heights are loaded), `maxMatchingDistance`, `slowDirect`, `fastestSlowDirectFactor`, `useRoutedTransfers` (they
always are) and measures of lorries. Everything else that cannot be done is
refused in a sentence.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from mobigo.facades.motis.ids import read_place
from mobigo.facades.motis.modes import BOOKED, Filter, Mode, expand, read_access, read_direct
from mobigo.journeys.model import JourneyRequest
from mobigo.journeys.model import Mode as OwnMode
from mobigo.journeys.model import Realtime as OwnRealtime
from mobigo.kit.errors import InvalidInput
from mobigo.kit.parameters import read_instant
from mobigo.ondemand.model import Party
from mobigo.sharing.model import FormFactor, Propulsion

MINUTE = 60
DIRECT_TRANSFERS = 3
"""Version from which `maxTransfers` counts changes; before it counted rides."""
LONGEST_WAY = 7200
"""Seconds, to or from a stop; more is as this."""
LONGEST_DIRECT = 21_600
"""Seconds, without public transport; more is as this."""
MOST_TRANSFERS = 15
SLOWEST, FASTEST = 0.3, 3.0
"""Metres per second on foot."""
BUDGET, LONGEST_BUDGET = 5.0, 10.0
"""Seconds of computing: unless `timeout` says less, and at most."""
MOST_VIAS = 2


def split(value: object) -> object:
    """Take ``a,b`` and repeated parameters alike; nothing after the sign is an empty list."""
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, Sequence):
        return value
    return [part for one in given for part in (one.split(",") if isinstance(one, str) else [one]) if part != ""]


def _none_if_empty(value: object) -> object:
    return None if value == "" else value


Words = Annotated[list[str], BeforeValidator(split)]
Modes = Annotated[list[Mode], BeforeValidator(split)]
Forms = Annotated[list[FormFactor], BeforeValidator(lambda value: [one.lower() for one in split(value)])]
Propulsions = Annotated[list[Propulsion], BeforeValidator(lambda value: [one.lower() for one in split(value)])]
Text = Annotated[Annotated[str, Field(max_length=3000)] | None, BeforeValidator(_none_if_empty)]
PlaceText = Annotated[
    str, Field(min_length=1, max_length=300, description="`latitude,longitude[,level]` or the id of a stop")
]


class RealtimeMode(StrEnum):
    """What live data may do."""

    OFF = "OFF"
    REALTIME_ANNOTATION_ONLY = "REALTIME_ANNOTATION_ONLY"
    REALTIME = "REALTIME"


class PedestrianProfile(StrEnum):
    """Who walks."""

    FOOT = "FOOT"
    WHEELCHAIR = "WHEELCHAIR"


REALTIME = {
    RealtimeMode.OFF: OwnRealtime.OFF,
    RealtimeMode.REALTIME_ANNOTATION_ONLY: OwnRealtime.ANNOTATE,
    RealtimeMode.REALTIME: OwnRealtime.ON,
}


class Asked(BaseModel):
    """Parameters under the names of MOTIS."""

    model_config = ConfigDict(alias_generator=to_camel)


class Spoken(Asked):
    """Parameters that all answers with texts take."""

    language: Words = Field(default_factory=list, max_length=20, description="Languages, the preferred one first")


class Detail(Spoken):
    """How much an itinerary tells."""

    join_interlined_legs: bool = Field(
        default=True, description="One leg where one stays seated; else the second has `interlineWithPreviousLeg`"
    )
    detailed_legs: bool = Field(default=True, description="False: no geometry and no steps")
    detailed_transfers: bool | None = Field(
        default=None, description="The same of ways between two vehicles; default: as `detailedLegs`"
    )
    with_scheduled_skipped_stops: bool = Field(default=False, description="Also stops where nobody may board or alight")

    @property
    def details_transfers(self) -> bool:
        """Whether ways between two vehicles have geometry and steps."""
        return self.detailed_legs if self.detailed_transfers is None else self.detailed_transfers


class Riding(Asked):
    """What may be asked of rides and of the ways around them, in whatever question."""

    time: Text = Field(default=None, description="RFC 3339; default now")
    arrive_by: bool = False
    max_transfers: int | None = Field(
        default=None, ge=-1, description="Changes of vehicle, at most; in v1 and v2 rides, at most"
    )
    min_transfer_time: int = Field(default=0, ge=0, le=120, description="Minutes")
    additional_transfer_time: int = Field(default=0, ge=0, le=120, description="Minutes")
    transfer_time_factor: float = Field(default=1.0, ge=1, description="Only 1")
    pedestrian_profile: PedestrianProfile = PedestrianProfile.FOOT
    pedestrian_speed: float | None = Field(default=None, description="Metres per second")
    transit_modes: Modes = Field(default_factory=lambda: [Mode.TRANSIT], description="Empty: none")
    pre_transit_modes: Modes = Field(default_factory=lambda: [Mode.WALK])
    post_transit_modes: Modes = Field(default_factory=lambda: [Mode.WALK])
    max_pre_transit_time: int = Field(default=900, ge=0, description="Seconds")
    max_post_transit_time: int = Field(default=900, ge=0, description="Seconds")
    require_bike_transport: bool = False
    require_car_transport: bool = Field(default=False, description="Only false")
    no_compulsory_reservation: bool = Field(default=False, description="Leave out what has to be booked")

    def wanted(self) -> frozenset[Mode]:
        """Return the vehicles that may be ridden."""
        found = expand(self.transit_modes) | (BOOKED & {*self.pre_transit_modes, *self.post_transit_modes})
        return found - BOOKED if self.no_compulsory_reservation else found

    def ride(self, question: JourneyRequest, version: int, wanted: frozenset[Mode], lines: Filter) -> dict[str, Any]:
        """Return the fields of a question to the planner that this is about.

        Raises
        ------
        InvalidInput
            When it is what cannot be done here.
        """
        if self.require_car_transport:
            raise InvalidInput("requireCarTransport: no timetable here says which vehicles take cars; leave it out")
        if self.transfer_time_factor != 1:
            raise InvalidInput(
                "transferTimeFactor: changes are not stretched here; give additionalTransferTime or a pedestrianSpeed"
            )
        speed = self.pedestrian_speed or question.walk_speed
        if not SLOWEST <= speed <= FASTEST:
            raise InvalidInput(f"pedestrianSpeed {speed} is not between {SLOWEST} and {FASTEST} metres per second")
        longest = self.longest_ways()
        most = MOST_TRANSFERS if self.max_transfers is None or self.max_transfers < 0 else self.max_transfers
        if version < DIRECT_TRANSFERS and self.max_transfers is not None:
            most = self.max_transfers - 1
        return {
            "arrive_by": self.arrive_by,
            "max_transfers": min(max(most, 0), MOST_TRANSFERS),
            "max_walk": longest,
            "max_ride": longest,
            "max_drive": longest,
            "only": lines.only,
            "forbid": lines.forbid,
            "walk_speed": speed,
            "min_change": MINUTE * self.min_transfer_time,
            "slack": MINUTE * self.additional_transfer_time,
            "wheelchair": self.pedestrian_profile is PedestrianProfile.WHEELCHAIR,
            "access": read_access(self.pre_transit_modes, "preTransitModes"),
            "egress": read_access(self.post_transit_modes, "postTransitModes"),
            "bicycle_aboard": self.require_bike_transport,
            "ondemand": bool(wanted & {Mode.ODM, Mode.FLEX}),
            "carpool": Mode.RIDE_SHARING in wanted,
        }

    def longest_ways(self) -> int:
        """Return the seconds of the longest way to or from a stop: the longer of both, the other is filtered after."""
        return min(max(self.max_pre_transit_time, self.max_post_transit_time), LONGEST_WAY)

    def rides_none(self, version: int) -> bool:
        """Tell whether so few changes are asked for that nothing can be ridden, as in v1 and v2."""
        return version < DIRECT_TRANSFERS and self.max_transfers == 0

    def instant(self, now: datetime) -> datetime:
        """Return the instant asked about."""
        assert now.tzinfo is not None
        return read_instant(self.time, now.tzinfo) if self.time else now


class AskedPlan(Detail, Riding):
    """What may be asked of journeys."""

    from_place: PlaceText
    to_place: PlaceText
    via: Words = Field(default_factory=list, max_length=MOST_VIAS, description="Stop ids")
    via_minimum_stay: Annotated[list[int], BeforeValidator(split)] = Field(
        default_factory=list, description="Minutes at each; 0: passing it in the vehicle is enough"
    )
    max_travel_time: int | None = Field(default=None, ge=0, description="Minutes")
    direct_modes: Modes = Field(default_factory=lambda: [Mode.WALK])
    max_direct_time: int = Field(default=1800, ge=0, description="Seconds")
    fastest_direct_factor: float = Field(
        default=10.0, ge=0, description="Rides that take so many times as long as the fastest direct way are left out"
    )
    timetable_view: bool = Field(
        default=True, description="All of a window; else the best from the instant, whose wait counts"
    )
    search_window: int = Field(default=900, ge=0, le=86_400, description="Seconds")
    num_itineraries: int = Field(default=5, ge=0, le=200, description="At least, with `timetableView`")
    max_itineraries: int | None = Field(default=None, ge=1)
    page_cursor: Text = None
    passengers: int = Field(default=1, ge=1, le=50)
    luggage: int = Field(default=0, ge=0, le=200)
    timeout: int | None = Field(default=None, ge=0, description="Seconds of computing")
    with_fares: bool = False
    num_leg_alternatives: int = Field(default=0, ge=0, le=20)
    realtime_mode: RealtimeMode = RealtimeMode.REALTIME
    radius: float | None = Field(default=None, description="Not here: ways to stops follow the streets")
    pre_transit_rental_form_factors: Forms = Field(default_factory=list, description="Those of both ends count")
    post_transit_rental_form_factors: Forms = Field(default_factory=list)
    pre_transit_rental_propulsion_types: Propulsions = Field(default_factory=list, description="Likewise")
    post_transit_rental_propulsion_types: Propulsions = Field(default_factory=list)
    pre_transit_rental_providers: Words = Field(default_factory=list, description="Not here")
    post_transit_rental_providers: Words = Field(default_factory=list, description="Not here")
    pre_transit_rental_provider_groups: Words = Field(default_factory=list, description="Not here")
    post_transit_rental_provider_groups: Words = Field(default_factory=list, description="Not here")

    def question(self, now: datetime, version: int, lines: Filter) -> JourneyRequest:
        """Turn it into a question to the planner.

        Raises
        ------
        InvalidInput, NotFound
            When it is what cannot be done here, or an id is none.
        """
        if self.radius is not None:
            raise InvalidInput("radius: ways to stops follow the streets here; give maxPreTransitTime in seconds")
        chosen = [getattr(self, name) for name in type(self).model_fields if "rental_provider" in name]
        if any(chosen):
            raise InvalidInput("rental providers are not chosen here; leave them out: all systems near count")
        stays = [*self.via_minimum_stay, *[0] * len(self.via)]
        question = JourneyRequest(
            read_place(self.from_place),
            read_place(self.to_place),
            self.instant(now),
            budget=BUDGET if self.timeout is None else min(max(self.timeout, 0.1), LONGEST_BUDGET),
            vias=tuple((read_place(one), MINUTE * max(stay, 0)) for one, stay in zip(self.via, stays, strict=False)),
            direct=(),
            realtime=REALTIME[self.realtime_mode],
            everything=True,
            form_factors=tuple({*self.pre_transit_rental_form_factors, *self.post_transit_rental_form_factors}),
            propulsions=tuple({*self.pre_transit_rental_propulsion_types, *self.post_transit_rental_propulsion_types}),
            party=Party(self.passengers, luggage=self.luggage),
        )
        asked = self.ride(question, version, self.wanted(), lines)
        return JourneyRequest(**(question.__dict__ | asked))

    def direct_ways(self) -> tuple[OwnMode, ...]:
        """Return the ways without public transport that are asked for."""
        return read_direct(self.direct_modes)

    @property
    def longest_direct(self) -> int:
        """Seconds, of ways without public transport."""
        return min(self.max_direct_time, LONGEST_DIRECT)


class AskedRefresh(Detail):
    """What may be asked of an itinerary that was answered before."""

    itinerary_id: Annotated[str, Field(min_length=1, max_length=20_000)]
    require_display_name_match: bool = Field(
        default=True, description="404 where a ride is no longer to be had under the name of its line"
    )
    with_fares: bool = False
    num_leg_alternatives: int = Field(default=0, ge=0, le=20)


class AskedTrip(Detail):
    """What may be asked of a trip."""

    trip_id: Annotated[str, Field(min_length=1, max_length=1000)]
