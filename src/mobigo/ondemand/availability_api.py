"""HTTP: what can be booked between two places, until when, or why not and what still is; days of France as data."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Annotated
from zoneinfo import ZoneInfo

import numpy as np
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from mobigo.kit.errors import InvalidInput, NotFound, Unavailable
from mobigo.kit.geo import Point, parse_point
from mobigo.kit.holidays import ONE_DAY, SchoolZone, public_holidays, school_holidays, school_years
from mobigo.kit.parameters import INSTANT_PATTERN, Day, read_instant
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now
from mobigo.ondemand.calendars import OnHolidays, SchoolDays, day_of, lay_calendar
from mobigo.ondemand.catalogue import Ride
from mobigo.ondemand.documents import CalendarBody, calendar_body
from mobigo.ondemand.model import How, Offer, Party, Service, ServiceKind, Spot
from mobigo.ondemand.nearby import find_around
from mobigo.ondemand.rules import list_departures, pickup_window
from mobigo.ondemand.supply import Decline, Declined, Offered, Supply, Want
from mobigo.street.drives import Drives
from mobigo.transit.answers import find_network
from mobigo.transit.timetable import zone_of

router = APIRouter(prefix="/v1/ondemand", tags=["ondemand"])

HORIZON = timedelta(days=62)
"""How far ahead the next departure that can be booked is looked for."""
MANY_TRIES = 24
"""Departures for which a vehicle is looked for, at most, where those before are full."""

STRAIGHT = Drives(None)
"""Where there are no streets."""

_PlaceText = Annotated[str, Field(min_length=1, max_length=200)]
_Count = Annotated[int, Field(ge=0, le=20)]

SENTENCES = {
    Decline.NO_SERVICE: "It serves only one of the two places, or not in this direction.",
    Decline.OUTSIDE_HOURS: "It does not run at that time.",
    Decline.NOT_YET: "It cannot be booked yet.",
    Decline.TOO_LATE: "It is too late to book it.",
    Decline.NEVER: "Its booking rules leave no time to book it for then.",
    Decline.NO_WAY: "No street leads from there to there.",
    Decline.FULL: "No vehicle can take it without breaking a promise made to others.",
}


class AvailabilityQuestion(BaseModel):
    """A ride that somebody would book."""

    from_: _PlaceText = Field(alias="from", description="`LAT,LON` or a stop id", examples=["47.5166,4.4717"])
    to: _PlaceText = Field(description="`LAT,LON` or a stop id", examples=["47.6236,4.3369"])
    at: str | None = Field(
        default=None,
        description="ISO 8601 instant; without an offset, local time of the network; default now",
        json_schema_extra={"pattern": INSTANT_PATTERN},
        examples=["2026-11-24T09:30"],
    )
    arrive_by: bool = Field(default=False, description="Be there by `at` instead of being ready from it on")
    within_minutes: int = Field(default=120, ge=0, le=1440, description="How much later (earlier) suits too")
    adults: int = Field(default=1, ge=0, le=20)
    companions: _Count = Field(default=0, description="Of somebody with reduced mobility")
    children: _Count = Field(default=0, description="With a child seat each")
    wheelchairs: _Count = Field(default=0, description="Of the adults, those who stay in their wheelchair")
    luggage: _Count = 0
    bicycles: _Count = 0
    service_id: str | None = Field(default=None, max_length=200, description="This service only")

    def party(self) -> Party:
        """Say who travels.

        Raises
        ------
        InvalidInput
            When nobody does, or more wheelchairs than adults.
        """
        party = Party(self.adults, self.companions, self.children, self.wheelchairs, self.luggage, self.bicycles)
        if not party.persons:
            raise InvalidInput("nobody travels; say how many adults, companions or children do")
        if party.wheelchairs > party.adults:
            raise InvalidInput(
                f"{party.wheelchairs} wheelchairs for {party.adults} adults; count each user as an adult"
            )
        return party


class NextAnswer(BaseModel):
    """The next departure that can be booked now."""

    pickup_from: datetime = Field(description="Be ready from then on")
    bookable_until: datetime


class EndAnswer(BaseModel):
    """Where one gets on or off."""

    name: str
    lat: float
    lon: float
    stop_id: str | None


class AvailabilityAnswer(BaseModel):
    """A service between the two places, or its stops within 500 m of them."""

    service_id: str = Field(examples=["demo:tad"])
    name: str
    operator: str | None
    kind: ServiceKind
    bookable: bool = Field(description="Whether it can be booked now, for the time asked")
    how: How = Field(description="Where it is booked: `here`, or on a page or by telephone of its operator's")
    origin: EndAnswer = Field(description="Where one gets on: the place asked for, or a stop a few steps away")
    destination: EndAnswer
    pickup_from: datetime | None = Field(None, description="Be ready then")
    pickup_until: datetime | None = Field(None, description="The vehicle comes by then")
    arrive_by: datetime | None = None
    opens: datetime | None = Field(None, description="From when it can be booked; null: since ever, or not known")
    bookable_until: datetime | None = Field(None, description="The last second at which it can (could) be booked")
    price_cents: int | None = Field(None, description="For all who travel; null: free or unknown")
    reason: Decline | None = Field(None, description="Why it cannot be booked")
    sentence: str | None = None
    next: NextAnswer | None = Field(None, description="Where it cannot be booked: the next departure that can")
    phone: str | None = None
    url: str | None = None
    message: str | None = Field(None, description="What the operator says about booking")


class AvailabilitiesAnswer(BaseModel):
    """What can be booked now."""

    now: datetime
    at: datetime
    services: list[AvailabilityAnswer] = Field(
        description="Bookable ones first; then those between the places that are not; then those at one of them only"
    )


class HolidayAnswer(BaseModel):
    """A public holiday of France."""

    date: date
    name: str


class SchoolHolidayAnswer(BaseModel):
    """Days without school, both ends included."""

    name: str
    name_en: str
    first: date
    last: date


class HolidaysAnswer(BaseModel):
    """Days that timetables know."""

    public: list[HolidayAnswer]
    zone: SchoolZone
    school: list[SchoolHolidayAnswer]
    school_known_from: date
    school_known_until: date


class CalendarQuestion(BaseModel):
    """Weekdays of a period, with what happens in holidays."""

    service_id: str = Field(default="calendar", min_length=1, max_length=200, description="Id of the calendar")
    weekdays: str = Field(
        default="1111100", pattern="^[01]{7}$", description="Monday first", examples=["1111100", "0100000"]
    )
    start_date: Day
    end_date: Day
    public_holidays: OnHolidays = OnHolidays.NOT
    school: SchoolDays = SchoolDays.ALL
    zone: SchoolZone = SchoolZone.A


@router.get("/availability", responses=problems(400, 404, 422, 503))
def get_availability(
    request: Request, now: Now, asked: Annotated[AvailabilityQuestion, Query()]
) -> AvailabilitiesAnswer:
    """Tell for each on-demand service whether it can be booked now, until when, or why not and what still can."""
    supply = find_supply(request)
    ends = find_spot(request, supply, asked.from_), find_spot(request, supply, asked.to)
    network = find_network(request)
    zone = zone_of(network.timetable) if network else ZoneInfo("Europe/Paris")
    at = read_instant(asked.at, zone) if asked.at else now
    question = _Question(supply, ends, asked, int(at.timestamp()), int(now.timestamp()))
    between = list(question.answer())
    others = question.answer_others({answer.service_id for answer in between})
    answers = [answer for answer in (*between, *others) if asked.service_id in {None, answer.service_id}]
    answers.sort(key=lambda one: (not one.bookable, one.reason is Decline.NO_SERVICE))
    return AvailabilitiesAnswer(now=now, at=at, services=answers)


@router.get("/holidays", responses=problems(422))
def list_holidays(
    year: Annotated[int, Query(ge=1971, le=2999, description="Public holidays of this year, computed")],
    zone: Annotated[SchoolZone, Query(description="Of schools; Dijon and Besançon are in zone A")] = SchoolZone.A,
) -> HolidaysAnswer:
    """List the public holidays of France in a year, and the school holidays that touch it, as far as they are known."""
    known = school_years()
    return HolidaysAnswer(
        public=[HolidayAnswer(date=day, name=name) for day, name in public_holidays(year).items()],
        zone=zone,
        school=[
            SchoolHolidayAnswer(name=one.name, name_en=one.name_en, first=one.first, last=one.last)
            for one in school_holidays(zone)
            if one.first.year <= year <= one.last.year
        ],
        school_known_from=known[0],
        school_known_until=known[1],
    )


@router.get("/calendar", responses=problems(400, 422))
def make_calendar(asked: Annotated[CalendarQuestion, Query()]) -> CalendarBody:
    """Make the calendar that says such days one by one, to put into a service's document. At most ten years."""
    weekdays = tuple(day == "1" for day in asked.weekdays)
    calendar = lay_calendar(
        asked.service_id,
        weekdays,
        asked.start_date,
        asked.end_date,
        on_holidays=asked.public_holidays,
        school=asked.school,
        zone=asked.zone,
    )
    return calendar_body(calendar)


def find_supply(request: Request) -> Supply:
    """Return what there is now: services, vehicles and streets.

    Raises
    ------
    Unavailable
        When the database has been away for too long to know.
    """
    network = request.app.state.networks.find_current()
    supply: Supply | None = request.app.state.supplies.current(network.drives if network else STRAIGHT)
    if supply is None:
        raise Unavailable("on-demand services are not known just now; try again in a moment")
    return supply


def find_spot(request: Request, supply: Supply, text: str) -> Spot:
    """Read ``LAT,LON``, or the id of a stop of the timetable or of a service.

    Raises
    ------
    NotFound
        When it is neither a point nor a stop.
    """
    network = find_network(request)
    index = network.stop_index.get(text) if network else None
    if network is not None and index is not None:
        lon, lat = float(network.timetable.stop_lon[index]), float(network.timetable.stop_lat[index])
        if np.isfinite(lon):
            return Spot(network.timetable.stop_names.at(index), Point(lon, lat), text)
    for id_ in supply.catalogue.services_of_stop(text):
        service = supply.catalogue.services[id_]
        for stop in service.stops.values():
            if stop.point is not None and supply.catalogue.network_stop(service, stop.id) == text:
                return Spot(stop.name, stop.point, text)
    if "," not in text:
        raise NotFound(f"no stop {text!r}; give LAT,LON or an id from /v1/stops", code="unknown_stop")
    point = parse_point(text)
    return Spot(f"{point.lat:.5f}, {point.lon:.5f}", point)


class _Question:
    """A question about availability while it is being answered.

    Parameters
    ----------
    at
        Instant asked for.
    now
        Instant at which somebody would book.
    """

    def __init__(self, supply: Supply, ends: tuple[Spot, Spot], asked: AvailabilityQuestion, at: int, now: int) -> None:
        self.supply = supply
        self.ends = ends
        self.asked = asked
        self.party = asked.party()
        self.at = at
        self.now = now

    def answer(self) -> Iterator[AvailabilityAnswer]:
        """Answer for the services that go from one place to the other."""
        found = find_around(
            self.supply,
            self.ends,
            self.at,
            party=self.party,
            now=self.now,
            arrive=self.asked.arrive_by,
            within=self.asked.within_minutes * 60,
        )
        for ends, one in found:
            yield self._offered(one) if isinstance(one, Offered) else self._declined(one, ends)

    def answer_others(self, answered: set[str]) -> Iterator[AvailabilityAnswer]:
        """Answer for the services at one of the places that do not go to (come from) the other."""
        catalogue = self.supply.catalogue
        near = {id_ for spot in self.ends for id_ in catalogue.services_at(spot.point)}
        near |= {id_ for spot in self.ends if spot.stop_id for id_ in catalogue.asked_at_stop(spot.stop_id)}
        for id_ in sorted(near - answered):
            service = catalogue.services[id_]
            phones = [rule.phone_number for rule in service.rules.values() if rule.phone_number]
            phone = phones[0] if phones else service.agency.get("agency_phone") or None
            urls = [url for rule in service.rules.values() for url in (rule.booking_url, rule.info_url) if url]
            yield self._declined(Declined(Decline.NO_SERVICE, id_, phone, urls[0] if urls else None), self.ends)

    def _offered(self, one: Offered) -> AvailabilityAnswer:
        offer = one.offer
        service = self.supply.catalogue.services[offer.service]
        return AvailabilityAnswer(
            service_id=service.id,
            name=_name(service),
            operator=one.operator,
            kind=service.kind,
            bookable=True,
            how=one.how,
            origin=_end(offer.origin),
            destination=_end(offer.destination),
            pickup_from=_instant(offer.pickup[0]),
            pickup_until=_instant(offer.pickup[1]),
            arrive_by=_instant(offer.drop_off[1]),
            opens=None if one.opens is None else _instant(one.opens),
            bookable_until=_instant(offer.bookable_until),
            price_cents=offer.cents,
            phone=one.phone,
            url=one.url,
            message=one.message,
        )

    def _declined(self, one: Declined, ends: tuple[Spot, Spot]) -> AvailabilityAnswer:
        assert one.service is not None
        service = self.supply.catalogue.services[one.service]
        later = self._find_next(service, ends) if one.reason is not Decline.NO_SERVICE else None
        return AvailabilityAnswer(
            service_id=service.id,
            name=_name(service),
            operator=service.agency.get("agency_name") or None,
            kind=service.kind,
            bookable=False,
            how=self.supply.how(service),
            origin=_end(ends[0]),
            destination=_end(ends[1]),
            opens=None if one.opens is None else _instant(one.opens),
            bookable_until=None if one.until is None else _instant(one.until),
            reason=one.reason,
            sentence=SENTENCES[one.reason],
            next=later,
            phone=one.phone,
            url=one.url,
            message=one.message,
        )

    def _find_next(self, service: Service, ends: tuple[Spot, Spot]) -> NextAnswer | None:
        """Find the first departure from the time asked on that can be booked now, where a vehicle is free."""
        found = [
            offer
            for ride in self.supply.catalogue.rides_between(*ends)
            if ride.service == service.id and (offer := self._find_next_of(service, ride, ends)) is not None
        ]
        first = min(found, key=lambda offer: offer.pickup, default=None)
        if first is None:
            return None
        return NextAnswer(pickup_from=_instant(first.pickup[0]), bookable_until=_instant(first.bookable_until))

    def _find_next_of(self, service: Service, ride: Ride, ends: tuple[Spot, Spot]) -> Offer | None:
        for pickup, last in islice(self._list_tries(service, ride), MANY_TRIES):
            want = Want(*ends, (pickup, last), (0, 0), self.party)
            one = self.supply.offer(ride, want, self.now)
            if isinstance(one, Offered):
                return one.offer
            if one.reason is Decline.NO_WAY:
                return None
        return None

    def _list_tries(self, service: Service, ride: Ride) -> Iterator[tuple[int, int]]:
        """List stretches of time in which a pick-up can be booked by the rules, as long as somebody waits at most."""
        first = day_of(self.at, service.timezone)
        days = first - 2 * ONE_DAY, first + HORIZON
        pair = ride.pickup, ride.drop_off
        step = max(service.promise.longest_wait, service.promise.pickup_window, 60)
        for departure in list_departures(service, ride.trip, pair, self.now, days, earliest=self.at):
            window = pickup_window(service, ride.pickup, departure.service_date)
            assert window is not None
            for pickup in range(departure.pickup, window[1] + 1, step):
                yield pickup, min(pickup + step, window[1])


def _end(spot: Spot) -> EndAnswer:
    return EndAnswer(name=spot.name, lat=spot.point.lat, lon=spot.point.lon, stop_id=spot.stop_id)


def _name(service: Service) -> str:
    names = (service.route.get(cell) for cell in ("route_long_name", "route_short_name"))
    return next((name for name in names if name), service.id)


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
