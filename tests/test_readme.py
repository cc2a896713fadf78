"""The README is kept true."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from mobigo import __version__, settings
from mobigo.cli.bench import _names
from mobigo.cli.main import COMMANDS
from mobigo.journeys.model import Reason

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_described(command: str) -> None:
    assert re.search(rf"`(mobigo |\./mobigo )?{command}\b", README)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"MOBIGO_[A-Z_]+", inspect.getsource(settings)))))
def test_every_setting_is_described(name: str) -> None:
    assert f"| `{name}` |" in README


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_described(reason: Reason) -> None:
    assert f"| `{reason}` |" in README


@pytest.mark.parametrize("name", sorted(set(_names()) - {"main"}))
def test_every_benchmark_is_named(name: str) -> None:
    assert f"`{name}`" in README


def test_every_path_it_names_exists() -> None:
    paths = re.findall(r"`((?:gtfs|osm|src|tests|tools|benchmarks|alembic)/[\w./-]*)`", README)
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_changelog_names_this_version_and_its_migration() -> None:
    entry = (ROOT / "CHANGELOG.md").read_text().split("\n## ")[1]
    assert entry.startswith(__version__)
    assert f"`{ScriptDirectory(str(ROOT / 'alembic')).get_current_head()}`" in entry
