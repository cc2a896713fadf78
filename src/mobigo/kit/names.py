"""Names as people type them: one folding for what is stored and for what is asked, so that both meet."""

from __future__ import annotations

import re
import unicodedata

LETTERS = str.maketrans({"œ": "oe", "æ": "ae", "ø": "o", "ð": "d", "đ": "d", "ł": "l", "þ": "th", "ħ": "h", "ŋ": "n"})
"""Letters that Unicode does not decompose; ``ß`` becomes ``ss`` by case folding."""

WRITTEN_OUT = {
    "st": "saint",
    "ste": "sainte",
    "sts": "saints",
    "stes": "saintes",
    "av": "avenue",
    "ave": "avenue",
    "bd": "boulevard",
    "bld": "boulevard",
    "blvd": "boulevard",
    "pl": "place",
    "rte": "route",
    "chem": "chemin",
    "imp": "impasse",
    "fg": "faubourg",
    "fbg": "faubourg",
    "sq": "square",
    "res": "residence",
    "dr": "docteur",
    "gal": "general",
    "pdt": "president",
}
"""Abbreviations of French place and street names, written out on both sides."""

CONNECTIVES = frozenset(
    ("a", "au", "aux", "d", "de", "des", "du", "en", "et", "l", "la", "le", "les", "lez", "sous", "sur")
)
"""Words a person leaves out or adds freely: matched when they help, never required."""

_BETWEEN_WORDS = re.compile(r"[\W_]+")


def plain_words(text: str) -> list[str]:
    """Split a text into lower-case words without accents, ligatures, apostrophes, hyphens or other signs."""
    lower = text.casefold().translate(LETTERS)
    bare = "".join(c for c in unicodedata.normalize("NFKD", lower) if not unicodedata.combining(c))
    return _BETWEEN_WORDS.sub(" ", bare.casefold()).split()


def fold(text: str) -> str:
    """Fold a name: ``"St-Père-l'Œuvre"`` and ``"saint pere l oeuvre"`` become the same."""
    return " ".join(WRITTEN_OUT.get(word, word) for word in plain_words(text))
