"""``mobigo plan``: a journey from door to door, in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mobigo.journeys.model import Journey, Leg, Plan

REASONS = {
    "outside_area": "an end is near no street and no stop that is loaded; try another place or load its region",
    "no_stop_in_range": "no stop within the longest walk of an end; try --max-walk",
    "no_service_that_day": "no trip runs on that day; try another day",
    "walking_better": "walking is quicker than any vehicle",
    "nothing_in_window": "nothing runs in the time asked for",
    "no_connection": "no trips of the next days make this journey",
    "outside_service_period": "the day is outside the timetables that are loaded; load newer ones",
    "filtered_out": "what was asked besides leaves none",
    "no_accessible_path": "no way is known to be, or may be, possible in a wheelchair",
    "budget_reached": "the time for computing was over; try --budget-ms",
}


@click.command()
@click.option("--from", "origin", required=True, metavar="LAT,LON|STOP", help="Where from: a point or a stop id.")
@click.option("--to", "destination", required=True, metavar="LAT,LON|STOP", help="Where to.")
@click.option("--at", metavar="TIME", help="ISO 8601; without an offset, local time of the network. Default: now.")
@click.option("--arrive-by", is_flag=True, help="Arrive by TIME instead of leaving after it.")
@click.option("--window-minutes", type=click.IntRange(0, 1440), help="Leave within so many minutes after TIME.")
@click.option("--max-transfers", type=click.IntRange(0, 15), default=15, show_default=True)
@click.option(
    "--max-walk-minutes", type=click.IntRange(0, 120), default=30, show_default=True, help="Longest single walk."
)
@click.option("--json", "as_json", is_flag=True, help="Print what GET /v1/journeys answers.")
def plan(
    *,
    origin: str,
    destination: str,
    at: str | None,
    arrive_by: bool,
    window_minutes: int | None,
    max_transfers: int,
    max_walk_minutes: int,
    as_json: bool,
) -> None:
    r"""Plan a journey on the network that is built; needs no running server and no database.

    \b
    Example:
      mobigo plan --from 47.4906,4.3347 --to 47.3234,5.0272 --at 2026-11-23T07:30
    """
    import orjson

    from mobigo.journeys import service
    from mobigo.journeys.answer import plan_as_json
    from mobigo.journeys.model import JourneyRequest
    from mobigo.journeys.network import Networks
    from mobigo.kit.parameters import read_instant
    from mobigo.settings import read_settings

    settings = read_settings()
    network = Networks(settings.home).current()
    found = service.plan(
        network,
        JourneyRequest(
            origin=origin,
            destination=destination,
            at=read_instant(at, network.manifest.zone) if at else settings.open_clock().now(),
            arrive_by=arrive_by,
            window=None if window_minutes is None else window_minutes * 60,
            max_transfers=max_transfers,
            max_walk=max_walk_minutes * 60,
        ),
    )
    if as_json:
        print(orjson.dumps(plan_as_json(found), option=orjson.OPT_INDENT_2).decode())
    else:
        print(_describe(found))


def _describe(found: Plan) -> str:
    lines = [_describe_journey(journey) for journey in found.journeys]
    if found.reason:
        later = f"; the next journey leaves {found.next_departure:%Y-%m-%d %H:%M}" if found.next_departure else ""
        lines.append(f"No journey by public transport: {REASONS[found.reason]}{later}.")
    return "\n\n".join(lines)


def _describe_journey(journey: Journey) -> str:
    minutes = round((journey.arrival - journey.departure).total_seconds() / 60)
    changes = {0: "no change", 1: "1 change"}.get(journey.transfers, f"{journey.transfers} changes")
    labels = f"  [{', '.join(label.replace('_', ' ') for label in journey.labels)}]" if journey.labels else ""
    head = f"{journey.departure:%Y-%m-%d %H:%M} → {journey.arrival:%H:%M}  {minutes} min, {changes}{labels}"
    return "\n".join([head, *(_describe_leg(leg) for leg in journey.legs)])


def _describe_leg(leg: Leg) -> str:
    times = f"  {leg.departure:%H:%M} {leg.start.name} → {leg.arrival:%H:%M} {leg.end.name}"
    if leg.line is None:
        return f"{times}  ({leg.mode}, {leg.metres or 0:.0f} m)"
    seated = ", stay seated" if leg.stay_seated else ""
    return f"{times}  ({leg.mode} {leg.line.name}{' to ' + leg.headsign if leg.headsign else ''}{seated})"
