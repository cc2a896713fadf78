"""Journeys with a place in somebody's car: all the way, to a train, and from one."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from tests.journeys.car_yard import car, yard
from tests.journeys.taxi_stand import KEY
from tests.journeys.text_network import clock, network, place, told

from mobigo.carpool import quotes
from mobigo.carpool.match import DELAY_GUARD
from mobigo.carpool.plan import Asked, Spot, find_fit
from mobigo.carpool.search import CAR_GRAMS
from mobigo.journeys import service
from mobigo.journeys.answer import plan_as_json
from mobigo.journeys.lifting import AFTER, BEFORE
from mobigo.journeys.model import Booked, JourneyRequest, Mode
from mobigo.journeys.others import Why, find_others
from mobigo.journeys.refresh import refresh
from mobigo.ondemand.model import Party

if TYPE_CHECKING:
    from pathlib import Path

    from mobigo.carpool.model import Run
    from mobigo.journeys.liftleg import Lift
    from mobigo.journeys.model import Journey, Leg, Plan
    from mobigo.journeys.network import Network

STOPS = {"gare": 12_000, "ville": 60_000}
TRAINS = {
    "morning": "TER gare 08:00 ville 08:40",
    "second": "TER gare 09:00 ville 09:40",
    "noon": "TER gare 12:00 ville 12:40",
    "home": "TER ville 17:00 gare 17:40",
    "late": "TER ville 18:00 gare 18:40",
}


@pytest.fixture
def net(tmp_path: Path) -> Network:
    return network(tmp_path, STOPS, TRAINS)


def ask(net: Network, lift: Lift | None, origin: str, destination: str, when: str, **more: Any) -> Plan:  # noqa: ANN401 - fields of the request
    request = JourneyRequest(origin, destination, clock(when), **({"budget": 60.0} | more))
    return service.plan(net, request, lift=lift)


def lift_of(journey: Journey) -> Leg:
    (leg,) = [leg for leg in journey.legs if leg.mode is Mode.CARPOOL]
    return leg


# ── all the way ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_car_goes_all_the_way_with_its_price_its_quote_and_its_share_of_co2(net: Network) -> None:
    lift = yard(net, car(net, "r1", "10:00", 0, 30_000, line="val"))
    (journey,) = ask(net, lift, place(0), place(30_000), "09:30").journeys
    (leg,) = journey.legs
    assert (leg.mode, leg.departure, journey.transfers, journey.rides) == (Mode.CARPOOL, clock("10:00"), 0, True)
    book = leg.booking
    assert book is not None
    assert (book.kind, book.service_id, book.trip_id, book.price_cents) == (Booked.CARPOOL, "carpool:val", "r1", 150)
    assert book.quote is not None
    offer = quotes.read(KEY, book.quote, int(clock("00:00").timestamp()))
    assert (offer.run, offer.board.stop, offer.alight.stop, offer.seats) == ("r1", 1, 2, 1)
    assert leg.line is not None
    assert leg.line.name == "Le Val"
    assert leg.metres is not None
    assert leg.co2 == round(CAR_GRAMS * leg.metres / 1000 / 2)


def test_who_must_arrive_takes_the_last_car_that_is_there_in_time(net: Network) -> None:
    lift = yard(net, *(car(net, f"r{hour}", f"{hour}:00", 0, 30_000) for hour in (9, 10, 11)))
    found = ask(net, lift, place(0), place(30_000), "11:00", arrive_by=True, window=2 * 3600).journeys
    assert [lift_of(one).booking.trip_id for one in found] == ["r9", "r10"]  # type: ignore[union-attr]
    (last,) = ask(net, lift, place(0), place(30_000), "11:00", arrive_by=True, window=0).journeys
    assert lift_of(last).departure == clock("10:00")


def test_one_walks_to_where_cars_of_a_line_stop(net: Network) -> None:
    lift = yard(net, car(net, "r1", "10:00", 0, 30_000, line="val", share=0))
    (journey,) = ask(net, lift, place(0, 400), place(30_000), "09:30").journeys
    assert [leg.mode for leg in journey.legs] == [Mode.WALK, Mode.CARPOOL]
    assert journey.legs[0].arrival == lift_of(journey).departure
    assert journey.walking == 467  # 400 m, 1.4 times, at 1.2 m/s


def test_the_car_comes_to_who_lives_beside_its_way(net: Network) -> None:
    lift = yard(net, car(net, "r1", "10:00", 0, 30_000))
    (journey,) = ask(net, lift, place(10_000, 500), place(30_000), "09:30").journeys
    book = lift_of(journey).booking
    assert book is not None
    assert book.detour is not None
    assert 0 < book.detour < 300


# ── to a train, and from one ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_car_brings_one_to_a_train_with_a_buffer(net: Network) -> None:
    lift = yard(net, car(net, "early", "07:00", 0, 12_000), car(net, "tight", "07:35", 0, 12_000))
    (journey,) = ask(net, lift, place(0), "ville", "06:30", window=0).journeys
    assert told(journey).endswith("08:00 Gare TER Ville 08:40")
    assert lift_of(journey).booking.trip_id == "early"  # type: ignore[union-attr]
    assert journey.legs[1].departure - lift_of(journey).arrival >= timedelta(seconds=BEFORE)
    assert journey.transfers == 1
    (later,) = ask(net, lift, place(0), "ville", "07:10").journeys
    assert told(later).endswith("09:00 Gare TER Ville 09:40")


def test_other_cars_that_go_there(net: Network) -> None:
    cars = [car(net, name, when, 0, 12_000) for name, when in (("a", "07:00"), ("b", "07:20"), ("c", "08:20"))]
    lift = yard(net, *cars)
    (journey,) = ask(net, lift, place(0), "ville", "07:10", window=0).journeys
    assert lift_of(journey).booking.trip_id == "b"  # type: ignore[union-attr]
    leg = next(n for n, one in enumerate(journey.legs) if one.mode is Mode.CARPOOL)
    found = find_others(net, journey.id, leg, clock("06:30"), lift=lift)
    told_of = {one.leg.booking.trip_id: one for one in found.others}  # type: ignore[union-attr]
    assert {name: one.why_not for name, one in told_of.items()} == {"a": None, "c": Why.AFTER_THE_NEXT}
    assert told_of["a"].arrival == journey.arrival


def test_of_the_cars_that_meet_a_train_one_takes_the_last(net: Network) -> None:
    lift = yard(net, car(net, "a", "07:00", 0, 12_000), car(net, "b", "07:20", 0, 12_000))
    (journey,) = ask(net, lift, place(0), "ville", "06:30").journeys
    assert lift_of(journey).booking.trip_id == "b"  # type: ignore[union-attr]


def test_a_car_takes_one_home_from_a_train(net: Network) -> None:
    late, tight = car(net, "home", "17:50", 12_000, 0), car(net, "tight", "17:44", 12_000, 0)
    (journey,) = ask(net, yard(net, late, tight), "ville", place(0), "16:30").journeys
    assert [leg.mode for leg in journey.legs] == [Mode.BUS, Mode.CARPOOL]
    assert lift_of(journey).booking.trip_id == "home"  # type: ignore[union-attr]
    assert lift_of(journey).departure - journey.legs[0].arrival >= timedelta(seconds=AFTER)


def test_who_must_be_home_by_an_hour_gets_the_last_train_with_a_car(net: Network) -> None:
    lift = yard(net, car(net, "first", "17:50", 12_000, 0), car(net, "second", "18:50", 12_000, 0))
    (journey,) = ask(net, lift, "ville", place(0), "20:00", arrive_by=True, window=0).journeys
    assert lift_of(journey).booking.trip_id == "second"  # type: ignore[union-attr]
    assert journey.departure == clock("18:00")
    (earlier,) = ask(net, lift, "ville", place(0), "18:50", arrive_by=True, window=0).journeys
    assert lift_of(earlier).booking.trip_id == "first"  # type: ignore[union-attr]


def test_who_must_be_in_town_by_an_hour_is_brought_to_the_train(net: Network) -> None:
    lift = yard(net, car(net, "a", "07:00", 0, 12_000), car(net, "b", "08:10", 0, 12_000))
    (journey,) = ask(net, lift, place(0), "ville", "10:00", arrive_by=True, window=0).journeys
    assert lift_of(journey).booking.trip_id == "b"  # type: ignore[union-attr]
    (earlier,) = ask(net, lift, place(0), "ville", "09:00", arrive_by=True, window=0).journeys
    assert lift_of(earlier).booking.trip_id == "a"  # type: ignore[union-attr]


def test_a_hub_is_left_on_foot_to_the_stop_beside_it(tmp_path: Path) -> None:
    stops = {"gare": 12_000, "cour": 12_150, "ville": 60_000}
    net = network(tmp_path, stops, TRAINS | {"bus": "L1 cour 06:00 ville 07:00 cour 08:00"})
    lift = yard(net, car(net, "a", "07:00", 0, 12_000))
    (journey,) = ask(net, lift, place(0), "ville", "06:30").journeys
    vehicles = [leg for leg in journey.legs if leg.trip_id]
    assert vehicles[0].departure - lift_of(journey).arrival >= timedelta(seconds=BEFORE)


# ── wishes ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "wish",
    [
        {"carpool": False},
        {"forbid": ("mode:carpool",)},
        {"forbid": ("line:carpool:val",)},
        {"only": ("mode:bus",)},
        {"party": Party(adults=4)},
        {"party": Party(adults=1, children=1)},
        {"party": Party(adults=1, bicycles=1)},
        {"wheelchair": True},
        {"bicycle_aboard": True},
    ],
)
def test_who_does_not_want_it_or_cannot_is_not_offered_a_car(net: Network, wish: dict[str, Any]) -> None:
    lift = yard(net, car(net, "r1", "10:00", 0, 30_000, line="val"))
    assert ask(net, lift, place(0), place(30_000), "09:30", **wish).journeys == ()


def test_only_cars_and_only_of_a_line(net: Network) -> None:
    lift = yard(net, car(net, "r1", "10:00", 0, 30_000, line="val"), car(net, "r2", "09:50", 0, 30_000))
    found = ask(net, lift, place(0), place(30_000), "09:30", only=("mode:carpool",)).journeys
    assert {lift_of(one).booking.trip_id for one in found} == {"r1", "r2"}  # type: ignore[union-attr]
    (one,) = ask(net, lift, place(0), place(30_000), "09:30", only=("line:carpool:val",)).journeys
    assert lift_of(one).booking.trip_id == "r1"  # type: ignore[union-attr]


def test_what_a_train_does_as_well_needs_no_car(net: Network) -> None:
    lift = yard(net, car(net, "r1", "08:00", 12_000, 60_000))
    found = ask(net, lift, "gare", "ville", "07:50", window=1800).journeys
    assert [Mode.CARPOOL in [leg.mode for leg in one.legs] for one in found] == [False]


def test_a_short_walk_is_not_driven(net: Network) -> None:
    lift = yard(net, car(net, "r1", "10:00", 0, 300))
    found = ask(net, lift, place(0), place(300), "09:59").journeys
    assert [leg.mode for one in found for leg in one.legs] == [Mode.WALK]


def test_without_changes_there_is_no_car_to_a_train(net: Network) -> None:
    lift = yard(net, car(net, "a", "07:00", 0, 12_000))
    assert ask(net, lift, place(0), "ville", "06:30", max_transfers=0).journeys == ()


def test_there_and_back_by_car(net: Network) -> None:
    lift = yard(net, car(net, "out", "08:00", 0, 30_000), car(net, "back", "17:00", 30_000, 0))
    request = JourneyRequest(place(0), place(30_000), clock("07:30"), budget=60.0)
    found = service.plan_round_trip(net, request, None, lift, stay=3600, back_by=None)
    assert found.pairs
    assert lift_of(found.back.journeys[0]).booking.trip_id == "back"  # type: ignore[union-attr]


# ── pages, names and JSON ─────────────────────────────────────────────────────────────────────────────────────────────


def test_pages_neither_repeat_nor_skip_a_car(net: Network) -> None:
    runs = [car(net, f"r{n}", f"{6 + n // 4:02}:{15 * (n % 4):02}", 0, 30_000) for n in range(24)]
    lift = yard(net, *runs)
    seen: list[str] = []
    cursor = None
    while len(seen) < 24:
        plan = ask(net, lift, place(0), place(30_000), "06:00", window=3600, cursor=cursor, everything=True)
        seen += [lift_of(one).booking.trip_id for one in plan.journeys]  # type: ignore[union-attr]
        cursor = plan.later
        assert cursor
    assert seen == [run.id for run in runs]


def test_a_journey_is_described_again_by_its_id(net: Network) -> None:
    lift = yard(net, car(net, "early", "07:00", 0, 12_000))
    (journey,) = ask(net, lift, place(0), "ville", "06:30").journeys
    again = refresh(net, journey.id, clock("06:40")).journey
    assert [leg.mode for leg in again.legs] == [leg.mode for leg in journey.legs]
    assert lift_of(again).departure == lift_of(journey).departure
    assert (again.departure, again.arrival) == (journey.departure, journey.arrival)


def test_the_answer_says_how_a_place_is_booked(net: Network) -> None:
    driver_answers = replace(car(net, "r1", "10:00", 0, 30_000), confirms=False)
    plan = ask(net, yard(net, driver_answers), place(0), place(30_000), "09:30")
    (leg,) = plan_as_json(plan)["journeys"][0]["legs"]
    assert leg["mode"] == "carpool"
    assert leg["booking"]["kind"] == "carpool"
    assert leg["booking"]["confirmation"] == "driver"
    assert leg["booking"]["price_cents"] == 150
    assert leg["booking"]["quote"]


def test_a_car_that_is_full_on_the_way_is_no_car(net: Network) -> None:
    lift = yard(net, car(net, "r1", "10:00", 0, 30_000, seats=1))
    assert ask(net, lift, place(0), place(30_000), "09:30", party=Party(adults=2)).journeys == ()


# ── on networks drawn by lot ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_offered_can_be_booked_and_keeps_its_buffers(tmp_path: Path, seed: int) -> None:
    luck = random.Random(seed)
    stops = {f"s{n}": luck.randrange(0, 60_000) for n in range(5)}
    trips = {f"t{n}": _draw_trip(luck, stops) for n in range(12)}
    net = network(tmp_path, stops, trips)
    runs = {}
    for n in range(12):
        begin, end = luck.randrange(0, 60_000), luck.randrange(0, 60_000)
        if abs(begin - end) > 3_000:
            hour = f"{luck.randrange(6, 20):02}:{luck.randrange(60):02}"
            runs[f"r{n}"] = car(net, f"r{n}", hour, begin, end, line=luck.choice([None, "val"]))
    lift = yard(net, *runs.values(), now=clock("05:00"))
    for _ in range(4):
        ends = place(luck.randrange(0, 60_000)), place(luck.randrange(0, 60_000), luck.randrange(-500, 500))
        when, arrive_by = f"{luck.randrange(6, 19):02}:00", luck.random() < 0.5
        wishes: dict[str, Any] = {"arrive_by": arrive_by, "window": luck.choice([0, 7_200]), "everything": True}
        found = ask(net, lift, *ends, when, **wishes)
        for journey in found.journeys:
            _check(journey, runs, net)
            at = journey.arrival if arrive_by else journey.departure
            assert at <= clock(when) if arrive_by else at >= clock(when)
        plain = ask(net, None, *ends, when, **wishes)
        for one in plain.journeys:  # nothing is lost by cars
            assert any(
                other.departure >= one.departure and other.arrival <= one.arrival for other in found.journeys
            ) or any(brief.departure == one.departure for brief in found.more)


def _draw_trip(luck: random.Random, stops: dict[str, float]) -> str:
    calls = luck.sample(sorted(stops), 3)
    at = luck.randrange(6 * 60, 19 * 60)
    text = "L"
    for stop in calls:
        text += f" {stop} {at // 60:02}:{at % 60:02}"
        at += luck.randrange(8, 40)
    return text


def _check(journey: Journey, runs: dict[str, Run], net: Network) -> None:
    """A journey goes on from leg to leg; what is booked fits its car, and meets its vehicles with time to spare."""
    for before, after in pairwise(journey.legs):
        assert before.arrival <= after.departure
        if before.mode is Mode.CARPOOL and after.trip_id:
            assert after.departure - before.arrival >= timedelta(seconds=BEFORE)
        if after.mode is Mode.CARPOOL and before.trip_id:
            assert after.departure - before.arrival >= timedelta(seconds=AFTER)
    for leg in journey.legs:
        if leg.booking is None:
            continue
        assert leg.booking.quote is not None
        offer = quotes.read(KEY, leg.booking.quote, int(clock("05:00").timestamp()))
        ends = [spot.stop or Spot(spot.name, spot.point) for spot in (offer.board, offer.alight)]
        ready, board_by, there_by = (
            datetime.fromtimestamp(one, UTC) for one in (offer.ready_at, offer.board_at + DELAY_GUARD, offer.there_by)
        )
        fit = find_fit(
            runs[offer.run], [], Asked(*ends, offer.seats, ready, board_by, there_by), net.drives, clock("05:00")
        )
        assert fit is not None
        assert fit.stops[fit.alight].planned_at.timestamp() <= offer.alight_at
