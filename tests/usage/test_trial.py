"""What a draft does for people, worked out by hand, and against the same timetable loaded as a feed."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.journeys.text_network import PARIS, place
from tests.usage.draft_town import STOPS, TRIPS, apply, change, lay, tables

from mobigo.kit.geo import Point
from mobigo.kit.grid import cell_at, middle
from mobigo.usage.economy import Rates, read_published
from mobigo.usage.trial import Networks, Pair, Places, Verdict, judge, tell
from mobigo.usage.trial_plan import NO_WAY, Kind, Planner, Terms, Way
from mobigo.usage.trial_sample import Demand, Question, Sample, Stratum, Streets, choose_days, draw, match_days
from mobigo.usage.trial_supply import Ran, measure, measure_detours, name_lines

if TYPE_CHECKING:
    from pathlib import Path

    from mobigo.journeys.network import Network

TUESDAY = date(2026, 11, 24)
RATES = Rates(read_published())
TERMS = Terms()


def spot(name: str) -> Point:
    """Return where a stop is."""
    lat, lon = place(STOPS[name]).split(",")
    return Point(float(lon), float(lat))


def ask(start: str, end: str, when: str, stratum: int = 0) -> Question:
    """Write a question from a stop to another one."""
    hours, minutes = (int(part) for part in when.split(":"))
    ends = spot(start), spot(end)
    at = datetime(2026, 11, 24, hours, minutes, tzinfo=PARIS)
    return Question(at, *ends, (cell_at(ends[0]), cell_at(ends[1])), stratum)


def plan(network: Network, question: Question) -> Way:
    """Answer a question."""
    return Planner(network, None, TERMS).answer(question)


@pytest.mark.parametrize(
    ("question", "made", "verdict", "seconds"),
    [
        # waits 10 min instead of 5, rides as long
        (("a", "d", "06:50"), change("move_trips", which={"trips": ["t1"]}, minutes=-5), Verdict.BETTER, 150),
        (("a", "d", "06:50"), change("move_trips", which={"trips": ["t1"]}, minutes=5), Verdict.WORSE, -150),
        # leaves a minute before one is there: the next one an hour later, 1 min + 30 min of waiting weighed
        (("a", "d", "06:59"), change("move_trips", which={"trips": ["t1"]}, minutes=-2), Verdict.WORSE, -30 * 60),
        # a minute less to wait is 30 s
        (("a", "d", "06:50"), change("move_trips", which={"trips": ["t1"]}, minutes=-1), Verdict.SAME, 30),
        # nothing goes in the evening
        (
            ("a", "d", "19:00"),
            change("move_trips", which={"trips": ["t2"]}, minutes=680),
            Verdict.NEW,
            0,
        ),
        (("d", "a", "16:50"), change("remove_trips", which={"trips": ["t3"]}), Verdict.LOST, 0),
        (("a", "d", "23:00"), change("remove_trips", which={"trips": ["t3"]}), Verdict.NONE, 0),
        # the bus goes on: no change (300 s), no wait of 10 min between, a minute quicker
        (
            ("a", "e", "07:55"),
            change("extend_trips", which={"trips": ["t2"]}, stops=[{"stop": "e", "after": 9}]),
            Verdict.BETTER,
            300 + 660,
        ),
        # 2 km: 2333 s on foot (1.4 times, 1.2 m/s) are more than anybody is taken to walk
        (("a", "b", "07:50"), change("remove_trips", which={"trips": ["t2"]}), Verdict.LOST, 0),
    ],
)
def test_a_change_does_to_somebody_what_was_worked_out(
    tmp_path: Path, question: tuple[str, str, str], made: dict[str, Any], verdict: Verdict, seconds: int
) -> None:
    town = tables(tmp_path / "town")
    after = apply(town, made)
    assert after.faults == []
    one = ask(*question)
    pair = Pair(one, plan(lay(tmp_path, town), one), plan(lay(tmp_path, after.tables), one))
    assert judge(pair, TERMS) == (verdict, seconds)


def test_a_moved_trip_does_what_the_feed_with_its_new_times_does(tmp_path: Path) -> None:
    town = tables(tmp_path / "town")
    moved = apply(town, change("move_trips", which={"trips": ["t2", "x1"]}, minutes=7))
    by_draft = lay(tmp_path, moved.tables)
    later = {"t2": "L a 08:07 b 08:11 c 08:17 d 08:27", "x1": "X d 08:37 e 08:47"}
    texts = TRIPS | later
    rows = "trip_id,stop_sequence,stop_id,arrival_time,departure_time\n" + "".join(
        f"{trip},{number},{stop},{time}:00,{time}:00\n"
        for trip, text in texts.items()
        for number, (stop, time) in enumerate(zip(text.split()[1::2], text.split()[2::2], strict=True), 1)
    )
    by_feed = lay(tmp_path, tables(tmp_path / "moved", stop_times=rows))
    questions = [
        ask(start, end, f"{minute // 60:02d}:{minute % 60:02d}")
        for start in "abde"
        for end in "acde"
        if start != end
        for minute in range(6 * 60, 18 * 60, 53)
    ]
    ways = [plan(by_draft, one) for one in questions]
    assert ways == [plan(by_feed, one) for one in questions]
    assert {way.kind for way in ways} == {Kind.VEHICLE, Kind.NONE}


def test_a_way_says_what_is_ridden_and_what_it_emits(tmp_path: Path) -> None:
    way = plan(lay(tmp_path, tables(tmp_path / "town")), ask("a", "e", "07:55"))
    assert way.kind is Kind.VEHICLE
    assert (way.wait, way.duration, way.changes) == (300, 40 * 60, 1)
    assert [(ride.line, ride.metres, ride.seconds) for ride in way.rides] == [("L", 9000, 1200), ("X", 5000, 600)]
    assert way.grams == round(113.2 * 9) + round(113.2 * 5)


# ── drawn ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def row(start: str, end: str, people: int, day: date = TUESDAY, hour: int = 7) -> Demand:
    """Write demand between two stops."""
    return Demand(day, hour, cell_at(spot(start)), cell_at(spot(end)), people)


def take(demand: list[Demand], most: int, seed: int = 1, near: list[Point] | None = None) -> Sample:
    """Draw."""
    return draw(demand, [TUESDAY], Streets(None), PARIS, near=near, most=most, seed=seed)


def test_little_demand_is_asked_for_whole_each_person_once() -> None:
    sample = take([row("a", "d", 3), row("d", "a", 2)], 10)
    assert sample.strata[0] == Stratum(5, 5, whole=True)
    assert sorted(one.cells for one in sample.questions).count((cell_at(spot("a")), cell_at(spot("d")))) == 3
    assert {one.at.hour for one in sample.questions} == {7}
    assert {one.at.date() for one in sample.questions} == {TUESDAY}
    assert {one.origin for one in sample.questions} == {middle(cell_at(spot("a"))), middle(cell_at(spot("d")))}


def test_much_demand_is_drawn_in_proportion_to_people_and_the_same_by_the_same_seed() -> None:
    demand = [row("a", "d", 900), row("d", "a", 100)]
    sample = take(demand, 100)
    assert sample.strata[0] == Stratum(1000, 100, whole=False)
    assert sample.strata[0].weight == 10
    assert sum(one.cells[0] == cell_at(spot("a")) for one in sample.questions) == 90
    assert take(demand, 100) == sample
    assert take(demand, 100, seed=2) != sample


def test_demand_near_the_change_is_drawn_more_often() -> None:
    demand = [row("a", "b", 100), row("d", "e", 9_900)]
    sample = take(demand, 200, near=[spot("a")])
    near, far = sample.strata
    assert (near.people, near.questions, near.whole) == (100, 100, True)
    assert (far.people, far.questions) == (9_900, 100)  # what those near do not need
    assert sample.people == 10_000


def test_days_are_matched_by_what_they_are() -> None:
    period = date(2026, 11, 1), date(2027, 1, 31)
    monday, christmas, holidays = date(2026, 10, 12), date(2026, 12, 25), date(2026, 10, 20)
    days = choose_days([monday, christmas, holidays], date(2026, 11, 22), period)
    assert days == [date(2026, 11, 23), date(2026, 12, 22), date(2026, 12, 25)]  # zone A: from 19 December on
    on = match_days([monday, monday + timedelta(7), holidays, date(2026, 11, 1)], [date(2026, 11, 23), *days[1:]])
    assert on == {
        monday: date(2026, 11, 23),
        monday + timedelta(7): date(2026, 12, 22),
        holidays: date(2026, 12, 22),
        date(2026, 11, 1): christmas,
    }


def test_demand_of_a_day_like_none_is_left_out_and_counted() -> None:
    saturday = date(2026, 11, 28)
    sample = take([row("a", "d", 3), row("a", "d", 4, saturday)], 10)
    assert (sample.people, sample.left_out) == (3, 4)
    assert sample.days == {TUESDAY: 1}


# ── counted ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def told(sample: Sample, pairs: list[Pair], today: dict[str, Ran], draft: dict[str, Ran]) -> dict[str, Any]:
    """Tell what a draft does, in a land of two communes: a to c, and d to e."""
    west = {cell_at(spot(name)): "west" for name in "abc"}
    east = {cell_at(spot(name)): "east" for name in "de"}
    places = Places(west | east, {"west": "Ouest", "east": "Est"})
    return tell(sample, pairs, Networks(today, draft, {}, TUESDAY, RATES), places, TERMS)


def way(minutes: int, kind: Kind = Kind.VEHICLE) -> Way:
    """Write a way of so many minutes."""
    return NO_WAY._replace(kind=kind, weighed=60.0 * minutes, duration=60 * minutes)


def test_everybody_asked_is_counted_without_error() -> None:
    questions = tuple(ask("a", "d", "07:00") for _ in range(4))
    sample = Sample(questions, (Stratum(4, 4, whole=True), Stratum(0, 0, whole=True)), {TUESDAY: 1}, 0)
    ways = [(way(30), way(20)), (way(30), way(35)), (NO_WAY, way(10)), (way(30), way(30))]
    found = told(sample, [Pair(one, *both) for one, both in zip(questions, ways, strict=True)], {}, {})
    counts = {name: one["value"] for name, one in found["verdicts"].items()}
    assert counts == {"better": 1, "worse": 1, "same": 1, "new": 1, "lost": 0, "none": 0}
    assert all(one["error"] == 0 for one in found["verdicts"].values())
    assert found["minutes"]["weighed"] == {"value": 5.0, "error": 0.0}
    assert found["whole"]
    (west,) = found["communes"]
    assert (west["name"], west["people"], west["new"], west["minutes"]) == ("Ouest", 4, 1, 5)
    assert found["relations"] == []  # one person each: nobody is to be recognised


def test_the_truth_lies_within_the_error_ninety_five_times_in_a_hundred() -> None:
    chance = np.random.default_rng(7)
    people = 4_000
    saves = chance.normal(3, 8, people)
    inside = 0
    for seed in range(200):
        drawn = np.random.default_rng(seed).choice(people, 80)
        questions = tuple(ask("a", "d", "07:00") for _ in drawn)
        sample = Sample(questions, (Stratum(people, 80, whole=False), Stratum(0, 0, whole=True)), {TUESDAY: 1}, 0)
        pairs = [
            Pair(one, way(60), way(60)._replace(weighed=3600 - 60 * saves[at]))
            for one, at in zip(questions, drawn, strict=True)
        ]
        found = told(sample, pairs, {}, {})["minutes"]["weighed"]
        inside += abs(found["value"] - saves.sum()) <= found["error"]
    assert 180 <= inside <= 199


def test_what_was_never_seen_in_a_sample_may_still_be() -> None:
    questions = tuple(ask("a", "d", "07:00") for _ in range(100))
    sample = Sample(questions, (Stratum(5_000, 100, whole=False), Stratum(0, 0, whole=True)), {TUESDAY: 1}, 0)
    found = told(sample, [Pair(one, way(30), way(30)) for one in questions], {}, {})
    assert found["verdicts"]["lost"] == {"value": 0, "error": 150}


def test_a_trial_ended_early_counts_what_was_answered_for_all() -> None:
    questions = tuple(ask("a", "d", "07:00") for _ in range(10))
    sample = Sample(questions, (Stratum(100, 10, whole=False), Stratum(0, 0, whole=True)), {TUESDAY: 1}, 0)
    found = told(sample, [Pair(one, way(30), way(20)) for one in questions[:5]], {}, {})
    assert found["people"] == 100
    assert found["verdicts"]["better"]["value"] == 100
    assert (found["questions"], found["asked"], found["whole"]) == (5, 10, False)


# ── what it takes ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_kilometres_hours_and_costs_of_lines(tmp_path: Path) -> None:
    network = lay(tmp_path, tables(tmp_path / "town"))
    timetable = network.timetable
    saturday = date(2026, 11, 28)
    ran = measure(timetable, {TUESDAY: 4, saturday: 1}, measure_detours(timetable), RATES)
    # 3 trips of 9 km straight, 1.3 times, 20 min each, on 4 days; 2.06 EUR a km and 31.50 EUR an hour
    assert set(ran) == {"L", "X"}
    assert (ran["L"].runs, ran["L"].metres, ran["L"].seconds) == (12, pytest.approx(12 * 11_700), 12 * 1200)
    assert ran["L"].cents == pytest.approx(12 * (206 * 11.7 + 3150 / 3), abs=4)
    assert name_lines(timetable)["L"].name == "Ligne"


def test_a_line_is_measured_as_its_feed_draws_it(tmp_path: Path) -> None:
    shape = [(0, 0), (0, 9_000), (9_000, 9_000), (9_000, 0)]
    rows = "shape_id,shape_pt_sequence,shape_pt_lat,shape_pt_lon\n" + "".join(
        f"s,{number},{place(x, y)}\n" for number, (x, y) in enumerate(shape)
    )
    trips = "route_id,service_id,trip_id,shape_id\n" + "".join(
        f"{text[0]},week,{trip},{'s' if trip == 't1' else ''}\n" for trip, text in TRIPS.items()
    )
    town = tables(tmp_path / "town", shapes=rows, trips=trips)
    timetable = lay(tmp_path, town).timetable
    detours = measure_detours(timetable)
    assert detours == {"L": pytest.approx(3.0, rel=0.01)}
    # a stop less: the line's own ways are still three times as long
    after = apply(town, change("skip_stop", which={"line": "L"}, stop="b"))
    changed = measure(lay(tmp_path, after.tables).timetable, {TUESDAY: 1}, detours, RATES)
    before = measure(timetable, {TUESDAY: 1}, detours, RATES)
    assert changed["L"].metres == pytest.approx(before["L"].metres, rel=1e-3)


def test_supply_is_told_where_it_differs_only() -> None:
    questions = (ask("a", "d", "07:00"),)
    sample = Sample(questions, (Stratum(1, 1, whole=True), Stratum(0, 0, whole=True)), {TUESDAY: 1}, 0)
    same, less, more = Ran(5, 5e4, 3600, 900), Ran(2, 2e4, 1800, None), Ran(3, 3e4, 2700, None)
    found = told(sample, [Pair(questions[0], way(3), way(3))], {"S": same, "L": less}, {"S": same, "L": more})["supply"]
    assert [one["line"] for one in found["lines"]] == ["L"]
    assert found["unknown_costs"] == 1
    assert found["timetable"]["draft"]["metres"] - found["timetable"]["today"]["metres"] == 1e4
    assert found["ondemand"]["rides"] == {"value": 0, "error": 0}
    assert all(a["line"] < b["line"] for a, b in pairwise(found["lines"]))
