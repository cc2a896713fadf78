"""The page of one journey: read without scripts, in both languages, by everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.web.conftest import PHONE, PLAN, follow, keep, violations

if TYPE_CHECKING:
    from playwright.sync_api import Page
    from tests.web.conftest import Visit

pytestmark = [pytest.mark.browser]


def open_journey(visit: Visit, label: str) -> Page:
    """Open the first journey with a change."""
    page = visit.open(PLAN)
    shown = page.locator("details.journey").filter(has=page.locator(".badge + .badge, .badge ~ .badge")).first
    shown.evaluate("one => one.open = true")
    follow(shown.get_by_role("link", name=label))
    return page


@pytest.mark.parametrize("visit", [{"java_script_enabled": False}], indirect=True)
def test_it_needs_no_scripts(visit: Visit) -> None:
    page = visit.open(PLAN)
    follow(page.get_by_role("link", name="Suivre ce voyage").first)
    assert "Semur-en-Auxois" in page.get_by_role("heading", level=1).inner_text()
    assert page.get_by_text("Tout se passe comme prévu.").is_visible()
    others = page.locator("details.more").first
    others.locator("summary").click()
    row = others.locator("li").filter(has=page.get_by_role("link", name="Prendre celui-ci")).first
    hour = row.locator(".when").inner_text().split(" ")[0]
    follow(row.get_by_role("link"))
    assert page.locator(".way .ride time").first.inner_text() == hour


@pytest.mark.parametrize("visit", [{}, {"viewport": PHONE, "locale": "en-GB"}], indirect=True)
def test_everybody_can_read_it(visit: Visit) -> None:
    english = visit.context.new_page().evaluate("navigator.language").startswith("en")
    page = open_journey(visit, "Follow this journey" if english else "Suivre ce voyage")
    page.locator("details.more").last.evaluate("one => one.open = true")
    assert page.get_by_text("If you miss it" if english else "Si vous la manquez").count() >= 1
    keep(page, f"journey-{page.viewport_size['width'] if page.viewport_size else 0}")
    assert violations(page) == []
    width = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert width == 0


def test_what_is_no_journey_says_so(visit: Visit) -> None:
    page = visit.context.new_page()
    answer = page.goto(visit.address + "/journey?id=nonsense")
    assert answer is not None
    assert answer.status == 404
    assert page.get_by_role("alert").count() == 1
    page.goto(visit.address + "/journey")
    assert page.get_by_role("link", name="Chercher un voyage").is_visible()
