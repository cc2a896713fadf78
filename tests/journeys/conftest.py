"""A valley: two villages on one road, a bus between them, a hamlet off the map; all of it text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.conftest import new_database, serve
from tests.street_text import lonlat, osm_text

from mobigo.db.engine import open_engine
from mobigo.journeys.network import Networks
from mobigo.journeys.snapshot import build_network
from mobigo.kit.clock import Clock
from mobigo.osm.load import load_osm
from mobigo.transit.load import load_gtfs
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mobigo.journeys.network import Network

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
"""A Monday, 07:00 in Paris."""

STREETS = """
a 0 0
b 400 0
c 1000 0
d 9000 0
e 9600 0
f 10000 0
1: a b c  highway=residential name=Rue_Haute
2: c d    highway=secondary
3: d e f  highway=residential name=Grande_Rue
"""
"""Metres; the bus stops are beside b (Amont), c (Pont) and e (Aval)."""


def stop(name: str, x: float, y: float = 5) -> str:
    lon, lat = lonlat(x, y)
    return f"{name},{name.capitalize()},{lat:.7f},{lon:.7f}"


FEED = {
    "agency.txt": "agency_id,agency_name,agency_url,agency_timezone\nV,Cars du Val,https://val.example,Europe/Paris\n",
    "stops.txt": "\n".join(
        ["stop_id,stop_name,stop_lat,stop_lon", stop("amont", 400), stop("pont", 1000), stop("aval", 9600), ""]
    ),
    "routes.txt": "route_id,agency_id,route_short_name,route_long_name,route_type,route_color\n"
    "L,V,12,Le Val,3,0B6E4F\n",
    "trips.txt": """route_id,service_id,trip_id,trip_headsign,block_id,shape_id
L,week,early,Aval,,bend
L,week,noon1,Pont,n,
L,week,noon2,Aval,n,
L,week,back,Amont,,
L,week,late,Aval,,
""",
    "stop_times.txt": """trip_id,stop_sequence,stop_id,arrival_time,departure_time
early,1,amont,08:00:00,08:00:00
early,2,pont,08:02:00,08:03:00
early,3,aval,08:15:00,08:15:00
noon1,1,amont,12:00:00,12:00:00
noon1,2,pont,12:02:00,12:02:00
noon2,1,pont,12:05:00,12:05:00
noon2,2,aval,12:17:00,12:17:00
back,1,aval,17:00:00,17:00:00
back,2,amont,17:15:00,17:15:00
late,1,amont,24:30:00,24:30:00
late,2,aval,24:45:00,24:45:00
""",
    "calendar.txt": "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n"
    "week,1,1,1,1,1,0,0,20261001,20270401\n",
    "shapes.txt": "\n".join(
        [
            "shape_id,shape_pt_sequence,shape_pt_lat,shape_pt_lon",
            *(f"bend,{i},{lonlat(x, y)[1]:.7f},{lonlat(x, y)[0]:.7f}" for i, (x, y) in enumerate(
                [(300, 0), (1000, 0), (5000, 800), (9600, 0), (9900, 0)]
            )),
            "",
        ]
    ),
}  # fmt: skip


def at(x: float, y: float = 0) -> str:
    """Write a place of the valley as LAT,LON."""
    lon, lat = lonlat(x, y)
    return f"{lat:.6f},{lon:.6f}"


@dataclass
class Valley:
    """The valley in a database, and a home."""

    url: str
    home: Path
    folder: Path

    def load_feed(self, **changes: str) -> None:
        """Load the feed, some files changed (``stop_times`` for stop_times.txt)."""
        folder = self.folder / f"feed{len(list(self.folder.iterdir()))}"
        folder.mkdir()
        for name, text in (FEED | {f"{name}.txt": text for name, text in changes.items()}).items():
            (folder / name).write_text(text)
        report = load_gtfs(folder, "val", self.url, now=NOW)
        assert report.status == "active", report

    def load_streets(self) -> None:
        """Load the streets."""
        file = self.folder / "streets.osm"
        file.write_text(osm_text(STREETS))
        load_osm(file, self.url, now=NOW)

    def build(self) -> str:
        """Build the network."""
        return build_network(self.url, self.home, NOW)

    def network(self) -> Network:
        """Return the network that serves."""
        return Networks(self.home).current()


def _make_valley(url: str, folder: Path) -> Valley:
    home, files = folder / "home", folder / "files"
    home.mkdir()
    files.mkdir()
    made = Valley(url, home, files)
    made.load_streets()
    made.load_feed()
    made.build()
    return made


@pytest.fixture(scope="session")
def valley(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valley]:
    """The valley, loaded and built; for tests that only ask."""
    with new_database(test_cluster) as url:
        yield _make_valley(url, tmp_path_factory.mktemp("valley"))


@pytest.fixture
def own_valley(database_url: str, tmp_path: Path) -> Valley:
    """A valley to change."""
    return _make_valley(database_url, tmp_path)


@pytest.fixture(scope="session")
def http(valley: Valley) -> Iterator[httpx.Client]:
    """The valley, served."""
    engine = open_engine(valley.url)
    app = create_app(engine=engine, clock=Clock(), home=valley.home)
    with serve(app) as address, httpx.Client(base_url=address, timeout=120) as client:
        yield client
    engine.dispose()
