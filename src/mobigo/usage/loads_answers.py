"""How full lines, trips and stops are: means, the value not exceeded on nine days of ten, and the highest.

Loads are those of `usage_load`: one row for every call of every trip of a source that noted anybody on that day, also
with nobody aboard. People who get on are validated or counted; where they get off is counted or estimated.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mobigo.usage.answers import Answer, Column, Kind, clock, join_id, read_lines, rounded, share
from mobigo.usage.sentences import say

if TYPE_CHECKING:
    from psycopg import Connection

    from mobigo.usage.answers import Lines, Value, Wanted
    from mobigo.usage.economy import Rates, Seats

_ROWS = """
    wanted AS (
        SELECT l.*, d.day_type FROM usage_load AS l JOIN usage_day AS d USING (day)
        WHERE d.day BETWEEN %(first)s AND %(last)s AND l.trip <> ''
            AND (%(types)s::text[] IS NULL OR d.day_type = ANY (%(types)s::text[]))
            AND (%(service)s::text IS NULL OR l.service = %(service)s)
            AND (%(source)s::text IS NULL OR l.source = %(source)s)
            AND (%(route)s::text IS NULL OR l.route = %(route)s)
    ),
    trip_day AS (
        SELECT service, source, route, trip, day_type, day, sum(boardings) AS boardings, max(load) AS peak,
            min(departure) AS departure, bool_and(counted) AS counted
        FROM wanted GROUP BY service, source, route, trip, day_type, day
    ),
    seats AS (
        SELECT * FROM unnest(%(s_service)s::text[], %(s_source)s::text[], %(s_route)s::text[], %(s_seats)s::int[])
            AS one (service, source, route, seats)
    )
"""

_LINES = """
    WITH {rows}, line_day AS (
        SELECT service, source, route, day_type, day, sum(boardings) AS boardings, max(peak) AS peak, count(*) AS runs,
            count(*) FILTER (WHERE peak > seats) AS over, count(*) FILTER (WHERE peak = 0) AS empty,
            bool_and(counted) AS counted
        FROM trip_day LEFT JOIN seats USING (service, source, route) GROUP BY service, source, route, day_type, day
    ), ran AS (
        SELECT s.service, s.source, s.route, d.day_type, sum(s.passenger_metres) AS ridden, sum(s.metres) AS metres
        FROM usage_supply AS s JOIN line_day AS d USING (service, source, route, day)
        GROUP BY s.service, s.source, s.route, d.day_type
    )
    SELECT service, source, route, day_type, count(*), avg(runs), avg(boardings),
        percentile_disc(0.9) WITHIN GROUP (ORDER BY boardings), max(boardings), avg(peak),
        percentile_disc(0.9) WITHIN GROUP (ORDER BY peak), max(peak), sum(over), sum(empty), sum(runs),
        max(ridden), max(metres), bool_and(counted)
    FROM line_day LEFT JOIN ran USING (service, source, route, day_type)
    GROUP BY service, source, route, day_type ORDER BY service, source, route, day_type
"""

_TRIPS = """
    WITH {rows}, stop_mean AS (
        SELECT service, source, route, trip, day_type, sequence, min(stop) AS stop, avg(load) AS load
        FROM wanted GROUP BY service, source, route, trip, day_type, sequence
    ), stretch AS (
        SELECT *, lead(stop) OVER one AS next_stop, first_value(stop) OVER one AS from_stop,
            last_value(stop) OVER (
                PARTITION BY service, source, route, trip, day_type ORDER BY sequence
                ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
            ) AS to_stop
        FROM stop_mean WINDOW one AS (PARTITION BY service, source, route, trip, day_type ORDER BY sequence)
    ), top AS (
        SELECT DISTINCT ON (service, source, route, trip, day_type) * FROM stretch
        ORDER BY service, source, route, trip, day_type, load DESC, sequence
    ), told AS (
        SELECT service, source, route, trip, day_type, count(*) AS days, min(departure) AS departure,
            avg(boardings) AS boardings, percentile_disc(0.9) WITHIN GROUP (ORDER BY boardings) AS boardings_p90,
            max(boardings) AS boardings_max, avg(peak) AS peak,
            percentile_disc(0.9) WITHIN GROUP (ORDER BY peak) AS peak_p90, max(peak) AS peak_max,
            count(*) FILTER (WHERE peak > seats) AS over, count(*) FILTER (WHERE peak = 0) AS empty,
            bool_and(counted) AS counted
        FROM trip_day LEFT JOIN seats USING (service, source, route)
        GROUP BY service, source, route, trip, day_type
    )
    SELECT told.*, f.trip_id IS NOT NULL, coalesce(t.trip_headsign, ''), coalesce(a.stop_name, top.from_stop),
        coalesce(z.stop_name, top.to_stop), coalesce(b.stop_name, top.stop), coalesce(c.stop_name, top.next_stop)
    FROM told JOIN top USING (service, source, route, trip, day_type)
    LEFT JOIN feed ON feed.source = told.source
    LEFT JOIN trips AS t ON t.version_id = feed.active_version AND t.trip_id = told.trip
    LEFT JOIN (SELECT DISTINCT version_id, trip_id FROM frequencies) AS f
        ON f.version_id = feed.active_version AND f.trip_id = told.trip
    LEFT JOIN stops AS a ON a.version_id = feed.active_version AND a.stop_id = top.from_stop
    LEFT JOIN stops AS z ON z.version_id = feed.active_version AND z.stop_id = top.to_stop
    LEFT JOIN stops AS b ON b.version_id = feed.active_version AND b.stop_id = top.stop
    LEFT JOIN stops AS c ON c.version_id = feed.active_version AND c.stop_id = top.next_stop
    ORDER BY told.service, told.source, told.route, told.departure, told.trip, told.day_type
"""

_STOPS = """
    WITH {rows}, stop_day AS (
        SELECT service, source, stop, day_type, day, sum(boardings) AS boardings, sum(alightings) AS alightings,
            bool_and(counted) AS counted, array_agg(DISTINCT route) AS routes
        FROM wanted GROUP BY service, source, stop, day_type, day
    ), told AS (
        SELECT service, source, stop, day_type, count(*) AS days, avg(boardings) AS boardings,
            percentile_disc(0.9) WITHIN GROUP (ORDER BY boardings) AS p90, max(boardings) AS most,
            avg(alightings) AS alightings, max(alightings) AS most_off, bool_and(counted) AS counted
        FROM stop_day GROUP BY service, source, stop, day_type
    )
    SELECT told.*, coalesce(s.stop_name, told.stop), ST_AsGeoJSON(s.geom, 6)
    FROM told LEFT JOIN feed ON feed.source = told.source
    LEFT JOIN stops AS s ON s.version_id = feed.active_version AND s.stop_id = told.stop
    ORDER BY told.service, told.source, told.stop, told.day_type
"""

_HOURS = """
    WITH {rows}, headway AS (
        SELECT feed.source, f.trip_id AS trip, run.at, count(*) OVER (PARTITION BY feed.source, f.trip_id) AS runs
        FROM frequencies AS f JOIN feed ON feed.active_version = f.version_id
        CROSS JOIN LATERAL generate_series(f.start_time, f.end_time - 1, f.headway_secs) AS run (at)
    ), timed AS (
        SELECT service, source, route, day_type, day, (departure / 3600 + 24) %% 24 AS hour,
            boardings::numeric AS shared, load
        FROM wanted WHERE (source, trip) NOT IN (SELECT source, trip FROM headway)
        UNION ALL
        SELECT service, source, route, day_type, day, ((h.at + w.departure - t.departure) / 3600 + 24) %% 24,
            w.boardings / h.runs::numeric, w.load
        FROM wanted AS w JOIN headway AS h USING (source, trip)
        JOIN (
            SELECT source, trip, day, min(departure) AS departure FROM wanted GROUP BY source, trip, day
        ) AS t USING (source, trip, day)
    ), hour_day AS (
        SELECT service, source, route, day_type, day, hour, sum(shared) AS boardings, max(load) AS peak
        FROM timed GROUP BY service, source, route, day_type, day, hour
    ), days AS (
        SELECT service, source, route, day_type, count(DISTINCT day) AS days FROM wanted
        GROUP BY service, source, route, day_type
    )
    SELECT service, source, route, day_type, hour, max(days), sum(boardings) / max(days)::numeric, max(boardings),
        avg(peak), max(peak)
    FROM hour_day JOIN days USING (service, source, route, day_type)
    GROUP BY service, source, route, day_type, hour ORDER BY service, source, route, day_type, hour
"""

_PROFILE = """
    WITH {rows}
    SELECT w.sequence, w.stop, coalesce(s.stop_name, w.stop), min(w.departure), count(DISTINCT w.day),
        avg(w.boardings), avg(w.alightings), avg(w.load), percentile_disc(0.9) WITHIN GROUP (ORDER BY w.load),
        max(w.load), bool_and(w.counted), ST_AsGeoJSON(s.geom, 6), min(w.route)
    FROM wanted AS w LEFT JOIN feed ON feed.source = w.source
    LEFT JOIN stops AS s ON s.version_id = feed.active_version AND s.stop_id = w.stop
    WHERE w.trip = %(trip)s
    GROUP BY w.sequence, w.stop, s.stop_name, s.geom ORDER BY w.sequence, w.stop
"""

_LINE_SHAPES = """
    SELECT feed.source, t.route_id, ST_AsGeoJSON(ST_Collect(DISTINCT ST_Simplify(l.geom, 0.0003, true)), 5)
    FROM feed JOIN (SELECT DISTINCT version_id, route_id, shape_id FROM trips WHERE shape_id IS NOT NULL) AS t
        ON t.version_id = feed.active_version
    JOIN shape_lines AS l ON l.version_id = t.version_id AND l.shape_id = t.shape_id
    WHERE %(source)s::text IS NULL OR feed.source = %(source)s
    GROUP BY feed.source, t.route_id
"""

_LINE_STOPS = """
    SELECT source, route_id, ST_AsGeoJSON(ST_MakeLine(geom ORDER BY stop_sequence), 5) FROM (
        SELECT DISTINCT ON (feed.source, t.route_id) feed.source, t.route_id, t.version_id, t.line FROM feed
        JOIN trips AS t ON t.version_id = feed.active_version
        WHERE (%(source)s::text IS NULL OR feed.source = %(source)s)
            AND NOT EXISTS (SELECT FROM trips AS o WHERE o.version_id = t.version_id AND o.route_id = t.route_id
                AND o.shape_id IS NOT NULL)
        ORDER BY feed.source, t.route_id, (SELECT count(*) FROM stop_times_compact AS c
            WHERE c.version_id = t.version_id AND c.trip_line = t.line) DESC, t.trip_id
    ) AS longest
    JOIN stop_times_compact AS c ON c.version_id = longest.version_id AND c.trip_line = longest.line
    JOIN stops AS s ON s.version_id = c.version_id AND s.line = c.stop_line
    WHERE s.geom IS NOT NULL GROUP BY source, route_id HAVING count(*) > 1
"""

HEAD = (Column("service"), Column("line"), Column("line_name"))
AMOUNTS = (
    Column("boardings_mean", Kind.NUMBER),
    Column("boardings_p90", Kind.COUNT),
    Column("boardings_max", Kind.COUNT),
    Column("peak_mean", Kind.NUMBER),
    Column("peak_p90", Kind.NUMBER),
    Column("peak_max", Kind.NUMBER),
)
SEATS = (Column("seats", Kind.COUNT), Column("seats_said", Kind.FLAG))
COUNTED = Column("counted", Kind.FLAG)

LINES = (
    *HEAD, Column("day_type"), Column("days", Kind.COUNT), Column("runs_a_day", Kind.NUMBER), *AMOUNTS, *SEATS,
    Column("occupancy", Kind.SHARE), Column("runs_over_seats", Kind.SHARE), Column("runs_empty", Kind.SHARE), COUNTED,
)  # fmt: skip
TRIPS = (
    *HEAD, Column("trip"), Column("departure", Kind.CLOCK), Column("headsign"), Column("from_stop"), Column("to_stop"),
    Column("day_type"), Column("days", Kind.COUNT), *AMOUNTS, Column("fullest_from"), Column("fullest_to"), *SEATS,
    Column("occupancy_at_peak", Kind.SHARE), Column("days_over_seats", Kind.SHARE), Column("days_empty", Kind.SHARE),
    COUNTED,
)  # fmt: skip
STOPS = (
    Column("service"), Column("stop"), Column("stop_name"), Column("day_type"), Column("days", Kind.COUNT),
    Column("boardings_mean", Kind.NUMBER), Column("boardings_p90", Kind.COUNT), Column("boardings_max", Kind.COUNT),
    Column("alightings_mean", Kind.NUMBER), Column("alightings_max", Kind.COUNT), COUNTED,
)  # fmt: skip
HOURS = (
    *HEAD, Column("day_type"), Column("hour", Kind.HOUR), Column("days", Kind.COUNT),
    Column("boardings_mean", Kind.NUMBER), Column("boardings_max", Kind.COUNT), Column("peak_mean", Kind.NUMBER),
    Column("peak_max", Kind.NUMBER),
)  # fmt: skip
PROFILE = (
    Column("sequence", Kind.COUNT), Column("stop"), Column("stop_name"), Column("departure", Kind.CLOCK),
    Column("days", Kind.COUNT), Column("boardings_mean", Kind.NUMBER), Column("alightings_mean", Kind.NUMBER),
    Column("load_mean", Kind.NUMBER), Column("load_p90", Kind.NUMBER), Column("load_max", Kind.NUMBER), *SEATS, COUNTED,
)  # fmt: skip


class Loads:
    """Answers about how full vehicles are.

    Parameters
    ----------
    connection : psycopg.Connection
    wanted : Wanted
    rates : Rates
        They know how many sit in a vehicle.
    """

    def __init__(self, connection: Connection[Any], wanted: Wanted, rates: Rates) -> None:
        self.connection, self.wanted, self.rates = connection, wanted, rates
        self.lines = read_lines(connection)
        self.seats = find_all_seats(self.lines, wanted, rates)

    def list_lines(self) -> Answer:
        """How full each line is, by sort of day."""
        rows: list[tuple[Value, ...]] = []
        places = []
        drawn = self._draw_lines()
        for service, source, route, kind, days, runs, *told in self._run(_LINES):
            *amounts, over, empty, all_runs, ridden, metres, counted = told
            seats = self.seats.get((service, source, route))
            rows.append((
                *self._name(service, source, route), kind, days, rounded(runs), *_amounts(amounts), *_seats(seats),
                share(ridden, metres * seats.seats) if seats and metres else None,
                share(over, all_runs) if seats else None, share(empty, all_runs), counted,
            ))  # fmt: skip
            places.append(drawn.get((source, route)))
        return Answer("lines", LINES, tuple(rows), tuple(places), self._notes())

    def list_trips(self) -> Answer:
        """How full each trip is, by sort of day, and where most."""
        rows: list[tuple[Value, ...]] = []
        for service, source, route, trip, kind, days, departure, *told in self._run(_TRIPS):
            *amounts, over, empty, counted, headway, headsign, start, end, full, next_ = told
            seats = self.seats.get((service, source, route))
            rows.append((
                *self._name(service, source, route), join_id(source, trip),
                None if headway else clock(departure), headsign, start, end,
                kind, days, *_amounts(amounts), full, next_, *_seats(seats),
                share(amounts[3], seats.seats) if seats else None, share(over, days) if seats else None,
                share(empty, days), counted,
            ))  # fmt: skip
        return Answer("trips", TRIPS, tuple(rows), notes=self._notes())

    def list_stops(self) -> Answer:
        """How many get on and off at each stop in a day, by sort of day."""
        rows: list[tuple[Value, ...]] = []
        places = []
        for service, source, stop, kind, days, on, on_p90, on_max, off, off_max, counted, name, geom in self._run(
            _STOPS
        ):
            rows.append((
                service, join_id(source, stop), name, kind, days, rounded(on), int(on_p90), int(on_max), rounded(off),
                int(off_max), counted,
            ))  # fmt: skip
            places.append(json.loads(geom) if geom else None)
        return Answer("stops", STOPS, tuple(rows), tuple(places), self._notes())

    def list_hours(self) -> Answer:
        """How many get on in each hour of the day, by line and sort of day."""
        rows = tuple(
            (
                *self._name(service, source, route), kind, hour, days, rounded(mean), rounded(most), rounded(peak),
                rounded(peak_max),
            )
            for service, source, route, kind, hour, days, mean, most, peak, peak_max in self._run(_HOURS)
        )  # fmt: skip
        return Answer("hours", HOURS, rows, notes=self._notes())

    def follow_trip(self, trip: str) -> Answer:
        """How many are aboard of a trip from stop to stop; `trip` is its id within the source that is wanted."""
        rows: list[tuple[Value, ...]] = []
        places = []
        for sequence, stop, name, departure, days, on, off, load, p90, most, counted, geom, route in self._run(
            _PROFILE, trip=trip
        ):
            seats = next((one for key, one in self.seats.items() if key[1:] == (self.wanted.source, route)), None)
            rows.append((
                sequence, join_id(self.wanted.source, stop), name, clock(departure), days, rounded(on), rounded(off),
                rounded(load), rounded(p90), rounded(most), *_seats(seats), counted,
            ))  # fmt: skip
            places.append(json.loads(geom) if geom else None)
        return Answer("profile", PROFILE, tuple(rows), tuple(places), self._notes())

    def _run(self, query: str, **more: object) -> list[tuple[Any, ...]]:
        keys = list(self.seats)
        parameters = self.wanted.parameters() | {
            "s_service": [key[0] for key in keys],
            "s_source": [key[1] for key in keys],
            "s_route": [key[2] for key in keys],
            "s_seats": [self.seats[key].seats for key in keys],
        }
        return self.connection.execute(query.replace("{rows}", _ROWS).encode(), parameters | more).fetchall()

    def _name(self, service: str, source: str, route: str) -> tuple[str, str, str]:
        return service, join_id(source, route), self.lines.name(service, source, route)

    def _draw_lines(self) -> dict[tuple[str, str], dict[str, Any]]:
        parameters = self.wanted.parameters()
        found = [*self.connection.execute(_LINE_STOPS, parameters), *self.connection.execute(_LINE_SHAPES, parameters)]
        return {(source, route): json.loads(drawn) for source, route, drawn in found}

    def _notes(self) -> tuple[Any, ...]:
        return (say("note.loads"), say("note.p90"), say("note.seats"))


def find_all_seats(lines: Lines, wanted: Wanted, rates: Rates) -> dict[tuple[str, str, str], Seats]:
    """Find how many sit in the vehicles of each line, by service, source and id."""
    found = {}
    for (source, route), line in lines.timetabled.items():
        seats = rates.find_seats(wanted.last, "transit", source, route, line.route_type)
        if seats:
            found["transit", source, route] = seats
    return found


def _amounts(told: list[Any]) -> tuple[Value, ...]:
    on, on_p90, on_max, peak, peak_p90, peak_max = told
    return rounded(on), int(on_p90), int(on_max), rounded(peak), rounded(peak_p90), rounded(peak_max)


def _seats(seats: Seats | None) -> tuple[int | None, bool | None]:
    return (None, None) if seats is None else (seats.seats, seats.said)
