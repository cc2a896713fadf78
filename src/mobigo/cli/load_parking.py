"""``mobigo load parking``: put a register of carpool places in service."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

if TYPE_CHECKING:
    from mobigo.parking.model import Report
    from mobigo.settings import Settings

MAX_BYTES = 64 << 20
"""The largest register that is downloaded."""

SHOWN = 10
"""Findings that are printed."""


@click.command()
@click.argument("source", metavar="FILE|URL")
@click.option("--source", "name", default="bnlc", show_default=True, help="Name under which the register is kept.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--no-build", is_flag=True, help="Do not build the network afterwards.")
def parking(source: str, *, name: str, as_json: bool, no_build: bool) -> None:
    """Load a register of carpool places and park-and-ride: CSV of the schema lieux-covoiturage.

    It takes the place of what was loaded under the same name. Park-and-ride places of OpenStreetMap come with the
    extract.
    """
    from mobigo.cli.context import open_database
    from mobigo.journeys.service import build_network
    from mobigo.settings import read_settings

    settings = read_settings()
    url, now = open_database(), settings.open_clock().now()
    report = _load(source, name, url, settings)
    if report.status == "active" and not no_build:
        build_network(url, settings.home, now)
    if as_json:
        print(json.dumps(report.as_json(), ensure_ascii=False, indent=1))
    else:
        _print(report)


def _load(source: str, name: str, url: str, settings: Settings) -> Report:
    from mobigo.downloads import fetch
    from mobigo.kit.errors import InvalidInput
    from mobigo.parking.service import load_places

    now = settings.open_clock().now()
    if urlsplit(source).scheme in {"http", "https"}:
        with TemporaryDirectory(prefix="mobigo-parking-") as folder:
            file = Path(folder) / (Path(urlsplit(source).path).name or "places.csv")
            fetch(source, file, max_bytes=MAX_BYTES, allow_hosts=settings.allow_hosts)
            return load_places(file, name, url, now=now)
    if not Path(source).is_file():
        raise InvalidInput(f"{source} is no file; give the CSV of a register, or its address")
    return load_places(Path(source), name, url, now=now)


def _print(report: Report) -> None:
    if report.status == "unchanged":
        print(f"{report.source} is in service already; nothing changed")
        return
    print(f"{report.source} is in service")
    for kind, count in report.places.items():
        print(f"  {count:>8,} {kind.replace('_', ' ')}")
    for finding in report.findings[:SHOWN]:
        print(f"  {finding}")
    if len(report.findings) > SHOWN:
        print(f"  and {len(report.findings) - SHOWN:,} more findings; --json lists them")
