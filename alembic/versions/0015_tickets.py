"""Keys, tickets, devices and what they validated.

Why: a ticket is issued once for what was paid, its codes are signed by a process that alone holds the private keys, and
devices judge them without a network; what they saw comes in later, in any order and perhaps twice. The database itself
guards that what was issued stands, that states move lawfully, that histories are only added to, and that a device's
event is there once.

Old code: knows none of these tables and still runs. Locks: none on tables that hold data.

Columns are documented in `mobigo.tickets.store`, `mobigo.tickets.keys_store` and `mobigo.tickets.devices_store`.

Revision ID: 0015_tickets
Revises: 0014_ticketing
"""

from __future__ import annotations

from alembic import op

revision = "0015_tickets"
down_revision = "0014_ticketing"
branch_labels = None
depends_on = None

TABLES = (
    "ticket_key",
    "ticket",
    "ticket_code",
    "ticket_history",
    "ticket_denial",
    "ticket_bundle",
    "ticket_device",
    "ticket_event",
    "ticket_use",
    "ticket_flag",
)
"""In the order in which they are made."""

FUNCTIONS = ("ticket_move", "ticket_stand")


def upgrade() -> None:
    """Create the tables, and the triggers that guard them."""
    _keys()
    _tickets()
    _guard_tickets()
    _devices()


def _keys() -> None:
    op.execute("""
        CREATE TABLE mobigo.ticket_key (
            kid integer GENERATED ALWAYS AS IDENTITY CONSTRAINT ticket_key_pkey PRIMARY KEY,
            use text NOT NULL CONSTRAINT ticket_key_use_check CHECK (use IN ('uic', 'compact', 'bundle')),
            issuer text NOT NULL,
            public bytea NOT NULL CONSTRAINT ticket_key_public_key UNIQUE,
            not_before timestamptz NOT NULL,
            not_after timestamptz NOT NULL,
            verify_until timestamptz NOT NULL,
            asked_by text,
            asked_at timestamptz,
            asked_why text,
            revoked_by text,
            revoked_at timestamptz,
            CONSTRAINT ticket_key_kid_check CHECK (kid BETWEEN 1 AND 99999),
            CONSTRAINT ticket_key_times_check CHECK (not_before < not_after AND not_after <= verify_until),
            CONSTRAINT ticket_key_two_people_check CHECK (revoked_by <> asked_by)
        )
    """)


def _tickets() -> None:
    op.execute("""
        CREATE TABLE mobigo.ticket (
            id text NOT NULL CONSTRAINT ticket_pkey PRIMARY KEY,
            key text NOT NULL CONSTRAINT ticket_key_unique UNIQUE,
            item text CONSTRAINT ticket_item_key UNIQUE,
            order_ref text,
            account text,
            product text NOT NULL,
            version integer NOT NULL,
            category text NOT NULL,
            fellows integer NOT NULL,
            valid_from timestamptz,
            valid_until timestamptz,
            span_seconds integer,
            rides integer,
            use_seconds integer,
            scope jsonb NOT NULL,
            cents bigint NOT NULL,
            currency text NOT NULL,
            vat_permille integer NOT NULL,
            holder_name text,
            holder_born date,
            travel_class text NOT NULL,
            medium text NOT NULL,
            external text,
            specimen boolean NOT NULL,
            issued_at timestamptz NOT NULL,
            state text NOT NULL,
            serial integer NOT NULL DEFAULT 1,
            phone bytea,
            uses integer NOT NULL DEFAULT 0,
            first_used_at timestamptz,
            last_used_at timestamptz,
            CONSTRAINT ticket_state_check CHECK (state IN ('unsigned', 'ready', 'blocked', 'void')),
            CONSTRAINT ticket_numbers_check CHECK (
                fellows > 0 AND rides > 0 AND serial > 0 AND uses >= 0 AND span_seconds > 0 AND use_seconds > 0
            )
        )
    """)
    op.execute("CREATE INDEX ticket_order_idx ON mobigo.ticket (order_ref) WHERE order_ref IS NOT NULL")
    op.execute("CREATE INDEX ticket_account_idx ON mobigo.ticket (account) WHERE account IS NOT NULL")
    op.execute("CREATE INDEX ticket_unsigned_idx ON mobigo.ticket (issued_at) WHERE state = 'unsigned'")
    op.execute("CREATE INDEX ticket_external_idx ON mobigo.ticket (external) WHERE external IS NOT NULL")
    op.execute("""
        CREATE TABLE mobigo.ticket_code (
            ticket text NOT NULL REFERENCES mobigo.ticket (id),
            serial integer NOT NULL,
            format text NOT NULL CONSTRAINT ticket_code_format_check CHECK (format IN ('uic', 'compact')),
            kid integer NOT NULL REFERENCES mobigo.ticket_key (kid),
            data bytea NOT NULL,
            made_at timestamptz NOT NULL,
            CONSTRAINT ticket_code_pkey PRIMARY KEY (ticket, format)
        )
    """)
    op.execute("CREATE INDEX ticket_code_kid_idx ON mobigo.ticket_code (kid)")
    op.execute("""
        CREATE TABLE mobigo.ticket_history (
            id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT ticket_history_pkey PRIMARY KEY,
            ticket text NOT NULL REFERENCES mobigo.ticket (id),
            at timestamptz NOT NULL,
            what text NOT NULL,
            why text
        )
    """)
    op.execute("CREATE INDEX ticket_history_ticket_idx ON mobigo.ticket_history (ticket, id)")
    op.execute("""
        CREATE TABLE mobigo.ticket_denial (
            kind text NOT NULL CONSTRAINT ticket_denial_kind_check CHECK (kind IN ('ticket', 'card')),
            value bytea NOT NULL,
            below integer,
            until timestamptz,
            since timestamptz NOT NULL,
            why text NOT NULL,
            CONSTRAINT ticket_denial_pkey PRIMARY KEY (kind, value)
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.ticket_bundle (
            version integer NOT NULL CONSTRAINT ticket_bundle_pkey PRIMARY KEY,
            made_at timestamptz NOT NULL,
            valid_until timestamptz NOT NULL,
            digest bytea NOT NULL,
            payload bytea NOT NULL,
            kid integer NOT NULL REFERENCES mobigo.ticket_key (kid),
            signed bytea NOT NULL,
            deltas jsonb NOT NULL
        )
    """)


def _guard_tickets() -> None:
    op.execute("""
        CREATE FUNCTION mobigo.ticket_move() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF ROW(NEW.id, NEW.item, NEW.product, NEW.version, NEW.category, NEW.fellows, NEW.valid_from,
                   NEW.valid_until, NEW.span_seconds, NEW.rides, NEW.use_seconds, NEW.scope, NEW.cents, NEW.currency,
                   NEW.vat_permille, NEW.travel_class, NEW.specimen, NEW.issued_at)
               IS DISTINCT FROM
               ROW(OLD.id, OLD.item, OLD.product, OLD.version, OLD.category, OLD.fellows, OLD.valid_from,
                   OLD.valid_until, OLD.span_seconds, OLD.rides, OLD.use_seconds, OLD.scope, OLD.cents, OLD.currency,
                   OLD.vat_permille, OLD.travel_class, OLD.specimen, OLD.issued_at) THEN
                RAISE EXCEPTION 'ticket % stands as it was issued', OLD.id
                    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'ticket_stands';
            END IF;
            IF NEW.serial < OLD.serial OR NEW.uses < OLD.uses OR (NEW.key <> OLD.key AND NEW.serial = OLD.serial) THEN
                RAISE EXCEPTION 'ticket %: serials and uses only rise, and a key is another with a serial', OLD.id
                    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'ticket_rises';
            END IF;
            IF NEW.state <> OLD.state AND OLD.state = 'void' THEN
                RAISE EXCEPTION 'ticket % is void and stays so', OLD.id
                    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'ticket_moves';
            END IF;
            RETURN NEW;
        END
        $$
    """)
    op.execute("""
        CREATE TRIGGER ticket_moves BEFORE UPDATE ON mobigo.ticket
        FOR EACH ROW EXECUTE FUNCTION mobigo.ticket_move()
    """)
    op.execute("""
        CREATE FUNCTION mobigo.ticket_stand() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '% of % is refused: what was written stands', TG_OP, TG_TABLE_NAME
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'ticket_history_stands';
        END
        $$
    """)
    op.execute("""
        CREATE TRIGGER ticket_history_stands BEFORE UPDATE OR DELETE OR TRUNCATE ON mobigo.ticket_history
        FOR EACH STATEMENT EXECUTE FUNCTION mobigo.ticket_stand()
    """)


def _devices() -> None:
    op.execute("""
        CREATE TABLE mobigo.ticket_device (
            id text NOT NULL CONSTRAINT ticket_device_pkey PRIMARY KEY,
            name text NOT NULL,
            kind text NOT NULL CONSTRAINT ticket_device_kind_check CHECK (kind IN ('validator', 'inspector')),
            agency text,
            made_at timestamptz NOT NULL,
            made_by text NOT NULL,
            secret_hash bytea,
            secret_until timestamptz,
            public bytea,
            enrolled_at timestamptz,
            withdrawn_at timestamptz,
            seen_at timestamptz,
            bundle integer,
            CONSTRAINT ticket_device_public_key UNIQUE (public)
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.ticket_event (
            device text NOT NULL REFERENCES mobigo.ticket_device (id),
            seq bigint NOT NULL,
            at timestamptz NOT NULL,
            received_at timestamptz NOT NULL,
            kind text NOT NULL CONSTRAINT ticket_event_kind_check CHECK (kind IN ('validation', 'inspection')),
            reason text NOT NULL,
            ticket text,
            serial integer,
            product text,
            version integer,
            category text,
            fellows integer NOT NULL DEFAULT 1,
            use boolean NOT NULL,
            agency text,
            route text,
            stop text,
            trip text,
            service_date date,
            vehicle text,
            metres integer,
            before bytea NOT NULL,
            hash bytea NOT NULL,
            CONSTRAINT ticket_event_pkey PRIMARY KEY (device, seq)
        )
    """)
    op.execute("CREATE INDEX ticket_event_ticket_idx ON mobigo.ticket_event (ticket, at) WHERE ticket IS NOT NULL")
    op.execute("CREATE INDEX ticket_event_at_idx ON mobigo.ticket_event (at)")
    op.execute("""
        CREATE TABLE mobigo.ticket_use (
            ticket text NOT NULL,
            began_at timestamptz NOT NULL,
            ended_at timestamptz NOT NULL,
            CONSTRAINT ticket_use_pkey PRIMARY KEY (ticket, began_at),
            CONSTRAINT ticket_use_times_check CHECK (began_at <= ended_at)
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.ticket_flag (
            id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT ticket_flag_pkey PRIMARY KEY,
            kind text NOT NULL,
            device text NOT NULL,
            seq bigint NOT NULL,
            ticket text,
            detail text NOT NULL,
            at timestamptz NOT NULL,
            settled_by text,
            settled_at timestamptz,
            CONSTRAINT ticket_flag_once UNIQUE (kind, device, seq)
        )
    """)


def downgrade() -> None:
    """Drop them."""
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE mobigo.{table} CASCADE")
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION mobigo.{function}()")
