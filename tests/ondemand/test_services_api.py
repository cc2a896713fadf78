"""Services over HTTP: read by anybody, written by dispatchers, checked whole, undone."""

from __future__ import annotations

import copy
import io
import json
import threading
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest
from tests.conftest import new_database, serve
from tests.feed_text import pack
from tests.ondemand.flex_text import SQUARE, files

from mobigo.accounts.model import Role
from mobigo.accounts.token import issue
from mobigo.db.engine import libpq_conninfo, open_engine
from mobigo.kit.clock import Clock
from mobigo.transit.load import load_gtfs
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FEEDER = "/v1/ondemand/services/valley:feeder"
OWN = "/v1/ondemand/services/auxois:tad"


@dataclass
class Office:
    """The served valley, and those who ask."""

    url: str
    http: httpx.Client
    key: bytes

    def ask(
        self, method: str, path: str, body: object = None, role: Role | None = Role.DISPATCHER, **query: object
    ) -> httpx.Response:
        headers = {}
        if role is not None:
            token = issue(self.key, f"a {role.value}", role, datetime.now(UTC), timedelta(hours=1))
            headers["Authorization"] = f"Bearer {token}"
        content = None if body is None else json.dumps(body)
        if content is not None:
            headers["Content-Type"] = "application/json"
        return self.http.request(method, path, content=content, headers=headers, params=query)  # type: ignore[arg-type]

    def get(self, path: str, **query: object) -> dict[str, Any]:
        answer = self.ask("GET", path, role=None, **query)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def run(self, statement: str) -> None:
        with psycopg.connect(libpq_conninfo(self.url)) as connection:
            connection.execute(statement.encode())


@pytest.fixture(scope="module")
def served(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("services")
    with new_database(test_cluster) as url:
        load_gtfs(pack(folder / "valley.zip", files()), "valley", url, now=datetime(2026, 11, 22, tzinfo=UTC))
        engine = open_engine(url)
        app = create_app(engine=engine, clock=Clock(), home=folder)
        with serve(app) as address, httpx.Client(base_url=address, timeout=120) as http:
            yield Office(url, http, app.state.token_key)
        engine.dispose()


@pytest.fixture
def office(served: Office) -> Office:
    """The office, its vehicles and all that was ever written forgotten."""
    for table in ("ondemand_service", "ondemand_vehicle", "ondemand_operator"):
        served.run(f"DELETE FROM {table}")
    served.run(
        "INSERT INTO ondemand_operator (id, name, written_by, written_at) VALUES ('auxois', 'Auxois', 'test', now())"
    )
    return served


def tad(**changes: object) -> dict[str, Any]:
    """A whole document: a zone to the station, booked two hours before."""
    document: dict[str, Any] = {
        "kind": "zone_to_stops",
        "timezone": "Europe/Paris",
        "operator": "auxois",
        "route": {"route_short_name": "TAD", "route_type": "715"},
        "agency": {"agency_name": "Auxois", "agency_url": "https://tad.example", "agency_lang": "fr"},
        "calendars": [
            {
                "service_id": "week",
                "weekdays": [True, True, True, True, True, False, False],
                "start_date": "2026-11-02",
                "end_date": "2099-12-31",
                "removed": ["2026-12-25"],
            }
        ],
        "booking_rules": [{"booking_rule_id": "hours", "booking_type": 1, "prior_notice_duration_min": 120}],
        "zones": [
            {"id": "zone", "geometry": {"type": "Polygon", "coordinates": [SQUARE]}, "properties": {"stop_name": "Z"}}
        ],
        "stops": [
            {"stop_id": "gare", "stop_name": "Gare", "stop_lat": 47.49, "stop_lon": 4.33, "same_as": "valley:gare"}
        ],
        "trips": [
            {
                "trip_id": "in",
                "service_id": "week",
                "safe_duration_factor": 1.5,
                "stop_times": [
                    {
                        "location_id": "zone",
                        "stop_sequence": 1,
                        "start_pickup_drop_off_window": "06:00:00",
                        "end_pickup_drop_off_window": "20:00:00",
                        "pickup_type": 2,
                        "drop_off_type": 1,
                        "pickup_booking_rule_id": "hours",
                    },
                    {
                        "stop_id": "gare",
                        "stop_sequence": 2,
                        "start_pickup_drop_off_window": "06:00:00",
                        "end_pickup_drop_off_window": "20:00:00",
                        "pickup_type": 1,
                        "drop_off_type": 2,
                        "drop_off_booking_rule_id": "hours",
                    },
                ],
            }
        ],
        "promise": {"pickup_window": 900, "fare_cents": 200},
    }
    return {**document, **changes}


def change(path: str, value: object) -> dict[str, Any]:
    """The document with one value changed, by its path."""
    document = copy.deepcopy(tad())
    *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place: Any = document
    for part in way:
        place = place[part]
    place[last] = value
    return document


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_services_are_listed_for_everybody(office: Office) -> None:
    found = {one["id"]: one for one in office.get("/v1/ondemand/services")["services"]}
    assert set(found) == {"valley:feeder", "valley:line", "valley:points"}
    feeder = found["valley:feeder"]
    assert feeder["name"] == "TAD Vers la gare"
    assert (feeder["kind"], feeder["how"], feeder["fare_cents"]) == ("zone_to_stops", "web", 250)
    assert feeder["booking_url"] == "https://tad.example/book"
    assert (feeder["first_day"], feeder["last_day"]) == ("2026-11-02", "2027-06-30")
    assert feeder["box"] == [4.3, 47.45, 4.4, 47.52]
    assert (found["valley:line"]["how"], found["valley:line"]["phone"]) == ("phone", "+33 3 80 00 00 00")


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({"at": "47.5,4.35"}, ["valley:feeder"]),
        ({"at": "47.4,4.35"}, []),
        ({"stop": "valley:lac"}, ["valley:line", "valley:points"]),
        ({"stop": "valley:lac", "kind": "stop_to_stop"}, ["valley:points"]),
        ({"source": "other"}, []),
    ],
)
def test_services_are_looked_up_by_place_and_kind(office: Office, query: dict[str, str], ids: list[str]) -> None:
    assert [one["id"] for one in office.get("/v1/ondemand/services", **query)["services"]] == ids


def test_a_service_is_booked_here_once_a_vehicle_works_for_it(office: Office) -> None:
    assert office.get(FEEDER)["how"] == "web"
    office.run(
        "INSERT INTO ondemand_vehicle (id, operator, name, room, seats_per_wheelchair, luggage_on_seats,"
        " child_seats_on_seats, depot, services, shifts, written_by, written_at) VALUES ('v1', 'auxois', 'Bus',"
        " '{8,1,4,0,1}', 2, true, true, ST_SetSRID(ST_MakePoint(4.33, 47.49), 4326), '{valley:feeder}', '[]', 'test',"
        " now())"
    )
    assert office.get(FEEDER)["how"] == "here"
    office.run("UPDATE ondemand_vehicle SET active = false")
    assert office.get(FEEDER)["how"] == "web"


def test_zones_and_stops_are_geojson(office: Office) -> None:
    zones = office.get("/v1/ondemand/zones")
    assert [one["id"] for one in zones["features"]] == ["valley:feeder/zone"]
    assert zones["features"][0]["properties"]["name"] == "Campagne"
    assert office.get("/v1/ondemand/zones", box="5,47,6,48")["features"] == []
    every = office.get("/v1/ondemand/zones", stops="true")["features"]
    assert {one["geometry"]["type"] for one in every} == {"Polygon", "MultiPoint", "Point"}
    assert office.ask("GET", "/v1/ondemand/zones", service="no:such").status_code == 404


def test_an_id_of_control_characters_is_refused(office: Office) -> None:
    for path in ("history", "undo"):
        answer = office.ask("GET" if path == "history" else "POST", f"/v1/ondemand/services/a:%00/{path}")
        assert answer.status_code == 422


def test_an_unknown_service_is_not_found(office: Office) -> None:
    answer = office.ask("GET", "/v1/ondemand/services/valley:nothing", role=None)
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_service")


# ── writing ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_written_is_read_and_can_be_written_again(office: Office) -> None:
    written = office.ask("PUT", OWN, tad())
    assert written.status_code == 200, written.text
    read = office.get(OWN)
    assert (read["written"], read["revision"], read["faults"]) == ("staff", 1, [])
    assert read["service"]["promise"]["pickup_window"] == 900
    assert read["service"]["stops"][0]["same_as"] == "valley:gare"
    again = office.ask("PUT", OWN, read["service"], revision=1)
    assert (again.status_code, again.json()["revision"]) == (200, 2)
    assert again.json()["service"] == read["service"]
    assert "auxois:tad" in {one["id"] for one in office.get("/v1/ondemand/services", stop="valley:gare")["services"]}


def test_a_service_of_a_feed_can_be_read_and_written_as_a_whole(office: Office) -> None:
    read = office.get(FEEDER)["service"]
    read["promise"]["fare_cents"] = 300
    answer = office.ask("PUT", FEEDER, read)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["written"], answer.json()["service"]["promise"]["fare_cents"]) == ("staff", 300)


def test_a_supplement_leaves_the_timetable_to_the_feed(office: Office) -> None:
    body = {"operator": "auxois", "kind": "door_to_door", "promise": {"longest_hold": 600}}
    answer = office.ask("PATCH", "/v1/ondemand/services/valley:line", body)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["written"], answer.json()["service"]["kind"]) == ("feed_and_staff", "door_to_door")
    answer = office.ask("PATCH", "/v1/ondemand/services/valley:line", {"promise": {"hold": 300}})
    service = answer.json()["service"]
    assert (service["operator"], service["promise"]["longest_hold"], service["promise"]["hold"]) == ("auxois", 600, 300)
    answer = office.ask("PATCH", "/v1/ondemand/services/valley:line", {"operator": None})
    assert answer.json()["service"]["operator"] is None
    document = office.ask("GET", "/v1/ondemand/services/valley:line/history").json()["history"][0]["document"]
    assert "trips" not in document


def test_a_supplement_of_a_whole_document_makes_another_whole_one(office: Office) -> None:
    office.ask("PUT", OWN, tad())
    answer = office.ask("PATCH", OWN, {"promise": {"fare_cents": 100}})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["written"], answer.json()["service"]["promise"]["fare_cents"]) == ("staff", 100)
    assert answer.json()["service"]["promise"]["pickup_window"] == 900


def test_a_withdrawn_service_is_gone_until_it_is_undone(office: Office) -> None:
    assert office.ask("DELETE", FEEDER).status_code == 200
    assert office.ask("GET", FEEDER, role=None).status_code == 404
    assert office.ask("DELETE", FEEDER).status_code == 404
    assert office.ask("POST", f"{FEEDER}/undo").status_code == 200
    assert office.get(FEEDER)["written"] == "feed"
    history = office.ask("GET", f"{FEEDER}/history").json()["history"]
    assert [(one["revision"], one["withdrawn"]) for one in history] == [(2, False), (1, True)]
    assert history[0]["written_by"] == "a dispatcher"


def test_undoing_goes_back_by_one(office: Office) -> None:
    office.ask("PUT", OWN, tad())
    office.ask("PUT", OWN, change("promise.fare_cents", 999))
    assert office.ask("POST", f"{OWN}/undo").status_code == 200
    assert office.get(OWN)["service"]["promise"]["fare_cents"] == 200
    answer = office.ask("POST", "/v1/ondemand/services/valley:points/undo")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_service")


def test_one_may_go_back_to_any_revision(office: Office) -> None:
    for cents in (100, 200, 300):
        office.ask("PUT", FEEDER, {**office.get(FEEDER)["service"], "promise": {"fare_cents": cents}})
    assert office.ask("POST", f"{FEEDER}/undo", to=1).json()["revision"] == 4
    assert office.get(FEEDER)["service"]["promise"]["fare_cents"] == 100
    assert office.ask("POST", f"{FEEDER}/undo", to=9).status_code == 404
    assert office.ask("POST", f"{FEEDER}/undo", to=0).status_code == 200
    assert (office.get(FEEDER)["written"], office.get(FEEDER)["revision"]) == ("feed", 5)


def test_the_first_document_undone_is_no_service_any_more(office: Office) -> None:
    office.ask("PUT", OWN, tad())
    office.ask("POST", f"{OWN}/undo")
    assert office.ask("GET", OWN, role=None).status_code == 404


def test_who_did_not_see_the_last_change_is_refused(office: Office) -> None:
    office.ask("PUT", OWN, tad())
    for method, path, body in (
        ("PUT", OWN, tad()),
        ("PATCH", OWN, {"operator": None}),
        ("DELETE", OWN, None),
        ("POST", f"{OWN}/undo", None),
    ):
        answer = office.ask(method, path, body, revision=0)
        assert (answer.status_code, answer.json()["code"]) == (409, "changed_meanwhile"), method
    assert office.get(OWN)["revision"] == 1


def test_of_many_who_saw_the_same_revision_one_writes(office: Office) -> None:
    office.ask("PUT", OWN, tad())
    statuses: list[int] = []
    threads = [
        threading.Thread(
            target=lambda n=n: statuses.append(
                office.ask("PUT", OWN, change("promise.fare_cents", n), revision=1).status_code
            )
        )
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [409] * 7
    assert office.get(OWN)["revision"] == 2


def test_a_service_with_booked_rides_is_not_withdrawn_by_mistake(office: Office) -> None:
    office.ask("PUT", OWN, tad())
    office.run("ALTER TABLE ondemand_leg DISABLE TRIGGER ALL")
    office.run("SET session_replication_role = replica; " + BOOKED_LEG)
    answer = office.ask("DELETE", OWN)
    assert (answer.status_code, answer.json()["code"]) == (409, "service_in_use")
    assert office.ask("DELETE", OWN, with_rides="true").status_code == 200
    office.run("SET session_replication_role = replica; DELETE FROM ondemand_leg")
    office.run("ALTER TABLE ondemand_leg ENABLE TRIGGER ALL")


BOOKED_LEG = """
    INSERT INTO ondemand_leg (id, booking, number, service, operator, trip, service_date, origin, destination,
        pickup_from, pickup_until, drop_off_until, longest_ride, dwell, party, load, bookable_until, cancel_until,
        late_cancel_cents, no_show_cents, state, run)
    VALUES ('leg', 'none', 1, 'auxois:tad', 'auxois', 'in', '2026-11-23', '{}', '{}', now(), now() + interval '9 min',
        now() + interval '1 hour', 3600, 60, '{}', '{1,0,0,0,0}', now(), now(), 0, 0, 'confirmed', 1)
"""


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    ("role", "status"), [(None, 401), (Role.TRAVELLER, 403), (Role.DESK, 403), (Role.AUDITOR, 403)]
)
def test_only_dispatchers_and_admins_write(office: Office, method: str, role: Role | None, status: int) -> None:
    body = {"PUT": tad(), "PATCH": {"operator": None}, "DELETE": None}[method]
    assert office.ask(method, FEEDER, body, role=role).status_code == status
    assert office.ask("GET", f"{FEEDER}/history", role=role).status_code in {401, 403, 404}
    assert office.get(FEEDER)["revision"] == 0


def test_an_admin_writes(office: Office) -> None:
    assert office.ask("PUT", OWN, tad(), role=Role.ADMIN).status_code == 200


# ── what is wrong is said, and changes nothing ────────────────────────────────────────────────────────────────────────

BOW_TIE = [[4.30, 47.45], [4.40, 47.52], [4.40, 47.45], [4.30, 47.52], [4.30, 47.45]]
CALL = "trips.0.stop_times.0"
RULE = "booking_rules.0"


@pytest.mark.parametrize(
    ("code", "where", "path", "value"),
    [
        ("invalid_geometry", "zones.zone", "zones.0.geometry.coordinates", [BOW_TIE]),
        ("invalid_geometry", "zones.zone", "zones.0.geometry.coordinates", [SQUARE[:3]]),
        ("invalid_geometry", "zones.zone", "zones.0.geometry.coordinates", [[[1, "x"]]]),
        ("unsupported_geometry_type", "zones.zone", "zones.0.geometry.type", "LineString"),
        ("single_shape_point", "shapes.s", "shapes", {"s": [[4, 47, None]]}),
        ("number_out_of_range", "shapes.s", "shapes", {"s": [[4, 47, None], [4, 470, None]]}),
        (
            "start_and_end_range_out_of_order",
            "trips.in.frequencies",
            "trips.0.frequencies",
            [{"start_time": "08:00:00", "end_time": "07:00:00", "headway_secs": 600}],
        ),
        ("invalid_timezone", "timezone", "timezone", "Europe/Semur"),
        ("foreign_key_violation", "operator", "operator", "nobody"),
        ("foreign_key_violation", "trips.in", "trips.0.service_id", "no such"),
        ("foreign_key_violation", "trips.in.calls.1", f"{CALL}.location_id", "no such"),
        ("foreign_key_violation", "trips.in.calls.1", f"{CALL}.pickup_booking_rule_id", "no such"),
        ("forbidden_geography_id", "trips.in.calls.1", f"{CALL}.stop_id", "gare"),
        ("missing_required_field", "trips.in.calls.1", f"{CALL}.location_id", None),
        ("invalid_pickup_drop_off_window", "trips.in.calls.1", f"{CALL}.end_pickup_drop_off_window", "05:00:00"),
        ("missing_pickup_or_drop_off_window", "trips.in.calls.1", f"{CALL}.end_pickup_drop_off_window", None),
        ("forbidden_arrival_or_departure_time", "trips.in.calls.1", f"{CALL}.arrival_time", "07:00:00"),
        ("forbidden_pickup_type", "trips.in.calls.1", f"{CALL}.pickup_type", 3),
        ("forbidden_drop_off_type", "trips.in.calls.1", f"{CALL}.drop_off_type", 0),
        ("missing_stop_times_record", "trips.in", f"{CALL}.pickup_type", 1),
        ("duplicate_key", "trips.in.calls.1", "trips.0.stop_times.1.stop_sequence", 1),
        ("unusable_trip", "trips", "trips", []),
        ("forbidden_same_day_booking_field_value", "rules.hours", f"{RULE}.prior_notice_last_day", 1),
        ("missing_prior_notice_duration_min", "rules.hours", f"{RULE}.prior_notice_duration_min", None),
        ("number_out_of_range", "rules.hours", f"{RULE}.prior_notice_duration_min", -5),
        ("invalid_prior_notice_duration_min", "rules.hours", f"{RULE}.prior_notice_duration_max", 60),
        ("missing_prior_notice_start_time", "rules.hours", f"{RULE}.prior_notice_start_day", 3),
        ("forbidden_prior_notice_start_time", "rules.hours", f"{RULE}.prior_notice_start_time", "08:00:00"),
        ("forbidden_real_time_booking_field_value", "rules.hours", f"{RULE}.booking_type", 0),
        ("forbidden_prior_day_booking_field_value", "rules.hours", f"{RULE}.booking_type", 2),
        ("start_and_end_range_out_of_order", "calendars.week", "calendars.0.end_date", "2026-01-01"),
        ("missing_required_field", "calendars.week", "calendars.0.end_date", None),
        ("stop_without_location", "stops.gare", "stops.0.stop_lat", None),
        ("duplicate_geography_id", "gare", "zones.0.id", "gare"),
        ("unexpected_enum_value", "route.route_type", "route.route_type", "9999"),
        ("route_both_short_and_long_name_missing", "route", "route", {"route_type": "715"}),
        ("missing_required_field", "agency.agency_url", "agency", {"agency_name": "A"}),
        ("invalid_url", "agency.agency_url", "agency.agency_url", "javascript:alert(1)"),
    ],
)
def test_a_broken_document_is_refused_whole_and_every_fault_named(
    office: Office, code: str, where: str, path: str, value: object
) -> None:
    document = change(path, value)
    answer = office.ask("PUT", OWN, document)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "invalid_service"), problem
    assert (code, where) in {(one["code"], one["where"]) for one in problem["faults"]}, problem
    checked = office.ask("POST", f"{OWN}/check", document).json()
    assert checked["faults"] == problem["faults"]
    assert office.ask("GET", OWN, role=None).status_code == 404


def test_calendars_of_the_past_are_refused(office: Office) -> None:
    days = {"service_id": "week", "weekdays": [True] * 7, "start_date": "2020-01-01", "end_date": "2020-12-31"}
    answer = office.ask("PUT", OWN, tad(calendars=[days]))
    assert [one["code"] for one in answer.json()["faults"]] == ["expired_calendar"]


def test_zones_that_overlap_at_the_same_time_are_refused(office: Office) -> None:
    document = tad()
    east = [[lon + 0.05, lat] for lon, lat in SQUARE]
    document["zones"].append({"id": "east", "geometry": {"type": "Polygon", "coordinates": [east]}})
    record = {**document["trips"][0]["stop_times"][0], "location_id": "east", "stop_sequence": 0}
    document["trips"][0]["stop_times"].insert(0, record)
    answer = office.ask("PUT", OWN, document)
    assert [one["code"] for one in answer.json()["faults"]] == ["overlapping_zone_and_pickup_drop_off_window"]
    record |= {"start_pickup_drop_off_window": "04:00:00", "end_pickup_drop_off_window": "06:00:00"}
    assert office.ask("PUT", OWN, document).status_code == 200


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("trips.0.stop_times.0.start_pickup_drop_off_window", "6 o'clock"),
        ("trips.0.stop_times.0.pickup_type", 4),
        ("booking_rules.0.booking_type", 3),
        ("kind", "taxi"),
        ("zones.0.id", ""),
        ("zones.0.properties", {"a": "\0"}),
        ("zones.0.properties", {"a": [[[[[[[[[[1]]]]]]]]]]}),
        ("promise.ride_factor", 0.5),
        ("promise.pickup_window", -1),
        ("promise.unknown", 1),
        ("agency.agency_name", "a\0b"),
        ("agency", {"agency\0": "b"}),
        ("agency.agency_name", "\ud800"),
        ("shapes", {"s\0": [[4, 47, None]]}),
        ("shapes", {"s": [[4, 47]]}),
        ("zones.0.properties", {"a": ["\ud800"]}),
        ("unknown", 1),
    ],
)
def test_what_has_not_the_form_of_a_document_is_refused(office: Office, path: str, value: object) -> None:
    answer = office.ask("PUT", OWN, change(path, value))
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed"), answer.text


def test_numbers_that_are_none_are_refused(office: Office) -> None:
    for path in ("zones.0.properties", "zones.0.geometry.coordinates"):
        value: object = {"a": float("inf")} if path.endswith("properties") else [[[float("nan"), 1]] * 4]
        assert office.ask("PUT", OWN, change(path, value)).status_code == 422


@pytest.mark.parametrize("id_", ["tad", ":tad", "a b:tad", "x" * 61 + ":tad"])
def test_an_id_has_a_source_and_a_name(office: Office, id_: str) -> None:
    answer = office.ask("PUT", f"/v1/ondemand/services/{id_}", tad())
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")


@pytest.mark.parametrize("promise", [{"ride_factor": 0.1}, {"hold": "long"}, {"nothing": 1}])
def test_a_supplement_that_cannot_be_meant_is_refused(office: Office, promise: dict[str, object]) -> None:
    answer = office.ask("PATCH", FEEDER, {"promise": promise})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_service"), answer.text
    assert office.get(FEEDER)["revision"] == 0


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [("kind", "zone_to_stops", "duplicate_key"), ("timezone", "Europe/London", "inconsistent_agency_timezone")],
)
def test_services_of_a_source_must_fit_into_one_feed(office: Office, path: str, value: str, code: str) -> None:
    office.ask("PUT", OWN, tad())
    other = change(path, value)
    other["trips"][0]["trip_id"] = "in" if path == "kind" else "other"
    answer = office.ask("PUT", "/v1/ondemand/services/auxois:two", other)
    assert [one["code"] for one in answer.json()["faults"]] == [code]


# ── out ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_the_staff_wrote_is_exported_and_comes_back_equal(office: Office, tmp_path: Path) -> None:
    office.ask("PUT", OWN, tad())
    answer = office.ask("GET", "/v1/ondemand/gtfs-flex.zip", role=None, source="auxois")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    written = office.get(OWN)["service"]
    path = tmp_path / "auxois.zip"
    path.write_bytes(answer.content)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert "locations.geojson" in archive.namelist()
    office.ask("POST", f"{OWN}/undo")
    report = load_gtfs(path, "auxois", office.url, now=datetime(2026, 11, 22, tzinfo=UTC))
    assert report.status == "active"
    read = office.get(OWN)
    assert read["written"] == "feed"
    read["service"]["agency"].pop("agency_id", None)
    assert read["service"] == written
    office.run("UPDATE feed SET active_version = NULL WHERE source = 'auxois'")


def test_nothing_to_export_is_not_found(office: Office) -> None:
    assert office.ask("GET", "/v1/ondemand/gtfs-flex.zip", role=None, source="no").status_code == 404
