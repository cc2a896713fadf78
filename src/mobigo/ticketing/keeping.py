"""What of orders is forgotten, and when: who bought, which rides it was for, what was answered."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from mobigo.db import answers
from mobigo.db.session import driver
from mobigo.payments import store as payments_store
from mobigo.payments.service import EVENTS_KEPT
from mobigo.ticketing import store

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

CONTACTS_KEPT = timedelta(days=30)
"""After the last ticket of an order has ended, and the sale, who bought it is forgotten."""

RIDES_KEPT = timedelta(hours=48)
"""After a ride has ended, an order does not say any more where and when it was; what it cost stays, for the books."""


def forget(session: Session, now: datetime) -> None:
    """Forget what is not needed any more."""
    connection = driver(session)
    store.forget_contacts(connection, now - CONTACTS_KEPT)
    store.forget_rides(connection, now - RIDES_KEPT)
    answers.forget(connection, "ticketing_answer", now)
    payments_store.forget_events(connection, now - EVENTS_KEPT)
