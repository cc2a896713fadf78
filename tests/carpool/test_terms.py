"""What the register accepts."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mobigo.carpool.terms import (
    Acquisition,
    Status,
    Travelled,
    Verdict,
    Violation,
    check,
    find_status,
    list_violations,
    local_day,
)

if TYPE_CHECKING:
    from pathlib import Path

MORNING = datetime(2024, 10, 23, 5, tzinfo=UTC)


@pytest.fixture
def regional(test_data: Path) -> dict[str, Any]:
    return json.loads((test_data / "carpool" / "bfc.json").read_text())


def test_the_terms_refuse_what_the_register_refuses(regional: dict[str, Any]) -> None:
    for case in regional["acquisition_terms"]["cases"]:
        found = list_violations(
            received=datetime.fromisoformat(case["created_at"]),
            start=datetime.fromisoformat(case["start"]),
            metres=case["distance_m"],
            other_trips=case["other_trips_same_day"],
            close_trips=case["close_trips"],
        )
        assert found == case["expected"], case["id"]


def test_a_day_is_one_of_france(regional: dict[str, Any]) -> None:
    example = regional["acquisition_terms"]["local_day_window_example"]
    first, last = local_day(datetime.fromisoformat(example["start"]))
    assert first == datetime.fromisoformat(example["day_min"])
    assert timedelta(0) <= last - datetime.fromisoformat(example["day_max"]) < timedelta(milliseconds=1)


@pytest.mark.parametrize(("day", "hours"), [("2024-03-31", 23), ("2024-10-27", 25), ("2024-10-28", 24)])
def test_days_of_the_clock_change_are_shorter_and_longer(day: str, hours: int) -> None:
    first, last = local_day(datetime.fromisoformat(f"{day}T12:00:00+00:00"))
    assert last.astimezone(UTC) - first.astimezone(UTC) == timedelta(hours=hours) - timedelta(microseconds=1)


def travelled(trip: str, minutes: int, driver: str = "d", passenger: str = "p") -> Travelled:
    start = MORNING + timedelta(minutes=minutes)
    return Travelled(trip, driver, passenger, start, start + timedelta(minutes=20), 12_000)


def test_the_fifth_trip_of_a_day_is_too_many_in_any_role() -> None:
    others = [travelled(str(n), 100 * n + 100, driver="p", passenger=f"q{n}") for n in range(4)]
    assert check(travelled("new", 0), MORNING, others) == [Violation.TOO_MANY_TRIPS_BY_DAY]
    assert check(travelled("new", 0), MORNING, others[1:]) == []


@pytest.mark.parametrize(("minutes", "close"), [(49, True), (50, False), (-49, True), (-50, False), (0, True)])
def test_the_same_pair_within_half_an_hour_is_too_close(minutes: int, close: bool) -> None:  # noqa: FBT001
    found = check(travelled("new", 0), MORNING, [travelled("other", minutes)])
    assert (Violation.TOO_CLOSE_TRIPS in found) is close


def test_others_in_the_same_car_are_not_another_trip() -> None:
    assert check(travelled("new", 0), MORNING, [travelled("new", 0, passenger="q")] * 9) == []


@pytest.mark.parametrize(
    ("acquisition", "anomaly", "fraud", "status"),
    [
        (None, "pending", "pending", Status.UNKNOWN),
        ("canceled", "failed", "failed", Status.CANCELED),
        ("expired", "passed", "passed", Status.TERMS_VIOLATION_ERROR),
        ("failed", "passed", "passed", Status.ACQUISITION_ERROR),
        ("processed", "passed", "passed", Status.OK),
        ("processed", "failed", "failed", Status.FRAUD_ERROR),
        ("processed", "failed", "passed", Status.ANOMALY_ERROR),
        ("processed", "passed", "pending", Status.PENDING),
        ("received", "passed", "passed", Status.PENDING),
    ],
)
def test_three_axes_make_one_status(acquisition: str | None, anomaly: str, fraud: str, status: Status) -> None:
    taken = Acquisition(acquisition) if acquisition else None
    assert find_status(taken, Verdict(anomaly), Verdict(fraud)) is status
