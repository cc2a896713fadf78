"""The application that answers under ``/navitia``: an API of its own, with a description of its own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from mobigo import __version__
from mobigo.facades.navitia import boards_api, errors, journeys_api, objects_api, places_api, reports_api
from mobigo.facades.navitia.answers import LIST_PARAMETERS
from mobigo.facades.navitia.catalogue import Catalogues

if TYPE_CHECKING:
    from fastapi.routing import APIRoute
    from starlette.datastructures import State
    from starlette.types import ASGIApp, Receive, Scope, Send

DESCRIPTION = """Navitia v1 over this instance: clients of Navitia change their base address to this one, and the name
of their coverage to `mobigo` (or a point, `LON;LAT`). Tokens are accepted in any form and not needed. Ids are
`line:SOURCE:ID`, `stop_area:SOURCE:ID` and so on. What cannot be honoured is refused with `bad_format` and a sentence.
"""

LISTED = re.compile(rf"^({'|'.join(LIST_PARAMETERS)})(?:\[\d*\])?$")


class Lenient:
    """Reads addresses as Navitia does: slashes twice or at the end, lists with or without brackets."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] == "http":
            path = re.sub(r"/{2,}", "/", scope["path"])
            pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
            named = [one for key, value in pairs for one in _spread(key, value)]
            scope = {
                **scope,
                "path": path.rstrip("/") if len(path) > 1 else path,
                "query_string": urlencode(named, safe=":;~[]").encode("latin-1"),
            }
        await self._app(scope, receive, send)


def _spread(key: str, value: str) -> list[tuple[str, str]]:
    """Read a list, also one that is written as a whole: ``('stop_area', 'poi')``, as python-navitia-client does."""
    if not LISTED.match(key):
        return [(key, value)]
    values = re.findall(r"'([^']*)'", value) if value.startswith(("(", "[")) else [value]
    return [(LISTED.sub(r"\1[]", key), one) for one in values]


def _operation_id(route: APIRoute) -> str:
    words = re.sub(r"[{}:]", "", route.path).strip("/").split("/")[1:]
    return f"{route.name}_{'_'.join(words)}" if words else route.name


def create_navitia(state: State) -> FastAPI:
    """Make the application.

    Parameters
    ----------
    state : State
        Of the application it is mounted in: networks, catalogues, clock, engine.
    """
    app = FastAPI(
        title="mobigo as Navitia v1",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
    )
    app.state = state
    app.state.navitia = Catalogues()
    errors.install(app)
    for room in (journeys_api, places_api, boards_api, reports_api, objects_api):
        app.include_router(room.router)
    app.add_api_route(
        "/v1/coverage/{region}/{resource_path:path}",
        objects_api.get_object,
        methods=["GET"],
        tags=["objects"],
        name="get_object",
        responses=objects_api.SINGLE,
    )
    app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["GET"], allow_headers=["*"])
    app.add_middleware(Lenient)
    return app
