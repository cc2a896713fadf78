"""Carpool lines: cars, seats in them, proof, and what drivers are paid.

Why: what was promised is kept by the database too, whoever writes to it: no stretch of a car has more people than
seats, one person has one place at a time, a taxi is ordered once for one who waits, a run is paid once. Who people are
stands apart from where they went, so that the one can be forgotten and the other counted.

Old code: knows none of these tables and still runs. Locks: none on tables that hold data.

Columns are documented in `mobigo.carpool.store` and beside the stores of money and proof.

Revision ID: 0009_carpool
Revises: 0008_ledger_messages
"""

from __future__ import annotations

from alembic import op

revision = "0009_carpool"
down_revision = "0008_ledger_messages"
branch_labels = None
depends_on = None

TABLES = (
    "carpool_line",
    "carpool_person",
    "carpool_car",
    "carpool_regular",
    "carpool_run",
    "carpool_run_stop",
    "carpool_booking",
    "carpool_waiting",
    "carpool_message",
    "carpool_report",
    "carpool_block",
    "carpool_history",
    "carpool_answer",
    "carpool_revision",
    "carpool_policy",
    "carpool_bank",
    "carpool_month",
    "carpool_payout",
    "carpool_award",
    "carpool_counter",
    "carpool_certificate",
    "carpool_scan",
    "carpool_fix",
    "carpool_journey",
    "carpool_finding",
    "carpool_finding_booking",
    "carpool_register",
    "carpool_register_attempt",
    "carpool_register_pause",
    "carpool_open_month",
    "carpool_operator",
    "carpool_standard_booking",
    "carpool_standard_event",
    "carpool_standard_link",
    "carpool_standard_call",
)
"""In the order in which they are made."""

FUNCTIONS = ("carpool_check_seats", "carpool_keep_history", "carpool_check_payout", "carpool_keep_award")


def upgrade() -> None:
    """Create the tables, empty, and the triggers that guard them."""
    _lines()
    _people()
    _runs()
    _bookings()
    _around()
    _proof()
    _guard_seats()
    _guard_history()
    _money()
    _guard_money()
    _standard()


def _lines() -> None:
    op.execute("""
        CREATE TABLE mobigo.carpool_line (
            id text NOT NULL,
            revision integer NOT NULL,
            document jsonb,
            withdrawn boolean NOT NULL DEFAULT false,
            written_by text NOT NULL,
            written_at timestamptz NOT NULL,
            CONSTRAINT carpool_line_pkey PRIMARY KEY (id, revision),
            CONSTRAINT carpool_line_revision_check CHECK (revision > 0),
            CONSTRAINT carpool_line_withdrawn_check CHECK (NOT (withdrawn AND document IS NOT NULL))
        )
    """)


def _people() -> None:
    op.execute("""
        CREATE TABLE mobigo.carpool_person (
            id text NOT NULL CONSTRAINT carpool_person_pkey PRIMARY KEY,
            account text CONSTRAINT carpool_person_account_key UNIQUE,
            adult boolean NOT NULL,
            name text,
            phone text,
            email text,
            language text NOT NULL DEFAULT 'fr',
            made_at timestamptz NOT NULL,
            revision integer NOT NULL DEFAULT 1,
            forgotten_at timestamptz,
            CONSTRAINT carpool_person_forgotten_at_check CHECK (
                forgotten_at IS NULL OR (account IS NULL AND name IS NULL AND phone IS NULL AND email IS NULL)
            )
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.carpool_car (
            id text NOT NULL CONSTRAINT carpool_car_pkey PRIMARY KEY,
            person text NOT NULL CONSTRAINT carpool_car_person_fkey REFERENCES mobigo.carpool_person,
            plate text NOT NULL,
            name text NOT NULL,
            seats integer NOT NULL,
            CONSTRAINT carpool_car_seats_check CHECK (seats BETWEEN 1 AND 8)
        )
    """)
    op.execute("CREATE INDEX carpool_car_person_index ON mobigo.carpool_car (person)")


def _runs() -> None:
    op.execute("""
        CREATE TABLE mobigo.carpool_regular (
            id text NOT NULL CONSTRAINT carpool_regular_pkey PRIMARY KEY,
            person text NOT NULL CONSTRAINT carpool_regular_person_fkey REFERENCES mobigo.carpool_person,
            drives boolean NOT NULL,
            wish jsonb NOT NULL,
            weekdays boolean[] NOT NULL,
            departs integer NOT NULL,
            timezone text NOT NULL,
            first date NOT NULL,
            last date NOT NULL,
            exceptions date[] NOT NULL DEFAULT '{}',
            made_at timestamptz NOT NULL,
            ended_at timestamptz,
            revision integer NOT NULL DEFAULT 1,
            CONSTRAINT carpool_regular_weekdays_check CHECK (array_length(weekdays, 1) = 7 AND true = ANY (weekdays)),
            CONSTRAINT carpool_regular_last_check CHECK (last >= first)
        )
    """)
    op.execute("CREATE INDEX carpool_regular_person_index ON mobigo.carpool_regular (person)")
    op.execute("""
        CREATE TABLE mobigo.carpool_run (
            id text NOT NULL CONSTRAINT carpool_run_pkey PRIMARY KEY,
            driver text NOT NULL CONSTRAINT carpool_run_driver_fkey REFERENCES mobigo.carpool_person,
            seats integer NOT NULL,
            state text NOT NULL,
            service_date date NOT NULL,
            departs_at timestamptz NOT NULL,
            ends_at timestamptz NOT NULL,
            line text,
            direction smallint,
            regular text CONSTRAINT carpool_run_regular_fkey REFERENCES mobigo.carpool_regular,
            spontaneous boolean NOT NULL DEFAULT false,
            plate text,
            confirms boolean NOT NULL DEFAULT true,
            position geometry(Point, 4326),
            position_at timestamptz,
            started_at timestamptz,
            ended_at timestamptz,
            delay integer NOT NULL DEFAULT 0,
            made_at timestamptz NOT NULL,
            revision bigint NOT NULL,
            CONSTRAINT carpool_run_seats_check CHECK (seats BETWEEN 1 AND 8),
            CONSTRAINT carpool_run_state_check CHECK (state IN ('planned', 'driving', 'ended', 'cancelled')),
            CONSTRAINT carpool_run_line_check CHECK ((line IS NULL) = (direction IS NULL)),
            CONSTRAINT carpool_run_direction_check CHECK (direction IN (0, 1)),
            CONSTRAINT carpool_run_ends_at_check CHECK (ends_at > departs_at),
            CONSTRAINT carpool_run_started_at_check CHECK (state <> 'driving' OR started_at IS NOT NULL),
            CONSTRAINT carpool_run_ended_at_check CHECK (state <> 'ended' OR ended_at IS NOT NULL),
            CONSTRAINT carpool_run_regular_service_date_key UNIQUE (regular, service_date)
        )
    """)
    op.execute("CREATE INDEX carpool_run_driver_index ON mobigo.carpool_run (driver, departs_at)")
    op.execute("CREATE INDEX carpool_run_line_index ON mobigo.carpool_run (line, departs_at)")
    op.execute("CREATE INDEX carpool_run_departs_at_index ON mobigo.carpool_run (departs_at)")
    op.execute("CREATE INDEX carpool_run_revision_index ON mobigo.carpool_run (revision)")
    op.execute("""
        CREATE INDEX carpool_run_open_index ON mobigo.carpool_run (ends_at) WHERE state IN ('planned', 'driving')
    """)
    op.execute("""
        CREATE TABLE mobigo.carpool_run_stop (
            id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT carpool_run_stop_pkey PRIMARY KEY,
            run text NOT NULL CONSTRAINT carpool_run_stop_run_fkey REFERENCES mobigo.carpool_run,
            position integer NOT NULL,
            name text NOT NULL,
            point geometry(Point, 4326) NOT NULL,
            metres integer NOT NULL,
            planned_at timestamptz NOT NULL,
            latest timestamptz NOT NULL,
            dwell integer NOT NULL DEFAULT 0,
            line_stop text,
            passed_at timestamptz,
            driver_latest timestamptz,
            CONSTRAINT carpool_run_stop_run_position_key UNIQUE (run, position) DEFERRABLE INITIALLY DEFERRED,
            CONSTRAINT carpool_run_stop_run_id_key UNIQUE (run, id),
            CONSTRAINT carpool_run_stop_metres_check CHECK (metres >= 0),
            CONSTRAINT carpool_run_stop_latest_check CHECK (latest >= planned_at)
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.carpool_revision (
            id boolean NOT NULL DEFAULT true CONSTRAINT carpool_revision_pkey PRIMARY KEY,
            value bigint NOT NULL,
            CONSTRAINT carpool_revision_id_check CHECK (id)
        )
    """)
    op.execute("INSERT INTO mobigo.carpool_revision (value) VALUES (0)")


def _bookings() -> None:
    op.execute("""
        CREATE TABLE mobigo.carpool_booking (
            id text NOT NULL CONSTRAINT carpool_booking_pkey PRIMARY KEY,
            run text NOT NULL CONSTRAINT carpool_booking_run_fkey REFERENCES mobigo.carpool_run,
            passenger text CONSTRAINT carpool_booking_passenger_fkey REFERENCES mobigo.carpool_person,
            operator text,
            foreign_passenger text,
            seats integer NOT NULL,
            board bigint NOT NULL,
            alight bigint NOT NULL,
            state text NOT NULL,
            cents integer NOT NULL,
            note text NOT NULL DEFAULT '',
            made_at timestamptz NOT NULL,
            board_at timestamptz,
            alight_at timestamptz,
            boarded_at timestamptz,
            alighted_at timestamptz,
            proof text,
            reason text,
            revision bigint NOT NULL,
            CONSTRAINT carpool_booking_seats_check CHECK (seats BETWEEN 1 AND 8),
            CONSTRAINT carpool_booking_cents_check CHECK (cents >= 0),
            CONSTRAINT carpool_booking_passenger_check CHECK ((passenger IS NULL) = (operator IS NOT NULL)),
            CONSTRAINT carpool_booking_board_fkey FOREIGN KEY (run, board)
                REFERENCES mobigo.carpool_run_stop (run, id) DEFERRABLE INITIALLY DEFERRED,
            CONSTRAINT carpool_booking_alight_fkey FOREIGN KEY (run, alight)
                REFERENCES mobigo.carpool_run_stop (run, id) DEFERRABLE INITIALLY DEFERRED,
            CONSTRAINT carpool_booking_state_check CHECK (state IN (
                'WAITING_CONFIRMATION', 'CONFIRMED', 'CANCELLED', 'COMPLETED_PENDING_VALIDATION', 'VALIDATED'
            )),
            CONSTRAINT carpool_booking_proof_check CHECK (proof IN ('A', 'B', 'C'))
        )
    """)
    op.execute("CREATE INDEX carpool_booking_run_index ON mobigo.carpool_booking (run)")
    op.execute("CREATE INDEX carpool_booking_passenger_index ON mobigo.carpool_booking (passenger, made_at)")
    op.execute("CREATE INDEX carpool_booking_revision_index ON mobigo.carpool_booking (revision)")
    op.execute("""
        CREATE INDEX carpool_booking_unanswered_index ON mobigo.carpool_booking (run)
        WHERE state = 'WAITING_CONFIRMATION'
    """)
    op.execute("""
        CREATE TABLE mobigo.carpool_waiting (
            id text NOT NULL CONSTRAINT carpool_waiting_pkey PRIMARY KEY,
            line text NOT NULL,
            direction smallint NOT NULL,
            stop text NOT NULL,
            destination text NOT NULL,
            seats integer NOT NULL,
            passenger text NOT NULL CONSTRAINT carpool_waiting_passenger_fkey REFERENCES mobigo.carpool_person,
            since timestamptz NOT NULL,
            promised_until timestamptz,
            state text NOT NULL,
            run text CONSTRAINT carpool_waiting_run_fkey REFERENCES mobigo.carpool_run,
            booking text CONSTRAINT carpool_waiting_booking_fkey REFERENCES mobigo.carpool_booking,
            taxi_ordered_at timestamptz,
            ended_at timestamptz,
            CONSTRAINT carpool_waiting_direction_check CHECK (direction IN (0, 1)),
            CONSTRAINT carpool_waiting_seats_check CHECK (seats BETWEEN 1 AND 8),
            CONSTRAINT carpool_waiting_state_check CHECK (state IN ('waiting', 'picked_up', 'left', 'taxi')),
            CONSTRAINT carpool_waiting_taxi_check CHECK (state <> 'taxi' OR taxi_ordered_at IS NOT NULL)
        )
    """)
    op.execute("""
        CREATE UNIQUE INDEX carpool_waiting_passenger_key ON mobigo.carpool_waiting (passenger) WHERE state = 'waiting'
    """)
    op.execute("CREATE INDEX carpool_waiting_line_index ON mobigo.carpool_waiting (line, direction, since)")
    op.execute("CREATE INDEX carpool_waiting_since_index ON mobigo.carpool_waiting (since) WHERE state = 'waiting'")


def _around() -> None:
    op.execute("""
        CREATE TABLE mobigo.carpool_message (
            id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT carpool_message_pkey PRIMARY KEY,
            run text NOT NULL CONSTRAINT carpool_message_run_fkey REFERENCES mobigo.carpool_run,
            booking text NOT NULL CONSTRAINT carpool_message_booking_fkey REFERENCES mobigo.carpool_booking,
            sender text CONSTRAINT carpool_message_sender_fkey REFERENCES mobigo.carpool_person,
            recipient text CONSTRAINT carpool_message_recipient_fkey REFERENCES mobigo.carpool_person,
            operator text,
            text text,
            at timestamptz NOT NULL,
            read_at timestamptz
        )
    """)
    op.execute("CREATE INDEX carpool_message_run_index ON mobigo.carpool_message (run, id)")
    op.execute("CREATE INDEX carpool_message_at_index ON mobigo.carpool_message (at) WHERE text IS NOT NULL")
    op.execute("""
        CREATE TABLE mobigo.carpool_report (
            id text NOT NULL CONSTRAINT carpool_report_pkey PRIMARY KEY,
            reporter text CONSTRAINT carpool_report_reporter_fkey REFERENCES mobigo.carpool_person,
            reported text CONSTRAINT carpool_report_reported_fkey REFERENCES mobigo.carpool_person,
            run text CONSTRAINT carpool_report_run_fkey REFERENCES mobigo.carpool_run,
            kind text NOT NULL,
            text text,
            at timestamptz NOT NULL,
            state text NOT NULL,
            answer text,
            answered_by text,
            answered_at timestamptz,
            CONSTRAINT carpool_report_state_check CHECK (state IN ('open', 'settled', 'dismissed'))
        )
    """)
    op.execute("CREATE INDEX carpool_report_at_index ON mobigo.carpool_report (at)")
    op.execute("CREATE INDEX carpool_report_reporter_index ON mobigo.carpool_report (reporter)")
    op.execute("""
        CREATE TABLE mobigo.carpool_block (
            person text NOT NULL CONSTRAINT carpool_block_person_fkey REFERENCES mobigo.carpool_person,
            blocked text NOT NULL CONSTRAINT carpool_block_blocked_fkey REFERENCES mobigo.carpool_person,
            at timestamptz NOT NULL,
            CONSTRAINT carpool_block_pkey PRIMARY KEY (person, blocked),
            CONSTRAINT carpool_block_blocked_check CHECK (person <> blocked)
        )
    """)
    op.execute("CREATE INDEX carpool_block_blocked_index ON mobigo.carpool_block (blocked)")
    op.execute("""
        CREATE TABLE mobigo.carpool_history (
            id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT carpool_history_pkey PRIMARY KEY,
            run text CONSTRAINT carpool_history_run_fkey REFERENCES mobigo.carpool_run,
            booking text CONSTRAINT carpool_history_booking_fkey REFERENCES mobigo.carpool_booking,
            at timestamptz NOT NULL,
            what text NOT NULL,
            before text,
            after text,
            by text NOT NULL,
            details jsonb NOT NULL
        )
    """)
    op.execute("CREATE INDEX carpool_history_run_index ON mobigo.carpool_history (run, id)")
    op.execute("CREATE INDEX carpool_history_booking_index ON mobigo.carpool_history (booking, id)")
    op.execute("""
        CREATE TABLE mobigo.carpool_answer (
            owner text NOT NULL,
            key text NOT NULL,
            hash text NOT NULL,
            status integer,
            answer jsonb,
            at timestamptz NOT NULL,
            CONSTRAINT carpool_answer_pkey PRIMARY KEY (owner, key)
        )
    """)
    op.execute("CREATE INDEX carpool_answer_at_index ON mobigo.carpool_answer (at)")


def _proof() -> None:
    op.execute("""
        CREATE INDEX carpool_booking_completed_index ON mobigo.carpool_booking (run)
        WHERE state = 'COMPLETED_PENDING_VALIDATION'
    """)
    op.execute("""
        CREATE TABLE mobigo.carpool_scan (
            person text NOT NULL CONSTRAINT carpool_scan_person_fkey REFERENCES mobigo.carpool_person,
            id text NOT NULL,
            booking text NOT NULL CONSTRAINT carpool_scan_booking_fkey REFERENCES mobigo.carpool_booking,
            shows text NOT NULL,
            moment text NOT NULL,
            scanned_at timestamptz NOT NULL,
            received_at timestamptz NOT NULL,
            device text,
            point geometry(Point, 4326),
            CONSTRAINT carpool_scan_pkey PRIMARY KEY (person, id),
            CONSTRAINT carpool_scan_booking_shows_moment_key UNIQUE (booking, shows, moment),
            CONSTRAINT carpool_scan_shows_check CHECK (shows IN ('p', 'd')),
            CONSTRAINT carpool_scan_moment_check CHECK (moment IN ('board', 'alight'))
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.carpool_fix (
            run text NOT NULL CONSTRAINT carpool_fix_run_fkey REFERENCES mobigo.carpool_run,
            person text NOT NULL CONSTRAINT carpool_fix_person_fkey REFERENCES mobigo.carpool_person,
            at timestamptz NOT NULL,
            point geometry(Point, 4326) NOT NULL,
            device text,
            received_at timestamptz NOT NULL,
            CONSTRAINT carpool_fix_pkey PRIMARY KEY (run, person, at)
        )
    """)
    op.execute("CREATE INDEX carpool_fix_at_index ON mobigo.carpool_fix (at)")
    op.execute("""
        CREATE TABLE mobigo.carpool_journey (
            booking text NOT NULL CONSTRAINT carpool_journey_pkey PRIMARY KEY
                CONSTRAINT carpool_journey_booking_fkey REFERENCES mobigo.carpool_booking,
            run text NOT NULL CONSTRAINT carpool_journey_run_fkey REFERENCES mobigo.carpool_run,
            driver text NOT NULL,
            passenger text,
            operator text,
            driver_key text NOT NULL,
            passenger_key text NOT NULL,
            seats integer NOT NULL,
            cents integer NOT NULL,
            planned_at timestamptz NOT NULL,
            started_at timestamptz NOT NULL,
            ended_at timestamptz NOT NULL,
            origin geometry(Point, 4326) NOT NULL,
            destination geometry(Point, 4326) NOT NULL,
            board_metres integer NOT NULL,
            alight_metres integer NOT NULL,
            proof text NOT NULL,
            proven_at timestamptz NOT NULL,
            validated_at timestamptz,
            struck_at timestamptz,
            CONSTRAINT carpool_journey_ended_at_check CHECK (ended_at > started_at),
            CONSTRAINT carpool_journey_metres_check CHECK (alight_metres > board_metres),
            CONSTRAINT carpool_journey_proof_check CHECK (proof IN ('A', 'B', 'C')),
            CONSTRAINT carpool_journey_driver_key_check CHECK (driver_key ~ '^[0-9a-f]{64}$'),
            CONSTRAINT carpool_journey_passenger_key_check CHECK (passenger_key ~ '^[0-9a-f]{64}$')
        )
    """)
    op.execute("CREATE INDEX carpool_journey_run_index ON mobigo.carpool_journey (run)")
    op.execute("""
        CREATE INDEX carpool_journey_unsettled_index ON mobigo.carpool_journey (run)
        WHERE validated_at IS NULL AND struck_at IS NULL
    """)
    op.execute("CREATE INDEX carpool_journey_proven_at_index ON mobigo.carpool_journey (proven_at)")
    op.execute("CREATE INDEX carpool_journey_started_at_index ON mobigo.carpool_journey (started_at)")
    op.execute("CREATE INDEX carpool_journey_driver_key_index ON mobigo.carpool_journey (driver_key, started_at)")
    op.execute("CREATE INDEX carpool_journey_passenger_key_index ON mobigo.carpool_journey (passenger_key, started_at)")
    op.execute("""
        CREATE TABLE mobigo.carpool_finding (
            id text NOT NULL CONSTRAINT carpool_finding_pkey PRIMARY KEY,
            key text NOT NULL CONSTRAINT carpool_finding_key_key UNIQUE,
            kind text NOT NULL,
            reason text NOT NULL,
            found_at timestamptz NOT NULL,
            state text NOT NULL,
            appeal text,
            appealed_by text CONSTRAINT carpool_finding_appealed_by_fkey REFERENCES mobigo.carpool_person,
            appealed_at timestamptz,
            decision text,
            decided_by text,
            decided_at timestamptz,
            revision integer NOT NULL DEFAULT 1,
            CONSTRAINT carpool_finding_state_check CHECK (state IN ('open', 'appealed', 'dismissed', 'upheld')),
            CONSTRAINT carpool_finding_decided_at_check CHECK (
                (state IN ('dismissed', 'upheld')) = (decided_at IS NOT NULL)
            )
        )
    """)
    op.execute("CREATE INDEX carpool_finding_state_index ON mobigo.carpool_finding (state, found_at)")
    op.execute("""
        CREATE TABLE mobigo.carpool_finding_booking (
            finding text NOT NULL CONSTRAINT carpool_finding_booking_finding_fkey REFERENCES mobigo.carpool_finding,
            booking text NOT NULL CONSTRAINT carpool_finding_booking_booking_fkey REFERENCES mobigo.carpool_booking,
            held boolean NOT NULL,
            CONSTRAINT carpool_finding_booking_pkey PRIMARY KEY (finding, booking)
        )
    """)
    op.execute("CREATE INDEX carpool_finding_booking_index ON mobigo.carpool_finding_booking (booking)")
    op.execute("""
        CREATE TABLE mobigo.carpool_register (
            booking text NOT NULL CONSTRAINT carpool_register_pkey PRIMARY KEY
                CONSTRAINT carpool_register_booking_fkey REFERENCES mobigo.carpool_booking,
            journey text NOT NULL CONSTRAINT carpool_register_journey_key UNIQUE,
            started_at timestamptz NOT NULL,
            document jsonb,
            wanted text NOT NULL,
            state text NOT NULL,
            there boolean NOT NULL DEFAULT false,
            attempts integer NOT NULL DEFAULT 0,
            next_at timestamptz,
            claimed_at timestamptz,
            problem text,
            status text,
            status_at timestamptz,
            labels text[] NOT NULL DEFAULT '{}',
            written_at timestamptz NOT NULL,
            done_at timestamptz,
            revision integer NOT NULL DEFAULT 1,
            CONSTRAINT carpool_register_wanted_check CHECK (wanted IN ('create', 'update', 'cancel', 'status')),
            CONSTRAINT carpool_register_state_check CHECK (
                state IN ('waiting', 'sending', 'done', 'refused', 'withheld', 'failed')
            )
        )
    """)
    op.execute("""
        CREATE INDEX carpool_register_disputed_index ON mobigo.carpool_register (booking)
        WHERE status IN ('anomaly_error', 'fraud_error')
    """)
    op.execute("CREATE INDEX carpool_register_next_at_index ON mobigo.carpool_register (next_at)")
    op.execute("""
        CREATE TABLE mobigo.carpool_register_attempt (
            id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT carpool_register_attempt_pkey PRIMARY KEY,
            booking text NOT NULL CONSTRAINT carpool_register_attempt_booking_fkey
                REFERENCES mobigo.carpool_register ON DELETE CASCADE,
            at timestamptz NOT NULL,
            what text NOT NULL,
            milliseconds integer NOT NULL,
            status integer,
            problem text
        )
    """)
    op.execute("CREATE INDEX carpool_register_attempt_index ON mobigo.carpool_register_attempt (booking, id)")
    op.execute("""
        CREATE TABLE mobigo.carpool_register_pause (
            one boolean NOT NULL DEFAULT true CONSTRAINT carpool_register_pause_pkey PRIMARY KEY,
            until timestamptz NOT NULL,
            because text NOT NULL,
            CONSTRAINT carpool_register_pause_one_check CHECK (one)
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.carpool_open_month (
            month date NOT NULL CONSTRAINT carpool_open_month_pkey PRIMARY KEY,
            file bytea NOT NULL,
            journeys integer NOT NULL,
            published integer NOT NULL,
            made_at timestamptz NOT NULL,
            CONSTRAINT carpool_open_month_month_check CHECK (extract(day FROM month) = 1)
        )
    """)


def _guard_seats() -> None:
    """At the end of a transaction no stretch of a car has more people booked than seats, and all go forwards."""
    op.execute("""
        CREATE FUNCTION mobigo.carpool_check_seats() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            bad record;
            wanted text;
        BEGIN
            IF TG_TABLE_NAME = 'carpool_run' THEN wanted := NEW.id; ELSE wanted := NEW.run; END IF;
            PERFORM 1 FROM mobigo.carpool_run WHERE id = wanted FOR UPDATE;
            SELECT booking.id INTO bad
            FROM mobigo.carpool_booking AS booking
            JOIN mobigo.carpool_run_stop AS board ON board.id = booking.board
            JOIN mobigo.carpool_run_stop AS alight ON alight.id = booking.alight
            WHERE booking.run = wanted AND booking.state <> 'CANCELLED' AND board.position >= alight.position
            LIMIT 1;
            IF FOUND THEN
                RAISE EXCEPTION 'booking % gets off before it gets on', bad.id
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'carpool_booking_goes_forwards';
            END IF;
            SELECT stop.position, run.seats INTO bad
            FROM mobigo.carpool_run AS run
            JOIN mobigo.carpool_run_stop AS stop ON stop.run = run.id
            JOIN mobigo.carpool_booking AS booking ON booking.run = run.id AND booking.state <> 'CANCELLED'
            JOIN mobigo.carpool_run_stop AS board ON board.id = booking.board
            JOIN mobigo.carpool_run_stop AS alight ON alight.id = booking.alight
            WHERE run.id = wanted AND board.position <= stop.position AND stop.position < alight.position
            GROUP BY stop.position, run.seats
            HAVING sum(booking.seats) > run.seats
            LIMIT 1;
            IF FOUND THEN
                RAISE EXCEPTION 'run % has % seats and more are booked after its stop %', wanted, bad.seats,
                    bad.position USING ERRCODE = 'check_violation', CONSTRAINT = 'carpool_run_has_seats';
            END IF;
            RETURN NULL;
        END
        $$
    """)
    for table, when in (
        ("carpool_booking", "INSERT OR UPDATE OF run, seats, board, alight, state"),
        ("carpool_run_stop", "UPDATE OF position"),
        ("carpool_run", "UPDATE OF seats"),
    ):
        op.execute(f"""
            CREATE CONSTRAINT TRIGGER {table}_seats AFTER {when} ON mobigo.{table}
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mobigo.carpool_check_seats()
        """)


def _guard_history() -> None:
    op.execute("""
        CREATE FUNCTION mobigo.carpool_keep_history() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'what happened is not rewritten'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'carpool_history_stands';
        END
        $$
    """)
    op.execute("""
        CREATE TRIGGER carpool_history_stands BEFORE UPDATE OR DELETE ON mobigo.carpool_history
        FOR EACH ROW EXECUTE FUNCTION mobigo.carpool_keep_history()
    """)


def _money() -> None:
    """What the rules are, what each run is paid by them, and what was sent to whom."""
    op.execute("""
        CREATE TABLE mobigo.carpool_policy (
            id text NOT NULL,
            revision integer NOT NULL,
            document jsonb,
            withdrawn boolean NOT NULL DEFAULT false,
            written_by text NOT NULL,
            written_at timestamptz NOT NULL,
            CONSTRAINT carpool_policy_pkey PRIMARY KEY (id, revision),
            CONSTRAINT carpool_policy_revision_check CHECK (revision > 0),
            CONSTRAINT carpool_policy_withdrawn_check CHECK (NOT (withdrawn AND document IS NOT NULL))
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.carpool_bank (
            person text NOT NULL CONSTRAINT carpool_bank_pkey PRIMARY KEY
                CONSTRAINT carpool_bank_person_fkey REFERENCES mobigo.carpool_person,
            sealed bytea NOT NULL,
            masked text NOT NULL,
            changed_at timestamptz NOT NULL
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.carpool_month (
            month date NOT NULL CONSTRAINT carpool_month_pkey PRIMARY KEY,
            closed_at timestamptz NOT NULL,
            closed_by text NOT NULL,
            execution date NOT NULL,
            payer text NOT NULL,
            payer_iban text NOT NULL,
            runs integer NOT NULL,
            cents bigint NOT NULL,
            CONSTRAINT carpool_month_month_check CHECK (extract(day FROM month) = 1)
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.carpool_payout (
            id text NOT NULL CONSTRAINT carpool_payout_pkey PRIMARY KEY,
            month date NOT NULL CONSTRAINT carpool_payout_month_fkey REFERENCES mobigo.carpool_month,
            person text NOT NULL CONSTRAINT carpool_payout_person_fkey REFERENCES mobigo.carpool_person,
            cents bigint NOT NULL,
            sealed bytea NOT NULL,
            masked text NOT NULL,
            returned_at timestamptz,
            returned_because text,
            CONSTRAINT carpool_payout_month_person_key UNIQUE (month, person),
            CONSTRAINT carpool_payout_cents_check CHECK (cents > 0),
            CONSTRAINT carpool_payout_returned_check CHECK ((returned_at IS NULL) = (returned_because IS NULL))
        )
    """)
    op.execute("CREATE INDEX carpool_payout_person_index ON mobigo.carpool_payout (person)")
    op.execute("""
        CREATE TABLE mobigo.carpool_award (
            run text NOT NULL CONSTRAINT carpool_award_run_fkey REFERENCES mobigo.carpool_run,
            number smallint NOT NULL,
            person text NOT NULL CONSTRAINT carpool_award_person_fkey REFERENCES mobigo.carpool_person,
            month date CONSTRAINT carpool_award_month_fkey REFERENCES mobigo.carpool_month
                DEFERRABLE INITIALLY DEFERRED,
            service_date date NOT NULL,
            cents integer NOT NULL,
            metres integer NOT NULL,
            seats integer NOT NULL,
            fares integer NOT NULL,
            derogated boolean NOT NULL,
            steps jsonb NOT NULL,
            payout text CONSTRAINT carpool_award_payout_fkey REFERENCES mobigo.carpool_payout
                DEFERRABLE INITIALLY DEFERRED,
            made_by text NOT NULL,
            made_at timestamptz NOT NULL,
            CONSTRAINT carpool_award_pkey PRIMARY KEY (run, number),
            CONSTRAINT carpool_award_number_check CHECK (number >= 0),
            CONSTRAINT carpool_award_cents_check CHECK (cents >= 0 OR number > 0),
            CONSTRAINT carpool_award_paid_check CHECK (payout IS NULL OR month IS NOT NULL)
        )
    """)
    op.execute("CREATE INDEX carpool_award_person_index ON mobigo.carpool_award (person, service_date)")
    op.execute("CREATE INDEX carpool_award_month_index ON mobigo.carpool_award (month)")
    op.execute("CREATE INDEX carpool_award_payout_index ON mobigo.carpool_award (payout)")
    op.execute("CREATE INDEX carpool_award_unpaid_index ON mobigo.carpool_award (person) WHERE payout IS NULL")
    op.execute("""
        CREATE TABLE mobigo.carpool_counter (
            policy text NOT NULL,
            counter text NOT NULL,
            period text NOT NULL,
            scope text NOT NULL,
            person text NOT NULL,
            key text NOT NULL,
            value bigint NOT NULL,
            CONSTRAINT carpool_counter_pkey PRIMARY KEY (policy, counter, period, scope, person, key)
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.carpool_certificate (
            id text NOT NULL CONSTRAINT carpool_certificate_pkey PRIMARY KEY,
            person text NOT NULL CONSTRAINT carpool_certificate_person_fkey REFERENCES mobigo.carpool_person,
            first date NOT NULL,
            last date NOT NULL,
            figures jsonb NOT NULL,
            made_at timestamptz NOT NULL,
            CONSTRAINT carpool_certificate_last_check CHECK (last >= first)
        )
    """)
    op.execute("CREATE INDEX carpool_certificate_person_index ON mobigo.carpool_certificate (person)")
    op.execute("""
        INSERT INTO mobigo.ledger_account (code, kind, name) VALUES
            ('carpool_incentives', 'expense', 'Incitations au covoiturage'),
            ('carpool_drivers', 'liability', 'Conducteurs de covoiturage')
        ON CONFLICT DO NOTHING
    """)


def _guard_money() -> None:
    """A payout is what its runs are paid, to the cent; what a run is paid is not rewritten."""
    op.execute("""
        CREATE FUNCTION mobigo.carpool_check_payout() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            wanted text[];
            bad record;
        BEGIN
            IF TG_TABLE_NAME = 'carpool_payout' THEN
                wanted := ARRAY[NEW.id];
            ELSE
                wanted := ARRAY[OLD.payout, NEW.payout];
            END IF;
            SELECT payout.id, payout.cents, coalesce(sum(award.cents), 0) AS found INTO bad
            FROM mobigo.carpool_payout AS payout
            LEFT JOIN mobigo.carpool_award AS award ON award.payout = payout.id
            WHERE payout.id = ANY (wanted) AND payout.returned_at IS NULL
            GROUP BY payout.id HAVING payout.cents <> coalesce(sum(award.cents), 0) LIMIT 1;
            IF FOUND THEN
                RAISE EXCEPTION 'payout % is of % cents, its runs are paid %', bad.id, bad.cents, bad.found
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'carpool_payout_is_its_runs';
            END IF;
            RETURN NULL;
        END
        $$
    """)
    op.execute("""
        CREATE CONSTRAINT TRIGGER carpool_payout_is_its_runs AFTER INSERT OR UPDATE ON mobigo.carpool_payout
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mobigo.carpool_check_payout()
    """)
    op.execute("""
        CREATE CONSTRAINT TRIGGER carpool_award_is_paid_whole AFTER UPDATE OF payout ON mobigo.carpool_award
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mobigo.carpool_check_payout()
    """)
    op.execute("""
        CREATE FUNCTION mobigo.carpool_keep_award() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'what run % is paid stands; write a correction', OLD.run
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'carpool_award_stands';
        END
        $$
    """)
    op.execute("""
        CREATE TRIGGER carpool_award_stands
        BEFORE DELETE OR UPDATE OF run, number, person, service_date, cents, metres, seats, fares, derogated,
            steps, made_by, made_at
        ON mobigo.carpool_award FOR EACH ROW EXECUTE FUNCTION mobigo.carpool_keep_award()
    """)


def _standard() -> None:
    """Other operators (Standard Covoiturage): who they are, what is booked with them, and what they are to be told."""
    op.execute("""
        CREATE TABLE mobigo.carpool_operator (
            id text NOT NULL CONSTRAINT carpool_operator_pkey PRIMARY KEY,
            name text NOT NULL,
            key_hash text CONSTRAINT carpool_operator_key_hash_key UNIQUE,
            address text,
            their_key text,
            searched boolean NOT NULL DEFAULT false,
            enabled boolean NOT NULL DEFAULT true,
            written_by text NOT NULL,
            made_at timestamptz NOT NULL,
            revision integer NOT NULL DEFAULT 1,
            failing_since timestamptz,
            problem text,
            rests_until timestamptz,
            CONSTRAINT carpool_operator_searched_check CHECK (NOT searched OR address IS NOT NULL)
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.carpool_standard_booking (
            id text NOT NULL CONSTRAINT carpool_standard_booking_pkey PRIMARY KEY,
            operator text NOT NULL CONSTRAINT carpool_standard_booking_operator_fkey REFERENCES mobigo.carpool_operator,
            ours text NOT NULL,
            person text CONSTRAINT carpool_standard_booking_person_fkey REFERENCES mobigo.carpool_person,
            begun_here boolean NOT NULL,
            document jsonb,
            status text NOT NULL,
            state text NOT NULL,
            told text,
            pickup_at timestamptz NOT NULL,
            made_at timestamptz NOT NULL,
            changed_at timestamptz NOT NULL,
            CONSTRAINT carpool_standard_booking_ours_check CHECK (ours IN ('driver', 'passenger')),
            CONSTRAINT carpool_standard_booking_status_check CHECK (status IN (
                'WAITING_CONFIRMATION', 'CONFIRMED', 'CANCELLED', 'COMPLETED_PENDING_VALIDATION', 'VALIDATED'
            ))
        )
    """)
    op.execute("""
        CREATE INDEX carpool_standard_booking_open_index ON mobigo.carpool_standard_booking (operator)
        WHERE state NOT IN ('CANCELLED', 'VALIDATED')
    """)
    op.execute("CREATE INDEX carpool_standard_booking_person_index ON mobigo.carpool_standard_booking (person)")
    op.execute("CREATE INDEX carpool_standard_booking_pickup_at_index ON mobigo.carpool_standard_booking (pickup_at)")
    op.execute("""
        CREATE TABLE mobigo.carpool_standard_event (
            operator text NOT NULL CONSTRAINT carpool_standard_event_operator_fkey REFERENCES mobigo.carpool_operator,
            id text NOT NULL,
            booking text NOT NULL,
            hash text NOT NULL,
            at timestamptz NOT NULL,
            CONSTRAINT carpool_standard_event_pkey PRIMARY KEY (operator, id)
        )
    """)
    op.execute("CREATE INDEX carpool_standard_event_at_index ON mobigo.carpool_standard_event (at)")
    op.execute("""
        CREATE TABLE mobigo.carpool_standard_link (
            person text NOT NULL CONSTRAINT carpool_standard_link_person_fkey REFERENCES mobigo.carpool_person,
            operator text NOT NULL CONSTRAINT carpool_standard_link_operator_fkey REFERENCES mobigo.carpool_operator,
            id_token text NOT NULL,
            at timestamptz NOT NULL,
            told bigint NOT NULL,
            CONSTRAINT carpool_standard_link_pkey PRIMARY KEY (person, operator)
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.carpool_standard_call (
            id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT carpool_standard_call_pkey PRIMARY KEY,
            operator text NOT NULL CONSTRAINT carpool_standard_call_operator_fkey REFERENCES mobigo.carpool_operator,
            key text NOT NULL CONSTRAINT carpool_standard_call_key_key UNIQUE,
            about text NOT NULL,
            method text NOT NULL,
            path text NOT NULL,
            body jsonb,
            at timestamptz NOT NULL,
            state text NOT NULL,
            attempts integer NOT NULL DEFAULT 0,
            next_at timestamptz,
            claimed_at timestamptz,
            done_at timestamptz,
            status integer,
            problem text,
            CONSTRAINT carpool_standard_call_state_check CHECK (state IN ('waiting', 'sending', 'done', 'failed')),
            CONSTRAINT carpool_standard_call_next_at_check CHECK ((state = 'waiting') = (next_at IS NOT NULL))
        )
    """)
    op.execute("""
        CREATE INDEX carpool_standard_call_next_at_index ON mobigo.carpool_standard_call (next_at)
        WHERE state = 'waiting'
    """)
    op.execute("CREATE INDEX carpool_standard_call_about_index ON mobigo.carpool_standard_call (about)")


def downgrade() -> None:
    """Drop the tables and their functions; accounts that were posted to stay."""
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE mobigo.{table} CASCADE")
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION mobigo.{function}()")
