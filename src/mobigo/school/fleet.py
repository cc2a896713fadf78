"""Kinds of vehicles that a year's register knows, for planning."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from mobigo.school.model import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mobigo.school.book import Book
    from mobigo.school.register import Vehicle

CO2_GRAMS = 850
"""Per kilometre, of a coach of which nothing else is known (class of 12 m, diesel; the register's figure wins)."""

METRES_OF_A_KILOMETRE = 1_000
SECONDS_OF_AN_HOUR = 3_600


class Model(NamedTuple):
    """A kind of vehicle as staff know it."""

    make: str
    """``coach``, ``midicoach``, ``minibus`` or ``car``."""
    seats: int
    wheelchairs: int = 0
    seats_per_wheelchair: int = 0
    day_cents: int | None = None
    km_cents: int | None = None
    hour_cents: int | None = None
    grams: int = CO2_GRAMS

    def plain(self) -> dict[str, Any]:
        """Return it for a document."""
        return self._asdict()


def list_models(vehicles: Iterable[Vehicle], seats: int) -> list[Model]:
    """List the kinds of vehicles of a register, the largest first.

    Parameters
    ----------
    seats
        Of the largest: what others have more is not used, and where none has as many the largest is taken to have them.
        A register without vehicles has coaches of so many.

    Returns
    -------
    list of Model
        With costs as the register has them; a cost that is known of some vehicles only is the middle one of those.
    """
    known = list(vehicles)
    middle = {name: _middle(known, name) for name in ("day_cents", "km_cents", "hour_cents", "grams")}
    found = {_describe(one, middle) for one in known}
    models = sorted(found, key=lambda one: (-one.seats, one.wheelchairs, one.make, one.day_cents or 0, str(one)))
    if not models:
        return [Model("coach", seats)]
    largest = models[0].seats
    models = [one._replace(seats=seats if one.seats == largest else min(one.seats, seats)) for one in models]
    return list(dict.fromkeys(models))


def number_vehicles(vehicles: Iterable[Vehicle], fleet: Sequence[Model], seats: int) -> dict[str, int]:
    """Give each vehicle of the register its kind's place in the fleet that `list_models` made of them."""
    known = list(vehicles)
    largest = max((one.seats for one in known), default=0)
    found = {}
    for one in known:
        room = seats if one.seats == largest else min(one.seats, seats)
        alike = [
            number
            for number, kind in enumerate(fleet)
            if (kind.make, kind.seats, kind.wheelchairs) == (one.make, room, one.wheelchairs)
        ]
        found[one.id] = alike[0] if alike else 0
    return found


def choose_vehicles(document: Mapping[str, Any], book: Book) -> dict[int, Vehicle]:
    """Choose a vehicle of the register for each vehicle of a plan, those of locked circuits left out.

    Each is of the kind that the plan wants, in all sessions; the one that drives most of the same pupils' way today,
    else the first that is free. A plan that needs more vehicles than the register has leaves the others open.

    Returns
    -------
    dict
        By number of the plan's vehicle.
    """
    fleet = [Model(**one) for one in document["fleet"]]
    numbers = number_vehicles(book.vehicles, fleet, book.limits.seats)
    taken = {circuit.vehicle for circuit in book.circuits if circuit.locked}
    circuits = {run.id: run.circuit for run in book.runs}
    drives = {circuit.id: circuit.vehicle for circuit in book.circuits}
    today: dict[str, set[str]] = defaultdict(set)
    for seat in book.seats:
        today[f"{seat.pupil}/{seat.home}"].add(str(drives[circuits[seat.run]]))
    kinds: dict[int, int] = {}
    same: Counter[tuple[int, str]] = Counter()
    for session in document["sessions"]:
        for run in session["runs"]:
            # the larger of two kinds, which come first, holds what the other does
            kinds[run["vehicle"]] = min(run["kind"], kinds.get(run["vehicle"], run["kind"]))
            for call in run["calls"]:
                same.update((run["vehicle"], vehicle) for pupil in call["pupils"] for vehicle in today.get(pupil, ()))
    known = {one.id: one for one in book.vehicles if one.id not in taken and _is_as(one, fleet[numbers[one.id]])}
    found: dict[int, Vehicle] = {}
    pairs = sorted(same, key=lambda pair: (-same[pair], pair))
    for number, id_ in [*pairs, *((number, id_) for number in sorted(kinds) for id_ in sorted(known))]:
        if number not in found and id_ in known and numbers[id_] == kinds[number]:
            found[number] = known.pop(id_)
    return found


def _is_as(one: Vehicle, kind: Model) -> bool:
    """Tell whether a vehicle still holds what its kind did when the plan was made."""
    return one.make == kind.make and one.seats >= kind.seats and one.wheelchairs >= kind.wheelchairs


def _describe(one: Vehicle, middle: Mapping[str, int | None]) -> Model:
    return Model(
        one.make,
        one.seats,
        one.wheelchairs,
        one.seats_per_wheelchair,
        middle["day_cents"] if one.day_cents is None else one.day_cents,
        middle["km_cents"] if one.km_cents is None else one.km_cents,
        middle["hour_cents"] if one.hour_cents is None else one.hour_cents,
        middle["grams"] or CO2_GRAMS if one.grams is None else one.grams,
    )


def _middle(vehicles: Sequence[Vehicle], name: str) -> int | None:
    values = [value for one in vehicles if (value := getattr(one, name)) is not None]
    return round(statistics.median(values)) if values else None


def is_priced(models: Sequence[Model]) -> bool:
    """Tell whether any cost is known."""
    return any(one.day_cents or one.km_cents or one.hour_cents for one in models)


def to_kinds(models: Sequence[Model]) -> tuple[Kind, ...]:
    """Return kinds as the optimiser takes them for one session; where no cost is known, a metre costs one.

    A vehicle is paid by the day and goes out twice: half of its day's price is counted in each session.
    """
    priced = is_priced(models)
    return tuple(
        Kind(
            one.seats,
            one.wheelchairs,
            one.seats_per_wheelchair,
            (one.day_cents or 0) / 2,
            (one.km_cents or 0) / METRES_OF_A_KILOMETRE if priced else 1.0,
            (one.hour_cents or 0) / SECONDS_OF_AN_HOUR,
        )
        for one in models
    )
