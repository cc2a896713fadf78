"""What streets are to a coach, and where one crosses on foot.

Why: a coach may go where cars may not (bus lanes) and not where they may (tracks, low bridges, narrow lanes); pupils
are not sent across a fast road except at a crossing. Streets gain a column for the first; the bit 16 of
`street_node.passable`, of a column that is there, says the second.

Old code: names the columns it reads and writes, so it still runs; what it loads has no word on coaches. Locks:
`street_edge` for the moment of adding a column that holds nothing.

Revision ID: 0010_coach
Revises: 0009_carpool
"""

from __future__ import annotations

from alembic import op

revision = "0010_coach"
down_revision = "0009_carpool"
branch_labels = None
depends_on = None

EDGE_COLUMNS = (
    "version, id, way_id, from_node, to_node, metres, class, name, ref, foot, bicycle, car, kmh_forward, kmh_backward,"
    " seconds, flags, min_zoom, geom, wheelchair"
)
"""Of `street_edge` before this revision."""

IN_SERVICE = "WHERE version = (SELECT version FROM mobigo.osm_active)"


def upgrade() -> None:
    """Add the column."""
    op.execute("ALTER TABLE mobigo.street_edge_versions ADD COLUMN coach smallint")
    op.execute(
        f"CREATE OR REPLACE VIEW mobigo.street_edge AS SELECT {EDGE_COLUMNS}, coach"  # noqa: S608 - names from above
        f" FROM mobigo.street_edge_versions {IN_SERVICE}"
    )


def downgrade() -> None:
    """Drop it."""
    op.execute("DROP VIEW mobigo.street_edge")
    op.execute("ALTER TABLE mobigo.street_edge_versions DROP COLUMN coach")
    op.execute(
        f"CREATE VIEW mobigo.street_edge AS SELECT {EDGE_COLUMNS} FROM mobigo.street_edge_versions {IN_SERVICE}"  # noqa: S608
    )
