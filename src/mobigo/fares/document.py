"""Catalogues as documents: JSON or TOML in, nouns out, and back. Hostile input ends in sentences, never in a traceback.

A document has the words of `mobigo.fares.catalogue`, without the id and the version of the catalogue: those are given
when it is kept. What is as usual may be left out.
"""

from __future__ import annotations

import dataclasses
import json
import tomllib
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from mobigo.fares.catalogue import Catalogue
from mobigo.fares.findings import list_findings
from mobigo.kit.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_NAMED = 20
"""Findings that are named; the others are counted."""


@cache
def _adapter() -> TypeAdapter[Catalogue]:
    return TypeAdapter(Catalogue)


def read_document(document: Mapping[str, Any], *, id_: str, version: int = 0) -> Catalogue:
    """Read a document and check that it means something.

    Raises
    ------
    InvalidInput
        ``invalid_catalogue``: with every place that is wrong, as far as they can be named.
    """
    if not isinstance(document, dict):
        raise _refuse(["a catalogue is an object (TOML: a table)"])
    given = sorted({"id", "version"} & document.keys())
    if given:
        raise _refuse([f"{' and '.join(given)}: given when it is kept; leave it out"])
    try:
        found = _adapter().validate_python({**document, "id": id_, "version": version})
    except ValidationError as error:
        raise _refuse([_say(one) for one in error.errors(include_url=False, include_context=False)]) from error
    except RecursionError as error:
        raise _refuse(["too many levels within each other"]) from error
    findings = list_findings(found)
    if findings:
        raise _refuse(findings)
    return found


def read_json(text: str | bytes, *, id_: str, version: int = 0) -> Catalogue:
    """Read a document of JSON; as `read_document`."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _refuse([f"no JSON: {error}"]) from error
    return read_document(document, id_=id_, version=version)


def read_toml(text: str, *, id_: str, version: int = 0) -> Catalogue:
    """Read a document of TOML; as `read_document`."""
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise _refuse([f"no TOML: {error}"]) from error
    return read_document(document, id_=id_, version=version)


def write_document(catalogue: Catalogue) -> dict[str, Any]:
    """Return the document of a catalogue, ready for JSON; what is as usual is left out."""
    found: dict[str, Any] = _adapter().dump_python(catalogue, mode="json", exclude_defaults=True)
    return {name: found[name] for name in _NAMES if name in found}


def describe_document() -> dict[str, Any]:
    """Return the JSON Schema of documents."""
    schema = _adapter().json_schema()
    for name in ("id", "version"):
        schema["properties"].pop(name)
        schema["required"].remove(name)
    return schema


_NAMES = tuple(one.name for one in dataclasses.fields(Catalogue) if one.name not in {"id", "version"})


def _say(error: Any) -> str:  # noqa: ANN401 - pydantic's own
    place = "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in error["loc"]).removeprefix(".")
    given = error["input"]
    shown = f" (is {str(given)[:60]!r})" if isinstance(given, str | int | float) and error["type"] != "missing" else ""
    if error["type"] == "unexpected_keyword_argument":
        return f"{place}: no such word here{shown}"
    return f"{place}: {error['msg'][:1].lower()}{error['msg'][1:]}{shown}"


def _refuse(findings: Sequence[str]) -> InvalidInput:
    named = list(findings[:MOST_NAMED])
    more = f"; and {len(findings) - len(named)} more" if len(findings) > len(named) else ""
    return InvalidInput(
        f"the catalogue is not accepted: {'; '.join(named)}{more}; correct it and send it again",
        code="invalid_catalogue",
        members={"findings": named},
    )
