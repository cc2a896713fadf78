"""What a benchmark says: one row per bar."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Bar(NamedTuple):
    """One measured figure and the limit it is held to."""

    bar: str
    """Name, stable from run to run."""
    value: float
    unit: str
    limit: float | None
    """The bound it must hold; None where the figure is only told."""
    better: Literal["lower", "higher"]
    how: str
    """What was run, on what; cold and warm apart."""

    @property
    def holds(self) -> bool | None:
        """Whether the limit is held; None without a limit."""
        if self.limit is None:
            return None
        return self.value <= self.limit if self.better == "lower" else self.value >= self.limit
