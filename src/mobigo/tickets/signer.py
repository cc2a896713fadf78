"""Private keys: files of a folder that only the signing process opens, one per key, named by its public key.

The API, which anybody can reach, never reads them: it writes what is to be signed into the database, and the worker,
which nobody can reach, signs. Where they run apart, only the worker is given the folder.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from mobigo.kit.errors import Unavailable
from mobigo.tickets import keys_store
from mobigo.tickets.keys import Key, Use

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path
    from typing import Any

    from psycopg import Connection

SIGNS_FOR = timedelta(days=90)
"""How long a key signs."""

AHEAD = timedelta(days=14)
"""How long before it signs a key is published, so that devices know it in time."""

BELIEVED_FOR = timedelta(days=400)
"""How long after it signed last a key is believed: longer than any ticket lasts."""

PREFIX = 16
"""Hexadecimal digits of the public key in a file's name."""


@dataclass(frozen=True)
class Signer:
    """Signs with the keys of a folder.

    Parameters
    ----------
    folder : Path
        Made when the first key is; nobody else may read it.
    issuer : str
        Who signs, as codes name it: a RICS code, or a word agreed on.
    """

    folder: Path
    issuer: str

    def keep_keys(self, connection: Connection[Any], now: datetime) -> list[Key]:
        """See to it that every use has a key that signs now and, in time, the one that follows; return the new ones.

        Of workers that do so at once, one waits for the other.
        """
        connection.execute("LOCK TABLE ticket_key IN SHARE ROW EXCLUSIVE MODE")
        known = keys_store.list_keys(connection)
        made: list[Key] = []
        for use in Use:
            own = [key for key in known if key.use is use and key.revoked_at is None and self._find(key).exists()]
            last = max((key.not_after for key in own), default=now)
            if not any(key.not_before <= now < key.not_after for key in own):
                made.append(self._make(connection, use, now))
            elif last - now < AHEAD:
                made.append(self._make(connection, use, last))
        return made

    def _make(self, connection: Connection[Any], use: Use, first: datetime) -> Key:
        private = ec.generate_private_key(ec.SECP256R1()) if use is Use.UIC else Ed25519PrivateKey.generate()
        last = first + SIGNS_FOR
        key = Key(0, self.issuer, use, _write_public(private), first, last, last + BELIEVED_FOR)
        text = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        new = self.folder / f".{secrets.token_hex(8)}"
        with os.fdopen(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.rename(self._find(key))
        return replace(key, kid=keys_store.add_key(connection, key))

    def _find(self, key: Key) -> Path:
        return self.folder / f"{key.use}-{key.public.hex()[-PREFIX:]}.pem"

    def choose(self, connection: Connection[Any], use: Use, now: datetime) -> Key:
        """Choose the key that signs now: of those that may, the newest.

        Raises
        ------
        Unavailable
            When there is none here (``no_signing_key``).
        """
        able = [
            key
            for key in keys_store.list_keys(connection, believed_at=now)
            if key.use is use and key.revoked_at is None and key.not_before <= now < key.not_after
            if self._find(key).exists()
        ]
        if not able:
            raise Unavailable(
                f"no key in {self.folder} signs {use} now; the worker makes one within a minute", code="no_signing_key"
            )
        return max(able, key=lambda key: (key.not_before, key.kid))

    def hold(self, key: Key) -> Callable[[bytes], bytes]:
        """Read a private key, and return what signs with it: Ed25519, or ECDSA with SHA-256 as DER."""
        private = load_pem_private_key(self._find(key).read_bytes(), None)
        if isinstance(private, ec.EllipticCurvePrivateKey):
            return lambda data: private.sign(data, ec.ECDSA(SHA256()))
        assert isinstance(private, Ed25519PrivateKey)
        return private.sign


def _write_public(private: ec.EllipticCurvePrivateKey | Ed25519PrivateKey) -> bytes:
    if isinstance(private, Ed25519PrivateKey):
        return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return private.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
