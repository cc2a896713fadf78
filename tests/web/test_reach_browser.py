"""The page of what is reached: read without scripts, in both languages, by everybody, and on paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.web.conftest import OUT, PHONE, follow, keep, violations

if TYPE_CHECKING:
    from tests.web.conftest import Visit

pytestmark = [pytest.mark.browser]
QUESTION = (
    "/reach?from=Semur-en-Auxois&from_place=47.4906,4.3347%7CSemur-en-Auxois&date=2026-11-24&time=07:00&minutes=120"
)


@pytest.mark.parametrize("visit", [{"java_script_enabled": False}], indirect=True)
def test_it_needs_no_scripts(visit: Visit) -> None:
    page = visit.open("/reach")
    page.get_by_role("textbox", name="Lieu").fill("Semur-en-Auxois")
    follow(page.get_by_role("button", name="Montrer"))
    assert page.get_by_role("heading", level=1).inner_text() == "Jusqu'où peut-on aller ?"
    page = visit.open(QUESTION)
    assert page.locator(".reach-map path.band").count() == 4
    assert page.get_by_role("region", name="Ce qui est atteint, par durée").is_visible()
    assert page.get_by_role("link", name="Semur-en-Auxois", exact=True).count() >= 1


@pytest.mark.parametrize("visit", [{}, {"viewport": PHONE, "locale": "en-GB"}], indirect=True)
def test_everybody_can_read_it(visit: Visit) -> None:
    page = visit.open(QUESTION)
    keep(page, f"reach-{page.viewport_size['width'] if page.viewport_size else 0}")
    assert violations(page) == []
    width = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert width == 0
    if page.viewport_size and page.viewport_size["width"] > 1000:
        page.pdf(path=OUT / "reach.pdf", prefer_css_page_size=True)
