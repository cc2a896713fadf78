"""Ways to and from the stop: what wheelchairs may use, places to leave a car, shared bicycles.

Why: streets gain what is known of them for wheelchairs, and extracts their park-and-ride and carpool places; places
come from files of their publishers too, each file replaced as a whole. What stations hold right now is replaced every
minute and lies in files of the home; the database keeps which systems there are and how fetching them went.

Old code: names the columns it reads and writes, so it still runs; what it loads has no word on wheelchairs. Locks:
`street_edge` for the moment of adding a column that holds nothing.

Columns are documented in `mobigo.osm.store`, `mobigo.parking.store` and `mobigo.sharing.store`.

Revision ID: 0006_access
Revises: 0005_live
"""

from __future__ import annotations

from alembic import op

revision = "0006_access"
down_revision = "0005_live"
branch_labels = None
depends_on = None

EDGE_COLUMNS = (
    "version, id, way_id, from_node, to_node, metres, class, name, ref, foot, bicycle, car, kmh_forward, kmh_backward,"
    " seconds, flags, min_zoom, geom"
)
"""Of `street_edge` before this revision."""

IN_SERVICE = "WHERE version = (SELECT version FROM mobigo.osm_active)"


def upgrade() -> None:
    """Add the column and the tables, empty."""
    op.execute("ALTER TABLE mobigo.street_edge_versions ADD COLUMN wheelchair smallint")
    op.execute(
        f"CREATE OR REPLACE VIEW mobigo.street_edge AS SELECT {EDGE_COLUMNS}, wheelchair"  # noqa: S608 - names from above
        f" FROM mobigo.street_edge_versions {IN_SERVICE}"
    )
    op.execute("""
        CREATE TABLE mobigo.osm_parking_versions (
            version integer NOT NULL, osm_type text, osm_id bigint, kind text, name text, capacity integer,
            disabled integer, geom geometry(Point, 4326)
        ) PARTITION BY LIST (version)
    """)
    op.execute("CREATE INDEX ON mobigo.osm_parking_versions USING gist (geom)")
    op.execute(
        f"CREATE VIEW mobigo.osm_parking AS SELECT * FROM mobigo.osm_parking_versions {IN_SERVICE}"  # noqa: S608
    )
    op.execute("""
        CREATE TABLE mobigo.parking_source (
            name text NOT NULL CONSTRAINT parking_source_pkey PRIMARY KEY,
            hash text NOT NULL,
            loaded_at timestamptz NOT NULL,
            rows integer NOT NULL
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.parking_place (
            source text NOT NULL CONSTRAINT parking_place_source_fkey
                REFERENCES mobigo.parking_source ON DELETE CASCADE,
            id text NOT NULL,
            kind text NOT NULL,
            name text NOT NULL,
            commune text NOT NULL,
            insee text NOT NULL,
            capacity integer,
            disabled integer,
            open boolean NOT NULL,
            updated_on date,
            geom geometry(Point, 4326) NOT NULL,
            CONSTRAINT parking_place_pkey PRIMARY KEY (source, id),
            CONSTRAINT parking_place_kind_check CHECK (kind IN ('park_ride', 'carpool', 'hitch_hiking'))
        )
    """)
    op.execute("CREATE INDEX parking_place_geom_index ON mobigo.parking_place USING gist (geom)")
    op.execute("""
        CREATE TABLE mobigo.sharing_system (
            name text NOT NULL CONSTRAINT sharing_system_pkey PRIMARY KEY,
            address text NOT NULL,
            every integer NOT NULL,
            added_at timestamptz NOT NULL,
            tried_at timestamptz,
            fetched_at timestamptz,
            next_at timestamptz,
            failures integer NOT NULL DEFAULT 0,
            problem text,
            CONSTRAINT sharing_system_every_check CHECK (every BETWEEN 10 AND 86400)
        )
    """)


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP TABLE mobigo.sharing_system")
    op.execute("DROP TABLE mobigo.parking_place")
    op.execute("DROP TABLE mobigo.parking_source")
    op.execute("DROP VIEW mobigo.osm_parking")
    op.execute("DROP TABLE mobigo.osm_parking_versions")
    op.execute("DROP VIEW mobigo.street_edge")
    op.execute("ALTER TABLE mobigo.street_edge_versions DROP COLUMN wheelchair")
    op.execute(
        f"CREATE VIEW mobigo.street_edge AS SELECT {EDGE_COLUMNS} FROM mobigo.street_edge_versions {IN_SERVICE}"  # noqa: S608
    )
