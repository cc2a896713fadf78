"""There and back in one question: can one still get home?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.journeys.text_network import clock, network

from mobigo.journeys import service
from mobigo.journeys.model import JourneyRequest, Reason, RoundTrip

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from mobigo.journeys.network import Network

ROW = {"a": 0.0, "b": 6000.0}
MARKET_DAY = {"there": "L a 08:00 b 08:20", "noon": "L b 12:10 a 12:30", "evening": "L b 17:40 a 18:00",
              "late": "L a 14:00 b 14:20"}  # fmt: skip


def go(net: Network, when: str, stay: int, back_by: datetime | None = None, **more: Any) -> RoundTrip:  # noqa: ANN401
    request = JourneyRequest("a", "b", clock(when), budget=60.0, **more)
    return service.plan_round_trip(net, request, stay=60 * stay, back_by=back_by)


def pairs(trip: RoundTrip) -> list[tuple[datetime, datetime, int]]:
    out = {journey.id: journey for journey in trip.out.journeys}
    back = {journey.id: journey for journey in trip.back.journeys}
    return [(out[pair.out].departure, back[pair.back].departure, pair.stay) for pair in trip.pairs]


def test_the_first_way_back_after_the_stay(tmp_path: Path) -> None:
    net = network(tmp_path, ROW, MARKET_DAY)
    trip = go(net, "07:00", 60)
    assert pairs(trip) == [(clock("08:00"), clock("12:10"), 230 * 60)]
    assert trip.last_return == trip.back.journeys[-1].id
    assert trip.back.journeys[-1].departure == clock("17:40")
    assert pairs(go(net, "07:00", 230)) == [(clock("08:00"), clock("12:10"), 230 * 60)]
    assert pairs(go(net, "07:00", 231)) == [(clock("08:00"), clock("17:40"), 560 * 60)]


def test_each_way_there_has_its_own_way_back(tmp_path: Path) -> None:
    net = network(tmp_path, ROW, MARKET_DAY)
    trip = go(net, "07:00", 60, window=8 * 3600)
    assert pairs(trip) == [
        (clock("08:00"), clock("12:10"), 230 * 60),
        (clock("14:00"), clock("17:40"), 200 * 60),
    ]


def test_one_cannot_get_home(tmp_path: Path) -> None:
    net = network(tmp_path, ROW, MARKET_DAY)
    trip = go(net, "07:00", 600)
    assert (trip.pairs, trip.last_return) == ((), None)
    assert trip.out.journeys
    assert (trip.back.reason, trip.back.next_departure) == (Reason.NOTHING_IN_WINDOW, clock("12:10", 1))
    assert trip.back.previous_departure == clock("17:40")


def test_one_has_to_be_home_for_lunch(tmp_path: Path) -> None:
    net = network(tmp_path, ROW, MARKET_DAY)
    assert pairs(go(net, "07:00", 60, back_by=clock("12:29"))) == []
    assert pairs(go(net, "07:00", 60, back_by=clock("12:30"))) == [(clock("08:00"), clock("12:10"), 230 * 60)]


def test_a_stay_over_night(tmp_path: Path) -> None:
    net = network(tmp_path, ROW, MARKET_DAY)
    trip = go(net, "07:00", 600, back_by=clock("20:00", 1))
    assert pairs(trip) == [(clock("08:00"), clock("12:10", 1), 230 * 60 + 86_400)]
    assert trip.back.journeys[-1].departure == clock("17:40", 1)


def test_nothing_goes_there(tmp_path: Path) -> None:
    net = network(tmp_path, ROW, MARKET_DAY)
    trip = go(net, "15:00", 60, window=3600)
    assert (trip.out.reason, trip.pairs, trip.last_return) == (Reason.NOTHING_IN_WINDOW, (), None)
