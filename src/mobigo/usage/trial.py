"""A draft tried on recorded demand: the same questions asked of today's network and of the draft, and what comes of it.

Every figure is an estimate with an error at 95 %: of the sample, not of the demand, the planner or the future.
People who did not travel because nothing went are in recorded demand (they searched); those who never searched are not.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass
from enum import StrEnum
from math import sqrt
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from mobigo.journeys.emissions import emit_street
from mobigo.journeys.model import Mode
from mobigo.kit.geo import haversine
from mobigo.usage.trial_plan import DETOUR, Kind, Terms, Way
from mobigo.usage.trial_supply import Line, Ran, measure_rides, total

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date

    from mobigo.usage.economy import Rates
    from mobigo.usage.trial_sample import Question, Sample, Stratum

SURE = 1.96
"""Standard errors within which the truth lies 95 times in 100."""

RULE_OF_THREE = 3.0
"""What was never seen in n questions is at most 3 in n, 95 times in 100 (Hanley, Lippman-Hand 1983)."""

FEWEST = 5
"""People below which a relation between two communes is not told: it could be one person's way to work."""

FEWEST_ASKED = 3
"""Questions below which it is not told either: it would be chance."""

MOST_RELATIONS = 200
"""Relations that are told, at most: those with the most minutes."""

MINUTE = 60


class Verdict(StrEnum):
    """What a draft does for somebody."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "same"
    NEW = "new"
    """Nothing goes today within two hours, and the draft has something."""
    LOST = "lost"
    """Something goes today, and nothing with the draft."""
    NONE = "none"
    """Nothing goes, with or without it."""


class Pair(NamedTuple):
    """A question's two answers."""

    question: Question
    today: Way
    draft: Way


class Estimate(NamedTuple):
    """A figure of the whole demand, worked out of a sample."""

    value: float
    error: float
    """Half the width of its interval at 95 %."""


@dataclass(frozen=True)
class Networks:
    """What a trial knows of both networks besides the ways."""

    today: Mapping[str, Ran]
    """What lines take, by id."""
    draft: Mapping[str, Ran]
    lines: Mapping[str, Line]
    """Lines and services of both."""
    day: date
    """By whose rates rides on demand cost."""
    rates: Rates


class Places(NamedTuple):
    """Communes of the squares."""

    communes: Mapping[int, str]
    """Id by square; squares in none are left out."""
    names: Mapping[str, str]
    """By id."""


def judge(pair: Pair, terms: Terms) -> tuple[Verdict, float]:
    """Say what a draft does for somebody, and the weighed seconds that it saves; 0 where there are not two ways."""
    today, draft = pair.today, pair.draft
    if today.kind is Kind.NONE or draft.kind is Kind.NONE:
        if today.kind is draft.kind:
            return Verdict.NONE, 0.0
        return (Verdict.NEW if today.kind is Kind.NONE else Verdict.LOST), 0.0
    saved = today.weighed - draft.weighed
    if abs(saved) < terms.same:
        return Verdict.SAME, saved
    return (Verdict.BETTER if saved > 0 else Verdict.WORSE), saved


def tell(
    sample: Sample,
    pairs: Sequence[Pair],
    networks: Networks,
    places: Places,
    terms: Terms,
) -> dict[str, Any]:
    """Work out what a draft does.

    Parameters
    ----------
    sample : Sample
    pairs : sequence of Pair
        Of the first questions of the sample, in their order; all of them unless it was ended early.
    places : Places
        Where the squares lie.
    terms : Terms
        As the ways were chosen.

    Returns
    -------
    dict
        JSON: what a trial keeps.
    """
    strata = _resize(sample, pairs)
    judged = [judge(pair, terms) for pair in pairs]
    weights = [strata[pair.question.stratum].weight for pair in pairs]

    def estimate(value: Callable[[int], float], *, bounded: bool = False) -> dict[str, float]:
        return _estimate([value(at) for at in range(len(pairs))], pairs, strata, bounded=bounded)._asdict()

    def is_(verdict: Verdict) -> Callable[[int], float]:
        return lambda at: float(judged[at][0] is verdict)

    far = [one[0] for one, pair in zip(judged, pairs, strict=True) if pair.question.stratum]
    served = [at for at, pair in enumerate(pairs) if Kind.NONE not in {pair.today.kind, pair.draft.kind}]
    both = set(served)
    return {
        "people": sum(one.people for one in strata),
        "questions": len(pairs),
        "asked": len(sample.questions),
        "whole": all(one.whole for one in strata) and len(pairs) == len(sample.questions),
        "left_out": sample.left_out,
        "incomplete": sum(not (pair.today.complete and pair.draft.complete) for pair in pairs),
        "days": {day.isoformat(): stands for day, stands in sample.days.items()},
        "terms": asdict(terms),
        "strata": [{"people": one.people, "questions": one.questions, "whole": one.whole} for one in strata],
        "verdicts": {verdict.value: estimate(is_(verdict), bounded=True) for verdict in Verdict},
        "unseen": _tell_unseen(strata[1], far),
        "minutes": {
            "weighed": estimate(lambda at: judged[at][1] / MINUTE),
            "duration": estimate(lambda at: _less(pairs[at], "duration", at in both)),
            "wait": estimate(lambda at: _less(pairs[at], "wait", at in both)),
            "changes": estimate(
                lambda at: float(pairs[at].today.changes - pairs[at].draft.changes) if at in both else 0.0
            ),
        },
        "co2": {
            "grams": estimate(lambda at: float(_grams(pairs[at].draft, pairs[at]) - _grams(pairs[at].today, pairs[at])))
        },
        "communes": _tell_communes(pairs, judged, weights, places),
        "relations": _tell_relations(pairs, judged, weights, places),
        "lines": _tell_lines(pairs, judged, weights, networks.lines),
        "supply": _tell_supply(networks, pairs, weights, estimate),
    }


def _resize(sample: Sample, pairs: Sequence[Pair]) -> tuple[Stratum, Stratum]:
    """Return the strata as far as they were planned."""
    near, far = (
        type(one)(
            one.people,
            done := sum(pair.question.stratum == number for pair in pairs),
            one.whole and done == one.questions,
        )
        for number, one in enumerate(sample.strata)
    )
    return near, far


def _estimate(values: Sequence[float], pairs: Sequence[Pair], strata: Sequence[Stratum], *, bounded: bool) -> Estimate:
    """Estimate a sum over all people from a stratified sample.

    The error is that of a sample drawn with putting back, which is no smaller than that of the one drawn; where all
    demand was asked for there is none. What was not seen once near the change (`bounded`) may still be; for elsewhere
    `_tell_unseen` says so.
    """
    value = variance = beyond = 0.0
    for number, stratum in enumerate(strata):
        mine = [one for one, pair in zip(values, pairs, strict=True) if pair.question.stratum == number]
        if not mine:
            continue
        mean = sum(mine) / len(mine)
        value += stratum.people * mean
        if stratum.whole:
            continue
        if len(mine) > 1:
            spread = sum((one - mean) ** 2 for one in mine) / (len(mine) - 1)
            variance += stratum.people**2 * spread / len(mine)
        if bounded and mean in {0.0, 1.0} and number == 0:
            beyond += stratum.people * min(1.0, RULE_OF_THREE / len(mine))
    return Estimate(value, SURE * sqrt(variance) + beyond)


def _tell_unseen(stratum: Stratum, verdicts: Sequence[Verdict]) -> dict[str, Any] | None:
    """Say how many far from the change may be affected though nobody asked there is; None where somebody is."""
    if stratum.whole or not verdicts or set(verdicts) - {Verdict.SAME, Verdict.NONE}:
        return None
    most = stratum.people * min(1.0, RULE_OF_THREE / len(verdicts))
    return {"people": stratum.people, "questions": len(verdicts), "most": most}


def _less(pair: Pair, what: str, counts: bool) -> float:  # noqa: FBT001 - whether there are two ways
    return float(getattr(pair.today, what) - getattr(pair.draft, what)) / MINUTE if counts else 0.0


def _grams(way: Way, pair: Pair) -> int:
    """Return what somebody emits; where nothing goes they drive."""
    if way.kind is not Kind.NONE:
        return way.grams
    metres = DETOUR * haversine(pair.question.origin, pair.question.destination)
    return emit_street(Mode.CAR, metres) or 0


# ── by place and line ─────────────────────────────────────────────────────────────────────────────────────────────────


def _tell_communes(
    pairs: Sequence[Pair],
    judged: Sequence[tuple[Verdict, float]],
    weights: Sequence[float],
    places: Places,
) -> list[dict[str, Any]]:
    """Say by commune from which people start what becomes of them, the most minutes first."""
    found: dict[str, dict[str, Any]] = {}
    for pair, (verdict, saved), weight in zip(pairs, judged, weights, strict=True):
        id_ = places.communes.get(pair.question.cells[0], "")
        one = found.setdefault(
            id_,
            {"id": id_, "name": places.names.get(id_, ""), "questions": 0, "people": 0.0, "minutes": 0.0}
            | dict.fromkeys(Verdict, 0.0),
        )
        one["questions"] += 1
        one["people"] += weight
        one[verdict] += weight
        one["minutes"] += weight * saved / MINUTE
    return sorted(
        (
            {key.value if isinstance(key, Verdict) else key: value for key, value in one.items()}
            for one in found.values()
        ),
        key=lambda one: (-abs(one["minutes"]), one["id"]),
    )


def _tell_relations(
    pairs: Sequence[Pair],
    judged: Sequence[tuple[Verdict, float]],
    weights: Sequence[float],
    places: Places,
) -> list[dict[str, Any]]:
    """Say from where to where it is better, worse, new or lost, for how many; the most first."""
    people: dict[tuple[str, str, Verdict], float] = defaultdict(float)
    minutes: dict[tuple[str, str, Verdict], float] = defaultdict(float)
    hours: dict[tuple[str, str, Verdict], list[int]] = defaultdict(list)
    for pair, (verdict, saved), weight in zip(pairs, judged, weights, strict=True):
        ends = tuple(places.communes.get(cell) for cell in pair.question.cells)
        if verdict in {Verdict.SAME, Verdict.NONE} or ends[0] is None or ends[1] is None:
            continue
        key = ends[0], ends[1], verdict
        people[key] += weight
        minutes[key] += weight * saved / MINUTE
        hours[key].append(pair.question.at.hour)
    found: list[dict[str, Any]] = [
        {
            "origin": key[0],
            "origin_name": places.names.get(key[0], ""),
            "destination": key[1],
            "destination_name": places.names.get(key[1], ""),
            "verdict": key[2].value,
            "people": value,
            "minutes": minutes[key],
            "hours": sorted(set(hours[key])),
        }
        for key, value in people.items()
        if value >= FEWEST and len(hours[key]) >= FEWEST_ASKED
    ]
    found.sort(key=lambda one: (-one["people"], one["origin"], one["destination"], one["verdict"]))
    return found[:MOST_RELATIONS]


def _tell_lines(
    pairs: Sequence[Pair],
    judged: Sequence[tuple[Verdict, float]],
    weights: Sequence[float],
    lines: Mapping[str, Line],
) -> list[dict[str, Any]]:
    """Say of each line and service how many ride it today and with the draft, and what those gain who then ride it."""
    found: dict[str, dict[str, Any]] = {}
    for pair, (_, saved), weight in zip(pairs, judged, weights, strict=True):
        for side, way in (("today", pair.today), ("draft", pair.draft)):
            metres: dict[str, int] = defaultdict(int)
            for ride in way.rides:
                metres[ride.line] += ride.metres
            for line, length in metres.items():
                one: dict[str, Any] = found.setdefault(
                    line,
                    {
                        "line": line,
                        "name": lines[line].name if line in lines else line,
                        "people_today": 0.0,
                        "people_draft": 0.0,
                        "kilometres_today": 0.0,
                        "kilometres_draft": 0.0,
                        "minutes": 0.0,
                    },
                )
                one[f"people_{side}"] += weight
                one[f"kilometres_{side}"] += weight * length / 1000
                one["minutes"] += weight * saved / MINUTE if side == "draft" else 0.0
    return sorted(found.values(), key=lambda one: (-abs(one["people_draft"] - one["people_today"]), one["line"]))


def _tell_supply(
    networks: Networks, pairs: Sequence[Pair], weights: Sequence[float], estimate: Callable[..., dict[str, float]]
) -> dict[str, Any]:
    """Say what both networks take: lines and services where they differ, the timetable and rides on demand in sum."""
    booked = [
        measure_rides(_add_rides(pairs, weights, side), networks.day, networks.rates) for side in ("today", "draft")
    ]
    today, draft = {**networks.today, **booked[0]}, {**networks.draft, **booked[1]}
    nothing = Ran()
    lines: list[dict[str, Any]] = [
        {
            "line": id_,
            "name": networks.lines[id_].name if id_ in networks.lines else id_,
            "service": networks.lines[id_].service.value if id_ in networks.lines else "",
            "today": asdict(today.get(id_, nothing)),
            "draft": asdict(draft.get(id_, nothing)),
        }
        for id_ in sorted({*today, *draft})
        if today.get(id_, nothing) != draft.get(id_, nothing)
    ]
    return {
        "lines": lines,
        "timetable": _two_sums(networks.today, networks.draft),
        "ondemand": _two_sums(*booked)
        | {"rides": estimate(lambda at: float(_count_rides(pairs[at].draft) - _count_rides(pairs[at].today)))},
        "unknown_costs": sum(one["today"]["cents"] is None or one["draft"]["cents"] is None for one in lines),
    }


def _two_sums(today: Mapping[str, Ran], draft: Mapping[str, Ran]) -> dict[str, Any]:
    return {"today": asdict(total(today)), "draft": asdict(total(draft))}


def _count_rides(way: Way) -> int:
    return sum(ride.ondemand for ride in way.rides)


def _add_rides(
    pairs: Sequence[Pair], weights: Sequence[float], side: Literal["today", "draft"]
) -> dict[str, tuple[float, float, float]]:
    """Add up rides on demand: by service their number, metres and seconds."""
    rides: dict[str, tuple[float, float, float]] = {}
    for pair, weight in zip(pairs, weights, strict=True):
        for ride in (pair.today if side == "today" else pair.draft).rides:
            if ride.ondemand:
                number, metres, seconds = rides.get(ride.line, (0.0, 0.0, 0.0))
                rides[ride.line] = number + weight, metres + weight * ride.metres, seconds + weight * ride.seconds
    return rides
