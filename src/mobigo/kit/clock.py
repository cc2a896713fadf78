"""The one clock. Rooms take an instant as an argument; the edges ask a ``Clock`` for it.

A sandbox may move its clock: the clock file of its home then holds where and how fast. Every process of the home
reads the same file, so API, worker and command line always agree, also when it is moved while they serve.
"""

from __future__ import annotations

import json
import os
import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mobigo.kit.errors import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

MAX_RATE = 100_000
"""A day in less than a second is more than anything that serves can follow."""

_NUMBER = r"\d+(?:\.\d+)?"
DURATION = re.compile(
    rf"(?P<sign>[+-]?)p?(?:(?P<d>{_NUMBER})d)?t?(?:(?P<h>{_NUMBER})h)?(?:(?P<m>{_NUMBER})m(?:in)?)?(?:(?P<s>{_NUMBER})s)?"
)


@dataclass(frozen=True)
class Shift:
    """A moved clock: at real time ``since`` it showed ``instant`` and runs ``rate`` times as fast."""

    since: datetime
    instant: datetime
    rate: float

    def at(self, real: datetime) -> datetime:
        """Convert a real instant to the moved one."""
        return self.instant + (real - self.since) * self.rate


@dataclass
class Clock:
    """The clock of one home; real time unless the sandbox's clock file says otherwise.

    Parameters
    ----------
    file : Path, optional
        The clock file of a sandbox; None means real time for ever.
    """

    file: Path | None = None
    _stamp: int = field(default=-1, init=False)
    _shift: Shift | None = field(default=None, init=False)

    def now(self) -> datetime:
        """Tell the time, aware, in UTC."""
        real = datetime.now(UTC)
        shift = self._read()
        return shift.at(real) if shift else real

    def _read(self) -> Shift | None:
        if self.file is None:
            return None
        try:
            stamp = self.file.stat().st_mtime_ns
        except FileNotFoundError:
            return None
        if stamp != self._stamp:
            raw = json.loads(self.file.read_text())
            self._shift = Shift(
                datetime.fromisoformat(raw["since"]),
                datetime.fromisoformat(raw["instant"]),
                float(raw["rate"]),
            )
            self._stamp = stamp
        return self._shift

    def move(self, instant: datetime, rate: float = 1.0) -> None:
        """Set a sandbox's clock to an instant, for every process of the home at once."""
        if self.file is None:
            raise InvalidInput("this clock is the real one; start with `mobigo up --sandbox` to move it")
        shift = {
            "since": datetime.now(UTC).isoformat(),
            "instant": instant.astimezone(UTC).isoformat(),
            "rate": rate,
        }
        new = self.file.with_suffix(f".{os.getpid()}.{time.monotonic_ns()}")
        new.write_text(json.dumps(shift))
        new.replace(self.file)

    def advance(self, by: timedelta) -> None:
        """Move a sandbox's clock forward (or, with a negative duration, back), keeping its rate."""
        shift = self._read()
        self.move(self.now() + by, shift.rate if shift else 1.0)


def parse_instant(text: str) -> datetime:
    """Read an ISO 8601 instant that has an offset.

    Raises
    ------
    InvalidInput
        When it is no date and time, or has no offset: guessing a zone would be wrong twice a year.
    """
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"{text!r} is not an instant; write it like 2026-11-22T07:30:00+01:00") from None
    if instant.tzinfo is None:
        whole = f"{instant:%Y-%m-%dT%H:%M:%S}"
        raise InvalidInput(f"{text!r} has no offset from UTC; add one, as in {whole}+01:00 or {whole}Z")
    return instant


def parse_clock(text: str) -> tuple[datetime, float]:
    """Read ``INSTANT[@RATE]``: where a clock is put, and how many seconds it runs in one.

    Raises
    ------
    InvalidInput
        When the instant has no offset, or the rate is negative or no number.
    """
    instant, _, rate = text.partition("@")
    try:
        speed = float(rate) if rate else 1.0
    except ValueError:
        speed = -1.0
    if not 0 <= speed <= MAX_RATE:
        raise InvalidInput(f"the rate {rate!r} of {text!r} is not a number from 0 (stands still) to {MAX_RATE}")
    return parse_instant(instant), speed


def parse_duration(text: str) -> timedelta:
    """Read a duration as people write it (``90m``, ``2h``, ``1d``, ``45s``, ``1h30m``) or as ISO 8601 (``PT2H``).

    A sign in front turns it round. Days are 24 hours: a clock is moved by elapsed time, not by the calendar.

    Raises
    ------
    InvalidInput
        When it is neither.
    """
    found = DURATION.fullmatch(text.strip().lower())
    amounts = found and [found[unit] for unit in ("d", "h", "m", "s")]
    if not found or not amounts or not any(amounts):
        raise InvalidInput(f"{text!r} is not a duration; write it like 90m, 2h, 1d or PT2H30M")
    days, hours, minutes, seconds = (float(amount or 0) for amount in amounts)
    length = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    return -length if found["sign"] == "-" else length
