"""``mobigo route`` against an exhaustive search, and both against answers worked out by hand."""

from __future__ import annotations

import csv
import json
from datetime import datetime
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from tests.examples import Example, read_examples
from tests.random_feeds import Case, cases, seeded_case, write_rows
from tests.route_oracle import Leg, Options, Oracle, Triple

from mobigo.cli.main import main, mobigo

if TYPE_CHECKING:
    from pathlib import Path

    from tests.route_oracle import Run

ORDINARY_SEEDS = range(60)
LONG_SEEDS = range(1_000, 3_000)


class Row(NamedTuple):
    """A row the program wrote."""

    triple: Triple
    legs: tuple[Leg, ...]


def seconds(text: str) -> int:
    moment = datetime.fromisoformat(text)
    assert moment.tzinfo is not None, f"{text} has no offset"
    return int(moment.timestamp())


def run_route(case: Case, folder: Path) -> dict[str, list[Row]]:
    """Answers of the program by query id, as its command writes them."""
    feed = folder / "feed"
    feed.mkdir(parents=True, exist_ok=True)
    for old in feed.iterdir():
        old.unlink()
    for name, text in case.files.items():
        (feed / name).write_text(text)
    (folder / "q.csv").write_text(write_rows(case.queries))
    arguments = ["route", str(feed), "--queries", str(folder / "q.csv"), "--out", str(folder / "r.csv")]
    arguments += ["--link-metres", str(case.link_metres), "--change-seconds", str(case.change_seconds)]
    if case.footpaths is not None:
        (folder / "f.csv").write_text("from_stop,to_stop,seconds\n" + write_rows(case.footpaths).partition("\n")[2])
        arguments += ["--footpaths", str(folder / "f.csv")]
    CliRunner().invoke(mobigo, arguments, catch_exceptions=False)
    rows: dict[str, list[Row]] = {query["id"]: [] for query in case.queries}
    with (folder / "r.csv").open(newline="") as lines:
        for row in csv.DictReader(lines):
            triple = Triple(seconds(row["departure"]), seconds(row["arrival"]), int(row["transfers"]))
            rows[row["id"]].append(Row(triple, tuple(read_leg(leg) for leg in json.loads(row["legs"]))))
    return rows


def read_leg(leg: dict[str, Any]) -> Leg:
    times = (seconds(leg["departure"]), seconds(leg["arrival"]))
    return Leg(leg.get("trip_id"), leg["from_stop"], leg["to_stop"], *times)


def make_oracle(case: Case) -> Oracle:
    return Oracle(case.files, Options(case.link_metres, case.change_seconds, case.footpaths))


def compare(case: Case, folder: Path) -> list[str]:
    """Say where the program and the exhaustive search differ, and which legs cannot be ridden."""
    oracle = make_oracle(case)
    answers = run_route(case, folder)
    faults = []
    for query in case.queries:
        expected, rows = oracle.answer(query), answers[query["id"]]
        got = [row.triple for row in rows]
        if got != sorted(set(got)):
            faults.append(f"{query}: rows are not sorted or come twice: {got}")
        faults += [f"{query}: missing {triple}, such as {expected[triple]}" for triple in set(expected) - set(got)]
        faults += [f"{query}: {row.triple} is too much: {row.legs}" for row in rows if row.triple not in expected]
        faults += [f"{query}: {row}: {fault}" for row in rows for fault in check_legs(oracle, query, row)]
    return faults


def check_legs(oracle: Oracle, query: dict[str, str], row: Row) -> list[str]:
    """Say why the legs of a row cannot be what its triple says."""
    legs = row.legs
    if not legs:
        return [] if row.triple.departure == row.triple.arrival else ["no legs"]
    faults = []
    if (legs[0].departure, legs[-1].arrival) != row.triple[:2]:
        faults.append("legs begin or end at another time")
    if legs[0].from_stop not in oracle.places.meaning[query["from_stop"]]:
        faults.append("legs begin elsewhere")
    if legs[-1].to_stop not in oracle.places.meaning[query["to_stop"]]:
        faults.append("legs end elsewhere")
    return faults + check_walks(oracle, legs) + check_rides(oracle, row)


def check_rides(oracle: Oracle, row: Row) -> list[str]:
    """Say where one cannot get on, off or across."""
    rides = [leg for leg in row.legs if leg.trip is not None]
    faults = [f"{ride} is not in the feed" for ride in rides if not find_runs(oracle, ride)]
    seated = 0
    for before, after in pairwise(rides):
        joined = row.legs.index(after) == row.legs.index(before) + 1
        runs = product(find_runs(oracle, before), find_runs(oracle, after))
        if joined and any(b in oracle.seams.get(a, []) for a, b in runs):
            seated += 1
            continue
        change = oracle.find_change((before.to_stop, after.from_stop), (before.trip, after.trip))
        if change is None or before.arrival + change.seconds > after.departure:
            faults.append(f"no change from {before} to {after}")
        if not (alights(oracle, before) and boards(oracle, after)):
            faults.append(f"forbidden to change from {before} to {after}")
    if rides and not (boards(oracle, rides[0]) and alights(oracle, rides[-1])):
        faults.append("forbidden to get on or off")
    if max(0, len(rides) - 1 - seated) > row.triple.transfers:
        faults.append(f"{len(rides)} rides, {seated} seats kept")
    return faults


def check_walks(oracle: Oracle, legs: tuple[Leg, ...]) -> list[str]:
    """Say where legs do not meet, and which first or last walk is none."""
    faults = []
    for before, after in pairwise(legs):
        if before.to_stop != after.from_stop and None in (before.trip, after.trip):
            faults.append(f"{before} does not meet {after}")
        if before.trip is None and after.trip is None:
            faults.append("two walks in a row")
        if before.arrival > after.departure:
            faults.append(f"{after} leaves before {before} arrives")
    ends = [leg for leg in {legs[0], legs[-1]} if leg.trip is None]
    known = {leg: oracle.walks.get((leg.from_stop, leg.to_stop)) for leg in ends}
    return faults + [f"{leg} is no walk" for leg in ends if known[leg] != leg.arrival - leg.departure]


def calls_of(run: Run, leg: Leg) -> list[tuple[int, int]]:
    """Between which calls of a run a leg goes."""
    on = [n for n, call in enumerate(run.calls) if (call.stop, call.departure) == (leg.from_stop, leg.departure)]
    off = [n for n, call in enumerate(run.calls) if (call.stop, call.arrival) == (leg.to_stop, leg.arrival)]
    return [(a, b) for a in on for b in off if a < b]


def find_runs(oracle: Oracle, leg: Leg) -> list[int]:
    return [n for n, run in enumerate(oracle.runs) if run.trip == leg.trip and calls_of(run, leg)]


def boards(oracle: Oracle, leg: Leg) -> bool:
    found = [(oracle.runs[n], ends) for n in find_runs(oracle, leg) for ends in calls_of(oracle.runs[n], leg)]
    return any(run.calls[a].boards for run, (a, _) in found)


def alights(oracle: Oracle, leg: Leg) -> bool:
    found = [(oracle.runs[n], ends) for n in find_runs(oracle, leg) for ends in calls_of(oracle.runs[n], leg)]
    return any(run.calls[b].alights for run, (_, b) in found)


@pytest.mark.parametrize("seed", ORDINARY_SEEDS)
def test_the_program_finds_what_the_exhaustive_search_finds(seed: int, tmp_path: Path) -> None:
    assert compare(seeded_case(seed), tmp_path) == []


@pytest.mark.slow
def test_the_program_finds_it_on_thousands_of_feeds(tmp_path: Path) -> None:
    differing = {seed: faults for seed in LONG_SEEDS if (faults := compare(seeded_case(seed), tmp_path))}
    assert differing == {}


@pytest.mark.slow
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=cases)
def test_the_program_finds_it_on_feeds_that_hypothesis_draws(
    case: Case, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert compare(case, tmp_path_factory.mktemp("drawn")) == []


def test_an_unknown_stop_ends_with_2_and_names_the_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = seeded_case(1)
    run_route(case, tmp_path)
    (tmp_path / "q.csv").write_text("id,from_stop,to_stop,time\nlost,A,Nowhere,2026-06-10T08:00\n")
    with pytest.raises(SystemExit) as ended:
        main(["route", f"{tmp_path}/feed", "--queries", f"{tmp_path}/q.csv", "--out", f"{tmp_path}/r.csv"])
    assert ended.value.code == 2
    assert "lost" in (said := capsys.readouterr().err)
    assert "Nowhere" in said


# --- worked out by hand ----------------------------------------------------------------------------------------------

EXAMPLES = """
of equal arrivals the latest departure
trip t A 08:00 B 08:30
trip u A 08:10 B 08:30
ask A B 07:00
get 08:10 08:30 0

fewer transfers are worth waiting for
trip t A 08:00 B 08:10
trip u B 08:10 C 08:20
trip v A 08:00 C 09:00
ask A C 08:00
get 08:00 08:20 1
get 08:00 09:00 0

fewer transfers are worth waiting for, even until tomorrow
trip t A 08:00 B 08:10
trip u B 08:10 C 08:20
trip v A 32:00 C 33:00
ask A C 08:00
get 08:00 08:20 1
get 2026-06-11T08:00 2026-06-11T09:00 0

arriving by a time, the latest departure
trip t A 08:00 B 08:30
trip u A 08:10 B 08:40
trip v A 08:20 B 09:01
ask A B 09:00 arrive
get 08:10 08:40 0

of equal departures the earliest arrival
trip t A 08:00 B 08:30
trip u A 08:00 B 08:40
ask A B 09:00 arrive
get 08:00 08:30 0

both ends of the window are in
trip t A 08:00 B 08:10
trip u A 08:30 B 08:40
trip v A 09:00 B 09:10
trip w A 09:01 B 09:02
ask A B 08:00 depart 60
get 08:00 08:10 0
get 08:30 08:40 0
get 09:00 09:10 0

both ends of the arrival window are in
trip t A 08:00 B 08:10
trip u A 08:30 B 09:10
trip v A 08:20 B 09:11
ask A B 09:10 arrive 60
get 08:00 08:10 0
get 08:30 09:10 0

no transfer allowed
trip t A 08:00 B 08:10
trip u B 08:10 C 08:20
ask A C 08:00 depart 0 0

a change takes no time by default
trip t A 08:00 B 08:10
trip u B 08:10 C 08:20
ask A C 08:00
get 08:00 08:20 1

a change takes change-seconds
option change_seconds 60
trip t A 08:00 B 08:10
trip u B 08:10 C 08:20
trip v B 08:11 C 08:30
ask A C 08:00
get 08:00 08:30 1

min_transfer_time replaces a shorter change
transfer B B 2 180
trip t A 08:00 B 08:10
trip u B 08:12 C 08:20
trip v B 08:13 C 08:30
ask A C 08:00
get 08:00 08:30 1

min_transfer_time replaces a longer change
option change_seconds 600
transfer B B 2 0
trip t A 08:00 B 08:10
trip u B 08:10 C 08:20
ask A C 08:00
get 08:00 08:20 1

min_transfer_time replaces walk and change together
option change_seconds 600
transfer B E 2 20
stop E 47.1005 4.0
trip t A 08:00 B 08:10
trip u E 08:10:20 C 08:20
ask A C 08:00
get 08:00 08:20 1

type 3 forbids a change at the stop
transfer B B 3
trip t A 08:00 B 08:10
trip u B 08:10 C 08:20
ask A C 08:00

type 3 forbids a change over a link
transfer B E 3
stop E 47.1005 4.0
trip t A 08:00 B 08:10
trip u E 08:20 C 08:30
ask A C 08:00

type 3 does not forbid to walk to the first vehicle
transfer B E 3
stop E 47.1005 4.0
trip t E 08:10 C 08:20
ask B C 08:00
get 08:09:13 08:20 0

a change over a link takes the walk and change-seconds
option change_seconds 60
stop E 47.1005 4.0
trip t A 08:00 B 08:10
trip u E 08:11:46 C 08:20
trip v E 08:11:47 C 08:30
ask A C 08:00
get 08:00 08:30 1

no link beyond link-metres
option link_metres 55
stop E 47.1005 4.0
trip t A 08:00 B 08:10
trip u E 08:20 C 08:30
ask A C 08:00

one who is already there is there
stop E 47.1005 4.0
trip t B 08:00 E 09:00
trip u E 09:00 B 10:00
ask B B 07:00
get 07:00 07:00 0

a walk before and a walk after cost no change-seconds
option change_seconds 600
stop E 47.1005 4.0
stop F 47.2005 4.0
trip t E 08:00 F 09:00
ask B C 07:00
get 07:59:13 09:00:47 0

walks are not chained
stop E 47.1005 4.0
stop F 47.1010 4.0
trip t C 08:00 D 08:10
ask B F 08:00

walking alone leaves at once and has no transfers
stop E 47.1005 4.0
trip t B 08:00 E 08:10
ask B E 08:00
get 08:00 08:00:47 0

walking alone in a window is one row and dominates slower vehicles
stop E 47.1005 4.0
trip t B 08:10 E 08:12
trip u B 08:20 E 08:20:40
ask B E 08:00 depart 60
get 08:00 08:00:47 0
get 08:20 08:20:40 0

a row of transfers.txt makes a walk at any distance
transfer B C 2 300
trip t A 08:00 B 08:10
trip u C 08:14 D 08:30
trip v C 08:15 D 08:40
ask A D 08:00
get 08:00 08:40 1

a row of transfers.txt is directed
transfer C B 2 300
trip t A 08:00 B 08:10
trip u C 08:20 D 08:30
ask A D 08:00

footpaths replace links and transfers.txt
option change_seconds 60
footpath B C 60
transfer B C 3
stop E 47.1005 4.0
trip t A 08:00 B 08:10
trip u E 08:20 D 08:30
trip v C 08:12 D 08:40
ask A D 08:00
get 08:00 08:40 1

a station means any of its stops
station S A C
station T B D
trip t A 08:00 B 08:10
trip u C 08:05 D 08:20
ask S T 08:00
get 08:00 08:10 0

a row of a station counts for its stops
station S B C
transfer S S 2 180
trip t A 08:00 B 08:10
trip u C 08:12 D 08:20
trip v C 08:13 D 08:30
ask A D 08:00
get 08:00 08:30 1

staying seated is no transfer and no change
transfer B B 3
block v t u
trip t A 08:00 B 08:10
trip u B 08:10 C 08:20
ask A C 08:00 depart 0 0
get 08:00 08:20 0

staying seated while the vehicle moves to another stop
block v t u
trip t A 08:00 B 08:10
trip u C 08:20 D 08:30
ask A D 08:00
get 08:00 08:30 0

trips of a block that overlap are not one vehicle
block v t u
trip t A 08:00 B 08:10
trip u C 08:09 D 08:30
ask A D 08:00

trips may be linked, and blocks cut, by transfers.txt
block v t u
transfer - - 4 - u w
transfer - - 5 - t u
trip t A 08:00 B 08:10
trip u B 08:10 C 08:20
trip w C 08:30 D 08:40
ask A D 08:00
get 08:00 08:40 1

a trip begun two days before
trip t A 47:50 B 48:30 C 49:00
ask B C 2026-06-12T00:00
get 2026-06-12T00:30 2026-06-12T01:00 0

frequencies stop before their end
frequency f 08:00:00 08:20:00 600
trip f A 00:00 B 00:10
ask A B 08:00 depart 60
get 08:00 08:10 0
get 08:10 08:20 0

in spring service begins at 23:00 the day before
day 20260329
trip t A 01:30 B 03:30
ask A B 2026-03-28T12:00
get 2026-03-29T00:30+01:00 2026-03-29T03:30+02:00 0

in autumn the night has an hour more
day 20261025
trip t A 01:30 B 02:30 C 03:30
ask A C 2026-10-24T12:00
get 2026-10-25T02:30+02:00 2026-10-25T03:30+01:00 0

in autumn a trip of the next day is linked though by the times of the file it leaves too early
day 20261024
service 20261025 u
transfer B B 3
transfer - - 4 - t u
block v t w
trip t A 31:00 B 31:30
trip w B 31:40 D 31:50
trip u B 07:00 D 07:50
ask A D 2026-10-24T12:00
get 2026-10-25T06:00+01:00 2026-10-25T07:50+01:00 0

in spring a trip of the next day has left before, and the block goes on
day 20260328
service 20260329 u
transfer B B 3
transfer - - 4 - t u
block v t w
trip t A 23:50 B 24:30
trip u B 00:40 D 00:50
trip w B 25:00 D 25:10
ask A D 2026-03-28T12:00
get 2026-03-28T23:50+01:00 2026-03-29T01:10+01:00 0

missing times lie along the way
trip t A 08:00 B - C - D 08:30
ask B C 08:00
get 08:10 08:20 0

one may stay aboard through a loop
trip t A 08:00 B 08:10 A 08:20 C 08:30
ask A C 08:00
get 08:20 08:30 0
"""


BY_HAND = read_examples(EXAMPLES)


@pytest.mark.parametrize("example", BY_HAND, ids=[example.rule for example in BY_HAND])
def test_the_exhaustive_search_agrees_with_the_hand(example: Example) -> None:
    assert sorted(make_oracle(example.case).answer(example.case.queries[0])) == triples(example)


@pytest.mark.parametrize("example", BY_HAND, ids=[example.rule for example in BY_HAND])
def test_the_program_agrees_with_the_hand(example: Example, tmp_path: Path) -> None:
    assert [row.triple for row in run_route(example.case, tmp_path)["q"]] == triples(example)


def triples(example: Example) -> list[Triple]:
    return [Triple(*journey[:3]) for journey in example.answer]
