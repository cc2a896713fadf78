"""Small random feeds with every rule of transfers.txt, and questions with every wish.

A feed is one of ``tests.random_feeds`` with rows of transfers.txt that name trips and routes, and trips joined over
midnight; the same seed gives the same for ever.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from tests.general_oracle import GeneralOracle, Prices, Question, Stay, Wishes
from tests.random_feeds import Case, make_case
from tests.route_oracle import Options

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.random_feeds import Rows

WISHES = (
    "routes",
    "trips",
    "stops",
    "walk_factor",
    "longest_walk",
    "min_change",
    "slack",
    "prices",
    "prices",
    "vias",
    "vias",
    "vias",
)


def make_ruled_case(rng: Random, queries: int = 6) -> Case:
    """A random feed with named rules."""
    case = make_case(rng, queries)
    rules = [make_rule(case, rng) for _ in range(rng.choice((0, 2, 4, 8, 12)))]
    if rng.random() < 0.4:
        rules += [make_link(case, rng) for _ in range(rng.randint(1, 3))]
    transfers = [*case.tables["transfers"], *(rule for rule in rules if rule)]
    rng.shuffle(transfers)
    return replace(case, tables=case.tables | {"transfers": transfers})


def make_rule(case: Case, rng: Random) -> dict[str, str]:
    """A row between a call of one trip and a call of another, that names one, both, or their routes."""
    ends = rng.choices(case.tables["stop_times"], k=2)
    if rng.random() < 0.6:
        ends[1] = rng.choice([row for row in case.tables["stop_times"] if row["stop_id"] == ends[0]["stop_id"]])
    routes = {row["trip_id"]: row["route_id"] for row in case.tables["trips"]}
    parents = {row["stop_id"]: row.get("parent_station", "") for row in case.tables["stops"]}
    kind = rng.choice(("0", "1", "1", "2", "2", "2", "3", "3"))
    row = {
        "transfer_type": kind,
        "min_transfer_time": rng.choice(("0", "59", "60", "120", "300")) if kind == "2" or rng.random() < 0.2 else "",
    }
    for side, end in zip(("from", "to"), ends, strict=True):
        stop, trip = end["stop_id"], end["trip_id"]
        row[f"{side}_stop_id"] = parents[stop] if parents[stop] and rng.random() < 0.4 else stop
        names = rng.choice(("trip", "route", "route", "none", "both"))
        row[f"{side}_trip_id"] = trip if names in ("trip", "both") else ""
        row[f"{side}_route_id"] = routes[trip] if names in ("route", "both") else ""
    return row


def make_link(case: Case, rng: Random) -> dict[str, str]:
    """A row that joins or cuts two trips, whatever their times."""
    names = [row["trip_id"] for row in case.tables["trips"]]
    if len(names) < 2:
        return {}
    a, b = rng.sample(names, 2)
    return {"transfer_type": rng.choice("4445"), "from_trip_id": a, "to_trip_id": b}


def open_oracle(case: Case) -> GeneralOracle:
    """The exhaustive search of a case."""
    return GeneralOracle(case.files, Options(case.link_metres, case.change_seconds, case.footpaths))


def make_question(case: Case, oracle: GeneralOracle, row: dict[str, str], rng: Random) -> Question:
    """A question between the ends of a row of a queries file, with wishes."""
    query = oracle.parse_query(row)
    ends = [
        {stop: seconds + rng.choice((0, 0, 0, 60, 300)) for stop, (seconds, _) in found.items()}
        for found in (
            oracle.shortest(oracle.places.meaning[query.from_stop], leaving=True),
            oracle.shortest(oracle.places.meaning[query.to_stop], leaving=False),
        )
    ]
    for end in ends:
        if rng.random() < 0.3:
            end[rng.choice(list(oracle.places.stops))] = rng.choice((0, 60, 600))
    wishes = make_wishes(case, oracle, rng)
    walk = rng.choice((None, None, 0, 120, 900, 3600)) if rng.random() < 0.4 and not wishes.vias else None
    return Question(*ends, query.time, query.window, query.arrive, query.max_transfers, walk, wishes)


def make_wishes(case: Case, oracle: GeneralOracle, rng: Random) -> Wishes:
    """One to four wishes."""
    kinds = set(rng.choices(WISHES, k=rng.randint(1, 4)))
    stops, trips = list(oracle.places.stops), [row["trip_id"] for row in case.tables["trips"]]
    routes = [row["route_id"] for row in case.tables["routes"]]
    named = any(row.get(f"{side}_{what}_id") for row in case.tables["transfers"] for side in ("from", "to")
                for what in ("trip", "route"))  # fmt: skip
    makers: dict[str, Callable[[], object]] = {
        "routes": lambda: some(routes, rng, 0.75),
        "trips": lambda: some(trips, rng, 0.85),
        "stops": lambda: some(stops, rng, 0.85),
        "walk_factor": lambda: rng.choice((0.5, 1.25, 1.5, 2.0)),
        "longest_walk": lambda: rng.choice((0, 30, 60, 120)),
        "min_change": lambda: rng.choice((60, 180, 300)),
        "slack": lambda: rng.choice((30, 120)),
        "prices": lambda: make_prices(stops, trips, routes, rng),
        "vias": lambda: tuple(make_via(stops, rng) for _ in range(rng.choice((1, 1, 1, 2, 2, 3)))),
    }
    wishes = Wishes(**{kind: makers[kind]() for kind in sorted(kinds)})
    if not named and rng.random() < 0.1:
        return replace(wishes, footpaths=make_walks(stops, rng))
    return wishes


def some(names: list[str], rng: Random, share: float) -> frozenset[str]:
    """A part of them."""
    return frozenset(name for name in names if rng.random() < share)


def make_prices(stops: list[str], trips: list[str], routes: list[str], rng: Random) -> Prices:
    """Prices of everything, or of a part."""
    return Prices(
        rng.choice((0, 1, 3)),
        {trip: rng.choice((0, 0, 50, 200, 1000)) for trip in trips} if rng.random() < 0.8 else {},
        {stop: rng.choice((0, 0, 10, 300)) for stop in stops} if rng.random() < 0.4 else {},
        {route: rng.choice((0, 1, 70, 400)) for route in routes} if rng.random() < 0.4 else {},
    )


def make_via(stops: list[str], rng: Random) -> Stay:
    """A place by one to three stops: they are the place, or lie beside it."""
    near = rng.sample(stops, min(len(stops), rng.randint(1, 3)))
    walks = rng.choice((((0, 0),), ((60, 60), (30, 45), (300, 120))))
    return Stay({stop: rng.choice(walks) for stop in near}, rng.choice((0, 0, 60, 600)))


def make_walks(stops: list[str], rng: Random) -> Rows:
    """Walks instead of the feed's."""
    return [
        {"from_stop": rng.choice(stops), "to_stop": rng.choice(stops), "seconds": str(rng.choice((0, 45, 240)))}
        for _ in range(rng.randint(0, 6))
    ]


def seeded(seed: int) -> tuple[Case, Random]:
    """The case of a seed, and what draws its questions."""
    rng = Random(seed)
    return make_ruled_case(rng), rng
