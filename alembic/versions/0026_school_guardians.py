"""Whom to write to about a pupil with two homes, and whether the family wants that.

Why: parents who live apart are told each of their home alone, by an address of their own; a family may want no
messages.

Old code: reads and writes neither and still runs; everybody is written to, as before. Locks: the table for a moment.

Revision ID: 0026_school_guardians
Revises: 0025_cards
"""

from __future__ import annotations

from alembic import op

revision = "0026_school_guardians"
down_revision = "0025_cards"
branch_labels = None
depends_on = None

TEXTS = ("second_contact", "second_phone", "second_email")


def upgrade() -> None:
    """Add the columns."""
    added = ", ".join(f"ADD COLUMN {name} text" for name in TEXTS)
    op.execute(f"ALTER TABLE mobigo.school_person {added}, ADD COLUMN messages boolean NOT NULL DEFAULT true")


def downgrade() -> None:
    """Drop them."""
    dropped = ", ".join(f"DROP COLUMN {name}" for name in (*TEXTS, "messages"))
    op.execute(f"ALTER TABLE mobigo.school_person {dropped}")
