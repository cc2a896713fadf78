"""A run every week: one wish of a driver, laid out as a run for each of its days, some weeks ahead.

The hour is that of the clock on the wall. A day on which the run cannot be (its driver drives or rides elsewhere then,
a line is withdrawn) is left without one and tried again every time, as long as it is to come.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from psycopg.types.json import Jsonb

from mobigo.carpool import lines, people, store
from mobigo.carpool.model import RunState
from mobigo.carpool.plan import Spot
from mobigo.carpool.service import NOBODY, ZONE, Offer, Rides
from mobigo.db.session import driver
from mobigo.kit.errors import Conflict, InvalidInput, MobigoError, NotFound, Refused
from mobigo.kit.geo import Point

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg import Connection
    from sqlalchemy.orm import Session

    from mobigo.carpool.lines import Roads
    from mobigo.carpool.model import Run

AHEAD = timedelta(days=28)
"""For which runs are laid out."""

LONGEST = timedelta(days=366)
"""From the first day to the last."""

MOST = 20
"""Regular runs of one driver that have not ended."""

ONE_DAY = timedelta(days=1)

CANCELLED_DAY = "exception"
"""Why the run of a day that was left out is cancelled."""


@dataclass(frozen=True)
class Regular:
    """A run that comes back every week."""

    id: str
    person: str
    offer: Offer
    """As of the first day."""
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

    def list_days(self, first: date, last: date) -> Iterator[date]:
        """List its days between two, both included; without exceptions."""
        day = max(first, self.first)
        while day <= min(last, self.last):
            if self.weekdays[day.weekday()] and day not in self.exceptions:
                yield day
            day += ONE_DAY

    def departure(self, day: date) -> datetime:
        """Return when it departs on a day; an hour that the clocks leap over is the one after."""
        clock = time(self.departs // 3600, self.departs // 60 % 60, self.departs % 60)
        return datetime.combine(day, clock, ZoneInfo(self.timezone)).astimezone(UTC)


@dataclass(frozen=True)
class Pattern:
    """On which days."""

    weekdays: tuple[bool, ...]
    first: date
    last: date
    exceptions: frozenset[date] = frozenset()


@dataclass(frozen=True)
class Regulars:
    """What one actor does to regular runs at one moment.

    Parameters
    ----------
    rides : Rides
        Of the actor, in their transaction.
    """

    rides: Rides

    def make(self, offer: Offer, pattern: Pattern, departs: int, person: str) -> Regular:
        """Make a regular run, and lay out its days of the weeks to come.

        Raises
        ------
        InvalidInput
            When its days make no sense, or no day could ever have a run (``invalid_series``).
        """
        now, connection = self.rides.now, self._connection
        zone = ZONE if offer.line is None else lines.get_line(connection, offer.line).timezone
        today = now.astimezone(ZoneInfo(zone)).date()
        self._check(pattern, today)
        people.require_adult(store.get_person(connection, person))
        store.lock_people(connection, [person])
        if len([one for one in list_regulars(connection, person) if one.ended_at is None]) >= MOST:
            raise Refused(f"you have {MOST} regular runs, the most; end one first", code="too_many_regulars")
        made = Regular(
            id=f"g{secrets.token_urlsafe(15)}",
            person=person,
            offer=replace(offer, departs_at=now),
            weekdays=pattern.weekdays,
            departs=departs,
            timezone=zone,
            first=pattern.first,
            last=pattern.last,
            exceptions=pattern.exceptions,
            made_at=now,
        )
        if next(made.list_days(max(today, made.first), made.last), None) is None:
            raise InvalidInput(
                f"no day from {pattern.first} to {pattern.last} is left on these weekdays; give others",
                code="invalid_series",
            )
        _add(connection, made)
        self._lay_first(made, today)
        return made

    def _check(self, pattern: Pattern, today: date) -> None:
        if not any(pattern.weekdays) or not pattern.first <= pattern.last <= max(pattern.first, today) + LONGEST:
            raise InvalidInput(
                f"a run from {pattern.first} to {pattern.last} on {sum(pattern.weekdays)} days of the week makes no"
                f" sense; give at least one weekday, and a last day at most {LONGEST.days} days after the first",
                code="invalid_series",
            )

    def _lay_first(self, made: Regular, today: date) -> None:
        """Lay out what can be; where it is the wish that is wrong, say so instead."""
        laid, refused = lay(self.rides, made, today)
        if not laid and isinstance(refused, (InvalidInput, NotFound)):
            raise refused

    def leave_out(self, id_: str, days: Sequence[date]) -> Regular:
        """Leave out days: a run that is laid out already is taken back, and who has booked is told.

        Raises
        ------
        NotFound
            ``unknown_day``, when one is none of its days.
        """
        found = self._lock(id_)
        for day in days:
            if day not in set(found.list_days(day, day)) | found.exceptions:
                raise NotFound(
                    f"the regular run has none on {day}; its days are those of its weekdays", code="unknown_day"
                )
        changed = replace(found, exceptions=found.exceptions | set(days))
        self._connection.execute(
            "UPDATE carpool_regular SET exceptions = %s, revision = revision + 1 WHERE id = %s",
            [sorted(changed.exceptions), id_],
        )
        for run in self._list_planned(id_):
            if run.service_date in days:
                self.rides.cancel_run(run.id, reason=CANCELLED_DAY)
        return changed

    def end(self, id_: str) -> Regular:
        """End a regular run: those that have not set out are taken back.

        Raises
        ------
        Conflict
            When it has ended already (``booking_ended``).
        """
        found = self._lock(id_)
        if found.ended_at is not None:
            raise Conflict(f"the regular run ended at {found.ended_at:%Y-%m-%dT%H:%M:%SZ}", code="booking_ended")
        self._connection.execute(
            "UPDATE carpool_regular SET ended_at = %s, revision = revision + 1 WHERE id = %s", [self.rides.now, id_]
        )
        for run in self._list_planned(id_):
            self.rides.cancel_run(run.id)
        return replace(found, ended_at=self.rides.now)

    def get(self, id_: str) -> Regular:
        """Return a regular run to who drives it and the staff.

        Raises
        ------
        NotFound
            ``unknown_regular``.
        """
        found = _list(self._connection, "WHERE id = %s", [id_])
        if not found or not (self.rides.actor.staff or self.rides.actor.person == found[0].person):
            raise NotFound(f"no regular run {id_[:60]!r}; its id was given when it was made", code="unknown_regular")
        return found[0]

    def _lock(self, id_: str) -> Regular:
        self._connection.execute("SELECT 1 FROM carpool_regular WHERE id = %s FOR UPDATE", [id_])
        return self.get(id_)

    def _list_planned(self, id_: str) -> list[Run]:
        runs = store.list_runs(self._connection, regular=id_, states=[RunState.PLANNED])
        store.lock_runs(self._connection, [run.id for run in runs])
        return store.list_runs(self._connection, regular=id_, states=[RunState.PLANNED])

    @property
    def _connection(self) -> Connection[Any]:
        return driver(self.rides.session)


def list_regulars(connection: Connection[Any], person: str) -> list[Regular]:
    """List the regular runs of a driver, those made last first."""
    return _list(connection, "WHERE person = %s ORDER BY made_at DESC, id", [person])


def list_due(connection: Connection[Any], now: datetime) -> list[str]:
    """List the ids of those that may have days to be laid out."""
    rows = connection.execute(
        "SELECT id FROM carpool_regular WHERE ended_at IS NULL AND drives AND last >= %s AND first <= %s ORDER BY id",
        [(now - ONE_DAY).date(), (now + AHEAD + ONE_DAY).date()],
    )
    return [id_ for (id_,) in rows]


def lay_due(session: Session, roads: Roads, key: bytes, id_: str, now: datetime) -> int:
    """Lay out the days of one regular run that have no run yet; return how many were laid out.

    Somebody else may do so at once, or end it: whoever comes second finds nothing to do.
    """
    connection = driver(session)
    row = connection.execute(
        "SELECT person FROM carpool_regular WHERE id = %s AND ended_at IS NULL FOR UPDATE SKIP LOCKED", [id_]
    ).fetchone()
    if row is None:
        return 0
    found = _list(connection, "WHERE id = %s", [id_])[0]
    rides = Rides(session, roads, key, NOBODY, now)
    return len(lay(rides, found, now.astimezone(ZoneInfo(found.timezone)).date())[0])


def lay(rides: Rides, found: Regular, today: date) -> tuple[list[Run], MobigoError | None]:
    """Lay out the days to come that have no run yet; return the runs, and why the last day had none."""
    connection = driver(rides.session)
    store.lock_people(connection, [found.person])
    there = {row[0] for row in connection.execute(
        "SELECT service_date FROM carpool_run WHERE regular = %s AND service_date >= %s", [found.id, today]
    )}  # fmt: skip
    laid: list[Run] = []
    refused: MobigoError | None = None
    for day in found.list_days(today, today + AHEAD):
        departs_at = found.departure(day)
        if day in there or departs_at <= rides.now:
            continue
        offer = replace(found.offer, departs_at=departs_at, regular=found.id)
        try:
            with rides.session.begin_nested():
                driver(rides.session)  # a savepoint is set when its connection is first used
                laid.append(rides.offer_run(offer, driver_id=found.person))
        except MobigoError as error:
            refused = error
    return laid, refused


# ── storing ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _add(connection: Connection[Any], one: Regular) -> None:
    connection.execute(
        "INSERT INTO carpool_regular (id, person, drives, wish, weekdays, departs, timezone, first, last, exceptions,"
        " made_at) VALUES (%s, %s, true, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            one.id,
            one.person,
            Jsonb(_pack(one.offer)),
            list(one.weekdays),
            one.departs,
            one.timezone,
            one.first,
            one.last,
            sorted(one.exceptions),
            one.made_at,
        ],
    )


_REGULAR = """
    SELECT id, person, wish, weekdays, departs, timezone, first, last, exceptions, made_at, ended_at
    FROM (SELECT * FROM carpool_regular WHERE drives) AS regular
"""


def _list(connection: Connection[Any], which: str, values: Sequence[object]) -> list[Regular]:
    rows = connection.execute(f"{_REGULAR} {which}".encode(), values)
    return [
        Regular(
            id=id_,
            person=person,
            offer=_unpack(wish, made_at),
            weekdays=tuple(weekdays),
            departs=departs,
            timezone=zone,
            first=first,
            last=last,
            exceptions=frozenset(exceptions),
            made_at=made_at,
            ended_at=ended_at,
        )
        for id_, person, wish, weekdays, departs, zone, first, last, exceptions, made_at, ended_at in rows
    ]


def _pack(offer: Offer) -> dict[str, Any]:
    return {
        "seats": offer.seats,
        "way": [[spot.name, *spot.point] for spot in offer.way],
        "line": offer.line,
        "direction": offer.direction,
        "first": offer.first,
        "last": offer.last,
        "plate": offer.plate,
        "confirms": offer.confirms,
    }


def _unpack(wish: dict[str, Any], at: datetime) -> Offer:
    way = tuple(Spot(name, Point(lon, lat)) for name, lon, lat in wish["way"])
    return Offer(**{**wish, "way": way, "departs_at": at})
