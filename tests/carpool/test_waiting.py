"""Waiting at a stop: what is expected and promised, who picks up whom, and one taxi when nobody came."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.orm import Session
from tests.carpool.served import MORNING, Served, village

from mobigo.accounts.model import Role
from mobigo.carpool import lines, store, waiting
from mobigo.carpool.line_documents import write_body
from mobigo.carpool.lines import find_way
from mobigo.carpool.model import BookingState, Guarantee, Hours, Line, RunState, RunStop
from mobigo.cli.carpool_people import CarpoolPeople
from mobigo.db.session import driver
from mobigo.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mobigo.carpool.model import Run

LINE = "epoisses-les-laumes"
WISH = {"line": LINE, "stop": "epoisses", "to": "les-laumes"}
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def place(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with village(test_cluster, tmp_path_factory.mktemp("home")) as served:
        yield served


@pytest.fixture
def town(place: Served) -> Served:
    place.reset()
    place.know("dora", "anna", "ben", "eve")
    return place


def drive(town: Served, user: str, at: datetime, *, direction: int = 0, seats: int = 3, **changes: object) -> Run:
    """Let somebody drive along the line, ten minutes from stop to stop."""
    spots, metres = find_way(lines.shipped()[LINE], direction)
    stops = tuple(
        RunStop(0, one.name, one.point, far, at + 10 * number * MINUTE, at + (10 * number + 30) * MINUTE,
                line_stop=one.line_stop, driver_latest=at + (10 * number + 30) * MINUTE)
        for number, (one, far) in enumerate(zip(spots, metres, strict=True))
    )  # fmt: skip
    return town.lay_run(user, seats=seats, stops=stops, line=LINE, direction=direction, **changes)


def wait(town: Served, user: str, **changes: object) -> dict[str, object]:
    status, answer = town.say(user, "POST", "/waiting", {**WISH, **changes})
    assert status == 201, answer
    return answer


def look_after(town: Served, times: int = 1) -> None:
    """Let the worker look at who waits."""
    people = CarpoolPeople(town.engine.url.render_as_string(hide_password=False), read_settings())
    people._clock = town.clock
    for _ in range(times):
        people.wait()
    people._engine.dispose()


# ── what is promised and expected ─────────────────────────────────────────────────────────────────────────────────────


def test_who_begins_to_wait_is_told_until_when_a_car_or_a_taxi_will_have_come(town: Served) -> None:
    one = wait(town, "anna", seats=2)
    assert (one["line"], one["direction"], one["state"], one["seats"]) == (LINE, 0, "waiting", 2)
    assert (one["since"], one["promised_until"]) == ("2026-11-23T07:00:00+01:00", "2026-11-23T07:20:00+01:00")
    assert one["expected"] == {
        "seconds": None,
        "announced": False,
        "cars": [],
        "promised_until": "2026-11-23T07:20:00+01:00",
    }
    back = wait(town, "ben", stop="les-laumes", to="epoisses")
    assert back["direction"] == 1


def test_outside_its_hours_a_line_promises_nothing(town: Served) -> None:
    town.go(MORNING.replace(hour=11))
    assert wait(town, "anna")["promised_until"] is None
    town.go(datetime(2026, 11, 28, 6, 30, tzinfo=UTC))  # a Saturday
    assert wait(town, "ben")["promised_until"] is None


def test_hours_are_those_of_the_wall_also_after_midnight_and_when_clocks_change() -> None:
    late = Hours(frozenset({4}), 22 * 3600, 26 * 3600)  # Fridays from 22:00 to 2:00
    stops = lines.shipped()[LINE].stops
    line = Line("x", "x", stops, (late,), guarantee=Guarantee(900, (late,), frozenset({0})))
    paris = ZoneInfo("Europe/Paris")

    def promise(*when: int, direction: int = 0) -> datetime | None:
        return waiting.find_promise(line, direction, datetime(*when, tzinfo=paris).astimezone(UTC))

    assert promise(2026, 10, 23, 21, 59) is None
    assert promise(2026, 10, 23, 22, 0) == datetime(2026, 10, 23, 20, 15, tzinfo=UTC)
    assert promise(2026, 10, 24, 1, 59) == datetime(2026, 10, 24, 0, 14, tzinfo=UTC)
    assert promise(2026, 10, 24, 2, 0) is None
    assert promise(2026, 10, 24, 23, 0) is None
    assert promise(2026, 10, 23, 23, 0, direction=1) is None
    assert promise(2026, 3, 27, 23, 59) == datetime(2026, 3, 27, 23, 14, tzinfo=UTC)


def test_the_wait_is_that_for_the_next_car_with_seats_all_the_way(town: Served) -> None:
    full = drive(town, "dora", town.now + 5 * MINUTE, seats=1)
    town.seat(full, "eve")
    late = drive(town, "dora", town.now + 12 * MINUTE)
    with Session(town.engine) as session, session.begin():
        store.set_run(driver(session), replace(late, delay=120))
    drive(town, "dora", town.now + 2 * MINUTE, direction=1)
    drive(town, "dora", town.now + MINUTE, state=RunState.CANCELLED)
    expected = wait(town, "anna")["expected"]
    assert (expected["seconds"], expected["announced"]) == (840, True)
    assert [one["at"] for one in expected["cars"]] == ["2026-11-23T07:14:00+01:00"]
    with town.ask("nobody") as asking:  # to be looked at before one goes to the stop, by anybody
        asking.headers.pop("Authorization")
        seen = asking.get(f"/v1/carpool/lines/{LINE}/expected?stop=epoisses&to=les-laumes&seats=4").json()
    assert (seen["seconds"], seen["announced"]) == (None, False)


def test_without_a_car_the_wait_is_what_it_was_at_this_hour_in_the_weeks_before(town: Served) -> None:
    for weeks in (1, 2, 3, 4):
        run = drive(town, "dora", town.now - timedelta(weeks=weeks), state=RunState.PLANNED)
        with Session(town.engine) as session, session.begin():
            store.set_passed(driver(session), run.stops[0].id, run.stops[0].planned_at)
    expected = wait(town, "anna")["expected"]
    # 4 cars in 8 weeks of an hour each: one in two hours
    assert (expected["seconds"], expected["announced"]) == (3600, False)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"line": "nowhere"}, "unknown_line"),
        ({"stop": "dijon"}, "unknown_stop"),
        ({"to": "epoisses"}, "invalid_booking"),
        ({"seats": 9}, "validation_failed"),
    ],
)
def test_nobody_waits_where_no_car_comes(town: Served, change: dict[str, object], code: str) -> None:
    assert town.say("anna", "POST", "/waiting", {**WISH, **change})[1]["code"] == code


def test_one_waits_in_one_place_and_only_as_an_adult(town: Served) -> None:
    first = wait(town, "anna")
    status, answer = town.say("anna", "POST", "/waiting", WISH)
    assert (status, answer["code"], answer["waiting"]) == (409, "already_waiting", first["id"])
    assert town.say("anna", "POST", f"/waiting/{first['id']}/leave")[1]["state"] == "left"
    assert town.say("anna", "POST", f"/waiting/{first['id']}/leave")[0] == 200
    assert wait(town, "anna")["id"] != first["id"]
    town.know("kid", adult=False)
    assert town.say("kid", "POST", "/waiting", WISH)[1]["code"] == "adults_only"
    assert town.say("nobody", "POST", "/waiting", WISH)[1]["code"] == "unknown_person"


def test_waiting_of_others_is_not_there(town: Served) -> None:
    one = wait(town, "anna")
    assert town.say("ben", "GET", f"/waiting/{one['id']}")[1]["code"] == "unknown_waiting"
    assert town.say("ben", "POST", f"/waiting/{one['id']}/leave")[0] == 404
    assert town.say("anna", "GET", f"/waiting/{one['id']}")[0] == 200


# ── who drives by ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_driver_sees_who_waits_ahead_and_takes_them(town: Served) -> None:
    one = wait(town, "anna", seats=2)
    wait(town, "ben", stop="les-laumes", to="epoisses")
    run = drive(town, "dora", town.now + 10 * MINUTE)
    ahead = town.say("dora", "GET", f"/runs/{run.id}/waiting")[1]["waiting"]
    assert [(seen["waiting"], seen["persons"], seen["at"]) for seen in ahead] == [
        (one["id"], 2, "2026-11-23T07:10:00+01:00")
    ]
    assert "anna" not in str(ahead).lower()
    assert town.say("eve", "GET", f"/runs/{run.id}/waiting")[1]["code"] == "unknown_run"
    place = f"/runs/{run.id}/waiting/{one['id']}/pick-up"
    assert town.say("eve", "POST", place)[0] == 404
    status, taken = town.say("dora", "POST", place)
    assert status == 200, taken
    assert town.say("dora", "POST", place) == (200, taken)  # said twice
    seen = town.say("anna", "GET", f"/waiting/{one['id']}")[1]
    assert (seen["state"], seen["run"], seen["booking"]) == ("picked_up", run.id, taken["booking"])
    with Session(town.engine) as session:
        booking = store.get_booking(driver(session), taken["booking"])
    assert (booking.state, booking.seats, booking.passenger, booking.cents) == (
        BookingState.CONFIRMED,
        2,
        town.people["anna"],
        300,
    )
    assert town.say("dora", "GET", f"/runs/{run.id}/waiting")[1] == {"waiting": []}


def test_a_driver_who_answers_first_has_answered_by_picking_up(town: Served) -> None:
    one = wait(town, "anna")
    run = drive(town, "dora", town.now + 5 * MINUTE, confirms=False)
    taken = town.say("dora", "POST", f"/runs/{run.id}/waiting/{one['id']}/pick-up")[1]
    with Session(town.engine) as session:
        assert store.get_booking(driver(session), taken["booking"]).state is BookingState.CONFIRMED


def test_who_is_too_many_elsewhere_or_not_to_be_met_is_not_seen(town: Served) -> None:
    wait(town, "anna", seats=3)
    wait(town, "ben")
    run = drive(town, "dora", town.now + 5 * MINUTE, seats=2)
    with Session(town.engine) as session, session.begin():
        driver(session).execute(
            "INSERT INTO carpool_block VALUES (%s, %s, now())", [town.people["ben"], town.people["dora"]]
        )
    assert town.say("dora", "GET", f"/runs/{run.id}/waiting")[1] == {"waiting": []}


def test_of_two_drivers_one_picks_up(town: Served) -> None:
    one = wait(town, "anna")
    runs = [drive(town, user, town.now + 5 * MINUTE) for user in ("dora", "eve")]
    with ThreadPoolExecutor(2) as pool:
        answers = list(
            pool.map(
                lambda pair: town.say(pair[0], "POST", f"/runs/{pair[1].id}/waiting/{one['id']}/pick-up"),
                zip(("dora", "eve"), runs, strict=True),
            )
        )
    assert sorted(status for status, _ in answers) == [200, 409]
    assert next(answer["code"] for status, answer in answers if status == 409) == "waiting_over"


def test_drivers_who_will_pass_are_told_once(town: Served) -> None:
    wait(town, "anna", seats=2)
    drive(town, "dora", town.now + 10 * MINUTE)
    drive(town, "eve", town.now + 50 * MINUTE)
    look_after(town, 2)
    told = [one for one in town.list_messages() if one.template == "carpool_waiting"]
    assert [(one.recipient, one.until) for one in told] == [("+33612345670", town.now + 10 * MINUTE)]
    assert told[0].body == "Époisses : 2 pers. attendent depuis 07:00, vers Les Laumes. Vous y passez vers 07:10."


def test_a_line_shows_how_many_wait_and_not_who(town: Served) -> None:
    wait(town, "anna", seats=2)
    town.go(town.now + MINUTE)
    wait(town, "ben")
    status, seen = town.say("eve", "GET", f"/lines/{LINE}/waiting")
    assert (status, seen["waiting"]) == (
        200,
        [{"stop": "epoisses", "to": "les-laumes", "direction": 0, "persons": 3, "since": "2026-11-23T07:00:00+01:00"}],
    )


# ── the promise ───────────────────────────────────────────────────────────────────────────────────────────────────────


def promise_taxi(town: Served) -> None:
    """Write whom to call into the line."""
    with Session(town.engine) as session, session.begin():
        document = write_body(lines.get_line(driver(session), LINE))
        document["guarantee"] |= {"taxi_phone": "06 99 99 99 99", "taxi_email": "taxi@example.org"}
        lines.write(driver(session), LINE, document, by="clara", now=town.now)


def test_after_the_promised_wait_one_taxi_is_ordered(town: Served) -> None:
    promise_taxi(town)
    one = wait(town, "anna", seats=2)
    town.go(MORNING + 20 * MINUTE - timedelta(seconds=1))
    look_after(town)
    assert town.say("anna", "GET", f"/waiting/{one['id']}")[1]["state"] == "waiting"
    town.go(MORNING + 20 * MINUTE)
    look_after(town, 3)
    seen = town.say("anna", "GET", f"/waiting/{one['id']}")[1]
    assert (seen["state"], seen["taxi_ordered_at"]) == ("taxi", "2026-11-23T07:20:00+01:00")
    said = [(sent.template, sent.recipient) for sent in town.list_messages(f"carpool_waiting:{one['id']}")]
    assert sorted(said) == [
        ("carpool_taxi", "+33612345671"),
        ("taxi_order", "+33699999999"),
        ("taxi_order", "taxi@example.org"),
    ]
    order = next(sent.body for sent in town.list_messages() if sent.template == "taxi_order")
    assert "2 pers." in (order or "") or "Personnes : 2" in (order or "")
    run = drive(town, "dora", town.now + MINUTE)
    assert town.say("dora", "POST", f"/runs/{run.id}/waiting/{one['id']}/pick-up")[1]["code"] == "waiting_over"
    assert town.say("anna", "POST", f"/waiting/{one['id']}/leave")[1]["code"] == "waiting_over"


def test_staff_sees_for_whom_a_taxi_comes(town: Served) -> None:
    one = wait(town, "anna")
    town.go(MORNING + 21 * MINUTE)
    look_after(town)
    status, answer = town.say("clara", "GET", "/waiting?state=taxi", role=Role.DESK)
    assert status == 200
    seen = answer["waiting"][0]
    assert (seen["id"], seen["name"], seen["phone"]) == (one["id"], "Anna", "+33612345671")
    assert town.say("anna", "GET", "/waiting")[0] == 403
    orders = [sent for sent in town.list_messages() if sent.template == "taxi_order"]
    assert [sent.recipient for sent in orders] == ["taxi@example.org"]  # as the lines ship: for the outbox alone


def test_many_workers_at_once_order_one_taxi_each(town: Served) -> None:
    for number in range(10):
        town.know(f"rider{number}", phone=None)
        wait(town, f"rider{number}")
    town.go(MORNING + 25 * MINUTE)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: look_after(town), range(4)))
    taxis = [one for one in town.list_messages() if one.template == "carpool_taxi"]
    assert len(taxis) == 10
    assert len({one.recipient for one in taxis}) == 10


def test_killed_while_it_orders_a_worker_leaves_nothing_half_done(town: Served) -> None:
    one = wait(town, "anna")
    town.go(MORNING + 25 * MINUTE)
    with Session(town.engine) as session:
        assert waiting.keep_promise(session, town.now) is not None
        session.connection().connection.driver_connection.close()  # as when the process dies
        session.invalidate()
    assert town.say("anna", "GET", f"/waiting/{one['id']}")[1]["state"] == "waiting"
    assert [sent for sent in town.list_messages() if sent.template == "carpool_taxi"] == []
    look_after(town)
    assert town.say("anna", "GET", f"/waiting/{one['id']}")[1]["state"] == "taxi"


def test_who_booked_a_car_meanwhile_needs_no_taxi(town: Served) -> None:
    one = wait(town, "anna")
    town.go(MORNING + 10 * MINUTE)
    run = drive(town, "dora", town.now + 8 * MINUTE)
    booking = town.seat(run, "anna")
    town.go(MORNING + 25 * MINUTE)
    look_after(town)
    seen = town.say("anna", "GET", f"/waiting/{one['id']}")[1]
    assert (seen["state"], seen["run"], seen["booking"]) == ("picked_up", run.id, booking.id)
    assert [sent for sent in town.list_messages() if "taxi" in sent.template] == []


def test_who_was_promised_nothing_is_let_go_in_the_end(town: Served) -> None:
    town.go(MORNING.replace(hour=11))
    one = wait(town, "anna")
    town.go(town.now + timedelta(hours=3))
    look_after(town)
    assert town.say("anna", "GET", f"/waiting/{one['id']}")[1]["state"] == "waiting"
    town.go(town.now + MINUTE)
    look_after(town)
    assert town.say("anna", "GET", f"/waiting/{one['id']}")[1]["state"] == "left"


def test_the_desk_waits_for_who_telephones(town: Served) -> None:
    told = {"name": "Odile Petit", "phone": "03 80 11 22 33", "adult": True}
    status, person = town.say("dede", "POST", "/people", told, role=Role.DESK)
    assert status == 201
    status, found = town.say("dede", "GET", "/people?phone=0380112233", role=Role.DESK)
    assert [one["id"] for one in found["people"]] == [person["id"]]
    assert town.say("anna", "GET", "/people?phone=0380112233")[0] == 403
    assert town.say("anna", "POST", "/waiting", {**WISH, "person": person["id"]})[0] == 403
    assert town.say("dede", "POST", "/waiting", WISH, role=Role.DESK)[0] == 400
    one = town.say("dede", "POST", "/waiting", {**WISH, "person": person["id"]}, role=Role.DESK)[1]
    run = drive(town, "dora", town.now + 5 * MINUTE)
    assert town.say("dora", "POST", f"/runs/{run.id}/waiting/{one['id']}/pick-up")[0] == 200
    seen = town.say("dede", "GET", f"/waiting/{one['id']}", role=Role.DESK)[1]
    assert seen["state"] == "picked_up"
    contact = town.say("dora", "GET", f"/bookings/{seen['booking']}/contact")[1]
    assert (contact["name"], contact["phone"]) == ("Odile Petit", "+33380112233")


def test_with_a_withdrawn_line_its_promise_ends_and_others_are_kept(town: Served) -> None:
    one = wait(town, "anna")
    town.go(town.now + MINUTE)
    other = town.say("ben", "POST", "/waiting", {"line": "sens-auxerre", "stop": "sens", "to": "joigny"})[1]
    with Session(town.engine) as session, session.begin():
        lines.write(driver(session), LINE, None, withdrawn=True, by="clara", now=town.now)
    town.go(MORNING + 25 * MINUTE)
    look_after(town)
    assert town.say("anna", "GET", f"/waiting/{one['id']}")[1]["state"] == "left"
    assert town.say("ben", "GET", f"/waiting/{other['id']}")[1]["state"] == "taxi"


def test_somebody_who_just_sets_out_sees_who_waits_and_takes_them_along(town: Served) -> None:
    one = wait(town, "anna", stop="semur-en-auxois")
    seen = town.say("dora", "GET", f"/lines/{LINE}/waiting")[1]["waiting"]
    assert [(place["stop"], place["to"], place["persons"]) for place in seen] == [("semur-en-auxois", "les-laumes", 1)]
    offer = {"line": LINE, "direction": 0, "departs_at": town.now.isoformat(), "seats": 2, "spontaneous": True}
    status, run = town.say("dora", "POST", "/runs", offer)
    assert status == 201, run
    assert town.say("dora", "POST", f"/runs/{run['id']}/begin", {})[0] == 200
    (ahead,) = town.say("dora", "GET", f"/runs/{run['id']}/waiting")[1]["waiting"]
    assert (ahead["waiting"], ahead["stop"]) == (one["id"], "semur-en-auxois")
    assert town.say("dora", "POST", f"/runs/{run['id']}/waiting/{one['id']}/pick-up")[0] == 200
    assert town.say("anna", "GET", f"/waiting/{one['id']}")[1]["state"] == "picked_up"
