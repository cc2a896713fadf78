"""Taxis: tariffs worked out by hand, and registers that are none."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from mobigo.cli.main import mobigo
from mobigo.journeys.taxis import Tariffs, Taxis, estimate_fare, load_register, name_tariff, read_register
from mobigo.kit.errors import InvalidInput, NotFound
from mobigo.kit.geo import Point

EXAMPLE = Path(__file__).parents[2] / "gtfs" / "demonstration_taxis.toml"
TARIFFS = Tariffs.model_validate(
    {"pick_up": 300, "minimum": 800, "a": 110, "b": 160, "c": 220, "d": 320, "night_from": "19:00",
     "night_until": "07:00"}
)  # fmt: skip


@pytest.mark.parametrize(
    ("at", "empty_back", "tariff"),
    [
        ("2026-11-23T07:00", True, "C"),  # a Monday
        ("2026-11-23T06:59", True, "D"),
        ("2026-11-23T18:59", False, "A"),
        ("2026-11-23T19:00", False, "B"),
        ("2026-11-22T12:00", True, "D"),  # a Sunday
        ("2026-11-11T12:00", False, "B"),  # a public holiday
    ],
)
def test_which_tariff(at: str, tariff: str, *, empty_back: bool) -> None:
    assert name_tariff(TARIFFS, datetime.fromisoformat(at), empty_back=empty_back) == tariff


@pytest.mark.parametrize(
    ("tariff", "metres", "cents"),
    [("A", 1000, 800), ("A", 10_000, 300 + 1100), ("C", 5000, 300 + 1100), ("D", 2345, 300 + 750)],
)
def test_what_it_costs(tariff: str, metres: float, cents: int) -> None:
    assert estimate_fare(TARIFFS, tariff, metres) == cents


def test_a_register_is_taken_into_service_whole_or_not_at_all(tmp_path: Path) -> None:
    text = EXAMPLE.read_text()
    assert load_register(tmp_path, text.encode()).example
    taxis = Taxis(tmp_path)
    here, far = Point(4.3347, 47.4906), Point(5.04, 47.32)
    hire = taxis.find(here, wheelchair=False)
    assert hire is not None
    assert (hire.taxi.name, hire.wait) == ("Taxi d'exemple", 1200)
    assert taxis.find(far, wheelchair=False) is None  # 56 km away
    assert taxis.find(here, wheelchair=True) is None  # it does not say that it takes one
    for wrong in ("", "dated = ", text.replace("km = 40", "km = -1"), text.replace("phone", "telephone"), "\xff"):
        with pytest.raises(InvalidInput, match="register of taxis"):
            load_register(tmp_path, wrong.encode("latin-1"))
    assert taxis.find(here, wheelchair=False) is not None
    with pytest.raises(InvalidInput, match="night_from"):
        read_register(text.replace("19:00:00", '"dusk"').encode())


def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOBIGO_HOME", str(tmp_path))
    run = CliRunner().invoke
    assert "no register" in run(mobigo, ["taxis"]).output
    assert "1 taxis, Invented amounts, for the demonstration, 2026-01-01 (an example" in (
        run(mobigo, ["taxis", "load", str(EXAMPLE)]).output
    )
    assert "Taxi d'exemple, +33199000123: 40 km" in run(mobigo, ["taxis", "list"]).output
    assert run(mobigo, ["taxis", "remove"]).output == "the register of taxis is removed\n"
    assert isinstance(run(mobigo, ["taxis", "remove"]).exception, NotFound | SystemExit)
