"""Codes that one shows and the other scans, positions, and what becomes of rides that they prove."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session
from tests.carpool.riding import EPOISSES, KEY, LAUMES, NOON, SEMUR, Riding
from tests.conftest import new_database

from mobigo.carpool import findings_store, proving_store, settling
from mobigo.carpool.checks import Fix, Kind
from mobigo.carpool.model import BookingState
from mobigo.carpool.proof import OFFLINE, ProofClass, Shows
from mobigo.carpool.proving import MOST_FIXES, Moment, show_code, take_positions
from mobigo.db.engine import open_engine
from mobigo.db.session import driver
from mobigo.kit.errors import Conflict, InvalidInput, MobigoError, NotFound, Refused
from mobigo.ledger import service as ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import Engine

    from mobigo.carpool.model import Person, Run, Seat
    from mobigo.carpool.proving_store import Proven

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


class Shared:
    """A run of Jean's with Ana in it."""

    def __init__(self, riding: Riding, *, at: datetime = NOON) -> None:
        self.riding = riding
        self.jean, self.ana = riding.person("jean"), riding.person("ana")
        self.run: Run = riding.run(self.jean, at=at)
        self.booking: Seat = riding.book(self.run, self.ana)

    def scan(self, at: datetime = NOON, **more: object) -> None:
        self.riding.scan(self.booking, self.jean, at, **more)  # type: ignore[arg-type]

    def refused(self, kind: type[MobigoError], at: datetime = NOON, **more: object) -> str:
        with pytest.raises(kind) as caught:
            self.scan(at, **more)
        return caught.value.code

    def state(self) -> BookingState:
        return self.riding.read(self.booking.id).state

    def journey(self) -> Proven:
        with Session(self.riding.engine) as session:
            (one,) = proving_store.list_journeys(driver(session), self.run.id)
            return one

    def finish(self) -> datetime:
        ended = self.riding.end(self.run)
        self.riding.settle(self.run, ended)
        return ended


@pytest.fixture(scope="module")
def shared_engine(test_cluster: str) -> Iterator[Engine]:
    with new_database(test_cluster) as url:
        engine = open_engine(url)
        yield engine
        engine.dispose()


@pytest.fixture
def riding(shared_engine: Engine) -> Riding:
    return Riding(shared_engine)


@pytest.fixture
def shared(riding: Riding) -> Shared:
    return Shared(riding)


# ── what is proven ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_ride_that_was_scanned_and_located_is_validated_and_charged_once(shared: Shared) -> None:
    riding = shared.riding
    shared.scan(NOON + MINUTE)
    riding.drive(shared.run, shared.jean, device="a")
    riding.drive(shared.run, shared.ana, device="b")
    ended = shared.finish()
    riding.settle(shared.run, ended + MINUTE)
    after = riding.read(shared.booking.id)
    assert (after.state, after.proof) == (BookingState.VALIDATED, "C")
    one = shared.journey()
    assert (one.metres, one.proof, one.seats, one.cents) == (30_000, ProofClass.C, 1, 150)
    assert one.started_at == NOON + MINUTE
    with Session(riding.engine) as session:
        assert len(ledger.list_entries(session, f"carpool_booking:{shared.booking.id}")) == 1
        assert findings_store.list_held(driver(session), [shared.run.id]) == set()


@pytest.mark.parametrize(("phones", "proof"), [("", "A"), ("jean", "B"), ("ana", "B"), ("jean ana", "C")])
def test_the_class_says_whose_way_is_proven(shared: Shared, phones: str, proof: str) -> None:
    shared.scan()
    for name in phones.split():
        shared.riding.drive(shared.run, getattr(shared, name), device=name)
    shared.finish()
    assert shared.journey().proof.value == proof


def test_two_accounts_of_one_person_prove_no_more_than_one(riding: Riding) -> None:
    shared = Shared(riding)
    with psycopg.connect(riding.conninfo) as connection:
        connection.execute(
            "UPDATE carpool_person SET name = 'Jeanne MARTIN', phone = %s WHERE id = %s",
            [shared.jean.phone, shared.ana.id],
        )
    shared.scan()
    for who in (shared.jean, shared.ana):
        riding.drive(shared.run, who, device=who.id)
    shared.finish()
    assert shared.journey().proof is ProofClass.B


def test_what_was_never_scanned_is_cancelled_after_a_day_without_fare(shared: Shared) -> None:
    riding = shared.riding
    riding.drive(shared.run, shared.jean, device="a")
    ended = shared.finish()
    assert shared.state() is BookingState.COMPLETED_PENDING_VALIDATION
    with Session(riding.engine) as session:
        assert findings_store.list_held(driver(session), [shared.run.id]) == {shared.run.id}
    riding.settle(shared.run, ended + OFFLINE)
    assert shared.state() is BookingState.COMPLETED_PENDING_VALIDATION
    riding.settle(shared.run, ended + OFFLINE + MINUTE)
    after = riding.read(shared.booking.id)
    assert (after.state, after.reason) == (BookingState.CANCELLED, "no_proof")
    assert riding.list_told(shared.booking) == ["carpool_unproven", "carpool_unproven"]
    with Session(riding.engine) as session:
        assert not ledger.list_entries(session, f"carpool_booking:{shared.booking.id}")


def test_a_late_phone_raises_the_class_and_nothing_lowers_it(shared: Shared) -> None:
    riding = shared.riding
    shared.scan()
    riding.drive(shared.run, shared.jean, device="a")
    ended = shared.finish()
    assert riding.due(ended + MINUTE) == []
    riding.drive(shared.run, shared.ana, device="b", received=ended + 20 * HOUR)
    assert riding.due(ended + 20 * HOUR) == [shared.run.id]
    riding.settle(shared.run, ended + 20 * HOUR)
    assert (shared.journey().proof, riding.read(shared.booking.id).proof) == (ProofClass.C, "C")
    assert riding.due(ended + 21 * HOUR) == []
    with Session(riding.engine) as session, session.begin():
        driver(session).execute("DELETE FROM carpool_fix WHERE run = %s", [shared.run.id])
    riding.settle(shared.run, ended + 22 * HOUR)
    assert shared.journey().proof is ProofClass.C


def test_only_what_has_something_to_settle_is_looked_at(shared: Shared) -> None:
    riding = shared.riding
    ended = riding.end(shared.run)
    assert riding.due(ended) == []  # nothing was scanned yet
    shared.scan(NOON, received=ended + HOUR)
    assert riding.due(ended + HOUR) == [shared.run.id]
    riding.settle(shared.run, ended + HOUR)
    assert riding.due(ended + 30 * HOUR) == []


@pytest.mark.parametrize(
    ("on", "off", "began", "over"),
    [
        (2, 90, 2, 90),  # as scanned, also after the run was said to be over
        (2, None, 2, 37),  # as long as planned, but not longer than the run
        (None, 33, 0, 33),  # got on when the car passed
        (33, 2, 33, 37),  # got off before getting on: that cannot be
    ],
)
def test_when_somebody_got_on_and_off(shared: Shared, on: int | None, off: int | None, began: int, over: int) -> None:
    if on is not None:
        shared.scan(NOON + on * MINUTE)
    if off is not None:
        shared.scan(NOON + off * MINUTE, moment=Moment.ALIGHT)
    shared.finish()
    one = shared.journey()
    assert ((one.started_at - NOON) / MINUTE, (one.ended_at - NOON) / MINUTE) == (began, over)


def test_whoever_gets_off_before_is_paid_for_as_far_as_they_went(shared: Shared) -> None:
    shared.scan(NOON)
    shared.scan(NOON + 15 * MINUTE, moment=Moment.ALIGHT, point=SEMUR)
    shared.finish()
    one = shared.journey()
    assert (one.metres, one.destination, one.ended_at) == (13_000, SEMUR, NOON + 15 * MINUTE)


def test_a_scan_far_from_every_stop_changes_no_stop(shared: Shared) -> None:
    shared.scan(NOON)
    shared.scan(NOON + 40 * MINUTE, moment=Moment.ALIGHT, point=LAUMES._replace(lat=LAUMES.lat + 0.2))
    shared.finish()
    assert shared.journey().metres == 30_000


def test_the_passenger_may_scan_instead_of_the_driver(shared: Shared) -> None:
    shared.riding.scan(shared.booking, shared.ana, NOON)
    shared.finish()
    assert shared.state() is BookingState.VALIDATED


def test_several_passengers_are_proven_each_by_their_own_scan(riding: Riding) -> None:
    shared = Shared(riding)
    bob = riding.person("bob")
    other = riding.book(shared.run, bob, board=1, alight=2)
    shared.scan()
    ended = shared.finish()
    assert (shared.state(), riding.read(other.id).state) == (
        BookingState.VALIDATED,
        BookingState.COMPLETED_PENDING_VALIDATION,
    )
    riding.scan(other, shared.jean, NOON + 15 * MINUTE, received=ended + HOUR)
    riding.settle(shared.run, ended + HOUR)
    assert riding.read(other.id).state is BookingState.VALIDATED


def test_somebody_of_another_operator_is_proven_by_the_drivers_way(riding: Riding) -> None:
    jean = riding.person("jean")
    run = riding.run(jean)
    booking = riding.book(run, None, operator="other.example")
    ended = riding.end(run)
    riding.settle(run, ended)
    assert riding.read(booking.id).state is BookingState.COMPLETED_PENDING_VALIDATION
    riding.drive(run, jean, device="a", received=ended + HOUR)
    assert riding.due(ended + HOUR) == [run.id]
    riding.settle(run, ended + HOUR)
    after = riding.read(booking.id)
    assert (after.state, after.proof) == (BookingState.VALIDATED, "B")


# ── forged, replayed, late, early ─────────────────────────────────────────────────────────────────────────────────────


def test_a_forged_code_proves_nothing(shared: Shared) -> None:
    text = shared.riding.code(shared.booking, Shows.PASSENGER)
    for forged in (
        text[:-1] + ("A" if text[-1] != "A" else "B"),
        text.lower(),
        "A" * 40,
        "né",
        text + "=" * 3,
        "A" * 199,
    ):
        assert shared.refused(InvalidInput, text=forged) == "forged_code"


def test_the_same_scan_sent_again_is_answered_as_before_even_much_later(shared: Shared) -> None:
    shared.scan(NOON, id_="scan-1")
    shared.scan(NOON, id_="scan-1", received=NOON + 3 * OFFLINE)
    with psycopg.connect(shared.riding.conninfo) as connection:
        for which in ("carpool_scan WHERE booking = %s", "carpool_history WHERE booking = %s AND what = 'boarded'"):
            row = connection.execute(f"SELECT count(*) FROM {which}", [shared.booking.id]).fetchone()
            assert row == (1,)


def test_a_code_scanned_again_is_a_replay(shared: Shared) -> None:
    shared.scan(NOON, id_="scan-1")
    assert shared.refused(Conflict, NOON + MINUTE, id_="scan-2") == "code_replayed"
    assert shared.refused(Conflict, NOON, id_="scan-1", moment=Moment.ALIGHT) == "scan_id_reused"


def test_a_code_of_one_ride_is_worth_nothing_in_another(riding: Riding) -> None:
    shared = Shared(riding)
    marc, eve = riding.person("marc"), riding.person("eve")
    other = riding.book(riding.run(marc), eve)
    with pytest.raises(Refused) as caught:
        riding.scan(other, shared.jean, NOON, text=riding.code(other, Shows.PASSENGER))
    assert caught.value.code == "foreign_code"
    with pytest.raises(Refused) as caught:  # one's own
        riding.scan(shared.booking, shared.ana, NOON, text=riding.code(shared.booking, Shows.PASSENGER))
    assert caught.value.code == "foreign_code"


@pytest.mark.parametrize(
    ("at", "received", "code"),
    [
        (NOON - 61 * MINUTE, NOON, "code_expired"),
        (NOON + 4 * HOUR, NOON + 4 * HOUR, "code_expired"),
        (NOON, NOON + OFFLINE + MINUTE, "scan_not_believed"),
        (NOON + 6 * MINUTE, NOON, "scan_not_believed"),
    ],
)
def test_a_scan_at_an_impossible_time_is_refused(shared: Shared, at: datetime, received: datetime, code: str) -> None:
    assert shared.refused(Refused, at, received=received) == code


def test_a_phone_without_network_sends_its_scan_a_day_later(shared: Shared) -> None:
    riding = shared.riding
    text = riding.code(shared.booking, Shows.PASSENGER)
    ended = shared.finish()
    riding.scan(shared.booking, shared.jean, NOON, text=text, received=NOON + OFFLINE)
    riding.settle(shared.run, ended + OFFLINE - HOUR)
    assert shared.state() is BookingState.VALIDATED


@pytest.mark.parametrize("wrong", [-3 * HOUR, -20 * MINUTE, 20 * MINUTE, 13 * HOUR])
def test_a_wrong_clock_is_put_right_by_when_the_phone_says_it_sends(shared: Shared, wrong: timedelta) -> None:
    shared.scan(NOON + wrong, sent=NOON + 2 * HOUR + wrong, received=NOON + 2 * HOUR)
    assert shared.riding.read(shared.booking.id).boarded_at == NOON


def test_a_clock_wrong_by_days_is_not_put_right(shared: Shared) -> None:
    assert shared.refused(InvalidInput, NOON, sent=NOON - timedelta(days=2), received=NOON) == "clock_wrong"


def test_getting_off_may_be_told_before_getting_on(shared: Shared) -> None:
    shared.scan(NOON + 35 * MINUTE, moment=Moment.ALIGHT)
    shared.scan(NOON + MINUTE, received=NOON + HOUR)
    shared.finish()
    one = shared.journey()
    assert (one.started_at, one.ended_at) == (NOON + MINUTE, NOON + 35 * MINUTE)


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_comes_in_when_and_how_often_the_ride_is_the_same_and_charged_once(
    shared_engine: Engine, data: st.DataObject
) -> None:
    riding = Riding(shared_engine)
    shared = Shared(riding)
    ended = riding.end(shared.run)
    board = {"id_": "1", "text": riding.code(shared.booking, Shows.PASSENGER)}
    alight = {**board, "id_": "2", "moment": Moment.ALIGHT, "point": SEMUR}
    events: dict[str, Callable[[datetime], None]] = {
        "board": lambda now: shared.scan(NOON + MINUTE, received=now, **board),
        "alight": lambda now: shared.scan(NOON + 16 * MINUTE, received=now, **alight),
        "driver": lambda now: riding.drive(shared.run, shared.jean, device="a", received=now),
        "passenger": lambda now: riding.drive(shared.run, shared.ana, device="b", received=now),
        "settle": lambda now: riding.settle(shared.run, now),
    }
    order = data.draw(st.permutations([*events, *data.draw(st.lists(st.sampled_from(sorted(events)), max_size=8))]))
    for minutes, event in enumerate(order):
        events[event](ended + minutes * MINUTE)
    if riding.due(ended + 2 * HOUR):
        riding.settle(shared.run, ended + 2 * HOUR)
    one = shared.journey()
    assert (one.proof, one.metres, one.destination) == (ProofClass.C, 13_000, SEMUR)
    assert (one.started_at, one.ended_at) == (NOON + MINUTE, NOON + 16 * MINUTE)
    assert (shared.state(), riding.read(shared.booking.id).proof) == (BookingState.VALIDATED, "C")
    with Session(riding.engine) as session:
        assert len(ledger.list_entries(session, f"carpool_booking:{shared.booking.id}")) == 1


def test_a_cancelled_booking_is_not_proven_any_more(shared: Shared) -> None:
    riding = shared.riding
    text = riding.code(shared.booking, Shows.PASSENGER)
    with Session(riding.engine) as session, session.begin():
        settling.move(driver(session), riding.read(shared.booking.id), BookingState.CANCELLED, by="x", now=NOON)
    assert shared.refused(Conflict, text=text) == "booking_not_confirmed"
    with pytest.raises(Conflict, match="once it is confirmed"):
        riding.code(shared.booking, Shows.PASSENGER)


def test_a_stranger_sees_no_code(shared: Shared) -> None:
    eve = shared.riding.person("eve")
    with Session(shared.riding.engine) as session, pytest.raises(NotFound):
        show_code(session, KEY, shared.booking.id, eve.id)


# ── positions ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_positions_are_kept_once_in_any_order(shared: Shared) -> None:
    fixes = [Fix(NOON + n * MINUTE, SEMUR) for n in range(5)]
    assert send(shared, shared.ana, fixes[3:]) == (2, 0, 0)
    assert send(shared, shared.ana, list(reversed(fixes))) == (3, 2, 0)
    assert send(shared, shared.jean, fixes) == (5, 0, 0)


def test_positions_of_other_times_are_dropped(shared: Shared) -> None:
    fixes = [
        Fix(NOON - 7 * HOUR, SEMUR),
        Fix(NOON + 5 * MINUTE, SEMUR),
        Fix(NOON + 3 * HOUR, SEMUR),  # still to come
    ]
    assert send(shared, shared.ana, fixes, now=NOON + HOUR) == (1, 0, 2)
    assert send(shared, shared.ana, [Fix(NOON + MINUTE, SEMUR)], now=NOON + 25 * HOUR) == (0, 0, 1)


def test_positions_by_a_wrong_clock_are_put_right_and_the_same_when_sent_again(shared: Shared) -> None:
    fixes = [Fix(NOON - 40 * MINUTE, SEMUR)]
    now = NOON + 10 * MINUTE
    assert send(shared, shared.ana, fixes, sent=now - 40 * MINUTE, now=now) == (1, 0, 0)
    later = now + timedelta(seconds=65)
    assert send(shared, shared.ana, fixes, sent=later - 40 * MINUTE, now=later) == (0, 1, 0)


def test_a_phone_sends_no_more_positions_than_a_run_has_room_for(shared: Shared) -> None:
    step = timedelta(seconds=1)
    for part in range(MOST_FIXES // 1000):
        send(
            shared, shared.ana, [Fix(NOON + (part * 1000 + n) * step, SEMUR) for n in range(1000)], now=NOON + 2 * HOUR
        )
    assert send(shared, shared.ana, [Fix(NOON - step, SEMUR)], now=NOON + 2 * HOUR) == (0, 0, 1)


def test_a_stranger_sends_no_positions(shared: Shared) -> None:
    with pytest.raises(NotFound):
        send(shared, shared.riding.person("eve"), [Fix(NOON, SEMUR)])


def send(
    shared: Shared, who: Person, fixes: list[Fix], *, now: datetime = NOON + HOUR, sent: datetime | None = None
) -> tuple[int, int, int]:
    with Session(shared.riding.engine) as session, session.begin():
        taken = take_positions(session, KEY, who.id, shared.run.id, fixes, device=None, sent=sent, now=now)
    return taken.kept, taken.known, taken.dropped


def test_a_jump_between_positions_holds_the_ride_back(shared: Shared) -> None:
    shared.scan()
    jump = [Fix(NOON + MINUTE, SEMUR), Fix(NOON + 2 * MINUTE, LAUMES)]  # 12 km in a minute
    send(shared, shared.jean, jump)
    shared.finish()
    assert shared.state() is BookingState.COMPLETED_PENDING_VALIDATION
    with Session(shared.riding.engine) as session:
        (found,) = findings_store.list_findings(driver(session), bookings=[shared.booking.id])
    assert found.kind is Kind.SPEED
    assert "m in 60 s" in found.reason


def test_exact_positions_are_forgotten_after_two_months_and_journeys_stay(shared: Shared) -> None:
    riding = shared.riding
    shared.scan(NOON, point=EPOISSES, device="phone")
    riding.drive(shared.run, shared.jean, device="a")
    shared.finish()
    for days, left in ((60, 3), (62, 0)):
        with Session(riding.engine) as session, session.begin():
            settling.forget(session, NOON + timedelta(days=days))
        with psycopg.connect(riding.conninfo) as connection:
            row = connection.execute("SELECT count(*) FROM carpool_fix WHERE run = %s", [shared.run.id]).fetchone()
            assert row == (left,)
    with psycopg.connect(riding.conninfo) as connection:
        row = connection.execute(
            "SELECT point, device FROM carpool_scan WHERE booking = %s", [shared.booking.id]
        ).fetchone()
    assert row == (None, None)
    one = shared.journey()
    assert one.origin == (4.17, 47.51)
    assert one.metres == 30_000


def test_after_three_years_the_proof_is_forgotten(shared: Shared) -> None:
    riding = shared.riding
    shared.scan(NOON, device="one")
    riding.drive(shared.run, shared.ana, device="one")
    shared.finish()
    for years, left in ((3, 1), (3.01, 0)):
        with Session(riding.engine) as session, session.begin():
            settling.forget(session, NOON + timedelta(days=366 * years))
        with psycopg.connect(riding.conninfo) as connection:
            for table in ("journey", "finding_booking", "register", "scan"):
                which = f"SELECT count(*) FROM carpool_{table} WHERE booking = %s"
                assert connection.execute(which, [shared.booking.id]).fetchone() == (left,), table
    assert shared.state() is BookingState.COMPLETED_PENDING_VALIDATION


def test_a_scan_that_is_sent_twice_at_once_is_kept_once(shared: Shared) -> None:
    text = shared.riding.code(shared.booking, Shows.PASSENGER)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: shared.scan(NOON, id_="twice", text=text), range(4)))
    with psycopg.connect(shared.riding.conninfo) as connection:
        row = connection.execute("SELECT count(*) FROM carpool_scan WHERE booking = %s", [shared.booking.id]).fetchone()
    assert row == (1,)


# ── across midnight and the change of the clocks ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "departs",
    [
        datetime(2026, 3, 10, 22, 50, tzinfo=UTC),  # 23:50 in France, there at 00:25
        datetime(2026, 3, 29, 0, 50, tzinfo=UTC),  # 01:50; at 02:00 it is 03:00
        datetime(2026, 10, 25, 0, 50, tzinfo=UTC),  # 02:50 the first time; at 03:00 it is 02:00 again
        datetime(2026, 12, 31, 22, 45, tzinfo=UTC),
    ],
)
def test_a_run_across_midnight_or_the_change_of_clocks_is_proven_like_any_other(
    shared_engine: Engine, departs: datetime
) -> None:
    riding = Riding(shared_engine, now=departs - timedelta(days=1))
    shared = Shared(riding, at=departs)
    shared.scan(departs + MINUTE)
    shared.scan(departs + 35 * MINUTE, moment=Moment.ALIGHT)
    for who in (shared.jean, shared.ana):
        riding.drive(shared.run, who, device=who.id)
    shared.finish()
    one = shared.journey()
    assert (one.proof, one.ended_at - one.started_at) == (ProofClass.C, 34 * MINUTE)
    assert shared.state() is BookingState.VALIDATED


def test_what_is_proven_can_be_written_again(shared: Shared) -> None:
    shared.scan()
    shared.finish()
    one = shared.journey()
    with Session(shared.riding.engine) as session, session.begin():
        proving_store.save_journey(driver(session), replace(one, proven_at=NOON))
        assert proving_store.find_journey(driver(session), one.booking) == replace(one, proven_at=NOON)
