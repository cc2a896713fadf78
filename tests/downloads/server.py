"""A web server that misbehaves exactly as a test says."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator


@dataclass
class Request:
    path: str
    headers: dict[str, str]


@dataclass
class Server:
    """Answers the n-th connection with the n-th answer, and further ones with the last."""

    answers: list[Callable[[Request, socket.socket], None]]
    tls: ssl.SSLContext | None = None
    requests: list[Request] = field(default_factory=list)
    _socket: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    @property
    def pair(self) -> str:
        return f"127.0.0.1:{self._socket.getsockname()[1]}"

    def url(self, path: str = "/feed.zip") -> str:
        return f"http://{self.pair}{path}"

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
                stack.callback(connection.close)
                if self.tls:
                    connection = stack.enter_context(self.tls.wrap_socket(connection, server_side=True))
                head = b""
                while b"\r\n\r\n" not in head and (data := connection.recv(4096)):
                    head += data
                if not head:
                    continue
                first, *lines = head.decode("latin-1").split("\r\n")
                pairs = (line.split(": ", 1) for line in lines if line)
                self.requests.append(Request(first.split()[1], {name.lower(): value for name, value in pairs}))
                self.answers[min(len(self.requests), len(self.answers)) - 1](self.requests[-1], connection)

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@contextlib.contextmanager
def serving(*answers: Callable[[Request, socket.socket], None], tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    server = Server(list(answers), tls)
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join()


def raw(data: bytes) -> Callable[[Request, socket.socket], None]:
    """Answer with these bytes and hang up."""
    return lambda _request, connection: connection.sendall(data)


def ok(body: bytes, **headers: str) -> Callable[[Request, socket.socket], None]:
    """Answer 200 with a body, whole and true unless the headers lie."""
    fields = {"Content-Length": str(len(body))} | {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return raw(f"HTTP/1.1 200 OK\r\n{head}\r\n".encode() + body)


def status(code: int, **headers: str) -> Callable[[Request, socket.socket], None]:
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return raw(f"HTTP/1.1 {code} X\r\nContent-Length: 0\r\n{head}\r\n".encode())


def ranged(body: bytes, etag: str, cut: int | None = None) -> Callable[[Request, socket.socket], None]:
    """Serve ranges of a body as the standard says; hang up after `cut` bytes of it."""

    def answer(request: Request, connection: socket.socket) -> None:
        start = 0
        if "range" in request.headers and request.headers.get("if-range", etag) == etag:
            start = int(request.headers["range"].removeprefix("bytes=").removesuffix("-"))
        if start >= len(body):
            connection.sendall(b"HTTP/1.1 416 X\r\nContent-Length: 0\r\nContent-Range: bytes */%d\r\n\r\n" % len(body))
            return
        head = f"ETag: {etag}\r\nContent-Length: {len(body) - start}\r\n"
        if start:
            head = f"HTTP/1.1 206 X\r\nContent-Range: bytes {start}-{len(body) - 1}/{len(body)}\r\n{head}\r\n"
        else:
            head = f"HTTP/1.1 200 OK\r\n{head}\r\n"
        connection.sendall(head.encode() + body[start : None if cut is None else start + cut])

    return answer
