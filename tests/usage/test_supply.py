"""What ran: kilometres, hours, people, money and grams of a day."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest

from mobigo.kit.geo import Point, haversine
from mobigo.usage import notes
from mobigo.usage.daytypes import day_type_of
from mobigo.usage.loads import count_loads
from mobigo.usage.model import DayType
from mobigo.usage.supply import Grams, Laid, count_supply, lay

A, B, C = Point(4.0, 47.0), Point(4.0, 47.01), Point(4.0, 47.03)
STOPS = {"a": A, "b": B, "c": C}
GRAMS = Grams({3: 100.0}, {"ondemand": 200.0, "carpool": 200.0})
DAY = date(2026, 11, 24)
TRIP = ("net", "1", "t", 0, "s", 1, False, 3, 1)


def read(
    times: list[tuple[int | None, int | None]], *, shape: float | None = None, trip: tuple[Any, ...] = TRIP
) -> Laid:
    calls = [
        ("net", 1, number + 1, stop, stop, arrival, departure, *STOPS[stop])
        for number, (stop, (arrival, departure)) in enumerate(zip("abc", times, strict=True))
    ]
    shapes = [] if shape is None else [("net", "s", shape, *A, *C)]
    ran = notes.Ran(
        DAY,
        pl.DataFrame([trip], notes.TRIPS, orient="row"),
        pl.DataFrame(calls, notes.CALLS, orient="row"),
        pl.DataFrame(shapes, notes.SHAPES, orient="row"),
        {},
    )
    return lay(ran, pl.DataFrame(schema=notes.TOLD))


RAN = notes.Ran(DAY, *(pl.DataFrame() for _ in range(3)), {})
TIMES: list[tuple[int | None, int | None]] = [(0, 0), (600, 660), (1800, 1800)]


def test_a_trip_is_as_long_as_straight_lines_between_its_stops() -> None:
    laid = read(TIMES)
    straight = haversine(A, B) + haversine(B, C)
    assert laid.trips["metres"].to_list() == pytest.approx([straight])
    assert laid.calls["metres"].to_list() == pytest.approx([0, haversine(A, B), straight])
    assert laid.trips["seconds"].to_list() == [1800]


@pytest.mark.parametrize(
    ("shape", "believed"), [(4_000.0, True), (3_000.0, False), (40_000.0, False)], ids=["longer", "shorter", "absurd"]
)
def test_a_shape_from_end_to_end_stretches_the_lines(shape: float, believed: bool) -> None:  # noqa: FBT001
    straight = haversine(A, C)
    laid = read(TIMES, shape=shape)
    assert laid.trips["metres"][0] == pytest.approx(shape if believed else straight, rel=1e-6)
    assert laid.calls["metres"][1] == pytest.approx(laid.trips["metres"][0] / 3, rel=1e-3)


def test_times_that_the_feed_leaves_out_lie_between() -> None:
    laid = read([(0, 0), (None, None), (1800, 1800)])
    assert laid.calls["departure"].to_list() == pytest.approx([0, 600, 1800], abs=1)


def test_a_trip_that_was_cancelled_did_not_run_and_one_that_skipped_a_stop_did() -> None:
    ran = notes.Ran(
        DAY,
        pl.DataFrame([TRIP, ("net", "1", "u", 0, None, 1, False, 3, 2)], notes.TRIPS, orient="row"),
        pl.DataFrame(
            [
                ("net", line, number, stop, stop, 0, 0, *STOPS[stop])
                for line in (1, 2)
                for number, stop in enumerate("ab")
            ],
            notes.CALLS,
            orient="row",
        ),
        pl.DataFrame(schema=notes.SHAPES),
        {},
    )
    said = [("t", 0, True), ("t", 1, True), ("u", 0, True), ("u", 1, False)]
    told = [
        dict.fromkeys(notes.TOLD) | {"source": "net", "trip": trip, "sequence": sequence, "cancelled": gone}
        for trip, sequence, gone in said
    ]
    assert lay(ran, pl.DataFrame(told, notes.TOLD)).trips["trip"].to_list() == ["u"]


def test_a_run_of_many_that_was_cancelled_did_not_run() -> None:
    plain = dict.fromkeys(notes.TOLD) | {"source": "net", "cancelled": True}
    told = [plain | {"trip": trip} for trip in ("t@08:00:00", "t@09:00:00", "u@08:00:00")]
    ran = notes.Ran(
        DAY,
        pl.DataFrame([("net", "1", "t", 0, None, 5, True, 3, 1)], notes.TRIPS, orient="row"),
        pl.DataFrame(
            [("net", 1, at, stop, stop, 0, 0, *STOPS[stop]) for at, stop in enumerate("ab")], notes.CALLS, orient="row"
        ),
        pl.DataFrame(schema=notes.SHAPES),
        {},
    )
    assert lay(ran, pl.DataFrame(told, notes.TOLD)).trips["runs"].to_list() == [3]


def test_a_line_is_told_by_runs_kilometres_hours_people_money_and_grams() -> None:
    laid = read(TIMES, shape=4_000.0, trip=("net", "1", "t", 0, "s", 3, True, 3, 1))
    plain = dict.fromkeys(notes.RIDES) | {
        "hour": 8, "service": "transit", "source": "net", "route": "1", "trip": "t", "reason": "", "stop": "",
    }  # fmt: skip
    rides = pl.DataFrame(
        [
            plain | {"deed": "boarded", "sequence": 1, "to_sequence": 3, "passengers": 2, "cents": 300},
            plain | {"deed": "boarded", "sequence": 2, "to_sequence": 3, "passengers": 1, "cents": 0},
            plain | {"deed": "boarded", "trip": "", "sequence": None, "passengers": 1, "cents": 150},
            plain | {"deed": "booked", "sequence": 1, "passengers": 9, "cents": 900},
            plain
            | {
                "deed": "boarded",
                "service": "ondemand",
                "source": "tad",
                "route": "tad",
                "passengers": 2,
                "cents": 400,
            },
            plain
            | {"deed": "boarded", "service": "school", "source": "bus", "route": "7", "passengers": 30, "cents": 0},
        ],
        notes.RIDES,
    )
    runs = pl.DataFrame(
        [
            ("ondemand", "tad", "tad", 10_000, 2_500, 2, 15_000, 3_000, 2_600),
            ("ondemand", "tad", "tad", 6_000, 6_000, 0, 0, 0, 0),
            ("carpool", "", "x", 5_000, 0, 1, 5_000, 0, 0),
        ],
        notes.RUNS,
        orient="row",
    )
    load = count_loads(laid, rides, pl.DataFrame(schema=notes.TOLD))
    circuits = pl.DataFrame([("school", "9", 2, 31_000.4, 4_200)], notes.CIRCUITS, orient="row")
    noted = notes.Notes(DAY, *(pl.DataFrame() for _ in range(5)), RAN, circuits)._replace(rides=rides, runs=runs)
    rows = count_supply(laid, load, noted, GRAMS).rows(named=True)
    found = {row["service"]: row for row in rows if row["route"] != "9"}
    assert found["transit"] == {
        "service": "transit", "source": "net", "route": "1", "runs": 3, "metres": 12_000, "empty_metres": 0,
        "seconds": 5_400, "passengers": 4, "passenger_metres": pytest.approx(2 * 4_000 + 2_667, abs=2),
        "cost_cents": None, "subsidy_cents": None, "fares_cents": 450, "co2_grams": pytest.approx(1_067, abs=1),
    }  # fmt: skip
    assert found["ondemand"] == {
        "service": "ondemand", "source": "tad", "route": "tad", "runs": 2, "metres": 16_000, "empty_metres": 8_500,
        "seconds": 0, "passengers": 2, "passenger_metres": 15_000, "cost_cents": 3_000, "subsidy_cents": 2_600,
        "fares_cents": 400, "co2_grams": 3_200,
    }  # fmt: skip
    assert (found["carpool"]["cost_cents"], found["carpool"]["co2_grams"]) == (None, 1_000)
    assert (found["school"]["runs"], found["school"]["passengers"]) == (0, 30)
    (circuit,) = [row for row in rows if row["route"] == "9"]
    assert (circuit["runs"], circuit["metres"], circuit["seconds"], circuit["passengers"]) == (2, 31_000, 4_200, 0)


@pytest.mark.parametrize(
    ("day", "sort"),
    [
        (date(2026, 11, 24), DayType.SCHOOL_DAY),
        (date(2026, 10, 20), DayType.WEEKDAY),  # All Saints' holidays
        (date(2026, 11, 21), DayType.SATURDAY),
        (date(2026, 11, 22), DayType.SUNDAY),
        (date(2026, 11, 11), DayType.SUNDAY),  # Armistice
        (date(2026, 8, 15), DayType.SUNDAY),  # a Saturday, and Assumption
    ],
)
def test_days_are_of_four_sorts(day: date, sort: DayType) -> None:
    assert day_type_of(day) is sort
