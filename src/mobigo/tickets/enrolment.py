"""Devices of the staff's making: they enrol once with a word, and say who they are by their own key from then on."""

from __future__ import annotations

import hmac
import json
import re
import secrets
from base64 import urlsafe_b64decode
from binascii import Error
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from mobigo.db.session import driver
from mobigo.kit.errors import Conflict, Forbidden, InvalidInput, NotFound, Unauthorised
from mobigo.tickets import devices_store
from mobigo.tickets.codes import SKEW
from mobigo.tickets.devices_store import DeviceRow
from mobigo.tickets.keys import ED25519_BYTES, verify_ed25519

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

WORD_LASTS = timedelta(days=1)
"""How long a device may enrol after staff have made it."""

PASS_MOST = timedelta(minutes=10)
"""How long ahead what a device signs to say who it is may end."""

_PASS = re.compile(r"[A-Za-z0-9_-]{1,200}\.[A-Za-z0-9_-]{1,500}\.[A-Za-z0-9_-]{1,120}")
ID = re.compile(r"v[a-z0-9]{10}")


def make(
    session: Session, *, name: str, kind: str, agency: str | None, by: str, now: datetime
) -> tuple[DeviceRow, str]:
    """Make a device; return it and the word by which it enrols."""
    word = "w" + secrets.token_urlsafe(18)  # a first sign that no command line takes for an option's
    signs = "abcdefghijkmnpqrstuvwxyz23456789"
    id_ = "v" + "".join(secrets.choice(signs) for _ in range(10))
    one = DeviceRow(id_, name, kind, agency, now, by, now + WORD_LASTS, None, None, None, None, None)
    devices_store.add_device(driver(session), one, _hash(word))
    return one, word


def enrol(session: Session, id_: str, word: str, public: bytes, now: datetime) -> DeviceRow:
    """Take a device's key; its word is used up. The same key again is no error.

    Raises
    ------
    InvalidInput, Forbidden, NotFound, Conflict
        ``invalid_device_key``; ``enrolment_refused``; ``unknown_device``; ``device_enrolled``.
    """
    connection = driver(session)
    one = devices_store.get_device(connection, id_, lock=True)
    if len(public) != ED25519_BYTES:
        raise InvalidInput(f"a device's key is {ED25519_BYTES} bytes (Ed25519)", code="invalid_device_key")
    if one.public is not None and one.public == public and one.withdrawn_at is None:
        return one
    if one.public is not None:
        raise Conflict(f"device {id_} is enrolled with another key; make a new one", code="device_enrolled")
    kept = devices_store.read_secret(connection, id_)
    good = kept is not None and hmac.compare_digest(kept, _hash(word))
    if not good or one.withdrawn_at is not None or one.secret_until is None or now >= one.secret_until:
        raise Forbidden(
            f"device {id_} cannot enrol with this word: it is another, is used up, or is older than"
            f" {WORD_LASTS.days} day; have the staff make a new device",
            code="enrolment_refused",
        )
    devices_store.enrol(connection, id_, public, now)
    return devices_store.get_device(connection, id_)


def identify(session: Session, token: str, now: datetime) -> DeviceRow:
    """Tell which device sends a request, by the token it signed with its own key.

    Raises
    ------
    Unauthorised
        When it is none of ours, was withdrawn, or its clock is far off (``device_refused``, ``device_clock``).
    """
    device, signed, signature, expires = _read_pass(token)
    try:
        one = devices_store.get_device(driver(session), device)
    except NotFound:
        raise _refused() from None
    if one.public is None or one.withdrawn_at is not None or not verify_ed25519(one.public, signature, signed):
        raise _refused()
    if not now - SKEW <= expires <= now + PASS_MOST + SKEW:
        raise Unauthorised(
            f"the device's clock is off: what it signed ends at {expires.isoformat()}, here it is {now.isoformat()};"
            " set it by the Date of this answer",
            code="device_clock",
        )
    return one


def _read_pass(token: str) -> tuple[str, bytes, bytes, datetime]:
    if not _PASS.fullmatch(token):
        raise _refused()
    head, body, signature = token.split(".")
    try:
        if json.loads(_decode(head)).get("alg") != "EdDSA":
            raise _refused()
        claims: Any = json.loads(_decode(body))
        device, expires = str(claims["sub"]), datetime.fromtimestamp(int(claims["exp"]), UTC)
        return device, f"{head}.{body}".encode(), _decode(signature), expires
    except (Error, ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError):
        raise _refused() from None


def _decode(text: str) -> bytes:
    return urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))


def _refused() -> Unauthorised:
    return Unauthorised("this is no device of ours, or one that was withdrawn", code="device_refused")


def _hash(word: str) -> bytes:
    return sha256(word.encode()).digest()
