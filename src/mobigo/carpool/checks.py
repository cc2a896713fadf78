"""What cannot be true, or was made up: checks of travelled journeys, each with its reason, for people to look at.

A finding never takes money away by itself: it holds a payment back until somebody has looked, and a driver may answer.

References
----------
Thresholds of distance, duration, overlap and several operators: the notebooks of betagouv/preuve-covoiturage.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, NamedTuple

from mobigo.carpool.terms import CLOSE, local_day
from mobigo.kit.geo import haversine

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mobigo.kit.geo import Point

SHORTEST_METRES = 300
SHORTEST_SECONDS = 60
TIME_TOO_SHORT = 2.5
"""The road takes more than so many times what was declared."""
TIME_TOO_LONG = 7
"""What was declared takes more than so many times the road."""
METRES_TOO_FEW = 2.5
METRES_TOO_MANY = 4

OVERLAP_COUNTS = timedelta(seconds=20)
OVERLAP_SHARE = 0.7
"""Of a passenger's journey that lies in another one of theirs."""

MOST_TRIPS = 4
"""Trips of one identity on one day with several operators."""

FASTEST = 160 / 3.6
"""Metres per second between two positions."""

EARLY = timedelta(minutes=60)
"""A journey that is proven so long before it was planned is none."""

RING_DAYS = 5
"""Days on which the same few people drive one another in turn."""


class Kind(StrEnum):
    """What a check found."""

    TOO_SHORT = "too_short"
    TIME = "time"
    DISTANCE = "distance"
    OVERLAP = "overlap"
    SEVERAL_OPERATORS = "several_operators"
    TOO_CLOSE = "too_close"
    TOO_MANY = "too_many"
    TOO_EARLY = "too_early"
    SPEED = "impossible_speed"
    SAME_DEVICE = "same_device"
    RING = "ring"
    REGISTER = "register"
    """The national register found something."""


@dataclass(frozen=True)
class Finding:
    """Something that somebody should look at."""

    kind: Kind
    journeys: tuple[str, ...]
    """Ids of those it is about."""
    reason: str
    """A sentence with the figures."""


class Fix(NamedTuple):
    """A position."""

    at: datetime
    point: Point


@dataclass(frozen=True)
class Shared:
    """A journey that a driver and a passenger shared, as it was proven."""

    id: str
    trip: str
    operator: str
    proof: str
    driver: str
    """Key of an identity, as `passenger`."""
    passenger: str
    start: datetime
    end: datetime
    metres: int
    routed_metres: int | None = None
    routed_seconds: int | None = None
    planned_start: datetime | None = None
    driver_fixes: tuple[Fix, ...] = ()
    passenger_fixes: tuple[Fix, ...] = ()
    driver_device: str | None = None
    passenger_device: str | None = None

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.end - self.start).total_seconds()


def check_journey(one: Shared) -> list[Finding]:
    """List what is wrong with a journey taken alone."""
    found = [*_check_road(one), *_check_fixes(one, "driver", one.driver_fixes)]
    found += _check_fixes(one, "passenger", one.passenger_fixes)
    if one.planned_start is not None and one.planned_start - one.start > EARLY:
        ahead = int((one.planned_start - one.start).total_seconds() / 60)
        found.append(Finding(Kind.TOO_EARLY, (one.id,), f"proven {ahead} minutes before it was planned"))
    if one.driver_device is not None and one.driver_device == one.passenger_device:
        found.append(Finding(Kind.SAME_DEVICE, (one.id,), "driver and passenger proved it with the same device"))
    return found


def _check_road(one: Shared) -> list[Finding]:
    """Compare what was declared with the road; only where both travellers proved it (class C)."""
    if one.proof != "C" or one.routed_metres is None or one.routed_seconds is None:
        return []
    metres, seconds = min(one.metres, one.routed_metres), min(one.seconds, one.routed_seconds)
    if metres < SHORTEST_METRES or seconds < SHORTEST_SECONDS:
        reason = f"{metres} m or {seconds:.0f} s is too little for a journey by car"
        return [Finding(Kind.TOO_SHORT, (one.id,), reason)]
    found = []
    if one.routed_seconds > TIME_TOO_SHORT * one.seconds or one.seconds > TIME_TOO_LONG * one.routed_seconds:
        reason = f"{one.seconds:.0f} s were declared, the road takes {one.routed_seconds} s"
        found.append(Finding(Kind.TIME, (one.id,), reason))
    if one.routed_metres > METRES_TOO_FEW * one.metres or one.metres > METRES_TOO_MANY * one.routed_metres:
        reason = f"{one.metres} m were declared, the road has {one.routed_metres} m"
        found.append(Finding(Kind.DISTANCE, (one.id,), reason))
    return found


def _check_fixes(one: Shared, who: str, fixes: Sequence[Fix]) -> list[Finding]:
    """Find a jump between two positions, whichever order they came in."""
    for before, after in pairwise(sorted(fixes, key=lambda fix: fix.at)):
        metres = haversine(before.point, after.point)
        seconds = max((after.at - before.at).total_seconds(), 1.0)
        if metres / seconds > FASTEST:
            reason = f"the {who} would have gone {metres:.0f} m in {seconds:.0f} s"
            return [Finding(Kind.SPEED, (one.id,), reason)]
    return []


# ── several journeys ──────────────────────────────────────────────────────────────────────────────────────────────────


def check_together(journeys: Iterable[Shared]) -> list[Finding]:
    """List what is wrong with journeys of the same people, taken together."""
    all_of = sorted(journeys, key=lambda one: (one.start, one.id))
    by_passenger, by_person, by_pair = defaultdict(list), defaultdict(list), defaultdict(list)
    for one in all_of:
        by_passenger[one.passenger].append(one)
        by_pair[one.driver, one.passenger].append(one)
        for person in {one.driver, one.passenger}:
            by_person[person].append(one)
    found = []
    for own in by_passenger.values():
        found += _overlapping(own)
    for own in by_person.values():
        found += _over_operators(own)
    for own in by_pair.values():
        found += _too_close(own)
    return found + check_rings(all_of)


def _overlapping(own: Sequence[Shared]) -> list[Finding]:
    """Find a passenger in two cars at once with one operator; the first journey of a group counts."""
    found: list[Finding] = []
    flagged: set[str] = set()
    for first, second in combinations(own, 2):
        if first.operator != second.operator or first.trip == second.trip or first.id in flagged:
            continue
        overlap = min(first.end, second.end) - max(first.start, second.start)
        if overlap > OVERLAP_COUNTS and overlap.total_seconds() > OVERLAP_SHARE * second.seconds:
            flagged.add(second.id)
            share = 100 * overlap.total_seconds() / second.seconds
            reason = f"{share:.0f} % of it lies in journey {first.id} of the same passenger"
            found.append(Finding(Kind.OVERLAP, (second.id, first.id), reason))
    return found


def _over_operators(own: Sequence[Shared]) -> list[Finding]:
    """Find one identity in two operators' journeys at once, and too many trips of a day over several."""
    found = []
    for first, second in combinations(own, 2):
        overlap = min(first.end, second.end) > max(first.start, second.start)
        tolerated = first.driver == second.driver and first.passenger != second.passenger
        if first.operator != second.operator and overlap and not tolerated:
            reason = f"at the same time as journey {first.id} with {first.operator}"
            found.append(Finding(Kind.SEVERAL_OPERATORS, (second.id, first.id), reason))
    days = defaultdict(list)
    for one in own:
        days[local_day(one.start)[0]].append(one)
    for day, of_day in days.items():
        trips = {one.trip for one in of_day}
        if len(trips) > MOST_TRIPS and len({one.operator for one in of_day}) > 1:
            reason = f"{len(trips)} trips on {day:%Y-%m-%d} with several operators; {MOST_TRIPS} are possible"
            found.append(Finding(Kind.TOO_MANY, tuple(one.id for one in of_day), reason))
    return found


def _too_close(own: Sequence[Shared]) -> list[Finding]:
    """Find the same two people again with another operator within half an hour."""
    found = []
    for first, second in combinations(own, 2):
        gap = second.start - first.end
        if first.operator != second.operator and timedelta(0) < gap <= CLOSE:
            reason = f"{gap.total_seconds() / 60:.0f} minutes after journey {first.id} of the same two people"
            found.append(Finding(Kind.TOO_CLOSE, (second.id, first.id), reason))
    return found


def check_rings(journeys: Sequence[Shared]) -> list[Finding]:
    """Find three people who drive one another in a circle (A drives B, B drives C, C drives A) on several days."""
    days: dict[tuple[str, str], set[datetime]] = defaultdict(set)
    ids: dict[tuple[str, str], list[str]] = defaultdict(list)
    drives: dict[str, set[str]] = defaultdict(set)
    for one in journeys:
        pair = one.driver, one.passenger
        days[pair].add(local_day(one.start)[0])
        ids[pair].append(one.id)
        drives[one.driver].add(one.passenger)
    found = []
    for a in sorted(drives):
        for b in sorted(drives[a]):
            for c in sorted(drives.get(b, ())):
                if a < min(b, c) and b != c and a in drives.get(c, ()):
                    pairs = [(a, b), (b, c), (c, a)]
                    together = len(days[pairs[0]] & days[pairs[1]] & days[pairs[2]])
                    if together >= RING_DAYS:
                        reason = f"three people drove one another in a circle on {together} days"
                        found.append(Finding(Kind.RING, tuple(one for pair in pairs for one in ids[pair]), reason))
    return found
