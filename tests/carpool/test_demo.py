"""The demonstration: from offer to payout through the services, as often as one likes; and a day to try things on."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from sqlalchemy.orm import Session

from mobigo.carpool import store
from mobigo.carpool.demonstration import Stage
from mobigo.carpool.month import sum_file
from mobigo.cli.main import mobigo
from mobigo.db.session import driver
from mobigo.kit.errors import InvalidInput, Refused
from mobigo.ledger import service as ledger
from mobigo.ledger.model import Chart
from mobigo.street.drives import Drives

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

DAY = "2026-10-30"

Call = Callable[..., str]


@pytest.fixture
def run(home: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Call:
    monkeypatch.setenv("MOBIGO_DATABASE_URL", database_url)
    assert home.exists()

    def call(*arguments: str) -> str:
        found = CliRunner().invoke(mobigo, ["carpool", *arguments], catch_exceptions=False)
        return found.stdout

    return call


def test_a_driver_and_two_passengers_travel_from_offer_to_payout(run: Call, engine: Engine) -> None:
    told = json.loads(run("demo", "--day", DAY, "--json"))
    assert (told["line"], told["metres"]) == ("epoisses-les-laumes", 30_000)
    assert [(one["state"], one["proof"], one["cents"]) for one in told["bookings"]] == [("VALIDATED", "C", 150)] * 2
    (award,) = told["awards"]
    assert (award["cents"], [reason["cents"] for reason in award["reasons"]]) == (400, [300, 400])
    closed = told["closed"]
    assert [closed[key] for key in ("runs", "total_cents", "ledger_cents", "sepa_cents")] == [1, 400, 400, 400]
    assert sum_file(Path(closed["sepa_file"]).read_bytes()) == 400
    with Session(engine) as session:
        assert ledger.balance(session, account=Chart.FARES) == 300
        assert ledger.balance(session, account=Chart.BANK) == -400
        assert ledger.balance(session, account="carpool_drivers") == 0


def test_shown_again_it_is_told_again_and_nothing_is_done_twice(run: Call, engine: Engine) -> None:
    first = json.loads(run("demo", "--day", DAY, "--json"))
    second = json.loads(run("demo", "--day", DAY, "--json"))
    assert second == {**first, "closed": {**first["closed"], "already_closed": True}}
    closed = json.loads(run("close-month", "2026-10", "--json"))
    assert closed == second["closed"]
    assert "Anne Exemple earns 4.00 EUR, paid by CP2610-" in run("demo", "--day", DAY)
    other = json.loads(run("demo", "--day", "2026-09-30", "--json"))
    assert other["closed"]["total_cents"] == 400
    with Session(engine) as session:
        assert ledger.balance(session, account=Chart.BANK) == -800


def test_a_day_is_seeded_once_on_every_line_and_only_with_what_is_to_come(engine: Engine) -> None:
    noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
    for expected in (6, 0):
        with Session(engine) as session, session.begin():
            offered = Stage(session, Drives(None), b"k" * 32).seed(date(2026, 11, 23), noon)
            assert len(offered) == expected  # the evening, back
    with Session(engine) as session, session.begin():
        assert len(Stage(session, Drives(None), b"k" * 32).seed(date(2026, 11, 24), noon)) == 12
        runs = store.list_runs(driver(session))
        assert len({(run.line, run.direction, run.service_date) for run in runs}) == len(runs) == 18
        assert all(store.list_bookings(driver(session), run=run.id) for run in runs)


def test_no_demonstration_is_paid_from_a_real_account_or_driven_in_the_future(
    run: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidInput, match="is not over"):
        run("demo", "--day", "2999-01-01")
    with pytest.raises(InvalidInput, match="is no day"):
        run("demo", "--day", "yesterday")
    monkeypatch.setenv("MOBIGO_PAYER_IBAN", "FR1420041010050500013M02606")
    for command in ("demo", "seed"):
        with pytest.raises(Refused, match="MOBIGO_PAYER_IBAN names an account"):
            run(command)


def test_a_rule_is_simulated_on_what_was_driven(run: Call, tmp_path: Path) -> None:
    run("demo", "--day", DAY)
    rule = tmp_path / "rule.json"
    for document, cents in (
        ({"kind": "run", "name": "x", "from": "2026-01-01", "per_loaded_km_cents": 20}, 700),
        ({"per_loaded_km_cents": 15, "extra_passenger_starts_at": 1, "passenger_price": {"cents": 200}}, 650),
        ({"classes": ["C"], "formula": {"mode": "expression", "expression": "100 * seats"}}, 200),
    ):
        rule.write_text(json.dumps(document))
        told = json.loads(run("simulate", str(rule), "--month", "2026-10", "--explain", "--json"))
        assert (told["runs"], told["simulated"]["driver_cents"], told["current"]["driver_cents"]) == (1, cents, 400)
        assert told["explained"][0]["driver_cents"] == cents
    assert "by the rules in force  1 runs paid, drivers 4.00 EUR" in run("simulate", str(rule), "--month", "2026-10")
    for broken in ("[]", "{}", "{", json.dumps({"kind": "gift"})):
        rule.write_text(broken)
        with pytest.raises(InvalidInput):
            run("simulate", str(rule), "--month", "2026-10")
