"""Routes of people, waiting and other operators are as they are described, whatever is sent."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance
from tests.carpool.served import Served, serving
from tests.conftest import new_database

from mobigo.accounts.model import Role
from mobigo.accounts.token import issue
from mobigo.carpool import elsewhere_api, operators_api, people_api, talk_api, waiting_api, wishes_api
from mobigo.db.engine import open_engine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemathesis import Case

app = FastAPI(generate_unique_id_function=lambda route: route.name)
for room in (people_api, talk_api, waiting_api, wishes_api, operators_api, elsewhere_api):
    app.include_router(room.router)
schema = schemathesis.openapi.from_dict(app.openapi())

STAFF = ("/operators", "/reports", "/people")
"""Addresses that only staff asks for."""


@pytest.fixture(scope="module")
def town(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("town")
    with new_database(test_cluster) as url:
        engine = open_engine(url)
        with serving(engine, home) as served:
            served.know("anna")
            yield served
        engine.dispose()


@schema.parametrize()
@settings(max_examples=3, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_routes_are_as_they_are_described(town: Served, case: Case) -> None:
    role = Role.CARPOOL if any(f"/v1/carpool{one}" in case.path for one in STAFF) else Role.TRAVELLER
    token = issue(town.key, "anna", role, town.now, timedelta(days=1))
    case.call_and_validate(
        base_url=town.address,
        headers={"Authorization": f"Bearer {token}"},
        excluded_checks=[positive_data_acceptance],  # a rule may refuse what the description allows
    )
