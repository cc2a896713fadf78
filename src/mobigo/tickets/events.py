"""What a device writes down: one event after another, numbered, each with the hash of the one before.

Whoever has an event cannot take one out before it or change one without its being seen, however late they arrive.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any

from mobigo.tickets import cbor
from mobigo.tickets.check import Act
from mobigo.tickets.codes import Reason

HASH = 32
"""Bytes."""

FIRST = bytes(HASH)
"""In place of a hash before a device's first event."""


@dataclass(frozen=True)
class Event:
    """Something that a device saw."""

    seq: int
    """From 1, without gaps."""
    at: datetime
    """By the device's clock, in whole seconds."""
    act: Act
    reason: Reason
    use: bool
    """Whether it began a ride."""
    ticket: str | None = None
    serial: int | None = None
    product: str | None = None
    version: int | None = None
    category: str | None = None
    fellows: int = 1
    agency: str | None = None
    route: str | None = None
    stop: str | None = None
    trip: str | None = None
    service_date: date | None = None
    vehicle: str | None = None
    metres: int | None = None
    """Along the way, where the device knows how far it goes."""

    def chain(self, before: bytes) -> bytes:
        """Return the hash of this event after that of the one before."""
        return sha256(before + cbor.dump(self._list())).digest()

    def pack(self) -> bytes:
        """Write it as a device keeps it."""
        return cbor.dump(self._list())

    def _list(self) -> list[Any]:
        return [
            self.seq,
            int(self.at.timestamp()),
            self.act,
            self.reason,
            self.use,
            self.ticket,
            self.serial,
            self.product,
            self.version,
            self.category,
            self.fellows,
            self.agency,
            self.route,
            self.stop,
            self.trip,
            self.service_date and self.service_date.isoformat(),
            self.vehicle,
            self.metres,
        ]


def unpack(data: bytes) -> Event:
    """Read what `Event.pack` wrote."""
    seq, at, act, reason, use, *rest = cbor.load(data)
    ticket, serial, product, version, category, fellows, agency, route, stop, trip, day, vehicle, metres = rest
    return Event(
        seq=seq,
        at=datetime.fromtimestamp(at, UTC),
        act=Act(act),
        reason=Reason(reason),
        use=use,
        ticket=ticket,
        serial=serial,
        product=product,
        version=version,
        category=category,
        fellows=fellows,
        agency=agency,
        route=route,
        stop=stop,
        trip=trip,
        service_date=day and date.fromisoformat(day),
        vehicle=vehicle,
        metres=metres,
    )
