"""The routes of live data and disturbances keep what their OpenAPI description promises, whatever they are asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from tests.conftest import new_database, serve
from tests.journeys.conftest import _make_valley

from mobigo.accounts.model import Role
from mobigo.accounts.token import issue
from mobigo.db.engine import open_engine
from mobigo.kit.clock import Clock
from mobigo.transit import disturbance_api, live_api
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemathesis import Case

NOW = datetime(2026, 11, 23, 7, 5, tzinfo=UTC)

app = FastAPI(generate_unique_id_function=lambda route: route.name)
app.include_router(live_api.router)
app.include_router(disturbance_api.router)
schema = schemathesis.openapi.from_dict(app.openapi())


@pytest.fixture(scope="module")
def served(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Address of a served valley, and an admin's token."""
    with new_database(test_cluster) as url:
        valley = _make_valley(url, tmp_path_factory.mktemp("contract"))
        engine = open_engine(url)
        clock = Clock(valley.home / "clock.json")
        clock.move(NOW, 0)
        application = create_app(engine=engine, clock=clock, home=valley.home)
        token = issue(application.state.token_key, "ada", Role.ADMIN, NOW, timedelta(hours=1))
        with serve(application) as address:
            yield address, token
        engine.dispose()


@schema.parametrize()
@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(case: Case, served: tuple[str, str]) -> None:
    address, token = served
    excluded = []
    if case.path.startswith("/v1/disturbances"):
        excluded.append(positive_data_acceptance)
        if case.method == "GET":
            excluded.append(negative_data_rejection)  # the token is sent also where it was left out to see a refusal
    case.call_and_validate(base_url=address, headers={"Authorization": f"Bearer {token}"}, excluded_checks=excluded)


def test_no_id_of_a_route_is_given_twice(served: tuple[str, str]) -> None:
    paths = httpx.get(f"{served[0]}/openapi.json", timeout=120).json()["paths"]  # described when first asked
    ids = [one["operationId"] for methods in paths.values() for one in methods.values()]
    assert len(ids) == len(set(ids))
