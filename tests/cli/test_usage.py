"""The commands around knowledge of usage, as they are typed."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mobigo.cli.usage import count_due
from mobigo.kit.clock import Clock
from mobigo.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    Run = Callable[..., tuple[int, str, str]]

DEMONSTRATION = Path(__file__).parents[2] / "gtfs/demonstration"
NOW = datetime(2026, 11, 19, 12, tzinfo=UTC)


def test_use_is_imagined_counted_and_told(run: Run, home: Path) -> None:
    (home / "sandbox").touch()
    Clock(home / "clock.json").move(NOW, 0)
    assert run("load", "gtfs", DEMONSTRATION, "--source", "demo", "--no-build", "--shift-dates", "2026-W47")[0] == 0
    code, told, _ = run("usage", "simulate", "--from", "2026-11-18", "--to", "2026-11-19", "--notes", "300")
    assert code == 0
    assert told.splitlines()[-1].endswith("notes imagined; `mobigo usage count` counts them")
    done = json.loads(run("usage", "count", "--day", "2026-11-18", "--json")[1])
    assert [(one["day"], one["notes"] > 300, one["rows"] > 100) for one in done] == [("2026-11-18", True, True)]
    stands = json.loads(run("usage", "status", "--json")[1])
    assert [(one["day"], one["day_type"], one["final"]) for one in stands["days"]] == [
        ("2026-11-18", "school_day", False)
    ]
    assert stands["notes"]["trace_search"] > 200
    assert "school_day" in run("usage", "status")[1]
    count_due(os.environ["MOBIGO_DATABASE_URL"], read_settings())  # as the worker does every hour
    stands = json.loads(run("usage", "status", "--json")[1])
    assert [one["day"] for one in stands["days"]] == ["2026-11-18", "2026-11-19"]


def test_use_is_imagined_in_a_sandbox_only(run: Run) -> None:
    code, _, why = run("usage", "simulate", "--day", "2026-11-18")
    assert code == 1
    assert "is no sandbox: imagined use would stand in place of what was noted" in why


def test_days_that_are_none_are_said(run: Run) -> None:
    for asked, why in (
        (("--day", "tomorrow"), "'tomorrow' is no day; write it like 2026-11-20"),
        (("--day", "2026-11-18", "--to", "2026-11-19"), "--day is one day, --from and --to are several; use either"),
        (("--from", "2026-11-18", "--to", "2026-11-17"), "from 2026-11-18 to 2026-11-17 are 0 days"),
        (("--from", "2020-01-01", "--to", "2026-11-17"), "name 1 to 400"),
        (("--day", "2999-01-01"), "2999-01-01 has not begun"),
    ):
        code, _, said = run("usage", "count", *asked)
        assert (code, why in said) == (2, True), said


def test_a_scheduler_that_does_not_answer_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOBIGO_DASK_SCHEDULER", "tcp://127.0.0.1:1")
    code, _, why = run("usage", "count", "--day", "2026-11-18")
    assert (code, "no Dask scheduler answers at tcp://127.0.0.1:1" in why) == (1, True)
