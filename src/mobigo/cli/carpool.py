"""``mobigo carpool``: what drivers of subsidised lines are paid."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.group()
def carpool() -> None:
    """Subsidised carpool lines: evaluate policies on worked cases."""


@carpool.command()
@click.argument("cases", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="CASES.json")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), metavar="R.json", help="Written to; else printed."
)
@click.option(
    "--reading",
    default="default",
    show_default=True,
    metavar="NAME",
    help="Of the regional rule: default, every_passenger_paid, km_basis=driver_run, extra=max_simultaneous_on_board,"
    " rpc_style_per_passenger_km.",
)
@click.option("--explain", is_flag=True, help="Say for each amount how it came about.")
def evaluate(cases: Path, *, out: Path | None, reading: str, explain: bool) -> None:
    """Evaluate policies on cases, to the cent.

    CASES.json holds policies with incentive_cases, or the regional policy with cases, legal_cap and local_policy. A
    list of objects is written, one per case, in their order.
    """
    from mobigo.carpool import cases as carpool_cases
    from mobigo.kit.errors import InvalidInput

    try:
        document = json.loads(cases.read_bytes())
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{cases} is no JSON file: {error}") from None
    found = carpool_cases.evaluate(document, reading)
    if not explain:
        for one in found:
            one.pop("because", None)
    text = json.dumps(found, ensure_ascii=False, indent=1)
    if out is None:
        print(text)
    else:
        out.write_text(text + "\n")
        print(f"{len(found)} cases, written to {out}")
