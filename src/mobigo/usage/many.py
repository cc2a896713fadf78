"""Many days counted: here one after the other, or each as a task for Dask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobigo.kit.errors import MobigoError
from mobigo.usage.service import count_day
from mobigo.usage.spreading import open_crew

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mobigo.usage.service import Tally, Task

HERE = "here"
"""In this process."""

LOCAL = "local"
"""In processes of this machine, which end with the count."""


def count_days(tasks: Sequence[Task], where: str) -> Iterator[tuple[Task, Tally | MobigoError]]:
    """Count days, and tell as they are done what they came to, or why a day was not counted.

    Parameters
    ----------
    where : str
        `HERE`, `LOCAL`, or the address of a Dask scheduler.

    Raises
    ------
    Unavailable
        When nobody there can work.
    """
    if where != HERE:
        with open_crew(None if where == LOCAL else where, len(tasks)) as crew:
            yield from crew.work(count_day, tasks)
        return
    for task in tasks:
        try:
            yield task, count_day(task)
        except MobigoError as problem:
            yield task, problem
