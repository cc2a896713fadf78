"""Drives by coach and walks of pupils, measured on the streets in service and kept for as long as these serve.

Tables of drives are closed: where a coach may turn at a stop (one without a side, or a school) the way by that stop
counts, so that passing by another place is never shorter than a drive. A table once measured is read from its file
until the streets change, or the speeds of coaches.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import threading
import time
from dataclasses import dataclass, field
from hashlib import sha256
from importlib import resources
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from shapely import LineString

from mobigo.kernels.hierarchy import Hierarchy
from mobigo.kit.errors import Refused
from mobigo.kit.packed import map_packed, write_packed
from mobigo.osm.store import find_active_extract
from mobigo.school.lengths import view_by_length
from mobigo.street.coach import Period, view_as_coach
from mobigo.street.crossings import build_walks
from mobigo.street.drives import NO_WAY, Drives, Place, Table
from mobigo.street.graph import WALK_SPEED, Profile, StreetGraph, build_graph
from mobigo.street.hierarchy import build_hierarchy
from mobigo.street.routing import course, snap, walks_from
from mobigo.street.store import read_streets

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import psycopg
    from numpy.typing import NDArray

    from mobigo.kit.geo import Point

FOLDER = "school-roads"
"""Of a home: where the tables are."""

KEPT = 3
"""Versions of streets whose tables are kept; older ones are removed."""

UNREACHED = np.iinfo(np.int32).max // 4
"""Seconds of no way, while tables are closed."""


LONGEST_WAY = 4 * 3600.0
"""Seconds of a way that is drawn, at most."""
NEARLY = 0.00003
"""Degrees, some three metres, within which a way is drawn."""

Line = list[tuple[float, float]]
"""Longitudes and latitudes."""
Way = tuple[tuple[float, float], tuple[float, float]]
"""Longitude and latitude from where to where."""


class Walks(NamedTuple):
    """Walks from homes to the stops within reach, by home and then by stop."""

    first: NDArray[np.int32]
    """int32[n_homes + 1], where the rows of each home begin."""
    stop: NDArray[np.int32]
    metres: NDArray[np.int32]


@dataclass
class Roads:
    """The streets of one version, for coaches and for pupils on foot.

    Parameters
    ----------
    folder : Path
        Of this version; `open_roads` makes it.
    """

    folder: Path
    _drives: dict[Period, Drives] = field(default_factory=dict)
    _streets: StreetGraph | None = None
    _walks: StreetGraph | None = None
    _lengths: Drives | None = None
    _coach: StreetGraph | None = None
    _ways: dict[Way, Line] | None = None
    _drawing: threading.Lock = field(default_factory=threading.Lock)

    @property
    def streets(self) -> StreetGraph:
        """The streets as everybody finds them."""
        if self._streets is None:
            self._streets = map_packed(self.folder / "streets", StreetGraph)
        return self._streets

    def drives(self, period: Period = Period.USUAL) -> Drives:
        """Return the ways by coach in a period of the day; the first time, some seconds for a region."""
        if period not in self._drives:
            coach = view_as_coach(self.streets, period)
            there = self.folder / f"coach-{period}"
            if not there.exists():
                write_folder(there, build_hierarchy(coach))
            hierarchy = map_packed(there, Hierarchy)
            self._drives[period] = Drives(coach, lambda: hierarchy)
        return self._drives[period]

    def lengths(self) -> Drives:
        """Return ways by car whose metres are the shortest; the first time, some seconds for a region."""
        if self._lengths is None:
            view, there = view_by_length(self.streets), self.folder / "by-length"
            if not there.exists():
                write_folder(there, build_hierarchy(view))
            hierarchy = map_packed(there, Hierarchy)
            self._lengths = Drives(view, lambda: hierarchy)
        return self._lengths

    def measure(self, places: Sequence[Place], period: Period = Period.USUAL) -> Table:
        """Return the seconds and metres by coach between all places, closed; from a file where they were asked before.

        Returns
        -------
        Table
            int32[n, n] each, -1 where there is no way, 0 from a place to itself.
        """
        key = json.dumps([period, [tuple(one) for one in places]])
        file = self.folder / f"drives-{sha256(key.encode()).hexdigest()[:24]}.npy"
        if file.exists():
            return Table(*np.load(file, mmap_mode="r"))
        drives = self.drives(period)
        table = close(Table(drives.seconds(places, places), drives.metres(places, places)))
        new = file.with_suffix(f".{os.getpid()}.new")
        with new.open("wb") as written:
            np.save(written, np.stack(table))
        new.rename(file)
        return table

    def draw(self, ways: Iterable[Way], *, seconds: float = math.inf) -> dict[Way, Line]:
        """Draw the ways of a coach from place to place, as quick as they are usually, within some metres.

        What was drawn once is read from a file. A way that leads nowhere is left out.

        Parameters
        ----------
        seconds
            After which nothing more is drawn: what is left is drawn when it is asked for again.
        """
        with self._drawing:
            file = self.folder / "ways.jsonl"
            if self._ways is None:
                self._ways = _read_ways(file)
            wanted = list(dict.fromkeys(ways))
            new = [one for one in wanted if one not in self._ways]
            until = time.monotonic() + seconds
            with file.open("a", encoding="utf-8") as written:
                for way in new:
                    if time.monotonic() >= until:
                        break
                    self._ways[way] = line = self._draw(way)
                    written.write(json.dumps([way, line]) + "\n")
            return {one: self._ways[one] for one in wanted if self._ways.get(one)}

    def _draw(self, way: Way) -> Line:
        if self._coach is None:
            self._coach = view_as_coach(self.streets)
        ends = snap(self._coach, list(way), Profile.CAR)
        start, end = ends.one(0), ends.one(1)
        points = course(self._coach, start, end, Profile.CAR, LONGEST_WAY) if start and end else None
        if points is None or len(points) < 2:  # noqa: PLR2004 - a line has two ends
            return []
        simple = LineString(points).simplify(NEARLY)
        return [(round(lon, 5), round(lat, 5)) for lon, lat in simple.coords]

    def walk(self, homes: Sequence[Point], stops: Sequence[Point], longest: float) -> Walks:
        """Return the walks from homes to stops of at most so many metres; fast roads are crossed at crossings only."""
        if self._walks is None:
            self._walks = map_packed(self.folder / "walks", StreetGraph)
        ends = [snap(self._walks, [(one.lon, one.lat) for one in some], Profile.FOOT) for some in (homes, stops)]
        if not len(homes) or not len(stops):
            return Walks(np.zeros(len(homes) + 1, np.int32), np.zeros(0, np.int32), np.zeros(0, np.int32))
        first, stop, seconds = walks_from(self._walks, ends[0], ends[1], longest / WALK_SPEED)
        return Walks(first, stop, np.rint(seconds * WALK_SPEED).astype(np.int32))


def close(table: Table) -> Table:
    """Return a table in which no way by a third place is quicker than the direct one.

    Metres are those of the quicker way. Time n³ (Floyd and Warshall): seconds for 2,000 places.
    """
    seconds = np.where(table.seconds == NO_WAY, UNREACHED, table.seconds).astype(np.int32)
    metres = table.metres.astype(np.int32).copy()
    for k in range(len(seconds)):
        by = seconds[:, k : k + 1] + seconds[k]
        quicker = by < seconds
        if quicker.any():
            metres = np.where(quicker, metres[:, k : k + 1] + metres[k], metres)
            np.minimum(seconds, by, out=seconds)
    none = seconds >= UNREACHED
    return Table(np.where(none, NO_WAY, seconds).astype(np.int32), np.where(none, NO_WAY, metres).astype(np.int32))


def _read_ways(file: Path) -> dict[Way, Line]:
    """Read the ways that were drawn; a line that was not written whole is passed over."""
    found: dict[Way, Line] = {}
    for text in file.read_text("utf-8").splitlines() if file.exists() else ():
        try:
            (begin, end), line = json.loads(text)
        except ValueError:
            continue
        found[tuple(begin), tuple(end)] = [tuple(point) for point in line]
    return found


def open_roads(connection: psycopg.Connection, folder: Path) -> Roads:
    """Return the roads of the streets in service; the first time after a load they are read and written to files.

    Parameters
    ----------
    folder : Path
        Where the files of all versions lie; those of former versions are removed.

    Raises
    ------
    Refused
        When no streets are loaded (``no_streets``).
    """
    extract = find_active_extract(connection)
    if extract is None:
        raise Refused(
            "no streets are loaded, and a coach needs some; load them with `./mobigo load osm FILE`", code="no_streets"
        )
    speeds = (resources.files("mobigo.street") / "coach.toml").read_bytes()
    layout = str(StreetGraph.__annotations__) + str(Hierarchy.__annotations__)
    key = sha256(speeds + layout.encode()).hexdigest()[:12]
    own = folder / f"{extract.version}-{extract.hash.rpartition(':')[2][:12]}-{key}"
    own.mkdir(parents=True, exist_ok=True)
    if not (own / "walks").exists():
        streets = read_streets(connection)
        graph = build_graph(streets)
        if not (own / "streets").exists():
            write_folder(own / "streets", graph)
        write_folder(own / "walks", build_walks(streets, graph))
    own.touch()
    for former in sorted(folder.iterdir(), key=lambda one: -one.stat().st_mtime)[KEPT:]:
        shutil.rmtree(former, ignore_errors=True)
    return Roads(own)


class RoadsKeeper:
    """The roads of the streets in service, open for whoever asks next.

    Parameters
    ----------
    home : Path
        Of the instance.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self._folder = home / FOLDER
        self._roads: Roads | None = None
        self._opening = threading.Lock()

    def find(self, connection: psycopg.Connection) -> Roads:
        """Return the roads, opened anew when the streets have changed; see `open_roads`."""
        with self._opening:
            found = open_roads(connection, self._folder)
            if self._roads is None or self._roads.folder != found.folder:
                self._roads = found
            return self._roads


def write_folder(folder: Path, value: tuple) -> None:  # type: ignore[type-arg]
    """Write arrays into a folder that is there whole, or not at all."""
    new = folder.with_name(f"{folder.name}.{os.getpid()}.new")
    shutil.rmtree(new, ignore_errors=True)
    write_packed(new, value)
    try:
        new.rename(folder)
    except OSError:  # another process was quicker; its arrays are the same
        shutil.rmtree(new, ignore_errors=True)
