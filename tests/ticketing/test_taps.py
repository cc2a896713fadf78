"""Bank cards held to readers: every ride is counted once, at the best price, and paid once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import psycopg
import pytest
from tests.ticketing.tapping import COACH, MONDAY, PARIS, TRAIN, Village, open_village
from tests.town import write_feed
from tests.transit.test_boards_live import TOWN

from mobigo.db.session import driver
from mobigo.kit.errors import InvalidInput, NotFound
from mobigo.ticketing import debts, debts_store, passes, taps_keeping, taps_store
from mobigo.ticketing.taps import Held, ReaderRule
from mobigo.ticketing.taps_places import Places
from mobigo.ticketing.taps_policy import Policy, read_policy, write_policy
from mobigo.ticketing.taps_service import Taken, complete
from mobigo.transit.feed import read_feed_tables
from mobigo.transit.timetable import build

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine


@pytest.fixture
def village(engine: Engine) -> Village:
    return open_village(engine)


def test_a_day_is_counted_when_it_is_over_and_the_first_charge_is_asked_for_at_once(village: Village) -> None:
    village.go(MONDAY, "20:00")
    assert village.send(village.tap("ana", "07:30"), village.tap("ana", "17:30")) == [Taken.STORED] * 2
    village.know("ana")
    assert village.count() == 0  # the day goes on until four
    village.go(MONDAY + timedelta(days=1), "04:11")
    assert village.count() == 300
    assert village.count() == 0
    village.collect()
    assert village.charges("ana") == [(300, "paid")]
    assert village.balances() == {"provider": 300, "fares": 272, "vat": 28}


def test_what_is_sent_again_in_any_order_and_late_changes_only_what_it_should(village: Village) -> None:
    taps = [village.tap("ana", f"{hour:02}:00") for hour in (7, 12, 18)]
    assert village.send(*taps[::-1]) == [Taken.STORED] * 3
    assert village.send(*taps) == [Taken.KNOWN] * 3
    assert village.count() == 400  # the most of a day
    late = village.tap("ana", "21:00")
    assert village.send(late) == [Taken.STORED]
    assert village.count() == 0
    night = village.tap("ben", "23:30")
    assert village.send(night, night) == [Taken.STORED, Taken.KNOWN]
    assert village.send(village.tap("ben", "05:59", MONDAY + timedelta(days=1))) == [Taken.STORED]  # a minute ago
    assert village.send(village.tap("ben", "06:03", MONDAY + timedelta(days=1))) == [Taken.AHEAD]
    assert village.send(village.tap("cleo", "08:00", MONDAY - timedelta(days=20))) == [Taken.LATE]
    assert village.count() == 150
    assert village.owed("cleo") == 0


def test_a_week_and_a_month_end_at_what_their_passes_cost(village: Village) -> None:
    total = []
    for number in range(8, 35):  # Tuesday 1 December to Sunday 27
        day = MONDAY + timedelta(days=number)
        village.go(day, "22:00")
        village.send(*(village.tap("ana", f"{hour:02}:00", day) for hour in (7, 12, 18)))
        village.go(day + timedelta(days=1), "05:00")
        total.append(village.count())
    assert total[:6] == [400, 400, 400, 0, 0, 0]  # the most of a week is 12.00
    assert sum(total) == 4_000
    assert village.owed("ana") == 4_000


def test_a_card_whose_charge_is_declined_is_refused_until_it_is_paid(village: Village) -> None:
    village.send(village.tap("ana", "08:00"))
    village.know("ana", "pm_card_visa_chargeDeclined")
    village.count()
    village.collect()
    assert village.charges("ana") == [(150, "declined")]
    assert village.is_denied("ana")
    village.go(MONDAY + timedelta(days=2), "05:00")
    village.collect()
    assert village.charges("ana") == [(150, "declined")]
    village.know("ana")
    village.go(MONDAY + timedelta(days=5), "06:00")
    village.collect()
    assert village.charges("ana") == [(150, "paid")]
    assert not village.is_denied("ana")
    assert village.balances() == {"provider": 150, "fares": 136, "vat": 14}


def test_a_debt_nobody_pays_is_written_off_and_may_still_be_paid(village: Village) -> None:
    village.send(village.tap("ana", "08:00"))
    village.know("ana", "pm_card_chargeDeclinedInsufficientFunds")
    village.count()
    for number in range(1, 80):
        village.go(MONDAY + timedelta(days=number), "06:00")
        village.collect()
    assert village.charges("ana") == [(150, "written_off")]
    assert village.is_denied("ana")
    assert village.balances() == {"fares_lost": 150, "fares": 136, "vat": 14}
    with village.session() as session:
        (charge,) = debts_store.list_charges(driver(session), village.id_of(session, "ana"))
        assert debts.take_cash(session, charge.id, "desk", village.now).settled_at == village.now
    assert not village.is_denied("ana")
    assert village.balances() == {"till": 150, "fares": 136, "vat": 14}


def test_a_contested_charge_stops_its_card(village: Village) -> None:
    village.send(village.tap("ana", "08:00"))
    village.know("ana", "pm_card_createDispute")
    village.count()
    village.collect()
    assert village.charges("ana") == [(150, "paid")]
    village.now += timedelta(minutes=5)
    village.hear()
    assert village.is_denied("ana")
    assert village.balances() == {"contested": 150, "fares": 136, "vat": 14}


def test_a_card_that_never_paid_is_stopped_after_some_rides(village: Village) -> None:
    with village.session() as session:
        policy = read_policy(driver(session))
    village.send(*(village.tap("ana", f"08:{n:02}") for n in range(policy.charge.unproven_taps)))
    with village.session() as session:
        debts.deny_unproven(session, policy, {village.id_of(session, "ana")}, village.now)
    assert not village.is_denied("ana")
    village.send(village.tap("ana", "09:00"))
    with village.session() as session:
        debts.deny_unproven(session, policy, {village.id_of(session, "ana")}, village.now)
    assert village.is_denied("ana")
    village.know("ana")
    village.count()
    village.collect()
    assert not village.is_denied("ana")


def test_a_known_card_is_charged_when_it_is_worth_it_or_a_week_has_gone(village: Village) -> None:
    for number in range(9):
        day = MONDAY + timedelta(days=number)
        village.go(day, "20:00")
        village.send(village.tap("ana", "08:00", day))
        village.know("ana")
        village.go(day + timedelta(days=1), "05:00")
        village.count()
        village.collect()
    # Monday at once; Tuesday to the next Monday after seven days, the last two as the week's most begins anew
    assert village.charges("ana")[0] == (150, "paid")
    assert sum(cents for cents, _ in village.charges("ana")) <= village.owed("ana")
    assert len(village.charges("ana")) == 2


def test_trains_are_cheaper_with_what_a_cheapest_traveller_would_have(village: Village) -> None:
    for number in range(5):
        day = MONDAY + timedelta(days=number)
        village.go(day, "23:00")
        village.send(village.tap("ana", "07:00", day, TRAIN), village.tap("ana", "18:00", day, TRAIN))
    village.go(MONDAY + timedelta(days=6))
    village.count()
    assert village.owed("ana") == 10 * 180  # no timetable: each costs the least


def test_random_days_never_cost_more_than_what_could_have_been_bought(village: Village) -> None:
    draw = Random(11)
    cards = [f"card{n}" for n in range(3)]
    rides: dict[str, int] = dict.fromkeys(cards, 0)
    for number in range(8, 22):
        day = MONDAY + timedelta(days=number)
        village.go(day, "23:30")
        for card in cards:
            hours = sorted(draw.sample(range(6, 22), draw.randrange(0, 6)))
            rides[card] += len(hours)
            village.send(*(village.tap(card, f"{hour:02}:15", day, COACH) for hour in hours))
        village.go(day + timedelta(days=1), "05:00")
        village.count()
    for card, number in rides.items():
        assert village.owed(card) <= min(150 * number, 4_000, 2 * 1_200, -(-number // 10) * 1_200)
    assert village.balances()["travellers"] == sum(village.owed(card) for card in cards)


def test_counted_by_many_at_once_a_day_is_charged_once(village: Village) -> None:
    village.send(*(village.tap(card, f"{hour:02}:00") for card in ("ana", "ben", "cleo") for hour in (7, 12, 18)))
    for card in ("ana", "ben", "cleo"):
        village.know(card)
    with ThreadPoolExecutor(4) as pool:
        risen = list(pool.map(lambda _: village.count(), range(4)))
    assert sum(risen) == 3 * 400
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: village.collect(), range(4)))
    assert [village.charges(card) for card in ("ana", "ben", "cleo")] == [[(400, "paid")]] * 3
    assert village.balances()["provider"] == 1_200


def test_a_worker_killed_before_the_bank_is_asked_asks_later(village: Village) -> None:
    village.send(village.tap("ana", "08:00"))
    village.know("ana")
    village.count()
    with village.session() as session:
        assert debts.collect(session, village.till, village.id_of(session, "ana"), village.now)
    assert village.charges("ana") == [(150, "asked")]  # and nobody carries it out
    village.collect()
    assert village.charges("ana") == [(150, "asked")]
    village.now += timedelta(minutes=5)
    village.hear()
    assert village.charges("ana") == [(150, "paid")]
    assert village.balances() == {"provider": 150, "fares": 136, "vat": 14}


@pytest.mark.parametrize("table", ["tap_charge_event", "tap_policy", "season_event"])
def test_the_database_keeps_what_happened(village: Village, table: str) -> None:
    with pytest.raises(psycopg.errors.RestrictViolation, match="what happened stands"), village.session() as session:
        driver(session).execute(f"DELETE FROM {table}".encode())


def test_the_database_refuses_moves_that_are_none_and_other_sums(village: Village) -> None:
    village.send(village.tap("ana", "08:00"))
    village.know("ana")
    village.count()
    village.collect()
    with pytest.raises(psycopg.errors.CheckViolation, match="cannot become asked"), village.session() as session:
        driver(session).execute("UPDATE tap_charge SET state = 'asked'")
    with pytest.raises(psycopg.errors.RestrictViolation), village.session() as session:
        driver(session).execute("UPDATE tap_charge SET cents = 1")


def test_states_of_the_code_are_those_of_the_database() -> None:
    path = Path(__file__).parents[2] / "alembic/versions/0016_travelling.py"
    spec = spec_from_file_location("travelling", path)
    assert spec
    assert spec.loader
    migration = module_from_spec(spec)
    spec.loader.exec_module(migration)
    there = {before: set(after) for before, after in migration.CHARGE_MOVES.items()}
    assert there == {before.value: {one.value for one in after} for before, after in debts.MOVES.items()}
    assert {one: set(after) for one, after in migration.SEASON_MOVES.items()} == {
        before: set(after) for before, after in passes.MOVES.items() if after
    }


def test_a_forgotten_tap_costs_what_the_rule_says(village: Village) -> None:
    with village.session() as session:
        policy = Policy(agencies={TRAIN: ReaderRule(both=True, missing_cents=2_000)})
        write_policy(driver(session), policy, "staff", village.now)
    village.send(village.tap("ana", "08:00", MONDAY, TRAIN, held=Held.IN, stop="a"))
    village.send(village.tap("ben", "08:00", MONDAY, TRAIN, held=Held.IN, stop="a"))
    assert village.count() == 4_000
    out = village.tap("ben", "08:40", MONDAY, TRAIN, held=Held.OUT, stop="b")
    village.send(out)  # from a reader that had no network
    village.count()
    assert village.owed("ana") == 2_000
    assert village.owed("ben") == 180
    village.know("ana")
    village.collect()
    assert village.charges("ana") == [(2_000, "paid")]


def test_what_was_charged_too_much_goes_back(village: Village) -> None:
    with village.session() as session:
        policy = Policy(agencies={TRAIN: ReaderRule(both=True, missing_cents=2_000)})
        write_policy(driver(session), policy, "staff", village.now)
    village.send(village.tap("ana", "08:00", MONDAY, TRAIN, held=Held.IN, stop="a"))
    village.know("ana")
    village.count()
    village.collect()
    village.send(village.tap("ana", "08:40", MONDAY, TRAIN, held=Held.OUT, stop="b"))
    village.count()
    village.collect()
    village.now += timedelta(minutes=5)
    village.hear()
    assert village.owed("ana") == 180
    assert village.balances()["provider"] == 180
    assert village.balances().get("travellers", 0) == 0


def test_charges_go_on_alike_when_days_are_carried_over_and_forgotten(village: Village) -> None:
    first = date(2026, 12, 1)
    kept = []
    for number in range(0, 60, 3):
        day = first + timedelta(days=number)
        village.go(day, "22:00")
        village.send(*(village.tap("ana", f"{hour:02}:00", day) for hour in (7, 12, 15, 18)))
        village.go(day + timedelta(days=1), "05:00")
        village.count()
        with village.session() as session:
            taps_keeping.forget_movements(session, read_policy(driver(session)), village.now)
            taps_keeping.carry_over(session, village.now)
            card = taps_store.find_card(driver(session), village.id_of(session, "ana"))
        kept.append(card.carried_until if card else None)
    assert kept[0] is None
    assert kept[-1] == first + timedelta(days=58 - 35)
    assert village.owed("ana") == 4_000 + 9 * 400  # eleven days of December are a month, nine of January are not


def test_where_one_got_out_is_believed_if_the_line_goes_there(village: Village, tmp_path: Path) -> None:
    timetable = build(read_feed_tables(write_feed(tmp_path / "feed", TOWN)))
    village.places = Places(timetable, PARIS)
    with village.session() as session:
        policy = write_policy(
            driver(session), Policy(agencies={"A": ReaderRule(both=True, missing_cents=2_000)}), "staff", village.now
        )
    tap = village.tap("ana", "08:00", MONDAY, "A", held=Held.IN, stop="X")
    village.send(tap)
    assert village.count() == 2_000

    def tell(stop: str) -> None:
        with village.session() as session:
            id_ = village.id_of(session, "ana")
            complete(session, policy, village.places, id_, (tap.device, tap.seq), stop=stop, now=village.now)

    with pytest.raises(InvalidInput, match="may have been S1, Y"):
        tell("Z")
    tell("Y")
    with pytest.raises(NotFound):
        tell("Y")
    assert village.count() == -2_000  # nothing is sold for this line: it costs nothing now
    assert village.owed("ana") == 0
