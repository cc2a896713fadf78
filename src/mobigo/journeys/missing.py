"""The changes of a journey, how safe each is, and what happens if one is missed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mobigo.journeys import service
from mobigo.journeys.changing import find_riskiest
from mobigo.journeys.identity import Identity, NamedHail, NamedRide, NamedWalk
from mobigo.journeys.model import BOOKED_MODES, Access, Realtime, Safety
from mobigo.journeys.refresh import look_up

if TYPE_CHECKING:
    from mobigo.journeys.liftleg import Lift
    from mobigo.journeys.model import Change, Journey, Leg, Plan
    from mobigo.journeys.network import Network
    from mobigo.journeys.rideleg import Hail

BUDGET = 2.0
"""Seconds of computing for all changes of a journey."""


@dataclass(frozen=True)
class Missed:
    """What to do when a vehicle has just left without one."""

    journey: Journey | None
    """From where one stands then; the one that arrives first. None: none does within two weeks."""
    later: int | None
    """Seconds after the journey's own arrival."""
    complete: bool
    """False when the time for computing was over: there may be an earlier one."""


@dataclass(frozen=True)
class Told:
    """A change of a journey."""

    leg: int
    """Which of its legs one changes to, from 0."""
    change: Change
    missed: Missed | None
    """None where the vehicle waits."""


@dataclass(frozen=True)
class Changes:
    """All changes of a journey."""

    journey: Journey
    """As it goes now."""
    told: tuple[Told, ...]
    riskiest: int | None
    """Its leg."""
    network_version: str
    live_at: datetime | None


def tell_changes(
    network: Network,
    name: str,
    now: datetime,
    realtime: Realtime = Realtime.ON,
    hail: Hail | None = None,
    *,
    lift: Lift | None = None,
) -> Changes:
    """Say of each change of a journey how safe it is, and how one goes on if it is missed.

    Whoever misses a vehicle stands where it leaves from one second after it left.

    Parameters
    ----------
    network : Network
        As `Networks` hands it out.
    name : str
        ``Journey.id``.
    now : datetime
        Aware.
    hail, lift : optional
        What can be booked now, for going on.

    Raises
    ------
    NotFound
        When the id is none, or the ends or all rides of the journey are not known any more.
    """
    seen = look_up(network, name, now, realtime)
    journey, live = seen.journey, seen.network.live
    open_changes = [(at, leg, leg.change) for at, leg in enumerate(journey.legs) if leg.change is not None]
    waiting = sum(change.safety is not Safety.GUARANTEED for _, _, change in open_changes)
    told = []
    for at, leg, change in open_changes:
        missed = None
        if change.safety is not Safety.GUARANTEED:
            request = replace(
                seen.identity.request,
                realtime=realtime,
                budget=BUDGET / waiting,
                vias=_places_left(seen.identity, journey.legs[:at]),
            )
            onward = replace(
                request,
                origin=_where(leg),
                at=max(now, leg.departure + timedelta(seconds=1)),
                window=0,
                access=(Access.WALK,),
                names=("", request.names[1]),
                everything=True,
            )
            missed = _choose(service.plan(network, onward, hail, lift), journey)
        told.append(Told(at, change, missed))
    return Changes(
        journey,
        tuple(told),
        find_riskiest(journey.legs),
        seen.network.manifest.version,
        datetime.fromtimestamp(live.at, seen.network.manifest.zone) if live else None,
    )


def _choose(plan: Plan, journey: Journey) -> Missed:
    """Take the way on that arrives first."""
    best = min(plan.journeys, key=lambda one: (one.arrival, one.transfers, -one.departure.timestamp()), default=None)
    later = None if best is None else int((best.arrival - journey.arrival).total_seconds())
    return Missed(best, later, plan.complete)


def _where(leg: Leg) -> str:
    """Name the place where a vehicle leaves."""
    return leg.start.stop_id or f"{leg.start.lat:.6f},{leg.start.lon:.6f}"


def _places_left(identity: Identity, legs: tuple[Leg, ...]) -> tuple[tuple[str, int], ...]:
    """Return the places on the way that are not passed before so many vehicles and ways are over."""
    vehicles = sum(leg.trip_id is not None or leg.mode in BOOKED_MODES for leg in legs)
    passed = 0
    for part in identity.legs:
        if isinstance(part, NamedRide | NamedHail):
            if not vehicles:
                break
            vehicles -= 1
        elif isinstance(part, NamedWalk):
            passed = max(passed, -1 - part.to_end)
    return identity.request.vias[max(passed, 0) :]
