"""When a trip passes stops whose records have no times: between those around them that have some, as GTFS allows.

Stops on request are often written so. The times are those of the timetable (`transit.timetable`).
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import nan, radians
from typing import TYPE_CHECKING

import numpy as np

from mobigo.ondemand.flex_read import is_flexible
from mobigo.transit.timetable import measure_hops, spread

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mobigo.ondemand.model import Call, Stop, Trip


def fill_times(trip: Trip, stops: Mapping[str, Stop]) -> Trip:
    """Say of records without times when the vehicle is there (`Call.passes`), where that is between two times.

    Before the first time and after the last one nothing is known; areas and windows need no times.

    Parameters
    ----------
    stops : mapping
        Those of the service, by id.
    """
    calls = list(trip.calls)
    fixed = [n for n, call in enumerate(calls) if not is_flexible(call)]
    timed = [at for at, n in enumerate(fixed) if calls[n].arrival is not None or calls[n].departure is not None]
    for start, end in pairwise(timed):
        stretch = fixed[start : end + 1]
        leaves, arrives = calls[stretch[0]].leaves, calls[stretch[-1]].comes
        if len(stretch) == 2 or leaves is None or arrives is None:  # noqa: PLR2004  one after the other
            continue
        hops = _measure([calls[n] for n in stretch], stops)
        for n, seconds in zip(stretch[1:-1], spread(leaves, arrives, hops), strict=True):
            calls[n] = replace(calls[n], passes=seconds)
    return replace(trip, calls=tuple(calls))


def _measure(calls: Sequence[Call], stops: Mapping[str, Stop]) -> list[float]:
    points = [stops[call.place].point if call.place in stops else None for call in calls]
    return measure_hops(
        np.array([_distance(call) for call in calls]),
        np.array([nan if point is None else radians(point.lat) for point in points]),
        np.array([nan if point is None else radians(point.lon) for point in points]),
    )


def _distance(call: Call) -> float:
    """Return shape_dist_traveled; nan where there is none."""
    try:
        return float(call.fields.get("shape_dist_traveled", ""))
    except ValueError:
        return nan
