"""What every payment provider can do for us.

No method is called inside a transaction. Each may be called again after any failure: it finds what it did before by
our own id and does nothing twice. Opening moves no money; only `confirm` does, and its payment's id is known by then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from mobigo.kit.errors import Unavailable

if TYPE_CHECKING:
    from datetime import datetime

    from mobigo.payments.model import Event, Outcome, Payment, Refund, RefundOutcome


class Unreachable(Unavailable):
    """The provider did not answer, or not so that one could tell what it did."""

    code = "payment_unreachable"


class Provider(Protocol):
    """A payment provider."""

    @property
    def name(self) -> str:
        """Word by which payments remember whose they are."""

    @property
    def is_real(self) -> bool:
        """Whether money moves."""

    def open(self, payment: Payment, now: datetime) -> Outcome:
        """Make a payment known; no money moves."""

    def confirm(self, payment: Payment, now: datetime) -> Outcome:
        """Charge the method of an open payment."""

    def look(self, payment: Payment, now: datetime) -> Outcome:
        """Tell what has become of an open payment."""

    def cancel(self, payment: Payment, now: datetime) -> Outcome:
        """Call off an open payment; one that has succeeded meanwhile is told as such."""

    def refund(self, payment: Payment, refund: Refund, now: datetime) -> RefundOutcome:
        """Pay back."""

    def read_event(self, body: bytes, signature: str, now: datetime) -> Event:
        """Read what the provider tells by itself.

        Raises
        ------
        Unauthorised
            When the signature is not the provider's (``forged_event``).
        InvalidInput
            When it is no event.
        """
