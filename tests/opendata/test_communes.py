"""Communes by their addresses, and what lies in them."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import shapely
from tests.conftest import new_database

from mobigo.db.engine import libpq_conninfo
from mobigo.kit.geo import Point
from mobigo.ondemand.catalogue import build_catalogue
from mobigo.opendata.commune_map import draw_commune
from mobigo.opendata.commune_offer import find_offer
from mobigo.opendata.communes import Commune, Here, find_here, list_communes, match_communes

if TYPE_CHECKING:
    from collections.abc import Iterator

PLACES = """
    INSERT INTO place (id, kind, name, label, commune, folded, words, importance, lon, lat, stop_ids) VALUES
    ('commune/n1', 'commune', 'Alise', 'Alise', 'Alise', 'alise', ' alise', 0.6, 4.00, 47.00, '{s:a}'),
    ('commune/n2', 'commune', 'Brain', 'Brain', 'Brain', 'brain', ' brain', 0.6, 4.10, 47.00, '{}'),
    ('commune/n3', 'commune', 'Brain', 'Brain', 'Brain', 'brain', ' brain', 0.6, 5.10, 47.00, '{}'),
    ('commune/n4', 'commune', 'Ville', 'Ville', 'Ville', 'ville', ' ville', 0.9, 4.05, 47.00, '{}'),
    ('street/x', 'address', 'Rue', 'Rue', 'Alise', 'rue', ' rue', 0.2, 4.00, 47.00, '{}')
"""
KNOWN = """
    INSERT INTO osm_place_versions
        (version, osm_type, osm_id, kind, name, population, postcode, insee, min_zoom, geom) VALUES
    (1, 'node', 1, 'village', 'Alise', 300, '21150', '21008', 10, ST_SetSRID(ST_MakePoint(4.00, 47), 4326)),
    (1, 'node', 4, 'city', 'Ville', 90000, NULL, 'wrong', 5, ST_SetSRID(ST_MakePoint(4.05, 47), 4326))
"""


@pytest.fixture(scope="module")
def connection(test_cluster: str) -> Iterator[psycopg.Connection[Any]]:
    with new_database(test_cluster) as url, psycopg.connect(libpq_conninfo(url)) as connection:
        connection.execute(PLACES)
        connection.execute(
            "INSERT INTO osm_extract (id, name, hash, loaded_at, counts, report) OVERRIDING SYSTEM VALUE"
            " VALUES (1, 'x', 'x', now(), '{}', '{}')"
        )
        for table in ("osm_place", "osm_area"):
            connection.execute(f"CREATE TABLE {table}_1 PARTITION OF {table}_versions FOR VALUES IN (1)".encode())
        connection.execute(KNOWN)
        connection.execute("INSERT INTO osm_active (version) VALUES (1) ON CONFLICT (one) DO UPDATE SET version = 1")
        yield connection
        connection.rollback()


def by_id(connection: psycopg.Connection[Any]) -> dict[str, Commune]:
    return {one.id: one for one in list_communes(connection)}


def test_each_commune_has_an_address_of_its_own(connection: psycopg.Connection[Any]) -> None:
    found = list_communes(connection)
    assert [one.key for one in found] == ["21008", "brain-n2", "brain-n3", "ville"]
    assert (found[0].population, found[0].postcode, found[0].stop_ids) == (300, "21150", ("s:a",))


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        ("21008", ["commune/n1"]),
        ("alise", ["commune/n1"]),
        ("ALISE", ["commune/n1"]),
        ("n1", ["commune/n1"]),
        ("brain", ["commune/n2", "commune/n3"]),
        ("brain-n3", ["commune/n3"]),
        ("Brain", ["commune/n2", "commune/n3"]),
        ("nothing", []),
        ("", []),
        ("wrong", []),
    ],
)
def test_addresses_are_understood(connection: psycopg.Connection[Any], asked: str, ids: list[str]) -> None:
    assert [one.id for one in match_communes(list_communes(connection), asked)] == ids


def test_without_an_outline_the_nearest_centre_counts_and_a_city_reaches_farther(
    connection: psycopg.Connection[Any],
) -> None:
    communes = by_id(connection)
    near_alise, between, beyond = Point(4.005, 47.0), Point(4.02, 47.0), Point(4.6, 47.0)
    alise, city = find_here(connection, communes["commune/n1"]), find_here(connection, communes["commune/n4"])
    assert alise.outline is None
    points = [near_alise, between, beyond]
    assert alise.choose(connection, points) == {near_alise}
    assert city.choose(connection, points) == {between}  # 2.3 km from the city, 1.5 km from the village
    assert alise.choose(connection, []) == set()


def test_an_outline_says_what_lies_in_it(connection: psycopg.Connection[Any]) -> None:
    here = Here(by_id(connection)["commune/n1"], shapely.box(3.99, 46.99, 4.01, 47.01))
    assert here.choose(connection, [Point(4.0, 47.005), Point(4.02, 47.0)]) == {Point(4.0, 47.005)}


def test_school_lines_are_told_without_doors_and_pupils(connection: psycopg.Connection[Any]) -> None:
    connection.execute("INSERT INTO school_year (id, first, last) VALUES ('2026-2027', '2026-09-01', '2027-07-05')")
    connection.execute(
        "INSERT INTO school_school (year, id, name, level) VALUES ('2026-2027', 'S', 'Collège du Parc', 'college')"
    )
    connection.execute(
        "INSERT INTO school_stop (year, id, name, lat, lon, open) VALUES ('2026-2027', 'A', 'Mairie', 47, 4.001, true),"
        " ('2026-2027', 'door-7', 'Chez Paul', 47, 4.001, true), ('2026-2027', 'F', 'Loin', 47, 5.1, true)"
    )
    connection.execute(
        "INSERT INTO school_circuit (year, id, name, locked) VALUES ('2026-2027', 'C1', 'Circuit 1', false),"
        " ('2026-2027', 'C2', 'Circuit 2', false), ('2026-2027', 'C3', 'Circuit 3', false)"
    )
    connection.execute(
        "INSERT INTO school_run (year, id, circuit, trip, weekdays, riders) SELECT '2026-2027', 'R' || n, 'C' || n,"
        " 'morning', '{1}', 'all' FROM generate_series(1, 3) AS n"
    )
    connection.execute(
        "INSERT INTO school_call (year, run, position, at, stop, school) VALUES ('2026-2027', 'R1', 1, 0, 'A', NULL),"
        " ('2026-2027', 'R1', 2, 9, NULL, 'S'), ('2026-2027', 'R2', 1, 0, 'door-7', NULL),"
        " ('2026-2027', 'R2', 2, 9, NULL, 'S'), ('2026-2027', 'R3', 1, 0, 'F', NULL)"
    )
    here = find_here(connection, by_id(connection)["commune/n1"])
    empty = build_catalogue([], "none")
    offer = find_offer(connection, here, empty, frozenset(), stops=[], today=date(2026, 11, 23))
    assert [(one.id, one.stops, one.schools) for one in offer.school_lines] == [
        ("C1", ("Mairie",), ("Collège du Parc",))
    ]
    summer = find_offer(connection, here, empty, frozenset(), stops=[], today=date(2026, 8, 1))
    assert summer.school_lines == offer.school_lines
    over = find_offer(connection, here, empty, frozenset(), stops=[], today=date(2027, 8, 1))
    assert over.school_lines == ()


def test_a_map_shows_what_is_in_the_frame(connection: psycopg.Connection[Any]) -> None:
    here = Here(by_id(connection)["commune/n1"], shapely.box(3.98, 46.99, 4.02, 47.01))
    sketch = draw_commune(connection, here, [("stop", "1", Point(4.0, 47.0)), ("centre", "", Point(4.0, 47.0))])
    (stop, _) = sketch.marks
    assert (stop.x, stop.y) == (pytest.approx(sketch.width / 2, abs=1), pytest.approx(sketch.height / 2, abs=1))
    assert sketch.layers[0][0] == "outline"
    assert 150 < sketch.kilometre < 250
