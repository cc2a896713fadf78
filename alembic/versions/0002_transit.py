"""GTFS feeds, their versions, every file typed, and the stations that several feeds share.

Why: a feed is loaded beside the version in service and takes its place by one pointer, `feed.active_version`. The two
bulk files are partitioned by version, so that a load writes new tables and an old version is dropped, not deleted row
by row; the others are small enough to share tables. Stop times name their trip and stop by line number in the file,
which keeps them and their indexes small; the view `stop_times` shows the ids.

Old code: knows none of these tables and still runs. Locks: none on tables that hold data.

Columns are those of `mobigo.transit.gtfs`; a test compares the two.

Revision ID: 0002_transit
Revises: 0001_foundation
"""

from __future__ import annotations

from alembic import op

revision = "0002_transit"
down_revision = "0001_foundation"
branch_labels = None
depends_on = None

VERSIONS = """
    CREATE TABLE feed (
        source text PRIMARY KEY CHECK (source ~ '^[^:[:space:]]{1,60}$'),
        active_version integer
    );

    CREATE TABLE feed_version (
        id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        source text NOT NULL REFERENCES feed,
        hash text NOT NULL,
        status text NOT NULL CHECK (status IN ('loaded', 'rejected', 'retired')),
        origin text NOT NULL,
        loaded_at timestamptz NOT NULL,
        shifted_to date,
        first_day date,
        last_day date,
        extent geometry(Polygon, 4326),
        counts jsonb NOT NULL,
        report jsonb NOT NULL
    );
    CREATE INDEX ON feed_version (source, id);

    ALTER TABLE feed ADD FOREIGN KEY (active_version) REFERENCES feed_version;

    CREATE TABLE raw_rows (
        version_id integer NOT NULL,
        file text NOT NULL,
        line integer NOT NULL,
        content jsonb NOT NULL,
        PRIMARY KEY (version_id, file, line)
    );

    CREATE TABLE locations (
        version_id integer NOT NULL,
        location_id text NOT NULL,
        stop_name text,
        stop_desc text,
        zone_id text,
        geom geometry(Geometry, 4326) NOT NULL,
        extra jsonb,
        PRIMARY KEY (version_id, location_id)
    );
    CREATE INDEX ON locations USING gist (geom);

    CREATE TABLE shape_lines (
        version_id integer NOT NULL,
        shape_id text NOT NULL,
        geom geometry(LineString, 4326) NOT NULL,
        PRIMARY KEY (version_id, shape_id)
    );
    CREATE INDEX ON shape_lines USING gist (geom);

    CREATE TABLE station (
        station_id text PRIMARY KEY,
        station_name text NOT NULL,
        geom geometry(Point, 4326) NOT NULL
    );
    CREATE INDEX ON station USING gist (geom);

    CREATE TABLE station_stop (
        stop_id text PRIMARY KEY,
        station_id text NOT NULL REFERENCES station
    );
    CREATE INDEX ON station_stop (station_id);

    CREATE TABLE station_renamed (
        old_station_id text NOT NULL,
        new_station_id text NOT NULL,
        renamed_at timestamptz NOT NULL,
        PRIMARY KEY (old_station_id, new_station_id, renamed_at)
    );
"""
"""Feeds, versions, what is not CSV or not GTFS, and stations; ids of stations and their stops are ``source:id``."""

FILES = """
    CREATE TABLE agency (
        version_id integer NOT NULL,
        agency_id text NOT NULL,
        agency_name text NOT NULL,
        agency_url text NOT NULL,
        agency_timezone text NOT NULL,
        agency_lang text,
        agency_phone text,
        agency_fare_url text,
        agency_email text,
        cemv_support smallint,
        extra jsonb,
        PRIMARY KEY (version_id, agency_id)
    );

    CREATE TABLE levels (
        version_id integer NOT NULL,
        level_id text NOT NULL,
        level_index double precision NOT NULL,
        level_name text,
        extra jsonb,
        PRIMARY KEY (version_id, level_id)
    );

    CREATE TABLE calendar (
        version_id integer NOT NULL,
        service_id text NOT NULL,
        monday smallint NOT NULL,
        tuesday smallint NOT NULL,
        wednesday smallint NOT NULL,
        thursday smallint NOT NULL,
        friday smallint NOT NULL,
        saturday smallint NOT NULL,
        sunday smallint NOT NULL,
        start_date date NOT NULL,
        end_date date NOT NULL,
        extra jsonb,
        PRIMARY KEY (version_id, service_id)
    );

    CREATE TABLE calendar_dates (
        version_id integer NOT NULL,
        service_id text NOT NULL,
        date date NOT NULL,
        exception_type smallint NOT NULL,
        extra jsonb,
        PRIMARY KEY (version_id, service_id, date)
    );

    CREATE TABLE areas (
        version_id integer NOT NULL,
        area_id text NOT NULL,
        area_name text,
        extra jsonb,
        PRIMARY KEY (version_id, area_id)
    );

    CREATE TABLE networks (
        version_id integer NOT NULL,
        network_id text NOT NULL,
        network_name text,
        extra jsonb,
        PRIMARY KEY (version_id, network_id)
    );

    CREATE TABLE stops (
        version_id integer NOT NULL,
        line integer NOT NULL,
        stop_id text NOT NULL,
        stop_code text,
        stop_name text,
        tts_stop_name text,
        stop_desc text,
        stop_lat double precision,
        stop_lon double precision,
        zone_id text,
        stop_url text,
        location_type smallint,
        parent_station text,
        stop_timezone text,
        wheelchair_boarding smallint,
        level_id text,
        platform_code text,
        stop_access smallint,
        geom geometry(Point, 4326),
        extra jsonb,
        PRIMARY KEY (version_id, stop_id),
        UNIQUE (version_id, line)
    );

    CREATE TABLE routes (
        version_id integer NOT NULL,
        route_id text NOT NULL,
        agency_id text,
        route_short_name text,
        route_long_name text,
        route_desc text,
        route_type smallint NOT NULL,
        route_url text,
        route_color text,
        route_text_color text,
        route_sort_order integer,
        continuous_pickup smallint,
        continuous_drop_off smallint,
        network_id text,
        cemv_support smallint,
        extra jsonb,
        PRIMARY KEY (version_id, route_id)
    );

    CREATE TABLE route_networks (
        version_id integer NOT NULL,
        network_id text NOT NULL,
        route_id text NOT NULL,
        extra jsonb,
        PRIMARY KEY (version_id, route_id)
    );

    CREATE TABLE stop_areas (
        version_id integer NOT NULL,
        area_id text NOT NULL,
        stop_id text NOT NULL,
        extra jsonb,
        PRIMARY KEY (version_id, area_id, stop_id)
    );

    CREATE TABLE location_groups (
        version_id integer NOT NULL,
        location_group_id text NOT NULL,
        location_group_name text,
        extra jsonb,
        PRIMARY KEY (version_id, location_group_id)
    );

    CREATE TABLE location_group_stops (
        version_id integer NOT NULL,
        location_group_id text NOT NULL,
        stop_id text NOT NULL,
        extra jsonb,
        PRIMARY KEY (version_id, location_group_id, stop_id)
    );

    CREATE TABLE booking_rules (
        version_id integer NOT NULL,
        booking_rule_id text NOT NULL,
        booking_type smallint NOT NULL,
        prior_notice_duration_min integer,
        prior_notice_duration_max integer,
        prior_notice_last_day integer,
        prior_notice_last_time integer,
        prior_notice_start_day integer,
        prior_notice_start_time integer,
        prior_notice_service_id text,
        message text,
        pickup_message text,
        drop_off_message text,
        phone_number text,
        info_url text,
        booking_url text,
        extra jsonb,
        PRIMARY KEY (version_id, booking_rule_id)
    );

    CREATE TABLE trips (
        version_id integer NOT NULL,
        line integer NOT NULL,
        route_id text NOT NULL,
        service_id text NOT NULL,
        trip_id text NOT NULL,
        trip_headsign text,
        trip_short_name text,
        direction_id smallint,
        block_id text,
        shape_id text,
        wheelchair_accessible smallint,
        bikes_allowed smallint,
        cars_allowed smallint,
        safe_duration_factor double precision,
        safe_duration_offset double precision,
        extra jsonb,
        PRIMARY KEY (version_id, trip_id),
        UNIQUE (version_id, line)
    );

    CREATE TABLE frequencies (
        version_id integer NOT NULL,
        trip_id text NOT NULL,
        start_time integer NOT NULL,
        end_time integer NOT NULL,
        headway_secs integer NOT NULL,
        exact_times smallint,
        extra jsonb,
        PRIMARY KEY (version_id, trip_id, start_time)
    );

    CREATE TABLE transfers (
        version_id integer NOT NULL,
        from_stop_id text,
        to_stop_id text,
        from_route_id text,
        to_route_id text,
        from_trip_id text,
        to_trip_id text,
        transfer_type smallint,
        min_transfer_time integer,
        extra jsonb
    );

    CREATE INDEX ON transfers (version_id);

    CREATE TABLE pathways (
        version_id integer NOT NULL,
        pathway_id text NOT NULL,
        from_stop_id text NOT NULL,
        to_stop_id text NOT NULL,
        pathway_mode smallint NOT NULL,
        is_bidirectional smallint NOT NULL,
        length double precision,
        traversal_time integer,
        stair_count integer,
        max_slope double precision,
        min_width double precision,
        signposted_as text,
        reversed_signposted_as text,
        extra jsonb,
        PRIMARY KEY (version_id, pathway_id)
    );

    CREATE TABLE fare_attributes (
        version_id integer NOT NULL,
        fare_id text NOT NULL,
        price numeric NOT NULL,
        currency_type text NOT NULL,
        payment_method smallint NOT NULL,
        transfers smallint,
        agency_id text,
        transfer_duration integer,
        extra jsonb,
        PRIMARY KEY (version_id, fare_id)
    );

    CREATE TABLE fare_rules (
        version_id integer NOT NULL,
        fare_id text NOT NULL,
        route_id text,
        origin_id text,
        destination_id text,
        contains_id text,
        extra jsonb
    );

    CREATE INDEX ON fare_rules (version_id);

    CREATE TABLE timeframes (
        version_id integer NOT NULL,
        timeframe_group_id text NOT NULL,
        start_time integer,
        end_time integer,
        service_id text NOT NULL,
        extra jsonb
    );

    CREATE INDEX ON timeframes (version_id);

    CREATE TABLE rider_categories (
        version_id integer NOT NULL,
        rider_category_id text NOT NULL,
        rider_category_name text NOT NULL,
        is_default_fare_category smallint,
        eligibility_url text,
        extra jsonb,
        PRIMARY KEY (version_id, rider_category_id)
    );

    CREATE TABLE fare_media (
        version_id integer NOT NULL,
        fare_media_id text NOT NULL,
        fare_media_name text,
        fare_media_type smallint NOT NULL,
        extra jsonb,
        PRIMARY KEY (version_id, fare_media_id)
    );

    CREATE TABLE fare_products (
        version_id integer NOT NULL,
        fare_product_id text NOT NULL,
        fare_product_name text,
        rider_category_id text,
        fare_media_id text,
        amount numeric NOT NULL,
        currency text NOT NULL,
        extra jsonb
    );

    CREATE INDEX ON fare_products (version_id);

    CREATE TABLE fare_leg_rules (
        version_id integer NOT NULL,
        leg_group_id text,
        network_id text,
        from_area_id text,
        to_area_id text,
        from_timeframe_group_id text,
        to_timeframe_group_id text,
        fare_product_id text NOT NULL,
        rule_priority integer,
        extra jsonb
    );

    CREATE INDEX ON fare_leg_rules (version_id);

    CREATE TABLE fare_leg_join_rules (
        version_id integer NOT NULL,
        from_network_id text NOT NULL,
        to_network_id text NOT NULL,
        from_stop_id text,
        to_stop_id text,
        extra jsonb
    );

    CREATE INDEX ON fare_leg_join_rules (version_id);

    CREATE TABLE fare_transfer_rules (
        version_id integer NOT NULL,
        from_leg_group_id text,
        to_leg_group_id text,
        transfer_count integer,
        duration_limit integer,
        duration_limit_type smallint,
        fare_transfer_type smallint NOT NULL,
        fare_product_id text,
        extra jsonb
    );

    CREATE INDEX ON fare_transfer_rules (version_id);

    CREATE TABLE translations (
        version_id integer NOT NULL,
        table_name text NOT NULL,
        field_name text NOT NULL,
        language text NOT NULL,
        translation text NOT NULL,
        record_id text,
        record_sub_id text,
        field_value text,
        extra jsonb
    );

    CREATE INDEX ON translations (version_id);

    CREATE TABLE feed_info (
        version_id integer NOT NULL,
        feed_publisher_name text NOT NULL,
        feed_publisher_url text NOT NULL,
        feed_lang text NOT NULL,
        default_lang text,
        feed_start_date date,
        feed_end_date date,
        feed_version text,
        feed_contact_email text,
        feed_contact_url text,
        extra jsonb
    );

    CREATE INDEX ON feed_info (version_id);

    CREATE TABLE attributions (
        version_id integer NOT NULL,
        attribution_id text,
        agency_id text,
        route_id text,
        trip_id text,
        organization_name text NOT NULL,
        is_producer smallint,
        is_operator smallint,
        is_authority smallint,
        attribution_url text,
        attribution_email text,
        attribution_phone text,
        extra jsonb
    );

    CREATE INDEX ON attributions (version_id);

    CREATE TABLE stop_times_compact (
        version_id integer NOT NULL,
        trip_line integer NOT NULL,
        stop_sequence integer NOT NULL,
        stop_line integer,
        arrival_time integer,
        departure_time integer,
        start_pickup_drop_off_window integer,
        end_pickup_drop_off_window integer,
        pickup_type smallint,
        drop_off_type smallint,
        continuous_pickup smallint,
        continuous_drop_off smallint,
        timepoint smallint,
        shape_dist_traveled double precision,
        location_group_id text,
        location_id text,
        stop_headsign text,
        pickup_booking_rule_id text,
        drop_off_booking_rule_id text,
        extra jsonb
    ) PARTITION BY LIST (version_id);

    CREATE VIEW stop_times AS
    SELECT c.version_id,
        t.trip_id,
        c.arrival_time,
        c.departure_time,
        s.stop_id,
        c.location_group_id,
        c.location_id,
        c.stop_sequence,
        c.stop_headsign,
        c.start_pickup_drop_off_window,
        c.end_pickup_drop_off_window,
        c.pickup_type,
        c.drop_off_type,
        c.continuous_pickup,
        c.continuous_drop_off,
        c.shape_dist_traveled,
        c.timepoint,
        c.pickup_booking_rule_id,
        c.drop_off_booking_rule_id,
        c.extra
    FROM stop_times_compact c
    JOIN trips t ON t.version_id = c.version_id AND t.line = c.trip_line
    LEFT JOIN stops s ON s.version_id = c.version_id AND s.line = c.stop_line;

    CREATE TABLE shapes (
        version_id integer NOT NULL,
        shape_id text NOT NULL,
        shape_pt_lat double precision NOT NULL,
        shape_pt_lon double precision NOT NULL,
        shape_pt_sequence integer NOT NULL,
        shape_dist_traveled double precision,
        extra jsonb
    ) PARTITION BY LIST (version_id);
    CREATE INDEX ON stops USING gist (geom);
"""
"""One table per file of GTFS."""

TABLES = (
    "feed",
    "feed_version",
    "raw_rows",
    "locations",
    "shape_lines",
    "station",
    "station_stop",
    "station_renamed",
    "agency",
    "levels",
    "calendar",
    "calendar_dates",
    "areas",
    "networks",
    "stops",
    "routes",
    "route_networks",
    "stop_areas",
    "location_groups",
    "location_group_stops",
    "booking_rules",
    "trips",
    "frequencies",
    "transfers",
    "pathways",
    "fare_attributes",
    "fare_rules",
    "timeframes",
    "rider_categories",
    "fare_media",
    "fare_products",
    "fare_leg_rules",
    "fare_leg_join_rules",
    "fare_transfer_rules",
    "translations",
    "feed_info",
    "attributions",
    "stop_times_compact",
    "shapes",
)


def upgrade() -> None:
    """Create the tables."""
    op.execute(VERSIONS)
    op.execute(FILES)


def downgrade() -> None:
    """Drop them, with what was loaded."""
    op.execute("DROP VIEW stop_times")
    op.execute("ALTER TABLE feed DROP CONSTRAINT feed_active_version_fkey")
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE {table}")
