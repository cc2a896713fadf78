"""From live sources to the network that serves: ask, lay over the timetable, switch, and lay out for the quick search.

One `LiveWatch` lives in the worker and keeps what it has read; the command line makes its own when a person asks.
"""

from __future__ import annotations

import fcntl
import threading
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
import structlog

from mobigo.db.engine import libpq_conninfo
from mobigo.journeys.live import lay_live, write_live
from mobigo.journeys.network import Networks
from mobigo.kit.errors import MobigoError
from mobigo.transit import live_store
from mobigo.transit.live_listen import WAIT, Listener
from mobigo.transit.live_service import STALE_AFTER
from mobigo.transit.matching import read_names
from mobigo.transit.overlay import lay_over
from mobigo.transit.recorded import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from mobigo.journeys.network import Network
    from mobigo.transit.live import Alert, LiveFeed, MatchReport, Vehicle
    from mobigo.transit.live_listen import Heard, Outcome
    from mobigo.transit.live_store import Revision
    from mobigo.transit.matching import Names

log = structlog.get_logger()

RENEW = 120
"""Seconds after which the overlay is written again though nobody said anything new: time alone changes it."""


BROKEN = "all of it is left out: it could not be laid over the timetable, see the log"
"""Said of a source that breaks us."""


class Report(NamedTuple):
    """How much of what a source says was found."""

    name: str
    """Of the live source; vehicles that report themselves are named ``vehicles:FEED``."""
    match: MatchReport


class LiveWatch:
    """Keeps the live data of the network that serves true.

    Parameters
    ----------
    url : str
        Address of the database.
    home : Path
        ``MOBIGO_HOME``.
    allow_hosts : sequence of str
        ``ADDRESS:PORT`` pairs that may be asked though they are not public.
    """

    def __init__(self, url: str, home: Path, allow_hosts: Sequence[str] = ()) -> None:
        self._conninfo = libpq_conninfo(url)
        self._home = home
        self._networks = Networks(home)
        self._listener = Listener(home, allow_hosts)
        self._names: tuple[Path, Names] | None = None
        self._written: tuple[object, int] | None = None
        self._to_lay: tuple[Path, datetime] | None = None
        self._laying: threading.Thread | None = None
        self._record = Record()
        self._guard = threading.Lock()

    def run(self, now: datetime, *, names: Sequence[str] | None = None) -> list[Outcome]:
        """Ask the sources that are due, and renew the overlay when anything changed.

        Named sources are asked whether due or not, and waited for to the end; else the slow ones answer next time.
        """
        with self._alone(), psycopg.connect(self._conninfo, autocommit=True) as connection:
            wait = WAIT if names is None else None
            outcomes = self._listener.poll(connection, now, names=names, wait=wait)
            for one in outcomes:
                if one.failed:
                    log.warning("a live source failed", source=one.source.name, problem=one.problem)
            self._renew(connection, now)
        return outcomes

    def lay_out(self) -> None:
        """Lay out for the quick search what was written last, in a thread beside the asking; only the last counts."""
        with self._guard:
            if self._laying is None and self._to_lay is not None:
                self._laying = threading.Thread(target=self._lay_waiting, daemon=True)
                self._laying.start()

    def _lay_waiting(self) -> None:
        while True:
            with self._guard:
                waiting, self._to_lay = self._to_lay, None
                if waiting is None:
                    self._laying = None
                    return
            try:
                lay_live(*waiting)
            except (MobigoError, OSError) as error:  # a network that was removed meanwhile; the next one is laid
                log.warning("live data were not laid out", error=str(error))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process asks at a time; the others wait."""
        folder = self._home / "live"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _renew(self, connection: psycopg.Connection[Any], now: datetime) -> None:
        """Write the overlay of what is known, unless it stands already."""
        network = self._networks.find_current()
        if network is None:
            return
        at = int(now.timestamp())
        heard = self._listener.hear(connection, now, network.manifest.zone)
        disturbances = live_store.list_disturbances(connection, not_over_at=now)
        live_store.forget_positions(connection, now)
        content = (
            network.folder,
            tuple((one.name, one.digest, one.is_stale(at), one.holds(at)) for one in heard),
            tuple((one.id, one.number) for one in disturbances),
        )
        if not (heard or disturbances or (network.folder / "live" / "current").exists()):
            return
        if self._written and self._written[0] == content:
            idle = not (heard or disturbances)
            if idle or 0 <= at - self._written[1] < RENEW:
                return
        reports = self._write(connection, network, heard, disturbances, now)
        live_store.save_rates(connection, now, reports)
        self._written = content, at
        with self._guard:
            self._to_lay = network.folder, now

    def _write(
        self,
        connection: psycopg.Connection[Any],
        network: Network,
        heard: Sequence[Heard],
        disturbances: Sequence[Revision],
        now: datetime,
    ) -> list[Report]:
        at = int(now.timestamp())
        if self._names is None or self._names[0] != network.folder:
            self._names = network.folder, read_names(network.timetable)
        fresh = [_still_good(one, at) for one in heard]
        written = [one.disturbance for one in disturbances if one.disturbance is not None]
        lay = partial(
            lay_over,
            network.timetable,
            now=at,
            stale_after=max([STALE_AFTER, *(one.stale_after for one in heard)]),
            names=self._names[1],
            hear=self._record.hear,
        )
        try:
            overlay, found = lay(fresh, written)
        except Exception:
            log.exception("live data cannot be laid over the timetable; looking for the source to leave out")
            fresh = [_leave_out_if_broken(feed, lay) for feed in fresh]
            overlay, found = lay(fresh, written)
            found = [
                replace(report, unmatched=(BROKEN,)) if feed.problems == (BROKEN,) else report
                for feed, report in zip(fresh, found, strict=True)
            ]
        reports = [
            Report(one.name, replace(report, stale=one.is_stale(at))) for one, report in zip(heard, found, strict=True)
        ]
        alerts: list[tuple[str, Alert]] = [(one.source, one.alert) for one in written]
        vehicles: list[tuple[str, Vehicle]] = []
        for feed in fresh:
            alerts += [(feed.source, alert) for alert in feed.alerts]
            vehicles += [(feed.source, vehicle) for vehicle in feed.vehicles]
        write_live(network.folder, overlay, alerts, vehicles, [report for _, report in reports], now=now)
        try:
            self._record.keep(network.folder, fresh, overlay, connection)
        except Exception:
            log.exception("what was said of calls is not kept for the record")
        return reports


def _leave_out_if_broken(feed: LiveFeed, lay: Callable[..., object]) -> LiveFeed:
    """Empty a feed that alone cannot be laid over the timetable: a mistake of ours must not silence the others."""
    try:
        lay([feed], [])
    except Exception:
        log.exception("a live source is left out", feed=feed.source)
        return replace(feed, trips=(), vehicles=(), alerts=(), problems=(BROKEN,))
    return feed


def _still_good(one: Heard, now: int) -> LiveFeed:
    """Leave out of a feed what is too old to be told: trips and vehicles of a stale one, messages that are over."""
    feed, stale = one.feed, one.is_stale(now)
    return replace(
        feed,
        trips=() if stale else feed.trips,
        vehicles=()
        if stale
        else tuple(vehicle for vehicle in feed.vehicles if abs(now - vehicle.at) <= one.stale_after),
        alerts=tuple(alert for alert in feed.alerts if not _is_over(alert, now)) if one.holds(now) else (),
    )


def _is_over(alert: Alert, now: int) -> bool:
    return bool(alert.periods) and all(end is not None and end <= now for _, end in alert.periods)
