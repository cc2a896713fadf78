"""Texts that only this home can have written: JSON values with a signature, packed into one word.

A key of its own is made for each purpose, so that what was signed for one is nothing to another. The content is not
hidden, only kept from being changed.
"""

from __future__ import annotations

import hmac
import json
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

SIGNATURE = 16
"""Bytes of the signature (HMAC-SHA256, cut)."""

LONGEST = 4_096
"""Characters of a text that is looked at, at most, unless told otherwise."""


def seal(key: bytes, purpose: bytes, content: list[Any]) -> str:
    """Write values as one signed word."""
    packed = zlib.compress(json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode(), 9)
    return _encode(_sign(key, purpose, packed) + packed)


def unseal(key: bytes, purpose: bytes, text: str, *, longest: int = LONGEST) -> list[Any]:
    """Read what `seal` wrote.

    Parameters
    ----------
    longest : int
        Characters of a text that is looked at, at most.

    Raises
    ------
    ValueError
        When this home did not write it for this purpose, or it was changed.
    """
    if len(text) > longest:
        raise ValueError(f"{len(text)} characters, at most {longest}")
    raw = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    if _encode(raw) != text:  # signs that are no letters of the code were passed over
        raise ValueError(text)
    signature, packed = raw[:SIGNATURE], raw[SIGNATURE:]
    if not hmac.compare_digest(signature, _sign(key, purpose, packed)):
        raise ValueError(text)
    content: list[Any] = json.loads(zlib.decompress(packed))
    return content


def _encode(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _sign(key: bytes, purpose: bytes, packed: bytes) -> bytes:
    return hmac.digest(hmac.digest(key, purpose, "sha256"), packed, "sha256")[:SIGNATURE]
