"""The vehicles of the demonstration's on-demand services: written once, then the staff's to change."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg

from mobigo.db.engine import libpq_conninfo
from mobigo.kit.geo import Point
from mobigo.ondemand import fleet_store
from mobigo.ondemand.model import Capacity, Operator, Shift, Vehicle

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

WRITTEN_BY = "demonstration"


def has_fleet(url: str, file: Path) -> bool:
    """Tell whether the operator of the demonstration is known."""
    wanted = json.loads(file.read_text("utf-8"))["operator"]["id"]
    with psycopg.connect(libpq_conninfo(url), autocommit=True) as connection:
        return any(one.id == wanted for one in fleet_store.list_operators(connection))


def write_fleet(url: str, file: Path, source: str, now: datetime) -> None:
    """Write operator and vehicles of a file, for the services of a feed.

    Parameters
    ----------
    file : Path
        As `gtfs/demonstration_fleet.json`: shifts are from, until and breaks (from, until, minutes within).
    source : str
        Of the feed that has the services.
    """
    found = json.loads(file.read_text("utf-8"))
    operator = Operator(**found["operator"])
    services = tuple(f"{source}:{route}" for route in found["services"])
    with psycopg.connect(libpq_conninfo(url)) as connection:
        fleet_store.write_operator(connection, operator, by=WRITTEN_BY, now=now)
        for one in found["vehicles"]:
            fleet_store.write_vehicle(connection, _read_vehicle(one, operator.id, services), by=WRITTEN_BY, now=now)


def _read_vehicle(one: dict[str, Any], operator: str, services: tuple[str, ...]) -> Vehicle:
    shifts = tuple(
        Shift(
            tuple(one["weekdays"]),
            _seconds(start),
            _seconds(end),
            tuple((_seconds(opens), _seconds(closes), 60 * minutes) for opens, closes, minutes in breaks),
        )
        for start, end, breaks in one["shifts"]
    )
    room = Capacity(tuple(one["room"]), one["seats_per_wheelchair"])
    return Vehicle(one["id"], operator, one["name"], room, Point(*one["depot"]), services, shifts)


def _seconds(clock: str) -> int:
    hours, minutes = clock.split(":")
    return 3600 * int(hours) + 60 * int(minutes)
