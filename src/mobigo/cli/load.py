"""``mobigo load``: put a GTFS feed or an OpenStreetMap extract in service."""

from __future__ import annotations

from importlib import import_module

import click

LOADERS = {
    "gtfs": ("mobigo.cli.load_gtfs:gtfs", "Load a GTFS feed: an archive, a folder or an address."),
    "osm": ("mobigo.cli.load_osm:osm", "Load an OpenStreetMap extract, or a study area by name."),
    "parking": ("mobigo.cli.load_parking:parking", "Load a register of carpool and park-and-ride places."),
    "terrain": ("mobigo.cli.load_terrain:terrain", "Load a height model: slopes for walks and bicycles."),
    "region": ("mobigo.cli.region:region", "Download and load the real feeds and extracts of a region."),
}
"""Name of each loader: where it is, and its line in the help."""


class _Loaders(click.Group):
    """The loaders, imported when one is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """List the names."""
        return list(LOADERS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one loader."""
        if cmd_name not in LOADERS:
            return None
        module, _, attribute = LOADERS[cmd_name][0].partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in LOADERS.items()])


@click.command(cls=_Loaders)
def load() -> None:
    """Load a GTFS feed or an OpenStreetMap extract."""
