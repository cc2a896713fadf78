"""Places are found within the time of a keystroke."""

from __future__ import annotations

from statistics import quantiles
from typing import TYPE_CHECKING

import psycopg
import pytest
from benchmarks.places import LIMIT, fill, measure
from sqlalchemy.orm import Session

from mobigo.db.engine import libpq_conninfo
from mobigo.places import service

if TYPE_CHECKING:
    from sqlalchemy import Engine


@pytest.mark.slow
def test_a_million_addresses_are_searched_as_fast_as_people_type(database_url: str, engine: Engine) -> None:
    with psycopg.connect(libpq_conninfo(database_url), autocommit=True) as connection:
        region = fill(connection)
        connection.execute("ANALYZE")
        assert service.rebuild(connection)["house_numbers"] > 1_000_000
    with Session(engine) as session:
        times, answered = measure(session, region)
    assert answered > 0.99
    assert quantiles(times, n=20)[-1] < LIMIT
