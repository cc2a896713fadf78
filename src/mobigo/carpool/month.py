"""The close of a month: what every proven run is paid, posted, and sent to the drivers' banks. Once.

A close is one transaction: killed in the middle it leaves nothing, and the next one does it all; done, it is told again
as it was. It takes every run up to the end of its month that was not counted before. What is still to be settled waits
for the next close, and so does the money of who told no account. Three sums must be one: of the payouts, of what the
ledger says went to the bank, and of the file for the bank; otherwise nothing is closed.
"""

from __future__ import annotations

import re
import secrets
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.etree.ElementTree import fromstring

from mobigo.carpool import money_store as store
from mobigo.carpool.awards import Awards, Reason, pay_all
from mobigo.carpool.bank import list_sealed, unseal
from mobigo.carpool.findings_store import list_held
from mobigo.carpool.money_store import Month, Payout
from mobigo.carpool.policies_store import read_rules
from mobigo.carpool.terms import FRANCE
from mobigo.carpool.territories import find_codes
from mobigo.db.session import driver
from mobigo.kit.errors import Conflict, InvalidInput, NotFound, Refused
from mobigo.ledger import sepa
from mobigo.ledger import service as ledger
from mobigo.ledger.iban import read_iban
from mobigo.ledger.model import Chart, Entry, Posting

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from psycopg import Connection
    from sqlalchemy.orm import Session

    from mobigo.carpool.awards import Ride, RidePay
    from mobigo.carpool.policies import Rules

INCENTIVES, DRIVERS = "carpool_incentives", "carpool_drivers"
"""Accounts: what the Region spends, and what it owes the drivers."""

EARNED, PAID, RETURNED = "carpool_earned", "carpool_payout", "carpool_payout_returned"
CORRECTED = "carpool_correction"
"""Kinds of entries."""

SATURDAY = 5

MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre",
    "décembre",
)  # fmt: skip


@dataclass(frozen=True)
class Held:
    """A run that could not be paid yet."""

    run: str
    because: str
    """``unsettled``: a proof or a finding is still looked at."""


@dataclass(frozen=True)
class Carried:
    """Money that waits for the next close."""

    person: str
    cents: int
    """Below zero: the person owes, after a correction."""
    because: str
    """``no_account``; ``next_month``: nothing stands in the way any more; ``owes``."""


@dataclass(frozen=True)
class Closing:
    """What a close came to."""

    month: Month
    total: int
    """Cents of the payouts; the same as `ledger` and `sepa`."""
    ledger: int
    sepa: int
    file: bytes | None
    """For the bank; None: nobody is paid."""
    held: tuple[Held, ...]
    carried: tuple[Carried, ...]
    already_closed: bool


class _Paid(NamedTuple):
    """What a run is paid now."""

    ride: Ride
    pay: RidePay
    number: int
    """0, or that of a correction."""


class Closer:
    """Closes months; one in which nothing was counted stays open.

    Parameters
    ----------
    session : Session
        The caller commits, or rolls back for a trial.
    key : bytes
        That account numbers are sealed with.
    payer : Account
        Whom the money comes from.
    """

    def __init__(self, session: Session, *, key: bytes, payer: sepa.Account) -> None:
        self._session = session
        self._key = key
        self._payer = payer

    @property
    def _connection(self) -> Connection[Any]:
        return driver(self._session)

    def close(self, month: date, *, by: str, now: datetime) -> Closing:
        """Close a month; one that was closed is told as it was.

        Raises
        ------
        Refused
            When it has not begun yet (``month_not_begun``), or an account number cannot be opened.
        """
        self._check_payer()
        store.lock_months(self._connection)
        known = store.find_month(self._connection, month)
        if known is not None:
            return self.tell(known)
        today = now.astimezone(FRANCE).date()
        if month > today:
            raise Refused(
                f"{month:%Y-%m} has not begun; today is {today}, close {today:%Y-%m} or a month before",
                code="month_not_begun",
            )
        one = Month(month, now, by, _next_weekday(today), self._payer.name, self._payer.iban, 0, 0)
        rules = read_rules(self._connection)
        counted, held = self._settle(rules, last_day(month))
        paid = [_Paid(ride, pay, 0) for ride, pay in counted] + self._correct_struck(rules)
        payouts = self._make_payouts(one, paid)
        if not paid and not payouts:
            return self._leave_open(one, held)
        ids = {payout.person: payout.id for payout in payouts}
        store.add_month(self._connection, one)
        store.pay_waiting(self._connection, month, ids)
        store.add_awards(
            self._connection,
            (
                store.make_award(
                    one.ride, one.pay, number=one.number, month=month, payout=ids.get(one.ride.driver), by=by, at=now
                )
                for one in paid
            ),
        )
        store.add_payouts(self._connection, payouts)
        self._post(one, paid, payouts)
        one = replace(
            one,
            runs=store.count_paid_runs(self._connection, month),
            cents=store.sum_payouts(self._connection, month),
        )
        store.set_month_totals(self._connection, month, runs=one.runs, cents=one.cents)
        return self.tell(one, held, already_closed=False)

    def _check_payer(self) -> None:
        try:
            read_iban(self._payer.iban)
        except InvalidInput as error:
            raise InvalidInput(
                f"the account that drivers are paid from cannot be: {error}; set MOBIGO_PAYER_IBAN", code="invalid_iban"
            ) from None

    def _leave_open(self, one: Month, held: tuple[Held, ...]) -> Closing:
        """Tell of a month in which there was nothing to count: it stays open for what may come late."""
        return Closing(one, 0, 0, 0, None, held, self.list_carried(), already_closed=False)

    def _settle(self, rules: Rules, last: date) -> tuple[list[tuple[Ride, RidePay]], tuple[Held, ...]]:
        """Work out what every run that is due is paid."""
        due = store.list_due(self._connection, store.EARLIEST, last, empty=pays_empty(rules))
        held = list_held(self._connection, [ride.run for ride in due.rides])
        rides = [ride for ride in due.rides if ride.run not in held]
        if not rides:
            return [], tuple(Held(run, "unsettled") for run in sorted({*due.open, *held}))
        days = [ride.day for ride in rides]
        awards = Awards(
            rules,
            territories=find_codes(self._connection, rules, rides),
            counters=store.read_counters(self._connection, [one.id for one in rules.journeys]),
            derogations=store.read_derogations(self._connection, min(days), max(days)),
        )
        paid = pay_all(awards, rides)
        store.write_counters(self._connection, awards.counters)
        return paid, tuple(Held(run, "unsettled") for run in sorted({*due.open, *held}))

    def _correct_struck(self, rules: Rules) -> list[_Paid]:
        """Take back what was paid for rides that were struck since, by the rules of their day without their limits."""
        struck = store.list_struck(self._connection)
        if not struck:
            return []
        before = store.sum_awards(self._connection, struck)
        due = store.list_due(self._connection, store.EARLIEST, store.LATEST, empty=True, again=True, runs=struck)
        found = []
        territories = find_codes(self._connection, rules, due.rides)
        for ride in due.rides:
            cents, number = before[ride.run]
            pay = Awards(rules, territories=territories).pay(ride)
            less = min(0, pay.cents - cents)
            if not less:
                continue
            reason = Reason("", "struck", less, f"a ride was struck: {min(pay.cents, cents)} cents instead of {cents}")
            found.append(_Paid(ride, replace(pay, cents=less, reasons=(*pay.reasons, reason)), number + 1))
        return found

    def _make_payouts(self, month: Month, paid: Sequence[_Paid]) -> list[Payout]:
        """Pay each driver what is owed from now and before, where it is more than nothing and an account is known."""
        owed: dict[str, int] = defaultdict(int, store.sum_unpaid(self._connection))
        for one in paid:
            owed[one.ride.driver] += one.pay.cents
        accounts = list_sealed(self._connection, owed)
        return [
            Payout(f"CP{month.month:%y%m}-{secrets.token_hex(12)}", month.month, person, cents, *accounts[person])
            for person, cents in sorted(owed.items())
            if cents > 0 and person in accounts
        ]

    def _post(self, month: Month, paid: Sequence[_Paid], payouts: Sequence[Payout]) -> None:
        earned: dict[str, int] = defaultdict(int)
        for one in paid:
            earned[one.ride.driver] += one.pay.cents
        entries = [
            Entry(
                0,
                month.closed_at,
                EARNED,
                reference(month.month),
                (Posting(INCENTIVES, cents), Posting(DRIVERS, -cents, f"person:{person}")),
                f"carpool/{month.month:%Y-%m}/{person}/earned",
                month.closed_by,
            )
            for person, cents in sorted(earned.items())
            if cents
        ]
        entries += [
            Entry(
                0,
                month.closed_at,
                PAID,
                reference(month.month),
                (Posting(DRIVERS, one.cents, f"person:{one.person}"), Posting(Chart.BANK, -one.cents)),
                f"carpool/payout/{one.id}",
                month.closed_by,
                one.id,
            )
            for one in payouts
        ]
        ledger.post_all(self._session, entries)

    def tell(self, one: Month, held: tuple[Held, ...] = (), *, already_closed: bool = True) -> Closing:
        """Read back what was closed: each sum from where it stands.

        Raises
        ------
        Conflict
            When they are not one (``month_does_not_balance``).
        """
        total = store.sum_payouts(self._connection, one.month)
        posted = -ledger.sum_reference(self._session, reference(one.month), kind=PAID, account=Chart.BANK)
        file = self.write_file(one)
        sent = 0 if file is None else sum_file(file)
        if not total == posted == sent == one.cents:
            raise Conflict(
                f"the payouts of {one.month:%Y-%m} come to {total} cents, its books to {posted}, its file to {sent};"
                " nothing is closed, tell who looks after this instance",
                code="month_does_not_balance",
            )
        return Closing(one, total, posted, sent, file, held, self.list_carried(), already_closed)

    def write_file(self, one: Month) -> bytes | None:
        """Write the file for the bank of a month that was closed: the same bytes each time. None: nobody is paid."""
        payouts = store.list_payouts(self._connection, month=one.month)
        if not payouts:
            return None
        return sepa.write_transfers(
            f"CARPOOL-{one.month:%Y-%m}",
            [
                sepa.Transfer(
                    payout.id,
                    unseal(self._key, payout.person, payout.sealed),
                    payout.cents,
                    f"Covoiturage {MONTHS[one.month.month - 1]} {one.month.year}",
                )
                for payout in sorted(payouts, key=lambda payout: payout.id)
            ],
            sepa.Account(one.payer, one.payer_iban),
            written=one.closed_at.astimezone(FRANCE).replace(tzinfo=None),
            execution=one.execution,
        )

    def list_carried(self) -> tuple[Carried, ...]:
        """List the money that waits for the next close."""
        owed = {person: cents for person, cents in store.sum_unpaid(self._connection).items() if cents}
        accounts = list_sealed(self._connection, owed)
        return tuple(
            Carried(person, cents, "owes" if cents < 0 else "next_month" if person in accounts else "no_account")
            for person, cents in sorted(owed.items())
        )

    def take_back(self, payout: str, *, because: str, by: str, now: datetime) -> Payout:
        """Write down that the bank sent a payout back: its runs are paid with the next close.

        Raises
        ------
        NotFound
            ``unknown_payout``.
        Refused
            When it came back already (``payout_returned``).
        """
        store.lock_months(self._connection)
        found = store.list_payouts(self._connection, id_=payout)
        if not found:
            raise NotFound(
                f"no payout {payout!r}; its id is the end-to-end id in the bank's file", code="unknown_payout"
            )
        (one,) = found
        if one.returned_at is not None:
            raise Refused(f"payout {payout} came back on {one.returned_at:%Y-%m-%d} already", code="payout_returned")
        store.return_payout(self._connection, payout, because=because, at=now)
        ledger.post(
            self._session,
            kind=RETURNED,
            reference=reference(one.month),
            postings=[Posting(Chart.BANK, one.cents), Posting(DRIVERS, -one.cents, f"person:{one.person}")],
            key=f"carpool/payout/{payout}/returned",
            by=by,
            at=now,
            note=because,
        )
        return replace(one, returned_at=now, returned_because=because)


def reference(month: date) -> str:
    """What entries of a close are about."""
    return f"carpool_month:{month:%Y-%m}"


def read_month(text: str) -> date:
    """Read a month as people write it, like 2026-03.

    Raises
    ------
    InvalidInput
        When it is none (``invalid_month``).
    """
    if not re.fullmatch(r"(19[7-9][0-9]|2[0-9]{3})-(0[1-9]|1[0-2])", text):
        raise InvalidInput(f"{text[:40]!r} is no month; write it like 2026-03", code="invalid_month")
    return date.fromisoformat(f"{text}-01")


def last_day(month: date) -> date:
    """Return the last day of a month."""
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def pays_empty(rules: Rules) -> bool:
    """Tell whether some rule pays runs in which nobody rode."""
    return any(one.terms.pay_empty for one in rules.lines)


def sum_file(file: bytes) -> int:
    """Add up the transfers of a file for the bank, in cents, as a bank reads it."""
    found = fromstring(file).iter(f"{{{sepa.NAMESPACE}}}InstdAmt")  # noqa: S314 - we have just written it
    return sum(int((one.text or "").replace(".", "")) for one in found)


def _next_weekday(day: date) -> date:
    """Return the next day that is neither Saturday nor Sunday."""
    following = day + timedelta(days=1)
    return following + timedelta(days=max(0, 7 - following.weekday()) if following.weekday() >= SATURDAY else 0)
