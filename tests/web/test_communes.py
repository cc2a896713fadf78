"""What the pages of communes say, in both languages; served from the demonstration."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

if TYPE_CHECKING:
    import httpx
    from tests.web.conftest import Site


def test_a_town_shows_departures_lines_stops_and_how_to_book(site: Site, http: httpx.Client) -> None:
    page = http.get(f"{site.address}/communes/semur-en-auxois", params={"lang": "fr"})
    assert page.status_code == 200
    for said in (
        "Ce qui existe à Semur-en-Auxois",
        "Prochains départs",
        "07:42",
        "/lines/demonstration%3A",
        "Gare routière",
        "Transport à la demande",
        "À réserver au moins 120",
        "tel:+33",
        "lundi à vendredi, 06:30",
        "Aire de covoiturage de Semur",
        "/?from=Semur-en-Auxois",
        "N&#39;existe pas ici",
    ):
        assert said in page.text, said
    assert page.text.count('class="mark stop"') == 7
    again = http.get(f"{site.address}/communes/semur-en-auxois", params={"lang": "en"})
    assert "What exists in Semur-en-Auxois" in again.text
    assert "Monday to Friday" in again.text


def test_no_line_crowds_the_others_out(site: Site, http: httpx.Client) -> None:
    page = http.get(f"{site.address}/communes/dijon").text
    board = page[page.index('id="next"') : page.index('id="lines"')]
    assert board.count("Quetigny <") == 2
    assert board.count('class="badge') == 12


def test_a_village_without_service_is_told_what_is_nearest(site: Site, http: httpx.Client) -> None:
    page = http.get(f"{site.address}/communes/brain", params={"lang": "en"}).text
    assert "Nearest stops" in page
    assert "Marigny-le-Cahouët Mairie" in page
    assert "away as the crow flies" in page
    assert 'id="next"' not in page


@pytest.mark.parametrize(
    ("asked", "goal"), [("Semur-en-Auxois", "semur-en-auxois"), ("n20000003576", "semur-en-auxois")]
)
def test_other_addresses_lead_to_the_one(site: Site, http: httpx.Client, asked: str, goal: str) -> None:
    found = http.get(f"{site.address}/communes/{asked}", params={"lang": "en"})
    assert (found.status_code, found.headers["location"]) == (307, f"/communes/{goal}?lang=en")


def test_what_is_no_commune_is_said(site: Site, http: httpx.Client) -> None:
    for hostile in ("nothing", "%3Cscript%3E", "a" * 3_000, "..%2F..", "%00"):
        found = http.get(f"{site.address}/communes/{hostile}")
        assert found.status_code in {404, 422}, hostile
        assert "<script>" not in found.text.replace("<script ", "")


def test_the_list_finds_by_name_and_by_letter(site: Site, http: httpx.Client) -> None:
    whole = http.get(f"{site.address}/communes").text
    assert whole.count('<a href="/communes/') > 30
    assert "sans arrêt" in whole
    one = http.get(f"{site.address}/communes", params={"q": "semur en auxois"})
    assert (one.status_code, one.headers["location"]) == (303, "/communes/semur-en-auxois")
    letter = http.get(f"{site.address}/communes", params={"letter": "b"}).text
    assert "/communes/brain" in letter
    assert "/communes/dijon" not in letter
    assert "Aucune commune" in http.get(f"{site.address}/communes", params={"q": "zzzz"}).text


def test_search_engines_find_every_page(site: Site, http: httpx.Client) -> None:
    tree = ET.fromstring(http.get(f"{site.address}/sitemap.xml").text)
    places = [one.text for one in tree.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")]
    assert f"{site.address}/communes/brain" in places
    assert len(places) == len(set(places)) > 30
    robots = http.get(f"{site.address}/robots.txt").text
    assert f"Sitemap: {site.address}/sitemap.xml" in robots
    assert http.head(f"{site.address}/communes/brain").status_code == 200


def test_a_point_leads_to_its_commune(site: Site, http: httpx.Client) -> None:
    found = http.get(f"{site.address}/communes", params={"at": "47.4922,4.3402", "lang": "en"})
    assert (found.status_code, found.headers["location"]) == (303, "/communes/semur-en-auxois?lang=en")
    for nowhere in ("0,0", "north", "91,0"):
        assert http.get(f"{site.address}/communes", params={"at": nowhere}).status_code == 200


def test_planner_stops_and_search_lead_there(site: Site, http: httpx.Client) -> None:
    asked = {"from": "Semur-en-Auxois", "to": "Montbard", "lang": "en"}
    page = http.get(f"{site.address}/", params=asked).text
    assert "What exists where you arrive" in page
    (place,) = http.get(f"{site.address}/v1/places", params={"q": "Brain", "kind": "commune"}).json()["places"]
    assert http.get(f"{site.address}{place['page']}").headers["location"] == "/communes/brain"
    stops = http.get(f"{site.address}/v1/places", params={"q": "Gare routière", "kind": "stop"}).json()["places"]
    assert stops[0]["page"] is None
    assert "/communes?at=47." in http.get(f"{site.address}/stops/{stops[0]['id']}").text


def test_a_village_that_nothing_serves_is_told_so_and_what_counts(site: Site, http: httpx.Client) -> None:
    page = http.get(f"{site.address}/communes/darcey", params={"lang": "en"}).text
    for said in ("No service calls at Darcey", "Nearest stops", "unmet needs", "/?from=Darcey", "Not here: stop of a"):
        assert said in page, said
    assert 'id="next"' not in page
