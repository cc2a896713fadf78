"""A plan as a workbook: everything that it says, a table for each kind of thing; pupils by their keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mobigo.school.cells import WEEKDAYS
from mobigo.school.register import MAKES, TRIPS
from mobigo.school.writing import write_book
from mobigo.school.yearplan import list_all_runs

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
            (
                "Chiffres",
                ["Chiffre", "Valeur", "Unité", "Nom dans l'API"],
                ([*_tell_figure(name, plan["figures"][name]), name] for name in _order(plan["figures"])),
            ),
            (
                "Sessions",
                ["Session", "Jours", "Véhicules", "Minimum prouvé", "Circuits figés", "Courses"],
                (
                    [
                        one["name"], WEEKDAYS.write(tuple(one["weekdays"])), one["vehicles"], one["bound"],
                        one["locked"], len(list_all_runs(one)),
                    ]
                    for one in plan["sessions"]
                ),
            ),
            (
                "Courses",
                ["Session", "Course", "Véhicule", "Établissement", "Trajet", "Sonnerie", "À l'établissement",
                 "km chargés", "km à vide", "Plus long trajet (min)", "Élèves", "Tournée", "Type de véhicule", "Figé"],
                _list_runs(plan),
            ),
            (
                "Horaires déplacés",
                ["Établissement", "Trajet", "Jours", "Avant", "Après", "Pourquoi"],
                (
                    [
                        bell["school"], TRIPS[bell["trip"]][0], WEEKDAYS.write(tuple(bell["weekdays"])),
                        _clock(bell["was"]), _clock(bell["at"]), bell["text_fr"],
                    ]
                    for one in plan["sessions"]
                    for bell in one.get("bells", ())
                ),
            ),
            ("Passages", ["Course", "Ordre", "Heure", "Code arrêt", "Arrêt", "Élèves"], _list_calls(plan, names)),
            ("Affectations", ["Course", "Élève", "Domicile", "Code arrêt"], _list_seats(plan)),
            (
                "Problèmes",
                ["Nature", "Concerne", "Que faire"],
                ([one["kind"], one["about"], one.get("text_fr") or one["text"]] for one in plan["troubles"]),
            ),
        ]
    )  # fmt: skip


FIGURES = {
    "vehicles": ("Véhicules", None),
    "drivers": ("Conducteurs, le jour le plus chargé", None),
    "bound": ("Véhicules, minimum prouvé", None),
    "runs": ("Courses", None),
    "loaded_km": ("Kilomètres en charge, par semaine", "km"),
    "empty_km": ("Kilomètres à vide, par semaine", "km"),
    "hours": ("Heures de véhicule, par semaine", "h"),
    "cents": ("Coût, par semaine", "€"),
    "cents_bound": ("Coût minimum prouvé avec autant de véhicules", "€"),
    "co2_kg": ("CO2, par semaine", "kg"),
    "pupils": ("Élèves transportés", None),
    "stops": ("Arrêts desservis", None),
    "ride_mean": ("Trajet moyen", "min"),
    "ride_p95": ("Trajet, 95 % sous", "min"),
    "ride_longest": ("Trajet le plus long", "min"),
    "moved": ("Élèves pour qui quelque chose change", None),
    "closed": ("Arrêts fermés", None),
    "opened": ("Arrêts ouverts", None),
}
"""How figures are called, and their unit."""


def _order(figures: Mapping[str, Any]) -> list[str]:
    """List the names of figures as they are read; those without words last."""
    return [*(name for name in FIGURES if name in figures), *sorted(figures.keys() - FIGURES.keys())]


def _tell_figure(name: str, value: float | None) -> list[Cell]:
    title, unit = FIGURES.get(name, (name, None))
    if value is None:
        return [title, None, unit]
    return [title, value / 100 if unit == "€" else round(value / 60, 1) if unit == "min" else value, unit]


def _name_kind(plan: Mapping[str, Any], run: Mapping[str, Any]) -> str | None:
    """Name the kind of vehicle that drives a run, with its seats."""
    fleet, kind = plan.get("fleet", ()), run.get("kind")
    if kind is None or kind >= len(fleet):
        return None
    return f"{MAKES[fleet[kind]['make']][0]}, {fleet[kind]['seats']} places"


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}"


def _list_runs(plan: Mapping[str, Any]) -> Iterator[list[Cell]]:
    for session in plan["sessions"]:
        for run in list_all_runs(session):
            yield [
                session["name"], run["id"], run["vehicle"] + 1, run["school"], TRIPS[run["trip"]][0],
                _clock(run["bell"]), _clock(run["at"]), round(run["metres"] / 1000, 1), round(run["empty"] / 1000, 1),
                round(run["longest_ride"] / 60), sum(len(call["pupils"]) for call in run["calls"]),
                run.get("tour"), _name_kind(plan, run), "oui" if run in session.get("kept", ()) else "non",
            ]  # fmt: skip


def _list_calls(plan: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[list[Cell]]:
    for session in plan["sessions"]:
        for run in list_all_runs(session):
            for number, call in enumerate(run["calls"], 1):
                stop = call["stop"]
                yield [run["id"], number, _clock(call["at"]), stop, names.get(stop, stop), len(call["pupils"])]


def _list_seats(plan: Mapping[str, Any]) -> Iterator[list[Cell]]:
    for session in plan["sessions"]:
        for run in list_all_runs(session):
            for call in run["calls"]:
                for pupil in call["pupils"]:
                    key, _, home = pupil.partition("/")
                    yield [run["id"], key, int(home), call["stop"]]
