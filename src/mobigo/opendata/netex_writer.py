"""Timetables as NeTEx, French profile: operators, stops, lines, calendars, and the journeys of each line in a file.

What journeys of several lines share, points and displays, is in a file of its own: each id is defined once a delivery.

References
----------
NeTEx, CEN/TS 16614; French profile: NETEX_COMMUN, NETEX_ARRET, NETEX_RESEAU, NETEX_HORAIRE, NETEX_CALENDRIER.
"""

from __future__ import annotations

import re
import zipfile
from hashlib import sha256
from itertools import chain
from typing import IO, TYPE_CHECKING, Any

from mobigo.ondemand.catalogue import runs_if_asked
from mobigo.opendata import fare_rows, netex_flex
from mobigo.opendata.archive import add_member
from mobigo.opendata.fare_rows import list_catalogues
from mobigo.opendata.netex_fares import FareFrame
from mobigo.opendata.netex_paths import list_paths, refer_level
from mobigo.opendata.netex_rows import ArchiveRows, LoadedRows
from mobigo.opendata.netex_xml import (
    CLOSE,
    access,
    add_frame,
    box,
    clock,
    duration,
    open_delivery,
    place,
    refer,
    text,
    thing,
)
from mobigo.opendata.ondemand_rows import InForce, read_in_force

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date, datetime
    from pathlib import Path

    from psycopg import Connection

    from mobigo.ondemand.model import Service
    from mobigo.opendata.gtfs_writer import Part
    from mobigo.opendata.netex_rows import Rows

Row = dict[str, Any]

WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
BASIC = {
    0: "tram", 1: "metro", 2: "rail", 3: "bus", 4: "water", 5: "tram", 6: "cableway", 7: "funicular", 11: "trolleyBus",
    12: "rail",
}  # fmt: skip
EXTENDED = {
    1: "rail", 2: "coach", 3: "rail", 4: "metro", 5: "metro", 6: "metro", 7: "bus", 8: "trolleyBus", 9: "tram",
    10: "water", 11: "air", 12: "water", 13: "cableway", 14: "funicular", 15: "taxi", 17: "bus",
}  # fmt: skip
"""AllModes of NeTEx by route_type of GTFS, and by its hundreds."""
SUBMODES = {
    102: ("Rail", "longDistance"), 103: ("Rail", "interregionalRail"), 106: ("Rail", "regionalRail"),
    109: ("Rail", "suburbanRailway"), 702: ("Bus", "expressBus"), 704: ("Bus", "localBus"),
    712: ("Bus", "schoolBus"), 714: ("Bus", "railReplacementBus"), 715: ("Bus", "demandAndResponseBus"),
}  # fmt: skip
BY_REQUEST = (2, 3)
"""pickup_type and drop_off_type of what must be asked for: by phone, of the driver."""
BY_PHONE = 2
STATION = 1
ENTRANCE = 2


def write_netex(connection: Connection[Any], parts: Sequence[Part], path: Path, day: date) -> dict[str, int]:
    """Write sources as one NeTEx delivery.

    Parameters
    ----------
    connection : Connection
        In a transaction of one snapshot.
    parts : sequence of Part
        Sources with the versions to write.
    path : Path
        Where the archive is written.
    day : date
        On which fares are in force.

    Returns
    -------
    dict
        Objects by class.
    """
    counts: dict[str, int] = {}
    services = {one.source: one for one in read_in_force(connection, [part.source for part in parts])}
    with zipfile.ZipFile(path, "w", compresslevel=6) as archive:
        sources = {}
        for part in parts:
            own = services.get(part.source, InForce(part.source, (), frozenset(), frozenset()))
            flexible = (service for service in own.services if any(runs_if_asked(trip) for trip in service.trips))
            by_route = {service.id.partition(":")[2]: service for service in flexible}
            sources[part.source] = _Source(LoadedRows(connection, part, own), by_route, archive, counts)
            sources[part.source].write()
        for one in list_catalogues(connection, parts, day):
            _write_fares(archive, one, sources)
            counts["PreassignedFareProduct"] = counts.get("PreassignedFareProduct", 0) + len(one.catalogue.products)
    return counts


def write_netex_of(feed: Path, source: str, path: Path, made_at: datetime) -> dict[str, int]:
    """Write a GTFS archive that is our own as one NeTEx delivery, its ids as they are.

    Parameters
    ----------
    feed : Path
        The archive, as it is published.
    source : str
        What its files are named after.
    path : Path
        Where the delivery is written.
    made_at : datetime
        When what it says was decided.

    Returns
    -------
    dict
        Objects by class.
    """
    counts: dict[str, int] = {}
    with zipfile.ZipFile(path, "w", compresslevel=6) as archive:
        _Source(ArchiveRows(feed, source, made_at), {}, archive, counts).write()
    return counts


def _write_fares(archive: zipfile.ZipFile, one: fare_rows.InForce, sources: Mapping[str, _Source]) -> None:
    """Write the fares of a feed, or of the region for lines of several."""

    def refer_line(route: str) -> str:
        source, _, id_ = route.partition(":")
        return sources[source].refer_line(id_)

    frame = FareFrame(
        one.catalogue,
        owner="" if one.source is None else f"{one.source}:",
        routes=one.routes,
        refer_line=refer_line,
        own_days=one.source is None,
    )
    of = [sources[route.partition(":")[0]] for route in one.routes]
    name = "tarifs" if one.source is None else f"{one.source}_tarifs"
    made_at = max(source.made_at for source in of)
    add_frame(
        archive, f"{name}.xml", ("NETEX_TARIF", name.replace("_", "-"), of[0].zone, made_at), frame.list_members()
    )


def mode_of(route_type: int) -> str:
    """Return the NeTEx mode of a route_type of GTFS."""
    return BASIC.get(route_type) or EXTENDED.get(route_type // 100, "other")


class _Source:
    """One source being written."""

    def __init__(
        self, rows: Rows, services: Mapping[str, Service], archive: zipfile.ZipFile, counts: dict[str, int]
    ) -> None:
        self._rows = rows
        self._source = rows.source
        self._services = services
        self._archive = archive
        self._counts = counts
        self._stops = {row["stop_id"]: row for row in rows.read("stops", "stop_id")}
        self._points: dict[str, str] = {}
        """Written once, in a file of their own: points that journeys of several lines call at, and what they show."""
        self._agencies = rows.read("agency", "agency_id")
        self.zone = self._agencies[0]["agency_timezone"] if self._agencies else "Europe/Paris"
        self.made_at = rows.made_at

    def _id(self, id_: str) -> str:
        return f"{self._rows.owner}{id_}"

    def write(self) -> None:
        """Write its files."""
        self._file("commun", "NETEX_COMMUN", self._list_operators())
        self._file("arrets", "NETEX_ARRET", chain(self._list_stops(), self._list_areas()))
        self._file("acces", "NETEX_ACCESSIBILITE", self._list_paths())
        self._file("lignes", "NETEX_RESEAU", self._list_lines())
        self._file("calendriers", "NETEX_CALENDRIER", self._list_calendars())
        self._file("correspondances", "NETEX_RESEAU", self._list_connections())
        for number, (route, trips) in enumerate(self._group_trips(), 1):
            self._write_offer(number, route, trips)
        self._file("points", "NETEX_RESEAU", self._points.values())

    def _file(self, title: str, frame: str, members: Iterable[str]) -> None:
        """Write a file of one frame; none without members."""
        part = f"{self._source}-{title}"
        name = f"{self._source}_{title}.xml"
        add_frame(self._archive, name, (frame, part, self.zone, self.made_at), members)

    def _count(self, kind: str, many: int = 1) -> None:
        self._counts[kind] = self._counts.get(kind, 0) + many

    # ── operators, stops ──────────────────────────────────────────────────────────────────────────────────────────────

    def _list_operators(self) -> Iterator[str]:
        for row in self._agencies:
            self._count("Operator")
            yield thing(
                "Operator",
                self._id(row["agency_id"]),
                text("Name", row["agency_name"]),
                box(
                    "ContactDetails",
                    text("Email", row["agency_email"]),
                    text("Phone", row["agency_phone"]),
                    text("Url", row["agency_url"]),
                ),
                text("OrganisationType", "operator"),
            )

    def _list_stops(self) -> Iterator[str]:
        """Write stations with their quays; a stop alone is both."""
        below: dict[str, list[Row]] = {}
        for row in self._stops.values():
            below.setdefault(self._find_station(row), []).append(row)
        for station, rows in sorted(below.items()):
            yield self._write_station(station, rows)
            for row in rows:
                if not row["location_type"]:
                    yield self._write_quay(station, row)

    def _find_station(self, row: Row) -> str:
        """Find the highest place that a stop is part of."""
        seen = {row["stop_id"]}
        while (above := self._stops.get(row["parent_station"] or "")) is not None and above["stop_id"] not in seen:
            row = above
            seen.add(row["stop_id"])
        return str(row["stop_id"])

    def _write_station(self, station: str, rows: Sequence[Row]) -> str:
        top = self._stops[station]
        doors = [row for row in rows if row["location_type"] == ENTRANCE]
        quays = [row for row in rows if not row["location_type"]]
        self._count("StopPlace")
        self._count("StopPlaceEntrance", len(doors))
        return thing(
            "StopPlace",
            self._id(station),
            text("Name", top["stop_name"]),
            text("Description", top["stop_desc"]),
            self._centre(top),
            text("Url", top["stop_url"]),
            access(self._id(f"StopPlace.{station}"), top["wheelchair_boarding"]),
            box("entrances", *(self._write_door(row) for row in doors)),
            text("PublicCode", top["stop_code"] if top["location_type"] == STATION else None),
            box("quays", *(refer("Quay", self._id(row["stop_id"])) for row in quays)),
        )

    def _centre(self, row: Row) -> str:
        if row["stop_lon"] is None or row["stop_lat"] is None:
            return ""
        return box("Centroid", place(row["stop_lon"], row["stop_lat"]))

    def _write_door(self, row: Row) -> str:
        return thing(
            "StopPlaceEntrance",
            self._id(row["stop_id"]),
            text("Name", row["stop_name"]),
            self._centre(row),
            access(self._id(f"StopPlaceEntrance.{row['stop_id']}"), row["wheelchair_boarding"]),
            refer_level(self._source, row),
        )

    def _write_quay(self, station: str, row: Row) -> str:
        self._count("Quay")
        return thing(
            "Quay",
            self._id(row["stop_id"]),
            _say_access(row),
            text("Name", row["stop_name"]),
            text("Description", row["stop_desc"]),
            self._centre(row),
            text("Url", row["stop_url"]),
            access(self._id(f"Quay.{row['stop_id']}"), row["wheelchair_boarding"]),
            refer("StopPlace", self._id(station), tag="SiteRef"),
            refer_level(self._source, row),
            text("PublicCode", row["stop_code"] or row["platform_code"]),
            text("PlateCode", row["platform_code"]),
        )

    def _list_paths(self) -> Iterator[str]:
        """Write ways inside stations."""
        pathways = self._rows.read("pathways", "pathway_id")
        self._count("SitePathLink", len(pathways))
        return list_paths(self._source, self._stops, self._rows.read("levels", "level_id"), pathways)

    def _list_areas(self) -> Iterator[str]:
        """Write the zones and groups of stops of services on demand."""
        for element in netex_flex.list_places(self._source, self._services.values()):
            self._count("FlexibleStopPlace")
            yield element

    # ── lines, calendars, changes ─────────────────────────────────────────────────────────────────────────────────────

    def _list_lines(self) -> Iterator[str]:
        routes = self._rows.read("routes", "route_id")
        if not routes:
            return
        self._count("Network")
        names = sorted({str(row["agency_name"]) for row in self._agencies}) or [self._source]
        yield thing(
            "Network",
            self._source,
            text("Name", ", ".join(names)[:200]),
            box("members", *(self.refer_line(row["route_id"]) for row in routes)),
        )
        for row in routes:
            self._count(self._class_of(row["route_id"]))
            yield self._write_line(row)

    def _class_of(self, route: str) -> str:
        return "FlexibleLine" if route in self._services else "Line"

    def refer_line(self, route: str, *, elsewhere: bool = False) -> str:
        """Refer to a line, of whatever class it is."""
        return refer(self._class_of(route), self._id(route), elsewhere=elsewhere)

    def _write_line(self, row: Row) -> str:
        agency = row["agency_id"] if row["agency_id"] is not None else self._only_agency()
        kind = SUBMODES.get(row["route_type"])
        service = self._services.get(row["route_id"])
        return thing(
            self._class_of(row["route_id"]),
            self._id(row["route_id"]),
            text("Name", row["route_long_name"] or row["route_short_name"]),
            text("ShortName", row["route_short_name"]),
            text("Description", row["route_desc"]),
            text("TransportMode", mode_of(row["route_type"])),
            box("TransportSubmode", text(f"{kind[0]}Submode", kind[1])) if kind else "",
            text("Url", row["route_url"]),
            text("PublicCode", row["route_short_name"]),
            refer("Operator", self._id(agency)) if agency is not None else "",
            box("Presentation", text("Colour", row["route_color"]), text("TextColour", row["route_text_color"])),
            netex_flex.write_line_properties(service) if service else "",
        )

    def _only_agency(self) -> str | None:
        return self._agencies[0]["agency_id"] if len(self._agencies) == 1 else None

    def _list_calendars(self) -> Iterator[str]:
        week = {row["service_id"]: row for row in self._rows.read("calendar", "service_id")}
        days: dict[str, list[Row]] = {}
        for row in self._rows.read("calendar_dates", "service_id"):
            days.setdefault(row["service_id"], []).append(row)
        for service in sorted({*week, *days}):
            self._count("DayType")
            own = week.get(service)
            runs = [day for day in WEEK if own and own[day.lower()]]
            yield thing(
                "DayType",
                self._id(service),
                box("properties", box("PropertyOfDay", text("DaysOfWeek", " ".join(runs)))),
            )
            if own and runs:
                yield thing(
                    "OperatingPeriod",
                    self._id(service),
                    text("FromDate", f"{own['start_date']}T00:00:00"),
                    text("ToDate", f"{own['end_date']}T00:00:00"),
                )
                yield self._assign(service, "0", refer("OperatingPeriod", self._id(service)), available=True)
            for row in sorted(days.get(service, ()), key=lambda row: row["date"]):
                date = text("Date", row["date"])
                yield self._assign(service, f"{row['date']}", date, available=row["exception_type"] == 1)

    def _assign(self, service: str, number: str, when: str, *, available: bool) -> str:
        return thing(
            "DayTypeAssignment",
            self._id(f"{service}.{number}"),
            when,
            refer("DayType", self._id(service)),
            text("isAvailable", "true" if available else "false"),
            order=1,
        )

    def _list_connections(self) -> Iterator[str]:
        """Write changes between two stops that take a stated time, or are not possible."""
        rows = [row for row in self._rows.read("transfers", "from_stop_id") if _is_between_stops(row)]
        for row in sorted(rows, key=lambda row: (row["from_stop_id"], row["to_stop_id"])):
            self._count("SiteConnection")
            yield thing(
                "SiteConnection",
                self._id(f"{row['from_stop_id']}.{row['to_stop_id']}"),
                box(
                    "WalkTransferDuration",
                    text("DefaultDuration", duration(row["min_transfer_time"])),
                ),
                text("BothWays", "false"),
                box("From", self._refer_place(row["from_stop_id"])),
                box("To", self._refer_place(row["to_stop_id"])),
            )

    def _refer_place(self, stop: str) -> str:
        if self._stops[stop]["location_type"] == STATION:
            return refer("StopPlace", self._id(stop))
        station = self._find_station(self._stops[stop])
        return refer("StopPlace", self._id(station)) + refer("Quay", self._id(stop))

    # ── journeys ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _group_trips(self) -> Iterator[tuple[Row, Iterator[tuple[Row, list[Row]]]]]:
        """Read trips with their calls, line by line."""
        routes = {row["route_id"]: row for row in self._rows.read("routes", "route_id")}
        for route, trips in self._rows.group_trips():
            yield routes[route], ((calls[0], calls) for calls in trips)

    def _write_offer(self, number: int, route: Row, trips: Iterable[tuple[Row, list[Row]]]) -> None:
        """Write the patterns and the journeys of a line."""
        patterns: dict[str, str] = {}
        shared: dict[str, str] = {}
        journeys: list[str] = []
        every = self._rows.read_frequencies(route["route_id"])
        for trip, calls in trips:
            pattern = self._name_pattern(route, trip, calls)
            if pattern not in patterns:
                patterns[pattern] = self._write_pattern(pattern, route, trip, calls, shared)
            repeated = trip["frequencies"] if "frequencies" in trip else every.get(trip["trip_id"], ())
            journeys.append(self._write_journey(pattern, route, trip, calls, repeated))
        title = f"offre_{number}_{re.sub('[^A-Za-z0-9]+', '-', route['route_id'])[:60]}"
        part = f"{self._source}-{title}"
        with add_member(self._archive, f"{self._source}_{title}.xml") as stream:
            head = open_delivery("NETEX_RESEAU", part, self.zone, self.made_at)
            stream.write(head.encode())
            _write_all(stream, shared.values())
            _write_all(stream, patterns.values())
            horaire = f"FR:GeneralFrame:NETEX_HORAIRE-{part}:LOC"
            stream.write(
                f'\n</members></GeneralFrame><GeneralFrame id="{horaire}" version="any">'
                '<TypeOfFrameRef ref="FR:TypeOfFrame:NETEX_HORAIRE"/><members>\n'.encode()
            )
            _write_all(stream, journeys)
            stream.write(CLOSE.encode())
        self._count("ServiceJourneyPattern", len(patterns))
        self._count("ServiceJourney", len(journeys))

    def _name_pattern(self, route: Row, trip: Row, calls: Sequence[Row]) -> str:
        """Name a sequence of calls by what it is: the same in every export."""
        said = [_say_call(call) for call in calls]
        digest = sha256(repr((trip["direction_id"], trip["trip_headsign"], said)).encode()).hexdigest()[:12]
        return self._id(f"{route['route_id']}.{digest}")

    def _write_pattern(self, pattern: str, route: Row, trip: Row, calls: Sequence[Row], shared: dict[str, str]) -> str:
        line = self._id(route["route_id"])
        towards = {None: None, 0: "outbound", 1: "inbound"}[trip["direction_id"]]
        direction = f"{line}.{trip['direction_id'] or 0}"
        shared.setdefault(
            f"Route {direction}",
            thing("Direction", direction, text("Name", towards or "outbound"), text("DirectionType", towards))
            + thing(
                "Route",
                direction,
                text("Name", route["route_long_name"] or route["route_short_name"]),
                self.refer_line(route["route_id"], elsewhere=True),
                text("DirectionType", towards),
                refer("Direction", direction),
            ),
        )
        points = []
        for order, call in enumerate(calls, 1):
            self._share_point(call)
            asked = call["pickup_type"] in BY_REQUEST or call["drop_off_type"] in BY_REQUEST
            points.append(
                thing(
                    "StopPointInJourneyPattern",
                    f"{pattern}.{order}",
                    refer("ScheduledStopPoint", self._id(call["stop_id"]), elsewhere=True),
                    text("ForAlighting", "false" if call["drop_off_type"] == 1 else "true"),
                    text("ForBoarding", "false" if call["pickup_type"] == 1 else "true"),
                    self._share_display(call["stop_headsign"]),
                    text("RequestStop", "true" if asked else None),
                    self._say_booking(route, call),
                    order=order,
                )
            )
        return thing(
            "ServiceJourneyPattern",
            pattern,
            refer("Route", direction),
            self._share_display(trip["trip_headsign"]),
            box("pointsInSequence", *points),
            text("ServiceJourneyPatternType", "passenger"),
        )

    def _say_booking(self, route: Row, call: Row) -> str:
        if call.get("booking"):
            return box("BookingArrangements", call["booking"])
        if BY_PHONE not in {call["pickup_type"], call["drop_off_type"]}:
            return ""
        phones = {row["agency_id"]: row["agency_phone"] for row in self._agencies}
        phone = phones.get(route["agency_id"] if route["agency_id"] is not None else self._only_agency())
        return box(
            "BookingArrangements",
            box("BookingContact", text("Phone", phone)),
            text("BookingMethods", "callOffice"),
        )

    def _share_point(self, call: Row) -> None:
        """Write, once a source, the point that journeys call at: a stop and where it is, or an area."""
        key = f"Stop {call['stop_id']}"
        if key not in self._points:
            self._points[key] = (
                self._write_stop(call["stop_id"])
                if call["area"] is None
                else netex_flex.write_point(self._id(call["stop_id"]), call["area"])
            )

    def _write_stop(self, stop: str) -> str:
        row, id_ = self._stops[stop], self._id(stop)
        station = self._find_station(row)
        return thing("ScheduledStopPoint", id_, text("Name", row["stop_name"])) + thing(
            "PassengerStopAssignment",
            id_,
            refer("ScheduledStopPoint", id_),
            refer("StopPlace", self._id(station), elsewhere=True),
            refer("Quay", id_, elsewhere=True) if not row["location_type"] else "",
            order=1,
        )

    def _share_display(self, headsign: str | None) -> str:
        """Write, once a source, what a vehicle shows; return the reference to it."""
        if not headsign:
            return ""
        id_ = self._id(sha256(headsign.encode()).hexdigest()[:12])
        self._points.setdefault(f"Display {id_}", thing("DestinationDisplay", id_, text("FrontText", headsign)))
        return refer("DestinationDisplay", id_, elsewhere=True)

    def _write_journey(self, pattern: str, route: Row, trip: Row, calls: Sequence[Row], every: Sequence[Row]) -> str:
        id_ = self._id(trip["trip_id"])
        kind = "TemplateServiceJourney" if every else "ServiceJourney"
        times = [
            box(
                "TimetabledPassingTime",
                refer("StopPointInJourneyPattern", f"{pattern}.{order}"),
                clock("Arrival", call["arrival_time"]),
                clock("Departure", call["departure_time"]),
                netex_flex.write_window(call["window"]) if call["window"] else "",
            ).replace("<TimetabledPassingTime>", '<TimetabledPassingTime version="any">', 1)
            for order, call in enumerate(calls, 1)
        ]
        bikes = {1: "cyclesAllowed", 2: "noCycles"}.get(trip["bikes_allowed"] or 0)
        return thing(
            kind,
            id_,
            text("Name", trip["trip_short_name"]),
            text("TransportMode", mode_of(route["route_type"])),
            access(self._id(f"ServiceJourney.{trip['trip_id']}"), trip["wheelchair_accessible"]),
            box("dayTypes", refer("DayType", self._id(trip["service_id"]), elsewhere=True)),
            refer("ServiceJourneyPattern", pattern, tag="JourneyPatternRef"),
            refer("Block", self._id(trip["block_id"])) if trip["block_id"] else "",
            box("passingTimes", *times),
            box("facilities", thing("ServiceFacilitySet", id_, text("LuggageCarriageFacilityList", bikes)))
            if bikes
            else "",
            netex_flex.write_properties(id_, calls) if "booking" in trip else "",
            _say_frequencies(id_, every),
        )


def _say_access(row: Row) -> str:
    """Say whether one gets to a platform from the street, or through the station only, by its name in GTFS."""
    if row["stop_access"] is None:
        return ""
    return box("keyList", box("KeyValue", text("Key", "stop_access"), text("Value", row["stop_access"])))


def _say_call(call: Row) -> tuple[Any, ...]:
    """Say what makes calls of two trips the same; of a stop of the timetable in the words of former exports."""
    said = (call["stop_id"], call["stop_headsign"], call["pickup_type"], call["drop_off_type"])
    return said if call["area"] is None and not call.get("booking") else (*said, call["area"], call["booking"])


def _say_frequencies(id_: str, every: Sequence[Row]) -> str:
    groups = []
    for number, row in enumerate(every, 1):
        first, last = clock("First", row["start_time"]), clock("Last", row["end_time"])
        groups.append(
            thing(
                "HeadwayJourneyGroup",
                f"{id_}.{number}",
                first.replace("FirstTime", "FirstDepartureTime"),
                last.replace("LastTime", "LastDepartureTime"),
                text("ScheduledHeadwayInterval", duration(row["headway_secs"])),
            )
        )
    return box("frequencyGroups", *groups)


def _is_between_stops(row: Row) -> bool:
    lines = ("from_route_id", "to_route_id", "from_trip_id", "to_trip_id")
    return (
        row["min_transfer_time"] is not None
        and row["from_stop_id"] is not None
        and row["to_stop_id"] is not None
        and row["from_stop_id"] != row["to_stop_id"]
        and all(row[name] is None for name in lines)
    )


def _write_all(stream: IO[bytes], texts: Iterable[str]) -> None:
    for one in texts:
        stream.write(one.encode())
