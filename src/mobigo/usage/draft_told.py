"""Changes of a draft in words, in both languages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mobigo.usage.draft import (
    AddLine,
    AddStop,
    ChangeHours,
    Days,
    ExtendTrips,
    MoveTrips,
    OpenZone,
    RetimeTrip,
    RunOn,
)
from mobigo.usage.sentences import Said, say, write_number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mobigo.usage.draft import Change, Halt, Hours, Which

EVERY_DAY = 7


def say_change(change: Change, name: Callable[[str], str]) -> Said:
    """Say a change.

    Parameters
    ----------
    name : callable
        Names a line, a stop or a service by its id; the id where it has none.
    """
    values: dict[str, Any] = {
        part: name(getattr(change, part)) for part in ("stop", "service", "behind") if hasattr(change, part)
    }
    if hasattr(change, "which"):
        values["which"] = _say_which(change.which, name)
    values |= _say_more(change, name)
    key: str = change.kind
    if isinstance(change, MoveTrips):
        key = "move_later" if change.minutes >= 0 else "move_earlier"
    elif isinstance(change, ExtendTrips):
        key = f"extend_{change.end}"
    return say(f"change.{key}", **values)


def _say_more(change: Change, name: Callable[[str], str]) -> dict[str, Any]:
    """Say what is particular to a kind of change."""
    match change:
        case AddStop():
            return {"name": change.name}
        case AddLine():
            back = len(change.back.instants()) if change.back is not None else 0
            return {
                "name": change.name,
                "stops": _ways(change.stops, name),
                "there": len(change.there.instants()),
                "back": say("change.back", back=back) if back else "",
                "days": _say_days(change.days),
            }
        case MoveTrips():
            return {"minutes": Said(*(write_number(abs(change.minutes), one, _digits(change)) for one in ("en", "fr")))}
        case RetimeTrip():
            return {"trip": change.trip, "times": ", ".join(change.times)}
        case ExtendTrips():
            return {"stops": _ways(change.stops, name)}
        case _:
            return _say_hours_and_days(change)


def _say_hours_and_days(change: Change) -> dict[str, Any]:
    match change:
        case RunOn():
            return {"days": _say_days(change.days)}
        case OpenZone():
            return {
                "name": change.name,
                "hours": _say_hours(change.hours),
                "days": _say_days(change.days),
                "stops": say("change.zone_stops", n=len(change.stops)) if change.stops else "",
            }
        case ChangeHours():
            return {
                "hours": _say_hours([change.hours]) if change.hours is not None else "",
                "days": _say_days(change.days) if change.days is not None else "",
            }
        case _:
            return {}


def _digits(change: MoveTrips) -> int:
    return 0 if change.minutes == int(change.minutes) else 1


def _ways(halts: Sequence[Halt], name: Callable[[str], str]) -> str:
    return " \u2013 ".join(name(halt.stop) for halt in halts)


def _say_hours(hours: Sequence[Hours]) -> Said:
    return _join([say("change.span", first=one.first, last=one.last) for one in hours], ", ")


def _say_which(which: Which, name: Callable[[str], str]) -> Said:
    if which.trips is not None:
        told = [say("change.trips_named", n=len(which.trips), first=which.trips[0])]
    else:
        told = [say("change.trips_of", line=name(which.line or ""))]
    if which.direction is not None:
        told.append(say(f"change.direction_{which.direction}"))
    if which.first is not None:
        told.append(say("change.from_clock", first=which.first))
    if which.last is not None:
        told.append(say("change.to_clock", last=which.last))
    if which.days is not None:
        told += [Said(", ", ", "), _say_days(which.days)]
    return _join(told, "")


def _say_days(days: Days) -> Said:
    """Say on which days something runs."""
    if len(set(days.weekdays)) == EVERY_DAY:
        told = [say("change.every_day")]
    else:
        names = say("change.weekdays")
        chosen = Said(*(", ".join(text.split()[day - 1] for day in sorted(set(days.weekdays))) for text in names))
        told = [say("change.on_days", days=chosen)]
    if days.school != "any":
        told.append(say(f"change.school_{days.school}"))
    if days.first is not None:
        told.append(say("change.from_clock", first=days.first))
    if days.last is not None:
        told.append(say("change.to_clock", last=days.last))
    return _join(told, "")


def _join(told: Sequence[Said], between: str) -> Said:
    return Said(between.join(one.en for one in told), between.join(one.fr for one in told))
