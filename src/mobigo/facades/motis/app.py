"""The application that answers as MOTIS does, with a description of its own at ``openapi.json``."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import psycopg
import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from sqlalchemy import exc
from starlette.exceptions import HTTPException

from mobigo import __version__
from mobigo.facades.motis import boards, geocode, maps, plan, rentals, times
from mobigo.kit.errors import InvalidInput, MobigoError, NotFound, Refused, Unavailable

if TYPE_CHECKING:
    from fastapi import Request
    from fastapi.routing import APIRoute
    from starlette.datastructures import State

log = structlog.get_logger()

STATUS = {
    InvalidInput: HTTPStatus.BAD_REQUEST,
    NotFound: HTTPStatus.NOT_FOUND,
    Refused: HTTPStatus.UNPROCESSABLE_ENTITY,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
A_DAY = 86_400


def _operation_id(route: APIRoute) -> str:
    return f"{route.name}_{'_'.join(part for part in route.path.split('/') if part)}"


def make_app(state: State) -> FastAPI:
    """Make the application.

    Parameters
    ----------
    state : State
        Of the application that it is mounted in: what every route looks up there, these do too.
    """
    app = FastAPI(
        title="mobigo, as MOTIS answers",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=_operation_id,
    )
    app.state = state
    for room in (plan, boards, geocode, maps, rentals, times):
        app.include_router(room.router)
    _answer_errors(app)
    app.add_middleware(
        CORSMiddleware, allow_origins=["*"], allow_methods=["GET", "POST"], allow_headers=["*"], max_age=A_DAY
    )
    return app


def _error(status: int, text: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": text}, status, headers)


def _answer_errors(app: FastAPI) -> None:
    """Make an application answer every error as MOTIS does."""

    @app.exception_handler(MobigoError)
    def _ours(_: Request, error: MobigoError) -> JSONResponse:
        status = next((one for kind, one in STATUS.items() if isinstance(error, kind)), HTTPStatus.BAD_REQUEST)
        return _error(status, str(error))

    @app.exception_handler(HTTPException)
    def _http(_: Request, error: HTTPException) -> JSONResponse:
        return _error(error.status_code, str(error.detail), dict(error.headers) if error.headers else None)

    @app.exception_handler(RequestValidationError)
    def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        told = (f"{'.'.join(str(part) for part in one['loc'][1:])}: {one['msg']}" for one in error.errors())
        return _error(HTTPStatus.BAD_REQUEST, "; ".join(told))

    def _away(request: Request, error: Exception) -> JSONResponse:
        log.warning("the database is away", path=request.url.path, error=str(error).partition("\n")[0])
        return _error(HTTPStatus.SERVICE_UNAVAILABLE, "The database does not answer just now; try again in a moment.")

    for away in (exc.OperationalError, exc.TimeoutError, psycopg.OperationalError):
        app.add_exception_handler(away, _away)

    @app.exception_handler(Exception)
    def _unforeseen(request: Request, error: Exception) -> JSONResponse:
        log.error("request failed", path=request.url.path, exc_info=error)
        return _error(HTTPStatus.INTERNAL_SERVER_ERROR, "Something broke here; it is logged.")
