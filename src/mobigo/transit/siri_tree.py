"""A SIRI delivery as a tree of elements without namespaces: from XML, or from the JSON of SIRI Lite."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, ParseError, fromstring
from zoneinfo import ZoneInfo

import orjson

from mobigo.kit.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCAL = ZoneInfo("Europe/Paris")
"""Zone of times written without an offset, which the French profile takes as local."""
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_DURATION = re.compile(
    r"(-?)P(?:([0-9]{1,4})D)?(?:T(?:([0-9]{1,5})H)?(?:([0-9]{1,6})M)?(?:([0-9]{1,7})(?:\.[0-9]+)?S)?)?"
)


def read_tree(content: bytes, source: str) -> Element:
    """Read a delivery as a tree.

    Raises
    ------
    InvalidInput
        When it is neither XML nor JSON, is torn, or declares a document type (which could name files or grow without
        bound).
    """
    start = content[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    try:
        if start in (b"{", b"["):
            return _plant(orjson.loads(content.removeprefix(b"\xef\xbb\xbf")))
        if b"<!DOCTYPE" in (content.replace(b"\0", b"") if b"\0" in content[:64] else content):
            raise InvalidInput(f"live data of {source} declare a document type, which SIRI has none of; refused")
        root = fromstring(content)  # noqa: S314 - without a document type there are no entities
    except (ParseError, orjson.JSONDecodeError, ValueError, LookupError, OverflowError) as error:
        raise InvalidInput(
            f"live data of {source} are neither SIRI XML nor SIRI Lite JSON ({len(content)} bytes, begins with"
            f" {content[:16]!r}): {error}; check its address"
        ) from None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def _plant(value: object) -> Element:
    """Turn JSON into the tree its XML would be; a list is the element repeated."""
    root = Element("Json")
    open_: list[tuple[Element, object]] = [(root, value)]
    while open_:
        element, inside = open_.pop()
        if isinstance(inside, list):
            inside = {"Item": inside}
        if isinstance(inside, dict):
            for key, below in inside.items():
                for one in below if isinstance(below, list) else [below]:
                    if key in ("value", "text") and not isinstance(one, dict | list):
                        element.text = _write(one)
                    elif key in ("lang", "xml:lang"):
                        element.set(LANGUAGE, str(one))
                    elif one is not None:
                        child = Element(key[:1].upper() + key[1:])
                        element.append(child)
                        open_.append((child, one))
        else:
            element.text = _write(inside)
    return root


def _write(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def text_of(element: Element, *names: str) -> str | None:
    """Text of the first child of one of these names that has any."""
    for name in names:
        text = element.findtext(name)
        if text is not None and text.strip():
            return text.strip()
    return None


def says(element: Element, name: str) -> bool:
    """Tell whether a child says true."""
    return (element.findtext(name) or "").strip().lower() in ("true", "1")


def instant_of(element: Element, *names: str) -> int | None:
    """Instant in the first child of one of these names that has one, seconds since 1970 UTC; None: no such child.

    Raises
    ------
    ValueError
        When its text is no instant.
    """
    text = text_of(element, *names)
    return None if text is None else read_instant(text)


def read_instant(text: str) -> int:
    """Read an instant as seconds since 1970 UTC.

    Raises
    ------
    ValueError
        When it is none.
    """
    try:
        instant = datetime.fromisoformat(text)
        return int((instant if instant.tzinfo else instant.replace(tzinfo=LOCAL)).timestamp())
    except (ValueError, OverflowError):
        raise ValueError(f"{text[:40]!r} is no time; it should be like 2026-11-23T07:30:00+01:00") from None


def leaves_of(element: Element) -> dict[str, str]:
    """Texts of the children by name, those without text left out; of several of one name the first."""
    return {one.tag: text for one in reversed(element) if one.text and (text := one.text.strip())}


def day_of(text: str | None) -> date | None:
    """Day that a text begins with, None when it is no day."""
    try:
        return date.fromisoformat((text or "")[:10])
    except ValueError:
        return None


def duration_of(element: Element, name: str) -> int | None:
    """Seconds of a duration like ``PT2M`` or ``-PT30S``; None when there is none, or it is not understood."""
    match = _DURATION.fullmatch(text_of(element, name) or "")
    if match is None:
        return None
    sign, *parts = match.groups()
    days, hours, minutes, seconds = (int(part or 0) for part in parts)
    length = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    return -length if sign else length


def number_of(element: Element, name: str) -> float | None:
    """Return a finite number in a child, None when there is none."""
    try:
        value = float(element.findtext(name) or "nan")
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None


def texts_of(element: Element, *names: str) -> dict[str, str]:
    """Texts of all children of the first of these names that has any, by language ("" where none is said)."""
    for name in names:
        found: dict[str, str] = {}
        for child in element.findall(name):
            if child.text and child.text.strip():
                found.setdefault(language_of(child), child.text.strip())
        if found:
            return found
    return {}


def language_of(element: Element) -> str:
    """Language of an element, in two or three lower-case letters."""
    return re.split("[-_]", element.get(LANGUAGE, "").strip().lower())[0]


def all_of(root: Element, *names: str) -> Iterator[Element]:
    """All elements of these names, wherever they are."""
    for name in names:
        yield from root.iter(name)
