"""Marks as the national access point gives them, worked by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from mobigo.opendata.model import Dataset, Piece, Problem, Report, Said, Severity, Standing, Version
from mobigo.opendata.score import Marks, Score, Watched, judge, judge_availability, smooth

DAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SET = Dataset("one", {}, {}, "timetable")


def standing(first: date | None = None, last: date | None = None, *problems: Problem) -> Standing:
    said = Said("etalab-2.0", first_day=first, last_day=last, problems=problems)
    return Standing(SET, Version("one", 1, "k", NOW, said, (Piece("a", "", "GTFS", 1, "x"),)), NOW)


def seen(asked: int, answered: int, aged: int = 0, fresh: int = 0) -> Watched:
    return Watched(asked, answered, 0, 0, aged, fresh, None)


@pytest.mark.parametrize(
    ("answered", "mark"), [(1000, 1), (995, 1), (994, 0.75), (975, 0.75), (974, 0.5), (950, 0.5), (949, 0), (0, 0)]
)
def test_availability_goes_by_bands(answered: int, mark: float) -> None:
    assert judge_availability([seen(1000, answered)]) == mark
    assert judge_availability([seen(1000, answered), seen(10, 10)]) == (mark + 1) / 2


@pytest.mark.parametrize(
    ("first", "last", "mark"), [(-5, 5, 1), (0, 0, 1), (-5, -1, 0), (1, 5, None), (None, None, None)]
)
def test_files_are_fresh_on_their_days(first: int | None, last: int | None, mark: float | None) -> None:
    days = [None if by is None else DAY + timedelta(days=by) for by in (first, last)]
    assert judge(standing(*days), {}, DAY).freshness == mark


def test_real_time_is_as_fresh_as_it_was_seen() -> None:
    assert judge(standing(), {"a": seen(10, 10, 10, 9), "b": seen(10, 5, 5, 3)}, DAY).freshness == 12 / 15


@pytest.mark.parametrize(
    ("severity", "mark"), [(Severity.ERROR, 0), (Severity.KNOWN, 0), (Severity.WARNING, 1), (Severity.INFO, 1)]
)
def test_one_error_of_anybody_is_no_compliance(severity: Severity, mark: float) -> None:
    one = Problem("outside", "code", severity, 1)
    assert judge(standing(None, None, one), {}, DAY).compliance == mark
    assert judge(replace(standing(None, None, one), report=Report(NOW, ())), {}, DAY).compliance == 1
    assert judge(replace(standing(), report=Report(NOW, (one,))), {}, DAY).compliance == mark


def test_nothing_published_has_no_marks() -> None:
    assert judge(Standing(SET, None, NOW), {}, DAY) == Marks()


def test_days_are_smoothed_by_the_weights_of_the_access_point() -> None:
    before = Score(DAY - timedelta(days=1), Marks(), Marks(0.5, 0.5, None))
    found = smooth(Marks(1, 1, 0.75), before, DAY).smooth
    assert (found.compliance, found.freshness, found.availability) == (
        pytest.approx(0.525),
        pytest.approx(0.55),
        0.75,
    )


def test_a_mark_of_a_week_ago_no_longer_counts() -> None:
    for days, mark in ((6, 0.1), (7, 1.0)):
        before = Score(DAY - timedelta(days=days), Marks(), Marks(freshness=0.0))
        assert smooth(Marks(freshness=1.0), before, DAY).smooth.freshness == pytest.approx(mark)


def test_recovering_takes_as_many_days_as_the_reference_says() -> None:
    score, days = Score(DAY, Marks(), Marks(freshness=0.0)), 0
    while (score.smooth.freshness or 0) < 0.9:
        days += 1
        score = smooth(Marks(freshness=1.0), score, DAY + timedelta(days=days))
    assert days == 22
