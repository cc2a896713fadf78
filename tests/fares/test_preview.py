"""What changes for whom, before a version is published."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from tests.conftest import AppClient, new_database, serve
from tests.fares.test_gtfs import BASE, archive

from mobigo.accounts.key import read_key
from mobigo.accounts.model import Role
from mobigo.accounts.token import issue
from mobigo.db.engine import libpq_conninfo, open_engine
from mobigo.fares.demonstration import publish_demonstration
from mobigo.fares.samples import list_samples
from mobigo.kit.clock import Clock
from mobigo.transit.load import load_gtfs
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator

FARES = "/v1/fares"
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
COACHES = {name: BASE[name].replace("\nA,", "\nauxois,").replace(",A,", ",auxois,") for name in ("agency", "routes")}
OWN = {"fare_products": "fare_product_id,amount,currency\none,2,EUR", "fare_leg_rules": "fare_product_id\none"}


@pytest.fixture(scope="module")
def town(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[AppClient, str]]:
    """Two coach lines that meet, with the demonstration's prices."""
    home = tmp_path_factory.mktemp("fares")
    with new_database(test_cluster) as url:
        load_gtfs(archive(home, **COACHES, **OWN), "demonstration", url, now=NOW)
        with psycopg.connect(libpq_conninfo(url)) as connection:
            publish_demonstration(connection, now=NOW, today=NOW.date())
        engine = open_engine(url)
        clock = Clock(home / "clock.json")
        clock.move(NOW, 0)
        app = create_app(engine=engine, clock=clock, home=home)
        token = issue(read_key(home), "f", Role.FINANCE, NOW, timedelta(days=1))
        with (
            serve(app) as address,
            AppClient(base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=120) as client,
        ):
            yield client, url
        engine.dispose()


def draft(client: AppClient, change: Any) -> dict[str, Any]:  # noqa: ANN401 - a function of a document
    made = client.post(f"{FARES}/versions", json={"copy": 1, "valid_from": "2027-01-01"}).json()["version"]
    document = client.get(f"{FARES}/versions/{made}").json()["document"]
    change(document)
    answer = client.put(f"{FARES}/versions/{made}", params={"revision": 1}, json=document)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = client.get(f"{FARES}/versions/{made}/preview").json()
    return found


def test_samples_are_rides_and_changes_of_the_loaded_lines(town: tuple[AppClient, str]) -> None:
    with psycopg.connect(libpq_conninfo(town[1])) as connection:
        found = list_samples(connection, NOW.date())
        assert len(list_samples(connection, NOW.date(), most=2)) == 2
    assert [one.name for one in found] == ["1: A - B", "2: B - P1", "1: A - B; 2: B - P1"]
    (first, second) = found[-1].rides
    assert (first.agency, first.board, second.alight) == ("demonstration:auxois", "demonstration:a", "demonstration:p1")
    assert second.departure - first.arrival == timedelta(minutes=10)
    assert second.stations == (None, "demonstration:s")
    assert 13_000 < first.metres < 14_000


def test_a_copy_changes_nothing(town: tuple[AppClient, str]) -> None:
    found = draft(town[0], lambda _: None)
    assert (found["instead_of"], found["products"], found["parts"], found["journeys"]) == (1, [], [], [])
    assert found["effects"]["adult"] == {"same": 3}


def test_a_dearer_single_is_dearer_for_those_who_pay_it(town: tuple[AppClient, str]) -> None:
    def change(document: dict[str, Any]) -> None:
        coach = next(one for one in document["products"] if one["id"] == "coach_single")
        coach["prices"][0]["cents"] = 180

    found = draft(town[0], change)
    (product,) = found["products"]
    assert (product["product"], product["change"], product["what"]) == ("coach_single", "changed", [])
    raised = {(one["category"], one["before"], one["after"]) for one in product["prices"]}
    assert raised == {("adult", 150, 180), ("youth", 150, 180), ("solidarity", 150, 180)}
    assert found["effects"]["adult"] == {"dearer": 3}
    assert found["effects"]["child"] == {"same": 3}
    assert {one["before"] for one in found["journeys"]} == {150}  # one changes within two hours free of charge


def test_rules_that_go_are_named_with_what_they_cost(town: tuple[AppClient, str]) -> None:
    def change(document: dict[str, Any]) -> None:
        document["tariffs"][0]["transfers"] = document["tariffs"][0]["transfers"][1:]
        document["products"] = [one for one in document["products"] if one["id"] != "coach_day_group"]

    found = draft(town[0], change)
    assert [(one["product"], one["change"]) for one in found["products"]] == [("coach_day_group", "removed")]
    (part,) = found["parts"]
    assert part["part"] == "demonstration.transfers"
    assert part["removed"][0].startswith("kind from_and_rule, from_group coach, to_group coach, count 1, seconds 7200")
    (journey,) = [one for one in found["journeys"] if one["category"] == "adult"]
    assert (journey["name"], journey["before"], journey["after"]) == ("1: A - B; 2: B - P1", 150, 300)


def test_what_has_no_price_any_more_comes_first(town: tuple[AppClient, str]) -> None:
    def change(document: dict[str, Any]) -> None:
        document["networks"][0]["agencies"] = []

    found = draft(town[0], change)
    assert found["effects"]["adult"] == {"lost": 3}
    assert found["parts"][0]["changed"] == ["coach"]
    assert found["journeys"][0]["after"] is None


def test_fares_of_a_loaded_feed_become_a_draft(town: tuple[AppClient, str]) -> None:
    client, _ = town
    answer = client.post(f"{FARES}/imports", json={"feed": "demonstration", "series": "region"})
    assert answer.status_code == 201, answer.text
    made = answer.json()["version"]
    assert (made["state"], made["series"], made["origin"]) == ("draft", "region", "fares of feed demonstration")
    missing = client.post(f"{FARES}/imports", json={"feed": "nowhere"})
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_feed")


def test_fares_are_taken_away_as_gtfs(town: tuple[AppClient, str]) -> None:
    answer = town[0].get(f"{FARES}/gtfs.zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as made:
        rows = list(csv.DictReader(io.StringIO(made.read("fare_leg_rules.txt").decode())))
    assert [row["fare_product_id"] for row in rows] == ["coach_single"]
