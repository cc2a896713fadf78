"""An embedded payment provider for trials: no money moves, everything else is as with a real one.

It keeps books of its own in transactions of its own, so it remembers what it did when we were killed meanwhile; takes
its time, declines, loses answers, sends events twice, late and out of order, contests payments, and writes a
settlement file. What it does is chosen by the word for the card:

==========================================  ==========================================================================
word                                        what happens
==========================================  ==========================================================================
``pm_card_visa``                            it is paid
``pm_card_visa_chargeDeclined``             declined
``pm_card_chargeDeclinedInsufficientFunds`` declined: not enough money
``pm_card_authenticationRequired``          the payer has to be asked (`authenticate`); declined when they are not there
``pm_card_createDispute``                   paid, contested a minute later
``pm_card_pendingRefund``                   paid; refunds take a minute
``pm_card_refundFail``                      paid; a minute after a refund its bank sends it back
``pm_sandbox_slow``                         paid after half a minute
``pm_sandbox_slow_decline``                 declined after half a minute
``pm_sandbox_lost``                         the first request never arrives
``pm_sandbox_timeout``                      paid, but the first answer is lost
``pm_sandbox_duplicates``                   paid; every event comes three times
``pm_sandbox_late``                         paid; events come ten minutes late
``pm_sandbox_unordered``                    paid; events come in the opposite order
==========================================  ==========================================================================
"""

from __future__ import annotations

import csv
import io
import json
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from mobigo.db.session import driver
from mobigo.kit.errors import Conflict, InvalidInput, NotFound
from mobigo.payments.model import Outcome, PaymentState, RefundOutcome
from mobigo.payments.provider import Unreachable
from mobigo.payments.signature import check, sign
from mobigo.payments.stripe import PAYMENTS, REFUNDS, UNCONFIRMED, read_event

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import Connection
    from sqlalchemy.engine import Engine

    from mobigo.payments.model import Event, Payment, Refund

SLOW = timedelta(seconds=30)
LATER = timedelta(minutes=1)
LATE = timedelta(minutes=10)

FEE_FIXED, FEE_PERMILLE, DISPUTE_FEE = 25, 15, 1_500
"""Cents, thousandths and cents that it keeps."""

DECLINED = {
    "pm_card_visa_chargeDeclined": "generic_decline",
    "pm_card_chargeDeclinedInsufficientFunds": "insufficient_funds",
}

PROCESSING = {"pm_sandbox_slow": "succeeded", "pm_sandbox_slow_decline": "requires_payment_method"}

METHODS = frozenset(
    {
        "pm_card_visa",
        "pm_card_authenticationRequired",
        "pm_card_createDispute",
        "pm_card_pendingRefund",
        "pm_card_refundFail",
        "pm_sandbox_lost",
        "pm_sandbox_timeout",
        "pm_sandbox_duplicates",
        "pm_sandbox_late",
        "pm_sandbox_unordered",
        *DECLINED,
        *PROCESSING,
    }
)

COLUMNS = (
    "balance_transaction_id",
    "created_utc",
    "currency",
    "gross",
    "fee",
    "net",
    "reporting_category",
    "source_id",
    "payment_intent_id",
)
"""Of the settlement file; a selection of those of Stripe's ``balance_change_from_activity.itemized``."""

_COLUMNS = ("id", "key", "cents", "currency", "method", "status", "problem", "confirmed", "becomes", "becomes_at")
_FOUND = (
    b"SELECT id, key, cents, currency, method, status, problem, confirmed, becomes, becomes_at FROM sandbox_payment"
    b" WHERE key = %s OR id = %s"
)
_LOCKED = _FOUND + b" FOR UPDATE"


@dataclass(frozen=True)
class Sandbox:
    """The embedded provider.

    Parameters
    ----------
    engine : Engine
        Where it opens its own transactions.
    secret : str
        With which it signs events.
    """

    engine: Engine
    secret: str = field(repr=False)

    name = "sandbox"
    is_real = False

    # ── as every provider ─────────────────────────────────────────────────────────────────────────────────────────────

    def open(self, payment: Payment, now: datetime) -> Outcome:
        """Make a payment known."""
        if payment.method is not None and payment.method not in METHODS:
            raise InvalidInput(
                f"the embedded provider knows no method {payment.method[:60]!r}; it knows {', '.join(sorted(METHODS))}",
                code="payment_refused",
            )
        if payment.method == "pm_sandbox_lost" and payment.attempts == 1:
            raise Unreachable("the request was lost on its way")
        with Session(self.engine) as session, session.begin():
            connection = driver(session)
            added = connection.execute(
                "INSERT INTO sandbox_payment (id, key, cents, currency, method, status, at)"
                " VALUES (%s, %s, %s, %s, %s, 'requires_payment_method', %s) ON CONFLICT (key) DO NOTHING RETURNING id",
                [f"pi_{secrets.token_hex(12)}", payment.id, payment.cents, payment.currency, payment.method, now],
            ).fetchone()
            row = _find(connection, key=payment.id)
            if added is not None:
                self._emit(connection, "payment_intent.created", row, now)
            return _outcome(row, payment)

    def confirm(self, payment: Payment, now: datetime) -> Outcome:
        """Charge."""
        with Session(self.engine) as session, session.begin():
            connection = driver(session)
            row = _find(connection, key=payment.id, lock=True)
            if row["status"] in UNCONFIRMED and not row["confirmed"]:
                row = self._charge(connection, row, row["method"] or "pm_card_visa", now, there=not payment.off_session)
        if row["method"] == "pm_sandbox_timeout" and payment.attempts <= 1:
            raise Unreachable("the answer was lost on its way")
        return _outcome(row, payment)

    def look(self, payment: Payment, now: datetime) -> Outcome:
        """Tell what has become of a payment."""
        with Session(self.engine) as session, session.begin():
            connection = driver(session)
            return _outcome(self._advance(connection, _find(connection, key=payment.id, lock=True), now), payment)

    def cancel(self, payment: Payment, now: datetime) -> Outcome:
        """Call off a payment that nothing has come of yet."""
        with Session(self.engine) as session, session.begin():
            connection = driver(session)
            row = self._advance(connection, _find(connection, key=payment.id, lock=True), now)
            if row["status"] in (*UNCONFIRMED, "requires_action"):
                row = self._set(connection, row, "canceled", now, event="payment_intent.canceled")
            return _outcome(row, payment)

    def refund(self, payment: Payment, refund: Refund, now: datetime) -> RefundOutcome:
        """Pay back."""
        with Session(self.engine) as session, session.begin():
            connection = driver(session)
            row = _find(connection, key=payment.id, lock=True)
            self._advance_refunds(connection, now, row["id"])
            known = connection.execute(
                "SELECT id, status, problem FROM sandbox_refund WHERE key = %s", [refund.id]
            ).fetchone()
            if known is None:
                known = self._pay_back(connection, row, refund, now)
        if row["method"] == "pm_sandbox_timeout" and refund.attempts <= 1:
            raise Unreachable("the answer was lost on its way")
        return RefundOutcome(REFUNDS[known[1]], known[0] or None, known[2])

    def read_event(self, body: bytes, signature: str, now: datetime) -> Event:
        """Read an event."""
        check([self.secret], body, signature, int(now.timestamp()))
        return read_event(body)

    # ── the payer's side ──────────────────────────────────────────────────────────────────────────────────────────────

    def authenticate(self, payment: Payment, method: str | None, now: datetime) -> None:
        """Do what the payer does on a provider's page: choose a card, or let the bank ask them.

        Raises
        ------
        Conflict
            When there is nothing to do (``payment_decided``).
        """
        with Session(self.engine) as session, session.begin():
            connection = driver(session)
            row = _find(connection, key=payment.id, lock=True)
            if row["status"] == "requires_action":
                self._set(connection, row, "succeeded", now, event="payment_intent.succeeded")
            elif row["status"] in UNCONFIRMED:
                if method not in METHODS:
                    raise InvalidInput(f"choose a `method` of {', '.join(sorted(METHODS))}", code="payment_refused")
                self._charge(connection, row, method, now, there=True)
            else:
                raise Conflict(f"payment {payment.id} is {row['status']} at its provider", code="payment_decided")

    def dispute(self, payment: Payment, state: str, now: datetime) -> None:
        """Contest a payment (``open``), or have that decided (``won``, ``lost``: by us)."""
        with Session(self.engine) as session, session.begin():
            connection = driver(session)
            self._dispute(connection, _find(connection, key=payment.id, lock=True), state, now, now)

    # ── what it sends ─────────────────────────────────────────────────────────────────────────────────────────────────

    def deliver(self, now: datetime, receive: Callable[[bytes, str, datetime], object]) -> int:
        """Send the events that are due, each signed anew; one that is not taken is sent again."""
        with Session(self.engine) as session, session.begin():
            connection = driver(session)
            due = connection.execute(
                "SELECT key FROM sandbox_payment WHERE becomes_at <= %s ORDER BY becomes_at LIMIT 200", [now]
            ).fetchall()
            for (key,) in due:
                self._advance(connection, _find(connection, key=key, lock=True), now)
            self._advance_refunds(connection, now)
        with Session(self.engine) as session:
            events = (
                driver(session)
                .execute(
                    "SELECT number, body FROM sandbox_event WHERE due_at <= %s AND delivered_at IS NULL"
                    " ORDER BY due_at, number LIMIT 500",
                    [now],
                )
                .fetchall()
            )
        for number, text in events:
            body = text.encode()
            receive(body, sign(self.secret, body, int(now.timestamp())), now)
            with Session(self.engine) as session, session.begin():
                driver(session).execute("UPDATE sandbox_event SET delivered_at = %s WHERE number = %s", [now, number])
        return len(events)

    def write_settlement(self, since: datetime, until: datetime) -> str:
        """Write what happened on the account from `since` until before `until`, as a CSV file of Stripe's columns."""
        with Session(self.engine) as session:
            rows = (
                driver(session)
                .execute(
                    "SELECT r.id, r.at, p.currency, r.cents, r.fee, r.category, r.source, r.payment FROM sandbox_row r"
                    " JOIN sandbox_payment p ON p.id = r.payment WHERE r.at >= %s AND r.at < %s ORDER BY r.at, r.id",
                    [since, until],
                )
                .fetchall()
            )
        text = io.StringIO()
        write = csv.writer(text)
        write.writerow(COLUMNS)
        for id_, at, currency, cents, fee, category, source, payment in rows:
            write.writerow(
                (
                    id_,
                    f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
                    currency.lower(),
                    _decimal(cents),
                    _decimal(fee),
                    _decimal(cents - fee),
                    category,
                    source,
                    payment,
                )
            )
        return text.getvalue()

    # ── its own books ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _charge(
        self, connection: Connection[Any], row: dict[str, Any], method: str, now: datetime, *, there: bool
    ) -> dict[str, Any]:
        connection.execute(
            "UPDATE sandbox_payment SET confirmed = true, method = %s WHERE id = %s", [method, row["id"]]
        )
        row = {**row, "confirmed": True, "method": method}
        if method in DECLINED:
            return self._decline(connection, row, DECLINED[method], now)
        if method == "pm_card_authenticationRequired":
            if not there:
                return self._decline(connection, row, "authentication_required", now)
            return self._set(connection, row, "requires_action", now, event="payment_intent.requires_action")
        if method in PROCESSING:
            row = self._set(connection, row, "processing", now, event="payment_intent.processing")
            connection.execute(
                "UPDATE sandbox_payment SET becomes = %s, becomes_at = %s WHERE id = %s",
                [PROCESSING[method], now + SLOW, row["id"]],
            )
            return row
        row = self._set(connection, row, "succeeded", now, event="payment_intent.succeeded")
        if method == "pm_card_createDispute":
            self._dispute(connection, row, "open", now, now + LATER)
        return row

    def _decline(self, connection: Connection[Any], row: dict[str, Any], why: str, now: datetime) -> dict[str, Any]:
        connection.execute("UPDATE sandbox_payment SET problem = %s WHERE id = %s", [why, row["id"]])
        row = {**row, "problem": why}
        return self._set(connection, row, "requires_payment_method", now, event="payment_intent.payment_failed")

    def _advance(self, connection: Connection[Any], row: dict[str, Any], now: datetime) -> dict[str, Any]:
        if row["becomes_at"] is None or row["becomes_at"] > now:
            return row
        connection.execute("UPDATE sandbox_payment SET becomes_at = NULL WHERE id = %s", [row["id"]])
        row = {**row, "becomes_at": None}
        if row["becomes"] == "succeeded":
            return self._set(connection, row, "succeeded", now, event="payment_intent.succeeded")
        return self._decline(connection, row, "generic_decline", now)

    def _set(
        self, connection: Connection[Any], row: dict[str, Any], status: str, now: datetime, *, event: str
    ) -> dict[str, Any]:
        connection.execute("UPDATE sandbox_payment SET status = %s WHERE id = %s", [status, row["id"]])
        row = {**row, "status": status}
        if status == "succeeded":
            fee = FEE_FIXED + (row["cents"] * FEE_PERMILLE + 500) // 1000
            _book(connection, row, "charge", f"ch_{row['id'][3:]}", cents=row["cents"], fee=fee, at=now)
        self._emit(connection, event, row, now)
        return row

    def _pay_back(
        self, connection: Connection[Any], row: dict[str, Any], refund: Refund, now: datetime
    ) -> tuple[str, str, str | None]:
        spent = connection.execute(
            "SELECT coalesce(sum(cents), 0)::bigint FROM sandbox_refund WHERE payment = %s AND status <> 'failed'",
            [row["id"]],
        ).fetchone()
        assert spent
        if row["status"] != "succeeded" or spent[0] + refund.cents > row["cents"]:
            return "", "failed", "charge_already_refunded"
        slow = row["method"] == "pm_card_pendingRefund"
        fails = row["method"] == "pm_card_refundFail"
        status = "pending" if slow else "succeeded"
        id_ = f"re_{secrets.token_hex(12)}"
        connection.execute(
            "INSERT INTO sandbox_refund (id, key, payment, cents, status, becomes, becomes_at, at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            [
                id_,
                refund.id,
                row["id"],
                refund.cents,
                status,
                "succeeded" if slow else "failed" if fails else None,
                now + LATER if slow or fails else None,
                now,
            ],
        )
        _book(connection, row, "refund", id_, cents=-refund.cents, fee=0, at=now)
        self._emit(connection, "refund.created", row, now, about={"object": "refund", "id": id_})
        return id_, status, None

    def _advance_refunds(self, connection: Connection[Any], now: datetime, payment: str | None = None) -> None:
        due = connection.execute(
            "UPDATE sandbox_refund SET status = becomes, becomes_at = NULL,"
            " problem = CASE becomes WHEN 'failed' THEN 'lost_or_stolen_card' END"
            " WHERE becomes_at <= %s AND (%s::text IS NULL OR payment = %s) RETURNING id, payment, cents, status",
            [now, payment, payment],
        ).fetchall()
        for id_, of, cents, status in due:
            row = _find(connection, id_=of)
            if status == "failed":
                _book(connection, row, "refund_failure", id_, cents=cents, fee=0, at=now)
            self._emit(connection, "refund.updated", row, now, about={"object": "refund", "id": id_})

    def _dispute(
        self, connection: Connection[Any], row: dict[str, Any], state: str, now: datetime, at: datetime
    ) -> None:
        id_ = f"dp_{row['id'][3:]}"
        if state == "open":
            _book(connection, row, "dispute", id_, cents=-row["cents"], fee=DISPUTE_FEE, at=at)
        elif state == "won":
            _book(connection, row, "dispute_reversal", id_, cents=row["cents"], fee=0, at=at)
        status = {"open": "needs_response"}.get(state, state)
        event = "charge.dispute.created" if state == "open" else "charge.dispute.closed"
        about = {"object": "dispute", "id": id_, "amount": row["cents"], "status": status}
        self._emit(connection, event, row, now, about=about, at=at)

    def _emit(
        self,
        connection: Connection[Any],
        kind: str,
        row: dict[str, Any],
        now: datetime,
        *,
        about: dict[str, Any] | None = None,
        at: datetime | None = None,
    ) -> None:
        what = (
            {"object": "payment_intent", "id": row["id"], "status": row["status"], "amount": row["cents"]}
            if about is None
            else {**about, "payment_intent": row["id"]}
        )
        due = at or now
        if row["method"] == "pm_sandbox_late":
            due += LATE
        if row["method"] == "pm_sandbox_unordered" and kind != "payment_intent.succeeded":
            due += LATER
        id_ = f"evt_{secrets.token_hex(12)}"
        body = {"id": id_, "object": "event", "type": kind, "created": int(now.timestamp()), "data": {"object": what}}
        for _ in range(3 if row["method"] == "pm_sandbox_duplicates" else 1):
            connection.execute(
                "INSERT INTO sandbox_event (id, body, due_at) VALUES (%s, %s, %s)", [id_, json.dumps(body), due]
            )


def _find(
    connection: Connection[Any], *, key: str | None = None, id_: str | None = None, lock: bool = False
) -> dict[str, Any]:
    row = connection.execute(_LOCKED if lock else _FOUND, [key, id_]).fetchone()
    if row is None:
        raise NotFound("the embedded provider knows no such payment", code="unknown_payment")
    return dict(zip(_COLUMNS, row, strict=True))


def _outcome(row: dict[str, Any], payment: Payment) -> Outcome:
    state = PAYMENTS[row["status"]]
    declined = row["status"] == "requires_payment_method" and row["problem"] is not None
    if declined and payment.method is not None:
        state = PaymentState.DECLINED
    action = f"{row['id']}_secret" if state is PaymentState.OPEN else None
    unconfirmed = row["status"] in UNCONFIRMED and not row["confirmed"]
    return Outcome(state, row["id"], action, row["problem"], unconfirmed=unconfirmed)


def _book(
    connection: Connection[Any], row: dict[str, Any], category: str, source: str, *, cents: int, fee: int, at: datetime
) -> None:
    connection.execute(
        "INSERT INTO sandbox_row (id, at, category, source, payment, cents, fee) VALUES (%s, %s, %s, %s, %s, %s, %s)",
        [f"txn_{secrets.token_hex(12)}", at, category, source, row["id"], cents, fee],
    )


def _decimal(cents: int) -> str:
    sign_, cents = ("-", -cents) if cents < 0 else ("", cents)
    return f"{sign_}{cents // 100}.{cents % 100:02d}"
