"""The checker of years: nothing wrong with plans of drawn districts, and every fault that is put into one is found."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from tests.conftest import new_database
from tests.school.test_sample import STAFF, YEAR
from tests.school.test_yearplan import Straight
from tests.school.year_checker import check_year

from mobigo.db.engine import libpq_conninfo
from mobigo.school.book import read_book
from mobigo.school.register_service import import_file
from mobigo.school.register_store import list_people
from mobigo.school.sample import Sample, draw_register, read_district
from mobigo.school.yearplan import Effort, plan_year

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(scope="module")
def planned(test_cluster: str) -> tuple[Sample, dict[str, str], dict[str, Any]]:
    sample = draw_register(*read_district(), pupils=40, seed=3, year=2026)
    with new_database(test_cluster) as url, psycopg.connect(libpq_conninfo(url)) as connection:
        import_file(connection, YEAR, sample.as_workbook(), "district.xlsx", STAFF)
        document = plan_year(read_book(connection, YEAR), Straight(), Effort(work=1))  # type: ignore[arg-type]
        return sample, {row["number"]: row["key"] for row in list_people(connection, YEAR)}, document


def test_nothing_is_wrong_with_a_plan(planned: tuple[Sample, dict[str, str], dict[str, Any]]) -> None:
    sample, keys, document = planned
    assert len(document["stops"]) > 40
    assert check_year(sample.lists, keys, document) == []


def _forget_pupil(session: dict[str, Any]) -> None:
    session["runs"][0]["calls"][0]["pupils"].pop()


def _seat_twice(session: dict[str, Any]) -> None:
    session["runs"][0]["calls"][0]["pupils"].append(session["runs"][0]["calls"][0]["pupils"][0])


def _fly(session: dict[str, Any]) -> None:
    run = max(session["runs"], key=lambda one: len(one["calls"]))
    run["calls"][0]["at"] = run["calls"][1]["at"]


def _ride_long(session: dict[str, Any]) -> None:
    session["runs"][0]["calls"][0]["at"] -= 7_200


def _cram(session: dict[str, Any]) -> None:
    first, second = session["runs"][:2]
    first["calls"][0]["pupils"] += [pupil for call in second["calls"] for pupil in call["pupils"]] * 9


def _come_late(session: dict[str, Any]) -> None:
    session["runs"][0]["at"] += 3_600


def _share_vehicle(session: dict[str, Any]) -> None:
    session["runs"][0]["vehicle"] = session["runs"][-1]["vehicle"]


@pytest.mark.parametrize("spoil", [_forget_pupil, _seat_twice, _fly, _ride_long, _cram, _come_late, _share_vehicle])
def test_every_fault_is_found(
    planned: tuple[Sample, dict[str, str], dict[str, Any]], spoil: Callable[[dict[str, Any]], None]
) -> None:
    sample, keys, document = planned
    spoilt = copy.deepcopy(document)
    spoil(next(one for one in spoilt["sessions"] if one["way"] == "morning"))
    assert check_year(sample.lists, keys, spoilt) != []
