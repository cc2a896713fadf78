"""The sandbox: one clock for every process of a home, and only where it was asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from mobigo.accounts.key import read_key
from mobigo.accounts.model import Role
from mobigo.accounts.token import check
from mobigo.cli.main import mobigo
from mobigo.kit.errors import Refused
from mobigo.settings import read_settings

if TYPE_CHECKING:
    from pathlib import Path


def say(*arguments: str) -> str:
    return CliRunner().invoke(mobigo, arguments, catch_exceptions=False).output.strip()


def test_outside_a_sandbox_the_clock_is_not_moved_by_the_environment(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOBIGO_CLOCK", "2016-11-04T12:00:00Z")
    with pytest.raises(Refused, match="moves the clock of a sandbox only"):
        read_settings().open_clock()
    with pytest.raises(Refused, match="start with --sandbox"):
        say("up")
    assert not list(home.iterdir())


def test_in_a_sandbox_set_and_advance_move_it_for_all(home: Path) -> None:
    (home / "sandbox").touch()
    served = read_settings().open_clock()
    say("clock", "set", "2016-11-04T12:00:00+01:00@0")
    assert served.now() == datetime(2016, 11, 4, 11, tzinfo=UTC)
    assert say("clock", "advance", "90m") == "2016-11-04T12:30:00+00:00"
    assert say("clock", "advance", "-1d") == "2016-11-03T12:30:00+00:00"
    assert say("clock", "advance", "-3h") == "2016-11-03T09:30:00+00:00"  # not a call for help
    assert say("clock", "advance", "PT3H") == "2016-11-03T12:30:00+00:00"
    assert say("clock", "show") == "2016-11-03T12:30:00+00:00"
    assert served.now() == datetime(2016, 11, 3, 12, 30, tzinfo=UTC)


def test_a_token_is_good_for_hours_of_that_clock(home: Path) -> None:
    (home / "sandbox").touch()
    say("clock", "set", "2016-11-04T12:00:00Z@0")
    token = say("token", "--role", "desk", "--user", "anna", "--hours", "2")
    now = read_settings().open_clock().now()
    person = check(read_key(home), token, now)
    assert (person.user, person.role) == ("anna", Role.DESK)
    assert person.expires == now + timedelta(hours=2)
