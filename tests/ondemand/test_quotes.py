"""Quotes: only ours, only whole, only for a while."""

from __future__ import annotations

import json
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace
from datetime import date

import pytest

from mobigo.kit.errors import InvalidInput, Refused
from mobigo.kit.geo import Point
from mobigo.kit.sealed import SIGNATURE
from mobigo.ondemand import quotes
from mobigo.ondemand.model import Offer, Party, Pin, PinSide, Spot

KEY = b"k" * 32
NOW = 1_790_000_000

OFFER = Offer(
    service="tad:auxois",
    trip="tad:zone-1",
    service_date=date(2026, 9, 21),
    origin=Spot("Rue de l'Église, Alésia", Point(4.502, 47.537)),
    destination=Spot("Les Laumes", Point(4.46, 47.545), "tad:laumes"),
    pickup=(NOW + 7_200, NOW + 7_800),
    drop_off=(0, NOW + 9_000),
    longest_ride=1_800,
    party=Party(adults=2, companions=1, wheelchairs=1, luggage=3),
    bookable_until=NOW + 3_600,
    cents=250,
    pin=Pin(PinSide.BEFORE, "ter:891", date(2026, 9, 21), "ter:laumes", NOW + 9_300),
)


def test_a_quote_holds_the_whole_offer() -> None:
    for offer in (OFFER, replace(OFFER, pin=None, cents=None, party=Party(children=1))):
        assert quotes.read(KEY, quotes.sign(KEY, offer, NOW), NOW) == offer


def test_a_quote_is_good_to_its_last_second() -> None:
    text = quotes.sign(KEY, OFFER, NOW)
    assert quotes.read(KEY, text, NOW + quotes.LIFE) == OFFER
    with pytest.raises(Refused, match="was good until 2026-09-21T14:43:20Z") as raised:
        quotes.read(KEY, text, NOW + quotes.LIFE + 1)
    assert raised.value.code == "quote_expired"


def test_a_quote_ends_when_booking_does() -> None:
    late = OFFER.bookable_until - 60
    assert quotes.expires(OFFER, late) == OFFER.bookable_until
    with pytest.raises(Refused):
        quotes.read(KEY, quotes.sign(KEY, OFFER, late), OFFER.bookable_until + 1)


def _changed() -> list[str]:
    good = quotes.sign(KEY, OFFER, NOW)
    raw = urlsafe_b64decode(good + "=" * (-len(good) % 4))
    content = json.loads(zlib.decompress(raw[SIGNATURE:]))
    content[-2] = 1  # cheaper
    cheaper = raw[:SIGNATURE] + zlib.compress(json.dumps(content).encode())
    return [
        "",
        "no",
        "é" * 40,
        good[:-1],
        good + "A",
        good + "=",
        good.swapcase(),
        "A" * 100_000,
        urlsafe_b64encode(cheaper).decode().rstrip("="),
        urlsafe_b64encode(raw[SIGNATURE:]).decode(),
        quotes.sign(b"x" * 32, OFFER, NOW),
    ]


@pytest.mark.parametrize("text", _changed(), ids=range(len(_changed())))
def test_what_we_did_not_write_is_forged(text: str) -> None:
    with pytest.raises(InvalidInput, match="not one of this instance, or was changed") as raised:
        quotes.read(KEY, text, NOW)
    assert raised.value.code == "forged_quote"
