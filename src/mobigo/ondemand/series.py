"""A ride every week: one wish, a booking for each of its days, and what could not be booked is said.

The first day is booked as it was quoted. Every other day gets the same rides at the same local times, within
`TOLERANCE`, as that day's calendar, rules and vehicles allow: what opens later waits and is booked by a job, what is
full or does not run is left with its reason. Rides of later days are pinned to no train: whether it runs as on the
first day is not known yet; the time they had to arrive by stays.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from mobigo.accounts.model import Role
from mobigo.db.session import driver
from mobigo.kit.errors import Conflict, Forbidden, InvalidInput, MobigoError, NotFound
from mobigo.kit.holidays import ONE_DAY, find_school_holiday, is_public_holiday
from mobigo.ondemand import conduct, store
from mobigo.ondemand.calendars import SchoolDays, begin_day, day_of
from mobigo.ondemand.model import Contact, How, PinSide
from mobigo.ondemand.places import Places, Span
from mobigo.ondemand.quotes import pack, unpack
from mobigo.ondemand.service import Order
from mobigo.ondemand.states import ACTIVE, WAITING
from mobigo.ondemand.store import instant, moment
from mobigo.ondemand.supply import Decline, Declined, Offered, Want

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from psycopg import Connection
    from sqlalchemy.orm import Session

    from mobigo.ondemand.model import Booking, Offer
    from mobigo.ondemand.service import Bookings

TOLERANCE = 900
"""Seconds by which a ride may be later than on the first day; earlier too, where it feeds something."""

LONGEST = timedelta(days=366)
"""From the first day to the last."""

BOOKED, WAITS, REFUSED, LEFT_OUT = "booked", "waiting", "refused", "left_out"
"""What has become of a day."""

NOT_RUNNING = frozenset({Decline.OUTSIDE_HOURS, Decline.NO_SERVICE})


@dataclass(frozen=True)
class Pattern:
    """On which days."""

    weekdays: tuple[bool, ...]
    """Monday first."""
    last: date
    left_out: frozenset[date] = frozenset()
    public_holidays: bool = False
    """Whether also on public holidays, where the service runs."""
    school: SchoolDays = SchoolDays.ALL

    def list_days(self, first: date) -> Iterator[tuple[date, str | None]]:
        """List the days after the first one, each with the reason for which it is left out, if any."""
        day = first + ONE_DAY
        while day <= self.last:
            if self.weekdays[day.weekday()]:
                yield day, self._why_not(day)
            day += ONE_DAY

    def _why_not(self, day: date) -> str | None:
        if day in self.left_out:
            return "exception"
        if is_public_holiday(day) and not self.public_holidays:
            return "public_holiday"
        if self.school is not SchoolDays.ALL:
            on_holiday = find_school_holiday(day) is not None
            if on_holiday != (self.school is SchoolDays.HOLIDAYS):
                return "school_holiday" if on_holiday else "term"
        return None


@dataclass(frozen=True)
class SeriesDay:
    """What has become of a day."""

    day: date
    state: str
    reason: str | None
    booking: str | None
    try_at: datetime | None


@dataclass(frozen=True)
class Series:
    """A wish that comes back every week."""

    id: str
    account: str | None
    contact: Contact | None
    offers: tuple[tuple[Offer, ...], ...]
    """Of the first day: the way there, and back if that was wished."""
    note: str
    weekdays: tuple[bool, ...]
    first: date
    last: date
    made_at: datetime
    ended_at: datetime | None
    days: tuple[SeriesDay, ...]


def is_anything_due(session: Session, now: datetime) -> bool:
    """Tell whether days of series wait to be booked now."""
    row = (
        driver(session)
        .execute(
            "SELECT EXISTS (SELECT 1 FROM ondemand_series_day WHERE state = 'waiting' AND try_at <= %s)",
            [now],
        )
        .fetchone()
    )
    return bool(row and row[0])


@dataclass(frozen=True)
class Recurring:
    """What one actor does to series at one moment.

    Parameters
    ----------
    bookings : Bookings
        Of the actor, in their transaction.
    """

    bookings: Bookings

    # ── making ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def make(self, orders: Sequence[Order], pattern: Pattern) -> Series:
        """Book the first day, and every other day that can be booked now.

        Raises
        ------
        InvalidInput
            When the days make no sense (``invalid_series``).
        PlacesGone, Refused, Forbidden
            Where the first day cannot be booked; then nothing is.
        """
        first = min(offer.service_date for order in orders for offer in order.offers)
        if not first < pattern.last <= first + LONGEST or not any(pattern.weekdays):
            raise InvalidInput(
                f"a series from {first} to {pattern.last} on {sum(pattern.weekdays)} days of the week makes no sense;"
                f" give at least one weekday, and an end at most {LONGEST.days} days after the first day",
                code="invalid_series",
            )
        days = list(pattern.list_days(first))
        offers = [offer for order in orders for offer in order.offers]
        self._lock(offers, [first, *(day for day, why in days if why is None)])
        id_ = f"s{secrets.token_urlsafe(18)}"
        self._write(id_, orders, pattern, first)
        booked = self.bookings.book([replace(order, series=id_) for order in orders])
        self._set(id_, SeriesDay(first, BOOKED, None, booked[0].id, None))
        series = self.get(id_)
        for day, why in days:
            self._set(id_, SeriesDay(day, LEFT_OUT, why, None, None) if why else self._try(series, day))
        series = self.get(id_)
        self._tell(series, booked[0])
        return series

    def _lock(self, offers: Sequence[Offer], days: Sequence[date]) -> None:
        """Lock all days at once, in their order: nobody can wait for us and we for them."""
        spans = [
            Span(offer.service, self._operator(offer), moved.pickup[0] - TOLERANCE, moved.drop_off[1] + TOLERANCE)
            for day in days
            for offer in offers
            for moved in [self._move(offer, day)]
        ]
        Places(self.bookings.session, self.bookings.supply, self.bookings.now, spans).save()

    def _operator(self, offer: Offer) -> str:
        service = self.bookings.supply.catalogue.find(offer.service)
        return (service.operator if service else None) or ""

    def _move(self, offer: Offer, day: date) -> Offer:
        """Return the ride at the same local times of another day."""
        service = self.bookings.supply.catalogue.get(offer.service)
        by = begin_day(day, service.timezone) - begin_day(offer.service_date, service.timezone)
        return replace(
            offer,
            service_date=day,
            pickup=(offer.pickup[0] + by, offer.pickup[1] + by),
            drop_off=(0, offer.drop_off[1] + by),
        )

    def book_due(self) -> int:
        """Book the days whose time to be booked has come; return how many were tried."""
        rows = self._connection.execute(
            "SELECT series, day FROM ondemand_series_day WHERE state = 'waiting' AND try_at <= %s ORDER BY day, series"
            " LIMIT 200",
            [self.bookings.now],
        ).fetchall()
        for id_, day in rows:
            series = self.get(id_)
            self._set(id_, self._try(series, day))
        return len(rows)

    def _try(self, series: Series, day: date) -> SeriesDay:
        """Book one day, or say why not."""
        if series.contact is None:
            return SeriesDay(day, LEFT_OUT, "forgotten", None, None)
        found = [[self._offer(self._move(offer, day), offer) for offer in offers] for offers in series.offers]
        declined = [one for way in found for one in way if isinstance(one, Declined)]
        for one in declined:
            if one.reason in NOT_RUNNING:
                return SeriesDay(day, LEFT_OUT, one.reason.value, None, None)
        opens = [one.opens for one in declined if one.reason is Decline.NOT_YET and one.opens is not None]
        hard = [one.reason.value for one in declined if one.reason is not Decline.NOT_YET]
        if hard:
            return SeriesDay(day, REFUSED, hard[0], None, None)
        if opens:
            return SeriesDay(day, WAITS, Decline.NOT_YET.value, None, moment(max(opens)))
        orders = [
            Order(
                tuple(one.offer for one in way if isinstance(one, Offered)),
                series.contact,
                series.account,
                series.note,
                series=series.id,
                return_of=0 if number else None,
            )
            for number, way in enumerate(found)
        ]
        try:
            with self.bookings.session.begin_nested():
                driver(self.bookings.session)  # a savepoint is set when its connection is first used
                booked = self.bookings.book(orders)
        except MobigoError as error:
            store.note_refusal(self._connection, self.bookings.now, error.code, self._move(series.offers[0][0], day))
            return SeriesDay(day, REFUSED, error.code, None, None)
        return SeriesDay(day, BOOKED, None, booked[0].id, None)

    def _offer(self, moved: Offer, first: Offer) -> Offered | Declined:
        """Offer a ride of another day, as near the wished time as can be."""
        supply = self.bookings.supply
        feeds = first.pin is not None and first.pin.side is PinSide.BEFORE
        want = Want(
            moved.origin,
            moved.destination,
            (moved.pickup[0] - (TOLERANCE if feeds else 0), moved.pickup[0] + TOLERANCE),
            (0, moved.drop_off[1] if feeds else 0),
            moved.party,
        )
        best = Declined(Decline.NO_SERVICE, moved.service)
        for ride in supply.catalogue.rides_between(moved.origin, moved.destination):
            if ride.service != moved.service:
                continue
            one = supply.offer(ride, want, instant(self.bookings.now))
            if isinstance(one, Offered) and one.how is How.HERE and one.offer.service_date == moved.service_date:
                return one
            if isinstance(one, Declined) and best.reason is Decline.NO_SERVICE:
                best = one
        return best

    # ── ending ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def leave_out(self, id_: str, day: date) -> Series:
        """Leave out one day: what is booked is cancelled on the usual terms."""
        series = self._may(self.get(id_))
        found = next((one for one in series.days if one.day == day), None)
        if found is None:
            raise NotFound(f"the series has no ride on {day}; its days are those of its weekdays", code="unknown_day")
        self._cancel(series, found, "exception")
        return self.get(id_)

    def end(self, id_: str) -> Series:
        """Leave out all days to come.

        Raises
        ------
        Conflict
            When it has ended already.
        """
        series = self._may(self.get(id_))
        if series.ended_at is not None:
            raise Conflict(f"the series ended at {series.ended_at:%Y-%m-%dT%H:%M:%SZ}", code="booking_ended")
        for one in series.days:
            self._cancel(series, one, "ended")
        self._connection.execute("UPDATE ondemand_series SET ended_at = %s WHERE id = %s", [self.bookings.now, id_])
        return self.get(id_)

    def _cancel(self, series: Series, one: SeriesDay, reason: str) -> None:
        if one.state == BOOKED:
            waiting = [
                booking
                for booking in self._list_bookings(series, one)
                if any(leg.state in WAITING for leg in booking.legs)
            ]
            for booking in waiting:
                self.bookings.cancel(booking.id, reason=reason)
            if not waiting:
                return
        if one.state in {BOOKED, WAITS}:
            self._set(series.id, SeriesDay(one.day, LEFT_OUT, reason, None, None))

    def _list_bookings(self, series: Series, one: SeriesDay) -> list[Booking]:
        """List the bookings of a day: there and back."""
        bookings = store.list_bookings(self._connection, series=series.id, limit=1_000)
        return [booking for booking in bookings if one.booking in {booking.id, booking.return_of}]

    # ── storing ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def get_own(self, id_: str) -> Series:
        """Return a series to who may see it."""
        return self._may(self.get(id_))

    def get(self, id_: str) -> Series:
        """Return a series.

        Raises
        ------
        NotFound
            ``unknown_series``.
        """
        row = self._connection.execute(
            "SELECT account, name, phone, email, language, wish, weekdays, first, last, made_at, ended_at"
            " FROM ondemand_series WHERE id = %s",
            [id_],
        ).fetchone()
        if row is None:
            raise NotFound(f"no series {id_[:60]!r}; its id was given when it was made", code="unknown_series")
        account, name, phone, email, language, wish, weekdays, first, last, made_at, ended_at = row
        days = self._connection.execute(
            "SELECT day, state, reason, booking, try_at FROM ondemand_series_day WHERE series = %s ORDER BY day", [id_]
        ).fetchall()
        told: Mapping[str, Any] = wish or {"ways": [], "note": ""}
        return Series(
            id=id_,
            account=account,
            contact=None if name is None else Contact(name, phone, email, language),
            offers=tuple(tuple(unpack(one) for one in way) for way in told["ways"]),
            note=told["note"],
            weekdays=tuple(weekdays),
            first=first,
            last=last,
            made_at=made_at,
            ended_at=ended_at,
            days=tuple(SeriesDay(*one) for one in days),
        )

    def _may(self, series: Series) -> Series:
        actor = self.bookings.actor
        owner = actor.role is Role.TRAVELLER and actor.user == series.account
        if series.account is None or owner or actor.may_look:
            return series
        raise Forbidden(
            "the series belongs to another account; sign in as its owner, or ask the desk", code="foreign_booking"
        )

    def _write(self, id_: str, orders: Sequence[Order], pattern: Pattern, first: date) -> None:
        order = orders[0]
        contact = order.contact
        assert contact is not None
        self._connection.execute(
            """
            INSERT INTO ondemand_series (id, account, person, name, phone, email, language, wish, weekdays, first, last,
                made_by, made_at)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
            """,
            [
                id_,
                order.account,
                list(conduct.identify(self.bookings.key, contact, order.account)),
                contact.name,
                contact.phone,
                contact.email,
                contact.language,
                Jsonb({"ways": [[pack(offer) for offer in one.offers] for one in orders], "note": order.note}),
                list(pattern.weekdays),
                first,
                pattern.last,
                self.bookings.actor.name,
                self.bookings.now,
            ],
        )

    def _set(self, id_: str, one: SeriesDay) -> None:
        self._connection.execute(
            """
            INSERT INTO ondemand_series_day (series, day, state, reason, booking, try_at)
            VALUES (%s, %s, %s, %s, %s, %s)
            ON CONFLICT (series, day) DO UPDATE SET state = excluded.state, reason = excluded.reason,
                booking = excluded.booking, try_at = excluded.try_at
            """,
            [id_, one.day, one.state, one.reason, one.booking, one.try_at],
        )

    def _tell(self, series: Series, booking: Booking) -> None:
        """Say which days are booked and which are not."""
        leg = next(leg for leg in booking.legs if leg.state in ACTIVE)
        service = self.bookings.supply.catalogue.find(leg.offer.service)
        zone = service.timezone if service else "Europe/Paris"
        self.bookings.notices.tell(
            "series_booked",
            booking,
            leg,
            key=f"series:{series.id}",
            booked=[{"day": one.day} for one in series.days if one.state == BOOKED],
            missing=[
                {"day": one.day, "reason": one.reason}
                for one in series.days
                if one.state != BOOKED and one.day >= day_of(instant(self.bookings.now), zone)
            ],
        )

    @property
    def _connection(self) -> Connection[Any]:
        return driver(self.bookings.session)
