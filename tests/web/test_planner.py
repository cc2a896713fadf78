"""From the planner's answer to what the page shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mobigo.journeys.model import Journey, Leg, Line, Mode, Place, Plan, Step
from mobigo.web.planner import map_journeys, step_text, view_plan
from mobigo.web.question import End, Question
from mobigo.web.words import read_words

SEVEN = datetime(2026, 11, 23, 7, 0, tzinfo=ZoneInfo("Europe/Paris"))
HERE, THERE = Place("47.49,4.33", 47.49, 4.33), Place("47.32,5.02", 47.32, 5.02)
SQUARE, STATION = Place("Place", 47.5, 4.4, "a:1"), Place("Gare", 47.6, 4.5, "a:2")
COACH = Line("a:126", "126", "Semur - Montbard", "FFD100", None, "Cars")
QUESTION = Question(End("Semur", "47.49,4.33"), End("Dijon", "47.32,5.02"), SEVEN)


def walk(start: Place, end: Place, leaves: int, arrives: int) -> Leg:
    return Leg(Mode.WALK, start, end, minute(leaves), minute(arrives), ((4.33, 47.49), (4.4, 47.5)), metres=300.0)


def ride(start: Place, end: Place, leaves: int, arrives: int, **more: bool) -> Leg:
    shape = ((4.4, 47.5), (4.4123456, 47.51), (4.5, 47.6))
    return Leg(Mode.COACH, start, end, minute(leaves), minute(arrives), shape, trip_id="a:t", line=COACH, **more)


def minute(n: int) -> datetime:
    return SEVEN + timedelta(minutes=n)


def plan(*legs: Leg) -> Plan:
    return Plan((Journey("j", legs[0].departure, legs[-1].arrival, 0, legs),), "v")


def test_ends_are_called_as_the_traveller_called_them_and_stops_by_their_name() -> None:
    (journey,) = view_plan(
        plan(walk(HERE, SQUARE, 0, 5), ride(SQUARE, STATION, 5, 40), walk(STATION, THERE, 40, 45)), QUESTION
    ).journeys
    assert [(leg.start, leg.end) for leg in journey.legs] == [("Semur", "Place"), ("Place", "Gare"), ("Gare", "Dijon")]
    assert journey.on_foot == 600


def test_a_wait_is_said_from_two_minutes_and_never_on_board() -> None:
    legs = (walk(HERE, SQUARE, 0, 5), ride(SQUARE, STATION, 6, 40), ride(STATION, SQUARE, 52, 80))
    waits = [leg.wait for leg in view_plan(plan(*legs), QUESTION).journeys[0].legs]
    assert waits == [None, None, timedelta(minutes=12)]
    seated = (*legs[:2], replace(legs[2], stay_seated=True))
    assert view_plan(plan(*seated), QUESTION).journeys[0].legs[2].wait is None


def test_the_duration_is_that_between_the_two_times_shown() -> None:
    walk_of_seconds = replace(walk(HERE, THERE, 0, 7), departure=minute(0), arrival=minute(7) + timedelta(seconds=31))
    (journey,) = view_plan(plan(walk_of_seconds), QUESTION).journeys
    assert journey.arrival == minute(8)
    assert journey.lasting == timedelta(minutes=8)
    assert read_words("fr").hour_by(walk_of_seconds.arrival) == "07:08"
    assert read_words("fr").hour_by(minute(8)) == "07:08"


def test_one_line_has_one_colour_on_the_whole_page() -> None:
    view = view_plan(plan(ride(SQUARE, STATION, 0, 40), ride(STATION, SQUARE, 50, 80)), QUESTION)
    assert len(view.paints) == 1
    assert [leg.paint for leg in view.journeys[0].legs] == [0, 0]


def test_the_map_draws_what_the_list_says() -> None:
    view = view_plan(plan(walk(HERE, SQUARE, 0, 5), ride(SQUARE, STATION, 5, 40)), QUESTION)
    on_foot, on_board = map_journeys(view)[0]["legs"]
    assert on_foot["color"] is None
    assert on_board["color"] == view.paints[0].ground
    assert on_board["coordinates"] == [[4.4, 47.5], [4.41235, 47.51], [4.5, 47.6]]
    assert (on_board["from"], on_board["to"]) == ("Place", "Gare")


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (Step("Rue Basse", 80, "LEFT"), "Left into Rue Basse"),
        (Step("", 80, "HARD_RIGHT"), "Sharp right"),
        (Step("Rue Basse", 80, "SOMERSAULT"), "Go on along Rue Basse"),
    ],
)
def test_a_step_is_a_sentence(step: Step, said: str) -> None:
    assert step_text(step, read_words("en")) == said
