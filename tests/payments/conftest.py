"""A database that payments' tests share, each with its tables empty."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from tests.conftest import new_database

from mobigo.db.engine import open_engine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Engine

TABLES = "payment, payment_event, sandbox_payment, sandbox_event, sandbox_row"


@pytest.fixture(scope="package")
def shared_engine(test_cluster: str) -> Iterator[Engine]:
    """Engine of the database they share."""
    with new_database(test_cluster) as url:
        engine = open_engine(url)
        yield engine
        engine.dispose()


@pytest.fixture
def engine(shared_engine: Engine) -> Engine:
    """The same, with no payments in it."""
    with shared_engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {TABLES} CASCADE"))
    return shared_engine
