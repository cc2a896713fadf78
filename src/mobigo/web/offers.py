"""What somebody on the telephone wants, and what can be offered to them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from mobigo.journeys import service as journeys
from mobigo.journeys.model import JourneyRequest
from mobigo.kit.errors import InvalidInput
from mobigo.messages.addresses import read_email, read_phone
from mobigo.ondemand import booking_api
from mobigo.ondemand.availability_api import find_spot
from mobigo.ondemand.booking_answers import PartyBody, QuotesBody
from mobigo.ondemand.series_api import WEEKDAYS
from mobigo.places import service as places
from mobigo.places.model import AmbiguousPlace, UnknownPlace
from mobigo.web.question import End, read_moment, settle
from mobigo.web.signin import find_person

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, tzinfo

    from fastapi import Request
    from sqlalchemy.orm import Session

    from mobigo.journeys.model import Journey
    from mobigo.journeys.rideleg import Hail
    from mobigo.ondemand.booking_answers import (
        BookingAnswer,
        DeclinedAnswer,
        LegAnswer,
        OfferAnswer,
        OfferElsewhere,
        QuotesAnswer,
        SpotAnswer,
    )
    from mobigo.ondemand.supply import Supply
    from mobigo.web.forms import Fields
    from mobigo.web.words import Words

PARTY = ("adults", "companions", "children", "wheelchairs", "luggage", "bicycles")
MOST = 50
"""Of each of them."""

WITHIN = 180
"""Minutes later (earlier) than asked that are offered as well."""
LATER = timedelta(minutes=30)
"""Between the hours for which the offers of one service are looked for."""
ROUNDS = 3
"""Such hours."""
JOURNEYS = 3
"""With other vehicles, at most."""

JOURNEY = "journey:"
"""Before the id of a journey in the key of an option."""

ZONE = "Europe/Paris"
"""Of hours, while no network says its own."""


def find_other_times(
    request: Request,
    supply: Supply,
    booking: BookingAnswer,
    leg: LegAnswer,
    *,
    when: datetime,
    now: datetime,
    arrive_by: bool = False,
) -> QuotesAnswer:
    """Look for the ride of a booking at another time: between the same places, for the same people."""
    question = {
        "from": _same_place(leg.origin),
        "to": _same_place(leg.destination),
        "at": when,
        "arrive_by": arrive_by,
        "within_minutes": WITHIN,
        "party": booking.party.model_dump(),
    }
    body = QuotesBody.model_validate(question)
    return booking_api.make_quotes(request=request, supply=supply, now=now, body=body)


def _same_place(spot: SpotAnswer) -> dict[str, object]:
    return {"stop_id": spot.stop_id} if spot.stop_id else {"lat": spot.lat, "lon": spot.lon, "name": spot.name}


@dataclass(frozen=True)
class Wish:
    """What the caller wants, as far as it is understood."""

    fields: Fields
    origin: End
    destination: End
    at: datetime
    back: datetime | None
    """When the way back begins; None: no way back."""
    problems: dict[str, str]
    """By field."""
    arrive: bool = False
    """Whether the hour is that of being there."""

    @property
    def ready(self) -> bool:
        """Whether offers can be looked for."""
        return not self.problems and bool(self.origin.place and self.destination.place)

    def turned(self) -> Wish:
        """Return the way back."""
        assert self.back is not None
        return replace(self, origin=self.destination, destination=self.origin, at=self.back, back=None, arrive=False)

    def party(self) -> PartyBody:
        """Return who travels."""
        counts = {name: self.fields.count(name, MOST) for name in PARTY}
        if "adults" not in self.fields:
            counts["adults"] = 1
        return PartyBody(**counts)


@dataclass(frozen=True)
class Ride:
    """A part of an offer, to be read out."""

    booked: bool
    """Whether it is what is booked; else another vehicle on the way."""
    what: str
    start: str
    end: str
    ready: datetime
    """Be ready; of other vehicles, their departure."""
    by: datetime | None
    """The vehicle comes by then."""
    there: datetime


@dataclass(frozen=True)
class Option:
    """Something that can be booked with one word of the caller."""

    key: str
    """All quotes, a space between two, and the id of the journey they are part of; read by `read_key`."""
    rides: tuple[Ride, ...]
    cents: int | None
    until: datetime
    """It can be booked until then."""

    @property
    def order(self) -> datetime:
        """What options are sorted by."""
        return self.rides[0].ready


def zone_of(request: Request) -> tzinfo:
    """Return the zone in which hours are said."""
    network = request.app.state.networks.find_current()
    zone: tzinfo = network.manifest.zone if network else ZoneInfo(ZONE)
    return zone


# ── what is asked ─────────────────────────────────────────────────────────────────────────────────────────────────────


def read_wish(request: Request, session: Session, form: Fields, now: datetime, speak: Words) -> Wish:
    """Understand a form; what cannot be understood is said beside its field."""
    local = now.astimezone(zone_of(request))
    ends = {name: _find_end(session, form, name, speak) for name in ("from", "to")}
    problems = {name: end.problem for name, end in ends.items() if end.problem}
    at, back = local, None
    try:
        at = read_when(form.get("date"), form.get("time"), local, speak)
    except InvalidInput as error:
        problems["date"] = str(error)
    if form.get("back"):
        try:
            back = read_when(form.get("back_date") or form.get("date"), form.get("back"), local, speak)
        except InvalidInput as error:
            problems["back"] = str(error)
        else:
            if back <= at:
                problems["back"] = speak("desk.back_too_early")
    if bool(read_weekdays(form)) != bool(form.get("until")):
        problems["until"] = speak("desk.weekly_missing")
    problems |= _check_contact(form, speak)
    wish = Wish(form, ends["from"], ends["to"], at, back, problems, form.get("by") == "arrive")
    try:
        wish.party().read()
    except InvalidInput:
        problems["adults"] = speak("desk.wrong_party")
    return wish


def read_weekdays(form: Fields) -> list[str]:
    """Return the days of the week on which it shall come back, as ticked or as kept; none: once."""
    named = {*form.list("weekday"), *form.get("weekdays").split()}
    return [one for one in WEEKDAYS if one in named]


def _check_contact(form: Fields, speak: Words) -> dict[str, str]:
    problems = {}
    readers: dict[str, Callable[[str], str]] = {"phone": read_phone, "email": read_email}
    for name, read in readers.items():
        try:
            if form.get(name):
                read(form.get(name))
        except InvalidInput:
            problems[name] = speak(f"desk.wrong_{name}")
    if not form.get("name"):
        problems["name"] = speak("desk.no_name")
    if not form.get("phone") and not form.get("email"):
        problems["phone"] = speak("desk.no_contact")
    return problems


def _find_end(session: Session, form: Fields, name: str, speak: Words) -> End:
    """Find the place a text means; one chosen before is kept as long as its text is."""
    text = form.get(name)[:200]
    place, _, called = form.get(f"{name}_place").partition("|")
    if place and called == text:
        return End(text, place)
    if not text:
        return End(text, problem=speak("empty_place"))
    try:
        return settle(End(text), places.resolve(session, text))
    except AmbiguousPlace as error:
        return End(text, choices=error.alternatives, problem=speak("desk.which_place"))
    except (UnknownPlace, InvalidInput):
        return End(text, problem=speak("unknown_place", text=text))


def read_when(day: str, hour: str, local: datetime, speak: Words) -> datetime:
    """Read a local date and time.

    Raises
    ------
    InvalidInput
        When they cannot be read; in the words of the page.
    """
    try:
        return read_moment(day, hour, local)
    except ValueError:
        raise InvalidInput(speak("bad_moment")) from None


# ── what is offered ───────────────────────────────────────────────────────────────────────────────────────────────────


def find_options(
    request: Request, supply: Supply, hail: Hail | None, wish: Wish, now: datetime
) -> tuple[list[Option], list[DeclinedAnswer | OfferElsewhere]]:
    """Find rides all the way, each service's at a few times, then journeys that rides and other vehicles make."""
    arrive, zone = wish.arrive, zone_of(request)
    found: dict[tuple[str, datetime], Option] = {}
    elsewhere: list[DeclinedAnswer | OfferElsewhere] = []
    ends = [_place_of(request, supply, end) for end in (wish.origin, wish.destination)]
    for turn in range(ROUNDS):
        at = wish.at - LATER * turn if arrive else wish.at + LATER * turn
        question = QuotesBody.model_validate(
            {
                "from": ends[0],
                "to": ends[1],
                "at": max(at, now) if arrive else at,
                "arrive_by": arrive,
                "within_minutes": WITHIN,
                "party": wish.party().model_dump(),
            }
        )
        answer = booking_api.make_quotes(request=request, supply=supply, now=now, body=question)
        for one in answer.offers:
            found.setdefault((one.service_id, one.pickup_from), option_of(one, zone))
        if turn == 0:
            elsewhere = answer.elsewhere
    options = sorted(found.values(), key=lambda one: one.order, reverse=arrive)
    return [*options, *_find_journeys(request, hail, wish, alone=not options)], elsewhere


def _find_journeys(request: Request, hail: Hail | None, wish: Wish, *, alone: bool) -> list[Option]:
    """Find journeys with a ride that is booked and other vehicles.

    Parameters
    ----------
    alone : bool
        No ride goes all the way by itself: a ride with nothing but a walk beside it is offered too, at a few times.
    """
    network = request.app.state.networks.find_current()
    if network is None or hail is None:
        return []
    question = JourneyRequest(
        origin=wish.origin.place or "",
        destination=wish.destination.place or "",
        at=wish.at,
        arrive_by=wish.arrive,
        party=wish.party().read(),
        names=(wish.origin.text, wish.destination.text),
        wheelchair=wish.party().wheelchairs > 0,
    )
    zone = zone_of(request)
    found: dict[tuple[Ride, ...], Option] = {}
    for turn in range(ROUNDS if alone else 1):
        at = wish.at - LATER * turn if wish.arrive else wish.at + LATER * turn
        plan = journeys.plan(network, replace(question, at=at), hail)
        if turn == 0:
            now = request.app.state.clock.now()
            request.app.state.notes.note_of(request, network, question, plan, person=find_person(request, now), now=now)
        for one in plan.journeys:
            option = _option_of_journey(one, zone)
            if option and (alone or len(option.rides) > 1):
                found.setdefault(option.rides, option)
    return sorted(found.values(), key=lambda one: one.order, reverse=wish.arrive)[:JOURNEYS]


def read_key(text: str) -> tuple[list[str], str | None]:
    """Return the quotes of an option, and the id of its journey."""
    words = text.split()
    ids = [word.removeprefix(JOURNEY) for word in words if word.startswith(JOURNEY)]
    return [word for word in words if not word.startswith(JOURNEY)], ids[0] if ids else None


def option_of(offer: OfferAnswer, zone: tzinfo) -> Option:
    """Return a ride that the booking API offers."""
    ride = Ride(
        True,
        offer.service_name,
        offer.origin.name,
        offer.destination.name,
        offer.pickup_from.astimezone(zone),
        offer.pickup_until.astimezone(zone),
        offer.arrive_by.astimezone(zone),
    )
    return Option(offer.quote, (ride,), offer.price_cents, offer.bookable_until.astimezone(zone))


def _option_of_journey(journey: Journey, zone: tzinfo) -> Option | None:
    """Return a journey on which something is booked here; None for any other."""
    vehicles = [leg for leg in journey.legs if leg.line is not None or leg.booking is not None]
    booked = [leg.booking for leg in vehicles if leg.booking is not None]
    if not booked or not all(one.quote for one in booked):
        return None
    rides = []
    for leg in vehicles:
        line = leg.line
        ready, by = leg.booking.pickup_window if leg.booking else (leg.departure, None)
        there = leg.booking.arrive_by if leg.booking else leg.arrival
        name = (line.long_name or line.name) if line else leg.booking.service_id if leg.booking else ""
        rides.append(
            Ride(
                leg.booking is not None,
                (name if leg.booking else f"{line.name} {leg.headsign or ''}".strip()) if line else name,
                leg.start.name,
                leg.end.name,
                ready.astimezone(zone),
                by and by.astimezone(zone),
                there.astimezone(zone),
            )
        )
    prices = [one.price_cents for one in booked if one.price_cents is not None]
    return Option(
        " ".join([*(str(one.quote) for one in booked), f"{JOURNEY}{journey.id}"]),
        tuple(rides),
        sum(prices) if prices else None,
        min(one.bookable_until for one in booked).astimezone(zone),
    )


def _place_of(request: Request, supply: Supply, end: End) -> dict[str, Any]:
    spot = find_spot(request, supply, end.place or "")
    if spot.stop_id:
        return {"stop_id": spot.stop_id}
    return {"lat": spot.point.lat, "lon": spot.point.lon, "name": end.text}
