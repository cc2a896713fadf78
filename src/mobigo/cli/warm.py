"""``python -m mobigo.cli.warm [PART...]``: compile the kernels while the database starts and loads.

Numba keeps what it compiled on disk, so a second run only reads it. It compiles on one core; a first `up` runs what the
usual question needs on two at once, and what only questions with wishes need when it already serves.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mobigo.transit.days import DayViews


def warm_streets() -> None:
    """Run every kernel of the streets."""
    from mobigo.street import routing

    routing.warm()


def warm_days() -> None:
    """Lay out a day of the demonstration's feed, straight from its files, in both directions."""
    from mobigo.transit.model import Direction

    with _open_views() as (views, noon):
        for direction in Direction:
            views.view(noon // 86_400, direction)


def warm_search() -> None:
    """Run the quick search on such a day, laid out no further than it takes."""
    from mobigo.transit import routing

    with _open_views() as (views, noon):
        routing.warm(views.at_once, noon // 86_400)


def warm_drives() -> None:
    """Run every kernel of driving times; at a first start the worker does, once it has built them."""
    from mobigo.street import drives

    drives.warm()


def warm_insertion() -> None:
    """Put a ride into a run."""
    from mobigo.kernels import one_compiles
    from mobigo.ondemand import dispatch

    with one_compiles("insertion"):  # as who asks a question meanwhile does
        dispatch.warm()


def warm_matching() -> None:
    """Match somebody with a car."""
    from mobigo.carpool import match
    from mobigo.kernels import one_compiles

    with one_compiles("matching"):
        match.warm()


def warm_school() -> None:
    """Plan two schools."""
    from mobigo.school import optimise

    optimise.warm()


def warm_wishes() -> None:
    """Ask it with a wish, and with a price."""
    from mobigo.transit import routing
    from mobigo.transit.model import Costs, Preferences

    with _open_views() as (views, noon):
        timetable = views.timetable
        free = (np.zeros(len(of), np.int32) for of in (timetable.trip_route, timetable.stop_lat, timetable.route_type))
        for costs in (None, Costs(0, *free)):
            question = routing.ask(views, 0, 1, noon)
            routing.search(views, replace(question, preferences=Preferences(costs=costs)))


def warm_bounds() -> None:
    """Work out how soon one can be anywhere."""
    from mobigo.transit.model import Direction

    with _open_views() as (views, noon):
        views.lay_bounds(noon // 86_400, Direction.DEPART)


def warm_reach() -> None:
    """Look for everything that is reached, and draw it."""
    from mobigo.street import strolls
    from mobigo.transit import sweep

    with _open_views() as (views, noon):
        sweep.load(views, noon)
    strolls.warm()


@contextmanager
def _open_views() -> Iterator[tuple[DayViews, int]]:
    """Lay out the demonstration's feed, mapped as when serving; and noon of its first day."""
    from mobigo.cli.region import DEMONSTRATION, data_folder
    from mobigo.transit.days import DayViews
    from mobigo.transit.feed import read_feed_tables
    from mobigo.transit.footpaths import link_stops
    from mobigo.transit.timetable import build

    tables = read_feed_tables(data_folder("gtfs") / DEMONSTRATION)
    noon = datetime.combine(tables.services["date"][0], time(12), UTC)
    with TemporaryDirectory(prefix="mobigo-") as folder:
        timetable = build(tables)
        yield DayViews(timetable, link_stops(timetable), Path(folder, "days")), int(noon.timestamp())


PARTS = {
    "search": warm_search,
    "days": warm_days,
    "streets": warm_streets,
    "drives": warm_drives,
    "insertion": warm_insertion,
    "matching": warm_matching,
    "wishes": warm_wishes,
    "reach": warm_reach,
    "bounds": warm_bounds,
    "school": warm_school,
}

if __name__ == "__main__":
    for name in sys.argv[1:] or PARTS:
        PARTS[name]()
