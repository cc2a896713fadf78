"""Deterministic CBOR (RFC 8949, section 4.2.1) of what our codes hold, and nothing else.

Whole numbers, bytes, text, lists, maps, true, false and null; no tags, no floats, no lengths left open. A value has
one encoding: whatever else says the same is refused, so that a code cannot be told twice in two ways.
"""

from __future__ import annotations

from typing import Any

from mobigo.tickets.model import Malformed

DEEPEST = 12
"""Lists and maps within each other that are read, at most."""

_UINT, _NINT, _BYTES, _TEXT, _LIST, _MAP, _SIMPLE = 0, 1, 2, 3, 4, 5, 7
_WORDS: dict[int, Any] = {20: False, 21: True, 22: None}
_DIRECT = 24
"""Arguments below it stand in the first byte; from it on come 1, 2, 4 or 8 bytes."""


def dump(value: object) -> bytes:
    """Write a value.

    Raises
    ------
    ValueError
        When it is, or holds, something else, or a number beyond 64 bits.
    """
    match value:
        case None | bool():
            return bytes([_SIMPLE << 5 | (22 if value is None else 20 + value)])
        case int():
            return _head(_UINT, value) if value >= 0 else _head(_NINT, ~value)
        case bytes():
            return _head(_BYTES, len(value)) + value
        case str():
            data = value.encode()
            return _head(_TEXT, len(data)) + data
        case list() | tuple():
            return _head(_LIST, len(value)) + b"".join(map(dump, value))
        case dict():
            pairs = sorted((dump(key), dump(one)) for key, one in value.items())
            return _head(_MAP, len(pairs)) + b"".join(key + one for key, one in pairs)
    raise ValueError(f"{value!r} cannot be written")


def _head(major: int, argument: int) -> bytes:
    if argument < _DIRECT:
        return bytes([major << 5 | argument])
    for power in range(4):
        if argument < 1 << (8 << power):
            return bytes([major << 5 | _DIRECT + power]) + argument.to_bytes(1 << power)
    raise ValueError(f"{argument} does not fit into 64 bits")


def load(data: bytes) -> Any:  # noqa: ANN401 - whatever was written
    """Read a value that fills the bytes.

    Raises
    ------
    Malformed
        When it does not, or `dump` would write it otherwise.
    """
    value, end = _read(data, 0, 0)
    if end != len(data):
        raise Malformed(f"{len(data) - end} bytes follow the value")
    return value


def _read(data: bytes, at: int, depth: int) -> tuple[Any, int]:  # noqa: C901 - a case for each type
    if at >= len(data):
        raise Malformed("the value ends too soon")
    if depth > DEEPEST:
        raise Malformed(f"nested deeper than {DEEPEST}")
    major, short = data[at] >> 5, data[at] & 0x1F
    argument, at = _read_argument(data, at + 1, short)
    match major:
        case 0:
            return argument, at
        case 1:
            return ~argument, at
        case 2 | 3:
            if argument > len(data) - at:
                raise Malformed(f"{argument} bytes wanted, {len(data) - at} are left")
            part = data[at : at + argument]
            return (part if major == _BYTES else _read_text(part)), at + argument
        case 4:
            items: list[Any] = []
            for _ in range(argument):
                one, at = _read(data, at, depth + 1)
                items.append(one)
            return items, at
        case 5:
            return _read_map(data, at, depth, argument)
        case 7 if short in _WORDS:
            return _WORDS[short], at
    raise Malformed(f"type {major} with {short} is not ours")


def _read_text(part: bytes) -> str:
    try:
        return part.decode()
    except UnicodeDecodeError as error:
        raise Malformed(f"no text: {error.reason}") from None


def _read_map(data: bytes, at: int, depth: int, count: int) -> tuple[dict[Any, Any], int]:
    pairs: dict[Any, Any] = {}
    before = b""
    for _ in range(count):
        start = at
        key, at = _read(data, at, depth + 1)
        if type(key) not in {int, str, bytes} or data[start:at] <= before:
            raise Malformed("keys are not in order")
        before = data[start:at]
        pairs[key], at = _read(data, at, depth + 1)
    return pairs, at


def _read_argument(data: bytes, at: int, short: int) -> tuple[int, int]:
    if short < _DIRECT:
        return short, at
    power = short - _DIRECT
    if power > 3 or at + (1 << power) > len(data):  # noqa: PLR2004 - 1, 2, 4 or 8 bytes
        raise Malformed("a length that is none, is left open, or ends too soon")
    argument = int.from_bytes(data[at : at + (1 << power)])
    if argument < (_DIRECT if not power else 1 << (4 << power)):
        raise Malformed(f"{argument} is not written as shortly as can be")
    return argument, at + (1 << power)
