"""A village where tickets are sold: the taxi of `tests.ondemand`, the demonstration's prices, the embedded provider."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
from sqlalchemy.orm import Session
from tests.ondemand.taxi_town import CAMILLE

from mobigo.db.engine import libpq_conninfo
from mobigo.db.session import driver
from mobigo.fares import service as fares
from mobigo.fares.demonstration import publish_demonstration
from mobigo.payments.sandbox import Sandbox
from mobigo.payments.store import get_payment

if TYPE_CHECKING:
    from tests.ondemand.taxi_town import TaxiTown

    from mobigo.fares.catalogue import Catalogue
    from mobigo.payments.model import Payment
    from mobigo.ticketing.counter import Counter


class Shop:
    """The served application, and shorthands for what one buys there."""

    def __init__(self, town: TaxiTown, catalogue: Catalogue | None = None) -> None:
        self.town = town
        self.http = town.http
        self.counter: Counter = town.http.app.state.counter
        with psycopg.connect(libpq_conninfo(town.database_url)) as connection:
            now = town.clock.now()
            if catalogue is None:
                assert publish_demonstration(connection, now=now, today=now.date())
            else:
                draft = fares.draft_catalogue(connection, catalogue, origin="test", by="test", now=now)
                fares.publish(connection, draft.number, seen=draft.revision, by="test", now=now, today=now.date())

    @property
    def sandbox(self) -> Sandbox:
        """The embedded provider."""
        assert isinstance(self.counter.provider, Sandbox)
        return self.counter.provider

    def ask(self, method: str, path: str, body: object = None, *, status: int = 200, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """Ask something, and expect a status."""
        answer = self.http.request(method, f"/v1/tickets/{path}", json=body, **more)
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def offer(self, *products: str | dict[str, Any], status: int = 200, **body: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """Ask for offers."""
        wanted = [{"product": one} if isinstance(one, str) else one for one in products]
        return self.ask("POST", "offers", {"products": wanted, **body}, status=status)

    def order(self, *products: str | dict[str, Any], contact: object = CAMILLE, **body: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """Order products, or what else is offered."""
        offers = [one["offer"] for one in self.offer(*products, **body)["offers"]]
        return self.ask("POST", "orders", {"offers": offers, "contact": contact}, status=201)

    def pay(self, order: dict[str, Any], method: str | None = "pm_card_visa", **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """Pay an order."""
        return self.ask("POST", f"orders/{order['id']}/pay", {"method": method}, **more)

    def read(self, order: dict[str, Any]) -> dict[str, Any]:
        """Look at an order."""
        return self.ask("GET", f"orders/{order['id']}")

    def later(self, **passed: int) -> None:
        """Let time pass, and the worker do what is due."""
        self.town.put_clock(self.town.clock.now() + timedelta(**passed))
        self.counter.tend(self.town.clock.now())

    def books(self) -> dict[str, int]:
        """Return what the accounts hold, debits less credits; they add up to nothing."""
        with psycopg.connect(libpq_conninfo(self.town.database_url)) as connection:
            rows = connection.execute("SELECT account, sum(cents)::bigint FROM ledger_posting GROUP BY account")
            found = {account: cents for account, cents in rows if cents}
        assert sum(found.values()) == 0
        return found

    def parties(self) -> dict[tuple[str, str | None], int]:
        """Return what the accounts hold of each party, debits less credits."""
        with psycopg.connect(libpq_conninfo(self.town.database_url)) as connection:
            rows = connection.execute(
                "SELECT account, party, sum(cents)::bigint FROM ledger_posting GROUP BY account, party"
            )
            return {(account, party): cents for account, party, cents in rows if cents}

    def provided(self) -> int:
        """Return what the provider holds for us by its own file, before its fees."""
        with psycopg.connect(libpq_conninfo(self.town.database_url)) as connection:
            row = connection.execute("SELECT coalesce(sum(cents), 0)::bigint FROM sandbox_row").fetchone()
        assert row
        return int(row[0])

    def payment(self) -> Payment:
        """Return the only payment."""
        with Session(self.counter.engine) as session:
            (row,) = driver(session).execute("SELECT id FROM payment").fetchall()
            return get_payment(driver(session), row[0])
