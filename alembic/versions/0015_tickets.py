"""Keys, tickets, devices and what they validated.

Revision ID: 0015_tickets
Revises: 0014_ticketing
"""

from __future__ import annotations

revision = "0015_tickets"
down_revision = "0014_ticketing"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""


def downgrade() -> None:
    """Drop them."""
