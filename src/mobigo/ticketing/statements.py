"""What an operator is told of a month: its share of each product, by what it was measured, and what was sent."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from mobigo.carpool.month import last_day
from mobigo.papers.pdf import Paper, Table, write_day, write_euros, write_pdf

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from mobigo.ticketing.revenue_store import ClosedMonth, Payout, Share

ZONE = ZoneInfo("Europe/Paris")


@cache
def _read_words() -> dict[str, dict[str, str]]:
    return tomllib.loads(resources.files(__package__).joinpath("statements.toml").read_text("utf-8"))


def write_statement(
    month: ClosedMonth,
    operator: str,
    shares: Sequence[Share],
    payout: Payout | None,
    *,
    language: str,
    author: str,
    now: datetime,
) -> bytes:
    """Write an operator's month as a tagged PDF."""
    words = _read_words()[language]
    dash = "\N{EN DASH}"
    first, last = write_day(month.month, language), write_day(last_day(month.month), language)
    sent = words["waits"]
    if payout is not None:
        sent = f"{write_euros(payout.cents, language)}, {write_day(month.execution, language)}, {payout.id}"
    table = Table(
        header=tuple(words[name] for name in ("product", "basis", "weight", "amount")),
        widths=(5, 4, 3, 3),
        numbers=(False, False, True, True),
        rows=tuple(
            (one.product, words[one.basis], f"{one.weight}", write_euros(one.cents, language)) for one in shares
        ),
    )
    return write_pdf(
        Paper(
            language=language,
            title=f"{words['statement']} {month.month:%m/%Y}",
            author=author,
            facts=(
                (words["operator"], operator if payout is None else f"{payout.name} ({operator})"),
                (words["period"], f"{first} {dash} {last}"),
                (words["total"], write_euros(sum(one.cents for one in shares), language)),
                (words["sent"], sent),
                (words["made"], write_day(now.astimezone(ZONE).date(), language)),
            ),
            texts=() if shares else (words["none"],),
            tables=(table,) if shares else (),
        ),
        at=now,
    )
