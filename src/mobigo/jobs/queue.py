"""Ask for something to be done later: the job is queued by the transaction that asks, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued

from mobigo.jobs.schedule import QUEUE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

_app = App(connector=PsycopgConnector())
"""Never opened: it only knows how a job is written on a connection it is handed."""


def enqueue(
    session: Session,
    task: str,
    arguments: Mapping[str, object] | None = None,
    *,
    once: str | None = None,
    at: datetime | None = None,
    queue: str = QUEUE,
) -> int | None:
    """Queue a job on the session's own connection, so that it commits or vanishes with it; return its number.

    Parameters
    ----------
    task : str
        Name under which the worker knows the task, as "network.build".
    arguments : mapping, optional
        Handed to the task by name; JSON.
    once : str, optional
        While a job with the same word waits, no second is queued, and None is returned.
    at : datetime, optional
        Not before this real instant.
    queue : str
        One of `mobigo.jobs.schedule`.
    """
    try:
        with session.begin_nested() as savepoint:
            # asked for inside, since a savepoint is set when its connection is first used
            connection = savepoint.session.connection().connection.driver_connection
            job = _app.configure_task(
                task, allow_unknown=True, queueing_lock=once, schedule_at=at, queue=queue, connection=connection
            )
            return int(job.defer(**(arguments or {})))
    except AlreadyEnqueued:
        return None
