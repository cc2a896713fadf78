"""What drivers report, what follows from it, and what is done by the clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.orm import Session
from tests.ondemand.taxi_town import CAMILLE, MORNING, TUESDAY

from mobigo.accounts.model import Role
from mobigo.ondemand import progress, states, upkeep
from mobigo.ondemand.model import State

if TYPE_CHECKING:
    from typing import Any

    import httpx
    from sqlalchemy.engine import Engine
    from tests.ondemand.taxi_town import TaxiTown


def say(town: TaxiTown, leg: dict[str, Any], state: str, **more: str) -> httpx.Response:
    """Let the driver of the bus say what has become of a ride."""
    return town.post(f"legs/{leg['id']}/state", {"state": state, **more}, **town.token(Role.DRIVER, "bus"))


def balances(town: TaxiTown) -> dict[str, int]:
    """Return debits less credits by account, where not zero."""
    rows = town.read("SELECT account, sum(cents)::int FROM ledger_posting GROUP BY account HAVING sum(cents) <> 0")
    return dict(rows)


def test_a_ride_goes_its_way(taxi_town: TaxiTown) -> None:
    booking = taxi_town.book(taxi_town.quote(9))
    (leg,) = booking["legs"]
    hour = datetime.fromisoformat(leg["planned_pickup"])
    taxi_town.put_clock(hour)
    for state in ("assigned", "en_route", "arrived", "on_board"):
        said = say(taxi_town, leg, state)
        assert (said.status_code, said.json()["state"]) == (200, state), said.text
    taxi_town.put_clock(hour + timedelta(minutes=15))
    assert say(taxi_town, leg, "completed").json()["state"] == "completed"
    assert balances(taxi_town) == {"travellers": 300, "fares": -300}
    events = taxi_town.read(
        "SELECT kind, done, arrival FROM ondemand_event WHERE leg = %s ORDER BY position", leg["id"]
    )
    assert events == [("pickup", True, hour), ("drop_off", True, hour + timedelta(minutes=15))]
    again = say(taxi_town, leg, "completed")
    assert again.status_code == 200  # a sheet that was offline may repeat itself
    back = say(taxi_town, leg, "on_board")
    assert (back.status_code, back.json()["code"]) == (409, "unlawful_move")


def test_only_the_driver_of_the_vehicle_and_staff_say_what_becomes_of_a_ride(taxi_town: TaxiTown) -> None:
    (leg,) = taxi_town.book(taxi_town.quote(9))["legs"]
    path = f"legs/{leg['id']}/state"
    for role, user, status in (
        (Role.DRIVER, "other", 403),
        (Role.TRAVELLER, "anne", 403),
        (Role.AUDITOR, "audit", 403),
        (Role.DISPATCHER, "dora", 200),
    ):
        assert taxi_town.post(path, {"state": "assigned"}, **taxi_town.token(role, user)).status_code == status
    assert taxi_town.post(path, {"state": "assigned"}).status_code == 401
    unknown = taxi_town.post("legs/rnothing/state", {"state": "assigned"}, **taxi_town.token(Role.DISPATCHER))
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_ride")


def test_a_held_ride_is_no_drivers_business(taxi_town: TaxiTown) -> None:
    (leg,) = taxi_town.book(taxi_town.quote(9), hold=True)["legs"]
    refused = say(taxi_town, leg, "confirmed")
    assert (refused.status_code, refused.json()["code"]) == (409, "unlawful_move")


def test_a_sheet_that_was_offline_tells_when_it_happened(taxi_town: TaxiTown) -> None:
    (leg,) = taxi_town.book(taxi_town.quote(9))["legs"]
    happened = datetime.fromisoformat(leg["planned_pickup"]) + timedelta(minutes=25)  # late: a fact
    taxi_town.put_clock(TUESDAY + timedelta(hours=12))
    assert say(taxi_town, leg, "on_board", at=happened.isoformat()).status_code == 200
    (row,) = taxi_town.read("SELECT arrival FROM ondemand_event WHERE leg = %s AND kind = 'pickup'", leg["id"])
    assert row == (happened,)
    for wrong in (TUESDAY + timedelta(hours=13), TUESDAY - timedelta(hours=13)):
        refused = say(taxi_town, leg, "completed", at=wrong.isoformat())
        assert (refused.status_code, refused.json()["code"]) == (400, "event_time")


def test_stops_taken_in_another_order_are_entered_as_they_were(taxi_town: TaxiTown) -> None:
    first, second = (taxi_town.book(taxi_town.quote(9, x=x))["legs"][0] for x in (0, 1500))
    taxi_town.put_clock(TUESDAY + timedelta(hours=9, minutes=10))
    order = [leg for (leg,) in taxi_town.read("SELECT leg FROM ondemand_event WHERE kind = 'pickup' ORDER BY position")]
    later = next(leg for leg in (first, second) if leg["id"] == order[1])
    assert say(taxi_town, later, "on_board").status_code == 200
    rows = taxi_town.read("SELECT leg, done FROM ondemand_event ORDER BY position")
    assert rows[0] == (later["id"], True)


def test_nobody_is_absent_before_they_need_be_there(taxi_town: TaxiTown) -> None:
    (leg,) = taxi_town.book(taxi_town.quote(9))["legs"]
    ready = datetime.fromisoformat(leg["pickup_from"])
    taxi_town.put_clock(ready - timedelta(seconds=1))
    say(taxi_town, leg, "arrived")
    early = say(taxi_town, leg, "no_show")
    assert (early.status_code, early.json()["code"]) == (422, "no_show_too_early")
    taxi_town.put_clock(ready)
    assert say(taxi_town, leg, "no_show").json()["state"] == "no_show"


def miss(town: TaxiTown, hour: float) -> dict[str, Any]:
    """Book a ride and do not appear."""
    town.put_clock(MORNING)
    leg: dict[str, Any] = town.book(town.quote(hour))["legs"][0]
    town.put_clock(datetime.fromisoformat(leg["pickup_until"]))
    say(town, leg, "arrived")
    assert say(town, leg, "no_show").status_code == 200
    return leg


def test_who_is_absent_twice_books_by_telephone_until_the_desk_pardons(taxi_town: TaxiTown) -> None:
    first = miss(taxi_town, 9)
    assert balances(taxi_town) == {"travellers": 500, "penalties": -500}
    taxi_town.put_clock(MORNING)
    taxi_town.book(taxi_town.quote(11))  # once is not enough
    miss(taxi_town, 14)
    taxi_town.put_clock(MORNING)
    body = {"quotes": [taxi_town.quote(17)], "contact": {**CAMILLE, "email": None}}
    refused = taxi_town.post("bookings", body)
    assert (refused.status_code, refused.json()["code"]) == (403, "suspended")
    assert "+33380000000" in refused.json()["detail"]
    other = {"name": "Somebody else", "phone": "07 00 00 00 00"}
    assert taxi_town.post("bookings", {**body, "contact": other}).status_code == 201
    desk = taxi_town.token(Role.DESK)
    assert taxi_town.post("bookings", body, **desk).status_code == 201
    seen = taxi_town.http.get("/v1/ondemand/absences", params={"phone": "0612345678"}, headers=desk).json()
    assert len(seen["absences"]) == 2
    assert list(seen["suspended"]) == ["val:F"]
    pardoned = taxi_town.post(f"absences/{first['id']}/pardon", {"reason": "the doorbell was broken"}, **desk)
    assert pardoned.status_code == 204
    assert balances(taxi_town)["penalties"] == -500  # of the other absence
    assert taxi_town.post("bookings", body).status_code == 201
    twice = taxi_town.post(f"absences/{first['id']}/pardon", {"reason": "again"}, **desk)
    assert (twice.status_code, twice.json()["code"]) == (409, "already_pardoned")
    assert taxi_town.read("SELECT count(*) FROM message WHERE template = 'suspended'")[0][0] > 0


@pytest.mark.parametrize("state", list(State))
def test_a_ride_that_has_ended_stays_ended(state: State) -> None:
    moves = states.MOVES[state]
    assert state not in moves
    assert (state in states.ACTIVE) == bool(moves) or state is State.QUOTED
    for after in moves:
        assert states.MOVES[after] or after not in states.ACTIVE


def test_the_clock_frees_holds_and_settles_vehicles(taxi_town: TaxiTown, engine: Engine) -> None:
    held = taxi_town.book(taxi_town.quote(9), hold=True)
    booked = taxi_town.book(taxi_town.quote(11))
    with Session(engine) as session, session.begin():
        assert upkeep.free_expired(session, MORNING + timedelta(minutes=10)) == 0
        assert upkeep.free_expired(session, MORNING + timedelta(minutes=10, seconds=1)) == 1
        assert progress.assign_due(session, TUESDAY + timedelta(hours=10)) == 1
    assert taxi_town.get(held)["state"] == "failed"
    assert taxi_town.get(booked)["state"] == "assigned"
    assert taxi_town.read("SELECT count(*) FROM ondemand_event WHERE leg IS NOT NULL") == [(2,)]


def test_people_are_forgotten_after_thirty_days_and_nothing_else(taxi_town: TaxiTown, engine: Engine) -> None:
    booking = taxi_town.book(
        taxi_town.quote(9),
        note="blue gate",
        headers={**taxi_town.token(Role.TRAVELLER, "anne"), "Idempotency-Key": "k"},
    )
    ended = datetime.fromisoformat(booking["legs"][0]["arrive_by"])
    with Session(engine) as session, session.begin():
        assert upkeep.forget(session, ended + timedelta(days=30)) == 0
        assert upkeep.forget(session, ended + timedelta(days=30, seconds=1)) == 1
        assert upkeep.forget(session, ended + timedelta(days=31)) == 0
    seen = taxi_town.get(booking)
    assert (seen["contact"], seen["note"], seen["legs"][0]["origin"]["name"]) == (None, "", "")
    assert seen["legs"][0]["destination"] == booking["legs"][0]["destination"]
    assert (seen["reference"], seen["price_cents"]) == (booking["reference"], 300)
    kept = str([
        taxi_town.read(f"SELECT * FROM {table}")
        for table in ("ondemand_booking", "ondemand_leg", "ondemand_event", "ondemand_history", "ondemand_answer",
                      "message", "ondemand_refusal", "ledger_entry", "ledger_posting", "webhook_delivery")
    ])  # fmt: skip
    for said in ("Camille", "612345678", "example.org", "anne", "rue du Puits", "blue gate"):
        assert said not in kept, said
