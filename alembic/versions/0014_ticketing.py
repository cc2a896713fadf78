"""Orders and payments.

Revision ID: 0014_ticketing
Revises: 0013_fares
"""

from __future__ import annotations

revision = "0014_ticketing"
down_revision = "0013_fares"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""


def downgrade() -> None:
    """Drop them."""
