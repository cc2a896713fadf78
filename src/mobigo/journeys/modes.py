"""How routes travel."""

from __future__ import annotations

from mobigo.journeys.model import Mode

MODES = {
    0: Mode.TRAM,
    1: Mode.SUBWAY,
    2: Mode.RAIL,
    3: Mode.BUS,
    4: Mode.FERRY,
    5: Mode.CABLE_CAR,
    6: Mode.CABLE_CAR,
    7: Mode.FUNICULAR,
    11: Mode.BUS,
    12: Mode.RAIL,
}
"""Mode by route_type."""

EXTENDED_MODES = [
    (100, 200, Mode.RAIL),
    (200, 300, Mode.COACH),
    (300, 400, Mode.RAIL),
    (400, 700, Mode.SUBWAY),
    (700, 900, Mode.BUS),
    (900, 1000, Mode.TRAM),
    (1000, 1100, Mode.FERRY),
    (1100, 1200, Mode.AIR),
    (1200, 1300, Mode.FERRY),
    (1300, 1400, Mode.CABLE_CAR),
    (1400, 1500, Mode.FUNICULAR),
    (1500, 1600, Mode.TAXI),
]
"""Mode by extended route_type, from, to (exclusive)."""


def mode_of(route_type: int) -> Mode:
    """Return how a route travels, by its basic or extended route_type."""
    if route_type in MODES:
        return MODES[route_type]
    return next((mode for start, end, mode in EXTENDED_MODES if start <= route_type < end), Mode.OTHER)
