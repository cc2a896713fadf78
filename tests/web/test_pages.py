"""Pages over HTTP: what is said, what is allowed, what is kept."""

from __future__ import annotations

import gzip
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from mobigo.journeys.model import Plan, Reason
from mobigo.places.model import AmbiguousPlace, Kind, Place, UnknownPlace
from mobigo.web import pages

if TYPE_CHECKING:
    from httpx import Client
    from tests.conftest import AppClient
    from tests.web.conftest import Site

SEMUR = Place("commune/n1", Kind.COMMUNE, "Semur-en-Auxois", "Semur-en-Auxois", 47.4906, 4.3347, (), 3.0)
DIJON = Place("commune/n2", Kind.COMMUNE, "Dijon", "Dijon", 47.3215, 5.0415, (), 3.0)
STATION = Place("sncf:1", Kind.STOP, "Dijon-Ville", "Dijon-Ville, gare", 47.3233, 5.0272, ("sncf:1",), 2.0)
PLAN = "/?from=Semur-en-Auxois&to=Dijon&date=2026-11-23&time=07:00"


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three places have names."""

    def resolve(_session: object, text: str) -> Place:
        if text == "gare":
            raise AmbiguousPlace(text, [STATION, DIJON])
        for place in (SEMUR, DIJON, STATION):
            if place.label == text:
                return place
        raise UnknownPlace("nothing")

    monkeypatch.setattr(pages.places, "resolve", resolve)


def test_without_a_network_the_page_says_so_and_is_no_success(client: AppClient) -> None:
    answer = client.get("/")
    assert answer.status_code == 503
    assert "Les horaires se chargent" in answer.text


def test_a_page_may_load_nothing_from_elsewhere(site: Site, http: Client) -> None:
    answer = http.get(site.address + PLAN)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    outside = set(re.findall(r'(?:src|href|action)="((?!/|#)[^"]*)"', answer.text))
    assert outside == {"https://www.openstreetmap.org/copyright"}  # a link to follow, nothing that is loaded
    (nonce,) = re.findall(r"'nonce-([^']+)'", policy)
    assert re.findall(r'<style nonce="([^"]+)"', answer.text) == [nonce]
    assert "style=" not in answer.text


def test_a_page_is_compressed_for_slow_lines(site: Site, http: Client) -> None:
    with http.stream("GET", f"{site.address}/", headers={"accept-encoding": "gzip"}) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        raw = b"".join(answer.iter_raw())
    assert b"<html" in gzip.decompress(raw)
    assert http.get(f"{site.address}/", headers={"accept-encoding": "identity"}).text.startswith("<!doctype html>")


@pytest.mark.parametrize("path", ["/", "/docs", "/docs/errors", "/tiles/ground.json"])
def test_head_is_answered_like_get_without_the_body(site: Site, http: Client, path: str) -> None:
    answer = http.head(site.address + path)
    assert answer.status_code == 200
    assert answer.content == b""


def test_pages_are_no_part_of_the_api(site: Site, http: Client) -> None:
    paths = http.get(f"{site.address}/openapi.json").json()["paths"]
    assert all(path.startswith("/v1/") for path in paths)


def test_now_is_the_address_without_a_time(site: Site, http: Client) -> None:
    answer = http.get(f"{site.address}{PLAN}&now=1")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/?from=Semur-en-Auxois&to=Dijon"


@pytest.mark.usefixtures("known")
def test_a_place_that_means_several_is_asked_about_and_the_choice_is_kept(site: Site, http: Client) -> None:
    asked = http.get(f"{site.address}/?from=gare&to=Semur-en-Auxois&lang=en&time=07:00").text
    assert "Where do you start?" in asked
    (link,) = re.findall(r'href="(/\?[^"]*Dijon-Ville[^"]*)"', asked)
    assert "from_place=sncf%3A1%7CDijon-Ville" in link
    assert "time=07%3A00" in link
    assert "lang=en" in link


@pytest.mark.usefixtures("known")
def test_a_place_nobody_knows_is_named(site: Site, http: Client) -> None:
    page = http.get(f"{site.address}/?from=Semurr&to=Dijon").text
    assert "Nous ne trouvons pas « Semurr »" in page
    assert 'aria-invalid="true" aria-describedby="from-problem"' in page
    assert 'value="Dijon"' in page


@pytest.mark.usefixtures("known")
def test_when_there_is_nothing_the_reason_and_the_next_departure_are_said(
    site: Site, http: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = Plan((), "v", Reason.NOTHING_IN_WINDOW, datetime(2026, 11, 24, 6, 12, tzinfo=UTC))
    monkeypatch.setattr(pages.journeys, "plan", lambda _network, _request: answer)
    page = http.get(site.address + PLAN).text
    assert "Rien ne part dans le temps demandé." in page
    assert "Prochain départ : mardi 24 novembre 2026 à 07:12." in page
    assert "date=2026-11-24&amp;time=07%3A12&amp;by=depart" in page


@pytest.mark.usefixtures("known")
def test_a_day_after_all_timetables_is_said_to_be(site: Site, http: Client) -> None:
    page = http.get(f"{site.address}/?from=Semur-en-Auxois&to=Dijon&date=2029-05-01&time=08:00").text
    assert "Les horaires que nous avons vont du lundi 26 octobre 2026 au dimanche 27 juin 2027." in page


def test_invented_timetables_are_said_to_be(site: Site, http: Client) -> None:
    assert "horaires inventés" in http.get(f"{site.address}/").text


def test_what_a_visitor_types_is_never_code(site: Site, http: Client) -> None:
    page = http.get(f"{site.address}/", params={"from": '"><script>alert(1)</script>', "to": "</script><b>"}).text
    assert "<script>alert" not in page
    assert "</script><b>" not in page


def test_every_error_code_has_its_row(site: Site, http: Client) -> None:
    problem = http.get(f"{site.address}/v1/journeys?from=x&to=y").json()
    page, _, anchor = problem["type"].partition("#")
    assert f'id="{anchor}"' in http.get(page).text
