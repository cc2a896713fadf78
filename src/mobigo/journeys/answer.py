"""Answers as the API describes them, and as JSON: written straight from what was found, without validating it again."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from mobigo.journeys.changing import find_riskiest
from mobigo.journeys.model import (
    Booked,
    Brief,
    Change,
    Journey,
    Label,
    Left,
    Leg,
    Mode,
    NotNow,
    Place,
    Plan,
    Reason,
    Remedy,
    Rented,
    RoundTrip,
    Safety,
    Shortfall,
    Suggestion,
    Taken,
    ToBook,
)
from mobigo.journeys.pricing import price_as_json
from mobigo.ondemand.model import How, PinSide
from mobigo.sharing.model import FormFactor, Propulsion
from mobigo.transit.answers import AlertAnswer
from mobigo.transit.live import Alert


class PlaceAnswer(BaseModel):
    """A point of a journey."""

    name: str
    lat: float
    lon: float
    stop_id: str | None = Field(description="`source:gtfs_id`; null for an end that is no stop.")
    platform: str | None = None


class StepAnswer(BaseModel):
    """One instruction of a walk, or of a ride on a bicycle or in a car of one's own."""

    street: str = Field(description="Empty for a way without a name.")
    metres: float
    direction: str = Field(description="DEPART, CONTINUE, LEFT, SLIGHTLY_RIGHT, ...")


class CallAnswer(BaseModel):
    """A stop on the way."""

    name: str
    stop_id: str | None
    lat: float
    lon: float
    arrival: datetime
    departure: datetime


class LineString(BaseModel):
    """GeoJSON geometry of a leg."""

    type: Literal["LineString"] = "LineString"
    coordinates: list[tuple[float, float]] = Field(description="Longitude, latitude.")


Possible = Literal["possible", "unknown", "not_possible"]
Boarding = Literal["regular", "phone", "driver"]


class PinAnswer(BaseModel):
    """The train or coach that a ride feeds (`before` it leaves) or meets (`after` it came)."""

    side: PinSide
    trip_id: str
    service_date: date
    stop_id: str
    instant: datetime


class WindowAnswer(BaseModel):
    """Two instants."""

    from_: datetime = Field(alias="from")
    until: datetime


class BookingAnswer(BaseModel):
    """How a ride is booked that runs only for those who booked it, or in whose car one has a place only then."""

    kind: Booked = Field(description="`on_demand`, or `carpool`: a place in somebody's car.")
    service_id: str = Field(description="Of `/v1/ondemand/services`; of carpool `carpool:LINE`, or `carpool`.")
    trip_id: str = Field(description="Of carpool the id of the run.")
    how: How = Field(
        description="`here`: with `quote` at `/v1/ondemand/bookings` or `/v1/carpool/bookings`; `web`: at `url`;"
        " `phone`."
    )
    confirmation: Literal["instant", "driver"] = Field(
        description="Who books has it at once, or the driver of the car answers first."
    )
    detour_seconds: int | None = Field(description="Of carpool: that the driver arrives later for it.")
    bookable_until: datetime
    opens: datetime | None = Field(description="It can be booked since then; null: since ever.")
    pickup_window: WindowAnswer = Field(description="Be ready at the first; the vehicle comes by the second.")
    arrive_by: datetime
    price_cents: int | None = Field(description="For the whole party; null: free or unknown.")
    phone: str | None
    url: str | None
    message: str | None
    operator: str | None = Field(description="Name of who runs it.")
    quote: str | None = Field(description="What to book it with; null: it is not booked here.")
    quote_expires: datetime | None
    pinned_to: PinAnswer | None


class RentalPlanAnswer(BaseModel):
    """What renting a shared vehicle costs."""

    name: str
    description: str
    currency: str
    url: str | None
    estimate_cents: int | None = Field(
        description="Of this ride, by the plan's price and what it charges by minute and kilometre; null: the plan"
        " cannot be reckoned with."
    )
    taxed_later: bool = Field(description="Taxes come on top.")


class RentalAnswer(BaseModel):
    """A shared vehicle that one rides."""

    system: str
    vehicle_type: str | None
    form_factor: FormFactor
    propulsion: Propulsion | None
    vehicle_id: str | None = Field(
        description="`system:vehicle_id` of one that stands in the street, in `/v1/shared-vehicles`; null: any of the"
        " station."
    )
    range_metres: int | None = Field(description="That it still goes; null: nobody says.")
    at_station: bool = Field(description="It is given back at a station; else left in the street, where it may be.")
    uris: dict[str, str] = Field(description="Where to rent it: `web`, `ios`, `android`.")
    plan: RentalPlanAnswer | None = Field(
        description="What it costs, which is no part of the journey's `price`; null: nobody says."
    )


class TaxiAnswer(BaseModel):
    """A taxi that one calls, where nothing else goes."""

    name: str
    phone: str
    wait_seconds: int = Field(description="From the call until it is there; part of the leg.")
    estimate_cents: int = Field(description="By the tariff of the decree; no part of the journey's `price`.")
    tariff: Literal["A", "B", "C", "D"]
    source: str = Field(description="Which decree.")
    dated: date
    example: bool = Field(description="Of the demonstration: nobody drives.")


class ChangeAnswer(BaseModel):
    """A change from the vehicle before."""

    needed_seconds: int = Field(description="From getting off to getting on: on foot, or as transfers.txt asks.")
    spare_seconds: int = Field(description="Beyond that, with the times of now.")
    safety: Safety = Field(
        description="`guaranteed`: the vehicle waits; `safe`: five minutes to spare or more; `fair`: two or more;"
        " `tight`: less; `missed`: it leaves before one can be there."
    )


class LegAnswer(BaseModel):
    """A part of a journey in one vehicle, or one walk."""

    mode: Mode
    from_: PlaceAnswer = Field(alias="from")
    to: PlaceAnswer
    departure: datetime = Field(description="With the offset of the zone at that place; expected, where it is known.")
    arrival: datetime
    planned_departure: datetime | None = Field(
        description="By the timetable, where live data say something; null: nothing is known."
    )
    planned_arrival: datetime | None
    canceled: bool = Field(description="It does not run; only where live data annotate and do not change journeys.")
    added: bool = Field(description="It is not in the timetable.")
    missed: bool = Field(
        description="It leaves before one can be there: live data broke the change; only where they annotate."
    )
    planned_platform: str | None = Field(description="By the timetable, where it leaves from another one.")
    trip_id: str | None = Field(description="`source:gtfs_id`; null on foot.")
    service_date: date | None = Field(description="The service day of the trip; it may begin the day before it runs.")
    line: str | None = Field(description="Name of the line as painted on the vehicle.")
    line_id: str | None
    line_long_name: str | None
    line_color: str | None = Field(description="RRGGBB.")
    line_text_color: str | None
    agency: str | None
    headsign: str | None
    stay_seated: bool = Field(description="The vehicle of the leg before goes on as this trip.")
    wait_seconds: int = Field(description="Between the arrival of the leg before and the departure of this one.")
    guaranteed: bool = Field(description="The vehicle waits for the one before, if that is late.")
    change: ChangeAnswer | None = Field(description="Before this ride; null: it is the first, or one stays seated.")
    every: int | None = Field(description="Seconds between vehicles that run by frequency, not at this very minute.")
    pickup: Boarding = Field(description="How one boards: as usual, after a call to `phone`, or by asking the driver.")
    drop_off: Boarding
    phone: str | None
    wheelchair: Possible | None = Field(description="Vehicle, boarding and alighting together; null: not looked at.")
    bikes: Possible | None
    co2: int | None = Field(description="Grams of CO2 equivalent for one traveller; null: no factor is known.")
    place: str | None = Field(description="Car park, or station or corner where a shared vehicle is left.")
    place_id: str | None = Field(description="Its id in `/v1/car-parks` or `/v1/shared-vehicles`.")
    available: int | None = Field(
        description="Shared vehicles of this type where this leg begins, as last said; null: nobody knows, or the"
        " journey is not that soon."
    )
    rental: RentalAnswer | None = Field(description="The shared vehicle that is ridden.")
    taxi: TaxiAnswer | None = Field(description="The taxi that is called.")
    alerts: list[str] = Field(description="Ids of the answer's `alerts`.")
    calls: list[CallAnswer] = Field(description="Stops between boarding and alighting.")
    metres: float | None = Field(
        description="Along the way; of a line along the shape of its feed, else in straight lines from stop to stop:"
        " fares by distance and `co2` count these."
    )
    geometry: LineString
    climb: int | None = Field(
        description="On foot and by bicycle: metres up in all, ups and downs below 3 m left out; null: not known."
    )
    descent: int | None = Field(description="Metres down, likewise.")
    profile: list[tuple[int, float]] | None = Field(
        description="How high the way lies, a few points: metres along it, height in metres; null: not known."
    )
    steps: list[StepAnswer] = Field(description="Instructions of a walk.")
    booking: BookingAnswer | None = Field(description="Of a ride that has to be booked; it can be, now.")


class WhyAnswer(BaseModel):
    """Why a price is what it is."""

    code: str = Field(examples=["leg_rule", "transfer", "reduction", "ticket_cheaper"])
    about: dict[str, str | int]
    text: dict[str, str] = Field(description="In a sentence, by language.")


class PriceItemAnswer(BaseModel):
    """Something bought, or held and used, for some rides of some travellers."""

    product: str
    name: dict[str, str] = Field(description="By language.")
    version: int = Field(description="Of the catalogue.")
    travellers: list[str] = Field(description="`1`, `2`, ... in the order of `travellers`.")
    legs: list[int] = Field(description="Which of the journey's legs it covers, from 0; none: a card that pays off.")
    cents: int = Field(description="With VAT; 0 of what is held.")
    vat_permille: int
    valid_from: datetime | None
    valid_until: datetime | None
    medium: str | None = Field(description="What it must be on; null: anything.")
    held: str | None = Field(description="Of something held: its id in the question.")
    why: list[WhyAnswer]


class PriceAnswer(BaseModel):
    """What a journey costs all who travel, each cent explained."""

    cents: int
    currency: str
    complete: bool = Field(description="False: nothing is sold for some ride; `cents` is then the price of the others.")
    demonstration: bool = Field(description="These are example prices.")
    version: int = Field(description="Of the catalogue.")
    items: list[PriceItemAnswer]
    unknown_legs: list[int]


class JourneyAnswer(BaseModel):
    """One way to get there."""

    id: str = Field(description="Opaque; names the rides and stays valid when the network is replaced.")
    departure: datetime
    arrival: datetime
    transfers: int
    labels: list[Label] = Field(description="What it is best at among `journeys`.")
    walking_seconds: int
    climb: int | None = Field(description="Metres up on foot and by bicycle; null: not known of a part of it.")
    descent: int | None = Field(description="Metres down, likewise.")
    co2: int | None = Field(description="Grams of CO2 equivalent for one traveller; null: a leg has no factor.")
    price: PriceAnswer | None = Field(description="The cheapest lawful way to pay for it; null: nothing is sold here.")
    riskiest_leg: int | None = Field(
        description="Which of the legs, from 0, one changes to with least time to spare; null: nothing can be missed."
        " `GET /v1/journeys/{id}/changes` says what then."
    )
    legs: list[LegAnswer]


class BriefAnswer(BaseModel):
    """A journey that is named only; `GET /v1/journeys/{id}` describes it."""

    id: str
    departure: datetime
    arrival: datetime
    transfers: int
    lines: list[str] = Field(description="Names of the lines ridden, in order.")
    why: Left = Field(
        description="`same_way`: `like` takes the same lines between the same stops at another time; `hardly_better`:"
        " `like` is as good as this one with fewer changes or less trouble; `worse`: enough others are better."
    )
    like: str | None = Field(description="Id of a journey of `journeys`.")
    cents: int | None = Field(description="What it costs all who travel; null: not known of every ride.")


class SuggestionAnswer(BaseModel):
    """One parameter to change; a search with it found this."""

    remedy: Remedy
    parameter: str = Field(description="Which parameter to change.")
    value: str | None = Field(description="What to give instead; null: leave it out.")
    departure: datetime = Field(description="Of the journey found then.")
    arrival: datetime
    transfers: int


class NotNowAnswer(BaseModel):
    """An on-demand service that goes there all the way, but cannot be booked for this time, and what still is."""

    service_id: str
    name: str
    reason: Literal["full", "too_late", "not_yet", "never", "outside_hours"]
    phone: str | None
    url: str | None
    opens: datetime | None = Field(description="It can be booked from then on.")
    until: datetime | None = Field(description="It could be booked until then.")
    next_departure: datetime | None = Field(description="The next pick-up that can be booked now.")


class PlanAnswer(BaseModel):
    """Journeys, or why there are none."""

    journeys: list[JourneyAnswer] = Field(
        description="A small set, each worth taking for somebody, by departure; walking all the way is one of them."
    )
    more: list[BriefAnswer] = Field(
        description="The other journeys of the time searched that none beats in departure, arrival and changes."
    )
    direct: list[JourneyAnswer] = Field(description="By bicycle or car all the way, where `direct` asked for it.")
    reason: Reason | None = Field(description="Why there is no journey by vehicle; null when there is one.")
    reason_about: str | None = Field(description="Which parameter the reason is about.")
    next_departure: datetime | None = Field(description="Without a journey: when the next one leaves.")
    previous_departure: datetime | None = Field(description="Without a journey: when the last one before leaves.")
    suggestions: list[SuggestionAnswer] = Field(
        description="Without a journey: what to change in the question; each was tried and found one."
    )
    earlier_cursor: str | None = Field(description="Give it as `cursor` with the same question for the page before.")
    later_cursor: str | None
    searched_from: datetime | None = Field(
        description="Every journey that leaves (with `arrive_by`: arrives) from here to `searched_until` is named."
    )
    searched_until: datetime | None
    complete: bool = Field(description="False: there may be better journeys; `incomplete_because` says why.")
    incomplete_because: Shortfall | None = Field(
        description="`time`: the time for computing was over, this is the best found so far. `cheapest_by_places`: with"
        " places on the way, cheaper journeys may be missing."
    )
    alerts: list[AlertAnswer] = Field(description="What the legs' `alerts` name.")
    live_at: datetime | None = Field(description="When the live data were put together that this answer knows of.")
    not_now: list[NotNowAnswer] = Field(
        description="On-demand services that go there all the way but cannot be booked for this time."
    )
    network_version: str


class PairAnswer(BaseModel):
    """A way there and a way back that go together."""

    out: str = Field(description="Id of a journey of `out`.")
    back: str = Field(description="Id of a journey of `back`: the first after the stay.")
    stay_seconds: int = Field(description="Between the arrival there and the departure back.")


class RoundTripAnswer(BaseModel):
    """There and back."""

    can_return: bool = Field(description="Whether at least one way there has a way back in time.")
    pairs: list[PairAnswer] = Field(description="By departure there.")
    last_return: str | None = Field(description="Id of the journey of `back` that leaves last and is home in time.")
    out: PlanAnswer
    back: PlanAnswer


def plan_as_json(answer: Plan) -> dict[str, Any]:
    """Write an answer as ``GET /v1/journeys`` and ``plan --json`` give it."""
    since, until = answer.searched or (None, None)
    return {
        "journeys": [journey_as_json(journey) for journey in answer.journeys],
        "more": [_brief_as_json(brief) for brief in answer.more],
        "direct": [journey_as_json(journey) for journey in answer.direct],
        "reason": answer.reason,
        "reason_about": answer.reason_about,
        "next_departure": answer.next_departure,
        "previous_departure": answer.previous_departure,
        "suggestions": [_suggestion_as_json(one) for one in answer.suggestions],
        "earlier_cursor": answer.earlier,
        "later_cursor": answer.later,
        "searched_from": since,
        "searched_until": until,
        "complete": answer.short is None,
        "incomplete_because": answer.short,
        "alerts": alerts_as_json(answer.alerts),
        "live_at": answer.live_at,
        "not_now": [_not_now_as_json(one) for one in answer.not_now],
        "network_version": answer.network_version,
    }


def round_trip_as_json(answer: RoundTrip) -> dict[str, Any]:
    """Write an answer as ``GET /v1/round-trips`` and ``plan --back --json`` give it."""
    return {
        "can_return": bool(answer.pairs),
        "pairs": [{"out": pair.out, "back": pair.back, "stay_seconds": pair.stay} for pair in answer.pairs],
        "last_return": answer.last_return,
        "out": plan_as_json(answer.out),
        "back": plan_as_json(answer.back),
    }


def alerts_as_json(alerts: Iterable[tuple[str, Alert]]) -> list[dict[str, Any]]:
    """Write messages, each with the id that legs name it by."""
    return [
        {
            "id": name,
            "header": alert.header,
            "description": alert.description,
            "url": alert.url,
            "cause": alert.cause,
            "effect": alert.effect,
            "severity": alert.severity,
        }
        for name, alert in alerts
    ]


def journey_as_json(journey: Journey) -> dict[str, Any]:
    """Write one journey."""
    legs = []
    before: datetime | None = None
    for leg in journey.legs:
        wait = 0 if before is None else int((leg.departure - before).total_seconds())
        legs.append(leg_as_json(leg, wait))
        before = leg.arrival
    return {
        "id": journey.id,
        "departure": journey.departure,
        "arrival": journey.arrival,
        "transfers": journey.transfers,
        "labels": journey.labels,
        "walking_seconds": journey.walking,
        "climb": journey.climb,
        "descent": journey.descent,
        "co2": journey.co2,
        "price": price_as_json(journey.priced),
        "riskiest_leg": find_riskiest(journey.legs),
        "legs": legs,
    }


def _brief_as_json(brief: Brief) -> dict[str, Any]:
    return {
        "id": brief.id,
        "departure": brief.departure,
        "arrival": brief.arrival,
        "transfers": brief.transfers,
        "lines": brief.lines,
        "why": brief.left,
        "like": brief.like,
        "cents": brief.cents,
    }


def _suggestion_as_json(one: Suggestion) -> dict[str, Any]:
    return {
        "remedy": one.remedy,
        "parameter": one.parameter,
        "value": one.value,
        "departure": one.departure,
        "arrival": one.arrival,
        "transfers": one.transfers,
    }


def leg_as_json(leg: Leg, wait: int) -> dict[str, Any]:
    """Write a leg, so many seconds after the one before."""
    line = leg.line
    return {
        "mode": leg.mode,
        "from": _place_as_json(leg.start),
        "to": _place_as_json(leg.end),
        "departure": leg.departure,
        "arrival": leg.arrival,
        "planned_departure": leg.planned_departure,
        "planned_arrival": leg.planned_arrival,
        "canceled": leg.canceled,
        "added": leg.added,
        "missed": leg.missed,
        "planned_platform": leg.planned_platform,
        "trip_id": leg.trip_id,
        "service_date": leg.service_date,
        "line": line and line.name,
        "line_id": line and line.id,
        "line_long_name": line and line.long_name,
        "line_color": line and line.color,
        "line_text_color": line and line.text_color,
        "agency": line and line.agency,
        "headsign": leg.headsign,
        "stay_seated": leg.stay_seated,
        "wait_seconds": wait,
        "guaranteed": leg.guaranteed,
        "change": leg.change and change_as_json(leg.change),
        "every": leg.every,
        "pickup": leg.pickup,
        "drop_off": leg.drop_off,
        "phone": leg.phone,
        "wheelchair": leg.wheelchair,
        "bikes": leg.bikes,
        "co2": leg.co2,
        "place": leg.place,
        "place_id": leg.place_id,
        "available": leg.available,
        "rental": leg.rented and _rental_as_json(leg.rented),
        "taxi": leg.taxi and _taxi_as_json(leg.taxi),
        "alerts": leg.alerts,
        "calls": [
            {
                "name": call.place.name,
                "stop_id": call.place.stop_id,
                "lat": call.place.lat,
                "lon": call.place.lon,
                "arrival": call.arrival,
                "departure": call.departure,
            }
            for call in leg.calls
        ],
        "metres": leg.metres,
        "geometry": {"type": "LineString", "coordinates": leg.geometry},
        "climb": leg.lie and leg.lie.climb,
        "descent": leg.lie and leg.lie.descent,
        "profile": leg.lie and leg.lie.profile,
        "steps": [{"street": step.street, "metres": step.metres, "direction": step.direction} for step in leg.steps],
        "booking": leg.booking and _booking_as_json(leg.booking),
    }


def change_as_json(change: Change) -> dict[str, Any]:
    """Write how safe a change is."""
    return {"needed_seconds": change.needed, "spare_seconds": change.spare, "safety": change.safety}


def _taxi_as_json(taxi: Taken) -> dict[str, Any]:
    return {
        "name": taxi.name,
        "phone": taxi.phone,
        "wait_seconds": taxi.wait,
        "estimate_cents": taxi.estimate,
        "tariff": taxi.tariff,
        "source": taxi.source,
        "dated": taxi.dated,
        "example": taxi.example,
    }


def _rental_as_json(rented: Rented) -> dict[str, Any]:
    plan = rented.plan
    return {
        "system": rented.system,
        "vehicle_type": rented.vehicle_type,
        "form_factor": rented.form_factor,
        "propulsion": rented.propulsion,
        "vehicle_id": rented.vehicle_id,
        "range_metres": rented.range,
        "at_station": rented.at_station,
        "uris": rented.uris,
        "plan": plan
        and {
            "name": plan.name,
            "description": plan.description,
            "currency": plan.currency,
            "url": plan.url,
            "estimate_cents": plan.estimate,
            "taxed_later": plan.taxed_later,
        },
    }


def _booking_as_json(booking: ToBook) -> dict[str, Any]:
    pin = booking.pinned_to
    return {
        "kind": booking.kind,
        "service_id": booking.service_id,
        "trip_id": booking.trip_id,
        "how": booking.how,
        "confirmation": "instant" if booking.instant else "driver",
        "detour_seconds": booking.detour,
        "bookable_until": booking.bookable_until,
        "opens": booking.opens,
        "pickup_window": {"from": booking.pickup_window[0], "until": booking.pickup_window[1]},
        "arrive_by": booking.arrive_by,
        "price_cents": booking.price_cents,
        "phone": booking.phone,
        "url": booking.url,
        "message": booking.message,
        "operator": booking.operator,
        "quote": booking.quote,
        "quote_expires": booking.quote_expires,
        "pinned_to": pin
        and {
            "side": pin.side,
            "trip_id": pin.trip_id,
            "service_date": pin.service_date,
            "stop_id": pin.stop_id,
            "instant": datetime.fromtimestamp(pin.instant, booking.arrive_by.tzinfo),
        },
    }


def _not_now_as_json(one: NotNow) -> dict[str, Any]:
    return {
        "service_id": one.service_id,
        "name": one.name,
        "reason": one.reason,
        "phone": one.phone,
        "url": one.url,
        "opens": one.opens,
        "until": one.until,
        "next_departure": one.next_departure,
    }


def _place_as_json(place: Place) -> dict[str, Any]:
    return {
        "name": place.name,
        "lat": place.lat,
        "lon": place.lon,
        "stop_id": place.stop_id,
        "platform": place.platform,
    }
