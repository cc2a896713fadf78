"""Pages of journeys neither repeat nor skip one."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from tests.journeys.text_network import ask, clock, network, place

from mobigo.journeys.model import OfDay, Plan
from mobigo.kit.errors import InvalidInput

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from mobigo.journeys.network import Network

Key: TypeAlias = "tuple[datetime, datetime, int]"

STOPS = {"a": 0.0, "b": 3000.0, "c": 6000.0, "d": 9000.0, "e": 9150.0}


@pytest.fixture(scope="module", params=range(2))
def net(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Network:
    """Three days of buses at odd times, in both directions, over a row of stops."""
    chance = Random(request.param)
    trips = {}
    for number in range(chance.choice([25, 60])):
        names = sorted(chance.sample(sorted(STOPS), chance.randint(2, 4)), reverse=chance.random() < 0.3)
        minute = chance.randrange(26 * 60)
        calls = []
        for stop in names:
            calls.append(f"{stop} {minute // 60:02}:{minute % 60:02}")
            minute += chance.choice([4, 7, 10, 25])
        trips[f"t{number}"] = f"L{number % 5} {' '.join(calls)}"
    return network(tmp_path_factory.mktemp("pages"), STOPS, trips)


def keys(plan: Plan) -> list[Key]:
    """Name the journeys by vehicle of an answer, described or not."""
    shown = [*(journey for journey in plan.journeys if journey.rides), *plan.more]
    return [(one.departure, one.arrival, one.transfers) for one in shown]


def turn(net: Network, plan: Plan, which: str, until: datetime, **more: Any) -> Counter[Key]:  # noqa: ANN401
    """Turn pages from an answer on, until all of a page lies beyond an instant."""
    found: Counter[Key] = Counter()
    for _ in range(200):
        cursor = plan.later if which == "later" else plan.earlier
        if cursor is None:
            return found
        plan = ask(net, place(-300), place(9300), "07:00", cursor=cursor, **more)
        page = keys(plan)
        side = 1 if more.get("arrive_by") else 0
        if page and all((key[side] > until) if which == "later" else (key[side] < until) for key in page):
            return found
        found.update(page)
    pytest.fail("pages without end")


@pytest.mark.parametrize("arrive_by", [False, True])
@pytest.mark.parametrize(("window", "everything"), [(None, False), (None, True), (0, False), (5400, False)])
def test_pages_add_up_to_the_whole_day(net: Network, *, arrive_by: bool, window: int | None, everything: bool) -> None:
    more = {"arrive_by": arrive_by, "window": window, "everything": everything, "most": 3}
    first = ask(net, place(-300), place(9300), "07:00", **more)
    begin, end = clock("00:00"), clock("23:59")
    found = Counter(keys(first))
    found += turn(net, first, "later", end, **more)
    found += turn(net, first, "earlier", begin, **more)
    assert set(found.values()) <= {1}
    side = 1 if arrive_by else 0
    at = end if arrive_by else begin
    day = ask(net, place(-300), place(9300), f"{at:%H:%M}", window=86_340, arrive_by=arrive_by, everything=True)
    assert {key for key in found if begin <= key[side] <= end} == set(keys(day))


def test_an_answer_says_what_time_it_covers(net: Network) -> None:
    plan = ask(net, place(-300), place(9300), "07:00", window=3600)
    assert plan.searched == (clock("07:00"), clock("08:00"))
    assert all(clock("07:00") <= departure <= clock("08:00") for departure, _, _ in keys(plan))


def test_where_nothing_runs_a_page_reaches_to_the_next_journey(tmp_path: Path) -> None:
    net = network(tmp_path, STOPS, {"t1": "L a 08:00 d 08:30", "t2": "L a 18:00 d 18:30"})
    first = ask(net, "a", "d", "06:30")
    assert [departure for departure, _, _ in keys(first)] == [clock("08:00")]
    second = ask(net, "a", "d", "06:30", cursor=first.later)
    assert [departure for departure, _, _ in keys(second)] == [clock("18:00")]
    third = ask(net, "a", "d", "06:30", cursor=second.later)
    assert [departure for departure, _, _ in keys(third)] == [clock("08:00", 1)]
    back = ask(net, "a", "d", "06:30", cursor=third.earlier)
    assert [departure for departure, _, _ in keys(back)] == [clock("18:00")]


def test_the_last_page_has_no_cursor(tmp_path: Path) -> None:
    net = network(tmp_path, STOPS, {"t1": "L a 08:00 d 08:30"})
    last = ask(net, "a", "d", "07:00", days=25)  # the Friday before the timetable ends
    assert [departure for departure, _, _ in keys(last)] == [clock("08:00", 25)]
    beyond = ask(net, "a", "d", "07:00", days=25, cursor=last.later)
    assert (keys(beyond), beyond.later) == ([], None)
    assert beyond.earlier is not None


def test_the_first_and_the_last_of_the_day(tmp_path: Path) -> None:
    trips = {"night": "L a 00:30 d 01:00", "early": "L a 05:10 d 05:40", "noon": "L a 12:00 d 12:30",
             "late": "L a 24:40 d 25:10"}  # fmt: skip
    net = network(tmp_path, STOPS, trips)

    def departures(plan: Plan) -> list[datetime]:
        return [departure for departure, _, _ in keys(plan)]

    assert departures(ask(net, "a", "d", "15:00", of_day=OfDay.FIRST)) == [clock("05:10")]
    # after midnight belongs to the day before, the own trips of that hour as well as those of the day after
    assert departures(ask(net, "a", "d", "15:00", of_day=OfDay.LAST)) == [clock("00:40", 1)]
    assert departures(ask(net, "a", "d", "02:00", of_day=OfDay.FIRST, days=1)) == [clock("05:10")]
    last = ask(net, "a", "d", "15:00", of_day=OfDay.LAST)
    before = ask(net, "a", "d", "15:00", of_day=OfDay.LAST, cursor=last.earlier)
    assert departures(before) == [clock("00:30", 1)]


def test_who_arrives_the_day_after_still_leaves_last(tmp_path: Path) -> None:
    net = network(tmp_path, STOPS, {"night": "L a 23:00 d 31:00"})
    plan = ask(net, "a", "d", "15:00", of_day=OfDay.LAST)
    assert [departure for departure, _, _ in keys(plan)] == [clock("23:00")]
    sunday = ask(net, "a", "d", "15:00", of_day=OfDay.FIRST, days=6)
    assert keys(sunday) == []
    assert sunday.next_departure == clock("23:00", 7)
    assert sunday.previous_departure == clock("23:00", 4)


def test_a_cursor_of_somebody_else_is_refused(net: Network) -> None:
    with pytest.raises(InvalidInput, match="no cursor"):
        ask(net, "a", "d", "07:00", cursor="x" * 10)


def test_cursors_far_away_find_nothing_and_end(net: Network) -> None:
    plan = ask(net, "a", "d", "07:00", cursor="l7ffffffff")
    assert (keys(plan), plan.later) == ([], None)
    plan = ask(net, "a", "d", "07:00", cursor="e000000000")
    assert (keys(plan), plan.earlier) == ([], None)
    assert plan.searched is not None
    assert plan.searched[1] - plan.searched[0] == timedelta(hours=2)
