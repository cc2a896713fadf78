"""The catalogue as it was written last, kept in memory: writing it takes seconds, and it changes once a night."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mobigo.opendata.making import Publisher
    from mobigo.opendata.model import Standing


class CatalogueTexts:
    """Texts of one process, by form and by where it is reached."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], tuple[str, str]] = {}
        self._writing = threading.Lock()

    def find(self, form: str, publisher: Publisher, tag: str) -> str | None:
        """Return the text of a state that was written already."""
        kept = self._kept.get((form, publisher.url))
        return kept[1] if kept is not None and kept[0] == tag else None

    def write(self, form: str, publisher: Publisher, standings: Sequence[Standing], tag: str) -> str:
        """Return the text of a state, named by its tag; written by one, whoever asks meanwhile waits for it."""
        with self._writing:
            text = self.find(form, publisher, tag)
            if text is None:
                from mobigo.opendata.catalogue import Catalogue  # noqa: PLC0415 - rdflib is slow to import

                text = Catalogue(publisher, standings).write(form)
                if len(self._kept) >= MOST:
                    self._kept.clear()  # somebody invents names under which we are reached
                self._kept[form, publisher.url] = tag, text
            return text


MOST = 8
"""Texts kept."""
