"""A sandbox filled with imagined use of the network it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import psycopg

from mobigo.carpool.lines import list_lines
from mobigo.db.engine import libpq_conninfo
from mobigo.kit.errors import Refused
from mobigo.ondemand.catalogue import read_catalogue
from mobigo.usage import store
from mobigo.usage.notes import TOLD
from mobigo.usage.simulate import TABLES, Ground, draw_day
from mobigo.usage.supply import lay

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date
    from typing import Any

    from psycopg import Connection


def imagine(
    url: str, days: Sequence[date], notes: int, seed: int, tell: Callable[[date, int], None] = lambda *_: None
) -> int:
    """Put imagined notes in place of those of some days, which are then to be counted anew; return how many.

    Parameters
    ----------
    notes : int
        Besides the vehicles' calls, on a school day.
    tell : callable
        Is told each day, and how many notes it has.

    Raises
    ------
    Refused
        When nobody is known to live anywhere.
    """
    total = 0
    with psycopg.connect(libpq_conninfo(url), autocommit=True) as connection:
        ground = read_ground(connection)
        for day in days:
            with store.day_locked(connection, day), connection.transaction():
                ran = store.read_ran(connection, day)
                drawn = draw_day(ground, lay(ran, pl.DataFrame(schema=TOLD)), day, notes, seed)
                tables = {table: getattr(drawn, name) for name, table in TABLES.items()}
                store.replace_notes(connection, day, tables)
                store.reopen_day(connection, day)
            count = sum(map(len, tables.values()))
            tell(day, count)
            total += count
    return total


def read_ground(connection: Connection[Any]) -> Ground:
    """Read where people live and what they may book.

    Raises
    ------
    Refused
        When there is neither a commune nor a stop.
    """
    towns = np.array(store.read_towns(connection), np.float64).reshape(-1, 3)
    if not len(towns):
        raise Refused("nobody lives anywhere: load a timetable or a map first")
    carpool = tuple(("", line.id) for line in list_lines(connection))
    return Ground(towns[:, 0], towns[:, 1], towns[:, 2], tuple(read_catalogue(connection).services), carpool)
