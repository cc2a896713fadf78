"""Squares are placed in communes by outlines, else by the nearest centre, and nowhere when all are far."""

from __future__ import annotations

import psycopg
from tests.usage.hand_counted import ALONE, AT_LAC, AT_SEMUR, SEMUR, load_places

from mobigo.db.engine import libpq_conninfo
from mobigo.kit.geo import Point
from mobigo.kit.grid import NOWHERE, cell_at
from mobigo.usage.communes import list_communes, place_cells


def test_a_square_lies_within_an_outline_or_near_a_centre(database_url: str) -> None:
    beside = cell_at(Point(SEMUR.lon + 0.05, SEMUR.lat))  # nearer to Lac, but within the outline of Semur
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        assert place_cells(connection, [AT_SEMUR]) == {}
        load_places(connection)
        near = cell_at(Point(ALONE.lon + 0.05, ALONE.lat))
        far = cell_at(Point(7.0, 48.5))
        found = place_cells(connection, [AT_SEMUR, AT_LAC, beside, near, far, NOWHERE])
        assert found == {AT_SEMUR: "21603", AT_LAC: "21998", beside: "21998", near: "21999"}
        connection.execute(
            "INSERT INTO osm_area_versions"
            " (version, osm_type, osm_id, kind, name, square_metres, admin_level, min_zoom, geom)"
            " VALUES (1, 'relation', 1, 'administrative', 'Semur', 1e7, 8, 8, ST_Multi(ST_MakeEnvelope("
            "%(west)s, 47.45, 4.42, 47.53, 4326))), (1, 'relation', 2, 'administrative', 'Vide', 1e6, 8, 8,"
            " ST_Multi(ST_MakeEnvelope(5, 47, 5.02, 47.02, 4326)))",
            {"west": SEMUR.lon - 0.02},
        )
        empty = cell_at(Point(5.01, 47.01))
        found = place_cells(connection, [AT_SEMUR, beside, empty])
        assert found == {AT_SEMUR: "21603", beside: "21603", empty: "osm:relation2"}
        communes = list_communes(connection)
        assert {one.name for one in communes.values()} == {"Semur", "Seul", "Vide"}  # Lac lies within Semur's outline
        assert communes["21603"].population == 4380
        assert communes["21603"].place["type"] in {"Polygon", "MultiPolygon"}
