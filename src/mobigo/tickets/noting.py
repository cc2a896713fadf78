"""What is noted of validations, to plan supply with: where and when somebody got on, never whose ticket it was."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from mobigo.tickets.check import Act
from mobigo.tickets.codes import Reason
from mobigo.trace.masks import ZONE
from mobigo.trace.model import Deed, Ride, Service
from mobigo.trace.noting import note_rides

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy.orm import Session

    from mobigo.tickets.events import Event

DAY_BEGINS = timedelta(hours=4)
"""Local: who gets on before then rides on the day before, where the device does not know better."""


def note_boardings(session: Session, events: Iterable[Event], now: datetime) -> None:
    """Note the validations of events that a device told, each as one boarding."""
    note_rides(
        session,
        [
            (_read(one), f"ticket:{one.ticket}" if one.ticket else None)
            for one in events
            if one.act is Act.VALIDATION and one.reason is Reason.OK
        ],
        now,
    )


def _read(event: Event) -> Ride:
    local = event.at.astimezone(ZONE)
    known = [one.partition(":") for one in (event.trip, event.route, event.stop, event.agency) if one]
    return Ride(
        day=event.service_date or (local - DAY_BEGINS).date(),
        hour=local.hour,
        deed=Deed.BOARDED,
        service=Service.TRANSIT,
        source=known[0][0] if known else "",
        route=(event.route or "").partition(":")[2],
        trip=(event.trip or "").partition(":")[2],
        stop=(event.stop or "").partition(":")[2],
        passengers=event.fellows,
        category=event.category or "",
        product=event.product or "",
    )
