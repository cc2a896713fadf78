"""The routes of places and transit keep what their OpenAPI description promises, whatever they are asked."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings

from mobigo.places import api as places_api
from mobigo.transit import api as transit_api
from mobigo.transit import board_api

if TYPE_CHECKING:
    from schemathesis import Case
    from tests.town import Town

app = FastAPI(generate_unique_id_function=lambda route: route.name)
app.include_router(places_api.router)
app.include_router(board_api.router)
app.include_router(transit_api.router)
schema = schemathesis.openapi.from_dict(app.openapi())


@schema.parametrize()
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(case: Case, town: Town) -> None:
    case.call_and_validate(base_url=str(town.http.base_url))


def test_the_served_description_is_the_same(town: Town) -> None:
    served = town.http.get("/openapi.json").json()
    for path, methods in app.openapi()["paths"].items():
        assert _without_rooms(served["paths"][path]) == _without_rooms(methods)


def _without_rooms(methods: object) -> object:
    """Where rooms have answers of one name, the whole description says which room's."""
    return json.loads(re.sub("schemas/(Places|Transit)(?=[A-Z])", "schemas/", json.dumps(methods)))


def test_operations_are_named_as_their_functions_and_say_what_may_go_wrong() -> None:
    names = []
    for methods in app.openapi()["paths"].values():
        for operation in methods.values():
            names.append(operation["operationId"])
            assert operation["description"]
            for parameter in operation.get("parameters", []):
                assert parameter.get("description"), (operation["operationId"], parameter["name"])
            wrong = {status: answer for status, answer in operation["responses"].items() if status != "200"}
            assert "422" in wrong
            assert all(list(answer["content"]) == ["application/problem+json"] for answer in wrong.values())
    assert names == [
        "find_places", "list_stops", "list_departures", "list_arrivals", "get_stop_timetable", "get_line_timetable",
        "get_stop", "list_lines", "get_line", "list_feeds"
    ]  # fmt: skip
