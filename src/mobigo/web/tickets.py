"""A ticket on a page: its code to be held before a validator, and what it is good for; readable without JavaScript.

With scripts it can be bound to the phone that shows it: the code is then signed anew there every few seconds, also
where there is no network.
"""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from mobigo.db.session import Database
from mobigo.kit.errors import MobigoError, NotFound
from mobigo.kit.requests import Now
from mobigo.tickets import service
from mobigo.tickets.api import TicketAnswer, write
from mobigo.tickets.model import Format, Medium, TicketState
from mobigo.tickets.railway import LOCAL
from mobigo.web import words
from mobigo.web.fares import money_in
from mobigo.web.forms import Form
from mobigo.web.html import READ, page
from mobigo.web.words import Words

router = APIRouter(include_in_schema=False)

PRIVATE = "private, no-store"

WORKER = "ticket-worker.js"
"""Script of ours that the browser runs beside the page, once a ticket is bound to it."""


@dataclass(frozen=True)
class Fact:
    """One line of what a ticket says."""

    what: str
    said: str


@router.get("/tickets/worker.js")
def worker(request: Request) -> Response:
    """Answer with the script that keeps pages of tickets where there is no network."""
    asset = request.app.state.assets.files[request.app.state.assets.own(WORKER).removeprefix("/static/")]
    return Response(asset.body, media_type=asset.media_type, headers={"Cache-Control": "no-cache"})


@router.api_route("/tickets/{key}", methods=READ)
def show_ticket(
    *,
    request: Request,
    session: Database,
    now: Now,
    key: str,
    code: Annotated[str, Query(max_length=20)] = "",
    problem: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """Show a ticket to whoever has its key."""
    speak = words.choose(request)
    try:
        one = write(session, service.get_by_key(session, key))
    except NotFound:
        return _private(page(request, "ticket.html", speak, status=404, ticket=None))
    format_ = Format.UIC if code == Format.UIC else Format.COMPACT
    ended = one.valid_until is not None and one.valid_until <= now
    return _private(
        page(
            request,
            "ticket.html",
            speak,
            ticket=one,
            name=one.name[speak.language],
            state=_say_state(one, speak, ended=ended),
            facts=_list_facts(one, speak),
            shown=one.state is TicketState.READY and not one.bound_to_phone and one.medium is not Medium.CARD,
            waits=one.state is TicketState.UNSIGNED,
            binds=_can_bind(one, ended=ended),
            now=now,
            format=format_,
            problem=speak("ticket.not_replaced") if problem else "",
        )
    )


@router.post("/tickets/{key}/replacement")
def replace(*, request: Request, session: Database, now: Now, key: str, form: Form) -> Response:
    """Have a ticket given anew, and go to where it is from now on."""
    del request, form
    try:
        given = service.replace(session, service.get_by_key(session, key).id, why="asked on its page", now=now)
    except NotFound:
        return RedirectResponse(f"/tickets/{key}", 303)
    except MobigoError:
        return RedirectResponse(f"/tickets/{key}?problem=1", 303)
    return RedirectResponse(f"/tickets/{given.key}", 303)


def _private(answer: Response) -> Response:
    answer.headers["Cache-Control"] = PRIVATE
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


def _can_bind(one: TicketAnswer, *, ended: bool) -> bool:
    """Tell whether a phone can show a ticket's code as only it can."""
    good = one.state in {TicketState.READY, TicketState.UNSIGNED} and not ended and not one.specimen
    return good and one.medium is not Medium.CARD


def _say_state(one: TicketAnswer, speak: Words, *, ended: bool) -> str:
    """Say why a ticket cannot be shown, or nothing."""
    if one.state in {TicketState.BLOCKED, TicketState.VOID}:
        return speak("ticket.blocked") if one.state is TicketState.BLOCKED else speak("ticket.void")
    if one.state is TicketState.UNSIGNED:
        return speak("ticket.unsigned")
    if ended:
        return speak("ticket.ended")
    if one.specimen:
        return speak("ticket.specimen")
    return speak("ticket.bound") if one.bound_to_phone else ""


def _list_facts(one: TicketAnswer, speak: Words) -> list[Fact]:
    facts = [Fact(speak("ticket.who"), one.category_name[speak.language])]
    if one.holder:
        facts.insert(0, Fact(speak("ticket.holder"), one.holder))
    if one.travellers > 1:
        facts.append(Fact(speak("ticket.travellers"), str(one.travellers)))
    for at, key in ((one.valid_from, "ticket.from"), (one.valid_until, "ticket.until")):
        if at is not None:
            local = at.astimezone(LOCAL)
            facts.append(Fact(speak(key), f"{speak.day(local.date())} {speak.hour(local)}"))
    if one.minutes_from_first_use is not None:
        hours, minutes = divmod(one.minutes_from_first_use, 60)
        lasts = f"{hours} h {minutes:02d}" if hours else f"{minutes} min"
        facts.append(Fact(speak("ticket.from_first_use"), lasts))
    if one.rides is not None:
        left = max(0, one.rides - one.rides_used)
        facts.append(Fact(speak("ticket.rides"), speak("ticket.rides_left", left=left, all=one.rides)))
    if one.travel_class == "first":
        facts.append(Fact(speak("ticket.class"), "1"))
    facts.append(Fact(speak("ticket.price"), money_in(speak, one.currency)(one.price_cents)))
    facts.append(Fact(speak("ticket.number"), f"{one.id[:4]} {one.id[4:8]} {one.id[8:]}"))
    return facts
