"""Who has to be brought where and when: sessions of a school week, and the pupils of each, by keys only.

A session is what vehicles do at one time of some weekdays: all mornings with the same bells, all ways home with the
same bells (those of Wednesday noon among them). A pupil with two homes has a seat from each on its days.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from mobigo.school.attendance import FRIDAY, MONDAY, Days, find_days
from mobigo.school.sentences import say

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mobigo.kit.geo import Point
    from mobigo.school.register import Bell, School

MORNING, RETURN = "morning", "return"
NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Trouble(NamedTuple):
    """Something that keeps a pupil, a stop or a school out of a plan, and what to do about it."""

    kind: str
    """``no_address``, ``no_bell``, ``no_place``, ``no_stop``, ``stop_unreached``, ``ride_too_long``, ``stop_overfull``,
    ``no_wheelchair_place``."""
    about: str
    """Key of the pupil, id of the school or the stop."""
    text: str
    text_fr: str


def trouble(kind: str, about: str, sentence: str | None = None, **values: object) -> Trouble:
    """Return a trouble with its sentence in both languages, which is that of its kind unless another is named."""
    return Trouble(kind, about, *say(sentence or kind, **values))


@dataclass(frozen=True)
class Rider:
    """A pupil as planning knows one."""

    key: str
    school: str
    level: str
    boarding: str
    needs: tuple[str, ...]
    homes: tuple[Home, ...]


@dataclass(frozen=True)
class Home:
    """Where a pupil sleeps, on some weekdays."""

    number: int
    """1 or 2."""
    point: Point | None
    weekdays: frozenset[int]
    """1 is Monday; those on which one leaves from it, or comes back to it."""
    weeks: str = "all"
    """``all``, ``even`` or ``odd``."""


class Service(NamedTuple):
    """Bringing pupils to a school, or home from it, by one bell."""

    school: str
    trip: str
    """``morning``, ``noon`` or ``evening``."""
    at: int
    """Seconds after midnight."""
    riders: str
    """``all``, ``day`` or ``boarders``."""
    earliest: int
    latest: int
    """What the bell may be moved to."""


@dataclass(frozen=True)
class Session:
    """Services that are driven at one time of some weekdays, by the same vehicles."""

    way: str
    """`MORNING`: to school, `RETURN`: home."""
    weekdays: tuple[int, ...]
    services: tuple[Service, ...]

    @property
    def name(self) -> str:
        """As people call it: ``morning 1245``."""
        return f"{self.way} {''.join(map(str, self.weekdays))}"


class Trip(NamedTuple):
    """A pupil's way of a session, from or to one home."""

    pupil: str
    home: int


def list_sessions(schools: Iterable[School], bells: Iterable[Bell]) -> tuple[list[Session], list[Trouble]]:
    """Sort bells into sessions; weekdays with the same bells share one.

    A school without any bell is a trouble, the others are planned.
    """
    by_day: dict[tuple[str, int], set[Service]] = defaultdict(set)
    belled: set[tuple[str, str]] = set()
    for bell in bells:
        way = MORNING if bell.trip == MORNING else RETURN
        belled.add((bell.school, way))
        earliest = bell.at if bell.earliest is None else min(bell.at, bell.earliest)
        latest = bell.at if bell.latest is None else max(bell.at, bell.latest)
        for weekday in bell.weekdays:
            by_day[way, weekday].add(Service(bell.school, bell.trip, bell.at, bell.riders, earliest, latest))
    days: dict[tuple[str, tuple[Service, ...]], list[int]] = defaultdict(list)
    for (way, weekday), services in sorted(by_day.items()):
        days[way, tuple(sorted(services))].append(weekday)
    sessions = [Session(way, tuple(weekdays), services) for (way, services), weekdays in days.items()]
    troubles = [
        trouble("no_bell", school.id, f"no_bell_{way}", school=school.name, id=school.id)
        for school in schools
        for way in (MORNING, RETURN)
        if (school.id, way) not in belled
    ]
    return sorted(sessions, key=lambda one: (one.way, one.weekdays)), troubles


def list_trips(session: Session, riders: Iterable[Rider]) -> list[list[Trip]]:
    """List who travels with each service of a session.

    Boarders come on Monday and leave on Friday, or when a bell is for boarders alone; the others never take that one.
    """
    of_school: Mapping[str, list[int]] = defaultdict(list)
    for number, service in enumerate(session.services):
        of_school[service.school].append(number)
    trips: list[list[Trip]] = [[] for _ in session.services]
    for rider in riders:
        mine = [number for number in of_school.get(rider.school, ()) if _takes(rider, number, session)]
        for home in rider.homes:
            if home.point is None:
                continue
            for number in mine:
                if find_ride(rider, home, session, number).weekdays:
                    trips[number].append(Trip(rider.key, home.number))
    return trips


def find_ride(rider: Rider, home: Home, session: Session, service: int) -> Days:
    """Return the days on which a pupil rides with a service from a home, or to it."""
    return find_days(
        (home.weekdays, home.weeks),
        session.weekdays,
        inward=session.way == MORNING,
        boarding=rider.boarding,
        riders=session.services[service].riders,
    )


def _takes(rider: Rider, number: int, session: Session) -> bool:
    riders = session.services[number].riders
    if rider.boarding != "boarder":
        return riders != "boarders"
    if riders == "boarders":
        return True
    own = [one for one in session.services if one.school == rider.school and one.riders == "boarders"]
    day = MONDAY if session.way == MORNING else FRIDAY
    return riders == "all" and not own and day in session.weekdays


def list_homeless(riders: Sequence[Rider]) -> list[Trouble]:
    """List pupils of whom no home is known by its place."""
    return [
        trouble("no_address", rider.key, pupil=rider.key, home=home.number)
        for rider in riders
        for home in rider.homes
        if home.point is None
    ]
