"""``mobigo``: the command line. A command's module is imported only when the command is called.

Exit codes: 0 done, 1 refused or failed, 2 usage, 3 a system package is missing.
"""

from __future__ import annotations

import sys
from importlib import import_module

import click

from mobigo import __version__
from mobigo.kit.errors import InvalidInput, MissingPackage, MobigoError

COMMANDS: dict[str, tuple[str, str]] = {
    "up": ("mobigo.cli.up:up", "Start everything: database, demonstration region, API, worker."),
    "down": ("mobigo.cli.lifecycle:down", "Stop what `up` started."),
    "status": ("mobigo.cli.lifecycle:status", "Say what runs, and where."),
    "doctor": (
        "mobigo.cli.lifecycle:doctor",
        "Check this machine; each line is ok or the command that mends it.",
    ),
    "reset": ("mobigo.cli.lifecycle:reset", "Forget all data of this home."),
    "load": ("mobigo.cli.load:load", "Load a GTFS feed or an OpenStreetMap extract."),
    "feeds": ("mobigo.cli.feeds:feeds", "List feeds and their versions; show, roll back."),
    "live": ("mobigo.cli.live:live", "Sources of live data: add, list, show, poll; replay a recorded day."),
    "parking": ("mobigo.cli.parking:parking", "List where a car may be left on the way; forget a register."),
    "terrain": ("mobigo.cli.terrain:terrain", "List the height models in service; forget one."),
    "taxis": (
        "mobigo.cli.taxis:taxis",
        "Taxis, offered where nothing else goes: load a register, list, remove.",
    ),
    "sharing": ("mobigo.cli.sharing:sharing", "Systems of shared bicycles: add, list, poll, remove."),
    "carpool": ("mobigo.cli.carpool:carpool", "Subsidised carpool lines: evaluate policies on worked cases."),
    "outbox": ("mobigo.cli.outbox:outbox", "Messages to travellers, drivers and operators: list, show, send again."),
    "school": ("mobigo.cli.school:school", "School transport: the register in and out; solve a problem from files."),
    "ondemand": ("mobigo.cli.ondemand:ondemand", "Transport on demand: services in and out."),
    "opendata": ("mobigo.cli.opendata:opendata", "Open data: publish, list, say under what licence sources are."),
    "usage": ("mobigo.cli.usage:usage", "Knowledge of usage: count days, say how counting stands, imagine use."),
    "fares": ("mobigo.cli.fares:fares", "Fares: what is sold; catalogues in and out, published and taken back."),
    "ticket": ("mobigo.cli.ticket:ticket", "Tickets: issue, show, verify; public keys."),
    "validator": ("mobigo.cli.validator:validator", "Be a device that checks tickets without a network."),
    "network": ("mobigo.cli.network:network", "Build or describe the network that journeys are planned on."),
    "plan": ("mobigo.cli.plan:plan", "Plan a journey from door to door."),
    "reach": ("mobigo.cli.reach:reach", "Find everything that is reached from a place."),
    "route": ("mobigo.cli.route:route", "Answer stop-to-stop queries on a feed, without a database."),
    "clock": ("mobigo.cli.clock:clock", "Show or move the clock of a sandbox."),
    "token": ("mobigo.cli.token:token", "Print a bearer token for a role."),
    "prepare": ("mobigo.cli.prepare:prepare", "Make the database ready to be served; `up` does so by itself."),
    "serve": ("mobigo.cli.serve:serve", "Serve the API and the pages alone; `up` starts one by itself."),
    "worker": ("mobigo.cli.worker:worker", "Run queued jobs; `up` starts one by itself."),
    "bench": ("mobigo.cli.bench:bench", "Measure; one row per bar."),
    "test": ("mobigo.cli.test:test", "Run the test suite on a database of its own."),
}
"""Name of each command: where it is (module:attribute) and its line in the help."""

EXIT_CODES: dict[type[MobigoError], int] = {InvalidInput: 2, MissingPackage: 3}
"""Exit code by error class; every other error is 1."""


class LazyGroup(click.Group):
    """A group that imports a command when it is called, not when it is listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """List the names, in the order of a first visit."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mobigo")
def mobigo() -> None:
    """Plan, book and run the mobility of a region."""


def main(arguments: list[str] | None = None) -> None:
    """Run a command; our errors become one sentence and an exit code."""
    try:
        mobigo.main(args=arguments, prog_name="mobigo")
    except MobigoError as error:
        print(f"mobigo: {error}", file=sys.stderr)
        sys.exit(next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), 1))
