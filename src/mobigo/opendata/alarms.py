"""Who publishes is told what was held back, and what is about to end: each once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobigo.messages.model import Recipient
from mobigo.messages.service import send
from mobigo.opendata.model import Severity

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from sqlalchemy.orm import Session

    from mobigo.opendata.making import Publisher
    from mobigo.opendata.model import Standing
    from mobigo.opendata.watch_store import Look

AHEAD = (30, 15, 7, 0)
"""Days before the last day of service on which its publisher is reminded, as the national access point does."""
LONG = 200
CATALOGUE = "catalog"
"""What is watched besides data sets, by the name under which it is kept."""


def raise_alarms(session: Session, standings: Sequence[Standing], publisher: Publisher, now: datetime) -> int:
    """Write to the publisher what went wrong and what ends soon; nothing without an address. Return how many."""
    if publisher.email is None:
        return 0
    to = Recipient(email=publisher.email, language=publisher.language)
    written = 0
    for one in standings:
        name = one.dataset.id
        values: dict[str, object] = {
            "title": one.dataset.title[publisher.language],
            "link": f"{publisher.url}/{name}/" if publisher.url else None,
        }
        if one.failed_at is not None:
            told = [
                {"validator": said.validator, "code": said.code, "count": said.count, "sample": said.sample[:LONG]}
                for said in one.problems
                if said.severity is Severity.ERROR
            ]
            values |= {"at": one.failed_at, "problems": told}
            key = f"opendata:{name}/failed/{one.failed_at.date()}"
            written += len(send(session, "opendata_failed", to, values, key=key, about=f"opendata:{name}", now=now))
        last = one.current.said.last_day if one.current else None
        if one.current is None or last is None:
            continue
        left = (last - now.date()).days
        passed = [days for days in AHEAD if left <= days]
        if passed:
            values["last"] = last
            key = f"opendata:{name}/{one.current.number}/expires/{passed[-1]}"
            written += len(send(session, "opendata_expires", to, values, key=key, about=f"opendata:{name}", now=now))
    return written


def raise_unanswered(session: Session, silent: Sequence[Look], day: date, publisher: Publisher, now: datetime) -> int:
    """Write to the publisher which addresses gave no answer twice in a row: once a day for each data set."""
    assert publisher.email is not None
    to = Recipient(email=publisher.email, language=publisher.language)
    written = 0
    for name in sorted({one.dataset for one in silent}):
        told = [{"file": one.file, "why": one.problem} for one in silent if one.dataset == name]
        link = publisher.url if name == CATALOGUE else f"{publisher.url}/{name}/"
        values: dict[str, object] = {"name": name, "at": now, "files": told, "link": link}
        key = f"opendata:{name}/unanswered/{day}"
        written += len(send(session, "opendata_unanswered", to, values, key=key, about=f"opendata:{name}", now=now))
    return written
