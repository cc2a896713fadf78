"""``mobigo fares``: what is sold; catalogues in and out, published and taken back."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, datetime

    from psycopg import Connection

    from mobigo.fares.catalogue import Catalogue, PriceRow
    from mobigo.fares.store import Version
    from mobigo.fares.tables import PriceLine

AUTHOR = "command line"
"""Who changes fares here, as their history says."""

TEXTS = {".json", ".toml"}
"""Endings of documents; everything else is a feed."""


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print one object.")
@click.pass_context
def fares(context: click.Context, *, as_json: bool) -> None:
    """List the catalogues of fares in force; show, import, export, publish them."""
    if context.invoked_subcommand is not None:
        return
    from mobigo.fares.store import list_series

    with _open() as (connection, _, today):
        found = list_series(connection, today)
    if as_json:
        print(json.dumps({"catalogues": [_describe(one) for one in found]}))
        return
    for one in found:
        print(_line(one))
    if not found:
        print("no fares are in force; `mobigo fares import FILE --publish` brings some")


@fares.command("versions")
@click.option("--series", metavar="ID", help="Only of this catalogue: `region`, or a feed's.")
@click.option("--json", "as_json", is_flag=True, help="Print one object.")
def list_versions(*, series: str | None, as_json: bool) -> None:
    """List all versions, drafts too, the newest first."""
    from mobigo.fares import store

    with _open() as (connection, _, _today):
        found = store.list_versions(connection, series)
    if as_json:
        print(json.dumps({"versions": [_describe(one) for one in found]}))
        return
    for one in found:
        print(_line(one))


@fares.command("show")
@click.argument("version", type=int, required=False)
@click.option("--series", metavar="ID", default="region", show_default=True, help="Of the catalogue in force.")
@click.option("--on", metavar="YYYY-MM-DD", help="Prices of this day of travel; today if not said.")
@click.option("--language", type=click.Choice(["fr", "en"]), default="fr", show_default=True, help="Of names.")
@click.option("--json", "as_json", is_flag=True, help="Print the document.")
def show(*, version: int | None, series: str, on: str | None, language: str, as_json: bool) -> None:
    """Show what is sold, with its prices: by the catalogue in force, or by VERSION."""
    from mobigo.fares.document import write_document
    from mobigo.fares.tables import list_prices

    with _open() as (connection, _, today):
        day = _read_day(on) or today
        catalogue = _find(connection, version, series, day)
    if as_json:
        print(json.dumps(write_document(catalogue), ensure_ascii=False, indent=1))
        return
    marked = " (demonstration: nobody charges these prices)" if catalogue.demonstration else ""
    print(f"{catalogue.name.of(language)}, version {catalogue.version}, from {catalogue.valid_from}{marked}")
    categories = {one.id: one.name.of(language) for one in catalogue.categories}
    lines = [
        (line.product.id, line.product.name.of(language), _whom(line.row, categories), _price(line, catalogue.currency))
        for line in list_prices(catalogue, day)
    ]
    widths = [max((len(line[n]) for line in lines), default=0) for n in range(3)]
    for line in lines:
        print("  ".join([*(text.ljust(width) for text, width in zip(line, widths, strict=False)), line[3]]))


@fares.command("import")
@click.argument("source", metavar="FILE|FOLDER|FEED")
@click.option(
    "--series", metavar="ID", help="Catalogue it becomes a version of; `region` for documents, or the feed's."
)
@click.option("--valid-from", metavar="YYYY-MM-DD", help="First day of sale, in place of what the document says.")
@click.option("--publish", "at_once", is_flag=True, help="Publish it at once.")
def import_fares(*, source: str, series: str | None, valid_from: str | None, at_once: bool) -> None:
    """Draft a version: from a document (.json, .toml), a GTFS feed on disk, or a loaded feed by its name."""
    from mobigo.fares import service
    from mobigo.fares.store import REGION

    with _open() as (connection, now, today):
        first = _read_day(valid_from)
        path = Path(source)
        if path.suffix in TEXTS:
            document = _read_text(path)
            if first is not None:
                document["valid_from"] = first.isoformat()
            version = service.draft(
                connection, document, series=series or REGION, origin=f"file {path.name}", by=AUTHOR, now=now
            )
            notes: list[str] = []
        else:
            catalogue, notes = _read_feed(connection, source, series, first or today)
            version = service.draft_catalogue(connection, catalogue, origin=f"fares of {path.name}", by=AUTHOR, now=now)
        if at_once:
            version = service.publish(
                connection, version.number, seen=version.revision, by=AUTHOR, now=now, today=today
            )
    for note in notes:
        print(note, file=sys.stderr)
    print(_line(version))


@fares.command("export")
@click.argument("version", type=int, required=False)
@click.option("--series", metavar="ID", default="region", show_default=True, help="Of the catalogue in force.")
@click.option("--out", "file", required=True, type=click.Path(path_type=Path), help="FILE.json, .csv or .zip (GTFS).")
@click.option("--feed", "feeds", multiple=True, metavar="ID", help="GTFS: whose routes and stops; all if not said.")
@click.option("--into", type=click.Path(path_type=Path), metavar="FEED.zip", help="GTFS: in a copy of this feed.")
@click.option("--on", metavar="YYYY-MM-DD", help="Prices of this day of travel; today if not said.")
def export_fares(
    *, version: int | None, series: str, file: Path, feeds: tuple[str, ...], into: Path | None, on: str | None
) -> None:
    """Write a catalogue: as a document, as a table of prices, or as files of GTFS Fares."""
    from mobigo.fares import service
    from mobigo.fares.document import write_document
    from mobigo.fares.gtfs_write import write_archive, write_into
    from mobigo.fares.tables import write_prices
    from mobigo.kit.errors import InvalidInput

    notes: list[str] = []
    with _open() as (connection, _, today):
        day = _read_day(on) or today
        catalogue = _find(connection, version, series, day)
        match file.suffix:
            case ".json":
                content = (json.dumps(write_document(catalogue), ensure_ascii=False, indent=1) + "\n").encode()
            case ".csv":
                content = write_prices(catalogue, day).encode()
            case ".zip":
                files = service.write_gtfs(connection, catalogue, feeds, day)
                content = write_archive(files) if into is None else write_into(into, files)
                notes = files.notes
            case _:
                raise InvalidInput(f"{file} ends in none of .json, .csv, .zip; name it by what it shall be")
    try:
        file.write_bytes(content)
    except OSError as error:
        raise InvalidInput(f"{file} cannot be written: {error.strerror}; name a file in a folder that exists") from None
    for note in notes:
        print(note, file=sys.stderr)
    print(f"version {catalogue.version} of {catalogue.id} written to {file}")


@fares.command("change")
@click.argument("version", type=int)
@click.argument("table", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="TABLE.csv")
def change_fares(version: int, table: Path) -> None:
    """Replace prices or points of sale of a draft by those of a CSV (`fares export --out prices.csv` writes one)."""
    from mobigo.fares import service

    with _open() as (connection, now, _):
        seen = service.get_version(connection, version).revision
        text = table.read_bytes().decode("utf-8-sig", "replace")
        print(_line(service.change_table(connection, version, text, seen=seen, by=AUTHOR, now=now)))


@fares.command("publish")
@click.argument("version", type=int)
def publish(version: int) -> None:
    """Publish a draft: from its first day on, tickets are sold from it."""
    from mobigo.fares import service

    with _open() as (connection, now, today):
        print(_line(service.publish(connection, version, seen=None, by=AUTHOR, now=now, today=today)))


@fares.command("take-back")
@click.argument("version", type=int)
def take_back(version: int) -> None:
    """Make a draft again of what was published by mistake; refused once something was sold from it."""
    from mobigo.fares import service

    with _open() as (connection, now, _):
        print(_line(service.take_back(connection, version, by=AUTHOR, now=now)))


def keep_fares(url: str, now: datetime, *, sandbox: bool) -> None:
    """Publish the fares that the feeds in service bring, where they changed.

    Parameters
    ----------
    sandbox : bool
        The demonstration's prices are published too, where the region has none: in a sandbox, and beside its feed.
    """
    import psycopg

    from mobigo.cli.region import DEMONSTRATION
    from mobigo.db.engine import libpq_conninfo
    from mobigo.fares.demonstration import publish_demonstration
    from mobigo.fares.service import publish_feed
    from mobigo.kit.errors import InvalidInput
    from mobigo.transit.flex_store import list_active_versions

    with psycopg.connect(libpq_conninfo(url)) as connection:
        today = _today(now)
        sources = [source for source, _ in list_active_versions(connection)]
        if sandbox or DEMONSTRATION in sources:
            publish_demonstration(connection, now=now, today=today)
            connection.commit()
        for source in sources:
            if source == DEMONSTRATION:
                continue  # its prices are the region's examples
            try:
                found = publish_feed(connection, source, now=now, today=today)
            except InvalidInput as error:
                print(f"mobigo: {error}; its rides have no price", file=sys.stderr)
                connection.rollback()
                continue
            connection.commit()
            for note in found[1] if found else ():
                print(f"mobigo: fares of {source}: {note}", file=sys.stderr)


@contextmanager
def _open() -> Iterator[tuple[Connection[Any], datetime, date]]:
    import psycopg

    from mobigo.cli.context import open_database
    from mobigo.db.engine import libpq_conninfo
    from mobigo.settings import read_settings

    now = read_settings().open_clock().now()
    with psycopg.connect(libpq_conninfo(open_database())) as connection:
        yield connection, now, _today(now)


def _today(now: datetime) -> date:
    from zoneinfo import ZoneInfo

    from mobigo.fares.catalogue import Catalogue

    return now.astimezone(ZoneInfo(Catalogue.timezone)).date()


def _read_day(text: str | None) -> date | None:
    from datetime import date

    from mobigo.kit.errors import InvalidInput

    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"{text!r} is not a day; write it like 2026-11-23") from None


def _find(connection: Connection[Any], version: int | None, series: str, day: date) -> Catalogue:
    from mobigo.fares import service, store
    from mobigo.kit.errors import NotFound

    if version is not None:
        return store.read_catalogue(connection, service.get_version(connection, version))
    found = service.find_in_force(connection, day, series)
    if found is None:
        raise NotFound(f"no fares of {series} are in force on {day}; `mobigo fares` lists those that are")
    return found


def _read_text(path: Path) -> dict[str, Any]:
    """Read a document; what is in it is checked when it is drafted."""
    import tomllib

    from mobigo.kit.errors import InvalidInput

    try:
        text = path.read_text("utf-8")
        found = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{path} is no {path.suffix[1:].upper()}: {error}") from None
    if not isinstance(found, dict):
        raise InvalidInput(f"{path} is no catalogue; `mobigo fares show --json` prints one")
    return found


def _read_feed(
    connection: Connection[Any], source: str, series: str | None, first: date
) -> tuple[Catalogue, list[str]]:
    from mobigo.fares.feed_rows import read_archive, read_loaded
    from mobigo.fares.gtfs_read import read_fares

    path = Path(source)
    name = series or path.name.partition(".")[0]
    rows = read_archive(path, name) if path.exists() else read_loaded(connection, source)
    return read_fares(rows, valid_from=first, series=series)


def _describe(version: Version) -> dict[str, Any]:
    return {
        "version": version.number,
        "series": version.series,
        "state": version.state.value,
        "valid_from": version.valid_from.isoformat(),
        "revision": version.revision,
        "origin": version.origin,
        "sold": version.sold_at is not None,
    }


def _line(version: Version) -> str:
    sold = ", sold from" if version.sold_at else ""
    state = f"{version.state.value} from {version.valid_from}{sold}"
    return f"{version.number:>5}  {version.series}  {state}  ({version.origin})"


def _whom(row: PriceRow, categories: dict[str, str]) -> str:
    return ", ".join(
        text for text in (categories.get(row.category or "", row.category), row.medium) if text is not None and text
    )


def _price(line: PriceLine, currency: str) -> str:
    from mobigo.fares.tables import write_amount

    if line.scale is None:
        return f"{write_amount(line.row.cents or 0, currency)} {currency}"
    parts = []
    for band in line.scale.bands:
        reach = "beyond" if band.up_to is None else f"to {band.up_to / 1000:g} km"
        per = write_amount(band.millicents_per_km / 1000, currency, more=3)
        parts.append(f"{reach} {write_amount(band.cents, currency)}{f' + {per}/km' if band.millicents_per_km else ''}")
    return f"{'; '.join(parts)} {currency}"
