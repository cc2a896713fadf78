"""Revenue earned day by day: of a pass each day its share, of a ride the day of travel.

What is earned of a part until the end of a day is the floor of its price without VAT times the days gone, by all its
days; each run posts the difference to what was posted before, so a run that was missed is made up for by the next, and
in the end exactly the price is earned. What is for closed months is posted to the day of the run.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from mobigo.db.session import driver
from mobigo.ledger import service as ledger
from mobigo.ledger.model import Chart, Entry, Posting
from mobigo.ticketing import books, revenue_store
from mobigo.tickets import service as tickets

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

ZONE = ZoneInfo("Europe/Paris")
"""Where days of the books begin and end."""

EARNED = "fares_earned"
"""Kind of entries."""

DAY_STARTS = timedelta(hours=4)
"""A day of travel ends at four in the morning."""


def today(now: datetime) -> date:
    """Return the day of travel of an instant."""
    return (now.astimezone(ZONE).replace(tzinfo=None) - DAY_STARTS).date()


def earn(session: Session, now: datetime, *, by: str, until: date | None = None) -> int:
    """Post what was earned by the end of yesterday, or of another day that is over; return the cents.

    Run again, it posts nothing.
    """
    connection = driver(session)
    revenue_store.lock(connection)
    last = today(now) - timedelta(days=1) if until is None else until
    _begin_used(session, last)
    posted = revenue_store.earn_until(connection, last)
    by_day: dict[date, list[tuple[str, int]]] = {}
    for day, product, cents in posted:
        by_day.setdefault(day, []).append((product, cents))
    ledger.post_all(session, [_entry(connection, day, some, now, by) for day, some in sorted(by_day.items())])
    return sum(cents for _, _, cents in posted)


def _entry(connection: Any, day: date, some: list[tuple[str, int]], now: datetime, by: str) -> Entry:  # noqa: ANN401
    postings: list[Posting] = []
    for product, cents in sorted(some):
        party = books.product_party(product)
        postings += [Posting(Chart.DEFERRED, cents, party), Posting(Chart.FARES, -cents, party)]
    number = revenue_store.count_runs(connection, day)
    return Entry(
        0, now, EARNED, f"revenue:{day.isoformat()}", tuple(postings), f"revenue/{day.isoformat()}/{number}", by
    )


def _begin_used(session: Session, last: date) -> None:
    """Let what counts from its first use be earned from that day on."""
    connection = driver(session)
    waiting = revenue_store.list_unused(connection, last)
    uses = tickets.list_uses(session, [ticket for _, ticket in waiting])
    for part, ticket in waiting:
        used = uses.get(ticket)
        if used is not None and used.first_at is not None:
            revenue_store.begin_earning(connection, part, today(used.first_at))
