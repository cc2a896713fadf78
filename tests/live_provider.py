"""A provider of live data inside a test, and what it says, as GTFS-Realtime."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from google.transit import gtfs_realtime_pb2 as gtfs

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from tests.downloads.server import Request


def message(at: int, **delays: int) -> bytes:
    """A trip update per trip id, late by so many seconds from its first stop."""
    feed = gtfs.FeedMessage()
    feed.header.gtfs_realtime_version = "2.0"
    feed.header.timestamp = at
    for trip, delay in delays.items():
        update = feed.entity.add(id=trip).trip_update
        update.trip.trip_id = trip
        update.stop_time_update.add(stop_sequence=1).departure.delay = delay
    return feed.SerializeToString()


def drip(body: bytes, pause: float) -> Callable[[Request, socket.socket], None]:
    """Send a body byte by byte."""

    def answer(_: Request, connection: socket.socket) -> None:
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode())
        for byte in body:
            connection.sendall(bytes([byte]))
            time.sleep(pause)

    return answer
