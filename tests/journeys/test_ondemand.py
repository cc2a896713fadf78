"""Journeys with rides on demand: only what can be booked, with the vehicles of the timetable around it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.journeys.taxi_stand import HOUR, KEY, day_before, feeder, stand, two_hours, vehicle
from tests.journeys.text_network import ask as ask_plainly
from tests.journeys.text_network import clock, network, place, told

from mobigo.journeys import service
from mobigo.journeys.answer import plan_as_json
from mobigo.journeys.model import JourneyRequest, Mode
from mobigo.journeys.others import Why, find_others
from mobigo.journeys.refresh import refresh
from mobigo.ondemand import quotes
from mobigo.ondemand.dispatch import find_place
from mobigo.ondemand.dispatch import place as put
from mobigo.ondemand.model import Ask, Party, PinSide, Promise

if TYPE_CHECKING:
    from pathlib import Path

    from mobigo.journeys.model import Journey, Plan
    from mobigo.journeys.network import Network
    from mobigo.journeys.rideleg import Hail

STOPS = {"gare": 8_000, "ville": 60_000}
TRAINS = {
    "morning": "TER gare 08:00 ville 08:40",
    "noon": "TER gare 12:00 ville 12:40",
    "home": "TER ville 17:00 gare 17:40",
}


@pytest.fixture
def net(tmp_path: Path) -> Network:
    return network(tmp_path, STOPS, TRAINS)


def ask(net: Network, hail: Hail, origin: str, destination: str, when: str, **more: Any) -> Plan:  # noqa: ANN401 - fields of the request
    return service.plan(net, JourneyRequest(origin, destination, clock(when), **({"budget": 60.0} | more)), hail)


def rides(journey: Journey) -> list[Any]:
    return [leg for leg in journey.legs if leg.booking is not None]


# ── to a train, from it, all the way ──────────────────────────────────────────────────────────────────────────────────


def test_a_ride_feeds_a_train_and_is_there_five_minutes_before(net: Network) -> None:
    (journey,) = ask(net, stand(net, feeder()), place(0), "ville", "06:30").journeys
    ride = rides(journey)[0]
    assert [leg.mode for leg in journey.legs] == [Mode.ON_DEMAND, Mode.BUS]
    assert ride.booking.arrive_by == clock("07:55")
    assert ride.booking.pinned_to.side is PinSide.BEFORE
    assert ride.booking.pinned_to.trip_id == "morning"
    assert ride.booking.pinned_to.instant == clock("08:00").timestamp()
    # 8 km straight, 1.3 times as long, at 13.9 m/s: 749 s; safe 1.25 x 749 + 120 = 1056 s; window 600 s, dwell 60 s
    assert ride.booking.pickup_window == (clock("07:26"), clock("07:36"))
    assert journey.transfers == 1


def test_a_ride_meets_a_train(net: Network) -> None:
    (journey,) = ask(net, stand(net, feeder()), "ville", place(0), "16:30").journeys
    assert told(journey).startswith("17:00 Ville TER Gare 17:40, 17:45 Gare TAD")
    assert rides(journey)[0].booking.pinned_to.side is PinSide.AFTER


def test_who_must_arrive_by_an_hour_gets_the_ride_at_once_and_is_there_in_time(net: Network) -> None:
    plan = ask(net, stand(net, feeder()), "ville", place(0), "19:00", arrive_by=True)
    (journey,) = plan.journeys
    assert told(journey).startswith("17:00 Ville TER Gare 17:40, 17:45 Gare TAD")
    assert ask(net, stand(net, feeder()), "ville", place(0), "18:00", arrive_by=True).journeys == ()


def test_rides_at_both_ends(tmp_path: Path) -> None:
    net = network(tmp_path, STOPS, TRAINS)
    there = feeder(zone=(50_000, 54_000), stops={"ville": 60_000})
    there = replace(there, id="val:G", route=there.route | {"route_id": "G", "route_short_name": "TAD 2"})
    hail = stand(net, feeder(), there, vehicles=(vehicle(), vehicle("other", ("val:G",), at=52_000)))
    (journey,) = ask(net, hail, place(0), place(52_000), "06:30").journeys
    assert [leg.mode for leg in journey.legs] == [Mode.ON_DEMAND, Mode.BUS, Mode.ON_DEMAND]
    assert [ride.booking.service_id for ride in rides(journey)] == ["val:F", "val:G"]
    assert journey.transfers == 2


def test_a_ride_all_the_way_leaves_at_once_or_arrives_just_in_time(net: Network) -> None:
    hail = stand(net, feeder(inside=True))
    (leaving,) = ask(net, hail, place(-1_500), place(1_500), "12:00").journeys
    assert rides(leaving)[0].booking.pickup_window[0] == clock("12:00")
    (arriving,) = ask(net, hail, place(-1_500), place(1_500), "12:00", arrive_by=True).journeys
    assert rides(arriving)[0].booking.arrive_by == clock("12:00")


def test_one_walks_to_a_stop_where_vehicles_on_demand_stop(net: Network) -> None:
    """The train comes to `gare`; who lives 500 m from it is fetched there and taken into the zone."""
    (journey,) = ask(net, stand(net, feeder()), place(8_500), place(0), "09:00").journeys
    assert [leg.mode for leg in journey.legs] == [Mode.WALK, Mode.ON_DEMAND]
    assert journey.legs[0].arrival == rides(journey)[0].booking.pickup_window[0]


def test_a_feeder_goes_on_on_foot_to_the_platform(tmp_path: Path) -> None:
    net = network(tmp_path, {"gare": 8_000, "cour": 8_100, "ville": 60_000}, TRAINS)
    hail = stand(net, feeder(stops={"cour": 8_100}))
    (journey,) = ask(net, hail, place(0), "ville", "06:30").journeys
    assert [leg.mode for leg in journey.legs] == [Mode.ON_DEMAND, Mode.WALK, Mode.BUS]
    walk = journey.legs[1]
    assert walk.departure == rides(journey)[0].booking.arrive_by
    assert (clock("08:00") - walk.arrival).total_seconds() >= 300


# ── only what can be booked ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("now", "shown"), [("05:41:31", True), ("05:41:32", False)])
def test_two_hours_before_to_the_second(net: Network, now: str, *, shown: bool) -> None:
    # there by 07:55:00, 749 s away, 60 s to get on: picked up at 07:41:31 at the latest
    hour, _, second = now.rpartition(":")
    hail = stand(net, feeder(rule=two_hours()), now=clock(hour).replace(second=int(second)))
    trains = {leg.trip_id for one in ask(net, hail, place(0), "ville", "05:30").journeys for leg in one.legs}
    assert ("morning" in trains) is shown


@pytest.mark.parametrize(("now", "shown"), [(-7 * HOUR, True), (-7 * HOUR + 1, False)])
def test_the_day_before_by_five_to_the_second(net: Network, now: int, *, shown: bool) -> None:
    hail = stand(net, feeder(rule=day_before()), now=clock("00:00"))
    hail = replace(hail, now=hail.now + now)
    plan = ask(net, hail, place(0), "ville", "06:30", window=2 * HOUR)
    assert bool(plan.journeys) is shown
    if shown:
        assert rides(plan.journeys[0])[0].booking.bookable_until.timestamp() == hail.now


def test_what_cannot_be_booked_says_why_and_what_still_is(net: Network) -> None:
    hail = stand(net, feeder(rule=two_hours(), inside=True), now=clock("11:00"))
    plan = ask(net, hail, place(-1_500), place(1_500), "11:30", window=HOUR)
    (said,) = plan.not_now
    assert (said.reason, said.phone) == ("too_late", "+33 3 11 11 11 11")
    assert said.next_departure == clock("13:00")


def test_a_vehicle_that_is_full_is_not_offered(net: Network) -> None:
    hail = stand(net, feeder(), vehicles=(vehicle(seats=2),))
    assert ask(net, hail, place(0), "ville", "06:30", party=Party(2)).journeys
    assert ask(net, hail, place(0), "ville", "06:30", party=Party(3), window=2 * HOUR).journeys == ()


def test_a_vehicle_promised_to_others_is_not_offered(net: Network) -> None:
    """Its only seat is taken to the same train, and nobody waits longer: the next train is offered."""
    hail = stand(net, feeder(promise=Promise(longest_wait=0)), vehicles=(vehicle(seats=1),))
    supply = hail.supply
    (offered,) = rides(ask(net, hail, place(0), "ville", "06:30").journeys[0])
    offer = quotes.read(KEY, offered.booking.quote, hail.now)
    wish = Ask(offer.service, offer.origin, offer.destination, offer.pickup, offer.drop_off, (1, 0, 0, 0, 0), 2000)
    found = find_place(supply.fleet, wish, supply.drives)
    taken = supply.fleet.with_runs([put(supply.fleet.find_run(found.run), found, "leg")])  # type: ignore[union-attr, arg-type]
    busy = replace(hail, supply=type(supply)(supply.catalogue, taken, supply.drives))
    trains = [leg.trip_id for one in ask(net, busy, place(0), "ville", "06:30").journeys for leg in one.legs]
    assert "morning" not in trains


def test_a_service_of_somebody_else_is_shown_without_quote(net: Network) -> None:
    hail = stand(net, feeder(operator=None, rule=two_hours()), now=clock("04:00"))
    (journey,) = ask(net, hail, place(0), "ville", "06:30").journeys
    booking = rides(journey)[0].booking
    assert (booking.how, booking.quote, booking.phone) == ("phone", None, "+33 3 11 11 11 11")
    assert booking.bookable_until == clock("05:26").replace(second=24)


def test_no_rides_outside_hours(net: Network) -> None:
    hail = stand(net, feeder(hours=(9, 20)))
    trains = {leg.trip_id for one in ask(net, hail, place(0), "ville", "06:30").journeys for leg in one.legs}
    assert trains == {None, "noon"}


def test_booking_later_is_asked_for_in_advance(net: Network) -> None:
    """`booking_time` is the instant of what is offered: nobody may book yesterday's deadline tomorrow."""
    early, late = (stand(net, feeder(rule=day_before()), now=clock("12:00", days)) for days in (-1, 0))
    assert ask(net, early, place(0), "ville", "06:30", window=2 * HOUR).journeys
    assert ask(net, late, place(0), "ville", "06:30", window=2 * HOUR).journeys == ()


# ── wishes ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_rides_are_left_out_when_nobody_wants_them(net: Network) -> None:
    hail = stand(net, feeder())
    for wish in ({"ondemand": False}, {"forbid": ("mode:on_demand",)}, {"only": ("mode:bus",)}):
        assert ask(net, hail, place(0), "ville", "06:30", **wish).journeys == (), wish
    assert ask(net, hail, place(0), "ville", "06:30", only=("mode:bus", "mode:on_demand")).journeys


def test_nothing_is_booked_for_who_does_not_want_to(net: Network) -> None:
    hail = stand(net, feeder())
    plan = ask(net, hail, place(0), "ville", "06:30", no_reservation=True)
    assert plan.journeys == ()
    assert ask(net, hail, "gare", "ville", "06:30", no_reservation=True).journeys[0].rides


def test_a_ride_counts_as_a_change(net: Network) -> None:
    hail = stand(net, feeder())
    assert ask(net, hail, place(0), "ville", "06:30", max_transfers=0).journeys == ()
    assert ask(net, hail, place(0), "ville", "06:30", max_transfers=1).journeys


def test_a_wheelchair_needs_its_place(net: Network) -> None:
    one, none = vehicle(), replace(vehicle(), capacity=replace(vehicle().capacity, room=(8, 0, 4, 0, 2)))
    for bus, found in ((one, True), (none, False)):
        hail = stand(net, feeder(inside=True), vehicles=(bus,))
        plan = ask(net, hail, place(-1_500), place(1_500), "12:00", wheelchair=True, window=HOUR)
        assert any(rides(journey) for journey in plan.journeys) is found


def test_without_services_nothing_changes(net: Network) -> None:
    plain = ask_plainly(net, "gare", "ville", "07:00")
    assert ask(net, stand(net), "gare", "ville", "07:00") == plain
    near = ask(net, stand(net, feeder(zone=(-90_000, -80_000), stops={"ville": 60_000})), "gare", "ville", "07:00")
    assert [told(one) for one in near.journeys] == [told(one) for one in plain.journeys]


# ── quotes and ids ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_quote_holds_what_is_shown(net: Network) -> None:
    hail = stand(net, feeder(promise=Promise(fare_cents=250)))
    (journey,) = ask(net, hail, place(0), "ville", "06:30", party=Party(2, children=1), names=("Chez Ada", "")).journeys
    booking = rides(journey)[0].booking
    offer = quotes.read(KEY, booking.quote, hail.now)
    assert offer.pickup == tuple(int(one.timestamp()) for one in booking.pickup_window)
    assert offer.drop_off[1] == int(booking.arrive_by.timestamp())
    assert (offer.origin.name, offer.destination.stop_id, offer.party) == ("Chez Ada", "gare", Party(2, children=1))
    assert booking.price_cents == 3 * 250


def test_the_answer_says_how_to_book(net: Network) -> None:
    plan = ask(net, stand(net, feeder()), place(0), "ville", "06:30")
    leg = plan_as_json(plan)["journeys"][0]["legs"][0]
    assert leg["mode"] == "on_demand"
    assert set(leg["booking"]) == {
        *("service_id", "trip_id", "how", "bookable_until", "opens", "pickup_window", "arrive_by", "price_cents"),
        *("phone", "url", "message", "operator", "quote", "quote_expires", "pinned_to"),
        *("kind", "confirmation", "detour_seconds"),
    }


def test_a_journey_is_found_again_by_its_id(net: Network) -> None:
    (journey,) = ask(net, stand(net, feeder()), place(0), "ville", "06:30").journeys
    again = refresh(net, journey.id, clock("06:40"))
    assert again.holds
    assert told(again.journey) == told(journey)
    assert [(leg.mode, leg.departure, leg.arrival) for leg in again.journey.legs] == [
        (leg.mode, leg.departure, leg.arrival) for leg in journey.legs
    ]


def test_the_same_ride_at_other_times_and_the_journey_with_it(net: Network) -> None:
    # all the way at noon: every half hour before and after it, as far as it can still be booked and lies ahead
    hail = stand(net, feeder(inside=True))
    (journey,) = ask(net, hail, place(-1_500), place(1_500), "12:00").journeys
    leg = next(n for n, one in enumerate(journey.legs) if one.booking)
    found = find_others(net, journey.id, leg, clock("06:30"), hail=hail, earlier=1, later=2)
    assert [one.earlier for one in found.others] == [True, False, False]
    assert [one.leg.booking.pickup_window[0] for one in found.others[1:]] == [  # type: ignore[union-attr]
        clock("12:30"), clock("13:00")
    ]  # fmt: skip
    assert found.others[0].leg.booking.arrive_by <= clock("12:00")  # type: ignore[union-attr]
    for one in found.others:
        assert one.why_not is None
        again = refresh(net, one.journey or "", clock("06:30"))
        assert (again.journey.departure, again.journey.arrival) == (one.departure, one.arrival)


def test_another_ride_to_the_train_is_in_time_or_says_that_it_is_not(net: Network) -> None:
    hail = stand(net, feeder())
    (journey,) = ask(net, hail, place(0), "ville", "06:30").journeys
    found = find_others(net, journey.id, 0, clock("06:30"), hail=hail, earlier=1, later=1)
    earlier, later = found.others
    assert (earlier.why_not, earlier.arrival) == (None, clock("08:40"))
    assert earlier.departure is not None
    assert earlier.departure < journey.departure
    assert later.why_not == Why.AFTER_THE_NEXT


def test_a_ride_all_the_way_is_found_again_by_its_id(net: Network) -> None:
    (journey,) = ask(net, stand(net, feeder()), place(8_500), place(0), "09:00").journeys
    again = refresh(net, journey.id, clock("08:40"))
    assert [leg.mode for leg in again.journey.legs] == [Mode.WALK, Mode.ON_DEMAND]


def test_there_and_back(net: Network) -> None:
    request = JourneyRequest(place(0), "ville", clock("06:30"), budget=60.0)
    trip = service.plan_round_trip(net, request, stand(net, feeder()), stay=HOUR, back_by=clock("20:00"))
    assert [len(rides(one)) for one in (*trip.out.journeys[:1], *trip.back.journeys)] == [1, 1]
    assert trip.pairs


# ── between two lines ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def gap(tmp_path: Path) -> Network:
    """One line ends in b, another begins in c, ten kilometres further."""
    stops = {"a": 0, "b": 20_000, "c": 30_000, "d": 60_000}
    return network(tmp_path, stops, {"one": "L1 a 08:00 b 08:20", "two": "L2 c 09:30 d 10:00"})


def test_a_ride_joins_two_lines_where_nothing_else_does(gap: Network) -> None:
    hail = stand(gap, feeder(zone=(19_000, 21_000), stops={"c": 30_000}), vehicles=(vehicle(at=22_000),))
    (journey,) = ask(gap, hail, "a", "d", "07:30").journeys
    assert [leg.mode for leg in journey.legs] == [Mode.BUS, Mode.ON_DEMAND, Mode.BUS]
    assert journey.transfers == 2
    ride = rides(journey)[0]
    assert ride.booking.pickup_window[0] == clock("08:25")
    assert ride.booking.arrive_by <= clock("09:25")
    assert (ride.booking.pinned_to.side, ride.booking.pinned_to.trip_id) == (PinSide.AFTER, "one")
    assert told(refresh(gap, journey.id, clock("07:00")).journey) == told(journey)
    assert ask(gap, stand(gap), "a", "d", "07:30").journeys == ()


def test_no_ride_joins_lines_that_it_cannot_reach_in_time(gap: Network) -> None:
    hail = stand(gap, feeder(zone=(19_000, 21_000), stops={"c": 30_000}, rule=two_hours()), now=clock("06:50"))
    assert ask(gap, hail, "a", "d", "07:30", window=HOUR).journeys == ()
