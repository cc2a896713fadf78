"""What is shown of a charge to whoever has its number from the bank's statement: days, rides and prices, no place."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from mobigo.db.session import driver
from mobigo.fares import service as fares
from mobigo.kit.errors import NotFound
from mobigo.papers.pdf import Paper, Table, write_day, write_euros, write_pdf
from mobigo.ticketing import debts_store, taps_store
from mobigo.ticketing.debts import get_charge
from mobigo.ticketing.taps_service import FRANCE

if TYPE_CHECKING:
    from datetime import date

    from sqlalchemy.orm import Session

    from mobigo.ticketing.debts_store import Charge, Noted


@dataclass(frozen=True)
class ShownRide:
    """A ride of a bill."""

    name: str
    cents: int
    """By itself."""
    whole: str
    """`taps.Whole`."""


@dataclass(frozen=True)
class ShownDay:
    """A day of a bill."""

    day: date
    cents: int
    """What it came to, with the best price."""
    alone: int
    """What its rides would have come to one by one."""
    rides: tuple[ShownRide, ...]
    """Empty where that is forgotten."""


@dataclass(frozen=True)
class Bill:
    """A charge, as its payer sees it."""

    charge: Charge
    last_digits: str | None
    days: tuple[ShownDay, ...]
    history: tuple[Noted, ...]


def read_bill(session: Session, id_: str, language: str) -> Bill:
    """Read what a charge was for.

    Raises
    ------
    NotFound
        ``unknown_charge``.
    """
    connection = driver(session)
    charge = get_charge(session, id_)
    card = taps_store.find_card(connection, charge.card) if charge.card else None
    counted = taps_store.list_days(connection, card.id) if card else []
    days = []
    for day, cents in debts_store.list_days_of(connection, charge.id):
        parts = [one for one in counted if one.day.day == day]
        rides = [
            ShownRide(_name(session, one.product, one.version, language), one.cents, one.whole)
            for part in parts
            for one in part.rides
        ]
        alone = sum(part.day.ways[0].cents for part in parts)
        days.append(ShownDay(day, cents, alone, tuple(rides)))
    notes = debts_store.list_notes(connection, charge.id)
    return Bill(charge, card.last_digits if card else None, tuple(days), tuple(notes))


def _name(session: Session, product: str | None, version: int | None, language: str) -> str:
    if version is None:
        return find_words(language)["forgotten"]
    if product is None:
        return find_words(language)["foreign"].format(currency=fares.get_catalogue(session, version).currency)
    try:
        _, sold = fares.get_product(session, version, product)
        return sold.name.of(language)
    except NotFound:
        return product


def write_receipt(bill: Bill, language: str, author: str) -> bytes:
    """Write a bill as a tagged PDF."""
    words, charge = find_words(language), bill.charge
    period = f"{write_day(charge.first, language)} \N{EN DASH} {write_day(charge.last, language)}"
    facts = [(words["number"], charge.id), (words["period"], period)]
    if bill.last_digits:
        facts.append((words["card"], f"\N{BULLET}\N{BULLET}\N{BULLET}\N{BULLET} {bill.last_digits}"))
    facts += [(words["state"], words[charge.state]), (words["total"], write_euros(charge.cents, language))]
    rows: list[tuple[str, ...]] = []
    for day in bill.days:
        rows += [(write_day(day.day, language), one.name, write_euros(one.cents, language)) for one in day.rides]
        less = day.cents - sum(one.cents for one in day.rides)
        if day.rides and less:
            rows.append((write_day(day.day, language), words["best"], write_euros(less, language)))
        if not day.rides:
            rows.append((write_day(day.day, language), words["rides"], write_euros(day.cents, language)))
    header = (words["day"], words["what"], words["amount"])
    return write_pdf(
        Paper(
            language=language,
            title=words["title"],
            author=author,
            facts=tuple(facts),
            texts=(words["text"],),
            tables=(Table(header, (2, 5, 2), (False, False, True), tuple(rows)),) if rows else (),
            footnote=words["foot"],
        ),
        at=(charge.settled_at or charge.made_at).astimezone(FRANCE),
    )


def find_words(language: str) -> dict[str, str]:
    """Return the words of receipts in a language."""
    text = resources.files(__package__).joinpath("taps.toml").read_text("utf-8")
    words: dict[str, dict[str, str]] = tomllib.loads(text)
    return words.get(language, words["fr"])
