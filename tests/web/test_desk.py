"""The telephone desk and the driver's sheet over HTTP, without scripts: from the call to the end of the ride."""

from __future__ import annotations

import html
import re
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.journeys.taxi_stand import point
from tests.ondemand.taxi_town import TUESDAY, TaxiTown, open_town, seats

from mobigo.accounts.model import Role

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.engine import Engine

HOME = f"{point(0).lat:.6f},{point(0).lon:.6f}"
PLAIN = {0xA0: " ", 0x2019: "'"}
"""Spaces and apostrophes as one types them."""

CALL = {
    "name": "Léa Martin",
    "phone": "06 12 34 56 78",
    "from": HOME,
    "to": "La gare",
    "to_place": "gare|La gare",
    "date": "2026-11-24",
    "time": "10:00",
    "adults": "2",
    "wheelchairs": "1",
    "note": "portail bleu",
}


@pytest.fixture
def town(engine: Engine, home: Path, database_url: str) -> Iterator[TaxiTown]:
    with open_town(engine, home, database_url, vehicles=(seats(4),)) as town:
        yield town


@contextmanager
def sign_in(town: TaxiTown, role: Role, user: str = "") -> Iterator[httpx.Client]:
    """Sign in on the page; a browser with its cookie."""
    with httpx.Client(base_url=town.http.base_url, timeout=120, follow_redirects=True) as browser:
        token = town.token(role, user)["Authorization"].removeprefix("Bearer ")
        browser.post("/sign-in", data={"token": token})
        assert browser.cookies
        yield browser


@pytest.fixture
def desk(town: TaxiTown) -> Iterator[httpx.Client]:
    with sign_in(town, Role.DESK, "dominique") as browser:
        yield browser


def form_of(page: str, action: str) -> dict[str, str]:
    """Read what the form of a page would post: hidden fields, and of radios the first."""
    form = re.search(rf'<form[^>]*action="{re.escape(action)}".*?</form>', page, re.DOTALL)
    assert form, page
    fields: dict[str, str] = {}
    for tag in re.findall(r"<input[^>]*>", form[0]):
        name = re.search(r'name="([^"]*)"', tag)
        value = re.search(r'value="([^"]*)"', tag)
        if name and ("hidden" in tag or "checked" in tag):
            fields.setdefault(name[1], html.unescape(value[1]) if value else "")
    return fields


def book(desk: httpx.Client, **more: str) -> httpx.Response:
    offers = desk.post("/desk", data={**CALL, **more})
    assert offers.status_code == 200, offers.text
    return desk.post("/desk/book", data=form_of(offers.text, "/desk/book"))


def booking_id(answer: httpx.Response) -> str:
    return str(answer.url).partition("/bookings/")[2].partition("?")[0]


def test_one_form_then_one_key_and_the_booking_is_read_back(town: TaxiTown, desk: httpx.Client) -> None:
    done = book(desk)
    assert done.status_code == 200
    assert "Je récapitule : Léa Martin, 2 personnes. Avec un fauteuil roulant." in text(done)
    assert "mardi 24 novembre 2026, soyez prêt à 10:" in text(done)
    assert "Cela coûte 6,00 €" in text(done)
    ((reference, phone, made_by, note),) = town.read("SELECT reference, phone, made_by, note FROM ondemand_booking")
    assert " ".join(reference) in done.text
    assert (phone, made_by, note) == ("+33612345678", "dominique", "portail bleu")


def text(answer: httpx.Response) -> str:
    """Return what a page says, without its tags."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).translate(PLAIN).split())


def test_there_and_back_are_booked_together(town: TaxiTown, desk: httpx.Client) -> None:
    done = book(desk, back="15:00")
    assert done.status_code == 200, done.text
    rows = town.read("SELECT booking.return_of IS NOT NULL, leg.pickup_from FROM ondemand_booking AS booking"
                     " JOIN ondemand_leg AS leg ON leg.booking = booking.id ORDER BY 1")  # fmt: skip
    assert [back for back, _ in rows] == [False, True]
    assert rows[1][1] >= TUESDAY + timedelta(hours=15)


def test_every_tuesday_is_booked_in_one_call_left_out_and_ended(town: TaxiTown, desk: httpx.Client) -> None:
    done = book(desk, weekday="tuesday", until="2026-12-15")
    assert done.status_code == 200, done.text
    assert "Trajets réguliers" in text(done)
    assert "4 jours réservés du mardi 24 novembre 2026 au mardi 15 décembre 2026" in text(done)
    path = done.url.path
    left = desk.post(path, data={"day": "2026-12-01"})
    assert "mardi 1er décembre 2026 · pas ce jour-là" in text(left)
    assert "sont arrêtés" in text(desk.post(path, data={}))
    assert desk.post(path, data={"day": "nonsense"}).status_code == 400
    states = town.read("SELECT leg.state FROM ondemand_leg AS leg")
    assert {state for (state,) in states} == {"cancelled_by_user"}
    half = desk.post("/desk", data={**CALL, "weekday": "tuesday"})
    assert "Cochez les jours et donnez le dernier." in text(half)


def test_the_same_booking_sent_twice_is_one(town: TaxiTown, desk: httpx.Client) -> None:
    offers = desk.post("/desk", data=CALL)
    fields = form_of(offers.text, "/desk/book")
    first, second = desk.post("/desk/book", data=fields), desk.post("/desk/book", data=fields)
    assert booking_id(first) == booking_id(second)
    assert town.read("SELECT count(*) FROM ondemand_booking") == [(1,)]


def test_what_is_missing_or_wrong_is_said_beside_its_field_and_nothing_is_lost(desk: httpx.Client) -> None:
    wrong = {**CALL, "name": "", "phone": "12", "from": "Xyzzy", "adults": "1", "wheelchairs": "3", "back": "09:00"}
    answer = desk.post("/desk", data=wrong)
    said = text(answer)
    for sentence in (
        "Demandez le nom.",
        "Ce numéro ne se lit pas",
        "plus de fauteuils que d'adultes",
        "Le retour ne peut précéder l'aller.",
        "Xyzzy",
    ):
        assert sentence in said
    assert 'value="portail bleu"' in answer.text
    assert "/desk/book" not in answer.text


def test_nothing_hostile_becomes_part_of_the_page(desk: httpx.Client) -> None:
    nasty = '"><script>alert(1)</script>\x00'
    answer = desk.post("/desk", data=dict.fromkeys(CALL, nasty))
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
    assert desk.post("/desk/search", data={"q": nasty}).status_code == 200
    assert desk.post("/desk/book", data={"option": nasty, "key": nasty, "name": nasty}).status_code == 409
    assert desk.post("/desk", content=b"a=1&" * 100_000).status_code == 400


def test_places_that_went_during_the_call_are_said_and_others_offered(town: TaxiTown, desk: httpx.Client) -> None:
    fields = form_of(desk.post("/desk", data={**CALL, "adults": "4", "wheelchairs": "0"}).text, "/desk/book")
    assert book(desk, adults="4", wheelchairs="0", name="Un autre").status_code == 200
    answer = desk.post("/desk/book", data=fields)
    assert answer.status_code == 409
    assert "La place vient d'être prise" in text(answer)
    again = form_of(answer.text, "/desk/book")
    assert again["name"] == "Léa Martin"
    assert desk.post("/desk/book", data=again).status_code == 200
    assert town.read("SELECT count(*) FROM ondemand_booking") == [(2,)]


def test_it_is_found_by_reference_telephone_and_name(town: TaxiTown, desk: httpx.Client) -> None:
    one = booking_id(book(desk))
    ((reference,),) = town.read("SELECT reference FROM ondemand_booking")
    for asked in (reference.lower(), "0612345678", "+33 6 12 34 56 78", "martin"):
        assert booking_id(desk.post("/desk/search", data={"q": asked})) == one
    assert "Rien trouvé" in desk.post("/desk/search", data={"q": "personne"}).text
    other = booking_id(book(desk, time="14:00"))
    several = desk.post("/desk/search", data={"q": "Léa"})
    assert one in several.text
    assert other in several.text


def test_it_is_changed_and_cancelled_and_the_traveller_told(town: TaxiTown, desk: httpx.Client) -> None:
    id_ = booking_id(book(desk))
    page = desk.get(f"/desk/bookings/{id_}").text
    leg = form_of(page, f"/desk/bookings/{id_}/offers")["leg"]
    others = desk.post(
        f"/desk/bookings/{id_}/offers", data={"leg": leg, "date": "2026-11-24", "time": "16:00", "by": "depart"}
    )
    changed = desk.post(f"/desk/bookings/{id_}/change", data=form_of(others.text, f"/desk/bookings/{id_}/change"))
    assert "soyez prêt à 16:" in text(changed)
    assert "Réservation" in text(changed)
    cancelled = desk.post(f"/desk/bookings/{id_}/cancel", data=form_of(changed.text, f"/desk/bookings/{id_}/cancel"))
    assert "C'est annulé" in text(cancelled)
    again = desk.post(f"/desk/bookings/{id_}/cancel", data={})
    assert again.status_code == 409
    templates = [row[0] for row in town.read("SELECT template FROM message ORDER BY id")]
    assert [one for one in templates if one.startswith("booking_")] == [
        "booking_confirmed",
        "booking_changed",
        "booking_cancelled",
    ]


@pytest.mark.parametrize("path", ["/desk", "/desk/bookings/x", "/driver"])
def test_who_has_not_signed_in_is_asked_to(town: TaxiTown, path: str) -> None:
    answer = town.http.get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/sign-in?next={path}")
    assert town.http.post("/desk", data=CALL).status_code == 303
    with sign_in(town, Role.TRAVELLER) as traveller:
        assert traveller.get(path).status_code == 403
    with sign_in(town, Role.DRIVER) as driver:
        assert driver.get("/desk").status_code == 403
    with sign_in(town, Role.AUDITOR) as auditor:
        assert auditor.get("/desk").status_code == 200
        assert auditor.post("/desk/book", data=CALL).status_code == 403


def test_another_site_makes_nobody_book(town: TaxiTown, desk: httpx.Client) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert desk.post("/desk", data=CALL, headers=headers).status_code == 403
        assert desk.post("/sign-in", data={"token": "x"}, headers=headers).status_code == 403
    own = {"Origin": str(town.http.base_url).rstrip("/"), "Sec-Fetch-Site": "same-origin"}
    assert desk.post("/desk", data=CALL, headers=own).status_code == 200


def test_signing_in_needs_a_token_of_this_home_that_lasts(town: TaxiTown) -> None:
    with httpx.Client(base_url=town.http.base_url, timeout=120) as browser:
        wrong = browser.post("/sign-in", data={"token": "nonsense"})
        assert wrong.status_code == 403
        assert not wrong.cookies
        token = town.token(Role.DESK)["Authorization"]
        for elsewhere in ("https://evil.example/", "//evil.example", "/\\evil.example"):
            answer = browser.post(f"/sign-in?next={elsewhere}", data={"token": token})
            assert answer.headers["location"] == "/desk"
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        out = browser.post("/sign-out")
        assert out.headers["location"] == "/sign-in"
        assert browser.get("/desk").status_code == 303


def test_the_driver_sees_the_ride_and_tells_how_it_goes(town: TaxiTown, desk: httpx.Client) -> None:
    book(desk)
    ((leg, pickup),) = town.read("SELECT id, pickup_from FROM ondemand_leg")
    with sign_in(town, Role.DRIVER, "bus") as driver:
        sheet = driver.get("/driver")
        assert "Léa Martin (2 personnes, 1 fauteuil roulant)" in text(sheet)
        assert "portail bleu" in sheet.text
        assert "tel:+33612345678" in sheet.text
        assert "Encaisser 6,00 €" in text(sheet)
        assert "camille@example.org" not in sheet.text
        told = {"leg": leg, "vehicle": "bus", "anchor": "stop-1"}
        early = driver.post("/driver/moves", data={**told, "state": "no_show"})
        assert "notice" in early.text
        town.put_clock(pickup + timedelta(minutes=5))
        for state in ("en_route", "arrived", "on_board", "completed"):
            assert driver.post("/driver/moves", data={**told, "state": state}).status_code == 200
        assert town.read("SELECT state FROM ondemand_leg") == [("completed",)]
        assert "Encaisser" not in driver.get("/driver").text


def test_what_was_noted_without_a_network_counts_from_when_it_happened(town: TaxiTown, desk: httpx.Client) -> None:
    book(desk)
    ((leg, pickup),) = town.read("SELECT id, pickup_from FROM ondemand_leg")
    town.put_clock(pickup + timedelta(hours=1))
    json = {"Accept": "application/json"}
    with sign_in(town, Role.DRIVER, "bus") as driver:
        moves = [
            {"key": "1", "leg": leg, "state": "arrived", "at": pickup.isoformat()},
            {"key": "2", "leg": leg, "state": "on_board", "at": (pickup + timedelta(minutes=4)).isoformat()},
        ]
        for move in (moves[0], moves[0], moves[1], moves[1]):  # the answer was lost, so it is sent again
            answer = driver.post("/driver/moves", data=move, headers=json)
            assert answer.status_code == 200, answer.text
        late = driver.post("/driver/moves", data={**moves[0], "key": "3"}, headers=json)
        assert late.status_code == 409
        assert "cannot become arrived" in late.json()["detail"]
        future = {**moves[1], "key": "4", "state": "completed", "at": (pickup + timedelta(hours=3)).isoformat()}
        assert driver.post("/driver/moves", data=future, headers=json).status_code == 400
    rows = town.read("SELECT arrival FROM ondemand_event WHERE kind = 'pickup'")
    assert rows == [(pickup + timedelta(minutes=4),)]
    assert town.read("SELECT count(*) FROM ondemand_history WHERE what = 'moved' AND after = 'arrived'") == [(1,)]


def test_a_driver_is_told_what_changes_within_the_hour(town: TaxiTown, desk: httpx.Client) -> None:
    later, soon = book(desk, time="16:00"), book(desk, name="Bientôt")
    ((pickup,),) = town.read("SELECT min(pickup_from) FROM ondemand_leg")
    town.put_clock(pickup - timedelta(minutes=50))
    for shown in (later, soon):
        path = f"/desk/bookings/{booking_id(shown)}/cancel"
        assert desk.post(path, data=form_of(shown.text, path)).status_code == 200
    with sign_in(town, Role.DRIVER, "bus") as driver:
        sheet = text(driver.get("/driver"))
    assert sheet.count("annulée") == 1
    assert f"Prise en charge de {pickup.astimezone(TUESDAY.tzinfo):%H:%M} annulée" in sheet
    assert "Prendre" not in sheet


def test_a_driver_sees_and_moves_nothing_of_other_vehicles(town: TaxiTown, desk: httpx.Client) -> None:
    book(desk)
    ((leg,),) = town.read("SELECT id FROM ondemand_leg")
    with sign_in(town, Role.DRIVER, "somebody") as driver:
        for path in ("/driver", "/driver?vehicle=bus"):
            answer = driver.get(path)
            assert "Léa" not in answer.text
            assert "Aucun véhicule" in text(answer)
        move = {"leg": leg, "state": "en_route"}
        answer = driver.post("/driver/moves", data=move, headers={"Accept": "application/json"})
        assert answer.status_code == 403
    assert "Léa Martin" in desk.get("/driver?vehicle=bus").text  # staff may look


def test_held_and_cancelled_rides_are_not_on_the_sheet(town: TaxiTown, desk: httpx.Client) -> None:
    town.book(town.quote(11), hold=True)
    shown = book(desk)
    path = f"/desk/bookings/{booking_id(shown)}/cancel"
    nothing = desk.post(path, data={})
    assert nothing.status_code == 409
    assert "Il manque un choix" in text(nothing)
    assert desk.post(path, data=form_of(shown.text, path)).status_code == 200
    with sign_in(town, Role.DRIVER, "bus") as driver:
        assert "Prendre" not in text(driver.get("/driver"))
        assert "mercredi 25 novembre" in text(driver.get("/driver?day=2026-11-25"))
        for beyond in ("2026-11-23", "2026-11-26", "nonsense"):
            assert "bus, mardi 24 novembre" in text(driver.get(f"/driver?day={beyond}"))
    assert "Rien à faire ce jour-là" in text(desk.get("/driver?vehicle=bus&day=2026-11-26"))


def test_the_sheets_worker_is_in_charge_of_the_sheet_alone(town: TaxiTown) -> None:
    answer = town.http.get("/driver/worker.js")
    assert answer.headers["service-worker-allowed"] == "/driver"
    assert answer.headers["content-type"].startswith("text/javascript")
    assert town.http.get("/sign-in").headers["cache-control"] == "no-store"


def test_what_could_not_be_offered_to_a_caller_is_noted_and_of_nobody(town: TaxiTown, desk: httpx.Client) -> None:
    assert desk.post("/desk", data={**CALL, "adults": "9"}).status_code == 200
    noted = town.read("SELECT deed, service, passengers, who FROM trace_ride_arriving")
    assert noted == [("refused", "ondemand", 9, None)]
    desk.post("/desk", data=CALL)
    assert len(town.read("SELECT FROM trace_ride_arriving")) == 1
