"""What is owed for rides, posted to the ledger in the transaction that makes it so. Nothing is collected here.

=================  =============================================================================================
confirmed          the traveller owes the fare; the operator has sold a ride that it has not driven yet
completed          the ride is driven: the fare is earned
ended in any       the fare is not owed any more (a refund, where it was paid)
other way
cancelled late,    the traveller owes what the service asks for that
did not appear
=================  =============================================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobigo.ledger import service as ledger
from mobigo.ledger.model import Chart, Posting

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from mobigo.ondemand.model import BookedLeg, Booking

FARE, EARNED, REFUND, LATE, ABSENT = "fare", "fare_earned", "refund", "late_cancellation", "no_show"
"""Kinds of entries."""


def _parties(booking: Booking, leg: BookedLeg) -> tuple[str, str]:
    return f"booking:{booking.reference}", f"operator:{leg.operator}"


def _post(
    session: Session, booking: Booking, leg: BookedLeg, kind: str, postings: list[Posting], *, by: str, now: datetime
) -> None:
    ledger.post(
        session,
        kind=kind,
        reference=f"booking:{booking.reference}",
        postings=postings,
        key=f"ondemand/{leg.id}/{kind}",
        by=by,
        at=now,
    )


def owe_fare(session: Session, booking: Booking, leg: BookedLeg, *, by: str, now: datetime) -> None:
    """Post that a confirmed ride is to be paid, where it costs anything."""
    if leg.offer.cents:
        traveller, operator = _parties(booking, leg)
        owed = [
            Posting(Chart.TRAVELLERS, leg.offer.cents, traveller),
            Posting(Chart.DEFERRED, -leg.offer.cents, operator),
        ]
        _post(session, booking, leg, FARE, owed, by=by, now=now)


def earn_fare(session: Session, booking: Booking, leg: BookedLeg, *, by: str, now: datetime) -> None:
    """Post that the ride was driven."""
    if leg.offer.cents:
        _, operator = _parties(booking, leg)
        earned = [Posting(Chart.DEFERRED, leg.offer.cents, operator), Posting(Chart.FARES, -leg.offer.cents, operator)]
        _post(session, booking, leg, EARNED, earned, by=by, now=now)


def refund_fare(session: Session, booking: Booking, leg: BookedLeg, *, by: str, now: datetime) -> int:
    """Post that the fare of a ride that does not take place is not owed; return the cents."""
    if not leg.offer.cents:
        return 0
    traveller, operator = _parties(booking, leg)
    undone = [
        Posting(Chart.DEFERRED, leg.offer.cents, operator),
        Posting(Chart.TRAVELLERS, -leg.offer.cents, traveller),
    ]
    _post(session, booking, leg, REFUND, undone, by=by, now=now)
    return leg.offer.cents


def owe_penalty(
    session: Session, booking: Booking, leg: BookedLeg, kind: str, cents: int, *, by: str, now: datetime
) -> int:
    """Post what is due for a late cancellation (`LATE`) or an absence (`ABSENT`); return the cents."""
    if cents:
        traveller, operator = _parties(booking, leg)
        due = [Posting(Chart.TRAVELLERS, cents, traveller), Posting(Chart.PENALTIES, -cents, operator)]
        _post(session, booking, leg, kind, due, by=by, now=now)
    return cents


def find_owed(session: Session, booking: Booking, leg_id: str) -> int:
    """Return the cents that the traveller owes for a ride by now, paid or not: its fare, or what its end costs."""
    entries = ledger.list_entries(session, f"booking:{booking.reference}")
    mine = [entry for entry in entries if entry.key.startswith(f"ondemand/{leg_id}/")]
    return sum(one.cents for entry in mine for one in entry.postings if one.account == Chart.TRAVELLERS)


def find_fares(session: Session, booking: Booking) -> int:
    """Return the fares of a booking that are owed, paid or not: of rides that are to come or were driven."""
    entries = ledger.list_entries(session, f"booking:{booking.reference}")
    fares = [entry for entry in entries if entry.kind in (FARE, REFUND)]
    return sum(one.cents for entry in fares for one in entry.postings if one.account == Chart.TRAVELLERS)


def waive_penalty(session: Session, booking: Booking, leg: BookedLeg, kind: str, *, by: str, now: datetime) -> int:
    """Post that a penalty is not asked for after all; return the cents."""
    entries = [one for one in ledger.list_entries(session, f"booking:{booking.reference}") if one.kind == kind]
    key = f"ondemand/{leg.id}/{kind}"
    for entry in entries:
        if entry.key == key:
            ledger.reverse(session, entry.id, key=f"{key}/waived", by=by, at=now, kind=f"{kind}_waived")
            return sum(posting.cents for posting in entry.postings if posting.account == Chart.TRAVELLERS)
    return 0
