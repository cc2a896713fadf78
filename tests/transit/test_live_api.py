"""Live data over HTTP: positions in, delays, vehicles, messages and GTFS-Realtime out, disturbances of the staff.

The valley's bus ``early`` leaves Amont at 08:00, calls at Pont 08:02 to 08:03 and reaches Aval at 08:15.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest
from google.transit import gtfs_realtime_pb2 as gtfs
from tests.conftest import new_database, serve
from tests.journeys.conftest import _make_valley
from tests.live_provider import message
from tests.street_text import lonlat

from mobigo.accounts.model import Role
from mobigo.accounts.token import issue
from mobigo.db.engine import libpq_conninfo, open_engine
from mobigo.journeys.live_watch import LiveWatch
from mobigo.kit.clock import Clock
from mobigo.transit.live_service import add_source
from mobigo.transit.live_store import LiveSource
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.journeys.conftest import Valley

NOW = datetime(2026, 11, 23, 7, 5, tzinfo=UTC)
"""08:05 in Paris: the early bus left Pont two minutes ago."""


@dataclass
class Town:
    """The valley served, its clock, and its worker in our hand."""

    valley: Valley
    http: httpx.Client
    clock: Clock
    watch: LiveWatch
    key: bytes

    def token(self, role: Role) -> dict[str, str]:
        return {"Authorization": f"Bearer {issue(self.key, role.value, role, self.clock.now(), timedelta(hours=1))}"}

    def get(self, path: str, **query: object) -> dict[str, Any]:
        answer = self.http.get(path, params=query, headers=self.token(Role.DISPATCHER))  # type: ignore[arg-type]
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def post(self, path: str, body: object, role: Role = Role.DISPATCHER, status: int = 200) -> dict[str, Any]:
        answer = self.http.post(path, json=body, headers=self.token(role))
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def renew(self) -> None:
        """What the worker does every few seconds."""
        self.watch.run(self.clock.now())

    def feed(self, name: str, **query: str) -> Any:  # noqa: ANN401 - protobuf has no types
        answer = self.http.get(f"/v1/live/{name}.pb", params=query)
        assert answer.headers["content-type"] == "application/x-protobuf"
        read = gtfs.FeedMessage()
        read.ParseFromString(answer.content)
        return read

    def departures(self, stop: str) -> list[tuple[str, str, str]]:
        board = self.get(f"/v1/stops/{stop}/departures", at="2026-11-23T08:00:00+01:00", minutes=1000)
        return [(one["trip_id"], one["departure"][11:19], one["state"]) for one in board["departures"]]


@pytest.fixture(scope="module")
def served(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with new_database(test_cluster) as url:
        valley = _make_valley(url, tmp_path_factory.mktemp("live"))
        engine = open_engine(url)
        clock = Clock(valley.home / "clock.json")
        clock.move(NOW, 0)
        app = create_app(engine=engine, clock=clock, home=valley.home)
        with serve(app) as address, httpx.Client(base_url=address, timeout=120) as client:
            yield Town(valley, client, clock, LiveWatch(url, valley.home), app.state.token_key)
        engine.dispose()


@pytest.fixture
def town(served: Town) -> Iterator[Town]:
    served.clock.move(NOW, 0)
    yield served
    with psycopg.connect(libpq_conninfo(served.valley.url)) as connection:
        connection.execute("TRUNCATE live_source, live_rate, vehicle_position, disturbance CASCADE")
    served.renew()


def position(x: float, seconds: int = 0, **more: object) -> dict[str, object]:
    lon, lat = lonlat(x, 0)
    at = (NOW + timedelta(seconds=seconds)).isoformat()
    return {"vehicle_id": "car-7", "trip_id": "val:early", "lat": lat, "lon": lon, "at": at} | more


def report(town: Town, *positions: dict[str, object], role: Role = Role.DRIVER) -> list[str]:
    answer = town.post("/v1/vehicles/positions", {"positions": positions}, role)
    assert answer["accepted"] == [one["verdict"] for one in answer["results"]].count("accepted")
    return [one["verdict"] for one in answer["results"]]


# ── positions ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_position_becomes_a_delay_on_boards_and_in_our_feed(town: Town) -> None:
    assert report(town, position(1000)) == ["accepted"]  # still at Pont, where it should have left at 08:03
    town.renew()
    board = town.get("/v1/stops/val:aval/arrivals", at="2026-11-23T08:05:00+01:00", minutes=30)
    (arrival,) = [one for one in board["arrivals"] if one["trip_id"] == "val:early"]
    assert arrival["arrival"] == "2026-11-23T08:17:00+01:00"
    (entity,) = town.feed("trip-updates", feed="val").entity
    update = entity.trip_update
    assert (update.trip.trip_id, update.trip.start_date, update.trip.route_id) == ("early", "20261123", "L")
    assert update.vehicle.id == "car-7"
    last = update.stop_time_update[-1]
    assert (last.stop_id, last.arrival.time, last.arrival.delay) == ("aval", int(NOW.timestamp()) + 12 * 60, 120)


def test_the_vehicle_is_on_the_map_and_in_our_feed(town: Town) -> None:
    report(town, position(5000, bearing=90, speed=12.5, occupancy="few_seats_available"))
    town.renew()
    found = town.get("/v1/vehicles")
    assert found["type"] == "FeatureCollection"
    (feature,) = found["features"]
    assert feature["geometry"]["type"] == "Point"
    assert feature["geometry"]["coordinates"] == pytest.approx(lonlat(5000, 0), abs=1e-6)
    told = feature["properties"]
    assert (told["vehicle_id"], told["trip_id"], told["line"], told["occupancy"]) == (
        "val:car-7", "val:early", "12", "few_seats_available"
    )  # fmt: skip
    (entity,) = town.feed("vehicle-positions", feed="val").entity
    vehicle = entity.vehicle
    assert (vehicle.vehicle.id, vehicle.trip.trip_id, vehicle.position.bearing) == ("car-7", "early", 90)
    assert town.feed("vehicle-positions").entity[0].vehicle.trip.trip_id == "val:early"
    assert not town.feed("vehicle-positions", feed="other").entity


def test_the_map_says_how_late_a_vehicle_is_at_its_next_stop(town: Town) -> None:
    report(town, position(1000), position(1000, vehicle_id="car-9", trip_id=None, line_id="val:L"))
    town.renew()
    delays = {
        one["properties"]["vehicle_id"]: one["properties"]["delay"] for one in town.get("/v1/vehicles")["features"]
    }
    assert delays["val:car-7"] == 120


def test_our_feeds_say_when_nothing_is_newer(town: Town) -> None:
    report(town, position(1000))
    town.renew()
    first = town.http.get("/v1/live/trip-updates.pb")
    again = town.http.get("/v1/live/trip-updates.pb", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    report(town, position(1000, 10))
    town.renew()
    newer = town.http.get("/v1/live/trip-updates.pb", headers={"If-None-Match": first.headers["etag"]})
    assert (newer.status_code, newer.headers["etag"] != first.headers["etag"]) == (200, True)


def test_only_vehicles_inside_the_box_or_of_the_line_are_shown(town: Town) -> None:
    report(town, position(5000))
    town.renew()
    lon, lat = lonlat(5000, 0)

    def shown(**query: str) -> int:
        return len(town.get("/v1/vehicles", **query)["features"])

    assert shown(box=f"{lon - 0.01:.5f},{lat - 0.01:.5f},{lon + 0.01:.5f},{lat + 0.01:.5f}") == 1
    assert shown(box=f"{lon + 0.01:.5f},{lat - 0.01:.5f},{lon + 0.02:.5f},{lat + 0.01:.5f}") == 0
    assert shown(box=f"{lon - 0.01:.5f},{lat - 0.01:.5f},{lon - 0.02:.5f},{lat + 0.01:.5f}") == 1  # round the world
    assert shown(line_id="val:L") == 1
    assert shown(line_id="val:M") == 0
    assert town.http.get("/v1/vehicles", params={"box": "0,50,1,40"}).status_code == 400


def test_sending_the_same_again_changes_nothing(town: Town) -> None:
    assert report(town, position(900, -20), position(1000)) == ["known", "accepted"]
    assert report(town, position(900, -20), position(1000)) == ["known", "known"]
    assert report(town, position(1000, 5), position(1000, 5)) == ["accepted", "known"]


def test_a_thousand_positions_come_in_at_once(town: Town) -> None:
    fleet = [position(1000, vehicle_id=f"car-{number}") for number in range(1000)]
    begin = time.monotonic()
    assert report(town, *fleet) == ["accepted"] * 1000
    assert time.monotonic() - begin < 30  # 0.1 s on a quiet machine
    assert report(town, *fleet[::-1]) == ["known"] * 1000
    town.post("/v1/vehicles/positions", {"positions": [*fleet, fleet[0]]}, Role.DRIVER, 422)


def test_what_is_late_or_of_the_future_is_dropped(town: Town) -> None:
    assert report(town, position(1000, -301), position(1000, 61), position(1000, -300)) == ["late", "ahead", "accepted"]


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({"trip_id": "val:never"}, "unknown_trip"),
        ({"trip_id": "early"}, "unknown_trip"),
        ({"service_date": "2026-11-22"}, "not_that_day"),
        ({"service_date": "2026-11-23"}, "accepted"),
        ({"trip_id": None, "line_id": "val:X"}, "unknown_line"),
        ({"trip_id": None, "line_id": "val:L"}, "accepted"),
        ({"trip_id": None}, "no_trip"),
    ],
)
def test_a_position_of_nothing_we_know_is_said_and_the_others_are_taken(
    town: Town, change: dict[str, object], verdict: str
) -> None:
    assert report(town, position(1000) | change, position(1000, vehicle_id="car-8")) == [verdict, "accepted"]


@pytest.mark.parametrize(
    "change",
    [
        {"lat": 91},
        {"lon": "x"},
        {"at": "2026-11-23T08:00:00"},
        {"at": "yesterday"},
        {"at": 1795420000},
        {"vehicle_id": ""},
        {"vehicle_id": "a\0b"},
        {"speed": -1},
        {"occupancy": "cosy"},
    ],
)
def test_a_position_that_is_none_is_refused(town: Town, change: dict[str, object]) -> None:
    town.post("/v1/vehicles/positions", {"positions": [position(1000) | change]}, Role.DRIVER, 422)


@pytest.mark.parametrize(
    ("role", "status"),
    [(Role.TRAVELLER, 403), (Role.DESK, 403), (Role.AUDITOR, 403), (Role.ADMIN, 200), (Role.DISPATCHER, 200)],
)
def test_who_may_say_where_vehicles_are(town: Town, role: Role, status: int) -> None:
    town.post("/v1/vehicles/positions", {"positions": [position(1000)]}, role, status)


def test_nobody_else_may(town: Town) -> None:
    assert town.http.post("/v1/vehicles/positions", json={"positions": [position(1000)]}).status_code == 401


def test_of_a_vehicle_the_last_position_is_kept_and_not_for_long_nor_who_sent_it(town: Town) -> None:
    report(town, position(900, -20))
    report(town, position(1000))
    town.renew()
    with psycopg.connect(libpq_conninfo(town.valley.url), autocommit=True) as connection:

        def count() -> int:
            row = connection.execute("SELECT count(*) FROM vehicle_position").fetchone()
            assert row
            return int(row[0])

        assert count() == 1
        columns = connection.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'vehicle_position'"
        ).fetchall()
        assert not {"user", "driver", "person", "sent_by"} & {name for (name,) in columns}
        town.clock.move(NOW + timedelta(minutes=61), 0)
        town.renew()
        assert count() == 0


def test_a_vehicle_that_falls_silent_is_no_longer_shown(town: Town) -> None:
    report(town, position(1000))
    town.renew()
    assert town.get("/v1/vehicles")["features"]
    town.clock.move(NOW + timedelta(minutes=6), 0)
    town.renew()
    assert town.get("/v1/vehicles")["features"] == []
    assert not town.feed("trip-updates").entity


def test_how_well_vehicles_are_matched_is_shown(town: Town) -> None:
    report(town, position(1000))
    town.renew()
    (source,) = town.get("/v1/live")["sources"]
    assert (source["name"], source["kind"], source["feed"]) == ("vehicles:val", "vehicles", "val")
    assert (source["match"]["vehicles"], source["match"]["vehicles_matched"]) == (1, 1)
    assert len(town.get("/v1/live/vehicles:val/rates")["rates"]) == 1


# ── sources ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_how_a_source_fares_is_shown_to_everybody(town: Town, tmp_path: Path) -> None:
    file = tmp_path / "trips.pb"
    file.write_bytes(message(int(NOW.timestamp()), early=60, unknown=0))
    with psycopg.connect(libpq_conninfo(town.valley.url)) as connection:
        add_source(
            connection,
            town.valley.home,
            LiveSource("val-live", "val", "auto", str(file), {"X-Key": "hidden"}, 30, 300, None, NOW),
        )
    town.renew()
    answer = town.http.get("/v1/live")
    assert "hidden" not in answer.text
    assert str(tmp_path) not in answer.text
    (source,) = answer.json()["sources"]
    assert answer.json()["at"] == "2026-11-23T07:05:00Z"
    assert (source["name"], source["address"], source["stale"], source["age_seconds"]) == (
        "val-live",
        "trips.pb",
        False,
        0,
    )
    assert (source["match"]["trips"], source["match"]["trips_matched"], source["match"]["rate"]) == (2, 1, 0.5)
    assert "unknown" in source["unmatched"][0]
    town.clock.move(NOW + timedelta(minutes=10), 0)
    town.renew()
    (source,) = town.get("/v1/live")["sources"]
    assert (source["stale"], source["match"]["stale"]) == (True, True)
    assert not town.feed("trip-updates").entity
    rates = town.get("/v1/live/val-live/rates")["rates"]
    assert [one["stale"] for one in rates] == [False, True]
    assert town.http.get("/v1/live/nothing/rates").status_code == 404


# ── disturbances ──────────────────────────────────────────────────────────────────────────────────────────────────────

CLOSED = {
    "feed": "val",
    "does": "stop_closed",
    "header": {"fr": "Arrêt Pont fermé", "en": "Stop Pont closed"},
    "description": {"fr": "Travaux sur le pont.", "en": "The bridge is mended."},
    "periods": [{"start": "2026-11-23T06:00:00+01:00", "end": "2026-11-24T10:00:00+01:00"}],
    "targets": [{"stop_id": "val:pont"}],
    "cause": "CONSTRUCTION",
    "severity": "WARNING",
}


def test_a_preview_says_what_a_disturbance_would_do_and_writes_nothing(town: Town) -> None:
    told = town.post("/v1/disturbances/preview", CLOSED)
    assert told["days"] == [
        {"day": "2026-11-23", "canceled": 0, "changed": 3, "line_ids": ["val:L"]},
        {"day": "2026-11-24", "canceled": 0, "changed": 1, "line_ids": ["val:L"]},  # until ten
    ]
    assert set(told["trip_ids"]) == {"val:early", "val:noon1", "val:noon2"}
    assert town.get("/v1/disturbances")["disturbances"] == []


def test_a_closed_stop_is_on_boards_in_messages_and_in_our_feed_until_it_is_undone(town: Town) -> None:
    before = town.departures("val:pont")
    assert [(trip, state) for trip, _, state in before] == [("val:early", "scheduled"), ("val:noon2", "scheduled")]
    written = town.post("/v1/disturbances", CLOSED, status=201)
    assert written["preview"]["days"][0]["changed"] == 3
    town.renew()
    assert {state for _, _, state in town.departures("val:pont")} == {"skipped"}
    (alert,) = town.http.get("/v1/alerts", params={"stop_id": "val:pont"}).json()["alerts"]
    assert (alert["id"], alert["active"], alert["effect"]) == (written["alert_id"], True, "NO_SERVICE")
    assert alert["header"] == CLOSED["header"]
    update = next(one.trip_update for one in town.feed("trip-updates", feed="val").entity
                  if one.trip_update.trip.trip_id == "early")  # fmt: skip
    skipped = gtfs.TripUpdate.StopTimeUpdate.SKIPPED
    assert [(one.stop_id, one.schedule_relationship == skipped) for one in update.stop_time_update] == [
        ("amont", False), ("pont", True), ("aval", False)
    ]  # fmt: skip
    (entity,) = town.feed("alerts", feed="val").entity
    texts = {one.language: one.text for one in entity.alert.header_text.translation}
    assert texts == CLOSED["header"]
    assert entity.alert.informed_entity[0].stop_id == "pont"
    undone = town.post(f"/v1/disturbances/{written['id']}/undo", None)
    assert (undone["revision"], undone["withdrawn"]) == (2, True)
    town.renew()
    assert town.departures("val:pont") == before
    assert town.http.get("/v1/alerts").json()["alerts"] == []
    again = town.post(f"/v1/disturbances/{written['id']}/undo", None)
    assert (again["revision"], again["withdrawn"]) == (3, False)


def test_cancelled_departures_are_shown_as_such(town: Town) -> None:
    body = CLOSED | {"does": "canceled", "targets": [{"trip_id": "val:back"}]}
    town.post("/v1/disturbances", body, status=201)
    town.renew()
    assert ("val:back", "17:00:00", "canceled") in town.departures("val:aval")
    (entity,) = town.feed("trip-updates", feed="val").entity
    assert entity.trip_update.trip.trip_id == "back"
    assert entity.trip_update.trip.schedule_relationship == gtfs.TripDescriptor.CANCELED


def test_nobody_is_sent_to_a_departure_that_is_cancelled_or_a_stop_that_is_closed(town: Town) -> None:
    def rides(start: str, end: str, at: str, realtime: str = "on") -> list[tuple[str, str]]:
        """Trips of the journeys within an hour, and where they are boarded."""
        query = {"from": start, "to": end, "at": at, "realtime": realtime, "window_minutes": 60}
        legs = [leg for one in town.get("/v1/journeys", **query)["journeys"] for leg in one["legs"]]
        return [(leg["trip_id"], leg["from"]["stop_id"]) for leg in legs if leg["trip_id"]]

    back, ahead = ("val:aval", "val:amont", "2026-11-23T16:30"), ("val:pont", "val:aval", "2026-11-23T11:30")
    assert rides(*back) == [("val:back", "val:aval")]
    assert rides(*ahead) == [("val:noon2", "val:pont")]
    town.post("/v1/disturbances", CLOSED | {"does": "canceled", "targets": [{"trip_id": "val:back"}]}, status=201)
    town.post("/v1/disturbances", CLOSED, status=201)
    town.renew()
    assert rides(*back) == []
    assert rides(*ahead)[0] == ("val:noon1", "val:amont")  # one walks to the stop before, and stays seated at Pont
    assert rides(*back, realtime="off") == [("val:back", "val:aval")]
    assert rides(*ahead, realtime="annotate") == [("val:noon2", "val:pont")]


def test_a_message_changes_no_times(town: Town) -> None:
    town.post("/v1/disturbances", CLOSED | {"does": "message", "targets": []}, status=201)
    town.renew()
    assert not town.feed("trip-updates").entity
    assert len(town.http.get("/v1/alerts").json()["alerts"]) == 1


def test_a_detour_leaves_out_the_stops_of_its_lines(town: Town) -> None:
    body = CLOSED | {"does": "detour", "targets": [{"line_id": "val:L"}, {"stop_id": "val:pont"}]}
    written = town.post("/v1/disturbances", body, status=201)
    assert written["content"]["does"] == "detour"
    town.renew()
    assert {state for _, _, state in town.departures("val:pont")} == {"skipped"}
    (alert,) = town.http.get("/v1/alerts").json()["alerts"]
    assert alert["effect"] == "DETOUR"


def test_a_lift_out_of_order_is_told_and_changes_no_departure(town: Town) -> None:
    body = CLOSED | {"does": "lift_out_of_order", "targets": [{"stop_id": "val:pont"}]}
    written = town.post("/v1/disturbances", body, status=201)
    assert written["content"]["does"] == "lift_out_of_order"
    town.renew()
    assert {state for _, _, state in town.departures("val:pont")} == {"scheduled"}
    (alert,) = town.http.get("/v1/alerts", params={"stop_id": "val:pont"}).json()["alerts"]
    assert alert["effect"] == "ACCESSIBILITY_ISSUE"
    town.post("/v1/disturbances", body | {"targets": [{"line_id": "val:L"}]}, status=400)


def test_a_disturbance_ahead_is_announced_and_one_that_is_over_forgotten(town: Town) -> None:
    ahead = CLOSED | {"periods": [{"start": "2026-11-24T06:00:00+01:00", "end": "2026-11-24T10:00:00+01:00"}]}
    town.post("/v1/disturbances", ahead, status=201)
    town.renew()
    (alert,) = town.http.get("/v1/alerts").json()["alerts"]
    assert not alert["active"]
    assert town.http.get("/v1/alerts", params={"active": True}).json()["alerts"] == []
    town.clock.move(NOW + timedelta(days=2), 0)
    town.renew()
    assert town.http.get("/v1/alerts").json()["alerts"] == []
    assert town.get("/v1/disturbances")["disturbances"] == []
    assert len(town.get("/v1/disturbances", past=True)["disturbances"]) == 1


def test_what_is_written_is_read_back_changed_and_its_history_kept(town: Town) -> None:
    number = town.post("/v1/disturbances", CLOSED, status=201)["id"]
    read = town.get(f"/v1/disturbances/{number}")
    assert read["content"]["periods"] == [{"start": "2026-11-23T05:00:00Z", "end": "2026-11-24T09:00:00Z"}]
    assert {name: read["content"][name] for name in CLOSED if name not in {"periods", "targets"}} == {
        name: value for name, value in CLOSED.items() if name not in {"periods", "targets"}
    }
    headers = town.token(Role.DISPATCHER)
    changed = town.http.put(
        f"/v1/disturbances/{number}", params={"revision": 1}, headers=headers, json=CLOSED | {"severity": "SEVERE"}
    )
    assert changed.json()["revision"] == 2
    lost = town.http.put(f"/v1/disturbances/{number}", params={"revision": 1}, headers=headers, json=CLOSED)
    assert (lost.status_code, lost.json()["code"]) == (409, "changed_meanwhile")
    gone = town.http.delete(f"/v1/disturbances/{number}", headers=headers)
    assert (gone.json()["revision"], gone.json()["withdrawn"], gone.json()["content"]) == (3, True, None)
    assert town.http.delete(f"/v1/disturbances/{number}", headers=headers).json()["revision"] == 3
    history = town.get(f"/v1/disturbances/{number}")["history"]
    assert [(one["revision"], one["withdrawn"], one["written_by"]) for one in history] == [
        (3, True, "dispatcher"), (2, False, "dispatcher"), (1, False, "dispatcher")
    ]  # fmt: skip
    assert town.http.get("/v1/disturbances/999", headers=headers).status_code == 404


def test_without_a_period_it_begins_when_it_is_written(town: Town) -> None:
    written = town.post("/v1/disturbances", CLOSED | {"periods": []}, status=201)
    assert written["content"]["periods"] == [{"start": "2026-11-23T07:05:00Z", "end": None}]
    assert written["preview"]["days"][0]["changed"] == 2  # the bus that has been there is not hit
    assert len(written["preview"]["days"]) == 11  # the working days of two weeks
    assert town.get(f"/v1/disturbances/{written['id']}")["lost"] == []


def test_targets_that_a_new_timetable_no_longer_has_are_named(town: Town) -> None:
    number = town.post("/v1/disturbances", CLOSED, status=201)["id"]
    with psycopg.connect(libpq_conninfo(town.valley.url)) as connection:
        connection.execute(
            "UPDATE disturbance_revision SET content = jsonb_set(content, '{targets,0,stop_id}', '\"bridge\"')"
        )
    read = town.get(f"/v1/disturbances/{number}")
    assert (read["lost"], read["preview"]["days"]) == (["stop bridge"], [])
    town.renew()
    assert len(town.http.get("/v1/alerts").json()["alerts"]) == 1  # the message is still told


def test_pages_of_disturbances_neither_repeat_nor_skip(town: Town) -> None:
    numbers = [town.post("/v1/disturbances", CLOSED, status=201)["id"] for _ in range(5)]
    seen, cursor = [], None
    while True:
        page = town.get("/v1/disturbances", limit=2, **({"cursor": cursor} if cursor else {}))
        seen += [one["id"] for one in page["disturbances"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == numbers[::-1]


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"targets": [{"stop_id": "val:nowhere"}]}, 404, "nowhere"),
        ({"targets": [{"stop_id": "other:pont"}]}, 400, "not of feed val"),
        ({"targets": [{}]}, 400, "names nothing"),
        ({"targets": [{"line_id": "val:L"}]}, 400, "which stop"),
        ({"does": "canceled"}, 400, "what does not run"),
        ({"feed": "other", "targets": [], "does": "message"}, 404, "no feed"),
        ({"periods": [{"start": "2026-11-24T06:00:00+01:00", "end": "2026-11-24T06:00:00+01:00"}]}, 400, "end after"),
        ({"periods": [{"start": "2026-11-24T06:00:00", "end": None}]}, 422, "offset"),
        ({"header": {"fr": "Fermé"}}, 422, "header.en"),
        ({"header": {"fr": "", "en": "x"}}, 422, "header.fr"),
        ({"header": {"fr": "a\0", "en": "x"}}, 422, "header.fr"),
        ({"url": {"fr": "javascript:alert(1)", "en": "https://x.example"}}, 422, "url.fr"),
        ({"does": "explode"}, 422, "does"),
        ({"stops": ["val:pont"]}, 422, "stops"),
    ],
)
def test_a_disturbance_is_checked(town: Town, change: dict[str, object], status: int, said: str) -> None:
    assert said in str(town.post("/v1/disturbances", CLOSED | change, status=status))
    assert town.get("/v1/disturbances", past=True)["disturbances"] == []


@pytest.mark.parametrize(
    ("role", "reads", "writes"),
    [
        (Role.TRAVELLER, 403, 403),
        (Role.DRIVER, 403, 403),
        (Role.DESK, 200, 403),
        (Role.AUDITOR, 200, 403),
        (Role.DISPATCHER, 200, 201),
        (Role.ADMIN, 200, 201),
    ],
)
def test_who_reads_and_writes_disturbances(town: Town, role: Role, reads: int, writes: int) -> None:
    assert town.http.get("/v1/disturbances", headers=town.token(role)).status_code == reads
    town.post("/v1/disturbances", CLOSED, role, writes)


def test_without_live_data_our_feeds_are_empty_and_of_now(town: Town) -> None:
    for name in ("trip-updates", "vehicle-positions", "alerts"):
        feed = town.feed(name)
        assert (feed.header.gtfs_realtime_version, len(feed.entity)) == ("2.0", 0)
        assert abs(feed.header.timestamp - int(NOW.timestamp())) <= 120
