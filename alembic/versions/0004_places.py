"""What people search: stops, communes, addresses and points of interest by name.

Why: one small table (streets, not house numbers) carries the trigram index, so a search stays within its time with a
million addresses; house numbers are looked up under the street that was found, and a misspelt word among the different
words of all names, which are few. `mobigo.places.store` fills new tables
beside these and takes their names in one transaction, so readers see the old names or the new ones.

Old code: knows none of these tables and still runs. Locks: none on tables that hold data.

Columns are documented in `mobigo.places.store`.

Revision ID: 0004_places
Revises: 0003_osm
"""

from __future__ import annotations

from alembic import op

revision = "0004_places"
down_revision = "0003_osm"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables, empty."""
    op.execute("""
        CREATE TABLE mobigo.place (
            id text NOT NULL CONSTRAINT place_pkey PRIMARY KEY,
            kind text NOT NULL,
            name text NOT NULL,
            label text NOT NULL,
            commune text NOT NULL,
            folded text NOT NULL,
            words text NOT NULL,
            importance real NOT NULL,
            lon double precision NOT NULL,
            lat double precision NOT NULL,
            stop_ids text[] NOT NULL
        )
    """)
    op.execute("CREATE INDEX place_words_index ON mobigo.place USING gin (words gin_trgm_ops)")
    op.execute("CREATE INDEX place_folded_index ON mobigo.place (folded text_pattern_ops)")
    op.execute("CREATE INDEX place_point_index ON mobigo.place USING gist (ST_SetSRID(ST_MakePoint(lon, lat), 4326))")
    op.execute("""
        CREATE TABLE mobigo.place_stop (
            stop_id text NOT NULL CONSTRAINT place_stop_pkey PRIMARY KEY,
            place_id text NOT NULL,
            name text NOT NULL,
            lon double precision NOT NULL,
            lat double precision NOT NULL
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.house_number (
            street_id text NOT NULL,
            number text NOT NULL,
            lon double precision NOT NULL,
            lat double precision NOT NULL
        )
    """)
    op.execute("CREATE INDEX house_number_street_id_number_index ON mobigo.house_number (street_id, number)")
    op.execute("CREATE TABLE mobigo.place_word (word text NOT NULL CONSTRAINT place_word_pkey PRIMARY KEY)")
    op.execute("CREATE INDEX place_word_begins_index ON mobigo.place_word (word text_pattern_ops)")
    op.execute("CREATE INDEX place_word_alike_index ON mobigo.place_word USING gin (word gin_trgm_ops)")


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP TABLE mobigo.place_word")
    op.execute("DROP TABLE mobigo.house_number")
    op.execute("DROP TABLE mobigo.place_stop")
    op.execute("DROP TABLE mobigo.place")
