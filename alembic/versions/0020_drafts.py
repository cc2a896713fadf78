"""Draft networks: what somebody who plans would change, and what came of trying it on the recorded demand.

Why: a draft is a document that its author returns to, and a trial takes minutes and is compared with others. Every
revision of a draft stays, so that a trial says what was tried.

Old code: knows none of these tables and still runs. Locks: none on tables that hold data.

Columns are documented in `mobigo.usage.drafts_store`.

Revision ID: 0020_drafts
Revises: 0019_usage
"""

from __future__ import annotations

from alembic import op

revision = "0020_drafts"
down_revision = "0019_usage"
branch_labels = None
depends_on = None

TABLES = ("usage_draft", "usage_draft_revision", "usage_trial")
"""In the order in which they are made."""


def upgrade() -> None:
    """Create the tables, empty."""
    op.execute("""
        CREATE TABLE mobigo.usage_draft (
            id text NOT NULL CONSTRAINT usage_draft_pkey PRIMARY KEY,
            name text NOT NULL CONSTRAINT usage_draft_name_key UNIQUE,
            revision integer NOT NULL,
            made_by text NOT NULL,
            made_at timestamptz NOT NULL
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.usage_draft_revision (
            draft text NOT NULL
                CONSTRAINT usage_draft_revision_draft_fkey REFERENCES mobigo.usage_draft ON DELETE CASCADE,
            revision integer NOT NULL,
            note text NOT NULL,
            changes jsonb NOT NULL,
            written_by text NOT NULL,
            written_at timestamptz NOT NULL,
            CONSTRAINT usage_draft_revision_pkey PRIMARY KEY (draft, revision)
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.usage_trial (
            id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT usage_trial_pkey PRIMARY KEY,
            draft text NOT NULL CONSTRAINT usage_trial_draft_fkey REFERENCES mobigo.usage_draft ON DELETE CASCADE,
            revision integer NOT NULL,
            state text NOT NULL,
            terms jsonb NOT NULL,
            stage text NOT NULL DEFAULT '',
            asked integer NOT NULL DEFAULT 0,
            answered integer NOT NULL DEFAULT 0,
            is_cancelled boolean NOT NULL DEFAULT false,
            result jsonb,
            problem text,
            asked_by text NOT NULL,
            asked_at timestamptz NOT NULL,
            started_at timestamptz,
            ended_at timestamptz,
            CONSTRAINT usage_trial_state_check CHECK (state IN ('waiting', 'running', 'done', 'failed')),
            CONSTRAINT usage_trial_result_check CHECK ((state = 'done') = (result IS NOT NULL)),
            CONSTRAINT usage_trial_problem_check CHECK ((state = 'failed') = (problem IS NOT NULL))
        )
    """)
    op.execute("CREATE INDEX usage_trial_draft_index ON mobigo.usage_trial (draft, id)")
    op.execute("""
        CREATE UNIQUE INDEX usage_trial_running_key ON mobigo.usage_trial (draft) WHERE state IN ('waiting', 'running')
    """)


def downgrade() -> None:
    """Drop them."""
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE mobigo.{table}")
