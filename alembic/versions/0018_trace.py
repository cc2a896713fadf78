"""What happened, to plan supply with: searches, changes, rides, runs and vehicles' calls.

Why: counts of use need more than what bookings and tickets may keep, and may keep less of who it was; so notes are
nameless from the first moment, and dropped by kind after days.

Old code: knows none of these tables and still runs. Locks: none on tables that hold data.

Columns are documented in `mobigo.trace.model`.

Revision ID: 0018_trace
Revises: 0017_opendata
"""

from __future__ import annotations

from alembic import op

revision = "0018_trace"
down_revision = "0017_opendata"
branch_labels = None
depends_on = None

TABLES = ("trace_search", "trace_change", "trace_ride", "trace_run", "trace_call")
ARRIVING = ("trace_ride", "trace_run")
"""Written with the transaction of a booking, and moved out of it: see `mobigo.trace.store`."""


def upgrade() -> None:
    """Create the tables, empty."""
    op.execute("""
        CREATE TABLE mobigo.trace_search (
            day date NOT NULL, hour smallint NOT NULL, who bytea,
            origin integer NOT NULL, destination integer NOT NULL,
            travel_day date NOT NULL, travel_minute smallint NOT NULL, arrive_by boolean NOT NULL,
            outcome text NOT NULL, reason text NOT NULL,
            seconds integer NOT NULL, wait integer NOT NULL, changes smallint NOT NULL,
            modes text[] NOT NULL, wheelchair boolean NOT NULL
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.trace_change (
            day date NOT NULL, source text NOT NULL, trip text NOT NULL, stop text NOT NULL, arrival integer NOT NULL,
            to_day date NOT NULL, to_source text NOT NULL, to_trip text NOT NULL, to_stop text NOT NULL,
            departure integer NOT NULL, walk integer NOT NULL
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.trace_ride (
            day date NOT NULL, hour smallint NOT NULL, deed text NOT NULL, service text NOT NULL, who bytea,
            source text NOT NULL, route text NOT NULL, trip text NOT NULL, sequence integer, stop text NOT NULL,
            to_sequence integer, origin integer, destination integer, passengers smallint NOT NULL,
            category text NOT NULL, product text NOT NULL, reason text NOT NULL, cents integer NOT NULL
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.trace_run (
            day date NOT NULL, hour smallint NOT NULL, service text NOT NULL, source text NOT NULL, route text NOT NULL,
            metres integer NOT NULL, empty_metres integer NOT NULL, passengers smallint NOT NULL,
            passenger_metres integer NOT NULL, cost_cents integer NOT NULL, subsidy_cents integer NOT NULL
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.trace_call (
            day date NOT NULL, source text NOT NULL, route text NOT NULL, trip text NOT NULL,
            sequence integer NOT NULL, stop text NOT NULL, arrival integer, departure integer,
            arrival_delay integer, departure_delay integer, cancelled boolean NOT NULL,
            occupancy smallint, passengers smallint,
            CONSTRAINT trace_call_pkey PRIMARY KEY (day, source, trip, sequence)
        )
    """)
    for table in ARRIVING:
        op.execute(f"CREATE TABLE mobigo.{table}_arriving (LIKE mobigo.{table})")
    op.execute("""
        CREATE TABLE mobigo.trace_noted (
            kind text NOT NULL, id text NOT NULL, day date NOT NULL,
            CONSTRAINT trace_noted_pkey PRIMARY KEY (kind, id)
        )
    """)
    for table in TABLES[:-1]:
        op.execute(f"CREATE INDEX {table}_day_index ON mobigo.{table} USING brin (day)")


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP TABLE mobigo.trace_noted")
    for table in ARRIVING:
        op.execute(f"DROP TABLE mobigo.{table}_arriving")
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE mobigo.{table}")
