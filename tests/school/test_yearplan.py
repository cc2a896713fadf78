"""A school year planned from its register, changed, and compared; on straight lines instead of streets."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.street_text import lonlat

from mobigo.kit.errors import InvalidInput
from mobigo.kit.geo import Point, haversine
from mobigo.school.book import Book, change
from mobigo.school.comparing import Halt, _find_change, compare
from mobigo.school.demand import Home, Rider
from mobigo.school.model import Kind, Problem
from mobigo.school.planning import Limits
from mobigo.school.register import Bell, Call, Circuit, School, Seat, Stop, Vehicle
from mobigo.school.register import Run as Circulation
from mobigo.school.roads import Walks, close
from mobigo.school.sentences import say
from mobigo.school.yearplan import Effort, Told, assign_stops, part_run, plan_year
from mobigo.street.drives import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

WEEK = (1, 2, 3, 4, 5)
EIGHT, NOON, FIVE = 8 * 3600, 12 * 3600, 17 * 3600


class Straight:
    """Roads without streets: 15 m/s by coach, everybody walks as the crow flies."""

    def measure(self, places: Sequence[Any], _period: object = None) -> Table:
        metres = [[haversine(Point(*a[:2]), Point(*b[:2])) for b in places] for a in places]
        table = np.rint(metres).astype(np.int32).reshape(len(places), len(places))
        return close(Table(np.ceil(table / 15).astype(np.int32), table))

    def walk(self, homes: Sequence[Point], stops: Sequence[Point], longest: float) -> Walks:
        first, stop, metres = [0], [], []
        for home in homes:
            for number, one in enumerate(stops):
                if haversine(home, one) <= longest:
                    stop.append(number)
                    metres.append(round(haversine(home, one)))
            first.append(len(stop))
        return Walks(*(np.array(one, np.int32) for one in (first, stop, metres)))


def place(x: float, y: float) -> dict[str, float]:
    lon, lat = lonlat(x, y)
    return {"lat": lat, "lon": lon}


def rider(key: str, x: float, y: float, school: str = "A", needs: tuple[str, ...] = ()) -> Rider:
    return Rider(key, school, "college", "half_board", needs, (Home(1, Point(*lonlat(x, y)), frozenset(WEEK)),))


VILLAGES = [(6_000, 0), (6_300, 900), (-5_000, 300), (0, 7_000), (500, 7_500)]


@pytest.fixture
def book() -> Book:
    schools = (
        School("A", "Collège A", "college", **place(0, 0)),
        School("B", "Lycée B", "college", **place(1_500, 0)),
    )
    bells = [
        Bell(one, trip, days, at + late)
        for one, late in (("A", 0), ("B", 3600))
        for trip, days, at in (("morning", WEEK, EIGHT), ("noon", (3,), NOON), ("evening", (1, 2, 4, 5), FIVE))
    ]
    stops = tuple(Stop(f"S{n}", f"Village {n}", **place(*one)) for n, one in enumerate(VILLAGES))
    riders = tuple(
        rider(f"p{v}{n}", x + 20 * n, y + 30, "AB"[n % 2]) for v, (x, y) in enumerate(VILLAGES) for n in range(6)
    )
    vehicles = (Vehicle("v1", "o", "coach", 20, day_cents=20_000, km_cents=100, grams=800),)
    return Book(schools, tuple(bells), stops, vehicles, (), (), (), (), riders, Limits(seats=20), keeps_stops=True)


def plan(book: Book, seed: int = 1) -> dict[str, Any]:
    return plan_year(book, Straight(), Effort(work=3, seed=seed))  # type: ignore[arg-type]


def test_everybody_is_brought_there_and_back_on_every_day(book: Book) -> None:
    told: list[Told] = []
    result = plan_year(book, Straight(), Effort(work=3), progress=told.append)  # type: ignore[arg-type]
    assert [one["name"] for one in result["sessions"]] == ["morning 12345", "return 1245", "return 3"]
    assert result["troubles"] == []
    days: dict[int, Counter[str]] = defaultdict(Counter)
    for session in result["sessions"]:
        for day in session["weekdays"]:
            days[day].update(p for run in session["runs"] for call in run["calls"] for p in call["pupils"])
        assert session["bound"] <= session["vehicles"] == len({run["vehicle"] for run in session["runs"]})
    assert set(days) == set(WEEK)
    assert all(count == 2 for day in days.values() for count in day.values())
    assert all(len(day) == 30 for day in days.values())
    assert {one.session for one in told} == {one["name"] for one in result["sessions"]}
    figures = result["figures"]
    assert (figures["pupils"], figures["stops"]) == (30, len(set(result["stops"].values())))
    kilometres = figures["loaded_km"] + figures["empty_km"]
    assert figures["cents"] == pytest.approx(20_000 * figures["vehicles"] * 5 + 100 * kilometres, abs=10)
    assert figures["co2_kg"] == pytest.approx(kilometres * 0.8, abs=0.2)
    assert 0 < figures["ride_mean"] <= figures["ride_p95"] <= figures["ride_longest"] <= 2_700


def test_the_same_seed_and_work_give_the_same_plan(book: Book) -> None:
    assert plan(book, seed=7) == plan(book, seed=7)


def test_who_has_a_stop_keeps_it_and_who_is_sent_to_one_goes_there(book: Book) -> None:
    runs = (Circulation("r", "c", "morning", WEEK),)
    seated = replace(
        book, circuits=(Circuit("c", "C"),), runs=runs, seats=(Seat("p00", "r", "S1"), Seat("p01", "r", "S9"))
    )
    stops, _, _ = assign_stops(seated, Straight())  # type: ignore[arg-type]
    by_pupil = {trip.pupil: stop for trip, stop in stops.items()}
    assert by_pupil["p00"] == "S1"
    assert by_pupil["p01"] in {"S0", "S1"}  # its stop is gone
    pinned = change(seated, [{"kind": "pupil", "pupil": "p00", "stop": "S2"}, {"kind": "stops", "keep": False}])
    stops, _, _ = assign_stops(pinned, Straight())  # type: ignore[arg-type]
    assert {trip.pupil: stop for trip, stop in stops.items()}["p00"] == "S2"


def test_a_plan_needs_no_more_vehicles_than_today(book: Book) -> None:
    calls, runs, seats, circuits = [], [], [], []
    for v in range(len(VILLAGES)):
        circuits.append(Circuit(f"c{v}", f"Circuit {v}"))
        runs.append(Circulation(f"r{v}", f"c{v}", "morning", WEEK))
        calls += [Call(f"r{v}", 1, EIGHT - 1_800, stop=f"S{v}"), Call(f"r{v}", 2, EIGHT - 300, school="A")]
        seats += [Seat(one.key, f"r{v}", f"S{v}") for one in book.riders if one.key.startswith(f"p{v}")]
    today = replace(book, circuits=tuple(circuits), runs=tuple(runs), calls=tuple(calls), seats=tuple(seats))
    assert plan(today)["sessions"][0]["vehicles"] <= 5
    locked = change(today, [{"kind": "lock", "circuit": "c0"}])
    result = plan(locked)
    assert [one["locked"] for one in result["sessions"]] == [1, 0, 0]
    morning = [p for run in result["sessions"][0]["runs"] for call in run["calls"] for p in call["pupils"]]
    assert not [one for one in morning if one.startswith("p0")]


def test_what_is_missing_is_named_and_the_rest_is_planned(book: Book) -> None:
    broken = replace(
        book,
        schools=(*book.schools, School("C", "École C", "primary"), School("D", "École D", "primary", **place(50, 900))),
        riders=(*book.riders, Rider("q", "A", "college", "half_board", (), (Home(1, None, frozenset(WEEK)),)),
                rider("far", 90_000, 90_000), rider("door", 300, 4_000, needs=("door",))),
    )  # fmt: skip
    result = plan(broken)
    kinds = {(one["kind"], one["about"]) for one in result["troubles"]}
    assert kinds == {("no_place", "C"), ("no_bell", "D"), ("no_address", "q"), ("no_stop", "far")}
    assert result["stops"]["door/1"] == "door-door-1"
    assert result["figures"]["pupils"] == 31


def test_a_bell_moved_is_compared_with_a_sentence_for_each_pupil(book: Book) -> None:
    before = plan(book)
    moved = change(book, [{"kind": "bell", "school": "B", "trip": "morning", "at": EIGHT}])
    after = plan(moved)
    found = compare(before, after, {stop.id: stop.name for stop in book.stops})
    assert found["figures"]["vehicles"]["after"] >= found["figures"]["vehicles"]["before"]
    times = [one for one in found["moved"] if one["session"] == "morning 12345" and one["kind"] == "time"]
    assert {one["pupil"] for one in times} >= {f"{one.key}/1" for one in book.riders if one.school == "B"}
    assert all(
        "instead of" in one["text"] and "minutes earlier" in one["text"] for one in times if one["pupil"] == "p01/1"
    )
    assert compare(before, before, {})["moved"] == []


def test_a_stop_closed_sends_its_pupils_elsewhere(book: Book) -> None:
    before = plan(book)
    stop = before["stops"]["p00/1"]
    after = plan(change(book, [{"kind": "stop", "stop": stop, "open": False}]))
    found = compare(before, after, {one.id: one.name for one in book.stops})
    assert found["closed"] == [stop]
    (sentence, *_) = [one["text"] for one in found["moved"] if one["pupil"] == "p00/1"]
    assert "the former is not served any more" in sentence
    assert "m on foot" in sentence


@pytest.mark.parametrize(
    "one",
    [
        {"kind": "bell", "school": "Z", "trip": "morning", "at": EIGHT},
        {"kind": "stop", "stop": "Z", "open": False},
        {"kind": "pupil", "pupil": "Z", "stop": "S0"},
        {"kind": "pupil", "pupil": "p00", "stop": "Z"},
        {"kind": "lock", "circuit": "Z"},
    ],
)
def test_changes_name_what_the_year_has(book: Book, one: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=r"change 1 names .* 'Z', which this year does not have"):
        change(book, [one])


def test_bells_move_within_their_windows_where_that_spares_vehicles(book: Book) -> None:
    # twenty pupils of each school at far ends: lycée B rings 25 minutes after A, too soon for the same vehicles
    later = {"at": EIGHT + 1_500, "earliest": EIGHT, "latest": EIGHT + 3_600}
    bells = tuple(replace(one, **later) if (one.school, one.trip) == ("B", "morning") else one for one in book.bells)
    tight = replace(book, bells=bells)
    stays, moves = plan(tight), plan(change(tight, [{"kind": "limits", "shift": 2_100}]))
    assert [one["bells"] for one in stays["sessions"]] == [[], [], []]
    (moved,) = moves["sessions"][0]["bells"]
    assert (moved["school"], moved["trip"], moved["was"], moved["weekdays"]) == (
        "B",
        "morning",
        EIGHT + 1_500,
        [1, 2, 3, 4, 5],
    )
    assert EIGHT + 1_500 < moved["at"] <= EIGHT + 3_600
    before, after = stays["sessions"][0], moves["sessions"][0]
    assert after["bound"] <= after["vehicles"] < before["vehicles"]
    assert {run["bell"] for run in after["runs"] if run["school"] == "B"} == {moved["at"]}
    assert "minutes later, from 08:25 to" in moved["text"]
    assert "économise" in moved["text_fr"]


def test_kinds_of_vehicles_wheelchairs_and_weeks_are_kept_to(book: Book) -> None:
    fleet = (
        Vehicle("v1", "o", "coach", 20, day_cents=20_000, km_cents=100, hour_cents=2_800, grams=800),
        Vehicle("v2", "o", "minibus", 8, wheelchairs=1, day_cents=9_000, km_cents=60, hour_cents=2_800, grams=250),
    )
    riders = [replace(one, needs=("wheelchair",)) if one.key in {"p00", "p20"} else one for one in book.riders]
    riders[1] = replace(riders[1], homes=(replace(riders[1].homes[0], weeks="even"),))
    result = plan(replace(book, vehicles=fleet, riders=tuple(riders)))
    assert [(one["make"], one["seats"], one["wheelchairs"]) for one in result["fleet"]] == [
        ("coach", 20, 0),
        ("minibus", 8, 1),
    ]
    for session in result["sessions"]:
        for run in session["runs"]:
            kind = result["fleet"][run["kind"]]
            aboard = [pupil for call in run["calls"] for pupil in call["pupils"]]
            rolling = {"p00/1", "p20/1"} & set(aboard)
            assert len(rolling) <= kind["wheelchairs"]
            assert len(aboard) - len(rolling) <= kind["seats"]
        assert sum(len(c["pupils"]) for run in session["runs"] for c in run["calls"]) == 30
        assert 0 < session["cost_bound"] <= session["cost"]
    figures = result["figures"]
    assert 0 < figures["cents_bound"] <= figures["cents"]
    without = plan(replace(book, vehicles=fleet[:1], riders=tuple(riders)))
    assert {(one["kind"], one["about"]) for one in without["troubles"]} == {
        ("no_wheelchair_place", "p00"), ("no_wheelchair_place", "p20")}  # fmt: skip
    assert without["figures"]["pupils"] == 28


def test_who_comes_from_a_home_on_some_days_only_has_a_seat_on_these(book: Book) -> None:
    seats = {"kind": "limits", "seats": 20}
    several = change(book, [seats])
    usual = plan(several)["figures"]["vehicles"]
    begin, end = frozenset({1, 2, 3}), frozenset({4, 5})
    riders = tuple(
        replace(
            one,
            homes=(replace(one.homes[0], weekdays=begin), replace(one.homes[0], number=2, weekdays=end)),
        )
        for one in several.riders
    )
    both = plan(replace(several, riders=riders))
    assert both["figures"]["vehicles"] == usual  # and not of twice as many seats
    assert both["figures"]["pupils"] == len(riders)
    for session in both["sessions"]:
        for run in session["runs"]:
            aboard = Counter(pupil[-1] for call in run["calls"] for pupil in call["pupils"])
            assert max(aboard.values()) <= 20


def test_vehicles_that_serve_both_schools_at_once(book: Book) -> None:
    together = tuple(replace(one, at=EIGHT) if one.trip == "morning" else one for one in book.bells)
    near = replace(book, bells=together, riders=tuple(one for one in book.riders if one.key[1] in "02"))
    apart, mixed = plan(near), plan(change(near, [{"kind": "limits", "mixed": 1_200}]))
    before, after = apart["sessions"][0], mixed["sessions"][0]
    assert after["bound"] <= after["vehicles"] < before["vehicles"]
    assert {run["tour"] for run in before["runs"]} == {None}
    tours = Counter(run["tour"] for run in after["runs"] if run["tour"] is not None)
    assert max(tours.values()) == 2
    for tour in tours:
        runs = sorted((run for run in after["runs"] if run["tour"] == tour), key=lambda run: run["at"])
        assert len({run["vehicle"] for run in runs}) == 1
        assert {run["school"] for run in runs} == {"A", "B"}
        assert all(EIGHT - 1_200 <= run["at"] <= EIGHT - 154 for run in runs)
        times = [call["at"] for run in runs for call in run["calls"]]
        assert min(call["at"] for call in runs[1]["calls"]) < runs[0]["at"]
        assert max(times) < runs[1]["at"]
        assert sum(len(call["pupils"]) for run in runs for call in run["calls"]) <= 20
        assert all(run["longest_ride"] <= 2_700 for run in runs)
    assert sum(len(call["pupils"]) for run in after["runs"] for call in run["calls"]) == 12
    evening = mixed["sessions"][1]
    assert all(call["at"] > run["at"] for run in evening["runs"] for call in run["calls"])


def test_no_vehicle_is_out_for_longer_than_a_driver_s_day(book: Book) -> None:
    free, kept = plan(book), plan(change(book, [{"kind": "limits", "amplitude": 4_000}]))
    assert free["figures"]["drivers"] == free["figures"]["vehicles"]

    def spans(result: dict[str, Any], name: str) -> list[int]:
        (session,) = [one for one in result["sessions"] if one["name"] == name]
        times = defaultdict(list)
        for run in session["runs"]:
            times[run["vehicle"]] += [run["bell"], *(call["at"] for call in run["calls"])]
        assert session["vehicles"] == len(times)
        return [max(some) - min(some) for some in times.values()]

    assert max(spans(free, "morning 12345")) > 4_000 >= max(spans(kept, "morning 12345"))
    assert len(spans(kept, "morning 12345")) > len(spans(free, "morning 12345"))
    day = change(book, [{"kind": "limits", "amplitude": 8 * 3600}])
    assert plan(day)["figures"]["drivers"] > plan(day)["figures"]["vehicles"]


def test_a_pupil_with_two_homes_is_one_pupil(book: Book) -> None:
    homes = (
        Home(1, Point(*lonlat(6_000, 40)), frozenset(WEEK), "even"),
        Home(2, Point(*lonlat(0, 7_040)), frozenset(WEEK), "odd"),
    )
    both = replace(book, riders=(*book.riders[1:], replace(book.riders[0], homes=homes)))
    before = plan(both)
    assert len(before["stops"]) == len(book.riders) + 1
    assert before["figures"]["pupils"] == len(book.riders)
    sooner = plan(change(both, [{"kind": "bell", "school": "A", "trip": "morning", "at": EIGHT - 1_800}]))
    found = compare(before, sooner, {})
    mine = {one["pupil"] for one in found["moved"] if one["pupil"].startswith(book.riders[0].key)}
    assert len(mine) == 2
    assert found["pupils_moved"] == len({one["pupil"].partition("/")[0] for one in found["moved"]})


def test_who_has_to_be_fetched_at_the_door_from_now_on_is_not_left_at_the_old_stop(book: Book) -> None:
    runs = (Circulation("r", "c", "morning", WEEK),)
    seats = (Seat("p00", "r", "S1"), Seat("p01", "r", "S1"))
    seated = replace(
        book,
        circuits=(Circuit("c", "C"),),
        runs=runs,
        seats=seats,
        riders=(replace(book.riders[0], needs=("door",)), *book.riders[1:]),
    )
    stops, _, _ = assign_stops(seated, Straight())  # type: ignore[arg-type]
    assert {trip.pupil: stop for trip, stop in stops.items() if trip.pupil in {"p00", "p01"}} == {
        "p00": "door-p00-1",
        "p01": "S1",
    }
    sent = change(seated, [{"kind": "pupil", "pupil": "p00", "stop": "S2"}])
    stops, _, _ = assign_stops(sent, Straight())  # type: ignore[arg-type]
    assert {trip.pupil: stop for trip, stop in stops.items()}["p00"] == "S2"  # staff decided


def test_a_run_of_today_begins_the_plan_even_when_one_stop_of_it_has_too_many_pupils_by_now() -> None:
    problem = Problem(
        kinds=(Kind(20),),
        max_ride=np.array([2_700.0]),
        bell=np.array([28_800.0]),
        unloading=np.array([60.0]),
        school=np.zeros(4, np.int32),
        pupils=np.array([8, 15, 6, 5], np.int32),
        dwell=np.full(4, 20.0),
        drive=np.full((4, 4), 100.0),
        to_school=np.array([100.0, 100.0, 100.0, 2_690.0]),
        from_school=np.full((1, 4), 100.0),
    )
    routes = list(part_run(problem, 0, (0, 1, 2, 3)))
    assert [route.stops for route in routes] == [(0, 2), (1,), (3,)]
    assert all(problem.fits(route) and problem.ride(route) <= 2_700 for route in routes)


def test_sentences_count_in_words_and_by_the_clock_that_is_read() -> None:
    was = Halt("morning 12345", "S1", EIGHT - 3 * 60 - 50, 900, EIGHT, ("S2", "S3"))
    kind, values = _find_change(was, was._replace(at=was.at - 599, between=("S2", "S3", "S4")), {}) or ("", {})
    said = say(f"moved_{kind}", pupil="p", session="morning", **values)
    assert said.en.endswith("stop S1 at 07:46 instead of 07:56: the vehicle comes 10 minutes earlier, there is one more"
                            " halt on the way: S4")  # fmt: skip
    assert "il y a un arrêt de plus en chemin" in said.fr
    _, values = _find_change(was, was._replace(at=was.at + 600, between=("S2",)), {}) or ("", {})
    assert str(values["why"]) == str(say("why_fewer_halt"))


def test_who_rides_on_a_locked_circuit_is_not_said_to_be_lost(book: Book) -> None:
    calls, runs, seats, circuits = [], [], [], []
    for v in range(len(VILLAGES)):
        circuits.append(Circuit(f"c{v}", f"Circuit {v}"))
        runs.append(Circulation(f"r{v}", f"c{v}", "morning", WEEK))
        calls += [Call(f"r{v}", 1, EIGHT - 1_800, stop=f"S{v}"), Call(f"r{v}", 2, EIGHT - 300, school="A")]
        seats += [Seat(one.key, f"r{v}", f"S{v}") for one in book.riders if one.key.startswith(f"p{v}")]
    today = replace(book, circuits=tuple(circuits), runs=tuple(runs), calls=tuple(calls), seats=tuple(seats))
    free, locked = plan(today), plan(change(today, [{"kind": "lock", "circuit": "c0"}]))
    lost = [one for one in compare(free, locked, {})["moved"] if one["kind"] == "lost"]
    assert lost == []
    assert locked["figures"]["pupils"] == 30
