"""A national register of proofs for tests: takes what its interface takes, and misbehaves when it is told to."""

from __future__ import annotations

import json
import re
import threading
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar, cast

import jsonschema

if TYPE_CHECKING:
    from collections.abc import Iterator

Reply = tuple[int, object]

TOKEN = "a-token"

TIMED_POINT = {
    "type": "object",
    "required": ["datetime", "lat", "lon"],
    "additionalProperties": False,
    "properties": {
        "datetime": {"type": "string", "pattern": r"^\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\dZ$"},
        "lat": {"type": "number", "minimum": -90, "maximum": 90},
        "lon": {"type": "number", "minimum": -180, "maximum": 180},
    },
}
IDENTITY = {
    "type": "object",
    "required": ["operator_user_id", "identity_key"],
    "additionalProperties": False,
    "properties": {
        "identity_key": {"type": "string", "pattern": "^[a-f0-9]{64}$"},
        "operator_user_id": {"type": "string", "minLength": 1, "maxLength": 256},
        "phone": {"type": "string", "pattern": r"^\+[0-9]{8,15}$"},
        "phone_trunc": {"type": "string", "pattern": r"^\+[0-9]{6,13}$"},
        "over_18": {"enum": [True, False, None]},
        "travel_pass": {"type": "object"},
    },
}
INCENTIVES = {
    "type": "array",
    "maxItems": 20,
    "items": {
        "type": "object",
        "required": ["index", "siret", "amount"],
        "additionalProperties": False,
        "properties": {
            "index": {"type": "integer", "minimum": 0},
            "siret": {"type": "string", "pattern": "^[0-9]{14}$"},
            "amount": {"type": "integer", "minimum": 0, "maximum": 1_000_000},
        },
    },
}
ID = {"type": "string", "pattern": "^[a-z0-9]{1,256}$"}
SHARED = {
    "operator_journey_id": ID,
    "operator_trip_id": ID,
    "operator_class": {"enum": ["A", "B", "C"]},
    "start": TIMED_POINT,
    "end": TIMED_POINT,
    "distance": {"type": "integer", "exclusiveMinimum": 0, "maximum": 1_000_000},
    "incentives": INCENTIVES,
}
JOURNEY = {
    "type": "object",
    "required": [*SHARED, "driver", "passenger"],
    "additionalProperties": False,
    "properties": {
        **SHARED,
        "licence_plate": {"type": "string", "minLength": 1, "maxLength": 256},
        "driver": {
            "type": "object",
            "required": ["identity", "revenue"],
            "additionalProperties": False,
            "properties": {"identity": IDENTITY, "revenue": {"type": "integer", "minimum": 0, "maximum": 1_000_000}},
        },
        "passenger": {
            "type": "object",
            "required": ["identity", "contribution"],
            "additionalProperties": False,
            "properties": {
                "identity": IDENTITY,
                "contribution": {"type": "integer", "minimum": 0, "maximum": 1_000_000},
                "seats": {"type": "integer", "minimum": 1, "maximum": 8},
                "payments": {"type": "array"},
            },
        },
    },
}
"""As createJourneySchemaV3 has it."""
CHANGE = {
    "type": "object",
    "required": ["operator_journey_id", "incentives", "operator_class", "start", "end", "distance"],
    "additionalProperties": False,
    "properties": SHARED,
}
"""As patch.schema has it."""
CANCELLATION = {
    "type": "object",
    "required": ["code"],
    "additionalProperties": False,
    "properties": {
        "code": {"type": "string", "minLength": 1, "maxLength": 32},
        "message": {"type": "string", "minLength": 1, "maxLength": 512},
    },
}


@dataclass
class FakeRegister:
    """What the register knows, and what it will do next."""

    address: str = ""
    journeys: dict[str, dict[str, Any]] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    statuses: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    tricks: deque[Any] = field(default_factory=deque)
    """For the next requests: a status, a status with headers, ``lost`` (done, and no answer), ``hang_up``, ``rubbish``,
    or None for none."""

    def act(self, method: str, path: str, body: object) -> Reply:
        if (method, path) == ("POST", "/v3.1/journeys"):
            return self._create(body)
        found = re.fullmatch(r"/v3\.1/journeys/([a-z0-9]+)(/cancel)?", path)
        done = {("GET", None): self._tell, ("PATCH", None): self._change, ("POST", "/cancel"): self._cancel}
        if found is None or (method, found[2]) not in done:
            return 405, None
        if found[1] not in self.journeys:
            return 404, {"error": {"message": "Not found"}}
        return done[method, found[2]](found[1], body)

    def _tell(self, id_: str, _: object) -> Reply:
        return 200, {"operator_journey_id": id_, **self.statuses.get(id_, {"status": "pending"})}

    def _change(self, id_: str, body: object) -> Reply:
        jsonschema.validate(body, CHANGE)
        self.journeys[id_] |= cast("dict[str, Any]", body)
        return 200, None

    def _cancel(self, id_: str, body: object) -> Reply:
        jsonschema.validate(body, CANCELLATION)
        self.cancelled.add(id_)
        return 204, None

    def _create(self, body: object) -> Reply:
        jsonschema.validate(body, JOURNEY)
        journey = cast("dict[str, Any]", body)
        id_ = journey["operator_journey_id"]
        if id_ in self.journeys:
            return 409, {"error": {"message": "Conflict", "data": "Journey already registered"}}
        self.journeys[id_] = journey
        return 201, {"operator_journey_id": id_, "created_at": "2026-03-10T12:40:00Z"}


class Handler(BaseHTTPRequestHandler):
    """Answers as the register, unless a trick is to be played."""

    register: ClassVar[FakeRegister]

    def do(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.register.asked.append(f"{self.command} {self.path}")
        trick = self.register.tricks.popleft() if self.register.tricks else None
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            self.answer(401, {"error": {"message": "Unauthorized"}})
        elif trick == "hang_up":
            self.connection.close()
        elif isinstance(trick, int | tuple):
            status, headers = trick if isinstance(trick, tuple) else (trick, {})
            self.answer(status, {"error": {"message": f"trick {status}"}}, headers)
        else:
            self.play(trick, json.loads(raw) if raw else None)

    do_GET = do_POST = do_PATCH = do  # noqa: N815 - the library's own names

    def play(self, trick: object, body: object) -> None:
        try:
            status, answer = self.register.act(self.command, self.path, body)
        except jsonschema.ValidationError as error:
            status, answer = 422, {"error": {"message": "Unprocessable", "data": error.message}}
        if trick == "lost":
            self.connection.close()
        else:
            self.answer(status, "<html>not what you think" if trick == "rubbish" else answer)

    def answer(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
        content = body.encode() if isinstance(body, str) else b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serve_register() -> Iterator[FakeRegister]:
    """Serve a register on a free port."""
    register = FakeRegister()
    handler = type("Playing", (Handler,), {"register": register})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    register.address = f"http://127.0.0.1:{server.server_address[1]}/v3.1"
    try:
        yield register
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
