"""SIRI messages as one tree that is written as XML and as the JSON of SIRI Lite.

A tree is a dictionary of elements in the order of the schema: texts, numbers and truths stand for themselves, a list
is the element repeated, and ``{"value": ..., "lang": ...}`` is a text that has, or in other messages could have,
attributes (references, names). ``version`` is an attribute in XML.

References
----------
SIRI 2.1 (CEN/TS 15531), XSD; French profile of SIRI and of SIRI Lite.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson

from mobigo.opendata.netex_xml import BREAKS, name

Tree = dict[str, Any]

VERSION = "2.1"
NAMESPACE = "http://www.siri.org.uk/siri"
ESCAPES = {**BREAKS, ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;", ord('"'): "&quot;"}
_NAME = r"-.:_0-9A-Za-z\u00b7\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u037d\u037f-\u1fff"
"""What a name token of XML may be made of, as far as ids are concerned."""
_ODD = re.compile(f"[^{_NAME}]|_(?=x[0-9A-F]{{4,6}}_)")
_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*")
_TOLD = re.compile(r"_x([0-9A-F]{4,6})_")


def frame(kind: str, id_: str) -> str:
    """Return the id of something as SIRI and NeTEx say it, as a name token."""
    return token(name(kind, id_))


def token(text: str) -> str:
    """Write a text as a name token of XML.

    What may be in none (blanks, slashes, ...) is written ``_xHHHH_``, its code point in hexadecimal.
    """
    return _ODD.sub(lambda found: f"_x{ord(found[0]):04X}_", text)


def unframe(text: str) -> str:
    """Return the id within a frame, as every other format says it; what has no frame is taken as it is."""
    found = re.fullmatch(r"(?:MOBIGO|FR:):[A-Za-z]+:(.*):LOC", text)
    return _TOLD.sub(lambda code: chr(int(code[1], 16)), found[1]) if found else text


def ref(kind: str, id_: str) -> Tree:
    """Refer to something that has an id in every format."""
    return {"value": frame(kind, id_)}


def names(text: str, language: str = "") -> list[Tree]:
    """Write a name or a text, in a language if that is known; nothing for nothing."""
    if not text:
        return []
    return [{"value": text, "lang": language}] if _LANGUAGE.fullmatch(language) else [{"value": text}]


@lru_cache(maxsize=100_000)
def instant(seconds: int) -> str:
    """Write an instant (seconds since 1970 UTC)."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def duration(seconds: int) -> str:
    """Write a span; negative is early."""
    return f"{'-' if seconds < 0 else ''}PT{abs(seconds)}S"


def trim(tree: Tree) -> Tree:
    """Leave out what says nothing: None, and lists without anything in them."""
    return {key: value for key, value in tree.items() if value is not None and value != []}


def write_json(tree: Tree) -> bytes:
    """Write a message as JSON."""
    return orjson.dumps({"Siri": {"version": VERSION, **tree}})


def write_xml(tree: Tree) -> bytes:
    """Write a message as XML."""
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<Siri xmlns="{NAMESPACE}" version="{VERSION}">'
    return f"{head}{write_elements(tree)}</Siri>\n".encode()


def write_elements(tree: Tree) -> str:
    """Write the elements of a tree, as they stand within a message."""
    out: list[str] = []
    _write_children(out, tree)
    return "".join(out)


def _write_children(out: list[str], tree: Tree) -> None:
    for tag, value in tree.items():
        if tag == "version":
            continue
        for one in value if isinstance(value, list) else (value,):
            _write(out, tag, one)


def _write(out: list[str], tag: str, value: object) -> None:
    if isinstance(value, str):
        out.append(f"<{tag}>{value.translate(ESCAPES)}</{tag}>")
    elif isinstance(value, dict):
        if "value" in value:
            language = f' xml:lang="{value["lang"].translate(ESCAPES)}"' if "lang" in value else ""
            out.append(f"<{tag}{language}>{value['value'].translate(ESCAPES)}</{tag}>")
            return
        version = f' version="{value["version"]}"' if "version" in value else ""
        out.append(f"<{tag}{version}>")
        _write_children(out, value)
        out.append(f"</{tag}>")
    elif isinstance(value, bool):
        out.append(f"<{tag}>{'true' if value else 'false'}</{tag}>")
    else:
        out.append(f"<{tag}>{value}</{tag}>")
