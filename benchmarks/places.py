"""How fast places are found by name, as typed letter by letter, among a million addresses."""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, NamedTuple

import psycopg
from sqlalchemy.orm import Session

from benchmarks.bar import Bar
from mobigo.db import cluster, migrate
from mobigo.db.engine import libpq_conninfo, open_engine
from mobigo.kit.geo import Point
from mobigo.places import service

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMUNES, STREETS, HOUSES = 3_500, 30, 10
"""A region: communes, streets of each, house numbers of each street."""
CITY, TOWN = 30_000, 3_000
"""People, from which a commune is one."""
POPULAR, TAGGED, ASKED = 0.5, 0.7, 0.02
"""Shares: of streets with a name that many have, with the commune in their addresses, and asked for."""
CLEAR = 6
"""Letters from which a text is expected to find something; fewer may be a house number alone."""
LIMIT = 150.0
"""Milliseconds, 95th percentile."""

KINDS = ("Rue", "Rue", "Rue", "Rue", "Avenue", "Place", "Chemin", "Impasse", "Route", "Allée", "Boulevard")
WHAT = (
    "de la Liberté", "de la Gare", "du Général de Gaulle", "Saint-Jean", "de l'Église", "du Moulin", "des Vignes",
    "Victor Hugo", "Pasteur", "du Château", "des Écoles", "Jean Jaurès", "du 8 Mai 1945", "de la République",
    "du Lavoir", "des Tilleuls", "Sainte-Anne", "de la Fontaine", "de la Mairie", "des Prés", "Haute", "Basse", "Neuve",
    "du Stade", "des Jardins", "de l'Œuvre", "Saint-Martin", "du Bois", "du Four", "Émile Zola",
)  # fmt: skip
TAILS = ("", "", "-en-Auxois", "-sur-Seine", "-lès-Dijon", "-le-Château", "-la-Forêt", "-les-Laumes")
FRONTS = ("", "", "", "Saint-", "Sainte-", "Mont", "Ville", "Châtillon-")
SYLLABLES = [
    consonant + vowel for consonant in "bcdfglmnprstv" for vowel in ("a", "e", "i", "o", "ou", "an", "é", "ey")
]


class Region(NamedTuple):
    """Names in the database, and what people may ask for."""

    questions: list[str]
    centre: Point


def fill(connection: psycopg.Connection, communes: int = COMMUNES, seed: int = 1) -> Region:
    """Write an extract and a feed of made-up names over 200 km; STREETS * HOUSES addresses per commune."""
    draw = random.Random(seed)
    place, street, address, poi, stop = [], [], [], [], []
    questions: list[str] = []
    for number in range(communes):
        lon, lat = draw.uniform(3.0, 6.0), draw.uniform(46.2, 48.2)
        name = draw.choice(FRONTS) + "".join(draw.choices(SYLLABLES, k=3)).title() + draw.choice(TAILS)
        people = int(draw.paretovariate(0.8) * 100)
        kind = "city" if people > CITY else "town" if people > TOWN else "village"
        place.append((1, "node", number, kind, name, people, None, _point(lon, lat)))
        questions += [name, f"{name} gare"]
        for at, own in enumerate((f"{name} Gare", "Mairie", "Église", draw.choice(WHAT).title())):
            stop.append((1, len(stop) + 1, f"s{len(stop)}", own, lat + at / 500, lon, _point(lon, lat + at / 500)))
        for _ in range(8):
            title = (
                draw.choice(("École ", "Pharmacie ", "Café ", "Musée ")) + "".join(draw.choices(SYLLABLES, k=3)).title()
            )
            poi.append(
                (1, "node", len(poi), "amenity", "school", title, 16, _point(lon + draw.uniform(-0.02, 0.02), lat))
            )
        ways = set()
        while len(ways) < STREETS:
            surname = "".join(draw.choices(SYLLABLES, k=draw.randint(2, 3))).title()
            ways.add(f"{draw.choice(KINDS)} {draw.choice(WHAT) if draw.random() < POPULAR else surname}")
        for way in sorted(ways):
            x, y = lon + draw.uniform(-0.02, 0.02), lat + draw.uniform(-0.02, 0.02)
            street.append((1, way, 300.0, _point(x, y)))
            city = name if draw.random() < TAGGED else None
            for house in range(HOUSES):
                point = _point(x + house * 1e-4, y)
                address.append((1, "node", len(address), str(house * 2 + 1), way, "21140", city, point))
            if draw.random() < ASKED:
                questions += [f"{way} {name}", f"{draw.randrange(1, 20, 2)} {way}, {name}", way]
    connection.execute(
        "INSERT INTO osm_extract (name, hash, loaded_at, counts, report) VALUES ('made up', '', now(), '{}', '{}')"
    )
    connection.execute("UPDATE osm_active SET version = 1")
    for table in ("osm_place", "osm_street", "osm_address", "osm_poi"):
        connection.execute(f"CREATE TABLE {table}_1 PARTITION OF {table}_versions FOR VALUES IN (1)".encode())
    connection.execute("INSERT INTO feed (source) VALUES ('bus')")
    connection.execute(
        "INSERT INTO feed_version (source, hash, status, origin, loaded_at, counts, report)"
        " VALUES ('bus', '', 'loaded', '', now(), '{}', '{}')"
    )
    connection.execute("UPDATE feed SET active_version = 1")
    _copy(connection, "osm_place_1 (version, osm_type, osm_id, kind, name, population, postcode, geom)", place)
    _copy(connection, "osm_street_1 (version, name, metres, geom)", street)
    _copy(connection, "osm_address_1 (version, osm_type, osm_id, housenumber, street, postcode, city, geom)", address)
    _copy(connection, "osm_poi_1 (version, osm_type, osm_id, class, kind, name, min_zoom, geom)", poi)
    _copy(connection, "stops (version_id, line, stop_id, stop_name, stop_lat, stop_lon, geom)", stop)
    return Region(questions, Point(4.5, 47.2))


def type_letters(questions: list[str], seed: int = 2) -> list[str]:
    """Return what a completing field is asked: beginnings of any length, without accents, some misspelt."""
    draw = random.Random(seed)
    typed = []
    for question in draw.sample(questions, min(200, len(questions))):
        typed += [question[:length] for length in {1, 2, 3, draw.randint(3, len(question)), len(question)}]
        typed.append(question.replace("é", "e").replace("-", " ").lower())
        at = draw.randrange(1, len(question))
        typed.append(question[:at] + draw.choice("aeiou") + question[at + 1 :])
    return typed


def measure(session: Session, region: Region) -> tuple[list[float], float]:
    """Ask everything twice, with and without a place to be near; sorted ms, share of `CLEAR` texts answered."""
    milliseconds, answered, asked = [], [], type_letters(region.questions)
    for near in (None, region.centre):
        for text in asked:
            start = time.perf_counter()
            found = service.find(session, text, near=near)
            milliseconds.append((time.perf_counter() - start) * 1000)
            if len(text) >= CLEAR:
                answered.append(bool(found))
    return sorted(milliseconds), sum(answered) / len(answered)


def bars() -> Iterator[Bar]:
    """Fill a region, gather its names, find places."""
    with _database() as url:
        with psycopg.connect(libpq_conninfo(url), autocommit=True) as connection:
            region = fill(connection)
            connection.execute("ANALYZE")
            start = time.perf_counter()
            counts = service.rebuild(connection)
            seconds = time.perf_counter() - start
        how = f"{counts['house_numbers']:,} addresses, {sum(counts.values()) - counts['house_numbers']:,} other names"
        yield Bar("places.gather", seconds, "s", None, "lower", f"{how}; all names gathered, folded, indexed, switched")
        engine = open_engine(url)
        with Session(engine) as session:
            times, answered = measure(session, region)
        engine.dispose()
        how = f"{len(times):,} questions as typed, a seventh misspelt; {how}"
        yield Bar("places.find.median", median(times), "ms", None, "lower", how)
        yield Bar("places.find.p95", quantiles(times, n=20)[-1], "ms", LIMIT, "lower", how)
        yield Bar("places.find.answered", answered, "of questions", None, "higher", how)


@contextmanager
def _database() -> Iterator[str]:
    """A migrated database on a cluster of its own, which goes afterwards."""
    home = Path(tempfile.mkdtemp(prefix="mobigo-bench-"))
    home.chmod(0o755)  # root's server runs as another user, who must get in
    try:
        cluster.start(home)
        url = cluster.find_url(home)
        assert url
        migrate.upgrade(url)
        yield url
    finally:
        cluster.drop(home)
        shutil.rmtree(home)


def _point(lon: float, lat: float) -> str:
    return f"SRID=4326;POINT({lon:.6f} {lat:.6f})"


def _copy(connection: psycopg.Connection, target: str, rows: list[tuple[object, ...]]) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {target} FROM STDIN".encode()) as copy:
        for row in rows:
            copy.write_row(row)
