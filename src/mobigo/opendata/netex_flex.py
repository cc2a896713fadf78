"""Services on demand as NeTEx: flexible lines, the areas they serve, how they are booked, and their journeys.

A zone is a flexible stop place with one area for each of its polygons; a group of stops is one with its stops as
members. Journeys call at points that stand for them; a window is from the earliest departure to the latest arrival.

References
----------
NeTEx French profile, networks (FlexibleLine, FlexibleStopPlace) and timetables (FlexibleServiceProperties);
GTFS-Flex: booking_rules.txt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mobigo.kit.geo import Point
from mobigo.ondemand.flex_read import is_flexible
from mobigo.ondemand.model import BookingRule, BookingType, Call, PlaceKind, ServiceKind
from mobigo.opendata.netex_xml import box, day_clock, duration, place, quote, refer, text, thing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mobigo.ondemand.model import Service, StopGroup, Trip, Zone

Row = dict[str, Any]

LINE_TYPES = {
    ServiceKind.VIRTUAL_LINE: "fixed",
    ServiceKind.ZONE_TO_STOPS: "mixedFlexibleAndFixed",
    ServiceKind.STOP_TO_STOP: "fixedStopAreaWide",
    ServiceKind.DOOR_TO_DOOR: "freeAreaAreaWide",
}
"""FlexibleLineType by what a service is to its users."""

MINUTE, DAY = 60, 86_400


def list_flexible(service: Service, *, whole: bool) -> list[Trip]:
    """List the trips of a service that no timetable has: all where it is written as a whole, else those with areas."""
    return [trip for trip in service.trips if whole or any(is_flexible(call) for call in trip.calls)]


# ── booking ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def write_booking(rule: BookingRule) -> str:
    """Write how and how long before one books, in the order of booking arrangements."""
    return "".join(
        (
            box("BookingContact", text("Phone", rule.phone_number), text("Url", rule.info_url)),
            text("BookingMethods", " ".join(_list_methods(rule)) or None),
            text("BookingAccess", "public"),
            text("BookWhen", _say_when(rule)),
            day_clock("LatestBookingTime", rule.last_time) if rule.last_time is not None else "",
            text("MinimumBookingPeriod", _least(rule)),
            text("MaximumBookingPeriod", _most(rule)),
            text("BookingUrl", rule.booking_url),
            text("BookingNote", rule.message),
        )
    )


def _list_methods(rule: BookingRule) -> Iterator[str]:
    if rule.phone_number:
        yield "callOffice"
    if rule.booking_url:
        yield "online"


def _say_when(rule: BookingRule) -> str:
    if rule.type is BookingType.REAL_TIME:
        return "timeOfTravelOnly"
    if rule.type is BookingType.SAME_DAY:
        return "advanceAndDayOfTravel"
    return "untilPreviousDay" if rule.last_day == 1 else "advanceOnly"


def _least(rule: BookingRule) -> str | None:
    if rule.type is BookingType.PRIOR_DAYS:
        return None if rule.last_day is None else f"P{rule.last_day}D"
    return None if rule.duration_min is None else duration(rule.duration_min * MINUTE)


def _most(rule: BookingRule) -> str | None:
    if rule.start_day is not None:
        return f"P{rule.start_day}D"
    return None if rule.duration_max is None else duration(rule.duration_max * MINUTE)


def find_rule(service: Service, call: Call) -> BookingRule | None:
    """Find how a call is booked: getting on before getting off."""
    key = call.pickup_rule or call.drop_off_rule
    return service.rules.get(key) if key is not None else None


def find_common_rule(service: Service) -> BookingRule | None:
    """Find how a whole service is booked, where all its calls are booked alike."""
    rules = {call.pickup_rule or call.drop_off_rule for trip in service.trips for call in trip.calls} - {None}
    return service.rules.get(next(iter(rules)) or "") if len(rules) == 1 else None


def write_line_properties(service: Service) -> str:
    """Write what a flexible line has behind all that a line has."""
    rule = find_common_rule(service)
    return text("FlexibleLineType", LINE_TYPES[service.kind]) + (write_booking(rule) if rule else "")


# ── places ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def list_places(source: str, services: Iterable[Service]) -> Iterator[str]:
    """Write the zones and groups of services, each once."""
    zones: dict[str, Zone] = {}
    groups: dict[str, StopGroup] = {}
    for service in services:
        zones |= service.zones
        groups |= service.groups
    for id_, zone in sorted(zones.items()):
        yield _write_zone(f"{source}:{id_}", zone)
    for id_, group in sorted(groups.items()):
        members = (refer("ScheduledStopPoint", f"{source}:{stop}") for stop in group.stop_ids)
        yield thing(
            "FlexibleStopPlace",
            f"{source}:{id_}",
            text("Name", group.name or id_),
            box("members", *members),
            text("TransportMode", "bus"),
        )


def _write_zone(id_: str, zone: Zone) -> str:
    polygons = _list_polygons(zone)
    areas = [
        thing(
            "FlexibleArea",
            f"{id_}.{number}",
            text("Name", zone.name or zone.id),
            _draw(f"{id_}.{number}", rings),
        )
        for number, rings in enumerate(polygons, 1)
    ]
    return thing(
        "FlexibleStopPlace",
        id_,
        text("Name", zone.name or zone.id),
        text("Description", zone.description),
        _centre(polygons),
        text("TransportMode", "bus"),
        box("areas", *areas),
    )


def _list_polygons(zone: Zone) -> list[list[list[list[float]]]]:
    drawn = zone.geometry["coordinates"]
    return [drawn] if zone.geometry["type"] == "Polygon" else list(drawn)


def _centre(polygons: Sequence[Sequence[Sequence[Sequence[float]]]]) -> str:
    """Write the middle of the box around a zone."""
    points = [Point(point[0], point[1]) for rings in polygons for point in rings[0]]
    lons, lats = [point.lon for point in points], [point.lat for point in points]
    return box("Centroid", place((min(lons) + max(lons)) / 2, (min(lats) + max(lats)) / 2))


def _draw(id_: str, rings: Sequence[Sequence[Sequence[float]]]) -> str:
    """Draw a polygon of GML: latitude before longitude, as the reference system has it."""
    drawn = []
    for number, ring in enumerate(rings):
        points = " ".join(f"{value:.7f}" for point in ring for value in (point[1], point[0]))
        tag = "interior" if number else "exterior"
        drawn.append(f"<gml:{tag}><gml:LinearRing><gml:posList>{points}</gml:posList></gml:LinearRing></gml:{tag}>")
    name = "".join(letter if letter.isascii() and letter.isalnum() else f"_{ord(letter):x}" for letter in id_)
    head = f'<gml:Polygon gml:id={quote(f"zone_{name}")} srsName="urn:ogc:def:crs:EPSG::4326">'
    return head + "".join(drawn) + "</gml:Polygon>"


def write_point(id_: str, name: str) -> str:
    """Write the point that stands for a flexible stop place, and that it does."""
    return thing("ScheduledStopPoint", id_, text("Name", name)) + thing(
        "FlexibleStopAssignment",
        id_,
        refer("ScheduledStopPoint", id_),
        refer("FlexibleStopPlace", id_),
        order=1,
    )


# ── journeys ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def list_rows(service: Service, trips: Iterable[Trip]) -> list[list[Row]]:
    """Return trips as rows of trips.txt and stop_times.txt in one, in the order of their calls."""
    return [[_row(service, trip, call) for call in trip.calls] for trip in sorted(trips, key=lambda trip: trip.id)]


NUMBERS = ("direction_id", "wheelchair_accessible", "bikes_allowed")


def _row(service: Service, trip: Trip, call: Call) -> Row:
    told: dict[str, Any] = dict.fromkeys(("trip_headsign", "trip_short_name", "block_id", *NUMBERS))
    told |= {name: int(value) if name in NUMBERS else value for name, value in trip.fields.items()}
    rule = find_rule(service, call)
    return told | {
        "trip_id": trip.id,
        "service_id": trip.calendar,
        "stop_id": call.place,
        "stop_headsign": call.fields.get("stop_headsign"),
        "arrival_time": call.arrival,
        "departure_time": call.departure,
        "pickup_type": call.pickup_type,
        "drop_off_type": call.drop_off_type,
        "area": _name_area(service, call),
        "window": None if call.window_start is None else (call.window_start, call.window_end),
        "booking": write_booking(rule) if rule else "",
        "frequencies": [
            {"start_time": one.start, "end_time": one.end, "headway_secs": one.headway} for one in trip.frequencies
        ],
    }


def _name_area(service: Service, call: Call) -> str | None:
    """Name the zone or the group that a call is at; None: it is at a stop."""
    if call.kind is PlaceKind.STOP:
        return None
    found = service.zones[call.place] if call.kind is PlaceKind.ZONE else service.groups[call.place]
    return found.name or call.place


def write_window(window: tuple[int, int | None]) -> str:
    """Write from when and until when a journey may call."""
    start, end = window
    latest = "" if end is None else _span("LatestArrival", end)
    return latest + _span("EarliestDeparture", start)


def _span(tag: str, seconds: int) -> str:
    days, rest = divmod(seconds, DAY)
    return day_clock(f"{tag}Time", rest) + text(f"{tag}DayOffset", days)


def write_properties(id_: str, calls: Iterable[Row]) -> str:
    """Write that a journey runs on demand, at times that depend on who asks."""
    kind = "dynamicPassingTimes" if any(call["window"] for call in calls) else "fixedPassingTimes"
    return thing("FlexibleServiceProperties", id_, text("FlexibleServiceType", kind))
