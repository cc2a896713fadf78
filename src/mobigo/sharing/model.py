"""The nouns of sharing, and what the stations of all systems hold as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from typing import TYPE_CHECKING, NamedTuple

import numpy as np  # noqa: TC002 - map_packed reads the hints
from numpy.typing import NDArray

from mobigo.kit.packed import Strings  # noqa: TC001

if TYPE_CHECKING:
    from datetime import datetime

UNKNOWN, UNLIMITED = -1, -2
"""Numbers of bicycles and docks: nobody says; as many as come."""


class Service(IntFlag):
    """What a station does."""

    RENTS = 1
    TAKES_BACK = 2


class Ends(IntFlag):
    """Where a bicycle that stands in the street may be left."""

    ANYWHERE = 1
    STATIONS = 2


class SharedBikes(NamedTuple):
    """Stations, and bicycles that stand in the street, of all systems."""

    systems: Strings
    """Names under which they are polled."""
    titles: Strings
    """How they call themselves; empty where they do not say."""
    made_at: NDArray[np.int64]
    """int64[n_systems], when this was said, seconds since 1970 UTC."""
    station_ids: Strings
    """``system:station_id``."""
    station_names: Strings
    station_system: NDArray[np.int32]
    station_lon: NDArray[np.float64]
    """float64[n_stations], degrees."""
    station_lat: NDArray[np.float64]
    capacity: NDArray[np.int32]
    """int32[n_stations]."""
    bikes: NDArray[np.int32]
    """int32[n_stations], to be taken now."""
    docks: NDArray[np.int32]
    """int32[n_stations], free now."""
    service: NDArray[np.uint8]
    """uint8[n_stations], sum of `Service`."""
    vehicle_ids: Strings
    """``system:vehicle_id``, which changes with every rental."""
    vehicle_system: NDArray[np.int32]
    vehicle_lon: NDArray[np.float64]
    """float64[n_vehicles], degrees."""
    vehicle_lat: NDArray[np.float64]
    vehicle_ends: NDArray[np.uint8]
    """uint8[n_vehicles], sum of `Ends`."""
    zone_system: NDArray[np.int32]
    zone_may_end: NDArray[np.uint8]
    """uint8[n_zones], 1 where a ride may end in the street; the first zone around a place counts."""
    zone_shapes: Strings
    """Hexadecimal WKB, degrees; empty: everywhere else."""


@dataclass(frozen=True)
class System:
    """A system that is polled."""

    name: str
    address: str
    """Of its ``gbfs.json``, or a folder of its files."""
    every: int
    """Seconds."""
    added_at: datetime
    tried_at: datetime | None
    fetched_at: datetime | None
    """When it answered last."""
    next_at: datetime | None
    failures: int
    """In a row."""
    problem: str | None
    """Of the last attempt."""


@dataclass(frozen=True)
class Polled:
    """What polling a system gave."""

    system: str
    stations: int
    bikes: int
    """At stations."""
    vehicles: int
    """In the street."""
    made_at: datetime | None
    problem: str | None = None
