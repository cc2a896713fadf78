"""Scenarios of school transport, and their plans.

Why: staff try changes before families feel them. A scenario is the register with changes, every revision of them kept;
a plan is what the optimiser made of one revision, by keys of pupils. What was decided about a scenario is written down
and never changed. Publishing puts circuits into the register and keeps those it replaced.

Old code: knows none of these tables and still runs. Locks: none on tables that hold data.

Columns are documented in `mobigo.school.scenario_store`.

Revision ID: 0012_school_plans
Revises: 0011_school
"""

from __future__ import annotations

from alembic import op

revision = "0012_school_plans"
down_revision = "0011_school"
branch_labels = None
depends_on = None

TABLES = ("school_scenario", "school_scenario_revision", "school_plan", "school_scenario_history")
"""In the order in which they are made."""


def upgrade() -> None:
    """Create the tables, empty, and the trigger that keeps what was decided."""
    op.execute("""
        CREATE TABLE mobigo.school_scenario (
            id text NOT NULL CONSTRAINT school_scenario_pkey PRIMARY KEY,
            year text NOT NULL CONSTRAINT school_scenario_year_fkey REFERENCES mobigo.school_year ON DELETE CASCADE,
            name text NOT NULL,
            revision integer NOT NULL,
            state text NOT NULL,
            made_by text NOT NULL,
            made_at timestamptz NOT NULL,
            plan bigint,
            replaced jsonb,
            CONSTRAINT school_scenario_year_name_key UNIQUE (year, name),
            CONSTRAINT school_scenario_state_check CHECK (state IN ('draft', 'approved', 'published', 'withdrawn')),
            CONSTRAINT school_scenario_plan_check CHECK (state IN ('draft', 'withdrawn') OR plan IS NOT NULL),
            CONSTRAINT school_scenario_replaced_check CHECK (state <> 'published' OR replaced IS NOT NULL)
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.school_scenario_revision (
            scenario text NOT NULL
                CONSTRAINT school_scenario_revision_scenario_fkey REFERENCES mobigo.school_scenario ON DELETE CASCADE,
            revision integer NOT NULL,
            changes jsonb NOT NULL,
            written_by text NOT NULL,
            written_at timestamptz NOT NULL,
            CONSTRAINT school_scenario_revision_pkey PRIMARY KEY (scenario, revision)
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.school_plan (
            id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT school_plan_pkey PRIMARY KEY,
            scenario text NOT NULL
                CONSTRAINT school_plan_scenario_fkey REFERENCES mobigo.school_scenario ON DELETE CASCADE,
            revision integer NOT NULL,
            state text NOT NULL,
            effort jsonb NOT NULL,
            progress jsonb NOT NULL DEFAULT '{}',
            is_cancelled boolean NOT NULL DEFAULT false,
            document jsonb,
            figures jsonb,
            problem text,
            asked_by text NOT NULL,
            asked_at timestamptz NOT NULL,
            started_at timestamptz,
            ended_at timestamptz,
            CONSTRAINT school_plan_state_check CHECK (state IN ('waiting', 'running', 'done', 'failed')),
            CONSTRAINT school_plan_document_check CHECK ((state = 'done') = (document IS NOT NULL)),
            CONSTRAINT school_plan_problem_check CHECK ((state = 'failed') = (problem IS NOT NULL))
        )
    """)
    op.execute("CREATE INDEX school_plan_scenario_index ON mobigo.school_plan (scenario, id)")
    op.execute("""
        CREATE UNIQUE INDEX school_plan_scenario_key ON mobigo.school_plan (scenario)
        WHERE state IN ('waiting', 'running')
    """)
    op.execute("""
        CREATE TABLE mobigo.school_scenario_history (
            id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT school_scenario_history_pkey PRIMARY KEY,
            scenario text NOT NULL,
            at timestamptz NOT NULL,
            by text NOT NULL,
            what text NOT NULL,
            details jsonb NOT NULL
        )
    """)
    op.execute("CREATE INDEX school_scenario_history_scenario_index ON mobigo.school_scenario_history (scenario, id)")
    op.execute("""
        CREATE FUNCTION mobigo.school_keep_history() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'what was decided is not rewritten'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'school_history_stands';
        END
        $$
    """)
    op.execute("""
        CREATE TRIGGER school_scenario_history_stands
        BEFORE UPDATE OR DELETE OR TRUNCATE ON mobigo.school_scenario_history
        FOR EACH STATEMENT EXECUTE FUNCTION mobigo.school_keep_history()
    """)


def downgrade() -> None:
    """Drop them."""
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE mobigo.{table}")
    op.execute("DROP FUNCTION mobigo.school_keep_history")
