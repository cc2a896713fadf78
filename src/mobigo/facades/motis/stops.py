"""Which modes serve which stops of the network that serves."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from mobigo.facades.motis.modes import TRANSIT, Mode, mode_of

if TYPE_CHECKING:
    from fastapi import Request
    from numpy.typing import NDArray

    from mobigo.journeys.network import Network

BIT = {mode: 1 << number for number, mode in enumerate(sorted(TRANSIT))}


class StopModes:
    """The modes at every stop of one network; a station has those of its platforms."""

    def __init__(self, network: Network | None) -> None:
        self.network = network

    @classmethod
    def of(cls, request: Request) -> StopModes:
        """Return those of the network that serves; they are found once for a network."""
        state = request.app.state
        network = state.networks.find_current()
        held = getattr(state, "motis_stop_modes", None)
        if held is None or held.version != _version(network):
            state.motis_stop_modes = held = cls(network)
        found: StopModes = held
        return found

    @property
    def version(self) -> str | None:
        """Of the network."""
        return _version(self.network)

    @property
    def zone(self) -> str:
        """Time zone of the network."""
        return self.network.manifest.timezone if self.network is not None else "UTC"

    @cached_property
    def bits(self) -> NDArray[np.uint32]:
        """uint32[n_stops], sum of `BIT`."""
        if self.network is None:
            return np.zeros(0, np.uint32)
        timetable = self.network.timetable
        of_route = np.array([BIT[mode_of(one)] for one in timetable.route_type.tolist()], np.uint32)
        of_pattern = np.zeros(len(timetable.pattern_first) - 1, np.uint32)
        rides = np.flatnonzero((timetable.trip_pattern >= 0) & (timetable.trip_route >= 0))
        np.bitwise_or.at(of_pattern, timetable.trip_pattern[rides], of_route[timetable.trip_route[rides]])
        bits = np.zeros(len(timetable.stop_lat), np.uint32)
        served = np.repeat(of_pattern, np.diff(timetable.pattern_first))
        np.bitwise_or.at(bits, timetable.pattern_stop, served)
        below = np.flatnonzero(timetable.stop_parent >= 0)
        for _ in range(2):  # platforms of stations, and boarding areas of platforms
            np.bitwise_or.at(bits, timetable.stop_parent[below], bits[below])
        return bits

    def at(self, *stop_ids: str) -> frozenset[Mode]:
        """Return the modes at stops by their ids; those that are not known have none."""
        names = self.network.stop_index if self.network is not None else {}
        return frozenset[Mode]().union(*(self.at_index(names[one]) for one in stop_ids if one in names))

    def at_index(self, stop: int) -> frozenset[Mode]:
        """Return the modes at a stop by its index."""
        bits = int(self.bits[stop])
        return frozenset(mode for mode, bit in BIT.items() if bits & bit)


def _version(network: Network | None) -> str | None:
    return network.manifest.version if network is not None else None


def list_modes(modes: frozenset[Mode]) -> list[str]:
    """Write modes, always in the same order."""
    return sorted(str(mode) for mode in modes)
