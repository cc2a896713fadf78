from __future__ import annotations

import json
import random
import zipfile
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from tests.journey_checker import Checker, Question
from tests.journeys.conftest import FEED, at

from mobigo.cli.main import mobigo
from mobigo.cli.plan import plan
from mobigo.journeys.answer import PlanAnswer
from mobigo.journeys.parameters import Asked

if TYPE_CHECKING:
    import httpx
    from tests.journeys.conftest import Valley

MONDAY = datetime(2026, 11, 23, tzinfo=ZoneInfo("Europe/Paris"))
QUESTION = {"from": at(0), "to": at(10_000), "at": "2026-11-23T07:00"}
WINDOW = {"window_minutes": "120"}


def test_an_answer_holds_what_the_contract_names(http: httpx.Client) -> None:
    answer = http.get("/v1/journeys", params=QUESTION).json()
    assert set(answer) == set(PlanAnswer.model_fields)
    assert {"journeys", "reason", "next_departure", "network_version"} <= set(answer)
    (journey,) = answer["journeys"]
    assert {"id", "departure", "arrival", "transfers", "labels", "legs"} <= set(journey)
    for leg in journey["legs"]:
        assert {
            "mode",
            "from",
            "to",
            "departure",
            "arrival",
            "trip_id",
            "line",
            "headsign",
            "geometry",
            "steps",
        } <= set(leg)
        assert {"name", "lat", "lon", "stop_id"} <= set(leg["from"])
        assert leg["departure"].endswith("+01:00")
        assert leg["geometry"]["type"] == "LineString"


def test_the_command_line_prints_the_same(http: httpx.Client, valley: Valley, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOBIGO_HOME", str(valley.home))
    arguments = ["plan", "--from", at(0), "--to", at(10_000), "--at", "2026-11-23T07:00"]
    printed = CliRunner().invoke(mobigo, [*arguments, "--json"], catch_exceptions=False)
    assert json.loads(printed.output) == http.get("/v1/journeys", params=QUESTION).json()
    text = CliRunner().invoke(mobigo, arguments, catch_exceptions=False).output
    assert "08:00 Amont → 08:15 Aval  (bus 12 to Aval)" in text


def test_the_command_line_asks_all_that_the_api_asks(
    http: httpx.Client, valley: Valley, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOBIGO_HOME", str(valley.home))
    asked = {param.name for param in plan.params} - {"back", "stay_minutes", "back_by", "missed", "others", "as_json"}
    assert asked == {field.alias or name for name, field in Asked.model_fields.items()}
    arguments = ["plan", "--from", at(0), "--to", at(10_000), "--at", "2026-11-23T07:00", "--via", "val:pont"]
    arguments += ["--forbid", "mode:tram", "--slack-minutes", "2", "--direct", "walk", "--direct", "car"]
    printed = CliRunner().invoke(mobigo, [*arguments, "--json"], catch_exceptions=False)
    question = {"via": "val:pont", "forbid": "mode:tram", "slack_minutes": "2", "direct": ["walk", "car"]}
    assert json.loads(printed.output) == http.get("/v1/journeys", params=QUESTION | question).json()
    wrong = CliRunner().invoke(mobigo, [*arguments, "--max-transfers", "99"])
    assert (wrong.exit_code, "--max-transfers 99" in wrong.output) == (2, True)


def test_the_command_line_tells_what_if_a_vehicle_is_missed_and_what_goes_instead(
    valley: Valley, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOBIGO_HOME", str(valley.home))
    arguments = ["plan", "--from", at(0), "--to", at(10_000), "--at", "2026-11-23T07:00", "--missed", "--others", "1"]
    told = json.loads(CliRunner().invoke(mobigo, [*arguments, "--json"], catch_exceptions=False).output)
    (name,) = told["changes"]
    assert told["changes"][name] == []  # no change
    assert set(told["others"][name]) == {"1"}  # the ride; what has left by now is no help
    wrong = CliRunner().invoke(mobigo, [*arguments, "--back"])
    assert (wrong.exit_code, "--missed and --others" in wrong.output) == (2, True)


def test_there_and_back(http: httpx.Client, valley: Valley, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = http.get("/v1/round-trips", params=QUESTION | {"stay_minutes": "120"}).json()
    (pair,) = answer["pairs"]
    assert answer["can_return"] is True
    assert (pair["out"], pair["back"]) == (answer["out"]["journeys"][0]["id"], answer["last_return"])
    assert answer["back"]["journeys"][0]["departure"][11:16] == "16:54"  # 338 s before the bus of five
    monkeypatch.setenv("MOBIGO_HOME", str(valley.home))
    arguments = ["plan", "--from", at(0), "--to", at(10_000), "--at", "2026-11-23T07:00", "--back"]
    arguments += ["--stay-minutes", "120"]
    printed = CliRunner().invoke(mobigo, [*arguments, "--json"], catch_exceptions=False)
    assert json.loads(printed.output) == answer
    text = CliRunner().invoke(mobigo, arguments, catch_exceptions=False).output
    assert "The last way back leaves 16:54." in text
    never = http.get("/v1/round-trips", params=QUESTION | {"stay_minutes": "720"}).json()
    assert (never["can_return"], never["back"]["reason"]) == (False, "nothing_in_window")


def test_pages_over_http(http: httpx.Client) -> None:
    first = http.get("/v1/journeys", params=QUESTION).json()
    second = http.get("/v1/journeys", params=QUESTION | {"cursor": first["later_cursor"]}).json()
    assert [journey["departure"][11:16] for journey in second["journeys"]] == ["11:54"]
    assert http.get("/v1/journeys", params=QUESTION | {"cursor": "mine"}).status_code == 422


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"from": "val:nowhere"}, 404, "unknown_stop"),
        ({"from": "91,5"}, 400, "invalid_input"),
        ({"at": "yesterday"}, 400, "invalid_instant"),
        ({"window_minutes": "-1"}, 422, "validation_failed"),
        ({"max_transfers": "many"}, 422, "validation_failed"),
        ({"to": None}, 422, "validation_failed"),
    ],
)
def test_errors_are_problems_with_a_code(
    http: httpx.Client, changes: dict[str, str | None], status: int, code: str
) -> None:
    question = {name: value for name, value in (QUESTION | changes).items() if value is not None}
    answer = http.get("/v1/journeys", params=question)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


def test_unknown_paths_and_methods_are_problems_too(http: httpx.Client) -> None:
    assert http.get("/v1/nothing").json()["code"] == "not_found"
    answer = http.post("/v1/journeys")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET"


def test_the_description_is_openapi_31_with_names_and_examples(http: httpx.Client) -> None:
    described = http.get("/openapi.json").json()
    assert described["openapi"].startswith("3.1")
    operation = described["paths"]["/v1/journeys"]["get"]
    assert operation["operationId"] == "journeys"
    assert all("examples" in one or "schema" in one for one in operation["parameters"])
    assert "application/problem+json" in operation["responses"]["404"]["content"]


def test_every_answer_of_a_day_holds_against_the_raw_files(http: httpx.Client, valley: Valley) -> None:
    raw = valley.folder / "raw.zip"
    with zipfile.ZipFile(raw, "w") as archive:
        for name, text in FEED.items():
            archive.writestr(name, text)
    checker = Checker({"val": raw})
    chance = random.Random(1)
    for _ in range(60):
        origin, destination = (at(chance.choice([0, 300, 700, 1000, 9300, 9600, 10_000])) for _ in range(2))
        when = MONDAY + timedelta(minutes=chance.randrange(2880))
        arrive_by = chance.random() < 0.5
        params = {
            "from": origin,
            "to": destination,
            "at": when.isoformat(),
            "arrive_by": str(arrive_by).lower(),
        } | WINDOW
        answer = http.get("/v1/journeys", params=params).json()
        assert checker.check_answer(Question(origin, destination, when, arrive_by, 120), answer) == []
