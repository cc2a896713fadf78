"""Webhooks: who wants to be told what, and what happened. `messages.deliver` tells them."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mobigo.db.session import driver
from mobigo.downloads.addresses import PORTS, check_url, resolve
from mobigo.kit.errors import InvalidInput, Refused, Unavailable
from mobigo.messages import webhook_store as store
from mobigo.messages.signature import make_secret
from mobigo.messages.webhook_store import Event

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from mobigo.messages.webhook_store import Attempt, Delivery, Webhook

TYPE = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*")
WANTED = re.compile(rf"{TYPE.pattern}(?:\.\*)?")

TYPES = {
    "booking.confirmed": "A booking is confirmed.",
    "booking.changed": "Other rides, or other times, replace those of a booking.",
    "booking.cancelled": "A booking, or some of its rides, is cancelled by the traveller or the operator.",
    "leg.assigned": "A ride has its vehicle, and the driver is told.",
    "leg.en_route": "The vehicle is on its way to the pick-up.",
    "leg.arrived": "The vehicle waits at the pick-up.",
    "leg.on_board": "The travellers are on board.",
    "leg.completed": "A ride is over.",
    "leg.no_show": "Nobody came.",
    "leg.failed": "A hold ran out, or a promise could not be kept.",
    "leg.shifted": "A pick-up waits for a late train.",
    "leg.moved": "A ride is on another vehicle now.",
    "run.changed": "The stops of a vehicle's run changed.",
    "taxi.ordered": "A taxi is ordered in place of a vehicle.",
    "webhook.test": "Somebody tries out the webhook.",
}
"""What is announced. ``data`` holds ids, instants and places of stops; never a name, a number or an address."""

MOST_TYPES = 50
LONGEST_TEXT = 500
"""Characters of a description."""
LONGEST_ADDRESS = 2_000
LARGEST_BODY = 20_000
"""Bytes of an event, as the standard advises."""

OLD_SECRET_KEPT = timedelta(hours=24)
"""How long the secret before still signs, so that a receiver can change over."""

KEPT = timedelta(days=30)
"""After which an event and the log of its deliveries are forgotten."""


def announce(
    session: Session, type_: str, data: Mapping[str, object], *, operator: str | None = None, key: str, now: datetime
) -> str | None:
    """Tell all webhooks that want to know what happened, once the caller's transaction is committed.

    Parameters
    ----------
    type_ : str
        As in `TYPES`.
    data : mapping
        JSON: ids, instants as ISO 8601; no personal data.
    operator : str, optional
        Whose it is; webhooks of other operators are not told.
    key : str
        Of this one happening: announced twice, it is told once.

    Returns
    -------
    str or None
        Id of the event; None when nobody wants to know it, or it was announced already.
    """
    if not TYPE.fullmatch(type_):
        raise InvalidInput(f"{type_!r} is no type of event; write words of small letters with dots between")
    wanting = [
        one.id
        for one in store.list_webhooks(driver(session))
        if one.enabled and _wants(one, type_) and (one.operator is None or one.operator == operator)
    ]
    if not wanting:
        return None
    event = _write(type_, data, operator, key, now)
    return event.id if _hand_over(session, event, wanting) else None


def _write(type_: str, data: Mapping[str, object], operator: str | None, key: str, now: datetime) -> Event:
    told = {"type": type_, "timestamp": now.astimezone(UTC).isoformat().replace("+00:00", "Z"), "data": data}
    body = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    if len(body.encode()) > LARGEST_BODY:
        raise InvalidInput(f"the event {type_} of {len(body.encode())} bytes is too large; {LARGEST_BODY} are the most")
    return Event(f"msg_{secrets.token_urlsafe(18)}", key, type_, now, operator, body)


def _hand_over(session: Session, event: Event, webhooks: Sequence[str]) -> bool:
    connection = driver(session)
    if not store.add_event(connection, event):
        return False
    store.add_deliveries(connection, event.id, webhooks, event.at)
    return True


def _wants(one: Webhook, type_: str) -> bool:
    return not one.types or any(
        type_ == wanted or (wanted.endswith(".*") and type_.startswith(wanted[:-1])) for wanted in one.types
    )


# ── webhooks ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def list_webhooks(session: Session) -> list[Webhook]:
    """List webhooks, oldest first."""
    return store.list_webhooks(driver(session))


def get_webhook(session: Session, id_: str) -> Webhook:
    """Return a webhook."""
    return store.get_webhook(driver(session), id_)


def add_webhook(
    session: Session,
    *,
    address: str,
    description: str,
    types: Sequence[str],
    operator: str | None,
    by: str,
    now: datetime,
    allow_hosts: Sequence[str] = (),
) -> Webhook:
    """Add a webhook with a new secret.

    Raises
    ------
    InvalidInput
        When the address or a type cannot be read.
    Refused
        When the address is not of the public internet, or not encrypted.
    """
    one = store.Webhook(
        id=f"wh_{secrets.token_urlsafe(12)}",
        address=_check_address(address, allow_hosts),
        description=_check_text(description),
        types=_check_types(types),
        operator=operator,
        secret=make_secret(),
        old_secret=None,
        old_secret_until=None,
        enabled=True,
        disabled_because=None,
        failing_since=None,
        written_by=by,
        created_at=now,
    )
    store.save_webhook(driver(session), one)
    return one


def change_webhook(
    session: Session,
    id_: str,
    *,
    address: str | None = None,
    description: str | None = None,
    types: Sequence[str] | None = None,
    enabled: bool | None = None,
    by: str,
    now: datetime,
    allow_hosts: Sequence[str] = (),
) -> Webhook:
    """Change what is given; switched on again, it begins anew, and what it missed is delivered when asked for."""
    one = get_webhook(session, id_)
    if address is not None:
        one = replace(one, address=_check_address(address, allow_hosts))
    if description is not None:
        one = replace(one, description=_check_text(description))
    if types is not None:
        one = replace(one, types=_check_types(types))
    if enabled is True:
        one = replace(one, enabled=True, disabled_because=None, failing_since=None)
    if enabled is False:
        one = replace(one, enabled=False)
        store.cancel_waiting(driver(session), id_, now)
    one = replace(one, written_by=by)
    store.save_webhook(driver(session), one)
    return one


def renew_secret(session: Session, id_: str, *, by: str, now: datetime) -> Webhook:
    """Give a webhook a new secret; the one before still signs for a day."""
    one = get_webhook(session, id_)
    one = replace(
        one, secret=make_secret(), old_secret=one.secret, old_secret_until=now + OLD_SECRET_KEPT, written_by=by
    )
    store.save_webhook(driver(session), one)
    return one


def remove_webhook(session: Session, id_: str) -> None:
    """Remove a webhook and the log of its deliveries."""
    get_webhook(session, id_)
    store.remove_webhook(driver(session), id_)


def try_out(session: Session, id_: str, *, by: str, now: datetime) -> str:
    """Send a webhook an event ``webhook.test``; return its id."""
    one = get_webhook(session, id_)
    if not one.enabled:
        raise Refused(f"webhook {id_} is switched off; switch it on first", code="webhook_disabled")
    event = _write("webhook.test", {"webhook": id_, "by": by}, one.operator, f"test/{secrets.token_hex(8)}", now)
    _hand_over(session, event, [id_])
    return event.id


def list_deliveries(
    session: Session, id_: str, *, state: str | None = None, before: int | None = None, limit: int = 100
) -> list[tuple[Delivery, list[Attempt]]]:
    """List deliveries of a webhook with their attempts, newest first."""
    get_webhook(session, id_)
    connection = driver(session)
    found = store.list_deliveries(connection, id_, state=state, before=before, limit=limit)
    attempts = store.list_attempts(connection, [one.id for one in found])
    return [(one, attempts[one.id]) for one in found]


def deliver_again(
    session: Session, id_: str, *, now: datetime, delivery: int | None = None, since: datetime | None = None
) -> int:
    """Deliver one delivery anew, or all that failed or were cancelled since an instant; return how many."""
    one = get_webhook(session, id_)
    if not one.enabled:
        raise Refused(f"webhook {id_} is switched off; switch it on first", code="webhook_disabled")
    connection = driver(session)
    if delivery is not None:
        store.get_delivery(connection, id_, delivery)
    return store.deliver_again(connection, id_, now, id_=delivery, since=since or now - KEPT)


def forget(session: Session, now: datetime) -> int:
    """Forget events of more than 30 days ago; return how many."""
    return store.forget(driver(session), now - KEPT)


def _check_address(address: str, allow_hosts: Sequence[str]) -> str:
    if len(address) > LONGEST_ADDRESS:
        raise InvalidInput(f"the address has {len(address)} characters; {LONGEST_ADDRESS} are the most")
    url = check_url(address)
    port = url.port or PORTS[url.scheme]
    opened = f"{url.host}:{port}" in allow_hosts
    if url.scheme != "https" and not opened:
        raise Refused(f"{url.host} is not reached by https; webhooks are encrypted", code="webhook_not_encrypted")
    try:
        resolve(url.host, port, allow_hosts)
    except Unavailable as error:
        raise InvalidInput(f"{error}; a webhook's address must exist", code="webhook_unreachable") from None
    return str(url)


def _check_text(text: str) -> str:
    if len(text) > LONGEST_TEXT or "\0" in text:
        raise InvalidInput(f"the description is no text of at most {LONGEST_TEXT} characters")
    return text.strip()


def _check_types(types: Sequence[str]) -> tuple[str, ...]:
    if len(types) > MOST_TYPES:
        raise InvalidInput(f"{len(types)} types are too many; {MOST_TYPES} are the most, and none means all")
    for one in types:
        matching = [name for name in TYPES if name == one or (one.endswith(".*") and name.startswith(one[:-1]))]
        if not WANTED.fullmatch(one) or not matching:
            raise InvalidInput(
                f"no event {one!r}; there are {', '.join(TYPES)}, and all of a kind as in 'leg.*'",
                code="unknown_event_type",
            )
    return tuple(dict.fromkeys(types))
