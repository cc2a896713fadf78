"""Connections to checked addresses, which lose patience with a server that drips."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import cache
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

import httpcore
import httpx

from mobigo.downloads.addresses import resolve
from mobigo.kit.errors import Unavailable

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Sequence

    from httpcore._backends.base import SOCKET_OPTION


ADDRESSES = 4
"""How many addresses of one name are tried."""


class Patience(NamedTuple):
    """How long we wait for a server. Seconds, unless it says bytes."""

    connect: float = 10
    """For a connection to one address."""
    read: float = 60
    """For the next byte."""
    window: float = 60
    """The stretch over which a speed is judged."""
    window_bytes: int = 60_000
    """What has to come within each such stretch, headers included: 1 kB/s."""
    total: float = inf
    """For one whole answer, once its connection stands."""
    attempts: int = 4
    """How often a broken download is taken up again before we give up."""
    pause: float = 1
    """Before the second attempt; doubled before each further one."""


@dataclass
class PacedStream(httpcore.NetworkStream):
    """A connection whose bytes are counted, so that one byte a minute is not for ever."""

    inner: httpcore.NetworkStream
    patience: Patience
    _begun: float = field(default_factory=time.monotonic)
    _since: float = field(default_factory=time.monotonic)
    _bytes: int = 0

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read as the inner stream does; a stretch that brought too little is a time-out."""
        data = self.inner.read(max_bytes, timeout)
        self._bytes += len(data)
        now = time.monotonic()
        if data and now - self._begun >= self.patience.total:
            raise httpcore.ReadTimeout(f"it was not whole within {self.patience.total:.0f} s")
        if now - self._since >= self.patience.window:
            if data and self._bytes < self.patience.window_bytes:
                raise httpcore.ReadTimeout(
                    f"only {self._bytes} bytes came in {now - self._since:.0f} s, "
                    f"{self.patience.window_bytes} are the least"
                )
            self._since, self._bytes = now, 0
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write as the inner stream does."""
        self.inner.write(buffer, timeout)

    def close(self) -> None:
        """Close the inner stream."""
        self.inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """Encrypt; the certificate is checked against the host's name, not its address."""
        return PacedStream(self.inner.start_tls(ssl_context, server_hostname, timeout), self.patience)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401
        """Ask the inner stream."""
        return self.inner.get_extra_info(info)


@dataclass
class GuardedBackend(httpcore.NetworkBackend):
    """Connects to what `resolve` allows, by address: no second look-up between check and connection."""

    allow_hosts: Sequence[str]
    patience: Patience
    _inner: httpcore.NetworkBackend = field(default_factory=httpcore.SyncBackend)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first allowed address that answers."""
        failure: Exception = Unavailable(f"{host} has no address")
        for address in resolve(host, port, self.allow_hosts)[:ADDRESSES]:
            try:
                stream = self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return PacedStream(stream, self.patience)
        raise failure


@cache
def _ssl_context() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def open_pool(allow_hosts: Sequence[str], patience: Patience) -> httpcore.ConnectionPool:
    """Open a pool that connects to checked addresses only and keeps no connection for another host to reuse."""
    return httpcore.ConnectionPool(
        ssl_context=_ssl_context(),
        max_keepalive_connections=0,
        network_backend=GuardedBackend(allow_hosts, patience),
    )
