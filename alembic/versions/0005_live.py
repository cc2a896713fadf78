"""Live data: sources and how well they fit, disturbances written by staff, vehicles that report themselves.

Why: what a source said lies in files of the home, since it is replaced whole every half minute; the database keeps
what people set up and what is worth looking back at. A disturbance is never overwritten: each change is a revision, so
that undoing is going back to the one before, and it stays known who wrote what. Of a vehicle only the last position is
kept, and not who drove.

Old code: knows none of these tables and still runs. Locks: none on tables that hold data.

Columns are documented in `mobigo.transit.live_store`.

Revision ID: 0005_live
Revises: 0004_places
"""

from __future__ import annotations

from alembic import op

revision = "0005_live"
down_revision = "0004_places"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables, empty."""
    op.execute("""
        CREATE TABLE mobigo.live_source (
            name text NOT NULL CONSTRAINT live_source_pkey PRIMARY KEY,
            feed text NOT NULL,
            kind text NOT NULL,
            address text NOT NULL,
            headers jsonb NOT NULL,
            every integer NOT NULL,
            stale_after integer NOT NULL,
            day date,
            added_at timestamptz NOT NULL,
            tried_at timestamptz,
            fetched_at timestamptz,
            made_at timestamptz,
            next_at timestamptz,
            failures integer NOT NULL DEFAULT 0,
            problem text,
            CONSTRAINT live_source_kind_check CHECK (kind IN ('auto', 'gtfs-rt', 'siri', 'replay')),
            CONSTRAINT live_source_every_check CHECK (every BETWEEN 5 AND 86400),
            CONSTRAINT live_source_stale_after_check CHECK (stale_after BETWEEN 10 AND 86400)
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.live_rate (
            name text NOT NULL,
            at timestamptz NOT NULL,
            feed text NOT NULL,
            trips integer NOT NULL,
            trips_matched integer NOT NULL,
            calls integer NOT NULL,
            calls_matched integer NOT NULL,
            new_trips integer NOT NULL,
            vehicles integer NOT NULL,
            vehicles_matched integer NOT NULL,
            alerts integer NOT NULL,
            alerts_matched integer NOT NULL,
            stale boolean NOT NULL,
            unmatched text[] NOT NULL,
            CONSTRAINT live_rate_pkey PRIMARY KEY (name, at)
        )
    """)
    op.execute("CREATE INDEX live_rate_at_index ON mobigo.live_rate (at)")
    op.execute("""
        CREATE TABLE mobigo.disturbance (
            id integer GENERATED ALWAYS AS IDENTITY CONSTRAINT disturbance_pkey PRIMARY KEY,
            feed text NOT NULL
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.disturbance_revision (
            disturbance_id integer NOT NULL CONSTRAINT disturbance_revision_disturbance_id_fkey
                REFERENCES mobigo.disturbance ON DELETE CASCADE,
            number integer NOT NULL,
            content jsonb,
            starts timestamptz,
            ends timestamptz,
            written_by text NOT NULL,
            written_at timestamptz NOT NULL,
            CONSTRAINT disturbance_revision_pkey PRIMARY KEY (disturbance_id, number)
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.vehicle_position (
            feed text NOT NULL,
            vehicle_id text NOT NULL,
            at timestamptz NOT NULL,
            trip_id text,
            start_date date,
            route_id text,
            point geometry(Point, 4326) NOT NULL,
            bearing real,
            speed real,
            occupancy smallint,
            CONSTRAINT vehicle_position_pkey PRIMARY KEY (feed, vehicle_id)
        )
    """)
    op.execute("CREATE INDEX vehicle_position_at_index ON mobigo.vehicle_position (at)")


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP TABLE mobigo.vehicle_position")
    op.execute("DROP TABLE mobigo.disturbance_revision")
    op.execute("DROP TABLE mobigo.disturbance")
    op.execute("DROP TABLE mobigo.live_rate")
    op.execute("DROP TABLE mobigo.live_source")
