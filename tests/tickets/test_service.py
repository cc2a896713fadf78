"""A ticket from issue to its codes, and back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session
from tests.tickets.conftest import NOON, issue_signed, want

from mobigo.db.session import driver
from mobigo.tickets import codes, keys_store, store
from mobigo.tickets.codes import Reason
from mobigo.tickets.keys import Keyring
from mobigo.tickets.model import Format, TicketState

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from mobigo.tickets.signer import Signer


def test_a_ticket_is_issued_signed_and_judged(engine: Engine, signer: Signer) -> None:
    (ticket,) = issue_signed(engine, signer, want())
    assert ticket.state is TicketState.READY
    with Session(engine) as session:
        keys = Keyring(keys_store.list_keys(driver(session)))
        for format_ in Format:
            row = store.find_code(driver(session), ticket.id, format_)
            assert row
            verdict = codes.judge(row.data, keys, NOON)
            assert verdict.reason is Reason.OK, verdict
            assert verdict.claims
            assert verdict.claims.id == ticket.id
            assert codes.judge(row.data, keys, NOON + timedelta(days=2)).reason is Reason.EXPIRED
            assert codes.judge(row.data, Keyring([]), NOON).reason is Reason.UNKNOWN_KEY
