"""What is told of counts, held against what can be worked out of it in three ways that know nothing of each other."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ortools.linear_solver import pywraplp

from mobigo.kit.errors import InvalidInput
from mobigo.usage.audit import audit
from mobigo.usage.disclosure import OTHER, Layout, Rule, draw, tell
from mobigo.usage.extract import DEMAND, REFUSALS, RIDES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

KEY = bytes(range(32))
RULE = Rule()

SMALL = Layout(
    "small",
    ("town", "hour"),
    ({"hour": lambda _: pl.lit(OTHER)}, {"town": lambda _: pl.lit(OTHER)}),
    by_day_type=False,
)
"""Towns by hour; what is rare is told of the town, else of all together."""

Truth = dict[tuple[str, ...], int]


def sums_of(truth: Truth, days: int, layout: Layout = SMALL) -> pl.DataFrame:
    schema = {**dict.fromkeys(layout.columns, pl.String), "total": pl.Int64, "days": pl.Int64}
    return pl.DataFrame([(*place, total, days) for place, total in truth.items() if total], schema, orient="row")


def told_of(truth: Truth, days: int = 1, rule: Rule = RULE, key: bytes = KEY) -> dict[tuple[str, ...], int]:
    rows = tell(SMALL, sums_of(truth, days), rule, key)
    return {tuple(place): figure for *place, figure in rows.iter_rows()}


@st.composite
def truths(draw_: st.DrawFn) -> Truth:
    towns = draw_(st.integers(1, 4))
    hours = draw_(st.integers(1, 4))
    counts = st.one_of(st.integers(0, 12), st.integers(0, 60))
    return {(f"t{t}", f"h{h}"): draw_(counts) for t, h in product(range(towns), range(hours))}


# ── what is told ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_frequent_place_is_told_and_rare_ones_together() -> None:
    truth = {("a", "7"): 40, ("a", "8"): 5, ("a", "9"): 20, ("b", "7"): 3, ("b", "8"): 30, ("c", "7"): 2}
    found = told_of(truth)
    assert set(found) == {("a", "7"), ("a", "9"), ("b", "8")}  # 5, 3 and 2 are too few even together
    assert all(abs(found[place] - truth[place]) < 5 and found[place] % 5 == 0 for place in found)
    many = told_of({**truth, **{(f"d{n}", "7"): 5 for n in range(8)}})
    assert abs(many[OTHER, OTHER] - 50) < 5


@given(truths(), st.integers(1, 31), st.binary(min_size=32, max_size=32))
@settings(max_examples=150, deadline=None)
def test_figures_are_near_never_small_and_rows_are_disjoint(truth: Truth, days: int, key: bytes) -> None:
    truth = {place: total * days for place, total in truth.items()}
    found = told_of(truth, days, key=key)
    left = dict(truth)
    for (town, hour), figure in sorted(found.items(), key=lambda row: row[0].count(OTHER)):
        its = {p: n for p, n in left.items() if town in {p[0], OTHER} and hour in {p[1], OTHER}}
        assert its
        assert figure % 5 == 0
        assert figure >= (25 if town == OTHER else 10)
        assert abs(figure - sum(its.values()) / days) < 5
        assert sum(its.values()) >= RULE.fewest * days
        for place in its:
            del left[place]  # counted once


def test_a_figure_is_right_on_average_and_the_same_again() -> None:
    drawn = [told_of({("a", "7"): 640}, 20, key=n.to_bytes(32, "big"))["a", "7"] for n in range(1_000)]
    assert set(drawn) == {30, 35}
    assert sum(drawn) / len(drawn) == pytest.approx(32, abs=0.3)
    assert told_of({("a", "7"): 640}, 20) == told_of({("a", "7"): 640}, 20)
    assert draw(KEY, "small", ["a", "7"]) != draw(KEY, "small", ["a", "8"])


def test_neither_months_nor_made_up_travellers_tell_a_figure_more_finely_than_a_step() -> None:
    """Whoever adds travellers of their own, month by month, until the figure jumps, still does not know the others."""
    possible = set()
    for key, others in product(range(40), range(12)):  # the attacker knows neither
        seen = [told_of({("a", "7"): others + own}, key=key.to_bytes(32, "big"))["a", "7"] for own in (19, 20)]
        if seen == [20, 25]:  # but sees that twenty of their own made it jump
            possible.add(others)
    assert possible == {1, 2, 3, 4, 5}


@pytest.mark.parametrize(("fewest", "step", "most"), [(4, 5, 4), (6, 4, 3), (6, 5, 5), (6, 5, 0), (1_001, 5, 4)])
def test_rules_that_tell_too_much_are_refused(fewest: int, step: int, most: int) -> None:
    with pytest.raises(InvalidInput):
        Rule(fewest, step, most)


@given(st.integers(5, 40), st.integers(5, 40), st.integers(0, 2**64 - 1), st.integers(1, 31), st.integers(1, 10_000))
def test_rounding_in_whole_numbers_is_rounding(fewest: int, step: int, shift: int, days: int, total: int) -> None:
    rule = Rule(fewest, step)
    assert rule.find_lowest(0) > rule.fewest
    figure = (total * 2**64 + shift * step * days) // (step * days * 2**64) * step
    assert abs(figure - total / days) < step


# ── one traveller less ────────────────────────────────────────────────────────────────────────────────────────────────


@given(truths(), st.data())
@settings(max_examples=150, deadline=None)
def test_without_one_traveller_no_figure_moves_by_more_than_a_step(truth: Truth, data: st.DataObject) -> None:
    days = 4
    truth = {place: total * days for place, total in truth.items()}
    there = [place for place, total in truth.items() if total >= days]
    theirs = data.draw(st.lists(st.sampled_from(there), max_size=4, unique_by=lambda p: p[0])) if there else []
    before = told_of(truth, days)
    after = told_of({place: total - days * (place in theirs) for place, total in truth.items()}, days)
    for place in {*before, *after}:
        if OTHER not in place:  # told one by one: a step, or gone at the lowest figure, or come there
            assert abs(before.get(place, 5) - after.get(place, 5)) <= 5
            assert place in theirs or before.get(place) == after.get(place)
    for town in {place[0] for place in {*before, *after}} - {OTHER}:  # one step for the place, one for its neighbours
        change = sum(n for p, n in before.items() if p[0] == town) - sum(n for p, n in after.items() if p[0] == town)
        assert abs(change) <= 15 + 5
    assert abs(sum(before.values()) - sum(after.values())) <= 25 + 10 * len(theirs)


# ── what can be worked out ────────────────────────────────────────────────────────────────────────────────────────────


def bounds_by_programs(
    rows: Mapping[tuple[str, ...], int], places: Sequence[tuple[str, ...]], rule: Rule
) -> dict[tuple[str, ...], tuple[float, float]]:
    """Bound each place by two linear programs over what is published; read as a stranger reads the file."""
    solver = pywraplp.Solver.CreateSolver("GLOP")
    inside = {place: solver.NumVar(0, solver.infinity(), "/".join(place)) for place in places}

    def tie(members: Sequence[tuple[str, ...]], row: tuple[str, ...], bound: int, lowest: int) -> bool:
        figure = rows.get(row)
        low, high = (max(figure - rule.step, bound), figure + rule.step) if figure is not None else (0, lowest)
        solver.Add(solver.Sum([inside[one] for one in members]) <= high)
        solver.Add(solver.Sum([inside[one] for one in members]) >= low)
        return figure is not None

    single, several = rule.fewest, rule.fewest * rule.most
    first = [rule.step * (bound // rule.step + 1) for bound in (single, several)]
    rest = [place for place in places if not tie([place], place, single, first[0])]
    for town in sorted({town for town, _ in rest}):
        own = [place for place in rest if place[0] == town]
        if tie(own, (town, OTHER), single, first[0]):
            rest = [place for place in rest if place[0] != town]
    if rest:
        tie(rest, (OTHER, OTHER), several, first[1])
    found = {}
    for place, amount in inside.items():
        ends = []
        for sign in (1, -1):
            solver.Minimize(sign * amount)
            assert solver.Solve() == pywraplp.Solver.OPTIMAL
            ends.append(amount.solution_value())
        found[place] = (ends[0], ends[1])
    return found


@given(truths(), st.integers(1, 3), st.binary(min_size=32, max_size=32), st.sampled_from([(6, 5), (5, 5), (11, 10)]))
@settings(max_examples=120, deadline=None)
def test_no_small_count_can_be_worked_out(truth: Truth, days: int, key: bytes, sizes: tuple[int, int]) -> None:
    rule = Rule(*sizes)
    truth = {place: total for place, total in truth.items() if total}
    rows = told_of(truth, days, rule, key)
    assert audit(SMALL, rule, tell(SMALL, sums_of(truth, days), rule, key), sums_of(truth, days)) == []
    for place, (low, high) in bounds_by_programs(rows, [*truth], rule).items():
        mean = truth[place] / days
        assert low - 1e-6 <= mean <= high + 1e-6  # the programs are right
        if mean < rule.fewest:
            assert high - low > 4
            assert max(high - mean, mean - low) > 2


def worlds(rows: Mapping[tuple[str, ...], int], places: Sequence[tuple[str, ...]], highest: int) -> list[Truth]:
    """List the counts that could have made these rows under some key: each figure by some shift, nothing else told."""
    return [
        dict(zip(places, counts, strict=True))
        for counts in product(range(1, highest), repeat=len(places))
        if could_make(dict(zip(places, counts, strict=True)), rows)
    ]


def could_make(truth: Truth, rows: Mapping[tuple[str, ...], int]) -> bool:
    """Tell whether shifts exist by which exactly these rows are told of these counts, of one day."""
    left = dict(truth)
    for depth, bound in ((0, 6), (1, 6), (2, 24)):
        lowest = 10 if depth < 2 else 25
        groups: dict[tuple[str, ...], int] = {}
        for (town, hour), count in left.items():
            name = (town, hour) if depth == 0 else (town, OTHER) if depth == 1 else (OTHER, OTHER)
            groups[name] = groups.get(name, 0) + count
        for name, count in groups.items():
            figures = {count // 5 * 5, -(-count // 5) * 5}
            if name in rows and (rows[name] not in figures or count < bound or rows[name] < lowest):
                return False
            if name not in rows and count >= bound and min(figures) >= lowest:
                return False
        left = {
            (town, hour): count
            for (town, hour), count in left.items()
            if not {(town, hour), (town, OTHER), (OTHER, OTHER)}.intersection({name for name in groups if name in rows})
        }
    return True


@pytest.mark.parametrize(
    "truth",
    [
        {("a", "7"): 3},
        {("a", "7"): 12, ("a", "8"): 3},
        {("a", "7"): 5, ("a", "8"): 9},
        {("a", "7"): 9, ("a", "8"): 9, ("a", "9"): 1},
        {("a", "7"): 6, ("b", "7"): 9, ("c", "8"): 5},
        {("a", "7"): 14, ("a", "8"): 5, ("b", "7"): 2},
    ],
)
@pytest.mark.parametrize("key", [b"a" * 32, b"b" * 32, b"c" * 32])
def test_every_way_in_which_it_could_have_come_about_leaves_small_counts_open(truth: Truth, key: bytes) -> None:
    rows = told_of(truth, key=key)
    places = [*truth]
    possible = worlds(rows, places, 20)
    assert truth in possible
    programs = bounds_by_programs(rows, places, RULE)
    for place in places:
        values = {world[place] for world in possible}
        low, high = programs[place]
        assert low - 1e-6 <= min(values)
        assert max(values) <= high + 1e-6
        if truth[place] < RULE.fewest:
            assert max(values) - min(values) > 4
            assert max(max(values) - truth[place], truth[place] - min(values)) > 2


def test_the_bounds_of_the_gate_are_those_of_the_programs() -> None:
    """A row that tells too much is found: here the rule's own figure is left in for a place of five."""
    truth = {("a", "7"): 30, ("a", "8"): 5}
    rows = tell(SMALL, sums_of(truth, 1), RULE, KEY)
    assert audit(SMALL, RULE, rows, sums_of(truth, 1)) == []
    sly = pl.concat([rows, pl.DataFrame([("a", OTHER, 10)], rows.schema, orient="row")])
    assert [leak.place for leak in audit(SMALL, RULE, sly, sums_of(truth, 1))][:1] == [("a", OTHER)]
    twice = pl.concat([rows, rows])
    assert audit(SMALL, RULE, twice, sums_of(truth, 1))
    exact = rows.with_columns(travellers=pl.lit(31, pl.Int64))
    assert audit(SMALL, RULE, exact, sums_of(truth, 1))
    nobody = pl.concat([rows, pl.DataFrame([("z", "7", 10)], rows.schema, orient="row")])
    assert audit(SMALL, RULE, nobody, sums_of(truth, 1))[0].why == "nobody was counted there"


def test_the_gate_finds_a_small_count_between_rows_that_are_sums() -> None:
    """Were sums published beside their parts, as tables elsewhere do, a place could be caught between them."""
    truth = {("a", "7"): 28, ("a", "8"): 2}
    narrow = Rule(fewest=6, step=5)
    rows = pl.DataFrame([("a", "7", 30)], {"town": pl.String, "hour": pl.String, "travellers": pl.Int64}, orient="row")
    assert audit(SMALL, narrow, rows, sums_of(truth, 1)) == []
    programs = bounds_by_programs({("a", "7"): 30}, [*truth], narrow)
    assert programs["a", "8"] == (0, 10)


@pytest.mark.parametrize("layout", [DEMAND, RIDES, REFUSALS], ids=lambda one: one.name)
def test_levels_are_nested(layout: Layout) -> None:
    """Places that are one at a level are one at every coarser level."""
    values = {
        "origin": ["21231", "21054", "71270", "outside", "97411", "osm:node1"],
        "destination": ["21231", "71270", "2A004"],
        "outcome": ["answered", "unanswered", "too_far"],
        "band": ["06-09", "16-19"],
        "line": ["bus:1", "bus:2"],
        "stop": ["bus:a", "bus:b"],
        "source": ["bus", "car"],
        "reason": ["full", "late"],
    }
    rows = [*product(*(values.get(name, ["x", "y"]) for name in layout.columns))]
    frame = pl.DataFrame(rows, dict.fromkeys(layout.columns, pl.String), orient="row").with_row_index("leaf")
    before = frame
    for depth in layout.depths[1:]:
        after = layout.coarsen(before, depth)
        pairs = before.join(after, on="leaf", suffix="_after")
        coarser = [f"{name}_after" for name in layout.columns]
        assert pairs.group_by(layout.columns).agg(pl.struct(coarser).n_unique()).select(pl.last()).max().item() == 1
        before = after
    assert before.select(pl.exclude("leaf")).n_unique() < frame.select(pl.exclude("leaf")).n_unique()
