"""Published files on disk, each under the hash of its content: written once, whole, and never changed."""

from __future__ import annotations

import gzip
import os
import shutil
from hashlib import sha256
from typing import TYPE_CHECKING
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet
    from pathlib import Path

BLOCK = 1 << 20
PACKED = ".gz"
"""What the packed twin of a text is called."""

TEXTS = ("text/", "application/json", "application/geo+json", "application/ld+json", "application/xml", "image/svg")
"""Media types that are worth packing."""


class Shelf:
    """The files of all versions.

    Parameters
    ----------
    home : Path
        ``MOBIGO_HOME``.
    """

    def __init__(self, home: Path) -> None:
        self._folder = home / "published"

    def put(self, path: Path, media_type: str) -> tuple[str, int]:
        """Take a file in, by moving it; return its hash and size. Twice the same is there once."""
        digest = sha256()
        with path.open("rb") as stream:
            while block := stream.read(BLOCK):
                digest.update(block)
            os.fsync(stream.fileno())
            size = stream.tell()
        name = digest.hexdigest()
        place = self.find(name)
        place.parent.mkdir(parents=True, exist_ok=True)
        if media_type.startswith(TEXTS):
            self._pack(path, place)
        scratch = place.with_name(f"{uuid4().hex}.part")  # a move between file systems is a copy
        shutil.move(path, scratch)
        scratch.replace(place)
        _keep_folder(place.parent)
        return name, size

    def _pack(self, path: Path, place: Path) -> None:
        scratch = place.with_name(f"{uuid4().hex}.part")
        with path.open("rb") as plain, scratch.open("wb") as out:
            with gzip.GzipFile("", "wb", 6, out, mtime=0) as packed:
                shutil.copyfileobj(plain, packed, BLOCK)
            os.fsync(out.fileno())
        scratch.replace(place.with_name(place.name + PACKED))

    def find(self, name: str) -> Path:
        """Return where a file lies, by its hash."""
        return self._folder / name[:2] / name

    def find_packed(self, name: str) -> Path | None:
        """Return where the packed twin of a file lies, if there is one."""
        path = self.find(name).with_name(name + PACKED)
        return path if path.exists() else None

    def sweep(self, kept: AbstractSet[str]) -> int:
        """Remove what no version holds: left by a publication that was killed. Return how many files."""
        gone = 0
        for path in self._folder.glob("??/*"):
            if path.name.removesuffix(PACKED) not in kept:
                path.unlink(missing_ok=True)
                gone += 1
        return gone


def _keep_folder(folder: Path) -> None:
    """Have the folder's entry written to disk before anybody relies on it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
