"""The traveller's pages: HTML that works without JavaScript, without the map's files and without the internet."""

import secrets
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from mobigo.journeys import service as journeys
from mobigo.journeys.liftleg import Lift
from mobigo.journeys.model import Plan
from mobigo.journeys.network import Network
from mobigo.journeys.pricing import Till, open_till
from mobigo.journeys.rideleg import Hail
from mobigo.kit.errors import InvalidInput, MobigoError
from mobigo.kit.requests import Now
from mobigo.places import service as places
from mobigo.places.model import AmbiguousPlace, UnknownPlace
from mobigo.web import (
    account,
    assets,
    book,
    buying,
    communes,
    desk,
    docs,
    drafts,
    fares,
    journey,
    lines,
    noted,
    opendata,
    reach,
    school,
    school_planning,
    sheet,
    signin,
    stops,
    tickets,
    tiles,
    usage,
    words,
)
from mobigo.web.desk import price_in
from mobigo.web.html import READ, page
from mobigo.web.planner import map_journeys, say_alerts, step_text, view_fare, view_plan
from mobigo.web.question import (
    ACCESS,
    CHANGES,
    FIELDS,
    PACES,
    RATHER,
    RIDES,
    STAYS,
    WALKS,
    WINDOWS,
    End,
    Question,
    address,
    change_fields,
    read_question,
    settle,
)
from mobigo.web.words import Words

router = APIRouter(include_in_schema=False)

HOME_ZONE = "Europe/Paris"
"""Zone of the form while no network says its own."""

LONG = 200
"""Characters of a field that are read."""
LONGEST = {"cursor": 4_000}
"""Of those that are longer."""

FOR_SCRIPTS = ("map", "locate", "suggestions", "kind.")
"""Beginnings of the keys that scripts say."""


def install(app: FastAPI) -> None:
    """Give an application its pages, the files they need, and the map's tiles."""
    app.state.assets = assets.read_assets()
    app.state.tiles = tiles.Kept()
    app.state.usage_screens = usage.Screens()
    app.include_router(router)
    staff = (signin, desk, sheet, school, school_planning, usage, drafts)
    for one in (
        account,
        book,
        buying,
        stops,
        lines,
        fares,
        tickets,
        opendata,
        communes,
        reach,
        journey,
        noted,
        docs,
        tiles,
        *staff,
    ):
        app.include_router(one.router)


@router.api_route("/static/{path:path}", methods=READ)
def static_file(request: Request, path: str) -> Response:
    """Answer with a file of a page."""
    return assets.serve(request, request.app.state.assets, path)


@router.api_route("/", methods=READ)
def planner(request: Request, now: Now) -> Response:
    """Show the form and, when it is filled in, the journeys; or ask which place is meant; or say what is wrong."""
    speak = words.choose(request)
    fields = {
        name: value.strip()[: LONGEST.get(name, LONG)] for name, value in request.query_params.items() if name in FIELDS
    }
    if rides := request.query_params.getlist("ride"):
        fields["ride"] = "" if set(rides) >= set(RIDES) else ",".join(rides)[:LONG]
    if "now" in request.query_params:
        return RedirectResponse(address(fields, date=None, time=None), 303)
    network: Network | None = request.app.state.networks.find_current()
    question = read_question(fields, now, network.manifest.zone if network else ZoneInfo(HOME_ZONE))
    booked = _Booked()
    plan, problem = None, "" if network else speak("unavailable")
    if question.asked:
        question = _understand(request, question, speak)
        fields |= {"from": question.origin.text, "from_place": question.origin.pinned}
        fields |= {"to": question.destination.text, "to_place": question.destination.pinned}
        if question.via:
            fields |= {"via": question.via.text, "via_place": question.via.pinned}
    if network and question.ready:
        try:
            state = request.app.state
            shelf = state.fares.current(now)
            till = None if shelf is None else open_till(shelf, (), 1)
            booked = _Booked(state.hails.at(network, now), state.lifts.at(network, now), till)
            plan = _plan(network, question, booked)
            person = signin.find_person(request, now)
            state.notes.note_of(request, network, question.request(), plan, person=person, now=now)
        except MobigoError as error:
            problem = str(error)
    view = view_plan(plan, question) if plan else None
    moved = _moved(fields, question, plan)
    return page(
        request,
        "planner.html",
        speak,
        status=200 if network else 503,
        title=_title(question, plan, speak),
        question=question,
        problem=problem,
        plan=plan,
        view=view,
        moved=moved,
        url=lambda **changes: address(fields, **changes),
        windows=WINDOWS,
        most_changes=CHANGES,
        stays=STAYS,
        rides=tuple(RIDES),
        accesses=tuple(ACCESS),
        rathers=RATHER,
        walks=WALKS,
        paces=tuple(PACES),
        span=lambda seconds: timedelta(seconds=seconds),
        alerts=say_alerts(dict(plan.alerts), speak.language) if plan else {},
        remedies=_remedies(fields, plan, speak, question) if plan else [],
        homeward=_homeward(network, question, plan, fields, booked) if network and plan else None,
        price=price_in(speak),
        fare=lambda priced: view_fare(priced, speak.language),
        key=secrets.token_urlsafe(12),
        here=address(fields),
        step_text=step_text,
        ask=next((name for name, end in question.ends() if end.choices), None),
        settle=settle,
        map_journeys=map_journeys(view) if view else [],
        outside=_outside(network, question) if network else None,
        ends=[plan.origin.point, plan.destination.point] if plan and plan.origin and plan.destination else None,
        script_words={key: said for key, said in speak.catalogue.items() if key.startswith(FOR_SCRIPTS)},
    )


def _understand(request: Request, question: Question, speak: Words) -> Question:
    """Find the places the texts mean."""
    if all(end.place for _, end in question.ends()):
        return question
    with Session(request.app.state.engine) as session:
        found = {name: end if end.place else _find(session, end, speak) for name, end in question.ends()}
    return replace(question, origin=found["origin"], destination=found["destination"], via=found.get("via"))


def _find(session: Session, end: End, speak: Words) -> End:
    if not end.text:
        return replace(end, problem=speak("empty_place"))
    try:
        return settle(end, places.resolve(session, end.text))
    except AmbiguousPlace as error:
        return replace(end, choices=error.alternatives)
    except (UnknownPlace, InvalidInput):
        return replace(end, problem=speak("unknown_place", text=end.text))


class _Booked(NamedTuple):
    """What can be booked now."""

    hail: Hail | None = None
    lift: Lift | None = None
    till: Till | None = None
    """What journeys are priced with."""


def _plan(network: Network, question: Question, booked: _Booked) -> Plan:
    """Plan; from a commune's main stop when no stop is in reach of its middle."""
    request = question.request()
    plan = journeys.plan(network, request, *booked)
    if plan.journeys or not (question.origin.fallback or question.destination.fallback):
        return plan
    nearer = replace(
        request,
        origin=question.origin.fallback or request.origin,
        destination=question.destination.fallback or request.destination,
    )
    again = journeys.plan(network, nearer, *booked)
    return again if again.journeys else plan


def _outside(network: Network, question: Question) -> tuple[date, date] | None:
    """Return the first and last day of all timetables when the day asked for is none of theirs."""
    spans = [(feed.get("first_day"), feed.get("last_day")) for feed in network.manifest.feeds.values()]
    days = sorted(date.fromisoformat(str(day)) for span in spans for day in span if day)
    return (days[0], days[-1]) if days and not days[0] <= question.at.date() <= days[-1] else None


def _title(question: Question, plan: Plan | None, speak: Words) -> str:
    """Say in the title what the page found: it is what a screen reader says first."""
    if not question.asked:
        return speak("home_title")
    if any(end.choices for _, end in question.ends()):
        return speak("choose_title")
    if plan is None:
        return speak("problem_title")
    ends = {"origin": question.origin.text, "destination": question.destination.text}
    if not plan.journeys:
        return speak("nothing_title", **ends)
    return speak("results_title", journeys=speak.count("journeys", len(plan.journeys)), **ends)


def _moved(fields: dict[str, str], question: Question, plan: Plan | None) -> dict[str, str]:
    """Write the addresses one step away: ends swapped, earlier, later, the next journey there is."""
    swapped = {
        "from": fields.get("to"),
        "from_place": fields.get("to_place"),
        "to": fields.get("from"),
        "to_place": fields.get("from_place"),
        "cursor": None,
    }
    moved = {"swapped": address(fields, **swapped)}
    zone = question.at.tzinfo

    def at(instant: datetime, by: str) -> str:
        local = instant.astimezone(zone)
        return address(fields, date=local.date().isoformat(), time=f"{local:%H:%M}", by=by, cursor=None)

    if plan:
        for name in ("earlier", "later"):
            cursor = getattr(plan, name)
            moved[name] = address(fields, cursor=cursor) if cursor and plan.journeys else ""
        moved["next"] = at(plan.next_departure, "depart") if plan.next_departure else ""
        moved["previous"] = at(plan.previous_departure, "depart") if plan.previous_departure else ""
    return moved


def _remedies(fields: dict[str, str], plan: Plan, speak: Words, question: Question) -> list[dict[str, str]]:
    """Write what would have to change as links that change it."""
    found = []
    for one in plan.suggestions:
        leaves = one.departure.astimezone(question.at.tzinfo)
        changes = change_fields(one, leaves)
        if changes is None:
            continue
        said = {"hour": speak.hour(leaves), "day": speak.day(leaves.date()), "value": one.value or ""}
        text = speak.find(f"remedy.{one.remedy}.{one.parameter}") or speak.find(f"remedy.{one.remedy}") or ""
        found.append({"address": address(fields, **{"cursor": None, **changes}), "text": text.format(**said)})
    return found


def _homeward(
    network: Network, question: Question, plan: Plan, fields: dict[str, str], booked: _Booked
) -> dict[str, object] | None:
    """Find the last way back of the day one arrives: with one bus a day it decides whether to go at all."""
    arrivals = [one.arrival for one in plan.journeys if one.rides]
    if not arrivals or question.cursor:
        return None
    day = min(arrivals).astimezone(question.at.tzinfo)
    back = replace(question, origin=question.destination, destination=question.origin, via=None, by="last", at=day)
    homeward = _plan(network, back, booked._replace(till=None)).journeys
    last = [one.departure for one in homeward if one.rides and one.departure > min(arrivals)]
    turned = {"from": fields.get("to"), "from_place": fields.get("to_place")}
    turned |= {"to": fields.get("from"), "to_place": fields.get("from_place"), "date": day.date().isoformat()}
    return {
        "departure": max(last).astimezone(question.at.tzinfo) if last else None,
        "day": day.date(),
        "address": address(fields, **turned, via=None, via_place=None, by="last", cursor=None),
    }
