"""How a route documents its errors: the ``responses=`` of problem documents (RFC 9457) in OpenAPI."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

MEDIA_TYPE = "application/problem+json"
"""Of every error answer."""

SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "type": "object",
    "required": ["type", "title", "status", "code", "detail", "instance"],
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "Page that explains the code."},
        "title": {"type": "string", "description": "Phrase of the HTTP status."},
        "status": {"type": "integer", "description": "HTTP status, repeated."},
        "code": {"type": "string", "description": "Stable machine-readable word; program against this one."},
        "detail": {"type": "string", "description": "For people: which, what, the bound, and what to do next."},
        "instance": {"type": "string", "description": "Path of the request."},
        "alternatives": {
            "type": "array",
            "description": "What can be had instead; only with code `places_gone`.",
            "items": {"type": "object"},
        },
        "errors": {
            "type": "array",
            "description": "One entry per parameter that is wrong; only with code `validation_failed`.",
            "items": {
                "type": "object",
                "required": ["where", "what", "code"],
                "properties": {
                    "where": {"type": "string", "description": "Parameter or path into the body."},
                    "what": {"type": "string", "description": "What is wrong with it."},
                    "code": {"type": "string", "description": "Kind of the violation."},
                },
            },
        },
    },
}
"""JSON Schema of a problem document, as `web.errors` writes it."""

DESCRIPTIONS = {
    HTTPStatus.BAD_REQUEST: "The request is wrong; `detail` says what and how to correct it.",
    HTTPStatus.UNAUTHORIZED: "No valid bearer token came with the request.",
    HTTPStatus.FORBIDDEN: "The token's role may not do this.",
    HTTPStatus.NOT_FOUND: "No such thing; `detail` names it.",
    HTTPStatus.CONFLICT: "It changed meanwhile, or exists already.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "A parameter is missing or outside its bounds, or a rule refuses it.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Not now; try again later.",
}
"""What each status means here."""


def _example(status: HTTPStatus) -> dict[str, object]:
    code = {HTTPStatus.BAD_REQUEST: "invalid_input", HTTPStatus.UNPROCESSABLE_ENTITY: "validation_failed"}.get(
        status, status.name.lower()
    )
    return {
        "type": f"https://mobigo.example/docs/errors#{code}",
        "title": status.phrase,
        "status": int(status),
        "code": code,
        "detail": DESCRIPTIONS[status],
        "instance": "/v1/stops",
    }


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Document the error statuses of a route: pass the result as its ``responses=``.

    Examples
    --------
    ``@router.get("/stops/{id}", responses=problems(400, 404, 422))``
    """
    return {
        status: {
            "description": DESCRIPTIONS[HTTPStatus(status)],
            "content": {MEDIA_TYPE: {"schema": SCHEMA, "example": _example(HTTPStatus(status))}},
        }
        for status in statuses
    }
