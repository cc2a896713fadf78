"""A trip on a day: its calls as they were planned and as they are, its vehicle, its course."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mobigo.journeys.rides import course
from mobigo.kit.errors import NotFound
from mobigo.transit.alerts import concern_of_ride
from mobigo.transit.printed import Column, list_columns
from mobigo.transit.timetable import day_number, service_date

if TYPE_CHECKING:
    from datetime import date, datetime

    from mobigo.journeys.network import Network
    from mobigo.transit.live import Vehicle
    from mobigo.transit.timetable import Timetable


@dataclass(frozen=True)
class TripOfDay:
    """A trip on a day."""

    network: Network
    """As it runs: indices are of its timetable."""
    service_date: date
    column: Column
    """Its calls."""
    geometry: tuple[tuple[float, float], ...]
    """Longitude, latitude."""
    vehicle: Vehicle | None
    alerts: tuple[str, ...]

    @property
    def trip(self) -> int:
        """Trip index."""
        return self.column.trip


def find_trip(network: Network, trip_id: str, day: date | None, now: datetime) -> TripOfDay:
    """Find a trip on a service day: of several runs that day, the one under way, else the next, else the last.

    Parameters
    ----------
    network : Network
        As `Network.seen` gives it.
    day : date, optional
        None: today, else the next day it runs, else the last one before.
    now : datetime
        Aware.

    Raises
    ------
    NotFound
        When there is no such trip, or it does not run that day.
    """
    timetable = network.timetable
    today = now.astimezone(network.manifest.zone).date()
    own = timetable.trip_ids.find_all(trip_id)
    if not own:
        raise NotFound(f"no trip {trip_id!r}; boards and journeys name those there are", code="unknown_trip")
    on = day or _nearest_day(timetable, own, today)
    overlay = network.live.overlay if network.live and network.is_running else None
    columns = list_columns(timetable, overlay, own, on) if on is not None else []
    if not columns or on is None:
        raise NotFound(
            f"trip {trip_id!r} does not run on {on or today}; leave out the date for the next day it does",
            code="unknown_trip",
        )
    column = min(columns, key=lambda one: _distance(one, now))
    first = int(timetable.call_first[column.trip])
    last = int(timetable.call_first[column.trip + 1]) - 1
    live = network.live
    stops: list[int] = timetable.call_stop[first : last + 1].tolist()
    concern = concern_of_ride(timetable, column.trip, day_number(on), stops)
    begin, end = column.cells[0].departure.timestamp(), column.cells[-1].arrival.timestamp()
    return TripOfDay(
        network,
        on,
        column,
        course(network, column.trip, first, last),
        live.find_vehicle(trip_id, on) if live else None,
        tuple(live.messages.find(concern, begin, end)) if live else (),
    )


def _nearest_day(timetable: Timetable, trips: list[int], today: date) -> date | None:
    """Return the first day from today on that any of the trips runs, else the last one before."""
    services = timetable.trip_service[trips]
    runs = np.unpackbits(timetable.service_days[services[services >= 0]], axis=1).any(axis=0)
    days = int(timetable.first_day[0]) + np.flatnonzero(runs)
    if not len(days):
        return None
    at = int(np.searchsorted(days, day_number(today)))
    return service_date(int(days[min(at, len(days) - 1)]))


def _distance(column: Column, now: datetime) -> tuple[int, float]:
    """Tell how far a run is from being under way: it is, it will be, it was."""
    begin, end = column.cells[0].departure, column.cells[-1].arrival
    if begin <= now <= end:
        return 0, 0.0
    return (1, (begin - now).total_seconds()) if now < begin else (2, (now - end).total_seconds())
