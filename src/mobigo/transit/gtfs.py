"""GTFS as one table: every file, its columns, their types, keys and references (google/transit, June 2026).

Staging, checks, typing and translation of draft spellings are all driven by `FILES`; no file has code of its own except
where a rule spans several columns (`transit.rules`).
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    """What a cell holds."""

    ID = "id"
    TEXT = "text"
    INTEGER = "integer"
    FLOAT = "float"
    AMOUNT = "amount"
    ENUM = "enum"
    DATE = "date"
    TIME = "time"
    COLOR = "color"
    URL = "url"
    EMAIL = "email"
    PHONE = "phone"
    LANGUAGE = "language"
    TIMEZONE = "timezone"
    CURRENCY = "currency"


class Column(NamedTuple):
    """One column of one file."""

    name: str
    kind: Kind = Kind.TEXT
    required: bool = False
    """A row without it is dropped; a file without the column rejects the feed."""
    values: tuple[str, ...] = ()
    """Of an enumeration."""
    low: float | None = None
    high: float | None = None
    """Bounds of a number, inclusive."""
    to: tuple[str, ...] = ()
    """References: ``file.column``, any of which may hold the value."""
    column_required: bool = True
    """False: the column itself may be absent although a row that has it must fill it."""


class Presence(Enum):
    """Whether a feed must have a file."""

    REQUIRED = "required"
    RECOMMENDED = "recommended"
    OPTIONAL = "optional"


class File(NamedTuple):
    """One file."""

    name: str
    """Without ``.txt``."""
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    """Columns no two rows may share."""
    presence: Presence = Presence.OPTIONAL

    @property
    def filename(self) -> str:
        """Name in the archive."""
        return f"{self.name}.txt"

    def column(self, name: str) -> Column:
        """Return a column by name."""
        return next(column for column in self.columns if column.name == name)


def _id(name: str, *to: str, required: bool = False, column_required: bool = True) -> Column:
    return Column(name, Kind.ID, required, to=to, column_required=column_required)


def _text(name: str, *, required: bool = False) -> Column:
    return Column(name, Kind.TEXT, required)


def _of(kind: Kind, name: str, *, required: bool = False) -> Column:
    return Column(name, kind, required)


def _enum(name: str, last: int, *, first: int = 0, required: bool = False) -> Column:
    return Column(name, Kind.ENUM, required, values=tuple(str(value) for value in range(first, last + 1)))


def _integer(name: str, low: float | None = 0, high: float | None = None, *, required: bool = False) -> Column:
    return Column(name, Kind.INTEGER, required, low=low, high=high)


def _float(name: str, low: float | None = None, high: float | None = None, *, required: bool = False) -> Column:
    return Column(name, Kind.FLOAT, required, low=low, high=high)


BASIC_ROUTE_TYPES = (0, 1, 2, 3, 4, 5, 6, 7, 11, 12)
EXTENDED_ROUTE_TYPES = (range(100, 118), range(200, 210), range(400, 408), range(700, 718), range(800, 801))
OTHER_EXTENDED_ROUTE_TYPES = (
    range(300, 301),
    range(500, 501),
    range(600, 601),
    range(900, 907),
    range(1000, 1022),
    range(1100, 1115),
    range(1200, 1201),
    range(1300, 1308),
    range(1400, 1403),
    range(1500, 1508),
    range(1600, 1605),
    range(1700, 1703),
)
ROUTE_TYPES = tuple(
    str(value)
    for value in (
        *BASIC_ROUTE_TYPES,
        *(v for span in (*EXTENDED_ROUTE_TYPES, *OTHER_EXTENDED_ROUTE_TYPES) for v in span),
    )
)
"""Basic route types and the hierarchical ones of Google's extension."""

MISCELLANEOUS = "1700"
"""Route type "miscellaneous service": what an unknown one is repaired to."""

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SERVICES = ("calendar.service_id", "calendar_dates.service_id")
NETWORKS = ("networks.network_id", "routes.network_id")

FILES: tuple[File, ...] = (
    File(
        "agency",
        (
            _id("agency_id"),
            _text("agency_name", required=True),
            _of(Kind.URL, "agency_url", required=True),
            _of(Kind.TIMEZONE, "agency_timezone", required=True),
            _of(Kind.LANGUAGE, "agency_lang"),
            _of(Kind.PHONE, "agency_phone"),
            _of(Kind.URL, "agency_fare_url"),
            _of(Kind.EMAIL, "agency_email"),
            _enum("cemv_support", 2),
        ),
        ("agency_id",),
        Presence.REQUIRED,
    ),
    File(
        "levels",
        (_id("level_id", required=True), _float("level_index", required=True), _text("level_name")),
        ("level_id",),
    ),
    File(
        "calendar",
        (
            _id("service_id", required=True),
            *(_enum(day, 1, required=True) for day in WEEKDAYS),
            _of(Kind.DATE, "start_date", required=True),
            _of(Kind.DATE, "end_date", required=True),
        ),
        ("service_id",),
    ),
    File(
        "calendar_dates",
        (
            _id("service_id", required=True),
            _of(Kind.DATE, "date", required=True),
            _enum("exception_type", 2, first=1, required=True),
        ),
        ("service_id", "date"),
    ),
    File("areas", (_id("area_id", required=True), _text("area_name")), ("area_id",)),
    File("networks", (_id("network_id", required=True), _text("network_name")), ("network_id",)),
    File(
        "stops",
        (
            _id("stop_id", required=True),
            _text("stop_code"),
            _text("stop_name"),
            _text("tts_stop_name"),
            _text("stop_desc"),
            _float("stop_lat", -90, 90),
            _float("stop_lon", -180, 180),
            _id("zone_id"),
            _of(Kind.URL, "stop_url"),
            _enum("location_type", 4),
            _id("parent_station", "stops.stop_id"),
            _of(Kind.TIMEZONE, "stop_timezone"),
            _enum("wheelchair_boarding", 2),
            _id("level_id", "levels.level_id"),
            _text("platform_code"),
            _enum("stop_access", 1),
        ),
        ("stop_id",),
    ),
    File(
        "routes",
        (
            _id("route_id", required=True),
            _id("agency_id", "agency.agency_id"),
            _text("route_short_name"),
            _text("route_long_name"),
            _text("route_desc"),
            Column("route_type", Kind.ENUM, required=True, values=ROUTE_TYPES),
            _of(Kind.URL, "route_url"),
            _of(Kind.COLOR, "route_color"),
            _of(Kind.COLOR, "route_text_color"),
            _integer("route_sort_order"),
            _enum("continuous_pickup", 3),
            _enum("continuous_drop_off", 3),
            _id("network_id"),
            _enum("cemv_support", 2),
        ),
        ("route_id",),
        Presence.REQUIRED,
    ),
    File(
        "route_networks",
        (_id("network_id", "networks.network_id", required=True), _id("route_id", "routes.route_id", required=True)),
        ("route_id",),
    ),
    File(
        "stop_areas",
        (_id("area_id", "areas.area_id", required=True), _id("stop_id", "stops.stop_id", required=True)),
        ("area_id", "stop_id"),
    ),
    File(
        "location_groups",
        (_id("location_group_id", required=True), _text("location_group_name")),
        ("location_group_id",),
    ),
    File(
        "location_group_stops",
        (
            _id("location_group_id", "location_groups.location_group_id", required=True),
            _id("stop_id", "stops.stop_id", required=True),
        ),
        ("location_group_id", "stop_id"),
    ),
    File(
        "booking_rules",
        (
            _id("booking_rule_id", required=True),
            _enum("booking_type", 2, required=True),
            _integer("prior_notice_duration_min", None),
            _integer("prior_notice_duration_max", None),
            _integer("prior_notice_last_day", None),
            _of(Kind.TIME, "prior_notice_last_time"),
            _integer("prior_notice_start_day", None),
            _of(Kind.TIME, "prior_notice_start_time"),
            _id("prior_notice_service_id", *SERVICES),
            _text("message"),
            _text("pickup_message"),
            _text("drop_off_message"),
            _of(Kind.PHONE, "phone_number"),
            _of(Kind.URL, "info_url"),
            _of(Kind.URL, "booking_url"),
        ),
        ("booking_rule_id",),
    ),
    File(
        "shapes",
        (
            _id("shape_id", required=True),
            _float("shape_pt_lat", -90, 90, required=True),
            _float("shape_pt_lon", -180, 180, required=True),
            _integer("shape_pt_sequence", required=True),
            _float("shape_dist_traveled", 0),
        ),
        ("shape_id", "shape_pt_sequence"),
        Presence.RECOMMENDED,
    ),
    File(
        "trips",
        (
            _id("route_id", "routes.route_id", required=True),
            _id("service_id", *SERVICES, required=True),
            _id("trip_id", required=True),
            _text("trip_headsign"),
            _text("trip_short_name"),
            _enum("direction_id", 1),
            _id("block_id"),
            _id("shape_id", "shapes.shape_id"),
            _enum("wheelchair_accessible", 2),
            _enum("bikes_allowed", 2),
            _enum("cars_allowed", 2),
            _float("safe_duration_factor", 0),
            _float("safe_duration_offset"),
        ),
        ("trip_id",),
        Presence.REQUIRED,
    ),
    File(
        "stop_times",
        (
            _id("trip_id", "trips.trip_id", required=True),
            _of(Kind.TIME, "arrival_time"),
            _of(Kind.TIME, "departure_time"),
            _id("stop_id", "stops.stop_id"),
            _id("location_group_id", "location_groups.location_group_id"),
            _id("location_id", "locations.location_id"),
            _integer("stop_sequence", required=True),
            _text("stop_headsign"),
            _of(Kind.TIME, "start_pickup_drop_off_window"),
            _of(Kind.TIME, "end_pickup_drop_off_window"),
            _enum("pickup_type", 3),
            _enum("drop_off_type", 3),
            _enum("continuous_pickup", 3),
            _enum("continuous_drop_off", 3),
            _float("shape_dist_traveled", 0),
            _enum("timepoint", 1),
            _id("pickup_booking_rule_id", "booking_rules.booking_rule_id"),
            _id("drop_off_booking_rule_id", "booking_rules.booking_rule_id"),
        ),
        ("trip_id", "stop_sequence"),
        Presence.REQUIRED,
    ),
    File(
        "frequencies",
        (
            _id("trip_id", "trips.trip_id", required=True),
            _of(Kind.TIME, "start_time", required=True),
            _of(Kind.TIME, "end_time", required=True),
            _integer("headway_secs", 1, required=True),
            _enum("exact_times", 1),
        ),
        ("trip_id", "start_time"),
    ),
    File(
        "transfers",
        (
            _id("from_stop_id", "stops.stop_id"),
            _id("to_stop_id", "stops.stop_id"),
            _id("from_route_id", "routes.route_id"),
            _id("to_route_id", "routes.route_id"),
            _id("from_trip_id", "trips.trip_id"),
            _id("to_trip_id", "trips.trip_id"),
            _enum("transfer_type", 5),
            _integer("min_transfer_time"),
        ),
        ("from_stop_id", "to_stop_id", "from_trip_id", "to_trip_id", "from_route_id", "to_route_id"),
    ),
    File(
        "pathways",
        (
            _id("pathway_id", required=True),
            _id("from_stop_id", "stops.stop_id", required=True),
            _id("to_stop_id", "stops.stop_id", required=True),
            _enum("pathway_mode", 7, first=1, required=True),
            _enum("is_bidirectional", 1, required=True),
            _float("length", 0),
            _integer("traversal_time", 1),
            _integer("stair_count", None),
            _float("max_slope"),
            _float("min_width", 0),
            _text("signposted_as"),
            _text("reversed_signposted_as"),
        ),
        ("pathway_id",),
    ),
    File(
        "fare_attributes",
        (
            _id("fare_id", required=True),
            Column("price", Kind.AMOUNT, required=True, low=0),
            _of(Kind.CURRENCY, "currency_type", required=True),
            _enum("payment_method", 1, required=True),
            _enum("transfers", 2),
            _id("agency_id", "agency.agency_id"),
            _integer("transfer_duration"),
        ),
        ("fare_id",),
    ),
    File(
        "fare_rules",
        (
            _id("fare_id", "fare_attributes.fare_id", required=True),
            _id("route_id", "routes.route_id"),
            _id("origin_id", "stops.zone_id"),
            _id("destination_id", "stops.zone_id"),
            _id("contains_id", "stops.zone_id"),
        ),
        ("fare_id", "route_id", "origin_id", "destination_id", "contains_id"),
    ),
    File(
        "timeframes",
        (
            _id("timeframe_group_id", required=True),
            _of(Kind.TIME, "start_time"),
            _of(Kind.TIME, "end_time"),
            _id("service_id", *SERVICES, required=True),
        ),
        ("timeframe_group_id", "start_time", "end_time", "service_id"),
    ),
    File(
        "rider_categories",
        (
            _id("rider_category_id", required=True),
            _text("rider_category_name", required=True),
            _enum("is_default_fare_category", 1),
            _of(Kind.URL, "eligibility_url"),
        ),
        ("rider_category_id",),
    ),
    File(
        "fare_media",
        (_id("fare_media_id", required=True), _text("fare_media_name"), _enum("fare_media_type", 4, required=True)),
        ("fare_media_id",),
    ),
    File(
        "fare_products",
        (
            _id("fare_product_id", required=True),
            _text("fare_product_name"),
            _id("rider_category_id", "rider_categories.rider_category_id"),
            _id("fare_media_id", "fare_media.fare_media_id"),
            _of(Kind.AMOUNT, "amount", required=True),
            _of(Kind.CURRENCY, "currency", required=True),
        ),
        ("fare_product_id", "rider_category_id", "fare_media_id"),
    ),
    File(
        "fare_leg_rules",
        (
            _id("leg_group_id"),
            _id("network_id", *NETWORKS),
            _id("from_area_id", "areas.area_id"),
            _id("to_area_id", "areas.area_id"),
            _id("from_timeframe_group_id", "timeframes.timeframe_group_id"),
            _id("to_timeframe_group_id", "timeframes.timeframe_group_id"),
            _id("fare_product_id", "fare_products.fare_product_id", required=True),
            _integer("rule_priority"),
        ),
        (
            "network_id",
            "from_area_id",
            "to_area_id",
            "from_timeframe_group_id",
            "to_timeframe_group_id",
            "fare_product_id",
        ),
    ),
    File(
        "fare_leg_join_rules",
        (
            _id("from_network_id", *NETWORKS, required=True),
            _id("to_network_id", *NETWORKS, required=True),
            _id("from_stop_id", "stops.stop_id"),
            _id("to_stop_id", "stops.stop_id"),
        ),
        ("from_network_id", "to_network_id", "from_stop_id", "to_stop_id"),
    ),
    File(
        "fare_transfer_rules",
        (
            _id("from_leg_group_id", "fare_leg_rules.leg_group_id"),
            _id("to_leg_group_id", "fare_leg_rules.leg_group_id"),
            _integer("transfer_count", None),
            _integer("duration_limit", 1),
            _enum("duration_limit_type", 3),
            _enum("fare_transfer_type", 2, required=True),
            _id("fare_product_id", "fare_products.fare_product_id"),
        ),
        ("from_leg_group_id", "to_leg_group_id", "fare_product_id", "transfer_count", "duration_limit"),
    ),
    File(
        "translations",
        (
            _text("table_name", required=True),
            _text("field_name", required=True),
            _of(Kind.LANGUAGE, "language", required=True),
            _text("translation", required=True),
            _id("record_id"),
            _id("record_sub_id"),
            _text("field_value"),
        ),
        ("table_name", "field_name", "language", "record_id", "record_sub_id", "field_value"),
    ),
    File(
        "feed_info",
        (
            _text("feed_publisher_name", required=True),
            _of(Kind.URL, "feed_publisher_url", required=True),
            _of(Kind.LANGUAGE, "feed_lang", required=True),
            _of(Kind.LANGUAGE, "default_lang"),
            _of(Kind.DATE, "feed_start_date"),
            _of(Kind.DATE, "feed_end_date"),
            _text("feed_version"),
            _of(Kind.EMAIL, "feed_contact_email"),
            _of(Kind.URL, "feed_contact_url"),
        ),
        (),
        Presence.RECOMMENDED,
    ),
    File(
        "attributions",
        (
            _id("attribution_id"),
            _id("agency_id", "agency.agency_id"),
            _id("route_id", "routes.route_id"),
            _id("trip_id", "trips.trip_id"),
            _text("organization_name", required=True),
            _enum("is_producer", 1),
            _enum("is_operator", 1),
            _enum("is_authority", 1),
            _of(Kind.URL, "attribution_url"),
            _of(Kind.EMAIL, "attribution_email"),
            _of(Kind.PHONE, "attribution_phone"),
        ),
        ("attribution_id",),
    ),
)
"""Every file, those it refers to before it."""

BY_NAME: dict[str, File] = {file.name: file for file in FILES}

SQL_TYPES: dict[Kind, str] = {
    Kind.INTEGER: "integer",
    Kind.FLOAT: "double precision",
    Kind.AMOUNT: "numeric",
    Kind.ENUM: "smallint",
    Kind.DATE: "date",
    Kind.TIME: "integer",
}
"""How a cell is stored; text unless named. Times are seconds after noon minus 12 h."""

LOCATIONS = "locations.geojson"
"""The one file that is no CSV; its zones are stored as ``locations``."""

EXTENSION = "ondemand_services.txt"
"""A file of ours: what is to be known of services on demand and GTFS has no words for (`ondemand.flex_read`)."""

PARTITIONED = ("stop_times", "shapes")
"""Bulk tables: one partition per version, dropped with it."""

DRAFT_COLUMNS: dict[str, dict[str, str]] = {
    "stop_times": {
        "start_pickup_dropoff_window": "start_pickup_drop_off_window",
        "end_pickup_dropoff_window": "end_pickup_drop_off_window",
        "dropoff_type": "drop_off_type",
        "dropoff_booking_rule_id": "drop_off_booking_rule_id",
        "continuous_dropoff": "continuous_drop_off",
    },
    "routes": {"continuous_dropoff": "continuous_drop_off"},
    "booking_rules": {"dropoff_message": "drop_off_message"},
}
"""Spellings of GTFS-Flex drafts, and today's."""

DRAFT_MEMBERS = "location_id"
"""Column of a draft's location_groups.txt: one member per row; today they are in location_group_stops.txt."""
