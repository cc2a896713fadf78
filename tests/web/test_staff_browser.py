"""Desk and sheet in a real browser: the keyboard alone, a phone without a network, nobody kept out."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect
from tests.web.conftest import MONDAY, PHONE, follow, keep, violations

from mobigo.accounts.model import Role
from mobigo.accounts.token import issue

if TYPE_CHECKING:
    from playwright.sync_api import Page
    from tests.web.conftest import Visit

VILLAGE, STATION = "47.4975,4.3300", "Gare routière de Montbard"


def sign_in(visit: Visit, app: Any, role: Role, user: str, path: str) -> Page:  # noqa: ANN401  the application
    """Sign in by the page."""
    token = issue(app.state.token_key, user, role, MONDAY, timedelta(days=2))
    page = visit.open(f"/sign-in?next={path}")
    page.get_by_label(re.compile("Jeton|Token")).fill(token)
    go(page)
    return page


def go(page: Page) -> None:
    """Press Enter, and wait for the page that comes."""
    with page.expect_navigation():
        page.keyboard.press("Enter")


def type_call(page: Page, name: str, *, hour: str = "14:00") -> None:
    """Fill in the form with the keyboard, from the name on, as one hears it."""
    page.wait_for_selector("#name:focus")
    tell(page, name, "06 12 34 56 78", "")
    tell(page, VILLAGE, STATION)
    page.locator("#time").fill(hour)  # a field of the browser's own: its keys depend on the language
    go(page)


def tell(page: Page, *answers: str) -> None:
    for answer in answers:
        page.keyboard.type(answer)
        page.keyboard.press("Tab")


def book(page: Page, name: str, *, hour: str = "14:00") -> None:
    type_call(page, name, hour=hour)
    page.wait_for_selector("input[name=option]:focus")
    go(page)
    page.wait_for_selector(".readback")


@pytest.mark.usefixtures("text_only")
@pytest.mark.parametrize(
    "visit", [{}, {"java_script_enabled": True, "locale": "en-GB"}], indirect=True, ids=["fr", "en"]
)
def test_a_call_is_booked_with_the_keyboard_alone_and_nobody_is_kept_out(visit: Visit, site: Any) -> None:  # noqa: ANN401
    page = sign_in(visit, site.app, Role.DESK, "dominique", "/desk")
    assert violations(page) == []
    type_call(page, "Keyboard Only")
    page.wait_for_selector("input[name=option]:focus")
    keep(page, "desk-offers")
    assert violations(page) == []
    go(page)
    page.wait_for_selector(".readback")
    keep(page, "desk-read-back")
    assert violations(page) == []
    assert re.search(r"\b(?:[2-9A-Z] ){5}[2-9A-Z]\b", page.locator(".reference").inner_text())
    page.locator("#q").fill("Keyboard")
    go(page)
    assert violations(page) == []


@pytest.mark.usefixtures("text_only")
@pytest.mark.parametrize("visit", [{"java_script_enabled": False}], indirect=True)
def test_the_desk_needs_no_script(visit: Visit, site: Any) -> None:  # noqa: ANN401
    page = sign_in(visit, site.app, Role.DESK, "dominique", "/desk")
    page.get_by_label("Nom", exact=True).fill("Sans Script")
    page.get_by_label("Téléphone", exact=True).fill("0612345678")
    page.get_by_label("Départ", exact=True).fill(VILLAGE)
    page.get_by_label("Arrivée", exact=True).fill(STATION)
    page.locator("#time").fill("15:00")
    follow(page.get_by_role("button", name="Chercher des trajets"))
    follow(page.get_by_role("button", name="Réserver", exact=True))
    assert "Je récapitule : Sans Script" in page.locator(".readback").inner_text()
    follow(page.get_by_role("button", name="Annuler ces trajets"))
    assert "C’est annulé" in page.locator("main").inner_text()  # noqa: RUF001  as it is printed


@pytest.mark.usefixtures("text_only")
@pytest.mark.parametrize("visit", [{"viewport": PHONE, "has_touch": True, "device_scale_factor": 2}], indirect=True)
def test_the_sheet_works_on_a_phone_without_a_network(visit: Visit, site: Any) -> None:  # noqa: ANN401
    desk = sign_in(visit, site.app, Role.DESK, "dominique", "/desk")
    book(desk, "Sans Réseau", hour="16:00")
    vehicle = str(visit.context.request.get(f"{visit.address}/driver").text())
    found = [one for one in re.findall(r"vehicle=(auxois_\d)", vehicle) if holds(visit, one, "Sans Réseau")]
    assert found
    page = sign_in(visit, site.app, Role.DRIVER, found[0], "/driver")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.wait_for_selector("html[data-kept=yes]")
    keep(page, "sheet-phone")
    assert violations(page) == []
    stop = page.locator("li", has_text="Sans Réseau").first
    visit.context.set_offline(True)
    stop.get_by_role("button", name="En route").click()
    stop.get_by_role("button", name="Sur place").click()
    expect(page.locator("#offline")).to_contain_text("À envoyer : 2")
    assert violations(page) == []
    keep(page, "sheet-offline")
    page.reload()  # out of the browser's own keeping
    stop = page.locator("li", has_text="Sans Réseau").first
    expect(stop).to_contain_text("véhicule arrivé")
    expect(stop.get_by_role("button", name="En route")).to_be_hidden()
    expect(page.locator("#offline")).to_contain_text("À envoyer : 2")
    visit.context.set_offline(False)
    expect(page.locator("#offline")).to_be_hidden()
    with page.expect_response("**/driver/moves"):
        stop.get_by_role("button", name="À bord").click()
    expect(page.locator("#offline")).to_be_hidden()
    page.reload()
    expect(page.locator("li", has_text="Sans Réseau").last.get_by_role("button", name="Déposé")).to_be_visible()
    visit.complaints.clear()  # what the browser says of a missing network


def holds(visit: Visit, vehicle: str, name: str) -> bool:
    return name in visit.context.request.get(f"{visit.address}/driver?vehicle={vehicle}").text()


@pytest.mark.usefixtures("text_only")
@pytest.mark.parametrize("visit", [{"viewport": {"width": 320, "height": 640}}], indirect=True)
def test_at_320_pixels_no_page_of_the_staff_is_cut_off(visit: Visit, site: Any) -> None:  # noqa: ANN401
    page = sign_in(visit, site.app, Role.DISPATCHER, "dominique", "/desk")
    for path in ("/desk", "/driver", "/driver?vehicle=auxois_1", "/sign-in"):
        page.goto(visit.address + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
        assert violations(page) == [], path
