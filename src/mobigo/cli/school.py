"""``mobigo school``: school transport; its register, and problems solved from files."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mobigo.cli.school_register import export_lists, import_lists

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

SAID_EVERY = 0.5
"""Seconds between two lines about progress."""
LEFT_OVER = 0.3
"""Seconds of the time limit kept for writing the answer."""


@click.group()
def school() -> None:
    """School transport: the register in and out; solve a problem from files."""


school.add_command(import_lists)
school.add_command(export_lists)


@school.command()
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--format",
    "format_",
    required=True,
    type=click.Choice(["cvrplib", "solomon"]),
    help="cvrplib: capacities, costs rounded; solomon: time windows, costs cut off to tenths.",
)
@click.option(
    "--time-limit", type=click.FloatRange(1, 86_400), default=60, show_default=True, metavar="SECONDS", help="At most."
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=1, show_default=True, help="Of all that is drawn.")
@click.option("--work", type=click.IntRange(1), metavar="N", help="Iterations instead of seconds: the same plan again.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="SOL.json", help="Written to.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan.")
def solve(
    file: Path, *, format_: str, time_limit: float, seed: int, work: int | None, out: Path | None, as_json: bool
) -> None:
    """Solve the problem in FILE and write the best plan found; Ctrl-C ends the search and keeps it.

    The plan is {cost, routes}, each route a list of customers as the format's solutions number them.
    """
    started = time.monotonic()
    from mobigo.school.vrp import Effort, solve_vrp
    from mobigo.school.vrp_read import read_cvrplib, read_solomon

    problem = (read_cvrplib if format_ == "cvrplib" else read_solomon)(file)
    said = 0.0

    def tell(cost: float, iterations: int) -> None:
        nonlocal said
        spent = time.monotonic() - started
        if spent - said >= SAID_EVERY:
            said = spent
            print(f"{spent:7.1f} s  cost {cost:,}  {iterations:,} iterations", file=sys.stderr)

    with _interruptible() as stopped:
        seconds = max(0.1, time_limit - LEFT_OVER - (time.monotonic() - started))
        effort = Effort(seconds=seconds, work=work, cancelled=stopped.is_set)
        plan = solve_vrp(problem, seed=seed, effort=effort, progress=tell)
    _give(plan.as_document(), out, as_json=as_json)
    if not as_json:
        where = "" if out is None else f", written to {out}"
        print(f"{problem.name}: cost {plan.cost:,}, {len(plan.routes)} routes{where}")


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


def _give(document: dict[str, object], out: Path | None, *, as_json: bool) -> None:
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
