"""Places in cars for somebody: from where they are to where they want to be, with a walk at both ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mobigo.carpool.fares import COACH, find_fare
from mobigo.carpool.match import DELAY_GUARD, Rider
from mobigo.carpool.match import Spot as Try
from mobigo.carpool.meeting import WALK_SPEED, find_meetings
from mobigo.carpool.quotes import Offer, Spot
from mobigo.kit.geo import haversine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mobigo.carpool.meeting import Meeting
    from mobigo.carpool.supply import Car, Found, Garage, Place
    from mobigo.street.graph import StreetGraph

LONGEST_RIDE = 4 * 3_600
"""Seconds from leaving until being there, at most."""

SAME = 0.5
"""Metres: nearer than this to a stop of the run one is at it."""

CAR_GRAMS = 217.6
"""CO2 equivalent of a car per kilometre, whoever sits in it: ADEME, Base Empreinte, dated 2024-06-01."""


@dataclass(frozen=True)
class Asked:
    """What somebody wants."""

    origin: Place
    destination: Place
    at: int
    """Instant: nobody leaves before it, or with `arrive` is there after it."""
    arrive: bool = False
    within: int = 3_600
    """Seconds after (before) it within which leaving (being there) suits."""
    walk: int = 900
    """Seconds on foot at each end, at most."""
    seats: int = 1
    speed: float = WALK_SPEED
    """Metres per second on foot."""


@dataclass(frozen=True)
class Option:
    """A place in a car."""

    car: Car
    offer: Offer
    board: Meeting
    alight: Meeting
    detour: int
    """Seconds that the car arrives later at its end for it."""
    others: int
    """Passengers already aboard when one gets on."""

    @property
    def is_on_line(self) -> bool:
        """Whether one gets on and off at stops of the run's line."""
        stops = {stop.id for stop in self.car.run.stops if stop.line_stop is not None}
        return self.offer.board.stop in stops and self.offer.alight.stop in stops

    @property
    def departure(self) -> int:
        """Instant of leaving the door."""
        return self.offer.board_at - self.board.walk

    @property
    def arrival(self) -> int:
        """Instant of being at the other door."""
        return self.offer.alight_at + self.alight.walk

    @property
    def walk(self) -> int:
        """Seconds on foot."""
        return self.board.walk + self.alight.walk

    @property
    def occupants(self) -> int:
        """Who sits in the car, with the driver and those who would ride."""
        return 1 + self.others + self.offer.seats

    def grams(self, metres: float) -> int:
        """Return the CO2 equivalent of one of them over a way."""
        return round(CAR_GRAMS * metres / 1_000 / self.occupants)


def find_options(
    garage: Garage,
    streets: StreetGraph | None,
    asked: Asked,
    *,
    now: int,
    avoid: frozenset[str] = frozenset(),
) -> list[Option]:
    """Find every place in a car, the first to be there first; with `Asked.arrive` the last to leave.

    A run on a line takes up and sets down at its line's stops where these are within the walk: only between them are
    rides paid. Elsewhere it comes to the door only where they are not.

    Parameters
    ----------
    now : int
        Instant; nobody leaves before it.
    avoid : frozenset of str
        Persons whom one does not meet: oneself, and who is blocked.
    """
    stops = garage.list_stops()
    known = [*stops, *garage.places]
    ends = (
        find_meetings(streets, asked.origin, known, asked.walk, backward=False, speed=asked.speed),
        find_meetings(streets, asked.destination, known, asked.walk, backward=True, speed=asked.speed),
    )
    found = find_between(garage, ends, asked, now=now, avoid=avoid)
    points = {one.point for one in stops}
    at_stops = tuple([one for one in side if one.point in points] for side in ends)
    if all(at_stops):
        again = find_between(garage, (at_stops[0], at_stops[1]), asked, now=now, avoid=avoid)
        lined = {one.car.run.id: one for one in again if one.is_on_line}
        found = [lined.get(one.car.run.id, one) for one in found]
    return sorted(found, key=lambda one: (-one.departure, one.arrival) if asked.arrive else (one.arrival, one.walk))


def find_between(
    garage: Garage,
    ends: tuple[Sequence[Meeting], Sequence[Meeting]],
    asked: Asked,
    *,
    now: int,
    avoid: frozenset[str] = frozenset(),
    each: int | None = None,
) -> list[Option]:
    """Find every place in a car between some of the places at both ends; as `find_options`, in no order.

    Parameters
    ----------
    each : int, optional
        The end (0 or 1) of whose places each counts for itself: a car is found once for every one it can go by.
    """
    leaves = max(now, asked.at - asked.within - LONGEST_RIDE if asked.arrive else asked.at)
    by = asked.at if asked.arrive else asked.at + asked.within + LONGEST_RIDE
    rider = Rider(
        tuple(Try(one.point, one.walk, n if each == 0 else 0) for n, one in enumerate(ends[0])),
        tuple(Try(one.point, one.walk, n if each == 1 else 0) for n, one in enumerate(ends[1])),
        leaves,
        asked.at if asked.arrive else asked.at + asked.within,
        by,
        asked.seats,
    )
    named = tuple({(one.point, one.walk): one for one in reversed(side)} for side in ends)
    options = [
        _describe(garage, one, (named[0][one.match.pickup[:2]], named[1][one.match.drop_off[:2]]), asked.seats, by)
        for one in garage.find(rider, now=now, avoid=avoid)
    ]
    first = asked.at - asked.within if asked.arrive else asked.at
    return [one for one in options if (one.arrival >= first if asked.arrive else one.departure >= leaves)]


def _describe(garage: Garage, found: Found, ends: tuple[Meeting, Meeting], seats: int, by: int) -> Option:
    (car, match), (board, alight) = found, ends
    run = car.run
    fare = find_fare(garage.rules, run) if garage.rules is not None else COACH
    before, after = (run.stops[car.first + n] for n in (match.pickup_after, match.drop_off_after + 1))
    offer = Offer(
        run.id,
        run.line,
        Spot(board.name, board.point, before.id if haversine(before.point, board.point) < SAME else None),
        Spot(alight.name, alight.point, after.id if haversine(after.point, alight.point) < SAME else None),
        match.pickup_at,
        match.drop_off_at,
        match.pickup_at,
        min(match.drop_off_at + DELAY_GUARD, by - alight.walk),
        seats,
        fare * seats,
        run.confirms,
    )
    return Option(car, offer, board, alight, match.detour, car.aboard(match.pickup_after))


def keep_best(options: Sequence[Option]) -> list[Option]:
    """Leave out what another option beats in leaving later, being there earlier, walking less and less of a detour."""
    marks = [(-one.departure, one.arrival, one.walk, one.detour) for one in options]
    return [
        one
        for one, mark in zip(options, marks, strict=True)
        if not any(other != mark and all(a <= b for a, b in zip(other, mark, strict=True)) for other in marks)
    ]
