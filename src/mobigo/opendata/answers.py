"""Files over HTTP: with entity tags, byte ranges, a packed twin, open to every page, the same for HEAD and GET."""

from __future__ import annotations

import re
from email.utils import format_datetime, parsedate_to_datetime
from gzip import compress
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeVar

from fastapi import Depends
from starlette.responses import FileResponse, Response

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from fastapi import APIRouter
    from pydantic import BaseModel
    from starlette.requests import Request

    from mobigo.opendata.model import Piece
    from mobigo.opendata.shelf import Shelf

OPEN = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag, Last-Modified, Content-Length, Content-Range, Accept-Ranges",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
}
"""Every page of the world may read it."""
FOR_GOOD = "public, max-age=31536000, immutable"
"""At the address of a version."""
FOR_NOW = "public, max-age=60, must-revalidate"
"""At the permanent address, where the next version will be."""
SHORT = 1000
"""Bytes up to which a text is not worth packing."""
PREFLIGHT = {
    **OPEN,
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": "If-Match, If-Modified-Since, If-None-Match, If-Range, Range",
    "Access-Control-Max-Age": "86400",
}
"""What pages elsewhere may ask with."""
PART = r"\s*(\d+-\d*|-\d+)\s*"
RANGES = re.compile(rf"bytes\s*={PART}(,{PART})*", re.IGNORECASE)
"""What asks for parts of a file (RFC 9110, 14.1.2)."""


def send_file(request: Request, shelf: Shelf, piece: Piece, made_at: datetime, *, lasting: bool) -> Response:
    """Send a published file, a part of it, or the word that nothing changed."""
    packed = None
    if not _keep_ranges(request) and takes_gzip(request):
        packed = shelf.find_packed(piece.sha256)
    tag = f'"{piece.sha256}{"-gzip" if packed else ""}"'
    headers = {
        **OPEN,
        "ETag": tag,
        "Last-Modified": format_datetime(made_at, usegmt=True),
        "Cache-Control": FOR_GOOD if lasting else FOR_NOW,
        "Vary": "Accept-Encoding",
    }
    if is_known(request, (f'"{piece.sha256}"', f'"{piece.sha256}-gzip"'), made_at):
        return Response(status_code=304, headers=headers)
    if packed:
        headers["Content-Encoding"] = "gzip"
    part = _find_part(request, piece.size, tag)
    if part is not None and not part:
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{piece.size}"})
    return FileResponse(
        packed or shelf.find(piece.sha256), headers=headers, media_type=piece.media_type, filename=piece.name
    )


def send_model(request: Request, answer: BaseModel) -> Response:
    """Send an answer of the API as JSON, or the word that nothing changed: its tag is that of what it says."""
    text = answer.model_dump_json()
    return send_text(request, text, "application/json", sha256(text.encode()).hexdigest()[:32], None)


def send_text(
    request: Request, text: str | bytes | None, media_type: str, tag: str, made_at: datetime | None
) -> Response:
    """Send what is written on demand, a part of it, or the word that nothing changed.

    A long text that is not written yet is None: only its headers are told. What has no date is known by its tag alone.
    """
    body = text.encode() if isinstance(text, str) else text
    packed = not _keep_ranges(request) and (body is None or len(body) > SHORT) and takes_gzip(request)
    headers = {
        **OPEN,
        "ETag": f'"{tag}-gzip"' if packed else f'"{tag}"',
        **({} if made_at is None else {"Last-Modified": format_datetime(made_at, usegmt=True)}),
        "Cache-Control": FOR_NOW,
        "Vary": "Accept-Encoding",
        "Accept-Ranges": "bytes",
    }
    if is_known(request, (f'"{tag}"', f'"{tag}-gzip"'), made_at):
        return Response(status_code=304, headers=headers)
    if packed:
        headers["Content-Encoding"] = "gzip"
    if body is None:
        return Response(headers=headers, media_type=media_type)
    if packed:
        return Response(compress(body, 6, mtime=0), headers=headers, media_type=media_type)
    part = _find_part(request, len(body), headers["ETag"])
    if part is None:
        return Response(body, headers=headers, media_type=media_type)
    if not part:
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{len(body)}"})
    headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{len(body)}"
    return Response(body[part.start : part.stop], status_code=206, headers=headers, media_type=media_type)


def answer_preflight() -> Response:
    """Tell a browser, before it asks for a page elsewhere, that it may ask conditionally and for parts."""
    return Response(status_code=204, headers=PREFLIGHT)


def _open_to_all(response: Response) -> None:
    """Say of what is written from a model, too, that every page may read it."""
    response.headers.update(OPEN)


def _find_part(request: Request, size: int, tag: str) -> range | None:
    """Find the bytes asked for: none of them beyond the end; None for the whole, also where several parts are asked."""
    said = request.headers.get("range")
    if said is None or "," in said or not RANGES.fullmatch(said.strip()) or request.headers.get("if-range", tag) != tag:
        return None
    first, _, last = said.partition("=")[2].strip().partition("-")
    if not first:
        return range(max(size - int(last), 0), size)
    return range(int(first), min(int(last) + 1, size) if last else size)


def _keep_ranges(request: Request) -> bool:
    """Tell whether parts are asked for; what asks in a unit or form not known is left out (RFC 9110, 14.2)."""
    said = request.headers.get("range")
    if said is None or RANGES.fullmatch(said.strip()):
        return said is not None
    request.scope["headers"] = [(name, value) for name, value in request.scope["headers"] if name != b"range"]
    return False


ROUTE = TypeVar("ROUTE", bound="Callable[..., object]")


def register_read(router: APIRouter, path: str, **said: Any) -> Callable[[ROUTE], ROUTE]:  # noqa: ANN401 - what `router.get` takes
    """Register what is read: GET, HEAD that answers the same without a body, and what browsers ask before."""

    def register(route: ROUTE) -> ROUTE:
        said["dependencies"] = [*said.get("dependencies", ()), Depends(_open_to_all)]
        router.options(path, include_in_schema=False)(answer_preflight)
        router.head(path, include_in_schema=False, **said)(route)
        return router.get(path, **said)(route)

    return register


def takes_gzip(request: Request) -> bool:
    """Tell whether the client takes packed answers."""
    for part in request.headers.get("accept-encoding", "").split(","):
        name, _, weight = part.partition(";")
        if name.strip().lower() in {"gzip", "*"}:
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


def is_known(request: Request, tags: tuple[str, ...], made_at: datetime | None) -> bool:
    """Tell whether the client has it already (RFC 9110, 13.2.2): by its tag, else by its date where it has one."""
    said = request.headers.get("if-none-match")
    if said is not None:
        return said.strip() == "*" or any(one.strip().removeprefix("W/") in tags for one in said.split(","))
    since = request.headers.get("if-modified-since")
    if since is None or made_at is None:
        return False
    try:
        return made_at.replace(microsecond=0) <= parsedate_to_datetime(since)
    except (ValueError, TypeError):
        return False
