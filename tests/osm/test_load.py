from __future__ import annotations

import bz2
import gzip
import zipfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psycopg
import pytest
from tests.street_text import osm_text, write_osm

from mobigo.db.engine import libpq_conninfo
from mobigo.kit.errors import Conflict, MobigoError, Refused
from mobigo.osm.load import load_osm
from mobigo.osm.store import find_active_extract, lock_loading

if TYPE_CHECKING:
    from pathlib import Path

    from mobigo.osm.report import LoadReport

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)

CROSSING = """
a 0 0
b 100 0
c 200 0
d 100 100 barrier=bollard
e 100 200
1: a b c  highway=residential name=Rue_de_l'Église
2: b d e  highway=service oneway=yes
"""


def load(text: str | Path, url: str, folder: Path) -> LoadReport:
    path = write_osm(folder, text) if isinstance(text, str) else text
    return load_osm(path, url, now=NOW)


def rows(url: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(libpq_conninfo(url)) as connection:
        return connection.execute(query.encode()).fetchall()


def test_ways_are_cut_where_streets_meet_and_at_barriers(database_url: str, tmp_path: Path) -> None:
    report = load(CROSSING, database_url, tmp_path)
    assert report.status == "active"
    assert (report.counts["ways"], report.counts["nodes"], report.counts["edges"]) == (2, 5, 4)
    edges = rows(database_url, "SELECT way_id, round(metres), foot, bicycle, car, name FROM street_edge ORDER BY id")
    church = "Rue de l'Église"
    assert edges == [
        (1, 100, 3, 3, 3, church),
        (1, 100, 3, 3, 3, church),
        (2, 100, 3, 1, 1, None),
        (2, 100, 3, 1, 1, None),
    ]
    assert rows(database_url, "SELECT passable, osm_id FROM street_node WHERE passable <> 7") == [(3, 4)]
    assert rows(database_url, "SELECT round(ST_Length(geom::geography)) FROM street_edge WHERE id = 0") == [(100,)]


def test_names_places_areas_and_lines_go_to_their_tables(database_url: str, tmp_path: Path) -> None:
    text = """
    a 0 0
    b 100 0
    c 100 100
    d 0 100
    p 50 50 place=village name=Époisses population=1_200 ref:INSEE=21247
    s 60 50 addr:housenumber=4bis addr:street=Grande_Rue
    k 70 50 amenity=pharmacy
    q 80 50 amenity=bench
    1: a b  highway=residential name=Grande_Rue
    2: a b c d a  landuse=forest name=Bois
    3: a c  railway=rail
    4: b d  waterway=stream name=Armançon
    5: a b c a  building=yes shop=bakery name=Pain
    """
    counts = load(text, database_url, tmp_path).counts
    assert {name: counts[name] for name in ("places", "addresses", "pois", "areas", "lines")} == {
        "places": 1, "addresses": 1, "pois": 2, "areas": 2, "lines": 2,
    }  # fmt: skip
    assert rows(database_url, "SELECT kind, name, insee FROM osm_place") == [("village", "Époisses", "21247")]
    # no addr:city: the town is the nearest place
    assert rows(database_url, "SELECT housenumber, street, city FROM osm_address") == [
        ("4bis", "Grande_Rue", "Époisses")
    ]
    assert rows(database_url, "SELECT kind, name FROM osm_poi ORDER BY kind") == [
        ("bakery", "Pain"),
        ("pharmacy", None),
    ]
    assert rows(database_url, "SELECT kind, round(square_metres / 1000) FROM osm_area ORDER BY kind") == [
        ("building", 5),
        ("forest", 10),
    ]
    assert rows(database_url, "SELECT class, kind FROM osm_line ORDER BY kind") == [
        ("railway", "rail"),
        ("waterway", "stream"),
    ]
    assert rows(database_url, "SELECT name, round(metres) FROM osm_street") == [("Grande Rue", 100)]


def test_park_and_ride_is_kept_with_its_places_and_streets_with_what_wheels_find(
    database_url: str, tmp_path: Path
) -> None:
    text = """
    a 0 0
    b 100 0 kerb=raised
    c 100 100
    p 50 50 amenity=parking park_ride=yes name=Gare capacity=40 capacity:disabled=2
    q 60 50 amenity=car_pooling capacity=plenty
    r 70 50 amenity=parking
    1: a b  highway=footway wheelchair=yes
    2: b c  highway=steps
    3: a b c a  amenity=parking park_ride=train
    """
    load(text, database_url, tmp_path)
    assert rows(
        database_url, "SELECT osm_type, kind, name, capacity, disabled FROM osm_parking ORDER BY osm_type, osm_id"
    ) == [
        ("node", "park_ride", "Gare", 40, 2),
        ("node", "carpool", None, None, None),
        ("way", "park_ride", None, None, None),
    ]
    assert rows(database_url, "SELECT way_id, wheelchair FROM street_edge ORDER BY way_id") == [(1, 1), (2, 3)]
    assert rows(database_url, "SELECT osm_id, passable FROM street_node WHERE passable <> 7") == [(2, 15)]


def test_restrictions_are_stored_with_the_modes_they_bind(database_url: str, tmp_path: Path) -> None:
    text = """
    a 0 0
    b 100 0
    c 200 0
    d 100 100
    1: a b  highway=residential
    2: b c  highway=residential
    3: b d  highway=residential
    r: 1 b 3 no_left_turn
    r: 1 b 3 no_left_turn except=bicycle
    r: 1 3 only_straight_on via=2
    r: 1 b 3 nonsense
    """
    report = load(text, database_url, tmp_path)
    assert report.counts["restrictions"] == 3
    found = rows(
        database_url, "SELECT kind, via_node IS NULL, via_ways, modes FROM turn_restriction ORDER BY relation_id"
    )
    assert found == [
        ("no_left_turn", False, [], 6),
        ("no_left_turn", False, [], 4),
        ("only_straight_on", True, [2], 6),
    ]


@pytest.mark.parametrize(("suffix", "pack"), [(".osm.gz", gzip.compress), (".osm.bz2", bz2.compress), (".pbf", None)])
def test_every_format_is_told_by_its_content(suffix: str, pack: object, database_url: str, tmp_path: Path) -> None:
    path = tmp_path / f"streets{suffix}"
    # whatever the name says: plain XML called .pbf loads too
    path.write_bytes(pack(osm_text(CROSSING).encode()) if callable(pack) else osm_text(CROSSING).encode())
    assert load(path, database_url, tmp_path).counts["ways"] == 2


def test_the_same_file_again_changes_nothing(database_url: str, tmp_path: Path) -> None:
    first = load(CROSSING, database_url, tmp_path)
    again = load(CROSSING, database_url, tmp_path)
    assert (again.status, again.version) == ("unchanged", first.version)


def test_a_new_extract_replaces_the_former_one_and_its_tables(database_url: str, tmp_path: Path) -> None:
    load(CROSSING, database_url, tmp_path)
    second = load(CROSSING.replace("200", "300"), database_url, tmp_path)
    assert rows(database_url, "SELECT count(*), max(round(metres)) FROM street_edge") == [(4, 200)]
    assert rows(database_url, "SELECT id FROM osm_extract") == [(second.version,)]
    partitions = rows(database_url, "SELECT count(*) FROM pg_inherits i JOIN pg_class c ON c.oid = inhparent"
                                    " WHERE relname = 'street_edge_versions'")  # fmt: skip
    assert partitions == [(1,)]


XML = osm_text(CROSSING).encode()
BROKEN = {
    "empty": b"",
    "blank": b"  \n",
    "text": b"hello world",
    "html": b"<!DOCTYPE html><html><body>404</body></html>",
    "cut": XML[: len(XML) // 2],
    "cut gzip": gzip.compress(XML)[:-40],
    "not gzip": b"\x1f\x8b" + b"\0" * 100,
    "cut bzip2": bz2.compress(XML)[:-40],
    "bad coordinate": XML.replace(b'lon="5.0000000"', b'lon="abc"'),
    "no streets": XML.replace(b"highway", b"lowway"),
    "no nodes": XML.replace(b"<node", b"<!-- <node").replace(b"</node>", b"</node> -->"),
    "changes": b"<?xml version='1.0'?><osmChange version='0.6'><create/></osmChange>",
    "bad id": XML.replace(b'way id="1"', b'way id="one"'),
    "nothing in it": b"<?xml version='1.0'?><osm version='0.6'></osm>",
    "pbf head": b"\0\0\0\x0d\x0a\x09OSMHeader\x18\x7b" + b"\xff" * 200,
}


def test_a_broken_file_is_refused_in_a_sentence_and_changes_nothing(database_url: str, tmp_path: Path) -> None:
    former = load(CROSSING, database_url, tmp_path)
    path = tmp_path / "broken.osm.pbf"
    for name, content in BROKEN.items():
        path.write_bytes(content)
        with pytest.raises(MobigoError) as caught:
            load(path, database_url, tmp_path)
        assert "broken.osm.pbf" in str(caught.value), name
        assert rows(database_url, "SELECT version FROM osm_active") == [(former.version,)]
    assert rows(database_url, "SELECT count(*) FROM street_edge") == [(4,)]
    assert rows(database_url, "SELECT count(*) FROM pg_class WHERE relname LIKE 'street_edge_v_'") == [(1,)]


def test_a_feed_is_not_an_extract(database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "feed.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("stops.txt", "stop_id\n")
    with pytest.raises(Refused, match="load gtfs"):
        load(path, database_url, tmp_path)


def test_a_truncated_pbf_is_refused(test_data: Path, database_url: str, tmp_path: Path) -> None:
    whole = (test_data / "pairs/heidelberg/heidelberg.osm.pbf").read_bytes()
    for share in (0.1, 0.5, 0.99):
        path = tmp_path / "cut.osm.pbf"
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(MobigoError, match=r"cut\.osm\.pbf"):
            load(path, database_url, tmp_path)


def test_a_node_that_is_nowhere_on_earth_is_no_node(database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "far.osm"
    path.write_bytes(XML.replace(b'lat="47.0000000"', b'lat="99.0"', 1))
    assert [finding.code for finding in load(path, database_url, tmp_path).findings] == ["way_cut"]


def test_nodes_missing_at_the_edge_of_an_extract_shorten_the_way(database_url: str, tmp_path: Path) -> None:
    text = "\n".join(line for line in CROSSING.splitlines() if not line.startswith("c "))
    report = load(text, database_url, tmp_path)
    assert report.counts["edges"] == 3
    assert [finding.code for finding in report.findings] == ["way_cut"]


def test_a_way_cut_in_the_middle_becomes_two(database_url: str, tmp_path: Path) -> None:
    text = """
    a 0 0
    b 100 0
    d 300 0
    e 400 0
    1: a b c d e  highway=residential
    """
    load(text, database_url, tmp_path)
    assert rows(database_url, "SELECT from_node <> to_node, round(metres) FROM street_edge") == [
        (True, 100),
        (True, 100),
    ]
    assert rows(database_url, "SELECT count(*) FROM street_node") == [(4,)]


def test_files_need_not_be_sorted(database_url: str, tmp_path: Path) -> None:
    lines = osm_text(CROSSING).splitlines()
    nodes = [line for line in lines if line.startswith("<node")]
    others = [line for line in lines[2:-1] if not line.startswith("<node")]
    path = tmp_path / "unsorted.osm"
    path.write_text("\n".join([*lines[:2], *reversed(others), *reversed(nodes), lines[-1]]))
    assert load(path, database_url, tmp_path).counts["edges"] == 4


def test_text_with_tabs_and_backslashes_arrives_as_it_was(database_url: str, tmp_path: Path) -> None:
    load(CROSSING.replace("Rue_de_l'Église", "A\\B"), database_url, tmp_path)
    assert rows(database_url, "SELECT DISTINCT name FROM street_edge WHERE name IS NOT NULL") == [("A\\B",)]


def test_two_loads_at_once_do_not_meet(database_url: str, tmp_path: Path) -> None:
    with (
        psycopg.connect(libpq_conninfo(database_url)) as connection,
        lock_loading(connection),
        pytest.raises(Conflict, match="another extract"),
    ):
        load(CROSSING, database_url, tmp_path)


def test_readers_are_not_locked_out_by_a_load(database_url: str, tmp_path: Path) -> None:
    load(CROSSING, database_url, tmp_path)
    with psycopg.connect(libpq_conninfo(database_url)) as reader:
        before = find_active_extract(reader)
        assert before is not None
        # a reader in the middle of its transaction holds locks on the views it read
        reader.execute("SELECT count(*) FROM osm_place").fetchone()
        reader.commit()
        load(CROSSING.replace("200", "300"), database_url, tmp_path)
        after = find_active_extract(reader)
        assert after is not None
        assert after.version > before.version


def test_rhein_neckar_loads_completely(test_data: Path, database_url: str) -> None:
    report = load_osm(test_data / "pairs/rhein-neckar/rnv.osm.pbf", database_url, now=NOW)
    assert report.counts["ways"] == 37_344
    assert report.dropped == {}
    assert [finding.code for finding in report.findings] == ["wrong_box"]
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        extract = find_active_extract(connection)
    assert extract is not None
    west, south, east, north = extract.box or (0, 0, 0, 0)
    assert (west, south, east, north) == pytest.approx((8.1, 49.3, 8.8, 49.6), abs=0.15)
