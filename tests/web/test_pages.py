"""Pages over HTTP: what is said, what is allowed, what is kept."""

from __future__ import annotations

import gzip
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from mobigo.journeys.model import Plan, Reason, Remedy, Suggestion
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
    assert all(path.startswith(("/v1/", "/opendata/")) for path in paths)


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
    monkeypatch.setattr(pages.journeys, "plan", lambda *_: answer)
    page = http.get(site.address + PLAN).text
    assert "Rien ne part dans le temps demandé." in page
    assert "Prochain départ : mardi 24 novembre 2026 à 07:12." in page
    assert "date=2026-11-24&amp;time=07%3A12&amp;by=depart" in page


@pytest.mark.usefixtures("known")
def test_what_would_help_is_a_link_that_does_it(site: Site, http: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    leaves, arrives = datetime(2026, 11, 23, 6, 12, tzinfo=UTC), datetime(2026, 11, 23, 7, 12, tzinfo=UTC)
    suggestions = (
        Suggestion(Remedy.LONGER_WALK, "max_walk_minutes", "40", leaves, arrives, 0),
        Suggestion(Remedy.WITHOUT_FILTER, "only", None, leaves, arrives, 0),
        Suggestion(Remedy.EARLIER, "at", "2026-11-23T07:12:00+01:00", leaves, arrives, 0),
    )
    answer = Plan((), "v", Reason.FILTERED_OUT, suggestions=suggestions)
    monkeypatch.setattr(pages.journeys, "plan", lambda *_: answer)
    page = http.get(f"{site.address}{PLAN}&ride=rail").text
    links = re.findall(r'<li><a href="([^"]+)">([^<]+)</a></li>', page)
    assert [text for _, text in links] == [
        "Marcher jusqu&#39;à 40 minutes : il y a un trajet à 07:12",
        "Avec tous les véhicules, il y a un trajet à 07:12",
        "Partir plus tôt, à 07:12, lundi 23 novembre 2026",
    ]
    assert "walk=45" in links[0][0]
    assert "ride=" not in links[1][0]
    assert "time=07%3A12&amp;by=depart" in links[2][0]


@pytest.mark.usefixtures("known")
def test_the_last_way_back_is_said_before_one_leaves(site: Site, http: Client) -> None:
    page = http.get(site.address + PLAN).text
    (said,) = re.findall(r'<p class="homeward">([^<]+)<', page)
    assert said.strip() == "Le dernier trajet de retour part à 19:16, lundi 23 novembre 2026."


@pytest.mark.usefixtures("known")
def test_pages_of_a_day_neither_repeat_nor_skip_a_journey(site: Site, http: Client) -> None:
    seen: list[str] = []
    address = f"{site.address}/?from=Semur-en-Auxois&to=Dijon&date=2026-11-23&time=05:00"
    for _ in range(8):
        page = http.get(address).text
        shown = re.findall(r'<span class="hours"><time datetime="([^"]+)"', page)
        assert shown == sorted(shown)
        assert not set(shown) & set(seen)
        seen += shown
        (later,) = re.findall(r'href="([^"]+)" rel="next"', page)
        address = site.address + later.replace("&amp;", "&")
    assert seen == sorted(seen)
    assert len(seen) >= 8


def test_a_line_is_printed_as_it_hangs_at_its_stops(site: Site, http: Client) -> None:
    page = http.get(f"{site.address}/lines/demonstration:122", params={"date": "2026-11-23", "lang": "en"}).text
    assert "Towards Les Laumes" in page
    row = page[page.index("Semur-en-Auxois Place Gaveau") :]
    assert re.findall(r">(\d\d:\d\d)<", row[: row.index("</tr>")]) == ["06:25", "07:20", "08:20", "13:10", "17:30"]
    assert (
        "does not run on that day" in http.get(f"{site.address}/lines/demonstration:122?date=2029-11-22&lang=en").text
    )
    assert http.get(f"{site.address}/lines/nonsense").status_code == 404


def test_arrivals_say_where_vehicles_come_from(site: Site, http: Client) -> None:
    page = http.get(
        f"{site.address}/stops/demonstration:montbard?show=arrivals&lang=en&date=2026-11-23&time=08:00"
    ).text
    assert "Next arrivals" in page
    assert "Saulieu" in page


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
