"""On which days pupils ride: those of the home, in its weeks; boarders at the ends of the week alone.

A week is counted by ``cells``: its seven days in even weeks of the year, then in odd ones (ISO 8601). Who rides on
other days than another may have the same seat.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.kit.holidays import is_without_school

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import date

    from numpy.typing import NDArray

WEEK = 7
CELLS = 2 * WEEK
MONDAY, FRIDAY = 1, 5


class Days(NamedTuple):
    """Days of the weeks of a year."""

    weekdays: tuple[int, ...]
    """In order; 1 is Monday."""
    weeks: str = "all"
    """``all``, ``even`` or ``odd``."""

    def spread(self) -> NDArray[np.bool_]:
        """Return the cells, bool[14]."""
        cells = np.zeros((2, WEEK), np.bool_)
        cells[[self.weeks != "odd", self.weeks != "even"], :] = np.isin(np.arange(1, WEEK + 1), self.weekdays)
        return cells.reshape(-1)


def find_days(
    home: tuple[Collection[int], str], weekdays: Collection[int], *, inward: bool, boarding: str, riders: str
) -> Days:
    """Return the days on which a pupil rides from a home, or to it, with what runs on some weekdays.

    Parameters
    ----------
    home
        Weekdays and weeks of the home.
    weekdays
        On which it runs.
    inward
        To the school.
    boarding
        Of the pupil; a boarder comes on Monday and leaves on Friday, unless it runs for boarders alone.
    riders
        For whom it runs: ``all``, ``day`` or ``boarders``.
    """
    days = set(home[0]).intersection(weekdays)
    if boarding == "boarder" and riders != "boarders":
        days &= {MONDAY if inward else FRIDAY}
    return Days(tuple(sorted(days)), home[1])


def is_at_home(weekdays: Collection[int], weeks: str, day: date) -> bool:
    """Tell whether a pupil sleeps at a home on a day."""
    even = day.isocalendar().week % 2 == 0
    return day.isoweekday() in weekdays and (weeks == "all" or (weeks == "even") == even)


def is_end_of_week(day: date, *, inward: bool) -> bool:
    """Tell whether boarders come on a day, or leave: the first day of its week with school, or the last."""
    monday = day - timedelta(days=day.isoweekday() - 1)
    open_ = [one for n in range(FRIDAY) if not is_without_school(one := monday + timedelta(days=n))]
    return bool(open_) and day == open_[0 if inward else -1]


def sort_days(cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Sort the days of a week into two kinds, so that counting those who ride on any day of a kind counts few too many.

    Exact where no more than two days differ in who rides and neither's are all on the other as well; of more, those are
    put together that have most in common.

    Parameters
    ----------
    cells : bool[n, 14]
        On which days each of some pupils rides.

    Returns
    -------
    bool[n, 2]
        Whether each rides on days of either kind; both where one kind is enough.
    """
    if not len(cells):
        return np.zeros((0, 2), np.bool_)
    rows, inverse, counts = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
    columns = np.unique(rows, axis=1)
    within = (columns[:, :, None] <= columns[:, None, :]).all(axis=0)
    columns = columns[:, within.sum(axis=1) == 1]  # the others' riders all ride on one of these days
    if columns.shape[1] == 1:
        return np.ones((len(cells), 2), np.bool_)
    best: tuple[int, NDArray[np.bool_]] | None = None
    for number in range(1, 2 ** (columns.shape[1] - 1)):
        second = np.array([number >> at & 1 for at in range(columns.shape[1])], np.bool_)
        kinds = np.stack([columns[:, ~second].any(axis=1), columns[:, second].any(axis=1)], axis=1)
        taken = int((kinds.sum(axis=1) * counts).sum())
        if best is None or taken < best[0]:
            best = taken, kinds
    assert best is not None
    return np.asarray(best[1][inverse.reshape(-1)], np.bool_)


class Need(NamedTuple):
    """What a pupil takes up of a vehicle, and when."""

    days: Days
    rolls: bool = False
    """A place for a wheelchair, instead of a seat."""
    escorted: bool = False
    """A seat more, for the one who goes along."""


def fill(needs: Iterable[Need]) -> NDArray[np.int32]:
    """Count the seats and the places for wheelchairs that are taken, int32[14, 2], by cell."""
    taken = np.zeros((CELLS, 2), np.int32)
    for one, count in Counter(needs).items():
        taken[one.days.spread()] += [count * (int(not one.rolls) + int(one.escorted)), count * int(one.rolls)]
    return taken
