"""What most commands need first: the database of this home, running and migrated."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mobigo.settings import read_settings

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.engine import Engine

POLITENESS = 10
"""What is added to the nice value of work that can wait."""


def open_database() -> str:
    """Return the address of this home's database, started and migrated if need be."""
    from mobigo.db import cluster, migrate

    settings = read_settings()
    url = cluster.ensure(settings.home, settings.database_url)
    migrate.upgrade(url)
    return url


def open_noting(url: str, home: Path, *, pool_size: int = 1) -> Engine:
    """Open an engine whose sessions note rides under the masks of this home, for those who work for travellers."""
    from mobigo.db.engine import open_engine
    from mobigo.trace.masks import Masks
    from mobigo.trace.noting import carry_masks

    return carry_masks(open_engine(url, pool_size=pool_size), Masks(home))


def give_way() -> None:
    """Let those who answer travellers go first: this process only takes what they leave of the processors.

    To be called once the database runs, which would otherwise wait as well.
    """
    os.nice(POLITENESS)
