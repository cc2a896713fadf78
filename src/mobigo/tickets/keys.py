"""Public keys: what signs tickets and bundles, from when to when, and what is no longer believed.

A key signs from `not_before` to `not_after`; what it signed then is believed until `verify_until`, unless the key was
revoked. Keys are published before they sign, so that devices know them when they meet their first ticket.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from mobigo.kit.errors import InvalidInput
from mobigo.tickets.model import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ED25519_BYTES = 32
POINT_BYTES = (33, 65)
"""Of a point of P-256, compressed and not."""

HALF = 32
"""Bytes of each of the two numbers of a signature on P-256."""

OLDEST, LATEST = "0001-01-02T00:00:00+00:00", "9999-12-30T00:00:00+00:00"
"""From when to when a key is good that does not say."""

MOST_KEYS = 1_000
"""Of a key set that is read."""


class Use(StrEnum):
    """What a key signs."""

    UIC = "uic"
    COMPACT = "compact"
    BUNDLE = "bundle"


@dataclass(frozen=True)
class Key:
    """A public key."""

    kid: int
    issuer: str
    use: Use
    public: bytes
    """Ed25519: 32 bytes; P-256 (for `Use.UIC`): a compressed point, 33 bytes."""
    not_before: datetime
    not_after: datetime
    verify_until: datetime
    revoked_at: datetime | None = None


class Keyring:
    """The keys that are known, by what they sign."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self.keys = tuple(keys)
        self._found = {(key.use, key.issuer, key.kid): key for key in self.keys}
        self._ours = {(key.use, key.kid): key for key in self.keys}

    def find(self, use: Use, kid: int, issuer: str | None = None) -> Key | None:
        """Find a key; by its issuer too where a code names one, and the key does."""
        if issuer is None:
            return self._ours.get((use, kid))
        return self._found.get((use, issuer, kid)) or self._found.get((use, "", kid))


def verify_ed25519(public: bytes, signature: bytes, data: bytes) -> bool:
    """Tell whether a signature is one of the key."""
    try:
        _load_ed25519(public).verify(signature, data)
    except InvalidSignature:
        return False
    return True


def verify_p256(public: bytes, signature: bytes, data: bytes) -> bool:
    """Tell whether a signature (DER) is one of the key.

    Raises
    ------
    Malformed
        When the key is none on P-256.
    """
    key = _load_p256(public)
    try:
        key.verify(signature, data, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def from_halves(signature: bytes) -> bytes:
    """Write a signature of two numbers of 32 bytes, as phones give it, as DER."""
    return encode_dss_signature(int.from_bytes(signature[:HALF]), int.from_bytes(signature[HALF:]))


def write_spki(public: bytes) -> bytes:
    """Write a key on P-256 as SubjectPublicKeyInfo."""
    return _load_p256(public).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def compress(public: bytes) -> bytes:
    """Write a key on P-256, a point or SubjectPublicKeyInfo, as a compressed point.

    Raises
    ------
    Malformed
        When it is none.
    """
    return _load_p256(public).public_bytes(Encoding.X962, PublicFormat.CompressedPoint)


@lru_cache(maxsize=1_024)
def _load_ed25519(public: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(public)


@lru_cache(maxsize=1_024)
def _load_p256(public: bytes) -> ec.EllipticCurvePublicKey:
    try:
        if len(public) in POINT_BYTES:
            return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
        key = load_der_public_key(public)
    except Exception as error:  # noqa: BLE001 - whatever a library says of a key that is none, it is none
        raise Malformed(f"no key: {error}") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise Malformed("no key on P-256")
    return key


# ── as a set that others read ─────────────────────────────────────────────────────────────────────────────────────────


def write_set(keys: Iterable[Key]) -> dict[str, Any]:
    """Write keys as a JSON Web Key Set (RFC 7517); what it has no words for has names of ours."""
    return {"keys": [_write(key) for key in keys]}


def _write(key: Key) -> dict[str, Any]:
    said: dict[str, Any] = {
        "kid": str(key.kid),
        "use": "sig",
        "mobigo_use": key.use,
        "mobigo_issuer": key.issuer,
        "mobigo_signs_from": key.not_before.isoformat(),
        "mobigo_signs_until": key.not_after.isoformat(),
        "mobigo_believed_until": key.verify_until.isoformat(),
    }
    if key.revoked_at is not None:
        said["mobigo_revoked_at"] = key.revoked_at.isoformat()
    if key.use is Use.UIC:
        point = _load_p256(key.public).public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        said |= {
            "kty": "EC",
            "crv": "P-256",
            "alg": "ES256",
            "x": _pack(point[1 : 1 + HALF]),
            "y": _pack(point[-HALF:]),
        }
    else:
        said |= {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": _pack(key.public)}
    return said


def read_set(content: Any) -> Keyring:  # noqa: ANN401 - JSON from anybody
    """Read a key set: one of ours, or any; what it does not say of a key does not restrict it.

    Raises
    ------
    InvalidInput
        When it is none.
    """
    try:
        listed = content["keys"]
        if len(listed) > MOST_KEYS:
            raise InvalidInput(f"{len(listed):,} keys; a set has at most {MOST_KEYS:,}", code="invalid_key_set")
        return Keyring([_read(one) for one in listed])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidInput(
            f"this is no key set as /v1/tickets/keys gives it: {error!r}", code="invalid_key_set"
        ) from None


def _read(said: Mapping[str, Any]) -> Key:
    use = Use(said.get("mobigo_use") or (Use.UIC if said["kty"] == "EC" else Use.COMPACT))
    if use is Use.UIC:
        public = compress(b"\4" + _unpack(said["x"]) + _unpack(said["y"]))
    else:
        public = _unpack(said["x"])
        if len(public) != ED25519_BYTES:
            raise ValueError(f"{len(public)} bytes")
    revoked = said.get("mobigo_revoked_at")
    usual = {"signs_from": OLDEST, "signs_until": LATEST, "believed_until": LATEST}
    first, last, until = (_instant(said.get(f"mobigo_{name}", at)) for name, at in usual.items())
    revoked_at = None if revoked is None else _instant(revoked)
    return Key(int(said["kid"]), str(said.get("mobigo_issuer", "")), use, public, first, last, until, revoked_at)


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text} has no offset")
    return at


def _pack(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _unpack(text: str) -> bytes:
    return urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
