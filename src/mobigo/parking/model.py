"""The nouns of leaving a car."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import date

    from mobigo.kit.geo import Point


class Kind(StrEnum):
    """What a place is to travellers."""

    PARK_RIDE = "park_ride"
    CARPOOL = "carpool"
    """Cars may stay while their drivers ride with somebody else, or by bus."""
    HITCH_HIKING = "hitch_hiking"
    """One waits there for a lift; no car is left."""


@dataclass(frozen=True)
class ParkingPlace:
    """One place, by whoever published it."""

    source: str
    """Name of the register; ``osm`` for the extract in service."""
    id: str
    kind: Kind
    name: str
    """May be empty."""
    commune: str
    insee: str
    """Code of the commune; both are empty for places of an extract."""
    capacity: int | None
    disabled: int | None
    """Places for disabled people; None where nobody says."""
    open: bool
    updated_on: date | None
    point: Point


@dataclass(frozen=True)
class Finding:
    """A row of a register that is not as it should be."""

    class_: str
    """``reject_entity``: the row was left out; ``repair``: it was read otherwise than written."""
    code: str
    file: str
    line: int
    value: str
    rule: str
    remedy: str

    def as_json(self) -> dict[str, Any]:
        """Return the finding with the names of the JSON report."""
        return {
            "class": self.class_,
            "code": self.code,
            "file": self.file,
            "line": self.line,
            "value": self.value,
            "rule": self.rule,
            "remedy": self.remedy,
        }

    def __str__(self) -> str:
        return f"{self.file} line {self.line}: {self.value!r}: {self.rule}; {self.remedy}"


@dataclass(frozen=True)
class Report:
    """What loading a register did."""

    status: str
    """``active`` or ``unchanged``."""
    source: str
    places: dict[str, int]
    """By kind."""
    findings: tuple[Finding, ...] = field(default=())

    def as_json(self) -> dict[str, Any]:
        """Return the report as ``--json`` prints it."""
        return {
            "status": self.status,
            "source": self.source,
            "places": self.places,
            "findings": [one.as_json() for one in self.findings],
        }
