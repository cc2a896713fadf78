"""Configuration, read once from the environment. Only the edges (cli, web, worker, migrations) import this."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from mobigo.kit.clock import Clock
from mobigo.kit.errors import Refused


@dataclass(frozen=True)
class Settings:
    """What an instance of mobigo is told by its environment."""

    home: Path
    """``MOBIGO_HOME``: all state of this instance; two homes are two instances."""
    database_url: str | None
    """``MOBIGO_DATABASE_URL``: somebody else's PostGIS; None means the private cluster of the home."""
    clock: str | None
    """``MOBIGO_CLOCK``: ``INSTANT[@RATE]``, honoured by ``up --sandbox`` only."""
    allow_hosts: tuple[str, ...]
    """``MOBIGO_ALLOW_HOSTS``: ``ADDRESS:PORT`` pairs that downloads may reach though they are private."""
    test_data: Path
    """``MOBIGO_TEST_DATA``: real feeds and extracts for tests and benchmarks; they skip where it is absent."""

    @property
    def sandbox(self) -> bool:
        """Whether this home was started as a sandbox, whose clock may be moved."""
        return (self.home / "sandbox").exists()

    def open_clock(self) -> Clock:
        """Return the clock of this home.

        Raises
        ------
        Refused
            When ``MOBIGO_CLOCK`` asks for another time outside a sandbox.
        """
        if self.clock and not self.sandbox:
            raise Refused(
                f"MOBIGO_CLOCK={self.clock} moves the clock of a sandbox only, and {self.home} is none; "
                "unset it, or start with `./mobigo up --sandbox`"
            )
        return Clock(self.home / "clock.json" if self.sandbox else None)


def default_home() -> Path:
    """Where state lies unless told otherwise."""
    if os.geteuid() == 0:
        return Path("/var/lib/mobigo")
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share"
    return Path(data) / "mobigo"


def read_settings() -> Settings:
    """Read the environment."""
    home = os.environ.get("MOBIGO_HOME")
    allowed = os.environ.get("MOBIGO_ALLOW_HOSTS", "")
    return Settings(
        home=Path(home).expanduser().resolve() if home else default_home(),
        database_url=os.environ.get("MOBIGO_DATABASE_URL") or None,
        clock=os.environ.get("MOBIGO_CLOCK") or None,
        allow_hosts=tuple(host.strip() for host in allowed.split(",") if host.strip()),
        test_data=Path(os.environ.get("MOBIGO_TEST_DATA") or "../shared/data").resolve(),
    )
