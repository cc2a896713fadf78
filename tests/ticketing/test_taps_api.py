"""Bank cards over HTTP: from the reader to the receipt, and until everything is forgotten."""

from __future__ import annotations

import io
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pypdf
import pytest
from sqlalchemy.orm import Session
from tests.conftest import new_database, serve
from tests.ticketing.tapping import COACH, hash_of
from tests.tickets.conftest import NOON, Yard, make_bundle

from mobigo.accounts.model import Role
from mobigo.cli.tapping import Tapping
from mobigo.db.engine import open_engine
from mobigo.db.session import driver
from mobigo.fares.demonstration import publish_demonstration
from mobigo.kit.clock import Clock
from mobigo.settings import Settings
from mobigo.tickets.signer import Signer
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mobigo.tickets.device import Device


class Office(Yard):
    """A served instance and its worker."""

    worker: Tapping

    def send(self, device: Device, *taps: dict[str, Any], status: int = 200) -> list[str] | str:
        with self.call(device) as http:
            answer = http.post("/v1/tickets/taps", json={"taps": list(taps)})
        assert answer.status_code == status, answer.text
        return [one["fate"] for one in answer.json()["taps"]] if status == 200 else answer.json()["code"]

    def find_charge(self) -> str:
        with Session(self.engine) as session:
            row = driver(session).execute("SELECT id FROM tap_charge ORDER BY made_at DESC, id LIMIT 1").fetchone()
        assert row
        return str(row[0])

    def read(self, query: str) -> list[tuple[Any, ...]]:
        with Session(self.engine) as session:
            return driver(session).execute(query.encode()).fetchall()


@pytest.fixture(scope="module")
def office(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    home = tmp_path_factory.mktemp("office")
    (home / "sandbox").touch()
    clock = Clock(home / "clock.json")
    clock.move(NOON, 0)
    with new_database(test_cluster) as url:
        engine = open_engine(url)
        with Session(engine) as session, session.begin():
            publish_demonstration(driver(session), now=NOON, today=NOON.date())
        signer = Signer(home / "signer", "mobigo")
        make_bundle(engine, signer)
        app = create_app(engine=engine, clock=clock, home=home)
        settings = Settings(home=home, database_url=url, clock=None, allow_hosts=(), test_data=home)
        with serve(app) as address:
            one = Office(engine, signer, clock, address, home)
            one.worker = Tapping(url, settings, lambda: app.state.counter)
            yield one
            one.worker._engine.dispose()
        engine.dispose()


def tap(seq: int, card: str, minutes: int = -30, **more: object) -> dict[str, Any]:
    at = NOON + timedelta(minutes=minutes)
    return {"seq": seq, "at": at.isoformat(), "card": hash_of(card), "agency": COACH, **more}


def test_from_the_reader_to_the_receipt(office: Office) -> None:
    office.clock.move(NOON, 0)
    device = office.enrol()
    visa = {"token": {"method": "pm_card_visa"}, "last_digits": "4242"}
    taps = [tap(1, "ana", -300, **visa), tap(2, "ana", -10)]
    assert office.send(device, *taps) == ["stored", "stored"]
    assert office.send(device, *taps[::-1]) == ["known", "known"]
    office.clock.move(NOON + timedelta(days=1), 0)
    office.worker.count()
    bill = office.ask("GET", f"/charges/{office.find_charge()}?language=en").json()
    assert (bill["cents"], bill["state"], bill["last_digits"]) == (300, "paid", "4242")
    assert bill["days"] == [
        {
            "day": "2026-11-23",
            "cents": 300,
            "alone": 300,
            "rides": [{"name": "Coach, one trip", "cents": 150, "whole": "boarded"}] * 2,
        }
    ]
    paper = office.ask("GET", f"/charges/{bill['id']}/receipt.pdf")
    text = pypdf.PdfReader(io.BytesIO(paper.content)).pages[0].extract_text()
    assert "Meilleur tarif" not in text
    assert "4242" in text
    assert office.ask("GET", "/charges/222222222222").status_code == 404
    assert (
        office.ask("POST", f"/charges/{bill['id']}/pay", json={"method": "pm_card_visa"}).json()["code"]
        == "charge_paid"
    )


def test_a_declined_card_is_refused_by_readers_until_somebody_pays(office: Office) -> None:
    office.clock.move(NOON, 0)
    device = office.enrol()
    poor = {"token": {"method": "pm_card_chargeDeclinedInsufficientFunds"}}
    office.send(device, tap(1, "ben", **poor))
    office.clock.move(NOON + timedelta(days=1), 0)
    office.worker.count()
    (unpaid,) = office.ask("GET", "/charges", Role.FINANCE).json()["charges"]
    assert unpaid["state"] == "declined"
    office.sync(device)
    assert device.refuses_card(bytes.fromhex(hash_of("ben")))
    assert office.ask("POST", f"/charges/{unpaid['id']}/cash").status_code == 401
    paid = office.ask("POST", f"/charges/{unpaid['id']}/pay", json={"method": "pm_card_visa"})
    assert paid.json()["state"] == "succeeded"
    office.sync(device)
    assert not device.refuses_card(bytes.fromhex(hash_of("ben")))


def test_who_has_money_again_pays_at_the_reader(office: Office) -> None:
    office.clock.move(NOON, 0)
    device = office.enrol()
    office.send(device, tap(1, "cleo", token={"method": "pm_card_visa_chargeDeclined"}))
    office.clock.move(NOON + timedelta(days=1), 0)
    office.worker.count()
    office.clock.move(NOON + timedelta(days=2), 0)
    refused = tap(2, "cleo", 2 * 24 * 60 - 1, accepted=False, token={"method": "pm_card_visa"})
    assert office.send(device, refused) == ["stored"]
    own = f"SELECT state FROM tap_charge WHERE card = (SELECT id FROM tap_card WHERE hash = '\\x{hash_of('cleo')}')"
    give_up = time.monotonic() + 120
    while office.read(own) != [("paid",)]:  # asked after the answer
        assert time.monotonic() < give_up
        time.sleep(0.05)


def test_the_number_of_a_card_is_never_taken(office: Office) -> None:
    office.clock.move(NOON, 0)
    device = office.enrol()
    assert office.send(device, tap(1, "dan", stop="mobigo:4242424242424242"), status=400) == "card_number"
    assert office.send(device, {**tap(1, "dan"), "card": "4242424242424242"}, status=422) == "validation_failed"
    assert office.send(device, {**tap(1, "dan"), "agency": None}, status=400) == "no_agency"
    assert office.ask("POST", "/taps", Role.FINANCE, json={"taps": [tap(1, "dan")]}).status_code == 401


def test_rules_are_the_staffs(office: Office) -> None:
    before = office.ask("GET", "/tap-rules", Role.DESK).json()
    assert office.ask("PUT", "/tap-rules", Role.DESK, json={}).status_code == 403
    told = {"agencies": {"demonstration:trains": {"both": True, "missing_cents": 2_000}}}
    after = office.ask("PUT", "/tap-rules", Role.FINANCE, json=told).json()
    assert after["revision"] > before["revision"]
    assert after["agencies"]["demonstration:trains"]["missing_cents"] == 2_000
    wrong = office.ask("PUT", "/tap-rules", Role.FINANCE, json={"charge": {"retry_days": [3, 1]}})
    assert wrong.json()["code"] == "invalid_tap_rules"


def test_what_was_where_is_forgotten_in_two_days_and_the_rest_in_four_months(office: Office) -> None:
    office.clock.move(NOON, 0)
    device = office.enrol()
    said = {"stop": "demonstration:semur", "token": {"method": "pm_card_visa"}}
    sent = [tap(n, f"eve{n % 7}", -60, **said) for n in range(1, 8)]
    assert office.send(device, *sent) == ["stored"] * 7
    name = f"device = '{device.id}'"
    hidden = f"SELECT count(*) FROM tap WHERE {name} AND (card IS NOT NULL OR trip IS NOT NULL)"
    office.clock.move(NOON + timedelta(hours=45), 0)
    office.worker.forget()
    assert office.read(hidden) == [(7,)]
    office.clock.move(NOON + timedelta(hours=47), 0)
    office.worker.forget()
    assert office.read(hidden) == [(0,)]
    assert office.read(f"SELECT DISTINCT extract(minute FROM at)::int FROM tap WHERE {name}") == [(0,)]
    assert office.send(device, *sent) == ["known"] * 7  # and it is not billed twice
    flows = office.ask("GET", "/tap-flows?first=2026-11-20&last=2026-11-27", Role.DISPATCHER).json()["flows"]
    assert [(one["hour"], one["board"], one["rides"]) for one in flows if one["board"]] == [
        (11, "demonstration:semur", 7)
    ]
    assert not any(one["rides"] < 6 for one in flows)
    # bills have days and amounts, no place
    office.worker.count()
    columns = office.read(
        "SELECT column_name FROM information_schema.columns WHERE table_name IN ('tap_day', 'tap_due')"
    )
    assert not {"stop", "route", "trip", "board", "alight"} & {one for (one,) in columns}
    assert "semur" not in str(office.read("SELECT ways::text, rides::text FROM tap_day"))
    assert office.read("SELECT count(*) FROM tap_card")[0][0] >= 7
    for days in (40, 121):
        office.clock.move(NOON + timedelta(days=days), 0)
        office.worker.count()
        office.worker.forget()
        assert office.read("SELECT count(*) > 0 FROM tap_day") == [(True,)]
    office.clock.move(NOON + timedelta(days=125), 0)
    office.worker.forget()
    assert office.read("SELECT count(*) FROM tap_day") == [(0,)]
    assert office.read("SELECT count(*) FROM tap_due") == [(0,)]
    assert office.read("SELECT count(*) FROM tap_card") == [(0,)]
    assert office.read("SELECT count(*) FROM tap_charge WHERE card IS NOT NULL") == [(0,)]
    assert office.read("SELECT count(*) FROM ticket_denial WHERE kind = 'card'") == [(0,)]
    assert office.read("SELECT sum(cents)::int FROM ledger_posting") == [(0,)]
