"""Trips of the timetable that one must book: ridden where they can be booked, and not where the staff closed them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.journeys.taxi_stand import KEY, stand, two_hours
from tests.journeys.text_network import MONDAY, network

from mobigo.journeys import service
from mobigo.journeys.model import JourneyRequest
from mobigo.journeys.rideleg import Hail
from mobigo.journeys.served import Served
from mobigo.ondemand.model import Calendar, Call, PlaceKind, Service, ServiceKind, Stop, Trip
from mobigo.ondemand.supply import Supply

if TYPE_CHECKING:
    from pathlib import Path

    from mobigo.journeys.network import Network

STOPS = {"a": 0.0, "b": 5000.0, "c": 10_000.0}
EIGHT = 8 * 3600


def valley(folder: Path) -> Network:
    return network(folder, STOPS, {"virtual": "V a 08:00 b 08:10 c 08:20", "later": "L a 09:00 c 09:30"})


def virtual_line() -> Service:
    """The line V of the timetable, to be booked two hours before by telephone."""
    rule = two_hours()
    calls = tuple(
        Call(PlaceKind.STOP, stop, n, EIGHT + n * 600, EIGHT + n * 600, None, None, 2, 2, rule.id, rule.id)
        for n, stop in enumerate(STOPS)
    )
    monday = MONDAY.date()
    return Service(
        id="val:V",
        kind=ServiceKind.VIRTUAL_LINE,
        timezone="Europe/Paris",
        route={"route_id": "V", "route_short_name": "V"},
        agency={"agency_name": "Cars du Val"},
        trips=(Trip("virtual", "week", calls),),
        calendars={"week": Calendar("week", (True,) * 5 + (False,) * 2, monday, monday.replace(month=12, day=18))},
        rules={rule.id: rule},
        zones={},
        groups={},
        stops={stop: Stop(stop, stop, None, {"location_type": "1"}, same_as=stop) for stop in STOPS},
    )


def ridden(net: Network, hail: Hail) -> list[str]:
    request = JourneyRequest("a", "c", MONDAY.replace(hour=7, minute=50), window=7200, everything=True, budget=60)
    found = service.plan(net, request, hail).journeys
    return sorted({str(leg.trip_id) for journey in found for leg in journey.legs if leg.trip_id})


def at_this_network(hail: Hail, net: Network, *, closed: frozenset[str] = frozenset(), booked: bool = True) -> Hail:
    """The network written as text has ids without a source."""
    catalogue = hail.supply.catalogue
    trips = {name.partition(":")[2]: found for name, found in catalogue.booked_trips.items()}
    catalogue = replace(catalogue, booked_trips=trips if booked else {}, closed_trips=closed)
    return Hail(Supply(catalogue, hail.supply.fleet, net.drives), Served(catalogue, net), KEY, hail.now)


def test_a_line_is_ridden_while_it_can_be_booked(tmp_path: Path) -> None:
    net = valley(tmp_path)
    early = stand(net, virtual_line(), vehicles=(), now=MONDAY.replace(hour=6))
    assert ridden(net, at_this_network(early, net)) == ["later", "virtual"]
    late = stand(net, virtual_line(), vehicles=(), now=MONDAY.replace(hour=6, second=1))
    assert ridden(net, at_this_network(late, net)) == ["later"]


def test_a_line_that_the_staff_closed_is_not_ridden(tmp_path: Path) -> None:
    net = valley(tmp_path)
    hail = stand(net, virtual_line(), vehicles=(), now=MONDAY.replace(hour=5))
    closed = at_this_network(hail, net, closed=frozenset({"virtual"}), booked=False)
    assert ridden(net, closed) == ["later"]
