"""Ticketing: prices, codes and validations, the close of a month."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import ticketing_codes, ticketing_money, ticketing_prices

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.bar import Bar


def bars() -> Iterator[Bar]:
    """Measure every bar."""
    yield from ticketing_prices.bars()
    yield from ticketing_codes.bars()
    yield from ticketing_money.bars()
