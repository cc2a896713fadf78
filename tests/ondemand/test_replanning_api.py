"""The staff lets runs be rearranged over HTTP, and the worker does it by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.journeys.taxi_stand import vehicle
from tests.ondemand.taxi_town import TUESDAY, TaxiTown, open_town

from mobigo.accounts.model import Role
from mobigo.cli.improving import improve_runs
from mobigo.ondemand import replanning_api
from mobigo.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.engine import Engine


@pytest.fixture
def town(engine: Engine, home: Path, database_url: str) -> Iterator[TaxiTown]:
    """A village with two vehicles that stand side by side."""
    with open_town(engine, home, database_url, vehicles=(vehicle("one"), vehicle("two"))) as town:
        yield town


def read_vehicles(town: TaxiTown) -> dict[str, str]:
    """Which vehicle each ride is on."""
    return dict(
        town.read("SELECT leg.id, run.vehicle FROM ondemand_leg AS leg JOIN ondemand_run AS run ON run.id = leg.run")
    )


def book_apart(town: TaxiTown, *, lock: bool = False) -> str:
    """Book two rides to the same train, and let the staff send a vehicle for each; the ride that was moved."""
    legs = [town.book(town.quote(10), note=note)["legs"][0]["id"] for note in "ab"]
    on = read_vehicles(town)
    other = {"one": "two", "two": "one"}[on[legs[0]]]
    body = {"leg_id": legs[1], "vehicle_id": other, "lock": lock}
    answer = town.post("runs/move", body, **town.token(Role.DISPATCHER))
    assert answer.status_code == 200, answer.text
    assert len(set(read_vehicles(town).values())) == 2
    return str(legs[1])


def improve(town: TaxiTown, **body: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of the body
    answer = town.post("runs/improve", {"seconds": 1, **body}, **town.token(Role.DISPATCHER))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_two_rides_to_one_train_are_put_into_one_vehicle(town: TaxiTown) -> None:
    book_apart(town)
    (day,) = improve(town)["days"]
    assert (day["operator"], day["day"]) == ("op", TUESDAY.date().isoformat())
    assert day["cost_after"] < 0.7 * day["cost_before"]
    (move,) = day["moves"]
    assert set(day["runs"]) == {move["from_run"], move["to_run"]}
    assert len(set(read_vehicles(town).values())) == 1
    (note,) = town.read("SELECT leg, by FROM ondemand_history WHERE what = 'replanned'")
    assert note == (move["leg"], "dispatcher")
    late = town.read("SELECT 1 FROM ondemand_event WHERE arrival > latest OR departure < earliest")
    assert late == []


def test_nothing_better_changes_nothing(town: TaxiTown) -> None:
    assert improve(town) == {"days": []}
    town.book(town.quote(10))
    before = town.read("SELECT * FROM ondemand_event ORDER BY run, position")
    (day,) = improve(town)["days"]
    assert (day["runs"], day["moves"], day["cost_after"]) == ([], [], day["cost_before"])
    assert town.read("SELECT * FROM ondemand_event ORDER BY run, position") == before


def test_a_ride_that_the_staff_locked_stays(town: TaxiTown) -> None:
    leg = book_apart(town, lock=True)
    was = read_vehicles(town)[leg]
    improve(town)
    assert read_vehicles(town)[leg] == was


def test_only_the_operator_and_day_that_are_named(town: TaxiTown) -> None:
    book_apart(town)
    assert improve(town, day="2026-01-01") == {"days": []}
    assert improve(town, operator="op")["days"][0]["moves"]


def test_who_may_and_what_is_refused(town: TaxiTown) -> None:
    assert town.post("runs/improve").status_code == 401
    assert town.post("runs/improve", **town.token(Role.DRIVER)).status_code == 403
    staff = town.token(Role.DISPATCHER)
    for body in ({"seconds": 0}, {"seconds": 3_600}, {"seconds": "long"}, {"day": "tomorrow"}):
        assert town.post("runs/improve", body, **staff).status_code == 422, body
    unknown = town.post("runs/improve", {"operator": "nobody"}, **staff)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_operator")
    with replanning_api._thinking:
        busy = town.post("runs/improve", {}, **staff)
    assert busy.status_code == 409
    assert "already" in busy.json()["detail"]


def test_the_worker_does_it_by_itself(town: TaxiTown) -> None:
    book_apart(town)
    improve_runs(town.database_url, read_settings())
    assert len(set(read_vehicles(town).values())) == 1
