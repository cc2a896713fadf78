"""The tables of the extract in service: streets for the street room, names for places, shapes for the base map.

Each name below is a view of the version that `osm_active` points at; the rows lie in ``<name>_versions``, partitioned
by version. Read the views only: they change all at once when a load ends. Geometry is WGS84 (EPSG:4326). ``min_zoom``
is the first zoom level of a web map at which a row is worth drawing; a partial index serves ``min_zoom <= 11``.

``street_edge``: a piece of street between two nodes, drawn in the direction of its way
    ``id, way_id, from_node, to_node, metres, class`` (the highway value, ``ferry`` or ``platform``), ``name, ref``;
    ``foot, bicycle, car``: 1 may go along the geometry, 2 against it, 3 both, 0 none;
    ``kmh_forward, kmh_backward``: expected speed of a car; ``seconds``: of a ferry's crossing, else null;
    ``flags``: the sum of `Flag`; ``wheelchair``: a `Wheelchair`; ``coach``: like ``car``, of a coach (both null: loaded
    before this was read); ``min_zoom, geom`` LineString
``street_node``: ``id, osm_id, lon, lat, passable`` (1 foot + 2 bicycle + 4 car may pass the barrier there, 7 if none;
    + 8 where wheelchairs may not, + 16 where a crossing is marked)
``turn_restriction``: ``relation_id, kind`` (``no_left_turn``, ``only_straight_on`` ...), ``from_way``, ``via_node`` or
    ``via_ways``, ``to_way``, ``modes`` (2 bicycle + 4 car)
``street_overview``: ``class, ref, min_zoom, geom``: motorway to secondary joined and simplified, for zoom 5 to 10
``osm_street``: one row per named street and neighbourhood: ``name, metres, geom`` Point on it
``osm_place``: ``osm_type, osm_id, kind`` (``city town village hamlet suburb`` ...), ``name, population,
    postcode, insee, min_zoom, geom`` Point
``osm_address``: ``osm_type, osm_id, housenumber, street, postcode, city, geom`` Point
``osm_poi``: ``osm_type, osm_id, class`` (the key: ``amenity shop tourism leisure railway`` ...), ``kind`` (its value),
    ``name`` (may be null), ``min_zoom, geom`` Point
``osm_parking``: ``osm_type, osm_id, kind`` (``park_ride``, ``carpool``), ``name`` (may be null), ``capacity``,
    ``disabled`` (places for them; both null when not tagged), ``geom`` Point; those that anybody may use
``osm_area``: ``osm_type, osm_id, kind, name, square_metres, admin_level, min_zoom, geom`` MultiPolygon; kind is one of
    ``water wetland forest grass park farmland orchard vineyard scrub heath rock sand residential commercial industrial
    railway cemetery school hospital sport pedestrian parking aerodrome building administrative``; ``admin_level`` is
    set for ``administrative`` only, which is for look-ups, not for fills
``osm_line``: ``osm_id, class`` (``railway waterway boundary``), ``kind`` (``rail tram subway river canal stream
    administrative`` ...), ``name, admin_level, flags`` (tunnel, bridge), ``min_zoom, geom`` LineString
"""

from __future__ import annotations

import queue
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from struct import pack
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.types.json import Jsonb

from mobigo.db.engine import SCHEMA
from mobigo.kit.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from typing import Self

    import numpy as np
    from numpy.typing import NDArray


class Flag(IntFlag):
    """What an edge is, besides its class."""

    ROUNDABOUT = 1
    STEPS = 2
    FERRY = 4
    TUNNEL = 8
    BRIDGE = 16
    UNPAVED = 32
    DESTINATION = 64
    """Cars may only enter to reach something on it."""
    LIFT = 128


class Wheelchair(IntEnum):
    """How a wheelchair fares on a street; of two findings about one the greater counts."""

    UNKNOWN = 0
    YES = 1
    LIMITED = 2
    """With help, or slowly."""
    NO = 3


CLOSED_TO_WHEELCHAIRS, CROSSING = 8, 16
"""Bits of ``street_node.passable``."""


COLUMNS: dict[str, str] = {
    "street_node": "id, osm_id, lon, lat, passable",
    "street_edge": (
        "id, way_id, from_node, to_node, metres, class, name, ref, foot, bicycle, car, kmh_forward, kmh_backward,"
        " seconds, flags, wheelchair, coach, min_zoom, geom"
    ),
    "turn_restriction": "relation_id, kind, from_way, via_node, via_ways, to_way, modes",
    "street_overview": "class, ref, min_zoom, geom",
    "osm_street": "name, metres, geom",
    "osm_place": "osm_type, osm_id, kind, name, population, postcode, insee, min_zoom, geom",
    "osm_address": "osm_type, osm_id, housenumber, street, postcode, city, geom",
    "osm_poi": "osm_type, osm_id, class, kind, name, min_zoom, geom",
    "osm_parking": "osm_type, osm_id, kind, name, capacity, disabled, geom",
    "osm_area": "osm_type, osm_id, kind, name, square_metres, admin_level, min_zoom, geom",
    "osm_line": "osm_id, class, kind, name, admin_level, flags, min_zoom, geom",
}
"""Columns in the order in which rows are copied."""

LOAD_LOCK = 0x6F736D
"""Advisory lock: one load at a time."""

BATCH_BYTES = 1 << 20
"""Rows of a table are sent when there are so many bytes of them."""


@dataclass(frozen=True)
class Extract:
    """The extract in service."""

    version: int
    name: str
    hash: str
    loaded_at: datetime
    box: tuple[float, float, float, float] | None
    """West, south, east, north of its street nodes."""
    counts: dict[str, int]


def find_active_extract(connection: psycopg.Connection) -> Extract | None:
    """Return the extract in service, if any."""
    row = connection.execute(
        "SELECT e.id, e.name, e.hash, e.loaded_at, e.west, e.south, e.east, e.north, e.counts"
        " FROM osm_extract e JOIN osm_active a ON a.version = e.id"
    ).fetchone()
    if row is None:
        return None
    box = None if row[4] is None else (row[4], row[5], row[6], row[7])
    return Extract(row[0], row[1], row[2], row[3], box, row[8])


@contextmanager
def lock_loading(connection: psycopg.Connection) -> Iterator[None]:
    """Hold the lock of loads, or say that somebody else loads."""
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", [LOAD_LOCK]).fetchone()
    assert row is not None
    if not row[0]:
        raise Conflict("another extract is being loaded; wait until it has ended")
    try:
        yield
    finally:
        connection.rollback()
        connection.execute("SELECT pg_advisory_unlock(%s)", [LOAD_LOCK])
        connection.commit()


class Staging:
    """The tables of a version that is being loaded; a thread of its own copies rows while the next ones are made.

    Everything happens in one transaction of the given connection: until `activate` nobody sees anything of it, and
    leaving the context without it forgets all.
    """

    def __init__(self, connection: psycopg.Connection, name: str, digest: str, now: datetime) -> None:
        self._connection = connection
        row = connection.execute(
            "INSERT INTO osm_extract (name, hash, loaded_at, counts, report) VALUES (%s, %s, %s, '{}', '{}')"
            " RETURNING id",
            [name, digest, now],
        ).fetchone()
        assert row is not None
        self.version: int = row[0]
        for table in COLUMNS:
            connection.execute(f"CREATE TABLE {SCHEMA}.{table}_v{self.version} (LIKE {SCHEMA}.{table}_versions)")
            connection.execute(
                f"ALTER TABLE {table}_v{self.version} ALTER version SET DEFAULT {self.version},"
                f" ADD CHECK (version = {self.version})"
            )
        self.rows: dict[str, int] = dict.fromkeys(COLUMNS, 0)
        self._pending: dict[str, list[str]] = {table: [] for table in COLUMNS}
        self._bytes: dict[str, int] = dict.fromkeys(COLUMNS, 0)
        self._queue: queue.Queue[tuple[str, str] | None] = queue.Queue(maxsize=8)
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._copy, name="osm-copy")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()
        self._connection.rollback()

    def add(self, table: str, row: str) -> None:
        """Add one row, as `copy_line` writes it."""
        pending = self._pending[table]
        pending.append(row)
        self.rows[table] += 1
        self._bytes[table] += len(row)
        if self._bytes[table] > BATCH_BYTES:
            self._send(table)

    def _send(self, table: str) -> None:
        if self._failure is not None:
            raise self._failure
        self._queue.put((table, "".join(self._pending[table])))
        self._pending[table] = []
        self._bytes[table] = 0

    def _copy(self) -> None:
        cursor = self._connection.cursor()
        while (batch := self._queue.get()) is not None:
            if self._failure is not None:
                continue  # drain, so that the other side never waits
            table, text = batch
            try:
                with cursor.copy(f"COPY {table}_v{self.version} ({COLUMNS[table]}) FROM STDIN") as copy:
                    copy.write(text)
            except psycopg.Error as error:
                self._failure = error

    def finish_rows(self) -> None:
        """Send what is left and wait until all rows are in their tables."""
        for table, pending in self._pending.items():
            if pending:
                self._send(table)
        self._queue.put(None)
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def derive(self) -> None:
        """Make what follows from the rows: streets by name, main roads for low zooms, towns of addresses."""
        suffix = f"_v{self.version}"
        for statement in DERIVED:
            self._connection.execute(statement.replace("{v}", suffix))

    def activate(self, box: tuple[float, float, float, float], counts: dict[str, int], report: dict[str, Any]) -> None:
        """Index the tables and move the pointer; the end of the transaction."""
        connection = self._connection
        for table in COLUMNS:
            part = f"{table}_v{self.version}"
            connection.execute(f"ALTER TABLE {table}_versions ATTACH PARTITION {part} FOR VALUES IN ({self.version})")
            connection.execute(f"ANALYZE {part}")
        connection.execute(
            "UPDATE osm_extract SET counts = %s, report = %s, west = %s, south = %s, east = %s, north = %s"
            " WHERE id = %s",
            [Jsonb(counts), Jsonb(report), *box, self.version],
        )
        connection.execute("UPDATE osm_active SET version = %s", [self.version])
        connection.commit()


DERIVED = (
    "CREATE INDEX ON osm_area{v} USING gist (geom)",  # as the partitioned tables have them: adopted when attached
    "CREATE INDEX ON osm_place{v} USING gist (geom)",
    "CREATE INDEX ON osm_address{v} USING gist (geom)",
    "ANALYZE osm_area{v}, osm_place{v}, osm_address{v}",
    # the town of an address that names none: the commune around it, else the nearest place
    """
    UPDATE osm_address{v} a SET city = c.name FROM osm_area{v} c
    WHERE a.city IS NULL AND c.kind = 'administrative' AND c.admin_level = 8 AND c.name IS NOT NULL
    AND ST_Intersects(c.geom, a.geom)
    """,
    """
    UPDATE osm_address{v} a SET city = c.name
    FROM (
        SELECT a.ctid AS row, near.name FROM osm_address{v} a CROSS JOIN LATERAL (
            SELECT name FROM osm_place{v} p WHERE p.kind IN ('city', 'town', 'village')
            AND p.geom && ST_Expand(a.geom, 0.08) ORDER BY p.geom <-> a.geom LIMIT 1
        ) near
        WHERE a.city IS NULL
    ) c
    WHERE a.ctid = c.row
    """,
    """
    INSERT INTO osm_street{v} (name, metres, geom)
    SELECT name, sum(metres),
           (array_agg(ST_LineInterpolatePoint(geom, 0.5) ORDER BY metres DESC))[1]
    FROM (
        SELECT name, metres, geom, ST_ClusterDBSCAN(geom, 0.005, 1) OVER (PARTITION BY name) AS cluster
        FROM street_edge{v} WHERE name IS NOT NULL AND class <> 'platform'
    ) named
    GROUP BY name, cluster
    """,
    """
    INSERT INTO street_overview{v} (class, ref, min_zoom, geom)
    SELECT class, ref, min_zoom, (ST_Dump(ST_SimplifyPreserveTopology(ST_LineMerge(ST_Collect(geom)), 0.0004))).geom
    FROM street_edge{v} WHERE class IN ('motorway', 'trunk', 'primary', 'secondary')
    GROUP BY class, ref, min_zoom
    """,
)
"""Statements that fill derived tables of a version; ``{v}`` is the suffix of its tables."""


def drop_former_versions(connection: psycopg.Connection) -> None:
    """Drop the versions that no longer serve; never waits long for a reader, the next load tries again.

    The connection must be in autocommit: partitions are detached concurrently, without locking readers of the view.
    """
    rows = connection.execute(
        "SELECT id FROM osm_extract WHERE id IS DISTINCT FROM (SELECT version FROM osm_active) ORDER BY id"
    ).fetchall()
    connection.execute("SET lock_timeout = '10s'")
    for (version,) in rows:
        try:
            for table in COLUMNS:
                _drop_partition(connection, table, version)
            connection.execute("DELETE FROM osm_extract WHERE id = %s", [version])
        except psycopg.errors.LockNotAvailable:
            continue
    connection.execute("RESET lock_timeout")


def _drop_partition(connection: psycopg.Connection, table: str, version: int) -> None:
    part = f"{SCHEMA}.{table}_v{version}"
    row = connection.execute(
        "SELECT i.inhdetachpending FROM pg_inherits i WHERE i.inhrelid = to_regclass(%s)", [part]
    ).fetchone()
    if row is not None:
        how = "FINALIZE" if row[0] else "CONCURRENTLY"
        connection.execute(f"ALTER TABLE {SCHEMA}.{table}_versions DETACH PARTITION {part} {how}")
    connection.execute(f"DROP TABLE IF EXISTS {part}")


ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": None})


def escape(text: str | None) -> str:
    """Write one text field for COPY; None becomes NULL."""
    if text is None:
        return "\\N"
    return text if text.isalnum() else text.translate(ESCAPES)  # geometry is long, and alphanumeric


def copy_line(*fields: str | float | None) -> str:
    """Write one row for COPY; text is escaped, None becomes NULL."""
    return "\t".join([escape(f) if f is None or isinstance(f, str) else str(f) for f in fields]) + "\n"


def hex_point(lon: float, lat: float) -> str:
    """Write a point as hexadecimal EWKB."""
    return "0101000020E6100000" + pack("<dd", lon, lat).hex()


def hex_line(points: NDArray[np.float64]) -> str:
    """Write a line, float64[n, 2], degrees, as hexadecimal EWKB."""
    return "0102000020E6100000" + pack("<I", len(points)).hex() + points.tobytes().hex()
