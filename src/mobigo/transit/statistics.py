"""What a feed is like, in figures and on a map.

gtfs-kit is given the small tables and tells the calendar's figures; the bulk rows stay in the database, which draws the
lines.
"""

from __future__ import annotations

import json
from html import escape
from math import asinh, cos, degrees, radians, tan
from typing import TYPE_CHECKING, Any

import gtfs_kit
import pandas as pd

from mobigo.transit.gtfs import BY_NAME, Kind

if TYPE_CHECKING:
    from psycopg import Connection

SMALL = ("agency", "stops", "routes", "trips", "calendar", "calendar_dates", "feed_info")
"""Files that gtfs-kit is given."""

MODES = {
    0: "tram",
    1: "metro",
    2: "rail",
    3: "bus",
    4: "ferry",
    5: "cable tram",
    6: "aerial lift",
    7: "funicular",
    11: "trolleybus",
    12: "monorail",
}
EXTENDED_MODES = {
    1: "rail",
    2: "coach",
    4: "metro",
    7: "bus",
    8: "trolleybus",
    9: "tram",
    10: "ferry",
    13: "aerial lift",
}
"""By the hundreds of the extended route type."""

LINES = """
    WITH trip AS (
        SELECT DISTINCT ON (t.route_id, coalesce(t.direction_id, 0)) t.route_id, t.line, t.shape_id
        FROM trips t JOIN (
            SELECT trip_line, count(*) AS calls FROM stop_times_compact WHERE version_id = %(version)s GROUP BY 1) c
          ON c.trip_line = t.line
        WHERE t.version_id = %(version)s ORDER BY t.route_id, coalesce(t.direction_id, 0), c.calls DESC, t.line
    )
    SELECT r.route_id, coalesce(r.route_short_name, r.route_long_name), coalesce(r.route_color, '3366AA'),
        ST_AsGeoJSON(coalesce(l.geom, (
            SELECT ST_MakeLine(s.geom ORDER BY c.stop_sequence) FROM stop_times_compact c
            JOIN stops s ON s.version_id = c.version_id AND s.line = c.stop_line
            WHERE c.version_id = %(version)s AND c.trip_line = trip.line)), 5)
    FROM trip JOIN routes r ON r.version_id = %(version)s AND r.route_id = trip.route_id
    LEFT JOIN shape_lines l ON l.version_id = %(version)s AND l.shape_id = trip.shape_id
    ORDER BY r.route_id
"""
"""Per route and direction the trip with most calls: its shape, else the line through its stops."""

ZONES = "SELECT location_id, stop_name, ST_AsGeoJSON(geom, 5) FROM locations WHERE version_id = %(version)s ORDER BY 1"


def open_feed(connection: Connection[Any], version: int) -> gtfs_kit.Feed:
    """Give gtfs-kit the small tables of a version, typed as it expects them."""
    tables = {}
    for name in SMALL:
        file = BY_NAME[name]
        columns = [
            f"to_char({c.name}, 'YYYYMMDD') AS {c.name}" if c.kind is Kind.DATE else c.name for c in file.columns
        ]
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {', '.join(columns)} FROM {name} WHERE version_id = %s".encode(), (version,))
            rows = cursor.fetchall()
        if rows:
            frame = pd.DataFrame(rows, columns=[column.name for column in file.columns])
            tables[name] = frame.dropna(axis="columns", how="all")
    return gtfs_kit.Feed(dist_units="m", **tables)


def describe_mode(route_type: int) -> str:
    """Name the mode of a route type."""
    return MODES.get(route_type) or EXTENDED_MODES.get(route_type // 100, "other")


def compute_statistics(connection: Connection[Any], version: int) -> dict[str, Any]:
    """Figures of a version: agencies, zone, days, busiest day, trips of that day, routes by mode."""
    feed = open_feed(connection, version)
    found: dict[str, Any] = {}
    if feed.agency is not None:
        found["agencies"] = sorted(feed.agency["agency_name"])
        found["timezone"] = feed.agency["agency_timezone"].iloc[0]
    if feed.routes is not None:
        found["routes_by_mode"] = feed.routes["route_type"].map(describe_mode).value_counts().sort_index().to_dict()
    if feed.trips is not None and (feed.calendar is not None or feed.calendar_dates is not None):
        dates = feed.get_dates()
        if dates:
            busiest = feed.compute_busiest_date(dates)
            active = feed.get_trips(busiest)
            found |= {
                "days": len(dates),
                "busiest_day": f"{busiest[:4]}-{busiest[4:6]}-{busiest[6:]}",
                "trips_on_busiest_day": len(active),
                "routes_on_busiest_day": int(active["route_id"].nunique()),
            }
    (found["stops_served"],) = connection.execute(
        "SELECT count(DISTINCT stop_line) FROM stop_times_compact WHERE version_id = %s", (version,)
    ).fetchone() or (0,)
    return found


def draw_geojson(connection: Connection[Any], version: int) -> dict[str, Any]:
    """Lines, zones and stops of a version as GeoJSON."""
    features = [
        _feature(json.loads(geometry), kind="route", id=route, name=name, colour=f"#{colour}")
        for route, name, colour, geometry in connection.execute(LINES, {"version": version})
        if geometry
    ]
    features += [
        _feature(json.loads(geometry), kind="zone", id=zone, name=name)
        for zone, name, geometry in connection.execute(ZONES, {"version": version})
    ]
    stops = connection.execute(
        "SELECT stop_id, stop_name, stop_lon, stop_lat FROM stops WHERE version_id = %s AND geom IS NOT NULL "
        "AND coalesce(location_type, 0) IN (0, 1) ORDER BY 1",
        (version,),
    )
    features += [
        _feature({"type": "Point", "coordinates": [round(lon, 5), round(lat, 5)]}, kind="stop", id=stop, name=name)
        for stop, name, lon, lat in stops
    ]
    return {"type": "FeatureCollection", "features": features}


def _feature(geometry: dict[str, Any], **properties: str | None) -> dict[str, Any]:
    return {"type": "Feature", "properties": properties, "geometry": geometry}


WIDTH = 1_000
"""Of the drawing, in its own units."""

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
  body {{ margin: 0; font: 16px system-ui, sans-serif }} h1 {{ font-size: 1.1rem; margin: .6rem 1rem }}
  svg {{ width: 100vw; height: calc(100vh - 3rem); background: #f4f2ee }}
  path {{ fill: none; stroke-width: 2; vector-effect: non-scaling-stroke; stroke-linejoin: round }}
  .zone {{ fill: #8a6; fill-opacity: .3; stroke: #574 }} circle {{ fill: #fff; stroke: #333; stroke-width: {stroke} }}
</style>
<h1>{title}</h1>
<svg viewBox="{box}" preserveAspectRatio="xMidYMid meet" role="img" aria-label="{title}">{shapes}</svg>
</html>
"""


def draw_page(collection: dict[str, Any], title: str) -> str:
    """Draw GeoJSON as one HTML page that asks nothing of the internet."""
    points = [point for feature in collection["features"] for point in _points(feature["geometry"])]
    if not points:
        return PAGE.format(title=escape(title), box=f"0 0 {WIDTH} {WIDTH}", shapes="", stroke=1)
    west, east = min(p[0] for p in points), max(p[0] for p in points)
    north = max(_mercator(p[1]) for p in points)
    south = min(_mercator(p[1]) for p in points)
    scale = WIDTH / max(east - west, north - south, 1e-6)
    shapes = []
    for feature in collection["features"]:
        geometry, properties = feature["geometry"], feature["properties"]
        name = f"<title>{escape(properties['name'] or properties['id'])}</title>"
        placed = [
            [(round((x - west) * scale, 2), round((north - _mercator(y)) * scale, 2)) for x, y, *_ in part]
            for part in _parts(geometry)
        ]
        if geometry["type"] == "Point":
            ((x, y),) = placed[0]
            shapes.append(f'<circle cx="{x}" cy="{y}" r="{WIDTH / 400}">{name}</circle>')
            continue
        drawn = " ".join("M" + " ".join(f"{x},{y}" for x, y in part) for part in placed)
        look = 'class="zone"' if properties["kind"] == "zone" else f'stroke="{properties["colour"]}"'
        shapes.append(f'<path d="{drawn}" {look}>{name}</path>')
    margin = WIDTH / 50
    box = f"{-margin} {-margin} {(east - west) * scale + 2 * margin} {(north - south) * scale + 2 * margin}"
    return PAGE.format(title=escape(title), box=box, shapes="".join(shapes), stroke=WIDTH / 1500)


def _mercator(lat: float) -> float:
    return degrees(asinh(tan(radians(lat)))) if abs(cos(radians(lat))) > 0 else lat


def _parts(geometry: dict[str, Any]) -> list[list[list[float]]]:
    coordinates = geometry["coordinates"]
    match geometry["type"]:
        case "Point":
            return [[coordinates]]
        case "LineString":
            return [coordinates]
        case "Polygon":
            return list(coordinates)
        case _:
            return [ring for polygon in coordinates for ring in polygon]


def _points(geometry: dict[str, Any]) -> list[list[float]]:
    return [point for part in _parts(geometry) for point in part]
