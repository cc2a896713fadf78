"""A small town, its buses and its streets as text, served over a database of its own."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx
import psycopg
from tests.conftest import new_database, serve

from mobigo.db.engine import libpq_conninfo, open_engine
from mobigo.journeys.network import LAYOUT, Manifest
from mobigo.kit.clock import Clock
from mobigo.osm.load import load_osm
from mobigo.places import service as places
from mobigo.transit.load import load_gtfs
from mobigo.transit.store import read_feed_tables
from mobigo.transit.timetable import Timetable, build
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fastapi import FastAPI
    from sqlalchemy.engine import Engine

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
"""A Monday, 07:30 in Paris."""

FEED = {
    "agency.txt": """
agency_id,agency_name,agency_url,agency_timezone
A,Cars de l'Auxois,https://cars.example,Europe/Paris
""",
    "stops.txt": """
stop_id,stop_name,stop_lat,stop_lon,location_type,parent_station,platform_code,wheelchair_boarding
gare,Semur Gare,47.4850,4.3300,1,,,1
gare:1,Semur Gare,47.4851,4.3301,0,gare,1,1
gare:2,Semur Gare,47.4852,4.3302,0,gare,2,2
gare:in,Semur Gare entrance,47.4853,4.3303,2,gare,,
lib/a,Liberté,47.4910,4.3340,0,,,
lib/b,Liberté,47.4912,4.3341,0,,,
montbard,Montbard,47.6225,4.3370,0,,,
jean,St-Jean,47.6300,4.3400,0,,,
epoisses,Époisses \u2013 Mairie,47.5065,4.1735,0,,,
œuvre,Rue de l\u2019Œuvre,47.5100,4.1800,0,,,
""",
    "routes.txt": """
route_id,agency_id,route_short_name,route_long_name,route_type,route_color,route_text_color
L1,A,1,Montbard - Semur - Époisses,3,0B6E4F,FFFFFF
TER,A,,TER Montbard,2,,
N,A,N,Noctambus,3,,
""",
    "trips.txt": """
route_id,service_id,trip_id,trip_headsign,direction_id
L1,daily,out,Époisses,0
L1,daily,short,,0
L1,daily,back,Montbard,1
TER,daily,train,Semur,
N,daily,night,Nuit,
""",
    "stop_times.txt": """
trip_id,stop_sequence,stop_id,arrival_time,departure_time,pickup_type,drop_off_type
out,1,montbard,07:00:00,07:00:00,0,0
out,2,gare:1,07:35:00,07:40:00,0,0
out,3,lib/a,07:45:00,07:45:00,0,0
out,4,œuvre,07:58:00,07:58:00,0,0
out,5,epoisses,08:00:00,08:00:00,0,0
short,1,montbard,08:00:00,08:00:00,0,0
short,2,jean,08:05:00,08:05:00,0,0
short,3,gare:1,08:40:00,08:40:00,0,0
back,1,epoisses,07:10:00,07:10:00,0,0
back,2,lib/b,07:25:00,07:25:00,1,0
back,3,gare:2,07:31:00,07:31:00,0,0
back,4,montbard,08:10:00,08:10:00,0,0
train,1,gare:2,07:50:00,07:50:00,0,0
train,2,montbard,08:15:00,08:15:00,0,0
night,1,gare:1,23:50:00,23:50:00,0,0
night,2,montbard,24:30:00,24:30:00,0,0
night,3,jean,24:40:00,24:40:00,0,0
""",
    "calendar.txt": """
service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date
daily,1,1,1,1,1,1,1,20260101,20261231
""",
    "feed_info.txt": """
feed_publisher_name,feed_publisher_url,feed_lang,feed_start_date,feed_end_date,feed_version,feed_license
Auxois,https://auxois.example,fr,20260101,20261231,v7,Licence Ouverte
""",
    "attributions.txt": """
attribution_id,organization_name,is_producer,is_authority,attribution_url
1,Région,0,1,https://region.example
""",
}

PLACES = """
Semur-en-Auxois 47.4906 4.3347 place=town population=4134
Semur-en-Brionnais 46.2640 4.0870 place=village population=600
Montbard 47.6230 4.3330 place=town population=4900
Époisses 47.5060 4.1730 place=village population=700
Dijon 47.3220 5.0415 place=city population=160000
Saint-Jean-de-Losne 47.1010 5.2650 place=village population=1100
St.-Jean-de-Bœuf 47.2080 4.7600 place=village
Villeneuve 47.6000 4.4000 place=village
Villeneuve 47.3000 4.6000 place=village
Pouillenay 47.4700 4.4000 place=hamlet
Château_d'Époisses 47.5070 4.1745 tourism=attraction historic=castle
Gare_de_Montbard 47.6226 4.3371 railway=station
_ 47.4911 4.3342 addr:housenumber=12 addr:street=Rue_de_la_Liberté addr:city=Semur-en-Auxois addr:postcode=21140
_ 47.4913 4.3344 addr:housenumber=14_bis addr:street=Rue_de_la_Liberté addr:city=Semur-en-Auxois addr:postcode=21140
_ 47.6231 4.3331 addr:housenumber=12 addr:street=Rue_de_la_Liberté
_ 47.6240 4.3340 addr:housenumber=3 addr:street=Rue_du_8_Mai_1945
"""
"""Name (_ for none, _ in it for a space), latitude, longitude, tags."""

STREETS = {"Rue de la Liberté": (47.4910, 4.3338), "Rue Haute": (47.4890, 4.3300), "Impasse d'Ahuy": (47.5061, 4.1731)}


def write_feed(folder: Path, files: dict[str, str]) -> Path:
    """Write a feed given as texts."""
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text.lstrip())
    return folder


def write_extract(file: Path) -> Path:
    """Write the extract."""
    nodes, ways = [], []
    for number, line in enumerate(PLACES.strip().splitlines(), 1):
        name, lat, lon, *tags = line.split()
        pairs = [tag.split("=", 1) for tag in tags] + ([["name", name]] if name != "_" else [])
        text = "".join(f'<tag k="{key}" v="{value.replace("_", " ")}"/>' for key, value in pairs)
        nodes.append(f'<node id="{number}" version="1" lat="{lat}" lon="{lon}">{text}</node>')
    for number, (name, (lat, lon)) in enumerate(STREETS.items(), 1):
        ids = (1000 + 2 * number, 1001 + 2 * number)
        nodes += [f'<node id="{id_}" version="1" lat="{lat + 0.001 * at}" lon="{lon}"/>' for at, id_ in enumerate(ids)]
        refs = "".join(f'<nd ref="{id_}"/>' for id_ in ids)
        ways.append(
            f'<way id="{number}" version="1">{refs}<tag k="highway" v="residential"/><tag k="name" v="{name}"/></way>'
        )
    body = "\n".join(nodes + ways)
    file.write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n<osm version="0.6">\n{body}\n</osm>\n')
    return file


@dataclass
class OneTimetable:
    """Networks of which one serves that has a timetable only, so nothing is compiled."""

    timetable: Timetable
    live: None = None

    def find_current(self) -> OneTimetable:
        """Return the network that serves."""
        return self

    @property
    def stop_index(self) -> dict[str, int]:
        """Index of each stop id."""
        return {name: index for index, name in enumerate(self.timetable.stop_ids.all())}

    @property
    def manifest(self) -> Manifest:
        """Say what it was built from."""
        return Manifest("one", LAYOUT, NOW, "Europe/Paris", {}, None, {})


@dataclass
class Town:
    """The served town."""

    http: httpx.Client
    engine: Engine
    url: str
    app: FastAPI


@contextmanager
def open_town(test_cluster: str, folder: Path) -> Iterator[Town]:
    """Load the town into a database of its own and serve it."""
    clock = Clock(folder / "clock.json")
    clock.move(NOW, 0)
    with new_database(test_cluster) as url:
        report = load_gtfs(write_feed(folder / "feed", FEED), "bus", url, now=NOW)
        assert report.status == "active"
        assert report.dropped == {}
        load_osm(write_extract(folder / "town.osm"), url, now=NOW)
        with psycopg.connect(libpq_conninfo(url), autocommit=True) as loaded:
            places.rebuild(loaded)
            timetable = build(read_feed_tables(loaded))
        engine = open_engine(url)
        app = create_app(engine=engine, clock=clock, home=folder)
        app.state.networks = OneTimetable(timetable)
        with serve(app) as address, httpx.Client(base_url=address, timeout=120) as http:
            yield Town(http, engine, url, app)
        engine.dispose()
