"""The worker's hands: what an order waits for is done without anybody asking, and what is over is forgotten."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session
from tests.ondemand.taxi_town import CAMILLE, open_town
from tests.ticketing.counter_town import Shop

from mobigo.cli.selling import Selling, open_provider
from mobigo.payments.sandbox import Sandbox
from mobigo.payments.stripe import Stripe
from mobigo.settings import Settings
from mobigo.ticketing.service import Buyer

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.engine import Engine


def test_the_worker_issues_earns_and_forgets(engine: Engine, home: Path, database_url: str) -> None:
    (home / "sandbox").touch()
    settings = Settings(home, database_url, None, (), home)
    with open_town(engine, home, database_url) as town:
        shop = Shop(town)
        order = shop.order("coach_day", quotes=[town.quote(9)])
        now = town.clock.now()
        with Session(engine) as session, session.begin():  # the API dies once it has written that it is being paid
            shop.counter.begin_payment(session, order["id"], Buyer(), now, method="pm_card_visa")
        selling = Selling(database_url, settings)
        town.put_clock(now + timedelta(minutes=3))
        selling.tend()
        selling.tend()
        assert shop.read(order)["state"] == "issued"
        town.put_clock(now + timedelta(days=3))
        selling.earn()
        assert shop.books()["fares"] < 0
        assert town.read("SELECT contact ->> 'name' FROM ticket_order") == [(CAMILLE["name"],)]
        town.put_clock(now + timedelta(days=40))
        selling.forget()
        assert town.read("SELECT contact FROM ticket_order") == [(None,)]
        assert town.read("SELECT count(*) FROM order_ride") == [(0,)]
        selling._supplies.close()
        selling._engine.dispose()


def test_who_takes_payments_is_a_matter_of_settings(engine: Engine, home: Path) -> None:
    plain = Settings(home, None, None, (), home)
    assert isinstance(open_provider(engine, plain, home), Sandbox)
    real = Settings(home, None, None, (), home, stripe_key="sk_live_x", stripe_webhook_secrets=("whsec_x",))
    found = open_provider(engine, real, home)
    assert isinstance(found, Stripe)
    assert "sk_live_x" not in repr(found)
    assert "sk_live_x" not in repr(real)
