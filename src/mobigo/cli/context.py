"""What most commands need first: the database of this home, running and migrated."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mobigo.settings import read_settings

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

POLITENESS = 10
"""What is added to the nice value of work that can wait."""

PROCESSORS = frozenset(os.sched_getaffinity(0))
"""What this process was started with."""

AUTOGROUP = Path("/proc/self/autogroup")
"""Where Linux keeps the nice value of a session as a whole."""


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


def give_way(*, leave_one: bool = True) -> None:
    """Let those who answer travellers go first: this process only takes what they leave of the processors.

    To be called once the database runs, which would otherwise wait as well. Linux may weigh sessions first, and nice
    values only within one: a process with a session of its own, as `up` starts the worker, says it for the session too.

    Parameters
    ----------
    leave_one : bool
        Leave one processor alone, where there are several: whoever wakes to answer on a processor that is at work waits
        a moment for it, however low the work's rank. Computations of many minutes take them all.
    """
    os.nice(POLITENESS)
    if leave_one and len(PROCESSORS) > 1:
        for thread in Path("/proc/self/task").iterdir():
            with suppress(OSError):  # has ended
                os.sched_setaffinity(int(thread.name), PROCESSORS - {min(PROCESSORS)})
    if os.getsid(0) == os.getpid():
        with suppress(OSError):  # not there, or not ours to say
            AUTOGROUP.write_text(str(POLITENESS))
