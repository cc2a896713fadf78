"""Packed encoding: published vectors byte for byte, and another program reads and writes the same."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import asn1tools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tickets.asn1 import same, write_module

from mobigo.tickets import railway
from mobigo.tickets.layouts import _read_all, find_layout
from mobigo.tickets.model import Malformed
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
    Unwritable,
    decode,
    encode,
)

if TYPE_CHECKING:
    from pathlib import Path


@cache
def compile_other(version: int) -> Any:  # noqa: ANN401 - a library without types
    return asn1tools.compile_string(write_module(version), "uper")


def test_every_vector_reads_and_writes_byte_for_byte(test_data: Path) -> None:
    vectors = json.loads((test_data / "ticketing" / "uic_fcb_vectors.json").read_text())["vectors"]
    assert len(vectors) >= 7
    for one in vectors:
        data = bytes.fromhex(one["hex"])
        version, ticket = railway.read_bare(data)
        assert str(version) == one["roundtrip_ok_with_spec"][0][0], one["name"]
        layout = find_layout("UicRailTicketData", version)
        assert encode(layout, ticket) == data, one["name"]
        other = compile_other(version)
        assert other.decode("UicRailTicketData", data) == same(ticket), one["name"]
        assert other.encode("UicRailTicketData", same(ticket)) == data, one["name"]


def values(kind: Kind, depth: int = 0) -> st.SearchStrategy[Any]:  # noqa: C901, PLR0911 - a case for each type
    """Values of a type."""
    match kind:
        case Boolean():
            return st.booleans()
        case Range(low, high):
            return st.integers(low, high)
        case Integer():
            return st.integers(-(2**63), 2**63 - 1)
        case Choices(words, _):
            return st.sampled_from(words)
        case Plain(low, high):
            return st.text(st.characters(max_codepoint=127), min_size=low, max_size=high or 200)
        case Text():
            return st.text(max_size=100)
        case Octets():
            return st.binary(max_size=200)
        case Identifier():
            return st.sampled_from(["1.2.840.10045.3.1.7", "2.16.840.1.101.3.4.3.1", "0.39", "2.999", "1.3"])
        case Many(each):
            return st.lists(values(each, depth + 1), max_size=0 if depth > 6 else 2)
        case Choice(_, members):
            return st.sampled_from(members).flatmap(
                lambda one: st.tuples(st.just(one.name), values(one.kind, depth + 1))
            )
        case Sequence(_, members):
            must = {one.name: values(one.kind, depth + 1) for one in members if not one.optional}
            may = {one.name: values(one.kind, depth + 1) for one in members if one.optional and depth < 6}
            defaults = {one.name: one.default for one in members if one.default is not None}
            return st.fixed_dictionaries(must, optional=may).map(lambda given: defaults | given)
    raise AssertionError(kind)


SMALL = ["IssuingData", "OpenTicketData", "TariffType", "ZoneType", "VoucherData", "TravelerType", "CustomerCardData"]


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("name", [*SMALL, "StationPassageData", "GeoCoordinateType", "RegionalValidityType"])
def test_another_program_reads_what_we_write(version: int, name: str) -> None:
    layout, other = find_layout(name, version), compile_other(version)

    @settings(max_examples=25, deadline=None, database=None)
    @given(values(layout))
    def check(value: object) -> None:
        data = encode(layout, value)
        assert decode(layout, data) == value
        assert other.encode(name, value) == data
        assert other.decode(name, data) == value

    check()


def test_what_a_later_version_adds_is_kept() -> None:
    later = Sequence(True, [*find_layout("LineType", 3).members])  # type: ignore[attr-defined]
    data = encode(later, {"stationCodeTable": "stationUIC", "city": 3, "+": {0: b"new", 2: b"newer"}})
    value = decode(find_layout("LineType", 3), data)
    assert value["+"] == {0: b"new", 2: b"newer"}
    assert encode(find_layout("LineType", 3), value) == data


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (Range(0, 9), b"\xf0"),  # 15 is more than 9
        (Integer(), b"\x00"),  # a number of no bytes
        (Integer(), b"\x02\x01"),  # ends too soon
        (Octets(), b"\xc4"),  # in fragments
        (Text(), b"\x01\xff"),  # no UTF-8
        (Choices(("a", "b", "c"), extensible=False), b"\xc0"),
        (Identifier(), b"\x01\x80"),
        (Boolean(), b"\xff"),  # filled up with ones
        (Boolean(), b"\x80\x00"),  # more follows
        (Boolean(), b""),
    ],
)
def test_what_is_no_value_is_refused(kind: Kind, data: bytes) -> None:
    with pytest.raises(Malformed):
        decode(kind, data)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Range(0, 9), 10),
        (Range(0, 9), True),
        (Integer(), "1"),
        (Boolean(), 1),
        (Plain(), "é"),
        (Plain(2, 3), "a"),
        (Text(), "\ud800"),
        (Octets(), "text"),
        (Octets(), bytes(16_384)),
        (Identifier(), "1.40"),
        (Identifier(), "3.1"),
        (Choices(("a",), extensible=False), "b"),
        (Many(Boolean()), True),
        (Sequence(), {"unknown": 1}),
        (Choice(), ("unknown", 1)),
    ],
)
def test_what_cannot_be_written_is_refused(kind: Kind, value: object) -> None:
    with pytest.raises(Unwritable):
        encode(kind, value)


def test_types_within_types_end() -> None:
    nested: dict[str, Any] = {"stationCodeTable": "stationUIC", "border": False}
    for _ in range(60):
        nested = {"stationCodeTable": "stationUIC", "border": False, "route": [nested]}
    data = encode(find_layout("ViaStationType", 3), nested)
    with pytest.raises(Malformed, match="nested"):
        decode(find_layout("ViaStationType", 3), data)


def test_all_layouts_are_complete() -> None:
    for version in (1, 2, 3):
        for name, kind in _read_all(version).items():
            if isinstance(kind, Sequence | Choice):
                assert kind.members, name
                assert len({one.name for one in kind.members}) == len(kind.members), name
