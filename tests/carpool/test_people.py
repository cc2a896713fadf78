"""What people of carpool tell about themselves: theirs alone, checked, and changed whenever they like."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
import pytest
from sqlalchemy.orm import Session
from tests.carpool.served import Served, village
from tests.conftest import AppClient

from mobigo.accounts.model import Role
from mobigo.accounts.token import issue
from mobigo.carpool import records, store
from mobigo.carpool.model import BookingState, RunState
from mobigo.db.session import driver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mobigo.carpool.model import Seat

ANNA = {"name": "Anna  Roy ", "phone": "06 12 34 56 78", "adult": True}


@pytest.fixture(scope="module")
def place(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with village(test_cluster, tmp_path_factory.mktemp("home")) as served:
        yield served


@pytest.fixture
def client(place: Served) -> Iterator[AppClient]:
    place.reset()
    with AppClient(base_url=place.address, timeout=120) as http:
        http.app = place.app
        yield http


def asking(client: AppClient, user: str, role: Role = Role.TRAVELLER) -> httpx.Client:
    state = client.app.state
    token = issue(state.token_key, user, role, state.clock.now(), timedelta(days=30))
    return httpx.Client(base_url=client.base_url, headers={"Authorization": f"Bearer {token}"}, timeout=120)


def test_somebody_tells_who_they_are_and_changes_it_later(client: AppClient) -> None:
    with asking(client, "anna") as anna:
        assert anna.get("/v1/carpool/me").json()["code"] == "unknown_person"
        first = anna.put("/v1/carpool/me", json=ANNA).json()
        assert first | {"id": ""} == {
            "id": "",
            "name": "Anna Roy",
            "phone": "+33612345678",
            "email": None,
            "language": "fr",
            "adult": True,
        }
        second = anna.put("/v1/carpool/me", json={**ANNA, "phone": None, "email": "Anna@Exämple.org"}).json()
        assert (second["id"], second["phone"], second["email"]) == (first["id"], None, "Anna@xn--exmple-cua.org")
        assert anna.get("/v1/carpool/me").json() == second


def test_one_person_drives_and_rides_under_the_same_account(client: AppClient) -> None:
    with asking(client, "anna") as rider, asking(client, "anna", Role.DRIVER) as at_the_wheel:
        told = rider.put("/v1/carpool/me", json=ANNA).json()
        assert at_the_wheel.get("/v1/carpool/me").json() == told


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"phone": None}, "invalid_contact"),
        ({"phone": "12"}, "invalid_phone"),
        ({"email": "anna"}, "invalid_email"),
        ({"name": "   "}, "invalid_input"),
        ({"name": "A\u202eB"}, "invalid_input"),
        ({"adult": None}, "validation_failed"),
        ({"age": 40}, "validation_failed"),
    ],
)
def test_what_cannot_be_true_is_refused(client: AppClient, change: dict[str, object], code: str) -> None:
    with asking(client, "anna") as anna:
        answer = anna.put("/v1/carpool/me", json={**ANNA, **change})
        assert (answer.json()["code"], answer.status_code // 100) == (code, 4)
        assert "06 12" not in answer.text


def test_cars_are_their_drivers_alone(client: AppClient) -> None:
    with asking(client, "anna") as anna, asking(client, "ben") as ben:
        for one in (anna, ben):
            one.put("/v1/carpool/me", json=ANNA)
        clio = {"plate": "ab 123 cd", "name": "Clio", "seats": 3}
        car = anna.post("/v1/carpool/me/cars", json=clio).json()
        assert car | {"id": ""} == {"id": "", "plate": "AB123CD", "name": "Clio", "seats": 3}
        assert anna.get("/v1/carpool/me/cars").json() == {"cars": [car]}
        place = f"/v1/carpool/me/cars/{car['id']}"
        assert ben.get("/v1/carpool/me/cars").json() == {"cars": []}
        assert ben.put(place, json=clio).json()["code"] == "unknown_car"
        assert ben.delete(place).status_code == 404
        assert anna.put(place, json={**clio, "seats": 4}).json()["seats"] == 4
        assert anna.delete(place).status_code == 204
        assert anna.get("/v1/carpool/me/cars").json() == {"cars": []}


def test_nobody_has_more_cars_than_can_be_meant(client: AppClient) -> None:
    with asking(client, "anna") as anna:
        anna.put("/v1/carpool/me", json=ANNA)
        car = {"plate": "AB-123-CD", "name": "Clio", "seats": 3}
        answers = [anna.post("/v1/carpool/me/cars", json=car) for _ in range(11)]
        assert [one.status_code for one in answers] == [201] * 10 + [422]
        assert anna.post("/v1/carpool/me/cars", json={**car, "plate": "!"}).status_code in {400, 422}


def test_without_a_token_or_as_staff_there_is_no_profile(client: AppClient) -> None:
    assert client.get("/v1/carpool/me").status_code == 401
    with asking(client, "boss", Role.ADMIN) as boss:
        assert boss.get("/v1/carpool/me").status_code == 403


# ── with others ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def town(place: Served) -> Served:
    place.reset()
    place.know("dora", "anna", "ben", "eve")
    return place


def state_of(town: Served, booking: Seat) -> BookingState:
    with Session(town.engine) as session:
        return store.get_booking(driver(session), booking.id).state


def test_name_and_number_are_shown_only_to_the_other_and_near_the_ride(town: Served) -> None:
    town.say("dora", "POST", "/me/cars", {"plate": "AB-123-CD", "name": "Blue Clio", "seats": 3})
    run = town.lay_run("dora", at=town.now + timedelta(hours=25))
    booking = town.seat(run, "anna")
    place = f"/bookings/{booking.id}/contact"
    assert town.say("anna", "GET", place)[1]["code"] == "contact_hidden"
    town.go(town.now + timedelta(hours=2))
    assert town.say("anna", "GET", place) == (
        200,
        {"name": "Dora", "phone": "+33612345670", "plate": "AB123CD", "car": "Blue Clio"},
    )
    assert town.say("dora", "GET", place)[1] == {"name": "Anna", "phone": "+33612345671", "plate": None, "car": None}
    assert town.say("eve", "GET", place)[1]["code"] == "unknown_booking"
    waiting = town.seat(run, "ben", state=BookingState.WAITING_CONFIRMATION)
    assert town.say("ben", "GET", f"/bookings/{waiting.id}/contact")[1]["code"] == "contact_hidden"
    town.go(town.now + timedelta(days=2))
    assert town.say("anna", "GET", place)[1]["code"] == "contact_hidden"


def test_who_blocks_somebody_rides_with_them_no_more(town: Served) -> None:
    run = town.lay_run("dora")
    booking, bens = town.seat(run, "anna"), town.seat(run, "ben")
    dora = town.people["dora"]
    assert town.say("eve", "PUT", f"/me/blocks/{dora}")[1]["code"] == "unknown_person"  # they never met
    assert town.say("anna", "PUT", f"/me/blocks/{town.people['anna']}")[0] == 404
    assert town.say("anna", "PUT", f"/me/blocks/{dora}") == (200, {"person": dora, "cancelled": [booking.id]})
    assert town.say("anna", "PUT", f"/me/blocks/{dora}") == (200, {"person": dora, "cancelled": []})
    assert (state_of(town, booking), state_of(town, bens)) == (BookingState.CANCELLED, BookingState.CONFIRMED)
    assert [one["person"] for one in town.say("anna", "GET", "/me/blocks")[1]["blocked"]] == [dora]
    assert town.say("dora", "GET", "/me/blocks")[1] == {"blocked": []}  # nobody is told who blocked them
    assert town.say("dora", "POST", f"/runs/{run.id}/messages", {"text": "Why?", "booking": booking.id})[0] == 404
    assert town.say("anna", "DELETE", f"/me/blocks/{dora}")[0] == 204
    assert town.say("anna", "DELETE", f"/me/blocks/{dora}")[0] == 404


def test_a_driver_blocks_a_passenger_likewise(town: Served) -> None:
    booking = town.seat(town.lay_run("dora"), "anna")
    status, answer = town.say("dora", "PUT", f"/me/blocks/{town.people['anna']}")
    assert (status, answer["cancelled"]) == (200, [booking.id])


def test_somebody_reads_all_that_is_kept_of_them_and_nothing_of_others(town: Served) -> None:
    run = town.lay_run("dora")
    booking = town.seat(run, "anna")
    town.say("anna", "POST", f"/runs/{run.id}/messages", {"text": "Red coat"})
    town.say("dora", "POST", f"/runs/{run.id}/messages", {"text": "Thanks"})
    town.say("anna", "POST", "/reports", {"run": run.id, "kind": "driving", "text": "Too fast"})
    town.say("ben", "POST", "/waiting", {"line": "epoisses-les-laumes", "stop": "epoisses", "to": "les-laumes"})
    status, told = town.say("anna", "GET", "/me/data")
    assert status == 200
    assert told["profile"]["phone"] == "+33612345671"
    assert [(one["id"], one["board"]) for one in told["bookings"]] == [(booking.id, "Époisses")]
    assert [(one["text"], one["sent"]) for one in told["messages"]] == [("Red coat", True), ("Thanks", False)]
    assert [one["text"] for one in told["reports_made"]] == ["Too fast"]
    assert told["runs"] == told["waiting"] == []
    assert "+33612345670" not in str(told)
    driven = town.say("dora", "GET", "/me/data")[1]
    assert [one["stops"][0]["name"] for one in driven["runs"]] == ["Époisses"]
    assert driven["reports_made"] == []
    assert [one["stop"] for one in town.say("ben", "GET", "/me/data")[1]["waiting"]] == ["epoisses"]


def test_whoever_leaves_cancels_what_is_open_and_is_nobody_from_then_on(town: Served) -> None:
    own, other = town.lay_run("dora"), town.lay_run("eve", at=town.now + timedelta(hours=5), plate="ZZ999ZZ")
    annas, doras = town.seat(own, "anna"), town.seat(other, "dora")
    town.say("dora", "POST", "/me/cars", {"plate": "AB-123-CD", "name": "Clio", "seats": 3})
    town.say("dora", "POST", f"/runs/{own.id}/messages", {"text": "Call me: 0611"})
    town.say("dora", "POST", "/waiting", {"line": "epoisses-les-laumes", "stop": "epoisses", "to": "les-laumes"})
    assert town.say("dora", "DELETE", "/me") == (204, None)
    assert (state_of(town, annas), state_of(town, doras)) == (BookingState.CANCELLED, BookingState.CANCELLED)
    assert town.say("dora", "GET", "/me")[1]["code"] == "unknown_person"
    with Session(town.engine) as session:
        person = store.get_person(driver(session), town.people["dora"])
        dump = str(
            [
                driver(session).execute(f"SELECT to_jsonb(t) FROM {table} AS t".encode()).fetchall()
                for table in ("carpool_person", "carpool_car", "carpool_message", "carpool_run", "carpool_waiting")
            ]
        )
    assert (person.account, person.name, person.phone, person.email) == (None, None, None, None)
    reached = [one.recipient for one in town.list_messages()]
    assert "anna@example.org" in reached  # who is told that it is cancelled
    assert not {"dora@example.org", "+33612345670"} & set(reached)
    for word in ("Dora", "dora", "0611", "AB123CD", "AB-123-CD", "+33612345670"):
        assert word not in dump, word
    town.know("dora")  # who comes back is somebody new
    assert town.people["dora"] != person.id
    assert town.say("dora", "GET", "/me/data")[1]["runs"] == []


def test_nobody_leaves_while_they_drive_others(town: Served) -> None:
    run = town.lay_run("dora", at=town.now)
    with Session(town.engine) as session, session.begin():
        store.set_run(driver(session), replace(run, state=RunState.DRIVING, started_at=town.now))
    assert town.say("dora", "DELETE", "/me")[1]["code"] == "run_under_way"


def test_who_has_not_come_for_years_is_forgotten_unless_something_is_owed(town: Served) -> None:
    town.go(town.now + timedelta(days=3 * 365 - 10))
    run = town.lay_run("dora")
    town.seat(run, "anna")
    town.go(town.now + timedelta(days=20))
    with Session(town.engine) as session, session.begin():
        assert records.forget_idle(session, town.now) == 2  # ben and eve
        people = [store.get_person(driver(session), town.people[one]) for one in ("dora", "anna", "ben", "eve")]
    assert [one.name for one in people] == ["Dora", "Anna", None, None]
    with Session(town.engine) as session, session.begin():
        assert records.forget_idle(session, town.now) == 0
        assert records.forget_idle(session, town.now + timedelta(days=3 * 366)) == 2
