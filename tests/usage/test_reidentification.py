"""The open extract as somebody attacks it who knows a lot: all of the crowd but one, every place that person was."""

from __future__ import annotations

import gzip
import re
from collections import Counter, defaultdict
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import polars as pl
import psycopg
import pytest
from ortools.linear_solver import pywraplp
from psycopg import sql
from tests.conftest import new_database
from tests.usage import crowd
from tests.usage.crowd import DAYS, HAMLET, MONTH

from mobigo.db.engine import libpq_conninfo
from mobigo.kit.errors import Conflict, InvalidInput, Refused
from mobigo.usage import opening, opening_store, store
from mobigo.usage.daytypes import day_type_of
from mobigo.usage.disclosure import OTHER, Layout, Rule
from mobigo.usage.extract import DEMAND, LAYOUTS, REFUSALS, RIDES

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2026, 11, 10, 9, tzinfo=UTC)
KEY = bytes(range(32))
RULE = Rule()
CROWD = crowd.gather(600, seed=8)

Rows = dict[tuple[str, ...], int]


@pytest.fixture(scope="module")
def database(test_cluster: str) -> Iterator[str]:
    with new_database(test_cluster) as url, psycopg.connect(libpq_conninfo(url)) as connection:
        crowd.load_communes(connection)
        crowd.note(connection, CROWD, seed=8)
        connection.commit()
        yield libpq_conninfo(url)


@contextmanager
def trying(database: str) -> Iterator[psycopg.Connection[Any]]:
    """Do something that is not kept."""
    with psycopg.connect(database) as connection:
        yield connection
        connection.rollback()


def open_october(connection: psycopg.Connection[Any]) -> dict[str, Rows]:
    for day in DAYS:
        opening.note_day(connection, store.read_notes(connection, day))
    opening.open_month(connection, MONTH, RULE, KEY, NOW)
    return {layout.name: read_table(connection, layout) for layout in LAYOUTS}


def read_table(connection: psycopg.Connection[Any], layout: Layout) -> Rows:
    packed = opening_store.find_file(connection, MONTH, layout.name)
    assert packed is not None
    header, *lines = gzip.decompress(packed).decode().splitlines()
    assert header.split(",") == ["month", *layout.columns, "travellers"]
    rows = [line.split(",") for line in lines]
    assert {month for month, *_ in rows} <= {"2026-10"}
    return {tuple(place): int(figure) for _, *place, figure in rows}


@pytest.fixture(scope="module")
def published(database: str) -> dict[str, Rows]:
    with trying(database) as connection:
        return open_october(connection)


def is_single(layout: Layout, place: tuple[str, ...]) -> bool:
    """Tell whether a row is of places in which each traveller counts once."""
    told = dict(zip(layout.columns, place, strict=True))
    if layout is RIDES:
        return told["stop"] != OTHER
    return all(told[end] != OTHER and len(told[end]) > 2 for end in ("origin", "destination"))


def test_something_is_told(published: dict[str, Rows]) -> None:
    for layout in (DEMAND, RIDES, REFUSALS):
        single = [place for place in published[layout.name] if is_single(layout, place)]
        assert len(single) > 3
        assert len(single) < len(published[layout.name])


def test_no_figure_is_small_or_exact(published: dict[str, Rows]) -> None:
    for layout in LAYOUTS:
        for place, figure in published[layout.name].items():
            assert figure % 5 == 0
            assert figure >= (10 if is_single(layout, place) else 25)


def test_the_only_one_of_a_hamlet_is_nowhere(published: dict[str, Rows]) -> None:
    assert not [place for rows in published.values() for place in rows if HAMLET in place]


def test_coming_back_every_hour_of_every_day_makes_no_crowd(database: str, published: dict[str, Rows]) -> None:
    """One who asks and boards for hundreds adds at most one traveller to a figure: at most a step, mostly nothing."""
    tireless = next(one for one in CROWD if one.name == "account:tireless")
    with trying(database) as connection:
        notes = connection.execute(
            "SELECT count(*) FROM trace_search WHERE who = ANY (%s)",
            [[crowd.mask("search", tireless.name, day) for day in DAYS]],
        ).fetchone()
        assert notes
        assert notes[0] > 200
        crowd.without(connection, tireless)
        compare(published, open_october(connection))


@pytest.mark.parametrize("name", ["account:hamlet", "account:0", "account:7", "account:33"])
def test_without_one_traveller_the_extract_differs_within_its_noise(
    database: str, published: dict[str, Rows], name: str
) -> None:
    with trying(database) as connection:
        crowd.without(connection, next(one for one in CROWD if one.name == name))
        compare(published, open_october(connection))


def compare(before: dict[str, Rows], after: dict[str, Rows]) -> None:
    """Hold two extracts against what is promised of one traveller: a step, and what moves between rows by it."""
    for layout in LAYOUTS:
        old, new = before[layout.name], after[layout.name]
        for place in {*old, *new}:
            if is_single(layout, place) and OTHER not in place:
                assert abs(old.get(place, RULE.step) - new.get(place, RULE.step)) <= RULE.step
        assert abs(sum(old.values()) - sum(new.values())) <= 60
        changed = [place for place in {*old, *new} if old.get(place) != new.get(place)]
        assert len(changed) <= 12


# ── what can be worked out ────────────────────────────────────────────────────────────────────────────────────────────


def count_truth(connection: psycopg.Connection[Any], layout: Layout) -> Counter[tuple[str, ...]]:
    """Count as is promised, in plain steps: each traveller once a day in a place; the sum of all days."""
    opening_rows = connection.execute("SELECT day, place, total FROM usage_open_day WHERE layout = %s", [layout.name])
    truth: Counter[tuple[str, ...]] = Counter()
    for _, place, total in opening_rows:
        truth[tuple(place)] += total
    return truth


def days_of(layout: Layout, place: tuple[str, ...]) -> int:
    return sum(day_type_of(day) == place[0] for day in DAYS) if layout.by_day_type else len(DAYS)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda one: one.name)
def test_linear_programs_over_all_rows_find_no_small_figure(
    database: str, published: dict[str, Rows], layout: Layout
) -> None:
    """The attacker knows each place that is not empty, the rule, all rows; and solves for the least and the most."""
    with trying(database) as connection:
        for day in DAYS:
            opening.note_day(connection, store.read_notes(connection, day))
        truth = count_truth(connection, layout)
    rows = published[layout.name]
    solver = pywraplp.Solver.CreateSolver("GLOP")
    amount = {place: solver.NumVar(0, solver.infinity(), str(place)) for place in sorted(truth)}
    left = {place: place for place in truth}
    for depth in layout.depths:
        if depth:
            frame = pl.DataFrame([*left.values()], dict.fromkeys(layout.columns, pl.String), orient="row")
            left = dict(zip(left, layout.coarsen(frame, depth).rows(), strict=True))
        parts: defaultdict[tuple[str, ...], list[tuple[str, ...]]] = defaultdict(list)
        for leaf, place in left.items():
            parts[place].append(leaf)
        bound = 6 if depth < 2 else 24
        for place, leaves in parts.items():
            inside = solver.Sum([amount[leaf] for leaf in leaves])
            figure = rows.get(place)
            solver.Add(inside <= (10 if depth < 2 else 25) if figure is None else inside <= figure + 5)
            if figure is not None:
                solver.Add(inside >= max(figure - 5, bound))
        left = {leaf: place for leaf, place in left.items() if place not in rows}
    small = [place for place in sorted(truth) if truth[place] / days_of(layout, place) < 6]
    assert small
    for place in small[:: -(-len(small) // 150)]:
        ends = []
        for sign in (1, -1):
            solver.Minimize(sign * amount[place])
            assert solver.Solve() == pywraplp.Solver.OPTIMAL
            ends.append(amount[place].solution_value())
        mean = truth[place] / days_of(layout, place)
        assert ends[0] - 1e-6 <= mean <= ends[1] + 1e-6
        assert ends[1] - ends[0] > 4
        assert max(ends[1] - mean, mean - ends[0]) > 2


def test_whoever_is_in_a_row_is_one_of_many(database: str, published: dict[str, Rows]) -> None:
    """No trajectory is unique: each row one was in holds six travellers on an average day, and rows are not joined."""
    with trying(database) as connection:
        boarded = connection.execute(
            "SELECT day, source || ':' || route, source || ':' || stop, encode(who, 'hex') FROM trace_ride"
            " WHERE deed = 'boarded'"
        ).fetchall()
    people: defaultdict[tuple[str, str, str], set[tuple[date, str]]] = defaultdict(set)
    for day, line, stop, who in boarded:
        people[day_type_of(day), line, stop].add((day, who))
    for place in published["rides"]:
        day_type, service, deed, _, line, stop, _ = place
        if (service, deed) == ("transit", "boarded") and OTHER not in {line, stop}:
            days = sum(day_type_of(day) == day_type for day in DAYS)
            assert len(people[day_type, line, stop]) >= 6 * days


# ── what stays ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_no_mask_and_no_name_is_kept_with_what_is_counted_and_published(database: str) -> None:
    with trying(database) as connection:
        open_october(connection)
        tables = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'mobigo'"
            " AND table_type = 'BASE TABLE' AND table_name NOT IN ('trace_search', 'trace_ride')"
        ).fetchall()
        masks = {
            crowd.mask(kind, one.name, day).hex()
            for one in CROWD
            for day in DAYS
            for kind in ("search", "transit", "ondemand", "carpool")
        }
        for (table,) in tables:
            for (row,) in connection.execute(sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(table))):
                assert "account:" not in row
                assert masks.isdisjoint(re.findall(r"\b[0-9a-f]{16}\b", row))
        assert connection.execute("SELECT count(*) FROM usage_open_day").fetchone() == (0,)


def test_a_month_is_opened_once_and_only_when_it_is_over(database: str) -> None:
    with trying(database) as connection:
        with pytest.raises(InvalidInput, match="no day"):
            opening.open_month(connection, MONTH, RULE, KEY, NOW)
        opening.note_day(connection, store.read_notes(connection, DAYS[0]))
        connection.execute("UPDATE usage_day SET final = false WHERE day = '2026-10-31'")
        with pytest.raises(Refused, match="not every day"):
            opening.open_month(connection, MONTH, RULE, KEY, NOW)
        assert opening.open_due(connection, RULE, KEY, NOW) == []
        connection.execute("UPDATE usage_day SET final = true")
        assert [one.month for one in opening.open_due(connection, RULE, KEY, NOW)] == [MONTH]
        opening.note_day(connection, store.read_notes(connection, DAYS[1]))
        assert connection.execute("SELECT count(*) FROM usage_open_day").fetchone() == (0,)
        with pytest.raises(Conflict, match="open already"):
            opening.open_month(connection, MONTH, RULE, KEY, NOW)
        assert opening.open_due(connection, RULE, KEY, NOW) == []


def test_the_same_month_under_the_same_key_is_told_the_same(database: str, published: dict[str, Rows]) -> None:
    with trying(database) as connection:
        assert open_october(connection) == published


def test_ids_with_any_signs_are_summed_as_they_are(database: str) -> None:
    odd = ['q"uo,te', "{brace}", "back\\slash\\", "", "null", "é ' ;", "x"]
    assert len(odd) == len(RIDES.columns)
    frame = pl.DataFrame([(*odd, 3)], {**dict.fromkeys(RIDES.columns, pl.String), "total": pl.Int64}, orient="row")
    with trying(database) as connection:
        for day in DAYS[:2]:
            opening_store.note_day(connection, day, {"rides": frame})
        opening_store.note_day(connection, DAYS[0], {"rides": frame})  # in place of what there was
        assert opening_store.sum_month(connection, MONTH, RIDES).rows() == [(*odd, 6)]
