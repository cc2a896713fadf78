"""Places and stops over HTTP."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import httpx
    from tests.conftest import AppClient
    from tests.town import Town

PROBLEM = "application/problem+json"


def get(town: Town, path: str, **query: str | float | list[str]) -> dict[str, Any]:
    answer = town.http.get(path, params=query or None)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def follow(http: httpx.Client, url: str) -> list[list[str]]:
    """Ids of every page, by the Link header as a client would."""
    pages = []
    while True:
        answer = http.get(url)
        assert answer.status_code == 200
        pages.append([stop["id"] for stop in answer.json()["stops"]])
        link = re.fullmatch(r'<(.+)>; rel="next"', answer.headers.get("Link", ""))
        assert bool(link) == bool(answer.json()["next_cursor"])
        if not link:
            return pages
        url = link[1]


def test_places_answer_by_kind(town: Town) -> None:
    (place, *_) = get(town, "/v1/places", q="SEMUR EN AUXOIS", kind=["commune", "stop"])["places"]
    assert place["id"] == "commune/n1"
    assert place["kind"] == "commune"
    assert place["name"] == "Semur-en-Auxois"
    assert (place["lat"], place["lon"]) == (47.4906, 4.3347)
    assert "bus:lib/a" in place["stop_ids"]


def test_stops_by_name_are_stations(town: Town) -> None:
    stops = get(town, "/v1/stops", q="gare")["stops"]
    assert [stop["id"] for stop in stops] == ["bus:gare", "bus:montbard"]
    assert stops[0]["commune"] == "Semur-en-Auxois"
    assert sorted(stops[0]["stop_ids"]) == ["bus:gare:1", "bus:gare:2"]


def test_stops_nearest_first_within_a_radius(town: Town) -> None:
    stops = get(town, "/v1/stops", near="47.4911,4.3341", radius=1000)["stops"]
    assert [stop["id"] for stop in stops] == ["bus:lib/a", "bus:gare"]
    assert stops[0]["metres"] < 20
    assert 650 < stops[1]["metres"] < 800


def test_stops_in_a_rectangle(town: Town) -> None:
    stops = get(town, "/v1/stops", bbox="4.1,47.5,4.2,47.6")["stops"]
    assert {stop["name"] for stop in stops} == {"Époisses \u2013 Mairie", "Rue de l\u2019Œuvre"}


def test_a_rectangle_may_cross_the_180th_meridian(town: Town) -> None:
    assert get(town, "/v1/stops", bbox="170,40,-170,50")["stops"] == []
    assert len(get(town, "/v1/stops", bbox="4.32,40,-170,50")["stops"]) == 4


@pytest.mark.parametrize("query", ["", "near=47.49,4.33&", "q=e&", "q=se&near=47.49,4.33&", "bbox=4,47,5,48&"])
@pytest.mark.parametrize("limit", [1, 2, 5, 100])
def test_pages_neither_repeat_nor_skip(town: Town, query: str, limit: int) -> None:
    pages = follow(town.http, f"/v1/stops?{query}limit={limit}")
    whole = get(town, f"/v1/stops?{query}")["stops"]
    assert [id_ for page in pages for id_ in page] == [stop["id"] for stop in whole]
    assert all(len(page) == limit for page in pages[:-1])


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("/v1/places", 422, "validation_failed"),
        ("/v1/places?q=", 422, "validation_failed"),
        ("/v1/places?q=x&limit=0", 422, "validation_failed"),
        ("/v1/places?q=x&kind=planet", 422, "validation_failed"),
        ("/v1/places?q=x&near=100,4", 400, "invalid_input"),
        ("/v1/stops?near=", 400, "invalid_input"),
        ("/v1/stops?near=1e1,2", 400, "invalid_input"),
        ("/v1/stops?near=here", 400, "invalid_input"),
        ("/v1/stops?near=47,4&radius=nan", 422, "validation_failed"),
        ("/v1/stops?bbox=1,2,3", 400, "invalid_input"),
        ("/v1/stops?bbox=4,47,181,48", 400, "invalid_input"),
        ("/v1/stops?bbox=nan,nan,nan,nan", 400, "invalid_input"),
        ("/v1/stops?cursor=rubbish", 422, "validation_failed"),
    ],
)
def test_wrong_requests_are_problems(town: Town, query: str, status: int, code: str) -> None:
    answer = town.http.get(query)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == PROBLEM
    assert answer.json()["code"] == code


@pytest.mark.parametrize("text", ["'; DROP TABLE mobigo.place; --", "' OR 1=1 --", "%_\\", "\0"])
def test_sql_in_a_question_is_a_question(town: Town, text: str) -> None:
    get(town, "/v1/places", q=text)
    assert get(town, "/v1/stops", q=text)["stops"] == []
    assert get(town, "/v1/stops")["stops"]


def test_an_empty_database_has_empty_lists(client: AppClient) -> None:
    assert client.get("/v1/places", params={"q": "dijon"}).json() == {"places": []}
    assert client.get("/v1/stops").json() == {"stops": [], "next_cursor": None}
    assert client.get("/v1/stops", params={"q": "dijon"}).json() == {"stops": [], "next_cursor": None}
