"""A valley with a bus, a train and a taxi as text, live, with a price, served under the address of Navitia's API."""

from __future__ import annotations

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
from mobigo.transit.live import Alert, CallUpdate, LiveFeed, Relation, Target, TripUpdate, Vehicle
from mobigo.transit.load import load_gtfs
from mobigo.transit.overlay import lay_over
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
"""A Monday, 07:30 in Paris."""
MONDAY = date(2026, 11, 23)

STREETS = """
a 0 0
b 400 0
c 1000 0
d 9000 0
e 9600 0
f 10000 0
h -6000 0 place=village name=Le_Hameau population=120
v 300 0 place=town name=Amont-le-Val population=2000
k 200 5 amenity=cafe name=Café_du_Val
n 100 4 addr:housenumber=12 addr:street=Rue_Haute
1: a b c  highway=residential name=Rue_Haute
2: c d    highway=secondary
3: d e f  highway=residential name=Grande_Rue
9: h a    highway=secondary
"""
"""Metres; buses stop beside b (Amont), c (Gare, a station of two platforms), e (Aval). Ville lies off the map."""


def stop(name: str, title: str, x: float, y: float = 5, more: str = "0,,") -> str:
    lon, lat = lonlat(x, y)
    return f"{name},{title},{lat:.7f},{lon:.7f},{more}"


FEED = {
    "agency.txt": """agency_id,agency_name,agency_url,agency_timezone,agency_phone
V,Cars du Val,https://val.example,Europe/Paris,+33 3 00 00 00 01
R,Rail,https://rail.example,Europe/Paris,
""",
    "stops.txt": "\n".join(
        [
            "stop_id,stop_name,stop_lat,stop_lon,location_type,parent_station,platform_code",
            stop("amont", "Amont", 400),
            stop("gare", "Gare du Val", 1000, 8, "1,,"),
            stop("gare/1", "Gare du Val", 1000, 5, "0,gare,A"),
            stop("gare/2", "Gare du Val", 1000, 14, "0,gare,B"),
            stop("aval", "Aval", 9600),
            stop("ville", "Ville", 30_000),
            "",
        ]
    ),
    "routes.txt": """route_id,agency_id,route_short_name,route_long_name,route_type,route_color,route_text_color
L,V,12,Le Val,3,0B6E4F,FFFFFF
N,V,N,Navette,3,,
T,R,,Train du Val,2,,
""",
    "trips.txt": """route_id,service_id,trip_id,trip_headsign,trip_short_name,direction_id,block_id
L,week,early,Aval,,0,
L,week,nine,Aval,,0,
L,week,noon1,Gare,,0,n
L,week,noon2,Aval,,0,n
L,week,back,Amont,,1,
N,week,call,Ville,,0,
T,week,train,Ville,8701,0,
""",
    "stop_times.txt": """trip_id,stop_sequence,stop_id,arrival_time,departure_time,pickup_type,drop_off_type
early,1,amont,08:00:00,08:00:00,0,0
early,2,gare/1,08:02:00,08:03:00,0,0
early,3,aval,08:15:00,08:15:00,0,0
nine,1,amont,09:00:00,09:00:00,0,0
nine,2,gare/1,09:02:00,09:02:00,0,0
nine,3,aval,09:14:00,09:14:00,0,0
noon1,1,amont,12:00:00,12:00:00,0,0
noon1,2,gare/1,12:02:00,12:02:00,0,0
noon2,1,gare/1,12:05:00,12:05:00,0,0
noon2,2,aval,12:17:00,12:17:00,0,0
back,1,aval,17:00:00,17:00:00,0,0
back,2,amont,17:15:00,17:15:00,0,0
call,1,aval,10:00:00,10:00:00,2,2
call,2,ville,10:30:00,10:30:00,2,2
train,1,gare/2,08:20:00,08:20:00,0,0
train,2,ville,08:50:00,08:50:00,0,0
""",
    "calendar.txt": "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n"
    "week,1,1,1,1,1,0,0,20261102,20270402\n",
    "calendar_dates.txt": "service_id,date,exception_type\nweek,20261225,2\nweek,20261219,1\n",
}
"""Christmas Day is a Friday without buses, the Saturday before it has some."""

WORKS = Alert(
    "works",
    {"fr": "Travaux à Aval", "en": "Works at Aval"},
    {"fr": "Quai déplacé.", "en": "Platform moved."},
    periods=((int(NOW.timestamp()) - 3600, int(NOW.timestamp()) + 36_000),),
    targets=(Target(stop_id="aval"), Target(route_id="L")),
    cause="CONSTRUCTION",
    effect="DETOUR",
    severity="WARNING",
)


def at(x: float, y: float = 0) -> str:
    """Write a place of the valley as LON;LAT."""
    lon, lat = lonlat(x, y)
    return f"{lon:.6f};{lat:.6f}"


@dataclass
class NavitiaTown:
    """The served valley."""

    http: httpx.Client
    home: Path
    app: Any
    is_live: bool = False
    """Whether the source has said anything."""

    def get(self, path: str, status: int = 200, **params: object) -> Any:  # noqa: ANN401 - JSON
        """Ask, and return the answer's content; a parameter `x_y__` is `x_y[]`."""
        told = {name.replace("__", "[]").removesuffix("_"): value for name, value in params.items()}
        answer = self.http.get(f"/navitia/v1/{path}", params=told)  # type: ignore[arg-type]
        assert answer.status_code == status, answer.text
        return answer.json()

    def ask(self, origin: str, destination: str, at_: str = "20261123T073000", **params: object) -> Any:  # noqa: ANN401
        """Ask for journeys of that Monday."""
        return self.get("coverage/mobigo/journeys", **{"from": origin, "to": destination, "datetime": at_, **params})

    def say(self, *trips: TripUpdate, alerts: tuple[Alert, ...] = (), vehicles: tuple[Vehicle, ...] = ()) -> None:
        """Let the source say this, and nothing else."""
        self.is_live = bool(trips or alerts or vehicles)
        moment, network = int(NOW.timestamp()), self.app.state.networks.current()
        feed = LiveFeed("val", moment, trips, vehicles, alerts)
        overlay, reports = lay_over(network.timetable, [feed], [], now=moment)
        assert [report.rate for report in reports] == [1.0]
        said = [("val", alert) for alert in alerts]
        write_live(network.folder, overlay, said, [("val", one) for one in vehicles], reports, now=NOW)


def late(trip: str, minutes: int, first: int = 1) -> TripUpdate:
    """Say that a trip is late from a call on."""
    call = CallUpdate(sequence=first, departure_delay=60 * minutes, arrival_delay=60 * minutes)
    return TripUpdate(trip, MONDAY, calls=(call,), at=int(NOW.timestamp()))


def canceled(trip: str) -> TripUpdate:
    """Say that a trip does not run."""
    return TripUpdate(trip, MONDAY, relation=Relation.CANCELED, at=int(NOW.timestamp()))


@contextmanager
def open_navitia(test_cluster: str, folder: Path) -> Iterator[NavitiaTown]:
    """Load the valley into a database of its own and serve it."""
    home, feed = folder / "home", folder / "feed"
    home.mkdir()
    feed.mkdir()
    for name, text in FEED.items():
        (feed / name).write_text(text)
    clock = Clock(folder / "clock.json")
    clock.move(NOW, 0)
    (folder / "streets.osm").write_text(osm_text(STREETS))
    taxi = feeder(zone=(-7_000, -5_000), stops={"amont": 400})
    taxi = replace(taxi, stops={name: replace(one, same_as=f"val:{name}") for name, one in taxi.stops.items()})
    with new_database(test_cluster) as url:
        load_osm(folder / "streets.osm", url, now=NOW)
        report = load_gtfs(feed, "val", url, now=NOW)
        assert (report.status, report.dropped) == ("active", {})
        furnish(url, taxi, (vehicle(at=-6_000),))
        with psycopg.connect(libpq_conninfo(url), autocommit=True) as loaded:
            places.rebuild(loaded)
            drafted = fares.draft(loaded, CATALOGUE, series="region", origin="test", by="t", now=NOW)
            fares.publish(loaded, drafted.number, seen=None, by="t", now=NOW, today=date(2026, 1, 1))
        build_network(url, home, NOW)
        engine = open_engine(url)
        app = create_app(engine=engine, clock=clock, home=home)
        with serve(app) as address, httpx.Client(base_url=address, timeout=120) as http:
            yield NavitiaTown(http, home, app)
        engine.dispose()
