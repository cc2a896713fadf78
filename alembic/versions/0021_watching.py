"""How the published data are doing: whether each address answered, and how old what it said was.

Why: a score is a memory of days, and whoever reuses the data wants to see it.

Columns are documented in `mobigo.opendata.store` and `mobigo.opendata.watch_store`.

Old code: knows none of these tables and still runs. Locks: none on tables that hold data.

Revision ID: 0021_watching
Revises: 0020_drafts
"""

from __future__ import annotations

from alembic import op

revision = "0021_watching"
down_revision = "0020_drafts"
branch_labels = None
depends_on = None

TABLES = ("opendata_report", "opendata_watch", "opendata_score")


def upgrade() -> None:
    """Create the tables, empty."""
    op.execute("""
        CREATE TABLE mobigo.opendata_report (
            set_id text NOT NULL,
            number integer NOT NULL,
            judged_at timestamptz NOT NULL,
            problems jsonb NOT NULL,
            CONSTRAINT opendata_report_pkey PRIMARY KEY (set_id, number)
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.opendata_watch (
            set_id text NOT NULL,
            file text NOT NULL,
            day date NOT NULL,
            asked integer NOT NULL,
            answered integer NOT NULL,
            milliseconds bigint NOT NULL,
            slowest integer NOT NULL,
            aged integer NOT NULL,
            fresh integer NOT NULL,
            oldest integer,
            last_at timestamptz NOT NULL,
            last_problem text,
            last_age integer,
            CONSTRAINT opendata_watch_pkey PRIMARY KEY (day, set_id, file),
            CONSTRAINT opendata_watch_answered_check CHECK (answered BETWEEN 0 AND asked),
            CONSTRAINT opendata_watch_fresh_check CHECK (fresh BETWEEN 0 AND aged AND aged <= answered)
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.opendata_score (
            set_id text NOT NULL,
            day date NOT NULL,
            compliance real,
            freshness real,
            availability real,
            smooth_compliance real,
            smooth_freshness real,
            smooth_availability real,
            CONSTRAINT opendata_score_pkey PRIMARY KEY (day, set_id)
        )
    """)


def downgrade() -> None:
    """Drop them."""
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE mobigo.{table}")
