"""Orders paid while everything fails: declined cards, lost answers, events twice, crashes between every two steps.

Crashes are injected where a process can die: before and after each commit, before and after each call of the provider.
What died is gone; what is on record is taken up by the worker. In the end there is no money without a ticket and no
ticket without money, by the provider's own file and by the ledger.
"""

from __future__ import annotations

import random
import threading
from collections import Counter as Tally
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import psycopg
import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from mobigo.db.engine import libpq_conninfo
from mobigo.db.session import driver
from mobigo.fares import service as fares
from mobigo.fares.catalogue import Channel
from mobigo.fares.demonstration import publish_demonstration
from mobigo.fares.shelf import open_shelf
from mobigo.kit.errors import MobigoError
from mobigo.payments.sandbox import METHODS, Sandbox
from mobigo.payments.signature import sign
from mobigo.street.drives import Drives
from mobigo.ticketing import offers
from mobigo.ticketing.counter import Counter
from mobigo.ticketing.making import Wish, offer_product
from mobigo.ticketing.model import Contact
from mobigo.ticketing.service import Buyer, Orders, Places

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import Engine

    from mobigo.payments.model import Outcome, Payment, Refund, RefundOutcome

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
KEY = b"k" * 32
SECRET = "whsec"
PRODUCTS = ("coach_week", "coach_day", "coach_carnet")
NAMED = "region_month"
BARRED = 0.2
"""Share of the orders that cannot be issued once they are paid."""
SOLD = 0.1
"""Share of the orders that are issued at least, or nothing was tried; about 0.4 are, as chance has it."""
CUSTOMERS = 6
"""Threads that buy at once."""


class Crash(BaseException):
    """A process died here."""


class Faults:
    """Decides where processes die: at each kind of moment once for certain, as it first comes, then by chance."""

    def __init__(self, seed: int, chance: float) -> None:
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._chance = chance
        self.on = True
        self.struck: Tally[str] = Tally()

    def may_strike(self, where: str) -> None:
        with self._lock:
            if not self.on or (where in self.struck and self._random.random() >= self._chance):
                return
            self.struck[where] += 1
        raise Crash(where)


class Strikes(Protocol):
    """Whatever ends a process."""

    def may_strike(self, where: str) -> None:
        """End it, perhaps."""


class Shaky(Sandbox):
    """A provider whose callers die before and after they ask it."""

    faults: Strikes

    def __init__(self, inner: Sandbox, faults: Strikes) -> None:
        super().__init__(inner.engine, inner.secret)
        object.__setattr__(self, "faults", faults)

    def _ask(self, name: str, *arguments: Any) -> Any:  # noqa: ANN401 - whatever the provider answers
        self.faults.may_strike(f"before {name}")
        answer = getattr(super(), name)(*arguments)
        self.faults.may_strike(f"after {name}")
        return answer

    def open(self, payment: Payment, now: datetime) -> Outcome:
        return self._ask("open", payment, now)  # type: ignore[no-any-return]

    def confirm(self, payment: Payment, now: datetime) -> Outcome:
        return self._ask("confirm", payment, now)  # type: ignore[no-any-return]

    def look(self, payment: Payment, now: datetime) -> Outcome:
        return self._ask("look", payment, now)  # type: ignore[no-any-return]

    def cancel(self, payment: Payment, now: datetime) -> Outcome:
        return self._ask("cancel", payment, now)  # type: ignore[no-any-return]

    def refund(self, payment: Payment, refund: Refund, now: datetime) -> RefundOutcome:
        return self._ask("refund", payment, refund, now)  # type: ignore[no-any-return]


@contextmanager
def shaky_commits(faults: Faults) -> Iterator[None]:
    """Let processes die before and after they commit."""

    def before(_: Session) -> None:
        faults.may_strike("before commit")

    def after(_: Session) -> None:
        faults.may_strike("after commit")

    event.listen(Session, "before_commit", before)
    event.listen(Session, "after_commit", after)
    try:
        yield
    finally:
        event.remove(Session, "before_commit", before)
        event.remove(Session, "after_commit", after)


class Rush:
    """Customers who buy at once, a worker that tidies up, and what becomes of it."""

    def __init__(self, engine: Engine, database_url: str, seed: int, chance: float) -> None:
        self.engine, self.url = engine, libpq_conninfo(database_url)
        with psycopg.connect(self.url) as connection:
            publish_demonstration(connection, now=NOW, today=NOW.date())
        self.faults = Faults(seed, chance)
        self.sandbox = Sandbox(engine, SECRET)
        places = Places(KEY, None, Drives(None))
        self.counter = Counter(engine, Shaky(self.sandbox, self.faults), lambda: places)
        self.places = places
        self.ends = threading.Event()

    def buy(self, seed: int) -> None:
        """Order something and pay, as somebody would whose page sometimes breaks."""
        chance = random.Random(seed)
        id_ = ""
        with suppress(Crash, MobigoError):
            id_ = self._order(chance)
        if not id_:
            return
        for _ in range(3):
            with suppress(Crash, MobigoError):
                order = self._pay(id_, chance)
                if order.state not in {"held", "paying"} or chance.random() < 0.3:
                    break
        if chance.random() < 0.1:
            with suppress(Crash, MobigoError):
                self.counter.cancel(id_, Buyer(), NOW)

    def _order(self, chance: random.Random) -> str:
        with Session(self.engine) as session, session.begin():
            shelf = open_shelf(fares.list_in_force(driver(session), NOW.date()))
            assert shelf is not None
            barred = chance.random() < BARRED
            wish = Wish(NAMED if barred else chance.choice(PRODUCTS), number=chance.choice([1, 1, 2]))
            contact = Contact(name="x" * 300) if barred else None  # too long for a code: it cannot be issued
            offer = offer_product(shelf, wish, Channel.WEB, NOW).offer
            offer = offers.read(KEY, offers.sign(KEY, offer), NOW)
            return Orders(session, self.places, Buyer(), NOW).hold([offer], contact, "web").id

    def _pay(self, id_: str, chance: random.Random) -> Any:  # noqa: ANN401
        method = chance.choice(sorted(METHODS - {"pm_card_createDispute", "pm_card_refundFail"}))
        with Session(self.engine) as session, session.begin():
            payment = self.counter.begin_payment(session, id_, Buyer(), NOW, method=method)
        return self.counter.finish_payment(id_, payment, Buyer(), NOW)

    def work(self) -> None:
        """Do what the worker does, dying now and then; old events are played again."""
        chance = random.Random(99)
        while not self.ends.is_set():
            with suppress(Crash, Exception):
                self.counter.tend(NOW + timedelta(seconds=chance.randrange(60)))
            with suppress(Crash, Exception):
                self._replay(chance)

    def _replay(self, chance: random.Random) -> None:
        with psycopg.connect(self.url) as connection:
            rows = connection.execute("SELECT body FROM sandbox_event ORDER BY random() LIMIT 3").fetchall()
        for (text,) in rows:
            body = text.encode()
            header = sign(SECRET, body, int(NOW.timestamp()))
            self.counter.payments.receive(body, header, NOW)
            if chance.random() < 0.5:
                self.counter.payments.receive(body, header, NOW)

    def run(self, orders: int) -> None:
        """Have everybody buy at once, then let the worker bring everything to its end."""
        with shaky_commits(self.faults):
            worker = threading.Thread(target=self.work)
            worker.start()
            with ThreadPoolExecutor(CUSTOMERS) as pool:
                list(pool.map(self.buy, range(orders)))
            self.ends.set()
            worker.join()
        self.faults.on = False
        for minutes in (2, 5, 20, 40, 60, 90, 120, 180, 240, 480, 960):
            self.counter.tend(NOW + timedelta(minutes=minutes))

    def read(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(statement.encode()).fetchall()


ORDERS = """
    SELECT o.state, o.cents,
           (SELECT coalesce(sum(r.cents), 0)::bigint FROM sandbox_row r JOIN sandbox_payment s ON s.id = r.payment
            JOIN payment p ON p.id = s.key WHERE p.reference = o.id),
           (SELECT count(*) FROM order_part q WHERE q.order_id = o.id),
           (SELECT count(*) FROM ticket t WHERE t.order_ref = o.reference AND t.state <> 'void')
    FROM ticket_order o
"""


def moments(*calls: str) -> set[str]:
    """List the kinds of moments around what is done."""
    return {f"{when} {what}" for when in ("before", "after") for what in calls}


def check(read: Callable[[str], list[tuple[Any, ...]]], orders: int) -> None:
    """No money without a ticket, no ticket without money."""
    states: Tally[str] = Tally()
    for state, cents, money, parts, tickets in read(ORDERS):
        states[state] += 1
        assert (money, tickets) == ((cents, parts) if state == "issued" else (0, 0)), (state, cents, money, tickets)
    assert set(states) <= {"issued", "expired", "cancelled", "compensated"}, states
    assert states["issued"] >= orders * SOLD, states
    (balance,) = read("SELECT coalesce(sum(cents), 0)::bigint FROM sandbox_row")[0]
    books = dict(read("SELECT account, sum(cents)::bigint FROM ledger_posting GROUP BY account"))
    assert sum(books.values()) == 0
    assert books["provider"] == balance
    assert not books.get("prepaid", 0)
    assert not books.get("refunds", 0)
    sold = read("SELECT coalesce(sum(cents), 0)::bigint FROM ticket_order WHERE state = 'issued'")
    assert balance == sold[0][0]


def test_no_money_without_a_ticket_and_no_ticket_without_money(engine: Engine, database_url: str) -> None:
    rush = Rush(engine, database_url, seed=1, chance=0.06)
    rush.run(40)
    assert set(rush.faults.struck) >= moments("commit", "open", "confirm", "look")
    check(rush.read, 40)


@pytest.mark.slow
def test_500_orders_at_once_end_as_they_should(engine: Engine, database_url: str) -> None:
    rush = Rush(engine, database_url, seed=2, chance=0.05)
    rush.run(500)
    assert set(rush.faults.struck) >= moments("commit", "open", "confirm", "look", "refund")
    check(rush.read, 500)


def test_a_death_at_each_single_moment_is_survived(engine: Engine, database_url: str) -> None:
    """One order after the other, each dying at the next moment there is: none is left out."""
    rush = Rush(engine, database_url, seed=3, chance=0.0)

    class At(Faults):
        left = 0

        def may_strike(self, where: str) -> None:
            if self.on and self.left >= 0:
                if self.left == 0:
                    self.left = -1
                    self.struck[where] += 1
                    raise Crash(where)
                self.left -= 1

    at = rush.faults = At(0, 0.0)
    at.on = True
    rush.counter = Counter(engine, Shaky(rush.sandbox, at), lambda: rush.places)
    tried = 0
    with shaky_commits(at):
        while True:
            at.left = tried
            with suppress(Crash):
                at_once = random.Random(tried)
                id_ = rush._order(at_once)
                with Session(engine) as session, session.begin():
                    payment = rush.counter.begin_payment(session, id_, Buyer(), NOW, method="pm_card_visa")
                rush.counter.finish_payment(id_, payment, Buyer(), NOW)
            if at.left >= 0:
                break  # it came to its end before its moment to die
            at.left = -1
            tried += 1
    at.on = False
    assert tried >= 14
    assert set(at.struck) == moments("commit", "open", "confirm")
    for minutes in (3, 20, 40, 60, 120):
        rush.counter.tend(NOW + timedelta(minutes=minutes))
    check(rush.read, 0)
