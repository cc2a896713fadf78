"""``mobigo load osm``: put an OpenStreetMap extract in service."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from mobigo.kit.errors import InvalidInput, MobigoError

if TYPE_CHECKING:
    from mobigo.osm.report import LoadReport
    from mobigo.settings import Settings

MAX_BYTES = 4 << 30
"""The largest extract that is downloaded."""


@click.command()
@click.argument("source", metavar="FILE|URL", required=False)
@click.option("--place", metavar="NAME", help='Take a study area from OpenStreetMap itself: "Semur-en-Auxois, France".')
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--no-build", is_flag=True, help="Do not build the network afterwards.")
def osm(source: str | None, *, place: str | None, as_json: bool, no_build: bool) -> None:
    """Load streets, places and the base map from an extract: .osm.pbf, .osm, .osm.gz or .osm.bz2.

    It takes the place of the former extract at once when it is complete; a broken file changes nothing.
    """
    from mobigo.cli.context import give_way, open_database
    from mobigo.journeys.service import build_network
    from mobigo.settings import read_settings

    if (source is None) == (place is None):
        raise InvalidInput(
            'give an extract, or --place with the name of a place, as in --place "Semur-en-Auxois, France"'
        )
    settings = read_settings()
    url = open_database()
    give_way()
    try:
        report = _load(source, place, url, settings)
    except MobigoError as error:
        if as_json:
            print(json.dumps(_rejected(source or str(place), error), ensure_ascii=False, indent=1))
        raise
    if report.status == "active" and not no_build:
        _say("building the network")
        build_network(url, settings.home, settings.open_clock().now())
    if as_json:
        print(json.dumps(report.as_json(), ensure_ascii=False, indent=1))
    else:
        _print(report)


def _load(source: str | None, place: str | None, url: str, settings: Settings) -> LoadReport:
    from mobigo.downloads import fetch
    from mobigo.osm.load import load_osm
    from mobigo.osm.study_area import save_place

    with TemporaryDirectory(prefix="mobigo-osm-") as folder:
        if place is not None:
            path = save_place(place, Path(folder))
        elif urlsplit(str(source)).scheme in {"http", "https"}:
            name = Path(urlsplit(str(source)).path).name or "extract.osm.pbf"
            path = settings.home / "downloads" / name  # kept: the next call goes on where this one broke
            fetch(str(source), path, max_bytes=MAX_BYTES, allow_hosts=settings.allow_hosts, progress=_show_bytes)
        else:
            path = Path(str(source))
        return load_osm(path, url, now=settings.open_clock().now(), progress=_say)


def _say(what: str) -> None:
    if sys.stderr.isatty():
        print(what, file=sys.stderr, flush=True)


def _show_bytes(here: int, total: int | None) -> None:
    if sys.stderr.isatty():
        of = f" of {total / 1e6:,.0f}" if total else ""
        print(f"\rdownloading {here / 1e6:,.0f}{of} MB", end="", file=sys.stderr, flush=True)


def _rejected(source: str, error: MobigoError) -> dict[str, object]:
    finding = {
        "class": "reject_feed",
        "code": error.code,
        "file": Path(source).name,
        "line": None,
        "value": "",
        "rule": str(error),
        "remedy": "give a complete extract",
    }
    return {"status": "rejected", "version": None, "name": source, "counts": {}, "dropped": {}, "findings": [finding]}


def _print(report: LoadReport) -> None:
    if report.status == "unchanged":
        print(f"{report.name} is in service already; nothing changed")
        return
    print(f"{report.name} is in service as version {report.version}")
    for name, count in report.counts.items():
        print(f"  {count:>10,} {name}")
    for finding in report.findings:
        print(f"  {finding.class_}: {finding.code}: {finding.value}; {finding.rule}; {finding.remedy}")
