"""Pages of journeys: each holds all journeys of a stretch of time, and the next one begins where it ends.

A journey that nothing beats belongs to the page in whose time it leaves (with `arrive_by`: arrives), so that pages
neither repeat nor skip one, whatever their length. The next journeys alone (a window of nothing) are some of the
journeys of a longer time: their cursor names them, and the pages after it leave them out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, TypeAlias

from mobigo.journeys.model import OfDay
from mobigo.kit.errors import InvalidInput
from mobigo.transit.model import Direction

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from mobigo.journeys.model import JourneyRequest
    from mobigo.journeys.search import Candidate, Search

USUAL_WINDOW = 2 * 3600
"""Seconds: what a traveller who names no window sees."""

DAY_ENDS = timedelta(hours=4)
"""After midnight: what runs until then belongs to the day before."""

MOST_SHOWN = 64
"""Journeys that a cursor names at most."""

CURSOR_PATTERN = rf"^[el][0-7][0-9a-f]{{8}}(?:[0-7][0-9a-f]{{8}}[0-7][0-9a-f]{{8}}[0-9a-f]{{2}}){{0,{MOST_SHOWN}}}$"
"""What a cursor looks like, so that a wrong one is refused; no program needs to know."""

LAST_INSTANT = 0x7FFFFFFFF
"""Seconds since 1970 UTC, the last that a cursor can name."""

Key: TypeAlias = "tuple[int, int, int]"
"""Departure, arrival, and which of the journeys with these."""


@dataclass(frozen=True)
class Turn:
    """Where the page before ends, or the page after begins."""

    instant: int
    """Seconds since 1970 UTC."""
    shown: frozenset[Key] = frozenset()
    """Journeys beyond it that were shown already."""


@dataclass(frozen=True)
class Page:
    """A stretch of time and its journeys."""

    found: list[Candidate]
    first: int
    """Seconds since 1970 UTC: journeys leave (arrive) from here."""
    last: int
    earlier: Turn | None
    """None: nothing is before, as far as one looks."""
    later: Turn | None
    whole: bool = True
    """Whether these are all journeys of the time, but for those shown on a page before."""


def key_of(one: Candidate) -> Key:
    """Name a journey among those that nothing beats."""
    return one.journey.departure, one.journey.arrival, 16 * (one.by % 16) + min(one.journey.transfers, 15)


def direction_of(request: JourneyRequest) -> Direction:
    """Tell whether departures or arrivals are bounded."""
    if request.of_day is not None:
        return Direction.DEPART if request.of_day is OfDay.FIRST else Direction.ARRIVE
    return Direction.ARRIVE if request.arrive_by else Direction.DEPART


def write_cursor(letter: str, turn: Turn | None) -> str | None:
    """Write where the page before (``e``) ends, or the page after (``l``) begins."""
    if turn is None or not 0 <= turn.instant <= LAST_INSTANT:
        return None
    shown = "".join(f"{a:09x}{b:09x}{c:02x}" for a, b, c in sorted(turn.shown)[:MOST_SHOWN])
    return f"{letter}{turn.instant:09x}{shown}"


def read_cursor(text: str) -> tuple[bool, Turn]:
    """Read a cursor, and whether it is of the page before.

    Raises
    ------
    InvalidInput
        When it is none of ours.
    """
    if not re.fullmatch(CURSOR_PATTERN, text):
        raise InvalidInput(
            f"{text[:40]!r} is no cursor; take earlier_cursor or later_cursor of an answer to the same question",
            code="invalid_cursor",
        )
    rest = text[10:]
    shown = frozenset(
        (int(rest[n : n + 9], 16), int(rest[n + 9 : n + 18], 16), int(rest[n + 18 : n + 20], 16))
        for n in range(0, len(rest), 20)
    )
    return text[0] == "e", Turn(int(text[1:10], 16), shown)


def find_page(search: Search, request: JourneyRequest, zone: ZoneInfo) -> Page:
    """Find the page that a question is about."""
    direction = direction_of(request)
    span = request.window or USUAL_WINDOW
    if request.cursor is not None:
        is_before, turn = read_cursor(request.cursor)
        return (_before if is_before else _after)(search, turn, span, direction)
    if request.of_day is not None:
        return _end_of_day(search, request, zone)
    at = int(request.at.timestamp())
    if request.window == 0:
        return _next_only(search, at, direction)
    if request.window is not None:
        first, last = (at, at + span) if direction is Direction.DEPART else (at - span, at)
        return Page(search.between(first, last, direction), first, last, Turn(first - 1), Turn(last + 1))
    return (_after if direction is Direction.DEPART else _before)(search, Turn(at), span, direction)


def _after(search: Search, turn: Turn, span: int, direction: Direction) -> Page:
    """Find the page that begins at an instant; where it is empty, up to the next journey and as long again."""
    begin = first = turn.instant
    while True:
        last = first + span
        found = _without(search.between(first, last, direction), turn)
        if found or search.beaten:
            break
        following = search.first_after(last + 1, direction)
        if following is None:
            return Page([], begin, last, Turn(begin - 1), None if not search.hurried else Turn(last + 1))
        first = following
    beyond = frozenset(key for key in turn.shown if key[direction] > last)
    return Page(found, begin, last, Turn(begin - 1), Turn(last + 1, beyond))


def _before(search: Search, turn: Turn, span: int, direction: Direction) -> Page:
    """Find the page that ends at an instant; where it is empty, back to the journey before and as long again."""
    end = last = turn.instant
    while True:
        first = last - span
        found = _without(search.between(first, last, direction), turn)
        if found or search.beaten:
            break
        preceding = search.last_before(first - 1, direction)
        if preceding is None:
            return Page([], first, end, None if not search.hurried else Turn(first - 1), Turn(end + 1))
        last = preceding
    beyond = frozenset(key for key in turn.shown if key[direction] < first)
    return Page(found, first, end, Turn(first - 1, beyond), Turn(end + 1))


def _next_only(search: Search, at: int, direction: Direction) -> Page:
    """Find the best journeys from an instant on (until it), however far away."""
    found = search.best(at, direction)
    keys = frozenset(key_of(one) for one in found)
    if direction is Direction.DEPART:
        nearest = min((one.journey.departure for one in found), default=at)
        shown = frozenset(key for key in keys if key[0] > nearest)
        return Page(found, at, nearest, Turn(at - 1), Turn(nearest + 1, shown), whole=False)
    nearest = max((one.journey.arrival for one in found), default=at)
    shown = frozenset(key for key in keys if key[1] < nearest)
    return Page(found, nearest, at, Turn(nearest - 1, shown), Turn(at + 1), whole=False)


def _end_of_day(search: Search, request: JourneyRequest, zone: ZoneInfo) -> Page:
    """Find the first or the last journeys of a day."""
    begin, end = (int(instant.timestamp()) for instant in day_of(request.at, zone))
    if request.of_day is OfDay.FIRST:
        page = _next_only(search, begin, Direction.DEPART)
        found = [one for one in page.found if one.journey.departure < end]
        return replace(page, found=found, last=page.last if found else end - 1)
    page = _next_only(search, end - 1, Direction.ARRIVE)
    found = [one for one in page.found if one.journey.departure >= begin]
    if found:
        return replace(page, found=found)
    # none arrives in the same night: who leaves last arrives on another day
    leaving = search.between(begin, end - 1, Direction.DEPART)
    last = max((one.journey.departure for one in leaving), default=begin)
    found = [one for one in leaving if one.journey.departure == last]
    shown = frozenset(key_of(one) for one in found)
    return Page(found, begin, end - 1, Turn(end - 1, shown), Turn(end, shown), whole=False)


def day_of(at: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return when the day of an instant begins, and when it ends: at four in the morning."""
    day = (at.astimezone(zone) - DAY_ENDS).date()
    begin, end = (datetime.combine(one, time(DAY_ENDS.seconds // 3600), zone) for one in (day, day + timedelta(days=1)))
    return begin, end


def _without(found: list[Candidate], turn: Turn) -> list[Candidate]:
    return [one for one in found if key_of(one) not in turn.shown] if turn.shown else found
