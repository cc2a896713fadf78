"""A server that answers as Stripe's API does, as far as we ask it, and that may be told to misbehave."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlparse

if TYPE_CHECKING:
    from collections.abc import Iterator


class FakeStripe:
    """What the server remembers."""

    def __init__(self) -> None:
        self.intents: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, dict[str, Any]] = {}
        self.sessions: dict[str, dict[str, Any]] = {}
        self.answers: dict[str, tuple[int, dict[str, Any]]] = {}
        self.asked: list[tuple[str, str, str | None]] = []
        self.fails: list[int | None] = []
        """Statuses with which next requests end after they were carried out; None: as they should."""
        self.address = ""

    def ask(self, method: str, path: str, values: dict[str, str], key: str | None) -> tuple[int, dict[str, Any]]:
        self.asked.append((method, path, key))
        if key is not None and key in self.answers:
            return self.answers[key]
        page = path.startswith("/v1/checkout/")
        answer = self._ask_page(method, path, values) if page else self._carry_out(method, path, values)
        if key is not None:
            self.answers[key] = answer
        return answer

    def _carry_out(self, method: str, path: str, values: dict[str, str]) -> tuple[int, dict[str, Any]]:
        parts = urlparse(path)
        steps = parts.path.strip("/").split("/")
        if steps[1] == "refunds" and method == "GET":
            of = parse_qs(parts.query)["payment_intent"][0]
            return 200, {"data": [one for one in self.refunds.values() if one["payment_intent"] == of]}
        if steps[1] == "refunds":
            return self._refund(values)
        if method == "POST" and len(steps) == 2:
            return self._make(values)
        intent = self.intents.get(steps[2])
        if intent is None:
            return 404, {"error": {"code": "resource_missing", "type": "invalid_request_error"}}
        if method == "GET":
            return 200, intent
        return self._confirm(intent, values) if steps[3] == "confirm" else self._cancel(intent)

    # ── its payment page ──────────────────────────────────────────────────────────────────────────────────────────────

    def _ask_page(self, method: str, path: str, values: dict[str, str]) -> tuple[int, dict[str, Any]]:
        steps = urlparse(path).path.strip("/").split("/")
        if method == "POST" and len(steps) == 3:
            return self._open_page(values)
        one = self.sessions.get(steps[3])
        if one is None:
            return 404, {"error": {"code": "resource_missing", "type": "invalid_request_error"}}
        if len(steps) == 5:
            assert (method, steps[4]) == ("POST", "expire")
            if one["status"] != "open":
                return 400, {"error": {"type": "invalid_request_error", "message": "Only open sessions expire."}}
            one |= {"status": "expired", "url": None}
        intent = one["payment_intent"]
        return 200, {**one, "payment_intent": self.intents[intent] if intent and method == "GET" else intent}

    def _open_page(self, values: dict[str, str]) -> tuple[int, dict[str, Any]]:
        assert values["mode"] == "payment"
        assert values["line_items[0][quantity]"] == "1"
        id_ = f"cs_test_{len(self.sessions)}"
        self.sessions[id_] = {
            "id": id_,
            "object": "checkout.session",
            "status": "open",
            "payment_status": "unpaid",
            "payment_intent": None,
            "amount_total": int(values["line_items[0][price_data][unit_amount]"]),
            "currency": values["line_items[0][price_data][currency]"],
            "url": f"https://checkout.stripe.com/c/pay/{id_}",
            "success_url": values["success_url"],
            "cancel_url": values["cancel_url"],
            "expires_at": int(values["expires_at"]),
            "metadata": {"payment": values["metadata[payment]"]},
        }
        return 200, self.sessions[id_]

    def pay_on_page(self, status: str = "succeeded") -> dict[str, Any]:
        """Do what the payer does on the page last opened: pay by a card, or by what takes its bank some time."""
        one = list(self.sessions.values())[-1]
        assert one["status"] == "open"
        id_ = f"pi_{len(self.intents)}"
        self.intents[id_] = {
            "id": id_, "object": "payment_intent", "amount": one["amount_total"], "currency": one["currency"],
            "status": status, "metadata": one["metadata"],
        }  # fmt: skip
        paid = "paid" if status == "succeeded" else "unpaid"
        one |= {"status": "complete", "payment_status": paid, "payment_intent": id_, "url": None}
        return one

    def decide(self, status: str) -> dict[str, Any]:
        """Let the bank decide at last."""
        one = list(self.sessions.values())[-1]
        self.intents[one["payment_intent"]]["status"] = status
        one["payment_status"] = "paid" if status == "succeeded" else "unpaid"
        return one

    def _make(self, values: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if int(values["amount"]) < 50:
            return 400, {"error": {"code": "amount_too_small", "type": "invalid_request_error"}}
        id_ = f"pi_{len(self.intents)}"
        self.intents[id_] = {
            "id": id_,
            "object": "payment_intent",
            "amount": int(values["amount"]),
            "currency": values["currency"],
            "status": "requires_payment_method",
            "client_secret": f"{id_}_secret_x",
            "metadata": {"payment": values["metadata[payment]"]},
        }
        return 200, self.intents[id_]

    def _confirm(self, intent: dict[str, Any], values: dict[str, str]) -> tuple[int, dict[str, Any]]:
        method = values["payment_method"]
        if method == "pm_card_visa_chargeDeclined":
            error = {"code": "card_declined", "decline_code": "generic_decline", "type": "card_error"}
            intent["last_payment_error"] = error
            return 402, {"error": {**error, "payment_intent": intent}}
        if method == "pm_card_authenticationRequired":
            intent["status"] = "requires_action"
        elif method == "pm_slow":
            intent["status"] = "processing"
        else:
            intent["status"] = "succeeded"
        return 200, intent

    def _cancel(self, intent: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if intent["status"] in {"succeeded", "processing"}:
            return 400, {"error": {"code": "payment_intent_unexpected_state", "payment_intent": intent}}
        intent["status"] = "canceled"
        return 200, intent

    def _refund(self, values: dict[str, str]) -> tuple[int, dict[str, Any]]:
        intent = self.intents[values["payment_intent"]]
        spent = sum(one["amount"] for one in self.refunds.values() if one["payment_intent"] == intent["id"])
        if spent + int(values["amount"]) > intent["amount"]:
            return 400, {"error": {"code": "charge_already_refunded", "type": "invalid_request_error"}}
        id_ = f"re_{len(self.refunds)}"
        self.refunds[id_] = {
            "id": id_,
            "object": "refund",
            "amount": int(values["amount"]),
            "payment_intent": intent["id"],
            "status": "succeeded",
            "metadata": {"refund": values["metadata[refund]"]},
        }
        return 200, self.refunds[id_]


@contextmanager
def serve_stripe() -> Iterator[FakeStripe]:
    """Serve it on a free port."""
    stripe = FakeStripe()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length).decode()
            values = {name: some[0] for name, some in parse_qs(body, strict_parsing=bool(body)).items()}
            assert self.headers["Authorization"] == "Bearer sk_test_1"
            status, answer = stripe.ask(self.command, self.path, values, self.headers.get("Idempotency-Key"))
            fails = stripe.fails.pop(0) if stripe.fails else None
            if fails == 0:
                self.connection.close()
                return
            content = b"<html>" if fails else json.dumps(answer).encode()
            self.send_response(fails or status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _answer  # noqa: N815 - names of the library

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    stripe.address = f"127.0.0.1:{server.server_port}"
    try:
        yield stripe
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
