"""What is published: each data set's versions, and what stood in the way of a newer one.

Why: others build on addresses that never change, so every version that was ever in place stays, by number, with what
the validators said of it; which one is in place is one pointer. A version is written once and never changed.

Old code: knows none of these tables and still runs. Locks: none on tables that hold data.

Columns are documented in `mobigo.opendata.store`.

Revision ID: 0017_opendata
Revises: 0016_travelling
"""

from __future__ import annotations

from alembic import op

revision = "0017_opendata"
down_revision = "0016_travelling"
branch_labels = None
depends_on = None

TABLES = ("opendata_licence", "opendata_set", "opendata_version")
"""In the order in which they are made."""


def upgrade() -> None:
    """Create the tables, and the trigger that keeps what was published."""
    op.execute("""
        CREATE TABLE mobigo.opendata_licence (
            source text NOT NULL CONSTRAINT opendata_licence_pkey PRIMARY KEY,
            licence text NOT NULL,
            attribution text NOT NULL,
            published boolean NOT NULL,
            said_by text NOT NULL,
            said_at timestamptz NOT NULL
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.opendata_set (
            id text NOT NULL CONSTRAINT opendata_set_pkey PRIMARY KEY,
            described jsonb NOT NULL,
            current integer,
            checked_at timestamptz NOT NULL,
            failed_at timestamptz,
            failure jsonb,
            CONSTRAINT opendata_set_failure_check CHECK ((failed_at IS NULL) = (failure IS NULL))
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.opendata_version (
            set_id text NOT NULL CONSTRAINT opendata_version_set_id_fkey REFERENCES mobigo.opendata_set,
            number integer NOT NULL,
            key text NOT NULL,
            made_at timestamptz NOT NULL,
            said jsonb NOT NULL,
            files jsonb NOT NULL,
            CONSTRAINT opendata_version_pkey PRIMARY KEY (set_id, number),
            CONSTRAINT opendata_version_number_check CHECK (number > 0)
        )
    """)
    op.execute("""
        ALTER TABLE mobigo.opendata_set ADD CONSTRAINT opendata_set_current_fkey
            FOREIGN KEY (id, current) REFERENCES mobigo.opendata_version (set_id, number)
    """)
    op.execute("""
        CREATE FUNCTION mobigo.opendata_stand() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '% of % is refused: what was published stays at its address', TG_OP, TG_TABLE_NAME
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'opendata_stands';
        END
        $$
    """)
    op.execute("""
        CREATE TRIGGER opendata_version_stands BEFORE UPDATE OR DELETE OR TRUNCATE ON mobigo.opendata_version
        FOR EACH STATEMENT EXECUTE FUNCTION mobigo.opendata_stand()
    """)


def downgrade() -> None:
    """Drop them, with every version; the files stay until they are swept."""
    op.execute("ALTER TABLE mobigo.opendata_set DROP CONSTRAINT opendata_set_current_fkey")
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE mobigo.{table}")
    op.execute("DROP FUNCTION mobigo.opendata_stand()")
