"""Outbox and webhooks over HTTP: for staff, as described, with nothing secret told twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance
from sqlalchemy.orm import Session
from tests.conftest import new_database, serve

from mobigo.accounts.model import Role
from mobigo.accounts.token import issue
from mobigo.db.engine import open_engine
from mobigo.kit.clock import Clock
from mobigo.ledger import api as ledger_api
from mobigo.ledger import service as ledger
from mobigo.ledger.model import Chart, Posting
from mobigo.messages import outbox_api, service, webhook_api
from mobigo.messages.model import Recipient
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemathesis import Case
    from sqlalchemy.engine import Engine

NOW = datetime(2026, 11, 23, 7, 5, tzinfo=UTC)
HOOK = "127.0.0.1:1"

app = FastAPI(generate_unique_id_function=lambda route: route.name)
for room in (outbox_api, webhook_api, ledger_api):
    app.include_router(room.router)
schema = schemathesis.openapi.from_dict(app.openapi())


class Town:
    """The served application with some messages and entries."""

    def __init__(self, address: str, key: bytes, engine: Engine) -> None:
        self.address = address
        self._key = key
        self._engine = engine

    def bearer(self, role: Role) -> str:
        return f"Bearer {issue(self._key, role.value, role, NOW, timedelta(hours=1))}"

    def ask(self, role: Role) -> httpx.Client:
        return httpx.Client(base_url=self.address, headers={"Authorization": self.bearer(role)}, timeout=120)

    def sell(self, party: str, key: str) -> None:
        postings = (Posting(Chart.TRAVELLERS, 100, party), Posting(Chart.DEFERRED, -100, party))
        with Session(self._engine) as session, session.begin():
            ledger.post(session, kind="fare", reference=party, postings=postings, key=key, by="desk", at=NOW)


@pytest.fixture(scope="module")
def town(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    home = tmp_path_factory.mktemp("town")
    with new_database(test_cluster) as url:
        engine = open_engine(url)
        with Session(engine) as session, session.begin():
            for number in range(5):
                ride = {"reference": "K7P2QX", "pickup": NOW, "latest": NOW, "origin": "Mairie", "destination": "Gare"}
                to = Recipient(phone="0612345678")
                service.send(session, "reminder", to, ride, key=str(number), about=f"booking:{number}", now=NOW)
        clock = Clock(home / "clock.json")
        clock.move(NOW, 0)
        application = create_app(engine=engine, clock=clock, home=home, allow_hosts=[HOOK])
        with serve(application) as address:
            yield Town(address, application.state.token_key, engine)
        engine.dispose()


@schema.parametrize()
@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(case: Case, town: Town) -> None:
    case.call_and_validate(
        base_url=town.address,
        headers={"Authorization": town.bearer(Role.ADMIN)},
        excluded_checks=[positive_data_acceptance],
    )


def test_the_outbox_is_read_page_by_page(town: Town) -> None:
    with town.ask(Role.DESK) as desk:
        first = desk.get("/v1/messages/outbox", params={"limit": 3}).json()
        second = desk.get("/v1/messages/outbox", params={"limit": 3, "cursor": first["next_cursor"]}).json()
        assert [one["about"] for one in [*first["messages"], *second["messages"]]] == [
            f"booking:{number}" for number in (4, 3, 2, 1, 0)
        ]
        assert second["next_cursor"] is None
        (one,) = desk.get("/v1/messages/outbox", params={"about": "booking:2"}).json()["messages"]
        assert one["recipient"] == "+33612345678"
        assert "Rappel K7P2QX" in one["body"]
        assert desk.get(f"/v1/messages/outbox/{one['id']}").json() == one
        assert desk.get("/v1/messages/outbox", params={"state": "sent"}).json()["messages"] == []
        again = desk.post(f"/v1/messages/outbox/{one['id']}/send")
        assert (again.status_code, again.json()["code"]) == (422, "message_not_resendable")
        assert desk.get("/v1/messages/outbox/999").json()["code"] == "unknown_message"


@pytest.mark.parametrize(
    ("path", "roles"),
    [
        ("/v1/messages/outbox", {Role.DESK, Role.DISPATCHER, Role.ADMIN, Role.AUDITOR}),
        ("/v1/webhooks", {Role.DISPATCHER, Role.ADMIN, Role.AUDITOR}),
        ("/v1/ledger/accounts", {Role.FINANCE, Role.ADMIN, Role.AUDITOR}),
    ],
)
def test_only_those_who_need_it_read_it(town: Town, path: str, roles: set[Role]) -> None:
    assert httpx.get(f"{town.address}{path}", timeout=120).status_code == 401
    for role in Role:
        with town.ask(role) as somebody:
            assert (somebody.get(path).status_code == 200) == (role in roles), role


def test_a_webhook_is_written_told_its_secret_once_changed_and_removed(town: Town) -> None:
    with town.ask(Role.DISPATCHER) as staff:
        body = {"address": f"http://{HOOK}/hook", "types": ["leg.*"], "operator": "op"}
        made = staff.post("/v1/webhooks", json=body)
        assert made.status_code == 201, made.text
        one = made.json()
        assert one["secret"].startswith("whsec_")
        path = f"/v1/webhooks/{one['id']}"
        assert "secret" not in staff.get(path).json()
        assert one["secret"] not in staff.get("/v1/webhooks").text
        assert "leg.no_show" in staff.get("/v1/webhooks").json()["types"]
        assert staff.patch(path, json={"enabled": False}).json()["enabled"] is False
        off = staff.post(f"{path}/test")
        assert (off.status_code, off.json()["code"]) == (422, "webhook_disabled")
        assert staff.patch(path, json={"enabled": True, "types": ["booking.*"]}).json()["types"] == ["booking.*"]
        event = staff.post(f"{path}/test").json()["event"]
        (delivery,) = staff.get(f"{path}/deliveries").json()["deliveries"]
        assert (delivery["event"], delivery["state"], delivery["attempts"]) == (event, "waiting", [])
        new = staff.post(f"{path}/secret").json()
        assert new["secret"] != one["secret"]
        assert new["old_secret_until"].startswith("2026-11-24T07:05")
        assert staff.delete(path).status_code == 204
        assert staff.get(path).json()["code"] == "unknown_webhook"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"address": "https://127.0.0.1/"}, 422, "download_refused"),
        ({"address": "http://example.org/"}, 422, "webhook_not_encrypted"),
        ({"address": "nonsense"}, 422, "download_refused"),
        ({"address": f"http://{HOOK}/", "types": ["leg.flown"]}, 400, "unknown_event_type"),
        ({"address": f"http://{HOOK}/", "description": "x" * 501}, 422, "validation_failed"),
        ({"address": f"http://{HOOK}/", "secret": "whsec_mine"}, 422, "validation_failed"),
    ],
)
def test_a_webhook_that_cannot_be_meant_is_refused(town: Town, body: dict[str, object], status: int, code: str) -> None:
    with town.ask(Role.DISPATCHER) as staff:
        answer = staff.post("/v1/webhooks", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_the_books_are_read_corrected_and_taken_away(town: Town) -> None:
    party = "booking:books"
    for number in range(3):
        town.sell(party, f"books/{number}")
    with town.ask(Role.FINANCE) as finance:
        first, *_ = finance.get("/v1/ledger/entries", params={"reference": party}).json()["entries"]
        assert [posting["cents"] for posting in first["postings"]] == [100, -100]
        undone = finance.post(f"/v1/ledger/entries/{first['id']}/reverse", json={"note": "typed twice"}).json()
        assert (undone["reverses"], undone["by"], undone["kind"]) == (first["id"], "finance", "corrected")
        day = {"since": "2026-11-23T00:00:00Z", "until": "2026-11-24T00:00:00+01:00"}
        asked = {**day, "account": "travellers", "party": party, "limit": "3"}
        page = finance.get("/v1/ledger/statement", params=asked).json()
        rest = finance.get("/v1/ledger/statement", params={**asked, "cursor": page["next_cursor"]}).json()
        assert page["opening_cents"] == 0
        assert rest["opening_cents"] == page["closing_cents"] == 300
        assert (rest["closing_cents"], rest["next_cursor"]) == (200, None)
        balances = {one["code"]: one["balance_cents"] for one in finance.get("/v1/ledger/accounts").json()["accounts"]}
        assert balances["travellers"] == balances["deferred"]
        file = finance.get("/v1/ledger/export.csv", params=day)
        assert file.headers["content-disposition"] == 'attachment; filename="ledger-2026-11-23-2026-11-24.csv"'
        assert file.text.count(party) >= 2 * 4
        assert finance.get("/v1/ledger/statement", params={**day, "cursor": "x"}).json()["code"] == "invalid_cursor"
        wrong = finance.get("/v1/ledger/statement", params={"since": "yesterday", "until": "2026-11-24"})
        assert wrong.json()["code"] == "validation_failed"
        kept = finance.post("/v1/ledger/accounts", json={"code": "bank", "kind": "income", "name": "B"})
        assert kept.json()["code"] == "account_exists"
    with town.ask(Role.AUDITOR) as auditor:
        assert auditor.post(f"/v1/ledger/entries/{first['id']}/reverse", json={"note": "x"}).status_code == 403
