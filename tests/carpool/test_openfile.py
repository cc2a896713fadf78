"""The open file: 27 columns, nobody in it, the same every time."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from typing import TYPE_CHECKING

import pytest

from mobigo.carpool.openfile import COARSE, COLUMNS, FINE, bound, cut, round_up, write_csv, write_table
from mobigo.carpool.openfile_store import Commune, find_department
from mobigo.carpool.proof import ProofClass
from mobigo.carpool.proving_store import Proven
from mobigo.kit.geo import Point

if TYPE_CHECKING:
    from decimal import Decimal

SECRET = b"s" * 32
NOON = datetime(2026, 3, 10, 12, 3, 20, tzinfo=UTC)
DIJON, SEMUR, VILLAGE = Point(5.04161, 47.32207), Point(4.33471, 47.49067), Point(4.30951, 47.38867)
COMMUNES = {
    DIJON: Commune("21231", "21231", "Dijon", 4_000.0),
    SEMUR: Commune("21603", "21603", "Semur-en-Auxois", 225.0),
    VILLAGE: Commune("21505", "21505", "Précy-sous-Thil", 39.9),
}
HEADER = (
    "journey_id,trip_id,journey_start_datetime,journey_start_date,journey_start_time,journey_start_lon,"
    "journey_start_lat,journey_start_insee,journey_start_department,journey_start_town,journey_start_towngroup,"
    "journey_start_country,journey_end_datetime,journey_end_date,journey_end_time,journey_end_lon,journey_end_lat,"
    "journey_end_insee,journey_end_department,journey_end_town,journey_end_towngroup,journey_end_country,"
    "passenger_seats,operator_class,journey_distance,journey_duration,has_incentive"
)


def journey(number: int, origin: Point = SEMUR, destination: Point = DIJON, run: str = "r1") -> Proven:
    return Proven(
        booking=f"b{number}",
        run=run,
        driver="p-driver",
        passenger="p-passenger",
        operator=None,
        driver_key="d" * 64,
        passenger_key="e" * 64,
        seats=1,
        cents=150,
        planned_at=NOON,
        started_at=NOON,
        ended_at=NOON + timedelta(minutes=58),
        origin=origin,
        destination=destination,
        board_metres=0,
        alight_metres=80_000,
        proof=ProofClass.C,
        proven_at=NOON,
    )


def test_the_file_has_the_columns_of_the_national_one_and_no_person_in_it() -> None:
    text = write_csv(write_table(SECRET, [journey(n) for n in range(6)], COMMUNES, ["r1"])).decode()
    assert text.partition("\n")[0] == HEADER
    assert len(COLUMNS) == 27
    row = next(csv.DictReader(StringIO(text)))
    assert row | {"journey_id": "", "trip_id": ""} == dict(
        zip(
            COLUMNS,
            (
                *("", ""),
                *("2026-03-10T13:10:00+01:00", "2026-03-10", "13:10:00", "4.334", "47.490"),
                *("21603", "21", "Semur-en-Auxois", "", "France"),
                *("2026-03-10T14:10:00+01:00", "2026-03-10", "14:10:00", "5.041", "47.322"),
                *("21231", "21", "Dijon", "", "France"),
                *("1", "C", "80000", "58", "true"),
            ),
            strict=True,
        )
    )
    for secret in ("p-driver", "p-passenger", "d" * 64, "e" * 64, "b0", "r1"):
        assert secret not in text


@pytest.mark.parametrize(
    ("begin_there", "end_there", "published"),
    [
        (6, 6, 12),
        (5, 6, 6),  # five begin there: they are left out
        (6, 5, 6),
        (5, 5, 0),
        (0, 5, 0),
    ],
)
def test_a_journey_shows_only_where_six_begin_and_six_end(begin_there: int, end_there: int, published: int) -> None:
    journeys = [journey(n, VILLAGE, DIJON) for n in range(begin_there)]
    journeys += [journey(100 + n, DIJON, VILLAGE) for n in range(end_there)]
    table = write_table(SECRET, journeys, COMMUNES, [])
    assert (table.journeys, len(table.rows)) == (begin_there + end_there, published)


def test_a_journey_from_nowhere_known_is_left_out() -> None:
    journeys = [*(journey(n) for n in range(6)), journey(7, Point(0.0, 0.0))]
    assert len(write_table(SECRET, journeys, COMMUNES, []).rows) == 6


def test_where_few_people_live_places_are_coarser() -> None:
    rows = write_table(SECRET, [journey(n, VILLAGE, DIJON) for n in range(6)], COMMUNES, []).rows
    assert {row["journey_start_lat"] for row in rows} == {"47.38"}
    assert {row["journey_end_lat"] for row in rows} == {"47.322"}
    assert {row["has_incentive"] for row in rows} == {"false"}


def test_passengers_of_one_car_share_a_trip_and_ids_are_of_their_month() -> None:
    journeys = [journey(n, run="r1" if n < 3 else "r2") for n in range(6)]
    rows = write_table(SECRET, journeys, COMMUNES, []).rows
    assert len({row["trip_id"] for row in rows}) == 2
    assert len({row["journey_id"] for row in rows}) == 6
    again = write_table(SECRET, list(reversed(journeys)), COMMUNES, []).rows
    assert again == rows  # whatever order they come in
    other = write_table(b"t" * 32, journeys, COMMUNES, []).rows
    assert not {row["journey_id"] for row in other} & {row["journey_id"] for row in rows}


@pytest.mark.parametrize(
    ("degrees", "grain", "text"),
    [
        (4.3349, FINE, "4.334"),
        (4.33, FINE, "4.330"),
        (2.3, FINE, "2.300"),  # 2.3 x 1000 is 2299.99… in binary
        (-0.0019, FINE, "-0.001"),  # towards zero
        (4.3349, COARSE, "4.33"),
    ],
)
def test_coordinates_are_cut_off_not_rounded(degrees: float, grain: Decimal, text: str) -> None:
    assert cut(degrees, grain) == text


@pytest.mark.parametrize(
    ("at", "up"),
    [
        ("2026-03-10T12:00:00+00:00", "2026-03-10T12:00:00+00:00"),
        ("2026-03-10T12:00:00.000001+00:00", "2026-03-10T12:10:00+00:00"),
        ("2026-03-10T12:00:01+00:00", "2026-03-10T12:10:00+00:00"),
        ("2026-12-31T23:59:59+01:00", "2026-12-31T23:00:00+00:00"),
        ("2026-10-25T02:55:00+02:00", "2026-10-25T01:00:00+00:00"),  # the clocks go back just then
    ],
)
def test_times_are_rounded_up_to_ten_minutes(at: str, up: str) -> None:
    assert round_up(datetime.fromisoformat(at)) == datetime.fromisoformat(up)


def test_months_are_those_of_france() -> None:
    first, end = bound(date(2026, 3, 1))
    assert (first.astimezone(UTC), end.astimezone(UTC)) == (
        datetime(2026, 2, 28, 23, tzinfo=UTC),
        datetime(2026, 3, 31, 22, tzinfo=UTC),
    )


@pytest.mark.parametrize(("insee", "department"), [("21231", "21"), ("2A004", "2A"), ("97411", "974"), ("", "")])
def test_departments(insee: str, department: str) -> None:
    assert find_department(insee) == department
