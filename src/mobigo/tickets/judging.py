"""Whether a code is good, as this instance knows it now: its keys, and how the ticket stands."""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error, unhexlify
from typing import TYPE_CHECKING

from mobigo.db.session import driver
from mobigo.tickets import codes, compact, keys_store, store
from mobigo.tickets.codes import Reason, Verdict
from mobigo.tickets.keys import Keyring
from mobigo.tickets.model import TicketState

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

HEX = re.compile(rb"(?:[0-9A-Fa-f]{2}\s*)+")


def read_written(text: bytes) -> bytes:
    """Read a code as it is written down: as it is, as hexadecimal digits, as base 64, or as the text of a QR symbol."""
    plain = text.strip()
    if plain.startswith(compact.PREFIX.encode()):
        return plain
    if HEX.fullmatch(plain):
        try:
            return unhexlify(b"".join(plain.split()))
        except Error:
            return text
    try:
        return b64decode(plain, validate=True) if plain else text
    except (Error, ValueError):
        return text


def judge_now(session: Session, data: bytes, at: datetime) -> Verdict:
    """Judge a code with all that is known here, the deny list and the ticket's state besides."""
    connection = driver(session)
    verdict = codes.judge(data, Keyring(keys_store.list_keys(connection)), at)
    if not verdict.valid or verdict.claims is None:
        return verdict
    found = store.list_tickets(connection, [verdict.claims.id])
    reason = Reason.OK
    if found and found[0].state in {TicketState.BLOCKED, TicketState.VOID}:
        reason = Reason.DENIED
    elif found and verdict.claims.serial < found[0].serial:
        reason = Reason.REPLACED
    elif found and found[0].wanted.rides is not None and found[0].uses > found[0].wanted.rides:
        reason = Reason.USED_UP
    return Verdict(reason, verdict.format, verdict.fields, verdict.claims, verdict.signed_by)
