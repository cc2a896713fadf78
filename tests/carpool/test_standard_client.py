"""Other operators as we ask and tell them: shown beside ours, booked from here, told until they take it."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy.orm import Session
from tests.carpool.other_operator import Operator, operating
from tests.carpool.served import EPOISSES, LAUMES, Served, village
from tests.carpool.standard_shapes import check_shape
from tests.carpool.test_standard import DOMAIN, THEIRS, Other, add_operator, lay

from mobigo.accounts.model import Role
from mobigo.carpool import elsewhere, standard, standard_client
from mobigo.carpool.model import BookingState
from mobigo.carpool.standard_client import send_due
from mobigo.cli.carpool_standard import tell_operators
from mobigo.db.engine import libpq_conninfo
from mobigo.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

ASKING, SEARCHING = standard_client.ASKING, standard_client.SEARCH
SEARCH = f"/elsewhere?from={EPOISSES.lat},{EPOISSES.lon}&to={LAUMES.lat},{LAUMES.lon}"


@pytest.fixture(scope="module")
def operator() -> Iterator[Operator]:
    with operating() as found:
        yield found


@pytest.fixture
def their(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> Operator:
    """Another operator; it is waited for as long as a busy machine takes."""
    long = standard_client.ASKING._replace(connect=60, read=60, total=60, window=60)
    monkeypatch.setattr(standard_client, "ASKING", long)
    monkeypatch.setattr(standard_client, "SEARCH", 60)
    operator.answers, operator.delay, operator.raw = {}, 0, None
    operator.asked.clear()
    return operator


@pytest.fixture(scope="module")
def place(test_cluster: str, tmp_path_factory: pytest.TempPathFactory, operator: Operator) -> Iterator[Served]:
    with village(test_cluster, tmp_path_factory.mktemp("home"), allow_hosts=[operator.pair]) as served:
        yield served


@pytest.fixture
def town(place: Served, their: Operator) -> Served:
    place.reset()
    place.know("dora", "anna", "ben")
    their.journeys = [journey(place)]
    return place


@pytest.fixture
def other(town: Served, their: Operator) -> Other:
    return add_operator(town, address=their.address, their_key="our-key-there", searched=True)


def journey(town: Served, **changes: object) -> dict[str, Any]:
    at = int((town.now + timedelta(minutes=30)).timestamp())
    return {
        "id": "J-1",
        "operator": THEIRS,
        "driver": {"id": "yann", "operator": THEIRS, "alias": "Yann"},
        "passengerPickupDate": at,
        "passengerPickupLat": EPOISSES.lat,
        "passengerPickupLng": EPOISSES.lon,
        "passengerPickupAddress": "Époisses, mairie",
        "passengerDropLat": LAUMES.lat,
        "passengerDropLng": LAUMES.lon,
        "duration": 2100,
        "distance": 30000,
        "availableSeats": 2,
        "price": {"type": "PAYING", "amount": 2.4, "currency": "EUR"},
        "type": "PLANNED",
        "webUrl": "https://covoit.example.org/j/1",
        **changes,
    }


def tell(town: Served, their: Operator) -> int:
    """Let the worker note and tell once."""
    with Session(town.engine) as session, session.begin():
        standard.note_changes(session, town.now)
        standard.note_events(session, f"https://{DOMAIN}/", town.now)
        elsewhere.tell_refused(session, town.now)
    conninfo = libpq_conninfo(town.engine.url.render_as_string(hide_password=False))
    with psycopg.connect(conninfo, autocommit=True) as connection:
        made = send_due(connection, DOMAIN, town.now, [their.pair])
    with Session(town.engine) as session, session.begin():
        elsewhere.tell_refused(session, town.now)
    return made


def book(town: Served, user: str = "anna") -> dict[str, Any]:
    offer = town.say(user, "GET", SEARCH)[1]["offers"][0]
    status, answer = town.say(user, "POST", "/elsewhere/bookings", {"quote": offer["quote"]})
    assert status == 201, answer
    return answer


# ── search ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("other")
def test_their_journeys_are_shown_with_what_can_be_done(town: Served, their: Operator) -> None:
    status, answer = town.say("anna", "GET", SEARCH)
    assert (status, answer["failed"], len(answer["offers"])) == (200, [], 1)
    one = answer["offers"][0]
    assert (one["operator"], one["operator_name"], one["driver"]) == (THEIRS, "Covoit", "Yann")
    assert (one["price_cents"], one["seats"], one["metres"]) == (240, 2, 30000)
    assert (one["pickup_at"], one["drop_off_at"]) == ("2026-11-23T07:30:00+01:00", "2026-11-23T08:05:00+01:00")
    assert one["web_url"] == "https://covoit.example.org/j/1"
    assert one["quote"]
    ((method, path, key, _),) = their.asked
    assert (method, key) == ("GET", "our-key-there")
    assert path.startswith(f"/driver_journeys?departureLat={EPOISSES.lat}&departureLng={EPOISSES.lon}&")
    assert "timeDelta=3600" in path


READ = (
    ({"price": {"type": "UNKNOWN"}}, True, False),
    ({"price": {"type": "PAYING", "amount": 3, "currency": "CHF"}}, True, False),
    ({"price": {"type": "FREE"}}, True, True),
    ({"id": None}, True, False),
    ({"availableSeats": 0}, True, False),
    ({"webUrl": "javascript:alert(1)"}, True, True),
    ({"passengerPickupDate": 12}, False, False),
    ({"passengerPickupLat": 999}, False, False),
    ({"driver": None}, False, False),
    ({"duration": "long"}, False, False),
    ({"type": "PARTY"}, False, False),
    ({"unknown": {"more": 1}}, True, True),
)
"""What a journey says differently, whether it is shown, and whether it can be booked from here."""


@pytest.mark.usefixtures("other")
def test_a_journey_is_read_as_far_as_it_can_be(town: Served, their: Operator) -> None:
    for change, seen, bookable in READ:
        their.journeys = [journey(town, **change), "nonsense", None, journey(town)]
        offers = town.say("anna", "GET", SEARCH)[1]["offers"]
        assert len(offers) == 1 + seen, change
        assert [one["quote"] is not None for one in offers].count(True) == 1 + (seen and bookable), change
        assert all((one["web_url"] or "https://").startswith("https://") for one in offers)


@pytest.mark.parametrize(
    "bad",
    [
        {"raw": b"not json"},
        {"raw": b"[" * 100_000},
        {"raw": b'{"a": 1}'},
        {"answers": {"GET /driver_journeys": [(500, "x", {})]}},
        {"answers": {"GET /driver_journeys": [(302, "x", {"Location": "http://169.254.169.254/"})]}},
        {"answers": {"GET /driver_journeys": [(401, "x", {})]}},
        {"delay": 60.0},
    ],
)
@pytest.mark.usefixtures("other")
def test_who_fails_or_is_slow_holds_nobody_up_and_rests(town: Served, their: Operator, bad: dict[str, Any]) -> None:
    for name, value in bad.items():
        setattr(their, name, value)
    began = time.monotonic()
    with pytest.MonkeyPatch.context() as hurried:
        if their.delay:
            hurried.setattr(standard_client, "ASKING", ASKING)
            hurried.setattr(standard_client, "SEARCH", SEARCHING)
        status, answer = town.say("anna", "GET", SEARCH)
    assert time.monotonic() - began < 30
    assert (status, answer["offers"], answer["failed"]) == (200, [], [THEIRS])
    told = town.say("clara", "GET", f"/operators/{THEIRS}", role=Role.CARPOOL)[1]
    assert told["problem"].startswith("search: ")
    asked = len(their.asked)
    assert town.say("anna", "GET", SEARCH)[1] == {"offers": [], "failed": []}  # it rests
    assert len(their.asked) == asked
    their.raw, their.delay = None, 0
    town.go(town.now + timedelta(seconds=31))
    assert len(town.say("anna", "GET", SEARCH)[1]["offers"]) == 1
    assert town.say("clara", "GET", f"/operators/{THEIRS}", role=Role.CARPOOL)[1]["problem"] is None


# ── booked from here ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_ride_elsewhere_is_asked_for_and_confirmed_there(town: Served, other: Other, their: Operator) -> None:
    one = book(town)
    assert (one["state"], one["operator"], one["price_cents"], one["offered"]) == (
        "WAITING_CONFIRMATION",
        THEIRS,
        240,
        False,
    )
    assert tell(town, their) == 1
    ((path, body),) = their.list_told("POST /bookings")
    check_shape("booking", body)
    assert (path, body["id"], body["driverJourneyId"]) == ("/bookings", one["id"], "J-1")
    assert body["passenger"] == {"id": town.people["anna"], "operator": DOMAIN, "alias": "Anna"}
    assert "61234567" not in json.dumps(body)
    assert other.patch(one["id"], "CONFIRMED").status_code == 200
    seen = town.say("anna", "GET", f"/elsewhere/bookings/{one['id']}")[1]
    assert (seen["state"], seen["driver"]) == ("CONFIRMED", "Yann")
    assert other.status(one["id"]) == "CONFIRMED"
    assert [said.template for said in town.list_messages(f"carpool_booking:{one['id']}")] == [
        "carpool_elsewhere_confirmed"
    ]
    assert other.patch(one["id"], "VALIDATED").status_code == 200  # a step is skipped
    assert town.say("anna", "GET", f"/elsewhere/bookings/{one['id']}")[1]["state"] == "VALIDATED"
    assert town.say("anna", "POST", f"/elsewhere/bookings/{one['id']}/cancel")[0] == 409
    assert town.say("ben", "GET", f"/elsewhere/bookings/{one['id']}")[1]["code"] == "unknown_booking"


def test_it_is_cancelled_from_here_and_they_are_told(town: Served, other: Other, their: Operator) -> None:
    one = book(town)
    tell(town, their)
    for _ in range(2):
        assert town.say("anna", "POST", f"/elsewhere/bookings/{one['id']}/cancel")[1]["state"] == "CANCELLED"
    tell(town, their)
    assert their.list_told("PATCH /bookings") == [(f"/bookings/{one['id']}?status=CANCELLED", None)]
    assert other.patch(one["id"], "CONFIRMED").status_code == 409


@pytest.mark.parametrize("status", [400, 404, 500])
@pytest.mark.usefixtures("other")
def test_who_is_refused_there_is_told(town: Served, their: Operator, status: int) -> None:
    one = book(town)
    their.answers = {"POST /bookings": [(status, {"error": "no seat"}, {})]}
    tell(town, their)
    assert town.say("anna", "GET", f"/elsewhere/bookings/{one['id']}")[1]["state"] == "CANCELLED"
    assert [said.template for said in town.list_messages(f"carpool_booking:{one['id']}")] == [
        "carpool_elsewhere_cancelled"
    ]
    calls = town.say("clara", "GET", f"/operators/{THEIRS}/calls", role=Role.CARPOOL)[1]["calls"]
    assert (calls[0]["state"], "no seat" in calls[0]["problem"]) == ("failed", True)
    tell(town, their)
    assert len(town.list_messages(f"carpool_booking:{one['id']}")) == 1


@pytest.mark.usefixtures("other")
def test_what_they_do_not_take_is_told_again_and_in_order(town: Served, their: Operator) -> None:
    one = book(town)
    their.answers = {"POST /bookings": [(503, None, {}), (429, None, {"Retry-After": "120"})]}
    assert tell(town, their) == 1
    town.say("anna", "POST", f"/elsewhere/bookings/{one['id']}/cancel")
    assert tell(town, their) == 0  # not before the pause is over, and nothing before what comes first
    town.go(town.now + timedelta(seconds=90))
    assert tell(town, their) == 1
    town.go(town.now + timedelta(seconds=90))
    assert tell(town, their) == 0  # it asked for two minutes
    town.go(town.now + timedelta(seconds=60))
    assert tell(town, their) == 2
    told = [(method, path.partition("?")[0].split("/")[1]) for method, path, _, _ in their.asked if method != "GET"]
    assert told == [("POST", "bookings")] * 3 + [("PATCH", "bookings")]


def test_an_operator_that_is_away_is_told_when_it_is_back(town: Served, other: Other, their: Operator) -> None:
    id_ = other.book(lay(town), town.people["dora"])
    body = {"name": "Covoit", "address": "http://127.0.0.1:9", "searched": False}
    assert town.say("clara", "PUT", f"/operators/{THEIRS}", body, role=Role.CARPOOL)[0] == 422  # not opened by name
    their.answers = {"PATCH /bookings": [(500, None, {})] * 3}
    for _ in range(4):
        tell(town, their)
        town.go(town.now + timedelta(minutes=6))
    assert len(their.list_told("PATCH")) == 4
    calls = town.say("clara", "GET", f"/operators/{THEIRS}/calls", role=Role.CARPOOL)[1]["calls"]
    assert (calls[0]["state"], calls[0]["attempts"], calls[0]["about"]) == ("done", 4, id_)


def test_a_conflict_means_that_they_know_already(town: Served, other: Other, their: Operator) -> None:
    other.book(lay(town), town.people["dora"])
    their.answers = {"PATCH /bookings": [(409, {"error": "status_already_set"}, {})]}
    tell(town, their)
    assert tell(town, their) == 0
    assert len(their.list_told("PATCH")) == 1


@pytest.mark.usefixtures("other")
def test_a_quote_is_ours_fresh_and_booked_once_by_key(town: Served) -> None:
    quote = town.say("anna", "GET", SEARCH)[1]["offers"][0]["quote"]
    forged = quote[:-2] + ("AA" if quote[-2:] != "AA" else "BB")
    assert town.say("anna", "POST", "/elsewhere/bookings", {"quote": forged})[1]["code"] == "forged_quote"
    with town.ask("anna") as anna:
        anna.headers["Idempotency-Key"] = "k1"
        answers = [anna.post("/v1/carpool/elsewhere/bookings", json={"quote": quote}).json() for _ in range(2)]
    assert answers[0] == answers[1]
    town.go(town.now + timedelta(minutes=31))
    assert town.say("ben", "POST", "/elsewhere/bookings", {"quote": quote})[1]["code"] == "quote_expired"


def test_our_driver_writes_to_their_passenger(town: Served, other: Other, their: Operator) -> None:
    run = lay(town)
    id_ = other.book(run, town.people["dora"])
    town.say("dora", "POST", f"/runs/{run.id}/messages", {"text": "Blue car", "booking": id_})
    tell(town, their)
    ((_, body),) = their.list_told("POST /messages")
    check_shape("message", body)
    assert body["from"] == {"id": town.people["dora"], "operator": DOMAIN, "alias": "Dora"}
    assert (body["to"]["id"], body["message"]) == ("zoe-1", "Blue car")


# ── offered by their drivers, and told to platforms ───────────────────────────────────────────────────────────────────


def test_a_ride_that_their_driver_offers_is_accepted_here(town: Served, other: Other, their: Operator) -> None:
    wish = {
        "from": {"lat": EPOISSES.lat, "lon": EPOISSES.lon, "name": "Époisses"},
        "to": {"lat": LAUMES.lat, "lon": LAUMES.lon, "name": "Les Laumes"},
        "departs": "07:45",
        "weekdays": [0, 1, 2, 3, 4],
        "first": "2026-11-23",
        "last": "2026-12-31",
        "exceptions": ["2026-11-24"],
    }
    assert town.say("anna", "POST", "/me/wishes", wish)[0] == 201
    trips = other.search("passenger_regular_trips", departureTimeOfDay="07:30", departureWeekdays="mon,TUE")
    schedules = trips[0]["schedules"]
    assert [(one["passengerPickupDay"], one["passengerPickupTimeOfDay"]) for one in schedules] == [
        ("MON", "07:45:00"),
        ("TUE", "07:45:00"),
    ]
    assert len(schedules[0]["journeySchedules"]) == 4  # four weeks
    assert len(schedules[1]["journeySchedules"]) == 3  # without the exception
    at = int((town.now + timedelta(minutes=45)).timestamp())
    (found,) = other.search("passenger_journeys", departureDate=at)
    assert (found["passengerPickupDate"], found["type"]) == (at, "PLANNED")
    body = other.booking(town.lay_run("dora"), "x") | {
        "driver": {"id": "yann", "operator": THEIRS, "alias": "Yann"},
        "passenger": found["passenger"],
        "driverJourneyId": "J-1",
        "passengerJourneyId": found["id"],
    }
    assert other.ask("POST", "/bookings", json=body).status_code == 201
    (seen,) = town.say("anna", "GET", "/elsewhere/bookings")[1]["bookings"]
    assert (seen["offered"], seen["driver"]) == (True, "Yann")
    accepted = town.say("anna", "POST", f"/elsewhere/bookings/{seen['id']}/confirm")[1]
    assert (accepted["state"], accepted["offered"]) == ("CONFIRMED", False)
    tell(town, their)
    assert their.list_told("PATCH") == [(f"/bookings/{body['id']}?status=CONFIRMED", None)]
    driver_sees = f"/wanted?from={EPOISSES.lat},{EPOISSES.lon}&to={LAUMES.lat},{LAUMES.lon}"
    (wanted,) = town.say("ben", "GET", driver_sees)[1]["wanted"]
    assert (wanted["departures"], wanted["seats"]) == (["2026-11-23T07:45:00+01:00"], 1)
    (own,) = town.say("anna", "GET", "/me/wishes")[1]["wishes"]
    assert (own["departs"], own["weekdays"]) == ("07:45", [0, 1, 2, 3, 4])
    assert town.say("ben", "DELETE", f"/me/wishes/{own['id']}")[0] == 404
    assert town.say("anna", "DELETE", f"/me/wishes/{own['id']}")[0] == 204
    assert other.search("passenger_journeys", departureDate=at) == []


def test_a_regular_driver_is_found_with_the_days_that_are_laid_out(town: Served, other: Other) -> None:
    with Session(town.engine) as session, session.begin():
        session.connection().connection.driver_connection.execute(
            "INSERT INTO carpool_regular (id, person, drives, wish, weekdays, departs, timezone, first, last, made_at)"
            " VALUES ('regular1', %s, true, '{}', '{t,t,t,t,t,t,t}', 28800, 'Europe/Paris', '2026-11-23',"
            " '2026-12-31', now())",
            [town.people["dora"]],
        )
    for day in range(3):
        lay(town, at=town.now + timedelta(days=day, hours=1), regular="regular1")
    (one,) = other.search("driver_regular_trips", departureTimeOfDay="08:10:00", timeDelta=900)
    assert [
        (schedule["passengerPickupDay"], schedule["passengerPickupTimeOfDay"], len(schedule["journeySchedules"]))
        for schedule in one["schedules"]
    ] == [("MON", "08:00:00", 1), ("TUE", "08:00:00", 1), ("WED", "08:00:00", 1)]
    assert other.search("driver_regular_trips", departureTimeOfDay="08:20:00", timeDelta=900) == []
    monday = other.search("driver_regular_trips", departureTimeOfDay="08:00", departureWeekdays="MON", timeDelta=900)
    assert len(monday[0]["schedules"]) == 1
    for bad in ("25:00:00", "8h", "08:00:00Z+1"):
        asked = {"departureLat": 47, "departureLng": 4, "arrivalLat": 47, "arrivalLng": 4, "departureTimeOfDay": bad}
        assert other.ask("GET", "/driver_regular_trips", params=asked).status_code == 400


@pytest.mark.usefixtures("other")
def test_a_platform_is_told_of_the_bookings_of_who_linked_themselves(town: Served, their: Operator) -> None:
    run = town.lay_run("dora")
    before = town.seat(run, "anna")
    assert town.say("anna", "PUT", f"/me/links/{THEIRS}", {"id_token": "their.token.of-anna"})[0] == 200
    assert [one["operator"] for one in town.say("anna", "GET", "/me/links")[1]["links"]] == [THEIRS]
    one = town.seat(town.lay_run("dora", at=town.now + timedelta(hours=4)), "anna")
    town.seat(run, "ben")
    tell(town, their)
    ((path, body),) = their.list_told("POST /booking_events")
    check_shape("event", body)
    assert (path, body["idToken"], body["data"]["id"], body["data"]["status"]) == (
        "/booking_events",
        "their.token.of-anna",
        one.id,
        "CONFIRMED",
    )
    assert body["data"]["driver"] == {"id": town.people["dora"], "operator": DOMAIN, "alias": "Dora"}
    assert town.say("anna", "POST", f"/bookings/{one.id}/cancel", {})[0] == 200
    for _ in range(2):
        tell(town, their)
    told = [body["data"]["status"] for _, body in their.list_told("POST /booking_events")]
    assert told == ["CONFIRMED", "CANCELLED"]
    assert town.say("anna", "DELETE", f"/me/links/{THEIRS}")[0] == 204
    assert town.say("anna", "POST", f"/bookings/{before.id}/cancel", {})[0] == 200
    tell(town, their)
    assert len(their.list_told("POST /booking_events")) == 2


def test_a_call_left_by_a_killed_worker_is_made_again(town: Served, other: Other, their: Operator) -> None:
    other.book(lay(town), town.people["dora"])
    with Session(town.engine) as session, session.begin():
        standard.note_changes(session, town.now)
        session.connection().connection.driver_connection.execute(
            "UPDATE carpool_standard_call SET state = 'sending', next_at = NULL, claimed_at = now() - interval '1 hour'"
        )
    assert tell(town, their) == 1
    assert len(their.list_told("PATCH")) == 1


def test_whoever_leaves_cancels_their_rides_elsewhere(town: Served, other: Other, their: Operator) -> None:
    one = book(town)
    tell(town, their)
    assert town.say("anna", "DELETE", "/me")[0] == 204
    tell(town, their)
    assert their.list_told("PATCH") == [(f"/bookings/{one['id']}?status={BookingState.CANCELLED}", None)]
    assert other.patch(str(uuid4()), "CANCELLED").status_code == 404


def test_the_worker_tells_by_itself(town: Served, other: Other, their: Operator) -> None:
    (town.home / "sandbox").touch()  # its clock is the one of the application
    id_ = other.book(lay(town), town.people["dora"])
    settings = replace(read_settings(), home=town.home, allow_hosts=(their.pair,))
    give_up = time.monotonic() + 120
    with tell_operators(town.engine.url.render_as_string(hide_password=False), settings):
        while not their.list_told("PATCH") and time.monotonic() < give_up:
            time.sleep(0.05)
    assert their.list_told("PATCH") == [(f"/bookings/{id_}?status=CONFIRMED", None)]
