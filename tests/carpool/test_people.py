"""What people of carpool tell about themselves: theirs alone, checked, and changed whenever they like."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
import pytest

from mobigo.accounts.model import Role
from mobigo.accounts.token import issue

if TYPE_CHECKING:
    from tests.conftest import AppClient

ANNA = {"name": "Anna  Roy ", "phone": "06 12 34 56 78", "adult": True}


def asking(client: AppClient, user: str, role: Role = Role.TRAVELLER) -> httpx.Client:
    state = client.app.state
    token = issue(state.token_key, user, role, state.clock.now(), timedelta(days=30))
    return httpx.Client(base_url=client.base_url, headers={"Authorization": f"Bearer {token}"}, timeout=30)


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
