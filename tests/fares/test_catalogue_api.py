"""Fares over HTTP: read by all, written by the staff."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from tests.conftest import AppClient, new_database, serve

from mobigo.accounts.key import read_key
from mobigo.accounts.model import Role
from mobigo.accounts.token import issue
from mobigo.db.engine import libpq_conninfo, open_engine
from mobigo.fares.demonstration import publish_demonstration
from mobigo.kit.clock import Clock
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator

FARES = "/v1/fares"
VERSIONS = f"{FARES}/versions"
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)


class FareClient(AppClient):
    """A client with tokens of the staff."""

    def staff(self, role: Role = Role.FINANCE) -> dict[str, str]:
        return {"Authorization": f"Bearer {issue(self.key, 'f', role, NOW, timedelta(days=1))}"}

    key: bytes


@pytest.fixture(scope="module")
def fares(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FareClient]:
    home = tmp_path_factory.mktemp("fares")
    with new_database(test_cluster) as url:
        engine = open_engine(url)
        with psycopg.connect(libpq_conninfo(url)) as connection:
            assert publish_demonstration(connection, now=NOW, today=NOW.date()) == 1
            assert publish_demonstration(connection, now=NOW, today=NOW.date()) is None
        clock = Clock(home / "clock.json")
        clock.move(NOW, 0)
        app = create_app(engine=engine, clock=clock, home=home)
        with serve(app) as address, FareClient(base_url=address) as client:
            client.key = read_key(home)
            yield client
        engine.dispose()


def product(client: AppClient, id_: str, **params: Any) -> dict[str, Any]:  # noqa: ANN401 - query
    answer = client.get(f"{FARES}/products/{id_}", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_the_catalogue_in_force_says_that_it_is_a_demonstration(fares: FareClient) -> None:
    (found,) = fares.get(FARES).json()["catalogues"]
    assert (found["series"], found["demonstration"], found["currency"]) == ("region", True, "EUR")
    assert [one["id"] for one in found["categories"] if one["default"]] == ["adult"]
    assert [one["period"] for one in found["caps"]] == ["day", "week", "month"]
    assert {one["id"] for one in found["operators"]} >= {"region", "trains"}


def test_products_are_listed_with_their_prices(fares: FareClient) -> None:
    found = {one["id"]: one for one in fares.get(f"{FARES}/products").json()["products"]}
    assert found["coach_single"]["prices"][0] == {
        "category": None, "medium": None, "cents": 150, "by_distance": None, "since": None, "until": None,
    }  # fmt: skip
    assert found["rail_single"]["prices"][0]["by_distance"]["bands"][0]["up_to"] == 35_000
    assert [one["permille"] for one in found["rail_card"]["reductions"]] == [300, 600]
    assert "coach_after_rail" not in found
    days = fares.get(f"{FARES}/products", params={"kind": "day"}).json()["products"]
    assert [one["id"] for one in days] == ["coach_day", "region_day"]


def test_the_table_of_prices_is_csv(fares: FareClient) -> None:
    answer = fares.get(f"{FARES}/prices.csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert {row["amount"] for row in rows if row["product_id"] == "coach_single"} == {"1.50", "0.00"}
    rail = [row for row in rows if row["product_id"] == "rail_single" and not row["category"]]
    assert (rail[0]["up_to_metres"], rail[0]["amount_per_km"]) == ("35000", "0.19000")
    assert {row["demonstration"] for row in rows} == {"1"}


def test_points_of_sale_are_geojson_and_csv(fares: FareClient) -> None:
    found = fares.get(f"{FARES}/sales-points", params={"product": "coach_month"}).json()
    assert [one["id"] for one in found["features"]] == ["semur", "montbard"]
    text = fares.get(f"{FARES}/sales-points.csv").text
    assert [row["id"] for row in csv.DictReader(io.StringIO(text))] == ["semur", "montbard", "vitteaux", "drivers"]


def test_a_price_changes_by_a_new_version(fares: FareClient) -> None:
    staff = fares.staff()
    draft = fares.post(VERSIONS, json={"copy": 1, "valid_from": "2027-01-01"}, headers=staff)
    assert draft.status_code == 201, draft.text
    number = draft.json()["version"]
    document = fares.get(f"{VERSIONS}/{number}", headers=staff).json()["document"]
    next(one for one in document["products"] if one["id"] == "coach_single")["prices"][0]["cents"] = 180
    changed = fares.put(f"{VERSIONS}/{number}", params={"revision": 1}, json=document, headers=staff)
    assert changed.json()["revision"] == 2
    late = fares.put(f"{VERSIONS}/{number}", params={"revision": 1}, json=document, headers=staff)
    assert (late.status_code, late.json()["code"]) == (409, "catalogue_changed")
    done = fares.post(f"{VERSIONS}/{number}/publish", params={"revision": 2}, headers=staff)
    assert (done.status_code, done.json()["state"]) == (200, "published")
    assert product(fares, "coach_single")["prices"][0]["cents"] == 150
    assert product(fares, "coach_single", on="2027-01-01")["prices"][0]["cents"] == 180
    assert product(fares, "coach_single", version=1)["prices"][0]["cents"] == 150
    assert fares.delete(f"{VERSIONS}/{number}", headers=staff).json()["code"] == "catalogue_published"
    back = fares.post(f"{VERSIONS}/{number}/take-back", headers=staff)
    assert (back.status_code, back.json()["state"]) == (200, "draft")
    assert fares.delete(f"{VERSIONS}/{number}", headers=staff).status_code == 204
    deeds = fares.get(f"{VERSIONS}/{number}/history", headers=staff).json()["deeds"]
    assert [one["did"] for one in deeds] == ["drafted", "changed", "published", "taken_back", "deleted"]


def test_a_table_from_a_spreadsheet_changes_a_draft(fares: FareClient) -> None:
    staff = fares.staff()
    number = fares.post(VERSIONS, json={"copy": 1}, headers=staff).json()["version"]
    table = fares.get(f"{FARES}/prices.csv").text.replace("coach_single,Car", "coach_single,Autocar")
    table = table.replace(",,,,EUR,1.50", ",,,,EUR,1.90", 1)
    answer = fares.put(f"{VERSIONS}/{number}/table", params={"revision": 1}, content=table.encode(), headers=staff)
    assert (answer.status_code, answer.json()["revision"]) == (200, 2)
    document = fares.get(f"{VERSIONS}/{number}", headers=staff).json()["document"]
    assert document["products"][0]["prices"][0] == {"cents": 190}
    assert document["products"][0]["name"]["fr"] == "Car, un trajet"
    points = b"id,name,channel,lat,lon\nx,Bureau,desk,47.3,5.0\n"
    answer = fares.put(f"{VERSIONS}/{number}/table", params={"revision": 2}, content=points, headers=staff)
    assert answer.status_code == 200
    wrong = fares.put(f"{VERSIONS}/{number}/table", params={"revision": 3}, content=b"a,b\n1,2", headers=staff)
    assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid_table")
    assert fares.delete(f"{VERSIONS}/{number}", headers=staff).status_code == 204


def test_a_fault_is_told_with_its_place(fares: FareClient) -> None:
    document = {"name": {"fr": "x"}, "valid_from": "2027-01-01", "currency": "euro"}
    answer = fares.post(VERSIONS, json={"document": document}, headers=fares.staff())
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_catalogue")
    assert answer.json()["findings"] == ["currency: 'euro' is no code of ISO 4217, as EUR"]


@pytest.mark.parametrize("role", [None, Role.TRAVELLER, Role.DRIVER, Role.DESK, Role.AUDITOR])
def test_only_finance_writes(fares: FareClient, role: Role | None) -> None:
    headers = {} if role is None else fares.staff(role)
    answer = fares.post(VERSIONS, json={"copy": 1}, headers=headers)
    assert answer.status_code == (401 if role is None else 403)


def test_drafts_are_not_for_all(fares: FareClient) -> None:
    number = fares.post(VERSIONS, json={"copy": 1}, headers=fares.staff()).json()["version"]
    assert fares.get(f"{VERSIONS}/{number}").status_code == 401
    answer = fares.get(f"{FARES}/products/coach_single", params={"version": number})
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_catalogue")


def test_what_is_not_there_is_said(fares: FareClient) -> None:
    assert fares.get(f"{FARES}/products/boat").json()["code"] == "unknown_product"
    assert fares.get(f"{FARES}/products", params={"series": "nowhere"}).json()["code"] == "unknown_catalogue"
    assert fares.get(f"{FARES}/products", params={"on": "2019-12-31"}).json()["code"] == "unknown_catalogue"
