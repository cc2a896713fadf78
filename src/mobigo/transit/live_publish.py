"""Live data as others read them: GTFS-Realtime 2.0 messages of what journeys are planned on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
from google.transit import gtfs_realtime_pb2 as gtfs

from mobigo.transit.live import Relation
from mobigo.transit.live_snapshot import LiveSnapshot
from mobigo.transit.overlay import NEVER, CallStatus, GoneKind
from mobigo.transit.timetable import ALL_RUNS, begin_day, day_number, service_date

if TYPE_CHECKING:
    from datetime import date

    from mobigo.transit.live import Alert, LiveFeed, Target, Vehicle
    from mobigo.transit.overlay import Overlay

Writer = Callable[[LiveSnapshot | None, str | None, int], bytes]
"""From the live data, the feed wanted (None: all) and the instant (seconds since 1970) to a message."""


def trip_updates(live: LiveSnapshot | None, feed: str | None, now: int) -> bytes:
    """Write delays, skipped stops, cancelled and added trips."""
    message = _begin(live, now)
    if live is not None:
        names = _Ids(feed)
        zones = _zones(live.overlay)
        _write_gone(message, live.overlay, names)
        for number in range(len(live.overlay.trip_base)):
            _write_trip(message, live, number, names, zones)
    return bytes(message.SerializeToString())


def vehicle_positions(live: LiveSnapshot | None, feed: str | None, now: int) -> bytes:
    """Write where vehicles are."""
    message = _begin(live, now)
    names = _Ids(feed)
    for one in live.vehicles if live else ():
        if names.holds(one.vehicle_id):
            message.entity.add(id=names.short(one.vehicle_id)).vehicle.CopyFrom(_vehicle(one, names))
    return bytes(message.SerializeToString())


def _vehicle(one: Vehicle, names: _Ids) -> Any:  # noqa: ANN401 - protobuf has no types; what is None it leaves out
    return gtfs.VehiclePosition(
        vehicle=gtfs.VehicleDescriptor(id=names.short(one.vehicle_id), label=one.label),
        trip=gtfs.TripDescriptor(
            trip_id=names.short_or_none(one.trip_id),
            start_date=f"{one.start_date:%Y%m%d}" if one.start_date else None,
            route_id=names.short_or_none(one.route_id),
        ),
        position=gtfs.Position(latitude=one.lat, longitude=one.lon, bearing=one.bearing, speed=one.speed),
        current_stop_sequence=None if one.sequence is None else max(one.sequence, 0),
        stop_id=names.short_or_none(one.stop_id),
        occupancy_status=None if one.occupancy is None else one.occupancy.name,
        timestamp=max(one.at, 0),
    )


def alerts(live: LiveSnapshot | None, feed: str | None, now: int) -> bytes:
    """Write messages to travellers."""
    message = _begin(live, now)
    names = _Ids(feed)
    for id_, one in live.alerts.items() if live else ():
        if not names.holds(id_):
            continue
        message.entity.add(id=names.short(id_)).alert.CopyFrom(_alert(one, names))
    return bytes(message.SerializeToString())


def _alert(one: Alert, names: _Ids) -> Any:  # noqa: ANN401 - protobuf has no types
    return gtfs.Alert(
        active_period=[
            gtfs.TimeRange(start=None if start is None else max(start, 0), end=None if end is None else max(end, 0))
            for start, end in one.periods
        ],
        informed_entity=[_target(target, names) for target in one.targets] or [gtfs.EntitySelector(agency_id="")],
        header_text=_texts(one.header),
        description_text=_texts(one.description),
        url=_texts(one.url),
        cause=_value(gtfs.Alert.Cause, one.cause),
        effect=_value(gtfs.Alert.Effect, one.effect),
        severity_level=_value(gtfs.Alert.SeverityLevel, one.severity),
    )


def _value(kind: Any, name: str) -> str | None:  # noqa: ANN401 - protobuf has no types
    """Return a name that GTFS-Realtime knows, else None."""
    return name if name in kind.keys() else None  # noqa: SIM118 - an enum's names, not a mapping


def _texts(texts: dict[str, str]) -> Any:  # noqa: ANN401 - protobuf has no types
    if not texts:
        return None
    return gtfs.TranslatedString(
        translation=[
            gtfs.TranslatedString.Translation(text=text, language=language or None) for language, text in texts.items()
        ]
    )


def _target(target: Target, names: _Ids) -> Any:  # noqa: ANN401 - protobuf has no types
    trip = target.trip_id and gtfs.TripDescriptor(
        trip_id=names.short(target.trip_id), start_date=f"{target.start_date:%Y%m%d}" if target.start_date else None
    )
    return gtfs.EntitySelector(
        agency_id=names.short_or_none(target.agency_id),
        route_id=names.short_or_none(target.route_id),
        route_type=target.route_type,
        stop_id=names.short_or_none(target.stop_id),
        trip=trip or None,
        direction_id=target.direction,
    )


def write_feed(feed: LiveFeed) -> bytes:
    """Write what a feed that is not ours says, with its own ids: trips of the timetable, as far as they are known."""
    message = gtfs.FeedMessage()
    message.header.gtfs_realtime_version = "2.0"
    message.header.timestamp = feed.at
    for number, one in enumerate(feed.trips):
        update = message.entity.add(id=f"{number}").trip_update
        update.trip.CopyFrom(
            gtfs.TripDescriptor(trip_id=one.trip_id, start_date=f"{one.start_date:%Y%m%d}" if one.start_date else None)
        )
        for call in one.calls:
            told = update.stop_time_update.add(stop_sequence=call.sequence, stop_id=call.stop_id)
            for event, delay, planned in (
                (told.arrival, call.arrival_delay, call.planned_arrival),
                (told.departure, call.departure_delay, call.planned_departure),
            ):
                if delay is not None:
                    event.delay = delay
                if delay is not None and planned is not None:
                    event.time = planned + delay
    return bytes(message.SerializeToString())


class _Ids:
    """Ids as a reader wants them: of one feed without its prefix, or of all with it."""

    def __init__(self, feed: str | None) -> None:
        self._prefix = "" if feed is None else f"{feed}:"

    def holds(self, id_: str) -> bool:
        return id_.startswith(self._prefix)

    def short(self, id_: str) -> str:
        return id_.removeprefix(self._prefix)

    def short_or_none(self, id_: str | None) -> str | None:
        return None if id_ is None else self.short(id_)


def _begin(live: LiveSnapshot | None, now: int) -> Any:  # noqa: ANN401 - protobuf has no types
    message = gtfs.FeedMessage()
    message.header.gtfs_realtime_version = "2.0"
    message.header.incrementality = gtfs.FeedHeader.FULL_DATASET
    message.header.timestamp = live.at if live else now
    return message


# ── trips ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _zones(overlay: Overlay) -> list[ZoneInfo]:
    return [ZoneInfo(name) for name in overlay.timetable.zones.all()]


def _write_gone(message: Any, overlay: Overlay, names: _Ids) -> None:  # noqa: ANN401 - protobuf has no types
    """Write the runs that do not run and that nothing stands for."""
    timetable = overlay.timetable
    for row, kind in enumerate(overlay.gone_kind.tolist()):
        if kind == GoneKind.REPLACED:
            continue
        trip, shift = int(timetable.gone_trip[row]), int(timetable.gone_shift[row])
        trip_id = timetable.trip_ids.at(trip)
        if not names.holds(trip_id):
            continue
        day = f"{service_date(int(timetable.gone_day[row])):%Y%m%d}"
        update = message.entity.add(id=f"{names.short(trip_id)}-{day}-{row}").trip_update
        described = update.trip
        described.trip_id, described.start_date = names.short(trip_id), day
        if shift != ALL_RUNS:
            described.start_time = _clock(int(timetable.call_departure[timetable.call_first[trip]]) + shift)
        deleted = kind == GoneKind.DELETED
        described.schedule_relationship = gtfs.TripDescriptor.DELETED if deleted else gtfs.TripDescriptor.CANCELED


RELATIONS = {
    Relation.SCHEDULED: gtfs.TripDescriptor.SCHEDULED,
    Relation.NEW: gtfs.TripDescriptor.NEW,
    Relation.REPLACEMENT: gtfs.TripDescriptor.REPLACEMENT,
    Relation.DUPLICATED: gtfs.TripDescriptor.DUPLICATED,
    Relation.UNSCHEDULED: gtfs.TripDescriptor.UNSCHEDULED,
}
"""Of trips that run."""

CALLS = gtfs.TripUpdate.StopTimeUpdate

SILENT = {int(CallStatus.SKIPPED): CALLS.SKIPPED, int(CallStatus.NO_DATA): CALLS.NO_DATA}
"""Calls without times."""


def _write_trip(message: Any, live: LiveSnapshot, number: int, names: _Ids, zones: list[ZoneInfo]) -> None:  # noqa: ANN401
    """Write one trip as it runs now, all its calls with their times: nothing is left to be carried on."""
    overlay, timetable = live.overlay, live.overlay.timetable
    trip = int(overlay.base_trips[0]) + number
    base, day = int(overlay.trip_base[number]), int(overlay.trip_day[number])
    relation = tuple(Relation)[int(overlay.trip_relation[number])]
    own_id = timetable.trip_ids.at(trip)
    trip_id = timetable.trip_ids.at(base) if base >= 0 else own_id
    if not names.holds(trip_id):
        return
    text = f"{service_date(day):%Y%m%d}"
    update = message.entity.add(id=f"{names.short(own_id)}-{text}-{number}").trip_update
    described = update.trip
    described.trip_id, described.start_date = names.short(trip_id), text
    described.schedule_relationship = RELATIONS.get(relation, gtfs.TripDescriptor.SCHEDULED)
    route = int(timetable.trip_route[trip])
    if route >= 0:
        described.route_id = names.short(timetable.route_ids.at(route))
    if timetable.trip_direction[trip] >= 0:
        described.direction_id = int(timetable.trip_direction[trip])
    if base >= 0 and overlay.trip_shift[number]:
        planned = int(timetable.call_departure[timetable.call_first[base]])
        described.start_time = _clock(planned + int(overlay.trip_shift[number]))
    if relation is Relation.DUPLICATED:
        update.trip_properties.trip_id = names.short(own_id)
        update.trip_properties.start_date = text
        update.trip_properties.start_time = _clock(int(timetable.call_departure[timetable.call_first[trip]]))
    vehicle = live.find_vehicle(trip_id, service_date(day))
    if vehicle is not None:
        update.vehicle.id = names.short(vehicle.vehicle_id)
    if overlay.trip_at[number] > 0:
        update.timestamp = int(overlay.trip_at[number])
    midnight = begin_day(day, zones[int(timetable.trip_zone[trip])])
    update.stop_time_update.extend(_list_calls(overlay, trip, base, midnight, names))


def _list_calls(overlay: Overlay, trip: int, base: int, midnight: int, names: _Ids) -> Iterator[Any]:
    timetable, offset = overlay.timetable, int(overlay.base_calls[0])
    rows = slice(int(timetable.call_first[trip]), int(timetable.call_first[trip + 1]))
    here = slice(rows.start - offset, rows.stop - offset)
    meant = stops = timetable.call_stop[rows].tolist()
    if base >= 0:
        planned = timetable.call_stop[timetable.call_first[base] : timetable.call_first[base + 1]].tolist()
        meant = planned if len(planned) == len(stops) else stops
    for sequence, stop, planned_stop, status, *times in zip(
        timetable.call_sequence[rows].tolist(),
        stops,
        meant,
        overlay.call_status[here].tolist(),
        timetable.call_arrival[rows].tolist(),
        overlay.call_planned_arrival[here].tolist(),
        timetable.call_departure[rows].tolist(),
        overlay.call_planned_departure[here].tolist(),
        strict=True,
    ):
        call = CALLS(stop_sequence=max(sequence, 0), stop_id=names.short(timetable.stop_ids.at(planned_stop)))
        if status in SILENT:
            call.schedule_relationship = SILENT[status]
            yield call
            continue
        if stop != planned_stop:
            call.stop_time_properties.assigned_stop_id = names.short(timetable.stop_ids.at(stop))
        for event, seconds, plan in ((call.arrival, *times[:2]), (call.departure, *times[2:])):
            event.time = midnight + seconds
            if plan != NEVER:
                event.delay = seconds - plan
        yield call


# ── delays ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Delays:
    """How late trips are at the stop they reach next."""

    def __init__(self, live: LiveSnapshot) -> None:
        self._live = live
        self._zones = _zones(live.overlay)
        self._numbers: dict[int, list[int]] = {}
        for number, base in enumerate(live.overlay.trip_base.tolist()):
            self._numbers.setdefault(base, []).append(number)

    def find(self, trip: int, day: date | None) -> int | None:
        """Return the seconds a trip is late at its next stop, at its last stop when it is there; None: not known.

        Without a day, that of its first run of which anything is known.
        """
        days = self._live.overlay.trip_day
        numbers = sorted(self._numbers.get(trip, []), key=lambda number: int(days[number]))
        fitting = [number for number in numbers if day is None or int(days[number]) == day_number(day)]
        return self._delay(fitting[0]) if fitting else None

    def _delay(self, number: int) -> int | None:
        overlay, table = self._live.overlay, self._live.overlay.timetable
        trip, offset = int(overlay.base_trips[0]) + number, int(overlay.base_calls[0])
        rows = slice(int(table.call_first[trip]), int(table.call_first[trip + 1]))
        here = slice(rows.start - offset, rows.stop - offset)
        planned = overlay.call_planned_arrival[here]
        known = np.flatnonzero((overlay.call_status[here] == CallStatus.LIVE) & (planned != NEVER))
        if not len(known):
            return None
        begin = begin_day(int(overlay.trip_day[number]), self._zones[int(table.trip_zone[trip])])
        arrival = table.call_arrival[rows]
        ahead = known[arrival[known] >= self._live.at - begin]
        call = int(ahead[0] if len(ahead) else known[-1])
        return int(arrival[call]) - int(planned[call])


def _clock(seconds: int) -> str:
    """Write seconds of a service day as GTFS does; before its midnight there is nothing to write but that."""
    seconds = max(seconds, 0)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
