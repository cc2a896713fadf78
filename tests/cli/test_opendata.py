"""What ``mobigo opendata`` says on the command line."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psycopg
from click.testing import CliRunner
from tests.feed_text import files, pack

from mobigo.cli.main import mobigo
from mobigo.db.engine import libpq_conninfo
from mobigo.kit.errors import NotFound
from mobigo.opendata import store
from mobigo.opendata.making import Publisher
from mobigo.opendata.service import Press
from mobigo.transit.load import load_gtfs

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_a_licence_is_said_of_known_sources_only_and_lists_are_narrow(
    database_url: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOBIGO_DATABASE_URL", database_url)
    monkeypatch.setenv("MOBIGO_HOME", str(home))
    long = "a-network-whose-name-is-about-as-long-as-any"
    assert load_gtfs(pack(tmp_path / "feed.zip", files()), long, database_url, now=NOW).status == "active"

    unknown = CliRunner().invoke(mobigo, ["opendata", "licence", "nope", "ODbL-1.0"]).exception
    assert isinstance(unknown, NotFound)
    assert str(unknown).startswith("no source 'nope': no feed, no register and no service")
    assert str(unknown).endswith(f"; there are {long}")
    assert "ODbL-1.0" in CliRunner().invoke(mobigo, ["opendata", "licence", long, "ODbL-1.0"]).output
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        assert set(store.list_source_licences(connection)) == {long}

    Press(database_url, home, Publisher("La Région", "https://region.example"), NOW).publish()
    listed = CliRunner().invoke(mobigo, ["opendata", "list"], env={"COLUMNS": "200"}).output
    column = "".join(line.strip().split("  ")[0] for line in listed.splitlines())
    assert f"timetables-{long}" in column  # what is long goes on in the next line
    assert max(len(line) for line in listed.splitlines()) <= 100
