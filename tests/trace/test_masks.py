"""Who, without saying who."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from mobigo.trace.masks import Masks, ends

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
DAY = date(2026, 11, 23)


@pytest.fixture
def masks(tmp_path: Path) -> Masks:
    return Masks(tmp_path)


def test_a_person_is_one_on_one_day_and_another_on_the_next(masks: Masks) -> None:
    one = masks.mask("search", "account:ada", DAY, NOW)
    assert one == masks.mask("search", "account:ada", DAY, NOW + timedelta(hours=9))
    assert one != masks.mask("search", "account:bob", DAY, NOW)
    assert one != masks.mask("search", "account:ada", DAY + timedelta(days=1), NOW)
    assert one is not None
    assert len(one) == 8


def test_searches_and_rides_of_one_person_are_not_joined(masks: Masks) -> None:
    kinds = {masks.mask(kind, "account:ada", DAY, NOW) for kind in ("search", "transit", "ondemand", "carpool")}
    assert len(kinds) == 4


def test_processes_of_one_home_mask_alike_and_two_homes_do_not(tmp_path: Path) -> None:
    here, there = Masks(tmp_path), Masks(tmp_path)
    assert here.mask("search", "ada", DAY, NOW) == there.mask("search", "ada", DAY, NOW)
    assert here.mask("search", "ada", DAY, NOW) != Masks(tmp_path / "other").mask("search", "ada", DAY, NOW)


def test_secrets_are_files_that_only_their_owner_reads(masks: Masks) -> None:
    masks.mask("search", "ada", DAY, NOW)
    (file,) = (masks.home / "trace").iterdir()
    assert file.name == "2026-11-23.key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_what_was_masked_cannot_be_worked_out_again_when_the_secret_is_gone(masks: Masks) -> None:
    before = masks.mask("search", "ada", DAY, NOW)
    over = ends(DAY)
    assert masks.forget(over - timedelta(seconds=1)) == []
    assert masks.forget(over) == [DAY]
    assert list((masks.home / "trace").iterdir()) == []
    assert masks.mask("search", "ada", DAY, over) is None
    assert masks._known == {}
    # somebody who turns the clock back finds another secret
    assert masks.mask("search", "ada", DAY, NOW) not in {None, before}


def test_a_process_forgets_the_secrets_of_days_that_are_over(masks: Masks) -> None:
    masks.mask("search", "ada", DAY, NOW)
    masks.mask("search", "ada", DAY + timedelta(days=2), NOW + timedelta(days=2))
    assert list(masks._known) == [DAY + timedelta(days=2)]


def test_a_day_is_local_and_its_secret_outlives_it_by_half_a_day() -> None:
    assert ends(date(2026, 11, 23)) == datetime(2026, 11, 24, 11, tzinfo=UTC)
    assert ends(date(2026, 10, 24)) == datetime(2026, 10, 25, 10, tzinfo=UTC)  # the night that is an hour longer


@pytest.mark.parametrize("person", [None, ""])
def test_nobody_has_no_mask(masks: Masks, person: str | None) -> None:
    assert masks.mask("search", person, DAY, NOW) is None
    assert not (masks.home / "trace").exists()


def test_a_day_too_far_ahead_has_no_secret(masks: Masks) -> None:
    assert masks.mask("ondemand", "ada", DAY + timedelta(days=500), NOW) is None


def test_without_a_place_for_secrets_nothing_fails(tmp_path: Path) -> None:
    (tmp_path / "trace").write_text("in the way")
    assert Masks(tmp_path).mask("search", "ada", DAY, NOW) is None
