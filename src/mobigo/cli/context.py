"""What most commands need first: the database of this home, running and migrated."""

from __future__ import annotations

from mobigo.settings import read_settings


def open_database() -> str:
    """Return the address of this home's database, started and migrated if need be."""
    from mobigo.db import cluster, migrate

    settings = read_settings()
    url = cluster.ensure(settings.home, settings.database_url)
    migrate.upgrade(url)
    return url
