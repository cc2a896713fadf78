"""Orders and payments, what is earned of them, and whose it is.

Why: an order is paid before it is issued, and both may be interrupted anywhere, so each step is a row that somebody
else can take up again. The database itself guards what matters, whoever writes: states move by the tables of
`mobigo.payments.model` and `mobigo.ticketing.states` only, histories are never changed, nothing is issued that is not
paid, and no more is paid back than came in.

The embedded provider keeps its own books in the ``sandbox_*`` tables, in transactions of its own, as a provider would.

Old code: knows none of these tables and still runs. Locks: none on tables that hold data.

Columns are documented in `mobigo.payments.store`, `mobigo.payments.sandbox` and `mobigo.ticketing.store`.

Revision ID: 0014_ticketing
Revises: 0013_fares
"""

from __future__ import annotations

from alembic import op

revision = "0014_ticketing"
down_revision = "0013_fares"
branch_labels = None
depends_on = None

TABLES = (
    "payment",
    "payment_refund",
    "payment_dispute",
    "payment_event",
    "sandbox_payment",
    "sandbox_refund",
    "sandbox_event",
    "sandbox_row",
    "ticket_order",
    "order_ride",
    "order_part",
    "order_event",
    "order_refund",
    "ticketing_answer",
    "revenue_day",
    "share_rule",
    "revenue_month",
    "revenue_share",
    "revenue_payout",
    "operator_account",
    "settlement_row",
)
"""In the order in which they are made."""

FUNCTIONS = (
    "ticketing_stands",
    "payment_moves",
    "payment_refund_moves",
    "payment_refund_fits",
    "order_moves",
    "order_part_moves",
    "order_is_paid",
    "revenue_month_stands",
)

MOVES = {
    "payment": {
        "intended": ("open", "cancelled"),
        "open": ("succeeded", "declined", "cancelled"),
        "declined": ("succeeded",),
        "cancelled": ("succeeded",),
    },
    "payment_refund": {
        "intended": ("open", "succeeded", "failed"),
        "open": ("succeeded", "failed"),
        "succeeded": ("failed",),
    },
    "ticket_order": {
        "held": ("paying", "paid", "cancelled", "expired"),
        "paying": ("held", "paid", "cancelled", "expired"),
        "paid": ("issued", "compensating"),
        "compensating": ("compensated",),
        "cancelled": ("compensating",),
        "expired": ("compensating",),
        "issued": ("ended",),
    },
    "order_part": {
        "on_hold": ("confirmed", "released"),
        "confirmed": ("fulfilled", "error"),
        "fulfilled": ("refund_ongoing", "refunded", "exchange_ongoing", "exchanged"),
        "refund_ongoing": ("refunded",),
        "exchange_ongoing": ("exchanged", "fulfilled"),
    },
}
"""By table and state: those that may follow, as the code has them."""


def upgrade() -> None:
    """Create the tables and the triggers that guard them."""
    _payments()
    _sandbox()
    _orders()
    _revenue()
    _guards()
    op.execute("""
        INSERT INTO mobigo.ledger_account (code, kind, name) VALUES
            ('provider', 'asset', 'Prestataire de paiement'),
            ('till', 'asset', 'Caisses des guichets'),
            ('contested', 'asset', 'Paiements contestés'),
            ('contested_lost', 'expense', 'Paiements contestés perdus'),
            ('provider_fees', 'expense', 'Frais du prestataire de paiement'),
            ('prepaid', 'liability', 'Avances des clients'),
            ('refunds', 'liability', 'Remboursements à verser'),
            ('vat', 'liability', 'TVA collectée'),
            ('operators', 'liability', 'Recettes dues aux exploitants'),
            ('shared', 'expense', 'Recettes reversées aux exploitants')
        ON CONFLICT DO NOTHING
    """)


def _payments() -> None:
    op.execute("""
        CREATE TABLE mobigo.payment (
            id text NOT NULL CONSTRAINT payment_pkey PRIMARY KEY,
            provider text NOT NULL,
            purpose text NOT NULL,
            reference text NOT NULL,
            cents bigint NOT NULL CONSTRAINT payment_cents_check CHECK (cents > 0),
            currency text NOT NULL,
            method text,
            customer text,
            off_session boolean NOT NULL,
            state text NOT NULL CONSTRAINT payment_state_check
                CHECK (state IN ('intended', 'open', 'succeeded', 'declined', 'cancelled')),
            provider_id text,
            action text,
            problem text,
            until timestamptz NOT NULL,
            attempts integer NOT NULL DEFAULT 0,
            next_at timestamptz,
            created_at timestamptz NOT NULL,
            settled_at timestamptz,
            CONSTRAINT payment_provider_id_key UNIQUE (provider, provider_id)
        )
    """)
    op.execute("CREATE INDEX payment_reference_index ON mobigo.payment (purpose, reference)")
    op.execute("CREATE INDEX payment_next_at_index ON mobigo.payment (next_at) WHERE next_at IS NOT NULL")
    op.execute("""
        CREATE TABLE mobigo.payment_refund (
            id text NOT NULL CONSTRAINT payment_refund_pkey PRIMARY KEY,
            payment text NOT NULL CONSTRAINT payment_refund_payment_fkey REFERENCES mobigo.payment,
            cents bigint NOT NULL CONSTRAINT payment_refund_cents_check CHECK (cents > 0),
            reason text NOT NULL,
            state text NOT NULL CONSTRAINT payment_refund_state_check
                CHECK (state IN ('intended', 'open', 'succeeded', 'failed')),
            provider_id text,
            problem text,
            attempts integer NOT NULL DEFAULT 0,
            next_at timestamptz,
            created_at timestamptz NOT NULL,
            settled_at timestamptz
        )
    """)
    op.execute("CREATE INDEX payment_refund_payment_index ON mobigo.payment_refund (payment)")
    op.execute("CREATE INDEX payment_refund_next_at_index ON mobigo.payment_refund (next_at) WHERE next_at IS NOT NULL")
    op.execute("""
        CREATE TABLE mobigo.payment_dispute (
            id text NOT NULL CONSTRAINT payment_dispute_pkey PRIMARY KEY,
            payment text NOT NULL CONSTRAINT payment_dispute_payment_fkey REFERENCES mobigo.payment,
            cents bigint NOT NULL CONSTRAINT payment_dispute_cents_check CHECK (cents > 0),
            state text NOT NULL CONSTRAINT payment_dispute_state_check CHECK (state IN ('open', 'won', 'lost')),
            at timestamptz NOT NULL,
            settled_at timestamptz
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.payment_event (
            provider text NOT NULL,
            id text NOT NULL,
            kind text NOT NULL,
            object text NOT NULL,
            content jsonb NOT NULL,
            received_at timestamptz NOT NULL,
            handled_at timestamptz,
            CONSTRAINT payment_event_pkey PRIMARY KEY (provider, id)
        )
    """)
    op.execute("CREATE INDEX payment_event_open_index ON mobigo.payment_event (received_at) WHERE handled_at IS NULL")


def _sandbox() -> None:
    op.execute("""
        CREATE TABLE mobigo.sandbox_payment (
            id text NOT NULL CONSTRAINT sandbox_payment_pkey PRIMARY KEY,
            key text NOT NULL CONSTRAINT sandbox_payment_key_key UNIQUE,
            cents bigint NOT NULL,
            currency text NOT NULL,
            method text,
            status text NOT NULL,
            problem text,
            confirmed boolean NOT NULL DEFAULT false,
            becomes text,
            becomes_at timestamptz,
            at timestamptz NOT NULL
        )
    """)
    op.execute("CREATE INDEX sandbox_payment_becomes_at_index ON mobigo.sandbox_payment (becomes_at)")
    op.execute("""
        CREATE TABLE mobigo.sandbox_refund (
            id text NOT NULL CONSTRAINT sandbox_refund_pkey PRIMARY KEY,
            key text NOT NULL CONSTRAINT sandbox_refund_key_key UNIQUE,
            payment text NOT NULL CONSTRAINT sandbox_refund_payment_fkey REFERENCES mobigo.sandbox_payment,
            cents bigint NOT NULL,
            status text NOT NULL,
            problem text,
            becomes text,
            becomes_at timestamptz,
            at timestamptz NOT NULL
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.sandbox_event (
            number bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT sandbox_event_pkey PRIMARY KEY,
            id text NOT NULL,
            body text NOT NULL,
            due_at timestamptz NOT NULL,
            delivered_at timestamptz
        )
    """)
    op.execute("CREATE INDEX sandbox_event_due_at_index ON mobigo.sandbox_event (due_at) WHERE delivered_at IS NULL")
    op.execute("""
        CREATE TABLE mobigo.sandbox_row (
            id text NOT NULL CONSTRAINT sandbox_row_pkey PRIMARY KEY,
            at timestamptz NOT NULL,
            category text NOT NULL,
            source text NOT NULL,
            payment text NOT NULL,
            cents bigint NOT NULL,
            fee bigint NOT NULL
        )
    """)
    op.execute("CREATE INDEX sandbox_row_at_index ON mobigo.sandbox_row (at)")


def _orders() -> None:
    op.execute("""
        CREATE TABLE mobigo.ticket_order (
            id text NOT NULL CONSTRAINT ticket_order_pkey PRIMARY KEY,
            reference text NOT NULL CONSTRAINT ticket_order_reference_key UNIQUE,
            state text NOT NULL CONSTRAINT ticket_order_state_check CHECK (state IN (
                'held', 'paying', 'paid', 'issued', 'ended', 'cancelled', 'expired', 'compensating', 'compensated'
            )),
            version integer NOT NULL,
            currency text NOT NULL,
            cents bigint NOT NULL CONSTRAINT ticket_order_cents_check CHECK (cents >= 0),
            credit bigint NOT NULL DEFAULT 0 CONSTRAINT ticket_order_credit_check CHECK (credit >= 0),
            cash bigint NOT NULL DEFAULT 0 CONSTRAINT ticket_order_cash_check CHECK (cash >= 0),
            channel text NOT NULL,
            account text,
            contact jsonb,
            until timestamptz NOT NULL,
            next_at timestamptz,
            attempts integer NOT NULL DEFAULT 0,
            booking text,
            exchanges text CONSTRAINT ticket_order_exchanges_fkey REFERENCES mobigo.ticket_order,
            swaps jsonb,
            problem text,
            made_by text NOT NULL,
            created_at timestamptz NOT NULL
        )
    """)
    op.execute("CREATE INDEX ticket_order_account_index ON mobigo.ticket_order (account, created_at)")
    op.execute("CREATE INDEX ticket_order_next_at_index ON mobigo.ticket_order (next_at) WHERE next_at IS NOT NULL")
    op.execute("CREATE INDEX ticket_order_contact_index ON mobigo.ticket_order (created_at) WHERE contact IS NOT NULL")
    op.execute("""
        CREATE TABLE mobigo.order_ride (
            order_id text NOT NULL CONSTRAINT order_ride_order_id_fkey REFERENCES mobigo.ticket_order,
            number smallint NOT NULL,
            kind text NOT NULL,
            agency text NOT NULL,
            route text NOT NULL,
            board text,
            alight text,
            departure timestamptz NOT NULL,
            arrival timestamptz NOT NULL,
            service_date date NOT NULL,
            trip text,
            metres integer NOT NULL,
            alone bigint NOT NULL,
            booking text,
            CONSTRAINT order_ride_pkey PRIMARY KEY (order_id, number)
        )
    """)
    op.execute("CREATE INDEX order_ride_arrival_index ON mobigo.order_ride (arrival)")
    op.execute("""
        CREATE TABLE mobigo.order_part (
            id text NOT NULL CONSTRAINT order_part_pkey PRIMARY KEY,
            order_id text NOT NULL CONSTRAINT order_part_order_id_fkey REFERENCES mobigo.ticket_order,
            number smallint NOT NULL,
            kind text NOT NULL CONSTRAINT order_part_kind_check CHECK (kind IN ('admission', 'on_demand', 'carpool')),
            state text NOT NULL CONSTRAINT order_part_state_check CHECK (state IN (
                'on_hold', 'confirmed', 'fulfilled', 'released', 'refund_ongoing', 'refunded', 'exchange_ongoing',
                'exchanged', 'error'
            )),
            version integer NOT NULL,
            product text NOT NULL,
            category text NOT NULL,
            fellows smallint NOT NULL,
            cents bigint NOT NULL CONSTRAINT order_part_cents_check CHECK (cents >= 0),
            vat_permille integer NOT NULL,
            vat bigint NOT NULL,
            valid_from timestamptz,
            valid_until timestamptz,
            rides smallint[] NOT NULL,
            areas text[] NOT NULL,
            medium text,
            ticket text,
            split jsonb NOT NULL DEFAULT '{}',
            earn_from date,
            earn_days integer CONSTRAINT order_part_earn_days_check CHECK (earn_days > 0),
            earned bigint NOT NULL DEFAULT 0,
            given_back bigint NOT NULL DEFAULT 0,
            CONSTRAINT order_part_number_key UNIQUE (order_id, number),
            CONSTRAINT order_part_earned_check CHECK (earned BETWEEN 0 AND cents - vat),
            CONSTRAINT order_part_given_back_check CHECK (given_back BETWEEN 0 AND cents)
        )
    """)
    op.execute("CREATE INDEX order_part_ticket_index ON mobigo.order_part (ticket)")
    op.execute("""
        CREATE INDEX order_part_earn_index ON mobigo.order_part (earn_from)
        WHERE earn_from IS NOT NULL AND earned < cents - vat
    """)
    op.execute("""
        CREATE TABLE mobigo.order_event (
            id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT order_event_pkey PRIMARY KEY,
            order_id text NOT NULL CONSTRAINT order_event_order_id_fkey REFERENCES mobigo.ticket_order,
            part text,
            at timestamptz NOT NULL,
            what text NOT NULL,
            before text,
            after text,
            made_by text NOT NULL,
            details jsonb NOT NULL
        )
    """)
    op.execute("CREATE INDEX order_event_order_id_index ON mobigo.order_event (order_id, id)")
    op.execute("""
        CREATE TABLE mobigo.order_refund (
            id text NOT NULL CONSTRAINT order_refund_pkey PRIMARY KEY,
            order_id text NOT NULL CONSTRAINT order_refund_order_id_fkey REFERENCES mobigo.ticket_order,
            parts jsonb NOT NULL,
            cents bigint NOT NULL CONSTRAINT order_refund_cents_check CHECK (cents >= 0),
            fee bigint NOT NULL,
            why text NOT NULL,
            payments text[] NOT NULL,
            made_by text NOT NULL,
            at timestamptz NOT NULL
        )
    """)
    op.execute("CREATE INDEX order_refund_order_id_index ON mobigo.order_refund (order_id)")
    op.execute("""
        CREATE TABLE mobigo.ticketing_answer (
            owner text NOT NULL,
            key text NOT NULL,
            hash text NOT NULL,
            answer jsonb,
            at timestamptz NOT NULL,
            CONSTRAINT ticketing_answer_pkey PRIMARY KEY (owner, key)
        )
    """)
    op.execute("CREATE INDEX ticketing_answer_at_index ON mobigo.ticketing_answer (at)")


def _revenue() -> None:
    op.execute("""
        CREATE TABLE mobigo.revenue_day (
            day date NOT NULL,
            product text NOT NULL,
            split jsonb NOT NULL,
            cents bigint NOT NULL,
            CONSTRAINT revenue_day_pkey PRIMARY KEY (day, product, split)
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.share_rule (
            id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT share_rule_pkey PRIMARY KEY,
            product text,
            since date NOT NULL,
            basis text NOT NULL CONSTRAINT share_rule_basis_check
                CHECK (basis IN ('usage', 'kilometres', 'fixed', 'stand_alone')),
            keys jsonb NOT NULL,
            written_by text NOT NULL,
            at timestamptz NOT NULL
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.revenue_month (
            month date NOT NULL CONSTRAINT revenue_month_pkey PRIMARY KEY,
            closed_at timestamptz NOT NULL,
            closed_by text NOT NULL,
            execution date NOT NULL,
            payer text NOT NULL,
            payer_iban text NOT NULL,
            earned bigint NOT NULL,
            shared bigint NOT NULL,
            uses bigint NOT NULL
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.revenue_share (
            month date NOT NULL CONSTRAINT revenue_share_month_fkey REFERENCES mobigo.revenue_month,
            product text NOT NULL,
            operator text NOT NULL,
            basis text NOT NULL,
            weight bigint NOT NULL,
            cents bigint NOT NULL,
            CONSTRAINT revenue_share_pkey PRIMARY KEY (month, product, operator, basis)
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.revenue_payout (
            id text NOT NULL CONSTRAINT revenue_payout_pkey PRIMARY KEY,
            month date NOT NULL CONSTRAINT revenue_payout_month_fkey REFERENCES mobigo.revenue_month,
            operator text NOT NULL,
            name text NOT NULL,
            iban text NOT NULL,
            cents bigint NOT NULL CONSTRAINT revenue_payout_cents_check CHECK (cents > 0),
            CONSTRAINT revenue_payout_operator_key UNIQUE (month, operator)
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.operator_account (
            operator text NOT NULL CONSTRAINT operator_account_pkey PRIMARY KEY,
            name text NOT NULL,
            iban text NOT NULL,
            written_by text NOT NULL,
            at timestamptz NOT NULL
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.settlement_row (
            provider text NOT NULL,
            id text NOT NULL,
            at timestamptz NOT NULL,
            category text NOT NULL,
            source text NOT NULL,
            cents bigint NOT NULL,
            fee bigint NOT NULL,
            finding text,
            read_at timestamptz NOT NULL,
            CONSTRAINT settlement_row_pkey PRIMARY KEY (provider, id)
        )
    """)


def _guards() -> None:
    op.execute("""
        CREATE FUNCTION mobigo.ticketing_stands() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '% of % is refused: what happened stands', TG_OP, TG_TABLE_NAME
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'ticketing_stands';
        END
        $$
    """)
    for table in ("order_event", "share_rule", "revenue_share", "revenue_payout"):
        op.execute(f"""
            CREATE TRIGGER {table}_stands BEFORE UPDATE OR DELETE OR TRUNCATE ON mobigo.{table}
            FOR EACH STATEMENT EXECUTE FUNCTION mobigo.ticketing_stands()
        """)
    kept = {
        "payment": ("cents", "currency", "purpose", "reference", "provider"),
        "payment_refund": ("cents", "payment"),
        "ticket_order": ("cents", "currency", "reference"),
        "order_part": ("cents", "vat", "product", "version", "order_id"),
    }
    functions = {
        "payment": "payment_moves",
        "payment_refund": "payment_refund_moves",
        "ticket_order": "order_moves",
        "order_part": "order_part_moves",
    }
    for table, moves in MOVES.items():
        lawful = ", ".join(f"'{before}>{after}'" for before, some in moves.items() for after in some)
        changed = " OR ".join(f"NEW.{column} IS DISTINCT FROM OLD.{column}" for column in kept[table])
        op.execute(f"""
            CREATE FUNCTION mobigo.{functions[table]}() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF {changed} THEN
                    RAISE EXCEPTION 'row % of {table} is changed where it stands', OLD.id
                        USING ERRCODE = 'restrict_violation', CONSTRAINT = '{table}_stands';
                END IF;
                IF NEW.state <> OLD.state AND (OLD.state || '>' || NEW.state) NOT IN ({lawful}) THEN
                    RAISE EXCEPTION 'row % of {table} is % and cannot become %', OLD.id, OLD.state, NEW.state
                        USING ERRCODE = 'check_violation', CONSTRAINT = '{table}_moves';
                END IF;
                RETURN NEW;
            END
            $$
        """)
        op.execute(f"""
            CREATE TRIGGER {table}_moves BEFORE UPDATE ON mobigo.{table}
            FOR EACH ROW EXECUTE FUNCTION mobigo.{functions[table]}()
        """)
    op.execute("""
        CREATE FUNCTION mobigo.payment_refund_fits() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            paid bigint;
            back bigint;
        BEGIN
            SELECT cents INTO paid FROM mobigo.payment WHERE id = NEW.payment AND state = 'succeeded' FOR UPDATE;
            SELECT coalesce(sum(cents), 0) INTO back
            FROM mobigo.payment_refund WHERE payment = NEW.payment AND state <> 'failed';
            IF paid IS NULL OR back > paid THEN
                RAISE EXCEPTION 'refunds of payment % come to % cents, % were paid', NEW.payment, back, paid
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'payment_refund_fits';
            END IF;
            RETURN NULL;
        END
        $$
    """)
    op.execute("""
        CREATE CONSTRAINT TRIGGER payment_refund_fits AFTER INSERT ON mobigo.payment_refund
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mobigo.payment_refund_fits()
    """)
    op.execute("""
        CREATE FUNCTION mobigo.order_is_paid() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            came bigint;
        BEGIN
            IF NEW.state = 'issued' AND OLD.state <> 'issued' THEN
                SELECT coalesce(sum(cents), 0) INTO came FROM mobigo.payment
                WHERE purpose = 'order' AND reference = NEW.id AND state = 'succeeded';
                IF came + NEW.cash + NEW.credit < NEW.cents THEN
                    RAISE EXCEPTION 'order % costs % cents, % came', NEW.id, NEW.cents, came + NEW.cash + NEW.credit
                        USING ERRCODE = 'check_violation', CONSTRAINT = 'order_is_paid';
                END IF;
            END IF;
            RETURN NULL;
        END
        $$
    """)
    op.execute("""
        CREATE CONSTRAINT TRIGGER order_is_paid AFTER UPDATE ON mobigo.ticket_order
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mobigo.order_is_paid()
    """)
    op.execute("""
        CREATE FUNCTION mobigo.revenue_month_stands() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF EXISTS (SELECT FROM mobigo.revenue_month WHERE month = date_trunc('month', NEW.day)::date) THEN
                RAISE EXCEPTION '% is closed; post to a day of an open month', to_char(NEW.day, 'YYYY-MM')
                    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'revenue_month_stands';
            END IF;
            RETURN NEW;
        END
        $$
    """)
    op.execute("""
        CREATE TRIGGER revenue_day_stands BEFORE INSERT OR UPDATE ON mobigo.revenue_day
        FOR EACH ROW EXECUTE FUNCTION mobigo.revenue_month_stands()
    """)


def downgrade() -> None:
    """Drop them; accounts of the ledger stay, as everything there."""
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE mobigo.{table}")
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION mobigo.{function}")
