"""The routes of orders and revenue keep what their OpenAPI description promises, whatever they are asked."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance, unsupported_method
from tests.conftest import new_database, serve

from mobigo.accounts.key import read_key
from mobigo.accounts.model import Role
from mobigo.accounts.token import issue
from mobigo.db.engine import libpq_conninfo, open_engine
from mobigo.fares.demonstration import publish_demonstration
from mobigo.kit.clock import Clock
from mobigo.ticketing import after_api, orders_api, revenue_api
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemathesis import Case

app = FastAPI(generate_unique_id_function=lambda route: route.name)
for room in (orders_api, after_api, revenue_api):
    app.include_router(room.router)
schema = schemathesis.openapi.from_dict(app.openapi())

PARAMETERS = {"reference", "cursor", "limit", "language", "since", "until"}


@pytest.fixture(scope="module")
def served(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Address of an application that sells, and headers of a traveller and of an admin."""
    home = tmp_path_factory.mktemp("home")
    with new_database(test_cluster) as url:
        now = Clock().now()
        with psycopg.connect(libpq_conninfo(url)) as connection:
            publish_demonstration(connection, now=now, today=now.date())
        engine = open_engine(url)
        headers = [
            {"Authorization": f"Bearer {issue(read_key(home), user, role, now, timedelta(hours=2))}"}
            for user, role in (("ada", Role.TRAVELLER), ("boss", Role.ADMIN))
        ]
        with serve(create_app(engine=engine, clock=Clock(), home=home)) as address:
            yield address, headers
        engine.dispose()


@schema.parametrize()
@settings(max_examples=4, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(case: Case, served: tuple[str, list[dict[str, str]]]) -> None:
    address, headers = served
    # orders of nobody, months to come, offers that cannot be: well described, and refused all the same;
    # other methods of an address may be a ticket's, /v1/tickets/{key}
    excluded = [positive_data_acceptance, unsupported_method]
    if set(case.query or {}) - PARAMETERS:  # what nobody asked for is ignored
        excluded.append(negative_data_rejection)
    if case.operation.path.endswith("/offers"):  # no network is built here, and that is said
        excluded.append(not_a_server_error)
    for one in headers:
        case.call_and_validate(base_url=address, headers=one, excluded_checks=excluded)
