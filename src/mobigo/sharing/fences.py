"""Zones in which shared vehicles may not be taken, left or ridden, or only slowly: ``geofencing_zones`` of GBFS.

Of all rules that hold at a place for a type of vehicle the first one of the file wins, and wins whole; ``global_rules``
come last. Where no rule holds everything is allowed.

References
----------
https://github.com/MobilityData/gbfs, geofencing_zones of versions 2.1 to 3.0
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import shapely
from shapely.geometry import shape

from mobigo.sharing.model import ALL_ALLOWED, Says
from mobigo.sharing.reading import read_data, read_flag, read_instant, read_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from mobigo.sharing.model import SharedFleet

MOST_RULES = 50
"""Of one zone."""

WORDS = ("ride_start_allowed", "ride_end_allowed", "ride_through_allowed", "ride_allowed", "maximum_speed_kph",
          "station_parking")  # fmt: skip
"""What a rule may say; one that says none of these is none."""

FASTEST = 200.0
"""Kilometres per hour; a limit beyond it is none."""


class FenceRule(NamedTuple):
    """What holds in a zone."""

    types: frozenset[str]
    """Ids of types of vehicles; empty: all."""
    says: Says
    kph: float
    """0: no limit."""


class Fence(NamedTuple):
    """A zone."""

    shape: str
    """Hexadecimal WKB; empty: everywhere."""
    since: int
    """Seconds since 1970 UTC; 0: since ever."""
    until: int
    rules: tuple[FenceRule, ...]


def read_fences(documents: Mapping[str, bytes]) -> list[Fence]:
    """Read the zones of a system in the order in which they win; those without an area or a rule are left out."""
    if "geofencing_zones" not in documents:
        return []
    data = read_data("geofencing_zones", documents["geofencing_zones"])
    collection = data.get("geofencing_zones")
    features = collection.get("features") if isinstance(collection, dict) else None
    fences = []
    for one in features if isinstance(features, list) else []:
        properties = one.get("properties") if isinstance(one, dict) else None
        if not isinstance(properties, dict):
            continue
        rules, drawn = _read_rules(properties.get("rules")), _draw(one.get("geometry"))
        if rules and drawn:
            times = read_instant(properties.get("start")), read_instant(properties.get("end"))
            fences.append(Fence(drawn, *times, rules))
    everywhere = _read_rules(data.get("global_rules"))
    return [*fences, Fence("", 0, 0, everywhere)] if everywhere else fences


def _read_rules(rules: object) -> tuple[FenceRule, ...]:
    given = [one for one in rules if isinstance(one, dict)] if isinstance(rules, list) else []
    return tuple(_read_rule(one) for one in given[:MOST_RULES] if any(name in one for name in WORDS))


def _read_rule(one: Mapping[str, Any]) -> FenceRule:
    """Read a rule; 2.x says with one word whether rides may begin and end."""
    both = one.get("ride_allowed")
    ends = read_flag(one.get("ride_end_allowed", both)) and not read_flag(one.get("station_parking"), default=False)
    says = Says.START * read_flag(one.get("ride_start_allowed", both)) | Says.END * ends
    says |= Says.THROUGH * read_flag(one.get("ride_through_allowed"))
    limit = one.get("maximum_speed_kph")
    usable = isinstance(limit, int | float) and not isinstance(limit, bool) and 0 < limit <= FASTEST
    types = one.get("vehicle_type_ids", one.get("vehicle_type_id"))
    named = types if isinstance(types, list) else [types] if types else []
    ids = frozenset(filter(None, map(read_text, named)))
    return FenceRule(ids, Says(says), float(limit) if usable else 0.0)  # type: ignore[arg-type]


def _draw(geometry: object) -> str:
    """Return an area as hexadecimal WKB; empty when it is none."""
    try:
        drawn = shape(geometry)
        usable = drawn.geom_type in {"Polygon", "MultiPolygon"} and not drawn.is_empty
        return str(shapely.to_wkb(drawn, hex=True)) if usable else ""
    except (ValueError, TypeError, AttributeError, KeyError, IndexError, shapely.errors.ShapelyError):
        return ""


def rule_for(fence: Fence, type_id: str) -> FenceRule | None:
    """Return the rule of a zone that holds for a type of vehicle: the first one; None where none does."""
    return next((rule for rule in fence.rules if not rule.types or type_id in rule.types), None)


# ── what holds where ──────────────────────────────────────────────────────────────────────────────────────────────────


def list_rules(fleet: SharedFleet, type_: int, at: int) -> NDArray[np.int32]:
    """List the rules for a type of vehicle that hold at an instant (seconds since 1970 UTC), the winning one first."""
    rows = np.flatnonzero(fleet.rule_type == type_)
    since, until = fleet.fence_since[fleet.rule_fence[rows]], fleet.fence_until[fleet.rule_fence[rows]]
    holding: NDArray[np.int32] = rows[(since <= at) & ((until == 0) | (at < until))].astype(np.int32)
    return holding


def find_rules(fleet: SharedFleet, rows: NDArray[np.int32], points: NDArray[np.float64]) -> NDArray[np.int32]:
    """Find which of some rules wins at each point.

    Parameters
    ----------
    rows : int32[n_rows]
        As `list_rules` gives them.
    points : float64[n, 2], lon and lat

    Returns
    -------
    int32[n], a rule; -1 where none holds
    """
    won = np.full(len(points), -1, np.int32)
    for row in rows.tolist():
        drawn = fleet.fence_shapes.at(int(fleet.rule_fence[row]))
        if not drawn:
            won[won < 0] = row
            break
        area = _open(drawn)
        west, south, east, north = area.bounds
        near = (points[:, 0] >= west) & (points[:, 0] <= east) & (points[:, 1] >= south) & (points[:, 1] <= north)
        open_ = np.flatnonzero(near & (won < 0))
        if len(open_):
            won[open_[shapely.intersects_xy(area, points[open_, 0], points[open_, 1])]] = row
    return won


def allows(fleet: SharedFleet, rows: NDArray[np.int32], points: NDArray[np.float64], what: Says) -> NDArray[np.bool_]:
    """Tell at which points something is allowed: bool[n]."""
    won = find_rules(fleet, rows, points)
    says = np.full(len(points), int(ALL_ALLOWED), np.uint8)
    says[won >= 0] = fleet.rule_says[won[won >= 0]]
    allowed: NDArray[np.bool_] = says & int(what) != 0
    return allowed


@lru_cache(maxsize=4096)
def _open(drawn: str) -> BaseGeometry:
    area = shapely.from_wkb(drawn)
    shapely.prepare(area)
    return area
