"""Where a ride of taps went, or may have gone, as fares see it: by the timetable that journeys are planned on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.fares.model import FareRide, RideKind
from mobigo.ticketing.taps import Ride, Whole, transport_day
from mobigo.transit.boards import stops_meant

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from numpy.typing import NDArray

    from mobigo.transit.timetable import Timetable


class _End(NamedTuple):
    """Two ends of a ride that the timetable knows."""

    board: str | None
    alight: str | None
    metres: int


class Places:
    """The lines of a timetable, as rides of taps need them.

    Parameters
    ----------
    timetable : Timetable, optional
        None: nothing is loaded; then taps are all that is known.
    zone : ZoneInfo
        In which transport days are.
    """

    def __init__(self, timetable: Timetable | None, zone: ZoneInfo) -> None:
        self._timetable = timetable
        self.zone = zone
        self._known: dict[tuple[object, ...], tuple[_End, ...]] = {}

    def list_rides(self, ride: Ride) -> tuple[FareRide, ...]:
        """List what a ride may have been; one where both ends are known.

        A tap out that was forgotten leaves every stop that the line goes on to, one in every stop it comes from. Where
        one only taps in, it is where the line goes to farthest.
        """
        key = ride.agency, ride.route, ride.trip, ride.board, ride.alight
        ends = self._known.get(key)
        if ends is None:
            ends = self._known[key] = self._find_ends(ride)
        day = ride.service_date or transport_day(ride.departure, self.zone)
        return tuple(
            FareRide(
                kind=RideKind.LINE,
                agency=ride.agency,
                route=ride.route or "",
                networks=(),
                board=end.board,
                alight=end.alight,
                departure=ride.departure,
                arrival=ride.arrival,
                metres=end.metres,
                service_date=day,
                trip=ride.trip,
            )
            for end in ends
        )

    def _find_ends(self, ride: Ride) -> tuple[_End, ...]:
        there = (_End(ride.board, ride.alight, 0),)
        if self._timetable is None:
            return there
        found = self._search(self._timetable, ride)
        if ride.whole is Whole.WHOLE or (ride.board is not None and ride.alight is not None):
            return (min(found, key=lambda one: one.metres),) if found else there
        farthest: dict[tuple[str | None, str | None], _End] = {}
        for end in found:
            key = end.board, end.alight
            if key not in farthest or farthest[key].metres < end.metres:
                farthest[key] = end
        return tuple(farthest[key] for key in sorted(farthest, key=str)) or there

    def _search(self, timetable: Timetable, ride: Ride) -> list[_End]:
        """Find pairs of stops on the patterns that the ride may have been on."""
        boards, alights = self._stops(timetable, ride.board), self._stops(timetable, ride.alight)
        if boards is None and alights is None:
            return []
        first, stops, metres = timetable.pattern_first, timetable.pattern_stop, timetable.pattern_metres
        found = []
        for pattern in self._patterns(timetable, ride):
            here = slice(int(first[pattern]), int(first[pattern + 1]))
            calls, along = stops[here], metres[here]
            ins = np.arange(len(calls)) if boards is None else np.flatnonzero(np.isin(calls, boards))
            outs = np.arange(len(calls)) if alights is None else np.flatnonzero(np.isin(calls, alights))
            may_in, may_out = timetable.pattern_board[here], timetable.pattern_alight[here]
            found += [
                _End(
                    ride.board or timetable.stop_ids.at(int(calls[a])),
                    ride.alight or timetable.stop_ids.at(int(calls[b])),
                    int(along[b] - along[a]),
                )
                for a in ins
                for b in outs
                if a < b and may_in[a] and may_out[b]
            ]
        return found

    def _stops(self, timetable: Timetable, id_: str | None) -> NDArray[np.int32] | None:
        """Return the stops meant by an id; None where there is none, nothing where the timetable does not know it."""
        if id_ is None:
            return None
        stop = timetable.stop_ids.find(id_)
        return np.zeros(0, np.int32) if stop < 0 else stops_meant(timetable, stop)

    def _patterns(self, timetable: Timetable, ride: Ride) -> list[int]:
        if ride.trip is not None and (trip := timetable.trip_ids.find(ride.trip)) >= 0:
            return [pattern for pattern in (int(timetable.trip_pattern[trip]),) if pattern >= 0]
        if ride.route is not None:
            route = timetable.route_ids.find(ride.route)
            wanted = np.isin(timetable.trip_route, route)
        else:
            agency = timetable.agency_ids.find(ride.agency)
            wanted = np.isin(timetable.trip_route, np.flatnonzero(timetable.route_agency == agency))
        patterns = np.unique(timetable.trip_pattern[wanted])
        return [int(one) for one in patterns if one >= 0]
