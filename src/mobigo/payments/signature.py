"""Signatures of a provider's events: HMAC-SHA256 over the time and the raw body (scheme ``v1`` of Stripe).

The header is ``t=SECONDS,v1=HEX[,v1=HEX…]``; while a secret is being replaced there are several signatures, one of
which has to fit. What is older, or newer, than five minutes is refused, so that nothing is played again later.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from mobigo.kit.errors import Unauthorised

if TYPE_CHECKING:
    from collections.abc import Sequence

TOLERANCE = 300
"""Seconds between the signature's time and ours, either way."""

LONGEST_HEADER = 2_000


def sign(secret: str, body: bytes, timestamp: int) -> str:
    """Sign a body: the value of ``Stripe-Signature``."""
    return f"t={timestamp},v1={_digest(secret, body, timestamp)}"


def check(secrets: Sequence[str], body: bytes, header: str, now: int) -> None:
    """Check the signature of a body.

    Raises
    ------
    Unauthorised
        When it is not made with one of the secrets, or not now (``forged_event``).
    """
    stamp, found = _read(header)
    if stamp is None or not found:
        raise _forged("its header is not `t=SECONDS,v1=HEX`")
    fits = [
        hmac.compare_digest(_digest(secret, body, stamp).encode(), one.encode("ascii", "replace"))
        for secret in secrets
        for one in found
    ]
    if not any(fits):
        raise _forged("its signature is made with another secret, or the body was changed")
    if abs(now - stamp) > TOLERANCE:
        raise _forged(f"it was signed {abs(now - stamp)} s away from now, at most {TOLERANCE}")


def _read(header: str) -> tuple[int | None, list[str]]:
    stamp, found = None, []
    for part in header[:LONGEST_HEADER].split(","):
        name, _, value = part.strip().partition("=")
        if name == "t" and value.isascii() and value.isdigit() and len(value) <= 12:  # noqa: PLR2004  years enough
            stamp = int(value)
        elif name == "v1":
            found.append(value)
    return stamp, found


def _digest(secret: str, body: bytes, timestamp: int) -> str:
    return hmac.digest(secret.encode(), f"{timestamp}.".encode() + body, "sha256").hex()


def _forged(why: str) -> Unauthorised:
    return Unauthorised(f"the event is not the provider's: {why}", code="forged_event")
