"""What pages post: ``application/x-www-form-urlencoded``, read within bounds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request

from mobigo.kit.errors import InvalidInput

LARGEST = 256 * 1024
"""Bytes of a form: quotes of several offers are the longest."""
MOST_FIELDS = 300
LONG = 200
"""Characters of a field that are read."""
CONTROL = dict.fromkeys([*range(32), *range(127, 160), 8232, 8233], " ")
"""Characters that no field has, and what stands for them."""


@dataclass(frozen=True)
class Fields:
    """The fields of a form."""

    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def get(self, name: str, *, long: int = LONG * 20) -> str:
        """Return the first value of a field, without control characters; empty when there is none."""
        found = self.values.get(name, ("",))
        return found[0].translate(CONTROL).strip()[:long]

    def list(self, name: str) -> tuple[str, ...]:
        """Return all values of a field."""
        return tuple(one.translate(CONTROL).strip() for one in self.values.get(name, ()))

    def count(self, name: str, most: int) -> int:
        """Return a number of something, 0 where there is none that can be read."""
        text = self.get(name)
        return min(int(text), most) if text.isascii() and text.isdigit() and len(text) <= 4 else 0  # noqa: PLR2004

    def __contains__(self, name: str) -> bool:
        """Tell whether a field was sent."""
        return name in self.values


async def read_form(request: Request) -> Fields:
    """Read the form that a page posts.

    Raises
    ------
    InvalidInput
        When it is larger than any of ours.
    """
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST:
            raise InvalidInput(f"the form is larger than {LARGEST} bytes; send less")
    try:
        pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise InvalidInput(f"the form has more than {MOST_FIELDS} fields; send fewer") from None
    values: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        values[name] = (*values.get(name, ()), value)
    return Fields(values)


Form = Annotated[Fields, Depends(read_form)]
"""The fields of the form that was posted."""
