"""The routes of proof, register and open data keep what their description promises, whatever they are asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance
from tests.carpool.served import serving
from tests.conftest import new_database

from mobigo.accounts.model import Role
from mobigo.accounts.token import issue
from mobigo.carpool import national_api, proof_api
from mobigo.db.engine import open_engine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemathesis import Case

app = FastAPI(generate_unique_id_function=lambda route: route.name)
app.include_router(proof_api.router)
app.include_router(national_api.router)
schema = schemathesis.openapi.from_dict(app.openapi())

TRAVELLERS = ("/code", "/scans", "/positions", "/appeal", "/code.svg")
"""Ends of addresses that are for those who drive and ride."""


@pytest.fixture(scope="module")
def served(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[Role, str]]]:
    """Address of the application, and tokens of somebody in a car and of staff."""
    with new_database(test_cluster) as url:
        engine = open_engine(url)
        with serving(engine, tmp_path_factory.mktemp("home")) as found:
            found.know("dora", "paul")
            found.seat(found.lay_run("dora"), "paul")
            tokens = {
                role: issue(found.key, "dora", role, found.now, found.now.resolution * 10**12)
                for role in (Role.DRIVER, Role.ADMIN)
            }
            yield found.address, tokens
        engine.dispose()


@schema.parametrize()
@settings(max_examples=3, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(case: Case, served: tuple[str, dict[Role, str]]) -> None:
    address, tokens = served
    role = Role.DRIVER if case.path.endswith(TRAVELLERS) else Role.ADMIN
    headers = {"Authorization": f"Bearer {tokens[role]}"}
    # codes that nobody signed, bookings that do not exist: well described, and refused all the same
    case.call_and_validate(base_url=address, headers=headers, excluded_checks=[positive_data_acceptance])
