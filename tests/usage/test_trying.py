"""A trial from the draft in the database to what came of it: on streets, with a network built beside."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from tests.journeys.conftest import NOW
from tests.street_text import lonlat
from tests.usage.draft_land import AUTHOR, TUESDAY, feed, open_land

from mobigo.journeys.snapshot import build_network
from mobigo.kit.errors import Conflict, MobigoError, Refused
from mobigo.transit.load import load_gtfs
from mobigo.usage import drafts, trial_work
from mobigo.usage import drafts_store as store
from mobigo.usage.draft import Document, read_changes
from mobigo.usage.drafts import Wanted
from mobigo.usage.many import LOCAL
from mobigo.usage.trial_told import list_figures, say_trial

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.usage.draft_land import Land


@pytest.fixture(scope="module")
def land(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Land]:
    """The valley, loaded and built once."""
    with open_land(test_cluster, tmp_path_factory.mktemp("land")) as land:
        yield land


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


@pytest.mark.slow  # processes are started
def test_processes_of_their_own_find_the_same(land: Land, monkeypatch: pytest.MonkeyPatch) -> None:
    land.note((TUESDAY, 6, 400, 9_600, 40), (TUESDAY, 4, 400, 9_600, 30), (TUESDAY, 15, 9_600, 400, 20))
    moved = {"kind": "move_trips", "which": {"trips": ["val:early"]}, "minutes": -120}
    here = land.attempt(moved)
    monkeypatch.setattr(trial_work, "WORTH", 1)
    assert land.attempt(moved, where=LOCAL) == here


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
        land.run(number)
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
