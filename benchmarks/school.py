"""School transport: buses on the published instances beside the best published, each plan and bound verified afresh.

All parts take about three quarters of an hour on a quiet machine of two cores: the published instances 20 minutes
(``--only sbrp``), vehicle routing 7 (``--only vrp``), a whole department 18 (``--only department``).

The published figures are the least of the runs listed by the authors of BiRD, their own with the routes of Chen et al.
added (github.com/adelarue/SchoolBusRouting, output/pnas-tableS1.csv).
"""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, NamedTuple

from tests.school.sbrp_checker import check_certificate, check_plan, read

from benchmarks import school_department, school_vrp
from benchmarks.bar import Bar
from benchmarks.served import test_data
from mobigo.kit.errors import InvalidInput
from mobigo.school.sbrp import solve_sbrp

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

RIDES = (2700, 5400)
PUBLISHED = {
    "RSRB01": (31, 31),
    "RSRB02": (29, 26),
    "RSRB05": (100, 91),
    "RSRB08": (173, 152),
    "CSCB01": (33, 30),
    "CSCB03": (64, 51),
    "CSCB05": (143, 121),
    "CSCB09": (None, None),
}
"""Buses at each of `RIDES`; of CSCB09 none are known."""
TOTALS = (555, 486)
"""Of all published instances: 3 % fewer than published."""
MEDIAN_GAP = 5.0
"""Percent of the plan."""
FEW_STOPS, SECONDS, SECONDS_OF_MANY = 1000, 300.0, 1200.0
"""Up to so many stops a plan takes 5 minutes, beyond 20: of the processor, others may share the machine."""
PROVEN_STOPS = 250
"""Up to so many stops, certificates of the shorter ride are searched for a route that they forgot."""
SEED = 1


class Solved(NamedTuple):
    """A verified plan of one instance at one limit of rides."""

    name: str
    ride: int
    stops: int
    buses: int
    bound: int
    seconds: float
    faults: int

    @property
    def gap(self) -> float:
        """Percent of the buses that are not proven to be needed."""
        return 100 * (self.buses - self.bound) / self.buses


def bars(only: Sequence[str] = ()) -> Iterator[Bar]:
    """Measure all parts, or only some of `CHOICE`.

    Raises
    ------
    InvalidInput
        When there is no such part.
    """
    unknown = sorted(set(only) - set(CHOICE))
    if unknown:
        raise InvalidInput(f"school has no part {unknown[0]!r}; it has {', '.join(CHOICE)}")
    for name, part in CHOICE.items():
        if not only or name in only:
            yield from part()


def _measure_published() -> Iterator[Bar]:
    """Plan each instance once at each limit."""
    solved = []
    for name in PUBLISHED:
        for at, ride in enumerate(RIDES):
            one = _solve(name, ride)
            solved.append(one)
            how = f"at least {one.bound} ({one.gap:.1f} %), {one.stops} stops, {one.seconds:.0f} s, seed {SEED}"
            yield Bar(f"{name} at {ride} s: buses", one.buses, "", PUBLISHED[name][at], "lower", how)
    known = [one for one in solved if PUBLISHED[one.name][0] is not None]
    how = f"{len(PUBLISHED) - 1} published instances, one thread, seed {SEED}"
    for ride, limit in zip(RIDES, TOTALS, strict=True):
        total = sum(one.buses for one in known if one.ride == ride)
        bound = sum(one.bound for one in known if one.ride == ride)
        yield Bar(f"all at {ride} s: buses", total, "", limit, "lower", f"at least {bound}; {how}")
    gap = statistics.median(one.gap for one in known)
    yield Bar("proven gap, median", gap, "%", MEDIAN_GAP, "lower", how)
    for label, limit, chosen in (
        (f"up to {FEW_STOPS} stops", SECONDS, [one for one in solved if one.stops <= FEW_STOPS]),
        ("2000 stops", SECONDS_OF_MANY, [one for one in solved if one.stops > FEW_STOPS]),
    ):
        yield Bar(f"{label}: longest run", max(one.seconds for one in chosen), "s", limit, "lower", how)
    faults = sum(one.faults for one in solved)
    yield Bar(
        "faults an independent checker finds",
        faults,
        "",
        0,
        "lower",
        f"plans; proofs up to {PROVEN_STOPS} stops, {RIDES[0]} s",
    )


CHOICE = {"sbrp": _measure_published, "vrp": school_vrp.bars, "department": school_department.bars}
"""What can be measured alone."""


def _solve(name: str, ride: int) -> Solved:
    folder = test_data() / "vrp" / "sbrp" / name
    if not folder.is_dir():
        raise InvalidInput(f"no instance at {folder}; set MOBIGO_TEST_DATA to the folder of test data")
    stops = len(read(folder)[1])
    limit = SECONDS if stops <= FEW_STOPS else SECONDS_OF_MANY
    begun = time.process_time()
    plan = solve_sbrp(folder, max_ride=ride, time_limit=limit, seed=SEED, clock=time.process_time)
    seconds = time.process_time() - begun
    faults = check_plan(folder, ride, dict(plan))
    if stops <= PROVEN_STOPS and ride == RIDES[0]:
        faults += check_certificate(folder, ride, dict(plan))
    for fault in faults:
        print(f"  {name} at {ride} s: {fault}")
    return Solved(name, ride, stops, plan["buses"], plan["lower_bound"], seconds, len(faults))
