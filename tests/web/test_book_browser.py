"""From a village by a ride on demand to the train, in a real browser: planned, booked, changed, cancelled."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.web.conftest import MONDAY, PHONE, follow, keep, violations

from mobigo.accounts.model import Role
from mobigo.accounts.token import issue

if TYPE_CHECKING:
    from tests.web.conftest import Site, Visit

pytestmark = pytest.mark.browser

VILLAGE = "47.46294,4.45612"
"""Marigny-le-Cahouët."""
PLAN = f"/?from={VILLAGE}&to=Dijon&date=2026-11-23&time=11:00"


@pytest.mark.parametrize("visit", [{"viewport": PHONE, "java_script_enabled": False}], indirect=True)
def test_a_traveller_books_changes_and_cancels_without_scripts(visit: Visit, site: Site) -> None:
    page = visit.open(PLAN)
    journey = page.locator(".journey", has=page.locator("details.book")).first
    if journey.get_attribute("open") is None:
        journey.locator("summary").first.click()
    assert "Réservable jusqu'au" in journey.inner_text()
    journey.locator("details.book > summary").click()
    keep(page, "book-form")
    journey.get_by_label("Nom").fill("Ada Lovelace")
    journey.get_by_label("Téléphone").fill("03 80 00 00 01")
    follow(journey.get_by_role("button", name="Réserver tout le trajet"))
    assert "/bookings/b" in page.url
    assert "C'est réservé." in page.inner_text("[role=status]")
    reference = page.inner_text(".reference")
    assert re.fullmatch(r"[A-Z0-9]{6}", reference)
    keep(page, "book-booked")
    assert "Ada Lovelace" in read_sheets(site)
    # another time
    page.get_by_label("Heure").fill("15:00")
    follow(page.get_by_role("button", name="Chercher un autre horaire"))
    follow(page.get_by_role("button", name="Prendre cet horaire"))
    assert "La réservation est modifiée." in page.inner_text("[role=status]")
    assert "15:" in page.inner_text(".bookings")
    # and none
    follow(page.get_by_role("button", name="Annuler la réservation"))
    assert "La réservation est annulée." in page.inner_text("[role=status]")
    assert page.get_by_role("button", name="Annuler la réservation").count() == 0
    assert "Ada Lovelace" not in read_sheets(site)


def read_sheets(site: Site) -> str:
    """Read what the drivers of all vehicles see of the day."""
    sheets = []
    for vehicle in ("auxois_1", "auxois_2", "auxois_3"):
        token = issue(site.app.state.token_key, vehicle, Role.DRIVER, MONDAY, timedelta(days=2))
        with httpx.Client(base_url=site.address, cookies={"mobigo_token": token}, timeout=120) as driver:
            sheets.append(driver.get("/driver").raise_for_status().text)
    return "".join(sheets)


@pytest.mark.usefixtures("site")
def test_the_pages_of_a_booking_are_accessible(visit: Visit) -> None:
    page = visit.open(PLAN)
    page.locator("details.book > summary").first.click()
    assert violations(page) == []
    form = page.locator("details.book").first
    form.get_by_label("Nom").fill("Grace Hopper")
    form.get_by_label("Téléphone").fill("03 80 00 00 02")
    follow(form.get_by_role("button", name="Réserver tout le trajet"))
    assert "/bookings/b" in page.url
    assert violations(page) == []
    follow(page.get_by_role("button", name="Annuler la réservation"))
    assert violations(page) == []
