"""What makes a journey possible, one rule each, worked out by hand; then on random feeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.examples import Example, open_example, read_examples
from tests.questions import open_case
from tests.transit.test_route_against_oracle import compare
from tests.wish_feeds import seeded

if TYPE_CHECKING:
    from pathlib import Path

ORDINARY_SEEDS = range(40)
LONG_SEEDS = range(1_000, 2_000)

EXAMPLES = """
a time between two trips concerns those two
rule B B 2/600 trip:t trip:u
trip t A 08:00 B 08:10
trip u B 08:15 C 08:25
trip v B 08:16 C 08:40
ask A C 08:00
get 08:00 08:40 1

a time between two trips counts to the second
rule B B 2/61 trip:t trip:u
rule B B 2/61 trip:t trip:v
trip t A 08:00 B 08:10
trip u B 08:11:00 C 08:25
trip v B 08:11:01 C 08:40
ask A C 08:00
get 08:00 08:40 1

a time between lines may be shorter than every other
option change_seconds 600
rule B B 2/30 line:1 line:2
line 2 u
trip t A 08:00 B 08:10
trip u B 08:10:30 C 08:20
trip v B 08:15 C 08:30
ask A C 08:00
get 08:00 08:20 1

a change may be forbidden between lines, and others made
rule B B 3 line:1 line:2
line 2 u
line 3 v
trip t A 08:00 B 08:10
trip u B 08:10 C 08:20
trip v B 08:20 C 08:40
ask A C 08:00
get 08:00 08:40 1

a change forbidden to one who arrives by a line
rule B B 3 line:2 any
line 2 t
trip t A 08:00 B 08:10
trip x A 07:30 B 08:15
trip u B 08:20 C 08:30
ask A C 07:00
get 07:30 08:30 1

a change forbidden to one who would leave by a trip
rule B B 3 any trip:u
trip t A 08:00 B 08:10
trip u B 08:20 C 08:30
trip v B 08:20 C 08:40
ask A C 07:00
get 08:00 08:40 1

one line is more than none
transfer B B 3
rule B B 0 line:1 any
line 2 x
trip t A 08:00 B 08:10
trip x D 08:05 B 08:10
trip u B 08:20 C 08:30
station S A D
ask S C 07:00
get 08:00 08:30 1

two lines are more than one
rule B B 3 line:1 any
rule B B 0 line:1 line:2
line 2 u
line 3 v
trip t A 08:00 B 08:10
trip u B 08:20 C 08:40
trip v B 08:20 C 08:30
ask A C 07:00
get 08:00 08:40 1

one trip is more than two lines
rule B B 3 line:1 line:2
rule B B 0 any trip:u
line 2 u v
trip t A 08:00 B 08:10
trip u B 08:20 C 08:40
trip v B 08:20 C 08:30
ask A C 07:00
get 08:00 08:40 1

a trip and a line are more than one trip
rule B B 3 trip:t any
rule B B 0 trip:t line:2
line 2 u
trip t A 08:00 B 08:10
trip u B 08:20 C 08:40
trip v B 08:20 C 08:30
ask A C 07:00
get 08:00 08:40 1

two trips are more than a trip and a line
rule B B 3 trip:t line:2
rule B B 0 trip:t trip:u
line 2 u v
trip t A 08:00 B 08:10
trip u B 08:20 C 08:40
trip v B 08:20 C 08:30
ask A C 07:00
get 08:00 08:40 1

the order of the rows says nothing about their rank
rule B B 0 trip:t trip:u
rule B B 3 trip:t line:2
line 2 u v
trip t A 08:00 B 08:10
trip u B 08:20 C 08:40
trip v B 08:20 C 08:30
ask A C 07:00
get 08:00 08:40 1

of two rows of one rank the first counts
rule B B 2/60 line:1 any
rule B B 2/600 any line:2
line 2 u
trip t A 08:00 B 08:10
trip u B 08:11 C 08:20
ask A C 07:00
get 08:00 08:20 1

a row that names a station counts for its stops
station S B E
stop E 47.1005 4.0
rule S S 2/300 line:1 line:2
line 2 u v
trip t A 08:00 B 08:10
trip u E 08:14:59 C 08:20
trip v E 08:15:00 C 08:40
ask A C 07:00
get 08:00 08:40 1

of two rows of one rank that of the stop counts
station S B E
stop E 47.1005 4.0
rule S S 3 line:1 line:2
rule B E 2/60 line:1 line:2
line 2 u
trip t A 08:00 B 08:10
trip u E 08:11 C 08:20
ask A C 07:00
get 08:00 08:20 1

a walk there is for two trips only
rule B D 2/300 trip:t trip:u
trip t A 08:00 B 08:10
trip u D 08:15 C 08:20
trip v D 08:20 C 08:22
ask A C 07:00
get 08:00 08:20 1

a walk there is for two trips only, and not for others
rule B D 2/300 trip:t trip:u
trip t A 08:00 B 08:10
trip x A 08:01 B 08:11
trip v D 08:30 C 08:40
trip w B 08:12 C 09:00
ask A C 07:00
get 08:01 09:00 1

a walk there is for two lines only, of which the file says no time
rule B D 0 line:1 line:2
line 2 u v
trip t A 08:00 B 08:10
trip u D 13:18:52 C 13:30
trip v D 13:18:53 C 13:40
ask A C 07:00
get 08:00 13:40 1

such a walk leads to no first and from no last vehicle
rule B D 2/60 line:1 line:2
line 2 u
trip t A 08:00 B 08:10
trip u D 08:20 C 08:30
ask B C 08:00

a row of type 1 takes the time any change takes
option change_seconds 120
rule B B 1 trip:t trip:u
trip t A 08:00 B 08:10
trip u B 08:11 C 08:20
trip v B 08:12 C 08:30
ask A C 07:00
get 08:00 08:30 1

the change of the later trip counts when arriving by a time
rule B B 3 trip:y any
trip x A 08:00 B 08:10
trip y A 08:05 B 08:12
trip u B 08:20 C 08:30
ask A C 09:00 arrive
get 08:00 08:30 1

one who cannot change from a quicker trip changes from a slower
rule B B 3 line:2 line:3
line 2 y
line 3 u
trip x A 08:00 B 08:19
trip y A 08:00 B 08:05
trip u B 08:20 C 08:30
trip z B 08:25 C 08:50
ask A C 07:00 depart 120
get 08:00 08:30 1

trips of two joined vehicles go on as one
transfer - - 4 - t u
transfer - - 4 - x u
station S A D
trip t A 08:00 B 08:10
trip x D 08:02 B 08:12
trip u B 08:15 C 08:25
ask S C 07:00 depart 120 0
get 08:02 08:25 0

a vehicle that is parted goes on as two
transfer - - 4 - t u
transfer - - 4 - t w
station S C D
trip t A 08:00 B 08:10
trip u B 08:15 C 08:30
trip w B 08:16 D 08:25
ask A S 07:00 depart 0 0
get 08:00 08:25 0

staying seated over midnight into the next service day
service 20260611 u
transfer - - 4 - t u
trip t A 23:30 B 23:50
trip u B 00:10 C 00:30
ask A C 23:00 depart 0 0
get 23:30 2026-06-11T00:30 0

nobody waits a day in a vehicle that goes on the same day
service 20260611 u
transfer - - 4 - t u
trip t A 08:00 B 08:10
trip u B 08:15 C 08:25
ask A C 07:00 depart 0 0

staying seated after midnight of one service day
block v t u
trip t A 23:30 B 23:50
trip u B 24:10 C 24:30
ask A C 23:00 depart 0 0
get 23:30 2026-06-11T00:30 0

a joined trip takes the place of the next in the block
block v t u
transfer - - 4 - t w
trip t A 08:00 B 08:10
trip u B 08:15 C 08:25
trip w B 08:12 D 08:30
ask A C 07:00 depart 0 0

a joined trip that does not run that day does not
block v t u
service 20260611 w
transfer - - 4 - t w
trip t A 08:00 B 08:10
trip u B 08:15 C 08:25
trip w B 08:12 D 08:30
ask A C 07:00 depart 0 0
get 08:00 08:25 0

getting off where staying is not allowed takes a change
option change_seconds 120
block v t u
transfer - - 5 - t u
trip t A 08:00 B 08:10
trip u B 08:11 C 08:25
trip w B 08:12 C 08:45
ask A C 07:00
get 08:00 08:45 1

a bus does not go on as a tram
tram 2 u
block v t u
trip t A 08:00 B 08:10
trip u B 08:15 C 08:25
ask A C 07:00 depart 0 0

departures of a frequency that is a timetable
frequency f 08:00:00 08:30:00 600 1
trip f A 00:00 B 00:10
ask A B 08:05 depart 60
get 08:10 08:20 0
get 08:20 08:30 0

departures of a frequency that is none
frequency f 08:00:00 08:30:00 600 0
trip f A 00:00 B 00:10
ask A B 08:05 depart 60
get 08:10 08:20 0
get 08:20 08:30 0

a change from a frequency to a trip named in a row
frequency f 08:00:00 08:30:00 600 1
rule B B 2/300 trip:f trip:u
trip f A 00:00 B 00:10
trip u B 08:14 C 08:30
trip v B 08:25 C 08:40
ask A C 07:00
get 08:10 08:40 1

nobody gets on where only getting off is allowed
trip t A 08:00 B(on) 08:10 C 08:20
trip u B 08:15 C 08:40
ask B C 08:00
get 08:15 08:40 0

nobody gets off where only getting on is allowed
trip t A 08:00 B(off) 08:10 C 08:20
trip u A 08:05 B 08:30
ask A B 08:00
get 08:05 08:30 0

one who phones or tells the driver gets on and off
trip t A 08:00 B(on:phone,off:phone) 08:10 C(off:driver) 08:20
ask B C 08:00
get 08:10 08:20 0

one waits in the vehicle at a stop
trip t A 08:00 B 08:10-08:25 C 08:35
trip u D 08:00 B 08:20
ask D C 07:00
get 08:00 08:35 1
"""

BY_HAND = read_examples(EXAMPLES)


@pytest.mark.parametrize("example", BY_HAND, ids=[example.rule for example in BY_HAND])
def test_the_exhaustive_search_agrees_with_the_hand(example: Example) -> None:
    oracle, question = open_example(example)
    assert sorted(oracle.ask(question)) == example.answer


@pytest.mark.parametrize("example", BY_HAND, ids=[example.rule for example in BY_HAND])
def test_the_quick_search_agrees_with_the_hand(example: Example, tmp_path: Path) -> None:
    _, question = open_example(example)
    asked = open_case(example.case, tmp_path)
    assert sorted(asked.read(journey)[0] for journey in asked.search_quickly(question)) == example.answer


@pytest.mark.parametrize("example", BY_HAND, ids=[example.rule for example in BY_HAND])
def test_the_search_with_wishes_agrees_with_the_hand_when_there_are_none(example: Example, tmp_path: Path) -> None:
    _, question = open_example(example)
    asked = open_case(example.case, tmp_path)
    assert sorted(asked.read(journey)[0] for journey in asked.search(question)) == example.answer


@pytest.mark.parametrize("seed", ORDINARY_SEEDS)
def test_the_quick_search_finds_what_the_exhaustive_search_finds(seed: int, tmp_path: Path) -> None:
    case, _ = seeded(seed)
    assert compare(case, tmp_path) == []


@pytest.mark.slow
def test_the_quick_search_finds_it_on_thousands_of_feeds(tmp_path: Path) -> None:
    differing = {seed: faults for seed in LONG_SEEDS if (faults := compare(seeded(seed)[0], tmp_path))}
    assert differing == {}
