"""A plan as a workbook: everything that it says, a table for each kind of thing; pupils by their keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mobigo.school.writing import write_book

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mobigo.school.cells import Cell


def write_plan_book(plan: Mapping[str, Any], names: Mapping[str, str]) -> bytes:
    """Write a plan.

    Parameters
    ----------
    names
        Of stops, by id.
    """
    return write_book(
        [
            ("Chiffres", ["Chiffre", "Valeur"], ([name, value] for name, value in plan["figures"].items())),
            (
                "Sessions",
                ["Session", "Jours", "Véhicules", "Minimum prouvé", "Circuits figés", "Courses"],
                (
                    [
                        one["name"], " ".join(map(str, one["weekdays"])), one["vehicles"], one["bound"], one["locked"],
                        len(one["runs"]),
                    ]
                    for one in plan["sessions"]
                ),
            ),
            (
                "Courses",
                ["Session", "Course", "Véhicule", "Établissement", "Trajet", "Sonnerie", "À l'établissement",
                 "km chargés", "km à vide", "Plus long trajet (min)", "Élèves"],
                _list_runs(plan),
            ),
            ("Passages", ["Course", "Ordre", "Heure", "Code arrêt", "Arrêt", "Élèves"], _list_calls(plan, names)),
            ("Affectations", ["Course", "Élève", "Domicile", "Code arrêt"], _list_seats(plan)),
            (
                "Problèmes",
                ["Nature", "Concerne", "Que faire"],
                ([one["kind"], one["about"], one["text"]] for one in plan["troubles"]),
            ),
        ]
    )  # fmt: skip


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}"


def _list_runs(plan: Mapping[str, Any]) -> Iterator[list[Cell]]:
    for session in plan["sessions"]:
        for run in session["runs"]:
            yield [
                session["name"], run["id"], run["vehicle"] + 1, run["school"], run["trip"], _clock(run["bell"]),
                _clock(run["at"]), round(run["metres"] / 1000, 1), round(run["empty"] / 1000, 1),
                round(run["longest_ride"] / 60), sum(len(call["pupils"]) for call in run["calls"]),
            ]  # fmt: skip


def _list_calls(plan: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[list[Cell]]:
    for session in plan["sessions"]:
        for run in session["runs"]:
            for number, call in enumerate(run["calls"], 1):
                stop = call["stop"]
                yield [run["id"], number, _clock(call["at"]), stop, names.get(stop, stop), len(call["pupils"])]


def _list_seats(plan: Mapping[str, Any]) -> Iterator[list[Cell]]:
    for session in plan["sessions"]:
        for run in session["runs"]:
            for call in run["calls"]:
                for pupil in call["pupils"]:
                    key, _, home = pupil.partition("/")
                    yield [run["id"], key, int(home), call["stop"]]
