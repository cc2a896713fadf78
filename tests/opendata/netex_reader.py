"""A reader of NeTEx for tests, written from the standard: what a delivery says, by plain ids."""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

from lxml import etree

if TYPE_CHECKING:
    from pathlib import Path

N = "{http://www.netex.org.uk/netex}"
GML = "{http://www.opengis.net/gml/3.2}"
WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def plain(id_: str) -> str:
    """Take the frame off an id: codespace, (INSEE,) class, and LOC."""
    found = re.fullmatch(r"(?:FR:[0-9AB]*|[A-Z]+):[A-Za-z]+:(.*):LOC", id_)
    assert found, id_
    return found[1]


@dataclass(frozen=True)
class Asked:
    """A call on demand."""

    place: str
    window: tuple[int, int] | None
    times: tuple[int | None, int | None]
    boards: bool
    alights: bool
    booking: Booking | None


@dataclass(frozen=True)
class Booking:
    """How a call is booked."""

    phone: str | None
    url: str | None
    when: str
    least: str | None
    latest: str | None


@dataclass
class Delivery:
    """What a delivery says."""

    quays: dict[str, tuple[str | None, float, float]] = field(default_factory=dict)
    operators: dict[str, str] = field(default_factory=dict)
    lines: dict[str, tuple[str | None, str | None, str]] = field(default_factory=dict)
    days: dict[str, set[date]] = field(default_factory=dict)
    journeys: dict[str, tuple[str, list[tuple[str, int | None, int | None, bool, bool]]]] = field(default_factory=dict)
    """Day type; calls: stop, arrival, departure, boarding, alighting."""
    line_of: dict[str, str] = field(default_factory=dict)
    headsigns: dict[str, str | None] = field(default_factory=dict)
    headways: dict[str, list[tuple[int, int, int]]] = field(default_factory=dict)
    zones: dict[str, list[list[list[tuple[float, float]]]]] = field(default_factory=dict)
    """Polygons of a flexible stop place: rings of longitude and latitude."""
    groups: dict[str, set[str]] = field(default_factory=dict)
    """Stops of a flexible stop place without polygons."""
    flexible: dict[str, str] = field(default_factory=dict)
    """Flexible lines: their type."""
    on_demand: dict[str, tuple[str, list[Asked]]] = field(default_factory=dict)
    """Journeys that call at areas or within windows: day type, calls."""


def read_netex(path: Path) -> Delivery:  # noqa: C901, PLR0912, PLR0915 - one class of elements after the other
    """Read a delivery."""
    told = Delivery()
    roots = []
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        assert max(Counter(names).values()) == 1
        roots = [etree.fromstring(archive.read(name), etree.XMLParser(huge_tree=True)) for name in names]
    quay_of, patterns, displays, routes = {}, {}, {}, {}
    periods, runs, assigned, areas = {}, {}, [], set()
    for root in roots:
        for one in root.iter(f"{N}Quay"):
            place = one.find(f"{N}Centroid/{N}Location")
            told.quays[plain(one.get("id"))] = (
                one.findtext(f"{N}Name"),
                float(place.findtext(f"{N}Longitude")),
                float(place.findtext(f"{N}Latitude")),
            )
        for one in root.iter(f"{N}Operator"):
            told.operators[plain(one.get("id"))] = one.findtext(f"{N}Name")
        for one in (*root.iter(f"{N}Line"), *root.iter(f"{N}FlexibleLine")):
            operator = one.find(f"{N}OperatorRef")
            told.lines[plain(one.get("id"))] = (
                one.findtext(f"{N}PublicCode"),
                one.findtext(f"{N}Name"),
                plain(operator.get("ref")),
            )
        read_flexible(root, told)
        for one in root.iter(f"{N}FlexibleStopAssignment"):
            point, area = one.find(f"{N}ScheduledStopPointRef"), one.find(f"{N}FlexibleStopPlaceRef")
            quay_of[point.get("ref")] = plain(area.get("ref"))
            areas.add(point.get("ref"))
        for one in root.iter(f"{N}PassengerStopAssignment"):
            point, quay = one.find(f"{N}ScheduledStopPointRef"), one.find(f"{N}QuayRef")
            quay_of[point.get("ref")] = plain(quay.get("ref"))
        for one in root.iter(f"{N}DestinationDisplay"):
            displays[one.get("id")] = one.findtext(f"{N}FrontText")
        for one in root.iter(f"{N}Route"):
            line = next(ref for tag in ("LineRef", "FlexibleLineRef") if (ref := one.find(f"{N}{tag}")) is not None)
            routes[one.get("id")] = plain(line.get("ref"))
        for one in root.iter(f"{N}ServiceJourneyPattern"):
            display = one.find(f"{N}DestinationDisplayRef")
            points = sorted(one.iter(f"{N}StopPointInJourneyPattern"), key=lambda point: int(point.get("order")))
            patterns[one.get("id")] = (
                routes[one.find(f"{N}RouteRef").get("ref")],
                None if display is None else display.get("ref"),
                [
                    (
                        point.get("id"),
                        point.find(f"{N}ScheduledStopPointRef").get("ref"),
                        point.findtext(f"{N}ForBoarding", "true") == "true",
                        point.findtext(f"{N}ForAlighting", "true") == "true",
                        read_booking(point.find(f"{N}BookingArrangements")),
                    )
                    for point in points
                ],
            )
        for one in root.iter(f"{N}OperatingPeriod"):
            first, last = one.findtext(f"{N}FromDate"), one.findtext(f"{N}ToDate")
            periods[one.get("id")] = (date.fromisoformat(first[:10]), date.fromisoformat(last[:10]))
        for one in root.iter(f"{N}DayType"):
            said = " ".join(text.text or "" for text in one.iter(f"{N}DaysOfWeek"))
            runs[one.get("id")] = {WEEK.index(word) for word in said.split()}
            told.days[plain(one.get("id"))] = set()
        assigned += list(root.iter(f"{N}DayTypeAssignment"))
    for one in assigned:
        day_type = one.find(f"{N}DayTypeRef").get("ref")
        period = one.find(f"{N}OperatingPeriodRef")
        if period is not None:
            first, last = periods[period.get("ref")]
            for number in range((last - first).days + 1):
                if (first + timedelta(number)).weekday() in runs[day_type]:
                    told.days[plain(day_type)].add(first + timedelta(number))
    for one in assigned:
        if (day := one.findtext(f"{N}Date")) is not None:
            days = told.days[plain(one.find(f"{N}DayTypeRef").get("ref"))]
            change = days.add if one.findtext(f"{N}isAvailable", "true") == "true" else days.discard
            change(date.fromisoformat(day))
    for root in roots:
        for one in (*root.iter(f"{N}ServiceJourney"), *root.iter(f"{N}TemplateServiceJourney")):
            line, display, points = patterns[one.find(f"{N}JourneyPatternRef").get("ref")]
            times = {
                time.find(f"{N}StopPointInJourneyPatternRef").get("ref"): (
                    seconds(time, "Arrival"),
                    seconds(time, "Departure"),
                )
                for time in one.iter(f"{N}TimetabledPassingTime")
            }
            windows = {
                time.find(f"{N}StopPointInJourneyPatternRef").get("ref"): (
                    clock(time, "EarliestDepartureTime", "EarliestDepartureDayOffset"),
                    clock(time, "LatestArrivalTime", "LatestArrivalDayOffset"),
                )
                for time in one.iter(f"{N}TimetabledPassingTime")
                if time.find(f"{N}EarliestDepartureTime") is not None
            }
            id_ = plain(one.get("id"))
            if windows or any(stop in areas for _, stop, *_ in points):
                told.on_demand[id_] = (
                    plain(one.find(f"{N}dayTypes/{N}DayTypeRef").get("ref")),
                    [
                        Asked(quay_of[stop], windows.get(point), times[point], board, alight, booking)
                        for point, stop, board, alight, booking in points
                    ],
                )
                continue
            told.line_of[id_] = line
            told.headsigns[id_] = displays.get(display)
            told.journeys[id_] = (
                plain(one.find(f"{N}dayTypes/{N}DayTypeRef").get("ref")),
                [(quay_of[stop], *times[point], board, alight) for point, stop, board, alight, _ in points],
            )
            told.headways[id_] = [
                (
                    clock(group, "FirstDepartureTime", "FirstDayOffset"),
                    clock(group, "LastDepartureTime", "LastDayOffset"),
                    int(group.findtext(f"{N}ScheduledHeadwayInterval")[2:-1]),
                )
                for group in one.iter(f"{N}HeadwayJourneyGroup")
            ]
    return told


def read_flexible(root: etree._Element, told: Delivery) -> None:
    """Read flexible lines, and what their stop places are: zones, or groups of stops."""
    for one in root.iter(f"{N}FlexibleLine"):
        told.flexible[plain(one.get("id"))] = one.findtext(f"{N}FlexibleLineType")
    for one in root.iter(f"{N}FlexibleStopPlace"):
        polygons = [read_polygon(area) for area in one.iter(f"{GML}Polygon")]
        if polygons:
            told.zones[plain(one.get("id"))] = polygons
        else:
            members = one.find(f"{N}members").iter(f"{N}ScheduledStopPointRef")
            told.groups[plain(one.get("id"))] = {plain(member.get("ref")) for member in members}


def read_polygon(area: etree._Element) -> list[list[tuple[float, float]]]:
    """Read a polygon, latitude before longitude, as rings of longitude and latitude."""
    rings = []
    for one in area.iter(f"{GML}posList"):
        values = [float(value) for value in one.text.split()]
        rings.append(list(zip(values[1::2], values[::2], strict=True)))
    return rings


def read_booking(told: etree._Element | None) -> Booking | None:
    if told is None:
        return None
    return Booking(
        told.findtext(f"{N}BookingContact/{N}Phone"),
        told.findtext(f"{N}BookingUrl"),
        told.findtext(f"{N}BookWhen"),
        told.findtext(f"{N}MinimumBookingPeriod"),
        told.findtext(f"{N}LatestBookingTime"),
    )


def seconds(element: etree._Element, word: str) -> int | None:
    if element.find(f"{N}{word}Time") is None:
        return None
    return clock(element, f"{word}Time", f"{word}DayOffset")


def clock(element: etree._Element, time: str, offset: str) -> int:
    hours, minutes, rest = (int(part) for part in element.findtext(f"{N}{time}").split(":"))
    return int(element.findtext(f"{N}{offset}", "0")) * 86_400 + hours * 3600 + minutes * 60 + rest
