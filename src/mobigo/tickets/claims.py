"""What a code says of its ticket: enough to judge it without asking anybody."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from mobigo.tickets import cbor
from mobigo.tickets.model import Holder, Malformed, TravelClass

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mobigo.tickets.model import Ticket

ID_BITS = 60
"""Of a ticket's number; written as twelve signs of Crockford's base 32."""

SIGNS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

MARK = 4
"""Bytes by which a code knows a stop or trip: the first of SHA-256 of its id."""

PHONE_KEY = 33
"""Bytes of a phone's public key: a point of P-256, compressed."""


@dataclass(frozen=True)
class Claims:
    """What a code says."""

    id: str
    serial: int
    product: str
    version: int
    category: str
    issued_at: datetime
    valid_from: datetime | None
    valid_until: datetime | None
    fellows: int = 1
    span: timedelta | None = None
    rides: int | None = None
    use: timedelta | None = None
    networks: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    agencies: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    stops: tuple[bytes, ...] = ()
    """Marks of the stops where one may get on."""
    trips: tuple[tuple[date, bytes], ...] = ()
    """Service days and marks of trips."""
    origin: str | None = None
    destination: str | None = None
    holder: Holder | None = None
    travel_class: TravelClass = TravelClass.SECOND
    phone: bytes | None = None
    """Public key of the phone that must show it."""
    specimen: bool = False


def mark(name: str) -> bytes:
    """Return the mark of a stop or trip."""
    return sha256(name.encode()).digest()[:MARK]


def claim(ticket: Ticket) -> Claims:
    """Say what a ticket's code says."""
    wanted, scope = ticket.wanted, ticket.wanted.scope
    return Claims(
        id=ticket.id,
        serial=ticket.serial,
        product=wanted.product,
        version=wanted.version,
        category=wanted.category,
        issued_at=ticket.issued_at.replace(microsecond=0),
        valid_from=wanted.valid_from,
        valid_until=wanted.valid_until,
        fellows=wanted.fellows,
        span=wanted.span,
        rides=wanted.rides,
        use=wanted.use,
        networks=scope.networks,
        areas=scope.areas,
        agencies=scope.agencies,
        routes=scope.routes,
        stops=tuple(map(mark, scope.stops)),
        trips=tuple((day, mark(trip)) for day, trip in scope.trips),
        origin=scope.origin,
        destination=scope.destination,
        holder=wanted.holder,
        travel_class=wanted.travel_class,
        phone=ticket.phone,
        specimen=wanted.specimen,
    )


def write_id(number: int) -> str:
    """Write a ticket's number as people read it."""
    return "".join(SIGNS[number >> shift & 31] for shift in range(ID_BITS - 5, -1, -5))


def read_id(text: str) -> int:
    """Read a ticket's number.

    Raises
    ------
    ValueError
        When it is none.
    """
    if len(text) != ID_BITS // 5:
        raise ValueError(f"{text!r} is not {ID_BITS // 5} signs")
    number = 0
    for sign in text:
        number = number << 5 | SIGNS.index(sign)
    return number


_ISSUED, _FROM, _UNTIL = 4, 5, 6
_WORDS = {1: "product", 3: "category", 18: "origin", 19: "destination"}
_LISTS = {12: "networks", 13: "areas", 14: "agencies", 15: "routes"}
_NUMBERS = {0: "serial", 2: "version", 7: "fellows", 9: "rides"}


def pack(claims: Claims) -> bytes:
    """Write claims as a map of numbers, in deterministic CBOR."""
    content: dict[int, Any] = {
        -1: read_id(claims.id),
        0: claims.serial,
        1: claims.product,
        2: claims.version,
        3: claims.category,
        _ISSUED: _seconds(claims.issued_at),
        _FROM: claims.valid_from and _seconds(claims.valid_from),
        _UNTIL: claims.valid_until and _seconds(claims.valid_until),
        7: claims.fellows if claims.fellows != 1 else None,
        8: claims.span and int(claims.span.total_seconds()),
        9: claims.rides,
        10: claims.use and int(claims.use.total_seconds()),
        11: [claims.holder.name, claims.holder.born and claims.holder.born.toordinal()] if claims.holder else None,
        16: b"".join(claims.stops),
        17: [[day.toordinal(), trip] for day, trip in claims.trips],
        18: claims.origin,
        19: claims.destination,
        20: claims.travel_class is TravelClass.FIRST or None,
        21: claims.phone,
        22: claims.specimen or None,
        **{number: list(getattr(claims, name)) for number, name in _LISTS.items()},
    }
    return cbor.dump(
        {number: value for number, value in content.items() if value is not None and value not in ([], b"")}
    )


def unpack(data: bytes) -> Claims:
    """Read what `pack` wrote.

    Raises
    ------
    Malformed
        When it is anything else.
    """
    content = cbor.load(data)
    if not isinstance(content, dict):
        raise Malformed("no map")
    try:
        claims = _unpack(content)
    except Malformed:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError) as error:
        raise Malformed(f"no claims: {error!r}") from None
    if pack(claims) != data:
        raise Malformed("claims that are not written as we write them")
    return claims


def _unpack(content: dict[Any, Any]) -> Claims:
    number = content[-1]
    if not 0 <= number < 1 << ID_BITS:
        raise Malformed(f"{number} is no ticket's number")
    marks, phone, holder = content.get(16, b""), content.get(21), content.get(11)
    if not isinstance(marks, bytes) or (phone is not None and len(phone) != PHONE_KEY):
        raise Malformed("marks or key of another shape")
    values: dict[str, Any] = {}
    for names, kind in ((_WORDS, str), (_NUMBERS, int)):
        for at, name in names.items():
            if at in content:
                values[name] = _of(content[at], kind)
    for at, name in _LISTS.items():
        values[name] = tuple(_of(one, str) for one in _of(content.get(at, []), list))
    return Claims(
        id=write_id(number),
        issued_at=_instant(content[_ISSUED]),
        valid_from=_instant(content[_FROM]) if _FROM in content else None,
        valid_until=_instant(content[_UNTIL]) if _UNTIL in content else None,
        span=_length(content.get(8)),
        use=_length(content.get(10)),
        holder=None if holder is None else _holder(holder),
        stops=tuple(marks[at : at + MARK] for at in range(0, len(marks), MARK)),
        trips=tuple((date.fromordinal(day), _of(trip, bytes)) for day, trip in content.get(17, [])),
        travel_class=TravelClass.FIRST if content.get(20) else TravelClass.SECOND,
        phone=None if phone is None else _of(phone, bytes),
        specimen=bool(content.get(22)),
        **values,
    )


def _of(value: object, kind: type) -> Any:  # noqa: ANN401 - of the kind asked for
    if not isinstance(value, kind) or isinstance(value, bool):
        raise Malformed(f"{value!r} is no {kind.__name__}")
    return value


def _holder(content: Iterable[Any]) -> Holder:
    name, born = content
    return Holder(_of(name, str), None if born is None else date.fromordinal(born))


def _seconds(at: datetime) -> int:
    return int(at.timestamp())


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(_of(seconds, int), UTC)


def _length(seconds: int | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=_of(seconds, int))


def describe(claims: Claims) -> dict[str, Any]:
    """Say claims in JSON, for people and programs."""
    said: dict[str, Any] = {
        "ticket": claims.id,
        "serial": claims.serial,
        "product": claims.product,
        "catalogue": claims.version,
        "category": claims.category,
        "travellers": claims.fellows,
        "class": claims.travel_class,
        "issued_at": claims.issued_at.isoformat(),
        "valid_from": claims.valid_from and claims.valid_from.isoformat(),
        "valid_until": claims.valid_until and claims.valid_until.isoformat(),
        "minutes_from_first_use": claims.span and int(claims.span.total_seconds()) // 60,
        "rides": claims.rides,
        "minutes_per_ride": claims.use and int(claims.use.total_seconds()) // 60,
        "networks": list(claims.networks),
        "areas": list(claims.areas),
        "agencies": list(claims.agencies),
        "routes": list(claims.routes),
        "stops": [one.hex() for one in claims.stops],
        "trips": [[day.isoformat(), trip.hex()] for day, trip in claims.trips],
        "from": claims.origin,
        "to": claims.destination,
        "holder": claims.holder and claims.holder.name,
        "born": claims.holder and claims.holder.born and claims.holder.born.isoformat(),
        "phone": claims.phone and base64.urlsafe_b64encode(claims.phone).rstrip(b"=").decode(),
        "specimen": claims.specimen or None,
    }
    return {name: value for name, value in said.items() if value is not None and value != []}
