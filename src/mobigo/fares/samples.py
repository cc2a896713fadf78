"""Journeys to try prices on: of each route of the feeds a trip, whole and in half, and changes between them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo

import numpy as np

from mobigo.fares.model import FareRide, RideKind
from mobigo.transit.shapes import draw
from mobigo.transit.ways import measure_way

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from psycopg import Connection

MOST = 400
"""Journeys; half of them may have a change."""

One = TypeVar("One")

NOON = 12 * 3600

_CALLS = """
    WITH counted AS (
        SELECT t.version_id, t.route_id, t.line, t.trip_id, count(*) AS calls
        FROM feed f
        JOIN trips t ON t.version_id = f.active_version
        JOIN stop_times_compact c ON c.version_id = t.version_id AND c.trip_line = t.line
        WHERE c.stop_line IS NOT NULL AND coalesce(c.departure_time, c.arrival_time) IS NOT NULL
        GROUP BY t.version_id, t.route_id, t.line, t.trip_id
    ), chosen AS (
        SELECT DISTINCT ON (version_id, route_id) * FROM counted ORDER BY version_id, route_id, calls DESC, trip_id
    )
    SELECT f.source, r.route_id, coalesce(r.route_short_name, r.route_long_name, r.route_id), r.agency_id, a.zone,
        k.trip_id, s.stop_id, coalesce(s.stop_name, s.stop_id), s.stop_lon, s.stop_lat, s.parent_station,
        coalesce(x.station_id, f.source || ':' || coalesce(s.parent_station, s.stop_id)),
        coalesce(c.arrival_time, c.departure_time), coalesce(c.departure_time, c.arrival_time), c.shape_dist_traveled,
        t.version_id, t.shape_id
    FROM chosen k
    JOIN trips t ON t.version_id = k.version_id AND t.line = k.line
    JOIN feed f ON f.active_version = k.version_id
    JOIN routes r ON r.version_id = k.version_id AND r.route_id = k.route_id
    JOIN stop_times_compact c ON c.version_id = k.version_id AND c.trip_line = k.line
    JOIN stops s ON s.version_id = c.version_id AND s.line = c.stop_line
    LEFT JOIN station_stop x ON x.stop_id = f.source || ':' || s.stop_id
    CROSS JOIN LATERAL (
        SELECT min(agency_timezone) AS zone, min(agency_id) AS id FROM agency WHERE version_id = k.version_id
    ) a
    WHERE coalesce(c.departure_time, c.arrival_time) IS NOT NULL
    ORDER BY f.source, r.route_id, c.stop_sequence
"""

_SHAPE = """
    SELECT shape_pt_lon, shape_pt_lat, shape_dist_traveled FROM shapes WHERE version_id = %s AND shape_id = %s
    ORDER BY shape_pt_sequence
"""


@dataclass(frozen=True)
class Call:
    """A trip at a stop."""

    stop: str
    name: str
    station: str
    """That feeds share."""
    parent: str | None
    metres: int
    """From the first one, as `transit.ways` measures."""
    arrival: datetime
    departure: datetime


@dataclass(frozen=True)
class Run:
    """A trip of a route."""

    source: str
    route: str
    name: str
    agency: str
    trip: str
    calls: tuple[Call, ...]

    def ride(self, first: int, last: int, day: date, later: timedelta = timedelta(0)) -> FareRide:
        """Return the ride from one call to a later one."""
        board, alight = self.calls[first], self.calls[last]
        return FareRide(
            kind=RideKind.LINE,
            agency=self.agency,
            route=self.route,
            networks=(),
            board=board.stop,
            alight=alight.stop,
            departure=board.departure + later,
            arrival=alight.arrival + later,
            metres=alight.metres - board.metres,
            service_date=day,
            trip=self.trip,
            passes=tuple(call.stop for call in self.calls[first : last + 1]),
            stations=(board.parent, alight.parent),
        )


@dataclass(frozen=True)
class Sample:
    """A journey to try prices on."""

    name: str
    rides: tuple[FareRide, ...]


def list_samples(connection: Connection[Any], day: date, most: int = MOST) -> list[Sample]:
    """List journeys of a day over all feeds in service, always the same ones: not whether they run on that day."""
    runs = list(_read_runs(connection, day))
    alone = [
        Sample(_name(run, 0, end), (run.ride(0, end, day),))
        for run in runs
        for end in dict.fromkeys((len(run.calls) - 1, len(run.calls) // 2))
    ]
    changes = list(_list_changes(_spread(runs, most // 2), day))
    return _spread(alone, most - min(most // 2, len(changes))) + _spread(changes, most // 2)


def _spread(found: list[One], most: int) -> list[One]:
    """Take so many, evenly."""
    if len(found) <= most:
        return found
    return [found[number * len(found) // most] for number in range(most)]


def _list_changes(runs: list[Run], day: date) -> Iterator[Sample]:
    """Change once: from the first call of a run to where another run can be taken on to its end, ten minutes later."""
    for before in runs:
        reached = {call.station: number for number, call in enumerate(before.calls) if number > 0}
        for after in runs:
            if after.route == before.route:
                continue
            there = next((number for number, call in enumerate(after.calls[:-1]) if call.station in reached), None)
            if there is None:
                continue
            end = reached[after.calls[there].station]
            wait = before.calls[end].arrival + timedelta(minutes=10) - after.calls[there].departure
            last = len(after.calls) - 1
            rides = (before.ride(0, end, day), after.ride(there, last, day, wait))
            yield Sample(f"{_name(before, 0, end)}; {_name(after, there, last)}", rides)


def _name(run: Run, first: int, last: int) -> str:
    return f"{run.name}: {run.calls[first].name} - {run.calls[last].name}"


def _read_runs(connection: Connection[Any], day: date) -> Iterator[Run]:
    rows: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
    for row in connection.execute(_CALLS):
        rows.setdefault((row[0], row[1]), []).append(row)
    for (source, route), calls in rows.items():
        _, _, name, agency, zone, trip, *_ = calls[0]
        if len(calls) > 1:
            yield Run(
                source=source,
                route=f"{source}:{route}",
                name=name,
                agency=f"{source}:{agency or ''}",
                trip=f"{source}:{trip}",
                calls=tuple(_read_calls(source, calls, _measure(connection, calls), day, ZoneInfo(zone))),
            )


def _measure(connection: Connection[Any], rows: list[tuple[Any, ...]]) -> list[int]:
    """Measure from the first call of a trip to each."""
    lon, lat, told = (np.array([row[at] for row in rows], np.float64) for at in (8, 9, 14))
    points = np.array(connection.execute(_SHAPE, rows[0][15:]).fetchall(), np.float64).reshape(-1, 3)
    found: list[int] = np.cumsum(measure_way(lon, lat, told, draw(*points.T))).tolist()
    return found


def _read_calls(
    source: str, rows: list[tuple[Any, ...]], metres: list[int], day: date, zone: ZoneInfo
) -> Iterator[Call]:
    origin = datetime.combine(day, time(12), zone) - timedelta(seconds=NOON)
    for row, along in zip(rows, metres, strict=True):
        stop, name, _, _, parent, station, arrival, departure = row[6:14]
        yield Call(
            stop=f"{source}:{stop}",
            name=name,
            station=station,
            parent=f"{source}:{parent}" if parent else None,
            metres=along,
            arrival=(origin + timedelta(seconds=arrival)),
            departure=(origin + timedelta(seconds=departure)),
        )
