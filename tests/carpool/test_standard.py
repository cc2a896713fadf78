"""Standard Covoiturage as we speak it: found, booked and told as the standard has it, and our own states kept."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy.orm import Session
from tests.carpool.served import EPOISSES, LAUMES, SEMUR, Served, village
from tests.carpool.standard_shapes import check_shape

from mobigo.accounts.model import Role
from mobigo.accounts.token import issue
from mobigo.carpool import standard, standard_store, store
from mobigo.carpool.model import BookingState, Run, RunState
from mobigo.db.session import driver
from mobigo.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

DOMAIN = "mobigo.localhost"
THEIRS = "covoit.example.org"


@dataclass
class Other:
    """Another operator, and its key."""

    town: Served
    key: str
    id: str = THEIRS

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401 - as httpx takes them
        headers = {"X-API-Key": self.key}
        return httpx.request(
            method, f"{self.town.address}/v1/carpool/standard{path}", headers=headers, timeout=120, **options
        )

    def search(self, what: str, **changes: object) -> list[dict[str, Any]]:
        asked = {
            "departureLat": EPOISSES.lat,
            "departureLng": EPOISSES.lon,
            "arrivalLat": LAUMES.lat,
            "arrivalLng": LAUMES.lon,
            "departureDate": int((self.town.now + timedelta(hours=1)).timestamp()),
            "timeDelta": 3600,
        }
        answer = self.ask("GET", f"/{what}", params={**asked, **changes})
        assert answer.status_code == 200, answer.text
        for one in answer.json():
            check_shape(what, one)
        return answer.json()

    def booking(self, run: Run, driver_id: str, **changes: object) -> dict[str, Any]:
        return {
            "id": str(uuid4()),
            "driver": {"id": driver_id, "operator": DOMAIN, "alias": "Dora"},
            "passenger": {"id": "zoe-1", "operator": self.id, "alias": "Zoé"},
            "status": "WAITING_CONFIRMATION",
            "price": {"type": "PAYING", "amount": 1.5, "currency": "EUR"},
            "passengerPickupDate": int(run.stops[0].planned_at.timestamp()),
            "passengerPickupLat": EPOISSES.lat,
            "passengerPickupLng": EPOISSES.lon,
            "passengerDropLat": LAUMES.lat,
            "passengerDropLng": LAUMES.lon,
            "driverJourneyId": run.id,
            **changes,
        }

    def book(self, run: Run, driver_id: str, **changes: object) -> str:
        body = self.booking(run, driver_id, **changes)
        answer = self.ask("POST", "/bookings", json=body)
        assert answer.status_code == 201, answer.text
        check_shape("booking", answer.json())
        return body["id"]

    def patch(self, id_: str, status: str) -> httpx.Response:
        return self.ask("PATCH", f"/bookings/{id_}", params={"status": status})

    def status(self, id_: str) -> str:
        answer = self.ask("GET", f"/bookings/{id_}")
        assert answer.status_code == 200, answer.text
        check_shape("booking", answer.json())
        return answer.json()["status"]


def add_operator(town: Served, id_: str = THEIRS, **changes: object) -> Other:
    status, answer = town.say(
        "clara", "POST", "/operators", {"id": id_, "name": "Covoit", **changes}, role=Role.CARPOOL
    )
    assert status == 201, answer
    return Other(town, answer["key"], id_)


@pytest.fixture(scope="module")
def place(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with village(test_cluster, tmp_path_factory.mktemp("home")) as served:
        yield served


@pytest.fixture
def town(place: Served) -> Served:
    place.reset()
    place.know("dora", "anna", "ben")
    return place


@pytest.fixture
def other(town: Served) -> Other:
    return add_operator(town)


def lay(town: Served, user: str = "dora", **changes: Any) -> Run:  # noqa: ANN401 - of a run
    """Let somebody drive, and the application know it."""
    run = town.lay_run(user, **changes)
    town.know(user)  # whatever is written lets what is kept be read anew
    return run


def read(town: Served, id_: str) -> Any:  # noqa: ANN401 - a booking
    with Session(town.engine) as session:
        return store.get_booking(driver(session), id_)


def note(town: Served) -> int:
    with Session(town.engine) as session, session.begin():
        return standard.note_changes(session, town.now)


def list_calls(town: Served, id_: str = THEIRS) -> list[tuple[str, str]]:
    with Session(town.engine) as session:
        return [(one[1], one[2]) for one in standard_store.list_calls(driver(session), id_, 100)][::-1]


# ── who may ask ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_whoever_has_no_key_of_ours_is_told_so(town: Served, other: Other) -> None:
    for method, path in (
        ("GET", "/driver_journeys"),
        ("GET", "/bookings/x"),
        ("POST", "/bookings"),
        ("PATCH", f"/bookings/{uuid4()}?status=CONFIRMED"),
        ("POST", "/messages"),
        ("POST", "/booking_events"),
    ):
        for key in (None, "", "mobigo_wrong", "x" * 2000):
            headers = {} if key is None else {"X-API-Key": key}
            answer = httpx.request(method, f"{town.address}/v1/carpool/standard{path}", headers=headers, timeout=120)
            assert answer.status_code in {400, 401}, (method, path, key, answer.text)
            check_shape("error", answer.json())
    assert other.ask("GET", "/status").status_code == 200
    assert httpx.get(f"{town.address}/v1/carpool/standard/status", timeout=120).status_code == 200


def test_staff_makes_and_renews_keys_and_switches_operators_off(town: Served, other: Other) -> None:
    run = lay(town)
    assert other.search("driver_journeys")
    status, answer = town.say("clara", "POST", f"/operators/{THEIRS}/key", role=Role.CARPOOL)
    assert status == 200
    assert other.ask("GET", "/driver_journeys").status_code == 401
    other.key = answer["key"]
    assert other.search("driver_journeys")
    body = {"name": "Covoit", "enabled": False}
    assert town.say("clara", "PUT", f"/operators/{THEIRS}", body, role=Role.CARPOOL)[0] == 200
    assert other.ask("POST", "/bookings", json=other.booking(run, town.people["dora"])).status_code == 401
    listed = json.dumps(town.say("clara", "GET", "/operators", role=Role.CARPOOL)[1])
    assert other.key not in listed
    assert town.say("anna", "GET", "/operators")[0] == 403
    assert town.say("clara", "POST", "/operators", {"id": THEIRS, "name": "x"}, role=Role.CARPOOL)[0] == 409
    for bad in ({"id": "nonsense"}, {"id": "a b.org"}, {"id": "x.org", "address": "http://x.org"}, {"searched": True}):
        body = {"id": "new.example.org", "name": "New", **bad}
        assert town.say("clara", "POST", "/operators", body, role=Role.CARPOOL)[0] in {400, 422}, bad


# ── search ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_driver_is_found_where_and_when_they_pass(town: Served, other: Other) -> None:
    run = lay(town)
    (one,) = other.search("driver_journeys")
    at = int(run.stops[0].planned_at.timestamp())
    assert (one["id"], one["operator"], one["passengerPickupDate"], one["type"]) == (run.id, DOMAIN, at, "PLANNED")
    assert one["driver"] == {"id": town.people["dora"], "operator": DOMAIN, "alias": "Dora"}
    assert one["price"] == {"type": "PAYING", "amount": 1.5, "currency": "EUR"}
    assert one["availableSeats"] == 3
    assert "61234567" not in json.dumps(one)
    assert one["webUrl"].startswith(f"{town.address}/?from=47.506400%2C4.172200&to=")
    from_semur = {"departureLat": SEMUR.lat, "departureLng": SEMUR.lon}
    assert other.search("driver_journeys", **from_semur)[0]["passengerPickupDate"] == at + 15 * 60
    assert other.search("driver_journeys", departureDate=at + 1000, timeDelta=900) == []
    assert other.search("driver_journeys", departureDate=at + 900, timeDelta=900) != []
    far = {"departureLat": EPOISSES.lat + 0.5}
    assert other.search("driver_journeys", **far) == []
    backwards = {"departureLat": LAUMES.lat, "departureLng": LAUMES.lon, "arrivalLat": SEMUR.lat}
    assert other.search("driver_journeys", **backwards, arrivalLng=SEMUR.lon) == []


def test_only_so_many_results_and_only_cars_with_a_seat(town: Served, other: Other) -> None:
    for minutes in (50, 60, 70):
        lay(town, at=town.now + timedelta(minutes=minutes))
    full = lay(town, "ben", seats=1)
    town.seat(full, "anna")
    town.know("ben")
    assert len(other.search("driver_journeys")) == 3
    two = other.search("driver_journeys", count=2)
    asked = int((town.now + timedelta(hours=1)).timestamp())
    assert len(two) == 2
    assert two[0]["passengerPickupDate"] == asked  # the nearest in time first
    assert other.search("driver_journeys", count=0) == []


UNREADABLE = (
    {"departureLat": "north"},
    {"departureLat": 91},
    {"departureLat": "nan"},
    {"departureDate": "tomorrow"},
    {"departureDate": -1},
    {"departureDate": 10**18},
    {"count": -1},
    {"departureRadius": -1},
    {"timeDelta": "x"},
)


def test_what_cannot_be_read_is_a_bad_request(other: Other) -> None:
    asked = {"departureLat": 47.5, "departureLng": 4.1, "arrivalLat": 47.5, "arrivalLng": 4.4, "departureDate": 1}
    for change in UNREADABLE:
        answer = other.ask("GET", "/driver_journeys", params={**asked, **change})
        assert answer.status_code == 400, change
        check_shape("error", answer.json())


def test_who_waits_at_a_stop_is_a_passengers_journey(town: Served, other: Other) -> None:
    line = {"line": "epoisses-les-laumes", "stop": "epoisses", "to": "les-laumes", "seats": 2}
    _, waits = town.say("anna", "POST", "/waiting", line)
    wide = {"departureRadius": 3, "arrivalRadius": 3}
    (one,) = other.search("passenger_journeys", **wide)
    assert (one["id"], one["type"], one["requestedSeats"], one["passenger"]["alias"]) == (
        waits["id"],
        "LINE",
        2,
        "Anna",
    )
    later = int((town.now + timedelta(hours=3)).timestamp())
    assert other.search("passenger_journeys", **wide, departureDate=later, timeDelta=600) == []


# ── bookings in common ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_passenger_of_theirs_rides_with_a_driver_of_ours(town: Served, other: Other) -> None:
    run = lay(town)
    id_ = other.book(run, town.people["dora"])
    booking = read(town, id_)
    assert (booking.state, booking.operator, booking.foreign_passenger) == (BookingState.CONFIRMED, THEIRS, "zoe-1")
    assert (booking.board, booking.alight) == (run.stops[0].id, run.stops[-1].id)
    assert other.search("driver_journeys")[0]["availableSeats"] == 2
    told = [one for one in town.list_messages() if one.template == "carpool_taken"]
    assert len(told) == 1
    contact = town.say("dora", "GET", f"/bookings/{id_}/contact")[1]
    assert (contact["name"], contact["phone"]) == ("Zoé", None)
    assert note(town) == 1
    assert list_calls(town) == [("PATCH", f"/bookings/{id_}?status=CONFIRMED")]
    assert note(town) == 0  # told once


def test_a_place_is_found_without_the_journeys_id_too(town: Served, other: Other) -> None:
    run = lay(town)
    assert read(town, other.book(run, town.people["dora"], driverJourneyId=None)).run == run.id


UNBOOKABLE = (
    ({"status": "CONFIRMED"}, 400, "a new booking is WAITING_CONFIRMATION"),
    ({"status": "HELD"}, 400, "status"),
    ({"id": "12"}, 400, "id"),
    ({"id": None}, 400, "id"),
    ({"driverJourneyId": "nowhere"}, 404, "missing_journey"),
    ({"driver": {"id": "somebody", "operator": DOMAIN, "alias": "D"}}, 404, "missing_user"),
    ({"driver": {"id": "somebody", "operator": "third.example.org", "alias": "D"}}, 400, "one of the two"),
    ({"passenger": {"id": "z", "operator": "third.example.org", "alias": "Z"}}, 400, "one of the two"),
    ({"passengerPickupLat": 1000}, 400, "passengerPickupLat"),
    ({"price": None}, 400, "price"),
    ({"passengerPickupDate": 1e300}, 400, "passengerPickupDate"),
)


def test_a_booking_that_cannot_be_is_refused(town: Served, other: Other) -> None:
    run = lay(town)
    for change, status, error in UNBOOKABLE:
        answer = other.ask("POST", "/bookings", json=other.booking(run, town.people["dora"], **change))
        assert answer.status_code == status, (change, answer.text)
        check_shape("error", answer.json())
        assert error in answer.json()["error"]


def test_an_id_is_booked_once_and_seats_are_not_sold_twice(town: Served, other: Other) -> None:
    run = lay(town, seats=1)
    body = other.booking(run, town.people["dora"])
    assert other.ask("POST", "/bookings", json=body).status_code == 201
    again = other.ask("POST", "/bookings", json=body)
    assert (again.status_code, "already" in again.json()["error"]) == (400, True)
    assert other.ask("POST", "/bookings", json={**body, "id": body["id"].upper()}).status_code == 400
    full = other.ask("POST", "/bookings", json=other.booking(run, town.people["dora"]))
    assert (full.status_code, "seat" in full.json()["error"]) == (400, True)


CASES = json.loads((read_settings().test_data / "carpool/bfc.json").read_text())["standard_covoiturage_booking"]


ERRORS = {404: "missing_booking", 409: "status_already_set"}


def test_a_change_of_status_is_answered_as_the_reference_does(town: Served, other: Other) -> None:
    for number, case in enumerate(CASES["patch_cases"]):
        id_ = str(uuid4())
        if case["from"] is not None:
            id_ = other.book(lay(town, at=town.now + timedelta(hours=1 + number)), town.people["dora"])
            if case["from"] != "WAITING_CONFIRMATION":
                assert other.patch(id_, case["from"]).status_code == 200
        answer = other.patch(id_, case["to"])
        assert answer.status_code == case["http"], (case, answer.text)
        if case["http"] == 200:
            assert other.status(id_) == case["to"]
        else:
            check_shape("error", answer.json())
        if case["http"] in ERRORS:
            assert answer.json()["error"] == ERRORS[case["http"]]


def test_what_they_say_is_done_moves_no_money_of_ours(town: Served, other: Other) -> None:
    id_ = other.book(lay(town, confirms=False), town.people["dora"])
    assert other.patch(id_, "VALIDATED").status_code == 200
    assert other.status(id_) == "VALIDATED"
    assert read(town, id_).state is BookingState.WAITING_CONFIRMATION  # until our driver and our proof say otherwise


def test_they_cancel_and_the_seat_is_free(town: Served, other: Other) -> None:
    run = lay(town, seats=1)
    id_ = other.book(run, town.people["dora"])
    assert other.patch(id_, "CANCELLED").status_code == 200
    assert read(town, id_).state is BookingState.CANCELLED
    assert other.patch(id_, "CANCELLED").status_code == 409
    note(town)
    assert list_calls(town) == []  # they know it
    assert other.book(run, town.people["dora"]) != id_


def test_our_driver_answers_and_they_are_told(town: Served, other: Other) -> None:
    run = lay(town, confirms=False)
    first, second = other.book(run, town.people["dora"]), other.book(run, town.people["dora"])
    assert other.status(first) == "WAITING_CONFIRMATION"
    assert town.say("dora", "POST", f"/bookings/{first}/confirm", {})[0] == 200
    assert town.say("dora", "POST", f"/bookings/{second}/cancel", {})[0] == 200
    assert (other.status(first), other.status(second)) == ("CONFIRMED", "CANCELLED")
    note(town)
    assert sorted(list_calls(town)) == sorted(
        [("PATCH", f"/bookings/{first}?status=CONFIRMED"), ("PATCH", f"/bookings/{second}?status=CANCELLED")]
    )


def test_what_is_booked_with_one_operator_is_not_there_for_another(town: Served, other: Other) -> None:
    third = add_operator(town, "third.example.org")
    id_ = other.book(lay(town), town.people["dora"])
    assert third.ask("GET", f"/bookings/{id_}").json()["error"] == "missing_booking"
    assert third.patch(id_, "CANCELLED").status_code == 404
    assert other.ask("GET", "/bookings/nonsense").status_code == 404
    assert read(town, id_).state is BookingState.CONFIRMED


def test_their_driver_offers_a_ride_to_who_waits_here(town: Served, other: Other) -> None:
    line = {"line": "epoisses-les-laumes", "stop": "epoisses", "to": "les-laumes"}
    _, waits = town.say("anna", "POST", "/waiting", line)
    run = town.lay_run("dora")
    body = other.booking(run, "x") | {
        "driver": {"id": "yann", "operator": THEIRS, "alias": "Yann"},
        "passenger": {"id": town.people["anna"], "operator": DOMAIN, "alias": "Anna"},
        "driverJourneyId": "their-journey",
        "passengerJourneyId": waits["id"],
    }
    assert other.ask("POST", "/bookings", json={**body, "passengerJourneyId": "wait_no"}).status_code == 404
    answer = other.ask("POST", "/bookings", json=body)
    assert answer.status_code == 201, answer.text
    assert [one.template for one in town.list_messages() if one.recipient == "+33612345671"] == [
        "carpool_elsewhere_offered"
    ]
    assert other.status(body["id"]) == "WAITING_CONFIRMATION"
    assert other.patch(body["id"], "CANCELLED").status_code == 200
    assert other.status(body["id"]) == "CANCELLED"


# ── messages and events ───────────────────────────────────────────────────────────────────────────────────────────────


def message(town: Served, **changes: object) -> dict[str, object]:
    return {
        "from": {"id": "zoe-1", "operator": THEIRS, "alias": "Zoé"},
        "to": {"id": town.people["dora"], "operator": DOMAIN, "alias": "Dora"},
        "message": "I wear a red coat",
        "recipientCarpoolerType": "DRIVER",
        **changes,
    }


def test_a_message_about_a_booking_stands_in_the_drivers_talk(town: Served, other: Other) -> None:
    run = lay(town)
    id_ = other.book(run, town.people["dora"])
    answer = other.ask("POST", "/messages", json=message(town, bookingId=id_))
    assert answer.status_code == 201, answer.text
    _, heard = town.say("dora", "GET", f"/runs/{run.id}/messages")
    assert [(one["text"], one["mine"], one["booking"]) for one in heard["messages"]] == [
        ("I wear a red coat", False, id_)
    ]
    assert town.say("dora", "POST", f"/runs/{run.id}/messages", {"text": "Seen", "booking": id_})[0] == 201
    ((method, path),) = list_calls(town)
    assert (method, path) == ("POST", "/messages")
    with Session(town.engine) as session:
        body = driver(session).execute("SELECT body FROM carpool_standard_call").fetchone()[0]
    assert (body["to"]["id"], body["message"], body["bookingId"]) == ("zoe-1", "Seen", id_)


def test_a_message_about_a_journey_reaches_its_owner(town: Served, other: Other) -> None:
    run = lay(town)
    assert other.ask("POST", "/messages", json=message(town, driverJourneyId=run.id)).status_code == 201
    assert other.ask("POST", "/messages", json=message(town, journeyId=run.id)).status_code == 201
    told = [one for one in town.list_messages() if one.template == "carpool_elsewhere_message"]
    assert [one.recipient for one in told] == ["dora@example.org"]  # said twice at one instant, told once
    assert "red coat" in (told[0].body or "")


UNHEARD = (
    ({"bookingId": str(uuid4())}, 404),
    ({"driverJourneyId": "nowhere"}, 404),
    ({}, 404),
    ({"message": ""}, 400),
    ({"message": "x" * 501}, 400),
    ({"recipientCarpoolerType": "PILOT"}, 400),
    ({"from": {"id": "z", "operator": "third.example.org", "alias": "Z"}}, 400),
    ({"to": {"id": "z", "operator": "third.example.org", "alias": "Z"}}, 400),
)


def test_a_message_to_nobody_is_refused(town: Served, other: Other) -> None:
    for change, status in UNHEARD:
        answer = other.ask("POST", "/messages", json=message(town, **change))
        assert answer.status_code == status, (change, answer.text)
        check_shape("error", answer.json())


def event(town: Served, user: str = "anna", status: str = "CONFIRMED", **changes: object) -> dict[str, Any]:
    token = issue(town.key, user, Role.TRAVELLER, town.now, timedelta(minutes=5))
    data = {
        "id": "B-77",
        "status": status,
        "passengerPickupDate": int((town.now + timedelta(hours=1)).timestamp()),
        "passengerPickupLat": EPOISSES.lat,
        "passengerPickupLng": EPOISSES.lon,
        "passengerDropLat": LAUMES.lat,
        "passengerDropLng": LAUMES.lon,
        "webUrl": "https://covoit.example.org/b/77",
        "driver": {"id": "yann", "operator": THEIRS, "alias": "Yann"},
        "price": {"type": "FREE"},
    }
    return {"id": str(uuid4()), "idToken": token, "data": data, **changes}


def test_an_event_of_a_booking_made_elsewhere_is_taken_in_once(town: Served, other: Other) -> None:
    body = event(town)
    for _ in range(2):
        assert other.ask("POST", "/booking_events", json=body).status_code == 200
    told = town.say("anna", "GET", "/me/data")[1]["bookings_elsewhere"]
    assert [(one["operator"], one["status"]) for one in told] == [(THEIRS, "CONFIRMED")]
    changed = {**body, "data": {**body["data"], "status": "CANCELLED"}}
    assert other.ask("POST", "/booking_events", json=changed).status_code == 400  # one id, one event
    town.go(town.now + timedelta(days=2))  # the token of then is still the one that is known
    late = {**body, "id": str(uuid4()), "data": {**body["data"], "status": "VALIDATED"}}
    assert other.ask("POST", "/booking_events", json=late).status_code == 200
    older = {**body, "id": str(uuid4())}
    assert other.ask("POST", "/booking_events", json=older).status_code == 200
    assert town.say("anna", "GET", "/me/data")[1]["bookings_elsewhere"][0]["status"] == "VALIDATED"


def test_an_event_with_another_token_is_refused(town: Served, other: Other) -> None:
    forged = issue(b"x" * 32, "anna", Role.TRAVELLER, town.now, timedelta(minutes=5))
    assert other.ask("POST", "/booking_events", json=event(town, idToken=forged)).status_code == 401
    assert other.ask("POST", "/booking_events", json=event(town, user="nobody")).status_code == 404
    assert other.ask("POST", "/booking_events", json=event(town)).status_code == 200
    assert other.ask("POST", "/booking_events", json=event(town, user="ben")).status_code == 400  # somebody else's


def test_who_travelled_is_forgotten_after_a_month(town: Served, other: Other) -> None:
    id_ = other.book(lay(town), town.people["dora"])
    with Session(town.engine) as session, session.begin():
        standard.forget(session, town.now + timedelta(days=32))
        assert "Zoé" not in str(driver(session).execute("SELECT document FROM carpool_standard_booking").fetchall())
    assert other.ask("GET", f"/bookings/{id_}").json()["error"] == "missing_booking"
    assert read(town, id_).run  # the trip itself is counted


def test_a_run_on_its_way_is_dynamic_and_one_that_is_over_is_not_found(town: Served, other: Other) -> None:
    lay(town, spontaneous=True)
    assert [one["type"] for one in other.search("driver_journeys")] == ["DYNAMIC"]
    lay(town, "ben", state=RunState.CANCELLED)
    assert len(other.search("driver_journeys")) == 1


def test_many_at_once_get_the_seats_there_are_and_say_a_thing_once(town: Served, other: Other) -> None:
    run = lay(town, seats=2)
    bodies = [other.booking(run, town.people["dora"]) for _ in range(20)]
    with ThreadPoolExecutor(10) as pool:
        booked = [one.status_code for one in pool.map(lambda body: other.ask("POST", "/bookings", json=body), bodies)]
        assert sorted(booked) == [201] * 2 + [400] * 18
        id_ = next(body["id"] for body, status in zip(bodies, booked, strict=True) if status == 201)
        changed = [one.status_code for one in pool.map(lambda _: other.patch(id_, "CANCELLED"), range(10))]
    assert sorted(changed) == [200] + [409] * 9
    assert read(town, id_).state is BookingState.CANCELLED
