"""Where a payer's browser goes on after the payment provider's own page.

Why: pages of ours send the payer to a page of the provider, so that no script of others runs in ours; a process that
takes a payment up after a crash must know that it is paid so, and where the payer is to come back to.

``payment.back``: address; none: the payment is paid otherwise.

Old code: does not know the column and still runs. Locks: the table for a moment, nothing is rewritten.

Revision ID: 0023_payment_page
Revises: 0022_open_usage
"""

from __future__ import annotations

from alembic import op

revision = "0023_payment_page"
down_revision = "0022_open_usage"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, empty."""
    op.execute("ALTER TABLE mobigo.payment ADD COLUMN back text")


def downgrade() -> None:
    """Drop it."""
    op.execute("ALTER TABLE mobigo.payment DROP COLUMN back")
