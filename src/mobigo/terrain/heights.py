"""How high places lie: the height models in service, mapped, asked for many points at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyproj

from mobigo.terrain.read import DEGREES
from mobigo.terrain.store import HEIGHTS, folder_of, list_models

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from mobigo.terrain.model import Frame, Model

SMOOTH_METRES = 20.0
"""A height is the mean of the model there and so far away in four directions; of coarser models, one step away.

Two neighbouring points then share most of what they are the mean of: what is noise in a model (2 to 4 m between the
heights of SRTM, Rodríguez et al. 2006; roofs and trees in models of the surface) makes no cliffs of kerbs, while a
slope that goes on for longer stays what it is.
"""

DEGREE_METRES = 111_195.08

ALIKE = 0.01
"""Share of a step by which sheets of one grid may be off it."""

SNAP = 1e-6
"""Share of a step within which a point lies on a row or column."""

NOWHERE = -1e15
"""Column and row of places that the reference system does not know."""

CHUNK = 1 << 17
"""Points that are looked up at a time."""

FROM_DEGREES = pyproj.CRS.from_user_input(DEGREES)


class Patch(NamedTuple):
    """A sheet on the grid of its layer."""

    column: int
    row: int
    heights: NDArray[np.float32]
    """float32[rows, columns]."""


class Layer:
    """Sheets of one grid: alike in reference system and steps, and in step with each other."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.patches: list[Patch] = []
        self._to_grid = pyproj.Transformer.from_crs(FROM_DEGREES, frame.crs, always_xy=True)
        self.in_degrees = pyproj.CRS.from_user_input(frame.crs).is_geographic

    @property
    def metres(self) -> float:
        """Between two heights, from north to south."""
        return self.frame.dy * (DEGREE_METRES if self.in_degrees else 1.0)

    def find_place(self, frame: Frame) -> tuple[int, int] | None:
        """Return column and row of a sheet's first height on this grid; None when it is not of this grid."""
        own = self.frame
        if frame.crs != own.crs or not np.allclose([frame.dx, frame.dy], [own.dx, own.dy], rtol=1e-6, atol=0):
            return None
        column, row = (frame.west - own.west) / own.dx, (own.north - frame.north) / own.dy
        if max(abs(column - round(column)), abs(row - round(row))) > ALIKE:
            return None
        return round(column), round(row)

    def heights(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the height of points, float64[n], metres; not a number where it is not known."""
        x, y = (np.asarray(one) for one in self._to_grid.transform(lon, lat))
        column, row = (x - self.frame.west) / self.frame.dx, (self.frame.north - y) / self.frame.dy
        away = max(SMOOTH_METRES, self.metres)
        down = away / self.metres
        across = down * self.frame.dy / self.frame.dx
        right = across / np.cos(np.radians(lat)) if self.in_degrees else np.full(len(lon), across)
        found = np.full(len(lon), np.nan)
        for begin in range(0, len(lon), CHUNK):
            part = slice(begin, begin + CHUNK)
            found[part] = self._mean(column[part], row[part], right[part], down)
        return found

    def _mean(
        self, column: NDArray[np.float64], row: NDArray[np.float64], right: NDArray[np.float64], down: float
    ) -> NDArray[np.float64]:
        """Return the mean of a point and of the pairs about it that are known; of a plane it is the plane."""
        total, count = self._at(column, row), np.ones(len(column))
        for across, along in ((right, 0.0), (0.0, down)):
            pair = self._at(column - across, row - along) + self._at(column + across, row + along)
            known = ~np.isnan(pair)
            total[known] += pair[known]
            count[known] += 2
        return total / count

    def _at(self, column: NDArray[np.float64], row: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return heights between the four around each point, by bilinear interpolation."""
        column, row = (np.where(np.abs(one - np.rint(one)) < SNAP, np.rint(one), one) for one in (column, row))
        column, row = (np.nan_to_num(one, nan=NOWHERE, posinf=NOWHERE, neginf=NOWHERE) for one in (column, row))
        i, j = np.floor(column).astype(np.int64), np.floor(row).astype(np.int64)
        right, down = column - i, row - j
        patches = self._near(i, j)
        found = np.zeros(len(column))
        for more_i, share_i in ((0, 1 - right), (1, right)):
            for more_j, share_j in ((0, 1 - down), (1, down)):
                share = share_i * share_j
                found += np.where(share == 0, 0.0, share * self._pick(patches, i + more_i, j + more_j))
        return found

    def _near(self, i: NDArray[np.int64], j: NDArray[np.int64]) -> list[Patch]:
        """Return the sheets on which points may lie."""
        if not len(i):
            return []
        low_i, high_i, low_j, high_j = int(i.min()), int(i.max()) + 1, int(j.min()), int(j.max()) + 1
        return [
            one
            for one in self.patches
            if one.column <= high_i
            and one.row <= high_j
            and one.column + one.heights.shape[1] > low_i
            and one.row + one.heights.shape[0] > low_j
        ]

    @staticmethod
    def _pick(patches: Sequence[Patch], i: NDArray[np.int64], j: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return heights by column and row; of sheets that overlap the first that knows one."""
        found = np.full(len(i), np.nan)
        for column, row, heights in patches:
            inside = (i >= column) & (i < column + heights.shape[1]) & (j >= row) & (j < row + heights.shape[0])
            at = np.flatnonzero(inside & np.isnan(found))
            if len(at):
                found[at] = heights[j[at] - row, i[at] - column]
        return found


class Terrain:
    """All heights in service."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._layers = sorted(layers, key=lambda layer: layer.metres)

    def heights(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the height of points.

        Parameters
        ----------
        lon, lat : float64[n], degrees

        Returns
        -------
        float64[n], metres
            Of the finest model that knows it; not a number where none does.
        """
        found = np.full(len(lon), np.nan)
        for layer in self._layers:
            open_ = np.flatnonzero(np.isnan(found))
            found[open_] = layer.heights(lon[open_], lat[open_])
        return np.round(found, 3)


def open_terrain(home: Path) -> Terrain | None:
    """Map the height models in service; None without any."""
    models = list_models(home)
    if not models:
        return None
    layers: list[Layer] = []
    for model in models.values():
        _add(layers, home, model)
    return Terrain(layers)


def _add(layers: list[Layer], home: Path, model: Model) -> None:
    pages = np.memmap(folder_of(home, model) / HEIGHTS, np.dtype("<f4"), "r")
    own: list[Layer] = []
    for sheet in model.sheets:
        frame = sheet.frame
        heights = pages[sheet.offset : sheet.offset + frame.cells].reshape(frame.rows, frame.columns)
        for layer in own:
            place = layer.find_place(frame)
            if place is not None:
                layer.patches.append(Patch(*place, heights))
                break
        else:
            layer = Layer(frame)
            layer.patches.append(Patch(0, 0, heights))
            own.append(layer)
    layers += own
