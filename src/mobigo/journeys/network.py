"""The immutable network: timetable, streets and what joins them, mapped from files and swapped while serving.

A network lies in ``<home>/networks/<version>``; the file ``<home>/networks/current`` names the one that serves.
Building writes a new folder and then replaces that one file, so every process sees the old network or the new one,
never a mix: a request takes its `Network` once and keeps it to the end. Live data lie beside the network they were
laid over and are switched in the same way (`journeys.live`).
"""

from __future__ import annotations

import json
import shutil
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from fcntl import LOCK_EX, flock
from functools import cached_property, partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import structlog

from mobigo import __version__
from mobigo.journeys.courses import Courses
from mobigo.journeys.entrances import CarParks, Entrances, Walks
from mobigo.journeys.fleet import Stations
from mobigo.journeys.model import Realtime
from mobigo.journeys.taxis import Taxis
from mobigo.kernels.hierarchy import Hierarchy, Upward
from mobigo.kernels.trip_based import DayView
from mobigo.kit.errors import Unavailable
from mobigo.kit.packed import map_packed
from mobigo.street.drives import Drives
from mobigo.street.graph import StreetGraph
from mobigo.street.relief import Relief
from mobigo.street.routing import Snaps
from mobigo.transit import pathways
from mobigo.transit.days import DayViews
from mobigo.transit.footpaths import Footpaths
from mobigo.transit.live_snapshot import LiveSnapshot, map_snapshot
from mobigo.transit.overlay import Overlay
from mobigo.transit.timetable import Timetable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mobigo.kit.clock import Clock

log = structlog.get_logger()

LAYOUT = sha256(
    json.dumps(
        [
            __version__,
            *(
                str(kind.__annotations__)
                for kind in (
                    Timetable,
                    StreetGraph,
                    Snaps,
                    Footpaths,
                    Courses,
                    DayView,
                    Overlay,
                    Entrances,
                    CarParks,
                    Walks,
                    pathways.Stations,
                    Hierarchy,
                    Upward,
                )
            ),
        ]
    ).encode()
).hexdigest()[:12]
"""Which version of the program and which arrays; a network of another layout is built again, never misread."""

KEPT = 3
"""How many networks stay on disk; the older ones are removed when a new one is switched in."""

DRIVES = "drives"
"""Folder of a network with the hierarchy of its ways by car; it may come after the others."""

STREETS = "streets"
"""Folder of a network with its streets."""

RELIEF = "relief"
"""Folder of a network with the heights of its streets; only where heights are loaded."""

LIVE = "live"
"""Folder of a network with its live data."""

STALE = 600
"""Seconds after which live data are no longer believed: whoever should renew them is not there."""


@dataclass(frozen=True)
class Manifest:
    """What a network was built from."""

    version: str
    layout: str
    built_at: datetime
    timezone: str
    """The zone in which most trips run; instants without an offset are read in it."""
    feeds: dict[str, dict[str, Any]]
    """By source: version, name, first and last day."""
    streets: dict[str, Any] | None
    """Version and extent of the extract; None without streets."""
    counts: dict[str, int]

    @property
    def zone(self) -> ZoneInfo:
        """The zone as an object."""
        return ZoneInfo(self.timezone)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest; the last file of a network, so a folder without one is rubbish of a crash."""
    raw = {**manifest.__dict__, "built_at": manifest.built_at.isoformat()}
    (folder / "manifest.json").write_text(json.dumps(raw, ensure_ascii=False, indent=1))


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a network."""
    raw = json.loads((folder / "manifest.json").read_text())
    return Manifest(**{**raw, "built_at": datetime.fromisoformat(raw["built_at"])})


@dataclass(frozen=True)
class Network:
    """One version of everything that journeys are planned on."""

    folder: Path
    manifest: Manifest
    timetable: Timetable
    streets: StreetGraph | None
    stop_snaps: Snaps | None
    """Where each stop meets the streets."""
    footpaths: Footpaths
    """Walks between stops, with the rules of transfers.txt."""
    courses: Courses | None
    """Ways of road vehicles between stops, where the feed has no shapes."""

    days: DayViews
    """The timetable day by day, laid out for searching."""
    names: Names
    drives: Drives
    """Driving times between any places."""
    live: LiveSnapshot | None = None
    """What live data say now; None without any, and when they are too old."""
    entrances: Entrances | None = None
    """Where stops meet the streets of wheels, and car parks; None without streets."""
    inside: pathways.Stations | None = None
    """Pathways inside stations."""
    wheelchair_footpaths: Footpaths | None = None
    """Walks between stops for those who do not climb stairs; None without streets."""
    taxis: Taxis | None = None
    """The register of taxis, whenever it is asked for."""
    sharing: Stations | None = None
    """What shared vehicles there are, whenever it is asked; None without streets."""
    closed_stops: frozenset[int] = frozenset()
    """Stops that a wheelchair does not use now, because a lift is out of order."""
    outages: tuple[str, ...] = ()
    """Ids of the messages that say so."""
    closures: dict[frozenset[int], tuple[pathways.Stations | None, Footpaths | None]] = field(
        default_factory=dict, compare=False
    )
    """Pathways, and walks of wheelchairs, without some lifts: found when first needed, shared by all copies."""

    relief: Relief | None = None
    """How high the streets lie; None where no heights are loaded."""

    @property
    def zones(self) -> list[ZoneInfo]:
        """The time zones, as numbered by the timetable."""
        return self.names.zones

    @cached_property
    def zone_index(self) -> int:
        """Number of the zone in which most trips run: that of walks."""
        return self.timetable.zones.all().index(self.manifest.timezone)

    @property
    def stop_index(self) -> dict[str, int]:
        """Index of each stop id."""
        return self.names.stops

    @property
    def as_planned(self) -> Network:
        """The same network without live data."""
        return replace(self, live=None) if self.live else self

    @cached_property
    def as_it_runs(self) -> Network:
        """The same network with the timetable of its vehicles as they run now; without live data itself."""
        if self.live is None:
            return self
        timetable = self.live.overlay.timetable
        days = DayViews(timetable, self.footpaths, self.folder / LIVE / "days", self.days)
        return replace(self, timetable=timetable, days=days)

    @property
    def is_running(self) -> bool:
        """Whether the timetable is that of the vehicles as they run now."""
        return self.live is not None and self.timetable is self.live.overlay.timetable

    def seen(self, realtime: Realtime) -> Network:
        """Return this network as somebody sees it who wants so much of live data.

        By the timetable and no word more; by the timetable, with what is known about its trips (`live`); or with the
        vehicles' own times as the timetable.
        """
        if realtime is Realtime.OFF:
            return self.as_planned
        return self.as_it_runs if realtime is Realtime.ON else self


class Names:
    """Lookups by name that a network and all that live data make of it share; made when first needed."""

    def __init__(self, timetable: Timetable) -> None:
        self._timetable = timetable

    @cached_property
    def zones(self) -> list[ZoneInfo]:
        """The time zones, as numbered by the timetable."""
        return [ZoneInfo(name) for name in self._timetable.zones.all()]

    @cached_property
    def stops(self) -> dict[str, int]:
        """Index of each stop id."""
        return {name: index for index, name in enumerate(self._timetable.stop_ids.all())}


def map_network(folder: Path) -> Network:
    """Map a written network; nothing is read until touched.

    Raises
    ------
    Unavailable
        When another version of the program wrote it.
    """
    layout = json.loads((folder / "manifest.json").read_text()).get("layout")
    if layout != LAYOUT:
        raise Unavailable(
            f"network {folder.name} was built by another version of mobigo; type mobigo network build, or mobigo up",
            code="no_network",
        )
    graph = map_packed(folder / STREETS, StreetGraph) if (folder / STREETS).exists() else None
    streets = graph is not None
    timetable = map_packed(folder / "timetable", Timetable)
    walks = map_packed(folder / "footpaths", Footpaths)
    rolled = folder / "wheelchair_footpaths"
    return Network(
        folder,
        read_manifest(folder),
        timetable,
        graph,
        map_packed(folder / "stop_snaps", Snaps) if streets else None,
        walks,
        map_packed(folder / "courses", Courses) if streets else None,
        DayViews(timetable, walks, folder / "days"),
        Names(timetable),
        Drives(graph, partial(_find_hierarchy, folder / DRIVES)),
        entrances=map_packed(folder / "entrances", Entrances) if streets else None,
        inside=map_packed(folder / "inside", pathways.Stations),
        wheelchair_footpaths=map_packed(rolled, Footpaths) if rolled.exists() else None,
        relief=map_packed(folder / RELIEF, Relief) if (folder / RELIEF).exists() else None,
    )


def _find_hierarchy(folder: Path) -> Hierarchy | None:
    return map_packed(folder, Hierarchy) if folder.exists() else None


def _stamp_live(folder: Path) -> int:
    """Tell when the live data of a network were switched last."""
    try:
        return (folder / LIVE / "current").stat().st_mtime_ns
    except FileNotFoundError:
        return -1


def map_live(network: Network) -> LiveSnapshot | None:
    """Map the live data that serve beside a network, if there are any."""
    folder = network.folder / LIVE
    try:
        name = (folder / "current").read_text()
    except FileNotFoundError:
        return None
    return map_snapshot(folder / name, network.timetable)


def _map_sound(network: Network) -> LiveSnapshot | None:
    """Map the live data that serve; without those that cannot be read journeys go on by the timetable."""
    try:
        return map_live(network)
    except (ValueError, KeyError, TypeError) as error:
        log.warning("live data cannot be read", network=network.manifest.version, error=repr(error))
        return None


class Networks:
    """The networks of a home: hands out the one that serves, whichever process switched it in.

    What is handed out is the network by its timetable with the live data of now beside it; `Network.seen` turns it
    into what is asked for. It is looked up anew at every call, and never changes afterwards.

    Parameters
    ----------
    home : Path
        ``MOBIGO_HOME``.
    clock : Clock, optional
        By which live data older than `STALE` are left out; without a clock they count whatever their age.
    """

    def __init__(self, home: Path, clock: Clock | None = None) -> None:
        self.folder = home / "networks"
        self._clock = clock
        self._current: Network | None = None
        self._stamps = -1, -1
        self._loading = threading.Lock()

    def current(self) -> Network:
        """Return the network that serves.

        Raises
        ------
        Unavailable
            When none has been built.
        """
        network = self.find_current()
        if network is None:
            raise Unavailable(
                "no network is built; load a feed (mobigo load gtfs FILE --source ID) or run mobigo network build",
                code="no_network",
            )
        return network

    def find_current(self) -> Network | None:
        """Return the network that serves, or None when none has been built, or only by another version.

        While a new one is being mapped by one thread, the others go on with the old one.
        """
        network = self._look()
        if network is None or network.live is None or self._clock is None:
            return network
        age = abs(self._clock.now().timestamp() - network.live.at)  # a clock that is moved may leave them in the future
        return network if age <= STALE else network.as_planned

    def _look(self) -> Network | None:
        try:
            stamp = (self.folder / "current").stat().st_mtime_ns
        except FileNotFoundError:
            return None
        live = -1 if self._current is None else _stamp_live(self._current.folder)
        if (stamp, live) != self._stamps and self._loading.acquire(blocking=self._current is None):
            try:
                if stamp != self._stamps[0]:
                    with suppress(Unavailable, FileNotFoundError):  # of another version, or removed by hand
                        network = map_network(self.folder / (self.folder / "current").read_text())
                        self._current = replace(network, sharing=self._share(network), taxis=Taxis(self.folder.parent))
                        live = _stamp_live(self._current.folder)
                if self._current is not None:
                    with suppress(FileNotFoundError):  # replaced twice meanwhile: the next call finds the newest
                        self._current = replace(self._current, live=_map_sound(self._current))
                self._stamps = stamp, live
            finally:
                self._loading.release()
        return self._current

    def _share(self, network: Network) -> Stations | None:
        if network.streets is None or network.stop_snaps is None:
            return None
        return Stations(self.folder.parent, network.streets, network.stop_snaps, self._clock)

    @contextmanager
    def building(self) -> Iterator[None]:
        """Hold the right to build: one at a time for a home."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            flock(lock, LOCK_EX)
            yield

    def switch(self, version: str) -> None:
        """Make a written network the one that serves, and remove those nobody will go back to."""
        new = self.folder / "current.new"
        new.write_text(version)
        new.replace(self.folder / "current")
        folders = sorted(
            (folder for folder in self.folder.iterdir() if (folder / "manifest.json").exists()),
            key=lambda folder: folder.stat().st_mtime_ns,
            reverse=True,
        )
        for old in [folder for folder in folders if folder.name != version][KEPT - 1 :]:
            shutil.rmtree(old)  # a process that still maps it keeps its pages
