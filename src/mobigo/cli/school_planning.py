"""``mobigo school optimise`` and ``compare``: scenarios planned and set side by side; what the worker plans."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any, TextIO

import click

from mobigo.cli.school_register import connect, read_actor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from psycopg import Connection

    from mobigo.school.yearplan import Told
    from mobigo.settings import Settings

LABELS = {
    "vehicles": "vehicles",
    "bound": "vehicles, proven least",
    "drivers": "drivers, on the fullest day",
    "runs": "runs",
    "loaded_km": "km with pupils, a week",
    "empty_km": "km empty, a week",
    "hours": "hours of vehicles, a week",
    "cents": "cost, a week",
    "cents_bound": "cost, proven least with so many vehicles",
    "co2_kg": "CO2, a week",
    "pupils": "pupils brought",
    "stops": "stops served",
    "ride_mean": "ride, mean",
    "ride_p95": "ride, 95 of 100 below",
    "ride_longest": "ride, longest",
    "moved": "pupils for whom something changes",
    "closed": "stops of today closed",
    "opened": "stops opened",
}
"""How figures are called, in the order in which they are read."""
UNITS = {"loaded_km": "km", "empty_km": "km", "hours": "h", "co2_kg": "kg"}
UNKNOWN = "-"


@click.command()
@click.option("--year", required=True, metavar="2026-2027", help="The school year.")
@click.option("--scenario", "name", required=True, metavar="NAME", help="Of this name; made if it is not there.")
@click.option("--changes", type=click.File("r"), help="JSON list of changes; replaces those of the scenario.")
@click.option("--seconds", type=click.FloatRange(1, 7_200), default=300, show_default=True, help="For all sessions.")
@click.option("--work", type=click.IntRange(1), metavar="N", help="Parts planned anew, instead of seconds: repeatable.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=1, show_default=True, help="Of all that is drawn.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def optimise(
    *,
    year: str,
    name: str,
    changes: TextIO | None,
    seconds: float,
    work: int | None,
    seed: int,
    as_json: bool,
) -> None:
    """Plan a scenario here and now; Ctrl-C keeps the best found so far."""
    from mobigo.school import scenario_store, scenarios
    from mobigo.school.register_service import get_year
    from mobigo.school.yearplan import Effort
    from mobigo.settings import read_settings

    settings = read_settings()
    with connect() as connection:
        get_year(connection, year)
        known = {one.name: one.id for one in scenario_store.list_scenarios(connection, year)}
        actor = read_actor()
        scenario = known.get(name) or scenarios.make_scenario(connection, year, name, actor).id
        if changes is not None:
            scenarios.change_scenario(connection, scenario, _read_changes(changes.read()), actor, revision=None)
        plan = scenarios.ask_plan(connection, scenario, Effort(seconds, work, seed), actor)
    plan_here(plan, settings, quiet=as_json)
    with connect() as connection:
        found = scenario_store.get_plan(connection, plan)
        document = scenario_store.get_document(connection, plan) if found.state == "done" else None
    if document is None:
        raise click.ClickException(found.problem or "the plan was given up")
    if as_json:
        told = {"scenario": scenario, "plan": plan, "figures": found.figures, "troubles": document["troubles"]}
        print(json.dumps(told, ensure_ascii=False, indent=1))
        return
    print_figures([{name: _read_figure(value, name) for name, value in document["figures"].items()}])
    for trouble in document["troubles"]:
        print(f"  ! {trouble['text']}")


def _read_changes(text: str) -> list[dict[str, Any]]:
    """Read changes as the API takes them."""
    from pydantic import TypeAdapter, ValidationError

    from mobigo.kit.errors import InvalidInput
    from mobigo.school.scenarios_api import Changes

    try:
        return [one.plain() for one in TypeAdapter(Changes).validate_json(text)]
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise InvalidInput(f"{where}: {first['msg']}; see the API's documentation of changes") from None


@click.command("compare")
@click.argument("before")
@click.argument("after")
@click.option("--year", required=True, metavar="2026-2027", help="The school year of both.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def compare_plans(before: str, after: str, *, year: str, as_json: bool) -> None:
    """Set the latest plans of scenarios BEFORE and AFTER side by side."""
    from mobigo.kit.errors import InvalidInput
    from mobigo.school import scenario_store, scenarios

    with connect() as connection:
        known = {one.name: one.id for one in scenario_store.list_scenarios(connection, year)}
        for name in (before, after):
            if name not in known:
                raise InvalidInput(f"{year} has no scenario {name!r}; it has {', '.join(sorted(known)) or 'none'}")
        found = scenarios.compare_scenarios(connection, known[before], known[after])
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=1))
        return
    print_comparison(found["figures"])
    print(f"pupils for whom something changes: {found['pupils_moved']:,}")
    print(f"stops opened: {', '.join(found['opened']) or 'none'}; closed: {', '.join(found['closed']) or 'none'}")
    for one in found["moved"]:
        print(f"  {one['text']}")


def print_comparison(figures: Mapping[str, Mapping[str, float | None]]) -> None:
    """Print the figures of two plans side by side, with what they differ by."""
    ends = [{name: _read_figure(one[end], name) for name, one in figures.items()} for end in ("before", "after")]
    differ = {
        name: None if was is None or now is None else round(now - was, 1)
        for name, was in ends[0].items()
        for now in [ends[1][name]]
    }
    print_figures([*ends, differ], ("before", "after", "difference"))


def _read_figure(value: float | None, name: str) -> float | None:
    """Return a figure as it is written: rides in whole minutes, a bound of nothing as one that is not known."""
    if value is None or (name in {"bound", "cents_bound"} and not value):
        return None
    return 60 * round(value / 60) if name.startswith("ride_") else value


def print_figures(plans: Sequence[Mapping[str, float | None]], heads: Sequence[str] = ()) -> None:
    """Print figures of plans side by side, a line each, in the order in which they are read.

    What no plan knows is left out.
    """
    rows = [
        (LABELS[name], [_write_figure(one.get(name), name, signed=head == "difference") for one, head in columns])
        for name in LABELS
        for columns in [list(zip(plans, heads or [""] * len(plans), strict=True))]
        if any(one.get(name) is not None for one in plans)
    ]
    for label, values in [("", list(heads)), *rows] if heads else rows:
        print(f"{label:41}" + "".join(f"{value:>15}" for value in values))


def _write_figure(value: float | None, name: str, *, signed: bool = False) -> str:
    """Write a figure with its unit."""
    if value is None:
        return UNKNOWN
    sign = "+" if signed and value > 0 else ""
    if name in {"cents", "cents_bound"}:
        return f"{sign}{value / 100:,.2f} €"
    if name.startswith("ride_"):
        return f"{sign}{round(value / 60)} min"
    return f"{sign}{value:,} {UNITS[name]}" if name in UNITS else f"{sign}{value:,}"


@click.command("plan", hidden=True)
@click.argument("number", type=int)
def plan_number(number: int) -> None:
    """Make a plan that was asked for; stop when standard input ends, and the plan is made again later."""
    from mobigo.cli.context import give_way
    from mobigo.cli.serve import hold_leash
    from mobigo.settings import read_settings

    hold_leash()
    give_way(leave_one=False)
    plan_here(number, read_settings(), quiet=True)


def plan_here(number: int, settings: Settings, *, quiet: bool) -> None:
    """Make a plan in this process."""
    import psycopg

    from mobigo.cli.context import open_database
    from mobigo.db.engine import libpq_conninfo
    from mobigo.school.roads import FOLDER
    from mobigo.school.scenarios import run_plan

    conninfo, begun = libpq_conninfo(open_database()), time.monotonic()

    def open_connection() -> Connection[Any]:
        return psycopg.connect(conninfo, autocommit=True)

    def say(told: Told) -> None:
        if not quiet:
            spent = time.monotonic() - begun
            print(f"{spent:7.1f} s  {told.session}: {told.vehicles} vehicles, at least {told.bound}", file=sys.stderr)

    run_plan(open_connection, number, settings.home / FOLDER, settings.open_clock(), say=say)


def plan_apart(url: str, settings: Settings, plan: int) -> None:
    """Make a plan in a process of its own; one that fails is marked so, with the reason."""
    import psycopg

    from mobigo.cli.apart import run_apart
    from mobigo.db.engine import libpq_conninfo
    from mobigo.school.scenario_store import fail_plan

    why = run_apart(url, settings, "school", "plan", str(plan))
    if why is not None:
        with psycopg.connect(libpq_conninfo(url)) as connection:
            fail_plan(connection, plan, why, settings.open_clock().now())
