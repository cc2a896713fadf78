"""Noting: rides and runs with the transaction that they are part of, searches from memory every few seconds.

Nobody waits for a note, and nothing fails for one. Searches wait in the process, at most `MOST` of them, and are copied
into the database by a thread of their own; what a process had not yet written when it died, and what could not be
written while the database was away, is lost, and counted.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import psycopg
import structlog
from sqlalchemy.engine import Engine

from mobigo.db.engine import libpq_conninfo
from mobigo.db.session import driver
from mobigo.trace import store
from mobigo.trace.masks import Masks

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from mobigo.trace.model import Change, Note, Ride, Run, Search

EVERY = 5.0
"""Seconds that notes wait in memory."""

MANY = 2_000
"""Notes at which they are written earlier."""

MOST = 50_000
"""Notes that wait; what comes then is lost."""

PATIENCE = 3
"""Seconds to wait for a connection."""

_OPTION = "mobigo_masks"


# ── rides and runs ────────────────────────────────────────────────────────────────────────────────────────────────────


def carry_masks(engine: Engine, masks: Masks) -> Engine:
    """Return an engine on the same connections, whose sessions know how to mask who rides."""
    carrying: Engine = engine.execution_options(**{_OPTION: masks})
    return carrying


def note_ride(session: Session, ride: Ride, person: str | None, now: datetime) -> None:
    """Note a ride in the transaction of what happened.

    Parameters
    ----------
    ride : Ride
        Without `who`.
    person : str, optional
        Who rides, by whatever is always the same for them: it is masked, where the session's engine carries masks
        (`carry_masks`), and stored nowhere.
    """
    masks = _masks_of(session)
    who = masks.mask(ride.service.value, person, ride.day, now) if masks else None
    store.add_note(driver(session), replace(ride, who=who))


def note_rides(session: Session, rides: Sequence[tuple[Ride, str | None]], now: datetime) -> None:
    """Note many rides, each with who rides, as `note_ride` does one."""
    if rides:
        masks = _masks_of(session)
        store.add_notes(
            driver(session),
            [
                replace(ride, who=masks.mask(ride.service.value, person, ride.day, now) if masks else None)
                for ride, person in rides
            ],
        )


def note_run(session: Session, run: Run) -> None:
    """Note a run in the transaction of what happened."""
    store.add_note(driver(session), run)


def _masks_of(session: Session) -> Masks | None:
    bind = session.get_bind()
    engine = bind if isinstance(bind, Engine) else bind.engine
    found = engine.get_execution_options().get(_OPTION)
    return found if isinstance(found, Masks) else None


# ── searches ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Notebook:
    """Searches of a process, until they are written.

    Parameters
    ----------
    engine : Engine
        Says where; its connections are not used, they are for those who ask.
    """

    engine: Engine
    lost: int = 0
    """Notes that were not written since the process began."""
    _waiting: list[Note] = field(default_factory=list, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _writing: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _any: threading.Event = field(default_factory=threading.Event, init=False, repr=False)
    _many: threading.Event = field(default_factory=threading.Event, init=False, repr=False)
    _closed: bool = field(default=False, init=False, repr=False)
    _thread: threading.Thread | None = field(default=None, init=False, repr=False)

    def note(self, search: Search, changes: Sequence[Change] = ()) -> None:
        """Note a search and the changes of the journey it found; it is written within seconds."""
        with self._lock:
            if len(self._waiting) >= MOST:
                self.lost += 1 + len(changes)
                return
            self._waiting.append(search)
            self._waiting.extend(changes)
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._keep_writing, name="notes of use", daemon=True)
                self._thread.start()
        self._any.set()
        if len(self._waiting) >= MANY:
            self._many.set()

    def flush(self) -> None:
        """Write what waits."""
        with self._writing:
            with self._lock:
                waiting, self._waiting = self._waiting, []
                self._any.clear()
                self._many.clear()
            if waiting:
                self._write(waiting)

    def close(self) -> None:
        """Write what waits, for the last time."""
        self._closed = True
        self._any.set()
        self._many.set()
        self.flush()

    def _keep_writing(self) -> None:
        while not self._closed:
            self._any.wait()
            self._many.wait(EVERY)
            self.flush()

    def _write(self, notes: Sequence[Note]) -> None:
        kinds: defaultdict[type, list[Note]] = defaultdict(list)
        for one in notes:
            kinds[type(one)].append(one)
        where = libpq_conninfo(self.engine.url.render_as_string(hide_password=False))
        try:
            with psycopg.connect(where, connect_timeout=PATIENCE) as connection:
                for some in kinds.values():
                    store.copy_notes(connection, some)
        except psycopg.Error as problem:
            self.lost += len(notes)
            structlog.get_logger().warning("notes of use are lost", notes=len(notes), why=str(problem).strip())
