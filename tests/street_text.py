"""A street network as text inside a test, written as an .osm file.

::

    a 0 0                       node: x and y in metres east and north of 5° E, 47° N
    b 100 0 barrier=gate        ... with tags
    1: a b c  highway=service   way 1 along these nodes; tags at the end, _ for a space
    r: 1 b 2 no_left_turn       restriction: from way, via node (or via=3,4 for ways), to way, kind, more tags
"""

from __future__ import annotations

import re
from math import cos, radians
from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

if TYPE_CHECKING:
    from pathlib import Path

WEST, SOUTH = 5.0, 47.0
DEGREE = 111_195.08
"""Metres."""


def lonlat(x: float, y: float) -> tuple[float, float]:
    return WEST + x / DEGREE / cos(radians(SOUTH)), SOUTH + y / DEGREE


def node_id(letter: str) -> int:
    return sum((ord(c) - 96) * 27**i for i, c in enumerate(reversed(letter)))


def osm_text(text: str) -> str:
    """Write the XML of a network."""
    nodes, ways, relations = [], [], []
    for raw in text.strip().splitlines():
        line = raw.split("#")[0].strip()
        if not line:
            continue
        words = line.split()
        tags = "".join(_tag(word) for word in words if "=" in word and not word.startswith("via="))
        plain = [word for word in words if "=" not in word]
        if line.startswith("r:"):
            via = next((word[4:].split(",") for word in words if word.startswith("via=")), None)
            start, middle, end, kind = (plain[1], None, *plain[2:4]) if via else plain[1:5]
            members = f'<member type="way" ref="{start}" role="from"/><member type="way" ref="{end}" role="to"/>'
            members += f'<member type="node" ref="{node_id(middle)}" role="via"/>' if middle else ""
            members += "".join(f'<member type="way" ref="{way}" role="via"/>' for way in via or [])
            tags += _tag("type=restriction") + _tag(f"restriction={kind}")
            relations.append(f'<relation id="{len(relations) + 1}" version="1">{members}{tags}</relation>')
        elif re.match(r"\d+:", line):
            refs = "".join(f'<nd ref="{node_id(letter)}"/>' for letter in plain[1:])
            ways.append(f'<way id="{plain[0][:-1]}" version="1">{refs}{tags}</way>')
        else:
            lon, lat = lonlat(float(plain[1]), float(plain[2]))
            nodes.append(f'<node id="{node_id(plain[0])}" version="1" lon="{lon:.7f}" lat="{lat:.7f}">{tags}</node>')
    body = "\n".join(nodes + ways + relations)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<osm version="0.6">\n{body}\n</osm>\n'


def _tag(word: str) -> str:
    key, _, value = word.partition("=")
    return f"<tag k={quoteattr(key)} v={quoteattr(value.replace('_', ' ') if key == 'name' else value)}/>"


def write_osm(folder: Path, text: str) -> Path:
    """Write a network into a folder."""
    path = folder / "streets.osm"
    path.write_text(osm_text(text))
    return path
