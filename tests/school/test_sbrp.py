"""The school-bus benchmark: every plan and every bound is verified from the files, by code that shares nothing."""

from __future__ import annotations

import json
import random
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.school.sbrp_checker import check_certificate, check_plan, read
from tests.school.sbrp_instances import draw_instance, fewest_buses, write_instance

from mobigo.kit.errors import InvalidInput
from mobigo.school import optimise
from mobigo.school.bounds import certify_links, count_by_load
from mobigo.school.columns import Pricer
from mobigo.school.sbrp import read_instance, solve_sbrp

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def published(test_data: Path) -> Path:
    folder = test_data / "vrp" / "sbrp"
    if not folder.is_dir():
        pytest.skip(f"no instances at {folder}")
    return folder


@pytest.mark.parametrize("seed", range(12))
def test_small_instances_are_solved_to_the_fewest_buses(seed: int, tmp_path: Path) -> None:
    folder = draw_instance(tmp_path, seed, n_schools=3, n_stops=12)
    plan = solve_sbrp(folder, max_ride=2700, time_limit=600, seed=seed, work=20)
    assert check_plan(folder, 2700, plan) == []
    assert check_certificate(folder, 2700, plan) == []
    assert plan["lower_bound"] <= fewest_buses(folder, 2700) == plan["buses"]


def test_the_worked_example_of_the_rules_is_linked(tmp_path: Path) -> None:
    # A bus takes 64 pupils to school 1 at 06:00, is free there and takes 66 to school 2, 40 min later: just in time
    schools = [(1, 0.0, 0.0, 600), (2, 0.0, 29_333.3333, 640)]
    stops = [(11, 0.0, -8_800.0, 1, 64), (12, 0.0, 14_666.0, 2, 66)]
    plan = solve_sbrp(write_instance(tmp_path, schools, stops), max_ride=2700, time_limit=600, seed=1)
    assert (plan["buses"], plan["lower_bound"]) == (1, 1)
    assert [plan["routes"][number]["school"] for number in plan["blocks"][0]] == [1, 2]


def test_numbers_and_mirrors_change_nothing(tmp_path: Path) -> None:
    folder = draw_instance(tmp_path / "as drawn", 5, n_schools=5, n_stops=40)
    schools, stops = read(folder)
    lot = random.Random(3)
    new_school = dict(zip(schools, lot.sample(range(1, 99), len(schools)), strict=True))
    new_stop = dict(zip(stops, lot.sample(range(1, 999), len(stops)), strict=True))
    turned_schools = [
        (new_school[n], 211_200 - one.place.x, one.place.y, int(one.bell // 3600 * 100 + one.bell % 3600 // 60))
        for n, one in schools.items()
    ]
    turned_stops = [
        (new_stop[n], 211_200 - one.place.x, one.place.y, new_school[one.school], one.pupils)
        for n, one in stops.items()
    ]
    lot.shuffle(turned_schools)
    lot.shuffle(turned_stops)
    turned = write_instance(tmp_path / "turned", turned_schools, turned_stops)
    plan = solve_sbrp(folder, max_ride=2700, time_limit=600, seed=1, work=10)
    again = solve_sbrp(turned, max_ride=2700, time_limit=600, seed=1, work=10)
    assert [[new_stop[stop] for stop in route["stops"]] for route in plan["routes"]] == [
        route["stops"] for route in again["routes"]
    ]
    assert plan["blocks"] == again["blocks"]
    assert plan["lower_bound"] == again["lower_bound"]


def test_same_seed_and_work_same_plan(tmp_path: Path) -> None:
    folder = draw_instance(tmp_path, 7, n_schools=6, n_stops=60)
    plans = [solve_sbrp(folder, max_ride=2700, time_limit=600, seed=4, work=5) for _ in range(2)]
    assert json.dumps(plans[0]) == json.dumps(plans[1])


def test_a_plan_and_its_bound_are_told_while_they_get_better(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    folder = draw_instance(tmp_path, 8, n_schools=6, n_stops=60)
    plan = solve_sbrp(folder, max_ride=2700, time_limit=600, seed=1, work=5, progress=lambda *now: told.append(now))
    assert told[-1] == (plan["buses"], plan["lower_bound"])
    assert [buses for buses, _ in told] == sorted((buses for buses, _ in told), reverse=True)


def test_no_time_still_gives_a_plan(tmp_path: Path) -> None:
    folder = draw_instance(tmp_path, 9, n_schools=6, n_stops=60)
    plan = solve_sbrp(folder, max_ride=2700, time_limit=0, seed=1)
    assert check_plan(folder, 2700, plan) == []
    assert check_certificate(folder, 2700, plan) == []


def test_an_interruption_keeps_the_best_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(optimise, "dive", interrupt)
    folder = draw_instance(tmp_path, 10, n_schools=8, n_stops=100)
    plan = solve_sbrp(folder, max_ride=2700, time_limit=600, seed=1)
    assert check_plan(folder, 2700, plan) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("Stops.txt", "\t200001\t", "\t200009\t", "line 2: stop 100001 is of school 200009"),
        ("Stops.txt", "100002\t", "100001\t", "line 3: stop 100001 is there twice"),
        ("Stops.txt", "\t44\r", "\t67\r", "has 67 pupils, a bus has 66 seats"),
        ("Stops.txt", "\t44\r", "\t0\r", "has 0 pupils"),
        ("Stops.txt", "STUDENT_COUNT", "COUNT", "line 1: no column STUDENT_COUNT"),
        ("Schools.txt", "\t600\t", "\t671\t", "0671; write a time as HHMM"),
        ("Schools.txt", "200002\t", "many\t", "line 3: ID is 'many'"),
    ],
)
def test_a_wrong_row_is_named(file: str, old: str, new: str, said: str, tmp_path: Path) -> None:
    schools = [(200_001, 0.0, 0.0, 600), (200_002, 9_000.0, 0.0, 700)]
    folder = write_instance(tmp_path, schools, [(100_001, 0.0, 1.0, 200_001, 44), (100_002, 0.0, 9.0, 200_002, 4)])
    text = (folder / file).read_bytes().decode()
    (folder / file).write_text(text.replace(old, new, 1), newline="")
    with pytest.raises(InvalidInput, match=said):
        solve_sbrp(folder, max_ride=2700, time_limit=600, seed=1)


def test_a_ride_that_no_route_keeps_to_is_named_with_the_limit_it_needs(tmp_path: Path) -> None:
    folder = write_instance(tmp_path, [(1, 0.0, 0.0, 800)], [(7, 0.0, 88_000.0, 1, 5)])
    with pytest.raises(InvalidInput, match=r"stop 7 ride 3000 s .* school 1, the limit is 2700 s; allow 3001 s"):
        solve_sbrp(folder, max_ride=2700, time_limit=600, seed=1)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"Schools\.txt: no such file"):
        solve_sbrp(tmp_path, max_ride=2700, time_limit=600, seed=1)


@pytest.mark.parametrize(
    ("name", "by_load", "buses"),
    [("RSRB01", 55, 31), ("RSRB02", 60, 20), ("RSRB08", 537, 99), ("CSCB01", 63, 18), ("CSCB03", 109, 34)],
)
def test_quick_bounds_are_those_published(name: str, by_load: int, buses: int, published: Path) -> None:
    problem = read_instance(published / name, 2700).problem
    parts = Pricer(problem).parts
    counts = np.array([count_by_load(part.pickups.load, part.capacity) for part in parts], np.int32)
    assert (counts.sum(), certify_links(parts, problem, counts).bound) == (by_load, buses)


@pytest.mark.parametrize(
    ("name", "max_ride", "optimum"),
    [
        ("RSRB02", 2700, 29),
        pytest.param("RSRB01", 2700, 31, marks=pytest.mark.slow),
        pytest.param("RSRB02", 5400, 25, marks=pytest.mark.slow),
        pytest.param("CSCB03", 2700, 60, marks=pytest.mark.slow),
    ],
)
def test_published_instances_are_solved_to_proven_optima(
    name: str, max_ride: int, optimum: int, published: Path
) -> None:
    plan = solve_sbrp(published / name, max_ride=max_ride, time_limit=60, seed=1, clock=time.process_time)
    assert check_plan(published / name, max_ride, plan) == []
    if len(read(published / name)[1]) <= 250:
        assert check_certificate(published / name, max_ride, plan) == []
    assert (plan["buses"], plan["lower_bound"]) == (optimum, optimum)
