"""How well the timetable was kept: punctuality by line, stop and hour, and changes that were missed.

A call is early when it left or arrived more than a minute before its time, on time up to five minutes after it, late up
to fifteen and very late from then on; cancelled calls are counted apart and are no calls.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mobigo.usage.answers import Answer, Column, Kind, join_id, read_lines, rounded, share
from mobigo.usage.sentences import say

if TYPE_CHECKING:
    from collections.abc import Collection

    from psycopg import Connection

    from mobigo.usage.answers import Value, Wanted

TRANSIT = "transit"
DIMENSIONS = {
    "line": ("p.source", "p.route"),
    "stop": ("p.source", "p.stop"),
    "hour": ("p.hour",),
    "day_type": ("d.day_type",),
    "day": ("p.day",),
}
"""What punctuality may be told by, in this order."""

_PUNCTUALITY = """
    SELECT {grouped} sum(calls), sum(cancelled), sum(early), sum(on_time), sum(late), sum(very_late), sum(delay)
    FROM usage_punctuality AS p JOIN usage_day AS d USING (day)
    WHERE day BETWEEN %(first)s AND %(last)s
        AND (%(types)s::text[] IS NULL OR d.day_type = ANY (%(types)s::text[]))
        AND (%(source)s::text IS NULL OR p.source = %(source)s)
        AND (%(route)s::text IS NULL OR p.route = %(route)s)
    {by}
"""

_CHANGES = """
    WITH told AS (
        SELECT c.source, route, to_source, to_route, stop, to_stop, {hour} AS hour, sum(planned) AS planned,
            sum(judged) AS judged, sum(missed) AS missed
        FROM usage_change AS c JOIN usage_day AS d USING (day)
        WHERE day BETWEEN %(first)s AND %(last)s
            AND (%(types)s::text[] IS NULL OR d.day_type = ANY (%(types)s::text[]))
            AND (%(source)s::text IS NULL OR c.source = %(source)s OR to_source = %(source)s)
            AND (%(route)s::text IS NULL OR (c.source, route) = (%(source)s, %(route)s)
                OR (to_source, to_route) = (%(source)s, %(route)s))
        GROUP BY 1, 2, 3, 4, 5, 6, 7
    )
    SELECT told.*, coalesce(a.stop_name, stop), coalesce(b.stop_name, to_stop), ST_AsGeoJSON(a.geom, 6) FROM told
    LEFT JOIN feed AS f ON f.source = told.source
    LEFT JOIN feed AS g ON g.source = told.to_source
    LEFT JOIN stops AS a ON a.version_id = f.active_version AND a.stop_id = told.stop
    LEFT JOIN stops AS b ON b.version_id = g.active_version AND b.stop_id = told.to_stop
    ORDER BY missed DESC, planned DESC, told.source, route, to_source, to_route, stop, to_stop, hour
"""

_STOPS = """
    SELECT f.source, s.stop_id, s.stop_name, ST_AsGeoJSON(s.geom, 6) FROM feed AS f
    JOIN stops AS s ON s.version_id = f.active_version
    WHERE (f.source, s.stop_id) IN (SELECT * FROM unnest(%s::text[], %s::text[]))
"""

KEPT = (
    Column("calls", Kind.COUNT), Column("cancelled", Kind.COUNT), Column("cancelled_share", Kind.SHARE),
    Column("early", Kind.SHARE), Column("on_time", Kind.SHARE), Column("late", Kind.SHARE),
    Column("very_late", Kind.SHARE), Column("delay_mean", Kind.SECONDS),
)  # fmt: skip
CHANGES = (
    Column("line"), Column("line_name"), Column("to_line"), Column("to_line_name"), Column("stop"), Column("stop_name"),
    Column("to_stop"), Column("to_stop_name"),
)  # fmt: skip
JUDGED = (
    Column("planned", Kind.COUNT), Column("judged", Kind.COUNT), Column("missed", Kind.COUNT),
    Column("missed_share", Kind.SHARE),
)  # fmt: skip


def list_punctuality(connection: Connection[Any], wanted: Wanted, by: Collection[str]) -> Answer:
    """List how calls kept their time, by any of `DIMENSIONS`."""
    dimensions = [one for one in DIMENSIONS if one in by]
    fields = list(dict.fromkeys(field for one in dimensions for field in DIMENSIONS[one]))
    query = _PUNCTUALITY.replace("{grouped}", "".join(f"{one}, " for one in fields)).replace(
        "{by}", f"GROUP BY {', '.join(fields)} ORDER BY {', '.join(fields)}" if fields else "HAVING count(*) > 0"
    )
    found = connection.execute(query.encode(), wanted.parameters()).fetchall()
    at = {field: number for number, field in enumerate(fields)}
    lines = read_lines(connection)
    stops = (
        _read_stops(connection, [(row[at["p.source"]], row[at["p.stop"]]) for row in found]) if "p.stop" in at else {}
    )
    rows: list[tuple[Value, ...]] = []
    places: list[dict[str, Any] | None] = []
    for row in found:
        head: list[Value] = []
        for one in dimensions:
            if one == "line":
                key = (row[at["p.source"]], row[at["p.route"]])
                head += [join_id(*key), lines.name(TRANSIT, *key)]
            elif one == "stop":
                key = (row[at["p.source"]], row[at["p.stop"]])
                head += [join_id(*key), stops[key][0] if key in stops else key[1]]
                places.append(stops[key][1] if key in stops else None)
            else:
                value = row[at[DIMENSIONS[one][0]]]
                head.append(value.isoformat() if one == "day" else value)
        calls, cancelled, *parts, delay = row[len(fields) :]
        rows.append((
            *head, int(calls), int(cancelled), share(cancelled, calls + cancelled),
            *(share(part, calls) for part in parts), rounded(delay / calls, 0) if calls else None,
        ))  # fmt: skip
    titles = {"line": ("line", "line_name"), "stop": ("stop", "stop_name")}
    kinds = {"hour": Kind.HOUR, "day": Kind.DAY}
    columns = [Column(name, kinds.get(name, Kind.TEXT)) for one in dimensions for name in titles.get(one, (one,))]
    return Answer("punctuality", (*columns, *KEPT), tuple(rows), tuple(places), (say("note.punctuality"),))


def list_changes(connection: Connection[Any], wanted: Wanted, *, hourly: bool = False) -> Answer:
    """List changes of journeys that were answered, from line to line at one place, and how many were missed."""
    lines = read_lines(connection)
    rows: list[tuple[Value, ...]] = []
    places = []
    query = _CHANGES.replace("{hour}", "c.hour" if hourly else "0")
    for source, route, to_source, to_route, stop, to_stop, hour, *told in connection.execute(
        query.encode(), wanted.parameters()
    ):
        planned, judged, missed, name, to_name, geom = told
        rows.append((
            join_id(source, route), lines.name(TRANSIT, source, route), join_id(to_source, to_route),
            lines.name(TRANSIT, to_source, to_route), join_id(source, stop), name, join_id(to_source, to_stop), to_name,
            *([hour] if hourly else []), int(planned), int(judged), int(missed), share(missed, judged),
        ))  # fmt: skip
        places.append(json.loads(geom) if geom else None)
    columns = (*CHANGES, *([Column("hour", Kind.HOUR)] if hourly else []), *JUDGED)
    return Answer("changes", columns, tuple(rows), tuple(places), (say("note.changes"),))


def _read_stops(
    connection: Connection[Any], keys: Collection[tuple[str, str]]
) -> dict[tuple[str, str], tuple[str, dict[str, Any] | None]]:
    ids = sorted(set(keys))
    rows = connection.execute(_STOPS, [[source for source, _ in ids], [id_ for _, id_ in ids]])
    return {(source, id_): (name or id_, json.loads(geom) if geom else None) for source, id_, name, geom in rows}
