"""The nouns of height models."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

MOST_CELLS = 500_000_000
"""Heights of one model: 2 GB on the disk, a region at 25 m six times over."""


class Frame(NamedTuple):
    """Where the heights of a sheet lie: points of a grid, rows from north to south, each from west to east."""

    crs: str
    """Reference system, as ``EPSG:2154``; of degrees ``EPSG:4326``."""
    west: float
    north: float
    """Of the first height, in units of the reference system."""
    dx: float
    dy: float
    """Between columns and rows, positive."""
    columns: int
    rows: int

    @property
    def cells(self) -> int:
        """How many heights it has."""
        return self.columns * self.rows


class Sheet(NamedTuple):
    """A file of a height model, being read."""

    name: str
    frame: Frame
    blocks: Iterator[NDArray[np.float32]]
    """Heights one after another, metres; not a number where there is none."""


@dataclass(frozen=True)
class StoredSheet:
    """A sheet as it is kept."""

    name: str
    frame: Frame
    offset: int
    """Heights that lie before it in the file of its model."""
    known: int
    lowest: float | None
    highest: float | None
    """Metres; None: no height is known."""


@dataclass(frozen=True)
class Model:
    """A height model that was loaded."""

    name: str
    hash: str
    loaded_at: str
    """ISO 8601."""
    sheets: tuple[StoredSheet, ...]
    box: tuple[float, float, float, float]
    """West, south, east, north, degrees."""

    @property
    def cells(self) -> int:
        """How many heights it has, the unknown ones among them."""
        return sum(sheet.frame.cells for sheet in self.sheets)

    def describe(self) -> dict[str, Any]:
        """Say in a few figures what it is."""
        lows = [sheet.lowest for sheet in self.sheets if sheet.lowest is not None]
        highs = [sheet.highest for sheet in self.sheets if sheet.highest is not None]
        return {
            "name": self.name,
            "loaded_at": self.loaded_at,
            "sheets": len(self.sheets),
            "cells": self.cells,
            "unknown": self.cells - sum(sheet.known for sheet in self.sheets),
            "lowest": min(lows, default=None),
            "highest": max(highs, default=None),
            "crs": sorted({sheet.frame.crs for sheet in self.sheets}),
            "spacing": sorted({round(sheet.frame.dy, 9) for sheet in self.sheets}),
            "box": list(self.box),
            "hash": self.hash,
        }

    def as_json(self) -> dict[str, Any]:
        """Write all of it."""
        return asdict(self) | {"sheets": [asdict(one) | {"frame": list(one.frame)} for one in self.sheets]}

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> Model:
        """Read what `as_json` wrote."""
        sheets = tuple(StoredSheet(**{**one, "frame": Frame(*one["frame"])}) for one in raw["sheets"])
        return cls(raw["name"], raw["hash"], raw["loaded_at"], sheets, tuple(raw["box"]))


@dataclass(frozen=True)
class Report:
    """What a load did."""

    status: str
    """``active`` or ``unchanged``."""
    model: Model
    left_out: tuple[str, ...] = field(default=())
    """Files that are no heights."""

    def as_json(self) -> dict[str, Any]:
        """Return the report as the command prints it."""
        return {"status": self.status, **self.model.describe(), "left_out": list(self.left_out)}
