"""The traveller books: rides on demand of a journey, in one form, without an account; then sees, changes, cancels them.

Whoever has the address of a booking may see and change it, as with a ticket: it cannot be guessed. Everything is
posted, works without scripts, and goes through the booking API.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from mobigo.db.session import Database
from mobigo.kit.errors import MobigoError
from mobigo.kit.requests import Now
from mobigo.kit.turns import Turn
from mobigo.messages.addresses import say_phone
from mobigo.ondemand import booking_api
from mobigo.ondemand.availability_api import find_supply
from mobigo.ondemand.booking_answers import (
    BookingAnswer,
    BookingBody,
    CancelBody,
    ChangeBody,
    ContactBody,
    write_booking,
)
from mobigo.ondemand.states import WAITING
from mobigo.ondemand.supply import Supply
from mobigo.web import words
from mobigo.web.desk import price_in
from mobigo.web.forms import Fields, Form
from mobigo.web.html import READ, page
from mobigo.web.offers import Option, find_other_times, option_of, read_when, zone_of
from mobigo.web.signin import check_origin

router = APIRouter(include_in_schema=False)

CurrentSupply = Annotated[Supply, Depends(find_supply)]

LONG = 100_000
"""Characters of the quotes of a journey."""
WITHIN = 180
"""Minutes after (before) the hour asked for in which other rides are offered."""


class Traveller:
    """Somebody without an account who books, or looks at a booking of theirs.

    Parameters
    ----------
    request : Request
    supply : Supply
        Looked up before the session takes its connection.
    session : Session
    now : datetime
    """

    def __init__(self, *, request: Request, supply: CurrentSupply, _turn: Turn, session: Database, now: Now) -> None:
        if request.method not in READ:
            check_origin(request)
        self.request = request
        self.supply = supply
        self.session = session
        self.now = now
        self.speak = words.choose(request)
        self.zone = zone_of(request)

    def ask(self, key: str = "") -> booking_api.Asked:
        """Ask the booking API; what is asked again with a key is not done twice."""
        return booking_api.Asked(
            request=self.request,
            response=Response(),
            session=self.session,
            supply=self.supply,
            person=None,
            now=self.now,
            key=f"page-{key}" if key else None,
        )

    def get(self, booking_id: str) -> BookingAnswer:
        """Return a booking."""
        looking = booking_api.Looking(
            request=self.request, session=self.session, supply=self.supply, person=None, now=self.now
        )
        return write_booking(self.supply, looking.find(booking_id), contact=True)

    def say(self, error: MobigoError | ValidationError) -> str:
        """Say what went wrong."""
        if isinstance(error, ValidationError):
            return self.speak("book.incomplete")
        return self.speak.find(f"book.error.{error.code}") or self.speak.find(f"desk.error.{error.code}") or str(error)

    def page(self, template: str, *, status: int = 200, **values: Any) -> Response:  # noqa: ANN401  templates take anything
        """Write a page that nobody keeps."""
        answer = page(
            self.request,
            template,
            self.speak,
            status=status,
            price=price_in(self.speak),
            zone=self.zone,
            now=self.now,
            say_phone=say_phone,
            **values,
        )
        answer.headers["Cache-Control"] = "no-store"
        return answer


Here = Annotated[Traveller, Depends(Traveller)]


@dataclass(frozen=True)
class Findings:
    """Other times for a ride."""

    options: Sequence[Option] = ()
    problem: str = ""


@router.post("/book")
def book(here: Here, form: Form) -> Response:
    """Book all rides of a journey, or say why not with the form as it was filled in."""
    try:
        body = BookingBody(
            quotes=form.get("option", long=LONG).split(),
            contact=ContactBody(
                name=form.get("name"),
                phone=form.get("phone") or None,
                email=form.get("email") or None,
                language="en" if here.speak.language == "en" else "fr",
            ),
            note=form.get("note"),
            journey=form.get("journey", long=LONG) or None,
        )
        booked = booking_api.book(once=here.ask(form.get("key")), body=body)
    except (MobigoError, ValidationError) as error:
        return _form_again(here, form, here.say(error))
    return RedirectResponse(f"/bookings/{booked.booking.id}?said=booked", 303)


def _form_again(here: Traveller, form: Fields, problem: str) -> Response:
    """Show the form once more, and the way back to the journeys of now."""
    kept = {name: form.get(name, long=LONG) for name in ("option", "journey", "key", "name", "phone", "email", "note")}
    back = form.get("back", long=LONG)
    return here.page(
        "book_again.html", status=409, problem=problem, kept=kept, back=back if back.startswith("/?") else "/"
    )


@router.api_route("/bookings/{booking_id}", methods=READ)
def show_booking(here: Here, booking_id: str) -> Response:
    """Show a booking, and what can be done about it."""
    return _booking(here, booking_id)


@router.post("/bookings/{booking_id}/cancel")
def cancel(here: Here, form: Form, booking_id: str) -> Response:
    """Cancel rides of a booking."""

    def work() -> None:
        booking_api.cancel(once=here.ask(), booking_id=booking_id, body=CancelBody(legs=list(form.list("leg"))))

    return _do(here, booking_id, work, "cancelled")


@router.post("/bookings/{booking_id}/change")
def change(here: Here, form: Form, booking_id: str) -> Response:
    """Replace a ride of a booking by another."""

    def work() -> None:
        body = ChangeBody(quotes=form.get("option", long=LONG).split(), legs=list(form.list("leg")))
        booking_api.change(once=here.ask(), booking_id=booking_id, body=body)

    return _do(here, booking_id, work, "changed")


def _do(here: Traveller, booking_id: str, work: Callable[[], None], said: str) -> Response:
    """Do something about a booking, and show what has become of it."""
    try:
        work()
    except (MobigoError, ValidationError) as error:
        return _booking(here, booking_id, Findings(problem=here.say(error)), status=409)
    return RedirectResponse(f"/bookings/{booking_id}?said={said}", 303)


@router.post("/bookings/{booking_id}/offers")
def find_others(here: Here, form: Form, booking_id: str) -> Response:
    """Look for another time for one ride of a booking."""
    booking = here.get(booking_id)
    leg = next((one for one in booking.legs if one.id == form.get("leg")), None)
    if leg is None:
        return _booking(here, booking_id, Findings(problem=here.speak("desk.which_ride")), status=409)
    try:
        when = read_when(form.get("date"), form.get("time"), here.now.astimezone(here.zone), here.speak)
        answer = find_other_times(here.request, here.supply, booking, leg, when=when, now=here.now)
    except (MobigoError, ValidationError) as error:
        return _booking(here, booking_id, Findings(problem=here.say(error)), status=409)
    found = Findings([option_of(one, here.zone) for one in answer.offers])
    return _booking(here, booking_id, found, changing=leg.id, when=when)


def _booking(
    here: Traveller,
    booking_id: str,
    found: Findings | None = None,
    *,
    status: int = 200,
    changing: str = "",
    when: datetime | None = None,
) -> Response:
    booking = here.get(booking_id)
    said = here.request.query_params.get("said", "")
    return here.page(
        "booking.html",
        status=status,
        booking=booking,
        waiting=[leg for leg in booking.legs if leg.state in WAITING],
        said=said if said in {"booked", "changed", "cancelled"} else "",
        found=found,
        changing=changing,
        when=when,
    )
