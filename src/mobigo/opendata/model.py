"""The nouns of publishing: licences, data sets, what a version holds, what was found wrong with it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

Text = dict[str, str]
"""By language: ``fr``, ``en``."""


class Family(StrEnum):
    """Which licences may be mixed in one file, and what that file is then under."""

    OPEN = "open"
    """Attribution at most: may go into anything."""
    SHARE_ALIKE = "share_alike"
    """What is made of it is under the same licence."""
    UNSTATED = "unstated"
    """Nobody said: stands alone, and says so."""


@dataclass(frozen=True)
class Licence:
    """A licence that others know."""

    id: str
    """Of SPDX; ``unstated``."""
    family: Family
    name: Text
    url: str
    """Of its text; empty for ``unstated``."""


@dataclass(frozen=True)
class SourceLicence:
    """Under what a loaded source may be published."""

    source: str
    licence: Licence
    attribution: str
    """Whom to credit, as they ask; may be empty."""
    published: bool
    said_by: str = ""
    said_at: datetime | None = None


class Severity(StrEnum):
    """What a finding means for publishing."""

    ERROR = "error"
    """It is not put in place."""
    KNOWN = "known"
    """An error that the source itself has: told with the data, it stops nothing."""
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True)
class Problem:
    """Something a validator found."""

    validator: str
    code: str
    severity: Severity
    count: int
    sample: str = ""
    """One of them, in words or as the validator says it."""


@dataclass(frozen=True)
class Piece:
    """One file of a version."""

    name: str
    """As it is downloaded; the same for every version."""
    media_type: str
    format: str
    """As catalogues say it: ``GTFS``, ``NeTEx``, ``GeoJSON``, ``CSV``, ..."""
    size: int
    sha256: str
    """Names it on the shelf, and is its entity tag; empty: it is on no shelf, but written anew all the time."""
    standard: str = ""
    """Address of what it follows, for catalogues."""


@dataclass(frozen=True)
class Said:
    """What is told of a version."""

    licence: str
    attributions: tuple[str, ...] = ()
    first_day: date | None = None
    last_day: date | None = None
    extent: tuple[float, float, float, float] | None = None
    """West, south, east, north."""
    dots: tuple[tuple[float, float], ...] = ()
    """Longitude, latitude of places with something in them, thinned out for a small map."""
    counts: Mapping[str, int] = field(default_factory=dict)
    features: Mapping[str, bool] = field(default_factory=dict)
    """What is in it and what is missing, by the words of `features`."""
    samples: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)
    """By table: its header and its first three rows."""
    problems: tuple[Problem, ...] = ()
    changed: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Against the version before, by table: ``before`` and ``after``, in rows."""

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON; dates as text."""
        raw = asdict(self)
        for name in ("first_day", "last_day"):
            raw[name] = raw[name].isoformat() if raw[name] else None
        return raw

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Said:
        """Read it back."""
        told = dict(raw)
        for name in ("first_day", "last_day"):
            told[name] = date.fromisoformat(told[name]) if told[name] else None
        told["extent"] = tuple(told["extent"]) if told["extent"] else None
        told["dots"] = tuple((lon, lat) for lon, lat in told["dots"])
        told["attributions"] = tuple(told["attributions"])
        told["samples"] = {name: tuple(tuple(row) for row in rows) for name, rows in told["samples"].items()}
        told["problems"] = tuple(Problem(**{**one, "severity": Severity(one["severity"])}) for one in told["problems"])
        return cls(**told)


@dataclass(frozen=True)
class Version:
    """A version of a data set, as it was put in place; never changed."""

    dataset: str
    number: int
    key: str
    """Of its content: packed anew, the same content has the same key."""
    made_at: datetime
    said: Said
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Dataset:
    """What is published under one address."""

    id: str
    """Part of its address, for good."""
    title: Text
    about: Text
    theme: str
    """``timetable``, ``realtime``, ``fares``, ``carpool``, ``school``, ``places``, ``usage``: groups the page,
    and says what the national access point calls it."""
    period: str = "P1D"
    """How often it is made, ISO 8601."""


@dataclass(frozen=True)
class Report:
    """What validators said of the version in place when they were asked last."""

    judged_at: datetime
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class Standing:
    """How a data set stands."""

    dataset: Dataset
    current: Version | None
    checked_at: datetime
    """When it was made last, changed or not."""
    failed_at: datetime | None = None
    problems: tuple[Problem, ...] = ()
    """Why the last one made was not put in place."""
    report: Report | None = None
    """None: nobody was asked since it was put in place."""

    @property
    def found(self) -> tuple[Problem, ...]:
        """What validators say of the version in place."""
        if self.report is not None:
            return self.report.problems
        return self.current.said.problems if self.current else ()
