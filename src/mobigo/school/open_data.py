"""The school network as open data: GTFS and GeoJSON, from the register, without anything about pupils.

No numbers of pupils, no doors at which one is fetched, no runs that serve nothing else. Ways are drawn from one open
halt to the next, so that nothing tells where a run calls between them.

References
----------
GTFS Schedule Reference; route type 712 (school bus) of its extended route types.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import date, timedelta
from hashlib import sha256
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from mobigo.kit.holidays import SchoolZone, is_without_school
from mobigo.school.demand import MORNING
from mobigo.school.register import DOOR

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mobigo.school.network import Network
    from mobigo.school.register import Call, Run
    from mobigo.school.register_store import Year
    from mobigo.school.roads import Line, Way

SCHOOL_BUS = 712
FIRST = (1980, 1, 1, 0, 0, 0)
"""Of the archive's members: the same content is the same file."""

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
NAMES = {MORNING: "matin", "noon": "mercredi midi", "evening": "soir"}


def list_open_calls(network: Network, run: str) -> list[Call]:
    """List a run's halts that are everybody's to know, in order."""
    return [call for call in network.calls.get(run, ()) if not str(call.stop).startswith(DOOR)]


def list_open_runs(network: Network) -> list[Run]:
    """List the runs that are open data: those that still lead from somewhere to somewhere."""
    return sorted(
        (
            run
            for run in network.runs.values()
            if len({call.stop or call.school for call in list_open_calls(network, run.id)}) > 1
        ),
        key=lambda run: (run.circuit, run.id),
    )


def list_ways(network: Network) -> list[Way]:
    """List from where to where runs drive, each once."""
    ways = [way for run in list_open_runs(network) for way in pairwise(_list_places_of(network, run))]
    return list(dict.fromkeys(ways))


def _list_places_of(network: Network, run: Run) -> list[tuple[float, float]]:
    """List the longitudes and latitudes of a run's halts, in order."""
    places = []
    for call in list_open_calls(network, run.id):
        one = network.stops[str(call.stop)] if call.school is None else network.schools[call.school]
        if one.lon is not None and one.lat is not None:
            places.append((one.lon, one.lat))
    return places


def _draw_run(network: Network, run: Run, ways: Mapping[Way, Line]) -> Line:
    """Draw a run along its ways; empty where one of them is not known."""
    line: Line = []
    for way in pairwise(_list_places_of(network, run)):
        if way not in ways:
            return []
        line += [point for point in ways[way] if not line or point != line[-1]]
    return line


def write_gtfs(
    network: Network,
    year: Year,
    *,
    publisher: str,
    url: str,
    zone: SchoolZone = SchoolZone.A,
    ways: Mapping[Way, Line] = MappingProxyType({}),
) -> bytes:
    """Write the network as GTFS; it runs on school days only.

    Parameters
    ----------
    publisher, url
        Who publishes it, and where.
    ways
        As `mobigo.school.roads.Roads.draw` draws those of `list_ways`; a run has a shape where all of its are there.
    """
    runs = list_open_runs(network)
    shapes = {run.id: line for run in runs if (line := _draw_run(network, run, ways))}
    tables = {
        "agency.txt": _table(
            ("agency_id", "agency_name", "agency_url", "agency_timezone", "agency_lang"),
            [("school", publisher, url, "Europe/Paris", "fr")],
        ),
        "stops.txt": _table(
            ("stop_id", "stop_name", "stop_lat", "stop_lon", "location_type"), _list_places(network, runs)
        ),
        "routes.txt": _table(
            ("route_id", "agency_id", "route_long_name", "route_type"),
            [(one, "school", network.circuits[one].name, SCHOOL_BUS) for one in sorted({run.circuit for run in runs})],
        ),
        "trips.txt": _table(
            ("route_id", "service_id", "trip_id", "trip_headsign", "direction_id", "shape_id"),
            [
                (
                    run.circuit,
                    _service(run),
                    run.id,
                    _headsign(network, run),
                    int(run.trip != MORNING),
                    run.id if run.id in shapes else "",
                )
                for run in runs
            ],
        ),
        "stop_times.txt": _table(
            ("trip_id", "stop_sequence", "stop_id", "arrival_time", "departure_time", "pickup_type", "drop_off_type"),
            (row for run in runs for row in _list_times(network, run)),
        ),
        "calendar.txt": _table(
            ("service_id", *DAYS, "start_date", "end_date"),
            [
                (service, *(int(n + 1 in weekdays) for n in range(7)), f"{year.first:%Y%m%d}", f"{year.last:%Y%m%d}")
                for service, weekdays in sorted({(_service(run), tuple(sorted(run.weekdays))) for run in runs})
            ],
        ),
        "calendar_dates.txt": _table(
            ("service_id", "date", "exception_type"), _list_exceptions(runs, year.first, year.last, zone)
        ),
    }
    if shapes:
        tables["shapes.txt"] = _table(
            ("shape_id", "shape_pt_sequence", "shape_pt_lon", "shape_pt_lat"),
            ((run, n, *point) for run, line in shapes.items() for n, point in enumerate(line, 1)),
        )
    digest = sha256("".join(tables.values()).encode()).hexdigest()[:12]
    tables["feed_info.txt"] = _table(
        (
            "feed_publisher_name", "feed_publisher_url", "feed_lang", "feed_start_date", "feed_end_date",
            "feed_version",
        ),
        [(publisher, url, "fr", f"{year.first:%Y%m%d}", f"{year.last:%Y%m%d}", digest)],
    )  # fmt: skip
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, text in tables.items():
            info = zipfile.ZipInfo(name, FIRST)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, text)
    return stream.getvalue()


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows(rows)
    return stream.getvalue()


def _place(call: Call) -> str:
    return f"school-{call.school}" if call.school is not None else str(call.stop)


def _list_places(network: Network, runs: Sequence[Run]) -> list[tuple[object, ...]]:
    places: dict[str, tuple[object, ...]] = {}
    for run in runs:
        for call in list_open_calls(network, run.id):
            one = network.stops[str(call.stop)] if call.school is None else network.schools[call.school]
            if one.lat is not None and one.lon is not None:
                places[_place(call)] = (_place(call), one.name, f"{one.lat:.6f}", f"{one.lon:.6f}", 0)
    return [places[key] for key in sorted(places)]


def _service(run: Run) -> str:
    return "days-" + "".join(str(day) for day in sorted(run.weekdays))


def _headsign(network: Network, run: Run) -> str:
    return network.name_call(list_open_calls(network, run.id)[-1])


def _list_times(network: Network, run: Run) -> Iterator[tuple[object, ...]]:
    calls = [call for call in list_open_calls(network, run.id) if _has_place(network, call)]
    for number, call in enumerate(calls, 1):
        takes_up = (call.school is None) == (run.trip == MORNING)
        clock = f"{call.at // 3600:02}:{call.at // 60 % 60:02}:{call.at % 60:02}"
        yield run.id, number, _place(call), clock, clock, int(not takes_up), int(takes_up)


def _has_place(network: Network, call: Call) -> bool:
    return call.school is None or network.schools[call.school].lat is not None


def _list_exceptions(runs: Sequence[Run], first: date, last: date, zone: SchoolZone) -> list[tuple[object, ...]]:
    """List the days without school on which a service would run by its weekdays."""
    services = sorted({(_service(run), tuple(sorted(run.weekdays))) for run in runs})
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    off = [day for day in days if is_without_school(day, zone)]
    return [
        (service, f"{day:%Y%m%d}", 2) for service, weekdays in services for day in off if day.isoweekday() in weekdays
    ]


def write_map(network: Network, ways: Mapping[Way, Line] = MappingProxyType({})) -> bytes:
    """Draw the network as GeoJSON: a line per run, along its ways or straight from halt to halt; a point per halt."""
    runs = list_open_runs(network)
    features: list[dict[str, Any]] = []
    for run in runs:
        calls = [call for call in list_open_calls(network, run.id) if _has_place(network, call)]
        line = _draw_run(network, run, ways) or _list_places_of(network, run)
        features.append(
            {
                "type": "Feature",
                "id": run.id,
                "geometry": {"type": "LineString", "coordinates": line},
                "properties": {
                    "circuit": run.circuit,
                    "name": network.circuits[run.circuit].name,
                    "trip": NAMES[run.trip],
                    "weekdays": list(run.weekdays),
                    "first": calls[0].at,
                    "last": calls[-1].at,
                },
            }
        )
    for id_, name, lat, lon, _ in _list_places(network, runs):
        point: dict[str, Any] = {"type": "Point", "coordinates": [float(str(lon)), float(str(lat))]}
        features.append({"type": "Feature", "id": id_, "geometry": point, "properties": {"name": name}})
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False).encode()
