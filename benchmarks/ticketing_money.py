"""What the close of a month takes: a million validations, passes and journeys; part of ticketing."""

from __future__ import annotations

import random
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy.orm import Session

from benchmarks.bar import Bar
from mobigo.db import cluster, migrate
from mobigo.db.engine import libpq_conninfo, open_engine
from mobigo.db.session import driver
from mobigo.fares.demonstration import publish_demonstration
from mobigo.ledger.sepa import Account
from mobigo.settings import SAMPLE_IBAN
from mobigo.ticketing import revenue_store
from mobigo.ticketing.month import Closer

if TYPE_CHECKING:
    from collections.abc import Iterator

SEED = 17
VALIDATIONS, PASSES, JOURNEYS, CLOSE_LIMIT = 1_000_000, 40_000, 160_000, 180.0
"""Seconds are the limit."""
BY_PASS = 0.8
"""Share of the validations."""
AGENCIES = ("auxois", "semur", "trains", "dijon")
OPERATORS = ("auxois", "navettes", "trains", "tram")
MONTH = datetime(2026, 10, 1, tzinfo=UTC)
DAYS = 31
CLOSED = datetime(2026, 11, 3, 9, tzinfo=UTC)


def bars() -> Iterator[Bar]:
    """Measure it, on a database of its own."""
    with tempfile.TemporaryDirectory(prefix="mobigo-bench-") as name:
        home = Path(name)
        home.chmod(0o755)  # root's server runs as another user, who must get in
        try:
            cluster.start(home, {})
            url = cluster.find_url(home)
            assert url
            migrate.upgrade(url)
            with psycopg.connect(libpq_conninfo(url)) as connection:
                publish_demonstration(connection, now=MONTH, today=MONTH.date())
                _put_sales(connection)
                _put_validations(connection)
                for operator in OPERATORS:
                    revenue_store.set_account(
                        connection, operator, name=operator, iban=SAMPLE_IBAN, by="bench", at=MONTH
                    )
                connection.commit()
                connection.autocommit = True
                connection.execute("ANALYZE")
            yield _close(url)
        finally:
            cluster.drop(home)


def _close(url: str) -> Bar:
    engine = open_engine(url)
    begun = time.perf_counter()
    with Session(engine) as session, session.begin():
        found = Closer(session, Account("Bench", SAMPLE_IBAN)).close(MONTH.date(), by="bench", now=CLOSED)
    taken = time.perf_counter() - begun
    with Session(engine) as session:
        rows = driver(session).execute("SELECT sum(cents)::bigint FROM ledger_posting").fetchone()
    engine.dispose()
    exact = rows == (0,) and sum(one.cents for one in found.shares) == found.month.earned
    assert exact
    assert found.month.uses == VALIDATIONS
    how = (
        f"{VALIDATIONS:,} validations, {PASSES:,} passes and {JOURNEYS:,} journeys of a month: earned, shared between"
        f" {len(OPERATORS)} operators, posted, written for the bank; shares add up to the cent: {exact}"
    )
    return Bar("a month of a million validations closed", taken, "s", CLOSE_LIMIT, "lower", how)


def _put_sales(connection: psycopg.Connection) -> None:
    """Write issued orders as the counter would: passes of the month, journeys of each day."""
    chance = random.Random(SEED)
    number = PASSES + JOURNEYS
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY ticket_order (id, reference, state, version, currency, cents, channel, until, made_by, created_at)"
            " FROM STDIN"
        ) as copy,
    ):
        for n in range(number):
            copy.write_row((f"o{n}", f"{n:06d}", "issued", 1, "EUR", 1_000, "web", MONTH, "bench", MONTH))
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY order_part (id, order_id, number, kind, state, version, product, category, fellows, cents,"
            " vat_permille, vat, valid_from, valid_until, rides, areas, split, earn_from, earn_days) FROM STDIN"
        ) as copy,
    ):
        for n in range(number):
            pass_ = n < PASSES
            day = MONTH + timedelta(days=0 if pass_ else chance.randrange(DAYS))
            cents = 12_000 if pass_ else chance.choice([150, 420, 890, 1_310])
            vat = round(cents / 11)
            first, second = chance.sample(OPERATORS, 2)
            metres = chance.randrange(2_000, 90_000, 1_000)
            split = {} if pass_ else {first: [1, metres, cents - 40], second: [1, 3_000, 170]}
            copy.write_row(
                (
                    f"o{n}.0",
                    f"o{n}",
                    0,
                    "admission",
                    "fulfilled",
                    1,
                    "region_month" if pass_ else "rail_single",
                    "adult",
                    1,
                    cents,
                    100,
                    vat,
                    day,
                    day + timedelta(days=DAYS if pass_ else 1),
                    [] if pass_ else [0, 1],
                    [],
                    Jsonb(split),
                    day.date(),
                    DAYS if pass_ else 1,
                )
            )
    connection.execute(
        """
        WITH entry AS (
            INSERT INTO ledger_entry (at, kind, reference, key, written_by, note)
            VALUES (%s, 'sold', 'bench', 'bench', 'bench', '') RETURNING id
        ), sold AS (SELECT sum(cents - vat)::bigint AS cents FROM order_part)
        INSERT INTO ledger_posting (entry_id, number, account, party, cents)
        SELECT entry.id, 0, 'provider', NULL, cents FROM entry, sold
        UNION ALL SELECT entry.id, 1, 'deferred', NULL, -cents FROM entry, sold
        """,
        [MONTH],
    )


def _put_validations(connection: psycopg.Connection) -> None:
    chance = random.Random(SEED)
    connection.execute(
        "INSERT INTO ticket_device (id, name, kind, made_at, made_by) VALUES ('d', 'd', 'validator', now(), 'bench')"
    )
    span = DAYS * 86_400 - 10_000
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY ticket_event (device, seq, at, received_at, kind, reason, product, version, use, agency, metres,"
            " before, hash) FROM STDIN"
        ) as copy,
    ):
        for n in range(VALIDATIONS):
            at = MONTH + timedelta(seconds=chance.randrange(span))
            product = "region_month" if chance.random() < BY_PASS else "rail_single"
            agency = f"demonstration:{chance.choice(AGENCIES)}"
            copy.write_row(("d", n, at, at, "validation", "ok", product, 1, True, agency, 5_000, b"", b""))
