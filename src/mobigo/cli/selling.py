"""What the worker does for orders: payments, refunds and tickets that wait; revenue, day by day; forgetting."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.engine import Engine

    from mobigo.journeys.network import Networks
    from mobigo.ondemand.supply import Supplies
    from mobigo.payments.provider import Provider
    from mobigo.settings import Settings
    from mobigo.ticketing.counter import Counter
    from mobigo.ticketing.service import Places


def open_provider(engine: Engine, settings: Settings, home: Path) -> Provider:
    """Return who takes payments: Stripe where its key is set, else the embedded provider, with which no money moves."""
    from mobigo.accounts.key import read_key
    from mobigo.payments.sandbox import Sandbox
    from mobigo.payments.stripe import Stripe

    if settings.stripe_key is None:
        return Sandbox(engine, read_key(home, "payments").hex())
    return Stripe(settings.stripe_key, settings.stripe_webhook_secrets, settings.stripe_url, settings.allow_hosts)


class Selling:
    """Takes up what orders wait for; keeps its connections and what it has read.

    Parameters
    ----------
    url : str
        Address of the database.
    settings : Settings
    """

    def __init__(self, url: str, settings: Settings) -> None:
        self._url = url
        self._settings = settings
        self._clock = settings.open_clock()

    def tend(self) -> None:
        """Take up payments, refunds, events and orders that are due."""
        self.counter.tend(self._clock.now())

    def earn(self) -> None:
        """Post what was earned until today."""
        from sqlalchemy.orm import Session

        from mobigo.ticketing import earnings

        with Session(self._engine) as session, session.begin():
            earnings.earn(session, self._clock.now(), by="system")

    def forget(self) -> None:
        """Forget who bought, which rides it was for, old answers and events."""
        from sqlalchemy.orm import Session

        from mobigo.ticketing import keeping

        with Session(self._engine) as session, session.begin():
            keeping.forget(session, self._clock.now())

    def _find_places(self) -> Places:
        from mobigo.accounts.key import read_key
        from mobigo.street.drives import Drives
        from mobigo.ticketing.service import Places

        network = self._networks.find_current()
        drives = network.drives if network else Drives(None)
        return Places(read_key(self._settings.home), self._supplies.current(drives), drives)

    @cached_property
    def counter(self) -> Counter:
        """Where orders and charges are paid."""
        from mobigo.ticketing import debts
        from mobigo.ticketing.counter import Counter

        provider = open_provider(self._engine, self._settings, self._settings.home)
        return Counter(self._engine, provider, self._find_places, {debts.PURPOSE: debts.follow})

    @cached_property
    def _networks(self) -> Networks:
        from mobigo.journeys.network import Networks  # as heavy as the planner

        return Networks(self._settings.home, self._clock)

    @cached_property
    def _supplies(self) -> Supplies:
        from mobigo.ondemand.supply import Supplies

        return Supplies(self._engine, self._clock)

    @cached_property
    def _engine(self) -> Engine:
        from mobigo.cli.context import open_noting

        return open_noting(self._url, self._settings.home, pool_size=3)
