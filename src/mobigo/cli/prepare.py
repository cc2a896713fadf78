"""``mobigo prepare``: make a database ready to be served: migrated, something loaded, its network built."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option("--region", metavar="NAME", help="Download and load the real feeds and extracts of this region.")
@click.option("--sources", type=click.Path(path_type=Path), help="The file that says where they are.")
def prepare(*, region: str | None, sources: Path | None) -> None:
    """Migrate; load a region, or the demonstration into an empty database; build the network if it is out of date."""
    from mobigo.cli.context import open_database
    from mobigo.cli.fares import keep_fares
    from mobigo.cli.instance import find_network_version
    from mobigo.cli.region import load_demonstration, load_region
    from mobigo.journeys.service import build_network
    from mobigo.settings import read_settings

    settings = read_settings()
    clock = settings.open_clock()
    url = open_database()
    if region is not None:
        load_region(region, sources)
    else:
        load_demonstration(url, clock)
    keep_fares(url, clock.now(), sandbox=settings.sandbox)
    served_before = find_network_version(settings.home) is not None
    build_network(url, settings.home, clock.now(), drives=served_before)  # at a first start the worker adds them
    if settings.sandbox:
        from mobigo.cli.carpool_demo import seed_days

        seed_days(settings, clock.now())
