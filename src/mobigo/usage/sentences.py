"""What answers say in French and English: headers of columns, titles, notes and findings of ``*sentences.toml``."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import NamedTuple

FILES = ("sentences.toml", "trial_sentences.toml")
"""Of answers, and of trials of drafts."""


class Said(NamedTuple):
    """A sentence in both languages."""

    en: str
    fr: str

    def of(self, language: str) -> str:
        """Return it in a language: French, else English."""
        return self.fr if language == "fr" else self.en


def say(key: str, **values: object) -> Said:
    """Say a sentence; a value that is itself one is said in the language of the whole, numbers as people write them."""
    en = {name: _write(one, "en") for name, one in values.items()}
    fr = {name: _write(one, "fr") for name, one in values.items()}
    said = _read()[key]
    return Said(said.en.format(**en), said.fr.format(**fr))


def write_number(value: float, language: str, digits: int = 0) -> str:
    """Write a number: thousands apart, a comma or a point before decimals."""
    text = f"{value:,.{digits}f}"
    if language == "fr":
        return text.replace(",", "\u202f").replace(".", ",")
    return text


def _write(value: object, language: str) -> str:
    if isinstance(value, Said):
        return value.of(language)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return write_number(value, language, 0 if isinstance(value, int) else 1)


@cache
def _read() -> dict[str, Said]:
    room = resources.files("mobigo.usage")
    return {
        f"{part}.{key}": Said(one["en"], one["fr"].replace("'", "\u2019"))
        for file in FILES
        for part, found in tomllib.loads((room / file).read_text("utf-8")).items()
        for key, one in found.items()
    }


def find(key: str) -> Said | None:
    """Return a sentence without values, if there is one."""
    return _read().get(key)
