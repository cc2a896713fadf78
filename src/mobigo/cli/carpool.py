"""``mobigo carpool``: what drivers of subsidised lines are paid: by rule, by month, and in a demonstration."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mobigo.cli.carpool_demo import demo, seed
from mobigo.cli.carpool_lines import lines
from mobigo.cli.carpool_money import AUTHOR, open_money, total, write_bank_file, write_euros

if TYPE_CHECKING:
    from mobigo.carpool.month import Closing
    from mobigo.carpool.simulate import Cost, Simulation


@click.group()
def carpool() -> None:
    """Subsidised carpool lines: list them, evaluate and simulate rules of pay, close a month, show a demonstration."""


carpool.add_command(demo)
carpool.add_command(seed)
carpool.add_command(lines)


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


@carpool.command("close-month")
@click.argument("month", metavar="YYYY-MM")
@click.option("--dry-run", is_flag=True, help="Only say what it would come to; nothing is kept.")
@click.option("--json", "as_json", is_flag=True, help="Print one object; what waits is told on standard error.")
def close_month(month: str, *, dry_run: bool, as_json: bool) -> None:
    """Pay every proven run up to the end of a month that was not paid before, and write the file for the bank.

    Closing a month again changes nothing and tells what it came to. What is not settled yet, and the money of who told
    no account, waits for the next month.
    """
    from mobigo.carpool.month import Closer, read_month
    from mobigo.settings import SAMPLE_IBAN, read_settings

    settings = read_settings()
    first = read_month(month)
    with open_money(settings) as (session, closing):
        found = Closer(session, **closing).close(first, by=AUTHOR, now=settings.open_clock().now())
        if dry_run:
            session.rollback()
        else:
            session.commit()
    file = None
    if found.file is not None and (found.already_closed or not dry_run):
        file = write_bank_file(settings, month, found.file)
    if as_json:
        print(json.dumps(total(found, file)))
    else:
        print(f"{month}: {found.month.runs} runs, {write_euros(found.total)} to {_word(found)}")
        if file:
            print(f"for the bank: {file}")
    _tell_waiting(found)
    if found.file is not None and found.month.payer_iban == SAMPLE_IBAN:
        print(
            "the payer's account is a sample; set MOBIGO_PAYER_IBAN before a month is sent to a bank", file=sys.stderr
        )


@carpool.command()
@click.argument("rule", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="RULE.json")
@click.option("--month", required=True, metavar="YYYY-MM", help="Whose runs are paid again.")
@click.option("--explain", is_flag=True, help="Say for each run how its amount came about.")
@click.option("--json", "as_json", is_flag=True, help="Print one object.")
def simulate(rule: Path, *, month: str, explain: bool, as_json: bool) -> None:
    """Say what a rule would have cost on the runs of a month, beside the rules in force; nothing is kept.

    RULE.json is a document as /v1/carpool/policies takes it, or a policy as `evaluate` reads it.
    """
    from mobigo.carpool import simulate as simulation
    from mobigo.carpool.month import last_day, read_month
    from mobigo.carpool.policies import read_loose
    from mobigo.db.session import driver
    from mobigo.kit.errors import InvalidInput
    from mobigo.settings import read_settings

    try:
        document = json.loads(rule.read_bytes())
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{rule} is no JSON file: {error}") from None
    first = read_month(month)
    with open_money(read_settings()) as (session, _):
        found = simulation.simulate(driver(session), read_loose(rule.stem, document), first, last_day(first))
    told = _tell_simulation(found, explain=explain)
    if as_json:
        print(json.dumps(told, ensure_ascii=False))
        return
    print(f"{month}: {found.runs} runs looked at")
    for name, cost in (("by this rule", found.simulated), ("by the rules in force", found.current)):
        print(
            f"  {name:<22} {cost.runs} runs paid, drivers {write_euros(cost.driver)}, passengers"
            f" {write_euros(cost.fares)}, the Region {write_euros(cost.net)}"
        )
    for line, (then, now) in found.by_line.items():
        print(f"  {line or 'off the lines':<30} {write_euros(then.driver):>14}  now {write_euros(now.driver):>14}")
    for one in told.get("explained", ()):
        print(f"  {one['service_date']} {one['run']}: {write_euros(one['driver_cents'])}")
        for reason in one["reasons"]:
            print(f"    {reason['code']}: {reason['text']} -> {write_euros(reason['cents'])}")


def _tell_simulation(found: Simulation, *, explain: bool) -> dict[str, Any]:
    def write(cost: Cost) -> dict[str, int]:
        return {
            "runs": cost.runs,
            "driver_cents": cost.driver,
            "fares_cents": cost.fares,
            "region_net_cents": cost.net,
        }

    told: dict[str, Any] = {
        "first": found.first.isoformat(),
        "last": found.last.isoformat(),
        "runs": found.runs,
        "simulated": write(found.simulated),
        "current": write(found.current),
        "lines": {
            line: {"simulated": write(then), "current": write(now)} for line, (then, now) in found.by_line.items()
        },
    }
    if explain:
        told["explained"] = [
            {
                "run": ride.run,
                "service_date": ride.day.isoformat(),
                "line": ride.line,
                "driver_cents": pay.cents,
                "reasons": [vars(reason) for reason in pay.reasons],
            }
            for ride, pay in found.paid
        ]
    return told


def _word(found: Closing) -> str:
    return "the drivers, closed before" if found.already_closed else "the drivers"


def _tell_waiting(found: Closing) -> None:
    if found.held:
        print(f"{len(found.held)} runs wait: a proof or a finding is not settled yet", file=sys.stderr)
    for because, what in (
        ("no_account", "carried over for drivers without an account number"),
        ("owes", "owed by drivers after corrections"),
        ("next_month", "to be paid with the next month"),
    ):
        cents = [one.cents for one in found.carried if one.because == because]
        if cents:
            print(f"{write_euros(abs(sum(cents)))} of {len(cents)} drivers {what}", file=sys.stderr)
