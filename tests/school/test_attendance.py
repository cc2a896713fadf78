"""On which days pupils ride, and how many seats that takes."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from mobigo.school.attendance import Days, Need, fill, find_days, is_end_of_week, sort_days

ALL = (1, 2, 3, 4, 5)


@pytest.mark.parametrize(
    ("home", "weekdays", "inward", "who", "days"),
    [
        (((1, 2), "all"), ALL, True, ("half_board", "all"), Days((1, 2))),
        (((4, 5), "odd"), (1, 2, 4, 5), False, ("half_board", "all"), Days((4, 5), "odd")),
        ((ALL, "all"), (3,), False, ("half_board", "all"), Days((3,))),
        ((ALL, "all"), (1, 2, 4, 5), True, ("boarder", "all"), Days((1,))),
        ((ALL, "all"), (1, 2, 4, 5), False, ("boarder", "all"), Days((5,))),
        (((4, 5), "all"), ALL, True, ("boarder", "all"), Days(())),  # leaves from the other home on Monday
        ((ALL, "all"), (1, 5), True, ("boarder", "boarders"), Days((1, 5))),
    ],
)
def test_days_of_a_pupil_with_a_run(
    home: tuple[tuple[int, ...], str],
    weekdays: tuple[int, ...],
    inward: bool,  # noqa: FBT001 - of a table
    who: tuple[str, str],
    days: Days,
) -> None:
    assert find_days(home, weekdays, inward=inward, boarding=who[0], riders=who[1]) == days


@pytest.mark.parametrize(
    ("day", "comes", "leaves"),
    [
        (date(2026, 11, 23), True, False),  # a Monday
        (date(2026, 11, 25), False, False),
        (date(2026, 11, 27), False, True),  # a Friday
        (date(2027, 3, 29), False, False),  # Easter Monday
        (date(2027, 3, 30), True, False),  # who comes, comes on Tuesday
        (date(2026, 11, 10), False, False),
        (date(2026, 11, 13), False, True),
    ],
)
def test_boarders_come_with_the_first_day_of_school_and_leave_with_the_last(
    day: date,
    comes: bool,  # noqa: FBT001 - of a table
    leaves: bool,  # noqa: FBT001 - likewise
) -> None:
    assert (is_end_of_week(day, inward=True), is_end_of_week(day, inward=False)) == (comes, leaves)


def spread(*days: Days) -> np.ndarray:
    return np.array([one.spread() for one in days])


def test_days_are_of_two_kinds_where_who_rides_differs() -> None:
    here, there, always = Days((1, 2, 3)), Days((4, 5)), Days(ALL)
    kinds = sort_days(spread(here, there, always, here))
    assert kinds.sum(axis=1).tolist() == [1, 1, 2, 1]
    assert (kinds[0] == kinds[3]).all()
    assert (kinds[0] != kinds[1]).all()
    boarder = Days((1,))  # on Mondays there are most: no other day needs counting
    assert sort_days(spread(boarder, always)).all()
    assert sort_days(spread()[:0].reshape(0, 14)).shape == (0, 2)


def test_more_than_two_kinds_of_days_are_put_together_so_that_few_are_counted_twice() -> None:
    even, odd, early, late = Days(ALL, "even"), Days(ALL, "odd"), Days((1, 2, 3)), Days((4, 5))
    kinds = sort_days(spread(even, odd, early, late, late, early))
    assert kinds[2:].sum(axis=1).tolist() == [1, 1, 1, 1]
    assert kinds[:2].all()  # each of these two is counted on all days


@pytest.mark.parametrize("seed", range(20))
def test_no_day_has_more_riders_than_its_kind_counts(seed: int) -> None:
    chance = np.random.default_rng(seed)
    days = [
        Days(tuple(sorted({int(one) for one in chance.integers(1, 6, 3)})), ("all", "even", "odd")[chance.integers(3)])
        for _ in range(12)
    ]
    cells, kinds = spread(*days), sort_days(spread(*days))
    most = kinds.sum(axis=0).max()
    assert cells.sum(axis=0).max() <= most <= len(days)
    assert kinds.any(axis=1).all()


def test_seats_are_counted_by_day() -> None:
    taken = fill([Need(Days((1, 2))), Need(Days((4, 5)), escorted=True), Need(Days((1,), "odd"), rolls=True)])
    assert taken[:7].tolist() == [[1, 0], [1, 0], [0, 0], [2, 0], [2, 0], [0, 0], [0, 0]]
    assert taken[7].tolist() == [1, 1]
