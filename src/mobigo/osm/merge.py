"""Several extracts of neighbouring areas as one file: what lies in two of them is kept once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import osmium

from mobigo.kit.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def merge_extracts(files: Sequence[Path], to: Path) -> None:
    """Merge extracts that are sorted by type and id, as published ones are; memory stays small.

    Parameters
    ----------
    files : sequence of Path
        The extracts; of an object in several of them the first's version is kept.
    to : Path
        The ``.osm.pbf`` to write; replaced only by a whole one.

    Raises
    ------
    Refused
        When one of them cannot be read.
    """
    part = to.with_name(f".{to.name}.part.osm.pbf")
    try:
        with osmium.SimpleWriter(str(part), overwrite=True) as writer:
            for objects in osmium.zip_processors(*(osmium.FileProcessor(str(file)) for file in files)):
                writer.add(next(entity for entity in objects if entity is not None))
        part.replace(to)
    except (RuntimeError, ValueError) as error:
        names = ", ".join(file.name for file in files)
        raise Refused(f"{names} cannot be merged ({error}); download them again", code="broken_extract") from error
    finally:
        part.unlink(missing_ok=True)
