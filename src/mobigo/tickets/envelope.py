"""The older envelope of railway barcodes, ``#UT`` (UIC 918.3), where it holds ticket data FCB in a record ``U_FLEX``.

Read, so that controllers see what a ticket of another railway says; we write none.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mobigo.tickets.layouts import find_layout
from mobigo.tickets.model import Malformed
from mobigo.tickets.uper import decode

if TYPE_CHECKING:
    from collections.abc import Mapping

SIGNATURES = {b"01": 50, b"02": 64}
"""Bytes of the signature, by version of the envelope."""

VERSIONS = {b"13": 1, b"02": 2, b"03": 3}
"""Of a record ``U_FLEX``: major version of its ticket data."""

LARGEST = 64 * 1024
"""Bytes that are unpacked, at most."""

RECORD = 12
"""Bytes before the content of a record: name, version, length."""

_HEAD = re.compile(rb"#UT(0[12])(\d{4})([0-9A-Za-z ]{5})")


@dataclass(frozen=True)
class Envelope:
    """A barcode in the older envelope, read but not believed."""

    version: str
    issuer: str
    """RICS code of who signed it."""
    kid: str
    signature: bytes
    signed: bytes
    tickets: tuple[tuple[int, Mapping[str, Any]], ...]
    records: tuple[str, ...]
    """Names of all its records."""


def read(data: bytes) -> Envelope:
    """Read an envelope.

    Raises
    ------
    Malformed
        When it is none.
    """
    head = _HEAD.match(data)
    if head is None:
        raise Malformed("it does not begin as a barcode of UIC 918.3")
    end = head.end() + SIGNATURES[head[1]]
    length = data[end : end + 4]
    packed = data[end + 4 :]
    if not (length.isdigit() and int(length) == len(packed)):
        raise Malformed("its length is not that of what follows")
    tickets: list[tuple[int, Mapping[str, Any]]] = []
    names: list[str] = []
    content = _unpack(packed)
    at = 0
    while at < len(content):
        name, version, length = content[at : at + 6], content[at + 6 : at + 8], content[at + 8 : at + RECORD]
        size = int(length) if length.isdigit() else 0
        if not (RECORD <= size <= len(content) - at and name.isascii()):
            raise Malformed(f"a record at byte {at} that does not end")
        names.append(name.decode())
        if name == b"U_FLEX" and version in VERSIONS:
            major = VERSIONS[version]
            ticket = decode(find_layout("UicRailTicketData", major), content[at + RECORD : at + size])
            tickets.append((major, ticket))
        at += size
    return Envelope(
        version=head[1].decode(),
        issuer=head[2].decode().lstrip("0"),
        kid=head[3].decode().strip(),
        signature=data[head.end() : end],
        signed=packed,
        tickets=tuple(tickets),
        records=tuple(names),
    )


def _unpack(packed: bytes) -> bytes:
    inflate = zlib.decompressobj()
    try:
        content = inflate.decompress(packed, LARGEST)
    except zlib.error as error:
        raise Malformed(f"it cannot be unpacked: {error}") from None
    if not inflate.eof or inflate.unused_data:
        raise Malformed(f"it unpacks to more than {LARGEST:,} bytes, or is cut off")
    return content
