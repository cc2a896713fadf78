"""``mobigo school import`` and ``export``: the register in and out; what the worker forgets of it."""

from __future__ import annotations

import getpass
import json
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from psycopg import Connection

    from mobigo.school.register_service import Actor
    from mobigo.settings import Settings

ADDRESS = "https://www.bourgognefranchecomte.fr"
"""Of who publishes the network, in open data."""
TOLD = 20
"""Faults that are printed, unless all are asked for."""


@contextmanager
def connect() -> Iterator[Connection[Any]]:
    """Open the database of this home; what was done is committed at the end."""
    import psycopg

    from mobigo.cli.context import open_database
    from mobigo.db.engine import libpq_conninfo

    with psycopg.connect(libpq_conninfo(open_database())) as connection:
        yield connection


def read_actor() -> Actor:
    """Return who types, as the log says it."""
    from mobigo.school.register_service import Actor
    from mobigo.settings import read_settings

    return Actor(f"{getpass.getuser()} (command line)", "admin", read_settings().open_clock().now())


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--year", required=True, metavar="2026-2027", help="The school year; begun if it is not there.")
@click.option("--list", "only", metavar="NAME", help="What a CSV file holds, where its titles do not say it.")
@click.option("--replace", is_flag=True, help="Each list of the file is whole: other rows are removed.")
@click.option("--language", type=click.Choice(["fr", "en"]), default="en", show_default=True, help="Of what is wrong.")
@click.option("--json", "as_json", is_flag=True, help="Print what changed, or every fault, as JSON.")
def import_lists(file: Path, *, year: str, only: str | None, replace: bool, language: str, as_json: bool) -> None:
    """Take lists over from FILE (XLSX or CSV): all of it, or nothing and what to correct."""
    from mobigo.kit.errors import InvalidInput, Refused
    from mobigo.school.register_service import get_sheet, import_file

    if only is not None:
        get_sheet(only)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}; name a file") from None
    try:
        with connect() as connection:
            report = import_file(connection, year, content, file.name, read_actor(), only=only, replace=replace)
    except Refused as refused:
        faults = refused.members.get("faults")
        if as_json:
            print(json.dumps({"detail": str(refused), **refused.members}, ensure_ascii=False, indent=1))
        elif isinstance(faults, list):
            for one in faults[:TOLD]:
                print(_say_fault(one, language), file=sys.stderr)
        raise
    if as_json:
        told = {"counts": report.counts, "notes": report.notes, "notes_fr": report.notes_fr}
        print(json.dumps(told, ensure_ascii=False, indent=1))
        return
    for name, counts in report.counts.items():
        print(f"{name}: " + ", ".join(f"{count:,} {what}" for what, count in counts.items()))
    for note in report.notes_fr if language == "fr" else report.notes:
        print(note)


def _say_fault(one: Mapping[str, Any], language: str) -> str:
    """Say where something is wrong with a file, what, and what to do."""
    french = language == "fr"
    words = {"sheet": "feuille", "row": "ligne", "column": "colonne"} if french else {}
    where = [f"{words.get(name, name)} {one[name]}" for name in ("sheet", "row", "column") if one[name] is not None]
    return f"{', '.join(where)} : {one['what_fr']}" if french else f"{', '.join(where)}: {one['what']}"


@click.command("export")
@click.option("--year", required=True, metavar="2026-2027")
@click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="FILE.xlsx, FILE.csv: lists; FILE.zip: GTFS; FILE.geojson: a map.",
)
@click.option("--list", "only", multiple=True, metavar="NAME", help="Only this list; of CSV exactly one.")
@click.option("--people", is_flag=True, help="Lists with names, addresses and contacts; this is logged.")
def export_year(*, year: str, out: Path, only: tuple[str, ...], people: bool) -> None:
    """Write a school year: its lists as `import` reads them, pupils by key unless --people; or its network, open."""
    from mobigo.kit.errors import InvalidInput
    from mobigo.school.register_service import export_text, export_workbook

    suffix = out.suffix.lower()
    if suffix not in {".xlsx", ".csv", ".zip", ".geojson"} or (suffix == ".csv" and len(only) != 1):
        raise InvalidInput(f"{out} must end in .xlsx, .zip or .geojson, or in .csv with one --list")
    if suffix in {".zip", ".geojson"} and (only or people):
        raise InvalidInput(f"{out} is open data without pupils; --list and --people are for .xlsx and .csv")
    with connect() as connection:
        if suffix == ".csv":
            content = export_text(connection, year, only[0], read_actor(), people=people).content
        elif suffix == ".xlsx":
            content = export_workbook(connection, year, read_actor(), only=only, people=people).content
        else:
            content = write_network(connection, year)[suffix]
        write_file(out, content)
    print(f"{out}: {len(content):,} bytes")


def write_network(connection: Connection[Any], year: str) -> dict[str, bytes]:
    """Write the network of a year as open data, by the ending of the file."""
    from mobigo.kit.errors import Refused
    from mobigo.school.network import read_network
    from mobigo.school.open_data import list_ways, write_gtfs, write_map
    from mobigo.school.outputs_api import PUBLISHER
    from mobigo.school.register_service import get_year
    from mobigo.school.roads import FOLDER, open_roads
    from mobigo.settings import read_settings

    found = get_year(connection, year)
    network = read_network(connection, year)
    try:
        ways = open_roads(connection, read_settings().home / FOLDER).draw(list_ways(network))
    except Refused:  # no streets are loaded
        ways = {}
    gtfs = write_gtfs(network, found, publisher=PUBLISHER, url=ADDRESS, ways=ways)
    return {".zip": gtfs, ".geojson": write_map(network, ways)}


def write_file(file: Path, content: bytes) -> None:
    """Write a file whose folder is there.

    Raises
    ------
    InvalidInput
        When it cannot be written.
    """
    from mobigo.kit.errors import InvalidInput

    try:
        file.write_bytes(content)
    except OSError as error:
        raise InvalidInput(f"{file} cannot be written: {error.strerror}; name a file in an existing folder") from None


@click.command("roll-over")
@click.argument("year", metavar="2027-2028")
@click.option("--from", "source", required=True, metavar="2026-2027", help="The year whose network is taken over.")
def roll_over_year(year: str, *, source: str) -> None:
    """Begin YEAR with the schools, stops, vehicles, circuits and rules of another; without pupils."""
    from mobigo.school.register_service import roll_over
    from mobigo.school.register_store import count_rows

    with connect() as connection:
        begun = roll_over(connection, source, year)
        counts = count_rows(connection, year)
    print(
        f"{begun.id}, {begun.first} to {begun.last}: " + ", ".join(f"{n:,} {what}" for what, n in counts.items() if n)
    )


@click.command("eligibility")
@click.option("--year", required=True, metavar="2026-2027")
@click.option("--day", metavar="YYYY-MM-DD", help="The rules of this day; the first of the year, if not said.")
@click.option("--school", metavar="CODE", help="Only pupils of this school.")
@click.option("--json", "as_json", is_flag=True, help="Print every pupil's home with the reason.")
def judge_homes(*, year: str, day: str | None, school: str | None, as_json: bool) -> None:
    """Tell who is entitled to transport, by the rules of a day and the shortest road; pupils by key."""
    from collections import Counter
    from dataclasses import asdict
    from datetime import date

    from mobigo.kit.errors import InvalidInput
    from mobigo.school.register_service import get_year, judge_pupils
    from mobigo.school.roads import FOLDER, open_roads
    from mobigo.settings import read_settings

    try:
        when = None if day is None else date.fromisoformat(day)
    except ValueError:
        raise InvalidInput(f"--day {day!r} is no day; write it like 2026-09-01") from None
    with connect() as connection:
        get_year(connection, year)
        lengths = open_roads(connection, read_settings().home / FOLDER).lengths()
        found = judge_pupils(connection, year, lengths, day=when, school=school)
    if as_json:
        print(json.dumps([asdict(one) for one in found], ensure_ascii=False, indent=1))
        return
    for code, count in Counter(one.standing.code for one in found).most_common():
        example = next(one for one in found if one.standing.code == code)
        print(f"{count:>7,}  {code:16} {example.pupil}: {example.standing.english}")


def forget_pupils(url: str, settings: Settings) -> None:
    """Forget the pupils of school years that are over."""
    import psycopg

    from mobigo.db.engine import libpq_conninfo
    from mobigo.school.register_service import forget

    with psycopg.connect(libpq_conninfo(url)) as connection:
        forget(connection, settings.open_clock().now())
