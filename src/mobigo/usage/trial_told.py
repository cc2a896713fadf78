"""What a trial found, in sentences of both languages, and as rows for tables, sheets and maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mobigo.usage.sentences import Said, say, write_number
from mobigo.usage.trial import FEWEST, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HOUR = 3600
KILOMETRE = 1000
EURO = 100
DAYS_OF_WEEK = 7
MOST_NAMED = 5
"""Relations that sentences name."""


def say_trial(result: Mapping[str, Any]) -> list[Said]:
    """Say what a draft does, the most important first."""
    verdicts, people = result["verdicts"], result["people"]
    told = [
        say(f"trial.{verdict}", people=_about(verdicts[verdict]), share=_share(verdicts[verdict]["value"], people))
        for verdict in (Verdict.BETTER, Verdict.WORSE, Verdict.NEW, Verdict.LOST)
        if round(verdicts[verdict]["value"]) > 0
    ]
    if not told:
        told = [say("trial.nothing", people=people)]
    minutes = result["minutes"]["weighed"]
    if round(abs(minutes["value"])) > 0:
        key = "trial.saved" if minutes["value"] > 0 else "trial.wasted"
        told.append(say(key, hours=_about(minutes, 1 / 60, 0)))
    told += [*_say_supply(result), *_say_relations(result), *_say_co2(result)]
    return [*told, *_say_sample(result)]


def _about(estimate: Mapping[str, float], times: float = 1.0, digits: int = 0) -> Said:
    """Write an estimate without its sign, with its error where it has one."""
    value, error = abs(estimate["value"]) * times, estimate["error"] * times
    return Said(
        *(
            write_number(value, language, digits)
            + (f" (± {write_number(error, language, digits)})" if round(error, digits) > 0 else "")
            for language in ("en", "fr")
        )
    )


def _number(value: float, digits: int = 0) -> Said:
    return Said(write_number(value, "en", digits), write_number(value, "fr", digits))


def _share(value: float, of: float) -> Said:
    return _number(100 * value / of if of else 0.0, 1)


def _days(result: Mapping[str, Any]) -> int:
    return sum(result["days"].values())


def _say_supply(result: Mapping[str, Any]) -> list[Said]:
    """Say what the draft takes more or less in a week."""
    supply = result["supply"]
    weeks = _days(result) / DAYS_OF_WEEK
    if not supply["lines"] or not weeks:
        return [say("trial.same_supply")]
    driven, booked = _more(supply["timetable"], weeks), _more(supply["ondemand"], weeks)
    told = []
    if round(driven["metres"]) or round(driven["seconds"]):
        told.append(
            say(
                f"trial.kilometres_{'more' if driven['metres'] >= 0 else 'less'}",
                kilometres=_number(abs(driven["metres"]) / KILOMETRE),
                hours=_number(abs(driven["seconds"]) / HOUR, 1),
            )
        )
    rides = supply["ondemand"]["rides"]
    if round(rides["value"]):
        told.append(
            say(
                f"trial.rides_{'more' if rides['value'] > 0 else 'less'}",
                rides=_about(rides, 1 / weeks),
                kilometres=_number(abs(booked["metres"]) / KILOMETRE),
                hours=_number(abs(booked["seconds"]) / HOUR, 1),
            )
        )
    cents = driven["cents"] + booked["cents"]
    if round(cents / EURO):
        told.append(say(f"trial.costs_{'more' if cents > 0 else 'less'}", euros=_number(abs(cents) / EURO)))
    if supply["unknown_costs"]:
        told.append(say("trial.unknown_costs", lines=supply["unknown_costs"]))
    saved = result["minutes"]["weighed"]["value"] / 60 / weeks
    gained = (result["verdicts"]["new"]["value"] - result["verdicts"]["lost"]["value"]) / weeks
    if cents > 0 and saved > 0:
        told.append(say("trial.euros_per_hour", euros=_number(cents / EURO / saved, 2)))
    if cents > 0 and gained > 0:
        told.append(say("trial.euros_per_person", euros=_number(cents / EURO / gained, 2)))
    return told


def _more(sums: Mapping[str, Any], weeks: float = 1.0) -> dict[str, float]:
    return {name: (sums["draft"][name] - sums["today"][name]) / weeks for name in ("metres", "seconds", "cents")}


def _say_relations(result: Mapping[str, Any]) -> list[Said]:
    return [
        say(
            f"trial.relation_{one['verdict']}",
            origin=one["origin_name"],
            destination=one["destination_name"],
            people=_number(one["people"]),
            minutes=_number(abs(one["minutes"]) / one["people"]),
            first=f"{one['hours'][0]:02d}:00",
            last=f"{one['hours'][-1] + 1:02d}:00",
        )
        for one in result["relations"][:MOST_NAMED]
    ]


def _say_co2(result: Mapping[str, Any]) -> list[Said]:
    grams = result["co2"]["grams"]
    if round(abs(grams["value"]) / KILOMETRE) == 0:
        return []
    return [say(f"trial.co2_{'more' if grams['value'] > 0 else 'less'}", kilograms=_about(grams, 1 / 1000))]


def _say_sample(result: Mapping[str, Any]) -> list[Said]:
    """Say how sure all of it is."""
    told = [
        say(
            "trial.whole" if result["whole"] else "trial.sampled",
            people=result["people"],
            questions=result["questions"],
            days=_days(result),
        )
    ]
    if result["questions"] < result["asked"]:
        told.append(say("trial.ended_early", questions=result["questions"], asked=result["asked"]))
    if result["unseen"] is not None:
        unseen = result["unseen"]
        told.append(
            say(
                "trial.unseen",
                people=unseen["people"],
                questions=unseen["questions"],
                most=_number(unseen["most"]),
            )
        )
    if result["left_out"]:
        told.append(say("trial.left_out", people=result["left_out"]))
    if result["incomplete"]:
        told.append(say("trial.incomplete", questions=result["incomplete"]))
    return told


# ── side by side ──────────────────────────────────────────────────────────────────────────────────────────────────────


def list_figures(result: Mapping[str, Any]) -> dict[str, float]:
    """List the figures by which trials are set side by side: of the days of demand, the cost in cents."""
    supply = result["supply"]
    driven, booked = _more(supply["timetable"]), _more(supply["ondemand"])
    return {
        "people": result["people"],
        **{verdict.value: result["verdicts"][verdict]["value"] for verdict in Verdict},
        "minutes": result["minutes"]["weighed"]["value"],
        "kilometres": driven["metres"] / KILOMETRE,
        "hours": driven["seconds"] / HOUR,
        "rides": supply["ondemand"]["rides"]["value"],
        "cents": driven["cents"] + booked["cents"],
        "co2_kg": result["co2"]["grams"]["value"] / 1000,
    }


def list_errors(result: Mapping[str, Any]) -> dict[str, float]:
    """List the errors at 95 % of those figures that are estimates."""
    return {
        **{verdict.value: result["verdicts"][verdict]["error"] for verdict in Verdict},
        "minutes": result["minutes"]["weighed"]["error"],
        "rides": result["supply"]["ondemand"]["rides"]["error"],
        "co2_kg": result["co2"]["grams"]["error"] / 1000,
    }


# ── maps ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def draw_communes(result: Mapping[str, Any], places: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Draw where it is better and worse, as GeoJSON; communes of few people are drawn without figures.

    Parameters
    ----------
    places : mapping
        By commune its GeoJSON geometry.
    """
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "id": one["id"],
                "geometry": places[one["id"]],
                "properties": hide_few(one),
            }
            for one in result["communes"]
            if one["id"] in places
        ],
    }


def hide_few(one: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is said of a commune: of few people nothing but that they are few."""
    if one["people"] < FEWEST:
        return {"id": one["id"], "name": one["name"], "few": True}
    kept = ("id", "name", "questions", "people", "minutes", *Verdict)
    return {str(name): one[name] for name in kept} | {"few": False, "per_person": one["minutes"] / one["people"]}


def list_communes_told(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List the communes with what is said of them; those of few people last, without figures."""
    told = [hide_few(one) for one in result["communes"]]
    return [*(one for one in told if not one["few"]), *(one for one in told if one["few"])]


def list_rows(result: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """List the lines with what changes on them, riders and running together."""
    ridden = {one["line"]: one for one in result["lines"]}
    run = {one["line"]: one for one in result["supply"]["lines"]}
    return [
        {
            "line": line,
            "name": (ridden.get(line) or run[line])["name"],
            **{
                name: ridden[line][name] if line in ridden else 0.0
                for name in ("people_today", "people_draft", "kilometres_today", "kilometres_draft", "minutes")
            },
            **{
                f"{name}_{side}": run[line][side][name] if line in run else None
                for side in ("today", "draft")
                for name in ("runs", "metres", "seconds", "cents")
            },
        }
        for line in sorted({*ridden, *run}, key=lambda line: (line not in run, line))
    ]
