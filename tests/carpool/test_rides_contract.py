"""The routes of lines, runs and bookings keep what their OpenAPI description promises, whatever they are asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from tests.carpool.served import serving
from tests.conftest import new_database

from mobigo.accounts.model import Role
from mobigo.carpool import bookings_api, lines_api, regular_api, runs_api
from mobigo.db.engine import open_engine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemathesis import Case

app = FastAPI(generate_unique_id_function=lambda route: route.name)
for room in (lines_api, runs_api, regular_api, bookings_api):
    app.include_router(room.router)
schema = schemathesis.openapi.from_dict(app.openapi())

PARAMETERS = {
    "line", "direction", "from_day", "to_day", "state", "driver", "cursor", "limit", "run", "passenger", "revision",
    "to", "near",
}  # fmt: skip


@pytest.fixture(scope="module")
def served(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    """Address of the application, and the header of who may ask for anything."""
    with new_database(test_cluster) as url:
        engine = open_engine(url)
        with serving(engine, tmp_path_factory.mktemp("home")) as found:
            found.know("dora", "paul")
            body = {"departs_at": "2026-11-23T08:00:00+01:00", "seats": 2, "line": "epoisses-les-laumes"}
            run = found.say("dora", "POST", "/runs", body)[1]
            ends = {"board": {"line_stop": "epoisses"}, "alight": {"line_stop": "les-laumes"}}
            assert found.say("paul", "POST", "/bookings", {"run": run["id"], **ends})[0] == 201
            with found.ask("boss", Role.ADMIN) as boss:
                yield found.address, dict(boss.headers)
        engine.dispose()


@schema.parametrize()
@settings(max_examples=4, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(case: Case, served: tuple[str, dict[str, str]]) -> None:
    address, headers = served
    # runs and bookings that do not exist, stops that no line has: well described, and refused all the same
    excluded = [positive_data_acceptance]
    if set(case.query or {}) - PARAMETERS:  # what nobody asked for is ignored
        excluded.append(negative_data_rejection)
    headers = {"Authorization": headers["authorization"]}
    case.call_and_validate(base_url=address, headers=headers, excluded_checks=excluded)
