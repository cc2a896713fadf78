"""Codes drawn: Aztec for railways, QR for our own; as SVG, or PNG for wallets and papers."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import segno

from mobigo.tickets import compact
from mobigo.tickets.model import Format

if TYPE_CHECKING:
    from collections.abc import Sequence

QUIET = 4
"""Empty modules around a symbol."""

CORRECTION = 23
"""Percent of an Aztec symbol that is there to mend it."""

SCALE = 6
"""Pixels of a module."""


def lay(format_: Format, data: bytes) -> list[list[bool]]:
    """Lay out a code's symbol: rows of modules, dark ones true, without the empty edge."""
    if format_ is Format.UIC:
        from aztec_code_generator import AztecCode  # noqa: PLC0415 - it loads a library of pictures: the server starts without

        symbol = AztecCode(data, ec_percent=CORRECTION)
        return [[bool(one) for one in row] for row in symbol.matrix]
    qr = segno.make_qr(compact.write_text(data), error="m")
    return [[bool(one) for one in row] for row in qr.matrix]


def draw_svg(modules: Sequence[Sequence[bool]]) -> str:
    """Draw a symbol as SVG, one unit a module."""
    size = len(modules) + 2 * QUIET
    path = "".join(
        f"M{x + QUIET} {y + QUIET}h1v1h-1z" for y, row in enumerate(modules) for x, dark in enumerate(row) if dark
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" shape-rendering="crispEdges">'
        f'<rect width="{size}" height="{size}" fill="#fff"/><path d="{path}"/></svg>'
    )


def draw_png(modules: Sequence[Sequence[bool]], scale: int = SCALE) -> bytes:
    """Draw a symbol as PNG: one bit a pixel, dark on white."""
    edge = QUIET * scale
    size = len(modules) * scale + 2 * edge
    blank = bytes([0]) + _pack_bits([True] * size)
    rows = [blank] * edge
    for row in modules:
        light = [True] * edge + [not dark for dark in row for _ in range(scale)] + [True] * edge
        rows += [bytes([0]) + _pack_bits(light)] * scale
    rows += [blank] * edge
    header = struct.pack(">IIBBBBB", size, size, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def _pack_bits(bits: Sequence[bool]) -> bytes:
    number = 0
    for bit in bits:
        number = number << 1 | bit
    return (number << -len(bits) % 8).to_bytes((len(bits) + 7) // 8)
