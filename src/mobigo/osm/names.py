"""Names as people type them: without accents, hyphens, capitals."""

from __future__ import annotations

import re
import unicodedata

LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "ß": "ss", "ø": "o", "ł": "l", "đ": "d"})
SEPARATORS = re.compile(r"[^\w]+|_+")


def fold(text: str) -> str:
    """Fold a name for searching: ``fold("Saint-Éloi d'Œuilly") == "saint eloi d oeuilly"``."""
    plain = unicodedata.normalize("NFKD", text.lower().translate(LIGATURES))
    kept = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return SEPARATORS.sub(" ", kept).strip()
