"""The search for places in cars keeps what its OpenAPI description promises, whatever it is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance
from tests.carpool.served import serving
from tests.conftest import new_database

from mobigo.carpool import search_api
from mobigo.db.engine import open_engine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemathesis import Case
    from tests.carpool.served import Served

app = FastAPI(generate_unique_id_function=lambda route: route.name)
app.include_router(search_api.router)
schema = schemathesis.openapi.from_dict(app.openapi())


@pytest.fixture(scope="module")
def served(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with new_database(test_cluster) as url:
        engine = open_engine(url)
        with serving(engine, tmp_path_factory.mktemp("contract")) as one:
            one.know("dora")
            one.lay_run("dora")
            yield one
        engine.dispose()


@schema.parametrize()
@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(case: Case, served: Served) -> None:
    # a place is LAT,LON or the id of a stop there is: no description of one parameter can say that
    case.call_and_validate(
        base_url=served.address,
        excluded_checks=[positive_data_acceptance],
        headers={"Authorization": served.ask("dora").headers["Authorization"]},
    )


def test_a_full_answer_is_as_described(served: Served) -> None:
    case = schema["/v1/carpool/search"]["GET"].Case(
        query={"from": "47.5064,4.1722", "to": "47.5422,4.4603", "at": "2026-11-23T07:30"}
    )
    answer = case.call_and_validate(base_url=served.address)
    assert answer.json()["offers"]
