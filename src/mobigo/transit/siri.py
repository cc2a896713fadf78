"""SIRI: estimated timetables, stop, vehicle and facility monitoring, situations and messages become a `LiveFeed`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mobigo.kit.errors import InvalidInput
from mobigo.kit.geo import MAX_LAT, MAX_LON
from mobigo.kit.memory import sweep_later
from mobigo.transit.live import CallRelation, CallUpdate, LiveFeed, Occupancy, Relation, TripUpdate, Vehicle
from mobigo.transit.siri_facilities import read_facilities
from mobigo.transit.siri_messages import read_messages
from mobigo.transit.siri_tree import (
    day_of,
    duration_of,
    instant_of,
    leaves_of,
    number_of,
    read_instant,
    read_tree,
    says,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date
    from xml.etree.ElementTree import Element

SHOWN = 20
"""Problems named at most."""
DELIVERIES = frozenset(
    {
        "EstimatedTimetableDelivery",
        "StopMonitoringDelivery",
        "VehicleMonitoringDelivery",
        "SituationExchangeDelivery",
        "GeneralMessageDelivery",
        "FacilityMonitoringDelivery",
    }
)
ON_TIME = frozenset({"ontime", "arrived", "departed"})
OCCUPANCY = {
    "empty": Occupancy.EMPTY,
    "manySeatsAvailable": Occupancy.MANY_SEATS_AVAILABLE,
    "seatsAvailable": Occupancy.MANY_SEATS_AVAILABLE,
    "fewSeatsAvailable": Occupancy.FEW_SEATS_AVAILABLE,
    "standingAvailable": Occupancy.STANDING_ROOM_ONLY,
    "standingRoomOnly": Occupancy.STANDING_ROOM_ONLY,
    "crushedStandingRoomOnly": Occupancy.CRUSHED_STANDING_ROOM_ONLY,
    "full": Occupancy.FULL,
    "notAcceptingPassengers": Occupancy.NOT_ACCEPTING_PASSENGERS,
}
CALLS = ("PreviousCalls/PreviousCall", "RecordedCalls/RecordedCall", "MonitoredCall", "EstimatedCalls/EstimatedCall")
"""Where calls of a journey lie, in the order they are made; then `ONWARD`."""
ONWARD = "OnwardCalls/OnwardCall"
WAYS = ("Arrival", "Departure")
LONG_NUMBER = 9
"""Digits of a number that is no place in a journey."""


def read(content: bytes, source: str) -> LiveFeed:
    """Understand a SIRI delivery (ET, SM, VM, SX, GM, FM), XML or SIRI Lite JSON, with or without a SOAP envelope.

    Parameters
    ----------
    content : bytes
    source : str
        The feed whose ids it speaks: the prefix of the ids in the timetable ("" where they have none).

    Returns
    -------
    LiveFeed
        Its `at` is 0 when the delivery says no time: then the time it was fetched must be put there.

    Raises
    ------
    InvalidInput
        When it is no SIRI delivery, torn, or declares a document type. Single journeys that make no sense are left out
        and named in `problems`.
    """
    with sweep_later():
        return _understand(read_tree(content, source), source)


def _understand(root: Element, source: str) -> LiveFeed:
    deliveries = [element for element in root.iter() if element.tag in DELIVERIES]
    if not deliveries and next(root.iter("ServiceDelivery"), None) is None:
        raise InvalidInput(
            f"live data of {source} are no SIRI delivery: no {', '.join(sorted(DELIVERIES))} in it; check its address"
        )
    reader = _Reader()
    for element in (root, *root.iter("ServiceDelivery"), *deliveries):
        reader.note_time(element)
    for delivery in deliveries:
        reader.read(delivery)
    alerts, problems = read_messages(deliveries)
    broken, unclear = read_facilities(deliveries)
    alerts, problems = (*alerts, *broken), (*reader.problems, *problems, *unclear)
    more = len(problems) - SHOWN
    if more > 0:
        problems = (*problems[:SHOWN], f"and {more} more of the kind")
    return LiveFeed(source, reader.at, tuple(reader.merge()), tuple(reader.vehicles), alerts, problems)


class _Reader:
    """What was understood so far."""

    def __init__(self) -> None:
        self.at = 0
        self.trips: list[TripUpdate] = []
        self.visits: dict[tuple[object, ...], TripUpdate] = {}
        self.vehicles: list[Vehicle] = []
        self.problems: list[str] = []

    def note_time(self, element: Element) -> None:
        """Keep the newest time of response."""
        try:
            self.at = max(self.at, instant_of(element, "ResponseTimestamp") or 0)
        except ValueError as problem:
            self.problems.append(f"ResponseTimestamp: {problem}")

    def read(self, delivery: Element) -> None:
        """Go through one delivery."""
        if (delivery.findtext("Status") or "true").strip().lower() == "false":
            reason = next((one.text for one in delivery.iter("Description") if one.text), "no reason given")
            self.problems.append(f"{delivery.tag}: the provider answers with an error: {reason}")
        for frame in (delivery, *delivery.findall("EstimatedJourneyVersionFrame")):
            for journey in frame.findall("EstimatedVehicleJourney"):
                self._try(self._read_estimated, journey, frame)
        for visit in delivery.findall("MonitoredStopVisit"):
            self._try(self._read_visit, visit, delivery)
        for activity in delivery.findall("VehicleActivity"):
            self._try(self._read_activity, activity, delivery)

    def merge(self) -> list[TripUpdate]:
        """List all trips, with the visits of one journey to several stops put together."""
        return [*self.trips, *(_in_order(update) for update in self.visits.values())]

    def _try(self, read: Callable[[Element, Element], None], element: Element, around: Element) -> None:
        try:
            read(element, around)
        except ValueError as problem:
            name = next((one.text for one in element.iter("DatedVehicleJourneyRef")), None) or "without a name"
            self.problems.append(f"{element.tag} {name.strip()}: {problem}")

    def _read_estimated(self, journey: Element, frame: Element) -> None:
        at = instant_of(journey, "RecordedAtTime") or instant_of(frame, "RecordedAtTime")
        calls = _read_calls(journey)
        relation = Relation.SCHEDULED
        if says(journey, "Cancellation"):
            relation, calls = Relation.CANCELED, []
        elif says(journey, "ExtraJourney"):
            relation = Relation.NEW
        elif any(extra for _, extra in calls):
            if says(journey, "IsCompleteStopSequence"):
                relation = Relation.REPLACEMENT
            else:
                self.problems.append(
                    f"EstimatedVehicleJourney {_journey_ref(journey)}: extra calls are left out, its stops are not"
                    " said to be complete (IsCompleteStopSequence)"
                )
                calls = [(call, extra) for call, extra in calls if not extra]
        self.trips.append(_make_trip(journey, relation, tuple(call for call, _ in calls), at))

    def _read_visit(self, visit: Element, delivery: Element) -> None:
        journey = visit.find("MonitoredVehicleJourney")
        if journey is None:
            return
        stop = text_of(visit, "MonitoringRef") or text_of(delivery, "MonitoringRef")
        at = instant_of(visit, "RecordedAtTime")
        update = _make_trip(journey, Relation.SCHEDULED, tuple(call for call, _ in _read_calls(journey, stop)), at)
        self._take_position(visit, journey, at)
        key: tuple[object, ...] = (update.trip_id, update.start_date, update.line_name)
        if update.trip_id is None:
            key = (*key, text_of(journey, "VehicleRef", "CourseOfJourneyRef") or len(self.visits))
        before = self.visits.get(key)
        if before is not None:
            newer, older = (update, before) if (update.at or 0) >= (before.at or 0) else (before, update)
            known = {(call.sequence, call.stop_id) for call in newer.calls}
            more = tuple(call for call in older.calls if (call.sequence, call.stop_id) not in known)
            update = replace(newer, calls=newer.calls + more)
        self.visits[key] = update

    def _read_activity(self, activity: Element, _delivery: Element) -> None:
        journey = activity.find("MonitoredVehicleJourney")
        if journey is None:
            return
        at = instant_of(activity, "RecordedAtTime")
        self._take_position(activity, journey, at)
        calls = tuple(call for call, _ in _read_calls(journey) if call[2:6] != (None,) * 4)
        update = _make_trip(journey, Relation.SCHEDULED, calls, at)
        if update.calls or update.delay is not None:
            self.trips.append(update)

    def _take_position(self, around: Element, journey: Element, at: int | None) -> None:
        """Keep where the vehicle of a journey is, when that is said."""
        place = journey.find("VehicleLocation")
        if place is None:
            return
        lat, lon = number_of(place, "Latitude"), number_of(place, "Longitude")
        name = text_of(journey, "VehicleRef") or text_of(around, "VehicleMonitoringRef", "ItemIdentifier")
        if lat is None or lon is None or not (abs(lat) <= MAX_LAT and abs(lon) <= MAX_LON):
            self.problems.append(f"vehicle {name}: its VehicleLocation has no latitude and longitude in degrees")
            return
        trip, day = _journey_ref(journey), _day_ref(journey)
        call = journey.find("MonitoredCall")
        self.vehicles.append(
            Vehicle(
                vehicle_id=name or trip or "unnamed",
                trip_id=trip,
                start_date=day,
                route_id=text_of(journey, "LineRef"),
                lat=lat,
                lon=lon,
                at=instant_of(journey, "LocationRecordedAtTime") or at or self.at,
                bearing=number_of(journey, "Bearing"),
                speed=number_of(journey, "Velocity"),
                stop_id=None if call is None else text_of(call, "StopPointRef"),
                label=text_of(journey, "PublishedLineName"),
                occupancy=OCCUPANCY.get(text_of(journey, "Occupancy") or ""),
            )
        )


def _make_trip(journey: Element, relation: Relation, calls: tuple[CallUpdate, ...], at: int | None) -> TripUpdate:
    return TripUpdate(
        trip_id=_journey_ref(journey),
        start_date=_day_ref(journey),
        route_id=text_of(journey, "LineRef"),
        relation=relation,
        calls=calls,
        delay=duration_of(journey, "Delay"),
        at=at,
        vehicle=text_of(journey, "VehicleRef"),
        headsign=text_of(journey, "DestinationName") if relation is Relation.NEW else None,
        line_name=text_of(journey, "PublishedLineName", "LineRef"),
    )


def _journey_ref(journey: Element) -> str | None:
    return text_of(
        journey,
        "FramedVehicleJourneyRef/DatedVehicleJourneyRef",
        "DatedVehicleJourneyRef",
        "VehicleJourneyRef",
        "EstimatedVehicleJourneyCode",
    )


def _day_ref(journey: Element) -> date | None:
    return day_of(text_of(journey, "FramedVehicleJourneyRef/DataFrameRef", "DataFrameRef"))


def _read_calls(journey: Element, monitored_stop: str | None = None) -> list[tuple[CallUpdate, bool]]:
    """Calls of a journey in order, and whether each is an extra one."""
    calls = [call for path in (*CALLS, ONWARD) for call in journey.findall(path)]
    return [
        (_read_call(call, monitored_stop if call.tag == "MonitoredCall" else None), says(call, "ExtraCall"))
        for call in calls
    ]


def _read_call(call: Element, monitored_stop: str | None) -> CallUpdate:
    """Read one call; there may be very many, so its children are gone through once."""
    said = leaves_of(call)
    statuses = {said.get(f"{way}Status", "").lower() for way in WAYS} - {""}
    off = said.get("Cancellation", "").lower() in ("true", "1") or statuses == {"cancelled"}
    order = said.get("Order", "")
    return CallUpdate(
        sequence=int(order) if order.isdecimal() and len(order) < LONG_NUMBER else None,
        stop_id=said.get("StopPointRef", monitored_stop),
        arrival=_expect(said, "Arrival"),
        departure=_expect(said, "Departure"),
        relation=CallRelation.SKIPPED if off else CallRelation.SCHEDULED,
        assigned_stop_id=_find_assigned(call),
        platform=said.get("DeparturePlatformName", said.get("ArrivalPlatformName")),
        planned_arrival=_read(said, "AimedArrivalTime"),
        planned_departure=_read(said, "AimedDepartureTime"),
    )


def _find_assigned(call: Element) -> str | None:
    """Find the quay a call was moved to, None when it is the one it was planned at."""
    for way in reversed(WAYS):
        assignment = call.find(f"{way}StopAssignment")
        if assignment is not None:
            quays = leaves_of(assignment)
            assigned = quays.get("ActualQuayRef", quays.get("ExpectedQuayRef"))
            if assigned is not None:
                return assigned if assigned != quays.get("AimedQuayRef") else None
    return None


def _read(said: dict[str, str], name: str) -> int | None:
    return read_instant(said[name]) if name in said else None


def _expect(said: dict[str, str], way: str) -> int | None:
    """When a vehicle did, will, or (where it is said to be on time) should arrive or depart."""
    for name in (f"Actual{way}Time", f"Expected{way}Time"):
        if name in said:
            return read_instant(said[name])
    return _read(said, f"Aimed{way}Time") if said.get(f"{way}Status", "").lower() in ON_TIME else None


def _in_order(update: TripUpdate) -> TripUpdate:
    """Sort calls that came one by one."""

    def when(call: CallUpdate) -> tuple[int, int]:
        times = (call.planned_arrival, call.planned_departure, call.arrival, call.departure)
        return next((time for time in times if time is not None), 0), call.sequence or 0

    return replace(update, calls=tuple(sorted(update.calls, key=when)))
