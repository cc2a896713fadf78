"""A crowd whose every move in October 2026 is known to the tests, and noted as the system notes it."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from mobigo.kit.geo import Point
from mobigo.kit.grid import cell_at

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from psycopg import Connection

MONTH = date(2026, 10, 1)
DAYS = [MONTH + timedelta(days=number) for number in range(31)]

COMMUNES = {
    "21231": Point(5.0415, 47.3220),
    "21054": Point(4.8400, 47.0240),
    "25056": Point(6.0241, 47.2378),
    "89387": Point(3.2800, 48.2000),
    "58300": Point(3.9000, 47.1000),
}
HAMLET = "58300"
"""Where one traveller lives."""


@dataclass(frozen=True)
class Traveller:
    """Somebody with habits."""

    name: str
    home: str
    work: str
    line: str
    stop: str
    leaves: int
    """Hour."""
    keen: float
    """How often they travel."""


def gather(number: int, seed: int) -> list[Traveller]:
    """Gather a crowd; the last two are the one of the hamlet and one who never stops."""
    drawn = random.Random(seed)
    homes = [one for one in COMMUNES if one != HAMLET]
    crowd = [
        Traveller(
            f"account:{one}",
            drawn.choices(homes, (9, 4, 1, 1))[0],
            drawn.choices(homes, (9, 4, 1, 1))[0],
            drawn.choices(("l1", "l2", "l3"), (8, 3, 1))[0],
            drawn.choices(("a", "b", "c", "d"), (6, 3, 1, 1))[0],
            drawn.choices((7, 8, 12, 17), (6, 4, 2, 2))[0],
            drawn.random(),
        )
        for one in range(number)
    ]
    return [
        *crowd,
        Traveller("account:hamlet", HAMLET, "21231", "l3", "d", 7, 1.0),
        Traveller("account:tireless", "21231", "21054", "l1", "a", 7, 9.0),
    ]


def mask(kind: str, name: str, day: date) -> bytes:
    """Mask as `mobigo.trace.masks` does; the secret of a day is its name here."""
    return blake2b(f"{kind}:{name}".encode(), digest_size=8, key=day.isoformat().encode()).digest()


def note(connection: Connection[Any], crowd: Collection[Traveller], seed: int) -> None:
    """Note the crowd's month: searches there and back, boardings, refusals on demand, offers of places in cars."""
    searches, rides = [], []
    for one in crowd:
        drawn = random.Random(f"{one.name} {seed}")  # nobody's moves depend on who else there is
        for day in DAYS:
            searches += _ask(one, day, drawn)
            rides += _ride(one, day, drawn)
    with connection.cursor() as cursor:
        with cursor.copy("COPY trace_search FROM STDIN") as copy:
            for row in searches:
                copy.write_row(row)
        with cursor.copy("COPY trace_ride FROM STDIN") as copy:
            for row in rides:
                copy.write_row(row)
    connection.execute(
        "INSERT INTO usage_day SELECT day, 'any', now(), true FROM generate_series(%s::date, %s::date, '1 day') AS day",
        [DAYS[0], DAYS[-1]],
    )


def _ask(one: Traveller, day: date, drawn: random.Random) -> Iterator[tuple[object, ...]]:
    who = mask("search", one.name, day)
    for _ in range(round(one.keen * drawn.random() * 3)):
        ends = [one.home, one.work]
        hour = one.leaves
        if drawn.random() < 0.5:
            ends.reverse()
            hour = min(one.leaves + 9, 23)
        cells = [cell_at(Point(COMMUNES[end].lon + drawn.gauss(0, 0.01), COMMUNES[end].lat)) for end in ends]
        outcome, reason = ("answered", "") if drawn.random() < 0.8 else ("unanswered", "no_service")
        later = day + timedelta(days=drawn.choice((0, 0, 1, 6)))
        yield (day, 6, who, *cells, later, hour * 60, False, outcome, reason, 900, 60, 0, "{bus}", False)


def _ride(one: Traveller, day: date, drawn: random.Random) -> Iterator[tuple[object, ...]]:
    if drawn.random() > one.keen:
        return
    for service, deed, source in (
        ("transit", "boarded", "bus"),
        ("transit", "boarded", "bus"),
        ("ondemand", "refused", "tad"),
        ("carpool", "offered", "klaxit"),
    ):
        if service != "transit" and drawn.random() < 0.6:
            continue
        cells = [cell_at(COMMUNES[end]) for end in (one.home, one.work)]
        yield (
            day, one.leaves, deed, service, mask(service, one.name, day), source, one.line, f"{one.line}-{one.leaves}",
            1, one.stop, 4, *cells, 1, "adult", "ticket", "full" if deed == "refused" else "", 150,
        )  # fmt: skip


def without(connection: Connection[Any], one: Traveller) -> None:
    """Take a traveller out of all notes."""
    whos = [mask(kind, one.name, day) for day in DAYS for kind in ("search", "transit", "ondemand", "carpool")]
    for table in ("trace_search", "trace_ride"):
        connection.execute(f"DELETE FROM {table} WHERE who = ANY (%s)".encode(), [whos])


def load_communes(connection: Connection[Any]) -> None:
    """Put the communes in, by their centres."""
    connection.execute(
        "INSERT INTO osm_extract (id, name, hash, loaded_at, counts, report) OVERRIDING SYSTEM VALUE"
        " VALUES (1, 'test', 'x', now(), '{}', '{}')"
    )
    connection.execute("CREATE TABLE osm_place_1 PARTITION OF osm_place_versions FOR VALUES IN (1)")
    connection.execute("CREATE TABLE osm_area_1 PARTITION OF osm_area_versions FOR VALUES IN (1)")
    for number, (insee, point) in enumerate(COMMUNES.items(), start=1):
        connection.execute(
            "INSERT INTO osm_place_versions (version, osm_type, osm_id, kind, name, population, insee, min_zoom, geom)"
            " VALUES (1, 'node', %s, 'town', %s, 1000, %s, 5, ST_SetSRID(ST_MakePoint(%s, %s), 4326))",
            [number, f"Town {insee}", insee, *point],
        )
    connection.execute("UPDATE osm_active SET version = 1")
