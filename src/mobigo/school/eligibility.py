"""Who is entitled to school transport, by dated rules, with the reason in words.

Of the rules in force on a day that fit a pupil's level and the home's commune, the most specific counts: one for the
commune before one for all, then one for the level before one for all, then the one that came into force last. A home
is entitled when it lies at least so far from the school, by the shortest road, and where the rule asks for it in the
school's sector.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from mobigo.school.register import Rule, School

LEVELS = {"primary": "primaire", "college": "collège", "lycee": "lycée"}


@dataclass(frozen=True)
class Case:
    """What entitlement depends on."""

    school: School
    level: str
    commune: str | None
    """Of the home."""
    placed: bool
    """The home has coordinates."""
    metres: int | None
    """Shortest way by road from home to school; None: none, or not measured."""
    sectors: frozenset[str]
    """Communes of the school's sector."""


@dataclass(frozen=True)
class Standing:
    """Whether a home entitles to transport."""

    entitled: bool | None
    """None: something is missing to tell."""
    code: str
    rule: str | None
    metres: int | None
    french: str
    english: str


def find_rule(rules: Iterable[Rule], day: date, level: str, commune: str | None) -> Rule | None:
    """Return the rule that counts."""
    fitting = [
        rule
        for rule in rules
        if rule.first <= day
        and (rule.last is None or day <= rule.last)
        and rule.level in {None, level}
        and rule.commune in {None, commune}
    ]
    return max(
        fitting,
        key=lambda rule: (rule.commune is not None, rule.level is not None, rule.first, rule.id),
        default=None,
    )


def judge(case: Case, rules: Iterable[Rule], day: date) -> Standing:
    """Tell whether a home entitles, and why."""
    rule = find_rule(rules, day, case.level, case.commune)
    if rule is None:
        return _unknown(
            "no_rule",
            None,
            f"aucune règle n'est en vigueur le {day:%d/%m/%Y} pour le niveau {LEVELS[case.level]} ; ajoutez-en une",
            f"no rule is in force on {day} for level {case.level}; add one",
        )
    lacking = _find_lack(case, rule)
    if lacking is not None:
        return lacking
    assert case.metres is not None
    at = f" ({rule.text})" if rule.text else ""
    if case.metres < rule.metres:
        # of the same ten metres: with all digits, or the reason would contradict itself
        whole = case.metres // 10 == rule.metres // 10
        return Standing(
            False,
            "too_near",
            rule.id,
            case.metres,
            f"{_kilometres(case.metres, ',', whole=whole)} km par la route la plus courte, la règle {rule.id}{at} en"
            f" demande au moins {_kilometres(rule.metres, ',', whole=whole)}",
            f"{_kilometres(case.metres, '.', whole=whole)} km by the shortest road, rule {rule.id}{at} asks for at"
            f" least {_kilometres(rule.metres, '.', whole=whole)}",
        )
    if rule.sector and case.commune not in case.sectors:
        return Standing(
            False,
            "out_of_sector",
            rule.id,
            case.metres,
            f"la commune {case.commune} n'est pas du secteur de {case.school.name}, que la règle {rule.id}{at} exige",
            f"commune {case.commune} is not of the sector of {case.school.name}, which rule {rule.id}{at} asks for",
        )
    return Standing(
        True,
        "entitled",
        rule.id,
        case.metres,
        f"{_kilometres(case.metres, ',')} km par la route la plus courte"
        f"{', dans le secteur' if rule.sector else ''}, selon la règle {rule.id}{at}",
        f"{_kilometres(case.metres, '.')} km by the shortest road{', in the sector' if rule.sector else ''}, by rule"
        f" {rule.id}{at}",
    )


def _find_lack(case: Case, rule: Rule) -> Standing | None:
    """Find what is missing to tell."""
    school = case.school
    if not case.placed:
        return _unknown(
            "no_place",
            rule.id,
            "le domicile n'a pas de coordonnées ; donnez-lui un lieu",
            "the home has no coordinates; give it a place",
        )
    if school.lat is None or school.lon is None:
        return _unknown(
            "no_school_place",
            rule.id,
            f"{school.name} ({school.id}) n'a pas de coordonnées ; donnez-lui un lieu",
            f"{school.name} ({school.id}) has no coordinates; give it a place",
        )
    if case.metres is None:
        return _unknown(
            "no_road",
            rule.id,
            f"aucune route ne mène du domicile à {school.name} ; vérifiez les deux lieux",
            f"no road leads from the home to {school.name}; check both places",
        )
    if rule.sector and not case.sectors:
        return _unknown(
            "no_sector",
            rule.id,
            f"aucune commune n'est du secteur de {school.name} ; complétez la carte scolaire",
            f"no commune is of the sector of {school.name}; complete the list of sectors",
        )
    if rule.sector and case.commune is None:
        return _unknown(
            "no_commune",
            rule.id,
            "la commune du domicile n'est pas connue ; écrivez son code INSEE",
            "the commune of the home is not known; write its INSEE code",
        )
    return None


def _unknown(code: str, rule: str | None, french: str, english: str) -> Standing:
    return Standing(None, code, rule, None, french, english)


def _kilometres(metres: int, mark: str, *, whole: bool = False) -> str:
    """Write metres as kilometres, cut off to ten metres: nobody is told to be as far as the rule and yet too near."""
    return (f"{metres / 1000:.3f}" if whole else f"{metres // 10 / 100:.2f}").replace(".", mark)
