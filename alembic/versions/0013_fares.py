"""The catalogue of fares.

Why: what is sold must be dated, and stand as it was when it was sold. A version is one whole document: a draft may be
changed, a published one never, and one that something was sold from is not taken back either. What was done to
versions is written down and never changed.

Old code: knows none of these tables and still runs. Locks: none on tables that hold data.

Columns are documented in `mobigo.fares.store`.

Revision ID: 0013_fares
Revises: 0012_school_plans
"""

from __future__ import annotations

from alembic import op

revision = "0013_fares"
down_revision = "0012_school_plans"
branch_labels = None
depends_on = None

TABLES = ("fare_version", "fare_history")


def upgrade() -> None:
    """Create the tables, empty, and the triggers that keep what was published and what was done."""
    op.execute("""
        CREATE TABLE mobigo.fare_version (
            version integer GENERATED ALWAYS AS IDENTITY CONSTRAINT fare_version_pkey PRIMARY KEY,
            series text NOT NULL,
            state text NOT NULL,
            valid_from date NOT NULL,
            revision integer NOT NULL,
            document jsonb NOT NULL,
            digest text NOT NULL,
            origin text NOT NULL,
            written_by text NOT NULL,
            written_at timestamptz NOT NULL,
            published_by text,
            published_at timestamptz,
            sold_at timestamptz,
            CONSTRAINT fare_version_state_check CHECK (state IN ('draft', 'published')),
            CONSTRAINT fare_version_published_check
                CHECK ((state = 'published') = (published_at IS NOT NULL AND published_by IS NOT NULL)),
            CONSTRAINT fare_version_sold_check CHECK (sold_at IS NULL OR state = 'published')
        )
    """)
    op.execute("CREATE INDEX fare_version_series_index ON mobigo.fare_version (series, valid_from, version)")
    op.execute("""
        CREATE FUNCTION mobigo.fare_version_keep() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'DELETE' THEN
                IF OLD.state <> 'draft' THEN
                    RAISE EXCEPTION 'version % of fares is published and stays', OLD.version
                        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'fare_version_stands';
                END IF;
                RETURN OLD;
            END IF;
            IF OLD.state = 'published' AND (NEW.series, NEW.valid_from, NEW.document, NEW.revision, NEW.version)
                IS DISTINCT FROM (OLD.series, OLD.valid_from, OLD.document, OLD.revision, OLD.version) THEN
                RAISE EXCEPTION 'version % of fares is published and is not changed', OLD.version
                    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'fare_version_stands';
            END IF;
            IF OLD.sold_at IS NOT NULL AND (NEW.state, NEW.sold_at) IS DISTINCT FROM (OLD.state, OLD.sold_at) THEN
                RAISE EXCEPTION 'something was sold from version % of fares', OLD.version
                    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'fare_version_sold_stands';
            END IF;
            RETURN NEW;
        END
        $$
    """)
    op.execute("""
        CREATE FUNCTION mobigo.fare_history_keep() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'what was done to fares is not rewritten'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'fare_history_stands';
        END
        $$
    """)
    op.execute("""
        CREATE TRIGGER fare_version_stands BEFORE UPDATE OR DELETE ON mobigo.fare_version
        FOR EACH ROW EXECUTE FUNCTION mobigo.fare_version_keep()
    """)
    op.execute("""
        CREATE TRIGGER fare_version_is_kept BEFORE TRUNCATE ON mobigo.fare_version
        FOR EACH STATEMENT EXECUTE FUNCTION mobigo.fare_history_keep()
    """)
    op.execute("""
        CREATE TABLE mobigo.fare_history (
            number bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT fare_history_pkey PRIMARY KEY,
            version integer NOT NULL,
            series text NOT NULL,
            did text NOT NULL,
            revision integer NOT NULL,
            by text NOT NULL,
            at timestamptz NOT NULL,
            CONSTRAINT fare_history_did_check
                CHECK (did IN ('drafted', 'changed', 'published', 'taken_back', 'deleted', 'first_sold'))
        )
    """)
    op.execute("CREATE INDEX fare_history_version_index ON mobigo.fare_history (version, number)")
    op.execute("""
        CREATE TRIGGER fare_history_stands BEFORE UPDATE OR DELETE OR TRUNCATE ON mobigo.fare_history
        FOR EACH STATEMENT EXECUTE FUNCTION mobigo.fare_history_keep()
    """)


def downgrade() -> None:
    """Drop them."""
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE mobigo.{table}")
    op.execute("DROP FUNCTION mobigo.fare_history_keep")
    op.execute("DROP FUNCTION mobigo.fare_version_keep")
