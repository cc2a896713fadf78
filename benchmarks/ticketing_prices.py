"""What prices cost a search: the same questions with and without, one after the other; part of ticketing."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from statistics import median, quantiles
from typing import TYPE_CHECKING

from benchmarks.bar import Bar
from benchmarks.sample import served_stops
from benchmarks.served import home, test_data
from mobigo.fares.demonstration import read_demonstration
from mobigo.fares.shelf import open_shelf
from mobigo.journeys import service
from mobigo.journeys.model import JourneyRequest
from mobigo.journeys.network import Networks
from mobigo.journeys.pricing import open_till

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mobigo.fares.catalogue import Catalogue
    from mobigo.journeys.model import Plan
    from mobigo.journeys.network import Network
    from mobigo.journeys.pricing import Till

FEED = "bfc/fr-bfc-divia-20231031.gtfs.zip"
NOW = datetime(2023, 10, 31, 4, tzinfo=UTC)
SEED, QUESTIONS, TIMES = 7, 120, 3
LIMIT = 5.0
"""Milliseconds that prices may add to a search, 95 times of 100."""
PARTIES = (("one traveller", ["adult"]), ("a family with a card", ["adult+rail_card", "adult", "youth", "youth"]))


def bars() -> Iterator[Bar]:
    """Measure it on the buses and trams of Dijon with the prices of the demonstration."""
    with home(test_data() / FEED, None, NOW) as one:
        network = Networks(one.folder).current()
        shelf = open_shelf([_sell(read_demonstration())])
        assert shelf is not None
        for name, travellers in PARTIES:
            yield _measure(network, open_till(shelf, travellers, 1), name)


def _sell(catalogue: Catalogue) -> Catalogue:
    """Let the coaches' and trams' prices hold for lines of the feed: a part of them each."""
    networks = tuple(
        replace(one, sources=("bench",) if one.id == "tram" else one.sources) for one in catalogue.networks
    )
    return replace(catalogue, networks=networks)


def _measure(network: Network, till: Till, who: str) -> Bar:
    chance = random.Random(SEED)
    stops = served_stops(test_data() / FEED, NOW.date())
    added, journeys = [], 0
    for n in range(QUESTIONS + 5):
        ends = (f"{lat:.6f},{lon:.6f}" for lat, lon in chance.sample(stops, 2))
        at = NOW + timedelta(minutes=chance.randrange(120, 900))
        request = JourneyRequest(*ends, at, budget=60.0)
        without, _ = _time(network, request, None)
        priced, plan = _time(network, request, till)
        if n >= 5:  # noqa: PLR2004 - the first ones load what is compiled
            added.append(1000 * (priced - without))
            journeys += sum(one.priced is not None for one in plan.journeys) + len(plan.more)
    p95 = quantiles(added, n=100)[94]
    return Bar(
        f"prices of a search, {who}",
        p95,
        "ms",
        LIMIT,
        "lower",
        f"p95 of {QUESTIONS} questions of two hours on Dijon, each with prices less without, time of the processor, the"
        f" best of {TIMES};"
        f" median {median(added):.2f} ms, {journeys / QUESTIONS:.1f} journeys a question",
    )


def _time(network: Network, request: JourneyRequest, till: Till | None) -> tuple[float, Plan]:
    """Ask a few times; return the seconds of the processor of the quickest, and the answer."""
    best = float("inf")
    for _ in range(TIMES):
        began = time.thread_time()
        plan = service.plan(network, request, till=till)
        best = min(best, time.thread_time() - began)
    return best, plan
