"""An obviously right answer to a question with wishes: every journey of a small feed is built, then the dominated go.

Feeds, walks, runs, seams and the rules of transfers.txt are those of ``tests.route_oracle``; here are the wishes of
``transit.model.Preferences``, in ids instead of indices. What its words leave open is read like this:

a change
    Takes its walk, so many times as long and rounded up, and the seconds of every change; where the ruling row has a
    min_transfer_time it takes that, scaled likewise. Then, unless the row is of type 1, at least the least change, and
    the slack on top. The longest walk is compared with the scaled one.
vias
    Passed in a vehicle when nobody wants to stay and one of its stops 0 seconds away is called at while one sits in
    it, boarding and alighting included, whether or not doors open; several in order at one call. Or visited on foot:
    off at one of its stops, to the place, stay, to one of its stops, on. That takes at least the least change, and the
    slack on top, but neither the seconds of a change nor a rule of transfers.txt, and is one change. Visits may follow
    each other at a common stop, and lie before the first ride or after the last, without least change and slack there;
    one that takes no time at all is none. Walks to and from the place are not scaled.
cost
    On foot counts what is walked (scaled), at both ends too, never waiting nor a time to change at one and the same
    stop. Boarding counts the trip and the stop, alighting the stop; staying seated nothing. Kilometres count by metres,
    from stop to stop along straight lines; the sum is rounded down once.
walking alone in a window
    One can start in any second: a journey that is neither faster nor cheaper than walking is dominated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise, product
from typing import TYPE_CHECKING, NamedTuple

from tests.route_oracle import Change, Oracle, read_footpaths

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.route_oracle import Call, Options, Run


class Journey(NamedTuple):
    """What a journey is judged by; times in seconds since 1970."""

    departure: int
    arrival: int
    transfers: int
    cost: int = 0


@dataclass(frozen=True)
class Prices:
    """`transit.model.Costs` by id."""

    walk: int = 0
    trips: dict[str, int] = field(default_factory=dict)
    stops: dict[str, int] = field(default_factory=dict)
    kilometres: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Stay:
    """A via: seconds to the place and from it by stop."""

    stops: dict[str, tuple[int, int]]
    seconds: int = 0


@dataclass(frozen=True)
class Wishes:
    """`transit.model.Preferences` by id; None allows everything."""

    routes: frozenset[str] | None = None
    trips: frozenset[str] | None = None
    stops: frozenset[str] | None = None
    walk_factor: float = 1.0
    longest_walk: int | None = None
    min_change: int = 0
    slack: int = 0
    footpaths: list[dict[str, str]] | None = None
    prices: Prices | None = None
    vias: tuple[Stay, ...] = ()


@dataclass(frozen=True)
class Question:
    """`transit.model.Query` by id."""

    access: dict[str, int]
    egress: dict[str, int]
    at: int
    window: int = 0
    arrive: bool = False
    max_transfers: int = 15
    walk: int | None = None
    wishes: Wishes = Wishes()


class Seat(NamedTuple):
    """Sitting in a run as it reaches its call, having left the origin at `left` and passed so many vias."""

    left: int
    run: int
    call: int
    passed: int


class Meeting(NamedTuple):
    """Off one trip at a stop, with so many vias passed, and on another."""

    off: str
    before: str
    passed: int
    on: str
    after: str


class Visit(NamedTuple):
    """On foot from a stop or the origin, by places or not, to this stop."""

    stop: str
    seconds: int
    walk: int
    """Seconds on foot."""
    passed: int


class GeneralOracle(Oracle):
    """A feed, ready to be asked with wishes."""

    def __init__(self, source: Path | dict[str, str], options: Options | None = None) -> None:
        super().__init__(source, options)
        self.base_changes = self.changes
        self.ways: dict[Meeting, list[tuple[int, int, int]]] = {}
        """What `list_ways` said in this question."""

    def run_as(self, runs: list[Run], seams: dict[int, list[int]], routes: dict[str, str]) -> None:
        """Go on with other runs; `routes` of trips that the feed does not have."""
        self.runs, self.seams = runs, seams
        self.named.routes = routes | self.named.routes
        self.boardings = self.list_boardings()

    def ask(self, question: Question) -> set[Journey]:
        """All journeys that no other dominates."""
        return select(question, set(self.list_all(question)))

    # --- what is allowed, and what it takes --------------------------------------------------------------------------

    def rideable(self, run: Run, wishes: Wishes) -> bool:
        """Whether one may sit in it."""
        route = self.named.routes[run.trip]
        return (wishes.trips is None or run.trip in wishes.trips) and (wishes.routes is None or route in wishes.routes)

    def change_for(self, wishes: Wishes, stops: tuple[str, str], trips: tuple[str, str]) -> Change | None:
        """The change as somebody with these wishes makes it: seconds from alighting to boarding, seconds on foot."""
        change = self.find_change(stops, trips)
        if change is None:
            return None
        walk = 0 if stops[0] == stops[1] else math.ceil(change.walk * wishes.walk_factor)
        if stops[0] != stops[1] and wishes.longest_walk is not None and walk > wishes.longest_walk:
            return None
        scaled = math.ceil(change.seconds * wishes.walk_factor)
        seconds = scaled if change.given else walk + self.options.change_seconds
        if change.kind != "1":
            seconds = max(seconds, wishes.min_change) + wishes.slack
        return change._replace(seconds=seconds, walk=walk)

    def pass_by(self, wishes: Wishes, stop: str, passed: int) -> int:
        """How many vias are behind one who sits in a vehicle that calls here, at most."""
        while passed < len(wishes.vias):
            via = wishes.vias[passed]
            if via.seconds or via.stops.get(stop) != (0, 0):
                break
            passed += 1
        return passed

    def price_of_boarding(self, wishes: Wishes, run: Run, stop: str) -> int:
        """What it costs to get on, in thousandths."""
        prices = wishes.prices or Prices()
        return 1000 * (prices.trips.get(run.trip, 0) + prices.stops.get(stop, 0))

    def price_of_riding(self, wishes: Wishes, run: Run, from_call: int, to_call: int) -> int:
        """What the kilometres cost, in thousandths."""
        each = (wishes.prices or Prices()).kilometres.get(self.named.routes[run.trip], 0)
        if not each:
            return 0
        stops = [call.stop for call in run.calls[from_call : to_call + 1]]
        return sum(round(self.places.metres(a, b)) for a, b in pairwise(stops)) * each

    # --- the search --------------------------------------------------------------------------------------------------

    def list_all(self, question: Question) -> Iterator[Journey]:
        """Every journey that vehicles make possible."""
        self.ways.clear()
        self.changes = self.base_changes
        if question.wishes.footpaths is not None:
            self.changes = read_footpaths(self.places, question.wishes.footpaths, self.options.change_seconds).changes
        cheapest: dict[Seat, int] = {}
        fresh = self.get_on_first(question, cheapest)
        for transfers in range(question.max_transfers + 1):
            for seat, cost in fresh.items():
                for arrival, whole in self.get_off_last(seat, cost, question):
                    yield Journey(seat.left, arrival, transfers, whole // 1000)
            if transfers == question.max_transfers or not fresh:
                break
            following: dict[Seat, int] = {}
            for seat, cost in fresh.items():
                self.change_from(seat, cost, question.wishes, cheapest, following)
            fresh = following

    def get_off_last(self, seat: Seat, cost: int, question: Question) -> Iterator[tuple[int, int]]:
        """Arrivals and costs of the journeys that end with this ride."""
        wishes, prices = question.wishes, question.wishes.prices or Prices()
        call = self.runs[seat.run].calls[seat.call]
        if not self.gets_off(call, wishes):
            return
        ways = [Visit(call.stop, 0, 0, seat.passed), *self.stroll(call.stop, seat.passed, wishes)]
        home = [
            (way.seconds + question.egress[way.stop], way.walk + question.egress[way.stop])
            for way in ways
            if way.passed == len(wishes.vias) and way.stop in question.egress
        ]
        if home:
            seconds, walk = min(home)
            yield call.arrival + seconds, cost + 1000 * (prices.stops.get(call.stop, 0) + walk * prices.walk)

    def gets_off(self, call: Call, wishes: Wishes) -> bool:
        """Whether one may alight here."""
        return call.alights and (wishes.stops is None or call.stop in wishes.stops)

    def stroll(self, stop: str, passed: int, wishes: Wishes) -> Iterator[Visit]:
        """Every way to visit the next places one after the other, from this stop to whatever stop, in some time."""
        return (visit for visit in self.walk_through(stop, passed, wishes) if visit.seconds)

    def walk_through(self, stop: str, passed: int, wishes: Wishes) -> Iterator[Visit]:
        """The same in any time."""
        if passed == len(wishes.vias):
            return
        via = wishes.vias[passed]
        if stop not in via.stops:
            return
        for end, (_, back) in via.stops.items():
            walk = via.stops[stop][0] + back
            visit = Visit(end, walk + via.seconds, walk, passed + 1)
            yield visit
            for more in self.walk_through(end, passed + 1, wishes):
                yield Visit(more.stop, visit.seconds + more.seconds, visit.walk + more.walk, more.passed)

    def get_on_first(self, question: Question, cheapest: dict[Seat, int]) -> dict[Seat, int]:
        """Come aboard every run that can be reached from the origin when leaving within the time asked."""
        new: dict[Seat, int] = {}
        prices = question.wishes.prices or Prices()
        ways = list(self.list_starts(question))
        for (run, call), way in product(self.boardings, ways):
            place = self.runs[run].calls[call]
            left = place.departure - way.seconds
            late = not question.arrive and question.window and left > question.at + question.window
            if place.stop == way.stop and (question.arrive or (left >= question.at and not late)):
                walk = 1000 * way.walk * prices.walk
                self.get_on(Seat(left, run, call, way.passed), walk, question.wishes, cheapest, new)
        return new

    def list_starts(self, question: Question) -> Iterator[Visit]:
        """Shortest ways from the origin to a stop, by the places or not."""
        ways = [Visit(stop, walk, walk, 0) for stop, walk in question.access.items()]
        for stop, walk in question.access.items():
            visits = self.stroll(stop, 0, question.wishes)
            ways += [Visit(one.stop, walk + one.seconds, walk + one.walk, one.passed) for one in visits]
        ways.sort(key=lambda way: way.seconds, reverse=True)
        yield from {(way.stop, way.passed): way for way in ways}.values()

    def get_on(self, seat: Seat, cost: int, wishes: Wishes, cheapest: dict[Seat, int], new: dict[Seat, int]) -> None:
        """Board at the seat's call, if one may, and ride."""
        run = self.runs[seat.run]
        stop = run.calls[seat.call].stop
        if self.rideable(run, wishes) and (wishes.stops is None or stop in wishes.stops):
            self.sit(seat, cost + self.price_of_boarding(wishes, run, stop), wishes, cheapest, new)

    def sit(self, seat: Seat, cost: int, wishes: Wishes, cheapest: dict[Seat, int], new: dict[Seat, int]) -> None:
        """Stay aboard to every later call, and through the seams."""
        run = self.runs[seat.run]
        passed = self.pass_by(wishes, run.calls[seat.call].stop, seat.passed)
        whole, better = cost, False
        for call in range(seat.call + 1, len(run.calls)):
            passed = self.pass_by(wishes, run.calls[call].stop, passed)
            whole = cost + self.price_of_riding(wishes, run, seat.call, call)
            for behind in range(seat.passed, passed + 1):
                there = Seat(seat.left, seat.run, call, behind)
                if whole < cheapest.get(there, whole + 1):
                    cheapest[there] = new[there] = whole
                    better = True
        for following in self.seams.get(seat.run, []):
            if better and self.rideable(self.runs[following], wishes):
                for behind in range(seat.passed, passed + 1):
                    self.sit(Seat(seat.left, following, 0, behind), whole, wishes, cheapest, new)

    def change_from(
        self, seat: Seat, cost: int, wishes: Wishes, cheapest: dict[Seat, int], new: dict[Seat, int]
    ) -> None:
        """Get off and come aboard every run that can be reached in time, by a change or by a visit."""
        off = self.runs[seat.run].calls[seat.call]
        if not self.gets_off(off, wishes):
            return
        prices = wishes.prices or Prices()
        trip = self.runs[seat.run].trip
        for run, call in self.boardings:
            after = self.runs[run]
            if after.calls[call].departure < off.arrival:
                continue
            meeting = Meeting(off.stop, trip, seat.passed, after.calls[call].stop, after.trip)
            if meeting not in self.ways:
                self.ways[meeting] = list(self.list_ways(meeting, wishes))
            for passed, seconds, walk in self.ways[meeting]:
                if off.arrival + seconds <= after.calls[call].departure:
                    whole = cost + 1000 * (prices.stops.get(off.stop, 0) + walk * prices.walk)
                    self.get_on(Seat(seat.left, run, call, passed), whole, wishes, cheapest, new)

    def list_ways(self, meeting: Meeting, wishes: Wishes) -> Iterator[tuple[int, int, int]]:
        """Vias passed, seconds it takes and seconds on foot, for each way from trip to trip."""
        change = self.change_for(wishes, (meeting.off, meeting.on), (meeting.before, meeting.after))
        if change is not None:
            yield meeting.passed, change.seconds, change.walk
        for visit in self.stroll(meeting.off, meeting.passed, wishes):
            if visit.stop == meeting.on:
                yield visit.passed, max(visit.seconds, wishes.min_change) + wishes.slack, visit.walk

    # --- the claims of others ----------------------------------------------------------------------------------------

    def judge(self, question: Question, rides: list[tuple[int, int, int]]) -> set[Journey]:
        """What a chain of rides (run, call of boarding, call of alighting) may claim to be; empty when impossible."""
        wishes, prices = question.wishes, question.wishes.prices or Prices()
        run, on, _ = rides[0]
        first = self.runs[run].calls[on]
        claims = set()
        for way in self.list_starts(question):
            if way.stop == first.stop:
                states = self.ride_on({(way.passed, 0, 1000 * way.walk * prices.walk)}, rides[0], wishes, boards=True)
                for before, after in pairwise(rides):
                    states = self.continue_with(states, before, after, wishes)
                left = first.departure - way.seconds
                for passed, transfers, cost in states:
                    seat = Seat(left, rides[-1][0], rides[-1][2], passed)
                    ends = self.get_off_last(seat, cost, question)
                    claims |= {Journey(left, arrival, transfers, whole // 1000) for arrival, whole in ends}
        return claims

    def ride_on(
        self, states: set[tuple[int, int, int]], ride: tuple[int, int, int], wishes: Wishes, *, boards: bool
    ) -> set[tuple[int, int, int]]:
        """(vias passed, transfers, cost) after the ride."""
        run, on, off = self.runs[ride[0]], ride[1], ride[2]
        stop = run.calls[on].stop
        if on >= off or not self.rideable(run, wishes):
            return set()
        if boards and not (run.calls[on].boards and (wishes.stops is None or stop in wishes.stops)):
            return set()
        after = set()
        for start, transfers, cost in states:
            passed = start
            for call in range(on, off + 1):
                passed = self.pass_by(wishes, run.calls[call].stop, passed)
            price = self.price_of_boarding(wishes, run, stop) if boards else 0
            whole = cost + price + self.price_of_riding(wishes, run, on, off)
            after |= {(behind, transfers, whole) for behind in range(start, passed + 1)}
        return after

    def continue_with(
        self,
        states: set[tuple[int, int, int]],
        before: tuple[int, int, int],
        after: tuple[int, int, int],
        wishes: Wishes,
    ) -> set[tuple[int, int, int]]:
        """States after the next ride: seated, after a change, or after a visit."""
        prices = wishes.prices or Prices()
        last = self.runs[before[0]].calls[before[2]]
        seam = after[0] in self.seams.get(before[0], []) and after[1] == 0
        seated = seam and before[2] == len(self.runs[before[0]].calls) - 1
        found = self.ride_on(states, after, wishes, boards=False) if seated else set()
        if not self.gets_off(last, wishes):
            return found
        changed = set()
        for passed, transfers, cost in states:
            first = self.runs[after[0]].calls[after[1]]
            trips = (self.runs[before[0]].trip, self.runs[after[0]].trip)
            meeting = Meeting(last.stop, trips[0], passed, first.stop, trips[1])
            for then, seconds, walk in self.list_ways(meeting, wishes):
                if last.arrival + seconds <= first.departure:
                    spent = 1000 * (prices.stops.get(last.stop, 0) + walk * prices.walk)
                    changed.add((then, transfers + 1, cost + spent))
        return found | self.ride_on(changed, after, wishes, boards=True)


def dominates(a: Journey, b: Journey) -> bool:
    """Whether a is no worse in anything and better in something."""
    return (
        a != b
        and a.departure >= b.departure
        and a.arrival <= b.arrival
        and a.transfers <= b.transfers
        and a.cost <= b.cost
    )


def lies_within(question: Question, journey: Journey) -> bool:
    """Whether the journey leaves (or arrives) in the time asked."""
    late, early = question.at + question.window, question.at - question.window
    if question.arrive:
        return journey.arrival <= question.at and (not question.window or journey.arrival >= early)
    return journey.departure >= question.at and (not question.window or journey.departure <= late)


def select(question: Question, journeys: set[Journey]) -> set[Journey]:
    """Keep what lies within the time asked and is not dominated."""
    inside = {journey for journey in journeys if lies_within(question, journey)}
    if question.walk is not None:
        seconds = question.walk
        cost = seconds * (question.wishes.prices or Prices()).walk
        if question.window or not seconds:
            inside = {one for one in inside if one.arrival - one.departure < seconds or one.cost < cost}
        start = question.at - seconds if question.arrive else question.at
        inside.add(Journey(start, start + seconds, 0, cost))
    kept = {journey for journey in inside if not any(dominates(other, journey) for other in inside)}
    return kept if question.window else {one for one in kept if not any(beats(question, other, one) for other in kept)}


def beats(question: Question, a: Journey, b: Journey) -> bool:
    """Whether a point search prefers a: no later (leaving no earlier, arriving by a time), no more changes or cost."""
    better = a.departure >= b.departure if question.arrive else a.arrival <= b.arrival
    same = a.departure == b.departure if question.arrive else a.arrival == b.arrival
    no_worse = better and a.transfers <= b.transfers and a.cost <= b.cost
    return no_worse and not (same and a.transfers == b.transfers and a.cost == b.cost)
