"""Who drives: no vehicle's part of a session, and no driver's day, longer than its limit.

Within a session the vehicles' runs are linked anew where one vehicle would be out too long. Over a day the vehicles of
the morning go out again for the ways home, so that as few as possible need a second driver.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from mobigo.kernels.pricing import TOLERANCE
from mobigo.school.days import list_out
from mobigo.school.demand import MORNING
from mobigo.school.master import assign_sources, choose_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mobigo.school.days import Out
    from mobigo.school.planning import Layout, Limits, Run
    from mobigo.street.drives import Table

MOST_CHAINS = 20_000
"""Ways to drive runs one after another among which the best are chosen; of more, the given ones are cut."""

SECONDS, NODES = 10.0, 1_000
"""For that choice."""

OTHER_KIND, IDLE, TOO_LONG, NEW = 1, 100, 1_000, 10**6
"""What is weighed when a vehicle gets more to do: it is of another kind, it would stay at home that day, it takes a
second driver, it is one more."""


class Piece(NamedTuple):
    """A run, or runs driven at once, as its vehicle is bound by it."""

    start: float
    end: float


def cut_blocks(
    pieces: Sequence[Piece],
    blocks: Sequence[Sequence[int]],
    may_follow: Callable[[int, int], bool],
    most: float,
) -> list[list[int]]:
    """Drive the pieces with few vehicles, none of them out for longer than `most`; as given where none is.

    Parameters
    ----------
    may_follow
        Whether a vehicle is in time for the second piece after the first.
    """
    if all(pieces[block[-1]].end - pieces[block[0]].start <= most for block in blocks):
        return [list(block) for block in blocks]
    chains: list[list[int]] = []
    for chain in _list_chains(pieces, may_follow, most):
        chains.append(chain)
        if len(chains) > MOST_CHAINS:
            return [part for block in blocks for part in _cut(pieces, block, most)]
    chosen = choose_columns(
        [1.0] * len(pieces),
        [1.0] * len(chains),
        [[(piece, 1.0) for piece in chain] for chain in chains],
        most=float(len(pieces)),
        seconds=SECONDS,
        nodes=NODES,
    )
    if chosen.columns is None:
        return [part for block in blocks for part in _cut(pieces, block, most)]
    # a vehicle that is in time after two pieces is in time after the first of them alone
    left, found = set(range(len(pieces))), []
    for number in chosen.columns:
        mine = [piece for piece in chains[number] if piece in left]
        left.difference_update(mine)
        if mine:
            found.append(mine)
    return found


def limit_spans(layout: Layout, runs: Sequence[Run], table: Table, limits: Limits) -> list[Run]:
    """Give a session's runs other vehicles where one would be out for longer than a driver's day."""
    if limits.amplitude is None:
        return list(runs)
    tours: dict[int, list[Run]] = defaultdict(list)
    for run in runs:
        tours[run.tour].append(run)
    names = list(tours)
    ways = [_Way(layout, tours[name], limits) for name in names]
    blocks: dict[int, list[int]] = defaultdict(list)
    for number in sorted(range(len(ways)), key=lambda one: ways[one].piece.start):
        blocks[tours[names[number]][0].vehicle].append(number)

    def may_follow(first: int, second: int) -> bool:
        before, after = ways[first], ways[second]
        drive = float(table.seconds[before.to, after.place])
        return before.kind == after.kind and drive >= 0 and before.piece.end + drive <= after.due + TOLERANCE

    found = cut_blocks([way.piece for way in ways], list(blocks.values()), may_follow, float(limits.amplitude))
    told = []
    for vehicle, block in enumerate(found):
        for number, before in zip(block, [None, *block], strict=False):
            empty = 0 if before is None else int(table.metres[ways[before].to, ways[number].place])
            first = ways[number].first
            told += [replace(run, vehicle=vehicle, empty=empty if run is first else 0) for run in tours[names[number]]]
    return told


class _Way:
    """Runs driven at once, by the clock."""

    def __init__(self, layout: Layout, runs: Sequence[Run], limits: Limits) -> None:
        services, self.kind = layout.session.services, runs[0].kind
        if layout.session.way == MORNING:
            self.first = min(runs, key=lambda run: run.calls[0].at)
            last = max(runs, key=lambda run: run.at)
            self.place, self.to = self.first.calls[0].stop, layout.schools[last.service]
            self.due = self.first.calls[0].at
            self.piece = Piece(self.due, float(services[last.service].at))
            return
        self.first = min(runs, key=lambda run: run.at)
        end = max((run.calls[-1] for run in runs), key=lambda call: call.at)
        self.place, self.to = layout.schools[self.first.service], end.stop
        self.due = float(services[self.first.service].at)
        self.piece = Piece(self.due, end.at + limits.halt + limits.each * len(end.trips))


def _list_chains(pieces: Sequence[Piece], may_follow: Callable[[int, int], bool], most: float) -> Iterator[list[int]]:
    """List all ways to drive pieces one after another within the limit; a piece alone is always one."""
    order = sorted(range(len(pieces)), key=lambda number: pieces[number].start)
    waiting = [[number] for number in order]
    while waiting:
        chain = waiting.pop()
        yield chain
        first, last = pieces[chain[0]], chain[-1]
        waiting += [
            [*chain, number]
            for number in order
            if pieces[number].start >= pieces[last].end
            and pieces[number].end - first.start <= most
            and may_follow(last, number)
        ]


def _cut(pieces: Sequence[Piece], block: Sequence[int], most: float) -> Iterator[list[int]]:
    """Cut a vehicle's pieces into as few parts as keep to the limit."""
    part: list[int] = []
    for number in block:
        if part and pieces[number].end - pieces[part[0]].start > most:
            yield part
            part = []
        part.append(number)
    if part:
        yield part


# ── days ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def pair_sessions(sessions: Sequence[dict[str, Any]], most: int | None) -> None:
    """Number the vehicles of all sessions alike: who goes out in the morning brings home, one driver where that may be.

    Parameters
    ----------
    sessions
        Told; the vehicles of their runs get other numbers.
    most
        Seconds of a driver's day; None: any.
    """
    order = sorted(sessions, key=lambda one: (one["way"] != "morning", -len(one["weekdays"]), one["name"]))
    placed: list[tuple[set[int], dict[int, Out]]] = []
    for session in order:
        mine, days = list_out(session), set(session["weekdays"])
        known: dict[int, list[tuple[bool, Out]]] = defaultdict(list)
        for other_days, out in placed:
            for vehicle, one in out.items():
                known[vehicle].append((not days.isdisjoint(other_days), one))
        numbers = _match(mine, known, most)
        for run in session["runs"]:
            run["vehicle"] = numbers[run["vehicle"]]
        session["runs"].sort(key=lambda run: (run["vehicle"], run["at"]))
        placed.append((days, {numbers[vehicle]: one for vehicle, one in mine.items()}))


def _match(
    mine: Mapping[int, Out], known: Mapping[int, Sequence[tuple[bool, Out]]], most: int | None
) -> dict[int, int]:
    """Give vehicles the numbers of known ones, at least cost; then new numbers."""
    vehicles, numbers = sorted(mine), sorted(known)
    links = [
        (
            at,
            place,
            IDLE * (not any(same for same, _ in known[number]))
            + sum(_weigh(mine[vehicle], one, most if same else None) for same, one in known[number]),
        )
        for at, vehicle in enumerate(vehicles)
        for place, number in enumerate(numbers)
    ]
    found = assign_sources([1] * len(numbers), [NEW] * len(vehicles), links)
    fresh = (max(numbers) if numbers else -1) + 1
    matched: dict[int, int] = {}
    for vehicle, place in zip(vehicles, found, strict=True):
        matched[vehicle] = numbers[place] if place >= 0 else fresh
        fresh += place < 0
    return matched


def _weigh(one: Out, other: Out, most: int | None) -> int:
    span = max(one.end, other.end) - min(one.start, other.start)
    return OTHER_KIND * (one.kind != other.kind) + TOO_LONG * (most is not None and span > most)
