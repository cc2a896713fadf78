"""What passengers owe for proven rides, posted to the ledger in the transaction that proves them.

The fare goes to the Region and not to the driver. It was frozen when the seat was booked. Nothing is collected here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobigo.ledger import service as ledger
from mobigo.ledger.model import Chart, Posting

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from mobigo.carpool.model import Seat

FARE, REFUND = "carpool_fare", "carpool_fare_refund"
"""Kinds of entries."""


def charge(session: Session, booking: Seat, *, by: str, at: datetime) -> int:
    """Post what the passenger of a validated booking owes; return the cents. Again, it is posted once."""
    if booking.cents:
        passenger = f"person:{booking.passenger}" if booking.passenger else f"operator:{booking.operator}"
        ledger.post(
            session,
            kind=FARE,
            reference=_reference(booking),
            postings=[
                Posting(Chart.TRAVELLERS, booking.cents, passenger),
                Posting(Chart.FARES, -booking.cents, f"run:{booking.run}"),
            ],
            key=f"carpool/{booking.id}/fare",
            by=by,
            at=at,
        )
    return booking.cents


def refund(session: Session, booking: Seat, *, by: str, at: datetime, note: str = "") -> int:
    """Post that the fare of a booking is not owed after all, where it was; return the cents."""
    for entry in ledger.list_entries(session, _reference(booking)):
        if entry.kind == FARE:
            ledger.reverse(session, entry.id, key=f"carpool/{booking.id}/refund", by=by, at=at, kind=REFUND, note=note)
            return booking.cents
    return 0


def _reference(booking: Seat) -> str:
    return f"carpool_booking:{booking.id}"
