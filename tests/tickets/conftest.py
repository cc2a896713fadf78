"""Keys, a signer and tickets of tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.orm import Session

from mobigo.db.session import driver
from mobigo.tickets import service
from mobigo.tickets.model import Wanted
from mobigo.tickets.signer import Signer

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.engine import Engine

    from mobigo.tickets.model import Ticket

NOON = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
"""A Monday, noon in Paris."""


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    """Who signs, with keys of its own."""
    return Signer(tmp_path / "signer", "mobigo")


def want(**given: object) -> Wanted:
    """A day ticket, or what is given."""
    usual: dict[str, object] = {
        "product": "day",
        "version": 3,
        "category": "adult",
        "valid_from": NOON,
        "valid_until": NOON + timedelta(hours=15),
        "cents": 500,
        "vat_permille": 100,
    }
    return Wanted(**(usual | given))  # type: ignore[arg-type]


def issue_signed(engine: Engine, signer: Signer, *wanted: Wanted, now: datetime = NOON) -> list[Ticket]:
    """Issue tickets and sign their codes, as API and worker do."""
    with Session(engine) as session, session.begin():
        issued = service.issue(session, wanted, now=now)
    sign(engine, signer, now)
    with Session(engine) as session:
        return [service.get_ticket(session, one.id) for one in issued]


def sign(engine: Engine, signer: Signer, now: datetime = NOON) -> int:
    """Sign what waits, as the worker does."""
    with Session(engine) as session, session.begin():
        signer.keep_keys(driver(session), now)
    with Session(engine) as session:
        signed = service.sign_waiting(driver(session), signer, now)
        session.commit()
        return signed
