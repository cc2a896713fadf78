"""The routes of quotes, bookings and series keep what their OpenAPI description promises, whatever they are asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from tests.conftest import new_database
from tests.ondemand.taxi_town import open_town

from mobigo.accounts.model import Role
from mobigo.db.engine import open_engine
from mobigo.ondemand import booking_api, series_api

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemathesis import Case

app = FastAPI(generate_unique_id_function=lambda route: route.name)
app.include_router(booking_api.router)
app.include_router(series_api.router)
schema = schemathesis.openapi.from_dict(app.openapi())

PARAMETERS = {"q", "after", "limit", "phone", "email", "account", "since", "until"}


@pytest.fixture(scope="module")
def served(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    """Address of a served village, and the header of who may ask for anything."""
    with new_database(test_cluster) as url:
        engine = open_engine(url)
        with open_town(engine, tmp_path_factory.mktemp("home"), url) as town:
            town.book(town.quote(9))
            yield str(town.http.base_url), town.token(Role.ADMIN)
        engine.dispose()


@schema.parametrize()
@settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(case: Case, served: tuple[str, dict[str, str]]) -> None:
    address, headers = served
    # quotes that nobody signed, bookings that do not exist: well described, and refused all the same
    excluded = [positive_data_acceptance]
    if set(case.query or {}) - PARAMETERS:  # what nobody asked for is ignored
        excluded.append(negative_data_rejection)
    case.call_and_validate(base_url=address, headers=headers, excluded_checks=excluded)
