"""What the worker does for bank cards: days are counted, money is asked for, what was where is forgotten."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Engine
    from sqlalchemy.orm import Session

    from mobigo.payments.model import Payment
    from mobigo.settings import Settings
    from mobigo.ticketing.counter import Counter
    from mobigo.ticketing.taps_places import Places

log = structlog.get_logger()

BATCH = 2_000
"""Cards that are looked for at once."""


class Tapping:
    """Counts days of cards and asks for what they owe; keeps its connections.

    Parameters
    ----------
    url : str
        Address of the database.
    settings : Settings
    find_counter : callable
        Where payments are carried out.
    """

    def __init__(self, url: str, settings: Settings, find_counter: Callable[[], Counter]) -> None:
        self._url = url
        self._home = settings.home
        self._clock = settings.open_clock()
        self._find_counter = find_counter

    def count(self) -> None:
        """Count days that are over, and ask for what is to be asked for."""
        self._count()
        self._collect()

    def _count(self) -> None:
        from sqlalchemy.orm import Session

        from mobigo.accounts.key import read_key
        from mobigo.db.session import driver
        from mobigo.ticketing import taps_service
        from mobigo.ticketing.taps_policy import read_policy

        now = self._clock.now()
        with Session(self._engine) as session:
            due = taps_service.list_due(driver(session), now, BATCH)
            policy = read_policy(driver(session))
        if not due:
            return
        counting = taps_service.Counting(read_key(self._home, "cards"), self._open_places(), policy)
        while due:
            failed = 0
            for card in due:
                try:
                    with Session(self._engine) as session, session.begin():
                        taps_service.count(session, counting, card, now)
                except Exception:  # one card must not hold up all others
                    failed += 1
                    log.exception("the days of a card were not counted", card=card)
            if failed or len(due) < BATCH:
                return
            with Session(self._engine) as session:
                due = taps_service.list_due(driver(session), now, BATCH)

    def _collect(self) -> None:
        from sqlalchemy.orm import Session

        from mobigo.accounts.key import read_key
        from mobigo.db.session import driver
        from mobigo.ticketing import debts, debts_store

        now = self._clock.now()
        till = debts.Till(self._find_counter().provider, read_key(self._home, "cards"))
        after = ""
        while True:
            with Session(self._engine) as session:
                owing = debts.list_owing(session, now, after, BATCH)
            for card in owing:
                self._ask(lambda session, card=card: debts.collect(session, till, card, now))  # type: ignore[misc]
            if len(owing) < BATCH:
                break
            after = owing[-1]
        with Session(self._engine) as session:
            due = debts_store.list_due(driver(session), now, BATCH)
        for charge in due:
            self._ask(lambda session, charge=charge: debts.ask_again(session, till, charge, now))  # type: ignore[misc]

    def _ask(self, ask: Callable[[Session], Payment | None]) -> None:
        from sqlalchemy.orm import Session

        now = self._clock.now()
        try:
            with Session(self._engine) as session, session.begin():
                payment = ask(session)
            if payment is not None:
                self._find_counter().payments.carry_out(payment.id, now)
        except Exception:  # likewise
            log.exception("a card was not asked for what it owes")

    def forget(self) -> None:
        """Forget which cards were where two days ago, after counting what is not counted."""
        from sqlalchemy.orm import Session

        from mobigo.db.session import driver
        from mobigo.ticketing import taps_keeping
        from mobigo.ticketing.taps_policy import read_policy

        self._count()
        now = self._clock.now()
        with Session(self._engine) as session, session.begin():
            taps_keeping.forget_movements(session, read_policy(driver(session)), now)
        with Session(self._engine) as session, session.begin():
            taps_keeping.carry_over(session, now)
        with Session(self._engine) as session, session.begin():
            taps_keeping.forget_bills(session, now)

    def renew(self) -> None:
        """Buy season tickets again whose time has come, and tell before."""
        from mobigo.accounts.key import read_key
        from mobigo.ticketing.passes import Renewals

        Renewals(self._find_counter(), read_key(self._home, "cards")).tend(self._clock.now())

    def forget_people(self) -> None:
        """Erase accounts that nobody used for two years."""
        from sqlalchemy.orm import Session

        from mobigo.ticketing import account

        with Session(self._engine) as session, session.begin():
            account.forget_idle(session, self._clock.now())

    def _open_places(self) -> Places:
        from mobigo.journeys.network import Networks  # as heavy as the planner
        from mobigo.ticketing.taps_places import Places
        from mobigo.ticketing.taps_service import FRANCE

        network = Networks(self._home, self._clock).find_current()
        return Places(network.timetable if network else None, FRANCE)

    @cached_property
    def _engine(self) -> Engine:
        from mobigo.db.engine import open_engine

        return open_engine(self._url, pool_size=1)
