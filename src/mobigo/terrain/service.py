"""Load height models and take them out of service."""

from __future__ import annotations

import re
import shutil
from hashlib import sha256
from typing import TYPE_CHECKING

from mobigo.kit.errors import InvalidInput, NotFound, Refused
from mobigo.terrain import store
from mobigo.terrain.model import MOST_CELLS, Model, Report
from mobigo.terrain.read import explained, find_box, list_files, open_sheet

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from mobigo.terrain.read import File

FORMAT = "1"
"""Counted up when the same files would give other heights, or the same heights other times."""

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


def load_terrain(
    source: Path,
    name: str,
    home: Path,
    *,
    now: datetime,
    crs: str | None = None,
    progress: Callable[[str], None] | None = None,
) -> Report:
    """Load a height model and put it in service in place of the former one of its name.

    Parameters
    ----------
    source : Path
        A file, an archive or a folder.
    name : str
        Under which it is kept.
    home : Path
        ``MOBIGO_HOME``.
    crs : str, optional
        Reference system of ASCII grids that do not say it.
    progress : callable, optional
        Told what is being done, in a few words.

    Raises
    ------
    InvalidInput
        When the name or the reference system cannot be one.
    Refused
        When a file is broken, lies nowhere or is no height model. What was in service stays so.
    """
    say = progress or (lambda _: None)
    if not NAME.fullmatch(name):
        raise InvalidInput(f"{name!r} cannot name a height model; take small letters, digits, - and _")
    files, left_out = list_files(source)
    with store.lock_loading(home):
        say("reading what there is")
        digest = _hash(files, crs)
        active = store.list_models(home).get(name)
        if active is not None and active.hash == digest:
            return Report("unchanged", active, tuple(left_out))
        new = store.begin_model(home, name)
        try:
            sheets = []
            with (new / store.HEIGHTS).open("wb") as heights:
                for number, file in enumerate(files, 1):
                    say(f"sheet {number} of {len(files)}: {file.name}")
                    with open_sheet(file, crs) as sheet:
                        if heights.tell() // 4 + sheet.frame.cells > MOST_CELLS:
                            raise Refused(
                                f"there are more than {MOST_CELLS:,} heights; load a coarser model, or less of it",
                                code="too_many_heights",
                            )
                        sheets.append(store.write_sheet(heights, sheet))
            if not any(sheet.known for sheet in sheets):
                raise Refused(f"{source.name} holds no known height", code="no_heights")
            boxes = [find_box(sheet.name, sheet.frame) for sheet in sheets]
            box = (
                min(one[0] for one in boxes), min(one[1] for one in boxes),
                max(one[2] for one in boxes), max(one[3] for one in boxes),
            )  # fmt: skip
            model = Model(name, digest, now.isoformat(), tuple(sheets), box)
            store.put_in_service(home, new, model)
        finally:
            if new.exists():
                shutil.rmtree(new)
    return Report("active", model, tuple(left_out))


def remove_terrain(name: str, home: Path) -> None:
    """Take a height model out of service.

    Raises
    ------
    NotFound
        When there is none of that name.
    """
    with store.lock_loading(home):
        if not store.remove_model(home, name):
            raise NotFound(f"no height model {name!r} is loaded; `mobigo terrain` names them")


def name_content(home: Path) -> str | None:
    """Return a name for all heights in service, None without any: the same heights have the same name."""
    models = store.list_models(home)
    if not models:
        return None
    return sha256("".join([FORMAT, *(f"{name}={model.hash};" for name, model in models.items())]).encode()).hexdigest()


def _hash(files: list[File], crs: str | None) -> str:
    """Return the SHA-256 of what is read from some files."""
    digest = sha256(f"{FORMAT}:{crs}".encode())
    for file in files:
        digest.update(f"\n{file.name}\n{file.projection or ''}\n".encode())
        with explained(file), file.open() as content:
            while block := content.read(1 << 22):
                digest.update(block)
    return digest.hexdigest()
