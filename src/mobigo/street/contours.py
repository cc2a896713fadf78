"""Areas out of a grid of times: what is reached by when, as polygons that lie within each other.

Marching squares: in every cell of the grid the border runs straight between points on its sides. Where two opposite
corners are inside they are kept apart, so the area of an earlier time lies, cell by cell, within that of a later one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry import MultiPolygon

    from mobigo.street.strolls import Canvas

LEAST, MOST = 0.1, 0.9
"""Where on the side of a cell a border may run: never through a corner, or two could touch."""

BOTTOM, RIGHT, TOP, LEFT = range(4)

SEGMENTS: dict[int, tuple[tuple[int, int], ...]] = {
    1: ((BOTTOM, LEFT),),
    2: ((RIGHT, BOTTOM),),
    3: ((RIGHT, LEFT),),
    4: ((TOP, RIGHT),),
    5: ((BOTTOM, LEFT), (TOP, RIGHT)),
    6: ((TOP, BOTTOM),),
    7: ((TOP, LEFT),),
    8: ((LEFT, TOP),),
    9: ((BOTTOM, TOP),),
    10: ((RIGHT, BOTTOM), (LEFT, TOP)),
    11: ((RIGHT, TOP),),
    12: ((LEFT, RIGHT),),
    13: ((BOTTOM, RIGHT),),
    14: ((LEFT, BOTTOM),),
}
"""By which corners are inside (1 lower left, 2 lower right, 4 upper right, 8 upper left), the sides that borders run
between, the inside on their left."""


def outline(canvas: Canvas, level: float, *, smallest: float) -> MultiPolygon:
    """Return the area reached by a time, in degrees.

    Parameters
    ----------
    level : float
        Seconds.
    smallest : float
        Square metres; smaller islands and holes are left out.
    """
    rows, columns = canvas.field.shape
    field = np.full((rows + 2, columns + 2), np.inf)
    field[1:-1, 1:-1] = canvas.field
    rings = [ring - 1 for ring in _trace(field, level)]
    lon, lat, wide, high, per_lon, per_lat = canvas.frame.tolist()
    least = smallest / (wide * per_lon * high * per_lat)
    kept = [ring for ring in rings if abs(_area(ring)) >= least]
    lines = [shapely.linestrings(np.column_stack([lon + ring[:, 0] * wide, lat + ring[:, 1] * high])) for ring in kept]
    area = shapely.build_area(shapely.geometrycollections(lines)) if lines else shapely.MultiPolygon()
    return area if isinstance(area, shapely.MultiPolygon) else shapely.MultiPolygon([area])


def _area(ring: NDArray[np.float64]) -> float:
    """Return the area in cells, negative of a hole."""
    x, y = ring[:, 0], ring[:, 1]
    return float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum() / 2)


def _trace(field: NDArray[np.float64], level: float) -> list[NDArray[np.float64]]:
    """Follow the borders round.

    Returns
    -------
    Closed rings, float64[n, 2], column and row.
    """
    inside = field <= level
    corners = [inside[:-1, :-1], inside[:-1, 1:], inside[1:, 1:], inside[1:, :-1]]
    kind = sum(corner.astype(np.int8) << bit for bit, corner in enumerate(corners))
    assert isinstance(kind, np.ndarray)
    columns = field.shape[1]
    leaves, enters = [], []
    for code, segments in SEGMENTS.items():
        row, column = np.nonzero(kind == code)
        for first, last in segments:
            leaves.append(_name(first, row, column, columns))
            enters.append(_name(last, row, column, columns))
    leave, enter = np.concatenate(leaves), np.concatenate(enters)
    if not len(leave):
        return []
    order = np.argsort(leave)
    names = leave[order]
    after = np.searchsorted(names, enter[order]).tolist()
    points = _place(field, level, names, columns)
    rings, seen = [], bytearray(len(names))
    for start in range(len(names)):
        if seen[start]:
            continue
        ring, at = [], start
        while not seen[at]:
            seen[at] = 1
            ring.append(at)
            at = after[at]
        rings.append(points[[*ring, start]])
    return rings


def _name(side: int, row: NDArray[np.int64], column: NDArray[np.int64], columns: int) -> NDArray[np.int64]:
    """Number the sides of cells: even to the right of a node, odd above it."""
    across = side in {BOTTOM, TOP}
    node = (row + (side == TOP)) * columns + column + (side == RIGHT)
    return 2 * node + (0 if across else 1)


def _place(field: NDArray[np.float64], level: float, names: NDArray[np.int64], columns: int) -> NDArray[np.float64]:
    """Find where the border crosses sides."""
    upward = names % 2
    row, column = np.divmod(names // 2, columns)
    here, there = field[row, column], field[row + upward, column + 1 - upward]
    out = here > level
    low, high = np.where(out, there, here), np.where(out, here, there)
    with np.errstate(invalid="ignore"):
        share = np.where(np.isfinite(high), (level - low) / (high - low), 0.5)
    share = np.clip(share, LEAST, MOST)
    share = np.where(out, 1 - share, share)
    return np.column_stack([column + share * (1 - upward), row + share * upward])
