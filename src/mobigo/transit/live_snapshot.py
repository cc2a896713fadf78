"""What live data say at one moment, as a folder that every process maps: overlay, messages, vehicles, match reports.

All ids in it begin with their source, as those of the timetable do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from mobigo.kit.packed import map_packed, write_packed
from mobigo.transit.alerts import AlertIndex
from mobigo.transit.live import ACCESSIBILITY_ISSUE, Alert, MatchReport, Occupancy, Target, Vehicle
from mobigo.transit.overlay import Overlay
from mobigo.transit.timetable import STATION

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from mobigo.transit.timetable import Timetable

OVERLAY, ALERTS, VEHICLES, REPORT = "overlay", "alerts.json", "vehicles.json", "report.json"


@dataclass(frozen=True)
class LiveSnapshot:
    """What live data say at one moment."""

    folder: Path
    at: int
    """Seconds since 1970 UTC: the moment."""
    overlay: Overlay
    alerts: dict[str, Alert]
    """By id."""
    vehicles: tuple[Vehicle, ...]
    reports: tuple[MatchReport, ...]

    @cached_property
    def vehicle_of(self) -> dict[tuple[str, date | None], Vehicle]:
        """The vehicle on a trip of a day; under None where it does not say the day."""
        return {(one.trip_id, one.start_date): one for one in self.vehicles if one.trip_id is not None}

    @cached_property
    def messages(self) -> AlertIndex:
        """The alerts, by what they are about."""
        return AlertIndex(self.alerts.values())

    def find_vehicle(self, trip_id: str, day: date) -> Vehicle | None:
        """Return the vehicle that runs a trip, if one says so."""
        return self.vehicle_of.get((trip_id, day)) or self.vehicle_of.get((trip_id, None))


class _Below(NamedTuple):
    """The timetable below, under the name it has in an overlay."""

    timetable: Timetable


def write_snapshot(
    folder: Path,
    overlay: Overlay,
    alerts: Iterable[tuple[str, Alert]],
    vehicles: Iterable[tuple[str, Vehicle]],
    reports: Sequence[MatchReport],
    *,
    base: Timetable,
    at: int,
) -> None:
    """Write a snapshot into a new folder.

    Parameters
    ----------
    alerts, vehicles
        Each with the source whose ids it speaks.
    base : Timetable
        The timetable below; what the overlay shares with it is not written again.
    at : int
        Seconds since 1970 UTC: what moment it is of.
    """
    write_packed(folder / OVERLAY, overlay, _Below(base))
    named = [_name_alert(source, alert) for source, alert in alerts]
    (folder / ALERTS).write_bytes(orjson.dumps([_tell_around(base, alert) for alert in named]))
    (folder / VEHICLES).write_bytes(orjson.dumps([_name_vehicle(source, one) for source, one in vehicles]))
    (folder / REPORT).write_bytes(orjson.dumps({"at": at, "sources": reports}))


def map_snapshot(folder: Path, base: Timetable) -> LiveSnapshot:
    """Map a snapshot written by `write_snapshot` over the same timetable."""
    report = orjson.loads((folder / REPORT).read_bytes())
    alerts = [_read_alert(raw) for raw in orjson.loads((folder / ALERTS).read_bytes())]
    return LiveSnapshot(
        folder,
        report["at"],
        map_packed(folder / OVERLAY, Overlay, _Below(base)),
        {alert.id: alert for alert in alerts},
        tuple(_read_vehicle(raw) for raw in orjson.loads((folder / VEHICLES).read_bytes())),
        tuple(MatchReport(**{**raw, "unmatched": tuple(raw["unmatched"])}) for raw in report["sources"]),
    )


def _prefix(source: str, name: str | None) -> str | None:
    return name if name is None or not source else f"{source}:{name}"


def _name_alert(source: str, alert: Alert) -> Alert:
    targets = tuple(
        replace(
            one,
            agency_id=_prefix(source, one.agency_id),
            route_id=_prefix(source, one.route_id),
            trip_id=_prefix(source, one.trip_id),
            stop_id=_prefix(source, one.stop_id),
        )
        for one in alert.targets
    )
    return replace(alert, id=f"{source}:{alert.id}" if source else alert.id, targets=targets)


def _tell_around(timetable: Timetable, alert: Alert) -> Alert:
    """Let a message about a lift at an entrance, or another place inside a station, be about the station as well."""
    if alert.effect != ACCESSIBILITY_ISSUE:
        return alert
    stops = [timetable.stop_ids.find(one.stop_id) for one in alert.targets if one.stop_id is not None]
    parents = {int(timetable.stop_parent[stop]) for stop in stops if stop >= 0 and timetable.stop_type[stop] > STATION}
    around = [Target(stop_id=timetable.stop_ids.at(stop)) for stop in sorted(parents) if stop >= 0]
    return replace(alert, targets=tuple(dict.fromkeys([*alert.targets, *around])))


def _name_vehicle(source: str, vehicle: Vehicle) -> Vehicle:
    return replace(
        vehicle,
        vehicle_id=f"{source}:{vehicle.vehicle_id}" if source else vehicle.vehicle_id,
        trip_id=_prefix(source, vehicle.trip_id),
        route_id=_prefix(source, vehicle.route_id),
        stop_id=_prefix(source, vehicle.stop_id),
    )


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _read_alert(raw: dict[str, Any]) -> Alert:
    targets = tuple(Target(**{**one, "start_date": _day(one["start_date"])}) for one in raw["targets"])
    periods = tuple((start, end) for start, end in raw["periods"])
    return Alert(**{**raw, "targets": targets, "periods": periods})


def _read_vehicle(raw: dict[str, Any]) -> Vehicle:
    occupancy = None if raw["occupancy"] is None else Occupancy(raw["occupancy"])
    return Vehicle(**{**raw, "start_date": _day(raw["start_date"]), "occupancy": occupancy})
