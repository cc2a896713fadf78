"""Runs: offered along a line or from place to place, changed, driven with a delay that is told, ended, taken back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.carpool.served import MORNING, village

from mobigo.accounts.model import Role

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.carpool.served import Served

LINE = "epoisses-les-laumes"
EIGHT = "2026-11-23T08:00:00+01:00"


@pytest.fixture(scope="module")
def place(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with village(test_cluster, tmp_path_factory.mktemp("home")) as found:
        yield found


@pytest.fixture
def served(place: Served) -> Served:
    place.reset()
    place.know("dora", "paul", "rosa")
    return place


@pytest.fixture(scope="module")
def unchanged(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The same for all questions that are refused."""
    with village(test_cluster, tmp_path_factory.mktemp("home")) as found:
        found.know("dora")
        yield found


def offer(served: Served, user: str = "dora", **changes: object) -> dict[str, Any]:
    """Offer a run along the line at eight."""
    body = {"departs_at": EIGHT, "seats": 2, "line": LINE, "plate": "AB-123-CD", **changes}
    status, answer = served.say(user, "POST", "/runs", body)
    assert status == 201, answer
    return answer


def test_a_run_along_a_line_stops_at_its_stops_and_has_its_metres(served: Served) -> None:
    run = offer(served)
    assert [(stop["line_stop"], stop["metres"]) for stop in run["stops"]] == [
        ("epoisses", 0),
        ("semur-en-auxois", 17_658),
        ("les-laumes", 30_000),
    ]
    assert run["departs_at"] == EIGHT
    assert run["service_date"] == "2026-11-23"
    assert (run["state"], run["seats_free"], run["confirmation"]) == ("planned", 2, "instant")
    assert [stop["seats_free"] for stop in run["stops"]] == [2, 2, 0]


def test_against_the_line_its_metres_count_from_the_other_end(served: Served) -> None:
    run = offer(served, direction=1, to_stop="semur-en-auxois")
    assert [(stop["line_stop"], stop["metres"]) for stop in run["stops"]] == [
        ("les-laumes", 0),
        ("semur-en-auxois", 12_342),
    ]


def test_a_run_on_no_line_goes_from_place_to_place_and_only_who_rides_sees_it(served: Served) -> None:
    places = [{"lat": 47.5, "lon": 4.2, "name": "Home"}, {"lat": 47.55, "lon": 4.5}]
    run = offer(served, line=None, places=places)
    assert [stop["name"] for stop in run["stops"]] == ["Home", "47.55000, 4.50000"]
    assert run["line"] is None
    assert run["stops"][1]["metres"] > 25_000
    assert served.say("paul", "GET", f"/runs/{run['id']}")[0] == 404
    booking = {"run": run["id"], "board": {"stop_id": run["stops"][0]["id"]}, "alight": {"lat": 47.52, "lon": 4.35}}
    assert served.say("paul", "POST", "/bookings", booking)[0] == 201
    assert served.say("paul", "GET", f"/runs/{run['id']}")[0] == 200


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"seats": 0}, 422, "validation_failed"),
        ({"seats": 9}, 422, "validation_failed"),
        ({"departs_at": "2026-11-23T08:00:00"}, 422, "validation_failed"),
        ({"departs_at": "2026-11-23T06:50:00+01:00"}, 400, "invalid_instant"),
        ({"departs_at": "2027-11-23T08:00:00+01:00"}, 400, "invalid_instant"),
        ({"line": "nowhere"}, 404, "unknown_line"),
        ({"from_stop": "dijon"}, 404, "unknown_stop"),
        ({"from_stop": "les-laumes"}, 400, "invalid_run"),
        ({"from_stop": "semur-en-auxois", "to_stop": "epoisses"}, 400, "invalid_run"),
        ({"line": None}, 400, "invalid_run"),
        ({"places": [{"lat": 47.5, "lon": 4.2}, {"lat": 47.6, "lon": 4.2}]}, 400, "invalid_run"),
        ({"line": None, "places": [{"lat": 47.5, "lon": 4.2}]}, 400, "invalid_run"),
        ({"line": None, "places": [{"lat": 47.5, "lon": 4.2}] * 2}, 400, "invalid_run"),
        ({"driver": "somebody"}, 403, "role_required"),
        ({"surprise": 1}, 422, "validation_failed"),
        ({"seats": None}, 400, "invalid_run"),
        ({"car": "car_none"}, 404, "unknown_car"),
        ({"plate": "!"}, 400, "invalid_plate"),
    ],
)
def test_a_run_that_makes_no_sense_is_refused(
    unchanged: Served, changes: dict[str, Any], status: int, code: str
) -> None:
    body = {"departs_at": EIGHT, "seats": 2, "line": LINE, **changes}
    found, answer = unchanged.say("dora", "POST", "/runs", body)
    assert (found, answer["code"]) == (status, code)


def test_seats_and_plate_are_those_of_the_car_that_is_named(served: Served) -> None:
    car = served.say("dora", "POST", "/me/cars", {"plate": "ZZ-999-ZZ", "name": "Blue Clio", "seats": 3})[1]
    run = offer(served, car=car["id"], seats=None, plate=None)
    assert (run["seats"], run["plate"]) == (3, "ZZ999ZZ")
    assert served.say("paul", "POST", "/runs", {"line": LINE, "car": car["id"]})[1]["code"] == "unknown_car"


def test_nobody_drives_who_has_not_declared_to_be_of_age(served: Served) -> None:
    body = {"departs_at": EIGHT, "seats": 2, "line": LINE}
    assert served.say("minor", "POST", "/runs", body)[1]["code"] == "adults_only"
    served.know("minor", adult=False)
    assert served.say("minor", "POST", "/runs", body)[1]["code"] == "adults_only"


def test_nobody_drives_twice_at_once(served: Served) -> None:
    offer(served)
    body = {"departs_at": "2026-11-23T08:20:00+01:00", "seats": 2, "line": LINE}
    assert served.say("dora", "POST", "/runs", body)[1]["code"] == "busy_then"
    offer(served, departs_at="2026-11-23T09:00:00+01:00", direction=1)


def test_the_staff_offers_for_somebody(served: Served) -> None:
    body = {"departs_at": EIGHT, "seats": 2, "line": LINE, "driver": served.people["dora"]}
    status, run = served.say("dispo", "POST", "/runs", body, role=Role.CARPOOL)
    assert (status, run["driver"]) == (201, served.people["dora"])
    assert served.say("audit", "POST", "/runs", body, role=Role.AUDITOR)[0] == 403
    nobody = served.say("dispo", "POST", "/runs", {**body, "driver": None}, role=Role.CARPOOL)
    assert nobody[1]["code"] == "invalid_input"


def test_runs_are_listed_to_who_drives_and_to_who_could_ride(served: Served) -> None:
    run = offer(served)
    offer(served, departs_at="2026-11-24T08:00:00+01:00", direction=1)
    own = served.say("dora", "GET", "/runs")[1]["runs"]
    assert [one["direction"] for one in own] == [0, 1]
    assert own[0]["plate"] == "AB123CD"
    assert served.say("paul", "GET", "/runs")[1]["runs"] == []
    found = served.say("paul", "GET", f"/runs?line={LINE}&direction=0&from_day=2026-11-23&to_day=2026-11-23")[1]["runs"]
    assert [one["id"] for one in found] == [run["id"]]
    assert found[0]["plate"] is None
    assert found[0]["bookings"] is None
    assert served.say("paul", "GET", f"/runs?driver={served.people['dora']}")[0] == 403
    page = served.say("dora", "GET", "/runs?limit=1")[1]
    rest = served.say("dora", "GET", f"/runs?limit=1&cursor={page['next_cursor'].replace('+', '%2B')}")[1]
    assert [one["id"] for one in page["runs"] + rest["runs"]] == [one["id"] for one in own]
    assert rest["next_cursor"] is None
    assert served.say("dora", "GET", "/runs?cursor=nonsense")[1]["code"] == "invalid_cursor"


def test_what_is_offered_changes_but_not_below_what_is_booked(served: Served) -> None:
    run = offer(served)
    ends = {"board": {"line_stop": "epoisses"}, "alight": {"line_stop": "semur-en-auxois"}}
    assert served.say("paul", "POST", "/bookings", {"run": run["id"], **ends, "seats": 2})[0] == 201
    assert served.say("dora", "PATCH", f"/runs/{run['id']}", {"seats": 1})[1]["code"] == "seats_booked"
    changed = served.say("dora", "PATCH", f"/runs/{run['id']}", {"seats": 3, "confirmation": "driver"})[1]
    assert (changed["seats"], changed["confirmation"], changed["seats_free"]) == (3, "driver", 1)
    assert changed["revision"] > run["revision"]
    assert served.say("paul", "PATCH", f"/runs/{run['id']}", {"seats": 3})[1]["code"] == "unknown_run"


def test_a_car_on_its_way_says_how_late_it_is(served: Served) -> None:
    run = offer(served)
    first, middle, last = run["stops"]
    way = f"/runs/{run['id']}"
    booked = {"run": run["id"], "board": {"stop_id": middle["id"]}, "alight": {"stop_id": last["id"]}}
    booking = served.say("paul", "POST", "/bookings", booked)[1]
    assert served.say("dora", "POST", f"{way}/position", {"lat": 47.5, "lon": 4.2})[1]["code"] == "run_not_driving"
    early = served.say("dora", "POST", f"{way}/begin", {"at": "2026-11-23T06:40:00+01:00"})
    assert early[1]["code"] == "too_early"
    served.go(MORNING + timedelta(minutes=65))
    begun = served.say("dora", "POST", f"{way}/begin", {})[1]
    assert (begun["state"], begun["delay_seconds"]) == ("driving", 300)
    assert begun["stops"][0]["passed_at"] == "2026-11-23T08:05:00+01:00"
    assert served.say("dora", "POST", f"{way}/begin", {})[1]["revision"] == begun["revision"]
    served.go(MORNING + timedelta(minutes=75))
    there = {"lat": first["lat"], "lon": first["lon"]}
    located = served.say("dora", "POST", f"{way}/position", there)[1]
    assert located["delay_seconds"] == 900  # still where it began, a quarter of an hour late
    seen = served.say("paul", "GET", f"/bookings/{booking['id']}")[1]
    assert seen["delay_seconds"] == 900
    assert seen["position"]["lat"] == pytest.approx(first["lat"])
    assert seen["plate"] == "AB123CD"
    planned = seen["board"]["promised_at"], seen["board"]["expected_at"]
    assert planned == ("2026-11-23T08:20:08+01:00", "2026-11-23T08:35:08+01:00")
    stale = {**there, "at": "2026-11-23T08:06:00+01:00"}
    assert served.say("dora", "POST", f"{way}/position", stale)[1]["revision"] == located["revision"]
    ahead = {**there, "at": "2026-11-23T09:06:00+01:00"}
    assert served.say("dora", "POST", f"{way}/position", ahead)[1]["code"] == "invalid_instant"
    served.go(MORNING + timedelta(minutes=92))
    passed = served.say("dora", "POST", f"{way}/passed", {"stop_id": middle["id"]})[1]
    assert passed["delay_seconds"] == 92 * 60 - 80 * 60 - 8
    assert served.say("rosa", "POST", "/bookings", booked)[1]["code"] == "places_gone"  # the car was there
    served.go(MORNING + timedelta(minutes=110))
    ended = served.say("dora", "POST", f"{way}/end", {})[1]
    assert ended["state"] == "ended"
    assert ended["position"] is None
    assert served.say("dora", "POST", f"{way}/end", {})[1]["revision"] == ended["revision"]
    assert served.say("paul", "GET", f"/bookings/{booking['id']}")[1]["state"] == "COMPLETED_PENDING_VALIDATION"
    history = served.say("dora", "GET", f"{way}/history")[1]["history"]
    assert [one["after"] for one in history if one["what"] == "moved"] == [
        "planned", "CONFIRMED", "driving", "COMPLETED_PENDING_VALIDATION", "ended",
    ]  # fmt: skip
    assert served.say("paul", "GET", f"{way}/history")[0] == 404


def test_a_position_at_a_stop_says_that_the_car_has_been_there_and_a_leap_says_nothing(served: Served) -> None:
    run = offer(served)
    first, middle, last = run["stops"]
    way = f"/runs/{run['id']}"

    def locate(minutes: int, stop: dict[str, Any], north: float = 0) -> dict[str, Any]:
        served.go(MORNING + timedelta(minutes=minutes))
        point = {"lat": stop["lat"] + north, "lon": stop["lon"]}
        status, answer = served.say("dora", "POST", f"{way}/position", point)
        assert status == 200, answer
        return answer

    served.go(MORNING + timedelta(minutes=60))
    served.say("dora", "POST", f"{way}/begin", {})
    assert locate(61, first)["stops"][1]["passed_at"] is None
    leapt = locate(62, last)
    assert leapt["stops"][2]["passed_at"] is None
    assert leapt["position"]["lon"] == pytest.approx(first["lon"])
    assert locate(81, middle, north=0.01)["stops"][1]["passed_at"] is None
    there = locate(82, middle, north=0.001)
    assert there["stops"][1]["passed_at"] == "2026-11-23T08:22:00+01:00"
    assert there["delay_seconds"] > 60
    assert locate(100, last)["stops"][2]["passed_at"] is not None


def test_a_car_that_is_early_still_waits_for_who_has_booked(served: Served) -> None:
    run = offer(served)
    middle = run["stops"][1]
    body = {"run": run["id"], "board": {"stop_id": middle["id"]}, "alight": {"line_stop": "les-laumes"}}
    served.say("paul", "POST", "/bookings", body)
    served.go(MORNING + timedelta(minutes=55))
    served.say("dora", "POST", f"/runs/{run['id']}/begin", {})
    for minutes, passed in ((75, False), (81, True)):
        served.go(MORNING + timedelta(minutes=minutes))
        seen = served.say("dora", "POST", f"/runs/{run['id']}/position", {"lat": middle["lat"], "lon": middle["lon"]})[
            1
        ]
        assert (seen["stops"][1]["passed_at"] is not None) == passed


def test_who_waits_for_a_car_that_broke_down_is_told_and_pays_nothing(served: Served) -> None:
    run = offer(served)
    bookings = {}
    for user, board in (("paul", "epoisses"), ("rosa", "semur-en-auxois")):
        body = {"run": run["id"], "board": {"line_stop": board}, "alight": {"line_stop": "les-laumes"}}
        bookings[user] = served.say(user, "POST", "/bookings", body)[1]
    served.go(MORNING + timedelta(minutes=60))
    served.say("dora", "POST", f"/runs/{run['id']}/begin", {})
    assert served.say("dora", "POST", f"/runs/{run['id']}/end", {"broken_down": True})[0] == 200
    states = {user: served.say(user, "GET", f"/bookings/{one['id']}")[1] for user, one in bookings.items()}
    assert states["paul"]["state"] == "COMPLETED_PENDING_VALIDATION"
    assert (states["rosa"]["state"], states["rosa"]["reason"]) == ("CANCELLED", "not_driven")
    assert "carpool_refused" in [one.template for one in served.list_messages(f"carpool:{bookings['rosa']['id']}")]


def test_a_run_taken_back_cancels_what_is_booked(served: Served) -> None:
    run = offer(served)
    booked = {"run": run["id"], "board": {"line_stop": "epoisses"}, "alight": {"line_stop": "les-laumes"}}
    booking = served.say("paul", "POST", "/bookings", booked)[1]
    cancelled = served.say("dora", "POST", f"/runs/{run['id']}/cancel", {"reason": "ill"})[1]
    assert (cancelled["state"], cancelled["seats_free"]) == ("cancelled", 0)
    seen = served.say("paul", "GET", f"/bookings/{booking['id']}")[1]
    assert (seen["state"], seen["reason"]) == ("CANCELLED", "run_cancelled")
    assert served.say("rosa", "POST", "/bookings", booked)[1]["code"] == "run_over"
    assert served.say("dora", "POST", f"/runs/{run['id']}/begin", {})[1]["code"] == "unlawful_move"
    offer(served)  # the time is free again


def test_a_run_across_midnight_is_of_the_day_it_departs(served: Served) -> None:
    run = offer(served, departs_at="2026-11-24T23:50:00+01:00")
    assert run["service_date"] == "2026-11-24"
    assert run["arrives_at"].startswith("2026-11-25T00:2")


def test_a_run_across_the_change_of_clocks_takes_as_long_as_ever(served: Served) -> None:
    served.go(MORNING.replace(year=2027, month=3, day=20))
    run = offer(served, departs_at="2027-03-28T01:50:00+01:00")
    assert run["arrives_at"] == "2027-03-28T03:24:13+02:00"
