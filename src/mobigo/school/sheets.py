"""Sheets of paper: a circuit for its driver, the pupils of a school, who gets on a run on a day; as tagged PDF.

A driver's sheet has numbers only. Lists have names and are for those who must know them: whoever asks for one is logged
by the route that gives it.
"""

from __future__ import annotations

import tomllib
from collections import defaultdict
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, NamedTuple

from mobigo.kit.holidays import is_without_school
from mobigo.messages.addresses import say_phone
from mobigo.papers.pdf import Paper, Table, write_day, write_pdf
from mobigo.school.attendance import Days, find_days, is_at_home, is_end_of_week
from mobigo.school.cells import DAYS, ENGLISH_DAYS
from mobigo.school.demand import MORNING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import date, datetime

    from mobigo.school.network import Network
    from mobigo.school.register import Run, Seat


class Boarding(NamedTuple):
    """Who gets on or off a run at a stop."""

    at: int
    """Seconds after midnight."""
    stop: str
    """Name."""
    pupils: tuple[str, ...]
    """Keys."""


@cache
def _read_words() -> dict[str, dict[str, str]]:
    return tomllib.loads((resources.files("mobigo.school") / "sheets.toml").read_text("utf-8"))


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}"


def _days(weekdays: Sequence[int], language: str) -> str:
    names = DAYS if language == "fr" else ENGLISH_DAYS
    return ", ".join(names[day - 1] for day in weekdays)


SIDES = {"fr": ("nord", "est", "sud", "ouest"), "en": ("north", "east", "south", "west")}


def _side(bearing: float | None, words: Mapping[str, str], language: str) -> str:
    """Say in which direction the vehicle stands."""
    return "" if bearing is None else f"{words['toward']} {SIDES[language][round(bearing / 90) % 4]}"


def write_driver_sheet(network: Network, circuit: str, *, language: str, now: datetime) -> bytes:
    """Write a circuit for its driver: halts with times, sides and numbers of pupils, nobody's name."""
    words = _read_words()[language]
    one = network.get_circuit(circuit)
    vehicle = network.vehicles.get(str(one.vehicle))
    operator = None if vehicle is None else network.operators.get(vehicle.operator)
    facts = [
        (words["circuit"], f"{one.name} ({one.id})"),
        (words["year"], network.year),
        (words["vehicle"], "" if vehicle is None else f"{vehicle.id} ({vehicle.seats})"),
        (words["operator"], "" if operator is None else operator.name),
        (words["phone"], "" if operator is None or operator.phone is None else say_phone(operator.phone)),
        (words["made"], write_day(now.date(), language)),
    ]
    runs = network.list_runs(circuit)
    paper = Paper(
        language=language,
        title=f"{words['driver_sheet']} {one.id}",
        author=words["author"],
        facts=tuple((name, said) for name, said in facts if said),
        texts=() if runs else (words["no_runs"],),
        tables=tuple(_table_runs(network, some, words, language) for some in _list_tours(network, runs)),
        footnote=words["counts"] if runs else None,
    )
    return write_pdf(paper, at=now)


def _list_tours(network: Network, runs: Sequence[Run]) -> list[list[Run]]:
    """Put runs that are driven at once together: one vehicle brings pupils to several schools."""
    tours: list[list[Run]] = []
    for run in runs:
        first, last = network.calls[run.id][0].at, network.calls[run.id][-1].at
        for tour in tours:
            ends = [(network.calls[one.id][0].at, network.calls[one.id][-1].at) for one in tour]
            alike = (run.trip, run.weekdays) == (tour[0].trip, tour[0].weekdays)
            if alike and any(first < end and begin < last for begin, end in ends):
                tour.append(run)
                break
        else:
            tours.append([run])
    return tours


def _table_runs(network: Network, runs: Sequence[Run], words: Mapping[str, str], language: str) -> Table:
    """Write runs that are driven at once as one table, by time; halts of several runs in a row are one."""
    found: list[tuple[str, str, str, int]] = []
    calls = [(call.at, call.position, run.id, call) for run in runs for call in network.calls[run.id]]
    if len(runs) > 1:
        calls.sort()
    for at, _, run, call in calls:
        stop = network.stops.get(str(call.stop))
        count = len(network.seats.get(run, ())) if stop is None else network.count_pupils(run, stop.id)
        side = "" if stop is None else _side(stop.bearing, words, language)
        row = (_clock(at), network.name_call(call), side, count)
        if found and stop is not None and found[-1][1:3] == row[1:3]:
            found[-1] = (*found[-1][:3], found[-1][3] + count)
        else:
            found.append(row)
    return Table(
        title=f"{words[runs[0].trip]} ({_days(runs[0].weekdays, language)})",
        header=(words["time"], words["stop"], words["side"], words["pupils"]),
        widths=(1.4, 6, 2.6, 1.4),
        numbers=(False, False, False, True),
        rows=tuple((at, name, side, str(count)) for at, name, side, count in found),
    )


def list_boarding(network: Network, run: str, people: Iterable[Mapping[str, Any]], day: date) -> list[Boarding]:
    """List who gets on or off a run on a day, by halt.

    Of two homes that of the day counts; boarders come on the first day of a week with school and leave on the last,
    unless the run is theirs alone; on days without school there is nobody.
    """
    named = {row["key"]: row for row in people}
    one = network.runs[run]
    if day.isoweekday() not in one.weekdays or is_without_school(day):
        return []
    ends = one.riders == "boarders" or is_end_of_week(day, inward=one.trip == MORNING)

    def rides(seat: Seat) -> bool:
        person = named.get(seat.pupil)
        if person is None:
            return False
        return (ends or person["boarding"] != "boarder") and is_at_home(*_find_home(person, seat.home), day)

    found = []
    for call in network.calls[run]:
        if call.stop is None:
            continue
        pupils = sorted(seat.pupil for seat in network.seats.get(run, ()) if seat.stop == call.stop and rides(seat))
        found.append(Boarding(call.at, network.name_call(call), tuple(pupils)))
    return found


def _find_home(person: Mapping[str, Any], number: int) -> tuple[Sequence[int], str]:
    """Return the weekdays and weeks of a pupil's home."""
    word = "second_" if number > 1 else ""
    return person[f"{word}weekdays"] or (), person[f"{word}weeks"] or "all"


def find_rides(person: Mapping[str, Any], run: Run, home: int) -> Days:
    """Return the days on which a pupil rides a run from a home, or to it."""
    return find_days(
        _find_home(person, home),
        run.weekdays,
        inward=run.trip == MORNING,
        boarding=person["boarding"],
        riders=run.riders,
    )


def write_boarding_list(
    network: Network, run: str, people: Sequence[Mapping[str, Any]], day: date, *, language: str, now: datetime
) -> bytes:
    """Write who gets on or off a run on a day, with names."""
    words = _read_words()[language]
    named = {row["key"]: row for row in people}
    one = network.runs[run]
    rows = [
        (_clock(halt.at), halt.stop, _name(named.get(key), words), str((named.get(key) or {}).get("grade") or ""))
        for halt in list_boarding(network, run, people, day)
        for key in halt.pupils
    ]
    paper = Paper(
        language=language,
        title=f"{words['boarding_list']} {run}",
        author=words["author"],
        facts=(
            (words["day"], write_day(day, language)),
            (words["run"], f"{words[one.trip]}, {words['boards' if one.trip == MORNING else 'leaves']}"),
            (words["pupils"], str(len(rows))),
        ),
        texts=() if rows else (words["nobody"],),
        tables=_tables(rows, (words["time"], words["stop"], words["pupil"], words["grade"]), (1.2, 4, 4, 1.4)),
        footnote=words["confidential"],
    )
    return write_pdf(paper, at=now)


def write_class_list(
    network: Network, school: str, people: Sequence[Mapping[str, Any]], *, language: str, now: datetime
) -> bytes:
    """Write who is brought to a school, with names, stops and times."""
    words = _read_words()[language]
    found = network.get_school(school)
    mine = {row["key"]: row for row in people if row["school"] == school}
    rows = []
    for run, seats in network.seats.items():
        at = {call.stop: call.at for call in network.calls.get(run, ())}
        homes: dict[tuple[str, str], set[int]] = defaultdict(set)
        for seat in seats:
            if seat.pupil in mine:
                homes[seat.pupil, seat.stop].add(seat.home)
        rows += [
            (
                _name(mine[pupil], words),
                str(mine[pupil]["grade"] or ""),
                f"{run} ({words[network.runs[run].trip]})",
                network.stops[stop].name,
                _clock(at[stop]) if stop in at else "",
                _when(mine[pupil], network.runs[run], numbers, words, language),
            )
            for (pupil, stop), numbers in homes.items()
        ]
    rows.sort()
    brought = {seat.pupil for seats in network.seats.values() for seat in seats if seat.pupil in mine}
    paper = Paper(
        language=language,
        title=f"{words['class_list']}: {found.name}",
        author=words["author"],
        facts=(
            (words["school"], f"{found.name} ({found.id})"),
            (words["year"], network.year),
            (words["pupils"], str(len(brought))),
            (words["made"], write_day(now.date(), language)),
        ),
        texts=() if rows else (words["nobody"],),
        tables=_tables(
            rows,
            (words["pupil"], words["grade"], words["run"], words["stop"], words["time"], words["when"]),
            (3.8, 1.1, 2.6, 3, 1.1, 1.9),
        ),
        footnote=words["confidential"],
    )
    return write_pdf(paper, at=now)


def _when(person: Mapping[str, Any], run: Run, homes: Collection[int], words: Mapping[str, str], language: str) -> str:
    """Say on which days and weeks a pupil rides with a run from a home; empty where it is always."""
    rides = [find_rides(person, run, home) for home in homes]
    days = Days(
        tuple(sorted({day for one in rides for day in one.weekdays})),
        rides[0].weeks if len({one.weeks for one in rides}) == 1 else "all",
    )
    names = DAYS if language == "fr" else ENGLISH_DAYS
    said = " ".join(names[day - 1][:3] for day in days.weekdays)
    if days.weeks != "all":
        return f"{said}, {words[days.weeks]}"
    return "" if set(days.weekdays) == set(run.weekdays) else said


def _tables(rows: Sequence[tuple[str, ...]], header: tuple[str, ...], widths: tuple[float, ...]) -> tuple[Table, ...]:
    return (Table(header, widths, (False,) * len(header), tuple(rows)),) if rows else ()


def _name(person: Mapping[str, Any] | None, words: Mapping[str, str]) -> str:
    parts = [] if person is None else [person[one] for one in ("last_name", "first_name") if person[one]]
    return " ".join(parts) or words["no_name"]
