"""``mobigo sharing``: systems of shared bicycles."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from mobigo.kit.errors import Unavailable

if TYPE_CHECKING:
    from datetime import datetime

    from mobigo.sharing.model import Polled, System
    from mobigo.sharing.service import Reach


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
@click.pass_context
def sharing(context: click.Context, *, as_json: bool) -> None:
    """Systems of shared bicycles that publish GBFS: add, list, poll, remove."""
    if context.invoked_subcommand is None:
        _list(as_json=as_json)


@sharing.command()
@click.argument("address", metavar="URL|FOLDER")
@click.option("--name", required=True, help="What it is called here, as velodi.")
@click.option("--every", type=int, default=60, show_default=True, metavar="SECONDS", help="How often it is asked.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def add(address: str, *, name: str, every: int, as_json: bool) -> None:
    """Add a system by the address of its gbfs.json (or a folder of its files), and ask it at once."""
    from mobigo.sharing.service import add_system

    url, reach, now = _open()
    add_system(name, address, url, every=every, now=now)
    _poll(url, reach, now, only=name, as_json=as_json)


@sharing.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def list_systems(*, as_json: bool) -> None:
    """List the systems, and how asking them went."""
    _list(as_json=as_json)


@sharing.command()
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def poll(*, as_json: bool) -> None:
    """Ask all systems now. Exit code 1 when one fails."""
    _poll(*_open(), only=None, as_json=as_json)


@sharing.command()
@click.argument("name")
def remove(name: str) -> None:
    """Remove a system; what it said is no longer used."""
    from mobigo.sharing.service import remove_system

    url, reach, _ = _open()
    remove_system(name, url, reach)
    print(f"{name} is removed")


def _open() -> tuple[str, Reach, datetime]:
    from mobigo.cli.context import open_database
    from mobigo.settings import read_settings
    from mobigo.sharing.service import Reach

    settings = read_settings()
    return open_database(), Reach(settings.home, settings.allow_hosts), settings.open_clock().now()


def _poll(url: str, reach: Reach, now: datetime, *, only: str | None, as_json: bool) -> None:
    from mobigo.sharing import service

    polled = service.poll(url, reach, now, everything=only is None)
    shown = [one for one in polled if only in {None, one.system}]
    if as_json:
        print(json.dumps([_polled_as_json(one) for one in shown], ensure_ascii=False, indent=1))
    for one in () if as_json else shown:
        said = one.problem or f"{one.stations:,} stations with {one.bikes:,} bicycles, {one.vehicles:,} in the street"
        print(f"{one.system}: {said}")
    failed = [one.system for one in shown if one.problem]
    if failed:
        raise Unavailable(f"{', '.join(failed)} could not be read; `mobigo sharing list` says more")


def _list(*, as_json: bool) -> None:
    import psycopg

    from mobigo.db.engine import libpq_conninfo
    from mobigo.sharing import store

    url, _, now = _open()
    with psycopg.connect(libpq_conninfo(url)) as connection:
        systems = store.list_systems(connection)
    if as_json:
        print(json.dumps([_as_json(one) for one in systems], ensure_ascii=False, indent=1))
        return
    if not systems:
        print("no system of shared bicycles is polled; add one with `mobigo sharing add URL --name NAME`")
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("name", "address", "every", "answered", "failures", "problem", box=None, pad_edge=False)
    for one in systems:
        answered = "never" if one.fetched_at is None else f"{(now - one.fetched_at).total_seconds():.0f} s ago"
        table.add_row(one.name, one.address, f"{one.every} s", answered, str(one.failures), one.problem or "")
    Console().print(table)


def _as_json(one: System) -> dict[str, Any]:
    return {
        "name": one.name,
        "address": one.address,
        "every": one.every,
        "added_at": one.added_at.isoformat(),
        "tried_at": one.tried_at and one.tried_at.isoformat(),
        "fetched_at": one.fetched_at and one.fetched_at.isoformat(),
        "next_at": one.next_at and one.next_at.isoformat(),
        "failures": one.failures,
        "problem": one.problem,
    }


def _polled_as_json(one: Polled) -> dict[str, Any]:
    return {
        "system": one.system,
        "stations": one.stations,
        "bikes": one.bikes,
        "vehicles": one.vehicles,
        "made_at": one.made_at and one.made_at.isoformat(),
        "problem": one.problem,
    }
