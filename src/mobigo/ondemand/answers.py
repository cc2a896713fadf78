"""Answers by idempotency key: who asks the same thing twice, not knowing whether it came through, gets one booking.

The key is taken in the transaction of what is done, so both are there or neither: a second request with the key waits
until the first has ended. What was refused keeps no key. Answers hold no contact and are forgotten after two days.
"""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from mobigo.kit.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from psycopg import Connection

KEPT = timedelta(days=2)


def claim(connection: Connection[Any], owner: str, key: str, question: str, now: datetime) -> Mapping[str, Any] | None:
    """Take a key for a question, or return the answer that was given under it.

    Parameters
    ----------
    owner : str
        Whose keys these are: two people may choose the same one.
    question : str
        What is asked: method, address and body.

    Raises
    ------
    Conflict
        When the key was used for another question (``idempotency_key_reused``).
    """
    asked = sha256(question.encode()).hexdigest()
    taken = connection.execute(
        "INSERT INTO ondemand_answer (owner, key, hash, at) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
        [owner, key, asked, now],
    )
    if taken.rowcount:
        return None
    row = connection.execute(
        "SELECT hash, answer FROM ondemand_answer WHERE owner = %s AND key = %s", [owner, key]
    ).fetchone()
    if row is None or row[0] != asked or row[1] is None:
        raise Conflict(
            f"the idempotency key {key[:60]!r} was used for another request; a new request needs a key of its own",
            code="idempotency_key_reused",
        )
    answer: Mapping[str, Any] = row[1]
    return answer


def keep(connection: Connection[Any], owner: str, key: str, answer: Mapping[str, Any]) -> None:
    """Keep the answer that is given under a key."""
    connection.execute(
        "UPDATE ondemand_answer SET answer = %s WHERE owner = %s AND key = %s", [Jsonb(answer), owner, key]
    )


def forget(connection: Connection[Any], now: datetime) -> int:
    """Forget old answers; return how many."""
    return connection.execute("DELETE FROM ondemand_answer WHERE at < %s", [now - KEPT]).rowcount
