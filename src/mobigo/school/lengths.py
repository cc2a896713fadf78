"""The streets by length: the quickest way of this view is the shortest by road, which is what entitlement counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mobigo.street.graph import Profile, find_fastest, frozen

if TYPE_CHECKING:
    from mobigo.street.graph import StreetGraph

PACE = 10.0
"""Metres a second on every street."""


def view_by_length(graph: StreetGraph) -> StreetGraph:
    """Return the graph in which every street that cars may use is driven at one speed."""
    cost = np.where(np.isfinite(graph.car), np.repeat(graph.edge_metres, 2) / PACE, np.inf).astype(np.float32)
    fastest = graph.fastest.copy()
    fastest[list(Profile).index(Profile.CAR)] = find_fastest(graph.edge_metres, cost)
    return graph._replace(car=frozen(cost), fastest=frozen(fastest))
