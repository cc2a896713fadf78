"""Who is aboard, against hand-worked trips and a plain reading of the rules."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from mobigo.kit.geo import Point, haversine
from mobigo.usage import notes
from mobigo.usage.loads import FAINT, NEAR, WALK, count_loads
from mobigo.usage.supply import Laid, lay

DAY = date(2026, 11, 24)
STOP = {  # 1.1 km apart, along a meridian
    name: Point(4.0, 47.0 + number * 0.01) for number, name in enumerate("abcdef")
}


def lay_trips(*trips: tuple[str, str, int, int, str], runs: int = 1) -> Laid:
    """Lay trips: route, trip, direction, departure, stops; a stop every ten minutes."""
    rows, calls = [], []
    for line, (route, trip, direction, departure, stops) in enumerate(trips, 1):
        rows.append(("net", route, trip, direction, None, runs, runs > 1, 3, line))
        for number, stop in enumerate(stops):
            at = departure + 600 * number
            calls.append(("net", line, number * 10, stop, f"{stop}!", at, at, STOP[stop].lon, STOP[stop].lat))
    ran = notes.Ran(
        DAY,
        pl.DataFrame(rows, notes.TRIPS, orient="row"),
        pl.DataFrame(calls, notes.CALLS, orient="row"),
        pl.DataFrame(schema=notes.SHAPES),
        {"net": "Europe/Paris"},
    )
    return lay(ran, pl.DataFrame(schema=notes.TOLD))


def ride(
    trip: str, sequence: int | None, *, who: int | None = None, to: int | None = None, stop: str = "", **more: object
) -> dict[str, Any]:
    """A boarding."""
    plain = {
        "hour": 8, "deed": "boarded", "service": "transit", "who": who, "source": "net", "route": "1", "trip": trip,
        "sequence": sequence, "stop": stop, "to_sequence": to, "origin": 0, "destination": 0, "passengers": 1,
        "reason": "", "cents": 0,
    }  # fmt: skip
    return plain | more


def count(laid: Laid, *rides: dict[str, Any], told: list[dict[str, Any]] | None = None) -> pl.DataFrame:
    calls = [dict.fromkeys(notes.TOLD) | {"source": "net"} | one for one in told or []]
    return count_loads(laid, pl.DataFrame(rides, notes.RIDES), pl.DataFrame(calls, notes.TOLD))


def profile(found: pl.DataFrame, trip: str) -> list[tuple[int, int, float]]:
    rows = found.filter(pl.col("trip") == trip).sort("sequence")
    return [(row["boardings"], row["alightings"], round(row["load"], 3)) for row in rows.iter_rows(named=True)]


def test_who_gets_off_is_noted_or_said_by_a_check_out() -> None:
    laid = lay_trips(("1", "t", 0, 28_800, "abcd"))
    found = count(
        laid,
        ride("t", 0, to=20),
        ride("t", 0, who=7),
        ride("t", 20, who=7, deed="alighted"),
        ride("t", 10, to=30, passengers=3),
    )
    assert profile(found, "t") == [(2, 0, 2.0), (3, 0, 5.0), (0, 2, 3.0), (0, 3, 0.0)]
    assert found["people"].to_list() == [2, 1, 0, 0]
    assert not found["counted"].any()


def test_who_boards_again_got_off_where_that_is() -> None:
    laid = lay_trips(("1", "out", 0, 28_800, "abcd"), ("1", "back", 1, 61_200, "dcba"), ("2", "on", 0, 36_000, "bf"))
    found = count(laid, ride("out", 0, who=7), ride("back", 10, who=7), ride("on", 0, who=8), ride("out", 0, who=8))
    assert profile(found, "out") == [(2, 0, 2.0), (0, 1, 1.0), (0, 1, 0.0), (0, 0, 0.0)]
    assert profile(found, "back") == [(0, 0, 0.0), (1, 0, 1.0), (0, 0, 1.0), (0, 1, 0.0)]  # home to a


def test_who_boards_again_far_away_tells_nothing() -> None:
    laid = lay_trips(("1", "out", 0, 28_800, "ab"), ("2", "far", 0, 61_200, "ef"))
    found = count(laid, ride("out", 0, who=7), ride("far", 0, who=7))
    assert profile(found, "out") == [(1, 0, 1.0), (0, 1, 0.0)]


def test_the_rest_gets_off_where_people_board_the_other_way() -> None:
    laid = lay_trips(("1", "out", 0, 28_800, "abcd"), ("1", "back", 1, 61_200, "dcba"))
    back = [ride("back", 0)] * 3 + [ride("back", 10)] * 1
    found = count(laid, *[ride("out", 0)] * 8, *back)
    assert profile(found, "out") == [(8, 0, 8.0), (0, 0, 8.0), (0, 2, 6.0), (0, 6, 0.0)]  # as 1 to 3


def test_without_any_knowledge_stops_are_alike() -> None:
    found = count(lay_trips(("1", "t", 0, 28_800, "abcd")), *[ride("t", 0)] * 9)
    assert profile(found, "t") == [(9, 0, 9.0), (0, 3, 6.0), (0, 3, 3.0), (0, 3, 0.0)]


def test_a_boarding_known_by_its_stop_is_placed() -> None:
    laid = lay_trips(("1", "t", 0, 28_800, "abc"))
    found = count(laid, ride("t", None, stop="b"), ride("t", 99, stop="b"), ride("t", None, stop="f"), ride("u", 0))
    assert profile(found, "t") == [(0, 0, 0.0), (2, 0, 2.0), (0, 2, 0.0)]


def test_a_boarding_known_by_its_station_is_placed() -> None:
    found = count(lay_trips(("1", "t", 0, 28_800, "abc")), ride("t", None, stop="b!", to=20))
    assert profile(found, "t") == [(0, 0, 0.0), (1, 0, 1.0), (0, 1, 0.0)]


def test_boardings_of_a_line_and_hour_are_shared_out_over_its_trips() -> None:
    early, late, later = 8 * 3600, 8 * 3600 + 1_800, 9 * 3600
    laid = lay_trips(("1", "t", 0, early, "abc"), ("1", "u", 0, late, "abc"), ("1", "v", 0, later, "abc"))
    found = count(laid, *[ride("", None, stop="a")] * 5, ride("", None, stop="c"), ride("", None, stop="a", route="9"))
    assert [found.filter(pl.col("trip") == trip)["boardings"].to_list() for trip in "tuv"] == [
        [3, 0, 0],
        [2, 0, 0],
        [0, 0, 0],
    ]


def test_check_outs_of_a_line_end_the_rides_of_those_who_boarded_it() -> None:
    laid = lay_trips(("1", "t", 0, 28_800, "abcd"))
    out = {"deed": "alighted", "route": "1"}
    found = count(laid, ride("", None, stop="a", who=7), ride("", None, stop="c", who=7, **out), ride("t", 0, to=30))
    assert profile(found, "t") == [(2, 0, 2.0), (0, 0, 2.0), (0, 1, 1.0), (0, 1, 0.0)]


def test_who_boards_where_the_trip_ends_is_not_aboard() -> None:
    found = count(lay_trips(("1", "t", 0, 28_800, "ab")), ride("t", 10, to=0))
    assert profile(found, "t") == [(0, 0, 0.0), (1, 1, 0.0)]


def test_a_vehicle_that_counts_is_believed() -> None:
    laid = lay_trips(("1", "t", 0, 28_800, "abc"), ("1", "u", 0, 36_000, "abc"))
    told = [{"trip": "t", "sequence": 0, "passengers": 12}, {"trip": "t", "sequence": 10, "passengers": 5}]
    found = count(laid, ride("t", 0), told=told)
    assert [one[2] for one in profile(found, "t")] == [12.0, 5.0, 0.0]
    assert found.filter(pl.col("counted"))["sequence"].to_list() == [0, 10]
    assert profile(found, "u") == [(0, 0, 0.0)] * 3  # nobody is a figure, too


def test_a_source_that_notes_nobody_has_no_loads() -> None:
    assert count(lay_trips(("1", "t", 0, 28_800, "abc"))).is_empty()
    assert count(lay_trips()).is_empty()


def test_runs_of_a_trip_that_runs_often_are_told_by_their_time() -> None:
    laid = lay_trips(("1", "t", 0, 28_800, "ab"), runs=4)
    told = [{"trip": f"t@{hour:02}:00:00", "sequence": 0, "passengers": hour} for hour in (8, 10)]
    found = count(laid, ride("t@08:00:00", 0), told=told)
    assert profile(found, "t") == [(1, 0, 9.0), (0, 1, 0.0)]


def test_the_load_of_a_trip_that_runs_often_is_that_of_one_run() -> None:
    found = count(lay_trips(("1", "t", 0, 28_800, "ab"), runs=4), *[ride("t", 0)] * 6)
    assert profile(found, "t") == [(6, 0, 1.5), (0, 6, 0.0)]


# ── the rules, read plainly ───────────────────────────────────────────────────────────────────────────────────────────


def work_out(trips: list[tuple[str, str, int, int, str]], rides: list[dict[str, Any]]) -> dict[tuple[str, int], float]:
    """Return the load after each call, by the rules of `mobigo.usage.loads`, one boarding after the other."""
    stops = {trip: list(names) for _, trip, _, _, names in trips}
    start = {trip: departure for _, trip, _, departure, _ in trips}
    way = {trip: (route, direction) for route, trip, direction, _, _ in trips}
    boarded = [dict(one, at=one["sequence"] // 10) for one in rides if one["deed"] == "boarded"]
    for one in boarded:
        one["off"] = noted_end(one, rides, len(stops[one["trip"]]) - 1)
    ends = [one["off"] if one["off"] is not None else next_end(one, boarded, stops, start) for one in boarded]
    for one, end in zip(boarded, ends, strict=True):
        one["off"] = end
    weights = {
        (trip, at): FAINT
        + sum(
            one["passengers"]
            for one in boarded
            if one["off"] is not None and way[one["trip"]] == way[trip] and stops[one["trip"]][one["off"]] == stop
        )
        + sum(
            one["passengers"]
            for one in boarded
            if way[one["trip"]] == (way[trip][0], 1 - way[trip][1])
            and haversine(STOP[stops[one["trip"]][one["at"]]], STOP[stop]) <= NEAR
        )
        for trip, names in stops.items()
        for at, stop in enumerate(names)
    }
    load: dict[tuple[str, int], float] = defaultdict(float)
    for one in boarded:
        trip, at = one["trip"], one["at"]
        shares = [weights[trip, call] for call in range(at + 1, len(stops[trip]))]
        if one["off"] is not None:
            shares = [float(call == one["off"]) for call in range(at + 1, len(stops[trip]))]
        for number in range(len(shares)):
            load[trip, at + number] += one["passengers"] * sum(shares[number:]) / sum(shares)
    return load


def noted_end(one: dict[str, Any], rides: list[dict[str, Any]], last: int) -> int | None:
    if one["to_sequence"] is not None:
        off = one["to_sequence"] // 10
        return off if one["at"] < off <= last else None
    outs = [
        other["sequence"] // 10
        for other in rides
        if other["deed"] == "alighted"
        and one["who"] is not None
        and (other["trip"], other["who"]) == (one["trip"], one["who"])
        and other["sequence"] // 10 > one["at"]
    ]
    return min(outs, default=None)


def next_end(
    one: dict[str, Any], boarded: list[dict[str, Any]], stops: dict[str, list[str]], start: dict[str, int]
) -> int | None:
    own = {
        (start[two["trip"]] + 600 * two["at"], two["trip"], two["at"]) for two in boarded if two["who"] == one["who"]
    }
    if one["who"] is None or len(own) == 1:
        return None
    steps = sorted(own)
    at = steps.index((start[one["trip"]] + 600 * one["at"], one["trip"], one["at"]))
    _, trip, call = steps[(at + 1) % len(steps)]
    there = STOP[stops[trip][call]]
    names = stops[one["trip"]]
    far, off = min(
        ((haversine(STOP[names[at]], there), at) for at in range(one["at"] + 1, len(names))), default=(9e9, 0)
    )
    return off if far <= WALK else None


@pytest.mark.parametrize("seed", range(20))
def test_loads_follow_the_rules(seed: int) -> None:
    drawn = random.Random(seed)
    trips = []
    for route in "123":
        stops = "".join(drawn.sample("abcdef", drawn.randint(2, 6)))
        for direction in (0, 1):
            for number in range(drawn.randint(1, 3)):
                start = drawn.randrange(18_000, 72_000)
                names = stops if direction == 0 else stops[::-1]
                trips.append((route, f"{route}{direction}{number}", direction, start, names))
    rides = []
    for _ in range(drawn.randint(1, 120)):
        _, trip, _, _, stops = drawn.choice(trips)
        who = drawn.choice([None, *range(1, 25)])
        at = drawn.randrange(len(stops) - 1)
        to = drawn.choice([None, None, None, drawn.randrange(len(stops) + 1) * 10])
        rides.append(ride(trip, at * 10, who=who, to=to, passengers=drawn.choice([1, 1, 1, 4])))
        if drawn.random() < 0.2:
            rides.append(ride(trip, drawn.randrange(len(stops)) * 10, who=who, deed="alighted"))
    starts = [start for *_, start, _ in trips]
    assert len(set(starts)) == len(starts)
    found = count(lay_trips(*trips), *rides)
    expected = work_out(trips, rides)
    heard = found.select("trip", "sequence", "load").rows()
    assert len(heard) == sum(len(stops) for *_, stops in trips)
    for trip, sequence, load in heard:
        assert load == pytest.approx(expected[trip, sequence // 10], abs=1e-6)
    sums = found.group_by("trip").agg(pl.col("boardings").sum(), pl.col("alightings").sum())
    assert sums["boardings"].to_list() == sums["alightings"].to_list()
    assert found["alightings"].min() >= 0
    assert_frame_equal(found, count(lay_trips(*trips), *rides))


def test_imagined_people_are_found_again() -> None:
    """What is worked out for a day of people who mostly come back is near to what they really did."""
    rng = np.random.default_rng(5)
    trips = [("1", f"o{hour}", 0, hour * 3600, "abcdef") for hour in range(6, 10)]
    trips += [("1", f"r{hour}", 1, hour * 3600 + 60, "fedcba") for hour in range(15, 20)]
    laid, rides, truth = lay_trips(*trips), [], defaultdict(int)
    for who in range(1, 800):
        on, off = sorted(rng.choice(6, 2, replace=False).tolist())
        out, back = f"o{rng.integers(6, 10)}", f"r{rng.integers(15, 20)}"
        known = who if rng.random() < 0.6 else None
        rides += [ride(out, on * 10, who=known), ride(back, (5 - off) * 10, who=known)]
        truth[out, off] += 1
        truth[back, 5 - on] += 1
    found = count(laid, *rides)
    wrong = sum(
        abs(off - truth[trip, at // 10]) for trip, at, off in found.select("trip", "sequence", "alightings").rows()
    )
    assert wrong / (2 * sum(truth.values())) < 0.08  # of all who got off, counted at another stop
