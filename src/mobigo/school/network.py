"""The school network as it is driven: circuits with their runs, halts and numbers of pupils, from the register."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mobigo.kit.errors import NotFound
from mobigo.school.register import SHEETS, Call, Circuit, Operator, Run, School, Seat, Stop, Vehicle
from mobigo.school.register_store import list_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from psycopg import Connection


@dataclass(frozen=True)
class Network:
    """All circuits of a school year."""

    year: str
    schools: Mapping[str, School]
    stops: Mapping[str, Stop]
    operators: Mapping[str, Operator]
    vehicles: Mapping[str, Vehicle]
    circuits: Mapping[str, Circuit]
    runs: Mapping[str, Run]
    calls: Mapping[str, Sequence[Call]]
    """Of each run, in order."""
    seats: Mapping[str, Sequence[Seat]]
    """Of each run."""

    def get_circuit(self, id_: str) -> Circuit:
        """Return a circuit.

        Raises
        ------
        NotFound
            ``unknown_circuit``.
        """
        if id_ not in self.circuits:
            raise NotFound(f"{self.year} has no circuit {id_[:40]!r}; list its circuits", code="unknown_circuit")
        return self.circuits[id_]

    def get_school(self, id_: str) -> School:
        """Return a school.

        Raises
        ------
        NotFound
            ``unknown_school``.
        """
        if id_ not in self.schools:
            raise NotFound(f"{self.year} has no school {id_[:40]!r}; list its schools", code="unknown_school")
        return self.schools[id_]

    def list_runs(self, circuit: str) -> list[Run]:
        """List a circuit's runs by weekday and time."""
        mine = [run for run in self.runs.values() if run.circuit == circuit and self.calls.get(run.id)]
        return sorted(mine, key=lambda run: (self.calls[run.id][0].at, run.weekdays, run.id))

    def name_call(self, call: Call) -> str:
        """Return the name of where a call is."""
        if call.school is not None:
            return self.schools[call.school].name
        return self.stops[str(call.stop)].name

    def count_pupils(self, run: str, stop: str) -> int:
        """Count the pupils who get on or off a run at a stop."""
        return sum(seat.stop == stop for seat in self.seats.get(run, ()))


def read_network(connection: Connection[Any], year: str) -> Network:
    """Read a year's circuits."""

    def rows(name: str) -> list[Any]:
        sheet = SHEETS[name]
        return [sheet.noun(**row) for row in list_rows(connection, year, sheet)]

    calls: dict[str, list[Call]] = defaultdict(list)
    for call in rows("calls"):
        calls[call.run].append(call)
    for some in calls.values():
        some.sort(key=lambda one: one.position)
    seats: dict[str, list[Seat]] = defaultdict(list)
    for seat in rows("seats"):
        seats[seat.run].append(seat)
    by_id = {
        name: {one.id: one for one in rows(name)}
        for name in ("schools", "stops", "operators", "vehicles", "circuits", "runs")
    }
    return Network(year, **by_id, calls=calls, seats=seats)
