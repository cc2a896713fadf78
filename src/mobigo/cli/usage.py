"""``mobigo usage``: what the network is used for, counted by day."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import TYPE_CHECKING

import click

from mobigo.cli.drafts import draft
from mobigo.cli.opening import open_

if TYPE_CHECKING:
    from datetime import datetime

    from mobigo.settings import Settings

MOST_DAYS = 400
"""Days in one command."""


@click.group()
def usage() -> None:
    """What the network is used for: count days, say how counting stands, open months, imagine use in a sandbox."""


usage.add_command(open_)


def count_due(url: str, settings: Settings) -> None:
    """Count the days that are due, as a job: today's notes so far, and each night those of the days before."""
    import structlog

    from mobigo.kit.errors import MobigoError
    from mobigo.usage import service
    from mobigo.usage.many import HERE, count_days

    log = structlog.get_logger()
    now = settings.open_clock().now()
    tasks = service.plan_tasks(url, service.list_due(url, now), now)
    where = settings.dask_scheduler or HERE  # a job that nobody waits for starts no processes
    for task, done in count_days(tasks, where):
        if isinstance(done, MobigoError):
            log.warning("a day of use was not counted", day=str(task.day), why=str(done))
        else:
            log.info("a day of use was counted", day=str(task.day), notes=done.notes, rows=done.rows)
    if coarsened := service.coarsen(url, now, settings.usage_squares_days):
        log.info("days of use are told by communes from now on", days=coarsened)


def read_days(day: str | None, first: str | None, last: str | None, now: datetime) -> list[date]:
    """Read the days of a command.

    Raises
    ------
    InvalidInput
        When a text is no day, or they are not in order, or too many.
    """
    from mobigo.kit.errors import InvalidInput
    from mobigo.usage.service import ZONE

    def read(text: str) -> date:
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise InvalidInput(f"{text!r} is no day; write it like 2026-11-20") from None

    today = now.astimezone(ZONE).date()
    if day is not None and (first is not None or last is not None):
        raise InvalidInput("--day is one day, --from and --to are several; use either")
    if day is not None:
        return [read(day)]
    start = read(first) if first is not None else today
    end = read(last) if last is not None else today
    if not 0 <= (end - start).days < MOST_DAYS:
        raise InvalidInput(
            f"from {start} to {end} are {(end - start).days + 1} days; name 1 to {MOST_DAYS}, the first one first"
        )
    return [start + timedelta(days=number) for number in range((end - start).days + 1)]


@usage.command()
@click.option("--day", metavar="DATE", help="One day.")
@click.option("--from", "first", metavar="DATE", help="The first of several days. Default: today.")
@click.option("--to", "last", metavar="DATE", help="The last of them. Default: today.")
@click.option("--scheduler", metavar="ADDRESS", help="Dask scheduler whose workers count. Default: processes of here.")
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects instead of lines.")
def count(*, day: str | None, first: str | None, last: str | None, scheduler: str | None, as_json: bool) -> None:
    """Count days of use, in place of what was counted of them before; without days, those that are due.

    A day whose notes are forgotten stays as it was counted.
    """
    import sys

    from mobigo.cli.context import open_database
    from mobigo.kit.errors import MobigoError
    from mobigo.settings import read_settings
    from mobigo.usage import service
    from mobigo.usage.many import HERE, LOCAL, count_days

    settings = read_settings()
    url, now = open_database(), settings.open_clock().now()
    named = any(text is not None for text in (day, first, last))
    days = read_days(day, first, last, now) if named else service.list_due(url, now)
    tasks = service.plan_tasks(url, days, now)
    where = scheduler or settings.dask_scheduler or (LOCAL if len(tasks) > 1 else HERE)
    rows, failed = [], []
    for task, done in count_days(tasks, where):
        if isinstance(done, MobigoError):
            failed.append(str(done))
            continue
        rows.append({"day": str(task.day), "notes": done.notes, "rows": done.rows})
        if not as_json:
            print(f"{task.day}  {done.notes:>10,} notes  {done.rows:>8,} rows")
    if as_json:
        print(json.dumps(sorted(rows, key=lambda row: str(row["day"])), indent=1))
    for problem in failed:
        print(f"mobigo: {problem}", file=sys.stderr)
    if failed:
        sys.exit(1)


@usage.command()
@click.option("--json", "as_json", is_flag=True, help="Print an object instead of tables.")
def status(*, as_json: bool) -> None:
    """Say which days are counted, and how many notes wait for their day's last count."""
    import psycopg
    from rich.console import Console
    from rich.table import Table

    from mobigo.cli.context import open_database
    from mobigo.db.engine import libpq_conninfo
    from mobigo.usage import store

    with psycopg.connect(libpq_conninfo(open_database())) as connection:
        counted, noted = store.list_counted(connection), store.count_noted(connection)
    if as_json:
        days = [
            {
                "day": str(one.day),
                "day_type": one.day_type,
                "counted_at": one.counted_at.isoformat(),
                "final": one.final,
            }
            for one in counted
        ]
        print(json.dumps({"days": days, "notes": noted}, indent=1))
        return
    notes = Table("notes", "number")
    for table, number in noted.items():
        notes.add_row(table, f"{number:,}")
    days_ = Table("day", "sort", "counted at", "for good")
    for one in counted[-14:]:
        days_.add_row(str(one.day), one.day_type, f"{one.counted_at:%Y-%m-%d %H:%M}", "yes" if one.final else "not yet")
    console = Console()
    console.print(notes)
    console.print(days_)
    if counted:
        closed = sum(one.final for one in counted)
        print(f"{len(counted)} days from {counted[0].day} to {counted[-1].day}, {closed} for good")


@usage.command()
@click.option("--day", metavar="DATE", help="One day.")
@click.option("--from", "first", metavar="DATE", help="The first of several days. Default: today.")
@click.option("--to", "last", metavar="DATE", help="The last of them. Default: today.")
@click.option(
    "--notes", type=click.IntRange(100, 5_000_000), default=20_000, show_default=True,
    help="About so many on a school day, besides the vehicles' calls.",
)  # fmt: skip
@click.option("--seed", type=int, default=1, show_default=True, help="Of everything that is drawn.")
def simulate(*, day: str | None, first: str | None, last: str | None, notes: int, seed: int) -> None:
    """Imagine use of the network, in place of the notes of the days; only in a sandbox."""
    from mobigo.cli.context import open_database
    from mobigo.kit.errors import Refused
    from mobigo.settings import read_settings
    from mobigo.usage.imagining import imagine

    settings = read_settings()
    if not settings.sandbox:
        raise Refused(
            f"{settings.home} is no sandbox: imagined use would stand in place of what was noted; "
            "start with `./mobigo up --sandbox`"
        )
    days = read_days(day, first, last, settings.open_clock().now())
    total = imagine(open_database(), days, notes, seed, lambda one, number: print(f"{one}  {number:>10,} notes"))
    print(f"{total:,} notes imagined; `mobigo usage count` counts them")


usage.add_command(draft)
