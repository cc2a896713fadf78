"""The page of what is noted of use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.web.conftest import DESKTOP, PHONE, keep, violations

from mobigo.settings import Settings

if TYPE_CHECKING:
    import httpx
    from tests.web.conftest import Site, Visit


@pytest.mark.parametrize(("language", "says"), [("fr", "jamais des personnes"), ("en", "never people")])
def test_the_page_tells_what_is_kept_and_how_long(site: Site, http: httpx.Client, language: str, says: str) -> None:
    answer = http.get(f"{site.address}/noted", params={"lang": language})
    assert answer.status_code == 200
    assert says in answer.text
    for _, days in Settings.trace_days:
        assert (f"Gardé {days} jours." if language == "fr" else f"Kept for {days} days.") in answer.text
    assert answer.text.count("<strong>") == len(Settings.trace_days)


def test_every_page_leads_there(site: Site, http: httpx.Client) -> None:
    assert 'href="/noted' in http.get(f"{site.address}/").text


@pytest.mark.browser
@pytest.mark.parametrize("visit", [{"viewport": PHONE}, {"viewport": DESKTOP}], indirect=True)
def test_the_page_is_accessible_and_fits(visit: Visit) -> None:
    page = visit.open("/noted?lang=fr")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    keep(page, f"noted-{page.viewport_size['width'] if page.viewport_size else 0}")
