"""The routes of tickets keep what their description promises, whatever they are asked."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance, unsupported_method

from mobigo.accounts.key import read_key
from mobigo.accounts.model import Role
from mobigo.accounts.token import issue
from mobigo.tickets import api, devices_api

if TYPE_CHECKING:
    from schemathesis import Case
    from tests.tickets.conftest import Yard

    from mobigo.tickets.device import Device

app = FastAPI(generate_unique_id_function=lambda route: route.name)
app.include_router(devices_api.router)
app.include_router(api.router)
schema = schemathesis.openapi.from_dict(app.openapi())

DEVICES = ("/bundle", "/validations", "/inspections/{id}")
"""Ends of addresses that are for devices."""


@pytest.fixture(scope="module")
def device(yard: Yard) -> Device:
    return yard.enrol()


@schema.parametrize()
@settings(max_examples=3, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(case: Case, yard: Yard, device: Device) -> None:
    role = Role.TRAVELLER if case.operation.path.endswith("/mine") else Role.ADMIN
    token = issue(read_key(yard.home), role.value, role, yard.now, timedelta(hours=1))
    if case.operation.path.endswith(DEVICES):
        token = device.write_pass(yard.now)
    # keys, words and hashes that are none are refused though well described; GET .../verify asks for a ticket so named
    case.call_and_validate(
        base_url=yard.address,
        headers={"Authorization": f"Bearer {token}"},
        excluded_checks=[positive_data_acceptance, unsupported_method],
    )
