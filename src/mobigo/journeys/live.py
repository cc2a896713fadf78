"""Live data beside a network: written by one process, mapped by all, switched whole like the network itself.

A snapshot lies in ``<network folder>/live/<number>``; the file ``<network folder>/live/current`` names the one that
serves. The searchable days of all snapshots lie together in ``<network folder>/live/days``, named by what runs in
them, so that a snapshot that changes nothing lays out nothing.
"""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import replace
from fcntl import LOCK_EX, flock
from typing import TYPE_CHECKING

from mobigo.journeys.network import LIVE, map_live, map_network
from mobigo.transit.live_snapshot import map_snapshot, write_snapshot
from mobigo.transit.model import Direction
from mobigo.transit.timetable import day_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from mobigo.transit.days import DayViews
    from mobigo.transit.live import Alert, MatchReport, Vehicle
    from mobigo.transit.overlay import Overlay

KEPT = 4
"""Snapshots that stay on disk: somebody may just be mapping the one before."""
KEPT_VIEWS = 24
"""Searchable days of snapshots that stay on disk: those of the last ones, with hops and without."""


def write_live(
    network_folder: Path,
    overlay: Overlay,
    alerts: Iterable[tuple[str, Alert]],
    vehicles: Iterable[tuple[str, Vehicle]],
    reports: Sequence[MatchReport],
    *,
    now: datetime,
) -> None:
    """Write what live data say beside the network they were laid over, and switch it in.

    Every process of the home plans on it from its next request on; requests under way keep what they began with.

    Parameters
    ----------
    network_folder : Path
        ``Network.folder`` of the network whose timetable is below the overlay.
    alerts, vehicles
        Each with the source whose ids it speaks; ids without the source's prefix.
    now : datetime
        The moment they are of.
    """
    network = map_network(network_folder)
    folder = network_folder / LIVE
    with _writing(folder):
        numbers = sorted(int(one.name) for one in folder.iterdir() if one.name.isdecimal())
        new = folder / f"{numbers[-1] + 1 if numbers else 1}"
        unfinished = folder / "new"
        if unfinished.exists():
            shutil.rmtree(unfinished)  # of a writer that was killed
        write_snapshot(unfinished, overlay, alerts, vehicles, reports, base=network.timetable, at=int(now.timestamp()))
        views = replace(network, live=map_snapshot(unfinished, network.timetable)).as_it_runs.days
        for view in _views_of_today(views, now):
            if network.days.is_light(*view):
                views.lay_hops(*view)  # nobody shall search without
            else:
                views.view(*view)
        unfinished.rename(new)
        _point(folder, new.name)
        for number in numbers[: -KEPT + 1]:
            shutil.rmtree(folder / f"{number}")  # a process that still maps it keeps its pages


def lay_live(network_folder: Path, now: datetime) -> None:
    """Lay out today for the quick search, on what live data say now; gives up when they say something newer.

    Until it is done journeys are found by the general search, somewhat slower.

    Parameters
    ----------
    now : datetime
        Aware; its day is laid out.
    """
    network = map_network(network_folder)
    live = map_live(network)
    if live is None:
        return
    views = replace(network, live=live).as_it_runs.days
    folder = network_folder / LIVE
    for view in _views_of_today(views, now):
        views.lay_hops(*view)
        with _writing(folder):
            if (folder / "current").read_text() != live.folder.name:
                return
            _point(folder, live.folder.name)  # every process opens its days anew
            views.prune(KEPT_VIEWS)


def _views_of_today(views: DayViews, now: datetime) -> list[tuple[int, Direction, int]]:
    """List what journeys of today need, the most asked for first."""
    today = day_number(now.astimezone(views.zone).date())
    return [(today, Direction.DEPART, 0), (today, Direction.ARRIVE, 0), (today, Direction.DEPART, 1)]


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Hold the right to write: one at a time for a network."""
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        flock(lock, LOCK_EX)
        yield


def _point(folder: Path, name: str) -> None:
    new = folder / "current.new"
    new.write_text(name)
    new.replace(folder / "current")
