"""The telephone desk: one form from the call to the booking, without a mouse; and bookings found, changed, cancelled.

Everything is posted, so that no name or number stands in an address, and works without scripts. What the desk does, it
does through the routes of the booking API, as anybody else.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from mobigo.db.session import Database, driver
from mobigo.journeys.rideleg import Hail
from mobigo.kit.errors import InvalidInput, MobigoError
from mobigo.kit.requests import Now
from mobigo.kit.turns import Turn
from mobigo.messages import service as messages
from mobigo.messages.addresses import say_phone
from mobigo.messages.model import Message
from mobigo.ondemand import booking_api, conduct, series_api
from mobigo.ondemand.availability_api import find_spot, find_supply
from mobigo.ondemand.booking_answers import (
    BookingAnswer,
    BookingBody,
    CancelBody,
    ChangeBody,
    ContactBody,
    DeclinedAnswer,
    OfferElsewhere,
    PardonBody,
    write_booking,
)
from mobigo.ondemand.series_api import WEEKDAYS
from mobigo.ondemand.states import WAITING
from mobigo.ondemand.supply import Supply
from mobigo.web import words
from mobigo.web.forms import Fields, Form
from mobigo.web.html import READ, page
from mobigo.web.offers import (
    PARTY,
    Option,
    Wish,
    find_options,
    find_other_times,
    option_of,
    read_key,
    read_weekdays,
    read_when,
    read_wish,
    zone_of,
)
from mobigo.web.question import End, settle
from mobigo.web.signin import SignedIn
from mobigo.web.words import Words

router = APIRouter(prefix="/desk", include_in_schema=False)

CurrentSupply = Annotated[Supply, Depends(find_supply)]


def find_hail(request: Request, now: Now) -> Hail | None:
    """Return what is offered on the network that serves."""
    network = request.app.state.networks.find_current()
    hail: Hail | None = request.app.state.hails.at(network, now) if network else None
    return hail


CurrentHail = Annotated[Hail | None, Depends(find_hail)]

TEXTS = ("name", "phone", "email", "from", "from_place", "to", "to_place", "date", "time", "by", "note")
"""Fields of the form, as typed."""
MORE = ("back", "back_date", "language", "until")

LONG = 100_000
"""Characters of the quotes of one option."""
FOUND = 30
"""Bookings of a search that are listed."""
TOLD = 20
"""Messages of a booking that are listed."""


class Desk:
    """Somebody at the desk who asks for something.

    Parameters
    ----------
    request : Request
    person : Person
        Who has signed in.
    supply : Supply
        Looked up before the session takes its connection, like `hail`.
    hail : Hail, optional
        For journeys with other vehicles; None while there is no network.
    session : Session
    now : datetime
    """

    def __init__(
        self,
        *,
        request: Request,
        person: SignedIn,
        supply: CurrentSupply,
        hail: CurrentHail,
        _turn: Turn,  # before the session: given up after its commit
        session: Database,
        now: Now,
    ) -> None:
        self.request = request
        self.supply = supply
        self.hail = hail
        self.session = session
        self.now = now
        self.person = person
        self.speak = words.choose(request)
        self.zone = zone_of(request)

    def ask(self, key: str = "") -> booking_api.Asked:
        """Ask the booking API; what is asked again with a key is not done twice."""
        return booking_api.Asked(
            request=self.request,
            response=Response(),
            session=self.session,
            supply=self.supply,
            person=self.person,
            now=self.now,
            key=f"desk-{key}" if key else None,
        )

    def get(self, booking_id: str) -> BookingAnswer:
        """Return a booking, with whom to call."""
        looking = booking_api.Looking(
            request=self.request, session=self.session, supply=self.supply, person=self.person, now=self.now
        )
        return write_booking(self.supply, looking.find(booking_id), contact=True)

    def say(self, error: MobigoError | ValidationError) -> str:
        """Say what went wrong."""
        if isinstance(error, ValidationError):
            return self.speak("desk.nothing_chosen")
        return self.speak.find(f"desk.error.{error.code}") or str(error)

    def page(self, template: str, *, status: int = 200, **values: Any) -> Response:  # noqa: ANN401  templates take anything
        """Write a page that nobody keeps."""
        answer = page(
            self.request,
            template,
            self.speak,
            status=status,
            person=self.person,
            price=price_in(self.speak),
            zone=self.zone,
            now=self.now,
            say_phone=say_phone,
            **values,
        )
        answer.headers["Cache-Control"] = "no-store"
        return answer


AtDesk = Annotated[Desk, Depends(Desk)]


@dataclass(frozen=True)
class Findings:
    """What was found for a wish."""

    options: Sequence[Option] = ()
    back: Sequence[Option] = ()
    elsewhere: Sequence[DeclinedAnswer | OfferElsewhere] = ()
    problem: str = ""
    key: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    """Of the booking that may follow."""


@router.api_route("", methods=READ)
def empty_form(at: AtDesk) -> Response:
    """Show the empty form."""
    local = at.now.astimezone(at.zone)
    fields = Fields({"date": (local.date().isoformat(),), "time": (f"{local:%H:%M}",), "adults": ("1",)})
    return _form(at, Wish(fields, End(""), End(""), local, None, {}), None)


@router.post("")
def find_offers(at: AtDesk, form: Form) -> Response:
    """Look for what can be booked, and offer it below the form."""
    wish = read_wish(at.request, at.session, form, at.now, at.speak)
    return _form(at, wish, _find(at, wish) if wish.ready else None)


def _find(at: Desk, wish: Wish) -> Findings:
    try:
        options, elsewhere = find_options(at.request, at.supply, at.hail, wish, at.now)
        if not options:
            booking_api.note_declined(
                at.session,
                elsewhere,
                (
                    find_spot(at.request, at.supply, wish.origin.place or ""),
                    find_spot(at.request, at.supply, wish.destination.place or ""),
                ),
                wanted=wish.at,
                persons=wish.party().read().persons,
                person=None,
                now=at.now,
            )
        back: Sequence[Option] = ()
        if wish.back:
            back, more = find_options(at.request, at.supply, at.hail, wish.turned(), at.now)
            elsewhere = [*elsewhere, *more]
    except MobigoError as error:
        return Findings(problem=at.say(error))
    return Findings(options, back, elsewhere)


@router.post("/book")
def book(at: AtDesk, form: Form) -> Response:
    """Book what was chosen, once or every week, then show what to read out."""
    try:
        quotes, journey = read_key(form.get("option", long=LONG))
        back, _ = read_key(form.get("back_option", long=LONG))
        asked = at.ask(form.get("key"))
        told = {
            "quotes": quotes,
            "return_quotes": back,
            "journey": journey,
            "contact": _read_contact(form, at.speak),
            "note": form.get("note"),
        }
        if weekdays := read_weekdays(form):
            series = {**told, "weekdays": weekdays, "until": form.get("until")}
            made = series_api.make_series(once=asked, body=series_api.SeriesBody.model_validate(series))
            return RedirectResponse(f"/desk/series/{made.id}?said=1", 303)
        booked = booking_api.book(once=asked, body=BookingBody.model_validate(told))
    except (MobigoError, ValidationError) as error:
        wish = read_wish(at.request, at.session, form, at.now, at.speak)
        found = _find(at, wish) if wish.ready else Findings()
        return _form(at, wish, replace(found, problem=at.say(error)), status=409)
    return RedirectResponse(f"/desk/bookings/{booked.booking.id}?said=1", 303)


@router.api_route("/series/{series_id}", methods=READ)
def show_series(at: AtDesk, series_id: str) -> Response:
    """Show what has become of each day of regular rides."""
    return _series(at, series_id, "")


@router.post("/series/{series_id}")
def change_series(at: AtDesk, form: Form, series_id: str) -> Response:
    """Leave out a day of regular rides, or end them."""
    nothing = series_api.NothingBody()
    try:
        if form.get("day"):
            day = date.fromisoformat(form.get("day"))
            series_api.leave_out_day(once=at.ask(), series_id=series_id, day=day, body=nothing)
        else:
            series_api.end_series(once=at.ask(), series_id=series_id, body=nothing)
    except ValueError:
        return _series(at, series_id, at.speak("bad_moment"), status=400)
    except MobigoError as error:
        return _series(at, series_id, at.say(error), status=409)
    return RedirectResponse(f"/desk/series/{series_id}", 303)


def _series(at: Desk, series_id: str, problem: str, *, status: int = 200) -> Response:
    series = series_api.get_series(once=at.ask(), series_id=series_id)
    booked = [one for one in series.days if one.state == "booked"]
    return at.page("desk_series.html", status=status, series=series, booked=booked, problem=problem)


@router.post("/search")
def search(at: AtDesk, form: Form) -> Response:
    """Find bookings by reference, telephone number or name."""
    text = form.get("q")
    problem, found = "", list[BookingAnswer]()
    if text:
        try:
            found = booking_api.list_bookings(
                supply=at.supply, session=at.session, person=at.person, q=text, after=None, limit=FOUND
            ).bookings
        except InvalidInput as error:
            problem = at.say(error)
    if len(found) == 1:
        return RedirectResponse(f"/desk/bookings/{found[0].id}", 303)
    return at.page("desk_found.html", q=text, found=found, problem=problem)


@router.api_route("/bookings/{booking_id}", methods=READ)
def show_booking(at: AtDesk, booking_id: str) -> Response:
    """Show a booking: what to read out, its rides, what was told, and what can be done about it."""
    return _booking(at, booking_id)


@router.post("/bookings/{booking_id}/cancel")
def cancel(at: AtDesk, form: Form, booking_id: str) -> Response:
    """Cancel rides of a booking."""

    def work() -> None:
        body = CancelBody(
            legs=list(form.list("leg")),
            by="operator" if form.get("who") == "operator" else "user",
            reason=form.get("reason"),
            waive_penalty="waive" in form,
        )
        booking_api.cancel(once=at.ask(), booking_id=booking_id, body=body)

    return _do(at, booking_id, work, "cancelled")


@router.post("/bookings/{booking_id}/change")
def change(at: AtDesk, form: Form, booking_id: str) -> Response:
    """Replace a ride of a booking by another."""

    def work() -> None:
        body = ChangeBody(
            quotes=read_key(form.get("option", long=LONG))[0],
            legs=list(form.list("leg")),
            waive_penalty="waive" in form,
        )
        booking_api.change(once=at.ask(), booking_id=booking_id, body=body)

    return _do(at, booking_id, work, "1")


@router.post("/bookings/{booking_id}/pardon")
def pardon(at: AtDesk, form: Form, booking_id: str) -> Response:
    """Let an absence count no more: the caller was heard."""

    def work() -> None:
        body = PardonBody(reason=form.get("reason"))
        booking_api.pardon(once=at.ask(), guard=at.person, leg_id=form.get("leg"), body=body)

    return _do(at, booking_id, work, "pardoned")


def _do(at: Desk, booking_id: str, work: Callable[[], None], said: str) -> Response:
    """Do something about a booking, and show what has become of it."""
    try:
        work()
    except (MobigoError, ValidationError) as error:
        return _booking(at, booking_id, Findings(problem=at.say(error)), status=409)
    return RedirectResponse(f"/desk/bookings/{booking_id}?said={said}", 303)


@router.post("/bookings/{booking_id}/offers")
def find_others(at: AtDesk, form: Form, booking_id: str) -> Response:
    """Look for another time for one ride of a booking."""
    booking = at.get(booking_id)
    leg = next((one for one in booking.legs if one.id == form.get("leg")), None)
    if leg is None:
        return _booking(at, booking_id, Findings(problem=at.speak("desk.which_ride")), status=409)
    try:
        when = read_when(form.get("date"), form.get("time"), at.now.astimezone(at.zone), at.speak)
        arriving = form.get("by") == "arrive"
        answer = find_other_times(at.request, at.supply, booking, leg, when=when, now=at.now, arrive_by=arriving)
    except (MobigoError, ValidationError) as error:
        return _booking(at, booking_id, Findings(problem=at.say(error)), status=409)
    found = Findings([option_of(one, at.zone) for one in answer.offers], elsewhere=answer.elsewhere)
    return _booking(at, booking_id, found, changing=leg.id, when=when)


def _read_contact(form: Fields, speak: Words) -> ContactBody:
    return ContactBody(
        name=form.get("name"),
        phone=form.get("phone") or None,
        email=form.get("email") or None,
        language="en" if (form.get("language") or speak.language) == "en" else "fr",
    )


# ── pages ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _form(at: Desk, wish: Wish, found: Findings | None, *, status: int = 200) -> Response:
    kept = {name: wish.fields.get(name) for name in (*TEXTS, *PARTY, *MORE)}
    kept["weekdays"] = " ".join(read_weekdays(wish.fields))
    for name, end in (("from", wish.origin), ("to", wish.destination)):
        if end.text:
            kept[name] = end.text
            kept[f"{name}_place"] = f"{end.place}|{end.text}" if end.place else ""
    return at.page(
        "desk.html",
        status=status,
        wish=wish,
        kept=kept,
        party=PARTY,
        weekdays=WEEKDAYS,
        found=found,
        settle=settle,
    )


def _booking(
    at: Desk,
    booking_id: str,
    found: Findings | None = None,
    *,
    status: int = 200,
    changing: str = "",
    when: datetime | None = None,
) -> Response:
    booking = at.get(booking_id)
    return at.page(
        "desk_booking.html",
        status=status,
        booking=booking,
        waiting=[leg for leg in booking.legs if leg.state in WAITING],
        said=at.request.query_params.get("said", ""),
        found=found,
        changing=changing,
        when=when or at.now.astimezone(at.zone),
        absences=_list_absences(at, booking),
        told=_list_told(at, booking),
        spelled=" ".join(booking.reference),
    )


def _list_absences(at: Desk, booking: BookingAnswer) -> list[conduct.Absence]:
    contact = booking.contact
    if contact is None or not (contact.phone or contact.email):
        return []
    who = conduct.identify(
        at.request.app.state.token_key,
        conduct.read_contact(contact.name, contact.phone, contact.email, contact.language),
        None,
    )
    return conduct.list_absences(driver(at.session), who, at.now - conduct.KEPT)


def _list_told(at: Desk, booking: BookingAnswer) -> list[Message]:
    subjects = [f"booking:{booking.id}", *(f"leg:{leg.id}" for leg in booking.legs)]
    told = [one for subject in subjects for one in messages.list_messages(at.session, about=subject, limit=TOLD)]
    return sorted(told, key=lambda one: (one.due_at, one.id))[-TOLD:]


def price_in(speak: Words) -> Callable[[int], str]:
    """Return how a language writes an amount of cents."""

    def write(cents: int) -> str:
        euros, sign = f"{abs(cents) // 100}.{abs(cents) % 100:02d}", "-" if cents < 0 else ""
        return f"{sign}€{euros}" if speak.language == "en" else f"{sign}{euros.replace('.', ',')}\u00a0€"

    return write
