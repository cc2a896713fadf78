"""Where stops meet the streets for those who do not walk there, and where a car is left on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mobigo.kit.packed import Strings, pack_strings
from mobigo.parking.model import Kind
from mobigo.street.graph import Profile
from mobigo.street.routing import Snaps, snap, walks_from

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mobigo.parking.model import ParkingPlace
    from mobigo.street.graph import StreetGraph
    from mobigo.transit.timetable import Timetable

PARK_WALK = 900
"""Seconds: the longest walk between a car park and a stop."""

WHEELS_METRES = 100.0
"""How far from a stop a street may be that a wheelchair can use, for the stop to be reached from it."""

KINDS = (Kind.PARK_RIDE, Kind.CARPOOL)
"""By number."""


class Walks(NamedTuple):
    """Walks from places to stops, one place after another (CSR)."""

    first: NDArray[np.int32]
    """int32[n_places + 1], index; walks of place `p` are rows `first[p]:first[p + 1]`."""
    stop: NDArray[np.int32]
    """int32[n_walks], stop index."""
    seconds: NDArray[np.int32]
    """int32[n_walks], at the usual pace."""


class CarParks(NamedTuple):
    """Where a car may be left."""

    lon: NDArray[np.float64]
    """float64[n], degrees."""
    lat: NDArray[np.float64]
    kind: NDArray[np.uint8]
    """uint8[n], index into `KINDS`."""
    capacity: NDArray[np.int32]
    """int32[n], -1 where nobody says."""
    ids: Strings
    """``source:id``."""
    names: Strings
    """Empty where nobody gives one."""
    drive: Snaps
    """Where cars leave the street."""
    on_foot: Walks
    in_wheelchair: Walks


class Entrances(NamedTuple):
    """Where stops, by index, meet the streets of each mode; and the car parks."""

    bicycle: Snaps
    car: Snaps
    wheelchair: Snaps
    parks: CarParks


def survey(timetable: Timetable, graph: StreetGraph, on_foot: Snaps, places: Sequence[ParkingPlace]) -> Entrances:
    """Find the entrances of every stop, and walk from every car park to the stops around it.

    Parameters
    ----------
    on_foot : Snaps
        Where stops meet the streets on foot.
    places : sequence of ParkingPlace
        Where a car may be left; those beside no street are of no use and are left out.
    """
    at = np.stack([timetable.stop_lon, timetable.stop_lat], axis=1)
    wheelchair = snap(graph, at, Profile.WHEELCHAIR, WHEELS_METRES)
    points = np.array([one.point for one in places], np.float64).reshape(-1, 2)
    drive = snap(graph, points, Profile.CAR)
    usable = np.flatnonzero(drive.edge >= 0)
    kept, points = [places[index] for index in usable.tolist()], points[usable]
    return Entrances(
        bicycle=snap(graph, at, Profile.BICYCLE),
        car=snap(graph, at, Profile.CAR),
        wheelchair=wheelchair,
        parks=CarParks(
            lon=points[:, 0].copy(),
            lat=points[:, 1].copy(),
            kind=np.array([KINDS.index(one.kind) for one in kept], np.uint8),
            capacity=np.array([-1 if one.capacity is None else one.capacity for one in kept], np.int32),
            ids=pack_strings(f"{one.source}:{one.id}" for one in kept),
            names=pack_strings(one.name for one in kept),
            drive=Snaps(drive.edge[usable], drive.fraction[usable], drive.metres[usable], drive.at[usable]),
            on_foot=Walks(*walks_from(graph, snap(graph, points, Profile.FOOT), on_foot, PARK_WALK)),
            in_wheelchair=Walks(
                *walks_from(
                    graph, snap(graph, points, Profile.WHEELCHAIR, WHEELS_METRES), wheelchair, PARK_WALK,
                    Profile.WHEELCHAIR,
                )
            ),
        ),
    )  # fmt: skip
