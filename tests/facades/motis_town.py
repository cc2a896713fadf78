"""A valley with buses and a train as text, its live data said in the test, served under the address of MOTIS' API."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
from tests.conftest import new_database, serve
from tests.journeys.taxi_stand import feeder, vehicle
from tests.journeys.test_price import CATALOGUE
from tests.ondemand.taxi_town import furnish
from tests.street_text import lonlat, osm_text

from mobigo.db.engine import libpq_conninfo, open_engine
from mobigo.fares import service as fares
from mobigo.journeys.live import write_live
from mobigo.journeys.snapshot import build_network
from mobigo.kit.clock import Clock
from mobigo.osm.load import load_osm
from mobigo.places import service as places
from mobigo.sharing import service as sharing
from mobigo.transit.live import Alert, CallUpdate, LiveFeed, Target, TripUpdate
from mobigo.transit.load import load_gtfs
from mobigo.transit.overlay import lay_over
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mobigo.ondemand.model import Service

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
"""A Monday, 07:30 in Paris."""
MONDAY = date(2026, 11, 23)
SOURCE = "val_bus"
"""Its tag is ``val~1bus``."""

STREETS = """
h -6000 0
a 0 0
b 400 0
c 1000 0
d 9000 0
e 9600 0
f 10000 0
1: a b c  highway=residential name=Rue_Haute
2: c d    highway=secondary
4: h a    highway=secondary
3: d e f  highway=residential name=Grande_Rue
"""
"""Metres; stops are beside b (Amont), c (Pont, a station with two platforms) and e (Aval); h is far from any."""


def stop(name: str, title: str, x: float, y: float = 5, more: str = "0,,") -> str:
    lon, lat = lonlat(x, y)
    return f"{name},{title},{lat:.7f},{lon:.7f},{more}"


FEED = {
    "agency.txt": "agency_id,agency_name,agency_url,agency_timezone\nV,Cars du Val,https://val.example,Europe/Paris\n",
    "stops.txt": "\n".join(
        [
            "stop_id,stop_name,stop_lat,stop_lon,location_type,parent_station,platform_code",
            stop("amont", "Amont", 400),
            stop("pont", "Pont", 1000, 8, "1,,"),
            stop("pont_1", "Pont", 1000, 5, "0,pont,1"),
            stop("pont_2", "Pont", 1000, 10, "0,pont,2"),
            stop("aval", "Aval", 9600),
            "",
        ]
    ),
    "routes.txt": "route_id,agency_id,route_short_name,route_long_name,route_type,route_color\n"
    "L,V,12,Le Val,3,0B6E4F\nS,V,,Train du Val,109,\n",
    "trips.txt": """route_id,service_id,trip_id,trip_headsign,trip_short_name,direction_id,block_id,bikes_allowed
L,week,early,Aval,,0,,
L,week,mid,Aval,,0,,
L,week,noon_1,Pont,,0,n,
L,week,noon_2,Aval,,0,n,
L,week,back,Amont,,1,,
L,week,night,Aval,,0,,
S,week,train,Aval,4711,0,,1
""",
    "stop_times.txt": """trip_id,stop_sequence,stop_id,arrival_time,departure_time,pickup_type,drop_off_type
early,1,amont,08:00:00,08:00:00,0,0
early,2,pont_1,08:02:00,08:03:00,0,0
early,3,aval,08:15:00,08:15:00,0,0
mid,1,amont,09:00:00,09:00:00,0,0
mid,2,pont_1,09:02:00,09:02:00,1,1
mid,3,aval,09:15:00,09:15:00,0,0
noon_1,1,amont,12:00:00,12:00:00,0,0
noon_1,2,pont_1,12:02:00,12:02:00,0,0
noon_2,1,pont_1,12:05:00,12:05:00,0,0
noon_2,2,aval,12:17:00,12:17:00,0,0
back,1,aval,17:00:00,17:00:00,0,0
back,2,amont,17:15:00,17:15:00,0,0
night,1,amont,24:30:00,24:30:00,0,0
night,2,aval,24:45:00,24:45:00,0,0
train,1,pont_2,08:10:00,08:10:00,0,0
train,2,aval,08:16:00,08:16:00,0,0
""",
    "calendar.txt": "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n"
    "week,1,1,1,1,1,0,0,20261001,20270401\n",
}

PLACES = """
<node id="900" version="1" lat="{lat}" lon="{lon}"><tag k="place" v="village"/><tag k="name" v="Amont-le-Val"/></node>
<node id="901" version="1" lat="{lat}" lon="{lon}">
<tag k="addr:housenumber" v="12"/><tag k="addr:street" v="Rue Haute"/></node>
"""


def write_gbfs(folder: Path) -> None:
    """Write a system of shared bicycles: a station at the west end with four, one at Amont with none."""
    folder.mkdir()
    (a, north), (b, _), (c, _) = lonlat(10, 0), lonlat(390, 0), lonlat(120, 0)
    documents: dict[str, dict[str, Any]] = {
        "system_information": {"system_id": "v", "name": "Vélo du Val", "timezone": "Europe/Paris", "language": "fr"},
        "station_information": {
            "stations": [
                {"station_id": "w", "name": "Bout", "lon": a, "lat": north},
                {"station_id": "a", "name": "Amont", "lon": b, "lat": north},
            ]
        },
        "station_status": {
            "stations": [
                {"station_id": name, "is_installed": True, "is_renting": True, "is_returning": True,
                 "num_bikes_available": bikes, "num_docks_available": 5}
                for name, bikes in (("w", 4), ("a", 0))
            ]
        },
        "free_bike_status": {
            "bikes": [{"bike_id": "7", "lon": c, "lat": north, "is_reserved": False, "is_disabled": False}]
        },
    }  # fmt: skip
    for name, data in documents.items():
        told = {"last_updated": int(NOW.timestamp()), "ttl": 60, "version": "2.3", "data": data}
        (folder / f"{name}.json").write_text(json.dumps(told))


def at(x: float, y: float = 0) -> str:
    """Write a place of the valley as LAT,LON."""
    lon, lat = lonlat(x, y)
    return f"{lat:.6f},{lon:.6f}"


def late(trip: str, minutes: int, first: int = 1) -> TripUpdate:
    """Say that a trip is late from a call on."""
    call = CallUpdate(sequence=first, departure_delay=60 * minutes, arrival_delay=60 * minutes)
    return TripUpdate(trip, MONDAY, calls=(call,), at=int(NOW.timestamp()))


WORKS = Alert(
    "works",
    {"fr": "Travaux à Aval", "en": "Works at Aval"},
    {"fr": "Quai déplacé.", "en": "Platform moved."},
    targets=(Target(stop_id="aval"),),
    cause="CONSTRUCTION",
    effect="STOP_MOVED",
)


@dataclass
class MotisTown:
    """The served valley."""

    http: httpx.Client
    home: Path
    app: Any

    def get(self, path: str, status: int = 200, **params: object) -> Any:  # noqa: ANN401 - JSON
        """Ask, and return the answer's content."""
        told = {key: str(value).lower() if isinstance(value, bool) else value for key, value in params.items()}
        answer = self.http.get(f"/motis/api/{path}", params=told)  # type: ignore[arg-type]
        assert answer.status_code == status, answer.text
        return answer.json()

    def say(self, *trips: TripUpdate, alerts: tuple[Alert, ...] = ()) -> None:
        """Let the source say this, and nothing else."""
        moment, network = int(NOW.timestamp()), self.app.state.networks.current()
        feed = LiveFeed(SOURCE, moment, trips, (), alerts)
        overlay, reports = lay_over(network.timetable, [feed], [], now=moment)
        assert [report.rate for report in reports] == [1.0]
        write_live(network.folder, overlay, [(SOURCE, alert) for alert in alerts], [], reports, now=NOW)


def taxi() -> Service:
    """Make the service from around h to the first stop and back, booked up to the last minute."""
    made = feeder(zone=(-7_000, -5_000), stops={"amont": 400})
    return replace(made, stops={name: replace(one, same_as=f"{SOURCE}:{name}") for name, one in made.stops.items()})


@contextmanager
def open_motis(test_cluster: str, folder: Path) -> Iterator[MotisTown]:
    """Load the valley into a database of its own and serve it."""
    home, feed = folder / "home", folder / "feed"
    home.mkdir()
    feed.mkdir()
    for name, text in FEED.items():
        (feed / name).write_text(text)
    clock = Clock(folder / "clock.json")
    clock.move(NOW, 0)
    lon, lat = lonlat(390, 0)
    streets = folder / "streets.osm"
    named = PLACES.format(lat=f"{lat:.7f}", lon=f"{lon:.7f}")
    streets.write_text(osm_text(STREETS).replace("</osm>", f"{named}</osm>"))
    with new_database(test_cluster) as url:
        load_osm(streets, url, now=NOW)
        report = load_gtfs(feed, SOURCE, url, now=NOW)
        assert report.status == "active", report
        build_network(url, home, NOW)
        furnish(url, taxi(), (vehicle(at=-6_000),))
        with psycopg.connect(libpq_conninfo(url), autocommit=True) as loaded:
            places.rebuild(loaded)
            priced = CATALOGUE | {"networks": [{"id": "bus", "sources": [SOURCE]}]}
            drafted = fares.draft(loaded, priced, series="region", origin="test", by="t", now=NOW)
            fares.publish(loaded, drafted.number, seen=None, by="t", now=NOW, today=date(2026, 1, 1))
        write_gbfs(folder / "gbfs")
        sharing.add_system("velo", str(folder / "gbfs"), url, every=60, now=NOW)
        sharing.poll(url, sharing.Reach(home), NOW)
        engine = open_engine(url)
        app = create_app(engine=engine, clock=clock, home=home)
        with serve(app) as address, httpx.Client(base_url=address, timeout=120) as http:
            yield MotisTown(http, home, app)
        engine.dispose()
