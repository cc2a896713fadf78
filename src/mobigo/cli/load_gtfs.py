"""``mobigo load gtfs``: put a feed in service."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from mobigo.settings import Settings
    from mobigo.transit.load import Progress
    from mobigo.transit.report import LoadReport

MAX_BYTES = 2 << 30
"""The largest archive that is downloaded."""


@click.command()
@click.argument("feed", metavar="FILE|FOLDER|URL")
@click.option("--source", required=True, metavar="ID", help="The name its ids will carry, as ID:stop.")
@click.option("--shift-dates", metavar="MONDAY|WEEK", help="Move its busiest week to this one: 2026-11-23 or 2026-W48.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--no-build", is_flag=True, help="Do not build the network afterwards.")
def gtfs(feed: str, *, source: str, shift_dates: str | None, as_json: bool, no_build: bool) -> None:
    """Load a GTFS feed: a ZIP archive, a folder, or the http(s) address of an archive.

    It takes the place of the source's former version at once when it is complete; a broken feed changes nothing. Exit
    code 1 when the feed is rejected.
    """
    from mobigo.cli.context import give_way, open_database
    from mobigo.settings import read_settings
    from mobigo.transit.shift import parse_week

    shift_to = parse_week(shift_dates) if shift_dates else None
    settings = read_settings()
    url = open_database()
    give_way()
    with _watched() as progress:
        report = _load(feed, source, url=url, settings=settings, shift_to=shift_to, progress=progress)
    if report.status != "rejected":
        from mobigo.cli.fares import keep_fares

        keep_fares(url, settings.open_clock().now(), sandbox=settings.sandbox)
    if report.status == "active" and not no_build:
        from mobigo.cli.opendata import ask_to_publish
        from mobigo.journeys.service import build_network

        _say("building the network")
        build_network(url, settings.home, settings.open_clock().now())
        ask_to_publish(url)
    if as_json:
        print(json.dumps(report.as_json(), ensure_ascii=False, indent=1))
    else:
        print(report.as_text())
    if report.status == "rejected":
        sys.exit(1)


def _load(
    feed: str, source: str, *, url: str, settings: Settings, shift_to: date | None, progress: Progress
) -> LoadReport:
    from mobigo.downloads import fetch
    from mobigo.transit.load import check_source, load_gtfs

    check_source(source)
    now = settings.open_clock().now()
    if urlsplit(feed).scheme not in {"http", "https"}:
        return load_gtfs(Path(feed), source, url, now=now, shift_to=shift_to, progress=progress)
    with TemporaryDirectory(prefix="mobigo-download-") as folder:
        file = fetch(
            feed,
            Path(folder) / "feed.zip",
            max_bytes=MAX_BYTES,
            allow_hosts=settings.allow_hosts,
            progress=lambda done, total: progress("download", done, total or 0),
        )
        return load_gtfs(file, source, url, now=now, shift_to=shift_to, progress=progress, origin=feed)


@contextmanager
def _watched() -> Iterator[Progress]:
    """Show progress on a terminal; nothing elsewhere."""
    from rich.console import Console
    from rich.progress import Progress as Bars

    with Bars(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bars:
        tasks = {}

        def advance(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total or None)
            bars.update(tasks[step], completed=done, total=total or None)

        yield advance


def _say(text: str) -> None:
    if sys.stderr.isatty():
        print(text, file=sys.stderr)
