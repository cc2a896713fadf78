"""The register of school transport.

Why: staff keep a school year in it: schools, bells, stops, operators, vehicles, circuits, pupils. What a pupil is
called and where a pupil lives stands in a table of its own; everything else names pupils by a key drawn by lot. Rows
refer to each other within their year, which is checked when the transaction commits, so lists come in any order.

Old code: knows none of these tables and still runs. Locks: none on tables that hold data.

Columns are documented in `mobigo.school.register` and `mobigo.school.register_store`.

Revision ID: 0011_school
Revises: 0010_coach
"""

from __future__ import annotations

from alembic import op

revision = "0011_school"
down_revision = "0010_coach"
branch_labels = None
depends_on = None

TABLES = {
    "year": """
        id text NOT NULL PRIMARY KEY CHECK (id ~ '^[0-9]{4}-[0-9]{4}$'),
        first date NOT NULL, last date NOT NULL CHECK (last > first)
    """,
    "school": """
        id text NOT NULL, name text NOT NULL, level text NOT NULL, lat double precision, lon double precision,
        commune text, PRIMARY KEY (year, id)
    """,
    "bell": """
        school text NOT NULL, trip text NOT NULL, weekdays smallint[] NOT NULL, at integer NOT NULL,
        riders text NOT NULL, earliest integer, latest integer, PRIMARY KEY (year, school, trip, weekdays, at, riders)
    """,
    "sector": "school text NOT NULL, commune text NOT NULL, PRIMARY KEY (year, school, commune)",
    "stop": """
        id text NOT NULL, name text NOT NULL, lat double precision NOT NULL, lon double precision NOT NULL,
        bearing double precision, commune text, open boolean NOT NULL, PRIMARY KEY (year, id)
    """,
    "operator": "id text NOT NULL, name text NOT NULL, phone text, email text, PRIMARY KEY (year, id)",
    "lot": """
        id text NOT NULL, name text NOT NULL, operator text, first date, last date, PRIMARY KEY (year, id)
    """,
    "vehicle": """
        id text NOT NULL, operator text NOT NULL, make text NOT NULL, seats smallint NOT NULL, lot text,
        wheelchairs smallint NOT NULL, seats_per_wheelchair smallint NOT NULL, day_cents bigint, km_cents bigint,
        hour_cents bigint, grams integer, lat double precision, lon double precision, PRIMARY KEY (year, id)
    """,
    "circuit": """
        id text NOT NULL, name text NOT NULL, lot text, vehicle text, locked boolean NOT NULL, PRIMARY KEY (year, id)
    """,
    "run": """
        id text NOT NULL, circuit text NOT NULL, trip text NOT NULL, weekdays smallint[] NOT NULL,
        riders text NOT NULL, PRIMARY KEY (year, id)
    """,
    "call": """
        run text NOT NULL, position smallint NOT NULL, at integer NOT NULL, stop text, school text,
        PRIMARY KEY (year, run, position)
    """,
    "rule": """
        id text NOT NULL, first date NOT NULL, metres integer NOT NULL, sector boolean NOT NULL, last date,
        level text, commune text, text text NOT NULL, PRIMARY KEY (year, id, first)
    """,
    "pupil": """
        key text NOT NULL, school text NOT NULL, level text NOT NULL, grade text, boarding text NOT NULL,
        needs text[] NOT NULL, PRIMARY KEY (year, key)
    """,
    "person": """
        pupil text NOT NULL, number text NOT NULL, last_name text, first_name text, born date, address text,
        postcode text, city text, commune text, lat double precision, lon double precision,
        weekdays smallint[] NOT NULL, weeks text NOT NULL, second_address text, second_postcode text,
        second_city text, second_commune text, second_lat double precision, second_lon double precision,
        second_weekdays smallint[], second_weeks text, contact text, phone text, email text,
        PRIMARY KEY (year, pupil), CONSTRAINT school_person_number_key UNIQUE (year, number)
    """,
    "request": """
        pupil text NOT NULL, received date NOT NULL, kind text NOT NULL, school text, stop text, state text NOT NULL,
        decided date, PRIMARY KEY (year, pupil, received, kind)
    """,
    "seat": """
        pupil text NOT NULL, run text NOT NULL, stop text NOT NULL, home smallint NOT NULL,
        PRIMARY KEY (year, pupil, run, home)
    """,
    "import": """
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL, by text NOT NULL,
        file text NOT NULL, counts jsonb NOT NULL
    """,
    "access": """
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL, by text NOT NULL,
        role text NOT NULL, what text NOT NULL, pupil text, rows integer NOT NULL
    """,
}
"""Columns of each, in the order in which they are made; all but the first belong to a year."""

REFERENCES = (
    ("bell", "school", "school", "id"),
    ("sector", "school", "school", "id"),
    ("lot", "operator", "operator", "id"),
    ("vehicle", "operator", "operator", "id"),
    ("vehicle", "lot", "lot", "id"),
    ("circuit", "lot", "lot", "id"),
    ("circuit", "vehicle", "vehicle", "id"),
    ("run", "circuit", "circuit", "id"),
    ("call", "run", "run", "id"),
    ("call", "stop", "stop", "id"),
    ("call", "school", "school", "id"),
    ("pupil", "school", "school", "id"),
    ("request", "school", "school", "id"),
    ("request", "stop", "stop", "id"),
    ("seat", "run", "run", "id"),
    ("seat", "stop", "stop", "id"),
)
"""Table, column, table and column named; a row that is named cannot go."""

OWNED = ("person", "request", "seat")
"""What goes with its pupil."""


def upgrade() -> None:
    """Create the tables."""
    for name, columns in TABLES.items():
        of_year = "" if name == "year" else "year text NOT NULL REFERENCES mobigo.school_year ON DELETE CASCADE, "
        if name == "access":  # who looked stays known when the year is gone
            of_year = "year text, "
        op.execute(f"CREATE TABLE mobigo.school_{name} ({of_year}{columns})")
    for table, column, target, key in REFERENCES:
        op.execute(
            f"ALTER TABLE mobigo.school_{table} ADD CONSTRAINT school_{table}_{column}_fkey"
            f" FOREIGN KEY (year, {column}) REFERENCES mobigo.school_{target} (year, {key})"
            " DEFERRABLE INITIALLY DEFERRED"
        )
        op.execute(f"CREATE INDEX school_{table}_{column}_index ON mobigo.school_{table} (year, {column})")
    for table in OWNED:
        op.execute(
            f"ALTER TABLE mobigo.school_{table} ADD CONSTRAINT school_{table}_pupil_fkey"
            " FOREIGN KEY (year, pupil) REFERENCES mobigo.school_pupil (year, key) ON DELETE CASCADE"
        )
    op.execute("CREATE INDEX school_access_at_index ON mobigo.school_access (at)")


def downgrade() -> None:
    """Drop them."""
    for name in reversed(TABLES):
        op.execute(f"DROP TABLE mobigo.school_{name} CASCADE")
