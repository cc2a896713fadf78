"""A trip on a day, over HTTP: planned and live calls, course, vehicle."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests.conftest import serve
from tests.journeys.live_valley import MONDAY, NOW, LiveValley, late

from mobigo.db.engine import open_engine
from mobigo.kit.clock import Clock
from mobigo.transit.live import Alert, CallRelation, CallUpdate, Relation, Target, TripUpdate, Vehicle
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.journeys.conftest import Valley


class Served(LiveValley):
    """The valley with live data, served at 07:30 of that Monday."""

    http: httpx.Client

    def get(self, path: str, status: int = 200, **query: str) -> dict[str, Any]:
        answer = self.http.get(path, params=query or None)
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture(scope="module")
def served(valley: Valley, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    shutil.copytree(valley.home, folder / "home")
    clock = Clock(folder / "clock.json")
    clock.move(NOW, rate=0)
    app = create_app(engine=open_engine(valley.url), clock=clock, home=folder / "home")
    with serve(app) as address, httpx.Client(base_url=address, timeout=120) as client:
        now = Served(folder / "home")
        now.http = client
        yield now
    app.state.engine.dispose()


def test_a_trip_by_the_timetable(served: Served) -> None:
    trip = served.get("/v1/trips/val:early", realtime="off")
    assert (trip["service_date"], trip["state"], trip["headsign"], trip["line"]["name"]) == (
        "2026-11-23",
        "scheduled",
        "Aval",
        "12",
    )
    assert [(call["stop_id"], call["arrival"][11:16], call["departure"][11:16]) for call in trip["calls"]] == [
        ("val:amont", "08:00", "08:00"),
        ("val:pont", "08:02", "08:03"),
        ("val:aval", "08:15", "08:15"),
    ]
    assert trip["geometry"]["type"] == "LineString"
    assert len(trip["geometry"]["coordinates"]) > 2
    assert (trip["vehicle"], trip["live_at"], trip["alerts"]) == (None, None, [])


@pytest.mark.parametrize(
    ("date", "found"), [(None, "2026-11-23"), ("2026-11-24", "2026-11-24"), ("2026-11-28", None), ("2030-01-01", None)]
)
def test_a_trip_runs_on_some_days(served: Served, date: str | None, found: str | None) -> None:
    query = {"date": date} if date else {}
    trip = served.get("/v1/trips/val:early", 200 if found else 404, **query)
    assert trip.get("service_date") == found
    assert found or trip["code"] == "unknown_trip"


def test_a_trip_that_nobody_knows(served: Served) -> None:
    assert served.get("/v1/trips/val:nowhere", 404)["code"] == "unknown_trip"
    assert served.get("/v1/trips/%00", 404)["code"] == "unknown_trip"


def test_a_late_trip_with_its_vehicle_and_its_messages(served: Served) -> None:
    moment = int(NOW.timestamp())
    served.say(
        late("early", 7),
        vehicles=(Vehicle("bus 7", "early", MONDAY, "L", 47.01, 4.02, moment, bearing=90.0),),
        alerts=(Alert("works", {"fr": "Travaux"}, targets=(Target(stop_id="pont"),)),),
    )
    trip = served.get("/v1/trips/val:early")
    assert trip["state"] == "live"
    assert [(call["departure"][11:16], call["planned_departure"][11:16], call["state"]) for call in trip["calls"]] == [
        ("08:07", "08:00", "live"),
        ("08:10", "08:03", "live"),
        ("08:22", "08:15", "live"),
    ]
    assert (trip["vehicle"]["id"], trip["vehicle"]["bearing"]) == ("val:bus 7", 90.0)
    assert [alert["id"] for alert in trip["alerts"]] == ["val:works"]
    assert trip["live_at"] == "2026-11-23T07:30:00+01:00"
    tomorrow = served.get("/v1/trips/val:early", date="2026-11-24")
    assert (tomorrow["state"], tomorrow["vehicle"]) == ("scheduled", None)


def test_a_cancelled_trip_is_shown_as_it_was_planned(served: Served) -> None:
    served.say(TripUpdate("early", MONDAY, relation=Relation.CANCELED))
    trip = served.get("/v1/trips/val:early")
    assert (trip["state"], {call["state"] for call in trip["calls"]}) == ("canceled", {"canceled"})
    served.say(TripUpdate("early", MONDAY, relation=Relation.DELETED))
    assert served.get("/v1/trips/val:early", 404, date="2026-11-23")["code"] == "unknown_trip"


def test_boards_and_timetables_show_the_same(served: Served) -> None:
    skipped = CallUpdate(sequence=2, relation=CallRelation.SKIPPED)
    served.say(
        TripUpdate("early", MONDAY, calls=(skipped,)),
        late("noon1", 4),
        TripUpdate("back", MONDAY, relation=Relation.CANCELED),
    )
    board = served.get("/v1/stops/val:pont/departures", minutes="600")
    assert [(one["trip_id"], one["departure"][11:16], one["state"]) for one in board["departures"]] == [
        ("val:early", "08:03", "skipped"),
        ("val:noon2", "12:06", "live"),
    ]
    arrivals = served.get("/v1/stops/val:amont/arrivals", minutes="1440")["arrivals"]
    assert [(one["trip_id"], one["arrival"][11:16], one["state"]) for one in arrivals] == [
        ("val:back", "17:15", "canceled")
    ]
    there, back = served.get("/v1/lines/val:L/timetable")["directions"]
    assert [(trip["trip_id"], trip["state"]) for trip in there["trips"]] == [
        ("val:early", "live"),
        ("val:noon1", "live"),
        ("val:noon2", "live"),
        ("val:late", "scheduled"),
    ]
    assert [(trip["trip_id"], trip["state"]) for trip in back["trips"]] == [("val:back", "canceled")]
    hanging = served.get("/v1/stops/val:amont/timetable")["lines"]
    assert [(one["departure"][11:16], one["state"]) for line in hanging for one in line["departures"]] == [
        ("08:00", "scheduled"),
        ("12:04", "live"),
        ("00:30", "scheduled"),
    ]
