"""``mobigo carpool lines``: carpool lines listed, written out and read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from psycopg import Connection

AUTHOR = "command line"
"""Who changes lines here, as their history says."""


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print the lines as JSON, as `lines import` reads them.")
@click.pass_context
def lines(context: click.Context, *, as_json: bool) -> None:
    """List the carpool lines in service; export and import them."""
    if context.invoked_subcommand is not None:
        return
    from mobigo.carpool.lines import list_lines

    with _connect() as connection:
        found = list_lines(connection)
        text = _write(connection)
    if as_json:
        print(text)
        return
    width = max(len(line.id) for line in found) if found else 0
    for line in found:
        kind = ", demonstration" if line.demonstration else ""
        kilometres = line.stops[-1].metres / 1_000
        print(f"{line.id.ljust(width)}  {len(line.stops)} stops, {kilometres:.1f} km, revision {line.revision}{kind}")
        print(f"{' ' * width}  {' - '.join(stop.name for stop in line.stops)}")


@lines.command("export")
@click.option("--out", "file", required=True, type=click.Path(path_type=Path), help="The file to write, .json.")
def export_lines(file: Path) -> None:
    """Write all lines in service as documents."""
    from mobigo.kit.errors import InvalidInput

    with _connect() as connection:
        text = _write(connection)
    try:
        file.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{file} cannot be written: {error.strerror}; name a file in a folder that exists") from None
    print(f"{len(json.loads(text)['lines'])} lines written to {file}")


@lines.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="LINES.json")
def import_lines(file: Path) -> None:
    """Write lines from their documents: all of them, or none."""
    from pydantic import ValidationError

    from mobigo.carpool.line_documents import LineBody
    from mobigo.carpool.lines import write_all
    from mobigo.kit.errors import InvalidInput, Refused
    from mobigo.settings import read_settings

    try:
        found = json.loads(file.read_bytes())
        bodies = [LineBody.model_validate(one) for one in found["lines"]]
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Refused(f"{file} holds a line that is none: {where}: {first['msg']}") from None
    except (ValueError, RecursionError, TypeError, KeyError) as error:
        raise InvalidInput(f"{file} is not as `carpool lines --json` prints it: {error}") from None
    with _connect() as connection:
        written = write_all(connection, bodies, by=AUTHOR, now=read_settings().open_clock().now())
    for one in written:
        print(f"{one.id} is at revision {one.number}")


def _write(connection: Connection[Any]) -> str:
    from mobigo.carpool.line_documents import write_body
    from mobigo.carpool.lines import list_lines

    documents = [write_body(line) for line in list_lines(connection)]
    return json.dumps({"lines": documents}, ensure_ascii=False, indent=1)


def _connect() -> AbstractContextManager[Connection[Any]]:
    import psycopg

    from mobigo.cli.context import open_database
    from mobigo.db.engine import libpq_conninfo

    return psycopg.connect(libpq_conninfo(open_database()))
