"""The routes of real time keep what their OpenAPI description promises, whatever they are asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance
from tests.journeys.conftest import http, valley  # noqa: F401 - fixtures

from mobigo.opendata import live_api

if TYPE_CHECKING:
    import httpx
    from schemathesis import Case

app = FastAPI(generate_unique_id_function=lambda route: route.name)
app.include_router(live_api.router)
schema = schemathesis.openapi.from_dict(app.openapi())


@schema.parametrize()
@settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(case: Case, http: httpx.Client) -> None:  # noqa: F811 - the fixture
    # a reference to nothing is well described, and refused all the same
    case.call_and_validate(base_url=str(http.base_url), excluded_checks=[positive_data_acceptance])
