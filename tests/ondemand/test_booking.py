"""Bookings over HTTP: quoted, held, confirmed, changed, cancelled, and what is refused."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from tests.ondemand.taxi_town import CAMILLE, MORNING, TUESDAY

from mobigo.accounts.model import Role
from mobigo.db.engine import libpq_conninfo

if TYPE_CHECKING:
    from tests.ondemand.taxi_town import TaxiTown


def test_a_ride_is_booked_as_it_was_offered(taxi_town: TaxiTown) -> None:
    (offer,) = taxi_town.list_offers(TUESDAY + timedelta(hours=9))
    booking = taxi_town.book(offer["quote"], note="blue gate")
    (leg,) = booking["legs"]
    assert (booking["state"], leg["state"], booking["price_cents"]) == ("confirmed", "confirmed", 300)
    for word in ("pickup_from", "pickup_until", "arrive_by", "service_id", "price_cents"):
        assert leg[word] == offer[word]
    assert leg["pickup_from"] <= leg["planned_pickup"] <= leg["pickup_until"]
    assert leg["vehicle"] == {"id": "bus", "name": "bus"}
    assert booking["contact"] is None  # said once, by who asks; not said back
    seen = taxi_town.get(booking)
    assert seen["contact"] == {
        "name": "Camille Martin",
        "phone": "+33612345678",
        "email": "camille@example.org",
        "language": "fr",
    }
    assert {**seen, "contact": None} == booking
    assert CAMILLE["name"] == seen["contact"]["name"]


# ── together or not at all ────────────────────────────────────────────────────────────────────────────────────────────


def test_rides_of_a_journey_are_booked_together_or_not_at_all(taxi_town: TaxiTown) -> None:
    there, back = taxi_town.quote(9, party={"adults": 8}), taxi_town.quote(17, back=True, party={"adults": 8})
    taxi_town.book(back)
    refused = taxi_town.post("bookings", {"quotes": [there, back], "contact": CAMILLE})
    assert (refused.status_code, refused.json()["code"]) == (409, "places_gone")
    assert taxi_town.read("SELECT count(*) FROM ondemand_leg") == [(1,)]
    assert len(taxi_town.book(there, taxi_town.quote(18, back=True))["legs"]) == 2


def test_there_and_back_are_two_bookings_made_in_one_gesture(taxi_town: TaxiTown) -> None:
    body = {
        "quotes": [taxi_town.quote(9)],
        "return_quotes": [taxi_town.quote(17, back=True)],
        "contact": CAMILLE,
    }
    made = taxi_town.post("bookings", body).json()
    assert made["return_booking"]["return_of"] == made["booking"]["id"]
    assert made["return_booking"]["reference"] != made["booking"]["reference"]
    taxi_town.post(f"bookings/{made['booking']['id']}/cancel")
    assert taxi_town.get(made["return_booking"])["state"] == "confirmed"


def test_a_way_back_that_cannot_be_had_leaves_the_way_there_unbooked(taxi_town: TaxiTown) -> None:
    back = taxi_town.quote(17, back=True, party={"adults": 8})
    taxi_town.book(back)
    body = {"quotes": [taxi_town.quote(9)], "return_quotes": [back], "contact": CAMILLE}
    assert taxi_town.post("bookings", body).status_code == 409
    assert taxi_town.read("SELECT count(*) FROM ondemand_booking") == [(1,)]


def test_who_is_refused_is_told_what_is_left_and_nobody_is_written_down(taxi_town: TaxiTown) -> None:
    quote = taxi_town.quote(9, party={"adults": 8})
    taxi_town.book(quote)
    refused = taxi_town.post("bookings", {"quotes": [quote], "contact": CAMILLE}).json()
    assert refused["code"] == "places_gone"
    assert 1 <= len(refused["alternatives"]) <= 5
    for other in refused["alternatives"]:
        assert other["service_id"] == "val:F"
        assert other["quote"] != quote
    taxi_town.book(refused["alternatives"][0]["quote"])
    (record,) = taxi_town.read("SELECT service, reason, persons, load FROM ondemand_refusal")
    assert record[0] == "val:F"
    assert record[2:] == (8, [8, 0, 0, 0, 0])
    columns = {name for (name,) in taxi_town.read(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'ondemand_refusal'"
    )}  # fmt: skip
    assert not columns & {"name", "phone", "email", "account", "person"}


def test_companions_wheelchairs_and_luggage_take_their_room(taxi_town: TaxiTown) -> None:
    party = {"adults": 2, "companions": 1, "wheelchairs": 1, "luggage": 4}
    booking = taxi_town.book(taxi_town.quote(9, party=party))
    assert booking["party"] == {"children": 0, "bicycles": 0, **party}
    assert booking["price_cents"] == 900
    assert taxi_town.read("SELECT load FROM ondemand_leg") == [([2, 1, 4, 0, 0],)]
    again = taxi_town.list_offers(TUESDAY + timedelta(hours=9), party={"adults": 1, "wheelchairs": 1})
    assert all(offer["pickup_from"] != booking["legs"][0]["pickup_from"] for offer in again)


# ── rules, to the second ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("late", "status"), [(0, 201), (1, 422)])
def test_a_ride_is_bookable_until_its_second(taxi_town: TaxiTown, late: int, status: int) -> None:
    (offer,) = taxi_town.list_offers(TUESDAY + timedelta(hours=8, minutes=20))
    until = datetime.fromisoformat(offer["bookable_until"])
    assert until == datetime.fromisoformat(offer["pickup_from"]) - timedelta(hours=1)
    taxi_town.put_clock(until + timedelta(seconds=late))
    booked = taxi_town.post("bookings", {"quotes": [offer["quote"]], "contact": CAMILLE})
    assert booked.status_code == status, booked.text
    if late:
        assert booked.json()["code"] in {"quote_expired", "booking_closed"}


def test_a_quote_is_good_for_half_an_hour(taxi_town: TaxiTown) -> None:
    quote = taxi_town.quote(12)
    taxi_town.put_clock(MORNING + timedelta(seconds=1801))
    refused = taxi_town.post("bookings", {"quotes": [quote], "contact": CAMILLE})
    assert (refused.status_code, refused.json()["code"]) == (422, "quote_expired")


# ── holds ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_hold_keeps_its_places_until_it_is_confirmed(taxi_town: TaxiTown) -> None:
    quote = taxi_town.quote(9, party={"adults": 8})
    held = taxi_town.book(quote, hold=True, contact=None)
    assert (held["state"], held["legs"][0]["hold_until"]) == ("held", "2026-11-24T06:10:00Z")
    assert taxi_town.post("bookings", {"quotes": [quote], "contact": CAMILLE}).status_code == 409
    nobody = taxi_town.post(f"bookings/{held['id']}/confirm")
    assert (nobody.status_code, nobody.json()["code"]) == (400, "invalid_contact")
    taxi_town.put_clock(MORNING + timedelta(minutes=10))
    confirmed = taxi_town.post(f"bookings/{held['id']}/confirm", {"contact": CAMILLE})
    assert (confirmed.status_code, confirmed.json()["state"]) == (200, "confirmed")
    assert confirmed.json()["legs"][0]["hold_until"] is None
    twice = taxi_town.post(f"bookings/{held['id']}/confirm", {"contact": CAMILLE})
    assert (twice.status_code, twice.json()["code"]) == (409, "already_confirmed")


def test_a_hold_that_ran_out_gives_way_at_once(taxi_town: TaxiTown) -> None:
    held = taxi_town.book(taxi_town.quote(9, party={"adults": 8}), hold=True)
    taxi_town.put_clock(MORNING + timedelta(minutes=10, seconds=1))
    other = taxi_town.book(taxi_town.quote(9, party={"adults": 8}))
    assert other["state"] == "confirmed"
    late = taxi_town.post(f"bookings/{held['id']}/confirm", {"contact": CAMILLE})
    assert (late.status_code, late.json()["code"]) == (409, "hold_expired")
    assert taxi_town.get(held)["state"] == "failed"


def test_a_hold_that_ran_out_cannot_be_confirmed_even_if_nobody_came(taxi_town: TaxiTown) -> None:
    held = taxi_town.book(taxi_town.quote(9), hold=True)
    taxi_town.put_clock(MORNING + timedelta(minutes=10, seconds=1))
    late = taxi_town.post(f"bookings/{held['id']}/confirm")
    assert (late.status_code, late.json()["code"]) == (409, "hold_expired")


# ── changing ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_ride_is_changed_for_another_and_its_places_are_free(taxi_town: TaxiTown) -> None:
    before = taxi_town.book(taxi_town.quote(9, party={"adults": 8}))
    later = taxi_town.quote(11, party={"adults": 8})
    changed = taxi_town.post(f"bookings/{before['id']}/change", {"quotes": [later]}).json()
    assert changed["reference"] == before["reference"]
    assert [leg["state"] for leg in changed["legs"]] == ["cancelled_by_user", "confirmed"]
    assert changed["revision"] == 2
    taxi_town.book(taxi_town.quote(9, party={"adults": 8}))


def test_a_change_to_what_only_ones_own_ride_stands_in_the_way_of_is_possible(taxi_town: TaxiTown) -> None:
    late = taxi_town.quote(9.25, party={"adults": 8})  # cannot be had beside the other one
    before = taxi_town.book(taxi_town.quote(9, party={"adults": 8}))
    assert taxi_town.post("bookings", {"quotes": [late], "contact": CAMILLE}).status_code == 409
    changed = taxi_town.post(f"bookings/{before['id']}/change", {"quotes": [late]})
    assert changed.status_code == 200, changed.text


def test_a_change_to_what_cannot_be_had_changes_nothing(taxi_town: TaxiTown) -> None:
    taken = taxi_town.quote(11, party={"adults": 8})
    before = taxi_town.book(taxi_town.quote(9))
    taxi_town.book(taken)
    refused = taxi_town.post(f"bookings/{before['id']}/change", {"quotes": [taken]})
    assert (refused.status_code, refused.json()["code"]) == (409, "places_gone")
    assert refused.json()["alternatives"]
    assert {**taxi_town.get(before), "contact": None} == before


def test_one_ride_of_two_is_changed(taxi_town: TaxiTown) -> None:
    before = taxi_town.book(taxi_town.quote(9), taxi_town.quote(17, back=True))
    first, second = before["legs"]
    body = {"quotes": [taxi_town.quote(18, back=True)], "legs": [second["id"]]}
    changed = taxi_town.post(f"bookings/{before['id']}/change", body).json()
    states = {leg["id"]: leg["state"] for leg in changed["legs"]}
    assert (states[first["id"]], states[second["id"]]) == ("confirmed", "cancelled_by_user")
    clash = {"quotes": [taxi_town.quote(9)], "legs": [changed["legs"][2]["id"]]}
    refused = taxi_town.post(f"bookings/{before['id']}/change", clash)
    assert (refused.status_code, refused.json()["code"]) == (400, "rides_overlap")


# ── cancelling ────────────────────────────────────────────────────────────────────────────────────────────────────────


def balance(town: TaxiTown, account: str) -> int:
    """Return debits less credits of an account, cents."""
    return int(town.read("SELECT coalesce(sum(cents), 0) FROM ledger_posting WHERE account = %s", account)[0][0])


def test_cancelling_in_time_costs_nothing_and_frees_the_places(taxi_town: TaxiTown) -> None:
    booking = taxi_town.book(taxi_town.quote(9, party={"adults": 8}))
    assert balance(taxi_town, "travellers") == 2400
    taxi_town.put_clock(datetime.fromisoformat(booking["legs"][0]["cancel_until"]))
    cancelled = taxi_town.post(f"bookings/{booking['id']}/cancel", {"reason": "ill"}).json()
    assert (cancelled["state"], cancelled["price_cents"]) == ("cancelled_by_user", None)
    assert (balance(taxi_town, "travellers"), balance(taxi_town, "penalties")) == (0, 0)
    assert taxi_town.read("SELECT count(*) FROM ondemand_event WHERE leg IS NOT NULL") == [(0,)]


def test_cancelling_a_second_too_late_costs_what_was_promised(taxi_town: TaxiTown) -> None:
    booking = taxi_town.book(taxi_town.quote(9))
    taxi_town.put_clock(datetime.fromisoformat(booking["legs"][0]["cancel_until"]) + timedelta(seconds=1))
    taxi_town.post(f"bookings/{booking['id']}/cancel")
    assert (balance(taxi_town, "travellers"), balance(taxi_town, "penalties")) == (150, -150)


def test_staff_may_waive_what_a_late_cancellation_costs_and_nobody_else(taxi_town: TaxiTown) -> None:
    booking = taxi_town.book(taxi_town.quote(9))
    taxi_town.put_clock(TUESDAY + timedelta(hours=8, minutes=50))
    path = f"bookings/{booking['id']}/cancel"
    assert taxi_town.post(path, {"waive_penalty": True}).status_code == 403
    assert taxi_town.post(path, {"waive_penalty": True}, **taxi_town.token(Role.DESK)).status_code == 200
    assert balance(taxi_town, "travellers") == 0


def test_a_ride_that_the_operator_cancels_is_refunded_and_the_traveller_told(taxi_town: TaxiTown) -> None:
    booking = taxi_town.book(taxi_town.quote(9))
    taxi_town.put_clock(TUESDAY + timedelta(hours=8, minutes=50))
    path, body = f"bookings/{booking['id']}/cancel", {"by": "operator", "reason": "snow"}
    foreign = taxi_town.post(path, body)
    assert (foreign.status_code, foreign.json()["code"]) == (403, "role_required")
    cancelled = taxi_town.post(path, body, **taxi_town.token(Role.DISPATCHER)).json()
    assert cancelled["state"] == "cancelled_by_operator"
    assert (balance(taxi_town, "travellers"), balance(taxi_town, "penalties")) == (0, 0)
    said = taxi_town.read("SELECT body FROM message WHERE template = 'booking_cancelled_by_operator'")
    assert said
    assert all("snow" in body for (body,) in said)


def test_cancelling_twice_is_said_and_changes_nothing(taxi_town: TaxiTown) -> None:
    booking = taxi_town.book(taxi_town.quote(9))
    path = f"bookings/{booking['id']}/cancel"
    assert taxi_town.post(path).status_code == 200
    seen = taxi_town.get(booking)
    twice = taxi_town.post(path)
    assert (twice.status_code, twice.json()["code"]) == (409, "booking_ended")
    assert taxi_town.get(booking) == seen


# ── bad input ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_forged_quote_books_nothing(taxi_town: TaxiTown) -> None:
    quote = taxi_town.quote(9)
    for forged in (quote[:-2] + "AA", "x" * 200, quote[::-1]):
        refused = taxi_town.post("bookings", {"quotes": [forged], "contact": CAMILLE})
        assert (refused.status_code, refused.json()["code"]) == (400, "forged_quote")
    assert taxi_town.read("SELECT count(*) FROM ondemand_booking") == [(0,)]


def test_unknown_and_foreign_bookings_are_kept_apart(taxi_town: TaxiTown) -> None:
    mine = taxi_town.book(taxi_town.quote(9), headers=taxi_town.token(Role.TRAVELLER, "anne"))
    for headers in ({}, taxi_town.token(Role.TRAVELLER, "bob"), taxi_town.token(Role.DRIVER)):
        foreign = taxi_town.post(f"bookings/{mine['id']}/cancel", **headers)
        assert (foreign.status_code, foreign.json()["code"]) == (403, "foreign_booking")
        unknown = taxi_town.post("bookings/bnothing/cancel", **headers)
        assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_booking")
    owner = taxi_town.token(Role.TRAVELLER, "anne")
    assert taxi_town.get(mine, **owner)["state"] == "confirmed"
    listed = taxi_town.http.get("/v1/ondemand/bookings", headers=owner).json()["bookings"]
    assert [one["id"] for one in listed] == [mine["id"]]
    assert taxi_town.post(f"bookings/{mine['id']}/cancel", **taxi_town.token(Role.AUDITOR)).status_code == 403


def test_a_body_that_is_wrong_is_refused(taxi_town: TaxiTown) -> None:
    good = {"quotes": [taxi_town.quote(9)], "contact": CAMILLE}
    wrong: tuple[tuple[dict[str, Any], int, str], ...] = (
        ({"quotes": []}, 422, "validation_failed"),
        ({"quotes": ["x"] * 9}, 422, "validation_failed"),
        ({"contact": None}, 400, "invalid_contact"),
        ({"contact": {"name": "Anne"}}, 400, "invalid_contact"),
        ({"contact": {"name": " ", "phone": "0612345678"}}, 400, "invalid_contact"),
        ({"contact": {"name": "A\u202eB", "phone": "0612345678"}}, 400, "invalid_contact"),
        ({"contact": {"name": "A", "phone": "12"}}, 400, "invalid_phone"),
        ({"contact": {"name": "A", "email": "nobody"}}, 400, "invalid_email"),
        ({"note": "x" * 501}, 422, "validation_failed"),
        ({"note": "\x00"}, 422, "validation_failed"),
        ({"journey": "\x00"}, 422, "validation_failed"),
    )
    for change, status, code in wrong:
        refused = taxi_town.post("bookings", {**good, **change})
        assert (refused.status_code, refused.json()["code"]) == (status, code), change
    assert taxi_town.read("SELECT count(*) FROM ondemand_booking") == [(0,)]


def test_the_same_quote_twice_in_one_booking_is_refused(taxi_town: TaxiTown) -> None:
    quote = taxi_town.quote(9)
    refused = taxi_town.post("bookings", {"quotes": [quote, quote], "contact": CAMILLE})
    assert (refused.status_code, refused.json()["code"]) == (400, "rides_overlap")


# ── once ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_asked_again_under_its_key_a_booking_is_made_once(taxi_town: TaxiTown) -> None:
    body = {"quotes": [taxi_town.quote(9)], "contact": CAMILLE}
    first = taxi_town.post("bookings", body, Idempotency_Key="k1")
    again = taxi_town.post("bookings", body, Idempotency_Key="k1")
    assert (first.status_code, again.status_code, again.headers["idempotent-replayed"]) == (201, 201, "true")
    assert first.json() == again.json()
    other = taxi_town.post("bookings", {**body, "note": "x"}, Idempotency_Key="k1")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    assert taxi_town.read("SELECT count(*) FROM ondemand_booking") == [(1,)]
    assert "Camille" not in str(taxi_town.read("SELECT answer FROM ondemand_answer"))
    own = taxi_town.post("bookings", body, Idempotency_Key="k1", **taxi_town.token(Role.TRAVELLER, "anne"))
    assert own.status_code == 201
    assert own.json() != first.json()


def test_what_was_refused_keeps_no_key(taxi_town: TaxiTown) -> None:
    quote = taxi_town.quote(9, party={"adults": 8})
    booking = taxi_town.book(quote)
    body = {"quotes": [quote], "contact": CAMILLE}
    assert taxi_town.post("bookings", body, Idempotency_Key="k2").status_code == 409
    taxi_town.post(f"bookings/{booking['id']}/cancel")
    last = taxi_town.post("bookings", body, Idempotency_Key="k2")
    assert last.status_code == 201, last.text[:300]


# ── history and search ────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_happened_stands_without_a_name(taxi_town: TaxiTown) -> None:
    booking = taxi_town.book(taxi_town.quote(9), hold=True, contact=None)
    taxi_town.post(f"bookings/{booking['id']}/confirm", {"contact": CAMILLE})
    taxi_town.post(f"bookings/{booking['id']}/cancel", **taxi_town.token(Role.DESK, "desk-1"))
    history = taxi_town.http.get(f"/v1/ondemand/bookings/{booking['id']}/history").json()["history"]
    assert [(one["before"], one["after"], one["by"]) for one in history] == [
        (None, "held", "traveller"),
        ("held", "confirmed", "traveller"),
        ("confirmed", "cancelled_by_user", "desk-1"),
    ]
    assert not any(said in str(history) for said in ("Camille", "612345678", "example.org"))
    with psycopg.connect(libpq_conninfo(taxi_town.database_url)) as connection:
        for statement in ("UPDATE ondemand_history SET by = 'x'", "DELETE FROM ondemand_history"):
            with pytest.raises(psycopg.errors.RestrictViolation, match="not rewritten"), connection.transaction():
                connection.execute(statement)


def test_the_desk_finds_a_booking_by_what_people_say(taxi_town: TaxiTown) -> None:
    booking = taxi_town.book(taxi_town.quote(9))
    desk = taxi_town.token(Role.DESK)
    for said in (booking["reference"].lower(), "06.12.34.56.78", "martin", ""):
        found = taxi_town.http.get("/v1/ondemand/bookings", params={"q": said}, headers=desk).json()["bookings"]
        assert [one["id"] for one in found] == [booking["id"]], said
        assert found[0]["contact"]["name"] == "Camille Martin"
    assert taxi_town.http.get("/v1/ondemand/bookings", params={"q": "nobody"}, headers=desk).json()["bookings"] == []
    assert taxi_town.http.get("/v1/ondemand/bookings").status_code == 401
    asked = taxi_town.http.get(
        "/v1/ondemand/bookings", params={"q": "martin"}, headers=taxi_town.token(Role.TRAVELLER, "bob")
    )
    assert asked.status_code == 403


def test_bookings_are_listed_page_by_page(taxi_town: TaxiTown) -> None:
    made = [taxi_town.book(taxi_town.quote(hour))["id"] for hour in (9, 11, 13)]
    desk = taxi_town.token(Role.DESK)
    seen: list[str] = []
    after = None
    while True:
        params = {"limit": 2, **({"after": after} if after else {})}
        page = taxi_town.http.get("/v1/ondemand/bookings", params=params, headers=desk).json()
        seen += [one["id"] for one in page["bookings"]]
        after = page["next"]
        if after is None:
            break
    assert sorted(seen) == sorted(made)
    wrong = taxi_town.http.get("/v1/ondemand/bookings", params={"after": "yesterday"}, headers=desk)
    assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid_cursor")


def test_what_could_not_be_booked_is_counted(taxi_town: TaxiTown) -> None:
    quote = taxi_town.quote(9, party={"adults": 8})
    taxi_town.book(quote)
    taxi_town.post("bookings", {"quotes": [quote], "contact": CAMILLE})
    asked = taxi_town.list_offers(TUESDAY + timedelta(hours=9), party={"adults": 8})
    assert asked == []
    days = {"since": "2026-11-24", "until": "2026-11-24"}
    seen = taxi_town.http.get("/v1/ondemand/refusals", params=days, headers=taxi_town.token(Role.DISPATCHER)).json()
    assert sum(one["requests"] for one in seen["refusals"]) == 2
    assert {one["service_id"] for one in seen["refusals"]} == {"val:F"}
    assert sum(one["persons"] for one in seen["refusals"]) == 16


def test_a_question_that_is_wrong_is_refused(taxi_town: TaxiTown) -> None:
    good = {"from": {"lat": 47, "lon": 5}, "to": {"lat": 47, "lon": 5.1}, "at": "2026-11-24T09:00:00Z"}
    for change, code in (
        ({"at": "2026-11-24T09:00:00"}, "invalid_input"),
        ({"at": "0001-01-01T00:00:00Z"}, "invalid_instant"),
        ({"at": "9999-12-31T23:59:59Z"}, "invalid_instant"),
        ({"from": {"name": "nowhere"}}, "invalid_place"),
        ({"party": {"adults": 0}}, "invalid_party"),
        ({"party": {"adults": 1, "wheelchairs": 2}}, "invalid_party"),
        ({"from": {"stop_id": "nothing"}}, "unknown_stop"),
    ):
        refused = taxi_town.post("quotes", {**good, **change})
        assert (refused.status_code, refused.json()["code"]) == (404 if code == "unknown_stop" else 400, code)
