"""Layouts of railway tickets, read from ``layouts.txt``: what each bit of them means, in each version."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from mobigo.tickets.uper import (
    Boolean,
    Choice,
    Choices,
    Identifier,
    Integer,
    Kind,
    Many,
    Member,
    Octets,
    Plain,
    Range,
    Sequence,
    Text,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SIMPLE: Mapping[str, Kind] = {
    "int": Integer(),
    "bool": Boolean(),
    "ia5": Plain(),
    "utf8": Text(),
    "bytes": Octets(),
    "oid": Identifier(),
}
_RANGE = re.compile(r"(-?\d+)\.\.(-?\d+)")
_SIZED = re.compile(r"ia5\[(\d+)(?:\.\.(\d+))?\]")


@cache
def find_layout(name: str, version: int) -> Kind:
    """Return the layout of a type in a major version."""
    return _read_all(version)[name]


@cache
def _read_all(version: int) -> Mapping[str, Kind]:
    """Read the layouts of a version."""
    kinds: dict[str, Kind] = {}
    groups: dict[str, list[tuple[str, ...]]] = {}
    bodies: dict[str, list[tuple[str, ...]]] = {}
    body: list[tuple[str, ...]] = []
    for indented, words in _list_lines(version):
        if indented:
            body.append(words)
        elif words[0] == "group":
            body = groups[words[1]] = []
        elif words[1:2] == ("=",):
            extensible = words[-1] == "*"
            kinds[words[0]] = Choices(words[2:-1] if extensible else words[2:], extensible)
        else:
            body = bodies[words[0]] = []
            kinds[words[0]] = (Choice if "<" in words else Sequence)(words[-1] == "*")
    for name, rows in bodies.items():
        kind = kinds[name]
        assert isinstance(kind, Choice | Sequence)
        kind.members.extend(_read_member(row, kinds) for row in _expand(rows, groups))
    return kinds


def _list_lines(version: int) -> Iterator[tuple[bool, tuple[str, ...]]]:
    text = resources.files(__package__).joinpath("layouts.txt").read_text("utf-8")
    for line in text.splitlines():
        words = tuple(line.split())
        if not words or words[0] == "#" or line.startswith("#"):
            continue
        if words[-1].startswith("@"):
            if str(version) not in words[-1]:
                continue
            words = words[:-1]
        yield line.startswith(" "), words


def _expand(rows: list[tuple[str, ...]], groups: Mapping[str, list[tuple[str, ...]]]) -> Iterator[tuple[str, ...]]:
    for row in rows:
        if row[0] == "with":
            yield from _expand(groups[row[1]], groups)
        else:
            yield row


def _read_member(row: tuple[str, ...], kinds: Mapping[str, Kind]) -> Member:
    name, text, *rest = row
    kind = _read_kind(text, kinds)
    if rest[:1] == ["="]:
        default: Any = int(rest[1]) if isinstance(kind, Range | Integer) else rest[1]
        return Member(name, kind, optional=True, default=default)
    return Member(name, kind, optional=rest == ["?"])


def _read_kind(text: str, kinds: Mapping[str, Kind]) -> Kind:
    if text.startswith("["):
        return Many(_read_kind(text[1:-1], kinds))
    if found := _RANGE.fullmatch(text):
        return Range(int(found[1]), int(found[2]))
    if found := _SIZED.fullmatch(text):
        return Plain(int(found[1]), int(found[2] or found[1]))
    return _SIMPLE[text] if text in _SIMPLE else kinds[text]
