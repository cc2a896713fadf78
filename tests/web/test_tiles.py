"""The map's tiles: cut out of what is loaded, kept as long as it is."""

from __future__ import annotations

import gzip
from math import asinh, floor, pi, radians, tan
from typing import TYPE_CHECKING

import pytest

from mobigo.web.store import FIRST_ZOOM, LAST_ZOOM

if TYPE_CHECKING:
    from httpx import Client
    from tests.conftest import AppClient
    from tests.web.conftest import Site

SEMUR = (4.3347, 47.4906)


def tile_of(z: int, lon: float, lat: float) -> str:
    x = floor((lon + 180) / 360 * 2**z)
    y = floor((1 - asinh(tan(radians(lat))) / pi) / 2 * 2**z)
    return f"{z}/{x}/{y}"


def test_the_ground_says_what_to_ask_for_and_where_to_look(site: Site, http: Client) -> None:
    ground = http.get(f"{site.address}/tiles/ground.json").json()
    west, south, east, north = ground["bounds"]
    assert west < SEMUR[0] < east
    assert south < SEMUR[1] < north
    assert ground["base"].startswith("/tiles/base/")
    assert "?v=" in ground["base"]
    assert ground["attribution"] == "© OpenStreetMap contributors"


def test_a_town_has_streets_with_names_and_a_name(site: Site, http: Client) -> None:
    tile = http.get(f"{site.address}/tiles/base/{tile_of(14, *SEMUR)}.mvt").content
    for word in ("street", "area", "place", "Semur-en-Auxois"):
        assert word.encode() in tile


def test_a_town_has_stops_and_lines(site: Site, http: Client) -> None:
    tile = http.get(f"{site.address}/tiles/stops/{tile_of(14, *SEMUR)}.mvt").content
    for word in ("route", "stop", "Semur"):
        assert word.encode() in tile


@pytest.mark.parametrize("zoom", range(FIRST_ZOOM, LAST_ZOOM + 1))
def test_every_zoom_has_a_ground_of_bearable_weight(site: Site, http: Client, zoom: int) -> None:
    answer = http.get(f"{site.address}/tiles/base/{tile_of(zoom, *SEMUR)}.mvt")
    assert answer.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    assert 0 < len(gzip.compress(answer.content)) < 300_000


def test_where_nothing_is_the_tile_is_empty_and_no_error(site: Site, http: Client) -> None:
    answer = http.get(f"{site.address}/tiles/base/{tile_of(12, -30.0, 45.0)}.mvt")
    assert (answer.status_code, answer.content) == (200, b"")


def test_an_empty_database_has_a_map_too(client: AppClient) -> None:
    assert client.get("/tiles/ground.json").json()["bounds"] is None
    assert client.get("/tiles/base/5/16/11.mvt").content == b""
    assert client.get("/tiles/stops/12/2097/1431.mvt").content == b""


def test_a_tile_is_kept_for_ever_with_its_version_and_else_asked_again(site: Site, http: Client) -> None:
    path = f"{site.address}/tiles/base/{tile_of(12, *SEMUR)}.mvt"
    assert "immutable" in http.get(f"{path}?v=1").headers["cache-control"]
    answer = http.get(path)
    assert answer.headers["cache-control"] == "public, max-age=300"
    again = http.get(path, headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("path", "status"),
    [("base/2/4/0.mvt", 400), ("base/30/0/0.mvt", 422), ("base/a/0/0.mvt", 422), ("x/1/0/0.mvt", 404)],
)
def test_a_tile_that_cannot_be_is_a_problem_document(client: AppClient, path: str, status: int) -> None:
    answer = client.get(f"/tiles/{path}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
