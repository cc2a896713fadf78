"""Which messages to travellers concern a ride or a place."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mobigo.transit.timetable import service_date

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from mobigo.transit.live import Alert, Target
    from mobigo.transit.timetable import Timetable

ANY_DIRECTION = -1


class Concern(NamedTuple):
    """A ride, or a place: what a message may be about; empty strings name nothing."""

    stops: frozenset[str]
    """Ids of stops, and of the stations they are part of."""
    trip: str = ""
    day: date | None = None
    route: str = ""
    direction: int = ANY_DIRECTION
    agency: str = ""
    route_type: int = -1


def concern_of_place(timetable: Timetable, stops: Iterable[int]) -> Concern:
    """Return what concerns somebody at some stops, whatever they ride."""
    return Concern(frozenset(_with_stations(timetable, stops)))


def concern_of_ride(timetable: Timetable, trip: int, day: int, stops: Iterable[int]) -> Concern:
    """Return what concerns somebody who boards or leaves a trip of a day (days since 1970) at some stops."""
    route = int(timetable.trip_route[trip])
    agency = int(timetable.route_agency[route]) if route >= 0 else -1
    return Concern(
        frozenset(_with_stations(timetable, stops)),
        timetable.trip_ids.at(trip),
        service_date(day),
        timetable.route_ids.at(route) if route >= 0 else "",
        int(timetable.trip_direction[trip]),
        timetable.agency_ids.at(agency) if agency >= 0 else "",
        int(timetable.route_type[route]) if route >= 0 else -1,
    )


def _with_stations(timetable: Timetable, stops: Iterable[int]) -> Iterator[str]:
    for stop in stops:
        at = stop
        while at >= 0:
            yield timetable.stop_ids.at(at)
            at = int(timetable.stop_parent[at])


class AlertIndex:
    """Messages, by what they are about."""

    def __init__(self, alerts: Iterable[Alert]) -> None:
        self._about: dict[str, list[tuple[Target, Alert]]] = {}
        for alert in alerts:
            for target in alert.targets:
                self._about.setdefault(_handle(target), []).append((target, alert))

    def find(self, concern: Concern, start: float, end: float) -> list[str]:
        """List the ids of the messages about something that apply at any time from `start` to `end`."""
        if not self._about:
            return []
        handles = [f"trip {concern.trip}", f"route {concern.route}", *(f"stop {stop}" for stop in concern.stops), ""]
        found = {
            alert.id: None
            for handle in handles
            for target, alert in self._about.get(handle, ())
            if _is_about(target, concern) and applies(alert, start, end)
        }
        return sorted(found)


def applies(alert: Alert, start: float, end: float) -> bool:
    """Tell whether a message applies at any time between two instants (seconds since 1970 UTC)."""
    return not alert.periods or any(
        (since is None or since <= end) and (until is None or start <= until) for since, until in alert.periods
    )


def _handle(target: Target) -> str:
    """Name the most telling thing a target names."""
    if target.trip_id is not None:
        return f"trip {target.trip_id}"
    if target.stop_id is not None:
        return f"stop {target.stop_id}"
    return f"route {target.route_id}" if target.route_id is not None else ""


def _is_about(target: Target, concern: Concern) -> bool:
    """Tell whether all that a target names is that of a ride or place; one that names nothing is about nothing."""
    named = [
        (target.trip_id, concern.trip),
        (target.route_id, concern.route),
        (target.agency_id, concern.agency),
        (target.route_type, concern.route_type),
        (target.direction, concern.direction),
        (target.start_date, concern.day),
    ]
    if target.stop_id is None and all(wanted is None for wanted, _ in named):
        return False
    if target.stop_id is not None and target.stop_id not in concern.stops:
        return False
    return all(wanted is None or wanted == own for wanted, own in named)
