"""The routes of operators, vehicles and runs keep what their OpenAPI description promises, whatever they are asked."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from tests.conftest import new_database
from tests.ondemand.taxi_town import TUESDAY, open_town, seats

from mobigo.accounts.model import Role
from mobigo.db.engine import open_engine
from mobigo.ondemand import fleet_api

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemathesis import Case

app = FastAPI(generate_unique_id_function=lambda route: route.name)
app.include_router(fleet_api.router)
schema = schemathesis.openapi.from_dict(app.openapi())

PARAMETERS = {"revision", "operator", "service", "day", "vehicle"}


@pytest.fixture(scope="module")
def served(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    """Address of a served village with a booked ride, and an admin's header."""
    with new_database(test_cluster) as url:
        engine = open_engine(url)
        with open_town(engine, tmp_path_factory.mktemp("home"), url, vehicles=(seats(4, "bus"),)) as town:
            town.book(town.quote(9))
            assert town.list_offers(TUESDAY + timedelta(hours=10))
            yield str(town.http.base_url), town.token(Role.ADMIN)
        engine.dispose()


@schema.parametrize()
@settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(case: Case, served: tuple[str, dict[str, str]]) -> None:
    address, headers = served
    # shifts that overlap, vehicles of operators that do not exist: well described, and refused all the same
    excluded = [positive_data_acceptance]
    asked = case.query or {}
    said_twice = any(isinstance(value, list) for value in asked.values())  # the last one counts
    if said_twice or set(asked) - PARAMETERS:  # what nobody asked for is ignored
        excluded.append(negative_data_rejection)
    case.call_and_validate(base_url=address, headers=headers, excluded_checks=excluded)
