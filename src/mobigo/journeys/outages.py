"""Lifts that are out of order now: a wheelchair does not go through them, whoever says so.

Feeds (GTFS-Realtime alerts, SIRI FM and SX) and the staff say it in one way: a message with the effect
``ACCESSIBILITY_ISSUE`` about a stop. It closes the lifts that pathways.txt has at that stop; about a station, all lifts
of the station, unless it also names a place inside, which then is meant. Where a place has no lift that we know of, a
wheelchair does not board or alight there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.journeys.model import Realtime
from mobigo.transit.alerts import applies
from mobigo.transit.live import ACCESSIBILITY_ISSUE
from mobigo.transit.pathways import PathwayMode, Wheels, reach_inside, turn
from mobigo.transit.timetable import STATION, freeze

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mobigo.journeys.model import JourneyRequest
    from mobigo.journeys.network import Network
    from mobigo.transit.footpaths import Footpaths
    from mobigo.transit.live import Alert
    from mobigo.transit.pathways import Stations

AHEAD = 2 * 3600
"""Seconds after the time asked for in which a message must apply to count."""
KEPT = 8
"""Sets of closed lifts whose walks are kept."""


class Outages(NamedTuple):
    """What is out of order."""

    rows: frozenset[int]
    """Rows of `Stations`: lifts, each direction."""
    stops: frozenset[int]
    """Stops of a wheelchair no more."""
    alerts: tuple[str, ...]
    """Ids of the messages that say so."""


def close_lifts(network: Network, request: JourneyRequest) -> Network:
    """Return a network as a wheelchair finds it, without the lifts that are out of order when a journey is made."""
    if not request.wheelchair or network.live is None or request.realtime is not Realtime.ON:
        return network
    outages = find_outages(network, int(request.at.timestamp()))
    if not outages.alerts:
        return network
    if outages.rows not in network.closures:
        if len(network.closures) >= KEPT:
            network.closures.clear()
        network.closures[outages.rows] = _close(network, outages.rows)
    inside, walks = network.closures[outages.rows]
    return replace(
        network, inside=inside, wheelchair_footpaths=walks, closed_stops=outages.stops, outages=outages.alerts
    )


def find_outages(network: Network, at: int) -> Outages:
    """Find what messages say is out of order at an instant (seconds since 1970 UTC)."""
    rows: set[int] = set()
    stops: set[int] = set()
    names = []
    for alert in network.live.alerts.values() if network.live is not None else ():
        if alert.effect == ACCESSIBILITY_ISSUE and applies(alert, at, at + AHEAD):
            named = _named(network, alert)
            names += [alert.id] if named else []
            for stop, meant in named.items():
                lifts = _lifts_at(network.inside, meant)
                rows |= lifts
                stops |= set() if lifts else {one for one in meant if network.timetable.stop_type[one] == 0}
                stops |= {stop} if not lifts and network.timetable.stop_type[stop] == 0 else set()
    return Outages(frozenset(rows), frozenset(stops), tuple(sorted(names)))


def _named(network: Network, alert: Alert) -> dict[int, set[int]]:
    """List the stops a message is about, each with all that is meant by it."""
    timetable = network.timetable
    found = {
        network.stop_index[target.stop_id]
        for target in alert.targets
        if target.stop_id in network.stop_index and target.trip_id is None and target.route_id is None
    }
    beside = {int(timetable.stop_parent[stop]) for stop in found}
    return {
        stop: {stop, *np.flatnonzero(timetable.stop_parent == stop).tolist()}
        if timetable.stop_type[stop] == STATION
        else {stop}
        for stop in found - beside
    }


def _lifts_at(inside: Stations | None, stops: set[int]) -> set[int]:
    """List the rows of lifts that begin or end at some stops."""
    if inside is None:
        return set()
    lifts = np.flatnonzero(inside.mode == PathwayMode.ELEVATOR)
    origin = _origins(inside)[lifts]
    near = np.isin(origin, list(stops)) | np.isin(inside.target[lifts], list(stops))
    return set(lifts[near].tolist())


def _origins(inside: Stations) -> NDArray[np.int32]:
    return np.repeat(np.arange(len(inside.first) - 1, dtype=np.int32), np.diff(inside.first))


def _close(network: Network, rows: frozenset[int]) -> tuple[Stations | None, Footpaths | None]:
    """Work out the pathways and the walks between stops without some lifts, for wheelchairs."""
    inside = network.inside
    if inside is None or not rows:
        return inside, network.wheelchair_footpaths
    wheels = inside.wheels.copy()
    wheels[list(rows)] = Wheels.NOT_POSSIBLE
    closed = inside._replace(wheels=wheels)
    touched: set[int] = set()
    for stop in {*_origins(inside)[list(rows)].tolist(), *inside.target[list(rows)].tolist()}:
        touched |= set() if stop in touched else set(reach_inside(inside, stop))
    closed = closed._replace(door_seconds=_doors_now(inside, closed, touched))
    walks = network.wheelchair_footpaths
    return freeze(closed), walks and _walks_now(walks, inside, closed, touched)


def _doors_now(inside: Stations, closed: Stations, touched: set[int]) -> NDArray[np.int32]:
    """Seconds between entrances and stops, those of wheelchairs anew where a lift may be on the way."""
    doors = inside.door_seconds.copy()
    stop_of = np.repeat(np.arange(len(inside.inside), dtype=np.int32), np.diff(inside.door_first))
    near = np.flatnonzero(np.isin(stop_of, list(touched)) | np.isin(inside.door, list(touched)))
    back = turn(closed)
    for entrance in np.unique(inside.door[near]).tolist():
        reached = reach_inside(closed, entrance, wheels=True), reach_inside(back, entrance, wheels=True)
        for row in near[inside.door[near] == entrance].tolist():
            for column, seconds in zip((2, 3), reached, strict=True):
                if doors[row, column] >= 0:
                    doors[row, column] = seconds.get(int(stop_of[row]), -1)
    return doors


def _walks_now(walks: Footpaths, inside: Stations, closed: Stations, touched: set[int]) -> Footpaths:
    """Keep the walks that need no closed lift; those inside a station take as long as they take without it.

    A walk over the street between stops whose way to an entrance changed is left out: it is not known which it took.
    """
    n_stops = len(walks.first) - 1
    origin = np.repeat(np.arange(n_stops, dtype=np.int32), np.diff(walks.first))
    seconds, kept = walks.seconds.copy(), np.ones(len(origin), np.bool_)
    changed = np.zeros(n_stops, np.bool_)
    for stop in touched:
        rows = slice(int(inside.door_first[stop]), int(inside.door_first[stop + 1]))
        changed[stop] = not np.array_equal(inside.door_seconds[rows, 2:], closed.door_seconds[rows, 2:])
    kept[changed[walks.target] & (origin != walks.target)] = False
    for stop in sorted(touched):
        if walks.first[stop + 1] - walks.first[stop] <= 1:  # from a stop to itself
            continue
        before, now = (reach_inside(one, stop, wheels=True) for one in (inside, closed))
        for row in range(int(walks.first[stop]), int(walks.first[stop + 1])):
            target = int(walks.target[row])
            over_street = seconds[row] < before.get(target, np.inf)
            if target == stop or (over_street and not changed[stop] and not changed[target]):
                kept[row] = True
                continue
            kept[row] = target in now
            seconds[row] = now.get(target, 0)
    longer = np.where(walks.change >= 0, walks.change + np.maximum(seconds - walks.seconds, 0), walks.change)
    origin, onward, seconds = origin[kept], walks.target[kept], seconds[kept]
    back = np.lexsort((origin, onward))
    return freeze(
        walks._replace(
            first=np.searchsorted(origin, np.arange(n_stops + 1)).astype(np.int32),
            target=onward,
            seconds=seconds,
            change=longer[kept].astype(np.int32),
            guaranteed=walks.guaranteed[kept],
            back_first=np.searchsorted(onward[back], np.arange(n_stops + 1)).astype(np.int32),
            back=origin[back],
            back_seconds=seconds[back],
        )
    )
