"""Certificates for employers, who pay half of what their staff pay for passes: what was paid, checked by its number.

Only passes count, not single tickets, as the law says of season tickets (code du travail, L. 3261-2). Whoever has the
number of a certificate learns its figures and no name.
"""

from __future__ import annotations

import secrets
import tomllib
from dataclasses import asdict, dataclass
from datetime import date
from importlib import resources
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from mobigo.db.session import driver
from mobigo.fares import service as fares
from mobigo.kit.errors import InvalidInput, NotFound
from mobigo.papers.pdf import Paper, Table, write_day, write_euros, write_pdf
from mobigo.ticketing import account
from mobigo.ticketing.passes import AGAIN_AND_AGAIN
from mobigo.ticketing.taps_service import FRANCE

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

LONGEST = 366
"""Days of one certificate."""


@dataclass(frozen=True)
class Bought:
    """A pass that was paid."""

    product: str
    version: int
    first: str
    """Day from which it is valid, ISO 8601."""
    last: str
    cents: int
    """Paid, less what was given back."""


@dataclass(frozen=True)
class Certificate:
    """A certificate that was made."""

    id: str
    account: str | None
    first: date
    last: date
    passes: tuple[Bought, ...]
    made_at: datetime

    @property
    def cents(self) -> int:
        """What was paid in all."""
        return sum(one.cents for one in self.passes)

    @property
    def half(self) -> int:
        """What an employer pays of it, rounded up."""
        return -(-self.cents // 2)


def make(session: Session, who: str, first: date, last: date, now: datetime) -> Certificate:
    """Make a certificate of the passes that begin in a period.

    Raises
    ------
    InvalidInput
        ``invalid_period``: it is none, longer than a year, or there was no pass in it.
    """
    account.get(session, who)
    if not 0 <= (last - first).days < LONGEST:
        raise InvalidInput(f"{first} to {last} is no period of at most {LONGEST} days", code="invalid_period")
    passes = tuple(_list_passes(session, who, first, last))
    if not passes:
        raise InvalidInput(
            f"no pass of yours begins from {first} to {last}; single tickets are not certified", code="invalid_period"
        )
    one = Certificate(f"emp_{secrets.token_urlsafe(18)}", who, first, last, passes, now)
    driver(session).execute(
        "INSERT INTO employer_certificate (id, account, first, last, figures, made_at) VALUES (%s, %s, %s, %s, %s, %s)",
        [one.id, who, first, last, Jsonb([asdict(each) for each in passes]), now],
    )
    return one


def _list_passes(session: Session, who: str, first: date, last: date) -> list[Bought]:
    rows = driver(session).execute(
        "SELECT part.product, part.version, part.valid_from, part.valid_until, part.cents - part.given_back"
        " FROM order_part AS part JOIN ticket_order AS o ON o.id = part.order_id"
        " WHERE o.account = %s AND part.ticket IS NOT NULL AND part.valid_from IS NOT NULL"
        " AND part.state IN ('fulfilled', 'refund_ongoing', 'refunded') AND part.cents > part.given_back"
        " ORDER BY part.valid_from, part.id",
        [who],
    )
    found = []
    for product, version, since, until, cents in rows:
        _, sold = fares.get_product(session, version, product)
        day = since.astimezone(FRANCE).date()
        if sold.kind in AGAIN_AND_AGAIN and first <= day <= last:
            found.append(Bought(product, version, day.isoformat(), until.astimezone(FRANCE).date().isoformat(), cents))
    return found


def get(session: Session, id_: str) -> Certificate:
    """Return a certificate by its number.

    Raises
    ------
    NotFound
        ``unknown_certificate``.
    """
    row = (
        driver(session)
        .execute("SELECT id, account, first, last, figures, made_at FROM employer_certificate WHERE id = %s", [id_])
        .fetchone()
    )
    if row is None:
        raise NotFound(
            f"no certificate {id_[:60]!r} was made here; compare it with the paper", code="unknown_certificate"
        )
    number, who, first, last, figures, made_at = row
    return Certificate(number, who, first, last, tuple(Bought(**one) for one in figures), made_at)


def write(session: Session, one: Certificate, *, author: str, address: str) -> bytes:
    """Write a certificate as a tagged PDF, with its owner's name, for its owner."""
    who = account.get(session, one.account or "")
    language = who.language
    words: dict[str, Any] = tomllib.loads(resources.files(__package__).joinpath("employers.toml").read_text("utf-8"))
    say: dict[str, str] = words[language]
    rows = []
    for each in one.passes:
        _, sold = fares.get_product(session, each.version, each.product)
        rows.append((sold.name.of(language), _day(each.first, language), write_euros(each.cents, language)))
    facts = (
        (say["person"], who.name),
        (say["period"], f"{write_day(one.first, language)} \N{EN DASH} {write_day(one.last, language)}"),
        (say["paid"], write_euros(one.cents, language)),
        (say["half"], write_euros(one.half, language)),
    )
    return write_pdf(
        Paper(
            language=language,
            title=say["title"],
            author=author,
            facts=facts,
            texts=(say["text"],),
            tables=(Table((say["pass"], say["from"], say["amount"]), (4, 2, 2), (False, False, True), tuple(rows)),),
            footnote=f"{say['check']} {address}",
        ),
        at=one.made_at,
    )


def _day(iso: str, language: str) -> str:

    return write_day(date.fromisoformat(iso), language)
