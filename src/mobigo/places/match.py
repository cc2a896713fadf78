"""From what a person typed to what is looked up."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mobigo.kit.names import CONNECTIVES, WRITTEN_OUT, fold, plain_words

MAX_WORDS = 12
"""Words of a question that are looked at; more do not make it clearer."""

HOUSE_NUMBER = re.compile(r"\d{1,4}(?:[a-z]|bis|ter|quater)?")
REPEATS = frozenset(("bis", "ter", "quater"))
"""What may follow a house number."""


@dataclass(frozen=True)
class Wanted:
    """A folded question.

    Every word counts as the beginning of a word of the name or of its commune; connectives are not required.
    """

    texts: tuple[str, ...]
    """The whole text folded; twice when its last word may be an abbreviation or the beginning of a longer word."""
    words: tuple[tuple[str, ...], ...]
    """Required words, each with its spellings."""

    @property
    def letters(self) -> int:
        """How many letters were typed."""
        return sum(len(spellings[0]) for spellings in self.words)


def parse_question(text: str) -> Wanted | None:
    """Fold a question; None when it holds no letter or digit."""
    return _wanted(plain_words(text)[:MAX_WORDS])


def split_house_number(text: str) -> tuple[str, Wanted] | None:
    """Take a house number out of an address, before or after its street.

    ``"12 bis rue de la Liberté, Semur"`` gives ``"12bis"`` and the rest; None when there is no number, or nothing else.
    """
    words = plain_words(text)[:MAX_WORDS]
    places = [place for place, word in enumerate(words) if HOUSE_NUMBER.fullmatch(word)]
    if not places:
        return None
    first = places[0] if places[0] == 0 else places[-1]
    after = first + 1
    number = words[first]
    if after < len(words) and words[after] in REPEATS:
        number += words[after]
        after += 1
    rest = _wanted(words[:first] + words[after:])
    return (number, rest) if rest else None


def _wanted(plain: list[str]) -> Wanted | None:
    if not plain:
        return None
    folded = fold(" ".join(plain))
    texts = [folded]
    *before, last = plain
    if last in WRITTEN_OUT:  # "st" is "saint", or the beginning of "station"
        texts.append(f"{fold(' '.join(before))} {last}".strip())
    required = [(WRITTEN_OUT.get(word, word),) for word in before if word not in CONNECTIVES]
    typing = (WRITTEN_OUT[last], last) if last in WRITTEN_OUT else (last,)
    return Wanted(tuple(texts), (*required, typing))
