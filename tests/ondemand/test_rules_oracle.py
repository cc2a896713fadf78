"""Booking rules agree with the clock on the wall, whatever the rule, the day and the zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.ondemand.rules_oracle import may_book

from mobigo.ondemand import rules
from mobigo.ondemand.calendars import instant_of
from mobigo.ondemand.model import BookingRule, BookingType, Calendar, Service, ServiceKind

FRANCE = date(2026, 1, 1)
HOLIDAYS = frozenset({date(2026, 4, 6), date(2026, 5, 1), date(2026, 5, 25), date(2026, 12, 25)})
"""Easter Monday, Labour Day, Whit Monday, Christmas."""

BUSINESS = Calendar("business", (True,) * 5 + (False,) * 2, FRANCE, date(2026, 12, 31), frozenset(), HOLIDAYS)
SCATTERED = Calendar("scattered", added=frozenset(FRANCE + timedelta(days=3 * n) for n in range(100)))
CHANGES = (date(2026, 3, 29), date(2026, 10, 25))
"""The clocks go forward, and back, in the European Union."""


def service(timezone: str) -> Service:
    calendars = {one.id: one for one in (BUSINESS, SCATTERED)}
    return Service("s", ServiceKind.DOOR_TO_DOOR, timezone, {}, {}, (), calendars, {}, {}, {}, {})


times = st.one_of(
    st.integers(0, 86_399), st.integers(0, 4).map(lambda hour: hour * 3_600 + 1_800), st.integers(0, 100_000)
)
days = st.one_of(
    st.integers(0, 364).map(lambda n: FRANCE + timedelta(days=n)),
    st.tuples(st.sampled_from(CHANGES), st.integers(-2, 8)).map(lambda one: one[0] + timedelta(days=one[1])),
)
calendars = st.sampled_from([None, "business", "scattered"])


@st.composite
def same_day(draw: st.DrawFn) -> BookingRule:
    least = draw(st.integers(0, 3_000))
    kind = draw(st.integers(0, 2))
    return BookingRule(
        "same",
        BookingType.SAME_DAY,
        duration_min=least,
        duration_max=least + draw(st.integers(0, 20_000)) if kind == 1 else None,
        start_day=draw(st.integers(0, 30)) if kind == 2 else None,
        start_time=draw(times) if kind == 2 else None,
    )


@st.composite
def prior_days(draw: st.DrawFn) -> BookingRule:
    last = draw(st.integers(0, 8))
    starts = draw(st.booleans())
    return BookingRule(
        "prior",
        BookingType.PRIOR_DAYS,
        last_day=last,
        last_time=draw(times),
        start_day=last + draw(st.integers(0, 30)) if starts else None,
        start_time=draw(times) if starts else None,
        service_id=draw(calendars),
    )


one_rule = st.one_of(st.just(BookingRule("now", BookingType.REAL_TIME)), same_day(), prior_days())


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.lists(one_rule, max_size=2),
    days,
    st.integers(0, 30 * 3_600),
    st.sampled_from(["Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
    st.lists(st.integers(0, 40 * 86_400), min_size=3, max_size=3),
)
@example(
    [BookingRule("prior", BookingType.PRIOR_DAYS, last_day=1, last_time=9_000)],
    date(2026, 3, 30),
    36_000,
    "Europe/Paris",
    [],
)
@example(
    [BookingRule("prior", BookingType.PRIOR_DAYS, last_day=1, last_time=9_000)],
    date(2026, 10, 26),
    36_000,
    "Europe/Paris",
    [],
)
def test_one_may_book_when_the_clock_on_the_wall_says_so(
    asked: list[BookingRule], day: date, pickup_time: int, timezone: str, before: list[int]
) -> None:
    where = service(timezone)
    pickup = instant_of(day, pickup_time, timezone)
    opening = rules.opening(asked, where, pickup, day)
    instants = {pickup, pickup + 1, *(pickup - seconds for seconds in before)}
    for edge in (opening.opens, opening.until):
        if edge:
            instants |= {edge - 1, edge, edge + 1}
    for instant in instants:
        assert opening.is_open(instant) == may_book(asked, where, pickup, day, instant), (
            opening,
            datetime.fromtimestamp(instant, UTC),
        )
        assert (rules.why_not(opening, instant) is None) == opening.is_open(instant)
