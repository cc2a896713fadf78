"""How calls kept their time and whether changes held, by hours of the clock."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from mobigo.usage import notes
from mobigo.usage.punctuality import begin, count_calls, count_changes, local_hours

PARIS = ZoneInfo("Europe/Paris")
DAY = date(2026, 11, 24)
ZONES = {"net": "Europe/Paris", "isle": "Europe/London"}


def tell(*calls: dict[str, Any]) -> pl.DataFrame:
    plain = {"day": DAY, "source": "net", "route": "1", "trip": "t", "sequence": 1, "stop": "a", "cancelled": False}
    return pl.DataFrame([dict.fromkeys(notes.TOLD) | plain | one for one in calls], notes.TOLD)


def judge(*calls: dict[str, Any], day: date = DAY) -> list[tuple[Any, ...]]:
    return count_calls(day, tell(*calls), ZONES).drop("source", "route").rows()


def plan(*changes: dict[str, Any]) -> pl.DataFrame:
    plain = {
        "source": "net", "trip": "t", "stop": "a", "arrival": 28_800, "to_day": DAY, "to_source": "net",
        "to_trip": "u", "to_stop": "b", "departure": 29_100, "walk": 120,
    }  # fmt: skip
    return pl.DataFrame([plain | one for one in changes], notes.CHANGES)


def follow(changes: pl.DataFrame, *calls: dict[str, Any]) -> list[tuple[Any, ...]]:
    trips = [
        ("net", route, trip, 0, None, 1, False, 3, line) for line, (route, trip) in enumerate((("1", "t"), ("2", "u")))
    ]
    ran = notes.Ran(
        DAY,
        pl.DataFrame(trips, notes.TRIPS, orient="row"),
        pl.DataFrame(schema=notes.CALLS),
        pl.DataFrame(schema=notes.SHAPES),
        ZONES,
    )
    return count_changes(DAY, changes, tell(*calls), ran).select("hour", "planned", "judged", "missed").rows()


@pytest.mark.parametrize(
    ("delay", "sort"),
    [
        (-61, "early"),
        (-60, "on_time"),
        (0, "on_time"),
        (299, "on_time"),
        (300, "late"),
        (899, "late"),
        (900, "very_late"),
    ],
)
def test_a_call_is_early_on_time_late_or_very_late(delay: int, sort: str) -> None:
    ((_, hour, calls, cancelled, *sorts, total),) = judge({"departure": 28_800, "departure_delay": delay})
    assert (hour, calls, cancelled, total) == (8, 1, 0, delay)
    assert dict(zip(("early", "on_time", "late", "very_late"), sorts, strict=True))[sort] == 1
    assert sum(sorts) == 1


def test_a_call_is_judged_by_its_departure_and_at_the_end_by_its_arrival() -> None:
    found = judge(
        {"arrival": 28_000, "departure": 28_800, "arrival_delay": 600, "departure_delay": 0},
        {"stop": "z", "arrival": 30_000, "arrival_delay": 400},
    )
    assert found == [("a", 8, 1, 0, 0, 1, 0, 0, 0), ("z", 8, 1, 0, 0, 0, 1, 0, 400)]


def test_what_did_not_come_is_counted_apart_and_what_nobody_saw_not_at_all() -> None:
    found = judge(
        {"departure": 28_800, "cancelled": True, "departure_delay": 9_000},
        {"departure": 28_900},
        {"departure_delay": 5},
    )
    assert found == [("a", 8, 0, 1, 0, 0, 0, 0, 0)]


@pytest.mark.parametrize("day", [date(2026, 3, 28), date(2026, 3, 29), date(2026, 10, 24), date(2026, 10, 25), DAY])
@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "Europe/London", "Europe/Paris"])
def test_hours_are_those_of_the_clock_also_when_it_is_changed(day: date, zone: str) -> None:
    hours = local_hours(day, zone)
    noon = datetime.combine(day, time(12), ZoneInfo(zone)).astimezone(UTC)
    for quarter in range(4 * 40):
        moment = noon - timedelta(hours=12) + timedelta(minutes=15 * quarter)
        assert hours[quarter] == moment.astimezone(ZoneInfo(zone)).hour
    assert begin(day, zone) == (noon - timedelta(hours=12)).timestamp()


def test_a_night_bus_belongs_to_the_day_it_left_and_the_hour_it_came() -> None:
    # noon minus 12 h is 23:00 of the day before when clocks go forward, 01:00 when they go back
    assert [
        one[1]
        for one in judge({"day": date(2026, 3, 29), "departure": 9_000, "departure_delay": 0}, day=date(2026, 3, 29))
    ] == [1]
    assert [
        one[1]
        for one in judge({"day": date(2026, 10, 25), "departure": 5_400, "departure_delay": 0}, day=date(2026, 10, 25))
    ] == [2]
    assert [one[1] for one in judge({"departure": 26 * 3600 + 3_599, "departure_delay": 0})] == [2]
    assert [one[1] for one in judge({"source": "isle", "departure": 28_800, "departure_delay": 0})] == [8]


def test_a_change_holds_when_there_is_time_for_the_walk() -> None:
    # 08:00 to 08:05 with 2 minutes on foot: 180 s to lose
    for late, missed in ((180, 0), (181, 1)):
        told = (
            {"arrival": 28_800, "arrival_delay": late},
            {"trip": "u", "stop": "b", "departure": 29_100, "departure_delay": 0},
        )
        assert follow(plan({}), *told) == [(8, 1, 1, missed)]
    told = (
        {"arrival": 28_800, "arrival_delay": 600},
        {"trip": "u", "stop": "b", "departure": 29_100, "departure_delay": 420},
    )
    assert follow(plan({}), *told) == [(8, 1, 1, 0)]  # the second was late as well


def test_a_change_is_judged_when_both_were_seen_or_the_second_did_not_come() -> None:
    first = {"arrival": 28_800, "arrival_delay": 0}
    second = {"trip": "u", "stop": "b", "departure": 29_100}
    assert follow(plan({})) == [(8, 1, 0, 0)]
    assert follow(plan({}), first) == [(8, 1, 0, 0)]
    assert follow(plan({}), first, second) == [(8, 1, 0, 0)]
    assert follow(plan({}), first, second | {"cancelled": True}) == [(8, 1, 1, 1)]
    assert follow(plan({}), first | {"cancelled": True}, second | {"departure_delay": 0}) == [(8, 1, 0, 0)]


def test_a_trip_that_comes_twice_to_a_stop_is_meant_when_it_was_planned() -> None:
    told = (
        {"sequence": 1, "arrival": 20_000, "arrival_delay": 8_900},
        {"sequence": 9, "arrival": 28_800, "arrival_delay": 0},
        {"trip": "u", "stop": "b", "departure": 29_100, "departure_delay": 0},
    )
    assert follow(plan({}), *told) == [(8, 1, 1, 0)]
    assert follow(plan({"arrival": 20_000}), *told) == [(8, 1, 1, 0)]  # 8,900 s late and still before 08:05
    assert follow(plan({}), told[0], {"sequence": 9, "arrival": 28_800}, told[2]) == [(8, 1, 0, 0)]


def test_a_change_may_lead_into_the_next_day() -> None:
    # 25:50 of one day is 01:50 of the next, on which the second leaves at 02:00
    change = plan({"arrival": 93_000, "to_day": DAY + timedelta(days=1), "departure": 7_200})
    first = {"arrival": 93_000, "arrival_delay": 481}
    second = {"day": DAY + timedelta(days=1), "trip": "u", "stop": "b", "departure": 7_200, "departure_delay": 0}
    assert follow(change, first, second) == [(2, 1, 1, 1)]
    assert follow(change, first | {"arrival_delay": 480}, second) == [(2, 1, 1, 0)]


@pytest.mark.parametrize("seed", range(5))
def test_counts_are_those_of_going_through_call_by_call(seed: int) -> None:
    drawn = random.Random(seed)
    day = drawn.choice([date(2026, 3, 29), date(2026, 10, 25), DAY])
    calls = [
        {
            "day": day, "source": drawn.choice(["net", "isle"]), "route": drawn.choice("12"),
            "stop": drawn.choice("ab"), "departure": drawn.randrange(100_000),
            "departure_delay": drawn.choice([None, drawn.randrange(-300, 2_000)]), "cancelled": drawn.random() < 0.1,
        }
        for _ in range(400)
    ]  # fmt: skip
    expected: Counter[tuple[Any, ...]] = Counter()
    for one in calls:
        if not one["cancelled"] and one["departure_delay"] is None:
            continue
        zone = ZoneInfo(ZONES[one["source"]])
        start = datetime.combine(day, time(12), zone).astimezone(UTC) - timedelta(hours=12)
        hour = (start + timedelta(seconds=one["departure"])).astimezone(zone).hour
        late = one["departure_delay"]
        sort = "cancelled" if one["cancelled"] else "early" if late < -60 else "on_time" if late < 300 else "late"
        sort = "very_late" if sort == "late" and late >= 900 else sort
        expected[one["source"], one["route"], one["stop"], hour, sort] += 1
    found = count_calls(day, tell(*calls), ZONES)
    told = {
        (row["source"], row["route"], row["stop"], row["hour"], sort): row[sort]
        for row in found.iter_rows(named=True)
        for sort in ("cancelled", "early", "on_time", "late", "very_late")
        if row[sort]
    }
    assert told == expected
