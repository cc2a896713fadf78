"""Services on demand are published as they are in force: what the staff wrote beside what feeds say."""

from __future__ import annotations

import json
import zipfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import gtfs_guru
import polars as pl
import psycopg
import pytest
from tests.feed_text import pack
from tests.ondemand.flex_text import files

from mobigo.db.engine import libpq_conninfo
from mobigo.ondemand import services
from mobigo.ondemand.catalogue import read_catalogue
from mobigo.ondemand.documents import SupplementBody, to_document
from mobigo.ondemand.flex_write import make_extension, make_tables
from mobigo.ondemand.services import Author
from mobigo.opendata import store
from mobigo.opendata.gtfs_writer import NO_FEED, Part, Publisher, write_gtfs
from mobigo.opendata.making import Publisher as DataPublisher
from mobigo.opendata.ondemand_rows import list_staff_sources, make_beside, prefix, read_in_force
from mobigo.opendata.service import Outcome, Press
from mobigo.transit.load import load_gtfs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mobigo.ondemand.documents import ServiceBody
    from mobigo.ondemand.model import Service

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
AUTHOR = Author("Alix", NOW)
REGION = Publisher("La Région", "https://region.example", "fr", "contact@region.example")


@pytest.fixture
def connection(database_url: str, tmp_path: Path) -> Iterator[psycopg.Connection[Any]]:
    load_gtfs(pack(tmp_path / "valley.zip", files()), "valley", database_url, now=NOW)
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        yield connection


def body_of(connection: psycopg.Connection[Any], id_: str) -> ServiceBody:
    body = to_document(read_catalogue(connection).get(id_))
    return type(body).model_validate({**body.model_dump(mode="json"), "operator": None})


def write(connection: psycopg.Connection[Any], path: Path, *sources: str) -> dict[str, int]:
    versions = dict(connection.execute("SELECT source, active_version FROM feed").fetchall())
    parts = [Part(source, versions.get(source, NO_FEED)) for source in sources]
    beside = make_beside(connection, read_in_force(connection, sources), sources)
    return write_gtfs(connection, parts, path, REGION, beside=beside)


def load_back(connection: psycopg.Connection[Any], url: str, path: Path) -> dict[str, Service]:
    """Load an archive as one feed; return its services by the ids they had."""
    found = gtfs_guru.validate(str(path)).to_dict()
    assert [one for one in found["notices"] if one["severity"] == "ERROR"] == []
    connection.commit()
    report = load_gtfs(path, "back", url, now=NOW)
    assert report.status == "active", report.as_text()
    every = read_catalogue(connection).services
    return {id_.removeprefix("back:"): one for id_, one in every.items() if id_.startswith("back:")}


def rows_of(service: Service, source: str = "") -> dict[str, list[tuple[tuple[str, str], ...]]]:
    """Return what a service says, as sorted rows; with a source, ids after it."""
    tables = make_tables([service]) | {"extension": [make_extension(service)]}
    found = {}
    for name, rows in tables.items():
        if source and name == "extension":
            told = [{**row, "route_id": f"{source}:{row['route_id']}"} for row in rows]
        else:
            told = [prefix(name, row, source) for row in rows] if source else rows
        found[name] = sorted(
            tuple(sorted((key, value) for key, value in row.items() if value and key != "agency_id")) for row in told
        )
    return found


def test_what_nobody_changed_is_the_feeds_own(
    connection: psycopg.Connection[Any], database_url: str, tmp_path: Path
) -> None:
    (found,) = read_in_force(connection, ["valley"])
    assert (found.written, found.left_out) == (frozenset(), frozenset())
    beside = make_beside(connection, [found], ["valley"])
    assert beside.rows == {}
    assert beside.zones == []
    before = dict(read_catalogue(connection).services)
    write(connection, tmp_path / "out.zip", "valley")
    back = load_back(connection, database_url, tmp_path / "out.zip")
    assert before.keys() == back.keys()
    for id_, service in before.items():
        assert rows_of(service, "valley") == rows_of(back[id_]), id_


def test_what_the_staff_changed_wrote_and_withdrew_is_published_so(
    connection: psycopg.Connection[Any], database_url: str, tmp_path: Path
) -> None:
    every = sorted(read_catalogue(connection).services)
    changed, gone, *_ = every
    body = body_of(connection, changed)
    for rule in body.booking_rules:
        rule.phone_number = "+33 3 80 00 00 01"
    services.write(connection, read_catalogue(connection), changed, body, AUTHOR)
    own = body_of(connection, changed)
    own.route["route_long_name"] = "Taxis de la vallée"
    services.write(connection, read_catalogue(connection), "taxis:nord", own, AUTHOR)
    services.withdraw(connection, read_catalogue(connection), gone, AUTHOR)
    kept = next(id_ for id_ in every if id_ not in {changed, gone})
    told = SupplementBody.model_validate({"promise": {"pickup_window": 900}})
    services.add(connection, read_catalogue(connection), kept, told, AUTHOR)
    assert list_staff_sources(connection) == ["taxis"]
    before = dict(read_catalogue(connection).services)
    assert write(connection, tmp_path / "taxis.zip", "taxis")["trips"] == len(before["taxis:nord"].trips)
    write(connection, tmp_path / "out.zip", "taxis", "valley")
    write(connection, tmp_path / "again.zip", "taxis", "valley")
    assert (tmp_path / "out.zip").read_bytes() == (tmp_path / "again.zip").read_bytes()
    back = load_back(connection, database_url, tmp_path / "out.zip")
    assert set(back) == {*before}
    assert gone not in back
    assert back[kept].promise.pickup_window == 900
    for id_ in (kept, "taxis:nord"):
        assert rows_of(before[id_], id_.partition(":")[0]) == rows_of(back[id_]), id_
    phones = {rule.phone_number for rule in back[changed].rules.values()}
    assert phones == {"+33 3 80 00 00 01"}
    assert [len(one.calls) for one in back[changed].trips] == [len(one.calls) for one in before[changed].trips]


def test_a_stop_that_is_anothers_is_that_one_where_both_are_published(
    connection: psycopg.Connection[Any], database_url: str, tmp_path: Path
) -> None:
    some = next(id_ for id_, one in sorted(read_catalogue(connection).services.items()) if one.stops)
    own = body_of(connection, some)
    shared = own.stops[0].stop_id
    own.stops[0].same_as = f"valley:{shared}"
    services.write(connection, read_catalogue(connection), "taxis:nord", own, AUTHOR)
    write(connection, tmp_path / "both.zip", "taxis", "valley")
    write(connection, tmp_path / "one.zip", "taxis")
    for name, there in (("both", False), ("one", True)):
        with zipfile.ZipFile(tmp_path / f"{name}.zip") as archive:
            assert (f"taxis:{shared}," in archive.read("stops.txt").decode()) is there
    load_back(connection, database_url, tmp_path / "both.zip")


def test_zones_stand_once(connection: psycopg.Connection[Any], tmp_path: Path) -> None:
    write(connection, tmp_path / "out.zip", "valley")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        ids = [one["id"] for one in json.loads(archive.read("locations.geojson"))["features"]]
    assert ids == sorted(set(ids))


def test_a_source_of_the_staff_alone_is_a_data_set(
    connection: psycopg.Connection[Any], database_url: str, tmp_path: Path
) -> None:
    own = body_of(connection, "valley:feeder")
    services.write(connection, read_catalogue(connection), "taxis:nord", own, AUTHOR)
    services.withdraw(connection, read_catalogue(connection), "valley:line", AUTHOR)
    connection.commit()
    press = Press(database_url, tmp_path, DataPublisher("La Région", "https://region.example"), NOW)
    done = {one.dataset: one for one in press.publish(["timetables-taxis", "timetables-valley"])}
    assert {one.outcome for one in done.values()} == {Outcome.PUBLISHED}, done
    standing = store.find_standing(connection, "timetables-taxis")
    assert standing is not None
    assert standing.current is not None
    assert standing.dataset.title["fr"] == "Horaires À la demande"
    said = standing.current.said
    assert (said.licence, said.counts["trips"], str(said.first_day)) == ("etalab-2.0", 2, "2026-11-02")
    assert said.extent == pytest.approx((4.30, 47.45, 4.40, 47.52))
    pieces = {piece.name: press.shelf.find(piece.sha256) for piece in standing.current.pieces}
    areas = json.loads(pieces["areas.geojson"].read_text())["features"]
    assert [one["properties"]["service"] for one in areas] == ["taxis:nord"]
    assert areas[0]["properties"]["booking"][0]["phone"] == "+33 3 80 00 00 00"
    lines = json.loads(pieces["lines.geojson"].read_text())["features"]
    assert [(one["id"], one["properties"]["agency"]) for one in lines] == [("taxis:nord", "À la demande")]
    valley = store.find_standing(connection, "timetables-valley")
    assert valley is not None
    assert valley.current is not None
    calls = next(press.shelf.find(one.sha256) for one in valley.current.pieces if one.name == "calls.parquet")
    assert set(pl.read_parquet(calls)["trip_id"]).isdisjoint({"valley:v1"})
    connection.rollback()
    assert {one.outcome for one in press.publish(["timetables-taxis"])} == {Outcome.UNCHANGED}


def test_a_feed_of_a_draft_comes_out_as_adopted(
    connection: psycopg.Connection[Any], database_url: str, tmp_path: Path
) -> None:
    """One record of a zone alone, as drafts had it: published are two, to get on and to get off."""
    draft = files(
        trips="route_id,service_id,trip_id\nfeeder,week,alone",
        stop_times="""
            trip_id,stop_sequence,location_id,start_pickup_drop_off_window,end_pickup_drop_off_window,pickup_type,drop_off_type
            alone,1,zone,06:00:00,20:00:00,2,2
        """,
    )
    load_gtfs(pack(tmp_path / "draft.zip", draft), "draft", database_url, now=NOW)
    (found,) = read_in_force(connection, ["draft"])
    assert (found.written, found.left_out) == ({"draft:feeder"}, {"alone"})
    assert write(connection, tmp_path / "out.zip", "draft")["stop_times"] == 2
    back = load_back(connection, database_url, tmp_path / "out.zip")
    (trip,) = back["draft:feeder"].trips
    assert [(call.pickup_type, call.drop_off_type) for call in trip.calls] == [(2, 1), (1, 2)]
