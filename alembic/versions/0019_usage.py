"""What the network is used for: counts by day that stay when the notes they were made of are gone.

Why: people who plan supply need years; nothing that belongs to one person may stay that long.

Old code: knows none of these tables and still runs. Locks: none on tables that hold data.

Columns are documented in `mobigo.usage.model`.

Revision ID: 0019_usage
Revises: 0018_trace
"""

from __future__ import annotations

from alembic import op

revision = "0019_usage"
down_revision = "0018_trace"
branch_labels = None
depends_on = None

TABLES = (
    "usage_day",
    "usage_demand",
    "usage_refusal",
    "usage_load",
    "usage_punctuality",
    "usage_change",
    "usage_supply",
    "usage_rate",
)


def upgrade() -> None:
    """Create the tables, empty."""
    op.execute("""
        CREATE TABLE mobigo.usage_day (
            day date NOT NULL CONSTRAINT usage_day_pkey PRIMARY KEY,
            day_type text NOT NULL, counted_at timestamptz NOT NULL, final boolean NOT NULL,
            squares boolean NOT NULL DEFAULT true
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.usage_demand (
            asked date NOT NULL, day date NOT NULL, hour smallint NOT NULL,
            origin integer NOT NULL, destination integer NOT NULL,
            outcome text NOT NULL, reason text NOT NULL, searches integer NOT NULL, people integer NOT NULL,
            seconds bigint NOT NULL, wait bigint NOT NULL,
            CONSTRAINT usage_demand_pkey PRIMARY KEY (day, hour, origin, destination, outcome, reason, asked)
        )
    """)
    op.execute("CREATE INDEX usage_demand_asked_index ON mobigo.usage_demand (asked)")
    op.execute("""
        CREATE TABLE mobigo.usage_refusal (
            day date NOT NULL, hour smallint NOT NULL, service text NOT NULL, source text NOT NULL,
            origin integer NOT NULL, destination integer NOT NULL, reason text NOT NULL,
            asked integer NOT NULL, people integer NOT NULL,
            CONSTRAINT usage_refusal_pkey PRIMARY KEY (day, hour, service, source, origin, destination, reason)
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.usage_load (
            day date NOT NULL, service text NOT NULL, source text NOT NULL, route text NOT NULL, trip text NOT NULL,
            sequence integer NOT NULL, stop text NOT NULL, departure integer NOT NULL,
            boardings integer NOT NULL, alightings integer NOT NULL, load real NOT NULL, counted boolean NOT NULL,
            people integer NOT NULL,
            CONSTRAINT usage_load_pkey PRIMARY KEY (day, service, source, trip, sequence)
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.usage_punctuality (
            day date NOT NULL, source text NOT NULL, route text NOT NULL, stop text NOT NULL, hour smallint NOT NULL,
            calls integer NOT NULL, cancelled integer NOT NULL, early integer NOT NULL, on_time integer NOT NULL,
            late integer NOT NULL, very_late integer NOT NULL, delay bigint NOT NULL,
            CONSTRAINT usage_punctuality_pkey PRIMARY KEY (day, source, route, stop, hour)
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.usage_change (
            day date NOT NULL, source text NOT NULL, route text NOT NULL,
            to_source text NOT NULL, to_route text NOT NULL, stop text NOT NULL, to_stop text NOT NULL,
            hour smallint NOT NULL, planned integer NOT NULL,
            judged integer NOT NULL, missed integer NOT NULL,
            CONSTRAINT usage_change_pkey
                PRIMARY KEY (day, source, route, to_source, to_route, stop, to_stop, hour)
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.usage_supply (
            day date NOT NULL, service text NOT NULL, source text NOT NULL, route text NOT NULL,
            runs integer NOT NULL, metres bigint NOT NULL, empty_metres bigint NOT NULL, seconds bigint NOT NULL,
            passengers integer NOT NULL, passenger_metres bigint NOT NULL,
            cost_cents bigint, subsidy_cents bigint, fares_cents bigint NOT NULL,
            co2_grams bigint,
            CONSTRAINT usage_supply_pkey PRIMARY KEY (day, service, source, route)
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.usage_rate (
            id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT usage_rate_pkey PRIMARY KEY,
            service text NOT NULL, source text NOT NULL, route text NOT NULL, starts date NOT NULL,
            kilometre_cents numeric(12, 3), hour_cents numeric(12, 3), run_cents numeric(12, 3), seats integer,
            origin text NOT NULL, said_by text NOT NULL, said_at timestamptz NOT NULL
        )
    """)


def downgrade() -> None:
    """Drop them."""
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE mobigo.{table}")
