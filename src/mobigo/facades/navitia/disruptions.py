"""Messages to travellers, and what live data change, as Navitia's disruptions."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from mobigo.facades.navitia.ids import write_id
from mobigo.facades.navitia.times import write_instant
from mobigo.transit.boards import State

if TYPE_CHECKING:
    from mobigo.facades.navitia.view import View
    from mobigo.transit.live import Alert, Target
    from mobigo.transit.printed import Cell, Column

Json = dict[str, Any]

CHANNEL = {"id": "web", "name": "web", "content_type": "text/plain", "types": ["web", "mobile"]}
TITLE = {"id": "titre", "name": "titre", "content_type": "text/plain", "types": ["title"]}
"""Where a message is meant to be read: its header, and its description."""

PRIORITY = {"SEVERE": 10, "WARNING": 20, "INFO": 30}
COLOUR = {"SEVERE": "#EF662F", "WARNING": "#F5BD41", "INFO": "#3C8DBC"}
"""By GTFS-Realtime SeverityLevel."""
NEUTRAL = "#7F7F7F"
EFFECTS = {
    "NO_SERVICE",
    "REDUCED_SERVICE",
    "SIGNIFICANT_DELAYS",
    "DETOUR",
    "ADDITIONAL_SERVICE",
    "MODIFIED_SERVICE",
    "OTHER_EFFECT",
    "UNKNOWN_EFFECT",
    "STOP_MOVED",
    "NO_EFFECT",
    "ACCESSIBILITY_ISSUE",
}
"""Effects that Navitia takes over from GTFS-Realtime."""


def id_of(alert: Alert) -> str:
    """Return the id of a message."""
    return write_id("disruption", alert.id)


def status_of(periods: list[tuple[datetime, datetime]], now: datetime) -> str:
    """Tell whether a disruption is past, active or to come."""
    if any(begin <= now <= end for begin, end in periods):
        return "active"
    return "future" if any(now < begin for begin, _ in periods) else "past"


def periods_of(view: View, alert: Alert) -> list[tuple[datetime, datetime]]:
    """List when a message applies; what is open ends with the timetable."""
    zone, catalogue = view.zone, view.catalogue
    opens = datetime.combine(catalogue.first_day, time(), zone)
    closes = datetime.combine(catalogue.last_day + timedelta(days=1), time(), zone) - timedelta(seconds=1)

    def local(seconds: int | None, other: datetime) -> datetime:
        most = int(datetime(2999, 1, 1, tzinfo=zone).timestamp())
        return other if seconds is None else datetime.fromtimestamp(min(max(seconds, 0), most), zone)

    return [(local(start, opens), local(end, closes)) for start, end in alert.periods] or [(opens, closes)]


def tell_alert(view: View, alert: Alert) -> Json:
    """Tell a message to travellers, and what it is about."""
    periods = periods_of(view, alert)
    name = id_of(alert)
    texts = [(view.say(alert.header), TITLE), (view.say(alert.description), CHANNEL)]
    live = view.network.live
    impacted = [object_ for target in alert.targets if (object_ := _find_object(view, target)) is not None]
    return {
        "id": name,
        "disruption_id": name,
        "impact_id": name,
        "uri": name,
        "disruption_uri": name,
        "status": status_of(periods, view.now),
        "application_periods": _tell_periods(view, periods),
        "severity": {
            "name": alert.severity.lower(),
            "effect": alert.effect if alert.effect in EFFECTS else "UNKNOWN_EFFECT",
            "color": COLOUR.get(alert.severity, NEUTRAL),
            "priority": PRIORITY.get(alert.severity),
        },
        "messages": [{"text": text, "channel": channel} for text, channel in texts if text],
        "updated_at": write_instant(datetime.fromtimestamp(live.at, view.zone) if live else view.now, view.zone),
        "cause": alert.cause,
        "category": alert.cause.replace("_", " ").lower(),
        "contributor": alert.id.partition(":")[0],
        "tags": [],
        "impacted_objects": [{"pt_object": one} for one in impacted],
    }


def _tell_periods(view: View, periods: list[tuple[datetime, datetime]]) -> list[Json]:
    return [{"begin": write_instant(begin, view.zone), "end": write_instant(end, view.zone)} for begin, end in periods]


def _find_object(view: View, target: Target) -> Json | None:
    """Return what a message is about: the narrowest thing its target names; None where it is not in the timetable."""
    timetable = view.timetable
    if target.trip_id is not None:
        trip = timetable.trip_ids.find(target.trip_id)
        return view.pt_object("trip", view.trip(trip)) if trip >= 0 else None
    if target.stop_id is not None:
        return _find_stop(view, target.stop_id)
    if target.route_id is not None:
        return _find_line(view, target.route_id, target.direction)
    agency = timetable.agency_ids.find(target.agency_id) if target.agency_id is not None else -1
    return view.pt_object("network", view.network_of(agency)) if agency >= 0 else None


def _find_stop(view: View, name: str) -> Json | None:
    stop = view.network.stop_index.get(name)
    if stop is None:
        return None
    if view.catalogue.is_point[stop]:
        return view.pt_object("stop_point", view.stop_point(stop, 0))
    return view.pt_object("stop_area", view.stop_area(stop, 0))


def _find_line(view: View, name: str, direction: int | None) -> Json | None:
    line = view.timetable.route_ids.find(name)
    if line < 0:
        return None
    if direction is not None and direction >= 0:
        return view.pt_object("route", view.route(line, direction, 0))
    return view.pt_object("line", view.line(line, 0))


def ride_id(trip_id: str, day: str) -> str:
    """Return the id of what live data change on one trip of one day."""
    return write_id("disruption", f"realtime:{day}:{trip_id}")


def tell_ride(view: View, column: Column, day: str) -> Json | None:
    """Tell what live data change on a trip, stop by stop; None where it runs as planned."""
    if not any(_is_changed(cell) for cell in column.cells):
        return None
    name = ride_id(view.timetable.trip_ids.at(column.trip), day)
    first, last = column.cells[0], column.cells[-1]
    effect = _effect_of(column)
    begin = min(first.departure, first.planned_departure or first.departure)
    end = max(last.arrival, last.planned_arrival or last.arrival)
    periods = [(begin, end)]
    return {
        "id": name,
        "disruption_id": name,
        "impact_id": name,
        "uri": name,
        "disruption_uri": name,
        "status": status_of(periods, view.now),
        "application_periods": _tell_periods(view, periods),
        "severity": {"name": NAMES[effect], "effect": effect, "color": COLOUR["WARNING"], "priority": 42},
        "messages": [],
        "updated_at": write_instant(
            datetime.fromtimestamp(view.network.live.at, view.zone) if view.network.live else view.now, view.zone
        ),
        "cause": "",
        "category": "",
        "contributor": view.timetable.trip_ids.at(column.trip).partition(":")[0],
        "tags": [],
        "impacted_objects": [
            {
                "pt_object": view.pt_object("trip", view.trip(column.trip)),
                "impacted_stops": [_tell_stop(view, cell) for cell in column.cells],
            }
        ],
    }


NAMES = {
    "NO_SERVICE": "trip canceled",
    "ADDITIONAL_SERVICE": "additional service",
    "MODIFIED_SERVICE": "trip modified",
    "SIGNIFICANT_DELAYS": "trip delayed",
}


def _is_changed(cell: Cell) -> bool:
    timed = cell.arrival != cell.planned_arrival or cell.departure != cell.planned_departure
    return cell.state in {State.CANCELED, State.SKIPPED, State.ADDED} or (cell.state is State.LIVE and timed)


def _effect_of(column: Column) -> str:
    states = {cell.state for cell in column.cells}
    if column.state is State.CANCELED:
        return "NO_SERVICE"
    if column.state is State.ADDED:
        return "ADDITIONAL_SERVICE"
    return "MODIFIED_SERVICE" if states & {State.SKIPPED, State.ADDED} else "SIGNIFICANT_DELAYS"


def _tell_stop(view: View, cell: Cell) -> Json:
    def clock(instant: datetime | None) -> str | None:
        return None if instant is None else instant.astimezone(view.zone).strftime("%H%M%S")

    gone = cell.state in {State.CANCELED, State.SKIPPED}
    statuses = [
        "deleted" if gone else "added" if planned is None else "delayed" if planned != now else "unchanged"
        for planned, now in ((cell.planned_arrival, cell.arrival), (cell.planned_departure, cell.departure))
    ]
    told: Json = {
        "stop_point": view.stop_point(int(view.timetable.call_stop[cell.row]), 0),
        "base_arrival_time": clock(cell.planned_arrival),
        "base_departure_time": clock(cell.planned_departure),
        "amended_arrival_time": clock(None if gone else cell.arrival),
        "amended_departure_time": clock(None if gone else cell.departure),
        "cause": "",
        "stop_time_effect": statuses[1],
        "arrival_status": statuses[0],
        "departure_status": statuses[1],
        "is_detour": False,
    }
    return {key: value for key, value in told.items() if value is not None}
