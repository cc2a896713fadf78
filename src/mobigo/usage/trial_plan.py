"""One person's question asked of a network: which way they take, and what it costs them in time.

The planner is that of travellers, with the questions they ask by default: on foot to the first stop and from the last,
journeys that leave within two hours, rides on demand where there are some. Of what it finds people take what is best
all in all: the time from door to door, half of the wait before they leave, and some minutes for each change; or they
walk all the way where that is better or nothing goes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from mobigo.journeys.combine import list_offers
from mobigo.journeys.emissions import emit_street, emit_trip
from mobigo.journeys.model import JourneyRequest, Mode, Realtime
from mobigo.journeys.search import open_search
from mobigo.kit.errors import MobigoError
from mobigo.kit.geo import haversine
from mobigo.transit.distances import straight_metres
from mobigo.transit.model import Direction, Ride
from mobigo.usage.draft_zones import hail_at

if TYPE_CHECKING:
    from mobigo.journeys.network import Network
    from mobigo.journeys.search import Candidate, Search
    from mobigo.journeys.served import Served
    from mobigo.ondemand.supply import Supply
    from mobigo.usage.trial_sample import Question

WINDOW = 2 * 3_600
"""Seconds after the wished moment within which people leave; what leaves later is none for them."""

BUDGET = 20.0
"""Seconds of computing for a question, so that no answer hangs on how busy the machine is."""

BOOKED_BEFORE = 86_400
"""Seconds before it that rides are asked for."""

DETOUR = 1.3
"""How much longer a road is than the straight line."""


@dataclass(frozen=True)
class Terms:
    """How people weigh their time; the figures are conventions, and are told with every result."""

    wait: float = 0.5
    """Of a second before one leaves, at home or where one is."""
    change: int = 300
    """Seconds for each change of vehicle."""
    same: int = 60
    """Seconds within which two ways are as good as each other."""


class Kind(StrEnum):
    """How somebody gets there."""

    VEHICLE = "vehicle"
    WALK = "walk"
    NONE = "none"


class Used(NamedTuple):
    """A ride of a way: on a line, or with a service on demand."""

    line: str
    """``source:id``."""
    ondemand: bool
    metres: int
    seconds: int


class Way(NamedTuple):
    """How somebody gets there."""

    kind: Kind
    weighed: float
    """Seconds, everything weighed; 0 where there is no way."""
    wait: int
    """Seconds until one leaves."""
    duration: int
    """Seconds from door to door."""
    changes: int
    rides: tuple[Used, ...]
    grams: int
    """Of CO2, the traveller's share."""
    complete: bool
    """False: the time for computing was over."""


NO_WAY = Way(Kind.NONE, 0.0, 0, 0, 0, (), 0, complete=True)


class Planner:
    """Answers questions on one network.

    Parameters
    ----------
    network : Network
        By its timetable.
    opened : Supply and Served, optional
        Of the services on demand.
    terms : Terms
    """

    def __init__(self, network: Network, opened: tuple[Supply, Served] | None, terms: Terms) -> None:
        self._network = network
        self._opened = opened
        self._terms = terms

    def answer(self, question: Question) -> Way:
        """Find the way that somebody takes."""
        request = JourneyRequest(
            f"{question.origin.lat:.7f},{question.origin.lon:.7f}",
            f"{question.destination.lat:.7f},{question.destination.lon:.7f}",
            question.at,
            window=WINDOW,
            budget=BUDGET,
            realtime=Realtime.OFF,
            carpool=False,
        )
        at = int(question.at.timestamp())
        hail = hail_at(self._opened, at - BOOKED_BEFORE)
        try:
            search = open_search(self._network, request, time.monotonic() + BUDGET, hail)
        except MobigoError:
            return NO_WAY  # an end that is near no street and no stop
        found = search.between(at, at + WINDOW, Direction.DEPART)
        best = min(found, key=lambda one: (self._weigh(one, at), one.journey.arrival), default=None)
        walk = search.walk
        on_foot = None if walk is None or walk.seconds > request.max_walk else walk.seconds
        if best is None and on_foot is None:
            return NO_WAY._replace(complete=search.complete)
        if best is None or (on_foot is not None and on_foot <= self._weigh(best, at)):
            assert on_foot is not None
            return Way(Kind.WALK, on_foot, 0, on_foot, 0, (), 0, complete=search.complete)
        journey = best.journey
        rides, grams = self._tell(search, best)
        return Way(
            Kind.VEHICLE,
            self._weigh(best, at),
            journey.departure - at,
            journey.arrival - journey.departure,
            journey.transfers,
            rides,
            grams,
            complete=search.complete,
        )

    def _weigh(self, one: Candidate, at: int) -> float:
        journey, terms = one.journey, self._terms
        return (
            journey.arrival
            - journey.departure
            + terms.wait * (journey.departure - at)
            + terms.change * journey.transfers
        )

    def _tell(self, search: Search, one: Candidate) -> tuple[tuple[Used, ...], int]:
        """List the rides of a journey, and what they emit.

        By timetable they count in straight lines: a line that a draft changes has no shape any more.
        """
        timetable = self._network.timetable
        rides: list[Used] = []
        grams = 0
        for leg in one.journey.legs:
            if isinstance(leg, Ride):
                metres = straight_metres(timetable, leg.trip, leg.from_pos, leg.to_pos)
                line = timetable.route_ids.at(int(timetable.trip_route[leg.trip]))
                rides.append(Used(line, ondemand=False, metres=metres, seconds=leg.arrival - leg.departure))
                grams += emit_trip(timetable, leg.trip, metres) or 0
        for offered in list_offers(one.journey, search.doors_of(one)):
            offer = offered.offer
            metres = round(DETOUR * haversine(offer.origin.point, offer.destination.point))
            rides.append(Used(offer.service, ondemand=True, metres=metres, seconds=offered.seconds))
            grams += emit_street(Mode.ON_DEMAND, metres) or 0
        return tuple(rides), grams
