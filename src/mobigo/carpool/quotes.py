"""Quotes: a place in a car as it was found, as a text that only this home can have written, good for a while.

Nothing is stored for a quote, and it is bound to nobody. Booking looks at the car again: a quote says where one gets on
and off, when, and at which price, not that there is still room.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from mobigo.kit.errors import InvalidInput, Refused
from mobigo.kit.geo import Point
from mobigo.kit.sealed import seal, unseal

LIFE = 1_800
"""Seconds that a quote is good for: time to read, to ask and to type."""

VERSION = 1
"""Of what is in a quote; texts of other versions are not understood."""

PURPOSE = b"mobigo carpool quote"
"""What the signature is for."""


@dataclass(frozen=True)
class Spot:
    """Where one gets on or off."""

    name: str
    point: Point
    stop: int | None = None
    """Id of a stop of the run, where the car stops anyway; None: it would stop there for this passenger."""


@dataclass(frozen=True)
class Offer:
    """A place in a car, as it was found."""

    run: str
    line: str | None
    board: Spot
    alight: Spot
    board_at: int
    """Instant at which the car would be there."""
    alight_at: int
    ready_at: int
    """Instant from which the passenger can be where they get on."""
    there_by: int
    """Instant by which they have to be where they get off."""
    seats: int
    cents: int
    """For all seats."""
    instant: bool
    """Who books it has it at once; else the driver answers first."""


def expires(offer: Offer, now: int) -> int:
    """Tell until when a quote made now is good: never longer than one could still get on."""
    return min(now + LIFE, offer.board_at)


def sign(key: bytes, offer: Offer, now: int) -> str:
    """Write an offer as a quote.

    Parameters
    ----------
    key : bytes
        Of the home, as it signs tokens with.
    now : int
        Instant; the quote is good until `expires`, that second included.
    """
    spots = [[spot.name, *spot.point, spot.stop] for spot in (offer.board, offer.alight)]
    times = offer.board_at, offer.alight_at, offer.ready_at, offer.there_by
    content = [VERSION, expires(offer, now), offer.run, offer.line, *spots, *times]
    return seal(key, PURPOSE, [*content, offer.seats, offer.cents, offer.instant])


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
            f"the quote was good until {datetime.fromtimestamp(until, UTC):%Y-%m-%dT%H:%M:%SZ}; search again",
            code="quote_expired",
        )
    run, line, board, alight, *rest = content
    return Offer(run, line, _read_spot(*board), _read_spot(*alight), *rest)


def _read_spot(name: str, lon: float, lat: float, stop: int | None) -> Spot:
    return Spot(name, Point(lon, lat), stop)


def _forged() -> InvalidInput:
    return InvalidInput(
        "the quote is not one of this instance, or was changed; send it as it was given, or search again",
        code="forged_quote",
    )
