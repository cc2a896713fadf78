"""The search with wishes against an exhaustive one, on random feeds with every rule of transfers.txt."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.questions import open_case
from tests.wish_feeds import make_question, make_ruled_case, open_oracle, seeded

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    from tests.general_oracle import GeneralOracle, Journey, Question
    from tests.questions import Ridden
    from tests.random_feeds import Case

ORDINARY_SEEDS = range(60)
LONG_SEEDS = range(1_000, 3_000)


def compare(case: Case, rng: Random, folder: Path) -> list[str]:
    """Say where the program and the exhaustive search differ, and which rides nobody can make."""
    oracle, asked = open_oracle(case), open_case(case, folder)
    faults = []
    for row in case.queries:
        question = make_question(case, oracle, row, rng)
        found = [asked.read(journey) for journey in asked.search(question)]
        faults += [f"{question}: {fault}" for fault in differ(oracle, question, found)]
    return faults


def differ(oracle: GeneralOracle, question: Question, found: list[tuple[Journey, list[Ridden]]]) -> list[str]:
    """Say what is missing, what is too much, and what cannot be ridden."""
    expected = oracle.ask(question)
    claims = [claim for claim, _ in found]
    faults = [f"missing {journey}" for journey in expected - set(claims)]
    faults += [f"{claim} is too much" for claim in claims if claim not in expected]
    if len(set(claims)) != len(claims):
        faults.append(f"the same twice: {claims}")
    return faults + [fault for claim, rides in found for fault in check_rides(oracle, question, claim, rides)]


def check_rides(oracle: GeneralOracle, question: Question, claim: Journey, rides: list[Ridden]) -> list[str]:
    """Say why the rides cannot be what their journey claims."""
    if not rides:
        return [] if claim.arrival - claim.departure == question.walk else [f"{claim} has no rides"]
    chain = []
    for ride in rides:
        runs = [
            number
            for number, run in enumerate(oracle.runs)
            if (run.trip, run.day.isoformat()) == (ride.trip, ride.day)
            and max(ride.from_call, ride.to_call) < len(run.calls)
            and run.calls[ride.from_call].departure == ride.departure
            and run.calls[ride.to_call].arrival == ride.arrival
        ]
        if not runs:
            return [f"{ride} is not in the feed"]
        chain.append([(run, ride.from_call, ride.to_call) for run in runs])
    # runs of a trip with frequencies that live data move to the same minute cannot be told apart by what is shown
    claims = {claim for runs in product(*chain) for claim in oracle.judge(question, list(runs))}
    return [] if claim in claims else [f"{claim} claims what {rides} is not: {claims}"]


@pytest.mark.parametrize("seed", ORDINARY_SEEDS)
def test_the_program_finds_what_the_exhaustive_search_finds(seed: int, tmp_path: Path) -> None:
    assert compare(*seeded(seed), tmp_path) == []


@pytest.mark.slow
def test_the_program_finds_it_on_thousands_of_feeds(tmp_path: Path) -> None:
    differing = {seed: faults for seed in LONG_SEEDS if (faults := compare(*seeded(seed), tmp_path))}
    assert differing == {}


@pytest.mark.slow
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(rng=st.randoms(use_true_random=False))
def test_the_program_finds_it_on_feeds_that_hypothesis_draws(
    rng: Random, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert compare(make_ruled_case(rng), rng, tmp_path_factory.mktemp("drawn")) == []
