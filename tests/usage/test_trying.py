"""A trial from the draft in the database to what came of it: on streets, with a network built beside."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from tests.conftest import new_database
from tests.journeys.conftest import FEED as VALLEY
from tests.journeys.conftest import NOW, STREETS
from tests.street_text import lonlat, osm_text

from mobigo.db.engine import libpq_conninfo
from mobigo.journeys.snapshot import build_network
from mobigo.kit.clock import Clock
from mobigo.kit.errors import Conflict, MobigoError, Refused
from mobigo.kit.geo import Point
from mobigo.kit.grid import cell_at
from mobigo.osm.load import load_osm
from mobigo.transit.load import load_gtfs
from mobigo.usage import drafts
from mobigo.usage import drafts_store as store
from mobigo.usage.draft import Document, read_changes
from mobigo.usage.drafts import Author, Wanted
from mobigo.usage.trial_told import list_figures, say_trial
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

    def attempt(self, *changes: dict[str, Any], **wanted: Any) -> dict[str, Any]:  # noqa: ANN401 - of `Wanted`
        """Try changes as a draft; what came of it."""
        name = f"essai {len(store.list_drafts(self.connection))}"
        one = drafts.make_draft(self.connection, Document(name=name, changes=read_changes(list(changes))), AUTHOR)
        asked = Wanted(**({"first": TUESDAY, "last": TUESDAY, "days": (TUESDAY,)} | wanted))
        number = drafts.ask_trial(self.connection, one.id, asked, AUTHOR)
        run_trial(lambda: psycopg.connect(libpq_conninfo(self.url), autocommit=True), number, self.home, Clock())
        return store.get_result(self.connection, number)


@pytest.fixture(scope="module")
def land(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Land]:
    """The valley, loaded and built once."""
    folder = tmp_path_factory.mktemp("land")
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


def counts(result: dict[str, Any]) -> dict[str, int]:
    """Return the people of each verdict that has some."""
    return {name: round(one["value"]) for name, one in result["verdicts"].items() if round(one["value"])}


def test_a_draft_that_changes_nothing_changes_nothing(land: Land) -> None:
    land.note((TUESDAY, 6, 400, 9_600, 20), (TUESDAY, 15, 9_600, 400, 5), (TUESDAY, 20, 9_600, 400, 5))
    result = land.attempt()
    assert counts(result) == {"same": 25, "none": 5}
    assert result["people"] == result["questions"] == 30
    assert result["whole"]
    assert result["minutes"]["weighed"] == {"value": 0, "error": 0}
    assert result["co2"]["grams"]["value"] == 0
    assert result["supply"]["lines"] == []
    assert all(value == 0 for name, value in list_figures(result).items() if name not in {"people", "same", "none"})
    assert say_trial(result)[0].en == "Nothing changes for any of 30 people."


def test_adding_and_removing_is_nothing(land: Land) -> None:
    land.note((TUESDAY, 6, 400, 9_600, 10))
    line = {
        "kind": "add_line",
        "id": "n",
        "name": "N",
        "stops": [{"stop": "val:amont"}, {"stop": "val:aval", "after": 5}],
        "there": {"every": [{"first": "06:55", "last": "08:55", "minutes": 10}]},
    }
    removed = {"kind": "remove_trips", "which": {"line": "draft:n"}}
    result = land.attempt(line, removed)
    assert counts(result) == {"same": 10}
    assert result["supply"]["lines"] == []
    added = land.attempt(line)
    assert counts(added) == {"better": 10}
    assert [one["line"] for one in added["supply"]["lines"]] == ["draft:n"]
    ran = added["supply"]["lines"][0]["draft"]
    assert (ran["runs"], ran["seconds"]) == (13, 13 * 300)
    assert ran["metres"] == pytest.approx(13 * 9_200 * 1.3, rel=0.01)


def test_a_bus_an_hour_earlier_serves_others(land: Land) -> None:
    # `early` leaves at 7:30: those of 6 o'clock take it, those of 4 o'clock have nothing within two hours
    land.note((TUESDAY, 6, 400, 9_600, 8), (TUESDAY, 4, 400, 9_600, 6))
    moved = {"kind": "move_trips", "which": {"trips": ["val:early"]}, "minutes": -120}
    result = land.attempt(moved)
    assert counts(result) == {"lost": 8, "new": 6}
    by_name = {one["name"]: one for one in result["communes"]}
    assert by_name["Amont"]["people"] == 14
    assert (by_name["Amont"]["lost"], by_name["Amont"]["new"]) == (8, 6)
    assert {
        (one["origin_name"], one["destination_name"], one["verdict"], one["people"]) for one in result["relations"]
    } == {
        ("Amont", "Aval", "lost", 8),
        ("Amont", "Aval", "new", 6),
    }
    told = [one.fr for one in say_trial(result)]
    assert any("perdent le trajet" in one for one in told)
    assert any(one.startswith("De Amont à Aval, entre 06:00 et 07:00") for one in told)
    # who has no journey drives: 8 people lose a bus, 6 gain one
    assert result["co2"]["grams"]["value"] > 0
    assert [one["line"] for one in result["lines"]] == ["val:L"]
    assert (result["lines"][0]["people_today"], result["lines"][0]["people_draft"]) == (8, 6)


def test_a_moved_trip_does_what_loading_the_moved_feed_does(land: Land, tmp_path: Path) -> None:
    demand = [
        (TUESDAY, hour, start, end, 4) for hour in (6, 7, 10, 11, 16) for start, end in ((400, 9600), (9600, 400))
    ]
    land.note(*demand)
    by_draft = land.attempt({"kind": "move_trips", "which": {"trips": ["val:early", "val:back"]}, "minutes": -13})
    moved = (
        *(("07:30:00,07:30:00", "07:17:00,07:17:00"), ("07:32:00,07:33:00", "07:19:00,07:20:00")),
        *(("07:45:00,07:45:00", "07:32:00,07:32:00"), ("16:30:00,16:30:00", "16:17:00,16:17:00")),
        ("16:45:00,16:45:00", "16:32:00,16:32:00"),
    )
    for name, text in feed(moved).items():
        (tmp_path / name).write_text(text)
    try:
        assert load_gtfs(tmp_path, "val", land.url, now=NOW).status == "active"
        build_network(land.url, land.home, NOW)
        back = land.attempt({"kind": "move_trips", "which": {"trips": ["val:early", "val:back"]}, "minutes": 13})
    finally:
        for name, text in feed().items():
            (tmp_path / name).write_text(text)
        load_gtfs(tmp_path, "val", land.url, now=NOW)
        build_network(land.url, land.home, NOW)
    # what the move does there, moving back undoes
    mirrored = {"better": "worse", "worse": "better", "new": "lost", "lost": "new"}
    assert counts(by_draft) != {"same": 40}
    assert {mirrored.get(name, name): people for name, people in counts(by_draft).items()} == counts(back)
    for what in ("weighed", "duration", "wait"):
        assert by_draft["minutes"][what]["value"] == pytest.approx(-back["minutes"][what]["value"])
    assert by_draft["co2"]["grams"]["value"] == -back["co2"]["grams"]["value"]


def test_a_zone_serves_where_no_bus_goes(land: Land) -> None:
    land.note((TUESDAY, 20, 9_600, 400, 6))
    corners = [lonlat(x, y) for x, y in ((-500, -900), (10_500, -900), (10_500, 900), (-500, 900), (-500, -900))]
    zone = {
        "kind": "open_zone",
        "id": "z",
        "name": "Tout le Val",
        "area": {"type": "Polygon", "coordinates": [corners]},
        "hours": [{"first": "06:00", "last": "22:00"}],
    }
    result = land.attempt(zone)
    assert counts(result) == {"new": 6}
    (line,) = result["supply"]["lines"]
    assert (line["line"], line["service"], line["draft"]["runs"]) == ("draft:z", "ondemand", 6)
    assert line["draft"]["cents"] > 0
    assert counts(land.attempt(zone, {"kind": "close_zone", "service": "draft:z"})) == {"none": 6}
    late = land.attempt(
        zone, {"kind": "change_hours", "service": "draft:z", "hours": {"first": "06:00", "last": "19:00"}}
    )
    assert counts(late) == {"none": 6}


def test_drawn_demand_tells_its_error_and_the_same_seed_the_same(land: Land) -> None:
    land.note((TUESDAY, 6, 400, 9_600, 600), (TUESDAY, 4, 400, 9_600, 400))
    moved = {"kind": "move_trips", "which": {"trips": ["val:early"]}, "minutes": -120}
    result = land.attempt(moved, questions=50)
    assert result["questions"] == 50
    assert not result["whole"]
    lost = result["verdicts"]["lost"]
    assert abs(lost["value"] - 600) <= lost["error"] < 200
    assert land.attempt(moved, questions=50) == result


# ── refused ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_draft_that_cannot_be_made_is_not_tried_and_says_why(land: Land) -> None:
    land.note((TUESDAY, 7, 400, 9_600, 10))
    with pytest.raises(Refused, match="there is no line 'val:Z'") as refused:
        land.attempt({"kind": "remove_trips", "which": {"line": "val:Z"}})
    assert refused.value.code == "invalid_draft"


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"first": date(2026, 3, 1), "last": date(2026, 3, 2)}, "no_demand"),
        ({"days": (date(2031, 1, 1),)}, "invalid_period"),
        ({"days": (date(2026, 11, 28),)}, "no_demand"),
        ({"first": date(2026, 11, 24), "last": date(2026, 11, 23)}, "invalid_period"),
        ({"questions": 0}, "invalid_input"),
    ],
)
def test_what_cannot_be_asked_is_refused(land: Land, wanted: dict[str, Any], code: str) -> None:
    land.note((TUESDAY, 7, 400, 9_600, 10))
    with pytest.raises(MobigoError) as refused:
        land.attempt({"kind": "remove_trips", "which": {"line": "val:L"}}, **wanted)
    assert refused.value.code == code


def test_a_trial_cancelled_before_it_begins_says_so(land: Land) -> None:
    land.note((TUESDAY, 7, 400, 9_600, 10))
    one = drafts.make_draft(land.connection, Document(name="annulé", changes=[]), AUTHOR)
    number = drafts.ask_trial(land.connection, one.id, Wanted(TUESDAY, TUESDAY, (TUESDAY,)), AUTHOR)
    with pytest.raises(Conflict, match="is being tried"):
        drafts.ask_trial(land.connection, one.id, Wanted(TUESDAY, TUESDAY), AUTHOR)
    drafts.cancel_trial(land.connection, number)
    with pytest.raises(Refused, match="cancelled before anything was planned"):
        run_trial(lambda: psycopg.connect(libpq_conninfo(land.url), autocommit=True), number, land.home, Clock())
    store.fail_trial(land.connection, number, "cancelled", AUTHOR.now)
    with pytest.raises(Conflict, match="cannot be cancelled any more"):
        drafts.cancel_trial(land.connection, number)
    assert not list((land.home / "drafts").iterdir())


def test_revisions_stay_and_come_back(land: Land) -> None:
    moved = {"kind": "move_trips", "which": {"trips": ["val:early"]}, "minutes": -10}
    one = drafts.make_draft(land.connection, Document(name="versions", changes=read_changes([moved])), AUTHOR)
    two = drafts.write_draft(land.connection, one.id, [], AUTHOR, note="vide", seen=1)
    assert two.revision == 2
    with pytest.raises(Conflict, match="is at revision 2, not at 1"):
        drafts.write_draft(land.connection, one.id, [], AUTHOR, seen=1)
    assert drafts.take_back(land.connection, one.id, 1, AUTHOR).revision == 3
    document = drafts.export_draft(land.connection, "versions")
    assert json.loads(document.model_dump_json(exclude_defaults=True))["changes"][0]["minutes"] == -10
    copied = drafts.copy_draft(land.connection, one.id, "copie", AUTHOR)
    assert drafts.export_draft(land.connection, copied.id).changes == document.changes
    with pytest.raises(Conflict, match="already"):
        drafts.copy_draft(land.connection, one.id, "copie", AUTHOR)
    drafts.remove_draft(land.connection, copied.id)
    with pytest.raises(MobigoError, match="there is no draft"):
        drafts.export_draft(land.connection, copied.id)
