from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from tests.journeys.conftest import FEED, at

from mobigo.db.engine import libpq_conninfo
from mobigo.journeys import service
from mobigo.journeys.model import JourneyRequest, Label, Mode, Plan, Reason
from mobigo.kit.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from tests.journeys.conftest import Valley

PARIS = ZoneInfo("Europe/Paris")
MONDAY = datetime(2026, 11, 23, tzinfo=PARIS)


def ask(valley: Valley, origin: str, destination: str, when: datetime, **more: Any) -> Plan:  # noqa: ANN401  fields of the request
    return service.plan(valley.network(), JourneyRequest(origin=origin, destination=destination, at=when, **more))


def clock(hours: int, minutes: int = 0, seconds: int = 0, days: int = 0) -> datetime:
    return (MONDAY + timedelta(days=days)).replace(hour=hours, minute=minutes, second=seconds)


def test_walk_ride_walk(valley: Valley) -> None:
    # 400 m and 5 m on foot at 1.2 m/s: 338 s before the bus, 405 m again after it
    plan = ask(valley, at(0), at(10_000), clock(7))
    assert plan.reason is None
    (journey,) = plan.journeys
    assert [leg.mode for leg in journey.legs] == [Mode.WALK, Mode.BUS, Mode.WALK]
    first, ride, last = journey.legs
    assert (first.departure, first.arrival) == (clock(8) - timedelta(seconds=338), clock(8))
    assert (ride.departure, ride.arrival) == (clock(8), clock(8, 15))
    assert last.arrival == clock(8, 15) + timedelta(seconds=338)
    assert (ride.trip_id, ride.start.stop_id, ride.end.stop_id) == ("val:early", "val:amont", "val:aval")
    assert ride.line is not None
    assert (ride.line.name, ride.line.long_name, ride.line.color) == ("12", "Le Val", "0B6E4F")
    assert ride.headsign == "Aval"
    assert [call.place.name for call in ride.calls] == ["Pont"]
    assert [step.street for step in first.steps if step.street] == ["Rue Haute"]
    assert first.metres == pytest.approx(405, abs=2)
    assert journey.transfers == 0
    assert str(journey.departure.utcoffset()) == "1:00:00"


def test_a_ride_is_drawn_along_its_shape(valley: Valley) -> None:
    (journey,) = ask(valley, "val:amont", "val:aval", clock(7, 55), window=600).journeys
    drawn = journey.legs[0].geometry
    assert len(drawn) == 4  # amont, the bend over the bridge and on the hill, aval
    assert drawn[0][0] == pytest.approx(float(FEED["stops.txt"].split("\n")[1].split(",")[3]), abs=1e-5)
    assert max(lat for _, lat in drawn) > 47.006


def test_a_ride_without_a_shape_is_drawn_along_the_streets(valley: Valley) -> None:
    # the back trip has no shape; Rue Haute and Grande Rue lie 5 m beside the stops
    (journey,) = ask(valley, "val:aval", "val:amont", clock(16, 50), window=1800).journeys
    drawn = journey.legs[0].geometry
    assert len(drawn) > 4
    assert min(lat for _, lat in drawn) == pytest.approx(47.0, abs=1e-6)


def test_a_vehicle_that_goes_on_as_another_trip_keeps_its_seats(valley: Valley) -> None:
    (journey,) = ask(valley, "val:amont", "val:aval", clock(11, 50), window=1800).journeys
    assert [(leg.trip_id, leg.stay_seated) for leg in journey.legs] == [("val:noon1", False), ("val:noon2", True)]
    assert journey.transfers == 0


def test_the_bus_after_midnight_belongs_to_the_day_before(valley: Valley) -> None:
    plan = ask(valley, "val:amont", "val:aval", clock(0, 10, days=1), window=3600)
    (journey,) = plan.journeys
    assert journey.departure == clock(0, 30, days=1)
    assert str(journey.legs[0].service_date) == "2026-11-23"


def test_arrive_by(valley: Valley) -> None:
    plan = ask(valley, at(0), at(10_000), clock(9), arrive_by=True, window=0)
    assert [journey.legs[1].trip_id for journey in plan.journeys] == ["val:early"]


def test_without_a_window_the_next_journey_is_shown_however_late(valley: Valley) -> None:
    plan = ask(valley, "val:amont", "val:aval", clock(18))
    assert plan.journeys[0].departure == clock(0, 30, days=1)
    assert plan.reason is None


def test_nothing_in_the_window_says_when_the_next_one_leaves(valley: Valley) -> None:
    plan = ask(valley, "val:amont", "val:aval", clock(9), window=3600)
    assert plan.journeys == ()
    assert (plan.reason, plan.next_departure) == (Reason.NOTHING_IN_WINDOW, clock(12))


def test_a_day_without_service_says_so_and_when_it_resumes(valley: Valley) -> None:
    plan = ask(valley, "val:amont", "val:aval", clock(9, days=6), window=3600)
    assert (plan.reason, plan.next_departure) == (Reason.NO_SERVICE_THAT_DAY, clock(8, days=7))


def test_a_place_without_a_stop_in_reach(valley: Valley) -> None:
    plan = ask(valley, at(5000), at(10_000), clock(7))
    assert (plan.reason, plan.journeys, plan.next_departure) == (Reason.NO_STOP_IN_RANGE, (), None)


def test_a_place_off_the_map(valley: Valley) -> None:
    assert ask(valley, "48.8566,2.3522", at(0), clock(7)).reason is Reason.OUTSIDE_AREA


def test_a_short_way_is_better_walked(valley: Valley) -> None:
    # 120 m: the bus would take two minutes and come at eight
    plan = ask(valley, at(380), at(500), clock(7, 50))
    assert plan.reason is Reason.WALKING_BETTER
    assert [leg.mode for leg in plan.journeys[0].legs] == [Mode.WALK]
    assert plan.journeys[0].departure == clock(7, 50)


def test_walking_is_offered_beside_rides_when_it_is_short(valley: Valley) -> None:
    plan = ask(valley, at(0), at(1000), clock(7, 50))
    assert {journey.rides for journey in plan.journeys} >= {False}


def test_from_a_place_to_itself(valley: Valley) -> None:
    plan = ask(valley, "val:amont", "val:amont", clock(7))
    assert plan.reason is Reason.WALKING_BETTER
    assert plan.journeys[0].departure == plan.journeys[0].arrival == clock(7)


def test_the_best_journeys_are_labelled(valley: Valley) -> None:
    plan = ask(valley, "val:amont", "val:aval", clock(7), window=6 * 3600)
    first = plan.journeys[0]
    assert {Label.EARLIEST, Label.FASTEST} <= set(first.labels)


def test_an_id_names_the_rides_and_not_the_network(own_valley: Valley) -> None:
    before = ask(own_valley, "val:amont", "val:aval", clock(7)).journeys[0]
    own_valley.load_feed(agency=FEED["agency.txt"].replace("Cars du Val", "Cars"))
    own_valley.build()
    assert ask(own_valley, "val:amont", "val:aval", clock(7)).journeys[0].id == before.id


def test_unknown_stops_and_wrong_points_are_named(valley: Valley) -> None:
    with pytest.raises(NotFound, match="no stop 'val:nowhere'"):
        ask(valley, "val:nowhere", at(0), clock(7))
    with pytest.raises(InvalidInput, match="latitude ±90"):
        ask(valley, "95.0,5.0", at(0), clock(7))


def test_timetables_alone_are_planned_along_straight_lines(own_valley: Valley) -> None:
    with psycopg.connect(libpq_conninfo(own_valley.url)) as connection:
        connection.execute("DELETE FROM osm_active")
    own_valley.build()
    (journey,) = ask(own_valley, at(200), at(9700), clock(7)).journeys
    assert journey.legs[1].trip_id == "val:early"
