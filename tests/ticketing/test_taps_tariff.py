"""What rides of taps may have been, and what a day costs with everything one could have bought."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from tests.town import write_feed
from tests.transit.test_boards_live import TOWN

from mobigo.fares.document import read_document
from mobigo.fares.price import price
from mobigo.ticketing.best import START, settle
from mobigo.ticketing.taps import Ride, Whole
from mobigo.ticketing.taps_places import Places
from mobigo.ticketing.taps_store import read_offer, read_ways, write_offer, write_ways
from mobigo.ticketing.taps_tariff import Known, Priced, TapTariff
from mobigo.transit.feed import read_feed_tables
from mobigo.transit.timetable import build

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mobigo.ticketing.best import Offer

PARIS = ZoneInfo("Europe/Paris")
MONDAY = date(2026, 6, 8)

CATALOGUE = {
    "valid_from": date(2026, 1, 1),
    "name": {"fr": "Essai"},
    "categories": [
        {"id": "adult", "name": {"fr": "Adulte"}, "default": True},
        {"id": "youth", "name": {"fr": "Jeune"}, "proof": "age"},
    ],
    "networks": [{"id": "all", "agencies": ["A"]}],
    "areas": [{"id": "west", "stops": ["X", "S1"]}, {"id": "east", "stops": ["Y", "Z"]}],
    "scales": [{"id": "km", "bands": [{"up_to": 12_000, "cents": 200}, {"cents": 500}]}],
    "products": [
        {
            "id": "single", "name": {"fr": "Billet"}, "kind": "single",
            "prices": [{"scale": "km"}, {"cents": 100, "category": "youth"}],
        },
        {
            "id": "hours", "name": {"fr": "24 heures"}, "kind": "pass", "prices": [{"cents": 700}],
            "validity": {"mode": "first_use", "count": 24, "unit": "hour"}, "covers": {"networks": ["all"]},
            "with_journey": False,
        },
        {
            "id": "zone", "name": {"fr": "Zone, semaine"}, "kind": "week", "prices": [{"cents": 900}],
            "validity": {"mode": "fixed", "unit": "week"},
            "covers": {"choice": "areas", "areas_chosen": 1, "areas": ["east", "west"]},
            "with_journey": False,
        },
    ],
    "tariffs": [{"id": "t", "timezone": "Europe/Paris", "legs": [{"network": "all", "product": "single"}]}],
}  # fmt: skip


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Places:
    timetable = build(read_feed_tables(write_feed(tmp_path_factory.mktemp("town") / "feed", TOWN)))
    return Places(timetable, PARIS)


@pytest.fixture(scope="module")
def tariff() -> TapTariff:
    return TapTariff(read_document(CATALOGUE, id_="region"), price, lambda text: f"hidden{len(text)}{text[:1]}")


def ride(
    board: str | None, alight: str | None, whole: Whole, *, route: str | None = None, day: int = 0, clock: int = 8
) -> Ride:
    at = datetime(MONDAY.year, MONDAY.month, MONDAY.day, clock, tzinfo=PARIS) + timedelta(days=day)
    return Ride("A", board, alight, at, at, route, None, None, whole, ())


def ends(places: Places, one: Ride) -> list[tuple[str | None, str | None, int]]:
    return [(may.board, may.alight, round(may.metres / 1000)) for may in places.list_rides(one)]


def test_both_ends_are_measured_along_the_line(places: Places) -> None:
    assert ends(places, ride("X", "Y", Whole.WHOLE)) == [("X", "Y", 33)]
    assert ends(places, ride("X", "S", Whole.WHOLE)) == [("X", "S", 11)]  # a gate of the station
    assert ends(places, ride("Y", "X", Whole.WHOLE)) == [("Y", "X", 0)]  # nothing runs that way
    assert ends(places, ride("nowhere", "Y", Whole.WHOLE)) == [("nowhere", "Y", 0)]


def test_a_forgotten_tap_leaves_what_the_line_goes_on_to_or_comes_from(places: Places) -> None:
    assert ends(places, ride("X", None, Whole.NO_OUT)) == [("X", "S1", 11), ("X", "Y", 33)]
    assert ends(places, ride("X", None, Whole.BOARDED, route="R")) == [("X", "S1", 11), ("X", "Y", 33)]
    assert ends(places, ride(None, "Y", Whole.NO_IN, route="R")) == [("S1", "Y", 22), ("X", "Y", 33)]
    assert ends(places, ride("Z", None, Whole.NO_OUT)) == [("Z", None, 0)]  # the end of the line
    assert ends(places, ride(None, None, Whole.BOARDED)) == [(None, None, 0)]
    assert ends(Places(None, PARIS), ride("X", None, Whole.NO_OUT)) == [("X", None, 0)]


def count(
    tariff: TapTariff,
    places: Places,
    rides: Sequence[Ride],
    day: int = 0,
    *,
    earlier: Sequence[Offer] = (),
    who: str = "",
) -> Priced:
    known = [Known(one, places.list_rides(one), None) for one in rides]
    return tariff.count(MONDAY + timedelta(days=day), known, who or None, earlier)


def test_a_forgotten_tap_costs_as_to_the_farthest_stop(tariff: TapTariff, places: Places) -> None:
    assert count(tariff, places, [ride("X", "S1", Whole.WHOLE)]).day.ways[0].cents == 200
    assert count(tariff, places, [ride("X", None, Whole.NO_OUT)]).day.ways[0].cents == 500
    assert count(tariff, places, [ride("X", "X", Whole.TURNED_BACK)]).day.ways[0].cents == 0
    assert count(tariff, places, [ride("X", None, Whole.NO_OUT)], who="youth").day.ways[0].cents == 100
    assert count(tariff, places, [ride("X", None, Whole.NO_OUT)], who="nobody").day.ways[0].cents == 500


def test_hours_reach_into_the_next_day_and_no_further(tariff: TapTariff, places: Places) -> None:
    first = count(tariff, places, [ride("X", "Y", Whole.WHOLE, clock=18)])
    labels = settle(START, [first.day], offers := {one.key: one for one in first.offers})
    assert labels[0].cents == 500
    rides = [ride("X", "Y", Whole.WHOLE, day=1, clock=clock) for clock in (8, 17, 19)]
    second = count(tariff, places, rides, 1, earlier=list(offers.values()))
    offers |= {one.key: one for one in second.offers}
    total = settle(labels, [second.day], offers)[0].cents
    assert total == 700 + 500  # bought on Monday at six, it ends on Tuesday at six
    assert settle(START, [second.day], {one.key: one for one in second.offers})[0].cents == 700


def test_a_zone_that_was_chosen_covers_what_lies_in_it(tariff: TapTariff, places: Places) -> None:
    labels, offers, days = START, {}, []
    for day in range(6):
        clocks = (8, 13, 18)
        priced = count(tariff, places, [ride("X", "S1", Whole.WHOLE, day=day, clock=one) for one in clocks], day)
        offers |= {one.key: one for one in priced.offers}
        labels = settle(labels, [priced.day], offers)
        days.append(labels[0].cents)
    assert days == [600, 900, 900, 900, 900, 900]
    across = count(tariff, places, [ride("X", "Y", Whole.WHOLE)])
    assert not any(one.key.startswith("zone") for one in across.offers)
    assert not any("west" in one.key for one in offers.values())  # where one rides is hidden


def test_what_is_kept_of_a_day_reads_as_it_was_written(tariff: TapTariff, places: Places) -> None:
    priced = count(tariff, places, [ride("X", "S1", Whole.WHOLE, clock=one) for one in (8, 18)])
    assert read_ways(write_ways(priced.day.ways)) == priced.day.ways
    assert all(read_offer(one.key, write_offer(one)) == one for one in priced.offers)
    assert priced.split == {"A": [2, 22_240, 400]}
    assert priced.vat == 36
