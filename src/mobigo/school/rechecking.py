"""A plan after a change by hand: the same runs with their new times, and a sentence for everything that breaks.

Nothing is planned anew, so the answer is there at once: only drives from and to a moved stop are measured. Runs of
locked circuits stay as they are; a change that would touch them breaks.
"""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mobigo.kit.geo import Point
from mobigo.school.attendance import CELLS, Need, fill, find_days
from mobigo.school.demand import MORNING
from mobigo.school.sentences import say
from mobigo.street.coach import Period, Stand
from mobigo.street.drives import NO_WAY

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from mobigo.school.book import Book
    from mobigo.school.demand import Rider
    from mobigo.street.drives import Drives, Place


class Break(NamedTuple):
    """Something that does not hold any more."""

    kind: str
    """``seats``, ``ride``, ``link``, ``stop_closed``, ``no_run``, ``unreached``, ``locked``, ``lock``."""
    session: str
    run: str
    text: str
    text_fr: str


def recheck(
    before: Book,
    after: Book,
    document: Mapping[str, Any],
    find_drives: Callable[[Period], Drives],
    find_riders: Callable[[Collection[str]], Mapping[str, Rider]],
) -> tuple[list[dict[str, Any]], list[Break]]:
    """Carry changes into a plan's runs.

    Parameters
    ----------
    before, after
        The year as it was planned, and with the changes.
    find_riders
        Returns pupils by key.

    Returns
    -------
    list of dict, list of Break
        The runs that changed, as in the document and with the ``session``; and what breaks.
    """
    changed, broken = [], []
    for session in document["sessions"]:
        one = _Session(before, after, session, find_drives, document.get("fleet", ()))
        one.move_pupils(document["stops"])
        one.spare_locked()
        one.move_times()
        changed += one.changed
        broken += one.breaks(find_riders)
    return changed, [*_find_locks(before, after), *broken]


def _find_locks(before: Book, after: Book) -> list[Break]:
    """Say of circuits that are locked or set free that this takes a new plan."""
    was = {circuit.id: circuit.locked for circuit in before.circuits}
    return [
        Break(
            "lock", "", one.id, *say("break_lock" if one.locked else "break_unlock", circuit=f"{one.name} ({one.id})")
        )
        for one in after.circuits
        if one.locked != was.get(one.id, one.locked)
    ]


class _Session:
    """The runs of one session while they are changed."""

    def __init__(
        self,
        before: Book,
        after: Book,
        session: Mapping[str, Any],
        find_drives: Callable[[Period], Drives],
        fleet: Sequence[Mapping[str, Any]],
    ) -> None:
        self._fleet = fleet
        self._book, self._session, self._find_drives = after, session, find_drives
        self._name, self._forwards = session["name"], session["way"] == MORNING
        self._runs = [{**run, "calls": [{**call} for call in run["calls"]]} for run in session["runs"]]
        self._touched: set[str] = set()
        self._wanted: dict[str, str] = {}
        self._broken: list[Break] = []
        was = {stop.id: stop for stop in before.stops}
        self._stops = {stop.id: stop for stop in after.stops}
        self._moved = {
            id_
            for id_, stop in self._stops.items()
            if id_ in was and (stop.lat, stop.lon, stop.bearing) != (was[id_].lat, was[id_].lon, was[id_].bearing)
        }
        self._shut = {id_ for id_, stop in self._stops.items() if not stop.open and id_ in was and was[id_].open}
        self._schools = {school.id: school for school in after.schools}
        self._bells: dict[tuple[str, str, str], list[int]] = defaultdict(list)
        for bell in after.bells:
            if set(session["weekdays"]) <= set(bell.weekdays):
                self._bells[bell.school, bell.trip, bell.riders].append(bell.at)

    @property
    def changed(self) -> list[dict[str, Any]]:
        """List the runs that are not what they were."""
        return [{**run, "session": self._name} for run in self._runs if run["id"] in self._touched]

    def move_pupils(self, stops: Mapping[str, str]) -> None:
        """Send pupils to the stops that were decided, on a run to their school that halts there."""
        wanted = {
            f"{pupil}/{home}": stop
            for (pupil, home), stop in self._book.pins.items()
            if stops.get(f"{pupil}/{home}") not in {None, stop}
        }
        self._wanted = dict(wanted)
        for run in self._runs:
            for call in run["calls"]:
                going = [one for one in call["pupils"] if one in wanted]
                if not going:
                    continue
                call["pupils"] = [one for one in call["pupils"] if one not in wanted]
                self._touched.add(run["id"])
                for one in going:
                    self._seat(one, wanted[one], run)
                    del wanted[one]
        for run in self._runs:
            for call in run["calls"]:
                if call["stop"] in self._shut and call["pupils"]:
                    self._touched.add(run["id"])
                    stop, pupils = self._label(call["stop"]), len(call["pupils"])
                    self._break("stop_closed", run, stop=stop, pupils=pupils)

    def spare_locked(self) -> None:
        """Say which changes locked circuits do not follow: pupils sent elsewhere, stops moved or closed, bells."""
        for run in self._session.get("kept", ()):
            for call in run["calls"]:
                for one in call["pupils"]:
                    if one in self._wanted and call["stop"] != self._wanted[one]:
                        stop = self._label(self._wanted[one])
                        self._break("locked", run, "locked_pupil", run=run["id"], pupil=one, stop=stop)
                if call["stop"] in self._moved | self._shut:
                    self._break("locked", run, "locked_stop", run=run["id"], stop=self._label(call["stop"]))
            bell = self._find_bell(run)
            if bell != run["bell"]:
                self._break("locked", run, "locked_bell", run=run["id"], school=self._school(run))

    def _seat(self, pupil: str, stop: str, former: Mapping[str, Any]) -> None:
        alike = ("school", "trip", "riders", "bell")
        for run in self._runs:
            if all(run[name] == former[name] for name in alike):
                for call in run["calls"]:
                    if call["stop"] == stop:
                        call["pupils"] = [*call["pupils"], pupil]
                        self._touched.add(run["id"])
                        return
        self._break("no_run", former, school=self._school(former), stop=self._label(stop), pupil=pupil)

    def move_times(self) -> None:
        """Give every touched run its times: bells that moved, stops that moved, halts with more or fewer pupils."""
        for run in self._runs:
            bell = self._find_bell(run)
            here = [call["stop"] in self._moved for call in run["calls"]]
            if bell != run["bell"] or any(here):
                self._touched.add(run["id"])
            if run["id"] in self._touched:
                self._time(run, bell, here)

    def _find_bell(self, run: Mapping[str, Any]) -> int:
        bells = self._bells[run["school"], run["trip"], run["riders"]]
        return min(bells, key=lambda at: abs(at - run["bell"]), default=run["bell"])

    def _time(self, run: dict[str, Any], bell: int, moved: Sequence[bool]) -> None:
        """Time a run anew, from the school backwards in the morning, from it forwards on the way home."""
        calls = run["calls"]
        former = next(one for one in self._session["runs"] if one["id"] == run["id"])
        legs = self._measure(run, former, moved)
        if legs is None:
            return
        halts = [self._halt(len(call["pupils"])) for call in calls]
        unloading = abs(run["at"] - run["bell"])
        run["bell"], run["at"] = bell, bell + (-unloading if self._forwards else unloading)
        if self._forwards:
            clock = float(run["at"])
            for number in reversed(range(len(calls))):
                clock -= legs[number] + halts[number]
                calls[number]["at"] = int(clock)
            ride = run["at"] - calls[0]["at"] - halts[0]
        else:
            clock = float(run["at"])
            for number, call in enumerate(calls):
                clock += legs[number]
                call["at"] = int(clock)
                clock += halts[number]
            ride = calls[-1]["at"] - run["at"]
        run["longest_ride"] = round(ride)

    def _measure(self, run: Mapping[str, Any], former: Mapping[str, Any], moved: Sequence[bool]) -> list[float] | None:
        """Return the seconds of a run's drives, in driving order; None where a stop cannot be reached."""
        calls, old = run["calls"], former["calls"]
        times = (
            [*(call["at"] for call in old), former["at"]] if self._forwards else [former["at"], *(c["at"] for c in old)]
        )
        halts = [self._halt(len(call["pupils"])) for call in old]
        legs: list[float] = []
        for number in range(len(calls)):
            begin, end = times[number], times[number + 1]
            stood = halts[number] if self._forwards else (halts[number - 1] if number else 0.0)
            legs.append(max(0.0, end - begin - stood))
        school = self._schools[run["school"]]
        ends: list[Place] = [self._place(call["stop"]) for call in calls]
        at_school = Point(float(school.lon or 0), float(school.lat or 0))
        way = [*ends, at_school] if self._forwards else [at_school, *ends]
        here = [*moved, False] if self._forwards else [False, *moved]
        anew = [number for number in range(len(legs)) if here[number] or here[number + 1]]
        if anew:
            found = self._drives().pairs([way[n] for n in anew], [way[n + 1] for n in anew]).tolist()
            for number, seconds in zip(anew, found, strict=True):
                if seconds == NO_WAY:
                    call = calls[number] if moved[min(number, len(calls) - 1)] else calls[max(0, number - 1)]
                    self._break("unreached", run, stop=self._label(call["stop"]))
                    return None
                legs[number] = float(seconds)
        return legs

    def _drives(self) -> Drives:
        return self._find_drives(
            Period.MORNING if self._forwards else Period.at(max(run["bell"] for run in self._session["runs"]))
        )

    def _place(self, stop: str) -> Place:
        one = self._stops.get(stop)
        if one is None:  # a door: where it is does not matter, it never moves
            return Point(0.0, 0.0)
        return Point(one.lon, one.lat) if one.bearing is None else Stand(one.lon, one.lat, one.bearing)

    def _halt(self, pupils: int) -> float:
        return self._book.limits.halt + self._book.limits.each * pupils if pupils else 0.0

    def breaks(self, find_riders: Callable[[Collection[str]], Mapping[str, Rider]]) -> list[Break]:
        """List what breaks: seats and rides of touched runs, and vehicles that come too late to their next run."""
        limits = self._book.limits
        together: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for run in self._runs:
            together[run.get("tour") or run["id"]].append(run)
        touched = [mine for mine in together.values() if self._touched & {run["id"] for run in mine}]
        keys = {pupil.partition("/")[0] for mine in touched for run in mine for pupil in _list_aboard(run)}
        riders = find_riders(keys)
        for mine in touched:
            self._check_seats(mine, riders)
        for run in self._runs:
            if run["id"] not in self._touched:
                continue
            longest = limits.ride[self._schools[run["school"]].level]
            if run["longest_ride"] > longest:
                minutes = math.ceil(run["longest_ride"] / 60)
                self._break("ride", run, run=run["id"], minutes=minutes, longest=longest // 60)
        self._check_links()
        return self._broken

    def _check_seats(self, runs: Sequence[Mapping[str, Any]], riders: Mapping[str, Rider]) -> None:
        """Say when more are aboard at once, on any day, than the vehicle of runs that are driven together has room."""
        kind: Mapping[str, Any] = {}
        if 0 <= (number := runs[0].get("kind", -1)) < len(self._fleet):
            kind = self._fleet[number]
        room = min(self._book.limits.seats, kind.get("seats", self._book.limits.seats))
        halts = []
        for run in runs:
            halts += [(call["at"], 1, [(run, one) for one in call["pupils"]]) for call in run["calls"]]
            halts.append((run["at"], -1, [(run, one) for one in _list_aboard(run)]))
        taken = np.zeros((CELLS, 2), np.int32)
        seats = chairs = 0
        # homewards everybody gets on at the schools and off at the halts: the same in reversed time
        for _, sign, some in sorted(halts, key=lambda one: one[:2], reverse=not self._forwards):
            taken += sign * fill([need for run, one in some if (need := self._find_need(run, one, riders))])
            seats = max(seats, int((taken[:, 0] + kind.get("seats_per_wheelchair", 0) * taken[:, 1]).max()))
            chairs = max(chairs, int(taken[:, 1].max()))
        run = runs[0]
        if seats > room:
            self._break("seats", run, run=run["id"], pupils=seats, seats=room)
        if chairs > kind.get("wheelchairs", 0):
            self._break("seats", run, "chairs", run=run["id"], pupils=chairs, places=kind.get("wheelchairs", 0))

    def _find_need(self, run: Mapping[str, Any], pupil: str, riders: Mapping[str, Rider]) -> Need | None:
        """Return what a pupil takes up; None of one who left the register meanwhile."""
        key, _, number = pupil.partition("/")
        rider = riders.get(key)
        home = next((one for one in rider.homes if one.number == int(number)), None) if rider else None
        if rider is None or home is None:
            return None
        days = find_days(
            (home.weekdays, home.weeks),
            self._session["weekdays"],
            inward=self._forwards,
            boarding=rider.boarding,
            riders=run["riders"],
        )
        return Need(days, "wheelchair" in rider.needs, "escort" in rider.needs)

    def _check_links(self) -> None:
        by_vehicle: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for run in self._runs:
            by_vehicle[run["vehicle"]].append(run)
        former = {run["id"]: run for run in self._session["runs"]}
        for mine in by_vehicle.values():
            mine.sort(key=lambda run: run["at"])
            for first, second in pairwise(mine):
                if not self._touched & {first["id"], second["id"]}:
                    continue
                slack = self._slack(first, second, former)
                if slack < 0:
                    minutes = math.ceil(-slack / 60)
                    self._break("link", second, first=first["id"], second=second["id"], minutes=minutes)

    def _slack(
        self, first: Mapping[str, Any], second: Mapping[str, Any], former: Mapping[str, Mapping[str, Any]]
    ) -> float:
        """Seconds that a vehicle has left between two runs; a drive whose ends stay takes at most what it had."""
        free, due = self._span(first)[1], self._span(second)[0]
        near = second["calls"][0]["stop"] if self._forwards else first["calls"][-1]["stop"]
        was_free, was_due = self._span(former[first["id"]])[1], self._span(former[second["id"]])[0]
        slack = -math.inf if near in self._moved else (due - free) - (was_due - was_free)
        if near not in self._stops or slack >= 0:
            return slack
        school = self._schools[(first if self._forwards else second)["school"]]
        other = Point(float(school.lon or 0), float(school.lat or 0))
        way = (other, self._place(near)) if self._forwards else (self._place(near), other)
        seconds = int(self._drives().pairs([way[0]], [way[1]])[0])
        return 0.0 if seconds == NO_WAY else max(slack, due - free - seconds)  # what is not reached is said already

    def _span(self, run: Mapping[str, Any]) -> tuple[float, float]:
        """When a vehicle must be at a run's beginning, and when it is free again."""
        if self._forwards:
            return float(run["calls"][0]["at"]), float(run["bell"])
        last = run["calls"][-1]
        return float(run["bell"]), last["at"] + self._halt(len(last["pupils"]))

    def _break(self, kind: str, about: Mapping[str, Any], sentence: str | None = None, **values: object) -> None:
        self._broken.append(Break(kind, self._name, about["id"], *say(f"break_{sentence or kind}", **values)))

    def _label(self, stop: str) -> str:
        return f"{self._stops[stop].name} ({stop})" if stop in self._stops else stop

    def _school(self, run: Mapping[str, Any]) -> str:
        return self._schools[run["school"]].name


def _list_aboard(run: Mapping[str, Any]) -> list[str]:
    return [pupil for call in run["calls"] for pupil in call["pupils"]]
