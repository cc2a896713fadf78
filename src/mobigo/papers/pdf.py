"""Papers that people keep: tagged PDF (PDF/UA-1), which screen readers read aloud in the right order and language.

What a paper says goes into its template as data; nobody's name can be markup there.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib import resources
from typing import TYPE_CHECKING

import typst

if TYPE_CHECKING:
    from datetime import date, datetime


@dataclass(frozen=True)
class Table:
    """A table with a row of headings."""

    header: tuple[str, ...]
    widths: tuple[float, ...]
    numbers: tuple[bool, ...]
    """Which columns are amounts, written at the right."""
    rows: tuple[tuple[str, ...], ...]
    title: str | None = None


@dataclass(frozen=True)
class Picture:
    """A drawing beside what is said."""

    svg: str
    alt: str
    """What it shows, read aloud in its place."""
    centimetres: float
    """Wide."""


@dataclass(frozen=True)
class Paper:
    """What a paper says, in order."""

    language: str
    title: str
    author: str
    facts: tuple[tuple[str, str], ...]
    texts: tuple[str, ...]
    tables: tuple[Table, ...]
    footnote: str | None = None
    pictures: tuple[Picture, ...] = ()
    """Below the facts, one beside the other."""


def write_pdf(paper: Paper, *, at: datetime) -> bytes:
    """Write a paper as a tagged PDF; the same paper at the same instant is the same file."""
    template = resources.files(__package__).joinpath("paper.typ").read_bytes()
    said = {"paper": json.dumps(asdict(paper), ensure_ascii=False)}
    return typst.compile(
        template, sys_inputs=said, pdf_standards="ua-1", ignore_system_fonts=True, timestamp=int(at.timestamp())
    )


def write_day(day: date, language: str) -> str:
    """Write a day as people read it."""
    return f"{day:%d/%m/%Y}" if language == "fr" else f"{day:%-d %B %Y}"


def write_euros(cents: int, language: str) -> str:
    """Write an amount as people read it."""
    sign, euros, rest = "-" if cents < 0 else "", abs(cents) // 100, abs(cents) % 100
    if language == "fr":
        return f"{sign}{euros:,}".replace(",", "\N{NARROW NO-BREAK SPACE}") + f",{rest:02d}\N{NO-BREAK SPACE}€"
    return f"{sign}€{euros:,}.{rest:02d}"


def write_kilometres(metres: int, language: str) -> str:
    """Write a distance as people read it."""
    text = f"{metres / 1000:,.1f}"
    if language == "fr":
        text = text.replace(",", "\N{NARROW NO-BREAK SPACE}").replace(".", ",")
    return f"{text}\N{NO-BREAK SPACE}km"
