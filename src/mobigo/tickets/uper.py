"""Packed encoding rules of ASN.1, unaligned (ITU-T X.691, canonical), for the types that railway tickets are made of.

Reading trusts nothing: whatever the bytes are, it ends, soon, with a value or with `Malformed`. What later versions
add to a type is kept as it came, so that it is written again bit for bit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Protocol

from mobigo.tickets.model import Malformed

SHORT, LONG = 1 << 7, 1 << 14
"""Lengths from which the next longer form is used; from the second on a value would come in fragments."""

BYTE = 8
"""Bits; fewer fill the last one up."""

SMALL = 64
"""Numbers of additions below it have a form of their own."""

DEEPEST = 48
"""Types within types that are read, at most."""

ADDED = "+"
"""Member of a value that holds what a later version added: its number and its bytes."""


_OBJECT = re.compile(r"(?:[01]\.[123]?\d|2\.\d+)(?:\.\d+)*", re.ASCII)


class Unwritable(ValueError):
    """The value is none of the type."""


class Bits:
    """Bits that are read from the front."""

    def __init__(self, data: bytes) -> None:
        self._number = int.from_bytes(data)
        self._left = 8 * len(data)
        self._depth = 0

    def take(self, count: int) -> int:
        """Read bits as a whole number."""
        if count > self._left:
            raise Malformed(f"{count} bits wanted, {self._left} are left")
        self._left -= count
        return self._number >> self._left & ((1 << count) - 1)

    def take_bytes(self, count: int) -> bytes:
        """Read bytes, wherever they begin."""
        return self.take(8 * count).to_bytes(count)

    def take_length(self) -> int:
        """Read how long something is."""
        if not self.take(1):
            return self.take(7)
        if self.take(1):
            raise Malformed(f"a value in fragments, {LONG:,} long or longer")
        return self.take(14)

    def take_small(self) -> int:
        """Read a whole number that is nearly always small."""
        if not self.take(1):
            return self.take(6)
        return int.from_bytes(self.take_bytes(self.take_length()))

    def enter(self) -> None:
        """Go into a type within a type."""
        self._depth += 1
        if self._depth > DEEPEST:
            raise Malformed(f"types nested deeper than {DEEPEST}")

    def leave(self) -> None:
        """Come out of it."""
        self._depth -= 1

    def finish(self) -> None:
        """Make sure that nothing follows but the filling of the last byte."""
        if self._left >= BYTE or self._number & ((1 << self._left) - 1):
            raise Malformed(f"{self._left} bits follow the value")


class Bin:
    """Bits that are written one after another."""

    def __init__(self) -> None:
        self._number = 0
        self._length = 0

    def put(self, value: int, count: int) -> None:
        """Write a whole number in so many bits."""
        self._number = self._number << count | value
        self._length += count

    def put_bytes(self, data: bytes) -> None:
        """Write bytes."""
        self.put(int.from_bytes(data), 8 * len(data))

    def put_length(self, length: int) -> None:
        """Write how long something is."""
        if length < SHORT:
            self.put(length, 8)
        elif length < LONG:
            self.put(0b10 << 14 | length, 16)
        else:
            raise Unwritable(f"{length:,} long, at most {LONG - 1:,}")

    def put_small(self, value: int) -> None:
        """Write a whole number that is nearly always small."""
        if value < SMALL:
            self.put(value, 7)
        else:
            data = value.to_bytes((value.bit_length() + 7) // 8)
            self.put(1, 1)
            self.put_length(len(data))
            self.put_bytes(data)

    def close(self) -> bytes:
        """Return what was written, filled up with zeros to whole bytes; one at least."""
        return (self._number << -self._length % 8).to_bytes(max(1, (self._length + 7) // 8))


class Kind(Protocol):
    """A type: how its values are read and written."""

    def read(self, bits: Bits) -> Any: ...  # noqa: ANN401, D102 - values of all types

    def write(self, into: Bin, value: Any) -> None: ...  # noqa: ANN401, D102 - likewise


def decode(kind: Kind, data: bytes) -> Any:  # noqa: ANN401 - whatever the type says
    """Read one value that fills the bytes.

    Raises
    ------
    Malformed
        When it does not.
    """
    bits = Bits(data)
    value = kind.read(bits)
    bits.finish()
    return value


def encode(kind: Kind, value: Any) -> bytes:  # noqa: ANN401 - likewise
    """Write a value.

    Raises
    ------
    Unwritable
        When it is none of the type.
    """
    into = Bin()
    kind.write(into, value)
    return into.close()


@dataclass(frozen=True)
class Boolean:
    """BOOLEAN."""

    def read(self, bits: Bits) -> bool:  # noqa: D102 - as the protocol
        return bool(bits.take(1))

    def write(self, into: Bin, value: object) -> None:  # noqa: D102
        if not isinstance(value, bool):
            raise Unwritable(f"{value!r} is neither true nor false")
        into.put(value, 1)


@dataclass(frozen=True)
class Range:
    """INTEGER between two bounds."""

    low: int
    high: int

    def read(self, bits: Bits) -> int:  # noqa: D102
        value = self.low + bits.take((self.high - self.low).bit_length())
        if value > self.high:
            raise Malformed(f"{value} is more than {self.high}")
        return value

    def write(self, into: Bin, value: object) -> None:  # noqa: D102
        number = _as_int(value)
        if not self.low <= number <= self.high:
            raise Unwritable(f"{number} is not from {self.low} to {self.high}")
        into.put(number - self.low, (self.high - self.low).bit_length())


@dataclass(frozen=True)
class Integer:
    """INTEGER without bounds."""

    def read(self, bits: Bits) -> int:  # noqa: D102
        length = bits.take_length()
        if not length:
            raise Malformed("a number of no bytes")
        return int.from_bytes(bits.take_bytes(length), signed=True)

    def write(self, into: Bin, value: object) -> None:  # noqa: D102
        number = _as_int(value)
        data = number.to_bytes((number if number >= 0 else ~number).bit_length() // 8 + 1, signed=True)
        into.put_length(len(data))
        into.put_bytes(data)


@dataclass(frozen=True)
class Choices:
    """ENUMERATED: words; one that a later version added is ``+`` and its number."""

    words: tuple[str, ...]
    extensible: bool

    def read(self, bits: Bits) -> str:  # noqa: D102
        if self.extensible and bits.take(1):
            return f"{ADDED}{bits.take_small()}"
        index = bits.take((len(self.words) - 1).bit_length())
        if index >= len(self.words):
            raise Malformed(f"word {index} of {len(self.words)}")
        return self.words[index]

    def write(self, into: Bin, value: object) -> None:  # noqa: D102
        if value in self.words:
            into.put(0, int(self.extensible))
            into.put(self.words.index(str(value)), (len(self.words) - 1).bit_length())
        elif self.extensible and isinstance(value, str) and value[:1] == ADDED and value[1:].isdecimal():
            into.put(1, 1)
            into.put_small(int(value[1:]))
        else:
            raise Unwritable(f"{value!r} is none of {', '.join(self.words)}")


@dataclass(frozen=True)
class Plain:
    """IA5String: seven bits a sign; its length between two bounds, or as it comes."""

    low: int = 0
    high: int | None = None

    def read(self, bits: Bits) -> str:  # noqa: D102
        if self.high is None:
            length = bits.take_length()
        else:
            length = self.low + bits.take((self.high - self.low).bit_length())
            if length > self.high:
                raise Malformed(f"{length} signs, at most {self.high}")
        number = bits.take(7 * length)
        return "".join(chr(number >> shift & 0x7F) for shift in range(7 * (length - 1), -1, -7))

    def write(self, into: Bin, value: object) -> None:  # noqa: D102
        if not isinstance(value, str) or not value.isascii():
            raise Unwritable(f"{value!r} is no text of plain letters")
        if self.high is None:
            into.put_length(len(value))
        elif self.low <= len(value) <= self.high:
            into.put(len(value) - self.low, (self.high - self.low).bit_length())
        else:
            raise Unwritable(f"{value!r} is not {self.low} to {self.high} signs long")
        for sign in value:
            into.put(ord(sign), 7)


@dataclass(frozen=True)
class Text:
    """UTF8String."""

    def read(self, bits: Bits) -> str:  # noqa: D102
        try:
            return bits.take_bytes(bits.take_length()).decode()
        except UnicodeDecodeError as error:
            raise Malformed(f"no text: {error.reason}") from None

    def write(self, into: Bin, value: object) -> None:  # noqa: D102
        if not isinstance(value, str):
            raise Unwritable(f"{value!r} is no text")
        try:
            data = value.encode()
        except UnicodeEncodeError as error:
            raise Unwritable(f"{value!r} is no text: {error.reason}") from None
        into.put_length(len(data))
        into.put_bytes(data)


@dataclass(frozen=True)
class Octets:
    """OCTET STRING."""

    def read(self, bits: Bits) -> bytes:  # noqa: D102
        return bits.take_bytes(bits.take_length())

    def write(self, into: Bin, value: object) -> None:  # noqa: D102
        if not isinstance(value, bytes):
            raise Unwritable(f"{value!r} is no bytes")
        into.put_length(len(value))
        into.put_bytes(value)


@dataclass(frozen=True)
class Identifier:
    """OBJECT IDENTIFIER, as numbers with dots."""

    def read(self, bits: Bits) -> str:  # noqa: D102
        data = bits.take_bytes(bits.take_length())
        if not data or data[-1] & 0x80:
            raise Malformed("an object identifier that does not end")
        numbers, number = list[int](), 0
        for byte in data:
            if byte == SHORT and not number:
                raise Malformed("an object identifier with leading zeros")
            number = number << 7 | byte & 0x7F
            if not byte & 0x80:
                numbers.append(number)
                number = 0
        first = min(numbers[0] // 40, 2)
        return ".".join(map(str, [first, numbers[0] - 40 * first, *numbers[1:]]))

    def write(self, into: Bin, value: object) -> None:  # noqa: D102
        if not _OBJECT.fullmatch(str(value)):
            raise Unwritable(f"{value!r} is no object identifier")
        first, second, *rest = map(int, str(value).split("."))
        data = bytearray()
        for number in (40 * first + second, *rest):
            groups = [number >> shift & 0x7F for shift in range(0, max(1, number.bit_length()), 7)]
            data += bytes(group | 0x80 for group in groups[:0:-1]) + bytes(groups[:1])
        into.put_length(len(data))
        into.put_bytes(bytes(data))


@dataclass(frozen=True)
class Many:
    """SEQUENCE OF."""

    each: Kind

    def read(self, bits: Bits) -> list[Any]:  # noqa: D102
        return [self.each.read(bits) for _ in range(bits.take_length())]

    def write(self, into: Bin, value: object) -> None:  # noqa: D102
        if not isinstance(value, list | tuple):
            raise Unwritable(f"{value!r} is no list")
        into.put_length(len(value))
        for one in value:
            self.each.write(into, one)


@dataclass(frozen=True)
class Member:
    """One member of a SEQUENCE."""

    name: str
    kind: Kind
    optional: bool = False
    default: object = None
    """What it is where it is left out; None: nothing."""


@dataclass
class Sequence:
    """SEQUENCE: values by name. What is its default is never written."""

    extensible: bool = False
    members: list[Member] = field(default_factory=list)

    def read(self, bits: Bits) -> dict[str, Any]:  # noqa: D102
        bits.enter()
        extended = self.extensible and bits.take(1)
        there = [bits.take(1) if one.optional else 1 for one in self.members]
        value: dict[str, Any] = {}
        for one, given in zip(self.members, there, strict=True):
            if given:
                value[one.name] = one.kind.read(bits)
            elif one.default is not None:
                value[one.name] = one.default
        if extended:
            value[ADDED] = _read_added(bits)
        bits.leave()
        return value

    def write(self, into: Bin, value: object) -> None:  # noqa: D102
        if not isinstance(value, dict):
            raise Unwritable(f"{value!r} has no members")
        unknown = value.keys() - {one.name for one in self.members} - {ADDED}
        if unknown:
            raise Unwritable(f"no members {', '.join(sorted(map(str, unknown)))}")
        added = value.get(ADDED)
        if self.extensible:
            into.put(int(bool(added)), 1)
        given = [one.name in value and value[one.name] != one.default for one in self.members]
        for one, there in zip(self.members, given, strict=True):
            if one.optional:
                into.put(int(there), 1)
            elif not there:
                raise Unwritable(f"{one.name} is missing")
        for one, there in zip(self.members, given, strict=True):
            if there:
                one.kind.write(into, value[one.name])
        if added:
            _write_added(into, added)


def _read_added(bits: Bits) -> dict[int, bytes]:
    count = bits.take_small() + 1
    there = bits.take(count)
    return {at: bits.take_bytes(bits.take_length()) for at in range(count) if there >> (count - 1 - at) & 1}


def _write_added(into: Bin, added: dict[int, bytes]) -> None:
    count = max(added) + 1
    into.put_small(count - 1)
    for at in range(count):
        into.put(int(at in added), 1)
    for at in sorted(added):
        into.put_length(len(added[at]))
        into.put_bytes(added[at])


@dataclass
class Choice:
    """CHOICE: the name of what it is, and that; what a later version added by ``+`` and its number, as bytes."""

    extensible: bool = False
    members: list[Member] = field(default_factory=list)

    def read(self, bits: Bits) -> tuple[str, Any]:  # noqa: D102
        if self.extensible and bits.take(1):
            number = bits.take_small()
            return f"{ADDED}{number}", bits.take_bytes(bits.take_length())
        index = bits.take((len(self.members) - 1).bit_length())
        if index >= len(self.members):
            raise Malformed(f"choice {index} of {len(self.members)}")
        bits.enter()
        value = self.members[index].kind.read(bits)
        bits.leave()
        return self.members[index].name, value

    def write(self, into: Bin, value: object) -> None:  # noqa: D102
        if not isinstance(value, list | tuple) or len(value) != 2:  # noqa: PLR2004 - a name and a value
            raise Unwritable(f"{value!r} is no choice: a name and a value")
        name, chosen = value
        if self.extensible and isinstance(name, str) and name[:1] == ADDED and name[1:].isdecimal():
            into.put(1, 1)
            into.put_small(int(name[1:]))
            into.put_length(len(chosen))
            into.put_bytes(chosen)
            return
        into.put(0, int(self.extensible))
        for index, one in enumerate(self.members):
            if one.name == name:
                into.put(index, (len(self.members) - 1).bit_length())
                one.kind.write(into, chosen)
                return
        raise Unwritable(f"no choice {name!r}")


def _as_int(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise Unwritable(f"{value!r} is no whole number")
    return value
