"""Physical and commercial modes of Navitia, and ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mobigo.journeys.model import Mode
from mobigo.journeys.modes import mode_of

if TYPE_CHECKING:
    from mobigo.transit.timetable import Timetable


class Physical(NamedTuple):
    """A mode as Navitia names it."""

    key: str
    """Behind ``physical_mode:`` and ``commercial_mode:``."""
    name: str
    """As travellers read it: in French, the language of answers unless another is asked for."""


PHYSICAL = {
    Mode.TRAM: Physical("Tramway", "Tramway"),
    Mode.SUBWAY: Physical("Metro", "Métro"),
    Mode.RAIL: Physical("Train", "Train"),
    Mode.BUS: Physical("Bus", "Bus"),
    Mode.COACH: Physical("Coach", "Autocar"),
    Mode.FERRY: Physical("Ferry", "Ferry"),
    Mode.CABLE_CAR: Physical("SuspendedCableCar", "Téléphérique"),
    Mode.FUNICULAR: Physical("Funicular", "Funiculaire"),
    Mode.AIR: Physical("Air", "Avion"),
    Mode.TAXI: Physical("Taxi", "Taxi"),
    Mode.OTHER: Physical("Shuttle", "Navette"),
    Mode.ON_DEMAND: Physical("Shuttle", "Transport à la demande"),
}
"""By our modes."""

ALIASES = {
    "LocalTrain": Mode.RAIL,
    "LongDistanceTrain": Mode.RAIL,
    "RapidTransit": Mode.RAIL,
    "RailShuttle": Mode.RAIL,
    "BusRapidTransit": Mode.BUS,
    "Boat": Mode.FERRY,
}
"""Finer modes that feeds do not tell apart: whoever names one means ours."""

OF_KEY = {physical.key: mode for mode, physical in PHYSICAL.items() if mode is not Mode.ON_DEMAND} | ALIASES
"""Our modes by Navitia's keys."""


def mode_of_line(timetable: Timetable, route: int) -> Mode:
    """Return how the vehicles of a line travel, by its route index."""
    return mode_of(int(timetable.route_type[route]))


def physical_of(mode: Mode) -> Physical:
    """Return a mode as Navitia names it."""
    return PHYSICAL.get(mode, PHYSICAL[Mode.OTHER])
