"""A valley with streets, its buses, and demand recorded by hand: what trials are made on."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import psycopg
from tests.conftest import new_database
from tests.journeys.conftest import FEED as VALLEY
from tests.journeys.conftest import NOW, STREETS
from tests.street_text import lonlat, osm_text

from mobigo.db.engine import libpq_conninfo
from mobigo.journeys.snapshot import build_network
from mobigo.kit.clock import Clock
from mobigo.kit.geo import Point
from mobigo.kit.grid import cell_at
from mobigo.osm.load import load_osm
from mobigo.transit.load import load_gtfs
from mobigo.usage import drafts
from mobigo.usage import drafts_store as store
from mobigo.usage.draft import Document, read_changes
from mobigo.usage.drafts import Author, Wanted
from mobigo.usage.many import HERE
from mobigo.usage.trying import run_trial

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from psycopg import Connection

AUTHOR = Author("plan", datetime(2026, 11, 23, 6, tzinfo=UTC))
TUESDAY = date(2026, 11, 24)
EARLIER = (
    *(("08:00:00,08:00:00", "07:30:00,07:30:00"), ("08:02:00,08:03:00", "07:32:00,07:33:00")),
    *(("08:15:00,08:15:00", "07:45:00,07:45:00"), ("17:00:00,17:00:00", "16:30:00,16:30:00")),
    ("17:15:00,17:15:00", "16:45:00,16:45:00"),
)
"""The two buses that people take leave at half past: whoever wants to leave in the hour before can."""
PLACES = """
n 9600 60 place=village name=Aval population=300
m 400 60 place=village name=Amont population=900
"""


def feed(times: tuple[tuple[str, str], ...] = ()) -> dict[str, str]:
    """Return the feed, some times replaced by others."""
    text = VALLEY["stop_times.txt"]
    for before, after in (*EARLIER, *times):
        assert before in text
        text = text.replace(before, after)
    return VALLEY | {"stop_times.txt": text}


def cell(x: float) -> int:
    """Return the square at metres east of the village."""
    return cell_at(Point(*lonlat(x, 0)))


@dataclass
class Land:
    """A valley with recorded demand."""

    url: str
    home: Path
    connection: Connection[Any]

    def note(self, *rows: tuple[date, int, float, float, int]) -> None:
        """Replace the demand: day, hour, from and to in metres east, people."""
        self.connection.execute("DELETE FROM usage_demand")
        for day, hour, start, end, people in rows:
            self.connection.execute(
                "INSERT INTO usage_demand (asked, day, hour, origin, destination, outcome, reason, searches, people,"
                " seconds, wait) VALUES (%s, %s, %s, %s, %s, 'answered', '', %s, %s, 0, 0)",
                [day, day, hour, cell(start), cell(end), people, people],
            )

    def attempt(self, *changes: dict[str, Any], where: str = HERE, **wanted: Any) -> dict[str, Any]:  # noqa: ANN401 - of `Wanted`
        """Try changes as a draft; what came of it."""
        name = f"essai {len(store.list_drafts(self.connection))}"
        one = drafts.make_draft(self.connection, Document(name=name, changes=read_changes(list(changes))), AUTHOR)
        asked = Wanted(**({"first": TUESDAY, "last": TUESDAY, "days": (TUESDAY,)} | wanted))
        number = drafts.ask_trial(self.connection, one.id, asked, AUTHOR)
        self.run(number, where)
        return store.get_result(self.connection, number)

    def run(self, trial: int, where: str = HERE) -> None:
        """Run a trial that was asked for."""
        run_trial(lambda: psycopg.connect(libpq_conninfo(self.url), autocommit=True), trial, self.home, Clock(), where)


@contextmanager
def open_land(test_cluster: str, folder: Path) -> Iterator[Land]:
    """Load and build the valley in a database of its own."""
    with new_database(test_cluster) as url:
        (folder / "home").mkdir()
        (folder / "feed").mkdir()
        for name, text in feed().items():
            (folder / "feed" / name).write_text(text)
        (folder / "streets.osm").write_text(osm_text(STREETS + PLACES))
        load_osm(folder / "streets.osm", url, now=NOW)
        assert load_gtfs(folder / "feed", "val", url, now=NOW).status == "active"
        build_network(url, folder / "home", NOW)
        with psycopg.connect(libpq_conninfo(url), autocommit=True) as connection:
            yield Land(url, folder / "home", connection)
