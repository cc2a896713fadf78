"""The close of a month: each run is paid once, three sums are one, and what cannot be paid yet waits."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

import pytest
from sepaxml.validation import try_valid_xml
from sqlalchemy.orm import Session
from tests.carpool.money_rows import IBAN, KEY, PAYER, Driven, Sat, put_driven, put_people, put_struck
from tests.conftest import new_database

from mobigo.carpool import bank, money_store
from mobigo.carpool.month import Closer, Closing, last_day, read_month
from mobigo.db.engine import open_engine
from mobigo.db.session import driver
from mobigo.kit.errors import InvalidInput, Refused
from mobigo.ledger import service as ledger
from mobigo.ledger.model import Chart
from mobigo.ledger.sepa import Account

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Engine

MARCH = date(2026, 3, 1)
DAY = date(2026, 3, 10)
APRIL_1 = datetime(2026, 4, 1, 8, tzinfo=UTC)
MAY_4 = datetime(2026, 5, 4, 8, tzinfo=UTC)
TWO = (Sat("paul", 0, 30_000), Sat("rose", 0, 30_000))
"""30 km and one additional passenger: 4.00 euros."""


@pytest.fixture(scope="module")
def shared(test_cluster: str) -> Iterator[Engine]:
    """A database for all tests of this file: what they write is rolled back."""
    with new_database(test_cluster) as url:
        engine = open_engine(url)
        yield engine
        engine.dispose()


@pytest.fixture
def session(shared: Engine) -> Iterator[Session]:
    with Session(shared) as session:
        put_people(driver(session), ["anne", "bruno", "paul", "rose"])
        put_people(driver(session), ["carla"], iban=None)
        yield session


def close(session: Session, month: date = MARCH, now: datetime = APRIL_1) -> Closing:
    found = Closer(session, key=KEY, payer=PAYER).close(month, by="finance", now=now)
    check(session)
    return found


def check(session: Session) -> None:
    """Let the database check now what it checks at the end of a transaction."""
    driver(session).execute("SET CONSTRAINTS ALL IMMEDIATE")
    driver(session).execute("SET CONSTRAINTS ALL DEFERRED")


def test_runs_of_the_month_are_paid_posted_and_sent_once(session: Session) -> None:
    runs = [Driven("r1", "anne", DAY, TWO), Driven("r2", "anne", DAY, TWO[:1]), Driven("r3", "bruno", DAY, TWO)]
    put_driven(driver(session), [*runs, Driven("r4", "bruno", date(2026, 4, 1), TWO)])
    found = close(session)
    assert (found.month.runs, found.total, found.ledger, found.sepa) == (3, 1_100, 1_100, 1_100)
    assert (found.held, found.carried, found.already_closed) == ((), (), False)
    assert ledger.balance(session, account="carpool_incentives") == 1_100
    assert ledger.balance(session, account="carpool_drivers") == 0
    assert ledger.balance(session, account=Chart.BANK) == -1_100
    again = close(session)
    assert again.already_closed
    assert (again.month, again.file) == (found.month, found.file)
    assert close(session, date(2026, 4, 1), MAY_4).total == 400


def test_the_file_is_valid_and_names_each_driver_with_the_sum_of_their_runs(session: Session) -> None:
    put_driven(driver(session), [Driven(f"r{n}", "anne", DAY + timedelta(n), TWO) for n in range(3)])
    file = close(session).file
    assert file is not None
    try_valid_xml(file, "pain.001.001.09")
    text = file.decode()
    assert text.count("<CdtTrfTxInf>") == 1
    assert '<InstdAmt Ccy="EUR">12.00</InstdAmt>' in text
    assert "<Nm>Prenom anne</Nm>" in text
    assert f"<IBAN>{IBAN}</IBAN>" in text
    assert "<Ustrd>Covoiturage mars 2026</Ustrd>" in text
    assert "<Dt>2026-04-02</Dt>" in text


def test_what_is_still_looked_at_waits_for_the_next_close(session: Session) -> None:
    pending = (*TWO, Sat("carla", 0, 12_000, state="COMPLETED_PENDING_VALIDATION"))
    put_driven(driver(session), [Driven("r1", "anne", DAY, pending), Driven("r2", "anne", DAY, TWO)])
    found = close(session)
    assert (found.month.runs, found.total, [one.run for one in found.held]) == (1, 400, ["r1"])
    driver(session).execute("UPDATE carpool_booking SET state = 'VALIDATED' WHERE id = 'r1-2'")
    assert close(session).total == 400  # March stays as it was closed
    april = close(session, date(2026, 4, 1), MAY_4)
    assert (april.month.runs, april.total) == (1, 500)


def test_money_without_an_account_is_carried_over_until_one_is_told(session: Session) -> None:
    put_driven(driver(session), [Driven("r1", "carla", DAY, TWO), Driven("r2", "anne", DAY, TWO)])
    found = close(session)
    assert (found.month.runs, found.total, found.ledger, found.sepa) == (1, 400, 400, 400)
    assert [(one.person, one.cents, one.because) for one in found.carried] == [("carla", 400, "no_account")]
    assert ledger.balance(session, account="carpool_drivers", party="person:carla") == 400
    bank.set_account(session, KEY, "carla", holder="Carla B.", iban=IBAN, now=APRIL_1)
    april = close(session, date(2026, 4, 1), MAY_4)
    assert (april.month.runs, april.total, april.ledger, april.sepa) == (1, 400, 400, 400)
    assert ledger.balance(session, account="carpool_drivers") == 0


def test_a_month_in_which_nothing_was_counted_stays_open(session: Session) -> None:
    put_driven(driver(session), [Driven("r1", "anne", DAY, [Sat("paul", 0, 9_000, state="CANCELLED")])])
    for _ in range(2):
        found = close(session)
        assert (found.month.runs, found.total, found.file, found.already_closed) == (0, 0, None, False)
    put_driven(driver(session), [Driven("r2", "anne", DAY, TWO)])
    assert close(session).total == 400


def test_a_month_that_has_not_begun_is_not_closed(session: Session) -> None:
    with pytest.raises(Refused, match="2026-05 has not begun; today is 2026-04-01"):
        close(session, date(2026, 5, 1))


def test_a_trial_says_the_same_and_leaves_nothing(session: Session) -> None:
    put_driven(driver(session), [Driven("r1", "anne", DAY, TWO)])
    closer = Closer(session, key=KEY, payer=PAYER)
    before = session.begin_nested()
    trial = closer.close(MARCH, by="finance", now=APRIL_1)
    before.rollback()
    assert money_store.find_month(driver(session), MARCH) is None
    assert ledger.balance(session, account=Chart.BANK) == 0
    assert (trial.total, trial.month.runs) == (400, 1)
    assert close(session).total == 400


def test_a_payout_that_came_back_is_paid_with_the_next_close(session: Session) -> None:
    put_driven(driver(session), [Driven("r1", "anne", DAY, TWO), Driven("r2", "bruno", DAY, TWO)])
    march = close(session)
    closer = Closer(session, key=KEY, payer=PAYER)
    one, _ = money_store.list_payouts(driver(session), month=MARCH)
    closer.take_back(one.id, because="AC04 account closed", by="finance", now=APRIL_1)
    check(session)
    with pytest.raises(Refused, match="came back on 2026-04-01 already"):
        closer.take_back(one.id, because="again", by="finance", now=APRIL_1)
    assert ledger.balance(session, account=Chart.BANK) == -400
    assert close(session).file == march.file
    april = close(session, date(2026, 4, 1), MAY_4)
    assert (april.total, april.ledger, april.sepa) == (400, 400, 400)
    assert ledger.balance(session, account=Chart.BANK) == -800
    assert ledger.balance(session, account="carpool_drivers") == 0


def test_short_runs_pass_their_costs_twice_a_day_whenever_they_are_closed(session: Session) -> None:
    full = [Sat(who, 0, 4_000) for who in ("paul", "rose", "bruno", "carla")]  # 3.40 euros, costs of 2.23
    at = [time(7), time(9), time(17), time(19)]
    put_driven(driver(session), [Driven("r2", "anne", DAY, full, at=at[2], metres=4_000)])
    assert close(session).total == 340
    rest = [Driven(f"r{n}", "anne", DAY, full, at=at[n], metres=4_000) for n in (0, 1, 3)]
    put_driven(driver(session), rest)
    assert close(session, date(2026, 4, 1), MAY_4).total == 340 + 2 * 223


def test_a_run_across_midnight_and_the_clock_change_belongs_to_the_day_it_began(session: Session) -> None:
    late = Driven("r1", "anne", date(2026, 3, 31), TWO, at=time(23, 50))
    change = Driven("r2", "anne", date(2026, 3, 29), TWO, at=time(1, 50))  # 2 o'clock does not exist
    put_driven(driver(session), [late, change])
    found = close(session)
    assert (found.month.runs, found.total) == (2, 800)


def test_an_award_is_not_rewritten_and_a_payout_is_the_sum_of_its_runs(session: Session) -> None:
    put_driven(driver(session), [Driven("r1", "anne", DAY, TWO)])
    close(session)
    for statement, constraint in (
        ("UPDATE carpool_award SET cents = 1", "carpool_award_stands"),
        ("DELETE FROM carpool_award", "carpool_award_stands"),
        ("UPDATE carpool_payout SET cents = cents + 1", "carpool_payout_is_its_runs"),
        ("UPDATE carpool_award SET payout = NULL", "carpool_payout_is_its_runs"),
    ):
        before = session.begin_nested()
        with pytest.raises(Exception, match=r"stands|payout") as caught:  # noqa: PT012 - some are found at the end
            driver(session).execute(statement)
            check(session)
        assert caught.value.diag.constraint_name == constraint  # type: ignore[attr-defined]
        before.rollback()


def test_sums_hold_over_random_months_whatever_order_runs_come_in(session: Session) -> None:
    chance = random.Random(7)
    runs = []
    for n in range(120):
        sat = []
        for who in ("paul", "rose"):
            board = chance.randrange(0, 29_000)
            state = chance.choices(["VALIDATED", "CANCELLED", "COMPLETED_PENDING_VALIDATION"], [8, 2, 1])[0]
            sat.append(Sat(who, board, chance.randrange(board + 1, 30_001), chance.randrange(1, 5), state))
        day = DAY + timedelta(chance.randrange(60))
        runs.append(Driven(f"r{n}", chance.choice(["anne", "bruno", "carla"]), day, sat, at=time(chance.randrange(24))))
    chance.shuffle(runs)
    put_driven(driver(session), runs)
    total = 0
    for month, now in ((MARCH, APRIL_1), (date(2026, 4, 1), MAY_4), (date(2026, 5, 1), MAY_4)):
        found = close(session, month, now)
        assert found.total == found.ledger == found.sepa
        total += found.total
    awards = money_store.list_awards(driver(session))
    assert len({one.run for one in awards}) == len(awards)
    assert all(one.cents >= 0 for one in awards)
    carried = sum(one.cents for one in found.carried)
    assert total + carried == sum(one.cents for one in awards) == ledger.balance(session, account="carpool_incentives")
    assert ledger.balance(session, account="carpool_drivers") == carried


def test_months_are_read_as_they_are_written() -> None:
    assert read_month("2026-03") == MARCH
    assert last_day(date(2028, 2, 1)) == date(2028, 2, 29)
    for text in ("2026-3", "2026-13", "03/2026", "2026-03-01", ""):
        with pytest.raises(InvalidInput, match="is no month"):
            read_month(text)


def test_a_ride_struck_after_it_was_paid_is_taken_back_with_the_next_close(session: Session) -> None:
    put_driven(driver(session), [Driven("r1", "anne", DAY, TWO), Driven("r2", "bruno", DAY, TWO)])
    assert close(session).total == 800
    put_struck(driver(session), "r1-1", "r1", datetime(2026, 4, 5, tzinfo=UTC))
    put_driven(driver(session), [Driven("r3", "anne", date(2026, 4, 7), TWO)])
    april = close(session, date(2026, 4, 1), MAY_4)
    assert (april.month.runs, april.total) == (1, 300)  # 4.00, less the 1.00 for the second passenger of r1
    assert [one.cents for one in money_store.list_awards(driver(session), run="r1")] == [400, -100]
    assert ledger.balance(session, account="carpool_incentives") == 1_100
    assert close(session, date(2026, 5, 1), MAY_4).total == 0


def test_who_owes_after_a_correction_is_paid_less_later_and_never_below_nothing(session: Session) -> None:
    put_driven(driver(session), [Driven("r1", "anne", DAY, TWO)])
    assert close(session).total == 400
    for number in (0, 1):
        put_struck(driver(session), f"r1-{number}", "r1", datetime(2026, 4, 5, tzinfo=UTC))
    april = close(session, date(2026, 4, 1), MAY_4)
    assert (april.total, april.file) == (0, None)
    assert [(one.person, one.cents, one.because) for one in april.carried] == [("anne", -400, "owes")]


def test_a_payer_without_an_account_closes_nothing(session: Session) -> None:
    put_driven(driver(session), [Driven("r1", "anne", DAY, TWO)])
    with pytest.raises(InvalidInput, match=r"paid from cannot be: .*; set MOBIGO_PAYER_IBAN"):
        Closer(session, key=KEY, payer=Account("Region", "FR00")).close(MARCH, by="f", now=APRIL_1)
    assert close(session).total == 400
