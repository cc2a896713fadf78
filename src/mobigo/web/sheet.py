"""The driver's sheet: what a vehicle does today, what to tell about it, also where there is no network.

The page works without scripts. With them a worker of the browser keeps the last sheet, and what the driver notes
without a network is kept and sent later, with the time at which it happened.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from pydantic import ValidationError
from sqlalchemy.orm import Session

from mobigo.accounts.model import Person, Role
from mobigo.db.session import Database, driver
from mobigo.kit.errors import MobigoError
from mobigo.kit.requests import Now
from mobigo.kit.turns import Turn
from mobigo.messages import service as messages
from mobigo.ondemand import booking_api, fleet_store, store
from mobigo.ondemand.availability_api import find_supply
from mobigo.ondemand.booking_answers import StateBody
from mobigo.ondemand.model import BookedLeg, Booking, Event, EventKind, State, Vehicle
from mobigo.ondemand.supply import Supply
from mobigo.web import words
from mobigo.web.desk import price_in
from mobigo.web.errors import STATUS
from mobigo.web.forms import Form
from mobigo.web.html import READ, page
from mobigo.web.offers import zone_of
from mobigo.web.signin import admit

router = APIRouter(prefix="/driver", include_in_schema=False)

Driver = Annotated[Person, Depends(admit(Role.DRIVER, Role.DISPATCHER, Role.DESK))]
CurrentSupply = Annotated[Supply, Depends(find_supply)]

STAFF = timedelta(days=31)
"""Before and after today that the staff may look at; drivers need to know of today and tomorrow."""

WORKER = "sheet-worker.js"
"""Script of ours that the browser runs beside the page."""

SHOWN = frozenset(State) - {State.QUOTED, State.HELD}
"""Of rides: held ones may never take place."""

MOVES: dict[EventKind, tuple[tuple[State, tuple[State, ...]], ...]] = {
    EventKind.PICKUP: (
        (State.EN_ROUTE, (State.CONFIRMED, State.ASSIGNED)),
        (State.ARRIVED, (State.CONFIRMED, State.ASSIGNED, State.EN_ROUTE)),
        (State.ON_BOARD, (State.CONFIRMED, State.ASSIGNED, State.EN_ROUTE, State.ARRIVED)),
        (State.NO_SHOW, (State.ARRIVED,)),
    ),
    EventKind.DROP_OFF: ((State.COMPLETED, (State.ON_BOARD,)),),
    EventKind.BREAK: (),
}
"""What a driver tells at a stop, and of rides in which state."""

EXTRAS = ("companions", "children", "wheelchairs", "luggage", "bicycles")
"""Of a party: what a driver prepares for."""


@dataclass(frozen=True)
class Stop:
    """A stop of the vehicle as the sheet shows it."""

    event: Event
    at: datetime
    """Planned."""
    earliest: datetime
    latest: datetime
    leg: BookedLeg | None
    booking: Booking | None

    @property
    def moves(self) -> tuple[tuple[State, tuple[State, ...]], ...]:
        """What can be told here."""
        return MOVES[self.event.kind]


@router.get("/worker.js")
def worker(request: Request) -> Response:
    """Answer with the script that keeps the sheet; it is in charge of this page alone."""
    asset = request.app.state.assets.files[request.app.state.assets.own(WORKER).removeprefix("/static/")]
    return Response(
        asset.body,
        media_type=asset.media_type,
        headers={"Service-Worker-Allowed": "/driver", "Cache-Control": "no-cache"},
    )


@router.api_route("", methods=READ)
def sheet(request: Request, person: Driver, supply: CurrentSupply, session: Database, now: Now) -> Response:
    """Show what a vehicle does on a day: today, unless another is asked for."""
    speak = words.choose(request)
    zone = zone_of(request)
    today = now.astimezone(zone).date()
    vehicles = _list_vehicles(supply, person)
    wanted = request.query_params.get("vehicle") or (vehicles[0].id if len(vehicles) == 1 else "")
    vehicle = next((one for one in vehicles if one.id == wanted), None)
    day = _read_day(request.query_params.get("day"), today, person)
    stops: list[Stop] = []
    told = []
    if vehicle is not None:
        stops = _list_stops(session, vehicle.id, day, now, zone)
        begins = datetime.combine(day, time(0), zone)
        told = messages.list_sheet(session, vehicle.id, begins, min(now, begins + timedelta(days=1)))
    answer = page(
        request,
        "sheet.html",
        speak,
        person=person,
        vehicles=vehicles,
        vehicle=vehicle,
        stops=stops,
        next=next((n for n, stop in enumerate(stops) if not stop.event.done), None),
        told=told,
        day=day,
        today=today,
        tomorrow=today + timedelta(days=1),
        now=now.astimezone(zone),
        zone=zone,
        price=price_in(speak),
        extras=EXTRAS,
        problem=request.query_params.get("problem", "")[:300],
        here=lambda **changes: f"/driver?{urlencode({'vehicle': wanted, **changes})}",
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer


@router.post("/moves")
def move(
    *, request: Request, person: Driver, supply: CurrentSupply, _turn: Turn, session: Database, now: Now, form: Form
) -> Response:
    """Note what has become of a ride: by a form of the page, or by its script, which asks for JSON."""
    scripted = "application/json" in request.headers.get("accept", "")
    asked = booking_api.Asked(
        request=request,
        response=Response(),
        session=session,
        supply=supply,
        person=person,
        now=now,
        key=f"sheet-{form.get('key')}" if form.get("key") else None,
    )
    try:
        body = StateBody.model_validate({"state": form.get("state"), "at": form.get("at") or None})
        booking_api.move(once=asked, guard=person, leg_id=form.get("leg"), body=body)
    except (MobigoError, ValidationError) as error:
        said = str(error) if isinstance(error, MobigoError) else "the state or the time cannot be read"
        if scripted:
            status = next((s for kind, s in STATUS.items() if isinstance(error, kind)), 422)
            return JSONResponse({"detail": said}, status)
        return RedirectResponse(f"/driver?{urlencode({'vehicle': form.get('vehicle'), 'problem': said})}", 303)
    if scripted:
        return JSONResponse({"state": body.state})
    return RedirectResponse(f"/driver?{urlencode({'vehicle': form.get('vehicle')})}#{form.get('anchor')}", 303)


def _list_vehicles(supply: Supply, person: Person) -> list[Vehicle]:
    """List the vehicles that somebody drives; those of the staff are all."""
    vehicles = sorted(supply.fleet.vehicles.values(), key=lambda one: one.name)
    if person.role is not Role.DRIVER:
        return vehicles
    return [one for one in vehicles if person.user == one.id or person.user in one.drivers]


def _list_stops(session: Session, vehicle: str, day: date, now: datetime, zone: tzinfo) -> list[Stop]:
    """List the stops of a vehicle on a day; on the present one also of a run since yesterday that goes on."""
    connection = driver(session)
    runs = fleet_store.list_runs(connection, vehicle=vehicle, day=day)
    if day == now.astimezone(zone).date():
        before = fleet_store.list_runs(connection, vehicle=vehicle, day=day - timedelta(days=1))
        runs = [*(run for run in before if run.end > now.timestamp()), *runs]
    legs = {leg.id: leg for leg in store.list_legs_of_runs(connection, [run.id for run in runs])}
    bookings = {id_: store.get_booking(connection, id_) for id_ in {leg.booking for leg in legs.values()}}
    return [stop for run in runs for event in run.events if (stop := _stop(event, legs, bookings, zone)) is not None]


def _stop(event: Event, legs: dict[str, BookedLeg], bookings: dict[str, Booking], zone: tzinfo) -> Stop | None:
    leg = legs.get(event.leg or "")
    if event.leg is not None and (leg is None or leg.state not in SHOWN):
        return None
    at, earliest, latest = (
        datetime.fromtimestamp(second, zone) for second in (event.arrival, event.earliest, event.latest)
    )
    return Stop(event, at, earliest, latest, leg, bookings.get(leg.booking) if leg else None)


def _read_day(text: str | None, today: date, person: Person) -> date:
    """Read a day that somebody may look at; today where it is none."""
    first, last = (today, today + timedelta(days=1)) if person.role is Role.DRIVER else (today - STAFF, today + STAFF)
    try:
        day = date.fromisoformat(text) if text else today
    except ValueError:
        return today
    return day if first <= day <= last else today
