"""A line of five stops with a village beside it, as tables; a draft's changes written as JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.journeys.text_network import AGENCY, CALENDAR, place

from mobigo.journeys.network import LAYOUT, Manifest, Names, Network
from mobigo.street.drives import Drives
from mobigo.transit.days import DayViews
from mobigo.transit.feed import read_feed_tables
from mobigo.transit.footpaths import link_stops
from mobigo.transit.timetable import build
from mobigo.usage.draft import read_changes
from mobigo.usage.draft_edit import Edited, edit

if TYPE_CHECKING:
    from pathlib import Path

    from mobigo.transit.tables import FeedTables
    from mobigo.transit.timetable import Timetable

STOPS = {"a": 0, "b": 2_000, "c": 5_000, "d": 9_000, "e": 14_000}
"""Metres to the east."""

TRIPS = {
    "t1": "L a 07:00 b 07:04 c 07:10 d 07:20",
    "t2": "L a 08:00 b 08:04 c 08:10 d 08:20",
    "t3": "L d 17:00 c 17:10 b 17:16 a 17:20",
    "x1": "X d 08:30 e 08:40",
}


def write_town(folder: Path, **files: str) -> Path:
    """Write the feed; further files, or others in place of the usual."""
    folder.mkdir()
    usual = {
        "agency": AGENCY,
        "calendar": CALENDAR,
        "stops": "stop_id,stop_name,stop_lat,stop_lon\n"
        + "".join(f"{s},{s.upper()},{place(x)}\n" for s, x in STOPS.items()),
        "routes": "route_id,agency_id,route_short_name,route_type\nL,V,Ligne,3\nX,V,Express,3\n",
        "trips": "route_id,service_id,trip_id,direction_id\n"
        + "".join(f"{text[0]},week,{trip},{int(trip == 't3')}\n" for trip, text in TRIPS.items()),
        "stop_times": "trip_id,stop_sequence,stop_id,arrival_time,departure_time\n"
        + "".join(
            f"{trip},{number},{stop},{time}:00,{time}:00\n"
            for trip, text in TRIPS.items()
            for number, (stop, time) in enumerate(zip(text.split()[1::2], text.split()[2::2], strict=True), 1)
        ),
    }
    for name, text in (usual | files).items():
        (folder / f"{name}.txt").write_text(text)
    return folder


def tables(folder: Path, **files: str) -> FeedTables:
    """Return the tables of the town."""
    return read_feed_tables(write_town(folder, **files))


def lay(folder: Path, after: FeedTables) -> Network:
    """Lay a network of tables, without streets: one walks straight, 1.4 times."""
    timetable = build(after)
    walks = link_stops(timetable, link_metres=300)
    manifest = Manifest("text", LAYOUT, datetime(2026, 11, 23, tzinfo=UTC), "Europe/Paris", {}, None, {})
    days = DayViews(timetable, walks)
    return Network(folder, manifest, timetable, None, None, walks, None, days, Names(timetable), Drives(None))


def change(kind: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - members of a change
    """Write a change."""
    return {"kind": kind, **more}


def apply(before: FeedTables, *changes: dict[str, Any]) -> Edited:
    """Apply changes."""
    return edit(before, read_changes(list(changes)))


def told(after: FeedTables | Timetable) -> dict[str, str]:
    """Write each trip as `TRIPS` does, by id; of untimed stops only the name."""
    timetable = after if hasattr(after, "trip_ids") else build(after)  # type: ignore[arg-type] # tables then
    found = {}
    stops, lines = timetable.stop_ids.all(), timetable.route_ids.all()
    for trip, name in enumerate(timetable.trip_ids.all()):
        rows = range(int(timetable.call_first[trip]), int(timetable.call_first[trip + 1]))
        calls = [
            f"{stops[timetable.call_stop[row]]} {_clock(int(timetable.call_arrival[row]))}"
            + (
                f"-{_clock(int(timetable.call_departure[row]))}"
                if timetable.call_departure[row] != timetable.call_arrival[row]
                else ""
            )
            for row in rows
        ]
        found[name] = " ".join([lines[timetable.trip_route[trip]], *calls])
    return found


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}"
