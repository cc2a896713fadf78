"""Places in vehicles, taken and given back within one transaction: all of it, or nothing.

Whoever changes runs locks their operator's days first, always in the same order, and reads the runs after that: what is
decided on is what will be written. A hold whose time is over gives way at once to whoever comes next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from mobigo.db.session import driver
from mobigo.kit.errors import Conflict
from mobigo.ondemand import dispatch, fleet_store, store
from mobigo.ondemand.fleet import find_local_days
from mobigo.ondemand.model import Ask, State
from mobigo.ondemand.store import instant, moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date, datetime

    from psycopg import Connection
    from sqlalchemy.orm import Session

    from mobigo.ondemand.fleet import Fleet
    from mobigo.ondemand.model import BookedLeg, Offer, Run
    from mobigo.ondemand.supply import Supply

SYSTEM = "system"
"""By whom what nobody did is done."""


class PlacesGone(Conflict):
    """A ride that was offered cannot be taken any more.

    Parameters
    ----------
    offer : Offer
    reason : Reason
    """

    def __init__(self, offer: Offer, reason: dispatch.Reason) -> None:
        super().__init__(
            f"the ride from {offer.origin.name} at {moment(offer.pickup[0]):%Y-%m-%dT%H:%M:%SZ} cannot be had any more:"
            f" {dispatch.SENTENCES[reason]}; nothing was booked, `alternatives` are what is left",
            code="places_gone",
        )
        self.offer = offer
        self.reason = reason


class Span(NamedTuple):
    """Whose vehicles may be on the way for a ride, and between which instants at most."""

    service: str
    operator: str
    first: int
    last: int


class Places:
    """The vehicles' work on some days, ours alone until the transaction ends.

    Parameters
    ----------
    session : Session
    supply : Supply
        What was known before; only what has changed since is read.
    now : datetime
    spans : iterable of Span
        When rides are, or were, to take place.
    """

    def __init__(self, session: Session, supply: Supply, now: datetime, spans: Iterable[Span]) -> None:
        self._connection = driver(session)
        self._drives = supply.drives
        self._now = now
        before = fleet_store.read_fleet(self._connection, supply.stored)
        self._keys = {key for one in spans for key in _list_keys(before, one)}
        fleet_store.lock_days(self._connection, self._keys)
        self._read = fleet_store.read_fleet(self._connection, before)
        self.fleet: Fleet = self._read
        self._changed: dict[int, Run] = {}
        ours = [run.id for run in self.fleet.runs.values() if (run.operator, run.day) in self._keys]
        for booking, leg, run in store.expire_holds(self._connection, moment(instant(now)), ours):
            self._change(dispatch.remove(self.fleet.runs[run], leg, self._drives, instant(now)))
            note_expired(self._connection, booking, leg, now)

    def take(self, offer: Offer, leg: str, dwell: int) -> int:
        """Take the places of a ride; return the number of the run, as `save` finds its final one.

        Raises
        ------
        PlacesGone
            When no vehicle can take it without breaking a promise.
        """
        ask = Ask(
            service=offer.service,
            origin=offer.origin,
            destination=offer.destination,
            pickup=offer.pickup,
            drop_off=offer.drop_off,
            load=offer.party.load,
            longest_ride=offer.longest_ride,
            dwell=dwell,
        )
        found = dispatch.find_place(self.fleet, ask, self._drives, now=instant(self._now), only=self.list_ours(ask))
        if isinstance(found, dispatch.Refusal):
            raise PlacesGone(offer, found.reason)
        run = self.fleet.find_run(found.run)
        assert run is not None
        self._change(dispatch.place(run, found, leg))
        return found.run

    def list_ours(self, ask: Ask) -> set[int]:
        """List the runs that may take a ride and that nobody else changes now."""
        runs = self.fleet.list_runs(ask.service, ask.pickup[0], ask.drop_off[1])
        return {run.id for run in runs if (run.operator, run.day) in self._keys}

    def give_back(self, leg: BookedLeg) -> None:
        """Give back the places of a ride; of one that has begun, what happened stays."""
        run = None if leg.run is None else self.fleet.runs.get(leg.run)
        if run is not None and any(event.leg == leg.id for event in run.events):
            self._change(dispatch.remove(run, leg.id, self._drives, instant(self._now)))

    def change(self, run: Run) -> None:
        """Put a run in the place of the one with its number, its times worked out anew where they can be kept."""
        self._change(dispatch.schedule(run, self._drives, instant(self._now)) or run)

    def keep(self, run: Run) -> None:
        """Put a run in the place of the one with its number, with the times that it has."""
        self._change(run)

    def get_run(self, leg: BookedLeg) -> Run:
        """Return the run that a ride is on."""
        assert leg.run is not None
        return self.fleet.runs[leg.run]

    def _change(self, run: Run) -> None:
        self._changed[run.id] = run
        self.fleet = self.fleet.with_runs([run])

    def save(self) -> dict[int, int]:
        """Write the runs that were changed; return by the number each had the one it has."""
        changed, self._changed = list(self._changed.values()), {}
        written = fleet_store.write_runs(self._connection, changed) if changed else []
        if any(run.id <= 0 for run in changed):
            self.fleet = fleet_store.read_fleet(self._connection, self._read)
        return {before.id: after.id for before, after in zip(changed, written, strict=True)}


def span_of(leg: BookedLeg) -> Span:
    """Return the span of a booked ride."""
    return Span(leg.offer.service, leg.operator, leg.offer.pickup[0], leg.offer.drop_off[1] + leg.shifted)


def _list_keys(fleet: Fleet, span: Span) -> Iterator[tuple[str, date]]:
    yield from fleet_store.list_keys(fleet, span.service, span.first, span.last)
    operator = fleet.operators.get(span.operator)
    if operator is not None:  # its vehicles may not work for the service any more
        for day in find_local_days(span.first, span.last, operator.timezone):
            yield operator.id, day


def note_expired(connection: Connection[Any], booking: str, leg: str, now: datetime) -> None:
    """Write down that a hold ran out."""
    store.note(
        connection,
        booking,
        leg,
        at=now,
        what="moved",
        by=SYSTEM,
        moved=(State.HELD, State.FAILED),
        details={"reason": "hold_expired"},
    )
