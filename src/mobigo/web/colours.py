"""Line colours that can be read: feeds choose them for paint on a bus, not for a screen."""

from __future__ import annotations

import re
from typing import NamedTuple

READABLE = 4.5
"""Contrast of text, WCAG 2.2 level AA."""
VISIBLE = 3.0
"""Contrast of graphics, WCAG 2.2 level AA."""

PAPER, NIGHT = "#ffffff", "#1a2226"
"""Grounds of journeys, light and dark."""
INK = "#000000"
"""On grounds where white cannot be read; one of the two always can, which holds for pure black only."""
DEFAULT = "#24566b"
"""Of a line whose feed names no colour."""


class Paint(NamedTuple):
    """How a line is drawn."""

    ground: str
    """Of its badge, as the feed wants it."""
    text: str
    """On the badge, readable."""
    stroke: str
    """Its line in a list on paper, visible."""
    night_stroke: str
    """Likewise on a dark ground."""


def paint(color: str | None, text_color: str | None) -> Paint:
    """Make a line's colours readable, keeping the feed's wish where it can be read.

    Parameters
    ----------
    color, text_color : str or None
        RRGGBB as in GTFS; anything else counts as absent.
    """
    ground = _hex(color) or DEFAULT
    text = _hex(text_color)
    if text is None or contrast(ground, text) < READABLE:
        text = max("#ffffff", INK, key=lambda one: contrast(ground, one))
    return Paint(ground, text, _toward(ground, "#000000", PAPER), _toward(ground, "#ffffff", NIGHT))


def contrast(one: str, other: str) -> float:
    """Compute the contrast ratio of two colours, 1 to 21 (WCAG 2.2)."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _hex(color: str | None) -> str | None:
    return f"#{color.lower()}" if color and re.fullmatch(r"[0-9A-Fa-f]{6}", color) else None


def _channels(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def _luminance(color: str) -> float:
    linear = [c / 12.92 if (c := v / 255) <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for v in _channels(color)]  # noqa: PLR2004
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _toward(color: str, end: str, ground: str) -> str:
    """Shift a colour toward black or white until it is visible on a ground."""
    for tenth in range(11):
        mixed = [round(a + (b - a) * tenth / 10) for a, b in zip(_channels(color), _channels(end), strict=True)]
        shade = f"#{mixed[0]:02x}{mixed[1]:02x}{mixed[2]:02x}"
        if contrast(shade, ground) >= VISIBLE:
            return shade
    return end
