"""What a traveller may ask besides time and changes, one wish each, worked out by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.examples import Example, open_example, read_examples
from tests.questions import open_case
from tests.transit.test_general_against_oracle import check_rides

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES = """
only some lines
line 2 u
trip t A 08:00 B 08:30
trip u A 08:10 B 08:20
ride 1
ask A B 07:00
get 08:00 08:30 0

only some trips
trip t A 08:00 B 08:10
trip u A 08:05 B 08:20
without t
ask A B 07:00
get 08:05 08:20 0

nobody stays seated into a trip that may not be ridden
block v t u
trip t A 08:00 B 08:10
trip u B 08:12 C 08:20
trip w B 08:15 C 08:30
without u
ask A C 07:00
get 08:00 08:30 1

a closed stop may be passed
trip t A 08:00 B 08:10 C 08:20
closed B
ask A C 07:00
get 08:00 08:20 0

nobody changes at a closed stop
trip t A 08:00 B 08:10 D 08:40
trip u B 08:10 C 08:20
trip w D 08:45 C 09:00
closed B
ask A C 07:00
get 08:00 09:00 1

nobody gets on or off at a closed stop
stop E 46.9995 4.0
trip t A 08:10 B 08:30
trip u E 08:00 B 08:25
trip w A 08:20 B 08:24
closed A
ask A B 07:00
get 07:59:13 08:25 0

a slow walker needs twice as long between stops
stop E 47.1005 4.0
trip t A 08:00 B 08:10
trip u E 08:11:33 C 08:20
trip v E 08:11:34 C 08:30
walk-factor 2
ask A C 07:00
get 08:00 08:30 1

a slow walker needs twice the least time of a change
transfer B B 2 100
trip t A 08:00 B 08:10
trip u B 08:13:19 C 08:20
trip v B 08:13:20 C 08:30
walk-factor 2
ask A C 07:00
get 08:00 08:30 1

the seconds of every change are no walk
option change_seconds 60
trip t A 08:00 B 08:10
trip u B 08:11 C 08:20
walk-factor 2
ask A C 07:00
get 08:00 08:20 1

a slow walker walks no faster to the first stop
stop E 46.9995 4.0
trip t E 08:00 B 08:10
walk-factor 2
ask A B 07:00
get 07:59:13 08:10 0

no walk longer than the longest
stop E 47.1005 4.0
trip t A 08:00 B 08:10
trip u E 08:20 C 08:30
trip v B 08:20 C 08:40
longest-walk 46
ask A C 07:00
get 08:00 08:40 1

a walk as long as the longest
stop E 47.1005 4.0
trip t A 08:00 B 08:10
trip u E 08:20 C 08:30
longest-walk 47
ask A C 07:00
get 08:00 08:30 1

a slow walker's longest walk is shorter
stop E 47.1005 4.0
trip t A 08:00 B 08:10
trip u E 08:20 C 08:30
walk-factor 2
longest-walk 93
ask A C 07:00

the least time of a change
trip t A 08:00 B 08:10
trip u B 08:12:59 C 08:20
trip v B 08:13:00 C 08:30
min-change 180
ask A C 07:00
get 08:00 08:30 1

the least time of a change holds a longer walk
transfer B B 2 300
trip t A 08:00 B 08:10
trip u B 08:15 C 08:20
min-change 180
ask A C 07:00
get 08:00 08:20 1

slack is added to what a change takes
transfer B B 2 300
trip t A 08:00 B 08:10
trip u B 08:15:59 C 08:20
trip v B 08:16:00 C 08:30
min-change 180
slack 60
ask A C 07:00
get 08:00 08:30 1

a vehicle that waits needs neither
rule B B 1 trip:t trip:u
trip t A 08:00 B 08:10
trip u B 08:10 C 08:20
min-change 180
slack 60
ask A C 07:00
get 08:00 08:20 1

staying seated needs neither
block v t u
trip t A 08:00 B 08:10
trip u B 08:10 C 08:20
min-change 180
slack 60
ask A C 07:00
get 08:00 08:20 0

the first vehicle and the last walk need neither
trip t A 08:00 B 08:10
min-change 180
slack 60
ask A B 08:00
get 08:00 08:10 0

arriving by a time with slack
trip s A 07:50 B 08:00
trip t A 08:00 B 08:10
trip u B 08:10:30 C 08:20
slack 60
ask A C 08:20 arrive
get 07:50 08:20 1

a cheap trip beside a quick one
trip t A 08:00 B 08:10
trip u A 08:00 B 08:30
price trip t 100
ask A B 07:00
get 08:00 08:10 0 100
get 08:00 08:30 0 0

a dear trip that is no quicker goes
trip t A 08:00 B 08:10
trip u A 08:00 B 08:10
price trip t 100
price trip u 99
ask A B 07:00
get 08:00 08:10 0 99

a trip is paid at each boarding, a seat kept is not
block v t u
trip t A 08:00 B 08:10
trip u B 08:20 C 08:30
price trip t 100
price trip u 70
ask A C 07:00
get 08:00 08:30 0 100

a change for the sake of the price
trip t A 08:00 B 08:10 C 08:20
trip u B 08:30 C 08:40
trip v A 08:00 B 08:15
price trip t 100
price trip u 30
price trip v 30
ask A C 07:00
get 08:00 08:20 0 100
get 08:00 08:40 1 60

stops are paid by those who get on or off
trip t A 08:00 B 08:10
trip u B 08:10 C 08:20
price stop A 1
price stop B 10
price stop C 100
ask A C 07:00
get 08:00 08:20 1 121

a stop that is passed costs nothing
trip t A 08:00 B 08:10 C 08:20
price stop B 10
ask A C 07:00
get 08:00 08:20 0 0

kilometres cost by line
line 2 u
trip t A 08:00 B 08:10
trip u B 08:10 C 08:20
price kilometre 1 10
price kilometre 2 100
ask A C 07:00
get 08:00 08:20 1 1223

seconds on foot cost, waiting does not
stop E 47.1005 4.0
trip t A 08:00 B 08:10
trip u E 08:20 C 08:30
price walk 2
ask A C 07:00
get 08:00 08:30 1 94

walks at the ends cost too
stop E 46.9995 4.0
stop F 47.1005 4.0
trip t E 08:00 F 08:10
price walk 1
ask A B 07:00
get 07:59:13 08:10:47 0 94

a time to change at one stop costs no walk
transfer B B 2 300
trip t A 08:00 B 08:10
trip u B 08:20 C 08:30
price walk 2
ask A C 07:00
get 08:00 08:30 1 0

a window with prices
trip t A 08:00 B 08:30
trip u A 08:10 B 08:20
trip v A 08:20 B 08:50
price trip u 10
ask A B 08:00 depart 60
get 08:00 08:30 0 0
get 08:10 08:20 0 10
get 08:20 08:50 0 0

a ride that is slower than walking may be cheaper
trip t A 08:00 B 08:30
trip u A 08:05 B 08:20
on-foot 1200
price walk 1
price trip t 1100
price trip u 1300
ask A B 08:00 depart 60
get 08:00 08:20 0 1200
get 08:00 08:30 0 1100
get 08:05 08:20 0 1300

arriving by a time with prices
trip t A 08:00 B 08:30
trip u A 08:10 B 08:30
price trip u 10
ask A B 09:00 arrive
get 08:00 08:30 0 0
get 08:10 08:30 0 10

riding through a place is passing it
trip t A 08:00 B 08:10 C 08:20
trip u A 08:00 C 08:05
via 0 B
ask A C 07:00
get 08:00 08:20 0

riding through a stop beside a place is not
trip t A 08:00 B 08:10 C 08:20
trip u B 08:19 C 08:30
trip v B 08:20 C 08:40
via 0 B/300/300
ask A C 07:00
get 08:00 08:40 1

who stays gets off
trip t A 08:00 B 08:10 C 08:20
trip u B 08:19:59 C 08:30
trip v B 08:20 C 08:40
via 600 B
ask A C 07:00
get 08:00 08:40 1

a place lies between two of its stops
stop E 47.1005 4.0
trip t A 08:00 B 08:10
trip u E 08:18:59 C 08:30
trip v E 08:19 C 08:40
via 300 B/120/60 E/60/120
ask A C 07:00
get 08:00 08:40 1

a visit is no change that could be forbidden
transfer B B 3
trip t A 08:00 B 08:10
trip u B 08:15 C 08:30
via 300 B
ask A C 07:00
get 08:00 08:30 1

a visit is no quicker than a change
trip t A 08:00 B 08:10
trip u B 08:13:59 C 08:30
trip v B 08:14 C 08:40
min-change 180
slack 60
via 100 B
ask A C 07:00
get 08:00 08:40 1

places come in the order asked
trip t A 08:00 B 08:10 C 08:20
trip u C 08:30 B 08:40
trip v B 08:50 D 09:00
via 0 C
via 0 B
ask A D 07:00
get 08:00 09:00 2

two places in one vehicle
trip t A 08:00 B 08:10 C 08:20 D 08:30
via 0 B
via 0 C
ask A D 07:00 depart 0 0
get 08:00 08:30 0

where one gets on and where one gets off are passed
trip t A 08:00 B 08:10
via 0 A
via 0 B
ask A B 07:00
get 08:00 08:10 0

a vehicle that one stays seated in passes for both its trips
block v t u
trip t A 08:00 B 08:10
trip u B 08:15 C 08:20 D 08:30
via 0 C
ask A D 07:00 depart 0 0
get 08:00 08:30 0

a place to visit before the first vehicle
trip t A 08:00 B 08:10
via 300 A/60/60
ask A B 07:00
get 07:53 08:10 0

a place to visit after the last vehicle
trip t A 08:00 B 08:10
via 300 B/60/60
ask A B 07:00
get 08:00 08:17 0

two places beside one stop
trip t A 08:00 B 08:10
trip u B 08:32 C 08:40
trip v B 08:34 C 08:50
via 600 B/60/60
via 600 B/60/60
ask A C 07:00
get 08:00 08:50 1

arriving by a time through a place
trip s A 07:50 B 08:00
trip t A 08:00 B 08:10
trip u B 08:15 C 08:30
via 600 B
ask A C 09:00 arrive
get 07:50 08:30 1

a window through a place
trip s A 07:50 B 08:00
trip t A 08:00 B 08:10
trip u B 08:15 C 08:30
trip v B 08:25 C 08:40
via 600 B
ask A C 07:30 depart 60
get 07:50 08:30 1
get 08:00 08:40 1

a detour to a place
trip t A 08:00 B 08:10 C 08:20
trip u B 08:12 D 08:30
trip w D 08:35 C 08:50
via 0 D
ask A C 07:00
get 08:00 08:50 2

a place counts a change as any other does
trip t A 08:00 B 08:10 C 08:20
trip v B 08:20 C 08:40
via 600 B
ask A C 07:00 depart 0 0

walks to a place cost
trip t A 08:00 B 08:10
trip u B 08:20 C 08:30
via 60 B/120/60
price walk 1
ask A C 07:00
get 08:00 08:30 1 180

a place nobody gets to
trip t A 08:00 B 08:10
via 0 D
ask A B 07:00
"""

BY_HAND = read_examples(EXAMPLES)


@pytest.mark.parametrize("example", BY_HAND, ids=[example.rule for example in BY_HAND])
def test_the_exhaustive_search_agrees_with_the_hand(example: Example) -> None:
    oracle, question = open_example(example)
    assert sorted(oracle.ask(question)) == example.answer


@pytest.mark.parametrize("example", BY_HAND, ids=[example.rule for example in BY_HAND])
def test_the_program_agrees_with_the_hand(example: Example, tmp_path: Path) -> None:
    oracle, question = open_example(example)
    asked = open_case(example.case, tmp_path)
    found = [asked.read(journey) for journey in asked.search(question)]
    assert sorted(claim for claim, _ in found) == example.answer
    assert [fault for claim, rides in found for fault in check_rides(oracle, question, claim, rides)] == []
