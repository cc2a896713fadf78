"""What everybody may know of use: travellers counted by day until their month is published, and the months published.

Why: who was counted twice is forgotten with the notes, so what a month will tell is counted while they are there; and
a month that was published is never worked out again, since two versions of it could be subtracted.

``usage_open_noted``: days that were counted; ``usage_open_day``: ``place`` by the columns of the table ``layout`` (of
`mobigo.usage.extract`), ``total`` travellers; dropped when the month is opened. ``usage_open_month``: ``rule`` it was
told by (`mobigo.usage.disclosure.Rule`), ``days`` by day type; ``usage_open_table``: ``file`` as CSV, packed by gzip.

Old code: knows none of these tables and still runs. Locks: none on tables that hold data.

Revision ID: 0022_open_usage
Revises: 0021_watching
"""

from __future__ import annotations

from alembic import op

revision = "0022_open_usage"
down_revision = "0021_watching"
branch_labels = None
depends_on = None

TABLES = ("usage_open_noted", "usage_open_day", "usage_open_month", "usage_open_table")


def upgrade() -> None:
    """Create the tables, empty."""
    op.execute("CREATE TABLE mobigo.usage_open_noted (day date NOT NULL CONSTRAINT usage_open_noted_pkey PRIMARY KEY)")
    op.execute("""
        CREATE TABLE mobigo.usage_open_day (
            day date NOT NULL, layout text NOT NULL, place text[] NOT NULL, total integer NOT NULL
        )
    """)
    op.execute("CREATE INDEX usage_open_day_layout_day_index ON mobigo.usage_open_day (layout, day)")
    op.execute("""
        CREATE TABLE mobigo.usage_open_month (
            month date NOT NULL CONSTRAINT usage_open_month_pkey PRIMARY KEY,
            rule jsonb NOT NULL, days jsonb NOT NULL, opened_at timestamptz NOT NULL
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.usage_open_table (
            month date NOT NULL CONSTRAINT usage_open_table_month_fkey REFERENCES mobigo.usage_open_month,
            layout text NOT NULL, rows integer NOT NULL, file bytea NOT NULL,
            CONSTRAINT usage_open_table_pkey PRIMARY KEY (month, layout)
        )
    """)


def downgrade() -> None:
    """Drop them."""
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE mobigo.{table}")
