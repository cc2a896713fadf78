"""A person at the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mobigo.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    database_url: str,
    home: Path,  # noqa: ARG001 - no state outside of the test
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Type a command; its exit code, output and complaints."""
    monkeypatch.setenv("MOBIGO_DATABASE_URL", database_url)

    def typed(*arguments: str | Path) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return typed
