"""The one clock: real, or moved for every process of a sandbox at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from mobigo.kit.clock import Clock, parse_clock, parse_duration, parse_instant
from mobigo.kit.errors import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

NOON = datetime(2016, 11, 4, 12, tzinfo=UTC)


def test_a_clock_without_a_file_shows_real_time_and_cannot_be_moved() -> None:
    before = datetime.now(UTC)
    assert before <= Clock().now() <= datetime.now(UTC)
    with pytest.raises(InvalidInput, match="the real one"):
        Clock().move(NOON)


def test_moving_one_clock_moves_every_clock_of_the_home(tmp_path: Path) -> None:
    mine, other = Clock(tmp_path / "clock.json"), Clock(tmp_path / "clock.json")
    assert abs(other.now() - datetime.now(UTC)) < timedelta(minutes=1)
    mine.move(NOON, rate=0)
    assert other.now() == NOON
    other.advance(timedelta(hours=36))
    assert mine.now() == NOON + timedelta(hours=36)


def test_a_clock_runs_at_its_rate(tmp_path: Path) -> None:
    clock = Clock(tmp_path / "clock.json")
    clock.move(NOON, rate=10_000)
    assert clock.now() < clock.now() < NOON + timedelta(days=7)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90m", 5_400), ("2h", 7_200), ("1d", 86_400), ("45s", 45), ("1h30m", 5_400), ("15min", 900), ("-2h", -7_200),
        ("PT2H30M", 9_000), ("P1DT1H", 90_000), ("0.5h", 1_800),
    ],
)  # fmt: skip
def test_durations_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "-", "P", "PT", "2", "2 hours", "h", "1y", "m1"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "rate"), [("2016-11-04T13:00:00+01:00", 1), ("2016-11-04T12:00:00Z@60", 60), ("2016-11-04T12:00Z@0", 0)]
)
def test_a_clock_setting_is_an_instant_and_maybe_a_rate(text: str, rate: float) -> None:
    assert parse_clock(text) == (NOON, rate)


@pytest.mark.parametrize("text", ["noon", "2016-11-04T12:00:00", "2016-11-04T12:00Z@-1", "2016-11-04T12:00Z@fast"])
def test_other_clock_settings_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_clock(text)


def test_an_instant_without_offset_is_not_guessed() -> None:
    with pytest.raises(InvalidInput, match="has no offset"):
        parse_instant("2016-11-04T12:00:00")
