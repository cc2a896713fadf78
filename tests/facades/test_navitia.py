"""Navitia's API over a served valley; every expected value is worked out from the texts of `navitia_town`."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.facades.navitia_town import NOW, WORKS, NavitiaTown, at, canceled, late, open_navitia

from mobigo.facades.navitia.ids import read_id, read_route, write_id, write_route
from mobigo.facades.navitia.places import tell_point
from mobigo.facades.navitia.sections import Told
from mobigo.facades.navitia.view import View
from mobigo.journeys.model import Booked, Journey, Leg, Mode, Place, ToBook
from mobigo.kit.geo import Point
from mobigo.ondemand.model import How
from mobigo.transit.live import Vehicle as Seen

if TYPE_CHECKING:
    from collections.abc import Iterator

AMONT, GARE, AVAL, VILLE = (f"stop_area:val:{name}" for name in ("amont", "gare", "aval", "ville"))
DOOR = at(0)
"""405 m on foot from the stop Amont: 400 m of street and 5 m beside it, 362 s at 1.12 m/s."""


@pytest.fixture(scope="module")
def served(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NavitiaTown]:
    with open_navitia(test_cluster, tmp_path_factory.mktemp("navitia")) as town:
        yield town


@pytest.fixture
def town(served: NavitiaTown) -> NavitiaTown:
    """The valley, of which nothing live is known."""
    if served.is_live:
        served.say()
    return served


def told(journey: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Say of each section what it is, and its hours."""
    return [(one["type"], one["departure_date_time"][9:], one["arrival_date_time"][9:]) for one in journey["sections"]]


# ── ids ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("own", "written"),
    [
        ("ter:StopArea:OCE87713412", "stop_area:ter:StopArea:OCE87713412"),
        ("val:gare/1", "stop_area:val:gare~2F1"),
        ("val:a b?&#%+~", "stop_area:val:a~20b~3F~26~23~25~2B~7E"),
        ("val:œuvre", "stop_area:val:œuvre"),
    ],
)
def test_an_id_is_read_back_as_it_was_written(own: str, written: str) -> None:
    assert write_id("stop_area", own) == written
    assert read_id(written) == ("stop_area", own)


@pytest.mark.parametrize("direction", [0, 1, -1])
def test_a_route_is_a_line_in_one_direction(direction: int) -> None:
    assert read_route(read_id(write_route("val:L:1", direction)).own) == ("val:L:1", direction)


# ── the coverage and its objects ──────────────────────────────────────────────────────────────────────────────────────


def test_the_coverage_tells_its_days_and_is_found_by_a_point(town: NavitiaTown) -> None:
    (region,) = town.get("coverage")["regions"]
    assert (region["id"], region["status"]) == ("mobigo", "running")
    assert (region["start_production_date"], region["end_production_date"]) == ("20261102", "20270402")
    assert town.get(f"coverage/{DOOR}")["regions"] == [region]
    assert town.get("coverage/2.35;48.85", 404)["error"]["id"] == "unknown_object"
    assert town.get("coverage/fr-idf/lines", 404)["error"]["id"] == "unknown_object"


@pytest.mark.parametrize(
    ("path", "ids"),
    [
        ("networks", ["network:val:R", "network:val:V"]),
        ("companies", ["company:val:R", "company:val:V"]),
        ("lines", ["line:val:L", "line:val:N", "line:val:T"]),
        ("routes", ["route:val:L:0", "route:val:L:1", "route:val:N:0", "route:val:T:0"]),
        ("stop_areas", [AMONT, AVAL, GARE, VILLE]),
        ("physical_modes", ["physical_mode:Bus", "physical_mode:Train"]),
        ("commercial_modes", ["commercial_mode:Bus", "commercial_mode:Train"]),
        ("lines/line:val:T/stop_areas", [GARE, VILLE]),
        ("physical_modes/physical_mode:Train/lines", ["line:val:T"]),
        (f"stop_areas/{GARE}/lines", ["line:val:L", "line:val:T"]),
        (f"stop_areas/{GARE}/stop_points", ["stop_point:val:gare~2F1", "stop_point:val:gare~2F2"]),
        ("networks/network:val:V/lines/line:val:L/routes", ["route:val:L:0", "route:val:L:1"]),
        (f"lines/line:val:L/stop_areas/{GARE}/stop_points", ["stop_point:val:gare~2F1"]),
        ("vehicle_journeys/vehicle_journey:val:train/stop_points", ["stop_point:val:gare~2F2", "stop_point:val:ville"]),
        ("lines/line:val:T/vehicle_journeys", ["vehicle_journey:val:train"]),
        ("stop_points/stop_point:val:gare~2F2/lines", ["line:val:T"]),
        (f"coords/{at(390)}/lines", ["line:val:L"]),
    ],
)
def test_collections_are_those_of_the_feed(town: NavitiaTown, path: str, ids: list[str]) -> None:
    answer = town.get(f"coverage/mobigo/{path}")
    collection = path.rpartition("/")[2]
    assert sorted(one["id"] for one in answer[collection]) == ids
    assert answer["pagination"] == {
        "start_page": 0,
        "items_on_page": len(ids),
        "items_per_page": 25,
        "total_result": len(ids),
    }


def test_pages_are_linked(town: NavitiaTown) -> None:
    first = town.get("coverage/mobigo/lines", count=2)
    links = {link["type"]: link["href"] for link in first["links"]}
    second = town.http.get(links["next"]).json()
    assert [one["id"] for one in first["lines"] + second["lines"]] == ["line:val:L", "line:val:N", "line:val:T"]
    assert second["pagination"] == {"start_page": 1, "items_on_page": 1, "items_per_page": 2, "total_result": 3}
    template = links["line"]
    assert town.http.get(template.replace("{line.id}", "line:val:T")).json()["lines"][0]["name"] == "Train du Val"


def test_a_line_with_its_mode_hours_and_routes(town: NavitiaTown) -> None:
    (line,) = town.get("coverage/mobigo/lines/line:val:L")["lines"]
    assert (line["code"], line["name"], line["color"], line["text_color"]) == ("12", "Le Val", "0B6E4F", "FFFFFF")
    assert (line["opening_time"], line["closing_time"]) == ("080000", "171500")
    assert line["network"]["name"] == "Cars du Val"
    assert line["commercial_mode"] == {"id": "commercial_mode:Bus", "name": "Bus"}
    assert [(one["name"], one["direction_type"], one["direction"]["id"]) for one in line["routes"]] == [
        ("Amont - Aval", "forward", AVAL),
        ("Aval - Amont", "backward", AMONT),
    ]
    found = town.get("coverage/mobigo/lines", filter="line.code=12")["lines"]
    assert [one["id"] for one in found] == ["line:val:L"]
    coded = town.get("coverage/mobigo/stop_points", filter="stop_point.has_code(source,gare/2)")["stop_points"]
    assert [one["id"] for one in coded] == ["stop_point:val:gare~2F2"]


def test_a_stop_without_a_station_is_its_own_area(town: NavitiaTown) -> None:
    (point,) = town.get("coverage/mobigo/stop_points/stop_point:val:amont")["stop_points"]
    assert point["stop_area"]["id"] == AMONT
    (platform,) = town.get("coverage/mobigo/stop_points/stop_point:val:gare~2F1")["stop_points"]
    assert (platform["stop_area"]["id"], platform["platform_code"]) == (GARE, "A")
    (area,) = town.get(f"coverage/mobigo/stop_areas/{GARE}", depth=2)["stop_areas"]
    assert [one["id"] for one in area["stop_points"]] == ["stop_point:val:gare~2F1", "stop_point:val:gare~2F2"]


def test_a_vehicle_journey_tells_its_stops_and_days(town: NavitiaTown) -> None:
    (one,) = town.get("coverage/mobigo/vehicle_journeys/vehicle_journey:val:train")["vehicle_journeys"]
    assert (one["name"], one["headsign"], one["trip"]["id"]) == ("8701", "Ville", "trip:val:train")
    times = [(row["stop_point"]["id"], row["arrival_time"], row["utc_departure_time"]) for row in one["stop_times"]]
    assert times == [("stop_point:val:gare~2F2", "082000", "072000"), ("stop_point:val:ville", "085000", "075000")]
    (calendar,) = one["calendars"]
    assert calendar["active_periods"] == [{"begin": "20261102", "end": "20270403"}]
    assert [day for day, runs in calendar["week_pattern"].items() if not runs] == ["saturday", "sunday"]
    assert calendar["exceptions"] == [
        {"datetime": "20261219", "type": "add"},
        {"datetime": "20261225", "type": "remove"},
    ]
    days = one["validity_pattern"]["days"]
    assert (len(days), days[-7:]) == (152, "0011111")  # 2 November to 2 April, the first day last
    begun = town.get("coverage/mobigo/vehicle_journeys", since="20261123T080000", until="20261123T083000")
    assert [one["id"][16:] for one in begun["vehicle_journeys"]] == ["val:early", "val:train"]


# ── places ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("typed", "kind", "name"),
    [
        ("gare", "stop_area", "Gare du Val, Amont-le-Val"),
        ("amont le val", "administrative_region", "Amont-le-Val"),
        ("12 rue haute", "address", "12 Rue Haute, Amont-le-Val"),
        ("cafe", "poi", "Café du Val, Amont-le-Val"),
    ],
)
def test_places_by_name_are_found_again_by_id(town: NavitiaTown, typed: str, kind: str, name: str) -> None:
    first = town.get("coverage/mobigo/places", q=typed)["places"][0]
    assert (first["embedded_type"], first["name"]) == (kind, name)
    assert first[kind]["id"] == first["id"]
    again = town.get(f"coverage/mobigo/places/{first['id']}")["places"][0]
    assert (again["id"], again["embedded_type"]) == (first["id"], kind)
    assert town.get(f"places/{first['id']}")["places"][0]["id"] == first["id"]


def test_a_point_has_an_address_and_a_coverage(town: NavitiaTown) -> None:
    answer = town.get(f"coords/{at(103)}")
    assert (answer["regions"], answer["address"]["label"]) == (["mobigo"], "12 Rue Haute, Amont-le-Val")
    assert answer["address"]["house_number"] == 12
    assert town.get("coords/47.0,5.0", 400)["error"]["id"] == "bad_format"


def test_places_nearby_nearest_first_with_the_distance_as_text(town: NavitiaTown) -> None:
    near = town.get(f"coverage/mobigo/coords/{at(400)}/places_nearby")["places_nearby"]
    assert [(one["id"], one["distance"]) for one in near] == [
        (AMONT, "5"),
        ("stop_point:val:amont", "5"),
        ("poi:n11", "200"),
    ]
    around = town.get(f"coverage/mobigo/stop_areas/{GARE}/places_nearby", distance=601, type__="stop_area")
    assert [one["id"] for one in around["places_nearby"]] == [GARE, AMONT]


def test_objects_by_name(town: NavitiaTown) -> None:
    found = town.get("coverage/mobigo/pt_objects", q="bus 12")["pt_objects"]
    assert [one["id"] for one in found] == ["line:val:L", "route:val:L:0", "route:val:L:1"]
    assert found[0]["name"] == "Cars du Val Bus 12 (Le Val)"
    only = town.get("coverage/mobigo/pt_objects", q="val", type__=["network", "stop_area"])["pt_objects"]
    assert [one["id"] for one in only] == ["network:val:V", GARE]


# ── journeys ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_journey_walks_to_the_bus_and_rides(town: NavitiaTown) -> None:
    answer = town.ask(DOOR, AVAL)
    first, second = answer["journeys"]
    assert told(first) == [
        ("street_network", "075358", "080000"),  # 362 s
        ("public_transport", "080000", "081500"),
        ("crow_fly", "081500", "081500"),
    ]
    assert (first["type"], second["type"]) == ("best", "fastest")  # nine takes a minute less
    assert (first["duration"], first["nb_transfers"], first["status"]) == (1262, 0, "")
    assert first["durations"]["walking"] == 362
    walk, ride, _ = first["sections"]
    assert (walk["mode"], walk["from"]["embedded_type"], walk["to"]["id"]) == (
        "walking",
        "address",
        "stop_point:val:amont",
    )
    assert [(step["name"], step["length"]) for step in walk["path"]] == [("Rue Haute", 400)]
    assert walk["geojson"]["type"] == "LineString"
    display = ride["display_informations"]
    assert (display["code"], display["direction"], display["physical_mode"]) == ("12", "Aval", "Bus")
    assert (display["color"], display["network"], display["headsign"]) == ("0B6E4F", "Cars du Val", "Aval")
    assert [one["departure_date_time"][9:] for one in ride["stop_date_times"]] == ["080000", "080300", "081500"]
    assert ride["additional_informations"] == ["regular"]
    assert {link["type"]: link["id"] for link in ride["links"]}["route"] == "route:val:L:0"
    assert answer["context"] == {"timezone": "Europe/Paris", "current_datetime": "20261123T073000"}


def test_a_journey_tells_its_price_and_its_carbon(town: NavitiaTown) -> None:
    answer = town.ask(DOOR, AVAL, count=1)
    (journey,) = answer["journeys"]
    assert journey["fare"]["total"] == {"value": "1.50", "currency": "EUR"}
    (link,) = journey["fare"]["links"]
    (ticket,) = answer["tickets"]
    assert (ticket["id"], ticket["name"], ticket["cost"]["value"]) == (link["id"], "Un trajet", "1.50")
    assert ticket["links"][0]["id"] == journey["sections"][1]["id"]
    assert journey["co2_emission"]["unit"] == "gEC"
    assert journey["co2_emission"]["value"] == sum(one["co2_emission"]["value"] for one in journey["sections"]) > 0


def test_a_change_is_a_transfer_and_a_wait(town: NavitiaTown) -> None:
    (journey,) = town.ask(AMONT, VILLE, max_duration_to_pt=300, max_nb_journeys=1)["journeys"]
    assert journey["nb_transfers"] == 1
    crow, bus, transfer, wait, train, last = journey["sections"]
    kinds = [one["type"] for one in (crow, bus, transfer, wait, train, last)]
    assert kinds == ["crow_fly", "public_transport", "transfer", "waiting", "public_transport", "crow_fly"]
    assert (bus["departure_date_time"], bus["arrival_date_time"]) == ("20261123T080000", "20261123T080200")
    assert (transfer["from"]["id"], transfer["to"]["id"]) == ("stop_point:val:gare~2F1", "stop_point:val:gare~2F2")
    assert (transfer["transfer_type"], transfer["mode"]) == ("walking", "walking")
    assert transfer["duration"] + wait["duration"] == 18 * 60  # 08:02 to 08:20
    assert train["display_informations"]["trip_short_name"] == "8701"
    assert (train["arrival_date_time"], journey["duration"]) == ("20261123T085000", 3000)


def test_who_stays_seated_does_not_change(town: NavitiaTown) -> None:
    (journey,) = town.ask(AMONT, AVAL, "20261123T113000")["journeys"]
    assert told(journey) == [
        ("crow_fly", "120000", "120000"),
        ("public_transport", "120000", "120200"),
        ("stay_in", "120200", "120500"),
        ("public_transport", "120500", "121700"),
        ("crow_fly", "121700", "121700"),
    ]
    assert (journey["nb_transfers"], journey["sections"][2]["transfer_type"]) == (0, "stay_in")


def test_arriving_by_an_hour(town: NavitiaTown) -> None:
    answer = town.ask(DOOR, AVAL, "20261123T083000", datetime_represents="arrival")
    assert [one["arrival_date_time"] for one in answer["journeys"]] == ["20261123T081500"]
    late_one = town.ask(DOOR, AVAL, "20261123T093000", datetime_represents="arrival")["journeys"]
    assert {one["type"]: one["arrival_date_time"][9:] for one in late_one}["best"] == "091400"  # leaves last


def test_a_line_one_must_call_is_on_demand(town: NavitiaTown) -> None:
    (journey,) = town.ask(AVAL, VILLE, "20261123T093000")["journeys"]
    _, ride, _ = journey["sections"]
    assert (ride["type"], ride["additional_informations"]) == ("on_demand_transport", ["odt_with_stop_time"])
    assert ride["booking_rule"]["phone_number"] == "+33 3 00 00 00 01"


def test_a_taxi_from_the_hamlet_tells_how_it_is_booked(town: NavitiaTown) -> None:
    answer = town.ask(at(-6000), AVAL, "20261123T083000")
    rides = [one for journey in answer["journeys"] for one in journey["sections"] if "booking_rule" in one]
    assert rides
    assert {one["type"] for one in rides} == {"on_demand_transport"}
    assert rides[0]["additional_informations"] == ["odt_with_zone"]
    assert rides[0]["booking_rule"]["name"] == "TAD"
    assert len(rides[0]["booking_rule"]["bookable_until"]) == len("20261123T083000")
    assert rides[0]["display_informations"]["network"] == "Taxis du Val"


@pytest.mark.parametrize(
    ("wish", "lines"),
    [
        ({}, {"12", ""}),
        ({"forbidden_uris__": "physical_mode:Train"}, {"12", "N"}),
        ({"forbidden_uris__": "line:val:L", "first_section_mode__": "walking"}, {""}),
        ({"allowed_id__": ["line:val:T", "line:val:L"]}, {"12", ""}),
        ({"allowed_id__": ["physical_mode:Train", "network:val:V"]}, {"12", ""}),
        ({"allowed_id__": "network:val:V"}, {"12", "N"}),
    ],
)
def test_allowed_and_forbidden(town: NavitiaTown, wish: dict[str, Any], lines: set[str]) -> None:
    (journey,) = town.ask(AMONT, VILLE, max_nb_journeys=1, **wish)["journeys"]
    rides = [one for one in journey["sections"] if one["type"] in {"public_transport", "on_demand_transport"}]
    assert {one["display_informations"]["code"] for one in rides} <= lines


def test_direct_paths(town: NavitiaTown) -> None:
    only = town.ask(DOOR, GARE, direct_path="only")["journeys"]
    assert [(one["type"], one["sections"][0]["mode"]) for one in only] == [("best", "walking")]
    modes = town.ask(DOOR, GARE, direct_path="only", direct_path_mode__=["bike", "car", "walking"])["journeys"]
    assert sorted(one["sections"][0]["mode"] for one in modes) == ["bike", "car", "walking"]
    none = town.ask(DOOR, GARE, direct_path="none")["journeys"]
    assert all("public_transport" in {one["type"] for one in journey["sections"]} for journey in none)


def test_exactly_so_many_journeys_and_one_best(town: NavitiaTown) -> None:
    answer = town.ask(DOOR, AVAL, count=3)
    departures = [one["departure_date_time"] for one in answer["journeys"]]
    assert departures == [f"20261123T{hour}" for hour in ("075358", "085358", "115358")]
    assert [one["type"] for one in answer["journeys"]].count("best") == 1
    assert answer["journeys"][2]["tags"] == ["next"]


def test_links_lead_on_and_back(town: NavitiaTown) -> None:
    answer = town.ask(DOOR, AVAL, max_nb_journeys=1)
    links = {link["rel"]: link["href"] for link in answer["links"] if not link["templated"]}
    later = town.http.get(links["next"]).json()["journeys"]
    assert [one["departure_date_time"] for one in later] == ["20261123T085358"]  # the next bus is that of nine
    assert "datetime=20261123T081459&datetime_represents=arrival" in links["prev"]
    assert "datetime=20261123T000000&datetime_represents=departure" in links["first"]
    assert "datetime=20261123T235959&datetime_represents=arrival" in links["last"]
    own = {link["rel"]: link["href"] for link in answer["journeys"][0]["links"]}
    (same,) = town.http.get(own["this_journey"]).json()["journeys"]
    assert told(same) == told(answer["journeys"][0])
    schedules = town.http.get(own["same_journey_schedules"]).json()["journeys"]
    assert [one["departure_date_time"][9:] for one in schedules[:3]] == ["075358", "085358", "115358"]


def test_why_there_is_none(town: NavitiaTown) -> None:
    sunday = town.ask(AVAL, VILLE, "20261129T093000", timeframe_duration=3600)
    assert sunday["error"]["id"] == "no_solution"
    assert "no vehicle runs on that day" in sunday["error"]["message"]
    assert "20261130T100000" in sunday["error"]["message"]
    assert sunday["journeys"] == []
    asked = {"to": AVAL, "datetime": "20261123T073000"}
    unknown = {"from": "stop_area:val:nowhere"} | asked
    assert town.get("journeys", 404, **unknown)["error"]["id"] == "unknown_object"
    assert town.get("journeys", 404, **({"from": "6.5;47.9"} | asked))["error"]["id"] == "no_origin"
    outside = {"from": DOOR} | asked | {"datetime": "20300101T000000"}
    assert town.get("journeys", 404, **outside)["error"]["id"] == "date_out_of_bounds"


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"datetime": "yesterday"}, "datetime"),
        ({"bike_speed": "7"}, "bike_speed"),
        ({"first_section_mode[]": "taxi"}, "taxi"),
        ({"forbidden_uris[]": "vehicle_journey:val:early"}, "forbidden_uris"),
        ({"allowed_id[]": GARE}, "allowed_id"),
        ({"bike_use_hills": "1"}, "bike_use_hills"),
        ({"traveler_type": "cosmonaut"}, "traveler_type"),
        ({"from": "47.0,5.0"}, "longitude"),
    ],
)
def test_what_cannot_be_honoured_is_refused(town: NavitiaTown, wrong: dict[str, str], word: str) -> None:
    asked = {"from": DOOR, "to": AVAL, "datetime": "20261123T073000"} | wrong
    error = town.get("coverage/mobigo/journeys", 400, **asked)["error"]
    assert error["id"] == "bad_format"
    assert word in error["message"]


def test_from_one_end_all_stop_points_that_are_reached(town: NavitiaTown) -> None:
    path = f"coverage/mobigo/stop_areas/{AMONT}/journeys"
    found = town.get(path, datetime="20261123T075500", max_duration=3600)["journeys"]
    seconds = {one["to"]["id"]: (one["duration"], one["nb_transfers"]) for one in found}
    assert seconds["stop_point:val:aval"] == (1200, 0)  # the bus of 08:00 is there at 08:15
    assert "sections" not in found[0]
    asked = {"to": AVAL, "datetime": "20261123T083000", "max_duration": 3600}
    back = town.get("coverage/mobigo/journeys", **asked)["journeys"]
    assert {one["from"]["id"]: one["departure_date_time"][9:] for one in back}["stop_point:val:amont"] == "080000"


def test_isochrones_are_rings(town: NavitiaTown) -> None:
    asked = {"from": AMONT, "datetime": "20261123T075500", "boundary_duration[]": ["600", "1800"]}
    wide, near = town.get("coverage/mobigo/isochrones", **asked)["isochrones"]
    assert [(one["min_duration"], one["max_duration"]) for one in (wide, near)] == [(600, 1800), (0, 600)]
    assert (near["max_date_time"], wide["geojson"]["type"]) == ("20261123T080500", "MultiPolygon")
    assert wide["geojson"]["coordinates"]


def test_shared_bicycles_are_rented_and_put_back_and_cars_shared(town: NavitiaTown) -> None:
    network = town.app.state.networks.current()
    view = View(network, town.app.state.navitia.of(network), NOW, running=False)
    names = ("Home", "Dock", "Post", "End")
    home, dock, post, end = (Place(name, 47.0, 5.0 + n / 1000) for n, name in enumerate(names))
    hours = [NOW + timedelta(minutes=n) for n in (0, 2, 10, 13)]
    line = ((5.0, 47.0), (5.001, 47.0))

    def leg(mode: Mode, number: int, start: Place, to: Place, **more: Any) -> Leg:  # noqa: ANN401 - fields of the leg
        return Leg(mode, start, to, hours[number], hours[number + 1], line, metres=100.0, co2=0, **more)

    rented = leg(Mode.SHARED_BICYCLE, 1, dock, post, place="Dock", place_id="velo:1", available=3)
    ways = (leg(Mode.WALK, 0, home, dock), rented, leg(Mode.WALK, 2, post, end))
    ends = tell_point(view, Point(5.0, 47.0), "Home"), tell_point(view, Point(5.003, 47.0))
    tell = Told(view, ends, NOW, drawn=True)
    journey = tell.journey(Journey("a", hours[0], hours[3], 0, ways), "best")
    assert [(one["type"], one.get("mode")) for one in journey["sections"]] == [
        ("street_network", "walking"),
        ("bss_rent", None),
        ("street_network", "bike"),
        ("bss_put_back", None),
        ("street_network", "walking"),
    ]
    assert journey["sections"][1]["to"]["poi"]["stands"]["available_bikes"] == 3
    assert (journey["durations"]["bike"], journey["durations"]["walking"]) == (480, 300)
    booking = ToBook("carpool:1", "run", How.HERE, hours[0], (hours[0], hours[1]), hours[1], price_cents=120)
    lift = leg(Mode.CARPOOL, 0, home, end, booking=replace(booking, kind=Booked.CARPOOL))
    (section,) = tell.journey(Journey("b", hours[0], hours[1], 0, (lift,)), "best")["sections"]
    assert (section["type"], section["mode"]) == ("street_network", "ridesharing")
    (ride,) = section["ridesharing_journeys"]
    assert (ride["fare"]["total"]["value"], ride["sections"][0]["type"]) == ("1.20", "ridesharing")


# ── boards ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_departures_of_a_station_in_order(town: NavitiaTown) -> None:
    answer = town.get(f"coverage/mobigo/stop_areas/{GARE}/departures", from_datetime="20261123T073000")
    shown = [
        (one["stop_point"]["id"], one["route"]["id"], one["stop_date_time"]["departure_date_time"][9:])
        for one in answer["departures"]
    ]
    bus, train = ("stop_point:val:gare~2F1", "route:val:L:0"), ("stop_point:val:gare~2F2", "route:val:T:0")
    assert shown == [(*bus, "080300"), (*train, "082000"), (*bus, "090200"), (*bus, "120500")]
    assert answer["departures"][0]["stop_date_time"]["arrival_date_time"] == "20261123T080200"
    two = town.get(f"coverage/mobigo/lines/line:val:T/stop_areas/{GARE}/departures")["departures"]
    assert [one["route"]["id"] for one in two] == ["route:val:T:0"]
    less = town.get(f"coverage/mobigo/stop_areas/{GARE}/departures", forbidden_uris__="line:val:L")["departures"]
    assert [one["display_informations"]["direction"] for one in less] == ["Ville"]


def test_arrivals_and_directions(town: NavitiaTown) -> None:
    arrivals = town.get(f"coverage/mobigo/stop_areas/{AVAL}/arrivals", from_datetime="20261123T073000")["arrivals"]
    assert [one["stop_date_time"]["arrival_date_time"][9:] for one in arrivals] == ["081500", "091400", "121700"]
    back = town.get("coverage/mobigo/lines/line:val:L/departures", direction_type="backward")["departures"]
    assert [one["stop_date_time"]["departure_date_time"][9:] for one in back] == ["170000"]


@pytest.mark.parametrize(
    ("moment", "why"),
    [
        ("20261128T073000", {"L:0": "terminus", "L:1": "no_departure_this_day", "N:0": "no_departure_this_day"}),
        (
            "20261123T180000",
            {"L:0": "terminus", "L:1": "no_active_circulation_this_day", "N:0": "no_active_circulation_this_day"},
        ),
        ("20300101T000000", dict.fromkeys(("L:0", "L:1", "N:0"), "date_out_of_bounds")),
    ],
)
def test_stop_schedules_say_why_they_are_empty(town: NavitiaTown, moment: str, why: dict[str, str]) -> None:
    path = f"coverage/mobigo/stop_areas/{AVAL}/stop_schedules"
    found = town.get(path, from_datetime=moment, duration=3600)["stop_schedules"]
    assert {one["route"]["id"][10:]: one["additional_informations"] for one in found} == why


def test_schedules_of_stops_and_termini(town: NavitiaTown) -> None:
    path, when = f"coverage/mobigo/stop_areas/{GARE}", {"from_datetime": "20261123T073000"}
    for name in ("stop_schedules", "terminus_schedules"):
        found = {
            one["display_informations"]["direction"]: [time["date_time"][9:] for time in one["date_times"]]
            for one in town.get(f"{path}/{name}", **when)[name]
        }
        assert found == {"Aval": ["080300", "090200", "120500"], "Ville": ["082000"]}
    short = town.get(f"{path}/stop_schedules", items_per_schedule=1, **when)["stop_schedules"]
    assert [len(one["date_times"]) for one in short] == [1, 1]


def test_a_timetable_has_stops_in_rows_and_trips_in_columns(town: NavitiaTown) -> None:
    there, back = town.get("coverage/mobigo/lines/line:val:L/route_schedules", from_datetime="20261123T073000")[
        "route_schedules"
    ]
    rows = {
        row["stop_point"]["name"]: [time["date_time"][9:] for time in row["date_times"]]
        for row in there["table"]["rows"]
    }
    assert rows == {
        "Amont": ["080000", "090000", "120000", ""],
        "Gare du Val": ["080300", "090200", "120200", "120500"],
        "Aval": ["081500", "091400", "", "121700"],
    }
    signs = [one["display_informations"]["headsign"] for one in there["table"]["headers"]]
    assert signs == ["Aval", "Aval", "Gare", "Aval"]
    assert back["display_informations"]["direction"] == "Amont"


# ── live ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_boards_are_live_and_journeys_by_the_timetable_unless_asked(town: NavitiaTown) -> None:
    town.say(late("early", 4, first=2))
    path = f"coverage/mobigo/stop_areas/{GARE}/departures"
    first = town.get(path)["departures"][0]["stop_date_time"]
    assert (first["departure_date_time"][9:], first["base_departure_date_time"][9:]) == ("080700", "080300")
    assert first["data_freshness"] == "realtime"
    planned = town.get(path, data_freshness="base_schedule")["departures"][0]["stop_date_time"]
    assert (planned["departure_date_time"][9:], planned["data_freshness"]) == ("080300", "base_schedule")
    base = town.ask(DOOR, AVAL)["journeys"][0]
    assert (base["arrival_date_time"][9:], base["status"]) == ("081500", "SIGNIFICANT_DELAYS")
    running = town.ask(DOOR, AVAL, data_freshness="realtime")["journeys"][0]
    ride = running["sections"][1]
    assert (running["arrival_date_time"][9:], ride["base_arrival_date_time"][9:]) == ("081900", "081500")
    assert ride["data_freshness"] == "realtime"


def test_a_late_trip_is_a_disruption_stop_by_stop(town: NavitiaTown) -> None:
    town.say(late("early", 4, first=2))
    answer = town.ask(DOOR, AVAL, data_freshness="realtime", count=1)
    (link,) = answer["journeys"][0]["sections"][1]["display_informations"]["links"]
    (disruption,) = [one for one in answer["disruptions"] if one["id"] == link["id"]]
    assert (disruption["severity"]["effect"], disruption["status"]) == ("SIGNIFICANT_DELAYS", "future")
    (impacted,) = disruption["impacted_objects"]
    assert impacted["pt_object"]["id"] == "trip:val:early"
    stops = [(one["stop_point"]["name"], one["departure_status"]) for one in impacted["impacted_stops"]]
    assert stops == [("Amont", "unchanged"), ("Gare du Val", "delayed"), ("Aval", "delayed")]
    gare = impacted["impacted_stops"][1]
    assert (gare["base_departure_time"], gare["amended_departure_time"]) == ("080300", "080700")


def test_a_cancelled_trip(town: NavitiaTown) -> None:
    town.say(canceled("early"))
    base = town.ask(DOOR, AVAL)
    assert base["journeys"][0]["status"] == "NO_SERVICE"
    assert [one["severity"]["effect"] for one in base["disruptions"]] == ["NO_SERVICE"]
    running = town.ask(DOOR, AVAL, data_freshness="realtime")["journeys"]
    assert running[0]["departure_date_time"] == "20261123T085358"  # the bus of nine
    path = f"coverage/mobigo/stop_areas/{AMONT}"
    shown = town.get(f"{path}/departures", from_datetime="20261123T073000")["departures"]
    assert shown[0]["stop_date_time"]["departure_date_time"] == "20261123T090000"
    found = town.get(f"{path}/stop_schedules", from_datetime="20261123T073000", duration=3600)["stop_schedules"]
    assert {one["route"]["id"]: one["additional_informations"] for one in found}["route:val:L:0"] == "active_disruption"


def test_messages_are_disruptions_of_what_they_are_about(town: NavitiaTown) -> None:
    town.say(alerts=(WORKS,))
    (works,) = town.get("coverage/mobigo/disruptions")["disruptions"]
    assert (works["id"], works["status"], works["severity"]["effect"]) == ("disruption:val:works", "active", "DETOUR")
    assert works["application_periods"] == [{"begin": "20261123T063000", "end": "20261123T173000"}]
    assert [one["text"] for one in works["messages"]] == ["Travaux à Aval", "Quai déplacé."]
    assert [one["pt_object"]["id"] for one in works["impacted_objects"]] == ["stop_point:val:aval", "line:val:L"]
    english = town.get("coverage/mobigo/disruptions/disruption:val:works", language="en-GB")["disruptions"][0]
    assert english["messages"][0]["text"] == "Works at Aval"
    assert town.get("coverage/mobigo/lines/line:val:T/disruptions")["disruptions"] == []
    answer = town.get("coverage/mobigo/lines/line:val:L")
    assert [link["id"] for link in answer["lines"][0]["links"]] == [works["id"]]
    assert [one["id"] for one in answer["disruptions"]] == [works["id"]]
    reports = town.get("coverage/mobigo/line_reports")["line_reports"]
    assert [(one["line"]["id"], [o["id"] for o in one["pt_objects"]]) for one in reports] == [
        ("line:val:L", ["line:val:L", AVAL]),
        ("line:val:N", [AVAL]),
    ]
    (traffic,) = town.get("coverage/mobigo/traffic_reports")["traffic_reports"]
    assert (traffic["network"]["id"], [one["id"] for one in traffic["lines"]]) == ("network:val:V", ["line:val:L"])
    assert town.get("coverage/mobigo/line_reports", since="20270101T000000")["line_reports"] == []


def test_vehicles_that_say_where_they_are(town: NavitiaTown) -> None:
    seen = Seen("bus7", "early", NOW.date(), None, 47.0, 5.01, int(NOW.timestamp()), bearing=90.0)
    town.say(vehicles=(seen,))
    (line,) = town.get("coverage/mobigo/lines/line:val:L/vehicle_positions")["vehicle_positions"]
    (one,) = line["vehicle_journey_positions"]
    assert (one["vehicle_journey"]["id"], one["coord"], one["bearing"]) == (
        "vehicle_journey:val:early",
        {"lon": "5.01", "lat": "47"},
        90,
    )
    assert town.get("coverage/mobigo/lines/line:val:T/vehicle_positions")["vehicle_positions"] == []


# ── addresses, tokens, description ────────────────────────────────────────────────────────────────────────────────────


def test_addresses_are_read_as_navitia_reads_them(town: NavitiaTown) -> None:
    plain = town.http.get("/navitia/v1/coverage/mobigo/lines").json()
    for path in ("/navitia/v1//coverage/mobigo/lines", "/navitia/v1/coverage/mobigo/lines/"):
        assert town.http.get(path).json()["lines"] == plain["lines"]
    question = f"/navitia/v1/journeys?from={DOOR}&to={VILLE}&datetime=2026-11-23T07:30:00%2B01:00&forbidden_uris"
    for brackets in ("=", "[]=", "[0]=", "%5B%5D="):
        found = town.http.get(f"{question}{brackets}line:val:T").json()["journeys"]
        assert found[0]["arrival_date_time"] == "20261123T103000"  # by the shuttle
    assert town.http.get("/navitia/v1/coverage", auth=("a-token", "")).status_code == 200
    assert town.http.get("/navitia/v1/coverage", headers={"Authorization": "a-token"}).status_code == 200


def test_other_sites_may_ask(town: NavitiaTown) -> None:
    answer = town.http.get("/navitia/v1/coverage", headers={"Origin": "https://site.example"})
    assert answer.headers["access-control-allow-origin"] == "*"


def test_errors_are_in_navitias_manner(town: NavitiaTown) -> None:
    assert town.get("coverage/mobigo/nonsense", 400)["error"]["id"] == "unknown_api"
    assert town.get("coverage/mobigo/lines/line:val:X", 404)["error"]["id"] == "unknown_object"
    assert town.get("coverage/mobigo/lines", 400, count=0)["error"]["id"] == "bad_format"
    assert town.get("coverage/mobigo/lines", 400, filter="line.colour=red")["error"]["id"] == "unable_to_parse"
    assert town.get("coverage/mobigo/lines", 400, filter="line.code=99")["error"]["id"] == "bad_filter"


def test_it_has_a_description_of_its_own(town: NavitiaTown) -> None:
    described = town.http.get("/navitia/openapi.json").json()
    assert described["openapi"].startswith("3.1")
    assert "/v1/coverage/{region}/journeys" in described["paths"]
    operations = [one["operationId"] for path in described["paths"].values() for one in path.values()]
    assert len(operations) == len(set(operations))


def test_instants_are_local_without_an_offset(town: NavitiaTown) -> None:
    utc = town.ask(DOOR, AVAL, "20261123T063000Z")["journeys"][0]
    assert utc["requested_date_time"] == "20261123T073000"
    assert datetime.strptime(utc["departure_date_time"], "%Y%m%dT%H%M%S").hour == 7  # noqa: DTZ007 - local time
