"""Names that live data use, found in the timetable: trips, calls, vehicles, and what messages are about."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mobigo.transit.live import Target
    from mobigo.transit.timetable import Timetable


class Names(NamedTuple):
    """Rows of a timetable by name, with the prefix of the source."""

    trips: dict[str, int]
    stops: dict[str, int]
    routes: dict[str, int]
    agencies: dict[str, int]


class Found(NamedTuple):
    """What a target means in the timetable; None: any."""

    agency: int | None
    route: int | None
    trip: int | None
    stops: NDArray[np.int32] | None
    """int32[n], the stop and all below it."""


def read_names(timetable: Timetable) -> Names:
    """Index the names of a timetable, to be kept as long as it serves."""
    raise NotImplementedError


def find_target(timetable: Timetable, names: Names, source: str, target: Target) -> Found | None:
    """Find what a message is about; None when something it names is not in the timetable."""
    raise NotImplementedError
