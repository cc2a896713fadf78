"""Another operator that speaks Standard Covoiturage, well or badly."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Operator:
    """What it answers, and what it was asked."""

    address: str = ""
    journeys: list[Any] = field(default_factory=list)
    answers: dict[str, list[tuple[int, Any, dict[str, str]]]] = field(default_factory=dict)
    """By method and first part of the path: status, body and headers of answers to come; then it answers well."""
    delay: float = 0.0
    raw: bytes | None = None
    """Answered to a search instead of journeys."""
    over: threading.Event = field(default_factory=threading.Event)
    """Nobody waits any more."""
    asked: list[tuple[str, str, str | None, Any]] = field(default_factory=list)
    """Method, path, key and body."""

    @property
    def pair(self) -> str:
        """For `allow_hosts`."""
        return self.address.removeprefix("http://")

    def list_told(self, what: str) -> list[tuple[str, Any]]:
        """List path and body of calls of a kind, as ``POST /bookings``."""
        return [(path, body) for method, path, _, body in self.asked if f"{method} {path}".startswith(what)]


@contextmanager
def operating() -> Iterator[Operator]:
    """Run another operator."""
    operator = Operator()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Keep quiet."""

        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            operator.asked.append((self.command, self.path, self.headers.get("X-API-Key"), body))
            operator.over.wait(operator.delay)
            kind = f"{self.command} /{self.path.split('?')[0].split('/')[1]}"
            waiting = operator.answers.get(kind)
            if waiting:
                status, said, headers = waiting.pop(0)
            elif kind == "GET /driver_journeys":
                status, said, headers = 200, operator.journeys, {}
            else:
                status, said, headers = (201 if self.command == "POST" else 200), body, {}
            content = operator.raw if operator.raw is not None else json.dumps(said).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = _answer  # noqa: N815 - http.server's names

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    operator.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield operator
    finally:
        operator.over.set()
        server.shutdown()
        thread.join()
        server.server_close()
