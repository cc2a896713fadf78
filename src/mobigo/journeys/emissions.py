"""What a journey emits, by the dated factors of `co2_factors.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np

from mobigo.journeys.model import Mode
from mobigo.journeys.modes import mode_of
from mobigo.transit.distances import ride_metres

if TYPE_CHECKING:
    from datetime import date

    from numpy.typing import NDArray

    from mobigo.transit.model import Ride
    from mobigo.transit.timetable import Timetable


@dataclass(frozen=True)
class Factors:
    """Grams of CO2 equivalent per traveller and kilometre."""

    source: str
    dated: date
    by_mode: dict[Mode, float]
    by_route_type: tuple[tuple[int, int, float], ...]
    """Extended route_type from, to (exclusive), grams; the first that fits."""

    def of_mode(self, mode: Mode) -> float | None:
        """Return the factor of a mode; None where the source has none."""
        return self.by_mode.get(mode)

    def of_route_type(self, route_type: int) -> float | None:
        """Return the factor of a route's vehicles."""
        for first, end, grams in self.by_route_type:
            if first <= route_type < end:
                return grams
        return self.of_mode(mode_of(route_type))


@cache
def read_factors() -> Factors:
    """Read the factors that come with the program."""
    raw = tomllib.loads((resources.files("mobigo.journeys") / "co2_factors.toml").read_text("utf-8"))
    return Factors(
        raw["source"],
        raw["dated"],
        {Mode(name): float(grams) for name, grams in raw["mode"].items()},
        tuple((one["from"], one["to"], float(one["grams"])) for one in raw["route_type"]),
    )


def grams_by_route(timetable: Timetable, unknown: float) -> NDArray[np.int32]:
    """Whole grams per kilometre of each route, rounded up; `unknown` where there is no factor."""
    factors = read_factors()
    types, which = np.unique(timetable.route_type, return_inverse=True)
    grams = [factors.of_route_type(int(kind)) for kind in types]
    return np.ceil([unknown if gram is None else gram for gram in grams]).astype(np.int32)[which]


def emit_ride(timetable: Timetable, ride: Ride) -> int | None:
    """Grams of one traveller on one ride, as far as it is along its way; None without a factor."""
    return emit_trip(timetable, ride.trip, ride_metres(timetable, ride.trip, ride.from_pos, ride.to_pos))


def emit_trip(timetable: Timetable, trip: int, metres: float) -> int | None:
    """Grams of one traveller on a trip, so many metres; None without a factor."""
    factor = read_factors().of_route_type(int(timetable.route_type[timetable.trip_route[trip]]))
    return None if factor is None else round(factor * metres / 1000)


def emit_street(mode: Mode, metres: float) -> int | None:
    """Grams of one traveller on a way without public transport."""
    factor = read_factors().of_mode(mode)
    return None if factor is None else round(factor * metres / 1000)
