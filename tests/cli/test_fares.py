"""The commands around fares, as they are typed."""

from __future__ import annotations

import json
import re
import zipfile
from typing import TYPE_CHECKING

from tests.fares.test_gtfs import archive

from mobigo.fares.demonstration import read_demonstration
from mobigo.fares.document import write_document

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., tuple[int, str, str]]

PRODUCTS = "fare_product_id,fare_product_name,amount,currency\none,Un trajet,1.50,EUR"
RULES = "fare_product_id\none"


def test_a_feed_brings_its_fares_when_it_is_loaded(run: Run, tmp_path: Path) -> None:
    feed = archive(tmp_path, fare_products=PRODUCTS, fare_leg_rules=RULES)
    assert run("load", "gtfs", feed, "--source", "town", "--no-build")[0] == 0
    (found,) = json.loads(run("fares", "--json")[1])["catalogues"]
    assert (found["series"], found["state"]) == ("town", "published")
    shown = run("fares", "show", "--series", "town")[1]
    assert "Tarifs de Bus, version 1" in shown
    assert "one  Un trajet    1.50 EUR" in shown
    out = tmp_path / "fares.zip"
    assert run("fares", "export", "--series", "town", "--out", out)[0] == 0
    with zipfile.ZipFile(out) as made:
        assert made.namelist() == ["agency.txt", "fare_products.txt", "fare_leg_rules.txt"]
    whole = tmp_path / "whole.zip"
    assert run("fares", "export", "--series", "town", "--into", feed, "--out", whole)[0] == 0
    assert run("load", "gtfs", whole, "--source", "town", "--no-build")[0] == 0
    assert len(json.loads(run("fares", "versions", "--json")[1])["versions"]) == 1  # the same fares


def test_catalogues_go_in_and_out(run: Run, tmp_path: Path) -> None:
    document = tmp_path / "fares.json"
    document.write_text(json.dumps(write_document(read_demonstration())))
    assert run("fares")[1].startswith("no fares are in force")
    assert run("fares", "import", document)[1].strip() == "1  region  draft from 2020-01-01  (file fares.json)"
    assert run("fares", "show")[0] == 1
    assert run("fares", "publish", "1")[1].strip().startswith("1  region  published")
    assert "demonstration: nobody charges these prices" in run("fares", "show")[1]
    shown = run("fares", "show", "--language", "en")[1]
    assert re.search(r"rail_single +Train, one trip +to 35 km 0\.80 \+ 0\.19000/km", shown)
    table = tmp_path / "prices.csv"
    assert run("fares", "export", "--out", table)[0] == 0
    assert table.read_text().startswith("product_id,name_fr")
    again = tmp_path / "again.json"
    run("fares", "export", "1", "--out", again)
    assert json.loads(again.read_text()) == json.loads(document.read_text())
    assert run("fares", "take-back", "1")[1].strip().startswith("1  region  draft")
    assert len(json.loads(run("fares", "versions", "--json")[1])["versions"]) == 1
    table.write_text(table.read_text().replace("EUR,1.50,", "EUR,1.80,", 1))
    assert run("fares", "change", "1", table)[0] == 0
    run("fares", "publish", "1")
    assert "1.80 EUR" in run("fares", "show")[1]
    assert "stays as it is" in run("fares", "change", "1", table)[2]


def test_what_is_typed_wrong_is_said(run: Run, tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("name = [")
    assert "is no TOML" in run("fares", "import", broken)[2]
    assert run("fares", "import", "nowhere")[0] == 1
    assert run("fares", "show", "--on", "someday")[0] == 2
    assert run("fares", "publish", "9")[0] == 1
    broken.write_text('name = { fr = "x" }\nvalid_from = 2026-01-01\ncurrency = "x"')
    assert "is no code of ISO 4217" in run("fares", "import", broken)[2]
