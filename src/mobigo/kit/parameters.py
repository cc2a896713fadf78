"""Parameters that routes of several rooms take, described so exactly that what fits the description is accepted."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

from fastapi import Query
from pydantic import BeforeValidator, WithJsonSchema

from mobigo.kit.errors import InvalidInput
from mobigo.kit.geo import Point, parse_point

if TYPE_CHECKING:
    from datetime import tzinfo

    from fastapi import Request, Response

_LAT = r"-?(?:90(?:\.0{1,12})?|[1-8]?[0-9](?:\.[0-9]{1,12})?)"
_LON = r"-?(?:180(?:\.0{1,12})?|(?:1[0-7][0-9]|[1-9]?[0-9])(?:\.[0-9]{1,12})?)"

POINT_PATTERN = rf"^{_LAT}, ?{_LON}$"
"""``LAT,LON`` in degrees, for descriptions; `read_point` reads it."""

BOX_PATTERN = rf"^{_LON},{_LAT},{_LON},{_LAT}$"
"""``WEST,SOUTH,EAST,NORTH`` in degrees."""

_LEAP = r"(?:(?:19|2[0-9])(?:0[48]|[2468][048]|[13579][26])|2[048]00)-02-29"
_DAY = (
    r"(?:19(?:7[1-9]|[89][0-9])|2[0-9]{3})-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    r"|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
)

_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?"

INSTANT_PATTERN = rf"^(?:{_DAY}|{_LEAP})[T ]{_TIME}(?:Z|[ +-](?:0[0-9]|1[0-3]):[0-5][0-9])?$"
"""Date and time of ISO 8601, of the years 1971 to 2999, with or without an offset (its ``+`` may come as a space)."""

Instant = Annotated[
    datetime,
    BeforeValidator(lambda value: value if isinstance(value, datetime) else read_offset_instant(value)),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": rf"^(?:{_DAY}|{_LEAP})T{_TIME}(?:Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9])$",
            "examples": ["2026-11-23T07:30:00+01:00"],
        },
        mode="validation",
    ),
]
"""An instant in a body: ISO 8601 with an offset, of the years 1971 to 2999."""

Day = Annotated[date, BeforeValidator(lambda value: value if isinstance(value, date) else _read_day(value))]
"""A day in a body, as 2026-11-23; not the number that pydantic would take too."""

Cursor = Annotated[
    str | None,
    Query(
        max_length=2000,
        description="Where the page before ended: `next_cursor` of its answer. Without it, the first page",
    ),
]
"""Names the last row of the page before, so that no page repeats or skips one (never an offset)."""


def read_point(text: str) -> Point:
    """Read what fits `POINT_PATTERN`.

    Raises
    ------
    InvalidInput
        When it does not.
    """
    point = parse_point(text)
    if not re.fullmatch(POINT_PATTERN, text):
        raise InvalidInput(f"{text!r} is not LAT,LON in plain decimals; write it like 47.4906,4.3347")
    return point


def read_instant(text: str, zone: tzinfo) -> datetime:
    """Read what fits `INSTANT_PATTERN`; without an offset it is local time of `zone`.

    Raises
    ------
    InvalidInput
        When it does not.
    """
    if not re.fullmatch(INSTANT_PATTERN, text):
        raise InvalidInput(
            f"{text!r} is no date and time of the years 1971 to 2999; write it like 2026-11-23T07:30"
            " or 2026-11-23T07:30:00+01:00",
            code="invalid_instant",
        )
    instant = datetime.fromisoformat(re.sub(r"(:[0-9.]+) ([0-9]{2}:[0-9]{2})$", r"\1+\2", text))
    return instant.astimezone(zone) if instant.tzinfo else instant.replace(tzinfo=zone)


def read_offset_instant(text: object) -> datetime:
    """Read ISO 8601 with an offset, of the years 1971 to 2999.

    Raises
    ------
    ValueError
        When it is not.
    """
    if not isinstance(text, str) or not re.fullmatch(INSTANT_PATTERN, text) or " " in text:
        raise ValueError("no date and time with an offset of the years 1971 to 2999, as 2026-11-23T07:30:00+01:00")
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("it has no offset from UTC; write it like 2026-11-23T07:30:00+01:00")
    return instant


def _read_day(text: object) -> date:
    if not isinstance(text, str):
        raise ValueError("no day; write it like 2026-11-23")  # noqa: TRY004 - pydantic turns only this into an answer
    return date.fromisoformat(text)


def link_next(request: Request, response: Response, cursor: str | None, **more: str) -> None:
    """Add the address of the next page to the answer as a ``Link`` header (RFC 8288), if there is one.

    Parameters
    ----------
    more
        Parameters that the address shall have too: what was taken for the first page, where nothing was said.
    """
    if cursor is not None:
        response.headers["Link"] = f'<{request.url.include_query_params(cursor=cursor, **more)}>; rel="next"'
