"""Looks at an open table as somebody does who wants to know more than it tells.

They know every row, the rule by which it was made, and (more than anybody would) which places are empty. What is told
of a place lies less than a step from the truth; what is not told lies below the lowest figure. Rows of several places
bound their sum. As rows are disjoint and each level's places lie within one place of the next, the bounds of any place
follow exactly, by going up the levels and down again; linear programs over the published rows find the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from mobigo.usage.disclosure import Layout, Rule

NEAR = 2
"""Travellers by which a rare figure must at least remain unknown, to both sides."""


@dataclass(frozen=True)
class Leak:
    """A place of which the table tells too much."""

    table: str
    place: tuple[str, ...]
    why: str


def audit(layout: Layout, rule: Rule, rows: pl.DataFrame, sums: pl.DataFrame) -> list[Leak]:
    """List what a table tells too much of.

    Parameters
    ----------
    rows : DataFrame
        As published.
    sums : DataFrame
        What is true, as `disclosure.tell` was given it.
    """
    found, known = _climb(layout, rule, rows, sums)
    known = _descend(layout, known)
    for depth, places in enumerate(known):
        mean = pl.col("total") / pl.col("days")
        rare = places.filter(~pl.col("told") & (mean < rule.fewest))
        near = rare.filter(
            (pl.col("high") - pl.col("low") <= 2 * NEAR)
            | ((pl.col("high") - mean <= NEAR) & (mean - pl.col("low") <= NEAR))
        )
        for one in near.sort(layout.columns).iter_rows(named=True):
            why = f"level {depth}: between {one['low']:g} and {one['high']:g}"
            found.append(Leak(layout.name, tuple(one[name] for name in layout.columns), why))
    return found


def _climb(layout: Layout, rule: Rule, rows: pl.DataFrame, sums: pl.DataFrame) -> tuple[list[Leak], list[pl.DataFrame]]:
    """Bound the places of each level by what is told of them and by their parts; say which rows should not be."""
    known: list[pl.DataFrame] = []
    unseen = rows
    left = sums.with_columns(low=0.0, high=float("inf"))
    found = []
    for depth in layout.depths:
        if depth:
            parts = layout.coarsen(known[-1].filter(~pl.col("told")), depth)
            left = parts.group_by(*layout.columns, "days").agg(pl.col("total", "low", "high").sum())
        bound, lowest = rule.find_bound(depth), rule.find_lowest(depth)
        places = left.join(unseen, on=layout.columns, how="left").with_columns(told=pl.col("travellers").is_not_null())
        unseen = unseen.join(left, on=layout.columns, how="anti")
        figure = pl.col("travellers")
        known.append(
            places.with_columns(
                low=pl.max_horizontal("low", pl.when("told").then(pl.max_horizontal(figure - rule.step, bound))),
                high=pl.min_horizontal("high", pl.when("told").then(figure + rule.step).otherwise(lowest)),
            )
        )
        wrong = (
            known[-1]
            .filter("told")
            .filter(
                (figure < lowest)
                | (figure % rule.step != 0)
                | (pl.col("total") < bound * pl.col("days"))
                | ((figure - pl.col("total") / pl.col("days")).abs() >= rule.step)
            )
        )
        found += [_blame(layout, one, "its figure breaks the rule") for one in wrong.iter_rows(named=True)]
    found += [_blame(layout, one, "nobody was counted there") for one in unseen.iter_rows(named=True)]
    if rows.select(layout.columns).is_duplicated().any():
        found.append(Leak(layout.name, (), "a row is there twice"))
    return found, known


def _blame(layout: Layout, row: dict[str, str], why: str) -> Leak:
    return Leak(layout.name, tuple(row[name] for name in layout.columns), why)


def _descend(layout: Layout, known: list[pl.DataFrame]) -> list[pl.DataFrame]:
    """Narrow the places of each level by the place of the next that they are part of, and by their neighbours."""
    narrowed = [known[-1]]
    for depth in reversed(layout.depths[1:]):
        above = narrowed[0].select(*layout.columns, above_low="low", above_high="high")
        parts = known[depth - 1].filter(~pl.col("told"))
        key = [f"above_{name}" for name in layout.columns]
        keyed = parts.with_columns(layout.coarsen(parts, depth).select(layout.columns).rename(lambda x: f"above_{x}"))
        met = keyed.join(above, left_on=key, right_on=layout.columns, how="left")
        low_of_others = pl.col("low").sum().over(key) - pl.col("low")
        high_of_others = pl.col("high").sum().over(key) - pl.col("high")
        met = met.with_columns(
            low=pl.max_horizontal("low", pl.col("above_low") - high_of_others),
            high=pl.min_horizontal("high", pl.col("above_high") - low_of_others),
        )
        narrowed.insert(0, met.select(known[depth - 1].columns))
    return narrowed
