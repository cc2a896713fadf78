"""Licences by the words that sources use, and what a file made of several sources is under."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from mobigo.kit.errors import InvalidInput
from mobigo.opendata.model import Family, Licence

if TYPE_CHECKING:
    from collections.abc import Iterable

OWN = "etalab-2.0"
"""What the region's own data are under."""
UNSTATED = "unstated"


@cache
def list_licences() -> dict[str, Licence]:
    """List the licences known, by id."""
    raw = tomllib.loads(files("mobigo.opendata").joinpath("licences.toml").read_text())
    return {one["id"]: Licence(one["id"], Family(one["family"]), dict(one["name"]), one["url"]) for one in raw.values()}


@cache
def _words() -> dict[str, str]:
    raw = tomllib.loads(files("mobigo.opendata").joinpath("licences.toml").read_text())
    return {
        word.casefold(): one["id"] for one in raw.values() for word in (one["id"], one["url"], *one["also"]) if word
    }


def find_licence(said: str | None) -> Licence:
    """Find a licence by its id, name or address; what says nothing, or nothing known, is ``unstated``."""
    return list_licences()[_words().get((said or "").strip().rstrip("/").casefold(), UNSTATED)]


def get_licence(id_: str) -> Licence:
    """Return a licence by its id.

    Raises
    ------
    InvalidInput
        When it is none that we know.
    """
    found = list_licences().get(id_)
    if found is None:
        raise InvalidInput(f"{id_!r} is no licence; use one of {', '.join(list_licences())}", code="unknown_licence")
    return found


def join_licences(licences: Iterable[Licence]) -> Licence:
    """Say what a file made of sources under these licences is under.

    Raises
    ------
    InvalidInput
        When they may not be mixed: two of sharing alike that differ, or one unstated beside others.
    """
    known = {one.id: one for one in licences}
    if not known:
        return get_licence(OWN)
    if len(known) == 1:
        return next(iter(known.values()))
    strict = [one for one in known.values() if one.family is not Family.OPEN]
    if len(strict) > 1 or any(one.family is Family.UNSTATED for one in strict):
        raise InvalidInput(f"what is under {', '.join(sorted(known))} may not stand in one file; publish it apart")
    return strict[0] if strict else get_licence(OWN)
