"""XML of OJP: requests read without trusting them, answers written as trees, elements in the order of the schema.

A tree is that of ``opendata.siri_xml``: keys of OJP stand alone, those of SIRI begin with ``siri:``. Ids are those of
the NeTEx and SIRI that are published here; ``source:gtfs_id`` is understood too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lxml import etree

from mobigo.kit.errors import InvalidInput
from mobigo.kit.geo import Point
from mobigo.kit.parameters import read_offset_instant
from mobigo.opendata.siri_xml import Tree, instant, write_elements

if TYPE_CHECKING:
    from datetime import datetime, timedelta

HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<OJP xmlns="http://www.vdv.de/ojp" xmlns:siri="http://www.siri.org.uk/siri" version="2.0">'
)
DURATION = re.compile(
    r"P(?:([0-9]{1,4})D)?(?:T(?:([0-9]{1,5})H)?(?:([0-9]{1,6})M)?(?:([0-9]{1,8})(?:\.[0-9]{1,9})?S)?)?"
)
TRUE = frozenset({"true", "1"})


class Node:
    """An element of a request; names are looked for in any namespace."""

    def __init__(self, element: Any) -> None:  # noqa: ANN401 - lxml is untyped
        self._element = element

    @property
    def name(self) -> str:
        """Without its namespace."""
        return str(etree.QName(self._element).localname)

    def child(self, path: str) -> Node | None:
        """Return the first element at a path of names."""
        found = self._element.find("/".join(f"{{*}}{name}" for name in path.split("/")))
        return None if found is None else Node(found)

    def all(self, path: str) -> list[Node]:
        """Return all elements at a path of names."""
        return [Node(one) for one in self._element.findall("/".join(f"{{*}}{name}" for name in path.split("/")))]

    def children(self) -> list[Node]:
        """Return the elements below."""
        return [Node(one) for one in self._element]

    def text(self, path: str = "") -> str | None:
        """Return the text of an element on one line; None where there is none."""
        found = self.child(path) if path else self
        said = " ".join((found._element.text or "").split()) if found is not None else ""  # noqa: SLF001 - its own kind
        return said or None

    def texts(self, path: str) -> list[str]:
        """Return the texts of all elements at a path."""
        return [said for said in (one.text() for one in self.all(path)) if said is not None]

    def flag(self, path: str, *, default: bool = False) -> bool:
        """Read a truth."""
        said = self.text(path)
        return default if said is None else said in TRUE

    def number(self, path: str, default: int, most: int) -> int:
        """Read a whole number, bounded to what is answered.

        Raises
        ------
        InvalidInput
            When it is none.
        """
        said = self.text(path)
        if said is None:
            return default
        if not re.fullmatch(r"\+?[0-9]{1,9}", said):
            raise InvalidInput(f"{path} {said!r} is no whole number")
        return min(int(said), most)

    def seconds(self, path: str) -> int | None:
        """Read a span.

        Raises
        ------
        InvalidInput
            When it is none.
        """
        said = self.text(path)
        if said is None:
            return None
        found = DURATION.fullmatch(said)
        if found is None or not any(found.groups()):
            raise InvalidInput(f"{path} {said!r} is no span; write it like PT2H or PT90M")
        days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
        return ((days * 24 + hours) * 60 + minutes) * 60 + seconds

    def instant(self, path: str) -> datetime | None:
        """Read an instant; without an offset it is UTC's.

        Raises
        ------
        InvalidInput
            When it is none.
        """
        said = self.text(path)
        if said is None:
            return None
        said = re.sub(r"\.[0-9]+", "", said)
        try:
            return read_offset_instant(said if re.search(r"(?:Z|[+-][0-9:]+)$", said.partition("T")[2]) else f"{said}Z")
        except ValueError as error:
            raise InvalidInput(f"{path} {said!r}: {error}", code="invalid_instant") from error

    def point(self) -> Point:
        """Read a position.

        Raises
        ------
        InvalidInput
            When it is none.
        """
        try:
            lon, lat = float(self.text("Longitude") or "-"), float(self.text("Latitude") or "-")
        except ValueError:
            raise InvalidInput(f"{self.name} needs Longitude and Latitude in degrees") from None
        if not (-180 <= lon <= 180 and -90 <= lat <= 90):  # noqa: PLR2004 - the globe
            raise InvalidInput(f"{self.name} {lon},{lat} is not on the globe")
        return Point(lon, lat)


def read(body: bytes) -> Node:
    """Read a request: no entities, no document type, nothing fetched.

    Raises
    ------
    InvalidInput
        When it is no XML, or declares a document type.
    """
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        raise InvalidInput(f"the body is no XML: {error}") from error
    if root.getroottree().docinfo.doctype:
        raise InvalidInput("a request declares no document type")
    return Node(root)


def write(tree: Tree) -> bytes:
    """Write an answer."""
    return f"{HEAD}{write_elements(tree)}</OJP>\n".encode()


def said(text: str) -> Tree:
    """Write a text whose language is not known: a name."""
    return {"Text": text}


def told(texts: dict[str, str], language: str) -> Tree | None:
    """Write a text in the language asked for, else in whichever there is; None for nothing."""
    if not any(texts.values()):
        return None
    found = language if texts.get(language) else next(name for name, text in texts.items() if text)
    return {"Text": {"value": texts[found], "lang": found} if found else texts[found]}


def moment(at: datetime) -> str:
    """Write an instant."""
    return instant(int(at.timestamp()))


def span(lasting: timedelta) -> str:
    """Write how long something lasts; never less than nothing."""
    return f"PT{max(0, int(lasting.total_seconds()))}S"


def position(lon: float, lat: float) -> Tree:
    """Write a position, to a decimetre."""
    return {"siri:Longitude": f"{lon:.6f}", "siri:Latitude": f"{lat:.6f}"}


def in_siri(tree: Tree) -> Tree:
    """Return a tree of SIRI for standing within OJP."""

    def name(value: object) -> object:
        if isinstance(value, list):
            return [name(one) for one in value]
        return in_siri(value) if isinstance(value, dict) and "value" not in value else value

    return {f"siri:{tag}": name(value) for tag, value in tree.items()}


def error(kind: str, code: str, sentence: str) -> Tree:
    """Write why something could not be answered."""
    return {kind: code, "Details": said(sentence)}
