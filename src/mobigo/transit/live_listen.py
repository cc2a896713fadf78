"""Live sources are asked in turn, and what they say is kept until they say something better.

The content of a source lies in ``<home>/live/<name>``: ``incoming`` as it came last, ``good`` the last that could be
read, ``good.json`` when that came. A source that answers nonsense, slowly or not at all changes nothing but its own
state in the database, is asked less and less often, and what it said before grows old until it is no longer used.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import zlib
from concurrent import futures
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog

from mobigo.downloads import Patience, fetch_newer
from mobigo.kit.errors import InvalidInput, MobigoError, Refused, Unavailable
from mobigo.transit import live_store, realtime, replay, siri
from mobigo.transit.live import LiveFeed
from mobigo.transit.live_service import STALE_AFTER, Secrets, is_url

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future
    from zoneinfo import ZoneInfo

    from psycopg import Connection

    from mobigo.transit.live import Vehicle
    from mobigo.transit.live_store import LiveSource

log = structlog.get_logger()

MAX_BYTES = 64 << 20
"""The largest content of a source that is read, unpacked."""

PATIENCE = Patience(connect=5, read=8, window=15, window_bytes=1000, total=20, attempts=1)
"""A source is asked again soon: better to miss one answer than to hold up the others."""

LONGEST_PAUSE = 900
"""Seconds: the most a failing source is left alone."""

AT_ONCE = 8
"""Sources that are asked at the same time."""

WAIT = 4.0
"""Seconds the sources are waited for before what is known is used."""

AHEAD = 60
"""Seconds a vehicle's clock may be ahead of ours."""

OWN = "vehicles:"
"""How the names begin under which the rates of vehicles that report themselves are kept; the feed follows."""


@dataclass(frozen=True)
class Outcome:
    """How one source answered."""

    source: LiveSource
    at: datetime
    """When it was asked."""
    problem: str | None = None
    """Why it failed, or what of its content could not be understood."""
    failed: bool = False
    made_at: datetime | None = None


class Heard(NamedTuple):
    """What a source says now."""

    name: str
    feed: LiveFeed
    stale_after: int
    digest: str
    """Names the content."""
    confirmed_at: int
    """Seconds since 1970 UTC: when the source last answered, were it only that nothing is newer."""

    def is_stale(self, now: int) -> bool:
        """Tell whether it is too old to be used, or of a future that a moved clock has not seen."""
        return abs(now - self.feed.at) > self.stale_after

    def holds(self, now: int) -> bool:
        """Tell whether its messages hold: those seldom change, so it is enough that the source stands by them."""
        return abs(now - max(self.confirmed_at, self.feed.at)) <= max(self.stale_after, LONGEST_PAUSE)


class _Content(NamedTuple):
    digest: str
    value: LiveFeed | replay.Recording
    came_at: int


class Listener:
    """Asks the live sources of a home, and remembers what it has read.

    Parameters
    ----------
    home : Path
        ``MOBIGO_HOME``.
    allow_hosts : sequence of str
        ``ADDRESS:PORT`` pairs that may be asked though they are not public.
    """

    def __init__(self, home: Path, allow_hosts: Sequence[str] = (), *, patience: Patience = PATIENCE) -> None:
        self._home = home
        self._allow_hosts = allow_hosts
        self._patience = patience
        self._contents: dict[str, _Content] = {}
        self._pool = ThreadPoolExecutor(AT_ONCE, "live")
        self._under_way: dict[str, Future[Outcome]] = {}

    def poll(
        self,
        connection: Connection[Any],
        now: datetime,
        *,
        names: Sequence[str] | None = None,
        wait: float | None = WAIT,
    ) -> list[Outcome]:
        """Ask the sources that are due, or those named whether due or not; note how each went.

        A source that has not answered after `wait` seconds (None: ever) is left to itself: how it went is noted the
        next time.
        """
        for source in live_store.list_sources(connection):
            wanted = _is_due(source, now) if names is None else source.name in names
            if wanted and source.name not in self._under_way:
                self._under_way[source.name] = self._pool.submit(self._ask, source, now)
        done, _ = futures.wait(self._under_way.values(), wait)
        outcomes = [future.result() for future in self._under_way.values() if future in done]
        self._under_way = {name: future for name, future in self._under_way.items() if future not in done}
        for one in outcomes:
            _note(connection, one)
        return outcomes

    def _ask(self, source: LiveSource, now: datetime) -> Outcome:
        secrets = Secrets(self._home)
        try:
            feed = self._receive(source, secrets, now)
        except MobigoError as error:
            return Outcome(source, now, secrets.hide(str(error)), failed=True)
        except OSError as error:
            return Outcome(source, now, f"{source.address}: {error.strerror or error}", failed=True)
        except Exception as error:
            log.exception("a live source could not be read", source=source.name)
            return Outcome(source, now, f"it could not be read: {type(error).__name__}, see the log", failed=True)
        if not isinstance(feed, LiveFeed):
            return Outcome(source, now, made_at=now)
        return Outcome(source, now, "; ".join(feed.problems[:5]) or None, made_at=_instant(feed.at))

    def _receive(self, source: LiveSource, secrets: Secrets, now: datetime) -> LiveFeed | replay.Recording:
        folder = self._folder(source)
        folder.mkdir(parents=True, exist_ok=True)
        incoming = folder / "incoming"
        if is_url(source.address):
            fetch_newer(
                secrets.reveal(source.address, quote_it=True),
                incoming,
                max_bytes=MAX_BYTES,
                allow_hosts=self._allow_hosts,
                patience=self._patience,
                headers={name: secrets.reveal(value) for name, value in source.headers.items()},
            )
            content = incoming.read_bytes()
        else:
            content = read_file(source.address)
        digest = sha256(content).hexdigest()
        known = self._find_content(source)
        if known is not None and known.digest == digest:
            return known.value
        new = _Content(digest, understand(source.kind, content, source.feed), int(now.timestamp()))
        new = _date(new)
        if known is not None and _is_late(new.value, known.value, now, source.stale_after):
            return known.value
        _replace(folder / "good", content)
        _replace(folder / "good.json", json.dumps({"digest": digest, "came_at": new.came_at}).encode())
        self._contents[source.name] = new
        return new.value

    def _folder(self, source: LiveSource) -> Path:
        return self._home / "live" / source.name

    def _find_content(self, source: LiveSource) -> _Content | None:
        """Return the last content of a source that could be read; None when there is none."""
        folder = self._folder(source)
        try:
            about = json.loads((folder / "good.json").read_bytes())
            known = self._contents.get(source.name)
            if known is None or known.digest != about["digest"]:
                content = (folder / "good").read_bytes()
                digest = sha256(content).hexdigest()
                if digest != about["digest"]:
                    return None  # cut off between the two files
                value = understand(source.kind, content, source.feed)
                known = self._contents[source.name] = _date(_Content(digest, value, int(about["came_at"])))
        except (OSError, ValueError, KeyError, TypeError, MobigoError):
            return None
        return known

    def hear(self, connection: Connection[Any], now: datetime, zone: ZoneInfo) -> list[Heard]:
        """Return what each source says now, and the vehicles that report themselves.

        Parameters
        ----------
        zone : ZoneInfo
            In which the days of recordings are days, of feeds that name none.
        """
        at = int(now.timestamp())
        heard = []
        sources = live_store.list_sources(connection)
        zones = live_store.list_zones(connection) if any(source.kind == "replay" for source in sources) else {}
        for gone in self._contents.keys() - {source.name for source in sources}:
            del self._contents[gone]
        for source in sources:
            content = self._find_content(source)
            if content is None:
                continue
            value, digest = content.value, content.digest
            if isinstance(value, replay.Recording):
                value = replay.replay(value, source.feed, at, zones.get(source.feed, zone), source.day)
                digest = f"{digest}-{source.day}-{sum(len(trip.calls) for trip in value.trips)}"
            confirmed = int(source.fetched_at.timestamp()) if source.fetched_at else 0
            heard.append(Heard(source.name, value, source.stale_after, digest, confirmed))
        return [*heard, *_hear_vehicles(connection, now)]


def _hear_vehicles(connection: Connection[Any], now: datetime) -> list[Heard]:
    """Return the vehicles that report themselves, a feed's together."""
    at = int(now.timestamp())
    since = datetime.fromtimestamp(at - STALE_AFTER, UTC)
    until = datetime.fromtimestamp(at + AHEAD, UTC)
    by_feed: dict[str, list[Vehicle]] = {}
    for feed, vehicle in live_store.list_positions(connection, since, until):
        by_feed.setdefault(feed, []).append(vehicle)
    return [
        Heard(f"{OWN}{feed}", LiveFeed(feed, at, vehicles=tuple(found)), STALE_AFTER, f"{hash(tuple(found)):x}", at)
        for feed, found in by_feed.items()
    ]


def _instant(seconds: int) -> datetime | None:
    """Return what a source says of itself as an instant, None where that is beyond all calendars."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _note(connection: Connection[Any], one: Outcome) -> None:
    source, problem = one.source, one.problem and one.problem.replace("\0", "")[:1000]
    if not one.failed:
        live_store.note_success(connection, source.name, now=one.at, made_at=one.made_at, problem=problem)
        return
    pause = min(source.every * 2 ** min(source.failures, 10), LONGEST_PAUSE)
    live_store.note_failure(
        connection, source.name, now=one.at, pause=max(pause, source.every), problem=problem or "it failed"
    )


def _is_due(source: LiveSource, now: datetime) -> bool:
    if source.next_at is None or source.next_at <= now:
        return True
    return (source.next_at - now).total_seconds() > LONGEST_PAUSE + source.every  # the clock was put back


def read_file(address: str) -> bytes:
    """Read a file that is a source, or refuse."""
    file = Path(address)
    if not file.is_file():
        raise Unavailable(f"{address} is not there or no file; `mobigo live show` says what is asked")
    size = file.stat().st_size
    if size > MAX_BYTES:
        raise Refused(f"{address} has {size:,} bytes, {MAX_BYTES:,} are accepted; is it the right file?")
    return file.read_bytes()


def _replace(file: Path, content: bytes) -> None:
    new = file.with_name(f"{file.name}.{os.getpid()}.new")
    new.write_bytes(content)
    new.replace(file)


def _date(content: _Content) -> _Content:
    """Give a feed that does not say when it was made the time at which it came."""
    if isinstance(content.value, LiveFeed) and not content.value.at:
        return content._replace(value=replace(content.value, at=content.came_at))
    return content


def _is_late(
    new: LiveFeed | replay.Recording, known: LiveFeed | replay.Recording, now: datetime, stale_after: int
) -> bool:
    """Tell whether a source, or one of its mirrors, fell back while what it said before still counts."""
    if not isinstance(new, LiveFeed) or not isinstance(known, LiveFeed):
        return False
    return new.at < known.at and abs(now.timestamp() - known.at) <= stale_after


def understand(kind: str, content: bytes, feed: str) -> LiveFeed | replay.Recording:
    """Read what a source sent, packed by gzip or not; of kind ``auto`` it is told from its first bytes.

    Raises
    ------
    InvalidInput
        When it cannot be read.
    """
    content = _unpack(content)
    if kind == "replay":
        return replay.read_recording(content)
    begin = content[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if kind == "siri" or (kind == "auto" and _looks_like_siri(begin)):
        return siri.read(content, feed)
    return realtime.read(content, feed)


def _looks_like_siri(begin: bytes) -> bool:
    return begin.startswith(b"<") or (begin.startswith(b"{") and b'"siri"' in begin.lower())


def _unpack(content: bytes) -> bytes:
    if content[:2] != b"\x1f\x8b":
        return content
    try:
        with gzip.open(io.BytesIO(content)) as file:
            unpacked = file.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidInput(f"the content is packed by gzip but damaged: {error}") from None
    if len(unpacked) > MAX_BYTES:
        raise InvalidInput(f"the content unpacks to more than {MAX_BYTES:,} bytes; is it the right file?")
    return unpacked
