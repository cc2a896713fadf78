"""All searches that one answer needs: the same ends and wishes at other times, within one budget."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.journeys.access import find_access, find_direct, find_end
from mobigo.journeys.cheapest import UNPRICED, list_wishes
from mobigo.journeys.combine import Doors, describe_booked, is_open
from mobigo.journeys.crossing import cross
from mobigo.journeys.hailing import Hailing, Time, beats, party_of
from mobigo.journeys.lifting import Lifting
from mobigo.journeys.model import Access, Criterion, Mode, Shortfall
from mobigo.journeys.pricing import find_cents
from mobigo.journeys.slate import Slate
from mobigo.journeys.tolls import Tolls
from mobigo.journeys.wishes import price, says_nothing, understand
from mobigo.transit import general, routing
from mobigo.transit.boards import CALL_BEFORE
from mobigo.transit.model import Direction, Preferences, Query, Ride, Via
from mobigo.transit.timetable import day_number
from mobigo.transit.tolled import Bounds

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from mobigo.journeys.access import Access as Reached
    from mobigo.journeys.access import Direct
    from mobigo.journeys.combine import AllTheWay
    from mobigo.journeys.liftleg import Lift
    from mobigo.journeys.model import End, JourneyRequest, Leg
    from mobigo.journeys.network import Network
    from mobigo.journeys.pricing import Till
    from mobigo.journeys.rideleg import Hail
    from mobigo.transit.days import DayViews
    from mobigo.transit.model import TransitJourney, Walk
    from mobigo.transit.tolled import Toll

SECONDS_PER_EVENT = 5e-6
"""What laying the hops of a day costs per stop time; where the budget does not cover it, one searches without."""

GRACE = 0.2
"""Seconds beyond the budget for an answer without the criterion, where there would be none in time with it."""

MOST_SEATS = 8
"""Passengers of a car."""

PURSE_SHARE = 0.3
"""Of the time left when they are first looked for, for journeys that are cheap because of what was paid for before."""

BOOKED_ROUNDS = 4
"""Searches without the trips that cannot be booked, at most; what still rides one is left out."""

AHEAD = (3 * 3600, 24 * 3600)
"""Seconds in which the next journey with a ride that is booked is looked for, one after the other."""

HORIZON_DAYS = 14
"""How far ahead and back the nearest journey is looked for."""


CARPOOL = 14
"""What `Candidate.by` is of journeys with a ride in somebody's car."""

ON_DEMAND = 15
"""What `Candidate.by` is of journeys with rides that are booked."""


class Candidate(NamedTuple):
    """A journey that was found, and between which doors."""

    journey: TransitJourney
    by: int
    """Index into `Search.doors`; `ON_DEMAND`: by rides that are booked; `CARPOOL`: in somebody's car."""
    own: Doors | None = None
    """Of a journey with rides that are booked: how its ends go."""

    def at(self, direction: Direction) -> int:
        """Return the instant that questions in this direction bound: of departure, or of arrival."""
        return self.journey.departure if direction is Direction.DEPART else self.journey.arrival


@dataclass
class Search:
    """One question, asked as often as needed.

    What counts as a journey: one that no other beats in departure, arrival, changes (and the criterion asked for) at
    whatever time, and during which one could not have walked there. So the journeys of neighbouring times add up to
    those of the time as a whole.
    """

    network: Network
    ends: tuple[End, End]
    doors: tuple[Doors, ...]
    """One per way of getting to the first stop and from the last."""
    direct: tuple[Direct, ...]
    preferences: Preferences | None
    max_transfers: int
    deadline: float
    """By `time.monotonic`."""
    short: Shortfall | None = None
    """Why there may be better journeys, once anything was cut off."""
    beaten: bool = False
    """True once a journey by vehicle was left out because walking is better."""
    hailing: Hailing | None = None
    """Rides that are booked; None: none is wanted, or none is near."""
    till: Till | None = None
    """What journeys are priced with; None: they have no price."""
    by_price: bool = False
    """Whether journeys compete over their price."""
    lifting: Lifting | None = None
    """Rides in cars of others; None: none is wanted, or there are none."""
    booked_lines: Collection[str] | None = None
    """Where nothing shall be booked ahead: ids of trips of services, left out as calls by telephone are; else None."""
    _crossed: bool = field(default=False, repr=False)
    """Whether rides between two lines were looked for: once for a question."""
    _purse_time: float | None = field(default=None, repr=False)
    """Seconds left for journeys that are cheap because of what was paid for before; None: none was looked for."""
    _near: bool = field(default=False, repr=False)
    """Whether an instant is looked for at which something leaves: whatever it costs."""
    _day: int | None = field(default=None, repr=False)
    """The day asked about: that of the first search."""

    @property
    def walk(self) -> Direct | None:
        """Walking all the way, where that is possible."""
        return next((way for way in self.direct if way.mode is Mode.WALK), None)

    @property
    def complete(self) -> bool:
        """Whether nothing was cut off."""
        return self.short is None

    @property
    def hurried(self) -> bool:
        """Whether the budget cut anything off."""
        return self.short is Shortfall.TIME

    def cut(self, why: Shortfall) -> None:
        """Note that something was cut off; time is the first of all reasons."""
        if self.short is not Shortfall.TIME:
            self.short = why

    @property
    def over(self) -> bool:
        """Whether the budget is used up."""
        return time.monotonic() > self.deadline

    def best(self, at: int, direction: Direction) -> list[Candidate]:
        """Find the journeys from an instant on that are best in arrival and changes (until it: in departure)."""
        found = [Candidate(journey, by) for by in range(len(self.doors)) for journey in self._ask(by, at, 0, direction)]
        found += self._hail_next(at, direction, found)
        return found + self._lift_next(at, direction, found)

    def between(self, first: int, last: int, direction: Direction) -> list[Candidate]:
        """Find all journeys that leave (arrive) from the first to the last instant, both included."""
        at, beyond = (first, last + 1) if direction is Direction.DEPART else (last, first - 1)
        found = []
        for by in range(len(self.doors)):
            inside = [Candidate(journey, by) for journey in self._ask(by, at, max(last - first, 1), direction)]
            inside = [one for one in inside if first <= one.at(direction) <= last]
            if inside:
                leaving = direction is Direction.DEPART
                useful = (
                    max(one.journey.arrival for one in inside)
                    if leaving
                    else min(one.journey.departure for one in inside)
                )
                others = [] if self.over else self._ask(by, beyond, 0, direction, useful)
                found += [one for one in inside if not any(beats(other, one.journey) for other in others)]
        found += self._hail(first, last, direction, found)
        return found + self._lift(first, last, direction, found)

    def first_after(self, at: int, direction: Direction) -> int | None:
        """Find the first instant, not before this one, at which a journey leaves (arrives)."""
        with self._looking_near():
            return self._find_first(at, direction)

    def last_before(self, at: int, direction: Direction) -> int | None:
        """Find the last instant, not after this one, at which a journey leaves (arrives)."""
        with self._looking_near():
            return self._find_last(at, direction)

    @contextmanager
    def _looking_near(self) -> Iterator[None]:
        before, self._near = self._near, True
        try:
            yield
        finally:
            self._near = before

    def _find_first(self, at: int, direction: Direction) -> int | None:
        if direction is Direction.DEPART:
            return min((one.journey.departure for one in self._first_day(at, direction)), default=None)
        for first, last in self._days(at, 1):
            found = self.between(first, last, direction)
            if found:
                return min(one.journey.arrival for one in found)
        return None

    def _find_last(self, at: int, direction: Direction) -> int | None:
        if direction is Direction.ARRIVE:
            return max((one.journey.arrival for one in self._first_day(at, direction)), default=None)
        for first, last in self._days(at, -1):
            found = self.between(first, last, direction)
            if found:
                return max(one.journey.departure for one in found)
        return None

    def _first_day(self, at: int, direction: Direction) -> list[Candidate]:
        """Find the best journeys of the first day that has any, from an instant on (back from it, arriving)."""
        for first, last in self._days(at, 1 if direction is Direction.DEPART else -1):
            found = self.best(first if direction is Direction.DEPART else last, direction)
            if found:
                return found
        return []

    def _days(self, at: int, step: int) -> Iterator[tuple[int, int]]:
        """List the local days from an instant on (back from it), as first and last second, while the budget lasts."""
        zone = self.network.days.zone
        for number in range(HORIZON_DAYS):
            if number and self.over:
                self.cut(Shortfall.TIME)
                return
            day = datetime.fromtimestamp(at, zone).date()
            begin = int(datetime.combine(day, datetime.min.time(), zone).timestamp())
            end = int(datetime.combine(day + timedelta(days=1), datetime.min.time(), zone).timestamp()) - 1
            first, last = (at, end) if step > 0 else (begin, at)
            yield first, last
            at = last + 1 if step > 0 else first - 1

    def doors_of(self, one: Candidate) -> Doors:
        """Return how the ends of a journey go."""
        return one.own if one.own is not None else self.doors[one.by]

    def _hail(self, first: int, last: int, direction: Direction, found: list[Candidate]) -> list[Candidate]:
        """Add journeys with rides that can be booked, where no other one is as good."""
        if self.hailing is None or self.over:
            return []

        def ask(doors: Doors, beyond: bool) -> list[TransitJourney]:  # noqa: FBT001 - one of two searches
            if beyond:
                if self.over:
                    return []
                return self._ask_between(doors, last + 1 if direction is Direction.DEPART else first - 1, 0, direction)
            at = first if direction is Direction.DEPART else last
            return self._ask_between(doors, at, max(last - first, 1), direction)

        new: list[Candidate] = []
        known = [one.journey for one in found]
        for offered, doors in self.hailing.find(ask, self.doors[0], known, Time(first, last, direction)):
            journey = self.with_price(offered, doors)
            one = Candidate(journey, ON_DEMAND, doors)
            others = (other.journey for other in (*found, *new))
            inside = one.at(direction) >= first if direction is Direction.DEPART else one.at(direction) <= last
            if inside and not any(beats(other, journey) for other in others):
                new = [*(other for other in new if not beats(journey, other.journey)), one]
        alone = not found and not new and not self.doors[0].vias
        if alone and direction is Direction.DEPART and not self._crossed:
            self._crossed = True
            new = self._cross(first, last)
        return new

    def _cross(self, first: int, last: int) -> list[Candidate]:
        """Look for a ride between two lines, where nothing else was found."""
        assert self.hailing is not None

        def ask(doors: Doors, at: int, direction: Direction) -> list[TransitJourney]:
            return [] if self.over else self._ask_between(doors, at, 0, direction)

        crossing = cross(self.hailing, ask, self.doors[0], first)
        found = [Candidate(self.with_price(journey, doors), ON_DEMAND, doors) for journey, doors in crossing]
        found = [one for one in found if one.journey.departure <= last and one.journey.transfers <= self.max_transfers]
        return [
            one for one in found if not any(beats(other.journey, one.journey) for other in found if other is not one)
        ]

    def _hail_next(self, at: int, direction: Direction, found: list[Candidate]) -> list[Candidate]:
        """Add the next journeys with rides that can be booked: those better than what was found, or than each other."""
        if self.hailing is None:
            return []
        for ahead in AHEAD:
            first, last = (at, at + ahead) if direction is Direction.DEPART else (at - ahead, at)
            new = self._hail(first, last, direction, found)
            if new:
                break
        return self._soonest(new, found, direction)

    def _soonest(self, new: list[Candidate], found: list[Candidate], direction: Direction) -> list[Candidate]:
        """Keep those that somebody who wants the next journey takes."""
        best: list[Candidate] = []
        leaving = direction is Direction.DEPART
        for one in sorted(new, key=lambda one: (one.journey.arrival if leaving else 0, -one.journey.departure)):
            if not any(_is_sooner(other.journey, one.journey, direction) for other in (*found, *best)):
                best.append(one)
        return best

    def _lift(self, first: int, last: int, direction: Direction, found: list[Candidate]) -> list[Candidate]:
        """Add journeys with a ride in somebody's car, where no other one is as good."""
        if self.lifting is None or self.over:
            return []

        def ask(doors: Doors, at: int, direction: Direction) -> list[TransitJourney]:
            return [] if self.over else self._ask_between(doors, at, 0, direction)

        new: list[Candidate] = []
        known = [one.journey for one in found]
        for offered, doors in self.lifting.find(ask, self.doors[0], known, Time(first, last, direction)):
            journey = self.with_price(offered, doors)
            one = Candidate(journey, CARPOOL, doors)
            if not first <= one.at(direction) <= last or not self._is_worth(journey, self.doors[0].walk):
                continue
            if not any(beats(other.journey, journey) for other in (*found, *new)):
                new = [*(other for other in new if not beats(journey, other.journey)), one]
        return new

    def _lift_next(self, at: int, direction: Direction, found: list[Candidate]) -> list[Candidate]:
        """Add the next journeys with a ride in somebody's car: those better than what was found, or than each other."""
        new: list[Candidate] = []
        for ahead in AHEAD if self.lifting is not None and not found else AHEAD[:1]:
            first, last = (at, at + ahead) if direction is Direction.DEPART else (at - ahead, at)
            new = self._lift(first, last, direction, found)
            if new:
                break
        return self._soonest(new, found, direction)

    def _ask(
        self, by: int, at: int, window: int, direction: Direction, useful: int | None = None
    ) -> list[TransitJourney]:
        return self._ask_between(self.doors[by], at, window, direction, useful)

    def _ask_between(
        self, doors: Doors, at: int, window: int, direction: Direction, useful: int | None = None
    ) -> list[TransitJourney]:
        """Search; what arrives (arriving: leaves) beyond `useful` need not be found."""
        origin, destination = doors.origin, doors.destination
        if not (len(origin.stops) and len(destination.stops)) or (doors.walk and doors.walk.seconds == 0):
            self.beaten |= doors.walk is not None
            return []
        views = self._views(at, window, direction)
        query = Query(
            access=origin.stops,
            access_seconds=origin.seconds,
            egress=destination.stops,
            egress_seconds=destination.seconds,
            at=at,
            window=window,
            direction=direction,
            max_transfers=self.max_transfers,
            preferences=self.preferences,
        )
        found = self._answer(views, query)
        journeys = found.journeys
        if not found.complete:
            self.cut(Shortfall.TIME)
            journeys = self._fill(views, query, journeys)
        journeys = [journey for journey in journeys if is_open(self.network, journey, doors)]
        if self.by_price:
            journeys = self._look_cheaper(views, query, doors, journeys, useful)
        kept = [journey for journey in journeys if self._is_worth(journey, doors.walk)]
        self.beaten |= len(kept) < len(journeys)
        return kept

    def _look(self, views: DayViews, query: Query) -> routing.Found:
        """Search within the budget, of which loading compiled code is no part."""
        found = routing.answer(views, query, deadline=self.deadline)
        self.deadline += found.loading
        return found

    def _answer(self, views: DayViews, query: Query) -> routing.Found:
        """Search, and again without the trips that would have to be booked and cannot be."""
        found = self._look(views, query)
        closed: set[int] = set()
        for _ in range(BOOKED_ROUNDS):
            new = self._closed_trips(found.journeys)
            if not new:
                return found
            closed |= new
            query = self._without(query, closed)
            found = self._look(views, query)
        closed |= self._closed_trips(found.journeys)
        kept = [
            one for one in found.journeys if not any(isinstance(leg, Ride) and leg.trip in closed for leg in one.legs)
        ]
        return found._replace(journeys=kept)

    def _closed_trips(self, journeys: list[TransitJourney]) -> set[int]:
        """List the trips that journeys ride though these must be booked and cannot be, or shall not be."""
        closed = self.hailing.closed_trips(journeys) if self.hailing is not None else set()
        if self.booked_lines is not None:
            rides = {leg for journey in journeys for leg in journey.legs if isinstance(leg, Ride)}
            closed |= {ride.trip for ride in rides if self._is_reserved(ride, self.booked_lines)}
        return closed

    def _is_reserved(self, ride: Ride, lines: Collection[str]) -> bool:
        """Tell whether a ride has to be booked: its boarding or alighting, or the trip of a service."""
        timetable = self.network.timetable
        first = int(timetable.call_first[ride.trip])
        asked = timetable.call_pickup[first + ride.from_pos], timetable.call_drop_off[first + ride.to_pos]
        return CALL_BEFORE in asked or timetable.trip_ids.at(ride.trip) in lines

    def _fill(self, views: DayViews, query: Query, found: list[TransitJourney]) -> list[TransitJourney]:
        """Add the journeys that are best without the criterion, which are found soon, to those found in time."""
        wishes = query.preferences
        if wishes is None or wishes.costs is None:
            return found
        costs, timetable = wishes.costs, self.network.timetable
        plain = replace(wishes, costs=None)
        more = routing.answer(
            views,
            replace(query, preferences=None if says_nothing(plain) else plain),
            deadline=max(self.deadline, time.monotonic()) + GRACE,
        )
        priced = [replace(journey, cost=price(timetable, journey, costs)) for journey in more.journeys]
        kept = [journey for journey in priced if not any(beats(other, journey) for other in found)]
        return [*(one for one in found if not any(beats(other, one) for other in kept)), *kept]

    def _look_cheaper(
        self, views: DayViews, query: Query, doors: Doors, found: list[TransitJourney], useful: int | None
    ) -> list[TransitJourney]:
        """Add journeys that cost less, and let all compete over what they cost."""
        assert self.till is not None
        journeys = {one.legs: one for one in found}
        for wishes in list_wishes(self.network, self.till, query.preferences):
            if self.over:
                self.cut(Shortfall.TIME)
                break
            more = self._answer(views, replace(query, preferences=wishes))
            if not more.complete:
                self.cut(Shortfall.TIME)
            journeys |= {one.legs: one for one in more.journeys if one.legs not in journeys}
        known = general.drop_dominated([self.with_price(one, doors) for one in journeys.values()])
        return self._look_with_purse(views, query, doors, known, useful)

    def _look_with_purse(
        self, views: DayViews, query: Query, doors: Doors, known: list[TransitJourney], useful: int | None
    ) -> list[TransitJourney]:
        """Add journeys that cost less because of what was paid for before: no sum of costs finds them."""
        assert self.till is not None
        if self._near or not known:  # where there is no journey at all, there is no cheap one
            return known
        if query.preferences is not None and len(query.preferences.vias):
            self.cut(Shortfall.CHEAPEST_BY_PLACES)
            return known
        more = [self.with_price(one, doors) for one in self._pay_on_the_way(views, query, doors, known, useful)]
        both = general.drop_dominated([*known, *more])
        if query.window:
            return both
        rather = _is_sooner_and_cheaper if query.direction is Direction.DEPART else _is_later_and_cheaper
        return [one for one in both if not any(rather(other, one) for other in both)]

    def _pay_on_the_way(
        self, views: DayViews, query: Query, doors: Doors, known: list[TransitJourney], useful: int | None
    ) -> list[TransitJourney]:
        """Search with what one has in hand, again without the trips that would have to be booked and cannot be."""
        assert self.till is not None

        def booked(part: Ride | Walk) -> list[Leg]:
            return describe_booked(self.network, part, doors, self.hailing)

        tolls = Tolls(self.network, self.till, booked, UNPRICED)
        toll: Toll = tolls if tolls.exact else Slate(self.network, self.till, booked, UNPRICED)
        begun = time.monotonic()
        if self._purse_time is None:
            self._purse_time = PURSE_SHARE * (self.deadline - begun)
        bounds = Bounds(query.max_transfers + 1, begun + self._purse_time, useful)
        closed: set[int] = set()
        for _ in range(BOOKED_ROUNDS):
            found = routing.answer_with(views, self._without(query, closed), toll, known, bounds)
            new = self._closed_trips(found.journeys)
            if not new or not found.complete:
                break
            closed |= new
        self._purse_time -= time.monotonic() - begun
        if new or not found.complete:
            self.cut(Shortfall.TIME)
        return [one for one in found.journeys if not any(isinstance(leg, Ride) and leg.trip in new for leg in one.legs)]

    def _without(self, query: Query, closed: set[int]) -> Query:
        """Return a question that rides no trip of some."""
        if not closed:
            return query
        wishes = query.preferences or Preferences()
        trips = np.ones(len(self.network.timetable.trip_route), np.bool_) if wishes.trips is None else wishes.trips
        trips = trips.copy()
        trips[list(closed)] = False
        return replace(query, preferences=replace(wishes, trips=trips))

    def with_price(self, journey: TransitJourney, doors: Doors) -> TransitJourney:
        """Let a journey count what it costs, where journeys compete over that."""
        if not self.by_price:
            return journey
        assert self.till is not None

        def booked(part: Ride | Walk) -> list[Leg]:
            return describe_booked(self.network, part, doors, self.hailing)

        cents = find_cents(self.network, journey, self.till, booked)
        return replace(journey, cost=UNPRICED if cents is None else cents)

    def _is_worth(self, journey: TransitJourney, walk: AllTheWay | None) -> bool:
        """Tell whether a journey is better than walking: quicker, or by the criterion asked for."""
        if walk is None or journey.arrival - journey.departure < walk.seconds:
            return True
        costs = self.preferences.costs if self.preferences else None
        return costs is not None and journey.cost < costs.walk * walk.seconds

    def _views(self, at: int, window: int, direction: Direction) -> DayViews:
        """Return the days to search on: with hops where they are laid, or can be for the day asked about."""
        views = self.network.days
        day = day_number(datetime.fromtimestamp(at, views.zone).date())
        until = at + window if direction is Direction.DEPART else at - window
        more = abs(day_number(datetime.fromtimestamp(until, views.zone).date()) - day) if window else 0
        if self._day is None:
            self._day = day
        if views.is_ready(day, direction, more):
            return views
        bare = views.at_once
        if day != self._day:
            return bare
        events = len(bare.view(day, direction, more).arrival)
        return views if time.monotonic() + events * SECONDS_PER_EVENT < self.deadline else bare


def _is_sooner(other: TransitJourney, journey: TransitJourney, direction: Direction) -> bool:
    """Tell whether somebody who wants the next journey takes another one."""
    if direction is Direction.DEPART:
        return other.arrival <= journey.arrival and other.transfers <= journey.transfers
    return other.departure >= journey.departure and other.transfers <= journey.transfers


def _is_sooner_and_cheaper(other: TransitJourney, journey: TransitJourney) -> bool:
    """Tell whether somebody who may leave at any time takes another one."""
    mine, its = ((one.arrival, one.transfers, one.cost, -one.departure) for one in (journey, other))
    return its < mine and all(a <= b for a, b in zip(its[:3], mine[:3], strict=True))


def _is_later_and_cheaper(other: TransitJourney, journey: TransitJourney) -> bool:
    """Tell whether somebody who may arrive at any time takes another one."""
    mine, its = ((-one.departure, one.transfers, one.cost, one.arrival) for one in (journey, other))
    return its < mine and all(a <= b for a, b in zip(its[:3], mine[:3], strict=True))


def open_search(
    network: Network,
    request: JourneyRequest,
    deadline: float,
    hail: Hail | None = None,
    lift: Lift | None = None,
    *,
    till: Till | None = None,
) -> Search:
    """Find the ends of a question and what is asked of the way.

    Raises
    ------
    InvalidInput, NotFound
        When an end is no point and no stop, or a wish names what is not there.
    """
    ends = find_end(network, request.origin), find_end(network, request.destination)
    places = [find_end(network, place) for place, _ in request.vias]
    vias = tuple(
        (find_access(network, place, _on_foot(request), backward=True),
         find_access(network, place, _on_foot(request), backward=False))
        for place in places
    )  # fmt: skip
    preferences = understand(
        network, request, tuple(_via(*via, stay) for via, (_, stay) in zip(vias, request.vias, strict=True))
    )
    ways = [replace(request, access=(a,), egress=(b,)) for a, b in product(request.access, request.egress)]
    origins = {one.access: find_access(network, ends[0], one, backward=False) for one in ways}
    destinations = {one.egress: find_access(network, ends[1], one, backward=True) for one in ways}
    first = origins[request.access[:1]], destinations[request.egress[:1]]
    direct = () if vias else tuple(find_direct(network, *first, request))
    walk = next((way for way in direct if way.mode is Mode.WALK), None)
    return Search(
        network,
        ends,
        tuple(Doors(origins[one.access], destinations[one.egress], walk, one, vias=vias) for one in ways),
        direct,
        preferences,
        request.max_transfers,
        deadline,
        till=till,
        by_price=request.criterion is Criterion.PRICE and till is not None,
        hailing=_open_hailing(hail, network, request, ends, (origins, destinations)),
        lifting=_open_lifting(lift, network, request, ends, (origins, destinations)),
        booked_lines=_list_booked(hail) if request.no_reservation else None,
    )


def _open_hailing(
    hail: Hail | None,
    network: Network,
    request: JourneyRequest,
    ends: tuple[End, End],
    known: tuple[Mapping[tuple[Access, ...], Reached], Mapping[tuple[Access, ...], Reached]],
) -> Hailing | None:
    """Prepare to ask for rides that are booked, from ways on foot already found where there are any."""
    if hail is None or not request.ondemand or request.no_reservation:
        return None
    return Hailing(hail, network, ends, _find_walks(network, request, ends, known), request, party_of(request))


def _open_lifting(
    lift: Lift | None,
    network: Network,
    request: JourneyRequest,
    ends: tuple[End, End],
    known: tuple[Mapping[tuple[Access, ...], Reached], Mapping[tuple[Access, ...], Reached]],
) -> Lifting | None:
    """Prepare to ask for places in cars: for adults, who get in and out of any car."""
    party = request.party
    able = not (request.wheelchair or request.bicycle_aboard or party.wheelchairs or party.bicycles or party.children)
    wanted = request.carpool and not request.no_reservation
    if lift is None or not wanted or not able or not 1 <= party.persons <= MOST_SEATS:
        return None
    return Lifting(lift, network, ends, _find_walks(network, request, ends, known), request)


def _list_booked(hail: Hail | None) -> frozenset[str]:
    """List the trips of the timetable that are run by services, by id."""
    if hail is None:
        return frozenset()
    return frozenset(hail.served.lines) | frozenset(hail.supply.catalogue.closed_trips)


def _find_walks(
    network: Network,
    request: JourneyRequest,
    ends: tuple[End, End],
    known: tuple[Mapping[tuple[Access, ...], Reached], Mapping[tuple[Access, ...], Reached]],
) -> tuple[Reached, Reached]:
    """Find how the ends reach stops on foot, unless that is known already."""
    walking, on_foot = (Access.WALK,), _on_foot(request)
    return (
        known[0].get(walking) or find_access(network, ends[0], on_foot, backward=False),
        known[1].get(walking) or find_access(network, ends[1], on_foot, backward=True),
    )


def _on_foot(request: JourneyRequest) -> JourneyRequest:
    """Return the request as it holds for a place on the way, which is reached and left on foot."""
    return replace(request, access=(Access.WALK,), egress=(Access.WALK,))


def _via(to: Reached, away: Reached, stay: int) -> Via:
    """Put a place on the way in the words of the search."""
    stops, at_to, at_away = np.intersect1d(to.stops, away.stops, assume_unique=True, return_indices=True)
    return Via(stops, to.seconds[at_to], away.seconds[at_away], stay)
