"""``mobigo load terrain``: put a height model in service."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

if TYPE_CHECKING:
    from mobigo.settings import Settings
    from mobigo.terrain.model import Report

MAX_BYTES = 4 << 30
"""The largest model that is downloaded."""

SHOWN = 5
"""Files left out that are named."""


@click.command()
@click.argument("source", metavar="FILE|FOLDER|URL")
@click.option("--source", "name", default="terrain", show_default=True, help="Name under which the model is kept.")
@click.option("--crs", metavar="EPSG:NUMBER", help="Reference system of grids that do not say it, as EPSG:2154.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--no-build", is_flag=True, help="Do not build the network afterwards.")
def terrain(source: str, *, name: str, crs: str | None, as_json: bool, no_build: bool) -> None:
    """Load a height model: walks and bicycles then take longer uphill, and answers tell what they climb.

    ESRI ASCII grids (.asc, as IGN's BD ALTI and RGE ALTI) and SRTM heights (.hgt), also in .zip or .gz, or a folder of
    them. It takes the place of what was loaded under the same name; of several models the finest counts.
    """
    from mobigo.cli.context import give_way, open_database
    from mobigo.journeys.service import build_network
    from mobigo.settings import read_settings

    settings = read_settings()
    give_way()
    report = _load(source, name, crs, settings)
    if report.status == "active" and not no_build:
        _say("building the network")
        build_network(open_database(), settings.home, settings.open_clock().now())
    if as_json:
        print(json.dumps(report.as_json(), ensure_ascii=False, indent=1))
    else:
        _print(report)


def _load(source: str, name: str, crs: str | None, settings: Settings) -> Report:
    from mobigo.downloads import fetch
    from mobigo.terrain.service import load_terrain

    path = Path(source)
    if urlsplit(source).scheme in {"http", "https"}:
        path = settings.home / "downloads" / (Path(urlsplit(source).path).name or "heights.zip")
        fetch(source, path, max_bytes=MAX_BYTES, allow_hosts=settings.allow_hosts, progress=_show_bytes)
    return load_terrain(path, name, settings.home, now=settings.open_clock().now(), crs=crs, progress=_say)


def _say(what: str) -> None:
    if sys.stderr.isatty():
        print(what, file=sys.stderr, flush=True)


def _show_bytes(here: int, total: int | None) -> None:
    if sys.stderr.isatty():
        of = f" of {total / 1e6:,.0f}" if total else ""
        print(f"\rdownloading {here / 1e6:,.0f}{of} MB", end="", file=sys.stderr, flush=True)


def _print(report: Report) -> None:
    from mobigo.cli.terrain import describe

    if report.status == "unchanged":
        print(f"{report.model.name} is in service already; nothing changed")
        return
    print(f"{report.model.name} is in service")
    for line in describe(report.model):
        print(f"  {line}")
    if report.left_out:
        more = f" and {len(report.left_out) - SHOWN:,} more" if len(report.left_out) > SHOWN else ""
        print(f"  left out, no heights: {', '.join(report.left_out[:SHOWN])}{more}")
