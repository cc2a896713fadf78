"""What statements and certificates say, in both languages."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources


@cache
def _read_words() -> dict[str, dict[str, str]]:
    return tomllib.loads(resources.files(__package__).joinpath("papers.toml").read_text("utf-8"))


def find_words(language: str) -> dict[str, str]:
    """Return the words of papers in a language; French where it is not known."""
    words = _read_words()
    return words.get(language, words["fr"])
