"""Examples as text: a feed of a few trips, one question, and its answer worked out by hand.

The first line says the rule that the example shows; each other line begins with a word that says what it is:

    stop E 47.1005 4.0          stops besides A, B, C, D, which lie 11 km apart
    station S A B               a station and its stops
    trip t A 08:00 B 08:30-08:40   stops and times in turn, arrival-departure where they differ; - is no time; a stop
                                may say that nobody gets on, B(on), off, B(off), or by phone only, B(on:phone)
    line 2 t u                  trips of another line than 1, a bus too
    tram 3 v                    trips of a tram
    day 20260329                the day all trips run, if not 2026-06-10
    service 20260611 t          another day on which some trips run instead
    block v t u                 one vehicle
    frequency f 08:00:00 09:00:00 600 0
    transfer B C 2 300          transfers.txt: stops, type, seconds, trips; - is nothing
    rule B C 2/300 trip:t line:2   the same, and who arrives and who leaves, or any
    footpath B C 60             exactly these walks
    option change_seconds 60
    ask A B 08:00 depart 60 0   from, to, when; window in minutes; most changes
    get 08:00 08:30 0 100       departure, arrival, changes; cost

and wishes: ``ride 1 2`` (lines), ``without t u`` (trips), ``closed B`` (stops), ``walk-factor 2``, ``longest-walk 60``,
``min-change 120``, ``slack 60``, ``price walk 1``, ``price trip t 100``, ``price stop B 10``, ``price kilometre 1 50``,
``via 600 B C/60/30`` (stay; stops, walk to the place and from it), ``on-foot 900`` (walking all the way).
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from itertools import zip_longest
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from tests.general_oracle import GeneralOracle, Journey, Prices, Question, Stay, Wishes
from tests.random_feeds import Case
from tests.route_oracle import Options

FAR = {"A": "47.00 4.0", "B": "47.10 4.0", "C": "47.20 4.0", "D": "47.30 4.0"}
"""Stops of every example; E of some lies 55.6 m north of B, 47 s on foot."""

Words = dict[str, list[list[str]]]


class Example(NamedTuple):
    """A rule, a feed that shows it, one question and its answer."""

    rule: str
    case: Case
    answer: list[Journey]
    wishes: Wishes
    walk: int | None
    """Seconds of walking all the way, where the example says so."""


def read_examples(text: str) -> list[Example]:
    """Read examples, an empty line between them."""
    return [read_example(part) for part in text.strip().split("\n\n")]


def read_example(text: str) -> Example:
    """Read the lines of an example."""
    rule, *lines = text.strip().splitlines()
    words: Words = defaultdict(list)
    for line in lines:
        kind, *rest = line.split()
        words[kind].append(rest)
    tables = build_network(words)
    options: dict[str, Any] = {name: int(value) for name, value in words["option"]}
    if words["footpath"]:
        columns = ("from_stop", "to_stop", "seconds")
        options["footpaths"] = [dict(zip(columns, row, strict=True)) for row in words["footpath"]]
    columns = ("from_stop", "to_stop", "time", "direction", "window_minutes", "max_transfers")
    query = {"id": "q"} | dict(zip_longest(columns, words["ask"][0], fillvalue=""))
    case = Case(tables, [query | {"time": on_the_day(query["time"])}], **options)
    answer = [
        Journey(parse_local(a), parse_local(b), *(int(number) for number in rest)) for a, b, *rest in words["get"]
    ]
    return Example(rule, case, sorted(answer), read_wishes(words, tables), last(words, "on-foot", int))


def build_network(words: Words) -> dict[str, list[dict[str, str]]]:
    """Tables of an example."""
    parents = {stop: station for station, *stops in words["station"] for stop in stops}
    blocks = {trip: block for block, *trips in words["block"] for trip in trips}
    lines = {trip: line for line, *trips in words["line"] + words["tram"] for trip in trips}
    services = {trip: day for day, *trips in words["service"] for trip in trips}
    places = FAR | {name: f"{lat} {lon}" for name, lat, lon in words["stop"]}
    places |= dict.fromkeys(parents.values(), "47.5 4.0")
    frequencies = ("trip_id", "start_time", "end_time", "headway_secs", "exact_times")
    day = words["day"][0][0] if words["day"] else "20260610"
    return {
        "agency": [{"agency_id": "a", "agency_name": "a", "agency_url": "http://a", "agency_timezone": "Europe/Paris"}],
        "routes": [
            {"route_id": line, "route_short_name": line, "route_type": "0" if line in trams else "3"}
            for trams in [{line for line, *_ in words["tram"]}]
            for line in dict.fromkeys(["1", *lines.values()])
        ],
        "stops": [
            {
                "stop_id": name,
                "stop_name": name,
                "stop_lat": place.split()[0],
                "stop_lon": place.split()[1],
                "location_type": str(int(name in parents.values())),
                "parent_station": parents.get(name, ""),
            }
            for name, place in places.items()
        ],
        "trips": [
            {
                "trip_id": trip,
                "route_id": lines.get(trip, "1"),
                "service_id": services.get(trip, day),
                "block_id": blocks.get(trip, ""),
            }
            for trip, *_ in words["trip"]
        ],
        "stop_times": [row for trip, *calls in words["trip"] for row in build_calls(trip, calls)],
        "transfers": [build_transfer(row) for row in words["transfer"]] + [build_rule(row) for row in words["rule"]],
        "frequencies": [dict(zip_longest(frequencies, row, fillvalue="")) for row in words["frequency"]],
        "calendar_dates": [
            {"service_id": one, "date": one, "exception_type": "1"} for one in {day, *services.values()}
        ],
    }


def build_transfer(row: list[str]) -> dict[str, str]:
    """A row of transfers.txt from its cells."""
    columns = ("from_stop_id", "to_stop_id", "transfer_type", "min_transfer_time", "from_trip_id", "to_trip_id")
    return {column: cell.strip("-") for column, cell in zip_longest(columns, row, fillvalue="")}


def build_rule(row: list[str]) -> dict[str, str]:
    """A row of transfers.txt that says who arrives and who leaves."""
    a, b, kind, *sides = row
    found = build_transfer([a, b, *kind.split("/")])
    for side, text in zip(("from", "to"), sides, strict=True):
        for part in text.split(",") if text != "any" else ():
            what, name = part.split(":")
            found[f"{side}_{'trip' if what == 'trip' else 'route'}_id"] = name
    return found


def build_calls(trip: str, calls: list[str]) -> list[dict[str, str]]:
    """Rows of stop_times.txt from stops and times in turn; - is no time."""
    rows = []
    for n, (stop, clock) in enumerate(zip(calls[::2], calls[1::2], strict=True)):
        name, _, closed = stop.rstrip(")").partition("(")
        arrival, _, departure = clock.partition("-")  # "-" alone: neither
        times = {"arrival_time": write_clock(arrival), "departure_time": write_clock(departure or arrival)}
        doors = {
            "pickup_type": str(int("on" in closed.split(","))),
            "drop_off_type": str(int("off" in closed.split(","))),
        }
        rows.append({"trip_id": trip, "stop_id": name, "stop_sequence": str(n)} | times | doors)
    return rows


def read_door(text: str, side: str) -> str:
    """The pickup_type ("on") or drop_off_type ("off") of a call."""
    words = dict(word.partition(":")[::2] for word in text.split(","))
    return {"": "1", "phone": "2", "driver": "3"}[words[side]] if side in words else "0"


def write_clock(text: str) -> str:
    """HH:MM:SS of HH:MM."""
    return text and text + ":00" * (2 - text.count(":"))


def read_wishes(words: Words, tables: dict[str, list[dict[str, str]]]) -> Wishes:
    """The wishes of an example; those of nobody when it has none."""
    prices: dict[str, dict[str, int]] = defaultdict(dict)
    for what, *rest in words["price"]:
        prices[what] |= {rest[0] if len(rest) > 1 else "": int(rest[-1])}
    kinds = {"trip_id": words["without"], "stop_id": words["closed"]}
    left = {
        column: frozenset(row[column] for row in tables[f"{column[:-3]}s"]) - {name for row in rows for name in row}
        for column, rows in kinds.items()
        if rows
    }
    paid = Prices(prices["walk"].get("", 0), prices["trip"], prices["stop"], prices["kilometre"])
    return Wishes(
        routes=frozenset(words["ride"][0]) if words["ride"] else None,
        trips=left.get("trip_id"),
        stops=left.get("stop_id"),
        walk_factor=last(words, "walk-factor", float) or 1.0,
        longest_walk=last(words, "longest-walk", int),
        min_change=last(words, "min-change", int) or 0,
        slack=last(words, "slack", int) or 0,
        prices=paid if words["price"] else None,
        vias=tuple(Stay(dict(read_near(near) for near in stops), int(stay)) for stay, *stops in words["via"]),
    )


def read_near(text: str) -> tuple[str, tuple[int, int]]:
    """A stop beside a place, and the walks to the place and from it."""
    stop, *walks = text.split("/")
    to, back = (int(seconds) for seconds in walks or ("0", "0"))
    return stop, (to, back)


def last(words: Words, word: str, kind: type[Any]) -> Any:  # noqa: ANN401  a number of the kind asked for
    """The number behind a word, if the example has it."""
    return kind(words[word][-1][0]) if words[word] else None


def on_the_day(text: str) -> str:
    """A time of the day of the examples, if it names no other."""
    return text if "T" in text else f"2026-06-10T{text}"


def parse_local(text: str) -> int:
    """Seconds since 1970 of a local time."""
    moment = datetime.fromisoformat(on_the_day(text))
    return int((moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo("Europe/Paris"))).timestamp())


def open_example(example: Example) -> tuple[GeneralOracle, Question]:
    """The exhaustive search of an example, and its question."""
    case = example.case
    oracle = GeneralOracle(case.files, Options(case.link_metres, case.change_seconds, case.footpaths))
    query = oracle.parse_query(case.queries[0])
    origins, targets = (oracle.places.meaning[name] for name in (query.from_stop, query.to_stop))
    alone = oracle.walk_alone(query)
    walk = example.walk if example.walk is not None else alone[0] if alone else None
    return oracle, Question(
        {stop: seconds for stop, (seconds, _) in oracle.shortest(origins, leaving=True).items()},
        {stop: seconds for stop, (seconds, _) in oracle.shortest(targets, leaving=False).items()},
        query.time,
        query.window,
        query.arrive,
        query.max_transfers,
        None if example.wishes.vias else walk,
        example.wishes,
    )
