"""``mobigo school demo``: a district from its lists to published circuits, with everything that staff would do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mobigo.cli.school_planning import plan_here, print_comparison
from mobigo.cli.school_register import connect, read_actor

if TYPE_CHECKING:
    from psycopg import Connection

    from mobigo.school.register_service import Actor

FILE = "demonstration.xlsx"
"""Under this name its lists are imported; a year that holds others is left alone."""
NAME = "Démonstration"
"""Of its scenario."""
AUGUST = 8


@click.command()
@click.option("--year", metavar="2026-2027", help="An empty school year, or one of a former demo; the present one.")
@click.option("--pupils", type=click.IntRange(1, 5_000), default=420, show_default=True, help="Drawn by lot.")
@click.option("--seconds", type=click.FloatRange(1, 3_600), default=20, show_default=True, help="For planning.")
@click.option("--work", type=click.IntRange(1), metavar="N", help="Parts planned anew, instead of seconds: repeatable.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=1, show_default=True, help="Of all that is drawn.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Write drivers' sheets, class lists, GTFS, a map and the plan there.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one object.")
def demo(
    *, year: str | None, pupils: int, seconds: float, work: int | None, seed: int, out: Path | None, as_json: bool
) -> None:
    """Draw the district of Semur-en-Auxois and Montbard, import, plan, compare with today, approve and publish it."""
    from mobigo.school.roads import FOLDER
    from mobigo.school.scenarios import approve, ask_plan, publish
    from mobigo.school.yearplan import Effort
    from mobigo.settings import read_settings

    settings = read_settings()
    actor = read_actor()
    today = actor.now.date()
    begins = today.year if today.month >= AUGUST else today.year - 1
    year = year or f"{begins}-{begins + 1}"
    with connect() as connection:
        counts = _import(connection, year, pupils, seed, actor)
    _say(f"{year}: " + ", ".join(f"{count:,} {name}" for name, count in counts.items() if count), quiet=as_json)
    with connect() as connection:
        gaps = _list_gaps(connection, year)
        scenario = _open_scenario(connection, year, actor)
        plan = ask_plan(connection, scenario, Effort(seconds, work, seed), actor)
    for gap in gaps:
        _say(f"  ! {gap}", quiet=as_json)
    plan_here(plan, settings, quiet=as_json)
    with connect() as connection:
        found = _compare(connection, year, plan, settings.home / FOLDER)
        approve(connection, scenario, actor)
        publish(connection, scenario, actor)
        written = [] if out is None else _write(connection, year, plan, out, actor)
    if as_json:
        told = {
            "year": year,
            "rows": counts,
            "gaps": gaps,
            "scenario": scenario,
            "plan": plan,
            "compared": found,
            "written": written,
        }
        print(json.dumps(told, ensure_ascii=False, indent=1))
        return
    print_comparison(found["figures"])
    for one in found["moved"][:5]:
        print(f"  {one['text']}")
    print(f"{found['pupils_moved']} pupils are moved; approved and published as scenario {scenario} ({NAME})")
    if written:
        print(f"{len(written)} files in {out}")


def _write(connection: Connection[Any], year: str, plan: int, folder: Path, actor: Actor) -> list[str]:
    """Print what staff hand out, and what is published; the names of the files."""
    from mobigo.cli.school_register import write_file, write_network
    from mobigo.school import scenario_store, sheets
    from mobigo.school.network import read_network
    from mobigo.school.plan_book import write_plan_book
    from mobigo.school.register_service import show_people
    from mobigo.school.scenarios import list_stop_names

    network = read_network(connection, year)
    files = {f"network-{year}{ending}": content for ending, content in write_network(connection, year).items()}
    document = scenario_store.get_document(connection, plan)
    files["plan.xlsx"] = write_plan_book(document, list_stop_names(connection, year))
    for circuit in network.circuits:
        files[f"driver-{circuit}.pdf"] = sheets.write_driver_sheet(network, circuit, language="fr", now=actor.now)
    for school in network.schools:
        people = show_people(connection, year, f"list of school {school}", actor)
        files[f"class-{school}.pdf"] = sheets.write_class_list(network, school, people, language="fr", now=actor.now)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_file(folder / name, content)
    return sorted(files)


def _say(text: str, *, quiet: bool) -> None:
    if not quiet:
        print(text)


def _import(connection: Connection[Any], year: str, pupils: int, seed: int, actor: Actor) -> dict[str, int]:
    """Import the drawn lists in the place of a former demo's."""
    from mobigo.kit.errors import Refused
    from mobigo.school import register_store, scenario_store, scenarios
    from mobigo.school.register_service import import_file
    from mobigo.school.sample import draw_register, read_district

    if any(one.file != FILE for one in register_store.list_imports(connection, year, 1_000)):
        raise Refused(f"{year} holds lists of others; name an empty school year with --year, as --year 2099-2100")
    published = scenario_store.find_published(connection, year)
    if published is not None:
        scenarios.withdraw(connection, published, actor)
    sample = draw_register(*read_district(), pupils=pupils, seed=seed, year=int(year[:4]))
    import_file(connection, year, sample.as_workbook(), FILE, actor, replace=True)
    return register_store.count_rows(connection, year)


def _list_gaps(connection: Connection[Any], year: str) -> list[str]:
    from mobigo.school.gaps import find_gaps

    return [gap.what for gap in find_gaps(connection, year)]


def _open_scenario(connection: Connection[Any], year: str, actor: Actor) -> str:
    """Return the demo's scenario as a draft."""
    from mobigo.school import scenario_store, scenarios

    for one in scenario_store.list_scenarios(connection, year):
        if one.name == NAME:
            if one.state != "draft":
                scenarios.reopen(connection, one.id, actor)
            return one.id
    return scenarios.make_scenario(connection, year, NAME, actor).id


def _compare(connection: Connection[Any], year: str, plan: int, folder: Path) -> dict[str, Any]:
    from mobigo.school import scenario_store
    from mobigo.school.book import read_book
    from mobigo.school.comparing import compare
    from mobigo.school.roads import open_roads
    from mobigo.school.scenarios import list_stop_names
    from mobigo.school.today import tell_today

    today = tell_today(read_book(connection, year), open_roads(connection, folder))
    return compare(today, scenario_store.get_document(connection, plan), list_stop_names(connection, year))
