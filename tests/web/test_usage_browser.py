"""The page about use in a real browser: the demonstration with a week of imagined use, nobody kept out."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.web.conftest import MONDAY, follow, keep, violations
from tests.web.test_staff_browser import sign_in

from mobigo.accounts.model import Role
from mobigo.usage.imagining import imagine
from mobigo.usage.service import count_day, plan_tasks

if TYPE_CHECKING:
    from tests.web.conftest import Visit

HOME = "/staff/usage"
WEEK = [date(2026, 11, 16) + timedelta(days=number) for number in range(7)]
ASKED = "?from=2026-11-16&to=2026-11-22"


@pytest.fixture(scope="module", autouse=True)
def used(site: Any) -> None:  # noqa: ANN401
    url = site.app.state.engine.url.render_as_string(hide_password=False)
    imagine(url, WEEK, 400, 1)
    for task in plan_tasks(url, WEEK, MONDAY):
        count_day(task)


@pytest.mark.usefixtures("with_map")
@pytest.mark.parametrize("visit", [{}, {"locale": "en-GB", "color_scheme": "dark"}], indirect=True, ids=["fr", "en"])
def test_a_week_is_read_on_one_screen_and_nobody_is_kept_out(visit: Visit, site: Any) -> None:  # noqa: ANN401
    page = sign_in(visit, site.app, Role.FINANCE, "claire", HOME)
    page.goto(visit.address + HOME + ASKED)
    assert page.locator(".key li").count() == 16  # fares of lines whose cost nobody knows stand apart
    assert page.locator(".findings li").count() > 2
    chart = page.locator(".usage-chart")
    chart.scroll_into_view_if_needed()
    page.wait_for_selector(".usage-chart[data-state=idle]")
    assert int(chart.get_attribute("data-communes") or 0) > 10
    keep(page, f"usage-{page.locator('html').get_attribute('lang')}")
    assert violations(page) == []


@pytest.mark.usefixtures("text_only")
@pytest.mark.parametrize(
    "visit", [{"java_script_enabled": False, "viewport": {"width": 320, "height": 640}}], indirect=True
)
def test_without_scripts_on_a_small_screen_the_period_is_changed_and_a_file_taken(visit: Visit, site: Any) -> None:  # noqa: ANN401
    page = sign_in(visit, site.app, Role.DISPATCHER, "dominique", HOME)
    page.get_by_label("Du", exact=True).fill("2026-11-16")
    page.get_by_label("Au", exact=True).fill("2026-11-20")
    page.get_by_label("Jours", exact=True).select_option("school_day")
    follow(page.get_by_role("button", name="Afficher"))
    assert "5 jours comptés sur 5" in page.locator("main").inner_text()
    with page.expect_download() as loading:
        page.get_by_role("link", name="Tout le classeur").click()
    assert loading.value.suggested_filename == "workbook-2026-11-16-2026-11-20.xlsx"


@pytest.mark.usefixtures("text_only")
@pytest.mark.parametrize("visit", [{"viewport": {"width": 320, "height": 640}}], indirect=True)
def test_at_320_pixels_nothing_is_cut_off(visit: Visit, site: Any) -> None:  # noqa: ANN401
    page = sign_in(visit, site.app, Role.FINANCE, "claire", HOME)
    for path in (HOME + ASKED, f"{HOME}/trip{ASKED}&trip=demonstration:120_r1", f"{HOME}/rates"):
        page.goto(visit.address + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
        assert violations(page) == [], path
