"""What a load of an extract did: counts, what was left out, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Finding:
    """One kind of defect in an extract, with its first example."""

    class_: str
    """``reject_feed``, ``reject_entity``, ``repair``, ``warn``, as for GTFS."""
    code: str
    file: str
    value: str
    """The first object concerned, as ``way 4711``, and how many there are."""
    rule: str
    remedy: str

    def as_json(self) -> dict[str, Any]:
        """Return the finding with the names of the JSON report; an extract has no lines."""
        return {
            "class": self.class_,
            "code": self.code,
            "file": self.file,
            "line": None,
            "value": self.value,
            "rule": self.rule,
            "remedy": self.remedy,
        }


RULES: dict[str, tuple[str, str, str]] = {
    "way_without_nodes": (
        "reject_entity",
        "a street needs two nodes with a position",
        "cut the extract with complete ways (osmium extract --strategy complete_ways)",
    ),
    "way_cut": (
        "repair",
        "every node of a street should be in the file; the street was kept as far as its nodes are",
        "cut the extract with complete ways (osmium extract --strategy complete_ways)",
    ),
    "duplicate_way": ("repair", "an object appears once; the first was kept", "merge files with osmium merge"),
    "bad_text": ("reject_entity", "text is UTF-8", "correct the object in OpenStreetMap or download the extract again"),
    "bad_restriction": (
        "reject_entity",
        "a turn restriction has from, via and to, and says no_* or only_*",
        "correct the relation in OpenStreetMap",
    ),
    "wrong_box": (
        "warn",
        "the box in the header holds the nodes; it was ignored, the nodes are trusted",
        "nothing to do, or write the header again with osmium",
    ),
    "buildings_left_out": (
        "warn",
        "buildings of an extract this large are not kept; nothing but the map's closest zooms lacks them",
        "nothing to do",
    ),
}
"""Code: class, rule, remedy."""


@dataclass
class Tally:
    """Defects met while loading, counted by code, with the first example of each."""

    file: str
    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, code: str, example: str) -> None:
        """Count one defect."""
        self.counts[code] = self.counts.get(code, 0) + 1
        self.examples.setdefault(code, example)

    def dropped(self) -> dict[str, int]:
        """Return how many entities were left out, by code."""
        return {code: count for code, count in self.counts.items() if RULES[code][0] == "reject_entity"}

    def findings(self) -> tuple[Finding, ...]:
        """Return one finding per code."""
        return tuple(
            Finding(RULES[code][0], code, self.file, f"{self.examples[code]} ({count} in all)", *RULES[code][1:])
            for code, count in self.counts.items()
        )


@dataclass(frozen=True)
class LoadReport:
    """The end of a load."""

    status: str
    """``active``: now in service; ``unchanged``: it already was; ``rejected``: the former one still is."""
    version: int | None
    name: str
    counts: dict[str, int]
    """ways, nodes, edges, restrictions, places, addresses, pois, areas, lines."""
    dropped: dict[str, int]
    findings: tuple[Finding, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the report as `mobigo load osm --json` prints it."""
        return {
            "status": self.status,
            "version": self.version,
            "name": self.name,
            "counts": self.counts,
            "dropped": self.dropped,
            "findings": [finding.as_json() for finding in self.findings],
        }
