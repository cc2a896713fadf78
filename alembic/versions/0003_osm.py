"""Streets, places, addresses and the base map of the OpenStreetMap extract in service.

Why: an extract is loaded beside the one in service and takes its place by one pointer, so every table is partitioned
by the version of the extract, and what the rooms read are views of the version that `osm_active` points at. A load
creates its partitions, fills and indexes them, attaches them and moves the pointer in one transaction; readers are
never locked out.

Old code: knows none of these tables and still runs. Locks: none on tables that hold data.

Columns are documented in `mobigo.osm.store`.

Revision ID: 0003_osm
Revises: 0002_transit
"""

from __future__ import annotations

from alembic import op

revision = "0003_osm"
down_revision = "0002_transit"
branch_labels = None
depends_on = None

TABLES: dict[str, tuple[str, tuple[str, ...]]] = {
    "street_node": (
        "id integer, osm_id bigint, lon double precision, lat double precision, passable smallint",
        ("(id)",),
    ),
    "street_edge": (
        (
            "id integer, way_id bigint, from_node integer, to_node integer, metres real, class text, name text,"
            " ref text, foot smallint, bicycle smallint, car smallint, kmh_forward smallint, kmh_backward smallint,"
            " seconds integer, flags smallint, min_zoom smallint, geom geometry(LineString, 4326)"
        ),
        ("(id)", "(way_id)", "USING gist (geom)", "USING gist (geom) WHERE min_zoom <= 11"),
    ),
    "turn_restriction": (
        (
            "relation_id bigint, kind text, from_way bigint, via_node bigint, via_ways bigint[], to_way bigint,"
            " modes smallint"
        ),
        ("(relation_id)",),
    ),
    "street_overview": (
        "class text, ref text, min_zoom smallint, geom geometry(LineString, 4326)",
        ("USING gist (geom)",),
    ),
    "osm_street": (
        "name text, metres real, geom geometry(Point, 4326)",
        ("USING gist (geom)",),
    ),
    "osm_place": (
        (
            "osm_type text, osm_id bigint, kind text, name text, population integer, postcode text,"
            " insee text, min_zoom smallint, geom geometry(Point, 4326)"
        ),
        ("USING gist (geom)",),
    ),
    "osm_address": (
        (
            "osm_type text, osm_id bigint, housenumber text, street text, postcode text, city text,"
            " geom geometry(Point, 4326)"
        ),
        ("USING gist (geom)",),
    ),
    "osm_poi": (
        (
            "osm_type text, osm_id bigint, class text, kind text, name text, min_zoom smallint,"
            " geom geometry(Point, 4326)"
        ),
        ("USING gist (geom)",),
    ),
    "osm_area": (
        (
            "osm_type text, osm_id bigint, kind text, name text, square_metres real, admin_level smallint,"
            " min_zoom smallint, geom geometry(MultiPolygon, 4326)"
        ),
        ("USING gist (geom)", "USING gist (geom) WHERE min_zoom <= 11"),
    ),
    "osm_line": (
        (
            "osm_id bigint, class text, kind text, name text, admin_level smallint, flags smallint, min_zoom smallint,"
            " geom geometry(LineString, 4326)"
        ),
        ("USING gist (geom)", "USING gist (geom) WHERE min_zoom <= 11"),
    ),
}
"""Table: columns after `version`, and the indexes every partition gets when it is attached."""


def upgrade() -> None:
    """Create the pointer, the partitioned tables and the views of what is in service."""
    op.execute("""
        CREATE TABLE mobigo.osm_extract (
            id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            name text NOT NULL,
            hash text NOT NULL,
            loaded_at timestamptz NOT NULL,
            west double precision, south double precision, east double precision, north double precision,
            counts jsonb NOT NULL,
            report jsonb NOT NULL
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.osm_active (
            one boolean PRIMARY KEY DEFAULT true CHECK (one),
            version integer REFERENCES mobigo.osm_extract (id)
        )
    """)
    op.execute("INSERT INTO mobigo.osm_active (version) VALUES (NULL)")
    for table, (columns, indexes) in TABLES.items():
        op.execute(
            f"CREATE TABLE mobigo.{table}_versions (version integer NOT NULL, {columns}) PARTITION BY LIST (version)"
        )
        for index in indexes:
            op.execute(f"CREATE INDEX ON mobigo.{table}_versions {index}")
        op.execute(
            f"CREATE VIEW mobigo.{table} AS SELECT * FROM mobigo.{table}_versions"  # noqa: S608 - names from above
            " WHERE version = (SELECT version FROM mobigo.osm_active)"
        )


def downgrade() -> None:
    """Drop all of it."""
    for table in TABLES:
        op.execute(f"DROP VIEW mobigo.{table}")
        op.execute(f"DROP TABLE mobigo.{table}_versions")
    op.execute("DROP TABLE mobigo.osm_active")
    op.execute("DROP TABLE mobigo.osm_extract")
