"""Money and what is said to the outside.

Why: both are shared by all rooms. Money is double entry, and the database itself guards it: an entry balances when its
transaction commits, nothing is changed, deleted or added afterwards. A message is written in the transaction of what it
is about and sent later, so it is never said of what did not happen; webhooks likewise, each delivery with its attempts.

Old code: knows none of these tables and still runs. Locks: none on tables that hold data.

Columns are documented in `mobigo.ledger.store`, `mobigo.messages.store` and `mobigo.messages.webhook_store`.

Revision ID: 0008_ledger_messages
Revises: 0007_ondemand
"""

from __future__ import annotations

from alembic import op

revision = "0008_ledger_messages"
down_revision = "0007_ondemand"
branch_labels = None
depends_on = None

TABLES = (
    "ledger_account",
    "ledger_entry",
    "ledger_posting",
    "message",
    "webhook",
    "webhook_event",
    "webhook_delivery",
    "webhook_attempt",
)
"""In the order in which they are made."""

FUNCTIONS = ("ledger_stand", "ledger_check_posting", "ledger_check_entry")


def upgrade() -> None:
    """Create the tables with the usual accounts, and the triggers that guard them."""
    _ledger()
    _guard_ledger()
    _messages()
    _webhooks()


def _ledger() -> None:
    op.execute("""
        CREATE TABLE mobigo.ledger_account (
            code text NOT NULL CONSTRAINT ledger_account_pkey PRIMARY KEY,
            kind text NOT NULL,
            name text NOT NULL,
            CONSTRAINT ledger_account_kind_check CHECK (kind IN ('asset', 'liability', 'income', 'expense'))
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.ledger_entry (
            id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT ledger_entry_pkey PRIMARY KEY,
            at timestamptz NOT NULL,
            kind text NOT NULL,
            reference text NOT NULL,
            key text NOT NULL CONSTRAINT ledger_entry_key_key UNIQUE,
            written_by text NOT NULL,
            note text NOT NULL,
            reverses bigint CONSTRAINT ledger_entry_reverses_fkey REFERENCES mobigo.ledger_entry
                CONSTRAINT ledger_entry_reverses_key UNIQUE,
            transaction xid8 NOT NULL DEFAULT pg_current_xact_id()
        )
    """)
    op.execute("CREATE INDEX ledger_entry_reference_index ON mobigo.ledger_entry (reference)")
    op.execute("CREATE INDEX ledger_entry_at_index ON mobigo.ledger_entry (at, id)")
    op.execute("""
        CREATE TABLE mobigo.ledger_posting (
            entry_id bigint NOT NULL CONSTRAINT ledger_posting_entry_id_fkey REFERENCES mobigo.ledger_entry,
            number smallint NOT NULL,
            account text NOT NULL CONSTRAINT ledger_posting_account_fkey REFERENCES mobigo.ledger_account,
            party text,
            cents bigint NOT NULL,
            CONSTRAINT ledger_posting_pkey PRIMARY KEY (entry_id, number),
            CONSTRAINT ledger_posting_cents_check CHECK (cents <> 0)
        )
    """)
    op.execute("CREATE INDEX ledger_posting_account_index ON mobigo.ledger_posting (account, entry_id)")
    op.execute("CREATE INDEX ledger_posting_party_index ON mobigo.ledger_posting (party, entry_id)")
    op.execute("""
        INSERT INTO mobigo.ledger_account (code, kind, name) VALUES
            ('travellers', 'asset', 'Voyageurs'),
            ('deferred', 'liability', 'Produits constatés d''avance'),
            ('fares', 'income', 'Recettes de transport'),
            ('penalties', 'income', 'Pénalités'),
            ('collected', 'asset', 'Encaissements des conducteurs'),
            ('bank', 'asset', 'Banque')
    """)


def _guard_ledger() -> None:
    op.execute("""
        CREATE FUNCTION mobigo.ledger_stand() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '% of % is refused: what was posted stands; post its reversal', TG_OP, TG_TABLE_NAME
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'ledger_stands';
        END
        $$
    """)
    for table in ("entry", "posting"):
        op.execute(f"""
            CREATE TRIGGER ledger_{table}_stands BEFORE UPDATE OR DELETE OR TRUNCATE ON mobigo.ledger_{table}
            FOR EACH STATEMENT EXECUTE FUNCTION mobigo.ledger_stand()
        """)
    op.execute("""
        CREATE TRIGGER ledger_account_stands BEFORE UPDATE OR DELETE OR TRUNCATE ON mobigo.ledger_account
        FOR EACH STATEMENT EXECUTE FUNCTION mobigo.ledger_stand()
    """)
    op.execute("""
        CREATE FUNCTION mobigo.ledger_check_posting() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF (SELECT transaction FROM mobigo.ledger_entry WHERE id = NEW.entry_id) <> pg_current_xact_id() THEN
                RAISE EXCEPTION 'entry % is closed: nothing is added to it', NEW.entry_id
                    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'ledger_stands';
            END IF;
            RETURN NEW;
        END
        $$
    """)
    op.execute("""
        CREATE TRIGGER ledger_posting_check BEFORE INSERT ON mobigo.ledger_posting
        FOR EACH ROW EXECUTE FUNCTION mobigo.ledger_check_posting()
    """)
    op.execute("""
        CREATE FUNCTION mobigo.ledger_check_entry() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            entry bigint;
            undone bigint;
            total bigint;
            postings integer;
        BEGIN
            IF TG_TABLE_NAME = 'ledger_entry' THEN entry := NEW.id; ELSE entry := NEW.entry_id; END IF;
            SELECT coalesce(sum(cents), 0), count(*) INTO total, postings
            FROM mobigo.ledger_posting WHERE entry_id = entry;
            IF total <> 0 OR postings < 2 THEN
                RAISE EXCEPTION 'entry % does not balance: % postings add up to % cents', entry, postings, total
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_balances';
            END IF;
            SELECT reverses INTO undone FROM mobigo.ledger_entry WHERE id = entry;
            IF undone IS NOT NULL AND EXISTS (
                (SELECT number, account, party, -cents FROM mobigo.ledger_posting WHERE entry_id = entry
                 EXCEPT SELECT number, account, party, cents FROM mobigo.ledger_posting WHERE entry_id = undone)
                UNION ALL
                (SELECT number, account, party, cents FROM mobigo.ledger_posting WHERE entry_id = undone
                 EXCEPT SELECT number, account, party, -cents FROM mobigo.ledger_posting WHERE entry_id = entry)
            ) THEN
                RAISE EXCEPTION 'entry % is not the opposite of entry %', entry, undone
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_reverses';
            END IF;
            RETURN NULL;
        END
        $$
    """)
    for table in ("entry", "posting"):
        op.execute(f"""
            CREATE CONSTRAINT TRIGGER ledger_{table}_balances AFTER INSERT ON mobigo.ledger_{table}
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mobigo.ledger_check_entry()
        """)


def _messages() -> None:
    op.execute("""
        CREATE TABLE mobigo.message (
            id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT message_pkey PRIMARY KEY,
            key text NOT NULL CONSTRAINT message_key_key UNIQUE,
            channel text NOT NULL,
            template text NOT NULL,
            language text NOT NULL,
            about text NOT NULL,
            recipient text,
            subject text,
            body text,
            created_at timestamptz NOT NULL,
            due_at timestamptz NOT NULL,
            until timestamptz,
            state text NOT NULL,
            attempts integer NOT NULL DEFAULT 0,
            next_at timestamptz,
            claimed_at timestamptz,
            done_at timestamptz,
            outlet text,
            receipt text,
            problem text,
            CONSTRAINT message_channel_check CHECK (channel IN ('email', 'sms', 'sheet')),
            CONSTRAINT message_state_check CHECK (state IN (
                'waiting', 'sending', 'sent', 'failed', 'doubtful', 'expired', 'cancelled'
            )),
            CONSTRAINT message_next_at_check CHECK ((state = 'waiting') = (next_at IS NOT NULL)),
            CONSTRAINT message_claimed_at_check CHECK ((state = 'sending') = (claimed_at IS NOT NULL))
        )
    """)
    op.execute("CREATE INDEX message_next_at_index ON mobigo.message (next_at) WHERE state = 'waiting'")
    op.execute("CREATE INDEX message_claimed_at_index ON mobigo.message (claimed_at) WHERE state = 'sending'")
    op.execute("CREATE INDEX message_about_index ON mobigo.message (about)")
    op.execute("CREATE INDEX message_recipient_index ON mobigo.message (recipient, due_at) WHERE channel = 'sheet'")
    op.execute("CREATE INDEX message_created_at_index ON mobigo.message (created_at)")


def _webhooks() -> None:
    op.execute("""
        CREATE TABLE mobigo.webhook (
            id text NOT NULL CONSTRAINT webhook_pkey PRIMARY KEY,
            address text NOT NULL,
            description text NOT NULL,
            types text[] NOT NULL,
            operator text,
            secret text NOT NULL,
            old_secret text,
            old_secret_until timestamptz,
            enabled boolean NOT NULL DEFAULT true,
            disabled_because text,
            failing_since timestamptz,
            written_by text NOT NULL,
            created_at timestamptz NOT NULL,
            CONSTRAINT webhook_old_secret_check CHECK ((old_secret IS NULL) = (old_secret_until IS NULL)),
            CONSTRAINT webhook_disabled_because_check CHECK (NOT enabled OR disabled_because IS NULL)
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.webhook_event (
            id text NOT NULL CONSTRAINT webhook_event_pkey PRIMARY KEY,
            key text NOT NULL CONSTRAINT webhook_event_key_key UNIQUE,
            type text NOT NULL,
            at timestamptz NOT NULL,
            operator text,
            body text NOT NULL
        )
    """)
    op.execute("CREATE INDEX webhook_event_at_index ON mobigo.webhook_event (at)")
    op.execute("""
        CREATE TABLE mobigo.webhook_delivery (
            id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT webhook_delivery_pkey PRIMARY KEY,
            webhook_id text NOT NULL CONSTRAINT webhook_delivery_webhook_id_fkey
                REFERENCES mobigo.webhook ON DELETE CASCADE,
            event_id text NOT NULL CONSTRAINT webhook_delivery_event_id_fkey
                REFERENCES mobigo.webhook_event ON DELETE CASCADE,
            state text NOT NULL,
            attempts integer NOT NULL DEFAULT 0,
            next_at timestamptz,
            claimed_at timestamptz,
            done_at timestamptz,
            CONSTRAINT webhook_delivery_webhook_id_event_id_key UNIQUE (webhook_id, event_id),
            CONSTRAINT webhook_delivery_state_check
                CHECK (state IN ('waiting', 'sending', 'delivered', 'failed', 'cancelled')),
            CONSTRAINT webhook_delivery_next_at_check CHECK ((state = 'waiting') = (next_at IS NOT NULL)),
            CONSTRAINT webhook_delivery_claimed_at_check CHECK ((state = 'sending') = (claimed_at IS NOT NULL))
        )
    """)
    op.execute(
        "CREATE INDEX webhook_delivery_next_at_index ON mobigo.webhook_delivery (next_at) WHERE state = 'waiting'"
    )
    op.execute("""
        CREATE INDEX webhook_delivery_claimed_at_index ON mobigo.webhook_delivery (claimed_at) WHERE state = 'sending'
    """)
    op.execute("CREATE INDEX webhook_delivery_event_id_index ON mobigo.webhook_delivery (event_id)")
    op.execute("""
        CREATE TABLE mobigo.webhook_attempt (
            delivery_id bigint NOT NULL CONSTRAINT webhook_attempt_delivery_id_fkey
                REFERENCES mobigo.webhook_delivery ON DELETE CASCADE,
            number integer NOT NULL,
            at timestamptz NOT NULL,
            milliseconds integer NOT NULL,
            status integer,
            problem text,
            CONSTRAINT webhook_attempt_pkey PRIMARY KEY (delivery_id, number)
        )
    """)


def downgrade() -> None:
    """Drop them."""
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE mobigo.{table}")
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION mobigo.{function}")
