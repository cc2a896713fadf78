"""Versions of the catalogue: drafted, published, in force by day, never changed once sold from."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sqlalchemy.orm import Session
from tests.conftest import new_database

from mobigo.db.engine import open_engine
from mobigo.db.session import driver
from mobigo.fares import service, store
from mobigo.fares.service import change, delete, draft, find_in_force, note_sold, publish, take_back
from mobigo.fares.store import State
from mobigo.kit.errors import Conflict, InvalidInput, NotFound, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Engine

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
TODAY = date(2026, 11, 23)


@pytest.fixture(scope="module")
def kept(test_cluster: str) -> Iterator[Engine]:
    """A database in which nothing is committed."""
    with new_database(test_cluster) as url:
        engine = open_engine(url)
        yield engine
        engine.dispose()


@pytest.fixture
def session(kept: Engine) -> Iterator[Session]:
    with Session(kept) as found:
        yield found
        found.rollback()


def document(cents: int = 150, valid_from: str = "2026-11-23") -> dict[str, Any]:
    product = {"id": "coach", "name": {"fr": "Car"}, "kind": "single", "prices": [{"cents": cents}]}
    return {"name": {"fr": "Essai"}, "valid_from": valid_from, "products": [product]}


def drafted(session: Session, cents: int = 150, valid_from: str = "2026-11-23") -> int:
    found = draft(driver(session), document(cents, valid_from), series="region", origin="test", by="f", now=NOW)
    return found.number


def published(session: Session, cents: int = 150, valid_from: str = "2026-11-23") -> int:
    number = drafted(session, cents, valid_from)
    publish(driver(session), number, seen=1, by="f", now=NOW, today=TODAY)
    return number


def test_nothing_is_in_force_before_something_is_published(session: Session) -> None:
    drafted(session)
    assert find_in_force(driver(session), TODAY) is None
    assert service.find_catalogue(session, TODAY) is None


def test_the_version_that_began_last_is_in_force(session: Session) -> None:
    first = published(session, 150, "2026-01-01")
    second = published(session, 160, "2026-12-01")
    third = published(session, 170, "2027-01-01")
    in_force = {
        day: find_in_force(driver(session), day)
        for day in (date(2025, 12, 31), date(2026, 11, 30), date(2026, 12, 1), date(2026, 12, 31), date(2027, 6, 1))
    }
    assert [one.version if one else None for one in in_force.values()] == [None, first, second, second, third]


def test_a_published_catalogue_is_read_once(session: Session) -> None:
    published(session)
    assert find_in_force(driver(session), TODAY) is find_in_force(driver(session), TODAY)


def test_a_correction_of_the_same_day_replaces_it(session: Session) -> None:
    published(session, 150)
    second = published(session, 155)
    found = find_in_force(driver(session), TODAY)
    assert found is not None
    assert (found.version, found.products[0].prices[0].cents) == (second, 155)


def test_drafts_change_by_revisions(session: Session) -> None:
    number = drafted(session)
    changed = change(driver(session), number, document(175), seen=1, by="g", now=NOW)
    assert (changed.revision, changed.written_by) == (2, "g")
    with pytest.raises(Conflict, match="at revision 2, not at 1"):
        change(driver(session), number, document(180), seen=1, by="f", now=NOW)
    delete(driver(session), number, by="f", now=NOW)
    with pytest.raises(NotFound):
        service.get_catalogue(session, number)
    assert [one.did for one in store.list_history(driver(session), number)] == ["drafted", "changed", "deleted"]


def test_what_is_published_is_not_changed_and_can_be_taken_back_until_it_is_sold_from(session: Session) -> None:
    number = published(session)
    with pytest.raises(Refused, match="stays as it is"):
        change(driver(session), number, document(175), seen=1, by="f", now=NOW)
    assert take_back(driver(session), number, by="f", now=NOW).state is State.DRAFT
    with pytest.raises(Conflict, match="ask for a new offer"):
        note_sold(session, number, now=NOW)
    publish(driver(session), number, seen=1, by="f", now=NOW, today=TODAY)
    note_sold(session, number, now=NOW)
    note_sold(session, number, now=datetime(2026, 12, 1, tzinfo=UTC))
    with pytest.raises(Refused, match="something was sold from version"):
        take_back(driver(session), number, by="f", now=NOW)
    found = store.find(driver(session), number)
    assert found is not None
    assert found.sold_at == NOW
    deeds = [one.did for one in store.list_history(driver(session), number)]
    assert deeds == ["drafted", "published", "taken_back", "published", "first_sold"]


def test_days_that_are_over_keep_their_prices(session: Session) -> None:
    published(session, 150, "2026-01-01")
    late = drafted(session, 140, "2026-11-22")
    with pytest.raises(InvalidInput, match="set valid_from to today or later"):
        publish(driver(session), late, seen=1, by="f", now=NOW, today=TODAY)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE fare_version SET document = '{}' WHERE version = %s",
        "UPDATE fare_version SET valid_from = '2020-01-01' WHERE version = %s",
        "DELETE FROM fare_version WHERE version = %s",
        "UPDATE fare_version SET sold_at = NULL WHERE version = %s",
        "UPDATE fare_version SET state = 'draft', published_by = NULL, published_at = NULL WHERE version = %s",
        "UPDATE fare_history SET by = 'x' WHERE version = %s",
        "DELETE FROM fare_history WHERE version = %s",
        "TRUNCATE fare_version -- %s",
    ],
)
def test_the_database_itself_refuses_to_rewrite_what_was_sold(session: Session, statement: str) -> None:
    number = published(session)
    note_sold(session, number, now=NOW)
    with pytest.raises(psycopg.errors.RestrictViolation):
        driver(session).execute(statement, [number])


def test_a_product_of_long_ago_is_found_by_its_version(session: Session) -> None:
    first = published(session, 150, "2026-01-01")
    published(session, 160)
    catalogue, product = service.get_product(session, first, "coach")
    assert (catalogue.version, product.prices[0].cents) == (first, 150)
    with pytest.raises(NotFound, match="has no product 'train'"):
        service.get_product(session, first, "train")


def test_a_sale_and_a_taking_back_at_once_leave_one_of_them(engine: Engine) -> None:
    with Session(engine) as session:
        number = published(session)
        session.commit()

    def sell() -> bool:
        with Session(engine) as session:
            try:
                note_sold(session, number, now=NOW)
            except Conflict:
                return False
            session.commit()
            return True

    def withdraw() -> bool:
        with Session(engine) as session:
            try:
                take_back(driver(session), number, by="f", now=NOW)
            except Refused:
                return False
            session.commit()
            return True

    with ThreadPoolExecutor(6) as pool:
        done = [pool.submit(one) for one in (sell, withdraw, sell, withdraw, sell, withdraw)]
        sold = [one.result() for one in done[::2]]
        withdrawn = [one.result() for one in done[1::2]]
    assert any(sold) != any(withdrawn)
    assert sum(withdrawn) <= 1
    with Session(engine) as session:
        found = store.find(driver(session), number)
    assert found is not None
    assert (found.state is State.PUBLISHED) == any(sold) == (found.sold_at is not None)
