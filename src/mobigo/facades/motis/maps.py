"""HTTP: what maps show, as MOTIS answers it: where to begin, stops, and vehicles between stops."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request, Response
from numpy.typing import NDArray
from pydantic import Field

from mobigo import __version__
from mobigo.facades.motis.answers import (
    ERRORS,
    HealthAnswer,
    InitialAnswer,
    PlaceAnswer,
    SegmentAnswer,
    Version,
    answer,
)
from mobigo.facades.motis.ids import encode_line, read_point, write_seconds, write_trip
from mobigo.facades.motis.modes import Mode, expand, mode_of
from mobigo.facades.motis.parameters import LONGEST_DIRECT, LONGEST_WAY, Modes, Spoken
from mobigo.facades.motis.scribe import NAMED_APART, Scribe
from mobigo.facades.motis.stops import StopModes, list_modes
from mobigo.facades.motis.times import LONGEST_REACH, MOST_PLACES
from mobigo.journeys.network import Network
from mobigo.journeys.rides import course
from mobigo.kit.errors import InvalidInput, Refused
from mobigo.kit.geo import Point, haversine
from mobigo.kit.parameters import read_instant
from mobigo.transit.boards import find_planned_row
from mobigo.transit.overlay import NEVER, CallStatus
from mobigo.transit.timetable import begin_day, day_number, list_running, service_date

router = APIRouter(tags=["map"])

MOST_STOPS = 2048
MOST_SEGMENTS = 1500
LONGEST_LOOK = 3600
"""Seconds of a question about vehicles, at most."""
DAY = 86_400
LEAST_ZOOM = {
    Mode.HIGHSPEED_RAIL: 4,
    Mode.LONG_DISTANCE: 4,
    Mode.NIGHT_RAIL: 4,
    Mode.AIRPLANE: 4,
    Mode.REGIONAL_RAIL: 7,
    Mode.FERRY: 8,
    Mode.COACH: 8,
    Mode.SUBURBAN: 8,
    Mode.SUBWAY: 9,
    Mode.TRAM: 9,
}
"""From which vehicles of a mode are shown; all others from 10 on."""
USUAL_ZOOM = 10
WORLD_ZOOM, TOWN_ZOOM = 3, 13


class AskedBox(Spoken):
    """A rectangle."""

    min: Annotated[str, Field(max_length=100, description="A corner, `latitude,longitude`")]
    max: Annotated[str, Field(max_length=100, description="The other corner")]


class AskedStops(AskedBox):
    """What may be asked of stops on a map."""

    grouped: bool = Field(default=False, description="Stations instead of their platforms")
    modes: Modes = Field(default_factory=list)


class AskedTrips(AskedBox):
    """What may be asked of vehicles on a map."""

    zoom: float = Field(ge=0, le=30)
    start_time: Annotated[str, Field(max_length=60, description="RFC 3339")]
    end_time: Annotated[str, Field(max_length=60, description="At most an hour later")]
    precision: int = Field(default=5, ge=0, le=7, description="Decimals of `polyline`")


def _read_box(asked: AskedBox) -> tuple[float, float, float, float]:
    """Return west, south, east, north, whichever corners were given."""
    (a, b), (c, d) = read_point(asked.min, "min"), read_point(asked.max, "max")
    return min(a, c), min(b, d), max(a, c), max(b, d)


def initial(request: Request) -> Response:
    """Say where a map begins, and what this server does."""
    network: Network | None = request.app.state.networks.find_current()
    lat, lon, wide = 47.0, 4.5, 3.0
    if network is not None and np.isfinite(network.timetable.stop_lat).any():
        lats, lons = network.timetable.stop_lat, network.timetable.stop_lon
        lat, lon = float(np.nanmedian(lats)), float(np.nanmedian(lons))
        wide = max(float(np.nanquantile(one, 0.9) - np.nanquantile(one, 0.1)) for one in (lats, lons))
    zoom = float(np.clip(np.floor(np.log2(360 / max(wide, 0.001))), WORLD_ZOOM, TOWN_ZOOM))
    streets = network is not None and network.streets is not None
    return answer(
        {
            "lat": round(lat, 6),
            "lon": round(lon, 6),
            "zoom": zoom,
            "serverConfig": {
                "motisVersion": f"mobigo {__version__}",
                "hasElevation": False,
                "hasRoutedTransfers": streets,
                "hasStreetRouting": streets,
                "maxOneToManySize": MOST_PLACES,
                "maxOneToAllTravelTimeLimit": LONGEST_REACH,
                "maxPrePostTransitTimeLimit": LONGEST_WAY,
                "maxDirectTimeLimit": LONGEST_DIRECT,
                "shapesDebugEnabled": False,
            },
        }
    )


def list_stops(request: Request, version: Version, asked: Annotated[AskedStops, Query()]) -> Response:
    """List the stops of a part of the map; too many are refused."""
    west, south, east, north = _read_box(asked)
    scribe = Scribe(request.app.state.networks.current(), version, asked.language)
    timetable, known = scribe.timetable, StopModes.of(request)
    n = len(known.bits)  # live data may append stops that no map shows
    lon, lat = timetable.stop_lon[:n], timetable.stop_lat[:n]
    inside = (west <= lon) & (lon <= east) & (south <= lat) & (lat <= north) & (known.bits > 0)
    if asked.grouped:
        inside &= timetable.stop_parent[:n] < 0
    wanted = expand(asked.modes)
    found = [(stop, known.at_index(stop)) for stop in np.flatnonzero(inside).tolist()]
    found = [(stop, modes) for stop, modes in found if not wanted or wanted & modes]
    if len(found) > MOST_STOPS:
        raise Refused(f"{len(found)} stops lie there; ask for a smaller part of the map, at most {MOST_STOPS}")
    return answer(
        [scribe.stop(stop, modes=[scribe.mode(Mode(one)) for one in list_modes(modes)]) for stop, modes in found]
    )


def list_levels(request: Request, asked: Annotated[AskedBox, Query()]) -> Response:  # noqa: ARG001 - one for all
    """List the levels of a part of the map: no plan of levels is loaded."""
    _read_box(asked)
    return answer([0])


def health(request: Request) -> Response:
    """Say whether live data are heard of."""
    network: Network | None = request.app.state.networks.find_current()
    shared = network.sharing.current() if network is not None and network.sharing is not None else None
    return answer({"rt": network is not None and network.live is not None, "gbfs": shared is not None})


# ── vehicles ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def list_trips(request: Request, version: Version, asked: Annotated[AskedTrips, Query()]) -> Response:
    """List the vehicles between two stops each that are in a part of the map within a time, as they run now."""
    west, south, east, north = _read_box(asked)
    network: Network = request.app.state.networks.current()
    scribe = Scribe(network, version, asked.language)
    first, last = (read_instant(text, network.manifest.zone) for text in (asked.start_time, asked.end_time))
    if not timedelta() <= last - first <= timedelta(seconds=LONGEST_LOOK):
        raise InvalidInput("endTime is not within an hour after startTime")
    shown = _shown(scribe, asked.zoom)
    runs = network.as_it_runs
    timetable = scribe.timetable
    lon, lat = timetable.stop_lon, timetable.stop_lat
    a, b = timetable.call_stop[:-1], timetable.call_stop[1:]
    with np.errstate(invalid="ignore"):
        touches = (np.minimum(lon[a], lon[b]) <= east) & (np.maximum(lon[a], lon[b]) >= west)
        touches &= (np.minimum(lat[a], lat[b]) <= north) & (np.maximum(lat[a], lat[b]) >= south)
    touches[timetable.call_first[1:-1] - 1] = False  # the last call of a trip leads nowhere
    rows = np.flatnonzero(touches)
    trips = np.searchsorted(timetable.call_first, rows, side="right") - 1
    keep = shown[timetable.trip_route[trips]] & (timetable.trip_pattern[trips] >= 0)
    rows, trips = rows[keep], trips[keep]
    found = [
        segment
        for day in _days(scribe, first, last)
        for segment in _list_day(scribe, runs, (rows, trips), day, (first.timestamp(), last.timestamp()))
    ]
    if len(found) > MOST_SEGMENTS:
        raise Refused(f"{len(found)} vehicles are there; ask for a smaller part of the map or a shorter time")
    return answer([_segment(scribe, runs, one, asked.precision) for one in found])


def _shown(scribe: Scribe, zoom: float) -> NDArray[np.bool_]:
    """Tell which lines are shown; the last one stands for no line."""
    types = scribe.timetable.route_type.tolist()
    return np.array([*(zoom >= LEAST_ZOOM.get(mode_of(one), USUAL_ZOOM) for one in types), zoom >= USUAL_ZOOM])


def _days(scribe: Scribe, first: datetime, last: datetime) -> range:
    """Return the service days on which a vehicle may be under way: trips end two days after they began, at most."""
    longest = int(scribe.timetable.call_arrival.max(initial=0)) // DAY + 1
    return range(day_number(first.date()) - longest, day_number(last.date()) + 1)


def _list_day(
    scribe: Scribe,
    network: Network,
    hops: tuple[NDArray[np.int64], NDArray[np.int64]],
    day: int,
    within: tuple[float, float],
) -> list[tuple[int, int, int, int]]:
    """List the ways between two stops that are gone on a day within a time: day, row, shift and trip of each."""
    timetable, (rows, trips) = scribe.timetable, hops
    running = np.flatnonzero(list_running(timetable, day))
    found: list[tuple[int, int, int, int]] = []
    runs_of = timetable.run_trip[running]
    begin = np.array([begin_day(day, zone) for zone in network.zones], np.int64)
    for run in running[np.isin(runs_of, trips)].tolist():
        trip, shift = int(timetable.run_trip[run]), int(timetable.run_shift[run])
        own = rows[slice(*np.searchsorted(trips, [trip, trip + 1]).tolist())]
        start = int(begin[timetable.trip_zone[trip]]) + shift
        leaves, arrives = start + timetable.call_departure[own], start + timetable.call_arrival[own + 1]
        there = own[(leaves <= within[1]) & (arrives >= within[0])]
        found += [(day, row, shift, trip) for row in there.tolist()]
    return found


def _segment(scribe: Scribe, network: Network, one: tuple[int, int, int, int], precision: int) -> dict[str, Any]:
    """Write a vehicle between two stops."""
    day, row, shift, trip = one
    timetable, overlay = scribe.timetable, scribe.overlay
    start = begin_day(day, network.zones[int(timetable.trip_zone[trip])]) + shift
    times = start + int(timetable.call_departure[row]), start + int(timetable.call_arrival[row + 1])
    planned, known = list(times), False
    begins = int(timetable.call_departure[timetable.call_first[trip]])
    if overlay is not None and row >= overlay.base_calls[0]:
        at = row - int(overlay.base_calls[0])
        told = int(overlay.call_planned_departure[at]), int(overlay.call_planned_arrival[at + 1])
        planned = [now if own == NEVER else start + own for own, now in zip(told, times, strict=True)]
        known = bool(overlay.call_status[at] == CallStatus.LIVE) or planned != list(times)
        below = find_planned_row(timetable, overlay, int(timetable.call_first[trip]))
        begins = int(timetable.call_departure[below]) if below >= 0 else begins
    points = course(network, trip, row, row + 1)
    line = scribe.line(trip)
    name = write_trip(service_date(day), begins + shift, timetable.trip_ids.at(trip))
    named = "displayName" if scribe.version >= NAMED_APART else "routeShortName"
    found: dict[str, Any] = {
        "trips": [{"tripId": name, named: line["displayName"]}],
        "mode": line["mode"],
        "distance": round(sum(haversine(Point(*a), Point(*b)) for a, b in pairwise(points)), 1),
        "from": scribe.stop(int(timetable.call_stop[row])),
        "to": scribe.stop(int(timetable.call_stop[row + 1])),
        "departure": write_seconds(times[0]),
        "arrival": write_seconds(times[1]),
        "scheduledDeparture": write_seconds(planned[0]),
        "scheduledArrival": write_seconds(planned[1]),
        "realTime": known,
        "polyline": encode_line(points, precision),
    }
    if "routeColor" in line:
        found["routeColor"] = line["routeColor"]
    return found


router.add_api_route("/api/v1/map/initial", initial, methods=["GET"], response_model=InitialAnswer, responses=ERRORS)
router.add_api_route("/api/v1/map/levels", list_levels, methods=["GET"], response_model=list[float], responses=ERRORS)
router.add_api_route("/api/v1/health", health, methods=["GET"], response_model=HealthAnswer)
for _version in (1, 6):
    router.add_api_route(
        f"/api/v{_version}/map/stops", list_stops, methods=["GET"], response_model=list[PlaceAnswer], responses=ERRORS
    )
for _version in (1, 4, 5, 6):
    router.add_api_route(
        f"/api/v{_version}/map/trips", list_trips, methods=["GET"], response_model=list[SegmentAnswer], responses=ERRORS
    )
