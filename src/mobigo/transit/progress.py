"""Where a vehicle stands against its timetable: from a position to a delay."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.kit.geo import EARTH_RADIUS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mobigo.transit.live import Vehicle
    from mobigo.transit.timetable import Timetable

AT_STOP = 60.0
"""Metres from a stop within which a vehicle may be standing at it, and by which one way is no nearer than another."""
OFF_ROUTE = 1_500.0
"""Metres from the straight line between two stops at which a vehicle may still be on its way between them, at least;
between stops far apart, half their distance."""
DAY = 86_400


class Late(NamedTuple):
    """How late a vehicle is at a call, seconds; None: that is not known."""

    place: int
    """Position in the trip's stop list."""
    arrival: int | None
    departure: int | None


def find_delay(timetable: Timetable, trip: int, begins: int, vehicle: Vehicle, stop: int | None) -> Late | str:
    """Tell how late a vehicle is, at the call it is at or bound for.

    Its place on the way is the nearest one on the straight lines between stops; of those about as near, the one where
    it is least late or early, so that loops and ways back are told apart. `Vehicle.sequence` and `stop_id` name the
    call it is at or bound for and narrow that down. At a stop it is never early, and late only when it should have
    left.

    Parameters
    ----------
    timetable : Timetable
    trip : int
        Trip of the timetable.
    begins : int
        Seconds since 1970 UTC from which the trip's times count on that day.
    vehicle : Vehicle
    stop : int, optional
        Stop of the timetable that `Vehicle.stop_id` names.

    Returns
    -------
    Late, or a sentence that says why there is no telling.
    """
    rows = slice(int(timetable.call_first[trip]), int(timetable.call_first[trip + 1]))
    stops = timetable.call_stop[rows]
    arrival = timetable.call_arrival[rows].astype(np.int64) + begins
    departure = timetable.call_departure[rows].astype(np.int64) + begins
    east, north = _around(vehicle, timetable.stop_lon[stops], timetable.stop_lat[stops])
    if not (np.isfinite(east).all() and np.isfinite(north).all()):
        return "a stop of its trip, or itself, has no place"
    share, metres, length = _project(east, north)
    off = vehicle.at - (departure[:-1] + share * (arrival[1:] - departure[:-1]))
    bound = _find_bound(timetable.call_sequence[rows], stops, vehicle.sequence, stop)
    if bound is not None:
        elsewhere = np.ones(len(share), np.bool_)
        elsewhere[max(bound - 1, 0) : bound + 1] = False
        metres = np.where(elsewhere, np.inf, metres)
    nearest = int(metres.argmin())
    if metres[nearest] > max(OFF_ROUTE, float(length[nearest]) / 2):
        return f"it is {metres[nearest] / 1000:.1f} km from where its trip goes"
    near = np.flatnonzero(metres <= metres[nearest] + AT_STOP)
    segment = int(near[np.abs(off[near]).argmin()])
    for standing in (segment, segment + 1):
        if float(np.hypot(east[standing], north[standing])) <= AT_STOP:
            return _check(_at_stop(arrival, departure, standing, vehicle.at))
    late = int(off[segment])
    return _check(Late(segment + 1, late, late))


def _at_stop(arrival: NDArray[np.int64], departure: NDArray[np.int64], place: int, at: int) -> Late:
    """Lateness at the call where a vehicle stands."""
    if place == len(arrival) - 1:
        return Late(place, int(at - arrival[place]), None)
    return Late(place, None, max(int(at - departure[place]), 0))


def _check(late: Late) -> Late | str:
    if max(abs(late.arrival or 0), abs(late.departure or 0)) > DAY:
        return "its place on the way is over a day from the plan"
    return late


def _around(
    vehicle: Vehicle, lon: NDArray[np.float64], lat: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Metres east and north of a vehicle, on a plane that touches the ground there."""
    east = np.radians((lon - vehicle.lon + 180) % 360 - 180) * np.cos(np.radians(vehicle.lat)) * EARTH_RADIUS
    return east, np.radians(lat - vehicle.lat) * EARTH_RADIUS


def _project(
    east: NDArray[np.float64], north: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """For each line from place to next: where on it (0 to 1) it is nearest to (0, 0), how near, its length."""
    across, up = np.diff(east), np.diff(north)
    squared = across**2 + up**2
    along = -(east[:-1] * across + north[:-1] * up)
    share = np.clip(np.divide(along, squared, out=np.zeros(len(along)), where=squared > 0), 0, 1)
    return share, np.hypot(east[:-1] + share * across, north[:-1] + share * up), np.sqrt(squared)


def _find_bound(
    sequences: NDArray[np.int32], stops: NDArray[np.int32], sequence: int | None, stop: int | None
) -> int | None:
    """Position of the call the vehicle says it is at or bound for; None when it does not say, or not clearly."""
    fits = np.ones(len(stops), np.bool_) if stop is None else stops == stop
    if sequence is not None and (fits & (sequences == sequence)).any():
        fits &= sequences == sequence
    elif stop is None:
        return None
    places = np.flatnonzero(fits)
    return int(places[0]) if len(places) == 1 else None
