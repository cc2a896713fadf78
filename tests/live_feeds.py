"""Random live data about small random feeds: every relation, every way to say a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.route_oracle import begin_day

from mobigo.transit.live import CallRelation, CallUpdate, Relation, TripUpdate

if TYPE_CHECKING:
    from random import Random

    from tests.random_feeds import Case
    from tests.route_oracle import Oracle, Run

DELAYS = (-120, -30, 0, 0, 45, 60, 300, 900, 4000)
KINDS = (Relation.SCHEDULED,) * 12 + (
    Relation.CANCELED,
    Relation.CANCELED,
    Relation.DELETED,
    Relation.REPLACEMENT,
    Relation.DUPLICATED,
    Relation.NEW,
)


def list_sequences(case: Case) -> dict[str, list[int]]:
    """stop_sequence of each call, by trip."""
    found: dict[str, list[int]] = {}
    for row in case.tables["stop_times"]:
        found.setdefault(row["trip_id"], []).append(int(row["stop_sequence"]))
    return {trip: sorted(numbers) for trip, numbers in found.items()}


def make_updates(case: Case, oracle: Oracle, rng: Random) -> list[TripUpdate]:
    """Updates of a part of the runs, one each."""
    sequences = list_sequences(case)
    repeated = {row["trip_id"] for row in case.tables["frequencies"]}
    chosen = [run for run in oracle.runs if rng.random() < rng.choice((0.15, 0.5))]
    return [
        make_update(run, sequences[run.trip], oracle, rng, Relation.SCHEDULED if run.trip in repeated else None, n)
        for n, run in enumerate(chosen)
    ]


def make_update(  # noqa: PLR0917  all that draws one
    run: Run, sequence: list[int], oracle: Oracle, rng: Random, relation: Relation | None, number: int
) -> TripUpdate:
    """One update about a run."""
    frequent = relation is not None
    relation = relation or rng.choice(KINDS)
    if relation is Relation.NEW and run.starts > 86400:
        relation = Relation.CANCELED
    about: dict[str, Any] = {"trip_id": run.trip, "start_date": run.day, "relation": relation}
    if frequent:
        about["start_time"] = run.starts
    if relation is Relation.NEW:
        about["trip_id"] = f"new{number}"
    if relation in {Relation.NEW, Relation.REPLACEMENT}:
        return TripUpdate(**about, calls=make_calls(run, oracle, rng))
    if relation is Relation.DUPLICATED:
        other = begin_day(run.day, oracle.zone)
        moved = run.calls[0].departure + rng.choice((600, 1800, -900)) - other
        about |= {"new_trip_id": f"copy{number}", "new_start_date": run.day, "new_start_time": max(0, moved)}
        return TripUpdate(**about)
    if relation is not Relation.SCHEDULED:
        return TripUpdate(**about)
    calls = tuple(
        say_call(run, n, sequence, rng) for n in range(len(run.calls)) if rng.random() < rng.choice((0.3, 0.7))
    )
    return TripUpdate(**about, calls=calls, delay=rng.choice(DELAYS) if not calls or rng.random() < 0.2 else None)


def say_call(run: Run, n: int, sequence: list[int], rng: Random) -> CallUpdate:
    """What is said about a call, by its number or its stop."""
    call, stops = run.calls[n], [one.stop for one in run.calls]
    about: dict[str, Any] = {}
    if stops.count(call.stop) > 1 or rng.random() < 0.5:
        about["sequence"] = sequence[n]
    if not about or rng.random() < 0.5:
        about["stop_id"] = call.stop
    kind = rng.random()
    if kind < 0.12:
        return CallUpdate(**about, relation=CallRelation.SKIPPED)
    if kind < 0.2:
        return CallUpdate(**about, relation=CallRelation.NO_DATA)
    for side in rng.choice((("arrival",), ("departure",), ("arrival", "departure"))):
        late = rng.choice(DELAYS)
        if rng.random() < 0.5:
            about[side] = getattr(call, side) + late
        else:
            about[f"{side}_delay"] = late
    return CallUpdate(**about)


def make_calls(run: Run, oracle: Oracle, rng: Random) -> tuple[CallUpdate, ...]:
    """All calls of a trip that is not in the timetable."""
    clock = run.calls[0].departure + rng.choice((0, 60, 600))
    calls = []
    for n, stop in enumerate(rng.sample(list(oracle.places.stops), min(len(oracle.places.stops), rng.randint(2, 4)))):
        arrival = clock
        clock += rng.choice((0, 0, 60))
        calls.append(CallUpdate(sequence=n + 1, stop_id=stop, arrival=arrival, departure=clock))
        clock += rng.choice((60, 180, 600))
    return tuple(calls)
