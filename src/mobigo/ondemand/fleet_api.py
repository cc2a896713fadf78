"""HTTP: operators, vehicles, and the runs of a day with the rides on them; written and moved by the staff."""

from datetime import UTC, date, datetime
from typing import Annotated, Literal, get_args
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from mobigo.accounts.api import require
from mobigo.accounts.model import Person, Role
from mobigo.db.session import Database, driver
from mobigo.kit.errors import Forbidden
from mobigo.kit.geo import Point
from mobigo.kit.parameters import Day
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now
from mobigo.kit.turns import Turn
from mobigo.ondemand import fleet_service, fleet_store, store
from mobigo.ondemand.availability_api import find_supply
from mobigo.ondemand.fleet import Fleet
from mobigo.ondemand.fleet_service import Author, Staffing
from mobigo.ondemand.fleet_store import Stored
from mobigo.ondemand.model import (
    LOADS,
    BookedLeg,
    Capacity,
    Event,
    EventKind,
    Load,
    Operator,
    Run,
    Shift,
    State,
    Vehicle,
)

router = APIRouter(prefix="/v1/ondemand", tags=["on demand"])

Reader = Annotated[Person, Depends(require(Role.DISPATCHER, Role.DESK))]
Writer = Annotated[Person, Depends(require(Role.DISPATCHER))]
Driver = Annotated[Person, Depends(require(Role.DISPATCHER, Role.DESK, Role.DRIVER))]

ID = r"^[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,58}[A-Za-z0-9])?$"
TEXT = r"^[^\x00-\x1f\x7f]+$"
PHONE = r"^\+?[0-9][0-9 .()/-]{2,29}$"
EMAIL = r"^[^\s@\x00-\x1f\x7f]{1,100}@[^\s@\x00-\x1f\x7f]{1,100}$"
CLOCK = r"^(?:[0-3][0-9]|4[0-7]):[0-5][0-9]$|^48:00$"
"""Time of a day; the next day's 02:00 is 26:00."""

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]

DAYS: tuple[Weekday, ...] = get_args(Weekday)

Text = Annotated[str, Field(min_length=1, max_length=100, pattern=TEXT)]
Id = Annotated[str, Path(max_length=60, pattern=ID)]
RunId = Annotated[int, Path(ge=1, le=2**53, description="Number of a run that somebody is booked on")]
Seen = Annotated[
    int | None,
    Query(
        alias="revision",
        ge=1,
        le=2**31 - 1,
        description="The revision you read: when somebody changed it since, yours is refused",
    ),
]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


# ── operators ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class OperatorBody(_Body):
    """Who runs vehicles."""

    name: Text = Field(examples=["Taxis de l'Auxois"])
    phone: Annotated[str, Field(pattern=PHONE)] | None = Field(None, examples=["03 80 00 00 00"])
    email: Annotated[str, Field(pattern=EMAIL)] | None = None
    taxi_phone: Annotated[str, Field(pattern=PHONE)] | None = Field(
        None, description="Who is called where a promise can be kept no other way"
    )
    timezone: Text = Field("Europe/Paris", description="Of the shifts of its vehicles")


class NewOperatorBody(OperatorBody):
    """A new operator."""

    id: Annotated[str, Field(pattern=ID)] = Field(examples=["auxois"])


class OperatorAnswer(NewOperatorBody):
    """An operator as it is now."""

    revision: int = Field(description="Counts its changes; give it back when you change it")
    written_by: str
    written_at: datetime


class OperatorsAnswer(BaseModel):
    """All operators, by id."""

    operators: list[OperatorAnswer]


@router.get("/operators", responses=problems(401, 403))
def list_ondemand_operators(*, session: Database, person: Reader) -> OperatorsAnswer:  # noqa: ARG001 - only guards
    """List who runs vehicles."""
    found = fleet_store.list_stored_operators(driver(session))
    return OperatorsAnswer(operators=[_operator(one) for one in found])


@router.post("/operators", status_code=201, responses=problems(400, 401, 403, 409, 422))
def add_operator(*, _turn: Turn, session: Database, now: Now, person: Writer, body: NewOperatorBody) -> OperatorAnswer:
    """Write a new operator."""
    operator = Operator(**body.model_dump())
    return _operator(fleet_service.add_operator(driver(session), operator, Author(person.user, now)))


@router.get("/operators/{id}", responses=problems(401, 403, 404, 422))
def get_ondemand_operator(
    *,
    session: Database,
    person: Reader,  # noqa: ARG001 - only guards
    id: Id,  # noqa: A002 - the path's own name
) -> OperatorAnswer:
    """Read one operator."""
    return _operator(fleet_service.get_operator(driver(session), id))


@router.put("/operators/{id}", responses=problems(400, 401, 403, 404, 409, 422))
def change_operator(
    *,
    _turn: Turn,
    session: Database,
    now: Now,
    person: Writer,
    id: Id,  # noqa: A002 - the path's own name
    body: OperatorBody,
    seen: Seen = None,
) -> OperatorAnswer:
    """Write a known operator anew."""
    operator = Operator(id=id, **body.model_dump())
    return _operator(fleet_service.change_operator(driver(session), operator, Author(person.user, now, seen)))


@router.delete("/operators/{id}", status_code=204, responses=problems(401, 403, 404, 409, 422))
def remove_operator(
    *,
    _turn: Turn,
    session: Database,
    now: Now,
    person: Writer,
    id: Id,  # noqa: A002 - the path's own name
    seen: Seen = None,
) -> Response:
    """Remove an operator that has no vehicles and never had a ride."""
    fleet_service.remove_operator(driver(session), id, Author(person.user, now, seen))
    return Response(status_code=204)


def _operator(stored: Stored[Operator]) -> OperatorAnswer:
    one = stored.value
    return OperatorAnswer(
        id=one.id,
        name=one.name,
        phone=one.phone,
        email=one.email,
        taxi_phone=one.taxi_phone,
        timezone=one.timezone,
        revision=stored.revision,
        written_by=stored.written_by,
        written_at=stored.written_at,
    )


# ── vehicles ──────────────────────────────────────────────────────────────────────────────────────────────────────────

Count = Annotated[int, Field(ge=0, le=200)]


class CapacityBody(_Body):
    """What fits into a vehicle."""

    seats: Count = Field(description="Of passengers, the driver's not counted", examples=[8])
    wheelchairs: Count = 0
    luggage: Count = 0
    bicycles: Count = 0
    child_seats: Count = 0
    seats_per_wheelchair: Count = Field(0, description="Seats that each wheelchair takes away (folded seats)")
    luggage_on_seats: bool = Field(default=False, description="Luggage beyond its room may lie on free seats")
    child_seats_on_seats: bool = Field(default=True, description="A child seat stands on a seat and takes it")


class PointBody(_Body):
    """A place."""

    lat: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)] = Field(examples=[47.4906])
    lon: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)] = Field(examples=[4.3347])


class BreakBody(_Body):
    """A break of the driver."""

    start: Annotated[str, Field(pattern=CLOCK)] = Field(description="Not before", examples=["11:30"])
    end: Annotated[str, Field(pattern=CLOCK)] = Field(description="Over by then", examples=["14:00"])
    minutes: Annotated[int, Field(ge=1, le=1440)] = Field(examples=[45])


class ShiftBody(_Body):
    """When a vehicle works, every week or between two days; local times, the next day's 02:00 is 26:00."""

    weekdays: Annotated[list[Weekday], Field(min_length=1, max_length=7)]
    start: Annotated[str, Field(pattern=CLOCK)] = Field(
        description="It leaves its depot not before", examples=["06:00"]
    )
    end: Annotated[str, Field(pattern=CLOCK)] = Field(description="It is back at its depot by then", examples=["20:00"])
    breaks: Annotated[list[BreakBody], Field(max_length=10)] = Field(default_factory=list)
    first: Day | None = None
    last: Day | None = None


class VehicleBody(_Body):
    """A vehicle and its driver."""

    operator: Annotated[str, Field(pattern=ID)] = Field(examples=["auxois"])
    name: Text = Field(examples=["Minibus 1"])
    capacity: CapacityBody
    depot: PointBody = Field(description="Where its runs begin and end")
    services: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=262, pattern=TEXT)]], Field(max_length=200)
    ] = Field(description="Ids of the services it may work for", examples=[["mobigo:TAD"]])
    shifts: Annotated[list[ShiftBody], Field(max_length=50)]
    drivers: Annotated[list[Text], Field(max_length=50)] = Field(
        default_factory=list, description="Users of the tokens of those who drive it, besides the vehicle's own id"
    )
    active: bool = Field(default=True, description="False: out of service; it gets no rides")


class NewVehicleBody(VehicleBody):
    """A new vehicle."""

    id: Annotated[str, Field(pattern=ID)] = Field(examples=["minibus-1"])


class VehicleAnswer(NewVehicleBody):
    """A vehicle as it is now."""

    unknown_services: list[str] = Field(description="Of its services, those that do not exist (yet)")
    revision: int = Field(description="Counts its changes; give it back when you change it")
    written_by: str
    written_at: datetime


class VehiclesAnswer(BaseModel):
    """Vehicles, by id."""

    vehicles: list[VehicleAnswer]


@router.get("/vehicles", responses=problems(401, 403, 422, 503))
def list_ondemand_vehicles(
    *,
    request: Request,
    session: Database,
    person: Reader,  # noqa: ARG001 - only guards
    operator: Annotated[str | None, Query(max_length=60, description="Only this operator's")] = None,
    service: Annotated[str | None, Query(max_length=262, description="Only those that work for this service")] = None,
) -> VehiclesAnswer:
    """List the vehicles, those out of service too."""
    known = set(find_supply(request).catalogue.services)
    found = fleet_store.list_stored_vehicles(driver(session))
    return VehiclesAnswer(
        vehicles=[
            _vehicle(one, known)
            for one in found
            if operator in {None, one.value.operator} and (service is None or service in one.value.services)
        ]
    )


@router.post("/vehicles", status_code=201, responses=problems(400, 401, 403, 404, 409, 422, 503))
def add_vehicle(
    *, request: Request, _turn: Turn, session: Database, now: Now, person: Writer, body: NewVehicleBody
) -> VehicleAnswer:
    """Write a new vehicle; it may be booked from then on."""
    known = set(find_supply(request).catalogue.services)
    written = fleet_service.add_vehicle(driver(session), _read_vehicle(body.id, body), Author(person.user, now))
    return _vehicle(written, known)


@router.get("/vehicles/{id}", responses=problems(401, 403, 404, 422, 503))
def get_ondemand_vehicle(
    *,
    request: Request,
    session: Database,
    person: Reader,  # noqa: ARG001 - only guards
    id: Id,  # noqa: A002 - the path's own name
) -> VehicleAnswer:
    """Read one vehicle."""
    known = set(find_supply(request).catalogue.services)
    return _vehicle(fleet_service.get_vehicle(driver(session), id), known)


@router.put("/vehicles/{id}", responses=problems(400, 401, 403, 404, 409, 422, 503))
def change_vehicle(
    *,
    request: Request,
    _turn: Turn,
    session: Database,
    now: Now,
    person: Writer,
    id: Id,  # noqa: A002 - the path's own name
    body: VehicleBody,
    seen: Seen = None,
) -> VehicleAnswer:
    """Write a known vehicle anew; refused where it could not keep what it has promised."""
    supply = find_supply(request)
    author = Author(person.user, now, seen)
    written = fleet_service.change_vehicle(driver(session), _read_vehicle(id, body), supply.drives, author)
    return _vehicle(written, set(supply.catalogue.services))


@router.delete("/vehicles/{id}", status_code=204, responses=problems(401, 403, 404, 409, 422))
def remove_vehicle(
    *,
    _turn: Turn,
    session: Database,
    now: Now,
    person: Writer,
    id: Id,  # noqa: A002 - the path's own name
    seen: Seen = None,
) -> Response:
    """Remove a vehicle that nobody was ever booked on."""
    fleet_service.remove_vehicle(driver(session), id, Author(person.user, now, seen))
    return Response(status_code=204)


def _read_vehicle(id_: str, body: VehicleBody) -> Vehicle:
    room = body.capacity
    return Vehicle(
        id=id_,
        operator=body.operator,
        name=body.name,
        capacity=Capacity(
            (room.seats, room.wheelchairs, room.luggage, room.bicycles, room.child_seats),
            room.seats_per_wheelchair,
            room.luggage_on_seats,
            room.child_seats_on_seats,
        ),
        depot=Point(body.depot.lon, body.depot.lat),
        services=tuple(dict.fromkeys(body.services)),
        shifts=tuple(_read_shift(one) for one in body.shifts),
        active=body.active,
        drivers=tuple(dict.fromkeys(body.drivers)),
    )


def _read_shift(body: ShiftBody) -> Shift:
    return Shift(
        weekdays=tuple(day in body.weekdays for day in DAYS),
        start=_seconds(body.start),
        end=_seconds(body.end),
        breaks=tuple((_seconds(one.start), _seconds(one.end), 60 * one.minutes) for one in body.breaks),
        first=body.first,
        last=body.last,
    )


def _seconds(clock: str) -> int:
    hours, minutes = clock.split(":")
    return 3600 * int(hours) + 60 * int(minutes)


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds % 3600 // 60:02}"


def _vehicle(stored: Stored[Vehicle], known: set[str]) -> VehicleAnswer:
    one = stored.value
    return VehicleAnswer(
        id=one.id,
        operator=one.operator,
        name=one.name,
        capacity=_capacity(one.capacity),
        depot=PointBody(lat=one.depot.lat, lon=one.depot.lon),
        services=list(one.services),
        unknown_services=[service for service in one.services if service not in known],
        shifts=[_shift(shift) for shift in one.shifts],
        drivers=list(one.drivers),
        active=one.active,
        revision=stored.revision,
        written_by=stored.written_by,
        written_at=stored.written_at,
    )


def _capacity(one: Capacity) -> CapacityBody:
    return CapacityBody(
        **dict(zip(LOADS, one.room, strict=True)),
        seats_per_wheelchair=one.seats_per_wheelchair,
        luggage_on_seats=one.luggage_on_seats,
        child_seats_on_seats=one.child_seats_on_seats,
    )


def _shift(one: Shift) -> ShiftBody:
    return ShiftBody(
        weekdays=[day for day, works in zip(DAYS, one.weekdays, strict=True) if works],
        start=_clock(one.start),
        end=_clock(one.end),
        breaks=[
            BreakBody(start=_clock(opens), end=_clock(closes), minutes=seconds // 60)
            for opens, closes, seconds in one.breaks
        ],
        first=one.first,
        last=one.last,
    )


# ── runs ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


class LoadAnswer(BaseModel):
    """What somebody takes of a vehicle, or what is in it."""

    seats: int
    wheelchairs: int
    luggage: int
    bicycles: int
    child_seats: int


class StopAnswer(BaseModel):
    """A stop of a run."""

    kind: EventKind
    name: str
    lat: float
    lon: float
    stop_id: str | None
    leg_id: str | None = Field(description="Null for a break")
    booking_id: str | None
    state: State | None = Field(description="What has become of the ride")
    earliest: datetime
    latest: datetime = Field(description="Promised: the vehicle is there by then; a break begins by then")
    arrival: datetime = Field(description="Planned: service begins")
    departure: datetime = Field(description="Planned")
    load: LoadAnswer = Field(description="What gets on; negative: off")
    aboard: LoadAnswer = Field(description="What is in the vehicle after it")
    done: bool
    locked: bool = Field(description="The staff tied the ride to this vehicle")


class RunAnswer(BaseModel):
    """A vehicle's work of one shift."""

    id: int | None = Field(description="Null as long as nobody is booked on it")
    vehicle_id: str
    operator: str
    services: list[str]
    capacity: CapacityBody
    depot: PointBody
    day: date
    start: datetime
    end: datetime
    rides: int = Field(description="Rides on it that are to come or under way")
    revision: int
    stops: list[StopAnswer]


class RunsAnswer(BaseModel):
    """Runs of a day, by operator and vehicle."""

    day: date
    runs: list[RunAnswer]


@router.get("/runs", responses=problems(401, 403, 404, 422, 503))
def list_ondemand_runs(
    *,
    request: Request,
    session: Database,
    now: Now,
    person: Driver,
    day: Annotated[Day | None, Query(description="Service day, as 2026-11-23; default today")] = None,
    operator: Annotated[str | None, Query(max_length=60, description="Only this operator's")] = None,
    vehicle: Annotated[str | None, Query(max_length=60, description="Only this vehicle's; a driver names it")] = None,
) -> RunsAnswer:
    """List what vehicles do on a day: each shift, its stops in order, promised and planned times."""
    supply = find_supply(request)
    connection = driver(session)
    fleet = fleet_store.read_fleet(connection, supply.fleet)
    _check_driver(person, fleet.vehicles.get(vehicle or ""))
    asked = day or now.astimezone(_zone(fleet, operator)).date()
    runs = fleet_service.list_day(fleet, asked, operator, vehicle)
    legs = {leg.id: leg for leg in store.list_legs_of_runs(connection, [run.id for run in runs if run.id > 0])}
    return RunsAnswer(day=asked, runs=[_run(run, legs) for run in runs])


@router.get("/runs/{id:int}", responses=problems(401, 403, 404, 422))
def get_ondemand_run(
    *,
    session: Database,
    person: Driver,
    id: RunId,  # noqa: A002 - the path's own name
) -> RunAnswer:
    """Read one run."""
    connection = driver(session)
    run = fleet_store.find_run(connection, id)
    if run is None:
        raise fleet_service.unknown_run(id)
    _check_driver(person, fleet_service.get_vehicle(connection, run.vehicle).value)
    legs = {leg.id: leg for leg in store.list_legs_of_runs(connection, [id])}
    return _run(run, legs)


def _zone(fleet: Fleet, operator: str | None) -> ZoneInfo:
    """Return the time zone of an operator, of any where none is named."""
    found = [one for id_, one in sorted(fleet.operators.items()) if operator in {None, id_}]
    return ZoneInfo(found[0].timezone if found else "UTC")


def _check_driver(person: Person, vehicle: Vehicle | None) -> None:
    """Let a driver see only what they drive."""
    if person.role is not Role.DRIVER:
        return
    if vehicle is None or person.user not in {vehicle.id, *vehicle.drivers}:
        raise Forbidden(f"{person.user} sees only the runs of a vehicle they drive; name it", code="not_your_vehicle")


def _run(run: Run, legs: dict[str, BookedLeg]) -> RunAnswer:
    aboard: Load = (0, 0, 0, 0, 0)
    stops = []
    for one in run.events:
        seats, wheelchairs, luggage, bicycles, child_seats = (a + b for a, b in zip(aboard, one.load, strict=True))
        aboard = seats, wheelchairs, luggage, bicycles, child_seats
        stops.append(_stop(one, aboard, legs.get(one.leg or ""), run))
    return RunAnswer(
        id=run.id if run.id > 0 else None,
        vehicle_id=run.vehicle,
        operator=run.operator,
        services=list(run.services),
        capacity=_capacity(run.capacity),
        depot=PointBody(lat=run.depot.lat, lon=run.depot.lon),
        day=run.day,
        start=_moment(run.start),
        end=_moment(run.end),
        rides=len({one.leg for one in run.events if one.leg is not None and not one.done}),
        revision=run.revision,
        stops=stops,
    )


def _stop(one: Event, aboard: Load, leg: BookedLeg | None, run: Run) -> StopAnswer:
    return StopAnswer(
        kind=one.kind,
        name=one.spot.name,
        lat=one.spot.point.lat,
        lon=one.spot.point.lon,
        stop_id=one.spot.stop_id,
        leg_id=one.leg,
        booking_id=leg.booking if leg else None,
        state=leg.state if leg else None,
        earliest=_moment(one.earliest),
        latest=_moment(one.latest),
        arrival=_moment(one.arrival),
        departure=_moment(one.departure),
        load=LoadAnswer(**dict(zip(LOADS, one.load, strict=True))),
        aboard=LoadAnswer(**dict(zip(LOADS, aboard, strict=True))),
        done=one.done,
        locked=one.leg in run.locked,
    )


def _moment(instant: int) -> datetime:
    return datetime.fromtimestamp(instant, UTC)


# ── rides moved by hand ───────────────────────────────────────────────────────────────────────────────────────────────

LegId = Annotated[str, Field(min_length=1, max_length=100, pattern=TEXT)]


class PositionsBody(_Body):
    """Where in the new order of the run the ends of a ride come; the first stop is 0."""

    pickup: Annotated[int, Field(ge=0, le=10_000)]
    drop_off: Annotated[int, Field(ge=1, le=10_001)]


class MoveBody(_Body):
    """Which ride goes where."""

    leg_id: LegId
    vehicle_id: Annotated[str, Field(pattern=ID)] | None = Field(
        None, description="Null: whichever other vehicle takes it at least cost; with `positions`, the one it is on"
    )
    positions: PositionsBody | None = Field(None, description="Null: where they cost least")
    lock: bool | None = Field(None, description="Whether re-optimisation shall leave it there; null: as it was")


class MovedAnswer(BaseModel):
    """A ride where it now is."""

    leg_id: str
    booking_id: str
    from_run: int
    from_vehicle: str
    run: int
    vehicle_id: str
    planned_pickup: datetime
    planned_arrival: datetime
    locked: bool


class LockBody(_Body):
    """Which rides stay where they are."""

    leg_ids: Annotated[list[LegId], Field(min_length=1, max_length=200)]
    locked: bool = True


class LockedAnswer(BaseModel):
    """What came of it."""

    changed: list[str] = Field(description="Rides that were not so before")


class LeftAnswer(BaseModel):
    """A ride that no other vehicle can take."""

    leg_id: str
    booking_id: str
    why: str


class ReleasedAnswer(BaseModel):
    """What became of the rides of a vehicle that cannot drive them."""

    moved: list[MovedAnswer]
    left: list[LeftAnswer] = Field(description="They are still on it: cancel them, or call a taxi")


@router.post("/runs/move", responses=problems(400, 401, 403, 404, 409, 422, 503))
def move_ride(
    *, request: Request, _turn: Turn, session: Database, now: Now, person: Writer, body: MoveBody
) -> MovedAnswer:
    """Give a ride to another vehicle, or another place in the order of its own.

    Where a promise would break it is refused, with the reason, and nothing is changed.
    """
    staffing = Staffing(session, find_supply(request), person.user, now)
    positions = (body.positions.pickup, body.positions.drop_off) if body.positions else None
    return _moved(staffing.move(body.leg_id, body.vehicle_id, positions=positions, lock=body.lock))


@router.post("/runs/lock", responses=problems(400, 401, 403, 404, 409, 422, 503))
def lock_rides(
    *, request: Request, _turn: Turn, session: Database, now: Now, person: Writer, body: LockBody
) -> LockedAnswer:
    """Tie rides to the vehicle they are on, so that re-optimisation leaves them; or let it have them again."""
    staffing = Staffing(session, find_supply(request), person.user, now)
    return LockedAnswer(changed=staffing.lock(body.leg_ids, locked=body.locked))


@router.post("/runs/{id:int}/release", responses=problems(401, 403, 404, 409, 422, 503))
def release_run(
    *,
    request: Request,
    _turn: Turn,
    session: Database,
    now: Now,
    person: Writer,
    id: RunId,  # noqa: A002 - the path's own name
) -> ReleasedAnswer:
    """Give all rides of a run that have not begun to other vehicles, as far as they can take them: it broke down."""
    moved, left = Staffing(session, find_supply(request), person.user, now).release(id)
    return ReleasedAnswer(
        moved=[_moved(one) for one in moved],
        left=[LeftAnswer(leg_id=one.leg, booking_id=one.booking, why=one.why) for one in left],
    )


def _moved(one: fleet_service.Moved) -> MovedAnswer:
    return MovedAnswer(
        leg_id=one.leg,
        booking_id=one.booking,
        from_run=one.from_run,
        from_vehicle=one.from_vehicle,
        run=one.run,
        vehicle_id=one.vehicle,
        planned_pickup=_moment(one.pickup_at),
        planned_arrival=_moment(one.drop_off_at),
        locked=one.locked,
    )
