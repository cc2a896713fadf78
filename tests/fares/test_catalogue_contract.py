"""Routes of fares are as they are described, whatever is sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance
from tests.conftest import new_database, serve

from mobigo.accounts.key import read_key
from mobigo.accounts.model import Role
from mobigo.accounts.token import issue
from mobigo.db.engine import libpq_conninfo, open_engine
from mobigo.fares import catalogue_api
from mobigo.fares.demonstration import publish_demonstration
from mobigo.kit.clock import Clock
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemathesis import Case

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)

app = FastAPI(generate_unique_id_function=lambda route: route.name)
app.include_router(catalogue_api.router)
schema = schemathesis.openapi.from_dict(app.openapi())


@pytest.fixture(scope="module")
def served(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    home = tmp_path_factory.mktemp("fares")
    with new_database(test_cluster) as url:
        engine = open_engine(url)
        with psycopg.connect(libpq_conninfo(url)) as connection:
            publish_demonstration(connection, now=NOW, today=NOW.date())
        clock = Clock(home / "clock.json")
        clock.move(NOW, 0)
        token = issue(read_key(home), "f", Role.FINANCE, NOW, timedelta(days=1))
        with serve(create_app(engine=engine, clock=clock, home=home)) as address:
            yield address, token
        engine.dispose()


@schema.parametrize()
@settings(max_examples=5, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_routes_are_as_they_are_described(served: tuple[str, str], case: Case) -> None:
    address, token = served
    case.call_and_validate(
        base_url=address,
        headers={"Authorization": f"Bearer {token}"},
        excluded_checks=[positive_data_acceptance],  # a rule may refuse what the description allows
    )
