"""What a person can do with loaded feeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

from mobigo.db.engine import libpq_conninfo
from mobigo.kit.errors import NotFound
from mobigo.transit import stations, store

if TYPE_CHECKING:
    from datetime import datetime

    from mobigo.transit.store import Version


def roll_back(url: str, source: str, *, now: datetime, to: int | None = None) -> Version:
    """Put an earlier version of a source back in service: the one before, unless one is named.

    Raises
    ------
    NotFound
        When there is no such source, or no version to return to.
    Conflict
        When the source is being loaded.
    """
    with psycopg.connect(libpq_conninfo(url), autocommit=True) as connection, store.feed_locked(connection, source):
        versions = store.list_versions(connection, source)
        if not versions:
            store.get_version(connection, source)
        active = next((one.id for one in versions if one.status == "active"), None)
        kept = [one.id for one in versions if one.status == "loaded"]
        if to is None:
            to = next((one for one in kept if active is None or one < active), None)
            if to is None:
                raise NotFound(
                    f"feed {source!r} has no earlier version to return to; `mobigo feeds` lists what there is"
                )
        elif to not in kept and to != active:
            found = ", ".join(str(one) for one in kept) or "none"
            raise NotFound(f"version {to} of feed {source!r} cannot be returned to; those that can: {found}")
        with connection.transaction():
            store.activate(connection, source, to)
            stations.consolidate(connection, now)
        return store.get_version(connection, source, to)
