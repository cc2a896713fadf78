"""What is noted of a search: squares instead of places, quarters of hours, and what was found, never who asked."""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from mobigo.accounts.api import recognise
from mobigo.accounts.model import STAFF, Role
from mobigo.journeys.model import Mode, OfDay, Reason
from mobigo.journeys.paging import day_of
from mobigo.kit.grid import cell_at
from mobigo.trace.masks import ZONE, account, local_day, visitor
from mobigo.trace.model import Change, Outcome, Search
from mobigo.transit.timetable import begin_day, day_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date, datetime

    from starlette.requests import Request

    from mobigo.accounts.model import Person
    from mobigo.journeys.model import Journey, JourneyRequest, Leg, Plan, RoundTrip
    from mobigo.journeys.network import Network
    from mobigo.trace.masks import Masks
    from mobigo.trace.noting import Notebook

AGAIN = 600.0
"""Seconds within which the same question from the same place is the same search: a page loaded again, a reminder."""

MOST_RECENT = 20_000
"""Questions that are known again."""

MACHINES = re.compile(r"bot\b|crawl|spider|monitor|uptime|statuscake|pingdom|preview", re.IGNORECASE)
"""Of programs that look whether we are here, or what we say: nobody travels."""

COLLEAGUES = STAFF - {Role.DESK}
"""Whose questions are about the service and nobody's journey; the desk asks for those who call."""

MODES = {
    Mode.RAIL: "rail",
    Mode.TRAM: "tram",
    Mode.SUBWAY: "tram",
    Mode.FUNICULAR: "tram",
    Mode.CABLE_CAR: "tram",
    Mode.BUS: "bus",
    Mode.COACH: "bus",
    Mode.ON_DEMAND: "ondemand",
    Mode.TAXI: "ondemand",
    Mode.CARPOOL: "carpool",
    Mode.BICYCLE: "bicycle",
    Mode.SHARED_BICYCLE: "bicycle",
    Mode.SHARED_SCOOTER: "bicycle",
    Mode.SHARED_MOPED: "car",
    Mode.SHARED_CAR: "car",
    Mode.CAR: "car",
    Mode.WALK: "walk",
}
"""As they are counted; all others are ``other``."""

QUARTER = 15
"""Minutes to which wished moments are rounded down."""

FIRST_MINUTE, LAST_MINUTE = 4 * 60, 23 * 60 + 45
"""Noted for the first and for the last journey of a day, which are asked for without an hour."""


class Notes:
    """Notes the searches of a process.

    Parameters
    ----------
    notebook : Notebook
    masks : Masks
    """

    def __init__(self, notebook: Notebook, masks: Masks) -> None:
        self.notebook = notebook
        self.masks = masks
        self._recent: OrderedDict[int, float] = OrderedDict()
        self._lock = Lock()

    def note(self, request: Request, network: Network, question: JourneyRequest, found: Plan, now: datetime) -> None:
        """Note a question that came with a bearer token or without one, and its answer."""
        self.note_of(request, network, question, found, person=recognise(request, now), now=now)

    def note_of(
        self,
        request: Request,
        network: Network,
        question: JourneyRequest,
        found: Plan,
        *,
        person: Person | None,
        now: datetime,
    ) -> None:
        """Note a question of a person, and its answer: once, and only if somebody wants to travel."""
        if question.cursor is not None or not self._counts(request, person, question, network.manifest.zone):
            return
        search = read_search(question, found, network.manifest.zone, now, self._mask(request, person, now))
        self._write(search, found, network)

    def note_both(
        self,
        request: Request,
        network: Network,
        question: JourneyRequest,
        found: RoundTrip,
        *,
        stay: int,
        now: datetime,
    ) -> None:
        """Note a question there and back as what it is: two."""
        person = recognise(request, now)
        zone = network.manifest.zone
        if question.cursor is not None or not self._counts(request, person, question, zone):
            return
        who = self._mask(request, person, now)
        there = read_search(question, found.out, zone, now, who)
        ready = min((one.arrival for one in found.out.journeys), default=question.at) + timedelta(seconds=stay)
        back = read_search(question, found.back, zone, now, who, leaves=ready)
        self._write(there, found.out, network)
        self._write(back, found.back, network)

    def _write(self, search: Search | None, found: Plan, network: Network) -> None:
        if search is not None:
            fastest = _find_fastest(found.journeys) if search.outcome is Outcome.ANSWERED else None
            self.notebook.note(search, tuple(list_changes(fastest, network)))

    def _mask(self, request: Request, person: Person | None, now: datetime) -> bytes | None:
        if person is not None and person.role in STAFF:
            return None
        return self.masks.mask("search", account(person.user) if person else visitor(request), local_day(now), now)

    def _counts(self, request: Request, person: Person | None, question: JourneyRequest, zone: ZoneInfo) -> bool:
        """Tell whether a question is somebody's, and new."""
        agent = request.headers.get("user-agent", "")
        if request.method == "HEAD" or (person and person.role in COLLEAGUES) or MACHINES.search(agent):
            return False
        asked = hash(
            (
                request.client.host if request.client else "",
                agent,
                person.user if person else "",
                question.origin,
                question.destination,
                *_wish(question, zone, question.at),
            )
        )
        now = time.monotonic()
        with self._lock:
            fresh = now - self._recent.get(asked, -AGAIN) >= AGAIN
            if fresh:
                self._recent[asked] = now
                self._recent.move_to_end(asked)
                if len(self._recent) > MOST_RECENT:
                    self._recent.popitem(last=False)
        return fresh


def read_search(
    question: JourneyRequest,
    found: Plan,
    zone: ZoneInfo,
    now: datetime,
    who: bytes | None,
    *,
    leaves: datetime | None = None,
) -> Search | None:
    """Read what may be noted of a question and its answer; None where its ends are not known.

    Parameters
    ----------
    zone : ZoneInfo
        Of the network.
    leaves : datetime, optional
        When one wishes to leave, of a way back; None: as the question says.
    """
    if found.origin is None or found.destination is None:
        return None
    local = now.astimezone(ZONE)
    day, minute, arrive_by = _wish(question, zone, leaves or question.at)
    arrive_by = arrive_by and leaves is None
    fastest = _find_fastest(found.journeys)
    late = fastest is not None and _is_another_day(fastest, leaves or question.at, zone, arrive_by=arrive_by)
    fastest = None if late else fastest
    seconds = wait = changes = 0
    modes: tuple[str, ...] = ()
    if fastest is not None:
        seconds = int((fastest.arrival - fastest.departure).total_seconds())
        wished = leaves or question.at
        if leaves is not None or question.of_day is None:
            apart = wished - fastest.arrival if arrive_by else fastest.departure - wished
            wait = max(0, int(apart.total_seconds()))
        changes = fastest.transfers
        modes = tuple(sorted({MODES.get(leg.mode, "other") for leg in fastest.legs}))
    reason = Reason.NOTHING_IN_WINDOW if late else found.reason
    outcome = _judge(question, found, fastest)
    return Search(
        day=local.date(),
        hour=local.hour,
        who=who,
        origin=cell_at(found.origin.point),
        destination=cell_at(found.destination.point),
        travel_day=day,
        travel_minute=minute,
        arrive_by=arrive_by,
        outcome=outcome,
        reason=reason.value if reason is not None and outcome is not Outcome.ANSWERED else "",
        seconds=seconds,
        wait=wait,
        changes=changes,
        modes=modes,
        wheelchair=question.wheelchair,
    )


def list_changes(journey: Journey | None, network: Network) -> Iterator[Change]:
    """List the changes of a journey between vehicles of the timetable that keep to a minute."""
    before: Leg | None = None
    walk = 0
    for leg in journey.legs if journey is not None else ():
        if leg.mode is Mode.WALK:
            walk += int((leg.arrival - leg.departure).total_seconds())
            continue
        timed = leg.trip_id is not None and leg.service_date is not None and leg.booking is None and leg.every is None
        if before is not None and timed and not leg.stay_seated:
            yield _read_change(before, leg, walk, network)
        before, walk = (leg if timed else None), 0


def _read_change(left: Leg, taken: Leg, walk: int, network: Network) -> Change:
    assert left.service_date
    assert taken.service_date
    assert left.trip_id
    assert taken.trip_id
    source, _, trip = left.trip_id.partition(":")
    to_source, _, to_trip = taken.trip_id.partition(":")
    return Change(
        left.service_date,
        source,
        trip,
        _own_id(left.end.stop_id),
        _after_midnight(left.planned_arrival or left.arrival, left, network),
        taken.service_date,
        to_source,
        to_trip,
        _own_id(taken.start.stop_id),
        _after_midnight(taken.planned_departure or taken.departure, taken, network),
        walk,
    )


def _own_id(stop: str | None) -> str:
    return (stop or "").partition(":")[2]


def _after_midnight(instant: datetime, leg: Leg, network: Network) -> int:
    """Return seconds after noon minus 12 h of the service day of a leg."""
    assert leg.service_date
    zone = leg.departure.tzinfo
    begins = begin_day(day_number(leg.service_date), zone if isinstance(zone, ZoneInfo) else network.manifest.zone)
    return int(instant.timestamp()) - begins


def _wish(question: JourneyRequest, zone: ZoneInfo, at: datetime) -> tuple[date, int, bool]:
    """Return day, quarter of an hour and whether to arrive by then."""
    local = at.astimezone(zone)
    minute = local.hour * 60 + local.minute // QUARTER * QUARTER
    if question.of_day is not None:
        minute = FIRST_MINUTE if question.of_day is OfDay.FIRST else LAST_MINUTE
    return local.date(), minute, question.arrive_by and question.of_day is None


def _find_fastest(journeys: Sequence[Journey]) -> Journey | None:
    """Return the shortest journey by vehicle, of two the one that arrives first."""
    rides = [one for one in journeys if one.rides]
    return min(rides, key=lambda one: (one.arrival - one.departure, one.arrival), default=None)


def _is_another_day(fastest: Journey, wished: datetime, zone: ZoneInfo, *, arrive_by: bool) -> bool:
    """Tell whether a journey leaves (arrives) on another day than wished; days end at four in the morning."""
    begins, ends = day_of(wished, zone)
    return not begins <= (fastest.arrival if arrive_by else fastest.departure) < ends


def _judge(question: JourneyRequest, found: Plan, fastest: Journey | None) -> Outcome:
    if fastest is not None:
        return Outcome.ANSWERED
    if found.reason is Reason.WALKING_BETTER:
        return Outcome.WALK_ONLY
    limits = {Mode.WALK: question.max_walk, Mode.BICYCLE: question.max_ride}
    for one in (*found.journeys, *found.direct):
        limit = min((limits.get(leg.mode, 0) for leg in one.legs), default=0)
        if (one.arrival - one.departure).total_seconds() <= limit:
            return Outcome.WALK_ONLY
    return Outcome.UNANSWERED
