"""The routes of rules and money keep what their OpenAPI description promises, whatever they are asked."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from sqlalchemy.orm import Session
from tests.carpool.money_rows import Driven, Sat, put_driven, put_people
from tests.conftest import new_database, serve

from mobigo.accounts.key import read_key
from mobigo.accounts.model import Role
from mobigo.accounts.token import issue
from mobigo.carpool import money_api, policies_api
from mobigo.carpool.month import Closer
from mobigo.db.engine import libpq_conninfo, open_engine
from mobigo.kit.clock import Clock
from mobigo.web.app import SAMPLE, create_app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemathesis import Case

app = FastAPI(generate_unique_id_function=lambda route: route.name)
app.include_router(policies_api.router)
app.include_router(money_api.router)
schema = schemathesis.openapi.from_dict(app.openapi())

PARAMETERS = {"revision", "person", "month", "limit", "cursor"}
TWO = (Sat("paul", 0, 30_000), Sat("rose", 0, 30_000))


@pytest.fixture(scope="module")
def served(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Address of an application with a month that was closed, and headers of a driver and of an admin."""
    home = tmp_path_factory.mktemp("home")
    key = read_key(home, "bank")
    with new_database(test_cluster) as url:
        with psycopg.connect(libpq_conninfo(url)) as connection:
            put_people(connection, ["anne", "paul", "rose"], key=key)
            put_driven(connection, [Driven("r1", "anne", date(2026, 3, 10), TWO)])
        engine = open_engine(url)
        with Session(engine) as session, session.begin():
            Closer(session, key=key, payer=SAMPLE).close(date(2026, 3, 1), by="f", now=datetime(2026, 4, 1, tzinfo=UTC))
        own = create_app(engine=engine, clock=Clock(), home=home)
        headers = [
            {"Authorization": f"Bearer {issue(read_key(home), user, role, Clock().now(), timedelta(hours=2))}"}
            for user, role in (("account-anne", Role.DRIVER), ("boss", Role.ADMIN))
        ]
        with serve(own) as address:
            yield address, headers
        engine.dispose()


@schema.parametrize()
@settings(max_examples=3, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(case: Case, served: tuple[str, list[dict[str, str]]]) -> None:
    address, headers = served
    # amounts of nobody, months to come, IBANs that cannot be: well described, and refused all the same
    excluded = [positive_data_acceptance]
    if set(case.query or {}) - PARAMETERS:  # what nobody asked for is ignored
        excluded.append(negative_data_rejection)
    for one in headers:
        case.call_and_validate(base_url=address, headers=one, excluded_checks=excluded)
