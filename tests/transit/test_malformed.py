"""The malformed feeds of etalab's validator: each gives the class and code the table foresees for its defect."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from tests.conftest import new_database
from tests.feed_text import withdraw

from mobigo.transit.load import load_gtfs

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)

DEFECTS = [
    ("accessibility", "unused_trip", "repair"),  # no stop times at all
    ("agency", "invalid_timezone", "reject_feed"),
    ("agency", "missing_required_field", "reject_entity"),  # an agency without address
    ("agency", "invalid_url", "repair"),
    ("agency_multiple", "unusable_trip", "reject_entity"),
    ("agency_single", "foreign_key_violation", "reject_entity"),  # a route of an agency that is not there
    ("arrange_by_phone_stops", "foreign_key_violation", "reject_entity"),
    ("check_id", "missing_required_field", "reject_entity"),
    ("check_id", "missing_required_agency_id", "reject_feed"),
    ("check_id", "non_ascii_or_non_printable_char", "warn"),
    ("check_name", "missing_stop_name", "reject_entity"),
    ("check_name", "route_both_short_and_long_name_missing", "reject_entity"),
    ("coordinate_with_driver_stops", "duplicate_key", "reject_entity"),
    ("custom_route_color", "unexpected_enum_value", "repair"),
    ("custom_rules", "missing_required_file", "reject_feed"),  # no feed at all
    ("duplicate_stop_sequence", "duplicate_key", "reject_entity"),
    ("duplicate_stops", "DuplicateStops", "warn"),
    ("duplicates", "duplicate_key", "reject_entity"),
    ("duration_distance", "stop_time_with_arrival_before_previous_departure_time", "reject_entity"),
    ("duration_distance", "fast_travel_between_consecutive_stops", "warn"),
    ("duration_distance", "NullDuration", "repair"),
    ("duration_distance", "CloseStops", "info"),
    ("duration_distance", "point_near_origin", "reject_entity"),
    ("empty_calendar", "NoCalendar", "reject_feed"),
    ("fare_attributes", "invalid_currency", "reject_entity"),
    ("fare_attributes", "missing_required_field", "reject_entity"),  # no price
    ("feed_info", "more_than_one_entity", "repair"),
    ("feed_info", "invalid_language_code", "repair"),
    ("feed_info", "invalid_url", "repair"),
    ("interpolated_stop_times", "missing_trip_edge", "repair"),
    ("invalid_references", "foreign_key_violation", "reject_entity"),
    ("invalid_stop_file", "invalid_float", "reject_entity"),
    ("missing_agency_id", "missing_required_agency_id", "reject_feed"),
    ("missing_mandatory_files", "missing_required_file", "reject_feed"),
    ("missing_mandatory_files", "unknown_file", "repair"),
    ("no_optional_files", "missing_recommended_file", "warn"),
    ("optimisation_route_trips", "NoCalendar", "reject_feed"),
    ("route_type_invalid", "unexpected_enum_value", "repair"),
    ("route_type_missing", "missing_required_field", "reject_entity"),
    ("shapes", "number_out_of_range", "reject_entity"),
    ("shapes", "point_near_origin", "reject_entity"),
    ("shapes", "InvalidShapeId", "repair"),
    ("stop_times_increase", "start_and_end_range_out_of_order", "reject_entity"),  # departure before arrival
    ("stop_times_location_type", "location_with_unexpected_stop_time", "reject_entity"),
    ("stops", "wrong_parent_location_type", "reject_entity"),
    ("stops", "location_without_parent_station", "reject_entity"),
    ("stops", "station_with_parent_station", "repair"),
    ("sub_folder", "invalid_input_files_in_subfolder", "repair"),
    ("unusable_trip", "unusable_trip", "reject_entity"),
    ("unusable_trip", "missing_calendar_and_calendar_date_files", "reject_feed"),
    ("unused_stop", "stop_without_stop_time", "repair"),
]
"""Feed, code, class; each feed at least once."""


@pytest.fixture(scope="module")
def findings(test_data: Path, test_cluster: str) -> dict[str, set[tuple[str, str]]]:
    """What is found in each feed."""
    found = {}
    with new_database(test_cluster) as url:
        for path in sorted((test_data / "malformed").glob("*.gtfs.zip")):
            name = path.name.partition(".")[0]
            report = load_gtfs(path, name, url, now=NOW)
            rejected = any(finding.class_ == "reject_feed" for finding in report.findings)
            assert report.status == ("rejected" if rejected else "active")
            found[name] = {(finding.code, finding.class_.value) for finding in report.findings}
            withdraw(url)
    return found


def test_all_of_them_are_judged(findings: dict[str, set[tuple[str, str]]]) -> None:
    assert set(findings) == {name for name, _, _ in DEFECTS}
    assert len(findings) == 33


@pytest.mark.parametrize(("name", "code", "class_"), DEFECTS)
def test_defect(findings: dict[str, set[tuple[str, str]]], name: str, code: str, class_: str) -> None:
    assert (code, class_) in findings[name]
