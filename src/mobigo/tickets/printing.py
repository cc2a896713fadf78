"""A ticket on paper: both codes, and in words what they say."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from mobigo.papers.pdf import Paper, Picture, write_day, write_euros, write_pdf
from mobigo.tickets.drawing import draw_svg, lay
from mobigo.tickets.model import Format, TravelClass
from mobigo.tickets.railway import LOCAL

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from mobigo.tickets.model import Ticket

WIDE = 6.5
"""Centimetres of a code on paper."""


@cache
def find_words(language: str) -> Mapping[str, str]:
    """Return the words of printed tickets, ``fr`` or ``en``."""
    text = resources.files(__package__).joinpath("paper.toml").read_text("utf-8")
    words: Mapping[str, str] = tomllib.loads(text)[language]
    return words


def print_ticket(ticket: Ticket, data: Mapping[Format, bytes], product: str, category: str, language: str) -> bytes:
    """Print a ticket as a tagged PDF.

    Parameters
    ----------
    product, category : str
        Their names, in the language.
    """
    words, wanted = find_words(language), ticket.wanted
    facts = [(words["number"], f"{ticket.id[:4]} {ticket.id[4:8]} {ticket.id[8:]}"), (words["product"], product)]
    if wanted.holder is not None:
        born = f" ({write_day(wanted.holder.born, language)})" if wanted.holder.born else ""
        facts.append((words["holder"], wanted.holder.name + born))
    facts += [(words["category"], category), (words["valid"], _say_validity(ticket, language))]
    if wanted.fellows > 1:
        facts.append((words["people"], str(wanted.fellows)))
    if wanted.rides:
        facts.append((words["rides"], str(wanted.rides)))
    if wanted.scope.origin and wanted.scope.destination:
        facts.append((words["way"], f"{wanted.scope.origin} – {wanted.scope.destination}"))  # noqa: RUF001 - a dash of a way
    first = wanted.travel_class is TravelClass.FIRST
    facts.append((words["class"], words["first" if first else "second"]))
    price = (
        write_euros(wanted.cents, language) if wanted.currency == "EUR" else f"{wanted.cents / 100} {wanted.currency}"
    )
    vat = f", {words['vat'].format(percent=_percent(wanted.vat_permille, language))}" if wanted.vat_permille else ""
    facts.append((words["price"], price + vat))
    names = ((Format.UIC, words["aztec"]), (Format.COMPACT, words["qr"]))
    paper = Paper(
        language=language,
        title=words["title"],
        author=words["author"],
        facts=tuple(facts),
        texts=tuple(
            words[name]
            for name, said in (("specimen", wanted.specimen), ("bound", ticket.phone is not None), ("advice", True))
            if said
        ),
        tables=(),
        pictures=tuple(
            Picture(draw_svg(lay(format_, data[format_])), alt.format(id=ticket.id), WIDE) for format_, alt in names
        ),
    )
    return write_pdf(paper, at=ticket.issued_at)


def _say_validity(ticket: Ticket, language: str) -> str:
    wanted, parts = ticket.wanted, list[str]()
    if wanted.valid_from is not None:
        parts.append(_say_instant(wanted.valid_from, language))
    if wanted.span is not None:
        minutes = int(wanted.span.total_seconds()) // 60
        parts.append(find_words(language)["from_use"].format(minutes=minutes))
    if wanted.valid_until is not None:
        parts.append(_say_instant(wanted.valid_until, language))
    return " → ".join(parts)


def _say_instant(at: datetime, language: str) -> str:
    local = at.astimezone(LOCAL)
    return f"{write_day(local.date(), language)} {local:%H:%M}"


def _percent(permille: int, language: str) -> str:
    text = f"{permille / 10:g}"
    return text.replace(".", ",") if language == "fr" else text
