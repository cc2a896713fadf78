"""The nouns of sharing, and what the systems hold as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag, StrEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np  # noqa: TC002 - map_packed reads the hints
from numpy.typing import NDArray

from mobigo.kit.packed import Strings  # noqa: TC001

if TYPE_CHECKING:
    from datetime import datetime

UNKNOWN, UNLIMITED = -1, -2
"""Numbers of vehicles and docks: nobody says; as many as come."""


class FormFactor(StrEnum):
    """What a shared vehicle is, in the words of GBFS."""

    BICYCLE = "bicycle"
    CARGO_BICYCLE = "cargo_bicycle"
    SCOOTER_STANDING = "scooter_standing"
    SCOOTER_SEATED = "scooter_seated"
    MOPED = "moped"
    CAR = "car"
    OTHER = "other"
    """Shown, and ridden by nobody: on which streets is not known."""


FORMS = tuple(FormFactor)
"""By number."""

BICYCLES = frozenset({FormFactor.BICYCLE, FormFactor.CARGO_BICYCLE})
"""Those that are ridden as a bicycle and called one."""


class Propulsion(StrEnum):
    """What drives a shared vehicle, in the words of GBFS."""

    HUMAN = "human"
    ELECTRIC_ASSIST = "electric_assist"
    ELECTRIC = "electric"
    COMBUSTION = "combustion"
    COMBUSTION_DIESEL = "combustion_diesel"
    HYBRID = "hybrid"
    PLUG_IN_HYBRID = "plug_in_hybrid"
    HYDROGEN_FUEL_CELL = "hydrogen_fuel_cell"


PROPULSIONS = tuple(Propulsion)
"""By number."""


class Service(IntFlag):
    """What a station does."""

    RENTS = 1
    TAKES_BACK = 2


class Ends(IntFlag):
    """Where a ride may end that does not end where it began."""

    ANYWHERE = 1
    """In the street, where the zones allow it."""
    STATIONS = 2


class Says(IntFlag):
    """What a rule of a zone allows."""

    START = 1
    END = 2
    """In the street; stations say for themselves whether they take vehicles back."""
    THROUGH = 4


ALL_ALLOWED = Says.START | Says.END | Says.THROUGH


class SharedFleet(NamedTuple):
    """Stations, and vehicles that stand in the street, of all systems."""

    systems: Strings
    """Names under which they are polled."""
    titles: Strings
    """How they call themselves; empty where they do not say."""
    made_at: NDArray[np.int64]
    """int64[n_systems], when this was said, seconds since 1970 UTC."""
    zones: Strings
    """Time zones of the systems; empty where they do not say."""
    hours: Strings
    """When one may take and leave vehicles of each system, as `hours.write_hours` has it; empty: always."""
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
    """int32[n_stations], bicycles to be taken now, of types that may be left elsewhere."""
    docks: NDArray[np.int32]
    """int32[n_stations], free now, of those that take bicycles."""
    service: NDArray[np.uint8]
    """uint8[n_stations], sum of `Service`."""
    station_hours: Strings
    """Of each station; empty: those of the system."""
    station_uris: Strings
    """Where one rents there, JSON by platform (``web``, ``ios``, ``android``); empty: nobody says."""
    held_station: NDArray[np.int32]
    """int32[n_held], a station and a type of vehicle that it holds or takes."""
    held_type: NDArray[np.int32]
    held_vehicles: NDArray[np.int32]
    """int32[n_held], to be taken now."""
    held_docks: NDArray[np.int32]
    """int32[n_held], free now."""
    type_system: NDArray[np.int32]
    type_names: Strings
    type_form: NDArray[np.uint8]
    """uint8[n_types], index into `FORMS`."""
    type_propulsion: NDArray[np.uint8]
    """uint8[n_types], index into `PROPULSIONS`; `NO_PROPULSION`: nobody says."""
    type_station_ends: NDArray[np.uint8]
    """uint8[n_types], sum of `Ends`, of vehicles taken at a station."""
    type_street_ends: NDArray[np.uint8]
    """uint8[n_types], of vehicles taken in the street."""
    type_kph: NDArray[np.float32]
    """float32[n_types], how fast it may go; 0: nobody says."""
    type_plan: NDArray[np.int32]
    """int32[n_types], index into `plans`, -1: nobody says."""
    vehicle_ids: Strings
    """``system:vehicle_id``, which changes with every rental."""
    vehicle_system: NDArray[np.int32]
    vehicle_type: NDArray[np.int32]
    vehicle_lon: NDArray[np.float64]
    """float64[n_vehicles], degrees."""
    vehicle_lat: NDArray[np.float64]
    vehicle_range: NDArray[np.int32]
    """int32[n_vehicles], metres it can still go; `UNKNOWN` where nobody says."""
    vehicle_plan: NDArray[np.int32]
    """int32[n_vehicles], index into `plans`; -1: that of its type."""
    vehicle_uris: Strings
    """As of stations."""
    plans: Strings
    """What a ride costs: plans of ``system_pricing_plans``, JSON."""
    fence_shapes: Strings
    """Zones, hexadecimal WKB, degrees; empty: everywhere."""
    fence_since: NDArray[np.int64]
    """int64[n_fences], from when on one holds, seconds since 1970 UTC; 0: since ever."""
    fence_until: NDArray[np.int64]
    """int64[n_fences], before when; 0: for ever."""
    rule_type: NDArray[np.int32]
    """int32[n_rules], for a type of vehicle, what a fence says; in the order in which they win."""
    rule_fence: NDArray[np.int32]
    rule_says: NDArray[np.uint8]
    """uint8[n_rules], sum of `Says`."""
    rule_kph: NDArray[np.float32]
    """float32[n_rules], 0: no limit."""


NO_PROPULSION = 255


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
