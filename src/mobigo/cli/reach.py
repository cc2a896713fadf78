"""``mobigo reach``: what is reached from a place, in the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from mobigo.journeys.communes import Commune
    from mobigo.journeys.reach import Reach
    from mobigo.settings import Settings

SHOWN = 40
"""Stops and communes that are listed for people."""


@click.command()
@click.option("--from", "from", required=True, metavar="LAT,LON|STOP", help="The place: a point or a stop id.")
@click.option("--at", metavar="TIME", help="ISO 8601; without an offset, local time of the network. Default: now.")
@click.option("--arrive-by", is_flag=True, help="From where can one be there by TIME.")
@click.option("--minutes", default="15,30,45,60", show_default=True, help="Bands: one to eight numbers up to 180.")
@click.option("--max-transfers", type=int, default=15, show_default=True, help="Changes, at most.")
@click.option("--max-walk-minutes", type=int, default=30, show_default=True, help="Longest single walk.")
@click.option("--walk-speed", type=float, default=1.2, show_default=True, help="Metres per second.")
@click.option("--only", multiple=True, metavar="WORD", help="Ride only mode:tram, line:ID, agency:ID.")
@click.option("--forbid", multiple=True, metavar="WORD", help="Never use mode:, line:, agency: or stop:.")
@click.option("--wheelchair", is_flag=True, help="Leave out what is known to be impossible in a wheelchair.")
@click.option("--realtime", type=click.Choice(["on", "annotate", "off"]), default="on", show_default=True)
@click.option("--budget-ms", type=int, default=1000, show_default=True, help="Computing time, at most.")
@click.option("--json", "as_json", is_flag=True, help="Print what GET /v1/reach answers.")
@click.option("--geojson", type=click.Path(path_type=Path, dir_okay=False), help="Write the areas to this file.")
def reach(*, as_json: bool, geojson: Path | None, **asked: Any) -> None:  # noqa: ANN401 - one per option
    r"""Find what is reached from a place by vehicle and on foot, or from where one can be there by then.

    \b
    Example:
      mobigo reach --from 47.4906,4.3347 --at 2026-11-23T07:30 --minutes 30,60 --geojson reach.geojson
    """
    import orjson
    from pydantic import ValidationError

    from mobigo.journeys.network import Networks
    from mobigo.journeys.reach import find_reach
    from mobigo.journeys.reach_answer import bound_box, list_reached, reach_as_json
    from mobigo.journeys.reach_parameters import AskedReach
    from mobigo.settings import read_settings

    given = {name: list(value) if isinstance(value, tuple) else value for name, value in asked.items()}
    try:
        wanted = AskedReach.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        option = str(first["loc"][0]).replace("_", "-")
        raise click.UsageError(f"--{option} {first['input']}: {first['msg']}") from None
    settings = read_settings()
    clock = settings.open_clock()
    network = Networks(settings.home, clock).current()
    question = wanted.question(wanted.from_, wanted.budget_ms, clock.now(), network.manifest.zone)
    found = find_reach(network, question, 60 * wanted.bands[-1])
    here = list_reached(found, _list_communes(settings, bound_box(found)))
    answer = reach_as_json(found, wanted.bands, here)
    if geojson:
        geojson.write_bytes(orjson.dumps(answer["bands"]))
    if as_json:
        print(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode())
    else:
        print(_describe(answer, found))


def _list_communes(settings: Settings, box: tuple[float, float, float, float]) -> list[Commune]:
    """Look into the database for communes, if it runs."""
    import psycopg

    from mobigo.db import cluster
    from mobigo.db.engine import libpq_conninfo
    from mobigo.journeys.communes import list_communes_in

    url = settings.database_url or cluster.find_url(settings.home)
    if url is None:
        return []
    with psycopg.connect(libpq_conninfo(url)) as connection:
        return list_communes_in(connection, box)


def _describe(answer: dict[str, Any], found: Reach) -> str:
    """Write it for people: the bands, then communes and stops, soonest first."""
    if answer["reason"]:
        return "no street and no stop that is loaded is near; try another place or load its region"
    way = "to" if answer["arrive_by"] else "from"
    lines = [f"{way} {answer['place']['name']}, {answer['at']:%Y-%m-%d %H:%M}"]
    for band in answer["bands"]["features"]:
        told = band["properties"]
        lines.append(
            f"{told['minutes']:>4} min  {told['square_kilometres']:>9.1f} km²  {told['stops']:>6} stops"
            f"  {told['communes']:>5} communes  {told['population']:>9,} people"
        )
    for title, key in (("communes", "communes"), ("stops", "stops")):
        if answer[key]:
            lines += ["", title]
            lines += [
                f"{-(-one['seconds'] // 60):>4} min  {one['name']}"
                + (f"  ({one['changes']} changes)" if one.get("changes") else "")
                for one in answer[key][:SHOWN]
            ]
            if len(answer[key]) > SHOWN:
                lines.append(f"          and {len(answer[key]) - SHOWN} more (--json)")
    if not found.complete:
        lines += ["", "the time for computing was over; more may be reached (--budget-ms)"]
    return "\n".join(lines)
