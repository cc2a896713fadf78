"""Money over HTTP: one's own alone, in clear for finance alone, and everything the staff needs to close a month."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from openpyxl import load_workbook
from pypdf import PdfReader
from sepaxml.validation import try_valid_xml
from tests.carpool.money_rows import IBAN, Driven, Sat, put_driven, put_people

from mobigo.accounts.model import Role
from mobigo.accounts.token import issue
from mobigo.db.engine import libpq_conninfo

if TYPE_CHECKING:
    from tests.conftest import AppClient

DAY = date(2026, 3, 10)
HOUR = timedelta(hours=1)
TWO = (Sat("paul", 0, 30_000), Sat("rose", 0, 30_000))
ANNE, PAUL = ("account-anne", "driver"), ("account-paul", "traveller")
FINANCE, CARPOOL, AUDITOR = ("fin", "finance"), ("car", "carpool"), ("aud", "auditor")

Call = Any
"""Asks the application: who, method, path, the status expected, and what httpx takes; returns JSON or bytes."""


@pytest.fixture
def call(client: AppClient, database_url: str) -> Call:
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        put_people(connection, ["anne", "bruno", "paul", "rose"], key=client.app.state.bank_key, iban=None)
        put_driven(
            connection,
            [
                Driven("r1", "anne", DAY, TWO),
                Driven("r2", "bruno", DAY, TWO[:1]),
                Driven("r3", "bruno", DAY, [Sat("rose", 0, 9_000, state="COMPLETED_PENDING_VALIDATION")]),
            ],
        )

    def ask(who: tuple[str, str] | None, method: str, path: str, status: int = 200, json: object = None) -> Any:  # noqa: ANN401 - JSON or bytes
        headers = {}
        if who is not None:
            token = issue(client.app.state.token_key, who[0], Role(who[1]), client.app.state.clock.now(), HOUR)
            headers["Authorization"] = f"Bearer {token}"
        answer = client.request(method, f"/v1/carpool{path}", headers=headers, json=json)
        assert answer.status_code == status, answer.text
        if answer.content and answer.headers.get("content-type", "").startswith(
            ("application/json", "application/problem")
        ):
            return answer.json()
        return answer.content

    return ask


def test_an_account_is_told_masked_and_opened_for_finance_alone(call: Call) -> None:
    assert call(ANNE, "GET", "/bank", 404)["code"] == "no_bank_account"
    told = {"holder": "Anne Martin", "iban": "fr14 2004 1010 0505 0001 3m02 606"}
    assert call(ANNE, "PUT", "/bank", json=told)["iban"] == "FR14 … 606"
    wrong = call(ANNE, "PUT", "/bank", 400, json={**told, "iban": "FR14 2004 1010 0505 0001 3M02 607"})
    assert wrong["code"] == "invalid_iban"
    assert "3M02" not in wrong["detail"]
    assert call(FINANCE, "POST", "/bank/anne/open") == {"holder": "Anne Martin", "iban": IBAN}
    for who in (ANNE, PAUL, CARPOOL, AUDITOR):
        assert call(who, "POST", "/bank/anne/open", 403)["code"] == "role_required"
    call(ANNE, "DELETE", "/bank", 204)
    assert call(FINANCE, "POST", "/bank/anne/open", 404)["code"] == "no_bank_account"


def test_the_number_is_not_in_the_database_in_clear_and_who_read_it_is(call: Call, database_url: str) -> None:
    call(ANNE, "PUT", "/bank", json={"holder": "Anne Martin", "iban": IBAN})
    call(FINANCE, "POST", "/bank/anne/open")
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        (sealed,) = connection.execute("SELECT sealed FROM carpool_bank").fetchone() or (b"",)
        history = connection.execute("SELECT what, by, details FROM carpool_history").fetchall()
    assert IBAN.encode() not in sealed
    assert b"Anne" not in sealed
    assert history == [("account_read", "fin", {"person": "anne"})]


def test_a_driver_sees_what_is_expected_then_what_was_paid_and_why(call: Call) -> None:
    call(ANNE, "PUT", "/bank", json={"holder": "Anne Martin", "iban": IBAN})
    (one,) = call(ANNE, "GET", "/awards")["awards"]
    assert (one["state"], one["driver_cents"], one["fares_cents"], one["metres"]) == ("expected", 400, 300, 30_000)
    assert [reason["code"] for reason in one["reasons"]] == ["kilometres", "passengers"]
    trial = call(FINANCE, "POST", "/months/2026-03/close", json={"dry_run": True})
    assert call(FINANCE, "GET", "/months")["months"] == []
    closed = call(FINANCE, "POST", "/months/2026-03/close", json={})
    assert closed == {**trial, "dry_run": False}
    assert [closed[key] for key in ("runs", "total_cents", "ledger_cents", "sepa_cents")] == [1, 400, 400, 400]
    assert closed["held"] == ["r3"]
    assert closed["carried"] == [{"person": "bruno", "cents": 300, "because": "no_account"}]
    again = call(FINANCE, "POST", "/months/2026-03/close", json={})
    assert again["already_closed"]
    assert again["total_cents"] == 400
    (one,) = call(ANNE, "GET", "/awards?month=2026-03")["awards"]
    assert (one["state"], one["month"], one["driver_cents"]) == ("paid", "2026-03", 400)
    (payout,) = call(ANNE, "GET", "/payouts")["payouts"]
    assert (payout["cents"], payout["account"], payout["id"]) == (400, "FR14 … 606", one["payout"])
    assert len(call(CARPOOL, "GET", "/awards")["awards"]) == 2


def test_a_run_that_is_still_looked_at_is_shown_as_held(call: Call) -> None:
    told = call(("account-bruno", "driver"), "GET", "/awards")["awards"]
    assert [(one["run"], one["state"], one["driver_cents"]) for one in told] == [
        ("r2", "expected", 300),
        ("r3", "held", 0),
    ]
    (one,) = call(("account-bruno", "driver"), "GET", "/awards/r3")["awards"]
    assert [reason["code"] for reason in one["reasons"]] == ["nobody"]


def test_money_of_others_is_nobody_elses(call: Call) -> None:
    call(FINANCE, "POST", "/months/2026-03/close", json={})
    assert call(PAUL, "GET", "/awards")["awards"] == []
    assert call(PAUL, "GET", "/awards/r1", 404)["code"] == "unknown_run"
    assert call(PAUL, "GET", "/awards?person=anne", 404)["code"] == "unknown_person"
    assert call(PAUL, "GET", "/statements/2026-03.pdf?person=anne", 404)["code"] == "unknown_person"
    for path in ("/months", "/months/2026-03", "/months/2026-03/export.csv", "/months/2026-03/sepa.xml"):
        assert call(PAUL, "GET", path, 403)["code"] == "role_required"
        assert call(None, "GET", path, 401)["code"] == "unauthorised"
    for who in (CARPOOL, AUDITOR, ANNE):
        call(who, "POST", "/months/2026-04/close", 403, json={})


def test_finance_takes_away_the_file_and_the_accounts(call: Call) -> None:
    call(ANNE, "PUT", "/bank", json={"holder": "Anne Martin", "iban": IBAN})
    assert call(FINANCE, "GET", "/months/2026-03/sepa.xml", 404)["code"] == "month_not_closed"
    call(FINANCE, "POST", "/months/2026-03/close", json={})
    file = call(FINANCE, "GET", "/months/2026-03/sepa.xml")
    try_valid_xml(file, "pain.001.001.09")
    assert file == call(FINANCE, "GET", "/months/2026-03/sepa.xml")
    rows = list(csv.DictReader(io.StringIO(call(CARPOOL, "GET", "/months/2026-03/export.csv").decode())))
    assert [
        (row["run"], row["driver_cents"], row["fares_cents"], row["region_net_cents"], row["state"]) for row in rows
    ] == [
        ("r1", "400", "300", "100", "paid"),
        ("r2", "300", "150", "150", "carried_over"),
    ]
    book = load_workbook(io.BytesIO(call(CARPOOL, "GET", "/months/2026-03/export.xlsx")))
    assert book.sheetnames == ["Mois", "Virements", "Trajets"]
    assert dict(book["Mois"].iter_rows(values_only=True))["Versé aux conducteurs"] == 4
    assert [row[9] for row in book["Trajets"].iter_rows(min_row=2, values_only=True)] == [4, 3]


def test_corrections_and_returned_payouts_go_into_the_next_month(call: Call) -> None:
    call(ANNE, "PUT", "/bank", json={"holder": "Anne Martin", "iban": IBAN})
    body = {"cents": 150, "note": "a third passenger was proven by the desk"}
    assert call(FINANCE, "POST", "/awards/r1/corrections", 404, json=body)["code"] == "unknown_award"
    call(FINANCE, "POST", "/months/2026-03/close", json={})
    assert call(FINANCE, "POST", "/awards/r1/corrections", 201, json=body)["number"] == 1
    too_much = {**body, "cents": -551}
    assert call(FINANCE, "POST", "/awards/r1/corrections", 400, json=too_much)["code"] == "invalid_correction"
    (payout,) = call(FINANCE, "GET", "/payouts?month=2026-03")["payouts"]
    back = call(FINANCE, "POST", f"/payouts/{payout['id']}/returned", json={"because": "AC04 closed account"})
    assert back["returned_because"] == "AC04 closed account"
    assert call(FINANCE, "GET", "/months/2026-03")["total_cents"] == 400
    april = call(FINANCE, "POST", "/months/2026-04/close", json={})
    assert [april[key] for key in ("runs", "total_cents", "ledger_cents", "sepa_cents")] == [1, 550, 550, 550]
    assert [one["driver_cents"] for one in call(ANNE, "GET", "/awards/r1")["awards"]] == [400, 150]


def test_papers_are_ones_own_and_an_employer_checks_a_certificate_by_its_id(call: Call) -> None:
    call(FINANCE, "POST", "/months/2026-03/close", json={})
    statement = PdfReader(io.BytesIO(call(ANNE, "GET", "/statements/2026-03.pdf")))
    assert statement.metadata is not None
    assert statement.metadata.title == "Relevé de covoiturage 03/2026"
    body = {"first": "2026-01-01", "last": "2026-06-30"}
    made = call(PAUL, "POST", "/certificates", 201, json=body)
    assert made["figures"] == {
        "days": 1, "drives": 0, "rides": 2, "driven_metres": 0, "ridden_metres": 60_000, "received_cents": 0,
        "fares_cents": 300,
    }  # fmt: skip
    driver = call(ANNE, "POST", "/certificates", 201, json=body)["figures"]
    assert (driver["days"], driver["drives"], driver["driven_metres"], driver["received_cents"]) == (1, 1, 30_000, 400)
    assert call(None, "GET", f"/certificates/{made['id']}") == made
    paper = PdfReader(io.BytesIO(call(PAUL, "GET", f"/certificates/{made['id']}.pdf")))
    assert made["id"] in "".join(page.extract_text() for page in paper.pages).replace("\n", "")
    assert call(ANNE, "GET", f"/certificates/{made['id']}.pdf", 404)["code"] == "unknown_certificate"
    assert call(None, "GET", "/certificates/att_none", 404)["code"] == "unknown_certificate"
    future = {"first": "2026-01-01", "last": "2999-06-30"}
    assert call(PAUL, "POST", "/certificates", 400, json=future)["code"] == "invalid_period"


def test_cursors_give_every_award_once(call: Call) -> None:
    call(FINANCE, "POST", "/months/2026-03/close", json={})
    first = call(CARPOOL, "GET", "/awards?limit=1")
    second = call(CARPOOL, "GET", f"/awards?limit=1&cursor={first['next_cursor']}")
    assert [one["run"] for one in [*first["awards"], *second["awards"]]] == ["r1", "r2"]
    assert second["next_cursor"] is None
    assert call(CARPOOL, "GET", "/awards?cursor=x", 400)["code"] == "invalid_cursor"


def test_a_month_that_has_not_begun_is_refused(call: Call) -> None:
    year = datetime.now(UTC).year + 2
    assert call(FINANCE, "POST", f"/months/{year}-01/close", 422, json={})["code"] == "month_not_begun"
