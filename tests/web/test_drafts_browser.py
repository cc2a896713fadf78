"""Pages of draft networks in a real browser: written with forms, tried on imagined demand, nobody kept out."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from tests.web.conftest import MONDAY, follow, keep, violations
from tests.web.test_staff_browser import sign_in

from mobigo.accounts.model import Role
from mobigo.db.engine import libpq_conninfo
from mobigo.usage import drafts
from mobigo.usage.draft import read_document
from mobigo.usage.drafts import Author, Wanted
from mobigo.usage.imagining import imagine
from mobigo.usage.service import count_day, plan_tasks
from mobigo.usage.trying import run_trial

if TYPE_CHECKING:
    from tests.web.conftest import Visit

HOME = "/staff/drafts"
WEEK = [date(2026, 11, 16) + timedelta(days=number) for number in range(7)]
DOCUMENT = b"""{"name": "Sans la ligne 120 le matin", "note": "Un essai", "changes": [
    {"kind": "remove_trips", "which": {"line": "demonstration:120", "last": "12:00"}},
    {"kind": "close_zone", "service": "demonstration:TAD"}]}"""


@pytest.fixture(scope="module")
def tried(site: Any) -> tuple[str, int]:  # noqa: ANN401
    """A draft that was tried on a week of imagined demand; its id, and the trial's."""
    url = site.app.state.engine.url.render_as_string(hide_password=False)
    imagine(url, WEEK, 400, 1)
    for task in plan_tasks(url, WEEK, MONDAY):
        count_day(task)
    author = Author("claire", MONDAY)
    with psycopg.connect(libpq_conninfo(url), autocommit=True) as connection:
        one = drafts.make_draft(connection, read_document(DOCUMENT), author)
        number = drafts.ask_trial(connection, one.id, Wanted(WEEK[0], WEEK[-1], (), 60), author)
    home = Path(site.app.state.networks.folder).parent
    run_trial(lambda: psycopg.connect(libpq_conninfo(url), autocommit=True), number, home, site.app.state.clock)
    return one.id, number


@pytest.mark.usefixtures("with_map")
@pytest.mark.parametrize("visit", [{}, {"locale": "en-GB", "color_scheme": "dark"}], indirect=True, ids=["fr", "en"])
def test_what_a_draft_does_is_read_and_nobody_is_kept_out(visit: Visit, site: Any, tried: tuple[str, int]) -> None:  # noqa: ANN401
    page = sign_in(visit, site.app, Role.DISPATCHER, "claire", HOME)
    language = page.locator("html").get_attribute("lang")
    page.goto(f"{visit.address}{HOME}/trials/{tried[1]}")
    chart = page.locator(".drafts-chart")
    chart.scroll_into_view_if_needed()
    page.wait_for_selector(".drafts-chart[data-state=idle]")
    keep(page, f"drafts-trial-{language}")
    assert page.locator(".sentences li").count() >= 3
    assert violations(page) == []
    page.goto(f"{visit.address}{HOME}/{tried[0]}")
    for one in page.locator("#add ~ details > summary").all():
        one.click()
    keep(page, f"drafts-draft-{language}")
    assert violations(page) == []


@pytest.mark.usefixtures("text_only")
@pytest.mark.parametrize(
    "visit", [{"java_script_enabled": False, "viewport": {"width": 320, "height": 640}}], indirect=True
)
def test_without_scripts_on_a_small_screen_a_draft_is_made_and_asked_for(
    visit: Visit,
    site: Any,  # noqa: ANN401
) -> None:
    page = sign_in(visit, site.app, Role.DISPATCHER, "dominique", HOME)
    page.get_by_label("Nom").fill("Un quart d’heure plus tôt")  # noqa: RUF001  as it is written
    follow(page.get_by_role("button", name="Créer le projet"))
    page.get_by_text("Décaler des courses").click()
    form = page.locator("form:has(input[value=move_trips])")
    form.get_by_label("Nombre de minutes").fill("15")
    form.get_by_label("Dans quel sens").select_option("earlier")
    follow(form.get_by_role("button", name="Ajouter"))
    assert "15 min plus tôt" in page.locator(".changes").inner_text()
    follow(page.get_by_role("button", name="Vérifier"))
    assert "Tous les changements sont possibles" in page.locator("main").inner_text()
    follow(page.get_by_role("button", name="Essayer"))
    assert "En attente" in page.locator("main").inner_text()


@pytest.mark.usefixtures("text_only")
@pytest.mark.parametrize("visit", [{"viewport": {"width": 320, "height": 640}}], indirect=True)
def test_at_320_pixels_nothing_is_cut_off(visit: Visit, site: Any, tried: tuple[str, int]) -> None:  # noqa: ANN401
    page = sign_in(visit, site.app, Role.DISPATCHER, "claire", HOME)
    for path in (HOME, f"{HOME}/{tried[0]}", f"{HOME}/trials/{tried[1]}", f"{HOME}/comparison?trial={tried[1]}"):
        page.goto(visit.address + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
        assert violations(page) == [], path
