"""Worked cases of the Region's rule and of national policies, to the cent."""

from __future__ import annotations

import json
from importlib import resources
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from mobigo.carpool.cases import evaluate
from mobigo.cli.main import main
from mobigo.kit.errors import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def regional(test_data: Path) -> dict[str, Any]:
    return json.loads((test_data / "carpool" / "bfc.json").read_text())


@pytest.fixture
def national(test_data: Path) -> dict[str, Any]:
    return json.loads((test_data / "carpool" / "national_policies.json").read_text())


def test_every_run_of_the_regional_rule_is_paid_as_worked_out(regional: dict[str, Any]) -> None:
    found = {one["id"]: one for one in evaluate(regional)}
    for case in regional["cases"]:
        assert {key: found[case["id"]][key] for key in case["expected_default"]} == case["expected_default"]


def test_every_other_reading_of_the_rule_is_computable(regional: dict[str, Any]) -> None:
    for case in regional["cases"]:
        for reading, cents in case["expected_under_other_readings_driver_cents"].items():
            found = {one["id"]: one for one in evaluate(regional, reading)}
            assert found[case["id"]]["driver_cents"] == cents, (case["id"], reading)


def test_the_law_bounds_what_a_driver_receives(regional: dict[str, Any]) -> None:
    found = {one["id"]: one for one in evaluate(regional)}
    for case in regional["legal_cap"]["cases"]:
        assert found[case["id"]]["cents"] == [case["expected_allocation_cents"]], case["id"]
    for case in regional["local_policy"]["cases"]:
        assert found[case["od"]]["cents"] == [case["driver_cents"]], case["od"]


def test_every_case_of_the_national_policies_gives_its_cents_and_counters(national: dict[str, Any]) -> None:
    found = {one["id"]: one for one in evaluate(national)}
    assert len(found) == len(national["incentive_cases"])
    for case in national["incentive_cases"]:
        assert found[case["id"]]["cents"] == case["expected_cents"], case["id"]
        counted = [one for one in case["expected_counters_after"] if one["value"]]
        if case["expected_counters_after"]:
            assert sorted(map(str, (sorted(one.items()) for one in found[case["id"]]["counters"]))) == sorted(
                map(str, (sorted(one.items()) for one in counted))
            ), case["id"]


def test_the_command_writes_a_list_in_the_order_of_the_cases(
    test_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "r.json"
    with pytest.raises(SystemExit) as done:
        main(["carpool", "evaluate", str(test_data / "carpool" / "national_policies.json"), "--out", str(out)])
    assert done.value.code == 0
    written = json.loads(out.read_text())
    assert written[0].keys() == {"id", "cents", "counters"}
    assert "101 cases" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ([], "JSON object"),
        ({}, "no cases"),
        ({"incentive_cases": [{"id": "a", "policy": "b"}]}, "no policy 'b'"),
        ({"policy": {}, "cases": [{"id": "a"}]}, "case 'a' cannot be read"),
        (
            {"cases": [{"id": "a", "driver_run_m": 9, "passengers": [
                {"seats": 1, "board_m": 5, "alight_m": 2, "validated": True}]}]},
            "before getting on",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named(document: object, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        evaluate(document)


def test_a_reading_that_is_unknown_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidInput, match="every_passenger_paid"):
        evaluate({"policy": {}, "cases": []}, "generous")


def test_the_schema_describes_every_policy_and_no_misspelt_one(national: dict[str, Any]) -> None:
    schema = json.loads((resources.files("mobigo.carpool") / "policy.schema.json").read_text())
    validator = Draft202012Validator(schema)
    Draft202012Validator.check_schema(schema)
    for name, policy in national["policies"].items():
        assert not list(validator.iter_errors(policy)), name
    assert list(validator.iter_errors(policy | {"limit": []}))


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({"cases": 3}, "cases is a list of JSON objects"),
        ({"cases": [3]}, "cases is a list of JSON objects"),
        ({"incentive_cases": None}, "incentive_cases is a list"),
        ({"legal_cap": []}, "legal_cap is a JSON object"),
        ({"legal_cap": {"cases": {}}}, "cases is a list"),
        ({"local_policy": {}}, "the document cannot be read: KeyError 'policy'"),
        ({"cases": [], "policy": {"km_basis": "moon"}}, "the document cannot be read: ValueError"),
        ({"cases": [{"id": "a", "driver_run_m": None, "passengers": [7]}]}, "case 'a' cannot be read: TypeError"),
    ],
)
def test_a_file_of_another_shape_is_refused_with_the_place(document: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        evaluate(document)
