"""People who travel regularly: proofs, one basket, passes that renew themselves, certificates, being forgotten."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pypdf
import pytest
from sqlalchemy.orm import Session
from tests.conftest import new_database, serve
from tests.school.test_deciding import LISTS
from tests.ticketing.test_taps_api import Office, tap

from mobigo.accounts.key import read_key
from mobigo.accounts.model import Role
from mobigo.accounts.token import issue
from mobigo.cli.tapping import Tapping
from mobigo.db.engine import open_engine
from mobigo.db.session import driver
from mobigo.fares.demonstration import publish_demonstration
from mobigo.kit.clock import Clock
from mobigo.ledger import service as ledger
from mobigo.messages import service as messages
from mobigo.settings import Settings
from mobigo.tickets.signer import Signer
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator

START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


class Desk(Office):
    """An office that people with an account talk to."""

    def me(
        self,
        user: str,
        method: str,
        path: str = "/me",
        body: object = None,
        *,
        status: int = 200,
        role: Role = Role.TRAVELLER,
    ) -> Any:  # noqa: ANN401 - JSON
        token = issue(read_key(self.home), user, role, self.now, timedelta(hours=1))
        with self.call() as http:
            headers = {"Authorization": f"Bearer {token}"}
            answer = http.request(method, f"/v1/travellers{path}", headers=headers, json=body)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content and "json" in answer.headers["Content-Type"] else answer

    def join(self, user: str, method: str | None = "pm_card_visa") -> None:
        self.me(user, "PUT", body={"name": user.title(), "email": f"{user}@example.org", "language": "en"})
        if method:
            self.me(user, "PUT", "/me/method", {"method": method}, status=204)

    def says(self, user: str) -> list[str]:
        with Session(self.engine) as session:
            return [one.template for one in messages.list_messages(session, about=f"traveller:{user}")][::-1]


@pytest.fixture(scope="module")
def desk(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    home = tmp_path_factory.mktemp("desk")
    (home / "sandbox").touch()
    clock = Clock(home / "clock.json")
    clock.move(START, 0)
    with new_database(test_cluster) as url:
        engine = open_engine(url)
        with Session(engine) as session, session.begin():
            publish_demonstration(driver(session), now=START, today=START.date())
        app = create_app(engine=engine, clock=clock, home=home)
        settings = Settings(home=home, database_url=url, clock=None, allow_hosts=(), test_data=home)
        with serve(app) as address:
            one = Desk(engine, Signer(home / "signer", "mobigo"), clock, address, home)
            one.worker = Tapping(url, settings, lambda: app.state.counter)
            yield one
            one.worker._engine.dispose()
        engine.dispose()


@pytest.fixture(autouse=True)
def _morning(desk: Desk) -> None:
    desk.clock.move(START, 0)


def test_a_pass_is_bought_again_every_month_and_its_owner_told_before(desk: Desk) -> None:
    desk.join("ana")
    wish = {"product": "coach_month", "start": "2026-12-01"}
    season = desk.me("ana", "POST", "/me/season-tickets", wish, status=201)
    assert [one["what"] for one in season["history"]] == ["begun"]  # eleven days before
    for day in range(1, 96):
        desk.clock.move(START + timedelta(days=day), 0)
        for _ in range(2):
            desk.worker.renew()
    (season,) = desk.me("ana", "GET", "/me/season-tickets")["season_tickets"]
    bought = [one["details"]["until"][:10] for one in season["history"] if one["what"] == "bought"]
    assert bought == ["2027-01-01", "2027-02-01", "2027-03-01"]
    assert desk.says("ana") == ["pass_reminder", "pass_renewed"] * 3 + ["pass_reminder"]
    orders = desk.ask("GET", "/orders", Role.TRAVELLER, "ana").json()["orders"]
    assert [one["state"] for one in orders] == ["issued"] * 3
    desk.me("ana", "PUT", f"/me/season-tickets/{season['id']}/state", {"state": "ended"})
    desk.clock.move(START + timedelta(days=140), 0)
    desk.worker.renew()
    assert len(desk.ask("GET", "/orders", Role.TRAVELLER, "ana").json()["orders"]) == 3
    wrong = desk.me("ana", "PUT", f"/me/season-tickets/{season['id']}/state", {"state": "active"}, status=409)
    assert wrong["code"] == "unlawful_move"
    # half of it is the employer's
    period = {"first": "2026-12-01", "last": "2027-02-28"}
    paper = desk.me("ana", "POST", "/me/certificates", period, status=201)
    assert (paper["cents"], paper["employer_cents"], paper["passes"]) == (12_000, 6_000, 3)
    pdf = desk.me("ana", "GET", f"/me/certificates/{paper['id']}/paper.pdf")
    text = pypdf.PdfReader(io.BytesIO(pdf.content)).pages[0].extract_text()
    assert "€60.00" in text
    assert "Ana" in text
    checked = desk.me("nobody", "GET", f"/certificates/{paper['id']}")
    assert checked == paper
    assert "Ana" not in json.dumps({**checked, "id": ""})
    desk.me("ben", "GET", f"/me/certificates/{paper['id']}/paper.pdf", status=404)
    desk.me("ana", "POST", "/me/certificates", {"first": "2026-01-01", "last": "2026-02-01"}, status=400)


def test_a_pass_whose_payment_is_refused_is_tried_again_and_then_ends(desk: Desk) -> None:
    desk.join("cleo", "pm_card_chargeDeclinedInsufficientFunds")
    season = desk.me("cleo", "POST", "/me/season-tickets", {"product": "coach_week"}, status=201)
    assert season["history"][-1]["what"] == "refused"
    for day in range(1, 9):
        desk.clock.move(START + timedelta(days=day), 0)
        desk.worker.renew()
    (season,) = desk.me("cleo", "GET", "/me/season-tickets")["season_tickets"]
    assert season["state"] == "failed"
    assert desk.says("cleo")[-1] == "pass_failed"
    assert all(
        one["state"] == "cancelled" for one in desk.ask("GET", "/orders", Role.TRAVELLER, "cleo").json()["orders"]
    )
    desk.me("cleo", "PUT", "/me/method", {"method": "pm_card_visa"}, status=204)
    desk.me("cleo", "PUT", f"/me/season-tickets/{season['id']}/state", {"state": "active"})
    desk.worker.renew()
    (season,) = desk.me("cleo", "GET", "/me/season-tickets")["season_tickets"]
    assert season["history"][-1]["what"] == "bought"


def test_a_reduced_pass_needs_a_proof_that_staff_have_looked_at(desk: Desk) -> None:
    desk.join("dan")
    wish = {"product": "coach_month", "category": "youth"}
    assert desk.me("dan", "POST", "/me/season-tickets", wish, status=400)["code"] == "category_unproven"
    assert desk.me("dan", "POST", "/me/proofs", {"category": "adult"}, status=400)["code"] == "unknown_category"
    asked = {"category": "youth", "document": "Identity card"}
    proof = desk.me("dan", "POST", "/me/proofs", asked, status=201)
    assert desk.me("dan", "POST", "/me/proofs", asked, status=409)["code"] == "proof_asked"
    desk.me("dan", "GET", "/proofs", status=403)
    (waiting,) = desk.me("desk", "GET", "/proofs", role=Role.DESK)["proofs"]
    assert (waiting["name"], waiting["document"]) == ("Dan", "Identity card")
    path = f"/proofs/{proof['id']}/decision"
    assert desk.me("desk", "POST", path, {}, status=400, role=Role.DESK)["code"] == "invalid_input"
    granted = desk.me("desk", "POST", path, {"until": "2028-06-30"}, role=Role.DESK)
    assert (granted["state"], granted["document"]) == ("granted", "")  # what was shown is not kept
    assert desk.says("dan") == ["proof_decided"]
    season = desk.me("dan", "POST", "/me/season-tickets", wish, status=201)
    assert season["history"][-1]["what"] == "bought"
    assert desk.ask("GET", "/orders", Role.TRAVELLER, "dan").json()["orders"][0]["cents"] == 2_000


def test_one_basket_for_all(desk: Desk) -> None:
    desk.join("eve")
    for product in ("coach_day", "coach_carnet"):
        basket = desk.me("eve", "POST", "/me/basket", {"products": [{"product": product}]}, status=201)
    assert basket["cents"] == 400 + 1_200
    desk.me("eve", "POST", "/me/basket", {"products": [{"product": "nothing"}]}, status=404)
    offers = [one["offer"] for item in basket["items"] for one in item["offers"]["offers"]]
    order = desk.ask("POST", "/orders", Role.TRAVELLER, "eve", json={"offers": offers}).json()
    assert order["cents"] == 1_600
    assert (
        desk.ask("POST", f"/orders/{order['id']}/pay", Role.TRAVELLER, "eve", json={"method": "pm_card_visa"}).json()[
            "state"
        ]
        == "issued"
    )
    desk.me("eve", "DELETE", f"/me/basket/{basket['items'][0]['id']}", status=204)
    assert len(desk.me("eve", "GET", "/me/basket")["items"]) == 1
    desk.me("eve", "DELETE", "/me/basket", status=204)
    assert desk.me("eve", "GET", "/me/basket") == {"items": [], "cents": 0}


def test_a_card_of_ones_own_and_a_lost_ticket(desk: Desk) -> None:
    desk.join("fay")
    device = desk.enrol()
    at = START - timedelta(hours=1)
    desk.send(device, {**tap(1, "fay"), "at": at.isoformat(), "token": {"method": "pm_card_visa"}})
    desk.clock.move(START + timedelta(days=1), 0)
    desk.worker.count()
    charge = desk.find_charge()
    cards = desk.me("fay", "POST", "/me/cards", {"charge": charge}, status=201)["cards"]
    assert cards[0]["days"] == [{"day": "2026-11-20", "cents": 150, "charge": charge}]
    desk.join("gil")
    assert desk.me("gil", "POST", "/me/cards", {"charge": charge}, status=409)["code"] == "card_linked"
    desk.me("gil", "DELETE", f"/me/cards/{cards[0]['id']}", status=404)
    season = desk.me("fay", "POST", "/me/season-tickets", {"product": "coach_week"}, status=201)
    assert season["history"][-1]["what"] == "bought"
    known = desk.me("fay", "GET", "/me/data")
    ticket = known["tickets"][0]
    replaced = desk.me("fay", "POST", f"/me/tickets/{ticket['id']}/lost")
    assert replaced["serial"] == 2
    desk.me("gil", "POST", f"/me/tickets/{ticket['id']}/lost", status=404)


def test_whoever_leaves_is_forgotten_and_the_books_still_balance(desk: Desk) -> None:
    desk.join("halimede")
    desk.me("halimede", "POST", "/me/season-tickets", {"product": "coach_week"}, status=201)
    desk.me("halimede", "POST", "/me/proofs", {"category": "youth", "document": "Passport of Halimede"}, status=201)
    known = json.dumps(desk.me("halimede", "GET", "/me/data"))
    assert "halimede@example.org" in known
    assert "Passport of Halimede" in known
    desk.me("halimede", "DELETE", status=204)
    desk.me("halimede", "GET", status=404)
    for table, columns in {
        "traveller": "account, name, email",
        "traveller_proof": "account, document",
        "season": "account, product",
        "ticket_order": "account, contact::text",
        "ticket": "account, key",
        "message": "recipient, body",
    }.items():
        assert "halimede" not in str(desk.read(f"SELECT {columns} FROM {table}")).lower(), table
    desk.join("ivy", None)
    desk.clock.move(START + timedelta(days=740), 0)
    desk.worker.forget_people()
    desk.me("ivy", "GET", status=404)
    with Session(desk.engine) as session:
        assert ledger.balance(session) == 0


def test_every_pupil_with_a_seat_has_a_pass(desk: Desk) -> None:
    def hand_out() -> dict[str, int]:
        return dict(desk.me("school", "POST", "/school-passes/2026-2027", role=Role.SCHOOL))

    token = issue(read_key(desk.home), "claire", Role.SCHOOL, desk.now, timedelta(hours=1))
    headers = {"Authorization": f"Bearer {token}"}
    with desk.call() as http:
        for text in LISTS:
            files = {"file": ("liste.csv", text)}
            http.post("/v1/school/years/2026-2027/import", files=files, headers=headers).raise_for_status()
        assert hand_out() == {"issued": 3, "changed": 0, "ended": 0, "unchanged": 0}
        assert hand_out() == {"issued": 0, "changed": 0, "ended": 0, "unchanged": 3}
        listed = desk.me("school", "GET", "/school-passes/2026-2027", role=Role.SCHOOL)["passes"]
        assert [one["circuits"] for one in listed] == [["C"]] * 3
        assert desk.ask("GET", f"/{listed[0]['key']}").json()["id"] == listed[0]["ticket"]
        seats = http.get("/v1/school/years/2026-2027/seats", headers=headers).json()["rows"]
        gone = [one for one in seats if one["pupil"] == listed[0]["pupil"]]
        with Session(desk.engine) as session, session.begin():
            driver(session).execute("DELETE FROM school_seat WHERE pupil = %s", [gone[0]["pupil"]])
    assert hand_out() == {"issued": 0, "changed": 0, "ended": 1, "unchanged": 2}
    assert desk.read(f"SELECT state FROM ticket WHERE id = '{listed[0]['ticket']}'") == [("void",)]
    desk.me("school", "POST", "/school-passes/1999-2000", role=Role.SCHOOL, status=404)
    desk.me("desk", "POST", "/school-passes/2026-2027", role=Role.DESK, status=403)


def test_who_forgot_to_tap_says_where_they_got_out(desk: Desk) -> None:
    desk.join("jan")
    device = desk.enrol()
    rules = {"agencies": {"demonstration:trains": {"both": True, "missing_cents": 2_000}}}
    assert desk.ask("PUT", "/tap-rules", Role.FINANCE, json=rules).status_code == 200
    said = {"agency": "demonstration:trains", "held": "in", "stop": "a", "token": {"method": "pm_card_visa"}}
    sent = {**tap(1, "jan"), **said, "at": (START - timedelta(hours=1)).isoformat()}
    desk.send(device, sent)
    desk.clock.move(START + timedelta(hours=20), 0)
    desk.worker.count()
    charge = desk.read(
        "SELECT tap_charge.id FROM tap_charge JOIN tap_card ON tap_card.id = card"
        f" WHERE encode(hash, 'hex') = '{sent['card']}'"
    )[0][0]
    (card,) = desk.me("jan", "POST", "/me/cards", {"charge": charge}, status=201)["cards"]
    assert card["charges"][0]["cents"] == 2_000
    path = f"/me/cards/{card['id']}/rides"
    (ride,) = desk.me("jan", "GET", path)["rides"]
    assert (ride["board"], ride["alight"], ride["whole"]) == ("a", None, "no_out")
    told = {"device": ride["device"], "seq": ride["seq"], "stop": "b"}
    assert desk.me("jan", "POST", path, told, status=400)["code"] == "invalid_place"  # no timetable knows of it
    assert desk.me("jan", "POST", path, {**told, "seq": 99}, status=404)["code"] == "unknown_ride"
    desk.join("kim")
    desk.me("kim", "POST", path, told, status=404)
