"""What MOTIS' answers are made of: places, lines, messages, courses, as one version writes them."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from mobigo.facades.motis.ids import encode_line, write_id, write_seconds, write_time, write_trip
from mobigo.facades.motis.modes import Mode, mode_of, name
from mobigo.kit.errors import NotFound
from mobigo.transit.alerts import concern_of_place
from mobigo.transit.boards import State, find_planned_row, platform_now, platform_of
from mobigo.transit.printed import list_columns
from mobigo.transit.timetable import NOT_ALLOWED, begin_day, day_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from mobigo.journeys.network import Network
    from mobigo.transit.live import Alert
    from mobigo.transit.printed import Cell, Column

PRECISE = 2
"""Version from which lines have 6 decimals; before it 7."""
NAMED_APART = 4
"""Version from which `routeShortName` is the feed's and `displayName` is what travellers read."""
UNLEVELLED = 6
"""Version from which a level that nobody knows is left out; before it 0."""
NOT_MADE = {State.SKIPPED, State.CANCELED}
POSSIBLE = 1
"""Of GTFS' wheelchair and bicycle columns."""
USUAL_LANGUAGES = ("fr", "en", "")
KNOWN = {State.LIVE, State.SKIPPED, State.CANCELED, State.ADDED}
"""States that live data speak of."""


class Scribe:
    """Writes what one network says now, for one version and its reader.

    Parameters
    ----------
    network : Network
        As `Networks` hands it out; with `live` false by its timetable alone.
    """

    def __init__(self, network: Network, version: int, languages: Sequence[str] = (), *, live: bool = True) -> None:
        self.network = network if live else network.as_planned
        self.version = version
        self.live = self.network.live
        self.overlay = self.live.overlay if self.live else None
        self.timetable = self.overlay.timetable if self.overlay else network.timetable
        self.languages = [*(one.replace("_", "-").lower() for one in languages), *USUAL_LANGUAGES]
        self._columns: dict[tuple[str, date], list[Column]] = {}
        self._zones = [ZoneInfo(zone) for zone in self.timetable.zones.all()]

    @property
    def speaks_french(self) -> bool:
        """Whether sentences of ours are in French; else in English."""
        return next((one[:2] for one in self.languages if one[:2] in {"fr", "en"}), "en") == "fr"

    def expect(self, *places: str) -> None:
        """Refuse places that are neither points nor stops of the network.

        Raises
        ------
        NotFound
            When one is not.
        """
        for place in places:
            if "," not in place and place not in self.network.stop_index:
                raise NotFound(
                    f"no stop {write_id(place)!r}; geocode and map/stops name those there are", code="unknown_stop"
                )

    # ── places ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def level(self) -> dict[str, Any]:
        """Say that nobody knows on which level it is, as the version does."""
        return {} if self.version >= UNLEVELLED else {"level": 0}

    def point(self, text: str, lat: float, lon: float) -> dict[str, Any]:
        """Write a place that is no stop."""
        return {"name": text, "lat": lat, "lon": lon, **self.level(), "vertexType": "NORMAL"}

    def stop(self, index: int, **more: object) -> dict[str, Any]:
        """Write a stop, by its index."""
        timetable = self.timetable
        lat, lon = float(timetable.stop_lat[index]), float(timetable.stop_lon[index])
        parent = int(timetable.stop_parent[index])
        place: dict[str, Any] = {
            "name": timetable.stop_names.at(index) or timetable.stop_ids.at(index),
            "stopId": write_id(timetable.stop_ids.at(index)),
            "lat": lat if isfinite(lat) else 0.0,
            "lon": lon if isfinite(lon) else 0.0,
            **self.level(),
            "tz": self.network.manifest.timezone,
            "vertexType": "TRANSIT",
        }
        if parent >= 0:
            place["parentId"] = write_id(timetable.stop_ids.at(parent))
        if code := timetable.stop_codes.at(index):
            place["stopCode"] = code
        return place | more

    def call(self, cell: Cell, *, arrives: bool, departs: bool) -> dict[str, Any]:
        """Write a call of a trip: how it was planned and how it is expected."""
        timetable, row = self.timetable, cell.row
        place = self.stop(int(timetable.call_stop[row]))
        if arrives:
            place["arrival"] = write_time(cell.arrival)
            place["scheduledArrival"] = write_time(cell.planned_arrival or cell.arrival)
        if departs:
            place["departure"] = write_time(cell.departure)
            place["scheduledDeparture"] = write_time(cell.planned_departure or cell.departure)
        return place | self.track(row) | self.permissions(row, called=cell.state not in NOT_MADE)

    def track(self, row: int) -> dict[str, Any]:
        """Write the platform of a call, now and by the timetable."""
        now = platform_now(self.timetable, self.overlay, row)
        below = find_planned_row(self.timetable, self.overlay, row)
        planned = platform_of(self.timetable, below) if below >= 0 else now
        found = {"track": now, "scheduledTrack": planned}
        return {key: value for key, value in found.items() if value}

    def permissions(self, row: int, *, called: bool) -> dict[str, Any]:
        """Write whether one may board and alight at a call."""
        timetable = self.timetable
        words = {
            key: "NORMAL" if called and values[row] != NOT_ALLOWED else "NOT_ALLOWED"
            for key, values in (("pickupType", timetable.call_pickup), ("dropoffType", timetable.call_drop_off))
        }
        return words | {"cancelled": not called}

    # ── trips and lines ───────────────────────────────────────────────────────────────────────────────────────────────

    def columns(self, trip_id: str, day: date) -> list[Column]:
        """Return the runs of a trip on a day, as they are now."""
        key = trip_id, day
        if key not in self._columns:
            own = self.timetable.trip_ids.find_all(trip_id)
            self._columns[key] = list_columns(self.timetable, self.overlay, own, day) if own else []
        return self._columns[key]

    def start_of(self, column: Column, day: date) -> int:
        """Return the second of the service day at which a run begins by the timetable."""
        first = column.cells[0]
        begin = begin_day(day_number(day), self._zones[int(self.timetable.trip_zone[column.trip])])
        return int((first.planned_departure or first.departure).timestamp()) - begin

    def trip_name(self, column: Column, day: date) -> str:
        """Write the id of a run."""
        return write_trip(day, self.start_of(column, day), self.timetable.trip_ids.at(column.trip))

    def mode(self, mode: Mode) -> str:
        """Write a mode."""
        return name(mode, self.version)

    def line(self, trip: int) -> dict[str, Any]:
        """Write what is to be said of the line of a trip, and of the trip itself."""
        timetable = self.timetable
        route = int(timetable.trip_route[trip])
        number = timetable.trip_short_names.at(trip)
        direction = int(timetable.trip_direction[trip])
        trip_id = timetable.trip_ids.at(trip)
        own = self.route(route) if route >= 0 else self._no_route()
        display = own["routeShortName"] or number or own["routeLongName"]
        if self.version < NAMED_APART:
            own["routeShortName"] = display
        return own | {
            "tripShortName": number,
            "displayName": display,
            "directionId": str(max(direction, 0)),
            "bikesAllowed": bool(timetable.trip_bikes[trip] == POSSIBLE),
            "wheelchairAccessible": "ACCESSIBLE" if timetable.trip_wheelchair[trip] == POSSIBLE else "NOT_ACCESSIBLE",
            "reservation": "NONE",
            "source": f"{trip_id.partition(':')[0]}/trips.txt",
        }

    def route(self, route: int) -> dict[str, Any]:
        """Write a line, by its index."""
        timetable = self.timetable
        agency = int(timetable.route_agency[route])
        found: dict[str, Any] = {
            "mode": self.mode(mode_of(int(timetable.route_type[route]))),
            "routeId": write_id(timetable.route_ids.at(route)),
            "routeShortName": timetable.route_short_names.at(route),
            "routeLongName": timetable.route_long_names.at(route),
            "routeType": max(int(timetable.route_type[route]), 0),
            **self._agency(agency),
        }
        colours = {
            "routeColor": timetable.route_colors.at(route),
            "routeTextColor": timetable.route_text_colors.at(route),
        }
        return found | {key: value for key, value in colours.items() if value}

    def _agency(self, agency: int) -> dict[str, str]:
        timetable = self.timetable
        if agency < 0:
            return {"agencyId": "", "agencyName": "", "agencyUrl": ""}
        return {
            "agencyId": timetable.agency_ids.at(agency).partition(":")[2],
            "agencyName": timetable.agency_names.at(agency),
            "agencyUrl": timetable.agency_urls.at(agency),
        }

    def _no_route(self) -> dict[str, Any]:
        names = {"routeId": "", "routeShortName": "", "routeLongName": ""}
        return {"mode": self.mode(Mode.OTHER), **names, **self._agency(-1)}

    # ── messages and courses ──────────────────────────────────────────────────────────────────────────────────────────

    def text(self, texts: dict[str, str]) -> str:
        """Choose the language of a text: the first that the reader wants, else any."""
        for wanted in self.languages:
            for language, text in texts.items():
                if language.lower() == wanted or (wanted and language.lower()[:2] == wanted[:2]):
                    return text
        return next(iter(texts.values()), "")

    def alert(self, alert: Alert) -> dict[str, Any]:
        """Write a message."""
        found: dict[str, Any] = {
            "headerText": self.text(alert.header),
            "descriptionText": self.text(alert.description),
            "cause": alert.cause,
            "effect": alert.effect,
            "severityLevel": alert.severity,
        }
        if url := self.text(alert.url):
            found["url"] = url
        periods = [(since, until) for since, until in alert.periods if since is not None and until is not None]
        if periods:
            found["impactPeriod"] = [{"start": write_seconds(a), "end": write_seconds(b)} for a, b in periods]
        return found

    def alerts(self, names: Iterable[str]) -> list[dict[str, Any]]:
        """Write messages by their ids."""
        return [self.alert(self.live.alerts[one]) for one in names if one in self.live.alerts] if self.live else []

    def alerts_at(self, stops: Iterable[int], start: float, end: float) -> list[dict[str, Any]]:
        """Write the messages about stops."""
        if self.live is None:
            return []
        return self.alerts(self.live.messages.find(concern_of_place(self.timetable, stops), start, end))

    def course(self, points: Sequence[tuple[float, float]]) -> dict[str, Any]:
        """Write a line on the map, in the precision of the version."""
        precision = 6 if self.version >= PRECISE else 7
        return {"points": encode_line(points, precision), "precision": precision, "length": len(points)}
