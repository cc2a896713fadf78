"""Late vehicles: who waits for one that cannot come in time any more is fetched by another, or learns how late it is.

What a driver reports tells how far a run has come; where the vehicle should be further by now, the stops still to come
are forecast from there. For every ride whose promise then breaks, in the order of the stops, the first that can be done
is done:

1. another vehicle comes as promised (as long as no vehicle is on its way to the traveller);
2. the vehicle comes late, by `Promise.longest_wait` at most, unless it is to feed a train that would be missed;
3. another vehicle comes late, but earlier than this one;
4. a taxi is ordered, where the operator names one;
5. the vehicle comes as late as it is.

Runs of which no driver has reported anything are left alone: nobody knows that they are late.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from mobigo.db.session import driver
from mobigo.kit.errors import MobigoError
from mobigo.ondemand import store
from mobigo.ondemand.keeping import TO_COME, Fate, Kept, Rescue, is_lawful, list_around
from mobigo.ondemand.model import EventKind, PinSide, State
from mobigo.ondemand.places import Places, span_of
from mobigo.ondemand.states import ON_THE_WAY
from mobigo.ondemand.store import instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from sqlalchemy.engine import Engine

    from mobigo.ondemand.fleet import Fleet, Times
    from mobigo.ondemand.model import BookedLeg, Event, Run
    from mobigo.ondemand.supply import Supply

log = structlog.get_logger()

TOLERATED = 60
"""Seconds by which a promise may be missed before anybody is disturbed."""
STEP = 300
"""Lateness is told, and promises are moved, in steps of so many seconds."""


def look_after(engine: Engine, supply: Supply, now: datetime) -> list[Kept]:
    """Keep the promises of all runs at work now, each in its own transaction; return the rides that changed."""
    with Session(engine) as session:
        legs = list_around(session, now)
    changed: list[Kept] = []
    for run in list_reported(supply.fleet, legs, instant(now)):
        try:
            with Session(engine) as session:
                kept = catch_up(session, supply, run, now)
                session.commit()
        except (MobigoError, SQLAlchemyError) as error:  # the others are late too
            log.warning("a late run could not be looked after", run=run, why=str(error).partition("\n")[0])
            continue
        for one in kept:
            log.info("a ride of a late vehicle was looked after", leg=one.leg.id, fate=one.fate, run=run)
        changed += kept
    return changed


def list_reported(fleet: Fleet, legs: Iterable[BookedLeg], now: int) -> list[int]:
    """List the runs at work now of which a driver has reported something, by id."""
    begun = {leg.run for leg in legs if leg.state in ON_THE_WAY}
    return sorted(
        run.id
        for run in fleet.runs.values()
        if run.start <= now <= run.end + STEP
        and (run.id in begun or any(event.done for event in run.events))
        and any(not event.done and event.leg is not None for event in run.events)
    )


def forecast(run: Run, times: Times, now: int, there: Iterable[str] = ()) -> dict[int, int]:
    """Tell when each stop still to come will be served, by its position: not before it is planned, nor before now.

    Parameters
    ----------
    there : iterable of str
        Rides at whose pick-up the vehicle stands.
    """
    there = set(there)
    found: dict[int, int] = {}
    before: Event | None = None
    left = run.start
    for position, event in enumerate(run.events):
        if event.done:
            left = event.departure
        else:
            here = before.spot.point if before else run.depot
            way = int(times.seconds([here], [event.spot.point])[0, 0])
            stop = before is not None and _one_stop(before, event)
            reached = found.get(position - 1, left) if stop else left + max(0, way)
            if not found and event.leg not in there:
                reached = max(reached, now)
            found[position] = max(reached, event.earliest, event.arrival)
            left = found[position] + event.dwell
            if len(found) == 1 and event.leg in there:
                left = max(left, now)
        before = event
    return found


def _one_stop(before: Event, event: Event) -> bool:
    return before.spot.point == event.spot.point and EventKind.BREAK not in {before.kind, event.kind}


def catch_up(session: Session, supply: Supply, run_id: int, now: datetime) -> list[Kept]:
    """Keep the promises of a run as well as can be, if its vehicle is late."""
    run = supply.fleet.runs[run_id]
    connection = driver(session)
    legs = {leg.id: leg for leg in store.list_legs_of_runs(connection, [run_id])}
    if not _list_broken(run, _forecast(run, supply.drives, legs, instant(now))):
        return []
    for booking in sorted({leg.booking for leg in legs.values()}):
        store.lock_booking(connection, booking)
    spans = [span_of(leg) for leg in legs.values()]
    longest = max(span.last for span in spans) + STEP
    places = Places(session, supply, now, [span._replace(last=longest) for span in spans])
    return _Catching(session, supply, now, places, run_id).run()


def _forecast(run: Run, times: Times, legs: Mapping[str, BookedLeg], now: int) -> dict[int, int]:
    return forecast(run, times, now, [leg.id for leg in legs.values() if leg.state is State.ARRIVED])


def _list_broken(run: Run, at: Mapping[int, int]) -> list[tuple[str, int]]:
    """List the rides whose promise breaks, in the order of the stops, and by how many seconds."""
    late: dict[str, int] = {}
    for position, when in at.items():
        event = run.events[position]
        if event.leg is not None and when > event.latest + TOLERATED:
            late[event.leg] = max(late.get(event.leg, 0), when - event.latest)
    return list(late.items())


class _Catching:
    """A late run, with the vehicles of its day ours alone."""

    def __init__(self, session: Session, supply: Supply, now: datetime, places: Places, run_id: int) -> None:
        self.session = session
        self.supply = supply
        self.now = now
        self.places = places
        self.run_id = run_id

    def run(self) -> list[Kept]:
        """Go through the broken promises, one after the other, each on what is left of the run."""
        done: dict[str, Kept] = {}
        while True:
            connection = driver(self.session)
            legs = {leg.id: leg for leg in store.list_legs_of_runs(connection, [self.run_id])}
            run = self.places.fleet.runs[self.run_id]
            at = _forecast(run, self.supply.drives, legs, instant(self.now))
            broken = [(leg, late) for leg, late in _list_broken(run, at) if leg in legs and leg not in done]
            if not broken:
                self._settle(run, at)
                return list(done.values())
            leg, late = broken[0]
            done[leg] = self._keep(Rescue(self.session, self.supply, leg, self.now, places=self.places), late, at)

    def _keep(self, one: Rescue, late: int, at: Mapping[int, int]) -> Kept:
        """Do the first thing that can be done for a ride that is so many seconds late."""
        late = -(-late // STEP) * STEP
        free = one.leg.state in TO_COME and one.leg.state not in ON_THE_WAY and not one.leg.locked
        if free and self._send_another(one, 0):
            return one.kept(Fate.MOVED)
        if one.leg.state not in TO_COME:
            return self._say_late(one, late)
        missed = self._misses_train(one, at)
        if late <= one.promise.longest_wait and not missed:
            return self._say_late(one, late)
        if free and not missed and self._send_another(one, late - STEP):
            return one.kept(Fate.MOVED)
        operator = self.supply.fleet.operators.get(one.leg.operator)
        if free and operator is not None and operator.taxi_phone is not None:
            return one.give_up(max(0, instant(self.now) - one.leg.offer.pickup[0]), None)
        return self._say_late(one, late)

    def _send_another(self, one: Rescue, later: int) -> bool:
        """Let another vehicle come within the promise, or so many seconds later."""
        before = one.run.vehicle
        earliest = max(0, one.expected)
        shifted = one.leg.shifted + later
        vehicle = one.put(earliest, shifted, among="others")
        if vehicle is None:
            return False
        one.move_promise(shifted, {"vehicle": vehicle})
        one.say_moved((before, vehicle), earliest, shifted - earliest, None)
        return True

    def _say_late(self, one: Rescue, late: int) -> Kept:
        """Move what was promised, and tell whoever waits."""
        shifted = one.leg.shifted + late
        run = self.places.get_run(one.leg)
        events = tuple(
            replace(event, latest=event.latest + late) if event.leg == one.leg.id and not event.done else event
            for event in run.events
        )
        self.places.keep(replace(run, events=events))
        one.move_promise(shifted, {"late": late})
        one.announce("leg.shifted")
        if one.leg.state in TO_COME:
            one.tell("ride_late", shifted)
        return one.kept(Fate.LATE)

    def _misses_train(self, one: Rescue, at: Mapping[int, int]) -> bool:
        pin = one.leg.offer.pin
        if pin is None or pin.side is not PinSide.BEFORE:
            return False
        return any(
            when + one.run.events[position].dwell > pin.instant
            for position, when in at.items()
            if one.run.events[position].leg == one.leg.id and one.run.events[position].kind is EventKind.DROP_OFF
        )

    def _settle(self, run: Run, at: Mapping[int, int]) -> None:
        """Write when the stops will be served, as far as that can be promised."""
        events = list(run.events)
        for position, when in at.items():
            event = events[position]
            events[position] = replace(event, arrival=when, departure=max(when + event.dwell, event.departure))
        forecast_run = replace(run, events=tuple(events))
        if is_lawful(forecast_run):
            self.places.keep(forecast_run)
        self.places.save()
