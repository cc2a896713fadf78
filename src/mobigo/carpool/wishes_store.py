"""Rides that somebody looks for every week; all SQL of it (rows of ``carpool_regular`` of people who do not drive)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from psycopg.types.json import Jsonb

from mobigo.kit.errors import NotFound
from mobigo.kit.geo import Point

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg import Connection


@dataclass(frozen=True)
class Wished:
    """A ride that somebody looks for every week."""

    id: str
    person: str
    origin: str
    origin_point: Point
    destination: str
    destination_point: Point
    seats: int
    weekdays: tuple[bool, ...]
    """Monday first."""
    departs: int
    """Seconds after midnight, by the clock on the wall."""
    timezone: str
    first: date
    last: date
    exceptions: frozenset[date]
    made_at: datetime
    ended_at: datetime | None = None

    def list_departures(self, begin: datetime, end: datetime) -> Iterator[datetime]:
        """List when it departs between two instants, both included; an hour the clocks leap over is the one after."""
        zone = ZoneInfo(self.timezone)
        clock = time(self.departs // 3600, self.departs // 60 % 60, self.departs % 60)
        day = max(begin.astimezone(zone).date(), self.first)
        while day <= min(end.astimezone(zone).date(), self.last):
            if self.weekdays[day.weekday()] and day not in self.exceptions:
                at = datetime.combine(day, clock, zone).astimezone(UTC)
                if begin <= at <= end:
                    yield at
            day += timedelta(days=1)


_WISHED = """
    SELECT id, person, wish, weekdays, departs, timezone, first, last, exceptions, made_at, ended_at
    FROM carpool_regular WHERE NOT drives
"""


def _wished(row: Sequence[Any]) -> Wished:
    id_, person, wish, weekdays, departs, zone, first, last, exceptions, made_at, ended_at = row
    (origin, *begin), (destination, *end) = wish["origin"], wish["destination"]
    return Wished(
        id=id_,
        person=person,
        origin=origin,
        origin_point=Point(*begin),
        destination=destination,
        destination_point=Point(*end),
        seats=wish["seats"],
        weekdays=tuple(weekdays),
        departs=departs,
        timezone=zone,
        first=first,
        last=last,
        exceptions=frozenset(exceptions),
        made_at=made_at,
        ended_at=ended_at,
    )


def add_wish(connection: Connection[Any], one: Wished) -> None:
    """Write down what somebody looks for."""
    wish = {
        "origin": [one.origin, *one.origin_point],
        "destination": [one.destination, *one.destination_point],
        "seats": one.seats,
    }
    connection.execute(
        "INSERT INTO carpool_regular (id, person, drives, wish, weekdays, departs, timezone, first, last, exceptions,"
        " made_at) VALUES (%s, %s, false, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            *(one.id, one.person, Jsonb(wish), list(one.weekdays), one.departs, one.timezone, one.first, one.last),
            *(sorted(one.exceptions), one.made_at),
        ],
    )


def get_wish(connection: Connection[Any], person: str, id_: str) -> Wished:
    """Return what somebody looks for.

    Raises
    ------
    NotFound
        ``unknown_wish``.
    """
    row = connection.execute(f"{_WISHED} AND person = %s AND id = %s".encode(), [person, id_]).fetchone()
    if row is None:
        raise NotFound(f"you look for no ride {id_[:60]!r}; /v1/carpool/me/wishes lists yours", code="unknown_wish")
    return _wished(row)


def list_wishes(connection: Connection[Any], person: str) -> list[Wished]:
    """List what somebody looks for and has not ended, first made first."""
    rows = connection.execute(f"{_WISHED} AND person = %s AND ended_at IS NULL ORDER BY made_at, id".encode(), [person])
    return [_wished(row) for row in rows]


def list_open(connection: Connection[Any], first: date, last: date) -> list[Wished]:
    """List what people look for on days between two, both included."""
    rows = connection.execute(
        f"{_WISHED} AND ended_at IS NULL AND first <= %s AND last >= %s ORDER BY id".encode(), [last, first]
    )
    return [_wished(row) for row in rows]


def end_wish(connection: Connection[Any], id_: str, now: datetime) -> None:
    """Look for it no more."""
    connection.execute(
        "UPDATE carpool_regular SET ended_at = %s, revision = revision + 1 WHERE id = %s AND ended_at IS NULL",
        [now, id_],
    )
