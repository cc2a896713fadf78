"""Other times for a ride that is booked: on demand, or in somebody's car, between the same places."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from mobigo.journeys import service
from mobigo.journeys.combine import DOOR
from mobigo.journeys.identity import CARPOOL, STOP_OF_RIDE, Identity, NamedHail, NamedRide, read_id
from mobigo.journeys.model import BOOKED_MODES, Access, Mode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mobigo.journeys.liftleg import Lift
    from mobigo.journeys.model import Journey, Leg
    from mobigo.journeys.refresh import Seen
    from mobigo.journeys.rideleg import Hail

APART = timedelta(minutes=30)
"""Between two rides on demand, which could be had at any minute."""
AHEAD = timedelta(hours=12)
"""How far before and after the ride others are looked for."""
BUDGET = 2.0
"""Seconds of computing for all of them."""


class Instead(NamedTuple):
    """Another time."""

    leg: Leg
    earlier: bool
    named: Identity
    """The journey with it."""
    free: bool
    """It leaves after one is there."""
    in_time: bool
    """It arrives before what comes after leaves."""


def is_booked(leg: Leg) -> bool:
    """Tell whether a leg is a ride that is in no timetable."""
    return leg.trip_id is None and leg.mode in BOOKED_MODES


def find_instead(
    seen: Seen, leg: int, now: datetime, hail: Hail | None, lift: Lift | None, *, most: tuple[int, int]
) -> list[Instead]:
    """Find the same ride at other times that can be booked now, as many before and after as are wanted.

    Parameters
    ----------
    leg : int
        Of the journey: one that `is_booked`.
    most : (int, int)
        How many earlier and later ones.
    """
    number = sum(is_booked(one) for one in seen.journey.legs[:leg])
    at = [n for n, part in enumerate(seen.identity.legs) if isinstance(part, NamedHail)][number]
    hunt = _Hunt(seen, at, now, (hail, lift), sum(most))
    return [*list(hunt.look(most[0], -1))[::-1], *hunt.look(most[1], 1)]


class _Hunt:
    def __init__(
        self, seen: Seen, at: int, now: datetime, offers: tuple[Hail | None, Lift | None], rounds: int
    ) -> None:
        part = seen.identity.legs[at]
        assert isinstance(part, NamedHail)
        self.seen, self.at, self.now, self.part = seen, at, now, part
        (self.hail, self.lift), self.network = offers, seen.network
        self.carpool = part.service.partition(":")[0] == CARPOOL
        request = seen.identity.request
        self.request = replace(
            request,
            origin=self._end(part.from_end, at - 1) or request.origin,
            destination=self._end(part.to_end, at + 1) or request.destination,
            vias=(), only=(), window=0, direct=(), cursor=None, of_day=None, everything=True,
            access=(Access.WALK,), egress=(Access.WALK,),
            ondemand=not self.carpool, carpool=self.carpool, budget=BUDGET / max(rounds, 1),
        )  # fmt: skip

    def _end(self, end: int, beside: int) -> str | None:
        """Name where the part begins or ends: None is the door; else a place on the way, or a stop beside."""
        if end == DOOR:
            return None
        if end < DOOR:
            return self.seen.identity.request.vias[DOOR - 1 - end][0]
        ride = self.seen.identity.legs[beside]
        assert end == STOP_OF_RIDE
        if isinstance(ride, NamedRide):
            return ride.to_stop if beside < self.at else ride.from_stop
        spot = self.part.start if beside < self.at else self.part.end
        return spot[3] or f"{spot[2]:.6f},{spot[1]:.6f}"

    def look(self, most: int, step: int) -> Iterator[Instead]:
        """Look further and further away from the ride, one after the other."""
        own = datetime.fromtimestamp(self.part.ready, UTC), datetime.fromtimestamp(self.part.there, UTC)
        apart = timedelta(minutes=1) if self.carpool else APART
        moment = own[0] + apart if step > 0 else own[1] - apart
        for _ in range(most):
            if (step > 0 and moment > own[0] + AHEAD) or (step < 0 and moment < max(own[1] - AHEAD, self.now)):
                return
            request = replace(self.request, at=max(moment, self.now), arrive_by=step < 0)
            found = self._ask(request.at, step, service.plan(self.network, request, self.hail, self.lift).journeys)
            if found is None:
                return
            yield found
            moment = found.leg.departure + apart if step > 0 else found.leg.arrival - apart

    def _ask(self, at: datetime, step: int, journeys: tuple[Journey, ...]) -> Instead | None:
        """Take the nearest journey that is this one ride."""
        alone = [one for one in journeys if _is_alone(one) and one.departure >= self.now]
        inside = [one for one in alone if (one.departure >= at if step > 0 else one.arrival <= at)]
        best = min(inside, key=lambda one: abs((one.departure if step > 0 else one.arrival) - at), default=None)
        return None if best is None else self._tell(best, step)

    def _tell(self, journey: Journey, step: int) -> Instead:
        parts = list(self.seen.identity.legs)
        new = next(part for part in read_id(journey.id).legs if isinstance(part, NamedHail))
        before = parts[self.at - 1].arrival if self.at else int(self.now.timestamp())
        after = parts[self.at + 1].departure if self.at + 1 < len(parts) else None
        parts[self.at] = replace(new, from_end=self.part.from_end, to_end=self.part.to_end)
        departure, arrival = parts[0].departure, parts[-1].arrival
        request = replace(self.seen.identity.request, at=datetime.fromtimestamp(departure, UTC))
        named = replace(self.seen.identity, request=request, departure=departure, arrival=arrival, legs=tuple(parts))
        leg = next(one for one in journey.legs if is_booked(one))
        return Instead(leg, step < 0, named, new.departure >= before, after is None or new.arrival <= after)


def _is_alone(journey: Journey) -> bool:
    """Tell whether a journey is one booked ride, and ways on foot."""
    rides = [leg for leg in journey.legs if leg.mode is not Mode.WALK]
    return len(rides) == 1 and is_booked(rides[0])
