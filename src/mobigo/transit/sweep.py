"""Public transport from a set of stops to all others at once: when each is reached first, and with how few vehicles.

The answer at every stop is that of the general search for the journey there that arrives first (`transit.general`): by
the same days, changes, rules and wishes. Arriving, time runs backwards: from which stops one is there by then, and how
late one may get on.
"""

from __future__ import annotations

from datetime import datetime
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.kernels import general as kernels
from mobigo.kernels import one_compiles
from mobigo.kernels.general import Goal
from mobigo.kernels.sweep import sweep as sweep_kernel
from mobigo.kernels.trip_based import NEVER
from mobigo.transit.general import fix, read_terms
from mobigo.transit.model import Direction, Preferences
from mobigo.transit.timetable import EPOCH, freeze
from mobigo.transit.vias import Places

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mobigo.transit.days import DayViews

ENDLESS = 2**62
"""Work that no search does."""

PACE = 20_000_000.0
"""Work that is done in a second."""

MOST_RIDES = 62
"""Vehicles, at most, whatever is asked."""

NOWHERE = np.zeros(0, np.int32)

_loading = Lock()
_loaded: list[bool] = []
"""Not empty once what is compiled was loaded into this process."""


class Sweep(NamedTuple):
    """What a sweep found."""

    seconds: NDArray[np.int32]
    """int32[n_stops], from the instant asked about until one gets off there (arriving: from getting on until the
    instant); -1 where no vehicle brings one."""
    rides: NDArray[np.int32]
    """int32[n_stops], vehicles it takes; 0 where none does."""
    complete: bool
    """False when its time was over: the arrivals hold, but earlier ones may be missing."""


class Start(NamedTuple):
    """Where a sweep begins."""

    stops: NDArray[np.int32]
    """int32[n], stops reached before the first vehicle (from the last one, arriving)."""
    seconds: NDArray[np.int32]
    """int32[n], the walk to each."""
    at: int
    """Seconds since 1970 UTC."""
    direction: Direction


def sweep(
    views: DayViews,
    start: Start,
    *,
    limit: int,
    max_transfers: int,
    wishes: Preferences | None = None,
    deadline: float | None = None,
) -> Sweep:
    """Find the earliest arrival by vehicle at every stop.

    Parameters
    ----------
    limit : int
        Seconds: later arrivals are of no use.
    wishes : Preferences, optional
        Costs and places to pass mean nothing here.
    deadline : float, optional
        Of `time.monotonic`.
    """
    wishes = wishes or Preferences()
    views = views.at_once if wishes.footpaths is None else views.walking(wishes.footpaths)
    day = datetime.fromtimestamp(start.at, views.zone).toordinal() - EPOCH
    view = views.view(day, start.direction)
    n_stops = len(view.stop_first) - 1
    rides = max(0, min(max_transfers + 1, MOST_RIDES))
    if not rides:
        return Sweep(np.full(n_stops, -1, np.int32), np.zeros(n_stops, np.int32), complete=True)
    base = int(view.base[0])
    begin = start.at - base if start.direction is Direction.DEPART else base - start.at
    allowed, terms = read_terms(views.timetable, views.footpaths, view, wishes)
    places = Places((), n_stops)
    goal = Goal(places.end(NOWHERE, NOWHERE), 0, *kernels.aim(view, 0, fix(NOWHERE), fix(NOWHERE)))
    work = ENDLESS if deadline is None else max(0, int((deadline - monotonic()) * PACE))
    arrival, ridden, left = sweep_kernel(
        view,
        allowed,
        terms,
        freeze(kernels.split_nodes(view)),
        places.vias,
        places.begin(start.stops, start.seconds),
        goal,
        begin,
        begin + limit,
        rides,
        work,
    )
    reached = arrival != NEVER
    return Sweep(np.where(reached, arrival - begin, -1).astype(np.int32), np.where(reached, ridden, 0), int(left) >= 0)


def load(views: DayViews, at: int) -> float:
    """Load what a sweep needs, the first time in this process; it is compiled where it was not yet.

    Returns
    -------
    The seconds it took, which are no part of anybody's time.
    """
    if _loaded:
        return 0.0
    began = monotonic()
    with _loading, one_compiles("wishes"):
        if not _loaded:
            sweep(views, Start(NOWHERE, NOWHERE, at, Direction.DEPART), limit=1, max_transfers=1)
            _loaded.append(True)
    return monotonic() - began
