"""SIRI situations (SX) and general messages (GM) as alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobigo.transit.live import Alert, Target
from mobigo.transit.siri_tree import all_of, day_of, instant_of, text_of, texts_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from xml.etree.ElementTree import Element

CAUSES = (
    ("STRIKE", ("strike", "industrialaction", "unofficial")),
    ("DEMONSTRATION", ("demonstration", "march", "procession", "publicdisturbance")),
    ("MEDICAL_EMERGENCY", ("medical", "illness", "ambulance", "personhitby", "personunder", "personill", "suicide")),
    ("ACCIDENT", ("accident", "collision", "derail", "incident", "obstruction")),
    ("HOLIDAY", ("holiday",)),
    (
        "WEATHER",
        (
            "weather",
            "snow",
            "ice",
            "fog",
            "storm",
            "flood",
            "rain",
            "wind",
            "heat",
            "frost",
            "avalanche",
            "hail",
            "tide",
        ),
    ),
    ("CONSTRUCTION", ("construction", "roadwork", "constructionwork")),
    ("MAINTENANCE", ("maintenance", "repair", "engineeringwork", "upgrade", "cleaning")),
    (
        "POLICE_ACTIVITY",
        ("police", "security", "bomb", "terror", "attack", "vandalism", "theft", "gunfire", "evacuation"),
    ),
    ("SPECIAL_EVENT", ("event", "carnival", "sport", "fair", "festival")),
    (
        "TECHNICAL_PROBLEM",
        (
            "technical",
            "failure",
            "breakdown",
            "defect",
            "fault",
            "power",
            "signal",
            "points",
            "track",
            "vehicle",
            "equipment",
        ),
    ),
    ("UNKNOWN_CAUSE", ("unknown", "undefined")),
)
"""GTFS-Realtime causes by parts of SIRI's words, the first that fits."""
EFFECTS = {
    "cancelled": "NO_SERVICE",
    "cancellation": "NO_SERVICE",
    "noService": "NO_SERVICE",
    "lineCancellation": "NO_SERVICE",
    "tripCancellation": "NO_SERVICE",
    "stopCancelled": "NO_SERVICE",
    "stopMoved": "STOP_MOVED",
    "delayed": "SIGNIFICANT_DELAYS",
    "delay": "SIGNIFICANT_DELAYS",
    "majorDelays": "SIGNIFICANT_DELAYS",
    "minorDelays": "SIGNIFICANT_DELAYS",
    "diverted": "DETOUR",
    "detour": "DETOUR",
    "additionalService": "ADDITIONAL_SERVICE",
    "extendedService": "ADDITIONAL_SERVICE",
    "specialService": "ADDITIONAL_SERVICE",
    "additionalStop": "ADDITIONAL_SERVICE",
    "operationTimeExtension": "ADDITIONAL_SERVICE",
    "altered": "MODIFIED_SERVICE",
    "replacementService": "MODIFIED_SERVICE",
    "changeOfPlatform": "MODIFIED_SERVICE",
    "shortFormedService": "REDUCED_SERVICE",
    "disrupted": "REDUCED_SERVICE",
    "intermittentService": "REDUCED_SERVICE",
    "irregularService": "REDUCED_SERVICE",
    "normalService": "NO_EFFECT",
    "onTime": "NO_EFFECT",
    "undefinedServiceInformation": "UNKNOWN_EFFECT",
    "unknown": "UNKNOWN_EFFECT",
}
SEVERITIES = {
    "noImpact": "INFO",
    "verySlight": "INFO",
    "slight": "INFO",
    "normal": "WARNING",
    "severe": "SEVERE",
    "verySevere": "SEVERE",
}
REASONS = (
    "AlertCause",
    "MiscellaneousReason",
    "PersonnelReason",
    "EquipmentReason",
    "EnvironmentReason",
    "UndefinedReason",
    "ReasonName",
)
MANY_TARGETS = 5_000
"""Things one situation is about, at most."""


def read_messages(deliveries: Iterable[Element]) -> tuple[tuple[Alert, ...], tuple[str, ...]]:
    """Read all situations and messages; the last version of each, and those that are closed left out.

    Returns
    -------
    The alerts, and what could not be understood, in sentences.
    """
    alerts: dict[str, Alert] = {}
    problems: list[str] = []
    for delivery in deliveries:
        for element, read in (
            *((one, _read_situation) for one in all_of(delivery, "PtSituationElement")),
            *((one, _read_general) for one in delivery.findall("GeneralMessage")),
        ):
            try:
                alert = read(element)
            except ValueError as problem:
                problems.append(f"{element.tag}: {problem}")
                continue
            if alert is not None:
                alerts[alert.id] = alert
    return tuple(alerts.values()), tuple(problems)


def _read_situation(element: Element) -> Alert | None:
    """Read one situation; None when it is closed."""
    if (text_of(element, "Progress") or "").lower() in ("closed", "draft"):
        return None
    number = text_of(element, "SituationNumber")
    if number is None:
        raise ValueError("it has no SituationNumber")
    owner = text_of(element, "ParticipantRef", "Source/Name")
    header, description = texts_of(element, "Summary"), texts_of(element, "Description", "Detail")
    for content in all_of(element, "TextualContent"):
        header = header or _texts_in(content, "SummaryContent", "SummaryText")
        description = description or _texts_in(content, "DescriptionContent", "DescriptionText")
    header = header or description
    if not header:
        raise ValueError(f"situation {number} has no Summary and no Description")
    conditions = [text for one in element.iter("Condition") if (text := (one.text or "").strip())]
    links = [text for one in all_of(element, "Uri") if (text := (one.text or "").strip())]
    return Alert(
        id=f"{owner}:{number}" if owner else number,
        header=header,
        description=description if description != header else {},
        url={"": links[0]} if links else {},
        periods=_periods(element),
        targets=_targets(element),
        cause=_cause(text_of(element, *REASONS)),
        effect=next((EFFECTS[one] for one in conditions if one in EFFECTS), "UNKNOWN_EFFECT"),
        severity=SEVERITIES.get(text_of(element, "Severity") or "", "UNKNOWN_SEVERITY"),
    )


def _texts_in(element: Element, place: str, name: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for inside in element.findall(place):
        for language, text in texts_of(inside, name).items():
            found.setdefault(language, text)
    return found


def _periods(element: Element) -> tuple[tuple[int | None, int | None], ...]:
    """When a situation applies: its validity, else when it is to be published."""
    for name in ("ValidityPeriod", "PublicationWindow"):
        periods = [(instant_of(one, "StartTime"), instant_of(one, "EndTime")) for one in element.findall(name)]
        if periods:
            return tuple(periods)
    return ()


def _targets(element: Element) -> tuple[Target, ...]:
    """Things a situation is about; operators only where nothing of theirs is named."""
    found = [target for affects in element.findall("Affects") for target in _read_affects(affects)]
    if not found:
        found = [
            Target(agency_id=name)
            for affects in element.findall("Affects")
            for operator in affects.iter("AffectedOperator")
            if (name := text_of(operator, "OperatorRef"))
        ]
    return tuple(dict.fromkeys(found))[:MANY_TARGETS]


def _read_affects(affects: Element) -> Iterator[Target]:
    """Lines (with the stops named below them), stops, stations and journeys."""
    for line in affects.iter("AffectedLine"):
        route = text_of(line, "LineRef")
        stops = [text for one in line.iter("StopPointRef") if (text := (one.text or "").strip())]
        if route is not None:
            yield from (Target(route_id=route, stop_id=stop) for stop in stops or (None,))
    for path, ref in (
        ("StopPoints/AffectedStopPoint", "StopPointRef"),
        ("StopPlaces/AffectedStopPlace", "StopPlaceRef"),
    ):
        for stop in affects.findall(path):
            if (name := text_of(stop, ref)) is not None:
                yield Target(stop_id=name)
    for journey in affects.iter("AffectedVehicleJourney"):
        framed = "FramedVehicleJourneyRef/"
        trip = text_of(journey, f"{framed}DatedVehicleJourneyRef", "DatedVehicleJourneyRef", "VehicleJourneyRef")
        if trip is not None:
            yield Target(trip_id=trip, start_date=day_of(text_of(journey, f"{framed}DataFrameRef")))
        elif (route := text_of(journey, "LineRef")) is not None:
            yield Target(route_id=route)


def _cause(reason: str | None) -> str:
    if reason is None:
        return "UNKNOWN_CAUSE"
    word = reason.lower()
    return next((cause for cause, parts in CAUSES if any(part in word for part in parts)), "OTHER_CAUSE")


def _read_general(element: Element) -> Alert | None:
    """Read one general message."""
    number = text_of(element, "InfoMessageIdentifier", "ItemIdentifier")
    content = element.find("Content")
    if number is None or content is None:
        raise ValueError("it has no InfoMessageIdentifier or no Content")
    header: dict[str, str] = {}
    for message in all_of(content, "Message"):
        for language, text in texts_of(message, "MessageText").items():
            header[language] = f"{header[language]}\n{text}" if language in header else text
    header = header or texts_of(content, "MessageText") or texts_of(element, "Content")
    if not header:
        raise ValueError(f"message {number} has no text")
    targets = [
        *(Target(route_id=name) for name in _refs(content, "LineRef")),
        *(Target(stop_id=name) for name in _refs(content, "StopPointRef", "StopPlaceRef")),
        *(Target(trip_id=name) for name in _refs(content, "DatedVehicleJourneyRef", "VehicleJourneyRef")),
    ]
    return Alert(
        id=number,
        header=header,
        periods=((instant_of(element, "RecordedAtTime"), instant_of(element, "ValidUntilTime")),),
        targets=tuple(dict.fromkeys(targets))[:MANY_TARGETS],
        severity="INFO"
        if (text_of(element, "InfoChannelRef") or "").lower().startswith("info")
        else "UNKNOWN_SEVERITY",
    )


def _refs(element: Element, *names: str) -> list[str]:
    return [text for one in all_of(element, *names) if (text := (one.text or "").strip())]
