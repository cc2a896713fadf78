"""Our layouts written as ASN.1, for another program to read what we write and write what we read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mobigo.tickets import layouts
from mobigo.tickets.uper import (
    Boolean,
    Choice,
    Choices,
    Identifier,
    Integer,
    Kind,
    Many,
    Octets,
    Plain,
    Range,
    Sequence,
    Text,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_SIMPLE = {
    Boolean: "BOOLEAN",
    Integer: "INTEGER",
    Text: "UTF8String",
    Octets: "OCTET STRING",
    Identifier: "OBJECT IDENTIFIER",
}


def write_module(version: int) -> str:
    """Write all layouts of a version as one module."""
    kinds = layouts._read_all(version)
    names = {id(kind): name for name, kind in kinds.items()}
    lines = [f"{name} ::= {_body(kind, names)}" for name, kind in kinds.items()]
    return "\n".join(["M DEFINITIONS AUTOMATIC TAGS ::= BEGIN", *lines, "END"])


def _body(kind: Kind, names: Mapping[int, str]) -> str:
    match kind:
        case Choices(words, extensible):
            words = tuple(f"{word}({at})" for at, word in enumerate(words))
            return f"ENUMERATED {{ {', '.join([*words, *['...'] * extensible])} }}"
        case Sequence(extensible, members) | Choice(extensible, members):
            parts = []
            for one in members:
                end = "" if not one.optional else " OPTIONAL"
                if one.default is not None:
                    quoted = f'"{one.default}"' if isinstance(one.kind, Plain) else one.default
                    end = f" DEFAULT {quoted}"
                parts.append(f"{one.name} {_refer(one.kind, names)}{end}")
            word = "CHOICE" if isinstance(kind, Choice) else "SEQUENCE"
            return f"{word} {{ {', '.join([*parts, *['...'] * extensible])} }}"
    raise AssertionError(kind)


def _refer(kind: Kind, names: Mapping[int, str]) -> str:
    match kind:
        case Range(low, high):
            return f"INTEGER ({low}..{high})"
        case Plain(low, high):
            return "IA5String" if high is None else f"IA5String (SIZE({low}..{high}))"
        case Many(each):
            return f"SEQUENCE OF {_refer(each, names)}"
    return names.get(id(kind)) or _SIMPLE[type(kind)]


def same(value: object) -> Any:  # noqa: ANN401 - whatever a layout says
    """Write a value as the other program does: choices as pairs, no additions."""
    match value:
        case dict():
            return {name: same(one) for name, one in value.items() if name != "+"}
        case list():
            return [same(one) for one in value]
        case tuple():
            return tuple(map(same, value))
    return value
