"""What runs are expected to be paid before a month is closed, and corrections of what they were paid."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mobigo.carpool import money_store
from mobigo.carpool.awards import Awards, Reason, pay_all
from mobigo.carpool.findings_store import list_held
from mobigo.carpool.month import CORRECTED, DRIVERS, INCENTIVES, pays_empty
from mobigo.carpool.policies_store import read_rules
from mobigo.carpool.territories import find_codes
from mobigo.db.session import driver
from mobigo.kit.errors import InvalidInput, NotFound
from mobigo.ledger import service as ledger
from mobigo.ledger.model import Posting

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from mobigo.carpool.awards import Ride, RidePay
    from mobigo.carpool.money_store import Award


@dataclass(frozen=True)
class Expected:
    """What a run would be paid now."""

    ride: Ride
    pay: RidePay
    held: bool
    """A proof or a finding is still looked at; what is proven so far counts."""


def expect(session: Session, person: str) -> list[Expected]:
    """Work out what somebody's runs would be paid, as far as they ended and no close has counted them."""
    connection = driver(session)
    rules = read_rules(connection)
    due = money_store.list_due(
        connection, money_store.EARLIEST, money_store.LATEST, empty=pays_empty(rules), driver=person
    )
    unsettled = money_store.list_open(connection, due.open)
    rides = [*due.rides, *unsettled]
    if not rides:
        return []
    days = [ride.day for ride in rides]
    awards = Awards(
        rules,
        territories=find_codes(connection, rules, rides),
        counters=money_store.read_counters(connection, [one.id for one in rules.journeys]),
        derogations=money_store.read_derogations(connection, min(days), max(days)),
    )
    held = {*due.open, *list_held(connection, [ride.run for ride in rides])}
    return [Expected(ride, pay, ride.run in held) for ride, pay in pay_all(awards, rides)]


def correct(session: Session, run: str, cents: int, *, note: str, by: str, now: datetime) -> Award:
    """Add to what a run was paid, or take off; posted now, paid with the next close.

    Raises
    ------
    NotFound
        When no close has counted it yet (``unknown_award``): then there is nothing to correct.
    InvalidInput
        When nothing is added, or more taken off than was paid (``invalid_correction``).
    """
    connection = driver(session)
    money_store.lock_months(connection)
    found = money_store.list_awards(connection, run=run)
    if not found:
        raise NotFound(
            f"run {run} was paid nothing yet; before a month is closed its proof is corrected, not its pay",
            code="unknown_award",
        )
    paid = sum(one.cents for one in found)
    if not cents or paid + cents < 0:
        raise InvalidInput(
            f"{cents} cents cannot be added to run {run}, which is paid {paid}; it is paid nothing or more in the end",
            code="invalid_correction",
        )
    last = found[-1]
    one = replace(
        last,
        number=last.number + 1,
        month=None,
        cents=cents,
        fares=0,
        derogated=False,
        reasons=(Reason("", "correction", cents, note),),
        payout=None,
        made_by=by,
        made_at=now,
    )
    money_store.add_awards(connection, [one])
    ledger.post(
        session,
        kind=CORRECTED,
        reference=f"carpool_run:{run}",
        postings=[Posting(INCENTIVES, cents), Posting(DRIVERS, -cents, f"person:{one.person}")],
        key=f"carpool/{run}/correction/{one.number}",
        by=by,
        at=now,
        note=note,
    )
    return one
