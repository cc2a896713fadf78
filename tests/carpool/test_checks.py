"""What cannot be true of a journey."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from mobigo.carpool.checks import Fix, Kind, Shared, check_journey, check_together
from mobigo.kit.geo import Point

if TYPE_CHECKING:
    from pathlib import Path

AT = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # half an hour before clocks go back in France


def shared(name: str = "j", minutes: float = 0, *, lasts: float = 30, **more: object) -> Shared:
    start = AT + timedelta(minutes=minutes)
    one = Shared(name, f"t-{name}", "mobigo", "C", "d", "p", start, start + timedelta(minutes=lasts), 30_000)
    return replace(one, **more)  # type: ignore[arg-type]


def kinds(journeys: list[Shared]) -> list[Kind]:
    return [one.kind for one in check_together(journeys)]


def test_distance_and_time_are_held_against_the_road(test_data: Path) -> None:
    cases = json.loads((test_data / "carpool" / "bfc.json").read_text())["anomaly"]
    for case in next(value for key, value in cases.items() if key.startswith("distance_duration")):
        one = shared(
            lasts=case["duration_s"] / 60,
            metres=case["distance_m"],
            routed_metres=case["routed_m"],
            routed_seconds=case["routed_s"],
        )
        assert bool(check_journey(one)) is case["flag"], case
        assert check_journey(replace(one, proof="B")) == []


def test_a_passenger_is_not_in_two_cars_and_the_first_counts() -> None:
    found = check_together([shared("a"), shared("b", 5, driver="e"), shared("c", 25, driver="f")])
    assert [(one.kind, one.journeys[0]) for one in found] == [(Kind.OVERLAP, "b")]
    assert kinds([shared("a"), shared("b", 0, driver="e", passenger="q")]) == []


def test_one_driver_may_carry_passengers_of_several_operators_and_nobody_else() -> None:
    assert kinds([shared("a"), shared("b", 5, operator="other", passenger="q")]) == []
    assert kinds([shared("a"), shared("b", 5, operator="other", driver="e")]) == [Kind.SEVERAL_OPERATORS]


@pytest.mark.parametrize(("gap", "close"), [(0, False), (0.1, True), (30, True), (30.1, False)])
def test_the_same_pair_with_another_operator_soon_after(gap: float, close: bool) -> None:  # noqa: FBT001
    assert (Kind.TOO_CLOSE in kinds([shared("a"), shared("b", 30 + gap, operator="other")])) is close


def test_five_trips_of_a_day_are_too_many_over_two_operators_only() -> None:
    day = [shared(str(n), 60 * n, driver=f"d{n}") for n in range(5)]
    assert kinds(day) == []
    assert kinds([*day[:4], replace(day[4], operator="other")]) == [Kind.TOO_MANY]


def test_a_jump_of_positions_is_seen_in_whatever_order_they_come() -> None:
    fixes = [Fix(AT, Point(4.3, 47.5)), Fix(AT + timedelta(seconds=60), Point(4.4, 47.5))]
    for order in (fixes, fixes[::-1]):
        assert [one.kind for one in check_journey(shared(driver_fixes=tuple(order)))] == [Kind.SPEED]
    slow = [fixes[0], Fix(AT + timedelta(seconds=600), fixes[1].point)]
    assert check_journey(shared(passenger_fixes=tuple(slow))) == []


def test_a_journey_long_before_its_plan_and_one_device_for_two_are_seen() -> None:
    early = shared(planned_start=AT + timedelta(minutes=61))
    assert [one.kind for one in check_journey(early)] == [Kind.TOO_EARLY]
    assert check_journey(shared(planned_start=AT + timedelta(minutes=60))) == []
    assert [one.kind for one in check_journey(shared(driver_device="x", passenger_device="x"))] == [Kind.SAME_DEVICE]


def test_three_who_drive_in_a_circle_day_after_day_are_seen() -> None:
    people = "abc"
    days = [
        shared(f"{day}-{n}", 24 * 60 * day + 120 * n, driver=people[n], passenger=people[(n + 1) % 3])
        for day in range(5)
        for n in range(3)
    ]
    assert kinds(days) == [Kind.RING]
    assert kinds(days[:-3]) == []
