"""What drivers are paid, in bulk: a million journeys evaluated, a month of 100,000 runs closed; part of carpooling."""

from __future__ import annotations

import random
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from sqlalchemy.orm import Session
from tests.carpool.money_rows import KEY, PAYER, Driven, Sat, put_driven, put_people

from benchmarks.bar import Bar
from mobigo.carpool.model import Journey, Place
from mobigo.carpool.month import Closer
from mobigo.carpool.policy import read_policy
from mobigo.db import cluster, migrate
from mobigo.db.engine import libpq_conninfo, open_engine

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SEED = 11
JOURNEYS, EVALUATE_LIMIT = 1_000_000, 60.0
RUNS, DRIVERS, PASSENGERS, CLOSE_LIMIT = 100_000, 8_000, 20_000, 120.0
"""Seconds are the limits."""
CHUNK = 50_000
"""Journeys made at a time."""

SHORTEST, FAR, FARTHEST, LONGEST = 2_000, 15_000, 30_000, 80_000
"""Metres."""
MOST_TRIPS, MOST_CENTS = 6, 15_000
"""Of a driver, on a day and in a month."""
ADULTS = 0.98

POLICY: dict[str, Any] = {
    "from": "2026-01-01T00:00:00+01:00",
    "classes": ["B", "C"],
    "distance_min_m": SHORTEST,
    "distance_max_m_exclusive": LONGEST + 1,
    "adult_only": True,
    "zones": [{"rule": "start_or_end_in", "selector": {"aom": ["1", "2", "3"]}}],
    "formula": {
        "mode": "sum",
        "slices": [
            {"from_m": SHORTEST, "to_m": FAR, "per_seat_cents": 150},
            {"from_m": FAR, "to_m": FARTHEST, "per_seat_per_km_cents": 10.5, "km_from_m": FAR, "km_to_m": FARTHEST},
        ],
    },
    "limits": [
        {"counter": "trips", "period": "day", "scope": "driver", "max": MOST_TRIPS, "priority": 21},
        {"counter": "amount", "period": "month", "scope": "driver", "max": MOST_CENTS, "priority": 32},
        {"counter": "amount", "period": "campaign", "scope": "global", "max": 10**12, "priority": 33},
    ],
}
"""As large campaigns are: two slices, three limits, a zone."""


def bars() -> Iterator[Bar]:
    """Measure both."""
    yield from _evaluate()
    yield from _close()


# ── a million journeys ────────────────────────────────────────────────────────────────────────────────────────────────


def _evaluate() -> Iterator[Bar]:
    policy, counters = read_policy("bench", POLICY), {}
    chance = random.Random(SEED)
    first = datetime(2026, 1, 1, tzinfo=UTC)
    places = [Place({"com": str(code), "aom": str(code % 5)}) for code in range(500)]
    seconds, total, wrong, expected = 0.0, 0, 0, _Expected()
    for chunk in range(JOURNEYS // CHUNK):
        journeys = [_draw(chance, places, first + timedelta(seconds=20 * (chunk * CHUNK + n))) for n in range(CHUNK)]
        begun = time.perf_counter()
        awards = [policy.award(one, counters) for one in journeys]
        seconds += time.perf_counter() - begun
        total += sum(award.cents for award in awards)
        wrong += sum(award.cents != expected.pay(one) for award, one in zip(awards, journeys, strict=True))
    how = f"{JOURNEYS:,} journeys one after the other, two slices and three limits, explained; {total / 100:,.2f} euros"
    yield Bar("a million journeys evaluated", seconds, "s", EVALUATE_LIMIT, "lower", how)
    how = "journeys whose cents are not those of fractions worked out by hand"
    yield Bar("a million journeys: not exact", wrong, "journeys", 0, "lower", how)


def _draw(chance: random.Random, places: Sequence[Place], at: datetime) -> Journey:
    return Journey(
        id="j",
        trip="t",
        operator="OP",
        proof="ABCCCC"[chance.randrange(6)],
        start_at=at,
        metres=chance.randrange(500, 90_000),
        seats=chance.randrange(1, 4),
        driver=f"d{chance.randrange(9_000)}",
        passenger=f"p{chance.randrange(30_000)}",
        adult=chance.random() < ADULTS,
        driver_revenue=0,
        passenger_contribution=150,
        start=places[chance.randrange(500)],
        end=places[chance.randrange(500)],
    )


class _Expected:
    """The same rule written out by hand, in fractions."""

    def __init__(self) -> None:
        self._trips: dict[tuple[str, str], int] = {}
        self._months: dict[tuple[str, str], int] = {}

    def pay(self, one: Journey) -> int:
        zones = {one.start.codes["aom"], one.end.codes["aom"]}
        if one.proof == "A" or not one.adult or not zones & {"1", "2", "3"}:
            return 0
        if not SHORTEST <= one.metres <= LONGEST:
            return 0
        amount = Fraction(150) * one.seats
        if one.metres > FAR:
            amount += Fraction("10.5") * (min(one.metres, FARTHEST) - FAR) / 1000 * one.seats
        cents = int(amount + Fraction(1, 2))
        day = f"{(one.start_at + timedelta(hours=2 if _is_summer(one.start_at) else 1)):%Y-%m-%d}"
        trips = self._trips.get((one.driver, day), 0)
        if trips >= MOST_TRIPS:
            return 0
        self._trips[one.driver, day] = trips + 1
        month = (one.driver, day[:7])
        cents = min(cents, MOST_CENTS - self._months.get(month, 0))
        self._months[month] = self._months.get(month, 0) + cents
        return cents


def _is_summer(at: datetime) -> bool:
    """Tell whether clocks in France are two hours ahead in 2026."""
    return datetime(2026, 3, 29, 1, tzinfo=UTC) <= at < datetime(2026, 10, 25, 1, tzinfo=UTC)


# ── a month ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _close() -> Iterator[Bar]:
    with _database() as url:
        expected = _fill(url)
        engine = open_engine(url, pool_size=1)
        with Session(engine) as session:
            closer = Closer(session, key=KEY, payer=PAYER)
            begun = time.perf_counter()
            found = closer.close(date(2026, 3, 1), by="bench", now=datetime(2026, 4, 1, tzinfo=UTC))
            session.commit()
            seconds = time.perf_counter() - begun
        engine.dispose()
    how = (
        f"{found.month.runs:,} runs of {DRIVERS:,} drivers, {found.total / 100:,.2f} euros; paid, posted, sent, stored"
    )
    yield Bar("a month of 100,000 runs closed", seconds, "s", CLOSE_LIMIT, "lower", how)
    wrong = abs(found.total - expected) + abs(found.ledger - expected) + abs(found.sepa - expected)
    how = f"between payouts, books, bank file and the {expected:,} cents worked out by hand"
    yield Bar("a month of 100,000 runs: cents of difference", wrong, "cents", 0, "lower", how)


@contextmanager
def _database() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="mobigo-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        cluster.start(folder)
        try:
            url = cluster.find_url(folder)
            assert url
            migrate.upgrade(url)
            yield url
        finally:
            cluster.drop(folder)


def _fill(url: str) -> int:
    """Write a month of runs; what they are paid, in cents."""
    chance = random.Random(SEED)
    total = 0
    with psycopg.connect(libpq_conninfo(url)) as connection:
        put_people(connection, [f"d{n}" for n in range(DRIVERS)])
        put_people(connection, [f"p{n}" for n in range(PASSENGERS)], iban=None)
        for chunk in range(0, RUNS, CHUNK // 5):
            runs = []
            for n in range(chunk, chunk + CHUNK // 5):
                alight = chance.randrange(16, 54) * 500
                seats = [chance.randrange(1, 3) for _ in range(chance.randrange(1, 4))]
                sat = [Sat(f"p{chance.randrange(PASSENGERS)}", 0, alight, one) for one in seats]
                day = date(2026, 3, 1) + timedelta(chance.randrange(31))
                at = clock_time(chance.randrange(5, 22), chance.randrange(60))
                runs.append(Driven(f"r{n}", f"d{n % DRIVERS}", day, sat, at=at))
                total += (2 * alight // 100 + 1) // 2 + 100 * min(sum(seats) - 1, 3)
            put_driven(connection, runs)
        connection.execute("ANALYZE")
    return total
