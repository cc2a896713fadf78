"""Signatures of webhooks: HMAC-SHA256 over id, time and body, as Standard Webhooks 1.0 has them (scheme ``v1``).

References
----------
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

PREFIX = "whsec_"
SECRET_BYTES = 32


def make_secret() -> str:
    """Make a new secret, in the spelling receivers' libraries read."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def sign(keys: Sequence[str], id_: str, timestamp: int, body: bytes) -> str:
    """Sign a body with every key: the value of ``webhook-signature``.

    Parameters
    ----------
    timestamp : int
        Of the attempt, seconds since 1970 UTC.
    """
    content = f"{id_}.{timestamp}.".encode() + body
    return " ".join(f"v1,{_digest(key, content)}" for key in keys)


def _digest(key: str, content: bytes) -> str:
    raw = base64.b64decode(key.removeprefix(PREFIX))
    return base64.b64encode(hmac.digest(raw, content, hashlib.sha256)).decode()
