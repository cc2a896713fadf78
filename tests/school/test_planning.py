"""Sessions of a school week, laid out, solved and told as runs that can be driven."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobigo.kit.geo import Point
from mobigo.school.demand import Home, Rider, Session, Trip, list_homeless, list_sessions, list_trips
from mobigo.school.optimise import optimise
from mobigo.school.planning import Ground, Layout, Limits, Run, lay_out, tell
from mobigo.school.register import Bell, School
from mobigo.school.roads import close
from mobigo.street.drives import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Point(5.0, 47.0)
WEEK = frozenset({1, 2, 3, 4, 5})
NOON, EIGHT, FOUR = 12 * 3600, 8 * 3600, 16 * 3600


def rider(key: str, school: str = "A", boarding: str = "half_board", homes: Sequence[Home] = ()) -> Rider:
    return Rider(key, school, "college", boarding, (), tuple(homes) or (Home(1, HERE, WEEK),))


SCHOOLS = [School("A", "Collège A", "college"), School("B", "Lycée B", "lycee")]
BELLS = [
    Bell("A", "morning", (1, 2, 3, 4, 5), EIGHT),
    Bell("A", "noon", (3,), NOON),
    Bell("A", "evening", (1, 2, 4, 5), FOUR),
    Bell("B", "morning", (1, 2, 3, 4, 5), EIGHT + 900, earliest=EIGHT),
    Bell("B", "morning", (1,), EIGHT + 7200, "boarders"),
    Bell("B", "evening", (1, 2, 4, 5), FOUR + 1800),
    Bell("B", "evening", (5,), FOUR - 3600, "boarders"),
]


def test_weekdays_with_the_same_bells_are_one_session() -> None:
    sessions, troubles = list_sessions(SCHOOLS, BELLS)
    assert not troubles
    assert [(one.name, [(s.school, s.trip, s.riders) for s in one.services]) for one in sessions] == [
        ("morning 1", [("A", "morning", "all"), ("B", "morning", "all"), ("B", "morning", "boarders")]),
        ("morning 2345", [("A", "morning", "all"), ("B", "morning", "all")]),
        ("return 124", [("A", "evening", "all"), ("B", "evening", "all")]),
        ("return 3", [("A", "noon", "all")]),
        ("return 5", [("A", "evening", "all"), ("B", "evening", "boarders"), ("B", "evening", "all")]),
    ]
    assert [one.earliest for one in sessions[1].services] == [EIGHT, EIGHT]


def test_a_school_without_a_bell_is_named_and_the_rest_is_planned() -> None:
    sessions, troubles = list_sessions([*SCHOOLS, School("C", "École C", "primary")], BELLS)
    assert len(sessions) == 5
    assert [(one.kind, one.about) for one in troubles] == [("no_bell", "C"), ("no_bell", "C")]
    assert "École C (C) has no bell in the morning" in troubles[0].text


def test_who_rides_when() -> None:
    sessions = {one.name: one for one in list_sessions(SCHOOLS, BELLS)[0]}
    shared = rider("s", homes=[Home(1, HERE, frozenset({1, 2})), Home(2, HERE, frozenset({3, 4, 5}))])
    riders = [rider("a"), shared, rider("b", "B"), rider("i", "B", "boarder"), rider("j", "A", "boarder"),
              rider("x", homes=[Home(1, None, WEEK)])]  # fmt: skip

    def keys(name: str) -> list[list[str]]:
        return [[f"{one.pupil}{one.home}" for one in some] for some in list_trips(sessions[name], riders)]

    assert keys("morning 1") == [["a1", "s1", "j1"], ["b1"], ["i1"]]
    assert keys("morning 2345") == [["a1", "s1", "s2"], ["b1"]]
    assert keys("return 3") == [["a1", "s2"]]
    assert keys("return 5") == [["a1", "s2", "j1"], ["i1"], ["b1"]]
    assert [(one.kind, one.about) for one in list_homeless(riders)] == [("no_address", "x")]


# ── plans ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

LIMITS = Limits(
    seats=8, ride={"college": 2_000, "lycee": 2_000, "primary": 2_000}, halt=20.0, each=3.0, unloading=120.0
)


def ground_of(seconds: np.ndarray, schools: Sequence[str]) -> Ground:
    n = len(schools)
    names = [f"school {one}" for one in schools] + [f"stop {one}" for one in range(len(seconds) - n)]
    table = close(Table(seconds.astype(np.int32), np.where(seconds < 0, -1, seconds * 10).astype(np.int32)))
    return Ground(table, names, {one: row for row, one in enumerate(schools)}, dict.fromkeys(schools, "college"))


def check(layout: Layout, runs: Sequence[Run], ground: Ground, limits: Limits) -> None:
    """Every load is served once, and every vehicle can do what it is told; worked out from the table alone."""
    served = Counter(trip for run in runs for call in run.calls for trip in call.trips)
    assert served == Counter(trip for load in layout.loads for trip in load.trips)
    morning = layout.session.way == "morning"
    at_school = [ground.schools[one.school] for one in layout.session.services]
    spans = defaultdict(list)
    for run in runs:
        bell, school = layout.session.services[run.service].at, at_school[run.service]
        assert sum(len(call.trips) for call in run.calls) <= limits.seats
        halts = [limits.halt + limits.each * len(call.trips) for call in run.calls]
        stops = [call.stop for call in run.calls]
        times = [call.at for call in run.calls]
        if morning:
            assert run.at <= bell - limits.unloading + 1e-6
            way, clock = [*stops, school], [*times, run.at]
            for (a, b), (begin, end), halt in zip(pairwise(way), pairwise(clock), halts, strict=True):
                assert end - begin == pytest.approx(halt + ground.table.seconds[a, b])
            ride = run.at - times[0] - halts[0]
            spans[run.vehicle].append((times[0], stops[0], bell, school, run.empty))
        else:
            assert run.at >= bell + limits.unloading - 1e-6
            way, clock = [school, *stops], [run.at, *times]
            for (a, b), (begin, end), halt in zip(pairwise(way), pairwise(clock), [0.0, *halts[:-1]], strict=True):
                assert end - begin == pytest.approx(halt + ground.table.seconds[a, b])
            ride = times[-1] - run.at
            spans[run.vehicle].append((bell, school, times[-1] + halts[-1], stops[-1], run.empty))
        assert ride <= max(limits.ride.values()) + 1e-6
        assert run.metres == sum(ground.table.metres[a, b] for a, b in pairwise(way))
    for mine in spans.values():
        assert mine == sorted(mine)
        assert mine[0][4] == 0
        for (_, _, end, there, _), (begin, here, *_, empty) in pairwise(mine):
            assert end + ground.table.seconds[there, here] <= begin + 1e-6
            assert empty == ground.table.metres[there, here]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["morning", "evening"]))
def test_plans_can_be_driven(seed: int, trip: str) -> None:
    rng = np.random.default_rng(seed)
    schools = ["A", "B", "C"][: int(rng.integers(1, 4))]
    n_stops = int(rng.integers(1, 9))
    places = rng.uniform(0, 900, (len(schools) + n_stops, 2))
    seconds = np.rint(np.abs(places[:, None] - places[None]).sum(axis=2) * rng.uniform(1.0, 1.3, (len(places),) * 2))
    np.fill_diagonal(seconds, 0)
    ground = ground_of(seconds, schools)
    bells = [Bell(one, trip, (1, 2), int(rng.integers(7, 10)) * 3600) for one in schools]
    (session,) = list_sessions([], bells)[0]
    riders = [rider(f"p{n}", str(rng.choice(schools))) for n in range(int(rng.integers(1, 40)))]
    trips = list_trips(session, riders)
    stops = {one: len(schools) + int(rng.integers(n_stops)) for some in trips for one in some}
    layout, troubles = lay_out(session, trips, stops, ground, LIMITS)
    assert {one.kind for one in troubles} <= {"stop_overfull"}
    plan, certificate = optimise(layout.problem, time_limit=600, seed=1, work=2)
    assert plan.buses >= certificate.bound
    runs = tell(layout, plan, ground.table)
    assert len({run.vehicle for run in runs}) == plan.buses
    check(layout, runs, ground, LIMITS)


def lay_one(seconds: np.ndarray, pupils: int, limits: Limits = LIMITS) -> tuple[Layout, list[tuple[str, str]], Session]:
    ground = ground_of(seconds, ["A"])
    (session,) = list_sessions([], [Bell("A", "morning", (1,), EIGHT)])[0]
    trips = [[Trip(f"p{n:03}", 1) for n in range(pupils)], *[]]
    stops = {trip: 1 + n % (len(seconds) - 1) for n, trip in enumerate(trips[0])}
    layout, troubles = lay_out(session, trips, stops, ground, limits)
    return layout, [(one.kind, one.text) for one in troubles], session


def test_more_pupils_at_a_stop_than_seats_are_two_loads_and_a_sentence() -> None:
    layout, troubles, _ = lay_one(np.array([[0, 600], [600, 0]]), 67, Limits(seats=66))
    assert [len(one.trips) for one in layout.loads] == [34, 33]
    ((kind, text),) = troubles
    assert kind == "stop_overfull"
    assert text.startswith(
        "67 pupils wait at stop stop 0 for school A, and a vehicle has 66 seats: 2 vehicles call there"
    )


def test_what_cannot_be_reached_or_is_too_far_is_named_and_the_rest_is_planned() -> None:
    seconds = np.array([[0, 600, 2_400, -1], [600, 0, 3_000, -1], [2_400, 3_000, 0, -1], [-1, -1, -1, 0]])
    layout, troubles, session = lay_one(seconds, 6)
    assert [kind for kind, _ in troubles] == ["ride_too_long", "stop_unreached"]
    assert "between stop stop 1 and school A a coach takes 40 minutes" in troubles[0][1]
    assert "the longest ride is 33" in troubles[0][1]
    assert "no coach gets from stop stop 2 to school A and back" in troubles[1][1]
    assert [(one.stop, len(one.trips)) for one in layout.loads] == [(1, 2)]
    plan, certificate = optimise(layout.problem, time_limit=600, seed=1)
    assert (plan.buses, certificate.bound, session.weekdays) == (1, 1, (1,))
