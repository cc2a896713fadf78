"""How long notes are kept: until their day was counted and some days more, and never longer than `LONGEST`."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from mobigo.trace import store
from mobigo.trace.masks import local_day
from mobigo.trace.model import Call, Change, Ride, Run, Search

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import date, datetime

    from psycopg import Connection

KINDS: dict[str, type] = {"search": Search, "change": Change, "ride": Ride, "run": Run, "call": Call}
"""By the name that retention is set with."""

LONGEST = 14
"""Days after which notes are forgotten though nobody has counted their day; not of calls, which name nobody."""

NOTED = 10
"""Days after which it is forgotten which shifts were noted."""


def forget(
    connection: Connection[Any], days: Mapping[str, int], counted: Collection[date], now: datetime
) -> dict[str, int]:
    """Forget the notes that have served.

    Parameters
    ----------
    days : mapping
        By kind (`KINDS`): days that its notes are kept after their own.
    counted : collection of date
        Days that are counted for good.

    Returns
    -------
    How many were forgotten, by kind.
    """
    today = local_day(now)
    forgotten: dict[str, int] = {}
    for name, kind in KINDS.items():
        kept = today - timedelta(days=days[name])
        last = today - timedelta(days=LONGEST)
        gone = [
            day
            for day in store.list_days(connection, kind)
            if day < kept and (kind is Call or day in counted or day < last)
        ]
        forgotten[name] = store.forget(connection, kind, gone)
    store.forget_noted(connection, today - timedelta(days=NOTED))
    return forgotten
