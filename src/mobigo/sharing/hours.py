"""When a system is open: ``system_hours`` and ``system_calendar`` of GBFS 2.x, ``opening_hours`` of 3.0.

Of the words of OpenStreetMap's ``opening_hours`` those are understood that say months, days, weekdays and times, and
``24/7``; rules for holidays are passed over. A text with other words is not guessed at: the hours are then not known,
which counts as open.
"""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

DAY = 86_400
DAYS = ("mo", "tu", "we", "th", "fr", "sa", "su")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
EVERY_DAY = 127
LATEST = 2 * DAY
"""Seconds: times beyond 24:00 belong to the day before."""
MOST = 500
"""Rules of one system."""

_MONTH, _DAY = "|".join(MONTHS), "|".join(DAYS)
SEASON = re.compile(rf"({_MONTH})(?: (\d{{1,2}}))?(?:\s?-\s?(?:({_MONTH}) ?)?(\d{{1,2}})?)?:? ?")
WEEK = re.compile(rf"(?:{_DAY})(?:-(?:{_DAY}))?(?:, ?(?:(?:{_DAY})(?:-(?:{_DAY}))?|ph))*:? ?")
TIMES = re.compile(r"(\d{1,2}):(\d{2})\s?-\s?(\d{1,2}):(\d{2})")


class Rule(NamedTuple):
    """Times on some days; of several rules for a day the last one counts."""

    days: int
    """Bits, Monday the lowest."""
    season: tuple[int, int, int, int] | None
    """Month and day of the first and the last day, each year; None: all year."""
    years: tuple[int, int]
    """The first and the last; 0: any."""
    times: tuple[tuple[int, int], ...]
    """Seconds after midnight, from and before; none: closed."""


def read_rental_hours(hours: Iterable[Mapping[str, Any]], seasons: Iterable[Mapping[str, Any]]) -> list[Rule]:
    """Read the hours and the calendar of GBFS 2.x; hours for those who are no members count where there are any.

    Each day's hours add up, each season's too.
    """
    said = [one for one in hours if isinstance(one.get("days"), list)]
    guests = [one for one in said if not isinstance(one.get("user_types"), list) or "nonmember" in one["user_types"]]
    when = [_read_season(one) for one in seasons] or [(None, (0, 0))]
    by_day: dict[int, list[tuple[int, int]]] = {}
    for one in guests or said:
        span = _read_clock(one.get("start_time")), _read_clock(one.get("end_time"))
        if span[0] is None or span[1] is None:
            return []
        times = _span(span[0], span[1])
        for name in one["days"]:
            if str(name)[:2].lower() in DAYS:
                by_day.setdefault(DAYS.index(str(name)[:2].lower()), []).append(times)
    if not said:
        by_day = {day: [(0, DAY)] for day in range(len(DAYS))}
        if when == [(None, (0, 0))]:
            return []
    return [
        Rule(1 << day, season, years, tuple(times))
        for season, years in when
        if years is not None
        for day, times in sorted(by_day.items())
    ][:MOST]


def _read_season(one: Mapping[str, Any]) -> tuple[tuple[int, int, int, int] | None, tuple[int, int]]:
    numbers = [one.get(name) for name in ("start_month", "start_day", "end_month", "end_day")]
    whole = [number for number in numbers if isinstance(number, int)]
    years = tuple(year if isinstance(year := one.get(name), int) else 0 for name in ("start_year", "end_year"))
    season = (whole[0], whole[1], whole[2], whole[3]) if len(whole) == len(numbers) else None
    return season, (years[0], years[1])


def read_opening_hours(text: str) -> list[Rule]:
    """Read ``opening_hours``; empty where it says "always", or what is not understood."""
    rules: list[Rule] = []
    for part in (part.strip().lower() for part in text.split(";")):
        if not part or part.startswith("ph"):
            continue
        rule = _read_rule(part)
        if rule is None:
            return []
        rules.append(rule)
    return rules[:MOST]


def _read_rule(part: str) -> Rule | None:
    season: tuple[int, int, int, int] | None = None
    days = EVERY_DAY
    found = SEASON.match(part)
    if found:
        first, first_day, last, last_day = found.groups()
        season = (
            MONTHS.index(first) + 1,
            int(first_day or 1),
            MONTHS.index(last or first) + 1,
            int(last_day or (first_day if not last and first_day else 31)),
        )
        part = part[found.end() :]
    found = WEEK.match(part)
    if found:
        days = _read_days(found.group())
        part = part[found.end() :]
    if part in {"off", "closed"}:
        return Rule(days, season, (0, 0), ())
    if part in {"24/7", ""}:
        return Rule(days, season, (0, 0), ((0, DAY),)) if part or season or days != EVERY_DAY else None
    times = []
    for span in part.split(","):
        clock = TIMES.fullmatch(span.strip())
        if clock is None:
            return None
        a, b, c, d = (int(number) for number in clock.groups())
        times.append(_span(3600 * a + 60 * b, 3600 * c + 60 * d))
    return Rule(days, season, (0, 0), tuple(times))


def _read_days(text: str) -> int:
    days = 0
    for part in text.strip(": ").split(","):
        first, _, last = part.strip().partition("-")
        if first not in DAYS:
            continue
        a, b = DAYS.index(first), DAYS.index(last or first)
        for day in range(a, b + 1 if b >= a else b + 8):
            days |= 1 << day % 7
    return days


def _span(start: int, end: int) -> tuple[int, int]:
    return start, min(end if end > start else end + DAY, LATEST)


def _read_clock(value: object) -> int | None:
    parts = str(value).split(":")
    if len(parts) not in {2, 3} or not all(part.isdigit() for part in parts):
        return None
    seconds = sum(int(part) * unit for part, unit in zip(parts, (3600, 60, 1), strict=False))
    return seconds if seconds <= LATEST else None


def write_hours(rules: Sequence[Rule]) -> str:
    """Write rules as JSON; empty without any."""
    return json.dumps(rules, separators=(",", ":")) if rules else ""


def is_open(written: str, at: datetime) -> bool:
    """Tell whether a system is open at an instant of its own zone; always where nothing is written."""
    if not written:
        return True
    rules = [Rule(days, season and tuple(season), tuple(years), tuple(map(tuple, times)))
             for days, season, years, times in json.loads(written)]  # fmt: skip
    seconds = at.hour * 3600 + at.minute * 60 + at.second
    before = at.date() - timedelta(days=1)
    today = any(start <= seconds < end for start, end in _times(rules, at.date()))
    return today or any(start <= seconds + DAY < end for start, end in _times(rules, before))


def _times(rules: Sequence[Rule], day: date) -> tuple[tuple[int, int], ...]:
    holding = [rule.times for rule in rules if rule.days >> day.weekday() & 1 and _is_within(rule, day)]
    return holding[-1] if holding else ()


def _is_within(rule: Rule, day: date) -> bool:
    if rule.season is None:
        return True
    a, b, c, d = rule.season
    first, last = rule.years
    here = (day.month, day.day)
    if first and last:
        return (first, a, b) <= (day.year, *here) <= (last, c, d)
    return (a, b) <= here <= (c, d) if (a, b) <= (c, d) else here >= (a, b) or here <= (c, d)
