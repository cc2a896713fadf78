"""``mobigo network``: build the network that journeys are planned on, or describe it."""

from __future__ import annotations

import json

import click


@click.group()
def network() -> None:
    """Build or describe the network that journeys are planned on."""


@network.command()
def build() -> None:
    """Build the network from the database and switch it in; the one that serves goes on until then."""
    from mobigo.cli.context import give_way, open_database
    from mobigo.journeys.service import build_network
    from mobigo.settings import read_settings

    settings = read_settings()
    url = open_database()
    give_way()
    version = build_network(url, settings.home, settings.open_clock().now())
    print(f"network {version} serves")


@network.command()
@click.option("--json", "as_json", is_flag=True, help="Print the manifest.")
def show(*, as_json: bool) -> None:
    """Say which network serves, and what it was built from."""
    from mobigo.journeys.network import Networks
    from mobigo.settings import read_settings

    manifest = Networks(read_settings().home).current().manifest
    if as_json:
        print(
            json.dumps({**manifest.__dict__, "built_at": manifest.built_at.isoformat()}, ensure_ascii=False, indent=1)
        )
        return
    print(f"network {manifest.version}, built {manifest.built_at:%Y-%m-%d %H:%M} UTC, times of {manifest.timezone}")
    for source, feed in manifest.feeds.items():
        print(f"  feed {source}: version {feed['version']}, service {feed['first_day']} to {feed['last_day']}")
    if manifest.streets:
        heights = " with heights" if "heights" in manifest.streets else ""
        print(f"  streets: extract {manifest.streets['version']}{heights}")
    for name, count in manifest.counts.items():
        print(f"  {count:>10,} {name}")
