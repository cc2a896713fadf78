"""A ticket on its page, as whoever has its address sees it."""

from __future__ import annotations

import re
from datetime import timedelta
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import zxingcpp
from PIL import Image
from sqlalchemy.orm import Session
from tests.tickets.conftest import NOON, want, yard  # noqa: F401 - the fixture is used

from mobigo.tickets import service
from mobigo.tickets.model import Holder

if TYPE_CHECKING:
    from tests.tickets.conftest import Yard


def test_a_ticket_is_shown_with_its_code_in_both_languages(yard: Yard) -> None:  # noqa: F811 - likewise
    (ticket,) = yard.issue(want(holder=Holder("Zoé <Dupré>"), rides=10, valid_until=NOON + timedelta(days=9)))
    with yard.call() as http:
        french = http.get(f"/tickets/{ticket.key}?lang=fr")
        assert french.headers["Cache-Control"] == "private, no-store"
        assert "Zoé &lt;Dupré&gt;" in french.text
        assert "encore 10 sur 10" in french.text
        english = http.get(f"/tickets/{ticket.key}?lang=en&code=uic").text
        assert "10 of 10 left" in english
        for text, format_ in ((french.text, "QRCode"), (english, "Aztec")):
            found = re.search(r'href="(/v1/tickets/\S+code\.png\S+?)"', text)
            assert found
            picture = np.asarray(Image.open(BytesIO(http.get(found[1]).content)).convert("L"))
            kinds = (zxingcpp.BarcodeFormat.QRCode, zxingcpp.BarcodeFormat.AztecCode)
            (symbol,) = zxingcpp.read_barcodes(picture, kinds)  # in some patterns there are bars of other kinds
            assert symbol.format.name == format_


def test_what_cannot_be_shown_says_why(yard: Yard) -> None:  # noqa: F811 - likewise
    blocked, waiting, ended = yard.issue(want(), want(), want(valid_until=NOON + timedelta(hours=1)))
    with Session(yard.engine) as session, session.begin():
        service.block(session, blocked.id, why="fraud", now=NOON)
        waiting = service.replace(session, waiting.id, why="lost", now=NOON)
    with yard.call() as http:
        for key, said in ((blocked.key, "blocked"), (waiting.key, "being signed"), (ended.key, "no longer valid")):
            text = http.get(f"/tickets/{key}?lang=en").text
            assert said in text
        assert http.get("/tickets/nothing").status_code == 404
        assert http.get(f"/tickets/t{'A' * 22}").status_code == 404


def test_a_code_that_somebody_saw_is_replaced_on_the_page(yard: Yard) -> None:  # noqa: F811 - likewise
    blocked, ticket = yard.issue(want(), want())
    with Session(yard.engine) as session, session.begin():
        service.block(session, blocked.id, why="fraud", now=NOON)
    with yard.call() as http:
        went = http.post(f"/tickets/{ticket.key}/replacement", headers={"Sec-Fetch-Site": "same-origin"})
        assert went.status_code == 303
        assert http.get(f"/tickets/{ticket.key}").status_code == 404
        assert ticket.id[:4] in http.get(went.headers["Location"]).text
        refused = http.post(f"/tickets/{blocked.key}/replacement", headers={"Sec-Fetch-Site": "same-origin"})
        assert "cannot be replaced" in http.get(f"{refused.headers['Location']}&lang=en").text
