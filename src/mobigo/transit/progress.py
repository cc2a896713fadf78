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
OFF_ROUTE, OFF_LINE = 1_500.0, 0.5
"""Metres beside its way at which a vehicle may still be on its trip; where the way is only known as a straight line
between two stops, half of their distance if that is more."""
DAY = 86_400
SPACING, MANY_POINTS = 50.0, 4_000
"""Metres between the points of a way that are looked at, and how many there are at most."""


class Late(NamedTuple):
    """How late a vehicle is at a call, seconds; None: that is not known."""

    place: int
    """Position in the trip's stop list."""
    arrival: int | None
    departure: int | None


class Way(NamedTuple):
    """The way of a trip on a plane that touches the ground at its first stop: points in order, metres."""

    lon: float
    lat: float
    east: NDArray[np.float64]
    north: NDArray[np.float64]
    metres: NDArray[np.float64]
    """float64[n_points], from the first point."""
    stop_east: NDArray[np.float64]
    stop_north: NDArray[np.float64]
    stop_metres: NDArray[np.float64]
    """float64[n_stops], where on the way each stop is; never descending."""
    drawn: bool
    """It follows the shape of the feed, not straight lines."""


def draw_way(timetable: Timetable, trip: int) -> Way | None:
    """Draw the way of a trip: its shape if it has one, else straight lines; None when a stop has no place."""
    stop = timetable.call_stop[int(timetable.call_first[trip]) : int(timetable.call_first[trip + 1])]
    lon, lat = timetable.stop_lon[stop], timetable.stop_lat[stop]
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        return None
    origin = float(lon[0]), float(lat[0])
    stop_east, stop_north = _flatten(*origin, lon, lat)
    shape = int(timetable.trip_shape[trip])
    points = slice(0, 0) if shape < 0 else slice(*timetable.shape_first[shape : shape + 2].tolist())
    east, north = _flatten(*origin, timetable.shape_lon[points], timetable.shape_lat[points])
    drawn = len(east) > 1 and bool(np.isfinite(east).all() and np.isfinite(north).all())
    if drawn:
        east, north, metres = _sample(east, north)
        stop_metres = _place_stops(east, north, metres, stop_east, stop_north)
    else:
        east, north, metres = _sample(stop_east, stop_north)
        stop_metres = _cumulate(stop_east, stop_north)
    return Way(*origin, east, north, metres, stop_east, stop_north, stop_metres, drawn)


def find_delay(
    timetable: Timetable, trip: int, begins: int, vehicle: Vehicle, *, stop: int | None, way: Way
) -> Late | str:
    """Tell how late a vehicle is, at the call it is at or bound for.

    Its place is the nearest one on the way; of stretches about as near, the one where it is least late or early, so
    that loops and ways back are told apart. `Vehicle.sequence` and `stop_id` name the call it is at or bound for and
    narrow that down. At a stop it is never early, and late only when it should have left.

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
    way : Way
        Of the trip.

    Returns
    -------
    Late, or a sentence that says why there is no telling.
    """
    rows = slice(int(timetable.call_first[trip]), int(timetable.call_first[trip + 1]))
    arrival = timetable.call_arrival[rows].astype(np.int64) + begins
    departure = timetable.call_departure[rows].astype(np.int64) + begins
    if not (np.isfinite(vehicle.lat) and np.isfinite(vehicle.lon)):
        return "it has no place"
    here = _flatten(way.lon, way.lat, np.array([vehicle.lon]), np.array([vehicle.lat]))
    beside, along = _look(way, float(here[0][0]), float(here[1][0]))
    length = np.diff(way.stop_metres)
    share = np.clip(np.divide(along - way.stop_metres[:-1], length, out=np.zeros(len(along)), where=length > 0), 0, 1)
    off = vehicle.at - (departure[:-1] + share * (arrival[1:] - departure[:-1]))
    bound = _find_bound(timetable.call_sequence[rows], timetable.call_stop[rows], vehicle.sequence, stop)
    if bound is not None:
        elsewhere = np.ones(len(beside), np.bool_)
        elsewhere[max(bound - 1, 0) : bound + 1] = False
        beside = np.where(elsewhere, np.inf, beside)
    nearest = int(beside.argmin())
    if beside[nearest] > (OFF_ROUTE if way.drawn else max(OFF_ROUTE, OFF_LINE * float(length[nearest]))):
        return f"it is {beside[nearest] / 1000:.1f} km from where its trip goes"
    near = np.flatnonzero(beside <= beside[nearest] + AT_STOP)
    segment = int(near[np.abs(off[near]).argmin()])
    from_stop = np.hypot(way.stop_east - here[0], way.stop_north - here[1])
    for standing in (segment, segment + 1):
        if from_stop[standing] <= AT_STOP:
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


def _flatten(
    lon: float, lat: float, lons: NDArray[np.float64], lats: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Metres east and north of a place, on a plane that touches the ground there."""
    east = np.radians((lons - lon + 180) % 360 - 180) * np.cos(np.radians(lat)) * EARTH_RADIUS
    return east, np.radians(lats - lat) * EARTH_RADIUS


def _cumulate(east: NDArray[np.float64], north: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate(([0.0], np.cumsum(np.hypot(np.diff(east), np.diff(north)))))


def _sample(
    east: NDArray[np.float64], north: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Points of a line with others between them, so that none are far apart; and their metres along it."""
    metres = _cumulate(east, north)
    between = np.linspace(0, metres[-1], min(int(metres[-1] / SPACING) + 2, MANY_POINTS))
    wanted = np.union1d(metres, between)
    return np.interp(wanted, metres, east), np.interp(wanted, metres, north), wanted


def _place_stops(
    east: NDArray[np.float64],
    north: NDArray[np.float64],
    metres: NDArray[np.float64],
    stop_east: NDArray[np.float64],
    stop_north: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Where on a line each stop is: the first place after the stop before that is about as near as any."""
    places = np.zeros(len(stop_east))
    first = 0
    for number in range(len(stop_east)):
        away = np.hypot(east[first:] - stop_east[number], north[first:] - stop_north[number])
        enough = np.flatnonzero(away <= away.min() + SPACING)
        apart = np.flatnonzero(np.diff(enough) > 1)
        stretch = enough[: apart[0] + 1] if len(apart) else enough
        first += int(stretch[away[stretch].argmin()])
        places[number] = metres[first]
    return places


def _look(way: Way, east: float, north: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For each stretch from stop to stop: how near its nearest place to a point is, and its metres along the way."""
    first = np.searchsorted(way.metres, way.stop_metres[:-1], side="right") - 1
    last = np.searchsorted(way.metres, way.stop_metres[1:], side="left")
    across, up = np.diff(way.east), np.diff(way.north)
    squared = across**2 + up**2
    reach = (east - way.east[:-1]) * across + (north - way.north[:-1]) * up
    share = np.clip(np.divide(reach, squared, out=np.zeros(len(reach)), where=squared > 0), 0, 1)
    away = np.hypot(east - way.east[:-1] - share * across, north - way.north[:-1] - share * up)
    along = way.metres[:-1] + share * np.diff(way.metres)
    beside, at = np.empty(len(first)), np.empty(len(first))
    for number, (start, end) in enumerate(zip(first.tolist(), last.tolist(), strict=True)):
        start = min(start, len(away) - 1)  # noqa: PLW2901 - the last point begins no stretch
        best = start + int(away[start : max(end, start + 1)].argmin())
        beside[number], at[number] = away[best], along[best]
    return beside, at


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
