"""``mobigo parking``: where a car may be left on the way."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from mobigo.parking.model import ParkingPlace


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
@click.pass_context
def parking(context: click.Context, *, as_json: bool) -> None:
    """List park-and-ride and carpool places, or forget a register of them."""
    if context.invoked_subcommand is None:
        _list(as_json=as_json)


@parking.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def list_places(*, as_json: bool) -> None:
    """List the places of all registers and of the extract in service."""
    _list(as_json=as_json)


@parking.command()
@click.argument("source")
@click.option("--no-build", is_flag=True, help="Do not build the network afterwards.")
def remove(source: str, *, no_build: bool) -> None:
    """Forget a register and its places."""
    from mobigo.cli.context import open_database
    from mobigo.journeys.service import build_network
    from mobigo.parking.service import remove_places
    from mobigo.settings import read_settings

    settings, url = read_settings(), open_database()
    remove_places(source, url)
    if not no_build:
        build_network(url, settings.home, settings.open_clock().now())
    print(f"{source} is removed")


def _list(*, as_json: bool) -> None:
    import psycopg

    from mobigo.cli.context import open_database
    from mobigo.db.engine import libpq_conninfo
    from mobigo.parking.store import list_places

    with psycopg.connect(libpq_conninfo(open_database())) as connection:
        places = list_places(connection)
    if as_json:
        print(json.dumps([_as_json(place) for place in places], ensure_ascii=False, indent=1))
        return
    if not places:
        print("no place to leave a car is known; load a register with `mobigo load parking FILE`")
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("id", "kind", "name", "commune", "places", "lat,lon", box=None, pad_edge=False)
    for place in places:
        count = "" if place.capacity is None else str(place.capacity)
        where = f"{place.point.lat:.5f},{place.point.lon:.5f}"
        kind = place.kind.replace("_", " ") + ("" if place.open else ", closed")
        table.add_row(f"{place.source}:{place.id}", kind, place.name, place.commune, count, where)
    Console().print(table)


def _as_json(place: ParkingPlace) -> dict[str, Any]:
    return {
        "source": place.source,
        "id": place.id,
        "kind": place.kind,
        "name": place.name,
        "commune": place.commune or None,
        "insee": place.insee or None,
        "capacity": place.capacity,
        "disabled": place.disabled,
        "open": place.open,
        "updated_on": place.updated_on and place.updated_on.isoformat(),
        "lat": place.point.lat,
        "lon": place.point.lon,
    }
