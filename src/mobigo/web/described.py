"""The application's description of itself, with names a developer would give."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

from fastapi import FastAPI

REFERENCE = "#/components/schemas/"
SEVERAL = "__"
"""Where rooms have answers of one name, the framework writes package, room, module and name, with this between."""


class DescribedApp(FastAPI):
    """An application whose schemas are named after their room where their own name does not tell them apart."""

    def openapi(self) -> dict[str, Any]:
        """Describe all routes (OpenAPI 3.1); made once."""
        if self.openapi_schema is None:
            self.openapi_schema = name_schemas(super().openapi())
        return self.openapi_schema


def name_schemas(document: dict[str, Any]) -> dict[str, Any]:
    """Name schemas ``CarpoolStopAnswer`` instead of ``mobigo__carpool__ride_answers__StopAnswer``.

    Where a room has the name twice, its module stands between: ``CarpoolRideStopAnswer``.
    """
    schemas = document.get("components", {}).get("schemas", {})
    names = {name: name for name in schemas}
    for name_of in (_name_of_room, _name_of_module):
        tried = {name: name_of(new) if SEVERAL in new else new for name, new in names.items()}
        taken = Counter(tried.values())
        names = {name: tried[name] if taken[tried[name]] == 1 else old for name, old in names.items()}
    text = re.sub(
        re.escape(REFERENCE) + r"([\w.-]+)",
        lambda found: REFERENCE + names[found[1]],
        json.dumps(document, ensure_ascii=False),
    )
    named: dict[str, Any] = json.loads(text)
    if schemas:
        named["components"]["schemas"] = {
            names[name]: schema for name, schema in named["components"]["schemas"].items()
        }
    return named


def _name_of_room(long: str) -> str:
    _, room, *_, name = long.split(SEVERAL)
    return room.capitalize() + name


def _name_of_module(long: str) -> str:
    *rooms, module, name = long.split(SEVERAL)[1:]
    words = [word for word in module.split("_") if word not in {"api", "answers", "documents"}]
    return "".join(word.capitalize() for word in [*rooms, *words]) + name
