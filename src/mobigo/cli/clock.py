"""``mobigo clock``: the clock of a sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mobigo.kit.clock import Clock


@click.group()
def clock() -> None:
    """Show or move the clock that API, worker and commands of this home use."""


@clock.command()
def show() -> None:
    """Print the instant."""
    from mobigo.settings import read_settings

    print(read_settings().open_clock().now().isoformat(timespec="seconds"))


@clock.command(name="set")
@click.argument("instant", metavar="INSTANT[@RATE]")
def set_(instant: str) -> None:
    """Put the clock to an instant, as 2026-11-22T07:30:00+01:00; at @60 a minute passes each second, at @0 none."""
    from mobigo.kit.clock import parse_clock

    moved = _open_sandbox_clock()
    moved.move(*parse_clock(instant))
    print(moved.now().isoformat(timespec="seconds"))


# a duration may begin with a minus sign, and -3h is no call for help
@clock.command(context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]})
@click.argument("duration")
def advance(duration: str) -> None:
    """Move the clock by a duration: 90m, 2h, 1d, PT2H30M; with a minus sign, back."""
    from mobigo.kit.clock import parse_duration

    moved = _open_sandbox_clock()
    moved.advance(parse_duration(duration))
    print(moved.now().isoformat(timespec="seconds"))


def _open_sandbox_clock() -> Clock:
    from mobigo.kit.errors import Refused
    from mobigo.settings import read_settings

    settings = read_settings()
    if not settings.sandbox:
        raise Refused(f"{settings.home} is no sandbox: its clock is the real one; start with `./mobigo up --sandbox`")
    return settings.open_clock()
