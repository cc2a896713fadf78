"""A device that checks tickets: all it knows lies in one folder, and it needs no network to judge.

``device.pem``: its private key, which never leaves it. ``device.db``: who it is, the bundle, what it remembers of
tickets, and its events until they are sent. What it says about a ticket and what it writes down are one transaction:
a device that is switched off in between has said nothing.
"""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
import time
from base64 import b64encode, urlsafe_b64encode
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from mobigo.kit.errors import Conflict, NotFound
from mobigo.tickets import bundle as bundles
from mobigo.tickets import codes, events
from mobigo.tickets.check import Act, Outcome, Past, Place, check
from mobigo.tickets.codes import Reason
from mobigo.tickets.events import Event
from mobigo.tickets.keys import Keyring, read_set
from mobigo.tickets.model import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

REMEMBERED = timedelta(days=2)
"""How long a device remembers tickets that have no rides to count, and events that were sent."""

UNPROVEN = frozenset({Reason.MALFORMED, Reason.UNSIGNED, Reason.UNKNOWN_KEY, Reason.BAD_SIGNATURE})
"""Refused before it was known who wrote the code: what it says is not written down."""

COUNTED = timedelta(days=400)
"""How long it remembers tickets with rides to count: longer than any lasts."""

PASS_LASTS = timedelta(minutes=5)
"""How long what a device signs to say who it is may be used."""

_TABLES = """
    CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value BLOB NOT NULL);
    CREATE TABLE IF NOT EXISTS event (seq INTEGER PRIMARY KEY, data BLOB NOT NULL, before BLOB NOT NULL,
                                      hash BLOB NOT NULL, sent INTEGER NOT NULL DEFAULT 0);
    CREATE INDEX IF NOT EXISTS event_waiting ON event (seq) WHERE NOT sent;
    CREATE TABLE IF NOT EXISTS past (ticket TEXT PRIMARY KEY, uses TEXT NOT NULL, last_at INTEGER NOT NULL,
                                     last_vehicle TEXT, counted INTEGER NOT NULL);
"""


@dataclass(frozen=True)
class Answer:
    """What a device said about a code."""

    outcome: Outcome
    event: Event
    seconds: float
    """How long it took to judge."""
    stale: bool
    """Whether the bundle should have been renewed."""


@dataclass(frozen=True)
class Waiting:
    """An event that is still to be sent."""

    event: Event
    before: bytes
    hash: bytes


class Device:
    """A device.

    Parameters
    ----------
    folder : Path
        Where its state lies; made when it is not there.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._key_file = folder / "device.pem"
        self._database = sqlite3.connect(folder / "device.db", isolation_level=None, timeout=10)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.executescript(_TABLES)
        self._bundle: bundles.Bundle | None = None
        self._keys = Keyring([])
        self._load()

    def close(self) -> None:
        """Close its files."""
        self._database.close()

    # ── who it is ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def make_key(self) -> bytes:
        """Return the device's public key (Ed25519), making the pair the first time."""
        if not self._key_file.exists():
            text = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            new = self._key_file.with_suffix(f".{secrets.token_hex(4)}")
            with os.fdopen(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
                file.write(text)
            new.rename(self._key_file)
        return self._private().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def enrol(self, device: str, server: str, key_set: Any) -> None:  # noqa: ANN401 - JSON of the server
        """Keep who it is, where it sends to, and the keys it believes bundles of.

        Raises
        ------
        InvalidInput
            ``invalid_key_set``.
        """
        read_set(key_set)
        with self._transaction():
            self._put("device", device.encode())
            self._put("server", server.encode())
            self._put("key_set", json.dumps(key_set).encode())
        self._load()

    @property
    def id(self) -> str:
        """Its number.

        Raises
        ------
        NotFound
            When it is not enrolled (``device_not_enrolled``).
        """
        return self._need("device")

    @property
    def server(self) -> str:
        """Address it sends to; likewise."""
        return self._need("server")

    def write_pass(self, now: datetime) -> str:
        """Write a bearer token that says who it is: a JSON Web Token, signed with its key (EdDSA)."""
        claims = {"sub": self.id, "iat": int(now.timestamp()), "exp": int((now + PASS_LASTS).timestamp())}
        parts = [json.dumps(part, separators=(",", ":")).encode() for part in ({"alg": "EdDSA", "typ": "JWT"}, claims)]
        text = b".".join(urlsafe_b64encode(part).rstrip(b"=") for part in parts)
        return b".".join([text, urlsafe_b64encode(self._private().sign(text)).rstrip(b"=")]).decode()

    # ── what it judges by ─────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def bundle(self) -> bundles.Bundle | None:
        """What it judges by; None: nothing yet."""
        return self._bundle

    def install(self, data: bytes, now: datetime) -> bundles.Bundle:
        """Take a bundle, whole or what changed; all of it or nothing.

        Raises
        ------
        Conflict
            When it is not signed by a key it believes, builds on another, or is older (``bundle_refused``).
        """
        before = self._bundle
        keys = Keyring([*self._trusted().keys, *(before.keys if before else ())])
        try:
            new = bundles.unpack(bundles.open_sealed(data, keys, now), before)
        except Malformed as error:
            raise Conflict(f"the bundle is refused: {error}; ask for a whole one", code="bundle_refused") from None
        if before is not None and new.version < before.version:
            raise Conflict(f"bundle {new.version} is older than {before.version}, which is here", code="bundle_refused")
        with self._transaction():
            self._put("bundle", bundles.pack(new))
        self._bundle, self._keys = new, Keyring(new.keys)
        return new

    # ── what it does ──────────────────────────────────────────────────────────────────────────────────────────────────

    def present(self, data: bytes, place: Place, act: Act, at: datetime, *, metres: int | None = None) -> Answer:
        """Judge a code that is held before it, and write that down.

        Raises
        ------
        NotFound
            When it has no bundle (``device_not_enrolled``).
        """
        if self._bundle is None:
            raise NotFound("this device has no bundle yet: enrol it and sync once", code="device_not_enrolled")
        at = at.astimezone(UTC).replace(microsecond=0)
        began = time.perf_counter()
        with self._transaction():
            read = self._read(data)
            past = self._recall(read) if read else Past()
            outcome = check(data, self._bundle, self._keys, place, past, act, at)
            taken = time.perf_counter() - began
            event = self._write(outcome, place, act, at, metres)
            if outcome.verdict.valid and act is Act.VALIDATION and outcome.verdict.claims:
                self._remember(outcome, past, place, at)
        return Answer(outcome, event, taken, at > self._bundle.valid_until)

    def list_waiting(self, limit: int) -> list[Waiting]:
        """List events that are still to be sent, in order."""
        rows = self._database.execute(
            "SELECT data, before, hash FROM event WHERE NOT sent ORDER BY seq LIMIT ?", [limit]
        )
        return [Waiting(events.unpack(data), before, hash_) for data, before, hash_ in rows]

    def mark_sent(self, seqs: Sequence[int], now: datetime) -> None:
        """Write that events have arrived, and forget what is no longer needed."""
        oldest = int((now - REMEMBERED).timestamp())
        with self._transaction():
            self._database.executemany("UPDATE event SET sent = 1 WHERE seq = ?", [(seq,) for seq in seqs])
            self._database.execute("DELETE FROM event WHERE sent AND seq < (SELECT max(seq) FROM event) - 1000")
            self._database.execute("DELETE FROM past WHERE NOT counted AND last_at < ?", [oldest])
            self._database.execute("DELETE FROM past WHERE last_at < ?", [int((now - COUNTED).timestamp())])

    def tell(self) -> dict[str, object]:
        """Say how it stands."""
        count, waiting, last = self._database.execute(
            "SELECT count(*), count(*) FILTER (WHERE NOT sent), max(seq) FROM event"
        ).fetchone()
        return {
            "device": (self._get("device") or b"").decode() or None,
            "server": (self._get("server") or b"").decode() or None,
            "bundle": self._bundle and self._bundle.version,
            "bundle_valid_until": self._bundle and self._bundle.valid_until.isoformat(),
            "keys": len(self._keys.keys),
            "denied_tickets": len(self._bundle.tickets) if self._bundle else 0,
            "denied_cards": len(self._bundle.cards) if self._bundle else 0,
            "events": count,
            "waiting": waiting,
            "last_event": last,
        }

    def refuses_card(self, card_hash: bytes) -> bool:
        """Tell whether a bank card is on the deny list."""
        return self._bundle is not None and card_hash[: bundles.CARD] in self._bundle.cards

    # ── its files ─────────────────────────────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Do all of something or nothing; of processes that share the folder, one waits for the other."""
        self._database.execute("BEGIN IMMEDIATE")
        with self._database:
            yield

    def _load(self) -> None:
        packed = self._get("bundle")
        if packed is not None:
            self._bundle = bundles.unpack(packed, None)
            self._keys = Keyring(self._bundle.keys)

    def _trusted(self) -> Keyring:
        key_set = self._get("key_set")
        return Keyring([]) if key_set is None else read_set(json.loads(key_set))

    def _private(self) -> Ed25519PrivateKey:
        key = load_pem_private_key(self._key_file.read_bytes(), None)
        assert isinstance(key, Ed25519PrivateKey)
        return key

    def _get(self, name: str) -> bytes | None:
        row = self._database.execute("SELECT value FROM fact WHERE name = ?", [name]).fetchone()
        return None if row is None else bytes(row[0])

    def _put(self, name: str, value: bytes) -> None:
        self._database.execute("INSERT OR REPLACE INTO fact (name, value) VALUES (?, ?)", [name, value])

    def _need(self, name: str) -> str:
        value = self._get(name)
        if value is None:
            raise NotFound("this device is not enrolled: `mobigo validator enrol` first", code="device_not_enrolled")
        return value.decode()

    def _read(self, data: bytes) -> str | None:
        try:
            claims = codes.read(data).claims
        except Malformed:
            return None
        return None if claims is None else claims.id

    def _recall(self, ticket: str) -> Past:
        row = self._database.execute(
            "SELECT uses, last_at, last_vehicle FROM past WHERE ticket = ?", [ticket]
        ).fetchone()
        if row is None:
            return Past()
        uses = tuple(datetime.fromtimestamp(second, UTC) for second in json.loads(row[0]))
        return Past(uses, datetime.fromtimestamp(row[1], UTC), row[2])

    def _remember(self, outcome: Outcome, past: Past, place: Place, at: datetime) -> None:
        claims = outcome.verdict.claims
        assert claims
        uses = (*past.uses, at) if outcome.use else past.uses
        counted = claims.rides is not None or claims.span is not None
        self._database.execute(
            "INSERT OR REPLACE INTO past (ticket, uses, last_at, last_vehicle, counted) VALUES (?, ?, ?, ?, ?)",
            [
                claims.id,
                json.dumps([int(one.timestamp()) for one in (uses if counted else uses[-1:])]),
                int(at.timestamp()),
                place.vehicle,
                counted,
            ],
        )

    def _write(self, outcome: Outcome, place: Place, act: Act, at: datetime, metres: int | None) -> Event:
        row = self._database.execute("SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1").fetchone()
        last, before = (0, events.FIRST) if row is None else row
        claims = None if outcome.reason in UNPROVEN else outcome.verdict.claims
        event = Event(
            seq=last + 1,
            at=at,
            act=act,
            reason=outcome.reason,
            use=outcome.use,
            ticket=claims.id if claims else None,
            serial=claims.serial if claims else None,
            product=claims.product if claims else None,
            version=claims.version if claims else None,
            category=claims.category if claims else None,
            fellows=claims.fellows if claims else 1,
            agency=place.agency,
            route=place.route,
            stop=place.stop,
            trip=place.trip,
            service_date=place.service_date,
            vehicle=place.vehicle,
            metres=metres,
        )
        self._database.execute(
            "INSERT INTO event (seq, data, before, hash) VALUES (?, ?, ?, ?)",
            [event.seq, event.pack(), before, event.chain(before)],
        )
        return event


def to_json(one: Waiting) -> dict[str, object]:
    """Write an event as it is sent."""
    event = one.event
    said: dict[str, object] = {
        "seq": event.seq,
        "at": event.at.isoformat(),
        "act": event.act,
        "reason": event.reason,
        "use": event.use,
        "fellows": event.fellows,
        "before": b64encode(one.before).decode(),
        "hash": b64encode(one.hash).decode(),
        "service_date": event.service_date and event.service_date.isoformat(),
    }
    names = (
        "ticket",
        "serial",
        "product",
        "version",
        "category",
        "agency",
        "route",
        "stop",
        "trip",
        "vehicle",
        "metres",
    )
    said |= {name: getattr(event, name) for name in names}
    return {name: value for name, value in said.items() if value is not None}
