"""What may be told to everybody of counts of people: by steps, nothing rare, nothing twice.

A figure is the number of travellers on an average day. One traveller adds at most one to it, however often they travel,
since each counts once a day in a place of a table (`Layout.levels`, the second), and in at most `Rule.most` places;
so to be known in a figure is to be one of `Rule.fewest` travellers of an average day, not to have come that often.

Figures are rounded to steps as ``step * floor((mean + shift) / step)``, where the shift is drawn evenly from 0 to one
step, by a keyed hash of table and place: right on average over places, the same whenever it is asked, and unknown to
whoever has not the key. With or without one traveller a figure is the same or one step apart; whatever else is known,
it leaves a whole step open. The month is not hashed, so that months cannot be averaged until a steady figure is known.
Nor is who was counted (cell keys of the Australian Bureau of Statistics): that would redraw each figure which one
traveller touches, and so point at them. What hashing the place alone would let happen, that two publications of one
month are subtracted, cannot happen, since a month is published once and never again (`mobigo.usage.opening`).

What is too rare is told together with what is like it, level by level, and else not at all. So each traveller's
journey is in one row at most: rows are disjoint, no row is the sum of others, and no difference of rows is a smaller
group. `mobigo.usage.audit` holds every table against this before it is let out.

References
----------
Hundepool et al. (2012), Statistical Disclosure Control, chapters 4 (tables) and 5.4 (rounding); Marley and Leaver
(2011), A Method for Confidentialising User-Defined Tables (ABS); Cox (1987), A Constructive Procedure for Unbiased
Controlled Rounding.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from mobigo.kit.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Step = Callable[[pl.Expr], pl.Expr]

OTHER = "other"
"""Instead of a name: all together that are not told one by one."""

LEAST, MOST = 5, 1_000
"""Bounds of what an operator may choose as the fewest travellers, and as the step."""

SPAN = 1 << 64
"""Numbers that a hash is one of."""


@dataclass(frozen=True)
class Rule:
    """How much is told.

    Raises
    ------
    InvalidInput
        When it would tell too much.
    """

    fewest: int = 6
    """Travellers of an average day, below which a figure is not told."""
    step: int = 5
    most: int = 4
    """Places of a table in which one traveller counts on one day; fewer than a step."""

    def __post_init__(self) -> None:
        for name, value in (("fewest travellers", self.fewest), ("step of rounding", self.step)):
            if not LEAST <= value <= MOST:
                raise InvalidInput(f"{name} of the open counts: {value}; choose {LEAST} to {MOST}")
        if not 1 <= self.most < self.step:
            raise InvalidInput(f"a traveller counts {self.most} times a day; choose 1 to {self.step - 1}")

    def find_bound(self, depth: int) -> int:
        """Return how many counts make sure of `fewest` travellers, at a level of a table."""
        return self.fewest * (1 if depth < SINGLE else self.most)

    def find_lowest(self, depth: int) -> int:
        """Return the lowest figure told at a level: the first step above the bound."""
        return (self.find_bound(depth) // self.step + 1) * self.step


SINGLE = 2
"""Levels at whose places a traveller counts once a day at most."""


@dataclass(frozen=True)
class Layout:
    """A table: its columns, and how its rows are put together where they are too rare."""

    name: str
    columns: tuple[str, ...]
    levels: tuple[Mapping[str, Step], ...]
    """From each level to the next coarser one: what becomes of columns."""
    by_day_type: bool
    """Whether an average day is one of the type that the row is of; else of the whole month."""

    def coarsen(self, rows: pl.DataFrame, depth: int) -> pl.DataFrame:
        """Take rows of the level before to a level."""
        return rows.with_columns(step(pl.col(name)).alias(name) for name, step in self.levels[depth - 1].items())

    @property
    def depths(self) -> range:
        """Its levels, by number; 0 is the finest."""
        return range(len(self.levels) + 1)


def tell(layout: Layout, sums: pl.DataFrame, rule: Rule, key: bytes) -> pl.DataFrame:
    """Round what may be told, and put together what is too rare for it.

    Parameters
    ----------
    sums : DataFrame
        The finest places: the layout's columns, ``total`` (counts of all days, each traveller once a day) and ``days``
        (by which it is divided).
    key : bytes
        Nobody else's.

    Returns
    -------
    The rows to publish, sorted: the layout's columns and ``travellers`` (of an average day), a multiple of the step.
    """
    told = []
    left = sums
    for depth in layout.depths:
        if depth:
            left = layout.coarsen(left, depth).group_by(*layout.columns, "days").agg(pl.col("total").sum())
        frequent = left.filter(pl.col("total") >= rule.find_bound(depth) * pl.col("days"))
        lowest = rule.find_lowest(depth)
        rows = _round(layout, frequent, rule, key).filter(pl.col("travellers") >= lowest)
        told.append(rows)
        left = left.join(rows, on=layout.columns, how="anti")
    return pl.concat(told).sort(layout.columns)


def _round(layout: Layout, frequent: pl.DataFrame, rule: Rule, key: bytes) -> pl.DataFrame:
    """Round by shifts of the rows' own; in whole numbers, so that no machine rounds otherwise."""
    figures = []
    for *place, total, days in frequent.select(*layout.columns, "total", "days").iter_rows():
        shift = draw(key, layout.name, place)
        figures.append((total * SPAN + shift * rule.step * days) // (rule.step * days * SPAN) * rule.step)
    return frequent.select(layout.columns).with_columns(pl.Series("travellers", figures, dtype=pl.Int64))


def draw(key: bytes, table: str, place: list[str]) -> int:
    """Draw a number below `SPAN` for a row: the same for the same row, whenever."""
    said = "\0".join((table, *place)).encode()
    return int.from_bytes(hmac.digest(key, said, "sha256")[:8], "big")
