"""What planning says to staff, as English and French sentences of ``sentences.toml``."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import NamedTuple


class Said(NamedTuple):
    """A sentence in both languages."""

    en: str
    fr: str


def say(key: str, **values: object) -> Said:
    """Say a sentence; a value that is itself one is said in the language of the whole."""
    en, fr = ({name: one[n] if isinstance(one, Said) else one for name, one in values.items()} for n in (0, 1))
    said = read_sentences()[key]
    return Said(said.en.format(**en), said.fr.format(**fr))


@cache
def read_sentences() -> dict[str, Said]:
    """Read all sentences, with the names of what is filled in."""
    text = (resources.files("mobigo.school") / "sentences.toml").read_text("utf-8")
    return {key: Said(one["en"], one["fr"].replace("'", "\u2019")) for key, one in tomllib.loads(text).items()}
