"""The routes of journeys keep what their OpenAPI description promises, whatever they are asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from mobigo.journeys import api, follow_api, legs_api, reach_api

if TYPE_CHECKING:
    import httpx
    from schemathesis import Case

app = FastAPI(generate_unique_id_function=lambda route: route.name)
app.include_router(api.router)
app.include_router(follow_api.router)
app.include_router(legs_api.router)
app.include_router(reach_api.router)
schema = schemathesis.openapi.from_dict(app.openapi())


@schema.parametrize()
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(case: Case, http: httpx.Client) -> None:
    # a text with a comma that is no place is well described, and refused all the same
    case.call_and_validate(base_url=str(http.base_url), excluded_checks=[positive_data_acceptance])


def test_a_full_answer_is_as_described(http: httpx.Client) -> None:
    operation = schema["/v1/journeys"]["GET"]
    question = {"from": "val:amont", "to": "val:aval", "at": "2026-11-23T11:50 01:00", "window_minutes": 60}
    operation.Case(query=question).call_and_validate(base_url=str(http.base_url))
