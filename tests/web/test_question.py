"""The address of the page is the whole state of a search."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from mobigo.journeys.model import Access, Criterion, OfDay
from mobigo.places.model import Kind, Place
from mobigo.web.question import End, address, read_end, read_question, settle

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 22, 17, 5, 33, tzinfo=UTC)


@pytest.mark.parametrize(
    ("date", "clock", "at"),
    [
        ("", "", "2026-11-22T18:05+01:00"),
        ("2026-11-23", "07:30", "2026-11-23T07:30+01:00"),
        ("", "07:30", "2026-11-22T07:30+01:00"),
        ("2026-11-22", "", "2026-11-22T18:05+01:00"),  # today without an hour is now
        ("2026-11-25", "", "2026-11-25T06:00+01:00"),  # another day without an hour begins early
        ("2026-07-01", "12:00", "2026-07-01T12:00+02:00"),
    ],
)
def test_a_moment_is_local_time(date: str, clock: str, at: str) -> None:
    question = read_question({"date": date, "time": clock}, NOW, PARIS)
    assert question.at == datetime.fromisoformat(at)
    assert not question.malformed


@pytest.mark.parametrize(("date", "clock"), [("23/11/2026", ""), ("2026-02-30", "07:30"), ("", "25:00"), ("", "soon")])
def test_a_moment_that_does_not_exist_is_said_so(date: str, clock: str) -> None:
    question = read_question({"from": "1,1", "to": "2,2", "date": date, "time": clock}, NOW, PARIS)
    assert question.malformed
    assert not question.ready


def test_options_nobody_offers_fall_back() -> None:
    question = read_question({"window": "7", "changes": "-1", "by": "magic"}, NOW, PARIS)
    assert (question.window, question.changes, question.arrive_by) == ("", "", False)


def test_the_form_says_all_that_the_planner_is_asked() -> None:
    fields = {
        "from": "47.5,4.3", "to": "47.3,5.0", "via": "47.4,4.5", "stay": "30", "by": "last", "ride": "rail,bus",
        "pace": "slow", "walk": "45", "access": "bicycle", "wheelchair": "1", "bicycle": "1", "rather": "walking",
        "changes": "1", "window": "60", "cursor": "e1",
    }  # fmt: skip
    question = read_question(fields, NOW, PARIS)
    assert question.ready
    assert question.has_options
    request = question.request()
    assert request.vias == (("47.4,4.5", 1800),)
    assert request.of_day is OfDay.LAST
    assert not request.arrive_by
    assert request.only == ("mode:rail", "mode:bus", "mode:coach")
    assert (request.walk_speed, request.max_walk, request.max_transfers, request.window) == (0.8, 2700, 1, 3600)
    assert request.access == (Access.WALK, Access.BICYCLE)
    assert request.wheelchair
    assert request.bicycle_aboard
    assert request.criterion is Criterion.WALKING
    assert request.cursor == "e1"


def test_all_boxes_ticked_are_no_wish() -> None:
    rides = "rail,tram,bus,on_demand,carpool,other"
    question = read_question({"from": "47.5,4.3", "to": "47.3,5.0", "ride": rides}, NOW, PARIS)
    assert question.request().only == ()


def test_a_chosen_place_is_kept_until_its_text_changes() -> None:
    assert read_end("Gare", "sncf:1|Gare").place == "sncf:1"
    assert read_end("Gare de Dijon", "sncf:1|Gare").place is None
    assert read_end("", "sncf:1|").place is None


def test_coordinates_are_a_place() -> None:
    assert read_end("47.49, 4.33", "").place == "47.49,4.33"
    assert read_end("147.49,4.33", "").place is None


def test_a_settled_end_survives_the_form() -> None:
    stop = Place("sncf:1", Kind.STOP, "Gare", "Gare, Montbard", 47.6, 4.3, (), 1.0)
    town = Place("commune/n1", Kind.COMMUNE, "Semur", "Semur-en-Auxois", 47.4906, 4.3347, ("a:1", "a:2"), 1.0)
    for place, meant in ((stop, "sncf:1"), (town, "47.490600,4.334700")):
        end = settle(End("x"), place)
        assert read_end(end.text, end.pinned).place == meant
    assert settle(End("x"), town).fallback == "a:1"


def test_an_address_holds_what_is_said_and_nothing_else() -> None:
    fields = {"from": "Époisses", "to": "Dijon", "window": "", "utm_source": "x"}
    assert address(fields, time="07:30") == "/?from=%C3%89poisses&to=Dijon&time=07%3A30"
    assert address(fields, **{"from": None, "to": None}) == "/"
