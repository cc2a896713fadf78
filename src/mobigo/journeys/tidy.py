"""Journeys as somebody who knows the place would make them: each change at the best of the stops two vehicles share."""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

from mobigo.journeys.rides import is_seat_kept
from mobigo.transit.model import Ride, Walk
from mobigo.transit.timetable import FORBIDDEN, NOT_ALLOWED
from mobigo.transit.transfers import find_rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mobigo.journeys.network import Network
    from mobigo.transit.model import Preferences, TransitJourney
    from mobigo.transit.timetable import Timetable

ENOUGH_TIME = 300
"""Seconds to spare at a change beyond which more make it no safer."""

WORTH_MOVING = 60
"""Seconds by which another place of changing must be better."""


class _Change(NamedTuple):
    """A possible change between two rides."""

    before: Ride
    after: Ride
    walk: int
    """Seconds."""
    spare: int
    """Seconds that the first vehicle may be late."""

    @property
    def trouble(self) -> int:
        """Walking counts twice, and time to spare as far as it makes the change safer."""
        return 2 * self.walk + ENOUGH_TIME - min(self.spare, ENOUGH_TIME)

    @property
    def waiting(self) -> int:
        """Seconds between the vehicles: what is not spent here is spent riding further and back."""
        return self.after.departure - self.before.arrival


def tidy(network: Network, journey: TransitJourney, preferences: Preferences | None) -> TransitJourney:
    """Move each change between two vehicles to where it is best: no walk, more time, no riding back and forth.

    Departure, arrival, vehicles and the number of changes stay as they are. Journeys over places to pass, and those
    that compete over what rides and stops cost, stay as they were found.
    """
    if journey.transfers == 0 or (preferences and (preferences.vias or preferences.costs)):
        return journey
    legs = list(journey.legs)
    rides = [place for place, leg in enumerate(legs) if isinstance(leg, Ride)]
    for at, then in zip(rides[-2::-1], rides[:0:-1], strict=True):  # from the end, so that places stay valid
        before, after = legs[at], legs[then]
        assert isinstance(before, Ride)
        assert isinstance(after, Ride)
        if _may_move(network.timetable, before, after) and not is_seat_kept(network.timetable, before, after):
            better = _move(network, before, after, preferences)
            if better:
                off, on = better.before.to_stop, better.after.from_stop
                left = better.before.arrival
                walk = [Walk(off, on, left, left + better.walk)] if off != on else []
                legs[at : then + 1] = [better.before, *walk, better.after]
    return replace(journey, legs=tuple(legs))


def _may_move(timetable: Timetable, before: Ride, after: Ride) -> bool:
    """Tell whether there may be a better place to change: it is short or walked, or the vehicles share other stops."""
    if before.to_stop != after.from_stop or after.departure - before.arrival < ENOUGH_TIME:
        return True
    rows = int(timetable.call_first[before.trip]), int(timetable.call_first[before.trip + 1])
    left = timetable.call_stop[rows[0] + before.from_pos + 1 : rows[1]].tolist()
    row = int(timetable.call_first[after.trip])
    boarded = timetable.call_stop[row : row + after.to_pos].tolist()
    return bool(set(left) & set(boarded) - {before.to_stop})


def _move(network: Network, before: Ride, after: Ride, preferences: Preferences | None) -> _Change | None:
    """Find a clearly better place to change; None where the one found is good enough."""
    options = list(_options(network, before, after, preferences))
    now = next((one for one in options if (one.before, one.after) == (before, after)), None)
    if now is None:
        return None  # a change by a rule for these vehicles alone
    for one in sorted(options, key=lambda one: (one.trouble, -one.waiting)):
        if one == now or (
            now.trouble - one.trouble < WORTH_MOVING
            and (one.trouble > now.trouble or one.waiting - now.waiting < WORTH_MOVING)
        ):
            return None
        if _is_allowed(network.timetable, one):
            return one
    return None


def _is_allowed(timetable: Timetable, change: _Change) -> bool:
    """Tell whether no rule for these vehicles speaks against a change."""
    if not len(timetable.named_from):
        return True
    rule = find_rule(timetable, change.before, change.after)
    return rule is None or (rule.type != FORBIDDEN and rule.seconds <= change.waiting)


def _options(network: Network, before: Ride, after: Ride, preferences: Preferences | None) -> Iterator[_Change]:
    """List every change between two trips, from after boarding the first to before leaving the second."""
    timetable = network.timetable
    footpaths = (preferences and preferences.footpaths) or network.footpaths
    boarding: dict[int, list[tuple[int, int]]] = {}
    row = int(timetable.call_first[after.trip])
    shift = after.departure - int(timetable.call_departure[row + after.from_pos])
    departures = (timetable.call_departure[row : row + after.to_pos] + shift).tolist()
    for on, stop in enumerate(timetable.call_stop[row : row + after.to_pos].tolist()):
        if timetable.call_pickup[row + on] != NOT_ALLOWED and departures[on] >= before.departure:
            boarding.setdefault(stop, []).append((on, departures[on]))
    row = int(timetable.call_first[before.trip])
    shift = before.departure - int(timetable.call_departure[row + before.from_pos])
    stops = timetable.call_stop[row : int(timetable.call_first[before.trip + 1])].tolist()
    arrivals = (timetable.call_arrival[row : row + len(stops)] + shift).tolist()
    for off in range(before.from_pos + 1, len(stops)):
        if timetable.call_drop_off[row + off] == NOT_ALLOWED or arrivals[off] > after.arrival:
            continue
        walks = slice(int(footpaths.first[stops[off]]), int(footpaths.first[stops[off] + 1]))
        for target, walk, change in zip(
            footpaths.target[walks].tolist(),
            footpaths.seconds[walks].tolist(),
            footpaths.change[walks].tolist(),
            strict=True,
        ):
            for on, departure in boarding.get(target, ()) if change >= 0 else ():
                walked, needed = needed_to_change(walk, change, preferences)
                spare = departure - arrivals[off] - needed
                if spare >= 0 and _may(preferences, stops[off], target, walked):
                    yield _Change(
                        before._replace(to_pos=off, to_stop=stops[off], arrival=arrivals[off]),
                        after._replace(from_pos=on, from_stop=target, departure=departure),
                        walked,
                        spare,
                    )


def needed_to_change(walk: int, change: int, preferences: Preferences | None) -> tuple[int, int]:
    """Seconds on foot, and from alighting to boarding, at a traveller's pace."""
    if preferences is None:
        return walk, change
    factor = max(preferences.walk_factor, 1.0)
    return ceil(walk * preferences.walk_factor), max(ceil(change * factor), preferences.min_change) + preferences.slack


def _may(preferences: Preferences | None, off: int, on: int, walk: int) -> bool:
    """Tell whether one may get off here and on there."""
    if preferences is None:
        return True
    if preferences.longest_walk is not None and off != on and walk > preferences.longest_walk:
        return False
    return preferences.stops is None or bool(preferences.stops[off] and preferences.stops[on])
