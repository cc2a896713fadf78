"""The routes that read services keep what their OpenAPI description promises, whatever they are asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from tests.conftest import new_database, serve
from tests.feed_text import pack
from tests.ondemand.flex_text import files
from tests.ondemand.test_flex import NOW

from mobigo.db.engine import open_engine
from mobigo.kit.clock import Clock
from mobigo.ondemand import services_api
from mobigo.transit.load import load_gtfs
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemathesis import Case

app = FastAPI(generate_unique_id_function=lambda route: route.name)
app.include_router(services_api.router)
schema = schemathesis.openapi.from_dict(app.openapi()).include(method="GET").exclude(path_regex="history")


@pytest.fixture(scope="module")
def http(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("contract")
    with new_database(test_cluster) as url:
        load_gtfs(pack(folder / "valley.zip", files()), "valley", url, now=NOW)
        engine = open_engine(url)
        with (
            serve(create_app(engine=engine, clock=Clock(), home=folder)) as address,
            httpx.Client(base_url=address, timeout=120) as client,
        ):
            yield client
        engine.dispose()


@schema.parametrize()
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(case: Case, http: httpx.Client) -> None:
    case.call_and_validate(base_url=str(http.base_url))


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/v1/ondemand/services", {"at": "47.5,4.35"}),
        ("/v1/ondemand/zones", {"stops": "true"}),
        ("/v1/ondemand/gtfs-flex.zip", {"source": "valley"}),
    ],
)
def test_a_full_answer_is_as_described(http: httpx.Client, path: str, query: dict[str, str]) -> None:
    schema[path]["GET"].Case(query=query).call_and_validate(base_url=str(http.base_url))


@pytest.mark.parametrize("service", ["valley:feeder", "valley:line", "valley:points"])
def test_a_whole_service_is_as_described(http: httpx.Client, service: str) -> None:
    case = schema["/v1/ondemand/services/{id}"]["GET"].Case(path_parameters={"id": service})
    case.call_and_validate(base_url=str(http.base_url))
