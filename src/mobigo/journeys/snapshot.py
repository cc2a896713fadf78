"""Build a network from the database: timetable, streets, where they meet, walks between stops."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import psycopg

from mobigo.db.engine import libpq_conninfo
from mobigo.journeys.courses import draw_courses
from mobigo.journeys.entrances import survey
from mobigo.journeys.network import DRIVES, LAYOUT, RELIEF, STREETS, Manifest, Networks, map_network, write_manifest
from mobigo.kit.geo import Point
from mobigo.kit.packed import write_packed
from mobigo.osm.store import find_active_extract
from mobigo.parking import service as parking
from mobigo.parking import store as parking_store
from mobigo.places import service as places
from mobigo.street import store as street_store
from mobigo.street.drives import Drives
from mobigo.street.graph import Profile
from mobigo.street.hierarchy import build_hierarchy
from mobigo.street.routing import footpaths, snap
from mobigo.terrain.heights import open_terrain
from mobigo.terrain.service import name_content as name_heights
from mobigo.transit import store as transit_store
from mobigo.transit import timetable as timetables
from mobigo.transit.footpaths import Footpaths, draw_straight, follow_streets
from mobigo.transit.model import Direction
from mobigo.transit.pathways import on_the_street, read_stations, walk_through

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from numpy.typing import NDArray

    from mobigo.parking.model import ParkingPlace
    from mobigo.street.graph import StreetGraph
    from mobigo.transit.pathways import Stations
    from mobigo.transit.tables import FeedTables
    from mobigo.transit.timetable import Timetable


CHANGE_WALK = 600
"""Seconds: the longest walk from one vehicle to the next."""

CROW_METRES = 500.0
"""Metres: where no streets are loaded, stops this near each other are joined by straight lines."""


def build_network(url: str, home: Path, now: datetime, *, days_ahead: int = 1, drives: bool = True) -> str:
    """Build the network of what is active in the database and switch it in.

    The network that serves goes on until the new one is complete. When nothing changed, it stays and its version is
    returned; when a former state came back (a rollback), its network is switched in without building.

    Parameters
    ----------
    url : str
        Address of the database.
    home : Path
        ``MOBIGO_HOME``.
    now : datetime
        When it is built, for the manifest.
    days_ahead : int
        Days after today that are laid out before it serves; others are when first asked for.
    drives : bool
        False leaves the hierarchy of the ways by car to `add_drives`, and bounds to `add_bounds`: a first start does
        not wait for their kernels.

    Returns
    -------
    str
        The version that serves.
    """
    networks = Networks(home)
    with networks.building(), psycopg.connect(libpq_conninfo(url), autocommit=True) as connection:
        content = describe_content(connection, home)
        while not (networks.folder / content.version / "manifest.json").exists():
            new = _write(connection, home, networks.folder / f"{content.version}.new", content, now)
            if (again := describe_content(connection, home)) == content:
                new.rename(networks.folder / content.version)
            content = again  # a load ended while we read: what was written is of neither state
        with connection.transaction():
            places.rebuild(connection)
        with ThreadPoolExecutor(1) as beside:
            driving = beside.submit(_write_drives, networks.folder / content.version) if drives else None
            _lay_days(networks.folder / content.version, now, days_ahead)
        if driving:
            driving.result()
        networks.switch(content.version)
        if drives:
            _bound_days(networks.folder / content.version, now)
    return content.version


def add_drives(home: Path) -> None:
    """Give the network that serves the hierarchy of its ways by car, if it has none."""
    networks = Networks(home)
    network = networks.find_current()
    if network is not None and network.streets is not None and not (network.folder / DRIVES).exists():
        with networks.building(), suppress(FileNotFoundError):  # removed while we waited
            _write_drives(network.folder)


def add_bounds(home: Path, now: datetime) -> None:
    """Give the network that serves the bounds that make searches quicker, where today has none."""
    networks = Networks(home)
    network = networks.find_current()
    if network is not None:
        with networks.building(), suppress(FileNotFoundError):  # removed while we waited
            _bound_days(network.folder, now)


def _write_drives(folder: Path) -> None:
    graph = map_network(folder).streets
    if graph is None or not len(graph.node_osm) or (folder / DRIVES).exists():
        return
    new = folder / f"{DRIVES}.new"
    if new.exists():
        shutil.rmtree(new)  # of a build that was killed
    hierarchy = build_hierarchy(graph)
    write_packed(new, hierarchy)
    corner = Point(float(graph.points.lon[0]), float(graph.points.lat[0]))
    Drives(graph, lambda: hierarchy).seconds([corner], [corner])  # whoever finds it finds its kernels compiled
    _sync(new)
    new.rename(folder / DRIVES)


class Content(NamedTuple):
    """What networks are built from."""

    feeds: dict[str, dict[str, Any]]
    streets: dict[str, Any] | None
    """The extract, and the heights they lie at."""
    parking: dict[str, str]
    """Hash of each register of car parks."""

    @property
    def version(self) -> str:
        """A name for it: the same content has the same name."""
        return sha256(json.dumps([LAYOUT, *self], sort_keys=True).encode()).hexdigest()[:12]


def describe_content(connection: psycopg.Connection, home: Path) -> Content:
    """Say what is active in the database, and which heights are in a home."""
    feeds = {
        feed.source: {
            "version": feed.id,
            "hash": feed.hash,
            "first_day": feed.first_day and feed.first_day.isoformat(),
            "last_day": feed.last_day and feed.last_day.isoformat(),
        }
        for feed in transit_store.list_versions(connection)
        if feed.status == "active"
    }
    extract = find_active_extract(connection)
    streets = {"version": extract.version, "hash": extract.hash, "name": extract.name} if extract else None
    if streets is not None and (heights := name_heights(home)):
        streets["heights"] = heights
    return Content(feeds, streets, parking_store.describe_sources(connection))


def _write(connection: psycopg.Connection, home: Path, new: Path, content: Content, now: datetime) -> Path:
    if new.exists():
        shutil.rmtree(new)  # of a build that was killed
    new.mkdir(parents=True)
    graph = _write_streets(connection, home, new) if content.streets else None
    places = parking.list_car_parks(connection) if content.streets else []
    write_network(new, transit_store.read_feed_tables(connection), graph, places, content, now)
    _sync(new)
    return new


def _write_streets(connection: psycopg.Connection, home: Path, new: Path) -> StreetGraph:
    """Write the streets, on the heights of the land where these are known."""
    terrain = open_terrain(home)
    if terrain is None:
        graph = street_store.read_graph(connection)
    else:
        graph, relief = street_store.read_hilly_graph(connection, terrain.heights)
        write_packed(new / RELIEF, relief)
    write_packed(new / STREETS, graph)
    return graph


def write_network(  # noqa: PLR0917 - all that a network is made of
    new: Path,
    tables: FeedTables,
    graph: StreetGraph | None,
    places: Sequence[ParkingPlace],
    content: Content,
    now: datetime,
) -> None:
    """Write everything of a network but its streets: timetable, walks, where they meet the streets, the manifest.

    Parameters
    ----------
    new : Path
        A folder that is there.
    graph : StreetGraph, optional
        The streets; None: one walks straight.
    places : sequence of ParkingPlace
        Car parks that count as places to leave a car at.
    """
    timetable = timetables.build(tables)
    write_packed(new / "timetable", timetable)
    inside = read_stations(tables, timetable)
    write_packed(new / "inside", inside)
    counts = {"stops": len(timetable.stop_lat), "trips": len(timetable.trip_route), "calls": len(timetable.call_stop)}
    if graph is not None:
        walks = _write_walks(new, timetable, inside, graph, places)
        write_packed(new / "courses", draw_courses(timetable, graph))
        counts |= {"street nodes": len(graph.node_osm), "street edges": len(graph.edge_way), "car parks": len(places)}
    else:
        walks = _link_straight(new, timetable, inside)
    write_packed(new / "footpaths", walks)
    counts["walks between stops"] = len(walks.target)
    write_manifest(
        new, Manifest(content.version, LAYOUT, now, _zone(timetable), content.feeds, content.streets, counts)
    )


def _write_walks(
    folder: Path, timetable: Timetable, inside: Stations, graph: StreetGraph, places: Sequence[ParkingPlace]
) -> Footpaths:
    """Join the stops to the streets, and to each other along them and through stations; and the car parks to them."""
    snaps = snap(graph, np.stack([timetable.stop_lon, timetable.stop_lat], axis=1), Profile.FOOT)
    write_packed(folder / "stop_snaps", snaps)
    entrances = survey(timetable, graph, snaps, places)
    write_packed(folder / "entrances", entrances)
    called = _called(timetable)
    joined = on_the_street(inside, called)
    rolled, walked = (
        follow_streets(
            timetable,
            walk_through(
                inside,
                called,
                footpaths(
                    graph,
                    there._replace(edge=np.where(joined, there.edge, -1).astype(np.int32)),
                    CHANGE_WALK,
                    profile=profile,
                ),
                CHANGE_WALK,
                wheels=profile is Profile.WHEELCHAIR,
            ),
        )
        for there, profile in ((entrances.wheelchair, Profile.WHEELCHAIR), (snaps, Profile.FOOT))
    )
    write_packed(folder / "wheelchair_footpaths", rolled)
    return walked


def _link_straight(folder: Path, timetable: Timetable, inside: Stations) -> Footpaths:
    """Join the stops by straight lines, through stations where they have pathways; those for wheelchairs, too."""
    first, target, seconds = draw_straight(timetable, CROW_METRES)
    if not len(inside.target):
        return follow_streets(timetable, (first, target, seconds))
    called = _called(timetable)
    origin = np.repeat(np.arange(len(first) - 1), np.diff(first))
    joined = on_the_street(inside, called)
    kept = joined[origin] & joined[target]
    first = np.searchsorted(origin[kept], np.arange(len(first))).astype(np.int32)
    straight = first, target[kept], seconds[kept]
    rolled, walked = (
        follow_streets(timetable, walk_through(inside, called, straight, CHANGE_WALK, wheels=wheels))
        for wheels in (True, False)
    )
    write_packed(folder / "wheelchair_footpaths", rolled)
    return walked


def _called(timetable: Timetable) -> NDArray[np.bool_]:
    """Tell which stops vehicles call at."""
    called = np.zeros(len(timetable.stop_lat), np.bool_)
    called[timetable.pattern_stop] = True
    return called


def _zone(timetable: Timetable) -> str:
    """Return the zone in which most trips run."""
    used = Counter(timetable.trip_zone.tolist()).most_common(1)
    return timetable.zones.at(used[0][0] if used else 0)


def _lay_days(folder: Path, now: datetime, ahead: int) -> None:
    """Lay out today and the days ahead, so that travellers do not wait; days that are alike are laid out once."""
    views = map_network(folder).days
    today = timetables.day_number(now.astimezone(views.zone).date())
    asked = [
        (day, direction, more)
        for day in range(today, today + ahead + 1)
        for direction, more in ((Direction.DEPART, 0), (Direction.ARRIVE, 0), (Direction.DEPART, 1))
    ]
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        list(pool.map(lambda one: views.view(*one), asked))
    views.prune()


def _bound_days(folder: Path, now: datetime) -> None:
    """Work out for today, which is asked for most, how soon one can be anywhere, while the network serves."""
    views = map_network(folder).days
    today = timetables.day_number(now.astimezone(views.zone).date())
    for direction in (Direction.DEPART, Direction.ARRIVE):
        views.lay_bounds(today, direction)


def _sync(folder: Path) -> None:
    """Bring a folder to the disk before anything names it."""
    for file in [*folder.rglob("*"), folder]:
        handle = os.open(file, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)
