"""The main job: loading, the kernel beside its peer, from door to door. All the bars of these, in one run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import doors, gtfs, kernel, osm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.bar import Bar


def bars() -> Iterator[Bar]:
    """Run them one after another."""
    for part in (gtfs, osm, doors, kernel):
        yield from part.bars()
