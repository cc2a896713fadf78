"""Quotes: an offer as a text that only this home can have written, and that is good for a while.

Nothing is stored for a quote. It holds the offer and when it ends, followed by a signature (HMAC-SHA256 with a key of
its own, made from the home's). Booking looks at the rules and the vehicles again: a quote says what was offered and at
which price, not that there is still room.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from mobigo.kit.errors import InvalidInput, Refused
from mobigo.kit.geo import Point
from mobigo.kit.sealed import seal, unseal
from mobigo.ondemand.model import Offer, Party, Pin, PinSide, Spot

if TYPE_CHECKING:
    from collections.abc import Sequence

LIFE = 1_800
"""Seconds that a quote is good for: time to read, to ask and to type."""

VERSION = 1
"""Of what is in a quote; texts of other versions are not understood."""

PURPOSE = b"mobigo ondemand quote"
"""What the signature is for."""


def expires(offer: Offer, now: int) -> int:
    """Tell until when a quote made now is good: never longer than the ride can be booked."""
    return min(now + LIFE, offer.bookable_until)


def sign(key: bytes, offer: Offer, now: int) -> str:
    """Write an offer as a quote.

    Parameters
    ----------
    key : bytes
        Of the home, as it signs tokens with.
    now : int
        Instant; the quote is good until `expires`, that second included.
    """
    return seal(key, PURPOSE, [VERSION, expires(offer, now), *pack(offer)])


def read(key: bytes, text: str, now: int) -> Offer:
    """Read a quote.

    Raises
    ------
    InvalidInput
        When this home did not write it, or it was changed (``forged_quote``).
    Refused
        When its time is over (``quote_expired``).
    """
    try:
        version, until, *content = unseal(key, PURPOSE, text)
    except ValueError:
        raise _forged() from None
    if version != VERSION:
        raise _forged()
    if now > until:
        raise Refused(
            f"the quote was good until {datetime.fromtimestamp(until, UTC):%Y-%m-%dT%H:%M:%SZ}; ask for a new one",
            code="quote_expired",
        )
    return unpack(content)


def _forged() -> InvalidInput:
    return InvalidInput(
        "the quote is not one of this instance, or was changed; send it as it was given, or ask for a new one",
        code="forged_quote",
    )


# ── an offer as plain values ──────────────────────────────────────────────────────────────────────────────────────────


def pack(offer: Offer) -> list[Any]:
    """Write an offer as values of JSON."""
    party, pin = offer.party, offer.pin
    return [
        offer.service,
        offer.trip,
        offer.service_date.isoformat(),
        pack_spot(offer.origin),
        pack_spot(offer.destination),
        *offer.pickup,
        *offer.drop_off,
        offer.longest_ride,
        [party.adults, party.companions, party.children, party.wheelchairs, party.luggage, party.bicycles],
        offer.bookable_until,
        offer.cents,
        pin and [pin.side.value, pin.trip_id, pin.service_date.isoformat(), pin.stop_id, pin.instant],
    ]


def unpack(values: Sequence[Any]) -> Offer:
    """Read what `pack` wrote."""
    service, trip, day, origin, destination, *times, longest, party, bookable, cents, pin = values
    return Offer(
        service=service,
        trip=trip,
        service_date=date.fromisoformat(day),
        origin=unpack_spot(origin),
        destination=unpack_spot(destination),
        pickup=(times[0], times[1]),
        drop_off=(times[2], times[3]),
        longest_ride=longest,
        party=Party(*party),
        bookable_until=bookable,
        cents=cents,
        pin=pin and Pin(PinSide(pin[0]), pin[1], date.fromisoformat(pin[2]), pin[3], pin[4]),
    )


def pack_spot(spot: Spot) -> list[Any]:
    """Write a place as values of JSON."""
    return [spot.name, spot.point.lon, spot.point.lat, spot.stop_id]


def unpack_spot(values: Sequence[Any]) -> Spot:
    """Read what `pack_spot` wrote."""
    name, lon, lat, stop = values
    return Spot(name, Point(lon, lat), stop)
