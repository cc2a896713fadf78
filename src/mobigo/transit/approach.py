"""How one comes to stops and lines of a day view, whatever the time: what lower bounds are worked out from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mobigo.kernels import trip_based as kernels
from mobigo.kernels.approach import Ways
from mobigo.kernels.trip_based import NEVER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mobigo.kernels.trip_based import DayView


def cumulate(counts: NDArray[np.integer[Any]]) -> NDArray[np.int32]:
    """Turn numbers of rows into where they begin, and the end."""
    return np.concatenate(([0], np.cumsum(counts))).astype(np.int32)


def group(key: NDArray[np.int32], n: int, value: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Sort values by key into a CSR of `n` rows."""
    order = np.argsort(key, kind="stable")
    return cumulate(np.bincount(key, minlength=n)), value[order].astype(np.int32)


def list_ways(view: DayView) -> Ways:
    """List how one comes to each stop and line of a view, which may be bare."""
    n_stops, n_lines = len(view.stop_cell), len(view.line_position) - 1
    least = _least_change(view)
    alightable = np.flatnonzero(view.position_alight).astype(np.int32)
    origin = np.repeat(np.arange(n_stops, dtype=np.int32), np.diff(view.walk_first))
    allowed = least >= 0
    entries = np.repeat(np.arange(n_lines, dtype=np.int32), np.diff(view.onward_first))
    return Ways(
        *_fastest_hops(view, origin, least),
        *group(view.position_stop[alightable], n_stops, alightable),
        *group(view.walk_target[allowed], n_stops, origin[allowed]),
        *group(view.onward_line, n_lines, entries),
    )


def _least_change(view: DayView) -> NDArray[np.int32]:
    """Seconds of each walk's quickest change, whoever makes it; -1 where all are forbidden."""
    least = np.where(view.walk_change >= 0, view.walk_change, NEVER)
    walk = np.repeat(np.arange(len(least)), np.diff(view.special_first))
    allowed = view.special_change >= 0
    np.minimum.at(least, walk[allowed], view.special_change[allowed])
    return np.where(least == NEVER, -1, least).astype(np.int32)


def _fastest_hops(
    view: DayView, origin: NDArray[np.int32], least: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Fastest way ever from stop to next stop, by vehicle, by staying seated, or by changing; CSR by target.

    Parameters
    ----------
    origin, least : int32[n_walks], where each walk begins, and seconds of its quickest change
    """
    starts, ends, quickest = [], [], []
    after = np.ones(len(view.position_stop), np.bool_)
    after[view.line_position[:-1]] = False
    later = np.flatnonzero(after)
    starts.append(view.position_stop[later - 1])
    ends.append(view.position_stop[later])
    quick = view.position_quick if len(view.position_quick) else kernels.find_quickest(view)
    quickest.append(quick[later])
    seated = np.repeat(np.arange(len(view.trip_line)), np.diff(view.stay_first))
    last = view.line_position[view.trip_line[seated] + 1] - 1
    first = view.line_position[view.trip_line[view.stay_trip]]
    starts.append(view.position_stop[last])
    ends.append(view.position_stop[first])
    quickest.append(
        view.departure[view.trip_shift[view.stay_trip] + first] - view.arrival[view.trip_shift[seated] + last]
    )
    usable = (least >= 0) & (origin != view.walk_target)
    usable &= (view.stop_cell[origin] >= 0) & (view.stop_cell[view.walk_target] >= 0)
    starts.append(origin[usable])
    ends.append(view.walk_target[usable])
    quickest.append(least[usable])
    start, end, seconds = np.concatenate(starts), np.concatenate(ends), np.concatenate(quickest)
    order = np.lexsort((seconds, start, end))
    start, end, seconds = start[order], end[order], seconds[order]
    new = np.ones(len(order), np.bool_)
    new[1:] = (start[1:] != start[:-1]) | (end[1:] != end[:-1])
    hop_first, source = group(end[new], len(view.stop_cell), start[new])
    return hop_first, source, seconds[new].astype(np.int32)
