"""Pages of communes in a browser, and on paper."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pypdf
import pytest
from tests.web.conftest import OUT, PHONE, keep, violations

if TYPE_CHECKING:
    from tests.web.conftest import Visit

pytestmark = [pytest.mark.browser]


@pytest.mark.parametrize("visit", [{}, {"viewport": PHONE, "locale": "en-GB"}], indirect=True)
@pytest.mark.parametrize("key", ["brain", "dijon", "semur-en-auxois"])
def test_everybody_can_read_a_page(visit: Visit, key: str) -> None:
    page = visit.open(f"/communes/{key}")
    keep(page, f"commune-{key}-{page.viewport_size['width'] if page.viewport_size else 0}")
    assert violations(page) == []
    width = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert width == 0


def test_the_list_can_be_read(visit: Visit) -> None:
    page = visit.open("/communes")
    keep(page, "communes")
    assert violations(page) == []
    page.get_by_label("Nom ou code").fill("semur en auxois")
    page.keyboard.press("Enter")
    page.wait_for_url("**/communes/semur-en-auxois")


@pytest.mark.parametrize("key", ["brain", "dijon", "semur-en-auxois"])
def test_a_page_is_one_sheet_of_paper(visit: Visit, key: str) -> None:
    page = visit.open(f"/communes/{key}")
    OUT.mkdir(exist_ok=True)
    raw = page.pdf(path=OUT / f"commune-{key}.pdf", prefer_css_page_size=True)
    paper = pypdf.PdfReader(io.BytesIO(raw))
    assert len(paper.pages) == 1
    assert round(float(paper.pages[0].mediabox.height)) in {841, 842}
    assert f"/communes/{key}" in paper.pages[0].extract_text()
