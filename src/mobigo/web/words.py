"""What pages say, in French and English: JSON catalogues per language, the same keys in both.

``fr.json`` is what all pages share; a part with many words of its own has its own, as ``school.fr.json``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date, datetime

    from fastapi import Request

LANGUAGES = ("fr", "en")
"""The first is for everybody whose browser asks for neither."""

CATALOGUES = Path(__file__).parent / "languages"

HOUR = 3600
KILOMETRE = 1000
GRAMS = 1000


@dataclass(frozen=True)
class Words:
    """One language: its catalogue, and how it writes numbers, hours and days."""

    language: str
    catalogue: dict[str, str]

    def __call__(self, key: str, **values: object) -> str:
        """Say a sentence, with values put in."""
        return self.catalogue[key].format(**values)

    def find(self, key: str) -> str | None:
        """Say a sentence if this catalogue has it."""
        return self.catalogue.get(key)

    def count(self, key: str, n: int) -> str:
        """Say how many: French says zero like one, English like many."""
        one = n <= 1 if self.language == "fr" else n == 1
        return self(f"{key}.{'one' if one else 'many'}", n=n)

    def number(self, n: int) -> str:
        """Write a whole number in groups of three: ``12 345``, ``12,345``."""
        return f"{n:,}".replace(",", "\u202f") if self.language == "fr" else f"{n:,}"

    def lasting(self, span: timedelta) -> str:
        """Write a duration: ``8 min``, ``1 h 14``."""
        minutes = max(1, round(span.total_seconds() / 60))
        hours, rest = divmod(minutes, 60)
        if not hours:
            return f"{minutes}\u00a0min"
        return f"{hours}\u00a0h\u00a0{rest:02d}" if rest else f"{hours}\u00a0h"

    def metres(self, metres: float) -> str:
        """Write a length as people say it: to 10 m, and from one kilometre in kilometres."""
        if metres < KILOMETRE:
            return f"{max(10, round(metres, -1)):.0f}\u00a0m"
        text = f"{metres / KILOMETRE:.1f}\u00a0km"
        return text.replace(".", ",") if self.language == "fr" else text

    def grams(self, grams: int) -> str:
        """Write an amount of CO2: to 10 g, and from one kilogram in kilograms."""
        if grams < GRAMS:
            return f"{max(10, round(grams, -1)) if grams else 0}\u00a0g\u00a0CO₂"
        text = f"{grams / GRAMS:.1f}\u00a0kg\u00a0CO₂"
        return text.replace(".", ",") if self.language == "fr" else text

    def day(self, day: date) -> str:
        """Write a day: ``dimanche 22 novembre 2026``."""
        weekday = self.catalogue["weekdays"].split()[day.weekday()]
        month = self.catalogue["months"].split()[day.month - 1]
        number = "1er" if self.language == "fr" and day.day == 1 else str(day.day)
        return f"{weekday} {number} {month} {day.year}"

    def hour(self, instant: datetime) -> str:
        """Write a time of day, in the zone it carries; the minute it is in."""
        return f"{instant:%H:%M}"

    def hour_by(self, instant: datetime) -> str:
        """Write the minute by which something has ended: who arrives at 07:37:31 is there by 07:38."""
        return f"{full_minute(instant):%H:%M}"


def full_minute(instant: datetime) -> datetime:
    """Return the first full minute at or after an instant."""
    return instant + timedelta(seconds=-instant.timestamp() % 60)


@cache
def read_words(language: str) -> Words:
    """Read the catalogues of a language."""
    files = sorted(CATALOGUES.glob(f"*{language}.json"))
    return Words(language, {key: said for file in files for key, said in json.loads(file.read_text("utf-8")).items()})


def choose(request: Request) -> Words:
    """Choose the language: the address's ``lang``, else the browser's first that we speak, else French."""
    asked = request.query_params.get("lang")
    if asked in LANGUAGES:
        return read_words(asked)
    accepted = []
    for part in request.headers.get("accept-language", "").split(","):
        name, _, weight = part.strip().partition(";q=")
        try:
            accepted.append((-float(weight or 1), name[:2].lower()))
        except ValueError:
            continue
    spoken = [name for _, name in sorted(accepted, key=lambda one: one[0]) if name in LANGUAGES]
    return read_words(spoken[0] if spoken else LANGUAGES[0])
