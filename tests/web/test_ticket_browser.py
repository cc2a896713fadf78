"""A ticket bound to the phone that shows it, in a real browser: its codes move, and no copy of one is good for long."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import pytest
import segno
import zxingcpp
from PIL import Image
from tests.tickets.conftest import sign, want, yard  # noqa: F401 - the fixture is used
from tests.web.conftest import PATIENCE, PHONE, keep, violations

from mobigo.tickets import compact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Page
    from tests.tickets.conftest import Yard

SHOWN = "#phone [data-is=shown]:visible"


@pytest.fixture
def phone(browser: Browser) -> Iterator[BrowserContext]:
    """A phone, as finely drawn as they are."""
    context = browser.new_context(viewport=PHONE, locale="en-GB", device_scale_factor=3)
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()


def take_picture(page: Page) -> bytes:
    """Read the code from a picture of the page, by a decoder that is not ours."""
    picture = Image.open(BytesIO(page.screenshot(full_page=True))).convert("L")
    (found,) = zxingcpp.read_barcodes(np.asarray(picture), zxingcpp.BarcodeFormat.QRCode)  # nothing else looks like one
    return bytes(found.bytes)


def verify(home: Yard, code: bytes) -> str:
    """Ask what is thought of a code."""
    answer = home.ask("POST", "/verify", json={"code": code.decode()})
    assert answer.status_code == 200, answer.text
    reason: str = answer.json()["reason"]
    return reason


def bind(home: Yard, page: Page, key: str, language: str = "en") -> None:
    """Bind a ticket to a phone, and let the worker sign its code."""
    page.goto(f"{home.address}/tickets/{key}?lang={language}")
    with page.expect_response(f"**/v1/tickets/{key}/phone") as told:
        page.locator("#phone button:visible").click()
    assert told.value.status == 200
    sign(home.engine, home.signer, home.now)
    page.wait_for_selector(SHOWN)


def test_a_ticket_is_bound_to_the_phone_that_shows_it(yard: Yard, phone: BrowserContext) -> None:  # noqa: F811 - likewise
    (ticket,) = yard.issue(want())
    page = phone.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None)
    page.goto(f"{yard.address}/tickets/{ticket.key}?lang=en")
    printed = take_picture(page)
    assert verify(yard, printed) == "ok"

    bind(yard, page, ticket.key)
    keep(page, "ticket-on-this-phone")
    first = take_picture(page)
    assert compact.read(compact.read_text(first.decode())).shown_at is not None
    assert verify(yard, first) == "ok"
    assert verify(yard, printed) in {"replaced", "not_shown_by_phone"}
    assert page.locator("img").count() == 0  # no still picture of it
    assert page.locator("[data-unless=shown]:visible").count() == 0
    assert violations(page) == []

    # it is made anew by itself, and the phone's key cannot be taken out of it
    drawn = page.locator("#phone").get_attribute("data-drawn")
    page.wait_for_function("before => document.getElementById('phone').dataset.drawn !== before", arg=drawn)
    second = take_picture(page)
    assert second != first
    assert verify(yard, second) == "ok"
    assert page.evaluate(
        """async () => {
          const asked = indexedDB.open('mobigo-tickets');
          const database = await new Promise(done => { asked.onsuccess = () => done(asked.result); });
          const all = database.transaction('phone').objectStore('phone').getAll();
          const [{pair}] = await new Promise(done => { all.onsuccess = () => done(all.result); });
          return pair.privateKey.extractable;
        }"""
    ) is False  # fmt: skip

    # a screenshot is worth nothing a little later
    yard.clock.move(yard.now + timedelta(minutes=10), 0)  # the page counted on from when it was opened
    assert verify(yard, second) == "shown_too_long_ago"
    page.reload()
    page.wait_for_selector(SHOWN)
    assert verify(yard, take_picture(page)) == "ok"
    assert complaints == []


def test_it_is_shown_where_there_is_no_network(yard: Yard, phone: BrowserContext) -> None:  # noqa: F811 - likewise
    (ticket,) = yard.issue(want())
    page = phone.new_page()
    bind(yard, page, ticket.key, "fr")
    page.wait_for_selector("#phone[data-kept=yes]")
    phone.set_offline(True)
    drawn = page.locator("#phone").get_attribute("data-drawn")
    page.wait_for_function("before => document.getElementById('phone').dataset.drawn !== before", arg=drawn)
    assert verify(yard, take_picture(page)) == "ok"
    page.reload()
    page.wait_for_selector(SHOWN)
    assert page.locator("html").get_attribute("lang") == "fr"
    assert verify(yard, take_picture(page)) == "ok"


def test_another_phone_takes_it_over(yard: Yard, phone: BrowserContext, browser: Browser) -> None:  # noqa: F811 - likewise
    (ticket,) = yard.issue(want())
    first = phone.new_page()
    bind(yard, first, ticket.key)
    before = take_picture(first)
    with browser.new_context(viewport=PHONE, device_scale_factor=3) as other:
        other.set_default_timeout(PATIENCE)
        second = other.new_page()
        bind(yard, second, ticket.key)
        assert verify(yard, take_picture(second)) == "ok"
    assert verify(yard, before) in {"replaced", "denied"}
    first.reload()
    first.wait_for_selector("#phone [data-is=elsewhere]:visible")
    assert first.locator(SHOWN).count() == 0


def test_without_scripts_the_page_stays_as_it_is(yard: Yard, browser: Browser) -> None:  # noqa: F811 - likewise
    (ticket,) = yard.issue(want())
    with browser.new_context(viewport=PHONE, java_script_enabled=False, device_scale_factor=3) as context:
        page = context.new_page()
        page.goto(f"{yard.address}/tickets/{ticket.key}")
        assert not page.locator("#phone").is_visible()
        assert verify(yard, take_picture(page)) == "ok"


def test_symbols_are_those_of_a_library_in_all_sizes(yard: Yard, phone: BrowserContext) -> None:  # noqa: F811 - likewise
    """Versions 1 to 40, by what fills each."""
    (ticket,) = yard.issue(want())
    page = phone.new_page()
    page.goto(f"{yard.address}/tickets/{ticket.key}")
    page.wait_for_selector("#phone [data-is=offer]:visible")
    source = page.locator("script[src$='ticket.js']").get_attribute("src") or ""
    signs = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
    lengths = (1, 20, 60, 61, 90, 122, 154, 178, 262, 311, 419, 528, 734, 970, 1326, 1540, 2113, 2632, 3054, 3391)
    texts = ["".join(signs[(7 * n * n + n) % 45] for n in range(length)) for length in lengths]
    made = page.evaluate(
        """async ([source, texts]) => {
          const {make} = await import(source.replace('ticket.js', 'qr.js'));
          return texts.map((text, n) => make(text, n % 8).map(row => row.map(Number)));
        }""",
        [source, texts],
    )
    for n, (text, modules) in enumerate(zip(texts, made, strict=True)):
        symbol = segno.make_qr(text, error="m", mode="alphanumeric", boost_error=False, mask=n % 8)
        assert modules == [[int(one) for one in row] for row in symbol.matrix], len(text)
