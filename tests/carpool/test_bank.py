"""Account numbers: sealed for one person with the key of the home, shown masked, forgotten when wished."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.orm import Session
from tests.carpool.money_rows import IBAN, KEY, put_people
from tests.conftest import new_database

from mobigo.accounts.key import read_key
from mobigo.carpool import bank
from mobigo.db.engine import open_engine
from mobigo.db.session import driver
from mobigo.kit.errors import InvalidInput, NotFound, Refused
from mobigo.ledger.sepa import Account

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.engine import Engine

NOW = datetime(2026, 3, 10, tzinfo=UTC)
ANNE = Account("Anne Martin", IBAN)


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
        put_people(driver(session), ["anne", "bruno"], iban=None)
        yield session


def test_what_is_sealed_opens_for_its_person_and_with_its_key_alone() -> None:
    sealed = bank.seal(KEY, "anne", ANNE)
    assert sealed != bank.seal(KEY, "anne", ANNE)
    assert bank.unseal(KEY, "anne", sealed) == ANNE
    for key, person, content in (
        (bytes(32), "anne", sealed),
        (KEY, "bruno", sealed),
        (KEY, "anne", sealed[:-1] + bytes([sealed[-1] ^ 1])),
        (KEY, "anne", b""),
        (KEY, "anne", sealed[:11]),
    ):
        with pytest.raises(Refused, match=r"bank\.key of this home is not the one"):
            bank.unseal(key, person, content)


def test_an_account_is_told_changed_and_forgotten(session: Session) -> None:
    with pytest.raises(NotFound, match="person anne has told no account"):
        bank.get_told(session, "anne")
    told = bank.set_account(
        session, KEY, "anne", holder="  Anne   Martin ", iban="FR14 2004 1010 0505 0001 3M02 606", now=NOW
    )
    assert (told.masked, bank.get_told(session, "anne")) == ("FR14 … 606", told)
    assert bank.open_account(session, KEY, "anne") == ANNE
    bank.set_account(session, KEY, "anne", holder="Anne Martin", iban="DE89370400440532013000", now=NOW)
    assert bank.open_account(session, KEY, "anne").iban == "DE89370400440532013000"
    bank.forget(session, "anne")
    with pytest.raises(NotFound, match="PUT /v1/carpool/bank"):
        bank.open_account(session, KEY, "anne")


@pytest.mark.parametrize("holder", ["", "   ", "x" * 71, "Anne\x00", "Anne\u202e"])
def test_nobody_is_no_holder(session: Session, holder: str) -> None:
    with pytest.raises(InvalidInput, match="holder"):
        bank.set_account(session, KEY, "anne", holder=holder, iban=IBAN, now=NOW)


def test_a_number_that_cannot_be_is_refused_and_not_repeated(session: Session) -> None:
    with pytest.raises(InvalidInput) as refused:
        bank.set_account(session, KEY, "anne", holder="Anne", iban="FR1420041010050500013M02607", now=NOW)
    assert refused.value.code == "invalid_iban"
    assert "3M02607" not in str(refused.value)


def test_the_key_of_the_bank_is_another_one_than_that_of_tokens_and_its_owners_alone(home: Path) -> None:
    assert read_key(home, "bank") == read_key(home, "bank") != read_key(home)
    assert (home / "bank.key").stat().st_mode & 0o777 == 0o600
