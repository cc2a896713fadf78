"""``python -m mobigo.cli.warm [streets|transit]``: compile the kernels while the database starts and loads.

Numba keeps what it compiled on disk, so a second run only reads it. It compiles on one core; `up` runs both halves at
once.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime, time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

HALF_HOUR = 1_800


def warm_streets() -> None:
    """Run every kernel of the streets."""
    from mobigo.street import routing

    routing.warm()


def warm_transit() -> None:
    """Ask the demonstration's feed, straight from its files, one question of each kind."""
    from mobigo.cli.region import DEMONSTRATION, data_folder
    from mobigo.transit import routing
    from mobigo.transit.days import DayViews
    from mobigo.transit.feed import read_feed_tables
    from mobigo.transit.footpaths import link_stops
    from mobigo.transit.model import Costs, Direction, Preferences
    from mobigo.transit.timetable import build

    tables = read_feed_tables(data_folder("gtfs") / DEMONSTRATION)
    noon = datetime.combine(tables.services["date"][0], time(12), UTC)
    with TemporaryDirectory(prefix="mobigo-") as folder:
        timetable = build(tables)
        views = DayViews(timetable, link_stops(timetable), Path(folder, "days"))  # mapped, as when serving
        for direction in Direction:
            for window in (0, HALF_HOUR):
                question = routing.ask(views, 0, 1, int(noon.timestamp()), window=window, direction=direction)
                routing.search(views, question)
        free = (np.zeros(len(of), np.int32) for of in (timetable.trip_route, timetable.stop_lat, timetable.route_type))
        for costs in (None, Costs(0, *free)):
            routing.search(views, replace(question, preferences=Preferences(costs=costs)))


HALVES = {"streets": warm_streets, "transit": warm_transit}

if __name__ == "__main__":
    for name in sys.argv[1:] or HALVES:
        HALVES[name]()
