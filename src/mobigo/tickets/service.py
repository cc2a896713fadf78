"""What can be done with a ticket: issued, looked at, bound to a phone, given anew, blocked, taken back.

Each happens in the caller's transaction. Codes are signed afterwards, by the worker (`sign_waiting`).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mobigo.db.session import driver
from mobigo.jobs.queue import enqueue
from mobigo.jobs.schedule import PROMPT
from mobigo.kit.errors import Conflict, InvalidInput
from mobigo.tickets import compact, keys_store, railway, store
from mobigo.tickets.claims import ID_BITS, claim, pack, write_id
from mobigo.tickets.codes import SHOWN_FOR
from mobigo.tickets.keys import Use, compress, write_spki
from mobigo.tickets.model import MOVES, Format, Malformed, Medium, Ticket, TicketState
from mobigo.tickets.store import CodeRow, Denial

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from psycopg import Connection
    from sqlalchemy.orm import Session

    from mobigo.tickets.keys import Key
    from mobigo.tickets.model import Wanted
    from mobigo.tickets.signer import Signer

SIGN = "tickets.sign"
"""The job that signs what waits."""

TEXT_MOST = 200
"""Characters of a name or place in a code."""

LIST_MOST = 60
"""Stops, lines, zones ... in a code."""

CLAIMS_MOST = 500
"""Bytes of what a code says: with more, its symbol is too fine to be read from a phone."""

BATCH = 200
"""Tickets that are signed in one transaction."""


@dataclass(frozen=True)
class Uses:
    """How a ticket was used, as far as devices have told."""

    count: int
    first_at: datetime | None


def issue(session: Session, wanted: Sequence[Wanted], *, now: datetime) -> list[Ticket]:
    """Issue tickets; for an item that has one already, that one is returned.

    Raises
    ------
    InvalidInput
        When one cannot be written into a code (``invalid_ticket``).
    """
    connection = driver(session)
    issued, new = list[Ticket](), False
    for one in wanted:
        _check(one)
        unsigned = one.medium is not Medium.CARD
        ticket = Ticket(
            id=write_id(secrets.randbits(ID_BITS)),
            key=_new_key(),
            wanted=one,
            state=TicketState.UNSIGNED if unsigned else TicketState.READY,
            serial=1,
            phone=None,
            issued_at=now,
        )
        if len(pack(claim(ticket))) > CLAIMS_MOST:
            raise InvalidInput(
                f"the ticket of product {one.product[:60]!r} says more than a code can hold, {CLAIMS_MOST} bytes: name"
                " fewer stops, lines or zones",
                code="invalid_ticket",
            )
        if store.add_ticket(connection, ticket):
            store.note(connection, ticket.id, now, "issued")
            new = new or unsigned
        else:
            assert one.item
            found = store.find_by(connection, "item", one.item)
            assert found
            ticket = found
        issued.append(ticket)
    if new:
        ask_for_signing(session)
    return issued


def _new_key() -> str:
    return "t" + secrets.token_urlsafe(16)


def ask_for_signing(session: Session) -> None:
    """Have the worker sign what waits, as soon as this transaction is over."""
    enqueue(session, SIGN, once=SIGN, queue=PROMPT)


def _check(wanted: Wanted) -> None:
    scope = wanted.scope
    texts = [wanted.product, wanted.category, scope.origin or "", scope.destination or ""]
    texts += [wanted.holder.name if wanted.holder else ""]
    lists = [scope.networks, scope.areas, scope.agencies, scope.routes, scope.stops, scope.trips]
    problem = None
    if any(len(text) > TEXT_MOST for text in texts) or any(len(one) > LIST_MOST for one in lists):
        problem = f"texts have at most {TEXT_MOST} characters, lists at most {LIST_MOST} places or lines"
    elif wanted.valid_from is None and wanted.span is None and wanted.valid_until is None:
        problem = "it needs an end: valid_until, or a span from first use"
    elif wanted.valid_from and wanted.valid_until and wanted.valid_from >= wanted.valid_until:
        problem = f"it ends at {wanted.valid_until.isoformat()}, before it begins"
    elif wanted.medium is Medium.CARD and not wanted.external:
        problem = "a ticket on a card needs the card's number"
    if problem is not None:
        raise InvalidInput(f"the ticket of product {wanted.product[:60]!r} cannot be: {problem}", code="invalid_ticket")


def get_ticket(session: Session, id_: str) -> Ticket:
    """Return a ticket by its id.

    Raises
    ------
    NotFound
        ``unknown_ticket``.
    """
    return store.get_ticket(driver(session), id_)


def get_by_key(session: Session, key: str) -> Ticket:
    """Return a ticket by its unguessable key.

    Raises
    ------
    NotFound
        ``unknown_ticket``.
    """
    found = store.find_by(driver(session), "key", key)
    if found is None:
        raise store.unknown_ticket(key)
    return found


def list_by_order(session: Session, order: str) -> list[Ticket]:
    """List the tickets of an order."""
    return store.list_by(driver(session), "order_ref", order)


def list_by_account(session: Session, account: str) -> list[Ticket]:
    """List somebody's tickets."""
    return store.list_by(driver(session), "account", account)


def forget_account(session: Session, account: str) -> None:
    """Forget whose an account's tickets are; they stay good for whoever has their keys."""
    driver(session).execute("UPDATE ticket SET account = NULL WHERE account = %s", [account])


def list_uses(session: Session, ids: Iterable[str]) -> dict[str, Uses]:
    """Tell how tickets were used, as far as devices have told."""
    return {one.id: Uses(one.uses, one.first_used_at) for one in store.list_tickets(driver(session), list(ids))}


# ── back, blocked, anew ───────────────────────────────────────────────────────────────────────────────────────────────


def void(session: Session, ids: Iterable[str], *, why: str, now: datetime) -> None:
    """Take tickets back for good: devices refuse them from their next bundle on. Again is no error."""
    connection = driver(session)
    for one in store.list_tickets(connection, list(ids), lock=True):
        if one.state is not TicketState.VOID:
            _move(connection, one, TicketState.VOID, why, now)
            _deny(connection, one, None, why, now)


def block(session: Session, id_: str, *, why: str, now: datetime) -> Ticket:
    """Block a ticket until it is opened again.

    Raises
    ------
    NotFound, Conflict
        ``unknown_ticket``; ``ticket_void``.
    """
    connection = driver(session)
    one = store.get_ticket(connection, id_, lock=True)
    if one.state is not TicketState.BLOCKED:
        _move(connection, one, TicketState.BLOCKED, why, now)
        _deny(connection, one, None, why, now)
    return store.get_ticket(connection, id_)


def unblock(session: Session, id_: str, *, why: str, now: datetime) -> Ticket:
    """Open a blocked ticket again; codes that were replaced stay refused.

    Raises
    ------
    NotFound, Conflict
        ``unknown_ticket``; ``ticket_void``, ``ticket_not_blocked``.
    """
    connection = driver(session)
    one = store.get_ticket(connection, id_, lock=True)
    if one.state is not TicketState.BLOCKED:
        raise Conflict(f"ticket {id_} is {one.state}, not blocked", code="ticket_not_blocked")
    signed = store.find_code(connection, id_, Format.COMPACT)
    fresh = one.wanted.medium is Medium.CARD or (signed is not None and signed.serial == one.serial)
    _move(connection, one, TicketState.READY if fresh else TicketState.UNSIGNED, why, now)
    store.allow(connection, "ticket", store.pack_number(id_))
    if one.serial > 1:
        _deny(connection, one, one.serial, "replaced", now)
    if not fresh:
        ask_for_signing(session)
    return store.get_ticket(connection, id_)


def replace(session: Session, id_: str, *, why: str, now: datetime) -> Ticket:
    """Give a ticket anew: lost, or shown to somebody. Devices refuse the codes before it, and its key is another.

    Raises
    ------
    NotFound, Conflict
        ``unknown_ticket``; ``ticket_void``, ``ticket_blocked``.
    """
    return _renew(session, id_, None, why, now, key=_new_key())


def bind(session: Session, id_: str, phone: bytes, *, now: datetime) -> Ticket:
    """Bind a ticket to a phone: from now on only its codes count, each for half a minute.

    Parameters
    ----------
    phone : bytes
        The phone's public key on P-256: a point, or SubjectPublicKeyInfo.

    Raises
    ------
    InvalidInput, NotFound, Conflict
        ``invalid_phone_key``; ``unknown_ticket``; ``ticket_void``, ``ticket_blocked``.
    """
    try:
        point = compress(phone)
    except Malformed as error:
        raise InvalidInput(f"the phone's key is no public key on P-256: {error}", code="invalid_phone_key") from None
    one = store.get_ticket(driver(session), id_, lock=True)
    return one if one.phone == point else _renew(session, id_, point, "bound to a phone", now)


def _renew(
    session: Session, id_: str, phone: bytes | None, why: str, now: datetime, *, key: str | None = None
) -> Ticket:
    connection = driver(session)
    one = store.get_ticket(connection, id_, lock=True)
    if one.state is TicketState.BLOCKED:
        raise Conflict(f"ticket {id_} is blocked; open it first", code="ticket_blocked")
    _move(connection, one, TicketState.UNSIGNED, why, now)
    store.set_code_wanted(connection, id_, one.serial + 1, phone, key or one.key)
    renewed = store.get_ticket(connection, id_)
    _deny(connection, renewed, renewed.serial, "replaced", now)
    ask_for_signing(session)
    return renewed


def _move(connection: Connection[Any], one: Ticket, state: TicketState, why: str, now: datetime) -> None:
    if state is not one.state and state not in MOVES[one.state]:
        raise Conflict(f"ticket {one.id} is {one.state} for good", code="ticket_void")
    store.set_state(connection, one.id, state)
    store.note(connection, one.id, now, state, why)


def _deny(connection: Connection[Any], one: Ticket, below: int | None, why: str, now: datetime) -> None:
    """Put a ticket on the deny list as long as its codes would otherwise be good."""
    store.deny(connection, Denial("ticket", store.pack_number(one.id), below, one.wanted.valid_until, why), now)


def deny_card(session: Session, card_hash: bytes, *, until: datetime | None, why: str, now: datetime) -> None:
    """Have devices refuse a bank card, by its salted hash."""
    store.deny(driver(session), Denial("card", card_hash, None, until, why), now)


def allow_card(session: Session, card_hash: bytes) -> bool:
    """Have devices take a bank card again; tell whether they refused it."""
    return store.allow(driver(session), "card", card_hash)


# ── signing ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def sign_waiting(connection: Connection[Any], signer: Signer, now: datetime) -> int:
    """Sign the codes that wait; return how many tickets. In the worker, which has the keys.

    Signing needs no lock: a code is written only if the ticket still waits for its serial. One that cannot be written
    into a code is blocked, with the reason in its history, and holds up no other.
    """
    signed = 0
    while True:
        with connection.transaction():
            waiting = store.list_by(connection, "state", TicketState.UNSIGNED, limit=BATCH)
            keys = {use: signer.choose(connection, use, now) for use in (Use.UIC, Use.COMPACT)} if waiting else {}
        if not waiting:
            return signed
        sign = {use: signer.hold(key) for use, key in keys.items()}
        codes, unable = dict[str, list[CodeRow]](), dict[str, str]()
        for one in waiting:
            try:
                codes[one.id] = _write_codes(one, signer.issuer, keys, sign, now)
            except ValueError as error:
                unable[one.id] = f"it cannot be written into a code: {error}"
        with connection.transaction():
            serials = {one.id: one.serial for one in waiting}
            for current in store.list_tickets(connection, serials.keys(), lock=True):
                if current.state is not TicketState.UNSIGNED or current.serial != serials[current.id]:
                    continue
                if current.id in unable:
                    _move(connection, current, TicketState.BLOCKED, unable[current.id], now)
                    continue
                for row in codes[current.id]:
                    store.put_code(connection, row)
                store.set_state(connection, current.id, TicketState.READY)
                store.note(connection, current.id, now, "signed", f"serial {current.serial}")
                signed += 1


def _write_codes(
    one: Ticket, issuer: str, keys: Mapping[Use, Key], sign: Mapping[Use, Callable[[bytes], bytes]], now: datetime
) -> list[CodeRow]:
    """Write both codes of a ticket."""
    claims = claim(one)
    sale = railway.Sale(one.wanted.cents, one.wanted.currency, one.wanted.vat_permille)
    kid = keys[Use.COMPACT].kid
    packed, signable = compact.prepare(claims, kid)
    still = compact.write_still(kid, packed, sign[Use.COMPACT](signable))
    phone = None if one.phone is None else write_spki(one.phone)
    level, level_bytes = railway.prepare(
        claims, sale, kid=keys[Use.UIC].kid, issuer=issuer, phone=phone, shown_for=SHOWN_FOR
    )
    barcode = railway.write(level, sign[Use.UIC](level_bytes))
    return [
        CodeRow(one.id, one.serial, Format.COMPACT, kid, still, now),
        CodeRow(one.id, one.serial, Format.UIC, keys[Use.UIC].kid, barcode, now),
    ]


def sign_anew(session: Session, kid: int, now: datetime) -> int:
    """Have every code that a key signed signed by another; return how many tickets. Their serials stay."""
    connection = driver(session)
    ids = store.list_signed_by(connection, kid)
    for one in store.list_tickets(connection, ids, lock=True):
        if one.state is TicketState.READY:
            _move(connection, one, TicketState.UNSIGNED, f"key {kid} is revoked", now)
    if ids:
        ask_for_signing(session)
    return len(ids)


def list_public_keys(session: Session, now: datetime) -> list[Key]:
    """List the public keys that are still believed."""
    return keys_store.list_keys(driver(session), believed_at=now)
