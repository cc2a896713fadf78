"""Pages of school transport in a real browser: the map, a stop dragged, a plan while it is made; nobody kept out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from tests.web.conftest import MONDAY, PHONE, follow, keep, violations
from tests.web.test_staff_browser import sign_in

from mobigo.accounts.model import Role
from mobigo.db.engine import libpq_conninfo
from mobigo.kit.clock import Clock
from mobigo.school import scenario_store, scenarios
from mobigo.school.register_service import Actor, import_file
from mobigo.school.sample import draw_register, read_district
from mobigo.school.yearplan import Effort

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page
    from tests.web.conftest import Visit

YEAR = "2026-2027"
HOME = "/staff/school"
STAFF = Actor("claire", "school", MONDAY)


class Planned:
    """Two scenarios of a small district, both planned, and a third whose plan is on its way."""

    def __init__(self, conninfo: str, home: Path) -> None:
        self.conninfo, self.home = conninfo, home
        sample = draw_register(*read_district(), pupils=60, seed=1, year=2026)
        with psycopg.connect(conninfo) as connection:
            import_file(connection, YEAR, sample.as_workbook(), "district.xlsx", STAFF)
            stop = sample.lists["seats"][0].stop
            self.today = self.make(connection, "Aujourd'hui", [])
            self.other = self.make(connection, "Un arrêt fermé", [{"kind": "stop", "stop": stop, "open": False}])
            self.waiting = scenarios.make_scenario(connection, YEAR, "En calcul", STAFF).id
            self.plan = scenarios.ask_plan(connection, self.waiting, Effort(seconds=60), STAFF)
        for scenario in (self.today, self.other):
            with psycopg.connect(conninfo) as connection:
                number = scenarios.ask_plan(connection, scenario, Effort(work=1), STAFF)
            scenarios.run_plan(
                lambda: psycopg.connect(conninfo, autocommit=True), number, home / "school-roads", Clock(),
                say=lambda _: None,
            )  # fmt: skip

    @staticmethod
    def make(connection: psycopg.Connection[Any], name: str, changes: list[dict[str, Any]]) -> str:
        made = scenarios.make_scenario(connection, YEAR, name, STAFF)
        scenarios.change_scenario(connection, made.id, changes, STAFF, revision=None)
        return made.id


@pytest.fixture(scope="module")
def planned(site: Any) -> Planned:  # noqa: ANN401  the served demonstration
    url = site.app.state.engine.url.render_as_string(hide_password=False)
    return Planned(libpq_conninfo(url), site.app.state.school_bench.roads.home)


def check_page(page: Page, name: str) -> None:
    keep(page, name)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.usefixtures("with_map")
@pytest.mark.parametrize("visit", [{}, {"locale": "en-GB", "color_scheme": "dark"}], indirect=True, ids=["fr", "en"])
def test_years_scenarios_and_comparisons_keep_nobody_out(visit: Visit, site: Any, planned: Planned) -> None:  # noqa: ANN401
    page = sign_in(visit, site.app, Role.SCHOOL, "claire", HOME)
    check_page(page, "school-years")
    follow(page.get_by_role("link", name=YEAR))
    check_page(page, "school-year")
    for address, name in (
        (f"{HOME}/scenarios/{planned.today}", "school-scenario"),
        (f"{HOME}/comparison?before={planned.today}&after={planned.other}", "school-comparison"),
    ):
        page.goto(visit.address + address)
        page.locator(".school-chart").scroll_into_view_if_needed()
        page.wait_for_selector(".school-chart[data-state=idle]")
        check_page(page, name)
        page.locator(".school-chart").scroll_into_view_if_needed()
        keep(page, f"{name}-map")


@pytest.mark.usefixtures("with_map")
def test_a_stop_is_dragged_and_what_breaks_is_said_at_once(visit: Visit, site: Any, planned: Planned) -> None:  # noqa: ANN401
    page = sign_in(visit, site.app, Role.SCHOOL, "claire", f"{HOME}/scenarios/{planned.today}")
    page.locator(".school-chart").scroll_into_view_if_needed()
    page.wait_for_selector(".school-chart[data-state=idle]")
    box = page.locator(".school-chart").bounding_box()
    assert box is not None
    found = None
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    # stops are drawn on a canvas: the pointer says over which there is one
    for radius in range(0, 240, 6):
        for dx, dy in ((radius, 0), (-radius, 0), (0, radius), (0, -radius), (radius, radius), (-radius, -radius)):
            page.mouse.move(middle[0] + dx, middle[1] + dy)
            if page.locator(".school-chart canvas").evaluate("canvas => canvas.style.cursor") == "grab":
                found = (middle[0] + dx, middle[1] + dy)
                break
        if found:
            break
    assert found is not None
    page.mouse.down()
    page.mouse.move(found[0] + 12, found[1] + 6, steps=4)
    page.mouse.up()
    page.wait_for_selector(".school-chart[data-tried=holds], .school-chart[data-tried=breaks]")
    said = page.locator("#map-said").inner_text()
    assert re.search(r"déplacé : \d+ courses changent", said)
    keep(page, "school-dragged")
    assert violations(page) == []
    page.get_by_role("button", name="Remettre").click()
    assert page.locator("#map-said").inner_text() == ""


def test_progress_comes_by_itself_and_the_best_is_kept_when_asked(visit: Visit, site: Any, planned: Planned) -> None:  # noqa: ANN401
    page = sign_in(visit, site.app, Role.SCHOOL, "claire", f"{HOME}/scenarios/{planned.waiting}")
    with psycopg.connect(planned.conninfo) as connection:
        scenario_store.begin_plan(connection, planned.plan, MONDAY)
        scenario_store.tell_progress(
            connection, planned.plan, "morning 12345", {"vehicles": 9, "bound": 8, "cents": 9_100}
        )
    page.wait_for_selector("#progress-rows td")
    assert page.locator("#progress-rows tr").first.inner_text().split("\t")[1:] == [
        "9",
        "8",
        "11,1\u00a0%",
        "91,00\u00a0€",
        "\u2013",
    ]
    assert "calcul en cours" in page.locator("#progress-said").inner_text()
    keep(page, "school-progress")
    assert violations(page) == []
    follow(page.get_by_role("button", name="Arrêter et garder le meilleur"))
    with psycopg.connect(planned.conninfo) as connection:
        assert scenario_store.is_cancelled(connection, planned.plan)
        scenario_store.fail_plan(connection, planned.plan, "stopped by a test", MONDAY)
    page.wait_for_selector("[role=alert]")
    assert "stopped by a test" in page.locator("[role=alert]").inner_text()


@pytest.mark.usefixtures("text_only")
@pytest.mark.parametrize("visit", [{"java_script_enabled": False, "viewport": PHONE}], indirect=True)
def test_without_scripts_a_change_is_tried_on_a_small_screen(visit: Visit, site: Any, planned: Planned) -> None:  # noqa: ANN401
    page = sign_in(visit, site.app, Role.SCHOOL, "claire", f"{HOME}/scenarios/{planned.other}")
    page.get_by_text("Changer un horaire").click()
    page.get_by_label("Nouvelle heure").fill("05:00")
    follow(page.get_by_role("button", name="Essayer sur le plan").locator("visible=true"))
    assert "matin à 05:00" in page.locator("[role=status]").first.inner_text()
    follow(page.get_by_role("button", name="Ajouter").first)
    assert "matin à 05:00" in page.locator("#changes + ol, .changes").first.inner_text()
    keep(page, "school-tried-phone")
