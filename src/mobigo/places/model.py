"""Nouns of this room: places, and what is said when a text names none or several."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from mobigo.kit.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence


class Kind(StrEnum):
    """What a place is."""

    STOP = "stop"
    """A station or stop of a timetable, with all its platforms."""
    COMMUNE = "commune"
    """A city, town, village or hamlet."""
    ADDRESS = "address"
    """A house number, or a street as a whole."""
    POI = "poi"
    """A point of interest."""
    POINT = "point"
    """Bare coordinates; never found by name."""


NAMED_KINDS = (Kind.STOP, Kind.COMMUNE, Kind.ADDRESS, Kind.POI)
"""The kinds a search by name can find."""


@dataclass(frozen=True)
class Place:
    """Where a person wants to go from or to."""

    id: str
    """``source:gtfs_id`` of a stop; ``commune/…``, ``street/…`` and ``poi/…`` have no colon."""
    kind: Kind
    name: str
    label: str
    """The name with what tells it apart: ``Rue de la Liberté, Semur-en-Auxois``."""
    lat: float
    lon: float
    stop_ids: tuple[str, ...]
    """``source:gtfs_id`` of the stops that are this place (all platforms) or serve it (a commune), main one first."""
    score: float
    """How well it fits the question; only comparable within one answer."""


class UnknownPlace(NotFound):
    """Nothing has this name or id."""

    code = "unknown_place"


class AmbiguousPlace(InvalidInput):
    """Several places have this name."""

    code = "ambiguous_place"

    def __init__(self, text: str, alternatives: Sequence[Place]) -> None:
        self.alternatives = tuple(alternatives)
        choices = "; ".join(f"{place.label} ({place.id})" for place in alternatives)
        super().__init__(f"{text!r} names several places: {choices}; give the id of one, or LAT,LON")
