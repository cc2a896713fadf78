"""StopEventRequest and TripInfoRequest: boards of a stop, and a vehicle's way through a day."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from fastapi import Response

from mobigo.facades.ojp.legs import when
from mobigo.facades.ojp.view import UnknownPlaceRef
from mobigo.facades.ojp.wire import error, position, said
from mobigo.journeys import follow_api
from mobigo.journeys.model import Realtime
from mobigo.journeys.modes import mode_of
from mobigo.journeys.trips import find_trip
from mobigo.kit.errors import InvalidInput, NotFound
from mobigo.opendata.siri_xml import frame, trim, unframe
from mobigo.places import store as places_store
from mobigo.transit import board_api

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mobigo.facades.ojp.view import View
    from mobigo.facades.ojp.wire import Node
    from mobigo.opendata.siri_xml import Tree
    from mobigo.transit.answers import LineAnswer

MOST, USUAL = 100, 10
"""Calls of one answer."""
WINDOW, LONGEST = 86_400, 604_800
"""Seconds that a board looks ahead, and at most."""
REALTIME = {"full": "on", "explanatory": "annotate", "none": "off"}


def _miss(kind: str, code: str, sentence: str) -> Tree:
    return {"ErrorCondition": error(kind, code, sentence)}


def list_events(view: View, asked: Node) -> Tree:
    """Answer a request for departures, arrivals, or both."""
    where = asked.child("Location")
    if where is None:
        raise InvalidInput("a StopEventRequest has a Location")
    try:
        stop = _find_stop(view, where.child("PlaceRef"))
    except UnknownPlaceRef as unknown:
        return _miss("StopEventProblemType", "STOPEVENT_LOCATIONUNKNOWN", str(unknown))
    params = asked.child("Params")
    count = max(1, params.number("NumberOfResults", USUAL, MOST)) if params else USUAL
    window = (params.seconds("TimeWindow") if params else None) or WINDOW
    kind = (params.text("StopEventType") if params else None) or "departure"
    at = where.instant("DepArrTime") or view.now
    live = REALTIME.get((params.text("UseRealtimeData") if params else None) or "full", "on")
    found: list[Any] = []
    how: dict[str, Any] = {
        "request": view.request,
        "response": Response(),
        "now": view.now,
        "id": stop,
        "at": at.isoformat(),
        "minutes": max(1, min(window, LONGEST) // 60),
        "scope": board_api.Scope.PLACE,
        "limit": MOST,
        "live": live,
    }
    if kind != "arrival":
        found += board_api.list_departures(**how).departures
    if kind != "departure":
        known = {(one.trip_id, one.service_date, one.stop_id) for one in found}
        arrivals = board_api.list_arrivals(**how).arrivals
        found += [one for one in arrivals if (one.trip_id, one.service_date, one.stop_id) not in known]
    fits = sorted((one for one in found if _fits(view, params, one)), key=_time_of)[:count]
    if not fits:
        return _miss("StopEventProblemType", "STOPEVENT_NOEVENTFOUND", "nothing calls there in the time asked for")
    results = [
        {"Id": str(n), "StopEvent": _event(view, one, params, realtime=live != "off")} for n, one in enumerate(fits, 1)
    ]
    context = view.context(
        places=params is None or params.flag("IncludePlacesContext", default=True),
        situations=params is None or params.flag("IncludeSituationsContext", default=True),
    )
    return trim({"StopEventResponseContext": context, "StopEventResult": results})


def _find_stop(view: View, ref: Node | None) -> str:
    """Return the stop that is meant; of a commune its main one.

    Raises
    ------
    UnknownPlaceRef
        When there is none.
    """
    place = view.find_place(ref)
    if place in view.network.stop_index:
        return place
    named = next((one for one in (ref.text("TopographicPlaceRef"),) if one), None) if ref else None
    found = places_store.find_by_id(view.session, unframe(named)) if named else None
    main = next((one for one in found.stop_ids if one in view.network.stop_index), None) if found else None
    if main is None:
        raise UnknownPlaceRef("no stop is meant by the PlaceRef; give StopPlaceRef or StopPointRef")
    return main


def _time_of(one: Any) -> datetime:  # noqa: ANN401 - a departure or an arrival
    at = one.departure if isinstance(one, board_api.DepartureAnswer) else one.arrival
    assert isinstance(at, datetime)
    return at


def _fits(view: View, params: Node | None, one: board_api.BoardCallAnswer) -> bool:
    """Tell whether a call is of the modes, lines and operators that were asked for."""
    if params is None:
        return True
    line = one.line
    mode = view.mode(mode_of(line.route_type))["PtMode"] if line else "other"
    agency = _agency_of(view, line)
    checks = (
        ("ModeFilter", "PtMode", mode, str),
        ("LineFilter", "Line/LineRef", line.id if line else "", unframe),
        ("OperatorFilter", "OperatorRef", agency or "", unframe),
    )
    for name, path, own, read in checks:
        chosen = params.child(name)
        named = [read(text) for text in chosen.texts(path)] if chosen else []
        if chosen is not None and named and (own in named) is chosen.flag("Exclude", default=True):
            return False
    return True


def _agency_of(view: View, line: LineAnswer | None) -> str | None:
    timetable = view.timetable
    route = timetable.route_ids.find(line.id) if line else -1
    agency = int(timetable.route_agency[route]) if route >= 0 else -1
    return timetable.agency_ids.at(agency) if agency >= 0 else None


def _event(view: View, one: Any, params: Node | None, *, realtime: bool) -> Tree:  # noqa: ANN401 - a departure or an arrival
    """Write a call with what runs, and the calls before and after if they are wanted."""
    leaves = isinstance(one, board_api.DepartureAnswer)
    at = _time_of(one)
    planned = one.planned_departure if leaves else one.planned_arrival
    this: Tree = {
        "siri:StopPointRef": view.stop_ref(one.stop_id),
        "StopPointName": said(one.stop_name),
        "PlannedQuay": said(one.planned_platform or one.platform) if one.planned_platform or one.platform else None,
        "EstimatedQuay": said(one.platform) if one.planned_platform and one.platform else None,
    }
    seen = when(planned if one.state != "scheduled" else None, at)
    this["ServiceDeparture" if leaves else "ServiceArrival"] = seen
    previous = params is not None and params.flag("IncludePreviousCalls")
    onward = params is not None and params.flag("IncludeOnwardCalls")
    course = _list_course(view, one, realtime=realtime) if (previous or onward) and not one.frequency else []
    here = next(
        (n for n, cell in enumerate(course) if cell.stop_id == one.stop_id and at in {cell.departure, cell.arrival}),
        None,
    )
    before: list[Tree] = []
    after: list[Tree] = []
    if here is not None:
        this["Order"] = here + 1
        calls = [_cell(view, cell, n) for n, cell in enumerate(course, 1)]
        before, after = calls[:here] if previous else [], calls[here + 1 :] if onward else []
    this["NotServicedStop"] = True if one.state == "skipped" else None
    return trim(
        {
            "PreviousCall": [{"CallAtStop": call} for call in before],
            "ThisCall": {"CallAtStop": trim(this)},
            "OnwardCall": [{"CallAtStop": call} for call in after],
            "Service": _service(
                view,
                one.trip_id,
                one.service_date,
                one.line,
                one.headsign if leaves else None,
                canceled=one.state == "canceled",
                added=one.state == "added",
                alerts=one.alerts,
            ),
        }
    )


def _list_course(view: View, one: board_api.BoardCallAnswer, *, realtime: bool) -> list[board_api.CellAnswer]:
    """List all calls of what calls here."""
    network = view.network.seen(Realtime.ON if realtime else Realtime.OFF)
    found = find_trip(network, one.trip_id, one.service_date, view.now)
    overlay = found.network.live.overlay if found.network.live else None
    return [board_api.cell_answer(found.network.timetable, overlay, cell) for cell in found.column.cells]


def _cell(view: View, cell: board_api.CellAnswer, order: int) -> Tree:
    index = view.network.stop_index.get(cell.stop_id)
    name = view.timetable.stop_names.at(index) if index is not None else cell.stop_id
    known = cell.state != "scheduled"
    return trim(
        {
            "siri:StopPointRef": view.stop_ref(cell.stop_id),
            "StopPointName": said(name),
            "PlannedQuay": said(cell.platform) if cell.platform else None,
            "ServiceArrival": when(cell.planned_arrival if known else None, cell.arrival),
            "ServiceDeparture": when(cell.planned_departure if known else None, cell.departure),
            "Order": order,
            "NotServicedStop": True if cell.state == "skipped" else None,
            "NoBoardingAtStop": True if cell.pickup == "none" else None,
            "NoAlightingAtStop": True if cell.drop_off == "none" else None,
        }
    )


def _service(
    view: View,
    trip_id: str,
    day: date,
    line: LineAnswer | None,
    headsign: str | None,
    *,
    canceled: bool,
    added: bool,
    alerts: Sequence[str],
) -> Tree:
    """Write what runs."""
    timetable = view.timetable
    trip = timetable.trip_ids.find(trip_id)
    first = int(timetable.call_stop[timetable.call_first[trip]]) if trip >= 0 else -1
    last = int(timetable.call_stop[int(timetable.call_first[trip + 1]) - 1]) if trip >= 0 else -1
    number = timetable.trip_short_names.at(trip) if trip >= 0 else ""
    direction = int(timetable.trip_direction[trip]) if trip >= 0 else -1
    agency = _agency_of(view, line)
    towards = headsign or (timetable.stop_names.at(last) if last >= 0 else None)
    return trim(
        {
            "OperatingDayRef": day.isoformat(),
            "JourneyRef": frame("ServiceJourney", trip_id),
            "siri:LineRef": frame("Line", line.id if line else trip_id),
            "siri:DirectionRef": str(direction) if direction >= 0 else None,
            "Mode": view.mode(mode_of(line.route_type if line else 3)),
            "PublishedServiceName": said(line.name if line else towards or trip_id),
            "TrainNumber": number or None,
            "OperatorRefs": {"OperatorRef": frame("Operator", agency)} if agency else None,
            "OriginText": said(timetable.stop_names.at(first) if first >= 0 else ""),
            "DestinationStopPointRef": frame("Quay", timetable.stop_ids.at(last)) if last >= 0 else None,
            "DestinationText": said(towards) if towards else None,
            "Unplanned": added or None,
            "Cancelled": canceled or None,
            "SituationFullRefs": view.situation_refs(alerts),
        }
    )


def tell_trip(view: View, asked: Node) -> Tree:
    """Answer a request for a vehicle's way through a day."""
    kind = "TripInfoProblemType"
    ref, day = asked.text("JourneyRef"), asked.text("OperatingDayRef")
    if ref is None or day is None:
        return _miss(kind, "TRIPINFO_OTHER", "a trip is asked for by JourneyRef and OperatingDayRef")
    try:
        on = date.fromisoformat(day)
    except ValueError:
        return _miss(kind, "TRIPINFO_JOURNEYREFUNKNOWN", f"OperatingDayRef {day!r} is no day; write it like 2026-11-23")
    params = asked.child("Params")
    live: Any = REALTIME.get((params.text("UseRealTimeData") if params else None) or "full", "on")
    try:
        found = follow_api.get_trip(request=view.request, now=view.now, id=unframe(ref), day=on, live=live)
    except NotFound as unknown:
        return _miss(kind, "TRIPINFO_JOURNEYREFUNKNOWN", str(unknown))
    calls = [_cell(view, call, n) for n, call in enumerate(found.calls, 1)]
    done = sum(call.departure <= view.now for call in found.calls)
    if params is not None and not params.flag("IncludeCalls", default=True):
        calls = []
    result: Tree = {
        "PreviousCall": calls[:done],
        "CurrentPosition": None,
        "OnwardCall": calls[done:],
        "Service": None,
        "JourneyTrack": None,
    }
    if found.vehicle is not None and (params is None or params.flag("IncludePosition", default=True)):
        vehicle = found.vehicle
        result["CurrentPosition"] = trim(
            {
                "GeoPosition": position(vehicle.lon, vehicle.lat),
                "Bearing": None if vehicle.bearing is None else f"{vehicle.bearing % 360:.0f}",
            }
        )
    if params is None or params.flag("IncludeService", default=True):
        alerts = [one.id for one in found.alerts]
        result["Service"] = _service(
            view,
            found.id,
            found.service_date,
            found.line,
            found.headsign,
            canceled=found.state == "canceled",
            added=found.state == "added",
            alerts=alerts,
        )
    if params is not None and (params.flag("IncludeTrackSections") or params.flag("IncludeTrackProjection")):
        line = [position(lon, lat) for lon, lat in found.geometry.coordinates]
        result["JourneyTrack"] = {"TrackSection": [{"LinkProjection": {"Position": line}}]}
    context = view.context(
        places=params is None or params.flag("IncludePlacesContext", default=True),
        situations=params is None or params.flag("IncludeSituationsContext", default=True),
    )
    return trim({"TripInfoResponseContext": context, "TripInfoResult": trim(result)})
