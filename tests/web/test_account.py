"""A traveller's own page, in a real browser on a phone: what is theirs is there, and each button does what it says."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.ticketing.test_taps_api import Office, office, tap  # noqa: F401 - the fixture is used
from tests.tickets.conftest import NOON
from tests.web.conftest import PATIENCE, PHONE, follow, keep, violations

from mobigo.accounts.key import read_key
from mobigo.accounts.model import Role
from mobigo.accounts.token import issue
from mobigo.web.signin import COOKIE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Page


@pytest.fixture
def phone(browser: Browser, office: Office) -> Iterator[BrowserContext]:  # noqa: F811 - the fixture
    """The phone of somebody who has signed in."""
    office.clock.move(NOON, 0)
    context = browser.new_context(viewport=PHONE, locale="en-GB", java_script_enabled=True)
    context.set_default_timeout(PATIENCE)
    token = issue(read_key(office.home), "ana", Role.TRAVELLER, NOON, timedelta(days=400))
    context.add_cookies([{"name": COOKIE, "value": token, "url": office.address}])
    yield context
    context.close()


def press(page: Page, name: str) -> str:
    """Press a button, and return what the page says then."""
    follow(page.get_by_role("button", name=name).first)
    return page.locator(".notice[role=status], .notice[role=alert]").first.inner_text()


def test_everything_of_a_traveller_is_on_their_page(office: Office, phone: BrowserContext) -> None:  # noqa: F811
    page = phone.new_page()
    page.goto(f"{office.address}/account?lang=en")
    assert "No ticket yet" in page.inner_text("main")
    assert not page.locator("#product").count()  # who has told no name is asked for it first
    page.locator("#name").fill("Ana")
    page.get_by_label("E-mail address").fill("ana@example.org")
    assert press(page, "Keep") == "Your details are kept."

    page.locator("#product").select_option("coach_month")
    assert press(page, "Begin") == "The season ticket is kept; it renews by itself."
    (key, serial), *rest = office.read("SELECT key, serial FROM ticket")
    assert rest == []
    assert "Renews by itself." in page.inner_text("main")
    assert press(page, "Pause") == "The season ticket is changed."
    assert "Paused: nothing is bought." in page.inner_text("main")
    assert press(page, "Resume") == "The season ticket is changed."

    assert press(page, "Lost: make a new one").startswith("Your ticket has a new code")
    ((given, after),) = office.read("SELECT key, serial FROM ticket WHERE state <> 'void'")
    assert (given != key, after) == (True, serial + 1)

    device = office.enrol()
    visa = {"token": {"method": "pm_card_visa"}, "last_digits": "4242"}
    assert office.send(device, tap(1, "ana", -300, **visa)) == ["stored"]
    office.clock.move(NOON + timedelta(days=1), 0)
    office.worker.count()
    page.get_by_label("Number of a charge").fill("2222 2222 2222")
    assert "charge" in press(page, "Link my card").lower()
    page.get_by_label("Number of a charge").fill(office.find_charge().lower())
    assert press(page, "Link my card") == "The bank card is linked to your account."
    text = page.inner_text("main")
    assert "Card •••• 4242" in text
    assert "€1.50 · paid" in text
    receipt = page.get_by_role("link", name="Receipt").get_attribute("href")
    paper = httpx.get(f"{office.address}{receipt}", timeout=120)
    assert paper.headers["content-type"] == "application/pdf"
    assert "Order" in page.inner_text("section:has(#orders)")

    for language in ("en", "fr"):
        page.goto(f"{office.address}/account?lang={language}")
        assert violations(page) == []
        keep(page, f"account-{language}")
    page.goto(f"{office.address}/account?lang=en")
    assert press(page, "Unlink") == "The bank card is not linked any more."
    assert "4242" not in page.inner_text("main")


def test_who_has_not_signed_in_is_sent_to_do_so_and_nobody_else_sees_it(office: Office) -> None:  # noqa: F811
    away = httpx.get(f"{office.address}/account", timeout=120)
    assert (away.status_code, away.headers["location"]) == (303, "/sign-in?next=/account")
    token = issue(read_key(office.home), "dora", Role.TRAVELLER, office.now, timedelta(hours=1))
    other = httpx.get(f"{office.address}/account", cookies={COOKIE: token}, timeout=120)
    assert other.status_code == 200
    assert "ana@example.org" not in other.text
    assert other.headers["cache-control"] == "private, no-store"
    elsewhere = httpx.post(
        f"{office.address}/account/profile",
        data={"name": "Eve"},
        cookies={COOKIE: token},
        headers={"Origin": "https://evil.example"},
        timeout=120,
    )
    assert elsewhere.status_code == 403
    desk = issue(read_key(office.home), "desk", Role.DESK, office.now, timedelta(hours=1))
    assert httpx.get(f"{office.address}/account", cookies={COOKIE: desk}, timeout=120).status_code == 403
