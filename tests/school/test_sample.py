"""Registers drawn by lot come in through the import, complete and without gaps."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from tests.conftest import new_database

from mobigo.db.engine import libpq_conninfo
from mobigo.school.gaps import find_gaps
from mobigo.school.register import SHEETS
from mobigo.school.register_service import Actor, import_file
from mobigo.school.register_store import count_rows, list_homes
from mobigo.school.sample import SEATS, draw_register, read_department, read_district

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

YEAR = "2026-2027"
STAFF = Actor("claire", "school", datetime(2026, 11, 22, tzinfo=UTC))


@pytest.fixture
def connection(test_cluster: str) -> Iterator[psycopg.Connection[Any]]:
    with new_database(test_cluster) as url, psycopg.connect(libpq_conninfo(url)) as connection:
        yield connection


def test_the_district_of_the_demonstration_has_no_gaps(connection: psycopg.Connection[Any]) -> None:
    sample = draw_register(*read_district(), pupils=420, seed=1, year=2026)
    report = import_file(connection, YEAR, sample.as_workbook(), "district.xlsx", STAFF)
    assert report.notes == []
    assert {name: len(rows) for name, rows in sample.lists.items()} == count_rows(connection, YEAR)
    assert find_gaps(connection, YEAR) == []
    assert {home.number for home in list_homes(connection, YEAR)} == {1, 2}


def test_the_same_seed_draws_the_same_register() -> None:
    first, second, other = (draw_register(*read_district(), pupils=50, seed=seed, year=2026) for seed in (3, 3, 4))
    assert first == second
    assert first != other


def test_a_department_is_drawn_from_open_data(connection: psycopg.Connection[Any], test_data: Path) -> None:
    folder = test_data / "bfc"
    schools, villages = read_department(folder / "colleges.csv", folder / "communes.geojson.gz", "21", schools=70)
    sample = draw_register(schools, villages, pupils=200, seed=1, year=2026)
    lists = sample.lists
    assert (len(lists["schools"]), len(lists["pupils"])) == (70, 200)
    assert len({seat.pupil for seat in lists["seats"]}) == 200
    aboard = Counter(seat.run for seat in lists["seats"])
    assert max(aboard.values()) <= SEATS
    import_file(connection, YEAR, sample.as_workbook(), "department.xlsx", STAFF)
    assert count_rows(connection, YEAR)["seats"] == len(lists["seats"])
    assert [gap.code for gap in find_gaps(connection, YEAR) if gap.code != "place_far_away"] == []
    assert set(lists) == set(SHEETS)
