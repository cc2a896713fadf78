"""What tests of open data share: a connection, and feeds in service."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from mobigo.db.engine import libpq_conninfo
from mobigo.opendata.gtfs_writer import Part
from mobigo.transit.load import load_gtfs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection to the test's own database."""
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        yield connection


def load(url: str, path: Path, source: str) -> Part:
    """Put a feed in service."""
    report = load_gtfs(path, source, url, now=NOW)
    assert report.status == "active", report.as_text()
    with psycopg.connect(libpq_conninfo(url)) as connection:
        row = connection.execute("SELECT active_version FROM feed WHERE source = %s", [source]).fetchone()
    assert row
    return Part(source, row[0])
