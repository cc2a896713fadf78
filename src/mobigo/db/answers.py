"""Answers by idempotency key: who asks the same thing twice, not knowing whether it came through, gets one booking.

The key is taken in the transaction of what is done, so both are there or neither: a second request with the key waits
until the first has ended. What was refused keeps no key. Answers hold no contact and are forgotten after two days.

Each room that answers so keeps its answers in a table of its own: ``owner, key, hash, answer, at``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal

from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb

from mobigo.kit.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from psycopg import Connection

KEPT = timedelta(days=2)

Table = Literal["ondemand_answer", "carpool_answer", "ticketing_answer"]


@dataclass(frozen=True)
class Answers:
    """The answers that somebody was given.

    Parameters
    ----------
    connection : Connection
    table : str
        Of the room that answers.
    owner : str
        Whose keys these are: two people may choose the same one.
    """

    connection: Connection[Any]
    table: Table
    owner: str

    def claim(self, key: str, question: str, now: datetime) -> Mapping[str, Any] | None:
        """Take a key for a question, or return the answer that was given under it.

        Parameters
        ----------
        question : str
            What is asked: method, address and body.

        Raises
        ------
        Conflict
            When the key was used for another question (``idempotency_key_reused``).
        """
        asked = sha256(question.encode()).hexdigest()
        taken = self.connection.execute(
            SQL("INSERT INTO {} (owner, key, hash, at) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING").format(
                Identifier(self.table)
            ),
            [self.owner, key, asked, now],
        )
        if taken.rowcount:
            return None
        row = self.connection.execute(
            SQL("SELECT hash, answer FROM {} WHERE owner = %s AND key = %s").format(Identifier(self.table)),
            [self.owner, key],
        ).fetchone()
        if row is None or row[0] != asked or row[1] is None:
            raise Conflict(
                f"the idempotency key {key[:60]!r} was used for another request; a new request needs a key of its own",
                code="idempotency_key_reused",
            )
        answer: Mapping[str, Any] = row[1]
        return answer

    def keep(self, key: str, answer: Mapping[str, Any]) -> None:
        """Keep the answer that is given under a key."""
        self.connection.execute(
            SQL("UPDATE {} SET answer = %s WHERE owner = %s AND key = %s").format(Identifier(self.table)),
            [Jsonb(answer), self.owner, key],
        )


def forget(connection: Connection[Any], table: Table, now: datetime) -> int:
    """Forget old answers; return how many."""
    return connection.execute(SQL("DELETE FROM {} WHERE at < %s").format(Identifier(table)), [now - KEPT]).rowcount
