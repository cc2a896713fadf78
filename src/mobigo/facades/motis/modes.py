"""How MOTIS calls what one travels with, by version, and which lines a filter of modes means."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.journeys.model import SHARED_MODES, Access
from mobigo.journeys.model import Mode as OwnMode
from mobigo.journeys.modes import mode_of as own_mode_of
from mobigo.kit.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Collection

    from mobigo.transit.timetable import Timetable


class Mode(StrEnum):
    """All modes that any version knows."""

    WALK = "WALK"
    BIKE = "BIKE"
    RENTAL = "RENTAL"
    CAR = "CAR"
    HGV = "HGV"
    CAR_PARKING = "CAR_PARKING"
    CAR_DROPOFF = "CAR_DROPOFF"
    ODM = "ODM"
    RIDE_SHARING = "RIDE_SHARING"
    FLEX = "FLEX"
    TRANSIT = "TRANSIT"
    TRAM = "TRAM"
    SUBWAY = "SUBWAY"
    FERRY = "FERRY"
    AIRPLANE = "AIRPLANE"
    BUS = "BUS"
    COACH = "COACH"
    RAIL = "RAIL"
    HIGHSPEED_RAIL = "HIGHSPEED_RAIL"
    LONG_DISTANCE = "LONG_DISTANCE"
    NIGHT_RAIL = "NIGHT_RAIL"
    REGIONAL_FAST_RAIL = "REGIONAL_FAST_RAIL"
    REGIONAL_RAIL = "REGIONAL_RAIL"
    SUBURBAN = "SUBURBAN"
    FUNICULAR = "FUNICULAR"
    AERIAL_LIFT = "AERIAL_LIFT"
    OTHER = "OTHER"
    AREAL_LIFT = "AREAL_LIFT"
    METRO = "METRO"
    CABLE_CAR = "CABLE_CAR"


RAIL = frozenset(
    {
        Mode.HIGHSPEED_RAIL,
        Mode.LONG_DISTANCE,
        Mode.NIGHT_RAIL,
        Mode.REGIONAL_RAIL,
        Mode.SUBURBAN,
        Mode.SUBWAY,
    }
)
TRANSIT = RAIL | {
    Mode.TRAM,
    Mode.FERRY,
    Mode.AIRPLANE,
    Mode.BUS,
    Mode.COACH,
    Mode.ODM,
    Mode.RIDE_SHARING,
    Mode.FUNICULAR,
    Mode.AERIAL_LIFT,
    Mode.OTHER,
}
MEANS = {
    Mode.TRANSIT: TRANSIT,
    Mode.RAIL: RAIL,
    Mode.METRO: frozenset({Mode.SUBURBAN}),
    Mode.AREAL_LIFT: frozenset({Mode.AERIAL_LIFT}),
    Mode.CABLE_CAR: frozenset({Mode.AERIAL_LIFT}),
    Mode.REGIONAL_FAST_RAIL: frozenset({Mode.REGIONAL_RAIL}),
}
"""What stands for several, and the names of older versions."""

RENAMED = 5
"""Version from which the new names are written."""
OLD_NAMES = {Mode.SUBURBAN: Mode.METRO, Mode.AERIAL_LIFT: Mode.AREAL_LIFT}

BASIC = {
    0: Mode.TRAM,
    1: Mode.SUBWAY,
    2: Mode.REGIONAL_RAIL,
    3: Mode.BUS,
    4: Mode.FERRY,
    5: Mode.TRAM,
    6: Mode.AERIAL_LIFT,
    7: Mode.FUNICULAR,
    11: Mode.BUS,
    12: Mode.SUBWAY,
    101: Mode.HIGHSPEED_RAIL,
    102: Mode.LONG_DISTANCE,
    105: Mode.NIGHT_RAIL,
    109: Mode.SUBURBAN,
}
"""Mode by route_type."""
EXTENDED = [
    (100, 200, Mode.REGIONAL_RAIL),
    (200, 300, Mode.COACH),
    (300, 400, Mode.SUBURBAN),
    (400, 700, Mode.SUBWAY),
    (700, 900, Mode.BUS),
    (900, 1000, Mode.TRAM),
    (1000, 1100, Mode.FERRY),
    (1100, 1200, Mode.AIRPLANE),
    (1200, 1300, Mode.FERRY),
    (1300, 1400, Mode.AERIAL_LIFT),
    (1400, 1500, Mode.FUNICULAR),
    (1500, 1600, Mode.ODM),
]
"""Mode by extended route_type, from, to (exclusive)."""

STREET = {
    OwnMode.WALK: Mode.WALK,
    OwnMode.BICYCLE: Mode.BIKE,
    **dict.fromkeys(SHARED_MODES, Mode.RENTAL),
    OwnMode.CAR: Mode.CAR,
    OwnMode.ON_DEMAND: Mode.ODM,
    OwnMode.CARPOOL: Mode.RIDE_SHARING,
}
ACCESS = {
    Mode.WALK: Access.WALK,
    Mode.BIKE: Access.BICYCLE,
    Mode.RENTAL: Access.SHARED_VEHICLE,
    Mode.CAR: Access.CAR_DROP_OFF,
    Mode.CAR_DROPOFF: Access.CAR_DROP_OFF,
    Mode.CAR_PARKING: Access.CAR_PARK,
}
"""Ways to and from a stop; by car without a place to leave it, somebody else drives it on."""
DIRECT = {Mode.WALK: OwnMode.WALK, Mode.BIKE: OwnMode.BICYCLE, Mode.CAR: OwnMode.CAR}
BOOKED = frozenset({Mode.ODM, Mode.FLEX, Mode.RIDE_SHARING})


def mode_of(route_type: int) -> Mode:
    """Return how a route travels, by its basic or extended route_type, under its newest name."""
    if route_type in BASIC:
        return BASIC[route_type]
    return next((mode for start, end, mode in EXTENDED if start <= route_type < end), Mode.OTHER)


def name(mode: Mode, version: int) -> str:
    """Return what a version calls a mode."""
    return str(mode if version >= RENAMED else OLD_NAMES.get(mode, mode))


def expand(modes: Collection[Mode]) -> frozenset[Mode]:
    """Return the modes that names stand for, by their newest names."""
    return frozenset[Mode]().union(*(MEANS.get(mode, frozenset({mode})) for mode in modes))


class Filter(NamedTuple):
    """A filter of modes in the planner's words."""

    only: tuple[str, ...]
    """Empty: any."""
    forbid: tuple[str, ...]
    nothing: bool
    """No vehicle of the timetable and none that is booked fits."""


def filter_of(timetable: Timetable, wanted: frozenset[Mode]) -> Filter:
    """Say which lines are meant by modes: by the planner's modes, less the lines that are of another mode here."""
    if wanted >= TRANSIT:
        return Filter((), (), nothing=False)
    only: set[str] = {f"mode:{OwnMode.ON_DEMAND}"} if wanted & {Mode.ODM, Mode.FLEX} else set()
    only |= {f"mode:{OwnMode.CARPOOL}"} if Mode.RIDE_SHARING in wanted else set()
    types: list[int] = np.unique(timetable.route_type).tolist()
    kept = {own_mode_of(one) for one in types if mode_of(one) in wanted}
    only |= {f"mode:{mode}" for mode in kept}
    others = [one for one in types if own_mode_of(one) in kept and mode_of(one) not in wanted]
    lines = np.flatnonzero(np.isin(timetable.route_type, others)).tolist()
    return Filter(
        tuple(sorted(only)), tuple(f"line:{timetable.route_ids.at(line)}" for line in lines), nothing=not only
    )


def read_access(modes: Collection[Mode], what: str) -> tuple[Access, ...]:
    """Return the ways to or from a stop that modes mean.

    Raises
    ------
    InvalidInput
        When one is no way to a stop, or of lorries.
    """
    for mode in modes:
        if mode not in ACCESS and mode not in BOOKED:
            known = ", ".join([*ACCESS, *sorted(BOOKED)])
            raise InvalidInput(f"{what}: {mode} does not lead to a stop here; there are {known}")
    found = dict.fromkeys(ACCESS[mode] for mode in modes if mode in ACCESS)
    return tuple(found) or (Access.WALK,)


def read_direct(modes: Collection[Mode]) -> tuple[OwnMode, ...]:
    """Return the ways without a vehicle of the timetable; those there is nothing of are left out.

    Raises
    ------
    InvalidInput
        When one is of lorries or of the timetable.
    """
    for mode in modes:
        if mode not in ACCESS and mode not in BOOKED:
            raise InvalidInput(
                f"directModes: {mode} is no way without public transport here; there are WALK, BIKE, CAR"
            )
    return tuple(dict.fromkeys(DIRECT[mode] for mode in modes if mode in DIRECT))
