"""A hundred people want two seats at once: never one too many, everybody is told, everybody is offered another car."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest
from sqlalchemy.orm import Session
from tests.carpool.run_checker import list_faults
from tests.carpool.served import MORNING, NO_TLS, village

from mobigo.accounts.model import Role
from mobigo.accounts.token import issue
from mobigo.carpool import store
from mobigo.db.engine import libpq_conninfo
from mobigo.db.session import driver

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.carpool.served import Served

LINE = "epoisses-les-laumes"
CLIENTS = 100


@pytest.fixture(scope="module")
def place(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with village(test_cluster, tmp_path_factory.mktemp("home")) as found:
        yield found


@pytest.fixture
def served(place: Served) -> Served:
    place.reset()
    place.know("dora", "ivan")
    return place


def make_adults(served: Served, count: int) -> list[dict[str, str]]:
    """Let many people exist; the header of each one's token."""
    headers = []
    with Session(served.engine) as session, session.begin():
        connection = driver(session)
        for number in range(count):
            store.ensure_person(connection, f"rider-{number}", MORNING)
            token = issue(served.key, f"rider-{number}", Role.TRAVELLER, served.now, timedelta(days=1))
            headers.append({"Authorization": f"Bearer {token}", "Idempotency-Key": f"client-{number}"})
        connection.execute("UPDATE carpool_person SET adult = true")
    return headers


def offer(served: Served, user: str = "dora", minute: int = 0, **changes: object) -> dict[str, Any]:
    body = {"departs_at": f"2026-11-23T08:{minute:02d}:00+01:00", "seats": 2, "line": LINE, **changes}
    status, answer = served.say(user, "POST", "/runs", body)
    assert status == 201, answer
    return answer


def ask(run: dict[str, Any], board: str = "epoisses", alight: str = "les-laumes", **more: object) -> dict[str, Any]:
    return {"run": run["id"], "board": {"line_stop": board}, "alight": {"line_stop": alight}, **more}


def post_at_once(
    served: Served, headers: Sequence[dict[str, str]], paths: Sequence[str], bodies: Sequence[dict[str, Any]]
) -> list[httpx.Response]:
    """Let as many clients as there are bodies ask at the same time, each on a connection of its own."""

    def post(number: int) -> httpx.Response:
        with httpx.Client(base_url=served.address, timeout=120, headers=headers[number], verify=NO_TLS) as http:
            return http.post(f"/v1/carpool{paths[number]}", json=bodies[number])

    with ThreadPoolExecutor(len(bodies)) as pool:
        return list(pool.map(post, range(len(bodies))))


def test_two_seats_are_booked_twice_by_a_hundred(served: Served) -> None:
    run = offer(served)
    other = offer(served, "ivan", 30)
    headers = make_adults(served, CLIENTS)
    answers = post_at_once(served, headers, ["/bookings"] * CLIENTS, [ask(run)] * CLIENTS)
    assert Counter(answer.status_code for answer in answers) == {201: 2, 409: CLIENTS - 2}
    for answer in answers:
        if answer.status_code == 409:
            assert answer.json()["code"] == "places_gone"
            assert [one["run_id"] for one in answer.json()["alternatives"]] == [other["id"]]
    assert list_faults(served.engine) == []
    again = post_at_once(served, headers, ["/bookings"] * CLIENTS, [ask(run)] * CLIENTS)  # the same keys
    assert Counter(answer.status_code for answer in again) == {201: 2, 409: CLIENTS - 2}
    kept = {answer.json()["id"] for answer in answers if answer.status_code == 201}
    assert {answer.json()["id"] for answer in again if answer.status_code == 201} == kept


def test_one_key_sent_many_times_at_once_is_one_booking(served: Served) -> None:
    run = offer(served, seats=8)
    headers = make_adults(served, 1) * 20
    answers = post_at_once(served, headers, ["/bookings"] * 20, [ask(run)] * 20)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert list_faults(served.engine) == []


def test_one_person_books_one_place_at_a_time_however_fast_they_ask(served: Served) -> None:
    runs = [offer(served), offer(served, "ivan", 5)]
    headers = [{"Authorization": one["Authorization"]} for one in make_adults(served, 1)] * 20
    answers = post_at_once(served, headers, ["/bookings"] * 20, [ask(runs[number % 2]) for number in range(20)])
    assert Counter(answer.status_code for answer in answers) == {201: 1, 422: 19}
    assert list_faults(served.engine) == []


def test_booking_changing_cancelling_and_driving_at_once_leave_runs_that_hold(served: Served) -> None:
    runs = [offer(served, seats=4), offer(served, "ivan", 10, seats=3)]
    headers = make_adults(served, 60)
    first = post_at_once(served, headers[:6], ["/bookings"] * 6, [ask(runs[number % 2]) for number in range(6)])
    booked = [answer.json()["id"] for answer in first if answer.status_code == 201]
    assert len(booked) == 6
    places = [{"lat": 47.505, "lon": 4.2 + 0.01 * number, "name": f"p{number}"} for number in range(12)]
    dora = issue(served.key, "dora", Role.TRAVELLER, served.now, timedelta(days=1))
    fresh = [{"Authorization": one["Authorization"]} for one in headers]
    asks: list[tuple[dict[str, str], str, dict[str, Any]]] = []
    for number in range(54):
        run = runs[number % 2]
        mid = {**ask(run), "board": places[number % 12]}
        rider = fresh[6 + number]
        asks.append(
            (
                (fresh[number % 6], f"/bookings/{booked[number % 6]}/cancel", {}),
                (fresh[number % 6], f"/bookings/{booked[number % 6]}/change", ask(runs[(number + 1) % 2])),
                (rider, "/bookings", mid),
                (rider, "/bookings", ask(run, "semur-en-auxois")),
                ({"Authorization": f"Bearer {dora}"}, f"/runs/{runs[0]['id']}/cancel", {})
                if number > 50
                else ({"Authorization": f"Bearer {dora}"}, "/runs", {"line": LINE, "seats": 2}),
            )[number % 5]
        )
    answers = post_at_once(served, [one[0] for one in asks], [one[1] for one in asks], [one[2] for one in asks])
    counted = Counter(answer.status_code for answer in answers)
    assert set(counted) <= {200, 201, 409, 422}, [a.text for a in answers if a.status_code >= 500]
    assert list_faults(served.engine) == []


def test_the_database_itself_takes_nobody_too_many(served: Served) -> None:
    run = offer(served, seats=1)
    make_adults(served, 2)
    with psycopg.connect(libpq_conninfo(served.engine.url.render_as_string(hide_password=False))) as connection:
        people = [row[0] for row in connection.execute("SELECT id FROM carpool_person WHERE account LIKE 'rider%'")]
        for person in people:
            connection.execute(
                "INSERT INTO carpool_booking (id, run, passenger, seats, board, alight, state, cents, made_at,"
                " revision) VALUES (%s, %s, %s, 1, %s, %s, 'CONFIRMED', 150, now(), 0)",
                [person, run["id"], person, run["stops"][0]["id"], run["stops"][1]["id"]],
            )
        with pytest.raises(psycopg.errors.CheckViolation, match="more are booked"):
            connection.commit()
