"""The pages of open data in a browser: what there is, how good it is, read by everybody."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.web.conftest import MONDAY, PHONE, keep, violations

from mobigo.opendata import watching
from mobigo.opendata.making import Publisher
from mobigo.opendata.service import Press
from mobigo.opendata.watching import Watch

if TYPE_CHECKING:
    from tests.web.conftest import Site, Visit

pytestmark = [pytest.mark.browser]
SET = "timetables-demonstration"


@pytest.fixture(scope="module")
def _watched(site: Site) -> None:
    """Publish, and look at the addresses for some days, one of them bad."""
    url = site.app.state.engine.url.render_as_string(hide_password=False)
    home = site.app.state.shelf._folder.parent
    publisher = Publisher("La Région", "https://region.example", f"{site.address}/opendata")
    Press(url, home, publisher, MONDAY).publish([SET])
    with pytest.MonkeyPatch.context() as calm:
        calm.setattr(watching, "PATIENCE", 120.0)  # nothing is too slow, however busy the machine is
        for days, where in ((3, "/opendata"), (2, "/nowhere"), (0, "/opendata")):
            seen = replace(publisher, url=f"{site.address}{where}")
            Watch(url, seen, MONDAY - timedelta(days=days)).run()


@pytest.mark.usefixtures("_watched")
@pytest.mark.parametrize("visit", [{}, {"viewport": PHONE, "locale": "en-GB"}], indirect=True)
@pytest.mark.parametrize("path", ["/opendata", f"/opendata/{SET}/", "/opendata/realtime/"])
def test_everybody_can_read_how_good_data_are(visit: Visit, path: str) -> None:
    page = visit.open(path)
    wide = page.viewport_size["width"] if page.viewport_size else 0
    page.locator(".strip").first.scroll_into_view_if_needed()
    keep(page, f"opendata{path.replace('/', '-').removeprefix('-opendata')}-{wide}")
    assert violations(page) == []
    assert page.locator(".strip .down").count() == 1
    assert page.locator(".strip .up").count() == 2
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
