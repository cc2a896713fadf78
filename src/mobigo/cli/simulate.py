"""``mobigo ondemand simulate``: a day of requests replayed, on the vehicles there are or on imagined ones."""

from __future__ import annotations

import csv
import json
from contextlib import nullcontext
from dataclasses import asdict, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from mobigo.kit.errors import InvalidInput

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mobigo.journeys.network import Network
    from mobigo.ondemand.catalogue import Catalogue
    from mobigo.ondemand.fleet import Fleet
    from mobigo.ondemand.model import Vehicle
    from mobigo.ondemand.simulate import Day, Request

IMAGINED = "simulated"
"""Operator of vehicles that only the simulation knows."""

LONG_SHIFT, BREAK = 6 * 3600, 2700
"""An imagined driver has a break of so many seconds in a shift longer than that."""

COUNTS = ("adults", "companions", "children", "wheelchairs", "luggage", "bicycles")


@click.command()
@click.option("--day", metavar="DATE", help="The day to replay. Default: tomorrow.")
@click.option("--service", "services", multiple=True, metavar="ID", help="Only this service; may be repeated.")
@click.option("--requests", type=click.IntRange(1, 100_000), default=200, show_default=True, help="How many to draw.")
@click.option(
    "--requests-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="CSV of requests instead: ready_at, from_lat, from_lon, to_lat, to_lon; optional asked_at, from_stop_id, "
    f"to_stop_id, {', '.join(COUNTS)}.",
)
@click.option(
    "--vehicles",
    type=click.IntRange(1, 1_000),
    help="Imagine so many vehicles instead of those that are registered; then services of others are replayed too.",
)
@click.option("--seats", type=click.IntRange(1, 60), default=8, show_default=True, help="Of an imagined vehicle.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of everything that is drawn.")
@click.option(
    "--improve", type=click.FloatRange(0, 60), default=1.0, show_default=True,
    help="Seconds for rearranging the runs, for each hour of the day; 0: leave them as they were booked.",
)  # fmt: skip
@click.option("--picture", type=click.Path(path_type=Path), help="Draw the day: FILE.svg or FILE.html.")
@click.option("--list", "listing", type=click.Path(path_type=Path), help="Write what became of each request, as CSV.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def simulate(
    *,
    day: str | None,
    services: tuple[str, ...],
    requests: int,
    requests_file: Path | None,
    vehicles: int | None,
    seats: int,
    seed: int,
    improve: float,
    picture: Path | None,
    listing: Path | None,
    as_json: bool,
) -> None:
    """Replay a day of requests: how many are served, how long they wait, how far vehicles drive, and how full."""
    from mobigo.journeys.network import Networks
    from mobigo.ondemand import simulate as simulation
    from mobigo.ondemand.solver import Solver
    from mobigo.settings import read_settings
    from mobigo.street.drives import Drives

    if picture is not None and picture.suffix not in {".svg", ".html"}:
        raise InvalidInput(f"{picture} is neither .svg nor .html; name the picture like one of these")
    settings = read_settings()
    on = _read_day(day) or (settings.open_clock().now() + timedelta(days=1)).date()
    network = Networks(settings.home).find_current()
    places = _list_places(network)
    catalogue, fleet = _prepare(services, on, vehicles=vehicles, seats=seats, seed=seed, places=places)
    drives = network.drives if network else Drives(None)
    zone = next(iter(catalogue.services.values())).timezone
    if requests_file is not None:
        asked = read_requests(requests_file, ZoneInfo(zone))
    else:
        names = sorted(catalogue.services)
        asked = simulation.draw_requests(catalogue, names, on, requests, places=places, seed=seed)
    with Solver() if improve else nullcontext() as solver:
        done = simulation.simulate(catalogue, fleet, drives, asked, solver=solver, seconds=improve, seed=seed)
    if picture is not None:
        _draw(picture, done, on, zone)
    if listing is not None:
        _write_list(listing, done, ZoneInfo(zone))
    if as_json:
        answer = {"day": on.isoformat(), "services": sorted(catalogue.services), "seed": seed, **asdict(done.figures)}
        print(json.dumps(answer, ensure_ascii=False, indent=1))
    else:
        _print(done, on, sorted(catalogue.services))


def _read_day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"{text!r} is no day; write it like 2026-12-01") from None


# ── services and vehicles ─────────────────────────────────────────────────────────────────────────────────────────────


def _prepare(
    wanted: tuple[str, ...], day: date, *, vehicles: int | None, seats: int, seed: int, places: NDArray[np.float64]
) -> tuple[Catalogue, Fleet]:
    """Read services and vehicles, or imagine the vehicles."""
    import psycopg

    from mobigo.cli.context import open_database
    from mobigo.db.engine import libpq_conninfo
    from mobigo.ondemand import fleet_store
    from mobigo.ondemand.catalogue import build_catalogue, read_catalogue
    from mobigo.ondemand.model import Operator
    from mobigo.ondemand.simulate import lay_runs

    with psycopg.connect(libpq_conninfo(open_database())) as connection:
        known = read_catalogue(connection)
        registered = [one for one in fleet_store.list_vehicles(connection) if one.active]
        operators = {one.id: one for one in fleet_store.list_operators(connection)}
    chosen = [known.get(service) for service in dict.fromkeys(wanted)] if wanted else list(known.services.values())
    if vehicles is None:
        served = {service for one in registered for service in one.services}
        chosen = [one for one in chosen if one.id in served and one.operator is not None]
        if not chosen:
            what = ", ".join(wanted) or "no service"
            raise InvalidInput(f"{what} has registered vehicles that could be simulated; imagine some with --vehicles")
        ids = {one.id for one in chosen}
        fleet = lay_runs([one for one in registered if ids & set(one.services)], operators, day)
        return build_catalogue(chosen, known.revision), fleet
    if not chosen:
        raise InvalidInput("there is no service on demand; load a feed that has one, or write one")
    catalogue = build_catalogue([replace(one, operator=IMAGINED) for one in chosen], known.revision)
    operator = Operator(IMAGINED, IMAGINED, timezone=chosen[0].timezone)
    imagined = _imagine(catalogue, day, vehicles, seats=seats, seed=seed, places=places)
    return catalogue, lay_runs(imagined, {IMAGINED: operator}, day)


def _imagine(
    catalogue: Catalogue, day: date, count: int, *, seats: int, seed: int, places: NDArray[np.float64]
) -> list[Vehicle]:
    """Imagine vehicles that work for all services, all their hours; they stand where rides begin."""
    from mobigo.ondemand.model import Capacity, Shift, Vehicle
    from mobigo.ondemand.simulate import draw_requests

    start, end = _find_hours(catalogue.services.values())
    pauses = ((start + (end - start) // 3, end - (end - start) // 3, BREAK),) if end - start > LONG_SHIFT else ()
    shift = Shift((True,) * 7, start, end, pauses)
    stands = draw_requests(catalogue, sorted(catalogue.services), day, count, places=places, seed=seed + 1)
    capacity = Capacity((seats, 1, 4, 2, 2), seats_per_wheelchair=2, luggage_on_seats=True)
    return [
        Vehicle(
            f"v{number:03}", IMAGINED, f"v{number}", capacity, one.origin.point, tuple(catalogue.services), (shift,)
        )
        for number, one in enumerate(stands, 1)
    ]


def _find_hours(services: Any) -> tuple[int, int]:  # noqa: ANN401 - an iterable of services
    """Find the hours of all services, half an hour before to an hour after; seconds of the service day."""
    times = [
        time
        for service in services
        for trip in service.trips
        for call in trip.calls
        for time in (call.window_start, call.window_end, call.arrival, call.departure)
        if time is not None
    ]
    return max(0, min(times) - 1800), max(times) + 3600


def _list_places(network: Network | None) -> NDArray[np.float64]:
    """List where people live, as far as streets tell: their junctions lie close together where many do."""
    import numpy as np

    if network is None or network.streets is None:
        return np.zeros((0, 2))
    points = network.streets.points
    return np.column_stack([np.asarray(points.lon, np.float64), np.asarray(points.lat, np.float64)])


# ── requests ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_requests(file: Path, zone: ZoneInfo) -> list[Request]:
    """Read requests from a CSV file, in the order in which they were made.

    Raises
    ------
    InvalidInput
        When a column is missing, or a cell cannot be read; with its line.
    """
    with file.open(newline="", encoding="utf-8-sig") as rows:
        table = csv.DictReader(rows)
        missing = {"ready_at", "from_lat", "from_lon", "to_lat", "to_lon"} - set(table.fieldnames or ())
        if missing:
            raise InvalidInput(f"{file} has no column {', '.join(sorted(missing))}; its first line names the columns")
        found = []
        for row in table:
            try:
                found.append(_read_request(row, table.line_num, zone))
            except ValueError as error:
                raise InvalidInput(f"{file} line {table.line_num}: {error}; correct it or take it out") from None
    if not found:
        raise InvalidInput(f"{file} holds no request; write one a line below the names of the columns")
    if len({one.id for one in found}) < len(found):
        raise InvalidInput(f"{file} names a request twice; give each an id of its own, or leave the column id out")
    return sorted(found, key=lambda one: (one.asked, one.id))


def _read_request(row: dict[str, str], line: int, zone: ZoneInfo) -> Request:
    from mobigo.kit.geo import parse_point
    from mobigo.ondemand.model import Party, Spot
    from mobigo.ondemand.simulate import Request

    def instant(name: str) -> int:
        told = datetime.fromisoformat(row[name])
        return int((told if told.tzinfo else told.replace(tzinfo=zone)).timestamp())

    def spot(end: str) -> Spot:
        text = f"{row[f'{end}_lat']},{row[f'{end}_lon']}"
        return Spot(text, parse_point(text), row.get(f"{end}_stop_id") or None)

    counts = {name: int(row[name]) for name in COUNTS if row.get(name)}
    if any(count < 0 for count in counts.values()):
        raise ValueError("a count below nothing")
    party = Party(**counts)
    if party.persons < 1 or party.wheelchairs > party.adults:
        raise ValueError(f"{party.persons} persons, {party.wheelchairs} of {party.adults} adults in a wheelchair")
    ready = instant("ready_at")
    asked = instant("asked_at") if row.get("asked_at") else ready
    return Request(row.get("id") or f"line{line}", asked, ready, spot("from"), spot("to"), party)


# ── what is told ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _print(done: Day, day: date, services: list[str]) -> None:
    one = done.figures
    print(f"{day}: {', '.join(services)}")
    refused = ", ".join(f"{count} {why}" for why, count in one.refused.items())
    served = f"{one.served} of {one.requests} requests ({one.service_rate:.1%}), {one.persons} persons"
    waiting = f"{one.wait_mean / 60:.1f} min on average, 95 % within {one.wait_p95 / 60:.1f} min"
    detour = f"{one.detour_mean:.2f} times the drive alone, 95 % within {one.detour_p95:.2f}"
    driven = f"{one.kilometres:,.0f} km, {one.empty_share:.0%} of them empty"
    hours = f"{one.vehicle_hours:,.1f} h out of {one.shift_hours:,.1f} h on duty"
    rows = {
        "served": served,
        "refused": refused or "none",
        "waiting": waiting,
        "aboard": f"{one.ride_mean / 60:.1f} min on average, {detour}",
        "driven": f"{driven}, {one.persons_per_kilometre:.2f} persons aboard",
        "vehicles": f"{one.vehicles_used}, on the road {hours}",
        "grouping": f"{one.persons_per_vehicle_hour:.2f} persons per vehicle-hour",
        "rearranged": f"{one.improvements} times, saving {one.saved:.1%} of the cost",
    }
    for name, told in rows.items():
        print(f"  {name:<11} {told}")


def _draw(file: Path, done: Day, day: date, zone: str) -> None:
    from mobigo.ondemand.day_picture import draw_day

    drawn = draw_day(done, f"On-demand transport, {day}", zone)
    if file.suffix == ".html":
        style = "<style>body{margin:0}svg{width:100%;height:auto}</style>"
        drawn = f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{day}</title>{style}\n{drawn}</html>\n'
    _write(file, drawn)


def _write_list(file: Path, done: Day, zone: ZoneInfo) -> None:
    import io

    from mobigo.ondemand.model import EventKind

    planned = {
        (event.leg, event.kind): (run.vehicle, event.arrival) for run in done.runs for event in run.events if event.leg
    }

    def told(instant: int) -> str:
        return datetime.fromtimestamp(instant, zone).isoformat()

    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["id", "asked_at", "ready_at", "fate", "service_id", "vehicle", "promised_by", "pickup", "drop_off"])
    for one in done.outcomes:
        known = [one.request.id, told(one.request.asked), told(one.request.ready)]
        if one.offer is None:
            rows.writerow([*known, one.why, "", "", "", "", ""])
            continue
        vehicle, pickup = planned[one.request.id, EventKind.PICKUP]
        _, drop_off = planned[one.request.id, EventKind.DROP_OFF]
        promised = told(one.offer.pickup[1])
        rows.writerow([*known, "served", one.offer.service, vehicle, promised, told(pickup), told(drop_off)])
    _write(file, out.getvalue())


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{file} cannot be written: {error.strerror}; name a file in a folder that exists") from None
