"""System packages: installed by ourselves where we may, else the exact line to type."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import click

from mobigo.db import cluster
from mobigo.kit.errors import MissingPackage

NO_MAIN_CLUSTER = """
conf=/etc/postgresql-common/createcluster.conf
mkdir -p "${conf%/*}" && { [ -e "$conf" ] || echo "create_main_cluster = false" > "$conf"; }
"""
"""Read by the package when it is installed: we run clusters of our own and want no other."""


def ensure_postgis(*, yes: bool) -> None:
    """Install PostgreSQL with PostGIS if it is missing and this user may; a terminal is asked unless told `yes`.

    Raises
    ------
    MissingPackage
        When it is missing and may not, or shall not, be installed; the message holds the line to type.
    """
    if cluster.newest_version() is not None:
        return
    missing = MissingPackage(f"PostgreSQL with PostGIS is missing; type\n  {cluster.INSTALL_LINE}")
    prefix = _privilege()
    if prefix is None or shutil.which("apt-get") is None:
        raise missing
    if not yes and sys.stdin.isatty() and not click.confirm(f"Install the system package {cluster.PACKAGE}?", True):
        raise missing
    print(f"Installing the system package {cluster.PACKAGE} (once; a minute or two) ...", flush=True)
    quiet = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "Dpkg::Options::=--force-confold"]
    steps = (
        ["sh", "-c", NO_MAIN_CLUSTER],
        [*quiet, "update"],
        [*quiet, "install", "-y", "--no-install-recommends", cluster.PACKAGE],
    )
    for step in steps:
        done = subprocess.run(  # noqa: S603  fixed commands
            [*prefix, *step], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        if done.returncode:
            sys.stderr.buffer.write(done.stdout[-2000:])
            raise missing
    if cluster.newest_version() is None:
        raise missing


def _privilege() -> list[str] | None:
    """Return what goes before a command to run it as root; None when we may not."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo is None:
        return None
    asked = subprocess.run(  # noqa: S603  asks nothing, changes nothing
        [sudo, "-n", "true"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return [sudo, "-n"] if asked.returncode == 0 else None
