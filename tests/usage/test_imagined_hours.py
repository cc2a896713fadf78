"""Imagined use keeps the hours that clocks show, also on the days that have 23 or 25."""

from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

from mobigo.usage import notes
from mobigo.usage.simulate import Ground, count_hours, draw_day
from mobigo.usage.supply import lay

LONG, SHORT, SUNDAY = date(2026, 10, 25), date(2026, 3, 29), date(2026, 10, 18)
GROUND = Ground(np.array([5.0, 5.1]), np.array([47.0, 47.0]), np.array([900.0, 700.0]), ("zone",), ())


@pytest.mark.parametrize(("day", "nights", "hours"), [(LONG, 2, 25), (SHORT, 0, 23), (SUNDAY, 1, 24)])
def test_a_day_has_the_hours_of_its_clocks(day: date, nights: int, hours: int) -> None:
    counted = count_hours(day)
    assert (counted[2], counted.sum(), counted.max(initial=0, where=np.arange(24) != 2)) == (nights, hours, 1)


@pytest.mark.parametrize(("day", "first"), [(LONG, 1), (SHORT, 23), (SUNDAY, 0)])
def test_notes_are_of_the_hours_that_clocks_show(day: date, first: int) -> None:
    """A trip from noon minus twelve hours on, every half hour: on the long day that is one o'clock, not midnight."""
    calls = [
        ("net", 1, n, stop, stop, n * 1800, n * 1800, 5.0 + (n % 2) / 10, 47.0) for n, stop in enumerate("ab" * 12)
    ]
    ran = notes.Ran(
        day,
        pl.DataFrame([("net", "1", "t", 0, None, 1, False, 3, 1)], notes.TRIPS, orient="row"),
        pl.DataFrame(calls, notes.CALLS, orient="row"),
        pl.DataFrame([], notes.SHAPES, orient="row"),
        {"net": "Europe/Paris"},
    )
    drawn = draw_day(GROUND, lay(ran, pl.DataFrame(schema=notes.TOLD)), day, 40_000, 1)
    boarded = drawn.rides.filter(pl.col("trip") == "t")
    noon = datetime.combine(day, time(12), ZoneInfo("Europe/Paris")).timestamp()
    shown = {n: datetime.fromtimestamp(noon + (n - 24) * 1800, ZoneInfo("Europe/Paris")).hour for n in range(24)}
    assert shown[0] == first
    assert {(row["sequence"], row["hour"]) for row in boarded.to_dicts()} <= set(shown.items())
    assert len(boarded) > 1_000
    searched = drawn.searches.group_by(pl.col("travel_minute") // 60).len().sort("travel_minute")
    hours = set(searched["travel_minute"].to_list())
    assert (2 in hours) == (day != SHORT)
