"""Messages of the Model Context Protocol over streamable HTTP, each answered by itself; nothing is remembered.

Two eras are spoken at one address: since 2026-07-28 every request says version and capabilities in its ``_meta`` and
its headers; before, a client began with ``initialize``.

References
----------
Model Context Protocol, revisions 2026-07-28, 2025-11-25 and 2025-06-18: base protocol, versioning, streamable HTTP.
JSON-RPC 2.0.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

STATELESS = "2026-07-28"
"""The version whose requests say everything themselves."""
WITH_HANDSHAKE = ("2025-11-25", "2025-06-18")
"""Versions that begin with ``initialize``, newest first."""
VERSIONS = (STATELESS, *WITH_HANDSHAKE)

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
HEADER_MISMATCH, UNSUPPORTED_VERSION = -32020, -32022
"""Codes of errors: JSON-RPC's, and the protocol's own."""

META = "io.modelcontextprotocol/"
"""How the protocol's own words in ``_meta`` begin."""
ENCODED = re.compile(r"=\?base64\?(.*)\?=")
"""A header value that would not be plain ASCII."""
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


class Rejected(Exception):
    """A message that is answered with an error of the protocol.

    Parameters
    ----------
    code : int
        Of JSON-RPC.
    message : str
        For people.
    id_
        Of the request, where it could be read.
    """

    def __init__(
        self,
        code: int,
        message: str,
        *,
        id_: str | int | None = None,
        data: dict[str, Any] | None = None,
        status: HTTPStatus = HTTPStatus.BAD_REQUEST,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"jsonrpc": "2.0", "error": {"code": code, "message": message}}
        if id_ is not None:
            self.body["id"] = id_
        if data is not None:
            self.body["error"]["data"] = data


@dataclass(frozen=True)
class Message:
    """A request, or a notification."""

    method: str
    params: dict[str, Any]
    id_: str | int | None
    """None: a notification, which nobody waits for."""
    stateless: bool
    """Whether it is of the version that says everything itself."""

    def reject(self, code: int, message: str, *, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> Rejected:
        """Return the error with which it is answered; before the stateless version errors came with status 200."""
        return Rejected(code, message, id_=self.id_, status=status if self.stateless else HTTPStatus.OK)


def read_message(body: bytes, headers: Mapping[str, str]) -> Message:
    """Read a message and see that its headers say the same.

    Raises
    ------
    Rejected
        When it is none, or of a version that is not spoken.
    """
    try:
        raw = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Rejected(PARSE_ERROR, f"the body is no JSON: {error}") from error
    if not isinstance(raw, dict):
        raise Rejected(INVALID_REQUEST, "send one JSON-RPC message per POST, as an object")
    id_ = raw.get("id")
    if "id" in raw and (isinstance(id_, bool) or not isinstance(id_, str | int)):
        raise Rejected(INVALID_REQUEST, "the id of a request is a text or a whole number")
    method, params = raw.get("method"), raw.get("params", {})
    if raw.get("jsonrpc") != "2.0" or not isinstance(method, str):
        raise Rejected(INVALID_REQUEST, 'a request has "jsonrpc": "2.0" and a "method"', id_=id_)
    meta = params.get("_meta", {}) if isinstance(params, dict) else None
    if not isinstance(meta, dict):
        raise Rejected(INVALID_PARAMS, '"params" and its "_meta" are objects', id_=id_)
    asked = headers.get("mcp-protocol-version")
    message = Message(method, params, id_, stateless=f"{META}protocolVersion" in meta or asked == STATELESS)
    if message.id_ is None:
        return message
    if message.stateless:
        _check_stateless(message, meta, headers)
    elif asked is not None and asked not in WITH_HANDSHAKE and method != "initialize":
        raise _miss_version(message, asked)
    return message


def _check_stateless(message: Message, meta: dict[str, Any], headers: Mapping[str, str]) -> None:
    version = meta.get(f"{META}protocolVersion")
    if not isinstance(version, str) or not isinstance(meta.get(f"{META}clientCapabilities"), dict):
        raise message.reject(INVALID_PARAMS, f"_meta needs {META}protocolVersion and {META}clientCapabilities")
    _compare(message, headers, "MCP-Protocol-Version", version)
    if version != STATELESS:
        raise _miss_version(message, version)
    _compare(message, headers, "Mcp-Method", message.method)
    if message.method == "tools/call":
        _compare(message, headers, "Mcp-Name", message.params.get("name"))


def _compare(message: Message, headers: Mapping[str, str], header: str, wanted: object) -> None:
    told = _decode(headers.get(header.lower()))
    if told is None:
        raise message.reject(HEADER_MISMATCH, f"the header {header} is missing or cannot be read")
    if told != wanted:
        raise message.reject(HEADER_MISMATCH, f"the header {header} says {told!r}, the body {wanted!r}")


def _decode(value: str | None) -> str | None:
    """Read a header value; None where it is none, or broken."""
    found = ENCODED.fullmatch(value) if value is not None else None
    if found is None:
        return value
    try:
        return b64decode(found[1], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def _miss_version(message: Message, version: str) -> Rejected:
    return Rejected(
        UNSUPPORTED_VERSION,
        f"version {version!r} is not spoken here; {', '.join(VERSIONS)} are",
        id_=message.id_,
        data={"supported": list(VERSIONS), "requested": version},
    )


def is_own_origin(origin: str | None, public_url: str) -> bool:
    """Tell whether a message comes from no page, or from one of this machine or of our own address.

    A name that some page made point here is no reason to answer that page.
    """
    if origin is None:
        return True
    try:
        asked, own = urlsplit(origin), urlsplit(public_url)
        if asked.hostname in LOCAL_HOSTS:
            return True
        return bool(public_url) and (asked.scheme, asked.netloc) == (own.scheme, own.netloc)
    except ValueError:
        return False
