"""Offers as texts that only this home can have written, good for a while; nothing is stored for one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from mobigo.fares.model import FareRide, RideKind
from mobigo.kit.errors import InvalidInput, Refused
from mobigo.kit.sealed import seal, unseal
from mobigo.ticketing.model import Offer, OfferPart, OfferRide, PartKind

if TYPE_CHECKING:
    from collections.abc import Sequence

LIFE = timedelta(minutes=30)
"""An offer is good for: time to read, to ask and to type."""

VERSION = 2
"""Of what is in an offer; texts of other versions are not understood."""

PURPOSE = b"mobigo ticket offer"

LONGEST = 40_000
"""Signs of an offer: that of eight rides, each with its quote, has some thousands."""


def sign(key: bytes, offer: Offer) -> str:
    """Write an offer as one signed word."""
    return seal(
        key,
        PURPOSE,
        [
            VERSION,
            int(offer.until.timestamp()),
            offer.version,
            offer.currency,
            [_pack_part(part) for part in offer.parts],
            [_pack_ride(ride) for ride in offer.rides],
        ],
    )


def read(key: bytes, text: str, now: datetime) -> Offer:
    """Read an offer.

    Raises
    ------
    InvalidInput
        When this home did not write it, or it was changed (``forged_offer``).
    Refused
        When its time is over (``offer_expired``).
    """
    try:
        version, until, *content = unseal(key, PURPOSE, text, longest=LONGEST)
    except ValueError:
        raise _forged() from None
    if version != VERSION:
        raise _forged()
    end = datetime.fromtimestamp(until, UTC)
    if now > end:
        raise Refused(f"the offer was good until {end:%Y-%m-%dT%H:%M:%SZ}; ask for a new one", code="offer_expired")
    number, currency, parts, rides = content
    return Offer(number, currency, tuple(map(_read_part, parts)), tuple(map(_read_ride, rides)), end)


def _forged() -> InvalidInput:
    return InvalidInput(
        "the offer is not one of this instance, or was changed; send it as it was given, or ask for a new one",
        code="forged_offer",
    )


def _pack_part(part: OfferPart) -> list[Any]:
    return [
        part.kind.value,
        part.product,
        part.version,
        part.category,
        part.fellows,
        part.cents,
        part.vat_permille,
        _pack_instant(part.valid_from),
        _pack_instant(part.valid_until),
        list(part.rides),
        list(part.areas),
        part.medium,
        part.rests_on,
        part.rebate,
    ]


def _read_part(values: Sequence[Any]) -> OfferPart:
    kind, product, version, category, fellows, cents, vat, since, until, rides, areas, medium, rests_on, rebate = values
    return OfferPart(
        PartKind(kind),
        product,
        version,
        category,
        fellows,
        cents,
        vat,
        _read_instant(since),
        _read_instant(until),
        tuple(rides),
        tuple(areas),
        medium,
        rests_on,
        rebate,
    )


def _pack_ride(one: OfferRide) -> list[Any]:
    ride = one.ride
    return [
        ride.kind.value,
        ride.agency,
        ride.route,
        list(ride.networks),
        ride.board,
        ride.alight,
        _pack_instant(ride.departure),
        _pack_instant(ride.arrival),
        ride.metres,
        ride.service_date.isoformat(),
        ride.trip,
        ride.quoted,
        one.alone,
        one.quote,
    ]


def _read_ride(values: Sequence[Any]) -> OfferRide:
    kind, agency, route, networks, board, alight, departure, arrival, metres, day, trip, quoted, alone, quote = values
    ride = FareRide(
        RideKind(kind),
        agency,
        route,
        tuple(networks),
        board,
        alight,
        datetime.fromtimestamp(departure, UTC),
        datetime.fromtimestamp(arrival, UTC),
        metres,
        date.fromisoformat(day),
        trip=trip,
        quoted=quoted,
    )
    return OfferRide(ride, alone, quote)


def _pack_instant(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp())


def _read_instant(second: int | None) -> datetime | None:
    return None if second is None else datetime.fromtimestamp(second, UTC)
