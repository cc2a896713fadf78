"""What a finding means: its class, its sentence, its remedy.

Codes are those of MobilityData's gtfs-validator 8.0.1 (snake_case) and, where that has none, of etalab's
transport-validator 0.3.0 (CamelCase), so that a publisher finds the same word in every tool.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Class(StrEnum):
    """What the loader does about a finding."""

    REJECT_FEED = "reject_feed"
    """The whole feed is refused; the active version stays."""
    REJECT_ENTITY = "reject_entity"
    """The entity is dropped and counted."""
    REPAIR = "repair"
    """It is mended, and the finding says how."""
    WARN = "warn"
    INFO = "info"


class Rule(NamedTuple):
    """One thing that can be found."""

    class_: Class
    code: str
    sentence: str
    remedy: str


def _rules(class_: Class, *rows: tuple[str, str, str]) -> dict[str, Rule]:
    return {code: Rule(class_, code, sentence, remedy) for code, sentence, remedy in rows}


_FIX_REFERENCE = "add the missing entity or correct the id; both must be spelled the same, case included"
_FIX_BOOKING = "leave exactly the fields that the table of booking_rules.txt allows for this booking_type"

RULES: dict[str, Rule] = {
    **_rules(
        Class.REJECT_FEED,
        (
            "InvalidArchive",
            "the archive must be a readable, harmless ZIP",
            "pack the files again with an ordinary zip program",
        ),
        ("csv_parsing_failed", "the file must be readable CSV", "write the file again as UTF-8 CSV (RFC 4180)"),
        ("duplicate_geo_json_key", "ids in locations.geojson must be unique", "give each zone an id of its own"),
        ("duplicated_column", "a column name may appear once in a header", "remove or rename one of the columns"),
        (
            "empty_column_name",
            "every column must have a name",
            "name the column, or remove the stray comma in the header",
        ),
        ("empty_file", "a file must at least have a header", "write the header, or leave the file out"),
        (
            "inconsistent_agency_timezone",
            "all agencies of a feed must have one time zone",
            "split the feed by time zone",
        ),
        (
            "invalid_timezone",
            "a time zone must be a name of the tz database; none is ever assumed",
            "write it like Europe/Paris",
        ),
        ("malformed_json", "locations.geojson must be valid JSON", "write the file again with a JSON library"),
        (
            "missing_calendar_and_calendar_date_files",
            "a feed must have calendar.txt or calendar_dates.txt",
            "add the calendar file that the export left out",
        ),
        ("NoCalendar", "calendar.txt or calendar_dates.txt must hold a service", "add the days on which the trips run"),
        (
            "missing_required_agency_id",
            "with several agencies each agency, route and fare must name one",
            "fill agency_id in agency.txt and wherever it is referred to",
        ),
        ("missing_required_column", "a required column is missing", "add the column to the header and fill it"),
        ("missing_required_file", "a required file is missing", "add the file to the archive"),
        (
            "runtime_exception_in_loader_error",
            "the feed must not surprise the loader",
            "report this message to the authors of this program; the previous version stays in use",
        ),
        ("too_many_rows", "the file has more rows than this loader takes", "split the feed"),
        (
            "unsupported_geo_json_type",
            "locations.geojson must be a FeatureCollection",
            "wrap the zones in a FeatureCollection",
        ),
        (
            "UnloadableModel",
            "what remains after dropping the broken entities must be usable",
            "correct the dropped entities listed in this report; the previous version stays in use",
        ),
    ),
    **_rules(
        Class.REJECT_ENTITY,
        ("bidirectional_exit_gate", "an exit gate works one way", "set is_bidirectional to 0"),
        (
            "block_trips_with_overlapping_stop_times",
            "trips of one block may not run at the same time",
            "give the trips different blocks; the block is ignored, the trips stay",
        ),
        ("duplicate_geography_id", "stops, location groups and zones share one space of ids", "rename one of them"),
        (
            "duplicate_key",
            "two rows have the same key; the first is kept",
            "remove the repeated row or give it a key of its own",
        ),
        (
            "fare_product_with_multiple_default_rider_categories",
            "a fare product has one default rider category",
            "set is_default_fare_category for one category only",
        ),
        (
            "fare_transfer_rule_duration_limit_type_without_duration_limit",
            "duration_limit_type needs duration_limit",
            "fill duration_limit",
        ),
        (
            "fare_transfer_rule_duration_limit_without_type",
            "duration_limit needs duration_limit_type",
            "fill duration_limit_type",
        ),
        ("fare_transfer_rule_invalid_transfer_count", "transfer_count is -1 or at least 1", "correct transfer_count"),
        (
            "fare_transfer_rule_with_forbidden_transfer_count",
            "transfer_count is for transfers within one leg group",
            "empty transfer_count",
        ),
        (
            "fare_transfer_rule_without_transfer_count",
            "a transfer within one leg group needs transfer_count",
            "fill transfer_count",
        ),
        (
            "forbidden_arrival_or_departure_time",
            "a pick-up or drop-off window replaces the times",
            "empty the times or the window",
        ),
        ("forbidden_drop_off_type", "with a window drop_off_type may not be 0", "write 1, 2 or 3"),
        (
            "forbidden_geography_id",
            "a stop time names one of stop_id, location_group_id, location_id",
            "keep one of them",
        ),
        ("forbidden_pickup_type", "with a window pickup_type may not be 0 or 3", "write 1 or 2"),
        ("forbidden_prior_day_booking_field_value", "a field is forbidden with booking on a prior day", _FIX_BOOKING),
        ("forbidden_prior_notice_start_day", "prior_notice_start_day excludes prior_notice_duration_max", _FIX_BOOKING),
        ("forbidden_prior_notice_start_time", "prior_notice_start_time needs prior_notice_start_day", _FIX_BOOKING),
        ("forbidden_real_time_booking_field_value", "a field is forbidden with real-time booking", _FIX_BOOKING),
        ("forbidden_same_day_booking_field_value", "a field is forbidden with booking on the same day", _FIX_BOOKING),
        ("forbidden_shape_dist_traveled", "shape_dist_traveled needs a stop_id", "empty shape_dist_traveled"),
        ("foreign_key_violation", "the id refers to nothing in the feed", _FIX_REFERENCE),
        ("geo_json_duplicated_element", "an element is repeated in locations.geojson", "remove the repetition"),
        ("invalid_currency", "a currency is three letters of ISO 4217", "write it like EUR"),
        (
            "invalid_currency_amount",
            "an amount has as many decimals as its currency",
            "round the amount to the currency's cents",
        ),
        ("invalid_date", "a date is YYYYMMDD and exists", "write it like 20261122"),
        ("invalid_float", "the value must be a decimal number with a point", "write it like 48.5833"),
        ("invalid_geometry", "a zone must be a valid polygon", "close the rings and remove the crossings"),
        ("invalid_integer", "the value must be a whole number", "write digits only"),
        ("invalid_pickup_drop_off_window", "a window ends after it starts", "correct the window"),
        (
            "invalid_prior_notice_duration_min",
            "prior_notice_duration_max is not less than the minimum",
            "correct the durations",
        ),
        ("invalid_time", "a time is HH:MM:SS, over 24:00:00 after midnight", "write it like 07:05:00 or 25:10:00"),
        (
            "location_with_unexpected_stop_time",
            "vehicles call at stops (location_type 0) only",
            "refer to the platform",
        ),
        ("location_without_parent_station", "entrances, nodes and boarding areas need a parent", "fill parent_station"),
        ("missing_level_id", "stops of an elevator pathway need level_id", "fill level_id"),
        ("missing_pickup_or_drop_off_window", "a window has a start and an end", "fill both"),
        ("missing_prior_notice_duration_min", "booking on the same day needs prior_notice_duration_min", _FIX_BOOKING),
        ("missing_prior_notice_last_day", "booking on a prior day needs prior_notice_last_day", _FIX_BOOKING),
        ("missing_prior_notice_last_time", "booking on a prior day needs prior_notice_last_time", _FIX_BOOKING),
        ("missing_prior_notice_start_time", "prior_notice_start_day needs prior_notice_start_time", _FIX_BOOKING),
        ("missing_required_element", "an element of locations.geojson is missing", "add it"),
        ("missing_required_field", "a required value is empty", "fill it"),
        ("missing_stop_name", "stops, stations and entrances need a name", "fill stop_name"),
        (
            "missing_stop_times_record",
            "travel within one zone or group needs two records of it",
            "repeat the record with the next stop_sequence; until then one record for both ways is read as two",
        ),
        ("number_out_of_range", "the number is outside the range of its column", "correct the number"),
        (
            "overlapping_zone_and_pickup_drop_off_window",
            "zones of one trip may not overlap during the same hours, both for getting on or both for getting off",
            "draw the zones apart, or make them one",
        ),
        (
            "pathway_to_wrong_location_type",
            "a pathway joins platforms, entrances and nodes, not stations",
            "refer to a part of it",
        ),
        (
            "pathway_to_platform_with_boarding_areas",
            "a pathway leads to the boarding areas of such a platform",
            "refer to one of them",
        ),
        ("point_near_origin", "a point at latitude 0, longitude 0 is a missing one", "fill the true coordinates"),
        ("point_near_pole", "a point at a pole is a wrong one", "fill the true coordinates"),
        ("prior_notice_last_day_after_start_day", "booking may not end before it starts", "correct the days"),
        ("route_both_short_and_long_name_missing", "a route needs a short or a long name", "fill one of them"),
        (
            "route_networks_specified_in_more_than_one_file",
            "networks of routes stand in routes.txt or in route_networks.txt",
            "keep one; route_networks.txt is ignored",
        ),
        ("start_and_end_range_equal", "the end must be after the start", "correct the end"),
        ("start_and_end_range_out_of_order", "the end is before the start", "exchange or correct them"),
        (
            "stop_time_with_arrival_before_previous_departure_time",
            "a trip may not travel back in time",
            "correct the times; the trip is dropped",
        ),
        (
            "stop_without_location",
            "stops, stations and entrances need coordinates; none are ever guessed",
            "fill stop_lat, stop_lon",
        ),
        ("timeframe_only_start_or_end_time_specified", "a timeframe has both times or none", "fill or empty both"),
        ("timeframe_overlap", "timeframes of one group and service may not overlap", "separate them"),
        (
            "timeframe_start_or_end_time_greater_than_twenty_four_hours",
            "a timeframe ends by 24:00:00",
            "correct the time",
        ),
        ("transfer_with_invalid_stop_location_type", "a transfer joins stops or stations", "refer to the stop"),
        ("transfer_with_invalid_trip_and_route", "the trip of a transfer is not of its route", "correct one of them"),
        ("translation_foreign_key_violation", "the translated record is not in the feed", _FIX_REFERENCE),
        ("translation_unexpected_value", "record_id and field_value exclude each other", "empty one of them"),
        (
            "unusable_trip",
            "a trip must call at two stops; it is stored but not planned",
            "add the missing stop times",
        ),
        (
            "wrong_parent_location_type",
            "the parent must be a station (for a boarding area: a platform)",
            "correct parent_station",
        ),
        ("unsupported_feature_type", "locations.geojson holds Features", "write each zone as a Feature"),
        ("unsupported_geometry_type", "a zone is a Polygon or a MultiPolygon", "draw the zone as an area"),
    ),
    **_rules(
        Class.REPAIR,
        (
            "decreasing_or_equal_stop_time_distance",
            "shape_dist_traveled must grow along a trip; it is dropped and stops are projected again",
            "export the distances again",
        ),
        (
            "decreasing_shape_distance",
            "shape_dist_traveled must grow along a shape; it is dropped",
            "export the distances again",
        ),
        ("empty_row", "blank lines are skipped", "remove them"),
        (
            "equal_shape_distance_diff_coordinates",
            "different points have one distance; it is dropped",
            "export the distances again",
        ),
        ("equal_shape_distance_same_coordinates", "a shape repeats a point", "remove the repetition"),
        (
            "invalid_character",
            "the file must be UTF-8 without control characters; it is decoded again",
            "export as UTF-8",
        ),
        ("invalid_color", "a colour is six hexadecimal digits; the default is used", "write it like 0047BB"),
        ("invalid_email", "this is no e-mail address; it is left out", "correct it"),
        (
            "invalid_input_files_in_subfolder",
            "files must lie at the top of the archive; they are read there",
            "pack without the folder",
        ),
        ("invalid_language_code", "a language is a code of IETF BCP 47; it is left out", "write it like fr"),
        ("invalid_phone_number", "this is no telephone number; it is left out", "correct it"),
        (
            "invalid_row_length",
            "a row has as many cells as the header; short rows are padded, long ones dropped unless the rest is empty",
            "quote cells that contain a comma",
        ),
        ("invalid_url", "a web address starts with http:// or https://; it is left out", "write the whole address"),
        ("leading_or_trailing_whitespaces", "blanks around values and column names are removed", "export without them"),
        ("missing_feed_info_date", "a feed has both dates or none", "fill feed_start_date and feed_end_date"),
        ("missing_timepoint_value", "an empty timepoint with times counts as exact", "fill timepoint"),
        (
            "missing_trip_edge",
            "the first and the last stop time need times; none are invented, the trip is dropped",
            "fill the first and the last time of the trip",
        ),
        ("more_than_one_entity", "feed_info.txt has one row; the first is kept", "remove the others"),
        ("new_line_in_value", "line breaks in values become blanks", "remove them"),
        (
            "overlapping_frequency",
            "frequencies of a trip may not overlap; the later one is clipped",
            "correct the times",
        ),
        ("single_shape_point", "a shape needs two points; it is dropped", "export the whole shape"),
        ("station_with_parent_station", "a station has no parent; it is ignored", "empty parent_station"),
        (
            "stop_access_specified_for_incorrect_location",
            "stop_access is for stops only; it is ignored",
            "empty stop_access",
        ),
        (
            "stop_access_specified_for_stop_with_no_parent_station",
            "stop_access is for stops of a station only; it is ignored",
            "empty stop_access or fill parent_station",
        ),
        (
            "stop_time_timepoint_without_times",
            "an exact timepoint needs times; it becomes approximate",
            "fill the times",
        ),
        (
            "stop_time_with_only_arrival_or_departure_time",
            "arrival and departure go together; the other one is copied",
            "fill both times",
        ),
        ("stop_without_stop_time", "no trip calls at the stop; it is kept", "remove the stop or add its stop times"),
        (
            "unexpected_enum_value",
            "the value is not one of the list; the default is used",
            "use a value of the GTFS reference",
        ),
        (
            "unknown_column",
            "the column is not of GTFS; it is kept as it is",
            "none needed, unless the name is misspelt",
        ),
        ("unknown_file", "the file is not of GTFS; it is kept as it is", "none needed, unless the name is misspelt"),
        ("unsorted_stop_times", "stop times are sorted by trip and sequence", "none needed"),
        ("unused_shape", "no trip uses the shape; it is kept", "remove it"),
        ("unused_station", "no stop belongs to the station; it is kept", "remove it"),
        ("unused_trip", "the trip has no stop times; it is kept and not planned", "add its stop times or remove it"),
        (
            "InvalidStopParent",
            "the word NULL is no station; parent_station is left empty",
            "leave parent_station empty",
        ),
        ("InvalidShapeId", "the shape of the trip is not in the feed; the trip goes without", _FIX_REFERENCE),
        ("NullDuration", "two stops have the same time; it is kept", "give times with seconds"),
    ),
    **_rules(
        Class.WARN,
        (
            "attribution_without_role",
            "an attribution should name a role",
            "set is_producer, is_operator or is_authority",
        ),
        ("DuplicateStops", "two stops have the same name, place and type", "merge them, or fill platform_code"),
        ("duplicate_fare_media", "two fare media have the same name and type", "merge them"),
        (
            "duplicate_route_name",
            "two routes of an agency and type have the same names",
            "merge them or name them apart",
        ),
        ("expired_calendar", "the service has ended; it stays served for its own dates", "publish current calendars"),
        (
            "fast_travel_between_consecutive_stops",
            "the vehicle is faster than its kind can be",
            "correct times or coordinates",
        ),
        (
            "stop_too_far_from_shape",
            "a stop is over 150 m from the shape of its trips; kilometres count straight there",
            "correct the shape or the place of the stop",
        ),
        ("feed_expiration_date30_days", "the feed ends within 30 days", "publish the next period"),
        ("feed_expiration_date7_days", "the feed ends within 7 days", "publish the next period now"),
        ("feed_info_lang_and_agency_lang_mismatch", "feed_lang differs from agency_lang", "use one language, or mul"),
        ("inconsistent_agency_lang", "agencies have different languages", "use one language per feed"),
        ("missing_bike_allowance", "ferry trips should say whether bicycles may come", "fill bikes_allowed"),
        (
            "missing_feed_contact_email_and_url",
            "feed_info.txt should give a contact",
            "fill feed_contact_email or feed_contact_url",
        ),
        (
            "missing_pickup_drop_off_booking_rule_id",
            "a call on demand should name its booking rule",
            "fill pickup_booking_rule_id and drop_off_booking_rule_id",
        ),
        ("missing_recommended_file", "a recommended file is missing", "add it"),
        ("non_ascii_or_non_printable_char", "ids should be printable ASCII", "rename the id, once and for all"),
        ("pathway_dangling_generic_node", "a node should join two pathways", "add the other pathway"),
        ("pathway_loop", "a pathway starts where it ends", "correct from_stop_id or to_stop_id"),
        (
            "route_color_contrast",
            "text and colour of a route are hard to tell apart",
            "choose a lighter or darker text",
        ),
        ("route_long_name_contains_short_name", "the long name should not repeat the short one", "shorten it"),
        ("route_short_name_too_long", "a short name has at most 12 characters", "shorten it"),
        ("same_name_and_description_for_route", "the description repeats the name", "describe or leave empty"),
        ("same_name_and_description_for_stop", "the description repeats the name", "describe or leave empty"),
        ("same_route_and_agency_url", "the route's address is the agency's", "give the route's own page or none"),
        ("same_stop_and_agency_url", "the stop's address is the agency's", "give the stop's own page or none"),
        (
            "service_has_no_active_day_of_the_week",
            "the service has no weekday and no added date",
            "set a weekday or add dates",
        ),
        ("transfer_distance_too_large", "the stops of a transfer are over 10 km apart", "correct the stops"),
        ("translation_unknown_table_name", "the translation is of an unknown table", "correct table_name"),
        (
            "trip_coverage_not_active_for_next7_days",
            "few trips run within the next 7 days",
            "publish current calendars",
        ),
    ),
    **_rules(
        Class.INFO,
        ("CloseStops", "two stops in a row are at the same place", "none needed if that is so"),
        (
            "feed_valid_beyond_total_service_window",
            "feed_info.txt promises more days than the calendars have",
            "correct feed_end_date",
        ),
        ("future_calendar", "no service runs yet today", "none needed if that is so"),
        ("geo_json_unknown_element", "an element of locations.geojson is unknown; it is kept as it is", "none needed"),
        ("platform_without_parent_station", "a platform should belong to a station", "fill parent_station"),
        ("service_extends_far_in_the_future", "a service ends more than two years ahead", "none needed if that is so"),
        ("service_window_outside_feed_period", "services run outside the dates of feed_info.txt", "correct the dates"),
        ("Slow", "the vehicle is slower than walking", "correct times or coordinates"),
        ("stop_without_zone_id", "a stop has no zone although fares depend on zones", "fill zone_id"),
        ("transfer_distance_above_2_km", "the stops of a transfer are over 2 km apart", "none needed if that is so"),
    ),
}
"""Every code this loader knows; the classes are those of the region's importing table."""
