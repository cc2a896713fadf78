"""Codes that are shown and scanned, and the class of a proof."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from mobigo.carpool.checks import Fix
from mobigo.carpool.proof import Code, ProofClass, Shows, Trace, classify, read_code, write_code
from mobigo.kit.errors import MobigoError
from mobigo.kit.geo import Point

KEY = b"k" * 32
FIRST = datetime(2026, 10, 24, 23, 30, tzinfo=UTC)  # the clock goes back while it is good
LAST = FIRST + timedelta(hours=4)
CODE = Code("b-0123456789", Shows.PASSENGER, FIRST, LAST)
TEXT = write_code(KEY, CODE)


def scan(text: str = TEXT, *, at: datetime = FIRST, later: timedelta = timedelta(0)) -> Code:
    return read_code(KEY, text, scanned=at, received=at + later)


def refusal(**scanned: object) -> str:
    with pytest.raises(MobigoError) as refused:
        scan(**scanned)  # type: ignore[arg-type]
    return refused.value.code


def test_a_code_is_read_as_it_was_written_however_often_it_is_scanned() -> None:
    assert scan() == scan() == CODE
    assert set(TEXT) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
    assert len(TEXT) < 100


def test_a_scan_without_network_counts_when_it_arrives_within_a_day() -> None:
    assert scan(at=LAST, later=timedelta(hours=24)) == CODE
    assert refusal(later=timedelta(hours=24, seconds=1)) == "scan_not_believed"


def test_a_phone_may_be_five_minutes_ahead() -> None:
    assert scan(later=timedelta(minutes=-5)) == CODE
    assert refusal(later=timedelta(minutes=-5, seconds=-1)) == "scan_not_believed"


def test_a_code_is_good_in_its_time_only() -> None:
    assert refusal(at=FIRST - timedelta(seconds=1)) == "code_expired"
    assert refusal(at=LAST + timedelta(minutes=5, seconds=1)) == "code_expired"


@given(at=some.integers(0, len(TEXT) - 1), sign=some.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"))
def test_a_changed_code_is_no_code(at: int, sign: str) -> None:
    changed = TEXT[:at] + sign + TEXT[at + 1 :]
    if changed != TEXT:
        assert refusal(text=changed) == "forged_code"


@pytest.mark.parametrize("text", ["", "A", "é", "0189", "A" * 5_000, TEXT.lower(), TEXT + " ", TEXT[:-8]])
def test_what_is_no_code_is_refused(text: str) -> None:
    assert refusal(text=text) == "forged_code"


def test_a_code_of_another_home_is_no_code() -> None:
    assert refusal(text=write_code(b"l" * 32, CODE)) == "forged_code"


A, B = Point(4.1726, 47.5066), Point(4.4656, 47.5444)
ENDS = (A, FIRST), (B, FIRST + timedelta(minutes=30))
WHOLE = Fix(FIRST, A), Fix(FIRST + timedelta(minutes=29), B)


@pytest.mark.parametrize(
    ("driver", "passenger", "proof"),
    [
        (Trace("d", WHOLE), Trace("p", WHOLE), ProofClass.C),
        (Trace("d", WHOLE), Trace("d", WHOLE), ProofClass.B),
        (Trace("d", WHOLE), Trace("p", WHOLE[:1]), ProofClass.B),
        (Trace("d", ()), Trace("p", WHOLE), ProofClass.B),
        (Trace("d", WHOLE[:1]), Trace("p", WHOLE[1:]), ProofClass.A),
        (Trace("d", (Fix(FIRST + timedelta(hours=1), A), WHOLE[1])), Trace("p", ()), ProofClass.A),
    ],
)
def test_the_class_follows_from_who_was_where(driver: Trace, passenger: Trace, proof: ProofClass) -> None:
    assert classify(driver, passenger, ENDS) is proof
