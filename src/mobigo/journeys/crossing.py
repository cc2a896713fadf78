"""A ride on demand between two lines: tried where nothing else makes the journey.

Where service is sparse, a line may end where a zone begins and the next one leave from its other side. Of the services
on the way the nearest few are tried: to their stops by the timetable, across by ride, on by the timetable.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.journeys.model import End
from mobigo.journeys.rideleg import DOOR, Crossed
from mobigo.ondemand.model import Pin, PinSide, Spot
from mobigo.ondemand.supply import Offered, Want, better, safe_seconds
from mobigo.transit.model import Direction, Ride, TransitJourney, Walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    from numpy.typing import NDArray

    from mobigo.journeys.access import Access
    from mobigo.journeys.combine import Doors
    from mobigo.journeys.hailing import Hailing
    from mobigo.journeys.served import Area, Relation

    AskAt: TypeAlias = Callable[[Doors, int, Direction], list[TransitJourney]]

MOST_TRIED = 3
"""Relations, those with the least detour on the way first."""

LONGEST_WAIT = 4 * 3_600
"""Seconds between getting off the first line and on to the second one."""


class _Hubs(NamedTuple):
    """An area as an end of a search."""

    access: Access
    hub: NDArray[np.int32]
    """int32[n], hub behind each of the stops of `access`."""
    walk: NDArray[np.int32]
    """int32[n], seconds between them."""

    def at(self, stop: int) -> tuple[int, int]:
        """Return the hub of a stop, and the seconds to it."""
        place = int(np.searchsorted(self.access.stops, stop))
        return int(self.hub[place]), int(self.walk[place])


def cross(hailing: Hailing, ask: AskAt, doors: Doors, first: int) -> Iterator[tuple[TransitJourney, Doors]]:
    """Find journeys by a line, a ride and another line, leaving at an instant or later.

    Parameters
    ----------
    ask : callable
        Searches between doors: the next journeys from an instant on.
    doors : Doors
        The ends as they are reached without rides.
    """
    for relation in _list_on_the_way(hailing):
        found = _cross_by(hailing, ask, doors, first, relation)
        if found is not None:
            yield found


def _list_on_the_way(hailing: Hailing) -> list[Relation]:
    """List the relations that are the least detour."""
    served, (origin, destination) = hailing.hail.served, hailing.ends
    wide = np.cos(np.radians(origin.point.lat))
    start, end = served.middles[:, :2], served.middles[:, 2:]
    detour = np.hypot(*((start - origin.point) * (wide, 1.0)).T) + np.hypot(
        *((end - destination.point) * (wide, 1.0)).T
    )
    near = np.argsort(detour, kind="stable")[:MOST_TRIED]
    found = [served.relations[n] for n in near.tolist() if np.isfinite(detour[n])]
    return [relation for relation in found if hailing.is_wanted(relation)]


def _cross_by(
    hailing: Hailing, ask: AskAt, doors: Doors, first: int, relation: Relation
) -> tuple[TransitJourney, Doors] | None:
    to = _as_end(hailing, relation.start, doors.destination, backward=True, lead=0)
    if to is None:
        return None
    before = min(ask(replace(doors, destination=to.access), first, Direction.DEPART), key=_arrival, default=None)
    vehicle = (
        next((leg for leg in reversed(before.legs) if isinstance(leg, Ride)), None) if before is not None else None
    )
    if before is None or vehicle is None:
        return None
    hub, walk = to.at(vehicle.to_stop)
    service = hailing.hail.supply.catalogue.services[relation.service]
    promise = service.promise
    ready = vehicle.arrival + walk + promise.connection_buffer
    away = _as_end(hailing, relation.end, doors.origin, backward=False, lead=promise.connection_buffer, start=hub,
                   relation=relation)  # fmt: skip
    if away is None:
        return None
    after = min(ask(replace(doors, origin=away.access), ready, Direction.DEPART), key=_arrival, default=None)
    onward = next((leg for leg in after.legs if isinstance(leg, Ride)), None) if after is not None else None
    if after is None or onward is None or onward.departure - vehicle.arrival > LONGEST_WAIT:
        return None
    goal, on = away.at(onward.from_stop)
    offered = _offer(
        hailing, relation, (hub, goal), (ready, onward.departure - on - promise.connection_buffer), vehicle
    )
    if offered is None:
        return None
    crossed = Crossed(
        hailing.hail, offered, (vehicle.to_stop, hub, walk), (goal, onward.from_stop, on), doors.origin.foot
    )
    change = Walk(vehicle.to_stop, onward.from_stop, vehicle.arrival, offered.offer.drop_off[1] + on)
    legs = (
        *(leg for leg in before.legs if not (isinstance(leg, Walk) and leg.to_stop == DOOR)),
        change,
        *(leg for leg in after.legs if not (isinstance(leg, Walk) and leg.from_stop == DOOR)),
    )
    journey = TransitJourney(
        before.departure, after.arrival, before.transfers + after.transfers + 2, legs, before.cost + after.cost
    )
    return journey, replace(doors, rides={(change.from_stop, change.to_stop): crossed})


def _arrival(journey: TransitJourney) -> tuple[int, int]:
    return journey.arrival, -journey.departure


def _offer(
    hailing: Hailing, relation: Relation, hubs: tuple[int, int], time: tuple[int, int], vehicle: Ride
) -> Offered | None:
    """Ask for the ride across: ready when the first vehicle came, there before the second one leaves."""
    supply, timetable = hailing.hail.supply, hailing.network.timetable
    service = supply.catalogue.services[relation.service]
    ready, latest = time
    spots = [
        Spot(timetable.stop_names.at(hub), hailing.hail.served.point_of(hub), timetable.stop_ids.at(hub))
        for hub in hubs
    ]
    ids = timetable.trip_ids.at(vehicle.trip), timetable.stop_ids.at(vehicle.to_stop)
    pin = Pin(PinSide.AFTER, ids[0], vehicle.service_date, ids[1], vehicle.arrival)
    pickup = ready, min(ready + service.promise.longest_wait, latest)
    want = Want(spots[0], spots[1], pickup, (0, latest), hailing.party, pin, soon=True)
    best = None
    for ride in relation.rides:
        best = better(best, supply.offer(ride, want, hailing.hail.now))
    return best if isinstance(best, Offered) else None


def _as_end(
    hailing: Hailing,
    area: Area,
    like: Access,
    *,
    backward: bool,
    lead: int,
    start: int | None = None,
    relation: Relation | None = None,
) -> _Hubs | None:
    """Make an area an end of a search: its hubs and the stops beside them.

    Parameters
    ----------
    like : Access
        Of the traveller's own end, for how they walk.
    lead : int
        Seconds before the vehicle that one is there.
    start : int, optional
        Hub from which a ride takes one to the area's; None: one is there already.
    """
    served = hailing.hail.served
    hubs = served.hubs(area)
    if not len(hubs):
        return None
    taken = np.zeros(len(hubs), np.int64)
    if start is not None and relation is not None:
        promise = hailing.hail.supply.catalogue.services[relation.service].promise
        drives = hailing.hail.supply.drives.seconds([served.point_of(start)], served.hub_points(area))[0]
        trip = relation.rides[0].trip
        taken = np.array(
            [
                -1 if drive < 0 or hub == start else safe_seconds(trip, drive) + promise.pickup_window + promise.dwell
                for drive, hub in zip(drives.tolist(), hubs.tolist(), strict=True)
            ]
        )
    spread = served.spread(area, backward=backward, wheels=hailing.request.wheelchair)
    usable = (taken[spread.hub] >= 0) & (spread.walk <= hailing.request.max_walk)
    rows = np.flatnonzero(usable)
    if not len(rows):
        return None
    total = taken[spread.hub[rows]] + spread.walk[rows] + lead
    order = rows[np.lexsort((total, spread.stop[rows]))]
    stops, firsts = np.unique(spread.stop[order], return_index=True)
    chosen = order[firsts]
    seconds = (taken[spread.hub[chosen]] + spread.walk[chosen] + lead).astype(np.int32)
    hub = hubs[spread.hub[chosen]]
    access = replace(
        like,
        end=End("", served.point_of(int(hubs[0]))),
        stops=stops.astype(np.int32),
        seconds=seconds,
        walk_seconds=spread.walk[chosen],
        ways=(),
        chosen=np.zeros(len(stops), np.int8),
    )
    return _Hubs(access, hub, spread.walk[chosen])
