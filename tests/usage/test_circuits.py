"""What school circuits drive on a day, from the register."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from mobigo.db.engine import libpq_conninfo
from mobigo.kit.geo import Point, haversine
from mobigo.school.register import SHEETS
from mobigo.school.register_store import Year, write_rows, write_year
from mobigo.usage import service
from mobigo.usage.circuits import read_circuits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

YEAR = Year("2026-2027", date(2026, 9, 1), date(2027, 7, 3))
A, B, SCHOOL = Point(4.30, 47.50), Point(4.36, 47.48), Point(4.3347, 47.4906)
ROWS: dict[str, list[dict[str, Any]]] = {
    "schools": [{"id": "E1", "name": "Collège", "level": "collège", "lat": SCHOOL.lat, "lon": SCHOOL.lon}],
    "stops": [
        {"id": "A1", "name": "Mairie", "lat": A.lat, "lon": A.lon},
        {"id": "A2", "name": "Église", "lat": B.lat, "lon": B.lon},
    ],
    "circuits": [{"id": "C1", "name": "Nord"}],
    "runs": [
        {"id": "M", "circuit": "C1", "trip": "morning", "weekdays": (1, 2, 4, 5)},
        {"id": "S", "circuit": "C1", "trip": "evening", "weekdays": (1, 2, 5)},
    ],
    "calls": [
        {"run": "M", "position": 2, "at": 28_000, "stop": "A2"},
        {"run": "M", "position": 1, "at": 27_000, "stop": "A1"},
        {"run": "M", "position": 3, "at": 28_500, "school": "E1"},
        {"run": "S", "position": 1, "at": 61_200, "school": "E1"},
        {"run": "S", "position": 2, "at": 62_000, "stop": "A2"},
    ],
}
DEFAULTS: dict[str, dict[str, Any]] = {
    "stops": {"open": True},
    "circuits": {"locked": False},
    "runs": {"riders": "all"},
}


@pytest.fixture
def register(database_url: str) -> Iterator[Connection[Any]]:
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        write_year(connection, YEAR)
        for name, rows in ROWS.items():
            sheet = SHEETS[name]
            plain = [dict.fromkeys(sheet.columns) | DEFAULTS.get(name, {}) | one for one in rows]
            write_rows(connection, YEAR.id, sheet, sheet.columns, plain)
        yield connection


def test_circuits_drive_on_days_of_school(register: Connection[Any]) -> None:
    morning = haversine(A, B) + haversine(B, SCHOOL)
    evening = haversine(SCHOOL, B)
    (monday,) = read_circuits(register, date(2026, 11, 23)).rows()
    assert monday == ("school", "C1", 2, pytest.approx(morning + evening), 1_500 + 800)
    (thursday,) = read_circuits(register, date(2026, 11, 26)).rows()
    assert thursday == ("school", "C1", 1, pytest.approx(morning), 1_500)


@pytest.mark.parametrize(
    "day",
    [date(2026, 11, 25), date(2026, 10, 20), date(2026, 11, 11), date(2026, 8, 31), date(2027, 7, 5)],
    ids=["wednesday", "holidays", "armistice", "before", "after"],
)
def test_circuits_stand_still_when_schools_are_closed(register: Connection[Any], day: date) -> None:
    assert read_circuits(register, day).is_empty()


def test_what_circuits_drive_is_counted(register: Connection[Any], database_url: str) -> None:
    register.commit()
    now = datetime(2026, 11, 26, 12, tzinfo=UTC)
    (task,) = service.plan_tasks(database_url, [date(2026, 11, 26)], now)
    service.count_day(task)
    assert register.execute(
        "SELECT service, source, route, runs, seconds, passengers FROM usage_supply"
    ).fetchall() == [("school", "school", "C1", 1, 1_500, 0)]
