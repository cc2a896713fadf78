"""All stops at once, against an exhaustive search and against the search for each, on random feeds with every rule."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.questions import open_case
from tests.wish_feeds import make_question, open_oracle, seeded

from mobigo.transit.model import Direction
from mobigo.transit.sweep import Start, sweep

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    from tests.general_oracle import GeneralOracle, Question
    from tests.questions import Asked
    from tests.random_feeds import Case

SEEDS = range(40)
LONG_SEEDS = range(1_000, 2_000)
LIMIT = 6 * 3600


def expect(oracle: GeneralOracle, question: Question, stop: str) -> tuple[int, int]:
    """Seconds and vehicles to a stop (from it, arriving); (-1, 0) where none goes there in time."""
    if question.arrive:
        found = oracle.list_all(replace(question, access={stop: 0}))
        ways = [(question.at - one.departure, one.transfers + 1) for one in found if one.arrival <= question.at]
    else:
        found = oracle.list_all(replace(question, egress={stop: 0}))
        ways = [(one.arrival - question.at, one.transfers + 1) for one in found if one.departure >= question.at]
    return min((way for way in ways if way[0] <= LIMIT), default=(-1, 0))


def run(asked: Asked, question: Question) -> dict[str, tuple[int, int]]:
    """What the program says of all stops."""
    put = asked.put(question)
    start = Start(put.access, put.access_seconds, put.at, Direction.DEPART)
    if question.arrive:
        start = Start(put.egress, put.egress_seconds, put.at, Direction.ARRIVE)
    found = sweep(asked.views, start, limit=LIMIT, max_transfers=put.max_transfers, wishes=put.preferences)
    assert found.complete
    return {name: (int(found.seconds[row]), int(found.rides[row])) for name, row in asked.stops.items()}


def search(asked: Asked, question: Question, stop: str) -> tuple[int, int]:
    """The same as the search for one pair of places finds it."""
    if question.arrive:
        found = asked.search(replace(question, access={stop: 0}))
        ways = [(question.at - one.departure, one.transfers + 1) for one in found]
    else:
        found = asked.search(replace(question, egress={stop: 0}))
        ways = [(one.arrival - question.at, one.transfers + 1) for one in found]
    return min((way for way in ways if way[0] <= LIMIT), default=(-1, 0))


def compare(case: Case, rng: Random, folder: Path, most: int) -> list[str]:
    """Say where the program and the exhaustive search differ, and where it differs from itself with every wish."""
    oracle, asked = open_oracle(case), open_case(case, folder)
    faults = []
    for row in case.queries[:most]:
        drawn = make_question(case, oracle, row, rng)
        wished = replace(drawn, window=0, walk=None, wishes=replace(drawn.wishes, prices=None, vias=()))
        at_pace = replace(wished, wishes=replace(wished.wishes, walk_factor=1.0))
        for question, known in ((wished, partial(search, asked)), (at_pace, partial(expect, oracle))):
            told = run(asked, question)
            expected = {stop: known(question, stop) for stop in told}
            faults += [
                f"{question}: {stop} {told[stop]}, not {expected[stop]}"
                for stop in told
                if told[stop] != expected[stop]
            ]
    return faults


@pytest.mark.parametrize("seed", SEEDS)
def test_all_stops_are_reached_as_each_alone(seed: int, tmp_path: Path) -> None:
    assert compare(*seeded(seed), tmp_path, 2) == []


@pytest.mark.slow
def test_all_stops_on_many_feeds(tmp_path: Path) -> None:
    differing = {seed: faults for seed in LONG_SEEDS if (faults := compare(*seeded(seed), tmp_path, 6))}
    assert differing == {}
