"""The command line as a whole: quick help, sentences instead of tracebacks, exit codes."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from mobigo.cli.main import COMMANDS, mobigo

CHECKOUT = Path(__file__).parents[2]

HEAVY = {
    "numpy", "numba", "polars", "pandas", "geopandas", "osmnx", "osmium", "shapely", "sqlalchemy", "alembic", "psycopg",
    "fastapi", "pydantic", "uvicorn", "httpx", "procrastinate", "joserfc", "rich", "structlog",
}  # fmt: skip


def test_help_answers_in_under_half_a_second_and_imports_nothing_heavy() -> None:
    seconds = []
    for _ in range(5):  # of a processor, and the best of five: the machine may be busy with other things
        begin = resource.getrusage(resource.RUSAGE_CHILDREN)
        said = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "mobigo", "--help"], capture_output=True, text=True, check=True
        )
        end = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(end.ru_utime + end.ru_stime - begin.ru_utime - begin.ru_stime)
    assert min(seconds) < 0.5
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in said.stderr.splitlines()}
    assert not imported & HEAVY
    assert all(name in said.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_can_be_imported_and_explains_itself(name: str) -> None:
    explained = CliRunner().invoke(mobigo, [name, "--help"])
    assert explained.exit_code == 0
    assert "Usage:" in explained.output


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["nothing-like-this"], 2, "No such command"),
        (["clock", "set", "noon"], 1, "is no sandbox"),
        (["clock", "advance", "1d"], 1, "is no sandbox"),
        (["token", "--role", "king"], 2, "'king' is not one of"),
        (["up", "--port", "0"], 2, "0 is not in the range"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(
    arguments: list[str], code: int, sentence: str, home: Path
) -> None:
    done = subprocess.run([sys.executable, "-m", "mobigo", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(home.iterdir())


def test_a_foreign_database_is_not_reset_by_accident(
    home: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOBIGO_DATABASE_URL", database_url)
    command = [sys.executable, "-m", "mobigo", "reset"]
    refused = subprocess.run([*command, "--yes"], capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "--yes-drop-schema" in refused.stderr
    subprocess.run([*command, "--yes-drop-schema"], check=True)
    assert not list(home.iterdir())


def test_the_launcher_is_a_posix_script_that_works_through_a_link_from_anywhere(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(CHECKOUT / "mobigo")
    subprocess.run(["sh", "-n", CHECKOUT / "mobigo"], check=True)
    said = subprocess.run([tmp_path / "link", "--version"], cwd="/", capture_output=True, text=True, check=True)
    assert said.stdout.startswith("mobigo, version ")
