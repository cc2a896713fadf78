"""Availability and days keep what their OpenAPI description promises, whatever they are asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance
from tests.conftest import new_database
from tests.journeys.taxi_stand import point
from tests.ondemand.taxi_town import TaxiTown, open_town

from mobigo.db.engine import open_engine
from mobigo.ondemand import availability_api

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemathesis import Case

app = FastAPI(generate_unique_id_function=lambda route: route.name)
app.include_router(availability_api.router)
schema = schemathesis.openapi.from_dict(app.openapi())


@pytest.fixture(scope="module")
def town(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TaxiTown]:
    with new_database(test_cluster) as url:
        engine = open_engine(url)
        with open_town(engine, tmp_path_factory.mktemp("contract"), url) as served:
            yield served
        engine.dispose()


@schema.parametrize()
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(case: Case, town: TaxiTown) -> None:
    # more wheelchairs than adults, an end before its start: no description of one parameter can say that
    case.call_and_validate(base_url=str(town.http.base_url), excluded_checks=[positive_data_acceptance])


@pytest.mark.parametrize("at", ["2026-11-24T09:30", "2026-11-24T07:30", "2026-11-24T23:30"])
def test_a_full_answer_is_as_described(town: TaxiTown, at: str) -> None:
    home = point(0)
    case = schema["/v1/ondemand/availability"]["GET"].Case(
        query={"from": f"{home.lat:.6f},{home.lon:.6f}", "to": "gare", "at": at}
    )
    case.call_and_validate(base_url=str(town.http.base_url))
