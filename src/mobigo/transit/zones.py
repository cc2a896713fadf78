"""``locations.geojson``: the zones of services on demand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import shapely
from psycopg.types.json import Jsonb

from mobigo.transit.archive import Unreadable
from mobigo.transit.check import Staged
from mobigo.transit.gtfs import BY_NAME, LOCATIONS
from mobigo.transit.store import create_staging

if TYPE_CHECKING:
    from pathlib import Path

    from mobigo.transit.check import Staging

KNOWN_MEMBERS = ("id", "type", "geometry", "properties", "bbox")
KNOWN_PROPERTIES = ("stop_name", "stop_desc", "zone_id")
MAX_LON, MAX_LAT = 180, 90


class _Repeated(dict[str, Any]):
    """A JSON object in which a key stood twice."""


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else _Repeated(found)


def stage_zones(staging: Staging, path: Path) -> None:
    """Read the zones into their staging table; broken ones are noted and left out."""
    staging.run(
        "CREATE TEMP TABLE s_locations (line integer, location_id text, stop_name text, stop_desc text, zone_id text, "
        "geom geometry, extra jsonb) ON COMMIT DROP"
    )
    staging.files["locations"] = Staged(frozenset({"location_id", *KNOWN_PROPERTIES}))
    try:
        collection = json.loads(path.read_bytes(), object_pairs_hook=_pairs)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"{LOCATIONS}: {error}", code="malformed_json") from None
    if not isinstance(collection, dict) or collection.get("type") != "FeatureCollection":
        kind = collection.get("type") if isinstance(collection, dict) else type(collection).__name__
        raise Unreadable(f"{LOCATIONS} is a {kind}", code="unsupported_geo_json_type")
    features = collection.get("features")
    if not isinstance(features, list):
        staging.findings.add("missing_required_element", LOCATIONS, None, "features")
        features = []
    seen: set[str] = set()
    with staging.cursor.copy("COPY s_locations FROM STDIN") as copy:
        for number, feature in enumerate(features, start=1):
            zone = _read_zone(staging, feature, number)
            if zone is None:
                continue
            if zone[1] in seen:
                staging.findings.add("duplicate_geo_json_key", LOCATIONS, number, zone[1])
                continue
            seen.add(zone[1])
            copy.write_row(zone)
    staging.profile("locations")


def _read_zone(staging: Staging, feature: object, number: int) -> tuple[Any, ...] | None:
    """Return the row of a zone; None when something is wrong with it, which is noted."""
    if not isinstance(feature, dict):
        staging.findings.add("unsupported_feature_type", LOCATIONS, number, str(feature)[:80])
        return None
    wrong = _find_fault(feature)
    if wrong:
        staging.findings.add(wrong[0], LOCATIONS, number, wrong[1])
        return None
    properties = feature.get("properties")
    properties = dict(properties) if isinstance(properties, dict) else {}
    known = [None if properties.get(key) is None else str(properties.pop(key)) for key in KNOWN_PROPERTIES]
    unknown = {key: value for key, value in feature.items() if key not in KNOWN_MEMBERS}
    if unknown:
        staging.findings.add("geo_json_unknown_element", LOCATIONS, number, ", ".join(unknown))
    extra = {key: value for key, value in properties.items() if value is not None} | unknown
    shape = shapely.set_srid(shapely.force_2d(_read_shape(feature)), 4326)
    wkb = shapely.to_wkb(shape, hex=True, include_srid=True)
    return (number, str(feature["id"]), *known, wkb, Jsonb(extra) if extra else None)


def _read_shape(feature: dict[str, Any]) -> shapely.Geometry:
    return shapely.from_geojson(json.dumps(feature["geometry"]))


def _find_fault(feature: dict[str, Any]) -> tuple[str, str] | None:
    """Say by code and value what is wrong with a feature."""
    geometry = feature.get("geometry")
    name = str(feature.get("id") or "")
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    simple = (
        (feature.get("type") != "Feature", "unsupported_feature_type", str(feature.get("type"))),
        (isinstance(feature, _Repeated), "geo_json_duplicated_element", name),
        (not name, "missing_required_element", "id"),
        (not isinstance(geometry, dict), "missing_required_element", f"{name}: geometry"),
        (kind not in {"Polygon", "MultiPolygon"}, "unsupported_geometry_type", f"{name}: {kind}"),
    )
    for wrong, code, value in simple:
        if wrong:
            return code, value
    try:
        shape = _read_shape(feature)
    except (shapely.errors.GEOSException, ValueError) as error:
        return "invalid_geometry", f"{name}: {error}"
    west, south, east, north = shape.bounds if not shape.is_empty else (MAX_LON + 1,) * 4
    inside = max(abs(west), abs(east)) <= MAX_LON and max(abs(south), abs(north)) <= MAX_LAT
    return None if shape.is_valid and inside else ("invalid_geometry", f"{name}: {shapely.is_valid_reason(shape)}")


def modernise(staging: Staging) -> None:
    """Put what drafts of GTFS-Flex wrote into stop_id and location_groups.txt where it belongs today."""
    if staging.has("location_groups") and not staging.has("location_group_stops"):
        _split_members(staging)
    if not staging.has("stop_times.stop_id"):
        return
    for name, column in (("locations", "location_id"), ("location_groups", "location_group_id")):
        if not staging.has(name):
            continue
        strangers = (
            "AND NOT EXISTS (SELECT 1 FROM s_stops p WHERE p.stop_id = s.stop_id)" if "stops" in staging.files else ""
        )
        moved = staging.apply(
            "unknown_column",
            "stop_times",
            f"s.stop_id IN (SELECT {column} FROM s_{name}) {strangers}",
            f"'stop_id ' || s.stop_id || ' moved to {column}'",
            mend=f"{column} = s.stop_id, stop_id = NULL, shape_dist_traveled = NULL",
        )
        if moved:
            staging.files["stop_times"].present |= {column}
            staging.profile("stop_times")


def _split_members(staging: Staging) -> None:
    """Make today's two files of a draft's location_groups.txt, which had one row per member."""
    member = next(
        (name for name, original in staging.files["location_groups"].unknown if original == "location_id"), None
    )
    if member is None:
        return
    if "location_group_stops" not in staging.files:
        file = BY_NAME["location_group_stops"]
        create_staging(staging, file, (column.name for column in file.columns), ())
    count = staging.run(
        "INSERT INTO s_location_group_stops (line, location_group_id, stop_id) "
        f"SELECT line, location_group_id, {member} FROM s_location_groups WHERE {member} IS NOT NULL"
    )
    staging.findings.add(
        "unknown_column", "location_groups.txt", 1, f"location_id: {count} members moved to location_group_stops"
    )
    staging.run(
        "DELETE FROM s_location_groups g USING s_location_groups f "
        "WHERE f.location_group_id = g.location_group_id AND f.line < g.line"
    )
    for name in ("location_groups", "location_group_stops"):
        staging.profile(name)


def check_ids(staging: Staging) -> None:
    """Keep stops, groups and zones apart by their ids: stops first, then groups."""
    taken = [
        f"SELECT {key} FROM s_{name}"
        for name, key in (("stops", "stop_id"), ("location_groups", "location_group_id"))
        if name in staging.files
    ]
    for count, (name, key) in enumerate(
        (("location_groups", "location_group_id"), ("locations", "location_id")), start=1
    ):
        if staging.has(name) and taken[:count]:
            staging.apply("duplicate_geography_id", name, f"s.{key} IN ({' UNION '.join(taken[:count])})", f"s.{key}")


def store_zones(staging: Staging, version: int) -> int:
    """Store the zones that are left."""
    return staging.run(
        f"INSERT INTO locations SELECT {version}, location_id, stop_name, stop_desc, zone_id, geom, extra FROM "
        "s_locations"
    )
