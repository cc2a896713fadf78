"""Which messages concern whom: everything a target names must be that of the ride or the place."""

from __future__ import annotations

from datetime import date

import pytest

from mobigo.transit.alerts import AlertIndex, Concern, applies
from mobigo.transit.live import Alert, Target

DAY = date(2026, 11, 23)
RIDE = Concern(frozenset({"v:a", "v:station", "v:b"}), "v:t", DAY, route="v:L", direction=1, agency="v:V", route_type=3)
PLACE = Concern(frozenset({"v:a", "v:station"}))


def find(concern: Concern, *targets: Target, periods: tuple[tuple[int | None, int | None], ...] = ()) -> bool:
    index = AlertIndex([Alert("v:1", {"fr": "!"}, targets=targets, periods=periods), Alert("v:2", {"fr": "?"})])
    found = index.find(concern, 100, 200)
    assert found in ([], ["v:1"])
    return bool(found)


@pytest.mark.parametrize(
    ("target", "ride", "place"),
    [
        (Target(stop_id="v:a"), True, True),
        (Target(stop_id="v:station"), True, True),
        (Target(stop_id="v:c"), False, False),
        (Target(route_id="v:L"), True, False),
        (Target(route_id="v:M"), False, False),
        (Target(route_id="v:L", direction=1), True, False),
        (Target(route_id="v:L", direction=0), False, False),
        (Target(route_id="v:L", stop_id="v:a"), True, False),
        (Target(route_id="v:M", stop_id="v:a"), False, False),
        (Target(route_id="v:L", stop_id="v:c"), False, False),
        (Target(trip_id="v:t"), True, False),
        (Target(trip_id="v:t", start_date=DAY), True, False),
        (Target(trip_id="v:t", start_date=date(2026, 11, 24)), False, False),
        (Target(agency_id="v:V"), True, False),
        (Target(agency_id="v:W"), False, False),
        (Target(route_type=3), True, False),
        (Target(route_type=2), False, False),
        (Target(), False, False),
    ],
)
def test_a_target_is_about_all_that_it_names(target: Target, *, ride: bool, place: bool) -> None:
    assert find(RIDE, target) == ride
    assert find(PLACE, target) == place


def test_one_target_of_several_is_enough_and_said_once() -> None:
    assert find(RIDE, Target(stop_id="v:c"), Target(route_id="v:L"), Target(stop_id="v:a"))


@pytest.mark.parametrize(
    ("periods", "active"),
    [
        ((), True),
        (((None, None),), True),
        (((None, 100),), True),
        (((None, 99),), False),
        (((200, None),), True),
        (((201, None),), False),
        (((120, 130),), True),
        (((0, 50), (150, 160)), True),
        (((0, 50), (250, 260)), False),
    ],
)
def test_messages_apply_in_their_periods(periods: tuple[tuple[int | None, int | None], ...], *, active: bool) -> None:
    assert applies(Alert("v:1", {}, periods=periods), 100, 200) == active
    assert find(RIDE, Target(route_id="v:L"), periods=periods) == active
