"""Orders paid over HTTP while the API's process and the worker's are killed between any two states, for good.

The processes end by SIGKILL (`tests.ticketing.killed`) and are started anew; the database and the embedded provider's
books in it outlive them. When all is over, sound processes bring to an end what is on record.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest
from tests.ticketing.test_crash import BARRED, NAMED, PRODUCTS, check, moments

from mobigo.cli.selling import Selling
from mobigo.db.engine import libpq_conninfo
from mobigo.fares.demonstration import publish_demonstration
from mobigo.kit.clock import Clock
from mobigo.payments.sandbox import METHODS
from mobigo.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
RATE = 4.0
"""Seconds that pass in one: what takes the provider half a minute is over in eight seconds."""

ORDERS = 24
CUSTOMERS = 4
"""Threads that buy at once."""

PATIENCE = 400
"""Seconds in which all customers must have done what they do."""

WAYS = METHODS - {"pm_card_createDispute", "pm_card_refundFail"}


@contextmanager
def mortal(*arguments: str, keeps: tuple[int, ...] = ()) -> Iterator[None]:
    """Run a process that comes back as often as it is killed; nothing else ends it."""
    command = [sys.executable, "-m", "tests.ticketing.killed", *arguments]
    process = subprocess.Popen(command, pass_fds=keeps, start_new_session=True)
    try:
        yield
        assert process.poll() is None
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Customer:
    """Somebody whose page breaks whenever the server does, and who tries again with the same key."""

    def __init__(self, address: str, number: int, give_up: float) -> None:
        self._address, self._number, self._give_up = address, number, give_up
        self._chance = random.Random(number)

    def buy(self) -> None:
        """Order something and pay; some give it up."""
        chance = self._chance
        barred = chance.random() < BARRED
        wish = {"product": NAMED if barred else chance.choice(PRODUCTS), "number": chance.choice([1, 1, 2])}
        offers = [one["offer"] for one in self._ask("offers", {"products": [wish]})["offers"]]
        order = self._ask("orders", {"offers": offers, "contact": {"name": "Camille"}}, key="order")
        for attempt in range(3):
            body = {"method": chance.choice(sorted(WAYS))}
            answer = self._ask(f"orders/{order['id']}/pay", body, key=f"pay{attempt}", may_fail=True)
            if answer.get("state") not in {"held", "paying"} or chance.random() < 0.3:
                break
        if chance.random() < 0.1:
            self._ask(f"orders/{order['id']}/cancel", {}, key="cancel", may_fail=True)

    def _ask(self, path: str, body: Any, *, key: str = "", may_fail: bool = False) -> dict[str, Any]:  # noqa: ANN401 - JSON
        headers = {"Idempotency-Key": f"{self._number}-{key}"} if key else {}
        while time.monotonic() < self._give_up:
            try:
                answer = httpx.post(f"{self._address}/v1/tickets/{path}", json=body, headers=headers, timeout=120)
            except httpx.TransportError:
                time.sleep(0.1)
                continue
            found: dict[str, Any] = answer.json()
            if answer.status_code < 300 or (may_fail and answer.status_code == 409):
                return found
            assert answer.status_code == 503, answer.text
            time.sleep(0.1)
        raise AssertionError(f"customer {self._number} was never answered about {path}")


def bar(database_url: str) -> None:
    """Let what is bound to a person fail for good when it is issued: its name is too long for a code."""
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        connection.execute(
            "CREATE FUNCTION lengthen() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " NEW.contact = jsonb_set(NEW.contact, '{name}', to_jsonb(repeat('x', 300))); RETURN NEW; END $$"
        )
        connection.execute(
            "CREATE TRIGGER lengthen BEFORE INSERT ON ticket_order FOR EACH ROW WHEN (NEW.cents >= 5000)"
            " EXECUTE FUNCTION lengthen()"
        )


@pytest.mark.slow
def test_killed_processes_leave_no_money_without_a_ticket(home: Path, database_url: str) -> None:
    (home / "sandbox").touch()
    clock = Clock(home / "clock.json")
    clock.move(NOW, RATE)
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        assert publish_demonstration(connection, now=NOW, today=NOW.date())
    bar(database_url)
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        give_up = time.monotonic() + PATIENCE
        with (
            mortal("api", str(home), database_url, str(listener.fileno()), keeps=(listener.fileno(),)),
            mortal("worker", str(home), database_url),
            ThreadPoolExecutor(CUSTOMERS) as pool,
        ):
            list(pool.map(lambda number: Customer(address, number, give_up).buy(), range(ORDERS)))
    struck = set((home / "deaths.txt").read_text().splitlines())
    assert struck >= {f"api: {one}" for one in moments("commit", "open", "confirm")}
    assert struck >= {f"worker: {one}" for one in moments("commit", "look")}
    sound = Selling(database_url, Settings(home, database_url, None, (), home))
    now = clock.now()
    for minutes in (2, 5, 20, 40, 60, 90, 120, 180, 240, 480, 960):
        clock.move(now + timedelta(minutes=minutes), 0)
        sound.tend()
    sound._supplies.close()
    sound._engine.dispose()

    def read(statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(libpq_conninfo(database_url)) as connection:
            return connection.execute(statement.encode()).fetchall()

    check(read, ORDERS)
    assert len(read("SELECT id FROM ticket_order")) == ORDERS
