"""The demonstration region served for real, and a real browser to look at it."""

from __future__ import annotations

import shutil
import sys
from ctypes.util import find_library
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright
from tests.conftest import new_database, serve

from mobigo.cli.region import load_demonstration
from mobigo.db.engine import open_engine
from mobigo.journeys.service import build_network
from mobigo.kit.clock import Clock
from mobigo.web.app import create_app
from mobigo.web.assets import SETUP, STATIC, read_assets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI
    from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request, Response

ROOT = Path(__file__).parents[2]
OUT = ROOT / "out"
AXE = ROOT / "node_modules/axe-core/axe.min.js"

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-unsafe-swiftshader",
    "--lang=fr-FR",
)

MONDAY = datetime(2026, 11, 23, 6, 40, tzinfo=UTC)

PATIENCE = 180_000
"""Milliseconds that a page may take on a machine that does much else."""

PLAN = "/?from=Semur-en-Auxois&to=Dijon&date=2026-11-23&time=07:00&window=480"

DESKTOP = {"width": 1360, "height": 850}
PHONE = {"width": 390, "height": 844}


@dataclass(frozen=True)
class Site:
    """The served demonstration."""

    address: str
    app: FastAPI


@pytest.fixture(scope="session")
def site(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Serve the demonstration region on a Monday morning."""
    home = tmp_path_factory.mktemp("site")
    clock = Clock(home / "clock.json")
    clock.move(MONDAY, 0)
    with new_database(test_cluster) as url:
        load_demonstration(url, clock)
        build_network(url, home, clock.now())
        engine = open_engine(url)
        app = create_app(engine=engine, clock=clock, home=home)
        with serve(app) as address:
            httpx.get(address + PLAN, timeout=600).raise_for_status()  # no page waits until kernels are compiled
            yield Site(address, app)
        engine.dispose()


@pytest.fixture(scope="session")
def http() -> Iterator[httpx.Client]:
    """A client for `site`."""
    with httpx.Client(timeout=120) as client:
        yield client


@pytest.fixture(scope="session")
def with_map(site: Site) -> None:
    """Skip where the map's files are not installed."""
    if "maplibre-gl" not in site.app.state.assets.packages:
        pytest.skip(f"the browser files are not installed: {SETUP}")


@pytest.fixture
def text_only(site: Site, tmp_path: Path) -> Iterator[None]:
    """The installation of a plain clone: no file of any npm package."""
    for file in STATIC.iterdir():
        if file.is_file():
            shutil.copy(file, tmp_path)
    installed, site.app.state.assets = site.app.state.assets, read_assets(tmp_path)
    yield
    site.app.state.assets = installed


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start the system's Chromium, without a screen; while it is driven, no other loop runs in this process."""
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM}: apt-get install chromium")
    if find_library("atomic") is None:
        pytest.skip("what drives Chromium does not start: apt-get install libatomic1")
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS), timeout=PATIENCE)
        yield browser
        browser.close()


@dataclass
class Visit:
    """Pages of one visitor, and what they asked for and complained about."""

    context: BrowserContext
    address: str
    asked: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        """Open a page of the site."""
        page = self.context.new_page()
        page.on("request", self._note_request)
        page.on("response", self._note_response)
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(self.address + path)
        return page

    def _note_request(self, request: Request) -> None:
        self.asked.append(request.url)

    def _note_response(self, response: Response) -> None:
        if response.status >= 400:
            self.failed.append(f"{response.status} {response.url}")

    def check(self) -> None:
        """Everything came from the site, and nothing went wrong."""
        assert [url for url in self.asked if not url.startswith((self.address, "data:", "blob:"))] == []
        assert self.failed == []
        assert self.complaints == []


@pytest.fixture
def visit(site: Site, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """A visitor; a test says how they browse by ``@pytest.mark.parametrize("visit", [{...}], indirect=True)``."""
    options = {"viewport": DESKTOP, "locale": "fr-FR", **getattr(request, "param", {})}
    context = browser.new_context(**options)
    context.set_default_timeout(PATIENCE)
    visit = Visit(context, site.address)
    yield visit
    visit.check()
    context.close()


def follow(link: Locator) -> None:
    """Click what leads to another page, and wait until that page is there: a click alone returns on the old one."""
    with link.page.expect_navigation():
        link.click()


def keep(page: Page, name: str) -> Path:
    """Keep a picture of a page in ``out/`` and say where, for ``pytest -s``."""
    OUT.mkdir(exist_ok=True)
    path = OUT / f"{name}.png"
    page.screenshot(path=path)
    sys.stdout.write(f"picture: {path}\n")
    return path


def wait_for_map(page: Page) -> dict[str, str]:
    """Bring the map into view and wait until it has drawn everything; what it drew."""
    page.locator(".chart").scroll_into_view_if_needed()
    page.wait_for_selector(".chart[data-state=idle]")
    return dict(page.locator(".chart").evaluate("chart => ({...chart.dataset})"))


def violations(page: Page) -> list[str]:
    """Run axe on a page: WCAG 2.2 A and AA, and best practice."""
    if not AXE.exists():
        pytest.skip("axe-core is not installed: npm ci --ignore-scripts")
    page.wait_for_load_state()
    page.evaluate(AXE.read_text())
    found = page.evaluate(
        """axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})
           .then(({violations}) => violations.flatMap(one => one.nodes.map(node => `${one.id}: ${node.html}`)))"""
    )
    return list(found)
