"""Two hundred people want the last seats at once: never one too many, everybody is told, every promise holds."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from sqlalchemy.orm import Session
from tests.ondemand.taxi_town import CAMILLE, DRIVES, MORNING, list_faults, open_town, seats

from mobigo.accounts.model import Role
from mobigo.ondemand.replanning import replan
from mobigo.ondemand.solver import Solver

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sqlalchemy.engine import Engine
    from tests.ondemand.taxi_town import TaxiTown


CLIENTS = 200


def post_at_once(town: TaxiTown, bodies: Sequence[dict[str, Any]]) -> list[httpx.Response]:
    """Let as many clients as there are bodies book at the same time, each on a connection of its own."""
    address = str(town.http.base_url)

    def book(numbered: tuple[int, dict[str, Any]]) -> httpx.Response:
        number, body = numbered
        with httpx.Client(base_url=address, timeout=120) as http:
            return http.post("/v1/ondemand/bookings", json=body, headers={"Idempotency-Key": f"client-{number}"})

    with ThreadPoolExecutor(len(bodies)) as pool:
        return list(pool.map(book, enumerate(bodies)))


@pytest.fixture
def two_vans(engine: Engine, home: Path, database_url: str) -> Iterator[TaxiTown]:
    """A village with two vans of eight seats."""
    with open_town(engine, home, database_url, vehicles=(seats(8, "van-1"), seats(8, "van-2"))) as town:
        yield town


def test_the_last_seats_are_sold_once(taxi_town: TaxiTown) -> None:
    quote = taxi_town.quote(9)
    answers = post_at_once(taxi_town, [{"quotes": [quote], "contact": CAMILLE}] * CLIENTS)
    assert Counter(answer.status_code for answer in answers) == {201: 8, 409: CLIENTS - 8}
    for answer in answers:
        if answer.status_code == 409:
            assert answer.json()["code"] == "places_gone"
            assert answer.json()["alternatives"]
    ((seated,),) = taxi_town.read("SELECT sum(load[1])::int FROM ondemand_leg WHERE state = 'confirmed'")
    assert seated == 8
    assert taxi_town.read("SELECT count(*) FROM ondemand_refusal") == [(CLIENTS - 8,)]
    assert list_faults(taxi_town.database_url) == []


@pytest.mark.slow
def test_many_want_many_things_and_every_promise_holds_also_after_replanning(
    two_vans: TaxiTown, engine: Engine
) -> None:
    hours = (9, 9.25, 9.5, 10, 11)
    quotes = [
        two_vans.quote(hour, back=back, x=x, party={"adults": adults, "luggage": adults})
        for hour in hours
        for back in (False, True)
        for x, adults in ((0, 1), (-1500, 2), (1000, 3), (1800, 1))
    ]
    bodies = [
        {"quotes": [quotes[number % len(quotes)]], "contact": CAMILLE, "hold": number % 7 == 0}
        for number in range(CLIENTS)
    ]
    answers = post_at_once(two_vans, bodies)
    counted = Counter(answer.status_code for answer in answers)
    assert set(counted) == {201, 409}, counted
    assert all(answer.json()["alternatives"] is not None for answer in answers if answer.status_code == 409)
    assert list_faults(two_vans.database_url) == []
    with Solver() as solver, Session(engine) as session:
        replan(session, DRIVES, solver, MORNING, seconds=3)
        session.commit()
    assert list_faults(two_vans.database_url) == []
    two_vans.put_clock(MORNING + timedelta(minutes=30))
    later = post_at_once(two_vans, bodies[: CLIENTS // 2])  # the same keys: the same answers, or a new refusal
    for before, after in zip(answers, later, strict=False):
        if before.status_code == 201:
            assert after.json() == before.json()
    assert list_faults(two_vans.database_url) == []


def test_booking_changing_and_cancelling_at_once_leave_a_run_that_can_be_driven(two_vans: TaxiTown) -> None:
    booked = [two_vans.book(two_vans.quote(hour, x=x)) for hour in (9, 10) for x in (0, 1500)]
    other = two_vans.quote(12)
    desk = two_vans.token(Role.DESK)
    address = str(two_vans.http.base_url)

    def act(number: int) -> int:
        one = booked[number % len(booked)]["id"]
        path, body = (
            (f"bookings/{one}/change", {"quotes": [other]}),
            (f"bookings/{one}/cancel", {}),
            ("bookings", {"quotes": [other], "contact": CAMILLE}),
        )[number % 3]
        with httpx.Client(base_url=address, timeout=120, headers=desk) as http:
            return http.post(f"/v1/ondemand/{path}", json=body).status_code

    with ThreadPoolExecutor(24) as pool:
        counted = Counter(pool.map(act, range(48)))
    assert set(counted) <= {200, 201, 409}, counted
    assert list_faults(two_vans.database_url) == []


def test_one_key_sent_many_times_at_once_is_one_booking(taxi_town: TaxiTown) -> None:
    body = {"quotes": [taxi_town.quote(9)], "contact": CAMILLE}
    address = str(taxi_town.http.base_url)

    def book(_: int) -> httpx.Response:
        with httpx.Client(base_url=address, timeout=120) as http:
            return http.post("/v1/ondemand/bookings", json=body, headers={"Idempotency-Key": "mine"})

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(book, range(20)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["booking"]["id"] for answer in answers}) == 1
    assert taxi_town.read("SELECT count(*) FROM ondemand_booking") == [(1,)]


def test_a_hold_is_confirmed_once_however_often_it_is_asked(taxi_town: TaxiTown) -> None:
    held = taxi_town.book(taxi_town.quote(9), hold=True)
    address = str(taxi_town.http.base_url)

    def confirm(_: int) -> int:
        with httpx.Client(base_url=address, timeout=120) as http:
            return http.post(f"/v1/ondemand/bookings/{held['id']}/confirm", json={}).status_code

    with ThreadPoolExecutor(10) as pool:
        counted = Counter(pool.map(confirm, range(10)))
    assert counted == {200: 1, 409: 9}
    assert taxi_town.read("SELECT count(*) FROM ledger_entry") == [(1,)]
