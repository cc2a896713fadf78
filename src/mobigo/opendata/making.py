"""What a maker of a data set is handed, and what it hands back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from psycopg import Connection

    from mobigo.opendata.model import Dataset, Problem, Said


@dataclass(frozen=True)
class Publisher:
    """Who publishes, as every format says it somewhere."""

    name: str
    website: str
    """What feeds name as the publisher's."""
    url: str = ""
    """Of the platform, without a slash at its end: addresses begin with it. Empty: where it is served."""
    language: str = "fr"
    email: str | None = None


@dataclass(frozen=True)
class Making:
    """The moment and the means of one publication."""

    connection: Connection[Any]
    """In a transaction of one snapshot, reading only."""
    database: str
    """Its address, for validators that load back."""
    folder: Path
    """Where files are made; nobody else looks at it."""
    home: Path
    now: datetime
    publisher: Publisher
    schemas: Path | None = None
    """Folder of the schemas of NeTEx, SIRI and catalogues; None: what needs them is told to be unchecked."""


@dataclass(frozen=True)
class Made:
    """A file that was made, not published yet."""

    path: Path
    name: str
    """As it will be downloaded."""
    media_type: str
    format: str
    key: str
    """Of its content: the same content packed anew has the same key."""
    standard: str = ""
    judged: bool = False
    """Taken from the version in place as it is: validators have seen it."""


@dataclass(frozen=True)
class Draft:
    """What a maker made."""

    said: Said
    """Without the problems, which the gate finds, and the changes."""
    files: tuple[Made, ...]
    problems: tuple[Problem, ...] = ()
    """What the maker itself knows to be wrong."""


Check = Callable[[Making, Draft], Sequence["Problem"]]
"""A check of one data set, besides those that the gate makes of all: what it found wrong."""


@dataclass(frozen=True)
class Maker:
    """How a data set is made and judged."""

    dataset: Dataset
    make: Callable[[Making], Draft | None]
    """None: there is nothing to publish (any more)."""
    checks: tuple[Check, ...] = field(default=())
