"""Sends what is due: taken in one transaction, sent in none, settled in another. Any number may do so at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from mobigo.messages import store
from mobigo.messages.model import MessageState
from mobigo.messages.outlets import DoubtfulError, NotTakenError, RejectedError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import psycopg

    from mobigo.messages.model import Channel, Message
    from mobigo.messages.outlets import Outlet

log = structlog.get_logger()

BATCH = 20
"""Messages taken at once."""

PAUSES = tuple(timedelta(seconds=seconds) for seconds in (30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800))
"""Between attempts; after the last one it has failed."""


@dataclass
class Sent:
    """What came of one round."""

    sent: int = 0
    again: int = 0
    failed: int = 0
    doubtful: int = 0
    expired: int = 0


def send_due(connection: psycopg.Connection, outlets: Mapping[Channel, Outlet], now: datetime) -> Sent:
    """Send all messages that are due, by the clock of the home, on a connection that commits each statement.

    A message left by a program that ended while sending it is sent again only by an outlet that cannot say it twice;
    else it is doubtful, and a person decides.
    """
    done = Sent()
    names = {str(channel): outlet.name for channel, outlet in outlets.items()}
    store.release(connection, now, [outlet.name for outlet in outlets.values() if outlet.sure])
    done.expired = store.expire(connection, now)
    while taken := store.claim(connection, now, names, BATCH):
        for message in taken:
            _send(connection, outlets[message.channel], message, now, done)
    return done


def _send(connection: psycopg.Connection, outlet: Outlet, message: Message, now: datetime, done: Sent) -> None:
    try:
        receipt = outlet.send(message)
    except NotTakenError as error:
        next_at = now + PAUSES[message.attempts - 1] if message.attempts <= len(PAUSES) else None
        state = MessageState.WAITING if next_at else MessageState.FAILED
        store.settle(connection, message, state, now=now, next_at=next_at, problem=str(error))
        done.again += next_at is not None
        done.failed += next_at is None
        log.warning("a message was not taken", message=message.id, outlet=outlet.name, attempt=message.attempts)
    except RejectedError as error:
        store.settle(connection, message, MessageState.FAILED, now=now, problem=str(error))
        done.failed += 1
        log.warning("a message was refused", message=message.id, outlet=outlet.name)
    except DoubtfulError as error:
        store.settle(connection, message, MessageState.DOUBTFUL, now=now, problem=str(error))
        done.doubtful += 1
        log.warning("a message may or may not have been taken", message=message.id, outlet=outlet.name)
    else:
        store.settle(connection, message, MessageState.SENT, now=now, receipt=receipt)
        done.sent += 1
