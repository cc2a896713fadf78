"""What is reached from a place by then, or from where one can be there: stops, areas, times to points.

The time at every stop is that of the journey that arrives first (arriving: leaves last) among those that
`service.plan` finds there without rides that are booked: one walks to a stop, rides, changes, and walks on, each of
these walks within the longest that was asked for; walking all the way counts up to that, too.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mobigo.journeys.access import CROW_DETOUR, OFF_STREET, OFF_STREET_WALK, crow_seconds, find_access, find_end
from mobigo.journeys.outages import close_lifts
from mobigo.journeys.wishes import understand
from mobigo.kit.geo import Point
from mobigo.street.contours import outline
from mobigo.street.graph import Profile
from mobigo.street.routing import snap
from mobigo.street.strolls import Bounds, Canvas, Seeds, choose, draw, find_times, join, walk_on
from mobigo.transit import sweep as sweeping
from mobigo.transit.footpaths import WALKING_SPEED
from mobigo.transit.model import Direction
from mobigo.transit.pathways import list_doors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from shapely.geometry import MultiPolygon

    from mobigo.journeys.access import Access
    from mobigo.journeys.model import End, JourneyRequest
    from mobigo.journeys.network import Network
    from mobigo.street.routing import Snaps
    from mobigo.street.strolls import Strolls
    from mobigo.transit.sweep import Sweep

DEGREE = 111_195.08
"""Metres of a degree of latitude."""

FINEST, MOST_NODES = 40.0, 800
"""Metres between nodes of the grid on which areas are drawn, at least, and nodes along its longer side, at most."""

BESIDE = 80.0
"""Metres beside a street that are drawn with it, at least."""

NO_ISLAND = 6.0
"""Cells: smaller islands and holes are left out of areas."""


@dataclass(frozen=True)
class Swept:
    """All stops from one place, by vehicle."""

    end: End
    access: Access
    """The walks to the first stops (from the last ones, arriving)."""
    found: Sweep


@dataclass(frozen=True)
class Reach:
    """What is reached from a place, or from where it is."""

    network: Network
    request: JourneyRequest
    end: End
    limit: int
    """Seconds."""
    stops: NDArray[np.int32]
    """int32[n], stops that vehicles call at and that are reached, soonest first."""
    seconds: NDArray[np.int32]
    """int32[n], from the instant until one is there (arriving: from there until the instant)."""
    changes: NDArray[np.int32]
    """int32[n], of that journey; 0 also where one walks."""
    on_foot: NDArray[np.bool_]
    """bool[n], whether one walks all the way."""
    located: bool
    """Whether the place lies in the area of the network at all."""
    complete: bool
    """False when the time for computing was over: the times hold, but better ones may be missing."""
    strolls: Strolls | None
    """The walks at both ends; None without streets."""
    ridden: NDArray[np.int32]
    """int32[n_stops], seconds until one gets off at a stop (0 at those of the place itself), -1 at others."""

    def seconds_at(self, points: Sequence[Point]) -> NDArray[np.int32]:
        """Tell when one is at points; -1 where one does not get."""
        found = np.full(len(points), -1, np.int32)
        if self.strolls is None:
            for at, point in enumerate(points):
                walk = crow_seconds(self.network, point, self.request.max_walk, self.request.walk_speed)
                direct = _crow(self.end.point, point, self.request.walk_speed)
                ways = (self.ridden + walk)[(self.ridden >= 0) & (walk >= 0)]
                best = min(int(ways.min(initial=self.limit + 1)), direct if direct <= self.request.max_walk else 10**9)
                found[at] = best if best <= self.limit else -1
            return found
        graph = self.strolls.graph
        there = find_times(
            self.strolls, snap(graph, [(point.lon, point.lat) for point in points], self.strolls.profile)
        )
        return _round(there.seconds)

    def areas(self, minutes: Sequence[int]) -> list[MultiPolygon]:
        """Draw what is reached within so many minutes, each area within the next."""
        canvas, spacing, radius = self._canvas()
        if self.strolls is None:
            self._draw_circles(canvas)
        else:
            draw(self.strolls, canvas, radius)
        return [outline(canvas, 60.0 * one, smallest=NO_ISLAND * spacing**2) for one in minutes]

    def _canvas(self) -> tuple[Canvas, float, float]:
        """Lay out an empty grid over everything reached; metres between its nodes, and beside streets."""
        lon, lat = self.corners()
        middle = np.cos(np.radians((lat.min() + lat.max()) / 2))
        per_lon, per_lat = DEGREE * float(middle), DEGREE
        wide, high = float(np.ptp(lon)) * per_lon, float(np.ptp(lat)) * per_lat
        spacing = max(FINEST, max(wide, high) / MOST_NODES)
        radius = max(BESIDE, spacing)
        columns, rows = (int((size + 2 * radius) / spacing) + 2 for size in (wide, high))
        west, south = float(lon.min()) - radius / per_lon, float(lat.min()) - radius / per_lat
        frame = np.array([west, south, spacing / per_lon, spacing / per_lat, per_lon, per_lat])
        return Canvas(frame, np.full((rows, columns), np.inf)), spacing, radius

    def corners(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """List longitudes and latitudes that bound what is reached."""
        if self.strolls is not None:
            points = self.strolls.graph.points
            seeds = self.strolls.seeds.snaps.at
            lon = np.concatenate([[self.end.point.lon], points.lon[self.strolls.node], seeds[:, 0]])
            return lon, np.concatenate([[self.end.point.lat], points.lat[self.strolls.node], seeds[:, 1]])
        timetable, off = self.network.timetable, np.flatnonzero(self.ridden >= 0)
        lon = np.concatenate([[self.end.point.lon], timetable.stop_lon[off]])
        lat = np.concatenate([[self.end.point.lat], timetable.stop_lat[off]])
        known = np.isfinite(lon) & np.isfinite(lat)
        far = self.request.max_walk * self.request.walk_speed / CROW_DETOUR / DEGREE
        east = far / max(0.05, float(np.cos(np.radians(np.abs(lat[known]).max()))))
        return (
            np.concatenate([lon[known] - east, lon[known] + east]),
            np.concatenate([lat[known] - far, lat[known] + far]),
        )

    def _draw_circles(self, canvas: Canvas) -> None:
        """Draw how far one walks straight, where there are no streets."""
        timetable, speed = self.network.timetable, self.request.walk_speed / CROW_DETOUR
        west, south, wide, high, per_lon, per_lat = canvas.frame.tolist()
        rows, columns = canvas.field.shape
        x, y = np.arange(columns) * wide * per_lon, (np.arange(rows) * high * per_lat)[:, None]
        off = [stop for stop in np.flatnonzero(self.ridden >= 0).tolist() if np.isfinite(timetable.stop_lat[stop])]
        places = [(self.end.point, 0)]
        places += [
            (Point(float(timetable.stop_lon[stop]), float(timetable.stop_lat[stop])), int(self.ridden[stop]))
            for stop in off
        ]
        for point, seconds in places:
            metres = np.hypot(x - (point.lon - west) * per_lon, y - (point.lat - south) * per_lat)
            walk = metres / speed
            np.minimum(canvas.field, np.where(walk <= self.request.max_walk, seconds + walk, np.inf), out=canvas.field)


class Sweeper:
    """All stops from (arriving: to) one place, at whatever instant.

    Parameters
    ----------
    network : Network
        As `Network.seen` gives it.
    request : JourneyRequest
        Its wishes count; the ends mean nothing.
    place : str
        ``LAT,LON`` or a stop id.
    """

    def __init__(self, network: Network, request: JourneyRequest, place: str) -> None:
        self.network, self.request = network, request
        self.end = find_end(network, place)
        self.access = find_access(network, self.end, request, backward=request.arrive_by)
        wishes = understand(network, request)
        self._wishes = None if wishes is None else replace(wishes, costs=None)

    def at(self, instant: int, limit: int, deadline: float) -> Swept:
        """Find when every stop is reached by vehicle (arriving: how late one leaves it).

        Parameters
        ----------
        instant : int
            Seconds since 1970 UTC.
        limit : int
            Seconds.
        deadline : float
            Of `time.monotonic`.
        """
        direction = Direction.ARRIVE if self.request.arrive_by else Direction.DEPART
        found = sweeping.sweep(
            self.network.days,
            sweeping.Start(self.access.stops, self.access.seconds, instant, direction),
            limit=limit,
            max_transfers=self.request.max_transfers,
            wishes=self._wishes,
            deadline=deadline,
        )
        return Swept(self.end, self.access, found)


def find_reach(network: Network, request: JourneyRequest, limit: int) -> Reach:
    """Find everything that is reached within a time, or from where a place is.

    Parameters
    ----------
    request : JourneyRequest
        From (arriving: to) its `origin`; its instant, wishes and budget count.
    limit : int
        Seconds.

    Raises
    ------
    InvalidInput, NotFound
        When the place is no point and no stop, or a wish names what is not there.
    """
    deadline = time.monotonic() + request.budget
    network = close_lifts(network.seen(request.realtime), request)
    deadline += sweeping.load(network.days, int(request.at.timestamp()))
    swept = Sweeper(network, request, request.origin).at(int(request.at.timestamp()), limit, deadline)
    rides = swept.found.rides.copy()
    rides[list(swept.end.stops)] = 0
    ridden = np.where(swept.found.seconds > limit, -1, swept.found.seconds)
    ridden[list(swept.end.stops)] = 0
    strolls, walked, seed = None, ridden.astype(np.float64), np.arange(len(ridden), dtype=np.int32)
    walked[ridden < 0] = np.inf
    if network.streets is None:
        walked, seed = _walk_straight(network, request, swept.end.point, ridden)
    else:
        strolls, of_seed = _walk_on(network, request, swept, ridden, limit)
        there = find_times(strolls, _list_places(network, strolls.profile))
        walked = np.minimum(walked, _cross_fields(network, request, ridden, seed))
        sooner = there.seconds < walked
        walked[sooner], seed[sooner] = there.seconds[sooner], of_seed[there.seed[sooner]]
    seconds = _round(walked)
    called = np.zeros(len(seconds), np.bool_)
    called[network.timetable.pattern_stop] = True
    reached = np.flatnonzero((seconds >= 0) & (seconds <= limit) & called).astype(np.int32)
    vehicles = np.where(seed >= 0, rides[np.maximum(seed, 0)], 0)
    order = reached[np.lexsort((reached, vehicles[reached], seconds[reached]))]
    return Reach(
        network,
        request,
        swept.end,
        limit,
        order,
        seconds[order],
        np.maximum(vehicles[order] - 1, 0).astype(np.int32),
        vehicles[order] == 0,
        swept.access.located,
        swept.found.complete,
        strolls,
        ridden,
    )


def _round(seconds: NDArray[np.float64]) -> NDArray[np.int32]:
    """Round up as all walks are; -1 where infinite."""
    with np.errstate(invalid="ignore"):
        return np.where(np.isfinite(seconds), np.ceil(seconds - 1e-3), -1).astype(np.int32)


def _crow(a: Point, b: Point, speed: float) -> int:
    """Seconds along a straight line, lengthened."""
    wide = (a.lon - b.lon) * np.cos(np.radians((a.lat + b.lat) / 2))
    return int(np.ceil(np.hypot(wide, a.lat - b.lat) * DEGREE * CROW_DETOUR / speed))


def _walk_on(
    network: Network, request: JourneyRequest, swept: Swept, ridden: NDArray[np.int32], limit: int
) -> tuple[Strolls, NDArray[np.int32]]:
    """Walk on from where one gets off, and from the place itself; also the stop of each seed, -1: the place."""
    assert network.streets is not None
    snaps = _entrances(network, request)
    profile = swept.access.foot
    stops, doors, inside = _list_exits(network, request, np.flatnonzero(ridden >= 0))
    known = snaps.edge[doors] >= 0
    stops, doors, inside = stops[known], doors[known], inside[known]
    seeds = choose(snaps, doors)
    seconds, walked = ridden[stops] + inside, inside
    if swept.access.place is not None:
        own = snap(network.streets, [swept.end.point], profile)
        seeds = join(own, seeds)
        stops = np.concatenate([[-1], stops])
        seconds, walked = np.concatenate([[0], seconds]), np.concatenate([[0], walked])
    bounds = Bounds(limit, request.max_walk, request.walk_speed, request.arrive_by)
    told = Seeds(seeds, seconds.astype(np.float64), walked.astype(np.float64))
    return walk_on(network.streets, told, profile, bounds), stops.astype(np.int32)


def _entrances(network: Network, request: JourneyRequest) -> Snaps:
    """Return where stops meet the streets."""
    found = network.entrances.wheelchair if request.wheelchair and network.entrances else network.stop_snaps
    assert found is not None
    return found


def _list_exits(
    network: Network, request: JourneyRequest, stops: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """List by which stops one comes to the streets from where one gets off, and the seconds inside stations."""
    stations = network.inside
    if stations is None or not len(stations.door):
        return stops, stops, np.zeros(len(stops), np.int64)
    inside = stations.inside[stops] == 1
    pace = WALKING_SPEED / request.walk_speed
    ways = [
        (stop, door, int(np.ceil(seconds * pace)))
        for stop in stops[inside].tolist()
        for door, seconds in list_doors(stations, stop, leaving=not request.arrive_by, wheels=request.wheelchair)
    ]
    through = np.array(ways, np.int64).reshape(-1, 3)
    outdoors = stops[~inside]
    return (
        np.concatenate([outdoors, through[:, 0]]),
        np.concatenate([outdoors, through[:, 1]]),
        np.concatenate([np.zeros(len(outdoors), np.int64), through[:, 2]]),
    )


def _list_places(network: Network, profile: Profile) -> Snaps:
    """Return where one who is bound for a stop leaves the streets: also for those that are entered by pathways."""
    assert network.streets is not None
    timetable = network.timetable
    held = network.stop_snaps
    if profile is Profile.WHEELCHAIR and network.entrances is not None:
        held = network.entrances.wheelchair
    assert held is not None
    called = np.zeros(len(held.edge), np.bool_)
    called[timetable.pattern_stop] = True
    missing = np.flatnonzero(called & (held.edge < 0) & np.isfinite(timetable.stop_lat))
    if not len(missing):
        return held
    points = np.column_stack([timetable.stop_lon[missing], timetable.stop_lat[missing]])
    more = snap(network.streets, points, profile)
    rows = np.arange(len(held.edge))
    rows[missing] = len(rows) + np.arange(len(missing))
    return choose(join(held, more), rows)


def _cross_fields(
    network: Network, request: JourneyRequest, ridden: NDArray[np.int32], seed: NDArray[np.int32]
) -> NDArray[np.float64]:
    """Go straight between stops one of which lies off the streets; `seed` is set to the stop one came from."""
    best = np.full(len(ridden), np.inf)
    snaps = network.stop_snaps
    if request.wheelchair or snaps is None:
        return best
    off = snaps.metres > OFF_STREET
    longest = min(request.max_walk, int(OFF_STREET_WALK / request.walk_speed * CROW_DETOUR))
    timetable = network.timetable
    on_board = ridden >= 0
    held = np.where(on_board, ridden, np.inf).astype(np.float64)
    called = np.zeros(len(ridden), np.bool_)
    called[timetable.pattern_stop] = True
    for stop in np.flatnonzero(off & called & np.isfinite(timetable.stop_lat)).tolist():
        point = Point(float(timetable.stop_lon[stop]), float(timetable.stop_lat[stop]))
        walk = crow_seconds(network, point, longest, request.walk_speed)
        near = walk >= 0
        if on_board[stop]:
            sooner = near & (ridden[stop] + walk < np.minimum(best, held))
            best[sooner], seed[sooner] = ridden[stop] + walk[sooner], stop
        ways = np.where(near, held + walk, np.inf)
        nearest = int(ways.argmin())
        if ways[nearest] < min(best[stop], held[stop]):
            best[stop], seed[stop] = ways[nearest], nearest
    return best


def _walk_straight(
    network: Network, request: JourneyRequest, point: Point, ridden: NDArray[np.int32]
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Walk on along straight lines; when one is at every stop, and from which stop one walked (-1: the place)."""
    timetable, speed, longest = network.timetable, request.walk_speed, request.max_walk
    direct = crow_seconds(network, point, longest, speed)
    best = np.where(direct >= 0, direct, np.inf).astype(np.float64)
    seed = np.full(len(best), -1, np.int32)
    for stop in np.flatnonzero(ridden >= 0).tolist():
        walk = np.full(len(best), -1, np.int32)
        if np.isfinite(timetable.stop_lat[stop]):
            there = Point(float(timetable.stop_lon[stop]), float(timetable.stop_lat[stop]))
            walk = crow_seconds(network, there, longest, speed)
        walk[stop] = 0
        sooner = (walk >= 0) & (ridden[stop] + walk < best)
        best[sooner], seed[sooner] = ridden[stop] + walk[sooner], stop
    return best, seed
