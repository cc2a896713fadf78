"""On-demand transport: services, vehicles and their runs, bookings and what has become of them.

Why: a promise made to a traveller is kept by the database too, whoever writes to it. A planned time is never outside
what was promised; at the end of a transaction every run it changed is checked as a whole (order, room in the vehicle,
longest rides, both ends of every ride), and every ride that is to take place has a run; what has happened is never
rewritten. Readers keep a copy of the runs in memory and ask for the one number in `ondemand_revision`.

Old code: knows none of these tables and still runs. Locks: none on tables that hold data.

Columns are documented in `mobigo.ondemand.services_store`, `mobigo.ondemand.fleet_store` and `mobigo.ondemand.store`.

Revision ID: 0007_ondemand
Revises: 0006_access
"""

from __future__ import annotations

from alembic import op

revision = "0007_ondemand"
down_revision = "0006_access"
branch_labels = None
depends_on = None

TABLES = (
    "ondemand_service",
    "ondemand_operator",
    "ondemand_vehicle",
    "ondemand_run",
    "ondemand_series",
    "ondemand_booking",
    "ondemand_leg",
    "ondemand_event",
    "ondemand_history",
    "ondemand_series_day",
    "ondemand_absence",
    "ondemand_refusal",
    "ondemand_answer",
    "ondemand_revision",
)
"""In the order in which they are made."""

FUNCTIONS = ("ondemand_touch_runs", "ondemand_check_run", "ondemand_check_leg", "ondemand_keep_history")


def upgrade() -> None:
    """Create the tables, empty, and the triggers that guard them."""
    _services()
    _fleet()
    _bookings()
    _records()
    _guard_runs()
    _guard_legs()
    _guard_history()


def _services() -> None:
    op.execute("""
        CREATE TABLE mobigo.ondemand_service (
            id text NOT NULL,
            revision integer NOT NULL,
            document jsonb,
            withdrawn boolean NOT NULL DEFAULT false,
            written_by text NOT NULL,
            written_at timestamptz NOT NULL,
            CONSTRAINT ondemand_service_pkey PRIMARY KEY (id, revision),
            CONSTRAINT ondemand_service_revision_check CHECK (revision > 0),
            CONSTRAINT ondemand_service_withdrawn_check CHECK (NOT (withdrawn AND document IS NOT NULL))
        )
    """)


def _fleet() -> None:
    op.execute("""
        CREATE TABLE mobigo.ondemand_operator (
            id text NOT NULL CONSTRAINT ondemand_operator_pkey PRIMARY KEY,
            name text NOT NULL,
            phone text,
            email text,
            taxi_phone text,
            timezone text NOT NULL DEFAULT 'Europe/Paris',
            revision integer NOT NULL DEFAULT 1,
            written_by text NOT NULL,
            written_at timestamptz NOT NULL
        )
    """)
    op.execute("""
        CREATE TABLE mobigo.ondemand_vehicle (
            id text NOT NULL CONSTRAINT ondemand_vehicle_pkey PRIMARY KEY,
            operator text NOT NULL CONSTRAINT ondemand_vehicle_operator_fkey REFERENCES mobigo.ondemand_operator,
            name text NOT NULL,
            room integer[] NOT NULL,
            seats_per_wheelchair integer NOT NULL,
            luggage_on_seats boolean NOT NULL,
            child_seats_on_seats boolean NOT NULL,
            depot geometry(Point, 4326) NOT NULL,
            services text[] NOT NULL,
            shifts jsonb NOT NULL,
            drivers text[] NOT NULL DEFAULT '{}',
            active boolean NOT NULL DEFAULT true,
            revision integer NOT NULL DEFAULT 1,
            written_by text NOT NULL,
            written_at timestamptz NOT NULL,
            CONSTRAINT ondemand_vehicle_room_check
                CHECK (array_length(room, 1) = 5 AND 0 <= ALL (room) AND room[1] + room[2] > 0),
            CONSTRAINT ondemand_vehicle_seats_per_wheelchair_check CHECK (seats_per_wheelchair >= 0)
        )
    """)
    op.execute("CREATE INDEX ondemand_vehicle_operator_index ON mobigo.ondemand_vehicle (operator)")
    op.execute("""
        CREATE TABLE mobigo.ondemand_run (
            id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT ondemand_run_pkey PRIMARY KEY,
            vehicle text NOT NULL CONSTRAINT ondemand_run_vehicle_fkey REFERENCES mobigo.ondemand_vehicle,
            operator text NOT NULL CONSTRAINT ondemand_run_operator_fkey REFERENCES mobigo.ondemand_operator,
            services text[] NOT NULL,
            room integer[] NOT NULL,
            seats_per_wheelchair integer NOT NULL,
            luggage_on_seats boolean NOT NULL,
            child_seats_on_seats boolean NOT NULL,
            depot geometry(Point, 4326) NOT NULL,
            day date NOT NULL,
            starts timestamptz NOT NULL,
            ends timestamptz NOT NULL,
            revision bigint NOT NULL,
            touched bigint,
            CONSTRAINT ondemand_run_vehicle_starts_key UNIQUE (vehicle, starts),
            CONSTRAINT ondemand_run_ends_check CHECK (ends > starts),
            CONSTRAINT ondemand_run_room_check
                CHECK (array_length(room, 1) = 5 AND 0 <= ALL (room) AND room[1] + room[2] > 0)
        )
    """)
    op.execute("CREATE INDEX ondemand_run_operator_day_index ON mobigo.ondemand_run (operator, day)")
    op.execute("CREATE INDEX ondemand_run_revision_index ON mobigo.ondemand_run (revision)")
    op.execute("CREATE INDEX ondemand_run_ends_index ON mobigo.ondemand_run (ends)")
    op.execute("""
        CREATE TABLE mobigo.ondemand_revision (
            id boolean NOT NULL DEFAULT true CONSTRAINT ondemand_revision_pkey PRIMARY KEY,
            value bigint NOT NULL,
            CONSTRAINT ondemand_revision_id_check CHECK (id)
        )
    """)
    op.execute("INSERT INTO mobigo.ondemand_revision (value) VALUES (0)")


def _bookings() -> None:
    op.execute("""
        CREATE TABLE mobigo.ondemand_series (
            id text NOT NULL CONSTRAINT ondemand_series_pkey PRIMARY KEY,
            account text,
            person text[] NOT NULL,
            name text,
            phone text,
            email text,
            language text NOT NULL,
            wish jsonb NOT NULL,
            weekdays boolean[] NOT NULL,
            first date NOT NULL,
            last date NOT NULL,
            made_by text NOT NULL,
            made_at timestamptz NOT NULL,
            ended_at timestamptz,
            forgotten_at timestamptz,
            CONSTRAINT ondemand_series_weekdays_check CHECK (array_length(weekdays, 1) = 7 AND true = ANY (weekdays)),
            CONSTRAINT ondemand_series_last_check CHECK (last >= first)
        )
    """)
    op.execute("CREATE INDEX ondemand_series_account_index ON mobigo.ondemand_series (account)")
    op.execute("""
        CREATE TABLE mobigo.ondemand_booking (
            id text NOT NULL CONSTRAINT ondemand_booking_pkey PRIMARY KEY,
            reference text NOT NULL CONSTRAINT ondemand_booking_reference_key UNIQUE,
            account text,
            person text[] NOT NULL,
            name text,
            phone text,
            email text,
            language text NOT NULL,
            party jsonb NOT NULL,
            note text NOT NULL,
            journey text,
            series text CONSTRAINT ondemand_booking_series_fkey REFERENCES mobigo.ondemand_series,
            return_of text CONSTRAINT ondemand_booking_return_of_fkey REFERENCES mobigo.ondemand_booking,
            made_by text NOT NULL,
            made_at timestamptz NOT NULL,
            revision integer NOT NULL DEFAULT 1,
            forgotten_at timestamptz
        )
    """)
    op.execute("CREATE INDEX ondemand_booking_account_index ON mobigo.ondemand_booking (account)")
    op.execute("CREATE INDEX ondemand_booking_phone_index ON mobigo.ondemand_booking (phone)")
    op.execute("CREATE INDEX ondemand_booking_series_index ON mobigo.ondemand_booking (series)")
    op.execute("CREATE INDEX ondemand_booking_person_index ON mobigo.ondemand_booking USING gin (person)")
    op.execute("""
        CREATE TABLE mobigo.ondemand_leg (
            id text NOT NULL CONSTRAINT ondemand_leg_pkey PRIMARY KEY,
            booking text NOT NULL CONSTRAINT ondemand_leg_booking_fkey REFERENCES mobigo.ondemand_booking,
            number integer NOT NULL,
            service text NOT NULL,
            operator text NOT NULL CONSTRAINT ondemand_leg_operator_fkey REFERENCES mobigo.ondemand_operator,
            trip text NOT NULL,
            service_date date NOT NULL,
            origin jsonb NOT NULL,
            destination jsonb NOT NULL,
            pickup_from timestamptz NOT NULL,
            pickup_until timestamptz NOT NULL,
            drop_off_from timestamptz,
            drop_off_until timestamptz NOT NULL,
            shifted integer NOT NULL DEFAULT 0,
            longest_ride integer NOT NULL,
            dwell integer NOT NULL,
            party jsonb NOT NULL,
            load integer[] NOT NULL,
            bookable_until timestamptz NOT NULL,
            cancel_until timestamptz NOT NULL,
            cents integer,
            late_cancel_cents integer NOT NULL,
            no_show_cents integer NOT NULL,
            pin jsonb,
            state text NOT NULL,
            run bigint CONSTRAINT ondemand_leg_run_fkey REFERENCES mobigo.ondemand_run,
            hold_until timestamptz,
            locked boolean NOT NULL DEFAULT false,
            CONSTRAINT ondemand_leg_booking_number_key UNIQUE (booking, number),
            CONSTRAINT ondemand_leg_pickup_check CHECK (pickup_until >= pickup_from),
            CONSTRAINT ondemand_leg_drop_off_check CHECK (drop_off_until > pickup_from),
            CONSTRAINT ondemand_leg_load_check CHECK (
                array_length(load, 1) = 5 AND 0 <= ALL (load) AND load[1] + load[2] + load[5] > 0
            ),
            CONSTRAINT ondemand_leg_shifted_check CHECK (shifted >= 0),
            CONSTRAINT ondemand_leg_state_check CHECK (state IN (
                'held', 'confirmed', 'assigned', 'en_route', 'arrived', 'on_board', 'completed',
                'cancelled_by_user', 'cancelled_by_operator', 'no_show', 'failed'
            )),
            CONSTRAINT ondemand_leg_hold_until_check CHECK ((state = 'held') = (hold_until IS NOT NULL)),
            CONSTRAINT ondemand_leg_run_check CHECK (
                run IS NOT NULL OR state NOT IN ('held', 'confirmed', 'assigned', 'en_route', 'arrived', 'on_board')
            )
        )
    """)
    op.execute("CREATE INDEX ondemand_leg_run_index ON mobigo.ondemand_leg (run)")
    op.execute("CREATE INDEX ondemand_leg_hold_until_index ON mobigo.ondemand_leg (hold_until) WHERE state = 'held'")
    op.execute("CREATE INDEX ondemand_leg_pickup_from_index ON mobigo.ondemand_leg (pickup_from)")
    op.execute("""
        CREATE TABLE mobigo.ondemand_event (
            run bigint NOT NULL CONSTRAINT ondemand_event_run_fkey REFERENCES mobigo.ondemand_run ON DELETE CASCADE,
            position integer NOT NULL,
            kind text NOT NULL,
            name text NOT NULL,
            point geometry(Point, 4326) NOT NULL,
            stop_id text,
            earliest timestamptz NOT NULL,
            latest timestamptz NOT NULL,
            arrival timestamptz NOT NULL,
            departure timestamptz NOT NULL,
            dwell integer NOT NULL,
            leg text CONSTRAINT ondemand_event_leg_fkey REFERENCES mobigo.ondemand_leg DEFERRABLE INITIALLY DEFERRED,
            load integer[] NOT NULL,
            done boolean NOT NULL DEFAULT false,
            CONSTRAINT ondemand_event_pkey PRIMARY KEY (run, position) DEFERRABLE INITIALLY DEFERRED,
            CONSTRAINT ondemand_event_kind_check CHECK (kind IN ('pickup', 'drop_off', 'break')),
            CONSTRAINT ondemand_event_leg_check CHECK ((kind = 'break') = (leg IS NULL)),
            CONSTRAINT ondemand_event_load_check CHECK (array_length(load, 1) = 5),
            CONSTRAINT ondemand_event_dwell_check CHECK (dwell >= 0),
            CONSTRAINT ondemand_event_latest_check CHECK (done OR arrival <= latest),
            CONSTRAINT ondemand_event_earliest_check CHECK (done OR departure >= earliest),
            CONSTRAINT ondemand_event_departure_check CHECK (departure >= arrival)
        )
    """)
    op.execute("CREATE INDEX ondemand_event_leg_index ON mobigo.ondemand_event (leg)")


def _records() -> None:
    op.execute("""
        CREATE TABLE mobigo.ondemand_history (
            id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT ondemand_history_pkey PRIMARY KEY,
            booking text NOT NULL CONSTRAINT ondemand_history_booking_fkey REFERENCES mobigo.ondemand_booking,
            leg text CONSTRAINT ondemand_history_leg_fkey REFERENCES mobigo.ondemand_leg,
            at timestamptz NOT NULL,
            what text NOT NULL,
            before text,
            after text,
            by text NOT NULL,
            details jsonb NOT NULL
        )
    """)
    op.execute("CREATE INDEX ondemand_history_booking_index ON mobigo.ondemand_history (booking, id)")
    op.execute("""
        CREATE TABLE mobigo.ondemand_series_day (
            series text NOT NULL CONSTRAINT ondemand_series_day_series_fkey REFERENCES mobigo.ondemand_series,
            day date NOT NULL,
            state text NOT NULL,
            reason text,
            booking text CONSTRAINT ondemand_series_day_booking_fkey REFERENCES mobigo.ondemand_booking,
            try_at timestamptz,
            CONSTRAINT ondemand_series_day_pkey PRIMARY KEY (series, day),
            CONSTRAINT ondemand_series_day_state_check
                CHECK (state IN ('booked', 'waiting', 'refused', 'left_out')),
            CONSTRAINT ondemand_series_day_booking_check CHECK ((state = 'booked') = (booking IS NOT NULL)),
            CONSTRAINT ondemand_series_day_try_at_check CHECK ((state = 'waiting') = (try_at IS NOT NULL))
        )
    """)
    op.execute("CREATE INDEX ondemand_series_day_try_at_index ON mobigo.ondemand_series_day (try_at)")
    op.execute("""
        CREATE TABLE mobigo.ondemand_absence (
            leg text NOT NULL CONSTRAINT ondemand_absence_pkey PRIMARY KEY
                CONSTRAINT ondemand_absence_leg_fkey REFERENCES mobigo.ondemand_leg,
            person text[] NOT NULL,
            service text NOT NULL,
            at timestamptz NOT NULL,
            pardoned_by text,
            pardoned_at timestamptz,
            pardon text
        )
    """)
    op.execute("CREATE INDEX ondemand_absence_person_index ON mobigo.ondemand_absence USING gin (person)")
    op.execute("""
        CREATE TABLE mobigo.ondemand_refusal (
            id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT ondemand_refusal_pkey PRIMARY KEY,
            at timestamptz NOT NULL,
            service text,
            reason text NOT NULL,
            wanted timestamptz,
            persons integer,
            load integer[],
            origin_stop text,
            destination_stop text
        )
    """)
    op.execute("CREATE INDEX ondemand_refusal_at_index ON mobigo.ondemand_refusal (at)")
    op.execute("""
        CREATE TABLE mobigo.ondemand_answer (
            owner text NOT NULL,
            key text NOT NULL,
            hash text NOT NULL,
            status integer,
            answer jsonb,
            at timestamptz NOT NULL,
            CONSTRAINT ondemand_answer_pkey PRIMARY KEY (owner, key)
        )
    """)
    op.execute("CREATE INDEX ondemand_answer_at_index ON mobigo.ondemand_answer (at)")


def _guard_runs() -> None:
    """Check each run whose events changed, once, at the end of the transaction."""
    op.execute("""
        CREATE FUNCTION mobigo.ondemand_touch_runs() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            UPDATE mobigo.ondemand_run SET touched = txid_current()
            WHERE id IN (SELECT run FROM changed) AND touched IS DISTINCT FROM txid_current();
            RETURN NULL;
        END
        $$
    """)
    for change, table in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("UPDATE", "OLD"), ("DELETE", "OLD")):
        op.execute(f"""
            CREATE TRIGGER ondemand_event_{change.lower()}_{table.lower()} AFTER {change} ON mobigo.ondemand_event
            REFERENCING {table} TABLE AS changed
            FOR EACH STATEMENT EXECUTE FUNCTION mobigo.ondemand_touch_runs()
        """)
    op.execute("""
        CREATE FUNCTION mobigo.ondemand_check_run() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            bad record;
        BEGIN
            SELECT later.* INTO bad FROM (
                SELECT event.*, run.starts, run.ends, run.room, run.seats_per_wheelchair, run.luggage_on_seats,
                    run.child_seats_on_seats,
                    lag(event.arrival) OVER trip AS came, lag(event.departure) OVER trip AS went,
                    lag(event.done) OVER trip AS was_done,
                    lag(event.point) OVER trip = event.point AND lag(event.kind) OVER trip <> 'break'
                        AND event.kind <> 'break' AS same_stop,
                    sum(event.load[1]) OVER trip AS seats, sum(event.load[2]) OVER trip AS wheelchairs,
                    sum(event.load[3]) OVER trip AS luggage, sum(event.load[4]) OVER trip AS bicycles,
                    sum(event.load[5]) OVER trip AS child_seats
                FROM mobigo.ondemand_event AS event JOIN mobigo.ondemand_run AS run ON run.id = event.run
                WHERE run.id = NEW.id
                WINDOW trip AS (ORDER BY event.position)
            ) AS later
            WHERE least(seats, wheelchairs, luggage, bicycles, child_seats) < 0
                OR wheelchairs > room[2] OR bicycles > room[4]
                OR (NOT luggage_on_seats AND luggage > room[3])
                OR child_seats > room[5]
                OR seats + wheelchairs * seats_per_wheelchair + greatest(luggage - room[3], 0)
                    + CASE WHEN child_seats_on_seats THEN child_seats ELSE 0 END > room[1]
                OR (NOT done AND (arrival < starts OR departure > ends))
                OR (NOT done AND NOT was_done AND (arrival < came OR (arrival < went AND NOT same_stop)))
            ORDER BY position LIMIT 1;
            IF FOUND THEN
                RAISE EXCEPTION USING
                    MESSAGE = format('run %s has no room or a wrong time at stop %s', NEW.id, bad.position),
                    ERRCODE = 'check_violation', CONSTRAINT = 'ondemand_run_can_be_driven';
            END IF;
            SELECT leg.id, leg.state INTO bad
            FROM mobigo.ondemand_event AS event JOIN mobigo.ondemand_leg AS leg ON leg.id = event.leg
            WHERE event.run = NEW.id
            GROUP BY leg.id
            HAVING leg.run IS DISTINCT FROM NEW.id
                OR (leg.state IN ('held', 'confirmed', 'assigned', 'en_route', 'arrived', 'on_board') AND NOT (
                    count(*) = 2
                    AND count(*) FILTER (WHERE event.kind = 'pickup' AND event.load = leg.load) = 1
                    AND count(*) FILTER (WHERE event.kind = 'drop_off' AND event.load = ARRAY(
                        SELECT -one FROM unnest(leg.load) WITH ORDINALITY AS each (one, place) ORDER BY place
                    )) = 1
                    AND max(event.position) FILTER (WHERE event.kind = 'pickup')
                        < max(event.position) FILTER (WHERE event.kind = 'drop_off')
                ))
                OR (leg.state NOT IN ('held', 'confirmed', 'assigned', 'en_route', 'arrived', 'on_board')
                    AND NOT bool_and(event.done))
                OR bool_or(event.kind = 'pickup' AND NOT event.done AND (
                    event.latest > leg.pickup_until + make_interval(secs => leg.shifted)
                    OR event.earliest < leg.pickup_from
                ))
                OR bool_or(event.kind = 'drop_off' AND NOT event.done
                    AND event.latest > leg.drop_off_until + make_interval(secs => leg.shifted))
                OR (bool_or(event.kind = 'pickup' AND NOT event.done) AND
                    max(event.arrival) FILTER (WHERE event.kind = 'drop_off')
                    - max(event.arrival + make_interval(secs => event.dwell)) FILTER (WHERE event.kind = 'pickup')
                    > make_interval(secs => leg.longest_ride))
            LIMIT 1;
            IF FOUND THEN
                RAISE EXCEPTION USING
                    MESSAGE = format('run %s breaks the promise of ride %s (%s)', NEW.id, bad.id, bad.state),
                    ERRCODE = 'check_violation', CONSTRAINT = 'ondemand_run_keeps_promises';
            END IF;
            RETURN NULL;
        END
        $$
    """)
    op.execute("""
        CREATE CONSTRAINT TRIGGER ondemand_run_check AFTER INSERT OR UPDATE ON mobigo.ondemand_run
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mobigo.ondemand_check_run()
    """)


def _guard_legs() -> None:
    """Check that a ride is on its run, and on no other, exactly as long as it is to take place."""
    op.execute("""
        CREATE FUNCTION mobigo.ondemand_check_leg() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            leg mobigo.ondemand_leg;
            ends integer;
            waiting integer;
            active boolean;
        BEGIN
            SELECT * INTO leg FROM mobigo.ondemand_leg WHERE id = NEW.id;
            SELECT count(*) FILTER (WHERE event.run = leg.run), count(*) FILTER (WHERE NOT done OR event.run <> leg.run)
            INTO ends, waiting FROM mobigo.ondemand_event AS event WHERE event.leg = NEW.id;
            active := leg.state IN ('held', 'confirmed', 'assigned', 'en_route', 'arrived', 'on_board');
            IF (active AND ends <> 2) OR (NOT active AND waiting > 0) THEN
                RAISE EXCEPTION USING
                    MESSAGE = format('ride %s is %s and has %s stops on run %s', leg.id, leg.state, ends, leg.run),
                    ERRCODE = 'check_violation', CONSTRAINT = 'ondemand_leg_is_planned';
            END IF;
            RETURN NULL;
        END
        $$
    """)
    op.execute("""
        CREATE CONSTRAINT TRIGGER ondemand_leg_check AFTER INSERT OR UPDATE OF run, state ON mobigo.ondemand_leg
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mobigo.ondemand_check_leg()
    """)


def _guard_history() -> None:
    """Let what has happened stand."""
    op.execute("""
        CREATE FUNCTION mobigo.ondemand_keep_history() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'what has happened to bookings is not rewritten'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'ondemand_history_stands';
        END
        $$
    """)
    op.execute("""
        CREATE TRIGGER ondemand_history_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON mobigo.ondemand_history
        FOR EACH STATEMENT EXECUTE FUNCTION mobigo.ondemand_keep_history()
    """)


def downgrade() -> None:
    """Drop them."""
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE mobigo.{table}")
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION mobigo.{function}")
