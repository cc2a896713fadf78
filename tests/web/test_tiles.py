"""The map's tiles: cut out of what is loaded, kept as long as it is."""

from __future__ import annotations

import gzip
from math import asinh, floor, pi, radians, tan
from typing import TYPE_CHECKING

import pytest

from mobigo.web.store import FIRST_ZOOM, LAST_ZOOM
from mobigo.web.tiles import Kept

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


@pytest.mark.parametrize("layer", ["base", "stops"])
@pytest.mark.parametrize("zoom", [11, 14])
def test_a_tile_of_the_version_in_service_is_kept_for_ever_any_other_is_asked_again(
    site: Site, http: Client, layer: str, zoom: int
) -> None:
    address = site.address + http.get(f"{site.address}/tiles/ground.json").json()[layer]
    z, x, y = tile_of(zoom, *SEMUR).split("/")
    path = address.format(z=z, x=x, y=y)
    answers = [http.get(path) for _ in range(2)]
    assert all("immutable" in answer.headers["cache-control"] for answer in answers)
    assert answers[0].content == answers[1].content != b""
    other = http.get(f"{path}9")
    assert other.headers["cache-control"] == "public, max-age=300"
    assert other.content == answers[0].content
    again = http.get(path, headers={"if-none-match": answers[0].headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_kept_tiles_are_cut_once_and_the_oldest_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mobigo.web.tiles.KEPT_BYTES", 2 * len(gzip.compress(b"tile 1", 5)))
    kept, cuts = Kept(), []

    def ask(n: int) -> bytes:
        def cut() -> bytes:
            cuts.append(n)
            return b"tile %d" % n

        return gzip.decompress(kept.get(("base", "1", 5, n, 0), cut))

    assert [ask(n) for n in (1, 2, 1, 3, 1, 2)] == [b"tile 1", b"tile 2", b"tile 1", b"tile 3", b"tile 1", b"tile 2"]
    assert cuts == [1, 2, 3, 2]


@pytest.mark.parametrize(
    ("path", "status"),
    [("base/2/4/0.mvt", 400), ("base/30/0/0.mvt", 422), ("base/a/0/0.mvt", 422), ("x/1/0/0.mvt", 404)],
)
def test_a_tile_that_cannot_be_is_a_problem_document(client: AppClient, path: str, status: int) -> None:
    answer = client.get(f"/tiles/{path}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
