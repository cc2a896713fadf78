"""``mobigo terrain``: the height models in service."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mobigo.terrain.model import Model


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
@click.pass_context
def terrain(context: click.Context, *, as_json: bool) -> None:
    """List the height models in service, or forget one."""
    from mobigo.settings import read_settings
    from mobigo.terrain.store import list_models

    if context.invoked_subcommand is not None:
        return
    models = list_models(read_settings().home)
    if as_json:
        print(json.dumps([model.describe() for model in models.values()], ensure_ascii=False, indent=1))
        return
    if not models:
        print("no heights are known; load a height model with `mobigo load terrain FILE`")
    for model in models.values():
        print(model.name)
        for line in describe(model):
            print(f"  {line}")


@terrain.command()
@click.argument("name")
@click.option("--no-build", is_flag=True, help="Do not build the network afterwards.")
def remove(name: str, *, no_build: bool) -> None:
    """Forget a height model; where no other knows the heights, streets are flat again."""
    from mobigo.cli.context import open_database
    from mobigo.journeys.service import build_network
    from mobigo.settings import read_settings
    from mobigo.terrain.service import remove_terrain

    settings = read_settings()
    remove_terrain(name, settings.home)
    if not no_build:
        build_network(open_database(), settings.home, settings.open_clock().now())
    print(f"{name} is removed")


def describe(model: Model) -> Iterator[str]:
    """Say in a few lines what a height model is."""
    told = model.describe()
    unit = "degrees" if told["crs"] == ["EPSG:4326"] else "m"
    spacing = ", ".join(f"{step:g}" for step in told["spacing"])
    unknown = f", {told['unknown'] / told['cells']:.1%} unknown" if told["unknown"] else ""
    west, south, east, north = told["box"]
    crs = ", ".join(told["crs"])
    yield f"{told['cells']:,} heights in {told['sheets']:,} sheets, every {spacing} {unit} ({crs}){unknown}"
    yield f"from {told['lowest']:g} to {told['highest']:g} m"
    yield f"latitude {south:.4f} to {north:.4f}, longitude {west:.4f} to {east:.4f}"
    yield f"loaded {told['loaded_at'][:16].replace('T', ' ')} UTC"
