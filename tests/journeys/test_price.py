"""Prices of journeys that are planned: over HTTP, in the terminal, on the page."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest
from click.testing import CliRunner
from tests.conftest import new_database, serve
from tests.journeys.conftest import _make_valley, at

from mobigo.cli.plan import plan
from mobigo.db.engine import libpq_conninfo, open_engine
from mobigo.fares import service
from mobigo.kit.clock import Clock
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.journeys.conftest import Valley

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
CATALOGUE: dict[str, Any] = {
    "name": {"fr": "Val"},
    "valid_from": "2026-01-01",
    "demonstration": True,
    "networks": [{"id": "bus", "sources": ["val"]}],
    "categories": [
        {"id": "adult", "name": {"fr": "Plein tarif"}, "default": True},
        {"id": "youth", "name": {"fr": "Jeune"}},
    ],
    "products": [
        {
            "id": "single",
            "name": {"fr": "Un trajet", "en": "One trip"},
            "kind": "single",
            "prices": [{"cents": 150}, {"cents": 80, "category": "youth"}],
        },
        {
            "id": "month",
            "name": {"fr": "Un mois", "en": "One month"},
            "kind": "month",
            "prices": [{"cents": 4000}],
            "validity": {"mode": "fixed", "unit": "month"},
            "covers": {"networks": ["bus"]},
            "with_journey": False,
        },
    ],
    "tariffs": [{"id": "val", "timezone": "Europe/Paris", "legs": [{"product": "single", "network": "bus"}]}],
}


@pytest.fixture(scope="module")
def priced(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valley]:
    """A valley where something is sold."""
    with new_database(test_cluster) as url:
        made = _make_valley(url, tmp_path_factory.mktemp("priced"))
        with psycopg.connect(libpq_conninfo(url)) as connection:
            drafted = service.draft(connection, CATALOGUE, series="region", origin="test", by="t", now=NOW)
            service.publish(connection, drafted.number, seen=None, by="t", now=NOW, today=date(2026, 1, 1))
        yield made


@pytest.fixture(scope="module")
def served(priced: Valley) -> Iterator[httpx.Client]:
    engine = open_engine(priced.url)
    app = create_app(engine=engine, clock=Clock(), home=priced.home)
    with serve(app) as address, httpx.Client(base_url=address, timeout=120) as client:
        yield client
    engine.dispose()


QUESTION = {"from": at(300), "to": at(9700), "at": "2026-11-23T11:30"}


def ask(served: httpx.Client, **more: str | int | list[str]) -> dict[str, Any]:
    answer = served.get("/v1/journeys", params={**QUESTION, **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_every_journey_of_an_answer_has_a_price_that_explains_itself(served: httpx.Client) -> None:
    found = ask(served)["journeys"]
    rides = [one for one in found if one["legs"][0]["trip_id"] or len(one["legs"]) > 1]
    assert rides
    for one in rides:
        price = one["price"]
        assert (price["cents"], price["currency"], price["complete"], price["demonstration"]) == (
            150,
            "EUR",
            True,
            True,
        )
        item = price["items"][0]
        assert [one["legs"][n]["mode"] for n in item["legs"]] == ["bus"] * len(item["legs"])
        assert item["why"][0]["text"] == {"fr": "Un trajet.", "en": "One trip."}


def test_who_stays_seated_pays_once(served: httpx.Client) -> None:
    one = next(one for one in ask(served)["journeys"] if any(leg["stay_seated"] for leg in one["legs"]))
    assert one["price"]["cents"] == 150
    assert len(one["price"]["items"][0]["legs"]) == 2


@pytest.mark.parametrize(
    ("travellers", "cents"),
    [(["youth"], 80), (["adult", "youth"], 230), (["adult+month"], 0), (["adult+month", "adult"], 150)],
)
def test_the_price_is_that_of_those_who_travel(served: httpx.Client, travellers: list[str], cents: int) -> None:
    assert {one["price"]["cents"] for one in ask(served, travellers=travellers)["journeys"] if one["price"]} == {cents}


@pytest.mark.parametrize(
    ("traveller", "status", "code"), [("nobody", 400, "unknown_category"), ("adult+nothing", 404, "unknown_product")]
)
def test_who_is_not_of_the_catalogue_is_told_what_is(
    served: httpx.Client, traveller: str, status: int, code: str
) -> None:
    answer = served.get("/v1/journeys", params={**QUESTION, "travellers": traveller})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_journeys_that_are_only_named_have_a_price_too(served: httpx.Client) -> None:
    found = ask(served, max_journeys=1, window_minutes=1440)
    assert {one["cents"] for one in found["more"]} == {150}


def test_the_terminal_says_prices(priced: Valley, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOBIGO_HOME", str(priced.home))
    monkeypatch.setenv("MOBIGO_DATABASE_URL", priced.url)
    asked = ["--from", QUESTION["from"], "--to", QUESTION["to"], "--at", QUESTION["at"]]
    found = CliRunner().invoke(plan, asked)
    assert "€1.50  One trip." in found.output
    as_json = json.loads(CliRunner().invoke(plan, [*asked, "--travellers", "youth", "--json"]).output)
    assert as_json["journeys"][0]["price"]["cents"] == 80


def test_the_page_says_prices(served: httpx.Client) -> None:
    page = served.get(
        "/", params={"from": QUESTION["from"], "to": QUESTION["to"], "date": "2026-11-23", "time": "11:30"},
        headers={"accept-language": "fr"},
    ).text  # fmt: skip
    assert "1,50\u00a0€" in page
    assert "Prix de démonstration." in page


RIDE = {
    "route": "val:L",
    "board": "val:amont",
    "alight": "val:aval",
    "departure": "2026-11-23T08:00:00+01:00",
    "arrival": "2026-11-23T08:15:00+01:00",
}


def test_rides_are_priced_without_a_journey(served: httpx.Client) -> None:
    asked = {"rides": [RIDE], "travellers": [{"category": "adult"}, {"category": "youth"}]}
    found = served.post("/v1/fares/price", json=asked).json()
    assert found["cents"] == 230
    assert [(item["travellers"], item["legs"], item["cents"]) for item in found["items"]] == [
        (["1"], [0], 150),
        (["2"], [0], 80),
    ]


@pytest.mark.parametrize(("until", "cents"), [("2026-11-23T08:00:00+01:00", 150), ("2026-11-23T08:00:01+01:00", 0)])
def test_what_is_held_counts_as_long_as_it_is_valid(served: httpx.Client, until: str, cents: int) -> None:
    held = {"product": "month", "id": "mine", "valid_from": "2026-11-01T00:00:00+01:00", "valid_until": until}
    asked = {"rides": [RIDE], "travellers": [{"held": [held]}]}
    found = served.post("/v1/fares/price", json=asked).json()
    assert found["cents"] == cents
    assert found["items"][0]["held"] == (None if cents else "mine")


def test_a_journey_is_priced_by_its_id(served: httpx.Client) -> None:
    one = ask(served)["journeys"][0]
    found = served.post("/v1/fares/price", json={"journey": one["id"]}).json()
    assert found == one["price"]


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({}, 400, "nothing_to_price"),
        ({"rides": [RIDE], "journey": "x"}, 400, "nothing_to_price"),
        ({"rides": [RIDE | {"board": "val:nowhere"}]}, 404, "unknown_stop"),
        ({"rides": [RIDE], "travellers": [{"category": "nobody"}]}, 400, "unknown_category"),
        ({"rides": [RIDE], "travellers": [{"held": [{"product": "nothing"}]}]}, 404, "unknown_product"),
        ({"rides": [RIDE | {"departure": "2026-11-23T09:00:00+01:00"}]}, 400, "nothing_to_price"),
        ({"rides": [RIDE], "travellers": []}, 422, "validation_failed"),
    ],
)
def test_what_cannot_be_priced_is_said(served: httpx.Client, asked: dict[str, Any], status: int, code: str) -> None:
    answer = served.post("/v1/fares/price", json=asked)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_rides_that_nobody_sells_are_named(served: httpx.Client) -> None:
    asked = {"rides": [RIDE, RIDE | {"route": "other:1"}]}
    found = served.post("/v1/fares/price", json=asked).json()
    assert (found["cents"], found["complete"], found["unknown_legs"]) == (150, False, [1])
