"""The routes about use keep what their OpenAPI description promises, whatever they are asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance
from tests.usage.hand_counted import bearer, serve_town

from mobigo.accounts.model import Role
from mobigo.usage import usage_api

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemathesis import Case
    from tests.conftest import AppClient

app = FastAPI(generate_unique_id_function=lambda route: route.name)
app.include_router(usage_api.router)
schema = schemathesis.openapi.from_dict(app.openapi())


@pytest.fixture(scope="module")
def town(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppClient]:
    with serve_town(test_cluster, tmp_path_factory.mktemp("contract")) as (client, _):
        yield client


@schema.parametrize()
@settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(case: Case, town: AppClient) -> None:
    # periods that end before they begin are well described, and refused all the same
    case.call_and_validate(
        base_url=str(town.base_url),
        headers=bearer(town, Role.FINANCE),
        excluded_checks=[positive_data_acceptance, ignored_auth],
    )
