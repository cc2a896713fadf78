"""What the clock does to runs: requests nobody answered, runs nobody ended or began, doors nobody need know."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy.orm import Session
from tests.carpool.served import MORNING, village

from mobigo.carpool import keeping, store
from mobigo.cli.carpool_rides import CarpoolRides
from mobigo.db.session import driver
from mobigo.settings import read_settings
from mobigo.street.drives import Drives

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.carpool.served import Served

STRAIGHT = Drives(None)
EIGHT = "2026-11-23T08:00:00+01:00"


@pytest.fixture(scope="module")
def place(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with village(test_cluster, tmp_path_factory.mktemp("home")) as found:
        yield found


@pytest.fixture
def served(place: Served) -> Served:
    place.reset()
    place.know("dora", "paul")
    return place


def keep(served: Served, find: Callable[..., list[str]], work: Callable[..., object], at: datetime) -> list[object]:
    """Do what the job does at an instant."""
    with Session(served.engine) as session:
        due = find(driver(session), at)
    done = []
    for one in due:
        with Session(served.engine) as session, session.begin():
            done.append(work(session, STRAIGHT, b"", one, at))
    return done


def close_all(served: Served, at: datetime) -> list[object]:
    return keep(served, keeping.list_unended, keeping.close, at)


def offer_and_book(served: Served, **changes: object) -> tuple[dict[str, Any], dict[str, Any]]:
    body = {"departs_at": EIGHT, "seats": 2, "line": "epoisses-les-laumes", **changes}
    status, run = served.say("dora", "POST", "/runs", body)
    assert status == 201, run
    ends = {"board": {"stop_id": run["stops"][0]["id"]}, "alight": {"stop_id": run["stops"][-1]["id"]}}
    status, booking = served.say("paul", "POST", "/bookings", {"run": run["id"], **ends, "note": "by the oak"})
    assert status == 201, booking
    return run, booking


def look(served: Served, booking: dict[str, Any]) -> tuple[str, str | None]:
    seen = served.say("paul", "GET", f"/bookings/{booking['id']}")[1]
    return seen["state"], seen["reason"]


def test_a_request_that_nobody_answered_ends_when_the_car_was_to_be_there(served: Served) -> None:
    _, booking = offer_and_book(served, confirmation="driver")
    at = MORNING + timedelta(minutes=60)
    assert keep(served, keeping.list_unanswered, keeping.give_up, at) == []
    assert keep(served, keeping.list_unanswered, keeping.give_up, at + timedelta(seconds=1)) == [True]
    assert look(served, booking) == ("CANCELLED", "unanswered")
    assert "carpool_unanswered" in [one.template for one in served.list_messages(f"carpool:{booking['id']}")]


def test_a_run_that_nobody_ended_has_ended_six_hours_after(served: Served) -> None:
    run, booking = offer_and_book(served)
    served.go(MORNING + timedelta(minutes=60))
    served.say("dora", "POST", f"/runs/{run['id']}/begin", {})
    arrives = datetime.fromisoformat(run["arrives_at"])
    assert close_all(served, arrives + timedelta(hours=6)) == []
    assert close_all(served, arrives + timedelta(hours=6, seconds=1)) == ["ended"]
    assert look(served, booking) == ("COMPLETED_PENDING_VALIDATION", None)


def test_a_run_that_never_began_did_not_take_place(served: Served) -> None:
    run, booking = offer_and_book(served)
    arrives = datetime.fromisoformat(run["arrives_at"])
    assert close_all(served, arrives + timedelta(hours=25)) == []  # a phone may report a day later
    assert close_all(served, arrives + timedelta(hours=25, seconds=1)) == ["cancelled"]
    assert look(served, booking) == ("CANCELLED", "not_driven")


def test_a_run_that_never_began_but_in_which_somebody_got_on_took_place(served: Served) -> None:
    run, booking = offer_and_book(served)
    with Session(served.engine) as session, session.begin():
        driver(session).execute(
            "UPDATE carpool_booking SET boarded_at = %s WHERE id = %s", [MORNING + timedelta(hours=1), booking["id"]]
        )
    arrives = datetime.fromisoformat(run["arrives_at"])
    assert close_all(served, arrives + timedelta(hours=26)) == ["ended"]
    assert look(served, booking)[0] == "COMPLETED_PENDING_VALIDATION"


def test_whoever_comes_second_finds_nothing_to_do(served: Served) -> None:
    run, booking = offer_and_book(served, confirmation="driver")
    late = datetime.fromisoformat(run["arrives_at"]) + timedelta(hours=26)
    with Session(served.engine) as session:
        assert keeping.list_unended(driver(session), late) == [run["id"]]
    assert keep(served, keeping.list_unanswered, keeping.give_up, late) == [True]
    assert close_all(served, late) == ["cancelled"]
    with Session(served.engine) as session, session.begin():
        assert keeping.give_up(session, STRAIGHT, b"", booking["id"], late) is False
        assert keeping.close(session, STRAIGHT, b"", run["id"], late) is None


def test_notes_and_doors_are_forgotten_and_what_is_paid_by_stays(served: Served) -> None:
    places = [{"lat": 47.50364, "lon": 4.1707, "name": "12 rue du Puits"}, {"lat": 47.53764, "lon": 4.43994}]
    run, booking = offer_and_book(served, line=None, places=places)
    with Session(served.engine) as session, session.begin():
        keeping.forget(session, MORNING + timedelta(days=31))
        assert store.get_booking(driver(session), booking["id"]).note == ""
        assert store.get_run(driver(session), run["id"]).stops[0].name == "12 rue du Puits"
        assert keeping.forget(session, MORNING + timedelta(days=61)) == 1
        stop = store.get_run(driver(session), run["id"]).stops[0]
        assert (stop.name, stop.point.lon, stop.point.lat) == ("", pytest.approx(4.17), pytest.approx(47.5))
        assert store.get_run(driver(session), run["id"]).stops[-1].metres == run["stops"][-1]["metres"]
        assert keeping.forget(session, MORNING + timedelta(days=61)) == 0


def test_who_waits_is_told_of_every_five_minutes_that_the_car_becomes_later_once(served: Served) -> None:
    run, _ = offer_and_book(served)
    served.know("rosa")
    ends = {"board": {"line_stop": "semur-en-auxois"}, "alight": {"line_stop": "les-laumes"}}
    booking = served.say("rosa", "POST", "/bookings", {"run": run["id"], **ends})[1]

    def drive(minutes: int, path: str, body: dict[str, Any]) -> list[str | None]:
        served.go(MORNING + timedelta(minutes=minutes))
        status, answer = served.say("dora", "POST", f"/runs/{run['id']}/{path}", body)
        assert status == 200, answer
        told = served.list_messages(f"carpool:{booking['id']}")
        return [one.body for one in told if one.template == "carpool_late"]

    start = {"lat": run["stops"][0]["lat"], "lon": run["stops"][0]["lon"]}
    assert drive(64, "begin", {}) == []
    first = drive(66, "position", start)
    assert len(first) == 1
    assert "vers 08:26" in str(first[0])
    assert drive(67, "position", start) == first
    second = drive(71, "position", start)
    assert len(second) == 2
    assert drive(91, "passed", {"stop_id": run["stops"][1]["id"]}) == second  # the car was there
    assert drive(92, "position", {"lat": run["stops"][1]["lat"], "lon": run["stops"][1]["lon"]}) == second


def test_those_of_a_booking_are_told_what_the_other_does_and_nobodys_name(served: Served) -> None:
    served.know("rosa")
    run, booking = offer_and_book(served, confirmation="driver", departs_at="2026-11-23T12:00:00+01:00")
    served.say("dora", "POST", f"/bookings/{booking['id']}/confirm", {})
    reminders = [one for one in served.list_messages(f"carpool:{booking['id']}") if one.template == "carpool_reminder"]
    assert [one.due_at for one in reminders] == [datetime.fromisoformat("2026-11-23T11:00:00+01:00")]
    served.say("paul", "POST", f"/bookings/{booking['id']}/cancel", {})
    told = served.list_messages(f"carpool:{booking['id']}")
    assert [one.template for one in told] == [
        "carpool_asked", "carpool_confirmed", "carpool_reminder", "carpool_given_up",
    ]  # fmt: skip
    assert [one.state for one in told if one.template == "carpool_reminder"] == ["cancelled"]
    assert not any(name in str(one.body) for one in told for name in ("Dora", "Paul", "06"))
    assert run["stops"][0]["name"] in str(told[0].body)


def test_the_worker_does_all_that_is_due(served: Served, home: Path) -> None:
    assert home.is_dir()
    body = {"line": "epoisses-les-laumes", "seats": 3, "departs": "06:00", "weekdays": [0], "last": "2027-03-31"}
    made = served.say("dora", "POST", "/regular", body)[1]
    _, waits = offer_and_book(served, confirmation="driver")
    served.go(MORNING + timedelta(days=9))
    rides = CarpoolRides(served.engine.url.render_as_string(hide_password=False), read_settings())
    rides._clock = served.clock
    rides.lay()
    rides.keep()
    rides.forget()
    rides._engine.dispose()
    days = [one["service_date"] for one in served.say("dora", "GET", f"/regular/{made['id']}")[1]["runs"]]
    assert days[-1] == "2026-12-28"
    assert look(served, waits) == ("CANCELLED", "unanswered")
    past = served.say("dora", "GET", "/runs?from_day=2026-11-23&to_day=2026-11-30&state=cancelled")[1]["runs"]
    assert [one["service_date"] for one in past] == ["2026-11-23", "2026-11-30"]
