"""Use as data sets: what was opened is put out and checked again; observed times stay when their notes are gone."""

from __future__ import annotations

import csv
import gzip
import io
import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.feed_text import files, pack
from tests.usage import crowd
from tests.usage.crowd import DAYS, MONTH

from mobigo.db.engine import libpq_conninfo
from mobigo.kit.errors import NotFound
from mobigo.opendata import store
from mobigo.opendata.licences import find_licence
from mobigo.opendata.making import Publisher
from mobigo.opendata.model import SourceLicence
from mobigo.opendata.service import Outcome, Press
from mobigo.opendata.shelf import Shelf
from mobigo.transit.load import load_gtfs
from mobigo.usage import opening
from mobigo.usage import store as usage_store
from mobigo.usage.disclosure import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
KEY = bytes(range(32))
TABLES = ("demand", "rides", "refusals")


@pytest.fixture
def press(database_url: str, tmp_path: Path) -> Press:
    return Press(database_url, tmp_path, Publisher("La Région", "https://region.example"), NOW)


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(libpq_conninfo(database_url), autocommit=True) as connection:
        yield connection


def open_october(connection: psycopg.Connection[Any]) -> None:
    people = crowd.gather(150, seed=3)
    with connection.transaction():
        crowd.load_communes(connection)
        crowd.note(connection, people, seed=3)
        for day in DAYS:
            opening.note_day(connection, usage_store.read_notes(connection, day))
        opening.open_month(connection, MONTH, Rule(), KEY, NOW)


def read(press: Press, connection: psycopg.Connection[Any], dataset: str) -> dict[str, bytes]:
    standing = store.find_standing(connection, dataset)
    assert standing is not None
    assert standing.current is not None
    return {piece.name: Shelf(press.home).find(piece.sha256).read_bytes() for piece in standing.current.pieces}


def test_months_that_are_open_are_published_with_their_schemas(
    press: Press, connection: psycopg.Connection[Any]
) -> None:
    assert "usage" not in [one.dataset for one in press.publish()]
    open_october(connection)
    (done,) = press.publish(["usage"])
    assert done.outcome is Outcome.PUBLISHED, done.problems
    found = read(press, connection, "usage")
    assert set(found) == {
        "days.csv", "days.schema.json",
        *(f"{table}{end}" for table in TABLES for end in ("-2026-10.csv", ".parquet", ".schema.json")),
    }  # fmt: skip
    days = [*csv.DictReader(io.StringIO(found["days.csv"].decode()))]
    assert {"month": "2026-10", "day_type": "all", "days": "31", "fewest": "6", "step": "5"} in days
    assert sum(int(one["days"]) for one in days) == 2 * 31
    rows = [*csv.DictReader(io.StringIO(found["rides-2026-10.csv"].decode()))]
    assert rows
    assert pl.read_parquet(io.BytesIO(found["rides.parquet"])).height == len(rows)
    assert {row["line"] for row in rows} <= {"bus:l1", "bus:l2", "bus:l3", "l1", "l2", "l3", "other"}
    for table in TABLES:
        schema = json.loads(found[f"{table}.schema.json"])
        assert all(field["description"] for field in schema["fields"])
    assert press.publish(["usage"])[0].outcome is Outcome.UNCHANGED


def test_a_table_that_tells_too_much_is_not_put_online(press: Press, connection: psycopg.Connection[Any]) -> None:
    header = "month,day_type,service,deed,source,line,stop,band,travellers"
    first = "2026-10,school_day,transit,boarded,bus,bus:l1,bus:a,06-09,30"
    connection.execute(
        "INSERT INTO usage_open_month VALUES ('2026-10-01', %s, '{\"\": 31}', now())", [Jsonb(asdict(Rule()))]
    )
    for table, columns in (
        ("demand", "month,day_type,outcome,origin,destination,band,travellers"),
        ("refusals", "month,day_type,service,source,reason,origin,destination,band,travellers"),
        ("rides", header),
    ):
        connection.execute(
            "INSERT INTO usage_open_table VALUES ('2026-10-01', %s, 0, %s)",
            [table, gzip.compress(f"{columns}\n".encode())],
        )
    for row, why in (
        ("2026-10,school_day,transit,boarded,bus,bus:l1,bus:z,06-09,5", "too low"),
        ("2026-10,school_day,transit,boarded,bus,bus:l1,other,other,20", "too low"),
        ("2026-10,school_day,transit,boarded,bus,bus:l1,bus:z,06-09,31", "not rounded"),
        (first, "twice"),
        ("2026-10,school_day,transit,boarded,bus,bus:l1,bus:z,06-09", "row_length"),
    ):
        packed = gzip.compress(f"{header}\n{first}\n{row}\n".encode())
        connection.execute("UPDATE usage_open_table SET file = %s WHERE layout = 'rides'", [packed])
        (done,) = press.publish(["usage"])
        assert done.outcome is Outcome.FAILED
        assert why in " ".join(f"{one.code} {one.sample}" for one in done.problems)


# ── vehicles ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def seen(press: Press, connection: psycopg.Connection[Any], tmp_path: Path) -> None:
    """A network, and how its trips kept their times on the first two days of October."""
    load_gtfs(pack(tmp_path / "bus.zip", files()), "bus", press.database, now=NOW)
    licence = SourceLicence("bus", find_licence("ODbL-1.0"), "Town Buses", published=True, said_at=NOW)
    store.set_source_licence(connection, licence)
    connection.execute(
        "INSERT INTO usage_day SELECT day, 'school_day', now(), true"
        " FROM generate_series(%s::date, %s::date, '1 day') AS day",
        [MONTH, DAYS[-1]],
    )
    for day in DAYS[:2]:
        connection.execute(
            "INSERT INTO trace_call VALUES"
            " (%(day)s, 'bus', '1', 't1', 1, 'gare', 25200, 25200, NULL, 61, false, 2, 17),"
            " (%(day)s, 'bus', '1', 't1', 2, 'lac', 26400, 26400, 400, NULL, false, NULL, NULL),"
            " (%(day)s, 'bus', '1', 't2', 1, 'lac', 96000, 96000, NULL, NULL, true, NULL, NULL)",
            {"day": day},
        )
        connection.execute(
            "INSERT INTO usage_punctuality VALUES (%s, 'bus', '1', 'gare', 7, 1, 0, 0, 1, 0, 0, 61)", [day]
        )


@pytest.mark.usefixtures("seen")
def test_times_are_told_as_they_were_seen_under_the_licence_of_their_source(
    press: Press, connection: psycopg.Connection[Any]
) -> None:
    (done,) = press.publish(["observed-bus"])
    assert done.outcome is Outcome.PUBLISHED, done.problems
    standing = store.find_standing(connection, "observed-bus")
    assert standing
    assert standing.current
    assert standing.current.said.licence == "ODbL-1.0"
    assert standing.current.said.attributions == ("Town Buses",)
    found = read(press, connection, "observed-bus")
    lines = gzip.decompress(found["observed-2026-10.csv.gz"]).decode().splitlines()
    assert lines[0] == (
        "day,line,trip,stop_sequence,stop,arrival,departure,arrival_delay,departure_delay,cancelled,occupancy"
    )
    assert lines[1:4] == [
        "2026-10-01,bus:1,bus:t1,1,bus:gare,25200,25200,,61,false,2",
        "2026-10-01,bus:1,bus:t1,2,bus:lac,26400,26400,400,,false,",
        "2026-10-01,bus:1,bus:t2,1,bus:lac,96000,96000,,,true,",
    ]
    assert len(lines) == 7
    table = pl.read_parquet(io.BytesIO(found["observed-2026-10.parquet"]))
    assert table.equals(pl.read_csv("\n".join(lines).encode(), schema=table.schema))
    assert found["punctuality-2026-10.csv"].decode().splitlines()[1:] == [
        "2026-10,school_day,bus:1,bus:gare,7,2,0,0,2,0,0,122"
    ]


@pytest.mark.usefixtures("seen")
def test_a_month_stays_when_its_notes_are_forgotten_and_the_next_one_joins_it(
    press: Press, connection: psycopg.Connection[Any]
) -> None:
    press.publish(["observed-bus"])
    october = read(press, connection, "observed-bus")
    connection.execute("DELETE FROM trace_call")
    connection.execute("DELETE FROM usage_punctuality")
    assert press.publish(["observed-bus"])[0].outcome is Outcome.UNCHANGED
    later = DAYS[-1] + timedelta(days=30)
    connection.execute("INSERT INTO usage_day VALUES (%s, 'school_day', now(), true)", [later])
    connection.execute(
        "INSERT INTO trace_call VALUES (%s, 'bus', '1', 't1', 1, 'gare', 25200, 25200, NULL, 0, false, NULL, NULL)",
        [later],
    )
    connection.execute("INSERT INTO usage_punctuality VALUES (%s, 'bus', '1', 'gare', 7, 1, 0, 0, 1, 0, 0, 0)", [later])
    assert press.publish(["observed-bus"])[0].outcome is Outcome.PUBLISHED
    both = read(press, connection, "observed-bus")
    assert {name: both[name] for name in october} == october
    assert "observed-2026-11.parquet" in both


@pytest.mark.usefixtures("seen")
def test_a_source_that_is_not_to_be_published_is_not(press: Press, connection: psycopg.Connection[Any]) -> None:
    hidden = SourceLicence("bus", find_licence("ODbL-1.0"), "", published=False, said_at=NOW)
    store.set_source_licence(connection, hidden)
    with pytest.raises(NotFound):
        press.publish(["observed-bus"])
