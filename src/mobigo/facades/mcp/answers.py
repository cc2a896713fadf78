"""What the tools answer: what an assistant needs of the answers of the HTTP API, read out of them by name."""

from datetime import date, datetime, timedelta
from typing import Literal

from pydantic import BaseModel, Field

from mobigo.journeys.model import Label, Mode, Reason
from mobigo.transit.boards import State


class PlaceFound(BaseModel):
    """A place that has a name."""

    id: str = Field(description="Give it to the other tools")
    kind: Literal["stop", "commune", "address", "poi"]
    name: str
    label: str = Field(description="The name with what tells it apart")
    lat: float
    lon: float


class PlacesFound(BaseModel):
    """Places, best first."""

    places: list[PlaceFound]


class Point(BaseModel):
    """Where a leg begins or ends."""

    name: str
    lat: float
    lon: float
    stop_id: str | None
    platform: str | None


class Window(BaseModel):
    """Two instants."""

    from_: datetime = Field(alias="from")
    until: datetime


class Booking(BaseModel):
    """How a ride is booked that runs only for who booked it; it cannot be booked through these tools."""

    kind: Literal["on_demand", "carpool"]
    how: str = Field(description="`here`: on the pages of this service; `web`: at `url`; `phone`")
    bookable_until: datetime
    pickup_window: Window = Field(description="Be ready at the first; the vehicle comes by the second")
    price_cents: int | None = Field(description="For all who travel; null: free or unknown")
    phone: str | None
    url: str | None
    message: str | None
    operator: str | None


class Change(BaseModel):
    """The change before a leg."""

    needed_seconds: int
    spare_seconds: int
    safety: str = Field(description="`guaranteed`, `safe`, `fair`, `tight` or `missed`")


class Leg(BaseModel):
    """A part of a journey in one vehicle, or one walk."""

    mode: Mode
    from_: Point = Field(alias="from")
    to: Point
    departure: datetime
    arrival: datetime
    planned_departure: datetime | None = Field(description="By the timetable, where live data say something")
    planned_arrival: datetime | None
    canceled: bool
    missed: bool
    line: str | None
    line_id: str | None
    agency: str | None
    headsign: str | None
    trip_id: str | None
    stay_seated: bool = Field(description="The vehicle of the leg before goes on: nobody gets off")
    change: Change | None
    pickup: Literal["regular", "phone", "driver"]
    phone: str | None = Field(description="To call before, where `pickup` says so")
    wheelchair: Literal["possible", "unknown", "not_possible"] | None
    metres: float | None
    booking: Booking | None
    alerts: list[str]


class Why(BaseModel):
    """Why a price is what it is."""

    text: dict[str, str] = Field(description="By language")


class Item(BaseModel):
    """Something bought for some rides."""

    name: dict[str, str]
    cents: int
    why: list[Why]


class Price(BaseModel):
    """What a journey costs all who travel."""

    cents: int
    currency: str
    complete: bool = Field(description="False: nothing is sold for some ride; `cents` is the price of the others")
    demonstration: bool = Field(description="These are example prices")
    items: list[Item]


class Found(BaseModel):
    """One way to get there."""

    id: str = Field(description="Give it to look_up_journey")
    departure: datetime
    arrival: datetime
    transfers: int
    labels: list[Label] = Field(description="What it is best at among the journeys of the answer")
    walking_seconds: int
    co2: int | None = Field(description="Grams for one traveller; null: not known")
    price: Price | None = Field(description="null: nothing is sold here")
    legs: list[Leg]

    @property
    def lasting(self) -> timedelta:
        """From door to door."""
        return self.arrival - self.departure


class Suggestion(BaseModel):
    """One thing to change in the question; a search with it found a journey."""

    remedy: str
    parameter: str
    value: str | None
    departure: datetime
    arrival: datetime


class NotNow(BaseModel):
    """A service on demand that goes there, but cannot be booked for this time."""

    name: str
    reason: str
    phone: str | None
    next_departure: datetime | None


class Message(BaseModel):
    """A message to travellers."""

    id: str
    header: dict[str, str] = Field(description="By language; under the empty word where it is not said")
    description: dict[str, str]
    effect: str
    severity: str


class JourneysFound(BaseModel):
    """Journeys, or why there are none."""

    origin: str
    destination: str
    journeys: list[Found]
    reason: Reason | None = Field(description="Why there is no journey by vehicle")
    next_departure: datetime | None = Field(description="Without a journey: when the next one leaves")
    previous_departure: datetime | None
    suggestions: list[Suggestion]
    not_now: list[NotNow]
    alerts: list[Message]
    earlier_cursor: str | None = Field(description="Ask the same again with it as `cursor` for the page before")
    later_cursor: str | None
    complete: bool = Field(description="False: there may be better journeys")
    live_at: datetime | None = Field(description="When the live data were put together; null: by the timetable")


class LineNamed(BaseModel):
    """A line."""

    id: str
    name: str


class Departure(BaseModel):
    """A vehicle that leaves."""

    departure: datetime
    planned_departure: datetime | None
    state: State
    line: LineNamed | None
    headsign: str
    stop_name: str
    platform: str | None
    trip_id: str
    service_date: date
    phone: str | None = Field(description="Of the operator, where one must call before")
    alerts: list[str]


class DeparturesFound(BaseModel):
    """A departure board."""

    stop_id: str
    stop_name: str
    start: datetime
    end: datetime
    departures: list[Departure]
    alerts: list[Message]
    live_at: datetime | None


class Disturbance(Message):
    """A message to travellers."""

    active: bool = Field(description="It applies now; else it is announced")
    lines: list[str] = Field(description="Names of the lines it is about")
    stops: list[str] = Field(description="Names of the stops it is about")


class DisturbancesFound(BaseModel):
    """What disturbs service, or will."""

    disturbances: list[Disturbance]
    live_at: datetime | None = Field(description="null: there are no live data")


class Band(BaseModel):
    """Everything within so many minutes."""

    minutes: int
    stops: int
    communes: int
    population: int = Field(description="Of these communes, where it is known")


class CommuneReached(BaseModel):
    """A commune whose centre is reached."""

    name: str
    population: int | None
    minutes: int


class ReachFound(BaseModel):
    """What is reached."""

    place: str
    at: datetime
    arrive_by: bool
    bands: list[Band]
    communes: list[CommuneReached] = Field(description="Those with most people")
    complete: bool


class Difference(BaseModel):
    """One thing that became different."""

    code: str
    text: dict[str, str] = Field(description="By language")


class JourneyNow(BaseModel):
    """A journey as it goes now."""

    phase: str = Field(description="`ahead`, `under_way` or `over`")
    holds: bool = Field(description="It can be made as it was planned, if perhaps later")
    changes: list[Difference]
    journey: Found
    alternatives: list[Found] = Field(description="Where it does not hold: what to do instead")
    live_at: datetime | None
