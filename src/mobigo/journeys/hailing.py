"""On-demand rides in journeys: to the first vehicle, from the last one, at both ends, and all the way.

A search of its own lets every stop be reached on foot or by a ride, whichever is quicker. A ride counts with what is
promised in advance: the pick-up window, the safe duration, and the buffer to what it feeds or meets. What is found is
then asked for exactly - rules, hours, vehicles - and what cannot be booked is dropped; the search goes on without it
for a few rounds.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from itertools import chain, product
from typing import TYPE_CHECKING, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

import numpy as np

from mobigo.journeys.model import Mode, NotNow
from mobigo.journeys.rideleg import DOOR, Fetched, FetchedAll, Gate, line_of, to_book
from mobigo.ondemand.catalogue import Ride as BookedRide
from mobigo.ondemand.catalogue import may_ride
from mobigo.ondemand.model import How, Pin, PinSide, Spot
from mobigo.ondemand.rules import rules_of
from mobigo.ondemand.supply import Decline, Declined, Offered, Want, better, safe_terms
from mobigo.transit.footpaths import WALKING_SPEED
from mobigo.transit.model import Direction, Ride, TransitJourney, Walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from mobigo.journeys.access import Access
    from mobigo.journeys.combine import Doors
    from mobigo.journeys.model import End, Journey, JourneyRequest, Leg
    from mobigo.journeys.network import Network
    from mobigo.journeys.rideleg import Hail
    from mobigo.journeys.served import Area, Relation
    from mobigo.kit.geo import Point
    from mobigo.ondemand.model import Party

    Ask: TypeAlias = Callable[[Doors, bool], list[TransitJourney]]

ROUNDS = 3
"""Searches for one question, each without the rides that could not be booked."""

MOST_CHECKED = 100
"""Journeys of a round that are asked for exactly, where all are wanted; else as many as are described."""

RIDE_WORTH = 300
"""Seconds that a journey with a ride that must be booked has to gain over one without."""

NOT_ON_FOOT = 2**31 - 1
"""Seconds to a stop that is out of reach on foot."""

GATES = 3
"""Stops of a group one walks to for being picked up there, at most: the nearest."""

LONGEST_DRIVE = 5_400
"""Seconds: no ride is longer."""

LONGEST_JOURNEY = 8 * 3_600
"""Seconds: how long after leaving a last ride may begin, and how long before arriving a first one."""


@dataclass(frozen=True)
class Side:
    """The stops that an end reaches by ride (is reached from), where that is quicker than on foot, and how."""

    stop: NDArray[np.int32]
    """int32[n]; the same stop may come several times."""
    seconds: NDArray[np.int32]
    """int32[n], from the door to being able to board there (from getting off to the door)."""
    walk: NDArray[np.int32]
    """int32[n], between the hub and the stop."""
    relation: NDArray[np.int32]
    """int32[n], number."""
    hub: NDArray[np.int32]
    """int32[n], stop that the ride goes to (comes from)."""
    gate: NDArray[np.int32]
    """int32[n], index into `all_gates`."""
    all_gates: tuple[Gate, ...]
    gates: dict[Area, tuple[Gate, ...]]
    """Where one is picked up (set down), by area."""
    relations: frozenset[int]
    """All that `relation` has."""

    def best(
        self, n_stops: int, closed: frozenset[int], without: set[tuple[int, int]]
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return the least seconds for each stop, -1 where out of reach, and the row that has them.

        Parameters
        ----------
        closed : frozenset of int
            Relations that cannot be booked.
        without : set of (relation, hub)
            That cannot be booked.
        """
        seconds, row = np.full(n_stops, -1, np.int32), np.full(n_stops, -1, np.int32)
        rows = np.arange(len(self.stop))
        if closed:
            rows = rows[~np.isin(self.relation, list(closed))]
        if without:
            keys = self.relation[rows].astype(np.int64) * n_stops + self.hub[rows]
            rows = rows[~np.isin(keys, [relation * n_stops + hub for relation, hub in without])]
        order = rows[np.argsort(-self.seconds[rows], kind="stable")]
        seconds[self.stop[order]], row[self.stop[order]] = self.seconds[order], order  # of several, the last is least
        return seconds, row


def beats(other: TransitJourney, journey: TransitJourney) -> bool:
    """Tell whether nobody would take a journey because of another one."""
    return (
        other.departure >= journey.departure
        and other.arrival <= journey.arrival
        and other.transfers <= journey.transfers
        and other.cost <= journey.cost
    )


def is_as_good(other: TransitJourney, journey: TransitJourney, rides: int) -> bool:
    """Tell whether nobody would book so many rides for what a journey gains over another one without."""
    if other.transfers > journey.transfers + rides or other.cost > journey.cost:
        return False
    return max(0, other.arrival - journey.arrival) + max(0, journey.departure - other.departure) <= RIDE_WORTH


class Time(NamedTuple):
    """When journeys leave, or arrive."""

    first: int
    """Instant."""
    last: int
    direction: Direction


class _Asked(NamedTuple):
    """What was asked of the supply before."""

    side: int
    relation: int
    gate: Gate
    hub: int
    instant: int
    """When the other vehicle leaves (came), with the walk to it."""
    bound: int
    """Instant before which nobody leaves (after which nobody arrives); 0: any."""


@dataclass
class Hailing:
    """The rides of one question."""

    hail: Hail
    network: Network
    ends: tuple[End, End]
    on_foot: tuple[Access, Access]
    """How the ends reach stops without rides."""
    request: JourneyRequest
    party: Party
    declined: dict[str, Declined] = field(default_factory=dict)
    """By service: why it takes nobody all the way now."""
    _sides: dict[int, Side] = field(default_factory=dict)
    _known: dict[_Asked, Offered | Declined] = field(default_factory=dict)
    _lines: dict[Ride, Offered | Declined | None] = field(default_factory=dict)

    # ── which rides there are ─────────────────────────────────────────────────────────────────────────────────────────

    def side(self, at: int) -> Side:
        """Find where rides take one from the origin (0), or from where to the destination (1), at whatever time."""
        if at not in self._sides:
            self._sides[at] = self._find_side(at)
        return self._sides[at]

    def reaches(self, at: int) -> bool:
        """Tell whether rides take one anywhere from the origin (0), or to the destination (1), at whatever time."""
        side = self.side(at)
        return bool(side.relations or side.gates)

    def _gates(self, at: int) -> dict[Area, tuple[Gate, ...]]:
        """Find the areas of services around an end: zones it lies in, groups with a stop in walking distance."""
        served, end = self.hail.served, self.ends[at]
        gates: dict[Area, list[Gate]] = {area: [Gate(DOOR, 0)] for area in served.zones_at(end.point)}
        walks = self.on_foot[at]
        rows = np.flatnonzero(served.is_gate[walks.stops])
        near, seconds = walks.stops[rows], walks.seconds[rows]
        for place in np.argsort(seconds, kind="stable").tolist():
            for area in served.areas_of(int(near[place])):
                gates.setdefault(area, []).append(Gate(int(near[place]), int(seconds[place])))
        return {area: tuple(found[:GATES]) for area, found in gates.items()}

    def _find_side(self, at: int) -> Side:
        served, leaving = self.hail.served, at == 0
        gates = self._gates(at)
        pairs = [
            (number, gate)
            for area, found in gates.items()
            for number in served.relations_at(area, leaving=leaving)
            if self.is_wanted(served.relations[number])
            for gate in found
        ]
        all_gates = tuple(dict.fromkeys(gate for _, gate in pairs))
        place = {gate: n for n, gate in enumerate(all_gates)}
        at_door = self._leave_door(at, [number for number, gate in pairs if gate.stop == DOOR])
        legs = [
            at_door[number] if gate.stop == DOOR else self._leave_stop(at, number, gate.stop) for number, gate in pairs
        ]
        columns = [some.shape[1] for some in legs]
        named = np.array([(number, place[gate], gate.walk) for number, gate in pairs], np.int32).reshape(-1, 3)
        relation, through, to_gate = np.repeat(named, columns, axis=0).T
        stop, aboard, walk, hub = np.concatenate([np.zeros((4, 0), np.int32), *legs], axis=1)
        if self.request.walk_speed != WALKING_SPEED:
            walk = np.ceil(walk * (WALKING_SPEED / self.request.walk_speed)).astype(np.int32)
        seconds = aboard + walk + to_gate
        walked = np.full(len(self.network.timetable.stop_lat), NOT_ON_FOOT, np.int32)
        walked[self.on_foot[at].stops] = self.on_foot[at].seconds
        kept = np.flatnonzero((walk <= self.request.max_walk) & (seconds < walked[stop]))
        relation = relation[kept]
        return Side(stop[kept], seconds[kept], walk[kept], relation, hub[kept], through[kept], all_gates, gates,
                    frozenset(np.unique(relation).tolist()))  # fmt: skip

    def _leave_door(self, at: int, numbers: Sequence[int]) -> dict[int, NDArray[np.int32]]:
        """Ride by relations from the door (to it); by relation, as `_go_on`."""
        if not numbers:
            return {}
        served = self.hail.served
        areas = [served.far_end(number, leaving=at == 0) for number in numbers]
        points = [served.hub_points(area) for area in areas]
        bounds = np.cumsum([len(some) for some in points])
        drives = np.split(self._measure(at, self.ends[at].point, list(chain(*points))), bounds[:-1])
        return {number: self._go_on(at, number, DOOR, drive) for number, drive in zip(numbers, drives, strict=True)}

    def _leave_stop(self, at: int, number: int, stop: int) -> NDArray[np.int32]:
        """Ride by a relation from a stop (to it): the same for all who live around; as `_go_on`."""
        served, drives = self.hail.served, self.hail.supply.drives
        key = number, stop, at == 1, self.request.wheelchair
        known = served.onward.get(key)
        if known is None or known[0] is not drives:
            points = served.hub_points(served.far_end(number, leaving=at == 0))
            found = self._go_on(at, number, stop, self._measure(at, served.point_of(stop), points))
            known = served.keep(key, drives, found)
        return known[1]

    def _go_on(self, at: int, number: int, gate: int, drive: NDArray[np.int32]) -> NDArray[np.int32]:
        """Go on on foot from the hubs at the far end of a relation (come to them on foot).

        Parameters
        ----------
        gate : int
            Stop that the ride is from (to); `DOOR`: from the door.
        drive : int32[n_hubs]
            Seconds between it and the hubs, -1 where there is no way.

        Returns
        -------
        int32[4, n]
            Stop, seconds without those on foot, seconds on foot behind the hub, hub.
        """
        served = self.hail.served
        area = served.far_end(number, leaving=at == 0)
        hubs, spread = served.hubs(area), served.spread(area, backward=at == 1, wheels=self.request.wheelchair)
        factor, offset, most_factor, most_offset, rest = self._terms(number)
        safe, most = np.rint(factor * drive + offset), np.rint(most_factor * drive + most_offset)
        lasting = np.minimum(np.maximum(drive, safe), most).astype(np.int32) + rest
        usable = (drive >= 0) & (drive <= LONGEST_DRIVE) & (hubs != gate)
        kept = usable[spread.hub]
        by = spread.hub[kept]
        return np.stack([spread.stop[kept], lasting[by], spread.walk[kept], hubs[by]]).astype(np.int32)

    def _terms(self, number: int) -> tuple[float, float, float, float, int]:
        """Return how long a ride counts: factor and offset of what is safe, of the longest ride, and the rest."""
        relation = self.hail.served.relations[number]
        promise = self.hail.supply.catalogue.services[relation.service].promise
        rest = promise.pickup_window + promise.dwell + promise.connection_buffer
        return *safe_terms(relation.rides[0].trip), promise.ride_factor, promise.ride_extra, rest

    def _measure(self, at: int, here: Point, there: list[Point]) -> NDArray[np.int32]:
        """Return the seconds of the drives from one place to others (back), int32[n]."""
        drives = self.hail.supply.drives
        table = drives.seconds([here], there) if at == 0 else drives.seconds(there, [here])
        return np.asarray(table).reshape(-1)

    def is_wanted(self, relation: Relation) -> bool:
        """Tell whether the question's filters leave a service."""
        service = self.hail.supply.catalogue.services[relation.service]
        source = service.id.partition(":")[0]
        names = {
            f"mode:{Mode.ON_DEMAND}",
            f"line:{service.id}",
            f"agency:{source}:{service.agency.get('agency_id', '')}",
        }
        if names & set(self.request.forbid):
            return False
        kinds = {word.partition(":")[0] for word in self.request.only}
        return all(names & {word for word in self.request.only if word.startswith(f"{kind}:")} for kind in kinds)

    # ── journeys with vehicles of the timetable ───────────────────────────────────────────────────────────────────────

    def open_relations(self, at: int, first: int, last: int, direction: Direction) -> set[int]:
        """Tell which relations at an end can be booked now for a time at which a question's journeys may take them.

        Parameters
        ----------
        at : int
            0: rides from the origin; 1: rides to the destination.
        """
        served, supply = self.hail.served, self.hail.supply
        low, high = first, last
        if direction is Direction.ARRIVE:
            low -= LONGEST_JOURNEY
        else:
            high += LONGEST_JOURNEY if at else LONGEST_DRIVE
        return {
            number
            for number in self.side(at).relations
            if any(supply.is_open(ride, low, high, self.hail.now) for ride in served.relations[number].rides)
        }

    def _find_closed(self, time: Time) -> tuple[frozenset[int], ...] | None:
        """Tell which relations at each end cannot be booked; None where no journey takes any other."""
        reached = [self.side(at).relations for at in (0, 1)]
        if not any(reached) or not all(some or len(self.on_foot[at].stops) for at, some in enumerate(reached)):
            return None
        closed = tuple(some - self.open_relations(at, *time) for at, some in enumerate(reached))
        return None if all(none == some for none, some in zip(closed, reached, strict=True)) else closed

    def find(
        self, ask: Ask, doors: Doors, known: Sequence[TransitJourney], time: Time
    ) -> Iterator[tuple[TransitJourney, Doors]]:
        """Find journeys with rides that can be booked, leaving (arriving) from the first to the last instant.

        Parameters
        ----------
        ask : callable
            Searches between doors: journeys that nothing beats in that time; with True, the best beyond that time.
        doors : Doors
            The ends as they are reached without rides.
        known : sequence of TransitJourney
            Journeys without rides: what is no better is left out.
        """
        direct = list(self._find_all_the_way(doors, *time))
        yield from direct
        quickest = min((journey.arrival - journey.departure for journey, _ in direct), default=None)
        closed = self._find_closed(time)
        if closed is None:
            return
        without: tuple[set[tuple[int, int]], ...] = (set(), set())
        done: set[tuple[int, ...]] = set()
        for _ in range(ROUNDS):
            mixed = [self._mix(at, closed[at], without[at]) for at in (0, 1)]
            failed = False
            for journey, rows in self._search(ask, replace(doors, origin=mixed[0].access, destination=mixed[1].access),
                                              mixed, known, time):  # fmt: skip
                if (journey.departure, journey.arrival, *rows) in done:
                    continue
                done.add((journey.departure, journey.arrival, *rows))
                offers = [self._offer(at, row, journey, time) for at, row in enumerate(rows)]
                for at, (row, one) in enumerate(zip(rows, offers, strict=True)):
                    if isinstance(one, Declined):
                        side = self.side(at)
                        without[at].add((int(side.relation[row]), int(side.hub[row])))
                        failed = True
                if not any(isinstance(one, Declined) for one in offers):
                    joined = self._join(journey, doors, rows, offers)
                    if quickest is None or joined[0].arrival - joined[0].departure < quickest:
                        yield joined
            if not failed:
                return

    def _search(
        self, ask: Ask, doors: Doors, mixed: list[_Mixed], known: Sequence[TransitJourney], time: Time
    ) -> list[tuple[TransitJourney, tuple[int, int]]]:
        """Search, and choose the journeys with rides that are worth asking for: the nearest in time."""
        if not any((one.row >= 0).any() for one in mixed):
            return []
        leaving = time.direction is Direction.DEPART
        able = []
        for journey in ask(doors, False):
            rows = self._rows(journey, mixed)
            rides = sum(row >= 0 for row in rows)
            if not rides or journey.transfers + rides > self.request.max_transfers:
                continue
            if not any(is_as_good(other, journey, rides) for other in known):
                able.append((journey, rows))
        able.sort(key=lambda one: one[0].arrival if leaving else -one[0].departure)
        most = MOST_CHECKED if self.request.everything else self.request.most
        if any(one.arrival > time.last if leaving else one.departure < time.first for one, _ in able[:most]):
            later = ask(doors, True)  # what leaves after the window is no better than what has arrived by then
            able = [one for one in able if not any(beats(other, one[0]) for other in later)]
        return able[:most]

    def _mix(self, at: int, closed: frozenset[int], without: set[tuple[int, int]]) -> _Mixed:
        """Let every stop be reached on foot or by ride, whichever is quicker."""
        walks = self.on_foot[at]
        n_stops = len(self.network.timetable.stop_lat)
        seconds, row = self.side(at).best(n_stops, closed, without)
        on_foot = row[walks.stops] < 0
        seconds[walks.stops[on_foot]] = walks.seconds[on_foot]
        stops = np.flatnonzero(seconds >= 0).astype(np.int32)
        return _Mixed(replace(walks, stops=stops, seconds=seconds[stops]), row)

    def _rows(self, journey: TransitJourney, mixed: list[_Mixed]) -> tuple[int, int]:
        """Return the rows of the rides that a journey takes at its ends; -1: it walks."""
        first, last = journey.legs[0], journey.legs[-1]
        start = int(mixed[0].row[first.to_stop]) if isinstance(first, Walk) and first.from_stop == DOOR else -1
        end = int(mixed[1].row[last.from_stop]) if isinstance(last, Walk) and last.to_stop == DOOR else -1
        return start, end

    def _offer(
        self, at: int, row: int, journey: TransitJourney, asked: tuple[int, int, Direction]
    ) -> Offered | Declined | None:
        """Ask for the ride at one end of a journey; None where it walks there."""
        if row < 0:
            return None
        first, last, direction = asked
        side = self.side(at)
        walk = int(side.walk[row])
        rides = [leg for leg in journey.legs if isinstance(leg, Ride)]
        vehicle = rides[-1] if at else rides[0]
        instant = vehicle.arrival + walk if at else vehicle.departure - walk
        bound = 0
        if (at == 0) == (direction is Direction.DEPART):
            bound = last if at else first
        key = _Asked(at, int(side.relation[row]), side.all_gates[side.gate[row]], int(side.hub[row]), instant, bound)
        if key not in self._known:
            self._known[key] = self._ask_supply(key, self._pin(vehicle, PinSide.AFTER if at else PinSide.BEFORE))
        return self._known[key]

    def _ask_supply(self, asked: _Asked, pin: Pin) -> Offered | Declined:
        relation = self.hail.served.relations[asked.relation]
        promise = self.hail.supply.catalogue.services[relation.service].promise
        door, hub = self._spot(asked.side, asked.gate.stop), self._spot(asked.side, asked.hub)
        if asked.side == 0:
            latest = asked.instant - promise.connection_buffer
            earliest = max(latest - LONGEST_DRIVE - promise.longest_wait - promise.pickup_window, self.hail.now)
            pickup = max(earliest, asked.bound + asked.gate.walk if asked.bound else 0), latest
            want = Want(door, hub, pickup, (0, latest), self.party, pin)
        else:
            earliest = asked.instant + promise.connection_buffer
            latest = asked.bound - asked.gate.walk if asked.bound else 0
            want = Want(hub, door, (earliest, earliest + promise.longest_wait), (0, latest), self.party, pin, soon=True)
        return self._best(relation, want, arrive=asked.side == 0)

    def _best(self, relation: Relation, want: Want, *, arrive: bool) -> Offered | Declined:
        """Ask all trips of a relation; return the best offer, or the refusal that says most."""
        best: Offered | Declined | None = None
        for ride in relation.rides:
            best = better(best, self.hail.supply.offer(ride, want, self.hail.now), arrive=arrive)
        assert best is not None
        return best

    def _join(
        self, journey: TransitJourney, doors: Doors, rows: tuple[int, int], offers: list[Offered | Declined | None]
    ) -> tuple[TransitJourney, Doors]:
        """Give a journey the times of its rides, and its ends the rides themselves."""
        legs, ends = list(journey.legs), [doors.origin, doors.destination]
        rides = 0
        for at, (row, offered) in enumerate(zip(rows, offers, strict=True)):
            if not isinstance(offered, Offered):
                continue
            rides += 1
            side = self.side(at)
            gate, walk, stop = side.all_gates[side.gate[row]], int(side.walk[row]), int(side.stop[row])
            hub = int(side.hub[row])
            fetched = Fetched(self.hail, offered, self.on_foot[at], gate, hub, walk, leaving=at == 0)
            on_foot = walk + gate.walk
            ends[at] = replace(
                ends[at],
                stops=np.array([stop], np.int32),
                seconds=np.array([fetched.seconds], np.int32),
                walk_seconds=np.array([on_foot], np.int32),
                ways=(fetched,),
                chosen=np.zeros(1, np.int8),
            )
            if at == 0:
                start = offered.offer.pickup[0] - gate.walk
                legs[0] = Walk(DOOR, stop, start, start + fetched.seconds)
            else:
                there = offered.offer.drop_off[1] + gate.walk
                begin = legs[-1].departure
                legs[-1] = Walk(stop, DOOR, begin, there)
        joined = replace(
            journey,
            departure=legs[0].departure,
            arrival=legs[-1].arrival,
            transfers=journey.transfers + rides,
            legs=tuple(legs),
        )
        return joined, replace(doors, origin=ends[0], destination=ends[1])

    # ── all the way ───────────────────────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def _joining(self) -> tuple[tuple[Relation, Gate, Gate], ...]:
        """The relations that join both ends, from where to where."""
        served = self.hail.served
        starts, ends = self.side(0).gates, self.side(1).gates
        relations = [
            (served.relations[number], gates)
            for area, gates in starts.items()
            for number in served.relations_at(area, leaving=True)
        ]
        return tuple(
            (relation, on, off)
            for relation, gates in relations
            if relation.end in ends and self.is_wanted(relation)
            for on, off in product(gates, ends[relation.end])
            if on.stop == DOOR or on.stop != off.stop
        )

    def _find_all_the_way(
        self, doors: Doors, first: int, last: int, direction: Direction
    ) -> Iterator[tuple[TransitJourney, Doors]]:
        """Offer each service's best ride from one end to the other."""
        best: dict[str, tuple[Offered, Gate, Gate]] = {}
        for relation, on, off in () if doors.vias else self._joining:
            offered = self._ask_all_the_way(relation, (on, off), (first, last), direction)
            if isinstance(offered, Declined):
                self._decline(relation.service, offered)
                continue
            known = best.get(relation.service)
            if known is None or better(known[0], offered, arrive=direction is Direction.ARRIVE) is offered:
                best[relation.service] = offered, on, off
        for offered, on, off in best.values():
            fetched = FetchedAll(self.hail, offered, self.on_foot, (on, off))
            start = offered.offer.pickup[0] - on.walk
            journey = TransitJourney(
                start, start + fetched.seconds, 0, (Walk(DOOR, DOOR, start, start + fetched.seconds),)
            )
            yield journey, replace(doors, walk=fetched)

    def _decline(self, service: str, one: Declined) -> None:
        """Remember why a service takes nobody all the way: of several reasons the one that says most."""
        told = better(self.declined.get(service), one)
        if isinstance(told, Declined):
            self.declined[service] = told

    def tell_declined(self) -> list[NotNow]:
        """Say of each service that goes there but cannot be booked for this time why not, and what still is."""
        return [self._tell(service, one) for service, one in sorted(self.declined.items())]

    def _tell(self, service_id: str, one: Declined) -> NotNow:
        service = self.hail.supply.catalogue.services[service_id]
        zone = ZoneInfo(service.timezone)

        def local(instant: int | None) -> datetime | None:
            return None if instant is None else datetime.fromtimestamp(instant, zone)

        return NotNow(
            service_id,
            line_of(service).name,
            one.reason.value,
            one.phone,
            one.url,
            local(one.opens),
            local(one.until),
            local(self.hail.supply.next_pickup(service, self.hail.now)),
        )

    def _ask_all_the_way(
        self, relation: Relation, gates: tuple[Gate, Gate], time: tuple[int, int], direction: Direction
    ) -> Offered | Declined:
        (on, off), (first, last) = gates, time
        origin, destination = self._spot(0, on.stop), self._spot(1, off.stop)
        if direction is Direction.DEPART:
            want = Want(origin, destination, (first + on.walk, last + on.walk), (0, 0), self.party)
        else:
            ready = max(self.hail.now, first - 2 * LONGEST_DRIVE)
            want = Want(origin, destination, (ready, last), (first - off.walk, last - off.walk), self.party)
        return self._best(relation, want, arrive=direction is Direction.ARRIVE)

    # ── lines that run only for those who booked ──────────────────────────────────────────────────────────────────────

    def closed_trips(self, journeys: list[TransitJourney]) -> set[int]:
        """List the trips that journeys ride though these must be booked and cannot be."""
        if not self.hail.served.lines and not self.hail.supply.catalogue.closed_trips:
            return set()
        rides = {leg for journey in journeys for leg in journey.legs if isinstance(leg, Ride)}
        return {ride.trip for ride in rides if isinstance(self.offer_line(ride), Declined)}

    def offer_line(self, ride: Ride) -> Offered | Declined | None:
        """Offer a ride on a trip of the timetable that must be booked; None for all others."""
        if ride not in self._lines:
            self._lines[ride] = self._ask_line(ride)
        return self._lines[ride]

    def must_book(self, ride: Ride) -> bool:
        """Tell whether a ride by timetable can be booked, and must be."""
        return bool(self.hail.served.lines) and isinstance(self.offer_line(ride), Offered)

    def _ask_line(self, ride: Ride) -> Offered | Declined | None:
        timetable = self.network.timetable
        name = timetable.trip_ids.at(ride.trip)
        if name in self.hail.supply.catalogue.closed_trips:
            return Declined(Decline.NO_SERVICE, None)
        known = self.hail.served.lines.get(name)
        if known is None:
            return None
        service_id, trip, records = known
        if ride.to_pos >= len(records):
            return None
        booked = BookedRide(service_id, trip, records[ride.from_pos], records[ride.to_pos])
        service = self.hail.supply.catalogue.services[service_id]
        here = self.hail.supply.how(service) is How.HERE
        if not may_ride(trip, booked.start, booked.end) or not (
            here or rules_of(service, booked.pickup, booked.drop_off)
        ):
            return None
        spots = self._spot(0, ride.from_stop), self._spot(1, ride.to_stop)
        want = Want(*spots, (ride.departure, ride.departure), (0, ride.arrival), self.party)
        return self.hail.supply.offer_line(booked, ride.service_date, want, self.hail.now)

    def tell_lines(self, found: TransitJourney, journey: Journey) -> Journey:
        """Say of each ride that must be booked how it is."""
        if not self.hail.served.lines:
            return journey
        rides = iter([leg for leg in found.legs if isinstance(leg, Ride)])
        legs = [
            self._tell_line(leg, self.offer_line(next(rides))) if leg.trip_id is not None else leg
            for leg in journey.legs
        ]
        return replace(journey, legs=tuple(legs))

    def _tell_line(self, leg: Leg, offered: Offered | Declined | None) -> Leg:
        if not isinstance(offered, Offered):
            return leg
        return replace(leg, mode=Mode.ON_DEMAND, phone=offered.phone, booking=to_book(self.hail, offered))

    # ── in the supply's words ─────────────────────────────────────────────────────────────────────────────────────────

    def _spot(self, at: int, stop: int) -> Spot:
        """Name a place for the one who drives there."""
        if stop == DOOR:
            end = self.ends[at]
            return Spot(self.request.names[at] or end.name, end.point, self._stop_of(end))
        timetable = self.network.timetable
        return Spot(timetable.stop_names.at(stop), self.hail.served.point_of(stop), timetable.stop_ids.at(stop))

    def _stop_of(self, end: End) -> str | None:
        return self.network.timetable.stop_ids.at(end.stops[0]) if end.stops else None

    def _pin(self, vehicle: Ride, side: PinSide) -> Pin:
        timetable = self.network.timetable
        before = side is PinSide.BEFORE
        return Pin(
            side,
            timetable.trip_ids.at(vehicle.trip),
            vehicle.service_date,
            timetable.stop_ids.at(vehicle.from_stop if before else vehicle.to_stop),
            vehicle.departure if before else vehicle.arrival,
        )


def party_of(request: JourneyRequest) -> Party:
    """Return who travels: a wheelchair, and a bicycle taken along, need room in a vehicle too."""
    party = request.party
    if request.wheelchair and not party.wheelchairs:
        party = replace(party, wheelchairs=1)
    if request.bicycle_aboard and not party.bicycles:
        party = replace(party, bicycles=party.persons)
    return party


class _Mixed(NamedTuple):
    """An end whose stops are reached on foot or by ride."""

    access: Access
    row: NDArray[np.int32]
    """int32[n_stops], row of `Side` where a ride is taken, else -1."""
