"""Days rearranged in the database: read, thought about without holding anything, then written if all is as it was.

Thinking takes seconds, and bookings go on meanwhile. So the days are locked only afterwards; a run that changed in the
meantime, or one that shares a ride's move with it, stays as it is and has its turn the next time. The database's own
guards check every promise once more when it is committed.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from mobigo.db.session import driver
from mobigo.messages import webhooks
from mobigo.ondemand import fleet_store, store
from mobigo.ondemand.model import State
from mobigo.ondemand.places import SYSTEM
from mobigo.ondemand.reoptimise import Move, improve
from mobigo.ondemand.store import instant, moment

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import date, datetime

    from psycopg import Connection
    from sqlalchemy.orm import Session

    from mobigo.ondemand.fleet import Fleet, Times
    from mobigo.ondemand.model import Run
    from mobigo.ondemand.reoptimise import Improvement
    from mobigo.ondemand.solver import Solver

MOVABLE = frozenset({State.HELD, State.CONFIRMED})
"""States in which a ride may change its vehicle: from `ASSIGNED` on its driver has been told."""

LEAST = 2.0
"""Seconds for which a day is thought about, at least: where there are too many, some have their turn the next time."""

AHEAD = timedelta(days=8)
"""How far ahead days are rearranged unless one is named."""


@dataclass(frozen=True)
class Replanned:
    """What became of one operator's day."""

    operator: str
    day: date
    before: int
    """Cost of the runs, as `dispatch.cost` has it: tenths of a driving second."""
    after: int
    """As written."""
    runs: tuple[int, ...]
    """Those that were changed."""
    moves: tuple[Move, ...]
    left: int
    """Runs for which something better was found, but which changed meanwhile."""
    tried: int
    """Neighbourhoods searched."""


@dataclass(frozen=True)
class _Thought:
    operator: str
    day: date
    given: Sequence[Run]
    found: Improvement


def replan(
    session: Session,
    times: Times,
    solver: Solver,
    now: datetime,
    *,
    seconds: float,
    operator: str | None = None,
    day: date | None = None,
    by: str = SYSTEM,
) -> list[Replanned]:
    """Rearrange the runs of days to come so that they cost less.

    The session's transaction is given up between reading and writing: nothing else may have been written in it.

    Parameters
    ----------
    now
        Instant.
    seconds
        How long all of it may take, about.
    operator, day
        Only these; else every operator's days until `AHEAD`.
    by
        Who wants it, for the history.
    """
    connection = driver(session)
    fleet = fleet_store.read_fleet(connection, oldest=instant(now))
    days = _list_days(fleet, now, operator, day)
    given = {key: _gather(fleet, *key) for key in days}
    legs = store.list_legs_of_runs(connection, [run.id for runs in given.values() for run in runs if run.id > 0])
    session.rollback()
    services = {leg.id: leg.offer.service for leg in legs}
    held = frozenset(leg.id for leg in legs if leg.state not in MOVABLE)
    underway = frozenset(leg.id for leg in legs if leg.state in {State.EN_ROUTE, State.ARRIVED})
    thoughts = []
    end = time.perf_counter() + seconds
    for number, (key, runs) in enumerate(given.items()):
        left = end - time.perf_counter()
        if left <= 0:
            break
        found = improve(
            runs,
            times,
            solver,
            now=instant(now),
            seconds=min(left, max(LEAST, left / (len(given) - number))),
            services=services,
            held=held,
            underway=underway,
            seed=instant(now),
        )
        thoughts.append(_Thought(*key, runs, found))
    return _write(session, fleet, thoughts, now, by)


def _list_days(fleet: Fleet, now: datetime, operator: str | None, day: date | None) -> list[tuple[str, date]]:
    """List the operators and days on which somebody is booked; by lot, so that all have their turn."""
    end = instant(now + AHEAD)
    days = sorted(
        {
            (run.operator, run.day)
            for run in fleet.runs.values()
            if run.end > instant(now)
            and any(event.leg is not None and not event.done for event in run.events)
            and operator in {None, run.operator}
            and (run.day == day if day is not None else run.start < end)
        }
    )
    random.Random(instant(now)).shuffle(days)  # noqa: S311 - no secret is drawn
    return days


def _gather(fleet: Fleet, operator: str, day: date) -> list[Run]:
    """List an operator's runs of a day, those on which nobody is booked yet as well."""
    booked = [run for run in fleet.runs.values() if (run.operator, run.day) == (operator, day)]
    first, last = min(run.start for run in booked), max(run.end for run in booked)
    services = {service for run in booked for service in run.services}
    found = {run.id: run for service in sorted(services) for run in fleet.list_runs(service, first, last)}
    return [run for run in found.values() if (run.operator, run.day) == (operator, day)]


# ── writing ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _write(session: Session, before: Fleet, thoughts: Sequence[_Thought], now: datetime, by: str) -> list[Replanned]:
    connection = driver(session)
    fleet_store.lock_days(connection, [(one.operator, one.day) for one in thoughts if one.found.runs])
    fleet = fleet_store.read_fleet(connection, before)
    movable = store.lock_legs(connection, [move.leg for one in thoughts for move in one.found.moves], MOVABLE)
    kept = [_keep(one, before, fleet, movable) for one in thoughts]
    changed = [run for runs in kept for run in runs]
    written = fleet_store.write_runs(connection, changed) if changed else []
    numbers = {run.id: new.id for run, new in zip(changed, written, strict=True)}
    answers = []
    for one, runs in zip(thoughts, kept, strict=True):
        ids = {run.id for run in runs}
        moves = [Move(move.leg, move.before, numbers[move.after]) for move in one.found.moves if move.after in ids]
        _note(connection, moves, now, by)
        answers.append(
            Replanned(
                operator=one.operator,
                day=one.day,
                before=one.found.before,
                after=one.found.before - sum(one.found.saved[run.id] for run in runs),
                runs=tuple(numbers[run.id] for run in runs),
                moves=tuple(moves),
                left=len(one.found.runs) - len(runs),
                tried=one.found.tried,
            )
        )
    for run in written:
        _announce(session, run, now)
    return answers


def _keep(one: _Thought, before: Fleet, fleet: Fleet, movable: Collection[str]) -> list[Run]:
    """Return the runs that may be written: as they were when they were thought about, and all they share rides with."""
    stale = {run.id for run in one.found.runs if not _is_same(run, before, fleet)}
    stale |= {move.before for move in one.found.moves if move.leg not in movable}
    shared = [{move.before, move.after} for move in one.found.moves]
    while reached := {run for pair in shared if pair & stale for run in pair} - stale:
        stale |= reached
    kept = [run for run in one.found.runs if run.id not in stale]
    return kept if sum(one.found.saved[run.id] for run in kept) > 0 else []


def _is_same(run: Run, before: Fleet, fleet: Fleet) -> bool:
    """Tell whether a run, or the shift that nobody was booked on, is still what it was."""
    if fleet.vehicles.get(run.vehicle) != before.vehicles.get(run.vehicle):
        return False
    if run.id > 0:
        return run.id in fleet.runs and fleet.runs[run.id].revision == before.runs[run.id].revision
    return not any(
        other.vehicle == run.vehicle and other.start < run.end and run.start < other.end
        for other in fleet.runs.values()
    )


def _note(connection: Connection[Any], moves: Iterable[Move], now: datetime, by: str) -> None:
    moved = {move.leg: move for move in moves}
    for leg in store.list_legs(connection, list(moved)):
        move = moved[leg.id]
        details = {"from_run": move.before, "to_run": move.after}
        store.note(connection, leg.booking, leg.id, at=now, what="replanned", by=by, details=details)


def _announce(session: Session, run: Run, now: datetime) -> None:
    """Tell the operator's own system that a vehicle's work changed; nothing about who travels."""
    data = {
        "run": run.id,
        "revision": run.revision,
        "vehicle": run.vehicle,
        "day": run.day.isoformat(),
        "stops": [
            {"kind": event.kind.value, "ride": event.leg, "planned": moment(event.arrival).isoformat()}
            for event in run.events
            if not event.done
        ],
    }
    key = f"run.changed/{run.id}/{run.revision}"
    webhooks.announce(session, "run.changed", data, operator=run.operator, key=key, now=now)
