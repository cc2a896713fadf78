"""Two plans side by side: figures, stops opened and closed, and a sentence for every pupil who is moved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from mobigo.school.demand import MORNING
from mobigo.school.sentences import Said, say

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LITTLE = 300
"""Seconds: a change of time by less is none."""
NAMED = 3
"""Of the stops that a vehicle calls at in addition, those that are named."""


class Halt(NamedTuple):
    """Where and when a pupil gets on or off in a session."""

    session: str
    stop: str
    at: int
    aboard: int
    """Seconds."""
    bell: int
    between: tuple[str, ...]
    """Stops between here and the school."""


def list_halts(plan: Mapping[str, Any]) -> dict[tuple[str, str], Halt]:
    """List the halts of a plan by pupil's home (``key/home``) and session."""
    found: dict[tuple[str, str], Halt] = {}
    for session in plan["sessions"]:
        for run in [*session["runs"], *session.get("kept", ())]:
            way = [call["stop"] for call in run["calls"]]
            for number, call in enumerate(run["calls"]):
                between = way[number + 1 :] if session["way"] == MORNING else way[:number]
                halt = Halt(
                    session["name"], call["stop"], call["at"], abs(run["at"] - call["at"]), run["bell"], tuple(between)
                )
                found |= {(pupil, session["name"]): halt for pupil in call["pupils"]}
    return found


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
        ``closed`` (stops), ``moved`` (``pupil, session, kind, text, text_fr``; the kinds are ``stop``, ``time``,
        ``ride``, ``new``, ``lost``).
    """
    ends = [list_halts(plan) for plan in (before, after)]
    moved = list(_list_moved(ends[0], ends[1], after, names))
    served = [{halt.stop for halt in halts.values()} for halts in ends]
    return {
        "figures": {
            name: {"before": before["figures"].get(name), "after": value, "difference": _less(value, before, name)}
            for name, value in after["figures"].items()
        },
        "sessions": _pair_sessions(before, after),
        "opened": sorted(served[1] - served[0]),
        "closed": sorted(served[0] - served[1]),
        "pupils_moved": len({one["pupil"].partition("/")[0] for one in moved}),
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
    old: Mapping[tuple[str, str], Halt],
    new: Mapping[tuple[str, str], Halt],
    after: Mapping[str, Any],
    names: Mapping[str, str],
) -> Iterator[dict[str, Any]]:
    reasons = {one["about"]: Said(one["text"], one.get("text_fr") or one["text"]) for one in after["troubles"]}
    served = {halt.stop for halt in new.values()}
    for key in sorted(old.keys() | new.keys()):
        pupil, session = key
        was, now = old.get(key), new.get(key)
        way, _, days = session.partition(" ")
        values: dict[str, object] = {"pupil": pupil, "session": say(f"session_{way}", days=days)}
        if was is None and now is not None:
            kind, values = "new", values | {"stop": _name(now.stop, names), "at": _clock(now.at)}
        elif now is None and was is not None:
            why = reasons.get(pupil.partition("/")[0]) or reasons.get(_name(was.stop, names))
            kind = "lost"
            values |= {"stop": _name(was.stop, names), "why": why or say("why_nobody_drives")}
        elif was is not None and now is not None:
            found = _find_change(was, now, names)
            if found is None:
                continue
            kind, values = found[0], values | found[1]
            if kind == "stop":
                metres = after["walks"].get(pupil)
                values["walk"] = "" if metres is None else say("walk", metres=metres)
                values["why"] = say("why_both_served" if was.stop in served else "why_not_served")
        said = say(f"moved_{kind}", **values)
        yield {"pupil": pupil, "session": session, "kind": kind, "text": said.en, "text_fr": said.fr}


def _find_change(was: Halt, now: Halt, names: Mapping[str, str]) -> tuple[str, dict[str, object]] | None:
    """Tell what is otherwise for a pupil; None where little is."""
    times: dict[str, object] = {"at": _clock(now.at), "was": _clock(was.at)}
    if was.stop != now.stop:
        return "stop", {**times, "stop": _name(now.stop, names), "former": _name(was.stop, names)}
    if abs(now.at - was.at) >= LITTLE:
        later = say("later" if now.at > was.at else "earlier")
        # of the times as they are written: what families see is what they reckon with
        minutes, why = abs(now.at // 60 - was.at // 60), _find_reason(was, now, names)
        return "time", {**times, "stop": _name(now.stop, names), "minutes": minutes, "later": later, "why": why}
    if abs(now.aboard - was.aboard) >= LITTLE:
        longer = say("longer" if now.aboard > was.aboard else "shorter")
        return "ride", {
            "minutes": abs(now.aboard - was.aboard) // 60,
            "longer": longer,
            "why": _find_reason(was._replace(bell=now.bell), now, names),
        }
    return None


def _find_reason(was: Halt, now: Halt, names: Mapping[str, str]) -> Said:
    """Say why a vehicle comes at another time: the bell, what it calls at meanwhile, or its way."""
    if was.bell != now.bell:
        return say("why_bell", bell=_clock(now.bell), was=_clock(was.bell))
    more = len(now.between) - len(was.between)
    if more > 0:
        added = [_name(stop, names) for stop in now.between if stop not in was.between]
        listed = ", ".join(added[:NAMED]) + (" \u2026" if len(added) > NAMED else "")
        return say(_count("why_more_halts", more), n=more, stops=listed)
    return say(_count("why_fewer_halts", -more), n=-more) if more else say("why_other_way")


def _count(sentence: str, number: int) -> str:
    """Name a sentence, or what it is of one thing."""
    return sentence.removesuffix("s") if number == 1 else sentence


def _name(stop: str, names: Mapping[str, str]) -> str:
    return f"{names[stop]} ({stop})" if stop in names else stop


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}"
