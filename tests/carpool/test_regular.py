"""Runs that come back every week: laid out by the clock on the wall, left out, ended, laid further day by day."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy.orm import Session
from tests.carpool.served import MORNING, village

from mobigo.carpool import regular
from mobigo.db.session import driver
from mobigo.street.drives import Drives

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from tests.carpool.served import Served

LINE = "epoisses-les-laumes"
STRAIGHT = Drives(None)


@pytest.fixture(scope="module")
def place(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with village(test_cluster, tmp_path_factory.mktemp("home")) as found:
        yield found


@pytest.fixture
def served(place: Served) -> Served:
    place.reset()
    place.know("dora", "paul")
    return place


@pytest.fixture(scope="module")
def unchanged(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The same for all questions that are refused."""
    with village(test_cluster, tmp_path_factory.mktemp("home")) as found:
        found.know("dora")
        yield found


def make(served: Served, **changes: object) -> dict[str, Any]:
    """Offer a run on Mondays and Wednesdays at half past seven, from today on."""
    body = {"line": LINE, "seats": 3, "departs": "07:30", "weekdays": [0, 2], "last": "2027-03-31", **changes}
    status, answer = served.say("dora", "POST", "/regular", body)
    assert status == 201, answer
    return answer


def lay_all(served: Served, now: datetime) -> int:
    """Do what the job does."""
    laid = 0
    with Session(served.engine) as session:
        due = regular.list_due(driver(session), now)
    for one in due:
        with Session(served.engine) as session, session.begin():
            laid += regular.lay_due(session, STRAIGHT, b"", one, now)
    return laid


def test_its_days_are_laid_out_four_weeks_ahead(served: Served) -> None:
    made = make(served, exceptions=["2026-12-07"])
    assert [run["service_date"] for run in made["runs"]] == [
        "2026-11-23", "2026-11-25", "2026-11-30", "2026-12-02", "2026-12-09", "2026-12-14", "2026-12-16", "2026-12-21",
    ]  # fmt: skip
    assert {run["departs_at"][10:] for run in made["runs"]} == {"T07:30:00+01:00"}
    assert all(run["regular"] == made["id"] for run in made["runs"])
    assert [one["id"] for one in served.say("dora", "GET", "/regular")[1]["regular"]] == [made["id"]]
    assert served.say("paul", "GET", "/regular")[1]["regular"] == []
    assert served.say("paul", "GET", f"/regular/{made['id']}")[1]["code"] == "unknown_regular"


def test_a_day_that_has_passed_its_hour_has_no_run(served: Served) -> None:
    assert make(served, departs="06:59")["runs"][0]["service_date"] == "2026-11-25"


def test_days_that_come_near_are_laid_out_once_however_often_it_is_tried(served: Served) -> None:
    made = make(served)
    later = MORNING + timedelta(days=7)
    assert lay_all(served, MORNING) == 0
    assert lay_all(served, later) == 2
    assert lay_all(served, later) == 0
    days = [run["service_date"] for run in served.say("dora", "GET", f"/regular/{made['id']}")[1]["runs"]]
    assert days[-1] == "2026-12-28"
    assert len(days) == len(set(days))


def test_it_departs_by_the_clock_on_the_wall_also_when_the_clocks_change(served: Served) -> None:
    served.go(MORNING.replace(year=2027, month=3, day=15))
    made = make(served, weekdays=[4, 0], last="2027-04-30")
    around = [run["departs_at"] for run in made["runs"] if "2027-03-26" <= run["service_date"] <= "2027-03-29"]
    assert around == ["2027-03-26T07:30:00+01:00", "2027-03-29T07:30:00+02:00"]
    at_night = make(served, departs="02:30", weekdays=[6], last="2027-04-30")  # an hour that is leapt over
    assert [run["departs_at"] for run in at_night["runs"] if run["service_date"] == "2027-03-28"] == [
        "2027-03-28T03:30:00+02:00"
    ]


def test_a_day_left_out_is_taken_back_and_who_has_booked_is_told(served: Served) -> None:
    made = make(served)
    run = made["runs"][1]
    body = {"run": run["id"], "board": {"line_stop": "epoisses"}, "alight": {"line_stop": "les-laumes"}}
    booking = served.say("paul", "POST", "/bookings", body)[1]
    way = f"/regular/{made['id']}/leave-out"
    status, left = served.say("dora", "POST", way, {"days": ["2026-11-25", "2026-12-23"]})
    assert (status, left["exceptions"]) == (200, ["2026-11-25", "2026-12-23"])
    assert served.say("paul", "GET", f"/bookings/{booking['id']}")[1]["reason"] == "run_cancelled"
    assert lay_all(served, MORNING + timedelta(days=7)) == 1  # 30 December; the 23rd is left out
    assert served.say("dora", "POST", way, {"days": ["2026-11-24"]})[1]["code"] == "unknown_day"
    assert served.say("paul", "POST", way, {"days": ["2026-11-25"]})[1]["code"] == "unknown_regular"
    told = [one.template for one in served.list_messages(f"carpool:{booking['id']}")]
    assert "carpool_refused" in told


def test_ended_all_that_has_not_set_out_is_taken_back(served: Served) -> None:
    made = make(served)
    served.go(MORNING + timedelta(minutes=31))
    assert served.say("dora", "POST", f"/runs/{made['runs'][0]['id']}/begin", {})[0] == 200
    way = f"/regular/{made['id']}/end"
    status, ended = served.say("dora", "POST", way, {})
    assert (status, [run["state"] for run in ended["runs"]][:2]) == (200, ["driving", "cancelled"])
    assert served.say("dora", "POST", way, {})[1]["code"] == "booking_ended"
    assert lay_all(served, MORNING + timedelta(days=7)) == 0


def test_a_day_on_which_the_driver_is_busy_is_left_and_laid_out_once_they_are_free(served: Served) -> None:
    body = {"departs_at": "2026-11-25T07:40:00+01:00", "seats": 1, "line": LINE}
    other = served.say("dora", "POST", "/runs", body)[1]
    made = make(served)
    assert "2026-11-25" not in [run["service_date"] for run in made["runs"]]
    served.say("dora", "POST", f"/runs/{other['id']}/cancel", {})
    assert lay_all(served, MORNING) == 1


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"weekdays": []}, 422, "validation_failed"),
        ({"weekdays": [7]}, 422, "validation_failed"),
        ({"departs": "7:30"}, 422, "validation_failed"),
        ({"departs": "24:00"}, 422, "validation_failed"),
        ({"last": "2026-11-01"}, 400, "invalid_series"),
        ({"last": "2028-11-01"}, 400, "invalid_series"),
        ({"last": "2026-11-24", "weekdays": [2]}, 400, "invalid_series"),
        ({"line": "nowhere"}, 404, "unknown_line"),
        ({"from_stop": "les-laumes"}, 400, "invalid_run"),
        ({"line": None}, 400, "invalid_run"),
        ({"driver": "somebody"}, 403, "role_required"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(
    unchanged: Served, changes: dict[str, Any], status: int, code: str
) -> None:
    body = {"line": LINE, "seats": 3, "departs": "07:30", "weekdays": [0, 2], "last": "2027-03-31", **changes}
    found, answer = unchanged.say("dora", "POST", "/regular", body)
    assert (found, answer["code"]) == (status, code)
    assert unchanged.say("dora", "GET", "/regular")[1]["regular"] == []
