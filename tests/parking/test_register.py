"""Registers of carpool places: what is read, what is left out, and what of it is used."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.street_text import lonlat, write_osm

from mobigo.db.engine import libpq_conninfo
from mobigo.kit.errors import InvalidInput, NotFound, Refused
from mobigo.kit.geo import Point
from mobigo.osm.load import load_osm
from mobigo.parking.model import Kind, ParkingPlace
from mobigo.parking.register import read_register
from mobigo.parking.service import list_car_parks, load_places, merge, remove_places

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)

HEAD = "id_local,nom_lieu,ad_lieu,com_lieu,insee,type,date_maj,ouvert,source,Xlong,Ylat,nbre_pl,nbre_pmr"
ROW = "C-1,Sortie 6,RD 980,Semur,21603,Sortie d'autoroute,2024-05-01,true,1,4.33,47.49,40,2"


def read(*rows: str, head: str = HEAD) -> tuple[list[ParkingPlace], list[str]]:
    found = read_register("\n".join([head, *rows]).encode(), "bnlc", "places.csv")
    return found.places, [f"{one.line} {one.code} {one.value}" for one in found.findings]


def test_a_place_is_read_with_all_that_is_said_of_it() -> None:
    (place,), findings = read(ROW)
    assert findings == []
    assert place == ParkingPlace(
        "bnlc", "21603-C-1", Kind.CARPOOL, "Sortie 6", "Semur", "21603", 40, 2, True, date(2024, 5, 1),
        Point(4.33, 47.49),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("type_", "kind"),
    [
        ("Aire de covoiturage", Kind.CARPOOL),
        ("Parking relais", Kind.PARK_RIDE),
        ("Sortie d\u2019autoroute", Kind.CARPOOL),  # a typographic apostrophe
        ("PARKING", Kind.CARPOOL),
        ("Auto-stop", Kind.HITCH_HIKING),
        ("Ligne de covoiturage", Kind.HITCH_HIKING),
    ],
)
def test_types_of_the_schema(type_: str, kind: Kind) -> None:
    (place,), _ = read(ROW.replace("Sortie d'autoroute", type_))
    assert place.kind is kind


@pytest.mark.parametrize(
    ("row", "finding"),
    [
        (ROW.replace("Sortie 6", ""), "2 no_name "),
        (ROW.replace("Sortie d'autoroute", "Gare"), "2 unknown_type Gare"),
        (ROW.replace("47.49", "147.49"), "2 bad_position 147.49"),
        (ROW.replace("47.49", "nan"), "2 bad_position nan"),
        (ROW.replace("4.33", ""), "2 bad_position "),
        ("C-1,Sortie 6", "2 unknown_type "),  # a row cut short
    ],
)
def test_a_row_that_cannot_be_used_is_left_out_and_named(row: str, finding: str) -> None:
    assert read(row) == ([], [finding])


def test_an_id_appears_once() -> None:
    places, findings = read(ROW, ROW.replace("Sortie 6", "Sortie 7"))
    assert ([one.name for one in places], findings) == (["Sortie 6"], ["3 duplicate_place 21603-C-1"])


def test_commas_in_numbers_semicolons_and_the_letters_of_windows() -> None:
    text = f"{HEAD};id_lieu\n{ROW};X".replace(",", ";").replace("4.33", "4,33").replace("Semur", "Époisses")
    (place,) = read_register(text.encode("cp1252"), "bnlc", "places.csv").places
    assert (place.id, place.commune, place.point.lon) == ("X", "Époisses", 4.33)


def test_another_table_is_refused_by_its_missing_columns() -> None:
    with pytest.raises(Refused, match="has no column nom_lieu, type, Xlong, Ylat"):
        read_register(b"stop_id,stop_name\n1,A\n", "bnlc", "stops.txt")


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.text(max_size=200).map(lambda text: f"{HEAD}\n{text}".encode())))
def test_whatever_is_in_the_file_it_is_read_or_refused(content: bytes) -> None:
    try:
        read_register(content, "bnlc", "places.csv")
    except Refused as error:
        assert error.code == "broken_register"  # noqa: PT017  what else is raised fails


def place(source: str, id_: str, x: float, *, name: str = "", capacity: int | None = None) -> ParkingPlace:
    at = Point(*lonlat(x, 0))
    return ParkingPlace(source, id_, Kind.CARPOOL, name, "", "", capacity, None, True, None, at)


def test_places_of_two_sources_beside_each_other_are_one_and_say_most_of_themselves() -> None:
    kept = merge([
        place("osm", "way/1", 0),
        place("bnlc", "a", 50, name="Mairie"),  # 50 m from way/1
        place("osm", "node/2", 200, name="Gare", capacity=30),
        place("bnlc", "b", 260, name="Place de la Gare"),  # 60 m from node/2, which knows more
        place("bnlc", "c", 300, name="Stade"),  # 40 m from b, of the same source: another place
    ])  # fmt: skip
    assert [one.id for one in kept] == ["a", "c", "node/2"]


def test_a_register_replaces_its_former_rows_and_only_open_places_take_cars(database_url: str, tmp_path: Path) -> None:
    streets = "a 0 0\nb 100 0\np 5000 0 amenity=parking park_ride=yes name=Gare capacity=12\n1: a b highway=service"
    load_osm(write_osm(tmp_path, streets), database_url, now=NOW)
    file = tmp_path / "places.csv"
    closed = ROW.replace("C-1", "C-2").replace("true", "false")
    post = ROW.replace("C-1", "C-3").replace("Sortie d'autoroute", "Auto-stop")
    file.write_text(f"{HEAD}\n{ROW}\n{closed}\n{post}")
    report = load_places(file, "bnlc", database_url, now=NOW)
    assert (report.status, report.places, report.findings) == ("active", {"carpool": 2, "hitch_hiking": 1}, ())
    assert load_places(file, "bnlc", database_url, now=NOW).status == "unchanged"
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        assert [(one.source, one.id) for one in list_car_parks(connection)] == [
            ("bnlc", "21603-C-1"),
            ("osm", f"node/{ord('p') - 96}"),
        ]
    file.write_text(f"{HEAD}\n{ROW.replace('C-1', 'C-9')}\n")
    load_places(file, "bnlc", database_url, now=NOW)
    remove_places("bnlc", database_url)
    with pytest.raises(NotFound, match="no register 'bnlc'"):
        remove_places("bnlc", database_url)
    with pytest.raises(InvalidInput, match="'osm' cannot name a register"):
        load_places(file, "osm", database_url, now=NOW)


def test_a_broken_register_leaves_the_former_one(database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "places.csv"
    file.write_text(f"{HEAD}\n{ROW}\n")
    load_places(file, "bnlc", database_url, now=NOW)
    file.write_text("<html>503</html>")
    with pytest.raises(Refused):
        load_places(file, "bnlc", database_url, now=NOW)
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        assert [one.id for one in list_car_parks(connection)] == ["21603-C-1"]


def test_the_places_of_the_region_are_read_to_the_last(test_data: Path) -> None:
    file = test_data / "bfc" / "lieux-covoiturage.csv"
    found = read_register(file.read_bytes(), "bnlc", file.name)
    kinds = [one.kind for one in found.places]
    assert (len(kinds), kinds.count(Kind.CARPOOL), kinds.count(Kind.PARK_RIDE)) == (392, 165, 6)
    assert found.findings == []
