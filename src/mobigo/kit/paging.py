"""Pages of a long list: a cursor names the last row shown, so no page repeats or skips one (never an offset)."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, Annotated

from fastapi import Query

from mobigo.kit.errors import InvalidInput

if TYPE_CHECKING:
    from fastapi import Request, Response

Cursor = Annotated[
    str | None,
    Query(
        max_length=2000,
        description="Where the page before ended: `next_cursor` of its answer. Opaque. Without it, the first page.",
    ),
]
"""The parameter ``cursor`` of a paged route."""


def write_cursor(*key: str) -> str:
    """Write the sort key of a page's last row as a cursor."""
    return urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def read_cursor(cursor: str, length: int) -> list[str]:
    """Read a cursor's sort key of `length` parts.

    Raises
    ------
    InvalidInput
        When it is none that `write_cursor` wrote for such a key.
    """
    try:
        key = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        key = None
    if not isinstance(key, list) or len(key) != length or not all(isinstance(part, str) for part in key):
        raise InvalidInput(
            f"cursor {cursor!r} is none of ours; take `next_cursor` of the page before, or leave it out",
            code="invalid_cursor",
        )
    return key


def link_next(request: Request, response: Response, cursor: str | None) -> None:
    """Add the address of the next page to the answer as a ``Link`` header (RFC 8288), if there is one."""
    if cursor is not None:
        response.headers["Link"] = f'<{request.url.include_query_params(cursor=cursor)}>; rel="next"'
