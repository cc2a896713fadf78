"""A place in a car, from the planner to the booking, over HTTP on real streets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests.carpool.served import serving
from tests.conftest import new_database
from tests.journeys.conftest import _make_valley, at
from tests.street_text import lonlat

from mobigo.db.engine import open_engine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.carpool.served import Served


@pytest.fixture(scope="module")
def town(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with new_database(test_cluster) as url:
        valley = _make_valley(url, tmp_path_factory.mktemp("valley"))
        engine = open_engine(url)
        with serving(engine, valley.home) as one:
            yield one
        engine.dispose()


@pytest.fixture
def served(town: Served) -> Served:
    town.reset()
    town.know("dora", "paul", "rita")
    return town


def place(x: float, y: float = 0) -> dict[str, Any]:
    lon, lat = lonlat(x, y)
    return {"name": f"km {x / 1000:g}", "lat": lat, "lon": lon}


def offer(served: Served, user: str, hour: str, *xs: float) -> dict[str, Any]:
    body = {"departs_at": f"2026-11-23T{hour}:00+01:00", "seats": 1, "places": [place(x) for x in xs]}
    status, answer = served.say(user, "POST", "/runs", body)
    assert status == 201, answer
    found: dict[str, Any] = answer
    return found


def plan(served: Served, origin: str, destination: str, when: str, **asked: object) -> list[dict[str, Any]]:
    query = {"from": origin, "to": destination, "at": f"2026-11-23T{when}", "budget_ms": 10_000, **asked}
    answer = httpx.get(f"{served.address}/v1/journeys", params={k: str(v) for k, v in query.items()}, timeout=120)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["journeys"]
    return found


def carpool_legs(journeys: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [leg for one in journeys for leg in one["legs"] if leg["mode"] == "carpool"]


def test_what_the_planner_offers_is_booked_and_then_offered_no_more(served: Served) -> None:
    run = offer(served, "dora", "09:00", 0, 10_000)
    (leg,) = carpool_legs(plan(served, at(200), at(9_900), "08:45"))
    assert leg["booking"]["trip_id"] == run["id"]
    assert leg["co2"] > 0
    assert len(leg["geometry"]["coordinates"]) > 2  # along the streets
    status, booking = served.say("paul", "POST", "/bookings", {"quote": leg["booking"]["quote"]})
    assert status == 201, booking
    assert (booking["state"], booking["price_cents"]) == ("CONFIRMED", 150)
    assert carpool_legs(plan(served, at(200), at(9_900), "08:45")) == []
    status, problem = served.say("rita", "POST", "/bookings", {"quote": leg["booking"]["quote"]})
    assert (status, problem["code"]) == (409, "places_gone")


def test_the_search_on_streets_finds_junctions_within_a_walk(served: Served) -> None:
    run = offer(served, "dora", "09:00", 1_000, 9_000)
    query = {"from": at(400), "to": at(9_600), "at": "2026-11-23T08:30", "max_walk_minutes": "15"}
    answer = httpx.get(f"{served.address}/v1/carpool/search", params=query, timeout=120).json()
    (found,) = answer["offers"]
    assert found["run_id"] == run["id"]
    assert found["metres"] >= 8_000


def test_the_page_shows_a_place_in_a_car_in_both_languages(served: Served) -> None:
    offer(served, "dora", "09:00", 0, 10_000)
    for language, word in (("fr", "Place confirmée aussitôt"), ("en", "Your place is confirmed at once")):
        query = {"from": at(200), "to": at(9_900), "date": "2026-11-23", "time": "08:45", "lang": language}
        page = httpx.get(f"{served.address}/", params=query, timeout=120).text
        assert word in page
        assert "1,50" in page or "1.50" in page


def test_the_page_leaves_cars_out_where_they_are_not_ticked(served: Served) -> None:
    offer(served, "dora", "09:00", 0, 10_000)
    query = [("from", at(200)), ("to", at(9_900)), ("date", "2026-11-23"), ("time", "08:45"), ("lang", "en")]
    page = httpx.get(f"{served.address}/", params=[*query, ("ride", "bus"), ("ride", "rail")], timeout=120).text
    assert "Your place is confirmed at once" not in page
