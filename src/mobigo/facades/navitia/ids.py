"""Ids of objects: ``line:SOURCE:ID``, from which our own id is read back.

Clients put ids into paths and queries as they are, so what would end a part of an address is written as its bytes
(``~2F`` for a slash); all else stays as it is in the feed.
"""

from __future__ import annotations

import re
from typing import NamedTuple

AWKWARD = re.compile(r"[^\w:.,;@!$'()*=-]")
"""What is written as its bytes."""


class Id(NamedTuple):
    """An id, read."""

    kind: str
    """``line``, ``stop_area``, ..."""
    own: str
    """What the kind is followed by: as we name it."""


def write_id(kind: str, own: str) -> str:
    """Write the id of one of our objects."""
    return f"{kind}:{AWKWARD.sub(lambda found: ''.join(f'~{byte:02X}' for byte in found[0].encode()), own)}"


def read_id(text: str) -> Id:
    """Read an id; what is none has no kind."""
    kind, colon, own = text.partition(":")
    if not colon:
        return Id("", text)
    raw = re.sub(r"(?:~[0-9A-F]{2})+", _bytes, own)
    return Id(kind, raw)


def _bytes(found: re.Match[str]) -> str:
    return bytes.fromhex(found[0].replace("~", "")).decode(errors="replace")


def write_route(line: str, direction: int) -> str:
    """Write the id of a line in one direction."""
    return write_id("route", f"{line}:{direction if direction >= 0 else 'none'}")


def read_route(own: str) -> tuple[str, int] | None:
    """Read the line and the direction (-1: the feed has none) of a route; None where it is no such id."""
    line, _, direction = own.rpartition(":")
    known = {"0": 0, "1": 1, "none": -1}
    return (line, known[direction]) if direction in known else None
