"""What is noted of taps: getting on and off, and of no card."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from tests.conftest import new_database
from tests.ticketing.tapping import COACH, MONDAY, TRAIN, Village, hash_of

from mobigo.db.engine import libpq_conninfo, open_engine
from mobigo.db.session import driver
from mobigo.ticketing.taps import Held
from mobigo.ticketing.taps_policy import Policy, ReaderRule, write_policy
from mobigo.trace.masks import Masks
from mobigo.trace.noting import carry_masks
from mobigo.trace.store import gather

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Engine


@pytest.fixture(scope="module")
def engine_of_readers(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with new_database(test_cluster) as url:
        engine = open_engine(url)
        yield carry_masks(engine, Masks(tmp_path_factory.mktemp("home")))
        engine.dispose()


@pytest.fixture
def village(engine_of_readers: Engine) -> Village:
    return Village(engine_of_readers, datetime(2026, 11, 23, 18, tzinfo=UTC))


def list_notes(village: Village) -> list[dict[str, Any]]:
    where = libpq_conninfo(village.engine.url.render_as_string(hide_password=False))
    with psycopg.connect(where, row_factory=psycopg.rows.dict_row) as connection:
        gather(connection)
        notes = connection.execute("DELETE FROM trace_ride RETURNING *").fetchall()
    return sorted(notes, key=lambda one: (one["hour"], one["deed"]))


def test_a_tap_is_noted_once_however_often_it_is_told(village: Village) -> None:
    tap = village.tap("ana", "07:30", route="demonstration:LR02", trip="demonstration:T1", stop="demonstration:semur")
    village.send(tap, tap)
    village.send(tap)
    (one,) = list_notes(village)
    assert (one["deed"], one["service"], one["product"]) == ("boarded", "transit", "bank_card")
    assert (one["source"], one["route"], one["trip"], one["stop"]) == ("demonstration", "LR02", "T1", "semur")
    assert (one["day"], one["hour"], one["passengers"]) == (MONDAY, 7, 1)
    assert hash_of("ana") not in str(one)


def test_one_card_is_one_mask_on_a_day(village: Village) -> None:
    village.send(village.tap("ana", "07:00"), village.tap("ana", "17:00"), village.tap("ben", "08:00"))
    ana, ben, again = (one["who"] for one in list_notes(village))
    assert ana == again
    assert len({bytes(ana), bytes(ben)}) == 2


def test_where_readers_stand_for_both_the_second_tap_gets_off(village: Village) -> None:
    with village.session() as session:
        write_policy(driver(session), Policy(agencies={TRAIN: ReaderRule(both=True)}), "staff", village.now)
    for clock, stop in (("09:00", "a"), ("09:40", "b")):
        village.send(village.tap("cleo", clock, agency=TRAIN, held=Held.EITHER, stop=stop))
    village.send(village.tap("dan", "10:00", agency=COACH), village.tap("dan", "10:50", agency=COACH))
    told = [(one["hour"], one["deed"]) for one in list_notes(village)]
    assert told == [(9, "alighted"), (9, "boarded"), (10, "boarded"), (10, "boarded")]


def test_who_was_not_let_through_did_not_ride(village: Village) -> None:
    village.send(village.tap("eve", "11:00", accepted=False))
    assert list_notes(village) == []


def test_taps_that_come_when_the_secret_of_their_day_is_gone_are_of_nobody(village: Village) -> None:
    village.now = datetime(2026, 11, 25, 18, tzinfo=UTC)
    village.send(village.tap("fay", "12:00"))
    (one,) = list_notes(village)
    assert one["who"] is None
