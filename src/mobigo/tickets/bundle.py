"""What a device is given to judge tickets alone: keys, an extract of the catalogue, the deny list. Signed, numbered.

A device that has one is given what changed since: keys whole, as they are few; the catalogue's extract only if it is
another; of the deny list what came and what went.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from mobigo.tickets import cbor
from mobigo.tickets.keys import Key, Use, verify_ed25519
from mobigo.tickets.model import Malformed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mobigo.tickets.keys import Keyring

PURPOSE = b"mobigo bundle 1"
_WHOLE, _DELTA = 1, 2

CARD = 16
"""Bytes of a bank card's salted hash by which devices know it."""

ANY = 0
"""In place of a serial: whatever the serial."""


@dataclass(frozen=True)
class FareNetwork:
    """Rides that share fares: by route, agency, feed or kind."""

    routes: frozenset[str] = frozenset()
    agencies: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Extract:
    """What of the catalogue devices need."""

    products: Mapping[str, tuple[str, str]]
    """Names in French and English, by product."""
    networks: Mapping[str, FareNetwork]
    areas: Mapping[str, frozenset[str]]
    """Stops, by area."""


@dataclass(frozen=True)
class Bundle:
    """What a device judges by."""

    version: int
    made_at: datetime
    valid_until: datetime
    """After which the device should have been told anew; it goes on, and says so."""
    keys: tuple[Key, ...]
    extract: Extract
    tickets: Mapping[int, int]
    """Denied: number of the ticket, and the serial below which; `ANY`: all."""
    cards: frozenset[bytes]
    """Denied bank cards, by the beginning of their salted hash."""


def digest(bundle: Bundle) -> bytes:
    """Return a hash of what a bundle holds, whatever its number and time."""
    return sha256(cbor.dump([_keys(bundle), _extract(bundle.extract), *_denied(bundle)])).digest()


def pack(bundle: Bundle) -> bytes:
    """Write a bundle whole, unsigned."""
    return cbor.dump([_WHOLE, 0, *_head(bundle), _extract(bundle.extract), *_denied(bundle), [], []])


def pack_delta(old: Bundle, new: Bundle) -> bytes:
    """Write what makes one bundle of another, unsigned."""
    extract = None if old.extract == new.extract else _extract(new.extract)
    tickets = {number: below for number, below in new.tickets.items() if old.tickets.get(number) != below}
    return cbor.dump(
        [
            _DELTA,
            old.version,
            *_head(new),
            extract,
            tickets,
            sorted(new.cards - old.cards),
            sorted(old.tickets.keys() - new.tickets.keys()),
            sorted(old.cards - new.cards),
        ]
    )


def seal(payload: bytes, kid: int, sign: Callable[[bytes], bytes]) -> bytes:
    """Sign what was packed."""
    return cbor.dump([kid, payload, sign(PURPOSE + payload)])


def open_sealed(data: bytes, keys: Keyring, now: datetime) -> bytes:
    """Return what was packed.

    Raises
    ------
    Malformed
        When it is not signed by a key for bundles that is believed now.
    """
    match cbor.load(data):
        case [int(kid), bytes(payload), bytes(signature)]:
            key = keys.find(Use.BUNDLE, kid)
            if key is None or key.revoked_at is not None or now > key.verify_until:
                raise Malformed(f"key {kid} is not known, or no longer believed")
            if not verify_ed25519(key.public, signature, PURPOSE + payload):
                raise Malformed("the signature does not fit")
            return payload
    raise Malformed("no bundle")


def unpack(payload: bytes, before: Bundle | None) -> Bundle:
    """Read a bundle, or make one of the one before and what changed.

    Raises
    ------
    Malformed
        When it is none, or builds on another than the one before.
    """
    try:
        return _unpack(cbor.load(payload), before)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError) as error:
        raise Malformed(f"no bundle: {error}") from None


def _unpack(content: Any, before: Bundle | None) -> Bundle:  # noqa: ANN401 - whatever was packed
    kind, base, version, made_at, valid_until, keys, extract, tickets, cards, no_tickets, no_cards = content
    whole = Bundle(
        version=int(version),
        made_at=_instant(made_at),
        valid_until=_instant(valid_until),
        keys=tuple(map(_read_key, keys)),
        extract=Extract({}, {}, {}) if extract is None else _read_extract(extract),
        tickets=dict(tickets),
        cards=frozenset(cards),
    )
    if kind == _WHOLE:
        return whole
    if before is None or base != before.version:
        raise Malformed(f"it builds on bundle {base}, here is {before and before.version}")
    gone = frozenset(no_tickets)
    return replace(
        whole,
        extract=before.extract if extract is None else whole.extract,
        tickets={number: below for number, below in before.tickets.items() if number not in gone} | dict(tickets),
        cards=(before.cards - frozenset(no_cards)) | whole.cards,
    )


def _head(bundle: Bundle) -> list[Any]:
    return [bundle.version, _seconds(bundle.made_at), _seconds(bundle.valid_until), _keys(bundle)]


def _denied(bundle: Bundle) -> list[Any]:
    return [dict(bundle.tickets), sorted(bundle.cards)]


def _keys(bundle: Bundle) -> list[Any]:
    return [
        [
            key.kid,
            key.issuer,
            key.use,
            key.public,
            _seconds(key.not_before),
            _seconds(key.not_after),
            _seconds(key.verify_until),
            key.revoked_at and _seconds(key.revoked_at),
        ]
        for key in bundle.keys
    ]


def _read_key(said: Any) -> Key:  # noqa: ANN401 - likewise
    kid, issuer, use, public, first, last, until, revoked = said
    revoked_at = None if revoked is None else _instant(revoked)
    return Key(kid, issuer, Use(use), public, _instant(first), _instant(last), _instant(until), revoked_at)


def _extract(extract: Extract) -> list[Any]:
    return [
        {name: list(words) for name, words in extract.products.items()},
        {
            name: [sorted(one.routes), sorted(one.agencies), sorted(one.sources), sorted(one.kinds)]
            for name, one in extract.networks.items()
        },
        {name: sorted(stops) for name, stops in extract.areas.items()},
    ]


def _read_extract(said: Any) -> Extract:  # noqa: ANN401 - likewise
    products, networks, areas = said
    return Extract(
        {name: (french, english) for name, (french, english) in products.items()},
        {name: FareNetwork(*map(frozenset, one)) for name, one in networks.items()},
        {name: frozenset(stops) for name, stops in areas.items()},
    )


def _seconds(at: datetime) -> int:
    return int(at.timestamp())


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
