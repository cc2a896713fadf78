"""``mobigo taxis``: the register of taxis that are offered where nothing else goes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mobigo.journeys.taxis import Register


@click.group(invoke_without_command=True)
@click.pass_context
def taxis(context: click.Context) -> None:
    """Taxis that are offered where nothing else goes: load a register, list, remove."""
    if context.invoked_subcommand is None:
        _list()


@taxis.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def load(file: Path) -> None:
    """Take the register FILE (TOML, as gtfs/demonstration_taxis.toml) into service, in place of the one before."""
    from mobigo.journeys.taxis import load_register
    from mobigo.settings import read_settings

    print(_say(load_register(read_settings().home, file.read_bytes())))


@taxis.command("list")
def list_taxis() -> None:
    """List whom one calls, and the tariffs."""
    _list()


@taxis.command()
def remove() -> None:
    """Offer no taxis any more."""
    from mobigo.journeys.taxis import remove_register
    from mobigo.settings import read_settings

    remove_register(read_settings().home)
    print("the register of taxis is removed")


def _list() -> None:
    from mobigo.journeys.taxis import Taxis
    from mobigo.settings import read_settings

    register = Taxis(read_settings().home).current()
    if register is None:
        print("no register of taxis is in service; load one with `mobigo taxis load FILE`")
        return
    print(_say(register))
    for one in register.taxi:
        print(f"  {one.name}, {one.phone}: {one.km:g} km around {one.lat:.4f},{one.lon:.4f}")


def _say(register: Register) -> str:
    example = " (an example: nobody drives)" if register.example else ""
    return f"{len(register.taxi)} taxis, {register.source}, {register.dated}{example}"
