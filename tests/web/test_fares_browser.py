"""Pages of fares in a real browser: nobody kept out, on a phone as on a desk."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import psycopg
import pytest
from tests.web.conftest import MONDAY, PHONE, follow, keep, violations
from tests.web.test_staff_browser import sign_in

from mobigo.accounts.model import Role
from mobigo.db.engine import libpq_conninfo
from mobigo.fares.demonstration import publish_demonstration

if TYPE_CHECKING:
    from tests.web.conftest import Site, Visit


@pytest.fixture(scope="module", autouse=True)
def _priced(site: Site) -> None:
    url = site.app.state.engine.url.render_as_string(hide_password=False)
    with psycopg.connect(libpq_conninfo(url)) as connection:
        publish_demonstration(connection, now=MONDAY, today=MONDAY.date())


@pytest.mark.parametrize("visit", [{}, {"viewport": PHONE}], indirect=True, ids=["desk", "phone"])
def test_everybody_can_read_fares(visit: Visit) -> None:
    page = visit.open("/fares")
    page.get_by_label("Voyageur").select_option("youth")
    follow(page.get_by_role("button", name="Afficher"))
    page.get_by_text("une pièce d").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert violations(page) == []
    keep(page, f"fares-{page.viewport_size['width'] if page.viewport_size else 0}")


@pytest.mark.parametrize("visit", [{}, {"viewport": PHONE}], indirect=True, ids=["desk", "phone"])
def test_staff_change_a_price_and_see_for_whom(visit: Visit, site: Site) -> None:
    page = sign_in(visit, site.app, Role.FINANCE, "lucie", "/staff/fares")
    assert violations(page) == []
    page.get_by_label("En vente à partir du").fill("2027-01-01")
    follow(page.get_by_role("button", name="Copier en brouillon"))
    page.get_by_text("Rien ne change.").wait_for()
    page.get_by_text(re.compile("Car, un trajet")).click()
    page.get_by_label("Tous").first.fill("1,80")
    follow(page.get_by_role("button", name="Enregistrer").nth(1))
    page.get_by_role("heading", name="Les plus grands changements").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert violations(page) == []
    keep(page, f"staff-fares-{page.viewport_size['width'] if page.viewport_size else 0}")
    follow(page.get_by_role("button", name="Supprimer le brouillon"))
    page.get_by_role("heading", name="Catalogue tarifaire").wait_for()
