"""Vehicles that are not out too long, and drivers' days that are not too long: beside every way there is."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

from mobigo.school import duties
from mobigo.school.days import count_drivers
from mobigo.school.duties import Piece, cut_blocks, pair_sessions


def fewest(pieces: list[Piece], most: float, gap: float) -> int:
    """Try every way to put pieces into chains."""
    best = len(pieces)

    def go(left: list[int], chains: list[list[int]]) -> None:
        nonlocal best
        if len(chains) >= best:
            return
        if not left:
            best = len(chains)
            return
        first, rest = left[0], left[1:]
        for number, chain in enumerate(chains):
            last = pieces[chain[-1]]
            if last.end + gap <= pieces[first].start and pieces[first].end - pieces[chain[0]].start <= most:
                go(rest, [*chains[:number], [*chain, first], *chains[number + 1 :]])
        go(rest, [*chains, [first]])

    go(sorted(range(len(pieces)), key=lambda n: pieces[n].start), [])
    return best


def draw(seed: int) -> tuple[list[Piece], list[list[int]]]:
    lot = random.Random(seed)
    pieces = []
    for _ in range(9):
        start = lot.randrange(0, 200)
        pieces.append(Piece(start, start + lot.randrange(20, 60)))
    order = sorted(range(9), key=lambda n: pieces[n].start)
    blocks: list[list[int]] = []
    for number in order:
        block = next((one for one in blocks if pieces[one[-1]].end + 5 <= pieces[number].start), None)
        if block is None:
            blocks.append([number])
        else:
            block.append(number)
    return pieces, blocks


@pytest.mark.parametrize("seed", range(20))
def test_few_vehicles_none_of_them_out_too_long(seed: int) -> None:
    pieces, blocks = draw(seed)

    def may_follow(first: int, second: int) -> bool:
        return pieces[first].end + 5 <= pieces[second].start

    found = cut_blocks(pieces, blocks, may_follow, 110.0)
    assert sorted(itertools.chain(*found)) == list(range(9))
    for block in found:
        assert pieces[block[-1]].end - pieces[block[0]].start <= 110
        assert all(may_follow(a, b) for a, b in itertools.pairwise(block))
    assert len(found) == fewest(pieces, 110, 5) >= len(blocks) - 9


def test_nothing_is_changed_where_nobody_is_out_too_long() -> None:
    pieces, blocks = draw(1)
    assert cut_blocks(pieces, blocks, lambda *_: False, 1_000.0) == blocks


def test_too_many_ways_are_cut_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duties, "MOST_CHAINS", 3)
    pieces, blocks = draw(2)
    found = cut_blocks(pieces, blocks, lambda a, b: pieces[a].end + 5 <= pieces[b].start, 110.0)
    assert sorted(itertools.chain(*found)) == list(range(9))
    assert all(pieces[block[-1]].end - pieces[block[0]].start <= 110 for block in found)


def session(name: str, way: str, days: tuple[int, ...], out: list[tuple[int, int, int]]) -> dict[str, Any]:
    runs = [
        {"id": f"{name}{n}", "vehicle": n, "kind": kind, "at": end if way == "morning" else start,
         "bell": end if way == "morning" else start, "calls": [{"at": start if way == "morning" else end}]}
        for n, (start, end, kind) in enumerate(out)
    ]  # fmt: skip
    return {"name": name, "way": way, "weekdays": list(days), "runs": runs}


@pytest.mark.parametrize("seed", range(10))
def test_as_few_second_drivers_as_any_pairing_needs(seed: int) -> None:
    lot = random.Random(seed)
    morning = [(lot.randrange(6 * 60, 8 * 60), 9 * 60, lot.randrange(2)) for _ in range(6)]
    evening = [(16 * 60, lot.randrange(17 * 60, 19 * 60), lot.randrange(2)) for _ in range(lot.randrange(4, 8))]
    most = 11 * 60
    sessions = [session("morning", "morning", (1,), morning), session("return", "return", (1,), evening)]
    pair_sessions(sessions, most)
    drivers = count_drivers(sessions, most)[1]
    longer, shorter = sorted((morning, evening), key=len, reverse=True)
    fewest_drivers = min(
        len(longer) + sum(max(a[1], b[1]) - min(a[0], b[0]) > most for a, b in zip(order, shorter, strict=False))
        for order in itertools.permutations(longer)
    )
    assert drivers == fewest_drivers
    assert len({run["vehicle"] for one in sessions for run in one["runs"]}) == max(len(morning), len(evening))


def test_days_with_other_sessions_share_vehicles() -> None:
    sessions = [
        session("return 3", "return", (3,), [(700, 780, 0)]),
        session("morning 12345", "morning", (1, 2, 3, 4, 5), [(400, 480, 0), (420, 480, 1)]),
        session("return 1245", "return", (1, 2, 4, 5), [(1000, 1080, 1), (1000, 1060, 0), (1000, 1050, 0)]),
    ]
    pair_sessions(sessions, None)
    assert sessions[0]["runs"][0]["vehicle"] == 0
    assert [(run["vehicle"], run["kind"]) for run in sessions[2]["runs"]][:2] == [(0, 0), (1, 1)]
    assert count_drivers(sessions, None) == {1: 3, 2: 3, 3: 2, 4: 3, 5: 3}
