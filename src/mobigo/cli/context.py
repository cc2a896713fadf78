"""What most commands need first: the database of this home, running and migrated."""

from __future__ import annotations

import os

from mobigo.settings import read_settings

POLITENESS = 10
"""What is added to the nice value of work that can wait."""


def open_database() -> str:
    """Return the address of this home's database, started and migrated if need be."""
    from mobigo.db import cluster, migrate

    settings = read_settings()
    url = cluster.ensure(settings.home, settings.database_url)
    migrate.upgrade(url)
    return url


def give_way() -> None:
    """Let those who answer travellers go first: this process only takes what they leave of the processors.

    To be called once the database runs, which would otherwise wait as well.
    """
    os.nice(POLITENESS)
