"""What a loaded feed says about transport on demand: the rows of its files that those trips need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import shapely
from psycopg.rows import dict_row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from psycopg import Connection

Row = dict[str, Any]

ON_DEMAND = (
    "(location_id IS NOT NULL OR location_group_id IS NOT NULL OR start_pickup_drop_off_window IS NOT NULL "
    "OR pickup_type = 2 OR drop_off_type = 2)"
)
"""True of a record of `stop_times_compact` that nobody can use without booking or a window."""


@dataclass(frozen=True)
class FlexRows:
    """Rows by their GTFS names; unknown columns stand in ``extra``, times are seconds, dates are dates."""

    source: str
    version: int
    agency: list[Row]
    routes: list[Row]
    trips: list[Row]
    stop_times: list[Row]
    frequencies: list[Row]
    stops: list[Row]
    calendar: list[Row]
    calendar_dates: list[Row]
    booking_rules: list[Row]
    location_groups: list[Row]
    location_group_stops: list[Row]
    locations: list[Row]
    """``geom``: shapely's."""
    shapes: list[Row]
    more: dict[str, list[Row]]
    """Further files of GTFS that were asked for, whole."""
    other: dict[str, list[Row]]
    """Files that are not of GTFS and were asked for, by name: texts by column."""


def list_active_versions(connection: Connection[Any]) -> list[tuple[str, int]]:
    """List sources in service with their version, by name."""
    rows = connection.execute(
        "SELECT source, active_version FROM feed WHERE active_version IS NOT NULL ORDER BY source"
    )
    return [(source, version) for source, version in rows]


def read_flex_rows(
    connection: Connection[Any], source: str, version: int, *, more: Sequence[str] = (), other: Sequence[str] = ()
) -> FlexRows:
    """Read the trips of a version that run on demand, at least at one of their records, and all they refer to.

    Parameters
    ----------
    more : sequence of str
        Files of GTFS that shall be read as a whole, where any trip runs on demand.
    other : sequence of str
        Files that GTFS does not know and that shall be read too.
    """

    def read(query: str, **parameters: object) -> list[Row]:
        with connection.cursor(row_factory=dict_row) as cursor:
            return list(cursor.execute(query.encode(), {"version": version, **parameters}))

    def of(table: str, key: str, wanted: Iterable[str | None]) -> list[Row]:
        keys = sorted({value for value in wanted if value is not None})
        if not keys:
            return []
        return read(f"SELECT * FROM {table} WHERE version_id = %(version)s AND {key} = ANY(%(keys)s)", keys=keys)

    trips = read(
        "SELECT * FROM trips WHERE version_id = %(version)s AND line IN (SELECT trip_line FROM stop_times_compact "
        f"WHERE version_id = %(version)s AND {ON_DEMAND}) ORDER BY trip_id"
    )
    calls = read(
        "SELECT t.trip_id, s.stop_id, c.* FROM stop_times_compact c JOIN trips t ON t.version_id = c.version_id "
        "AND t.line = c.trip_line LEFT JOIN stops s ON s.version_id = c.version_id AND s.line = c.stop_line "
        "WHERE c.version_id = %(version)s AND c.trip_line = ANY(%(lines)s) ORDER BY t.trip_id, c.stop_sequence",
        lines=[trip["line"] for trip in trips],
    )
    routes = of("routes", "route_id", (trip["route_id"] for trip in trips))
    groups = of("location_groups", "location_group_id", (call["location_group_id"] for call in calls))
    members = of("location_group_stops", "location_group_id", (group["location_group_id"] for group in groups))
    stops = _read_stops(of, [row["stop_id"] for row in (*calls, *members)])
    rules = of(
        "booking_rules",
        "booking_rule_id",
        (call[f"{what}_booking_rule_id"] for call in calls for what in ("pickup", "drop_off")),
    )
    services = [*(trip["service_id"] for trip in trips), *(rule["prior_notice_service_id"] for rule in rules)]
    zones = of("locations", "location_id", (call["location_id"] for call in calls))
    return FlexRows(
        source=source,
        version=version,
        agency=read("SELECT * FROM agency WHERE version_id = %(version)s ORDER BY agency_id") if routes else [],
        routes=routes,
        trips=trips,
        stop_times=calls,
        frequencies=of("frequencies", "trip_id", (trip["trip_id"] for trip in trips)),
        stops=stops,
        calendar=of("calendar", "service_id", services),
        calendar_dates=of("calendar_dates", "service_id", services),
        booking_rules=rules,
        location_groups=groups,
        location_group_stops=members,
        locations=[{**zone, "geom": shapely.from_wkb(zone["geom"])} for zone in zones],
        shapes=of("shapes", "shape_id", (trip["shape_id"] for trip in trips)),
        more={name: read(f"SELECT * FROM {name} WHERE version_id = %(version)s") if routes else [] for name in more},
        other={
            name: [
                row["content"]
                for row in read(
                    "SELECT content FROM raw_rows WHERE version_id = %(version)s AND file = %(file)s ORDER BY line",
                    file=name,
                )
                if isinstance(row["content"], dict)
            ]
            for name in other
        },
    )


def _read_stops(of: Callable[[str, str, Iterable[str | None]], list[Row]], wanted: list[str | None]) -> list[Row]:
    """Read stops, and the stations above them."""
    found: dict[str, Row] = {}
    while wanted:
        rows = of("stops", "stop_id", wanted)
        found |= {row["stop_id"]: row for row in rows}
        wanted = [row["parent_station"] for row in rows if row["parent_station"] not in found]
    return [found[key] for key in sorted(found)]


ACCOMPANYING = (
    "levels", "areas", "networks", "route_networks", "stop_areas", "timeframes", "rider_categories", "fare_media",
    "fare_products", "fare_leg_rules", "fare_leg_join_rules", "fare_transfer_rules", "fare_attributes", "fare_rules",
    "transfers", "translations", "feed_info", "attributions",
)  # fmt: skip
"""Files that say more about what other files hold: fares, translations, who made the feed."""


LEFT_OVER = (
    "calendar", "calendar_dates", "stops", "location_groups", "location_group_stops", "locations", "booking_rules",
    "shapes",
)  # fmt: skip
"""Files of which a feed may hold rows that no trip uses."""

ONLY_ON_DEMAND = (
    "NOT EXISTS (SELECT 1 FROM trips t WHERE t.version_id = %(version)s AND EXISTS (SELECT 1 FROM stop_times_compact c"
    " WHERE c.version_id = %(version)s AND c.trip_line = t.line) AND NOT EXISTS (SELECT 1 FROM stop_times_compact c"
    f" WHERE c.version_id = %(version)s AND c.trip_line = t.line AND {ON_DEMAND}))"
)
"""True of a feed none of whose trips is an ordinary one."""


def read_accompanying(connection: Connection[Any], source: str) -> dict[str, list[Row]]:
    """Read what the version of a source in service says besides its trips, by file.

    Returns
    -------
    dict
        `ACCOMPANYING`; of a feed without ordinary trips also `LEFT_OVER`, since what no trip uses is of no other.
        Nothing when there is no such source.
    """
    found: dict[str, list[Row]] = {}
    version = dict(list_active_versions(connection)).get(source)
    if version is None:
        return found
    with connection.cursor(row_factory=dict_row) as cursor:
        (row,) = cursor.execute(f"SELECT {ONLY_ON_DEMAND} AS alone".encode(), {"version": version})
        for name in (*ACCOMPANYING, *(LEFT_OVER if row["alone"] else ())):
            query = f"SELECT * FROM {name} WHERE version_id = %(version)s"
            found[name] = list(cursor.execute(query.encode(), {"version": version}))
    for zone in found.get("locations", ()):
        zone["geom"] = shapely.from_wkb(zone["geom"])
    return found
