"""Tickets over HTTP, as travellers, staff and devices meet them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.tickets.conftest import NOON, issue_signed, want

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine
    from tests.conftest import AppClient

    from mobigo.tickets.signer import Signer


def test_a_ticket_is_read_drawn_and_printed_by_its_key(client: AppClient, engine: Engine, signer: Signer) -> None:
    (ticket,) = issue_signed(engine, signer, want())
    said = client.get(f"/v1/tickets/{ticket.key}").json()
    assert (said["id"], said["state"], said["rides_used"]) == (ticket.id, "ready", 0)
    for format_ in ("compact", "uic"):
        assert client.get(f"/v1/tickets/{ticket.key}/code.svg?format={format_}").text.startswith("<svg")
        assert client.get(f"/v1/tickets/{ticket.key}/code.png?format={format_}").content[:4] == b"\x89PNG"
        code = client.get(f"/v1/tickets/{ticket.key}/code?format={format_}").json()
        verdict = client.post("/v1/tickets/verify", json={"code": code["data"], "at": NOON.isoformat()}).json()
        assert (verdict["valid"], verdict["reason"]) == (True, "ok")
    paper = client.get(f"/v1/tickets/{ticket.key}/ticket.pdf")
    assert paper.content[:5] == b"%PDF-", paper.text


@pytest.mark.parametrize("path", ["", "/code", "/code.svg", "/ticket.pdf"])
def test_without_the_key_there_is_nothing(client: AppClient, path: str) -> None:
    answer = client.get(f"/v1/tickets/t{'A' * 22}{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_ticket")
