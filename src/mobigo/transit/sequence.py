"""Checks of trips as sequences of calls: order, edges, time, speed, blocks.

Stop times are typed first, in the order of the file; one pass over neighbours then tells whether they are sorted, unique
and forward in time. Only a feed where they are not costs more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobigo.transit import store
from mobigo.transit.report import SAMPLES

if TYPE_CHECKING:
    from mobigo.transit.check import Staging

SPEEDS = {
    "0": 100,
    "1": 150,
    "2": 500,
    "3": 150,
    "4": 80,
    "5": 30,
    "6": 50,
    "7": 50,
    "11": 150,
    "12": 150,
}
"""Kilometres per hour above which a vehicle of a route type is too fast, as in MobilityData's validator."""
OTHER_SPEED = 500
"""Of extended route types; trains are among them."""
WALKING = 1.5
"""Kilometres per hour below which a vehicle is suspiciously slow over `SLOW_METRES`."""
SLOW_METRES = 500
MINUTE = 60
"""Seconds that times rounded to minutes may hide."""
NEAR = 2.0
"""Metres within which two stops are at the same place."""


def store_sequence(staging: Staging, version: int) -> None:
    """Type the stop times, leaving out trips that cannot be trusted."""
    store.create_partition(staging, "stop_times", version)
    if not staging.has("stop_times") or not staging.has("trips"):
        return
    table = f"stop_times_v{version}"
    for name in ("trips", "stops"):
        if name in staging.files:
            staging.run(f"ANALYZE s_{name}")
    store.store_stop_times(staging, version, in_order=False)
    if not _is_sorted(staging, table):
        staging.findings.add("unsorted_stop_times", "stop_times.txt")
        staging.run(f"TRUNCATE {table}")
        store.store_stop_times(staging, version, in_order=True)
        _drop_duplicates(staging, table)
    _check_edges(staging, table)
    _check_time(staging, table)
    _check_speed(staging, table)


def finish_sequence(staging: Staging, version: int) -> int:
    """Index what is stored, and note trips without enough calls; return the number of stop times."""
    table = f"stop_times_v{version}"
    _check_calls(staging, table)
    _check_blocks(staging, table)
    store.index_stop_times(staging, version)
    return int(staging.rows(f"SELECT count(*) FROM {table}")[0][0])


def _is_sorted(staging: Staging, table: str) -> bool:
    """Tell whether each trip's calls stand together, in strictly growing sequence."""
    ((runs, unsorted, trips),) = staging.rows(
        "SELECT count(*) FILTER (WHERE trip_line IS DISTINCT FROM before), "
        "count(*) FILTER (WHERE trip_line = before AND stop_sequence <= sequence_before), "
        f"(SELECT count(*) FROM (SELECT trip_line FROM {table} GROUP BY 1) g) "
        "FROM (SELECT trip_line, stop_sequence, lag(trip_line) OVER () AS before, "
        f"lag(stop_sequence) OVER () AS sequence_before FROM {table}) n"
    )
    return bool(runs == trips and unsorted == 0)


def _note(staging: Staging, code: str, table: str, condition: str, value: str, total: int) -> None:
    """Note calls of the typed table with their lines, found again in the staging table."""
    samples = staging.rows(
        f"SELECT s.line, {value} FROM (SELECT * FROM {condition} LIMIT {SAMPLES}) x "
        "JOIN s_trips t ON t.line = x.trip_line "
        "JOIN s_stop_times s ON s.trip_id = t.trip_id AND s.stop_sequence::integer = x.stop_sequence "
        f"ORDER BY s.line LIMIT {SAMPLES}"
    )
    staging.note(code, "stop_times", samples or [(None, table)], total)


def _drop_trips(staging: Staging, table: str, selection: str) -> None:
    """Drop trips whose lines a query selects, with their calls."""
    staging.run(f"CREATE TEMP TABLE doomed ON COMMIT DROP AS {selection}")
    staging.dropped["stop_times"] += staging.run(
        f"DELETE FROM {table} WHERE trip_line IN (SELECT trip_line FROM doomed)"
    )
    staging.drop("trips", "s.line IN (SELECT trip_line FROM doomed)")
    staging.run("DROP TABLE doomed")


def _drop_duplicates(staging: Staging, table: str) -> None:
    """Keep the first of several calls of a trip with one sequence number."""
    twice = (
        f"SELECT ctid AS place, trip_line, stop_sequence FROM (SELECT ctid, trip_line, stop_sequence, "
        f"row_number() OVER (PARTITION BY trip_line, stop_sequence ORDER BY ctid) AS number FROM {table}) n WHERE number > 1"
    )
    ((total,),) = staging.rows(f"SELECT count(*) FROM ({twice}) d")
    if not total:
        return
    samples = staging.rows(
        "SELECT line, trip_id || ' sequence ' || stop_sequence || CASE WHEN same THEN ': same as line ' "
        "ELSE ': differs from line ' END || first FROM (SELECT s.line, s.trip_id, s.stop_sequence, first_value(s.line) OVER w "
        "AS first, to_jsonb(s) - 'line' = first_value(to_jsonb(s) - 'line') OVER w AS same FROM s_stop_times s "
        f"WHERE (s.trip_id, s.stop_sequence::integer) IN (SELECT t.trip_id, d.stop_sequence FROM ({twice} LIMIT {SAMPLES}) d "
        "JOIN s_trips t ON t.line = d.trip_line) WINDOW w AS (PARTITION BY s.trip_id, s.stop_sequence::integer ORDER BY s.line)) n "
        f"WHERE line > first ORDER BY line LIMIT {SAMPLES}"
    )
    staging.note("duplicate_key", "stop_times", samples, total)
    staging.dropped["stop_times"] += staging.run(f"DELETE FROM {table} WHERE ctid IN (SELECT place FROM ({twice}) d)")


def _check_edges(staging: Staging, table: str) -> None:
    """Drop trips whose first or last call has no time: none is ever invented."""
    filled = staging.files["stop_times"].filled
    rows = staging.files["stop_times"].rows
    if filled.get("arrival_time") == rows and filled.get("departure_time") == rows:
        return
    edges = (
        "(SELECT DISTINCT ON (trip_line) * FROM {0} ORDER BY trip_line, stop_sequence) UNION ALL "
        "(SELECT DISTINCT ON (trip_line) * FROM {0} ORDER BY trip_line, stop_sequence DESC)"
    ).format(table)
    bare = (
        f"({edges}) e WHERE e.arrival_time IS NULL AND e.departure_time IS NULL "
        "AND e.start_pickup_drop_off_window IS NULL AND e.end_pickup_drop_off_window IS NULL"
    )
    ((total,),) = staging.rows(f"SELECT count(DISTINCT trip_line) FROM {bare}")
    if total:
        _note(staging, "missing_trip_edge", table, bare, "s.trip_id", total)
        _drop_trips(staging, table, f"SELECT DISTINCT trip_line FROM {bare}")


def _check_time(staging: Staging, table: str) -> None:
    """Drop trips that travel back in time, or stand still for less than no time."""
    inverted = f"{table} x WHERE x.departure_time < x.arrival_time"
    ((total,),) = staging.rows(f"SELECT count(*) FROM {inverted}")
    if total:
        _note(
            staging,
            "start_and_end_range_out_of_order",
            table,
            inverted,
            "s.trip_id || ': arrival ' || s.arrival_time || ', departure ' || s.departure_time",
            total,
        )
    back = (
        "(SELECT *, max(departure_time) OVER (PARTITION BY trip_line ORDER BY stop_sequence ROWS BETWEEN UNBOUNDED PRECEDING "
        f"AND 1 PRECEDING) AS before FROM {table}) x WHERE x.arrival_time < x.before"
    )
    # in the order of the file first: that needs no sorting
    ((suspects,),) = staging.rows(
        "SELECT count(*) FROM (SELECT trip_line = lag(trip_line) OVER () AS same, arrival_time, "
        f"lag(departure_time) OVER () AS before FROM {table}) n "
        "WHERE same AND (arrival_time < before OR arrival_time IS NULL OR before IS NULL)"
    )
    backwards = staging.rows(f"SELECT count(*) FROM {back}")[0][0] if suspects else 0
    if backwards:
        value = "s.trip_id || ': arrival ' || s.arrival_time || ' at ' || coalesce(s.stop_id, '')"
        _note(staging, "stop_time_with_arrival_before_previous_departure_time", table, back, value, backwards)
    if total or backwards:
        selection = f"SELECT DISTINCT trip_line FROM {inverted}"
        _drop_trips(staging, table, f"{selection} UNION SELECT trip_line FROM {back}" if backwards else selection)


def _check_speed(staging: Staging, table: str) -> None:
    """Warn of vehicles faster than their kind, standing between two places, or slower than walking."""
    if not staging.has("stops"):
        return
    staging.run(
        f"CREATE TEMP TABLE hop ON COMMIT DROP AS SELECT stop_before, stop_line, min(seconds) AS seconds, max(seconds) AS slowest, "
        "count(*) AS times FROM (SELECT stop_line, trip_line = lag(trip_line) OVER () AS same, lag(stop_line) OVER () AS stop_before, "
        f"arrival_time - lag(departure_time) OVER () AS seconds FROM {table}) n "
        "WHERE same AND stop_line <> stop_before AND seconds IS NOT NULL GROUP BY 1, 2"
    )
    staging.run("ALTER TABLE hop ADD metres float8")
    place = "ST_MakePoint({0}.stop_lon::float8, {0}.stop_lat::float8)"
    staging.run(
        f"UPDATE hop h SET metres = ST_DistanceSphere({place.format('a')}, {place.format('b')}) FROM s_stops a, s_stops b "
        "WHERE a.line = h.stop_before AND b.line = h.stop_line AND num_nulls(a.stop_lat, a.stop_lon, b.stop_lat, b.stop_lon) = 0"
    )
    fastest = f"metres / (seconds + {MINUTE}) * 3.6"
    ((fast,),) = staging.rows(f"SELECT count(*) FROM hop WHERE {fastest} > {min(SPEEDS.values())}")
    if fast and staging.has("routes"):
        limits = " ".join(f"WHEN '{kind}' THEN {limit}" for kind, limit in SPEEDS.items())
        hops = (
            f"(SELECT c.*, trip_line = lag(trip_line) OVER w AS same, lag(stop_line) OVER w AS stop_before, "
            f"arrival_time - lag(departure_time) OVER w AS hop_seconds FROM {table} c WINDOW w AS (ROWS UNBOUNDED PRECEDING)) n "
            "JOIN hop h USING (stop_before, stop_line) JOIN s_trips q ON q.line = n.trip_line JOIN s_routes r USING (route_id) "
            f"WHERE n.same AND h.metres / (n.hop_seconds + {MINUTE}) * 3.6 > "
            f"CASE r.route_type {limits} ELSE {OTHER_SPEED} END"
        )
        speed = f"round(h.metres / (n.hop_seconds + {MINUTE}) * 3.6)::integer AS speed"
        ((total,),) = staging.rows(f"SELECT count(*) FROM {hops}")
        if total:
            condition = f"(SELECT n.trip_line, n.stop_sequence, {speed} FROM {hops}) y"
            value = "s.trip_id || ' to ' || coalesce(s.stop_id, '') || ': ' || x.speed || ' km/h'"
            _note(staging, "fast_travel_between_consecutive_stops", table, condition, value, total)
    _note_hops(staging, "NullDuration", f"seconds = 0 AND metres > {NEAR}", "' in no time'")
    _note_hops(staging, "CloseStops", f"metres <= {NEAR}", "' at the same place'")
    slow = f"metres > {SLOW_METRES} AND metres / greatest(slowest, 1) * 3.6 < {WALKING}"
    _note_hops(staging, "Slow", slow, "': ' || slowest / 60 || ' minutes'")
    staging.run("DROP TABLE hop")


def _note_hops(staging: Staging, code: str, where: str, value: str) -> None:
    ((total,),) = staging.rows(f"SELECT count(*) FROM hop WHERE {where}")
    if total:
        samples = staging.rows(
            f"SELECT NULL, a.stop_id || ' to ' || b.stop_id || {value} FROM hop h JOIN s_stops a ON a.line = h.stop_before "
            f"JOIN s_stops b ON b.line = h.stop_line WHERE {where} ORDER BY 2 LIMIT {SAMPLES}"
        )
        staging.note(code, "stop_times", samples, total)


def _check_calls(staging: Staging, table: str) -> None:
    """Note trips without calls, and trips nobody can ride; both are stored and not planned."""
    if not staging.has("trips"):
        return
    staging.run(
        f"CREATE TEMP TABLE called ON COMMIT DROP AS SELECT trip_line, count(*) AS calls, count(DISTINCT stop_line) AS stops, "
        f"bool_or(stop_line IS NULL OR start_pickup_drop_off_window IS NOT NULL) AS zones FROM {table} GROUP BY 1"
    )
    staging.run("CREATE INDEX ON called (trip_line)")
    # a feed without usable stop_times.txt is rejected for that; each of its trips need not be listed
    staging.apply("unused_trip", "trips", "NOT EXISTS (SELECT 1 FROM called c WHERE c.trip_line = s.line)", "s.trip_id")
    for code, where in (
        ("unusable_trip", "c.calls < 2 AND NOT c.zones"),
        ("missing_stop_times_record", "c.calls < 2 AND c.zones"),
    ):
        found = f"s_trips s JOIN called c ON c.trip_line = s.line WHERE {where}"
        ((total,),) = staging.rows(f"SELECT count(*) FROM {found}")
        if total:
            samples = staging.rows(f"SELECT s.line, s.trip_id FROM {found} ORDER BY 1 LIMIT {SAMPLES}")
            staging.note(code, "trips", samples, total)


def _check_blocks(staging: Staging, table: str) -> None:
    """Ignore blocks whose trips overlap in time on one service; the trips stay."""
    if not staging.has("trips.block_id"):
        return
    staging.run(
        "CREATE TEMP TABLE clash ON COMMIT DROP AS SELECT DISTINCT block_id, service_id FROM (SELECT t.block_id, t.service_id, "
        "s.starts, max(s.ends) OVER (PARTITION BY t.block_id, t.service_id ORDER BY s.starts, s.ends, t.line "
        "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM s_trips t JOIN "
        f"(SELECT trip_line, min(departure_time) AS starts, max(arrival_time) AS ends FROM {table} GROUP BY 1) s "
        "ON s.trip_line = t.line WHERE t.block_id IS NOT NULL"
        + (
            " AND NOT EXISTS (SELECT 1 FROM s_frequencies q WHERE q.trip_id = t.trip_id)"
            if staging.has("frequencies")
            else ""
        )
        + ") o WHERE o.starts < o.before"
    )
    ((total,),) = staging.rows("SELECT count(*) FROM clash")
    if total:
        samples = staging.rows(
            "SELECT min(t.line), 'block ' || c.block_id || ', service ' || c.service_id FROM clash c JOIN s_trips t "
            f"USING (block_id, service_id) GROUP BY c.block_id, c.service_id ORDER BY 1 LIMIT {SAMPLES}"
        )
        staging.note("block_trips_with_overlapping_stop_times", "trips", samples, total)
        staging.run(
            "UPDATE s_trips t SET block_id = NULL FROM clash c WHERE c.block_id = t.block_id AND c.service_id = t.service_id"
        )
