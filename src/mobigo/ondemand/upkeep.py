"""What is done for bookings by the clock: holds that ran out are freed, vehicles settled, people forgotten."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from mobigo.db import answers
from mobigo.db.session import driver
from mobigo.messages import service as messages
from mobigo.ondemand import conduct, fleet_store, store
from mobigo.ondemand.fleet import drop
from mobigo.ondemand.places import SYSTEM, note_expired
from mobigo.ondemand.store import instant, moment

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from mobigo.ondemand.model import Run

FORGOTTEN = timedelta(days=30)
"""After the last ride of a booking it is forgotten who travelled, and from which door to which."""

REFUSALS_KEPT = timedelta(days=3 * 366)
"""For statistics over the years; nobody's name is in them."""


def free_expired(session: Session, now: datetime) -> int:
    """Free the places of holds whose time is over; return how many.

    Nobody is asked how long drives take: the vehicle's other stops keep their times until somebody books on it again.
    """
    connection = driver(session)
    second = moment(instant(now))
    found = store.list_expired(connection, second)
    if not found:
        return 0
    numbers = {number for number, _ in found}
    runs = [run for number in numbers if (run := fleet_store.find_run(connection, number)) is not None]
    fleet_store.lock_days(connection, {(run.operator, run.day) for run in runs})
    freed: dict[int, list[str]] = {}
    for booking, leg, number in store.expire_holds(connection, second, [run.id for run in runs]):
        freed.setdefault(number, []).append(leg)
        note_expired(connection, booking, leg, now)
    changed: list[Run] = []
    for number, legs in freed.items():
        run = fleet_store.find_run(connection, number)
        assert run is not None
        changed.append(drop(run, legs))
    if changed:
        fleet_store.write_runs(connection, changed)
    return sum(len(legs) for legs in freed.values())


def forget(session: Session, now: datetime) -> int:
    """Forget who travelled 30 days ago, what was told to them, and old answers; return how many bookings."""
    connection = driver(session)
    forgotten = store.forget_travellers(connection, now - FORGOTTEN, now)
    for booking, legs in forgotten:
        messages.forget_about(session, f"booking:{booking}", now)
        for leg in legs:
            messages.forget_about(session, f"leg:{leg}", now)
        store.note(connection, booking, None, at=now, what="forgotten", by=SYSTEM)
    answers.forget(connection, "ondemand_answer", now)
    conduct.forget(connection, now)
    store.forget_refusals(connection, now - REFUSALS_KEPT)
    return len(forgotten)
