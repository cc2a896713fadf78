"""What is written as GTFS and loaded again is what was there; the same content is the same file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import gtfs_guru
from tests.opendata.conftest import load

from mobigo.opendata.gtfs_writer import Part, Publisher, write_gtfs
from mobigo.transit.gtfs import FILES, Kind

if TYPE_CHECKING:
    import psycopg

DEMONSTRATION = Path(__file__).parents[2] / "gtfs/demonstration"
REGION = Publisher("La Région", "https://region.example", "fr", "contact@region.example")


def read_rows(connection: psycopg.Connection[Any], part: Part, *, prefix: str = "") -> dict[str, list[tuple[Any, ...]]]:
    """Read every file of a version with its ids after a prefix."""
    found = {}
    for file in FILES:
        if file.name == "feed_info":
            continue
        cells = ", ".join(
            f"'{prefix}' || {column.name}" if column.kind is Kind.ID and column.name != "record_sub_id" else column.name
            for column in file.columns
        )
        query = f"SELECT {cells} FROM {file.name} WHERE version_id = {part.version}"
        found[file.name] = sorted(connection.execute(query.encode()), key=repr)
    return found


def test_a_feed_comes_back_as_it_was(database_url: str, connection: psycopg.Connection[Any], tmp_path: Path) -> None:
    part = load(database_url, DEMONSTRATION, "demo")
    counts = write_gtfs(connection, [part], tmp_path / "out.zip", REGION)
    assert counts["trips"] > 100
    assert counts["fare_products"]
    back = load(database_url, tmp_path / "out.zip", "back")
    before, after = read_rows(connection, part, prefix="demo:"), read_rows(connection, back)
    assert before.keys() == after.keys()
    for name, rows in before.items():
        assert rows == after[name], name


def test_the_same_content_is_the_same_file(
    database_url: str, connection: psycopg.Connection[Any], tmp_path: Path
) -> None:
    part = load(database_url, DEMONSTRATION, "demo")
    write_gtfs(connection, [part], tmp_path / "one.zip", REGION)
    write_gtfs(connection, [part], tmp_path / "two.zip", REGION)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_an_outside_validator_finds_no_error(
    database_url: str, connection: psycopg.Connection[Any], tmp_path: Path
) -> None:
    part = load(database_url, DEMONSTRATION, "demo")
    write_gtfs(connection, [part], tmp_path / "out.zip", REGION)
    found = gtfs_guru.validate(str(tmp_path / "out.zip")).to_dict()
    assert [one for one in found["notices"] if one["severity"] == "ERROR"] == []


def test_several_sources_in_one_archive(
    database_url: str, connection: psycopg.Connection[Any], tmp_path: Path, test_data: Path
) -> None:
    names = {"ter": "fr-bfc-ter-2025", "divia": "fr-bfc-divia-20231031", "bus71": "fr-bfc-openbus71"}
    parts = [load(database_url, test_data / f"bfc/{file}.gtfs.zip", source) for source, file in names.items()]
    counts = write_gtfs(connection, parts, tmp_path / "out.zip", REGION)
    back = load(database_url, tmp_path / "out.zip", "back")
    after = read_rows(connection, back)
    for name in ("trips", "stop_times", "stops", "calendar_dates", "routes"):
        assert counts[name] == len(after[name]), name
        before = [row for part in parts for row in read_rows(connection, part, prefix=f"{part.source}:")[name]]
        if name != "routes":
            assert sorted(before, key=repr) == after[name], name
