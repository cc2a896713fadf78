"""Taps of bank cards, and people who travel regularly.

Why: a card held to a reader is paid afterwards, at the best price, so what it did is kept as long as the law lets and
no longer: taps know their card for two days, what is billed has no places and lasts four months, and after that only
counts are left. The database itself guards what matters: charges move by the table of `mobigo.ticketing.debts` only,
their histories and the rules of readers are never changed, and what a day was charged is the sum of rows that stand.

Old code: knows none of these tables and still runs. Locks: none on tables that hold data.

Columns are documented in `mobigo.ticketing.taps_store`, `mobigo.ticketing.debts_store` and
`mobigo.ticketing.account_store`.

Revision ID: 0016_travelling
Revises: 0015_tickets
"""

from __future__ import annotations

from alembic import op

revision = "0016_travelling"
down_revision = "0015_tickets"
branch_labels = None
depends_on = None

TABLES = (
    "tap_policy",
    "tap_card",
    "tap",
    "tap_offer",
    "tap_day",
    "tap_charge",
    "tap_due",
    "tap_charge_event",
    "tap_flow",
    "traveller",
    "traveller_proof",
    "traveller_wish",
    "season",
    "season_event",
    "employer_certificate",
    "school_pass",
)
"""In the order in which they are made."""

FUNCTIONS = ("travelling_stands", "tap_charge_moves", "season_moves")

SEASON_MOVES = {
    "active": ("paused", "failed", "ended"),
    "paused": ("active", "ended"),
    "failed": ("active", "ended"),
}
"""Likewise."""

CHARGE_MOVES = {
    "waiting": ("asked", "paid", "written_off"),
    "asked": ("paid", "waiting", "declined"),
    "declined": ("asked", "paid", "written_off"),
    "paid": ("declined",),
    "written_off": ("paid",),
}
"""By state: those that may follow, as the code has them."""


def upgrade() -> None:
    """Create the tables and the triggers that guard them."""
    _taps()
    _charges()
    _people()
    _guard()
    op.execute("""
        INSERT INTO mobigo.ledger_account (code, kind, name) VALUES
            ('fares_lost', 'expense', 'Trajets par carte bancaire non recouvrés')
        ON CONFLICT DO NOTHING
    """)


def _taps() -> None:
    op.execute("""
        CREATE TABLE mobigo.tap_policy (
            revision integer GENERATED ALWAYS AS IDENTITY CONSTRAINT tap_policy_pkey PRIMARY KEY,
            document jsonb NOT NULL,
            written_by text NOT NULL,
            at timestamptz NOT NULL
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.tap_card (
            id text NOT NULL CONSTRAINT tap_card_pkey PRIMARY KEY,
            hash bytea NOT NULL CONSTRAINT tap_card_hash_key UNIQUE
                CONSTRAINT tap_card_hash_check CHECK (octet_length(hash) = 32),
            token bytea,
            last_digits text CONSTRAINT tap_card_last_digits_check CHECK (last_digits ~ '^[0-9]{4}$'),
            account text,
            category text,
            denied_at timestamptz,
            denied_because text,
            carried jsonb,
            carried_until date,
            carried_cents bigint NOT NULL DEFAULT 0,
            first_day date NOT NULL,
            last_day date NOT NULL,
            CONSTRAINT tap_card_denied_check CHECK ((denied_at IS NULL) = (denied_because IS NULL)),
            CONSTRAINT tap_card_carried_check CHECK ((carried IS NULL) = (carried_until IS NULL))
        )
    """)
    op.execute("CREATE INDEX tap_card_account_index ON mobigo.tap_card (account) WHERE account IS NOT NULL")
    op.execute("CREATE INDEX tap_card_last_day_index ON mobigo.tap_card (last_day)")
    op.execute("""
        CREATE TABLE mobigo.tap (
            device text NOT NULL,
            seq bigint NOT NULL CONSTRAINT tap_seq_check CHECK (seq > 0),
            at timestamptz NOT NULL,
            card text CONSTRAINT tap_card_fkey REFERENCES mobigo.tap_card ON DELETE SET NULL,
            day date NOT NULL,
            held text NOT NULL CONSTRAINT tap_held_check CHECK (held IN ('in', 'out', 'either')),
            accepted boolean NOT NULL,
            agency text NOT NULL,
            stop text,
            route text,
            trip text,
            service_date date,
            received_at timestamptz NOT NULL,
            counted boolean NOT NULL DEFAULT false,
            CONSTRAINT tap_pkey PRIMARY KEY (device, seq)
        )
    """)
    op.execute("CREATE INDEX tap_card_index ON mobigo.tap (card, at) WHERE card IS NOT NULL")
    op.execute("CREATE INDEX tap_open_index ON mobigo.tap (day) WHERE NOT counted")
    op.execute("""
        CREATE TABLE mobigo.tap_offer (
            key text NOT NULL CONSTRAINT tap_offer_pkey PRIMARY KEY,
            document jsonb NOT NULL
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.tap_day (
            card text NOT NULL CONSTRAINT tap_day_card_fkey REFERENCES mobigo.tap_card ON DELETE CASCADE,
            day date NOT NULL,
            part smallint NOT NULL,
            ways jsonb NOT NULL,
            rides jsonb NOT NULL,
            vat bigint NOT NULL,
            open boolean NOT NULL,
            counted_at timestamptz NOT NULL,
            CONSTRAINT tap_day_pkey PRIMARY KEY (card, day, part)
        )
    """)
    op.execute("CREATE INDEX tap_day_day_index ON mobigo.tap_day (day)")
    op.execute("""
        CREATE TABLE mobigo.tap_flow (
            day date NOT NULL,
            hour smallint NOT NULL,
            agency text NOT NULL,
            route text NOT NULL,
            board text NOT NULL,
            alight text NOT NULL,
            rides integer NOT NULL,
            CONSTRAINT tap_flow_pkey PRIMARY KEY (day, hour, agency, route, board, alight)
        )
    """)


def _charges() -> None:
    op.execute("""
        CREATE TABLE mobigo.tap_charge (
            id text NOT NULL CONSTRAINT tap_charge_pkey PRIMARY KEY,
            card text CONSTRAINT tap_charge_card_fkey REFERENCES mobigo.tap_card ON DELETE SET NULL,
            first date NOT NULL,
            last date NOT NULL,
            cents bigint NOT NULL CONSTRAINT tap_charge_cents_check CHECK (cents > 0),
            state text NOT NULL CONSTRAINT tap_charge_state_check
                CHECK (state IN ('waiting', 'asked', 'paid', 'declined', 'written_off')),
            payment text,
            attempts integer NOT NULL DEFAULT 0,
            next_at timestamptz,
            problem text,
            made_at timestamptz NOT NULL,
            settled_at timestamptz
        )
    """)
    op.execute("CREATE INDEX tap_charge_card_index ON mobigo.tap_charge (card)")
    op.execute("CREATE INDEX tap_charge_next_at_index ON mobigo.tap_charge (next_at) WHERE next_at IS NOT NULL")
    op.execute("""
        CREATE TABLE mobigo.tap_due (
            id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT tap_due_pkey PRIMARY KEY,
            card text NOT NULL CONSTRAINT tap_due_card_fkey REFERENCES mobigo.tap_card ON DELETE CASCADE,
            day date NOT NULL,
            cents bigint NOT NULL CONSTRAINT tap_due_cents_check CHECK (cents <> 0),
            at timestamptz NOT NULL,
            charge text CONSTRAINT tap_due_charge_fkey REFERENCES mobigo.tap_charge
        )
    """)
    op.execute("CREATE INDEX tap_due_card_index ON mobigo.tap_due (card, day)")
    op.execute("CREATE INDEX tap_due_open_index ON mobigo.tap_due (card) WHERE charge IS NULL")
    op.execute("CREATE INDEX tap_due_charge_index ON mobigo.tap_due (charge)")
    op.execute("""
        CREATE TABLE mobigo.tap_charge_event (
            id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT tap_charge_event_pkey PRIMARY KEY,
            charge text NOT NULL,
            at timestamptz NOT NULL,
            what text NOT NULL,
            written_by text NOT NULL,
            details jsonb NOT NULL
        )
    """)
    op.execute("CREATE INDEX tap_charge_event_charge_index ON mobigo.tap_charge_event (charge, id)")


def _people() -> None:
    op.execute("""
        CREATE TABLE mobigo.traveller (
            account text NOT NULL CONSTRAINT traveller_pkey PRIMARY KEY,
            name text NOT NULL,
            email text,
            phone text,
            born date,
            language text NOT NULL CONSTRAINT traveller_language_check CHECK (language IN ('fr', 'en')),
            method bytea,
            made_at timestamptz NOT NULL,
            seen_at timestamptz NOT NULL
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.traveller_proof (
            id text NOT NULL CONSTRAINT traveller_proof_pkey PRIMARY KEY,
            account text NOT NULL CONSTRAINT traveller_proof_account_fkey REFERENCES mobigo.traveller ON DELETE CASCADE,
            category text NOT NULL,
            state text NOT NULL CONSTRAINT traveller_proof_state_check CHECK (state IN ('asked', 'granted', 'refused')),
            document text NOT NULL,
            asked_at timestamptz NOT NULL,
            until date,
            decided_at timestamptz,
            decided_by text,
            why text NOT NULL DEFAULT '',
            CONSTRAINT traveller_proof_decided_check CHECK ((state = 'asked') = (decided_at IS NULL)),
            CONSTRAINT traveller_proof_until_check CHECK ((state = 'granted') = (until IS NOT NULL))
        )
    """)
    op.execute("""
        CREATE UNIQUE INDEX traveller_proof_asked_key ON mobigo.traveller_proof (account, category)
        WHERE state = 'asked'
    """)
    op.execute("""
        CREATE TABLE mobigo.traveller_wish (
            id text NOT NULL CONSTRAINT traveller_wish_pkey PRIMARY KEY,
            account text NOT NULL CONSTRAINT traveller_wish_account_fkey REFERENCES mobigo.traveller ON DELETE CASCADE,
            wish jsonb NOT NULL,
            at timestamptz NOT NULL
        )
    """)
    op.execute("CREATE INDEX traveller_wish_account_index ON mobigo.traveller_wish (account, at)")
    op.execute("""
        CREATE TABLE mobigo.season (
            id text NOT NULL CONSTRAINT season_pkey PRIMARY KEY,
            account text NOT NULL CONSTRAINT season_account_fkey REFERENCES mobigo.traveller ON DELETE CASCADE,
            product text NOT NULL,
            category text NOT NULL,
            areas text[] NOT NULL,
            state text NOT NULL
                CONSTRAINT season_state_check CHECK (state IN ('active', 'paused', 'failed', 'ended')),
            next_from timestamptz NOT NULL,
            told_from timestamptz,
            order_id text,
            attempts integer NOT NULL DEFAULT 0,
            next_at timestamptz,
            problem text,
            made_at timestamptz NOT NULL,
            CONSTRAINT season_next_at_check CHECK ((state = 'active') = (next_at IS NOT NULL))
        )
    """)
    op.execute("CREATE INDEX season_account_index ON mobigo.season (account)")
    op.execute("CREATE INDEX season_next_at_index ON mobigo.season (next_at) WHERE next_at IS NOT NULL")
    op.execute("""
        CREATE TABLE mobigo.season_event (
            id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT season_event_pkey PRIMARY KEY,
            season text NOT NULL,
            at timestamptz NOT NULL,
            what text NOT NULL,
            details jsonb NOT NULL
        )
    """)
    op.execute("CREATE INDEX season_event_season_index ON mobigo.season_event (season, id)")
    op.execute("""
        CREATE TABLE mobigo.employer_certificate (
            id text NOT NULL CONSTRAINT employer_certificate_pkey PRIMARY KEY,
            account text CONSTRAINT employer_certificate_account_fkey REFERENCES mobigo.traveller ON DELETE SET NULL,
            first date NOT NULL,
            last date NOT NULL,
            figures jsonb NOT NULL,
            made_at timestamptz NOT NULL
        )
    """)
    op.execute("CREATE INDEX employer_certificate_account_index ON mobigo.employer_certificate (account)")
    op.execute("""
        CREATE TABLE mobigo.school_pass (
            year text NOT NULL,
            pupil text NOT NULL,
            ticket text NOT NULL,
            circuits text[] NOT NULL,
            made_at timestamptz NOT NULL,
            CONSTRAINT school_pass_pkey PRIMARY KEY (year, pupil)
        )
    """)


def _guard() -> None:
    op.execute("""
        CREATE FUNCTION mobigo.travelling_stands() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '% of % is refused: what happened stands', TG_OP, TG_TABLE_NAME
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'travelling_stands';
        END
        $$
    """)
    for table in ("tap_policy", "tap_charge_event", "season_event"):
        op.execute(f"""
            CREATE TRIGGER {table}_stands BEFORE UPDATE OR DELETE OR TRUNCATE ON mobigo.{table}
            FOR EACH STATEMENT EXECUTE FUNCTION mobigo.travelling_stands()
        """)
    lawful = ", ".join(f"'{before}>{after}'" for before, some in CHARGE_MOVES.items() for after in some)
    op.execute(f"""
        CREATE FUNCTION mobigo.tap_charge_moves() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NEW.cents <> OLD.cents OR NEW.first <> OLD.first OR NEW.last <> OLD.last THEN
                RAISE EXCEPTION 'charge % is changed where it stands', OLD.id
                    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'tap_charge_stands';
            END IF;
            IF NEW.state <> OLD.state AND (OLD.state || '>' || NEW.state) NOT IN ({lawful}) THEN
                RAISE EXCEPTION 'charge % is % and cannot become %', OLD.id, OLD.state, NEW.state
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'tap_charge_moves';
            END IF;
            RETURN NEW;
        END
        $$
    """)
    op.execute("""
        CREATE TRIGGER tap_charge_moves BEFORE UPDATE ON mobigo.tap_charge
        FOR EACH ROW EXECUTE FUNCTION mobigo.tap_charge_moves()
    """)
    lawful = ", ".join(f"'{before}>{after}'" for before, some in SEASON_MOVES.items() for after in some)
    op.execute(f"""
        CREATE FUNCTION mobigo.season_moves() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NEW.state <> OLD.state AND (OLD.state || '>' || NEW.state) NOT IN ({lawful}) THEN
                RAISE EXCEPTION 'season ticket % is % and cannot become %', OLD.id, OLD.state, NEW.state
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'season_moves';
            END IF;
            RETURN NEW;
        END
        $$
    """)
    op.execute("""
        CREATE TRIGGER season_moves BEFORE UPDATE ON mobigo.season
        FOR EACH ROW EXECUTE FUNCTION mobigo.season_moves()
    """)


def downgrade() -> None:
    """Drop them; the account of the ledger stays, as everything there."""
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE mobigo.{table}")
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION mobigo.{function}")
