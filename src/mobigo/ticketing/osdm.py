"""OSDM's names for what we sell: what the outside reads of parts of an order.

References
----------
Open Sales and Distribution Model (UIC IRS 90918-10), BookingPartStatus and the types of offer parts.
"""

from __future__ import annotations

from mobigo.ticketing.model import PartKind, PartState

STATUS: dict[PartState, str] = {
    PartState.ON_HOLD: "ON_HOLD",
    PartState.CONFIRMED: "CONFIRMED",
    PartState.FULFILLED: "FULFILLED",
    PartState.RELEASED: "RELEASED",
    PartState.REFUND_ONGOING: "REFUND_ONGOING",
    PartState.REFUNDED: "REFUNDED",
    PartState.EXCHANGE_ONGOING: "EXCHANGE_ONGOING",
    PartState.EXCHANGED: "EXCHANGED",
    PartState.ERROR: "ERROR",
}
"""By state; ``REFUND_ONGOING`` is ours, for money that is on its way."""

OFFER_PART: dict[PartKind, str] = {
    PartKind.ADMISSION: "ADMISSION",
    PartKind.ON_DEMAND: "RESERVATION",
    PartKind.CARPOOL: "RESERVATION",
}
"""By kind: a ride that was booked is admission and a place at once, for which OSDM says reservation."""
