"""An obviously right reading of live data: the runs of a small feed as they are now, one after the other.

Runs are those of ``tests.route_oracle``. What GTFS-Realtime leaves open is read like this:

times of a run
    What a call says counts: a time, else a delay. Where a call says nothing, the delay of the call before carries on
    (at first that of the whole trip, else none); a skipped call carries it on too. A call that says it has no data, or
    that it runs as planned and nothing else, ends it: from there on the planned times. Where only the departure is
    said, the arrival has the delay carried so far, else the departure's; where only the arrival is said, the departure
    has its delay. What is said never runs back: the later call waits. What is only carried on lies between what is
    said before and after it.
the vehicle's next trip
    Where one may stay seated by the timetable, and also where a row of transfers.txt joins two trips but lets nobody
    stay (type 5): the vehicle is the same. Without an update of its own it leaves no earlier than the trip before it
    arrives, and keeps that delay to its end. So on, to the trip after; where a trip is gone, the vehicle goes on from
    the end of the one before to what was to follow the one that is gone.
staying seated
    In the blocks of the timetable without the trips that are gone, where the next still leaves no earlier than the one
    before arrives.
skipped calls
    The vehicle may pass, nobody gets on or off.
a duplicate
    Has the calls of its trip, all moved as the first departure is moved; what its calls say counts.
a new trip or a replacement
    Has the calls it names, at the times it says; where one of arrival and departure is missing it is the other.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from tests.route_oracle import Call, Readings, Run, begin_day, list_seams

from mobigo.transit.live import CallRelation, Relation

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date
    from zoneinfo import ZoneInfo

    from tests.route_oracle import Oracle

    from mobigo.transit.live import CallUpdate, TripUpdate

LOST = (Relation.CANCELED, Relation.DELETED)


class Times(NamedTuple):
    """Arrivals and departures in turn, and which of them somebody said."""

    at: list[int]
    said: list[bool]


class LiveOracle:
    """The runs of a day as they are, given what is said about them.

    Parameters
    ----------
    oracle : Oracle
        The feed.
    sequences : dict
        stop_sequence of each call, by trip.
    """

    def __init__(self, oracle: Oracle, sequences: dict[str, list[int]]) -> None:
        self.oracle = oracle
        self.sequences = sequences
        self.zone: ZoneInfo = oracle.zone

    def lay_over(self, updates: Iterable[TripUpdate]) -> tuple[list[Run], dict[int, list[int]]]:
        """The runs as they are now, and their seams."""
        runs = list(self.oracle.runs)
        told: dict[int, TripUpdate] = {}
        gone: set[int] = set()
        new: list[Run] = []
        for update in updates:
            number = self.find(update)
            if update.relation in LOST:
                gone.add(number)
            if update.relation is Relation.REPLACEMENT:
                told[number] = update
            elif update.relation is Relation.NEW:
                new.append(self.make(update, update.trip_id, update.start_date))
            elif update.relation is Relation.DUPLICATED:
                new.append(self.copy(update, runs[number]))
            elif update.relation is Relation.SCHEDULED:
                told[number] = update
        for number, update in told.items():
            if update.relation is Relation.REPLACEMENT:  # by the same vehicle
                runs[number] = self.make(update, runs[number].trip, runs[number].day)
            else:
                runs[number] = self.run_as(runs[number], update.calls, update.delay)
        self.carry_through_blocks(runs, told, gone)
        kept = [number for number in range(len(runs)) if number not in gone]
        plan = list_seams(self.oracle.tables, [self.oracle.runs[number] for number in kept], Readings())
        left = [runs[number] for number in kept]
        seams = {
            a: [b for b in nexts if left[b].calls[0].departure >= left[a].calls[-1].arrival]
            for a, nexts in plan.items()
        }
        return left + new, seams

    def find(self, update: TripUpdate) -> int:
        """The run an update is about; -1 for none."""
        found = [
            number
            for number, run in enumerate(self.oracle.runs)
            if (run.trip, run.day) == (update.trip_id, update.start_date)
            and (update.start_time is None or run.starts == update.start_time)
        ]
        return found[0] if found else -1

    def position(self, run: Run, call: CallUpdate) -> int:
        """Which call of the run is meant."""
        if call.sequence is not None:
            return self.sequences[run.trip].index(call.sequence)
        return [one.stop for one in run.calls].index(call.stop_id)

    def run_as(self, run: Run, calls: Iterable[CallUpdate], delay: int | None) -> Run:
        """The run with the times that are said and carried on."""
        said = {self.position(run, call): call for call in calls}
        times = settle(tell_times(run, said, delay))
        now = []
        for n, call in enumerate(run.calls):
            update = said.get(n)
            stop = (update.assigned_stop_id if update else None) or call.stop
            arrival, departure = times[2 * n : 2 * n + 2]
            served = update is None or update.relation is not CallRelation.SKIPPED
            now.append(Call(stop, arrival, departure, call.boards and served, call.alights and served))
        return run._replace(calls=tuple(now))

    def make(self, update: TripUpdate, trip: str | None, day: date | None) -> Run:
        """A run of the calls that an update names."""
        assert trip is not None
        assert day is not None
        calls = []
        for one in update.calls:
            arrival = one.arrival if one.arrival is not None else one.departure
            departure = one.departure if one.departure is not None else one.arrival
            assert arrival is not None
            assert departure is not None
            served = one.relation is not CallRelation.SKIPPED
            calls.append(Call(one.stop_id or "", arrival, departure, served, served))
        return Run(trip, day, tuple(calls))

    def copy(self, update: TripUpdate, run: Run) -> Run:
        """The duplicate of a run."""
        assert update.new_start_date is not None
        assert update.new_start_time is not None
        assert update.new_trip_id is not None
        move = begin_day(update.new_start_date, self.zone) + update.new_start_time - run.calls[0].departure
        moved = tuple(call._replace(arrival=call.arrival + move, departure=call.departure + move) for call in run.calls)
        other = self.run_as(run._replace(calls=moved), update.calls, update.delay)
        return other._replace(trip=update.new_trip_id, day=update.new_start_date)

    def list_vehicles(self) -> dict[int, list[int]]:
        """For each run those that its vehicle goes on as, by the timetable."""
        rows = [
            row | {"transfer_type": row["transfer_type"].replace("5", "4")} for row in self.oracle.tables["transfers"]
        ]
        return list_seams(self.oracle.tables | {"transfers": rows}, self.oracle.runs, Readings())

    def carry_through_blocks(self, runs: list[Run], told: dict[int, TripUpdate], gone: set[int]) -> None:
        """Let the next trips of late vehicles leave late."""
        before = defaultdict(list)
        for a, nexts in self.list_vehicles().items():
            for b in nexts:
                before[b].append(a)
        free = {number: run.calls[-1].arrival for number, run in enumerate(runs) if number not in gone}
        order = sorted(before, key=lambda number: self.oracle.runs[number].calls[0].departure)
        for number in order:
            ends = max((free[a] for a in before[number] if a in free), default=0)
            if number in gone:
                free[number] = ends
                continue
            late = ends - runs[number].calls[0].departure
            if late > 0 and number not in told:
                free[number] += late
                calls = (
                    call._replace(arrival=call.arrival + late, departure=call.departure + late)
                    for call in runs[number].calls
                )
                runs[number] = runs[number]._replace(calls=tuple(calls))


def tell_times(run: Run, said: dict[int, CallUpdate], delay: int | None) -> Times:
    """What is said, and what is carried on in between."""
    at: list[int] = []
    known: list[bool] = []
    for n, call in enumerate(run.calls):
        update = said.get(n)
        arrival, departure = call.arrival + (delay or 0), call.departure + (delay or 0)
        if update is None or update.relation is CallRelation.SKIPPED:
            at += [arrival, departure]
            known += [False, False]
            continue
        given = (tell(update.arrival, update.arrival_delay, call.arrival),
                 tell(update.departure, update.departure_delay, call.departure))  # fmt: skip
        if update.relation is CallRelation.NO_DATA or given == (None, None):
            delay = None
            at += [call.arrival, call.departure]
        elif given[0] is None:
            late = given[1] - call.departure
            at += [call.arrival + (late if delay is None else delay), given[1]]
            delay = late
        elif given[1] is None:
            delay = given[0] - call.arrival
            at += [given[0], call.departure + delay]
        else:
            delay = given[1] - call.departure
            at += [given[0], given[1]]
        served = update.relation is not CallRelation.NO_DATA
        known += [served and given[0] is not None, served and given[1] is not None]
    return Times(at, known)


def tell(moment: int | None, delay: int | None, planned: int) -> int | None:
    """The time that is said, if any."""
    if moment is not None:
        return moment
    return None if delay is None else planned + delay


def settle(times: Times) -> list[int]:
    """Times that do not run back: of what is said the later waits; the rest lies in between."""
    at = list(times.at)
    latest = None
    for n, said in enumerate(times.said):
        if said:
            latest = at[n] = at[n] if latest is None else max(latest, at[n])
    bound = None
    for n in reversed(range(len(at))):
        if times.said[n]:
            bound = at[n]
        elif bound is not None:
            at[n] = min(at[n], bound)
    for n in range(1, len(at)):
        at[n] = max(at[n - 1], at[n])
    return at
