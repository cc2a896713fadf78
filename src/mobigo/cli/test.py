"""``mobigo test``: the whole suite, on a database of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

MANY = 4
"""Processes at once, at most, each with a database cluster and browsers: what a machine of 16 GB bears."""


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--all", "everything", is_flag=True, help="Also the long proofs, and property tests on new examples.")
@click.option("--yes", is_flag=True, help="Install missing system packages without asking.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def test(*, everything: bool, yes: bool, arguments: tuple[str, ...]) -> None:
    """Run the tests; further ARGUMENTS go to pytest. The tests start and remove a database of their own."""
    import mobigo
    from mobigo.cli.packages import ensure_postgis
    from mobigo.kit.errors import Refused

    checkout = Path(mobigo.__file__).parents[2]
    if not (checkout / "tests/conftest.py").exists():
        raise Refused(f"there are no tests in {checkout}; they come with a clone of the repository")
    ensure_postgis(yes=yes)
    given = Path.cwd()
    os.chdir(checkout)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MOBIGO_")}
    if "MOBIGO_TEST_DATA" in os.environ:
        kept["MOBIGO_TEST_DATA"] = str(given / os.environ["MOBIGO_TEST_DATA"])
    chosen = ["-n", "auto", "--maxprocesses", str(MANY), "--dist", "loadfile"]
    chosen += ["--hypothesis-profile=default"] if everything else ["-m", "not slow"]
    command = [sys.executable, "-m", "pytest", *chosen, *arguments]
    os.execve(sys.executable, command, kept)  # noqa: S606  pytest's last line and exit code are ours
