"""Tickets for no ride at all: cards that lower prices.

Why: a reduction card has a code, so that controllers can look at it; a device that lets people in must not take it for
a ticket. It is good for no ride, where a pass says nothing of rides: they are not counted.

``ticket.rides``: 0 of such a card.

Old code: writes none and reads them as used up. Locks: the table for a moment, while its rows are looked at.

Revision ID: 0025_cards
Revises: 0024_rebates
"""

from __future__ import annotations

from alembic import op

revision = "0025_cards"
down_revision = "0024_rebates"
branch_labels = None
depends_on = None

CHECK = (
    "ALTER TABLE mobigo.ticket DROP CONSTRAINT ticket_numbers_check, ADD CONSTRAINT ticket_numbers_check CHECK ("
    "fellows > 0 AND rides {least} AND serial > 0 AND uses >= 0 AND span_seconds > 0 AND use_seconds > 0)"
)


def upgrade() -> None:
    """Allow them."""
    op.execute(CHECK.format(least=">= 0"))


def downgrade() -> None:
    """Write the rides of cards as they were, not counted, and allow none without a ride."""
    op.execute("ALTER TABLE mobigo.ticket DISABLE TRIGGER USER")
    op.execute("UPDATE mobigo.ticket SET rides = NULL WHERE rides = 0")
    op.execute("ALTER TABLE mobigo.ticket ENABLE TRIGGER USER")
    op.execute(CHECK.format(least="> 0"))
