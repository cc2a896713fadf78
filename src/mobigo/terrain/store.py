"""Height models on the disk: ``<home>/terrain``.

Heights lie in files beside the network that is built from them, not in the database: they are read only where a network
is built, mapped instead of copied, never searched by anybody else, and whoever loses them loads the publisher's files
again. Each model has a folder with one file of float32 (metres, not a number where unknown), sheet after sheet; the
file ``index.json`` names the models in service and is replaced as a whole, so that a load happens or does not.
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_NB, flock
from typing import TYPE_CHECKING

import numpy as np

from mobigo.kit.errors import Conflict
from mobigo.terrain.model import Model, Sheet, StoredSheet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import BinaryIO

FOLDER, INDEX, HEIGHTS = "terrain", "index.json", "heights.f32"


@contextmanager
def lock_loading(home: Path) -> Iterator[None]:
    """Hold the right to change the models of a home, or say that somebody else does."""
    folder = home / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            flock(lock, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            raise Conflict("another height model is being loaded; wait until it has ended") from None
        yield


def list_models(home: Path) -> dict[str, Model]:
    """Return the models in service, by name."""
    try:
        raw = json.loads((home / FOLDER / INDEX).read_text())
    except FileNotFoundError:
        return {}
    return {name: Model.from_json(one) for name, one in sorted(raw.items())}


def write_sheet(file: BinaryIO, sheet: Sheet) -> StoredSheet:
    """Write the heights of a sheet at the end of a file."""
    offset, known, lowest, highest = file.tell() // 4, 0, np.inf, -np.inf
    for block in sheet.blocks:
        file.write(block.astype("<f4", copy=False).data)
        there = block[~np.isnan(block)]
        if len(there):
            known += len(there)
            lowest, highest = min(lowest, float(there.min())), max(highest, float(there.max()))
    bounds = (round(lowest, 2), round(highest, 2)) if known else (None, None)
    return StoredSheet(sheet.name, sheet.frame, offset, known, *bounds)


def begin_model(home: Path, name: str) -> Path:
    """Make an empty folder for a model that is being loaded."""
    new = home / FOLDER / f"{name}.new"
    if new.exists():
        shutil.rmtree(new)  # of a load that was killed
    new.mkdir(parents=True)
    return new


def put_in_service(home: Path, new: Path, model: Model) -> None:
    """Put a written model in service in place of the former one of its name."""
    target = folder_of(home, model)
    if target.exists():
        shutil.rmtree(target)  # no index names it
    with (new / HEIGHTS).open("rb") as file:
        os.fsync(file.fileno())
    new.rename(target)
    _write_index(home, list_models(home) | {model.name: model})


def remove_model(home: Path, name: str) -> bool:
    """Take a model out of service; False when there is none of that name."""
    models = list_models(home)
    if models.pop(name, None) is None:
        return False
    _write_index(home, models)
    return True


def _write_index(home: Path, models: Mapping[str, Model]) -> None:
    """Replace the index, and remove the folders that it no longer names."""
    folder = home / FOLDER
    new = folder / f"{INDEX}.new"
    with new.open("w") as file:
        json.dump({name: model.as_json() for name, model in models.items()}, file)
        file.flush()
        os.fsync(file.fileno())
    new.replace(folder / INDEX)
    kept = {folder_of(home, model) for model in models.values()}
    for other in folder.iterdir():
        if other.is_dir() and other not in kept:
            shutil.rmtree(other)  # a build that has it mapped keeps its pages


def folder_of(home: Path, model: Model) -> Path:
    """Return the folder of a model."""
    return home / FOLDER / f"{model.name}-{model.hash[:12]}"
