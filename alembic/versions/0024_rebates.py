"""Which part of an order a rebate rests on.

Why: a train is cheaper after a coach only while the coach is paid for. Whoever gives the coach back and keeps the train
gives the rebate back with it.

``order_part.rests_on``: number of the part before it in the same order; none: its price rests on nothing else.
``order_part.rebate``: cents that its price is lower for that.

Old code: does not know the columns and still runs. Locks: the table for a moment, nothing is rewritten.

Revision ID: 0024_rebates
Revises: 0023_payment_page
"""

from __future__ import annotations

from alembic import op

revision = "0024_rebates"
down_revision = "0023_payment_page"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns: no part written before rests on another."""
    op.execute("""
        ALTER TABLE mobigo.order_part
            ADD COLUMN rests_on smallint,
            ADD COLUMN rebate bigint NOT NULL DEFAULT 0
                CONSTRAINT order_part_rebate_check CHECK (rebate >= 0 AND (rebate = 0 OR rests_on < number))
    """)


def downgrade() -> None:
    """Drop them."""
    op.execute("ALTER TABLE mobigo.order_part DROP COLUMN rests_on, DROP COLUMN rebate")
