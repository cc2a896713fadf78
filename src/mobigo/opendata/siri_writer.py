"""What runs now as SIRI says it: estimated timetables, visits at stops, vehicles, situations, messages, discovery.

Journeys, lines and stops go by the ids of NeTEx (`netex_xml.name`), within which stand the ids of every other format.

References
----------
SIRI 2.1 (CEN/TS 15531); French profile of SIRI: ET, SM, VM, SX, GM, StopPointsDiscovery, LinesDiscovery, CheckStatus.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np

from mobigo.opendata.netex_xml import CODESPACE
from mobigo.opendata.siri_xml import VERSION, duration, instant, names, ref, token, trim
from mobigo.transit.boards import headsign
from mobigo.transit.live import Occupancy, Relation
from mobigo.transit.live_publish import Delays
from mobigo.transit.overlay import NEVER, CallStatus, GoneKind
from mobigo.transit.timetable import ALL_RUNS, NOT_ALLOWED, STATION, begin_day, day_number, service_date

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mobigo.opendata.siri_xml import Tree
    from mobigo.transit.live import Alert, Target, Vehicle
    from mobigo.transit.live_snapshot import LiveSnapshot
    from mobigo.transit.overlay import Overlay
    from mobigo.transit.timetable import Timetable

DIRECTIONS = {0: "outbound", 1: "inbound"}
"""Of NeTEx and SIRI, by direction_id."""
NO_DIRECTION = "unknown"
OCCUPANCY = {
    Occupancy.EMPTY: "empty",
    Occupancy.MANY_SEATS_AVAILABLE: "manySeatsAvailable",
    Occupancy.FEW_SEATS_AVAILABLE: "fewSeatsAvailable",
    Occupancy.STANDING_ROOM_ONLY: "standingRoomOnly",
    Occupancy.CRUSHED_STANDING_ROOM_ONLY: "crushedStandingRoomOnly",
    Occupancy.FULL: "full",
    Occupancy.NOT_ACCEPTING_PASSENGERS: "notAcceptingPassengers",
    Occupancy.NO_DATA_AVAILABLE: "unknown",
    Occupancy.NOT_BOARDABLE: "notAcceptingPassengers",
}
CAUSES = {
    "OTHER_CAUSE": "miscellaneous",
    "TECHNICAL_PROBLEM": "technicalProblem",
    "STRIKE": "industrialAction",
    "DEMONSTRATION": "demonstration",
    "ACCIDENT": "accident",
    "HOLIDAY": "holiday",
    "WEATHER": "poorWeather",
    "MAINTENANCE": "maintenanceWork",
    "CONSTRUCTION": "constructionWork",
    "POLICE_ACTIVITY": "policeActivity",
    "MEDICAL_EMERGENCY": "emergencyMedicalServices",
    "SPECIAL_EVENT": "specialEvent",
}
"""AlertCause by the causes of GTFS-Realtime."""
EFFECTS = {
    "NO_SERVICE": "noService",
    "REDUCED_SERVICE": "intermittentService",
    "SIGNIFICANT_DELAYS": "majorDelays",
    "DETOUR": "diverted",
    "ADDITIONAL_SERVICE": "additionalService",
    "MODIFIED_SERVICE": "altered",
    "STOP_MOVED": "stopMoved",
    "NO_EFFECT": "normalService",
}
"""Conditions by the effects of GTFS-Realtime."""
SEVERITIES = {"INFO": "slight", "WARNING": "normal", "SEVERE": "severe"}
CHANNELS = {"INFO": "Information"}
DISTURBED = "Perturbation"
"""Channel of messages that are more than information."""
KEPT = 300
"""Seconds for which the place of a vehicle is worth anything."""
ON_TIME = 60
"""Seconds within which a call is on time."""


@dataclass(frozen=True)
class Moment:
    """What messages are written from: a timetable, what live data say of it, and whose rows may be told."""

    timetable: Timetable
    """With the live data laid over it, if there are any."""
    live: LiveSnapshot | None
    at: int
    """Seconds since 1970 UTC."""
    hidden: frozenset[str]
    """Sources of which nothing is told."""

    def shows(self, id_: str) -> bool:
        """Tell whether something may be told of, by its id."""
        return id_.partition(":")[0] not in self.hidden

    @cached_property
    def zones(self) -> list[ZoneInfo]:
        """The time zones, as numbered by the timetable."""
        return [ZoneInfo(name) for name in self.timetable.zones.all()]

    @cached_property
    def stops(self) -> list[str]:
        """The id of each stop."""
        return self.timetable.stop_ids.all()

    @cached_property
    def stop_names(self) -> list[str]:
        """The name of each stop."""
        return self.timetable.stop_names.all()

    @cached_property
    def routes(self) -> list[str]:
        """The id of each line."""
        return self.timetable.route_ids.all()

    @cached_property
    def route_names(self) -> list[str]:
        """What is painted on the vehicles of each line: its short name, else its long one, else its id."""
        table = self.timetable
        alike = zip(table.route_short_names.all(), table.route_long_names.all(), self.routes, strict=True)
        return [short or long or id_ for short, long, id_ in alike]

    @cached_property
    def stop_of(self) -> dict[str, int]:
        """Index of each stop, by id."""
        return {id_: stop for stop, id_ in enumerate(self.stops)}

    @cached_property
    def route_of(self) -> dict[str, int]:
        """Index of each line, by id."""
        return {id_: route for route, id_ in enumerate(self.routes)}

    @cached_property
    def stations(self) -> frozenset[str]:
        """The ids of stations."""
        return frozenset(self.stops[stop] for stop in np.flatnonzero(self.timetable.stop_type == STATION).tolist())

    @cached_property
    def numbers(self) -> dict[tuple[str, int], int]:
        """Appended trips by the id of the trip they stand for, and the day."""
        if self.live is None:
            return {}
        overlay = self.live.overlay
        pairs = zip(overlay.trip_base.tolist(), overlay.trip_day.tolist(), strict=True)
        return {
            (self.timetable.trip_ids.at(base if base >= 0 else int(overlay.base_trips[0]) + number), day): number
            for number, (base, day) in enumerate(pairs)
        }


def deliver(moment: Moment, kind: str, inside: Tree, *, more: bool = False) -> Tree:
    """Put what is delivered into its envelope."""
    at = instant(moment.at)
    return {
        "ServiceDelivery": {
            "ResponseTimestamp": at,
            "ProducerRef": {"value": CODESPACE},
            "Status": True,
            "MoreData": more,
            kind: [{"version": VERSION, "ResponseTimestamp": at, "Status": True, **inside}],
        }
    }


def refuse(at: int, kind: str, sentence: str) -> Tree:
    """Say in the words of SIRI that a question cannot be answered; of an estimated timetable see `estimate`."""
    error = {"InvalidDataReferencesError": {"ErrorText": sentence}, "Description": {"value": sentence}}
    inside: Tree = {"version": VERSION, "ResponseTimestamp": instant(at), "Status": False, "ErrorCondition": error}
    if kind in {"StopPointsDelivery", "LinesDelivery"}:
        return {kind: inside}
    outer: Tree = {"ResponseTimestamp": instant(at), "ProducerRef": {"value": CODESPACE}, "Status": False}
    if kind == "EstimatedTimetableDelivery":
        kind, inside = "SituationExchangeDelivery", {"version": VERSION, "ResponseTimestamp": instant(at)}
        outer["ErrorCondition"] = {"OtherError": {"ErrorText": sentence}, "Description": {"value": sentence}}
    return {"ServiceDelivery": {**outer, "MoreData": False, kind: [inside]}}


def check_status(at: int, *, serves: bool, live: bool) -> Tree:
    """Say whether timetables are served, and live data."""
    return {
        "CheckStatusResponse": {
            "ResponseTimestamp": instant(at),
            "ProducerRef": {"value": CODESPACE},
            "Status": serves,
            "DataReady": live,
        }
    }


# ── estimated timetables ──────────────────────────────────────────────────────────────────────────────────────────────


def estimate(moment: Moment, journeys: Sequence[Tree], *, more: bool = False) -> Tree:
    """Write journeys as an estimated timetable.

    The schema lets none be without a journey: when there is none, an empty delivery of situations stands for it.
    """
    if not journeys:
        return deliver(moment, "SituationExchangeDelivery", {}, more=more)
    framed = {"RecordedAtTime": instant(moment.at), "EstimatedVehicleJourney": journeys}
    return deliver(moment, "EstimatedTimetableDelivery", {"EstimatedJourneyVersionFrame": [framed]}, more=more)


def list_journeys(moment: Moment) -> list[Tree]:
    """List all journeys of which live data say anything: as they run now, and those that do not."""
    if moment.live is None:
        return []
    found = [_write_gone(moment, moment.live.overlay, row) for row in range(len(moment.live.overlay.gone_kind))]
    found += [_write_journey(moment, moment.live, number) for number in range(len(moment.live.overlay.trip_base))]
    return [one for one in found if one is not None]


def identify(moment: Moment, trip: int, day: int, trip_id: str) -> Tree:
    """Name a journey: line, direction, trip and day."""
    table, route = moment.timetable, int(moment.timetable.trip_route[trip])
    return {
        "LineRef": ref("Line", moment.routes[route]) if route >= 0 else {"value": NO_DIRECTION},
        "DirectionRef": {"value": DIRECTIONS.get(int(table.trip_direction[trip]), NO_DIRECTION)},
        "FramedVehicleJourneyRef": _frame_journey(trip_id, day),
    }


def _frame_journey(trip_id: str, day: int) -> Tree:
    return {
        "DataFrameRef": {"value": service_date(day).isoformat()},
        "DatedVehicleJourneyRef": ref("ServiceJourney", trip_id)["value"],
    }


def line_name(moment: Moment, trip: int) -> Tree:
    """Name the line of a journey as travellers know it."""
    route = int(moment.timetable.trip_route[trip])
    return {"PublishedLineName": names(moment.route_names[route]) if route >= 0 else []}


def describe(moment: Moment, trip: int) -> Tree:
    """Describe a journey: where it begins and goes."""
    table = moment.timetable
    first, last = int(table.call_first[trip]), int(table.call_first[trip + 1]) - 1
    return {
        "OriginName": names(moment.stop_names[int(table.call_stop[first])]),
        "DestinationRef": ref("Quay", moment.stops[int(table.call_stop[last])]),
        "DestinationName": names(headsign(table, trip, first)),
    }


def operate(moment: Moment, trip: int) -> Tree:
    """Name who runs a journey."""
    table, route = moment.timetable, int(moment.timetable.trip_route[trip])
    agency = int(table.route_agency[route]) if route >= 0 else -1
    return {"OperatorRef": ref("Operator", table.agency_ids.at(agency))} if agency >= 0 else {}


RELATIONS = tuple(Relation)
DUPLICATED, REPLACEMENT = RELATIONS.index(Relation.DUPLICATED), RELATIONS.index(Relation.REPLACEMENT)


def name_trip(moment: Moment, trip: int) -> str:
    """Return the id under which a trip is told: that of the timetable, of an added one its own."""
    overlay = moment.live.overlay if moment.live else None
    number = -1 if overlay is None else trip - int(overlay.base_trips[0])
    if overlay is None or number < 0:
        return moment.timetable.trip_ids.at(trip)
    base = int(overlay.trip_base[number])
    return moment.timetable.trip_ids.at(trip if base < 0 or overlay.trip_relation[number] == DUPLICATED else base)


def _write_gone(moment: Moment, overlay: Overlay, row: int) -> Tree | None:
    """Write a run that does not run and that nothing stands for."""
    table = overlay.timetable
    trip, day, shift = int(table.gone_trip[row]), int(table.gone_day[row]), int(table.gone_shift[row])
    trip_id = table.trip_ids.at(trip)
    if overlay.gone_kind[row] == GoneKind.REPLACED or not moment.shows(trip_id):
        return None
    midnight = begin_day(day, moment.zones[int(table.trip_zone[trip])]) + (0 if shift == ALL_RUNS else shift)
    first, last = int(table.call_first[trip]), int(table.call_first[trip + 1]) - 1
    return trim(
        {
            **identify(moment, trip, day, trip_id),
            "Cancellation": True,
            **line_name(moment, trip),
            **describe(moment, trip),
            **operate(moment, trip),
            "OriginAimedDepartureTime": instant(midnight + int(table.call_departure[first])),
            "DestinationAimedArrivalTime": instant(midnight + int(table.call_arrival[last])),
        }
    )


def _write_journey(moment: Moment, live: LiveSnapshot, number: int) -> Tree | None:
    """Write one journey as it runs now: the calls made, then those ahead."""
    overlay, table = live.overlay, live.overlay.timetable
    trip, day = int(overlay.base_trips[0]) + number, int(overlay.trip_day[number])
    base = int(overlay.trip_base[number])
    trip_id = name_trip(moment, trip)
    if not moment.shows(trip_id):
        return None
    midnight = begin_day(day, moment.zones[int(table.trip_zone[trip])])
    done, ahead = _list_calls(moment, overlay, trip, base, midnight)
    vehicle = live.find_vehicle(trip_id, service_date(day))
    return trim(
        {
            **identify(moment, trip, day, trip_id),
            "ExtraJourney": True if base < 0 or overlay.trip_relation[number] == DUPLICATED else None,
            **line_name(moment, trip),
            **describe(moment, trip),
            **operate(moment, trip),
            "Monitored": True,
            "VehicleRef": ref("Vehicle", vehicle.vehicle_id) if vehicle else None,
            "RecordedCalls": {"RecordedCall": done} if done else None,
            "EstimatedCalls": {"EstimatedCall": ahead} if ahead else None,
            "IsCompleteStopSequence": True,
        }
    )


def _list_calls(moment: Moment, overlay: Overlay, trip: int, base: int, midnight: int) -> tuple[list[Tree], list[Tree]]:
    """List the calls of an appended trip: those it has left, and those ahead."""
    table, offset = overlay.timetable, int(overlay.base_calls[0])
    rows = slice(int(table.call_first[trip]), int(table.call_first[trip + 1]))
    here = slice(rows.start - offset, rows.stop - offset)
    stops = table.call_stop[rows].tolist()
    meant = stops
    if base >= 0:
        planned = table.call_stop[table.call_first[base] : table.call_first[base + 1]].tolist()
        meant = planned if len(planned) == len(stops) else stops
    arrival, departure = table.call_arrival[rows].tolist(), table.call_departure[rows].tolist()
    aimed = overlay.call_planned_arrival[here].tolist(), overlay.call_planned_departure[here].tolist()
    status, platform = overlay.call_status[here].tolist(), overlay.call_platform[here].tolist()
    boards, alights = table.call_pickup[rows].tolist(), table.call_drop_off[rows].tolist()
    order = table.call_sequence[rows].tolist()
    replaced = bool(overlay.trip_relation[trip - int(overlay.base_trips[0])] == REPLACEMENT)
    numbered, last = min(order) > 0, len(stops) - 1
    done: list[Tree] = []
    ahead: list[Tree] = []
    for at, stop in enumerate(stops):
        call = Call(
            stop=moment.stops[meant[at]],
            moved=moment.stops[stop] if stop != meant[at] else None,
            order=order[at] if numbered else None,
            status=status[at],
            platform=overlay.platforms.at(platform[at]) if platform[at] >= 0 else None,
            arrival=None if at == 0 else midnight + arrival[at],
            departure=None if at == last else midnight + departure[at],
            aimed_arrival=None if at == 0 or aimed[0][at] == NEVER else midnight + aimed[0][at],
            aimed_departure=None if at == last or aimed[1][at] == NEVER else midnight + aimed[1][at],
            added=replaced,
            boards=boards[at] != NOT_ALLOWED,
            alights=alights[at] != NOT_ALLOWED,
        )
        over = not ahead and midnight + (arrival[at] if at == last else departure[at]) <= moment.at
        (done if over else ahead).append(write_call(call, moment.stop_names[stop], done=over))
    return done, ahead


@dataclass(slots=True)
class Call:
    """One call; instants in seconds since 1970 UTC."""

    stop: str
    moved: str | None
    """The stop it was moved to."""
    order: int | None
    status: int
    platform: str | None
    arrival: int | None
    departure: int | None
    aimed_arrival: int | None
    aimed_departure: int | None
    added: bool = False
    """It is not in the timetable."""
    boards: bool = True
    alights: bool = True


def write_call(call: Call, name: str, *, done: bool) -> Tree:
    """Write a call in the order of the schema; times of what was not observed or predicted are left out."""
    tree: Tree = {"StopPointRef": ref("Quay", call.stop)}
    if call.order is not None:
        tree["Order"] = call.order
    if name:
        tree["StopPointName"] = [{"value": name}]
    if call.status == CallStatus.SKIPPED:
        tree["Cancellation"] = True
    elif call.added:
        tree["ExtraCall"] = True
    if call.arrival is not None:
        tree |= _write_time(call, "Arrival", call.arrival, call.aimed_arrival, done=done)
    if call.departure is not None:
        tree |= _write_time(call, "Departure", call.departure, call.aimed_departure, done=done)
    return tree


def _write_time(call: Call, way: str, time: int, aimed: int | None, *, done: bool) -> Tree:
    """Write an arrival or a departure; the platform stands at the departure, where there is one."""
    told = call.status == CallStatus.LIVE or (call.added and call.status != CallStatus.SKIPPED)
    first: Tree = {} if aimed is None else {f"Aimed{way}Time": instant(aimed)}
    timed: Tree = {}
    if told:
        timed[f"{'Actual' if done else 'Expected'}{way}Time"] = instant(time)
        timed[f"{way}Status"] = _judge(time, aimed, way, done=done)
    elif call.status in SILENT:
        timed[f"{way}Status"] = SILENT[call.status]
    barred: Tree = {}
    if not (call.alights if way == "Arrival" else call.boards):
        barred[f"{way}BoardingActivity"] = "noAlighting" if way == "Arrival" else "noBoarding"
    if way == "Arrival" and call.departure is not None:
        return first | timed | barred
    named: Tree = {f"{way}PlatformName": {"value": call.platform}} if call.platform else {}
    assigned: Tree = {}
    if call.moved:
        assigned[f"{way}StopAssignment"] = [
            {
                "AimedQuayRef": ref("Quay", call.stop),
                ("ActualQuayRef" if done else "ExpectedQuayRef"): ref("Quay", call.moved),
            }
        ]
    if done and way == "Departure":  # there the schema has the platform before the time
        return first | named | timed | barred | assigned
    return first | timed | named | barred | assigned


SILENT = {int(CallStatus.SKIPPED): "cancelled", int(CallStatus.NO_DATA): "noReport"}
"""Status of calls without times."""


def _judge(time: int, aimed: int | None, way: str, *, done: bool) -> str:
    if done:
        return "arrived" if way == "Arrival" else "departed"
    late = 0 if aimed is None else time - aimed
    return "onTime" if abs(late) < ON_TIME else "delayed" if late > 0 else "early"


# ── vehicles ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def list_vehicles(moment: Moment) -> list[Tree]:
    """List where vehicles are."""
    if moment.live is None:
        return []
    delays = Delays(moment.live)
    return [_write_vehicle(moment, delays, one) for one in moment.live.vehicles if moment.shows(one.vehicle_id)]


def _write_vehicle(moment: Moment, delays: Delays, one: Vehicle) -> Tree:
    known = None if one.trip_id is None or one.start_date is None else (one.trip_id, day_number(one.start_date))
    number = None if known is None else moment.numbers.get(known)
    journey: Tree = {"LineRef": ref("Line", one.route_id) if one.route_id else None}
    delay = None
    if number is not None and moment.live is not None and known is not None:
        trip = int(moment.live.overlay.base_trips[0]) + number
        journey = {
            **identify(moment, trip, known[1], known[0]),
            **line_name(moment, trip),
            **operate(moment, trip),
            **describe(moment, trip),
        }
        base = int(moment.live.overlay.trip_base[number])
        delay = delays.find(base, one.start_date) if base >= 0 else None
    elif known is not None:
        journey["FramedVehicleJourneyRef"] = _frame_journey(*known)
    journey |= {
        "Monitored": True,
        "VehicleLocation": {"Longitude": round(one.lon, 6), "Latitude": round(one.lat, 6)},
        "LocationRecordedAtTime": instant(one.at),
        "Bearing": None if one.bearing is None else round(one.bearing % 360, 1),
        "Velocity": None if one.speed is None else max(round(one.speed), 0),
        "Occupancy": OCCUPANCY.get(one.occupancy) if one.occupancy else None,
        "Delay": None if delay is None else duration(delay),
        "VehicleJourneyRef": ref("ServiceJourney", one.trip_id) if one.trip_id and known is None else None,
        "VehicleRef": ref("Vehicle", one.vehicle_id),
        "MonitoredCall": {"StopPointRef": ref("Quay", one.stop_id)} if one.stop_id else None,
    }
    return {
        "RecordedAtTime": instant(one.at),
        "ItemIdentifier": ref("Vehicle", one.vehicle_id)["value"],
        "ValidUntilTime": instant(one.at + KEPT),
        "VehicleMonitoringRef": ref("Vehicle", one.vehicle_id),
        "MonitoredVehicleJourney": trim(journey),
    }


# ── messages ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def list_situations(moment: Moment) -> list[Tree]:
    """List messages to travellers as situations."""
    return [_write_situation(moment, one) for one in _list_alerts(moment)]


def list_messages(moment: Moment) -> list[Tree]:
    """List messages to travellers as general messages."""
    return [_write_message(moment, one) for one in _list_alerts(moment)]


def _list_alerts(moment: Moment) -> Iterator[Alert]:
    for id_, one in moment.live.alerts.items() if moment.live else ():
        if moment.shows(id_):
            yield one


def _bounded(seconds: int | None) -> int | None:
    """Return an instant that has a date; what lies beyond is open."""
    return None if seconds is None or seconds > LATEST else max(seconds, 0)


LATEST = 253_370_764_800
"""Seconds since 1970 UTC, the year 9999."""


def _write_situation(moment: Moment, one: Alert) -> Tree:
    source, _, number = one.id.partition(":")
    periods = [(_bounded(start) or 0, _bounded(end)) for start, end in one.periods] or [(0, None)]
    condition, severity = EFFECTS.get(one.effect), SEVERITIES.get(one.severity, "unknown")
    links = [link for link in one.url.values() if link]
    return trim(
        {
            "CreationTime": instant(min(moment.at, periods[0][0]) if periods[0][0] else moment.at),
            "ParticipantRef": {"value": source} if number else None,
            "SituationNumber": {"value": number or source},
            "Source": {"SourceType": "directReport"},
            "Progress": "published",
            "ValidityPeriod": [
                trim({"StartTime": instant(start), "EndTime": None if end is None else instant(end)})
                for start, end in periods
            ],
            "AlertCause": CAUSES.get(one.cause, "unknown"),
            "Severity": severity,
            "Summary": _texts(one.header),
            "Description": _texts(one.description),
            "InfoLinks": {"InfoLink": [{"Uri": link} for link in links]} if links else None,
            "Affects": _write_affected(moment, one.targets) or None,
            "Consequences": {"Consequence": [{"Condition": [condition], "Severity": severity}]} if condition else None,
        }
    )


def _texts(texts: dict[str, str]) -> list[Tree]:
    return [said for language, text in texts.items() for said in names(text, language)]


def _write_affected(moment: Moment, targets: Iterable[Target]) -> Tree:
    """Write what a situation is about; a stop of a line stands below the line."""
    lines: dict[str, dict[str, Any]] = {}
    agencies: list[str] = []
    stops: list[str] = []
    stations: list[str] = []
    journeys: list[Tree] = []
    for one in targets:
        if one.trip_id is not None:
            journeys.append(_affect_journey(one))
        elif one.route_id is not None:
            line = lines.setdefault(one.route_id, {"directions": {}, "stops": {}})
            if one.direction is not None:
                line["directions"][DIRECTIONS.get(one.direction, NO_DIRECTION)] = True
            if one.stop_id is not None:
                line["stops"][one.stop_id] = True
        elif one.stop_id is not None:
            (stations if one.stop_id in moment.stations else stops).append(one.stop_id)
        elif one.agency_id is not None:
            agencies.append(one.agency_id)
    return trim(
        {
            "Operators": _below("AffectedOperator", [{"OperatorRef": ref("Operator", id_)} for id_ in agencies]),
            "Networks": _below(
                "AffectedNetwork", [{"AffectedLine": [_affect_line(*line) for line in lines.items()]}] if lines else []
            ),
            "StopPoints": _below("AffectedStopPoint", [{"StopPointRef": ref("Quay", id_)} for id_ in stops]),
            "StopPlaces": _below("AffectedStopPlace", [{"StopPlaceRef": ref("StopPlace", id_)} for id_ in stations]),
            "VehicleJourneys": _below("AffectedVehicleJourney", journeys),
        }
    )


def _below(tag: str, inside: list[Tree]) -> Tree | None:
    return {tag: inside} if inside else None


def _affect_line(id_: str, about: dict[str, Any]) -> Tree:
    return trim(
        {
            "LineRef": ref("Line", id_),
            "Direction": [{"DirectionRef": {"value": direction}} for direction in about["directions"]],
            "StopPoints": _below("AffectedStopPoint", [{"StopPointRef": ref("Quay", stop)} for stop in about["stops"]]),
        }
    )


def _affect_journey(one: Target) -> Tree:
    assert one.trip_id is not None
    if one.start_date is None:
        return {"VehicleJourneyRef": [ref("ServiceJourney", one.trip_id)]}
    return {"FramedVehicleJourneyRef": _frame_journey(one.trip_id, day_number(one.start_date))}


def _write_message(moment: Moment, one: Alert) -> Tree:
    starts = [start for begin, _ in one.periods if (start := _bounded(begin))]
    ends = [_bounded(end) for _, end in one.periods]
    closed = [end for end in ends if end is not None]
    until = max(closed) if closed and len(closed) == len(ends) else None
    parts = [("shortMessage", one.header), ("longMessage", one.description)]
    refs: dict[str, list[Tree]] = {"LineRef": [], "StopPointRef": [], "VehicleJourneyRef": []}
    for target in one.targets:
        for tag, kind, id_ in (
            ("LineRef", "Line", target.route_id),
            ("StopPointRef", "StopPlace" if target.stop_id in moment.stations else "Quay", target.stop_id),
            ("VehicleJourneyRef", "ServiceJourney", target.trip_id),
        ):
            if id_ is not None and ref(kind, id_) not in refs[tag]:
                refs[tag].append(ref(kind, id_))
    return trim(
        {
            "RecordedAtTime": instant(min([moment.at, *starts])),
            "ItemIdentifier": token(one.id),
            "InfoMessageIdentifier": {"value": token(one.id)},
            "InfoMessageVersion": 1,
            "InfoChannelRef": {"value": CHANNELS.get(one.severity, DISTURBED)},
            "ValidUntilTime": None if until is None else instant(until),
            "Content": trim(
                {
                    **refs,
                    "Message": [
                        {"MessageType": kind, "MessageText": said} for kind, texts in parts for said in _texts(texts)
                    ],
                }
            ),
        }
    )


# ── discovery ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def discover_lines(moment: Moment) -> Tree:
    """List all lines, with where they go."""
    table = moment.timetable
    ends: dict[int, dict[int, None]] = {}
    trips = np.flatnonzero(table.trip_pattern >= 0)
    last = table.call_stop[table.call_first[trips + 1] - 1]
    pairs = np.unique(np.stack([table.trip_route[trips].astype(np.int64), last.astype(np.int64)]), axis=1)
    for route, stop in zip(*pairs.tolist(), strict=True):
        ends.setdefault(route, {})[stop] = None
    found = [
        {
            "LineRef": ref("Line", id_),
            "LineName": names(moment.route_names[route]),
            "Monitored": True,
            "Destinations": {
                "Destination": [
                    trim(
                        {
                            "DestinationRef": ref("Quay", moment.stops[stop]),
                            "PlaceName": names(moment.stop_names[stop]),
                        }
                    )
                    for stop in ends[route]
                ]
            },
        }
        for route, id_ in enumerate(moment.routes)
        if moment.shows(id_) and route in ends
    ]
    return {"LinesDelivery": _discovered(moment, "AnnotatedLineRef", found)}


def discover_stops(moment: Moment) -> Tree:
    """List all stops where vehicles call, with the lines that do."""
    table = moment.timetable
    pattern = np.repeat(np.arange(len(table.pattern_first) - 1), np.diff(table.pattern_first))
    trips = np.flatnonzero(table.trip_pattern >= 0)
    route_of = np.full(len(table.pattern_first), -1)
    route_of[table.trip_pattern[trips]] = table.trip_route[trips]
    pairs = np.unique(np.stack([table.pattern_stop.astype(np.int64), route_of[pattern]]), axis=1)
    lines: dict[int, list[int]] = {}
    for stop, route in zip(*pairs.tolist(), strict=True):
        if route >= 0:
            lines.setdefault(stop, []).append(route)
    found = [
        trim(
            {
                "StopPointRef": ref("Quay", moment.stops[stop]),
                "Monitored": True,
                "StopName": names(moment.stop_names[stop]),
                "StopAreaRef": ref("StopPlace", moment.stops[station])
                if (station := int(table.stop_parent[stop])) >= 0
                else None,
                "Lines": {"LineRef": [ref("Line", moment.routes[route]) for route in routes]},
                "Location": _locate(float(table.stop_lon[stop]), float(table.stop_lat[stop])),
            }
        )
        for stop, routes in lines.items()
        if moment.shows(moment.stops[stop])
    ]
    return {"StopPointsDelivery": _discovered(moment, "AnnotatedStopPointRef", found)}


def _locate(lon: float, lat: float) -> Tree | None:
    return None if np.isnan(lon) or np.isnan(lat) else {"Longitude": round(lon, 6), "Latitude": round(lat, 6)}


def _discovered(moment: Moment, tag: str, found: list[Tree]) -> Tree:
    return trim({"version": VERSION, "ResponseTimestamp": instant(moment.at), "Status": True, tag: found})
