"""Pages of fares: read by everybody, versions changed by the staff with what that changes for whom."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest
from tests.conftest import AppClient, new_database, serve
from tests.fares.test_gtfs import archive
from tests.fares.test_preview import COACHES

from mobigo.accounts.key import read_key
from mobigo.accounts.model import Role
from mobigo.accounts.token import issue
from mobigo.db.engine import libpq_conninfo, open_engine
from mobigo.fares.demonstration import publish_demonstration
from mobigo.kit.clock import Clock
from mobigo.transit.load import load_gtfs
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
STAFF = "/staff/fares"


class Visitor(AppClient):
    """Somebody with a browser."""

    key: bytes

    def enter(self, role: Role) -> None:
        """Sign in."""
        self.cookies.clear()
        token = issue(self.key, "f", role, NOW, timedelta(days=1))
        assert self.post("/sign-in", data={"token": token}).status_code == 303


@pytest.fixture(scope="module")
def town(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    home = tmp_path_factory.mktemp("fares")
    with new_database(test_cluster) as url:
        load_gtfs(archive(home, **COACHES), "demonstration", url, now=NOW)
        with psycopg.connect(libpq_conninfo(url)) as connection:
            publish_demonstration(connection, now=NOW, today=NOW.date())
        engine = open_engine(url)
        clock = Clock(home / "clock.json")
        clock.move(NOW, 0)
        with (
            serve(create_app(engine=engine, clock=clock, home=home)) as address,
            Visitor(base_url=address, timeout=120) as visitor,
        ):
            visitor.key = read_key(home)
            yield visitor
        engine.dispose()


@pytest.fixture
def visitor(town: Visitor) -> Visitor:
    town.cookies.clear()
    return town


def test_everybody_reads_what_is_sold_in_their_language(visitor: Visitor) -> None:
    page = visitor.get("/fares").text
    assert "Tarifs de démonstration : personne ne les perçoit." in page
    assert "Car, un trajet" in page
    assert "1,50\u00a0€" in page
    assert "10&nbsp;km&nbsp;: 2,70\u00a0€" in page
    assert "Remboursé et échangé sans frais jusqu&#39;au départ." in page
    english = visitor.get("/fares", params={"lang": "en", "category": "youth"}).text
    assert "€2.00" in english
    assert "Proof: an identity paper." in english
    assert "10 trips, 1 year from the day chosen" in english
    assert "<strong>Under 26 years</strong>: \u221250&nbsp;%" in english
    assert "Under 26 years" not in visitor.get("/fares", params={"lang": "en"}).text
    assert visitor.get("/fares", params={"series": "nowhere"}).status_code == 404
    assert visitor.get("/fares", params={"category": "<script>"}).status_code == 200


def test_only_staff_sees_versions_and_only_finance_changes_them(visitor: Visitor) -> None:
    assert visitor.get(STAFF).headers["location"].startswith("/sign-in")
    visitor.enter(Role.DRIVER)
    assert visitor.get(STAFF).status_code == 403
    visitor.enter(Role.DESK)
    page = visitor.get(f"{STAFF}/1").text
    assert '<form class="inline"' not in page
    assert visitor.post(STAFF, data={"copy": "1", "valid_from": "2027-01-01"}).status_code == 403
    assert visitor.get(f"{STAFF}/99").status_code == 404


def test_a_price_is_changed_tried_published_and_taken_back(visitor: Visitor) -> None:
    visitor.enter(Role.FINANCE)
    made = visitor.post(STAFF, data={"copy": "1", "valid_from": "2027-01-01"})
    here = made.headers["location"]
    assert re.fullmatch(rf"{STAFF}/\d+", here)
    assert "Rien ne change." in visitor.get(here).text
    wrong = visitor.post(f"{here}/prices", data={"product": "coach_single", "revision": "1", "price.0": "1,805"})
    assert (wrong.status_code, "is no amount in EUR" in wrong.text) == (409, True)
    done = visitor.post(f"{here}/prices", data={"product": "coach_single", "revision": "1", "price.0": "1,80"})
    assert (done.status_code, done.headers["location"]) == (303, here)
    late = visitor.post(f"{here}/prices", data={"product": "coach_single", "revision": "1", "price.0": "2"})
    assert "at revision 2, not at 1" in late.text
    page = visitor.get(here, params={"lang": "en"}).text
    assert "What changes against version 1" in page
    assert "€1.80" in page
    assert "1: A - B; 2: B - P1" in page
    assert visitor.post(f"{here}/publish", data={"revision": "2"}).status_code == 303
    assert "1,50\u00a0€" in visitor.get("/fares").text
    assert visitor.post(f"{here}/delete").status_code == 409
    assert visitor.post(f"{here}/take-back").status_code == 303
    assert visitor.post(f"{here}/delete").headers["location"] == STAFF
    assert f'href="{here}"' not in visitor.get(STAFF).text


def test_another_site_cannot_make_a_browser_publish(visitor: Visitor) -> None:
    visitor.enter(Role.FINANCE)
    answer = visitor.post(f"{STAFF}/1/take-back", headers={"Origin": "https://elsewhere.example"})
    assert answer.status_code == 403
