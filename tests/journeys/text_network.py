"""A network out of a feed written in a test, without a database and without streets: one walks straight, 1.4 times.

One degree of latitude is 111,195 m; `place` puts stops metres to the east and north of a village, so that walks can be
worked out on paper: metres times 1.4, at 1.2 m/s.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import cos, radians
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from mobigo.journeys import service
from mobigo.journeys.model import JourneyRequest
from mobigo.journeys.network import LAYOUT, Manifest, Names, Network
from mobigo.street.drives import Drives
from mobigo.transit.days import DayViews
from mobigo.transit.feed import read_feed_tables
from mobigo.transit.footpaths import draw_straight, follow_streets
from mobigo.transit.timetable import build

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mobigo.journeys.model import Journey, Plan

PARIS = ZoneInfo("Europe/Paris")
MONDAY = datetime(2026, 11, 23, tzinfo=PARIS)
LAT, LON = 47.0, 5.0
METRES = 111_195.0

AGENCY = "agency_id,agency_name,agency_url,agency_timezone\nV,Cars du Val,https://val.example,Europe/Paris\n"
CALENDAR = (
    "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n"
    "week,1,1,1,1,1,0,0,20261123,20261218\n"
)


def place(x: float, y: float = 0) -> str:
    """Write a place, metres to the east and north of the village, as LAT,LON."""
    return f"{LAT + y / METRES:.7f},{LON + x / METRES / cos(radians(LAT)):.7f}"


def network(folder: Path, stops: dict[str, float], trips: dict[str, str], **files: str) -> Network:
    """Lay out a network.

    Parameters
    ----------
    stops : metres to the east by stop id
    trips : by trip id, ``line stop 08:00 stop 08:10 ...``
        `stop 08:10-08:12` arrives and departs.
    files : further files, or other ones in place of the usual (``calendar="..."``, ``trips_txt="..."``)
    """
    feed = folder / "feed"
    feed.mkdir(parents=True)
    lines = sorted({text.split()[0] for text in trips.values()})
    usual = {
        "agency": AGENCY,
        "calendar": CALENDAR,
        "stops": "stop_id,stop_name,stop_lat,stop_lon\n"
        + "".join(f"{stop},{stop.capitalize()},{place(x)}\n" for stop, x in stops.items()),
        "routes": "route_id,agency_id,route_short_name,route_type\n"
        + "".join(f"{line},V,{line},3\n" for line in lines),
        "trips": "route_id,service_id,trip_id\n"
        + "".join(f"{text.split()[0]},week,{trip}\n" for trip, text in trips.items()),
        "stop_times": "trip_id,stop_sequence,stop_id,arrival_time,departure_time\n"
        + "".join(f"{trip},{row}\n" for trip, text in trips.items() for row in _calls(text)),
    }
    for name, content in (usual | {name.removesuffix("_txt"): text for name, text in files.items()}).items():
        (feed / f"{name}.txt").write_text("".join(line.strip() + "\n" for line in content.strip().splitlines()))
    return lay_out(folder, feed)


def lay_out(folder: Path, feed: Path) -> Network:
    """Lay out the network of a feed: stops at most 300 m apart are joined straight."""
    timetable = build(read_feed_tables(feed))
    walks = follow_streets(timetable, draw_straight(timetable, 300))
    manifest = Manifest("text", LAYOUT, datetime(2026, 11, 23, tzinfo=UTC), "Europe/Paris", {}, None, {})
    days = DayViews(timetable, walks)
    return Network(folder, manifest, timetable, None, None, walks, None, days, Names(timetable), Drives(None))


def _calls(text: str) -> Iterator[str]:
    words = text.split()[1:]
    for number, (stop, times) in enumerate(zip(words[::2], words[1::2], strict=True), start=1):
        arrival, _, departure = times.partition("-")
        yield f"{number},{stop},{arrival}:00,{departure or arrival}:00"


def clock(text: str, days: int = 0) -> datetime:
    """Return a time of that Monday."""
    hours, minutes = (int(part) for part in text.split(":"))
    return MONDAY + timedelta(days=days, hours=hours, minutes=minutes)


def ask(net: Network, origin: str, destination: str, when: str, days: int = 0, **more: Any) -> Plan:  # noqa: ANN401  fields of the request
    """Ask a question."""
    return service.plan(net, JourneyRequest(origin, destination, clock(when, days), **({"budget": 60.0} | more)))


def told(journey: Journey) -> str:
    """Write a journey in short: ``08:00 L1 08:10 walk 08:12 ...``; times are those of vehicles."""
    words = []
    for leg in journey.legs:
        if leg.line:
            words.append(f"{leg.departure:%H:%M} {leg.start.name} {leg.line.name} {leg.end.name} {leg.arrival:%H:%M}")
        elif not words or words[-1] != leg.mode:
            words.append(str(leg.mode))
    return ", ".join(words)
