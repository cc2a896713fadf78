"""Prices worked by hand from the published rules of two feeds: Transcollines (zones) and C-TRAN (groups, transfers)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from mobigo.fares.feed_rows import read_archive
from mobigo.fares.gtfs_read import read_fares
from mobigo.fares.model import FareRide, Fellow, RideKind
from mobigo.fares.price import price
from mobigo.fares.pricebook import PriceBook

if TYPE_CHECKING:
    from mobigo.fares.model import Price

FEEDS = Path(__file__).parents[3] / "shared/data/fares"
pytestmark = pytest.mark.skipif(not FEEDS.is_dir(), reason="the feeds are not there")


def open_feed(name: str) -> PriceBook:
    return PriceBook(read_fares(read_archive(FEEDS / f"{name}.gtfs.zip", name), valid_from=date(2026, 1, 5))[0])


@pytest.fixture(scope="module")
def transcollines() -> PriceBook:
    return open_feed("transcollines")


@pytest.fixture(scope="module")
def ctran() -> PriceBook:
    return open_feed("ctran")


PACIFIC, EASTERN = ZoneInfo("America/Los_Angeles"), ZoneInfo("America/Montreal")
LOCAL, REGIONAL, EXPRESS = "ctran:002", "ctran:060", "ctran:105"
MONDAY = "2025-10-06 07:00"


def by_bus(day: str, *legs: tuple[str, int]) -> list[FareRide]:
    """Rides of 20 minutes, by route and by seconds after an instant of the clock."""
    begin = datetime.fromisoformat(day).replace(tzinfo=PACIFIC)
    return [
        FareRide(
            RideKind.LINE, "ctran:C-TRAN", route, (), "ctran:1", "ctran:2", begin + timedelta(seconds=after),
            begin + timedelta(seconds=after + 1200), 5000, begin.date(),
        )
        for route, after in legs
    ]  # fmt: skip


def worth(found: Price) -> int | None:
    return found.cents if found.complete else None


@pytest.mark.parametrize(
    ("who", "day", "legs", "cents"),
    [
        ("ADULT", MONDAY, [(LOCAL, 0)], 125),
        ("ADULT", MONDAY, [(REGIONAL, 0)], 250),
        ("ADULT", MONDAY, [(EXPRESS, 0)], 300),
        ("YOUTH", MONDAY, [(LOCAL, 0)], 0),
        ("HONORED_CITIZEN", MONDAY, [(LOCAL, 0)], 60),
        # within two and a half hours of the first boarding, the last second included
        ("ADULT", MONDAY, [(LOCAL, 0), (LOCAL, 3600)], 125),
        ("ADULT", MONDAY, [(LOCAL, 0), (LOCAL, 9000)], 125),
        ("ADULT", MONDAY, [(LOCAL, 0), (LOCAL, 9001)], 250),
        ("ADULT", MONDAY, [(LOCAL, 0), (LOCAL, 5400), (LOCAL, 8000)], 125),
        # up: the difference; down: nothing
        ("ADULT", MONDAY, [(LOCAL, 0), (EXPRESS, 3600)], 125 + 175),
        ("ADULT", MONDAY, [(REGIONAL, 0), (EXPRESS, 3600)], 250 + 50),
        ("ADULT", MONDAY, [(LOCAL, 0), (REGIONAL, 3600), (EXPRESS, 7200)], 125 + 125 + 50),
        ("ADULT", MONDAY, [(EXPRESS, 0), (LOCAL, 3600)], 300),
        ("ADULT", MONDAY, [(EXPRESS, 0), (LOCAL, 9001)], 300 + 125),
        ("YOUTH", MONDAY, [(LOCAL, 0), (EXPRESS, 3600)], 0 + 300),
        ("HONORED_CITIZEN", MONDAY, [(LOCAL, 0), (EXPRESS, 3600)], 60 + 90),
        # free on New Year's Eve from six on, and after midnight
        ("ADULT", "2025-12-31 18:00", [(EXPRESS, 0)], 0),
        ("ADULT", "2026-01-01 02:59", [(LOCAL, 0)], 0),
        # its frames leave the minute before nine out: nobody can say
        ("ADULT", "2025-10-06 08:59", [(LOCAL, 30)], None),
        ("ADULT", "2025-10-06 09:00", [(LOCAL, 0)], 125),
    ],
)
def test_ctran(ctran: PriceBook, who: str, day: str, legs: list[tuple[str, int]], cents: int | None) -> None:
    assert worth(price(ctran, by_bus(day, *legs), [Fellow("1", who)])) == cents


def test_without_a_card_that_transfers_each_ride_is_paid(ctran: PriceBook) -> None:
    rides = by_bus(MONDAY, (LOCAL, 0), (EXPRESS, 3600))
    assert worth(price(ctran, rides, [Fellow("1", "ADULT")], frozenset({"1"}))) == 125 + 300


def test_a_family_pays_the_sum(ctran: PriceBook) -> None:
    rides = by_bus(MONDAY, (LOCAL, 0), (EXPRESS, 3600))
    family = [Fellow("1", "ADULT"), Fellow("2", "ADULT"), Fellow("3", "YOUTH"), Fellow("4", "HONORED_CITIZEN")]
    assert worth(price(ctran, rides, family)) == 300 + 300 + 300 + 150


GATINEAU, COLLINES, PONTIAC = "transcollines:F401-10", "transcollines:411-56", "transcollines:F101-60"


@pytest.mark.parametrize(
    ("day", "stops", "cents"),
    [
        ("2026-08-03", [GATINEAU, COLLINES], 500),
        ("2026-08-03", [GATINEAU, PONTIAC], 2000),
        ("2026-08-03", [PONTIAC, GATINEAU], 2000),
        ("2026-08-03", [PONTIAC, COLLINES], 500),
        ("2026-08-03", [COLLINES, COLLINES], 500),
        ("2026-08-03", [GATINEAU, GATINEAU], None),  # no rule for a ride within the town
        ("2026-08-03", [GATINEAU, COLLINES, PONTIAC], 500 + 500),  # no transfers
        ("2026-08-23", [GATINEAU, COLLINES], 500),
        ("2026-08-24", [GATINEAU, COLLINES], None),  # its prices end the day before
    ],
)
def test_transcollines(transcollines: PriceBook, day: str, stops: list[str], cents: int | None) -> None:
    begin = datetime.fromisoformat(f"{day} 07:00").replace(tzinfo=EASTERN)
    route = transcollines.catalogue.networks[0].routes[0]
    rides = [
        FareRide(
            RideKind.LINE, "transcollines:Transcollines", route, (), stops[n], stops[n + 1],
            begin + timedelta(hours=n), begin + timedelta(hours=n, minutes=40), 30_000, begin.date(),
        )
        for n in range(len(stops) - 1)
    ]  # fmt: skip
    found = price(transcollines, rides, [Fellow("1", transcollines.default)])
    assert (worth(found), found.currency) == (cents, "CAD")
