"""Cards that are held to readers of the demonstration's coaches and trains, and a clock to be moved."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from itertools import count
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from mobigo.db.session import driver
from mobigo.fares.demonstration import publish_demonstration
from mobigo.ledger import service as ledger
from mobigo.payments.sandbox import Sandbox
from mobigo.payments.service import Payments
from mobigo.ticketing import debts, debts_store, taps_service, taps_store
from mobigo.ticketing.debts import PURPOSE, Till
from mobigo.ticketing.taps import Held, Tap
from mobigo.ticketing.taps_places import Places
from mobigo.ticketing.taps_policy import read_policy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Engine

    from mobigo.ticketing.taps_service import Taken

PARIS = ZoneInfo("Europe/Paris")
KEY = b"k" * 32
MONDAY = date(2026, 11, 23)
COACH, TRAIN = "demonstration:auxois", "demonstration:trains"
_numbers = count(1)


def hash_of(card: str) -> str:
    return sha256(card.encode()).hexdigest()


@dataclass
class Village:
    """Readers, cards, a payment provider and the office that counts."""

    engine: Engine
    now: datetime
    places: Places = field(default_factory=lambda: Places(None, PARIS))

    def __post_init__(self) -> None:
        self.provider = Sandbox(self.engine, "whsec_taps")
        self.payments = Payments(self.engine, self.provider, {PURPOSE: debts.follow})
        self.till = Till(self.provider, KEY)

    @contextmanager
    def session(self) -> Iterator[Session]:
        with Session(self.engine) as session, session.begin():
            yield session

    def go(self, day: date, clock: str = "06:00") -> None:
        """Move on to a moment of a day."""
        hour, _, minute = clock.partition(":")
        self.now = datetime(day.year, day.month, day.day, int(hour), int(minute), tzinfo=PARIS).astimezone(UTC)

    def tap(self, card: str, clock: str, day: date = MONDAY, agency: str = COACH, **said: object) -> Tap:
        """Hold a card to a reader; nothing is sent yet."""
        hour, _, minute = clock.partition(":")
        at = datetime(day.year, day.month, day.day, int(hour), int(minute), tzinfo=PARIS).astimezone(UTC)
        number = next(_numbers)
        values = {"held": Held.EITHER, "accepted": True, "device": f"v{number}", "seq": number, **said}
        return Tap(at=at, card=hash_of(card), agency=agency, **values)

    def send(self, *taps: Tap) -> list[Taken]:
        """Send what readers noted."""
        with self.session() as session:
            policy = read_policy(driver(session))
            told, _ = taps_service.take(session, policy, [(tap, None) for tap in taps], now=self.now)
            return told

    def know(self, card: str, method: str = "pm_card_visa") -> str:
        """Tell by what word the payment provider knows a card; its id."""
        with self.session() as session:
            id_ = self.id_of(session, card)
            debts.keep_token(session, KEY, id_, method, None)
            return id_

    def id_of(self, session: Session, card: str) -> str:
        found = taps_store.find_card_by_hash(driver(session), bytes.fromhex(hash_of(card)))
        assert found
        return found.id

    def count(self) -> int:
        """Count what is over; by how much all cards' days rose."""
        risen = 0
        with self.session() as session:
            due = taps_service.list_due(driver(session), self.now, 10_000)
            counting = taps_service.Counting(KEY, self.places, read_policy(driver(session)))
        for card in due:
            with self.session() as session:
                risen += taps_service.count(session, counting, card, self.now)
        return risen

    def collect(self) -> None:
        """Ask for what is to be asked for, and hear what the provider says."""
        with self.session() as session:
            owing = debts.list_owing(session, self.now, "", 10_000)
            due = debts_store.list_due(driver(session), self.now, 10_000)
        for card in owing:
            with self.session() as session:
                payment = debts.collect(session, self.till, card, self.now)
            if payment:
                self.payments.carry_out(payment.id, self.now)
        for charge in due:
            with self.session() as session:
                payment = debts.ask_again(session, self.till, charge, self.now)
            if payment:
                self.payments.carry_out(payment.id, self.now)
        self.hear()

    def hear(self) -> None:
        self.provider.deliver(self.now, self.payments.receive)
        self.payments.tend(self.now)

    def charges(self, card: str) -> list[tuple[int, str]]:
        with self.session() as session:
            found = debts_store.list_charges(driver(session), self.id_of(session, card))
        return [(one.cents, one.state.value) for one in found[::-1]]

    def owed(self, card: str) -> int:
        """What a card's days came to in all."""
        with self.session() as session:
            return taps_store.sum_dues(driver(session), self.id_of(session, card), None)

    def is_denied(self, card: str) -> bool:
        with self.session() as session:
            found = taps_store.find_card_by_hash(driver(session), bytes.fromhex(hash_of(card)))
            row = (
                driver(session)
                .execute(
                    "SELECT count(*) FROM ticket_denial WHERE kind = 'card' AND value = %s",
                    [bytes.fromhex(hash_of(card))],
                )
                .fetchone()
            )
        assert found
        assert row
        assert (found.denied_at is not None) == bool(row[0])
        return found.denied_at is not None

    def balances(self) -> dict[str, int]:
        with self.session() as session:
            found = {one.code: cents for one, cents in ledger.list_balances(session) if cents}
            assert ledger.balance(session) == 0
        return found


def open_village(engine: Engine) -> Village:
    """Publish the demonstration's prices and open the office on Tuesday morning."""
    one = Village(engine, datetime(2026, 11, 24, 5, 0, tzinfo=UTC))
    with one.session() as session:
        publish_demonstration(driver(session), now=one.now - timedelta(days=300), today=date(2026, 1, 1))
    return one
