"""Who rearranges a few vehicles' routes: OR-Tools, in a process of its own.

That library holds Python's lock while it searches, takes seconds to load, and is native code. Who asks waits on a pipe,
others go on, and if it dies nobody dies with it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Self

from mobigo.kit.errors import Unavailable

if TYPE_CHECKING:
    from types import TracebackType

START = 30
"""Seconds that the process may need beside searching: to start, at the worst."""


@dataclass(frozen=True)
class Room:
    """What fits into a vehicle, as sums that must not exceed a bound at any time."""

    weights: tuple[tuple[int, ...], ...]
    """Per sum, how much each kind of load counts."""
    bounds: tuple[int, ...]


@dataclass(frozen=True)
class Route:
    """A vehicle's part of a problem: from where it stands to where it must be."""

    start: int
    """Node."""
    end: int
    """Node."""
    aboard: tuple[int, ...]
    """What it carries at its start, by kind of load."""
    riders: int
    """How many legs are aboard at its start."""
    room: Room
    nodes: tuple[int, ...]
    """As it goes now."""


@dataclass(frozen=True)
class Problem:
    """Which order, in which vehicle? Nodes are numbered; those of starts and ends belong to one route each."""

    drive: tuple[tuple[int, ...], ...]
    """Seconds between nodes."""
    span: tuple[tuple[int, ...], ...]
    """Seconds at least between the services of two nodes, one after the other."""
    earliest: tuple[int, ...]
    latest: tuple[int, ...]
    """Bounds of the service of each node, seconds after any common instant."""
    loads: tuple[tuple[int, ...], ...]
    """What gets on at each node (negative: off), by kind."""
    pairs: tuple[tuple[int, int, int], ...]
    """Pick-up, drop-off, seconds at most between their services."""
    late: tuple[tuple[int, int], ...]
    """Node and second from which each second later costs one."""
    alighting: tuple[int, ...]
    """Drop-offs of those who are aboard at a start."""
    breaks: tuple[int, ...]
    """Nodes at which nobody may be aboard."""
    allowed: tuple[tuple[int, ...], ...]
    """Routes that each node may be in."""
    routes: tuple[Route, ...]
    drive_cost: int
    """What a second of driving costs."""
    milliseconds: int


class Solver:
    """`improve.solve` in a process of its own, which is started when it is first needed and again when it was lost."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def solve(self, problem: Problem) -> list[list[int]] | None:
        """Search as `improve.solve` does.

        Raises
        ------
        Unavailable
            When the process ended or did not answer in time.
        """
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "mobigo.ondemand.improve"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        watch = threading.Timer(START + problem.milliseconds / 1_000, process.kill)
        watch.start()
        try:
            process.stdin.write(json.dumps(asdict(problem)) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            watch.cancel()
        if not line:
            self.close()
            raise Unavailable("the optimiser ended without an answer; the plan stays as it was, try again")
        routes: list[list[int]] | None = json.loads(line)
        return routes

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def read_problem(line: str) -> Problem:
    """Read a problem as `Solver` writes it."""
    fields = json.loads(line)
    routes = []
    for one in fields.pop("routes"):
        room = one.pop("room")
        routes.append(Route(**one, room=Room(tuple(map(tuple, room["weights"])), tuple(room["bounds"]))))
    return Problem(**fields, routes=tuple(routes))
