"""Proof that people shared a car: codes that one shows and the other scans, positions, and the class that follows.

A code is signed by the home and good for one booking and a while, so a driver's phone without network may keep a scan
and send it later: what counts is when it was scanned, as far as that can be true. Scanning the same code again proves
nothing more and nothing less.

References
----------
Classes of proof: Registre de preuve de covoiturage (A: the match is certified; B: and the trip of one occupant; C: and
the trips of all, with distinct identities).
"""

from __future__ import annotations

import hmac
from base64 import b32decode, b32encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from mobigo.kit.errors import InvalidInput, Refused
from mobigo.kit.geo import haversine

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mobigo.carpool.checks import Fix
    from mobigo.kit.geo import Point

SIGNATURE = 10
"""Bytes of the signature in a code: short enough for a code that old phones scan."""

LONGEST = 200
"""Characters of a text that is looked at, at most."""

OFFLINE = timedelta(hours=24)
"""A scan that reaches us later than this after it was made is not believed."""

SKEW = timedelta(minutes=5)
"""How far a phone's clock may be ahead of ours."""

NEAR = 1_000.0
"""Metres: a position this near to a stop is one at it."""

AROUND = timedelta(minutes=30)
"""And this near in time to when it was passed."""


class Shows(StrEnum):
    """Whose code it is."""

    PASSENGER = "p"
    DRIVER = "d"


class ProofClass(StrEnum):
    """How well a shared journey is proven."""

    A = "A"
    B = "B"
    C = "C"


@dataclass(frozen=True)
class Code:
    """What a code says."""

    booking: str
    """Id, of letters, digits and hyphens."""
    shows: Shows
    first: datetime
    """Good from here ..."""
    last: datetime
    """... to here."""


@dataclass(frozen=True)
class Trace:
    """Positions of one occupant."""

    identity: str
    """Key of who it is."""
    fixes: tuple[Fix, ...]


def write_code(key: bytes, code: Code) -> str:
    """Write a code as text for a QR symbol: digits and capitals, which take the least room in one."""
    content = f"{code.booking}|{code.shows}|{int(code.first.timestamp()):x}|{int(code.last.timestamp()):x}".encode()
    return _encode(_signature(key, content) + content)


def read_code(key: bytes, text: str, *, scanned: datetime, received: datetime) -> Code:
    """Read a code that was scanned.

    Parameters
    ----------
    scanned : datetime
        By the phone that scanned it.
    received : datetime
        When it reached us.

    Raises
    ------
    InvalidInput
        When this home did not write it, or it was changed (``forged_code``).
    Refused
        When it was scanned outside its time (``code_expired``), or when it was scanned cannot be true
        (``scan_not_believed``).
    """
    code = _open(key, text)
    if scanned > received + SKEW:
        raise Refused(
            f"the code was scanned at {_written(scanned)}, which is yet to come; set the clock of the phone",
            code="scan_not_believed",
        )
    if received - scanned > OFFLINE:
        raise Refused(
            f"the code was scanned at {_written(scanned)} and sent more than a day later; ask the desk to see to it",
            code="scan_not_believed",
        )
    if not code.first <= scanned <= code.last + SKEW:
        raise Refused(
            f"the code was good from {_written(code.first)} to {_written(code.last)}; it was scanned at"
            f" {_written(scanned)}",
            code="code_expired",
        )
    return code


def _open(key: bytes, text: str) -> Code:
    forged = InvalidInput("the code is not one of this instance, or was changed; show it again", code="forged_code")
    if len(text) > LONGEST:
        raise forged
    try:
        raw = b32decode(text.encode("ascii") + b"=" * (-len(text) % 8))
    except ValueError:
        raise forged from None
    if _encode(raw) != text:  # bits of the last sign that mean nothing
        raise forged
    signature, content = raw[:SIGNATURE], raw[SIGNATURE:]
    if not hmac.compare_digest(signature, _signature(key, content)):
        raise forged
    booking, shows, first, last = content.decode().split("|")
    return Code(booking, Shows(shows), _instant(first), _instant(last))


def _encode(raw: bytes) -> str:
    return b32encode(raw).decode().rstrip("=")


def _instant(text: str) -> datetime:
    return datetime.fromtimestamp(int(text, 16), UTC)


def _written(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _signature(key: bytes, content: bytes) -> bytes:
    own = hmac.digest(key, b"mobigo carpool proof", "sha256")
    return hmac.digest(own, content, "sha256")[:SIGNATURE]


# ── classes ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def classify(
    driver: Trace, passenger: Trace, ends: tuple[tuple[Point, datetime], tuple[Point, datetime]]
) -> ProofClass:
    """Tell how well a shared journey is proven by the positions of those who shared it.

    Parameters
    ----------
    ends : tuple
        Where and when the passenger got on and off.
    """
    proven = [all(was_at(trace.fixes, *end) for end in ends) for trace in (driver, passenger)]
    if all(proven) and driver.identity != passenger.identity:
        return ProofClass.C
    return ProofClass.B if any(proven) else ProofClass.A


def was_at(fixes: Iterable[Fix], point: Point, at: datetime) -> bool:
    """Tell whether somebody was near a place, around a moment."""
    return any(abs(fix.at - at) <= AROUND and haversine(fix.point, point) <= NEAR for fix in fixes)
