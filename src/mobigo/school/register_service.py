"""What staff do with the register: begin a year, take lists in and out, look a pupil up, forget.

Personal data are given out only here, each time with a line in the log of who saw them.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from mobigo.kit.errors import Conflict, InvalidInput, NotFound, Refused
from mobigo.kit.geo import Point
from mobigo.messages import store as outbox
from mobigo.school import register_store as store
from mobigo.school import scenario_store
from mobigo.school.eligibility import Case, Standing, judge
from mobigo.school.reading import Fault, Faults, read_file, read_objects
from mobigo.school.register import DOOR, SHEETS, Rule, School
from mobigo.school.register_store import OPEN, PUPILS, Access, Imported, Year
from mobigo.school.sentences import say
from mobigo.school.writing import write_text, write_workbook

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import psycopg

    from mobigo.school.reading import File, Rows
    from mobigo.school.register import Sheet
    from mobigo.school.sentences import Said
    from mobigo.street.drives import Drives

KEPT = timedelta(days=92)
"""After a school year its pupils stay for appeals, then they are forgotten."""
ONE_DAY = timedelta(days=1)
LOG_KEPT = timedelta(days=366)
"""Who saw personal data stays known."""
MOST_ACCESSES = 1_000
"""Of one pupil, that are told."""
YEAR = r"^(19|20)[0-9]{2}-(19|20)[0-9]{2}$"


@dataclass(frozen=True)
class Actor:
    """Who does something, and when."""

    user: str
    role: str
    now: datetime


@dataclass(frozen=True)
class Report:
    """What a file changed."""

    counts: dict[str, dict[str, int]]
    """By list: rows ``added``, ``changed`` and ``removed``."""
    said: list[Said]
    """What of it was passed over."""

    @property
    def notes(self) -> list[str]:
        """What was passed over, in English."""
        return [one.en for one in self.said]

    @property
    def notes_fr(self) -> list[str]:
        """What was passed over, in French."""
        return [one.fr for one in self.said]


@dataclass(frozen=True)
class Exported:
    """A file for staff."""

    name: str
    content: bytes
    media_type: str


# ── years ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def begin_year(
    connection: psycopg.Connection[Any], id_: str, first: date | None = None, last: date | None = None
) -> Year:
    """Write a school year; without days it runs from September to the first days of July.

    Raises
    ------
    InvalidInput
        When it is no school year.
    """
    start = int(id_[:4]) if re.fullmatch(YEAR, id_) else 0
    if not start or int(id_[5:]) != start + 1:
        raise InvalidInput(f"{id_[:40]!r} is no school year; write it like 2026-2027", code="invalid_school_year")
    year = Year(id_, first or date(start, 9, 1), last or date(start + 1, 7, 7))
    if not date(start, 7, 1) <= year.first < year.last <= date(start + 1, 8, 31):
        raise InvalidInput(
            f"school year {id_} cannot run from {year.first} to {year.last}; it lies between {start}-07-01 and"
            f" {start + 1}-08-31",
            code="invalid_school_year",
        )
    store.write_year(connection, year)
    return year


def get_year(connection: psycopg.Connection[Any], id_: str) -> Year:
    """Return a school year.

    Raises
    ------
    NotFound
        When there is none.
    """
    found = store.find_year(connection, id_)
    if found is None:
        raise NotFound(f"there is no school year {id_}; `mobigo school import` or PUT begins one", code="unknown_year")
    return found


def roll_over(connection: psycopg.Connection[Any], source: str, target: str) -> Year:
    """Begin a year with the network of another: all its lists but pupils, their requests and seats.

    Raises
    ------
    Conflict
        When the new year holds lists already.
    """
    get_year(connection, source)
    begun = store.find_year(connection, target) or begin_year(connection, target)
    store.lock_year(connection, target)
    if any(store.count_rows(connection, target).values()):
        raise Conflict(
            f"school year {target} holds lists already; roll over into an empty one, or import what differs",
            code="year_not_empty",
        )
    store.copy_year(connection, source, target)
    return begun


def get_sheet(name: str) -> Sheet:
    """Return a list of the register by name.

    Raises
    ------
    NotFound
        When there is none.
    """
    if name not in SHEETS:
        raise NotFound(f"there is no list {name[:40]!r}; there are {', '.join(SHEETS)}", code="unknown_list")
    return SHEETS[name]


# ── in ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def import_file(
    connection: psycopg.Connection[Any],
    year: str,
    content: bytes,
    name: str,
    actor: Actor,
    *,
    only: str | None = None,
    replace: bool = False,
) -> Report:
    """Take the lists of a file over into a school year, all of it or nothing.

    Parameters
    ----------
    only
        The list that the file holds, where it does not say so itself.
    replace
        Each list of the file is the whole list: rows that it does not name are removed.

    Raises
    ------
    Refused
        With everything that is wrong in ``faults``.
    """
    file = read_file(content, name, only)
    begin_known(connection, year)
    return _take_over(connection, year, file, name, actor, replace=replace)


def write_rows(
    connection: psycopg.Connection[Any], year: str, name: str, rows: Sequence[Mapping[str, object]], actor: Actor
) -> Report:
    """Write single rows of a list, new or known, by the rules of the import; of known ones the given fields change.

    Raises
    ------
    Refused
        With everything that is wrong in ``faults``.
    """
    get_year(connection, year)
    file = read_objects(get_sheet(name), rows)
    return _take_over(connection, year, file, name, actor, replace=False)


def remove_rows(
    connection: psycopg.Connection[Any], year: str, name: str, rows: Sequence[Mapping[str, object]], actor: Actor
) -> Report:
    """Remove rows by what identifies them, unless others name them.

    Raises
    ------
    Refused
        With everything that is wrong in ``faults``; pupils are erased one by one.
    """
    get_year(connection, year)
    sheet = get_sheet(name)
    if sheet is PUPILS:
        raise Refused("pupils are erased one by one, by key: DELETE their address", code="refused")
    store.lock_year(connection, year)
    file = read_objects(sheet, rows, sheet.key)
    _name_pupils(file, store.list_numbers(connection, year))
    keys = {_key(sheet, values) for _, values in file.lists[name].rows}
    there = keys & store.list_keys(connection, year, sheet)
    store.remove_rows(connection, year, sheet, there)
    faults = Faults()
    _find_dangling(connection, year, name, faults)
    faults.refuse(name)
    counts = {name: {"added": 0, "changed": 0, "removed": len(there)}}
    store.note_import(connection, year, Imported(0, actor.now, actor.user, f"rows of {name}", counts))
    return Report(counts, [say("note_not_there", n=len(keys - there))] if keys - there else [])


def _take_over(
    connection: psycopg.Connection[Any], year: str, file: File, name: str, actor: Actor, *, replace: bool
) -> Report:
    store.lock_year(connection, year)
    numbers = store.list_numbers(connection, year)
    known = {one: store.list_keys(connection, year, SHEETS[one]) for one in SHEETS}
    faults = Faults()
    _check_references(file, known, numbers, faults, replace=replace)
    faults.refuse(name)
    _name_pupils(file, numbers)
    _find_levels(connection, year, file)
    counts = {}
    for one, rows in file.lists.items():
        keys = {_key(rows.sheet, values) for _, values in rows.rows}
        counts[one] = {
            "added": len(keys - known[one]),
            "changed": 0,
            "removed": len(_without_doors(rows.sheet, known[one] - keys)) if replace else 0,
        }
    if replace:
        for one in reversed([one for one in SHEETS if one in file.lists]):
            rows = file.lists[one]
            gone = known[one] - {_key(rows.sheet, values) for _, values in rows.rows}
            store.remove_rows(connection, year, rows.sheet, _without_doors(rows.sheet, gone))
    for one in SHEETS:
        if one in file.lists:
            rows = file.lists[one]
            given = [*rows.columns, *(("key",) if rows.sheet is PUPILS else ())]
            written = store.write_rows(
                connection, year, rows.sheet, given, [_fill(rows, values) for _, values in rows.rows]
            )
            counts[one]["changed"] = written - counts[one]["added"]
    if replace:
        _find_dangling(connection, year, name, faults)
    faults.refuse(name)
    store.note_import(connection, year, Imported(0, actor.now, actor.user, name[-200:], counts))
    return Report(counts, file.notes)


def _find_dangling(connection: psycopg.Connection[Any], year: str, name: str, faults: Faults) -> None:
    """Find rows that name what is gone now."""
    for sheet, field, named in store.list_dangling(connection, year):
        what = say("fault_named", list=sheet.titles[0], column=sheet.columns[field].titles[0], named=named)
        faults.append(Fault(name, None, None, what))


def _without_doors(sheet: Sheet, keys: set[tuple[Any, ...]]) -> set[tuple[Any, ...]]:
    """Return keys without the stops at pupils' doors: no list that staff send has them."""
    return {key for key in keys if not str(key[0]).startswith(DOOR)} if sheet.name == "stops" else keys


def begin_known(connection: psycopg.Connection[Any], year: str) -> None:
    """Begin a year unless it is there."""
    if store.find_year(connection, year) is None:
        begin_year(connection, year)


def _key(sheet: Sheet, values: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(values.get(one, sheet.defaults.get(one)) for one in sheet.key)


def _fill(rows: Rows, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with what blank means in the columns that the file does not have."""
    return {**dict.fromkeys(rows.sheet.columns), **rows.sheet.defaults, **values}


def _check_references(
    file: File,
    known: Mapping[str, set[tuple[Any, ...]]],
    numbers: Mapping[str, str],
    faults: Faults,
    *,
    replace: bool,
) -> None:
    """Find rows that name what is neither in the file nor, unless the file replaces it, in the register."""
    there: dict[str, set[Any]] = {}
    for one, keys in known.items():
        mine = file.lists.get(one)
        there[one] = set() if replace and mine is not None else {key[0] for key in keys}
        if one == "pupils" and not (replace and mine is not None):
            there[one] |= set(numbers.values())
        if mine is not None:
            there[one] |= {values[mine.sheet.key[0]] for _, values in mine.rows}
    for rows in file.lists.values():
        for field, column in rows.sheet.columns.items():
            if column.refers is None or field not in rows.columns:
                continue
            for number, values in rows.rows:
                value = values[field]
                if value is not None and value not in there[column.refers]:
                    told = say("this_pupil") if column.refers == "pupils" else repr(value)
                    what = say("fault_unknown", named=told, list=SHEETS[column.refers].titles[0])
                    faults.append(Fault(rows.called, number, rows.titles[field], what))


def _find_levels(connection: psycopg.Connection[Any], year: str, file: File) -> None:
    """Give pupils whose level is not said that of their school."""
    if (pupils := file.lists.get("pupils")) is None:
        return
    levels = {row["id"]: row["level"] for row in store.list_rows(connection, year, SHEETS["schools"])}
    if (schools := file.lists.get("schools")) is not None:
        levels |= {values["id"]: values["level"] for _, values in schools.rows}
    for _, values in pupils.rows:
        if values.get("level") is None:
            values["level"] = levels[values["school"]]


def _name_pupils(file: File, numbers: dict[str, str]) -> None:
    """Give every pupil of the file the key that is known, or a new one, and name pupils by it elsewhere."""
    by_key = {key: number for number, key in numbers.items()}
    if (pupils := file.lists.get("pupils")) is not None:
        for _, values in pupils.rows:
            if values["number"] in by_key:  # a list without names, as it was exported
                values["number"] = by_key[values["number"]]
            values["key"] = numbers.setdefault(values["number"], store.draw_key())
    for one in ("requests", "seats"):
        if (rows := file.lists.get(one)) is not None:
            for _, values in rows.rows:
                values["pupil"] = numbers.get(values["pupil"], values["pupil"])


# ── out ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def export_workbook(
    connection: psycopg.Connection[Any], year: str, actor: Actor, *, only: Sequence[str] = (), people: bool = False
) -> Exported:
    """Write lists of a year as a workbook; with `people` also what is personal, which is logged."""
    get_year(connection, year)
    names = [get_sheet(one).name for one in only] or list(SHEETS)
    content = write_workbook([_shown(connection, year, SHEETS[one], people=people) for one in names])
    if people:
        _log_people(connection, actor, year, names)
    return Exported(
        f"transport-scolaire-{year}.xlsx", content, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    )


def export_text(
    connection: psycopg.Connection[Any], year: str, name: str, actor: Actor, *, people: bool = False
) -> Exported:
    """Write a list of a year as CSV; with `people` also what is personal, which is logged."""
    get_year(connection, year)
    sheet = get_sheet(name)
    content = write_text(*_shown(connection, year, sheet, people=people))
    if people:
        _log_people(connection, actor, year, [name])
    return Exported(f"{name}-{year}.csv", content, "text/csv; charset=utf-8")


def _shown(
    connection: psycopg.Connection[Any], year: str, sheet: Sheet, *, people: bool
) -> tuple[Sheet, Sequence[str], list[dict[str, Any]]]:
    """Return a list with its fields as they are written: pupils by number with `people`, else by key."""
    if sheet is PUPILS:
        if people:
            return sheet, tuple(sheet.columns), store.list_people(connection, year)
        return (
            sheet,
            ("number", *OPEN),
            [{**row, "number": row["key"]} for row in store.list_rows(connection, year, sheet)],
        )
    rows = store.list_rows(connection, year, sheet, doors=people)
    if people and "pupil" in sheet.columns:
        numbers = {key: number for number, key in store.list_numbers(connection, year).items()}
        rows = [{**row, "pupil": numbers[row["pupil"]]} for row in rows]
    return sheet, tuple(sheet.columns), rows


def _log_people(connection: psycopg.Connection[Any], actor: Actor, year: str, names: Sequence[str]) -> None:
    counts = store.count_rows(connection, year)
    personal = [one for one in names if one in {"stops", "pupils", "requests", "seats"}]
    if personal:
        _log(connection, actor, f"exported {', '.join(personal)}", year, rows=sum(counts[one] for one in personal))


# ── pupils ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def show_pupil(connection: psycopg.Connection[Any], year: str, key: str, actor: Actor) -> dict[str, Any]:
    """Return everything about a pupil; who asked is logged.

    Returns
    -------
    dict
        Fields of `register.Pupil` with ``key``, ``requests`` and ``seats``; ``plans`` (`scenario_store.Placed`),
        ``told`` (messages to the family) and ``accesses``.

    Raises
    ------
    NotFound
        When there is no such pupil.
    """
    get_year(connection, year)
    found = store.list_people(connection, year, key)
    if not found:
        raise _no_pupil(key)
    _log(connection, actor, "looked up", year, pupil=key)
    about = {
        one: [row for row in store.list_rows(connection, year, SHEETS[one]) if row["pupil"] == key]
        for one in ("requests", "seats")
    }
    return {
        **found[0],
        **about,
        "plans": scenario_store.list_placed(connection, year, key),
        "told": outbox.list_messages(connection, about=f"school:{key}"),
        "accesses": store.list_accesses(connection, None, MOST_ACCESSES, pupil=key),
    }


def show_people(connection: psycopg.Connection[Any], year: str, what: str, actor: Actor) -> list[dict[str, Any]]:
    """Return everything about all pupils of a year, for a paper with names; who asked for it is logged.

    Parameters
    ----------
    what : str
        The paper, as the log names it.
    """
    found = store.list_people(connection, year)
    _log(connection, actor, what, year, rows=len(found))
    return found


def erase_pupil(connection: psycopg.Connection[Any], year: str, key: str, actor: Actor) -> None:
    """Remove a pupil with all that is about this pupil; who did it is logged.

    Raises
    ------
    NotFound
        When there is no such pupil.
    """
    get_year(connection, year)
    scenario_store.forget_pupil(connection, year, key)
    outbox.forget_about(connection, f"school:{key}", actor.now)
    if not store.erase_pupil(connection, year, key):
        raise _no_pupil(key)
    _log(connection, actor, "erased", year, pupil=key)


def _no_pupil(key: str) -> NotFound:
    return NotFound(
        f"there is no pupil {key[:40]!r} in this year; keys stand in the list of pupils", code="unknown_pupil"
    )


def _log(
    connection: psycopg.Connection[Any], actor: Actor, what: str, year: str, *, pupil: str | None = None, rows: int = 1
) -> None:
    store.note_access(connection, Access(0, actor.now, actor.user, actor.role, what, year, pupil, rows))


def find_end(year: Year) -> date:
    """Return the day from which the pupils of a year are forgotten."""
    return year.last + KEPT + ONE_DAY


def forget(connection: psycopg.Connection[Any], now: datetime) -> Counter[str]:
    """Forget the pupils of years that are over, and old lines of the log; return how many of each."""
    scenario_store.forget_years(connection, now.date() - KEPT)
    return Counter(
        pupils=store.forget_pupils(connection, now.date() - KEPT),
        accesses=store.forget_accesses(connection, now - LOG_KEPT),
    )


# ── entitlement ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Entitled:
    """A pupil's home with its standing; nothing personal but how far it is."""

    pupil: str
    """Key."""
    home: int
    standing: Standing


def judge_pupils(
    connection: psycopg.Connection[Any],
    year: str,
    lengths: Drives,
    *,
    day: date | None = None,
    school: str | None = None,
    pupil: str | None = None,
) -> list[Entitled]:
    """Tell which pupils are entitled to transport on a day, from each of their homes, by pupil.

    Parameters
    ----------
    day
        The first of the year, if not said.
    lengths
        Metres of the shortest ways, as `roads.Roads.lengths`.
    school, pupil
        Only those of this school, only this one.
    """
    found = get_year(connection, year)
    schools = {row["id"]: School(**row) for row in store.list_rows(connection, year, SHEETS["schools"])}
    rules = [Rule(**row) for row in store.list_rows(connection, year, SHEETS["rules"])]
    sectors: dict[str, set[str]] = {}
    for row in store.list_rows(connection, year, SHEETS["sectors"]):
        sectors.setdefault(row["school"], set()).add(row["commune"])
    pupils = {row["key"]: row for row in store.list_rows(connection, year, PUPILS)}
    by_school: dict[str, list[store.Home]] = {}
    for home in store.list_homes(connection, year):
        mine = pupils[home.pupil]["school"]
        if school in {None, mine} and pupil in {None, home.pupil}:
            by_school.setdefault(mine, []).append(home)
    told = []
    for id_, homes in by_school.items():
        metres = _measure(lengths, schools[id_], homes)
        for home, far in zip(homes, metres, strict=True):
            case = Case(
                schools[id_],
                pupils[home.pupil]["level"],
                home.commune,
                home.point is not None,
                far,
                frozenset(sectors.get(id_, ())),
            )
            told.append(Entitled(home.pupil, home.number, judge(case, rules, day or found.first)))
    return sorted(told, key=lambda one: (one.pupil, one.home))


def _measure(lengths: Drives, school: School, homes: Sequence[store.Home]) -> list[int | None]:
    """Return the metres from homes to their school; None where one of them has no place."""
    points = [home.point for home in homes if home.point is not None]
    if school.lat is None or school.lon is None or not points:
        return [None] * len(homes)
    found = (int(one) for one in lengths.metres(points, [Point(school.lon, school.lat)]).reshape(-1))
    return [None if home.point is None or (far := next(found)) < 0 else far for home in homes]
