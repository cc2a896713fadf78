"""Files of OpenStreetMap data: what they are, told from their first bytes, never from their name."""

from __future__ import annotations

import bz2
import gzip
import zlib
from hashlib import file_digest
from typing import TYPE_CHECKING

from mobigo.kit.errors import NotFound, Refused

if TYPE_CHECKING:
    from pathlib import Path

HEAD = 4096
"""Bytes looked at."""

ACCEPTED = "an OpenStreetMap extract: .osm.pbf, .osm, .osm.gz or .osm.bz2"


def detect_format(path: Path) -> str:
    """Return the format of an extract in osmium's words: ``pbf``, ``osm``, ``osm.gz``, ``osm.bz2``.

    Raises
    ------
    NotFound
        When there is no such file.
    Refused
        When the file is empty or something else, with what it seems to be.
    """
    if not path.exists():
        raise NotFound(f"there is no file {path}")
    if path.is_dir():
        raise Refused(f"{path} is a folder; give the extract itself, {ACCEPTED}")
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not head:
        raise Refused(f"{path.name} is empty; download it again")
    if head[4:64].find(b"OSMHeader") >= 0:
        return "pbf"
    try:
        for magic, opener, format_ in ((b"\x1f\x8b", gzip.open, "osm.gz"), (b"BZh", bz2.open, "osm.bz2")):
            if head.startswith(magic):
                with opener(path, "rb") as inner:
                    _check_xml(path.name, inner.read(HEAD))
                return format_
    except (OSError, EOFError, zlib.error) as error:
        raise Refused(f"{path.name} cannot be unpacked ({error}); download it again") from None
    _check_xml(path.name, head)
    return "osm"


def _check_xml(name: str, head: bytes) -> None:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if b"<osmChange" in text:
        raise Refused(f"{name} is a list of changes, not {ACCEPTED}")
    if not text.startswith((b"<?xml", b"<osm")) or b"<osm" not in text:
        kind = "a zip archive (a GTFS feed? then `mobigo load gtfs`)" if head.startswith(b"PK") else "something else"
        raise Refused(f"{name} is {kind}, not {ACCEPTED}")


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
