"""Tickets over HTTP, as travellers, staff and devices meet them."""

from __future__ import annotations

from base64 import b64decode, b64encode
from io import BytesIO
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pypdf import PdfReader
from tests.tickets.conftest import NOON, want

from mobigo.accounts.model import Role
from mobigo.tickets import codes, compact, railway
from mobigo.tickets.keys import read_set
from mobigo.tickets.model import Holder

if TYPE_CHECKING:
    from tests.tickets.conftest import Yard


def test_a_ticket_is_read_drawn_and_printed_by_its_key(yard: Yard) -> None:
    (ticket,) = yard.issue(want())
    said = yard.ask("GET", f"/{ticket.key}").json()
    assert (said["id"], said["state"], said["rides_used"]) == (ticket.id, "ready", 0)
    for format_ in ("compact", "uic"):
        assert yard.ask("GET", f"/{ticket.key}/code.svg?format={format_}").text.startswith("<svg")
        assert yard.ask("GET", f"/{ticket.key}/code.png?format={format_}").content[:4] == b"\x89PNG"
        code = yard.ask("GET", f"/{ticket.key}/code?format={format_}").json()
        verdict = yard.ask("POST", "/verify", json={"code": code["data"], "at": NOON.isoformat()}).json()
        assert (verdict["valid"], verdict["reason"]) == (True, "ok")
    paper = yard.ask("GET", f"/{ticket.key}/ticket.pdf")
    assert paper.content[:5] == b"%PDF-", paper.text


@pytest.mark.parametrize("path", ["", "/code", "/code.svg", "/ticket.pdf"])
def test_without_the_key_there_is_nothing(yard: Yard, path: str) -> None:
    answer = yard.ask("GET", f"/t{'A' * 22}{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_ticket")


def test_staff_look_after_a_ticket(yard: Yard) -> None:
    (ticket,) = yard.issue(want(account="ann"))
    why = {"why": "reported stolen"}
    assert yard.ask("GET", f"/numbers/{ticket.id}").status_code == 401
    assert yard.ask("GET", f"/numbers/{ticket.id}", Role.TRAVELLER).status_code == 403
    assert yard.ask("POST", f"/numbers/{ticket.id}/block", Role.DESK, json=why).json()["ticket"]["state"] == "blocked"
    code = yard.ask("GET", f"/{ticket.key}/code").json()["data"]
    verdict = yard.ask("POST", "/verify", json={"code": code, "at": NOON.isoformat()}).json()
    assert (verdict["valid"], verdict["reason"]) == (False, "denied")
    assert yard.ask("POST", f"/{ticket.key}/replacement", json=why).json()["code"] == "ticket_blocked"
    opened = yard.ask("POST", f"/numbers/{ticket.id}/opening", Role.DESK, json=why).json()
    assert opened["ticket"]["state"] == "ready"
    assert [line["what"] for line in opened["history"]] == ["issued", "signed", "blocked", "ready"]
    mine = yard.ask("GET", "/mine", Role.TRAVELLER, "ann").json()["tickets"]
    assert [one["id"] for one in mine] == [ticket.id]
    assert yard.ask("GET", "/mine", Role.TRAVELLER, "bob").json()["tickets"] == []


def test_a_ticket_bound_to_a_phone_is_shown_by_the_phone(yard: Yard) -> None:
    (ticket,) = yard.issue(want())
    phone = ec.generate_private_key(ec.SECP256R1())
    public = phone.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    body = {"public_key": b64encode(public).decode()}
    assert yard.ask("PUT", f"/{ticket.key}/phone", json={"public_key": "A" * 60}).json()["code"] == "invalid_phone_key"
    assert yard.ask("PUT", f"/{ticket.key}/phone", json=body).json()["bound_to_phone"] is True
    yard.issue()
    assert yard.ask("PUT", f"/{ticket.key}/phone", json=body).json()["serial"] == 2
    assert yard.ask("GET", f"/{ticket.key}/code.svg").json()["code"] == "bound_to_phone"
    for format_ in ("uic", "compact"):
        code = yard.ask("GET", f"/{ticket.key}/code?format={format_}").json()
        still = b64decode(code["data"])
        verdict = yard.ask("POST", "/verify", json={"code": code["data"], "at": NOON.isoformat()}).json()
        assert verdict["reason"] == "not_shown_by_phone"
        if format_ == "uic":
            shown = railway.show(still, NOON, lambda data: phone.sign(data, ec.ECDSA(SHA256())))
        else:
            halves = decode_dss_signature(phone.sign(compact.say_shown(still, NOON), ec.ECDSA(SHA256())))
            shown = compact.write_moving(still, NOON, b"".join(half.to_bytes(32) for half in halves))
        verdict = yard.ask("POST", "/verify", json={"code": shown.hex(), "at": NOON.isoformat()}).json()
        assert verdict["reason"] == "ok"


def test_keys_are_public(yard: Yard) -> None:
    (ticket,) = yard.issue(want())
    keys = read_set(yard.ask("GET", "/keys").json())
    code = b64decode(yard.ask("GET", f"/{ticket.key}/code?format=uic").json()["data"])
    assert codes.judge(code, keys, NOON).valid


def test_a_paper_says_whose_it_is_and_what_was_paid(yard: Yard) -> None:
    (ticket,) = yard.issue(want(holder=Holder("Zoé Dupré")))
    paper = PdfReader(BytesIO(yard.ask("GET", f"/{ticket.key}/ticket.pdf?language=en").content))
    text = paper.pages[0].extract_text()
    assert "Zoé Dupré" in text
    assert "5.00" in text
