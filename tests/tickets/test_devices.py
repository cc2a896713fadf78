"""Devices judge without a network, and what they saw comes in late, twice, in any order."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.orm import Session
from tests.tickets.conftest import NOON, Yard, make_bundle, want

from mobigo.accounts.model import Role
from mobigo.db.session import driver
from mobigo.kit.errors import Conflict
from mobigo.tickets import devices_store, service, store
from mobigo.tickets.check import PASSBACK, Act, Place
from mobigo.tickets.codes import Reason
from mobigo.tickets.device import Device, Waiting, to_json
from mobigo.tickets.model import Format, Scope, Ticket, TicketState, TravelClass

if TYPE_CHECKING:
    from datetime import datetime

BUS = Place(agency="demo:A", route="demo:LR02", stop="demo:semur", vehicle="bus 1")
OTHER = Place(agency="demo:A", route="demo:LR02", stop="demo:laumes", vehicle="bus 2")


def code(yard: Yard, ticket: Ticket, format_: Format = Format.COMPACT) -> bytes:
    with Session(yard.engine) as session:
        row = store.find_code(driver(session), ticket.id, format_)
        assert row
        return row.data


def validate(device: Device, data: bytes, place: Place = BUS, at: datetime = NOON) -> Reason:
    return device.present(data, place, Act.VALIDATION, at).outcome.reason


def test_a_ticket_is_taken_on_two_devices_offline_and_both_are_told(yard: Yard) -> None:
    (ticket,) = yard.issue(want())
    first, second = yard.enrol(), yard.enrol()
    assert validate(first, code(yard, ticket)) is Reason.OK
    assert validate(second, code(yard, ticket, Format.UIC), OTHER, NOON + timedelta(minutes=10)) is Reason.OK
    assert (yard.sync(second), yard.sync(first), yard.sync(first)) == (1, 1, 0)
    said = yard.ask("GET", f"/{ticket.key}").json()
    assert said["rides_used"] == 2
    assert said["first_used_at"] == "2026-11-23T12:00:00+01:00"
    assert yard.flags(first, second) == []


@pytest.mark.parametrize(
    ("scope", "place", "reason"),
    [
        (Scope(agencies=("demo:B",)), BUS, Reason.WRONG_OPERATOR),
        (Scope(routes=("demo:LR03",)), BUS, Reason.WRONG_LINE),
        (Scope(stops=("demo:laumes",)), BUS, Reason.WRONG_STOP),
        (Scope(stops=("demo:laumes", "demo:semur")), BUS, Reason.OK),
        (Scope(areas=("elsewhere",)), BUS, Reason.WRONG_AREA),
        (Scope(trips=((NOON.date(), "demo:T1"),)), Place(trip="demo:T2"), Reason.WRONG_TRIP),
        (Scope(trips=((NOON.date(), "demo:T1"),)), Place(trip="demo:T1", service_date=NOON.date()), Reason.OK),
        (
            Scope(trips=((NOON.date(), "demo:T1"),)),
            Place(trip="demo:T1", service_date=NOON.date() + timedelta(days=1)),
            Reason.WRONG_TRIP,
        ),
        (Scope(), Place(travel_class=TravelClass.FIRST), Reason.WRONG_CLASS),
        (Scope(agencies=("demo:B",)), Place(), Reason.OK),
    ],
)
def test_a_ticket_is_good_where_it_says(yard: Yard, scope: Scope, place: Place, reason: Reason) -> None:
    (ticket,) = yard.issue(want(scope=scope))
    device = yard.enrol()
    for format_ in Format:
        assert device.present(code(yard, ticket, format_), place, Act.INSPECTION, NOON).outcome.reason is reason


def test_the_same_ticket_is_not_taken_twice_at_once_in_a_vehicle(yard: Yard) -> None:
    (ticket,) = yard.issue(want())
    device = yard.enrol()
    assert validate(device, code(yard, ticket)) is Reason.OK
    assert validate(device, code(yard, ticket), at=NOON + timedelta(minutes=1)) is Reason.ALREADY_USED
    assert validate(device, code(yard, ticket), at=NOON + PASSBACK) is Reason.OK


def test_rides_are_counted_and_a_change_is_none(yard: Yard) -> None:
    (ticket,) = yard.issue(want(rides=2, use=timedelta(hours=1)))
    device = yard.enrol()
    for minute, reason in ((0, Reason.OK), (20, Reason.OK), (59, Reason.OK), (65, Reason.OK), (125, Reason.USED_UP)):
        assert validate(device, code(yard, ticket), at=NOON + timedelta(minutes=minute)) is reason, minute


def test_a_reduction_card_lets_nobody_in_and_is_looked_at_by_controllers(yard: Yard) -> None:
    (card,) = yard.issue(want(rides=0))
    device = yard.enrol()
    for format_ in Format:
        data = code(yard, card, format_)
        assert validate(device, data) is Reason.CARD_ONLY
        assert device.present(data, BUS, Act.INSPECTION, NOON).outcome.reason is Reason.OK


def test_a_ticket_from_first_use_ends_in_time(yard: Yard) -> None:
    (ticket,) = yard.issue(want(valid_from=None, valid_until=None, span=timedelta(hours=1)))
    device = yard.enrol()
    assert validate(device, code(yard, ticket), at=NOON + timedelta(days=20)) is Reason.OK
    assert validate(device, code(yard, ticket), at=NOON + timedelta(days=20, minutes=61)) is Reason.OK  # clocks differ
    assert validate(device, code(yard, ticket), at=NOON + timedelta(days=20, minutes=67)) is Reason.EXPIRED


def test_a_state_survives_a_restart(yard: Yard) -> None:
    (ticket,) = yard.issue(want(rides=1))
    device = yard.enrol()
    assert validate(device, code(yard, ticket)) is Reason.OK
    folder = yard.home / device.id
    device.close()
    again = Device(folder)
    assert validate(again, code(yard, ticket), at=NOON + timedelta(hours=1)) is Reason.USED_UP
    assert [one.event.seq for one in again.list_waiting(10)] == [1, 2]


def test_a_single_ride_let_in_twice_stays_accepted_flagged_and_is_refused_next(yard: Yard) -> None:
    (ticket,) = yard.issue(want(rides=1))
    first, second = yard.enrol(), yard.enrol()
    assert validate(first, code(yard, ticket)) is Reason.OK
    assert validate(second, code(yard, ticket), OTHER, NOON + timedelta(minutes=30)) is Reason.OK
    yard.sync(first)
    yard.sync(second)
    (flag,) = yard.flags(first, second)
    assert (flag["kind"], flag["device"], flag["ticket"]) == ("used_too_often", second.id, ticket.id)
    assert yard.ask("GET", f"/{ticket.key}").json()["state"] == "blocked"
    yard.sync(first)
    assert validate(first, code(yard, ticket), at=NOON + timedelta(hours=1)) is Reason.DENIED


def test_a_change_seen_by_two_devices_is_one_ride_whichever_tells_first(yard: Yard) -> None:
    (ticket,) = yard.issue(want(rides=1, use=timedelta(hours=1)))
    first, second = yard.enrol(), yard.enrol()
    validate(first, code(yard, ticket))
    validate(second, code(yard, ticket), OTHER, NOON + timedelta(minutes=30))
    yard.sync(second)
    yard.sync(first)
    assert yard.ask("GET", f"/{ticket.key}").json()["rides_used"] == 1
    assert yard.flags(first, second) == []


def test_a_ticket_at_two_stops_at_once_is_flagged(yard: Yard) -> None:
    (ticket,) = yard.issue(want())
    first, second = yard.enrol(), yard.enrol()
    validate(first, code(yard, ticket))
    validate(second, code(yard, ticket), OTHER, NOON + timedelta(seconds=50))
    yard.sync(first)
    yard.sync(second)
    (flag,) = yard.flags(first, second)
    assert flag["kind"] == "two_places"
    assert yard.ask("GET", f"/{ticket.key}").json()["state"] == "ready"


def test_events_come_twice_and_in_any_order_and_count_once(yard: Yard) -> None:
    tickets = yard.issue(*(want(product="six") for _ in range(6)))
    device = yard.enrol()
    for minute, one in enumerate(tickets):
        validate(device, code(yard, one), at=NOON + timedelta(minutes=minute))
    sent = [to_json(one) for one in device.list_waiting(10)]
    for part, fates, missing in (
        ([sent[4], sent[5]], ["taken", "taken"], 5),
        ([sent[2], sent[0]], ["taken", "taken"], None),
        (sent, ["known", "taken", "known", "taken", "known", "known"], None),
    ):
        with yard.call(device) as http:
            answer = http.post("/v1/tickets/validations", json={"events": part}).json()
        assert [one["fate"] for one in answer["events"]] == fates
        assert answer["missing_before"] == missing
    with Session(yard.engine) as session:
        uses = service.list_uses(session, [one.id for one in tickets])
        assert [uses[one.id].count for one in tickets] == [1] * 6
        counted = devices_store.count_uses(driver(session), NOON.date(), NOON.date())
        assert [(one.agency, one.rides) for one in counted if one.product == "six"] == [("demo:A", 6)]


def test_a_device_that_is_switched_off_while_it_sends_sends_again(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    tickets = yard.issue(want(rides=1), want(rides=1))
    device = yard.enrol()
    for minute, one in enumerate(tickets):
        validate(device, code(yard, one), at=NOON + timedelta(minutes=minute))

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Device, "mark_sent", die)
        with pytest.raises(KeyboardInterrupt):
            yard.sync(device)
    folder = yard.home / device.id
    device.close()
    again = Device(folder)
    assert [one.event.seq for one in again.list_waiting(10)] == [1, 2]
    assert yard.sync(again) == 2
    with Session(yard.engine) as session:
        uses = service.list_uses(session, [one.id for one in tickets])
    assert {one.count for one in uses.values()} == {1}
    assert yard.flags(again) == []


def test_a_clock_set_back_lets_nobody_in_twice(yard: Yard) -> None:
    (ticket,) = yard.issue(want(rides=5))
    device = yard.enrol()
    assert validate(device, code(yard, ticket), at=NOON + timedelta(minutes=3)) is Reason.OK
    assert validate(device, code(yard, ticket), at=NOON) is Reason.ALREADY_USED


def test_changed_events_are_refused_and_broken_chains_flagged(yard: Yard) -> None:
    tickets = yard.issue(want(), want(), want())
    device = yard.enrol()
    for minute, one in enumerate(tickets):
        validate(device, code(yard, one), at=NOON + timedelta(minutes=minute))
    waiting = device.list_waiting(10)
    assert [after.before for _, after in pairwise(waiting)] == [one.hash for one, _ in pairwise(waiting)]
    first, second, third = map(to_json, waiting)
    event, before = replace(waiting[1].event, use=False), bytes([1] * 32)
    forged = to_json(Waiting(event, before, event.chain(before)))
    with yard.call(device) as http:
        changed = http.post("/v1/tickets/validations", json={"events": [second | {"use": False}]})
        assert (changed.status_code, changed.json()["code"]) == (400, "invalid_event")
        assert http.post("/v1/tickets/validations", json={"events": [first, third]}).status_code == 200
        assert http.post("/v1/tickets/validations", json={"events": [forged]}).status_code == 200
        second_time = http.post("/v1/tickets/validations", json={"events": [second]}).json()
    assert second_time["events"] == [{"seq": 2, "fate": "conflicting"}]
    kinds = {flag["kind"] for flag in yard.flags(device)}
    assert kinds == {"chain_broken", "number_used_twice"}


def test_devices_are_told_what_changed_only(yard: Yard) -> None:
    tickets = yard.issue(*(want() for _ in range(3)))
    device = yard.enrol()
    assert device.bundle
    version = device.bundle.version
    yard.sync(device)
    assert device.bundle.version == version
    with Session(yard.engine) as session, session.begin():
        service.void(session, [one.id for one in tickets], why="refunded", now=NOON)
        service.deny_card(session, bytes(32), until=None, why="debt", now=NOON)
    yard.sync(device)
    assert device.bundle.version == version + 1
    assert device.refuses_card(bytes(32))
    assert validate(device, code(yard, tickets[0])) is Reason.DENIED
    with Session(yard.engine) as session, session.begin():
        service.allow_card(session, bytes(32))
    yard.sync(device)
    assert not device.refuses_card(bytes(32))


def test_a_replaced_code_is_refused_and_the_new_one_taken(yard: Yard) -> None:
    (ticket,) = yard.issue(want())
    old = code(yard, ticket)
    device = yard.enrol()
    given = yard.ask("POST", f"/{ticket.key}/replacement", json={"why": "lost"}).json()
    assert (given["serial"], given["id"]) == (2, ticket.id)
    assert yard.ask("GET", f"/{ticket.key}").json()["code"] == "unknown_ticket"  # whoever found it finds nothing
    assert yard.ask("GET", f"/{given['key']}/code").json()["code"] == "ticket_unsigned"
    yard.issue()
    yard.sync(device)
    assert validate(device, old) is Reason.REPLACED
    with Session(yard.engine) as session:
        assert service.get_ticket(session, ticket.id).state is TicketState.READY
    assert validate(device, code(yard, ticket)) is Reason.OK


def test_a_revoked_key_takes_two_people_and_codes_are_signed_anew(yard: Yard) -> None:
    (ticket,) = yard.issue(want())
    old = code(yard, ticket)
    device = yard.enrol()
    kid = yard.ask("GET", f"/{ticket.key}/code").json()["key"]
    body = {"why": "the folder was copied"}
    assert yard.ask("POST", f"/keys/{kid}/revocation", Role.FINANCE, "ann", json=body).json()["revoked_at"] is None
    again = yard.ask("POST", f"/keys/{kid}/revocation/agreement", Role.FINANCE, "ann")
    assert (again.status_code, again.json()["code"]) == (409, "revocation_same_person")
    agreed = yard.ask("POST", f"/keys/{kid}/revocation/agreement", Role.ADMIN, "bob").json()
    assert agreed["tickets"] >= 1
    assert agreed["revoked_at"] is not None
    yard.issue()
    yard.sync(device)
    assert validate(device, old) is Reason.KEY_REVOKED
    assert validate(device, code(yard, ticket)) is Reason.OK


def test_nobody_else_is_a_device(yard: Yard) -> None:
    device = yard.enrol()
    with yard.call() as http:
        assert http.get("/v1/tickets/bundle").json()["code"] == "device_refused"
        for token in ("a.b.c", "nothing", device.write_pass(yard.now)[:-8] + "AAAAAAAA"):
            answer = http.get("/v1/tickets/bundle", headers={"Authorization": f"Bearer {token}"})
            assert (answer.status_code, answer.json()["code"]) == (401, "device_refused")
    with yard.call(device, NOON) as http:
        assert http.get("/v1/tickets/bundle").json()["code"] == "device_clock"
    yard.ask("POST", f"/devices/{device.id}/withdrawal", Role.DISPATCHER)
    with yard.call(device) as http:
        assert http.get("/v1/tickets/bundle").json()["code"] == "device_refused"


def test_a_word_enrols_once(yard: Yard) -> None:
    made = yard.ask("POST", "/devices", Role.DISPATCHER, json={"name": "one"}).json()
    path = f"/devices/{made['device']['id']}/enrolment"
    key = {"word": made["word"], "public_key": "A" * 43 + "="}
    assert yard.ask("POST", path, json=key | {"word": "another"}).json()["code"] == "enrolment_refused"
    assert yard.ask("POST", path, json=key).status_code == 200
    assert yard.ask("POST", path, json=key).status_code == 200
    assert yard.ask("POST", path, json=key | {"public_key": "B" * 43 + "="}).json()["code"] == "device_enrolled"


def test_a_bundle_of_somebody_else_is_refused(yard: Yard) -> None:
    device = yard.enrol()
    with Session(yard.engine) as session:
        row = devices_store.find_bundle(driver(session))
        assert row
    broken = bytearray(row.signed)
    broken[len(broken) // 2] ^= 1
    with pytest.raises(Conflict, match="refused"):
        device.install(bytes(broken), NOON)
    assert device.bundle
    make_bundle(yard.engine, yard.signer)


def test_controllers_look_and_nothing_is_used_up(yard: Yard) -> None:
    (ticket,) = yard.issue(want(rides=1))
    device, inspector = yard.enrol(), yard.enrol()
    for _ in range(3):
        looked = inspector.present(code(yard, ticket), BUS, Act.INSPECTION, NOON)
        assert (looked.outcome.reason, looked.outcome.rides_left) == (Reason.OK, 1)
    assert validate(device, code(yard, ticket)) is Reason.OK
    yard.sync(device)
    yard.sync(inspector)
    with yard.call(inspector) as http:
        seen = http.get(f"/v1/tickets/inspections/{ticket.id}").json()
    assert (seen["ticket"]["rides_used"], len(seen["last_validations"])) == (1, 1)
