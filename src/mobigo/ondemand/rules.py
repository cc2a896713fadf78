"""Booking rules of GTFS-Flex, to the second in local time: from when and until when a ride can be booked.

How the fields are read, where the reference leaves it open:

- Both ends belong to it: who must book two hours before may do so exactly two hours before, and "by 12:30" is until
  12:30:00.
- Minutes (`prior_notice_duration_min` and `_max`) count back from the pick-up, elapsed time, also for the rule of the
  drop-off.
- Days (`prior_notice_last_day`, `prior_notice_start_day`) count back from the service day of the trip, the one its
  calendar names, also where the pick-up is after midnight: the 25:30 of a Friday is booked as a ride of the Friday.
- `prior_notice_last_time` and `prior_notice_start_time` are what the clocks of the agency show on that day. Where a
  time comes twice, when clocks go back, booking opens at its first and ends at its second; where clocks skip it, it is
  passed when they jump.
- With `prior_notice_service_id` only that calendar's days are counted, and the day of travel never is: one business day
  before a Monday, a Sunday and a Saturday is the Friday. Where the calendar has not so many days before, the ride
  cannot be booked (last day), or could be booked ever since (start day).
- Of several rules (of the pick-up and of the drop-off) the strictest holds, of each bound by itself.
- Real-time booking is until the pick-up itself. A ride that names no rule is booked like that.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from mobigo.ondemand.calendars import count_back, first_shown, instant_of, last_shown, list_days
from mobigo.ondemand.model import BookingRule, BookingType, Call, Service, Trip

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

MINUTE = 60
NEVER = 0
"""An `Opening.until` before every ride: it cannot be booked."""


class Opening(NamedTuple):
    """When a ride can be booked, both ends included."""

    opens: int | None
    """Instant; None: since ever."""
    until: int
    """Instant; `NEVER`: at no time."""

    def is_open(self, now: int) -> bool:
        """Tell whether it can be booked at an instant."""
        return now <= self.until and (self.opens is None or self.opens <= now)


class WhyNot(StrEnum):
    """Why a ride cannot be booked now."""

    NOT_YET = "not_yet"
    """It opens later."""
    TOO_LATE = "too_late"
    """It was until before now."""
    NEVER = "never"
    """It opens only after it has closed, or has no day on which it could be booked."""


class Departure(NamedTuple):
    """A pick-up that can be booked."""

    pickup: int
    """Instant."""
    service_date: date
    opening: Opening


def rules_of(service: Service, origin: Call, destination: Call) -> tuple[BookingRule, ...]:
    """Return the rules that a ride between two records of a trip must keep."""
    ids = dict.fromkeys((origin.pickup_rule, destination.drop_off_rule))
    return tuple(service.rules[id_] for id_ in ids if id_ is not None)


def opening(rules: Iterable[BookingRule], service: Service, pickup: int, service_date: date) -> Opening:
    """Tell when a ride can be booked.

    Parameters
    ----------
    rules
        Of the pick-up and of the drop-off, see `rules_of`; the strictest holds.
    pickup
        Instant from which the traveller is ready.
    service_date
        Day of the trip, from which days are counted back.
    """
    opens: int | None = None
    until = pickup
    for rule in rules:
        one = _open_by(rule, service, pickup, service_date)
        until = min(until, one.until)
        if one.opens is not None:
            opens = one.opens if opens is None else max(opens, one.opens)
    return Opening(opens, until)


def _open_by(rule: BookingRule, service: Service, pickup: int, service_date: date) -> Opening:
    calendar = None if rule.service_id is None else service.calendars[rule.service_id]
    opens = None
    if rule.type is not BookingType.REAL_TIME and rule.start_day is not None:
        first = count_back(calendar, service_date, rule.start_day)
        opens = None if first is None else first_shown(first, rule.start_time or 0, service.timezone)
    if rule.type is BookingType.SAME_DAY:
        if rule.duration_max is not None:
            opens = pickup - rule.duration_max * MINUTE
        return Opening(opens, pickup - (rule.duration_min or 0) * MINUTE)
    if rule.type is BookingType.PRIOR_DAYS and rule.last_day is not None and rule.last_time is not None:
        last = count_back(calendar, service_date, rule.last_day)
        if last is None:
            return Opening(opens, NEVER)
        return Opening(opens, min(pickup, last_shown(last, rule.last_time, service.timezone)))
    return Opening(opens, pickup)


def why_not(when: Opening, now: int) -> WhyNot | None:
    """Tell why a ride cannot be booked at an instant; None: it can."""
    if when.is_open(now):
        return None
    if when.until == NEVER or (when.opens is not None and when.until < when.opens):
        return WhyNot.NEVER
    return WhyNot.TOO_LATE if now > when.until else WhyNot.NOT_YET


def pickup_window(service: Service, origin: Call, service_date: date) -> tuple[int, int] | None:
    """Return the instants between which a record picks up on a service day; equal ones: a fixed time."""
    if origin.window_start is not None and origin.window_end is not None:
        start, end = origin.window_start, origin.window_end
    elif (fixed := origin.leaves) is not None:
        start = end = fixed
    else:
        return None
    return instant_of(service_date, start, service.timezone), instant_of(service_date, end, service.timezone)


def list_departures(
    service: Service, trip: Trip, pair: tuple[Call, Call], now: int, days: tuple[date, date], *, earliest: int = 0
) -> Iterator[Departure]:
    """List, for each service day between two, both included, the first pick-up that can be booked now, in order.

    Parameters
    ----------
    pair
        Records of the trip where one gets on and off.
    now
        Instant at which somebody books.
    earliest
        Instant before which no pick-up is of use.
    """
    origin, destination = pair
    rules = rules_of(service, origin, destination)
    notice = max((rule.duration_min or 0 for rule in rules if rule.type is BookingType.SAME_DAY), default=0)
    for day in list_days(service.calendars[trip.calendar], *days):
        window = pickup_window(service, origin, day)
        if window is None:
            continue
        pickup = max(window[0], now + notice * MINUTE, earliest)
        if pickup > window[1]:
            continue
        when = opening(rules, service, pickup, day)
        if when.is_open(now):
            yield Departure(pickup, day, when)
