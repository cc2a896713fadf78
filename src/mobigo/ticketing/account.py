"""People with an account: what they tell, what they prove, their bank cards, and all that is known of them.

Nobody needs an account: tickets may be anonymous. Who has one tells a name and how to be reached; a card or an age that
gives a reduction is shown to staff, who note until when it holds and keep no copy.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mobigo.db.session import driver
from mobigo.fares import service as fares
from mobigo.fares.catalogue import ProofKind
from mobigo.kit.errors import Conflict, InvalidInput, NotFound
from mobigo.messages import service as messages
from mobigo.messages.addresses import read_email, read_phone
from mobigo.messages.model import Recipient
from mobigo.ticketing import account_store as store
from mobigo.ticketing import debts_store, taps_store
from mobigo.ticketing import store as orders_store
from mobigo.ticketing.account_store import Proof, Traveller
from mobigo.ticketing.debts import get_charge
from mobigo.ticketing.taps_service import FRANCE
from mobigo.tickets import service as tickets

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from mobigo.fares.catalogue import RiderCategory
    from mobigo.ticketing.taps_store import Card

NONCE = 12
LONGEST_PROOF = timedelta(days=5 * 366)
OLDEST = date(1900, 1, 1)

IDLE = timedelta(days=2 * 365)
"""After the last time somebody used their account it is forgotten."""


def get(session: Session, account: str, *, lock: bool = False) -> Traveller:
    """Return who has an account.

    Raises
    ------
    NotFound
        When they have told nothing yet (``unknown_traveller``).
    """
    found = store.find_traveller(driver(session), account, lock=lock)
    if found is None:
        raise NotFound(
            "you have told nothing about yourself yet; PUT /v1/travellers/me with a name and a way to reach you",
            code="unknown_traveller",
        )
    return found


def describe(session: Session, told: Traveller, now: datetime) -> Traveller:
    """Write down what somebody tells about themselves.

    Raises
    ------
    InvalidInput
        When there is no name or no way to reach them (``invalid_contact``), or the date of birth cannot be.
    """
    name = " ".join(told.name.split())
    if not name or not name.isprintable():
        raise InvalidInput("say a name that can be printed on a ticket", code="invalid_contact")
    email = read_email(told.email) if told.email else None
    phone = read_phone(told.phone) if told.phone else None
    if email is None and phone is None:
        raise InvalidInput(
            "say how you can be reached: a telephone number or an e-mail address", code="invalid_contact"
        )
    if told.born is not None and not OLDEST <= told.born <= now.astimezone(FRANCE).date():
        raise InvalidInput(f"nobody who travels was born on {told.born}; correct it", code="invalid_contact")
    written = replace(told, name=name, email=email, phone=phone)
    store.write_traveller(driver(session), written, now)
    return written


def reach(one: Traveller) -> Recipient:
    """Say how somebody is reached."""
    return Recipient(email=one.email, phone=one.phone, language=one.language)


# ── what they pay with when they are not there ────────────────────────────────────────────────────────────────────────


def keep_method(session: Session, key: bytes, account: str, method: str, customer: str | None) -> None:
    """Keep by what the payment provider knows somebody's card, sealed."""
    get(session, account)
    nonce = secrets.token_bytes(NONCE)
    sealed = AESGCM(key).encrypt(nonce, json.dumps([method, customer]).encode(), account.encode())
    store.set_method(driver(session), account, nonce + sealed)


def open_method(session: Session, key: bytes, account: str) -> tuple[str, str | None] | None:
    """Return what `keep_method` kept; None where there is nothing that can be opened."""
    sealed = store.find_method(driver(session), account)
    if sealed is None:
        return None
    try:
        method, customer = json.loads(AESGCM(key).decrypt(sealed[:NONCE], sealed[NONCE:], account.encode()))
    except (InvalidTag, ValueError):
        return None
    return method, customer


# ── what they prove ───────────────────────────────────────────────────────────────────────────────────────────────────


def _find_category(session: Session, id_: str, now: datetime) -> RiderCategory:
    catalogue = fares.find_catalogue(session, now.astimezone(FRANCE).date())
    known = {one.id: one for one in catalogue.categories} if catalogue else {}
    if id_ not in known:
        raise InvalidInput(
            f"there is no category {id_[:60]!r}; there are {', '.join(sorted(known)) or 'none'}",
            code="unknown_category",
        )
    return known[id_]


def claim(session: Session, account: str, category: str, document: str, now: datetime) -> Proof:
    """Say that one is of a category; staff look at what is shown for it.

    Raises
    ------
    InvalidInput
        When there is no such category, or it needs no proof.
    Conflict
        ``proof_asked``: it waits already.
    """
    get(session, account)
    wanted = _find_category(session, category, now)
    if wanted.proof is ProofKind.NONE:
        raise InvalidInput(f"{category} needs no proof", code="unknown_category")
    one = Proof(f"pf{secrets.token_urlsafe(12)}", account, category, "asked", document, now, None, None, None, "")
    if not store.add_proof(driver(session), one):
        raise Conflict(f"your proof for {category} waits to be looked at already", code="proof_asked")
    return one


def decide(session: Session, id_: str, *, until: date | None, why: str, by: str, now: datetime) -> Proof:
    """Grant a proof until a day, or (without one) refuse it and say why.

    Raises
    ------
    NotFound, Conflict, InvalidInput
        ``unknown_proof``; ``proof_decided``; when the day is over, too far, or nothing is said.
    """
    one = store.find_proof(driver(session), id_, lock=True)
    if one is None:
        raise NotFound(
            f"there is no proof {id_[:40]!r}; GET /v1/travellers/proofs lists those to look at", code="unknown_proof"
        )
    if one.state != "asked":
        raise Conflict(f"proof {id_} was {one.state} already", code="proof_decided")
    today = now.astimezone(FRANCE).date()
    if until is not None and not today <= until <= today + LONGEST_PROOF:
        raise InvalidInput(f"a proof holds from today to five years from now at most, not until {until}")
    if until is None and not why.strip():
        raise InvalidInput("say why the proof is not accepted")
    decided = replace(
        one, state="granted" if until else "refused", until=until, decided_at=now, decided_by=by, why=why, document=""
    )
    store.decide(driver(session), decided)
    traveller = get(session, one.account)
    name = _find_category(session, one.category, now).name.of(traveller.language)
    values = {"name": traveller.name, "why": why, "until": until}
    values["granted" if until else "refused"] = name
    messages.send(
        session, "proof_decided", reach(traveller), values, key=f"proof/{one.id}", about=f"traveller:{one.account}",
        now=now,
    )  # fmt: skip
    for card in taps_store.list_cards(driver(session), one.account):
        taps_store.set_owner(driver(session), card.id, one.account, find_category(session, one.account, today))
    return decided


def find_category(session: Session, account: str, day: date) -> str | None:
    """Find a category that somebody has proved to be of on a day; None: they pay what everybody does."""
    granted = [one for one in store.list_proofs(driver(session), account) if one.state == "granted"]
    return next((one.category for one in granted if one.until is not None and one.until >= day), None)


def require_category(session: Session, account: str, category: str, day: date, now: datetime) -> None:
    """Refuse a category that somebody has not proved to be of on a day.

    Raises
    ------
    InvalidInput
        ``category_unproven``.
    """
    if _find_category(session, category, now).proof is ProofKind.NONE:
        return
    proofs = store.list_proofs(driver(session), account)
    if not any(one.category == category and one.until is not None and one.until >= day for one in proofs):
        raise InvalidInput(
            f"that you are {category} on {day} is not proved yet; POST /v1/travellers/me/proofs, or show it at a desk",
            code="category_unproven",
        )


# ── bank cards ────────────────────────────────────────────────────────────────────────────────────────────────────────


def link_card(session: Session, account: str, charge: str, now: datetime) -> str:
    """Link the card of a charge, whose number only its owner reads on the bank's statement.

    Raises
    ------
    NotFound, Conflict
        ``unknown_charge``; ``card_linked`` where it is somebody else's.
    """
    get(session, account)
    found = get_charge(session, charge)
    card = taps_store.find_card(driver(session), found.card, lock=True) if found.card else None
    if card is None:
        raise NotFound(f"nobody knows any more which card charge {charge} was of", code="unknown_charge")
    if card.account not in (None, account):
        raise Conflict("the card of this charge is linked to another account", code="card_linked")
    category = find_category(session, account, now.astimezone(FRANCE).date())
    taps_store.set_owner(driver(session), card.id, account, category)
    return card.id


def unlink_card(session: Session, account: str, card: str) -> None:
    """Link a card no longer.

    Raises
    ------
    NotFound
        ``unknown_card``.
    """
    get_card(session, account, card)
    taps_store.set_owner(driver(session), card, None, None)


def get_card(session: Session, account: str, card: str) -> Card:
    """Return a card of somebody's own.

    Raises
    ------
    NotFound
        ``unknown_card``.
    """
    found = taps_store.find_card(driver(session), card, lock=True)
    if found is None or found.account != account:
        raise NotFound(f"you have no card {card[:40]!r}", code="unknown_card")
    return found


# ── all that is known ─────────────────────────────────────────────────────────────────────────────────────────────────


def export(session: Session, account: str) -> dict[str, Any]:
    """Return all that is kept about somebody, by section."""
    connection = driver(session)
    cards = taps_store.list_cards(connection, account)
    found: dict[str, Any] = _plain(
        {
            "profile": asdict(get(session, account)),
            "pays_by_itself": store.find_method(connection, account) is not None,
            "proofs": [asdict(one) for one in store.list_proofs(connection, account)],
            "basket": [asdict(one) for one in store.list_wishes(connection, account)],
            "season_tickets": [asdict(one) for one in store.list_seasons(connection, account)],
            "orders": [asdict(one) for one in orders_store.list_orders(connection, account, None, 1_000)],
            "tickets": [asdict(one) for one in tickets.list_by_account(session, account)],
            "cards": [
                {
                    "id": card.id,
                    "last_digits": card.last_digits,
                    "days": [
                        {"day": day, "cents": cents, "charge": charge}
                        for day, cents, charge in taps_store.list_dues(connection, card.id)
                    ],
                    "charges": [asdict(one) for one in debts_store.list_charges(connection, card.id)],
                    "movements": [asdict(one) for one in taps_store.list_all_taps(connection, card.id)],
                }
                for card in cards
            ],
        }
    )
    return found


def _plain(value: Any) -> Any:  # noqa: ANN401 - anything that becomes JSON
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(one) for one in value]
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes):
        return value.hex()
    return value


def erase(session: Session, account: str, now: datetime) -> None:
    """Forget somebody: their tickets stay good for whoever has their keys, the books keep sums of nobody known.

    Raises
    ------
    Conflict
        ``debt_open``: something is still to be paid.
    """
    get(session, account, lock=True)
    connection = driver(session)
    for card in taps_store.list_cards(connection, account):
        if any(one.state not in ("paid", "written_off") for one in debts_store.list_charges(connection, card.id)):
            raise Conflict(
                "a charge of one of your cards is not paid; pay it, or unlink the card, and then erase the account",
                code="debt_open",
            )
        taps_store.set_owner(connection, card.id, None, None)
    for season in store.list_seasons(connection, account):
        store.note(connection, season.id, now, "erased", {})
    messages.cancel(session, about=f"traveller:{account}", now=now)
    messages.forget_about(session, f"traveller:{account}", now)
    orders_store.forget_account(connection, account)
    tickets.forget_account(session, account)
    store.remove_traveller(connection, account)


def forget_idle(session: Session, now: datetime, limit: int = 200) -> int:
    """Erase accounts that nobody used for two years; return how many."""
    gone = 0
    for account in store.list_idle(driver(session), now - IDLE, limit):
        try:
            with session.begin_nested():
                erase(session, account, now)
        except Conflict:
            continue  # a debt keeps it
        gone += 1
    return gone
