"""What running a network takes: vehicle kilometres, hours and costs by line, as the timetable says it for some days.

Kilometres are those from stop to stop in straight lines times how much longer a line's own ways are where its feed
draws them (`DETOUR` where it does not), so that a trip that stops elsewhere is measured as it was before. Rides on
demand are counted as if nobody shared one and each vehicle came and went empty: an upper figure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.kit.geo import arc_metres
from mobigo.trace.model import Service
from mobigo.transit.timetable import day_number, list_running
from mobigo.transit.ways import measure_straight
from mobigo.usage.trial_plan import DETOUR

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from numpy.typing import NDArray

    from mobigo.transit.timetable import Timetable
    from mobigo.usage.economy import Rates

MOST_DETOUR = 4.0
"""A line whose drawn way is longer than so many times the straight one is drawn wrong."""

EMPTY = 2.0
"""A ride on demand takes so many times its own way: the vehicle comes, and goes home."""


@dataclass(frozen=True)
class Ran:
    """What a line takes over the days."""

    runs: float = 0.0
    metres: float = 0.0
    seconds: float = 0.0
    cents: int | None = 0
    """None: what it costs is not known."""

    def times(self, days: float) -> Ran:
        """Return so many times as much."""
        cents = None if self.cents is None else round(self.cents * days)
        return Ran(self.runs * days, self.metres * days, self.seconds * days, cents)

    def plus(self, other: Ran) -> Ran:
        """Return both together; what costs nobody knows leaves the sum unknown."""
        cents = None if self.cents is None or other.cents is None else self.cents + other.cents
        return Ran(self.runs + other.runs, self.metres + other.metres, self.seconds + other.seconds, cents)


class Line(NamedTuple):
    """A line, or a service on demand."""

    id: str
    """``source:id``."""
    name: str
    service: Service
    route_type: int | None

    @property
    def parts(self) -> tuple[str, str]:
        """Return source and id within it, as rates name them; a service on demand is a source of its own."""
        if self.service is Service.ONDEMAND:
            return self.id, ""
        source, _, route = self.id.partition(":")
        return source, route


def name_lines(timetable: Timetable) -> dict[str, Line]:
    """List the lines of a timetable by id, with their names."""
    short, long = timetable.route_short_names.all(), timetable.route_long_names.all()
    return {
        id_: Line(id_, short[row] or long[row] or id_, Service.TRANSIT, int(timetable.route_type[row]))
        for row, id_ in enumerate(timetable.route_ids.all())
    }


def measure_detours(timetable: Timetable) -> dict[str, float]:
    """Say by line how much longer its ways are than the straight ones from stop to stop, where they are drawn."""
    first = timetable.shape_first
    if not len(timetable.shape_lon):
        return {}
    lat, lon = np.radians(timetable.shape_lat), np.radians(timetable.shape_lon)
    hops = np.zeros(len(lat))
    hops[1:] = np.nan_to_num(arc_metres(lat[:-1], lon[:-1], lat[1:], lon[1:]))
    hops[first[:-1][np.diff(first) > 0]] = 0
    total = np.concatenate(([0.0], np.cumsum(hops)))
    drawn = total[first[1:]] - total[first[:-1]]
    straight = _straight(timetable)
    trips = np.flatnonzero((timetable.trip_shape >= 0) & (timetable.trip_route >= 0) & (straight > 0))
    n_routes = len(timetable.route_type)
    of = timetable.trip_route[trips]
    ways = np.bincount(of, drawn[timetable.trip_shape[trips]], n_routes)
    lines = np.bincount(of, straight[trips], n_routes)
    names = timetable.route_ids.all()
    return {
        names[row]: float(np.clip(ways[row] / lines[row], 1.0, MOST_DETOUR))
        for row in np.flatnonzero(lines > 0).tolist()
    }


def _straight(timetable: Timetable) -> NDArray[np.float64]:
    """Measure trips straight from stop to stop, float64[n_trips], metres; 0 for those that cannot be ridden."""
    stops, first = timetable.pattern_stop, timetable.pattern_first
    hops = measure_straight(timetable.stop_lon[stops], timetable.stop_lat[stops]).astype(np.int64)[: len(stops)]
    hops[first[:-1]] = 0
    total = np.concatenate(([0], np.cumsum(hops)))
    found = np.zeros(len(timetable.trip_pattern))
    rides = np.flatnonzero(timetable.trip_pattern >= 0)
    found[rides] = np.diff(total[first])[timetable.trip_pattern[rides]]
    return found


def measure(
    timetable: Timetable, days: Mapping[date, int], detours: Mapping[str, float], rates: Rates
) -> dict[str, Ran]:
    """Measure what the lines of a timetable take.

    Parameters
    ----------
    days : mapping
        Days, and how many days each stands for.
    detours : mapping
        Of `measure_detours`; of today's timetable also for a draft, so that like is compared with like.
    rates : Rates

    Returns
    -------
    dict of Ran
        By line; lines that do not run are left out.
    """
    straight = _straight(timetable)
    calls = timetable.call_first
    lasting = np.zeros(len(straight))
    rides = np.flatnonzero(timetable.trip_pattern >= 0)
    lasting[rides] = timetable.call_arrival[calls[rides + 1] - 1] - timetable.call_departure[calls[rides]]
    lines = name_lines(timetable)
    names = timetable.route_ids.all()
    found: dict[str, Ran] = {}
    for day, stands in days.items():
        trips = timetable.run_trip[list_running(timetable, day_number(day))]
        trips = trips[timetable.trip_route[trips] >= 0]
        of = timetable.trip_route[trips]
        runs = np.bincount(of, minlength=len(names))
        metres = np.bincount(of, straight[trips], len(names))
        seconds = np.bincount(of, lasting[trips], len(names))
        for row in np.flatnonzero(runs).tolist():
            line = lines[names[row]]
            way = float(metres[row]) * detours.get(line.id, DETOUR)
            ran = Ran(float(runs[row]), way, float(seconds[row]))
            cents = rates.cost_of(
                day, line.service, *line.parts, line.route_type, metres=ran.metres, seconds=ran.seconds, runs=ran.runs
            )
            one = Ran(ran.runs, ran.metres, ran.seconds, cents).times(stands)
            found[line.id] = found[line.id].plus(one) if line.id in found else one
    return found


def measure_rides(rides: Mapping[str, tuple[float, float, float]], day: date, rates: Rates) -> dict[str, Ran]:
    """Say what rides on demand take: by service their number, metres and seconds."""
    found: dict[str, Ran] = {}
    for service, (number, metres, seconds) in rides.items():
        ran = Ran(number, EMPTY * metres, EMPTY * seconds)
        cents = rates.cost_of(
            day, Service.ONDEMAND, service, "", None, metres=ran.metres, seconds=ran.seconds, runs=ran.runs
        )
        found[service] = Ran(ran.runs, ran.metres, ran.seconds, cents)
    return found


def total(ran: Mapping[str, Ran]) -> Ran:
    """Add up lines; those of which no costs are known count for nothing in cents."""
    sum_ = Ran()
    for one in ran.values():
        sum_ = sum_.plus(Ran(one.runs, one.metres, one.seconds, one.cents or 0))
    return sum_
