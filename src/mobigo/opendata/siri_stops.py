"""Visits at a stop as SIRI StopMonitoring says them: those live data speak of, and those by the timetable."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from mobigo.opendata.siri_writer import (
    Call,
    Moment,
    deliver,
    describe,
    identify,
    line_name,
    name_trip,
    operate,
    write_call,
)
from mobigo.opendata.siri_xml import duration, frame, instant, names, ref, trim
from mobigo.transit.boards import BoardCall, State, headsign, list_calls, platform_now, stops_meant
from mobigo.transit.overlay import NEVER, CallStatus
from mobigo.transit.timetable import NOT_ALLOWED, day_number

if TYPE_CHECKING:
    from mobigo.opendata.siri_xml import Tree

Kind = Literal["all", "arrivals", "departures"]

STATUS = {
    State.LIVE: CallStatus.LIVE,
    State.ADDED: CallStatus.LIVE,
    State.NO_DATA: CallStatus.NO_DATA,
    State.SKIPPED: CallStatus.SKIPPED,
    State.CANCELED: CallStatus.SKIPPED,
    State.SCHEDULED: CallStatus.SCHEDULED,
}
MOST = 200
"""Visits of one answer."""


@dataclass(frozen=True)
class Question:
    """What is asked about a stop."""

    stop: int
    """Stop index, perhaps of a station."""
    kind: Kind
    route: int | None
    """Only this line."""
    start: int | None
    """Seconds since 1970 UTC; None: now."""
    within: int
    """Seconds."""
    limit: int


def monitor(moment: Moment, question: Question) -> Tree:
    """Write the next visits at a stop, earliest first."""
    stop = moment.stops[question.stop]
    station = stop in moment.stations
    visits = [_write_visit(moment, call, arrives=arrives) for call, arrives in _list_visits(moment, question)]
    asked = ref("StopPlace" if station else "Quay", stop)
    return deliver(moment, "StopMonitoringDelivery", trim({"MonitoringRef": [asked], "MonitoredStopVisit": visits}))


def _list_visits(moment: Moment, question: Question) -> list[tuple[BoardCall, bool]]:
    """List calls, each with whether it is known by its arrival."""
    table = moment.timetable
    overlay = moment.live.overlay if moment.live else None
    stops = stops_meant(table, question.stop)
    start = datetime.fromtimestamp(moment.at if question.start is None else question.start, UTC)
    wanted = question.limit if question.route is None else 20 * question.limit
    found = []
    for arrives in (False, True):
        if question.kind == ("departures" if arrives else "arrivals"):
            continue
        calls = list_calls(
            table, stops, start, timedelta(seconds=question.within), wanted, arrivals=arrives, overlay=overlay
        )
        found += [
            (call, arrives)
            for call in calls
            if moment.shows(table.trip_ids.at(call.trip))
            and (question.route is None or int(table.trip_route[call.trip]) == question.route)
            and (not arrives or question.kind == "arrivals" or _ends(moment, call))
        ]
    return sorted(found, key=lambda one: one[0].time)[: question.limit]


def _ends(moment: Moment, call: BoardCall) -> bool:
    """Tell whether nobody boards at a call, so that only its arrival is on boards."""
    table = moment.timetable
    return call.row + 1 == int(table.call_first[call.trip + 1]) or int(table.call_pickup[call.row]) == NOT_ALLOWED


def _write_visit(moment: Moment, call: BoardCall, *, arrives: bool) -> Tree:
    table, row, trip = moment.timetable, call.row, call.trip
    trip_id, day = name_trip(moment, trip), day_number(call.service_date)
    stop = call.planned_stop if call.planned_stop >= 0 else call.stop
    timed = _time(moment, call, arrives=arrives)
    told = write_call(timed, moment.stop_names[stop], done=False)
    told.pop("Cancellation", None)
    head = {key: told.pop(key) for key in ("StopPointRef", "Order", "StopPointName") if key in told}
    there = timed.status == CallStatus.LIVE and (timed.arrival or 0) <= moment.at <= (timed.departure or 0)
    vehicle = moment.live.find_vehicle(trip_id, call.service_date) if moment.live else None
    expected, aimed = (timed.arrival, timed.aimed_arrival) if arrives else (timed.departure, timed.aimed_departure)
    delay = expected - aimed if timed.status == CallStatus.LIVE and expected and aimed else None
    key = f"{trip_id}.{call.service_date:%Y%m%d}.{row - int(table.call_first[trip])}"
    if call.repeats:
        key += f".{int((call.planned or call.time).timestamp())}"
    return {
        "RecordedAtTime": instant(moment.at),
        "ItemIdentifier": frame("StopVisit", key),
        "MonitoringRef": ref("Quay", moment.stops[stop]),
        "MonitoredVehicleJourney": trim(
            {
                **identify(moment, trip, day, trip_id),
                **line_name(moment, trip),
                **operate(moment, trip),
                **describe(moment, trip),
                "HeadwayService": True if call.repeats else None,
                "Monitored": timed.status == CallStatus.LIVE,
                "Delay": None if delay is None else duration(delay),
                "VehicleRef": ref("Vehicle", vehicle.vehicle_id) if vehicle else None,
                "MonitoredCall": {
                    **head,
                    "VehicleAtStop": there,
                    "DestinationDisplay": names(headsign(table, trip, row)),
                    **told,
                },
            }
        ),
    }


def _time(moment: Moment, call: BoardCall, *, arrives: bool) -> Call:
    """Find both times of a call that a board knows by one of them."""
    table, row = moment.timetable, call.row
    overlay = moment.live.overlay if moment.live else None
    stay = planned_stay = int(table.call_departure[row]) - int(table.call_arrival[row])
    own = -1 if overlay is None else row - int(overlay.base_calls[0])
    if overlay is not None and own >= 0:
        before = int(overlay.call_planned_arrival[own]), int(overlay.call_planned_departure[own])
        planned_stay = 0 if NEVER in before else before[1] - before[0]
    time = int(call.time.timestamp())
    aimed = None if call.planned is None else int(call.planned.timestamp())
    order = int(table.call_sequence[row])
    timed = Call(
        stop=moment.stops[call.planned_stop if call.planned_stop >= 0 else call.stop],
        moved=moment.stops[call.stop] if call.planned_stop not in {-1, call.stop} else None,
        order=order if order > 0 else None,
        status=STATUS[call.state],
        platform=platform_now(table, overlay, row),
        arrival=time if arrives else time - stay,
        departure=time + stay if arrives else time,
        aimed_arrival=None if aimed is None else aimed if arrives else aimed - planned_stay,
        aimed_departure=None if aimed is None else aimed + planned_stay if arrives else aimed,
        boards=int(table.call_pickup[row]) != NOT_ALLOWED,
        alights=int(table.call_drop_off[row]) != NOT_ALLOWED,
    )
    if row == int(table.call_first[call.trip]):
        timed = replace(timed, arrival=None, aimed_arrival=None)
    if row + 1 == int(table.call_first[call.trip + 1]):
        timed = replace(timed, departure=None, aimed_departure=None)
    return timed
