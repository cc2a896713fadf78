"""Every error as ``application/problem+json`` (RFC 9457) with a stable code."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import psycopg
import structlog
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy import exc
from starlette.exceptions import HTTPException
from starlette.routing import Match

from mobigo.kit.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    MobigoError,
    NotFound,
    Refused,
    Unauthorised,
    Unavailable,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI, Request

log = structlog.get_logger()

STATUS: dict[type[MobigoError], HTTPStatus] = {
    InvalidInput: HTTPStatus.BAD_REQUEST,
    Unauthorised: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    Refused: HTTPStatus.UNPROCESSABLE_ENTITY,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""HTTP status by error class: the one place where the domain meets HTTP."""

RETRY_AFTER = "2"
"""Seconds: how long a database takes to come back."""

CODES = {
    HTTPStatus.BAD_REQUEST: "bad_request",
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
    HTTPStatus.UNPROCESSABLE_ENTITY: "validation_failed",
}


def problem(
    request: Request,
    status: int,
    code: str,
    detail: str,
    *,
    errors: list[dict[str, object]] | None = None,
    members: Mapping[str, object] | None = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    """Build a problem document: ``type`` is its page, ``code`` is stable, ``detail`` is for people."""
    body: dict[str, object] = {
        "type": f"{request.base_url}docs/errors#{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "instance": request.url.path,
    }
    if errors is not None:
        body["errors"] = errors
    body |= members or {}
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def _methods(request: Request) -> list[str]:
    """List what may be done at an address.

    Several routes may share it, and the framework names the first one's; a route of these very words goes before those
    that would take one of them for an id.
    """
    found: dict[int, set[str]] = {}
    waiting = list(request.app.routes)
    while waiting:
        route = waiting.pop()
        if (included := getattr(route, "original_router", None)) is not None:
            waiting += included.routes
        elif route.matches(request.scope)[0] is not Match.NONE:
            ids = len(getattr(route, "param_convertors", ()))
            found.setdefault(ids, set()).update(getattr(route, "methods", None) or ())
    return sorted(found[min(found)]) if found else []


def install(app: FastAPI) -> None:
    """Make an application answer every error as a problem document."""

    @app.exception_handler(MobigoError)
    def _ours(request: Request, error: MobigoError) -> JSONResponse:
        status = next((s for kind, s in STATUS.items() if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)
        headers = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else None
        return problem(request, status, error.code, str(error), members=error.members, headers=headers)

    @app.exception_handler(HTTPException)
    def _http(request: Request, error: HTTPException) -> JSONResponse:
        status = HTTPStatus(error.status_code)
        headers = dict(error.headers) if error.headers else None
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            headers = {"Allow": ", ".join(_methods(request))}
        return problem(request, status, CODES.get(status, status.name.lower()), str(error.detail), headers=headers)

    @app.exception_handler(RequestValidationError)
    def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        found: list[dict[str, object]] = [
            {"where": ".".join(str(part) for part in one["loc"]), "what": one["msg"], "code": one["type"]}
            for one in error.errors()
        ]
        detail = "; ".join(f"{one['where']}: {one['what']}" for one in found)
        return problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, "validation_failed", detail, errors=found)

    def _away(request: Request, error: Exception) -> JSONResponse:
        log.warning("the database is away", path=request.url.path, error=str(error).partition("\n")[0])
        detail = "The database does not answer just now; try again in a moment. Planning goes on without it."
        return problem(
            request, HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", detail, headers={"Retry-After": RETRY_AFTER}
        )

    for away in (exc.OperationalError, exc.TimeoutError, psycopg.OperationalError):
        app.add_exception_handler(away, _away)

    @app.exception_handler(Exception)
    def _unforeseen(request: Request, error: Exception) -> JSONResponse:
        log.error("request failed", path=request.url.path, exc_info=error)
        return problem(
            request, HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", "Something broke here; it is logged."
        )
