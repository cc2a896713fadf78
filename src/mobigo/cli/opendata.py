"""``mobigo opendata``: publish, list what is published, say under what sources may be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from datetime import datetime

    from mobigo.opendata.making import Publisher
    from mobigo.opendata.watching import Round
    from mobigo.settings import Settings


WIDTH = 100
"""Columns that a list of data sets takes at most."""


@click.group()
def opendata() -> None:
    """What is published for everybody under /opendata."""


def read_publisher(settings: Settings) -> Publisher:
    """Return who publishes, by the settings."""
    from mobigo.opendata.making import Publisher

    return Publisher(
        settings.publisher_name,
        settings.publisher_website,
        f"{settings.public_url}/opendata" if settings.public_url else "",
        email=settings.publisher_email,
    )


def publish_all(url: str, settings: Settings) -> None:
    """Publish everything, as a job; what fails is logged, and told by the platform."""
    import structlog

    from mobigo.opendata.service import Outcome, Press

    log = structlog.get_logger()
    press = Press(url, settings.home, read_publisher(settings), settings.open_clock().now(), settings.schemas)
    for one in press.publish():
        if one.outcome is Outcome.FAILED:
            log.warning("a data set was not replaced", dataset=one.dataset, why=[found.code for found in one.problems])
        else:
            log.info("data set", dataset=one.dataset, outcome=one.outcome, version=one.version)


def watch_addresses(url: str, settings: Settings) -> Round | None:
    """Look at the published addresses once, from outside where that is known; None while nothing serves."""
    from dataclasses import replace

    from mobigo.cli.instance import find_instance
    from mobigo.opendata.watching import Watch

    publisher = read_publisher(settings)
    if not publisher.url:
        running = find_instance(settings.home)
        if running is None or running.url is None:
            return None
        publisher = replace(publisher, url=f"{running.url.rstrip('/')}/opendata")
    return Watch(url, publisher, settings.open_clock().now(), settings.schemas).run()


def note_licence(url: str, source: str, licence: str, attribution: str, now: datetime) -> None:
    """Keep under what a source may be published, as its address list says, unless staff said otherwise."""
    import psycopg

    from mobigo.db.engine import libpq_conninfo
    from mobigo.opendata import store
    from mobigo.opendata.licences import find_licence
    from mobigo.opendata.model import SourceLicence

    said = SourceLicence(source, find_licence(licence), attribution, published=True, said_by="sources", said_at=now)
    with psycopg.connect(libpq_conninfo(url)) as connection:
        store.suggest_source_licence(connection, said)


def ask_to_publish(url: str) -> None:
    """Have everything published by the worker, since what is in service changed."""
    from sqlalchemy.orm import Session

    from mobigo.db.engine import open_engine
    from mobigo.jobs.queue import enqueue
    from mobigo.jobs.schedule import LONG

    engine = open_engine(url, pool_size=1)
    try:
        with Session(engine) as session, session.begin():
            enqueue(session, "opendata.publish", once="opendata.publish", queue=LONG)
    finally:
        engine.dispose()


@opendata.command()
@click.argument("datasets", nargs=-1)
@click.option(
    "--schemas",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the schemas of NeTEx, SIRI and DCAT; else MOBIGO_SCHEMAS.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects instead of a table.")
def publish(datasets: tuple[str, ...], *, schemas: Path | None, as_json: bool) -> None:
    """Make data sets (all, or DATASETS), have them validated, and put them in place.

    What a validator refuses is not put in place: the version before stays online, and the exit code is 1.
    """
    import sys
    from dataclasses import asdict

    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table

    from mobigo.cli.context import open_database
    from mobigo.opendata.service import Outcome, Press
    from mobigo.settings import read_settings

    settings = read_settings()
    folder = schemas.resolve() if schemas else settings.schemas
    press = Press(open_database(), settings.home, read_publisher(settings), settings.open_clock().now(), folder)
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        done = press.publish(
            datasets, lambda name, number, total: bar.update(task, description=name, completed=number, total=total)
        )
    if as_json:
        print(json.dumps([asdict(one) for one in done], ensure_ascii=False, indent=1))
    else:
        table = Table("data set", "outcome", "version", "errors", "warnings")
        for one in done:
            wrong = [problem for problem in one.problems if problem.severity in {"error", "known"}]
            warnings = sum(problem.severity == "warning" for problem in one.problems)
            said = ", ".join(f"{problem.code} ({problem.count})" for problem in wrong)
            table.add_row(one.dataset, one.outcome, str(one.version or "-"), said, str(warnings))
        Console().print(table)
    if any(one.outcome is Outcome.FAILED for one in done):
        sys.exit(1)


@opendata.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects instead of a table.")
def list_(*, as_json: bool) -> None:
    """List data sets with the version in place, and what stands in the way of a newer one."""
    import psycopg
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Column, Table

    from mobigo.cli.context import open_database
    from mobigo.db.engine import libpq_conninfo
    from mobigo.opendata import store

    with psycopg.connect(libpq_conninfo(open_database())) as connection:
        found = store.list_standings(connection)
    rows = [
        {
            "dataset": one.dataset.id,
            "title": one.dataset.title["fr"],
            "version": one.current.number if one.current else None,
            "made_at": one.current.made_at.isoformat() if one.current else None,
            "licence": one.current.said.licence if one.current else None,
            "last_day": str(one.current.said.last_day) if one.current and one.current.said.last_day else None,
            "checked_at": one.checked_at.isoformat(),
            "failure": [problem.code for problem in one.problems],
        }
        for one in found
    ]
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    table = Table(Column("data set", overflow="fold"), "version", "made", "licence", "until", box=SIMPLE)
    table.add_column("not replaced because of", overflow="fold")
    for one in found:
        said = one.current.said if one.current else None
        table.add_row(
            one.dataset.id,
            str(one.current.number) if one.current else "-",
            f"{one.current.made_at:%Y-%m-%d %H:%M}" if one.current else "-",
            said.licence if said else "-",
            str(said.last_day or "-") if said else "-",
            ", ".join(problem.code for problem in one.problems),
        )
    console = Console()
    console.width = min(console.width, WIDTH)
    console.print(table)


@opendata.command()
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects instead of a table.")
def watch(*, as_json: bool) -> None:
    """Look at every published address now, as the worker does every few minutes; exit code 1 where one is silent."""
    import sys
    from dataclasses import asdict

    from rich.console import Console
    from rich.table import Table

    from mobigo.cli.context import open_database
    from mobigo.kit.errors import Unavailable
    from mobigo.settings import read_settings

    done = watch_addresses(open_database(), read_settings())
    if done is None:
        raise Unavailable("nothing serves the addresses; start with `./mobigo up`, or set MOBIGO_PUBLIC_URL")
    if as_json:
        print(json.dumps([asdict(one) for one in done.looks], ensure_ascii=False, indent=1))
    else:
        table = Table("data set", "file", "ms", "age, s", "problem")
        for one in done.looks:
            age = "-" if one.age is None else str(one.age)
            table.add_row(one.dataset, one.file, str(one.milliseconds), age, one.problem or "")
        Console().print(table)
    if any(one.problem for one in done.looks):
        sys.exit(1)


@opendata.command()
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects instead of a table.")
def score(*, as_json: bool) -> None:
    """Show the score that the national access point would give each data set, from 0 to 1, smoothed over days."""
    from dataclasses import asdict
    from datetime import timedelta

    import psycopg
    from rich.console import Console
    from rich.table import Table

    from mobigo.cli.context import open_database
    from mobigo.db.engine import libpq_conninfo
    from mobigo.opendata import watch_store
    from mobigo.opendata.score import ZONE
    from mobigo.settings import read_settings

    today = read_settings().open_clock().now().astimezone(ZONE).date()
    with psycopg.connect(libpq_conninfo(open_database())) as connection:
        found = watch_store.list_scores(connection, today - timedelta(days=7), today)
    last = {name: scores[-1] for name, scores in found.items()}
    if as_json:
        rows = [{"dataset": name, **asdict(one), "day": one.day.isoformat()} for name, one in last.items()]
        print(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    table = Table("data set", "day", "compliance", "freshness", "availability")
    for name, one in last.items():
        marks = (one.smooth.compliance, one.smooth.freshness, one.smooth.availability)
        table.add_row(name, str(one.day), *("-" if mark is None else f"{mark:.2f}" for mark in marks))
    Console().print(table)


@opendata.command()
@click.argument("source")
@click.argument("licence")
@click.option("--attribution", default="", help="Whom to credit, as they ask to be.")
@click.option("--hide", is_flag=True, help="Do not publish this source at all.")
def licence(source: str, licence: str, attribution: str, *, hide: bool) -> None:
    """Say under what LICENCE (SPDX id or name) the timetables of SOURCE may be published, and whom to credit."""
    import psycopg

    from mobigo.cli.context import open_database
    from mobigo.db.engine import libpq_conninfo
    from mobigo.kit.errors import InvalidInput, NotFound
    from mobigo.opendata import store
    from mobigo.opendata.licences import UNSTATED, find_licence, list_licences
    from mobigo.opendata.model import SourceLicence
    from mobigo.opendata.service import list_sources
    from mobigo.settings import read_settings
    from mobigo.transit.load import check_source

    check_source(source)
    found = find_licence(licence)
    if found.id == UNSTATED and licence != UNSTATED:
        raise InvalidInput(f"{licence!r} is no licence we know; use one of {', '.join(list_licences())}")
    said = SourceLicence(
        source, found, attribution, published=not hide, said_by="cli", said_at=read_settings().open_clock().now()
    )
    with psycopg.connect(libpq_conninfo(open_database())) as connection:
        known = list_sources(connection)
        if source not in known:
            raise NotFound(
                f"no source {source!r}: no feed, no register and no service of the staff is called so; there are "
                f"{', '.join(known) or 'none yet: `mobigo load gtfs` brings one'}",
                code="unknown_feed",
            )
        store.set_source_licence(connection, said)
    print(f"{source}: {found.id}{', not published' if hide else ''}; `mobigo opendata publish` makes it so")
