"""Real-time messages in memory: each is written once for a snapshot of live data, and served to everybody from there.

A message that takes long to write is written anew beside the serving, as long as it is asked for; until it is ready,
the one before it is served.
"""

from __future__ import annotations

import gzip
import threading
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple, Protocol

import structlog

from mobigo.kit.errors import NotFound
from mobigo.opendata.live_sets import Rights, find_rights
from mobigo.opendata.siri_writer import Moment, list_journeys

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from sqlalchemy.engine import Engine

    from mobigo.journeys.network import Network
    from mobigo.kit.clock import Clock
    from mobigo.opendata.siri_xml import Tree

log = structlog.get_logger()

MINUTE = 60
LOOKED_UP = 30.0
"""Seconds for which licences are not looked up again."""
KEPT = 1_000
"""Messages kept in memory."""
LONG = 0.05
"""Seconds of writing from which a message is written beside the serving."""
BEHIND = 20.0
"""Seconds for which the message before may be served meanwhile."""
ASKED = 300.0
"""Seconds after the last question for which a message that takes long is written anew by itself."""
EVERY = 1.0
"""Seconds between two looks for new live data."""
PACKED_FROM = 1_000
"""Bytes from which a message is packed."""
LEVEL = 4


@dataclass(frozen=True)
class Message:
    """A message as it is served."""

    content: bytes
    packed: bytes | None
    media_type: str
    tag: str
    """Of its content."""
    at: datetime
    """The moment it tells of."""


class Written(NamedTuple):
    """What a writer wrote."""

    content: bytes
    media_type: str


class _HasCurrent(Protocol):
    """What knows the network that serves."""

    def find_current(self) -> Network | None: ...


class Stamp(NamedTuple):
    """What messages depend on; equal stamps mean equal messages."""

    folder: str
    """Of the snapshot, else of the network."""
    at: int
    sources: frozenset[str]
    """Told of."""


@dataclass
class _Kept:
    """A message in memory."""

    stamp: Stamp
    message: Message
    took: float
    """Seconds of writing."""
    write: Callable[[Moment], Written]
    by_minute: bool
    source: str | None
    asked: float
    since: float = 0.0
    """When it was first found old, by the monotonic clock; 0: it is not."""


class LiveFeeds:
    """Writes and keeps the messages of one process.

    Parameters
    ----------
    engine : Engine
        Of the database, where the licences of sources are.
    networks : Networks
        Knows what live data say now.
    clock : Clock
    """

    def __init__(self, engine: Engine, networks: _HasCurrent, clock: Clock) -> None:
        self._engine = engine
        self._networks = networks
        self._clock = clock
        self._kept: OrderedDict[tuple[Hashable, str | None], _Kept] = OrderedDict()
        self._guard = threading.Lock()
        self._writing = threading.Lock()
        self._rights: tuple[float, Rights] | None = None
        self._moments: dict[tuple[str | None, bool], tuple[Stamp, Moment]] = {}
        self._journeys: dict[str | None, tuple[Moment, list[Tree]]] = {}
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def close(self) -> None:
        """Stop writing by itself."""
        self._closed.set()

    def rights(self) -> Rights:
        """Return of which sources what may be told, and under which licence."""
        known = self._rights
        if known is not None and monotonic() - known[0] < LOOKED_UP:
            return known[1]
        try:
            with self._engine.connect() as connection:
                found = find_rights(connection.connection.driver_connection)  # type: ignore[arg-type]
        except Exception:
            if known is None:
                raise
            log.exception("licences could not be looked up; those known before count")
            found = known[1]
        self._rights = monotonic(), found
        return found

    def forget_rights(self) -> None:
        """Look licences up anew when they are asked for next."""
        self._rights = None

    def moment(self, source: str | None = None, *, by_minute: bool = False) -> Moment | None:
        """Return what to write from now; None when there is no network.

        Parameters
        ----------
        source : str, optional
            Only this source; else all that may be told together.
        by_minute : bool
            Of the current minute, not of the moment of the live data.

        Raises
        ------
        NotFound
            When there is no such source, or it may not be told of.
        """
        found = self._find_moment(source, by_minute=by_minute)
        return found[1] if found else None

    def _find_moment(self, source: str | None, *, by_minute: bool) -> tuple[Stamp, Moment] | None:
        rights = self.rights()
        if source is not None and source not in rights.licences:
            raise NotFound(
                f"no source {source!r} is published; there are {', '.join(sorted(rights.licences)) or 'none'}",
                code="unknown_dataset",
            )
        told = rights.together if source is None else frozenset((source,))
        network = self._networks.find_current()
        if network is None:
            return None
        live = network.live
        minute = int(self._clock.now().timestamp()) // MINUTE * MINUTE
        at = minute if live is None else max(live.at, minute) if by_minute else live.at
        stamp = Stamp(str(live.folder if live else network.folder), at, told)
        known = self._moments.get((source, by_minute))
        if known is not None and known[0] == stamp:
            return known
        timetable = live.overlay.timetable if live else network.timetable
        moment = Moment(timetable, live, at, rights.sources - told)
        self._moments[source, by_minute] = stamp, moment
        return stamp, moment

    def journeys(self, source: str | None, moment: Moment) -> list[Tree]:
        """Return all journeys of a moment; written once."""
        known = self._journeys.get(source)
        if known is None or known[0] is not moment:
            known = self._journeys[source] = moment, list_journeys(moment)
        return known[1]

    def get(
        self,
        key: Hashable,
        write: Callable[[Moment], Written],
        source: str | None = None,
        *,
        by_minute: bool = False,
    ) -> Message | None:
        """Return a message as of now; None when there is no network.

        Parameters
        ----------
        key
            Names the message: the same key is the same message, whoever asks.
        write
            Writes it.
        source, by_minute
            See `moment`.
        """
        found = self._find_moment(source, by_minute=by_minute)
        if found is None:
            return None
        stamp, moment = found
        kept = self._kept.get((key, source))
        if kept is not None:
            alive = monotonic() - kept.asked < ASKED  # else nobody wrote it anew meanwhile, and it is as old as that
            kept.asked = monotonic()
            with self._guard, suppress(KeyError):
                self._kept.move_to_end((key, source))
            if kept.stamp == stamp or (alive and self._may_wait(kept)):
                return kept.message
        with self._writing:
            kept = self._kept.get((key, source))
            if kept is None or kept.stamp != stamp:
                kept = self._write(key, stamp, moment, _Kept(stamp, NONE, 0.0, write, by_minute, source, monotonic()))
        return kept.message

    def _may_wait(self, kept: _Kept) -> bool:
        """Tell whether an old message may be served until the new one is written beside the serving."""
        if kept.took < LONG:
            return False
        now = monotonic()
        if not kept.since:
            kept.since = now
        self._start()
        return now - kept.since < BEHIND

    def _write(self, key: Hashable, stamp: Stamp, moment: Moment, kept: _Kept) -> _Kept:
        begin = monotonic()
        written = kept.write(moment)
        packed = gzip.compress(written.content, LEVEL, mtime=0) if len(written.content) >= PACKED_FROM else None
        message = Message(
            written.content,
            packed,
            written.media_type,
            sha256(written.content).hexdigest()[:32],
            datetime.fromtimestamp(moment.at, UTC),
        )
        made = replace(kept, stamp=stamp, message=message, took=monotonic() - begin, since=0.0)
        with self._guard:
            self._kept[key, kept.source] = made
            self._kept.move_to_end((key, kept.source))
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return made

    def _start(self) -> None:
        """Start the thread that writes by itself, once."""
        with self._guard:
            if self._thread is None and not self._closed.is_set():
                self._thread = threading.Thread(target=self._follow, name="live feeds", daemon=True)
                self._thread.start()

    def _follow(self) -> None:
        while not self._closed.wait(EVERY):
            with self._guard:
                wanted = [
                    (key, kept)
                    for (key, _), kept in self._kept.items()
                    if kept.took >= LONG and monotonic() - kept.asked < ASKED
                ]
            for key, kept in wanted:
                try:
                    self._renew(key, kept)
                except Exception:
                    log.exception("a real-time message could not be written")

    def _renew(self, key: Hashable, kept: _Kept) -> None:
        found = self._find_moment(kept.source, by_minute=kept.by_minute)
        if found is None or found[0] == kept.stamp:
            return
        with self._writing:
            now = self._kept.get((key, kept.source), kept)
            if now.stamp != found[0]:
                self._write(key, *found, now)


NONE = Message(b"", None, "", "", datetime.fromtimestamp(0, UTC))
"""Not written yet."""
