"""What is noted of taps, to plan supply with: where and when a card was held to a reader, never which card."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobigo.ticketing.taps import Held, transport_day
from mobigo.trace.masks import ZONE
from mobigo.trace.model import Deed, Ride, Service
from mobigo.trace.noting import note_rides

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from sqlalchemy.orm import Session

    from mobigo.ticketing.taps import Tap

PRODUCT = "bank_card"


def note_taps(session: Session, taps: Iterable[Tap], outs: Collection[tuple[str, int]], now: datetime) -> None:
    """Note taps that were new, and let somebody through.

    Parameters
    ----------
    outs : collection of (device, number)
        Those with which somebody got off, where the reader could not tell.
    """
    note_rides(
        session,
        [
            (_read(tap, out=tap.held is Held.OUT or (tap.device, tap.seq) in outs), f"card:{tap.card}")
            for tap in taps
            if tap.accepted
        ],
        now,
    )


def _read(tap: Tap, *, out: bool) -> Ride:
    known = [one.partition(":") for one in (tap.trip, tap.route, tap.stop, tap.agency) if one]
    return Ride(
        day=tap.service_date or transport_day(tap.at, ZONE),
        hour=tap.at.astimezone(ZONE).hour,
        deed=Deed.ALIGHTED if out else Deed.BOARDED,
        service=Service.TRANSIT,
        source=known[0][0],
        route=(tap.route or "").partition(":")[2],
        trip=(tap.trip or "").partition(":")[2],
        stop=(tap.stop or "").partition(":")[2],
        product=PRODUCT,
    )
