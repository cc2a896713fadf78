"""Seats: booked between stops or at places on the way, answered by the driver, changed, cancelled, missed."""

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


@pytest.fixture(scope="module")
def place(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with village(test_cluster, tmp_path_factory.mktemp("home")) as found:
        yield found


@pytest.fixture
def served(place: Served) -> Served:
    place.reset()
    place.know("dora", "paul", "rosa", "ivan")
    return place


@pytest.fixture(scope="module")
def unchanged(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The same for all questions that are refused."""
    with village(test_cluster, tmp_path_factory.mktemp("home")) as found:
        found.know("dora", "paul")
        found.people["run"] = offer(found)["id"]
        yield found


def offer(served: Served, user: str = "dora", hour: str = "08:00", **changes: object) -> dict[str, Any]:
    """Offer a run along the line."""
    body = {"departs_at": f"2026-11-23T{hour}:00+01:00", "seats": 2, "line": LINE, **changes}
    status, answer = served.say(user, "POST", "/runs", body)
    assert status == 201, answer
    return answer


def ask(run: dict[str, Any], board: str = "epoisses", alight: str = "les-laumes", **more: object) -> dict[str, Any]:
    """Write the body of a booking between two stops of the line."""
    return {"run": run["id"], "board": {"line_stop": board}, "alight": {"line_stop": alight}, **more}


def book(served: Served, user: str, body: dict[str, Any]) -> dict[str, Any]:
    status, answer = served.say(user, "POST", "/bookings", body)
    assert status == 201, answer
    return answer


def look(served: Served, user: str, booking: dict[str, Any]) -> dict[str, Any]:
    status, answer = served.say(user, "GET", f"/bookings/{booking['id']}")
    assert status == 200, answer
    return answer


def test_a_seat_is_confirmed_at_once_and_its_price_is_frozen(served: Served) -> None:
    booking = book(served, "paul", ask(offer(served), seats=2, note="red coat"))
    assert (booking["state"], booking["price_cents"], booking["note"]) == ("CONFIRMED", 300, "red coat")
    assert booking["board"]["promised_at"] == "2026-11-23T08:00:00+01:00"
    assert booking["passenger"] == served.people["paul"]
    own = served.say("paul", "GET", "/bookings")[1]["bookings"]
    assert [one["id"] for one in own] == [booking["id"]]
    assert served.say("rosa", "GET", "/bookings")[1]["bookings"] == []


def test_seats_are_counted_on_each_stretch(served: Served) -> None:
    run = offer(served)
    book(served, "paul", ask(run, "epoisses", "semur-en-auxois", seats=2))
    assert served.say("rosa", "POST", "/bookings", ask(run))[1]["code"] == "places_gone"
    book(served, "rosa", ask(run, "semur-en-auxois", "les-laumes", seats=2))  # where the others get off
    free = [stop["seats_free"] for stop in served.say("ivan", "GET", f"/runs/{run['id']}")[1]["stops"]]
    assert free == [0, 0, 0]


def test_where_places_are_gone_others_are_named_the_nearest_first(served: Served) -> None:
    run = offer(served)
    later = offer(served, "rosa", "09:30")
    sooner = offer(served, "ivan", "08:30")
    offer(served, "dora", "12:30")  # too late to be an alternative
    book(served, "paul", ask(run, seats=2))
    served.know("zoe")
    status, answer = served.say("zoe", "POST", "/bookings", ask(run))
    assert (status, answer["code"]) == (409, "places_gone")
    assert [one["run_id"] for one in answer["alternatives"]] == [sooner["id"], later["id"]]
    assert book(served, "zoe", {"quote": answer["alternatives"][0]["quote"]})["state"] == "CONFIRMED"


def test_a_place_on_the_way_becomes_a_stop_and_is_none_again_when_nobody_needs_it(served: Served) -> None:
    run = offer(served)
    mid = {"lat": 47.505, "lon": 4.25, "name": "Bois"}
    booking = book(served, "paul", {**ask(run), "board": mid})
    seen = served.say("dora", "GET", f"/runs/{run['id']}")[1]
    assert [stop["name"] for stop in seen["stops"]] == ["Époisses", "Bois", "Semur-en-Auxois", "Les Laumes"]
    assert [stop["metres"] for stop in seen["stops"]] == [0, 8087, 17_658, 30_000]  # the line's own stay
    assert seen["stops"][2]["planned_at"] > run["stops"][1]["planned_at"]
    served.say("paul", "POST", f"/bookings/{booking['id']}/cancel", {})
    seen = served.say("dora", "GET", f"/runs/{run['id']}")[1]
    assert [(stop["id"], stop["planned_at"]) for stop in seen["stops"]] == [
        (stop["id"], stop["planned_at"]) for stop in run["stops"]
    ]
    assert look(served, "paul", booking)["board"]["name"] == "Bois"  # still told where it was


def test_nobody_is_made_late_beyond_the_guard(served: Served) -> None:
    run = offer(served, seats=4)
    book(served, "paul", ask(run))
    off = {"lat": 47.45, "lon": 4.25, "name": "Far off"}  # more than five minutes of detour
    status, answer = served.say("rosa", "POST", "/bookings", {**ask(run), "board": off})
    assert (status, answer["code"]) == (409, "places_gone")
    assert served.say("dora", "GET", f"/runs/{run['id']}")[1]["arrives_at"] == run["arrives_at"]
    empty = offer(served, "ivan", seats=4)
    book(served, "rosa", {**ask(empty), "board": off})  # nobody rides yet: the driver's own bound is wider


def test_a_stop_put_in_delays_who_comes_later_and_who_has_booked_keeps_the_promise(served: Served) -> None:
    run = offer(served, seats=4)
    first = book(served, "paul", ask(run))
    book(served, "rosa", {**ask(run), "board": {"lat": 47.5, "lon": 4.25}})
    seen = look(served, "paul", first)
    assert seen["alight"]["promised_at"] == first["alight"]["promised_at"]
    assert seen["alight"]["expected_at"] > first["alight"]["expected_at"]


def test_the_driver_answers_where_they_want_to(served: Served) -> None:
    run = offer(served, confirmation="driver")
    booking = book(served, "paul", ask(run))
    assert (booking["state"], booking["plate"]) == ("WAITING_CONFIRMATION", None)
    way = f"/bookings/{booking['id']}"
    assert served.say("paul", "POST", f"{way}/confirm", {})[1]["code"] == "role_required"
    assert served.say("rosa", "POST", f"{way}/confirm", {})[1]["code"] == "unknown_booking"
    confirmed = served.say("dora", "POST", f"{way}/confirm", {})
    assert (confirmed[0], confirmed[1]["state"]) == (200, "CONFIRMED")
    assert served.say("dora", "POST", f"{way}/confirm", {})[1]["code"] == "status_already_set"
    other = book(served, "rosa", ask(run))
    refused = served.say("dora", "POST", f"/bookings/{other['id']}/cancel", {"reason": "my dog comes too"})[1]
    assert (refused["state"], refused["reason"]) == ("CANCELLED", "driver")
    assert served.say("dora", "POST", f"/bookings/{other['id']}/confirm", {})[1]["code"] == "unlawful_move"


def test_who_cancels_is_written_down_and_the_seat_is_free(served: Served) -> None:
    run = offer(served)
    booking = book(served, "paul", ask(run, seats=2))
    way = f"/bookings/{booking['id']}"
    assert served.say("rosa", "POST", f"{way}/cancel", {})[1]["code"] == "unknown_booking"
    cancelled = served.say("paul", "POST", f"{way}/cancel", {})[1]
    assert (cancelled["state"], cancelled["reason"]) == ("CANCELLED", "passenger")
    assert served.say("paul", "POST", f"{way}/cancel", {})[1]["code"] == "status_already_set"
    again = book(served, "rosa", ask(run, seats=2))
    staff = served.say("boss", "POST", f"/bookings/{again['id']}/cancel", {}, role=Role.CARPOOL)[1]
    assert staff["reason"] == "staff"
    history = served.say("paul", "GET", f"{way}/history")[1]["history"]
    assert [(one["before"], one["after"]) for one in history] == [
        (None, "CONFIRMED"),
        ("CONFIRMED", "CANCELLED"),
    ]


def test_another_booking_instead_is_both_or_neither(served: Served) -> None:
    run, full = offer(served), offer(served, "ivan", "09:00", seats=1)
    book(served, "rosa", ask(full))
    booking = book(served, "paul", ask(run, seats=2))
    way = f"/bookings/{booking['id']}/change"
    assert served.say("paul", "POST", way, ask(full))[1]["code"] == "places_gone"
    assert look(served, "paul", booking)["state"] == "CONFIRMED"
    status, changed = served.say("paul", "POST", way, ask(run, "semur-en-auxois", "les-laumes", seats=1))
    assert (status, changed["state"], changed["price_cents"]) == (200, "CONFIRMED", 150)
    assert changed["id"] != booking["id"]
    assert look(served, "paul", booking)["reason"] == "replaced"
    assert served.say("paul", "POST", way, ask(run))[1]["code"] == "status_already_set"


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"seats": 0}, 422, "validation_failed"),
        ({"seats": 3}, 409, "places_gone"),
        ({"run": "rNone"}, 404, "unknown_run"),
        ({"run": None}, 400, "invalid_booking"),
        ({"board": None}, 400, "invalid_booking"),
        ({"board": {}}, 400, "invalid_place"),
        ({"board": {"line_stop": "dijon"}}, 404, "unknown_stop"),
        ({"board": {"stop_id": 999_999}}, 404, "unknown_stop"),
        ({"board": {"line_stop": "les-laumes"}}, 400, "invalid_booking"),
        ({"board": {"lat": 48.9, "lon": 4.2}}, 409, "places_gone"),
        ({"quote": "nonsense"}, 400, "forged_quote"),
        ({"passenger": "somebody"}, 403, "role_required"),
        ({"note": "nul\0"}, 422, "validation_failed"),
    ],
)
def test_a_booking_that_makes_no_sense_is_refused(
    unchanged: Served, changes: dict[str, Any], status: int, code: str
) -> None:
    found, answer = unchanged.say("paul", "POST", "/bookings", {**ask({"id": unchanged.people["run"]}), **changes})
    assert (found, answer["code"]) == (status, code)


def test_nobody_rides_with_themselves_nor_twice_at_once_nor_under_age(served: Served) -> None:
    run, other = offer(served), offer(served, "rosa", "08:10")
    assert served.say("dora", "POST", "/bookings", ask(run))[1]["code"] == "own_run"
    book(served, "paul", ask(run))
    assert served.say("paul", "POST", "/bookings", ask(other))[1]["code"] == "busy_then"
    assert served.say("rosa", "POST", "/bookings", ask(run))[1]["code"] == "busy_then"  # drives then
    assert served.say("new", "POST", "/bookings", ask(run))[1]["code"] == "adults_only"


def test_who_blocked_each_other_never_meet(served: Served) -> None:
    run = offer(served)
    met = book(served, "paul", ask(run))
    served.say("paul", "POST", f"/bookings/{met['id']}/cancel", {})
    book(served, "rosa", ask(run, seats=1))
    with served.ask("paul") as paul:
        assert paul.put(f"/v1/carpool/me/blocks/{served.people['dora']}").status_code in {200, 204}
    assert served.say("paul", "POST", "/bookings", ask(run))[1]["code"] == "unknown_run"
    assert served.say("paul", "GET", f"/runs?line={LINE}")[1]["runs"] == []
    assert served.say("paul", "GET", f"/runs/{run['id']}")[0] == 404
    met = book(served, "ivan", ask(run))
    served.say("ivan", "POST", f"/bookings/{met['id']}/cancel", {})
    with served.ask("rosa") as rosa:
        assert rosa.put(f"/v1/carpool/me/blocks/{served.people['ivan']}").status_code in {200, 204}
    assert served.say("ivan", "POST", "/bookings", ask(run))[1]["code"] == "unknown_run"  # somebody aboard


def test_who_is_not_at_the_stop_costs_nothing(served: Served) -> None:
    run = offer(served)
    booking = book(served, "paul", ask(run))
    way = f"/bookings/{booking['id']}/no-show"
    assert served.say("dora", "POST", way, {})[1]["code"] == "no_show_too_early"
    served.go(MORNING + timedelta(minutes=61))
    served.say("dora", "POST", f"/runs/{run['id']}/begin", {})
    assert served.say("paul", "POST", way, {})[1]["code"] == "role_required"
    missed = served.say("dora", "POST", way, {})[1]
    assert (missed["state"], missed["reason"]) == ("CANCELLED", "no_show")
    ended = served.say("dora", "POST", f"/runs/{run['id']}/end", {})[1]
    assert [one["state"] for one in ended["bookings"]] == ["CANCELLED"]


def test_who_waits_for_an_answer_when_the_car_arrives_has_none(served: Served) -> None:
    run = offer(served, confirmation="driver")
    booking = book(served, "paul", ask(run))
    served.go(MORNING + timedelta(minutes=61))
    served.say("dora", "POST", f"/runs/{run['id']}/begin", {})
    served.say("dora", "POST", f"/runs/{run['id']}/end", {})
    seen = look(served, "paul", booking)
    assert (seen["state"], seen["reason"]) == ("CANCELLED", "run_ended")


def test_the_same_key_is_one_booking_and_another_question_needs_another_key(served: Served) -> None:
    run = offer(served)
    with served.ask("paul") as paul:
        key = {"Idempotency-Key": "k1"}
        first = paul.post("/v1/carpool/bookings", json=ask(run), headers=key)
        second = paul.post("/v1/carpool/bookings", json=ask(run), headers=key)
        other = paul.post("/v1/carpool/bookings", json=ask(run, seats=2), headers=key)
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.json() == first.json()
    assert second.headers["Idempotent-Replayed"] == "true"
    assert other.json()["code"] == "idempotency_key_reused"
    assert len(served.say("paul", "GET", "/bookings")[1]["bookings"]) == 1


def test_the_desk_books_for_somebody_and_an_auditor_only_reads(served: Served) -> None:
    run = offer(served)
    body = ask(run, passenger=served.people["paul"])
    assert served.say("boss", "POST", "/bookings", body, role=Role.AUDITOR)[0] == 403
    assert served.say("x", "POST", "/bookings", body, role=Role.SCHOOL)[0] == 403
    status, booking = served.say("desk", "POST", "/bookings", body, role=Role.DESK)
    assert (status, booking["passenger"]) == (201, served.people["paul"])
    seen = served.say("boss", "GET", f"/bookings?passenger={served.people['paul']}", role=Role.AUDITOR)[1]
    assert [one["id"] for one in seen["bookings"]] == [booking["id"]]
    assert served.say("rosa", "GET", f"/bookings?passenger={served.people['paul']}")[0] == 403
    assert len(served.say("dora", "GET", f"/bookings?run={run['id']}")[1]["bookings"]) == 1
    assert served.say("rosa", "GET", f"/bookings?run={run['id']}")[1]["bookings"] == []
    assert served.say("rosa", "GET", f"/bookings/{booking['id']}")[0] == 404
