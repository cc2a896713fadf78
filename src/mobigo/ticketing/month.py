"""The close of a month's revenue: earned, shared, owed to operators and sent to their banks. Once.

A close is one transaction: killed in the middle it leaves nothing, and the next one does it all; done, it is told again
as it was. A closed month stays: what is given back of it later is taken from the month in which that happens.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from mobigo.carpool.month import last_day, sum_file
from mobigo.db.session import driver
from mobigo.fares import service as fares
from mobigo.kit.errors import Conflict, InvalidInput, Refused
from mobigo.ledger import sepa
from mobigo.ledger import service as ledger
from mobigo.ledger.iban import read_iban
from mobigo.ledger.model import Chart, Entry, Posting
from mobigo.ticketing import earnings, revenue_store
from mobigo.ticketing.revenue_store import ClosedMonth, Payout, Share
from mobigo.ticketing.shares import REGION, Basis, Used, find_rule, share, weigh
from mobigo.tickets.devices_store import count_uses

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from psycopg import Connection
    from sqlalchemy.orm import Session

OPERATORS, SHARED = "operators", "shared"
"""Accounts: what operators are owed, and what that costs who sells."""

SHARING, PAID = "revenue_shared", "revenue_paid"
"""Kinds of entries."""

ON_DEMAND = "on_demand"
"""Product of rides at their service's own price: its revenue is its operator's."""

ZONE = ZoneInfo("Europe/Paris")

SATURDAY = 5

LATEST = timedelta(days=400)
"""How late a device may tell of a validation."""


@dataclass(frozen=True)
class Closing:
    """What a close came to."""

    month: ClosedMonth
    shares: tuple[Share, ...]
    payouts: tuple[Payout, ...]
    carried: tuple[tuple[str, int], ...]
    """What operators are owed and not paid yet: their account is not known, or they owe."""
    file: bytes | None
    """For the bank; None: nobody is paid."""
    already_closed: bool


@dataclass(frozen=True)
class Closer:
    """Closes months of revenue.

    Parameters
    ----------
    session : Session
        The caller commits, or rolls back for a trial.
    payer : Account
        Whom the money comes from.
    """

    session: Session
    payer: sepa.Account

    def close(self, month: date, *, by: str, now: datetime) -> Closing:
        """Close a month; one that was closed is told as it was.

        Raises
        ------
        Refused
            When it is not over (``month_not_over``).
        """
        connection = self._connection
        revenue_store.lock(connection)
        known = revenue_store.find_month(connection, month)
        if known is not None:
            return self.tell(known, already_closed=True)
        last = last_day(month)
        if last >= earnings.today(now):
            raise Refused(
                f"{month:%Y-%m} is not over; close it from {last + timedelta(days=1)} on", code="month_not_over"
            )
        self._check_payer()
        earnings.earn(self.session, now, by=by, until=last)
        used, uses = self._find_uses(month, last)
        shares = self._share(month, last, used)
        one = ClosedMonth(
            month,
            now,
            by,
            _next_weekday(now.astimezone(ZONE).date()),
            self.payer.name,
            self.payer.iban,
            sum(cents for _, _, cents in revenue_store.sum_month(connection, month)),
            sum(row.cents for row in shares),
            uses,
        )
        revenue_store.add_month(connection, one)
        revenue_store.add_shares(connection, month, shares)
        self._post(one, shares)
        return self.tell(one, already_closed=False)

    def _check_payer(self) -> None:
        try:
            read_iban(self.payer.iban)
        except InvalidInput as error:
            raise InvalidInput(
                f"the account that operators are paid from cannot be: {error}; set MOBIGO_PAYER_IBAN",
                code="invalid_iban",
            ) from None

    def _find_uses(self, month: date, last: date) -> tuple[dict[str, dict[str, Used]], int]:
        """Find what validations say: by product and operator; and how many there were.

        What devices told of a month after its close counts in the next one that is closed.
        """
        catalogue = fares.find_catalogue(self.session, last)
        owners = {} if catalogue is None else {agency: one.id for one in catalogue.operators for agency in one.agencies}
        rides: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
        counted = count_uses(self._connection, month, last)
        for first, since in self._list_closes(month):
            counted += count_uses(self._connection, first, last_day(first), since)
        for one in counted:
            found = rides[one.product][owners.get(one.agency, one.agency) or REGION]
            found[0] += one.rides
            found[1] += one.metres
        used = {product: {who: Used(*pair) for who, pair in some.items()} for product, some in rides.items()}
        return used, sum(one.rides for some in used.values() for one in some.values())

    def _list_closes(self, month: date) -> list[tuple[date, datetime]]:
        """List the months before that were closed, each with the last close that counted what was known of it."""
        closed = [one for one in revenue_store.list_months(self._connection) if one.month > month - LATEST]
        return [
            (one.month, max(other.closed_at for other in closed if other.month >= one.month))
            for one in closed
            if one.month < month
        ]

    def _share(self, month: date, last: date, used: Mapping[str, Mapping[str, Used]]) -> list[Share]:
        rules = revenue_store.list_rules(self._connection)
        cents: dict[tuple[str, str, str], int] = defaultdict(int)
        weight: dict[tuple[str, str, str], int] = defaultdict(int)
        for product, split, earned in revenue_store.sum_month(self._connection, month):
            basis, weights = weigh(find_rule(rules, product, month), split, used.get(product, {}))
            for operator, part in share(earned, weights).items():
                cents[product, operator, basis] += part
                weight[product, operator, basis] += weights[operator]
        end = datetime.combine(last + timedelta(days=1), time(4), ZONE)
        for operator, part in revenue_store.sum_booked(self._connection, end).items():
            cents[ON_DEMAND, operator, Basis.FIXED] += part
            weight[ON_DEMAND, operator, Basis.FIXED] += 1
        return [Share(*key, weight[key], cents[key]) for key in sorted(cents)]

    def _post(self, month: ClosedMonth, shares: Sequence[Share]) -> None:
        owed: dict[str, int] = defaultdict(int)
        for one in shares:
            if one.operator != REGION:
                owed[one.operator] += one.cents
        postings = [Posting(OPERATORS, -cents, f"operator:{who}") for who, cents in sorted(owed.items()) if cents]
        total = sum(owed.values())
        if total:
            postings.append(Posting(SHARED, total))
        key = f"revenue/{month.month:%Y-%m}"
        entries = []
        if postings:
            entries.append(
                Entry(
                    0,
                    month.closed_at,
                    SHARING,
                    reference(month.month),
                    tuple(postings),
                    f"{key}/shared",
                    month.closed_by,
                )
            )
        ledger.post_all(self.session, entries)
        payouts = self._make_payouts(month)
        revenue_store.add_payouts(self._connection, payouts)
        ledger.post_all(
            self.session,
            [
                Entry(
                    0,
                    month.closed_at,
                    PAID,
                    reference(month.month),
                    (Posting(OPERATORS, one.cents, f"operator:{one.operator}"), Posting(Chart.BANK, -one.cents)),
                    f"{key}/payout/{one.id}",
                    month.closed_by,
                    one.id,
                )
                for one in payouts
            ],
        )

    def _make_payouts(self, month: ClosedMonth) -> list[Payout]:
        accounts = revenue_store.list_accounts(self._connection)
        owed = revenue_store.sum_operators(self._connection, OPERATORS)
        return [
            Payout(f"RV{month.month:%y%m}-{secrets.token_hex(12)}", month.month, operator, *accounts[operator], cents)
            for operator, cents in owed.items()
            if cents > 0 and operator in accounts
        ]

    def tell(self, one: ClosedMonth, *, already_closed: bool) -> Closing:
        """Read back what was closed: each sum from where it stands.

        Raises
        ------
        Conflict
            When they are not one (``month_does_not_balance``).
        """
        connection = self._connection
        payouts = revenue_store.list_payouts(connection, one.month)
        total = sum(payout.cents for payout in payouts)
        posted = -ledger.sum_reference(self.session, reference(one.month), kind=PAID, account=Chart.BANK)
        file = write_file(one, payouts)
        sent = 0 if file is None else sum_file(file)
        shares = revenue_store.list_shares(connection, one.month)
        if not total == posted == sent or sum(row.cents for row in shares) != one.shared:
            raise Conflict(
                f"the payouts of {one.month:%Y-%m} come to {total} cents, its books to {posted}, its file to {sent};"
                " nothing is closed, tell who looks after this instance",
                code="month_does_not_balance",
            )
        owed = revenue_store.sum_operators(connection, OPERATORS)
        carried = tuple((operator, cents) for operator, cents in owed.items() if cents)
        return Closing(one, tuple(shares), tuple(payouts), carried, file, already_closed)

    @property
    def _connection(self) -> Connection[Any]:
        return driver(self.session)


def reference(month: date) -> str:
    """What entries of a close are about."""
    return f"revenue_month:{month:%Y-%m}"


def write_file(one: ClosedMonth, payouts: Sequence[Payout]) -> bytes | None:
    """Write the file for the bank of a month that was closed: the same bytes each time. None: nobody is paid."""
    if not payouts:
        return None
    return sepa.write_transfers(
        f"REVENUE-{one.month:%Y-%m}",
        [
            sepa.Transfer(
                payout.id, sepa.Account(payout.name, payout.iban), payout.cents, f"Recettes {one.month:%m/%Y}"
            )
            for payout in sorted(payouts, key=lambda payout: payout.id)
        ],
        sepa.Account(one.payer, one.payer_iban),
        written=one.closed_at.astimezone(ZONE).replace(tzinfo=None),
        execution=one.execution,
    )


def _next_weekday(day: date) -> date:
    day += timedelta(days=1)
    while day.weekday() >= SATURDAY:
        day += timedelta(days=1)
    return day
