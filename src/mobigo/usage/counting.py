"""A day's notes in, a day's counts out: pure, so that it may run anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from mobigo.trace.model import Deed
from mobigo.usage import loads, punctuality, supply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mobigo.usage.notes import Notes
    from mobigo.usage.supply import Grams

DEMAND = ("day", "hour", "origin", "destination", "outcome", "reason")
REFUSAL = ("hour", "service", "source", "origin", "destination", "reason")


class Counts(NamedTuple):
    """The rows of a day, a table each, by the columns of `mobigo.usage.model` but ``day`` (``asked`` for demand)."""

    demand: pl.DataFrame
    refusal: pl.DataFrame
    load: pl.DataFrame
    punctuality: pl.DataFrame
    change: pl.DataFrame
    supply: pl.DataFrame


def count(notes: Notes, grams: Grams) -> Counts:
    """Count a day."""
    laid = supply.lay(notes.ran, notes.told.filter(pl.col("day") == notes.day))
    load = loads.count_loads(laid, notes.rides, notes.told.filter(pl.col("day") == notes.day))
    return Counts(
        demand=count_demand(notes.searches),
        refusal=count_refusals(notes.rides),
        load=load,
        punctuality=punctuality.count_calls(notes.day, notes.told, notes.ran.zones),
        change=punctuality.count_changes(notes.day, notes.changes, notes.told, notes.ran),
        supply=supply.count_supply(laid, load, notes, grams),
    )


def first_of(keys: Sequence[str]) -> pl.Expr:
    """Tell the notes by which people are counted: the first of each person with these keys, all of people unknown."""
    return pl.col("who").is_null() | pl.struct(*keys, "who").is_first_distinct()


def count_demand(searches: pl.DataFrame) -> pl.DataFrame:
    """Count searches by wished day and hour, squares and outcome."""
    by = searches.with_columns(
        day=pl.col("travel_day"), hour=(pl.col("travel_minute") // 60).cast(pl.Int16), seconds=pl.col("seconds")
    )
    return (
        by.with_columns(first=first_of(DEMAND))
        .group_by(DEMAND)
        .agg(
            searches=pl.len(),
            people=pl.col("first").sum(),
            seconds=pl.col("seconds").cast(pl.Int64).sum(),
            wait=pl.col("wait").cast(pl.Int64).sum(),
        )
        .sort(DEMAND)
    )


def count_refusals(rides: pl.DataFrame) -> pl.DataFrame:
    """Count seats asked for and not given."""
    return (
        rides.filter(pl.col("deed") == Deed.REFUSED)
        .with_columns(first=first_of(REFUSAL))
        .group_by(REFUSAL)
        .agg(asked=pl.col("passengers").sum(), people=pl.col("first").sum())
        .sort(REFUSAL)
    )
