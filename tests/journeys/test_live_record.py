"""While live sources are asked, what they say of calls is kept for the record."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from tests.live_provider import message

from mobigo.db.engine import libpq_conninfo
from mobigo.journeys.live_watch import LiveWatch
from mobigo.transit.live_service import add_source
from mobigo.transit.live_store import LiveSource
from mobigo.transit.recorded import Record

if TYPE_CHECKING:
    from pathlib import Path

    from tests.journeys.conftest import Valley

NOW = datetime(2026, 11, 23, 7, 13, tzinfo=UTC)
"""Two minutes before the early bus is to reach Aval."""
AT = int(NOW.timestamp())


class Desk:
    """A valley with one live source, and who watches it."""

    def __init__(self, valley: Valley, folder: Path) -> None:
        self.valley = valley
        self.file = folder / "trips.pb"
        self.watch = LiveWatch(valley.url, valley.home)
        with psycopg.connect(libpq_conninfo(valley.url)) as connection:
            source = LiveSource("val-live", "val", "auto", str(self.file), {}, 5, 300, None, NOW)
            add_source(connection, valley.home, source)

    def say(self, seconds: int, **late: int) -> list[tuple[Any, ...]]:
        """Let the source say how late trips are, so many seconds later; what is on record then."""
        self.file.write_bytes(message(AT + seconds, **late))
        self.watch.run(NOW + timedelta(seconds=seconds))
        with psycopg.connect(libpq_conninfo(self.valley.url)) as connection:
            return connection.execute(
                "SELECT day, source, route, trip, sequence, stop, arrival, departure, arrival_delay, departure_delay"
                " FROM trace_call WHERE NOT cancelled ORDER BY trip, sequence"
            ).fetchall()


@pytest.fixture
def desk(own_valley: Valley, tmp_path: Path) -> Desk:
    return Desk(own_valley, tmp_path)


def test_what_is_said_last_of_a_call_is_on_record(desk: Desk) -> None:
    before = desk.say(0, early=60)
    assert [row[5] for row in before] == ["amont", "aval"]  # Pont is long past when it is first heard of
    after = desk.say(70, early=90)
    assert [row[:8] for row in after] == [row[:8] for row in before]
    assert {row[:4] for row in after} == {(date(2026, 11, 23), "val", "L", "early")}
    assert {late for row in after for late in row[8:] if late is not None} == {90}
    assert desk.say(140) == after  # nothing is said of it any more


def test_a_record_that_fails_takes_no_live_data_away(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Record, "keep", lambda *_: 1 // 0)
    assert desk.say(0, early=60) == []
    assert desk.valley.network().live is not None
