"""Each real Flex feed is offered where its hours and booking rules allow, and to the second not beyond."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

import psycopg
import pytest
import shapely
from tests.conftest import new_database
from tests.ondemand.test_flex import NOW, brown

from mobigo.db.engine import libpq_conninfo
from mobigo.kit.geo import Point
from mobigo.ondemand.catalogue import read_catalogue
from mobigo.ondemand.fleet import Fleet
from mobigo.ondemand.model import How, Party, Spot
from mobigo.ondemand.supply import Decline, Declined, Offered, Supply
from mobigo.street.drives import Drives
from mobigo.transit.load import load_gtfs

if TYPE_CHECKING:
    from mobigo.ondemand.catalogue import Catalogue

MONDAY = date(2026, 11, 23)


@pytest.fixture(scope="module")
def supply(test_cluster: str, test_data: object, tmp_path_factory: pytest.TempPathFactory) -> Supply:
    """All four feeds, moved to the week of that Monday."""
    with new_database(test_cluster) as url:
        folder = test_data / "flex"  # type: ignore[operator]
        paths = {name: folder / f"{name}.gtfs.zip" for name in ("aspen", "bbnavi-brandenburg", "cobblinc-deviated")}
        paths["brown-county"] = brown(test_data, tmp_path_factory.mktemp("brown"))  # type: ignore[arg-type]
        for name, path in paths.items():
            assert load_gtfs(path, name, url, now=NOW, shift_to=MONDAY).status == "active"
        with psycopg.connect(libpq_conninfo(url)) as connection:
            catalogue = read_catalogue(connection)
    return Supply(catalogue, Fleet([]), Drives(None))


class Case(NamedTuple):
    service: str
    zone: str | None
    """Ride within it; None: between two stops of the service's group."""
    pickup: str
    """Local time of the pick-up."""
    asked: str
    """Local time of asking: the last second at which one books."""
    opens: str | None
    """The first second at which one books."""
    phone: str


CASES = {
    "real time, until one gets on": Case(
        "aspen:17102", "area_294", "2026-11-24T12:00", "2026-11-24T12:00:00", None, "877-230-6045"
    ),
    "an hour before": Case(
        "bbnavi-brandenburg:flex-476", None, "2026-11-24T18:00", "2026-11-24T17:00:00", None, "+49 3332 442 755"
    ),
    "two hours before, not sooner than a day": Case(
        "cobblinc-deviated:090z", "zone_1", "2026-11-24T07:40", "2026-11-24T05:40:00", "2026-11-23T07:40:00",
        "(770) 528-1053",
    ),
    "the day before at three, not sooner than two weeks": Case(
        "brown-county:74362", "area_708", "2026-11-24T09:00", "2026-11-23T15:00:00", "2026-11-10T08:00:00",
        "(507) 359-2717",
    ),
}  # fmt: skip


def ends(catalogue: Catalogue, case: Case) -> tuple[Spot, Spot]:
    service = catalogue.get(case.service)
    if case.zone is None:
        (group,) = service.groups.values()
        first, second = (
            Spot(id_, service.stops[id_].point or Point(0, 0), catalogue.network_stop(service, id_))
            for id_ in group.stop_ids[:2]
        )
        return first, second
    outline = catalogue.outlines[case.service, case.zone]
    west, south, east, north = outline.bounds
    middle = (west + east) / 2
    halves = (shapely.box(west, south, middle, north), shapely.box(middle, south, east, north))
    points = [shapely.point_on_surface(outline.intersection(half)) for half in halves]
    first, second = (Spot("", Point(point.x, point.y)) for point in points)
    return first, second


def ask(supply: Supply, case: Case, at: int) -> Offered | Declined:
    origin, destination = ends(supply.catalogue, case)
    pickup = instant(supply, case, case.pickup)
    found = supply.find(origin, destination, pickup, party=Party(), now=at, within=0)
    (one,) = [one for one in found if (one.service if isinstance(one, Declined) else one.offer.service) == case.service]
    return one


def instant(supply: Supply, case: Case, text: str) -> int:
    zone = ZoneInfo(supply.catalogue.get(case.service).timezone)
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp())


@pytest.mark.parametrize("name", CASES)
def test_a_ride_is_offered_until_the_last_second_and_not_after(supply: Supply, name: str) -> None:
    case = CASES[name]
    last = instant(supply, case, case.asked)
    offered = ask(supply, case, last)
    assert isinstance(offered, Offered)
    assert (offered.offer.bookable_until, offered.how, offered.phone) == (last, How.PHONE, case.phone)
    assert offered.offer.pickup[0] == instant(supply, case, case.pickup)
    late = ask(supply, case, last + 1)
    assert isinstance(late, Declined)
    assert late.phone == case.phone
    # a pick-up before now is outside the hours that are left; else the rule says why not
    assert late.reason is (Decline.OUTSIDE_HOURS if last == instant(supply, case, case.pickup) else Decline.TOO_LATE)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.opens])
def test_a_ride_is_offered_from_the_first_second_and_not_before(supply: Supply, name: str) -> None:
    case = CASES[name]
    first = instant(supply, case, case.opens or "")
    offered = ask(supply, case, first)
    assert isinstance(offered, Offered)
    assert offered.opens == first
    early = ask(supply, case, first - 1)
    assert isinstance(early, Declined)
    assert (early.reason, early.opens) == (Decline.NOT_YET, first)


def test_a_line_that_leaves_its_way_for_travellers_is_at_its_stops_by_the_timetable(supply: Supply) -> None:
    case = CASES["two hours before, not sooner than a day"]
    home, _ = ends(supply.catalogue, case)
    stop = supply.catalogue.get(case.service).stops["cujv"]
    station = Spot(stop.name, stop.point or Point(0, 0), "cobblinc-deviated:cujv")
    now, eight = instant(supply, case, "2026-11-23T12:00"), instant(supply, case, "2026-11-24T08:00")
    (there,) = supply.find(home, station, eight - 1800, party=Party(), now=now, within=0)
    assert isinstance(there, Offered)
    assert (there.offer.pickup[0], there.offer.drop_off[1], there.planned[1]) == (eight - 1800, eight, eight)
    (by_then,) = supply.find(home, station, eight, party=Party(), now=now, arrive=True)
    assert isinstance(by_then, Offered)
    assert by_then.offer.drop_off[1] == eight
    found = supply.find(home, station, eight - 1, party=Party(), now=now, arrive=True, within=1200)
    assert [type(one) for one in found] == [Declined]  # the trip before is an hour earlier


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_offered_outside_the_hours(supply: Supply, name: str) -> None:
    case = CASES[name]
    night = case._replace(pickup="2026-11-24T03:00")
    found = ask(supply, night, instant(supply, night, case.opens or "2026-11-23T12:00"))
    assert isinstance(found, Declined)
    assert found.reason is Decline.OUTSIDE_HOURS
