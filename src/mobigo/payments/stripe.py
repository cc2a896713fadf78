"""Stripe: payment intents, its own payment page, refunds and signed events, over its REST API.

A payment is a PaymentIntent that is made first and confirmed afterwards, so its id is on record before any money can
move. One whose payer is sent to Stripe's page is a Checkout Session (`Payment.back`): that is what its id is until
it is complete, then the PaymentIntent that came of it. Every request that writes carries an idempotency key made of
our own id, so it may be repeated.

References
----------
https://docs.stripe.com/api/payment_intents, https://docs.stripe.com/api/refunds, https://docs.stripe.com/api/errors,
https://docs.stripe.com/webhooks#verify-manually, https://docs.stripe.com/api/idempotent_requests,
https://docs.stripe.com/api/checkout/sessions/create, https://docs.stripe.com/api/checkout/sessions/expire,
https://docs.stripe.com/checkout/fulfillment
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import httpcore

from mobigo import __version__
from mobigo.downloads.connect import Patience, open_pool
from mobigo.kit.errors import InvalidInput, MobigoError
from mobigo.payments.model import Event, EventKind, Outcome, PaymentState, RefundOutcome, RefundState
from mobigo.payments.provider import Unreachable
from mobigo.payments.signature import check

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from mobigo.payments.model import Payment, Refund

ADDRESS = "https://api.stripe.com"

API_VERSION = "2024-06-20"
"""Of the API that the answers are read by."""

PATIENCE = Patience(connect=5, read=30, total=40, window=30, window_bytes=0)
"""For one request: banks take their time."""

LARGEST_ANSWER = 500_000
"""Bytes."""

LONGEST_PROBLEM = 300

SESSION = "cs_"
"""How the id of a Checkout Session begins."""

SESSION_LASTS = timedelta(hours=1)
"""From when a payment was intended; Stripe allows half an hour to a day. One that is over earlier is called off."""

PAGE = "https://checkout.stripe.com"
"""Where its payment page is."""

UNREACHED = (MobigoError, httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, OSError)
"""What a request ends in that nobody answers."""

ID = re.compile(r"[A-Za-z0-9_]{1,100}")

PAID = frozenset({"payment_intent", "checkout.session"})
"""Objects of events that tell of a payment by itself."""

PAYMENTS = {
    "requires_payment_method": PaymentState.OPEN,
    "requires_confirmation": PaymentState.OPEN,
    "requires_action": PaymentState.OPEN,
    "processing": PaymentState.OPEN,
    "requires_capture": PaymentState.OPEN,
    "succeeded": PaymentState.SUCCEEDED,
    "canceled": PaymentState.CANCELLED,
}
"""By the status of a PaymentIntent."""

UNCONFIRMED = frozenset({"requires_payment_method", "requires_confirmation"})
"""Statuses in which nothing was tried yet, or nothing is any more."""

REFUNDS = {
    "pending": RefundState.OPEN,
    "requires_action": RefundState.OPEN,
    "succeeded": RefundState.SUCCEEDED,
    "failed": RefundState.FAILED,
    "canceled": RefundState.FAILED,
}
"""By the status of a refund."""

DISPUTES = {"won": "won", "lost": "lost", "warning_closed": "won"}
"""By the status of a dispute that is decided; any other is open."""


@dataclass(frozen=True)
class Stripe:
    """An account with Stripe.

    Parameters
    ----------
    key : str
        Secret key of the account.
    webhook_secrets : sequence of str
        Of the endpoint that events come to; several while one is being replaced.
    address : str
        Of the API.
    allow_hosts : sequence of str
        ``ADDRESS:PORT`` that may be reached though private.
    """

    key: str = field(repr=False)
    webhook_secrets: Sequence[str] = field(repr=False)
    address: str = ADDRESS
    allow_hosts: Sequence[str] = ()

    name = "stripe"
    is_real = True

    def open(self, payment: Payment, now: datetime) -> Outcome:  # noqa: ARG002 - the provider has its own clock
        """Make a PaymentIntent, or a page to be paid on."""
        if payment.back is not None:
            return self._open_page(payment, payment.back)
        wanted = {
            "amount": str(payment.cents),
            "currency": payment.currency.lower(),
            "metadata[payment]": payment.id,
            "description": f"{payment.purpose} {payment.reference}",
            "automatic_payment_methods[enabled]": "true",
        }
        if payment.method is not None:
            wanted["automatic_payment_methods[allow_redirects]"] = "never"
        if payment.customer is not None:
            wanted["customer"] = payment.customer
        return self._read(payment, self._ask("POST", "/v1/payment_intents", wanted, key=f"{payment.id}-open"))

    def confirm(self, payment: Payment, now: datetime) -> Outcome:
        """Charge; a payment whose card was declined is called off, so that nothing comes of it later."""
        assert payment.provider_id is not None
        assert payment.method is not None
        wanted = {"payment_method": payment.method}
        if payment.off_session:
            wanted["off_session"] = "true"
        path = f"/v1/payment_intents/{_part(payment.provider_id)}/confirm"
        outcome = self._read(payment, self._ask("POST", path, wanted, key=f"{payment.id}-confirm"))
        if outcome.state is PaymentState.DECLINED:
            try:
                ended = self.cancel(payment, now)
            except Unreachable:
                return outcome  # an event, or the next look, tells what became of it
            return ended if ended.state is PaymentState.SUCCEEDED else outcome
        return outcome

    def look(self, payment: Payment, now: datetime) -> Outcome:  # noqa: ARG002 - the provider has its own clock
        """Read the PaymentIntent, or the page."""
        assert payment.provider_id is not None
        if payment.provider_id.startswith(SESSION):
            path = f"/v1/checkout/sessions/{_part(payment.provider_id)}?expand[]=payment_intent"
            return self._read_page(payment, self._ask("GET", path))
        return self._read(payment, self._ask("GET", f"/v1/payment_intents/{_part(payment.provider_id)}"))

    def cancel(self, payment: Payment, now: datetime) -> Outcome:
        """Cancel the PaymentIntent, or close the page, where that is still possible."""
        assert payment.provider_id is not None
        if payment.provider_id.startswith(SESSION):
            path = f"/v1/checkout/sessions/{_part(payment.provider_id)}/expire"
            answer = self._ask("POST", path, {}, key=f"{payment.id}-expire")
            return self.look(payment, now) if "error" in answer else self._read_page(payment, answer)
        path = f"/v1/payment_intents/{_part(payment.provider_id)}/cancel"
        answer = self._ask("POST", path, {}, key=f"{payment.id}-cancel")
        if "error" in answer:  # it has succeeded, is being carried out, or is cancelled already
            return self.look(payment, now)
        return self._read(payment, answer)

    def refund(self, payment: Payment, refund: Refund, now: datetime) -> RefundOutcome:  # noqa: ARG002 - as above
        """Make a refund; one that was made before is found by our own id, however long ago that was."""
        assert payment.provider_id is not None
        if refund.attempts > 1 or refund.provider_id is not None:
            page = self._ask("GET", f"/v1/refunds?payment_intent={_part(payment.provider_id)}&limit=100")
            for known in page.get("data", ()):
                if known.get("metadata", {}).get("refund") == refund.id:
                    return _read_refund(known)
        wanted = {
            "payment_intent": payment.provider_id,
            "amount": str(refund.cents),
            "metadata[refund]": refund.id,
            "reason": "requested_by_customer",
        }
        answer = self._ask("POST", "/v1/refunds", wanted, key=refund.id)
        if "error" in answer:
            return RefundOutcome(RefundState.FAILED, None, _why(answer["error"]))
        return _read_refund(answer)

    def read_event(self, body: bytes, signature: str, now: datetime) -> Event:
        """Read an event."""
        check(self.webhook_secrets, body, signature, int(now.timestamp()))
        return read_event(body)

    def _open_page(self, payment: Payment, back: str) -> Outcome:
        """Make a Checkout Session; asked again, the same one."""
        item = "line_items[0]"
        wanted = {
            "mode": "payment",
            f"{item}[quantity]": "1",
            f"{item}[price_data][currency]": payment.currency.lower(),
            f"{item}[price_data][unit_amount]": str(payment.cents),
            f"{item}[price_data][product_data][name]": "mobigo",
            "client_reference_id": payment.id,
            "metadata[payment]": payment.id,
            "payment_intent_data[metadata][payment]": payment.id,
            "success_url": f"{back}/paid",
            "cancel_url": f"{back}?back=1",
            "expires_at": str(int((payment.created_at + SESSION_LASTS).timestamp())),
        }
        return self._read_page(payment, self._ask("POST", "/v1/checkout/sessions", wanted, key=f"{payment.id}-open"))

    def _read_page(self, payment: Payment, answer: Mapping[str, Any]) -> Outcome:
        """Read a Checkout Session: paid where it says so itself, whatever else was heard."""
        if "error" in answer:
            why = _why(answer["error"])
            if payment.provider_id is None:
                raise InvalidInput(f"the provider takes no such payment: {why}", code="payment_refused")
            return Outcome(PaymentState.CANCELLED, payment.provider_id, problem=why)
        id_, status, page = str(answer.get("id")), answer.get("status"), answer.get("url")
        intent = answer.get("payment_intent")
        intent = intent if isinstance(intent, dict) else {"id": intent}
        if not ID.fullmatch(id_) or status not in {"open", "complete", "expired"}:
            raise Unreachable("the payment provider answered something that cannot be read; try again later")
        if status == "expired":
            return Outcome(PaymentState.CANCELLED, id_)
        if status == "open":
            return Outcome(PaymentState.OPEN, id_, page if _is_page(page) else None)
        if answer.get("payment_status") == "paid" and ID.fullmatch(str(intent["id"])):
            return Outcome(PaymentState.SUCCEEDED, str(intent["id"]))
        if intent.get("status") in {"canceled", "requires_payment_method"}:  # its bank refused after all
            return Outcome(PaymentState.CANCELLED, id_, problem=_why(intent.get("last_payment_error") or {}) or None)
        return Outcome(PaymentState.OPEN, id_)

    def _read(self, payment: Payment, answer: Mapping[str, Any]) -> Outcome:
        error = answer.get("error")
        intent = answer if error is None else error.get("payment_intent")
        if not intent:
            if payment.provider_id is None:
                raise InvalidInput(f"the provider takes no such payment: {_why(error or {})}", code="payment_refused")
            return Outcome(PaymentState.DECLINED, payment.provider_id, problem=_why(error or {}))
        state = PAYMENTS.get(str(intent.get("status")))
        if state is None or not ID.fullmatch(str(intent.get("id"))):
            raise Unreachable("the payment provider answered something that cannot be read; try again later")
        problem = _why(error or intent.get("last_payment_error") or {}) or None
        needs_method = intent.get("status") == "requires_payment_method"
        if payment.method is not None and needs_method and problem:
            state = PaymentState.DECLINED
        action = intent.get("client_secret") if state is PaymentState.OPEN else None
        told = problem if state is not PaymentState.SUCCEEDED else None
        return Outcome(state, intent["id"], action, told, unconfirmed=intent.get("status") in UNCONFIRMED)

    def _ask(
        self, method: str, path: str, values: Mapping[str, str] | None = None, *, key: str | None = None
    ) -> dict[str, Any]:
        """Make one request; answers that say what is wrong with it are returned, others that fail are `Unreachable`."""
        headers: dict[bytes | str, bytes | str] = {
            "Authorization": f"Bearer {self.key}",
            "Accept": "application/json",
            "Stripe-Version": API_VERSION,
            "User-Agent": f"mobigo/{__version__}",
        }
        content = None
        if values is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            content = urlencode(values).encode()
        if key is not None:
            headers["Idempotency-Key"] = key
        timeouts = {"connect": PATIENCE.connect, "read": PATIENCE.read, "write": PATIENCE.read, "pool": None}
        try:
            with (
                open_pool(self.allow_hosts, PATIENCE) as pool,
                pool.stream(
                    method,
                    f"{self.address.rstrip('/')}{path}",
                    headers=headers,
                    content=content,
                    extensions={"timeout": timeouts},
                ) as answer,
            ):
                return _take(answer)
        except Unreachable:
            raise
        except UNREACHED as error:
            raise Unreachable(f"the payment provider does not answer ({type(error).__name__}); try again") from None


def _take(answer: httpcore.Response) -> dict[str, Any]:
    content = b""
    for part in answer.iter_stream():
        content += part
        if len(content) > LARGEST_ANSWER:
            raise Unreachable("the payment provider answered more than can be read; try again later")
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    status = answer.status
    told = isinstance(found, dict)
    wrong = status in (HTTPStatus.BAD_REQUEST, HTTPStatus.PAYMENT_REQUIRED, HTTPStatus.NOT_FOUND)
    if told and (status == HTTPStatus.OK or (wrong and isinstance(found.get("error"), dict))):
        return dict(found)
    raise Unreachable(f"the payment provider answered {status}; try again later")


def _read_refund(answer: Mapping[str, Any]) -> RefundOutcome:
    state = REFUNDS.get(str(answer.get("status")))
    if state is None or not ID.fullmatch(str(answer.get("id"))):
        raise Unreachable("the payment provider answered something that cannot be read; try again later")
    problem = str(answer.get("failure_reason") or "") or None
    return RefundOutcome(state, answer["id"], problem and problem[:LONGEST_PROBLEM])


def _why(error: Mapping[str, Any]) -> str:
    """Say why in the provider's words: what the payer may be told."""
    return str(error.get("decline_code") or error.get("code") or error.get("message") or "")[:LONGEST_PROBLEM]


def _is_page(address: object) -> bool:
    """Tell whether a browser may be sent to an address that the provider named."""
    return isinstance(address, str) and address.startswith(("https://", "HTTPS://")) and "\\" not in address


def _part(id_: str) -> str:
    return quote(id_, safe="")


def read_event(body: bytes) -> Event:
    """Read an event whose signature was checked.

    Raises
    ------
    InvalidInput
        When it is none (``invalid_event``).
    """
    try:
        said = json.loads(body)
        what = said["data"]["object"]
        id_, kind = str(said["id"]), str(said["type"])
        known = str(what["object"])
    except (ValueError, RecursionError, KeyError, TypeError):
        raise InvalidInput("the body is no event of a payment provider", code="invalid_event") from None
    if not ID.fullmatch(id_):
        raise InvalidInput("the id of the event cannot be read", code="invalid_event")
    payment = what.get("id") if known in PAID else what.get("payment_intent")
    if isinstance(payment, dict):
        payment = payment.get("id")
    if not isinstance(payment, str) or not ID.fullmatch(payment):
        return Event(id_, EventKind.OTHER, "", {})
    if known in PAID:
        return Event(id_, EventKind.PAYMENT, payment, {})
    if known == "refund" or (known == "charge" and kind.startswith("charge.refund")):
        return Event(id_, EventKind.REFUND, payment, {})
    if known == "dispute":
        amount = what.get("amount")
        if not isinstance(amount, int) or isinstance(amount, bool) or amount <= 0:
            raise InvalidInput("the dispute has no amount", code="invalid_event")
        state = DISPUTES.get(str(what.get("status")), "open")
        return Event(id_, EventKind.DISPUTE, payment, {"id": str(what.get("id")), "state": state, "cents": amount})
    return Event(id_, EventKind.OTHER, "", {})
