"""Objects of a network as Navitia writes them, and the disruptions that they name."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cached_property
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from mobigo.facades.navitia.catalogue import Way
from mobigo.facades.navitia.disruptions import id_of, periods_of, tell_alert
from mobigo.facades.navitia.ids import write_id, write_route
from mobigo.facades.navitia.modes import Physical, mode_of_line, physical_of
from mobigo.facades.navitia.times import write_clock, write_day
from mobigo.transit.boards import headsign
from mobigo.transit.timetable import NOT_ALLOWED, begin_day, service_date

if TYPE_CHECKING:
    from mobigo.facades.navitia.catalogue import Catalogue
    from mobigo.journeys.network import Network
    from mobigo.transit.live import Alert, Target
    from mobigo.transit.timetable import Timetable

Json = dict[str, Any]

POSSIBLE = 1
"""Of wheelchair and bicycle columns."""
DIRECTION_TYPES = {0: "forward", 1: "backward", -1: "forward"}
WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
FREE, SERVED, FULL = 1, 2, 3
"""Depths: what an object belongs to; also what belongs to it; also the stops of routes."""


class View:
    """A network as one request sees it.

    Parameters
    ----------
    network : Network
        By its timetable, with live data beside it.
    running : bool
        Times are those of the vehicles as they run now.
    now : datetime
    depth : int
        0 to 3: how much objects tell of each other.
    language : str
        ``fr`` or ``en``: of messages.
    """

    def __init__(
        self,
        network: Network,
        catalogue: Catalogue,
        now: datetime,
        *,
        running: bool,
        depth: int = 1,
        language: str = "fr",
    ) -> None:
        self.network, self.catalogue, self.now = network, catalogue, now
        self.running = running and network.live is not None
        self.depth = depth
        self.language = language
        self.zone = network.manifest.zone
        self.disruptions: dict[str, Json] = {}
        """What the objects told so far name, by id."""
        self.quiet = False
        """Name no disruptions."""
        self.since: datetime | None = None
        """Name only disruptions that last until then, or longer; None: all that are not over."""
        self.until: datetime | None = None
        """Name only disruptions that begin by then."""

    @cached_property
    def timetable(self) -> Timetable:
        """As vehicles run now, where that is wanted and known."""
        live = self.network.live
        return live.overlay.timetable if self.running and live is not None else self.network.timetable

    def instant(self, seconds: int) -> datetime:
        """Return seconds since 1970 as an instant."""
        return datetime.fromtimestamp(seconds, self.zone)

    def now_running(self) -> View:
        """Look at the same network as its vehicles run now; it names disruptions with this one."""
        if self.running or self.network.live is None:
            return self
        other = View(self.network, self.catalogue, self.now, running=True, depth=self.depth, language=self.language)
        other.disruptions = self.disruptions
        return other

    # ── messages ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def say(self, texts: dict[str, str]) -> str:
        """Choose the text of the language, else the French one, else any."""
        return texts.get(self.language) or texts.get("fr") or next(iter(texts.values()), "")

    @cached_property
    def _alerts(self) -> dict[tuple[str, str], list[Alert]]:
        """Messages that are not over, by what they are about."""
        found: dict[tuple[str, str], list[Alert]] = {}
        live = self.network.live
        for alert in live.alerts.values() if live is not None else ():
            if not self._lasts(alert):
                continue
            for target in alert.targets:
                if (key := _key_of(target)) is not None and alert not in found.setdefault(key, []):
                    found[key].append(alert)
        return found

    def _lasts(self, alert: Alert) -> bool:
        """Tell whether a message is of the time that is asked about."""
        since = self.since or self.now
        periods = periods_of(self, alert)
        return any(since <= end and (self.until is None or begin <= self.until) for begin, end in periods)

    def is_disrupted(self, kind: str, own: str) -> bool:
        """Tell whether messages are about an object."""
        return (kind, own) in self._alerts

    def disrupted_trips(self) -> list[str]:
        """List the ids of the trips that messages are about."""
        return sorted(own for kind, own in self._alerts if kind == "trip")

    def links_to(self, *keys: tuple[str, str]) -> list[Json]:
        """Name the messages about an object; they are then among the answer's disruptions."""
        if self.quiet:
            return []
        alerts = {id_of(alert): alert for key in keys for alert in self._alerts.get(key, ())}
        return [self.link_to(alert) for alert in alerts.values()]

    def link_to(self, alert: Alert) -> Json:
        """Name a message."""
        return self.link_to_told(id_of(alert), lambda: tell_alert(self, alert))

    def link_to_told(self, name: str, tell: Any) -> Json:  # noqa: ANN401  a function without arguments
        """Name a disruption, which is told once."""
        if name not in self.disruptions:
            self.disruptions[name] = {}
            self.disruptions[name] = tell()
        return {"type": "disruption", "rel": "disruptions", "id": name, "internal": True, "templated": False}

    # ── operators and modes ───────────────────────────────────────────────────────────────────────────────────────────

    def network_of(self, agency: int) -> Json:
        """Tell an operator as a network."""
        own = self.timetable.agency_ids.at(agency) if agency >= 0 else ""
        return {
            "id": write_id("network", own),
            "name": self.timetable.agency_names.at(agency) if agency >= 0 else "",
            "links": self.links_to(("agency", own)),
            "codes": [{"type": "source", "value": own.partition(":")[2]}],
        }

    def company(self, agency: int) -> Json:
        """Tell an operator as a company."""
        own = self.timetable.agency_ids.at(agency)
        return {
            "id": write_id("company", own),
            "name": self.timetable.agency_names.at(agency),
            "codes": [{"type": "source", "value": own.partition(":")[2]}],
        }

    def commercial_mode(self, physical: Physical, depth: int | None = None) -> Json:
        """Tell a mode as travellers name it."""
        told: Json = {"id": f"commercial_mode:{physical.key}", "name": physical.name}
        if (self.depth if depth is None else depth) >= SERVED:
            told["physical_modes"] = [self.physical_mode(physical, 0)]
        return told

    def physical_mode(self, physical: Physical, depth: int | None = None) -> Json:
        """Tell a mode of the fixed list."""
        told: Json = {"id": f"physical_mode:{physical.key}", "name": physical.name}
        if (self.depth if depth is None else depth) >= SERVED:
            told["commercial_modes"] = [self.commercial_mode(physical, 0)]
        return told

    # ── lines and routes ──────────────────────────────────────────────────────────────────────────────────────────────

    def physical_of_line(self, line: int) -> Physical:
        """Return the mode of a line."""
        return physical_of(mode_of_line(self.timetable, line))

    def line_name(self, line: int) -> str:
        """Return the name of a line: the long one, else the short one."""
        return self.timetable.route_long_names.at(line) or self.timetable.route_short_names.at(line)

    def line(self, line: int, depth: int | None = None) -> Json:
        """Tell a line."""
        depth = self.depth if depth is None else depth
        timetable, catalogue = self.timetable, self.catalogue
        own = timetable.route_ids.at(line)
        physical = self.physical_of_line(line)
        known = line < len(catalogue.opens) and catalogue.opens[line] >= 0
        told: Json = {
            "id": write_id("line", own),
            "name": self.line_name(line),
            "code": timetable.route_short_names.at(line),
            "color": timetable.route_colors.at(line),
            "text_color": timetable.route_text_colors.at(line),
            "opening_time": write_clock(int(catalogue.opens[line])) if known else "",
            "closing_time": write_clock(int(catalogue.closes[line])) if known else "",
            "network": self.network_of(int(timetable.route_agency[line])),
            "commercial_mode": self.commercial_mode(physical, 0),
            "physical_modes": [self.physical_mode(physical, 0)],
            "codes": [{"type": "source", "value": own.partition(":")[2]}],
            "links": self.links_to(("line", own)),
        }
        if depth >= FREE:
            ways = [way for direction in (-1, 0, 1) if (way := Way(line, direction)) in catalogue.way_of]
            told["routes"] = [self.route(way.line, way.direction, 0) for way in ways]
        return told

    def direction_of(self, line: int, direction: int) -> Json:
        """Tell where most vehicles of a route end, as a place."""
        way = self.catalogue.way_of.get(Way(line, direction))
        if way is None:
            return {}
        area = int(self.catalogue.area[self.catalogue.ends[way].last])
        return self.place("stop_area", self.stop_area(area, 0))

    def route(self, line: int, direction: int, depth: int | None = None) -> Json:
        """Tell a line in one direction."""
        depth = self.depth if depth is None else depth
        own = self.timetable.route_ids.at(line)
        number = self.catalogue.way_of.get(Way(line, direction))
        name = self.line_name(line)
        if number is not None:
            ends = self.catalogue.ends[number]
            name = f"{self.timetable.stop_names.at(ends.first)} - {self.timetable.stop_names.at(ends.last)}"
        told: Json = {
            "id": write_route(own, direction),
            "name": name,
            "is_frequence": "False",
            "direction_type": DIRECTION_TYPES[direction],
            "direction": self.direction_of(line, direction),
            "physical_modes": [self.physical_mode(self.physical_of_line(line), 0)],
            "codes": [{"type": "source", "value": own.partition(":")[2]}],
            "links": self.links_to(("route", f"{own} {direction}")),
        }
        if depth >= FREE:
            told["line"] = self.line(line, 0)
        if depth >= FULL and number is not None:
            stops = self.catalogue.pair_stop[self.catalogue.pair_way == number].tolist()
            told["stop_points"] = [self.stop_point(stop, 0) for stop in stops]
        return told

    # ── stops ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def coord(self, stop: int) -> Json:
        """Tell where a stop is; Navitia writes numbers as text, and zero where the feed has none."""
        lon, lat = float(self.timetable.stop_lon[stop]), float(self.timetable.stop_lat[stop])
        return write_coord(lon, lat) if isfinite(lon) and isfinite(lat) else write_coord(0.0, 0.0)

    def _codes(self, stop: int) -> list[Json]:
        own, code = self.timetable.stop_ids.at(stop), self.timetable.stop_codes.at(stop)
        codes = [{"type": "source", "value": own.partition(":")[2]}]
        return [*codes, {"type": "gtfs_stop_code", "value": code}] if code else codes

    def stop_area(self, stop: int, depth: int | None = None) -> Json:
        """Tell a station, or a stop that belongs to none."""
        depth = self.depth if depth is None else depth
        own, name = self.timetable.stop_ids.at(stop), self.timetable.stop_names.at(stop)
        told: Json = {
            "id": write_id("stop_area", own),
            "name": name,
            "label": name,
            "coord": self.coord(stop),
            "timezone": self.zone.key,
            "administrative_regions": [],
            "codes": self._codes(stop),
            "links": self.links_to(("stop", own)),
        }
        if depth >= SERVED:
            points = self.catalogue.members(stop).tolist()
            told["stop_points"] = [self.stop_point(one, 0) for one in points]
        return told

    def stop_point(self, stop: int, depth: int | None = None) -> Json:
        """Tell a place where vehicles stop."""
        depth = self.depth if depth is None else depth
        timetable = self.timetable
        own, name = timetable.stop_ids.at(stop), timetable.stop_names.at(stop)
        wheelchair = int(timetable.stop_wheelchair[stop])
        told: Json = {
            "id": write_id("stop_point", own),
            "name": name,
            "label": name,
            "coord": self.coord(stop),
            "equipments": ["has_wheelchair_boarding"] if wheelchair == POSSIBLE else [],
            "administrative_regions": [],
            "codes": self._codes(stop),
            "links": self.links_to(("stop", own)),
        }
        if platform := timetable.stop_platforms.at(stop):
            told["platform_code"] = platform
        if depth >= FREE:
            told["stop_area"] = self.stop_area(int(self.catalogue.area[stop]), 0)
        if depth >= SERVED:
            lines = {self.catalogue.ways[way].line for way in self._ways_at(stop)}
            modes = dict.fromkeys(self.physical_of_line(line) for line in sorted(lines))
            told["physical_modes"] = [self.physical_mode(one, 0) for one in modes]
            told["commercial_modes"] = [self.commercial_mode(one, 0) for one in modes]
        return told

    def _ways_at(self, stop: int) -> list[int]:
        found: list[int] = self.catalogue.pair_way[self.catalogue.pair_stop == stop].tolist()
        return found

    # ── trips ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def trip(self, trip: int) -> Json:
        """Tell a trip, as what a vehicle journey is one of."""
        own = self.timetable.trip_ids.at(trip)
        return {"id": write_id("trip", own), "name": self.trip_name(trip)}

    def trip_name(self, trip: int) -> str:
        """Return the number of a train; else what the vehicle shows."""
        short = self.timetable.trip_short_names.at(trip)
        return short or headsign(self.timetable, trip, int(self.timetable.call_first[trip]))

    def vehicle_journey(self, trip: int, depth: int | None = None) -> Json:
        """Tell a trip with its stops and the days on which it runs."""
        depth = self.depth if depth is None else depth
        timetable = self.timetable
        own = timetable.trip_ids.at(trip)
        rows = range(int(timetable.call_first[trip]), int(timetable.call_first[trip + 1]))
        told: Json = {
            "id": write_id("vehicle_journey", own),
            "name": self.trip_name(trip),
            "headsign": headsign(timetable, trip, rows.start),
            "codes": [{"type": "source", "value": own.partition(":")[2]}],
            "disruptions": self.links_to(("trip", own)),
            "trip": self.trip(trip),
            "equipments": self.equipments(trip),
        }
        if depth >= FREE:
            days = self.days_of(trip)
            shift = self.begin_of(days[0]) if days else 0
            told["stop_times"] = [self._stop_time(row, shift) for row in rows]
            told["calendars"] = [_calendar(days)] if days else []
            told["validity_pattern"] = _validity(days)
        return told

    def equipments(self, trip: int) -> list[str]:
        """List what a vehicle has for whom."""
        timetable = self.timetable
        found = ["has_wheelchair_accessibility"] if timetable.trip_wheelchair[trip] == POSSIBLE else []
        return [*found, "has_bike_accepted"] if timetable.trip_bikes[trip] == POSSIBLE else found

    def days_of(self, trip: int) -> list[int]:
        """List the days on which a trip runs, since 1970."""
        timetable = self.timetable
        service = int(timetable.trip_service[trip])
        if service < 0:
            return []
        days = int(timetable.first_day[0]) + np.flatnonzero(np.unpackbits(timetable.service_days[service]))
        return days.tolist()

    def begin_of(self, day: int) -> int:
        """Return the instant from which the times of a day count, seconds since 1970 UTC."""
        return int(begin_day(day, self.zone))

    def _stop_time(self, row: int, begin: int) -> Json:
        timetable = self.timetable
        times = [int(column[row]) for column in (timetable.call_arrival, timetable.call_departure)]
        own = int(timetable.call_headsign[row])
        return {
            "arrival_time": write_clock(times[0]),
            "departure_time": write_clock(times[1]),
            "utc_arrival_time": write_clock((begin + times[0]) % 86_400),
            "utc_departure_time": write_clock((begin + times[1]) % 86_400),
            "headsign": timetable.headsigns.at(own) if own >= 0 else "",
            "pickup_allowed": bool(timetable.call_pickup[row] != NOT_ALLOWED),
            "drop_off_allowed": bool(timetable.call_drop_off[row] != NOT_ALLOWED),
            "skipped_stop": False,
            "stop_point": self.stop_point(int(timetable.call_stop[row]), 0),
        }

    # ── wrapped ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def place(self, kind: str, embedded: Json, quality: int = 0) -> Json:
        """Wrap an object as a place."""
        name = embedded.get("label") or embedded["name"]
        return {"id": embedded["id"], "name": name, "quality": quality, "embedded_type": kind, kind: embedded}

    def pt_object(self, kind: str, embedded: Json, name: str | None = None) -> Json:
        """Wrap an object of public transport."""
        told = embedded.get("label") or embedded["name"]
        return {
            "id": embedded["id"],
            "name": told if name is None else name,
            "quality": 0,
            "embedded_type": kind,
            kind: embedded,
        }

    def display(self, trip: int, row: int) -> Json:
        """Tell what a traveller sees of a vehicle at a stop."""
        timetable = self.timetable
        line = int(timetable.trip_route[trip])
        shown = headsign(timetable, trip, row)
        last = int(timetable.call_stop[timetable.call_first[trip + 1] - 1])
        return {
            **self.display_line(line),
            "direction": timetable.stop_names.at(last),
            "headsign": shown,
            "trip_short_name": timetable.trip_short_names.at(trip) or shown,
            "equipments": self.equipments(trip),
        }

    def display_line(self, line: int) -> Json:
        """Tell what a traveller sees of a line."""
        timetable = self.timetable
        physical = self.physical_of_line(line)
        agency = int(timetable.route_agency[line])
        code = timetable.route_short_names.at(line)
        return {
            "network": timetable.agency_names.at(agency) if agency >= 0 else "",
            "physical_mode": physical.name,
            "commercial_mode": physical.name,
            "code": code,
            "label": code or self.line_name(line),
            "name": self.line_name(line),
            "color": timetable.route_colors.at(line),
            "text_color": timetable.route_text_colors.at(line),
            "description": "",
            "links": self.links_to(("line", timetable.route_ids.at(line))),
        }

    def links_of_ride(self, trip: int) -> list[Json]:
        """Name the objects a ride is of."""
        timetable = self.timetable
        line = int(timetable.trip_route[trip])
        own = timetable.route_ids.at(line)
        key = self.physical_of_line(line).key
        agency = int(timetable.route_agency[line])
        named = [
            ("company", write_id("company", timetable.agency_ids.at(agency))) if agency >= 0 else None,
            ("vehicle_journey", write_id("vehicle_journey", timetable.trip_ids.at(trip))),
            ("line", write_id("line", own)),
            ("route", write_route(own, int(timetable.trip_direction[trip]))),
            ("commercial_mode", f"commercial_mode:{key}"),
            ("physical_mode", f"physical_mode:{key}"),
            ("network", write_id("network", timetable.agency_ids.at(agency))) if agency >= 0 else None,
        ]
        return [{"type": one[0], "id": one[1]} for one in named if one is not None]


def each_once(links: list[Json]) -> list[Json]:
    """Return links, each disruption named once."""
    return list({link["id"]: link for link in links}.values())


def write_coord(lon: float, lat: float) -> Json:
    """Write a place."""
    return {"lon": write_degrees(lon), "lat": write_degrees(lat)}


def write_degrees(value: float) -> str:
    """Write degrees to a tenth of a metre."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _key_of(target: Target) -> tuple[str, str] | None:
    """Name the narrowest thing a message is about."""
    if target.trip_id is not None:
        return "trip", target.trip_id
    if target.stop_id is not None:
        return "stop", target.stop_id
    if target.route_id is not None:
        aimed = target.direction is not None and target.direction >= 0
        return ("route", f"{target.route_id} {target.direction}") if aimed else ("line", target.route_id)
    return ("agency", target.agency_id) if target.agency_id is not None else None


def _calendar(days: list[int]) -> Json:
    """Tell on which days of the week something runs between its first and last day, and what differs from that."""
    dates = {service_date(day) for day in days}
    first, last = min(dates), max(dates)
    every = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    usual = [
        sum(one in dates for one in same) * 2 > len(same)
        for same in ([one for one in every if one.weekday() == weekday] for weekday in range(7))
    ]
    differing = [one for one in every if (one in dates) is not usual[one.weekday()]]
    return {
        "active_periods": [{"begin": write_day(first), "end": write_day(last + timedelta(days=1))}],
        "week_pattern": dict(zip(WEEK, usual, strict=True)),
        "exceptions": [{"datetime": write_day(one), "type": "add" if one in dates else "remove"} for one in differing],
    }


def _validity(days: list[int]) -> Json:
    """Tell the days as bits, the first one last."""
    if not days:
        return {"beginning_date": write_day(service_date(0)), "days": ""}
    begin = days[0]
    on = set(days)
    bits = "".join("1" if day in on else "0" for day in range(days[-1], begin - 1, -1))
    return {"beginning_date": write_day(service_date(begin)), "days": bits}
