"""Errors in Navitia's manner: ``{"error": {"id", "message"}}`` with its ids and statuses."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import psycopg
import structlog
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy import exc
from starlette.exceptions import HTTPException

from mobigo.kit.errors import Forbidden, InvalidInput, MobigoError, NotFound, Refused, Unauthorised, Unavailable

if TYPE_CHECKING:
    from fastapi import FastAPI, Request

log = structlog.get_logger()


class NavitiaError(Exception):
    """An answer that is an error.

    Parameters
    ----------
    status : int
    name : str
        ``unknown_object``, ``no_solution``, ...
    message : str
        One sentence for people.
    """

    def __init__(self, status: int, name: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.name = name


def bad_format(message: str) -> NavitiaError:
    """Say that a parameter cannot be read, or not be honoured."""
    return NavitiaError(HTTPStatus.BAD_REQUEST, "bad_format", message)


def unknown_object(message: str) -> NavitiaError:
    """Say that something is not there."""
    return NavitiaError(HTTPStatus.NOT_FOUND, "unknown_object", message)


def bad_filter(message: str) -> NavitiaError:
    """Say that nothing fits a filter."""
    return NavitiaError(HTTPStatus.BAD_REQUEST, "bad_filter", message)


ERRORS: dict[type[MobigoError], tuple[HTTPStatus, str]] = {
    InvalidInput: (HTTPStatus.BAD_REQUEST, "bad_format"),
    Unauthorised: (HTTPStatus.UNAUTHORIZED, "unauthorized"),
    Forbidden: (HTTPStatus.FORBIDDEN, "forbidden"),
    NotFound: (HTTPStatus.NOT_FOUND, "unknown_object"),
    Refused: (HTTPStatus.BAD_REQUEST, "bad_format"),
    Unavailable: (HTTPStatus.SERVICE_UNAVAILABLE, "service_unavailable"),
}
"""Status and id by class of our errors."""


def _name_of(where: tuple[str | int, ...]) -> str:
    """Return the parameter that a fault lies in."""
    return next((part for part in reversed(where) if isinstance(part, str)), "")


def write_error(status: int, name: str, message: str) -> JSONResponse:
    """Write an error."""
    return JSONResponse({"error": {"id": name, "message": message}}, status)


def install(app: FastAPI) -> None:
    """Make an application answer every error so."""

    @app.exception_handler(NavitiaError)
    def _own(_: Request, error: NavitiaError) -> JSONResponse:
        return write_error(error.status, error.name, str(error))

    @app.exception_handler(MobigoError)
    def _ours(_: Request, error: MobigoError) -> JSONResponse:
        found = next((one for kind, one in ERRORS.items() if isinstance(error, kind)), None)
        status, name = found or (HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error")
        return write_error(status, name, str(error))

    @app.exception_handler(HTTPException)
    def _http(request: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == HTTPStatus.NOT_FOUND:
            return write_error(HTTPStatus.BAD_REQUEST, "unknown_api", f"there is no endpoint {request.url.path!r}")
        return write_error(error.status_code, "bad_format", str(error.detail))

    @app.exception_handler(RequestValidationError)
    def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        said = "; ".join(f"parameter {_name_of(one['loc'])} is not valid: {one['msg']}" for one in error.errors())
        return write_error(HTTPStatus.BAD_REQUEST, "bad_format", said)

    def _away(request: Request, error: Exception) -> JSONResponse:
        log.warning("the database is away", path=request.url.path, error=str(error).partition("\n")[0])
        said = "the database does not answer just now; try again in a moment"
        return write_error(HTTPStatus.SERVICE_UNAVAILABLE, "service_unavailable", said)

    for away in (exc.OperationalError, exc.TimeoutError, psycopg.OperationalError):
        app.add_exception_handler(away, _away)

    @app.exception_handler(Exception)
    def _unforeseen(request: Request, error: Exception) -> JSONResponse:
        log.error("request failed", path=request.url.path, exc_info=error)
        return write_error(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", "something broke here; it is logged")
