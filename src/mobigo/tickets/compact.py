"""Our own codes: claims in CBOR, signed with Ed25519, shown as QR; bound to a phone, with its signature of the moment.

A code is a list: what it is, number of the key, claims, signature; and, shown by a phone, the moment and the phone's
signature (ECDSA on P-256, two numbers of 32 bytes). As text it is `PREFIX` and base 45 (RFC 9285), which QR holds
tightly.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mobigo.tickets import cbor
from mobigo.tickets.claims import Claims, pack, unpack
from mobigo.tickets.model import Malformed

PREFIX = "MBG1:"
PURPOSE, SHOWN = b"mobigo ticket 1", b"mobigo ticket shown 1"
"""What a signature is for, so that none is good for anything else."""

SIGNATURE = 64
_STILL, _MOVING = 1, 2
_SIGNS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"


@dataclass(frozen=True)
class Compact:
    """A code of ours, read but not believed."""

    kid: int
    claims: Claims
    packed: bytes
    """The claims as written."""
    signature: bytes
    shown_at: datetime | None = None
    shown_signature: bytes | None = None

    @property
    def signed(self) -> bytes:
        """What the issuer has signed."""
        return say_signed(self.kid, self.packed)

    @property
    def shown(self) -> bytes:
        """What the phone has signed."""
        assert self.shown_at
        return say_shown(write_still(self.kid, self.packed, self.signature), self.shown_at)


def say_signed(kid: int, packed: bytes) -> bytes:
    """Return what the issuer signs."""
    return cbor.dump([PURPOSE, kid, packed])


def say_shown(still: bytes, at: datetime) -> bytes:
    """Return what a phone signs when it shows a code at a moment."""
    return cbor.dump([SHOWN, still, int(at.timestamp())])


def prepare(claims: Claims, kid: int) -> tuple[bytes, bytes]:
    """Return claims as written, and what is to be signed of them."""
    packed = pack(claims)
    return packed, say_signed(kid, packed)


def write_still(kid: int, packed: bytes, signature: bytes) -> bytes:
    """Write a code that stays as it is."""
    return cbor.dump([_STILL, kid, packed, signature])


def write_moving(still: bytes, at: datetime, signature: bytes) -> bytes:
    """Write a code as a phone shows it at a moment."""
    _, kid, packed, first = cbor.load(still)
    return cbor.dump([_MOVING, kid, packed, first, int(at.timestamp()), signature])


def read(data: bytes) -> Compact:
    """Read a code.

    Raises
    ------
    Malformed
        When it is none.
    """
    content = cbor.load(data)
    match content:
        case [1, int(kid), bytes(packed), bytes(signature)]:
            shown: Any = (None, None)
        case [2, int(kid), bytes(packed), bytes(signature), int(at), bytes(shown_signature)]:
            try:
                shown = (datetime.fromtimestamp(at, UTC), shown_signature)
            except (ValueError, OverflowError, OSError):
                raise Malformed(f"{at} is no moment") from None
        case _:
            raise Malformed("no code of ours")
    if len(signature) != SIGNATURE or isinstance(kid, bool):
        raise Malformed("a signature or key of another length")
    return Compact(kid, unpack(packed), packed, signature, *shown)


def write_text(data: bytes) -> str:
    """Write a code as the text of its QR symbol."""
    parts = [PREFIX]
    for at in range(0, len(data), 2):
        pair = data[at : at + 2]
        number = int.from_bytes(pair)
        for _ in range(len(pair) + 1):
            number, sign = divmod(number, len(_SIGNS))
            parts.append(_SIGNS[sign])
    return "".join(parts)


def read_text(text: str) -> bytes:
    """Read the text of a QR symbol.

    Raises
    ------
    Malformed
        When it is none of ours.
    """
    if not text.startswith(PREFIX):
        raise Malformed(f"it does not begin with {PREFIX}")
    signs = [_SIGNS.find(sign) for sign in text.removeprefix(PREFIX)]
    if -1 in signs or len(signs) % 3 == 1:
        raise Malformed("no base 45")
    data = bytearray()
    for at in range(0, len(signs), 3):
        group = signs[at : at + 3]
        number = sum(sign * len(_SIGNS) ** power for power, sign in enumerate(group))
        if number >= 1 << 8 * (len(group) - 1):
            raise Malformed("no base 45")
        data += number.to_bytes(len(group) - 1)
    return bytes(data)
