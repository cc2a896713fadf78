"""Vehicles over a day, as a plan's document tells them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Out(NamedTuple):
    """A vehicle of a session."""

    start: int
    """Seconds after midnight."""
    end: int
    kind: int


def list_out(session: Mapping[str, Any]) -> dict[int, Out]:
    """List when the vehicles of a told session are out."""
    times: dict[int, list[int]] = defaultdict(list)
    kinds: dict[int, int] = {}
    for run in session["runs"]:
        times[run["vehicle"]] += [run["at"], run["bell"], *(call["at"] for call in run["calls"])]
        kinds[run["vehicle"]] = run["kind"]
    return {vehicle: Out(min(some), max(some), kinds[vehicle]) for vehicle, some in times.items()}


def count_drivers(sessions: Sequence[Mapping[str, Any]], most: int | None) -> dict[int, int]:
    """Count drivers by weekday: one for each vehicle, and one for each session of a vehicle whose day is too long."""
    drivers: dict[int, int] = {}
    for day in sorted({day for one in sessions for day in one["weekdays"]}):
        spans: dict[int, list[Out]] = defaultdict(list)
        for session in sessions:
            if day in session["weekdays"]:
                for vehicle, out in list_out(session).items():
                    spans[vehicle].append(out)
        drivers[day] = sum(
            len(some)
            if most is not None and max(one.end for one in some) - min(one.start for one in some) > most
            else 1
            for some in spans.values()
        )
    return drivers
