"""``mobigo usage draft``: networks that somebody drafts, and what they would do for the people recorded."""

from __future__ import annotations

import getpass
import json
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

    from mobigo.settings import Settings
    from mobigo.usage.drafts import Author

LOOK = 1.0
"""Seconds between two looks at how far a trial is."""


@contextmanager
def _connect() -> Iterator[Connection[Any]]:
    """Open the database of this home; what was done is committed at the end."""
    import psycopg

    from mobigo.cli.context import open_database
    from mobigo.db.engine import libpq_conninfo

    with psycopg.connect(libpq_conninfo(open_database())) as connection:
        yield connection


def _read_author() -> Author:
    from mobigo.settings import read_settings
    from mobigo.usage.drafts import Author

    return Author(f"{getpass.getuser()} (command line)", read_settings().open_clock().now())


@click.group("draft")
def draft() -> None:
    """Networks that somebody drafts: lines added, trips moved, zones opened; tried on recorded demand."""


@draft.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects instead of lines.")
def list_drafts(*, as_json: bool) -> None:
    """List the drafts, and how the last trial of each stands."""
    from mobigo.usage import drafts_store as store

    with _connect() as connection:
        rows = []
        for one in store.list_drafts(connection):
            last = next(iter(store.list_trials(connection, one.id)), None)
            rows.append(
                {
                    "id": one.id,
                    "name": one.name,
                    "revision": one.revision,
                    "made_by": one.made_by,
                    "trial": last and last.id,
                    "state": last and last.state,
                }
            )
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    for row in rows:
        trial = f"trial {row['trial']} {row['state']}" if row["trial"] else "not tried"
        print(f"{row['id']}  {row['name']}  revision {row['revision']}  {trial}")


@draft.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--over", metavar="ID", help="Write it over this draft (id or name), as its next revision.")
def import_draft(file: Path, *, over: str | None) -> None:
    """Take a draft over from FILE, JSON with `name` and `changes`; print its id."""
    from mobigo.usage import drafts
    from mobigo.usage.draft import read_document

    document = read_document(file.read_bytes())
    with _connect() as connection:
        if over is not None:
            one = drafts.write_draft(connection, over, document.changes, _read_author(), note=document.note)
        else:
            one = drafts.make_draft(connection, document, _read_author())
    print(one.id)


@draft.command("export")
@click.argument("id_", metavar="ID")
@click.option("--revision", type=click.IntRange(1), help="Default: the newest.")
def export_draft(id_: str, *, revision: int | None) -> None:
    """Print a draft (by id or name) as JSON; importing it gives the same."""
    from mobigo.usage import drafts
    from mobigo.usage.draft import plain

    with _connect() as connection:
        found = drafts.export_draft(connection, id_, revision)
    told = {"name": found.name, "note": found.note, "changes": plain(found.changes)}
    print(json.dumps(told, ensure_ascii=False, indent=1))


@draft.command("copy")
@click.argument("id_", metavar="ID")
@click.argument("name")
def copy_draft(id_: str, name: str) -> None:
    """Make a draft NAME that begins as another one is; print its id."""
    from mobigo.usage import drafts

    with _connect() as connection:
        print(drafts.copy_draft(connection, id_, name, _read_author()).id)


@draft.command("check")
@click.argument("id_", metavar="ID")
def check_draft(id_: str) -> None:
    """Say which changes of a draft cannot be made on the timetables and services of now, and why."""
    import psycopg

    from mobigo.cli.context import open_database
    from mobigo.db.engine import libpq_conninfo
    from mobigo.usage import drafts

    with psycopg.connect(libpq_conninfo(open_database()), autocommit=True) as connection:
        faults = drafts.check_draft(connection, id_)
    for one in faults:
        print(f"change {one.change + 1}: {one.what}")
    if faults:
        sys.exit(1)
    print("every change can be made")


@draft.command("remove")
@click.argument("id_", metavar="ID")
def remove_draft(id_: str) -> None:
    """Remove a draft with its trials."""
    from mobigo.usage import drafts

    with _connect() as connection:
        drafts.remove_draft(connection, id_)


@draft.command("try")
@click.argument("id_", metavar="ID")
@click.option("--from", "first", metavar="DATE", help="Demand from this day on. Default: the last four weeks.")
@click.option("--to", "last", metavar="DATE", help="Until this day. Default: yesterday.")
@click.option("--days", metavar="DATE,...", default="", help="Plan it on these days. Default: the next of each sort.")
@click.option("--sample", type=click.IntRange(1), default=2_000, show_default=True, help="Questions, about.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=1, show_default=True, help="Of all that is drawn.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole result as JSON.")
def try_draft(
    id_: str, *, first: str | None, last: str | None, days: str, sample: int, seed: int, as_json: bool
) -> None:
    """Try a draft here and now on recorded demand; Ctrl-C keeps what was found so far."""
    from mobigo.settings import read_settings
    from mobigo.usage import drafts
    from mobigo.usage import drafts_store as store
    from mobigo.usage.drafts import Wanted
    from mobigo.usage.trial_told import say_trial

    wanted = Wanted(
        _read_day(first),
        _read_day(last),
        tuple(day for text in days.split(",") if (day := _read_day(text.strip() or None)) is not None),
        sample,
        seed,
    )
    with _connect() as connection:
        number = drafts.ask_trial(connection, id_, wanted, _read_author())
    settings = read_settings()
    _run_watched(number, settings, quiet=as_json)
    with _connect() as connection:
        found = store.get_trial(connection, number)
        result = store.get_result(connection, number) if found.state == "done" else None
    if result is None:
        raise click.ClickException(found.problem or "the trial was given up")
    if as_json:
        print(json.dumps({"trial": number, "result": result}, ensure_ascii=False, indent=1))
        return
    print(f"trial {number}")
    for said in say_trial(result):
        print(f"  {said.en}")


def _read_day(text: str | None) -> Any:  # noqa: ANN401 - a day, imported late
    from datetime import date

    from mobigo.kit.errors import InvalidInput

    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"{text!r} is no day; write it like 2026-11-24") from None


def _run_watched(number: int, settings: Settings, *, quiet: bool) -> None:
    """Run a trial in a thread, and say how far it is; an interrupt asks for what was found so far."""
    from mobigo.usage import drafts
    from mobigo.usage import drafts_store as store

    failed: list[BaseException] = []
    working = threading.Thread(target=lambda: _run_safe(number, settings, failed), daemon=True)
    begun, cancelled = time.monotonic(), False
    working.start()
    while working.is_alive():
        try:
            working.join(LOOK)
            if not quiet:
                with _connect() as connection:
                    one = store.get_trial(connection, number)
                spent = time.monotonic() - begun
                print(f"{spent:7.1f} s  {one.stage}  {one.answered} of {one.asked}", file=sys.stderr)
        except KeyboardInterrupt:
            with _connect() as connection:
                if cancelled:
                    store.fail_trial(connection, number, "it was given up", settings.open_clock().now())
                    raise
                cancelled = True
                drafts.cancel_trial(connection, number)
    if failed:
        with _connect() as connection:
            store.fail_trial(connection, number, repr(failed[0]), settings.open_clock().now())
        raise failed[0]


def _run_safe(number: int, settings: Settings, failed: list[BaseException]) -> None:
    try:
        try_here(number, settings)
    except BaseException as error:  # noqa: BLE001 - told by the thread that waits
        failed.append(error)


@draft.command("trial", hidden=True)
@click.argument("number", type=int)
def run_number(number: int) -> None:
    """Run a trial that was asked for; stop when standard input ends, and it is run again later."""
    from mobigo.cli.context import give_way, open_database
    from mobigo.cli.serve import hold_leash
    from mobigo.settings import read_settings

    hold_leash()
    open_database()
    give_way(leave_one=False)
    try_here(number, read_settings())


def try_here(number: int, settings: Settings) -> None:
    """Run a trial in this process; one that cannot be is marked as failed, with the reason."""
    import psycopg

    from mobigo.cli.context import open_database
    from mobigo.db.engine import libpq_conninfo
    from mobigo.kit.errors import MobigoError
    from mobigo.usage.drafts_store import fail_trial
    from mobigo.usage.many import LOCAL
    from mobigo.usage.trying import run_trial

    conninfo, clock = libpq_conninfo(open_database()), settings.open_clock()
    where = settings.dask_scheduler or LOCAL
    try:
        run_trial(lambda: psycopg.connect(conninfo, autocommit=True), number, settings.home, clock, where)
    except MobigoError as error:
        with psycopg.connect(conninfo) as connection:
            fail_trial(connection, number, str(error), clock.now())


def try_apart(url: str, settings: Settings, trial: int) -> None:
    """Run a trial in a process of its own; one that fails is marked so, with the reason."""
    import psycopg

    from mobigo.cli.apart import run_apart
    from mobigo.db.engine import libpq_conninfo
    from mobigo.usage.drafts_store import fail_trial

    why = run_apart(url, settings, "usage", "draft", "trial", str(trial))
    if why is not None:
        with psycopg.connect(libpq_conninfo(url)) as connection:
            fail_trial(connection, trial, why, settings.open_clock().now())
