"""Vehicle routing on published problems, beside the best known costs; a part of the benchmark of school transport."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from tests.school.vrp_checker import check_cvrplib, check_solomon

from benchmarks.bar import Bar
from benchmarks.served import test_data
from mobigo.kit.errors import InvalidInput
from mobigo.school.vrp import Effort, solve_vrp
from mobigo.school.vrp_read import read_cvrplib, read_solomon

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = 60
"""Of the processor, per problem: others may share the machine."""
SEED = 1
SETS = (
    ("CVRPLIB", "vrp/cvrp", "*.vrp", read_cvrplib, check_cvrplib, 1.0),
    ("Solomon", "vrp/vrptw", "*.txt", read_solomon, check_solomon, 0.5),
)
"""Name, folder, files, reader, independent checker, the most that costs may exceed the best known, mean in %."""
WORST = 2.0
"""Percent above the best known, at most, of any problem."""


def bars() -> Iterator[Bar]:
    """Solve each problem once; a plan that its checker refuses counts as a violation."""
    for name, folder, pattern, read, check, limit in SETS:
        files = sorted((test_data() / folder).glob(pattern))
        if not files:
            raise InvalidInput(
                f"no {pattern} in {test_data() / folder}; set MOBIGO_TEST_DATA to the folder of test data"
            )
        gaps, wrong = [], 0
        for file in files:
            plan = solve_vrp(read(file), seed=SEED, effort=Effort(seconds=SECONDS, clock=time.process_time))
            faults = check(file, plan.as_document())
            for fault in faults:
                print(f"  {file.name}: {fault}")
            wrong += len(faults)
            known = float(file.with_suffix(".sol").read_text().split()[-1])
            gaps.append(100 * (plan.cost / known - 1))
            yield Bar(f"{name} {file.stem}: above best known", gaps[-1], "%", WORST, "lower", f"cost {plan.cost}")
        how = f"{len(files)} problems, {SECONDS} s of one processor each, seed {SEED}"
        yield Bar(f"{name}: mean above best known", statistics.mean(gaps), "%", limit, "lower", how)
        yield Bar(f"{name}: faults an independent checker finds", wrong, "", 0, "lower", how)
