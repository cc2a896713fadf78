"""Runs rearranged between bookings: cheaper or as they were, and every promise still kept."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from datetime import date
from itertools import combinations, permutations
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.ondemand import insertion_oracle
from tests.ondemand.day_checker import Pause, Promised, check_day

from mobigo.kit.errors import Unavailable
from mobigo.kit.geo import Point, haversine
from mobigo.ondemand import dispatch, improve
from mobigo.ondemand.fleet import Fleet
from mobigo.ondemand.model import Ask, Capacity, Event, EventKind, Run, Spot
from mobigo.ondemand.reoptimise import LEAD, list_faults, list_road_faults
from mobigo.ondemand.reoptimise import improve as rearrange
from mobigo.ondemand.solver import Problem, Room, Route, Solver

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

START = 1_800_000_000
HOUR = 3_600


class Crow:
    """Drives along straight lines at 36 km/h."""

    def seconds(self, origins: Sequence[Point], destinations: Sequence[Point]) -> NDArray[np.int32]:
        table = [[self.drive(a, b) for b in destinations] for a in origins]
        return np.array(table, np.int32).reshape(len(origins), len(destinations))

    def drive(self, a: Point, b: Point) -> int:
        return math.ceil(haversine(a, b) / 10)


CROW = Crow()


@pytest.fixture(scope="module")
def solver() -> Iterator[Solver]:
    with Solver() as one:
        yield one


def at(east: float, north: float) -> Point:
    """A place so many kilometres east and north of somewhere in the Auxois."""
    return Point(4.3 + east / 75.5, 47.5 + north / 111.2)


def empty_run(number: int, depot: Point, **more: object) -> Run:
    capacity = Capacity((4, 1, 2, 1, 1), seats_per_wheelchair=2, luggage_on_seats=True)
    run = Run(
        number, f"v{number}", "o", ("s",), capacity, depot, date(2027, 1, 15), START, START + 10 * HOUR, events=()
    )
    return replace(run, **more)  # type: ignore[arg-type]


def ask(origin: Point, destination: Point, ready: int, load: tuple[int, ...] = (1, 0, 0, 0, 0)) -> Ask:
    longest = int(1.5 * CROW.drive(origin, destination)) + 900
    first, last = START + ready, START + ready + 1_200
    seats, wheelchairs, luggage, bicycles, child_seats = load
    return Ask(
        "s",
        Spot("from", origin),
        Spot("to", destination),
        (first, last),
        (0, last + 60 + longest),
        (seats, wheelchairs, luggage, bicycles, child_seats),
        longest,
    )


def book(runs: list[Run], asks: dict[str, Ask], *, only: int | None = None) -> list[Run]:
    """Put rides in one after another, each where it is cheapest by then; those without a place are left out of both."""
    fleet = Fleet(runs)
    for leg, one in list(asks.items()):
        place = dispatch.find_place(fleet, one, CROW, only=None if only is None else [only])
        if isinstance(place, dispatch.Refusal):
            del asks[leg]
            continue
        fleet = fleet.with_runs([dispatch.place(fleet.runs[place.run], place, leg)])
    return list(fleet.runs.values())


def check(runs: Sequence[Run], asks: dict[str, Ask], **more: object) -> list[str]:
    return check_day(runs, [Promised(leg, one) for leg, one in asks.items()], CROW.drive, **more)  # type: ignore[arg-type]


def merge(runs: Sequence[Run], changed: Sequence[Run]) -> list[Run]:
    news = {run.id: run for run in changed}
    return [news.get(run.id, run) for run in runs]


def test_rides_that_one_vehicle_can_share_are_put_together(solver: Solver) -> None:
    # both vehicles stand together; two people go the same way at the same time, one in each of the vehicles
    runs = [empty_run(1, at(0, 0)), empty_run(2, at(0, 0))]
    asks = {"a": ask(at(1, 0), at(12, 0), HOUR), "b": ask(at(1.1, 0), at(12.1, 0), HOUR)}
    apart = [*book(runs[:1], {"a": asks["a"]}), *book(runs[1:], {"b": asks["b"]})]
    found = rearrange(apart, CROW, solver, now=START - HOUR, seconds=60, services=dict.fromkeys(asks, "s"))
    after = merge(apart, found.runs)
    assert sorted(len(run.events) for run in after) == [0, 4]
    assert found.after < 0.6 * found.before
    assert len(found.moves) == 1
    assert check(after, asks) == []


@pytest.mark.parametrize("seed", range(4))
def test_no_promise_breaks_and_the_cost_never_rises(seed: int, solver: Solver) -> None:
    chance = random.Random(seed)

    def place() -> Point:
        return at(chance.uniform(0, 15), chance.uniform(0, 15))

    pauses = {}
    runs = []
    for number in range(1, 5):
        depot = place()
        begin = START + chance.randint(3, 4) * HOUR
        pause = Event(EventKind.BREAK, Spot("", depot), begin, begin + HOUR, begin, begin + 1_800, 1_800)
        pauses[number] = [Pause(begin, begin + HOUR + 1_800, 1_800)]
        runs.append(empty_run(number, depot, events=(pause,)))
    loads = [(1, 0, 0, 0, 0), (2, 0, 1, 0, 0), (0, 1, 0, 0, 0), (1, 0, 0, 0, 1), (1, 0, 4, 1, 0), (3, 0, 0, 0, 0)]
    asks = {
        f"leg{number}": ask(place(), place(), chance.randint(0, 8 * HOUR), chance.choice(loads)) for number in range(30)
    }
    runs = book(runs, asks)
    assert check(runs, asks, pauses=pauses) == []
    services = dict.fromkeys(asks, "s")
    for now in (START - HOUR, START + 3 * HOUR, START + 5 * HOUR):
        found = rearrange(runs, CROW, solver, now=now, seconds=1, services=services, seed=seed)
        assert found.after <= found.before
        assert bool(found.runs) == (found.after < found.before)
        for changed in found.runs:
            was = next(run for run in runs if run.id == changed.id)
            frozen = dispatch.count_frozen(was, CROW, now + LEAD)
            for before, after in zip(was.events[:frozen], changed.events[:frozen], strict=True):
                assert after == replace(before, departure=after.departure)  # the vehicle may leave at another time
        runs = merge(runs, found.runs)
        assert check(runs, asks, pauses=pauses) == []
        assert found.after == pytest.approx(sum(dispatch.cost(run, CROW, now + LEAD) for run in runs), rel=0.01)


def test_legs_that_are_locked_held_or_of_another_service_stay(solver: Solver) -> None:
    runs = [empty_run(1, at(0, 0)), empty_run(2, at(0, 0)), empty_run(3, at(0, 0), services=("s", "t"))]
    asks = {"locked": ask(at(1, 0), at(12, 0), HOUR), "held": ask(at(1, 0), at(12, 0), HOUR)}
    asks["other"] = replace(ask(at(1, 0), at(12, 0), HOUR), service="t")
    apart = [book([run], {leg: asks[leg]})[0] for run, leg in zip(runs, asks, strict=True)]
    apart[0] = replace(apart[0], locked=frozenset({"locked"}))
    services = {"locked": "s", "held": "s", "other": "t"}
    found = rearrange(apart, CROW, solver, now=START - HOUR, seconds=2, services=services, held=frozenset({"held"}))
    assert found.moves == ()
    freed = rearrange(apart, CROW, solver, now=START - HOUR, seconds=60, services=services)
    assert [(move.leg, move.before, move.after) for move in freed.moves] in ([("held", 2, 1)], [("held", 2, 3)])


def test_who_is_aboard_and_what_has_happened_stays(solver: Solver) -> None:
    asks = {"a": ask(at(1, 0), at(12, 0), HOUR), "b": ask(at(2, 0), at(12, 0), 2 * HOUR)}
    runs = [*book([empty_run(1, at(0, 0))], {"a": asks["a"]}), *book([empty_run(2, at(13, 0))], {"b": asks["b"]})]
    boarded = replace(runs[0], events=(replace(runs[0].events[0], done=True), runs[0].events[1]))
    now = runs[0].events[0].departure + 60
    found = rearrange([boarded, runs[1]], CROW, solver, now=now, seconds=60, services=dict.fromkeys(asks, "s"))
    after = merge([boarded, runs[1]], found.runs)
    assert [event.leg for event in after[0].events][:2] == ["a", "a"]
    assert after[0].events[0] == boarded.events[0]
    assert check(after, asks) == []


def test_a_run_that_does_not_hold_is_left_as_it_is(solver: Solver) -> None:
    asks = {"a": ask(at(1, 0), at(12, 0), HOUR), "b": ask(at(1, 0), at(12, 0), HOUR)}
    runs = [book([empty_run(n, at(0, 0))], {leg: asks[leg]})[0] for n, leg in enumerate(asks, 1)]
    broken = replace(runs[0], events=tuple(replace(one, latest=one.latest - 5_000) for one in runs[0].events))
    found = rearrange([broken, runs[1]], CROW, solver, now=START - HOUR, seconds=2, services=dict.fromkeys(asks, "s"))
    assert found.runs == ()


def test_nothing_to_do_is_said_at_once(solver: Solver) -> None:
    found = rearrange([empty_run(1, at(0, 0))], CROW, solver, now=START, seconds=60, services={})
    assert (found.runs, found.before, found.after, found.tried) == ((), 0, 0, 0)
    assert rearrange([], CROW, solver, now=START, seconds=60, services={}).tried == 0


def test_the_last_check_names_each_broken_promise() -> None:
    asks = {"a": ask(at(1, 0), at(12, 0), HOUR), "b": ask(at(2, 0), at(12, 0), HOUR)}
    runs = [*book([empty_run(1, at(0, 0))], {"a": asks["a"]}), *book([empty_run(2, at(0, 0))], {"b": asks["b"]})]
    services = dict.fromkeys(asks, "s")
    first, second = runs
    assert list_faults(runs, runs, services, frozenset()) == []

    def faults(*after: Run, held: frozenset[str] = frozenset(), of: dict[str, str] = services) -> str:
        return "; ".join(list_faults(runs, after, of, held))

    both = replace(
        first, events=(*first.events, *second.events), longest_ride={**first.longest_ride, **second.longest_ride}
    )
    none = replace(second, events=(), longest_ride={})
    assert "must stay in run 2" in faults(both, none, held=frozenset({"b"}))
    assert "must stay in run 2" in faults(both, none, of={"a": "s", "b": "elsewhere"})
    assert "not the same stops" in faults(first, none)
    late = replace(first, events=tuple(replace(one, arrival=one.latest + 1) for one in first.events))
    assert "is outside" in faults(late, second)
    backwards = replace(first, events=first.events[::-1])
    assert "was not picked up" in faults(backwards, second)
    small = replace(first, capacity=Capacity((0, 0, 0, 0, 0)))
    assert "do not fit" in faults(small, second)
    short = replace(first, end=first.events[-1].arrival)
    assert "outside its shift" in faults(short, second)
    quick = replace(first, longest_ride={"a": 10})
    assert "too long" in faults(quick, second)
    hurried = replace(first, events=(first.events[0], replace(first.events[1], arrival=first.events[0].departure + 60)))
    assert "cannot be reached before" in "; ".join(list_road_faults(hurried, CROW, 0))
    assert "not back at its depot" in "; ".join(list_road_faults(short, CROW, 0))
    assert list_road_faults(first, CROW, 0) == []
    softened = replace(first, events=tuple(replace(one, latest=one.latest + 600) for one in first.events))
    assert "is not what it was" in faults(softened, second)


def test_the_solver_is_started_again_after_it_was_lost() -> None:
    problem = Problem(
        drive=((0,) * 4,) * 4,
        span=((0,) * 4,) * 4,
        earliest=(0,) * 4,
        latest=(100,) * 4,
        loads=((1, 0, 0, 0, 0), (-1, 0, 0, 0, 0), (0,) * 5, (0,) * 5),
        pairs=((0, 1, 50),),
        late=(),
        alighting=(),
        breaks=(),
        allowed=((0,), (0,)),
        routes=(Route(2, 3, (0,) * 5, 0, Room(((1, 0, 0, 0, 0),), (4,)), (0, 1)),),
        drive_cost=10,
        milliseconds=50,
    )
    with Solver() as one:
        assert one.solve(problem) == [[0, 1]]
        assert one._process is not None
        one._process.kill()
        with pytest.raises(Unavailable, match="optimiser"):
            one.solve(problem)
        assert one.solve(problem) == [[0, 1]]
    assert one._process is None
    assert improve.solve(replace(problem, latest=(100, -1, 100, 100))) is None


# ── beside the best there is ──────────────────────────────────────────────────────────────────────────────────────────


def list_orders(legs: Sequence[str]) -> Iterator[tuple[tuple[str, EventKind], ...]]:
    """List all orders of the stops of some rides in which everybody gets on before getting off."""
    stops = [(leg, kind) for leg in legs for kind in (EventKind.PICKUP, EventKind.DROP_OFF)]
    for order in permutations(stops):
        if all(order.index((leg, EventKind.PICKUP)) < order.index((leg, EventKind.DROP_OFF)) for leg in legs):
            yield order


def find_optimum(runs: Sequence[Run]) -> int:
    """Try every distribution of the rides and every order: the least cost of all runs."""
    events = {(event.leg, event.kind): event for run in runs for event in run.events}
    rides = {leg: longest for run in runs for leg, longest in run.longest_ride.items()}
    best: dict[tuple[int, frozenset[str]], int] = {}
    for run in runs:
        for count in range(len(rides) + 1):
            for legs in combinations(rides, count):
                costs = []
                for order in list_orders(legs):
                    tried = replace(
                        run,
                        events=tuple(events[stop] for stop in order),
                        longest_ride={leg: rides[leg] for leg in legs},
                    )
                    times = insertion_oracle.plan(tried, CROW.drive)
                    if times is not None:
                        costs.append(insertion_oracle.cost(tried, times, CROW.drive))
                if costs:
                    best[run.id, frozenset(legs)] = min(costs)
    first, second = (run.id for run in runs)
    everybody = frozenset(rides)
    return min(
        cost + best[second, everybody - legs]
        for (run, legs), cost in best.items()
        if run == first and (second, everybody - legs) in best
    )


@pytest.mark.parametrize("seed", range(6))
def test_a_small_day_ends_as_cheap_as_it_can_be(seed: int, solver: Solver) -> None:
    chance = random.Random(100 + seed)

    def place() -> Point:
        return at(chance.uniform(0, 12), chance.uniform(0, 12))

    runs = [empty_run(1, place()), empty_run(2, place())]
    asks = {f"leg{number}": ask(place(), place(), HOUR + chance.randint(0, 4_000)) for number in range(4)}
    legs = list(asks)
    apart = [
        *book(runs[:1], {leg: asks[leg] for leg in legs[:2]}),
        *book(runs[1:], {leg: asks[leg] for leg in legs[2:]}),
    ]
    asks = {event.leg: asks[event.leg] for run in apart for event in run.events if event.leg}
    found = rearrange(apart, CROW, solver, now=START - HOUR, seconds=60, services=dict.fromkeys(asks, "s"), seed=seed)
    assert check(merge(apart, found.runs), asks) == []
    assert found.after == find_optimum(apart)
