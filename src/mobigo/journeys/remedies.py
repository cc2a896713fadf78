"""When there is no journey by public transport: why, when there is one, and what would have to change in the question.

Nothing is guessed: a wish is to blame when the same question without it has an answer, and what is suggested was
searched for and found, all within the budget of the answer.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from mobigo.journeys.model import Access, JourneyRequest, Reason, Remedy, Suggestion
from mobigo.journeys.paging import day_of, direction_of
from mobigo.journeys.search import GRACE, HORIZON_DAYS, open_search
from mobigo.transit.model import Direction
from mobigo.transit.timetable import begin_day, day_number, last_day, runs_on

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from mobigo.journeys.paging import Page
    from mobigo.journeys.search import Candidate, Search

LONGER_WALKS = (45, 60, 90, 120)
"""Minutes that are tried."""


@dataclass(frozen=True)
class Explanation:
    """Why there is no journey by vehicle, and what is near."""

    reason: Reason
    about: str | None = None
    """The parameter it is about."""
    following: Candidate | None = None
    """The nearest journey after the time asked for."""
    preceding: Candidate | None = None
    """The nearest journey before it."""
    suggestions: tuple[Suggestion, ...] = ()


def explain(search: Search, request: JourneyRequest, page: Page) -> Explanation:
    """Say why no vehicle serves, the most useful truth first, and what would help."""
    reason, about = _find_obstacle(search, request)
    if reason is Reason.OUTSIDE_AREA and search.network.streets is None:
        # stops alone do not tell how far the area reaches
        further = tuple(_walk_further(search, request))
        return Explanation(Reason.NO_STOP_IN_RANGE if further else reason, about, suggestions=further)
    if reason in {Reason.OUTSIDE_AREA, Reason.WALKING_BETTER} or request.cursor is not None:
        return Explanation(reason or Reason.NOTHING_IN_WINDOW, about)
    cut = search.hurried
    blamed = list(_relax(search, request))
    following, preceding = _find_near(search, request, page) if reason is not Reason.NO_STOP_IN_RANGE else (None, None)
    suggestions = list(_move(search, request, following, preceding))
    if reason in {None, Reason.NO_STOP_IN_RANGE} and blamed:
        first = blamed[0]
        by_wheelchair = first.parameter == "wheelchair"
        reason, about = Reason.NO_ACCESSIBLE_PATH if by_wheelchair else Reason.FILTERED_OUT, first.parameter
    if not blamed:
        suggestions += _walk_further(search, request)
    if reason is None:
        about = "at"
        if cut:
            reason, about = Reason.BUDGET_REACHED, None
        elif following is None and preceding is None and not search.hurried:
            reason = Reason.NO_CONNECTION
        else:
            reason = Reason.NOTHING_IN_WINDOW
    return Explanation(reason, about, following, preceding, (*blamed, *suggestions))


def _find_obstacle(search: Search, request: JourneyRequest) -> tuple[Reason | None, str | None]:
    """Find what makes every search in vain, whatever the time; else whether the day is one without service."""
    ends = (("from", [doors.origin for doors in search.doors]), ("to", [doors.destination for doors in search.doors]))
    fetched = [search.hailing is not None and search.hailing.reaches(at) for at in (0, 1)]
    for (name, ways), by_ride in zip(ends, fetched, strict=True):
        if not by_ride and not any(way.located for way in ways):
            return Reason.OUTSIDE_AREA, name
    if search.beaten:
        return Reason.WALKING_BETTER, None
    for (name, ways), by_ride in zip(ends, fetched, strict=True):
        if not by_ride and not any(len(way.stops) for way in ways):
            return Reason.NO_STOP_IN_RANGE, name
    if any(not len(via.stops) for via in (search.preferences.vias if search.preferences else ())):
        return Reason.NO_STOP_IN_RANGE, "via"
    reason = _look_at_day(search, request)
    return reason, "at" if reason else None


def _look_at_day(search: Search, request: JourneyRequest) -> Reason | None:
    """Tell whether anything runs on the day asked for."""
    timetable = search.network.timetable
    day = day_number(request.at.astimezone(search.network.manifest.zone).date())
    if not timetable.first_day[0] <= day <= last_day(timetable):
        return Reason.OUTSIDE_SERVICE_PERIOD
    return None if runs_on(timetable, day).any() else Reason.NO_SERVICE_THAT_DAY


# ── another time ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _find_near(search: Search, request: JourneyRequest, page: Page) -> tuple[Candidate | None, Candidate | None]:
    """Find the nearest journeys after and before the time that was searched."""
    direction = direction_of(request)
    looked = request.window in {None, 0} and request.of_day is None
    following = preceding = None
    if not (looked and direction is Direction.DEPART):
        following = _at(search, search.first_after(page.last + 1, direction), direction)
    if not (looked and direction is Direction.ARRIVE):
        preceding = _at(search, search.last_before(page.first - 1, direction), direction)
    if following is None:
        following = _at(search, _find_beyond(search, page.last + 1, direction, 1), direction)
    if preceding is None:
        preceding = _at(search, _find_beyond(search, page.first - 1, direction, -1), direction)
    return following, preceding


def _find_beyond(search: Search, at: int, direction: Direction, step: int) -> int | None:
    """Find the nearest journey of places that nothing serves on the days looked at, as of a line out of season."""
    zone = search.network.days.zone
    asked = day_number(datetime.fromtimestamp(at, zone).date())
    ahead = step * (_list_days_served(search) - asked)
    ahead = np.sort(ahead[ahead > 0])
    if search.over or not len(ahead) or ahead[0] < HORIZON_DAYS:
        return None
    day = asked + step * int(ahead[0])
    if step > 0:
        return search.first_after(begin_day(day, zone), direction)
    return search.last_before(begin_day(day + 2, zone) - 1, direction)  # with what runs after midnight


def _list_days_served(search: Search) -> NDArray[np.intp]:
    """List the service days (since 1970) on which a trip calls near where one sets out, and one near where one goes."""
    timetable = search.network.timetable
    days = np.unpackbits(timetable.service_days, axis=1)
    served = np.ones(days.shape[1], np.bool_)
    for stops in ([doors.origin.stops for doors in search.doors], [doors.destination.stops for doors in search.doors]):
        calls = np.flatnonzero(np.isin(timetable.call_stop, np.concatenate(stops)))
        services = timetable.trip_service[np.unique(np.searchsorted(timetable.call_first, calls, "right") - 1)]
        served &= days[np.unique(services[services >= 0])].any(axis=0)
    return np.flatnonzero(served) + int(timetable.first_day[0])


def _at(search: Search, instant: int | None, direction: Direction) -> Candidate | None:
    """Return the best journey that leaves (arrives) at an instant."""
    found = [] if instant is None else search.between(instant, instant, direction)
    return min(found, key=_quality, default=None)


def _quality(one: Candidate) -> tuple[int, int, int]:
    return one.journey.arrival, one.journey.transfers, -one.journey.departure


def _move(
    search: Search, request: JourneyRequest, following: Candidate | None, preceding: Candidate | None
) -> Iterator[Suggestion]:
    """Suggest to travel later, on another day, or earlier the same day."""
    zone = search.network.manifest.zone
    direction = direction_of(request)
    for one, remedy in ((following, Remedy.LATER), (preceding, Remedy.EARLIER)):
        if one is None:
            continue
        at = datetime.fromtimestamp(one.at(direction), zone)
        same_day = day_of(at, zone) == day_of(request.at, zone)
        if same_day or remedy is Remedy.LATER:
            yield _suggest(search, one, remedy if same_day else Remedy.ANOTHER_DAY, "at", at.isoformat())


def _suggest(search: Search, found: Candidate, remedy: Remedy, parameter: str, value: str | None) -> Suggestion:
    zone = search.network.manifest.zone
    departure, arrival = (
        datetime.fromtimestamp(instant, zone) for instant in (found.journey.departure, found.journey.arrival)
    )
    return Suggestion(remedy, parameter, value, departure, arrival, found.journey.transfers)


# ── another wish ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _relax(search: Search, request: JourneyRequest) -> Iterator[Suggestion]:
    """Try the question without each wish in turn; for a moment also when the budget is used up."""
    usual = JourneyRequest("", "", request.at)
    until = max(search.deadline, time.monotonic() + GRACE)
    if request.max_transfers < usual.max_transfers:
        found = _try(search, replace(request, max_transfers=usual.max_transfers), until)
        if found:
            yield _suggest(search, found, Remedy.MORE_TRANSFERS, "max_transfers", str(found.journey.transfers))
    for parameter, remedy, without in (
        ("min_change_minutes", Remedy.SHORTER_CHANGES, replace(request, min_change=0)),
        ("slack_minutes", Remedy.SHORTER_CHANGES, replace(request, slack=0)),
        ("only", Remedy.WITHOUT_FILTER, replace(request, only=())),
        ("forbid", Remedy.WITHOUT_FILTER, replace(request, forbid=())),
        ("wheelchair", Remedy.WITHOUT_FILTER, replace(request, wheelchair=False)),
        ("bicycle_aboard", Remedy.WITHOUT_FILTER, replace(request, bicycle_aboard=False)),
        ("no_reservation", Remedy.WITHOUT_FILTER, replace(request, no_reservation=False)),
        ("via", Remedy.WITHOUT_FILTER, replace(request, vias=())),
        ("access", Remedy.WITHOUT_FILTER, replace(request, access=_walking_too(request.access))),
        ("egress", Remedy.WITHOUT_FILTER, replace(request, egress=_walking_too(request.egress))),
    ):
        found = _try(search, without, until) if without != request else None
        if found:
            yield _suggest(search, found, remedy, parameter, "0" if remedy is Remedy.SHORTER_CHANGES else None)


def _walking_too(ways: tuple[Access, ...]) -> tuple[Access, ...]:
    return ways if Access.WALK in ways else (*ways, Access.WALK)


def _walk_further(search: Search, request: JourneyRequest) -> Iterator[Suggestion]:
    """Try longer walks until one helps."""
    for minutes in LONGER_WALKS:
        if 60 * minutes > request.max_walk:
            found = _try(search, replace(request, max_walk=60 * minutes), search.deadline)
            if found:
                yield _suggest(search, found, Remedy.LONGER_WALK, "max_walk_minutes", str(minutes))
                return


def _try(search: Search, request: JourneyRequest, until: float) -> Candidate | None:
    """Ask another question about the same time; None also when no time is left for it (by `time.monotonic`)."""
    if time.monotonic() > until:
        return None
    other = open_search(search.network, request, until)
    direction = direction_of(request)
    at = int(request.at.timestamp())
    if request.of_day is not None:
        first, last = (int(one.timestamp()) for one in day_of(request.at, search.network.manifest.zone))
        found = other.between(first, last - 1, direction)
    elif request.window:
        found = other.between(
            *((at, at + request.window) if direction is Direction.DEPART else (at - request.window, at)), direction
        )
    else:
        found = other.best(at, direction)
    return min(found, key=_quality, default=None)
