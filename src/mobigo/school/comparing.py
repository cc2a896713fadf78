"""Two plans side by side: figures, stops opened and closed, and a sentence for every pupil who is moved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LITTLE = 300
"""Seconds: a change of time by less is none."""


class Halt(NamedTuple):
    """Where and when a pupil gets on or off in a session."""

    session: str
    stop: str
    at: int
    aboard: int
    """Seconds."""


def list_halts(plan: Mapping[str, Any]) -> dict[tuple[str, str], Halt]:
    """List the halts of a plan by pupil's home (``key/home``) and session."""
    return {
        (pupil, session["name"]): Halt(session["name"], call["stop"], call["at"], abs(run["at"] - call["at"]))
        for session in plan["sessions"]
        for run in session["runs"]
        for call in run["calls"]
        for pupil in call["pupils"]
    }


def compare(before: Mapping[str, Any], after: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Compare two plans.

    Parameters
    ----------
    names
        Of stops, by id.

    Returns
    -------
    dict
        ``figures`` (by name: ``before, after, difference``), ``sessions`` (vehicles and bound of each), ``opened`` and
        ``closed`` (stops), ``moved`` (``pupil, session, kind, text``; the kinds are ``stop``, ``time``, ``ride``,
        ``new``, ``lost``).
    """
    moved = list(_list_moved(before, after, names))
    served = [{halt.stop for halt in list_halts(plan).values()} for plan in (before, after)]
    return {
        "figures": {
            name: {"before": before["figures"].get(name), "after": value, "difference": _less(value, before, name)}
            for name, value in after["figures"].items()
        },
        "sessions": _pair_sessions(before, after),
        "opened": sorted(served[1] - served[0]),
        "closed": sorted(served[0] - served[1]),
        "pupils_moved": len({one["pupil"] for one in moved}),
        "moved": moved,
    }


def _less(value: float | None, before: Mapping[str, Any], name: str) -> float | None:
    other = before["figures"].get(name)
    return None if value is None or other is None else round(value - other, 1)


def _pair_sessions(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    by_name = [{one["name"]: one for one in plan["sessions"]} for plan in (before, after)]
    return [
        {
            "name": name,
            **{
                word: {"vehicles": one["vehicles"], "bound": one["bound"], "runs": len(one["runs"])} if one else None
                for word, one in (("before", by_name[0].get(name)), ("after", by_name[1].get(name)))
            },
        }
        for name in sorted(by_name[0].keys() | by_name[1].keys())
    ]


def _list_moved(
    before: Mapping[str, Any], after: Mapping[str, Any], names: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    old, new = list_halts(before), list_halts(after)
    reasons = {(one["about"]): one["text"] for one in after["troubles"]}
    for key in sorted(old.keys() | new.keys()):
        pupil, session = key
        was, now = old.get(key), new.get(key)
        if was is None and now is not None:
            kind, text = "new", f"is brought from now on: stop {_name(now.stop, names)} at {_clock(now.at)}"
        elif now is None and was is not None:
            why = reasons.get(pupil.partition("/")[0]) or reasons.get(was.stop)
            kind = "lost"
            text = f"is not brought any more from stop {_name(was.stop, names)}: {why or 'nobody drives this session'}"
        elif was is not None and now is not None:
            found = _say_change(was, now, after, pupil, names)
            if found is None:
                continue
            kind, text = found
        yield {"pupil": pupil, "session": session, "kind": kind, "text": f"pupil {pupil}, {session}: {text}"}


def _say_change(
    was: Halt, now: Halt, after: Mapping[str, Any], pupil: str, names: Mapping[str, str]
) -> tuple[str, str] | None:
    if was.stop != now.stop:
        served = {halt.stop for halt in list_halts(after).values()}
        why = "both are served" if was.stop in served else "the former is not served any more"
        walk = after["walks"].get(pupil)
        on_foot = f", {walk} m on foot" if walk is not None else ""
        return "stop", (
            f"stop {_name(now.stop, names)} at {_clock(now.at)}{on_foot}, instead of {_name(was.stop, names)} at"
            f" {_clock(was.at)}: {why}"
        )
    if abs(now.at - was.at) >= LITTLE:
        later = "later" if now.at > was.at else "earlier"
        return "time", (
            f"stop {_name(now.stop, names)} at {_clock(now.at)} instead of {_clock(was.at)}: the vehicle comes"
            f" {abs(now.at - was.at) // 60} minutes {later}, its way or the bell has changed"
        )
    if abs(now.aboard - was.aboard) >= LITTLE:
        longer = "longer" if now.aboard > was.aboard else "shorter"
        return "ride", f"the ride is {abs(now.aboard - was.aboard) // 60} minutes {longer}: other halts are on the way"
    return None


def _name(stop: str, names: Mapping[str, str]) -> str:
    return f"{names[stop]} ({stop})" if stop in names else stop


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}"
