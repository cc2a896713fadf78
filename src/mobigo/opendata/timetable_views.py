"""Timetables for maps and for analysts: stops, lines and areas as GeoJSON, every timed call as one Parquet table."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from psycopg import Connection

    from mobigo.ondemand.model import BookingRule, Service
    from mobigo.opendata.gtfs_writer import Part
    from mobigo.opendata.ondemand_rows import Beside, InForce

STOPS = """
    SELECT stop_id, stop_name, stop_code, location_type, parent_station, wheelchair_boarding, platform_code,
        stop_lon, stop_lat
    FROM stops WHERE version_id = %s AND stop_lon IS NOT NULL AND stop_lat IS NOT NULL
    ORDER BY stop_id COLLATE "C"
"""

LINES = """
    WITH longest AS (
        SELECT DISTINCT ON (route_id, direction_id) route_id, line FROM (
            SELECT t.route_id, t.direction_id, t.line, t.trip_id, count(*) AS calls
            FROM trips t JOIN stop_times_compact c ON c.version_id = t.version_id AND c.trip_line = t.line
            WHERE t.version_id = %(version)s GROUP BY t.route_id, t.direction_id, t.line, t.trip_id
        ) counted ORDER BY route_id, direction_id, calls DESC, trip_id COLLATE "C"
    ), chained AS (
        SELECT l.route_id, l.line, ST_MakeLine(s.geom ORDER BY c.stop_sequence) AS geom
        FROM longest l
        JOIN stop_times_compact c ON c.version_id = %(version)s AND c.trip_line = l.line
        JOIN stops s ON s.version_id = %(version)s AND s.line = c.stop_line
        WHERE s.geom IS NOT NULL GROUP BY l.route_id, l.line
    ), drawn AS (
        SELECT route_id, shape_id, geom FROM (SELECT DISTINCT route_id, shape_id FROM trips
            WHERE version_id = %(version)s AND shape_id IS NOT NULL) used
        JOIN shape_lines USING (shape_id) WHERE shape_lines.version_id = %(version)s
    )
    SELECT r.route_id, r.route_short_name, r.route_long_name, r.route_type, r.route_color, r.route_text_color,
        a.agency_name,
        (SELECT ST_AsGeoJSON(ST_Multi(ST_Collect(ST_Simplify(d.geom, 0.00005, true) ORDER BY d.shape_id)), 5)
         FROM drawn d WHERE d.route_id = r.route_id),
        (SELECT ST_AsGeoJSON(ST_Multi(ST_Collect(c.geom ORDER BY c.line)), 5) FROM chained c
         WHERE c.route_id = r.route_id AND ST_NPoints(c.geom) > 1)
    FROM routes r LEFT JOIN agency a ON a.version_id = r.version_id
        AND a.agency_id = coalesce(r.agency_id, (SELECT min(agency_id) FROM agency WHERE version_id = r.version_id))
    WHERE r.version_id = %(version)s ORDER BY r.route_id COLLATE "C"
"""
"""Lines as their shapes; without any, from stop to stop along the longest trip of each direction."""

CALLS = """
    SELECT '{source}:' || t.route_id AS route_id, r.route_short_name, '{source}:' || t.trip_id AS trip_id,
        '{source}:' || t.service_id AS service_id, t.direction_id, t.trip_headsign, c.stop_sequence,
        '{source}:' || s.stop_id AS stop_id, s.stop_name, s.stop_lon, s.stop_lat, c.arrival_time, c.departure_time,
        c.pickup_type, c.drop_off_type
    FROM stop_times_compact c
    JOIN trips t ON t.version_id = c.version_id AND t.line = c.trip_line
    JOIN routes r ON r.version_id = t.version_id AND r.route_id = t.route_id
    JOIN stops s ON s.version_id = c.version_id AND s.line = c.stop_line
    WHERE c.version_id = {version}
    ORDER BY t.trip_id COLLATE "C", c.stop_sequence
"""
"""Times are seconds after noon less twelve hours of the service day."""

TYPES = {
    "route_id": pl.Categorical, "route_short_name": pl.Categorical, "trip_id": pl.String,
    "service_id": pl.Categorical, "direction_id": pl.Int8, "trip_headsign": pl.Categorical,
    "stop_sequence": pl.Int32, "stop_id": pl.Categorical, "stop_name": pl.Categorical, "stop_lon": pl.Float64,
    "stop_lat": pl.Float64, "arrival_time": pl.Int32, "departure_time": pl.Int32, "pickup_type": pl.Int8,
    "drop_off_type": pl.Int8,
}  # fmt: skip


def write_stops(connection: Connection[Any], parts: Sequence[Part], path: Path, beside: Beside) -> None:
    """Write stops as GeoJSON: those of feeds, and of services on demand beside them."""
    names = ("name", "code", "location_type", "parent_station", "wheelchair_boarding", "platform_code")
    features = []
    for part in parts:
        for id_, *said, lon, lat in connection.execute(STOPS, [part.version]):
            told = dict(zip(names, said, strict=True))
            if told["parent_station"] is not None:
                told["parent_station"] = f"{part.source}:{told['parent_station']}"
            geometry = {"type": "Point", "coordinates": [round(lon, 6), round(lat, 6)]}
            features.append(_feature(f"{part.source}:{id_}", geometry, told))
    for row in beside.rows.get("stops", ()):
        if row.get("stop_lon") and row.get("stop_lat"):
            at = [round(float(row["stop_lon"]), 6), round(float(row["stop_lat"]), 6)]
            cells = {name: row.get(f"stop_{name}", row.get(name)) for name in names}
            whole = {name: int(value) if name in COUNTED and value else value for name, value in cells.items()}
            features.append(_feature(row["stop_id"], {"type": "Point", "coordinates": at}, whole))
    _write(path, features)


COUNTED = ("location_type", "wheelchair_boarding", "route_type")
"""Cells that are numbers."""


def write_lines(connection: Connection[Any], parts: Sequence[Part], path: Path, beside: Beside) -> None:
    """Write lines as GeoJSON; those on demand of the staff are drawn by their areas (`write_areas`)."""
    names = ("short_name", "long_name", "route_type", "color", "text_color", "agency")
    features = []
    for part in parts:
        for id_, *said, drawn, chained in connection.execute(LINES, {"version": part.version}):
            geometry = json.loads(drawn or chained or "null")
            told = dict(zip(names, said, strict=True)) | {"drawn": drawn is not None}
            features.append(_feature(f"{part.source}:{id_}", geometry, told))
    agencies = {row["agency_id"]: row.get("agency_name") for row in beside.rows.get("agency", ())}
    for row in beside.rows.get("routes", ()):
        cells = {name: row.get(f"route_{name}", row.get(name)) for name in names}
        whole = {name: int(value) if name in COUNTED and value else value for name, value in cells.items()}
        told = {**whole, "agency": agencies.get(row["agency_id"]), "drawn": False}
        features.append(_feature(row["route_id"], None, told))
    _write(path, features)


def write_areas(services: Sequence[InForce], path: Path) -> int:
    """Write the areas of services on demand as GeoJSON, with how each is booked; return how many there are."""
    features = []
    for one in services:
        for service in one.services:
            booked = [_say_booking(rule) for _, rule in sorted(service.rules.items())]
            for id_, zone in sorted(service.zones.items()):
                told: dict[str, object] = {
                    "zone": f"{one.source}:{id_}",
                    "name": zone.name,
                    "service": service.id,
                    "service_name": _name(service),
                    "kind": service.kind.value,
                    "booking": booked,
                }
                features.append(_feature(f"{service.id}:{id_}", dict(zone.geometry), told))
    _write(path, features)
    return len(features)


def _name(service: Service) -> str | None:
    return service.route.get("route_long_name") or service.route.get("route_short_name")


def _say_booking(rule: BookingRule) -> dict[str, object]:
    said = {
        "type": int(rule.type),
        "minutes_before": rule.duration_min,
        "days_before": rule.last_day,
        "until_seconds": rule.last_time,
        "phone": rule.phone_number,
        "url": rule.booking_url or rule.info_url,
        "message": rule.message,
    }
    return {name: value for name, value in said.items() if value is not None}


def _feature(id_: str, geometry: object, said: Mapping[str, object]) -> dict[str, object]:
    told = {"id": id_, **{name: value for name, value in said.items() if value is not None}}
    return {"type": "Feature", "id": id_, "geometry": geometry, "properties": told}


def _write(path: Path, features: list[dict[str, object]]) -> None:
    text = json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False, separators=(",", ":"))
    path.write_text(text, encoding="utf-8")


def write_calls(connection: Connection[Any], parts: Sequence[Part], path: Path, beside: Beside) -> None:
    """Write every timed call of every trip as one row of a Parquet table."""
    tables = []
    for part in parts:
        query = CALLS.format(source=part.source.replace("'", "''"), version=part.version)
        out = io.BytesIO()
        with connection.cursor() as cursor, cursor.copy(f"COPY ({query}) TO STDOUT CSV HEADER".encode()) as rows:
            for block in rows:
                out.write(block)
        out.seek(0)
        gone = [f"{part.source}:{trip}" for trip in sorted(beside.left_out.get(part.source, ()))]
        tables.append(pl.read_csv(out, schema=TYPES).filter(~pl.col("trip_id").is_in(gone)))
    tables.append(_list_calls(beside))
    pl.concat(tables).write_parquet(path, compression="zstd")


def _list_calls(beside: Beside) -> pl.DataFrame:
    """List the timed calls of services that the staff wrote."""
    trips = {row["trip_id"]: row for row in beside.rows.get("trips", ())}
    routes = {row["route_id"]: row for row in beside.rows.get("routes", ())}
    stops = {row["stop_id"]: row for row in beside.rows.get("stops", ())}
    rows = []
    for call in beside.rows.get("stop_times", ()):
        if "stop_id" not in call or "departure_time" not in call:
            continue
        trip, stop = trips[call["trip_id"]], stops.get(call["stop_id"], {})
        told = {**routes.get(trip["route_id"], {}), **stop, **trip, **call}
        told |= {name: str(_seconds(call[name])) for name in ("arrival_time", "departure_time") if name in call}
        rows.append([told.get(name, "") for name in TYPES])
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(TYPES)
    writer.writerows(rows)
    return pl.read_csv(out.getvalue().encode(), schema=TYPES)


def _seconds(clock: str) -> int:
    hours, minutes, rest = (int(part) for part in clock.split(":"))
    return hours * 3600 + minutes * 60 + rest
