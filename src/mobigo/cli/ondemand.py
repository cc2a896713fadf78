"""``mobigo ondemand``: transport on demand; its services in and out."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mobigo.cli.simulate import simulate
from mobigo.kit.errors import InvalidInput, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from psycopg import Connection

    from mobigo.ondemand.documents import ServiceBody
    from mobigo.ondemand.services import Author
    from mobigo.ondemand.services_api import BriefAnswer

AUTHOR = "command line"
"""Who changes services here, as their history says."""


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print the services as JSON.")
@click.pass_context
def ondemand(context: click.Context, *, as_json: bool) -> None:
    """Services on demand: list, show, import and export GTFS-Flex, write and undo documents."""
    if context.invoked_subcommand is None:
        _list(None, as_json=as_json)


ondemand.add_command(simulate)


@ondemand.command("services")
@click.option("--source", metavar="ID", help="Only those of this source.")
@click.option("--json", "as_json", is_flag=True, help="Print the services as JSON.")
def list_services(*, source: str | None, as_json: bool) -> None:
    """List the services there are now, and what is wrong with others."""
    _list(source, as_json=as_json)


@ondemand.command()
@click.argument("service")
@click.option("--json", "as_json", is_flag=True, help="Print its document, which `write` reads.")
@click.option("--history", is_flag=True, help="What the staff wrote of it, newest first.")
def show(service: str, *, as_json: bool, history: bool) -> None:
    """Show a service: its hours, booking rules, places; or its history."""
    with _connect() as connection:
        if history:
            _show_history(connection, service, as_json=as_json)
        else:
            _show(connection, service, as_json=as_json)


@ondemand.command("import")
@click.argument("feed", metavar="FILE|FOLDER|URL")
@click.option("--source", required=True, metavar="ID", help="The name its ids will carry, as ID:route.")
@click.option("--shift-dates", metavar="MONDAY|WEEK", help="Move its busiest week to this one: 2026-11-23 or 2026-W48.")
@click.option("--no-build", is_flag=True, help="Do not build the network afterwards.")
@click.option("--json", "as_json", is_flag=True, help="Print the services as JSON.")
@click.pass_context
def import_feed(
    context: click.Context, *, feed: str, source: str, shift_dates: str | None, no_build: bool, as_json: bool
) -> None:
    """Load a GTFS-Flex feed like `load gtfs`, and list the services it brought."""
    from mobigo.cli.load_gtfs import gtfs

    context.invoke(gtfs, feed=feed, source=source, shift_dates=shift_dates, as_json=False, no_build=no_build)
    _list(source, as_json=as_json)


@ondemand.command()
@click.argument("source")
@click.option("--out", "file", required=True, type=click.Path(path_type=Path), help="The archive to write, .zip.")
def export(source: str, *, file: Path) -> None:
    """Write the services of a source as GTFS with all Flex files, the staff's changes included."""
    from mobigo.ondemand.catalogue import read_catalogue, source_of
    from mobigo.ondemand.flex_write import write_flex
    from mobigo.transit.flex_store import read_accompanying

    with _connect() as connection:
        services = [one for one in read_catalogue(connection).services.values() if source_of(one.id) == source]
        content = write_flex(services, read_accompanying(connection, source))
    try:
        file.write_bytes(content)
    except OSError as error:
        raise InvalidInput(f"{file} cannot be written: {error.strerror}; name a file in a folder that exists") from None
    print(f"{file}: {len(services)} services, {len(content):,} bytes")


@ondemand.command()
@click.argument("service")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--check", is_flag=True, help="Only say what is wrong with it.")
def write(service: str, file: Path, *, check: bool) -> None:
    """Write a service from a JSON document, as `show --json` prints it."""
    from mobigo.ondemand import services
    from mobigo.ondemand.catalogue import read_catalogue

    body = _read_document(file)
    author = _author()
    with _connect() as connection:
        catalogue = read_catalogue(connection)
        faults = services.find_faults(connection, catalogue, service, body, author.now)
        for fault in faults:
            print(f"{fault.where}: [{fault.code}] {fault.what}", file=sys.stderr)
        services.refuse_faults(service, faults)
        if check:
            print(f"{service}: nothing is wrong")
            return
        written = services.write(connection, catalogue, service, body, author)
    print(f"{service} is at revision {written.number}")


@ondemand.command()
@click.argument("service")
@click.option("--with-rides", is_flag=True, help="Although rides are booked; they stay booked.")
def withdraw(service: str, *, with_rides: bool) -> None:
    """Take a service out of use, also a feed's; `undo` brings it back."""
    from mobigo.ondemand import services
    from mobigo.ondemand.catalogue import read_catalogue

    with _connect() as connection:
        services.withdraw(connection, read_catalogue(connection), service, _author(), with_rides=with_rides)
    print(f"{service} is withdrawn")


@ondemand.command()
@click.argument("service")
@click.option("--to", type=click.IntRange(0), help="Go back to this revision; 0: as in its feed.")
def undo(service: str, *, to: int | None) -> None:
    """Take the last change of a service back."""
    from mobigo.ondemand import services

    with _connect() as connection:
        written = services.undo(connection, service, _author(), to)
    what = "withdrawn" if written.withdrawn else "as it was written before" if written.document else "as in its feed"
    print(f"{service} is {what} (revision {written.number})")


# ── what they share ───────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _connect() -> Iterator[Connection[Any]]:
    import psycopg

    from mobigo.cli.context import open_database
    from mobigo.db.engine import libpq_conninfo

    with psycopg.connect(libpq_conninfo(open_database())) as connection:
        yield connection


def _author() -> Author:
    from mobigo.ondemand.services import Author
    from mobigo.settings import read_settings

    return Author(AUTHOR, read_settings().open_clock().now())


def _read_document(file: Path) -> ServiceBody:
    """Read the document of a service; `show --json` wraps it into what else is known of it."""
    from pydantic import ValidationError

    from mobigo.ondemand.documents import ServiceBody

    try:
        found = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{file} is no JSON: {error}") from None
    if isinstance(found, dict) and isinstance(found.get("service"), dict):
        found = found["service"]
    try:
        return ServiceBody.model_validate(found)
    except ValidationError as error:
        first, *more = (f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors())
        rest = f" (and {len(more)} more)" if more else ""
        raise Refused(f"{file} is no document of a service: {first}{rest}") from None


def _list(source: str | None, *, as_json: bool) -> None:
    from mobigo.ondemand.catalogue import read_catalogue, source_of
    from mobigo.ondemand.services_api import brief_service
    from mobigo.ondemand.services_store import list_dispatched

    with _connect() as connection:
        catalogue = read_catalogue(connection)
        dispatched = list_dispatched(connection)
    briefs = [
        brief_service(catalogue, service, dispatched)
        for service in catalogue.services.values()
        if source in {None, source_of(service.id)}
    ]
    if as_json:
        print(json.dumps([one.model_dump(mode="json") for one in briefs], ensure_ascii=False, indent=1))
        return
    if not briefs:
        print("no service runs on demand; `mobigo ondemand import FILE --source ID` loads GTFS-Flex")
    rows = [(one.id, one.kind.replace("_", " "), f"booked: {one.how}", _days(one), one.name) for one in briefs]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    for id_, faults in catalogue.faults.items():
        for fault in faults if source in {None, source_of(id_)} else ():
            print(f"{id_} {fault.where}: [{fault.code}] {fault.what}", file=sys.stderr)


def _days(one: BriefAnswer) -> str:
    return f"{one.first_day} to {one.last_day}" if one.first_day else ""


def _show(connection: Connection[Any], id_: str, *, as_json: bool) -> None:
    from mobigo.ondemand.catalogue import read_catalogue
    from mobigo.ondemand.flex_read import write_time
    from mobigo.ondemand.services_api import answer_service, name_service

    catalogue = read_catalogue(connection)
    answer = answer_service(connection, catalogue, id_)
    if as_json:
        print(json.dumps(answer.model_dump(mode="json"), ensure_ascii=False, indent=1))
        return
    service = catalogue.get(id_)
    print(f"{id_}  {name_service(service)}  ({service.kind.replace('_', ' ')}, booked: {answer.how})")
    print(f"  {service.agency.get('agency_name', '')}, times of {service.timezone}, written by {answer.written}")
    for rule in answer.service.booking_rules:
        told = rule.model_dump(mode="json", exclude_none=True)
        print(f"  rule {told.pop('booking_rule_id')}: " + ", ".join(f"{name} {value}" for name, value in told.items()))
    for trip in service.trips:
        print(f"  trip {trip.id} on {trip.calendar}")
        for call in trip.calls:
            since, until = (call.window_start, call.window_end)
            hours = [call.arrival, call.departure] if since is None else [since, until]
            when = " to ".join(write_time(time) for time in hours if time is not None)
            on = "" if call.pickup_type == 1 else f" on: {call.pickup_rule or 'no rule'}"
            off = "" if call.drop_off_type == 1 else f" off: {call.drop_off_rule or 'no rule'}"
            print(f"    {call.sequence} {call.kind} {call.place} {when}{on}{off}")
    for fault in answer.faults:
        print(f"  left out: {fault.where}: [{fault.code}] {fault.what}")


def _show_history(connection: Connection[Any], id_: str, *, as_json: bool) -> None:
    from mobigo.ondemand.services import list_history

    found = list_history(connection, id_)
    if as_json:
        rows = [
            {
                "revision": one.number,
                "withdrawn": one.withdrawn,
                "written_by": one.written_by,
                "written_at": one.written_at.isoformat(),
                "document": one.document,
            }
            for one in found
        ]
        print(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    for one in found:
        what = "withdrawn" if one.withdrawn else one.document["form"] if one.document else "as in its feed"
        print(f"{one.number}  {one.written_at:%Y-%m-%d %H:%M}  {one.written_by}  {what}")
