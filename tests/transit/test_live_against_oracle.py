"""Live data over timetables against a plain reading of them, and journeys on what they make of the day."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from tests.general_oracle import Wishes
from tests.live_feeds import list_sequences, make_updates
from tests.live_oracle import LiveOracle
from tests.questions import open_case
from tests.transit.test_general_against_oracle import differ
from tests.wish_feeds import make_question, open_oracle, seeded

from mobigo.transit import overlay
from mobigo.transit.live import LiveFeed, Relation
from mobigo.transit.timetable import begin_day, last_day, list_running, service_date

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.random_feeds import Case
    from tests.route_oracle import Run

    from mobigo.transit.live import TripUpdate
    from mobigo.transit.overlay import Overlay

ORDINARY_SEEDS = range(60)
TWINS = 1_772
"""Here live data bring two runs of one trip with frequencies to the same minute."""
LONG_SEEDS = range(1_000, 3_000)

Shown = tuple[str, str, tuple[tuple[str, int, int, bool, bool], ...]]


def compare(seed: int, folder: Path) -> list[str]:
    """Say which runs differ, with what was said about them."""
    case, rng = seeded(seed)
    oracle = open_oracle(case)
    updates = make_updates(case, oracle, rng)
    expected = sorted(filter(can_be_ridden, (show(run) for run in expect(case, updates)[0])))
    now = min((run.calls[0].departure for run in oracle.runs), default=0) - 7 * 3600
    timetable = open_case(case, folder).timetable
    laid, reports = overlay.lay_over(timetable, [LiveFeed("", now, tuple(updates))], [], now=now, stale_after=300)
    got = sorted(filter(can_be_ridden, read_runs(laid)))
    faults = [f"not there: {run}" for run in expected if run not in got]
    faults += [f"too much: {run}" for run in got if run not in expected]
    if len(got) != len(expected) and not faults:
        faults.append("some run comes twice")
    new = {Relation.NEW}
    found = sum(update.relation not in new for update in updates)
    if (reports[0].trips, reports[0].trips_matched) != (found, found):
        faults.append(f"{found} updates, report {reports[0]}")
    return [*faults, *map(str, updates)] if faults else []


def compare_journeys(seed: int, folder: Path) -> list[str]:
    """Say which journeys differ on the days as they are."""
    case, rng = seeded(seed)
    oracle, asked = open_oracle(case), open_case(case, folder)
    updates = make_updates(case, oracle, rng)
    now = min((run.calls[0].departure for run in oracle.runs), default=0) - 7 * 3600
    feed = LiveFeed("", now, tuple(updates))
    laid, _ = overlay.lay_over(asked.timetable, [feed], [], now=now, stale_after=300)
    questions = [make_question(case, oracle, row, rng) for row in case.queries]
    runs, seams = expect(case, updates)
    routes = {run.trip: "" for run in runs}
    routes |= {one.new_trip_id: oracle.named.routes[one.trip_id] for one in updates if one.new_trip_id}
    oracle.run_as(runs, seams, routes)
    trips = name_trips(laid)
    whole, bare = (asked.on(laid.timetable, trips, bare=bare) for bare in (False, True))
    faults = []
    for wished in questions:
        plain = replace(wished, wishes=Wishes())
        for search, live, question in (
            ("quick", whole, plain),
            ("bare", bare, plain),
            ("wished", whole, wished),
            ("bare and wished", bare, wished),
        ):
            ask = live.search if question is wished else live.search_quickly
            found = [live.read(journey) for journey in ask(question)]
            faults += [f"{search}, {question}: {fault}" for fault in differ(oracle, question, found)]
    return faults


def expect(case: Case, updates: list[TripUpdate]) -> tuple[list[Run], dict[int, list[int]]]:
    return LiveOracle(open_oracle(case), list_sequences(case)).lay_over(updates)


def show(run: Run) -> Shown:
    """A run as it is compared: what nobody can use says nothing."""
    last = len(run.calls) - 1
    calls = []
    for n, call in enumerate(run.calls):
        boards, alights = call.boards and n < last, call.alights and n > 0
        times = (call.arrival, call.departure) if boards or alights else (0, 0)
        calls.append((call.stop, times[0] if n else 0, times[1] if n < last else 0, boards, alights))
    return run.trip, run.day.isoformat(), tuple(calls)


def name_trips(laid: Overlay) -> list[str]:
    """Names of trips; an appended one has that of the trip it stands for, unless it is a copy."""
    trips = laid.timetable.trip_ids.all()
    duplicated = tuple(Relation).index(Relation.DUPLICATED)
    for extra, base in enumerate(laid.trip_base.tolist()):
        if base >= 0 and laid.trip_relation[extra] != duplicated:
            trips[int(laid.base_trips[0]) + extra] = trips[base]
    return trips


def can_be_ridden(shown: Shown) -> bool:
    """Whether one can get on and off again."""
    boards = [call[3] for call in shown[2]]
    return True in boards and any(call[4] for call in shown[2][boards.index(True) + 1 :])


def read_runs(laid: Overlay) -> Iterator[Shown]:
    """All runs of an overlay."""
    table = laid.timetable
    trips, stops, zones = name_trips(laid), table.stop_ids.all(), table.zones.all()
    for day in range(int(table.first_day[0]), last_day(table) + 1):
        for run in list_running(table, day).nonzero()[0].tolist():
            trip, shift = int(table.run_trip[run]), int(table.run_shift[run])
            midnight = begin_day(day, ZoneInfo(zones[table.trip_zone[trip]])) + shift
            rows = range(int(table.call_first[trip]), int(table.call_first[trip + 1]))
            first, end = rows[0], rows[-1]
            calls = []
            for row in rows:
                boards = table.call_pickup[row] != 1 and row != end
                alights = table.call_drop_off[row] != 1 and row != first
                used = boards or alights
                calls.append(
                    (
                        stops[table.call_stop[row]],
                        midnight + int(table.call_arrival[row]) if used and row != first else 0,
                        midnight + int(table.call_departure[row]) if used and row != end else 0,
                        bool(boards),
                        bool(alights),
                    )
                )
            yield trips[trip], service_date(day).isoformat(), tuple(calls)


@pytest.mark.parametrize("seed", ORDINARY_SEEDS)
def test_runs_are_what_is_said_of_them(seed: int, tmp_path: Path) -> None:
    assert compare(seed, tmp_path) == []


@pytest.mark.parametrize("seed", [*ORDINARY_SEEDS, TWINS])
def test_journeys_are_those_of_the_runs_as_they_are(seed: int, tmp_path: Path) -> None:
    assert compare_journeys(seed, tmp_path) == []


@pytest.mark.slow
def test_runs_are_what_is_said_of_them_on_thousands_of_feeds(tmp_path: Path) -> None:
    differing = {seed: faults for seed in LONG_SEEDS if (faults := compare(seed, tmp_path))}
    assert differing == {}
