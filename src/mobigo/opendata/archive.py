"""ZIP archives whose bytes follow from their content alone."""

from __future__ import annotations

import zipfile
from contextlib import contextmanager
from hashlib import sha256
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FIRST = (1980, 1, 1, 0, 0, 0)
"""The date that members carry."""

BLOCK = 1 << 20
"""Bytes read at once."""


@contextmanager
def add_member(archive: zipfile.ZipFile, name: str) -> Iterator[IO[bytes]]:
    """Open a member for writing: no date, no permissions, always packed the same way."""
    info = zipfile.ZipInfo(name, FIRST)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.create_system = 3  # of whatever system wrote it
    with archive.open(info, "w", force_zip64=False) as stream:
        yield stream


def hash_members(path: Path) -> str:
    """Hash an archive by the names and contents of its members: packed anew, the same content has the same hash."""
    listed = []
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            digest = sha256()
            with archive.open(name) as stream:
                while block := stream.read(BLOCK):
                    digest.update(block)
            listed.append(f"{name} {digest.hexdigest()}\n")
    return sha256("".join(listed).encode()).hexdigest()
