"""Who asks about orders, and what their requests depend on."""

from typing import Annotated, Any

from fastapi import Depends, Header, Path, Request
from pydantic import StringConstraints
from starlette.datastructures import State

from mobigo.accounts.api import Credentials, identify, require
from mobigo.accounts.model import Person, Role
from mobigo.kit.errors import Forbidden
from mobigo.kit.requests import Now
from mobigo.street.drives import Drives
from mobigo.ticketing.counter import Counter
from mobigo.ticketing.service import Buyer, Places

SELLERS = frozenset({Role.DESK, Role.ADMIN, Role.FINANCE})
"""Roles of the staff who sell, refund and look at the orders of others."""

STRAIGHT = Drives(None)
"""Where there are no streets."""

TOKEN_OPTIONAL: dict[str, Any] = {"security": [{}]}
"""Added to what a route says of tokens: without one it is asked by somebody who has no account."""

REPLAYED = "Idempotent-Replayed"
"""Header of an answer that was given before."""

Key = Annotated[
    Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")] | None,
    Header(alias="Idempotency-Key", description="Chosen by who asks; asked again with it, nothing is done twice"),
]

OrderId = Annotated[str, Path(pattern=r"^o[A-Za-z0-9_-]{24}$", description="Of an order: its key")]
PaymentId = Annotated[str, Path(pattern=r"^p[A-Za-z0-9_-]{24}$", description="Of a payment")]


def find_buyer(request: Request, credentials: Credentials, now: Now) -> Buyer:
    """Tell who asks, if they say so at all."""
    person: Person | None = None if credentials is None else identify(request, credentials, now)
    if person is None:
        return Buyer()
    return Buyer(person.user, person.role, staff=person.role in SELLERS)


def find_changer(request: Request, credentials: Credentials, now: Now) -> Buyer:
    """Tell who asks for something to be done.

    Raises
    ------
    Forbidden
        To who may only read.
    """
    buyer = find_buyer(request, credentials, now)
    if buyer.role is Role.AUDITOR:
        raise Forbidden(f"{buyer.user} is here as auditor and changes nothing", code="role_required")
    return buyer


Reader = Annotated[Buyer, Depends(find_buyer)]
Changer = Annotated[Buyer, Depends(find_changer)]


Seller = Annotated[Person, Depends(require(Role.DESK, Role.FINANCE))]
"""Of routes that only the staff asks."""


def find_places(request: Request) -> Places:
    """Return what books rides now."""
    return find_places_in(request.app.state)


def find_places_in(state: State) -> Places:
    """Return what books rides now, of an application."""
    network = state.networks.find_current()
    drives = network.drives if network else STRAIGHT
    return Places(state.token_key, state.supplies.current(drives), drives)


def owner_of(buyer: Buyer) -> str:
    """Return whose idempotency keys a request's is."""
    return f"{buyer.role}:{buyer.user}" if buyer.user else ""


def counter_of(request: Request) -> Counter:
    """Return where this home sells."""
    counter: Counter = request.app.state.counter
    return counter
