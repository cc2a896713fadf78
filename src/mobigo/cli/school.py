"""``mobigo school``: school transport; its register, and problems solved from files."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from mobigo.cli.school_demo import demo
from mobigo.cli.school_planning import compare_plans, optimise, plan_number
from mobigo.cli.school_register import export_year, import_lists, judge_homes, roll_over_year

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FrameType

SAID_EVERY = 0.5
"""Seconds between two lines about progress."""
LEFT_OVER = 0.3
"""Seconds of the time limit kept for writing the answer."""


@click.group()
def school() -> None:
    """School transport: the register in and out; solve a problem from files."""


school.add_command(import_lists)
school.add_command(export_year)
school.add_command(judge_homes)
school.add_command(roll_over_year)
school.add_command(demo)
school.add_command(optimise)
school.add_command(compare_plans)
school.add_command(plan_number)


@school.command()
@click.argument("file", type=click.Path(exists=True, path_type=Path), metavar="FILE|FOLDER")
@click.option(
    "--format",
    "format_",
    required=True,
    type=click.Choice(["sbrp", "cvrplib", "solomon"]),
    help="sbrp: a folder of schools and stops, buses counted, with a proven bound; cvrplib: capacities, costs rounded;"
    " solomon: time windows, costs cut off to tenths.",
)
@click.option("--max-ride", type=click.FloatRange(1, 86_400), metavar="SECONDS", help="Of sbrp: the longest ride.")
@click.option(
    "--time-limit", type=click.FloatRange(1, 86_400), default=60, show_default=True, metavar="SECONDS", help="At most."
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=1, show_default=True, help="Of all that is drawn.")
@click.option("--work", type=click.IntRange(1), metavar="N", help="Iterations instead of seconds: the same plan again.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="SOL.json", help="Written to.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan.")
def solve(
    file: Path,
    *,
    format_: str,
    max_ride: float | None,
    time_limit: float,
    seed: int,
    work: int | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Solve the problem in FILE and write the best plan found; Ctrl-C ends the search and keeps it.

    The plan is {cost, routes}, each route a list of customers as the format's solutions number them; of sbrp {buses,
    lower_bound, routes, blocks, certificate}.
    """
    telling = _Telling()
    with _interruptible() as stopped:
        limits = _Limits(max(0.1, time_limit - LEFT_OVER), seed, work, stopped)
        if format_ == "sbrp":
            document, said = _solve_sbrp(file, max_ride, limits, telling)
        else:
            document, said = _solve_vrp(file, format_, limits, telling)
    _give(document, out, as_json=as_json)
    if not as_json:
        print(f"{file.name}: {said}" + ("" if out is None else f", written to {out}"))


class _Telling:
    """Lines about progress, not too many."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self._said = 0.0

    def tell(self, what: str) -> None:
        """Say it, unless something was said just now."""
        spent = time.monotonic() - self.started
        if spent - self._said >= SAID_EVERY:
            self._said = spent
            print(f"{spent:7.1f} s  {what}", file=sys.stderr, flush=True)


class _Limits(NamedTuple):
    """How long, how lucky, and who may say stop."""

    seconds: float
    seed: int
    work: int | None
    stopped: threading.Event


def _solve_sbrp(
    folder: Path, max_ride: float | None, limits: _Limits, telling: _Telling
) -> tuple[Mapping[str, object], str]:
    from mobigo.kit.errors import InvalidInput
    from mobigo.school.optimise import optimise
    from mobigo.school.sbrp import read_instance, to_document

    if max_ride is None:
        raise InvalidInput("--max-ride is missing: --format sbrp needs the longest ride in seconds, as --max-ride 2700")
    instance = read_instance(folder, max_ride)
    plan, certificate = optimise(
        instance.problem,
        time_limit=limits.seconds - (time.monotonic() - telling.started),
        seed=limits.seed,
        work=limits.work,
        progress=lambda buses, bound: telling.tell(f"{buses} buses, at least {bound}"),
        stopped=limits.stopped.is_set,
    )
    document = to_document(instance, plan, certificate)
    return document, f"{document['buses']} buses, at least {document['lower_bound']}, {len(document['routes'])} routes"


def _solve_vrp(file: Path, format_: str, limits: _Limits, telling: _Telling) -> tuple[Mapping[str, object], str]:
    from mobigo.school.vrp import Effort, solve_vrp
    from mobigo.school.vrp_read import read_cvrplib, read_solomon

    problem = (read_cvrplib if format_ == "cvrplib" else read_solomon)(file)
    seconds = max(0.1, limits.seconds - (time.monotonic() - telling.started))
    plan = solve_vrp(
        problem,
        seed=limits.seed,
        effort=Effort(seconds=seconds, work=limits.work, cancelled=limits.stopped.is_set),
        progress=lambda cost, iterations: telling.tell(f"cost {cost:,}  {iterations:,} iterations"),
    )
    return plan.as_document(), f"cost {plan.cost:,}, {len(plan.routes)} routes"


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """Take the first Ctrl-C as the wish to end the search; a second one ends the command."""
    stopped = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        if stopped.is_set():
            signal.default_int_handler(number, frame)
        stopped.set()

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGINT, before)


def _give(document: Mapping[str, object], out: Path | None, *, as_json: bool) -> None:
    """Write and print a plan as asked."""
    from mobigo.kit.errors import InvalidInput

    text = json.dumps(document)
    if out is not None:
        try:
            out.write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            raise InvalidInput(
                f"{out} cannot be written: {error.strerror}; name a file in an existing folder"
            ) from None
    if as_json:
        print(text)
