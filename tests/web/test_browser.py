"""The pages in a real browser: what a traveller sees, with a mouse, a keyboard, a phone, and without JavaScript."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect
from tests.web.conftest import PHONE, PLAN, follow, keep, violations, wait_for_map

if TYPE_CHECKING:
    from playwright.sync_api import Page
    from tests.web.conftest import Visit

pytestmark = pytest.mark.browser


def fill_in(page: Page, origin: str, destination: str) -> None:
    page.get_by_label("Départ", exact=True).fill(origin)
    page.get_by_label("Arrivée", exact=True).fill(destination)
    page.get_by_label("Date").fill("2026-11-23")
    page.get_by_label("Heure", exact=True).fill("07:00")
    follow(page.get_by_role("button", name="Voir les trajets"))


@pytest.mark.usefixtures("with_map")
def test_a_traveller_fills_in_the_form_and_sees_the_journey_on_the_map(visit: Visit) -> None:
    page = visit.open("/")
    wait_for_map(page)
    keep(page, "planner-home")
    fill_in(page, "Semur-en-Auxois", "Dijon")
    journeys = page.locator(".journey")
    assert journeys.count() >= 1
    assert re.search(r"\d+ trajets? : Semur-en-Auxois → Dijon", page.title())
    first = journeys.first
    assert re.fullmatch(r"\d\d:\d\d", first.locator(".hours time").first.inner_text())
    assert first.locator(".legs .badge").count() >= 1
    drawn = wait_for_map(page)
    keep(page, "planner-desktop")
    assert int(drawn["rides"]) >= 1
    assert int(drawn["streets"]) >= 1
    assert drawn["journey"] == "0"


@pytest.mark.usefixtures("with_map")
def test_choosing_another_journey_draws_it_and_the_address_remembers_it(visit: Visit) -> None:
    page = visit.open(PLAN)
    wait_for_map(page)
    page.locator(".journey > summary").nth(1).click()
    page.wait_for_selector(".chart[data-journey='1'][data-state=idle]")
    assert page.locator(".journey[open]").count() == 1
    assert page.url.endswith("#journey-2")
    assert re.match(r"La carte montre le trajet de \d\d:\d\d à \d\d:\d\d", page.locator("#map-status").inner_text())
    page.reload()
    page.wait_for_selector(".chart[data-journey='1'][data-state=idle]")
    assert page.locator("#journey-2[open]").count() == 1


@pytest.mark.usefixtures("with_map")
@pytest.mark.parametrize("visit", [{"viewport": PHONE, "device_scale_factor": 2, "has_touch": True}], indirect=True)
def test_on_a_phone_the_map_lies_under_the_list(visit: Visit) -> None:
    page = visit.open(PLAN)
    keep(page, "planner-phone")
    page.locator(".journey[open] .on-map").click()
    drawn = wait_for_map(page)
    assert int(drawn["rides"]) >= 1
    keep(page, "planner-phone-map")


@pytest.mark.usefixtures("with_map")
def test_a_point_of_the_map_can_be_an_end(visit: Visit) -> None:
    page = visit.open("/")
    wait_for_map(page)
    page.locator("#map canvas").click(position={"x": 300, "y": 400})
    page.get_by_role("button", name=re.compile("^Partir d.ici$")).click()
    assert re.fullmatch(r"4\d\.\d{5}, \d\.\d{5}", page.get_by_label("Départ", exact=True).input_value())


PAGES = {
    "home": "/",
    "journeys": PLAN,
    "choice": "/?from=gare&to=Dijon",
    "unknown": "/?from=Xyzzyplugh&to=Dijon&date=nonsense",
    "nothing": "/?from=Semur-en-Auxois&to=48.85,2.35",
    "stop": "/stops/demonstration:semur_gare_routiere",
    "arrivals": "/stops/demonstration:semur_gare_routiere?show=arrivals",
    "line": "/lines/demonstration:122",
    "errors": "/docs/errors",
    "docs": "/docs?plain=1",
}


@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES.keys())
@pytest.mark.parametrize(
    "visit",
    [
        {"locale": "fr-FR"},
        {"viewport": PHONE, "locale": "en-GB", "color_scheme": "dark"},
        pytest.param({"locale": "en-GB", "color_scheme": "dark"}, marks=pytest.mark.slow),
        pytest.param({"viewport": PHONE, "locale": "fr-FR"}, marks=pytest.mark.slow),
    ],
    ids=["fr", "en-phone-dark", "en-dark", "fr-phone"],
    indirect=True,
)
def test_no_page_keeps_anybody_out(visit: Visit, path: str) -> None:
    page = visit.open(path)
    if path in (PAGES["home"], PAGES["journeys"]) and page.locator(".chart").count():
        wait_for_map(page)
    page.evaluate(
        """for (const one of document.querySelectorAll('details')) { one.removeAttribute('name'); one.open = true; }"""
    )
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.usefixtures("text_only")  # the map is as wide as its column
@pytest.mark.parametrize("visit", [{"viewport": {"width": 320, "height": 640}}], indirect=True)
@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES.keys())
def test_at_320_pixels_nothing_is_cut_off(visit: Visit, path: str) -> None:
    page = visit.open(path)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_targets_are_large_enough_to_hit(visit: Visit) -> None:
    page = visit.open(PLAN)
    sizes = page.locator("button, .button, summary, input:not([type=hidden]), select, .swap").evaluate_all(
        "all => all.filter(one => one.offsetParent).map(one => [one.outerHTML, one.getBoundingClientRect().height])"
    )
    assert [one for one, height in sizes if height < 24] == []


@pytest.mark.usefixtures("text_only")  # nothing here needs the map
def test_the_keyboard_alone_is_enough(visit: Visit) -> None:
    page = visit.open("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    while page.evaluate("document.activeElement.id") != "from":
        page.keyboard.press("Tab")
    page.keyboard.type("Semur-en-Auxois")
    while page.evaluate("document.activeElement.id") != "to":
        page.keyboard.press("Tab")
    page.keyboard.type("Dijon")
    page.keyboard.press("Escape")
    with page.expect_navigation(url=re.compile(r"\?from=")):
        page.keyboard.press("Enter")
    assert page.locator(".journeys").count() == 1
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('.journey > summary')"):
            break
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    assert page.locator("#journey-1[open]").count() == 1
    page.keyboard.press("Enter")
    expect(page.locator("#journey-1[open]")).to_have_count(0)
    page.keyboard.press("Enter")
    expect(page.locator("#journey-1[open]")).to_have_count(1)


@pytest.mark.usefixtures("text_only")  # nothing here needs the map
def test_suggestions_are_taken_with_arrows_and_enter(visit: Visit) -> None:
    page = visit.open("/")
    field = page.get_by_role("combobox", name="Départ")
    field.fill("monba")  # at once: a pause between two letters would have the list made twice
    page.wait_for_selector("#from-suggestions li")
    assert field.get_attribute("aria-expanded") == "true"
    field.press("ArrowDown")
    chosen = page.locator("#from-suggestions [aria-selected=true]")
    assert field.get_attribute("aria-activedescendant") == chosen.get_attribute("id")
    assert violations(page) == []
    field.press("Enter")
    assert field.get_attribute("aria-expanded") == "false"
    assert "Montbard" in field.input_value()
    assert page.locator("#from_place").input_value().endswith(f"|{field.input_value()}")


@pytest.mark.usefixtures("text_only")  # nothing here needs the map
def test_ends_are_swapped_in_place(visit: Visit) -> None:
    page = visit.open("/")
    page.get_by_label("Départ", exact=True).fill("Saulieu")
    page.get_by_label("Arrivée", exact=True).fill("Dijon")
    page.get_by_role("link", name="Échanger départ et arrivée").click()
    assert page.get_by_label("Départ", exact=True).input_value() == "Dijon"
    assert page.get_by_label("Arrivée", exact=True).input_value() == "Saulieu"


@pytest.mark.usefixtures("text_only")  # nothing here needs the map
def test_the_language_stays_chosen(visit: Visit) -> None:
    page = visit.open(PLAN)
    follow(page.get_by_role("link", name="English"))
    assert page.locator("html").get_attribute("lang") == "en"
    assert "Leaving Monday 23 November 2026 from 07:00" in page.locator(".recap").inner_text()
    follow(page.get_by_role("link", name="Later"))
    assert page.locator("html").get_attribute("lang") == "en"


@pytest.mark.usefixtures("text_only")
@pytest.mark.parametrize("visit", [{"java_script_enabled": False}], indirect=True)
def test_without_scripts_and_without_the_maps_files_everything_is_there_as_text(visit: Visit) -> None:
    page = visit.open("/")
    fill_in(page, "Semur-en-Auxois", "Dijon")
    keep(page, "planner-text")
    assert page.locator(".chart").count() == 0
    assert page.locator(".journey").count() >= 1
    follow(page.get_by_role("link", name="Plus tard"))
    assert page.locator(".recap").count() == 1
    page.goto(f"{visit.address}/?from=gare&to=Dijon")
    follow(page.locator(".choose a").first)
    assert page.locator(".choose").count() == 0
    page.goto(f"{visit.address}/docs")
    assert page.get_by_role("link", name="openapi.json").count() == 1
    assert page.locator('td code:text-is("/v1/journeys")').count() == 1


@pytest.mark.usefixtures("with_map")
def test_the_reference_of_the_api_needs_no_internet(visit: Visit) -> None:
    page = visit.open("/docs")
    page.wait_for_selector("html[data-state=ready]")
    expect(page.locator("#reference .opblock-tag").nth(4)).to_be_attached()
    page.locator("#reference .opblock-tag").first.click()
    expect(page.locator("#reference .opblock").nth(4)).to_be_attached()
    keep(page, "docs")
