"""What the staff does with operators, vehicles and the rides on them: write, move, lock, take off.

A vehicle that changes keeps what it has promised: the runs on which somebody is booked are laid out anew for the shift,
the room and the depot it now has, and where one cannot be kept the change is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, available_timezones

from mobigo.db.session import driver
from mobigo.kit.errors import Conflict, NotFound, Refused
from mobigo.messages import webhooks
from mobigo.ondemand import dispatch, fleet_store, store
from mobigo.ondemand.dispatch import Fault, Reason, Refusal, Rule
from mobigo.ondemand.fleet import DAY, LONGEST_DAY, lay_shifts
from mobigo.ondemand.model import Ask, EventKind, State
from mobigo.ondemand.places import Places, span_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import date

    from psycopg import Connection
    from sqlalchemy.orm import Session

    from mobigo.ondemand.fleet import Fleet, Times
    from mobigo.ondemand.fleet_store import Stored
    from mobigo.ondemand.model import BookedLeg, Event, Operator, Run, Shift, Vehicle
    from mobigo.ondemand.supply import Supply

MOVABLE = frozenset({State.HELD, State.CONFIRMED, State.ASSIGNED, State.EN_ROUTE})
"""States in which the staff may give a ride to another vehicle: nobody waits beside this one yet."""

WEEK = 7


@dataclass(frozen=True)
class Author:
    """Who changes something, when, and which revision they read before; None: whichever."""

    user: str
    now: datetime
    seen: int | None = None


# ── operators ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def get_operator(connection: Connection[Any], id_: str) -> Stored[Operator]:
    """Return an operator.

    Raises
    ------
    NotFound
        ``unknown_operator``.
    """
    for one in fleet_store.list_stored_operators(connection):
        if one.value.id == id_:
            return one
    raise NotFound(f"no operator {id_!r}; GET /v1/ondemand/operators lists them", code="unknown_operator")


def add_operator(connection: Connection[Any], operator: Operator, author: Author) -> Stored[Operator]:
    """Write a new operator.

    Raises
    ------
    Conflict
        ``operator_exists``.
    Refused
        ``bad_timezone``.
    """
    fleet_store.lock_operators(connection, [operator.id])
    if any(one.value.id == operator.id for one in fleet_store.list_stored_operators(connection)):
        raise Conflict(
            f"there is an operator {operator.id!r} already; change it with PUT, or choose another id",
            code="operator_exists",
        )
    _check_timezone(operator)
    return fleet_store.write_operator(connection, operator, by=author.user, now=author.now)


def change_operator(connection: Connection[Any], operator: Operator, author: Author) -> Stored[Operator]:
    """Write a known operator anew.

    Raises
    ------
    NotFound, Conflict, Refused
        ``unknown_operator``, ``changed_meanwhile``, ``bad_timezone``; ``operator_in_use`` where the hours of runs that
        somebody is booked on would move with the time zone.
    """
    fleet_store.lock_operators(connection, [operator.id])
    known = get_operator(connection, operator.id)
    _check_seen(f"operator {operator.id}", known.revision, author)
    _check_timezone(operator)
    if known.value.timezone != operator.timezone and fleet_store.has_rides(connection, operator=operator.id):
        raise Conflict(
            f"rides are booked with {operator.id} in the time of {known.value.timezone}; its time zone stays",
            code="operator_in_use",
        )
    return fleet_store.write_operator(connection, operator, by=author.user, now=author.now)


def remove_operator(connection: Connection[Any], id_: str, author: Author) -> None:
    """Forget an operator without vehicles and rides.

    Raises
    ------
    NotFound, Conflict
        ``unknown_operator``, ``changed_meanwhile``, ``operator_in_use``.
    """
    fleet_store.lock_operators(connection, [id_])
    known = get_operator(connection, id_)
    _check_seen(f"operator {id_}", known.revision, author)
    vehicles = [one.id for one in fleet_store.list_vehicles(connection) if one.operator == id_]
    if vehicles or fleet_store.has_rides(connection, operator=id_):
        what = f"has {len(vehicles)} vehicles" if vehicles else "has rides on record"
        raise Conflict(f"operator {id_} {what}, and stays", code="operator_in_use")
    fleet_store.remove_operator(connection, id_)


def _check_timezone(operator: Operator) -> None:
    if operator.timezone not in available_timezones():
        raise Refused(f"{operator.timezone!r} is no time zone; write it like Europe/Paris", code="bad_timezone")


def _check_seen(what: str, revision: int, author: Author) -> None:
    if author.seen is not None and author.seen != revision:
        raise Conflict(
            f"{what} was changed meanwhile: it is at revision {revision}, you read {author.seen}; read it again",
            code="changed_meanwhile",
        )


# ── vehicles ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def get_vehicle(connection: Connection[Any], id_: str) -> Stored[Vehicle]:
    """Return a vehicle.

    Raises
    ------
    NotFound
        ``unknown_vehicle``.
    """
    for one in fleet_store.list_stored_vehicles(connection):
        if one.value.id == id_:
            return one
    raise NotFound(f"no vehicle {id_!r}; GET /v1/ondemand/vehicles lists them", code="unknown_vehicle")


def add_vehicle(connection: Connection[Any], vehicle: Vehicle, author: Author) -> Stored[Vehicle]:
    """Write a new vehicle.

    Raises
    ------
    NotFound, Conflict, Refused
        ``unknown_operator``, ``vehicle_exists``, ``no_capacity``, ``bad_shift``.
    """
    fleet_store.lock_operators(connection, [vehicle.operator])
    if any(one.value.id == vehicle.id for one in fleet_store.list_stored_vehicles(connection)):
        raise Conflict(
            f"there is a vehicle {vehicle.id!r} already; change it with PUT, or choose another id",
            code="vehicle_exists",
        )
    get_operator(connection, vehicle.operator)
    check_vehicle(vehicle)
    return fleet_store.write_vehicle(connection, vehicle, by=author.user, now=author.now)


def change_vehicle(connection: Connection[Any], vehicle: Vehicle, drives: Times, author: Author) -> Stored[Vehicle]:
    """Write a known vehicle anew; its runs to come change with it.

    Raises
    ------
    NotFound, Conflict, Refused
        ``unknown_vehicle``, ``unknown_operator``, ``changed_meanwhile``, ``no_capacity``, ``bad_shift``;
        ``vehicle_booked`` where a promise could not be kept any more.
    """
    before = get_vehicle(connection, vehicle.id)
    fleet_store.lock_operators(connection, {before.value.operator, vehicle.operator})
    before = get_vehicle(connection, vehicle.id)
    _check_seen(f"vehicle {vehicle.id}", before.revision, author)
    operator = get_operator(connection, vehicle.operator).value
    check_vehicle(vehicle)
    second = int(author.now.timestamp())
    runs = [run for run in fleet_store.list_runs(connection, vehicle=vehicle.id) if run.end > second]
    booked = [run for run in runs if _rides(run)]
    if booked and before.value.operator != vehicle.operator:
        raise _booked(vehicle, booked[0], "it cannot go to another operator with them")
    ridden = fleet_store.find_ridden(connection, [run.id for run in runs])
    changed = [_refit(run, vehicle, operator.timezone, drives, second) for run in runs if run.id in ridden]
    written = fleet_store.write_vehicle(connection, vehicle, by=author.user, now=author.now)
    fleet_store.remove_runs(connection, [run.id for run in runs if run.id not in ridden])
    if changed:
        fleet_store.write_runs(connection, changed)
    return written


def _rides(run: Run) -> list[str]:
    """List the rides on a run that are not over."""
    return sorted({one.leg for one in run.events if one.leg is not None and not one.done})


def _refit(run: Run, vehicle: Vehicle, timezone: str, drives: Times, now: int) -> Run:
    """Return a run with its rides as the changed vehicle drives them; one without gets no more if it cannot."""
    rides = _rides(run)
    if not vehicle.active and rides:
        raise _booked(vehicle, run, "take them off first, with POST /v1/ondemand/runs/ID/release")
    services = set(run.services) - set(vehicle.services) if rides else set()
    shift = next(
        (one for one in lay_shifts(vehicle, timezone, run.day) if one.start < run.end and run.start < one.end), None
    )
    if shift is None and rides:
        raise _booked(vehicle, run, "it would not work then")
    if shift is None:
        return replace(run, services=())
    if (shift.start, shift.end, shift.capacity, shift.depot) == (run.start, run.end, run.capacity, run.depot) and [
        (one.earliest, one.latest, one.dwell) for one in shift.events
    ] == [(one.earliest, one.latest, one.dwell) for one in run.events if one.kind is EventKind.BREAK]:
        return replace(run, services=tuple(dict.fromkeys([*vehicle.services, *sorted(services)])))
    kept = [one for one in run.events if one.leg is not None or one.done]
    refitted = replace(
        run,
        start=min(shift.start, run.start) if any(one.done for one in kept) else shift.start,
        end=shift.end,
        capacity=shift.capacity,
        depot=shift.depot,
        services=tuple(dict.fromkeys([*vehicle.services, *sorted(services)])),
        events=tuple(kept),
    )
    taken = {one.earliest for one in kept if one.kind is EventKind.BREAK}
    found = _put_breaks(refitted, [one for one in shift.events if one.earliest not in taken], drives, now)
    if found is None:
        fault = dispatch.find_fault(refitted, drives, now)
        why = tell(fault, refitted, timezone) if fault else "its breaks could not be taken"
        raise _booked(vehicle, run, why)
    return found


def _put_breaks(run: Run, breaks: Sequence[Event], drives: Times, now: int) -> Run | None:
    """Put breaks into a run, each at the first place where all promises are kept."""
    if not breaks:
        return dispatch.schedule(run, drives, now)
    for position in range(dispatch.count_frozen(run, drives, now), len(run.events) + 1):
        events = (*run.events[:position], breaks[0], *run.events[position:])
        if dispatch.schedule(replace(run, events=events), drives, now) is not None:
            found = _put_breaks(replace(run, events=events), breaks[1:], drives, now)
            if found is not None:
                return found
    return None


def _booked(vehicle: Vehicle, run: Run, why: str) -> Conflict:
    legs = _rides(run)
    return Conflict(
        f"vehicle {vehicle.id} has promised {len(legs)} rides on {run.day} ({', '.join(legs[:5])}): {why}",
        code="vehicle_booked",
    )


def remove_vehicle(connection: Connection[Any], id_: str, author: Author) -> None:
    """Forget a vehicle nobody was ever booked on.

    Raises
    ------
    NotFound, Conflict
        ``unknown_vehicle``, ``changed_meanwhile``, ``vehicle_booked``.
    """
    before = get_vehicle(connection, id_)
    fleet_store.lock_operators(connection, [before.value.operator])
    before = get_vehicle(connection, id_)
    _check_seen(f"vehicle {id_}", before.revision, author)
    if fleet_store.has_rides(connection, vehicle=id_):
        raise Conflict(
            f"rides of vehicle {id_} are on record; set `active` to false instead of removing it", code="vehicle_booked"
        )
    fleet_store.remove_vehicle(connection, id_)


def check_vehicle(vehicle: Vehicle) -> None:
    """Refuse a vehicle nobody fits into, and shifts that cannot be worked.

    Raises
    ------
    Refused
        ``no_capacity``, ``bad_shift``.
    """
    capacity = vehicle.capacity
    seats, wheelchairs = capacity.room[:2]
    if seats + wheelchairs == 0:
        raise Refused(
            f"vehicle {vehicle.id} has neither seats nor places for wheelchairs; give it one at least",
            code="no_capacity",
        )
    if wheelchairs and capacity.seats_per_wheelchair > seats:
        raise Refused(
            f"a wheelchair takes {capacity.seats_per_wheelchair} seats of vehicle {vehicle.id}, which has {seats};"
            " lower the one or raise the other",
            code="no_capacity",
        )
    for shift in vehicle.shifts:
        _check_shift(vehicle, shift)
    for k, one in enumerate(vehicle.shifts):
        for other in vehicle.shifts[k:]:
            _check_apart(vehicle, one, other)


def _check_shift(vehicle: Vehicle, shift: Shift) -> None:
    what = f"shift {_clock(shift.start)}-{_clock(shift.end)} of vehicle {vehicle.id}"
    if len(shift.weekdays) != WEEK or not any(shift.weekdays):
        raise Refused(f"{what} is on no day of the week; name one at least", code="bad_shift")
    if not 0 <= shift.start < shift.end <= LONGEST_DAY or shift.end - shift.start > DAY:
        raise Refused(
            f"{what} has to begin before it ends, within 24 hours; write the next day's 02:00 as 26:00",
            code="bad_shift",
        )
    if shift.first is not None and shift.last is not None and shift.first > shift.last:
        raise Refused(f"{what} begins to be valid on {shift.first}, after its last day {shift.last}", code="bad_shift")
    free = shift.start
    for opens, closes, seconds in sorted(shift.breaks):
        pause = f"the break {_clock(opens)}-{_clock(closes)} of {what}"
        if not (shift.start <= opens and closes <= shift.end and 0 < seconds <= closes - opens):
            raise Refused(
                f"{pause} of {seconds // 60} minutes does not fit into its hours, or these into the shift",
                code="bad_shift",
            )
        free = max(free, opens) + seconds
        if free > closes:
            raise Refused(f"{pause} cannot be over in time after the one before", code="bad_shift")


def _check_apart(vehicle: Vehicle, one: Shift, other: Shift) -> None:
    """Refuse two shifts of one vehicle, or one on two days, at the same time."""
    for days in range(-2, 3):
        if one is other and days == 0:
            continue
        shared = [day for day in range(WEEK) if one.weekdays[day] and other.weekdays[(day + days) % WEEK]]
        later = timedelta(days=days)
        ever = not (
            (one.last is not None and other.first is not None and one.last + later < other.first)
            or (one.first is not None and other.last is not None and one.first + later > other.last)
        )
        if shared and ever and one.start < other.end + days * DAY and other.start + days * DAY < one.end:
            raise Refused(
                f"vehicle {vehicle.id} has two shifts at once, {_clock(one.start)}-{_clock(one.end)} and"
                f" {_clock(other.start)}-{_clock(other.end)}; a vehicle works one at a time",
                code="bad_shift",
            )


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds % 3600 // 60:02}"


# ── rides ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Moved:
    """A ride where it now is."""

    leg: str
    booking: str
    from_run: int
    from_vehicle: str
    run: int
    vehicle: str
    pickup_at: int
    drop_off_at: int
    locked: bool


@dataclass(frozen=True)
class Left:
    """A ride that nobody else can take."""

    leg: str
    booking: str
    why: str


class Staffing:
    """What one member of the staff does to rides at one moment; the caller commits.

    Parameters
    ----------
    session : Session
    supply : Supply
        Services, drives, and the vehicles as they were known before.
    by : str
    now : datetime
    """

    def __init__(self, session: Session, supply: Supply, by: str, now: datetime) -> None:
        self.session = session
        self.connection = driver(session)
        self.supply = supply
        self.by = by
        self.now = now
        self._second = int(now.timestamp())

    def move(
        self, leg_id: str, vehicle: str | None, *, positions: tuple[int, int] | None = None, lock: bool | None = None
    ) -> Moved:
        """Give a ride to a vehicle, or to the best other one; or put it elsewhere in the order of its own.

        Parameters
        ----------
        vehicle : str, optional
            None: whichever other one takes it at least cost.
        positions : pair of int, optional
            Where in the new order of the vehicle's run its ends come; default where they cost least.
        lock : bool, optional
            Whether re-optimisation shall leave it there; default as it was.

        Raises
        ------
        NotFound
            ``unknown_ride``, ``unknown_vehicle``.
        Conflict
            ``cannot_be_moved``: with the reason; nothing is changed.
        """
        leg = self._open(leg_id)
        places = Places(self.session, self.supply, self.now, [span_of(leg)])
        leg = self._check_movable(leg_id)
        before = places.get_run(leg)
        moved = self._move(places, leg, vehicle, positions)
        tied = before.locked & {leg.id} if lock is None else ({leg.id} if lock else frozenset())
        run = places.fleet.find_run(moved)
        assert run is not None
        places.change(replace(run, locked=(run.locked - {leg.id}) | tied))
        numbers = places.save()
        after = self._note(leg, before, numbers[moved])
        self._announce({before.id, numbers[moved]})
        return after

    def lock(self, leg_ids: Collection[str], *, locked: bool) -> list[str]:
        """Tie rides to the vehicle they are on, or let re-optimisation have them again; return those that changed.

        Raises
        ------
        NotFound
            ``unknown_ride``.
        Conflict
            ``cannot_be_moved`` where a ride is over.
        """
        legs = [self._open(leg_id) for leg_id in sorted(set(leg_ids))]
        places = Places(self.session, self.supply, self.now, [span_of(leg) for leg in legs])
        changed = []
        for leg in legs:
            self._check_movable(leg.id)
            run = places.get_run(leg)
            if (leg.id in run.locked) != locked:
                places.change(replace(run, locked=run.locked ^ {leg.id}))
                changed.append(leg)
        places.save()
        for leg in changed:
            store.note(
                self.connection, leg.booking, leg.id, at=self.now, what="locked" if locked else "unlocked", by=self.by
            )
        return [leg.id for leg in changed]

    def release(self, run_id: int) -> tuple[list[Moved], list[Left]]:
        """Take all rides that have not begun off a run, as far as other vehicles can take them.

        Raises
        ------
        NotFound
            ``unknown_run``.
        """
        run = fleet_store.find_run(self.connection, run_id)
        if run is None:
            raise unknown_run(run_id)
        begun = {one.leg for one in run.events if one.done}
        waiting = [one.leg for one in run.events if one.kind is EventKind.PICKUP and one.leg not in begun]
        legs = [self._open(leg) for leg in sorted(one for one in waiting if one is not None)]
        places = Places(self.session, self.supply, self.now, [span_of(leg) for leg in legs])
        taken: list[tuple[BookedLeg, int]] = []
        left: list[Left] = []
        for leg in sorted(legs, key=lambda one: one.offer.pickup):
            try:
                current = self._check_movable(leg.id)
                if current.run == run_id:
                    taken.append((current, self._move(places, current, None, None)))
            except Conflict as error:
                left.append(Left(leg.id, leg.booking, str(error)))
        numbers = places.save()
        moved = [self._note(leg, run, numbers[number]) for leg, number in taken]
        if taken:
            self._announce({run_id, *(one.run for one in moved)})
        return moved, left

    # ── parts ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _open(self, leg_id: str) -> BookedLeg:
        store.lock_booking(self.connection, store.find_booking_of_leg(self.connection, leg_id))
        return self._check_movable(leg_id)

    def _check_movable(self, leg_id: str) -> BookedLeg:
        leg = store.get_leg(self.connection, leg_id)
        if leg.state not in MOVABLE:
            raise _cannot(leg, f"it is {leg.state}; only rides that have not begun are moved")
        return leg

    def _move(self, places: Places, leg: BookedLeg, vehicle: str | None, positions: tuple[int, int] | None) -> int:
        """Move a ride; the number of the run it is on now, as `Places.save` finds its final one."""
        before = places.get_run(leg)
        ask = _ask(before, leg)
        if vehicle is None and positions is not None:
            vehicle = before.vehicle
        ours = places.list_ours(ask)
        if vehicle is None:
            runs = ours - {before.id}
        else:
            runs = {id_ for id_ in ours if _run(places.fleet, id_).vehicle == vehicle}
            self._check_vehicle(places.fleet, leg, vehicle, runs)
        kept = places.fleet
        places.give_back(leg)
        if positions is not None:
            return self._put(places, leg, ask, min(runs), positions)
        found = dispatch.find_place(places.fleet, ask, self.supply.drives, now=self._second, only=runs)
        if isinstance(found, Refusal):
            why = self._explain(places.fleet, ask, found, runs)
            places.change(_run(kept, before.id))
            raise _cannot(leg, why)
        places.change(dispatch.place(_run(places.fleet, found.run), found, leg.id))
        return found.run

    def _put(self, places: Places, leg: BookedLeg, ask: Ask, run_id: int, positions: tuple[int, int]) -> int:
        run = _run(places.fleet, run_id)
        pickup, drop_off = positions
        frozen = dispatch.count_frozen(run, self.supply.drives, self._second)
        if not frozen <= pickup < drop_off <= len(run.events) + 1:
            raise _cannot(
                leg,
                f"its ends cannot be stops {pickup} and {drop_off}: they come one after the other between {frozen}"
                f" (what was before has happened) and {len(run.events) + 1}",
            )
        longer = dispatch.put(run, ask, leg.id, pickup, drop_off)
        found = dispatch.schedule(longer, self.supply.drives, self._second)
        if found is None:
            fault = dispatch.find_fault(longer, self.supply.drives, self._second)
            assert fault is not None
            raise _cannot(leg, tell(fault, longer, self._zone(run)))
        places.change(found)
        return run_id

    def _check_vehicle(self, fleet: Fleet, leg: BookedLeg, vehicle: str, runs: Collection[int]) -> None:
        known = fleet.vehicles.get(vehicle)
        if known is None:
            raise NotFound(f"no vehicle {vehicle!r}; GET /v1/ondemand/vehicles lists them", code="unknown_vehicle")
        if not known.active:
            raise _cannot(leg, f"vehicle {vehicle} is out of service")
        if leg.offer.service not in known.services:
            raise _cannot(leg, f"vehicle {vehicle} does not work for {leg.offer.service}")
        if not runs:
            raise _cannot(leg, f"vehicle {vehicle} has no shift at that time")

    def _explain(self, fleet: Fleet, ask: Ask, refusal: Refusal, runs: Collection[int]) -> str:
        """Say why no run of some takes a ride, and how much later one could."""
        if refusal.reason is not Reason.NO_TIME:
            return str(refusal)
        later = dispatch.find_lateness(fleet, ask, self.supply.drives, now=self._second, only=runs)
        if later is None:
            return str(refusal)
        return f"{refusal}; it would be {later // 60} min {later % 60:02} s late"

    def _zone(self, run: Run) -> str:
        return self.supply.fleet.operators[run.operator].timezone

    def _note(self, leg: BookedLeg, before: Run, run_id: int) -> Moved:
        """Write down that a ride changed its vehicle or place."""
        if leg.state is State.EN_ROUTE and run_id != before.id:
            store.set_state(self.connection, leg.id, State.CONFIRMED)
        now_on = fleet_store.find_run(self.connection, run_id)
        assert now_on is not None
        store.note(
            self.connection,
            leg.booking,
            leg.id,
            at=self.now,
            what="reassigned",
            by=self.by,
            moved=(leg.state, State.CONFIRMED) if leg.state is State.EN_ROUTE and run_id != before.id else None,
            details={
                "from_run": before.id,
                "to_run": run_id,
                "from_vehicle": before.vehicle,
                "to_vehicle": now_on.vehicle,
            },
        )
        times = {one.kind: one.arrival for one in now_on.events if one.leg == leg.id}
        return Moved(
            leg=leg.id,
            booking=leg.booking,
            from_run=before.id,
            from_vehicle=before.vehicle,
            run=run_id,
            vehicle=now_on.vehicle,
            pickup_at=times[EventKind.PICKUP],
            drop_off_at=times[EventKind.DROP_OFF],
            locked=leg.id in now_on.locked,
        )

    def _announce(self, run_ids: Iterable[int]) -> None:
        for id_ in sorted(run_ids):
            run = fleet_store.find_run(self.connection, id_)
            if run is not None:
                announce_run(self.session, run, self.now)


def announce_run(session: Session, run: Run, now: datetime) -> None:
    """Tell the operator's own system that a vehicle's work changed; nothing about who travels."""
    data = {
        "run": run.id,
        "revision": run.revision,
        "vehicle": run.vehicle,
        "day": run.day.isoformat(),
        "stops": [
            {"kind": one.kind.value, "ride": one.leg, "planned": datetime.fromtimestamp(one.arrival, UTC).isoformat()}
            for one in run.events
            if not one.done
        ],
    }
    key = f"run.changed/{run.id}/{run.revision}"
    webhooks.announce(session, "run.changed", data, operator=run.operator, key=key, now=now)


def unknown_run(id_: int) -> NotFound:
    """Return the error for a run that is not there."""
    return NotFound(f"no run {id_}; GET /v1/ondemand/runs lists those of a day", code="unknown_run")


def _run(fleet: Fleet, id_: int) -> Run:
    run = fleet.find_run(id_)
    assert run is not None
    return run


def _cannot(leg: BookedLeg, why: str) -> Conflict:
    return Conflict(f"ride {leg.id} cannot be moved: {why}; nothing was changed", code="cannot_be_moved")


def _ask(run: Run, leg: BookedLeg) -> Ask:
    """Return what a ride asks of a vehicle, as it is promised now."""
    on, off = (
        next(one for one in run.events if one.leg == leg.id and one.kind is kind)
        for kind in (EventKind.PICKUP, EventKind.DROP_OFF)
    )
    return Ask(
        service=leg.offer.service,
        origin=on.spot,
        destination=off.spot,
        pickup=(on.earliest, on.latest),
        drop_off=(off.earliest, off.latest),
        load=on.load,
        longest_ride=run.longest_ride[leg.id],
        dwell=on.dwell,
    )


def tell(fault: Fault, run: Run, timezone: str) -> str:
    """Say for people why a run cannot be driven as it is ordered."""
    zone = ZoneInfo(timezone)

    def local(instant: int) -> str:
        return f"{datetime.fromtimestamp(instant, UTC).astimezone(zone):%H:%M:%S}"

    if fault.rule is Rule.SHIFT:
        return f"the vehicle would be back at its depot at {local(fault.value)}, its shift ends at {local(fault.bound)}"
    if fault.position >= len(run.events):
        return "no road leads back to the depot"
    stop = run.events[fault.position]
    where = f"stop {fault.position} ({stop.kind.value.replace('_', '-')}{f' of ride {stop.leg}' if stop.leg else ''})"
    return {
        Rule.ORDER: f"at {where} somebody would get off before they got on",
        Rule.ROOM: f"there is no room left from {where} on",
        Rule.BREAK: f"somebody would sit through the break at {where}",
        Rule.NO_WAY: f"no road leads to {where}",
        Rule.WINDOW: f"{where} would be reached at {local(fault.value)}, promised is {local(fault.bound)}",
        Rule.RIDE: f"ride {stop.leg} would last {fault.value // 60} min {fault.value % 60:02} s, at most"
        f" {fault.bound // 60} min {fault.bound % 60:02} s are promised",
    }[fault.rule]


def list_day(fleet: Fleet, day: date, operator: str | None, vehicle: str | None) -> list[Run]:
    """List the runs of a day, those that nobody is booked on too (their ids are negative), by vehicle."""
    stored = [run for run in fleet.runs.values() if run.day == day]
    busy: dict[str, list[Run]] = {}
    for run in stored:
        busy.setdefault(run.vehicle, []).append(run)
    free = [
        run
        for one in fleet.vehicles.values()
        if one.active
        for run in lay_shifts(one, fleet.operators[one.operator].timezone, day)
        if not any(other.start < run.end and run.start < other.end for other in busy.get(one.id, ()))
    ]
    return sorted(
        (run for run in [*stored, *free] if operator in {None, run.operator} and vehicle in {None, run.vehicle}),
        key=lambda run: (run.operator, run.vehicle, run.start),
    )
