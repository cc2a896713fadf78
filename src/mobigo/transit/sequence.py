"""Checks of trips as sequences of calls: order, edges, time, speed, blocks.

Stop times are typed first, in the order of the file; one pass over neighbours then tells whether all of them found
their trip and stop, and are sorted, unique and forward in time. Only a feed where they are not costs more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobigo.transit import check, store
from mobigo.transit.gtfs import BY_NAME
from mobigo.transit.report import SAMPLES
from mobigo.transit.shapes import FAR

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
    """Type the stop times, and doom the trips that cannot be trusted."""
    file = BY_NAME["stop_times"]
    table = f"stop_times_v{version}"
    for name, keys in (("trips", "line, trip_id"), ("stops", "line, stop_id")):
        if name in staging.files:
            staging.run(f"ANALYZE s_{name} ({keys})")
    if "trips" not in staging.files:
        store.create_staging(staging, BY_NAME["trips"], (), ())
    stored = store.store_stop_times(staging, version, in_order=False)
    _look_at_neighbours(staging, table)
    if not _is_whole(staging, stored):
        check.check_references(staging, file)
        check.check_called_stops(staging)
    ((runs, unsorted, trips),) = staging.rows(
        "SELECT coalesce(sum(runs), 0), coalesce(sum(unsorted), 0), (SELECT count(*) FROM called) FROM hop"
    )
    if runs != trips or unsorted:
        staging.findings.add("unsorted_stop_times", "stop_times.txt")
        staging.run(f"DROP TABLE {table}, hop, called")
        store.store_stop_times(staging, version, in_order=True)
        _look_at_neighbours(staging, table)
        _drop_duplicates(staging, table)
    _check_edges(staging, table)
    _check_time(staging, table)
    _check_zones(staging, table)
    _check_distance(staging, table)
    _check_speed(staging, table)
    check.check_unserved_stops(staging)
    _check_calls(staging)
    staging.run("DROP TABLE hop")


def settle_sequence(staging: Staging, version: int) -> None:
    """Remove the trips that are doomed or call where nothing is left, then their calls."""
    table = f"stop_times_v{version}"
    left = {"stop_line": ("stops", "line"), "location_id": ("locations", "location_id")}
    left |= {"location_group_id": ("location_groups", "location_group_id")}
    left |= {f"{what}_booking_rule_id": ("booking_rules", "booking_rule_id") for what in ("pickup", "drop_off")}
    for column, (name, key) in left.items():
        if _may_be_lost(staging, column, name):
            found = f"AND {column} NOT IN (SELECT {key} FROM s_{name})" if name in staging.files else ""
            lost = f"SELECT trip_line FROM {table} WHERE {column} IS NOT NULL {found}"
            staging.run(f"INSERT INTO doomed SELECT 'trips', line FROM s_trips WHERE line IN ({lost})")
    check.settle(staging, BY_NAME["trips"])
    gone = "trip_line NOT IN (SELECT line FROM s_trips)"
    if staging.run(f"DELETE FROM called WHERE {gone}"):
        staging.run(f"DELETE FROM {table} WHERE {gone}")


def _may_be_lost(staging: Staging, column: str, name: str) -> bool:
    """Tell whether calls may refer to something that was removed since they were stored."""
    if column != "stop_line":
        return staging.has(f"stop_times.{column}")
    if name not in staging.files:
        return True
    ((gone,),) = staging.rows(f"SELECT count(*) < %s FROM s_{name}", staging.files[name].rows)
    return bool(gone)


def finish_sequence(staging: Staging, version: int) -> int:
    """Index what is stored; return the number of stop times."""
    _check_blocks(staging)
    store.index_stop_times(staging, version)
    return count_calls(staging)


def check_shapes(staging: Staging, version: int) -> None:
    """Warn of stops that are not on the shape of their trips; what is stored is looked at."""
    if not staging.has("shapes", "stops", "trips.shape_id", "stop_times"):
        return
    place = "ST_SetSRID(ST_MakePoint(s.stop_lon::float8, s.stop_lat::float8), 4326)"
    near = f"ST_DistanceSphere({place}, ST_ClosestPoint(l.geom, {place}))"  # never less than how far it is
    found = staging.rows(
        f"""
        SELECT line, shape_id || ': ' || stop_id || ', ' || round(metres) || ' m' FROM (
            SELECT s.line, s.stop_id, p.shape_id,
                CASE WHEN {near} > {FAR} THEN ST_Distance(l.geom::geography, {place}::geography) END AS metres
            FROM (
                SELECT DISTINCT t.shape_id, c.stop_line
                FROM stop_times_v{version} c JOIN s_trips t ON t.line = c.trip_line
            ) p
            JOIN shape_lines l ON l.version_id = {version} AND l.shape_id = p.shape_id
            JOIN s_stops s ON s.line = p.stop_line
        ) x WHERE metres > {FAR} ORDER BY line, shape_id
        """
    )
    if found:
        staging.note("stop_too_far_from_shape", "stops", found[:SAMPLES], len(found))


def count_calls(staging: Staging) -> int:
    """Count the stop times that are left."""
    return int(staging.rows("SELECT coalesce(sum(calls), 0) FROM called")[0][0])


def _look_at_neighbours(staging: Staging, table: str) -> None:
    """Sum up calls by the stop before them (``hop``) and by their trip (``called``).

    Rows come as they were inserted. Two numbers each are packed into one, which halves the cost of looking back.
    """
    staging.run(
        f"""
        CREATE TEMP TABLE hop ON COMMIT DROP AS
        SELECT stop_before, stop_line, min(seconds) AS seconds, max(seconds) AS slowest, NULL::float8 AS metres,
            count(*) FILTER (WHERE NOT same) AS runs,
            count(*) FILTER (WHERE same AND place <= place_before) AS unsorted,
            count(*) FILTER (WHERE seconds < 0) AS backwards,
            count(*) FILTER (WHERE departure_time < arrival_time) AS inverted,
            count(*) FILTER (WHERE arrival_time IS NULL OR departure_time IS NULL) AS untimed
        FROM (
            SELECT stop_line, place, place_before, same, arrival_time, departure_time,
                CASE WHEN same THEN (leave_before >> 32)::integer END AS stop_before,
                CASE WHEN same THEN arrival_time - (leave_before & 4294967295)::integer END AS seconds
            FROM (
                SELECT *, (place >> 32) IS NOT DISTINCT FROM (place_before >> 32) AS same FROM (
                    SELECT stop_line, arrival_time, departure_time, place, lag(place) OVER () AS place_before,
                        lag((stop_line::bigint << 32) + departure_time) OVER () AS leave_before
                    FROM (SELECT *, (trip_line::bigint << 32) + stop_sequence AS place FROM {table}) a
                ) b
            ) c
        ) d GROUP BY 1, 2
        """
    )
    staging.run(
        "CREATE TEMP TABLE called ON COMMIT DROP AS SELECT trip_line, count(*) AS calls, min(departure_time) AS "
        "starts, "
        "max(arrival_time) AS ends, count(stop_line) AS placed, bool_or(num_nonnulls(location_id, location_group_id, "
        "start_pickup_drop_off_window) > 0) AS zones "
        f"FROM {table} GROUP BY 1"
    )


def _is_whole(staging: Staging, stored: int) -> bool:
    """Tell whether every call found its trip and its stop, and that is a stop."""
    staged = staging.files["stop_times"]
    rows, stops = staged.rows, staged.filled.get("stop_id", 0)
    if staged.mended:
        ((rows, stops),) = staging.rows("SELECT count(*), count(stop_id) FROM s_stop_times")
    ((found,),) = staging.rows("SELECT coalesce(sum(placed), 0) FROM called")
    if stored < rows or found < stops:
        return False
    if not staging.has("stops.location_type"):
        return True
    wrong = "SELECT 1 FROM hop JOIN s_stops p ON p.line = stop_line WHERE p.location_type <> '0' LIMIT 1"
    return not staging.rows(wrong)


def _note(staging: Staging, code: str, condition: str, value: str, total: int) -> None:
    """Note calls of the typed table with their lines, found again in the staging table."""
    samples = staging.rows(
        f"SELECT s.line, {value} FROM (SELECT * FROM {condition} LIMIT {SAMPLES}) x "
        "JOIN s_trips t ON t.line = x.trip_line "
        "JOIN s_stop_times s ON s.trip_id = t.trip_id AND s.stop_sequence::integer = x.stop_sequence "
        f"ORDER BY s.line LIMIT {SAMPLES}"
    )
    staging.note(code, "stop_times", samples, total)


def _doom_trips(staging: Staging, selection: str) -> None:
    """Doom trips whose lines a query selects."""
    staging.run(f"INSERT INTO doomed SELECT DISTINCT 'trips', trip_line FROM ({selection}) d")


def _drop_duplicates(staging: Staging, table: str) -> None:
    """Keep the first of several calls of a trip with one sequence number."""
    ((total,),) = staging.rows("SELECT sum(unsorted) FROM hop")
    if not total:
        return
    staging.run(
        "CREATE TEMP TABLE twice ON COMMIT DROP AS SELECT ctid AS place, trip_line, stop_sequence FROM "
        "(SELECT ctid, trip_line, stop_sequence, row_number() OVER (PARTITION BY trip_line, stop_sequence ORDER BY "
        "ctid) "
        f"AS number FROM {table}) n WHERE number > 1"
    )
    samples = staging.rows(
        "SELECT line, trip_id || ' sequence ' || stop_sequence || CASE WHEN same THEN ': same as line ' "
        "ELSE ': differs from line ' END || first FROM (SELECT s.line, s.trip_id, s.stop_sequence, "
        "first_value(s.line) OVER w "
        "AS first, to_jsonb(s) - 'line' = first_value(to_jsonb(s) - 'line') OVER w AS same FROM s_stop_times s "
        "WHERE (s.trip_id, s.stop_sequence::integer) IN (SELECT t.trip_id, d.stop_sequence FROM "
        f"(SELECT DISTINCT trip_line, stop_sequence FROM twice ORDER BY 1, 2 LIMIT {SAMPLES}) d "
        "JOIN s_trips t ON t.line = d.trip_line) "
        "WINDOW w AS (PARTITION BY s.trip_id, s.stop_sequence::integer ORDER BY s.line)) n "
        f"WHERE line > first ORDER BY line LIMIT {SAMPLES}"
    )
    staging.note("duplicate_key", "stop_times", samples, total)
    staging.run(f"DELETE FROM {table} WHERE ctid IN (SELECT place FROM twice)")
    staging.run(
        "UPDATE called c SET calls = calls - n FROM (SELECT trip_line, count(*) AS n FROM twice GROUP BY 1) t "
        "WHERE t.trip_line = c.trip_line"
    )
    staging.run("DROP TABLE twice")


def _check_edges(staging: Staging, table: str) -> None:
    """Drop trips whose first or last call has no time: none is ever invented."""
    if not staging.rows("SELECT sum(untimed) FROM hop")[0][0]:
        return
    edges = (
        f"(SELECT DISTINCT ON (trip_line) * FROM {table} ORDER BY trip_line, stop_sequence) UNION ALL "
        f"(SELECT DISTINCT ON (trip_line) * FROM {table} ORDER BY trip_line, stop_sequence DESC)"
    )
    bare = (
        f"({edges}) e WHERE e.arrival_time IS NULL AND e.departure_time IS NULL "
        "AND e.start_pickup_drop_off_window IS NULL AND e.end_pickup_drop_off_window IS NULL"
    )
    ((total,),) = staging.rows(f"SELECT count(DISTINCT trip_line) FROM {bare}")
    if total:
        _note(staging, "missing_trip_edge", bare, "s.trip_id", total)
        _doom_trips(staging, f"SELECT trip_line FROM {bare}")


def _check_time(staging: Staging, table: str) -> None:
    """Drop trips that travel back in time, or leave before they arrive."""
    ((inverted, suspects),) = staging.rows("SELECT sum(inverted), sum(backwards) + sum(untimed) FROM hop")
    selections = []
    if inverted:
        condition = f"{table} x WHERE x.departure_time < x.arrival_time"
        value = "s.trip_id || ': arrival ' || s.arrival_time || ', departure ' || s.departure_time"
        _note(staging, "start_and_end_range_out_of_order", condition, value, inverted)
        selections.append(f"SELECT trip_line FROM {condition}")
    back = (
        "(SELECT *, max(departure_time) OVER (PARTITION BY trip_line ORDER BY stop_sequence ROWS BETWEEN UNBOUNDED "
        "PRECEDING "
        f"AND 1 PRECEDING) AS before FROM {table}) x WHERE x.arrival_time < x.before"
    )
    total = staging.rows(f"SELECT count(*) FROM {back}")[0][0] if suspects else 0
    if total:
        value = "s.trip_id || ': arrival ' || s.arrival_time || ' at ' || coalesce(s.stop_id, '')"
        _note(staging, "stop_time_with_arrival_before_previous_departure_time", back, value, total)
        selections.append(f"SELECT trip_line FROM {back}")
    if selections:
        _doom_trips(staging, " UNION ".join(selections))


def _check_zones(staging: Staging, table: str) -> None:
    """Drop trips two of whose zones overlap at the same time, for getting on or for getting off."""
    if not staging.has("locations", "stop_times.location_id"):
        return
    overlap = (
        "(SELECT b.trip_line, b.stop_sequence, a.location_id AS other FROM "
        f"{table} a JOIN {table} b ON b.trip_line = a.trip_line AND b.stop_sequence > a.stop_sequence "
        "AND b.location_id <> a.location_id AND b.start_pickup_drop_off_window < a.end_pickup_drop_off_window "
        "AND b.end_pickup_drop_off_window > a.start_pickup_drop_off_window AND (b.pickup_type IS NOT DISTINCT FROM "
        "a.pickup_type OR b.drop_off_type IS NOT DISTINCT FROM a.drop_off_type) "
        "JOIN s_locations p ON p.location_id = a.location_id JOIN s_locations q ON q.location_id = b.location_id "
        "WHERE ST_Overlaps(p.geom, q.geom)) o"
    )
    ((total,),) = staging.rows(f"SELECT count(*) FROM {overlap}")
    if total:
        value = "s.trip_id || ': ' || x.other || ' and ' || s.location_id"
        _note(staging, "overlapping_zone_and_pickup_drop_off_window", overlap, value, total)
        _doom_trips(staging, f"SELECT trip_line FROM {overlap}")


def _check_distance(staging: Staging, table: str) -> None:
    """Leave out the distances of trips along which they do not grow."""
    if not staging.has("stop_times.shape_dist_traveled"):
        return
    stuck = (
        "(SELECT *, lag(shape_dist_traveled) OVER (PARTITION BY trip_line ORDER BY stop_sequence) AS before, "
        "lag(stop_line) OVER (PARTITION BY trip_line ORDER BY stop_sequence) AS stop_before "
        f"FROM {table} WHERE shape_dist_traveled IS NOT NULL) x "
        "WHERE x.shape_dist_traveled <= x.before AND x.stop_line <> x.stop_before"
    )
    ((total,),) = staging.rows(f"SELECT count(*) FROM {stuck}")
    if total:
        value = "s.trip_id || ': ' || s.shape_dist_traveled"
        _note(staging, "decreasing_or_equal_stop_time_distance", stuck, value, total)
        staging.run(f"UPDATE {table} SET shape_dist_traveled = NULL WHERE trip_line IN (SELECT trip_line FROM {stuck})")


def _check_speed(staging: Staging, table: str) -> None:
    """Warn of vehicles faster than their kind, at two places at once, or slower than walking."""
    if not staging.has("stops"):
        return
    place = "ST_MakePoint({0}.stop_lon::float8, {0}.stop_lat::float8)"
    staging.run(
        f"UPDATE hop h SET metres = ST_DistanceSphere({place.format('a')}, {place.format('b')}) FROM s_stops a, "
        "s_stops b "
        "WHERE a.line = h.stop_before AND b.line = h.stop_line AND h.stop_before <> h.stop_line AND h.seconds IS NOT "
        "NULL "
        "AND num_nulls(a.stop_lat, a.stop_lon, b.stop_lat, b.stop_lon) = 0"
    )
    kinds = (
        {kind for (kind,) in staging.rows("SELECT DISTINCT route_type FROM s_routes")}
        if staging.has("routes")
        else set()
    )
    slowest_limit = min((SPEEDS.get(kind, OTHER_SPEED) for kind in kinds), default=OTHER_SPEED)
    ((fast,),) = staging.rows(
        f"SELECT count(*) FROM hop WHERE metres / (greatest(seconds, 0) + {MINUTE}) * 3.6 > {slowest_limit}"
    )
    if fast and kinds:
        _note_fast(staging, table)
    _note_hops(staging, "NullDuration", f"seconds = 0 AND metres > {NEAR}", "' in no time'")
    _note_hops(staging, "CloseStops", f"metres <= {NEAR}", "' at the same place'")
    slow = f"metres > {SLOW_METRES} AND metres / greatest(slowest, 1) * 3.6 < {WALKING}"
    _note_hops(staging, "Slow", slow, "': ' || slowest / 60 || ' minutes'")


def _note_fast(staging: Staging, table: str) -> None:
    limits = " ".join(f"WHEN '{kind}' THEN {limit}" for kind, limit in SPEEDS.items())
    speed = f"h.metres / (greatest(n.seconds, 0) + {MINUTE}) * 3.6"
    fast = (
        f"(SELECT n.trip_line, n.stop_sequence, round({speed})::integer AS speed FROM (SELECT trip_line, "
        "stop_sequence, stop_line, "
        "trip_line = lag(trip_line) OVER () AS same, lag(stop_line) OVER () AS stop_before, "
        f"arrival_time - lag(departure_time) OVER () AS seconds FROM {table}) n "
        "JOIN hop h ON h.stop_before = n.stop_before AND h.stop_line = n.stop_line "
        "JOIN s_trips q ON q.line = n.trip_line JOIN s_routes r USING (route_id) "
        f"WHERE n.same AND {speed} > CASE r.route_type {limits} ELSE {OTHER_SPEED} END) y"
    )
    ((total,),) = staging.rows(f"SELECT count(*) FROM {fast}")
    if total:
        value = "s.trip_id || ' to ' || coalesce(s.stop_id, '') || ': ' || x.speed || ' km/h'"
        _note(staging, "fast_travel_between_consecutive_stops", fast, value, total)


def _note_hops(staging: Staging, code: str, where: str, value: str) -> None:
    ((total,),) = staging.rows(f"SELECT count(*) FROM hop WHERE {where}")
    if total:
        samples = staging.rows(
            f"SELECT NULL, a.stop_id || ' to ' || b.stop_id || {value} FROM hop h JOIN s_stops a ON a.line = "
            "h.stop_before "
            f"JOIN s_stops b ON b.line = h.stop_line WHERE {where} ORDER BY 2 LIMIT {SAMPLES}"
        )
        staging.note(code, "stop_times", samples, total)


def _check_calls(staging: Staging) -> None:
    """Note trips without calls, and trips nobody can ride; both are stored and not planned."""
    staging.run("CREATE INDEX ON called (trip_line)")
    staging.apply("unused_trip", "trips", "NOT EXISTS (SELECT 1 FROM called c WHERE c.trip_line = s.line)", "s.trip_id")
    for code, zones in (("unusable_trip", "NOT c.zones"), ("missing_stop_times_record", "c.zones")):
        found = f"s_trips s JOIN called c ON c.trip_line = s.line WHERE c.calls < 2 AND {zones}"
        ((total,),) = staging.rows(f"SELECT count(*) FROM {found}")
        if total:
            samples = staging.rows(f"SELECT s.line, s.trip_id FROM {found} ORDER BY 1 LIMIT {SAMPLES}")
            staging.note(code, "trips", samples, total)


def _check_blocks(staging: Staging) -> None:
    """Ignore blocks whose trips overlap in time on one service; the trips stay."""
    if not staging.has("trips.block_id"):
        return
    repeated = "AND NOT EXISTS (SELECT 1 FROM s_frequencies q WHERE q.trip_id = t.trip_id)"
    staging.run(
        "CREATE TEMP TABLE clash ON COMMIT DROP AS SELECT DISTINCT block_id, service_id FROM (SELECT t.block_id, "
        "t.service_id, "
        "c.starts, max(c.ends) OVER (PARTITION BY t.block_id, t.service_id ORDER BY c.starts, c.ends, t.line "
        "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM s_trips t JOIN called c ON c.trip_line = "
        "t.line "
        f"WHERE t.block_id IS NOT NULL {repeated if staging.has('frequencies') else ''}) o WHERE o.starts < o.before"
    )
    ((total,),) = staging.rows("SELECT count(*) FROM clash")
    if total:
        samples = staging.rows(
            "SELECT min(t.line), 'block ' || c.block_id || ', service ' || c.service_id FROM clash c JOIN s_trips t "
            f"USING (block_id, service_id) GROUP BY c.block_id, c.service_id ORDER BY 1 LIMIT {SAMPLES}"
        )
        staging.note("block_trips_with_overlapping_stop_times", "trips", samples, total)
        staging.run(
            "UPDATE s_trips t SET block_id = NULL FROM clash c WHERE c.block_id = t.block_id AND c.service_id = "
            "t.service_id"
        )
