"""Carpool lines: the six that ship, what the staff writes over them and takes back, their metres."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from click.testing import CliRunner
from shapely.geometry import Point as ShapelyPoint
from shapely.geometry import shape
from sqlalchemy.orm import Session
from tests.carpool.served import MORNING, village
from tests.street_text import lonlat, write_osm

from mobigo.accounts.model import Role
from mobigo.carpool import lines
from mobigo.cli.main import mobigo
from mobigo.db.engine import libpq_conninfo
from mobigo.db.session import driver
from mobigo.kit.geo import Point
from mobigo.osm.load import load_osm
from mobigo.street.drives import Drives
from mobigo.street.store import read_graph

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.carpool.served import Served

    from mobigo.carpool.model import LineStop

VILLAGE = """
a 0 0
b 1000 0
c 1000 1000
d 0 1000
1: a b  highway=residential
2: b c  highway=residential
3: c d  highway=residential
"""

PUBLISHED = {
    "sens-auxerre": 53_000,
    "ancy-le-franc-dijon": 110_000,
    "saulieu-chatillon-sur-seine": 80_000,
    "epoisses-les-laumes": 30_000,
    "besancon-fuans-maiche": 51_000,
    "baume-les-dames-avoudrey": 33_000,
}


@pytest.fixture(scope="module")
def place(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with village(test_cluster, tmp_path_factory.mktemp("home")) as found:
        yield found


@pytest.fixture
def served(place: Served) -> Served:
    place.reset()
    return place


@pytest.fixture(scope="module")
def unchanged(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The same for all questions that are refused."""
    with village(test_cluster, tmp_path_factory.mktemp("home")) as found:
        yield found


def staff(served: Served, method: str, path: str, body: object = None, role: Role = Role.CARPOOL) -> tuple[int, Any]:
    return served.say("boss", method, path, body, role=role)


def write_line(**changes: object) -> dict[str, Any]:
    """Write the document of a line of two stops."""
    stops = [
        {"id": "a", "name": "A", "lat": 47.5, "lon": 4.2},
        {"id": "b", "name": "B", "lat": 47.5, "lon": 4.3},
    ]
    return {"name": "A to B", "stops": stops, **changes}


def test_six_lines_ship_with_their_published_lengths(served: Served) -> None:
    status, answer = served.say("anybody", "GET", "/lines")
    assert status == 200
    found = {line["id"]: line for line in answer["lines"]}
    assert {id_: line["published_metres"] for id_, line in found.items()} == PUBLISHED
    for id_, line in found.items():
        assert line["demonstration"] is True
        assert line["revision"] == 0
        assert line["guarantee"]["wait_minutes"] == 20
        metres = [stop["metres"] for stop in line["stops"]]
        assert metres == sorted(metres)
        assert (line["metres"] == PUBLISHED[id_]) == (id_ != "besancon-fuans-maiche")
    fuans = next(stop for stop in found["besancon-fuans-maiche"]["stops"] if stop["id"] == "fuans")
    assert fuans["metres"] == 51_000
    assert [one["name"] for one in found["epoisses-les-laumes"]["directions"]] == ["Les Laumes", "Époisses"]
    assert found["epoisses-les-laumes"]["open_now"] is True  # a Monday at seven


def test_every_stop_that_ships_lies_in_the_commune_of_its_name(test_data: Path) -> None:
    outlines = json.loads(gzip.decompress((test_data / "bfc" / "communes.geojson.gz").read_bytes()))
    communes = {one["properties"]["name"]: shape(one["geometry"]) for one in outlines["features"]}
    communes["Les Laumes"] = communes["Venarey-les-Laumes"]
    for line in lines.shipped().values():
        for stop in line.stops:
            assert communes[stop.name].contains(ShapelyPoint(*stop.point)), stop.name


def test_where_streets_are_loaded_metres_are_those_of_the_road(database_url: str, tmp_path: Path) -> None:
    line = lines.shipped()["epoisses-les-laumes"]
    assert lines.measure(line, Drives(None)) is line
    load_osm(write_osm(tmp_path, VILLAGE), database_url, now=MORNING)
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        roads = Drives(read_graph(connection))
    assert lines.measure(line, roads) is line  # no street leads there
    corners = [Point(*lonlat(x, y)) for x, y in ((10, 0), (1000, 500), (10, 1000))]
    there = replace(line, id="x", stops=tuple(map(put, line.stops, corners)))
    metres = [stop.metres for stop in lines.measure(there, roads).stops]
    assert metres == [0, pytest.approx(1490, abs=3), pytest.approx(2980, abs=3)]


def put(stop: LineStop, point: Point) -> LineStop:
    return replace(stop, point=point)


def test_a_line_that_is_written_is_there_and_can_be_driven(served: Served) -> None:
    status, written = staff(served, "PUT", "/lines/a-b", write_line(length=10_000))
    assert (status, written["revision"], written["written_by"]) == (200, 1, "boss")
    line = served.say("anybody", "GET", "/lines/a-b")[1]
    assert (line["metres"], line["published_metres"], line["hours"], line["open_now"]) == (10_000, 10_000, [], False)
    served.know("dora")
    run = served.say("dora", "POST", "/runs", {"line": "a-b", "seats": 2, "departs_at": "2026-11-23T08:00:00+01:00"})[1]
    assert [stop["metres"] for stop in run["stops"]] == [0, 10_000]


def test_metres_that_are_told_are_those_that_count(served: Served) -> None:
    body = write_line()
    body["stops"][0]["metres"], body["stops"][1]["metres"] = 0, 8_765
    staff(served, "PUT", "/lines/a-b", body)
    assert served.say("anybody", "GET", "/lines/a-b")[1]["metres"] == 8_765


def test_changes_are_counted_taken_back_and_never_lost(served: Served) -> None:
    way = "/lines/epoisses-les-laumes"
    assert staff(served, "PUT", way, write_line(), role=Role.DESK)[0] == 403
    assert staff(served, "PUT", way, write_line(), role=Role.TRAVELLER)[0] == 403
    assert staff(served, "PUT", f"{way}?revision=1", write_line())[1]["code"] == "changed_meanwhile"
    assert staff(served, "PUT", f"{way}?revision=0", write_line())[1]["revision"] == 1
    assert staff(served, "PUT", f"{way}?revision=0", write_line())[1]["code"] == "changed_meanwhile"
    assert staff(served, "DELETE", way)[1]["withdrawn"] is True
    assert served.say("anybody", "GET", way)[1]["code"] == "unknown_line"
    assert staff(served, "DELETE", way)[1]["code"] == "unknown_line"
    assert staff(served, "POST", f"{way}/undo")[1]["revision"] == 3
    assert served.say("anybody", "GET", way)[1]["name"] == "A to B"
    assert staff(served, "POST", f"{way}/undo?to=0")[1]["document"] is None
    assert served.say("anybody", "GET", way)[1]["metres"] == 30_000
    assert staff(served, "POST", f"{way}/undo?to=9")[1]["code"] == "unknown_line"
    history = staff(served, "GET", f"{way}/history", role=Role.AUDITOR)[1]["history"]
    assert [(one["revision"], one["withdrawn"]) for one in history] == [(4, False), (3, False), (2, True), (1, False)]
    assert staff(served, "GET", "/lines/sens-auxerre/history")[1]["history"] == []
    assert staff(served, "PUT", "/lines/export", write_line())[1]["code"] == "invalid_line"
    assert staff(served, "GET", "/lines/nowhere/history")[1]["code"] == "unknown_line"
    assert staff(served, "POST", "/lines/sens-auxerre/undo")[1]["code"] == "unknown_line"


def test_a_new_line_taken_back_to_nothing_is_none(served: Served) -> None:
    staff(served, "PUT", "/lines/a-b", write_line())
    assert staff(served, "POST", "/lines/a-b/undo")[1]["withdrawn"] is True
    assert served.say("anybody", "GET", "/lines/a-b")[0] == 404


def test_what_is_exported_is_imported_as_it_was(served: Served) -> None:
    status, kept = staff(served, "GET", "/lines/export")
    assert (status, len(kept["lines"])) == (200, 6)
    before = served.say("anybody", "GET", "/lines")[1]["lines"]
    assert staff(served, "PUT", "/lines", kept)[0] == 200
    after = served.say("anybody", "GET", "/lines")[1]["lines"]
    assert [{**line, "revision": 0} for line in after] == before
    twice = {"lines": [*kept["lines"], kept["lines"][0]]}
    assert staff(served, "PUT", "/lines", twice)[1]["code"] == "invalid_line"
    assert {line["revision"] for line in served.say("anybody", "GET", "/lines")[1]["lines"]} == {1}  # all or none


@pytest.mark.parametrize(
    "changes",
    [
        {"stops": []},
        {"stops": [{"id": "a", "name": "A", "lat": 47, "lon": 4}]},
        {"stops": [{"id": "a", "name": "A", "lat": 47, "lon": 4}, {"id": "a", "name": "B", "lat": 48, "lon": 4}]},
        {"stops": [{"id": "a", "name": "A", "lat": 47, "lon": 4}, {"id": "b", "name": "B", "lat": 47, "lon": 4}]},
        {"stops": [{"id": "a", "name": "A", "lat": 97, "lon": 4}, {"id": "b", "name": "B", "lat": 47, "lon": 4}]},
        {
            "stops": [
                {"id": "a", "name": "A", "lat": 47, "lon": 4, "metres": 5},
                {"id": "b", "name": "B", "lat": 48, "lon": 4, "metres": 4},
            ]
        },
        {
            "stops": [
                {"id": "a", "name": "A", "lat": 47, "lon": 4, "metres": 0},
                {"id": "b", "name": "B", "lat": 8, "lon": 4},
            ]
        },
        {"timezone": "Paris"},
        {"hours": [{"weekdays": [0], "first": "09:00", "last": "07:00"}]},
        {"hours": [{"weekdays": [8], "first": "07:00", "last": "09:00"}]},
        {"guarantee": {"wait_minutes": 0}},
        {"surprise": True},
        {"length": 0},
    ],
)
def test_a_line_that_makes_no_sense_is_refused(unchanged: Served, changes: dict[str, Any]) -> None:
    status, answer = staff(unchanged, "PUT", "/lines/a-b", write_line(**changes))
    assert (status, answer["code"]) == (422, "validation_failed")
    assert unchanged.say("anybody", "GET", "/lines/a-b")[0] == 404


def test_a_stop_may_be_a_place_of_a_register(served: Served) -> None:
    with Session(served.engine) as session, session.begin():
        connection = driver(session)
        connection.execute("INSERT INTO parking_source VALUES ('national', 'x', now(), 1)")
        connection.execute(
            "INSERT INTO parking_place (source, id, kind, name, commune, insee, open, geom) VALUES"
            " ('national', '21023-C-001', 'carpool', 'Aire de Arnay', 'Arnay-le-Duc', '21023', true,"
            " ST_SetSRID(ST_MakePoint(4.490201, 47.1314), 4326))"
        )
    near = staff(served, "GET", "/carpool-places?near=47.13,4.49")[1]["places"]
    assert [(one["id"], one["name"]) for one in near] == [("21023-C-001", "Aire de Arnay")]
    body = write_line()
    body["stops"][0] = {"id": "arnay", "place": "21023-C-001"}
    assert staff(served, "PUT", "/lines/a-b", body)[0] == 200
    stop = served.say("anybody", "GET", "/lines/a-b")[1]["stops"][0]
    assert (stop["name"], stop["lat"], stop["lon"]) == ("Aire de Arnay", 47.1314, 4.490201)
    body["stops"][0]["place"] = "unheard-of"
    assert staff(served, "PUT", "/lines/a-b", body)[1]["code"] == "invalid_line"
    body["stops"][0] = {"id": "arnay"}
    assert staff(served, "PUT", "/lines/a-b", body)[1]["code"] == "invalid_line"


def test_the_command_line_lists_writes_out_and_reads_back(
    database_url: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert home.is_dir()
    monkeypatch.setenv("MOBIGO_DATABASE_URL", database_url)

    def call(*arguments: str) -> str:
        found = CliRunner().invoke(mobigo, ["carpool", "lines", *arguments])
        return found.output if found.exception is None else str(found.exception)

    file = tmp_path / "lines.json"
    assert "epoisses-les-laumes          3 stops, 30.0 km, revision 0, demonstration" in call()
    assert call("export", "--out", str(file)) == f"6 lines written to {file}\n"
    assert json.loads(file.read_text()) == json.loads(call("--json"))
    assert "epoisses-les-laumes is at revision 1" in call("import", str(file))
    assert "revision 1" in call()
    file.write_text('{"lines": [{"id": "x"}]}')
    assert "holds a line that is none: name" in call("import", str(file))
    file.write_text("[]")
    assert "is not as `carpool lines --json` prints it" in call("import", str(file))
    assert "cannot be written" in call("export", "--out", str(tmp_path / "no" / "where"))
