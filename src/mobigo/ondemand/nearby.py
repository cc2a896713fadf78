"""Rides from and to places where nothing on demand stops, but a few steps away something does.

A traveller says "the station"; the vehicle stops at the coach stop in front of it. Ends that a service does not serve
are replaced by its stops around, as far as one walks there.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from mobigo.kit.geo import haversine
from mobigo.ondemand.model import PlaceKind, Spot
from mobigo.ondemand.supply import Declined, Offered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mobigo.ondemand.catalogue import Catalogue
    from mobigo.ondemand.model import Party, Service
    from mobigo.ondemand.supply import Supply

REACH = 500.0
"""Metres, as the crow flies, that one walks to a stop."""
DETOUR = 1.3
"""How much longer streets are."""
PACE = 1.2
"""Metres per second on foot."""
MANY_STOPS = 4
"""Stops that are tried around each end."""
DEGREE = 111_000.0
"""Metres of a degree of latitude, roughly."""


class Near(NamedTuple):
    """A place to get on or off, and how far it is from where one is."""

    seconds: int
    spot: Spot


class Around(NamedTuple):
    """What a service says, and between which places."""

    ends: tuple[Spot, Spot]
    one: Offered | Declined


def find_around(
    supply: Supply,
    ends: tuple[Spot, Spot],
    at: int,
    *,
    party: Party,
    now: int,
    arrive: bool = False,
    within: int = 7200,
) -> list[Around]:
    """Offer rides as `Supply.find` does, and those of other services from and to their stops a few steps away."""
    found = [Around(ends, one) for one in supply.find(*ends, at, party=party, now=now, arrive=arrive, within=within)]
    known = {_service(one) for _, one in found}
    around = [[Near(0, end), *list_stops(supply.catalogue, end)] for end in ends]
    pairs = sorted(product(*around), key=lambda pair: pair[0].seconds + pair[1].seconds)
    for on, off in pairs[1:]:
        rides = supply.catalogue.rides_between(on.spot, off.spot)
        if {ride.service for ride in rides} <= known:
            continue
        moved = at - off.seconds if arrive else at + on.seconds
        more = supply.find(on.spot, off.spot, moved, party=party, now=now, arrive=arrive, within=within)
        found += [Around((on.spot, off.spot), one) for one in more if _service(one) not in known]
        known |= {_service(one) for one in more}
    return sorted(found, key=lambda around: isinstance(around.one, Declined))


def list_stops(catalogue: Catalogue, spot: Spot) -> list[Near]:
    """List the stops of on-demand services around a place, the nearest first; not the place itself."""
    found: dict[str, Near] = {}
    for service in catalogue.services.values():
        for id_ in _list_named(catalogue, service):
            stop = service.stops.get(id_)
            if stop is None or stop.point is None or abs(stop.point.lat - spot.point.lat) > REACH / DEGREE:
                continue
            metres = haversine(stop.point, spot.point)
            network_id = catalogue.network_stop(service, id_)
            if metres <= REACH and network_id != spot.stop_id:
                found[network_id] = Near(round(metres * DETOUR / PACE), Spot(stop.name, stop.point, network_id))
    return sorted(found.values(), key=lambda near: near.seconds)[:MANY_STOPS]


def _list_named(catalogue: Catalogue, service: Service) -> Iterator[str]:
    """List the stops that a service stops at, by its own ids."""
    calls = {(call.kind, call.place): call for trip in service.trips for call in trip.calls}
    for (kind, _), call in calls.items():
        if kind is not PlaceKind.ZONE:
            yield from catalogue.stops_of(service, call)


def _service(one: Offered | Declined) -> str | None:
    return one.offer.service if isinstance(one, Offered) else one.service
