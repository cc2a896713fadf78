"""What the checks say of proven rides, what those it is about answer, and what staff decide."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.orm import Session
from tests.carpool.riding import KEY, LAUMES, NOON, SEMUR, Riding
from tests.conftest import new_database

from mobigo.carpool import findings, findings_store, proving_store, settling
from mobigo.carpool.checks import Fix, Kind
from mobigo.carpool.findings_store import FindingState
from mobigo.carpool.model import BookingState
from mobigo.carpool.proving import Moment, take_positions
from mobigo.db.engine import open_engine
from mobigo.db.session import driver
from mobigo.kit.errors import Conflict, NotFound
from mobigo.ledger import service as ledger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sqlalchemy.engine import Engine

    from mobigo.carpool.findings_store import Kept
    from mobigo.carpool.model import Person, Run, Seat

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def shared_engine(test_cluster: str) -> Iterator[Engine]:
    with new_database(test_cluster) as url:
        engine = open_engine(url)
        yield engine
        engine.dispose()


@pytest.fixture
def riding(shared_engine: Engine) -> Riding:
    return Riding(shared_engine)


def ride(riding: Riding, who: Person, rider: Person, at: datetime = NOON) -> tuple[Run, Seat]:
    """A ride that was scanned, and is settled."""
    run = riding.run(who, at=at)
    booking = riding.book(run, rider)
    riding.scan(booking, who, at)
    riding.scan(booking, who, at + 35 * MINUTE, moment=Moment.ALIGHT)
    riding.settle(run, riding.end(run))
    return run, booking


def found(riding: Riding, booking: Seat) -> list[Kept]:
    with Session(riding.engine) as session:
        return findings_store.list_findings(driver(session), bookings=[booking.id])


def decide(riding: Riding, one: Kept, state: FindingState, *, seen: int | None = None) -> Kept:
    with Session(riding.engine) as session, session.begin():
        return settling.decide(session, one.id, state, "looked at", by="staff", now=NOON + DAY, seen=seen)


def held(riding: Riding, run: Run) -> bool:
    with Session(riding.engine) as session:
        return findings_store.list_held(driver(session), [run.id]) == {run.id}


def entries(riding: Riding, booking: Seat) -> list[str]:
    with Session(riding.engine) as session:
        return [one.kind for one in ledger.list_entries(session, f"carpool_booking:{booking.id}")]


# ── what is found ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_ordinary_ride_is_found_nothing_about(riding: Riding) -> None:
    run, booking = ride(riding, riding.person("jean"), riding.person("ana"))
    assert found(riding, booking) == []
    assert not held(riding, run)
    assert riding.read(booking.id).state is BookingState.VALIDATED


def test_one_phone_for_both_is_found(riding: Riding) -> None:
    jean, ana = riding.person("jean"), riding.person("ana")
    run = riding.run(jean)
    booking = riding.book(run, ana)
    riding.scan(booking, jean, NOON, device="one")
    riding.drive(run, ana, device="one")
    riding.settle(run, riding.end(run))
    (one,) = found(riding, booking)
    assert (one.kind, one.state) == (Kind.SAME_DEVICE, FindingState.OPEN)
    assert held(riding, run)
    assert riding.read(booking.id).state is BookingState.COMPLETED_PENDING_VALIDATION


def test_a_ride_proven_long_before_it_was_planned_is_found(riding: Riding) -> None:
    # the code is good an hour before; a wrong clock that nobody corrects may be five minutes more
    jean, ana = riding.person("jean"), riding.person("ana")
    run = riding.run(jean)
    booking = riding.book(run, ana, board=1)  # at 12:15
    riding.scan(booking, jean, NOON - 45 * MINUTE)
    riding.settle(run, riding.end(run))
    assert found(riding, booking) == []
    run, at = riding.run(jean, at=NOON + DAY), NOON + DAY
    booking = riding.book(run, ana, board=1)
    text = riding.long_code(booking)
    riding.scan(booking, jean, at - 46 * MINUTE, text=text)
    riding.settle(run, riding.end(run))
    assert [one.kind for one in found(riding, booking)] == [Kind.TOO_EARLY]


def test_a_passenger_in_two_cars_at_once_keeps_the_first(riding: Riding) -> None:
    ana = riding.person("ana")
    first_run, first = ride(riding, riding.person("jean"), ana)
    second_run, second = ride(riding, riding.person("marc"), ana, NOON + 5 * MINUTE)
    (one,) = found(riding, second)
    assert (one.kind, one.bookings) == (Kind.OVERLAP, {first.id: False, second.id: True})
    assert (held(riding, first_run), held(riding, second_run)) == (False, True)


def test_it_does_not_matter_which_of_two_rides_at_once_comes_in_first(riding: Riding) -> None:
    ana = riding.person("ana")
    second_run, second = ride(riding, riding.person("marc"), ana, NOON + 5 * MINUTE)
    assert riding.read(second.id).state is BookingState.VALIDATED
    first_run, first = ride(riding, riding.person("jean"), ana)
    (one,) = found(riding, first)
    assert one.bookings == {first.id: False, second.id: True}
    assert (held(riding, first_run), held(riding, second_run)) == (False, True)


def test_the_fifth_trip_of_a_day_and_the_same_two_people_at_once_again_are_found(riding: Riding) -> None:
    jean = riding.person("jean")
    rides = [ride(riding, jean, riding.person(f"p{n}"), NOON - (5 - n) * 60 * MINUTE) for n in range(5)]
    assert [[one.kind for one in found(riding, booking)] for _, booking in rides] == [[], [], [], [], [Kind.TOO_MANY]]
    marc, ana = riding.person("marc"), riding.person("ana")
    _, first = ride(riding, marc, ana)
    _, second = ride(riding, marc, ana, NOON + 60 * MINUTE)  # 25 minutes after the first has ended
    assert found(riding, first) == []
    assert [one.kind for one in found(riding, second)] == [Kind.TOO_CLOSE]


def test_every_kind_has_words_in_both_languages() -> None:
    for kind in Kind:
        assert findings.say(kind, "fr") != findings.say(kind, "en")


def test_three_people_who_drive_one_another_in_a_circle_are_found(riding: Riding) -> None:
    a, b, c = (riding.person(name) for name in "abc")
    last = None
    for day in range(5):
        for hour, (who, rider) in enumerate(((a, b), (b, c), (c, a))):
            _, last = ride(riding, who, rider, NOON + day * DAY + hour * 120 * MINUTE)
    assert last is not None
    (one,) = found(riding, last)
    assert (one.kind, len(one.bookings), set(one.bookings.values())) == (Kind.RING, 15, {True})
    with Session(riding.engine) as session:
        seen = findings.show(driver(session), one, a.id)
    assert seen is not None
    assert len(seen.bookings) == 10  # those without them are nobody's business
    _, sixth = ride(riding, a, b, NOON + 5 * DAY)
    (again,) = found(riding, sixth)
    assert (again.id, len(again.bookings)) == (one.id, 16)  # it grows, and is not found twice


def test_what_was_declared_is_held_against_the_road_where_both_ways_are_proven(riding: Riding) -> None:
    jean, ana = riding.person("jean"), riding.person("ana")
    for road, kinds in (((30_000, 2_000), []), ((30_000, 9_000), [Kind.TIME]), ((5_000, 2_000), [Kind.DISTANCE])):
        riding.road = road
        at = NOON + len(riding.runs) * DAY
        run = riding.run(jean, at=at)
        booking = riding.book(run, ana)
        riding.scan(booking, jean, at)
        for who in (jean, ana):
            riding.drive(run, who, device=who.id)
        riding.settle(run, riding.end(run))
        assert [one.kind for one in found(riding, booking)] == kinds


def test_a_jump_found_later_holds_back_what_was_validated(riding: Riding) -> None:
    jean, ana = riding.person("jean"), riding.person("ana")
    run, booking = ride(riding, jean, ana)
    assert entries(riding, booking) == ["carpool_fare"]
    with Session(riding.engine) as session, session.begin():
        jump = [Fix(NOON + MINUTE, SEMUR), Fix(NOON + 2 * MINUTE, LAUMES)]
        take_positions(session, KEY, ana.id, run.id, jump, device=None, sent=None, now=NOON + 60 * MINUTE)
    assert riding.due(NOON + 61 * MINUTE) == [run.id]
    riding.settle(run, NOON + 61 * MINUTE)
    (one,) = found(riding, booking)
    assert (one.kind, held(riding, run)) == (Kind.SPEED, True)
    decide(riding, one, FindingState.UPHELD)
    assert riding.read(booking.id).state is BookingState.VALIDATED
    assert entries(riding, booking) == ["carpool_fare", "carpool_fare_refund"]
    with Session(riding.engine) as session:
        (journey,) = proving_store.list_journeys(driver(session), run.id)
    assert journey.struck_at is not None


# ── appeals and decisions ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def suspected(riding: Riding) -> tuple[Run, Seat, Kept, Person]:
    jean, ana = riding.person("jean"), riding.person("ana")
    run = riding.run(jean)
    booking = riding.book(run, ana)
    riding.scan(booking, jean, NOON, device="one")
    riding.drive(run, ana, device="one")
    riding.settle(run, riding.end(run))
    return run, booking, found(riding, booking)[0], jean


def test_dismissed_the_ride_goes_on_and_is_charged_once(
    riding: Riding, suspected: tuple[Run, Seat, Kept, Person]
) -> None:
    run, booking, one, _ = suspected
    assert entries(riding, booking) == []
    assert riding.due(NOON + DAY) == []  # while nobody has decided
    assert riding.list_told(booking) == ["carpool_looked_into"] * 2
    decided = decide(riding, one, FindingState.DISMISSED)
    assert (decided.state, decided.decided_by, decided.decision) == (FindingState.DISMISSED, "staff", "looked at")
    assert riding.due(NOON + DAY) == [run.id]
    for _ in range(2):
        riding.settle(run, NOON + DAY)
    assert riding.read(booking.id).state is BookingState.VALIDATED
    assert entries(riding, booking) == ["carpool_fare"]
    assert [again.id for again in found(riding, booking)] == [one.id]  # not found a second time
    assert not held(riding, run)
    assert riding.list_told(booking) == ["carpool_looked_into"] * 2 + ["carpool_decided"] * 2


def test_upheld_the_ride_counts_for_nothing(riding: Riding, suspected: tuple[Run, Seat, Kept, Person]) -> None:
    run, booking, one, _ = suspected
    decide(riding, one, FindingState.UPHELD)
    riding.settle(run, NOON + DAY)
    after = riding.read(booking.id)
    assert (after.state, after.reason) == (BookingState.CANCELLED, "finding")
    assert entries(riding, booking) == []
    assert not held(riding, run)


def test_those_it_is_about_may_answer_until_it_is_decided(
    riding: Riding, suspected: tuple[Run, Seat, Kept, Person]
) -> None:
    _, _, one, jean = suspected

    def appeal(person: str, text: str) -> Kept:
        with Session(riding.engine) as session, session.begin():
            return findings.appeal(session, one.id, person, text, NOON + DAY)

    with pytest.raises(NotFound):
        appeal(riding.person("eve").id, "let me see")
    assert appeal(jean.id, "my phone broke").appeal == "my phone broke"
    answered = appeal(jean.id, "hers broke, she used mine")
    assert (answered.state, answered.appeal) == (FindingState.APPEALED, "hers broke, she used mine")
    decide(riding, answered, FindingState.DISMISSED)
    with pytest.raises(Conflict) as caught:
        appeal(jean.id, "one more thing")
    assert caught.value.code == "finding_decided"


def test_who_decides_has_read_the_latest_answer(riding: Riding, suspected: tuple[Run, Seat, Kept, Person]) -> None:
    _, _, one, jean = suspected
    with Session(riding.engine) as session, session.begin():
        findings.appeal(session, one.id, jean.id, "wait", NOON + DAY)
    with pytest.raises(Conflict) as caught:
        decide(riding, one, FindingState.UPHELD, seen=one.revision)
    assert caught.value.code == "changed_meanwhile"
    decide(riding, one, FindingState.UPHELD, seen=one.revision + 1)
    with pytest.raises(Conflict) as caught:
        decide(riding, one, FindingState.DISMISSED)
    assert caught.value.code == "finding_decided"
