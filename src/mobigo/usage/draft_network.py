"""The network of a draft, built beside the one that serves: its own timetable and walks, the same streets.

It lies in ``<home>/drafts/<name>`` while a trial runs and is removed when it ends. Streets and the hierarchy of ways by
car are the very files of the network that serves (linked, so that they stay when that one is swept away).
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mobigo.journeys.network import DRIVES, RELIEF, STREETS, Networks, map_network
from mobigo.journeys.snapshot import Content, describe_content, write_network
from mobigo.kit.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from psycopg import Connection

    from mobigo.journeys.network import Network
    from mobigo.parking.model import ParkingPlace
    from mobigo.transit.tables import FeedTables

FOLDER = "drafts"


def find_today(connection: Connection, home: Path) -> Network:
    """Return the network that serves, by its timetable, if it is of what is loaded now.

    Raises
    ------
    Unavailable
        ``no_network``: none is built, or one of other data: a draft of new timetables is not compared with old ones.
    """
    network = Networks(home).current().as_planned
    content = describe_content(connection, home)
    if network.manifest.version != content.version:
        raise Unavailable(
            "the network that serves is not of the data that are loaded now; wait until it is built, or run mobigo "
            "network build",
            code="no_network",
        )
    return network


@contextmanager
def laid(
    today: Network, tables: FeedTables, places: Sequence[ParkingPlace], name: str, now: datetime
) -> Iterator[Network]:
    """Build the network of a draft; it is removed at the end.

    Parameters
    ----------
    today : Network
        Whose streets it has.
    tables : FeedTables
        The timetable with the draft's changes.
    places : sequence of ParkingPlace
        Car parks.
    name : str
        Of its folder.
    """
    folder = today.folder.parent.parent / FOLDER / name
    if folder.exists():
        shutil.rmtree(folder)  # of a trial that was killed
    folder.mkdir(parents=True)
    try:
        for part in (STREETS, DRIVES, RELIEF):
            if (today.folder / part).exists():
                _link(today.folder / part, folder / part)
        manifest = today.manifest
        content = Content({**manifest.feeds, FOLDER: {"version": name}}, manifest.streets, {})
        write_network(folder, tables, today.streets, places, content, now)
        yield map_network(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _link(source: Path, target: Path) -> None:
    """Give the files of a folder a second name; what is removed under the first stays under it."""
    shutil.copytree(source, target, copy_function=_link_file)


def _link_file(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copy2(source, target)
