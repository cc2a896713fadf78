"""What holds for every policy, journey and run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as some

from mobigo.carpool.amounts import exact, read_expression, round_half_up
from mobigo.carpool.model import CounterKey, Journey, Place
from mobigo.carpool.policy import read_policy
from mobigo.carpool.runs import DEFAULT, Costs, Passenger, award_run, cap, loaded_metres
from mobigo.kit.errors import InvalidInput

HERE = Place({"com": "21603", "aom": "1"})
THERE = Place({"com": "21425", "aom": "2"})

POLICY = {
    "classes": ["B", "C"],
    "distance_min_m": 2_000,
    "distance_max_m_exclusive": 80_000,
    "formula": {
        "mode": "sum",
        "slices": [
            {"from_m": 2_000, "to_m": 15_000, "per_seat_cents": 150},
            {"from_m": 15_000, "per_seat_per_km_cents": 10, "km_from_m": 15_000, "km_to_m": 30_000},
        ],
    },
    "limits": [
        {"counter": "trips", "period": "day", "scope": "driver", "max": 2, "priority": 21},
        {"counter": "amount", "period": "month", "scope": "driver", "max": 500, "priority": 32},
    ],
}


def journey(metres: int = 5_000, *, seats: int = 1, at: str = "2024-05-15T07:00:00+02:00", **more: object) -> Journey:
    fields = {
        "id": "j", "trip": "t", "operator": "OP", "proof": "C", "start_at": datetime.fromisoformat(at),
        "metres": metres, "seats": seats, "driver": "d", "passenger": "p", "adult": True, "driver_revenue": 0,
        "passenger_contribution": 0, "start": HERE, "end": THERE,
    }  # fmt: skip
    return Journey(**fields | more)  # type: ignore[arg-type]


def test_the_day_and_month_are_those_of_france() -> None:
    policy, counters = read_policy("p", POLICY), {}
    policy.award(journey(at="2024-05-31T22:30:00+00:00"), counters)
    assert CounterKey("amount", "month", "driver", "d", "2024-06") in counters


def test_the_last_payment_of_a_month_is_what_is_left_and_trips_stay_counted() -> None:
    policy, counters = read_policy("p", POLICY), {}
    at = ["2024-05-13T07:00:00+02:00", "2024-05-14T07:00:00+02:00", "2024-05-15T07:00:00+02:00"]
    assert [policy.award(journey(20_000, at=one), counters).cents for one in at] == [200, 200, 100]
    assert policy.award(journey(20_000, at="2024-05-16T07:00:00+02:00"), counters).cents == 0
    assert counters[CounterKey("trips", "day", "driver", "d", "2024-05-16")] == 1


def test_the_shortest_distance_is_paid_and_the_longest_is_not() -> None:
    policy = read_policy("p", POLICY)
    assert [policy.award(journey(metres), {}).cents for metres in (1_999, 2_000, 79_999, 80_000)] == [0, 150, 300, 0]


def test_every_reason_says_what_it_is() -> None:
    policy = read_policy("p", POLICY | {"adult_only": True})
    assert policy.award(journey(proof="A"), {}).steps[-1].code == "class"
    assert policy.award(journey(adult=False), {}).steps[-1].code == "adult_only"
    assert policy.award(journey(10), {}).steps[-1].code == "too_short"


@given(
    metres=some.integers(0, 200_000),
    seats=some.integers(1, 8),
    days=some.lists(some.integers(0, 60), min_size=1, max_size=30),
)
def test_no_policy_pays_less_than_nothing_or_more_than_its_limits(metres: int, seats: int, days: list[int]) -> None:
    policy, counters = read_policy("p", POLICY), {}
    start = datetime(2024, 5, 1, 6, tzinfo=UTC)
    paid: dict[str, int] = {}
    for day in sorted(days):
        one = journey(metres, seats=seats, start_at=start + timedelta(days=day))
        cents = policy.award(one, counters).cents
        assert cents >= 0
        month = one.start_at.isoformat()[:7]
        paid[month] = paid.get(month, 0) + cents
    assert all(cents <= 500 for cents in paid.values())


passengers = some.lists(
    some.builds(
        lambda seats, a, b, validated: Passenger(seats, min(a, b), max(a, b), validated=validated),
        some.integers(1, 4), some.integers(0, 60_000), some.integers(0, 60_000), some.booleans(),
    ),
    max_size=6,
)  # fmt: skip


@given(aboard=passengers, order=some.randoms())
def test_the_order_of_passengers_does_not_matter(aboard: list[Passenger], order: object) -> None:
    shuffled = list(aboard)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    assert award_run(DEFAULT, 60_000, aboard) == award_run(DEFAULT, 60_000, shuffled)


@given(aboard=passengers)
def test_loaded_metres_are_those_somebody_rides(aboard: list[Passenger]) -> None:
    tens = [Passenger(one.seats, one.board // 100, one.alight // 100, one.validated) for one in aboard]
    ridden = {metre for one in tens for metre in range(one.board, one.alight)}
    assert loaded_metres(tens) == len(ridden)


@given(
    cents=some.integers(0, 5_000), metres=some.integers(0, 100_000), toll=some.integers(0, 2_000),
    paid=some.integers(0, 5_000), runs=some.integers(0, 5),
)  # fmt: skip
def test_nobody_receives_more_than_the_law_allows(cents: int, metres: int, toll: int, paid: int, runs: int) -> None:
    costs = Costs(exact(55.8), toll, paid)
    allowed, derogated = cap(cents, metres, costs, short_runs_today=runs)
    assert 0 <= allowed <= cents
    assert derogated or allowed <= max(0, exact(55.8) * metres / 1000 + toll - paid)
    assert not derogated or (metres < 15_000 and runs < 2)


@pytest.mark.parametrize(("amount", "cents"), [("0.5", 1), ("1.4999", 1), ("-0.5", 0), ("-0.51", -1), ("2.5", 3)])
def test_halves_are_rounded_up(amount: str, cents: int) -> None:
    assert round_half_up(Fraction(amount)) == cents


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')", "seats.bit_length()", "2 ** 99999", "x + 1", "min(1)", "-" * 200 + "1",
        "1 if 1 else 2",
        "round(1, 2)", "True", "[1]", "lambda: 1", "1e999", "min(*[1, 2])", "max(1, 2, key=1)", "",
    ],
)  # fmt: skip
def test_a_formula_holds_nothing_but_arithmetic(text: str) -> None:
    with pytest.raises(InvalidInput):
        read_expression(text)


def test_a_formula_is_exact() -> None:
    worked = read_expression("round(distance_m * 0.1) + min(seats, 3) - -1 / 2")
    assert worked({"distance_m": 5, "seats": 7, "driver_revenue": 0, "passenger_contribution": 0}) == Fraction(9, 2)


@pytest.mark.parametrize(
    "change",
    [
        {"formula": {"mode": "guess"}},
        {"zones": [{"rule": "near"}]},
        {"limits": [{"counter": "luck", "period": "day", "scope": "driver", "max": 1, "priority": 1}]},
        {"operators": [{"from": "2024-01-01T00:00:00", "operators": ["A"]}]},
        {"formula": {"mode": "sum", "slices": [{"from_m": 0, "per_seat_cents": "x"}]}},
    ],
)
def test_a_policy_that_cannot_be_read_is_refused_by_name(change: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match="'p'"):
        read_policy("p", POLICY | change)


def test_a_car_has_so_many_paid_passengers_on_a_day() -> None:
    limits = [{"counter": "passengers", "period": "day", "scope": "trip", "max": 3, "priority": 10}]
    policy, counters = read_policy("p", {**POLICY, "limits": limits}), {}
    paid = [
        policy.award(journey(seats=seats, trip=trip), counters).cents
        for seats, trip in ((2, "a"), (2, "a"), (1, "a"), (1, "b"))
    ]
    assert paid == [300, 300, 0, 150]  # three were not reached before the second
    assert counters[CounterKey("passengers", "day", "trip", "a", "2024-05-15")] == 4
