"""Where vehicles pass their stops on the shape of a feed, and how far it is from stop to stop along it.

A shape may pass a stop twice (a loop, a way there and back), be drawn against the ride, begin before its first stop or
miss some. So the stops are set on it together: of the places where the shape is nearest to each, those in the order of
travel with the least sum of squared distances are taken. shape_dist_traveled, whatever it counts, only tells which
place is meant; how far that is, is measured on the ground.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.kit.geo import EARTH_RADIUS, MAX_LAT, MAX_LON, arc_metres

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

FAR = 150.0
"""Metres from its shape beyond which a stop is not on it; as OpenTripPlanner has it (maxStopToShapeSnapDistance)."""
SKIPPED = FAR**2
"""Square metres that a stop counts which is left out."""
BACK = 100.0
"""Metres by which a stop may lie before the one ahead of it, where both are about at the same place."""
BESIDE = 100.0
"""Metres by which shape_dist_traveled may name a place that is farther off than the nearest one."""
ELSEWHERE = 50.0**2
"""Square metres that count against the first stop where it is not at the beginning of a shape that begins there, and
against the last one: a shape is drawn for the whole trip."""
MOST_PLACES = 16
"""Places of a shape looked at for one stop, the nearest."""
STRETCH, SLACK = 4.0, 10_000.0
"""A way from stop to stop longer than so many times the straight line and so many metres is not believed: such a shape
has a point that lies elsewhere."""
MANY = 250_000
"""Distances from stops to stretches of a shape that are measured at once."""


class Shape(NamedTuple):
    """A line on the ground, of two points or more."""

    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    along: NDArray[np.float64]
    """float64[n], metres from the first point, always growing."""
    told: NDArray[np.float64]
    """float64[n], shape_dist_traveled or NaN."""

    def turn(self) -> Shape:
        """Return it drawn the other way, without what shape_dist_traveled says."""
        whole = self.along[-1] - self.along[::-1]
        return Shape(self.lon[::-1], self.lat[::-1], whole, np.full(len(whole), np.nan))

    def cut(self, start: float, end: float) -> NDArray[np.float64]:
        """Return the part between two marks, float64[n, 2], longitude and latitude."""
        ends = np.stack([np.interp([start, end], self.along, of) for of in (self.lon, self.lat)], axis=1)
        inside = (self.along > start) & (self.along < end)
        return np.concatenate([ends[:1], np.stack([self.lon[inside], self.lat[inside]], axis=1), ends[1:]])


class Passed(NamedTuple):
    """Where a vehicle passes its stops."""

    shape: Shape
    """In the direction of travel."""
    marks: NDArray[np.float64]
    """float64[n_stops], metres along the shape, never descending; NaN: the stop is not on it."""


def draw(lon: NDArray[np.float64], lat: NDArray[np.float64], told: NDArray[np.float64]) -> Shape | None:
    """Draw a shape; points that are no place and those said twice are left out. None where no line is left."""
    with np.errstate(invalid="ignore"):
        usable = (np.abs(lat) <= MAX_LAT) & (np.abs(lon) <= MAX_LON)
    lon, lat, told = lon[usable], lat[usable], told[usable]
    if len(lon) < 2:  # noqa: PLR2004  a line has two ends
        return None
    x, y = np.radians(lon), np.radians(lat)
    hops = arc_metres(y[:-1], x[:-1], y[1:], x[1:])
    moved = np.concatenate(([True], hops > 0))
    if moved.sum() < 2:  # noqa: PLR2004  a line has two ends
        return None
    along = np.concatenate(([0.0], np.cumsum(hops[hops > 0])))
    return Shape(lon[moved], lat[moved], along, told[moved])


def pass_stops(shape: Shape, lon: NDArray[np.float64], lat: NDArray[np.float64], told: NDArray[np.float64]) -> Passed:
    """Set the stops of a trip on its shape.

    Parameters
    ----------
    lon, lat : float64[n]
        Degrees of the stops, in the order of travel; NaN where unknown.
    told : float64[n]
        shape_dist_traveled of the calls, NaN where it is not said.
    """
    places = list(_list_places(shape, lon, lat))
    _keep_told(shape, lon, lat, told, places)
    marks = _choose(places, float(shape.along[-1]))
    on_it = int(np.isfinite(marks).sum())
    if on_it < sum(bool(some) for some in places):
        turned = shape.turn()
        others = _choose(list(_list_places(turned, lon, lat)), float(shape.along[-1]))
        if int(np.isfinite(others).sum()) > on_it:
            return Passed(turned, others)
    return Passed(shape, marks)


def measure(passed: Passed, straight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Measure from each stop to the next.

    Along the shape, where both are on it and the way is believed, and never less than the straight line.

    Parameters
    ----------
    straight : float64[n_stops - 1]
        Metres of the straight lines.
    """
    return np.where(is_believed(passed, straight), np.maximum(np.diff(passed.marks), straight), straight)


def is_believed(passed: Passed, straight: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell from which stops to the next the shape is followed: both are on it, and it leads not too far away."""
    followed: NDArray[np.bool_] = np.diff(passed.marks) <= STRETCH * straight + SLACK  # never where a mark is NaN
    return followed


class _Place(NamedTuple):
    """A place of a shape where it is nearest to a stop."""

    mark: float
    cost: float
    """Square metres."""


def _list_places(shape: Shape, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> Iterator[list[_Place]]:
    """List for each stop the places where the shape comes near it, along the shape: within or between stretches."""
    block = max(1, MANY // len(shape.lon))
    for first in range(0, len(lon), block):
        yield from _look(shape, lon[first : first + block], lat[first : first + block])


def _look(shape: Shape, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> list[list[_Place]]:
    x, y = _flatten(shape.lon, shape.lat, lon[:, None], lat[:, None])
    dx, dy = np.diff(x, axis=1), np.diff(y, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = -(x[:, :-1] * dx + y[:, :-1] * dy) / (dx * dx + dy * dy)
        share = np.where(np.isnan(share) & np.isfinite(x[:, :-1]), 0.0, share)
        within = (share > 0) & (share < 1)
        at_point = np.concatenate(
            [share[:, :1] <= 0, (share[:, :-1] >= 1) & (share[:, 1:] <= 0), share[:, -1:] >= 1], axis=1
        )
        across = (x[:, :-1] + share * dx) ** 2 + (y[:, :-1] + share * dy) ** 2
        within &= across <= FAR**2
        at_point &= x * x + y * y <= FAR**2
    stop, stretch = np.nonzero(within)
    point_stop, point = np.nonzero(at_point)
    stops = np.concatenate([stop, point_stop])
    marks = np.concatenate(
        [shape.along[stretch] + share[stop, stretch] * np.diff(shape.along)[stretch], shape.along[point]]
    )
    costs = np.concatenate([across[stop, stretch], (x * x + y * y)[point_stop, point]])
    order = np.lexsort((marks, stops))
    ends = np.cumsum(np.bincount(stops, minlength=len(lon)))
    return [
        [_Place(*place) for place in zip(marks[rows].tolist(), costs[rows].tolist(), strict=True)]
        for rows in (_keep_nearest(some, costs) for some in np.split(order, ends[:-1]))
    ]


def _keep_nearest(rows: NDArray[np.int64], costs: NDArray[np.float64]) -> NDArray[np.int64]:
    if len(rows) <= MOST_PLACES:
        return rows
    return rows[np.sort(np.argpartition(costs[rows], MOST_PLACES)[:MOST_PLACES])]


def _flatten(
    lon: NDArray[np.float64], lat: NDArray[np.float64], at_lon: NDArray[np.float64], at_lat: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return metres east and north of a place, on a plane that touches the ground there."""
    east = np.radians((lon - at_lon + MAX_LON) % (2 * MAX_LON) - MAX_LON) * np.cos(np.radians(at_lat)) * EARTH_RADIUS
    return east, np.radians(lat - at_lat) * EARTH_RADIUS


def _keep_told(
    shape: Shape,
    lon: NDArray[np.float64],
    lat: NDArray[np.float64],
    told: NDArray[np.float64],
    places: list[list[_Place]],
) -> None:
    """Leave to the stops whose shape_dist_traveled says where they are that place only.

    What it says is passed over where it is not on the shape, falls back, or names a place farther off than another.
    """
    scale = _longest_rising(shape.told)
    if len(scale) < 2 or not np.isfinite(told).any():  # noqa: PLR2004  between two points
        return
    known = shape.told[scale]
    if known[-1] <= known[0]:
        return
    edge = 0.01 * (known[-1] - known[0])
    with np.errstate(invalid="ignore"):
        inside = (told >= known[0] - edge) & (told <= known[-1] + edge)
    marks = np.interp(np.where(inside, told, known[0]), known, shape.along[scale])
    x, y = _flatten(np.interp(marks, shape.along, shape.lon), np.interp(marks, shape.along, shape.lat), lon, lat)
    away = np.hypot(x, y)
    meant = np.full(len(told), np.nan)
    for stop in np.flatnonzero(inside & (away <= FAR)).tolist():
        if places[stop] and away[stop] <= min(place.cost for place in places[stop]) ** 0.5 + BESIDE:
            meant[stop] = marks[stop]
    for stop in _longest_rising(meant).tolist():
        places[stop] = [_Place(float(marks[stop]), float(away[stop] ** 2))]


def _longest_rising(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Find the most values that never fall, as rows; those that are no numbers are left out."""
    rows = np.flatnonzero(np.isfinite(values))
    told = values[rows]
    if (np.diff(told) >= 0).all():
        return rows
    ends: list[float] = []
    last: list[int] = []
    before = [-1] * len(told)
    for row, value in enumerate(told.tolist()):
        at = bisect_right(ends, value)
        before[row] = last[at - 1] if at else -1
        ends[at : at + 1] = [value]
        last[at : at + 1] = [row]
    kept = []
    row = last[-1]
    while row >= 0:
        kept.append(row)
        row = before[row]
    return rows[kept[::-1]]


class _Sum(NamedTuple):
    """The best way to set stops on a shape up to a place of one of them."""

    value: float
    """Square metres."""
    before: tuple[int, int]
    """The stop before it that is on the shape and its place there; -1: none."""


def _choose(places: list[list[_Place]], length: float) -> NDArray[np.float64]:
    """Choose a place for each stop, in the order of travel; NaN for those that have none there.

    A stop that is left out counts as one that is `FAR` away. Among equals the earliest places are taken.
    """
    stops = len(places)
    best, chosen = stops * SKIPPED, (-1, -1)
    sums: list[list[_Sum]] = []
    for stop, some in enumerate(places):
        sums.append([])
        for number, (mark, cost) in enumerate(some):
            value, before = _reach(places, sums, stop, mark)
            value += cost
            if stop == 0 and mark > FAR >= some[0].mark:
                value += ELSEWHERE
            if stop == stops - 1 and length - mark > FAR >= length - some[-1].mark:
                value += ELSEWHERE
            sums[stop].append(_Sum(value, before))
            if value + (stops - 1 - stop) * SKIPPED < best:
                best, chosen = value + (stops - 1 - stop) * SKIPPED, (stop, number)
    marks = np.full(stops, np.nan)
    while chosen[0] >= 0:
        stop, number = chosen
        marks[stop] = places[stop][number].mark
        chosen = sums[stop][number].before
    on_it = np.isfinite(marks)
    marks[on_it] = np.maximum.accumulate(marks[on_it])
    return marks


def _reach(places: list[list[_Place]], sums: list[list[_Sum]], stop: int, mark: float) -> _Sum:
    """Find from which place of which stop before one gets to a place with the least sum."""
    least = _Sum(stop * SKIPPED, (-1, -1))
    for earlier in range(stop - 1, -1, -1):
        gap = (stop - earlier - 1) * SKIPPED
        if gap >= least.value:
            break
        for number, (before, _) in enumerate(places[earlier]):
            if before > mark + BACK:
                break
            value = sums[earlier][number].value + gap + max(before - mark, 0.0) ** 2
            if value < least.value:
                least = _Sum(value, (earlier, number))
    return least
