"""Disturbances as the staff writes them: checked against the timetable, and told what they would do before they do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mobigo.kit.errors import InvalidInput, NotFound
from mobigo.transit.live import ACCESSIBILITY_ISSUE, Effect
from mobigo.transit.matching import Finder, find_target, read_names
from mobigo.transit.striking import find_hit
from mobigo.transit.timetable import service_date

if TYPE_CHECKING:
    from datetime import date, datetime

    from mobigo.transit.live import Disturbance, Target
    from mobigo.transit.matching import Run
    from mobigo.transit.timetable import Timetable

EXAMPLES = 10
"""Trips that are named of those a disturbance hits."""

LONGEST = 366 * 86_400
"""Seconds a stretch of a disturbance may last: what never ends belongs into the timetable."""


@dataclass(frozen=True)
class DayHit:
    """What a disturbance does on one service day."""

    day: date
    canceled: int
    """Departures that do not run."""
    changed: int
    """Departures that pass a closed stop."""
    lines: tuple[str, ...]
    """Ids of their lines."""


@dataclass(frozen=True)
class Preview:
    """What a disturbance does in the two weeks from its beginning, or from now."""

    days: tuple[DayHit, ...]
    trips: tuple[str, ...]
    """Ids of the first trips hit."""


def check_disturbance(timetable: Timetable, one: Disturbance) -> None:
    """Refuse a disturbance that is about nothing known, or whose targets do not say enough for what it does.

    Raises
    ------
    InvalidInput
        When a period does not end after it starts, or the targets are too wide.
    NotFound
        When the feed, or what a target names, is not in the timetable.
    """
    for start, end in one.alert.periods:
        if start is not None and end is not None and not 0 < end - start <= LONGEST:
            raise InvalidInput("a period must end after it starts, and within a year; correct its start or end")
    names = read_names(timetable)
    if one.source not in names.sources:
        raise NotFound(f"the network has no feed {one.source!r}; /v1/feeds lists them")
    for target in one.alert.targets:
        if find_target(timetable, names, one.source, target) is None:
            raise NotFound(f"{_say(target)} is not in the timetable of {one.source}; check its ids")
    targets = one.alert.targets
    if one.effect is Effect.STOP_CLOSED and not any(target.stop_id for target in targets):
        raise InvalidInput("nothing says which stop is closed or left out; name it in `targets` with `stop_id`")
    if one.alert.effect == ACCESSIBILITY_ISSUE and not any(target.stop_id for target in targets):
        raise InvalidInput(
            "nothing says where the lift is; name a stop, entrance or station in `targets` with `stop_id`"
        )
    if one.effect is Effect.CANCELED and not all(_is_narrow(target) for target in targets or (None,)):
        raise InvalidInput("say in each of `targets` what does not run: a line, a trip, an agency or a mode")


def _is_narrow(target: Target | None) -> bool:
    return target is not None and any(
        value is not None for value in (target.agency_id, target.route_id, target.trip_id, target.route_type)
    )


def _say(target: Target) -> str:
    told = [
        f"{what} {value}"
        for what, value in (
            ("agency", target.agency_id),
            ("line", target.route_id),
            ("trip", target.trip_id),
            ("stop", target.stop_id),
        )
        if value is not None
    ]
    return ", ".join(told)


def list_lost(timetable: Timetable, one: Disturbance) -> list[str]:
    """Name the targets of a disturbance that are not in the timetable."""
    names = read_names(timetable)
    return [_say(target) for target in one.alert.targets if find_target(timetable, names, one.source, target) is None]


def preview(timetable: Timetable, one: Disturbance, now: datetime) -> Preview:
    """Tell what a disturbance does from its beginning, or from now when that is past, for two weeks."""
    starts = [start for start, _ in one.alert.periods]
    at = int(now.timestamp())
    begin = at if not starts or None in starts else max(at, min(start for start in starts if start is not None))
    hit = find_hit(Finder(timetable, read_names(timetable), begin), one)
    runs = sorted({*hit.canceled, *hit.changed}, key=lambda run: (run.day, _starts(timetable, run)))
    canceled = set(hit.canceled)
    by_day: dict[int, list[Run]] = {}
    for run in runs:
        by_day.setdefault(run.day, []).append(run)
    return Preview(
        days=tuple(
            DayHit(
                day=service_date(day),
                canceled=sum(run in canceled for run in found),
                changed=sum(run not in canceled for run in found),
                lines=_lines(timetable, found),
            )
            for day, found in by_day.items()
        ),
        trips=tuple(dict.fromkeys(timetable.trip_ids.at(run.trip) for run in runs))[:EXAMPLES],
    )


def _starts(timetable: Timetable, run: Run) -> int:
    return int(timetable.call_departure[timetable.call_first[run.trip]]) + run.shift


def _lines(timetable: Timetable, runs: list[Run]) -> tuple[str, ...]:
    routes = np.unique(timetable.trip_route[[run.trip for run in runs]]).tolist()
    return tuple(timetable.route_ids.at(route) for route in routes if route >= 0)
