"""Taps of bank cards, and passes of regular travellers.

Revision ID: 0016_travelling
Revises: 0015_tickets
"""

from __future__ import annotations

revision = "0016_travelling"
down_revision = "0015_tickets"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""


def downgrade() -> None:
    """Drop them."""
