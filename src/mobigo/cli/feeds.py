"""``mobigo feeds``: what is loaded, what it is like, and the way back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mobigo.kit.errors import InvalidInput

if TYPE_CHECKING:
    import psycopg

    from mobigo.transit.store import Version


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
@click.pass_context
def feeds(context: click.Context, *, as_json: bool) -> None:
    """List feeds and their versions; show one, its report, or return to an earlier version."""
    if context.invoked_subcommand is None:
        _list(as_json=as_json)


@feeds.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def list_feeds(*, as_json: bool) -> None:
    """List feeds and their versions."""
    _list(as_json=as_json)


def _list(*, as_json: bool) -> None:
    with _connect() as connection:
        from mobigo.transit.store import list_versions

        versions = list_versions(connection)
    if as_json:
        print(json.dumps([_as_json(version) for version in versions], ensure_ascii=False, indent=1))
        return
    if not versions:
        print("no feed is loaded; load one with `mobigo load gtfs FILE --source ID`")
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("source", "version", "status", "loaded", "service", "trips", "from", box=None, pad_edge=False)
    for one in versions:
        days = f"{one.first_day} to {one.last_day}" if one.first_day else ""
        trips = f"{one.counts.get('trips.txt', 0):,}"
        table.add_row(one.source, str(one.id), one.status, f"{one.loaded_at:%Y-%m-%d %H:%M}", days, trips, one.origin)
    Console().print(table)


@feeds.command()
@click.argument("source")
@click.option("--version", type=int, help="Another version than the active one.")
@click.option("--map", "map_file", metavar="FILE", help="Write a map: .html (self-contained) or .geojson.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def show(source: str, *, version: int | None, map_file: str | None, as_json: bool) -> None:
    """Show a feed: counts, days, extent, figures, and on request a map."""
    drawing = Path(map_file) if map_file else None
    if drawing and drawing.suffix not in {".html", ".geojson"}:
        raise InvalidInput(f"{map_file!r} is neither .html nor .geojson; name the map by what it shall be")
    from mobigo.transit import statistics, store

    with _connect() as connection:
        one = store.get_version(connection, source, version)
        found = statistics.compute_statistics(connection, one.id)
        collection = statistics.draw_geojson(connection, one.id) if drawing else {}
    if drawing:
        page = drawing.suffix == ".html"
        title = f"{source}, version {one.id}"
        drawing.write_text(statistics.draw_page(collection, title) if page else json.dumps(collection))
    if as_json:
        print(json.dumps({**_as_json(one), "statistics": found}, ensure_ascii=False, indent=1))
        return
    print(f"{source} version {one.id}: {one.status}, loaded {one.loaded_at:%Y-%m-%d %H:%M} UTC from {one.origin}")
    if one.first_day:
        print(f"  service {one.first_day} to {one.last_day}")
    if one.bbox:
        print("  extent " + ", ".join(f"{degree:.4f}" for degree in one.bbox) + " (west, south, east, north)")
    for name, value in found.items():
        shown = ", ".join(f"{key} {n}" for key, n in value.items()) if isinstance(value, dict) else value
        shown = ", ".join(shown) if isinstance(shown, list) else shown
        print(f"  {name.replace('_', ' ')}: {shown}")
    for name, count in one.counts.items():
        print(f"  {count:>10,} {name}")


@feeds.command()
@click.argument("source")
@click.option("--version", type=int, help="Another version than the newest.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def report(source: str, *, version: int | None, as_json: bool) -> None:
    """Show what was found when a feed was loaded."""
    from mobigo.transit.store import get_report

    with _connect() as connection:
        found = get_report(connection, source, version)
    print(json.dumps(found.as_json(), ensure_ascii=False, indent=1) if as_json else found.as_text())


@feeds.command()
@click.argument("source")
@click.option("--to", type=int, metavar="VERSION", help="Another version than the one before.")
@click.option("--json", "as_json", is_flag=True, help="Print the version now active as JSON.")
@click.option("--no-build", is_flag=True, help="Do not build the network afterwards.")
def rollback(source: str, *, to: int | None, as_json: bool, no_build: bool) -> None:
    """Put an earlier version of a feed back in service."""
    from mobigo.cli.context import open_database
    from mobigo.cli.fares import keep_fares
    from mobigo.settings import read_settings
    from mobigo.transit.service import roll_back

    settings = read_settings()
    now = settings.open_clock().now()
    url = open_database()
    version = roll_back(url, source, now=now, to=to)
    keep_fares(url, now, sandbox=settings.sandbox)
    if not no_build:
        from mobigo.cli.opendata import ask_to_publish
        from mobigo.journeys.service import build_network

        build_network(url, settings.home, now)
        ask_to_publish(url)
    print(json.dumps(_as_json(version)) if as_json else f"{source} version {version.id} is active")


def _connect() -> psycopg.Connection[Any]:
    import psycopg

    from mobigo.cli.context import open_database
    from mobigo.db.engine import libpq_conninfo

    return psycopg.connect(libpq_conninfo(open_database()))


def _as_json(version: Version) -> dict[str, Any]:
    return {
        "source": version.source,
        "version": version.id,
        "status": version.status,
        "origin": version.origin,
        "hash": version.hash,
        "loaded_at": version.loaded_at.isoformat(),
        "shifted_to": version.shifted_to and version.shifted_to.isoformat(),
        "first_day": version.first_day and version.first_day.isoformat(),
        "last_day": version.last_day and version.last_day.isoformat(),
        "bbox": version.bbox,
        "counts": version.counts,
    }
