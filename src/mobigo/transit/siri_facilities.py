"""SIRI facility monitoring (FM): lifts, escalators and other equipment that does not work, as alerts.

A lift that is not available becomes a message with the effect ``ACCESSIBILITY_ISSUE`` at its stop; all other equipment
only a message. What is available, or of which nobody knows, says nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobigo.transit.live import ACCESSIBILITY_ISSUE, Alert, Target
from mobigo.transit.siri_tree import instant_of, text_of, texts_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from xml.etree.ElementTree import Element

BROKEN = {"notavailable", "removed"}
LIMITED = "partiallyavailable"
LIFT = "lift"
PLACES = ("StopPlaceComponentId", "StopPointRef", "StopPlaceRef")
"""Where equipment stands, the most exact first."""
SAID = {
    LIFT: {"fr": "Ascenseur hors service", "en": "Lift out of order"},
    "escalator": {"fr": "Escalier mécanique hors service", "en": "Escalator out of order"},
    "": {"fr": "Équipement hors service", "en": "Equipment out of order"},
}
"""What is said where the source says nothing."""


def read_facilities(deliveries: Iterable[Element]) -> tuple[tuple[Alert, ...], tuple[str, ...]]:
    """Read the equipment that does not work, the last condition of each.

    Returns
    -------
    The alerts, and what could not be understood, in sentences.
    """
    alerts: dict[str, Alert | None] = {}
    problems: list[str] = []
    for delivery in deliveries:
        for condition in delivery.findall("FacilityCondition"):
            name = text_of(condition, "FacilityRef", "Facility/FacilityCode")
            if name is None:
                problems.append("FacilityCondition: it has no FacilityRef")
                continue
            try:
                alerts[name] = _read_condition(name, condition)
            except ValueError as problem:
                problems.append(f"FacilityCondition {name}: {problem}")
    return tuple(one for one in alerts.values() if one is not None), tuple(problems)


def _read_condition(name: str, condition: Element) -> Alert | None:
    """Read one condition; None where the equipment works, or nobody knows."""
    status = (text_of(condition, "FacilityStatus/Status") or "").lower()
    if status not in BROKEN and status != LIMITED:
        return None
    kinds = {(one.text or "").strip().lower() for one in condition.iter("AccessFacility")}
    kind = next((one for one in SAID if one in kinds), "")
    given = condition.find("FacilityStatus")
    facility = condition.find("Facility")
    header = texts_of(facility, "Description") if facility is not None else {}
    told = texts_of(given, "Description") if given is not None else {}
    places = [text for one in PLACES if (text := _first(condition, one))]
    closed = kind == LIFT and status in BROKEN
    spoken = SAID[kind]
    named = {language: f"{spoken.get(language, spoken['en'])}: {text}" for language, text in header.items()}
    return Alert(
        id=f"facility:{name}",
        header=told or named or spoken,
        description=header if told else {},
        periods=tuple(
            (instant_of(one, "StartTime"), instant_of(one, "EndTime")) for one in condition.findall("ValidityPeriod")
        ),
        targets=(Target(stop_id=places[0] if places else name),),
        cause="TECHNICAL_PROBLEM",
        effect=ACCESSIBILITY_ISSUE if closed else "OTHER_EFFECT",
        severity="WARNING",
    )


def _first(condition: Element, name: str) -> str | None:
    return next((text for one in condition.iter(name) if (text := (one.text or "").strip())), None)
