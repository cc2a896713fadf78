"""Systems of shared bicycles: what their documents say, and what they cannot make us believe."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from mobigo.kit.errors import Refused
from mobigo.sharing.fences import FenceRule, find_rules, list_rules
from mobigo.sharing.gbfs import FEEDS, Contents, Held, list_feeds, pack_systems, read_system
from mobigo.sharing.model import UNKNOWN, UNLIMITED, Ends, FormFactor, Propulsion, Says, Service
from mobigo.sharing.service import read_folder

if TYPE_CHECKING:
    from pathlib import Path


def document(data: object, **head: object) -> bytes:
    return json.dumps({"last_updated": 1_795_413_600, "ttl": 60, "version": "2.3", **head, "data": data}).encode()


PLACE = {"station_id": "7", "name": "Gare", "lat": 47.32, "lon": 5.03, "capacity": 20}
STATUS = {
    "station_id": "7", "is_installed": True, "is_renting": True, "is_returning": True, "num_bikes_available": 4,
    "num_docks_available": 16,
}  # fmt: skip


def read(place: dict[str, Any] | None = None, status: dict[str, Any] | None = None, **more: bytes) -> Contents:
    """Read one station, some of its fields changed."""
    return read_system({
        "station_information": document({"stations": [PLACE | (place or {})]}),
        "station_status": document({"stations": [STATUS | (status or {})]}),
        **more,
    })  # fmt: skip


def test_a_station_of_version_two() -> None:
    found = read()
    (station,) = found.stations
    assert station[:8] == ("7", "Gare", 5.03, 47.32, 20, 4, 16, Service.RENTS | Service.TAKES_BACK)
    assert station.held == (Held("", 4, 16),)
    assert (found.made_at, found.ttl) == (1_795_413_600, 60)


def test_version_three_speaks_of_vehicles_in_languages_and_writes_times_out() -> None:
    name = [{"text": "Station", "language": "en"}, {"text": "Gare", "language": "fr"}]
    status = {key: value for key, value in STATUS.items() if key != "num_bikes_available"}
    found = read_system({
        "station_information": document({"stations": [PLACE | {"name": name}]}),
        "station_status": document(
            {"stations": [status | {"num_vehicles_available": 5}]}, last_updated="2026-11-23T07:00:00+01:00"
        ),
    })  # fmt: skip
    assert (found.stations[0].name, found.stations[0].bikes, found.made_at) == ("Gare", 5, 1_795_413_600)


def test_version_one_writes_truth_as_a_number() -> None:
    found = read(status={"is_installed": 1, "is_renting": 0, "is_returning": 1})
    assert found.stations[0].service == Service.TAKES_BACK


@pytest.mark.parametrize(
    ("status", "expected"),  # bicycles, docks, service
    [
        ({"is_installed": False}, (4, 16, 0)),
        ({"is_renting": False}, (4, 16, Service.TAKES_BACK)),
        ({"num_bikes_available": 0}, (0, 16, 3)),
        ({"num_bikes_available": -3}, (UNKNOWN, 16, 3)),
        ({"num_bikes_available": "many"}, (UNKNOWN, 16, 3)),
        ({"num_docks_available": None}, (4, UNKNOWN, 3)),
    ],
)
def test_what_a_status_says(status: dict[str, Any], expected: tuple[int, int, int]) -> None:
    station = read(status=status).stations[0]
    assert (station.bikes, station.docks, station.service) == expected


def test_a_station_that_counts_no_docks_always_has_room_and_one_without_status_serves_nobody() -> None:
    without = {key: value for key, value in STATUS.items() if key != "num_docks_available"}
    documents = {
        "station_information": document({"stations": [PLACE, PLACE | {"station_id": "8"}]}),
        "station_status": document({"stations": [without]}),
    }
    first, second = read_system(documents).stations
    assert (first.docks, second.docks, second.service) == (UNLIMITED, UNKNOWN, 0)


TYPES = document({
    "vehicle_types": [
        {"vehicle_type_id": "b", "form_factor": "bicycle", "return_constraint": "any_station"},
        {"vehicle_type_id": "s", "form_factor": "scooter_standing"},
        {"vehicle_type_id": "r", "form_factor": "bicycle", "return_constraint": "roundtrip_station"},
        {"vehicle_type_id": "f", "form_factor": "cargo_bicycle", "return_constraint": "free_floating"},
    ]
})  # fmt: skip


def test_what_a_station_has_is_told_by_type_and_bicycles_that_must_come_back_do_not_count() -> None:
    counted = [{"vehicle_type_id": name, "count": 3} for name in ("b", "s", "r", "?")]
    docks = [{"vehicle_type_ids": ["b", "s"], "count": 2}, {"vehicle_type_ids": ["s"], "count": 9}]
    status = {"num_bikes_available": 12, "vehicle_types_available": counted, "vehicle_docks_available": docks}
    station = read(status=status, vehicle_types=TYPES).stations[0]
    assert (station.bikes, station.docks) == (3, 2)
    assert station.held == (Held("b", 3, 2), Held("s", 3, 11), Held("r", 3, 0))


def test_vehicles_in_the_street_that_one_may_take() -> None:
    one = {"lat": 47.3, "lon": 5.0, "is_reserved": False, "is_disabled": False, "vehicle_type_id": "f"}
    changes = [
        {}, {"is_reserved": True}, {"is_disabled": True}, {"station_id": "7"}, {"vehicle_type_id": "s"},
        {"vehicle_type_id": "?"}, {"vehicle_type_id": "b"}, {"current_range_meters": 900}, {"lat": 91},
        {"lon": None}, {"lat": 0, "lon": 0}, {"current_range_meters": 9000.5},
    ]  # fmt: skip
    vehicles = [one | {"vehicle_id": str(i)} | change for i, change in enumerate(changes)]
    found = read(vehicle_types=TYPES, vehicle_status=document({"vehicles": vehicles}))
    assert [(vehicle.id, vehicle.type, vehicle.range) for vehicle in found.vehicles] == [
        ("0", "f", UNKNOWN), ("4", "s", UNKNOWN), ("6", "b", UNKNOWN), ("11", "f", 9000),
    ]  # fmt: skip


def test_types_of_vehicles_in_the_words_of_all_versions() -> None:
    rows = [
        {"vehicle_type_id": "1", "form_factor": "scooter", "propulsion_type": "electric", "max_permitted_speed": 20},
        {"vehicle_type_id": "2", "form_factor": "car", "propulsion_type": "plug_in_hybrid",
         "return_constraint": "roundtrip_station", "name": [{"text": "Citadine", "language": "fr"}]},
        {"vehicle_type_id": "3", "form_factor": "moped", "propulsion_type": "steam", "return_constraint": "hybrid"},
        {"vehicle_type_id": "4", "form_factor": "hovercraft"},
        {"form_factor": "bicycle"},
    ]  # fmt: skip
    found = read(vehicle_types=document({"vehicle_types": rows})).types
    both = Ends.ANYWHERE | Ends.STATIONS
    assert [(one.form, one.propulsion, one.station_ends, one.street_ends, one.kph) for one in found] == [
        (FormFactor.SCOOTER_STANDING, Propulsion.ELECTRIC, Ends.STATIONS, both, 20.0),  # as nobody says
        (FormFactor.CAR, Propulsion.PLUG_IN_HYBRID, Ends(0), Ends(0), 0.0),
        (FormFactor.MOPED, None, both, both, 0.0),
    ]
    assert found[1].name == "Citadine"


def square(size: float) -> dict[str, Any]:
    ring = [[0, 0], [size, 0], [size, size], [0, size], [0, 0]]
    return {"type": "Polygon", "coordinates": [ring]}


def test_zones_in_both_spellings_and_everywhere_else() -> None:
    features = [
        {"geometry": square(1), "properties": {"rules": [
            {"vehicle_type_ids": ["s"], "ride_start_allowed": True, "ride_end_allowed": False,
             "ride_through_allowed": True, "maximum_speed_kph": 8}]}},
        {"geometry": square(2), "properties": {"start": "2026-11-23T00:00:00Z", "end": 1_900_000_000, "rules": [
            {"ride_allowed": False, "ride_through_allowed": False}]}},
        {"geometry": square(3), "properties": {"rules": [{"ride_end_allowed": True, "station_parking": True}]}},
        {"geometry": square(4), "properties": {"rules": [{"nothing": "is said"}]}},
        {"geometry": {"type": "Point", "coordinates": [0, 0]}, "properties": {"rules": [{"ride_allowed": False}]}},
        {"geometry": {"type": "Polygon", "coordinates": "no"}, "properties": {"rules": [{"ride_allowed": False}]}},
        "nothing",
    ]  # fmt: skip
    data = {"geofencing_zones": {"features": features}, "global_rules": [{"ride_end_allowed": False}]}
    fences = read(geofencing_zones=document(data)).fences
    everyone = frozenset[str]()
    assert [(fence.shape and shapely.from_wkb(fence.shape).area, fence.rules) for fence in fences] == [
        (1.0, (FenceRule(frozenset({"s"}), Says.START | Says.THROUGH, 8.0),)),
        (4.0, (FenceRule(everyone, Says(0), 0.0),)),
        (9.0, (FenceRule(everyone, Says.START | Says.THROUGH, 0.0),)),
        ("", (FenceRule(everyone, Says.START | Says.THROUGH, 0.0),)),
    ]
    assert (fences[1].since, fences[1].until) == (1_795_392_000, 1_900_000_000)
    assert read(geofencing_zones=document({"geofencing_zones": None})).fences == []


def test_of_the_rules_at_a_place_the_first_that_names_the_type_wins_whole() -> None:
    slow = {"vehicle_type_ids": ["s"], "ride_end_allowed": False, "maximum_speed_kph": 8}
    features = [
        {"geometry": square(1), "properties": {"rules": [slow, {"ride_end_allowed": True}]}},
        {"geometry": square(2), "properties": {"rules": [{"ride_through_allowed": False}]}},
    ]
    data = {"geofencing_zones": {"features": features}, "global_rules": [{"ride_end_allowed": False}]}
    found = read(vehicle_types=TYPES, geofencing_zones=document(data))
    fleet = pack_systems([("x", found)])
    points = np.array([[0.5, 0.5], [1.5, 1.5], [9.0, 9.0]])
    said = {}
    for type_, name in enumerate("bsrf"):
        won = find_rules(fleet, list_rules(fleet, type_, 0), points)
        said[name] = [(Says(int(fleet.rule_says[row])), float(fleet.rule_kph[row])) for row in won]
    end, through = Says.START | Says.THROUGH, Says.START | Says.END
    assert said["s"] == [(end, 8.0), (through, 0.0), (end, 0.0)]
    assert said["b"] == said["f"] == [(Says.START | Says.END | Says.THROUGH, 0.0), (through, 0.0), (end, 0.0)]


RULE = st.fixed_dictionaries(
    {"ride_start_allowed": st.booleans(), "ride_end_allowed": st.booleans(), "ride_through_allowed": st.booleans()},
    optional={
        "vehicle_type_ids": st.lists(st.sampled_from("bsrf"), min_size=1, max_size=2),
        "maximum_speed_kph": st.integers(1, 30),
    },
)
BOX = st.tuples(*[st.integers(0, 6)] * 2, *[st.integers(1, 5)] * 2)


@settings(max_examples=60, deadline=None)
@given(zones=st.lists(st.tuples(BOX, st.lists(RULE, min_size=1, max_size=3)), max_size=6), rest=st.none() | RULE)
def test_zones_against_looking_at_every_rule(
    zones: list[tuple[tuple[int, int, int, int], list[dict[str, Any]]]], rest: dict[str, Any] | None
) -> None:
    features = [
        {"geometry": {"type": "Polygon", "coordinates": [[[x, y], [x + w, y], [x + w, y + h], [x, y + h], [x, y]]]},
         "properties": {"rules": rules}}
        for (x, y, w, h), rules in zones
    ]  # fmt: skip
    data = {"geofencing_zones": {"features": features}, "global_rules": [rest] if rest else []}
    fleet = pack_systems([("x", read(vehicle_types=TYPES, geofencing_zones=document(data)))])
    points = np.array([(x + 0.5, y + 0.5) for x in range(12) for y in range(12)])
    for type_, name in enumerate("bsrf"):
        won = find_rules(fleet, list_rules(fleet, type_, 0), points)
        for (px, py), row in zip(points.tolist(), won.tolist(), strict=True):
            around = [rules for (x, y, w, h), rules in zones if x < px < x + w and y < py < y + h]
            around += [[rest]] if rest else []
            first = next((one for rules in around for one in rules if name in one.get("vehicle_type_ids", name)), None)
            assert (row < 0) is (first is None)
            if first is not None:
                says = Says(int(fleet.rule_says[row]))
                assert [bool(says & one) for one in (Says.START, Says.END, Says.THROUGH)] == [
                    first[f"ride_{word}_allowed"] for word in ("start", "end", "through")
                ]
                assert float(fleet.rule_kph[row]) == first.get("maximum_speed_kph", 0)


def test_a_zone_holds_in_its_time() -> None:
    feature = {"geometry": square(1), "properties": {"start": 1000, "end": 2000, "rules": [{"ride_allowed": False}]}}
    fleet = pack_systems([("x", read(geofencing_zones=document({"geofencing_zones": {"features": [feature]}})))])
    assert [len(list_rules(fleet, 0, at)) for at in (999, 1000, 1999, 2000)] == [0, 1, 1, 0]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("station_status", b"<html>", "station_status is no JSON object"),
        ("station_status", b"[" * 100_000, "station_status is no JSON object"),
        ("station_status", b"[]", "station_status is no JSON object"),
        ("station_information", b"{}", "station_information holds no data"),
        ("station_information", document({"stations": {}}), "holds no list of stations"),
        ("vehicle_status", document({"bikes": []}), "holds no list of vehicles"),
    ],
)
def test_what_is_no_gbfs_is_refused_by_name(name: str, content: bytes, message: str) -> None:
    with pytest.raises(Refused, match=message):
        read(**{name: content})


WORDS = (
    "rules", "days", "user_types", "start_time", "end_time", "start_month", "end_year", "plan_id", "price",
    "opening_hours", "station_opening_hours", "timezone", "rental_uris", "form_factor", "vehicle_type_id", "language",
    "text",
)  # fmt: skip

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*PLACE, *STATUS, *WORDS]), inner),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_nothing_that_a_system_says_breaks_us(data: st.DataObject) -> None:
    documents = {}
    keys = (
        "name",
        "vehicle_types",
        "stations",
        "stations",
        "bikes",
        "vehicles",
        "x",
        "rental_hours",
        "calendars",
        "plans",
    )
    for name, key in zip(FEEDS, keys, strict=True):
        rows = st.lists(
            st.dictionaries(st.sampled_from([*PLACE, *STATUS, *WORDS, "vehicle_id"]), JSON, max_size=5), max_size=2
        )
        body = data.draw(st.one_of(JSON, st.fixed_dictionaries({key: rows})), label=name)
        documents[name] = document(body, last_updated=data.draw(JSON), ttl=data.draw(JSON))
    try:
        found = read_system(documents)
    except Refused:
        return
    packed = pack_systems([("x", found)])
    assert len(packed.station_lon) == len(found.stations)
    assert (abs(packed.station_lat) <= 90).all()


def test_discovery_in_languages_and_without() -> None:
    feeds = [{"name": "station_information", "url": "https://x.example/si"}, {"name": "system_alerts", "url": "y"}]
    expected = {"station_information": "https://x.example/si"}
    assert list_feeds(document({"de": {"feeds": []}, "fr": {"feeds": feeds}})) == expected
    assert list_feeds(document({"feeds": feeds})) == expected
    with pytest.raises(Refused, match="lists neither station_information nor vehicle_status"):
        list_feeds(document({"feeds": [{"name": "system_alerts", "url": "y"}]}))


def test_the_samples_of_both_versions(test_data: Path) -> None:
    folder = test_data / "gbfs"
    two, three = read_system(read_folder(folder / "gbfs.2.2.json")), read_system(read_folder(folder))
    assert [one.id for one in two.stations] == ["pga"]
    assert [one.id for one in two.vehicles] == ["ghi789"]  # the other one stands at a station
    assert [(one.id, one.capacity) for one in three.stations] == [("pga", UNKNOWN), ("station12", 16)]
    assert three.vehicles == []  # disabled, reserved
    assert three.stations[1].service == 0  # nothing is said of it
