"""Ways to and from the stop, worked out by hand on the streets of the valley."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from tests.conftest import new_database
from tests.journeys.conftest import FEED, NOW, STREETS, Valley, at, stop
from tests.street_text import lonlat, osm_text

from mobigo.journeys import service
from mobigo.journeys.access import find_access, find_direct, find_end
from mobigo.journeys.model import Access as How
from mobigo.journeys.model import JourneyRequest, Mode, Realtime
from mobigo.journeys.network import Networks
from mobigo.journeys.taxis import load_register, remove_register
from mobigo.kit.clock import Clock
from mobigo.kit.errors import NotFound
from mobigo.osm.load import load_osm
from mobigo.parking.service import load_places
from mobigo.sharing import service as sharing
from mobigo.sharing.model import FormFactor, Propulsion

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mobigo.journeys.access import Access
    from mobigo.journeys.network import Network

MORE_STREETS = (
    STREETS
    + """
p 900 10 amenity=parking park_ride=yes name=Relais
q 880 10 amenity=parking park_ride=yes access=private name=Usine
h 400 -200
g 700 -200
k 700 0
4: b h    highway=steps
5: h g    highway=footway smoothness=good
6: g k    highway=footway wheelchair=limited
"""
).replace("1: a b c", "1: a b k c wheelchair=yes")
"""Steps lead from b down to h; a wheelchair goes round by g and k. 200 + 300 + 200 m, or 200 m of steps."""

PLACES = """id_lieu,nom_lieu,type,Xlong,Ylat,ouvert,nbre_pl
1,Mairie,Auto-stop,{auto[0]},{auto[1]},true,
2,Sortie 6,Sortie d'autoroute,{exit[0]},{exit[1]},true,12
3,Ancien,Parking,{old[0]},{old[1]},false,
""".format(auto=lonlat(300, 0), exit=lonlat(9000, 0), old=lonlat(100, 0))

MADE = 1_795_413_600  # NOW
STATIONS = {"a": (300, 4, 3), "b": (990, 0, 2), "c": (9500, 1, 0), "d": (9450, 2, 5)}
"""Metres along the road, bicycles, free docks."""


def write_gbfs(folder: Path, stations: dict[str, tuple[float, int, int]], **more: Any) -> None:  # noqa: ANN401  documents
    folder.mkdir(exist_ok=True)
    places = {name: lonlat(x, 0) for name, (x, _, _) in stations.items()}
    documents = {
        "station_information": {
            "stations": [
                {"station_id": name, "name": f"Station {name.upper()}", "lon": lon, "lat": lat}
                for name, (lon, lat) in places.items()
            ]
        },
        "station_status": {
            "stations": [
                {"station_id": name, "is_installed": True, "is_renting": True, "is_returning": True,
                 "num_bikes_available": bikes, "num_docks_available": docks}
                for name, (_, bikes, docks) in stations.items()
            ]
        },
        **more,
    }  # fmt: skip
    for name, data in documents.items():
        (folder / f"{name}.json").write_text(
            json.dumps({"last_updated": MADE, "ttl": 60, "version": "2.3", "data": data})
        )


@dataclass
class Wheels:
    valley: Valley
    network: Network

    def reach(self, end: str, *how: How, backward: bool = False, **more: Any) -> Access:  # noqa: ANN401  fields of the request
        return find_access(self.network, find_end(self.network, end), ask(how, **more), backward=backward)

    def seconds(self, end: str, *how: How, backward: bool = False, **more: Any) -> dict[str, int]:  # noqa: ANN401
        found = self.reach(end, *how, backward=backward, **more)
        ids = self.network.timetable.stop_ids
        return {ids.at(stop)[4:]: int(s) for stop, s in zip(found.stops, found.seconds, strict=True)}

    def stop(self, name: str) -> int:
        return self.network.names.stops[f"val:{name}"]


def ask(how: tuple[How, ...], **more: Any) -> JourneyRequest:  # noqa: ANN401  fields of the request
    return JourneyRequest(**({"origin": "", "destination": "", "at": NOW, "access": how, "egress": how} | more))


@pytest.fixture(scope="module")
def wheels(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wheels]:
    folder = tmp_path_factory.mktemp("wheels")
    (folder / "home").mkdir()
    (folder / "files").mkdir()
    with new_database(test_cluster) as url:
        valley = Valley(url, folder / "home", folder / "files")
        (folder / "streets.osm").write_text(osm_text(MORE_STREETS))
        load_osm(folder / "streets.osm", url, now=NOW)
        valley.load_feed(stops=FEED["stops.txt"] + stop("ailleurs", 60_000) + "\n")  # beyond the extract
        (folder / "places.csv").write_text(PLACES)
        load_places(folder / "places.csv", "bnlc", url, now=NOW)
        valley.build()
        yield Wheels(valley, valley.network())


def test_walking_at_ones_own_pace(wheels: Wheels) -> None:
    # 400 m and 5 m to the stop
    assert wheels.seconds(at(0), How.WALK, max_walk=600) == {"amont": 338}
    assert wheels.seconds(at(0), How.WALK, max_walk=600, walk_speed=0.9) == {"amont": 451}
    assert wheels.seconds(at(0), How.WALK, max_walk=600, walk_speed=2.0) == {"amont": 203, "pont": 503}


def test_a_stop_beyond_the_streets_is_walked_to_straight(wheels: Wheels) -> None:
    # 300 m away, 1.4 times as far on foot, at 1.2 m/s
    assert wheels.seconds(at(60_300), How.WALK)["ailleurs"] == pytest.approx(350, abs=1)
    assert wheels.reach(at(60_300), How.WALK).located
    assert not wheels.reach(at(61_100), How.WALK).located
    assert wheels.seconds(at(60_300), How.WALK, wheelchair=True) == {}


def test_ones_own_bicycle_is_locked_at_the_stop_or_comes_along(wheels: Wheels) -> None:
    # 4.4 m/s and 5 m on foot; a minute to lock it
    assert wheels.seconds(at(0), How.BICYCLE, max_ride=600) == {"amont": 96 + 60, "pont": 232 + 60}
    assert wheels.seconds(at(0), bicycle_aboard=True, max_ride=600) == {"amont": 96, "pont": 232}
    # from the last stop on only where it came along or waits there
    assert wheels.seconds(at(0), How.WALK, backward=True, max_walk=60, bicycle_aboard=True) == {
        "amont": 96,
        "pont": 232,
    }
    found = wheels.reach(at(0), How.BICYCLE)
    (leg,) = found.legs(wheels.stop("pont"), int(NOW.timestamp()), wheels.network)
    assert (leg.mode, leg.departure, leg.arrival) == (Mode.BICYCLE, NOW, NOW + timedelta(seconds=292))
    assert leg.metres == pytest.approx(1005, abs=2)
    assert found.walk_seconds.tolist() == [0] * len(found.stops)


def test_of_several_ways_the_quickest_counts(wheels: Wheels) -> None:
    # near the stop nobody takes the bicycle out: 5 m beside it, against a minute to lock it
    found = wheels.reach(at(380), How.WALK, How.BICYCLE)
    stops = {wheels.network.timetable.stop_ids.at(stop): i for i, stop in enumerate(found.stops)}
    assert found.seconds[stops["val:amont"]] == 21
    assert found.walk_seconds[stops["val:amont"]] == 21
    assert found.walk_seconds[stops["val:pont"]] == 0


def test_somebody_drives_one_to_the_stop_and_fetches_one_there(wheels: Wheels) -> None:
    # 25 km/h in the villages, 55 between them: 144 s, 523.6 s and 86.4 s
    assert wheels.seconds(at(0), How.CAR_DROP_OFF) == {"amont": 62, "pont": 149, "aval": 759}
    assert wheels.seconds(at(0), How.CAR_DROP_OFF, backward=True, max_drive=100) == {"amont": 62}
    found = wheels.reach(at(0), How.CAR_DROP_OFF, backward=True)
    (leg,) = found.legs(wheels.stop("aval"), int(NOW.timestamp()), wheels.network)
    assert (leg.mode, leg.start.name, leg.end.lat) == (Mode.CAR, "Aval", pytest.approx(47.0, abs=1e-6))


def test_the_car_is_left_at_park_and_ride_and_carpool_places_that_are_open_to_all(wheels: Wheels) -> None:
    # to Relais at x=900, 10 m off: 523.6 + 14.4 + 8.3 s, two minutes, then 10 + 100 + 5 m on foot (and back 500)
    found = wheels.reach(at(9000), How.CAR_PARK)
    names = {wheels.network.timetable.stop_ids.at(stop): i for i, stop in enumerate(found.stops)}
    assert found.seconds[names["val:pont"]] == 547 + 120 + 96
    assert found.walk_seconds[names["val:pont"]] == 96
    # the exit of the motorway is where one is: two minutes, 600 m and 5 m
    assert found.seconds[names["val:aval"]] == pytest.approx(120 + 505, abs=1)
    drive, walk = found.legs(wheels.stop("pont"), int(NOW.timestamp()), wheels.network)
    assert (drive.mode, drive.place, drive.end.name) == (Mode.CAR, "Relais", "Relais")
    assert (walk.mode, walk.start.name, walk.end.name) == (Mode.WALK, "Relais", "Pont")
    assert walk.departure == drive.arrival == NOW + timedelta(seconds=667)
    assert walk.arrival == NOW + timedelta(seconds=763)
    # and on the way back, to where it stands
    back = wheels.reach(at(9000), How.CAR_PARK, backward=True)
    walk, drive = back.legs(wheels.stop("pont"), int(NOW.timestamp()), wheels.network)
    assert [walk.mode, drive.mode] == [Mode.WALK, Mode.CAR]
    assert (walk.end.name, drive.start.name, drive.place) == ("Relais", "Relais", "Relais")
    assert drive.arrival == NOW + timedelta(seconds=763)
    # at hitch-hiking posts, closed and private places nobody parks: one kilometre away there is only Relais
    near = wheels.seconds(at(100), How.CAR_PARK, max_drive=300)
    assert near["amont"] == pytest.approx(115.2 + 8.4 + 120 + 515 / 1.2, abs=3)


def test_the_longest_walk_drive_and_ride_are_kept(wheels: Wheels) -> None:
    assert "amont" not in wheels.seconds(at(9000), How.CAR_PARK, max_walk=300)
    assert wheels.seconds(at(9000), How.CAR_PARK, max_drive=0, max_walk=0) == {}
    assert wheels.seconds(at(0), How.BICYCLE, max_ride=100) == {"amont": 156}


def test_a_wheelchair_takes_the_way_round_and_says_what_is_known(wheels: Wheels) -> None:
    # 200 m of steps on foot; 300 m good, 200 m limited (half as long again), 300 m of the road
    on_foot = wheels.seconds(at(400, -200), How.WALK)
    assert on_foot["amont"] == pytest.approx(400 / 1.2 + 4.2, abs=2)
    rolling = wheels.reach(at(400, -200), How.WALK, wheelchair=True)
    index = rolling.stops.tolist().index(wheels.stop("amont"))
    assert rolling.seconds[index] == pytest.approx((300 + 200 * 1.5 + 300) / 1.2 + 4.2, abs=2)
    (leg,) = rolling.legs(wheels.stop("amont"), int(NOW.timestamp()), wheels.network)
    assert leg.metres == pytest.approx(805, abs=2)
    assert leg.wheelchair == "unknown"  # limited is not said to be possible
    (steps,) = wheels.reach(at(400, -200), How.WALK).legs(wheels.stop("amont"), 0, wheels.network)
    assert steps.wheelchair == "not_possible"
    (fine,) = wheels.reach(at(650), How.WALK, wheelchair=True).legs(wheels.stop("amont"), 0, wheels.network)
    assert fine.wheelchair == "possible"


def test_all_the_way_by_bicycle_or_car(wheels: Wheels) -> None:
    request = ask((How.WALK,), direct=(Mode.WALK, Mode.BICYCLE, Mode.CAR))
    ends = [
        find_access(wheels.network, find_end(wheels.network, place), request, backward=back)
        for place, back in ((at(0), False), (at(10_000), True))
    ]
    found = {way.mode: way for way in find_direct(wheels.network, *ends, request)}
    assert {mode: way.seconds for mode, way in found.items()} == {  # ten kilometres are no walk
        Mode.BICYCLE: 2273,
        Mode.CAR: pytest.approx(144 + 523.6 + 144, abs=1),
    }
    (leg,) = found[Mode.CAR].legs(int(NOW.timestamp()), wheels.network)
    assert leg.arrival - leg.departure == timedelta(seconds=found[Mode.CAR].seconds)
    assert {step.street for step in leg.steps} >= {"Rue Haute", "Grande Rue"}


# ------------------------------------------------------------------------------------------------- shared bicycles


def poll(wheels: Wheels, folder: Path, clock: Clock | None = None) -> Wheels:
    """Poll one folder into the home, in place of what was polled before."""
    reach = sharing.Reach(wheels.valley.home)
    with suppress(NotFound):
        sharing.remove_system("velo", wheels.valley.url, reach)
    sharing.add_system("velo", str(folder), wheels.valley.url, every=60, now=NOW)
    (polled,) = sharing.poll(wheels.valley.url, reach, NOW)
    assert polled.problem is None
    return Wheels(wheels.valley, Networks(wheels.valley.home, clock).current())


@pytest.fixture
def shared(wheels: Wheels, tmp_path: Path) -> Wheels:
    """The stations above, polled from a folder."""
    write_gbfs(tmp_path / "gbfs", STATIONS)
    return poll(wheels, tmp_path / "gbfs")


def test_a_shared_bicycle_from_station_to_station(shared: Wheels) -> None:
    # 300 m on foot to A, a minute, 690 m at 4.4 m/s, half a minute, 10 and 5 m on foot to Pont
    found = shared.reach(at(0), How.SHARED_BICYCLE)
    names = {shared.network.timetable.stop_ids.at(stop): i for i, stop in enumerate(found.stops)}
    assert found.seconds[names["val:pont"]] == pytest.approx(250 + 60 + 156.8 + 30 + 12.5, abs=2)
    assert found.walk_seconds[names["val:pont"]] == pytest.approx(263, abs=1)
    walk, ride, last = found.legs(shared.stop("pont"), int(NOW.timestamp()), shared.network)
    assert [leg.mode for leg in (walk, ride, last)] == [Mode.WALK, Mode.SHARED_BICYCLE, Mode.WALK]
    assert (ride.start.name, ride.end.name, ride.place) == ("Station A", "Station B", "Station B")
    assert (walk.available, ride.available, last.available) == (None, 4, None)
    assert ride.metres == pytest.approx(690, abs=2)
    assert last.arrival == NOW + timedelta(seconds=int(found.seconds[names["val:pont"]]))
    assert (walk.arrival, ride.arrival) == (ride.departure, last.departure)


def test_stations_without_bicycles_lend_none_and_full_ones_take_none(shared: Wheels) -> None:
    # B has none to lend, and A is far; C is full: from A one ends at D, 50 m further
    assert shared.seconds(at(990), How.SHARED_BICYCLE, max_walk=500) == {}
    found = shared.reach(at(300), How.SHARED_BICYCLE, max_ride=3600)
    _, ride, last = found.legs(shared.stop("aval"), int(NOW.timestamp()), shared.network)
    assert ride.end.name == "Station D"
    assert last.metres == pytest.approx(155, abs=2)


def test_back_from_the_stop_by_shared_bicycle(shared: Wheels) -> None:
    # towards x=1000: from Aval 150 m on foot to D (C has one bicycle and is nearer: 100 m), then to B
    found = shared.reach(at(1000), How.SHARED_BICYCLE, backward=True, max_ride=3600)
    walk, ride, last = found.legs(shared.stop("aval"), int(NOW.timestamp()), shared.network)
    assert (walk.start.name, ride.start.name, ride.end.name) == ("Aval", "Station C", "Station B")
    seconds = int(found.seconds[found.stops.tolist().index(shared.stop("aval"))])
    assert seconds == pytest.approx(105 / 1.2 + 60 + 8510 / 4.4 + 30 + 10 / 1.2, abs=4)
    assert last.arrival == NOW + timedelta(seconds=seconds)


def test_what_stations_hold_now_says_nothing_about_tomorrow(shared: Wheels) -> None:
    tomorrow = NOW + timedelta(days=1)
    assert shared.seconds(at(990), How.SHARED_BICYCLE, max_walk=500) == {}
    # B may have one tomorrow: to A and 100 m on foot
    found = shared.reach(at(990), How.SHARED_BICYCLE, max_walk=500, at=tomorrow)
    _, ride, _ = found.legs(shared.stop("amont"), int(tomorrow.timestamp()), shared.network)
    assert (ride.start.name, ride.end.name, ride.available) == ("Station B", "Station A", None)
    assert "amont" in shared.seconds(at(990), How.SHARED_BICYCLE, max_walk=500, realtime=Realtime.OFF)


@pytest.mark.parametrize(("minutes", "offered"), [(14, True), (16, False)])
def test_a_system_that_is_silent_for_long_is_left_out(
    minutes: int, *, offered: bool, wheels: Wheels, tmp_path: Path
) -> None:
    write_gbfs(tmp_path / "gbfs", STATIONS)
    clock = Clock(tmp_path / "clock")
    clock.move(NOW + timedelta(minutes=minutes), rate=0.0)
    assert bool(poll(wheels, tmp_path / "gbfs", clock).seconds(at(0), How.SHARED_BICYCLE)) is offered


def test_a_bicycle_that_stands_in_the_street_is_left_beside_the_stop_where_that_is_allowed(
    wheels: Wheels, tmp_path: Path
) -> None:
    lon, lat = lonlat(120, 0)
    (west, south), (east, north) = lonlat(300, -100), lonlat(500, 100)
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    forbidden = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]},
                 "properties": {"rules": [{"ride_allowed": False, "ride_through_allowed": True}]}}  # fmt: skip
    vehicle = {"bike_id": "7", "lon": lon, "lat": lat, "is_reserved": False, "is_disabled": False}
    write_gbfs(
        tmp_path / "gbfs",
        {},
        free_bike_status={
            "bikes": [vehicle, {**vehicle, "bike_id": "8", "lon": lonlat(10, 0)[0], "is_reserved": True}]
        },
        geofencing_zones={"geofencing_zones": {"type": "FeatureCollection", "features": [forbidden]}},
    )
    there = poll(wheels, tmp_path / "gbfs")
    # 120 m on foot, a minute, 880 m, half a minute; around Amont none may be left: back at the road's end, 405 m walked
    found = there.seconds(at(0), How.SHARED_BICYCLE)
    assert found == {
        "pont": pytest.approx(100 + 60 + 200 + 30 + 4.2, abs=2),
        "amont": pytest.approx(100 + 60 + 27.3 + 30 + 337.5, abs=3),
    }
    walk, ride = there.reach(at(0), How.SHARED_BICYCLE).legs(there.stop("pont"), int(NOW.timestamp()), there.network)
    assert (walk.metres, ride.metres) == (pytest.approx(120, abs=2), pytest.approx(885, abs=2))
    assert there.seconds(at(0), How.SHARED_BICYCLE, at=NOW + timedelta(hours=2)) == {}


# --------------------------------------------------------------------------------------------- vehicles of all kinds

TYPES = {
    "vehicle_types": [
        {"vehicle_type_id": "s", "form_factor": "scooter", "propulsion_type": "electric", "name": "Trott",
         "return_constraint": "free_floating", "default_pricing_plan_id": "p"},
        {"vehicle_type_id": "b", "form_factor": "bicycle", "propulsion_type": "human",
         "return_constraint": "any_station"},
        {"vehicle_type_id": "c", "form_factor": "car", "propulsion_type": "combustion", "return_constraint": "hybrid"},
        {"vehicle_type_id": "r", "form_factor": "car", "propulsion_type": "electric",
         "return_constraint": "roundtrip_station"},
    ]
}  # fmt: skip
PLANS = {
    "plans": [
        {"plan_id": "p", "name": "Trott", "description": "1 € et 0,20 €/min", "currency": "EUR", "price": 1,
         "is_taxable": False, "per_min_pricing": [{"start": 0, "rate": 0.2, "interval": 1}]}
    ]
}  # fmt: skip


def stand(id_: str, x: float, type_: str = "s", **more: Any) -> dict[str, Any]:  # noqa: ANN401  fields of GBFS
    lon, lat = lonlat(x, 0)
    one = {"bike_id": id_, "lon": lon, "lat": lat, "is_reserved": False, "is_disabled": False, "vehicle_type_id": type_}
    return one | more


def zone(west: float, east: float, **rule: Any) -> dict[str, Any]:  # noqa: ANN401
    (a, b), (c, d) = lonlat(west, -100), lonlat(east, 100)
    ring = [[a, b], [c, b], [c, d], [a, d], [a, b]]
    return {"geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": {"rules": [rule]}}


def offer(
    wheels: Wheels,
    folder: Path,
    vehicles: list[dict[str, Any]],
    *zones: dict[str, Any],
    stations: dict[str, tuple[float, int, int]] | None = None,
    **more: Any,  # noqa: ANN401  documents
) -> Wheels:
    """Poll vehicles in the street, and zones; stations lend and take what no document splits by type."""
    write_gbfs(
        folder / "gbfs", stations or {}, vehicle_types=TYPES, system_pricing_plans=PLANS,
        free_bike_status={"bikes": vehicles}, geofencing_zones={"geofencing_zones": {"features": list(zones)}}, **more,
    )  # fmt: skip
    return poll(wheels, folder / "gbfs")


def test_a_scooter_beside_the_door_is_left_at_the_stop(wheels: Wheels, tmp_path: Path) -> None:
    uris = {"web": "https://trott.example/7", "ios": "trott://7"}
    there = offer(wheels, tmp_path, [stand("7", 120, current_range_meters=8000, rental_uris=uris)])
    assert there.seconds(at(0), How.SHARED_BICYCLE) == {}
    found = there.reach(at(0), How.SHARED_VEHICLE)
    walk, ride = found.legs(there.stop("pont"), int(NOW.timestamp()), there.network)
    assert (walk.mode, ride.mode) == (Mode.WALK, Mode.SHARED_SCOOTER)
    assert ride.arrival == NOW + timedelta(seconds=there.seconds(at(0), How.SHARED_VEHICLE)["pont"])
    assert ride.rented is not None
    assert (ride.rented.vehicle_id, ride.rented.range, ride.rented.at_station) == ("velo:7", 8000, False)
    assert (ride.rented.vehicle_type, ride.rented.propulsion, ride.co2) == ("Trott", "electric", None)
    assert ride.rented.uris == {"web": "https://trott.example/7"}
    assert ride.rented.plan is not None
    assert ride.rented.plan.estimate == 100 + 4 * 20  # 204 s ridden
    only = {"form_factors": (FormFactor.CAR,)}, {"propulsions": (Propulsion.HUMAN,)}
    assert [there.seconds(at(0), How.SHARED_VEHICLE, **one) for one in only] == [{}, {}]
    fits = {"form_factors": (FormFactor.SCOOTER_STANDING,), "propulsions": (Propulsion.ELECTRIC,)}
    assert "pont" in there.seconds(at(0), How.SHARED_VEHICLE, **fits)


def test_vehicles_of_car_sharing_are_driven_where_cars_are_and_those_that_must_come_back_are_not(
    wheels: Wheels, tmp_path: Path
) -> None:
    # 880 m at 25 km/h
    there = offer(wheels, tmp_path, [stand("7", 120, "c"), stand("8", 10, "r")])
    assert there.seconds(at(0), How.SHARED_VEHICLE)["pont"] == pytest.approx(
        100 + 60 + 880 / 25 * 3.6 + 30 + 4.2, abs=2
    )
    (_, ride) = there.reach(at(0), How.SHARED_VEHICLE).legs(there.stop("pont"), 0, there.network)
    assert (ride.mode, ride.rented and ride.rented.vehicle_id) == (Mode.SHARED_CAR, "velo:7")
    assert ride.co2 == pytest.approx(217.6 * 0.885, abs=2)


def test_where_none_may_be_left_one_walks_on_from_the_corner_before(wheels: Wheels, tmp_path: Path) -> None:
    # k at 700 m is the last corner before the zone: 580 m ridden, 305 m walked
    there = offer(wheels, tmp_path, [stand("7", 120)], zone(900, 1100, ride_end_allowed=False))
    seconds = there.seconds(at(0), How.SHARED_VEHICLE)["pont"]
    assert seconds == pytest.approx(100 + 60 + 580 / 4.4 + 30 + 305 / 1.2, abs=3)
    legs = there.reach(at(0), How.SHARED_VEHICLE).legs(there.stop("pont"), int(NOW.timestamp()), there.network)
    assert [leg.mode for leg in legs] == [Mode.WALK, Mode.SHARED_SCOOTER, Mode.WALK]
    assert (legs[1].end.name, legs[2].metres) == ("Rue Haute", pytest.approx(305, abs=2))
    assert legs[2].arrival == NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({}, 100 + 60 + 200 + 30 + 4.2),
        ({"vehicle_type_ids": ["b"], "ride_through_allowed": False}, 100 + 60 + 200 + 30 + 4.2),
        ({"ride_through_allowed": False}, None),  # between Amont and Pont there is no other street
        # from corner to corner, 300 m, at 10 km/h instead of 15.84
        ({"maximum_speed_kph": 10}, 100 + 60 + 580 / 4.4 + 108 + 30 + 4.2),
    ],
)
def test_zones_on_the_way(rule: dict[str, Any], expected: float | None, wheels: Wheels, tmp_path: Path) -> None:
    there = offer(wheels, tmp_path, [stand("7", 120)], zone(500, 600, ride_end_allowed=True, **rule))
    found = there.seconds(at(0), How.SHARED_VEHICLE)
    assert found.get("pont") == (None if expected is None else pytest.approx(expected, abs=3))


def test_none_is_taken_where_no_ride_may_begin(wheels: Wheels, tmp_path: Path) -> None:
    there = offer(wheels, tmp_path, [stand("7", 120)], zone(100, 140, ride_start_allowed=False, ride_end_allowed=True))
    assert there.seconds(at(0), How.SHARED_VEHICLE) == {}


def test_a_bicycle_in_the_street_that_belongs_to_stations_is_given_back_at_one(wheels: Wheels, tmp_path: Path) -> None:
    # 120 m on foot, 870 m to the station at 990 m, 10 m and 5 m on foot
    there = offer(wheels, tmp_path, [stand("7", 120, "b")], stations={"b": (990, 0, 2), "d": (700, 0, 0)})
    found = there.seconds(at(0), How.SHARED_BICYCLE)
    assert found["pont"] == pytest.approx(100 + 60 + 870 / 4.4 + 30 + 12.5, abs=2)
    _, ride, _ = there.reach(at(0), How.SHARED_BICYCLE).legs(there.stop("pont"), 0, there.network)
    assert (ride.place_id, ride.rented and ride.rented.at_station) == ("velo:b", True)


def test_who_rides_further_than_the_nearest_vehicle_goes_takes_another(wheels: Wheels, tmp_path: Path) -> None:
    vehicles = [stand("7", 120, current_range_meters=3000), stand("8", 200)]
    there = offer(wheels, tmp_path, vehicles)
    found = there.reach(at(0), How.SHARED_VEHICLE, max_ride=3600)
    taken = {}
    for name in ("pont", "aval"):
        _, ride = found.legs(there.stop(name), 0, there.network)
        taken[name] = ride.rented and ride.rented.vehicle_id
    assert taken == {"pont": "velo:7", "aval": "velo:8"}
    alone = offer(wheels, tmp_path, vehicles[:1])
    assert set(alone.seconds(at(0), How.SHARED_VEHICLE, max_ride=3600)) == {"amont", "pont"}


@pytest.mark.parametrize(
    ("zones", "expected"),
    [
        ([], 105 / 1.2 + 60 + 1500 / 4.4 + 30),  # left at the door, 8 km from the station at 9.5 km
        # or at the next corner, d at 9 km, and a kilometre walked
        ([(7900, 8100)], 105 / 1.2 + 60 + 500 / 4.4 + 30 + 1000 / 1.2),
    ],
)
def test_a_vehicle_of_a_station_is_left_at_the_door(
    zones: list[tuple[float, float]], expected: float, wheels: Wheels, tmp_path: Path
) -> None:
    closed = [zone(*one, ride_end_allowed=False) for one in zones]
    counted = {"vehicle_types_available": [{"vehicle_type_id": "s", "count": 2}]}
    station = {"station_id": "c", "is_installed": True, "is_renting": True, "is_returning": True,
               "num_bikes_available": 2, "num_docks_available": 0, **counted}  # fmt: skip
    there = offer(wheels, tmp_path, [], *closed, stations={"c": (9500, 2, 0)}, station_status={"stations": [station]})
    found = there.reach(at(8000), How.SHARED_VEHICLE, backward=True)
    seconds = int(found.seconds[found.stops.tolist().index(there.stop("aval"))])
    assert seconds == pytest.approx(expected, abs=3)
    walk, ride, *last = found.legs(there.stop("aval"), int(NOW.timestamp()), there.network)
    assert (walk.start.name, ride.start.name, ride.available) == ("Aval", "Station C", 2)
    assert [leg.metres for leg in last] == [pytest.approx(1000, abs=2)] * len(zones)


@pytest.mark.parametrize(("hours", "offered"), [("Mo-Su 06:00-22:00", True), ("Mo-Su 09:00-22:00", False)])
def test_nothing_is_rented_before_a_system_opens(hours: str, *, offered: bool, wheels: Wheels, tmp_path: Path) -> None:
    # asked at 7:30; the bus leaves Pont at 8:03
    information = {"name": "Trott", "timezone": "Europe/Paris", "opening_hours": hours}
    there = offer(wheels, tmp_path, [stand("7", 120)], system_information=information)
    morning = NOW + timedelta(minutes=30)
    request = ask(
        (How.WALK,), origin=at(0), destination="val:aval", at=morning, window=3600, access=(How.SHARED_VEHICLE,)
    )
    plan = service.plan(there.network, request)
    assert any(leg.mode is Mode.SHARED_SCOOTER for one in plan.journeys for leg in one.legs) is offered


# -------------------------------------------------------------------------------------------------------------- taxis

REGISTER = """
dated = 2026-01-01
source = "Arrêté"
[tariffs]
pick_up = 300
minimum = 800
a = 110
b = 160
c = 220
d = 320
night_from = 19:00:00
night_until = 07:00:00
[[taxi]]
name = "Taxi du Val"
phone = "+33199000111"
lat = 47.0
lon = 5.0
km = 20
wait_minutes = 10
"""


def test_a_taxi_is_offered_where_nothing_else_goes(wheels: Wheels) -> None:
    load_register(wheels.valley.home, REGISTER.encode())
    network = Networks(wheels.valley.home).current()
    morning = NOW + timedelta(minutes=30)
    farm = ask((How.WALK,), origin=at(5000), destination=at(10_000), at=morning, window=3600, direct=(Mode.TAXI,))
    # ten minutes to wait, 4 km at 55 and one at 25 km/h; 5 km by tariff C
    (taxi,) = service.plan(network, farm).direct
    (leg,) = taxi.legs
    assert (leg.mode, leg.departure, leg.metres) == (Mode.TAXI, morning, pytest.approx(5000, abs=2))
    assert (leg.arrival - leg.departure).total_seconds() == pytest.approx(600 + 261.8 + 144, abs=2)
    assert leg.taxi is not None
    assert (leg.taxi.phone, leg.taxi.wait, leg.taxi.tariff, leg.taxi.estimate) == ("+33199000111", 600, "C", 1400)
    # to the bus rather than all the way
    both = (How.WALK, How.TAXI)
    to_bus = service.plan(network, replace(farm, access=both))
    (journey,) = to_bus.journeys
    assert [one.mode for one in journey.legs] == [Mode.TAXI, Mode.BUS, Mode.WALK]
    assert (journey.legs[0].taxi and journey.legs[0].taxi.name, to_bus.direct) == ("Taxi du Val", ())
    # where one walks to the bus nobody calls a taxi, and none drives a wheelchair that does not say so
    walked = service.plan(network, replace(farm, access=both, origin=at(0), at=NOW))
    assert {leg.mode for one in (*walked.journeys, *walked.direct) for leg in one.legs} == {Mode.WALK, Mode.BUS}
    assert service.plan(network, replace(farm, wheelchair=True)).direct == ()
    remove_register(wheels.valley.home)
    assert service.plan(network, farm).direct == ()


# ---------------------------------------------------------------------------------------------------- door to door


@pytest.mark.parametrize(
    ("how", "modes"),
    [
        (How.BICYCLE, [Mode.BICYCLE, Mode.BUS, Mode.WALK]),
        (How.CAR_DROP_OFF, [Mode.CAR, Mode.BUS, Mode.WALK]),
        (How.CAR_PARK, [Mode.CAR, Mode.WALK, Mode.BUS, Mode.WALK]),
    ],
)
def test_a_farm_no_walk_from_any_stop_is_served_on_wheels(how: How, modes: list[Mode], wheels: Wheels) -> None:
    # 4 km from Pont, where the bus of 08:03 goes to Aval
    morning = NOW + timedelta(hours=0, minutes=30)
    request = ask((How.WALK,), origin=at(5000), destination=at(10_000), at=morning, window=3600, direct=())
    assert service.plan(wheels.network, request).journeys == ()
    plan = service.plan(wheels.network, replace(request, access=(how,)))
    journey = next(one for one in plan.journeys if [leg.mode for leg in one.legs] == modes)
    ride = next(leg for leg in journey.legs if leg.mode is Mode.BUS)
    assert ride.trip_id == "val:early"
    for before, after in pairwise(journey.legs):
        assert before.arrival <= after.departure
    assert journey.departure == journey.legs[0].departure


def test_back_home_to_where_the_car_stands(wheels: Wheels) -> None:
    request = ask((How.WALK,), origin="val:aval", destination=at(5000), at=NOW + timedelta(hours=9), window=7200)
    plan = service.plan(wheels.network, replace(request, egress=(How.CAR_PARK,)))
    (journey,) = plan.journeys
    assert [leg.mode for leg in journey.legs if leg.departure < leg.arrival] == [Mode.BUS, Mode.WALK, Mode.CAR]
    assert journey.legs[-1].place == "Relais"


def test_out_and_back_the_car_is_fetched_where_it_was_left(wheels: Wheels) -> None:
    # out at 8:03 from Pont, 100 m from Relais; back at 17:00 to Amont, 500 m from it
    request = ask(
        (How.WALK,), origin=at(5000), destination="val:aval", access=(How.CAR_PARK,), at=NOW + timedelta(minutes=30),
        window=3600, direct=(),
    )  # fmt: skip
    trip = service.plan_round_trip(wheels.network, request, stay=3600, back_by=None)
    (pair,) = trip.pairs
    out = next(one for one in trip.out.journeys if one.id == pair.out)
    back = next(one for one in trip.back.journeys if one.id == pair.back)
    assert out.legs[0].place_id == back.legs[-1].place_id
    assert (out.legs[0].place_id or "").startswith("osm:node/")
    assert [leg.mode for leg in back.legs if leg.departure < leg.arrival] == [Mode.BUS, Mode.WALK, Mode.CAR]
    # with the car at the exit of the motorway nobody comes home by the bus to Amont
    elsewhere = wheels.seconds(at(9000), How.CAR_PARK, backward=True, car_parks=("bnlc:2",))
    assert set(elsewhere) == {"aval"}
