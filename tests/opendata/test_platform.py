"""The platform over HTTP: permanent addresses, tags, ranges, HEAD; the last good version stays online."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from mobigo.opendata.making import Publisher
from mobigo.opendata.service import Outcome, Press
from mobigo.transit.load import load_gtfs

if TYPE_CHECKING:
    from tests.conftest import AppClient

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DEMONSTRATION = Path(__file__).parents[2] / "gtfs/demonstration"


@pytest.fixture
def platform(client: AppClient, database_url: str, home: Path) -> AppClient:
    load_gtfs(DEMONSTRATION, "demonstration", database_url, now=NOW)
    done = Press(database_url, home, Publisher("La Région", "https://region.example"), NOW).publish(
        ["timetables-demonstration"]
    )
    assert {one.outcome for one in done} == {Outcome.PUBLISHED}, done
    return client


URL = "/opendata/timetables-demonstration/gtfs.zip"


def test_a_file_is_served_with_tags_ranges_and_head(platform: AppClient) -> None:
    whole = platform.get(URL)
    assert whole.status_code == 200
    assert whole.headers["access-control-allow-origin"] == "*"
    tag, body = whole.headers["etag"], whole.content
    head = platform.head(URL)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("etag", "last-modified", "content-length", "content-type", "accept-ranges"):
        assert head.headers[name] == whole.headers[name], name
    for said in (tag, f'"other", W/{tag}', "*"):
        known = platform.get(URL, headers={"If-None-Match": said})
        assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", tag)
    assert platform.get(URL, headers={"If-None-Match": '"other"'}).status_code == 200
    assert platform.get(URL, headers={"If-Modified-Since": whole.headers["last-modified"]}).status_code == 304
    assert platform.get(URL, headers={"If-Modified-Since": "yesterday"}).status_code == 200
    part = platform.get(URL, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, body[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(body)}"
    for nothing in (f"bytes={len(body)}-", "bytes=5-2", "bytes=-0"):
        refused = platform.get(URL, headers={"Range": nothing})
        assert (refused.status_code, refused.headers["content-range"]) == (416, f"bytes */{len(body)}")
        assert refused.headers["access-control-allow-origin"] == "*"
    assert platform.get(URL, headers={"Range": "bytes=-5", "If-Range": tag}).content == body[-5:]
    assert platform.get(URL, headers={"Range": "bytes=0-4", "If-Range": '"old"'}).content == body
    for other in ("items=0-5", "bytes=abc", "bytes=", "bytes=-"):
        passed_over = platform.get(URL, headers={"Range": other})
        assert (passed_over.status_code, passed_over.content) == (200, body), other
    assert platform.get(URL, headers={"Range": "bytes=0-1, 5-6"}).status_code == 206


def test_news_are_asked_for_again_at_no_cost(platform: AppClient) -> None:
    news = platform.get("/opendata/atom.xml")
    assert news.headers["access-control-allow-origin"] == "*"
    known = platform.get("/opendata/atom.xml", headers={"If-None-Match": news.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "datasets.json",
        "quality.json",
        *(f"timetables-demonstration/{one}" for one in ("versions.json", "quality.json", "diff/1/1")),
    ],
)
def test_lists_are_asked_for_again_at_no_cost(platform: AppClient, path: str) -> None:
    url = f"/opendata/{path}"
    told = platform.get(url)
    assert (told.status_code, told.headers["content-type"]) == (200, "application/json")
    assert told.json()
    tag = told.headers["etag"]
    known = platform.get(url, headers={"If-None-Match": tag})
    assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", tag)
    head = platform.head(url)
    assert (head.status_code, head.headers["etag"], head.content) == (200, tag, b"")
    assert platform.get(url, headers={"If-None-Match": '"other"'}).json() == told.json()
    assert platform.get(url, headers={"If-Modified-Since": "Sun, 20 Nov 2050 12:00:00 GMT"}).status_code == 200


def test_what_is_written_on_demand_is_packed_and_sent_in_parts(platform: AppClient) -> None:
    url = "/opendata/catalog.ttl"
    whole = platform.get(url, headers={"Accept-Encoding": "identity"})
    packed = platform.get(url, headers={"Accept-Encoding": "gzip"})
    assert (packed.headers["content-encoding"], packed.content) == ("gzip", whole.content)
    assert packed.headers["etag"] != whole.headers["etag"]
    assert platform.get(url, headers={"If-None-Match": packed.headers["etag"]}).status_code == 304
    size = len(whole.content)
    for said, start, stop in (("5-14", 5, 15), ("-7", size - 7, size), (f"{size - 3}-", size - 3, size)):
        part = platform.get(url, headers={"Range": f"bytes={said}", "If-Range": whole.headers["etag"]})
        assert (part.status_code, part.content) == (206, whole.content[start:stop])
        assert part.headers["content-range"] == f"bytes {start}-{stop - 1}/{size}"
    for other in ("bytes=abc", "items=1-2", "bytes=1-2-3", "bytes="):
        passed_over = platform.get(url, headers={"Range": other, "Accept-Encoding": "identity"})
        assert (passed_over.status_code, passed_over.content) == (200, whole.content)
    for beyond in (f"{size}-", "-0", "9-3"):
        assert platform.get(url, headers={"Range": f"bytes={beyond}"}).status_code == 416
    assert platform.get(url, headers={"Range": "bytes=0-3", "If-Range": '"old"'}).content == whole.content


@pytest.mark.parametrize("url", [URL, "/opendata/catalog.ttl", "/opendata/datasets.json"])
def test_pages_elsewhere_may_ask_conditionally(platform: AppClient, url: str) -> None:
    asked = {"Origin": "https://elsewhere.example", "Access-Control-Request-Headers": "if-none-match,range"}
    told = platform.request("OPTIONS", url, headers={**asked, "Access-Control-Request-Method": "GET"})
    assert told.status_code == 204
    assert told.headers["access-control-allow-origin"] == "*"
    assert "If-None-Match" in told.headers["access-control-allow-headers"]
    assert platform.get(url).headers["access-control-allow-origin"] == "*"


def test_a_version_has_its_own_address_for_good(platform: AppClient) -> None:
    versions = platform.get("/opendata/timetables-demonstration/versions.json").json()["versions"]
    assert [one["number"] for one in versions] == [1]
    file, *others = versions[0]["files"]
    assert {one["format"] for one in others} == {"NeTEx", "GeoJSON", "Parquet"}
    lasting = platform.get(file["version_url"])
    assert lasting.content == platform.get(file["url"]).content
    assert "immutable" in lasting.headers["cache-control"]
    assert platform.get("/opendata/timetables-demonstration/versions/2/gtfs.zip").json()["code"] == "unknown_version"
    assert platform.get("/opendata/timetables-demonstration/nothing.zip").json()["code"] == "unknown_file"
    assert platform.get("/opendata/nothing/nothing.zip").json()["code"] == "unknown_dataset"


def test_catalogues_list_what_is_there(platform: AppClient) -> None:
    found = platform.get("/opendata/datasets.json").json()["datasets"]
    one = next(one for one in found if one["id"] == "timetables-demonstration")
    assert one["current"]["counts"]["trips"] > 100
    assert one["current"]["features"]["flex"]
    for name, kind in (("jsonld", "application/ld+json"), ("ttl", "text/turtle")):
        early = platform.head(f"/opendata/catalog.{name}")  # nobody has written it yet
        assert (early.status_code, early.content) == (200, b"")
        found = platform.get(f"/opendata/catalog.{name}")
        assert found.headers["content-type"].startswith(kind)
        assert f"{str(platform.base_url).rstrip('/')}{URL}" in found.text
        head = platform.head(f"/opendata/catalog.{name}")
        assert head.headers["content-length"] == found.headers["content-length"]
        assert head.headers["etag"] == early.headers["etag"] == found.headers["etag"]
        again = platform.get(f"/opendata/catalog.{name}", headers={"If-None-Match": found.headers["etag"]})
        assert again.status_code == 304
    feed = ET.fromstring(platform.get("/opendata/atom.xml").text)
    assert len(feed.findall("{http://www.w3.org/2005/Atom}entry")) == 1
    assert platform.get("/opendata/timetables-demonstration/diff/1/1").json()["same_files"][:2] == [
        "gtfs.zip",
        "netex.zip",
    ]


@pytest.mark.parametrize("language", ["fr", "en"])
def test_pages_show_what_there_is(platform: AppClient, language: str) -> None:
    page = platform.get("/opendata", params={"lang": language}).text
    assert "/opendata/timetables-demonstration/gtfs.zip" in page
    one = platform.get("/opendata/timetables-demonstration/", params={"lang": language}).text
    assert one.count("<circle") > 20
    assert "/versions/1/netex.zip" in one
    missing = platform.get("/opendata/nothing/", params={"lang": language})
    assert missing.status_code == 404
