"""The nouns of tickets: what is issued, what a code says, where it is shown, and what comes of that.

Instants are aware; money is whole cents; ids of agencies, routes, stops, networks and areas are those of the fares.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date, datetime, timedelta


class Malformed(ValueError):
    """Bytes that are none of what they are read as."""


class Format(StrEnum):
    """How a code is written."""

    UIC = "uic"
    """What railways read: header U2 with ticket data FCB3, ECDSA on P-256, drawn as Aztec."""
    COMPACT = "compact"
    """Our own: CBOR with Ed25519, drawn as QR."""


class Medium(StrEnum):
    """What a ticket is carried on."""

    PHONE = "phone"
    PAPER = "paper"
    CARD = "card"
    """Named by a number outside of this system (Calypso); no code is drawn."""


class TicketState(StrEnum):
    """How a ticket stands."""

    UNSIGNED = "unsigned"
    """Issued, its code still to be signed."""
    READY = "ready"
    BLOCKED = "blocked"
    """On the deny list; may be opened again."""
    VOID = "void"
    """Taken back or replaced for good; on the deny list."""


MOVES: dict[TicketState, frozenset[TicketState]] = {
    TicketState.UNSIGNED: frozenset({TicketState.READY, TicketState.BLOCKED, TicketState.VOID}),
    TicketState.READY: frozenset({TicketState.UNSIGNED, TicketState.BLOCKED, TicketState.VOID}),
    TicketState.BLOCKED: frozenset({TicketState.UNSIGNED, TicketState.READY, TicketState.VOID}),
    TicketState.VOID: frozenset(),
}
"""Lawful moves; the database knows the same ones."""


class TravelClass(StrEnum):
    """The part of a train one may sit in."""

    FIRST = "first"
    SECOND = "second"


@dataclass(frozen=True)
class Scope:
    """Where a ticket is good; what is empty does not restrict."""

    networks: tuple[str, ...] = ()
    """Fare networks of the catalogue."""
    areas: tuple[str, ...] = ()
    """Zones of the catalogue: one gets on in one of them."""
    agencies: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    stops: tuple[str, ...] = ()
    """Stops where one may get on, where a ticket is from here to there."""
    origin: str | None = None
    """Where it begins, for people and other railways."""
    destination: str | None = None
    trips: tuple[tuple[date, str], ...] = ()
    """Service day and trip, where a ticket is good in one vehicle only."""


@dataclass(frozen=True)
class Holder:
    """Who a ticket is bound to, as far as a controller must see it."""

    name: str
    born: date | None = None


@dataclass(frozen=True)
class Wanted:
    """A ticket that is to be issued."""

    product: str
    version: int
    """Of the catalogue it is sold from."""
    category: str
    """Rider category."""
    valid_from: datetime | None
    """None: from first use."""
    valid_until: datetime | None
    """None: until `span` after first use."""
    cents: int
    """What was paid, VAT included."""
    currency: str = "EUR"
    vat_permille: int = 0
    fellows: int = 1
    """How many travel on it."""
    span: timedelta | None = None
    """How long it is good from first use."""
    rides: int | None = None
    """Rides on it; None: any number; 0: a card that lowers prices and pays for none."""
    use: timedelta | None = None
    """How long one ride lasts: getting on again within it is a change, not another ride."""
    scope: Scope = Scope()
    holder: Holder | None = None
    """None: anonymous."""
    travel_class: TravelClass = TravelClass.SECOND
    medium: Medium = Medium.PHONE
    external: str | None = None
    """Number of the card, where it is carried on one."""
    order: str | None = None
    """Reference of the order it belongs to."""
    account: str | None = None
    """User whose ticket it is; None: whoever has its key."""
    specimen: bool = False
    """A sample that nobody may travel with."""
    item: str | None = None
    """Part of an order that it is issued for: for the same one there is one ticket, however often it is asked."""


@dataclass(frozen=True)
class Ticket:
    """A ticket as it stands."""

    id: str
    """Twelve signs; in the code, and printed."""
    key: str
    """Unguessable: who has it may see the ticket. Never in the code."""
    wanted: Wanted
    state: TicketState
    serial: int
    """Of its present code, from 1; codes of lower serials are refused."""
    phone: bytes | None
    """Public key of the phone that its codes are bound to: a point of P-256, compressed."""
    issued_at: datetime
    uses: int = 0
    """Rides taken, by what devices have sent so far."""
    first_used_at: datetime | None = None
    last_used_at: datetime | None = None
    replaces: str | None = None
    """Ticket that this one was given for."""
