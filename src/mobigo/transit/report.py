"""The report of a load: findings with file, line, value, rule and remedy, as text and as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mobigo.transit.rules import RULES, Class

SAMPLES = 5
"""Findings of one kind shown one by one; the rest is counted."""

MAX_VALUE = 200
"""Characters of a value that are kept."""


@dataclass(frozen=True)
class Finding:
    """One thing found, or the summary of many of one kind."""

    class_: Class
    code: str
    file: str
    line: int | None
    value: str
    rule: str
    remedy: str

    def as_json(self) -> dict[str, Any]:
        """Return the keys of the published contract."""
        return {
            "class": self.class_.value,
            "code": self.code,
            "file": self.file,
            "line": self.line,
            "value": self.value,
            "rule": self.rule,
            "remedy": self.remedy,
        }

    def as_text(self) -> str:
        """Return one line for people."""
        where = f"{self.file} line {self.line}" if self.line is not None else self.file
        value = f" {self.value!r}" if self.value else ""
        return f"{where}: [{self.class_}] {self.code}{value}: {self.rule}; {self.remedy}"


ORDER = {class_: rank for rank, class_ in enumerate(Class)}


@dataclass
class Findings:
    """What has been found so far: samples of each kind, and how often each occurred."""

    samples: dict[tuple[str, str], list[Finding]] = field(default_factory=dict)
    totals: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, code: str, file: str, line: int | None = None, value: str = "", *, times: int = 1) -> None:
        """Note a finding, or with `times` 0 one more sample of what was counted already."""
        rule = RULES[code]
        kind = (code, file)
        self.totals[kind] = self.totals.get(kind, 0) + times
        kept = self.samples.setdefault(kind, [])
        if len(kept) < SAMPLES:
            kept.append(Finding(rule.class_, code, file, line, clip(value), rule.sentence, rule.remedy))

    def snapshot(self) -> Findings:
        """Remember what has been found so far."""
        return Findings({kind: list(kept) for kind, kept in self.samples.items()}, dict(self.totals))

    def restore(self, before: Findings) -> None:
        """Forget what was found since."""
        self.samples, self.totals = before.samples, before.totals

    @property
    def rejected(self) -> bool:
        """Whether the feed must be refused."""
        return any(RULES[code].class_ is Class.REJECT_FEED for code, _ in self.totals)

    def ordered(self) -> list[Finding]:
        """List samples by severity, and after the samples of a kind that has more of them, how many it has."""
        found = []
        for kind in sorted(self.samples, key=lambda kind: (ORDER[RULES[kind[0]].class_], kind[1], kind[0])):
            kept, total = self.samples[kind], self.totals[kind]
            found += kept
            if total > len(kept):
                first = kept[0]
                more = f"{total} in all, of which {len(kept)} are listed"
                found.append(Finding(first.class_, first.code, first.file, None, more, first.rule, first.remedy))
        return found


def clip(value: str) -> str:
    """Shorten a value to what a report can show."""
    shown = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in value[:MAX_VALUE])
    return shown + "…" if len(value) > MAX_VALUE else shown


@dataclass(frozen=True)
class LoadReport:
    """What became of a load; stays with the version."""

    source: str
    version: int | None
    status: str
    """``active``, ``rejected`` or ``unchanged``."""
    counts: dict[str, int]
    """Rows stored, by file."""
    dropped: dict[str, int]
    """Rows of the feed that were not stored, by file."""
    findings: tuple[Finding, ...]
    totals: dict[str, int]
    """How often each code occurred."""
    notes: tuple[str, ...] = ()
    """What was done on request, as shifting the dates."""

    def as_json(self) -> dict[str, Any]:
        """Return the published contract."""
        return {
            "source": self.source,
            "version": self.version,
            "status": self.status,
            "counts": self.counts,
            "dropped": self.dropped,
            "findings": [finding.as_json() for finding in self.findings],
            "totals": self.totals,
            "notes": list(self.notes),
        }

    def as_text(self) -> str:
        """Return the report for people."""
        lines = [
            f"{self.source} version {self.version}: {self.status}" if self.version else f"{self.source}: {self.status}"
        ]
        lines += list(self.notes)
        lines += [
            f"  {file:24}{count:>10,}{_dropped(self.dropped.get(file, 0))}" for file, count in self.counts.items()
        ]
        lines += [f"  {file:24}{0:>10,}{_dropped(n)}" for file, n in self.dropped.items() if file not in self.counts]
        lines += [finding.as_text() for finding in self.findings]
        return "\n".join(lines)


def _dropped(count: int) -> str:
    return f"  ({count:,} dropped)" if count else ""


def read_report(raw: dict[str, Any]) -> LoadReport:
    """Read a report back from its JSON."""
    findings = tuple(
        Finding(Class(f["class"]), f["code"], f["file"], f["line"], f["value"], f["rule"], f["remedy"])
        for f in raw["findings"]
    )
    return LoadReport(
        raw["source"],
        raw["version"],
        raw["status"],
        raw["counts"],
        raw["dropped"],
        findings,
        raw["totals"],
        tuple(raw["notes"]),
    )
