"""What an answer is: a table with a meaning for each column, of a period and a part of the supply.

Days, lines, trips and stops are named as everywhere: `source:id`. Answers are made of counts by day
(`mobigo.usage.model`) and of nothing else that was noted of people.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from mobigo.carpool.lines import list_lines
from mobigo.kit.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import Connection

    from mobigo.trace.model import Service
    from mobigo.usage.model import DayType
    from mobigo.usage.sentences import Said

MOST_DAYS = 366
"""Of a period."""
EARLIEST, LATEST = date(1970, 1, 1), date(2999, 12, 31)
WEEK = 7
CARPOOL = "carpool"
SMALL = 6
"""People below which a count that could name one of them is not told, to staff neither."""

Value = str | int | float | bool | None
"""Of a cell: a count too small to be told is a text, as ``<6``."""


class Kind(StrEnum):
    """What a column holds, and how it is written."""

    TEXT = "text"
    DAY = "day"
    COUNT = "count"
    """A whole number, or the mean of some."""
    NUMBER = "number"
    SHARE = "share"
    """0 to 1."""
    CENTS = "cents"
    RATE = "cents per passenger kilometre"
    CLOCK = "clock"
    """HH:MM of the service day; past midnight it goes on after 24:00."""
    HOUR = "hour"
    """0 to 23, local."""
    SECONDS = "seconds"
    KILOMETRES = "km"
    KILOGRAMS = "kg"
    GRAMS = "g per passenger kilometre"
    FLAG = "flag"


class Column(NamedTuple):
    """A column of an answer."""

    name: str
    kind: Kind = Kind.TEXT


@dataclass(frozen=True)
class Answer:
    """A table that answers a question."""

    name: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]
    places: tuple[dict[str, Any] | None, ...] = ()
    """GeoJSON geometry of each row; empty where rows have no place."""
    notes: tuple[Said, ...] = ()
    """What has to be known to read it."""

    def as_dicts(self) -> list[dict[str, Value]]:
        """Return rows by the names of the columns."""
        names = [column.name for column in self.columns]
        return [dict(zip(names, row, strict=True)) for row in self.rows]


@dataclass(frozen=True)
class Wanted:
    """Of what an answer is wanted."""

    first: date
    last: date
    """Included."""
    day_types: tuple[DayType, ...] = ()
    """Empty: all."""
    service: Service | None = None
    source: str = ""
    route: str = ""
    """Within `source`; empty: all lines."""

    @property
    def days(self) -> int:
        """How many there are, counted or not."""
        return (self.last - self.first).days + 1

    def before(self) -> Wanted:
        """Return the same question of the period before: as many days, whole weeks earlier, so that weekdays agree."""
        back = timedelta(days=-(-self.days // WEEK) * WEEK)
        return replace(self, first=self.first - back, last=self.last - back)

    def parameters(self) -> dict[str, object]:
        """Return what queries take; null where anything will do."""
        return {
            "first": self.first,
            "last": self.last,
            "types": sorted(self.day_types) or None,
            "service": self.service,
            "source": self.source or None,
            "route": self.route or None,
        }


def want(first: date, last: date, **of: Any) -> Wanted:  # noqa: ANN401  fields of `Wanted`
    """Check a period and say what is wanted of it.

    Raises
    ------
    InvalidInput
        When it ends before it begins, is longer than `MOST_DAYS`, or in no time that can be counted.
    """
    for day in (first, last):
        if not EARLIEST <= day <= LATEST:
            raise InvalidInput(f"{day} is not between {EARLIEST} and {LATEST}", code="invalid_period")
    if last < first:
        raise InvalidInput(
            f"the period ends on {last}, before it begins on {first}; give `from` before `to`", code="invalid_period"
        )
    if (last - first).days >= MOST_DAYS:
        raise InvalidInput(
            f"{first} to {last} are {(last - first).days + 1} days; ask for {MOST_DAYS} at most", code="invalid_period"
        )
    return Wanted(first, last, **of)


def split_id(id_: str, what: str) -> tuple[str, str]:
    """Split ``source:id``.

    Raises
    ------
    InvalidInput
        When it is not written so.
    """
    source, colon, rest = id_.partition(":")
    if not (source and colon and rest):
        raise InvalidInput(f"{id_!r} names no {what}; write `source:id`")
    return source, rest


def join_id(source: str, id_: str) -> str:
    """Join what names a line, trip or stop everywhere."""
    return f"{source}:{id_}" if source and id_ else source or id_


class Line(NamedTuple):
    """A line of a timetable in service."""

    name: str
    route_type: int


@dataclass(frozen=True)
class Lines:
    """What lines are called, and what runs on them."""

    timetabled: Mapping[tuple[str, str], Line]
    """By source and id, services on demand of feeds among them."""
    carpool: Mapping[str, str]
    """Names by id."""

    def name(self, service: str, source: str, route: str) -> str:
        """Return what a line is called; its id where it has no name any more."""
        if service == CARPOOL:
            return self.carpool.get(route, route or source)
        found = self.timetabled.get((source, route))
        if found is None and not route:  # a service on demand, by its own id
            found = self.timetabled.get(tuple_of(source))
        return found.name if found else route or source

    def route_type(self, source: str, route: str) -> int | None:
        """Return what runs on a line; None for what is in no timetable."""
        found = self.timetabled.get((source, route))
        return found.route_type if found else None


def tuple_of(id_: str) -> tuple[str, str]:
    """Split an id at its first colon; what has none has no second part."""
    source, _, rest = id_.partition(":")
    return source, rest


def read_lines(connection: Connection[Any]) -> Lines:
    """Read what lines are called."""
    rows = connection.execute(
        "SELECT feed.source, route_id, coalesce(nullif(route_short_name, ''), route_long_name, route_id), route_type"
        " FROM routes JOIN feed ON feed.active_version = routes.version_id"
    )
    timetabled = {(source, id_): Line(*said) for source, id_, *said in rows}
    return Lines(timetabled, {line.id: line.name for line in list_lines(connection)})


class Period(NamedTuple):
    """What was counted of the days that were asked for."""

    counted: int
    by_type: dict[str, int]
    newest: Any
    """When any of them was counted last; None: nothing was."""


def read_period(connection: Connection[Any], wanted: Wanted) -> Period:
    """Read how many of the days were counted."""
    rows = connection.execute(
        "SELECT day_type, count(*), max(counted_at) FROM usage_day WHERE day BETWEEN %(first)s AND %(last)s"
        " AND (%(types)s::text[] IS NULL OR day_type = ANY (%(types)s::text[])) GROUP BY day_type ORDER BY day_type",
        wanted.parameters(),
    ).fetchall()
    return Period(
        sum(count for _, count, _ in rows),
        {kind: count for kind, count, _ in rows},
        max((at for _, _, at in rows), default=None),
    )


def hide(count: int | None, people: int) -> Value:
    """Return a count, or that it is too small to be told: few people could be told apart in it."""
    return f"<{SMALL}" if 0 < people < SMALL else count


def clock(seconds: int | None) -> str | None:
    """Write a time of the service day."""
    return None if seconds is None else f"{seconds // 3600:02d}:{seconds % 3600 // 60:02d}"


def rounded(value: Any, digits: int = 1) -> float | None:  # noqa: ANN401  a number of the database
    """Round a mean; None stays."""
    return None if value is None else round(float(value), digits)


def share(part: float | None, whole: float | None) -> float | None:
    """Return a part of a whole, to a tenth of a per cent; None where there is no whole."""
    return None if part is None or not whole else round(float(part) / float(whole), 3)


class NothingCounted(NotFound):
    """Nothing was counted of what is asked for."""

    code = "nothing_counted"
