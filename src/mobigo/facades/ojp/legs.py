"""Trips of OJP: how journeys and their legs are written."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, NamedTuple

from mobigo.facades.ojp.wire import moment, position, said, span
from mobigo.fares.explain import name_of
from mobigo.journeys.model import Booked, Mode
from mobigo.opendata.siri_xml import frame, token, trim

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from mobigo.facades.ojp.view import View
    from mobigo.journeys.model import Call, Journey, Leg, Place, ToBook
    from mobigo.journeys.pricing import Priced
    from mobigo.opendata.siri_xml import Tree

PERSONAL = {Mode.WALK: "foot", Mode.BICYCLE: "bicycle", Mode.SHARED_BICYCLE: "bicycle", Mode.CAR: "car"}
"""How one travels by oneself."""
TURNS = {
    "LEFT": "left",
    "RIGHT": "right",
    "SLIGHTLY_LEFT": "half_left",
    "SLIGHTLY_RIGHT": "half_right",
    "HARD_LEFT": "sharp_left",
    "HARD_RIGHT": "sharp_right",
    "CONTINUE": "straight_on",
    "UTURN_LEFT": "uturn",
    "UTURN_RIGHT": "uturn",
}
"""OJP's word by the planner's."""
SAID_TURNS = {
    "fr": {"left": "Tournez à gauche", "right": "Tournez à droite", "half_left": "Légèrement à gauche",
           "half_right": "Légèrement à droite", "sharp_left": "Fortement à gauche",
           "sharp_right": "Fortement à droite", "straight_on": "Continuez", "uturn": "Faites demi-tour",
           "depart": "Partez", "on": "{turn} sur {street}"},
    "en": {"left": "Turn left", "right": "Turn right", "half_left": "Slightly left", "half_right": "Slightly right",
           "sharp_left": "Sharp left", "sharp_right": "Sharp right", "straight_on": "Continue", "uturn": "Turn round",
           "depart": "Start", "on": "{turn} on {street}"},
}  # fmt: skip


class Wanted(NamedTuple):
    """What an answer shall hold besides."""

    stops: bool = False
    """Intermediate stops."""
    tracks: bool = False
    sections: bool = False
    turns: bool = False
    fares: bool = False
    brief: bool = False
    """Only a summary."""


def write_trip(view: View, journey: Journey, wanted: Wanted) -> Tree:
    """Write a journey as a trip; its id is the journey's, by which it is refined."""
    legs: list[Tree] = []
    for n, leg in enumerate(journey.legs):
        if leg.stay_seated and n:
            legs.append({"Id": f"{n + 1}s", "Duration": "PT0S"} | _stay(view, journey.legs[n - 1], leg))
        legs.append(_leg(view, journey.legs, n, wanted))
    late = any(leg.planned_arrival and leg.arrival > leg.planned_arrival for leg in journey.legs)
    metres = [leg.metres for leg in journey.legs]
    return trim(
        {
            "Id": journey.id,
            "Duration": span(journey.arrival - journey.departure),
            "StartTime": moment(journey.departure),
            "EndTime": moment(journey.arrival),
            "Transfers": max(0, journey.transfers),
            "Distance": None if None in metres else round(sum(one for one in metres if one is not None)),
            "Leg": legs,
            "Cancelled": any(leg.canceled for leg in journey.legs) or None,
            "Delayed": late or None,
            "Infeasible": any(leg.missed for leg in journey.legs) or None,
        }
    )


def write_summary(view: View, journey: Journey) -> Tree:
    """Write what a journey is in short."""
    first, last = journey.legs[0].start, journey.legs[-1].end
    return {
        "TripId": journey.id,
        "Origin": _place(view, first),
        "Destination": _place(view, last),
        "Duration": span(journey.arrival - journey.departure),
        "StartTime": moment(journey.departure),
        "EndTime": moment(journey.arrival),
        "PTLegs": sum(leg.trip_id is not None for leg in journey.legs),
    }


def write_fare(priced: Priced, language: str) -> Tree:
    """Write what a journey costs all who travel, item by item."""
    found = priced.price
    authority = frame("Authority", "mobigo")
    products = [
        {
            "FareProductId": token(item.product),
            "FareProductName": name_of(priced.shelf.book_of(item.version), item.product, language),
            "FareAuthorityRef": authority,
            "FareAuthorityText": "mobigo",
            "Price": f"{item.cents / 100:.2f}",
            "Currency": found.currency,
            "VatRate": f"{item.vat_permille / 10:.1f}",
        }
        for item in found.items
    ]
    return trim({"FareProduct": products})


def _place(view: View, place: Place) -> Tree:
    return view.place_ref(place.name, place.lat, place.lon, place.stop_id)


def _leg(view: View, legs: Sequence[Leg], n: int, wanted: Wanted) -> Tree:
    leg = legs[n]
    head: Tree = {"Id": str(n + 1), "Duration": span(leg.arrival - leg.departure)}
    co2 = None
    if leg.co2 is not None and leg.metres:
        co2 = {"KilogramPerPersonKm": f"{leg.co2 / leg.metres:.6f}"}  # grams per metre are kilograms per kilometre
    between = 0 < n < len(legs) - 1
    if leg.trip_id is not None and leg.booking is None:
        head["TimedLeg"] = _timed(view, leg, wanted)
    elif leg.mode is Mode.WALK and between:
        head["TransferLeg"] = _transfer(view, leg, wanted)
    else:
        head["ContinuousLeg"] = _continuous(view, leg, wanted)
    return trim(head | {"EmissionCO2": co2})


def _stay(view: View, before: Leg, leg: Leg) -> Tree:
    inside = {
        "TransferType": "remainInVehicle",
        "LegStart": _place(view, before.end),
        "LegEnd": _place(view, leg.start),
        "TimeWindowStart": moment(before.arrival),
        "TimeWindowEnd": moment(leg.departure),
        "Duration": span(leg.departure - before.arrival),
        "siri:StaySeated": True,
    }
    return {"TransferLeg": inside}


def _transfer(view: View, leg: Leg, wanted: Wanted) -> Tree:
    return trim(
        {
            "TransferType": "walk",
            "LegStart": _place(view, leg.start),
            "LegEnd": _place(view, leg.end),
            "TimeWindowStart": moment(leg.departure),
            "TimeWindowEnd": moment(leg.arrival),
            "Duration": span(leg.arrival - leg.departure),
            "WalkDuration": span(leg.arrival - leg.departure),
            "Length": None if leg.metres is None else round(leg.metres),
            "PathGuidance": _guidance(view, leg, wanted),
        }
    )


def _continuous(view: View, leg: Leg, wanted: Wanted) -> Tree:
    return trim(
        {
            "LegStart": _place(view, leg.start),
            "LegEnd": _place(view, leg.end),
            "Service": _own_service(view, leg),
            "TimeWindowStart": moment(leg.departure),
            "TimeWindowEnd": moment(leg.arrival),
            "Duration": span(leg.arrival - leg.departure),
            "Length": None if leg.metres is None else round(leg.metres),
            "LegTrack": _track(view, leg, wanted),
            "PathGuidance": _guidance(view, leg, wanted),
        }
    )


def _own_service(view: View, leg: Leg) -> Tree:
    """Write what takes one along a way that no timetable has: one's feet or wheels, or what was booked."""
    if leg.booking is None:
        shared = leg.mode is Mode.SHARED_BICYCLE
        how: Tree = (
            {"AlternativeModeOfOperation": "stationBasedSharing"}
            if shared
            else {"PersonalModeOfOperation": "self" if leg.mode is Mode.WALK else "own"}
        )
        return how | {"PersonalMode": PERSONAL.get(leg.mode, "other")}
    arrangements = {"BookingArrangement": [_arrange(view, leg.booking)]}
    if leg.booking.kind is Booked.CARPOOL:
        return {"AlternativeModeOfOperation": "pooling", "PersonalMode": "car", "BookingArrangements": arrangements}
    name = leg.line.name if leg.line else leg.booking.operator or leg.booking.service_id
    return {
        "AlternativeModeOfOperation": "demandResponsive",
        "ConventionalModeOfOperation": "demandResponsive",
        "OperatingDayRef": (leg.service_date or leg.departure.date()).isoformat(),
        "JourneyRef": frame("ServiceJourney", leg.booking.trip_id),
        "siri:LineRef": frame("Line", leg.line.id if leg.line else leg.booking.service_id),
        "Mode": view.mode(Mode.BUS),
        "PublishedServiceName": said(name),
        "OriginText": said(leg.start.name),
        "DestinationText": said(leg.end.name),
        "BookingArrangements": arrangements,
    }


def _arrange(view: View, booking: ToBook) -> Tree:
    """Write how a ride is booked: at these pages, elsewhere, or by telephone."""
    methods = {"here": "online", "web": "online", "phone": "callOffice"}
    notes = [one for one in (_until(view, booking), booking.message) if one]
    url = booking.url
    if url is None and booking.quote is not None:
        url = view.request.app.state.public_url or str(view.request.base_url).rstrip("/")
    contact = trim(
        {
            "Phone": booking.phone,
            "Url": {"Label": said(booking.operator or url), "Url": url} if url else None,
        }
    )
    return trim(
        {
            "BookingContact": contact or None,
            "BookingMethods": {"BookingMethod": [methods.get(booking.how, "other")]},
            "BookingAccess": "public",
            "LatestBookingTime": f"{booking.bookable_until.astimezone(UTC):%H:%M:%SZ}",
            "BookingUrl": {"Label": said(booking.operator or url), "Url": url} if url else None,
            "BookingNotes": {"BookingNote": [said(one) for one in notes]},
        }
    )


def _until(view: View, booking: ToBook) -> str:
    until = f"{booking.bookable_until:%Y-%m-%d %H:%M}"
    return f"À réserver avant {until}" if view.language == "fr" else f"To be booked before {until}"


def _timed(view: View, leg: Leg, wanted: Wanted) -> Tree:
    board = _stop(view, leg.start) | _quays(leg)
    board["ServiceDeparture"] = when(leg.planned_departure, leg.departure)
    between = [_call(view, call, n) for n, call in enumerate(leg.calls, 2)] if wanted.stops else []
    alight = _stop(view, leg.end)
    alight |= _quay(leg.end)
    alight["ServiceArrival"] = when(leg.planned_arrival, leg.arrival)
    return trim(
        {
            "LegBoard": board | {"Order": 1},
            "LegIntermediate": between,
            "LegAlight": alight | {"Order": len(leg.calls) + 2},
            "Service": _service(view, leg),
            "LegTrack": _track(view, leg, wanted),
        }
    )


def _stop(view: View, place: Place) -> Tree:
    ref = view.stop_ref(place.stop_id or "")
    return {"siri:StopPointRef": ref, "StopPointName": said(place.name)}


def _quay(place: Place) -> Tree:
    return {"PlannedQuay": said(place.platform)} if place.platform else {}


def _quays(leg: Leg) -> Tree:
    """Write from which platform it leaves, and from which it was to."""
    now = leg.start.platform
    if leg.planned_platform is None:
        return _quay(leg.start)
    return {"PlannedQuay": said(leg.planned_platform)} | ({"EstimatedQuay": said(now)} if now else {})


def when(planned: datetime | None, now: datetime) -> Tree:
    """Write when something was to be, and when it is expected, if that is known."""
    if planned is None:
        return {"TimetabledTime": moment(now)}
    return {"TimetabledTime": moment(planned), "EstimatedTime": moment(now)}


def _call(view: View, call: Call, order: int) -> Tree:
    timed = {
        "ServiceArrival": {"TimetabledTime": moment(call.arrival)},
        "ServiceDeparture": {"TimetabledTime": moment(call.departure)},
        "Order": order,
    }
    return _stop(view, call.place) | _quay(call.place) | timed


def _service(view: View, leg: Leg) -> Tree:
    """Write what runs."""
    timetable = view.timetable
    trip = timetable.trip_ids.find(leg.trip_id or "")
    origin = destination = None
    if trip >= 0:
        first, last = int(timetable.call_first[trip]), int(timetable.call_first[trip + 1]) - 1
        origin, destination = int(timetable.call_stop[first]), int(timetable.call_stop[last])
    route = timetable.route_ids.find(leg.line.id) if leg.line else -1
    agency = int(timetable.route_agency[route]) if route >= 0 else -1
    name = leg.line.name if leg.line else leg.headsign or ""
    number = timetable.trip_short_names.at(trip) if trip >= 0 else ""
    direction = int(timetable.trip_direction[trip]) if trip >= 0 else -1
    return trim(
        {
            "OperatingDayRef": (leg.service_date or leg.departure.date()).isoformat(),
            "JourneyRef": frame("ServiceJourney", leg.trip_id or ""),
            "siri:LineRef": frame("Line", leg.line.id if leg.line else leg.trip_id or ""),
            "siri:DirectionRef": str(direction) if direction >= 0 else None,
            "Mode": view.mode(leg.mode),
            "PublishedServiceName": said(name),
            "TrainNumber": number or None,
            "OperatorRefs": {"OperatorRef": frame("Operator", timetable.agency_ids.at(agency))}
            if agency >= 0
            else None,
            "OriginText": said(timetable.stop_names.at(origin) if origin is not None else leg.start.name),
            "DestinationStopPointRef": (
                frame("Quay", timetable.stop_ids.at(destination)) if destination is not None else None
            ),
            "DestinationText": said(leg.headsign) if leg.headsign else None,
            "Unplanned": leg.added or None,
            "Cancelled": leg.canceled or None,
            "SituationFullRefs": view.situation_refs(leg.alerts),
        }
    )


def _track(view: View, leg: Leg, wanted: Wanted) -> Tree | None:
    """Write where a leg goes, along the ground or its line."""
    if not (wanted.tracks or wanted.sections):
        return None
    return {"TrackSection": [track(view, leg, projection=wanted.tracks)]}


def track(view: View, leg: Leg, *, projection: bool) -> Tree:
    """Write one section of a way."""
    line = [position(lon, lat) for lon, lat in leg.geometry] if projection else []
    return trim(
        {
            "TrackSectionStart": _place(view, leg.start),
            "TrackSectionEnd": _place(view, leg.end),
            "LinkProjection": {"Position": line} if line else None,
            "Duration": span(leg.arrival - leg.departure),
            "Length": None if leg.metres is None else round(leg.metres),
        }
    )


def _guidance(view: View, leg: Leg, wanted: Wanted) -> Tree | None:
    """Write the instructions of a walk; and its way, where nothing else holds it."""
    sections: list[Tree] = []
    words = SAID_TURNS[view.language]
    for n, step in enumerate(leg.steps if wanted.turns else ()):
        turn = TURNS.get(step.direction.upper(), "straight_on")
        spoken = words["depart"] if n == 0 else words[turn]
        spoken = words["on"].format(turn=spoken, street=step.street) if step.street else spoken
        sections.append(
            trim(
                {
                    "TrackSection": trim({"RoadName": step.street or None, "Length": round(step.metres)}),
                    "TurnDescription": said(spoken),
                    "GuidanceAdvice": "origin" if n == 0 else "turn",
                    "TurnAction": None if n == 0 else turn,
                    "RoadName": said(step.street) if step.street else None,
                }
            )
        )
    if not sections and wanted.tracks:
        sections.append({"TrackSection": track(view, leg, projection=True)})
    return {"PathGuidanceSection": sections} if sections else None
