"""Stations that several feeds share: stops of the same name at the same place are one station.

Stops of one feed belong together as the feed says (parent_station). Stops or stations of different feeds are joined
when their names, folded, agree and they are near, or when they are at the very same place. Source ids are never
rewritten: the result is a table of its own, and a table of the ids that changed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from mobigo.kit.geo import EARTH_RADIUS, Point, haversine
from mobigo.kit.names import fold

if TYPE_CHECKING:
    from datetime import datetime

    from psycopg import Connection

SAME_NAME_METRES = 150
"""Two groups of different feeds with one name are one station up to here."""
SAME_PLACE_METRES = 4
"""And with any name up to here."""
MAX_EXTENT_METRES = 400
"""Joining stops when a chain of them would become longer than this."""
CELL_DEGREES = 0.0001
"""Grid for the very same place; a cell is larger than `SAME_PLACE_METRES` up to 66 degrees of latitude."""

LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('mobigo stations', 0))"

GROUPS = """
    SELECT f.source, f.source || ':' || s.stop_id,
           f.source || ':' || coalesce(g.stop_id, p.stop_id, s.stop_id),
           coalesce(g.stop_name, p.stop_name, s.stop_name, ''),
           ST_X(coalesce(g.geom, p.geom, s.geom)), ST_Y(coalesce(g.geom, p.geom, s.geom))
    FROM stops s JOIN feed f ON f.active_version = s.version_id
    LEFT JOIN stops p ON p.version_id = s.version_id AND p.stop_id = s.parent_station
    LEFT JOIN stops g ON g.version_id = p.version_id AND g.stop_id = p.parent_station
    WHERE coalesce(g.geom, p.geom, s.geom) IS NOT NULL
"""
"""Source, stop, its group (the station it is in, or itself), and the group's name and place."""


class _Group(NamedTuple):
    source: str
    name: str
    lon: float
    lat: float


def consolidate(connection: Connection[Any], now: datetime) -> int:
    """Work out anew which stops of the active versions share a station; return how many stations are shared.

    Runs in the caller's transaction. A shared station keeps its id as long as a stop of that id is in it.
    """
    connection.execute(LOCK)
    before = dict(connection.execute("SELECT stop_id, station_id FROM station_stop").fetchall())
    sources = connection.execute("SELECT count(*) FROM feed WHERE active_version IS NOT NULL").fetchone()
    assert sources
    rows = connection.execute(GROUPS).fetchall() if sources[0] > 1 else []
    groups = {row[2]: _Group(row[0], row[3], row[4], row[5]) for row in rows}
    members = defaultdict(list)
    for _, stop, group, *_ in rows:
        members[group].append(stop)
    stations = [
        _name_station(joined, members, before) for joined in _join(groups, _near_pairs(groups)) if len(joined) > 1
    ]
    connection.execute("DELETE FROM station_stop")  # not truncated: readers go on seeing what they saw
    connection.execute("DELETE FROM station")
    with connection.cursor() as cursor:
        with cursor.copy("COPY station FROM STDIN") as copy:
            for station, joined in stations:
                head = groups[joined[0]]
                copy.write_row((station, head.name, f"SRID=4326;POINT({head.lon} {head.lat})"))
        with cursor.copy("COPY station_stop FROM STDIN") as copy:
            for station, joined in stations:
                for group in joined:
                    for stop in members[group]:
                        copy.write_row((stop, station))
        after = {stop: station for station, joined in stations for group in joined for stop in members[group]}
        renamed = {(old, after[stop]) for stop, old in before.items() if after.get(stop, old) != old}
        cursor.executemany(
            "INSERT INTO station_renamed VALUES (%s, %s, %s)", [(*pair, now) for pair in sorted(renamed)]
        )
    return len(stations)


def _name_station(joined: list[str], members: dict[str, list[str]], before: dict[str, str]) -> tuple[str, list[str]]:
    stops = {stop for group in joined for stop in members[group]}
    earlier = Counter(before[stop] for stop in stops if stop in before and before[stop] in stops)
    kept = min(earlier, key=lambda station: (-earlier[station], station)) if earlier else joined[0]
    return kept, joined


def _near_pairs(groups: dict[str, _Group]) -> list[tuple[float, str, str]]:
    """List pairs of groups of different sources that are one station, nearest first."""
    if not groups:
        return []
    table = pl.DataFrame(
        {
            "group": list(groups),
            "source": [group.source for group in groups.values()],
            "name": [fold(group.name) for group in groups.values()],
            "lon": [group.lon for group in groups.values()],
            "lat": [group.lat for group in groups.values()],
        }
    ).with_columns(
        x=(pl.col("lon") / CELL_DEGREES).floor().cast(pl.Int64), y=(pl.col("lat") / CELL_DEGREES).floor().cast(pl.Int64)
    )
    named = table.filter(pl.col("name") != "")
    found = [_measured(named.join(named, on="name", suffix="_b"), SAME_NAME_METRES)]
    for dx in (-1, 0, 1):
        for dy in (-1, 0, 1):
            moved = table.with_columns(x=pl.col("x") + dx, y=pl.col("y") + dy)
            found.append(_measured(table.join(moved, on=["x", "y"], suffix="_b"), SAME_PLACE_METRES))
    pairs = pl.concat(found).unique().sort("metres", "group", "group_b")
    return [(row[2], row[0], row[1]) for row in pairs.iter_rows()]


def _measured(pairs: pl.DataFrame, limit: float) -> pl.DataFrame:
    half_lat = (pl.col("lat_b") - pl.col("lat")).radians() / 2
    half_lon = (pl.col("lon_b") - pl.col("lon")).radians() / 2
    h = half_lat.sin() ** 2 + pl.col("lat").radians().cos() * pl.col("lat_b").radians().cos() * half_lon.sin() ** 2
    metres = 2 * EARTH_RADIUS * h.sqrt().arcsin()
    return (
        pairs.filter(pl.col("source") < pl.col("source_b"))
        .with_columns(metres=metres)
        .filter(pl.col("metres") <= limit)
        .select("group", "group_b", "metres")
    )


def _join(groups: dict[str, _Group], pairs: list[tuple[float, str, str]]) -> list[list[str]]:
    """Join pairs, nearest first, while no station grows too long; members sorted."""
    joined = {group: [group] for group in groups}
    for _, a, b in pairs:
        if joined[a] is joined[b]:
            continue
        both = sorted(joined[a] + joined[b])
        if _extent(groups, both) <= MAX_EXTENT_METRES:
            for group in both:
                joined[group] = both
    return [list(key) for key in sorted({tuple(value) for value in joined.values()})]


def _extent(groups: dict[str, _Group], names: list[str]) -> float:
    lons = [groups[name].lon for name in names]
    lats = [groups[name].lat for name in names]
    return haversine(Point(min(lons), min(lats)), Point(max(lons), max(lats)))
