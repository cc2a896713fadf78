"""``mobigo down``, ``status``, ``doctor``, ``reset``: the life of a home besides `up`."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mobigo.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from mobigo.settings import Settings

DATA = (
    "networks", "live", "sharing", "secrets", "log", "run", "downloads", "kernels", "sandbox", "clock.json",
    "token.key", "bank.key", "cards.key", "payments.key", "ticket_keys.json", "signer", "published", "carpool",
    "school-roads", "validator", "terrain",
)  # fmt: skip
"""What lies in a home besides the cluster; nothing else in that folder is ours to remove."""

ROOM = 5 * 2**30
"""Bytes of disk below which a region's load may not fit."""


@click.command()
def down() -> None:
    """Stop what `up` started, and the private database."""
    from mobigo.cli.instance import stop_instance
    from mobigo.db import cluster

    settings = read_settings()
    instance = stop_instance(settings.home)
    database = settings.database_url is None and cluster.stop(settings.home)
    print(f"mobigo in {settings.home} is stopped" if instance or database else f"nothing ran in {settings.home}")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print url, database_url, home, version, network_version, pids.")
def status(*, as_json: bool) -> None:
    """Say what runs, and where."""
    found = describe(read_settings())
    if as_json:
        print(json.dumps(found))
        return
    pids = found["pids"]
    assert isinstance(pids, dict)
    for name in ("url", "database_url", "home", "version", "network_version"):
        print(f"{name.replace('_', ' '):<16} {found[name] or '-'}")
    print(f"{'processes':<16} {', '.join(f'{name} {pid}' for name, pid in pids.items()) or '-'}")


def describe(settings: Settings) -> dict[str, object]:
    """Tell what runs; null is what does not."""
    from mobigo import __version__
    from mobigo.cli.instance import Instance, find_instance, find_network_version
    from mobigo.db import cluster

    instance = find_instance(settings.home) or Instance()
    pids = dict(instance.pids)
    database_url = settings.database_url
    if database_url is None:
        database_url = cluster.find_url(settings.home)
        server = cluster.locate(settings.home).server_pid()
        if server is not None:
            pids["postgres"] = server
    return {
        "url": instance.url,
        "database_url": database_url,
        "home": str(settings.home),
        "version": __version__,
        "network_version": find_network_version(settings.home),
        "pids": pids,
    }


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--yes-drop-schema", is_flag=True, help="Also drop our schema in a database that is not ours.")
def reset(*, yes: bool, yes_drop_schema: bool) -> None:
    """Forget all data of this home: its database, networks, logs, clock and key."""
    from mobigo.cli.instance import stop_instance
    from mobigo.db import cluster
    from mobigo.kit.errors import Refused

    settings = read_settings()
    foreign = settings.database_url is not None
    if foreign and not yes_drop_schema:
        raise Refused(
            "the database of MOBIGO_DATABASE_URL is not this home's own; `./mobigo reset --yes-drop-schema` drops the "
            "schema mobigo in it, and all that mobigo stored there"
        )
    if not (yes or yes_drop_schema) and sys.stdin.isatty():
        click.confirm(f"Forget all data of {settings.home}?", abort=True)
    stop_instance(settings.home)
    if settings.database_url is not None:
        _drop_schema(settings.database_url)
    else:
        cluster.drop(settings.home)
    for name in DATA:
        _remove(settings.home / name)
    print(f"{settings.home} is as new")


def _drop_schema(url: str) -> None:
    from sqlalchemy import text
    from sqlalchemy.exc import OperationalError

    from mobigo.db.engine import SCHEMA, open_engine
    from mobigo.kit.errors import Unavailable

    engine = open_engine(url, pool_size=1)
    try:
        with engine.begin() as connection:
            connection.execute(text(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"))
    except OperationalError as error:
        raise Unavailable(f"no database answers at {engine.url!r}: {error.orig}") from None


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@click.command()
def doctor() -> None:
    """Check this machine and this home: each line is ok, or the command that mends it."""
    settings = read_settings()
    checks: list[Callable[[Settings], tuple[str, str | None]]] = [
        _check_python,
        _check_database_packages,
        _check_database,
        _check_disk,
        _check_browser_files,
        _check_network,
        _check_clock,
        _check_instance,
    ]
    healthy = True
    for check in checks:
        finding, remedy = check(settings)
        print(f"ok    {finding}" if remedy is None else f"MEND  {finding}\n      {remedy}")
        healthy = healthy and remedy is None
    if not healthy:
        sys.exit(1)


def _check_python(_: Settings) -> tuple[str, str | None]:
    from mobigo import __version__

    return f"mobigo {__version__} on Python {sys.version.split()[0]}, in {sys.prefix}", None


def _check_database_packages(settings: Settings) -> tuple[str, str | None]:
    from mobigo.db import cluster

    if settings.database_url is not None:
        return "the database is that of MOBIGO_DATABASE_URL", None
    version = cluster.newest_version()
    if version is None:
        return "PostgreSQL with PostGIS is not installed", cluster.INSTALL_LINE
    return f"PostgreSQL {version} with PostGIS is installed", None


def _check_database(settings: Settings) -> tuple[str, str | None]:
    from sqlalchemy.exc import SQLAlchemyError

    from mobigo.db import cluster, migrate
    from mobigo.db.engine import open_engine

    where = settings.database_url or cluster.find_url(settings.home)
    if where is None:
        return f"the database of {settings.home} is not running", "./mobigo up"
    engine = open_engine(where, pool_size=1)
    try:
        with engine.connect() as connection:
            revision = migrate.current_revision(connection)
            postgis = connection.exec_driver_sql("SELECT postgis_lib_version()").scalar() if revision else None
    except SQLAlchemyError as error:
        remedy = "correct MOBIGO_DATABASE_URL" if settings.database_url else "./mobigo down && ./mobigo up"
        return f"the database at {engine.url!r} does not answer: {str(error).splitlines()[0]}", remedy
    finally:
        engine.dispose()
    if revision != migrate.newest_revision():
        return (
            f"the database is at revision {revision}, this program needs {migrate.newest_revision()}",
            "./mobigo prepare",
        )
    return f"the database answers (PostGIS {postgis}, revision {revision})", None


def _check_disk(settings: Settings) -> tuple[str, str | None]:
    folder = next(parent for parent in (settings.home, *settings.home.parents) if parent.exists())
    free = shutil.disk_usage(folder).free
    finding = f"{free / 2**30:.1f} GiB of disk are free at {folder}"
    return finding, None if free > ROOM else f"make room, or set MOBIGO_HOME to a folder with {ROOM / 2**30:.0f} GiB"


def _check_browser_files(_: Settings) -> tuple[str, str | None]:
    import mobigo

    manifest = Path(mobigo.__file__).parent / "web/static/vendor/manifest.json"
    if not manifest.exists():
        return "no browser files: pages work as text, without the map", "npm ci --ignore-scripts && tools/vendor"
    packages = json.loads(manifest.read_text())["packages"]
    return "browser files: " + ", ".join(f"{one['name']} {one['version']}" for one in packages), None


def _check_network(settings: Settings) -> tuple[str, str | None]:
    from mobigo.journeys.network import Networks

    network = Networks(settings.home).find_current()
    if network is None:
        return "no network is built: nothing can be planned", "./mobigo up"
    days = [feed["last_day"] for feed in network.manifest.feeds.values()]
    today = settings.open_clock().now().date().isoformat()
    finding = f"network {network.manifest.version} serves, built {network.manifest.built_at:%Y-%m-%d %H:%M} UTC"
    if days and max(days) < today:
        return f"{finding}, but its last day of service was {max(days)}", "./mobigo load gtfs FILE|URL --source ID"
    return finding, None


def _check_clock(settings: Settings) -> tuple[str, str | None]:
    from mobigo.kit.errors import Refused

    try:
        now = settings.open_clock().now()
    except Refused:
        return f"MOBIGO_CLOCK is set, and {settings.home} is no sandbox", "unset MOBIGO_CLOCK"
    kind = "of this sandbox" if settings.sandbox else "real"
    return f"the clock ({kind}) shows {now:%Y-%m-%d %H:%M:%S} UTC", None


def _check_instance(settings: Settings) -> tuple[str, str | None]:
    from mobigo.cli.instance import find_instance

    instance = find_instance(settings.home)
    if instance is None:
        return "nothing serves", "./mobigo up"
    if instance.url is None:
        return f"process {instance.pids.get('up', os.getpid())} is loading", None
    host, _, port = instance.url.removeprefix("http://").rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError as error:
        return f"nothing answers at {instance.url}: {error}", "./mobigo down && ./mobigo up"
    return f"mobigo answers at {instance.url}/", None
