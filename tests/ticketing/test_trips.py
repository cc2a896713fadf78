"""Rides are made of taps, whatever was forgotten, repeated or refused."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from mobigo.ticketing.taps import Held, ReaderRule, Tap, Whole, day_begins, looks_like_card, transport_day
from mobigo.ticketing.trips import build_rides

EIGHT = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")
CARD = "ab" * 32
RULES = {"coach": ReaderRule(), "train": ReaderRule(both=True)}


def tap(number: int, minute: float, place: str, held: Held = Held.EITHER, **more: object) -> Tap:
    """A card at a reader: ``train:A`` is the platform of A, ``coach:1`` the reader in coach 1."""
    agency, _, where = place.partition(":")
    stop = where if agency == "train" else f"stop{minute:g}"
    said = {"accepted": True, "device": place, **more}
    return Tap(seq=number, at=EIGHT + timedelta(minutes=minute), card=CARD, held=held, agency=agency, stop=stop, **said)


def shorten(taps: list[Tap]) -> list[tuple[str | None, str | None, str]]:
    return [(ride.board, ride.alight, ride.whole.value) for ride in build_rides(taps, RULES.__getitem__)]


@pytest.mark.parametrize(
    ("taps", "rides"),
    [
        ([tap(1, 0, "coach:1", Held.IN)], [("stop0", None, "boarded")]),
        ([tap(1, 0, "coach:1"), tap(2, 5, "coach:1")], [("stop0", None, "boarded")]),  # the last second of again
        ([tap(1, 0, "coach:1"), tap(2, 5.1, "coach:1")], [("stop0", None, "boarded"), ("stop5.1", None, "boarded")]),
        ([tap(1, 0, "coach:1"), tap(1, 2, "coach:2")], [("stop0", None, "boarded"), ("stop2", None, "boarded")]),
        ([tap(1, 0, "coach:1", Held.OUT)], []),
        ([tap(1, 0, "coach:1", accepted=False)], []),
        ([tap(1, 0, "train:A"), tap(1, 30, "train:B")], [("A", "B", "whole")]),
        ([tap(1, 0, "train:A", Held.IN)], [("A", None, "no_out")]),
        ([tap(1, 0, "train:B", Held.OUT)], [(None, "B", "no_in")]),
        (
            [tap(1, 0, "train:A", Held.IN), tap(1, 60, "train:B", Held.IN), tap(1, 90, "train:C", Held.OUT)],
            [("A", None, "no_out"), ("B", "C", "whole")],
        ),
        ([tap(1, 0, "train:A"), tap(1, 240, "train:B")], [("A", "B", "whole")]),  # four hours are still one ride
        ([tap(1, 0, "train:A"), tap(1, 241, "train:B")], [("A", None, "no_out"), ("B", None, "no_out")]),
        ([tap(1, 0, "train:A", Held.IN), tap(1, 9, "train:A", Held.OUT)], [("A", "A", "turned_back")]),
        ([tap(1, 0, "train:A", Held.IN), tap(1, 16, "train:A", Held.OUT)], [("A", "A", "whole")]),
        (
            [tap(1, 0, "train:A"), tap(1, 20, "coach:1"), tap(1, 30, "train:B")],
            [("A", "B", "whole"), ("stop20", None, "boarded")],
        ),
    ],
)
def test_what_taps_tell(taps: list[Tap], rides: list[tuple[str | None, str | None, str]]) -> None:
    assert shorten(taps) == rides
    assert shorten(taps[::-1]) == rides  # they come in any order


def test_no_tap_is_used_twice_and_none_that_counts_is_lost() -> None:
    draw = Random(7)
    for _ in range(300):
        places = ["coach:1", "coach:2", "train:A", "train:B", "train:C"]
        taps = [
            tap(n + 1, draw.randrange(0, 900), draw.choice(places), draw.choice(list(Held)), device=f"d{n}")
            for n in range(draw.randrange(1, 12))
        ]
        rides = build_rides(taps, RULES.__getitem__)
        used = [one for ride in rides for one in ride.taps]
        assert len(used) == len(set(used))
        assert set(used) == {
            (one.device, 1 * one.seq) for one in taps if one.agency == "train" or one.held is not Held.OUT
        }
        assert all(ride.departure <= ride.arrival for ride in rides)
        assert all((ride.whole is Whole.NO_IN) == (ride.board is None) for ride in rides)


@pytest.mark.parametrize(
    ("local", "day"),
    [
        ("2026-11-23T04:00+01:00", 23),
        ("2026-11-23T03:59:59+01:00", 22),
        ("2026-03-29T03:59+02:00", 28),  # the clock was put forward at two
        ("2026-03-29T04:00+02:00", 29),
        ("2026-10-25T03:59+01:00", 24),
        ("2026-10-25T04:00+01:00", 25),
    ],
)
def test_a_transport_day_begins_at_four_by_the_clock_on_the_wall(local: str, day: int) -> None:
    at = datetime.fromisoformat(local)
    assert transport_day(at, PARIS).day == day
    begins = day_begins(transport_day(at, PARIS), PARIS)
    assert begins.astimezone(PARIS).hour == 4
    assert begins <= at < day_begins(transport_day(at, PARIS) + timedelta(days=1), PARIS)


def test_numbers_of_cards_are_recognised() -> None:
    for text in ("4242424242424242", "5555 5555 5555 4444", "x4000-0566-5566-5556y"):
        assert looks_like_card(text)
    for text in ("4242424242424241", "pm_1NXWPnLkdIwHu7ix", "12345", date(2026, 11, 23).isoformat()):
        assert not looks_like_card(text)
