"""HTTP: the one address of the Model Context Protocol."""

from http import HTTPStatus
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request, Response

from mobigo import __version__
from mobigo.db.session import Database
from mobigo.facades.mcp.protocol import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    META,
    METHOD_NOT_FOUND,
    VERSIONS,
    WITH_HANDSHAKE,
    Message,
    Rejected,
    is_own_origin,
    read_message,
)
from mobigo.facades.mcp.tools import TOOLS, Asker, call, describe
from mobigo.kit.requests import Now

router = APIRouter(include_in_schema=False)

MOST_BYTES = 2**18
"""Of a message."""
FRESH_FOR = 3_600_000
"""Milliseconds for which a client may keep the list of tools."""
SERVER = {"name": "mobigo", "title": "mobigo", "version": __version__}
INSTRUCTIONS = (
    "Journeys by public transport, on demand and by carpool in the region this server knows, with live data. Give"
    " places as a name, LAT,LON, or an id from find_places; times without an offset are local. Every time in an answer"
    " is as it is expected now; planned_departure and planned_arrival are by the timetable. Where a leg has a booking"
    " it only runs for who books: say how and until when. Nothing can be booked or paid through these tools, and"
    " nothing about the traveller is kept. Say what an answer does not know (price null, wheelchair unknown)."
)


async def _read_body(request: Request) -> bytes:
    """Read a message, as long as it is no larger than messages are."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            break
    return body


@router.post("/mcp")
def post_message(
    request: Request, session: Database, now: Now, body: Annotated[bytes, Depends(_read_body)]
) -> Response:
    """Answer one message."""
    try:
        message = _read(request, body)
        if message.id_ is None:
            return Response(status_code=HTTPStatus.ACCEPTED)
        result = _answer(message, Asker(request, session, now))
    except Rejected as error:
        return _send(error.body, error.status)
    if message.stateless:
        result |= {"resultType": "complete", "_meta": {f"{META}serverInfo": SERVER}}
    return _send({"jsonrpc": "2.0", "id": message.id_, "result": result}, HTTPStatus.OK)


def _read(request: Request, body: bytes) -> Message:
    """Read a message that may be answered.

    Raises
    ------
    Rejected
        When another site's page sent it, when it is too large, or none.
    """
    if not is_own_origin(request.headers.get("origin"), request.app.state.public_url):
        raise Rejected(INVALID_REQUEST, "pages of other origins may not ask here", status=HTTPStatus.FORBIDDEN)
    if len(body) > MOST_BYTES:
        too_large = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        raise Rejected(INVALID_REQUEST, f"a message has at most {MOST_BYTES} bytes", status=too_large)
    return read_message(body, request.headers)


def _send(body: dict[str, Any], status: HTTPStatus) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")


def _answer(message: Message, asker: Asker) -> dict[str, Any]:
    """Do what a request asks for.

    Raises
    ------
    Rejected
        When there is no such method or tool.
    """
    match message.method:
        case "tools/list":
            listed: dict[str, Any] = {"tools": [describe(tool) for tool in TOOLS.values()]}
            return listed | _may_be_kept(message)
        case "tools/call":
            return _call(message, asker)
        case "server/discover" if message.stateless:
            return {
                "supportedVersions": list(VERSIONS),
                "capabilities": {"tools": {}},
                "instructions": INSTRUCTIONS,
            } | _may_be_kept(message)
        case "initialize" if not message.stateless:
            wanted = message.params.get("protocolVersion")
            return {
                "protocolVersion": wanted if wanted in WITH_HANDSHAKE else WITH_HANDSHAKE[0],
                "capabilities": {"tools": {}},
                "serverInfo": SERVER,
                "instructions": INSTRUCTIONS,
            }
        case "ping" if not message.stateless:
            return {}
    raise message.reject(METHOD_NOT_FOUND, f"no method {message.method!r} here", status=HTTPStatus.NOT_FOUND)


def _may_be_kept(message: Message) -> dict[str, Any]:
    return {"ttlMs": FRESH_FOR, "cacheScope": "public"} if message.stateless else {}


def _call(message: Message, asker: Asker) -> dict[str, Any]:
    tool = TOOLS.get(str(message.params.get("name")))
    if tool is None:
        raise message.reject(INVALID_PARAMS, f"no tool {message.params.get('name')!r}; tools/list names them")
    arguments = message.params.get("arguments") or {}
    if not isinstance(arguments, dict):
        raise message.reject(INVALID_PARAMS, '"arguments" is an object')
    return call(tool, arguments, asker)
