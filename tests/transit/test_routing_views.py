"""Day views beside live data: what they leave alone is shared, what they change is bare first and whole later."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from tests.transit.test_routing_transfers import MONDAY, make

from mobigo.transit import routing
from mobigo.transit.days import DayViews
from mobigo.transit.footpaths import link_stops
from mobigo.transit.model import Direction
from mobigo.transit.timetable import ALL_RUNS, Timetable, begin_day, day_number

if TYPE_CHECKING:
    from pathlib import Path

    from mobigo.transit.model import TransitJourney

DAYS = "service_id,date,exception_type\nw,20251123,1\nw,20261123,1\nw,20271123,1\n"
"""A year apart: in so small a feed a view for departures holds all later days, one for arrivals all earlier ones."""
TODAY = day_number(MONDAY)


def cancel(timetable: Timetable, trip: str, day: int) -> Timetable:
    """What live data make of a timetable when one trip does not run on a day."""
    row = timetable.trip_ids.all().index(trip)
    gone = (np.array([value], np.int32) for value in (row, day, ALL_RUNS))
    return timetable._replace(**dict(zip(("gone_trip", "gone_day", "gone_shift"), gone, strict=True)))


def ask(views: DayViews, day: int) -> list[TransitJourney]:
    stops = views.timetable.stop_ids.all()
    return routing.search(
        views, routing.ask(views, stops.index("A"), stops.index("D"), begin_day(day, views.zone), window=80_000)
    )


def test_days_that_live_data_leave_alone_have_the_views_of_the_timetable(tmp_path: Path) -> None:
    timetable = make(tmp_path, calendar_dates=DAYS)
    base = DayViews(timetable, link_stops(timetable))
    views = DayViews(cancel(timetable, "u", TODAY), base.footpaths, base=base)
    for direction, days in ((Direction.DEPART, 365), (Direction.ARRIVE, -365)):
        assert views.view(TODAY + days, direction) is base.view(TODAY + days, direction)
        bare = views.view(TODAY, direction)
        assert (len(bare.hop_first), len(bare.cell_seconds)) == (0, 0)
        assert len(base.view(TODAY, direction).trip_row) - len(bare.trip_row) == 1


def test_a_bare_view_answers_as_the_whole_one_that_takes_its_place(tmp_path: Path) -> None:
    timetable = make(tmp_path, calendar_dates=DAYS)
    base = DayViews(timetable, link_stops(timetable), tmp_path / "days")
    changed, folder = cancel(timetable, "u", TODAY), tmp_path / "live"
    bare = DayViews(changed, base.footpaths, folder, base)
    assert not bare.is_ready(TODAY, Direction.DEPART)
    (journey,) = ask(bare, TODAY)
    assert [timetable.trip_ids.at(leg.trip) for leg in journey.legs] == ["t", "v"]
    assert bare.is_ready(TODAY, Direction.DEPART)
    assert [place.name.endswith("-bare") for place in folder.iterdir()] == [True]
    bare.lay_hops(TODAY, Direction.DEPART)
    whole = DayViews(changed, base.footpaths, folder, base)
    assert len(whole.view(TODAY, Direction.DEPART).hop_first) > 1
    assert ask(whole, TODAY) == [journey]
    whole.lay_hops(TODAY + 365, Direction.DEPART)
    assert len(list(folder.iterdir())) == 2  # nothing of a day that is as in the timetable
    assert whole.is_ready(TODAY + 365, Direction.DEPART) is base.is_ready(TODAY + 365, Direction.DEPART) is False


def test_somebody_in_a_hurry_gets_a_bare_view_until_there_is_a_whole_one(tmp_path: Path) -> None:
    timetable = make(tmp_path, calendar_dates=DAYS)
    views = DayViews(timetable, link_stops(timetable), tmp_path / "days")
    hurried = views.at_once
    assert hurried is views.at_once
    assert not hurried.is_ready(TODAY, Direction.DEPART)
    assert len(hurried.view(TODAY, Direction.DEPART).hop_first) == 0
    (written,) = (tmp_path / "days").iterdir()  # every process of the home maps it
    assert written.name.endswith("-bare")
    assert not views.is_ready(TODAY, Direction.DEPART)
    found = ask(hurried, TODAY)
    whole = views.view(TODAY, Direction.DEPART)
    assert hurried.view(TODAY, Direction.DEPART) is whole
    assert ask(views, TODAY) == ask(hurried, TODAY) == found
    other = DayViews(timetable, views.footpaths, tmp_path / "days").at_once
    assert other.is_ready(TODAY, Direction.DEPART)
    assert len(other.view(TODAY, Direction.DEPART).hop_first) > 1
