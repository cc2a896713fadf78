"""A picture of how cost grows, drawn as SVG without any library."""

from __future__ import annotations

from math import log2
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.bar import Bar

WIDTH, HEIGHT, MARGIN = 640, 400, 64
COLOURS = ("#00629b", "#b5541c", "#3d7d3f", "#7a4988")


def plot_growth(bars: Sequence[Bar], file: Path, *, of: str = "the feed") -> None:
    """Draw what bars named ``... Nx: what`` say, each against its value for one copy, both axes logarithmic.

    A dashed line shows growth in proportion to the copies.

    Parameters
    ----------
    of : str
        What there are copies of.
    """
    series: dict[str, list[tuple[int, float]]] = {}
    for bar in bars:
        head, _, what = bar.bar.partition(": ")
        series.setdefault(f"{what} ({bar.unit})", []).append((int(head.split()[-1].rstrip("x")), bar.value))
    copies = sorted({number for points in series.values() for number, _ in points})
    top = max([copies[-1], *(value / points[0][1] for points in series.values() for _, value in points)])
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">',
        "<style>text{font-size:13px}</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{MARGIN}" y="24">Cost of 1 to {copies[-1]} copies of {escape(of)}, one copy = 1</text>',
    ]
    levels = [level for level in (1, 2, 4, 8, 16, 32) if level <= top * 1.01]
    for level in levels:
        y = _y(level, top)
        parts.append(f'<line x1="{MARGIN}" x2="{WIDTH - MARGIN}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{MARGIN - 8}" y="{y + 4:.1f}" text-anchor="end">{level}x</text>')
    for number in copies:
        x = _x(number, copies[-1])
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - MARGIN + 20}" text-anchor="middle">{number}x</text>')
    ends = ((_x(1, copies[-1]), _y(1, top)), (_x(copies[-1], copies[-1]), _y(copies[-1], top)))
    parts.append(
        f'<line x1="{ends[0][0]:.1f}" y1="{ends[0][1]:.1f}" x2="{ends[1][0]:.1f}" y2="{ends[1][1]:.1f}" '
        'stroke="#888" stroke-dasharray="5 4"/>'
    )
    for colour, (name, points) in zip(COLOURS, series.items(), strict=False):
        course = [(_x(number, copies[-1]), _y(value / points[0][1], top)) for number, value in sorted(points)]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in course)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2.5"/>')
        parts.extend(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in course)
        row = HEIGHT - 12 if colour == COLOURS[0] else HEIGHT - 28
        first = f"{name}: {points[0][1]:.3g} to {max(points)[1]:.3g}"
        parts.append(f'<text x="{MARGIN}" y="{row}" fill="{colour}">{escape(first)}</text>')
    parts.append("</svg>")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(parts))


def _x(copies: int, most: int) -> float:
    return MARGIN + (WIDTH - 2 * MARGIN) * (copies.bit_length() - 1) / max(1, most.bit_length() - 1)


def _y(ratio: float, top: float) -> float:
    share = log2(max(ratio, 0.5)) / max(1.0, log2(top))
    return HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN - 10) * share
