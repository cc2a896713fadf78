"""``mobigo bench``: run a benchmark and print one row per bar."""

from __future__ import annotations

import json
import math
import sys
from importlib import import_module
from pathlib import Path

import click

from mobigo.kit.errors import InvalidInput

ROOT = Path(__file__).parents[3]
"""The checkout: benchmarks are measured from a clone, they are no part of the wheel."""

PARTS = (
    "__init__",
    "bar",
    "carpool_money",
    "common_feed",
    "ondemand_region",
    "plot",
    "sample",
    "school_department",
    "school_vrp",
    "served",
    "ticketing_codes",
    "ticketing_money",
    "ticketing_prices",
)
"""What benchmarks are made of; no benchmark by itself."""


def _names() -> list[str]:
    return sorted(file.stem for file in (ROOT / "benchmarks").glob("*.py") if file.stem not in PARTS)


@click.command()
@click.argument("name")
@click.option("--peer", metavar="PROGRAM", help="For planner: time this program too, called as mobigo route is.")
@click.option("--only", multiple=True, metavar="PART", help="For school: sbrp, vrp or department; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects instead of a table.")
def bench(name: str, *, peer: str | None, only: tuple[str, ...], as_json: bool) -> None:
    """Measure NAME; one row per bar: value, limit, whether it holds, and how it was measured.

    Compare ratios, not seconds: machines are noisy.
    """
    if name not in _names():
        raise InvalidInput(f"no benchmark {name!r}; there are: {', '.join(_names())}")
    if peer and name != "planner":
        raise InvalidInput(f"--peer is for the benchmark planner, not for {name}; leave it out")
    if only and name != "school":
        raise InvalidInput(f"--only is for the benchmark school, not for {name}; leave it out")
    sys.path.insert(0, str(ROOT))
    rows = []
    measure = import_module(f"benchmarks.{name}").bars
    for bar in measure(peer) if peer else measure(only) if only else measure():
        row = {
            "bar": bar.bar,
            "value": bar.value,
            "unit": bar.unit,
            "limit": bar.limit,
            "better": bar.better,
            "holds": bar.holds,
            "how": bar.how,
        }
        rows.append(row)
        if not as_json:
            _print(row)
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=1))
    if any(row["holds"] is False for row in rows):
        sys.exit(1)


def _print(row: dict[str, object]) -> None:
    mark = {True: "holds", False: "FAILS", None: "-"}[row["holds"]]  # type: ignore[index]
    value = row["value"]
    assert isinstance(value, int | float)
    digits = max(0, 3 - int(math.log10(abs(value)))) if value else 0
    sign = "≤" if row["better"] == "lower" else "≥"
    limit = "" if row["limit"] is None else f"{sign} {row['limit']:g}"
    print(f"{row['bar']:<44} {value:>12.{min(digits, 4)}f} {row['unit']:<10} {limit:>10}  {mark:<6} {row['how']}")
