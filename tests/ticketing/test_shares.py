"""Shares of operators: they add up exactly, whatever is divided among whomever."""

from __future__ import annotations

from datetime import UTC, date, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobigo.ticketing.revenue_store import ShareRule
from mobigo.ticketing.shares import Basis, Used, find_rule, share, weigh

WEIGHTS = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=3), st.integers(0, 10**9), min_size=1, max_size=12
).filter(lambda some: sum(some.values()) > 0)


@given(st.integers(-(10**11), 10**11), WEIGHTS)
def test_shares_add_up_and_each_is_within_a_cent(cents: int, weights: dict[str, int]) -> None:
    found = share(cents, weights)
    assert sum(found.values()) == cents
    total = sum(weights.values())
    for one, weight in weights.items():
        assert abs(found[one] - Fraction(cents * weight, total)) < 1
        assert weight or not found[one]


@given(st.integers(0, 10**9), WEIGHTS)
def test_what_is_taken_back_is_what_was_given(cents: int, weights: dict[str, int]) -> None:
    given_, back = share(cents, weights), share(-cents, weights)
    assert {one: -part for one, part in back.items()} == given_


def test_the_largest_remainder_has_the_cent() -> None:
    assert share(100, {"a": 1, "b": 1, "c": 1}) == {"a": 34, "b": 33, "c": 33}
    assert share(10, {"a": 2, "b": 5}) == {"a": 3, "b": 7}
    with pytest.raises(ValueError, match="share nothing"):
        share(10, {"a": 0})


def rule(basis: str, since: str = "2026-01-01", product: str | None = None, number: int = 1, **keys: int) -> ShareRule:
    return ShareRule(number, product, date.fromisoformat(since), basis, keys, "f", datetime(2026, 1, 1, tzinfo=UTC))


SPLIT = {"rail": [1, 60_000, 900], "tram": [1, 2_000, 100]}
USED = {"rail": Used(30, 0), "coach": Used(10, 0)}


@pytest.mark.parametrize(
    ("by", "split", "used", "basis", "weights"),
    [
        (rule("usage"), SPLIT, {}, "usage", {"rail": 1, "tram": 1}),
        (rule("kilometres"), SPLIT, {}, "kilometres", {"rail": 60_000, "tram": 2_000}),
        (rule("stand_alone"), SPLIT, {}, "stand_alone", {"rail": 900, "tram": 100}),
        (rule("fixed", rail=7, tram=3), SPLIT, USED, "fixed", {"rail": 7, "tram": 3}),
        (None, {}, USED, "usage", {"rail": 30, "coach": 10}),
        (rule("kilometres"), {}, USED, "usage", {"rail": 30, "coach": 10}),
        (rule("stand_alone", rail=500, coach=150), {}, USED, "stand_alone", {"rail": 15_000, "coach": 1_500}),
        (rule("usage", rail=1), {}, {}, "fixed", {"rail": 1}),
        (None, {}, {}, "fixed", {"region": 1}),
    ],
)
def test_what_counts_by_each_rule(
    by: ShareRule | None, split: dict[str, list[int]], used: dict[str, Used], basis: str, weights: dict[str, int]
) -> None:
    assert weigh(by, split, used) == (Basis(basis), weights)


def test_the_latest_rule_of_the_product_counts() -> None:
    rules = [
        rule("usage", "2026-01-01", None, 1),
        rule("fixed", "2026-03-01", "pass", 2, a=1),
        rule("kilometres", "2026-05-01", None, 3),
        rule("fixed", "2026-03-01", "pass", 4, b=1),
    ]
    found = [find_rule(rules, "pass", date(2026, month, 1)) for month in (2, 3, 6)]
    assert [one and one.id for one in found] == [1, 4, 4]
    assert find_rule(rules, "single", date(2026, 6, 1)) == rules[2]
    assert find_rule(rules, "single", date(2025, 6, 1)) is None
