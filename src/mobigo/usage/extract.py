"""The open tables of use: what they count, of whom, and how rows that are too rare are put together.

Notes of nobody known are not in them: how many travellers they are cannot be bounded. Nor are pupils of school
transport: who they are in a village is known to everybody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from mobigo.trace.model import Deed, Outcome, Service
from mobigo.usage.daytypes import day_type_of
from mobigo.usage.disclosure import OTHER, SINGLE, Layout

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

OUTSIDE = "outside"
"""Instead of a commune: a place in none that is known."""

WITHOUT_CODE = "without_code"
"""Instead of the department of communes whose INSEE code is not known; they are told by their id in OpenStreetMap."""

UNKNOWN = "unknown"
"""Instead of what a note does not say."""

OF_MAP = "osm:"
"""How ids of communes begin whose INSEE code is not known."""

BANDS = {0: "00-06", 6: "06-09", 9: "09-12", 12: "12-14", 14: "14-16", 16: "16-19", 19: "19-24"}
"""Hours of a day that are counted together, by the first of them."""

UNANSWERED = "unanswered"


def _other(_: pl.Expr) -> pl.Expr:
    return pl.lit(OTHER)


def _department(commune: pl.Expr) -> pl.Expr:
    """Take communes to their departments; what is none stays."""
    overseas = commune.str.starts_with("97") | commune.str.starts_with("98")
    return (
        pl.when(commune.is_in([OUTSIDE, WITHOUT_CODE]))
        .then(commune)
        .when(commune.str.starts_with(OF_MAP))
        .then(pl.lit(WITHOUT_CODE))
        .otherwise(pl.when(overseas).then(commune.str.slice(0, 3)).otherwise(commune.str.slice(0, 2)))
    )


def _answered(outcome: pl.Expr) -> pl.Expr:
    plain = outcome.is_in([Outcome.ANSWERED, Outcome.WALK_ONLY])
    return pl.when(plain).then(outcome).otherwise(pl.lit(UNANSWERED))


DEMAND = Layout(
    "demand",
    ("day_type", "outcome", "origin", "destination", "band"),
    (
        {"band": _other, "outcome": _answered},
        {"destination": _department},
        {"origin": _department},
        {"origin": _other, "destination": _other},
    ),
    by_day_type=False,
)
"""Travellers who ask for a journey; an average day is one of asking, whatever day is asked for."""

RIDES = Layout(
    "rides",
    ("day_type", "service", "deed", "source", "line", "stop", "band"),
    ({"band": _other}, {"stop": _other}, {"line": _other, "source": _other}),
    by_day_type=True,
)
"""Travellers who board, and drivers who offer places."""

REFUSALS = Layout(
    "refusals",
    ("day_type", "service", "source", "reason", "origin", "destination", "band"),
    (
        {"band": _other, "reason": _other},
        {"destination": _department},
        {"origin": _department},
        {"origin": _other, "destination": _other},
        {"source": _other},
    ),
    by_day_type=True,
)
"""Travellers who asked for a place and got none."""

LAYOUTS = (DEMAND, RIDES, REFUSALS)


def lay_searches(searches: pl.DataFrame, communes: Mapping[int, str]) -> pl.DataFrame:
    """Lay searches out as places of `DEMAND`.

    Parameters
    ----------
    searches : DataFrame
        ``who``, ``origin``, ``destination``, ``travel_day``, ``travel_minute``, ``outcome``, ``reason``.
    communes : mapping
        Their ids, by square.
    """
    days = {day: day_type_of(day).value for day in searches["travel_day"].unique()}
    unanswered = (pl.col("outcome") == Outcome.UNANSWERED) & (_say("reason") != UNKNOWN)
    return searches.select(
        "who",
        day_type=pl.col("travel_day").replace_strict(days, return_dtype=pl.String),
        outcome=pl.when(unanswered).then("reason").otherwise("outcome"),
        origin=_name("origin", communes),
        destination=_name("destination", communes),
        band=_band(pl.col("travel_minute") // 60),
    )


def lay_rides(rides: pl.DataFrame, day: date) -> pl.DataFrame:
    """Lay the rides of a day out as places of `RIDES`; ids as in the published timetables."""
    told = pl.col("deed").is_in([Deed.BOARDED, Deed.OFFERED]) & (pl.col("service") != Service.SCHOOL)
    return rides.filter(told).select(
        "who",
        "service",
        "deed",
        source=_say("source"),
        day_type=pl.lit(day_type_of(day).value),
        line=pl.when(pl.col("service") == Service.ONDEMAND).then(_say("source")).otherwise(_identify("route")),
        stop=_identify("stop"),
        band=_band(pl.col("hour")),
    )


def lay_refusals(rides: pl.DataFrame, day: date, communes: Mapping[int, str]) -> pl.DataFrame:
    """Lay the refusals of a day out as places of `REFUSALS`."""
    told = (pl.col("deed") == Deed.REFUSED) & (pl.col("service") != Service.SCHOOL)
    return rides.filter(told).select(
        "who",
        "service",
        source=_say("source"),
        reason=_say("reason"),
        day_type=pl.lit(day_type_of(day).value),
        origin=_name("origin", communes),
        destination=_name("destination", communes),
        band=_band(pl.col("hour")),
    )


def _band(hour: pl.Expr) -> pl.Expr:
    return pl.lit(pl.Series([name for first, name in BANDS.items()])).gather(
        sum((hour >= first).cast(pl.UInt32) for first in [*BANDS][1:])
    )


def _say(column: str) -> pl.Expr:
    said = pl.col(column).fill_null("")
    return pl.when(said == "").then(pl.lit(UNKNOWN)).otherwise(said)


def _identify(column: str) -> pl.Expr:
    """Name what is in a timetable as the published ones do; ids of other services are everywhere the same."""
    said = _say(column)
    timetabled = (pl.col("service") == Service.TRANSIT) & (said != UNKNOWN)
    return pl.when(timetabled).then(pl.concat_str("source", pl.lit(":"), column)).otherwise(said)


def _name(column: str, communes: Mapping[int, str]) -> pl.Expr:
    known = dict(communes) or {0: OUTSIDE}
    return pl.col(column).replace_strict(known, default=OUTSIDE, return_dtype=pl.String)


def count_travellers(layout: Layout, laid: pl.DataFrame, most: int) -> pl.DataFrame:
    """Count the travellers of one day by place: each once in a place, and in at most so many places.

    Which of a traveller's places count is drawn by hashes of who and where, so that nobody's count depends on
    anybody else.

    Parameters
    ----------
    laid : DataFrame
        ``who`` (null: nobody known) and the layout's columns.

    Returns
    -------
    The layout's columns and ``total``.
    """
    once = laid.filter(pl.col("who").is_not_null()).unique(["who", *layout.columns])
    drawn = once.with_columns(lot=pl.struct("who", *layout.columns).hash(seed=0)).sort("who", "lot", *layout.columns)
    place = drawn
    for depth in range(1, SINGLE):
        place = layout.coarsen(place, depth)
    first = drawn.filter(place.select(pl.struct("who", *layout.columns).is_first_distinct()).to_series())
    few = first.filter(pl.int_range(pl.len()).over("who") < most)
    return few.group_by(layout.columns).agg(total=pl.len().cast(pl.Int64)).sort(layout.columns)
