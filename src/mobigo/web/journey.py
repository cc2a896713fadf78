"""The page of one journey: as it goes now, how safe its changes are and what if one is missed, other departures."""

from datetime import timedelta
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from mobigo.journeys.follow_api import say
from mobigo.journeys.missing import Missed, tell_changes
from mobigo.journeys.model import Change, Journey, Leg
from mobigo.journeys.network import Network
from mobigo.journeys.others import find_others
from mobigo.journeys.refresh import Refreshed, refresh
from mobigo.kit.errors import NotFound
from mobigo.kit.requests import Now
from mobigo.web import words
from mobigo.web.colours import paint
from mobigo.web.html import READ, page
from mobigo.web.words import Words, full_minute

router = APIRouter(include_in_schema=False)

LONGEST = 20_000
"""Characters of an id."""
LONGEST_NAME = 200
MINUTE = 60


@router.api_route("/journey", methods=READ)
def journey_page(request: Request, now: Now) -> Response:
    """Show a journey that was planned before; without an id, how to come by one."""
    speak = words.choose(request)
    name = request.query_params.get("id", "").strip()[:LONGEST]
    network = request.app.state.networks.find_current()
    if network is None or not name:
        problem = "" if network else speak("unavailable")
        return page(request, "journey.html", speak, status=200 if network else 503, problem=problem, found=None)
    state = request.app.state
    hail, lift = state.hails.at(network, now), state.lifts.at(network, now)
    try:
        found = refresh(network, name, now, hail=hail, lift=lift)
        told = tell_changes(network, name, now, hail=hail, lift=lift)
        others = {
            at: find_others(network, name, at, now, hail=hail).others
            for at, leg in enumerate(found.journey.legs)
            if leg.trip_id is not None
        }
    except NotFound as error:
        return page(request, "journey.html", speak, status=404, problem=str(error), found=None)
    zone = network.manifest.zone
    return page(
        request,
        "journey.html",
        speak,
        problem="",
        found=found,
        ends=_name_ends(request, found.journey),
        phase=_say_phase(found, speak, network),
        differences=[say(one)[speak.language] for one in found.differences],
        changes={one.leg: one for one in told.told},
        riskiest=told.riskiest if len(told.told) > 1 else None,
        others=others,
        paints=[paint(leg.line.color, leg.line.text_color) if leg.line else None for leg in found.journey.legs],
        live_at=found.live_at.astimezone(zone) if found.live_at else None,
        span=lambda seconds: timedelta(seconds=seconds),
        say_change=lambda change: _say_change(change, speak),
        say_missed=lambda missed: _say_missed(missed, speak),
        hour_on=lambda instant: _hour_on(instant, found.journey, speak),
        lines=_list_lines,
        address=lambda one, *, onward=False: _address(request, one, onward=onward),
    )


def _address(request: Request, name: str, *, onward: bool) -> str:
    """Write the address of a journey, with what else this one's says; one that goes on from a stop begins there."""
    kept = {field: value for field, value in request.query_params.items() if not (onward and field == "from")}
    return f"/journey?{urlencode({**kept, 'id': name})}"


def _name_ends(request: Request, journey: Journey) -> list[str]:
    """Name where it begins and ends: as it was typed, else by the stops of its vehicles."""
    rides = [leg for leg in journey.legs if leg.line] or list(journey.legs)
    known = rides[0].start.name, rides[-1].end.name
    return [
        request.query_params.get(field, "").strip()[:LONGEST_NAME] or name
        for field, name in zip(("from", "to"), known, strict=True)
    ]


def _say_phase(found: Refreshed, speak: Words, network: Network) -> str:
    """Say when it leaves, or arrives."""
    zone, phase = network.manifest.zone, found.phase
    instant = (found.journey.departure if phase == "ahead" else full_minute(found.journey.arrival)).astimezone(zone)
    return speak(f"journey.phase.{phase}", day=speak.day(instant.date()), hour=speak.hour(instant))


def _say_change(change: Change, speak: Words) -> str:
    """Say how safe a change is."""
    spare = speak.lasting(timedelta(seconds=change.spare // MINUTE * MINUTE))
    time = spare if change.spare >= MINUTE else speak("journey.change.no_time")
    return speak(f"journey.change.{change.safety}", time=time)


def _say_missed(missed: Missed, speak: Words) -> str:
    """Say how one goes on."""
    if missed.journey is None or missed.later is None:
        return speak("journey.if_missed_never")
    leaves, there = missed.journey.departure, full_minute(missed.journey.arrival)
    said = {"leaves": speak.hour(leaves), "hour": speak.hour(there)}
    if missed.later < MINUTE:
        return speak("journey.if_missed_sooner", **said)
    return speak("journey.if_missed", **said, time=speak.lasting(timedelta(seconds=missed.later)))


def _hour_on(leg: Leg, journey: Journey, speak: Words) -> str:
    """Write when a ride leaves, with its day where it is another one than the journey's."""
    hour = speak.hour(leg.departure)
    day = leg.departure.date()
    return hour if day == journey.departure.date() else f"{hour} ({speak.day(day)})"


def _list_lines(journey: Journey) -> str:
    """Name the lines of a journey."""
    return ", ".join(leg.line.name for leg in journey.legs if leg.line)
