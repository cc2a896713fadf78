"""Codes that one shows and the other scans, positions, and what becomes of rides that they prove."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.orm import Session
from tests.carpool.riding import NOON, Riding

from mobigo.carpool import findings_store, proving_store
from mobigo.carpool.model import BookingState
from mobigo.carpool.proof import ProofClass
from mobigo.db.session import driver
from mobigo.ledger import service as ledger

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine


@pytest.fixture
def riding(engine: Engine) -> Riding:
    return Riding(engine)


def test_a_ride_that_was_scanned_and_located_is_validated_and_charged_once(riding: Riding) -> None:
    jean, ana = riding.person("jean", phone="06 11 11 11 11"), riding.person("ana", phone="06 22 22 22 22")
    run = riding.run(jean)
    booking = riding.book(run, ana)
    riding.scan(booking, jean, NOON + timedelta(minutes=1))
    riding.drive(run, jean, device="a")
    riding.drive(run, ana, device="b")
    ended = riding.end(run)
    riding.settle(run, ended)
    riding.settle(run, ended + timedelta(minutes=1))
    after = riding.read(booking.id)
    assert (after.state, after.proof) == (BookingState.VALIDATED, "C")
    with Session(riding.engine) as session:
        (one,) = proving_store.list_journeys(driver(session), run.id)
        assert (one.metres, one.proof, one.seats, one.cents) == (30_000, ProofClass.C, 1, 150)
        assert one.started_at == NOON + timedelta(minutes=1)
        entries = ledger.list_entries(session, f"carpool_booking:{booking.id}")
        assert len(entries) == 1
        assert findings_store.list_held(driver(session), [run.id]) == set()
