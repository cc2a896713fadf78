"""Who could take one along, asked over HTTP and of the cars kept in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session
from tests.carpool.served import EPOISSES, MORNING, PLACES, SEMUR, SPARE, village

from mobigo.carpool import quotes, store
from mobigo.carpool.match import DELAY_GUARD
from mobigo.carpool.model import BookingState, RunState, RunStop
from mobigo.carpool.plan import Asked, Spot, find_fit
from mobigo.carpool.search import CAR_GRAMS
from mobigo.carpool.supply import Cars
from mobigo.db.session import driver
from mobigo.journeys.emissions import read_factors
from mobigo.journeys.model import Mode
from mobigo.kit.errors import InvalidInput, Refused
from mobigo.kit.geo import Point
from mobigo.street.drives import Drives

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.carpool.served import Served

STRAIGHT = Drives(None)
TO_LAUMES = {"from": "47.5064,4.1722", "to": "47.5422,4.4603", "at": "2026-11-23T07:30"}
ASIDE = Point(4.395, 47.522)
"""A village beside the road from Semur to Les Laumes."""


@pytest.fixture(scope="module")
def place(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with village(test_cluster, tmp_path_factory.mktemp("home")) as one:
        yield one


@pytest.fixture
def served(place: Served) -> Served:
    place.reset()
    place.know("dora", "paul", "rita")
    return place


def search(served: Served, user: str | None = None, **asked: object) -> dict[str, Any]:
    query = {name: str(value) for name, value in (TO_LAUMES | asked).items()}
    if user is None:
        answer = httpx.get(f"{served.address}/v1/carpool/search", params=query, timeout=120)
    else:
        with served.ask(user) as asking:
            answer = asking.get("/v1/carpool/search", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def poke(served: Served) -> None:
    """Write anything: what is kept in memory is looked at anew, though the rows were changed behind its back."""
    served.know("rita")


# ── what is offered ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_run_that_goes_there_is_offered_at_its_stops_without_a_detour(served: Served) -> None:
    run = served.lay_run("dora", line="epoisses", direction=0)
    (offer,) = search(served)["offers"]
    assert (offer["run_id"], offer["line_id"], offer["confirmation"]) == (run.id, "epoisses", "instant")
    assert search(served)["elsewhere"] == []  # no other operator is known
    assert offer["pickup"]["stop_id"] == run.stops[0].id
    assert offer["drop_off"]["stop_id"] == run.stops[-1].id
    assert (offer["departure"], offer["arrival"]) == ("2026-11-23T08:00:00+01:00", "2026-11-23T08:35:00+01:00")
    assert (offer["detour_seconds"], offer["walk_seconds"], offer["price_cents"]) == (0, 0, 150)
    assert offer["seats_left"] == 2
    assert offer["co2"] == round(CAR_GRAMS * offer["metres"] / 1000 / 2)


def test_a_run_on_a_line_keeps_to_its_stops_where_one_can_walk_to_them(served: Served) -> None:
    stops = tuple(
        RunStop(0, name, point, metres, there, there + SPARE, driver_latest=there + SPARE, line_stop=name)
        for name, point, metres, minutes in PLACES
        for there in [served.now + timedelta(minutes=60 + minutes)]
    )
    run = served.lay_run("dora", line="epoisses", direction=0, stops=stops)
    doors = {"from": "47.5090,4.1722", "to": "47.5422,4.4640"}
    (offer,) = search(served, **doors)["offers"]
    assert (offer["pickup"]["stop_id"], offer["drop_off"]["stop_id"]) == (run.stops[0].id, run.stops[-1].id)
    assert offer["walk_seconds"] > 0
    near = {**doors, "from": "47.5064,4.1722"}
    (offer,) = search(served, max_walk_minutes=1, **near)["offers"]
    assert offer["drop_off"]["stop_id"] is None  # too far to walk from the line's stop


def test_the_car_comes_to_who_lives_aside_and_is_a_little_later(served: Served) -> None:
    run = served.lay_run("dora")
    (offer,) = search(served, **{"from": f"{ASIDE.lat},{ASIDE.lon}"})["offers"]
    assert offer["pickup"]["stop_id"] is None
    assert 0 <= offer["detour_seconds"] <= 300
    assert offer["pickup"]["at"] > "2026-11-23T08:00:00+01:00"
    key = served.key
    read = quotes.read(key, offer["quote"], int(served.now.timestamp()))
    assert (read.run, read.board.stop, read.alight.stop) == (run.id, None, run.stops[-1].id)


def test_seats_hours_and_direction_bound_what_is_offered(served: Served) -> None:
    served.lay_run("dora", seats=2)
    assert search(served, seats=2)["offers"]
    assert search(served, seats=3)["offers"] == []
    assert search(served, at="2026-11-23T08:01")["offers"] == []
    assert search(served, within_minutes=29)["offers"] == []
    assert search(served, **{"from": TO_LAUMES["to"], "to": TO_LAUMES["from"]})["offers"] == []
    assert search(served, at="2026-11-23T08:35", arrive_by=True)["offers"]
    assert search(served, at="2026-11-23T08:34", arrive_by=True)["offers"] == []
    assert search(served, at="2026-11-23T10:00", arrive_by=True)["offers"] == []
    assert search(served, at="2026-11-23T10:00", arrive_by=True, within_minutes=90)["offers"]


def test_the_first_to_arrive_comes_first_and_who_must_arrive_sees_the_last_to_leave(served: Served) -> None:
    for minutes in (100, 60, 80):
        served.lay_run("dora", at=MORNING + timedelta(minutes=minutes))
    leaving = [one["departure"] for one in search(served, within_minutes=120)["offers"]]
    assert leaving == sorted(leaving)
    assert len(leaving) == 3
    arriving = search(served, at="2026-11-23T10:00", arrive_by=True, within_minutes=120, limit=1)["offers"]
    assert [one["departure"] for one in arriving] == leaving[-1:]


def test_what_another_offer_beats_is_left_out_unless_asked_for(served: Served) -> None:
    served.lay_run("dora")
    served.lay_run("paul", at=MORNING + timedelta(minutes=60, seconds=1))
    assert len(search(served)["offers"]) == 2  # the later one leaves later
    slow = served.lay_run("rita")
    with Session(served.engine) as session, session.begin():
        session.execute(
            text("UPDATE mobigo.carpool_run_stop SET planned_at = planned_at + interval '5 min' WHERE id = :id"),
            {"id": slow.stops[-1].id},
        )
        store.publish(driver(session), [slow.id])
    poke(served)
    assert slow.id not in {one["run_id"] for one in search(served)["offers"]}
    assert slow.id in {one["run_id"] for one in search(served, all=True)["offers"]}


def test_a_stop_of_the_line_within_a_walk_spares_the_detour(served: Served) -> None:
    run = served.lay_run("dora")
    stops = [store_stop.id for store_stop in run.stops]
    with Session(served.engine) as session, session.begin():
        for id_ in stops:
            session.execute(text("UPDATE mobigo.carpool_run_stop SET line_stop = 'stop' WHERE id = :id"), {"id": id_})
        store.publish(driver(session), [run.id])
    near = f"{EPOISSES.lat + 0.004},{EPOISSES.lon}"
    (offer,) = search(served, **{"from": near})["offers"]
    assert offer["pickup"]["stop_id"] == stops[0]
    assert offer["pickup"]["name"] == "Époisses"
    assert 300 < offer["walk_seconds"] < 700
    assert offer["departure"] < "2026-11-23T08:00:00+01:00"
    assert search(served, max_walk_minutes=0, **{"from": near})["offers"] == []  # going there makes the car late


# ── never more than can be kept ───────────────────────────────────────────────────────────────────────────────────────


def test_seats_that_are_booked_are_not_offered_and_are_again_once_cancelled(served: Served) -> None:
    run = served.lay_run("dora", seats=1)
    seat = served.seat(run, "paul")
    assert search(served)["offers"] == []
    with Session(served.engine) as session, session.begin():
        connection = driver(session)
        connection.execute("UPDATE carpool_booking SET state = 'CANCELLED' WHERE id = %s", [seat.id])
        store.publish(connection, [run.id], [seat.id])
    poke(served)
    assert len(search(served)["offers"]) == 1


def test_who_rides_along_is_not_made_late_beyond_the_guard(served: Served) -> None:
    run = served.lay_run("dora")
    far = Point(ASIDE.lon, ASIDE.lat + 0.03)
    found = search(served, **{"from": f"{far.lat},{far.lon}", "max_walk_minutes": 0})["offers"]
    assert all(one["detour_seconds"] <= DELAY_GUARD for one in found)
    assert run.stops[-1].latest - run.stops[-1].planned_at == timedelta(seconds=DELAY_GUARD)


def test_a_car_on_its_way_is_offered_from_its_next_stop_on(served: Served) -> None:
    run = served.lay_run("dora")
    with Session(served.engine) as session, session.begin():
        on = replace(run, state=RunState.DRIVING, started_at=MORNING + timedelta(minutes=60), delay=240)
        store.set_run(driver(session), on)
        store.set_passed(driver(session), run.stops[0].id, MORNING + timedelta(minutes=64))
        store.publish(driver(session), [run.id])
    served.go(MORNING + timedelta(minutes=65))
    assert search(served, at="2026-11-23T08:05")["offers"] == []
    semur = {"from": f"{SEMUR.lat},{SEMUR.lon}", "at": "2026-11-23T08:05"}
    (offer,) = search(served, **semur)["offers"]
    assert offer["driving"]
    assert offer["pickup"]["at"] == "2026-11-23T08:19:00+01:00"  # four minutes late


def test_a_car_whose_driver_does_not_set_out_is_not_believed_for_ever(served: Served) -> None:
    served.lay_run("dora")
    semur = {"from": f"{SEMUR.lat},{SEMUR.lon}", "at": "2026-11-23T08:10"}
    served.go(MORNING + timedelta(minutes=70))
    assert search(served, **semur)["offers"]
    served.go(MORNING + timedelta(minutes=76))
    assert search(served, **semur)["offers"] == []


@pytest.mark.parametrize("state", [RunState.ENDED, RunState.CANCELLED])
def test_what_is_over_is_not_offered(served: Served, state: RunState) -> None:
    run = served.lay_run("dora")
    assert search(served)["offers"]
    with Session(served.engine) as session, session.begin():
        driver(session).execute(
            "UPDATE carpool_run SET state = %s, ended_at = now() WHERE id = %s", [state.value, run.id]
        )
        store.publish(driver(session), [run.id])
    poke(served)
    assert search(served)["offers"] == []


# ── who meets whom ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_who_blocked_whom_is_not_offered_to_either_nor_are_one_s_own_runs(served: Served) -> None:
    run = served.lay_run("dora")
    with Session(served.engine) as session, session.begin():
        driver(session).execute(
            "INSERT INTO carpool_block (person, blocked, at) VALUES (%s, %s, now())",
            [served.people["dora"], served.people["paul"]],
        )
    assert search(served, "paul")["offers"] == []
    assert search(served, "dora")["offers"] == []  # it is hers
    assert search(served, "rita")["offers"]
    served.seat(run, "rita")
    with Session(served.engine) as session, session.begin():
        driver(session).execute("DELETE FROM carpool_block")
        driver(session).execute(
            "INSERT INTO carpool_block (person, blocked, at) VALUES (%s, %s, now())",
            [served.people["paul"], served.people["rita"]],
        )
    poke(served)
    assert search(served, "paul")["offers"] == []  # rita rides along
    assert search(served)["offers"]


def test_a_token_that_is_none_is_refused(served: Served) -> None:
    answer = httpx.get(
        f"{served.address}/v1/carpool/search", params=TO_LAUMES, headers={"Authorization": "Bearer none"}, timeout=120
    )
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"from": "nowhere"}, 404),
        ({"from": "91,4"}, 400),
        ({"at": "yesterday"}, 400),
        ({"seats": 0}, 422),
        ({"seats": 9}, 422),
        ({"max_walk_minutes": 61}, 422),
    ],
)
def test_what_makes_no_sense_is_refused(served: Served, changes: dict[str, str], status: int) -> None:
    answer = httpx.get(f"{served.address}/v1/carpool/search", params=TO_LAUMES | changes, timeout=120)
    assert answer.status_code == status, answer.text


# ── quotes ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_offered_can_be_booked(served: Served) -> None:
    run = served.lay_run("dora")
    for place in (EPOISSES, ASIDE, SEMUR):
        for offer in search(served, **{"from": f"{place.lat},{place.lon}"})["offers"]:
            read = quotes.read(served.key, offer["quote"], int(served.now.timestamp()))
            ends = [one.stop or Spot(one.name, one.point) for one in (read.board, read.alight)]
            moment = served.now.fromtimestamp
            asked = Asked(
                *ends,
                read.seats,
                moment(read.ready_at, served.now.tzinfo),
                moment(read.board_at + DELAY_GUARD, served.now.tzinfo),
                moment(read.there_by, served.now.tzinfo),
            )
            fit = find_fit(run, [], asked, STRAIGHT, served.now)
            assert fit is not None
            assert fit.stops[fit.board].planned_at.timestamp() == read.board_at
            assert fit.stops[fit.alight].planned_at.timestamp() <= read.alight_at


def test_quotes_end_and_cannot_be_changed(served: Served) -> None:
    served.lay_run("dora")
    (offer,) = search(served)["offers"]
    now = int(served.now.timestamp())
    assert quotes.read(served.key, offer["quote"], now + quotes.LIFE).cents == 150
    with pytest.raises(Refused, match="was good until"):
        quotes.read(served.key, offer["quote"], now + quotes.LIFE + 1)
    with pytest.raises(InvalidInput, match="not one of this instance"):
        quotes.read(b"x" * 32, offer["quote"], now)
    with pytest.raises(InvalidInput, match="not one of this instance"):
        quotes.read(served.key, offer["quote"][:-2] + "AA", now)


# ── the cars in memory ────────────────────────────────────────────────────────────────────────────────────────────────


def test_cars_are_read_once_and_then_only_what_changed(served: Served) -> None:
    first = served.lay_run("dora")
    cars = Cars(served.engine, served.clock)
    garage = cars.current(STRAIGHT)
    assert garage is not None
    assert len(garage) == 1
    served.lay_run("paul")
    cars.expect_change()
    assert cars.current(STRAIGHT) is garage
    assert len(garage) == 2
    served.seat(first, "rita")
    cars.expect_change()
    cars.current(STRAIGHT)
    served.go(MORNING + timedelta(hours=4))
    cars.expect_change()
    cars.current(STRAIGHT)
    assert len(garage) == 0  # all are over
    served.go(MORNING)
    cars.expect_change()
    cars.current(STRAIGHT)
    assert len(garage) == 2  # the clock was put back
    other = cars.current(Drives(None))
    assert other is not None
    assert len(other) == 2
    cars.close()


def test_the_fare_is_that_of_the_rule_of_the_day(served: Served) -> None:
    served.lay_run("dora", line="epoisses", direction=0)
    assert search(served, seats=2)["offers"][0]["price_cents"] == 300


def test_a_car_is_as_dirty_here_as_in_journeys() -> None:
    assert read_factors().of_mode(Mode.CAR) == CAR_GRAMS


def test_a_booking_that_waits_for_its_driver_has_its_seats(served: Served) -> None:
    run = served.lay_run("dora", seats=1, confirms=False)
    (offer,) = search(served)["offers"]
    assert offer["confirmation"] == "driver"
    served.seat(run, "paul", state=BookingState.WAITING_CONFIRMATION)
    poke(served)
    assert search(served)["offers"] == []
