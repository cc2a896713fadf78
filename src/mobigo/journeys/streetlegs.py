"""Legs on streets: what a traveller does between a door and a stop, from stop to stop, or all the way, in words."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from mobigo.journeys.emissions import emit_street
from mobigo.journeys.model import Leg, Mode, Place, Step
from mobigo.kit.geo import Point, haversine
from mobigo.osm.store import Wheelchair
from mobigo.street.graph import Profile
from mobigo.street.routing import between

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mobigo.journeys.model import End
    from mobigo.journeys.network import Network
    from mobigo.street.routing import Path

LONGEST_CHANGE_WALK = 3600.0
"""Seconds: how far a way between two stops is looked for, to draw it."""


def describe_way(
    network: Network,
    mode: Mode,
    ends: tuple[Place, Place],
    times: tuple[int, int],
    way: Path | None,
    *,
    place: str | None = None,
) -> Leg:
    """Describe a way from place to place.

    Parameters
    ----------
    times : (departure, arrival)
        Seconds since 1970 UTC.
    way : Path, optional
        The streets; None draws a straight line.
    place : str, optional
        Name of the car park or bicycle station where it ends (begins).
    """
    start, end = ends
    if way is None:
        geometry: tuple[tuple[float, float], ...] = ((start.lon, start.lat), (end.lon, end.lat))
        steps: tuple[Step, ...] = ()
        metres = float(haversine(Point(*geometry[0]), Point(*geometry[1])))
    else:
        geometry = ((start.lon, start.lat), *pairs(way.points), (end.lon, end.lat))
        steps = tuple(Step(step.name, round(step.metres, 1), step.direction.value) for step in way.steps)
        metres = way.metres
    zone = network.zone_index
    return Leg(
        mode=mode,
        start=start,
        end=end,
        departure=local_time(network, times[0], zone),
        arrival=local_time(network, times[1], zone),
        geometry=geometry,
        metres=round(metres, 1),
        steps=steps,
        co2=emit_street(mode, metres),
        wheelchair=_judge(network, way) if mode is Mode.WALK else None,
        place=place,
    )


def _judge(network: Network, way: Path | None) -> str:
    """Tell whether a way is known to be possible in a wheelchair: ``possible``, ``unknown``, ``not_possible``."""
    if way is None or network.streets is None:
        return "unknown"
    found = network.streets.edge_wheelchair[way.edges]
    if (found == Wheelchair.NO).any():
        return "not_possible"
    return "possible" if len(found) and (found == Wheelchair.YES).all() else "unknown"


def find_change_way(network: Network, start: int, end: int, foot: Profile = Profile.FOOT) -> Path | None:
    """Find the streets from one stop to another; None where there are none."""
    stops = network.stop_snaps
    if foot is Profile.WHEELCHAIR:
        stops = network.entrances and network.entrances.wheelchair
    if network.streets is None or stops is None:
        return None
    places = stops.one(start), stops.one(end)
    if places[0] is None or places[1] is None:
        return None
    return between(network.streets, places[0], places[1], foot, limit_seconds=LONGEST_CHANGE_WALK)


# ── places and times ──────────────────────────────────────────────────────────────────────────────────────────────────


def stop_place(network: Network, stop: int) -> Place:
    """Describe a stop."""
    timetable = network.timetable
    return Place(
        timetable.stop_names.at(stop) or timetable.stop_ids.at(stop),
        float(timetable.stop_lat[stop]),
        float(timetable.stop_lon[stop]),
        timetable.stop_ids.at(stop),
        timetable.stop_platforms.at(stop) or None,
    )


def door_place(end: End) -> Place:
    """Describe an end of a journey."""
    return Place(end.name, end.point.lat, end.point.lon)


def local_time(network: Network, instant: int, zone: int) -> datetime:
    """Return an instant in a zone of the network."""
    return datetime.fromtimestamp(instant, network.zones[zone])


def pairs(points: NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
    """Return points, float64[n, 2], lon and lat, as GeoJSON has them."""
    return tuple((lon, lat) for lon, lat in np.round(points, 6).tolist())
