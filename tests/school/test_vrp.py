from __future__ import annotations

import json
import math
import random
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.school.vrp_checker import check_cvrplib, check_solomon

from mobigo.kit.errors import InvalidInput, Refused
from mobigo.school.master import choose_routes
from mobigo.school.vrp import Effort, Plan, solve_vrp
from mobigo.school.vrp_read import read_cvrplib, read_solomon

if TYPE_CHECKING:
    from pathlib import Path

SMALL = """NAME : four
TYPE : CVRP
DIMENSION : 5
EDGE_WEIGHT_TYPE : EUC_2D
CAPACITY : 10
NODE_COORD_SECTION
1 0 0
2 0 10
3 0 20
4 30 0
5 40 0
DEMAND_SECTION
1 0
2 5
3 5
4 6
5 4
DEPOT_SECTION
1
-1
EOF
"""

WINDOWS = """TWO

VEHICLE
NUMBER     CAPACITY
  2         10

CUSTOMER
CUST NO.  XCOORD.    YCOORD.    DEMAND   READY TIME  DUE DATE   SERVICE TIME

    0      0         0          0          0       100          0
    1      3         1          4          0        10          5
    2      6         2          4         20        30          5
"""

LITTLE = Effort(work=300)


def write(folder: Path, text: str) -> Path:
    file = folder / "one.txt"
    file.write_text(text)
    return file


def solve(file: Path, form: str) -> Plan:
    read = {"cvrplib": read_cvrplib, "solomon": read_solomon}[form]
    return solve_vrp(read(file), seed=1, effort=LITTLE)


def test_a_small_problem_is_solved_to_the_optimum(tmp_path: Path) -> None:
    file = write(tmp_path, SMALL)
    plan = solve(file, "cvrplib")
    assert plan.as_document() == {"cost": 120, "routes": [list(route) for route in plan.routes]}
    assert {frozenset(route) for route in plan.routes} == {frozenset({1, 2}), frozenset({3, 4})}
    assert check_cvrplib(file, plan.as_document()) == []


def test_times_of_service_and_windows_count_in_tenths(tmp_path: Path) -> None:
    file = write(tmp_path, WINDOWS)
    plan = solve(file, "solomon")
    # 3.1 + 3.1 + 6.3, each cut off from 3.162, 3.162, 6.324
    assert plan == Plan(12.5, ((1, 2),))
    assert check_solomon(file, plan.as_document()) == []


def test_the_depot_may_stand_anywhere_in_the_file(tmp_path: Path) -> None:
    text = SMALL.replace("DEPOT_SECTION\n1", "DEPOT_SECTION\n3").replace("1 0\n2 5\n3 5", "1 5\n2 5\n3 0")
    file = write(tmp_path, text)
    plan = solve(file, "cvrplib")
    assert check_cvrplib(file, plan.as_document()) == []


def test_written_distances_are_read_in_every_shape(tmp_path: Path) -> None:
    full = np.array([[0, 1, 2, 3], [1, 0, 4, 5], [2, 4, 0, 6], [3, 5, 6, 0]])
    orders = {
        "FULL_MATRIX": full.ravel(),
        "LOWER_ROW": [1, 2, 4, 3, 5, 6],
        "LOWER_DIAG_ROW": [0, 1, 0, 2, 4, 0, 3, 5, 6, 0],
        "UPPER_ROW": [1, 2, 3, 4, 5, 6],
        "UPPER_DIAG_ROW": [0, 1, 2, 3, 0, 4, 5, 0, 6, 0],
        "LOWER_COL": [1, 2, 3, 4, 5, 6],
        "UPPER_COL": [1, 2, 4, 3, 5, 6],
    }
    for shape, numbers in orders.items():
        text = (
            f"DIMENSION:4\nCAPACITY:9\nTYPE:CVRP\nEDGE_WEIGHT_TYPE:EXPLICIT\nEDGE_WEIGHT_FORMAT:{shape}\n"
            f"EDGE_WEIGHT_SECTION\n{' '.join(map(str, numbers))}\nDEMAND_SECTION\n1 0\n2 1\n3 1\n4 1\n"
        )
        np.testing.assert_array_equal(read_cvrplib(write(tmp_path, text)).costs, full, err_msg=shape)


def test_the_longest_route_of_a_file_is_kept_to(tmp_path: Path) -> None:
    file = write(tmp_path, SMALL.replace("CAPACITY : 10", "CAPACITY : 99\nDISTANCE : 80"))
    plan = solve(file, "cvrplib")
    assert plan.cost == 120
    assert len(plan.routes) == 2


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("CAPACITY : 10\n", "", "CAPACITY is missing"),
        ("CAPACITY : 10", "CAPACITY : ten", "line 5: CAPACITY is 'ten'"),
        ("3 0 20", "3 0 nan", "line 9: a coordinate is 'nan'"),
        ("3 0 20", "3 0 1e400", "line 9: a coordinate"),
        ("3 0 20", "3 0", "line 9: 2 words in NODE_COORD_SECTION; write 3"),
        ("3 0 20\n", "", "has 4 nodes, DIMENSION is 5; add node 3"),
        ("3 0 20", "9 0 20", "line 9: node 9 is beyond DIMENSION"),
        ("3 0 20", "2 0 20", "line 9: node 2 comes twice"),
        ("1 0\n2 5", "1 3\n2 5", "line 13: the depot wants 3; write 0"),
        ("2 5\n", "2 -5\n", "line 14: the demand is '-5'"),
        ("2 5\n", "2 11\n", "line 14: customer 1 wants 11, a vehicle holds 10"),
        ("DIMENSION : 5", "DIMENSION : 5000000", "DIMENSION is 5000000; the most is"),
        ("EUC_2D", "GEO_3D", "EDGE_WEIGHT_TYPE is 'GEO_3D'"),
        ("TYPE : CVRP", "TYPE : PDP", "TYPE is 'PDP'"),
        ("DEPOT_SECTION\n1", "DEPOT_SECTION\n1\n2", "must hold one node"),
        ("DEPOT_SECTION\n1", "BACKHAUL_SECTION\n1", "BACKHAUL_SECTION is not understood"),
        ("NAME : four", "once upon", "line 1: 'once upon' is neither"),
    ],
)
def test_what_is_wrong_in_a_cvrplib_file_is_named_with_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in SMALL
    with pytest.raises(InvalidInput, match=said):
        solve(write(tmp_path, SMALL.replace(old, new, 1)), "cvrplib")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("VEHICLE\n", "", "no line VEHICLE"),
        ("  2         10", "  2", "one row of two numbers"),
        ("    1      3  ", "    2      3  ", "line 12: customer 2 stands in line 11 too"),
        ("        10          5", "        10", "line 11: 6 words; write 7"),
        ("20        30", "30        20", "DUE DATE 20 is before READY TIME 30"),
        ("0        10 ", "0         3 ", "line 11: customer 1 is reached at 3.1 at the earliest, due 3"),
        ("0       100", "0        30", "line 12: customer 2 served alone brings the vehicle back at 31.3"),
        ("1          4 ", "1          4.5 ", "DEMAND is '4.5'"),
        ("  2         10", "  1         7", "1 vehicles hold 7; allow more"),
    ],
)
def test_what_is_wrong_in_a_solomon_file_is_named_with_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in WINDOWS
    with pytest.raises(InvalidInput, match=said):
        solve(write(tmp_path, WINDOWS.replace(old, new, 1)), "solomon")


def test_too_few_vehicles_are_said_so(tmp_path: Path) -> None:
    # both are due at the same time at opposite ends
    text = WINDOWS.replace("  2         10", "  1         10").replace(
        "6         2          4         20        30", "-6        2          4          0        10"
    )
    with pytest.raises(Refused, match="no plan was found with 1 vehicles; allow more"):
        solve(write(tmp_path, text), "solomon")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "one.vrp"
    file.write_bytes(b"PK\x03\x04\0\0")
    with pytest.raises(InvalidInput, match="is no text"):
        read_cvrplib(file)


def test_a_depot_alone_needs_no_route(tmp_path: Path) -> None:
    text = "DIMENSION : 1\nCAPACITY : 1\nNODE_COORD_SECTION\n1 0 0\nDEMAND_SECTION\n1 0\n"
    assert solve(write(tmp_path, text), "cvrplib") == Plan(0, ())


def test_the_choice_among_routes_is_the_cheapest_there_is() -> None:
    chance = random.Random(3)
    customers = 6
    for turn in range(20):
        visits = [(one,) for one in range(customers)]
        visits += [tuple(chance.sample(range(customers), chance.randint(2, 4))) for _ in range(9)]
        costs = np.array([chance.randint(5, 40) for _ in visits])
        most = None if turn % 2 else 4
        choices = list_choices(visits, customers, most or customers)
        if choices:
            chosen = choose_routes(costs, visits, customers, choices[-1], most=most, seconds=5, work=5, seed=1)
            assert costs[chosen].sum() == min(costs[one].sum() for one in choices)
            assert sorted(chosen) in choices


def list_choices(visits: list[tuple[int, ...]], customers: int, most: int) -> list[list[int]]:
    """All choices of at most so many routes that visit each customer once."""
    found = []
    for mask in range(1 << len(visits)):
        taken = [route for route in range(len(visits)) if mask >> route & 1]
        if len(taken) <= most and sorted(one for route in taken for one in visits[route]) == list(range(customers)):
            found.append(taken)
    return found


def test_the_same_seed_and_work_give_the_same_plan(test_data: Path) -> None:
    file = test_data / "vrp/cvrp/X-n101-k25.vrp"
    first, second = (solve_vrp(read_cvrplib(file), seed=7, effort=Effort(work=150)) for _ in range(2))
    assert first == second
    assert check_cvrplib(file, first.as_document()) == []


@pytest.mark.parametrize("name", ["R101", "RC108", "RC208"])
def test_what_two_seconds_bring_comes_close(test_data: Path, name: str) -> None:
    file = test_data / f"vrp/vrptw/{name}.txt"
    plan = solve_vrp(read_solomon(file), seed=1, effort=Effort(work=4_000))
    assert check_solomon(file, plan.as_document()) == []
    assert plan.cost <= 1.06 * float(file.with_suffix(".sol").read_text().split()[-1])


def test_the_search_ends_when_it_is_cancelled(test_data: Path) -> None:
    heard: list[float] = []
    effort = Effort(seconds=math.inf, cancelled=lambda: len(heard) > 1)
    file = test_data / "vrp/cvrp/X-n101-k25.vrp"
    plan = solve_vrp(read_cvrplib(file), seed=1, effort=effort, progress=lambda cost, _: heard.append(cost))
    assert plan.cost == heard[-1]
    assert check_cvrplib(file, plan.as_document()) == []


def test_control_c_keeps_the_best_plan(test_data: Path, tmp_path: Path) -> None:
    file, out = test_data / "vrp/cvrp/X-n101-k25.vrp", tmp_path / "sol.json"
    command = [sys.executable, "-m", "mobigo", "school", "solve", str(file), "--format", "cvrplib", "--out", str(out)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        line = running.stderr.readline()
        running.send_signal(signal.SIGINT)
        said, _ = running.communicate(timeout=300)
    assert "cost" in line
    assert running.returncode == 0
    assert "routes, written to" in said
    assert check_cvrplib(file, json.loads(out.read_text())) == []
