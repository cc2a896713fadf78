"""Rides in cars of others in journeys: all the way; else to the first vehicle of the timetable, or from the last one.

A car leaves when its driver does: unlike a walk, a ride in it begins at one instant. Of the cars that come by one end,
those that also come by a stop worth it are found with all such stops at once; the vehicles that meet them there are
then searched as from (to) these stops. Between a car and a vehicle there is a buffer: a car may come as much later as
those aboard were promised at most, and trains do not wait.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from mobigo.carpool.match import DELAY_GUARD
from mobigo.carpool.meeting import Meeting, find_meetings
from mobigo.carpool.search import Asked, find_between, keep_best
from mobigo.carpool.supply import Place
from mobigo.journeys.hailing import is_as_good
from mobigo.journeys.liftleg import Lifted, LiftedAll, service_of
from mobigo.journeys.model import Mode
from mobigo.journeys.rideleg import DOOR
from mobigo.transit.model import Direction, Ride, TransitJourney, Walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from mobigo.carpool.search import Option
    from mobigo.journeys.access import Access
    from mobigo.journeys.combine import Doors
    from mobigo.journeys.hailing import Time
    from mobigo.journeys.liftleg import Lift
    from mobigo.journeys.model import End, JourneyRequest
    from mobigo.journeys.network import Network

    AskAt: TypeAlias = Callable[[Doors, int, Direction], list[TransitJourney]]

WALK = 900
"""Seconds on foot to where a car stops, at most."""

MOST_DIRECT = 8
"""Rides all the way that are offered for one question."""

ENOUGH = 6
"""Journeys without a car, after which nobody needs to be driven to a vehicle or fetched from one."""

MOST_HUBS = 16
"""Stops that a car may bring one to, or fetch one from: the most important ones around."""

SHORTEST = 1_500.0
"""Metres, straight: nobody is fetched for less (the register of proof counts no ride below two kilometres)."""

HUBS_FROM, HUBS_UNTIL = SHORTEST, 60_000.0
"""Metres, straight, between an end of the journey and such a stop."""

BEFORE = DELAY_GUARD + 300
"""Seconds between getting out of a car and the departure of the next vehicle, the walk not counted."""

AFTER = 300
"""Seconds between the arrival of a vehicle and the car that one gets into, the walk not counted."""

FAR = 4 * 3_600
"""Seconds after leaving within which a last ride begins, or before arriving within which a first one ends."""

FASTEST = 40.0
"""Metres per second, straight, that no journey by vehicle exceeds."""

SEARCHES = 6
"""Searches of vehicles for one question, at most."""

ROUNDS = 2
"""Searches with all cars together, each with those that leave after (arrive before) what the one before took."""

TRIED = 3
"""Cars for which vehicles are searched one by one."""


class Hop(NamedTuple):
    """A ride between an end and a hub."""

    option: Option
    hub: int
    """Stop."""


class Meet(NamedTuple):
    """A stop where a vehicle and a car meet."""

    hop: Hop
    stop: int
    walk: int
    """Seconds between the hub and the stop."""
    instant: int
    """By car first: when one is ready to board there; by vehicle first: when one has to be there at the latest."""


@dataclass
class Lifting:
    """The rides in cars of one question."""

    lift: Lift
    network: Network
    ends: tuple[End, End]
    on_foot: tuple[Access, Access]
    """How the ends reach stops on foot."""
    request: JourneyRequest
    _meetings: dict[int, list[Meeting]] = field(default_factory=dict)
    _searched: int = 0

    def find(
        self, ask: AskAt, doors: Doors, known: Sequence[TransitJourney], time: Time
    ) -> Iterator[tuple[TransitJourney, Doors]]:
        """Find journeys with a ride in a car, leaving (arriving) from the first to the last instant.

        Parameters
        ----------
        ask : callable
            Searches between doors: the next journeys from an instant on, or the last ones until it.
        doors : Doors
            The ends as they are reached without rides.
        known : sequence of TransitJourney
            Journeys without rides: what is hardly better is left out.
        """
        direct = [] if doors.vias else list(self._find_all_the_way(doors, time))
        yield from direct
        if direct or not self.request.max_transfers or len(known) >= ENOUGH:
            return
        for at in (0, 1):
            for one in self._find_beside(at, ask, doors, time):
                if not any(is_as_good(other, one[0], 1) for other in known):
                    yield one

    # ── all the way ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _find_all_the_way(self, doors: Doors, time: Time) -> Iterator[tuple[TransitJourney, Doors]]:
        """Find the cars that go from one end to the other."""
        options = keep_best(self._between((self._around(0), self._around(1)), _bounded(time), None))
        leaving = time.direction is Direction.DEPART
        options.sort(key=lambda one: (one.arrival, -one.departure) if leaving else (-one.departure, one.arrival))
        for option in options[:MOST_DIRECT]:
            walk = LiftedAll(self.lift, option, self.on_foot, self.request.walk_speed)
            legs = (Walk(DOOR, DOOR, option.departure, option.arrival),)
            yield TransitJourney(option.departure, option.arrival, 0, legs), replace(doors, walk=walk)

    def _around(self, at: int) -> list[Meeting]:
        """List where one can get on (off) around an end: at the door, and where cars stop anyway."""
        if at not in self._meetings:
            end = self.ends[at]
            name = self.request.names[at] or end.name
            known = [*self.lift.garage.list_stops(), *self.lift.garage.places]
            self._meetings[at] = find_meetings(
                self.network.streets,
                Place(name, end.point),
                known,
                min(WALK, self.request.max_walk),
                backward=at == 1,
                speed=self.request.walk_speed,
                anywhere=False,
            )
        return self._meetings[at]

    def _between(
        self, ends: tuple[Sequence[Meeting], Sequence[Meeting]], asked: tuple[int, bool, int], each: int | None
    ) -> list[Option]:
        """Find the places in cars that the question's filters leave."""
        at, arrive, within = asked
        here, there = (Place(side[0].name, side[0].point) for side in ends)
        question = Asked(here, there, at, arrive, within, WALK, self.request.party.persons, self.request.walk_speed)
        found = find_between(self.lift.garage, ends, question, now=self.lift.now, each=each)
        fly = self.lift.hubs.fly
        return [
            one
            for one in found
            if fly(one.offer.board.point, one.offer.alight.point) >= SHORTEST and self._is_wanted(one)
        ]

    def _is_wanted(self, option: Option) -> bool:
        names = {f"mode:{Mode.CARPOOL}", f"line:{service_of(option)}"}
        if names & set(self.request.forbid):
            return False
        kinds = {word.partition(":")[0] for word in self.request.only}
        return all(names & {word for word in self.request.only if word.startswith(f"{kind}:")} for kind in kinds)

    # ── to a vehicle, or from one ─────────────────────────────────────────────────────────────────────────────────────

    def _find_beside(self, at: int, ask: AskAt, doors: Doors, time: Time) -> Iterator[tuple[TransitJourney, Doors]]:
        """Find journeys whose first part (with 1: the last one) is by car."""
        leaving = time.direction is Direction.DEPART
        hops = self._find_hops(at, time)
        if not hops:
            return
        if (at == 0) == leaving:  # what the question bounds is the car's: all at once, then those after (before)
            for _ in range(ROUNDS):
                found = list(self._search(at, ask, doors, hops))
                yield from found
                if not found:
                    return
                if leaving:
                    latest = max(one.departure for one, _ in found)
                    hops = [one for one in hops if one.option.departure > latest]
                else:
                    first = min(one.arrival for one, _ in found)
                    hops = [one for one in hops if one.option.arrival < first]
            return
        cars: dict[str, list[Hop]] = {}
        for one in sorted(hops, key=lambda one: one.option.arrival if leaving else -one.option.departure):
            cars.setdefault(one.option.offer.run, []).append(one)
        for some in list(cars.values())[:TRIED]:
            yield from self._search(at, ask, doors, some)

    def _find_hops(self, at: int, time: Time) -> list[Hop]:
        """Find the rides between an end and the stops around it that leave one time for the rest of the way."""
        other = self.ends[1 - at].point
        hubs = self.lift.hubs
        stops = hubs.on_the_way(self.ends[at].point, other, (HUBS_FROM, HUBS_UNTIL), MOST_HUBS)
        if not stops:
            return []
        names = self.network.timetable.stop_names
        places = [Meeting(names.at(stop), hubs.point_of(stop), 0) for stop in stops]
        self.lift.garage.keep([place.point for place in places])
        ends = (self._around(0), places) if at == 0 else (places, self._around(1))
        leaving = time.direction is Direction.DEPART
        asked = _bounded(time)
        if at == 1 and leaving:
            asked = time.first, False, time.last - time.first + FAR
        elif at == 0 and not leaving:
            asked = time.last, True, time.last - time.first + FAR
        by_point = {place.point: stop for place, stop in zip(places, stops, strict=True)}
        found = []
        for option in self._between(ends, asked, 1 - at):
            spot = option.offer.alight if at == 0 else option.offer.board
            ride = hubs.fly(spot.point, other) / FASTEST
            in_time = True
            if at == 1 and leaving:
                in_time = option.offer.board_at >= time.first + ride
            elif at == 0 and not leaving:
                in_time = option.arrival + ride <= time.last
            if in_time:
                found.append(Hop(option, by_point[spot.point]))
        return found

    def _search(self, at: int, ask: AskAt, doors: Doors, hops: Iterable[Hop]) -> Iterator[tuple[TransitJourney, Doors]]:
        """Search the vehicles that meet some cars."""
        meets = [meet for hop in hops for meet in self._list_meets(at, hop)]
        if not meets or self._searched >= SEARCHES:
            return
        self._searched += 1
        stop = np.array([meet.stop for meet in meets], np.int32)
        instant = np.array([meet.instant for meet in meets], np.int64)
        if at == 0:
            bound = min(meet.hop.option.departure for meet in meets)
            seconds = instant - bound
        else:
            bound = max(meet.hop.option.arrival for meet in meets)
            seconds = bound - instant
        order = np.lexsort((seconds, stop))
        stops, first = np.unique(stop[order], return_index=True)
        end = doors.origin if at == 0 else doors.destination
        reached = replace(
            end,
            stops=stops,
            seconds=seconds[order][first].astype(np.int32),
            walk_seconds=np.zeros(len(stops), np.int32),
            ways=(),
            chosen=np.zeros(len(stops), np.int8),
        )
        asked = replace(doors, origin=reached) if at == 0 else replace(doors, destination=reached)
        for journey in ask(asked, bound, Direction.DEPART if at == 0 else Direction.ARRIVE):
            joined = self._join(at, journey, doors, meets)
            if joined is not None:
                yield joined

    def _list_meets(self, at: int, hop: Hop) -> Iterator[Meet]:
        """List the stops around a hub where one changes between the car and a vehicle."""
        option = hop.option
        stops, walks = self.lift.hubs.ways(hop.hub, backward=at == 1)
        for stop, walk in zip(stops.tolist(), walks.tolist(), strict=True):
            if walk <= self.request.max_walk:
                ready = option.arrival + walk + BEFORE
                yield Meet(hop, stop, walk, ready if at == 0 else option.departure - walk - AFTER)

    def _join(
        self, at: int, journey: TransitJourney, doors: Doors, meets: Sequence[Meet]
    ) -> tuple[TransitJourney, Doors] | None:
        """Give a journey the times of its car: the last to leave, or the first to arrive, of those that do."""
        rides = [leg for leg in journey.legs if isinstance(leg, Ride)]
        beside = journey.legs[0 if at == 0 else -1]
        if not rides or not isinstance(beside, Walk) or journey.transfers + 1 > self.request.max_transfers:
            return None
        stop = beside.to_stop if at == 0 else beside.from_stop
        if at == 0:
            able = [one for one in meets if one.stop == stop and one.instant <= rides[0].departure]
            meet = max(able, key=lambda one: (one.hop.option.departure, -one.walk), default=None)
        else:
            able = [one for one in meets if one.stop == stop and one.instant >= rides[-1].arrival]
            meet = min(able, key=lambda one: (one.hop.option.arrival, one.walk), default=None)
        if meet is None:
            return None
        option, legs = meet.hop.option, list(journey.legs)
        lifted = Lifted(
            self.lift, option, self.on_foot[at], meet.hop.hub, meet.walk, self.request.walk_speed, leaving=at == 0
        )
        end = replace(
            doors.origin if at == 0 else doors.destination,
            stops=np.array([stop], np.int32),
            seconds=np.array([lifted.seconds], np.int32),
            walk_seconds=np.array([option.walk + meet.walk], np.int32),
            ways=(lifted,),
            chosen=np.zeros(1, np.int8),
        )
        if at == 0:
            legs[0] = Walk(DOOR, stop, option.departure, option.departure + lifted.seconds)
        else:
            legs[-1] = Walk(stop, DOOR, legs[-1].departure, option.arrival)
        joined = replace(
            journey,
            departure=legs[0].departure,
            arrival=legs[-1].arrival,
            transfers=journey.transfers + 1,
            legs=tuple(legs),
        )
        return joined, replace(doors, origin=end) if at == 0 else replace(doors, destination=end)


def _bounded(time: Time) -> tuple[int, bool, int]:
    """Return the instant, whether one has to be there by it, and how much later (earlier) suits."""
    leaving = time.direction is Direction.DEPART
    return time.first if leaving else time.last, not leaving, time.last - time.first
