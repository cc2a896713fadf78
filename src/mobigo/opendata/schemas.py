"""Schemas that others wrote, in a folder of this machine: of XML (NeTEx, SIRI) and of catalogues (DCAT-AP)."""

from __future__ import annotations

import atexit
import json
import select
import subprocess
import sys
import threading
from functools import cache
from typing import TYPE_CHECKING, Any

from rdflib import Graph

from mobigo.opendata.model import Problem, Severity
from mobigo.opendata.xsd_worker import SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PATIENCE = 900.0
"""Seconds that one answer may take; compiling the schema of NeTEx takes about a minute."""
LONG = 300
SHAPES = (
    "dcat/dcat-ap-3.0.1_shapes.ttl",
    "dcat/dcat-ap-3.0.1_range.ttl",
    "dcat/dcat-ap-3.0.1_dcat-ap-SHACL.ttl",
    "dcat/dcat-ap-hvd-3.0.0_SHACL.ttl",
    "dcat/mobilitydcat-ap_1.0.1_shacl.ttl",
    "dcat/mobilitydcat-ap_1.0.1_shacl_httpsns.ttl",
)
"""Shapes that a catalogue has to conform to."""
CATALOGUE = "the catalogue"
NOT_CHECKED = "not_checked"
XSD, SHACL = "XSD", "SHACL"
"""How reports name the validators."""


def tell_unchecked(validator: str, why: str) -> Problem:
    """Say in a report that nobody checked."""
    return Problem(validator, NOT_CHECKED, Severity.INFO, 1, why[:LONG])


def check_xml(folder: Path | None, kind: str, path: Path) -> list[Problem]:
    """Check a document, or an archive of them, by its schema.

    Parameters
    ----------
    folder : Path, optional
        Of the schemas; without, or without this one, the finding is that nothing was checked.
    kind : str
        ``NeTEx`` or ``SIRI``.
    path : Path
    """
    why = _find_gap(folder, kind, (SCHEMAS[kind],))
    if folder is None or why:
        return [tell_unchecked(XSD, why)]
    return find_worker(folder).check(kind, path)


def _find_gap(folder: Path | None, kind: str, names: Sequence[str]) -> str:
    """Say why something cannot be checked; empty where it can."""
    if folder is None:
        return f"no schemas are given, so {kind} was not checked; set MOBIGO_SCHEMAS"
    missing = next((name for name in names if not (folder / name).is_file()), None)
    return f"there is no {missing} in {folder}, so {kind} was not checked" if missing else ""


def list_gaps(folder: Path | None) -> set[str]:
    """List what cannot be checked now, as reports say it."""
    gaps = {_find_gap(folder, kind, (name,)) for kind, name in SCHEMAS.items()}
    return {gap[:LONG] for gap in (*gaps, _find_gap(folder, CATALOGUE, SHAPES))} - {""}


def read_shapes(folder: Path | None) -> Graph | Problem:
    """Read the shapes of catalogues; where they are missing, the finding that says so."""
    why = _find_gap(folder, CATALOGUE, SHAPES)
    if folder is None or why:
        return tell_unchecked(SHACL, why)
    return _read_shapes(folder)


@cache
def _read_shapes(folder: Path) -> Graph:
    graph = Graph()
    for name in SHAPES:
        graph.parse(folder / name)
    return graph


@cache
def find_worker(folder: Path) -> SchemaWorker:
    """Return the one worker of this process for a folder of schemas."""
    return SchemaWorker(folder)


class SchemaWorker:
    """A process beside this one that keeps compiled schemas; started when it is first asked, ended with this one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None
        self._guard = threading.Lock()
        atexit.register(self.close)

    def check(self, kind: str, path: Path) -> list[Problem]:
        """Check a document, or an archive of them; a validator that fails or hangs is an error, too."""
        with self._guard:
            answer = self._ask(kind, path)
        if "failed" in answer:
            return [Problem(XSD, "validator_failed", Severity.ERROR, 1, str(answer["failed"])[:LONG])]
        if not answer["count"]:
            return []
        file, line, message = answer["found"][0]
        sample = f"{file}, line {line}: {message}"[:LONG]
        return [Problem(XSD, "not_valid", Severity.ERROR, int(answer["count"]), sample)]

    def close(self) -> None:
        """End the process; the next question starts another."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def _ask(self, kind: str, path: Path) -> dict[str, Any]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = subprocess.Popen(  # noqa: S603 - our own module and a folder of the settings
                [sys.executable, "-m", "mobigo.opendata.xsd_worker", str(self._folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,  # an interrupt is for us; it ends when we no longer speak to it
            )
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps([kind, str(path)]) + "\n")
            process.stdin.flush()
            ready, _, _ = select.select([process.stdout], [], [], PATIENCE)
            line = process.stdout.readline() if ready else ""
        except OSError as error:
            line, why = "", f"the process that checks {kind} ended: {error}"
        else:
            why = f"the process that checks {kind} ended, or took more than {PATIENCE:.0f} s, at {path.name}"
        if not line:
            self.close()
            return {"failed": why}
        return dict(json.loads(line))
