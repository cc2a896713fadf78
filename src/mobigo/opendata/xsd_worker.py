"""The process that checks XML: it compiles a schema when it is first asked for, which takes a minute, and stays.

It reads one question a line, ``["NeTEx", "/path/of/netex.zip"]``, and answers each with one line: a list of
``[file, line, message]``, the first `MOST` of them, and how many there are. It ends when nobody asks any more.
"""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lxml import etree

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMAS = {"NeTEx": "netex/NeTEx_publication.xsd", "SIRI": "siri/siri.xsd"}
"""Where the schema of a format is, in the folder of schemas."""
MOST = 20
"""Findings that are told one by one."""


class Checker:
    """Checks documents by the schemas of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._compiled: dict[str, Any] = {}

    def check(self, kind: str, path: Path) -> tuple[list[tuple[str, int, str]], int]:
        """Check a document, or every ``.xml`` of an archive; return what was found first, and how much it was."""
        if kind not in self._compiled:
            self._compiled[kind] = etree.XMLSchema(etree.parse(str(self._folder / SCHEMAS[kind]), _parser()))
        schema = self._compiled[kind]
        told: list[tuple[str, int, str]] = []
        count = 0
        for name, content in _read(path):
            try:
                document = etree.fromstring(content, _parser())
            except etree.XMLSyntaxError as error:
                found = [(name, error.lineno or 0, str(error.msg))]
            else:
                schema.validate(document)
                found = [(name, one.line, one.message) for one in schema.error_log]
            count += len(found)
            told += found[: MOST - len(told)]
        return told, count


def _parser() -> Any:  # noqa: ANN401 - lxml has no types
    """Read what is large, and nothing from elsewhere."""
    return etree.XMLParser(huge_tree=True, no_network=True, resolve_entities=False, load_dtd=False)


def _read(path: Path) -> Iterator[tuple[str, bytes]]:
    if not zipfile.is_zipfile(path):
        yield path.name, path.read_bytes()
        return
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith(".xml"):
                yield name, archive.read(name)


def main(folder: str) -> None:
    """Answer questions until there are no more."""
    checker = Checker(Path(folder))
    for line in sys.stdin:
        kind, path = json.loads(line)
        try:
            answer: dict[str, object] = dict(zip(("found", "count"), checker.check(kind, Path(path)), strict=True))
        except Exception as error:  # noqa: BLE001 - whatever a document does, whoever asked gets an answer
            answer = {"failed": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
