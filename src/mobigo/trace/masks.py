"""Who, without saying who: eight bytes that are the same for one person, one day and one kind of notes.

They are keyed (BLAKE2b) with a secret of the local day, a file of its own that only the owner of the home may read. It
is in no database and no backup of one, and destroyed half a day after the day is over: from then on nobody can tell
whose notes they were, not even with a list of all people. Searches and each service's rides are keyed apart, so who is
recognised in one of them (there may be one rider from a village) is not found in the others.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from hashlib import blake2b
from threading import Lock
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import structlog

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request

ZONE = ZoneInfo("Europe/Paris")
"""In which a day begins and ends."""

LATE = timedelta(hours=12)
"""How long after a day its secret stays: vehicles drive past midnight, and tell of it when they are back."""

AHEAD = timedelta(days=400)
"""How far ahead rides are noted under a mask."""

BYTES = 8
KEY_BYTES = 32
SUFFIX = ".key"


def ends(day: date) -> datetime:
    """Return when the secret of a day is destroyed."""
    return datetime.combine(day + timedelta(days=1), time(), ZONE).astimezone(UTC) + LATE


def local_day(instant: datetime) -> date:
    """Return the local day of an instant."""
    return instant.astimezone(ZONE).date()


def account(user: str) -> str:
    """Return as whom somebody with an account is masked."""
    return f"account:{user}"


def visitor(request: Request) -> str:
    """Return as whom somebody without an account is masked: their address and what their browser calls itself."""
    return f"visitor:{request.client.host if request.client else ''}|{request.headers.get('user-agent', '')}"


@dataclass
class Masks:
    """Masks people with the secrets of a home.

    Parameters
    ----------
    home : Path
        Processes that shall mask alike share it.
    """

    home: Path
    _known: dict[date, bytes] = field(default_factory=dict, init=False, repr=False)
    _lock: Lock = field(default_factory=Lock, init=False, repr=False)

    def mask(self, kind: str, person: str | None, day: date, now: datetime) -> bytes | None:
        """Mask a person for the notes of one kind and one day.

        Parameters
        ----------
        kind : str
            ``search``, or the service ridden with.
        person : str, optional
            Whatever is always the same for them and nobody else; it is stored nowhere.

        Returns
        -------
        8 bytes; None: nobody is known, or the day's secret is gone or cannot be read.
        """
        if not person or now >= ends(day) or day > local_day(now) + AHEAD:
            return None
        try:
            key = self._find(day, now)
        except OSError as problem:  # nobody's booking fails for it
            structlog.get_logger().warning("notes of use are without masks", why=str(problem))
            return None
        said = f"{kind}:{person}".encode(errors="surrogatepass")
        return blake2b(said, digest_size=BYTES, key=key, person=b"mobigo trace").digest()

    def forget(self, now: datetime) -> list[date]:
        """Destroy the secrets of the days that are over; return which."""
        gone = []
        for file in sorted(self._folder.glob(f"*{SUFFIX}")):
            with suppress(ValueError):
                day = date.fromisoformat(file.name.removesuffix(SUFFIX))
                if now >= ends(day):
                    _destroy(file)
                    gone.append(day)
        self._drop(now)
        return gone

    @property
    def _folder(self) -> Path:
        return self.home / "trace"

    def _find(self, day: date, now: datetime) -> bytes:
        known = self._known.get(day)
        if known is None:
            self._drop(now)
            known = self._read(day)
            with self._lock:
                self._known[day] = known
        return known

    def _drop(self, now: datetime) -> None:
        """Forget what this process still knows of days that are over."""
        with self._lock:
            for day in [one for one in self._known if now >= ends(one)]:
                del self._known[day]

    def _read(self, day: date) -> bytes:
        """Read the secret of a day, making it the first time; of processes that make it at once, one wins."""
        file = self._folder / f"{day.isoformat()}{SUFFIX}"
        if not file.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            self._folder.chmod(0o700)
            new = self._folder / f".{os.getpid()}.{secrets.token_hex(8)}"
            with os.fdopen(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as made:
                made.write(secrets.token_bytes(KEY_BYTES))
            with suppress(FileExistsError):
                os.link(new, file)
            new.unlink()
        return file.read_bytes()


def _destroy(file: Path) -> None:
    """Write over a secret, then remove it: what the disk keeps of it is not ours to say."""
    with suppress(FileNotFoundError):
        with file.open("r+b") as written:
            written.write(bytes(KEY_BYTES))
            written.flush()
            os.fsync(written.fileno())
        file.unlink()
