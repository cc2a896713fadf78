"""Tells webhooks what is due: every webhook in its own thread and in order, so that a slow one holds up nobody else."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING

import httpcore
import psycopg
import structlog

from mobigo import __version__
from mobigo.downloads.connect import Patience, open_pool
from mobigo.downloads.retry import read_retry_after
from mobigo.kit.errors import MobigoError
from mobigo.messages import webhook_store as store
from mobigo.messages.signature import sign
from mobigo.messages.webhook_store import Attempt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mobigo.messages.webhook_store import Delivery, Webhook

log = structlog.get_logger()

THREADS = 8
"""Webhooks told at once."""

ROUND = 30.0
"""Seconds after which a round begins no further attempt."""

PATIENCE = Patience(connect=5, read=15, total=15, window=15, window_bytes=0)
"""For one attempt."""

PAUSES = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds between attempts: three days in all; after the last one it is given up."""
JITTER = 0.1
"""Share by which a pause is longer at random, so that what failed together does not come back together."""

BUSY_PAUSE = timedelta(seconds=60)
"""For which a webhook that failed is left alone with its other deliveries."""

GIVE_UP = timedelta(days=5)
"""Without any success, after which a webhook is switched off."""

LONGEST_PROBLEM = 200
"""Characters of a reason that are kept."""


@dataclass(frozen=True)
class Answer:
    """What came of one attempt."""

    status: int | None
    problem: str | None
    retry_after: str | None = None

    @property
    def well(self) -> bool:
        """Whether it was taken."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004  HTTP's successes


def deliver_due(connection: psycopg.Connection, conninfo: str, now: datetime, allow_hosts: Sequence[str] = ()) -> int:
    """Tell webhooks what is due by the clock of the home; return how many deliveries were taken.

    Parameters
    ----------
    connection : psycopg.Connection
        Commits each statement; used to look what is due.
    conninfo : str
        Where each webhook's thread opens its own.
    """
    store.release(connection, now)
    due = store.list_due(connection, now)
    if not due:
        return 0
    end = time.monotonic() + ROUND
    with ThreadPoolExecutor(min(THREADS, len(due))) as pool:
        return sum(pool.map(lambda webhook: _serve(conninfo, webhook, now, allow_hosts, end), due))


def _serve(conninfo: str, webhook: Webhook, now: datetime, allow_hosts: Sequence[str], end: float) -> int:
    """Tell one webhook what is due until something goes wrong."""
    taken = 0
    with psycopg.connect(conninfo, autocommit=True) as connection:
        while time.monotonic() < end and (delivery := store.claim(connection, webhook.id, now)):
            began = time.monotonic()
            answer = attempt(webhook, delivery, now, allow_hosts)
            tried = Attempt(0, now, round((time.monotonic() - began) * 1000), answer.status, answer.problem)
            if answer.well:
                store.settle(connection, delivery, tried, "delivered", now=now, next_at=None)
                store.note_outcome(connection, webhook.id, now, well=True)
                taken += 1
                continue
            _note_failure(connection, webhook, delivery, tried, read_retry_after(answer.retry_after))
            break
    return taken


def _note_failure(
    connection: psycopg.Connection, webhook: Webhook, delivery: Delivery, tried: Attempt, asked: timedelta
) -> None:
    now = tried.at
    pause = PAUSES[delivery.attempts - 1] if delivery.attempts <= len(PAUSES) else None
    next_at = None
    if pause is not None:
        jitter = 1 + random.uniform(0, JITTER)  # noqa: S311  nothing secret
        next_at = now + max(timedelta(seconds=pause * jitter), asked)
    store.settle(connection, delivery, tried, "waiting" if next_at else "failed", now=now, next_at=next_at)
    since = store.note_outcome(connection, webhook.id, now, well=False)
    log.warning("a webhook failed", webhook=webhook.id, status=tried.status, attempt=delivery.attempts)
    if tried.status == HTTPStatus.GONE:
        store.disable(connection, webhook.id, "its server answered 410 Gone: it wants no more", now)
    elif since is not None and now - since >= GIVE_UP:
        store.disable(connection, webhook.id, f"nothing could be delivered since {since:%Y-%m-%d %H:%M} UTC", now)
    else:
        store.postpone(connection, webhook.id, now + max(BUSY_PAUSE, asked) if delivery.attempts > 1 else now + asked)


def attempt(webhook: Webhook, delivery: Delivery, now: datetime, allow_hosts: Sequence[str]) -> Answer:
    """Make one attempt: signed, to a checked address, following no redirect, reading no more than the status."""
    body = delivery.body.encode()
    keys = [webhook.secret]
    if webhook.old_secret and webhook.old_secret_until and now < webhook.old_secret_until:
        keys.append(webhook.old_secret)
    stamp = int(time.time())  # receivers hold it against their own clocks, whatever a sandbox's says
    headers: dict[bytes | str, bytes | str] = {
        "Content-Type": "application/json",
        "User-Agent": f"mobigo/{__version__}",
        "webhook-id": delivery.event,
        "webhook-timestamp": str(stamp),
        "webhook-signature": sign(keys, delivery.event, stamp, body),
    }
    timeouts = {"timeout": {"connect": PATIENCE.connect, "read": PATIENCE.read, "write": PATIENCE.read, "pool": None}}
    try:
        with (
            open_pool(allow_hosts, PATIENCE) as pool,
            pool.stream("POST", webhook.address, headers=headers, content=body, extensions=timeouts) as answer,
        ):
            said = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers}
            status = answer.status
    except (MobigoError, httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
        return Answer(None, (str(error) or type(error).__name__)[:LONGEST_PROBLEM])
    if 200 <= status < 300:  # noqa: PLR2004  HTTP's successes
        return Answer(status, None)
    return Answer(status, f"the server answered {status}", said.get("retry-after"))
