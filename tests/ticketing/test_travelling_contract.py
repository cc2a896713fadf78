"""Routes of bank cards and of people with an account are as they are described, whatever is sent."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance, unsupported_method
from tests.ticketing.test_regular import Desk, desk

from mobigo.accounts.key import read_key
from mobigo.accounts.model import Role
from mobigo.accounts.token import issue
from mobigo.ticketing import account_api, taps_api
from mobigo.web import errors

if TYPE_CHECKING:
    from schemathesis import Case

__all__ = ["desk"]

app = FastAPI(generate_unique_id_function=lambda route: route.name)
errors.install(app)
for room in (taps_api, account_api):
    app.include_router(room.router)
schema = schemathesis.openapi.from_dict(app.openapi())

ROLES = {
    "/v1/tickets/": Role.FINANCE,
    "/v1/travellers/proofs": Role.DESK,
    "/v1/travellers/school-passes": Role.SCHOOL,
}
"""Who asks, by how an address begins; else a traveller."""


@pytest.fixture(scope="module")
def device(desk: Desk) -> object:
    return desk.enrol()


@schema.parametrize()
@settings(max_examples=4, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_routes_are_as_they_are_described(desk: Desk, device: object, case: Case) -> None:
    role = next((role for begins, role in ROLES.items() if case.path.startswith(begins)), Role.TRAVELLER)
    token = issue(read_key(desk.home), "anna", role, desk.now, timedelta(days=1))
    if case.path == "/v1/tickets/taps":
        token = device.write_pass(desk.now)  # type: ignore[attr-defined]
    case.call_and_validate(
        base_url=desk.address,
        headers={"Authorization": f"Bearer {token}"},
        excluded_checks=[positive_data_acceptance, unsupported_method],  # a rule may refuse what the description allows
    )
